//! The echo provider, through the same scanners as any other.

use base64::Engine;
use bytes::Bytes;
use portcullis_llm::dialect::Operation;
use portcullis_llm::dialect::openai::{Ending, Request, UsageScanner};
use portcullis_llm::dialect::request::Members;
use portcullis_llm::providers::echo::{Answer, Body, answer};
use portcullis_model::Timestamp;
use serde_json::{Value, json};
use std::collections::VecDeque;

fn ask(operation: Operation, body: &Value) -> Answer {
    let body = body.to_string();
    Request::scan(&Bytes::from(body.clone()), &Members::OPENAI)
        .expect("a request that the gateway lets through");
    answer(operation, body.as_bytes(), Timestamp::from_seconds(1_700_000_000))
}

fn chat(body: &Value) -> Answer {
    ask(Operation::Chat, body)
}

fn value(answer: Answer) -> Value {
    match answer.body {
        Body::Json(bytes) => serde_json::from_slice(&bytes).unwrap(),
        Body::Stream(_) => panic!("a stream"),
    }
}

fn events(answer: Answer) -> Vec<Bytes> {
    match answer.body {
        Body::Json(bytes) => panic!("no stream: {bytes:?}"),
        Body::Stream(events) => events.collect(),
    }
}

fn text(events: &[Bytes]) -> String {
    String::from_utf8(events.concat()).unwrap()
}

fn scanned(events: Vec<Bytes>) -> (UsageScanner, Ending) {
    let (mut scanner, mut forward) = (UsageScanner::stream(true), VecDeque::new());
    events.into_iter().for_each(|event| scanner.feed(event, &mut forward));
    let ending = scanner.finish(&mut forward);
    (scanner, ending)
}

fn said(message: &str) -> Value {
    json!({ "model": "echo", "messages": [{ "role": "system", "content": "Be brief." }, { "role": "user", "content": message }] })
}

fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn weather() -> Value {
    json!({ "tools": [{ "type": "function", "function": { "name": "weather", "parameters": {
        "type": "object", "properties": { "city": { "type": "string" }, "unit": { "type": "string", "enum": ["celsius"] } } } } }] })
}

#[test]
fn golden_answers() {
    let stream = json!({ "stream": true });
    let mut shown = String::new();
    for (title, operation, body) in [
        ("chat", Operation::Chat, said("hello  there\nyou")),
        ("chat, stream", Operation::Chat, with(said("hello  there\nyou"), stream.clone())),
        (
            "chat, stream, usage",
            Operation::Chat,
            with(said("hi"), json!({ "stream": true, "stream_options": { "include_usage": true } })),
        ),
        ("tool", Operation::Chat, with(said("Use the tool for Köln"), weather())),
        (
            "tool, stream",
            Operation::Chat,
            with(with(said("Use the tool for Köln"), weather()), stream.clone()),
        ),
        (
            "completion",
            Operation::Completions,
            json!({ "model": "echo", "prompt": ["a b", "c"], "max_tokens": 3 }),
        ),
        (
            "completion, stream",
            Operation::Completions,
            json!({ "model": "echo", "prompt": "a", "stream": true }),
        ),
        (
            "embeddings",
            Operation::Embeddings,
            json!({ "model": "echo", "input": ["a b", "c"], "dimensions": 3 }),
        ),
    ] {
        let body = match ask(operation, &body).body {
            Body::Json(bytes) => String::from_utf8(bytes.to_vec()).unwrap() + "\n",
            Body::Stream(events) => text(&events.collect::<Vec<_>>()),
        };
        shown.push_str(&format!("--- {title}\n{body}"));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn a_stream_says_the_same_as_the_answer() {
    for body in [said("the quick brown fox, 日本 語"), with(said("now use the tool please"), weather())] {
        let whole = value(chat(&body));
        let asked = with(body, json!({ "stream": true, "stream_options": { "include_usage": true } }));
        let streamed = events(chat(&asked));
        let (mut content, mut arguments) = (String::new(), String::new());
        for event in &streamed[..streamed.len() - 1] {
            let chunk: Value = serde_json::from_slice(event.strip_prefix(b"data: ").unwrap()).unwrap();
            let delta = &chunk["choices"][0]["delta"];
            content.push_str(delta["content"].as_str().unwrap_or_default());
            arguments.push_str(delta["tool_calls"][0]["function"]["arguments"].as_str().unwrap_or_default());
        }
        let message = &whole["choices"][0]["message"];
        assert_eq!(message["content"].as_str().unwrap_or_default(), content);
        assert_eq!(message["tool_calls"][0]["function"]["arguments"].as_str().unwrap_or_default(), arguments);
        let (scanner, ending) = scanned(streamed);
        assert_eq!(ending, Ending::Complete);
        assert_eq!(whole["usage"]["prompt_tokens"], scanner.usage().unwrap().input_tokens);
        assert_eq!(whole["usage"]["completion_tokens"], scanner.usage().unwrap().output_tokens);
    }
}

#[test]
fn usage_comes_in_a_stream_only_when_asked() {
    let streamed = events(chat(&with(said("hi"), json!({ "stream": true }))));
    assert!(!text(&streamed).contains("usage"));
    assert_eq!(scanned(streamed).0.usage(), None);
}

#[test]
fn when_a_tool_is_called() {
    let reason = |body: Value| value(chat(&body))["choices"][0]["finish_reason"].as_str().unwrap().to_owned();
    let tools =
        |message: &str, choice: Value| with(with(said(message), weather()), json!({ "tool_choice": choice }));
    assert_eq!(reason(tools("hi", json!("required"))), "tool_calls");
    assert_eq!(
        reason(tools("hi", json!({ "type": "function", "function": { "name": "weather" } }))),
        "tool_calls"
    );
    assert_eq!(reason(tools("hi", json!("auto"))), "stop");
    assert_eq!(reason(tools("use the tool", Value::Null)), "tool_calls");
    assert_eq!(reason(tools("use the tool", json!("none"))), "stop");
    assert_eq!(reason(said("use the tool")), "stop");
    assert_eq!(chat(&tools("hi", json!({ "type": "function", "function": { "name": "x" } }))).status, 400);
    let mut answered = with(said("use the tool"), weather());
    answered["messages"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "role": "tool", "tool_call_id": "c", "content": "21 degrees" }));
    assert_eq!(value(chat(&answered))["choices"][0]["message"]["content"], "The tool said: 21 degrees");
}

#[test]
fn structured_output() {
    let schema = json!({ "type": "object", "properties": { "name": { "type": "string" }, "age": { "type": "integer" } } });
    let body = with(
        said("Ada"),
        json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "p", "schema": schema } } }),
    );
    let answer = value(chat(&body));
    let content: Value =
        serde_json::from_str(answer["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
    assert_eq!(content, json!({ "name": "Ada", "age": 1 }));
}

#[test]
fn limits_and_choices() {
    let answer = value(chat(&with(said("one two three"), json!({ "max_tokens": 3, "n": 2 }))));
    assert_eq!(answer["choices"].as_array().unwrap().len(), 2);
    assert_eq!(answer["choices"][1]["message"]["content"], "You said: one ");
    assert_eq!(answer["choices"][1]["finish_reason"], "length");
    assert_eq!(answer["usage"], json!({ "prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11 }));
    let long = events(chat(&with(said(&"word ".repeat(50_000)), json!({ "stream": true }))));
    assert!(long.len() < 10_010);
}

#[test]
fn embeddings_in_both_encodings_are_the_same_figures() {
    let body = json!({ "model": "echo", "input": "some text" });
    let floats = value(ask(Operation::Embeddings, &body));
    let base64 = value(ask(Operation::Embeddings, &with(body, json!({ "encoding_format": "base64" }))));
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(base64["data"][0]["embedding"].as_str().unwrap())
        .unwrap();
    let unpacked: Vec<f32> =
        bytes.as_chunks::<4>().0.iter().map(|figure| f32::from_le_bytes(*figure)).collect();
    let plain: Vec<f32> = serde_json::from_value(floats["data"][0]["embedding"].clone()).unwrap();
    assert_eq!((unpacked.len(), &unpacked), (64, &plain));
    assert_eq!(floats["usage"], json!({ "prompt_tokens": 2, "total_tokens": 2 }));
    for input in [json!([1, 2, 3]), json!([[1, 2], [3]]), json!(["a", "b"])] {
        assert_eq!(ask(Operation::Embeddings, &json!({ "model": "echo", "input": input })).status, 200);
    }
    for wrong in [
        json!({ "input": "" }),
        json!({ "input": [] }),
        json!({}),
        json!({ "input": "a", "dimensions": 0 }),
        json!({ "input": "a", "encoding_format": "hex" }),
        json!({ "input": vec!["a"; 2048], "dimensions": 4096 }),
    ] {
        let answer = ask(Operation::Embeddings, &with(json!({ "model": "echo" }), wrong));
        assert_eq!(answer.status, 400);
        assert!(value(answer)["error"]["param"].is_string());
    }
}

#[test]
fn failures_on_demand() {
    let answer = chat(&said("fail 429"));
    assert_eq!(answer.status, 429);
    assert_eq!(value(answer)["error"]["type"], "rate_limit_error");
    assert_eq!(chat(&said("fail 200")).status, 200);
    assert_eq!(chat(&said("fail 429 please")).status, 200);
    let (scanner, ending) = scanned(events(chat(&with(said("cut"), json!({ "stream": true })))));
    assert_eq!((ending, scanner.usage()), (Ending::Cut, None));
    assert_eq!(chat(&json!({ "model": "echo", "messages": [] })).status, 400);
    assert_eq!(answer_of_nonsense(), 400);
}

fn answer_of_nonsense() -> u16 {
    answer(Operation::Chat, b"nonsense", Timestamp::default()).status
}

#[test]
fn what_it_does_not_serve_is_not_there() {
    assert_eq!(answer(Operation::Rerank, b"{}", Timestamp::default()).status, 404);
}
