//! Whether bytes that pass by stand between two events of a stream, in any framing: only there can an event be put in.

use super::sse;
use http::HeaderValue;

/// Keeps the place in a stream, and nothing of it.
#[derive(Clone, Debug)]
pub enum Boundary {
    /// Server-sent events.
    Events(sse::Scanner),
    /// A JSON document a line; whether the last byte ended one.
    Lines(bool),
    /// AWS's frames, each with its length in front.
    Frames {
        /// Bytes of the frame that are still to come.
        left: u32,
        /// The beginning of a length.
        length: u32,
        /// How many of its four bytes are there.
        have: u8,
    },
}

impl Boundary {
    /// By the answer's `Content-Type`; `None` for what is no stream of events.
    pub fn of(content_type: Option<&HeaderValue>) -> Option<Self> {
        let essence = content_type.and_then(|value| value.as_bytes().split(|byte| *byte == b';').next())?;
        let is = |known: &str| essence.trim_ascii().eq_ignore_ascii_case(known.as_bytes());
        if is("text/event-stream") {
            Some(Self::Events(sse::Scanner::new()))
        } else if is("application/x-ndjson") || is("application/jsonl") {
            Some(Self::Lines(true))
        } else if is("application/vnd.amazon.eventstream") {
            Some(Self::Frames { left: 0, length: 0, have: 0 })
        } else {
            None
        }
    }

    /// The next bytes of the answer, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::Events(scanner) => {
                let mut at = 0;
                while scanner.next(bytes, &mut at).is_some() {}
            }
            Self::Lines(ended) => *ended = bytes.last().map_or(*ended, |byte| *byte == b'\n'),
            Self::Frames { left, length, have } => {
                let mut rest = bytes;
                while let Some(byte) = rest.first() {
                    if *left > 0 {
                        let step = rest.len().min(*left as usize);
                        // `step` is at most `left`.
                        *left -= u32::try_from(step).unwrap_or(*left);
                        rest = &rest[step..];
                        continue;
                    }
                    *length = *length << 8 | u32::from(*byte);
                    *have += 1;
                    rest = &rest[1..];
                    if *have == 4 {
                        // The length counts itself. One that cannot be is the reader's to complain about.
                        (*left, *length, *have) = (length.saturating_sub(4), 0, 0);
                    }
                }
            }
        }
    }

    /// What sets an event apart from what passed so far; `None` where there is no way to put one in.
    pub fn apart(&self) -> Option<&'static [u8]> {
        match self {
            // Two, for a CR before the first one makes a single line end of both.
            Self::Events(scanner) if scanner.in_event() || !scanner.at_line_start() => Some(b"\n\n"),
            Self::Lines(false) => Some(b"\n"),
            Self::Frames { left, have, .. } if *left > 0 || *have > 0 => None,
            Self::Events(_) | Self::Lines(true) | Self::Frames { .. } => Some(b""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(kind: &'static str, bytes: &[u8]) -> Option<&'static [u8]> {
        let of = || Boundary::of(Some(&HeaderValue::from_static(kind))).unwrap();
        let mut whole = of();
        whole.feed(bytes);
        // However it is cut.
        for at in 0..=bytes.len() {
            let mut pieces = of();
            pieces.feed(&bytes[..at]);
            pieces.feed(&bytes[at..]);
            assert_eq!(pieces.apart(), whole.apart(), "{at}");
        }
        whole.apart()
    }

    #[test]
    fn between_events_and_within() {
        const EVENTS: &str = "text/event-stream; charset=utf-8";
        assert_eq!(after(EVENTS, b""), Some(&b""[..]));
        assert_eq!(after(EVENTS, b"data: a\n\n"), Some(&b""[..]));
        assert_eq!(after(EVENTS, b"data: a\n"), Some(&b"\n\n"[..]));
        assert_eq!(after(EVENTS, b": comm"), Some(&b"\n\n"[..]));
        assert_eq!(after("application/x-ndjson", b"{}\n{}\n"), Some(&b""[..]));
        assert_eq!(after("application/x-ndjson", b"{}\n{"), Some(&b"\n"[..]));
        const FRAMES: &str = "application/vnd.amazon.eventstream";
        assert_eq!(after(FRAMES, &[0, 0, 0, 6, 1, 2, 0, 0, 0, 5, 9]), Some(&b""[..]));
        assert_eq!(after(FRAMES, &[0, 0, 0, 6, 1]), None);
        assert_eq!(after(FRAMES, &[0, 0]), None);
        assert_eq!(after(FRAMES, &[0, 0, 0, 1, 0, 0, 0, 0]), Some(&b""[..]));
        assert!(Boundary::of(Some(&HeaderValue::from_static("application/json"))).is_none());
        assert!(Boundary::of(None).is_none());
    }
}
