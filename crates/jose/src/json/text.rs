//! JSON strings: resolving escapes.

use std::borrow::Cow;

/// The characters that `raw` (without its quotes) stands for. `escaped` says whether there is a backslash in it.
pub(super) fn resolve(raw: &str, escaped: bool) -> Cow<'_, str> {
    if !escaped {
        return Cow::Borrowed(raw);
    }
    // The scanner refuses every string that does not resolve, so the fallback is never a second reading of one.
    unescape(raw).map_or(Cow::Borrowed(raw), Cow::Owned)
}

/// Resolves escapes; nothing for an unknown escape or half a surrogate pair (RFC 8259 §7).
pub(super) fn unescape(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = *rest.as_bytes().get(at + 1)?;
        let mut used = at + 2;
        out.push(match escape {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = hex4(rest.as_bytes().get(used..used + 4)?)?;
                used += 4;
                if (0xd800..0xdc00).contains(&first) {
                    let tail = rest.as_bytes().get(used..used + 6)?;
                    if !tail.starts_with(b"\\u") {
                        return None;
                    }
                    let second = hex4(&tail[2..])?;
                    if !(0xdc00..0xe000).contains(&second) {
                        return None;
                    }
                    used += 6;
                    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))?
                } else {
                    char::from_u32(first)?
                }
            }
            _ => return None,
        });
        rest = &rest[used..];
    }
    out.push_str(rest);
    Some(out)
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_resolve_or_are_refused() {
        assert_eq!(unescape(r"\u0061lg").as_deref(), Some("alg"));
        assert_eq!(unescape(r"\ud83d\ude00 \/\n").as_deref(), Some("😀 /\n"));
        for bad in
            [r"\ud83d", r"\ude00", r"\ud83dx\ude00", r"\ud83d\u0061", r"\x41", r"\u00g1", r"\u12", "\\"]
        {
            assert_eq!(unescape(bad), None, "{bad}");
        }
    }
}
