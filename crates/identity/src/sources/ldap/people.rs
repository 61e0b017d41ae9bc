//! What is asked of a directory: everybody, those near a text, those of a filter, and a person's groups.

use super::connection::Search;
use super::entry::Entry;
use super::filter::{Template, escape, guid};
use super::mapping::{Mapping, group_names};
use crate::sources::foreign::Person;
use ldap3::Scope;
use portcullis_model::source::ldap::{LdapGroupName, LdapProduct};
use std::time::Duration;

/// Where people are, and what of them is read.
pub(super) struct People {
    pub mapping: Mapping,
    pub attributes: Vec<String>,
    pub base: String,
    pub scope: Scope,
    /// The filter that everybody matches.
    pub everybody: String,
    pub product: LdapProduct,
    /// Where groups are searched, how, and what they are called.
    pub groups: Option<(String, Template, LdapGroupName)>,
}

/// Groups of one person that are read.
const GROUPS: usize = 1_000;
/// Nothing but names is wanted (RFC 4511 §4.5.1.8).
const NO_ATTRIBUTES: &str = "1.1";

impl People {
    /// A search of people.
    pub fn below<'a>(&'a self, filter: &'a str, limit: usize, patience: Duration) -> Search<'a> {
        Search { base: &self.base, scope: self.scope, filter, attributes: &self.attributes, limit, patience }
    }

    /// Whoever is known by one of these texts, whatever it is. Nothing when there are none.
    pub fn near<'f>(&self, forms: impl Iterator<Item = &'f str>) -> Option<String> {
        let mut alternatives = String::new();
        for form in forms.filter(|form| !form.is_empty() && !form.contains('\0')) {
            let value = escape(form.as_bytes());
            for attribute in self.mapping.searched() {
                alternatives.push_str(&format!("({attribute}={value})"));
            }
            match (self.mapping.key(), guid(form)) {
                ((key, true), Some(bytes)) => alternatives.push_str(&format!("({key}={})", escape(&bytes))),
                ((_, true), None) => {}
                ((key, false), _) => alternatives.push_str(&format!("({key}={value})")),
            }
        }
        (!alternatives.is_empty()).then(|| format!("(&{}(|{alternatives}))", self.everybody))
    }

    /// The filter of the entry with this key. Nothing when it cannot be anybody's.
    pub fn of_key(&self, key: &str) -> Option<String> {
        let (attribute, is_guid) = self.mapping.key();
        let value = match is_guid {
            true => escape(&guid(key)?),
            false => escape(key.as_bytes()),
        };
        (!key.is_empty() && !key.contains('\0')).then(|| format!("({attribute}={value})"))
    }

    /// The filter and the rest of the search for a person's groups; nothing when its entry names them, or nobody does.
    pub fn groups_of<'a>(&'a self, entry: &Entry, person: &Person) -> Option<(String, Search<'a>)> {
        const NONE: &[String] = &[];
        let (base, template, _) = self.groups.as_ref()?;
        let filter = template.fill(|place| match place {
            "dn" => Some(escape(entry.dn.as_bytes())),
            _ => person.username.as_ref().map(|name| escape(name.as_bytes())),
        })?;
        let search = Search {
            base,
            scope: Scope::Subtree,
            filter: "",
            attributes: NONE,
            limit: GROUPS,
            patience: Duration::from_secs(10),
        };
        Some((filter, search))
    }

    /// Names the groups that were found.
    pub fn name_groups(&self, found: &[Entry], person: &mut Person) {
        if let Some((_, _, name)) = &self.groups {
            person.groups = Some(group_names(found.iter().map(|entry| entry.dn.as_str()), *name));
        }
    }

    /// What is asked for where only names are wanted.
    pub fn names_only() -> Vec<String> {
        vec![NO_ATTRIBUTES.to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_model::source::ldap::Ldap;

    fn people(product: &str) -> People {
        let text = format!(
            r#"{{ "urls": ["ldaps://a"], "base": "dc=x", "filter": "(uid={{subject}})", "product": "{product}",
                  "attributes": {{ "external_id": "employeeNumber" }} }}"#
        );
        let ldap: Ldap = serde_json::from_str(&text).unwrap();
        let mapping = Mapping::of(&ldap);
        People {
            attributes: mapping.attributes(),
            mapping,
            base: ldap.base,
            scope: Scope::Subtree,
            everybody: ldap.people,
            product: ldap.product,
            groups: None,
        }
    }

    #[test]
    fn a_key_is_a_value_whatever_it_is() {
        let people_of = people("openldap");
        let filter = people_of.of_key("*)(uid=*").unwrap();
        assert_eq!(filter, "(entryUUID=\\2a\\29\\28uid=\\2a)");
        assert!(ldap3::parse_filter(&filter).is_ok());
        assert!(people_of.of_key("").is_none() && people_of.of_key("a\0").is_none());
        // What is no GUID is no object's, and asks nobody.
        let guids = people("active_directory");
        assert!(guids.of_key("*").is_none());
        assert!(guids.of_key("00112233-4455-6677-8899-aabbccddeeff").is_some());
    }

    #[test]
    fn near_misses_are_exact_filters_of_everything_somebody_is_known_by() {
        let people_of = people("openldap");
        let filter = people_of.near(["ada@x", "*)(uid=*"].into_iter()).unwrap();
        assert_eq!(
            filter,
            "(&(objectClass=person)(|(uid=ada@x)(mail=ada@x)(employeeNumber=ada@x)(entryUUID=ada@x)\
             (uid=\\2a\\29\\28uid=\\2a)(mail=\\2a\\29\\28uid=\\2a)(employeeNumber=\\2a\\29\\28uid=\\2a)(entryUUID=\\2a\\29\\28uid=\\2a)))"
        );
        assert!(ldap3::parse_filter(&filter).is_ok());
        assert_eq!(people_of.near(["", "a\0"].into_iter()), None);
        let guids =
            people("active_directory").near(["00112233-4455-6677-8899-aabbccddeeff"].into_iter()).unwrap();
        assert!(guids.contains("(objectGUID=3\\22\\11\\00UDwf\\88"), "{guids}");
        assert!(guids.contains("(userPrincipalName="), "{guids}");
    }
}
