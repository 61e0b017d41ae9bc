//! Services: APIs that an owner publishes.

use crate::issuer::Egress;
use crate::{ByteSize, Name, Span};
use serde::{Deserialize, Serialize};
use url::Url;

/// A service as the configuration file writes it: a path prefix in front of an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Unique within the tenant.
    pub name: Name,
    /// The tenant that publishes it; callers of other tenants get a 404.
    pub tenant: Name,
    /// Path prefix, whole segments, unique with `host` over all tenants: `/orders` serves `/orders` and `/orders/7`, not `/orders2`.
    pub path: String,
    /// Only for this `Host`; default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Where calls go: scheme, authority and a base path. The caller's path is appended as it came.
    pub upstream: Url,
    /// Drop the service's path before appending.
    #[serde(default)]
    pub strip_path: bool,
    /// Whether callers must be known.
    #[serde(default)]
    pub auth: AuthMode,
    /// Methods served; empty: all.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Scopes that the token must all have. API keys carry none: they are confined by their limits.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Roles of which the principal must have one.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Who may call; default: everybody of the tenant.
    #[serde(default)]
    pub allow: Allow,
    /// What becomes of the caller's own credential.
    #[serde(default)]
    pub forward: Forward,
    /// Where a credential may be, beside `Authorization`.
    #[serde(default)]
    pub credentials: CredentialPlaces,
    /// Largest request body. Default `[gateway] max_body`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body: Option<ByteSize>,
    /// Whole time for one call, streams and WebSockets excepted. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Whether WebSocket upgrades pass. Default no.
    #[serde(default)]
    pub websocket: bool,
    /// Keep request and answer bodies in the record. Default no.
    #[serde(default)]
    pub capture: bool,
    /// How to reach the upstream.
    #[serde(default)]
    pub http: Egress,
}

/// Whether callers must be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Refuse who is not known and allowed.
    #[default]
    Required,
    /// Let everybody through and record what would have been refused. Listed at start.
    Monitor,
    /// Ask nothing. Listed at start.
    None,
}

/// Who may call a service; all empty: everybody of the tenant. Given lists are alternatives: a match in any admits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Allow {
    /// Users by our id, `external_id` or `username`.
    pub users: Vec<String>,
    /// Applications by name.
    pub applications: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// Teams of the service's tenant, each by its name, or by a path of names that ends with it (`platform/dev`). Whoever is in a team below one is meant as well.
    pub teams: Vec<String>,
}

/// What an upstream sees of the caller's own credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Forward {
    /// Nothing.
    #[default]
    None,
    /// The caller's, as it came. API keys of ours are never forwarded.
    Caller,
}

/// Where a credential may be, beside `Authorization`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CredentialPlaces {
    /// A header that holds the bare token or key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A cookie that holds the bare token. Unsafe methods then need an `Origin` from `origins`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// Origins that may use the cookie (`https://app.example.com`).
    pub origins: Vec<String>,
}
