//! Forms: what is accepted has one reading, which a reader of another make shares, and survives being edited.
//!
//! The first line of an input is the `Content-Type`, the rest is the body.

use super::LONGEST;
use bytes::Bytes;
use portcullis_llm::dialect::request::{Members, Request, StreamOptions, Syntax};
use portcullis_llm::multipart::{Boundary, Part, parts};

const MEMBERS: Members = Members { syntax: Syntax::Form, text: &["prompt"], ..Members::BODY };

pub fn run(data: &[u8]) {
    if data.len() > LONGEST {
        return;
    }
    let split = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (content_type, body) = (&data[..split], data.get(split + 1..).unwrap_or_default());
    let Ok(Some(boundary)) = Boundary::of(content_type) else { return };
    let again = Boundary::of(boundary.content_type().as_bytes());
    assert_eq!(again, Ok(Some(boundary.clone())), "what we say of it is what we read");
    let Ok(read) = parts(body, &boundary) else { return };
    assert_eq!(simply(body, boundary.as_str(), "\r\n"), contents(body, &read));
    // A reader that takes a bare line feed, or any line end, for the end of a line finds no other boundary.
    for ends in ["\n", "\r"] {
        assert!(simply(body, boundary.as_str(), ends).len() <= read.len() + 1);
    }
    let bytes = Bytes::copy_from_slice(body);
    let Ok(request) = Request::read(&bytes, content_type, &MEMBERS) else { return };
    let named: Vec<_> = read.iter().filter(|part| part.name(body).eq_ignore_ascii_case("model")).collect();
    assert_eq!(named.len(), 1, "a form names one model");
    assert_eq!(&body[named[0].content.clone()], request.model().as_bytes());
    let sent = request.rewrite("the/deployment", StreamOptions::Ask);
    let after = parts(&sent, &boundary).expect("what we send on, we would accept");
    assert_eq!(after.len(), read.len());
    for (before, after) in read.iter().zip(&after) {
        let expected: &[u8] = match before.name(body) {
            "model" => b"the/deployment",
            _ => &body[before.content.clone()],
        };
        assert_eq!(&sent[after.content.clone()], expected);
    }
}

fn contents(body: &[u8], parts: &[Part]) -> Vec<Vec<u8>> {
    parts.iter().map(|part| body[part.content.clone()].to_vec()).collect()
}

/// As a reader without any care does it: cut at the delimiter on a line of its own, and each piece at its first empty line.
fn simply(body: &[u8], boundary: &str, line_end: &str) -> Vec<Vec<u8>> {
    let with = [line_end.as_bytes(), body].concat();
    let delimiter = format!("{line_end}--{boundary}");
    let mut pieces = Vec::new();
    let mut rest = &with[..];
    while let Some(at) = find(rest, delimiter.as_bytes()) {
        pieces.push(&rest[..at]);
        rest = &rest[at + delimiter.len()..];
    }
    let inner = pieces.get(1..).unwrap_or_default().iter();
    inner.filter_map(|piece| find(piece, b"\r\n\r\n").map(|end| piece[end + 4..].to_vec())).collect()
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}
