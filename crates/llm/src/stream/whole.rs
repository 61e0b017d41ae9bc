//! Server-sent events put together, for those who read each of them whole.

use super::sse::{Kind, Scanner};
use crate::dialect::chat::Unreadable;

/// Longest event, in bytes of data: what one image within an event takes, with room.
const MAX_EVENT: usize = 16 << 20;

/// Puts events together from bytes that are cut anywhere; keeps one event.
#[derive(Debug, Default)]
pub(crate) struct Events {
    scanner: Scanner,
    kind: Vec<u8>,
    data: Vec<u8>,
    /// The last part was of the type: another one of it goes on.
    in_kind: bool,
}

impl Events {
    /// Takes the next bytes; tells `each` the type and the data of each event that they complete. Events without data
    /// are none (WHATWG HTML §9.2.6).
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let mut at = 0;
        while let Some((kind, range)) = self.scanner.next(bytes, &mut at) {
            let part = &bytes[range];
            if kind == Kind::Type && !self.in_kind {
                self.kind.clear();
            }
            self.in_kind = kind == Kind::Type;
            match kind {
                Kind::Type => self.keep(part, true)?,
                Kind::Data => self.keep(part, false)?,
                Kind::DataEnd => self.keep(b"\n", false)?,
                Kind::End => self.end(&mut each)?,
                Kind::Outside | Kind::Framing | Kind::Tail => {}
            }
        }
        Ok(())
    }

    /// The stream is at its end: an event that lacks its blank line counts when its data is whole JSON, for servers that
    /// forget the line.
    pub(crate) fn finish(
        &mut self,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        if serde_json::from_slice::<serde::de::IgnoredAny>(&self.data).is_ok() {
            self.end(&mut each)?;
        }
        Ok(())
    }

    fn keep(&mut self, part: &[u8], kind: bool) -> Result<(), Unreadable> {
        if self.data.len() + self.kind.len() + part.len() > MAX_EVENT {
            return Err(Unreadable("an event of the stream is longer than 16 MiB".to_owned()));
        }
        if kind {
            self.kind.extend_from_slice(part)
        } else {
            self.data.extend_from_slice(part)
        }
        Ok(())
    }

    fn end(
        &mut self,
        each: &mut impl FnMut(&[u8], &[u8]) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let data = self.data.strip_suffix(b"\n").unwrap_or(&self.data);
        let said = if self.data.is_empty() { Ok(()) } else { each(&self.kind, data) };
        self.kind.clear();
        self.data.clear();
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let (mut events, mut seen) = (Events::default(), Vec::new());
        let mut each = |kind: &[u8], data: &[u8]| {
            seen.push(format!("{}: {}", String::from_utf8_lossy(kind), String::from_utf8_lossy(data)));
            Ok(())
        };
        for piece in pieces {
            events.feed(piece, &mut each).unwrap();
        }
        events.finish(&mut each).unwrap();
        seen
    }

    #[test]
    fn whole_wherever_they_are_cut() {
        let stream = "event: a\r\ndata: {\"x\":\r\ndata: \"é\"}\r\n\r\n: ping\n\nevent: gone\nevent: b\ndata:1\n\nevent: nothing\n\ndata: [DONE]\n\ndata: {}";
        let expected = ["a: {\"x\":\n\"é\"}", "b: 1", ": [DONE]", ": {}"];
        assert_eq!(events([stream.as_bytes()]), expected);
        assert_eq!(events(stream.as_bytes().chunks(1)), expected);
        for cut in 0..stream.len() {
            let (a, b) = stream.as_bytes().split_at(cut);
            assert_eq!(events([a, b]), expected, "{cut}");
        }
    }

    #[test]
    fn half_an_event_is_none() {
        assert!(events([&b"data: {\"a\":"[..]]).is_empty());
        assert!(events([&b"data: [DON"[..]]).is_empty());
    }

    #[test]
    fn bounded() {
        let mut events = Events::default();
        let chunk = vec![b'x'; 1 << 20];
        events.feed(b"data: ", |_, _| Ok(())).unwrap();
        let ended = (0..17).find_map(|_| events.feed(&chunk, |_, _| Ok(())).err());
        assert!(ended.unwrap().0.contains("16 MiB"));
    }
}
