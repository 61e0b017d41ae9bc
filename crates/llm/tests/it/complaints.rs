//! What other gateways are complained of in public, each as a test of ours: conversations, answers and streams that lost
//! something on their way from one format into another.

use crate::golden::{asked, events};
use portcullis_llm::canon::{Answer, Choice, Event, Mode, Part, Stop};
use portcullis_llm::catalog::Catalog;
use portcullis_llm::dialect::chat::{self, Chat, Incoming};
use portcullis_llm::dialect::openai::Ending;
use portcullis_llm::{Preset, translate};
use portcullis_model::provider::Api;
use serde_json::{Value, json};

fn format(name: &str) -> &'static dyn Chat {
    chat::find(name).unwrap()
}

/// What a caller says, as a provider is told it; and what was lost.
fn told(from: &str, to: &dyn Chat, body: &Value) -> (Value, String) {
    let bytes = body.to_string();
    let incoming = Incoming { model: Some("m"), stream: None, body: bytes.as_bytes() };
    let request = format(from).read_request(&incoming).unwrap();
    let (written, losses) = translate::request(&request, to, "theirs", Mode::Drop).unwrap();
    (serde_json::from_slice(&written.body).unwrap(), losses.text())
}

/// A provider's answer, as a caller hears it.
fn heard(from: &str, to: &str, answer: &Value) -> Result<Value, String> {
    let written = translate::answer(format(from), format(to), answer.to_string().as_bytes(), &asked());
    written.map(|(body, _)| serde_json::from_slice(&body).unwrap()).map_err(|wrong| wrong.to_string())
}

/// A provider's stream, as a caller hears it, and how it ended.
fn streamed(from: &str, to: &str, stream: &str) -> (Vec<u8>, Ending) {
    let mut out = Vec::new();
    let mut under_way = translate::Stream::new(format(from), format(to), &asked());
    for piece in stream.as_bytes().chunks(5) {
        under_way.feed(piece, &mut out).unwrap();
    }
    let ending = under_way.finish(&mut out);
    (out, ending)
}

/// A model that broke off before it said anything is no empty success, whole or streamed.
#[test]
fn an_answer_that_came_to_nothing_is_an_error() {
    let gemini = |content: Value, reason: &str| {
        json!({ "candidates": [{ "content": content, "finishReason": reason, "index": 0 }],
            "usageMetadata": { "promptTokenCount": 3, "totalTokenCount": 3 } })
    };
    let nothing = gemini(json!({}), "MALFORMED_FUNCTION_CALL");
    let half =
        gemini(json!({ "role": "model", "parts": [{ "text": "half an" }] }), "MALFORMED_FUNCTION_CALL");
    for inbound in chat::ALL.iter().filter(|inbound| inbound.name() != "gemini") {
        let name = inbound.name();
        let wrong = heard("gemini", name, &nothing).unwrap_err();
        assert!(wrong.contains("`MALFORMED_FUNCTION_CALL`"), "{name}: {wrong}");
        let (bytes, ending) = streamed("gemini", name, &format!("data: {nothing}\n\n"));
        assert_eq!(ending, Ending::Nothing, "{name}");
        assert!(matches!(events(*inbound, [&bytes[..]]).last(), Some(Event::Error(_))), "{name}");
        // What was said is kept, and looks like no whole answer.
        let (bytes, ending) = streamed("gemini", name, &format!("data: {half}\n\n"));
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("half an") && ending == Ending::Complete, "{name}: {text}");
        let answer = inbound.read_answer(heard("gemini", name, &half).unwrap().to_string().as_bytes());
        let whole = answer.is_ok_and(|answer| matches!(answer.choices[0].stop, Stop::End | Stop::Sequence));
        assert!(!whole, "{name}");
    }
}

/// What came to nothing is paid for all the same, wherever in the answer that is said.
#[test]
fn what_came_to_nothing_says_what_it_used() {
    let gemini = json!({ "candidates": [{ "content": {}, "finishReason": "MALFORMED_FUNCTION_CALL", "index": 0 }],
        "usageMetadata": { "promptTokenCount": 3, "totalTokenCount": 3 } });
    let whole = gemini.to_string();
    let wrong =
        translate::answer(format("gemini"), format("openai"), whole.as_bytes(), &asked()).unwrap_err();
    let translate::Unanswered::Nothing { usage, .. } = wrong else { panic!("{wrong}") };
    assert_eq!(usage.unwrap().usage().input_tokens, 3);
    let garbage = translate::answer(format("gemini"), format("openai"), b"[]", &asked()).unwrap_err();
    assert!(matches!(garbage, translate::Unanswered::Unreadable(_)), "{garbage}");
    let openai = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "error" }] });
    let used =
        json!({ "choices": [], "usage": { "prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3 } });
    for (from, stream) in [
        ("gemini", format!("data: {gemini}\n\n")),
        ("openai", format!("data: {openai}\n\ndata: {used}\n\ndata: [DONE]\n\n")),
    ] {
        let (mut stream_of, mut out) =
            (translate::Stream::new(format(from), format("anthropic"), &asked()), Vec::new());
        stream_of.feed(stream.as_bytes(), &mut out).unwrap();
        assert_eq!(stream_of.finish(&mut out), Ending::Nothing, "{from}");
        assert_eq!(stream_of.usage().unwrap().usage().input_tokens, 3, "{from}");
    }
}

/// A response that failed under a status of success has the status that its code stands for, in every caller's format.
#[test]
fn a_response_that_failed_says_what_it_would_have_been() {
    for (code, status) in [
        (json!("rate_limit_exceeded"), 429),
        (json!("invalid_prompt"), 400),
        (json!("image_content_policy_violation"), 400),
        (json!("context_length_exceeded"), 400),
        (json!("bio_policy"), 400),
        (json!("server_error"), 502),
        // That the account is for another region is none of the caller's doing.
        (json!("data_residency_mismatch"), 502),
        (json!("server_is_overloaded"), 503),
        (json!("vector_store_timeout"), 504),
        (json!("something_new"), 502),
        (Value::Null, 502),
    ] {
        let failed = json!({ "id": "resp_1", "object": "response", "model": "m", "status": "failed", "output": [],
            "error": { "code": code, "message": "in its words" }, "usage": { "input_tokens": 7, "output_tokens": 0 } });
        for inbound in chat::ALL {
            let name = inbound.name();
            let wrong =
                translate::answer(format("responses"), *inbound, failed.to_string().as_bytes(), &asked())
                    .unwrap_err();
            let translate::Unanswered::Failed(failure) = wrong else { panic!("{name} {code}: {wrong}") };
            assert_eq!(failure.error.status, status, "{code}");
            assert_eq!(failure.usage.unwrap().input, 7);
            let (told, body) = inbound.write_error(&failure.error, "r-1");
            assert_eq!(told, status, "{name} {code}");
            assert!(String::from_utf8(body).unwrap().contains("in its words"), "{name} {code}");
        }
    }
    // Without a word of why, and what is under way or was taken back, which is no answer either.
    let mute = translate::answer(
        format("responses"),
        format("openai"),
        br#"{"status":"failed","error":null}"#,
        &asked(),
    );
    assert!(matches!(mute, Err(translate::Unanswered::Failed(failure)) if failure.error.status == 502));
    for status in ["cancelled", "in_progress", "queued"] {
        let odd = json!({ "status": status, "output": [] }).to_string();
        let odd = translate::answer(format("responses"), format("openai"), odd.as_bytes(), &asked());
        assert!(matches!(odd, Err(translate::Unanswered::Unreadable(_))), "{status}");
    }
}

/// One of several answers that came to nothing takes nothing from the others, which may begin later.
#[test]
fn an_answer_that_came_to_nothing_leaves_the_others_be() {
    let said = |choice: Value| format!("data: {}\n\n", json!({ "choices": [choice] }));
    let broke = said(json!({ "index": 0, "delta": {}, "finish_reason": "error" }));
    let word = said(json!({ "index": 1, "delta": { "content": "hello" } }));
    let ended = said(json!({ "index": 1, "delta": {}, "finish_reason": "stop" }));
    let done = "data: [DONE]\n\n";
    for stream in [format!("{broke}{word}{ended}{done}"), format!("{word}{broke}{ended}{done}")] {
        let (bytes, ending) = streamed("openai", "gemini", &stream);
        let text = String::from_utf8_lossy(&bytes);
        assert!(ending == Ending::Complete && text.contains("hello"), "{ending:?}: {text}");
        let heard = events(format("gemini"), [&bytes[..]]);
        let stops = heard.iter().filter(|event| matches!(event, Event::Stop { .. })).count();
        assert_eq!(stops, 2, "{text}");
    }
    // Both of them: an error, once.
    let other = said(json!({ "index": 1, "delta": {}, "finish_reason": "error" }));
    let (bytes, ending) = streamed("openai", "anthropic", &format!("{broke}{other}{done}"));
    let heard = events(format("anthropic"), [&bytes[..]]);
    let errors = heard.iter().filter(|event| matches!(event, Event::Error(_))).count();
    assert_eq!((ending, errors), (Ending::Nothing, 1));
}

#[test]
fn words_of_vendors_for_why_it_ended_are_understood() {
    let read = |word: &str| {
        let answer = json!({ "choices": [{ "index": 0, "message": { "role": "assistant", "content": "a" }, "finish_reason": word }] });
        let answer = format("openai").read_answer(answer.to_string().as_bytes()).unwrap();
        answer.choices[0].stop.clone()
    };
    for (word, stop) in [
        ("eos", Stop::End),
        ("model_length", Stop::Length),
        ("sensitive", Stop::Filtered),
        ("content_filter: PROHIBITED_CONTENT", Stop::Filtered),
        (
            "function_call_filter: MALFORMED_FUNCTION_CALL",
            Stop::Broken("function_call_filter: MALFORMED_FUNCTION_CALL".to_owned()),
        ),
        ("error", Stop::Broken("error".to_owned())),
        ("insufficient_system_resource", Stop::Broken("insufficient_system_resource".to_owned())),
        ("brand_new", Stop::Other("brand_new".to_owned())),
    ] {
        assert_eq!(read(word), stop, "{word}");
    }
    // Nobody hears of an answer that broke off as of one that ended.
    for inbound in chat::ALL {
        let choice = Choice {
            parts: vec![Part::text("half an")],
            stop: Stop::Broken("error".to_owned()),
            ..Choice::default()
        };
        let written = inbound.write_answer(&Answer { choices: vec![choice], ..Answer::default() }, &asked());
        let whole = inbound.read_answer(&written).is_ok_and(|heard| heard.choices[0].stop == Stop::End);
        assert!(!whole, "{}: {}", inbound.name(), String::from_utf8_lossy(&written));
    }
}

/// Vendors whose models go on thinking over the results of tools refuse a conversation without what they thought before.
#[test]
fn thoughts_go_back_to_vendors_that_want_them() {
    let body = json!({
        "model": "m", "max_tokens": 100,
        "tools": [{ "name": "f", "input_schema": { "type": "object" } }],
        "messages": [
            { "role": "user", "content": "a" },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "hm", "signature": "" },
                { "type": "tool_use", "id": "t1", "name": "f", "input": {} },
            ] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t1", "content": "ok" }] },
        ],
    });
    for (preset, back) in
        [("deepseek", true), ("moonshot-intl", true), ("zai", true), ("openai", false), ("mistral", false)]
    {
        let preset = Preset::find(preset).unwrap();
        let outbound = preset.dialect.outbound(preset, None, None).unwrap();
        let (sent, lost) = told("anthropic", &*outbound, &body);
        let said = &sent["messages"][1];
        assert_eq!(said["tool_calls"][0]["id"], "t1");
        assert_eq!(said.get("reasoning_content"), back.then_some(&json!("hm")), "{}", preset.name);
        assert_eq!(lost.contains("thinking"), !back, "{}: {lost}", preset.name);
    }
}

/// Models that think refuse a temperature. Clients send one all the same.
#[test]
fn what_a_model_that_thinks_refuses_is_left_out_aloud() {
    let body = json!({ "model": "m", "max_tokens": 100, "temperature": 0.2, "top_p": 0.9, "messages": [{ "role": "user", "content": "a" }] });
    let preset = Preset::find("openai").unwrap();
    for (model, kept) in [("gpt-5", false), ("o3-pro", false), ("gpt-4.1", true), ("not-known", true)] {
        for api in Api::ALL {
            let known = Catalog::built_in().find("openai", model);
            assert_eq!(known.is_some(), model != "not-known");
            let outbound = preset.dialect.outbound(preset, known, Some(*api)).unwrap();
            let (sent, lost) = told("anthropic", &*outbound, &body);
            assert_eq!(sent.get("temperature").is_some(), kept, "{model} {api:?}");
            assert_eq!(lost, if kept { "" } else { "temperature, top_p" }, "{model} {api:?}");
        }
    }
}

fn sse(events: &[Value]) -> String {
    let event = |event: &Value| match event["type"].as_str() {
        Some(kind) => format!("event: {kind}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    };
    events.iter().map(event).collect()
}

/// The documents of a stream of server-sent events.
fn documents(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
}

/// Two calls at once, in pieces, as a provider of Responses streams them.
fn two_calls() -> String {
    let item = |at: u32, name: &str| json!({ "type": "function_call", "id": format!("fc_{at}"), "call_id": format!("call_{at}"), "name": name, "arguments": "" });
    let mut events = vec![
        json!({ "type": "response.created", "response": { "id": "resp_1", "model": "m", "output": [] } }),
    ];
    for (at, name, pieces) in [(0, "f", ["{\"x\":", "1}"]), (1, "g", ["{\"y\":", "2}"])] {
        events.push(
            json!({ "type": "response.output_item.added", "output_index": at, "item": item(at, name) }),
        );
        for piece in pieces {
            events.push(json!({ "type": "response.function_call_arguments.delta", "output_index": at, "item_id": format!("fc_{at}"), "delta": piece }));
        }
        events
            .push(json!({ "type": "response.output_item.done", "output_index": at, "item": item(at, name) }));
    }
    events.push(json!({ "type": "response.completed", "response": { "id": "resp_1", "model": "m", "status": "completed", "output": [],
        "usage": { "input_tokens": 3, "output_tokens": 5 } } }));
    sse(&events)
}

/// Calls at once have indexes of their own, their first piece says who they are, and no argument is lost.
#[test]
fn calls_in_a_stream_have_their_indexes_and_all_their_arguments() {
    let (bytes, _) = streamed("responses", "openai", &two_calls());
    let chunks = documents(&bytes);
    let pieces: Vec<&Value> = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array())
        .flatten()
        .collect();
    for (at, name, arguments) in [(0, "f", "{\"x\":1}"), (1, "g", "{\"y\":2}")] {
        let own: Vec<&&Value> = pieces.iter().filter(|piece| piece["index"] == at).collect();
        assert_eq!(
            (&own[0]["id"], &own[0]["function"]["name"]),
            (&json!(format!("call_{at}")), &json!(name))
        );
        let said: String = own.iter().filter_map(|piece| piece["function"]["arguments"].as_str()).collect();
        assert_eq!(said, arguments);
    }
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let last = chunks.iter().filter_map(|chunk| chunk["choices"][0]["finish_reason"].as_str()).next_back();
    assert_eq!(last, Some("tool_calls"));
}

/// Whatever order thoughts, words and calls come in: in Messages one block is open at a time, of the kind that its pieces are.
#[test]
fn blocks_of_messages_open_and_close_one_after_the_other() {
    let chunk =
        |delta: Value| json!({ "id": "c", "model": "m", "choices": [{ "index": 0, "delta": delta }] });
    let chat = [
        chunk(json!({ "role": "assistant", "content": "---\n" })),
        chunk(json!({ "reasoning_content": "hm" })),
        chunk(json!({ "content": "I look." })),
        // All of a call in one piece, right behind words.
        chunk(
            json!({ "tool_calls": [{ "index": 0, "id": "a", "type": "function", "function": { "name": "f", "arguments": "{\"x\":1}" } }] }),
        ),
        chunk(json!({ "content": "And again." })),
        chunk(json!({ "reasoning_content": "hm, hm" })),
        json!({ "id": "c", "model": "m", "choices": [{ "index": 0, "delta": {}, "finish_reason": "tool_calls" }] }),
    ];
    for (from, stream) in [("openai", sse(&chat) + "data: [DONE]\n\n"), ("responses", two_calls())] {
        let (bytes, ending) = streamed(from, "anthropic", &stream);
        assert_eq!(ending, Ending::Complete);
        let (mut open, mut next, mut kinds, mut input) = (None, 0, Vec::new(), String::new());
        for event in documents(&bytes) {
            match event["type"].as_str().unwrap() {
                "content_block_start" => {
                    assert_eq!((open.take(), &event["index"]), (None, &json!(next)), "{event}");
                    let kind = event["content_block"]["type"].as_str().unwrap().to_owned();
                    kinds.push(kind.clone());
                    open = Some(kind);
                    next += 1;
                }
                "content_block_delta" => {
                    let expected = match event["delta"]["type"].as_str().unwrap() {
                        "text_delta" => "text",
                        "thinking_delta" | "signature_delta" => "thinking",
                        "input_json_delta" => "tool_use",
                        other => panic!("{other}"),
                    };
                    assert_eq!(
                        (open.as_deref(), &event["index"]),
                        (Some(expected), &json!(next - 1)),
                        "{event}"
                    );
                    input += event["delta"]["partial_json"].as_str().unwrap_or_default();
                }
                "content_block_stop" => assert!(open.take().is_some(), "{event}"),
                _ => {}
            }
        }
        assert_eq!(open, None, "every block is closed");
        if from == "openai" {
            assert_eq!(kinds, ["text", "thinking", "text", "tool_use", "text", "thinking"]);
            assert_eq!(input, "{\"x\":1}");
        } else {
            assert_eq!((kinds.len(), input.as_str()), (2, "{\"x\":1}{\"y\":2}"));
        }
    }
}

/// Figures of a stream are said twice, and cumulative; some vendors say those of the question at the end only.
#[test]
fn tokens_of_messages_are_counted_once() {
    let stream = |start: Value, end: Value| {
        sse(&[
            json!({ "type": "message_start", "message": { "id": "m", "type": "message", "role": "assistant", "model": "x", "content": [], "usage": start } }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "hi" } }),
            json!({ "type": "content_block_stop", "index": 0 }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": end }),
            json!({ "type": "message_stop" }),
        ])
    };
    let counted = |start: Value, end: Value| {
        let (bytes, _) = streamed("anthropic", "openai", &stream(start, end));
        let usage = documents(&bytes).pop().unwrap()["usage"].clone();
        let cached = usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap_or(0);
        (usage["prompt_tokens"].as_u64().unwrap(), cached, usage["completion_tokens"].as_u64().unwrap())
    };
    let cache = |read: u64, written: u64| json!({ "input_tokens": 9, "cache_read_input_tokens": read, "cache_creation_input_tokens": written, "output_tokens": 1 });
    let both = json!({ "input_tokens": 9, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2, "output_tokens": 16 });
    assert_eq!(counted(cache(5, 2), json!({ "output_tokens": 16 })), (16, 5, 16));
    assert_eq!(counted(cache(5, 2), both.clone()), (16, 5, 16));
    assert_eq!(counted(json!({ "input_tokens": 0, "output_tokens": 0 }), both), (16, 5, 16));
    // Anew with what was read from the cache, where the beginning had all of it together.
    let split = json!({ "input_tokens": 18, "cache_read_input_tokens": 8831, "output_tokens": 426 });
    assert_eq!(counted(json!({ "input_tokens": 8834, "output_tokens": 0 }), split), (8849, 8831, 426));
}

/// Each place that Messages and Responses mark for the cache is marked at Bedrock, and at Anthropic.
#[test]
fn marks_for_the_cache_are_kept() {
    let mark = json!({ "type": "ephemeral" });
    let body = json!({
        "model": "m", "max_tokens": 9,
        "system": [{ "type": "text", "text": "s", "cache_control": mark }],
        "tools": [{ "name": "f", "input_schema": { "type": "object" }, "cache_control": mark }],
        "messages": [
            { "role": "user", "content": [{ "type": "text", "text": "a", "cache_control": mark }] },
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "t", "name": "f", "input": {}, "cache_control": mark }] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t", "content": "r", "cache_control": mark }] },
        ],
    });
    let (sent, lost) = told("anthropic", format("bedrock"), &body);
    let point = |list: &Value| list.as_array().unwrap().last().unwrap().get("cachePoint").is_some();
    for list in [
        &sent["system"],
        &sent["toolConfig"]["tools"],
        &sent["messages"][0]["content"],
        &sent["messages"][1]["content"],
        &sent["messages"][2]["content"],
    ] {
        assert!(point(list), "{list}");
    }
    assert!(!lost.contains("cache"), "{lost}");
    let body = json!({ "model": "m", "input": [{ "role": "user", "content": [{ "type": "input_text", "text": "a", "cache_control": mark }] }] });
    let (sent, _) = told("responses", format("anthropic"), &body);
    assert_eq!(sent["messages"][0]["content"][0]["cache_control"], mark);
    // OpenAI's own marks are of other lengths than Anthropic's.
    let breakpoint = json!({ "mode": "explicit", "ttl": "30m" });
    let chat = json!({ "model": "m", "messages": [{ "role": "user", "content": [{ "type": "text", "text": "a", "prompt_cache_breakpoint": breakpoint }] }] });
    let response = json!({ "model": "m", "input": [{ "role": "user", "content": [{ "type": "input_text", "text": "a", "prompt_cache_breakpoint": breakpoint }] }] });
    for (caller, body) in [("openai", chat), ("responses", response)] {
        let (sent, _) = told(caller, format("anthropic"), &body);
        let marked = &sent["messages"][0]["content"][0]["cache_control"];
        assert_eq!(*marked, json!({ "type": "ephemeral", "ttl": "1h" }), "{caller}");
    }
}

/// Results of calls made at once come back together and in front, wherever the caller put them.
#[test]
fn results_of_calls_at_once_stand_together() {
    let call =
        |id: &str| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "" } });
    let body = json!({ "model": "m", "messages": [
        { "role": "user", "content": "a" },
        { "role": "assistant", "content": null, "tool_calls": [call("1"), call("2")] },
        { "role": "tool", "tool_call_id": "2", "content": "two" },
        { "role": "tool", "tool_call_id": "1", "content": "one" },
        { "role": "user", "content": "and?" },
    ] });
    let (sent, _) = told("openai", format("anthropic"), &body);
    let turns = sent["messages"].as_array().unwrap();
    assert_eq!(turns.len(), 3, "{sent}");
    assert_eq!(turns[1]["content"][0]["input"], json!({}), "no arguments are an empty object");
    let kinds: Vec<_> =
        turns[2]["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["tool_result", "tool_result", "text"]);
    let (sent, _) = told("openai", format("gemini"), &body);
    let parts = sent["contents"][2]["parts"].as_array().unwrap();
    assert!(
        parts[0].get("functionResponse").is_some() && parts[1].get("functionResponse").is_some(),
        "{sent}"
    );
    let (sent, _) = told("openai", format("responses"), &body);
    let kinds: Vec<_> =
        sent["input"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "message",
            "function_call",
            "function_call",
            "function_call_output",
            "function_call_output",
            "message"
        ]
    );
}

/// What callers of Messages choose among tools, in Responses' words: texts where it wants texts.
#[test]
fn choices_of_tools_are_what_responses_takes() {
    let said = |choice: Value| {
        let body = json!({ "model": "m", "max_tokens": 20, "tools": [{ "name": "f", "input_schema": { "type": "object" } }], "tool_choice": choice,
            "messages": [{ "role": "user", "content": "a" }] });
        told("anthropic", format("responses"), &body).0
    };
    for (choice, expected) in [
        (json!({ "type": "auto" }), json!("auto")),
        (json!({ "type": "any" }), json!("required")),
        (json!({ "type": "none" }), json!("none")),
        (json!({ "type": "tool", "name": "f" }), json!({ "type": "function", "name": "f" })),
    ] {
        assert_eq!(said(choice)["tool_choice"], expected);
    }
    let single = said(json!({ "type": "auto", "disable_parallel_tool_use": true }));
    assert_eq!((&single["parallel_tool_calls"], &single["max_output_tokens"]), (&json!(false), &json!(20)));
    assert_eq!(single["store"], false, "nothing stays there");
}

/// A chat for Responses: its members under their new names, and none of the old ones.
#[test]
fn a_chat_becomes_a_response() {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"], "additionalProperties": false });
    let body = json!({
        "model": "m", "max_completion_tokens": 500, "reasoning_effort": "high", "verbosity": "low", "prompt_cache_key": "k", "user": "u",
        "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": schema, "strict": true } },
        "messages": [
            { "role": "system", "content": "be brief" },
            { "role": "user", "content": [
                { "type": "text", "text": "what is this?" },
                { "type": "image_url", "image_url": { "url": "https://example.com/a.png", "detail": "low" } },
            ] },
        ],
    });
    let (sent, lost) = told("openai", format("responses"), &body);
    assert_eq!(lost, "");
    assert_eq!(
        sent,
        json!({
            "model": "theirs", "instructions": "be brief", "max_output_tokens": 500, "prompt_cache_key": "k", "store": false, "user": "u",
            "input": [{ "type": "message", "role": "user", "content": [
                { "type": "input_text", "text": "what is this?" },
                { "type": "input_image", "image_url": "https://example.com/a.png", "detail": "low" },
            ] }],
            "reasoning": { "effort": "high" },
            "include": ["reasoning.encrypted_content"],
            "text": { "format": { "type": "json_schema", "name": "n", "schema": schema, "strict": true }, "verbosity": "low" },
        })
    );
    // Others of its members there is no word for.
    let (_, lost) = told(
        "openai",
        format("responses"),
        &json!({ "model": "m", "seed": 1, "messages": [{ "role": "user", "content": "a" }] }),
    );
    assert_eq!(lost, "seed");
}

/// Thoughts that somebody else signed are no words of the answer to a provider of Responses; its own come back whole.
#[test]
fn thoughts_go_back_to_responses_as_thoughts_or_not_at_all() {
    let answer = json!({ "id": "resp_1", "status": "completed", "model": "m", "output": [
        { "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA" },
        { "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}" },
    ], "usage": { "input_tokens": 1, "output_tokens": 2 } });
    for caller in ["anthropic", "openai"] {
        let heard = heard("responses", caller, &answer).unwrap();
        let body = if caller == "anthropic" {
            json!({ "model": "m", "max_tokens": 20, "tools": [{ "name": "f", "input_schema": { "type": "object" } }], "messages": [
                { "role": "user", "content": "a" },
                { "role": "assistant", "content": heard["content"] },
                { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "call_1", "content": "ok" }] },
            ] })
        } else {
            json!({ "model": "m", "messages": [
                { "role": "user", "content": "a" },
                heard["choices"][0]["message"],
                { "role": "tool", "tool_call_id": "call_1", "content": "ok" },
            ] })
        };
        let (sent, _) = told(caller, format("responses"), &body);
        let items = sent["input"].as_array().unwrap();
        assert_eq!(
            items[1],
            json!({ "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA" }),
            "{caller}: {sent}"
        );
        assert_eq!(
            (&items[2]["type"], &items[3]["type"]),
            (&json!("function_call"), &json!("function_call_output"))
        );
    }
    let foreign = json!({ "model": "m", "max_tokens": 20, "messages": [
        { "role": "user", "content": "a" },
        { "role": "assistant", "content": [{ "type": "thinking", "thinking": "secretly", "signature": "EqQ" }, { "type": "text", "text": "b" }] },
        { "role": "user", "content": "c" },
    ] });
    let (sent, lost) = told("anthropic", format("responses"), &foreign);
    assert!(!sent.to_string().contains("secretly") && lost.contains("thinking"), "{lost}: {sent}");
}

/// Words of thoughts that come as they are, not as a summary, are thoughts to every caller.
#[test]
fn plain_thoughts_of_responses_are_heard() {
    let item = json!({ "type": "reasoning", "id": "rs_1", "summary": [], "content": [{ "type": "reasoning_text", "text": "hm" }] });
    let message = json!({ "type": "message", "id": "msg_1", "role": "assistant", "content": [{ "type": "output_text", "text": "I'm", "annotations": [] }] });
    let whole = json!({ "id": "r", "status": "completed", "model": "m", "output": [item, message], "usage": { "input_tokens": 1, "output_tokens": 2 } });
    let answer = heard("responses", "openai", &whole).unwrap();
    assert_eq!(answer["choices"][0]["message"]["reasoning_content"], "hm");
    let stream = sse(&[
        json!({ "type": "response.created", "response": { "id": "r", "model": "m" } }),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": { "type": "reasoning", "id": "rs_1", "summary": [] } }),
        json!({ "type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "hm" }),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": item }),
        // Neither the item nor the part is said to begin.
        json!({ "type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "I" }),
        json!({ "type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "'m" }),
        json!({ "type": "response.completed", "response": whole }),
    ]);
    let chunks = documents(&streamed("responses", "openai", &stream).0);
    let said = |name: &str| -> String {
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"][name].as_str()).collect()
    };
    assert_eq!((said("reasoning_content"), said("content")), ("hm".to_owned(), "I'm".to_owned()));
    let events = documents(&streamed("responses", "anthropic", &stream).0);
    let said: String = events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    assert_eq!(said, "I'm", "no character is lost at the beginning");
}

/// Why an answer ended, from each provider's words into OpenAI's.
#[test]
fn why_it_ended_is_what_the_provider_said() {
    let gemini = |reason: &str| json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": "a" }] }, "finishReason": reason }] });
    let called = json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "functionCall": { "name": "f", "args": {} } }] }, "finishReason": "STOP" }] });
    let response = |status: &str, reason: Value| {
        json!({ "id": "r", "status": status, "incomplete_details": { "reason": reason }, "output": [
        { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "a", "annotations": [] }] } ] })
    };
    for (from, answer, expected) in [
        ("gemini", gemini("STOP"), "stop"),
        ("gemini", gemini("MAX_TOKENS"), "length"),
        ("gemini", gemini("SAFETY"), "content_filter"),
        ("gemini", gemini("MALFORMED_FUNCTION_CALL"), "length"),
        ("gemini", called, "tool_calls"),
        ("responses", response("completed", Value::Null), "stop"),
        ("responses", response("incomplete", json!("max_output_tokens")), "length"),
        ("responses", response("incomplete", json!("content_filter")), "content_filter"),
        ("responses", response("incomplete", json!("something_new")), "length"),
    ] {
        let heard = heard(from, "openai", &answer).unwrap();
        assert_eq!(heard["choices"][0]["finish_reason"], expected, "{answer}");
    }
}
