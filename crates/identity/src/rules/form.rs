//! What subjects of an issuer look like: whatever looks otherwise is nobody's, and nobody is asked about it.

use portcullis_model::issuer::SubjectForm;
use regex::{Regex, RegexBuilder};
use std::fmt;

/// What a compiled expression may take up: patterns of ids need a few kilobytes, and an issuer's rule is kept for good.
const MOST_COMPILED: usize = 1 << 20;

/// A form, prepared. Matching takes time in proportion to the text, whatever the pattern.
#[derive(Clone, Debug)]
pub(super) enum Form {
    Uuid,
    Digits,
    /// As it was written, and as it is matched: from the beginning to the end.
    Pattern(String, Regex),
}

impl Form {
    /// Prepares a form; the error says what is wrong with its expression.
    pub fn compile(form: &SubjectForm) -> Result<Self, String> {
        Ok(match form {
            SubjectForm::Uuid => Self::Uuid,
            SubjectForm::Digits => Self::Digits,
            SubjectForm::Pattern(text) if text.is_empty() => {
                return Err("the pattern is empty; leave `form` out for anything".to_owned());
            }
            SubjectForm::Pattern(text) => {
                // Compiled by itself first: `a)|(b` must not become two expressions.
                let of = |text: &str| RegexBuilder::new(text).size_limit(MOST_COMPILED).build();
                let whole = of(text).and_then(|_| of(&format!(r"\A(?:{text})\z")));
                let whole = whole.map_err(|error| format!("the pattern cannot be used: {error}"))?;
                Self::Pattern(text.clone(), whole)
            }
        })
    }

    pub fn fits(&self, value: &str) -> bool {
        match self {
            Self::Uuid => value.len() == 36 && uuid::Uuid::try_parse(value).is_ok(),
            Self::Digits => value.bytes().all(|byte| byte.is_ascii_digit()),
            Self::Pattern(_, whole) => whole.is_match(value),
        }
    }
}

impl PartialEq for Form {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Uuid, Self::Uuid) | (Self::Digits, Self::Digits) => true,
            (Self::Pattern(one, _), Self::Pattern(other, _)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Form {}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid => f.write_str("UUIDs"),
            Self::Digits => f.write_str("digits"),
            Self::Pattern(text, _) => write!(f, "what matches `{text}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_value_has_the_form() {
        let pattern = |text: &str| SubjectForm::Pattern(text.to_owned());
        for (form, fits, others) in [
            (
                SubjectForm::Uuid,
                &["0199f0c2-7f00-7000-8000-00000000dead", "0199F0C2-7F00-7000-8000-00000000DEAD"][..],
                &["", "0199f0c27f0070008000000000000dead", "{0199f0c2-7f00-7000-8000-00000000dead}", "ada"][..],
            ),
            (SubjectForm::Digits, &["0", "0042"], &["4.2", "-1", " 1", "\u{661}"]),
            (
                pattern(r"auth0\|[0-9a-f]{4}"),
                &["auth0|00ff"],
                &["auth0|00ff0", "xauth0|00ff", "auth0|00ff\n", "google|00ff"],
            ),
            (pattern("a|b"), &["a", "b"], &["ab", "ax", "xb"]),
        ] {
            let form = Form::compile(&form).unwrap();
            assert!(fits.iter().all(|value| form.fits(value)), "{form}");
            for other in others {
                assert!(!form.fits(other), "{form}: {other:?}");
            }
        }
    }

    #[test]
    fn what_does_not_stand_by_itself_is_no_pattern() {
        for text in ["(", "a)|(b", "[", "(?<name>", ""] {
            Form::compile(&SubjectForm::Pattern(text.to_owned())).unwrap_err();
        }
    }
}
