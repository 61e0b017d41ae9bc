//! Legacy completions as a chat of one message: for callers whose model is at a provider that knows chats only. What a chat
//! has no words for (`suffix`, `echo`, `logprobs`, several prompts) is refused, not left out: the answer would be another.
//!
//! Not for bytes that pass, nor for providers: those are told chat completions.

mod read;
mod write;

use super::{CHAT, NAME};
use crate::canon::fields::{self, Field};
use crate::canon::{Answer, Losses, ProviderError, Request};
use crate::dialect::chat::{Asked, Chat, Incoming, ReadStream, Unreadable, Watch, WriteStream, Written};
use portcullis_fault::Fault;

/// The format as a value.
#[derive(Clone, Copy, Debug)]
pub struct Completions;

impl Chat for Completions {
    fn name(&self) -> &'static str {
        NAME
    }

    fn says(&self) -> &'static [Field] {
        &[
            fields::TEMPERATURE,
            fields::TOP_P,
            fields::FREQUENCY_PENALTY,
            fields::PRESENCE_PENALTY,
            fields::SEED,
            fields::LOGIT_BIAS,
            fields::MAX_TOKENS,
            fields::STOP,
            fields::N,
            fields::USER,
            fields::NATIVE,
        ]
    }

    fn read_request(&self, asked: &Incoming<'_>) -> Result<Request, Fault> {
        read::request(asked)
    }

    fn write_request(&self, request: &Request, losses: &mut Losses) -> Result<Written, Fault> {
        CHAT.write_request(request, losses)
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, Unreadable> {
        CHAT.read_answer(body)
    }

    fn write_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8> {
        write::answer(answer, asked)
    }

    fn reader(&self) -> Box<dyn ReadStream> {
        CHAT.reader()
    }

    fn writer(&self, asked: &Asked) -> Box<dyn WriteStream> {
        Box::new(write::Writer::new(asked))
    }

    fn read_error(&self, status: u16, body: &[u8]) -> ProviderError {
        CHAT.read_error(status, body)
    }

    fn write_error(&self, error: &ProviderError, request_id: &str) -> (u16, Vec<u8>) {
        CHAT.write_error(error, request_id)
    }

    fn watch(&self, stream: bool) -> Box<dyn Watch> {
        CHAT.watch(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::Mode;
    use crate::dialect::{anthropic, ollama};
    use crate::translate;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn read(body: &Value) -> Result<Request, String> {
        let body = body.to_string();
        let asked = Incoming { model: None, stream: None, body: body.as_bytes() };
        Completions.read_request(&asked).map_err(|fault| fault.public_detail().to_owned())
    }

    fn asked(body: &Value) -> Asked {
        Asked { id: "c-1".into(), now: 7, request: Arc::new(read(body).unwrap()) }
    }

    #[test]
    fn a_prompt_is_a_users_message() {
        let request = read(&json!({
            "model": "m", "prompt": ["Once"], "stop": "END", "n": 1, "best_of": 1, "echo": false, "suffix": null,
            "logprobs": null, "temperature": 0.5, "user": "u"
        }))
        .unwrap();
        let (written, losses) =
            translate::request(&request, &anthropic::MESSAGES, "claude", Mode::Strict).unwrap();
        let body: Value = serde_json::from_slice(&written.body).unwrap();
        assert_eq!(body["messages"][0]["content"].to_string().matches("Once").count(), 1, "{body}");
        // What is the rule where nothing is said.
        assert_eq!((&body["max_tokens"], &body["stop_sequences"][0]), (&json!(16), &json!("END")));
        assert!(losses.is_empty());
        let bound = read(&json!({ "model": "m", "prompt": "Once", "max_tokens": 99 })).unwrap();
        let (written, _) = translate::request(&bound, &ollama::CHAT, "llama", Mode::Drop).unwrap();
        let body: Value = serde_json::from_slice(&written.body).unwrap();
        assert_eq!(
            (&body["messages"][0]["content"], &body["options"]["num_predict"]),
            (&json!("Once"), &json!(99))
        );
    }

    #[test]
    fn what_is_no_chat_is_refused() {
        for (member, value) in [
            ("suffix", json!("the end")),
            ("echo", json!(true)),
            ("logprobs", json!(0)),
            ("best_of", json!(2)),
            ("prompt", json!(["a", "b"])),
            ("prompt", json!([1, 2])),
            ("prompt", json!([[1], [2]])),
            ("prompt", json!([])),
            ("prompt", json!("")),
            ("prompt", Value::Null),
            ("stop", json!(7)),
            ("logit_bias", json!([])),
        ] {
            let mut body = json!({ "model": "m", "prompt": "Once" });
            body[member] = value;
            let why = read(&body).expect_err(member);
            assert!(why.contains(&format!("`{member}")), "{member}: {why}");
        }
    }

    #[test]
    fn answers_whole_and_streamed() {
        let asked =
            asked(&json!({ "model": "m", "prompt": "Once", "stream_options": { "include_usage": true } }));
        let body = br#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"text","text":" upon"}],"stop_reason":"max_tokens","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":16}}"#;
        let (written, tokens) = translate::answer(&anthropic::MESSAGES, &Completions, body, &asked).unwrap();
        insta::assert_snapshot!(String::from_utf8(written).unwrap(), @r#"{"id":"msg_1","object":"text_completion","created":7,"model":"claude","choices":[{"text":" upon","index":0,"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":16,"total_tokens":19}}"#);
        assert_eq!(tokens.unwrap().output, 16);
        let mut stream = translate::Stream::new(&ollama::CHAT, &Completions, &asked);
        let mut out = Vec::new();
        stream
            .feed(
                b"{\"model\":\"l\",\"created_at\":\"1970-01-01T00:00:09Z\",\"message\":{\"role\":\"assistant\",\"content\":\" up\"},\"done\":false}\n\
                  {\"model\":\"l\",\"created_at\":\"1970-01-01T00:00:09Z\",\"message\":{\"role\":\"assistant\",\"content\":\"on\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":3,\"eval_count\":2}\n",
                &mut out,
            )
            .unwrap();
        stream.finish(&mut out);
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        data: {"id":"cmpl-c-1","object":"text_completion","created":9,"model":"l","choices":[{"text":" up","index":0,"logprobs":null,"finish_reason":null}],"usage":null}

        data: {"id":"cmpl-c-1","object":"text_completion","created":9,"model":"l","choices":[{"text":"on","index":0,"logprobs":null,"finish_reason":null}],"usage":null}

        data: {"id":"cmpl-c-1","object":"text_completion","created":9,"model":"l","choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":null}

        data: {"id":"cmpl-c-1","object":"text_completion","created":9,"model":"l","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}

        data: [DONE]

        "#);
    }
}
