//! An LDAP or Active Directory server as a source of users, as the configuration file writes it.

use crate::SecretRef;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use url::Url;

/// Where people are in an LDAP directory, and what of them is ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ldap {
    /// Servers that hold the same directory, tried in order: `ldaps://host`, or `ldap://host` with `start_tls`. Plain `ldap://` only on this machine, or with `allow_plain`.
    pub urls: Vec<Url>,
    /// Turn a connection to `ldap://` into TLS before anything is sent on it (RFC 4511 §4.14). A server that cannot is not used.
    #[serde(default)]
    pub start_tls: bool,
    /// Send the bind password and people's data unencrypted to other machines.
    #[serde(default)]
    pub allow_plain: bool,
    /// PEM certificates to trust instead of the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// PEM client certificate, with `client_key_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate_file: Option<PathBuf>,
    /// PEM private key of the client certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key_file: Option<PathBuf>,
    /// Which product it is: sets what people's attributes are called, how one is disabled, and how changes are found.
    #[serde(default)]
    pub product: LdapProduct,
    /// As whom we read: a DN, or in Active Directory `user@domain`. Without it nothing is sent as a name (anonymous).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind_dn: Option<String>,
    /// The password of `bind_dn`. An empty one is never sent: servers take it for an anonymous bind (RFC 4513 §5.1.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// Below which entry people are.
    pub base: String,
    /// How far below.
    #[serde(default)]
    pub scope: LdapScope,
    /// Who is meant by a subject, as `(&(objectClass=person)(uid={subject}))` (RFC 4515). Places: `{subject}`, `{issuer}`, `{tenant}`, and `{subject_guid}` for Active Directory's binary `objectGUID`. Values are escaped.
    pub filter: String,
    /// Whether the attribute that `{subject}` is compared with must hold it byte for byte. Directories compare most attributes without regard to case and spaces; without this, so do we.
    #[serde(default = "yes")]
    pub exact: bool,
    /// Who is a person at all, for synchronisation.
    #[serde(default = "people")]
    pub people: String,
    /// What the fields of a user are called there; what is not given is the product's.
    #[serde(default)]
    pub attributes: LdapAttributes,
    /// Whether addresses there have been verified.
    #[serde(default)]
    pub email_verified: bool,
    /// Where groups are found; without it none are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<LdapGroups>,
    /// Connections at most. Default 4.
    #[serde(default = "connections")]
    pub connections: u32,
    /// Entries of one page when all people are read (RFC 2696). Default 500.
    #[serde(default = "page_size")]
    pub page_size: u32,
}

fn yes() -> bool {
    true
}

fn people() -> String {
    "(objectClass=person)".to_owned()
}

fn connections() -> u32 {
    4
}

fn page_size() -> u32 {
    500
}

/// Directory servers that differ in what things are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LdapProduct {
    /// OpenLDAP and others after RFC 4512 and RFC 4530: `entryUUID`, `modifyTimestamp`, `pwdAccountLockedTime`.
    #[default]
    Openldap,
    /// Active Directory and Samba: `objectGUID`, `uSNChanged`, `userAccountControl`, `accountExpires`.
    ActiveDirectory,
    /// 389 Directory Server and FreeIPA: `nsUniqueId`, `modifyTimestamp`, `nsAccountLock`.
    #[serde(rename = "389ds")]
    DirectoryServer389,
}

/// How far below the base people are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LdapScope {
    /// Anywhere.
    #[default]
    Subtree,
    /// Directly below.
    One,
}

/// The names of attributes. Of one with several values the first in the order of the alphabet is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LdapAttributes {
    /// What stays when everything else of a person changes. Default `entryUUID`, `objectGUID`, `nsUniqueId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The id that other systems know the person by. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The log-in name. Default `uid`, or `sAMAccountName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The address. Default `mail`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// For people to read. Default `displayName`, then `cn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Attributes of the user ← attributes there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, String>,
}

/// How a person's groups are found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum LdapGroups {
    /// By a search.
    Search(LdapGroupSearch),
    /// In an attribute of the person's entry that holds DNs.
    Attribute(LdapGroupAttribute),
}

/// Groups that the person's own entry names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LdapGroupAttribute {
    /// The attribute, as `memberOf`.
    pub attribute: String,
    /// Which part of a group's DN is its name.
    #[serde(default)]
    pub name: LdapGroupName,
}

/// Groups whose entries name the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LdapGroupSearch {
    /// Below which entry groups are.
    pub base: String,
    /// Those of a person, as `(&(objectClass=groupOfNames)(member={dn}))`. Places: `{dn}`, `{username}`. In Active Directory `(member:1.2.840.113556.1.4.1941:={dn})` finds nested groups as well.
    pub filter: String,
    /// Which part of a group's DN is its name.
    #[serde(default)]
    pub name: LdapGroupName,
}

/// What a group is called here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LdapGroupName {
    /// The value of the first part of its DN: `developers` of `cn=developers,ou=groups,…`.
    #[default]
    Rdn,
    /// The whole DN.
    Dn,
}
