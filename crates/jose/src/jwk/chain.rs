//! Certificate chains against given roots (RFC 5280 §6, the part of it that keys of JOSE need): who vouches for a key.
//!
//! Not for TLS: no host names, no revocation. Extensions that are critical and not understood refuse the chain, name
//! constraints and policies among them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::material::Jwk;

/// A chain longer than this is none that anybody issued.
const LONGEST: usize = 10;

/// Why a chain does not lead to a root. Certificates are counted from 0, the end entity's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No certificate, or more than ten.
    #[error("chain has {0} certificates, between 1 and {LONGEST} are read")]
    Length(usize),
    /// Not base64 of DER, or no certificate.
    #[error("certificate {0} is malformed")]
    Malformed(usize),
    /// It has expired.
    #[error("certificate {index} expired at {at}")]
    Expired {
        /// Which.
        index: usize,
        /// When, in seconds since 1970.
        at: i64,
    },
    /// It is not yet valid.
    #[error("certificate {index} is valid from {at}")]
    NotYetValid {
        /// Which.
        index: usize,
        /// When, in seconds since 1970.
        at: i64,
    },
    /// Its signature algorithm is not one that is still trusted: SHA-1, MD5.
    #[error("certificate {0} is signed with an algorithm that is not trusted")]
    Algorithm(usize),
    /// It was not issued by the next one: another name, or the signature does not match.
    #[error("certificate {0} was not issued by the next one")]
    Order(usize),
    /// It issued another, and may not: no CA, or not for signing certificates, or the path is too long.
    #[error("certificate {0} may not issue the one before it")]
    NotAuthority(usize),
    /// A critical extension that is not understood.
    #[error("certificate {index} has a critical extension that is not understood: `{oid}`")]
    Critical {
        /// Which.
        index: usize,
        /// The extension.
        oid: Box<str>,
    },
    /// The end entity's key may not sign.
    #[error("the key of the first certificate is not for signatures")]
    KeyUsage,
    /// The last one was issued by none of the roots.
    #[error("chain does not lead to a given root")]
    NoRoot,
    /// The end entity's key cannot be used.
    #[error(transparent)]
    Key(#[from] super::KeyError),
}

impl ChainError {
    /// Stable name for catalogues and tests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Length(_) => "chain_length",
            Self::Malformed(_) => "chain_malformed",
            Self::Expired { .. } => "certificate_expired",
            Self::NotYetValid { .. } => "certificate_not_yet_valid",
            Self::Algorithm(_) => "certificate_algorithm",
            Self::Order(_) => "chain_order",
            Self::NotAuthority(_) => "chain_not_authority",
            Self::Critical { .. } => "certificate_critical_extension",
            Self::KeyUsage => "certificate_key_usage",
            Self::NoRoot => "chain_no_root",
            Self::Key(error) => error.name(),
        }
    }
}

/// Certificates whose keys are trusted to vouch for others.
#[derive(Clone, Default)]
pub struct Roots(Vec<Vec<u8>>);

impl Roots {
    /// These, as DER.
    ///
    /// # Errors
    /// One of them is no certificate.
    pub fn new(ders: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, ChainError> {
        let ders: Vec<_> = ders.into_iter().collect();
        for (index, der) in ders.iter().enumerate() {
            parse(index, der)?;
        }
        Ok(Self(ders))
    }
}

impl Jwk {
    /// The key of the first certificate of an `x5c` (standard base64 each, RFC 7517 §4.7), after the chain has been
    /// followed to a root. `now` is in microseconds since 1970.
    ///
    /// # Errors
    /// The chain does not lead to a root, or the key cannot be used.
    pub fn from_x5c(x5c: &[&str], roots: &Roots, now: i64) -> Result<Self, ChainError> {
        if x5c.len() > LONGEST {
            return Err(ChainError::Length(x5c.len()));
        }
        let ders = x5c
            .iter()
            .enumerate()
            .map(|(index, text)| STANDARD.decode(text).map_err(|_| ChainError::Malformed(index)));
        Self::from_chain(&ders.collect::<Result<Vec<_>, _>>()?, roots, now)
    }

    /// The same for certificates as DER.
    ///
    /// # Errors
    /// As [`from_x5c`](Self::from_x5c).
    pub fn from_chain(ders: &[Vec<u8>], roots: &Roots, now: i64) -> Result<Self, ChainError> {
        if ders.is_empty() || ders.len() > LONGEST {
            return Err(ChainError::Length(ders.len()));
        }
        let parsed = ders.iter().enumerate().map(|(index, der)| parse(index, der));
        let chain: Vec<X509Certificate<'_>> = parsed.collect::<Result<_, _>>()?;
        for (index, certificate) in chain.iter().enumerate() {
            in_force(index, certificate, now / 1_000_000)?;
            understood(index, certificate)?;
        }
        for (index, pair) in chain.windows(2).enumerate() {
            may_issue(index + 1, &pair[1], index)?;
            if !issued(&pair[0], &pair[1]) {
                return Err(ChainError::Order(index));
            }
        }
        let last = chain.len() - 1;
        let trusted = roots.0.iter().any(|der| {
            let Ok(root) = parse(0, der) else { return false };
            // The chain may end with the root itself, or with what the root issued. A root counts while it is in force.
            let same = *der == ders[last];
            same || (in_force(0, &root, now / 1_000_000).is_ok()
                && may_issue(0, &root, last).is_ok()
                && issued(&chain[last], &root))
        });
        if !trusted {
            return Err(ChainError::NoRoot);
        }
        if let Ok(Some(usage)) = chain[0].key_usage()
            && !usage.value.digital_signature()
        {
            return Err(ChainError::KeyUsage);
        }
        Ok(Jwk::from_spki(chain[0].tbs_certificate.subject_pki.raw)?)
    }
}

fn parse(index: usize, der: &[u8]) -> Result<X509Certificate<'_>, ChainError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(ChainError::Malformed(index)),
    }
}

fn in_force(index: usize, certificate: &X509Certificate<'_>, now: i64) -> Result<(), ChainError> {
    let validity = certificate.validity();
    let (from, to) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    match now {
        _ if now > to => Err(ChainError::Expired { index, at: to }),
        _ if now < from => Err(ChainError::NotYetValid { index, at: from }),
        _ => Ok(()),
    }
}

/// What is critical must be understood: the three that are looked at here, and names, which do not matter to a key.
fn understood(index: usize, certificate: &X509Certificate<'_>) -> Result<(), ChainError> {
    let trusted = [
        "1.2.840.113549.1.1.10", // RSASSA-PSS
        "1.2.840.113549.1.1.11", // SHA-256 with RSA
        "1.2.840.113549.1.1.12",
        "1.2.840.113549.1.1.13",
        "1.2.840.10045.4.3.2", // ECDSA with SHA-256
        "1.2.840.10045.4.3.3",
        "1.2.840.10045.4.3.4",
        "1.3.101.112", // Ed25519
    ];
    if !trusted.contains(&&*certificate.signature_algorithm.algorithm.to_id_string()) {
        return Err(ChainError::Algorithm(index));
    }
    let unknown = certificate.extensions().iter().find(|extension| {
        extension.critical
            && !matches!(
                extension.parsed_extension(),
                ParsedExtension::BasicConstraints(_)
                    | ParsedExtension::KeyUsage(_)
                    | ParsedExtension::ExtendedKeyUsage(_)
                    | ParsedExtension::SubjectAlternativeName(_)
            )
    });
    match unknown {
        Some(extension) => Err(ChainError::Critical { index, oid: extension.oid.to_id_string().into() }),
        None => Ok(()),
    }
}

/// Whether it is an authority that may have so many others below it before the end entity.
fn may_issue(index: usize, certificate: &X509Certificate<'_>, below: usize) -> Result<(), ChainError> {
    let refused = Err(ChainError::NotAuthority(index));
    match certificate.basic_constraints() {
        Ok(Some(constraints)) if constraints.value.ca => {
            if constraints.value.path_len_constraint.is_some_and(|most| below > most as usize) {
                return refused;
            }
        }
        _ => return refused,
    }
    match certificate.key_usage() {
        Ok(Some(usage)) if !usage.value.key_cert_sign() => refused,
        Ok(_) => Ok(()),
        Err(_) => refused,
    }
}

fn issued(certificate: &X509Certificate<'_>, by: &X509Certificate<'_>) -> bool {
    certificate.issuer() == by.subject() && certificate.verify_signature(Some(by.public_key())).is_ok()
}
