//! "Did you mean": the nearest of a list of words.

/// The candidate that `word` is most likely a slip of, if any is near enough: at most a third of its letters wrong.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).flat_map(char::to_lowercase).collect();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let other: Vec<char> = candidate.chars().take(64).flat_map(char::to_lowercase).collect();
            let allowed = (word.len().max(other.len()) / 3).max(1);
            let distance = distance(&word, &other);
            // A word of which the other is a part (`url` for `base_url`) is a likely slip, too.
            let part =
                word.len() >= 3 && other.len() >= 3 && (contains(&word, &other) || contains(&other, &word));
            (distance <= allowed || part)
                .then_some((if part { distance.min(allowed) } else { distance }, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// What there is, named at most.
const NAMED: usize = 12;

/// Why `name` is nothing that is there: which of `known` was meant, or else what there is. `None` when it is one of them.
/// `what` says what it would be (`issuer`), `whose` of whom (`of tenant \`acme\``) or nothing.
pub fn not_among(what: &str, whose: &str, name: &str, known: &[&str]) -> Option<String> {
    if known.contains(&name) {
        return None;
    }
    let space = if whose.is_empty() { "" } else { " " };
    let help = match nearest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "there are none".to_owned(),
        None => {
            let names: Vec<String> = known.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
            let more = match known.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("there are {}{more}", names.join(", "))
        }
    };
    let shown: String = name.chars().take(128).collect();
    Some(format!("there is no {what} `{}`{space}{whose}; {help}", shown.escape_debug()))
}

fn contains(long: &[char], short: &[char]) -> bool {
    long.windows(short.len()).any(|window| window == short)
}

/// Edits between two words: insertion, deletion, replacement, or exchange of two neighbours (Damerau's, without
/// editing a pair twice). Three rows suffice.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            row[j + 1] = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let keys = ["listen", "max_body", "max_headers", "public_url", "tls"];
        for (word, meant) in [
            ("lsiten", "listen"),
            ("Listen", "listen"),
            ("maxbody", "max_body"),
            ("url", "public_url"),
            ("tsl", "tls"),
        ] {
            assert_eq!(nearest(word, keys), Some(meant), "{word}");
        }
        for word in ["", "x", "colour", "database"] {
            assert_eq!(nearest(word, keys), None, "{word}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let known = ["corp", "partner"];
        assert_eq!(not_among("issuer", "", "corp", &known), None);
        let said = |whose, name, known: &[&str]| not_among("issuer", whose, name, known).unwrap();
        assert_eq!(said("", "crop", &known), "there is no issuer `crop`; did you mean `corp`?");
        assert_eq!(
            said("of tenant `acme`", "x", &known),
            "there is no issuer `x` of tenant `acme`; there are `corp`, `partner`"
        );
        assert_eq!(said("", "a\nb", &[]), "there is no issuer `a\\nb`; there are none");
        let many: Vec<String> = (0..20).map(|n| format!("model-number-{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(said("", "x", &many).ends_with("`model-number-11` and 8 more"));
    }

    #[test]
    fn distances() {
        let of = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(of("", "abc"), 3);
        assert_eq!(of("abc", "acb"), 1);
        assert_eq!(of("kitten", "sitting"), 3);
        assert_eq!(of("same", "same"), 0);
    }
}
