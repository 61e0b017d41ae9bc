//! OpenAI's Responses: what is refused and how, what lives at the provider, what a provider is sent, order and numbers of
//! the events, and that everything the format can say comes back.

use crate::golden::{asked, fixtures, incoming};
use portcullis_llm::canon::*;
use portcullis_llm::dialect::anthropic::MESSAGES;
use portcullis_llm::dialect::chat::{self, Chat};
use portcullis_llm::dialect::responses::RESPONSES;
use portcullis_llm::translate;
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(body: &Value) -> Request {
    let body = body.to_string();
    RESPONSES.read_request(&incoming(&RESPONSES, body.as_bytes())).unwrap()
}

#[test]
fn refusals_name_the_member() {
    let mut lines = String::new();
    for body in [
        "",
        r#"{"input":"a"}"#,
        r#"{"model":"m","input":5}"#,
        r#"{"model":"m","input":[5]}"#,
        r#"{"model":"m","input":[{"type":7}]}"#,
        r#"{"model":"m","input":[{"role":"robot","content":"a"}]}"#,
        r#"{"model":"m","input":[{"role":"user"}]}"#,
        r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_text"}]}]}"#,
        r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_image"}]}]}"#,
        r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png,abc"}]}]}"#,
        r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_file","file_id":"a","file_url":"b"}]}]}"#,
        r#"{"model":"m","input":[{"type":"function_call","name":"f","arguments":"{}"}]}"#,
        r#"{"model":"m","input":[{"type":"function_call","call_id":"a","name":"f","arguments":{}}]}"#,
        r#"{"model":"m","input":[{"type":"function_call_output","call_id":"a"}]}"#,
        r#"{"model":"m","input":[{"type":"reasoning","summary":[{"type":"summary_text"}]}]}"#,
        r#"{"model":"m","input":[{"role":"user","content":"a","content":"b"}]}"#,
        r#"{"model":"m","input":"a","instructions":["b"]}"#,
        r#"{"model":"m","input":"a","tools":[{"name":"f"}]}"#,
        r#"{"model":"m","input":"a","tools":[{"type":"function","name":"f","parameters":[]}]}"#,
        r#"{"model":"m","input":"a","tool_choice":"any"}"#,
        r#"{"model":"m","input":"a","tool_choice":{"type":"allowed_tools","mode":"some","tools":[]}}"#,
        r#"{"model":"m","input":"a","text":{"format":{"type":"json_schema","name":"n"}}}"#,
        r#"{"model":"m","input":"a","text":{"format":{"type":"xml"}}}"#,
        r#"{"model":"m","input":"a","reasoning":{"effort":"huge"}}"#,
        r#"{"model":"m","input":"a","max_output_tokens":"1"}"#,
        r#"{"model":"m","input":"a","include":"all"}"#,
        r#"{"model":"m","input":"a","metadata":[]}"#,
        r#"{"model":"m","input":"a","model":"n"}"#,
    ] {
        let fault = RESPONSES.read_request(&incoming(&RESPONSES, body.as_bytes())).expect_err(body);
        lines.push_str(&format!("{}: {}\n  {body}\n", fault.code(), fault.public_detail()));
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn no_other_words_is_no_wish_for_how_likely_they_were() {
    let asked = |count: u32| {
        read(&json!({ "model": "m", "input": "a", "top_logprobs": count })).sampling.top_logprobs
    };
    assert_eq!((asked(0), asked(2)), (None, Some(2)));
}

#[test]
fn what_lives_at_the_provider_goes_to_no_other() {
    for (member, value) in [
        ("previous_response_id", json!("resp_1")),
        ("conversation", json!("conv_1")),
        ("prompt", json!({"id": "pmpt_1"})),
        ("background", json!(true)),
    ] {
        let mut body = json!({"model": "m", "input": "a"});
        body[member] = value;
        let refused = translate::request(&read(&body), &MESSAGES, "m", Mode::Drop).unwrap_err();
        assert!(
            refused.public_detail().contains(&format!("member `{member}`")),
            "{}",
            refused.public_detail()
        );
        let (same, _) = translate::request(&read(&body), &RESPONSES, "m", Mode::Strict).unwrap();
        let same: Value = serde_json::from_slice(&same.body).unwrap();
        assert_eq!(same[member], body[member]);
    }
    let body = json!({"model": "m", "input": [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "a"}]});
    let refused = translate::request(&read(&body), &MESSAGES, "m", Mode::Drop).unwrap_err();
    assert!(refused.public_detail().contains("item_reference"), "{}", refused.public_detail());
    // What is so anyway is no wish.
    let body = json!({"model": "m", "input": "a", "background": false, "previous_response_id": null, "truncation": "disabled"});
    let (_, losses) = translate::request(&read(&body), &MESSAGES, "m", Mode::Drop).unwrap();
    assert_eq!(losses.text(), "max_tokens=4096");
}

#[test]
fn a_provider_keeps_nothing_unless_told() {
    let request = Request {
        model: "m".to_owned(),
        messages: vec![Message { role: Role::User, parts: vec![Part::text("hi")], name: None }],
        reasoning: Some(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() }),
        tools: vec![Tool::Function {
            name: "f".to_owned(),
            description: None,
            parameters: Some(json!({"type": "object"})),
            strict: None,
            cache: None,
        }],
        max_tokens: Some(5),
        ..Request::default()
    };
    let (written, losses) = translate::request(&request, &RESPONSES, "m", Mode::Drop).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&written.body).unwrap(),
        json!({
            "model": "m",
            "input": [{"type": "message", "role": "user", "content": "hi"}],
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": false}],
            "reasoning": {"effort": "low"},
            "max_output_tokens": 16,
            "include": ["reasoning.encrypted_content"],
            "store": false,
        })
    );
    assert_eq!(losses.text(), "max_output_tokens=16");
}

/// Thoughts that another vendor signed go to the caller, come back, and reach that vendor as they were.
#[test]
fn signatures_survive_the_way_through_the_caller() {
    let thinking = Thinking {
        text: "I should call it.".to_owned(),
        signature: Some("anthropic:EqQB".to_owned()),
        redacted: None,
    };
    let redacted = Thinking { redacted: Some("anthropic:EmwK".to_owned()), ..Thinking::default() };
    let call = ToolCall {
        id: "call_1".to_owned(),
        name: "f".to_owned(),
        arguments: "{}".to_owned(),
        ..ToolCall::default()
    };
    let parts =
        vec![Part::Thinking(thinking.clone()), Part::Thinking(redacted.clone()), Part::ToolCall(call)];
    let choice = Choice { parts: parts.clone(), stop: Stop::ToolCalls, ..Choice::default() };
    let answer = Answer { choices: vec![choice], ..Answer::default() };
    let whole: Value = serde_json::from_slice(&RESPONSES.write_answer(&answer, &asked())).unwrap();
    let streamed: Value = {
        let (mut writer, mut out) = (RESPONSES.writer(&asked()), Vec::new());
        for (part, said) in (0..).zip(&parts) {
            let opening = Opening::Whole(Box::new(said.clone()));
            writer.write(&Event::Open { choice: 0, part, opening }, &mut out);
            writer.write(&Event::Close { choice: 0, part }, &mut out);
        }
        writer.write(&Event::End, &mut out);
        let out = String::from_utf8(out).unwrap();
        let last = out.rsplit("data: ").next().unwrap();
        serde_json::from_str::<Value>(last).unwrap()["response"].take()
    };
    for response in [whole, streamed] {
        let mut input = response["output"].as_array().unwrap().clone();
        input.push(json!({"type": "function_call_output", "call_id": "call_1", "output": "done"}));
        let request = read(&json!({"model": "claude-sonnet-4-5", "input": input}));
        assert_eq!(request.messages[0].parts, parts);
        let (written, _) = translate::request(&request, &MESSAGES, "claude-sonnet-4-5", Mode::Drop).unwrap();
        let body: Value = serde_json::from_slice(&written.body).unwrap();
        assert_eq!(
            body["messages"][1]["content"],
            json!([
                {"type": "thinking", "thinking": "I should call it.", "signature": "EqQB"},
                {"type": "redacted_thinking", "data": "EmwK"},
                {"type": "tool_use", "id": "call_1", "name": "f", "input": {}},
            ])
        );
    }
}

/// Types and places of events, of a stream in which calls go on at the same time.
#[test]
fn events_have_their_order_and_numbers() {
    let (mut writer, mut out) = (RESPONSES.writer(&asked()), Vec::new());
    let open = |part, opening| Event::Open { choice: 0, part, opening };
    let delta = |part, delta| Event::Delta { choice: 0, part, delta };
    let close = |part| Event::Close { choice: 0, part };
    let call = |id: &str| Opening::ToolCall { id: id.to_owned(), name: "f".to_owned() };
    let arguments = |text: &str| Delta::Arguments(text.to_owned());
    for event in [
        Event::Start { id: "msg_1".to_owned(), model: String::new(), created: None, usage: None },
        open(0, Opening::Text),
        open(1, Opening::Thinking),
        close(1),
        delta(0, Delta::Text("Hi".to_owned())),
        Event::Ping,
        close(0),
        open(2, Opening::Text),
        delta(2, Delta::Text("there".to_owned())),
        close(2),
        open(3, call("a")),
        open(4, call("b")),
        delta(3, arguments("{")),
        delta(4, arguments("{}")),
        delta(3, arguments("}")),
        Event::Open { choice: 1, part: 0, opening: Opening::Text },
        Event::Stop { choice: 0, stop: Stop::Length, sequence: None },
        Event::Usage(Tokens { input: 10, output: 2, cache_read: Some(4), ..Tokens::default() }),
        Event::End,
        Event::Error(ProviderError::default()),
    ] {
        writer.write(&event, &mut out);
    }
    let mut lines = String::new();
    for (number, data) in
        String::from_utf8(out).unwrap().lines().filter_map(|line| line.strip_prefix("data: ")).enumerate()
    {
        let event: Value = serde_json::from_str(data).unwrap();
        assert_eq!(event["sequence_number"], number);
        let place = |name: &str| event[name].as_u64().map(|at| format!(" {name}={at}")).unwrap_or_default();
        lines.push_str(&format!(
            "{}{}{}\n",
            event["type"].as_str().unwrap(),
            place("output_index"),
            place("content_index")
        ));
        if event["type"] == "response.incomplete" {
            lines.push_str(&format!("{:#}\n", event["response"]));
        }
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn an_error_ends_it_and_nonsense_is_said() {
    let (mut writer, mut out) = (RESPONSES.writer(&asked()), Vec::new());
    let error = ProviderError {
        kind: Some("overloaded_error".to_owned()),
        message: "later".to_owned(),
        ..ProviderError::default()
    };
    writer.write(&Event::Error(error), &mut out);
    writer.write(&Event::End, &mut out);
    insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
    event: error
    data: {"type":"error","sequence_number":0,"code":"overloaded_error","message":"later","param":null,"error":{"type":"overloaded_error","code":"overloaded_error","message":"later","param":null}}
    "#);
    for (broken, why) in [
        ("data: nonsense\n\n", "cannot be read"),
        ("data: {\"type\":\"response.created\"}\n\n", "lacks its `response`"),
        ("data: {\"type\":\"response.output_text.delta\"}\n\n", "lacks its `delta`"),
    ] {
        let said = RESPONSES.reader().feed(broken.as_bytes(), &mut Vec::new()).unwrap_err();
        assert!(said.0.contains(why), "{said}");
    }
    let opened: String = (0..600)
        .map(|index| format!("data: {{\"type\":\"response.output_item.added\",\"output_index\":{index},\"item\":{{\"type\":\"reasoning\"}}}}\n\n"))
        .collect();
    assert!(RESPONSES.reader().feed(opened.as_bytes(), &mut Vec::new()).is_err(), "open items are bounded");
    let failed = br#"{"id":"resp_1","status":"failed","error":{"code":"server_error","message":"m"}}"#;
    assert!(RESPONSES.read_answer(failed).unwrap_err().0.contains("`failed` `server_error`: m"));
}

fn words() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\{]{1,8}( [a-z😀]{1,4})?"
}

fn medium() -> impl Strategy<Value = Part> {
    let place = prop_oneof![
        words().prop_map(|url| (None, Origin::Url(url))),
        words().prop_map(|id| (None, Origin::File(id))),
        Just((Some("image/png".to_owned()), Origin::Data("AAAA".to_owned()))),
    ];
    let detail = proptest::option::of(prop_oneof![Just("low"), Just("high")]);
    (place, any::<bool>(), words(), detail).prop_map(|((mime, origin), image, name, detail)| {
        let kind = if image { MediaKind::Image } else { MediaKind::Document };
        let name = (!image).then_some(name);
        Part::Media(Media { kind, mime, origin, name, detail: detail.map(str::to_owned), ..Media::default() })
    })
}

fn said() -> impl Strategy<Value = Vec<Part>> {
    proptest::collection::vec(prop_oneof![words().prop_map(Part::text), medium()], 1..3)
}

/// Turns as items make them: results have a message of their own.
fn turns() -> impl Strategy<Value = Vec<Message>> {
    let user = said().prop_map(|parts| (Role::User, parts));
    let result = ("[a-z0-9]{1,6}", said()).prop_map(|(id, content)| {
        Part::ToolResult(ToolResult { id: format!("{id}_result"), content, ..ToolResult::default() })
    });
    let results = proptest::collection::vec(result, 1..3).prop_map(|parts| (Role::User, parts));
    let system = (words(), any::<bool>()).prop_map(|(text, developer)| {
        (if developer { Role::Developer } else { Role::System }, vec![Part::text(text)])
    });
    let thinking =
        (words(), "[a-z0-9]{1,6}", proptest::option::of("[a-zA-Z0-9=]{1,6}")).prop_map(|(text, id, data)| {
            let (signature, redacted) = match data {
                None => (Some(format!("responses:rs_{id}")), None),
                Some(data) => (None, Some(format!("responses:rs_{id}:{data}"))),
            };
            Part::Thinking(Thinking { text, signature, redacted })
        });
    let call = ("[a-z0-9]{1,6}", words(), words()).prop_map(|(id, name, arguments)| {
        Part::ToolCall(ToolCall { id, name, arguments, ..ToolCall::default() })
    });
    let native = words().prop_map(|text| Part::Native {
        dialect: "responses",
        value: json!({"type": "web_search_call", "id": text}),
    });
    let part =
        prop_oneof![words().prop_map(Part::text), words().prop_map(Part::Refusal), thinking, call, native];
    let assistant = proptest::collection::vec(part, 1..5).prop_map(|parts| (Role::Assistant, parts));
    proptest::collection::vec(prop_oneof![user, results, system, assistant], 1..5).prop_map(|turns| {
        let mut messages: Vec<Message> = Vec::new();
        for (role, parts) in turns {
            // Two turns of one, of which the second would go on with the first.
            let goes_on = messages.last().is_some_and(|last: &Message| last.role == role);
            if !goes_on {
                messages.push(Message { role, parts, name: None });
            }
        }
        messages
    })
}

fn tools() -> impl Strategy<Value = Vec<Tool>> {
    let tool = prop_oneof![
        (words(), proptest::option::of(words()), any::<bool>()).prop_map(|(name, description, strict)| {
            Tool::Function {
                name,
                description,
                parameters: Some(json!({"type": "object", "properties": {"z": {}, "a": {}}})),
                strict: Some(strict),
                cache: None,
            }
        }),
        Just(Tool::Server {
            dialect: "responses",
            kind: "web_search".to_owned(),
            value: json!({"type": "web_search"})
        }),
    ];
    proptest::collection::vec(tool, 1..3)
}

fn choice() -> impl Strategy<Value = Option<ToolChoice>> {
    prop_oneof![
        Just(None),
        Just(Some(ToolChoice::Auto)),
        Just(Some(ToolChoice::None)),
        Just(Some(ToolChoice::Required)),
        words().prop_map(|name| Some(ToolChoice::Named(name))),
        (proptest::collection::vec(words(), 1..3), any::<bool>())
            .prop_map(|(names, must)| Some(ToolChoice::Among(names, must))),
    ]
}

prop_compose! {
    fn request()(
        messages in turns(),
        (tools, tool_choice, parallel_tools) in prop_oneof![
            Just((Vec::new(), None, None)),
            (tools(), choice(), proptest::option::of(any::<bool>())),
        ],
        form in proptest::option::of((words(), proptest::option::of(words()), proptest::option::of(any::<bool>()))),
        (temperature, top_p, logprobs, top_logprobs) in (proptest::option::of(0.0..=2.0), proptest::option::of(0.0..=1.0), proptest::option::of(Just(true)), proptest::option::of(1_u32..9)),
        reasoning in proptest::option::of((prop_oneof![Just(Effort::None), Just(Effort::Minimal), Just(Effort::Extra), Just(Effort::Max)], proptest::option::of(Just("auto".to_owned())))),
        (user, tier, verbosity) in (proptest::option::of(words()), proptest::option::of(words()), proptest::option::of(words())),
        (max_tokens, stream, store) in (proptest::option::of(16_u64..1_000_000), any::<bool>(), any::<bool>()),
        native in proptest::option::of(words()),
    ) -> Request {
        Request {
            model: "m".to_owned(),
            messages,
            tools,
            tool_choice,
            parallel_tools,
            format: form.map(|(name, description, strict)| Format::Schema { name: Some(name), description, schema: json!({"b": 1, "a": 2}), strict }),
            sampling: Sampling { temperature, top_p, logprobs, top_logprobs, ..Sampling::default() },
            max_tokens,
            stream,
            stream_usage: true,
            reasoning: reasoning.map(|(effort, summary)| Reasoning { effort: Some(effort), summary, ..Reasoning::default() }),
            user,
            service_tier: tier,
            verbosity,
            store: Some(store),
            native: native.into_iter().map(|value| Native { dialect: "responses", name: "prompt_cache_key".to_owned(), value: json!(value) }).collect(),
            ..Request::default()
        }
    }
}

/// Cuts, doubles and spoils pieces of a document.
fn spoiled(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, u8, usize)]) -> Vec<u8> {
    const MEANT: &[u8] = b"{}[]\",:\\ \n0-eu\xff";
    for (place, kind, length) in changes {
        if bytes.is_empty() {
            break;
        }
        let at = place.index(bytes.len());
        let end = (at + length).min(bytes.len());
        match kind % 4 {
            0 => bytes[at] = MEANT[usize::from(*kind) % MEANT.len()],
            1 => _ = bytes.drain(at..end),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

proptest! {
    /// Whatever comes is read or refused; what was read is said to every other format, or refused.
    #[test]
    fn no_bytes_break_it(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 1_usize..200), 0..4),
    ) {
        let ours = |kind: &str| -> Vec<_> {
            let all = fixtures(kind).into_iter();
            all.filter(|(chat, ..)| matches!(chat.name(), "anthropic" | "responses")).collect()
        };
        let all = ours("requests");
        let (chat, _, body) = &all[which.index(all.len())];
        let body = spoiled(body.clone(), &changes);
        if let Ok(request) = chat.read_request(&incoming(*chat, &body)) {
            for other in chat::ALL {
                let _ = translate::request(&request, *other, "m", Mode::Drop);
            }
        }
        let all = ours("answers");
        let (chat, _, body) = &all[which.index(all.len())];
        let body = spoiled(body.clone(), &changes);
        chat.watch(false).feed(&body);
        let _ = chat.read_error(500, &body);
        if let Ok(answer) = chat.read_answer(&body) {
            for other in chat::ALL {
                other.write_answer(&answer, &asked());
            }
        }
        let all = ours("streams");
        let (chat, _, body) = &all[which.index(all.len())];
        let body = spoiled(body.clone(), &changes);
        chat.watch(true).feed(&body);
        let (mut reader, mut events) = (chat.reader(), Vec::new());
        let _ = reader.feed(&body, &mut events);
        reader.finish(&mut events);
        for other in chat::ALL {
            let (mut writer, mut out) = (other.writer(&asked()), Vec::new());
            events.iter().for_each(|event| writer.write(event, &mut out));
        }
    }

    #[test]
    fn what_it_can_say_comes_back(request in request()) {
        let mut losses = Losses::default();
        let written = RESPONSES.write_request(&request, &mut losses).unwrap();
        prop_assert!(losses.is_empty(), "{}", losses.text());
        prop_assert_eq!(RESPONSES.read_request(&incoming(&RESPONSES, &written.body)).unwrap(), request);
    }
}
