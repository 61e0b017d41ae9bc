//! Filters with places for values (RFC 4515). A value is data wherever it stands: every byte of it that could mean
//! something in a filter is escaped, and a place that is not a value is refused when the filter is compiled.

use uuid::Uuid;

/// A filter with places in curly brackets, as `(&(objectClass=person)(uid={subject}))`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(String),
}

impl Template {
    /// Reads a filter whose places are of `known`. The error says what is wrong and what is possible.
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let Some(length) = rest[open..].find('}') else {
                return Err(format!("`{{` without `}}` in the filter `{text}`"));
            };
            let place = &rest[open + 1..open + length];
            if !known.contains(&place) {
                let known: Vec<String> = known.iter().map(|name| format!("`{{{name}}}`")).collect();
                return Err(format!("there is no place `{{{place}}}`; places are {}", known.join(", ")));
            }
            pieces.push(Piece::Text(rest[..open].to_owned()));
            pieces.push(Piece::Place(place.to_owned()));
            rest = &rest[open + length + 1..];
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let template = Self { pieces };
        // An escaped value is allowed in a value only: as an attribute's name or as a part of the syntax it is an error.
        let filled = template.fill(|_| Some(escape(b"*"))).unwrap_or_default();
        // The driver takes a filter without brackets as well; others are put around this one.
        if !filled.starts_with('(') || ldap3::parse_filter(&filled).is_err() {
            return Err(format!(
                "`{text}` is not an LDAP filter (RFC 4515) with values where the places are; as in `(&(objectClass=person)(uid={{subject}}))`"
            ));
        }
        Ok(template)
    }

    /// Whether this place is in it.
    pub fn has(&self, place: &str) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Place(name) if name == place))
    }

    /// The filter with its places filled. `value` gives text that is escaped already; nothing where one is missing.
    pub fn fill(&self, mut value: impl FnMut(&str) -> Option<String>) -> Option<String> {
        let mut filter = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filter.push_str(text),
                Piece::Place(name) => filter.push_str(&value(name)?),
            }
        }
        Some(filter)
    }

    /// The attributes that `place` as a whole is compared with for equality: `uid` in `(uid={subject})`.
    pub fn compared_with(&self, place: &str) -> Vec<&str> {
        let mut attributes = Vec::new();
        for (at, piece) in self.pieces.iter().enumerate() {
            let (Piece::Place(name), Some(before)) = (piece, at.checked_sub(1)) else { continue };
            let (Some(Piece::Text(before)), Some(Piece::Text(after))) =
                (self.pieces.get(before), self.pieces.get(at + 1))
            else {
                continue;
            };
            let attribute = before.strip_suffix('=').and_then(|before| before.rsplit('(').next());
            if let Some(attribute) = attribute.filter(|_| name == place && after.starts_with(')'))
                && !attribute.is_empty()
                && attribute.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';'))
            {
                attributes.push(attribute);
            }
        }
        attributes
    }
}

/// Any bytes as a value of a filter (RFC 4515 §3). More is escaped than must be: what is not escaped is known to mean
/// itself.
pub(super) fn escape(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for &byte in value {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'@' | b',' | b'=' | b':') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("\\{byte:02x}"));
        }
    }
    text
}

/// A UUID as the sixteen bytes that Active Directory stores (MS-DTYP §2.3.4.2: the first three parts little-endian).
pub(super) fn guid(text: &str) -> Option<[u8; 16]> {
    Uuid::parse_str(text).ok().map(|id| id.to_bytes_le())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: &[&str] = &["subject", "issuer"];

    fn filled(template: &str, subject: &str) -> String {
        let template = Template::parse(template, PLACES).unwrap();
        template.fill(|_| Some(escape(subject.as_bytes()))).unwrap()
    }

    #[test]
    fn a_value_never_becomes_syntax() {
        let attacks = [
            ("*", "(uid=\\2a)"),
            ("a)(uid=*", "(uid=a\\29\\28uid=\\2a)"),
            ("\\2a", "(uid=\\5c2a)"),
            ("a\0b", "(uid=a\\00b)"),
            ("ü", "(uid=\\c3\\bc)"),
            (" a ", "(uid=\\20a\\20)"),
            ("a&|!<>~", "(uid=a\\26\\7c\\21\\3c\\3e\\7e)"),
            ("", "(uid=)"),
        ];
        for (subject, filter) in attacks {
            assert_eq!(filled("(uid={subject})", subject), filter);
            assert!(ldap3::parse_filter(filter).is_ok(), "{filter}");
        }
        // Not UTF-8 either: a value may be any bytes.
        assert_eq!(escape(&[0xff, b'(', 0x80]), "\\ff\\28\\80");
    }

    #[test]
    fn places_are_values_and_nothing_else() {
        for wrong in [
            "({subject}=ada)",
            "(uid={subject}",
            "{subject}",
            "(&{subject})",
            "(uid{subject}=a)",
            "(uid=a)(uid={subject})",
            "",
            "uid=",
        ] {
            assert!(Template::parse(wrong, PLACES).is_err(), "{wrong}");
        }
        let unknown = Template::parse("(uid={sub})", PLACES).unwrap_err();
        assert!(unknown.contains("`{sub}`") && unknown.contains("`{subject}`"), "{unknown}");
        assert!(Template::parse("(uid={subject)", PLACES).unwrap_err().contains("without"));
    }

    #[test]
    fn says_what_a_subject_is_compared_with() {
        let template = Template::parse(
            "(&(objectClass=person)(|(uid={subject})(mail={subject})(cn=x{subject})(ou={issuer})))",
            PLACES,
        )
        .unwrap();
        assert_eq!(template.compared_with("subject"), ["uid", "mail"]);
        assert_eq!(template.compared_with("issuer"), ["ou"]);
        assert!(template.has("issuer"));
        let substring = Template::parse("(uid={subject}*)", PLACES).unwrap();
        assert!(substring.compared_with("subject").is_empty());
    }

    #[test]
    fn a_guid_is_written_as_active_directory_stores_it() {
        let bytes = guid("00112233-4455-6677-8899-aabbccddeeff").unwrap();
        assert_eq!(&bytes[..8], &[0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66]);
        assert_eq!(&bytes[8..], &[0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]);
        assert!(guid("ada").is_none());
    }
}
