//! What reading a token costs beyond the signature check itself: parse and verify per algorithm, beside the raw
//! primitive on the same bytes in the same run. `--write DAY` puts the table into docs/reference/jose-performance.md.

#[path = "measure/paired.rs"]
mod paired;

use std::fmt::Write as _;
use std::hint::black_box;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self as lc, ParsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use paired::{Asked, micros, publish};
use portcullis_jose::{Alg, Algs, Jwk, Protected, Rules, SigningKey, Unverified, encode};
use serde_json::Value;

/// Makes tokens of about 700 bytes with a small signature, as identity providers issue them.
const PAYLOAD: &str = r#"{"iss":"https://idp.example/realms/corp","sub":"7d1c1f5e-2a51-4a7f-a8a1-5f1b1f6b7a10","aud":["api://acme","account"],"exp":1900000000,"nbf":1700000000,"iat":1700000000,"jti":"0193-aa","azp":"web","scope":"openid orders:read orders:write","realm_access":{"roles":["offline_access","default-roles-corp","admin"]},"email_verified":true,"name":"Ada Lovelace","preferred_username":"ada","email":"ada@acme.example","sid":"0b8c9f6e-1f2a-4c3d"}"#;

/// What reading may cost beyond the primitive, in nanoseconds.
const BOUND: f64 = 2000.0;

/// The bound is meant for 700 bytes. A signature of RSA adds to them; one of ML-DSA is a multiple of them.
const LARGE: usize = 1200;

/// Those whose primitive aws-lc-rs has. Ed448 is another library's.
fn algorithms() -> impl Iterator<Item = Alg> {
    Alg::ALL.into_iter().filter(|alg| !matches!(alg, Alg::Ed448))
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
    let hmac = |algorithm| -> Primitive {
        let key = hmac::Key::new(algorithm, &part("k"));
        Box::new(move |input, signature| hmac::verify(&key, input, signature).is_ok())
    };
    let rsa = |parameters: &'static lc::RsaParameters| -> Primitive {
        let public = lc::RsaPublicKeyComponents { n: part("n"), e: part("e") };
        let parsed = public.to_parsed_public_key(parameters).expect("a key");
        Box::new(move |input, signature| parsed.verify_sig(input, signature).is_ok())
    };
    let (algorithm, bytes): (&'static dyn VerificationAlgorithm, Vec<u8>) = match key.alg() {
        Alg::HS256 => return hmac(hmac::HMAC_SHA256),
        Alg::HS384 => return hmac(hmac::HMAC_SHA384),
        Alg::HS512 => return hmac(hmac::HMAC_SHA512),
        Alg::RS256 => return rsa(&lc::RSA_PKCS1_2048_8192_SHA256),
        Alg::RS384 => return rsa(&lc::RSA_PKCS1_2048_8192_SHA384),
        Alg::RS512 => return rsa(&lc::RSA_PKCS1_2048_8192_SHA512),
        Alg::PS256 => return rsa(&lc::RSA_PSS_2048_8192_SHA256),
        Alg::PS384 => return rsa(&lc::RSA_PSS_2048_8192_SHA384),
        Alg::PS512 => return rsa(&lc::RSA_PSS_2048_8192_SHA512),
        Alg::ES256 => (&lc::ECDSA_P256_SHA256_FIXED, point()),
        Alg::ES384 => (&lc::ECDSA_P384_SHA384_FIXED, point()),
        Alg::ES512 => (&lc::ECDSA_P521_SHA512_FIXED, point()),
        Alg::ES256K => (&lc::ECDSA_P256K1_SHA256_FIXED, point()),
        Alg::EdDSA | Alg::Ed25519 => (&lc::ED25519, part("x")),
        Alg::MlDsa44 => (&lc::ML_DSA_44, part("pub")),
        Alg::MlDsa65 => (&lc::ML_DSA_65, part("pub")),
        Alg::MlDsa87 => (&lc::ML_DSA_87, part("pub")),
        Alg::Ed448 => unreachable!("not among those measured"),
    };
    let parsed = ParsedPublicKey::new(algorithm, bytes).expect("a key");
    Box::new(move |input, signature| parsed.verify_sig(input, signature).is_ok())
}

fn verifying(asked: &Asked) -> String {
    let mut table =
        "| | token, bytes | parse and verify, µs | primitive alone, µs | difference, µs | at most 2 µs |\n\
                     |---|---:|---:|---:|---:|---|\n"
            .to_owned();
    for alg in algorithms() {
        let key = SigningKey::generate(alg).expect("a key");
        let token = encode(&Protected::new().typ("JWT"), PAYLOAD.as_bytes(), &key).expect("a token");
        let (verifying, allowed, primitive) = (key.verifying_key(), Algs::from(alg), raw(&key));
        let (input, signature) = token.rsplit_once('.').expect("three parts");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        let [ours, alone] = asked.least([
            &mut || {
                let token = Unverified::parse(black_box(&token)).expect("sound");
                black_box(token.verify(&verifying, allowed).expect("verified"));
            },
            &mut || assert!(primitive(black_box(input.as_bytes()), black_box(&signature))),
        ]);
        let held = match ours - alone <= BOUND {
            true => "yes",
            false if token.len() > LARGE => "larger token",
            false => "**no**",
        };
        writeln!(
            table,
            "| {alg} | {} | {} | {} | {} | {held} |",
            token.len(),
            micros(ours),
            micros(alone),
            micros(ours - alone)
        )
        .expect("a string takes it");
    }
    table
}

fn reading(asked: &Asked) -> String {
    let key = SigningKey::generate(Alg::ES256).expect("a key");
    let token = encode(&Protected::new().typ("JWT"), PAYLOAD.as_bytes(), &key).expect("a token");
    let verified = Unverified::parse(&token).expect("sound");
    let verified = verified.verify(&key.verifying_key(), Alg::ES256.into()).expect("verified");
    let rules = Rules::new().issuer("https://idp.example/realms/corp").audiences(["api://acme"]);
    let named = ["parse without verifying", "all rules", "one claim", "one nested claim, as a tree"];
    let least = asked.least([
        &mut || {
            black_box(Unverified::parse(black_box(&token)).expect("sound"));
        },
        &mut || {
            let now = 1_800_000_000_000_000;
            rules.first(black_box(verified.claims()), verified.header(), now).expect("in order");
        },
        &mut || {
            black_box(verified.claims().string(black_box("azp")));
        },
        &mut || {
            black_box(verified.claims().claim(black_box(&["realm_access", "roles"])));
        },
    ]);
    let mut table = "\n| of the ES256 token | µs |\n|---|---:|\n".to_owned();
    for (name, nanos) in named.iter().zip(least) {
        writeln!(table, "| {name} | {} |", micros(nanos)).expect("a string takes it");
    }
    table
}

fn main() {
    let asked = Asked::read();
    let tables = verifying(&asked) + &reading(&asked);
    println!("{tables}");
    if let Some(day) = &asked.write {
        publish("jose-performance.md", "measured", day, &tables);
    }
}
