//! The cookie of the paged-results control (RFC 2696), read without trusting whoever sent it. The driver's own reader
//! gives up on the whole process when a server sends nonsense.

use ldap3::controls::Control;

const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// Where the next page begins, when this is that control.
pub(super) fn cookie(control: &Control) -> Option<Vec<u8>> {
    let Control(_, raw) = control;
    (raw.ctype == PAGED_RESULTS).then(|| raw.val.as_deref().and_then(read).unwrap_or_default())
}

/// `SEQUENCE { size INTEGER, cookie OCTET STRING }` in BER.
fn read(value: &[u8]) -> Option<Vec<u8>> {
    let (inner, _) = element(value, 0x30)?;
    let (_, rest) = element(inner, 0x02)?;
    let (cookie, _) = element(rest, 0x04)?;
    Some(cookie.to_vec())
}

/// The content of an element with this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if first != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x0f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_read_and_nonsense_is_not() {
        assert_eq!(read(&[0x30, 0x07, 0x02, 0x01, 0x00, 0x04, 0x02, 0xab, 0xcd]), Some(vec![0xab, 0xcd]));
        assert_eq!(read(&[0x30, 0x05, 0x02, 0x01, 0x00, 0x04, 0x00]), Some(Vec::new()));
        assert_eq!(read(&[0x30, 0x81, 0x05, 0x02, 0x01, 0x00, 0x04, 0x00]), Some(Vec::new()));
        for nonsense in [
            &[][..],
            &[0x30],
            &[0x30, 0x80],
            &[0x30, 0x05, 0x02, 0x01],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x04, 0x00],
        ] {
            assert_eq!(read(nonsense), None, "{nonsense:?}");
        }
    }
}
