//! For any request that the dialect can say: read, written and read again it is the same; and nothing makes a reader
//! panic.

use super::{asked, events, read, written};
use portcullis_llm::canon::*;
use portcullis_llm::dialect::Chat;
use portcullis_llm::dialect::chat::Incoming;
use portcullis_llm::dialect::gemini::Gemini;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Value, json};

fn word() -> impl Strategy<Value = String> {
    "[a-z]{1,6}"
}

fn signature() -> impl Strategy<Value = Option<String>> {
    of("[A-Za-z0-9]{8}".prop_map(|bare| format!("gemini:{bare}")))
}

fn object_text() -> impl Strategy<Value = String> {
    vec((word(), any::<i32>()), 2..4).prop_map(|members| {
        let members: serde_json::Map<String, Value> =
            members.into_iter().map(|(name, value)| (format!("k{name}"), value.into())).collect();
        Value::Object(members).to_string()
    })
}

fn media() -> impl Strategy<Value = Media> {
    let origin = prop_oneof![
        vec(any::<u8>(), 1..20).prop_map(|bytes| {
            use base64::Engine as _;
            Origin::Data(base64::engine::general_purpose::STANDARD.encode(bytes))
        }),
        word().prop_map(|name| Origin::Url(format!("https://example.com/{name}.png"))),
        word().prop_map(|name| Origin::File(format!("gs://bucket/{name}"))),
    ];
    let kind = prop_oneof![
        Just((MediaKind::Image, "image/png")),
        Just((MediaKind::Audio, "audio/wav")),
        Just((MediaKind::Video, "video/mp4")),
        Just((MediaKind::Document, "application/pdf")),
    ];
    let detail = of(prop_oneof![Just("low".to_owned()), Just("high".to_owned())]);
    (origin, kind, detail, of(word())).prop_map(|(origin, (kind, mime), detail, name)| Media {
        kind,
        mime: Some(mime.to_owned()),
        origin,
        name,
        detail,
        ..Media::default()
    })
}

fn user_part() -> impl Strategy<Value = Part> {
    prop_oneof!["\\PC{1,12}".prop_map(Part::text), media().prop_map(Part::Media)]
}

/// A turn of the model, its calls, and their results.
fn exchange() -> impl Strategy<Value = Vec<Message>> {
    let thought = ("\\PC{1,12}", signature())
        .prop_map(|(text, signature)| Part::Thinking(Thinking { text, signature, redacted: None }));
    let said = ("\\PC{1,12}", signature())
        .prop_map(|(text, signature)| Part::Text(Text { text, signature, ..Text::default() }));
    let calls = vec((word(), object_text(), signature(), "\\PC{0,12}", any::<bool>()), 0..3);
    (vec(user_part(), 1..3), of(thought), vec(said, 1..3), calls).prop_map(|(asked, thought, said, calls)| {
        let mut parts: Vec<Part> = thought.into_iter().chain(said).collect();
        let mut results = Vec::new();
        for (index, (name, arguments, signature, output, failed)) in calls.into_iter().enumerate() {
            let id = format!("id-{index}");
            parts.push(Part::ToolCall(ToolCall {
                id: id.clone(),
                name: name.clone(),
                arguments,
                signature,
                cache: None,
            }));
            let content = vec![Part::text(output)];
            results.push(Part::ToolResult(ToolResult { id, name: Some(name), content, failed, cache: None }));
        }
        let mut turns = vec![
            Message { role: Role::User, parts: asked, name: None },
            Message { role: Role::Assistant, parts, name: None },
        ];
        if !results.is_empty() {
            turns.push(Message { role: Role::User, parts: results, name: None });
        }
        turns
    })
}

fn schema() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]})),
        Just(
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false})
        ),
        Just(json!({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]}})),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let tools = vec((word(), of(word()), of(schema())), 0..3).prop_map(|tools| {
        let tools = tools.into_iter().map(|(name, description, parameters)| Tool::Function {
            name,
            description,
            parameters,
            strict: None,
            cache: None,
        });
        tools.collect::<Vec<_>>()
    });
    let choice = of(prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        Just(ToolChoice::Named("f".to_owned())),
        any::<bool>().prop_map(|must| ToolChoice::Among(vec!["f".to_owned(), "g".to_owned()], must)),
    ]);
    let format = of(prop_oneof![
        Just(Format::Text),
        Just(Format::Json),
        schema().prop_map(|schema| Format::Schema { name: None, description: None, schema, strict: None }),
    ]);
    let number = || of((-200_i32..200).prop_map(|number| f64::from(number) / 100.0));
    let sampling = (number(), number(), of(any::<u32>()), number(), of(any::<i32>()), of(any::<bool>()))
        .prop_map(|(temperature, top_p, top_k, presence_penalty, seed, logprobs)| Sampling {
            temperature,
            top_p,
            top_k: top_k.map(u64::from),
            presence_penalty,
            seed: seed.map(i64::from),
            logprobs,
            ..Sampling::default()
        });
    let effort =
        prop_oneof![Just(Effort::Minimal), Just(Effort::Low), Just(Effort::Medium), Just(Effort::High)];
    let reasoning = of(prop_oneof![
        effort.prop_map(|effort| Reasoning { effort: Some(effort), ..Reasoning::default() }),
        (1_u64..50_000).prop_map(|budget| Reasoning {
            budget: Some(budget),
            summary: Some("auto".to_owned()),
            ..Reasoning::default()
        }),
    ]);
    let rest = (of(1_u64..100_000), vec(word(), 0..3), of(1_u32..4), of(any::<bool>()));
    (of(word()), vec(exchange(), 1..3), (tools, choice, format), sampling, reasoning, rest).prop_map(
        |(system, turns, (tools, tool_choice, format), sampling, reasoning, (max_tokens, stop, n, store))| {
            let system =
                system.map(|text| Message { role: Role::System, parts: vec![Part::text(text)], name: None });
            let mut messages: Vec<Message> = system.into_iter().collect();
            messages.extend(turns.into_iter().flatten());
            Request {
                model: "gemini-3-flash".to_owned(),
                messages,
                tools,
                tool_choice,
                format,
                sampling,
                max_tokens,
                stop,
                n,
                stream: true,
                stream_usage: true,
                reasoning,
                store,
                ..Request::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn written_and_read_it_is_the_same(request in request()) {
        for chat in [Gemini::API, Gemini::VERTEX] {
            let mut losses = Losses::default();
            let written = chat.write_request(&request, &mut losses).unwrap();
            prop_assert!(losses.is_empty(), "{}", losses.text());
            prop_assert_eq!(&read(&written.body), &request);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200), fixture in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        for kind in ["requests", "answers", "streams"] {
            let fixtures = super::fixtures(kind);
            let mut body = fixtures[fixture.index(fixtures.len())].1.clone();
            let at = at.index(body.len());
            body[at] = bytes.first().copied().unwrap_or(b'"');
            for body in [&body, &bytes] {
                let chat = Gemini::API;
                if let Ok(request) = chat.read_request(&Incoming { model: Some("m"), stream: None, body }) {
                    let _ = chat.write_request(&request, &mut Losses::default());
                }
                if let Ok(answer) = chat.read_answer(body) {
                    chat.write_answer(&answer, &asked(&Request::default()));
                }
                chat.read_error(400, body);
                let (mut reader, mut seen) = (chat.reader(), Vec::new());
                let read = reader.feed(body, &mut seen);
                reader.finish(&mut seen);
                if read.is_ok() {
                    prop_assert_eq!(events(body.chunks(3)), seen.clone());
                }
                written(&seen, Gemini::ARRAY);
                let mut watch = chat.watch(true);
                watch.feed(body);
            }
        }
    }
}
