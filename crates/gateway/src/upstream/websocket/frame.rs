//! Where frames end (RFC 6455 §5.2), and the one frame that we write: Close.

/// The opcode of a Close frame (RFC 6455 §11.8).
const CLOSE: u8 = 8;

/// Follows frames as their bytes pass by.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; 14],
    have: usize,
    left: u64,
    closing: bool,
}

impl Frames {
    /// Whether a Close frame has come by, or begun to: whoever sent it has said all that it had to say.
    pub(super) fn closing(&self) -> bool {
        self.closing
    }

    /// Whether the last byte that passed was the last of a frame.
    pub(super) fn at_boundary(&self) -> bool {
        self.have == 0 && self.left == 0
    }

    /// Follows all of `bytes`.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.finish_frame(bytes);
            bytes = &bytes[taken..];
        }
    }

    /// Follows `bytes` to the first end of a frame; how many bytes that took.
    pub(super) fn finish_frame(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            if self.left > 0 {
                let there = (bytes.len() - at) as u64;
                let taken = self.left.min(there);
                self.left -= taken;
                // At most what is there, which is a length.
                at += usize::try_from(taken).unwrap_or(bytes.len());
                if self.left == 0 {
                    return at;
                }
                continue;
            }
            self.header[self.have] = bytes[at];
            self.have += 1;
            at += 1;
            if self.have == self.header_length() {
                self.left = self.payload_length();
                self.have = 0;
                self.closing |= self.header[0] & 0x0f == CLOSE;
                if self.left == 0 {
                    return at;
                }
            }
        }
        at
    }

    /// Length of the header, as far as can be told from what is there: 2 to 14.
    fn header_length(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        2 + mask
            + match self.header[1] & 0x7f {
                126 => 2,
                127 => 8,
                _ => 0,
            }
    }

    fn payload_length(&self) -> u64 {
        let h = &self.header;
        match h[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([h[2], h[3]])),
            127 => u64::from_be_bytes([h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9]]),
            short => u64::from(short),
        }
    }
}

/// A Close frame (§5.5.1). Towards a server it is masked with `mask` (§5.3). `reason` is cut at 123 bytes.
pub(super) fn close(code: u16, reason: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend(reason.bytes().filter(u8::is_ascii).take(123));
    // At most 125.
    let length = u8::try_from(payload.len()).unwrap_or(125);
    let mut frame = vec![0x88, length];
    if let Some(mask) = mask {
        frame[1] |= 0x80;
        frame.extend(mask);
        for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
    }
    frame.extend(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(length: usize, masked: bool) -> Vec<u8> {
        let mut frame = vec![0x82];
        let bit = if masked { 0x80 } else { 0 };
        match length {
            0..126 => frame.push(bit | length as u8),
            126..65_536 => {
                frame.push(bit | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(bit | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        if masked {
            frame.extend([1, 2, 3, 4]);
        }
        frame.extend(std::iter::repeat_n(0x88, length));
        frame
    }

    proptest! {
        #[test]
        fn boundaries_are_found_however_bytes_arrive(
            lengths in proptest::collection::vec((0_usize..300, any::<bool>()), 1..6),
            cuts in proptest::collection::vec(1_usize..40, 1..60),
        ) {
            let mut bytes = Vec::new();
            let mut ends = Vec::new();
            for (length, masked) in lengths {
                bytes.extend(frame(length, masked));
                ends.push(bytes.len());
            }
            let mut frames = Frames::default();
            let mut at = 0;
            for cut in cuts.into_iter().cycle() {
                if at == bytes.len() {
                    break;
                }
                let piece = &bytes[at..(at + cut).min(bytes.len())];
                frames.follow(piece);
                at += piece.len();
                prop_assert_eq!(frames.at_boundary(), ends.contains(&at));
            }
            let mut frames = Frames::default();
            prop_assert_eq!(frames.finish_frame(&bytes), ends[0]);
        }
    }

    #[test]
    fn long_frames_and_goodbyes() {
        let mut frames = Frames::default();
        frames.follow(&frame(70_000, true));
        assert!(frames.at_boundary());
        assert_eq!(close(1008, "no", None), [0x88, 4, 0x03, 0xf0, b'n', b'o']);
        let masked = close(1001, "", Some([1, 2, 3, 4]));
        assert_eq!(masked, [0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe9 ^ 2]);
        assert!(!frames.closing(), "its payload looks like Close frames, and is none");
        let mut frames = Frames::default();
        frames.follow(&close(1008, &"x".repeat(500), None));
        assert!(frames.at_boundary() && frames.closing());
    }
}
