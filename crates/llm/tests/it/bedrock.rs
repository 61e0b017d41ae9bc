//! Bedrock's Converse: what holds for everything that the format can say, what is refused and how. Its fixtures and what is
//! written of them are held against botocore's service model by `fixtures/bedrock/check.py`.

use crate::frames::{frame, shown};
use crate::golden::{self, asked, events};
use portcullis_llm::canon::*;
use portcullis_llm::dialect::Chat;
use portcullis_llm::dialect::bedrock::Converse;
use portcullis_llm::dialect::chat::{Incoming, Written};
use portcullis_llm::dialect::openai::Ending;
use portcullis_llm::stream::eventstream::{self, Value as Header};
use portcullis_llm::translate;
use proptest::prelude::*;
use serde_json::{Value, json};

const MODEL: &str = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";

fn read(body: &[u8]) -> Request {
    // One of a family that takes budgets, and one of another that takes steps.
    let budget = body.windows(13).any(|bytes| bytes == b"budget_tokens");
    let model = if budget { MODEL } else { "anthropic.claude-opus-4-6-v1" };
    Converse.read_request(&Incoming { model: Some(model), stream: Some(true), body }).unwrap()
}

fn write(request: &Request) -> (Written, Losses) {
    let mut losses = Losses::default();
    let written = Converse.write_request(request, &mut losses).unwrap();
    (written, losses)
}

/// Each fixture of a kind of this format.
fn fixtures(kind: &str) -> Vec<(String, Vec<u8>)> {
    let all = golden::fixtures(kind).into_iter();
    all.filter(|(chat, ..)| chat.name() == "bedrock").map(|(_, name, content)| (name, content)).collect()
}

#[test]
fn results_are_known_by_their_tools() {
    let body = json!({ "messages": [
        { "role": "user", "content": [{ "text": "weather?" }] },
        { "role": "assistant", "content": [{ "toolUse": { "toolUseId": "t1", "name": "weather", "input": {} } }] },
        { "role": "user", "content": [{ "toolResult": { "toolUseId": "t1", "content": [{ "text": "18" }] } }] },
    ] });
    let bytes = body.to_string();
    let request =
        Converse.read_request(&Incoming { model: Some("m"), stream: None, body: bytes.as_bytes() }).unwrap();
    // Ollama's format ties results to names.
    let outbound = portcullis_llm::dialect::chat::find("ollama").unwrap();
    let (written, _) = translate::request(&request, outbound, "m", Mode::Drop).unwrap();
    let sent: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!(sent["messages"][2]["tool_name"], "weather");
}

#[test]
fn requests_come_back_as_they_were() {
    for (name, body) in fixtures("requests") {
        let request = read(&body);
        let (written, losses) = write(&request);
        let again = read(&written.body);
        // What within a block only Bedrock knows is lost, and told.
        let (lost, kept): (Vec<_>, Vec<_>) =
            request.native.iter().cloned().partition(|native| native.name.contains('['));
        assert!(lost.iter().all(|native| losses.text().contains(&native.name)), "{name}");
        assert_eq!(losses.is_empty(), lost.is_empty(), "{name}: {}", losses.text());
        assert_eq!(again, Request { native: kept, ..request }, "{name}");
    }
}

#[test]
fn answers_that_pass_are_watched() {
    for (name, body) in fixtures("answers") {
        let answer = Converse.read_answer(&body).unwrap();
        let mut watch = Converse.watch(false);
        let (first, second) = body.split_at(body.len() / 2);
        watch.feed(first);
        assert!(!watch.is_complete());
        watch.feed(second);
        assert!(watch.is_complete() && watch.text_bytes() > 0, "{name}");
        assert_eq!(watch.usage(), answer.usage.map(|usage| usage.usage()), "{name}");
    }
}

#[test]
fn streams_that_pass_are_watched() {
    for (name, bytes) in fixtures("streams") {
        let read = events(&Converse, [&bytes[..]]);
        let complete = matches!(read.last(), Some(Event::End));
        // However far it comes, an end is said only where there was a stop, and bytes end with a message.
        let stop = read.iter().any(|event| matches!(event, Event::Stop { .. }));
        for at in (0..bytes.len()).step_by(7) {
            let cut = events(&Converse, [&bytes[..at]]);
            assert!(cut.last() != Some(&Event::End) || (complete && stop), "{name} cut at {at}");
        }
        let mut watch = Converse.watch(true);
        bytes.chunks(3).for_each(|piece| watch.feed(piece));
        let measured = read.iter().any(|event| matches!(event, Event::Usage(_)));
        assert_eq!(watch.is_complete(), complete && measured, "{name}");
        assert_eq!(watch.is_failed(), matches!(read.last(), Some(Event::Error(_))), "{name}");
        let mut stream = translate::Stream::new(&Converse, &Converse, &asked());
        let mut written = Vec::new();
        stream.feed(&bytes, &mut written).unwrap();
        let ending = stream.finish(&mut written);
        assert_eq!(watch.text_bytes(), stream.text_bytes(), "{name}");
        assert_eq!(watch.usage(), stream.usage().map(|usage| usage.usage()), "{name}");
        // Written and read again it says the same, but for the words of failures, which differ by dialect.
        if ending == Ending::Complete {
            assert_eq!(events(&Converse, [&written[..]]), read, "{name}");
        }
    }
}

#[test]
fn refusals_say_what_and_where() {
    let refused = |body: Value| {
        let body = body.to_string();
        let fault = Converse
            .read_request(&Incoming { model: Some(MODEL), stream: None, body: body.as_bytes() })
            .expect_err(&body);
        format!("{}: {}", fault.code(), fault.public_detail())
    };
    let block = |block: Value| {
        refused(json!({ "messages": [{ "role": "user", "content": [{ "text": "a" }, block] }] }))
    };
    let lines = [
        refused(json!({})),
        refused(json!({ "messages": "hi" })),
        refused(json!({ "messages": [{ "role": "tool", "content": [] }] })),
        refused(json!({ "messages": [{ "role": "user" }] })),
        block(json!({ "text": 1 })),
        block(json!({})),
        block(json!({ "text": "a", "image": {} })),
        block(json!({ "image": { "format": "tiff", "source": { "bytes": "AAAA" } } })),
        block(json!({ "image": { "format": "png", "source": { "s3Location": { "uri": "s3://b/k" } } } })),
        block(json!({ "toolUse": { "toolUseId": "a", "name": "b" } })),
        block(json!({ "toolResult": { "toolUseId": "a", "content": [{ "image": {} }] } })),
        block(json!({ "reasoningContent": { "reasoningText": {} } })),
        refused(json!({ "messages": [], "inferenceConfig": { "maxTokens": -1 } })),
        refused(json!({ "messages": [], "toolConfig": { "tools": [{ "toolSpec": { "name": "a" } }] } })),
        refused(json!({ "messages": [], "toolConfig": { "toolChoice": { "tool": {} } } })),
        refused(
            json!({ "messages": [], "outputConfig": { "textFormat": { "structure": { "jsonSchema": { "schema": "{" } } } } }),
        ),
    ];
    let expected = [
        "member `messages` is missing",
        "member `messages` must be a list",
        "member `messages[0].role` must be `user`, `assistant` or `system`",
        "member `messages[0].content` is missing",
        "member `messages[0].content[1].text` must be a string",
        "member `messages[0].content[1]` must be an object with exactly one member, which says what it is",
        "member `messages[0].content[1]` must be an object with exactly one member, which says what it is",
        "member `messages[0].content[1].image.format` must be one of png, jpeg, gif, webp",
        "member `messages[0].content[1].image.source.s3Location` is a place that only models at Amazon Bedrock can read; send `bytes` to this model",
        "member `messages[0].content[1].toolUse.input` is missing",
        "member `messages[0].content[1].toolResult.content[0].image.source` is missing",
        "member `messages[0].content[1].reasoningContent.reasoningText.text` is missing",
        "member `inferenceConfig.maxTokens` must be a whole number, not negative",
        "member `toolConfig.tools[0].toolSpec.inputSchema` is missing",
        "member `toolConfig.toolChoice.tool.name` is missing",
        "member `outputConfig.textFormat.structure.jsonSchema.schema` must be a JSON schema, as a string",
    ];
    assert_eq!(lines, expected.map(|line| format!("ai_request_invalid: {line}")));
    let twice = Converse.read_request(&Incoming {
        model: None,
        stream: None,
        body: br#"{"messages":[],"system":[{"text":"a","text":"b"}]}"#,
    });
    assert_eq!(twice.unwrap_err().code().name(), "ai_request_ambiguous");
}

#[test]
fn what_other_dialects_said_fits() {
    let text = |role, text: &str| Message { role, parts: vec![Part::text(text)], name: None };
    let call = Part::ToolCall(ToolCall {
        id: "call|1".to_owned(),
        name: "f".to_owned(),
        arguments: "{\"a\": ".to_owned(),
        ..ToolCall::default()
    });
    let result =
        |content| Part::ToolResult(ToolResult { id: "call|1".to_owned(), content, ..ToolResult::default() });
    let foreign = Part::Thinking(Thinking {
        text: "hm".to_owned(),
        signature: Some("gemini:abc".to_owned()),
        redacted: None,
    });
    let request = Request {
        messages: vec![
            text(Role::System, "be brief"),
            text(Role::Developer, "in verse"),
            text(Role::User, "one"),
            text(Role::User, "two"),
            text(Role::User, "  "),
            Message { role: Role::Assistant, parts: vec![foreign, call], name: None },
            Message { role: Role::User, parts: vec![result(vec![])], name: None },
        ],
        tool_choice: Some(ToolChoice::None),
        sampling: Sampling { temperature: Some(1.5), seed: Some(1), top_k: Some(5), ..Sampling::default() },
        max_tokens: Some(10),
        metadata: serde_json::from_value(json!({ "a": "b", "c": "ä" })).unwrap(),
        service_tier: Some("auto".to_owned()),
        user: Some("u".to_owned()),
        ..Request::default()
    };
    let (written, losses) =
        translate::request(&request, &Converse, "meta.llama3-3-70b-instruct-v1:0", Mode::Drop).unwrap();
    insta::assert_snapshot!(std::str::from_utf8(&written.body).unwrap(), @r#"{"messages":[{"role":"user","content":[{"text":"one"},{"text":"two"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"call1-9695bc995e60283a","name":"f","input":{"arguments":"{\"a\": "}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"call1-9695bc995e60283a","content":[{"json":{}}]}}]}],"system":[{"text":"be brief"},{"text":"in verse"}],"inferenceConfig":{"maxTokens":10,"temperature":1.0},"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}]},"requestMetadata":{"a":"b"}}"#);
    insta::assert_snapshot!(losses.text(), @"thinking_signature, developer, seed, user, temperature=1 for 1.5, top_k, thinking, arguments=wrapped, tools=as called before, metadata");
    assert_eq!(written.path, "/model/meta.llama3-3-70b-instruct-v1%3A0/converse");
    let arn = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.a";
    let (written, _) =
        translate::request(&Request { stream: true, ..request }, &Converse, arn, Mode::Drop).unwrap();
    let encoded = "arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Ainference-profile%2Feu.a";
    assert_eq!(written.path, format!("/model/{encoded}/converse-stream"));
}

#[test]
fn encrypted_thoughts_of_others_come_back_as_theirs() {
    let thought =
        Part::Thinking(Thinking { redacted: Some("anthropic:EuYB".to_owned()), ..Thinking::default() });
    let answer = Answer {
        choices: vec![Choice { parts: vec![thought.clone()], ..Choice::default() }],
        ..Answer::default()
    };
    let written: Value = serde_json::from_slice(&Converse.write_answer(&answer, &asked())).unwrap();
    let shown = written["output"]["message"]["content"][0]["reasoningContent"]["redactedContent"].clone();
    let body = json!({ "messages": [{ "role": "assistant", "content": [{ "reasoningContent": { "redactedContent": shown } }] }] });
    assert_eq!(read(body.to_string().as_bytes()).messages[0].parts, [thought]);
}

#[test]
fn nonsense_of_a_provider_is_told() {
    for body in ["", "{}", "[]", r#"{"output":{}}"#, r#"{"output":{"message":{"content":[{"text":1}]}}}"#] {
        assert!(Converse.read_answer(body.as_bytes()).is_err(), "{body}");
    }
    let feed = |bytes: &[u8]| Converse.reader().feed(bytes, &mut Vec::new());
    assert!(feed(b"data: {\"error\":1}\n\n").is_err());
    let mut bytes = Vec::new();
    frame(
        "contentBlockDelta",
        &json!({ "contentBlockIndex": 0, "delta": { "toolUse": { "input": "{" } } }),
        &mut bytes,
    );
    assert!(feed(&bytes).unwrap_err().0.contains("not begun"));
    bytes.clear();
    frame("contentBlockDelta", &json!({ "delta": {} }), &mut bytes);
    assert!(feed(&bytes).unwrap_err().0.contains("`contentBlockDelta`"));
    // Blocks without end.
    bytes.clear();
    for index in 0..300 {
        frame(
            "contentBlockStart",
            &json!({ "contentBlockIndex": index, "start": { "toolUse": { "toolUseId": "a", "name": "b" } } }),
            &mut bytes,
        );
    }
    assert!(feed(&bytes).unwrap_err().0.contains("more content blocks"));
}

#[test]
fn nothing_follows_an_error() {
    let mut writer = Converse.writer(&asked());
    let mut out = Vec::new();
    let error = ProviderError { status: 429, message: "slow down".to_owned(), ..ProviderError::default() };
    for event in [
        Event::Start { id: String::new(), model: String::new(), created: None, usage: None },
        Event::Error(error),
        Event::Stop { choice: 0, stop: Stop::End, sequence: None },
        Event::End,
    ] {
        writer.write(&event, &mut out);
    }
    assert_eq!(
        shown(&out),
        "[\"messageStart\",{\"role\":\"assistant\"}]\n[\"throttlingException\",{\"message\":\"slow down\"}]\n"
    );
}

fn words() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\\n ]{0,12}x"
}

fn cache() -> impl Strategy<Value = Option<Cache>> {
    proptest::option::of(proptest::option::of(Just("1h".to_owned())).prop_map(|ttl| Cache { ttl }))
}

fn text() -> impl Strategy<Value = Part> {
    (words(), cache(), proptest::collection::vec(cited(), 0..2))
        .prop_map(|(text, cache, citations)| Part::Text(Text { text, citations, cache, signature: None }))
}

fn cited() -> impl Strategy<Value = Citation> {
    let place = prop_oneof![
        Just(None),
        (0_u32..9, 0_u32..9).prop_map(|(a, b)| Some(Place::Characters(a, b))),
        (0_u32..9, 0_u32..9).prop_map(|(a, b)| Some(Place::Pages(a, b))),
        (0_u32..9, 0_u32..9).prop_map(|(a, b)| Some(Place::Blocks(a, b))),
    ];
    (proptest::option::of(words()), proptest::option::of(words()), 0_u32..3, place, any::<bool>()).prop_map(
        |(title, quote, document, place, web)| Citation {
            title,
            quote,
            url: web.then(|| "https://example.com/".to_owned()),
            document: (!web).then_some(document),
            place: place.filter(|_| !web),
            ..Citation::default()
        },
    )
}

fn medium() -> impl Strategy<Value = Part> {
    let document = Media {
        mime: Some("application/pdf".to_owned()),
        name: Some("a (1)".to_owned()),
        ..Media::default()
    };
    let image = Media { kind: MediaKind::Image, mime: Some("image/webp".to_owned()), ..Media::default() };
    let text = Media { mime: Some("text/plain".to_owned()), ..document.clone() };
    prop_oneof![
        Just(Media { origin: Origin::Data("AAAA".to_owned()), ..image }),
        (proptest::option::of(words()), proptest::option::of(any::<bool>())).prop_map(
            move |(context, cite)| Media {
                origin: Origin::Data("JVBE".to_owned()),
                context,
                cite,
                ..document.clone()
            }
        ),
        (proptest::collection::vec(words(), 1..3), proptest::option::of(words())).prop_map(
            move |(blocks, source)| Media { origin: Origin::Blocks(blocks), source, ..text.clone() }
        ),
    ]
    .prop_flat_map(|media| cache().prop_map(move |cache| Part::Media(Media { cache, ..media.clone() })))
}

fn tool_call() -> impl Strategy<Value = Part> {
    ("[a-z_]{1,8}", "[a-zA-Z0-9_-]{1,64}", words(), cache()).prop_map(|(id, name, word, cache)| {
        let arguments = json!({ "q": word, "n": 1.50 }).to_string();
        Part::ToolCall(ToolCall { id, name, arguments, signature: None, cache })
    })
}

fn tool_result() -> impl Strategy<Value = Part> {
    let content = prop_oneof![
        words().prop_map(Part::text),
        Just(Part::Media(Media {
            kind: MediaKind::Image,
            mime: Some("image/png".to_owned()),
            origin: Origin::Data("AAAA".to_owned()),
            ..Media::default()
        }))
    ];
    ("[a-z_]{1,8}", proptest::collection::vec(content, 1..3), any::<bool>(), cache()).prop_map(
        |(id, content, failed, cache)| {
            Part::ToolResult(ToolResult { id, name: None, content, failed, cache })
        },
    )
}

fn thought() -> impl Strategy<Value = Part> {
    (words(), any::<bool>()).prop_map(|(text, redacted)| {
        Part::Thinking(match redacted {
            true => Thinking { redacted: Some("bedrock:RW5j".to_owned()), ..Thinking::default() },
            false => Thinking { text, signature: Some("bedrock:EqQB".to_owned()), redacted: None },
        })
    })
}

fn conversation() -> impl Strategy<Value = Vec<Message>> {
    let said = |role, parts| Message { role, parts, name: None };
    let user = proptest::collection::vec(prop_oneof![text(), medium(), tool_result()], 1..4);
    let assistant = proptest::collection::vec(prop_oneof![text(), tool_call(), thought()], 1..4);
    let system = proptest::option::of(proptest::collection::vec(text(), 1..3));
    (system, proptest::collection::vec((user, assistant), 1..3)).prop_map(move |(system, turns)| {
        let mut messages: Vec<_> = system.map(|parts| said(Role::System, parts)).into_iter().collect();
        for (user, assistant) in turns {
            messages.push(said(Role::User, user));
            messages.push(said(Role::Assistant, assistant));
        }
        // Each document has a name of its own, or it would be given one.
        let mut count = 0;
        for part in messages.iter_mut().flat_map(|message| &mut message.parts) {
            if let Part::Media(media) = part
                && media.kind == MediaKind::Document
                && media.source.is_none()
            {
                count += 1;
                media.name = Some(format!("document-{count}"));
            }
        }
        messages
    })
}

fn tools() -> impl Strategy<Value = Vec<Tool>> {
    let tool = ("[a-z_]{1,8}", proptest::option::of(words()), proptest::option::of(any::<bool>()), cache());
    proptest::collection::vec(
        tool.prop_map(|(name, description, strict, cache)| Tool::Function {
            name,
            description,
            parameters: Some(
                json!({ "type": "object", "properties": { "z": {}, "a": { "type": "string" } } }),
            ),
            strict,
            cache,
        }),
        1..3,
    )
}

fn request() -> impl Strategy<Value = Request> {
    let choice = prop_oneof![
        Just(None),
        Just(Some(ToolChoice::Auto)),
        Just(Some(ToolChoice::Required)),
        Just(Some(ToolChoice::Named("f".to_owned())))
    ];
    let format = proptest::option::of(proptest::option::of(words()).prop_map(|name| Format::Schema {
        name,
        description: None,
        schema: json!({ "type": "object" }),
        strict: None,
    }));
    let numbers = (
        proptest::option::of(1_u64..9999),
        proptest::option::of(0.0..1.0_f64),
        proptest::option::of(0.0..1.0_f64),
        proptest::option::of(0_u64..500),
    );
    let others = (proptest::collection::vec(words(), 0..3), any::<bool>(), any::<bool>());
    (conversation(), tools(), choice, format, numbers, others).prop_map(
        |(
            messages,
            tools,
            tool_choice,
            format,
            (max_tokens, temperature, top_p, top_k),
            (stop, stream, tier),
        )| {
            Request {
                model: "anthropic.claude-3-5-haiku-20241022-v1:0".to_owned(),
                messages,
                tools,
                tool_choice,
                format,
                max_tokens,
                stop,
                stream,
                stream_usage: true,
                sampling: Sampling { temperature, top_p, top_k, ..Sampling::default() },
                service_tier: tier.then(|| "priority".to_owned()),
                metadata: serde_json::from_value(json!({ "a": "b" })).unwrap(),
                native: vec![
                    Native { dialect: "bedrock", name: "inferenceConfig.new".to_owned(), value: json!([1]) },
                    Native {
                        dialect: "bedrock",
                        name: "additionalModelRequestFields.x".to_owned(),
                        value: json!({}),
                    },
                    Native {
                        dialect: "bedrock",
                        name: "performanceConfig".to_owned(),
                        value: json!({ "latency": "optimized" }),
                    },
                ],
                ..Request::default()
            }
        },
    )
}

/// Results have only the ids of their calls; the reader finds the tools' names.
fn named(mut request: Request) -> Request {
    let mut called = std::collections::HashMap::new();
    for part in request.messages.iter_mut().flat_map(|message| &mut message.parts) {
        match part {
            Part::ToolCall(call) => _ = called.insert(call.id.clone(), call.name.clone()),
            Part::ToolResult(result) => result.name = called.get(&result.id).cloned(),
            _ => {}
        }
    }
    request
}

proptest! {
    #[test]
    fn requests_come_back(request in request()) {
        let (written, losses) = write(&request);
        prop_assert!(losses.is_empty(), "{}", losses.text());
        let read = Converse.read_request(&Incoming { model: Some(&request.model), stream: Some(request.stream), body: &written.body });
        prop_assert_eq!(read.unwrap(), named(request));
    }

    #[test]
    fn answers_come_back(parts in proptest::collection::vec(prop_oneof![text(), tool_call(), thought()], 0..5), input in 0_u64..9999, cached in proptest::option::of(0_u64..99)) {
        let parts: Vec<Part> = parts.into_iter().map(|part| match part {
            // Answers carry no markers.
            Part::Text(text) => Part::Text(Text { cache: None, ..text }),
            Part::ToolCall(call) => Part::ToolCall(ToolCall { cache: None, ..call }),
            part => part,
        }).collect();
        let usage = Tokens { input: input + cached.unwrap_or(0), output: 7, cache_read: cached, ..Tokens::default() };
        let answer = Answer { choices: vec![Choice { parts, stop: Stop::ToolCalls, ..Choice::default() }], usage: Some(usage), ..Answer::default() };
        let written = Converse.write_answer(&answer, &asked());
        prop_assert_eq!(Converse.read_answer(&written).unwrap(), answer);
    }

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..200), event in "(messageStart|contentBlockStart|contentBlockDelta|contentBlockStop|messageStop|metadata|x)") {
        let _ = Converse.read_answer(&bytes);
        let _ = Converse.read_error(500, &bytes);
        let mut framed = Vec::new();
        eventstream::write(&[(":event-type", Header::Text(&event)), (":message-type", Header::Text("event"))], &bytes, &mut framed);
        let mut said = Vec::new();
        let _ = Converse.reader().feed(&framed, &mut said);
        prop_assert!(!said.contains(&Event::End));
        Converse.watch(true).feed(&framed);
        Converse.watch(false).feed(&bytes);
    }
}
