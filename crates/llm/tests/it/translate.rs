//! Every format into every other one: fixtures, and whatever two formats can both say.

use crate::golden::{asked, events, fixtures, incoming, said};
use portcullis_fault::codes;
use portcullis_llm::canon::fields::{self, Target};
use portcullis_llm::canon::{
    Answer, Choice, Event, Format, Losses, Media, MediaKind, Message, Mode, Opening, Origin, Part, Request,
    Role, Sampling, Stop, Text, Tool, ToolCall, ToolChoice, ToolResult,
};
use portcullis_llm::dialect::chat::{self, Chat, Incoming};
use portcullis_llm::translate;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn every_request_goes_everywhere_or_is_refused_with_words() {
    for (inbound, name, body) in fixtures("requests") {
        let request = inbound.read_request(&incoming(inbound, &body)).unwrap();
        // Where both sides are the same nothing is translated.
        for outbound in chat::ALL.iter().filter(|outbound| outbound.name() != inbound.name()) {
            let way = format!("{} {name} to {}", inbound.name(), outbound.name());
            for mode in [Mode::Drop, Mode::Strict] {
                match translate::request(&request, *outbound, "their-model", mode) {
                    Ok((written, losses)) => {
                        assert!(
                            mode == Mode::Drop || losses.is_empty() || kept(&losses),
                            "{way}: {}",
                            losses.text()
                        );
                        let again = Incoming {
                            model: Some("their-model"),
                            stream: Some(request.stream),
                            body: &written.body,
                        };
                        if let Err(fault) = outbound.read_request(&again) {
                            let body = String::from_utf8_lossy(&written.body);
                            panic!("{way}: {}\n{body}", fault.public_detail());
                        }
                    }
                    Err(fault) => {
                        assert_eq!(fault.code(), codes::AI_REQUEST_INVALID, "{way}");
                        assert!(fault.public_detail().contains('`'), "{way}: {}", fault.public_detail());
                    }
                }
            }
        }
    }
}

/// Losses that strict deployments live with: signatures that go to nobody else, and values that had to be changed.
fn kept(losses: &Losses) -> bool {
    losses.text().split(", ").all(|name| {
        name == "thinking_signature"
            || name.contains('=')
            || !fields::ROWS.iter().any(|row| row.field.0 == name)
    })
}

/// What a caller of any format can count on: words, calls, how it ended.
fn told(events: &[Event]) -> (String, String, Vec<(String, String)>, String) {
    let (mut words, mut thoughts, mut calls, mut end) = Default::default();
    let mut opened = std::collections::HashMap::new();
    for event in events {
        use portcullis_llm::canon::Delta;
        match event {
            Event::Open { choice: 0, part, opening } => {
                opened.insert(*part, opening.clone());
                if let Opening::ToolCall { name, .. } = opening {
                    Vec::push(&mut calls, (*part, name.clone(), String::new()));
                }
            }
            Event::Delta { choice: 0, part, delta } => match delta {
                Delta::Text(text) => String::push_str(&mut words, text),
                Delta::Thinking(text) => String::push_str(&mut thoughts, text),
                Delta::Arguments(text) => {
                    let call = calls.iter_mut().find(|(open, ..)| open == part).expect("opened before");
                    call.2.push_str(text);
                }
                _ => {}
            },
            Event::Error(error) => end = format!("error: {}", error.message),
            Event::End => end = "end".to_owned(),
            _ => {}
        }
    }
    let calls = calls
        .into_iter()
        .map(|(_, name, arguments): (u32, String, String)| {
            // Some formats have objects where others have text.
            let value: Option<Value> = serde_json::from_str(&arguments).ok();
            (name, value.map_or_else(|| "{}".to_owned(), |value| value.to_string()))
        })
        .collect();
    (words, thoughts, calls, end)
}

#[test]
fn every_stream_goes_everywhere() {
    for (outbound, name, body) in fixtures("streams") {
        let source = events(outbound, [&body[..]]);
        for inbound in chat::ALL {
            let way = format!("{} {name} to {}", outbound.name(), inbound.name());
            let mut out = Vec::new();
            let mut stream = translate::Stream::new(outbound, *inbound, &asked());
            for piece in body.chunks(11) {
                stream.feed(piece, &mut out).unwrap();
            }
            stream.finish(&mut out);
            let heard = events(*inbound, [&out[..]]);
            assert_eq!(refused(&heard), refused(&source), "{way}: a refusal is one to everybody");
            let (source, heard) = (told(&source), told(&heard));
            // Arguments that were cut off are nobody's.
            if source.3 == "end" {
                assert_eq!(heard.2, source.2, "{way}: calls");
            }
            assert_eq!((&heard.0, &heard.3), (&source.0, &source.3), "{way}");
            assert!(heard.1.is_empty() || heard.1 == source.1, "{way}: thoughts");
        }
    }
}

/// Whether it ended because the model would not, or might not.
fn refused(events: &[Event]) -> bool {
    events
        .iter()
        .any(|event| matches!(event, Event::Stop { choice: 0, stop: Stop::Filtered | Stop::Refused, .. }))
}

/// An answer without a word that looks complete is the worst of all.
#[test]
fn a_refusal_without_words_is_told_in_every_format() {
    for stop in [Stop::Refused, Stop::Filtered] {
        for inbound in chat::ALL {
            let way = format!("{stop:?} to {}", inbound.name());
            let choice = Choice { stop: stop.clone(), ..Choice::default() };
            let answer = Answer { choices: vec![choice], ..Answer::default() };
            let heard = inbound.read_answer(&inbound.write_answer(&answer, &asked())).unwrap();
            assert!(matches!(heard.choices[0].stop, Stop::Filtered | Stop::Refused), "{way}, whole");
            let (id, model) = Default::default();
            let said = [
                Event::Start { id, model, created: None, usage: None },
                Event::Stop { choice: 0, stop: stop.clone(), sequence: None },
                Event::End,
            ];
            let (mut writer, mut out) = (inbound.writer(&asked()), Vec::new());
            said.iter().for_each(|event| writer.write(event, &mut out));
            assert!(refused(&events(*inbound, [&out[..]])), "{way}, streamed");
        }
    }
}

/// Gemini's library takes a comment for a broken answer; the others have a word for nothing new, or none.
#[test]
fn nothing_new_is_said_in_a_way_that_libraries_take() {
    for inbound in chat::ALL {
        let mut out = Vec::new();
        inbound.writer(&asked()).write(&Event::Ping, &mut out);
        let expected: &[u8] = match inbound.name() {
            "openai" | "responses" | "cohere" => b": ping\n\n",
            "anthropic" => b"event: ping\ndata: {\"type\":\"ping\"}\n\n",
            _ => b"",
        };
        assert_eq!(out, expected, "{}", inbound.name());
    }
}

#[test]
fn who_waits_for_thoughts_is_not_left_without_unasked() {
    let ask = |inbound: &str, body: Value| {
        let inbound = chat::find(inbound).unwrap();
        let bytes = body.to_string();
        let incoming =
            Incoming { model: Some("anthropic.claude-opus-4-1-v1"), stream: None, body: bytes.as_bytes() };
        inbound.read_request(&incoming).unwrap()
    };
    let anthropic = |thinking: Value| {
        let messages = json!([{ "role": "user", "content": "a" }]);
        ask(
            "anthropic",
            json!({ "model": "m", "max_tokens": 9000, "messages": messages, "thinking": thinking }),
        )
    };
    let bedrock = |thinking: Value| {
        let messages = json!([{ "role": "user", "content": [{ "text": "a" }] }]);
        ask(
            "bedrock",
            json!({ "messages": messages, "additionalModelRequestFields": { "thinking": thinking } }),
        )
    };
    let gemini = |request: &Request| {
        let outbound = chat::find("gemini").unwrap();
        let (written, losses) = translate::request(request, outbound, "gemini-2.5-pro", Mode::Drop).unwrap();
        let body: Value = serde_json::from_slice(&written.body).unwrap();
        (body["generationConfig"]["thinkingConfig"]["includeThoughts"].as_bool(), losses.text())
    };
    let enabled = json!({ "type": "enabled", "budget_tokens": 2048 });
    assert_eq!(gemini(&anthropic(enabled.clone())), (Some(true), String::new()));
    assert_eq!(gemini(&anthropic(json!({ "type": "adaptive" }))).0, Some(true));
    assert_eq!(gemini(&bedrock(enabled.clone())), (Some(true), String::new()));
    let omitted = json!({ "type": "enabled", "budget_tokens": 2048, "display": "omitted" });
    assert_eq!(gemini(&anthropic(omitted)).0, Some(false));
    assert_eq!(gemini(&anthropic(json!({ "type": "disabled" }))).0, None);
    assert_eq!(gemini(&bedrock(json!({ "type": "disabled" }))).0, None);
    // Callers of chat completions are not shown any, by anybody.
    let effort =
        json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }], "reasoning_effort": "low" });
    assert_eq!(gemini(&ask("openai", effort)).0, None);
    // Where asking might cost the call it is told.
    let responses = chat::find("responses").unwrap();
    let (_, losses) = translate::request(&anthropic(enabled), responses, "m", Mode::Drop).unwrap();
    assert!(losses.text().contains("reasoning_summary=none"), "{}", losses.text());
}

#[test]
fn an_interrupted_stream_ends_with_an_error_in_every_format() {
    for (outbound, name, body) in fixtures("streams") {
        for inbound in chat::ALL {
            let way = format!("{} {name} to {}", outbound.name(), inbound.name());
            let mut out = Vec::new();
            let mut stream = translate::Stream::new(outbound, *inbound, &asked());
            stream.feed(&body[..body.len() / 3], &mut out).unwrap();
            if stream.ended().is_some() {
                continue;
            }
            let error = portcullis_llm::canon::ProviderError {
                status: 200,
                message: "suspended".to_owned(),
                ..Default::default()
            };
            stream.interrupt(error, &mut out);
            stream.feed(&body[body.len() / 3..], &mut out).unwrap();
            stream.finish(&mut out);
            let heard = events(*inbound, [&out[..]]);
            assert!(matches!(heard.last(), Some(Event::Error(_))), "{way}: {}", said(&heard));
        }
    }
}

#[test]
fn every_answer_goes_everywhere() {
    for (outbound, name, body) in fixtures("answers") {
        let source = outbound.read_answer(&body).unwrap();
        for inbound in chat::ALL {
            let way = format!("{} {name} to {}", outbound.name(), inbound.name());
            let (written, usage) = translate::answer(outbound, *inbound, &body, &asked()).unwrap();
            assert_eq!(usage, source.usage);
            let heard = inbound.read_answer(&written).unwrap_or_else(|wrong| panic!("{way}: {wrong}"));
            let words = |answer: &Answer| -> (String, usize) {
                let parts = || answer.choices.first().into_iter().flat_map(|choice| &choice.parts);
                let words = parts().filter_map(|part| match part {
                    Part::Text(text) => Some(text.text.as_str()),
                    Part::Refusal(text) => Some(text.as_str()),
                    _ => None,
                });
                (words.collect(), parts().filter(|part| matches!(part, Part::ToolCall(_))).count())
            };
            assert_eq!(words(&heard), words(&source), "{way}");
            let refused = |answer: &Answer| {
                matches!(
                    answer.choices.first().map(|choice| &choice.stop),
                    Some(Stop::Filtered | Stop::Refused)
                )
            };
            assert_eq!(refused(&heard), refused(&source), "{way}: a refusal is one to everybody");
            if let (Some(heard), Some(source)) = (heard.usage, source.usage) {
                assert_eq!((heard.input, heard.output), (source.input, source.output), "{way}");
            }
        }
    }
}

#[test]
fn every_error_goes_everywhere() {
    for (outbound, name, body) in fixtures("errors") {
        let status: u16 = name[..3].parse().unwrap();
        for inbound in chat::ALL {
            let (shown, written) = translate::error(outbound, *inbound, status, &body, "r-1");
            let way = format!("{} {name} to {}", outbound.name(), inbound.name());
            assert!((400..600).contains(&shown), "{way}: {shown}");
            let source = outbound.read_error(status, &body);
            assert_eq!(shown == 429, source.status == 429, "{way}: a limit stays one");
            assert_eq!(shown >= 500, source.status >= 500, "{way}: whose fault it is stays");
            let heard = inbound.read_error(shown, &written);
            // What is about our account is withheld, and who says nothing is given words.
            assert!(!heard.message.is_empty(), "{way}");
            if source.message.is_empty() {
                continue;
            }
            assert_eq!(heard.message, source.shown(), "{way}");
        }
    }
}

/// A model that takes what its format can say; in some formats not every one does.
const MODEL: &str = "anthropic.claude-3-5-sonnet-20240620-v1:0";

fn word() -> impl Strategy<Value = String> {
    "[a-z]{1,8}"
}

fn words() -> impl Strategy<Value = String> {
    "[a-zA-Zäß🎉\"\\\\<]{1,6}( [a-z.\n]{1,5}[a-z]){0,3}"
}

/// One question, with an image now and then.
fn question() -> impl Strategy<Value = Vec<Message>> {
    (words(), proptest::bool::ANY).prop_map(|(text, image)| {
        let mut parts = vec![Part::text(text)];
        if image {
            parts.push(Part::Media(Media {
                kind: MediaKind::Image,
                mime: Some("image/png".to_owned()),
                origin: Origin::Data("iVBORw0KGgo=".to_owned()),
                ..Media::default()
            }));
        }
        vec![Message { role: Role::User, parts, name: None }]
    })
}

/// A question and its answer: words, or calls of tools and their results.
fn turn() -> impl Strategy<Value = Vec<Message>> {
    let spoken = (question(), words()).prop_map(|(mut turn, answer)| {
        turn.push(Message { role: Role::Assistant, parts: vec![Part::text(answer)], name: None });
        turn
    });
    let called = (question(), proptest::collection::vec((word(), words()), 1..3), words()).prop_map(
        |(mut turn, calls, end)| {
            let call = |(n, (name, text)): (usize, &(String, String))| {
                (format!("id{n}{name}"), name.clone(), json!({ "x": text }).to_string())
            };
            let asked = calls.iter().enumerate().map(call).map(|(id, name, arguments)| {
                Part::ToolCall(ToolCall { id, name, arguments, ..ToolCall::default() })
            });
            turn.push(Message { role: Role::Assistant, parts: asked.collect(), name: None });
            let results = calls.iter().enumerate().map(call).map(|(id, name, text)| {
                let content = vec![Part::text(text)];
                Part::ToolResult(ToolResult { id, name: Some(name), content, ..ToolResult::default() })
            });
            turn.push(Message { role: Role::User, parts: results.collect(), name: None });
            turn.push(Message { role: Role::Assistant, parts: vec![Part::text(end)], name: None });
            turn
        },
    );
    prop_oneof![spoken, called]
}

fn tool() -> impl Strategy<Value = Tool> {
    (word(), proptest::option::of(words())).prop_map(|(name, description)| Tool::Function {
        name,
        description,
        parameters: Some(json!({
            "type": "object", "properties": { "x": { "type": "string", "description": "what" } }, "required": ["x"],
        })),
        strict: None,
        cache: None,
    })
}

/// Halves and quarters survive every way in which numbers are kept.
fn quarter() -> impl Strategy<Value = Option<f64>> {
    proptest::option::of((0u8..=4).prop_map(|quarters| f64::from(quarters) / 4.0))
}

prop_compose! {
    fn request()(
        system in proptest::option::of(words()),
        turns in proptest::collection::vec(turn(), 0..3),
        last in question(),
        tools in proptest::collection::vec(tool(), 0..3),
        choice in 0u8..6,
        parallel in proptest::option::of(Just(false)),
        schema in proptest::bool::ANY,
        numbers in (quarter(), quarter(), quarter(), quarter(), proptest::option::of(1u64..100), proptest::option::of(0i64..1000)),
        // Responses knows no smaller one.
        max_tokens in 16u64..4000,
        stop in proptest::collection::vec(word(), 0..3),
    ) -> Request {
        let mut messages: Vec<Message> = system
            .map(|text| Message { role: Role::System, parts: vec![Part::text(text)], name: None })
            .into_iter()
            .collect();
        messages.extend(turns.into_iter().flatten());
        messages.extend(last);
        let mut tools = tools;
        // Whoever has had tools called has said which there are, each once.
        for message in &messages {
            for part in &message.parts {
                if let Part::ToolCall(call) = part {
                    tools.push(Tool::Function {
                        name: call.name.clone(), description: None, strict: None, cache: None,
                        parameters: Some(json!({ "type": "object", "properties": { "x": { "type": "string" } } })),
                    });
                }
            }
        }
        let mut seen = std::collections::HashSet::new();
        tools.retain(|tool| matches!(tool, Tool::Function { name, .. } if seen.insert(name.clone())));
        let called = messages.iter().any(|message| message.parts.iter().any(|part| matches!(part, Part::ToolCall(_))));
        let named = tools.iter().find_map(|tool| match tool {
            Tool::Function { name, .. } => Some(name.clone()),
            Tool::Custom { .. } | Tool::Server { .. } => None,
        });
        let tool_choice = named.clone().and_then(|name| match choice {
            0 => Some(ToolChoice::Auto),
            // Bedrock has no word for it, and must be told of tools that were called.
            1 if !called => Some(ToolChoice::None),
            2 => Some(ToolChoice::Required),
            3 => Some(ToolChoice::Named(name)),
            4 => Some(ToolChoice::Among(vec![name], true)),
            _ => None,
        });
        let (temperature, top_p, frequency_penalty, presence_penalty, top_k, seed) = numbers;
        Request {
            model: MODEL.to_owned(),
            messages,
            tools,
            tool_choice,
            parallel_tools: named.and(parallel),
            format: schema.then(|| Format::Schema {
                name: None,
                description: None,
                schema: json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"] }),
                strict: None,
            }),
            sampling: Sampling { temperature, top_p, top_k, frequency_penalty, presence_penalty, seed, ..Sampling::default() },
            max_tokens: Some(max_tokens),
            stop,
            ..Request::default()
        }
    }
}

/// What a format can say of it; `None` where it refuses.
fn sayable(request: &Request, chat: &dyn Chat) -> Option<Request> {
    let mut fitted = request.clone();
    let target = Target { dialect: chat.name(), says: chat.says(), cannot: chat.cannot() };
    fields::fit(&mut fitted, target, Mode::Drop, &mut Losses::default()).ok()?;
    Some(fitted)
}

fn through(request: &Request, chat: &dyn Chat) -> Request {
    let (written, _) = translate::request(request, chat, MODEL, Mode::Drop)
        .unwrap_or_else(|fault| panic!("{}: {}", chat.name(), fault.public_detail()));
    let model = matches!(chat.name(), "gemini" | "bedrock").then_some(MODEL);
    let incoming = Incoming { model, stream: Some(false), body: &written.body };
    chat.read_request(&incoming).unwrap_or_else(|fault| panic!("{}: {}", chat.name(), fault.public_detail()))
}

/// What is compared: all but names that some formats demand and others have no room for, and defaults that are the same
/// as saying nothing.
fn view(request: &Request) -> Value {
    let mut ids = Vec::new();
    let mut number = |id: &String| match ids.iter().position(|known| known == id) {
        Some(at) => at,
        None => {
            ids.push(id.clone());
            ids.len() - 1
        }
    };
    let texts = |parts: &[Part]| -> String {
        let text = |part: &Part| match part {
            Part::Text(Text { text, .. }) => text.clone(),
            other => format!("{other:?}"),
        };
        parts.iter().map(text).collect()
    };
    let messages: Vec<Value> = request
        .messages
        .iter()
        .map(|message| {
            let parts: Vec<Value> = message
                .parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => json!(text.text),
                    Part::Media(media) => {
                        json!([format!("{:?}", media.kind), media.mime, format!("{:?}", media.origin)])
                    }
                    Part::ToolCall(call) => {
                        let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
                        json!({ "call": number(&call.id), "name": call.name, "arguments": arguments })
                    }
                    Part::ToolResult(result) => {
                        json!({ "result": number(&result.id), "of": texts(&result.content) })
                    }
                    other => json!(format!("{other:?}")),
                })
                .collect();
            json!([format!("{:?}", message.role), parts])
        })
        .collect();
    // Where none may be called there are none.
    let callable = request.tools.iter().filter(|_| request.tool_choice != Some(ToolChoice::None));
    let tools: Vec<Value> = callable
        .map(|tool| match tool {
            Tool::Function { name, description, parameters, .. } => json!([name, description, parameters]),
            Tool::Custom { name, .. } => json!(name),
            Tool::Server { kind, .. } => json!(kind),
        })
        .collect();
    let format = match &request.format {
        None | Some(Format::Text) => Value::Null,
        Some(Format::Json) => json!("json"),
        Some(Format::Schema { schema, .. }) => schema.clone(),
    };
    let choice = match &request.tool_choice {
        // One of one is that one.
        Some(ToolChoice::Among(names, true)) if names.len() == 1 => Some(ToolChoice::Named(names[0].clone())),
        choice => choice.clone().filter(|choice| !matches!(choice, ToolChoice::Auto | ToolChoice::None)),
    };
    json!({
        "model": request.model, "messages": messages, "tools": tools, "choice": format!("{choice:?}"),
        "parallel": request.parallel_tools.filter(|parallel| !parallel && !tools.is_empty()), "format": format,
        "sampling": format!("{:?}", request.sampling), "max_tokens": request.max_tokens, "stop": request.stop,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Into one format, into the other, and back: the same as into the one alone.
    #[test]
    fn there_and_back(request in request()) {
        for one in chat::ALL {
            for other in chat::ALL {
                let Some(both) = sayable(&request, *one).and_then(|request| sayable(&request, *other)) else { continue };
                let Some(both) = sayable(&both, *one) else { continue };
                let there = through(&both, *one);
                prop_assert_eq!(view(&there), view(&both), "{} alone", one.name());
                let back = through(&through(&there, *other), *one);
                prop_assert_eq!(view(&back), view(&there), "{} through {}", one.name(), other.name());
            }
        }
    }
}
