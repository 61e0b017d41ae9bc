//! Issuers, as the running process knows them: which keys are there, how old they are, what went wrong last.

mod list;

use crate::Control;
use portcullis_model::Name;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// An issuer's key set.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct IssuerStatus {
    /// Its name in the configuration.
    pub name: Name,
    /// The `kid`s of its keys; a key without one is `-`.
    pub kids: Vec<String>,
    /// When the set was fetched or read (RFC 3339).
    pub fetched_at: Option<String>,
    /// Until when it is fresh (RFC 3339); it is refreshed ahead.
    pub fresh_until: Option<String>,
    /// What went wrong at the last fetch; absent when it went well.
    pub last_error: Option<String>,
    /// Earlier sets, newest first.
    pub history: Vec<EarlierSet>,
    /// The keys of ours that its tokens may be encrypted to.
    pub decryption_keys: Vec<OwnKey>,
}

/// A key of ours that tokens may be encrypted to. Nothing of it is secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OwnKey {
    /// The `kid` by which tokens name it.
    pub kid: Option<String>,
    /// `RSA`, `EC`, `OKP` or `oct`.
    pub key_type: String,
    /// SHA-256 thumbprint (RFC 7638); of a shared secret none.
    pub thumbprint: Option<String>,
    /// The algorithms that it may be used with.
    pub algorithms: Vec<String>,
}

/// A key set that was replaced.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EarlierSet {
    /// When (RFC 3339).
    pub replaced_at: String,
    /// The `kid`s of its keys.
    pub kids: Vec<String>,
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list::list))
}
