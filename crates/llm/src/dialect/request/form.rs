//! The same for a body that is a form: the model's name is a field, and files pass as they are.

use super::names::shadows;
use super::{MAX_MODEL, Members, Model, Options, Reach, Reaches, Request, Syntax, ambiguous, invalid};
use crate::dialect::openai::batch::Batch;
use crate::multipart::{self, Boundary, Malformed, Part};
use bytes::Bytes;
use portcullis_fault::Fault;
use std::sync::Arc;

impl Request {
    /// Checks `body` and finds its spans, as [`scan`](Self::scan) does for JSON.
    ///
    /// `ai_request_invalid`: no form, `model` is missing, empty or no text, `stream` is neither `true` nor `false`, or there is
    /// a field that would choose another model. `ai_request_ambiguous`: what [`multipart`] refuses as such, a field that is
    /// there twice (unless its name says that it is a list, `image[]`), or one that other readers take for one of ours.
    pub fn scan_form(body: &Bytes, content_type: &[u8], members: &Members) -> Result<Self, Fault> {
        let boundary = Boundary::of(content_type).map_err(|error| malformed("`Content-Type`", &error))?;
        let Some(boundary) = boundary else {
            let or = if members.syntax == Syntax::FormOrJson { ", or `application/json`" } else { "" };
            return Err(invalid(format!(
                "this operation takes a form with files: `multipart/form-data`{or}"
            )));
        };
        let parts = multipart::parts(body, &boundary).map_err(|error| malformed("the form", &error))?;
        let mut request = Self {
            body: body.clone(),
            model: None,
            prefix: members.model_prefix,
            absent: None,
            stream: members.streams,
            options: Options::Absent,
            has_options: false,
            options_member: None,
            max_tokens: None,
            text_bytes: 0,
            form: Some(boundary.content_type().into()),
            reaches: Reaches::Found(Reach::default()),
            calls: None,
        };
        for (at, part) in parts.iter().enumerate() {
            let (name, place) = (part.name(body), part.name.start);
            let content = &body[part.content.clone()];
            if let Some(known) = shadows(name) {
                return Err(ambiguous(format!(
                    "field `{name}` could be taken for `{known}`, at byte {place}; leave it out"
                )));
            }
            // It would say what the other fields are written in (RFC 7578 §4.6).
            if name == "_charset_" {
                return Err(ambiguous(format!(
                    "field `_charset_` is not taken, at byte {place}; send UTF-8"
                )));
            }
            if !name.ends_with("[]") && parts[..at].iter().any(|other| other.name(body) == name) {
                return Err(ambiguous(format!(
                    "field `{name}` is there twice, the second time at byte {place}; send it once, or as `{name}[]`"
                )));
            }
            let decides = name == "model" && members.model || name == "stream" && members.stream;
            if decides && !part.is_text(body) {
                return Err(invalid(format!(
                    "member `{name}` must be a field of plain text, not a file, at byte {place}"
                )));
            }
            match name {
                "model" if members.model => {
                    let plain = |text: &&str| {
                        (1..=MAX_MODEL).contains(&text.len())
                            && text.trim().len() == text.len()
                            && !text.chars().any(char::is_control)
                    };
                    if std::str::from_utf8(content).ok().filter(plain).is_none() {
                        return Err(invalid(format!(
                            "member `model` must be a name of 1 to {MAX_MODEL} bytes, at byte {}",
                            part.content.start
                        )));
                    }
                    request.model = Some(Model { span: part.content.clone(), decoded: None });
                }
                "model" => {
                    return Err(invalid(format!(
                        "member `model` names nothing here, at byte {place}; leave it out"
                    )));
                }
                "stream" if members.stream => {
                    request.stream = match content {
                        b"true" => true,
                        b"false" => false,
                        _ => {
                            return Err(invalid(format!(
                                "member `stream` must be true or false, at byte {}",
                                part.content.start
                            )));
                        }
                    };
                }
                _ if members.text.contains(&name) => request.text_bytes += content.len() as u64,
                _ => {}
            }
        }
        let fields = parts.iter().map(|part| (part.name(body), &body[part.content.clone()]));
        request.reaches = Reaches::Found(Reach::of_fields(fields, members.reach)?);
        if members.syntax == Syntax::File {
            request.calls = kept(body, &parts)?;
        }
        if members.model && request.model.is_none() {
            return Err(invalid("member `model` is missing; it names the model to use"));
        }
        Ok(request)
    }
}

/// What a file may be kept for. Others are refused: what a provider would do with it is not known.
const PURPOSES: &[&str] = &["assistants", "batch", "evals", "fine-tune", "user_data", "vision"];

/// Looks at a file that is to be kept: the calls in it and where it begins, where it is one of calls.
fn kept(body: &Bytes, parts: &[Part]) -> Result<Option<(usize, Arc<Batch>)>, Fault> {
    let one = |name: &str| {
        let mut found = parts.iter().filter(|part| part.name(body).eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some(part), None) if part.name(body) == name => Ok(part),
            (None, _) => Err(invalid(format!("member `{name}` is missing"))),
            _ => Err(ambiguous(format!("member `{name}` is there more than once, or in another case"))),
        }
    };
    let (file, purpose) = (one("file")?, one("purpose")?);
    if let Some(other) = parts.iter().find(|part| part.is_file && part.name(body) != "file") {
        return Err(invalid(format!("there is a second file, `{}`; send one", other.name(body))));
    }
    if !file.is_file || !purpose.is_text(body) {
        return Err(invalid("member `file` must be a file, and member `purpose` a field of plain text"));
    }
    let said = std::str::from_utf8(&body[purpose.content.clone()]).unwrap_or_default();
    if !PURPOSES.contains(&said) {
        return Err(invalid(format!("member `purpose` must be one of {}", PURPOSES.join(", "))));
    }
    if said != "batch" {
        return Ok(None);
    }
    let calls = Batch::read(&body.slice(file.content.clone()))?;
    Ok(Some((file.content.start, Arc::new(calls))))
}

/// Whether a body of this `Content-Type` is JSON.
pub(super) fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

fn malformed(what: &str, error: &Malformed) -> Fault {
    let said = format!("{what} cannot be read: {error}");
    if error.ambiguous { ambiguous(said) } else { invalid(said) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::request::{StreamOptions, Syntax};

    const FORM: Members =
        Members { syntax: Syntax::Form, max_tokens: false, text: &["prompt"], ..Members::BODY };

    fn field(name: &str, content: &str) -> String {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    }

    const FILE: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n";

    fn scan(fields: &[String]) -> Result<Request, Fault> {
        let body = Bytes::from(format!("{}{FILE}--b--\r\n", fields.concat()));
        Request::read(&body, b"multipart/form-data; boundary=\"b\"", &FORM)
    }

    #[test]
    fn the_model_is_edited_in_place() {
        let request = scan(&[field("prompt", "abc"), field("model", "fast"), field("stream", "true")]);
        let request = request.unwrap();
        assert_eq!((request.model(), request.stream(), request.text_bytes()), ("fast", true, 3));
        assert_eq!(request.form(), Some("multipart/form-data; boundary=b"));
        let sent = request.rewrite("whisper-1", StreamOptions::Ask);
        let expected = String::from_utf8(request.body().to_vec()).unwrap().replace("fast", "whisper-1");
        assert_eq!(sent, expected.as_bytes());
        assert_eq!(request.rewrite("fast", StreamOptions::Ask).as_ptr(), request.body().as_ptr());
        let several = [field("model", "m"), field("image[]", "a"), field("image[]", "b")];
        assert!(!scan(&several).unwrap().stream());
    }

    #[test]
    fn fields_that_two_could_read_differently_are_refused() {
        let model = || field("model", "m");
        let file = |name: &str, kind: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{kind}\r\n\r\nm\r\n")
        };
        for (fields, what) in [
            (vec![], "`model` is missing"),
            (vec![model(), model()], "twice"),
            (vec![model(), field("Model", "x")], "taken for `model`"),
            (vec![model(), field("model[]", "x")], "taken for `model`"),
            (vec![model(), field("model.name", "x")], "taken for `model`"),
            (vec![model(), field("models", "x")], "taken for `models`"),
            (vec![model(), field("fallbacks[]", "x")], "taken for `fallbacks`"),
            (vec![model(), field("STREAM", "true")], "taken for `stream`"),
            (vec![model(), field("stream", "1")], "must be true or false"),
            (vec![model(), field("prompt", "a"), field("prompt", "b")], "twice"),
            (vec![model(), field("_charset_", "utf-16")], "send UTF-8"),
            (vec![field("model", "")], "1 to 256"),
            (vec![field("model", " m")], "1 to 256"),
            (vec![field("model", "m\r\n")], "1 to 256"),
            (vec![field("model", &"m".repeat(257))], "1 to 256"),
            (vec![file("model", "; filename=\"m\"")], "not a file"),
            (vec![file("model", "; filename*=utf-8''m")], "not a file"),
            (vec![file("model", "\r\nContent-Type: text/plain; charset=utf-16")], "plain text"),
            (vec![file("model", "\r\nContent-Type: application/json")], "plain text"),
        ] {
            let fault = scan(&fields).expect_err(what);
            assert!(fault.public_detail().contains(what), "{}: {what}", fault.public_detail());
        }
        let plain = file("model", "\r\nContent-Type: text/plain; charset=UTF-8");
        assert_eq!(scan(&[plain]).unwrap().model(), "m");
        let reaching = [
            model(),
            field("x_file", "a"),
            field("file_ids[]", "file-1"),
            field("fileIds[]", "file-2"),
            field("tools", "[]"),
        ];
        let reach = scan(&reaching).unwrap().reach().unwrap();
        assert_eq!(reach.ids.iter().map(|id| &*id.text).collect::<Vec<_>>(), ["file-1", "file-2"]);
        assert_eq!(reach.tools.len(), 1, "whatever it may be, it is none of the caller's functions");
        let json = Request::read(&Bytes::from_static(b"{\"model\":\"m\"}"), b"application/json", &FORM);
        assert!(json.unwrap_err().public_detail().contains("multipart/form-data"));
    }
    const KEPT: Members = Members { model: false, stream: false, syntax: Syntax::File, ..FORM };
    const CALL: &str =
        r#"{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":"fast","input":"x"}}"#;

    fn file(name: &str, content: &str) -> String {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a\"\r\n\r\n{content}\r\n")
    }

    fn keep(fields: &[String]) -> Result<Request, String> {
        let body = Bytes::from(format!("{}--b--", fields.concat()));
        Request::read(&body, b"multipart/form-data; boundary=b", &KEPT)
            .map_err(|fault| fault.public_detail().to_owned())
    }

    #[test]
    fn a_file_of_calls_is_read_and_edited_where_it_stands() {
        let fields = [field("purpose", "batch"), file("file", &format!("{CALL}\n{CALL}\n"))];
        let request = keep(&fields).unwrap();
        assert_eq!((request.model(), request.calls().unwrap().lines().len()), ("fast", 2));
        let sent = String::from_utf8(request.rewrite("embed-3", StreamOptions::Ask).to_vec()).unwrap();
        assert_eq!(sent, format!("{}--b--", fields.concat()).replace("\"fast\"", "\"embed-3\""));
        let other = keep(&[file("file", "not JSON"), field("purpose", "user_data")]).unwrap();
        assert!(other.calls().is_none() && other.model().is_empty());
        assert_eq!(other.rewrite("m", StreamOptions::Ask).as_ptr(), other.body().as_ptr());
    }

    #[test]
    fn a_file_has_one_purpose() {
        let content = || file("file", CALL);
        let batch = || field("purpose", "batch");
        for (fields, what) in [
            (vec![content()], "`purpose` is missing"),
            (vec![batch()], "`file` is missing"),
            (vec![content(), field("purpose", "user_data"), field("Purpose", "batch")], "in another case"),
            (vec![content(), field("purpose", "user_data"), batch()], "twice"),
            (vec![content(), batch(), file("other", "x")], "a second file"),
            (vec![content(), field("purpose", "Batch")], "must be one of"),
            (vec![content(), field("purpose", "batch_output")], "must be one of"),
            (vec![field("file", CALL), batch()], "must be a file"),
            (vec![content(), file("purpose", "batch")], "a second file"),
            (vec![content(), batch(), field("model", "x")], "`model` names nothing"),
            (vec![file("file", "{}"), batch()], "line 1 of the file"),
        ] {
            let refused = keep(&fields).expect_err(what);
            assert!(refused.contains(what), "{refused}: {what}");
        }
    }
}
