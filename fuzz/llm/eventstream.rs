//! AWS's event-stream framing: what is read is the same wherever the bytes are cut, and written again it is the same bytes.

use super::LONGEST;
use portcullis_llm::stream::eventstream::{Malformed, Reader, Value, write};

pub fn run(data: &[u8]) {
    if data.len() > LONGEST {
        return;
    }
    let whole = read([data]);
    assert_eq!(read(data.chunks(1)), whole);
    assert_eq!(read(data.chunks(7)), whole);
    let (written, error) = whole;
    assert!(data.starts_with(&written), "what was read is what was there");
    assert!(error.is_some() || data.len() - written.len() < 16 << 20);
    // Checksums hide what is behind them: the same bytes once more, as a payload and as a header.
    let mut framed = Vec::new();
    let text = String::from_utf8_lossy(data);
    let text = &text[..text.floor_char_boundary(255)];
    write(&[("a", Value::Bytes(data)), ("b", Value::Text(text))], data, &mut framed);
    assert_eq!(read(framed.chunks(5)), (framed.clone(), None));
}

/// What was read, written again; and why nothing more was.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Option<Malformed>) {
    let (mut reader, mut written) = (Reader::new(), Vec::new());
    for piece in pieces {
        let mut rest = piece;
        loop {
            match reader.next(&mut rest) {
                Ok(None) => break,
                Ok(Some(message)) => {
                    let headers: Vec<_> = message.headers().collect();
                    write(&headers, message.payload, &mut written);
                }
                Err(error) => return (written, Some(error)),
            }
        }
    }
    (written, None)
}
