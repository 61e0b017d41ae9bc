//! Revocations: of one token, of everything a subject, a user or an issuer was given before a time, and of an issuer's key.

mod create;
mod delete;
mod list;

use crate::Control;
use portcullis_model::{Name, TenantId, Timestamp, UserId};
use portcullis_store::entity::revocations as stored;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// An entry of the revocation list.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Revocation {
    /// Its id.
    pub id: Uuid,
    /// The tenant concerned.
    pub tenant: Option<TenantId>,
    /// What is revoked.
    pub what: Revoked,
    /// When it may be forgotten (RFC 3339).
    pub expires_at: Option<String>,
    /// When it was made (RFC 3339).
    pub at: String,
    /// By whom.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
}

/// What is revoked.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Revoked {
    /// The issuer's token with this `jti`.
    Token {
        /// The issuer's name.
        issuer: Name,
        /// The claim's value.
        jti: String,
    },
    /// The token whose signing input has this SHA-256, base64url; records show it as `token.digest`.
    Digest {
        /// The digest.
        digest: String,
    },
    /// The subject's tokens that were issued before a time.
    Subject {
        /// The issuer's name.
        issuer: Name,
        /// The subject.
        subject: String,
        /// RFC 3339; now, when left out. Tokens with an earlier `iat`, or none, are refused.
        issued_before: Option<String>,
    },
    /// The user's tokens that were issued before a time, whichever issuer's and subject's they are. API keys stay.
    User {
        /// The user's id.
        user: UserId,
        /// RFC 3339; now, when left out. Tokens with an earlier `iat`, or none, are refused.
        issued_before: Option<String>,
    },
    /// All of the issuer's tokens that were issued before a time.
    Issuer {
        /// The issuer's name.
        issuer: Name,
        /// RFC 3339; now, when left out.
        issued_before: Option<String>,
    },
    /// A key of the issuer: distrusted at once, whatever the issuer publishes. Delete the entry to trust it again.
    Key {
        /// The issuer's name.
        issuer: Name,
        /// Its `kid`.
        kid: String,
    },
}

impl From<stored::Revocation> for Revocation {
    fn from(entry: stored::Revocation) -> Self {
        Self {
            id: entry.id,
            tenant: entry.tenant,
            what: entry.what.into(),
            expires_at: entry.expires_at.map(Timestamp::rfc3339),
            at: entry.at.rfc3339(),
            actor: entry.actor,
            reason: entry.reason,
        }
    }
}

impl From<stored::Revoked> for Revoked {
    fn from(what: stored::Revoked) -> Self {
        match what {
            stored::Revoked::Token { issuer, jti } => Self::Token { issuer, jti },
            stored::Revoked::Digest(digest) => Self::Digest { digest },
            stored::Revoked::Subject { issuer, subject, issued_before } => {
                Self::Subject { issuer, subject, issued_before: Some(issued_before.rfc3339()) }
            }
            stored::Revoked::User { user, issued_before } => {
                Self::User { user, issued_before: Some(issued_before.rfc3339()) }
            }
            stored::Revoked::Issuer { issuer, issued_before } => {
                Self::Issuer { issuer, issued_before: Some(issued_before.rfc3339()) }
            }
            stored::Revoked::Key { issuer, kid } => Self::Key { issuer, kid },
        }
    }
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list::list, create::create)).routes(routes!(delete::delete))
}
