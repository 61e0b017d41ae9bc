//! How two texts that are not the same differ, in the words that tell somebody what to do about it.

use super::forms::{LONGEST, edits, local_part, normal, number, unprefixed, uuid, visible};
use serde::Serialize;

/// How a text that is presented differs from one that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Characters that nobody sees, as a zero-width space.
    Invisible,
    /// Another Unicode form of the same text, as a letter with a combining accent, or full-width letters.
    UnicodeForm,
    /// White space around it.
    WhiteSpace,
    /// Capital and small letters.
    Case,
    /// A prefix that one has and the other has not, or another one: `auth0|`, `CORP\`.
    Prefix,
    /// One is an e-mail address and the other what stands before its `@`.
    LocalPart,
    /// Addresses of two domains.
    Domain,
    /// One UUID, written in two ways.
    UuidForm,
    /// One number, written in two ways: leading zeros, `.0`.
    NumberForm,
    /// So many characters ([`Likeness::distance`]) that are others, missing or too many.
    Edits,
}

impl Difference {
    /// As shown, and as serialised.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invisible => "invisible",
            Self::UnicodeForm => "unicode_form",
            Self::WhiteSpace => "white_space",
            Self::Case => "case",
            Self::Prefix => "prefix",
            Self::LocalPart => "local_part",
            Self::Domain => "domain",
            Self::UuidForm => "uuid_form",
            Self::NumberForm => "number_form",
            Self::Edits => "edits",
        }
    }
}

/// How alike two texts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likeness {
    /// All that has to be overlooked for them to be the same; none when they are.
    pub differences: Vec<Difference>,
    /// Characters that remain different then: 0, 1 or 2 (Levenshtein).
    pub distance: u8,
}

/// How `presented` differs from `stored`; `None` when they have nothing to do with each other.
pub fn compare(presented: &str, stored: &str) -> Option<Likeness> {
    if presented == stored {
        return Some(Likeness { differences: Vec::new(), distance: 0 });
    }
    let mut steps: Vec<Step> = STEPS.to_vec();
    let (one, other) = (through(&steps, presented), through(&steps, stored));
    let least = nearness(&one, &other)?;
    // Whatever is not needed to get so near is not a difference. The most drastic is tried first.
    for n in (0..STEPS.len()).rev() {
        let mut without = steps.clone();
        without.retain(|step| step.number != n);
        let apart = nearness(&through(&without, presented), &through(&without, stored));
        if apart.is_some_and(|apart| apart <= least) {
            steps = without;
        }
    }
    let both_addresses = [presented, stored].iter().all(|text| text.contains('@'));
    let mut differences: Vec<Difference> = steps
        .iter()
        .map(|step| match step.overlooks {
            Difference::LocalPart if both_addresses => Difference::Domain,
            difference => difference,
        })
        .collect();
    if least > 0 {
        differences.push(Difference::Edits);
    }
    Some(Likeness { differences, distance: u8::try_from(least).unwrap_or(u8::MAX) })
}

/// One way to look at a text more generously.
#[derive(Clone, Copy)]
struct Step {
    number: usize,
    overlooks: Difference,
    apply: fn(&str) -> String,
}

/// In the order in which they are applied, mild ones first.
const STEPS: [Step; 8] = [
    Step { number: 0, overlooks: Difference::Invisible, apply: |text| visible(text).into_owned() },
    Step { number: 1, overlooks: Difference::WhiteSpace, apply: |text| text.trim().to_owned() },
    Step { number: 2, overlooks: Difference::UnicodeForm, apply: |text| normal(text).into_owned() },
    Step { number: 3, overlooks: Difference::Case, apply: str::to_lowercase },
    Step { number: 4, overlooks: Difference::Prefix, apply: |text| unprefixed(text).to_owned() },
    Step {
        number: 5,
        overlooks: Difference::UuidForm,
        apply: |text| uuid(text).unwrap_or_else(|| text.to_owned()),
    },
    Step { number: 6, overlooks: Difference::LocalPart, apply: |text| local_part(text).to_owned() },
    Step { number: 7, overlooks: Difference::NumberForm, apply: |text| number(text).into_owned() },
];

fn through(steps: &[Step], text: &str) -> String {
    steps.iter().fold(text.to_owned(), |text, step| (step.apply)(&text))
}

/// The distance, when it is small enough for the texts to be near each other.
fn nearness(one: &str, other: &str) -> Option<usize> {
    if one == other {
        return Some(0);
    }
    let (a, b) = (one.chars().count(), other.chars().count());
    if a > LONGEST + 2 || b > LONGEST + 2 || a.min(b) > LONGEST {
        return None;
    }
    distance(one, other, edits(a.min(b)))
}

/// The Levenshtein distance, when it is at most `most`.
pub(super) fn distance(one: &str, other: &str, most: usize) -> Option<usize> {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > most {
        return None;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        let mut least = row[0];
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
            least = least.min(row[j + 1]);
        }
        if least > most {
            return None;
        }
    }
    row.last().copied().filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Difference::{
        Case, Domain, Edits, Invisible, LocalPart, NumberForm, Prefix, UnicodeForm, UuidForm, WhiteSpace,
    };

    #[test]
    fn only_what_is_needed_is_a_difference() {
        for (presented, stored, differences, distance) in [
            ("ada", "ada", vec![], 0),
            ("Ada", "ada", vec![Case], 0),
            ("ada ", "ada", vec![WhiteSpace], 0),
            ("a\u{200b}da", "ada", vec![Invisible], 0),
            ("e\u{301}va", "éva", vec![UnicodeForm], 0),
            ("auth0|ada", "ada", vec![Prefix], 0),
            ("auth0|ada", "google-oauth2|ada", vec![Prefix], 0),
            ("auth0|ada", "auth0|Ada", vec![Case], 0),
            ("CORP\\Ada", "ada", vec![Case, Prefix], 0),
            ("ada@example.com", "ada", vec![LocalPart], 0),
            ("ada@example.com", "ada@example.org", vec![Domain], 0),
            ("0042", "42", vec![NumberForm], 0),
            ("42.0", "42", vec![NumberForm], 0),
            (
                "0190A3B4C5D67ABC8DEF0123456789AB",
                "0190a3b4-c5d6-7abc-8def-0123456789ab",
                vec![Case, UuidForm],
                0,
            ),
            ("ada.lovelace", "ada.lovelaec", vec![Edits], 2),
            ("ada.lovelace", "ada.lovelac", vec![Edits], 1),
            ("Grace", "grape", vec![Case, Edits], 1),
        ] {
            let likeness = compare(presented, stored).unwrap_or_else(|| panic!("{presented} {stored}"));
            // A UUID's digits are made small by its own step.
            let said: Vec<Difference> = likeness
                .differences
                .into_iter()
                .filter(|d| !(differences.contains(&UuidForm) && *d == Case))
                .collect();
            let wanted: Vec<Difference> = differences
                .iter()
                .copied()
                .filter(|d| !(differences.contains(&UuidForm) && *d == Case))
                .collect();
            assert_eq!((said, likeness.distance), (wanted, distance), "{presented} {stored}");
        }
        for (presented, stored) in
            [("ada", "bob"), ("ab", "ac"), ("ada.lovelace", "adi.lovelyse"), ("", "ada")]
        {
            assert_eq!(compare(presented, stored), None, "{presented} {stored}");
        }
    }

    #[test]
    fn long_texts_are_compared_for_equality_only() {
        let long = "x".repeat(1_000);
        assert_eq!(compare(&long.to_uppercase(), &long).unwrap().differences, [Case]);
        assert_eq!(compare(&format!("{long}y"), &long), None);
    }
}
