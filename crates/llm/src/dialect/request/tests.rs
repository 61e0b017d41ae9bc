//! What is read off a body, changed in it, and refused.

use super::*;

fn scan(body: &str) -> Result<Request, Fault> {
    Request::scan(&Bytes::copy_from_slice(body.as_bytes()), &Members::OPENAI)
}

fn refused(body: &str) -> String {
    let fault = scan(body).expect_err(body);
    format!("{}: {}", fault.code(), fault.public_detail())
}

fn rewritten(body: &str, options: StreamOptions) -> String {
    String::from_utf8(scan(body).expect(body).rewrite("m", options).to_vec()).unwrap()
}

#[test]
fn reads_what_it_needs() {
    let request = scan(r#"{"messages":[{"role":"user","content":"hi"}],"model":"a\/b","stream":true,"stream_options":{"include_usage":true},"max_tokens":7}"#).unwrap();
    assert_eq!(
        (request.model(), request.stream(), request.asked_for_usage(), request.max_tokens()),
        ("a/b", true, true, Some(7))
    );
    assert_eq!(request.text_bytes(), 6);
    let request =
        scan(r#" {"model" : "é" , "stream":null, "max_tokens":1, "max_completion_tokens":2} "#).unwrap();
    assert_eq!(
        (request.model(), request.stream(), request.asked_for_usage(), request.max_tokens()),
        ("é", false, false, Some(2))
    );
}

#[test]
fn responses_have_members_of_their_own() {
    let body = br#"{"model":"a","instructions":"abc","input":[{"content":"de"}],"stream":true,"stream_options":{"include_obfuscation":false},"max_output_tokens":7}"#;
    let request = Request::scan(&Bytes::from_static(body), &Members::RESPONSES).unwrap();
    assert_eq!((request.text_bytes(), request.stream(), request.max_tokens()), (5, true, Some(7)));
    let sent = request.rewrite("b", StreamOptions::Remove);
    assert!(String::from_utf8(sent.to_vec()).unwrap().contains("include_obfuscation"), "it is not ours");
}

#[test]
fn inline_data_is_no_text() {
    let request = scan(
        r#"{"model":"m","messages":[{"content":[{"image_url":{"url":"data:image/png;base64,AAAA"}},{"input_audio":{"data":"AAAA"}},{"text":"abc"}]}]}"#,
    );
    assert_eq!(request.unwrap().text_bytes(), 3);
}

#[test]
fn spans_are_edited_in_place() {
    for (body, expected) in [
        (
            r#"{"model":"a","stream":true}"#,
            r#"{"model":"m","stream_options":{"include_usage":true},"stream":true}"#,
        ),
        (
            r#"{"stream":true,"model":"a"}"#,
            r#"{"stream":true,"model":"m","stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":null}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream_options":null,"model":"a","stream":true}"#,
            r#"{"stream_options":{"include_usage":true},"model":"m","stream":true}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":{ }}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true }}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":{ "x":1}}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true, "x":1}}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":{"include_usage": false}}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage": true}}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (r#"{"model":"a","stream":false}"#, r#"{"model":"m","stream":false}"#),
        (r#"{ "x" : 1.0e2 , "model" : "a\u0062" }"#, r#"{ "x" : 1.0e2 , "model" : "m" }"#),
    ] {
        assert_eq!(rewritten(body, StreamOptions::Ask), expected);
    }
    let kept = r#"{"model":"m","stream":true}"#;
    assert_eq!(rewritten(r#"{"model":"a","stream":true}"#, StreamOptions::Keep), kept);
}

#[test]
fn what_a_provider_refuses_is_taken_out_with_its_comma() {
    for (body, expected) in [
        (
            r#"{"model":"a","stream_options":{"include_usage":true},"stream":true}"#,
            r#"{"model":"m","stream":true}"#,
        ),
        (r#"{"stream_options":{"include_usage":true},"model":"a"}"#, r#"{"model":"m"}"#),
        (r#"{ "stream_options" : null , "model" : "a" }"#, r#"{ "model" : "m" }"#),
        (r#"{ "x" : [1] , "stream_options" : { } , "model" : "a" }"#, r#"{ "x" : [1], "model" : "m" }"#),
        (
            r#"{"model":"a","x":{"stream_options":1},"stream_options":null}"#,
            r#"{"model":"m","x":{"stream_options":1}}"#,
        ),
        // Stale: nothing is streamed.
        (r#"{"stream":false,"stream_options":{"a":[{}]},"model":"m"}"#, r#"{"stream":false,"model":"m"}"#),
        (r#"{"model":"a","stream":true}"#, r#"{"model":"m","stream":true}"#),
    ] {
        assert_eq!(rewritten(body, StreamOptions::Remove), expected);
    }
}

#[test]
fn nothing_to_change_is_the_same_buffer() {
    let body = Bytes::from_static(br#"{"model":"a","stream":true}"#);
    assert_eq!(
        Request::scan(&body, &Members::OPENAI).unwrap().rewrite("a", StreamOptions::Keep).as_ptr(),
        body.as_ptr()
    );
}

#[test]
fn a_deployment_name_is_encoded() {
    let body = scan(r#"{"model":"a"}"#).unwrap().rewrite("a\"b", StreamOptions::Keep);
    assert_eq!(&body[..], br#"{"model":"a\"b"}"#);
}

#[test]
fn refusals_say_what_and_where() {
    let all: Vec<_> = [
        "",
        "  ",
        "[]",
        "\"model\"",
        "{}",
        "\u{feff}{\"model\":\"a\"}",
        r#"{"model":"a"} {}"#,
        r#"{"model":"a",}"#,
        r#"{"model":"a","model":"b"}"#,
        r#"{"model":"a","x":1,"x":2}"#,
        r#"{"\u006dodel":"a"}"#,
        r#"{"model":"a","\u0078":1}"#,
        r#"{"model":"a","Model":"b"}"#,
        r#"{"model":"a","ſtream":true}"#,
        r#"{"model":"a","stream_optionſ":{}}"#,
        r#"{"model":""}"#,
        r#"{"model":null}"#,
        r#"{"model":["a"]}"#,
        r#"{"model":"\ud800"}"#,
        r#"{"model":"a","models":["b"]}"#,
        r#"{"model":"a","FallbackS":[]}"#,
        r#"{"model":"a","stream":"true"}"#,
        r#"{"model":"a","stream":1}"#,
        r#"{"model":"a","stream_options":[]}"#,
        r#"{"model":"a","stream_options":{"include_usage":1}}"#,
        r#"{"model":"a","stream_options":{"include_usage":true,"include_usage":false}}"#,
        r#"{"model":"a","stream_options":{"include\u005fusage":true}}"#,
        r#"{"model":"a","stream_options":{"Include_Usage":true}}"#,
    ]
    .iter()
    .map(|body| format!("{body}\n  {}", refused(body)))
    .collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn bounds() {
    let members = |n: usize| {
        format!("{{\"model\":\"a\"{}}}", (1..n).map(|i| format!(",\"m{i}\":0")).collect::<String>())
    };
    assert!(scan(&members(128)).is_ok());
    assert!(refused(&members(129)).contains("at most 128"));
    assert!(scan(&format!("{{\"model\":\"{}\"}}", "a".repeat(256))).is_ok());
    assert!(refused(&format!("{{\"model\":\"{}\"}}", "a".repeat(257))).contains("1 to 256"));
    let deep = format!("{{\"model\":\"a\",\"x\":{}{}}}", "[".repeat(100), "]".repeat(100));
    assert!(refused(&deep).contains("more than 100 deep"));
    let name = "n".repeat(10_000);
    assert!(refused(&format!("{{\"{name}\":1,\"{name}\":2}}")).len() < 200);
}

#[test]
fn dialects_decide_by_other_members() {
    let of = |members: &Members, body: &str| {
        Request::scan(&Bytes::copy_from_slice(body.as_bytes()), members)
            .map_err(|fault| fault.public_detail().to_owned())
    };
    // A model in the path: the body passes as it is, and may name no other.
    const PATH: Members = Members { text: &["contents"], either_case: true, ..Members::PATH };
    let request = of(&PATH, r#"{"contents":[{"parts":[{"text":"abc"}]}],"stream":7}"#).unwrap();
    assert_eq!((request.model(), request.stream(), request.text_bytes()), ("", false, 3));
    assert_eq!(request.rewrite("m", StreamOptions::Ask), request.body());
    assert!(of(&PATH, r#"{"model":"a"}"#).unwrap_err().contains("than the path does"));
    assert!(
        of(&PATH, r#"{"safetySettings":[],"safety_settings":[]}"#).unwrap_err().contains("is there twice")
    );
    assert!(of(&PATH, r#"{"a_b":1,"a_c":2}"#).is_ok());
    // A dialect that streams unless told otherwise.
    const STREAMS: Members = Members { streams: true, ..Members::BODY };
    for (body, streams) in [
        (r#"{"model":"a"}"#, true),
        (r#"{"model":"a","stream":null}"#, true),
        (r#"{"model":"a","stream":false}"#, false),
    ] {
        assert_eq!(of(&STREAMS, body).unwrap().stream(), streams, "{body}");
    }
    // Another dialect's members pass.
    let body = r#"{"model":"m","stream":true,"stream_options":7}"#;
    assert_eq!(of(&Members::BODY, body).unwrap().rewrite("m", StreamOptions::Ask), body.as_bytes());
}

#[test]
fn debug_shows_no_prompt() {
    assert!(!format!("{:?}", scan(r#"{"model":"a","messages":["secret"]}"#).unwrap()).contains("secret"));
}
