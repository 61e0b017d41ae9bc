//! User sources: directories of other systems that subjects are looked up in. What a source says of a person is mirrored
//! in a user of our own directory.

pub mod ldap;
pub mod query;
mod sync;

pub use ldap::Ldap;
pub use sync::Sync;

use crate::issuer::Egress;
use crate::{Name, SecretRef, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use url::Url;

/// A user source as the configuration file writes it. Of what kind it is says which one of `sql`, `http` and `ldap` is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Unique name; part of what is known of its people in the directory, so it is not changed lightly.
    pub name: Name,
    /// The tenant whose users its people are.
    pub tenant: Name,
    /// Time for one look-up, its replica and its primary together; a longer one is refused with a 503, never as an unknown user.
    #[serde(default = "half_a_second")]
    pub timeout: Span,
    /// Look-ups that may wait; more are refused with a 503.
    #[serde(default = "thousand")]
    #[schemars(range(min = 1))]
    pub queue: u32,
    /// How long an active user is believed without asking again. Default: `resolution.positive_ttl`. What changes in the source takes effect after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive_ttl: Option<Span>,
    /// How long any other answer is believed. Default: `resolution.negative_ttl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_ttl: Option<Span>,
    /// While the source cannot be asked: how long after `positive_ttl` an active user is still believed.
    #[serde(default)]
    pub stale: Span,
    /// When to stop asking a source that fails.
    #[serde(default)]
    pub breaker: Breaker,
    /// An SQL database (PostgreSQL).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<SqlSource>,
    /// A service that answers about one person at a time with JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSource>,
    /// An LDAP or Active Directory server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ldap: Option<Ldap>,
    /// When its people are brought into the directory before they are asked for, and those who are gone taken out. Without it people come in with their first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<Sync>,
}

fn half_a_second() -> Span {
    Span::millis(500)
}

fn thousand() -> u32 {
    1_000
}

/// When to stop asking what fails, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Breaker {
    /// Failures in a row after which nothing is asked for a while.
    #[schemars(range(min = 1))]
    pub failures: u32,
    /// For how long; then one look-up is tried.
    pub open: Span,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, open: Span::seconds(5) }
    }
}

/// People in a table of a PostgreSQL database. Nothing is ever written there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlSource {
    /// Where the URL of the database is (`postgres://reader:password@db.example.com/hr?sslmode=verify-full`): the truth, asked before anybody is told that they do not exist.
    pub primary: SecretRef,
    /// Where the URL of a read replica is, which is asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<SecretRef>,
    /// One `SELECT` that finds a person by `:subject`; `:issuer` and `:tenant` are there too. They are bound as text, never spliced in: write `:subject::uuid` for a column of another type.
    pub query: String,
    /// One `SELECT` that finds a person by `:key`, as `WHERE id = :key::uuid`, with the columns of `query`. It is asked when `query` finds somebody no longer: who is still there under this key was renamed, who is not is gone, and is suspended. Without it nobody is suspended because `query` finds them no longer; their tokens are refused all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_key: Option<String>,
    /// One `SELECT` that finds people any of whose identifiers is in the list `:forms`, as `WHERE lower(email) = ANY(:forms)`; for the doctor's near misses. Default: `query`, asked with each form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<String>,
    /// One `SELECT` of the people changed since `:since` (null: all of them), with keys after `:after` (null: from the beginning), ordered by key, at most `:limit`; for synchronisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<String>,
    /// What the query's columns are: field ← column. Fields are `key` (which never changes and is never given to another), `external_id`, `username`, `email`, `email_verified`, `display_name`, `active`, `groups`, `changed_at` and `attributes.<name>`; a column that is called like a field need not be named here.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// Connections at most, to each of the two.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 100))]
    pub pool: u32,
}

fn four() -> u32 {
    4
}

/// A service that is asked about one person at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSource {
    /// Where to ask: `https://people.example.com/v1/users`. `http` only on this machine.
    pub url: Url,
    /// How to ask.
    #[serde(default)]
    pub method: HttpMethod,
    /// Segments appended to the path of `url`, each percent-encoded as one: `["by-login", "{subject}"]`. `{subject}`, `{issuer}` and `{tenant}` are filled in.
    #[serde(default)]
    pub path: Vec<String>,
    /// Parameters of the URL's query, percent-encoded: `{ login = "{subject}" }`.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// For `POST`: members of the JSON object that is sent: `{ login = "{subject}" }`.
    #[serde(default)]
    pub body: BTreeMap<String, String>,
    /// How a person is asked for by the key, at the same `url`: `{ path = ["{key}"] }`. It is asked when the question above finds somebody no longer: who is still there under this key was renamed, who is not is gone, and is suspended. Without it nobody is suspended because the service finds them no longer; their tokens are refused all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_key: Option<HttpByKey>,
    /// Headers added to every request. No credentials: see `credential`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Our credential there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<SecretRef>,
    /// The header that carries it, as it is. Default: `Authorization: Bearer …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_header: Option<String>,
    /// Where people are in the answer, as a JSON pointer (RFC 6901) to an object or to a list of objects. Default: the whole of it. Null or an empty list there means that there is nobody, and so does status 404.
    #[serde(default)]
    pub people: String,
    /// The person's fields: field ← JSON pointer within the person. Fields are `key` (required), `external_id`, `username`, `email`, `email_verified`, `display_name`, `active`, `groups`, `changed_at` and `attributes.<name>`.
    pub fields: BTreeMap<String, String>,
    /// Largest answer that is read.
    #[serde(default = "quarter_mebibyte")]
    pub max_body: crate::ByteSize,
    /// How to reach it.
    #[serde(default)]
    pub http: Egress,
}

fn quarter_mebibyte() -> crate::ByteSize {
    crate::ByteSize(256 * 1_024)
}

/// How a person is asked for by the key: `{key}` is filled in, `{issuer}` and `{tenant}` too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpByKey {
    /// Segments appended to the path of `url`, each percent-encoded as one.
    pub path: Vec<String>,
    /// Parameters of the URL's query, percent-encoded.
    pub query: BTreeMap<String, String>,
    /// For `POST`: members of the JSON object that is sent.
    pub body: BTreeMap<String, String>,
}

/// How an HTTP source is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// The subject is in the URL.
    #[default]
    Get,
    /// The subject may be in a JSON body, and so in no log of URLs.
    Post,
}

/// Fields of a person that a source can give, `attributes.<name>` aside.
pub const FIELDS: [&str; 9] = [
    "key",
    "external_id",
    "username",
    "email",
    "email_verified",
    "display_name",
    "active",
    "groups",
    "changed_at",
];

impl Source {
    /// The secrets that it refers to.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        let sql = self.sql.iter().flat_map(|sql| std::iter::once(&sql.primary).chain(&sql.replica));
        let http = self.http.iter().filter_map(|http| http.credential.as_ref());
        let ldap = self.ldap.iter().filter_map(|ldap| ldap.password.as_ref());
        sql.chain(http).chain(ldap).collect()
    }

    /// Of which kind it is, as the file says it; nothing when none or several are given.
    pub fn kind(&self) -> Option<&'static str> {
        match self.kinds().as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    /// The kinds that are given. One is right.
    pub fn kinds(&self) -> Vec<&'static str> {
        let given =
            [("sql", self.sql.is_some()), ("http", self.http.is_some()), ("ldap", self.ldap.is_some())];
        given.into_iter().filter_map(|(kind, given)| given.then_some(kind)).collect()
    }
}
