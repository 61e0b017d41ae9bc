//! Counting the tokens of a conversation, across dialects.
//!
//! Where the provider's dialect has a counter, it is asked. Where it has none, the answer is [`estimate`], and the gateway
//! says so in a header: libraries and agents count to keep within a window or a budget and go on with any number of about
//! the right size, while a refusal would stop them. Nothing is billed or limited by such a count.

use super::chat::{Incoming, Unreadable, Written};
use super::{anthropic, bedrock, gemini};
use crate::canon::{Losses, Part, Request, Tool};
use portcullis_fault::Fault;

/// How a dialect counts.
#[derive(Debug)]
pub struct Count {
    /// The [chat format](super::Chat::name) whose conversations are counted.
    pub chat: &'static str,
    /// Members in which a body names the model once more: it would be another one than the path's, so such a body does not
    /// pass.
    pub again: &'static [&'static str],
    /// Reads what a caller wants to have counted.
    pub read_request: fn(&Incoming<'_>) -> Result<Request, Fault>,
    /// Writes it to a provider.
    pub write_request: fn(&Request, &mut Losses) -> Result<Written, Fault>,
    /// Reads the provider's answer.
    pub read_answer: fn(&[u8]) -> Result<u64, Unreadable>,
    /// Writes the answer to a caller.
    pub write_answer: fn(u64) -> Vec<u8>,
}

/// Every dialect that counts.
pub static ALL: &[&Count] = &[&ANTHROPIC, &GEMINI, &BEDROCK];

/// `POST /messages/count_tokens`.
pub static ANTHROPIC: Count = Count {
    chat: "anthropic",
    again: &[],
    read_request: anthropic::count::read_request,
    write_request: anthropic::count::write_request,
    read_answer: anthropic::count::read_answer,
    write_answer: anthropic::count::write_answer,
};

/// `POST /models/{model}:countTokens`.
pub static GEMINI: Count = Count {
    chat: "gemini",
    again: &["generateContentRequest", "generate_content_request"],
    read_request: gemini::count::read_request,
    write_request: gemini::count::write_request,
    read_answer: gemini::count::read_answer,
    write_answer: gemini::count::write_answer,
};

/// `POST /model/{model}/count-tokens`.
pub static BEDROCK: Count = Count {
    chat: "bedrock",
    again: &[],
    read_request: bedrock::count::read_request,
    write_request: bedrock::count::write_request,
    read_answer: bedrock::count::read_answer,
    write_answer: bedrock::count::write_answer,
};

/// How the chat format of this name counts; `None`: it has no counter.
pub fn find(chat: &str) -> Option<&'static Count> {
    ALL.iter().find(|count| count.chat == chat).copied()
}

/// About how many tokens a conversation has: four bytes of text each, and what a picture commonly takes.
pub fn estimate(request: &Request) -> u64 {
    /// Of a picture of middling size, about the same at all vendors.
    const MEDIUM: u64 = 1_000;
    /// What frames each message.
    const MESSAGE: u64 = 4;
    fn part(of: &Part) -> (usize, u64) {
        match of {
            Part::Text(text) => (text.text.len(), 0),
            Part::Refusal(text) => (text.len(), 0),
            Part::Thinking(thinking) => (thinking.text.len(), 0),
            Part::ToolCall(call) => (call.name.len() + call.arguments.len(), 0),
            Part::ToolResult(result) => result.content.iter().map(part).fold((0, 0), add),
            Part::Native { value, .. } => (value.to_string().len(), 0),
            Part::Media(_) => (0, MEDIUM),
        }
    }
    fn add((bytes, tokens): (usize, u64), (more, others): (usize, u64)) -> (usize, u64) {
        (bytes.saturating_add(more), tokens.saturating_add(others))
    }
    let messages = request.messages.iter().flat_map(|message| &message.parts).map(part).fold((0, 0), add);
    let tools = request.tools.iter().map(|tool| match tool {
        Tool::Function { name, description, parameters, .. } => {
            let schema = parameters.as_ref().map_or(0, |schema| schema.to_string().len());
            name.len() + description.as_deref().map_or(0, str::len) + schema
        }
        Tool::Custom { name, description, grammar, .. } => {
            let grammar = grammar.as_ref().map_or(0, |grammar| grammar.definition.len());
            name.len() + description.as_deref().map_or(0, str::len) + grammar
        }
        Tool::Server { value, .. } => value.to_string().len(),
    });
    let (bytes, tokens) = tools.fold(messages, |sum, bytes| add(sum, (bytes, 0)));
    let frames = u64::try_from(request.messages.len()).unwrap_or(u64::MAX).saturating_mul(MESSAGE);
    (bytes as u64).div_ceil(4).saturating_add(tokens).saturating_add(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dialect_counts_for_the_other() {
        let asked = Incoming {
            model: Some("m"),
            stream: None,
            body: br#"{"contents":[{"parts":[{"text":"how many?"}]}]}"#,
        };
        let gemini = find("gemini").unwrap();
        let request = (gemini.read_request)(&asked).unwrap();
        assert_eq!(estimate(&request), 7);
        let written = (find("anthropic").unwrap().write_request)(&request, &mut Losses::default()).unwrap();
        assert!(String::from_utf8(written.body).unwrap().contains("how many?"));
        assert_eq!((gemini.read_answer)(&(gemini.write_answer)(31)).unwrap(), 31);
        let wrapped = (gemini.write_request)(&request, &mut Losses::default()).unwrap();
        assert_eq!(wrapped.path, "/models/m:countTokens");
        let again = Incoming { body: &wrapped.body, ..asked };
        assert_eq!((gemini.read_request)(&again).unwrap(), request);
        assert!(find("openai").is_none());
        let bedrock = find("bedrock").unwrap();
        let written = (bedrock.write_request)(&request, &mut Losses::default()).unwrap();
        assert_eq!(written.path, "/model/m/count-tokens");
        assert_eq!(
            String::from_utf8(written.body.clone()).unwrap(),
            r#"{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"how many?"}]}]}}}"#
        );
        let again = Incoming { body: &written.body, ..asked };
        assert_eq!((bedrock.read_request)(&again).unwrap().messages, request.messages);
        let own = Incoming { body: br#"{"input":{"invokeModel":{"body":"e30="}}}"#, ..asked };
        assert!((bedrock.read_request)(&own).is_err(), "a model's own form is nobody else's");
        assert!((gemini.read_answer)(b"{}").is_err());
    }
}
