//! Finds HTTP/1 heads with a line that ends in LF alone, which the parser takes and another hop may not (two readings
//! of one head are how requests are smuggled; RFC 9112 §2.2 lets a recipient be strict).
//!
//! It watches bytes go by and keeps none. Heads that were read ahead behind a body of unknown length are not seen:
//! hyper itself refuses or closes on conflicting framings, so a body's end is never in doubt.

/// Position in the bytes of one connection.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    place: Place,
    /// Bytes in the line so far, CR included.
    line: usize,
    /// Whether the last byte was CR.
    cr: bool,
    /// Whether a line of this head had content (leading empty lines are allowed).
    begun: bool,
    /// Whole heads that were seen and not yet called.
    heads: usize,
    /// Bytes seen after the first of those.
    after: u64,
    /// How many heads before the one with a bare LF; scanning stops there.
    bare: Option<usize>,
    /// Whether the last call had a body of unknown length.
    of_unknown_length: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Within a head.
    #[default]
    Head,
    /// Within a body that has this many bytes left.
    Body(u64),
    /// Within a body whose end is not known; the next head comes when the call has ended.
    UntilEnded,
}

impl HeadScan {
    /// Bytes went by.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        match self.place {
            Place::Head => {}
            Place::Body(left) => {
                let skip = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                self.place = match left - skip as u64 {
                    0 => Place::Head,
                    left => Place::Body(left),
                };
                bytes = &bytes[skip..];
            }
            Place::UntilEnded => return,
        }
        // What follows a whole head may be its body: if so, `called` throws away what was made of it here.
        if self.heads > 0 {
            // Saturated where it is not known any more.
            self.after = self.after.saturating_add(bytes.len() as u64);
        }
        while self.bare.is_none() && !bytes.is_empty() {
            let Some(lf) = memchr::memchr(b'\n', bytes) else {
                self.line += bytes.len();
                self.cr = bytes.ends_with(b"\r");
                return;
            };
            let ends_in_crlf = if lf == 0 { self.cr } else { bytes[lf - 1] == b'\r' };
            let length = self.line + lf;
            bytes = &bytes[lf + 1..];
            (self.line, self.cr) = (0, false);
            if !ends_in_crlf {
                self.bare = Some(self.heads);
            } else if length > 1 {
                self.begun = true;
            } else if self.begun {
                self.begun = false;
                self.heads += 1;
                if self.heads == 1 {
                    self.after = bytes.len() as u64;
                }
            }
        }
    }

    /// The parser took a head, with a body of this length (`None`: unknown). Whether that head had a bare LF.
    pub(super) fn called(&mut self, body: Option<u64>) -> bool {
        if self.bare == Some(0) {
            return true;
        }
        self.of_unknown_length = false;
        match body {
            Some(0) => {
                // Scanned heads behind it are heads. Their `after` is not known any more; unknown is the safe side.
                self.bare = self.bare.map(|heads| heads - 1);
                self.heads = self.heads.saturating_sub(1);
                if self.heads > 0 {
                    self.after = u64::MAX;
                }
            }
            Some(length) if self.heads > 0 && self.after <= length => {
                let left = length - self.after;
                *self = Self {
                    place: if left == 0 { Place::Head } else { Place::Body(left) },
                    ..Self::default()
                };
            }
            _ => *self = Self { place: Place::UntilEnded, ..Self::default() },
        }
        false
    }

    /// The call's answer is complete.
    pub(super) fn ended(&mut self) {
        if self.place == Place::UntilEnded {
            *self = Self { of_unknown_length: true, ..Self::default() };
        }
    }

    /// Whether the client may still be sending something: a head or body whose end was not seen.
    pub(super) fn unfinished(&self) -> bool {
        self.place != Place::Head
            || self.of_unknown_length
            || self.bare.is_some()
            || self.line > 0
            || self.begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        for (bytes, bad) in [
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", false),
            ("\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", false),
            ("GET / HTTP/1.1\nhost: a\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nhost: a\n\r\n", true),
            ("GET / HTTP/1.1\r\nhost: a\r\n\n", true),
            ("\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", true),
        ] {
            for piece in 1..bytes.len() {
                let mut scan = HeadScan::default();
                bytes.as_bytes().chunks(piece).for_each(|bytes| scan.read(bytes));
                assert_eq!(scan.called(Some(0)), bad, "{bytes:?} by {piece}");
            }
        }
    }

    #[test]
    fn what_is_not_known_stays_unknown_however_much_follows() {
        let head = b"POST / HTTP/1.1\r\nhost: a\r\n\r\n";
        let mut scan = HeadScan::default();
        scan.read(&[&head[..], head].concat());
        assert!(!scan.called(Some(0)));
        scan.read(b"body");
        assert!(!scan.called(Some(9)));
        assert_eq!(scan.place, Place::UntilEnded, "not so many bytes into its body");
    }

    proptest! {
        /// Bodies may hold any bytes: only the head that really has a bare LF is reported, wherever the reads are cut.
        #[test]
        fn bodies_are_not_heads(bodies in proptest::collection::vec("[\r\na]{0,12}", 1..5), cut in 1_usize..40, bad in 0_usize..6) {
            let mut scan = HeadScan::default();
            for (at, body) in bodies.iter().enumerate() {
                let end = if at == bad { "\n" } else { "\r\n" };
                let bytes = format!("POST / HTTP/1.1\r\nhost: a{end}\r\n{body}");
                let head = bytes.len() - body.len();
                // The parser calls as soon as the head is there, with whatever came in the same read.
                let first = head.div_ceil(cut) * cut;
                bytes.as_bytes()[..first.min(bytes.len())].chunks(cut).for_each(|piece| scan.read(piece));
                let found = scan.called(Some(body.len() as u64));
                prop_assert_eq!(found, at == bad, "request {}", at);
                if found {
                    return Ok(());
                }
                scan.read(&bytes.as_bytes()[first.min(bytes.len())..]);
                scan.ended();
            }
        }

        #[test]
        fn never_panics(pieces in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..40), proptest::option::of(0_u64..50), any::<bool>()), 0..20)) {
            let mut scan = HeadScan::default();
            for (bytes, body, ended) in pieces {
                scan.read(&bytes);
                scan.called(body);
                if ended {
                    scan.ended();
                }
            }
        }
    }
}
