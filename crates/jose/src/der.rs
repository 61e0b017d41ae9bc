//! The little DER (X.690) that keys need: reading one structure after the other, strictly, and writing three.
//!
//! Not an ASN.1 library; certificates are read by one.

/// Not the DER that was expected. What was expected is said by whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// `[n]`, constructed.
pub(crate) const fn context(n: u8) -> u8 {
    0xa0 | n
}

/// Reads values from the front of a slice.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'d> {
    rest: &'d [u8],
}

impl<'d> Reader<'d> {
    pub(crate) fn new(der: &'d [u8]) -> Self {
        Self { rest: der }
    }

    /// The content of the next value, which must have this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Result<&'d [u8], Malformed> {
        let (&found, rest) = self.rest.split_first().ok_or(Malformed)?;
        if found != tag {
            return Err(Malformed);
        }
        let (&first, mut rest) = rest.split_first().ok_or(Malformed)?;
        let length = match first {
            ..=0x7f => usize::from(first),
            // Up to 16 MiB, which no key reaches. The indefinite form (0x80) is not DER.
            0x81..=0x83 => {
                let (digits, behind) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(Malformed)?;
                rest = behind;
                let length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
                // One spelling per length.
                if digits[0] == 0 || length < 0x80 {
                    return Err(Malformed);
                }
                length
            }
            _ => return Err(Malformed),
        };
        let (content, behind) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = behind;
        Ok(content)
    }

    /// The content of the next value if it has this tag.
    pub(crate) fn maybe(&mut self, tag: u8) -> Result<Option<&'d [u8]>, Malformed> {
        if self.rest.first() == Some(&tag) { self.take(tag).map(Some) } else { Ok(None) }
    }

    /// A reader over the content of the next value.
    pub(crate) fn inside(&mut self, tag: u8) -> Result<Reader<'d>, Malformed> {
        self.take(tag).map(Reader::new)
    }

    /// A non-negative integer without its sign byte; zero is empty.
    pub(crate) fn unsigned(&mut self) -> Result<&'d [u8], Malformed> {
        match self.take(INTEGER)? {
            [] => Err(Malformed),
            [0] => Ok(&[]),
            [0, rest @ ..] if rest[0] & 0x80 != 0 => Ok(rest),
            [first, ..] if *first == 0 || first & 0x80 != 0 => Err(Malformed),
            all => Ok(all),
        }
    }

    /// A bit string of whole bytes.
    pub(crate) fn bits(&mut self) -> Result<&'d [u8], Malformed> {
        match self.take(BIT_STRING)? {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(Malformed),
        }
    }

    /// Whether nothing is left.
    pub(crate) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// One value.
pub(crate) fn write(tag: u8, content: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    let mut out = zeroize::Zeroizing::new(Vec::with_capacity(content.len() + 5));
    out.push(tag);
    let length = (content.len() as u32).to_be_bytes();
    match content.len() {
        0..0x80 => out.push(length[3]),
        0x80..0x100 => out.extend([0x81, length[3]]),
        0x100..0x1_0000 => out.extend([0x82, length[2], length[3]]),
        _ => out.extend([0x83, length[1], length[2], length[3]]),
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for len in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; len];
            let der = write(OCTET_STRING, &content);
            let mut reader = Reader::new(&der);
            assert_eq!(reader.take(OCTET_STRING), Ok(&content[..]));
            assert_eq!(reader.end(), Ok(()));
        }
    }

    #[test]
    fn other_spellings_and_overruns_are_refused() {
        for der in [
            &b""[..],
            b"\x04",
            b"\x04\x02a",
            b"\x04\x80a\0\0",
            b"\x04\x81\x01a",
            b"\x04\x82\0\x81",
            b"\x04\x84\0\0\0\x01a",
            b"\x04\xffa",
        ] {
            assert_eq!(Reader::new(der).take(OCTET_STRING), Err(Malformed), "{der:?}");
        }
        for der in [&b"\x02\0"[..], b"\x02\x01\x80", b"\x02\x02\0\x7f", b"\x02\x02\0\0"] {
            assert_eq!(Reader::new(der).unsigned(), Err(Malformed), "{der:?}");
        }
        assert_eq!(Reader::new(b"\x02\x02\0\x80").unsigned(), Ok(&b"\x80"[..]));
    }
}
