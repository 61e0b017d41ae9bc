//! Whole messages out of frames (RFC 6455 §5.4, §5.2), for tunnels whose messages are read.

use bytes::{Buf, Bytes, BytesMut};

/// Puts frames together, from bytes that come cut anywhere.
pub(crate) struct Assembler {
    side: Side,
    /// Bytes of one message; of a client's, the headers of its frames counted, since frames may be empty.
    limit: usize,
    pending: BytesMut,
    /// Bytes of a frame that are still to be left out.
    skip: u64,
    /// The data frames of the message under way, as they came.
    frames: Vec<u8>,
    payload: Vec<u8>,
    /// What kind of message is under way.
    opcode: Option<u8>,
    /// A part of it was left out.
    lost: bool,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// A client, which masks. What is too long, or against the rules, is an error.
    Client,
    /// A server. What is too long is left out, and so is what makes no sense.
    Server,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A control frame, as it came.
    Control(Vec<u8>),
    /// A message.
    Message {
        /// Whether it is one of text.
        text: bool,
        /// Its frames, as they came.
        frames: Vec<u8>,
        /// What it says.
        payload: Bytes,
    },
}

/// Against the rules: the close code for it (RFC 6455 §7.4.1), and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) code: u16,
    pub(crate) why: &'static str,
}

/// One frame's header.
struct Header {
    fin: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    /// Bytes of the header.
    length: usize,
    payload: u64,
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;

impl Assembler {
    pub(crate) fn new(side: Side, limit: usize) -> Self {
        Self {
            side,
            limit,
            pending: BytesMut::new(),
            skip: 0,
            frames: Vec::new(),
            payload: Vec::new(),
            opcode: None,
            lost: false,
        }
    }

    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// What is whole by now, one after the other.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, Broken> {
        loop {
            if self.skip > 0 {
                let there = self.pending.len() as u64;
                let step = self.skip.min(there);
                // At most what is there, which is a length.
                self.pending.advance(usize::try_from(step).unwrap_or(self.pending.len()));
                self.skip -= step;
                if self.skip > 0 {
                    return Ok(None);
                }
            }
            let Some(header) = header(&self.pending) else { return Ok(None) };
            if self.side == Side::Client {
                self.check(&header)?;
            }
            let is_control = header.opcode >= 8;
            // A message of empty frames is without end, too.
            let there = self.payload.len().max(self.frames.len());
            let room = if is_control { 125 } else { self.limit.saturating_sub(there) };
            let endless = self.side == Side::Client && !is_control && there > self.limit;
            let Some(payload) =
                usize::try_from(header.payload).ok().filter(|length| *length <= room && !endless)
            else {
                if self.side == Side::Client {
                    return Err(Broken { code: 1009, why: "a message is too long" });
                }
                self.skip = header.payload.saturating_add(header.length as u64);
                self.lost = !header.fin;
                self.forget();
                continue;
            };
            if self.pending.len() < header.length + payload {
                return Ok(None);
            }
            let frame = self.pending.split_to(header.length + payload);
            if is_control {
                return Ok(Some(Piece::Control(frame.to_vec())));
            }
            let from = self.payload.len();
            self.payload.extend_from_slice(&frame[header.length..]);
            if let Some(mask) = header.mask {
                self.payload[from..].iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
            }
            if self.side == Side::Client {
                self.frames.extend_from_slice(&frame);
            }
            if header.opcode != CONTINUATION {
                self.opcode = Some(header.opcode);
            }
            if !header.fin {
                continue;
            }
            let text = self.opcode.take() == Some(TEXT);
            if std::mem::take(&mut self.lost) {
                self.forget();
                continue;
            }
            let (frames, payload) = (std::mem::take(&mut self.frames), std::mem::take(&mut self.payload));
            return Ok(Some(Piece::Message { text, frames, payload: payload.into() }));
        }
    }

    fn forget(&mut self) {
        self.frames.clear();
        self.payload.clear();
    }

    /// What a client may send, where no extension was agreed on.
    fn check(&self, header: &Header) -> Result<(), Broken> {
        let first = self.pending.first().copied().unwrap_or_default();
        let why = if first & 0x70 != 0 {
            "a frame has bits that nobody agreed on"
        } else if header.mask.is_none() {
            "a frame is not masked"
        } else if header.opcode >= 8 && (!header.fin || header.payload > 125) {
            "a control frame is too long, or in parts"
        } else {
            match (header.opcode, self.opcode) {
                (CONTINUATION, None) => "a message goes on that did not begin",
                (TEXT | BINARY, Some(_)) => "a message begins within another",
                (CONTINUATION | TEXT | BINARY | 8..=10, _) => return Ok(()),
                _ => "a frame is of no known kind",
            }
        };
        Err(Broken { code: 1002, why })
    }
}

/// The header at the beginning of `bytes`, once it is whole.
fn header(bytes: &[u8]) -> Option<Header> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (payload, at) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let masked = second & 0x80 != 0;
    let mask = if masked { Some(bytes.get(at..at + 4)?.try_into().ok()?) } else { None };
    let length = at + if masked { 4 } else { 0 };
    Some(Header { fin: first & 0x80 != 0, opcode: first & 0x0f, mask, length, payload })
}

/// A message of text in one frame, as a client sends it.
pub(crate) fn text(payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    frame.push(0x81);
    match payload.len() {
        // At most 125, and at most 65,535.
        length @ 0..126 => frame.push(0x80 | u8::try_from(length).unwrap_or(125)),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MASK: [u8; 4] = [1, 2, 3, 4];

    /// A client's frame: `first` is FIN and opcode.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = text(payload, MASK);
        frame[0] = first;
        frame
    }

    fn all(side: Side, limit: usize, bytes: &[u8], cut: usize) -> Result<Vec<Piece>, Broken> {
        let mut assembler = Assembler::new(side, limit);
        let mut pieces = Vec::new();
        for bytes in bytes.chunks(cut) {
            assembler.feed(bytes);
            while let Some(piece) = assembler.next()? {
                pieces.push(piece);
            }
        }
        Ok(pieces)
    }

    #[test]
    fn messages_come_whole_and_control_frames_between_their_parts() {
        let bytes =
            [frame(0x01, b"hel"), frame(0x89, b"ping"), frame(0x80, b"lo"), frame(0x82, &[7; 300])].concat();
        for cut in [1, 3, 1_000] {
            let pieces = all(Side::Client, 1_000, &bytes, cut).unwrap();
            assert_eq!(
                pieces,
                [
                    Piece::Control(frame(0x89, b"ping")),
                    Piece::Message {
                        text: true,
                        frames: [frame(0x01, b"hel"), frame(0x80, b"lo")].concat(),
                        payload: Bytes::from_static(b"hello")
                    },
                    Piece::Message {
                        text: false,
                        frames: frame(0x82, &[7; 300]),
                        payload: vec![7; 300].into()
                    },
                ]
            );
        }
    }

    #[test]
    fn what_is_against_the_rules_is_refused() {
        let unmasked = [0x81, 2, b'h', b'i'];
        for (bytes, code) in [
            (frame(0xc1, b"x"), 1002),
            (unmasked.to_vec(), 1002),
            (frame(0x80, b"x"), 1002),
            ([frame(0x01, b"x"), frame(0x81, b"y")].concat(), 1002),
            (frame(0x09, b"x"), 1002),
            (frame(0x89, &[0; 126]), 1002),
            (frame(0x83, b"x"), 1002),
            (frame(0x8b, b"x"), 1002),
            (frame(0x81, &[b'x'; 101]), 1009),
            ([frame(0x01, b""), frame(0x00, b"").repeat(20)].concat(), 1009),
            ([frame(0x01, b"x"), frame(0x00, b"x").repeat(20)].concat(), 1009),
            ([frame(0x01, &[b'x'; 60]), frame(0x80, &[b'x'; 60])].concat(), 1009),
        ] {
            assert_eq!(
                all(Side::Client, 100, &bytes, 7).map_err(|broken| broken.code),
                Err(code),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn what_a_server_says_at_length_is_left_out() {
        let said = |payload: &[u8]| {
            let mut frame = text(payload, [0; 4]);
            let at = frame.len() - payload.len() - 4;
            frame.drain(at..at + 4);
            frame[1] &= 0x7f;
            frame
        };
        let bytes = [said(b"one"), said(&[b'x'; 70_000]), said(b"two")].concat();
        for cut in [1, 4_096] {
            let pieces = all(Side::Server, 100, &bytes, cut).unwrap();
            let texts: Vec<_> = pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Message { payload, .. } => &payload[..],
                    Piece::Control(frame) => frame,
                })
                .collect();
            assert_eq!(texts, [&b"one"[..], b"two"]);
        }
    }

    proptest! {
        #[test]
        fn a_message_comes_back_however_long(length in 0_usize..70_000, mask: [u8; 4]) {
            let payload = vec![b'x'; length];
            let pieces = all(Side::Client, 70_000, &text(&payload, mask), 9_000).unwrap();
            let frames = text(&payload, mask);
            prop_assert_eq!(pieces, [Piece::Message { text: true, frames, payload: payload.into() }]);
        }

        #[test]
        fn any_bytes_at_all(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = all(Side::Client, 100, &bytes, 3);
            let _ = all(Side::Server, 100, &bytes, 3);
        }
    }
}
