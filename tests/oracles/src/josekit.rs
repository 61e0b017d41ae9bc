//! josekit: signed and encrypted messages on OpenSSL.

use josekit::JoseError;
use josekit::jwe::{self, JweDecrypter, JweEncrypter, JweHeader};
use josekit::jwk::Jwk;
use josekit::jws::{self, JwsHeader, JwsSigner, JwsVerifier};
use portcullis_jose::jwa::{Enc, KeyManagement};
use portcullis_jose::{Alg, SigningKey};

fn jwk(json: &str) -> Jwk {
    Jwk::from_bytes(json).expect("a key")
}

/// Each of its algorithms is a value of another type.
macro_rules! by_name {
    ($name:expr, $method:ident, $key:expr, $as:ty, $($known:literal => $value:expr),+ $(,)?) => {
        match $name {
            $($known => Some($value.$method($key).map(|it| Box::new(it) as Box<$as>)),)+
            _ => None,
        }
    };
}

macro_rules! signatures {
    ($name:expr, $method:ident, $key:expr, $as:ty) => {
        by_name!($name, $method, $key, $as,
            "HS256" => jws::HS256, "HS384" => jws::HS384, "HS512" => jws::HS512,
            "RS256" => jws::RS256, "RS384" => jws::RS384, "RS512" => jws::RS512,
            "PS256" => jws::PS256, "PS384" => jws::PS384, "PS512" => jws::PS512,
            "ES256" => jws::ES256, "ES384" => jws::ES384, "ES512" => jws::ES512,
            "ES256K" => jws::ES256K, "EdDSA" => jws::EdDSA)
    };
}

macro_rules! managements {
    ($name:expr, $method:ident, $key:expr, $as:ty) => {
        by_name!($name, $method, $key, $as,
            "RSA-OAEP" => jwe::RSA_OAEP, "RSA-OAEP-256" => jwe::RSA_OAEP_256,
            "RSA-OAEP-384" => jwe::RSA_OAEP_384, "RSA-OAEP-512" => jwe::RSA_OAEP_512,
            "RSA1_5" => rsa1_5(),
            "A128KW" => jwe::A128KW, "A192KW" => jwe::A192KW, "A256KW" => jwe::A256KW,
            "A128GCMKW" => jwe::A128GCMKW, "A192GCMKW" => jwe::A192GCMKW, "A256GCMKW" => jwe::A256GCMKW,
            "dir" => jwe::Dir, "ECDH-ES" => jwe::ECDH_ES,
            "ECDH-ES+A128KW" => jwe::ECDH_ES_A128KW, "ECDH-ES+A192KW" => jwe::ECDH_ES_A192KW,
            "ECDH-ES+A256KW" => jwe::ECDH_ES_A256KW,
            "PBES2-HS256+A128KW" => jwe::PBES2_HS256_A128KW,
            "PBES2-HS384+A192KW" => jwe::PBES2_HS384_A192KW,
            "PBES2-HS512+A256KW" => jwe::PBES2_HS512_A256KW)
    };
}

#[expect(deprecated, reason = "we read it too, when asked to")]
fn rsa1_5() -> jwe::alg::rsaes::RsaesJweAlgorithm {
    jwe::RSA1_5
}

/// Its signer for a key; nothing where it has no such algorithm.
pub fn signer(key: &SigningKey) -> Option<Box<dyn JwsSigner>> {
    let jwk = jwk(&key.jwk().to_private_json());
    signatures!(key.alg().name(), signer_from_jwk, &jwk, dyn JwsSigner).map(|it| it.expect("its key"))
}

/// Its verifier for a key; nothing where it has no such algorithm.
pub fn verifier(key: &SigningKey) -> Option<Box<dyn JwsVerifier>> {
    let json = match key.public_jwk().and_then(|key| key.to_public_json()) {
        Some(json) => json,
        None => key.jwk().to_private_json().to_string(),
    };
    let jwk = jwk(&json);
    signatures!(key.alg().name(), verifier_from_jwk, &jwk, dyn JwsVerifier).map(|it| it.expect("its key"))
}

pub fn sign(header: &JwsHeader, payload: &[u8], key: &SigningKey) -> Option<String> {
    Some(jws::serialize_compact(payload, header, &*signer(key)?).expect("signed"))
}

pub fn verify(token: &str, key: &SigningKey) -> Option<Result<(Vec<u8>, JwsHeader), JoseError>> {
    Some(jws::deserialize_compact(token, &*verifier(key)?))
}

/// Its encrypter to a key; nothing where it has no such algorithm, an error where not for such a key.
pub fn encrypter(
    alg: KeyManagement,
    key: &portcullis_jose::Jwk,
) -> Option<Result<Box<dyn JweEncrypter>, JoseError>> {
    let json = match key.to_public_json() {
        Some(json) => json,
        None => key.to_private_json().to_string(),
    };
    let jwk = jwk(&json);
    managements!(alg.name(), encrypter_from_jwk, &jwk, dyn JweEncrypter)
}

/// Its decrypter for a key.
pub fn decrypter(
    alg: KeyManagement,
    key: &portcullis_jose::Jwk,
) -> Option<Result<Box<dyn JweDecrypter>, JoseError>> {
    let jwk = jwk(&key.to_private_json());
    managements!(alg.name(), decrypter_from_jwk, &jwk, dyn JweDecrypter)
}

/// A header for it.
pub fn header(enc: Enc, zip: bool) -> JweHeader {
    let mut header = JweHeader::new();
    header.set_content_encryption(enc.name());
    if zip {
        header.set_compression("DEF");
    }
    header
}

/// Whether it has the algorithm at all.
pub fn has(alg: Alg) -> bool {
    !matches!(alg, Alg::Ed25519 | Alg::Ed448 | Alg::MlDsa44 | Alg::MlDsa65 | Alg::MlDsa87)
}
