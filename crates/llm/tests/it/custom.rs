//! Tools that take text, from callers who know them to providers of every format, and back.

use crate::golden::events;
use portcullis_llm::canon::{
    Answer, Choice, Delta, Event, Mode, Opening, Part, Request, Stop, Tokens, ToolCall, custom,
};
use portcullis_llm::dialect::chat::{self, Asked, Chat, Incoming};
use portcullis_llm::translate;
use serde_json::{Value, json};
use std::sync::Arc;

const TEXT: &str = "say \"é😀\"\n\\ {}";

/// Who knows them, and the tool in their words.
fn callers(format: Option<(&str, &str)>) -> [(&'static dyn Chat, Value); 2] {
    let (mut flat, mut nested) = (json!({ "type": "text" }), json!({ "type": "text" }));
    if let Some((syntax, definition)) = format {
        flat = json!({ "type": "grammar", "syntax": syntax, "definition": definition });
        nested = json!({ "type": "grammar", "grammar": { "syntax": syntax, "definition": definition } });
    }
    let description = "Runs it";
    let openai = json!({ "model": "m", "messages": [{ "role": "user", "content": "go" }],
        "tools": [{ "type": "custom", "custom": { "name": "run", "description": description, "format": nested } }] });
    let responses = json!({ "model": "m", "input": "go", "store": false,
        "tools": [{ "type": "custom", "name": "run", "description": description, "format": flat }] });
    let find = |name| chat::find(name).unwrap();
    [(find("openai"), openai), (find("responses"), responses)]
}

fn read(caller: &dyn Chat, body: &Value) -> Request {
    let body = body.to_string();
    caller.read_request(&Incoming { model: None, stream: None, body: body.as_bytes() }).unwrap()
}

fn asked(request: Request) -> Asked {
    Asked { id: "r-1".into(), now: 1_700_000_000, request: Arc::new(request) }
}

/// What a provider that knows functions alone answers: text that calls one, in its words.
fn plain() -> Asked {
    asked(Request { model: "m".to_owned(), stream_usage: true, ..Request::default() })
}

fn call(arguments: &str) -> ToolCall {
    ToolCall {
        id: "call_1".to_owned(),
        name: "run".to_owned(),
        arguments: arguments.to_owned(),
        ..ToolCall::default()
    }
}

/// The call in a caller's whole answer: kind, name and text.
fn told(caller: &dyn Chat, answer: &Value) -> (String, String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    if caller.name() == "openai" {
        let call = &answer["choices"][0]["message"]["tool_calls"][0];
        return (text(&call["type"]), text(&call["custom"]["name"]), text(&call["custom"]["input"]));
    }
    let items = answer["output"].as_array().unwrap();
    let call = items.iter().find(|item| item["call_id"].is_string()).unwrap();
    (text(&call["type"]).replace("_tool_call", ""), text(&call["name"]), text(&call["input"]))
}

#[test]
fn every_provider_is_told_of_them_and_its_calls_come_back_as_theirs() {
    for (caller, body) in callers(None) {
        for provider in chat::ALL.iter().filter(|provider| provider.name() != caller.name()) {
            let names = format!("{} to {}", caller.name(), provider.name());
            let request = read(caller, &body);
            // Nothing is lost, so that it is not refused where nothing may be.
            let (written, losses) = translate::request(&request, *provider, "m", Mode::Strict)
                .unwrap_or_else(|fault| panic!("{names}: {}", fault.public_detail()));
            let text = losses.text();
            assert!(text.is_empty() || text.starts_with("max_tokens="), "{names}: {text}");
            let sent = String::from_utf8(written.body).unwrap();
            let knows = matches!(provider.name(), "openai" | "responses");
            assert!(sent.contains("\"run\"") && sent.contains("Runs it"), "{names}: {sent}");
            assert_eq!(sent.contains("\"custom\""), knows, "{names}: {sent}");
            assert_eq!(sent.contains("\"input\":{"), !knows, "{names}: {sent}");

            let wrapped = custom::arguments(TEXT);
            let answer = Answer {
                choices: vec![Choice {
                    parts: vec![Part::ToolCall(call(&wrapped))],
                    stop: Stop::ToolCalls,
                    ..Choice::default()
                }],
                ..Answer::default()
            };
            let said = provider.write_answer(&answer, &plain());
            let (back, _) = translate::answer(*provider, caller, &said, &asked(request)).unwrap();
            let back: Value = serde_json::from_slice(&back).unwrap();
            assert_eq!(
                told(caller, &back),
                ("custom".to_owned(), "run".to_owned(), TEXT.to_owned()),
                "{names}: {back}"
            );
        }
    }
}

#[test]
fn streamed_calls_come_back_in_pieces_of_text() {
    let open = Opening::ToolCall { id: "call_1".to_owned(), name: "run".to_owned() };
    let delta = |text: &str| Event::Delta { choice: 0, part: 0, delta: Delta::Arguments(text.to_owned()) };
    let wrapped = custom::arguments(TEXT);
    for (caller, body) in callers(None) {
        let asked = asked(Request { stream: true, stream_usage: true, ..read(caller, &body) });
        for provider in chat::ALL.iter().filter(|provider| provider.name() != caller.name()) {
            let names = format!("{} to {}", caller.name(), provider.name());
            // Cut within the frame, within the text, and within what stands for a character.
            let mut pieces: Vec<&str> = Vec::new();
            let (mut from, chars) = (0, wrapped.char_indices().map(|(at, _)| at));
            for at in chars.skip(1).step_by(3).chain([wrapped.len()]) {
                pieces.push(&wrapped[from..at]);
                from = at;
            }
            let mut said = vec![
                Event::Start { id: "1".to_owned(), model: "m".to_owned(), created: Some(1), usage: None },
                Event::Open { choice: 0, part: 0, opening: open.clone() },
            ];
            said.extend(pieces.iter().map(|piece| delta(piece)));
            said.extend([
                Event::Close { choice: 0, part: 0 },
                Event::Stop { choice: 0, stop: Stop::ToolCalls, sequence: None },
                Event::Usage(Tokens { input: 1, output: 2, ..Tokens::default() }),
                Event::End,
            ]);
            let (mut writer, mut bytes) = (provider.writer(&plain()), Vec::new());
            said.iter().for_each(|event| writer.write(event, &mut bytes));
            let (mut stream, mut out) = (translate::Stream::new(*provider, caller, &asked), Vec::new());
            bytes.chunks(7).for_each(|piece| stream.feed(piece, &mut out).unwrap());
            stream.finish(&mut out);
            let text = String::from_utf8(out.clone()).unwrap();
            assert!(text.contains("custom") && !text.contains("\"arguments\""), "{names}: {text}");
            // Its own reader hears the same, and what was said at the end is what was said in pieces.
            let heard: String = events(caller, [&out[..]])
                .into_iter()
                .filter_map(|event| match event {
                    Event::Delta { delta: Delta::Arguments(text), .. } => Some(text),
                    _ => None,
                })
                .collect();
            assert_eq!(custom::input(&heard), TEXT, "{names}: {text}");
            if caller.name() == "responses" {
                let quoted = format!("\"input\":{}", json!(TEXT));
                assert_eq!(text.matches(&quoted).count(), 3, "done, the item, the response: {names}: {text}");
            }
        }
    }
}

#[test]
fn a_grammar_is_told_to_who_knows_it_and_else_by_its_rule() {
    for (caller, body) in callers(Some(("regex", "a+"))) {
        let request = read(caller, &body);
        for provider in chat::ALL.iter().filter(|provider| provider.name() != caller.name()) {
            let names = format!("{} to {}", caller.name(), provider.name());
            let strict = translate::request(&request, *provider, "m", Mode::Strict);
            if matches!(provider.name(), "openai" | "responses") {
                let sent = String::from_utf8(strict.unwrap().0.body).unwrap();
                assert!(sent.contains("\"regex\"") && sent.contains("\"a+\""), "{names}: {sent}");
                continue;
            }
            let refused = strict.unwrap_err();
            assert!(refused.public_detail().contains("`tool_grammar`"), "{names}: {refused}");
            let (written, losses) = translate::request(&request, *provider, "m", Mode::Drop).unwrap();
            assert!(losses.text().contains("tool_grammar"), "{names}: {}", losses.text());
            assert!(!String::from_utf8(written.body).unwrap().contains("a+"), "{names}");
        }
    }
    // A form that is not known is the vendor's own business, and refused elsewhere.
    let odd = json!({ "model": "m", "input": "go", "tools": [{ "type": "custom", "name": "run", "format": { "type": "tree" } }] });
    let request = read(chat::find("responses").unwrap(), &odd);
    let refused =
        translate::request(&request, chat::find("anthropic").unwrap(), "m", Mode::Drop).unwrap_err();
    assert!(refused.public_detail().contains("`server_tools`"), "{refused}");
}

/// What was called before goes along, to each in its own words.
#[test]
fn calls_and_results_of_before_go_along() {
    let fixture = |name: &str| {
        std::fs::read(format!("{}/tests/fixtures/{name}/requests/custom.json", env!("CARGO_MANIFEST_DIR")))
            .unwrap()
    };
    let plain = [r#""input":{"input":"#, "call_a", "call_b", "rain"];
    for (from, to, kinds) in [
        (
            "openai",
            "responses",
            [
                r#""type":"custom_tool_call","call_id":"call_a""#,
                r#""type":"custom_tool_call_output","call_id":"call_a""#,
                r#""type":"function_call_output","call_id":"call_b""#,
                r#""tool_choice":{"type":"custom","name":"python"}"#,
            ],
        ),
        (
            "responses",
            "openai",
            [
                r#""id":"call_a","type":"custom","custom":{"#,
                r#""tool_call_id":"call_a""#,
                r#""id":"call_b","type":"function","function":{"#,
                r#"[{"type":"custom","custom":{"name":"python"}},{"type":"function","#,
            ],
        ),
        ("openai", "anthropic", plain),
        ("responses", "bedrock", plain),
    ] {
        let (caller, body) = (chat::find(from).unwrap(), fixture(from));
        let request = caller.read_request(&Incoming { model: None, stream: None, body: &body }).unwrap();
        let (written, _) = translate::request(&request, chat::find(to).unwrap(), "m", Mode::Drop).unwrap();
        let sent = String::from_utf8(written.body).unwrap();
        for kind in kinds {
            assert!(sent.contains(kind), "{from} to {to}: {kind}: {sent}");
        }
        assert!(sent.contains("print(\\\"é\\\")\\n"), "{from} to {to}: {sent}");
    }
}
