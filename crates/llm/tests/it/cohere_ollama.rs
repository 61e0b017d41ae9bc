//! Cohere's and Ollama's own chats: what their fixtures do not show.

use crate::golden::{asked, events};
use portcullis_llm::canon::{Event, Mode, Part, Stop, ToolChoice};
use portcullis_llm::dialect::chat::{Asked, Chat, Incoming};
use portcullis_llm::dialect::{cohere, ollama, openai};
use portcullis_llm::translate;
use serde_json::{Value, json};

fn read(chat: &dyn Chat, body: &Value) -> Result<portcullis_llm::canon::Request, String> {
    let body = body.to_string();
    let incoming = Incoming { model: None, stream: None, body: body.as_bytes() };
    chat.read_request(&incoming).map_err(|fault| fault.public_detail().to_owned())
}

#[test]
fn refusals_name_the_member() {
    let user = json!([{ "role": "user", "content": "a" }]);
    for (chat, body, expected) in [
        (&cohere::CHAT as &dyn Chat, json!({ "messages": user }), "`model` is missing"),
        (
            &cohere::CHAT,
            json!({ "model": "m", "messages": [] }),
            "`messages` must be a list with at least one",
        ),
        (
            &cohere::CHAT,
            json!({ "model": "m", "messages": user, "tool_choice": "auto" }),
            "`REQUIRED` or `NONE`",
        ),
        (
            &cohere::CHAT,
            json!({ "model": "m", "messages": [{ "role": "tool", "content": "a" }] }),
            "`messages[0].tool_call_id` is missing",
        ),
        (
            &cohere::CHAT,
            json!({ "model": "m", "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "data:x" } }] }] }),
            "`messages[0].content[0].image_url.url` must be a URL",
        ),
        (&ollama::CHAT, json!({ "model": "m" }), "`messages` is missing"),
        (&ollama::CHAT, json!({ "model": "m", "messages": user, "think": "much" }), "`think` must be true"),
        (&ollama::CHAT, json!({ "model": "m", "messages": user, "format": 1 }), "`format` must be `json`"),
        (
            &ollama::CHAT,
            json!({ "model": "m", "messages": user, "options": { "stop": [1] } }),
            "`options.stop[0]` must be a string",
        ),
        (
            &ollama::CHAT,
            json!({ "model": "m", "messages": [{ "role": "user", "content": "a", "images": ["AAAA"] }] }),
            "`messages[0].images[0]` must be a PNG",
        ),
        (&ollama::GENERATE, json!({ "model": "m", "prompt": "" }), "`prompt` must be a string"),
    ] {
        let said = read(chat, &body).expect_err(&body.to_string());
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_stream_is_what_ollama_answers_unless_told_otherwise() {
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }] });
    assert!(read(&ollama::CHAT, &body).unwrap().stream);
    assert!(!read(&cohere::CHAT, &body).unwrap().stream);
}

#[test]
fn generate_is_a_chat_of_one_message() {
    let body = json!({ "model": "m", "prompt": "Why?", "system": "Be terse.", "images": ["/9j/4AAQ"], "stream": false });
    let request = read(&ollama::GENERATE, &body).unwrap();
    assert_eq!(request.messages.len(), 2);
    assert!(matches!(&request.messages[1].parts[..], [Part::Text(_), Part::Media(_)]));
    // How it was asked is nothing that is lost.
    let (_, losses) = translate::request(&request, &openai::chat::CHAT, "m", Mode::Strict).unwrap();
    assert!(losses.is_empty());
    let asked = Asked { request: request.into(), ..asked() };
    let answer = openai::chat::CHAT
        .read_answer(br#"{"created":1,"choices":[{"message":{"content":"So."},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#)
        .unwrap();
    let written = String::from_utf8(ollama::GENERATE.write_answer(&answer, &asked)).unwrap();
    assert_eq!(
        written,
        r#"{"model":"m","created_at":"1970-01-01T00:00:01.000000Z","response":"So.","done":true,"done_reason":"length","prompt_eval_count":1,"eval_count":2}"#
    );
    let mut stream = translate::Stream::new(&openai::chat::CHAT, &ollama::GENERATE, &asked);
    let mut out = Vec::new();
    stream
        .feed(b"data: {\"choices\":[{\"delta\":{\"content\":\"So.\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n", &mut out)
        .unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.contains("\"response\":\"So.\",\"done\":false}\n")
            && out.ends_with("\"done_reason\":\"stop\"}\n"),
        "{out}"
    );

    let kept = read(&ollama::GENERATE, &json!({ "model": "m", "prompt": "a", "context": [1] })).unwrap();
    let refused = translate::request(&kept, &openai::chat::CHAT, "m", Mode::Drop).unwrap_err();
    assert!(refused.public_detail().contains("`context`"), "{}", refused.public_detail());
}

#[test]
fn arguments_in_pieces_go_to_ollamas_callers_whole() {
    let stream = "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\"\"}}]}}]}\n\n\
        data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\": 1}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n";
    let mut translated = translate::Stream::new(&openai::chat::CHAT, &ollama::CHAT, &asked());
    let mut out = Vec::new();
    translated.feed(stream.as_bytes(), &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.contains(r#""tool_calls":[{"id":"a","function":{"name":"f","arguments":{"x": 1}}}]"#),
        "{out}"
    );
    let again = events(&ollama::CHAT, [out.as_bytes()]);
    assert!(again.contains(&Event::Stop { choice: 0, stop: Stop::ToolCalls, sequence: None }));
}

#[test]
fn what_they_cannot_say_is_refused_or_said_otherwise() {
    let body = json!({
        "model": "m", "messages": [{ "role": "user", "content": "a" }],
        "tools": [{ "type": "function", "function": { "name": "f" } }, { "type": "function", "function": { "name": "g" } }],
        "tool_choice": { "type": "allowed_tools", "allowed_tools": { "mode": "required", "tools": [{ "type": "function", "function": { "name": "g" } }] } },
    });
    let request = read(&openai::chat::CHAT, &body).unwrap();
    let (written, losses) = translate::request(&request, &cohere::CHAT, "m", Mode::Drop).unwrap();
    let sent: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!(losses.text(), "tool_choice_among");
    assert_eq!((sent["tools"].as_array().unwrap().len(), &sent["tool_choice"]), (1, &json!("REQUIRED")));
    assert!(
        translate::request(&request, &ollama::CHAT, "m", Mode::Drop).is_err(),
        "nothing can be demanded there"
    );
    // One by its name is one of one.
    let mut named = request.clone();
    named.tool_choice = Some(ToolChoice::Named("f".to_owned()));
    let (written, losses) = translate::request(&named, &cohere::CHAT, "m", Mode::Drop).unwrap();
    let sent: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!(losses.text(), "tool_choice_named");
    assert_eq!((sent["tools"].as_array().unwrap().len(), &sent["tool_choice"]), (1, &json!("REQUIRED")));
    assert_eq!(sent["tools"][0]["function"]["name"], "f");
    let refused = translate::request(&named, &ollama::CHAT, "m", Mode::Drop).unwrap_err();
    assert!(refused.public_detail().contains("tool_choice"), "{}", refused.public_detail());
    let mut free = request;
    free.tool_choice = Some(ToolChoice::None);
    let (written, losses) = translate::request(&free, &ollama::CHAT, "m", Mode::Drop).unwrap();
    assert_eq!(losses.text(), "tool_choice_none");
    assert!(serde_json::from_slice::<Value>(&written.body).unwrap().get("tools").is_none());
}

#[test]
fn bytes_that_pass_are_watched() {
    let fixture =
        |path: &str| std::fs::read(format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for (chat, stream, path, usage) in [
        (&cohere::CHAT as &dyn Chat, true, "cohere/streams/plain.sse", (3, 9)),
        (&cohere::CHAT, false, "cohere/answers/plain.json", (5, 418)),
        (&ollama::CHAT, true, "ollama/streams/plain.ndjson", (26, 282)),
        (&ollama::CHAT, false, "ollama/answers/plain.json", (11, 18)),
        (&openai::chat::CHAT, true, "openai/streams/plain.sse", (19, 10)),
        (&openai::chat::CHAT, false, "openai/answers/plain.json", (1117, 46)),
    ] {
        let mut watch = chat.watch(stream);
        let body = fixture(path);
        body.chunks(7).for_each(|piece| watch.feed(piece));
        let used = watch.usage().unwrap();
        assert_eq!((used.input_tokens, used.output_tokens), usage, "{path}");
        assert!(watch.is_complete() && !watch.is_failed() && watch.text_bytes() > 4, "{path}");
    }
    for (chat, path) in [
        (&cohere::CHAT as &dyn Chat, "cohere/streams/failed.sse"),
        (&ollama::CHAT, "ollama/streams/failed.ndjson"),
        (&openai::chat::CHAT, "openai/streams/failed.sse"),
    ] {
        let mut watch = chat.watch(true);
        watch.feed(&fixture(path));
        assert!(watch.is_failed(), "{path}");
    }
}
