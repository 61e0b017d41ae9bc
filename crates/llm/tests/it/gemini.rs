//! Google's `generateContent`: golden fixtures after the vendor's published schema, and what has to hold for all of them.

use crate::golden;
use insta::assert_snapshot;
use portcullis_llm::canon::{Delta, Event, Losses, Message, Origin, Part, Request, Role};
use portcullis_llm::dialect::Chat;
use portcullis_llm::dialect::chat::{Asked, Incoming};
use portcullis_llm::dialect::gemini::Gemini;
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::Arc;

mod properties;

/// Fixtures of this kind: names and texts.
fn fixtures(kind: &str) -> Vec<(String, Vec<u8>)> {
    golden::fixtures(kind)
        .into_iter()
        .filter(|(chat, ..)| chat.name() == "gemini")
        .map(|(_, name, body)| (name, body))
        .collect()
}

fn read(body: &[u8]) -> Request {
    let asked = Incoming { model: Some("gemini-3-flash"), stream: Some(true), body };
    Gemini::API.read_request(&asked).unwrap_or_else(|fault| panic!("{fault}"))
}

fn asked(request: &Request) -> Asked {
    Asked { id: "call-1".into(), now: 1_800_000_000, request: Arc::new(request.clone()) }
}

#[test]
fn requests_come_back_whole() {
    for (name, body) in fixtures("requests") {
        let request = read(&body);
        let mut losses = Losses::default();
        let written = Gemini::API.write_request(&request, &mut losses).unwrap();
        assert!(losses.is_empty(), "{name}: {}", losses.text());
        assert_eq!(read(&written.body), request, "{name}: natives in their order, too");
    }
}

#[test]
fn answers_that_pass_are_understood() {
    for (name, body) in fixtures("answers") {
        let answer = Gemini::API.read_answer(&body).unwrap();
        let mut watch = Gemini::API.watch(false);
        watch.feed(&body);
        assert!(watch.is_complete() && !watch.is_failed(), "{name}");
        assert_eq!(watch.usage(), answer.usage.map(|usage| usage.usage()), "{name}");
    }
}

/// The events of a stream that comes in these pieces; `None` at its end: it was unreadable.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let (mut reader, mut events) = (Gemini::API.reader(), Vec::new());
    for piece in pieces {
        reader.feed(piece, &mut events).unwrap();
    }
    reader.finish(&mut events);
    events
}

fn written(events: &[Event], chat: Gemini) -> Vec<u8> {
    let mut writer = chat.writer(&asked(&Request::default()));
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.write(event, &mut out));
    out
}

#[test]
fn streams_in_both_forms() {
    for (name, body) in fixtures("streams") {
        let whole = events([&body[..]]);
        let again = written(&whole, Gemini::API);

        // Both forms say the same.
        let array = written(&whole, Gemini::ARRAY);
        assert_eq!(text(&events([&array[..]])), text(&events([&again[..]])), "{name}");
        let ended = whole.contains(&Event::End);
        // What a cut stream used goes into the record; callers are told with the end.
        let told: Vec<_> =
            whole.iter().filter(|event| ended || !matches!(event, Event::Usage(_))).cloned().collect();
        assert_eq!(text(&events([&array[..]])), text(&told), "{name}");
        for bytes in [&body, &again, &array] {
            let mut watch = Gemini::API.watch(true);
            bytes.chunks(7).for_each(|piece| watch.feed(piece));
            assert_eq!(watch.is_complete(), ended, "{name}");
            let failed = whole.iter().any(|event| matches!(event, Event::Error(_)));
            assert_eq!(watch.is_failed(), failed, "{name}");
        }
        assert_eq!(
            serde_json::from_slice::<Value>(&array).is_ok(),
            ended || name.contains("error"),
            "{name}"
        );
    }
}

/// What was said, whatever pieces it came in.
fn text(events: &[Event]) -> String {
    let (mut text, mut stops) = (String::new(), Vec::new());
    for event in events {
        match event {
            Event::Delta { choice, delta: Delta::Text(words), .. } => write!(text, "[{choice}]{words}"),
            Event::Delta { delta: Delta::Thinking(words), .. } => write!(text, "[thought]{words}"),
            Event::Delta { delta: Delta::Arguments(words), .. } => {
                write!(text, "[call]{}", serde_json::from_str::<Value>(words).unwrap())
            }
            // Of several answers each ends when it ends, and all are told at the end.
            Event::Stop { choice, stop, .. } => {
                stops.push(format!("[{choice} {stop:?}]"));
                Ok(())
            }
            Event::Usage(usage) => write!(text, "[{usage:?}]"),
            Event::Error(error) => write!(text, "[{} {:?}]", error.status, error.retry_after),
            Event::End => write!(text, "[end]"),
            _ => Ok(()),
        }
        .unwrap();
    }
    stops.sort();
    text + &stops.concat()
}

#[test]
fn a_blocked_prompt_is_an_answer_without_words() {
    let chunk = r#"{"promptFeedback":{"blockReason":"SAFETY","blockReasonMessage":"No."},"usageMetadata":{"promptTokenCount":8},"modelVersion":"m","responseId":"b"}"#;
    let seen = events([format!("data: {chunk}\n\n").as_bytes()]);
    assert_eq!(
        text(&seen),
        "[0]No.[Tokens { input: 8, output: 0, cache_read: None, cache_write: None, reasoning: None, audio_in: None, audio_out: None }][end][0 Filtered]"
    );
    let answer = Gemini::API.read_answer(chunk.as_bytes()).unwrap();
    let written = Gemini::API.write_answer(&answer, &asked(&Request::default()));
    assert_eq!(Gemini::API.read_answer(&written).unwrap(), answer);
}

#[test]
fn line_ends_in_arguments_do_not_end_the_event() {
    let chunk = "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\r\n\"a\":\n\"x\\n\"}}}]},\"finishReason\":\"STOP\"}]}";
    let seen = events([format!("[{chunk}]").as_bytes()]);
    assert!(text(&seen).starts_with(r#"[call]{"a":"x\n"}[end]"#), "{}", text(&seen));
    assert_eq!(text(&events([&written(&seen, Gemini::API)[..]])), text(&seen));
}

fn refused(body: &str) -> String {
    let asked = Incoming { model: Some("gemini-2.5-pro"), stream: None, body: body.as_bytes() };
    let fault = Gemini::API.read_request(&asked).map(|request| panic!("{request:?}")).unwrap_err();
    format!("{}: {}", fault.code(), fault.public_detail())
}

#[test]
fn refusals_say_what_and_where() {
    let mut shown = String::new();
    for body in [
        "[]",
        "{}",
        r#"{"contents":[]}"#,
        r#"{"contents":[{"parts":["hi"]}]}"#,
        r#"{"contents":[{"role":"system","parts":[]}]}"#,
        r#"{"contents":[{"parts":[{"text":1}]}]}"#,
        r#"{"contents":[{"parts":[{"text":"a","inlineData":{"mimeType":"a/b","data":""}}]}]}"#,
        r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"a/b","data":"?"}}]}]}"#,
        r#"{"contents":[{"parts":[{"inlineData":{"data":"AAAA"}}]}]}"#,
        r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"a/b","data":"AA"},"inline_data":{}}]}]}"#,
        r#"{"contents":[{"parts":[{"functionCall":{"args":{}}}]}]}"#,
        r#"{"contents":[{"parts":[{"functionCall":{"name":"f","args":"{}"}}]}]}"#,
        r#"{"contents":[{"parts":[{"functionResponse":{"name":"f","response":[]}}]}]}"#,
        r#"{"contents":[{"parts":[{"text":"a"}]}],"model":"models/gemini-3-pro"}"#,
        r#"{"contents":[{"parts":[{"text":"a"}]}],"contents":[]}"#,
        r#"{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"topK":1.5}}"#,
        r#"{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"topK":1,"top_k":2}}"#,
        r#"{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"responseSchema":{},"responseJsonSchema":{}}}"#,
        r#"{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"thinkingConfig":{"thinkingBudget":1,"thinkingLevel":"LOW"}}}"#,
        r#"{"contents":[{"parts":[{"text":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"AUTO","allowedFunctionNames":["f"]}}}"#,
        r#"{"contents":[{"parts":[{"text":"a"}]}],"safetySettings":[{"category":"C"}]}"#,
    ] {
        writeln!(shown, "{body}\n    {}", refused(body)).unwrap();
    }
    insta::assert_snapshot!(shown, @r#"
    []
        ai_request_invalid: the body must be a JSON object
    {}
        ai_request_invalid: member `contents` is missing
    {"contents":[]}
        ai_request_invalid: member `contents` is missing
    {"contents":[{"parts":["hi"]}]}
        ai_request_invalid: member `contents[0].parts[0]` must be an object
    {"contents":[{"role":"system","parts":[]}]}
        ai_request_invalid: member `contents[0].role` must be `user` or `model`
    {"contents":[{"parts":[{"text":1}]}]}
        ai_request_invalid: member `contents[0].parts[0].text` must be a string
    {"contents":[{"parts":[{"text":"a","inlineData":{"mimeType":"a/b","data":""}}]}]}
        ai_request_invalid: member `contents[0].parts[0]` has `text` and `inlineData`; a part is one thing, send them as two parts
    {"contents":[{"parts":[{"inlineData":{"mimeType":"a/b","data":"?"}}]}]}
        ai_request_invalid: member `contents[0].parts[0].inlineData.data` must be base64
    {"contents":[{"parts":[{"inlineData":{"data":"AAAA"}}]}]}
        ai_request_invalid: member `contents[0].parts[0].inlineData.mimeType` is missing
    {"contents":[{"parts":[{"inlineData":{"mimeType":"a/b","data":"AA"},"inline_data":{}}]}]}
        ai_request_ambiguous: member `contents[0].parts[0].inlineData` is there in two spellings; send one of them
    {"contents":[{"parts":[{"functionCall":{"args":{}}}]}]}
        ai_request_invalid: member `contents[0].parts[0].functionCall.name` is missing
    {"contents":[{"parts":[{"functionCall":{"name":"f","args":"{}"}}]}]}
        ai_request_invalid: member `contents[0].parts[0].functionCall.args` must be an object
    {"contents":[{"parts":[{"functionResponse":{"name":"f","response":[]}}]}]}
        ai_request_invalid: member `contents[0].parts[0].functionResponse.response` must be an object
    {"contents":[{"parts":[{"text":"a"}]}],"model":"models/gemini-3-pro"}
        ai_request_invalid: member `model` names another model than the path; leave it out
    {"contents":[{"parts":[{"text":"a"}]}],"contents":[]}
        ai_request_ambiguous: member `contents` is there twice, the second time at byte 39; send it once
    {"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"topK":1.5}}
        ai_request_invalid: member `generationConfig.topK` must be a whole number
    {"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"topK":1,"top_k":2}}
        ai_request_ambiguous: member `generationConfig.topK` is there in two spellings; send one of them
    {"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"responseSchema":{},"responseJsonSchema":{}}}
        ai_request_invalid: member `generationConfig.responseJsonSchema` and `responseSchema` say the same; send one of them
    {"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"thinkingConfig":{"thinkingBudget":1,"thinkingLevel":"LOW"}}}
        ai_request_invalid: member `generationConfig.thinkingConfig.thinkingLevel` and `thinkingBudget` are both there; send one of them
    {"contents":[{"parts":[{"text":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"AUTO","allowedFunctionNames":["f"]}}}
        ai_request_invalid: member `toolConfig.functionCallingConfig.allowedFunctionNames` means something with `mode` `ANY` or `VALIDATED` only
    {"contents":[{"parts":[{"text":"a"}]}],"safetySettings":[{"category":"C"}]}
        ai_request_invalid: member `safetySettings[0].threshold` is missing
    "#);
}

fn user(parts: Vec<Part>) -> Message {
    Message { role: Role::User, parts, name: None }
}

#[test]
fn what_other_dialects_say_is_written_as_this_api_wants_it() {
    use portcullis_llm::canon::{ToolCall, ToolResult};
    let call = |id: &str, arguments: &str| {
        Part::ToolCall(ToolCall {
            id: id.to_owned(),
            name: format!("tool_{id}"),
            arguments: arguments.to_owned(),
            ..ToolCall::default()
        })
    };
    let result = |id: &str, text: &str| {
        let content = vec![Part::text(text)];
        user(vec![Part::ToolResult(ToolResult { id: id.to_owned(), content, ..ToolResult::default() })])
    };
    let request = Request {
        model: "gemini-3-pro".to_owned(),
        messages: vec![
            Message { role: Role::Developer, parts: vec![Part::text("be good")], name: None },
            user(vec![Part::text("hi")]),
            Message {
                role: Role::Assistant,
                parts: vec![call("a", "{\"x\": 1.50}"), call("b", "oops")],
                name: None,
            },
            result("a", "{\"deg\": 20.0}"),
            result("b", "{\"error\":\"this is how it is\"}"),
        ],
        ..Request::default()
    };
    let mut losses = Losses::default();
    let written = Gemini::VERTEX.write_request(&request, &mut losses).unwrap();
    assert_eq!(losses.text(), "arguments");
    assert_snapshot!(format!("{}\n{}", written.path, String::from_utf8(written.body).unwrap()), @r#"
    /publishers/google/models/gemini-3-pro:generateContent
    {"systemInstruction":{"parts":[{"text":"be good"}]},"contents":[{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":[{"functionCall":{"id":"a","name":"tool_a","args":{"x": 1.50}},"thoughtSignature":"skip_thought_signature_validator"},{"functionCall":{"id":"b","name":"tool_b","args":{"arguments":"oops"}}}]},{"role":"user","parts":[{"functionResponse":{"id":"a","name":"tool_a","response":{"deg": 20.0}}},{"functionResponse":{"id":"b","name":"tool_b","response":{"output":"{\"error\":\"this is how it is\"}"}}}]}]}
    "#);

    let orphan = Request { messages: vec![result("z", "x")], ..request.clone() };
    let fault = Gemini::API.write_request(&orphan, &mut losses).unwrap_err();
    assert!(fault.public_detail().contains("its id is `z`"), "{fault}");
    let system = Request { messages: vec![request.messages[0].clone()], ..request.clone() };
    let written = Gemini::API.write_request(&system, &mut losses).unwrap();
    assert_eq!(
        String::from_utf8(written.body).unwrap(),
        r#"{"contents":[{"role":"user","parts":[{"text":"be good"}]}]}"#
    );
    let file = portcullis_llm::canon::Media {
        origin: Origin::File("file-abc".to_owned()),
        ..portcullis_llm::canon::Media::default()
    };
    let foreign = Request { messages: vec![user(vec![Part::Media(file)])], ..request };
    let fault = Gemini::API.write_request(&foreign, &mut losses).unwrap_err();
    assert!(fault.public_detail().contains("not by `file-abc`"), "{fault}");
}

#[test]
fn steps_of_thinking_are_said_as_each_generation_knows_them() {
    use portcullis_llm::canon::{Effort, Reasoning};
    let mut shown = String::new();
    for model in [
        "gemini-2.5-flash",
        "gemini-2.5-pro",
        "gemini-3-flash-preview",
        "gemini-3-pro-preview",
        "gemini-4-flash",
    ] {
        for effort in
            [Effort::None, Effort::Minimal, Effort::Medium, Effort::High, Effort::Extra, Effort::Max]
        {
            let request = Request {
                model: model.to_owned(),
                messages: vec![user(vec![Part::text("hi")])],
                reasoning: Some(Reasoning { effort: Some(effort), ..Reasoning::default() }),
                ..Request::default()
            };
            let mut losses = Losses::default();
            let written = Gemini::API.write_request(&request, &mut losses).unwrap();
            let body: Value = serde_json::from_slice(&written.body).unwrap();
            let config = &body["generationConfig"]["thinkingConfig"];
            writeln!(shown, "{model} {effort:?}: {config} {}", losses.text()).unwrap();
        }
    }
    assert_snapshot!(shown, @r#"
    gemini-2.5-flash None: {"thinkingBudget":0} 
    gemini-2.5-flash Minimal: {"thinkingBudget":1024} 
    gemini-2.5-flash Medium: {"thinkingBudget":8192} 
    gemini-2.5-flash High: {"thinkingBudget":24576} 
    gemini-2.5-flash Extra: {"thinkingBudget":24576} 
    gemini-2.5-flash Max: {"thinkingBudget":24576} 
    gemini-2.5-pro None: {"thinkingBudget":128} reasoning_effort=128
    gemini-2.5-pro Minimal: {"thinkingBudget":1024} 
    gemini-2.5-pro Medium: {"thinkingBudget":8192} 
    gemini-2.5-pro High: {"thinkingBudget":24576} 
    gemini-2.5-pro Extra: {"thinkingBudget":32768} 
    gemini-2.5-pro Max: {"thinkingBudget":32768} 
    gemini-3-flash-preview None: {"thinkingLevel":"MINIMAL"} reasoning_effort=minimal
    gemini-3-flash-preview Minimal: {"thinkingLevel":"MINIMAL"} 
    gemini-3-flash-preview Medium: {"thinkingLevel":"MEDIUM"} 
    gemini-3-flash-preview High: {"thinkingLevel":"HIGH"} 
    gemini-3-flash-preview Extra: {"thinkingLevel":"HIGH"} reasoning_effort=high
    gemini-3-flash-preview Max: {"thinkingLevel":"HIGH"} reasoning_effort=high
    gemini-3-pro-preview None: {"thinkingLevel":"LOW"} reasoning_effort=low
    gemini-3-pro-preview Minimal: {"thinkingLevel":"LOW"} reasoning_effort=low
    gemini-3-pro-preview Medium: {"thinkingLevel":"MEDIUM"} 
    gemini-3-pro-preview High: {"thinkingLevel":"HIGH"} 
    gemini-3-pro-preview Extra: {"thinkingLevel":"HIGH"} reasoning_effort=high
    gemini-3-pro-preview Max: {"thinkingLevel":"HIGH"} reasoning_effort=high
    gemini-4-flash None: {"thinkingLevel":"MINIMAL"} reasoning_effort=minimal
    gemini-4-flash Minimal: {"thinkingLevel":"MINIMAL"} 
    gemini-4-flash Medium: {"thinkingLevel":"MEDIUM"} 
    gemini-4-flash High: {"thinkingLevel":"HIGH"} 
    gemini-4-flash Extra: {"thinkingLevel":"XHIGH"} 
    gemini-4-flash Max: {"thinkingLevel":"XHIGH"} reasoning_effort=xhigh
    "#);
}
