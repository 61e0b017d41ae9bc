//! One signature algorithm, by its registered name.

use std::fmt;
use std::str::FromStr;

/// A registered JWS algorithm that this crate signs and verifies.
///
/// `EdDSA` (RFC 8037) says Ed25519 or Ed448, whichever the key is; `Ed25519` and `Ed448` (RFC 9864) say which. The same
/// mathematics under two names is kept apart: an allow-list or a key that names one does not accept the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the registered ones and say all there is to say")]
pub enum Alg {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    ES256K,
    EdDSA,
    Ed25519,
    Ed448,
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

/// Algorithms that share a kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// HMAC with a shared secret.
    Hmac,
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1,
    /// RSASSA-PSS.
    RsaPss,
    /// ECDSA, one curve per algorithm.
    Ecdsa,
    /// Edwards curves: Ed25519 and Ed448, under either name.
    EdDsa,
    /// ML-DSA (FIPS 204).
    MlDsa,
}

/// Why the value of `alg` names no algorithm that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlgError {
    /// `none` in any spelling: the token is unsigned. Somebody is trying, or a library was told not to sign.
    #[error("`alg` is `none`: the token carries no signature")]
    None,
    /// Not a registered signature algorithm, or one this crate does not have; names are case-sensitive.
    #[error("`alg` is not a supported signature algorithm: `{}`", .0.escape_debug())]
    Unknown(Box<str>),
}

impl AlgError {
    /// Stable name for catalogues and tests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "alg_none",
            Self::Unknown(_) => "alg_unknown",
        }
    }
}

/// The longest piece of an unknown name that is kept: enough to recognise it, too little to flood a log.
const UNKNOWN_NAME: usize = 64;

impl Alg {
    /// Every algorithm, in the order of the registry.
    pub const ALL: [Alg; 19] = [
        Alg::HS256,
        Alg::HS384,
        Alg::HS512,
        Alg::RS256,
        Alg::RS384,
        Alg::RS512,
        Alg::PS256,
        Alg::PS384,
        Alg::PS512,
        Alg::ES256,
        Alg::ES384,
        Alg::ES512,
        Alg::ES256K,
        Alg::EdDSA,
        Alg::Ed25519,
        Alg::Ed448,
        Alg::MlDsa44,
        Alg::MlDsa65,
        Alg::MlDsa87,
    ];

    /// The registered name, as it stands in a header.
    pub fn name(self) -> &'static str {
        match self {
            Alg::HS256 => "HS256",
            Alg::HS384 => "HS384",
            Alg::HS512 => "HS512",
            Alg::RS256 => "RS256",
            Alg::RS384 => "RS384",
            Alg::RS512 => "RS512",
            Alg::PS256 => "PS256",
            Alg::PS384 => "PS384",
            Alg::PS512 => "PS512",
            Alg::ES256 => "ES256",
            Alg::ES384 => "ES384",
            Alg::ES512 => "ES512",
            Alg::ES256K => "ES256K",
            Alg::EdDSA => "EdDSA",
            Alg::Ed25519 => "Ed25519",
            Alg::Ed448 => "Ed448",
            Alg::MlDsa44 => "ML-DSA-44",
            Alg::MlDsa65 => "ML-DSA-65",
            Alg::MlDsa87 => "ML-DSA-87",
        }
    }

    /// What kind of key it takes.
    pub fn family(self) -> Family {
        match self {
            Alg::HS256 | Alg::HS384 | Alg::HS512 => Family::Hmac,
            Alg::RS256 | Alg::RS384 | Alg::RS512 => Family::RsaPkcs1,
            Alg::PS256 | Alg::PS384 | Alg::PS512 => Family::RsaPss,
            Alg::ES256 | Alg::ES384 | Alg::ES512 | Alg::ES256K => Family::Ecdsa,
            Alg::EdDSA | Alg::Ed25519 | Alg::Ed448 => Family::EdDsa,
            Alg::MlDsa44 | Alg::MlDsa65 | Alg::MlDsa87 => Family::MlDsa,
        }
    }

    /// The exact number of bytes in a signature, where the algorithm alone fixes it (for RSA and
    /// `EdDSA` the key does).
    ///
    /// ECDSA: the raw form of RFC 7518 §3.4, never DER.
    pub fn signature_len(self) -> Option<usize> {
        Some(match self {
            Alg::HS256 => 32,
            Alg::HS384 => 48,
            Alg::HS512 => 64,
            Alg::RS256 | Alg::RS384 | Alg::RS512 | Alg::PS256 | Alg::PS384 | Alg::PS512 => return None,
            Alg::EdDSA => return None,
            Alg::ES256 | Alg::ES256K | Alg::Ed25519 => 64,
            Alg::Ed448 => 114,
            Alg::ES384 => 96,
            Alg::ES512 => 132,
            Alg::MlDsa44 => 2420,
            Alg::MlDsa65 => 3309,
            Alg::MlDsa87 => 4627,
        })
    }

    /// For HMAC the fewest bytes that a secret may have: those of the hash (RFC 7518 §3.2).
    pub fn min_secret_len(self) -> Option<usize> {
        (self.family() == Family::Hmac).then(|| self.signature_len()).flatten()
    }

    /// The algorithm of that registered name, or nothing. Case-sensitive, as RFC 7515 §4.1.1 demands.
    pub(crate) fn known(name: &str) -> Option<Alg> {
        Alg::ALL.into_iter().find(|alg| alg.name() == name)
    }
}

impl FromStr for Alg {
    type Err = AlgError;

    fn from_str(name: &str) -> Result<Self, AlgError> {
        if let Some(alg) = Alg::known(name) {
            return Ok(alg);
        }
        if name.trim().eq_ignore_ascii_case("none") {
            return Err(AlgError::None);
        }
        Err(AlgError::Unknown(name.chars().take(UNKNOWN_NAME).collect()))
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl serde::Serialize for Alg {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> serde::Deserialize<'de> for Alg {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_no_other_spelling_does() {
        for alg in Alg::ALL {
            assert_eq!(alg.name().parse(), Ok(alg));
            let lower = alg.name().to_ascii_lowercase();
            assert_eq!(lower.parse::<Alg>(), Err(AlgError::Unknown(lower.into())));
        }
    }

    #[test]
    fn none_is_an_error_of_its_own_in_every_spelling() {
        for spelling in ["none", "None", "NONE", "nOnE", " none", "none\n"] {
            assert_eq!(spelling.parse::<Alg>(), Err(AlgError::None), "{spelling:?}");
        }
    }

    #[test]
    fn an_unknown_name_is_kept_short() {
        let Err(AlgError::Unknown(name)) = "x".repeat(70_000).parse::<Alg>() else { panic!("accepted") };
        assert_eq!(name.len(), UNKNOWN_NAME);
    }
}
