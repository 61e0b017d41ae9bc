//! From the bytes of a request to a credential that was checked: a [`Caller`].
//!
//! One file per method (`jwt`, `api_key`); which one is used is decided by the credential's shape, never by the
//! caller's word. Who the caller is in the directory is the next stage's business.

pub(crate) mod api_key;
mod credential;
pub(crate) mod facts;
pub(crate) mod jwt;
mod nested;
pub(crate) mod remembered;

pub use api_key::ApiKeyCaller;
pub use credential::{Credential, CredentialKind, DialectPlaces, Place, Places, Presented};
pub use jwt::TokenCaller;

use portcullis_model::Name;
use std::net::IpAddr;

/// What authentication needs to know about the connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionFacts {
    /// The caller's address, after trusted proxies.
    pub client: IpAddr,
    /// SHA-256 of the client's TLS certificate (DER), when it presented one that the listener verified possession of.
    pub certificate: Option<[u8; 32]>,
}

impl ConnectionFacts {
    /// A connection from this address, without a client certificate.
    pub const fn from_address(client: IpAddr) -> Self {
        Self { client, certificate: None }
    }
}

/// A credential that was checked and counts.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A token of a configured issuer.
    Token(TokenCaller),
    /// An API key.
    ApiKey(ApiKeyCaller),
}

impl Caller {
    /// The issuer's name, for a token.
    pub fn issuer(&self) -> Option<&Name> {
        match self {
            Self::Token(token) => Some(token.issuer()),
            Self::ApiKey(_) => None,
        }
    }

    /// The token's claims, for a token.
    pub fn claims(&self) -> Option<&portcullis_jose::Claims> {
        match self {
            Self::Token(token) => Some(token.claims()),
            Self::ApiKey(_) => None,
        }
    }

    /// Whether the credential is one of ours that is never forwarded to an upstream.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::ApiKey(_))
    }
}
