//! Issuers: whoever signs tokens, what we believe of them, and how their subjects become users.

mod groups;

pub use groups::{GroupGrant, GroupsOverage, GroupsRule, UnmappedGroups};

use crate::{Name, SecretRef, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use url::Url;

/// An issuer as the configuration file writes it. Keys come from exactly one of: discovery (none of the others
/// given), `jwks_url`, `jwks_file`, `public_key_file`, `secret`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Unique name; part of every subject in the directory, so it is not changed lightly.
    pub name: Name,
    /// The tenant of its users: a name, or a claim and a map from its values.
    pub tenant: TenantRule,
    /// The exact `iss` of its tokens, and the base of discovery. With `{claim}` in it (`…/{tid}/v2.0`) the value is taken from the token and must be a key of the tenant map.
    pub issuer: String,
    /// Defaults for a known product: `keycloak`, `auth0`, `okta`, `cognito`, `entra`; see the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Where its key set is, when not found by discovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<Url>,
    /// A key set in a file, read again when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_file: Option<PathBuf>,
    /// A public key or certificate in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key_file: Option<PathBuf>,
    /// A shared secret for HS256/384/512, at least as long as the hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// Private keys that its tokens may be encrypted to (signed, then encrypted: RFC 7519 §11.2); several while one replaces another. Without any, encrypted tokens are refused.
    #[serde(default)]
    pub decryption_keys: Vec<DecryptionKey>,
    /// Values of which a token's audience must contain one. Empty only with `audience_claim = "none"`.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// The claim that holds the audience; some products use another (`client_id`), and `none` says that there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience_claim: Option<String>,
    /// Algorithms that are accepted. Default: `RS256`, `ES256`, `EdDSA`, or `HS256` with a secret.
    #[serde(default)]
    pub algorithms: Vec<String>,
    /// Which `typ` is expected.
    #[serde(default)]
    pub profile: TokenProfile,
    /// How far the two clocks may differ. Default `30s`, at most `5m`.
    #[serde(default = "default_leeway")]
    pub leeway: Span,
    /// Refuse tokens issued longer ago than this, whatever their `exp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
    /// Each of its tokens lets one call in, and none after it (RFC 7519 §4.1.7): for issuers that make a token for every call. `jti` is required. A call that is refused before it is let in does not use its token up; one that is tried again afterwards needs a new one. Uses are kept in the database until the token has expired, so let tokens be short-lived.
    #[serde(default)]
    pub single_use: bool,
    /// Claims that must be there, beside `exp`.
    #[serde(default)]
    pub required_claims: Vec<String>,
    /// How its subjects become users.
    #[serde(default)]
    pub subject: SubjectRule,
    /// How its machine tokens are recognised; any match makes the caller an application.
    #[serde(default)]
    pub machine: Vec<MachineRule>,
    /// Claim (path with dots) that names the client of a token; default `azp`, then `client_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_claim: Option<String>,
    /// Claims (paths with dots) whose values are the token's roles, beside the directory's.
    #[serde(default)]
    pub role_claims: Vec<String>,
    /// The groups of its tokens, and the roles and teams that they stand for. Without it they stand for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupsRule>,
    /// How long a key set is still believed when it cannot be refreshed. Default `2h`.
    #[serde(default = "default_stale")]
    pub stale: Span,
    /// How to reach it.
    #[serde(default)]
    pub http: Egress,
}

fn default_leeway() -> Span {
    Span::seconds(30)
}

fn default_stale() -> Span {
    Span::seconds(7_200)
}

/// A private key that an issuer's tokens may be encrypted to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecryptionKey {
    /// The private key, as PEM or as a JWK; a shared secret only as a JWK of type `oct`.
    pub key: SecretRef,
    /// The `kid` by which tokens name it. Default: the JWK's own. A key without one is tried whatever `kid` a token names; its thumbprint always names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The one algorithm (`alg`) it may be used with. Default: the JWK's own, or all that go with the key's type. `RSA1_5` and passwords (`PBES2-…`) are never accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
}

/// Which tenant an issuer's tokens belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum TenantRule {
    /// All to this one.
    Named(Name),
    /// By the value of a claim; a value that is not in the map is refused.
    Mapped(TenantMap),
}

/// A claim whose values stand for tenants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantMap {
    /// The claim, as `tid`.
    pub claim: String,
    /// Its values and the tenant each stands for.
    pub map: BTreeMap<String, Name>,
}

/// What a token of this issuer must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenProfile {
    /// `typ` absent, `JWT` or `at+jwt`; kinds that are not access tokens (`dpop+jwt`, `logout+jwt`, …) are refused.
    #[default]
    Generic,
    /// RFC 9068: `typ` must be `at+jwt`, and the claims that it requires must be there.
    Rfc9068,
}

/// How a subject becomes a user: which claim, looked up as which attribute, and what happens when nobody is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SubjectRule {
    /// The claim (path with dots). Default `sub`.
    pub claim: String,
    /// What the claim's value is: `identity` (an (issuer, subject) pair, the default), `id`, `external_id`, `username`, or `attributes.<name>`.
    pub attribute: String,
    /// The user source that the value is looked up in, instead of our own directory. With one, the source's own query says what the value is, and `attribute`, `fallback`, `unknown` and `create` are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Name>,
    /// Steps applied to the value in order before it is looked up; none by default: exact.
    pub normalise: Vec<Normalisation>,
    /// What the value has to look like after these steps; with another, the token is refused and nobody is asked. Default: anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<SubjectForm>,
    /// Claims (paths with dots, at most 4) that are asked about in order when nobody has the value: each exactly as it stands, as an `identity` of this issuer. Addresses, and names that people choose or change, are refused here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<String>,
    /// What becomes of a subject that nobody has.
    pub unknown: UnknownUser,
    /// Take a JSON number as its decimal text. Off: such a token is refused.
    pub allow_numeric_sub: bool,
    /// For `unknown = "create"` and `"pending"`: attribute of the new user ← claim (path with dots). An e-mail address is taken only from a token whose claim `email_verified`, or the one that is given for it here, is true.
    pub create: BTreeMap<String, String>,
}

impl SubjectRule {
    /// How many claims a rule may fall back to.
    pub const MOST_FALLBACKS: usize = 4;
}

/// Why this claim can identify nobody, whoever signs it: an address, or what people may choose and change
/// (OpenID Connect Core §5.7). Of a path with dots, and of a name with a namespace, the last part counts; case does not.
pub fn unfit_to_identify(claim: &str) -> Option<&'static str> {
    let last = claim.rsplit(['.', '/', ':']).next().unwrap_or(claim).to_ascii_lowercase();
    Some(match last.as_str() {
        "email" | "emails" | "mail" | "email_address" | "verified_primary_email" => {
            "an e-mail address, which changes hands"
        }
        "username" | "user_name" | "login" | "preferred_username" | "upn" | "unique_name" | "nickname"
        | "name" | "given_name" | "family_name" | "middle_name" | "phone" | "phone_number" => {
            "what people choose or change"
        }
        _ => return None,
    })
}

impl Default for SubjectRule {
    fn default() -> Self {
        Self {
            claim: "sub".to_owned(),
            attribute: "identity".to_owned(),
            source: None,
            normalise: Vec::new(),
            form: None,
            fallback: Vec::new(),
            unknown: UnknownUser::Reject,
            allow_numeric_sub: false,
            create: BTreeMap::new(),
        }
    }
}

/// A step of normalisation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// Drop white space at both ends.
    Trim,
    /// Fold to lower case (Unicode).
    Lowercase,
    /// Drop this prefix when there.
    StripPrefix(String),
    /// Drop this suffix when there.
    StripSuffix(String),
}

/// What subjects look like.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectForm {
    /// A UUID in its usual form, with hyphens, in either case.
    Uuid,
    /// Digits only.
    Digits,
    /// All of it matches this regular expression.
    Pattern(String),
}

/// What becomes of a subject that no user has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownUser {
    /// Refused.
    #[default]
    Reject,
    /// A pending user is made for an administrator to approve; the call is refused.
    Pending,
    /// An active user is made. One that was deleted or merged is never made again.
    Create,
}

/// How a machine token is told from a user's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MachineRule {
    /// The claim (path with dots) to look at.
    pub claim: String,
    /// What it must be.
    #[serde(flatten)]
    pub test: MachineTest,
}

/// The test of a [`MachineRule`]; exactly one is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MachineTest {
    /// Equal to this text.
    Equals(String),
    /// Starting with this text.
    Prefix(String),
    /// There (`true`) or not there (`false`).
    Present(bool),
    /// Equal to this other claim of the same token.
    Same(String),
}

/// How to reach a server of the operator's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Egress {
    /// PEM certificates to trust instead of the public ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// PEM client certificate, with [`Egress::client_key_file`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate_file: Option<PathBuf>,
    /// PEM private key of the client certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key_file: Option<PathBuf>,
    /// An HTTP proxy (`http://host:port`); default: the environment's `HTTPS_PROXY`/`NO_PROXY`; `none` goes direct.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Time to connect, TLS included. Default `5s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<Span>,
    /// Time to the answer's head. Default `60s` towards services' upstreams, `10m` towards AI
    /// providers, `5s` towards issuers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_timeout: Option<Span>,
    /// Time between two pieces of an answer. Default `120s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<Span>,
}
