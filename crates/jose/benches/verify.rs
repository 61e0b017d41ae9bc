//! What reading a token costs beyond the signature check itself: parse and verify per algorithm, beside the raw
//! primitive on the same bytes.

use std::hint::black_box;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self as lc, ParsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use portcullis_jose::{Alg, Algs, Jwk, Protected, Rules, SigningKey, Unverified, encode};
use serde_json::Value;

/// Makes tokens of about 700 bytes, as identity providers issue them.
const PAYLOAD: &str = r#"{"iss":"https://idp.example/realms/corp","sub":"7d1c1f5e-2a51-4a7f-a8a1-5f1b1f6b7a10","aud":["api://acme","account"],"exp":1900000000,"nbf":1700000000,"iat":1700000000,"jti":"0193-aa","azp":"web","scope":"openid orders:read orders:write","realm_access":{"roles":["offline_access","default-roles-corp","admin"]},"email_verified":true,"name":"Ada Lovelace","preferred_username":"ada"}"#;

fn key_of(alg: Alg) -> SigningKey {
    SigningKey::generate(alg).expect("a key")
}

fn member(jwk: &Jwk, name: &str) -> Vec<u8> {
    let json: Value = serde_json::from_str(&jwk.to_private_json()).expect("its own json");
    URL_SAFE_NO_PAD.decode(json[name].as_str().expect("a member")).expect("base64url")
}

/// Signing input and signature to yes or no.
type Primitive = Box<dyn Fn(&[u8], &[u8]) -> bool>;

/// The primitive, called as anybody would call it.
fn raw(key: &SigningKey) -> Primitive {
    let part = |name| member(key.jwk(), name);
    let point = || [vec![4], part("x"), part("y")].concat();
    let (algorithm, bytes): (&'static dyn VerificationAlgorithm, Vec<u8>) = match key.alg() {
        Alg::HS256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &part("k"));
            return Box::new(move |input, signature| hmac::verify(&key, input, signature).is_ok());
        }
        Alg::RS256 | Alg::PS256 => {
            let public = lc::RsaPublicKeyComponents { n: part("n"), e: part("e") };
            let parameters = if key.alg() == Alg::RS256 {
                &lc::RSA_PKCS1_2048_8192_SHA256
            } else {
                &lc::RSA_PSS_2048_8192_SHA256
            };
            let parsed = public.to_parsed_public_key(parameters).expect("a key");
            return Box::new(move |input, signature| parsed.verify_sig(input, signature).is_ok());
        }
        Alg::ES256 => (&lc::ECDSA_P256_SHA256_FIXED, point()),
        Alg::ES384 => (&lc::ECDSA_P384_SHA384_FIXED, point()),
        Alg::EdDSA => (&lc::ED25519, part("x")),
        Alg::MlDsa44 => (&lc::ML_DSA_44, part("pub")),
        other => unreachable!("{other} is not measured"),
    };
    let parsed = ParsedPublicKey::new(algorithm, bytes).expect("a key");
    Box::new(move |input, signature| parsed.verify_sig(input, signature).is_ok())
}

fn verify(criterion: &mut Criterion) {
    for alg in [Alg::HS256, Alg::RS256, Alg::PS256, Alg::ES256, Alg::ES384, Alg::EdDSA, Alg::MlDsa44] {
        let key = key_of(alg);
        let token = encode(&Protected::new().typ("JWT"), PAYLOAD.as_bytes(), &key).expect("a token");
        let (verifying, allowed, primitive) = (key.verifying_key(), Algs::from(alg), raw(&key));
        let mut group = criterion.benchmark_group(format!("{alg} ({} bytes)", token.len()));
        group.bench_function("parse and verify", |bencher| {
            bencher.iter(|| {
                let token = Unverified::parse(black_box(&token)).expect("sound");
                token.verify(&verifying, allowed).expect("verified")
            });
        });
        let (input, signature) = token.rsplit_once('.').expect("three parts");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        group.bench_function("primitive alone", |bencher| {
            bencher.iter(|| assert!(primitive(black_box(input.as_bytes()), black_box(&signature))));
        });
        group.finish();
    }
}

fn claims(criterion: &mut Criterion) {
    let key = key_of(Alg::HS256);
    let token = encode(&Protected::new().typ("JWT"), PAYLOAD.as_bytes(), &key).expect("a token");
    criterion.bench_function("parse alone", |bencher| {
        bencher.iter(|| Unverified::parse(black_box(&token)).expect("sound"));
    });
    let verified = Unverified::parse(&token).expect("sound");
    let verified = verified.verify(&key.verifying_key(), Alg::HS256.into()).expect("verified");
    let rules = Rules::new().issuer("https://idp.example/realms/corp").audiences(["api://acme"]);
    criterion.bench_function("rules", |bencher| {
        bencher.iter(|| {
            rules
                .first(black_box(verified.claims()), verified.header(), 1_800_000_000_000_000)
                .expect("in order")
        });
    });
    criterion.bench_function("a nested claim", |bencher| {
        bencher.iter(|| verified.claims().claim(black_box(&["realm_access", "roles"])));
    });
}

criterion_group!(benches, verify, claims);
criterion_main!(benches);
