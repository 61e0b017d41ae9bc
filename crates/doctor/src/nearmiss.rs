//! A near miss as a cause: what an identifier that a subject may have been meant for has to do with it. The search and the
//! comparison are the directory's ([`portcullis_identity::directory::NearMiss`]).

use crate::cause::{self, Cause};
use portcullis_identity::directory::NearMiss;
use portcullis_store::entity::identifiers::Field;
use portcullis_store::near::{Difference, compare};

/// The code for what has to be overlooked; the first difference names it.
pub fn code(differences: &[Difference], distance: u8) -> Cause {
    if distance > 0 {
        return cause::SUBJECT_MISSPELT;
    }
    match differences.first() {
        Some(Difference::Invisible) => cause::SUBJECT_HAS_INVISIBLE_CHARACTERS,
        Some(Difference::UnicodeForm) => cause::SUBJECT_IN_OTHER_UNICODE_FORM,
        Some(Difference::WhiteSpace) => cause::SUBJECT_HAS_WHITE_SPACE,
        Some(Difference::Case) => cause::SUBJECT_DIFFERS_IN_CASE,
        Some(Difference::UuidForm) => cause::SUBJECT_IN_OTHER_UUID_FORM,
        Some(Difference::NumberForm) => cause::SUBJECT_IN_OTHER_NUMBER_FORM,
        Some(Difference::Prefix) => cause::SUBJECT_HAS_PREFIX,
        Some(Difference::LocalPart) => cause::SUBJECT_IS_LOCAL_PART,
        Some(Difference::Domain) => cause::SUBJECT_IN_OTHER_DOMAIN,
        // They are the same, which is told otherwise.
        None | Some(Difference::Edits) => cause::SUBJECT_MISSPELT,
    }
}

/// In words.
pub fn describe(differences: &[Difference], distance: u8) -> String {
    let words = |difference: &Difference| {
        Some(match difference {
            Difference::Invisible => "characters that cannot be seen",
            Difference::UnicodeForm => "their Unicode form",
            Difference::WhiteSpace => "white space",
            Difference::Case => "upper and lower case",
            Difference::Prefix => "a prefix",
            Difference::LocalPart => "the domain of an address, which one has and the other has not",
            Difference::Domain => "the domains of two addresses",
            Difference::UuidForm => "the spelling of a UUID",
            Difference::NumberForm => "the spelling of a number",
            // Said with how many.
            Difference::Edits => return None,
        })
    };
    let mut all: Vec<String> = differences.iter().filter_map(words).map(str::to_owned).collect();
    match distance {
        0 => {}
        1 => all.push("one character".to_owned()),
        edits => all.push(format!("{edits} characters")),
    }
    if all.is_empty() {
        "they are the same".to_owned()
    } else {
        format!("they differ in {}", all.join(" and "))
    }
}

/// The step of normalisation that would make the two the same, where one does.
pub fn step(differences: &[Difference], distance: u8) -> Option<&'static str> {
    match (differences, distance) {
        ([Difference::WhiteSpace], 0) => Some("trim"),
        ([Difference::Case], 0) => Some("lowercase"),
        _ => None,
    }
}

/// The one small way in which two configured texts differ; nothing when they are the same or unlike.
pub fn only(a: &str, b: &str) -> Option<(Option<Difference>, u8)> {
    let likeness = compare(a, b)?;
    match (likeness.differences.as_slice(), likeness.distance) {
        ([one], 0) => Some((Some(*one), 0)),
        ([Difference::Edits], distance) => Some((None, distance)),
        _ => None,
    }
}

/// What the identifier is, as evidence says it.
pub fn identifier(near: &NearMiss) -> String {
    let what = match (&near.identifier.field, &near.identifier.issuer) {
        (Field::Id, _) => "our id".to_owned(),
        (Field::Identity, Some(issuer)) => format!("the subject of issuer `{issuer}`"),
        (Field::Identity, None) => "a linked subject".to_owned(),
        (Field::ExternalId, _) => "the external id".to_owned(),
        (Field::Username, _) => "the user name".to_owned(),
        (Field::Email, _) => "the e-mail address".to_owned(),
        (Field::DisplayName, _) => "the name for people".to_owned(),
        (Field::Attribute(name), _) => format!("the attribute `{name}`"),
    };
    if near.identifier.until.is_some() { format!("a former value of {what}") } else { what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_difference_names_the_cause() {
        for (presented, stored, want) in [
            (" lovelace\n", "lovelace", "subject_has_white_space"),
            ("Lovelace", "lovelace", "subject_differs_in_case"),
            ("love\u{200b}lace", "lovelace", "subject_has_invisible_characters"),
            ("jose\u{301}phine", "jos\u{e9}phine", "subject_in_other_unicode_form"),
            ("auth0|lovelace", "lovelace", "subject_has_prefix"),
            ("lovelave", "lovelace", "subject_misspelt"),
        ] {
            let likeness = compare(presented, stored).unwrap_or_else(|| panic!("{presented:?}"));
            assert_eq!(code(&likeness.differences, likeness.distance).as_str(), want, "{presented:?}");
            assert!(describe(&likeness.differences, likeness.distance).contains("differ"));
        }
        assert_eq!(only("a-name", "A-NAME"), Some((Some(Difference::Case), 0)));
        assert_eq!(only("a-name", "a-name"), None);
    }
}
