//! The issuer of this very installation: tokens for trying things out, signed with a key of the data directory.
//!
//! It serves every tenant: its tokens name theirs in the claim `tenant`, which only this issuer may do. A token is for a
//! user (`sub` is the user's id) or for an application (`sub` and `client_id` are the application's id, `gty` is
//! `client-credentials`). Tokens of ordinary life come from the tenants' own issuers.

use crate::secrets::KeyFile;
use portcullis_fault::{Fault, Secret, codes};
use portcullis_jose::{Alg, Jwk, KeySet, Protected, SigningKey, encode};
use portcullis_model::issuer::{MachineRule, MachineTest, SubjectRule, TenantMap, TenantRule, TokenProfile};
use portcullis_model::{ApplicationId, Issuer, Name, Rng, Span, Timestamp, UserId};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;

/// Its name, in `issuer` of identities and records.
pub const NAME: &str = "local";
/// The `iss` of its tokens.
pub const ISS: &str = "portcullis:local";
/// The `aud` of its tokens.
pub const AUDIENCE: &str = "portcullis";
/// The claim that names the tenant.
pub const TENANT_CLAIM: &str = "tenant";
/// No token lives longer.
pub const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// The issuer of this installation.
#[derive(Debug)]
pub struct LocalIssuer {
    key: SigningKey,
}

/// Whom a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalSubject {
    /// A user.
    User(UserId),
    /// An application, of itself.
    Application(ApplicationId),
    /// Any text: to see what becomes of a subject that is nobody's.
    Text(String),
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct LocalToken {
    /// The tenant.
    pub tenant: Name,
    /// Whom it is for.
    pub subject: LocalSubject,
    /// What it grants.
    pub scopes: Vec<String>,
    /// Further claims; those that this issuer writes itself cannot be given.
    pub claims: Map<String, Value>,
    /// How long it lives; at most [`LONGEST`].
    pub lifetime: Duration,
}

impl LocalIssuer {
    /// Reads the key in `path`, or makes one.
    ///
    /// # Errors
    /// The file cannot be read or written, or is no key; says which and what to do.
    pub fn open(path: &Path) -> Result<Self, String> {
        let say = |what: &dyn std::fmt::Display| {
            format!(
                "`{}`: {what}; delete it, and a new key is made: tokens of before are then refused",
                path.display()
            )
        };
        match std::fs::read(path) {
            Ok(bytes) => {
                let bytes = Secret::new(bytes);
                let jwk = Jwk::parse(bytes.expose()).map_err(|error| say(&error))?;
                let key = jwk.signing_key(Some(Alg::ES256)).map_err(|error| say(&error))?;
                Ok(Self { key })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let issuer = Self::generate()?;
                let json = issuer.key.jwk().to_private_json();
                KeyFile::write(path, json.as_bytes())?;
                Ok(issuer)
            }
            Err(error) => Err(format!("cannot read `{}`: {error}", path.display())),
        }
    }

    /// One whose key is kept nowhere.
    ///
    /// # Errors
    /// The cryptographic library has no memory or entropy.
    pub fn generate() -> Result<Self, String> {
        SigningKey::generate(Alg::ES256).map(|key| Self { key }).map_err(|error| error.to_string())
    }

    /// Makes a token. `now` becomes its `iat`.
    ///
    /// # Errors
    /// A claim that this issuer writes itself, or a lifetime out of bounds.
    pub fn mint(&self, token: &LocalToken, now: Timestamp, rng: &dyn Rng) -> Result<Secret<String>, Fault> {
        if token.lifetime < Duration::from_secs(1) || token.lifetime > LONGEST {
            let detail = format!(
                "a token of the local issuer lives from one second to {} days",
                LONGEST.as_secs() / 86_400
            );
            return Err(Fault::new(codes::PARAMETER_INVALID).detail(detail));
        }
        let mut id = [0; 16];
        rng.fill(&mut id);
        let iat = now.seconds();
        let mut claims = token.claims.clone();
        let mut put = |name: &str, value: Value| match claims.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(Fault::new(codes::PARAMETER_INVALID)
                .detail(format!("the local issuer writes the claim `{name}` itself"))),
        };
        put("iss", ISS.into())?;
        put("aud", AUDIENCE.into())?;
        put("iat", iat.into())?;
        put("exp", iat.saturating_add_unsigned(token.lifetime.as_secs()).into())?;
        put("jti", uuid::Builder::from_random_bytes(id).into_uuid().to_string().into())?;
        put(TENANT_CLAIM, json!(token.tenant))?;
        match &token.subject {
            LocalSubject::User(id) => put("sub", json!(id))?,
            LocalSubject::Text(text) => put("sub", json!(text))?,
            LocalSubject::Application(id) => {
                put("sub", json!(id))?;
                put("client_id", json!(id))?;
                put("gty", "client-credentials".into())?;
            }
        }
        if !token.scopes.is_empty() {
            put("scope", token.scopes.join(" ").into())?;
        }
        let claims = Value::Object(claims).to_string();
        let text = encode(&Protected::new().typ("JWT"), claims.as_bytes(), &self.key)
            .map_err(|error| Fault::new(codes::INTERNAL).source(error))?;
        Ok(Secret::new(text))
    }

    /// The public key, as others verify with it.
    pub fn public_jwk(&self) -> Option<Jwk> {
        self.key.public_jwk()
    }

    pub(crate) fn keys(&self) -> KeySet {
        KeySet::new(vec![self.key.verifying_key()])
    }
}

/// The local issuer as a configuration would write it. Its tenants are added where it is compiled.
pub(crate) fn configuration(name: Name) -> Issuer {
    Issuer {
        name,
        tenant: TenantRule::Mapped(TenantMap {
            claim: TENANT_CLAIM.to_owned(),
            map: std::collections::BTreeMap::new(),
        }),
        issuer: ISS.to_owned(),
        preset: None,
        jwks_url: None,
        jwks_file: None,
        public_key_file: None,
        secret: None,
        decryption_keys: Vec::new(),
        audiences: vec![AUDIENCE.to_owned()],
        audience_claim: None,
        algorithms: vec![Alg::ES256.name().to_owned()],
        profile: TokenProfile::Generic,
        // One machine, one clock.
        leeway: Span::seconds(1),
        max_age: None,
        single_use: false,
        required_claims: vec!["iat".to_owned(), "jti".to_owned()],
        subject: SubjectRule { attribute: "id".to_owned(), ..SubjectRule::default() },
        machine: vec![MachineRule {
            claim: "gty".to_owned(),
            test: MachineTest::Equals("client-credentials".to_owned()),
        }],
        client_claim: Some("client_id".to_owned()),
        role_claims: Vec::new(),
        groups: None,
        stale: Span::seconds(0),
        http: portcullis_model::issuer::Egress::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SystemRng;
    use portcullis_jose::{Algs, Unverified};
    use std::os::unix::fs::PermissionsExt;

    fn token() -> LocalToken {
        LocalToken {
            tenant: Name::new("demo").unwrap(),
            subject: LocalSubject::Text("ada".into()),
            scopes: vec!["a".into(), "b".into()],
            claims: Map::new(),
            lifetime: Duration::from_secs(60),
        }
    }

    #[test]
    fn a_kept_key_verifies_what_it_signed_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("local.jwk");
        let now = Timestamp::from_seconds(1_700_000_000);
        let minted = LocalIssuer::open(&path).unwrap().mint(&token(), now, &SystemRng::new()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let issuer = LocalIssuer::open(&path).unwrap();
        let unverified = Unverified::parse(minted.expose()).unwrap();
        let keys = issuer.keys();
        let key = keys.candidates(unverified.kid(), Alg::ES256).next().unwrap();
        let verified = unverified.verify(key, Algs::of(&[Alg::ES256])).unwrap();
        assert_eq!(verified.claims().scopes(), ["a", "b"]);
        assert_eq!(verified.claims().exp().seconds(), Some(1_700_000_060));
    }

    #[test]
    fn its_own_claims_cannot_be_given() {
        let issuer = LocalIssuer::generate().unwrap();
        let mut wrong = token();
        wrong.claims.insert("iss".into(), "other".into());
        assert!(issuer.mint(&wrong, Timestamp::default(), &SystemRng::new()).is_err());
        let endless = LocalToken { lifetime: Duration::from_secs(1 << 40), ..token() };
        assert!(issuer.mint(&endless, Timestamp::default(), &SystemRng::new()).is_err());
    }
}
