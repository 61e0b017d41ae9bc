//! jsonwebtoken: signed tokens only, twelve algorithms.

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use portcullis_jose::{Alg, Family, SigningKey};
use serde_json::Value;

/// Its name for an algorithm, where it has one.
pub fn algorithm(alg: Alg) -> Option<Algorithm> {
    alg.name().parse().ok()
}

pub fn encoding(key: &SigningKey) -> EncodingKey {
    let pem = || key.jwk().to_private_pem().expect("a private key");
    match key.alg().family() {
        Family::Hmac => EncodingKey::from_secret(&secret(key)),
        Family::RsaPkcs1 | Family::RsaPss => EncodingKey::from_rsa_pem(pem().as_bytes()).expect("its key"),
        Family::Ecdsa => EncodingKey::from_ec_pem(pem().as_bytes()).expect("its key"),
        Family::EdDsa | Family::MlDsa => EncodingKey::from_ed_pem(pem().as_bytes()).expect("its key"),
    }
}

pub fn decoding(key: &SigningKey) -> DecodingKey {
    if key.alg().family() == Family::Hmac {
        return DecodingKey::from_secret(&secret(key));
    }
    let public = key.public_jwk().and_then(|key| key.to_public_json()).expect("it has a public half");
    DecodingKey::from_jwk(&serde_json::from_str(&public).expect("its own form")).expect("its key")
}

fn secret(key: &SigningKey) -> Vec<u8> {
    use base64::Engine as _;
    let json: Value = serde_json::from_str(&key.jwk().to_private_json()).expect("json");
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(json["k"].as_str().expect("a secret"))
        .expect("base64url")
}

pub fn sign(header: &Header, claims: &Value, key: &SigningKey) -> Result<String, Error> {
    jsonwebtoken::encode(header, claims, &encoding(key))
}

/// The claims, if the token counts: one algorithm, no clock difference, `exp` and `nbf` where they are there.
pub fn verify(token: &str, key: &SigningKey) -> Result<Value, ErrorKind> {
    let mut validation = Validation::new(algorithm(key.alg()).expect("an algorithm it has"));
    validation.required_spec_claims.clear();
    validation.leeway = 0;
    validation.validate_nbf = true;
    validation.validate_aud = false;
    jsonwebtoken::decode::<Value>(token, &decoding(key), &validation)
        .map(|token| token.claims)
        .map_err(Error::into_kind)
}
