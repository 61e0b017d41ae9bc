//! `zip` `DEF` (RFC 7516 §4.1.3): raw DEFLATE, with an end to how much comes out.

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};
use zeroize::Zeroizing;

use super::content::Bytes;

/// Why content did not unpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// More came out than the caller takes.
    TooLarge,
    /// Not DEFLATE, cut off, or something behind it.
    Malformed,
}

pub(super) fn pack(content: &[u8]) -> Vec<u8> {
    compress_to_vec(content, 6)
}

/// Unpacks at most `limit` bytes; memory grows with what comes out, never with what is promised.
pub(super) fn unpack(packed: &[u8], limit: usize) -> Result<Bytes, Fault> {
    let mut state = InflateState::new_boxed(DataFormat::Raw);
    let mut chunk = Zeroizing::new([0u8; 8192]);
    let mut out = Zeroizing::new(Vec::new());
    let mut rest = packed;
    loop {
        let step = inflate(&mut state, rest, &mut *chunk, MZFlush::None);
        rest = &rest[step.bytes_consumed..];
        if out.len() + step.bytes_written > limit {
            return Err(Fault::TooLarge);
        }
        out.extend_from_slice(&chunk[..step.bytes_written]);
        match step.status {
            Ok(MZStatus::StreamEnd) if rest.is_empty() => return Ok(out),
            // Something behind the end: two readings of one message.
            Ok(MZStatus::StreamEnd | MZStatus::NeedDict) => return Err(Fault::Malformed),
            Ok(MZStatus::Ok) if step.bytes_consumed + step.bytes_written > 0 => {}
            // No input left and no end seen.
            Ok(MZStatus::Ok) | Err(MZError::Buf) | Err(_) => return Err(Fault::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_unpacks() {
        for content in [vec![], b"a".to_vec(), vec![7; 100_000], (0..=255).cycle().take(20_000).collect()] {
            assert_eq!(*unpack(&pack(&content), 100_000).unwrap(), content);
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = pack(&vec![0; 10 << 20]);
        assert!(bomb.len() < 20_000);
        assert_eq!(unpack(&bomb, 1 << 16), Err(Fault::TooLarge));
        assert_eq!(unpack(&pack(&[0; 100]), 99), Err(Fault::TooLarge));
        assert!(unpack(&pack(&[0; 100]), 100).is_ok());
    }

    #[test]
    fn junk_truncation_and_tails_are_refused() {
        let packed = pack(b"some content that is long enough to be cut");
        assert_eq!(unpack(b"", 100), Err(Fault::Malformed));
        assert_eq!(unpack(&packed[..packed.len() - 3], 100), Err(Fault::Malformed));
        assert_eq!(unpack(&[&packed[..], b"x"].concat(), 100), Err(Fault::Malformed));
        assert_eq!(unpack(&[0xff; 40], 100), Err(Fault::Malformed));
    }
}
