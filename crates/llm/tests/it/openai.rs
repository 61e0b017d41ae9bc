//! Chat completions: what is refused and how, what vendors with quirks are sent, streams that break the rules.

use crate::golden::{asked, events, incoming};
use portcullis_llm::canon::{Answer, Delta, Event, Losses, Mode, Opening, Part, Request, Stop};
use portcullis_llm::dialect::chat::{Chat, Incoming};
use portcullis_llm::dialect::openai::chat::{CHAT, ChatCompletions, Quirks};
use portcullis_llm::dialect::responses::RESPONSES;
use portcullis_llm::providers::Preset;
use portcullis_llm::translate;
use serde_json::{Value, json};

fn refused(body: &str) -> String {
    let fault = CHAT.read_request(&incoming(&CHAT, body.as_bytes())).expect_err(body);
    format!("{}: {}", fault.code(), fault.public_detail())
}

#[test]
fn refusals_name_the_member() {
    let mut lines = String::new();
    for body in [
        "",
        "[]",
        r#"{"messages":[]}"#,
        r#"{"model":"m"}"#,
        r#"{"model":"m","messages":[]}"#,
        r#"{"model":"m","messages":{}}"#,
        r#"{"model":"m","messages":[5]}"#,
        r#"{"model":"m","messages":[{"content":"a"}]}"#,
        r#"{"model":"m","messages":[{"role":"robot","content":"a"}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":7}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":[{"text":"a"}]}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":1}]}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png,abc"}}]}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{}}]}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"a","role":"system"}]}"#,
        r#"{"model":"m","messages":[{"role":"tool","content":"a"}]}"#,
        r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f"}}]}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"function":{"name":"f"}}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f","parameters":[]}}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"a"}],"tool_choice":"any"}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"a"}],"temperature":"hot"}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"a"}],"stop":[1]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"a"}],"n":4294967296}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"a"}],"response_format":{}}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":1,"max_tokens":2}"#,
    ] {
        lines.push_str(&format!("{}\n  {body}\n", refused(body)));
    }
    insta::assert_snapshot!(lines);
}

fn read(body: &Value) -> Request {
    let body = body.to_string();
    CHAT.read_request(&Incoming { model: None, stream: None, body: body.as_bytes() }).unwrap()
}

fn sent(request: &Request, preset: &str) -> (Value, String) {
    let chat = ChatCompletions::with(Quirks::of(Preset::find(preset).unwrap(), None));
    let (written, losses) = translate::request(request, &chat, "theirs", Mode::Drop).unwrap();
    (serde_json::from_slice(&written.body).unwrap(), losses.text())
}

#[test]
fn vendors_get_what_they_take() {
    let request = read(&json!({
        "model": "m", "stream": true, "max_tokens": 7, "seed": 1, "logprobs": true, "user": "u",
        "messages": [{ "role": "developer", "content": "d" }, { "role": "user", "content": "a" }],
    }));
    let (body, lost) = sent(&request, "openai");
    assert_eq!(lost, "");
    assert_eq!(body["model"], "theirs");
    assert_eq!(body["max_completion_tokens"], 7);
    assert_eq!(body["messages"][0]["role"], "developer");
    assert_eq!(body["stream_options"]["include_usage"], true);
    let (body, lost) = sent(&request, "mistral");
    assert_eq!(lost, "developer, logprobs, user");
    assert_eq!((&body["max_tokens"], &body["random_seed"]), (&json!(7), &json!(1)));
    assert_eq!(body["messages"][0]["role"], "system");
    for member in ["stream_options", "max_completion_tokens", "seed", "logprobs", "user"] {
        assert!(body.get(member).is_none(), "{member}");
    }
    let strict = ChatCompletions::with(Quirks::of(Preset::find("mistral").unwrap(), None));
    assert!(translate::request(&request, &strict, "m", Mode::Strict).is_err());
}

#[test]
fn what_callers_of_other_models_write_is_read() {
    let request = read(&json!({
        "model": "m", "top_k": 40, "min_p": 0.1, "safety_identifier": "s", "reasoning_effort": "galactic",
        "messages": [
            { "role": "user", "content": [{ "type": "text", "text": "a", "cache_control": { "type": "ephemeral", "ttl": "1h" } }] },
            { "role": "assistant", "content": "b", "reasoning_content": "hm",
              "reasoning_details": [{ "type": "reasoning.text", "text": "", "signature": "anthropic:c2ln" }] },
            { "role": "user", "content": "c" },
        ],
    }));
    assert_eq!((request.sampling.top_k, request.user.as_deref()), (Some(40), Some("s")));
    assert_eq!(request.native[0].name, "reasoning_effort");
    let Part::Text(text) = &request.messages[0].parts[0] else { panic!() };
    assert_eq!(text.cache.as_ref().unwrap().ttl.as_deref(), Some("1h"));
    let Part::Thinking(thinking) = &request.messages[1].parts[0] else { panic!() };
    assert_eq!((thinking.text.as_str(), thinking.signature.as_deref()), ("hm", Some("anthropic:c2ln")));
}

fn chunk(choice: &str) -> String {
    format!("data: {{\"id\":\"a\",\"model\":\"m\",\"choices\":[{choice}]}}\n\n")
}

fn call(index: u32, rest: &str) -> String {
    chunk(&format!("{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":{index},{rest}}}]}}}}"))
}

/// Names and arguments of the calls, in the order in which they began.
fn calls(stream: &str) -> Vec<(String, String)> {
    let mut calls: Vec<(u32, String, String)> = Vec::new();
    for event in events(&CHAT, [stream.as_bytes()]) {
        match event {
            Event::Open { part, opening: Opening::ToolCall { name, .. }, .. } => {
                calls.push((part, name, String::new()));
            }
            Event::Delta { part, delta: Delta::Arguments(text), .. } => {
                calls.iter_mut().find(|(open, ..)| *open == part).expect("opened before").2.push_str(&text);
            }
            _ => {}
        }
    }
    calls.into_iter().map(|(_, name, arguments)| (name, arguments)).collect()
}

#[test]
fn pieces_of_calls_may_alternate() {
    let begun = [
        call(0, r#""id":"a","function":{"name":"f","arguments":"{"}"#),
        call(1, r#""id":"b","function":{"name":"g","arguments":"{\"x\":"}"#),
    ]
    .concat();
    let more = [
        call(0, r#""function":{"arguments":"}"}"#),
        call(1, r#""function":{"arguments":"1}"}"#),
        // Once more without anything, as some vendors end a call.
        call(0, r#""id":"a","function":{"arguments":""}"#),
    ]
    .concat();
    let expected = [("f".to_owned(), "{}".to_owned()), ("g".to_owned(), r#"{"x":1}"#.to_owned())];
    assert_eq!(calls(&format!("{begun}{more}")), expected);
    let (mut reader, mut events) = (CHAT.reader(), Vec::new());
    let behind = call(0, r#""function":{"arguments":"{}"}"#);
    let wrong = reader.feed(format!("{begun}{more}{behind}").as_bytes(), &mut events).unwrap_err();
    assert!(wrong.0.contains("behind their end"), "{wrong}");
    assert!(!events.contains(&Event::End));
}

#[test]
fn calls_are_told_apart_as_vendors_do_it() {
    let expected = [("f".to_owned(), "{}".to_owned()), ("g".to_owned(), "{}".to_owned())];
    let named = |index: u32, name: &str| {
        call(index, &format!(r#""function":{{"name":"{name}","arguments":"{{}}"}}"#))
    };
    // By name alone, under one index.
    assert_eq!(calls(&[named(0, "f"), named(0, "g")].concat()), expected);
    // The name again at the end.
    let again = call(0, r#""function":{"name":"f","arguments":""}"#);
    assert_eq!(calls(&[named(0, "f"), again, named(1, "g")].concat()), expected);
    // Another id in every piece.
    let piece =
        |index: u32, id: &str, rest: &str| call(index, &format!(r#""id":"{id}","function":{{{rest}}}"#));
    let stream = [
        piece(0, "x1", r#""name":"f","arguments":"{""#),
        piece(0, "x2", r#""arguments":"}""#),
        piece(1, "x3", r#""name":"g""#),
        piece(1, "x4", r#""arguments":"{}""#),
    ];
    assert_eq!(calls(&stream.concat()), expected);
    // The same twice is two calls.
    let twice =
        [piece(0, "a", r#""name":"f","arguments":"{}""#), piece(0, "b", r#""name":"f","arguments":"{}""#)];
    assert_eq!(calls(&twice.concat()).len(), 2);
}

/// To callers whose format has one part open at a time: the second call waits until the first one is whole, and no longer.
#[test]
fn alternating_calls_go_on_in_order() {
    let begun = [
        call(0, r#""id":"a","function":{"name":"f","arguments":"{\"x\""}"#),
        call(1, r#""id":"b","function":{"name":"g","arguments":"{\"y\""}"#),
        call(0, r#""function":{"arguments":":1"}"#),
    ];
    let mut stream = translate::Stream::new(&CHAT, &portcullis_llm::dialect::anthropic::MESSAGES, &asked());
    let mut out = Vec::new();
    stream.feed(begun.concat().as_bytes(), &mut out).unwrap();
    let text = String::from_utf8(std::mem::take(&mut out)).unwrap();
    assert!(text.contains(r#""name":"f""#) && !text.contains(r#""name":"g""#), "{text}");
    stream.feed(call(0, r#""function":{"arguments":"}"}"#).as_bytes(), &mut out).unwrap();
    let text = String::from_utf8(std::mem::take(&mut out)).unwrap();
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text}"));
    assert!(at(r#""content_block_stop","index":0"#) < at(r#""name":"g""#), "{text}");
    assert!(at(r#""name":"g""#) < at(r#"{\"y\""#), "{text}");
}

#[test]
fn calls_are_bounded() {
    let many: String = (0..1100)
        .map(|index| call(index, &format!(r#""id":"c{index}","function":{{"name":"f","arguments":"{{}}"}}"#)))
        .collect();
    let wrong = CHAT.reader().feed(many.as_bytes(), &mut Vec::new()).unwrap_err();
    assert!(wrong.0.contains("1024"), "{wrong}");
}

#[test]
fn a_stream_is_bounded_and_must_be_chunks() {
    let feed = |bytes: &[u8]| CHAT.reader().feed(bytes, &mut Vec::new());
    assert!(feed(b"data: {\"choices\":7}\n\n").is_err());
    assert!(feed(b"data: hello\n\n").is_err());
    let many: String =
        (0..200).map(|index| chunk(&format!("{{\"index\":{index},\"delta\":{{}}}}"))).collect();
    assert!(feed(many.as_bytes()).unwrap_err().0.contains("128"));
}

#[test]
fn endings() {
    let text = chunk(r#"{"index":0,"delta":{"content":"a"}}"#);
    let stopped = chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#);
    let last = |stream: String| events(&CHAT, [stream.as_bytes()]).pop().unwrap();
    assert_eq!(last(format!("{text}{stopped}")), Event::End, "without [DONE]");
    assert_eq!(last(format!("{text}{stopped}data: [DONE]")), Event::End, "without the blank line");
    assert_ne!(last(text.clone()), Event::End, "cut");
    assert_eq!(last(format!("{text}data: [DONE]\n\n")), Event::End);
    let failed = format!("{text}event: error\ndata: overloaded\n\n{stopped}data: [DONE]\n\n");
    assert!(matches!(last(failed), Event::Error(error) if error.message == "overloaded"));
    let called = chunk(
        r#"{"index":0,"delta":{"tool_calls":[{"id":"a","function":{"name":"f"}}]},"finish_reason":"stop"}"#,
    );
    assert!(events(&CHAT, [called.as_bytes()]).contains(&Event::Stop {
        choice: 0,
        stop: Stop::ToolCalls,
        sequence: None
    }));
}

#[test]
fn nothing_that_looks_like_success_follows_an_error() {
    let mut stream = translate::Stream::new(&CHAT, &CHAT, &asked());
    let mut out = Vec::new();
    stream.feed(chunk(r#"{"index":0,"delta":{"content":"a"}}"#).as_bytes(), &mut out).unwrap();
    stream.feed(b"data: {\"error\":{\"message\":\"x\"}}\n\ndata: [DONE]\n\n", &mut out).unwrap();
    stream.finish(&mut out);
    stream.interrupt(Default::default(), &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with("\"code\":null}}\n\n") && !text.contains("[DONE]"), "{text}");
    assert_eq!(text.matches("error").count(), 2, "{text}");
    assert_eq!(stream.text_bytes(), 1);
}

#[test]
fn a_caller_of_functions_is_answered_with_a_function_call() {
    let request = read(
        &json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }], "functions": [{ "name": "f" }] }),
    );
    let mut asked = asked();
    asked.request = request.into();
    let answer = CHAT
        .read_answer(br#"{"choices":[{"message":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#)
        .unwrap();
    let body: Value = serde_json::from_slice(&CHAT.write_answer(&answer, &asked)).unwrap();
    assert_eq!(body["choices"][0]["message"]["function_call"], json!({ "name": "f", "arguments": "{}" }));
    assert_eq!(body["choices"][0]["finish_reason"], "function_call");
    assert_eq!((body["id"].as_str(), body["model"].as_str()), (Some("chatcmpl-r-1"), Some("m")));
}

#[test]
fn losses_are_told() {
    let mut losses = Losses::default();
    let mut request = read(
        &json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }], "service_tier": "auto" }),
    );
    request.service_tier = Some("standard_only".to_owned());
    request.metadata = serde_json::from_str(r#"{"a":1,"b":"c"}"#).unwrap();
    let written = CHAT.write_request(&request, &mut losses).unwrap();
    assert_eq!(losses.text(), "metadata, service_tier=standard_only");
    let body: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!((&body["metadata"], body.get("service_tier")), (&json!({ "b": "c" }), None));
}

#[test]
fn tiers_of_others_are_not_said() {
    for (tier, said) in [("standard", false), ("reserved", false), ("flex", true), ("default", true)] {
        let answer = Answer { service_tier: Some(tier.to_owned()), ..Answer::default() };
        let written: Value = serde_json::from_slice(&CHAT.write_answer(&answer, &asked())).unwrap();
        assert_eq!(written["service_tier"] == tier, said, "{tier}");
        assert_eq!(written.get("service_tier").is_some(), said, "{tier}");
        let written: Value = serde_json::from_slice(&RESPONSES.write_answer(&answer, &asked())).unwrap();
        assert_eq!(written["service_tier"], if said { tier } else { "default" });
    }
}
