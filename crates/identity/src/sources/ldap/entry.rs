//! An entry as a server sends it: attributes by name, values as bytes, and the forms in which directories write numbers,
//! times and names. Whatever a server sends, reading it ends in a value or in nothing.

use ldap3::ResultEntry;
use portcullis_model::Timestamp;
use std::collections::BTreeMap;

/// An entry. Names of attributes are in lower case: they are compared without regard to it (RFC 4512 §2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub dn: String,
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    /// Of a message. Nothing when it is none.
    pub fn read(message: ResultEntry) -> Option<Self> {
        let mut parts = message.0.match_id(4)?.expect_constructed()?.into_iter();
        let dn = String::from_utf8_lossy(&parts.next()?.expect_primitive()?).into_owned();
        let mut attributes: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for attribute in parts.next()?.expect_constructed()? {
            let mut parts = attribute.expect_constructed()?.into_iter();
            let name = String::from_utf8_lossy(&parts.next()?.expect_primitive()?).to_ascii_lowercase();
            let values: Option<Vec<Vec<u8>>> = parts
                .next()?
                .expect_constructed()?
                .into_iter()
                .map(|value| value.expect_primitive())
                .collect();
            // Active Directory gives long attributes in parts, as `memberof;range=0-1499`.
            let name = name.split(";range=").next().unwrap_or_default().to_owned();
            attributes.entry(name).or_default().extend(values?);
        }
        Some(Self { dn, attributes })
    }

    #[cfg(test)]
    pub fn of(dn: &str, attributes: &[(&str, &[u8])]) -> Self {
        let mut entry = Self { dn: dn.to_owned(), ..Self::default() };
        for (name, value) in attributes {
            entry.attributes.entry(name.to_ascii_lowercase()).or_default().push(value.to_vec());
        }
        entry
    }

    /// The values of an attribute.
    pub fn values(&self, name: &str) -> &[Vec<u8>] {
        self.attributes.get(&name.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// The values that are text.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values(name).iter().filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The first text in the order of the alphabet: servers send values in any order.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).filter(|text| !text.is_empty()).min()
    }

    /// Whether a value is exactly this text.
    pub fn holds(&self, name: &str, text: &str) -> bool {
        self.values(name).iter().any(|value| value == text.as_bytes())
    }

    /// A whole number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// A time (RFC 4517 §3.3.13).
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        generalized_time(self.text(name)?)
    }
}

/// `20261122065429Z`, `20261122065429.0Z`, `202611220654+0100`: generalized time (RFC 4517 §3.3.13).
pub(super) fn generalized_time(text: &str) -> Option<Timestamp> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (date, rest) = text.split_at(digits);
    let minutes = if digits >= 12 { &date[10..12] } else { "00" };
    let seconds = if digits >= 14 { &date[12..14] } else { "00" };
    if !matches!(digits, 10 | 12 | 14) {
        return None;
    }
    let fraction = rest.bytes().take_while(|c| c.is_ascii_digit() || matches!(c, b'.' | b',')).count();
    let (fraction, zone) = rest.split_at(fraction);
    // A fraction of a minute or an hour is nothing that a server writes.
    if !fraction.is_empty() && digits != 14 {
        return None;
    }
    let zone = match zone.as_bytes() {
        b"Z" => "Z".to_owned(),
        [b'+' | b'-', _, _, _, _] if zone.is_ascii() => format!("{}:{}", &zone[..3], &zone[3..]),
        [b'+' | b'-', _, _] if zone.is_ascii() => format!("{zone}:00"),
        _ => return None,
    };
    let fraction = fraction.replace(',', ".");
    Timestamp::parse_rfc3339(&format!(
        "{}-{}-{}T{}:{minutes}:{seconds}{fraction}{zone}",
        &date[..4],
        &date[4..6],
        &date[6..8],
        &date[8..10]
    ))
}

/// A time as a generalized time of whole seconds, rounded down.
pub(super) fn to_generalized_time(time: Timestamp) -> String {
    let text = time.rfc3339();
    let digits: String = text.chars().take(19).filter(char::is_ascii_digit).collect();
    format!("{digits}Z")
}

/// Hundreds of nanoseconds since 1601 (MS-DTYP §2.3.3). Nothing for "never".
pub(super) fn filetime(value: i64) -> Option<Timestamp> {
    /// Seconds from 1601 to 1970.
    const EPOCH: i64 = 11_644_473_600;
    if value <= 0 || value == i64::MAX {
        return None;
    }
    Some(Timestamp::from_micros((value / 10).checked_sub(EPOCH * 1_000_000)?))
}

/// The value of the first part of a DN, unescaped (RFC 4514): `a,b` of `cn=a\,b,ou=groups`.
pub(super) fn first_value(dn: &str) -> Option<String> {
    let (_, rest) = dn.split_once('=')?;
    let mut bytes = rest.trim_start().bytes().peekable();
    let mut value = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' | b'+' | b';' => break,
            b'\\' => {
                let first = bytes.next()?;
                let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                match (hex(first), bytes.peek().copied().and_then(hex)) {
                    (Some(high), Some(low)) => {
                        bytes.next();
                        value.push(high * 16 + low);
                    }
                    _ => value.push(first),
                }
            }
            other => value.push(other),
        }
    }
    String::from_utf8(value).ok().map(|text| text.trim_end().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_the_forms_that_servers_write() {
        let at = Timestamp::parse_rfc3339("2026-11-22T06:54:29Z").unwrap();
        for text in ["20261122065429Z", "20261122065429.0Z", "20261122075429+0100", "20261122015429-05"] {
            assert_eq!(generalized_time(text), Some(at), "{text}");
        }
        assert_eq!(to_generalized_time(at), "20261122065429Z");
        assert_eq!(generalized_time("202611220654Z").map(|time| time.seconds() % 60), Some(0));
        for text in ["", "2026", "20261322065429Z", "20261122065429", "20261122065429+ü0"] {
            assert_eq!(generalized_time(text), None, "{text}");
        }
        assert_eq!(filetime(132_000_000_000_000_000).unwrap().rfc3339(), "2019-04-17T18:40:00.000000Z");
        for never in [0, -1, i64::MAX] {
            assert_eq!(filetime(never), None);
        }
    }

    #[test]
    fn the_first_value_of_a_name() {
        for (dn, value) in [
            ("cn=developers,ou=groups,dc=example", Some("developers")),
            ("CN=a\\,b\\2c\\C3\\BC,OU=x", Some("a,b,ü")),
            ("cn=x+ou=y,dc=z", Some("x")),
            ("cn=\\", None),
            ("cn=", None),
            ("nonsense", None),
        ] {
            assert_eq!(first_value(dn).as_deref(), value, "{dn}");
        }
    }

    #[test]
    fn attributes_without_regard_to_case_and_values_as_they_are() {
        let entry = Entry::of("uid=ada", &[("UID", b"b"), ("uid", b"a"), ("uid", &[0xff]), ("n", b"12")]);
        assert_eq!(entry.text("Uid"), Some("a"));
        assert_eq!(entry.values("uid").len(), 3);
        assert!(entry.holds("uid", "b") && !entry.holds("uid", "B"));
        assert_eq!(entry.number("n"), Some(12));
        assert_eq!(entry.text("none"), None);
    }
}
