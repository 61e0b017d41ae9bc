//! From an entry to a person: which attribute is what, in which form keys are written, and who is disabled.

use super::entry::{Entry, filetime, first_value};
use crate::sources::foreign::Person;
use portcullis_model::Timestamp;
use portcullis_model::source::ldap::{Ldap, LdapGroupName, LdapGroups, LdapProduct};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Which attribute is what.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    product: LdapProduct,
    key: String,
    external_id: Option<String>,
    username: String,
    email: String,
    display_name: Vec<String>,
    extra: Vec<(String, String)>,
    email_verified: bool,
    groups: Option<(String, LdapGroupName)>,
}

/// Bits of `userAccountControl` (MS-ADTS §2.2.16).
const ACCOUNT_DISABLE: i64 = 0x2;
/// Groups of one person that are read; more is a mistake, or an attack.
const GROUPS: usize = 1_000;

impl Mapping {
    /// Of a configuration: what it does not say is the product's.
    pub fn of(ldap: &Ldap) -> Self {
        let given = &ldap.attributes;
        let otherwise =
            |given: &Option<String>, product: &str| given.clone().unwrap_or_else(|| product.to_owned());
        let (key, username) = match ldap.product {
            LdapProduct::Openldap => ("entryUUID", "uid"),
            LdapProduct::ActiveDirectory => ("objectGUID", "sAMAccountName"),
            LdapProduct::DirectoryServer389 => ("nsUniqueId", "uid"),
        };
        Self {
            product: ldap.product,
            key: otherwise(&given.key, key),
            external_id: given.external_id.clone(),
            username: otherwise(&given.username, username),
            email: otherwise(&given.email, "mail"),
            display_name: given
                .display_name
                .clone()
                .map_or_else(|| vec!["displayName".to_owned(), "cn".to_owned()], |name| vec![name]),
            extra: given.extra.iter().map(|(ours, theirs)| (ours.clone(), theirs.clone())).collect(),
            email_verified: ldap.email_verified,
            groups: match &ldap.groups {
                Some(LdapGroups::Attribute(by)) => Some((by.attribute.clone(), by.name)),
                Some(LdapGroups::Search(_)) | None => None,
            },
        }
    }

    /// The attributes that are asked for. Operational ones are sent only when they are named (RFC 4511 §4.5.1.8).
    pub fn attributes(&self) -> Vec<String> {
        let mut all = vec![self.key.clone(), self.username.clone(), self.email.clone()];
        all.extend(self.external_id.clone());
        all.extend(self.display_name.iter().cloned());
        all.extend(self.extra.iter().map(|(_, theirs)| theirs.clone()));
        all.extend(self.groups.iter().map(|(attribute, _)| attribute.clone()));
        let state: &[&str] = match self.product {
            LdapProduct::Openldap => &["modifyTimestamp", "pwdAccountLockedTime"],
            LdapProduct::ActiveDirectory => {
                &["whenChanged", "uSNChanged", "userAccountControl", "accountExpires"]
            }
            LdapProduct::DirectoryServer389 => &["modifyTimestamp", "nsAccountLock", "pwdAccountLockedTime"],
        };
        all.extend(state.iter().map(|name| (*name).to_owned()));
        let mut seen = Vec::new();
        all.retain(|name| {
            let name = name.to_ascii_lowercase();
            let new = !seen.contains(&name);
            seen.push(name);
            new
        });
        all
    }

    /// Attributes by which somebody may be looked for: what people are known by. The key last.
    pub fn searched(&self) -> Vec<&str> {
        let mut all = vec![self.username.as_str(), self.email.as_str()];
        all.extend(self.external_id.as_deref());
        all.extend(self.extra.iter().map(|(_, theirs)| theirs.as_str()));
        if self.product == LdapProduct::ActiveDirectory {
            all.push("userPrincipalName");
        }
        all
    }

    /// The key's attribute, and whether its values are the sixteen bytes of a GUID.
    pub fn key(&self) -> (&str, bool) {
        (&self.key, self.is_guid(&self.key))
    }

    /// Whether an attribute holds GUIDs as bytes.
    pub fn is_guid(&self, attribute: &str) -> bool {
        self.product == LdapProduct::ActiveDirectory && attribute.eq_ignore_ascii_case("objectGUID")
    }

    /// The person of an entry, without groups that have to be searched for. The error says what is missing.
    pub fn person(&self, entry: &Entry, now: Timestamp) -> Result<Person, String> {
        let key = if self.is_guid(&self.key) {
            entry
                .values(&self.key)
                .first()
                .and_then(|value| <[u8; 16]>::try_from(value.as_slice()).ok())
                .map(|bytes| Uuid::from_bytes_le(bytes).to_string())
        } else {
            match entry.values(&self.key) {
                [_] => entry.text(&self.key).map(str::to_owned),
                [] => None,
                _ => {
                    return Err(format!(
                        "the entry has several values of `{}`, which is to be its key",
                        self.key
                    ));
                }
            }
        };
        let key = key.ok_or_else(|| {
            format!("the entry has no `{}`, which is to be its key; name another with `attributes.key`, or let `bind_dn` read it", self.key)
        })?;
        let text = |name: &str| entry.text(name).map(str::to_owned);
        let attributes: BTreeMap<String, String> =
            self.extra.iter().filter_map(|(ours, theirs)| Some((ours.clone(), text(theirs)?))).collect();
        let groups = self.groups.as_ref().map(|(attribute, name)| group_names(entry.texts(attribute), *name));
        Ok(Person {
            key,
            external_id: self.external_id.as_deref().and_then(text),
            username: text(&self.username),
            email: text(&self.email),
            email_verified: self.email_verified && entry.text(&self.email).is_some(),
            display_name: self.display_name.iter().find_map(|name| text(name)),
            attributes,
            groups,
            active: self.is_active(entry, now),
            changed: entry.time(match self.product {
                LdapProduct::ActiveDirectory => "whenChanged",
                LdapProduct::Openldap | LdapProduct::DirectoryServer389 => "modifyTimestamp",
            }),
        })
    }

    fn is_active(&self, entry: &Entry, now: Timestamp) -> bool {
        let locked = || !entry.values("pwdAccountLockedTime").is_empty();
        match self.product {
            LdapProduct::Openldap => !locked(),
            LdapProduct::DirectoryServer389 => {
                !locked()
                    && !entry.text("nsAccountLock").is_some_and(|text| text.eq_ignore_ascii_case("true"))
            }
            LdapProduct::ActiveDirectory => {
                // Who may not read the attribute must not take everybody for enabled.
                let enabled =
                    entry.number("userAccountControl").is_some_and(|bits| bits & ACCOUNT_DISABLE == 0);
                let expired = entry.number("accountExpires").and_then(filetime).is_some_and(|at| at <= now);
                enabled && !expired
            }
        }
    }
}

/// Groups by name, each once, in order.
pub(super) fn group_names<'a>(dns: impl Iterator<Item = &'a str>, name: LdapGroupName) -> Vec<String> {
    let mut groups: Vec<String> = dns
        .filter_map(|dn| match name {
            LdapGroupName::Dn => Some(dn.to_owned()),
            LdapGroupName::Rdn => first_value(dn),
        })
        .take(GROUPS)
        .collect();
    groups.sort();
    groups.dedup();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(text: &str) -> Mapping {
        let base = serde_json::json!({ "urls": ["ldaps://a"], "base": "dc=x", "filter": "(uid={subject})" });
        let mut value = base.as_object().unwrap().clone();
        value.extend(serde_json::from_str::<serde_json::Value>(text).unwrap().as_object().unwrap().clone());
        Mapping::of(&serde_json::from_value(value.into()).unwrap())
    }

    fn now() -> Timestamp {
        Timestamp::parse_rfc3339("2026-11-22T00:00:00Z").unwrap()
    }

    #[test]
    fn a_person_of_openldap() {
        let mapping = mapping(
            r#"{ "attributes": { "external_id": "employeeNumber", "extra": { "room": "roomNumber" } },
                 "groups": { "attribute": "memberOf" }, "email_verified": true }"#,
        );
        let mut parts: Vec<(&str, &[u8])> = vec![
            ("entryUUID", b"k-1"),
            ("uid", b"ada"),
            ("mail", b"z@x"),
            ("mail", b"a@x"),
            ("cn", b"Ada L"),
            ("employeeNumber", b"7"),
            ("roomNumber", b"12"),
            ("memberOf", b"cn=dev,ou=groups"),
            ("memberOf", b"cn=ops,ou=groups"),
            ("memberOf", b"cn=dev,ou=elsewhere"),
            ("modifyTimestamp", b"20261121000000Z"),
        ];
        let person = mapping.person(&Entry::of("uid=ada", &parts), now()).unwrap();
        assert_eq!(person.key, "k-1");
        assert_eq!(
            person.email.as_deref(),
            Some("a@x"),
            "the first in order, whatever the server sends first"
        );
        assert!(person.active && person.email_verified);
        assert_eq!(person.display_name.as_deref(), Some("Ada L"));
        assert_eq!(person.external_id.as_deref(), Some("7"));
        assert_eq!(person.attributes["room"], "12");
        assert_eq!(person.groups.unwrap(), ["dev", "ops"]);
        assert!(person.changed.is_some());
        parts.push(("pwdAccountLockedTime", b"000001010000Z"));
        assert!(!mapping.person(&Entry::of("uid=ada", &parts), now()).unwrap().active);
        let keyless = mapping.person(&Entry::of("uid=ada", &[("uid", b"ada")]), now()).unwrap_err();
        assert!(keyless.contains("`entryUUID`"), "{keyless}");
    }

    #[test]
    fn a_person_of_active_directory() {
        let mapping = mapping(r#"{ "product": "active_directory" }"#);
        let id = Uuid::parse_str("00112233-4455-6677-8899-aabbccddeeff").unwrap();
        let bytes = id.to_bytes_le();
        let person = |more: &[(&str, &[u8])]| {
            let mut parts: Vec<(&str, &[u8])> = vec![("objectGUID", &bytes), ("sAMAccountName", b"ada")];
            parts.extend(more);
            mapping.person(&Entry::of("cn=ada", &parts), now()).unwrap()
        };
        let ada = person(&[("userAccountControl", b"512")]);
        assert_eq!((ada.key.as_str(), ada.active), ("00112233-4455-6677-8899-aabbccddeeff", true));
        assert!(!person(&[("userAccountControl", b"514")]).active);
        assert!(!person(&[]).active, "what cannot be read is not taken for enabled");
        let expires =
            |at: &'static [u8]| person(&[("userAccountControl", b"512"), ("accountExpires", at)]).active;
        assert!(expires(b"0") && expires(b"9223372036854775807") && expires(b"140000000000000000"));
        assert!(!expires(b"132000000000000000"));
    }

    #[test]
    fn a_person_of_389() {
        let mapping = mapping(r#"{ "product": "389ds" }"#);
        let person = |lock: &'static [u8]| {
            let entry = Entry::of("uid=ada", &[("nsUniqueId", b"k"), ("nsAccountLock", lock)]);
            mapping.person(&entry, now()).unwrap().active
        };
        assert!(person(b"false") && !person(b"TRUE"));
    }
}
