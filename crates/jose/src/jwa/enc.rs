//! How the content of a JWE is encrypted (RFC 7518 §5).

use std::fmt;
use std::str::FromStr;

use super::UnknownAlgorithm;

/// A registered content encryption algorithm. All of them authenticate what they encrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(non_camel_case_types, missing_docs, reason = "the names are the registered ones")]
pub enum Enc {
    A128CBC_HS256,
    A192CBC_HS384,
    A256CBC_HS512,
    A128GCM,
    A192GCM,
    A256GCM,
}

impl Enc {
    /// Every algorithm.
    pub const ALL: [Enc; 6] = [
        Enc::A128CBC_HS256,
        Enc::A192CBC_HS384,
        Enc::A256CBC_HS512,
        Enc::A128GCM,
        Enc::A192GCM,
        Enc::A256GCM,
    ];

    /// The registered name, as it stands in a header.
    pub fn name(self) -> &'static str {
        match self {
            Enc::A128CBC_HS256 => "A128CBC-HS256",
            Enc::A192CBC_HS384 => "A192CBC-HS384",
            Enc::A256CBC_HS512 => "A256CBC-HS512",
            Enc::A128GCM => "A128GCM",
            Enc::A192GCM => "A192GCM",
            Enc::A256GCM => "A256GCM",
        }
    }

    /// Bytes of the content key; with CBC half of them are the MAC key.
    pub fn key_len(self) -> usize {
        match self {
            Enc::A128GCM => 16,
            Enc::A192GCM => 24,
            Enc::A128CBC_HS256 | Enc::A256GCM => 32,
            Enc::A192CBC_HS384 => 48,
            Enc::A256CBC_HS512 => 64,
        }
    }

    /// Bytes of the initialisation vector.
    pub fn iv_len(self) -> usize {
        if self.is_gcm() { 12 } else { 16 }
    }

    /// Bytes of the authentication tag.
    pub fn tag_len(self) -> usize {
        if self.is_gcm() { 16 } else { self.key_len() / 2 }
    }

    pub(crate) fn is_gcm(self) -> bool {
        matches!(self, Enc::A128GCM | Enc::A192GCM | Enc::A256GCM)
    }

    pub(crate) fn known(name: &str) -> Option<Enc> {
        Enc::ALL.into_iter().find(|enc| enc.name() == name)
    }
}

impl FromStr for Enc {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Enc::known(name).ok_or_else(|| UnknownAlgorithm::of(name))
    }
}

impl fmt::Display for Enc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
