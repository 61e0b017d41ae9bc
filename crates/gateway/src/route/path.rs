//! The path of a call, normalised once. What can be read in more than one way is refused, so that the upstream cannot
//! see another path than the one that was matched and authorised.

use crate::snapshot::names_model;
use portcullis_fault::{Fault, codes};
use std::borrow::Cow;

/// A path that has one reading: no dot segments, empty segments, path parameters or controls, and no percent-encoding where
/// RFC 3986 §6.2.2.2 says that there need be none. An encoded slash, which some readers take for one and others do not, is
/// there only within the name of a model, where an AI operation is called: nothing is forwarded at a path that has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallPath<'a> {
    text: Cow<'a, str>,
    has_encoded_slash: bool,
}

impl<'a> CallPath<'a> {
    /// Reads the path of a request target (without the query).
    pub(crate) fn read(raw: &'a str) -> Result<Self, Fault> {
        let refuse = |why: &'static str| Err(Fault::new(codes::PATH_REFUSED).detail(why));
        if !raw.starts_with('/') {
            return refuse("the path does not start with `/`");
        }
        let mut encoded = false;
        for byte in raw.bytes() {
            match byte {
                b'%' => encoded = true,
                b';' => return refuse("the path contains `;`"),
                b'\\' => return refuse("the path contains a backslash"),
                0..=0x20 | 0x7f => return refuse("the path contains a control character or a space"),
                0x80.. => return refuse("the path contains a character that must be percent-encoded"),
                _ => {}
            }
        }
        let (path, has_encoded_slash) = match encoded {
            true => normalise(raw).map(|(path, slash)| (Cow::Owned(path), slash))?,
            false => (Cow::Borrowed(raw), false),
        };
        let mut segments = path[1..].split('/').peekable();
        while let Some(segment) = segments.next() {
            match segment {
                "." | ".." => return refuse("the path contains a dot segment"),
                "" if segments.peek().is_some() => return refuse("the path contains an empty segment"),
                _ => {}
            }
        }
        let read = Self { text: path, has_encoded_slash };
        if has_encoded_slash && !names_model(&read.text) {
            return Err(read.refuse_encoded_slash());
        }
        Ok(read)
    }

    /// Passes when an upstream of a service's may see it.
    pub(crate) fn check_forwarded(&self) -> Result<(), Fault> {
        if self.has_encoded_slash { Err(self.refuse_encoded_slash()) } else { Ok(()) }
    }

    fn refuse_encoded_slash(&self) -> Fault {
        Fault::new(codes::PATH_REFUSED).detail("the path contains an encoded slash")
    }

    /// As matched and forwarded.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether normalising changed anything.
    pub(crate) fn is_changed(&self) -> bool {
        matches!(self.text, Cow::Owned(_))
    }

    /// What is left below `base`, which must be one of its prefixes by whole segments: empty, or starting with `/`.
    pub(crate) fn below(&self, base: &str) -> &str {
        if base == "/" { self.as_str() } else { self.text.get(base.len()..).unwrap_or("") }
    }
}

/// Decodes what needs no encoding, writes the rest in upper case, and refuses what decodes to something that splits,
/// climbs or hides; with whether there is an encoded slash.
fn normalise(raw: &str) -> Result<(String, bool), Fault> {
    let refuse = |why: &'static str| Fault::new(codes::PATH_REFUSED).detail(why);
    let mut out = String::with_capacity(raw.len());
    // The decoded bytes, only to see whether they are text: an overlong form of `/` is not.
    let mut decoded = Vec::with_capacity(raw.len());
    let mut slash = false;
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(char::from(byte));
            decoded.push(byte);
            continue;
        }
        let digit =
            |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
            return Err(refuse("the path contains a `%` without two hexadecimal digits"));
        };
        let value = high << 4 | low;
        match value {
            b'\\' => return Err(refuse("the path contains an encoded backslash")),
            b';' => return Err(refuse("the path contains an encoded `;`")),
            0..=0x1f | 0x7f => return Err(refuse("the path contains an encoded control character")),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(value))
            }
            _ => {
                slash |= value == b'/';
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                out.push('%');
                out.push(char::from(HEX[usize::from(high)]));
                out.push(char::from(HEX[usize::from(low)]));
            }
        }
        decoded.push(value);
    }
    if std::str::from_utf8(&decoded).is_err() {
        return Err(refuse("the path's percent-encoding is not UTF-8"));
    }
    Ok((out, slash))
}

/// Whether `path` can be a service's path: `/`, or segments of unreserved characters. With any other alphabet two
/// spellings of one path could match different services.
pub(crate) fn is_service_path(path: &str) -> bool {
    let unreserved = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'~');
    path == "/"
        || path.strip_prefix('/').is_some_and(|rest| {
            rest.split('/')
                .all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(unreserved))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(raw: &str) -> Result<String, String> {
        CallPath::read(raw).map(|p| p.as_str().to_owned()).map_err(|f| f.public_detail().to_owned())
    }

    #[test]
    fn one_reading_only() {
        for (raw, as_read) in [
            ("/", "/"),
            ("/orders/7", "/orders/7"),
            ("/orders/", "/orders/"),
            ("/%6frders/%41", "/orders/A"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/a%20b", "/a%20b"),
            ("/a%2541", "/a%2541"),
            ("/a..b/...", "/a..b/..."),
            ("/@me/x:y", "/@me/x:y"),
            // A model's name, as one segment.
            ("/v1/models/org%2flarge", "/v1/models/org%2Flarge"),
            ("/bedrock/model/org%2Flarge%3A0/converse", "/bedrock/model/org%2Flarge%3A0/converse"),
            ("/gemini/v1beta/models/a%2Fb:generateContent", "/gemini/v1beta/models/a%2Fb:generateContent"),
        ] {
            assert_eq!(read(raw).as_deref(), Ok(as_read), "{raw}");
        }
        for raw in [
            "",
            "*",
            "orders",
            "//",
            "/a//b",
            "//a",
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/%2e%2e/a",
            "/.%2E/a",
            "/a/%2e",
            "/a%2fb",
            "/a%2Fb",
            "/v1/models%2Fm",
            "/v1%2Fmodels/m",
            "/v1/models/..%2f..%2fadmin",
            "/v1/models/%2e%2e%2fadmin",
            "/v1/models/a%2F%2Fb",
            "/v1/models/a%5Cb",
            "/v1/responses/a%2Fb",
            "/v1/orders/a%2Fb",
            "/bedrock/model/a%2Fconverse",
            "/-/errors/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a;b",
            "/a%3Bb",
            "/a;",
            "/%00",
            "/a%0d%0a",
            "/%7f",
            "/a b",
            "/caf\u{e9}",
            "/%c0%af",
            "/%ff",
            "/%",
            "/%4",
            "/%zz",
            "/\u{1}",
        ] {
            assert!(read(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn service_paths() {
        for good in ["/", "/orders", "/a/b-c_d.e~f"] {
            assert!(is_service_path(good), "{good}");
        }
        for bad in ["", "orders", "/orders/", "//", "/a//b", "/..", "/a b", "/a%41", "/a;b", "/é", "/a:b"] {
            assert!(!is_service_path(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reading_twice_changes_nothing(raw in "/[a-c/.%2eEfF5;~A\\\\0-]{0,12}") {
            if let Ok(once) = read(&raw) {
                prop_assert_eq!(read(&once), Ok(once.clone()));
                // However a reader decodes it, no segment climbs and no slash appears.
                let decoded: Vec<u8> = percent_encoding::percent_decode_str(&once).collect();
                let text = String::from_utf8(decoded).unwrap();
                prop_assert_eq!(text.matches('/').count(), once.matches('/').count());
                prop_assert!(text.split('/').all(|s| s != "." && s != ".."));
            }
        }
    }
}
