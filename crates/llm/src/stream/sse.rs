//! Server-sent events (WHATWG HTML §9.2.6), as bytes that pass by: cuts each chunk into parts that together are the
//! chunk again, and keeps nothing but its place in the stream.
//!
//! Lines end with CR, LF or CRLF, and an event ends with its blank line as soon as that is there: the LF of a CRLF that
//! arrives later is a part of its own ([`Kind::Tail`]).

use std::ops::Range;

/// A place in a stream of events.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    state: State,
    /// The last byte was a CR: an LF now belongs to it.
    after_cr: bool,
    /// The line that the CR ended was the blank line of an event.
    after_end: bool,
    in_event: bool,
    /// A byte order mark is skipped before the first line only.
    begun: bool,
    name: [u8; MAX_NAME],
    name_len: usize,
}

/// Longest field name that means something here, with a byte order mark before it.
const MAX_NAME: usize = 8;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    LineStart,
    Comment,
    Name,
    /// Behind the colon, where one space is not part of the value.
    Colon(Field),
    Value(Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Data,
    Event,
    Other,
}

/// What a part of a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Between events: comments, blank lines.
    Outside,
    /// Of an event: names, colons, line ends, other fields, comments.
    Framing,
    /// Of the value of an event's `event` field.
    Type,
    /// Of the value of an event's `data` field.
    Data,
    /// The end of a `data` line; between two of them it stands for a line feed.
    DataEnd,
    /// The blank line that ends the event.
    End,
    /// The LF that belongs to the CR before it, when that was an [`Kind::End`].
    Tail,
}

impl Scanner {
    /// At the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether some of an event is there and its end is not.
    pub fn in_event(&self) -> bool {
        self.in_event
    }

    /// Whether the last byte ended a line.
    pub fn at_line_start(&self) -> bool {
        self.state == State::LineStart
    }

    /// The part of `chunk` that begins at `*at`, which moves behind it; `None` at the end of the chunk.
    pub fn next(&mut self, chunk: &[u8], at: &mut usize) -> Option<(Kind, Range<usize>)> {
        let start = *at;
        let byte = *chunk.get(start)?;
        if self.after_cr {
            self.after_cr = false;
            if byte == b'\n' {
                *at += 1;
                let kind = match (std::mem::take(&mut self.after_end), self.in_event) {
                    (true, _) => Kind::Tail,
                    (false, true) => Kind::Framing,
                    (false, false) => Kind::Outside,
                };
                return Some((kind, start..*at));
            }
            self.after_end = false;
        }
        let rest = &chunk[start..];
        let kind = match self.state {
            State::LineStart => self.line_start(byte, at),
            State::Name => self.name(rest, at),
            State::Colon(field) => {
                self.state = State::Value(field);
                *at += usize::from(byte == b' ');
                // Without a space the value begins right here; an empty part would say nothing.
                if byte == b' ' { Kind::Framing } else { return self.next(chunk, at) }
            }
            State::Comment => {
                self.run(rest, at, if self.in_event { Kind::Framing } else { Kind::Outside }, None)
            }
            State::Value(Field::Data) => self.run(rest, at, Kind::Data, Some(Kind::DataEnd)),
            State::Value(Field::Event) => self.run(rest, at, Kind::Type, None),
            State::Value(Field::Other) => self.run(rest, at, Kind::Framing, None),
        };
        Some((kind, start..*at))
    }

    fn line_start(&mut self, byte: u8, at: &mut usize) -> Kind {
        match byte {
            b'\r' | b'\n' => {
                *at += 1;
                self.begun = true;
                self.after_cr = byte == b'\r';
                self.after_end = self.in_event && self.after_cr;
                if std::mem::take(&mut self.in_event) { Kind::End } else { Kind::Outside }
            }
            b':' => {
                *at += 1;
                self.state = State::Comment;
                if self.in_event { Kind::Framing } else { Kind::Outside }
            }
            _ => {
                self.state = State::Name;
                self.name_len = 0;
                self.in_event = true;
                *at += 1;
                self.keep(&[byte]);
                Kind::Framing
            }
        }
    }

    fn name(&mut self, rest: &[u8], at: &mut usize) -> Kind {
        let end = rest.iter().position(|byte| matches!(byte, b':' | b'\r' | b'\n'));
        self.keep(&rest[..end.unwrap_or(rest.len())]);
        let Some(end) = end else {
            *at += rest.len();
            return Kind::Framing;
        };
        let mut name = self.name.get(..self.name_len).unwrap_or_default();
        if !self.begun {
            name = name.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(name);
            self.begun = true;
        }
        let field = match name {
            b"data" => Field::Data,
            b"event" => Field::Event,
            _ => Field::Other,
        };
        if rest[end] == b':' {
            *at += end + 1;
            self.state = State::Colon(field);
            return Kind::Framing;
        }
        // A name alone is a field with an empty value; the line's end is a part of its own.
        self.state = State::Value(field);
        if end > 0 {
            *at += end;
            return Kind::Framing;
        }
        self.run(rest, at, Kind::Framing, (field == Field::Data).then_some(Kind::DataEnd))
    }

    /// The rest of the line, or, when nothing of it is left, the line's end.
    fn run(&mut self, rest: &[u8], at: &mut usize, inside: Kind, ending: Option<Kind>) -> Kind {
        match memchr::memchr2(b'\r', b'\n', rest) {
            Some(0) => {
                *at += 1;
                self.begun = true;
                self.after_cr = rest[0] == b'\r';
                self.state = State::LineStart;
                ending.unwrap_or(if self.in_event { Kind::Framing } else { Kind::Outside })
            }
            end => {
                *at += end.unwrap_or(rest.len());
                inside
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some(room) = self.name.get_mut(self.name_len..self.name_len + bytes.len()) {
            room.copy_from_slice(bytes);
        }
        // Past the room the name is none of ours, and `get` finds no such prefix.
        self.name_len = self.name_len.saturating_add(bytes.len()).min(MAX_NAME + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Parts of the whole stream, neighbours of one kind joined.
    fn parts<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<(Kind, String)> {
        let mut scanner = Scanner::new();
        let mut parts: Vec<(Kind, Vec<u8>)> = Vec::new();
        for chunk in chunks {
            let (mut at, mut before) = (0, 0);
            while let Some((kind, range)) = scanner.next(chunk, &mut at) {
                assert!(range.start == before && range.end == at && !range.is_empty(), "{kind:?} {range:?}");
                before = at;
                match parts.last_mut() {
                    Some((last, bytes)) if *last == kind => bytes.extend_from_slice(&chunk[range]),
                    _ => parts.push((kind, chunk[range].to_vec())),
                }
            }
            assert_eq!(at, chunk.len());
        }
        parts.into_iter().map(|(kind, bytes)| (kind, bytes.escape_ascii().to_string())).collect()
    }

    fn shown(stream: &str) -> String {
        parts([stream.as_bytes()])
            .iter()
            .map(|(kind, text)| format!("{kind:?}({text})"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn parts_of_a_stream() {
        for (stream, expected) in [
            ("data: a\n\n", "Framing(data: ) Data(a) DataEnd(\\n) End(\\n)"),
            ("data:a\r\n\r\n", "Framing(data:) Data(a) DataEnd(\\r) Framing(\\n) End(\\r) Tail(\\n)"),
            ("data:  a\r\r", "Framing(data: ) Data( a) DataEnd(\\r) End(\\r)"),
            ("data\n\n", "Framing(data) DataEnd(\\n) End(\\n)"),
            (
                "data: a\ndata: b\n\n",
                "Framing(data: ) Data(a) DataEnd(\\n) Framing(data: ) Data(b) DataEnd(\\n) End(\\n)",
            ),
            (": hi\n\ndata: a", "Outside(: hi\\n\\n) Framing(data: ) Data(a)"),
            (
                "event: error\n: c\ndata: a\n",
                "Framing(event: ) Type(error) Framing(\\n: c\\ndata: ) Data(a) DataEnd(\\n)",
            ),
            ("datax: a\nDATA: b\n\n", "Framing(datax: a\\nDATA: b\\n) End(\\n)"),
            ("averylongfieldname: a\n\n", "Framing(averylongfieldname: a\\n) End(\\n)"),
            ("\u{feff}data: a\n\n", "Framing(\\xef\\xbb\\xbfdata: ) Data(a) DataEnd(\\n) End(\\n)"),
            ("id: 1\n\u{feff}data: a\n\n", "Framing(id: 1\\n\\xef\\xbb\\xbfdata: a\\n) End(\\n)"),
            ("\r\n\r\n", "Outside(\\r\\n\\r\\n)"),
            (
                "data: a\n\n\ndata: b\n\n",
                "Framing(data: ) Data(a) DataEnd(\\n) End(\\n) Outside(\\n) Framing(data: ) Data(b) DataEnd(\\n) End(\\n)",
            ),
            ("data:\n\n", "Framing(data:) DataEnd(\\n) End(\\n)"),
        ] {
            assert_eq!(shown(stream), expected, "{stream:?}");
        }
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            stream in proptest::collection::vec(proptest::sample::select(&["data", "event", "\u{feff}", ":", " ", "\r", "\n", "\r\n", "\n\n", "x", "é"][..]), 0..40),
            sizes in proptest::collection::vec(1_usize..6, 1..20),
        ) {
            let stream = stream.concat().into_bytes();
            let mut sizes = sizes.iter().cycle();
            let (mut rest, mut chunks) = (&stream[..], Vec::new());
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                chunks.push(chunk);
                rest = after;
            }
            prop_assert_eq!(parts(chunks), parts([&stream[..]]));
        }
    }
}
