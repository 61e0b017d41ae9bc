//! Forms of a text, and the keys that are kept of it.
//!
//! Of each text its *folded* form (NFKC, lower case, without invisible characters and white space around it) and its *core*
//! (what remains without a prefix such as `auth0|` or `CORP\`, without the domain of an address, a UUID as 32 digits, a
//! number without leading zeros) are kept as keys: two texts that share one differ in form only.
//!
//! Typing errors are found by the core, when it has 3 to [`LONGEST`] characters: one edit from 3 on, two from 6 on.
//! - Up to 7 characters: the core with up to two characters deleted. Two texts within distance 2 have such a neighbour in
//!   common. At most 29 keys; but their number grows with the square of the length, 2,081 for 64 characters, so
//! - from 8 on the core is cut into four parts, and each two of them are a key: two edits spoil two parts at most, so two
//!   stay as they are, moved by at most two places. Six keys, whatever the length. The one who asks tries all places:
//!   about 150 keys.
//!
//! Keys are 64-bit hashes; whoever finds something by one compares the texts ([`super::compare`]).

use icu_normalizer::ComposingNormalizerBorrowed;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Characters of the longest core that is searched for typing errors.
pub(super) const LONGEST: usize = 64;
/// Up to this length all deletions are kept.
const SHORT: usize = 7;
/// Parts that a longer core is cut into.
const PARTS: usize = 4;

/// The keys to keep of a text.
pub(crate) fn kept(text: &str) -> Vec<i64> {
    let (folded, core) = (folded(text), core(text));
    let mut keys = BTreeSet::from([key(b"form", &folded), key(b"form", &core)]);
    let core: Vec<char> = core.chars().take(LONGEST + 1).collect();
    match core.len() {
        3..=SHORT => keys.extend(deletions(&core, edits(core.len()))),
        length @ 8..=LONGEST => {
            for (one, other) in pairs() {
                let part = |n| &core[part(length, n)];
                keys.insert(pair_key(length, (one, part(one)), (other, part(other))));
            }
        }
        _ => {}
    }
    keys.into_iter().collect()
}

/// The one key of all texts that are the same when folded.
pub(crate) fn whole(text: &str) -> i64 {
    key(b"form", &folded(text))
}

/// The keys to look for a text by: those of equal form, and then those of typing errors.
pub(crate) fn asked(text: &str) -> (Vec<i64>, Vec<i64>) {
    let (folded, core) = (folded(text), core(text));
    let equal = BTreeSet::from([key(b"form", &folded), key(b"form", &core)]);
    let core: Vec<char> = core.chars().take(LONGEST + 3).collect();
    let mut near = BTreeSet::new();
    if (2..=SHORT + 2).contains(&core.len()) {
        near.extend(deletions(&core, 2));
    }
    if core.len() >= 6 {
        for length in core.len().saturating_sub(2).max(SHORT + 1)..=(core.len() + 2).min(LONGEST) {
            near.extend(moved_pairs(&core, length));
        }
    }
    (equal.into_iter().collect(), near.into_iter().collect())
}

/// Edits that are still a near miss between texts of which the shorter has so many characters.
pub(super) fn edits(shorter: usize) -> usize {
    match shorter {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

/// The keys of a core with up to `depth` of its characters deleted.
fn deletions(core: &[char], depth: usize) -> BTreeSet<i64> {
    let mut texts = BTreeSet::from([core.to_vec()]);
    let mut last = texts.clone();
    for _ in 0..depth {
        last = last
            .iter()
            .flat_map(|text| {
                (0..text.len()).map(|at| {
                    let mut shorter = text.clone();
                    shorter.remove(at);
                    shorter
                })
            })
            .collect();
        texts.extend(last.iter().cloned());
    }
    texts.iter().map(|text| key(b"less", &text.iter().collect::<String>())).collect()
}

/// The keys of two parts each of a core of `length` that `core` may have come from: at most two characters were put in or
/// left out before, between and after the two.
fn moved_pairs(core: &[char], length: usize) -> Vec<i64> {
    let signed = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let whole = signed(core.len()) - signed(length);
    let at = |n: usize, by: i64| {
        let part = part(length, n);
        let from = usize::try_from(signed(part.start) + by).ok()?;
        core.get(from..from + part.len())
    };
    let mut keys = Vec::new();
    for (one, other) in pairs() {
        for first in -2..=2_i64 {
            for second in -2..=2_i64 {
                if first.abs() + (second - first).abs() + (whole - second).abs() > 2 {
                    continue;
                }
                if let (Some(a), Some(b)) = (at(one, first), at(other, second)) {
                    keys.push(pair_key(length, (one, a), (other, b)));
                }
            }
        }
    }
    keys
}

fn pairs() -> impl Iterator<Item = (usize, usize)> {
    (0..PARTS).flat_map(|one| (one + 1..PARTS).map(move |other| (one, other)))
}

/// Where the n-th part of a text of `length` is.
fn part(length: usize, n: usize) -> std::ops::Range<usize> {
    n * length / PARTS..(n + 1) * length / PARTS
}

fn pair_key(length: usize, one: (usize, &[char]), other: (usize, &[char])) -> i64 {
    let text = |part: &[char]| part.iter().collect::<String>();
    key(b"pair", &format!("{length} {} {} {}\0{}", one.0, other.0, text(one.1), text(other.1)))
}

/// FNV-1a, mixed: the same on every machine and in every release, because it is stored. That somebody makes two texts
/// collide costs a comparison.
fn key(kind: &[u8; 4], text: &str) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in kind.iter().chain(text.as_bytes()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (hash ^ (hash >> 33)).cast_signed()
}

/// NFKC, lower case, without invisible characters and white space around it.
fn folded(text: &str) -> String {
    let text = normal(&visible(text)).to_lowercase();
    // Lower case of some characters is not normalised.
    normal(&text).trim().to_owned()
}

/// What remains of a text without what differs from system to system.
fn core(text: &str) -> String {
    let text = folded(text);
    let text = unprefixed(&text);
    if let Some(uuid) = uuid(text) {
        return uuid;
    }
    number(local_part(text)).into_owned()
}

/// Unicode's form NFKC.
pub(super) fn normal(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text)
}

/// Without characters that nobody sees: soft hyphens, zero widths, marks of direction, selectors of variants, controls.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    let unseen = |c: char| {
        (c.is_control() && !c.is_whitespace())
            || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
    };
    if text.contains(unseen) { Cow::Owned(text.replace(unseen, "")) } else { Cow::Borrowed(text) }
}

/// `ada` of `auth0|ada`, `CORP\ada`, `f:realm:ada`, `https://issuer/users/ada`.
pub(super) fn unprefixed(text: &str) -> &str {
    match text.rsplit_once(['|', '\\', ':', '/', '#']) {
        Some((_, rest)) if !rest.is_empty() => rest,
        _ => text,
    }
}

/// `ada` of `ada@example.com`.
pub(super) fn local_part(text: &str) -> &str {
    match text.rsplit_once('@') {
        Some((local, _)) if !local.is_empty() => local,
        _ => text,
    }
}

/// A UUID, however it is written, as 32 small hexadecimal digits. One of which up to two digits were lost or doubled is one
/// still: its hyphens are of no more meaning.
pub(super) fn uuid(text: &str) -> Option<String> {
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    if text.len() > 38 {
        return None;
    }
    let digits: String = text.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
    ((30..=34).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then_some(digits)
}

/// `42` of `0042`, `42.0` and `+42`; anything else as it is.
pub(super) fn number(text: &str) -> Cow<'_, str> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let digits = match digits.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => digits,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(text);
    }
    let significant = digits.trim_start_matches('0');
    Cow::Borrowed(if significant.is_empty() { "0" } else { significant })
}

#[cfg(test)]
mod tests {
    use super::super::likeness::distance;
    use super::*;
    use proptest::prelude::*;

    fn meet(stored: &str, presented: &str) -> bool {
        let kept = kept(stored);
        let (equal, near) = asked(presented);
        equal.iter().chain(&near).any(|key| kept.contains(key))
    }

    #[test]
    fn forms_of_one_thing_share_a_key() {
        for (stored, presented) in [
            ("ada", "ADA"),
            ("ada", " ada\u{200b}"),
            ("ada", "auth0|ada"),
            ("CORP\\ada", "ada"),
            ("ada@example.com", "ada"),
            ("ada", "Ada@other.example"),
            ("0042", "42"),
            ("42", "42.0"),
            ("0190A3B4-C5D6-7ABC-8DEF-0123456789AB", "{0190a3b4c5d67abc8def0123456789ab}"),
            ("0190a3b4c5d67abc8def0123456789ab", "urn:uuid:0190a3b4-c5d6-7abc-8def-0123456789ab"),
            ("é", "e\u{301}"),
            ("ＡＤＡ", "ada"),
        ] {
            assert!(meet(stored, presented), "{stored} {presented}");
            assert!(meet(presented, stored), "{presented} {stored}");
        }
        assert!(!meet("ada", "bob"));
        assert!(!meet("ab", "ac"), "two characters are too few for a typing error");
    }

    #[test]
    fn the_keys_of_a_text_are_few() {
        for (text, most) in [
            ("", 1),
            ("ada", 6),
            ("abcdefg", 31),
            ("0190a3b4-c5d6-7abc-8def-0123456789ab", 8),
            ("ada@example.com", 6),
        ] {
            assert!(kept(text).len() <= most, "{text}: {}", kept(text).len());
        }
        let long = "x".repeat(100_000);
        assert_eq!(kept(&long).len(), 1);
        assert!(asked(&long).1.len() < 10);
        let (equal, near) = asked("0190a3b4-c5d6-7abc-8def-0123456789ab");
        assert!(equal.len() <= 2 && near.len() <= 150, "{}", near.len());
    }

    proptest! {
        #[test]
        fn whatever_is_within_two_edits_is_found(
            text in "[a-d0-1é]{3,64}",
            changes in proptest::collection::vec((0..3_u8, any::<prop::sample::Index>(), proptest::char::range('a', 'f')), 0..3),
        ) {
            let mut other: Vec<char> = text.chars().collect();
            for (kind, at, c) in changes {
                match kind {
                    0 => other.insert(at.index(other.len() + 1), c),
                    1 if !other.is_empty() => { other.remove(at.index(other.len())); }
                    _ if !other.is_empty() => { let at = at.index(other.len()); other[at] = c; }
                    _ => {}
                }
            }
            let other: String = other.into_iter().collect();
            let shorter = text.chars().count().min(other.chars().count());
            let (a, b) = (core(&text), core(&other));
            // Numbers lose their zeros, and 32 digits become a UUID: then the cores are what is compared.
            prop_assume!(a == text && b == other && text.chars().count() <= LONGEST);
            if distance(&a, &b, 2).is_some_and(|distance| distance <= edits(shorter)) {
                prop_assert!(meet(&text, &other), "{} {}", text, other);
            }
        }
    }
}
