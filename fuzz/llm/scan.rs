//! Bodies whose bytes pass. What the scanner found another parser finds, too, and it is all that was changed; streams go on byte
//! for byte, wherever they are cut. The first byte says which row of a dialect, or `s` for a stream.

use super::LONGEST;
use bytes::Bytes;
use http::HeaderValue;
use portcullis_llm::dialect::ALL;
use portcullis_llm::dialect::openai::{Ending, UsageScanner};
use portcullis_llm::dialect::request::reach::kinds;
use portcullis_llm::dialect::request::{Members, Request, StreamOptions};
use portcullis_llm::stream::boundary::Boundary;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::VecDeque;

pub fn run(data: &[u8]) {
    let [which, data @ ..] = data else { return };
    if data.len() > LONGEST {
        return;
    }
    match which {
        b's' => stream(data),
        _ => {
            let rows: Vec<&Members> =
                ALL.iter().flat_map(|dialect| dialect.serves()).filter_map(|row| row.members).collect();
            request(rows[usize::from(which.wrapping_sub(b'0')) % rows.len()], data);
        }
    }
}

fn request(members: &Members, data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let Ok(scanned) = Request::scan(&body, members) else { return };
    serde_json::from_slice::<IgnoredAny>(&body).expect("what was taken is JSON");
    // Numbers beyond all bounds, and halves of characters, are JSON that no value can hold.
    let Ok(before) = serde_json::from_slice::<Value>(&body) else { return };
    assert!(before.is_object());
    if members.model {
        assert_eq!(before["model"], scanned.model());
    }
    if members.stream {
        let said = before["stream"].as_bool().unwrap_or(members.streams);
        assert_eq!(said, scanned.stream());
    }
    // What another parser finds at the top, whatever else is in the body, is reached for.
    if let Ok(reach) = scanned.reach() {
        if let Some(id) = before["previous_response_id"].as_str().filter(|id| !id.is_empty()) {
            assert!(reach.ids.iter().any(|one| one.text == id));
        }
        let search = &before["web_search_options"];
        assert!(search.is_null() || search == false || reach.has(kinds::WEB_SEARCH));
    }
    for options in [StreamOptions::Ask, StreamOptions::Keep, StreamOptions::Remove] {
        let written = scanned.rewrite("their/\"model\"", options);
        let mut after: Value = serde_json::from_slice(&written).expect("JSON is written");
        let mut before = before.clone();
        if members.model {
            assert_eq!(after["model"], "their/\"model\"");
            after["model"] = Value::Null;
            before["model"] = Value::Null;
        }
        if members.stream_options {
            for document in [&mut after, &mut before] {
                document.as_object_mut().expect("an object").shift_remove("stream_options");
            }
        }
        assert_eq!(after, before);
        Request::scan(&written, members).expect("it is taken again");
    }
}

/// What goes on, and how it ended.
fn passed<'a>(hide: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Ending) {
    let (mut scanner, mut forward) = (UsageScanner::stream(hide), VecDeque::new());
    for piece in pieces {
        scanner.feed(Bytes::copy_from_slice(piece), &mut forward);
    }
    let ending = scanner.finish(&mut forward);
    let _ = (scanner.usage(), scanner.text_bytes(), scanner.is_complete(), scanner.is_failed());
    (forward.into_iter().flatten().collect(), ending)
}

fn stream(data: &[u8]) {
    assert_eq!(passed(false, [data]).0, data, "bytes pass");
    for hide in [false, true] {
        let whole = passed(hide, [data]);
        assert_eq!(passed(hide, data.chunks(1)), whole);
        assert_eq!(passed(hide, data.chunks(7)), whole);
    }
    for kind in ["text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream"] {
        let kind = HeaderValue::from_static(kind);
        let apart = |size: usize| {
            let mut boundary = Boundary::of(Some(&kind)).expect("a kind of stream");
            data.chunks(size).for_each(|piece| boundary.feed(piece));
            boundary.apart()
        };
        assert_eq!(apart(1), apart(data.len().max(1)));
    }
}
