use super::*;
use crate::canon::part::{Citation, Media, MediaKind, Origin, Part, Text, Thinking, ToolCall, ToolResult};
use crate::canon::request::{
    Cache, Effort, Format, Grammar, Message, Native, Reasoning, Role, Safety, Sampling, Tool, ToolChoice,
};
use serde_json::{Value, json};

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts, name: Some("ann".to_owned()) }
}

fn medium(kind: MediaKind, origin: Origin) -> Part {
    let detail = Some("low".to_owned());
    Part::Media(Media { kind, origin, detail, ..Media::default() })
}

/// A request that says everything; what excludes something else is set by the test.
fn everything() -> Request {
    let map = |text: &str| serde_json::from_str::<serde_json::Map<String, Value>>(text).unwrap();
    let url = |kind| medium(kind, Origin::Url("https://x/y".to_owned()));
    let file = |kind| medium(kind, Origin::File("file-1".to_owned()));
    Request {
        model: "m".to_owned(),
        messages: vec![
            message(Role::System, vec![Part::text("be good")]),
            message(
                Role::User,
                vec![
                    url(MediaKind::Image),
                    file(MediaKind::Image),
                    url(MediaKind::Audio),
                    url(MediaKind::Video),
                    url(MediaKind::Document),
                    file(MediaKind::Document),
                    Part::Media(Media {
                        origin: Origin::Blocks(vec!["one".to_owned(), "two".to_owned()]),
                        source: Some("https://x/found".to_owned()),
                        ..Media::default()
                    }),
                    Part::Media(Media {
                        origin: Origin::Text("words".to_owned()),
                        name: Some("title".to_owned()),
                        context: Some("about".to_owned()),
                        cite: Some(true),
                        ..Media::default()
                    }),
                ],
            ),
            message(
                Role::Assistant,
                vec![
                    Part::Thinking(Thinking {
                        text: "hm".to_owned(),
                        signature: Some("anthropic:sig".to_owned()),
                        redacted: None,
                    }),
                    Part::Text(Text {
                        text: "see".to_owned(),
                        citations: vec![Citation::default()],
                        cache: Some(Cache::default()),
                        signature: None,
                    }),
                    Part::Native { dialect: "anthropic", value: json!({}) },
                    Part::ToolCall(ToolCall {
                        id: "c".to_owned(),
                        name: "f".to_owned(),
                        ..ToolCall::default()
                    }),
                ],
            ),
            message(Role::Developer, vec![Part::text("be better")]),
            message(
                Role::User,
                vec![Part::ToolResult(ToolResult {
                    id: "c".to_owned(),
                    failed: true,
                    content: vec![url(MediaKind::Image)],
                    ..ToolResult::default()
                })],
            ),
            message(Role::Assistant, vec![Part::text("{")]),
        ],
        tools: vec![
            Tool::Function {
                name: "f".to_owned(),
                description: Some("d".to_owned()),
                parameters: None,
                strict: Some(true),
                cache: None,
            },
            Tool::Custom {
                name: "g".to_owned(),
                description: None,
                grammar: Some(Grammar { syntax: "regex".to_owned(), definition: ".*".to_owned() }),
                cache: None,
            },
            Tool::Server { dialect: "anthropic", kind: "web".to_owned(), value: json!({}) },
        ],
        tool_choice: Some(ToolChoice::None),
        parallel_tools: Some(false),
        format: Some(Format::Schema { name: None, description: None, schema: json!({}), strict: Some(true) }),
        sampling: Sampling {
            temperature: Some(1.0),
            top_p: Some(1.0),
            top_k: Some(1),
            min_p: Some(0.1),
            frequency_penalty: Some(0.1),
            presence_penalty: Some(0.1),
            seed: Some(1),
            logit_bias: map(r#"{"1":1}"#),
            logprobs: Some(true),
            top_logprobs: Some(2),
        },
        max_tokens: Some(1),
        stop: vec!["a".to_owned()],
        n: Some(2),
        reasoning: Some(Reasoning {
            effort: Some(Effort::Low),
            budget: Some(1024),
            summary: Some("auto".to_owned()),
            shown: false,
        }),
        verbosity: Some("low".to_owned()),
        safety: vec![Safety { category: "c".to_owned(), threshold: "t".to_owned() }],
        user: Some("u".to_owned()),
        metadata: map(r#"{"a":"b"}"#),
        service_tier: Some("flex".to_owned()),
        store: Some(true),
        cache: Some(Cache::default()),
        modalities: vec!["text".to_owned(), "audio".to_owned()],
        native: vec![Native { dialect: "anthropic", name: "own".to_owned(), value: json!(1) }],
        stream: false,
        stream_usage: false,
    }
}

/// With the value that makes `row` matter, where `everything` has another one.
fn saying(row: &Row) -> Request {
    let mut request = everything();
    match row.field {
        TOOL_CHOICE_AMONG => request.tool_choice = Some(ToolChoice::Among(vec!["f".to_owned()], true)),
        TOOL_CHOICE_REQUIRED => request.tool_choice = Some(ToolChoice::Required),
        TOOL_CHOICE_NAMED => request.tool_choice = Some(ToolChoice::Named("f".to_owned())),
        // Who has markers is told it by one.
        CACHE_AUTOMATIC => take::caches(&mut request),
        JSON => request.format = Some(Format::Json),
        _ => {}
    }
    request
}

#[test]
fn every_row_finds_and_takes_out() {
    for (at, row) in ROWS.iter().enumerate() {
        assert!(ROWS[..at].iter().all(|other| other.field != row.field), "{:?} twice", row.field);
        assert!(!(row.used)(&Request::default()), "{:?} is found in nothing", row.field);
        let mut request = saying(row);
        assert!((row.used)(&request), "{:?} is not found", row.field);
        (row.remove)(&mut request);
        assert!(!(row.used)(&request), "{:?} is still there", row.field);
        (row.remove)(&mut request);
    }
}

fn fitted(request: &Request, dialect: &str, says: &[Field], mode: Mode) -> Result<(Request, String), String> {
    let mut request = request.clone();
    let mut losses = Losses::default();
    let target = Target { dialect, says, cannot: &[] };
    fit(&mut request, target, mode, &mut losses)
        .map(|()| (request, losses.text()))
        .map_err(|fault| fault.public_detail().to_owned())
}

#[test]
fn rules_decide_and_strict_refuses() {
    let all: Vec<Field> = ROWS.iter().map(|row| row.field).collect();
    for row in ROWS {
        let request = saying(row);
        let without = [row.field, if row.field == CACHE_AUTOMATIC { CACHE } else { row.field }];
        let says: Vec<Field> = all.iter().copied().filter(|field| !without.contains(field)).collect();
        let refused = fitted(&request, "anthropic", &says, Mode::Strict).unwrap_err();
        assert!(refused.contains(&format!("`{}`", row.field.0)), "{refused}");
        match row.rule {
            Rule::Refuse => {
                assert!(fitted(&request, "anthropic", &says, Mode::Drop).is_err(), "{:?}", row.field)
            }
            Rule::Drop => {
                let (left, lost) = fitted(&request, "anthropic", &says, Mode::Drop).expect(row.field.0);
                assert_eq!(lost, row.field.0);
                assert!(!(row.used)(&left));
            }
        }
    }
    let (same, lost) = fitted(&everything(), "anthropic", &all, Mode::Strict).unwrap();
    assert_eq!((same, lost.as_str()), (everything(), ""));
}

#[test]
fn what_is_to_be_cached_is_marked_where_there_are_markers() {
    let cache = |ttl: &str| Some(Cache { ttl: Some(ttl.to_owned()) });
    let text = |cache| Part::Text(Text { text: "t".to_owned(), cache, ..Text::default() });
    let thought = Part::Thinking(Thinking { text: "x".to_owned(), ..Thinking::default() });
    let request = |parts: Vec<Part>| Request {
        messages: vec![message(Role::User, vec![text(None)]), message(Role::Assistant, parts)],
        cache: cache("1h"),
        ..Request::default()
    };
    let marks = |request: &Request| -> Vec<Option<Cache>> {
        let texts =
            request.messages.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
                Part::Text(text) => Some(text.cache.clone()),
                _ => None,
            });
        texts.collect()
    };
    let fit = |request: &Request| {
        fitted(request, "bedrock", &[NAME, THINKING, PREFILL, CACHE], Mode::Strict).unwrap()
    };
    let (told, lost) = fit(&request(vec![text(None), thought.clone()]));
    assert_eq!((marks(&told), told.cache, lost.as_str()), (vec![None, cache("1h")], None, ""));
    let (told, _) = fit(&request(vec![text(cache("5m"))]));
    assert_eq!(marks(&told), [None, cache("5m")], "it has its own");
    let (told, _) = fit(&request(vec![thought]));
    assert_eq!(marks(&told), [cache("1h")]);
    let (told, lost) = fitted(&request(vec![text(None)]), "openai", &[NAME, PREFILL], Mode::Drop).unwrap();
    assert_eq!((marks(&told), told.cache, lost.as_str()), (vec![None, None], None, "cache_automatic"));
}

#[test]
fn text_is_what_functions_take_where_there_are_no_tools_for_it() {
    let custom = |grammar| Tool::Custom { name: "g".to_owned(), description: None, grammar, cache: None };
    let request = |grammar| Request { tools: vec![custom(grammar)], ..Request::default() };
    let grammar = Some(Grammar { syntax: "regex".to_owned(), definition: "a+".to_owned() });
    for mode in [Mode::Strict, Mode::Drop] {
        let (told, lost) = fitted(&request(None), "anthropic", &[TOOLS], mode).unwrap();
        assert!(matches!(&told.tools[..], [Tool::Function { name, .. }] if name == "g"), "{told:?}");
        assert_eq!(lost, "", "all of it is said");
        let (told, lost) = fitted(&request(grammar.clone()), "x", &[TOOLS, TOOL_GRAMMAR], mode).unwrap();
        assert_eq!((told.tools, lost.as_str()), (request(grammar.clone()).tools, ""));
    }
    let (told, lost) = fitted(&request(grammar.clone()), "anthropic", &[TOOLS], Mode::Drop).unwrap();
    assert!(matches!(&told.tools[..], [Tool::Function { .. }]) && lost == "tool_grammar", "{told:?}");
    assert!(fitted(&request(grammar), "anthropic", &[TOOLS], Mode::Strict).is_err());
}

#[test]
fn who_may_refuse_a_field_does_not_hear_that_it_is_not_used() {
    let tool = |strict| Tool::Function {
        name: "f".to_owned(),
        description: None,
        parameters: None,
        strict,
        cache: None,
    };
    let mut request = Request {
        store: Some(false),
        parallel_tools: Some(true),
        tools: vec![tool(Some(false))],
        ..Request::default()
    };
    let mut losses = Losses::default();
    let all: Vec<Field> = ROWS.iter().map(|row| row.field).collect();
    let target = Target { dialect: "openai", says: &all, cannot: &[STORE, PARALLEL_TOOLS, TOOL_STRICT] };
    fit(&mut request, target, Mode::Strict, &mut losses).unwrap();
    assert_eq!(request, Request { tools: vec![tool(None)], ..Request::default() });
    assert!(losses.is_empty());
}

#[test]
fn a_users_name_that_would_be_refused_is_left_out() {
    for (length, dialect, stays) in
        [(64, "openai", true), (65, "openai", false), (65, "responses", false), (65, "anthropic", true)]
    {
        let mut request = Request { user: Some("é".repeat(length)), ..Request::default() };
        let mut losses = Losses::default();
        let target = Target { dialect, says: &[USER], cannot: &[] };
        fit(&mut request, target, Mode::Drop, &mut losses).unwrap();
        assert_eq!((request.user.is_some(), losses.is_empty()), (stays, stays), "{length} {dialect}");
    }
}

#[test]
fn what_cannot_be_said_is_named_as_callers_know_it() {
    let detail = |name| untold(name).public_detail().to_owned();
    assert!(
        detail(PREFILL.0).starts_with("a beginning of the answer, as the last message (`prefill`) cannot")
    );
    assert!(detail("metadata.k").starts_with("member `metadata.k` cannot"));
}

#[test]
fn what_a_provider_cannot_be_told_counts_as_unsaid() {
    let mut request = Request { user: Some("u".to_owned()), ..Request::default() };
    let mut losses = Losses::default();
    let target = Target { dialect: "anthropic", says: &[USER], cannot: &[USER] };
    fit(&mut request, target, Mode::Drop, &mut losses).unwrap();
    assert_eq!((request.user, losses.text().as_str()), (None, "user"));
}

#[test]
fn another_dialects_members_are_lost_by_name_and_its_signatures_go() {
    let all: Vec<Field> = ROWS.iter().map(|row| row.field).collect();
    let mut request = everything();
    request.tools.pop();
    let (left, lost) = fitted(&request, "other", &all, Mode::Drop).unwrap();
    assert_eq!(lost, "own, native, thinking_signature");
    assert!(left.native.is_empty());
    assert!(matches!(&left.messages[2].parts[0], Part::Thinking(thinking) if thinking.signature.is_none()));
    assert!(fitted(&request, "other", &all, Mode::Strict).is_err());

    request.native[0] = Native { dialect: "bedrock", name: "guardrailConfig".to_owned(), value: json!({}) };
    let refused = fitted(&request, "other", &all, Mode::Drop).unwrap_err();
    assert!(refused.contains("member `guardrailConfig`"), "a guard must not go unnoticed: {refused}");
}

#[test]
fn ways_out_keep_what_was_meant() {
    let all: Vec<Field> = ROWS.iter().map(|row| row.field).collect();
    let without =
        |field: Field| -> Vec<Field> { all.iter().copied().filter(|other| *other != field).collect() };
    let mut request = everything();
    let roles = |request: &Request| request.messages.iter().map(|message| message.role).collect::<Vec<_>>();
    let (moved, _) = fitted(&request, "anthropic", &without(SYSTEM_IN_THE_MIDDLE), Mode::Drop).unwrap();
    assert_eq!(roles(&moved)[..3], [Role::System, Role::Developer, Role::User]);
    let (moved, _) = fitted(&request, "anthropic", &without(TOOL_RESULT_MEDIA), Mode::Drop).unwrap();
    let parts = &moved.messages[4].parts;
    assert!(matches!(&parts[..], [Part::ToolResult(_), Part::Media(_)]), "{parts:?}");
    let (moved, _) = fitted(&request, "anthropic", &without(REASONING_BUDGET), Mode::Drop).unwrap();
    assert_eq!(moved.reasoning.unwrap().effort, Some(Effort::Low), "the caller's own step stays");
    let says: Vec<Field> =
        all.iter().copied().filter(|field| ![SEARCH_RESULT, DOCUMENT_TEXT].contains(field)).collect();
    let (moved, _) = fitted(&request, "anthropic", &says, Mode::Drop).unwrap();
    let texts = moved.messages[1].parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    assert_eq!(texts.collect::<Vec<_>>(), ["https://x/found\none\n\ntwo", "title\nabout\nwords"]);
    request.tool_choice = Some(ToolChoice::Among(vec!["f".to_owned()], true));
    let (moved, _) = fitted(&request, "anthropic", &without(TOOL_CHOICE_AMONG), Mode::Drop).unwrap();
    assert_eq!((moved.tools.len(), moved.tool_choice), (1, Some(ToolChoice::Required)));
}
