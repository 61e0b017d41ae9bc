//! A request body and the few spans of it that we read and change; everything else passes byte for byte.
//!
//! What we read, the provider must read too, so a body is refused in which two parsers could find different values for
//! the members that matter here: names that are there twice, written with escapes, or equal but for case (some parsers,
//! Go's among them, fold it).

mod form;
mod members;
mod names;

pub use members::{Members, Syntax};

use self::names::Names;
use crate::json::strict::{Cursor, Error};
use bytes::Bytes;
use portcullis_fault::{Fault, codes};
use std::fmt;
use std::ops::Range;

/// A request body that was checked. Shares the body's bytes: cheap to keep and to clone.
#[derive(Clone)]
pub struct Request {
    body: Bytes,
    model: Option<Model>,
    stream: bool,
    options: Options,
    /// Whether the dialect has `stream_options` at all.
    has_options: bool,
    /// All of `stream_options`, with the comma that goes when it goes.
    options_member: Option<Range<usize>>,
    max_tokens: Option<u64>,
    text_bytes: u64,
    /// What `Content-Type` says, where it is a form.
    form: Option<Box<str>>,
}

#[derive(Clone)]
struct Model {
    /// With the quotes, where it is JSON.
    span: Range<usize>,
    /// Set when it is written with escapes.
    decoded: Option<Box<str>>,
}

/// `stream_options`.
#[derive(Clone)]
enum Options {
    Absent,
    Null(Range<usize>),
    Object {
        /// Where the first member would go.
        inside: usize,
        empty: bool,
        include_usage: Option<(Range<usize>, bool)>,
    },
}

/// What to do with `stream_options` on the way to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamOptions {
    /// Ask for usage in streams, even if the caller did not.
    Ask,
    /// As the caller has it.
    Keep,
    /// Take it out: the provider refuses calls that have it.
    Remove,
}

/// Bytes of a model's name, decoded; ours have at most 128.
const MAX_MODEL: usize = 256;

impl Request {
    /// Checks `body`, of this `Content-Type`, in the syntax that its operation has.
    pub fn read(body: &Bytes, content_type: &[u8], members: &Members) -> Result<Self, Fault> {
        match members.syntax {
            Syntax::Json => Self::scan(body, members),
            Syntax::Form => Self::scan_form(body, content_type, members),
        }
    }

    /// Checks `body` and finds its spans: those of the members that decide something in its dialect.
    ///
    /// `ai_request_invalid`: not one JSON object in UTF-8 without byte order mark, nested more than 100 deep, `model` is
    /// missing, empty or no string (where it is a member at all), `stream` or `stream_options` has the wrong type, or there is
    /// a member that would choose another model (`models`, `fallbacks`). `ai_request_ambiguous`: see the module.
    /// A `model` written with escapes is decoded (PHP writes `\/` by default).
    pub fn scan(body: &Bytes, members: &Members) -> Result<Self, Fault> {
        let mut cursor = Cursor::new(body).map_err(syntax)?;
        let mut found = Found::default();
        if !cursor.take(b'{') {
            let what = if body.trim_ascii().is_empty() {
                "the body is empty; it must be a JSON object"
            } else {
                "the body must be a JSON object"
            };
            return Err(invalid(what));
        }
        let mut names = Names::new(body, members.either_case);
        let mut options_member = None;
        if !cursor.take(b'}') {
            let mut before = None;
            loop {
                let name = cursor.name().map_err(syntax)?;
                names.add(&name, "")?;
                let known = &body[name.inside.clone()];
                match members.reads(known) {
                    Some(read) => read(&mut cursor, body, &mut found)?,
                    None if known == b"model" && !members.model_again => {
                        return Err(invalid(format!(
                            "member `model` could name another model than the path does, at byte {}; leave it out",
                            name.span().start
                        )));
                    }
                    None => cursor.value(1, &mut 0).map(|_| ()).map_err(syntax)?,
                }
                let end = cursor.at();
                let more = cursor.more().map_err(syntax)?;
                if members.stream_options && known == b"stream_options" {
                    // The comma before it goes with it; where it is the first member, the one behind it.
                    options_member = Some(match before {
                        Some(before) => before..end,
                        None => name.span().start..if more { cursor.at() } else { end },
                    });
                }
                if !more {
                    break;
                }
                before = Some(end);
            }
        }
        cursor.end().map_err(syntax)?;
        if members.model && found.model.is_none() {
            return Err(invalid("member `model` is missing; it names the model to use"));
        }
        Ok(Self {
            body: body.clone(),
            model: found.model,
            stream: found.stream.unwrap_or(members.streams),
            options: found.options.unwrap_or(Options::Absent),
            has_options: members.stream_options,
            options_member,
            max_tokens: found.max_completion_tokens.or(found.max_tokens),
            text_bytes: found.text_bytes,
            form: None,
        })
    }

    /// What the caller asked for, escapes decoded; empty where the path says it.
    pub fn model(&self) -> &str {
        match &self.model {
            Some(Model { decoded: Some(decoded), .. }) => decoded,
            Some(Model { span, .. }) if self.form.is_some() => {
                std::str::from_utf8(&self.body[span.clone()]).unwrap_or_default()
            }
            // The whole body was found to be UTF-8, and quotes are characters of their own.
            Some(Model { span, .. }) => {
                std::str::from_utf8(&self.body[span.start + 1..span.end - 1]).unwrap_or_default()
            }
            None => "",
        }
    }

    /// Whether a stream is asked for.
    pub fn stream(&self) -> bool {
        self.stream
    }

    /// Whether the caller itself asked for usage in the stream.
    pub fn asked_for_usage(&self) -> bool {
        matches!(self.options, Options::Object { include_usage: Some((_, true)), .. })
    }

    /// `max_completion_tokens`, or `max_tokens`, where it is a whole number.
    pub fn max_tokens(&self) -> Option<u64> {
        self.max_tokens
    }

    /// Bytes of the strings in `messages`, `prompt` and `input`, inline images and audio aside: what an estimate of the
    /// input's tokens is made from.
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// The body as the caller sent it.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What is to be said in `Content-Type` of a body that is a form: its boundary, in the one reading that it has.
    pub fn form(&self) -> Option<&str> {
        self.form.as_deref()
    }

    /// The body for a deployment: its model's name instead of the caller's, and `stream_options` as the provider takes it.
    /// Every other byte is the caller's, and without a change so is the buffer.
    pub fn rewrite(&self, deployment_model: &str, options: StreamOptions) -> Bytes {
        let Some(Model { span: model_span, .. }) = &self.model else { return self.body.clone() };
        let mut model = Vec::with_capacity(deployment_model.len() + USAGE_MEMBER.len() + 2);
        if self.form.is_some() {
            model.extend_from_slice(deployment_model.as_bytes());
        } else {
            // A string into memory: cannot fail.
            let _ = serde_json::to_writer(&mut model, deployment_model);
        }
        let model_stays = self.body[model_span.clone()] == model[..];
        let usage = match options {
            StreamOptions::Ask if self.has_options && self.stream && !self.asked_for_usage() => {
                self.usage_edit(model_span.end)
            }
            StreamOptions::Remove => self.options_member.clone().map(|span| (span, &b""[..])),
            StreamOptions::Ask | StreamOptions::Keep => None,
        };
        let usage = match usage {
            None if model_stays => return self.body.clone(),
            // Behind the model there is room for a member whatever surrounds it.
            Some((at, text)) if at.is_empty() && at.start == model_span.end => {
                model.extend_from_slice(text);
                None
            }
            usage => usage,
        };
        let model = (model_span.clone(), &model[..]);
        let edits = match usage {
            None => [Some(model), None],
            Some((at, text)) if at.start < model.0.start => [Some((at, text)), Some(model)],
            Some(usage) => [Some(model), Some(usage)],
        };
        let added: usize = edits.iter().flatten().map(|(_, text)| text.len()).sum();
        let mut body = Vec::with_capacity(self.body.len() + added);
        let mut from = 0;
        for (span, text) in edits.into_iter().flatten() {
            body.extend_from_slice(&self.body[from..span.start]);
            body.extend_from_slice(text);
            from = span.end;
        }
        body.extend_from_slice(&self.body[from..]);
        body.into()
    }

    /// What to put where, so that usage is asked for; there is room for a member at `behind_model`.
    fn usage_edit(&self, behind_model: usize) -> Option<(Range<usize>, &'static [u8])> {
        match &self.options {
            Options::Absent => Some((behind_model..behind_model, USAGE_MEMBER)),
            Options::Null(span) => Some((span.clone(), USAGE_OBJECT)),
            Options::Object { include_usage: Some((_, true)), .. } => None,
            Options::Object { include_usage: Some((span, false)), .. } => Some((span.clone(), b"true")),
            Options::Object { inside, empty: true, .. } => {
                Some((*inside..*inside, br#""include_usage":true"#))
            }
            Options::Object { inside, empty: false, .. } => {
                Some((*inside..*inside, br#""include_usage":true,"#))
            }
        }
    }
}

const USAGE_MEMBER: &[u8] = br#","stream_options":{"include_usage":true}"#;
const USAGE_OBJECT: &[u8] = br#"{"include_usage":true}"#;

impl fmt::Debug for Request {
    /// Without the body: prompts do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("model", &self.model())
            .field("stream", &self.stream)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    model: Option<Model>,
    stream: Option<bool>,
    options: Option<Options>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    text_bytes: u64,
}

type Read = fn(&mut Cursor<'_>, &[u8], &mut Found) -> Result<(), Fault>;

impl Members {
    /// How a member of this name is read; `None` for one that decides nothing.
    fn reads(&self, name: &[u8]) -> Option<Read> {
        let is = |known: &str| known.as_bytes() == name;
        Some(match name {
            b"model" if self.model => model,
            b"stream" if self.stream => stream,
            b"stream_options" if self.stream_options => options,
            b"max_tokens" if self.max_tokens => max_tokens,
            b"max_completion_tokens" | b"max_output_tokens" if self.max_tokens => max_completion_tokens,
            _ if self.text.iter().any(|known| is(known)) => text,
            _ => return None,
        })
    }
}

fn stream(cursor: &mut Cursor<'_>, body: &[u8], found: &mut Found) -> Result<(), Fault> {
    let value = cursor.value(1, &mut 0).map_err(syntax)?;
    // `null` says nothing: the dialect's own rule holds.
    found.stream = match &body[value.clone()] {
        b"null" => None,
        _ => Some(boolean(body, &value).ok_or_else(|| typed("stream", "true or false", &value))?),
    };
    Ok(())
}

fn max_tokens(cursor: &mut Cursor<'_>, body: &[u8], found: &mut Found) -> Result<(), Fault> {
    found.max_tokens = number(body, &cursor.value(1, &mut 0).map_err(syntax)?);
    Ok(())
}

fn max_completion_tokens(cursor: &mut Cursor<'_>, body: &[u8], found: &mut Found) -> Result<(), Fault> {
    found.max_completion_tokens = number(body, &cursor.value(1, &mut 0).map_err(syntax)?);
    Ok(())
}

fn text(cursor: &mut Cursor<'_>, _: &[u8], found: &mut Found) -> Result<(), Fault> {
    cursor.value(1, &mut found.text_bytes).map(|_| ()).map_err(syntax)
}

fn model(cursor: &mut Cursor<'_>, body: &[u8], found: &mut Found) -> Result<(), Fault> {
    if cursor.peek() != Some(b'"') {
        let value = cursor.value(1, &mut 0).map_err(syntax)?;
        return Err(typed("model", "a string", &value));
    }
    let quoted = cursor.string().map_err(syntax)?;
    let span = quoted.span();
    let decoded = if quoted.escaped {
        // The grammar was checked just now, so this reads what is there.
        let text: String =
            serde_json::from_slice(&body[span.clone()]).map_err(|_| typed("model", "a string", &span))?;
        Some(text.into_boxed_str())
    } else {
        None
    };
    let len = decoded.as_ref().map_or(quoted.inside.len(), |text| text.len());
    if len == 0 || len > MAX_MODEL {
        return Err(typed("model", "a name of 1 to 256 bytes", &span));
    }
    found.model = Some(Model { span, decoded });
    Ok(())
}

fn options(cursor: &mut Cursor<'_>, body: &[u8], found: &mut Found) -> Result<(), Fault> {
    if cursor.peek() != Some(b'{') {
        let value = cursor.value(1, &mut 0).map_err(syntax)?;
        if &body[value.clone()] != b"null" {
            return Err(typed("stream_options", "an object", &value));
        }
        found.options = Some(Options::Null(value));
        return Ok(());
    }
    let inside = cursor.at() + 1;
    let (mut empty, mut include_usage) = (true, None);
    cursor.take(b'{');
    let mut names = Names::new(body, false);
    let mut more = cursor.peek() != Some(b'}');
    if !more {
        cursor.take(b'}');
    }
    while more {
        empty = false;
        let name = cursor.name().map_err(syntax)?;
        names.add(&name, "stream_options.")?;
        let value = cursor.value(2, &mut 0).map_err(syntax)?;
        if &body[name.inside] == b"include_usage" {
            let asked = boolean(body, &value)
                .ok_or_else(|| typed("stream_options.include_usage", "true or false", &value))?;
            include_usage = Some((value, asked));
        }
        more = cursor.more().map_err(syntax)?;
    }
    found.options = Some(Options::Object { inside, empty, include_usage });
    Ok(())
}

/// `null` is false: the API says "defaults to null" of such members.
fn boolean(body: &[u8], value: &Range<usize>) -> Option<bool> {
    match &body[value.clone()] {
        b"true" => Some(true),
        b"false" | b"null" => Some(false),
        _ => None,
    }
}

fn number(body: &[u8], value: &Range<usize>) -> Option<u64> {
    std::str::from_utf8(&body[value.clone()]).ok()?.parse().ok()
}

fn syntax(error: Error) -> Fault {
    invalid(format!("the body is not valid JSON: {}, at byte {}", error.what, error.at))
}

fn typed(name: &str, wanted: &str, value: &Range<usize>) -> Fault {
    invalid(format!("member `{name}` must be {wanted}, at byte {}", value.start))
}

fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(codes::AI_REQUEST_INVALID).detail(detail)
}

fn ambiguous(detail: String) -> Fault {
    Fault::new(codes::AI_REQUEST_AMBIGUOUS).detail(detail)
}

#[cfg(test)]
mod tests {
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
            (
                r#"{"stream":false,"stream_options":{"a":[{}]},"model":"m"}"#,
                r#"{"stream":false,"model":"m"}"#,
            ),
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
            of(&PATH, r#"{"safetySettings":[],"safety_settings":[]}"#)
                .unwrap_err()
                .contains("is there twice")
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
}
