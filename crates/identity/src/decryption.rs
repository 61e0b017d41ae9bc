//! Keys that tokens are encrypted to: read, bound to algorithms that a stranger may ask for, and found by what a token
//! says of its key.
//!
//! A key belongs to the issuers that are configured with it: what it opens must be a token of one of these. Not here:
//! what becomes of the token inside (`authenticate::nested`).

use portcullis_jose::jwa::{KeyManagement, Mode};
use portcullis_jose::jwe::{Decrypted, Decryption, Encrypted, Header};
use portcullis_jose::jwk::{DecryptionKey, KeyType};
use portcullis_jose::{Jwk, jws};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Issuer, Name, issuer};
use std::sync::Arc;

/// Keys that are tried for a token that names none: each is an operation with a private key.
const MOST_TRIED: usize = 4;

/// The keys of one issuer.
pub(crate) struct OwnKeys {
    issuer: Name,
    keys: Vec<Arc<OwnKey>>,
}

/// One key.
pub(crate) struct OwnKey {
    thumbprint: [u8; 32],
    kid: Option<Box<str>>,
    key: DecryptionKey,
    facts: DecryptionKeyFacts,
}

/// What may be shown of a key that tokens are encrypted to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DecryptionKeyFacts {
    /// The `kid` by which tokens name it.
    pub kid: Option<String>,
    /// `RSA`, `EC`, `OKP` or `oct`.
    pub key_type: &'static str,
    /// SHA-256 thumbprint (RFC 7638). Of a shared secret there is none: it would help to guess it.
    pub thumbprint: Option<String>,
    /// The algorithms that it may be used with.
    pub algorithms: Vec<&'static str>,
}

impl OwnKeys {
    /// Reads the keys of an issuer.
    ///
    /// # Errors
    /// Which of them is none that can be used, and why.
    pub fn of(issuer: &Issuer, secrets: &dyn SecretSource) -> Result<Option<Arc<Self>>, String> {
        let mut keys: Vec<Arc<OwnKey>> = Vec::with_capacity(issuer.decryption_keys.len());
        for configured in &issuer.decryption_keys {
            let own = OwnKey::read(configured, secrets)?;
            if keys.iter().any(|other| other.thumbprint == own.thumbprint) {
                return Err(format!("`{}`: this key is there twice", configured.key));
            }
            if own.kid.is_some() && keys.iter().any(|other| other.kid == own.kid) {
                let kid = own.kid.as_deref().unwrap_or_default().escape_debug();
                return Err(format!("`{}`: another key has the `kid` `{kid}` too", configured.key));
            }
            keys.push(Arc::new(own));
        }
        Ok((!keys.is_empty()).then(|| Arc::new(Self { issuer: issuer.name.clone(), keys })))
    }

    /// Whose they are.
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// What may be shown of them.
    pub fn facts(&self) -> Vec<DecryptionKeyFacts> {
        self.keys.iter().map(|own| own.facts.clone()).collect()
    }
}

impl OwnKey {
    fn read(configured: &issuer::DecryptionKey, secrets: &dyn SecretSource) -> Result<Self, String> {
        let reference = &configured.key;
        let say = |what: &dyn std::fmt::Display| format!("`{reference}`: {what}");
        let bytes = secrets.read(reference)?;
        let json = bytes.expose().trim_ascii_start().starts_with(b"{");
        let read = if json { Jwk::parse(bytes.expose()) } else { Jwk::from_pem(bytes.expose()) };
        let mut jwk = read.map_err(|error| say(&error))?;
        if let Some(kid) = &configured.kid {
            jwk = jwk.with_kid(kid.as_str());
        }
        if let Some(name) = &configured.algorithm {
            let alg: KeyManagement = name.parse().map_err(|error| say(&error))?;
            if let Some(own) = jwk.alg_name().filter(|own| own != name) {
                return Err(say(&format!(
                    "`algorithm` is `{alg}`, and the key is for `{}`",
                    own.escape_debug()
                )));
            }
            jwk = jwk.with_management(alg).map_err(|error| say(&error))?;
        }
        if jwk.key_type() == KeyType::Oct && jwk.alg_name().is_none() {
            return Err(say(&"which algorithm the shared secret is for is not said; add `algorithm`"));
        }
        let key = jwk.decryption_key().map_err(|error| say(&error))?;
        let algorithms: Vec<_> = key.accepts().iter().copied().filter(|alg| is_accepted(*alg)).collect();
        if algorithms.is_empty() {
            let own = key.accepts().first().map_or("nothing", |alg| alg.name());
            return Err(say(&format!("the key is for `{own}`, which is never accepted at the gateway")));
        }
        let secret = jwk.key_type() == KeyType::Oct;
        let facts = DecryptionKeyFacts {
            kid: jwk.kid().map(str::to_owned),
            key_type: jwk.key_type().name(),
            thumbprint: (!secret).then(|| jwk.thumbprint_text()),
            algorithms: algorithms.iter().map(|alg| alg.name()).collect(),
        };
        Ok(Self { thumbprint: jwk.thumbprint(), kid: jwk.kid().map(Box::from), key, facts })
    }

    /// Whether it is so slow that it is used beside the threads that serve calls.
    fn is_slow(&self) -> bool {
        self.facts.thumbprint.is_some()
    }

    fn is_named(&self, kid: &str) -> bool {
        self.kid.as_deref() == Some(kid) || self.facts.thumbprint.as_deref() == Some(kid)
    }
}

/// RFC 8725 §3.2: `RSA1_5` answers questions about what is inside, and what a password costs is the sender's choice.
fn is_accepted(alg: KeyManagement) -> bool {
    alg != KeyManagement::RSA1_5 && alg.mode() != Mode::Password
}

/// What the gateway accepts of an encrypted token, whoever's it is.
pub(crate) fn accepted() -> Decryption {
    let algorithms: Vec<_> = KeyManagement::all().filter(|alg| is_accepted(*alg)).collect();
    // Nothing is unpacked: compressed tokens are refused before.
    Decryption::new().algorithms(&algorithms).limit(jws::DEFAULT_LIMIT).content_limit(0).iterations(0)
}

/// The keys of all issuers.
#[derive(Default)]
pub(crate) struct Openers(Vec<Opener>);

struct Opener {
    own: Arc<OwnKey>,
    issuer: Name,
}

/// A token that came out of its encryption, and with which key.
pub(crate) struct Open {
    pub decrypted: Decrypted,
    /// The key's thumbprint.
    pub key: [u8; 32],
    pub kid: Option<Box<str>>,
}

/// Keys to be tried on one token.
pub(crate) struct Candidates(Vec<Arc<OwnKey>>);

impl Openers {
    pub fn of<'k>(keys: impl Iterator<Item = &'k Arc<OwnKeys>>) -> Self {
        let opener = |keys: &'k Arc<OwnKeys>| {
            keys.keys.iter().map(|own| Opener { own: own.clone(), issuer: keys.issuer.clone() })
        };
        Self(keys.flat_map(opener).collect())
    }

    /// Whether no issuer has any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys that could open a token with this header: those of its `kid`; or those without an id; or, where the
    /// token names none, all. Only those that go with its algorithm.
    pub fn candidates(&self, header: &Header) -> Candidates {
        let named = |own: &OwnKey| header.kid().is_some_and(|kid| own.is_named(kid));
        let any_named = self.0.iter().any(|opener| named(&opener.own));
        let mut candidates: Vec<Arc<OwnKey>> = Vec::new();
        for Opener { own, .. } in &self.0 {
            let fits = if any_named { named(own) } else { header.kid().is_none() || own.kid.is_none() };
            let goes = header.alg().is_ok_and(|alg| own.key.accepts().contains(&alg));
            let known = candidates.iter().any(|other| other.thumbprint == own.thumbprint);
            if fits && goes && !known && candidates.len() < MOST_TRIED {
                candidates.push(own.clone());
            }
        }
        Candidates(candidates)
    }

    /// Whether this key is one of that issuer's.
    pub fn belongs(&self, key: &[u8; 32], issuer: &Name) -> bool {
        self.0.iter().any(|opener| opener.own.thumbprint == *key && opener.issuer == *issuer)
    }

    /// Whose this key is, for messages.
    pub fn owners(&self, key: &[u8; 32]) -> String {
        let names: Vec<_> = self
            .0
            .iter()
            .filter(|opener| opener.own.thumbprint == *key)
            .map(|opener| format!("`{}`", opener.issuer))
            .collect();
        names.join(", ")
    }
}

impl Candidates {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether trying them takes so long that it is done beside the threads that serve calls.
    pub fn are_slow(&self) -> bool {
        self.0.iter().any(|own| own.is_slow())
    }

    /// Tries one after the other. Why one did not open it is nobody's to know.
    pub fn open(&self, accepted: &Decryption, message: &Encrypted) -> Option<Open> {
        self.0.iter().find_map(|own| {
            let decrypted = accepted.decrypt(message, &own.key).ok()?;
            Some(Open { decrypted, key: own.thumbprint, kid: own.kid.clone() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_fault::Secret;
    use portcullis_jose::jwk::{Curve, KeyKind};
    use portcullis_model::SecretRef;

    struct Given(String);

    impl SecretSource for Given {
        fn read(&self, _: &SecretRef) -> Result<Secret<Vec<u8>>, String> {
            Ok(Secret::new(self.0.clone().into_bytes()))
        }
    }

    fn read(text: &str, kid: Option<&str>, algorithm: Option<&str>) -> Result<OwnKey, String> {
        let configured = issuer::DecryptionKey {
            key: SecretRef::Env("K".into()),
            kid: kid.map(str::to_owned),
            algorithm: algorithm.map(str::to_owned),
        };
        OwnKey::read(&configured, &Given(text.to_owned()))
    }

    #[test]
    fn keys_are_read_in_both_forms_and_bound() {
        let jwk = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
        for text in [jwk.to_private_json().to_string(), jwk.to_private_pem().unwrap().to_string()] {
            let own = read(&text, Some("a"), None).unwrap();
            assert_eq!(own.facts.thumbprint, Some(jwk.thumbprint_text()));
            assert_eq!(own.facts.algorithms.len(), 4);
            assert!(own.is_named("a") && own.is_named(&jwk.thumbprint_text()) && !own.is_named("b"));
            assert!(own.is_slow());
            let own = read(&text, None, Some("ECDH-ES+A256KW")).unwrap();
            assert_eq!(own.facts.algorithms, ["ECDH-ES+A256KW"]);
        }
        let rsa = Jwk::generate(KeyKind::Rsa(portcullis_jose::jwk::RsaBits::B2048)).unwrap();
        let own = read(&rsa.to_private_json(), None, None).unwrap();
        assert!(!own.facts.algorithms.contains(&"RSA1_5"));
        assert_eq!(own.facts.algorithms.len(), 4);
    }

    #[test]
    fn a_shared_secret_says_what_it_is_for_and_shows_nothing_of_itself() {
        let secret = Jwk::generate(KeyKind::Oct(32)).unwrap().to_private_json().to_string();
        assert!(read(&secret, None, None).map(drop).unwrap_err().contains("add `algorithm`"));
        for alg in ["dir", "A256KW", "A256GCMKW"] {
            let own = read(&secret, Some("s"), Some(alg)).unwrap();
            assert_eq!((own.facts.thumbprint.as_deref(), own.is_slow()), (None, false));
            assert!(!own.is_named(&Jwk::parse(secret.as_bytes()).unwrap().thumbprint_text()));
        }
    }

    #[test]
    fn what_cannot_or_must_not_open_tokens_is_refused() {
        let ec = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
        let rsa = Jwk::generate(KeyKind::Rsa(portcullis_jose::jwk::RsaBits::B2048)).unwrap();
        let secret = Jwk::generate(KeyKind::Oct(32)).unwrap().to_private_json().to_string();
        let for_signing = ec.clone().with_alg(portcullis_jose::Alg::ES256).unwrap();
        let bound = ec.clone().with_management(KeyManagement::ECDH_ES).unwrap();
        for (text, algorithm, what) in [
            (ec.to_public_json().unwrap(), None, "private key is needed"),
            (ec.to_public_pem().unwrap(), None, "private key is needed"),
            (
                Jwk::generate(KeyKind::Ed25519).unwrap().to_private_json().to_string(),
                None,
                "not for decryption",
            ),
            (for_signing.to_private_json().to_string(), None, "not for encryption"),
            (bound.to_private_json().to_string(), Some("ECDH-ES+A128KW"), "the key is for `ECDH-ES`"),
            (rsa.to_private_json().to_string(), Some("RSA1_5"), "never accepted"),
            (rsa.to_private_json().to_string(), Some("ECDH-ES"), "does not go with"),
            (secret.clone(), Some("PBES2-HS256+A128KW"), "never accepted"),
            (secret.clone(), Some("A128KW"), "does not go with"),
            (secret, Some("HS256"), "not a supported encryption algorithm"),
            ("hunter2hunter2hunter2hunter2hunter2".to_owned(), None, ""),
        ] {
            let error = read(&text, None, algorithm).map(drop).unwrap_err();
            assert!(error.starts_with("`env:K`: ") && error.contains(what), "{error}");
        }
    }

    #[test]
    fn a_key_is_found_by_what_a_token_says_of_it() {
        let keys: Vec<_> = (0..7).map(|_| Jwk::generate(KeyKind::X25519).unwrap()).collect();
        let own = |jwk: &Jwk, kid: Option<&str>| Arc::new(read(&jwk.to_private_json(), kid, None).unwrap());
        let named = OwnKeys {
            issuer: Name::new("named").unwrap(),
            keys: vec![own(&keys[0], Some("a")), own(&keys[1], Some("b"))],
        };
        let unnamed = OwnKeys { issuer: Name::new("unnamed").unwrap(), keys: vec![own(&keys[2], None)] };
        let shared = OwnKeys { issuer: Name::new("shared").unwrap(), keys: vec![own(&keys[0], Some("z"))] };
        let openers = Openers::of([Arc::new(named), Arc::new(unnamed), Arc::new(shared)].iter());
        let header = |kid: Option<&str>| {
            let mut to = keys[6].clone();
            if let Some(kid) = kid {
                to = to.with_kid(kid);
            }
            let to = to.encryption_key(Some(KeyManagement::ECDH_ES)).unwrap();
            let token = portcullis_jose::jwe::Encryption::new(portcullis_jose::jwa::Enc::A128GCM);
            let token = token.compact(b"x", &to).unwrap();
            Encrypted::parse(token.as_bytes(), 4_096).unwrap().headers().next().unwrap().clone()
        };
        let found = |kid: Option<&str>| -> Vec<usize> {
            let candidates = openers.candidates(&header(kid)).0;
            let index = |own: &Arc<OwnKey>| keys.iter().position(|key| key.thumbprint() == own.thumbprint);
            candidates.iter().filter_map(index).collect()
        };
        assert_eq!(found(Some("a")), [0]);
        assert_eq!(found(Some("z")), [0]);
        assert_eq!(found(Some(&keys[1].thumbprint_text())), [1]);
        assert_eq!(found(Some("unknown")), [2], "a key without an id may be meant by any");
        assert_eq!(found(None), [0, 1, 2], "the shared one once");
        let issuer = |name: &str| Name::new(name).unwrap();
        assert!(openers.belongs(&keys[0].thumbprint(), &issuer("named")));
        assert!(openers.belongs(&keys[0].thumbprint(), &issuer("shared")));
        assert!(!openers.belongs(&keys[0].thumbprint(), &issuer("unnamed")));
        assert_eq!(openers.owners(&keys[0].thumbprint()), "`named`, `shared`");
    }
}
