//! Keys as PEM and DER: SPKI, PKCS#8 (encrypted too), SEC1, PKCS#1, PKCS#12; certificates and chains of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_jose::Jwk;
use portcullis_jose::audit::{self, Exposure};
use portcullis_jose::jwk::{ChainError, Pkcs12, Roots};

use super::{LONGEST, NOW, jwk, keys, pkcs12};

const LABELS: [&str; 7] = [
    "PUBLIC KEY",
    "PRIVATE KEY",
    "RSA PUBLIC KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "CERTIFICATE",
    "ENCRYPTED PRIVATE KEY",
];

pub fn run(data: &[u8]) {
    if data.len() > LONGEST {
        return;
    }
    pem(data);
    let read: Vec<Option<Jwk>> = LABELS.iter().map(|label| armoured(label, data)).collect();
    for (direct, label) in [(Jwk::from_spki(data).ok(), 0), (Jwk::from_pkcs8(data).ok(), 1)] {
        let (direct, armoured) =
            (direct.map(|key| key.thumbprint()), read[label].as_ref().map(Jwk::thumbprint));
        assert_eq!(direct, armoured, "DER and PEM of it are one key");
    }
    read.iter().flatten().for_each(jwk::holds);
    if !is_laborious(data) {
        encrypted(data);
        archive(data);
    }
    chain(data);
}

fn armoured(label: &str, der: &[u8]) -> Option<Jwk> {
    let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
    Jwk::from_pem(pem.as_bytes()).ok()
}

fn pem(data: &[u8]) {
    let one = Jwk::from_pem(data);
    let all = Jwk::all_from_pem(data);
    if let Ok(one) = &one {
        jwk::holds(one);
        // A certificate beside its key is one key in two blocks.
        assert!(all.as_ref().is_ok_and(|all| all.iter().any(|key| key.thumbprint() == one.thumbprint())));
    }
    if let Ok(all) = &all {
        all.iter().take(4).for_each(jwk::holds);
    }
    for exposure in [Exposure::Public, Exposure::Private] {
        jwk::proportionate(&audit::pem(data, exposure), data.len());
    }
}

/// Whether it may ask for more iterations than a fuzzer has time for: a number of three bytes or more somewhere. What
/// is asked for beyond the library's own bound is refused; within it, it is paid.
fn is_laborious(der: &[u8]) -> bool {
    der.windows(2).any(|pair| pair[0] == 2 && (3..=8).contains(&pair[1]))
}

fn encrypted(der: &[u8]) {
    if let Ok(key) = Jwk::from_encrypted_pkcs8(der, keys::PASSWORD.as_bytes()) {
        jwk::holds(&key);
        assert!(key.is_private());
    }
}

/// A PKCS#12 file as it is, and its inside under a check value of our own, so that there is something behind it.
fn archive(der: &[u8]) {
    for read in [Pkcs12::parse(der, keys::PASSWORD), Pkcs12::parse(&pkcs12::around(der), keys::PASSWORD)] {
        let Ok(read) = read else { continue };
        assert!(read.keys.len() + read.certificates.len() <= 256);
        read.keys.iter().take(4).for_each(jwk::holds);
    }
}

/// Certificates one after the other, each behind its length in two bytes; the first is a root.
fn chain(data: &[u8]) {
    let mut ders = Vec::new();
    let mut rest = data;
    while let [high, low, tail @ ..] = rest {
        let len = usize::from(*high) << 8 | usize::from(*low);
        let Some((der, tail)) = tail.split_at_checked(len) else { break };
        ders.push(der.to_vec());
        rest = tail;
    }
    let Some((root, chain)) = ders.split_first() else { return };
    let Ok(roots) = Roots::new([root.clone()]) else { return };
    let text: Vec<String> = chain.iter().map(|der| STANDARD.encode(der)).collect();
    let text: Vec<&str> = text.iter().map(String::as_str).collect();
    let direct = Jwk::from_chain(chain, &roots, NOW);
    let encoded = Jwk::from_x5c(&text, &roots, NOW);
    match (&direct, &encoded) {
        (Ok(one), Ok(other)) => {
            assert_eq!(one.thumbprint(), other.thumbprint());
            assert_eq!(
                armoured("CERTIFICATE", &chain[0]).map(|key| key.thumbprint()),
                Some(one.thumbprint())
            );
            jwk::holds(one);
        }
        (Err(one), Err(other)) => assert_eq!(one, other),
        other => panic!("{other:?}"),
    }
    let nobody = Jwk::from_chain(chain, &Roots::default(), NOW).expect_err("nobody is trusted");
    if direct.is_ok() {
        assert_eq!(nobody, ChainError::NoRoot);
    }
    // In a key: for the audit, which looks at it and trusts nothing.
    let x5c = serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": "", "x5c": text}).to_string();
    jwk::proportionate(&audit::key(x5c.as_bytes(), Exposure::Public, NOW), x5c.len());
}
