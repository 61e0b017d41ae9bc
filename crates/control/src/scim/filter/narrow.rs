//! What the database can be asked of a filter: the values that an indexed attribute must have for the filter to hold.

use super::{Matcher, Op};
use serde_json::Value;

/// Values without which a filter does not hold; each is what the attribute must be equal to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrow {
    /// `id`.
    pub id: Option<String>,
    /// `userName`.
    pub user_name: Option<String>,
    /// `externalId`.
    pub external_id: Option<String>,
    /// `active`.
    pub active: Option<bool>,
    /// `displayName`.
    pub display_name: Option<String>,
    /// `members`.
    pub member: Option<String>,
    /// Whether this is all that the filter asks.
    pub whole: bool,
}

impl Narrow {
    /// What is known of a filter.
    pub fn of(matcher: &Matcher) -> Self {
        let mut narrow = Self { whole: true, ..Self::default() };
        narrow.take(matcher);
        narrow
    }

    fn take(&mut self, matcher: &Matcher) {
        match matcher {
            Matcher::And(parts) => parts.iter().for_each(|part| self.take(part)),
            Matcher::Compare { place, op: Op::Eq, value } if place.extension.is_none() => {
                let sub = place.sub.map(|sub| sub.name);
                let slot = match (place.attribute.name, sub) {
                    ("id", None) => &mut self.id,
                    ("userName", None) => &mut self.user_name,
                    ("externalId", None) => &mut self.external_id,
                    ("displayName", None) => &mut self.display_name,
                    ("members", None | Some("value")) => &mut self.member,
                    ("active", None) => {
                        let wanted = super::matcher::truth(value);
                        self.whole &= wanted.is_some() && self.active.is_none();
                        self.active = self.active.or(wanted);
                        return;
                    }
                    _ => {
                        self.whole = false;
                        return;
                    }
                };
                match value {
                    // The database folds ASCII letters only; other texts are compared here.
                    Value::String(text) if slot.is_none() && (text.is_ascii() || place.attribute.exact) => {
                        *slot = Some(text.clone());
                    }
                    _ => self.whole = false,
                }
            }
            _ => self.whole = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::filter::parse;
    use crate::scim::schema::{GROUP, USER};

    fn narrow(text: &str) -> Narrow {
        Narrow::of(&Matcher::of(&parse(text).unwrap(), &USER).unwrap())
    }

    #[test]
    fn only_what_must_hold_is_asked() {
        let found = narrow("userName eq \"Ada\" and (externalId eq \"7\" and active eq true)");
        assert_eq!((found.user_name.as_deref(), found.external_id.as_deref()), (Some("Ada"), Some("7")));
        assert_eq!((found.active, found.whole), (Some(true), true));
        let found = narrow("userName eq \"ada\" and title pr");
        assert_eq!((found.user_name.as_deref(), found.whole), (Some("ada"), false));
        for open in [
            "userName eq \"ada\" or title pr",
            "not (userName eq \"ada\")",
            "userName ne \"ada\"",
            "userName co \"ada\"",
            "userName eq \"Ädä\"",
            "userName eq null",
            "name.givenName eq \"ada\"",
        ] {
            assert_eq!(narrow(open), Narrow::default(), "{open}");
        }
        // Both cannot be asked; the second is compared afterwards.
        let twice = narrow("userName eq \"a\" and userName eq \"b\"");
        assert_eq!((twice.user_name.as_deref(), twice.whole), (Some("a"), false));
        let filter = parse("id eq \"1\" and members eq \"2\"").unwrap();
        let of_group = Narrow::of(&Matcher::of(&filter, &GROUP).unwrap());
        assert_eq!((of_group.id.as_deref(), of_group.member.as_deref()), (Some("1"), Some("2")));
    }
}
