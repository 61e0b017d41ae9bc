//! Keys and sets of keys as JSON, and what the audit says of them.

use portcullis_jose::audit::{self, Exposure};
use portcullis_jose::jwk::{KeyType, NoteKind};
use portcullis_jose::{Finding, Jwk, JwkSet};

use super::{LONGEST, NOW};

pub fn run(data: &[u8]) {
    if data.len() > LONGEST {
        return;
    }
    if let Ok(key) = Jwk::parse(data) {
        holds(&key);
    }
    let all = JwkSet::parse(data);
    let public = JwkSet::parse_public(data);
    assert_eq!(all.is_ok(), public.is_ok());
    if let (Ok(all), Ok(public)) = (all, public) {
        sets(&all, &public);
    }
    for exposure in [Exposure::Public, Exposure::Private] {
        proportionate(&audit::key(data, exposure, NOW), data.len());
        proportionate(&audit::set(data, exposure, NOW), data.len());
    }
    proportionate(&audit::secret(data, None), data.len());
}

fn sets(all: &JwkSet, public: &JwkSet) {
    assert!(public.keys.len() <= all.keys.len());
    assert!(public.keys.iter().all(|key| !key.is_private() && key.key_type() != KeyType::Oct));
    let skipped =
        |set: &JwkSet| set.notes.iter().filter(|note| matches!(note.kind, NoteKind::Skipped(_))).count();
    assert_eq!(
        all.keys.len() + skipped(all),
        public.keys.len() + skipped(public),
        "every member is accounted for"
    );
    let published = all.to_public_json();
    let again = JwkSet::parse_public(published.as_bytes()).expect("what is published reads back");
    assert_eq!(again.keys.len(), all.keys.iter().filter(|key| key.key_type() != KeyType::Oct).count());
    for key in all.keys.iter().take(4) {
        holds(key);
    }
    let (keys, notes) = all.verifying_keys();
    assert_eq!(keys.len() + notes.len(), all.keys.len());
}

/// What holds for every key that was read, from whatever it was read.
pub fn holds(key: &Jwk) {
    let json = key.to_private_json();
    let again = Jwk::parse(json.as_bytes()).expect("its own json");
    assert_eq!(again.thumbprint(), key.thumbprint());
    assert_eq!(again.is_private(), key.is_private());
    // A key of ML-DSA always names its algorithm as JSON, and cannot in DER.
    let named = key.alg_name().or_else(|| again.alg_name().filter(|_| key.key_type() == KeyType::Akp));
    assert_eq!((again.kid(), again.alg_name()), (key.kid(), named));
    assert_eq!((again.usage(), again.ops()), (key.usage(), key.ops()));
    let members = |json: &str| serde_json::from_str::<serde_json::Value>(json).expect("json");
    assert_eq!(members(&again.to_private_json()), members(&json), "written once, it stays as it is");
    if let Some(public) = key.to_public() {
        assert!(!public.is_private());
        assert_eq!(public.thumbprint(), key.thumbprint());
        let json = key.to_public_json().expect("it has a public half");
        assert_eq!(Jwk::parse(json.as_bytes()).expect("its own json").thumbprint(), key.thumbprint());
        let pem = key.to_public_pem().expect("it has a public half");
        assert_eq!(Jwk::from_pem(pem.as_bytes()).expect("its own pem").thumbprint(), key.thumbprint());
    } else {
        assert_eq!(key.key_type(), KeyType::Oct);
    }
    if let Ok(der) = key.to_private_der() {
        let again = Jwk::from_pkcs8(&der).expect("its own der");
        assert!(again.is_private());
        assert_eq!(again.thumbprint(), key.thumbprint());
    }
    uses(key);
}

/// What it may do, it can do.
fn uses(key: &Jwk) {
    let verifying = key.verifying_key();
    if let Ok(verifying) = &verifying {
        assert!(!verifying.accepts().is_empty());
        assert_eq!(verifying.thumbprint(), &key.thumbprint());
        for alg in verifying.accepts().iter().take(1) {
            assert!(verifying.verify(alg, b"input", b"no signature").is_err());
        }
    }
    // A private operation of a large RSA key takes longer than everything else together.
    if key.key_type() == KeyType::Rsa && key.to_private_json().len() > 2500 {
        return;
    }
    if let Ok(signing) = key.signing_key(None)
        && let Ok(signature) = signing.sign(b"input")
    {
        signing.verifying_key().verify(signing.alg(), b"input", &signature).expect("its own signature");
    }
    if let (Ok(to), Ok(own)) = (key.encryption_key(None), key.decryption_key()) {
        assert!(own.accepts().contains(&to.alg()));
    }
}

/// Findings are for people: a few, and short.
pub fn proportionate(findings: &[Finding], given: usize) {
    let said: usize = findings.iter().map(|finding| finding.to_string().len()).sum();
    assert!(said <= 4096 + 64 * given, "{said} bytes of findings about {given} bytes");
    assert!(findings.iter().all(|finding| finding.evidence.len() <= 4096 && !finding.code.is_empty()));
}
