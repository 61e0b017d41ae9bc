//! Every chat format's readers: requests, answers, streams, errors. The first byte says which format, the second what.

use super::LONGEST;
use portcullis_llm::canon::{Event, Losses, Mode, Request};
use portcullis_llm::dialect::Chat;
use portcullis_llm::dialect::chat::{ALL, Asked, Incoming, Unreadable};
use portcullis_llm::dialect::ollama::GENERATE;
use portcullis_llm::dialect::openai::chat::Completions;
use portcullis_llm::stream::eventstream::{self, Value};
use portcullis_llm::translate;
use std::sync::Arc;

pub fn run(data: &[u8]) {
    let [format, what, data @ ..] = data else { return };
    if data.len() > LONGEST {
        return;
    }
    // By digits and letters, so that inputs made by hand can be read.
    let only_callers: [&dyn Chat; 2] = [&Completions, &GENERATE];
    let chats: Vec<&dyn Chat> = ALL.iter().copied().chain(only_callers).collect();
    let chat = chats[usize::from(format.wrapping_sub(b'0')) % chats.len()];
    match what % 4 {
        0 => request(chat, data),
        1 => answer(chat, data),
        2 => stream(chat, data),
        _ => error(chat, data),
    }
}

fn asked() -> Asked {
    Asked { id: "r-1".into(), now: 1_800_000_000, request: Arc::new(Request::default()) }
}

/// What can be read can be said to every provider, or is refused.
fn request(chat: &dyn Chat, data: &[u8]) {
    let incoming = Incoming { model: Some("a-model"), stream: Some(true), body: data };
    let Ok(request) = chat.read_request(&incoming) else { return };
    for outbound in ALL {
        for mode in [Mode::Drop, Mode::Strict] {
            if let Ok((written, losses)) = translate::request(&request, *outbound, "their-model", mode) {
                serde_json::from_slice::<serde_json::Value>(&written.body).expect("JSON is written");
                assert!(losses.text().len() <= 1100);
            }
        }
    }
    let _ = chat.write_request(&request, &mut Losses::default());
}

fn answer(chat: &dyn Chat, data: &[u8]) {
    let mut watch = chat.watch(false);
    data.chunks(3).for_each(|piece| watch.feed(piece));
    let _ = (watch.is_complete(), watch.is_failed(), watch.usage(), watch.text_bytes());
    let Ok(answer) = chat.read_answer(data) else { return };
    for inbound in ALL {
        let written = inbound.write_answer(&answer, &asked());
        serde_json::from_slice::<serde_json::Value>(&written).expect("JSON is written");
    }
}

fn stream(chat: &dyn Chat, data: &[u8]) {
    let framed = if chat.stream_type() == eventstream::CONTENT_TYPE { framed(data) } else { data.to_vec() };
    let whole = events(chat, [&framed[..]]);
    assert_eq!(events(chat, framed.chunks(1)), whole);
    assert_eq!(events(chat, framed.chunks(7)), whole);
    for inbound in ALL {
        let mut writer = inbound.writer(&asked());
        let mut out = Vec::new();
        whole.0.iter().for_each(|event| writer.write(event, &mut out));
    }
    let mut watch = chat.watch(true);
    framed.chunks(5).for_each(|piece| watch.feed(piece));
    let _ = (watch.is_complete(), watch.is_failed(), watch.usage(), watch.text_bytes());
}

/// Lines of an event's name and its payload, as frames: no fuzzer guesses their checksums.
fn framed(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        let at = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (event, payload) = line.split_at(at);
        let event = String::from_utf8_lossy(event);
        let (kind, name) = match event.ends_with("Exception") {
            true => ("exception", ":exception-type"),
            false => ("event", ":event-type"),
        };
        eventstream::write(
            &[(name, Value::Text(&event)), (":message-type", Value::Text(kind))],
            payload,
            &mut out,
        );
    }
    out
}

fn events<'a>(
    chat: &dyn Chat,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, Option<Unreadable>) {
    let (mut reader, mut events) = (chat.reader(), Vec::new());
    for piece in pieces {
        if let Err(error) = reader.feed(piece, &mut events) {
            return (events, Some(error));
        }
    }
    reader.finish(&mut events);
    (events, None)
}

fn error(chat: &dyn Chat, data: &[u8]) {
    for status in [400, 429, 500, 529] {
        let error = chat.read_error(status, data);
        for inbound in ALL {
            let (status, body) = inbound.write_error(&error, "r-1");
            assert!((400..=599).contains(&status), "{status}");
            serde_json::from_slice::<serde_json::Value>(&body).expect("JSON is written");
        }
    }
}
