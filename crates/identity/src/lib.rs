//! Who is calling, who that is here, and whether they may.
//!
//! Three questions, each with its own answer type, so that one cannot be skipped: [`Identity::authenticate`] turns the
//! bytes of a request into a [`Caller`], [`Identity::resolve`] turns the caller into a principal of the directory, and
//! [`Identity::authorize`] turns principal and service into a sealed [`Permit`], without which nothing upstream can be
//! reached.
//!
//! [`Identity`] is compiled per configuration and immutable; [`Runtime`] is what outlives configurations: key sets,
//! caches, revocations. The write side of the directory is in [`directory`], custody of secrets in [`secrets`].
//!
//! Not here: HTTP (the gateway renders refusals), SQL (the store), formats of tokens and keys (jose).

pub mod authenticate;
pub mod authorize;
mod breaker;
mod catalogue;
mod claims;
mod decryption;
pub mod directory;
mod groups;
mod identity;
mod issuer;
pub mod jwks;
pub mod local;
pub mod lookup;
mod metric;
mod observe;
mod operations;
mod presets;
mod probe;
mod resolve;
mod revocation;
mod rules;
mod runtime;
pub mod secrets;
mod single_use;
pub mod sources;
mod standing;

pub use authenticate::{
    ApiKeyCaller, Caller, ConnectionFacts, CredentialKind, DialectPlaces, Place, Places, Presented,
    TokenCaller,
};
pub use authorize::{CallFacts, ModelPermit, Permit, ServiceRules};
pub use catalogue::Catalogued;
pub use decryption::DecryptionKeyFacts;
pub use identity::{
    Examined, GroupsRead, Identity, Looked, RememberedAnswer, Signer, SourceAtHand, UnderRule,
};
pub use local::{LocalIssuer, LocalSubject, LocalToken};
pub use observe::{Effects, Fact, Observer};
pub use operations::Operations;
pub use resolve::supposed;
pub use runtime::{Runtime, RuntimeParts};
pub use standing::{Again, Standing};

#[cfg(test)]
mod tests {
    use portcullis_jose::{Alg, Algs, Claims, Protected, SigningKey, Unverified, encode};

    /// Claims as a verified token has them.
    pub(crate) fn claims(json: &str) -> Claims {
        let key = SigningKey::generate(Alg::HS256).unwrap();
        let token = encode(&Protected::new(), json.as_bytes(), &key).unwrap();
        let verified =
            Unverified::parse(&token).unwrap().verify(&key.verifying_key(), Algs::of(&[Alg::HS256])).unwrap();
        verified.claims().clone()
    }
}
