//! How a content key reaches its recipient: the key management algorithms of JWE (RFC 7518 §4, RFC 8037 §3.2).

use std::fmt;
use std::str::FromStr;

/// A registered key management algorithm.
///
/// [`RSA1_5`](Self::RSA1_5) is here to be read and never to be written: its padding has been an oracle for as long as
/// it exists, and only a caller who names it gets it (see [`crate::jwe::Decryption::also_rsa1_5`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(non_camel_case_types, missing_docs, reason = "the names are the registered ones")]
pub enum KeyManagement {
    RSA1_5,
    RSA_OAEP,
    RSA_OAEP_256,
    RSA_OAEP_384,
    RSA_OAEP_512,
    A128KW,
    A192KW,
    A256KW,
    A128GCMKW,
    A192GCMKW,
    A256GCMKW,
    Dir,
    ECDH_ES,
    ECDH_ES_A128KW,
    ECDH_ES_A192KW,
    ECDH_ES_A256KW,
    PBES2_HS256_A128KW,
    PBES2_HS384_A192KW,
    PBES2_HS512_A256KW,
}

/// What an algorithm does with the content key, and so which header parameters and which key it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Encrypted to an RSA key.
    Rsa,
    /// Wrapped under a shared key (RFC 3394).
    Wrap,
    /// Encrypted under a shared key with AES-GCM.
    GcmWrap,
    /// The shared key is the content key.
    Direct,
    /// Agreed upon with an ephemeral key.
    Agreement,
    /// Wrapped under a key agreed upon with an ephemeral key.
    AgreementWrap,
    /// Wrapped under a key derived from a password.
    Password,
}

/// One row per algorithm: registered name, mode, bytes of the wrapping key where the algorithm fixes them.
const ROWS: [(KeyManagement, &str, Mode, usize); 19] = {
    use KeyManagement as K;
    [
        (K::RSA1_5, "RSA1_5", Mode::Rsa, 0),
        (K::RSA_OAEP, "RSA-OAEP", Mode::Rsa, 0),
        (K::RSA_OAEP_256, "RSA-OAEP-256", Mode::Rsa, 0),
        (K::RSA_OAEP_384, "RSA-OAEP-384", Mode::Rsa, 0),
        (K::RSA_OAEP_512, "RSA-OAEP-512", Mode::Rsa, 0),
        (K::A128KW, "A128KW", Mode::Wrap, 16),
        (K::A192KW, "A192KW", Mode::Wrap, 24),
        (K::A256KW, "A256KW", Mode::Wrap, 32),
        (K::A128GCMKW, "A128GCMKW", Mode::GcmWrap, 16),
        (K::A192GCMKW, "A192GCMKW", Mode::GcmWrap, 24),
        (K::A256GCMKW, "A256GCMKW", Mode::GcmWrap, 32),
        (K::Dir, "dir", Mode::Direct, 0),
        (K::ECDH_ES, "ECDH-ES", Mode::Agreement, 0),
        (K::ECDH_ES_A128KW, "ECDH-ES+A128KW", Mode::AgreementWrap, 16),
        (K::ECDH_ES_A192KW, "ECDH-ES+A192KW", Mode::AgreementWrap, 24),
        (K::ECDH_ES_A256KW, "ECDH-ES+A256KW", Mode::AgreementWrap, 32),
        (K::PBES2_HS256_A128KW, "PBES2-HS256+A128KW", Mode::Password, 16),
        (K::PBES2_HS384_A192KW, "PBES2-HS384+A192KW", Mode::Password, 24),
        (K::PBES2_HS512_A256KW, "PBES2-HS512+A256KW", Mode::Password, 32),
    ]
};

impl KeyManagement {
    /// Every algorithm.
    pub fn all() -> impl Iterator<Item = KeyManagement> {
        ROWS.iter().map(|row| row.0)
    }

    fn row(self) -> &'static (KeyManagement, &'static str, Mode, usize) {
        // The table is in the order of the enum.
        &ROWS[self as usize]
    }

    /// The registered name, as it stands in a header.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// What it does with the content key.
    pub fn mode(self) -> Mode {
        self.row().2
    }

    /// Bytes of the AES key that wraps the content key; 0 where nothing is wrapped with AES.
    pub(crate) fn wrapping_len(self) -> usize {
        self.row().3
    }

    pub(crate) fn known(name: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// The name is no registered algorithm of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a supported encryption algorithm: `{}`", .0.escape_debug())]
pub struct UnknownAlgorithm(pub Box<str>);

impl UnknownAlgorithm {
    pub(crate) fn of(name: &str) -> Self {
        Self(name.chars().take(64).collect())
    }
}

impl FromStr for KeyManagement {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::known(name).ok_or_else(|| UnknownAlgorithm::of(name))
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for alg in KeyManagement::all() {
            assert_eq!(alg.row().0, alg);
            assert_eq!(alg.name().parse(), Ok(alg));
        }
        assert!("rsa-oaep".parse::<KeyManagement>().is_err());
    }
}
