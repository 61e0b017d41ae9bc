//! The file's text as problems show it: secrets that somebody wrote into it are replaced by asterisks, byte for byte, so
//! that every position stays what it was.

use std::ops::Range;

/// Parts of a key's name that say that its value is a secret.
const SECRET: [&str; 9] =
    ["secret", "password", "passwd", "token", "api_key", "apikey", "api-key", "credential", "authorization"];

/// `text` with the values at `spans`, whatever is assigned to a key with a secret's name (in comments and in text that
/// is not valid TOML, too), and the user part of URLs masked. References to secrets stay readable.
pub fn text(text: &str, spans: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for span in spans {
        cover(&mut bytes, span.clone());
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        for span in assigned(line).chain(users(line)) {
            cover(&mut bytes, start + span.start..start + span.end);
        }
        start += line.len();
    }
    // Whole characters were replaced, each byte by one asterisk: what is left is valid text.
    String::from_utf8_lossy(&bytes).into_owned()
}

fn cover(bytes: &mut [u8], span: Range<usize>) {
    for byte in bytes.get_mut(span).unwrap_or_default() {
        if !matches!(byte, b'"' | b'\'' | b'\n' | b'\r') {
            *byte = b'*';
        }
    }
}

/// Ranges of a line that are assigned to keys with a secret's name.
fn assigned(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices('=').filter_map(|(at, _)| {
        let key = line[..at].trim_end().trim_end_matches(['"', '\'']);
        let key = &key[key
            .rfind(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-'))
            .map_or(0, |i| i + key[i..].chars().next().map_or(1, char::len_utf8))..];
        let key = key.to_lowercase();
        // `key` alone is `secrets.key`; `token_cache` is a size, and files are named in the open.
        let secret = key == "key"
            || (SECRET.iter().any(|part| key.contains(part))
                && key != "token_cache"
                && !key.ends_with("_file"));
        let value = line[at + 1..].trim_start();
        let from = line.len() - value.len();
        let shown = value.trim_start_matches(['"', '\'']);
        let reference = ["env:", "file:", "stored:"].iter().any(|scheme| shown.starts_with(scheme));
        (secret && !reference)
            .then(|| from..from + value.find([',', '}', ']']).unwrap_or(value.trim_end().len()))
    })
}

/// Ranges of a line that are the user part of a URL: `user:password` in `https://user:password@host`.
fn users(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices("://").filter_map(|(at, _)| {
        let start = at + 3;
        let rest = &line[start..];
        let end = rest.find(['/', '"', '\'', ' ', '\n', '\r', ',']).unwrap_or(rest.len());
        rest[..end].rfind('@').filter(|at| rest[..*at].contains(':')).map(|at| start..start + at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_covered_and_positions_stay() {
        for (line, shown) in [
            ("api_key = \"sk-live-1\"", "api_key = \"*********\""),
            ("# password = hünter2", "# password = ********"),
            ("x = { secret = 'abc', leeway = \"30s\" }", "x = { secret = '***', leeway = \"30s\" }"),
            ("api_key = \"env:OPENAI\"", "api_key = \"env:OPENAI\""),
            ("database = \"postgres://u:hunter2@h/d\"", "database = \"postgres://*********@h/d\""),
            ("upstream = \"http://h/a@b\"", "upstream = \"http://h/a@b\""),
            ("token_cache = \"32MiB\"", "token_cache = \"32MiB\""),
            ("key_file = \"k.pem\"", "key_file = \"k.pem\""),
            ("key = \"0011\"", "key = \"****\""),
        ] {
            let masked = text(line, &[]);
            assert_eq!(masked, shown, "{line}");
            assert_eq!(masked.len(), line.len());
        }
        assert_eq!(text("a = \"b\"\nc = 1\n", std::slice::from_ref(&(4..7))), "a = \"*\"\nc = 1\n");
    }
}
