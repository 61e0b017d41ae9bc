//! AWS event streams as text, a line a message: `["contentBlockStop",{"contentBlockIndex":0}]`.

use portcullis_llm::stream::eventstream::{Reader, Value as Header, write};
use serde_json::Value;

/// Lines as a stream.
pub(crate) fn written(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in std::str::from_utf8(lines).unwrap().lines() {
        let (event, payload): (String, Value) = serde_json::from_str(line).unwrap();
        frame(&event, &payload, &mut out);
    }
    out
}

/// One message: an exception by its name, or an event.
pub(crate) fn frame(event: &str, payload: &Value, out: &mut Vec<u8>) {
    let (kind, name) = match event.ends_with("Exception") {
        true => ("exception", ":exception-type"),
        false => ("event", ":event-type"),
    };
    let headers = [
        (name, Header::Text(event)),
        (":content-type", Header::Text("application/json")),
        (":message-type", Header::Text(kind)),
    ];
    write(&headers, payload.to_string().as_bytes(), out);
}

/// A whole stream as lines.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let mut reader = Reader::new();
    let (mut rest, mut text) = (bytes, String::new());
    while let Some(message) = reader.next(&mut rest).unwrap() {
        let event = message.text(":event-type").or(message.text(":exception-type")).unwrap();
        assert_eq!(message.text(":content-type"), Some("application/json"));
        text.push_str(&format!("[\"{event}\",{}]\n", std::str::from_utf8(message.payload).unwrap()));
    }
    assert!(reader.is_between());
    text
}
