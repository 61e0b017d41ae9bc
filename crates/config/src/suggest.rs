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
    fn distances() {
        let of = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(of("", "abc"), 3);
        assert_eq!(of("abc", "acb"), 1);
        assert_eq!(of("kitten", "sitting"), 3);
        assert_eq!(of("same", "same"), 0);
    }
}
