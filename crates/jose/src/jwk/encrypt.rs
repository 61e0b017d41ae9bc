//! Keys prepared for encrypting and decrypting: bound to the algorithms that go with their type, length and words.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rsa::{
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use zeroize::Zeroizing;

use super::agreement::Party;
use super::error::KeyError;
use super::material::{Jwk, Material, Op, Private, Use};
use crate::jwa::{Alg, Enc, KeyManagement, Mode};

/// RFC 7518 §8.8 wants a password at least as long as the weakest wrapping key that is derived from it.
const PASSWORD_LEAST: usize = 16;

/// A password longer than this is a file that somebody named by mistake.
const PASSWORD_MOST: usize = 1024;

/// A recipient's key, for encrypting to it with one algorithm. Cheap to clone, shared between threads.
#[derive(Clone)]
pub struct EncryptionKey(Arc<Sealing>);

struct Sealing {
    kid: Option<Box<str>>,
    alg: KeyManagement,
    enc: Option<Enc>,
    sealer: Sealer,
}

/// What encrypting needs of a key.
pub(crate) enum Sealer {
    Rsa(Box<OaepPublicEncryptingKey>),
    Shared(Private),
    Party(Party),
    Password(Private),
}

/// One's own key, for decrypting with any algorithm that goes with it. Cheap to clone, shared between threads.
#[derive(Clone)]
pub struct DecryptionKey(Arc<Opening>);

struct Opening {
    kid: Option<Box<str>>,
    algs: Vec<KeyManagement>,
    enc: Option<Enc>,
    opener: Opener,
}

/// What decrypting needs of a key.
pub(crate) enum Opener {
    Rsa(Box<RsaOpener>),
    Shared(Private),
    Party(Party),
    Password(Private),
}

pub(crate) struct RsaOpener {
    pub(crate) oaep: OaepPrivateDecryptingKey,
    pub(crate) pkcs1: Pkcs1PrivateDecryptingKey,
}

/// What a key may be used for, and the content encryption it is reserved for when it is a content key itself.
type Bound = (Vec<KeyManagement>, Option<Enc>);

impl Jwk {
    /// The same key, bound to one key management algorithm.
    ///
    /// # Errors
    /// The algorithm does not go with the key's type or length.
    pub fn with_management(mut self, alg: KeyManagement) -> Result<Self, KeyError> {
        self.alg = Some(alg.name().into());
        self.managements()?;
        Ok(self)
    }

    /// The key management algorithms it may be used with: the one it names, or those of its type and length.
    ///
    /// # Errors
    /// It names one that is for something else, or does not go with its type.
    fn managements(&self) -> Result<Bound, KeyError> {
        let by_type = |alg: &KeyManagement| match (&self.material, alg.mode()) {
            (Material::Rsa(rsa), Mode::Rsa) => rsa.only.is_none(),
            (Material::Ec { .. } | Material::Okp { .. }, Mode::Agreement | Mode::AgreementWrap) => {
                Party::of(&self.material).is_some()
            }
            (Material::Oct(secret), Mode::Wrap | Mode::GcmWrap) => secret.len() == alg.wrapping_len(),
            (Material::Oct(secret), Mode::Direct) => Enc::ALL.iter().any(|enc| enc.key_len() == secret.len()),
            // A secret is a password only where it says so itself.
            (Material::Oct(_), Mode::Password) => self.alg.as_deref() == Some(alg.name()),
            _ => false,
        };
        let Some(name) = self.alg.as_deref() else {
            return Ok((KeyManagement::all().filter(by_type).collect(), None));
        };
        if let (Some(enc), Material::Oct(secret)) = (Enc::known(name), &self.material) {
            // A content key names the content encryption it is for (RFC 7520 §5.6).
            return match secret.len() == enc.key_len() {
                true => Ok((vec![KeyManagement::Dir], Some(enc))),
                false => Err(KeyError::Length { name: "k", expected: enc.key_len(), found: secret.len() }),
            };
        }
        match KeyManagement::known(name) {
            Some(alg) if by_type(&alg) => Ok((vec![alg], None)),
            Some(alg) => Err(KeyError::ManagementMismatch(alg)),
            None if Alg::known(name).is_some() => Err(KeyError::NotFor("encryption")),
            None => Err(KeyError::UnknownAlg(name.into())),
        }
    }

    fn allows(&self, alg: KeyManagement, sealing: bool) -> bool {
        if !matches!(self.usage, None | Some(Use::Encryption)) {
            return false;
        }
        let Some(ops) = &self.ops else { return true };
        let any = |wanted: &[Op]| wanted.iter().any(|op| ops.contains(op));
        match (alg.mode(), sealing) {
            // Nothing in a public key derives anything, so its list is empty if it is there (RFC 7517 has no word
            // for it, WebCrypto writes it so).
            (Mode::Agreement | Mode::AgreementWrap, true) => {
                ops.is_empty() || any(&[Op::DeriveKey, Op::DeriveBits])
            }
            (Mode::Agreement | Mode::AgreementWrap, false) => any(&[Op::DeriveKey, Op::DeriveBits]),
            (Mode::Direct, true) => any(&[Op::Encrypt]),
            (Mode::Direct, false) => any(&[Op::Decrypt]),
            // The public half of a decrypting key encrypts.
            (Mode::Rsa, true) => {
                any(&[Op::WrapKey, Op::Encrypt]) || (self.is_private() && any(&[Op::UnwrapKey, Op::Decrypt]))
            }
            (Mode::Wrap | Mode::GcmWrap | Mode::Password, true) => any(&[Op::WrapKey, Op::Encrypt]),
            (_, false) => any(&[Op::UnwrapKey, Op::Decrypt]),
        }
    }

    /// Prepares the key, or its public half, for encrypting: with the algorithm it names, or the given one.
    ///
    /// # Errors
    /// `use`, `key_ops` or `alg` reserve it for something else; the algorithm does not go with it; it is `RSA1_5`,
    /// which is never written; none was named.
    pub fn encryption_key(&self, alg: Option<KeyManagement>) -> Result<EncryptionKey, KeyError> {
        let (algs, enc) = self.managements()?;
        let alg = match (alg, &*algs) {
            (Some(alg), algs) if algs.contains(&alg) => alg,
            (Some(alg), _) => return Err(KeyError::ManagementMismatch(alg)),
            (None, [only]) => *only,
            (None, []) => return Err(KeyError::NotFor("encryption")),
            (None, _) => return Err(KeyError::ManagementAmbiguous),
        };
        if alg == KeyManagement::RSA1_5 {
            return Err(KeyError::ManagementMismatch(alg));
        }
        if !self.allows(alg, true) {
            return Err(KeyError::NotFor("encryption"));
        }
        let sealer = match &self.material {
            Material::Rsa(rsa) => {
                let key = PublicEncryptingKey::from_der(&rsa.to_spki()).map_err(|_| KeyError::RsaExponent)?;
                Sealer::Rsa(Box::new(OaepPublicEncryptingKey::new(key).map_err(|_| KeyError::Library)?))
            }
            Material::Oct(secret) if alg.mode() == Mode::Password => {
                return EncryptionKey::password_for(secret, alg, self.kid.clone());
            }
            Material::Oct(secret) => Sealer::Shared(secret.clone()),
            other => Sealer::Party(Party::of(other).ok_or(KeyError::ManagementMismatch(alg))?),
        };
        Ok(EncryptionKey(Arc::new(Sealing { kid: self.kid.clone(), alg, enc, sealer })))
    }

    /// Prepares the private key for decrypting.
    ///
    /// # Errors
    /// A public key; `use`, `key_ops` or `alg` reserve it for something else.
    pub fn decryption_key(&self) -> Result<DecryptionKey, KeyError> {
        let (mut algs, enc) = self.managements()?;
        algs.retain(|alg| self.allows(*alg, false));
        if algs.is_empty() {
            return Err(KeyError::NotFor("decryption"));
        }
        if !self.is_private() {
            return Err(KeyError::NotPrivate);
        }
        let opener = match &self.material {
            Material::Rsa(rsa) => {
                let key = || {
                    PrivateDecryptingKey::from_pkcs8(&rsa.to_pkcs8()?).map_err(|_| KeyError::PrivateMismatch)
                };
                Opener::Rsa(Box::new(RsaOpener {
                    oaep: OaepPrivateDecryptingKey::new(key()?).map_err(|_| KeyError::Library)?,
                    pkcs1: Pkcs1PrivateDecryptingKey::new(key()?).map_err(|_| KeyError::Library)?,
                }))
            }
            Material::Oct(secret) if algs.iter().any(|alg| alg.mode() == Mode::Password) => {
                Opener::Password(secret.clone())
            }
            Material::Oct(secret) => Opener::Shared(secret.clone()),
            other => Opener::Party(Party::of(other).ok_or(KeyError::NotFor("decryption"))?),
        };
        Ok(DecryptionKey(Arc::new(Opening { kid: self.kid.clone(), algs, enc, opener })))
    }
}

impl EncryptionKey {
    /// A password, for a `PBES2` algorithm.
    ///
    /// # Errors
    /// Fewer than 16 bytes (RFC 7518 §8.8), more than 1024, or no `PBES2` algorithm.
    pub fn password(password: impl Into<Vec<u8>>, alg: KeyManagement) -> Result<Self, KeyError> {
        Self::password_for(&Zeroizing::new(password.into()), alg, None)
    }

    fn password_for(password: &Private, alg: KeyManagement, kid: Option<Box<str>>) -> Result<Self, KeyError> {
        if alg.mode() != Mode::Password {
            return Err(KeyError::ManagementMismatch(alg));
        }
        match password.len() {
            found @ ..PASSWORD_LEAST => Err(KeyError::SecretTooShort { found, needed: PASSWORD_LEAST }),
            found if found > PASSWORD_MOST => {
                Err(KeyError::Length { name: "password", expected: PASSWORD_MOST, found })
            }
            _ => Ok(Self(Arc::new(Sealing {
                kid,
                alg,
                enc: None,
                sealer: Sealer::Password(password.clone()),
            }))),
        }
    }

    /// The algorithm it encrypts with.
    pub fn alg(&self) -> KeyManagement {
        self.0.alg
    }

    /// Its id, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// The content encryption that a content key is reserved for.
    pub(crate) fn enc(&self) -> Option<Enc> {
        self.0.enc
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.0.sealer
    }
}

impl DecryptionKey {
    /// A password, for the `PBES2` algorithms.
    ///
    /// # Errors
    /// Empty, or more than 1024 bytes.
    pub fn password(password: impl Into<Vec<u8>>) -> Result<Self, KeyError> {
        let password = Zeroizing::new(password.into());
        match password.len() {
            0 => Err(KeyError::SecretTooShort { found: 0, needed: 1 }),
            found if found > PASSWORD_MOST => {
                Err(KeyError::Length { name: "password", expected: PASSWORD_MOST, found })
            }
            _ => {
                let algs = KeyManagement::all().filter(|alg| alg.mode() == Mode::Password).collect();
                Ok(Self(Arc::new(Opening { kid: None, algs, enc: None, opener: Opener::Password(password) })))
            }
        }
    }

    /// Its id, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// The algorithms it takes. `RSA1_5` is among them for an RSA key and still has to be asked for.
    pub fn accepts(&self) -> &[KeyManagement] {
        &self.0.algs
    }

    pub(crate) fn enc(&self) -> Option<Enc> {
        self.0.enc
    }

    pub(crate) fn opener(&self) -> &Opener {
        &self.0.opener
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey")
            .field("alg", &self.alg())
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey")
            .field("accepts", &self.accepts())
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}
