//! Frames: how a record lies in a segment. `length (u32) | CRC-32 of the body (u32) | body`, little-endian; the body is
//! the record as JSON.

use crc32fast::hash as crc32;
use portcullis_model::Record;

/// Bytes before the body.
pub(super) const HEAD: usize = 8;
/// The longest body. More than any record; less than what a torn length would ask for.
pub(super) const LONGEST: usize = 64 << 20;

/// Replaces `buffer` by the frame of `record`; whether it could.
pub(super) fn encode(record: &Record, buffer: &mut Vec<u8>) -> bool {
    buffer.clear();
    buffer.extend_from_slice(&[0; HEAD]);
    if serde_json::to_writer(&mut *buffer, record).is_err() {
        return false;
    }
    let body = &buffer[HEAD..];
    let Some(length) = u32::try_from(body.len()).ok().filter(|_| body.len() <= LONGEST) else { return false };
    let sum = crc32(body);
    buffer[..4].copy_from_slice(&length.to_le_bytes());
    buffer[4..HEAD].copy_from_slice(&sum.to_le_bytes());
    true
}

/// What is at the beginning of `bytes`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// A sound frame with this body.
    Frame(&'a [u8]),
    /// A frame of this whole length whose body is damaged.
    Damaged(usize),
    /// The beginning of a frame; this many bytes would be needed to know more.
    Short(usize),
    /// No frame: a length that no frame has.
    Nonsense,
}

/// Reads the frame at the beginning of `bytes`.
pub(super) fn next(bytes: &[u8]) -> Next<'_> {
    let Some((head, rest)) = bytes.split_at_checked(HEAD) else { return Next::Short(HEAD) };
    let word = |i: usize| u32::from_le_bytes([head[i], head[i + 1], head[i + 2], head[i + 3]]);
    let (length, sum) = (word(0) as usize, word(4));
    // An empty body is no record; zeros are what some file systems leave at the end after a power cut.
    if length == 0 || length > LONGEST {
        return Next::Nonsense;
    }
    match rest.get(..length) {
        None => Next::Short(HEAD + length),
        Some(body) if crc32(body) == sum => Next::Frame(body),
        Some(_) => Next::Damaged(HEAD + length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend(crc32(body).to_le_bytes());
        bytes.extend(body);
        bytes
    }

    proptest! {
        #[test]
        fn a_torn_or_damaged_frame_is_noticed(body in prop::collection::vec(any::<u8>(), 1..200), cut in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let whole = framed(&body);
            prop_assert_eq!(next(&whole), Next::Frame(&body));
            prop_assert!(matches!(next(&whole[..cut.index(whole.len())]), Next::Short(_)));
            let mut damaged = whole.clone();
            damaged[HEAD + flip.index(body.len())] ^= 1 << bit;
            prop_assert_eq!(next(&damaged), Next::Damaged(whole.len()));
        }

        #[test]
        fn whatever_is_there_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Next::Frame(body) = next(&bytes) {
                prop_assert!(body.len() + HEAD <= bytes.len());
            }
        }
    }

    #[test]
    fn zeros_are_no_frame() {
        assert_eq!(next(&[0; 64]), Next::Nonsense);
    }
}
