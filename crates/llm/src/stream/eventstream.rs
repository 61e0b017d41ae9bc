//! AWS's event-stream framing (`application/vnd.amazon.eventstream`): messages with a length, typed headers, a payload and
//! two checksums, read from bytes that come cut anywhere, and written.
//!
//! A message: total length and length of the headers (both 32 bits, big-endian), CRC-32 of those eight bytes; headers
//! (length of the name, name, type of the value, value); payload; CRC-32 of everything before it. Source: Amazon
//! Transcribe Developer Guide, "Event stream encoding".
//!
//! Not here: what the messages of an API say (`dialect::bedrock`).

use crc32fast::hash as crc32;
use std::fmt;

/// `Content-Type` of such streams.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Largest message that is read. AWS allows payloads of 24 MiB; a model's answer comes in pieces of some hundred bytes.
pub const MAX_MESSAGE: usize = 16 << 20;
/// Largest headers: AWS's own bound.
pub const MAX_HEADERS: usize = 128 << 10;

const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;

/// Reads a stream of messages. Keeps at most one message.
#[derive(Debug, Default)]
pub struct Reader {
    kept: Vec<u8>,
    /// What is kept was handed out, and goes with the next call.
    spent: bool,
    /// Something was wrong: nothing that follows can be told apart.
    broken: Option<Malformed>,
}

/// One message. Its headers are read as they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    headers: &'a [u8],
    /// What it carries.
    pub payload: &'a [u8],
}

/// The value of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Types 0 (true) and 1 (false).
    Bool(bool),
    /// Type 2.
    Byte(i8),
    /// Type 3.
    Short(i16),
    /// Type 4.
    Integer(i32),
    /// Type 5.
    Long(i64),
    /// Type 6: at most 65,535 bytes.
    Bytes(&'a [u8]),
    /// Type 7: at most 65,535 bytes of UTF-8.
    Text(&'a str),
    /// Type 8: milliseconds since 1970.
    Timestamp(i64),
    /// Type 9.
    Uuid([u8; 16]),
}

/// Bytes that are no such stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The prelude's checksum is another: this is no event stream, or bytes were lost.
    Prelude,
    /// The message's checksum is another.
    Checksum,
    /// The lengths do not fit into one another, or are over the bounds.
    Length,
    /// The headers do not fill their room, have a name twice, or a value of an unknown type.
    Headers,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prelude => "the bytes are no event stream: the checksum of a message's lengths is wrong",
            Self::Checksum => "a message of the event stream has a wrong checksum",
            Self::Length => {
                "a message of the event stream is larger than 16 MiB, or its lengths make no sense"
            }
            Self::Headers => "a message of the event stream has headers that cannot be read",
        })
    }
}

impl std::error::Error for Malformed {}

impl Reader {
    /// At the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next whole message, and `None` when all of `rest` was taken. Takes from the front of `rest`; to be called
    /// until it says `None`. A message that lies within `rest` is not copied.
    pub fn next<'a, 'c: 'a>(&'a mut self, rest: &mut &'c [u8]) -> Result<Option<Message<'a>>, Malformed> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        if std::mem::take(&mut self.spent) {
            self.kept.clear();
        }
        match self.whole(rest) {
            Ok(None) => Ok(None),
            Ok(Some(Whole::Kept)) => {
                self.spent = true;
                parse(&self.kept).map(Some)
            }
            Ok(Some(Whole::Passing(bytes))) => parse(bytes).map(Some),
            Err(error) => Err(error),
        }
        .inspect_err(|error| self.broken = Some(*error))
    }

    /// Whether the stream stands between two messages: an end here cuts none.
    pub fn is_between(&self) -> bool {
        self.broken.is_none() && (self.spent || self.kept.is_empty())
    }

    fn whole<'a>(&mut self, rest: &mut &'a [u8]) -> Result<Option<Whole<'a>>, Malformed> {
        if self.kept.is_empty() {
            if rest.len() >= PRELUDE {
                let total = total(rest)?;
                if let Some((message, after)) = rest.split_at_checked(total) {
                    *rest = after;
                    return Ok(Some(Whole::Passing(message)));
                }
            }
        } else if self.kept.len() < PRELUDE {
            self.keep(rest, PRELUDE);
        }
        if self.kept.len() >= PRELUDE {
            let total = total(&self.kept)?;
            self.keep(rest, total);
            if self.kept.len() == total {
                return Ok(Some(Whole::Kept));
            }
        } else {
            self.keep(rest, usize::MAX);
        }
        Ok(None)
    }

    /// Keeps bytes of `rest` until `len` are kept. Room is made for what came, not for what was announced.
    fn keep(&mut self, rest: &mut &[u8], len: usize) {
        let (now, after) = rest.split_at(rest.len().min(len.saturating_sub(self.kept.len())));
        self.kept.extend_from_slice(now);
        *rest = after;
    }
}

enum Whole<'a> {
    Kept,
    Passing(&'a [u8]),
}

fn word(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..at + 4).map_or(0, |word| {
        // Four bytes, as asked for just above.
        word.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    })
}

/// The length of the message that begins with these bytes, which are a prelude at least.
fn total(bytes: &[u8]) -> Result<usize, Malformed> {
    let (total, headers) = (word(bytes, 0), word(bytes, 4));
    if crc32(&bytes[..8]) as usize != word(bytes, 8) {
        return Err(Malformed::Prelude);
    }
    if total > MAX_MESSAGE || headers > MAX_HEADERS || total < PRELUDE + headers + CHECKSUM {
        return Err(Malformed::Length);
    }
    Ok(total)
}

/// A whole message: its lengths were checked.
fn parse(bytes: &[u8]) -> Result<Message<'_>, Malformed> {
    let (checked, checksum) = bytes.split_at(bytes.len() - CHECKSUM);
    if crc32(checked) as usize != word(checksum, 0) {
        return Err(Malformed::Checksum);
    }
    let (headers, payload) = checked[PRELUDE..].split_at(word(bytes, 4));
    let message = Message { headers, payload };
    let mut names = Vec::new();
    let mut rest = headers;
    while !rest.is_empty() {
        let (name, _) = header(&mut rest).ok_or(Malformed::Headers)?;
        // The APIs have three or four; the bound keeps the look for a second one short.
        if names.len() == 64 || names.contains(&name) {
            return Err(Malformed::Headers);
        }
        names.push(name);
    }
    Ok(message)
}

/// Takes the next header.
fn header<'a>(rest: &mut &'a [u8]) -> Option<(&'a str, Value<'a>)> {
    let len = usize::from(take::<1>(rest)?[0]);
    let name = str::from_utf8(slice(rest, len)?).ok()?;
    let value = match take::<1>(rest)?[0] {
        0 => Value::Bool(true),
        1 => Value::Bool(false),
        2 => Value::Byte(i8::from_be_bytes(take(rest)?)),
        3 => Value::Short(i16::from_be_bytes(take(rest)?)),
        4 => Value::Integer(i32::from_be_bytes(take(rest)?)),
        5 => Value::Long(i64::from_be_bytes(take(rest)?)),
        6 => Value::Bytes(counted(rest)?),
        7 => Value::Text(str::from_utf8(counted(rest)?).ok()?),
        8 => Value::Timestamp(i64::from_be_bytes(take(rest)?)),
        9 => Value::Uuid(take(rest)?),
        _ => return None,
    };
    Some((name, value))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

fn slice<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}

fn counted<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::from(u16::from_be_bytes(take(rest)?));
    slice(rest, len)
}

impl<'a> Message<'a> {
    /// Its headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let mut rest = self.headers;
        std::iter::from_fn(move || header(&mut rest))
    }

    /// The text of the header of this name (`:event-type`).
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.headers().find_map(|(there, value)| match value {
            Value::Text(text) if there == name => Some(text),
            _ => None,
        })
    }
}

/// Appends a message. Names longer than 255 bytes and values longer than 65,535 are cut, at a character's end.
pub fn write(headers: &[(&str, Value<'_>)], payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    // The lengths and their checksum, when they are known.
    out.extend_from_slice(&[0; PRELUDE]);
    for (name, value) in headers {
        let name = &name[..name.floor_char_boundary(255)];
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
        put(*value, out);
    }
    let headers = (out.len() - start - PRELUDE) as u32;
    out.extend_from_slice(payload);
    let total = (out.len() - start + CHECKSUM) as u32;
    out[start..start + 4].copy_from_slice(&total.to_be_bytes());
    out[start + 4..start + 8].copy_from_slice(&headers.to_be_bytes());
    let checksum = crc32(&out[start..start + 8]);
    out[start + 8..start + PRELUDE].copy_from_slice(&checksum.to_be_bytes());
    let checksum = crc32(&out[start..]);
    out.extend_from_slice(&checksum.to_be_bytes());
}

fn put(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Bool(value) => out.push(u8::from(!value)),
        Value::Byte(value) => sized(2, &value.to_be_bytes(), out),
        Value::Short(value) => sized(3, &value.to_be_bytes(), out),
        Value::Integer(value) => sized(4, &value.to_be_bytes(), out),
        Value::Long(value) => sized(5, &value.to_be_bytes(), out),
        Value::Bytes(bytes) => lengthy(6, &bytes[..bytes.len().min(usize::from(u16::MAX))], out),
        Value::Text(text) => {
            lengthy(7, &text.as_bytes()[..text.floor_char_boundary(usize::from(u16::MAX))], out);
        }
        Value::Timestamp(value) => sized(8, &value.to_be_bytes(), out),
        Value::Uuid(value) => sized(9, &value, out),
    }
}

fn sized(kind: u8, value: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(value);
}

/// `value` has at most 65,535 bytes.
fn lengthy(kind: u8, value: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Everything that the stream says, or why it does not; and whether it ends between messages.
    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, bool) {
        let mut reader = Reader::new();
        let mut said = Vec::new();
        for piece in pieces {
            let mut rest = piece;
            loop {
                match reader.next(&mut rest) {
                    Ok(None) => break,
                    Ok(Some(message)) => said.push(format!(
                        "{:?} {}",
                        message.headers().collect::<Vec<_>>(),
                        message.payload.escape_ascii()
                    )),
                    Err(error) => {
                        said.push(format!("{error:?}"));
                        return (said, false);
                    }
                }
            }
            assert!(rest.is_empty());
        }
        (said, reader.is_between())
    }

    fn message(headers: &[(&str, Value<'_>)], payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(headers, payload, &mut out);
        out
    }

    /// With checksums that fit.
    fn forged(total: u32, headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut out = [total.to_be_bytes(), (headers.len() as u32).to_be_bytes()].concat();
        out.extend_from_slice(&crc32(&out).to_be_bytes());
        out.extend_from_slice(headers);
        out.extend_from_slice(payload);
        out.extend_from_slice(&crc32(&out).to_be_bytes());
        out
    }

    #[test]
    fn what_is_not_a_stream_is_refused() {
        let good = message(&[(":event-type", Value::Text("a"))], b"{}");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let (said, _) = read([&bad[..]]);
            assert!(matches!(&said[..], [only] if only == "Prelude" || only == "Checksum"), "{at}: {said:?}");
        }
        assert_eq!(read([&b"HTTP/1.1 200 OK\r\n"[..]]).0, ["Prelude"]);
        // A lie about the length is noticed before anything is kept for it.
        assert_eq!(read([&forged((MAX_MESSAGE + 1) as u32, b"", b"")[..]]).0, ["Length"]);
        assert_eq!(read([&forged(15, b"", b"")[..]]).0, ["Length"]);
        assert_eq!(read([&forged(20, b"\x01a\x00\x01b", b"")[..]]).0, ["Length"]);
        for headers in [
            &b"\x01a"[..],
            b"\x01a\x0a",
            b"\x05a\x00",
            b"\x01a\x07\x00\x05x",
            b"\x01a\x07\x00\x01\xff",
            b"\x01\xff\x00",
            b"\x01a\x00\x01a\x01",
            b"\x01a\x04\x00\x00\x00",
        ] {
            let total = (PRELUDE + headers.len() + CHECKSUM) as u32;
            assert_eq!(read([&forged(total, headers, b"")[..]]).0, ["Headers"], "{}", headers.escape_ascii());
        }
    }

    #[test]
    fn a_cut_stream_does_not_end_between_messages() {
        let good = message(&[], b"{}");
        assert_eq!(read([&good[..]]), (vec!["[] {}".to_owned()], true));
        for end in 1..good.len() {
            assert_eq!(read([&good[..end]]), (Vec::new(), false));
        }
    }

    #[test]
    fn what_is_broken_stays_broken() {
        let mut reader = Reader::new();
        assert!(reader.next(&mut &[0xff; 12][..]).is_err());
        assert!(reader.next(&mut &message(&[], b"")[..]).is_err());
    }

    #[test]
    fn long_values_are_cut_and_stay_readable() {
        let long = "é".repeat(40_000);
        for (value, len) in [(Value::Text(&long), 65_534), (Value::Bytes(long.as_bytes()), 65_535)] {
            let written = message(&[(&long, value)], b"x");
            let mut reader = Reader::new();
            let read = reader.next(&mut &written[..]).unwrap().unwrap();
            let (name, value) = read.headers().next().unwrap();
            let there = match value {
                Value::Text(text) => text.len(),
                Value::Bytes(bytes) => bytes.len(),
                _ => 0,
            };
            assert_eq!((name.len(), there), (254, len));
        }
    }

    fn value() -> impl Strategy<Value = Value<'static>> {
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i8>().prop_map(Value::Byte),
            any::<i16>().prop_map(Value::Short),
            any::<i32>().prop_map(Value::Integer),
            any::<i64>().prop_map(Value::Long),
            Just(Value::Bytes(b"\x00\xff")),
            Just(Value::Text("é\n")),
            any::<i64>().prop_map(Value::Timestamp),
            any::<[u8; 16]>().prop_map(Value::Uuid),
        ]
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            messages in proptest::collection::vec((proptest::collection::vec(value(), 0..4), proptest::collection::vec(any::<u8>(), 0..50)), 0..5),
            noise in proptest::collection::vec(any::<u8>(), 0..3),
            sizes in proptest::collection::vec(1_usize..40, 1..20),
        ) {
            const NAMES: [&str; 4] = ["", ":event-type", "é", "d"];
            let (mut stream, mut expected) = (Vec::new(), Vec::new());
            for (values, payload) in &messages {
                let headers: Vec<_> = NAMES.into_iter().zip(values.iter().copied()).collect();
                write(&headers, payload, &mut stream);
                expected.push(format!("{headers:?} {}", payload.escape_ascii()));
            }
            prop_assert_eq!(&read([&stream[..]]), &(expected, true));
            stream.extend_from_slice(&noise);
            let mut sizes = sizes.iter().cycle();
            let (mut rest, mut pieces) = (&stream[..], Vec::new());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                pieces.push(piece);
                rest = after;
            }
            prop_assert_eq!(read(pieces), read([&stream[..]]));
        }

        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let (said, between) = read([&bytes[..]]);
            prop_assert!(said.len() <= 5 && (bytes.is_empty() || !between || !said.is_empty()));
        }
    }
}
