//! AWS's event-stream framing, held against what botocore's parser says (`fixtures/eventstream/make.py`).

use portcullis_llm::stream::eventstream::{Malformed, Reader, Value, write};
use serde_json::{Value as Json, json};

/// As botocore shows it: values without their types.
fn shown(value: Value<'_>) -> Json {
    let hex = |bytes: &[u8]| json!({ "hex": hex(bytes) });
    match value {
        Value::Bool(value) => value.into(),
        Value::Byte(value) => value.into(),
        Value::Short(value) => value.into(),
        Value::Integer(value) => value.into(),
        Value::Long(value) | Value::Timestamp(value) => value.into(),
        Value::Bytes(bytes) => hex(bytes),
        Value::Text(text) => text.into(),
        Value::Uuid(bytes) => hex(&bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// What is read of `pieces`, and the same messages written again.
fn read(pieces: &[&[u8]]) -> Result<(Json, Vec<u8>), Malformed> {
    let mut reader = Reader::new();
    let (mut messages, mut written) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        while let Some(message) = reader.next(&mut rest)? {
            let headers: Vec<_> = message.headers().collect();
            write(&headers, message.payload, &mut written);
            let headers: Vec<_> = headers.iter().map(|(name, value)| json!([name, shown(*value)])).collect();
            messages.push(json!({ "headers": headers, "payload": hex(message.payload) }));
        }
    }
    assert!(reader.is_between());
    Ok((messages.into(), written))
}

#[test]
fn says_what_botocore_says() {
    let document: Json = serde_json::from_str(include_str!("../fixtures/eventstream/vectors.json")).unwrap();
    let vectors = document["vectors"].as_array().unwrap();
    assert!(vectors.len() > 10);
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let bytes = unhex(vector["bytes"].as_str().unwrap());
        match (read(&[&bytes]), vector["error"].as_str()) {
            (Ok((messages, written)), None) => {
                assert_eq!(messages, vector["messages"], "{name}");
                assert_eq!(written, bytes, "{name}");
                for at in 0..bytes.len() {
                    assert_eq!(
                        read(&[&bytes[..at], &bytes[at..]]).unwrap().0,
                        messages,
                        "{name} cut at {at}"
                    );
                }
                let single: Vec<_> = bytes.chunks(1).collect();
                assert_eq!(read(&single).unwrap().0, messages, "{name}, byte by byte");
            }
            (Err(Malformed::Prelude | Malformed::Checksum), Some("ChecksumMismatch")) => {}
            (Err(Malformed::Headers), Some("DuplicateHeader")) => {}
            (ours, theirs) => panic!("{name}: {ours:?}, botocore: {theirs:?}"),
        }
    }
}
