//! Golden fixtures of every chat format: `fixtures/<format>/{requests,answers,streams,errors}/…`, what is read from them and
//! what is written again. A new file is found by itself; a snapshot whose fixture is gone is refused.
//!
//! A request's snapshot is what its own format writes of it; a stream's are its events, and what is written of those.

use crate::frames;
use portcullis_llm::canon::fields::{self, Target};
use portcullis_llm::canon::{Event, Losses, Mode, Request};
use portcullis_llm::dialect::chat::{self, Asked, Chat, Incoming};
use portcullis_llm::stream::eventstream;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Every chat format, and every fixture of this kind that it has.
pub(crate) fn fixtures(kind: &str) -> Vec<(&'static dyn Chat, String, Vec<u8>)> {
    let mut found = Vec::new();
    for chat in chat::ALL {
        let folder = root().join("fixtures").join(chat.name()).join(kind);
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let mut content = fs::read(&path).unwrap();
            if path.extension().is_some_and(|extension| extension == "frames") {
                content = frames::written(&content);
            }
            found.push((*chat, stem, content));
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// As if it came to this format; with a model where the path has it.
pub(crate) fn incoming<'a>(chat: &dyn Chat, body: &'a [u8]) -> Incoming<'a> {
    let model = match chat.name() {
        "gemini" => Some("a-model"),
        // Of a family: what a model is told of thinking depends on it.
        "bedrock" => Some("anthropic.claude-opus-4-6-v1"),
        _ => None,
    };
    Incoming { model, stream: None, body }
}

/// For answers without a request of their own.
pub(crate) fn asked() -> Asked {
    let request = Request { model: "asked-model".to_owned(), stream_usage: true, ..Request::default() };
    Asked { id: "r-1".into(), now: 1_700_000_000, request: Arc::new(request) }
}

/// All that a stream says; in pieces as given.
pub(crate) fn events<'a>(chat: &dyn Chat, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let (mut reader, mut events) = (chat.reader(), Vec::new());
    for piece in pieces {
        reader.feed(piece, &mut events).unwrap_or_else(|wrong| panic!("{}: {wrong}", chat.name()));
    }
    reader.finish(&mut events);
    events
}

fn pretty(body: &[u8]) -> String {
    let value: serde_json::Value =
        serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {body:?}"));
    format!("{value:#}")
}

fn check(chat: &dyn Chat, kind: &str, name: &str, text: &str) {
    let name = snapshot(chat, kind, name);
    insta::with_settings!({ snapshot_path => "../golden", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

fn snapshot(chat: &dyn Chat, kind: &str, name: &str) -> String {
    format!("{}__{kind}__{name}", chat.name())
}

#[test]
fn requests() {
    for (chat, name, body) in fixtures("requests") {
        let request = chat
            .read_request(&incoming(chat, &body))
            .unwrap_or_else(|fault| panic!("{} {name}: {}", chat.name(), fault.public_detail()));
        let (mut fitted, mut losses) = (request.clone(), Losses::default());
        let target = Target { dialect: chat.name(), says: chat.says(), cannot: chat.cannot() };
        fields::fit(&mut fitted, target, Mode::Drop, &mut losses).unwrap();
        let written = chat.write_request(&fitted, &mut losses).unwrap();
        let mut text = format!("POST {}", written.path);
        if !written.query.is_empty() {
            let _ = write!(text, "?{}", written.query);
        }
        for (header, value) in &written.headers {
            let _ = write!(text, "\n{header}: {value}");
        }
        let _ = write!(text, "\nlost: {}\n\n{}", losses.text(), pretty(&written.body));
        check(chat, "requests", &name, &text);
        // What was written says the same again.
        let again = Incoming { stream: Some(request.stream), ..incoming(chat, &written.body) };
        let mut again = chat.read_request(&again).unwrap();
        again.stream_usage = fitted.stream_usage;
        again.native.sort_by(|a, b| a.name.cmp(&b.name));
        fitted.native.sort_by(|a, b| a.name.cmp(&b.name));
        fitted.native.retain(|native| native.name != "legacy_functions");
        if losses.is_empty() {
            assert_eq!(format!("{again:#?}"), format!("{fitted:#?}"), "{} {name}", chat.name());
        }
    }
}

#[test]
fn answers() {
    for (chat, name, body) in fixtures("answers") {
        let answer =
            chat.read_answer(&body).unwrap_or_else(|wrong| panic!("{} {name}: {wrong}", chat.name()));
        let written = chat.write_answer(&answer, &asked());
        check(chat, "answers", &name, &format!("{answer:#?}\n\n{}", pretty(&written)));
        let again = chat.read_answer(&written).unwrap();
        assert_eq!(again.choices, answer.choices, "{} {name}", chat.name());
        assert_eq!(again.usage, answer.usage, "{} {name}", chat.name());
    }
}

#[test]
fn streams() {
    for (chat, name, body) in fixtures("streams") {
        let whole = events(chat, [&body[..]]);
        let mut text = String::new();
        for event in &whole {
            let _ = writeln!(text, "{event:?}");
        }
        let (mut writer, mut out) = (chat.writer(&asked()), Vec::new());
        for event in &whole {
            writer.write(event, &mut out);
        }
        let shown = match chat.stream_type() {
            eventstream::CONTENT_TYPE => frames::shown(&out),
            _ => String::from_utf8_lossy(&out).into_owned(),
        };
        check(chat, "streams", &name, &format!("{text}\n{shown}"));
        // The same wherever it is cut.
        assert_eq!(events(chat, body.chunks(1)), whole, "{} {name}", chat.name());
        for at in 0..body.len() {
            let (a, b) = body.split_at(at);
            assert_eq!(events(chat, [a, b]), whole, "{} {name} cut at {at}", chat.name());
        }
        // What was written says the same again, as far as words and endings go.
        assert_eq!(said(&events(chat, [&out[..]])), said(&whole), "{} {name}", chat.name());
    }
}

/// What is said in sum, however it was cut into events.
pub(crate) fn said(events: &[Event]) -> String {
    use portcullis_llm::canon::{Delta, Opening};
    let mut said = String::new();
    let mut endings = String::new();
    let mut words: std::collections::BTreeMap<(u32, u32), String> = Default::default();
    for event in events {
        match event {
            Event::Open { choice, part, opening } => {
                let opened = match opening {
                    Opening::ToolCall { id, name } => format!("call {id} {name}: "),
                    other => format!("{other:?}: "),
                };
                words.insert((*choice, *part), opened);
            }
            Event::Delta {
                choice,
                part,
                delta: Delta::Text(text) | Delta::Thinking(text) | Delta::Arguments(text),
            } => {
                words.get_mut(&(*choice, *part)).expect("opened before").push_str(text);
            }
            Event::Stop { choice, stop, .. } => {
                let _ = writeln!(endings, "{choice} {stop:?}");
            }
            Event::End => endings.push_str("end\n"),
            Event::Error(error) => {
                let _ = writeln!(endings, "error {}", error.message);
            }
            _ => {}
        }
    }
    for ((choice, part), text) in words {
        let _ = writeln!(said, "{choice}.{part} {text}");
    }
    said + &endings
}

#[test]
fn errors() {
    for (chat, name, body) in fixtures("errors") {
        let status = name.get(..3).and_then(|digits| digits.parse().ok()).expect("the status, then a name");
        let error = chat.read_error(status, &body);
        let (status, written) = chat.write_error(&error, "r-1");
        check(chat, "errors", &name, &format!("{error:#?}\n\n{status}\n{}", pretty(&written)));
    }
}

#[test]
fn every_snapshot_has_its_fixture() {
    let mut expected = BTreeSet::new();
    for kind in ["requests", "answers", "streams", "errors"] {
        expected.extend(
            fixtures(kind).iter().map(|(chat, name, _)| format!("{}.snap", snapshot(*chat, kind, name))),
        );
    }
    let there: BTreeSet<String> = fs::read_dir(root().join("golden"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".snap"))
        .collect();
    assert_eq!(there.difference(&expected).collect::<Vec<_>>(), Vec::<&String>::new(), "left behind");
}
