//! Anthropic's Messages: what is refused and how, what the API demands of what it is sent, and that everything the format
//! can say comes back.

use portcullis_llm::canon::*;
use portcullis_llm::dialect::anthropic::{MESSAGES, Messages, count};
use portcullis_llm::dialect::chat::{Asked, Chat, Incoming};
use portcullis_llm::translate;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

fn incoming(body: &[u8]) -> Incoming<'_> {
    Incoming { model: None, stream: None, body }
}

#[test]
fn refusals_name_the_member() {
    let mut lines = String::new();
    for body in [
        "",
        "[]",
        r#"{"max_tokens":1,"messages":[]}"#,
        r#"{"model":"m","messages":[]}"#,
        r#"{"model":"m","max_tokens":1}"#,
        r#"{"model":"m","max_tokens":"1","messages":[]}"#,
        r#"{"model":"m","max_tokens":1,"max_tokens":2,"messages":[]}"#,
        r#"{"model":"m","max_tokens":1,"messages":{}}"#,
        r#"{"model":"m","max_tokens":1,"messages":[5]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"content":"a"}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"tool","content":"a"}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user"}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":7}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"text":"a"}]}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":1}]}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"a","role":"x","role":"y"}]}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_use","id":"a","name":"b","input":{}}]}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":"{}"}]}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_result","tool_use_id":"a"}]}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"AA"}}]}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"document"}]}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"forever"}}]}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[],"system":[{"type":"image","source":{"type":"url","url":"u"}}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[],"system":{"text":"a"}}"#,
        r#"{"model":"m","max_tokens":1,"messages":[],"tools":[{"name":"f"}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[],"tools":[{"input_schema":{}}]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[],"tool_choice":{"type":"required"}}"#,
        r#"{"model":"m","max_tokens":1,"messages":[],"tool_choice":{"type":"tool"}}"#,
        r#"{"model":"m","max_tokens":1,"messages":[],"thinking":{"type":"enabled"}}"#,
        r#"{"model":"m","max_tokens":1,"messages":[],"thinking":{}}"#,
        r#"{"model":"m","max_tokens":1,"messages":[],"output_config":{"effort":"huge"}}"#,
        r#"{"model":"m","max_tokens":1,"messages":[],"output_config":{"format":{"type":"json_object"}}}"#,
        r#"{"model":"m","max_tokens":1,"messages":[],"stop_sequences":["a",1]}"#,
        r#"{"model":"m","max_tokens":1,"messages":[],"temperature":"hot"}"#,
    ] {
        let fault = MESSAGES.read_request(&incoming(body.as_bytes())).expect_err(body);
        lines.push_str(&format!("{}: {}\n  {body}\n", fault.code(), fault.public_detail()));
    }
    insta::assert_snapshot!(lines);
}

/// What a provider is sent of `request`, and what was lost on the way.
fn sent(chat: &Messages, request: &Request) -> Result<(Value, String), String> {
    translate::request(request, chat, &request.model, Mode::Drop)
        .map(|(written, losses)| (serde_json::from_slice(&written.body).unwrap(), losses.text()))
        .map_err(|fault| fault.public_detail().to_owned())
}

fn says(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts, name: None }
}

#[test]
fn conversations_are_put_as_the_api_demands() {
    let result = |id: &str| {
        Part::ToolResult(ToolResult {
            id: id.to_owned(),
            content: vec![Part::text("done")],
            ..ToolResult::default()
        })
    };
    let call = |id: &str, arguments: &str| {
        Part::ToolCall(ToolCall {
            id: id.to_owned(),
            name: "f".to_owned(),
            arguments: arguments.to_owned(),
            ..ToolCall::default()
        })
    };
    let foreign = Thinking { text: "hm".to_owned(), signature: Some("gemini:x".to_owned()), redacted: None };
    let request = Request {
        model: "claude-sonnet-4-5".to_owned(),
        messages: vec![
            says(Role::System, vec![Part::text("be good"), Part::text(" ")]),
            says(Role::Developer, vec![Part::text("be brief")]),
            says(Role::Assistant, vec![Part::text("Hello")]),
            says(Role::User, vec![Part::text(""), Part::text("hi")]),
            says(
                Role::Assistant,
                vec![Part::Thinking(foreign), call("functions.f:0", ""), call("b", "not json")],
            ),
            says(Role::User, vec![Part::text("also"), result("functions.f:0")]),
            says(Role::User, vec![result("b")]),
            says(Role::User, vec![Part::text("  \n")]),
            says(Role::Assistant, vec![Part::text("Sure: \n")]),
        ],
        stop: vec![" ".to_owned(), "x".to_owned()],
        ..Request::default()
    };
    let (body, lost) = sent(&MESSAGES, &request).unwrap();
    assert_eq!(
        body,
        json!({
            "model": "claude-sonnet-4-5",
            "max_tokens": 4096,
            "system": [{"type": "text", "text": "be good"}, {"type": "text", "text": "be brief"}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "…"}]},
                {"role": "assistant", "content": "Hello"},
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "x_functions-2ef-3a0", "name": "f", "input": {}},
                    {"type": "tool_use", "id": "b", "name": "f", "input": {"INVALID_JSON": "not json"}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "x_functions-2ef-3a0", "content": "done"},
                    {"type": "tool_result", "tool_use_id": "b", "content": "done"},
                    {"type": "text", "text": "also"},
                ]},
                {"role": "assistant", "content": "Sure:"},
            ],
            "stop_sequences": ["x"],
        })
    );
    assert_eq!(
        lost,
        "thinking_signature, developer, max_tokens=4096, thinking, prefill without white space at its end, messages begin with the user, tool_calls.arguments as an object, stop"
    );
    let (body, _) = sent(&Messages { limit: Some(64_000) }, &request).unwrap();
    assert_eq!(body["max_tokens"], 64_000);
    let silent = Request { messages: vec![says(Role::User, vec![Part::text(" ")])], ..request };
    assert!(sent(&MESSAGES, &silent).unwrap_err().contains("`messages` must have something"));
}

#[test]
fn tools_and_media_of_other_dialects() {
    let media = |kind, mime: &str, data: &str| {
        Part::Media(Media {
            kind,
            mime: Some(mime.to_owned()),
            origin: Origin::Data(data.to_owned()),
            ..Media::default()
        })
    };
    let mut request = Request {
        model: "claude-sonnet-4-5".to_owned(),
        max_tokens: Some(10),
        messages: vec![says(
            Role::User,
            vec![
                media(MediaKind::Image, "image/jpg", "AA=="),
                media(MediaKind::Document, "text/csv", "YSxi"),
            ],
        )],
        tools: vec![Tool::Function {
            name: "f".to_owned(),
            description: None,
            parameters: None,
            strict: None,
            cache: None,
        }],
        parallel_tools: Some(false),
        tool_choice: Some(ToolChoice::Among(vec!["f".to_owned()], true)),
        ..Request::default()
    };
    let (body, _) = sent(&MESSAGES, &request).unwrap();
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AA=="}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        ])
    );
    assert_eq!(body["tools"], json!([{"name": "f", "input_schema": {"type": "object", "properties": {}}}]));
    assert_eq!(body["tool_choice"], json!({"type": "any", "disable_parallel_tool_use": true}));
    request.messages = vec![says(Role::User, vec![media(MediaKind::Document, "application/msword", "AA==")])];
    let refused = sent(&MESSAGES, &request).unwrap_err();
    assert!(refused.contains("a document of type `application/msword` cannot be said"), "{refused}");
}

#[test]
fn tokens_are_counted() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"name":"f","input_schema":{"type":"object"}}]}"#;
    let request = count::read_request(&incoming(body)).unwrap();
    let written = count::write_request(&request, &mut Losses::default()).unwrap();
    assert_eq!(written.path, "/messages/count_tokens");
    assert_eq!(
        serde_json::from_slice::<Value>(&written.body).unwrap(),
        serde_json::from_slice::<Value>(body).unwrap()
    );
    assert_eq!(count::read_answer(&count::write_answer(7)).unwrap(), 7);
    assert!(count::read_answer(b"{}").is_err());
}

fn asked() -> Asked {
    let request = Request { model: "asked".to_owned(), ..Request::default() };
    Asked { id: "r-1".into(), now: 0, request: Arc::new(request) }
}

#[test]
fn nothing_follows_an_error_and_no_success_a_cut() {
    let mut reader = MESSAGES.reader();
    let mut events = Vec::new();
    reader.feed(b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}\n\n", &mut events).unwrap();
    reader.feed(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", &mut events).unwrap();
    reader.finish(&mut events);
    assert!(matches!(&events[..], [Event::Error(error)] if error.kind.as_deref() == Some("api_error")));
    for (broken, why) in [
        ("data: nonsense\n\n", "cannot be read"),
        (
            "data: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"text_delta\"}}\n\n",
            "block 3 goes on",
        ),
        ("data: {\"type\":\"content_block_stop\",\"index\":0}\n\n", "block 0 ends"),
        ("data: {\"type\":\"message_start\"}\n\n", "lacks its `message`"),
    ] {
        let said = MESSAGES.reader().feed(broken.as_bytes(), &mut Vec::new()).unwrap_err();
        assert!(said.0.contains(why), "{said}");
    }
    let opened: String = (0..300)
        .map(|index| format!("data: {{\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{{\"type\":\"text\"}}}}\n\n"))
        .collect();
    assert!(MESSAGES.reader().feed(opened.as_bytes(), &mut Vec::new()).is_err(), "open blocks are bounded");
}

#[test]
fn calls_at_the_same_time_and_empty_parts() {
    let mut writer = MESSAGES.writer(&asked());
    let mut out = Vec::new();
    let open = |part, opening| Event::Open { choice: 0, part, opening };
    let call = |id: &str| Opening::ToolCall { id: id.to_owned(), name: "f".to_owned() };
    let piece = |part, text: &str| Event::Delta { choice: 0, part, delta: Delta::Arguments(text.to_owned()) };
    let close = |part| Event::Close { choice: 0, part };
    for event in [
        Event::Start { id: String::new(), model: String::new(), created: None, usage: None },
        open(0, Opening::Text),
        close(0),
        open(1, call("a")),
        piece(1, "{"),
        open(2, call("b")),
        piece(2, "{}"),
        piece(1, "}"),
        close(1),
        close(2),
        Event::Open { choice: 1, part: 0, opening: Opening::Text },
        Event::Stop { choice: 0, stop: Stop::ToolCalls, sequence: None },
        Event::Usage(Tokens { input: 10, output: 2, cache_read: Some(4), ..Tokens::default() }),
        Event::End,
    ] {
        writer.write(&event, &mut out);
    }
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

fn words() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\{]{1,8}( [a-z😀]{1,4})?"
}

fn cache() -> impl Strategy<Value = Option<Cache>> {
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(Cache { ttl: None })),
        1 => Just(Some(Cache { ttl: Some("1h".to_owned()) })),
    ]
}

fn citation() -> impl Strategy<Value = Citation> {
    let place = prop_oneof![
        (0_u32..9, 9_u32..20).prop_map(|(from, to)| Place::Characters(from, to)),
        (1_u32..9, 9_u32..20).prop_map(|(from, to)| Place::Pages(from, to)),
        (0_u32..9, 9_u32..20).prop_map(|(from, to)| Place::Blocks(from, to)),
    ];
    let document = (proptest::option::of(words()), words(), 0_u32..5, place).prop_map(
        |(title, quote, document, place)| Citation {
            title,
            quote: Some(quote),
            document: Some(document),
            place: Some(place),
            ..Citation::default()
        },
    );
    let web = (words(), words()).prop_map(|(quote, token)| Citation {
        url: Some("https://x/".to_owned()),
        quote: Some(quote),
        token: Some(format!("anthropic:{token}")),
        ..Citation::default()
    });
    let found = (words(), words()).prop_map(|(title, quote)| Citation {
        url: Some("https://x/".to_owned()),
        title: Some(title),
        quote: Some(quote),
        document: Some(1),
        place: Some(Place::Blocks(0, 2)),
        ..Citation::default()
    });
    prop_oneof![document, web, found]
}

fn text() -> impl Strategy<Value = Part> {
    (words(), proptest::collection::vec(citation(), 0..2), cache())
        .prop_map(|(text, citations, cache)| Part::Text(Text { text, citations, cache, signature: None }))
}

fn medium() -> impl Strategy<Value = Part> {
    let elsewhere = || {
        prop_oneof![
            words().prop_map(|url| (None, Origin::Url(url))),
            words().prop_map(|id| (None, Origin::File(id))),
        ]
    };
    let image =
        prop_oneof![elsewhere(), Just((Some("image/png".to_owned()), Origin::Data("AAAA".to_owned())))];
    let document = prop_oneof![
        elsewhere(),
        Just((Some("application/pdf".to_owned()), Origin::Data("AAAA".to_owned()))),
        words().prop_map(|text| (None, Origin::Text(text))),
        proptest::collection::vec(words(), 0..3).prop_map(|blocks| (None, Origin::Blocks(blocks))),
    ];
    let title = || proptest::option::of(words());
    prop_oneof![
        (image, cache()).prop_map(|((mime, origin), cache)| Part::Media(Media {
            kind: MediaKind::Image,
            mime,
            origin,
            cache,
            ..Media::default()
        })),
        (document, title(), title(), proptest::option::of(any::<bool>()), cache()).prop_map(
            |((mime, origin), name, context, cite, cache)| Part::Media(Media {
                mime,
                origin,
                name,
                context,
                cite,
                cache,
                ..Media::default()
            })
        ),
        (words(), words(), proptest::collection::vec(words(), 1..3)).prop_map(|(source, title, blocks)| {
            Part::Media(Media {
                origin: Origin::Blocks(blocks),
                name: Some(title),
                source: Some(source),
                ..Media::default()
            })
        }),
    ]
}

fn user() -> impl Strategy<Value = Message> {
    let content = proptest::collection::vec(prop_oneof![text(), medium()], 0..3);
    let result =
        ("[a-zA-Z0-9_-]{1,6}", content, any::<bool>(), cache()).prop_map(|(id, content, failed, cache)| {
            Part::ToolResult(ToolResult { id, name: None, content, failed, cache })
        });
    let said = proptest::collection::vec(prop_oneof![text(), medium()], 1..3);
    (proptest::collection::vec(result, 0..2), said)
        .prop_map(|(results, said)| says(Role::User, results.into_iter().chain(said).collect()))
}

fn assistant() -> impl Strategy<Value = Message> {
    let thinking = prop_oneof![
        (words(), words()).prop_map(|(text, signed)| Thinking {
            text,
            signature: Some(format!("anthropic:{signed}")),
            redacted: None
        }),
        words()
            .prop_map(|data| Thinking { redacted: Some(format!("anthropic:{data}")), ..Thinking::default() }),
    ];
    let call = ("t_[a-zA-Z0-9-]{1,6}", words(), words(), cache()).prop_map(|(id, name, value, cache)| {
        // Never the id of a result here, which would then know the tool's name.
        let arguments = json!({"a": value, "n": 1.5}).to_string();
        Part::ToolCall(ToolCall { id: format!("{id}_call"), name, arguments, signature: None, cache })
    });
    let native = words().prop_map(|kind| Part::Native {
        dialect: "anthropic",
        value: json!({"type": format!("new_{kind}"), "x": [1, null]}),
    });
    let said = prop_oneof![text(), thinking.prop_map(Part::Thinking), call, native];
    proptest::collection::vec(said, 1..4).prop_map(|parts| says(Role::Assistant, parts))
}

fn tool() -> impl Strategy<Value = Tool> {
    prop_oneof![
        (words(), proptest::option::of(words()), proptest::option::of(any::<bool>()), cache()).prop_map(
            |(name, description, strict, cache)| Tool::Function {
                name,
                description,
                parameters: Some(json!({"type": "object", "properties": {"z": {}, "a": {"type": "string"}}})),
                strict,
                cache,
            }
        ),
        Just(Tool::Server {
            dialect: "anthropic",
            kind: "web_search_20250305".to_owned(),
            value: json!({"type": "web_search_20250305", "name": "web_search"}),
        }),
    ]
}

prop_compose! {
    fn conversation()(
        system in proptest::collection::vec((words(), cache()), 0..3),
        turns in proptest::collection::vec((user(), assistant()), 0..3),
        last in user(),
    ) -> Vec<Message> {
        let mut messages = Vec::new();
        if !system.is_empty() {
            let parts = system.into_iter().map(|(text, cache)| Part::Text(Text { text, cache, ..Text::default() }));
            messages.push(says(Role::System, parts.collect()));
        }
        messages.extend(turns.into_iter().flat_map(|(user, assistant)| [user, assistant]));
        messages.push(last);
        messages
    }
}

prop_compose! {
    fn request()(
        messages in conversation(),
        tools in proptest::collection::vec(tool(), 0..3),
        choice in proptest::option::of((prop_oneof![
            Just(ToolChoice::Auto), Just(ToolChoice::Required), words().prop_map(ToolChoice::Named),
        ], proptest::option::of(any::<bool>()))),
        thinks in proptest::option::of(prop_oneof![
            Just(Reasoning { effort: Some(Effort::None), ..Reasoning::default() }),
            Just(Reasoning { effort: Some(Effort::Extra), budget: Some(0), ..Reasoning::default() }),
            Just(Reasoning { effort: Some(Effort::Max), summary: Some("none".to_owned()), ..Reasoning::default() }),
            Just(Reasoning { shown: true, ..Reasoning::default() }),
        ]),
        (temperature, top_p, top_k) in (proptest::option::of(0.0..=1.0), proptest::option::of(0.0..=1.0), proptest::option::of(0_u64..9)),
        form in proptest::option::of(words()),
        (stop, user, tier) in (proptest::collection::vec(words(), 0..2), proptest::option::of(words()), proptest::option::of(prop_oneof![Just("auto"), Just("default")])),
        (max_tokens, stream) in (0_u64..1_000_000, any::<bool>()),
        native in proptest::option::of(words()),
    ) -> Request {
        // Who must call a tool does not think, and who thinks does not choose words otherwise.
        let (tool_choice, parallel_tools) = match choice {
            Some((choice, parallel)) if !tools.is_empty() && thinks.is_none() => (Some(choice), parallel),
            _ => (None, None),
        };
        let sampling = match thinks {
            Some(_) => Sampling::default(),
            None => Sampling { temperature, top_p, top_k, ..Sampling::default() },
        };
        Request {
            // None of the vendor's own, of which each generation takes something else.
            model: "some-model".to_owned(),
            messages,
            tools,
            tool_choice,
            parallel_tools,
            format: form.map(|name| Format::Schema {
                name: None,
                description: None,
                schema: json!({"type": "object", "properties": {name: {"type": "string"}}}),
                strict: Some(true),
            }),
            sampling,
            max_tokens: Some(max_tokens),
            stop,
            stream,
            stream_usage: true,
            reasoning: thinks,
            user,
            service_tier: tier.map(str::to_owned),
            native: native.into_iter().map(|value| Native {
                dialect: "anthropic",
                name: "container".to_owned(),
                value: json!(value),
            }).collect(),
            ..Request::default()
        }
    }
}

proptest! {
    #[test]
    fn what_it_can_say_comes_back(request in request()) {
        let (written, losses) = translate::request(&request, &MESSAGES, &request.model, Mode::Strict).unwrap();
        prop_assert!(losses.is_empty(), "{}", losses.text());
        prop_assert_eq!(MESSAGES.read_request(&incoming(&written.body)).unwrap(), request);
    }

    #[test]
    fn what_was_answered_comes_back(message in assistant(), stop in 0_usize..7, sequence in proptest::option::of(words()),
        (input, read, write, output) in (0_u64..1000, proptest::option::of(0_u64..1000), proptest::option::of(0_u64..1000), 0_u64..1000))
    {
        let stops = [Stop::End, Stop::Length, Stop::Sequence, Stop::ToolCalls, Stop::Paused, Stop::Refused, Stop::ContextFull];
        // Markers are for requests.
        let mut parts = message.parts;
        for part in &mut parts {
            match part {
                Part::Text(text) => text.cache = None,
                Part::ToolCall(call) => call.cache = None,
                _ => {}
            }
        }
        let usage = Tokens {
            input: input + read.unwrap_or(0) + write.unwrap_or(0),
            output,
            cache_read: read,
            cache_write: write,
            ..Tokens::default()
        };
        let answer = Answer {
            id: "msg_1".to_owned(),
            model: "m".to_owned(),
            choices: vec![Choice { parts, stop: stops[stop].clone(), stop_sequence: sequence, ..Choice::default() }],
            usage: Some(usage),
            ..Answer::default()
        };
        let written = MESSAGES.write_answer(&answer, &asked());
        prop_assert_eq!(MESSAGES.read_answer(&written).unwrap(), answer);
    }
}
