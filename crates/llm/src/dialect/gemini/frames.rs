//! What a streamed answer comes in: server-sent events (`alt=sse`), or one JSON array whose items come one by one. An
//! error that comes instead of the stream is a document of its own.

use crate::dialect::chat::Unreadable;
use crate::stream::whole::Events;

/// Longest item, in bytes.
const MAX_ITEM: usize = 16 << 20;

/// Takes bytes that are cut anywhere, and gives whole JSON objects; keeps one.
#[derive(Debug, Default)]
pub(super) enum Frames {
    /// Nothing came yet.
    #[default]
    Unknown,
    Events(Events),
    Items(Items),
}

impl Frames {
    /// Takes the next bytes.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let mut bytes = bytes;
        if matches!(self, Self::Unknown) {
            bytes = bytes.trim_ascii_start();
            *self = match bytes.first() {
                None => return Ok(()),
                Some(b'[' | b'{') => Self::Items(Items::default()),
                Some(_) => Self::Events(Events::default()),
            };
        }
        match self {
            Self::Unknown => Ok(()),
            Self::Events(events) => events.feed(bytes, |_, data| each(data)),
            Self::Items(items) => items.feed(bytes, each),
        }
    }

    /// The body is at its end.
    pub(super) fn finish(
        &mut self,
        mut each: impl FnMut(&[u8]) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        match self {
            Self::Events(events) => events.finish(|_, data| each(data)),
            Self::Unknown | Self::Items(_) => Ok(()),
        }
    }

    /// Whether the form was kept to so far: an array was closed. Events have no such end.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Events(_) => true,
            Self::Items(items) => items.closed,
        }
    }
}

/// The objects of an array, or one object.
#[derive(Debug, Default)]
pub(super) struct Items {
    item: Vec<u8>,
    /// Containers that are open within the item.
    depth: u32,
    in_array: bool,
    in_string: bool,
    escaped: bool,
    closed: bool,
}

impl Items {
    fn feed(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        // Where the bytes of the open item begin.
        let mut from = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' if self.depth > 0 => self.in_string = true,
                b'[' if self.depth == 0 && !self.in_array && !self.closed => self.in_array = true,
                b'{' | b'[' => {
                    if self.closed || (self.depth == 0 && *byte == b'[') {
                        return Err(stray());
                    }
                    if self.depth == 0 {
                        from = at;
                    }
                    self.depth += 1;
                }
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.keep(&bytes[from..=at])?;
                        let said = each(&self.item);
                        self.item.clear();
                        self.closed = !self.in_array;
                        said?;
                    }
                }
                b']' if self.in_array => {
                    self.in_array = false;
                    self.closed = true;
                }
                b',' | b' ' | b'\t' | b'\r' | b'\n' => {}
                _ if self.depth > 0 => {}
                _ => return Err(stray()),
            }
        }
        if self.depth > 0 {
            self.keep(&bytes[from..])?;
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        if self.item.len() + bytes.len() > MAX_ITEM {
            return Err(Unreadable("an item of the stream is longer than 16 MiB".to_owned()));
        }
        self.item.extend_from_slice(bytes);
        Ok(())
    }
}

fn stray() -> Unreadable {
    Unreadable("the stream is neither events nor a JSON array of objects".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, bool) {
        let (mut frames, mut seen) = (Frames::default(), Vec::new());
        let mut each = |data: &[u8]| {
            seen.push(String::from_utf8_lossy(data).into_owned());
            Ok(())
        };
        for piece in pieces {
            frames.feed(piece, &mut each).unwrap();
        }
        frames.finish(&mut each).unwrap();
        (seen, frames.is_closed())
    }

    #[test]
    fn both_forms_wherever_they_are_cut() {
        for (stream, closed) in [
            ("data: {\"a\":\"}\"}\r\n\r\ndata: {\"b\":[1]}\r\n\r\n", true),
            (" [{\"a\":\"}\"}\n,\r\n{\"b\":[1]}]\n", true),
            ("[{\"a\":\"}\"},{\"b\":[1]},{\"c\"", false),
        ] {
            let expected = (vec!["{\"a\":\"}\"}".to_owned(), "{\"b\":[1]}".to_owned()], closed);
            assert_eq!(items(stream.as_bytes().chunks(1)), expected, "{stream}");
            for cut in 0..stream.len() {
                let (a, b) = stream.as_bytes().split_at(cut);
                assert_eq!(items([a, b]), expected, "{stream} {cut}");
            }
        }
        assert_eq!(items([&b"{\"e\":\"\\\"{\"}"[..]]), (vec!["{\"e\":\"\\\"{\"}".to_owned()], true));
    }

    #[test]
    fn nonsense_is_none() {
        for nonsense in ["[1]", "[[]]", "{}{}", "[{}]x", "{} [", "[\"a\"]"] {
            let mut frames = Frames::default();
            assert!(frames.feed(nonsense.as_bytes(), |_| Ok(())).is_err(), "{nonsense}");
        }
    }
}
