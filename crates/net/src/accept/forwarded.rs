//! `Forwarded` (RFC 7239) and `X-Forwarded-For`, read from right to left: what the nearest proxy wrote comes first, and
//! whatever a client put to the left of it cannot change how that is read.

use http::HeaderMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who a hop says called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hop {
    /// An address.
    Address(IpAddr),
    /// `unknown`, a made-up name (`_hidden`), no `for` at all, or something that cannot be read.
    Unreadable,
}

/// Hops of all `Forwarded` lines, the nearest first.
pub(super) fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    from_the_right(headers, &http::header::FORWARDED)
        .map(|element| element.map_or(Hop::Unreadable, forwarded_element))
}

/// Hops of all `X-Forwarded-For` lines, the nearest first.
pub(super) fn x_forwarded_for(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    from_the_right(headers, &X_FORWARDED_FOR)
        .map(|element| element.and_then(address).map_or(Hop::Unreadable, Hop::Address))
}

/// `x-forwarded-for`.
pub(super) static X_FORWARDED_FOR: http::HeaderName = http::HeaderName::from_static("x-forwarded-for");

/// The comma-separated elements of all lines of a header, last first. `None` for a line that is not visible ASCII: no
/// proxy writes such, and nothing left of it counts.
fn from_the_right<'a>(
    headers: &'a HeaderMap,
    name: &'static http::HeaderName,
) -> impl Iterator<Item = Option<&'a str>> {
    let lines = headers.get_all(name);
    // Ends of the header map's iterator meet in the middle: it runs from both sides.
    lines.iter().rev().flat_map(|line| {
        let mut rest = Some(line.to_str().ok());
        std::iter::from_fn(move || {
            let Some(text) = rest? else {
                rest = None;
                return Some(None);
            };
            let (left, element) = split_last(text);
            rest = left.map(Some);
            Some(Some(element.trim_matches([' ', '\t'])))
        })
    })
}

/// Splits at the last comma that is outside of quotes. Counting quotes from the right, so that an unbalanced quote which
/// a client sent cannot swallow what a proxy appended.
fn split_last(text: &str) -> (Option<&str>, &str) {
    let bytes = text.as_bytes();
    let mut quoted = false;
    for at in (0..bytes.len()).rev() {
        match bytes[at] {
            b'"' => {
                let escapes = bytes[..at].iter().rev().take_while(|c| **c == b'\\').count();
                if escapes % 2 == 0 {
                    quoted = !quoted;
                }
            }
            b',' if !quoted => return (Some(&text[..at]), &text[at + 1..]),
            _ => {}
        }
    }
    (None, text)
}

/// One `forwarded-element`: `for=192.0.2.43;proto=https`.
fn forwarded_element(element: &str) -> Hop {
    let mut found = None;
    let mut rest = Some(element);
    while let Some(text) = rest {
        let (pair, more) = split_pair(text);
        rest = more;
        let pair = pair.trim_matches([' ', '\t']);
        let Some((name, value)) = pair.split_once('=') else {
            // An empty pair (`for=a;`) is allowed by nobody's grammar and written by some.
            if pair.is_empty() {
                continue;
            }
            return Hop::Unreadable;
        };
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return Hop::Unreadable;
        }
    }
    let Some(value) = found else { return Hop::Unreadable };
    let node = match value.strip_prefix('"').map(|rest| rest.strip_suffix('"')) {
        Some(Some(inner)) => inner,
        Some(None) => return Hop::Unreadable,
        // RFC 7239 wants quotes around `[…]` and around a port; some proxies forget them, and nothing is ambiguous.
        None => value,
    };
    address(node).map_or(Hop::Unreadable, Hop::Address)
}

/// Splits at the first `;` outside of quotes.
fn split_pair(text: &str) -> (&str, Option<&str>) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.bytes().enumerate() {
        match c {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => return (&text[..at], Some(&text[at + 1..])),
            _ => {}
        }
    }
    (text, None)
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:99`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:99`.
fn address(text: &str) -> Option<IpAddr> {
    let port_is_one = |port: &str| {
        // RFC 7239 §6 lets a port be made up, too (`_p`).
        let digits = !port.is_empty() && port.len() <= 5 && port.bytes().all(|c| c.is_ascii_digit());
        let made_up = port.len() > 1
            && port.starts_with('_')
            && port.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-'));
        digits || made_up
    };
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']')?;
        if !after.is_empty() && !after.strip_prefix(':').is_some_and(port_is_one) {
            return None;
        }
        return inside.parse::<Ipv6Addr>().ok().map(|v6| IpAddr::V6(v6).to_canonical());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (v4, port) = text.split_once(':')?;
    if !port_is_one(port) {
        return None;
    }
    v4.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hops(name: &'static str, lines: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, line.parse().unwrap());
        }
        let show = |hop| match hop {
            Hop::Address(address) => address.to_string(),
            Hop::Unreadable => "?".to_owned(),
        };
        if name == "forwarded" {
            forwarded(&headers).map(show).collect()
        } else {
            x_forwarded_for(&headers).map(show).collect()
        }
    }

    #[test]
    fn forwarded_table() {
        for (line, expected) in [
            ("for=192.0.2.43", "192.0.2.43"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("by=203.0.113.43 ; FOR=192.0.2.60", "192.0.2.60"),
            ("for=\"192.0.2.60:99\"", "192.0.2.60"),
            ("for=\"192.0.2.60:_p\"", "192.0.2.60"),
            ("for=[2001:db8::1]", "2001:db8::1"),
            ("for=\"[::ffff:192.0.2.1]\"", "192.0.2.1"),
            ("for=192.0.2.1;host=\"a,b;for=1.1.1.1\"", "192.0.2.1"),
            ("for=unknown", "?"),
            ("for=_hidden", "?"),
            ("for=\"_SEVKISEK\"", "?"),
            ("proto=https", "?"),
            ("for=192.0.2.1;for=192.0.2.2", "?"),
            ("for=192.0.2.1x", "?"),
            ("for=\"192.0.2.1", "?"),
            ("for=999.0.2.1", "?"),
            ("for=[2001:db8::1", "?"),
            ("for=\"[2001:db8::1]x\"", "?"),
            ("for=192.0.2.1:", "?"),
            ("192.0.2.1", "?"),
            ("for", "?"),
            ("", "?"),
        ] {
            assert_eq!(hops("forwarded", &[line]), [expected], "{line}");
        }
    }

    #[test]
    fn right_to_left_over_all_lines() {
        assert_eq!(
            hops("x-forwarded-for", &["1.1.1.1, 2.2.2.2", "3.3.3.3:80,[::1]:9 , ::2"]),
            ["::2", "::1", "3.3.3.3", "2.2.2.2", "1.1.1.1"]
        );
        assert_eq!(hops("x-forwarded-for", &["1.1.1.1,,2.2.2.2"]), ["2.2.2.2", "?", "1.1.1.1"]);
        assert_eq!(
            hops("forwarded", &["for=1.1.1.1", "for=2.2.2.2, for=\"[::3]\""]),
            ["::3", "2.2.2.2", "1.1.1.1"]
        );
    }

    #[test]
    fn what_a_client_wrote_cannot_reach_to_the_right() {
        for before in ["for=\"", "for=\"1.1.1.1", "\"\\", "for=1.1.1.1;x=\"a\\\"", "for=\"\\\\", ",,,\""] {
            assert_eq!(
                hops("forwarded", &[&format!("{before}, for=\"[2001:db8::7]\"")])[0],
                "2001:db8::7",
                "{before}"
            );
            assert_eq!(
                hops("forwarded", &[&format!("{before}, for=192.0.2.7;proto=https")])[0],
                "192.0.2.7",
                "{before}"
            );
        }
    }

    #[test]
    fn bytes_that_are_not_text() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", http::HeaderValue::from_bytes(b"1.1.1.1, \xff").unwrap());
        headers.append("x-forwarded-for", "2.2.2.2".parse().unwrap());
        let hops: Vec<_> = x_forwarded_for(&headers).collect();
        assert_eq!(hops, [Hop::Address("2.2.2.2".parse().unwrap()), Hop::Unreadable]);
    }

    proptest! {
        #[test]
        fn the_nearest_hop_is_read_whatever_stands_before_it(before in "[ -~]{0,60}", address: [u8; 4]) {
            let address = IpAddr::from(address);
            let forwarded = hops("forwarded", &[&format!("{before},for={address}")]);
            prop_assert_eq!(&forwarded[0], &address.to_string());
            let x = hops("x-forwarded-for", &[&format!("{before}, {address}")]);
            prop_assert_eq!(&x[0], &address.to_string());
        }

        #[test]
        fn any_line_is_read_to_its_end(line in "[ -~\t]{0,80}") {
            prop_assert!(hops("forwarded", &[&line]).len() <= line.len() + 1);
            prop_assert_eq!(hops("x-forwarded-for", &[&line]).is_empty(), false);
        }
    }
}
