//! What there is to know about a key without knowing the key: nothing here is secret.

use portcullis_jose::jwa::KeyManagement;
use portcullis_jose::jwk::{Note, NoteKind};
use portcullis_jose::{Jwk, Kind};
use serde::Serialize;
use serde_json::Value;

/// A key, described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct KeyFacts {
    /// `kid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// `kty`: `oct`, `RSA`, `EC`, `OKP` or `AKP`.
    pub kty: String,
    /// `crv`, of EC and OKP keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// Length of an RSA modulus or a shared secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<usize>,
    /// `alg`, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `use`, as written.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// `key_ops`, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_ops: Option<Vec<String>>,
    /// Whether it holds something that must be kept: a private key or a shared secret.
    pub private: bool,
    /// SHA-256 thumbprint (RFC 7638); none of a shared secret, of which it would help to guess it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<String>,
    /// The algorithms it may be used with, for signatures and for encryption.
    pub algorithms: Vec<String>,
}

/// A member of a key set that is not used, or that something is to be said about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LeftOut {
    /// Which member, counted from 0.
    pub index: usize,
    /// Its `kid`, if that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// Stable: scripts may rely on it.
    #[schema(value_type = String)]
    pub name: &'static str,
    /// Why.
    pub reason: String,
}

impl KeyFacts {
    /// Describes a key.
    pub fn of(key: &Jwk) -> Self {
        let public = key.to_public();
        let json: Value = match &public {
            Some(public) => public.to_public_json().and_then(|text| serde_json::from_str(&text).ok()),
            None => serde_json::from_str(&key.to_private_json()).ok(),
        }
        .unwrap_or_default();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        // base64url: four characters are three bytes.
        let bits = |name: &str| json[name].as_str().map(|text| text.len() * 3 / 4 * 8);
        let own: Option<Value> = serde_json::from_str(&key.to_private_json()).ok();
        let key_ops = own
            .as_ref()
            .and_then(|own| own["key_ops"].as_array())
            .map(|ops| ops.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        let signs = key.verifying_key().map(|key| key.accepts()).unwrap_or_default();
        let opens = key.decryption_key().map(|key| key.accepts().to_vec()).unwrap_or_default();
        let encrypts = |alg: &KeyManagement| opens.contains(alg) || key.encryption_key(Some(*alg)).is_ok();
        let algorithms = signs.iter().map(|alg| alg.name().to_owned());
        let algorithms = algorithms
            .chain(KeyManagement::all().filter(encrypts).map(|alg| alg.name().to_owned()))
            .collect();
        Self {
            kid: key.kid().map(str::to_owned),
            kty: key.key_type().name().to_owned(),
            crv: text("crv"),
            bits: bits("n").or_else(|| bits("k")),
            alg: key.alg_name().map(str::to_owned),
            usage: text("use"),
            key_ops,
            private: key.is_private(),
            thumbprint: public.map(|public| public.thumbprint_text()),
            algorithms,
        }
    }
}

impl LeftOut {
    pub(crate) fn of(note: &Note) -> Self {
        let (name, reason) = match &note.kind {
            NoteKind::Skipped(error) => (error.name(), error.to_string()),
            NoteKind::DuplicateKid => ("kid_duplicate", "another key has the same `kid`".to_owned()),
        };
        Self { index: note.index, kid: note.kid.as_deref().map(str::to_owned), name, reason }
    }
}

/// The kind of a JSON value, in words.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => Kind::Null,
        Value::Bool(_) => Kind::Bool,
        Value::Number(_) => Kind::Number,
        Value::String(_) => Kind::String,
        Value::Array(_) => Kind::Array,
        Value::Object(_) => Kind::Object,
    }
    .name()
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_jose::Alg;
    use portcullis_jose::jwk::{Curve, KeyKind, RsaBits};

    #[test]
    fn what_is_said_of_keys() {
        let ec = KeyFacts::of(&Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap().with_kid("k1"));
        assert_eq!(
            (ec.kty.as_str(), ec.crv.as_deref(), ec.bits, ec.private),
            ("EC", Some("P-256"), None, true)
        );
        assert!(ec.algorithms.starts_with(&["ES256".into(), "ECDH-ES".into()]), "{ec:?}");
        let rsa = Jwk::generate(KeyKind::Rsa(RsaBits::B2048)).unwrap();
        let public = KeyFacts::of(&rsa.to_public().unwrap().with_alg(Alg::RS256).unwrap());
        assert_eq!(
            (public.bits, public.private, public.algorithms),
            (Some(2048), false, vec!["RS256".to_owned()])
        );
        let secret = KeyFacts::of(&Jwk::generate(KeyKind::Oct(33)).unwrap());
        assert_eq!((secret.bits, secret.thumbprint, secret.private), (Some(264), None, true));
        let text = serde_json::to_string(&ec).unwrap();
        assert!(!text.contains("\"d\"") && !text.contains("\"k\""), "{text}");
    }
}
