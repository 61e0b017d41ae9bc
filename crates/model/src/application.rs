//! Applications (consumers): what calls, and the API keys it owns.

use crate::{ApiKeyId, ApplicationId, Name, TenantId, Timestamp, UserId};

/// What calls: owns credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Our id.
    pub id: ApplicationId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Unique within the tenant.
    pub name: Name,
    /// Role names, as a user has.
    pub roles: Vec<String>,
    /// OAuth clients that are this application: (issuer name, client id as the issuer's tokens carry it).
    pub clients: Vec<(Name, String)>,
    /// A disabled application's calls are refused.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An API key, `pck_<id>_<secret>`. The secret is not here and nowhere else: only its keyed hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The public half; finds the key.
    pub id: ApiKeyId,
    /// Whose it is.
    pub application: ApplicationId,
    /// The application's tenant.
    pub tenant: TenantId,
    /// When pinned, calls are by the application on behalf of this user, and end when the user is not active.
    pub user: Option<UserId>,
    /// For people to tell keys apart.
    pub name: String,
    /// HMAC-SHA256 of the secret under the data directory's pepper; 32 bytes.
    pub hash: Vec<u8>,
    /// Where it may be used.
    pub limits: ApiKeyLimits,
    /// After this it is refused. A rotated key gets the end of its overlap here.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The key that replaces it, after a rotation.
    pub replaced_by: Option<ApiKeyId>,
    /// Last accepted use, written at most once a minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a key is confined to; an empty list confines nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ApiKeyLimits {
    /// Services by name.
    pub services: Vec<String>,
    /// Models by name.
    pub models: Vec<String>,
    /// Client addresses, as `192.0.2.0/24` or a single address.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<ipnet::IpNet>,
}
