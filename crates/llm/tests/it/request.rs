//! Requests: whatever is accepted, every parser reads the same; whatever is rewritten differs only where it should.

use bytes::Bytes;
use portcullis_llm::dialect::openai::{Request, StreamOptions};
use portcullis_llm::dialect::request::Members;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Checks what must hold for any bytes at all.
fn agree(body: &[u8]) {
    let Ok(request) = Request::scan(&Bytes::copy_from_slice(body), &Members::OPENAI) else { return };
    let parsed = match serde_json::from_slice::<Value>(body) {
        Ok(parsed) => parsed,
        // Numbers too large for a double are grammatical (RFC 8259 §6).
        Err(error) => {
            return assert!(error.to_string().contains("out of range"), "{error}: {}", body.escape_ascii());
        }
    };
    assert_eq!(parsed["model"].as_str(), Some(request.model()));
    assert_eq!(parsed["stream"].as_bool().unwrap_or(false), request.stream());
    assert_eq!(
        parsed["stream_options"]["include_usage"].as_bool().unwrap_or(false),
        request.asked_for_usage()
    );
    for options in [StreamOptions::Ask, StreamOptions::Keep, StreamOptions::Remove] {
        let rewritten = request.rewrite("the/deployment", options);
        let again = Request::scan(&rewritten, &Members::OPENAI).expect("what we send on, we would accept");
        let want_usage = options == StreamOptions::Ask;
        assert_eq!(again.model(), "the/deployment");
        assert_eq!(
            again.asked_for_usage(),
            options != StreamOptions::Remove && (request.asked_for_usage() || want_usage && request.stream())
        );
        let mut expected = parsed.clone();
        expected["model"] = json!("the/deployment");
        if want_usage && request.stream() {
            let options = expected.as_object_mut().unwrap().entry("stream_options").or_insert(Value::Null);
            if options.is_null() {
                *options = json!({});
            }
            options["include_usage"] = json!(true);
        }
        if options == StreamOptions::Remove {
            expected.as_object_mut().unwrap().remove("stream_options");
        }
        assert_eq!(serde_json::from_slice::<Value>(&rewritten).unwrap(), expected);
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
        ]
    })
}

/// Bodies of every sort that are accepted, written compactly or spread out, members in any order.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let options = prop_oneof![
        Just(None),
        Just(Some("null".to_owned())),
        Just(Some("{}".to_owned())),
        Just(Some("{ \"x\" : [1] }".to_owned())),
        any::<bool>()
            .prop_map(|on| Some(format!("{{\"x\":{{\"include_usage\":1}},\"include_usage\":{on}}}"))),
    ];
    let stream = proptest::sample::select(&[None, Some("true"), Some("false"), Some("null")][..]);
    let others = proptest::collection::btree_map("[a-z_]{1,8}", value(), 0..6);
    ("[a-zA-Z0-9/\"\\\\é]{1,12}", options, stream, others, any::<bool>(), any::<prop::sample::Index>())
        .prop_map(|(model, options, stream, others, spread, first)| {
            let mut members: Vec<String> = others
                .into_iter()
                .filter(|(name, _)| {
                    !["model", "stream", "models", "stream_options", "fallbacks"].contains(&name.as_str())
                })
                .map(|(name, value)| format!("{}:{value}", json!(name)))
                .collect();
            members.push(format!("\"model\" : {}", json!(model)));
            members.extend(stream.map(|stream| format!("\"stream\":{stream}")));
            members.extend(options.map(|options| format!("\"stream_options\":\t{options}")));
            let first = first.index(members.len());
            members.rotate_left(first);
            let (open, comma, close) = if spread { ("\r\n{ ", " ,\n ", " }\n") } else { ("{", ",", "}") };
            format!("{open}{}{close}", members.join(comma)).into_bytes()
        })
}

proptest! {
    #[test]
    fn accepted_bodies_are_rewritten_in_place(body in body()) {
        prop_assert!(Request::scan(&Bytes::from(body.clone()), &Members::OPENAI).is_ok(), "{}", body.escape_ascii());
        agree(&body);
    }

    #[test]
    fn damaged_bodies_are_refused_or_understood(body in body(), damage in proptest::collection::vec((any::<prop::sample::Index>(), prop_oneof![
        proptest::sample::select(&["", "\"", "\\", "{", "}", "[", "]", ",", ":", "\"model\":\"x\",", "\\u006d", "\0", "\u{feff}", "\u{a0}", "1e999", "-", "//", "'", "\\ud800"][..]).prop_map(|text| text.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 1..3),
    ], 0_usize..3), 1..4)) {
        let mut body = body;
        for (at, with, over) in damage {
            let at = at.index(body.len() + 1);
            let end = (at + over).min(body.len());
            body.splice(at..end, with);
        }
        agree(&body);
    }

    #[test]
    fn any_bytes_at_all(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        agree(&body);
    }
}

/// The attacks that the scanner is there for: one value for us, another one for somebody behind us.
#[test]
fn two_readings_are_refused() {
    for body in [
        r#"{"model":"cheap","model":"dear"}"#,
        r#"{"model":"cheap","\u006dodel":"dear"}"#,
        r#"{"model":"cheap","mod\u0065l":"dear"}"#,
        r#"{"model":"cheap","MODEL":"dear"}"#,
        r#"{"model":"cheap","models":["dear"]}"#,
        r#"{"model":"cheap","Models":["dear"]}"#,
        r#"{"model":"cheap","fallbacks":["dear"]}"#,
        r#"{"model":"cheap"}{"model":"dear"}"#,
        "{\"model\":\"cheap\"}\0{\"model\":\"dear\"}",
        r#"{"model":"cheap","stream":false,"stream":true}"#,
        r#"{"model":"cheap","stream":true,"ſtream":false}"#,
        r#"{"model":"cheap","stream":true,"stream_options":{"include_usage":true},"stream_options":{}}"#,
        r#"{"model":"cheap",/*"x":*/"model":"dear"}"#,
        r#"{'model':'cheap'}"#,
        r#"{"model":"cheap","x":NaN}"#,
        "{\"model\":\"cheap\",\"x\":\"a\nb\"}",
    ] {
        let fault =
            Request::scan(&Bytes::copy_from_slice(body.as_bytes()), &Members::OPENAI).expect_err(body);
        assert!(
            ["ai_request_invalid", "ai_request_ambiguous"].contains(&fault.code().name()),
            "{body}: {fault}"
        );
    }
    for body in [
        &b"{\"model\":\"a\xff\"}"[..],
        b"\xff\xfe{\x00}\x00",
        b"{\"model\":\"\xed\xa0\x80\"}",
        b"{\"model\":\"\xc0\xaf\"}",
    ] {
        assert!(Request::scan(&Bytes::copy_from_slice(body), &Members::OPENAI).is_err());
    }
}

/// Names inside values, and values that look like names, are nobody's members.
#[test]
fn what_is_nested_or_quoted_does_not_count() {
    let body = r#"{"messages":[{"role":"user","content":"\"model\":\"x\"","model":"y","model":"z"}],"tools":[{"model":1,"stream":true}],"model":"a"}"#;
    let request = Request::scan(&Bytes::copy_from_slice(body.as_bytes()), &Members::OPENAI).unwrap();
    assert_eq!((request.model(), request.stream()), ("a", false));
    assert_eq!(
        &request.rewrite("b", StreamOptions::Ask)[..],
        body.replace("\"model\":\"a\"", "\"model\":\"b\"").as_bytes()
    );
}
