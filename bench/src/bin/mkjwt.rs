//! Makes signing keys and many distinct, realistic bearer tokens for load tests.
//!
//! For every algorithm it writes `<alg>.tokens` (one token a line), and for asymmetric ones
//! `<alg>.pub.pem`; for HS256 `hs256.secret`. `jwks.json` holds the public keys.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use clap::Parser;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

#[derive(Parser)]
#[command(about = "Make keys and bearer tokens for load tests")]
struct Args {
    #[arg(long, default_value = ".run/jwt")]
    out: PathBuf,
    /// Distinct tokens per algorithm.
    #[arg(long, default_value_t = 20000)]
    count: u32,
    /// Distinct subjects; the tokens take turns.
    #[arg(long, default_value_t = 20000)]
    users: u32,
    #[arg(long, default_value = "https://issuer.bench.example")]
    issuer: String,
    #[arg(long, default_value = "bench")]
    audience: String,
    /// Seconds until the tokens expire.
    #[arg(long, default_value_t = 7 * 86400)]
    ttl: u64,
}

struct Key {
    alg: Algorithm,
    name: &'static str,
    signer: EncodingKey,
    /// Public keys only.
    jwk: Option<Value>,
    file: (String, String),
}

fn b64(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).expect("ascii")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn jwk(kid: &str, mut v: Value) -> Value {
    v["kid"] = kid.into();
    v["alg"] = kid.to_uppercase().replace("EDDSA", "EdDSA").into();
    v["use"] = "sig".into();
    v
}

fn keys() -> Result<Vec<Key>, Box<dyn std::error::Error>> {
    let mut keys = Vec::new();

    let mut secret = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut secret)?;
    let secret_text = b64(&secret);
    keys.push(Key {
        alg: Algorithm::HS256,
        name: "hs256",
        signer: EncodingKey::from_secret(secret_text.as_bytes()),
        jwk: None,
        file: ("hs256.secret".into(), secret_text),
    });

    for (alg, name) in [(Algorithm::RS256, "rs256"), (Algorithm::PS256, "ps256")] {
        let pair = signature::RsaKeyPair::generate(KeySize::Rsa2048)?;
        let pkcs8: Pkcs8V1Der = pair.as_der()?;
        let public = pair.public_key();
        let spki: PublicKeyX509Der = public.as_der()?;
        let n = public.modulus().big_endian_without_leading_zero().to_vec();
        let e = public.exponent().big_endian_without_leading_zero().to_vec();
        keys.push(Key {
            alg,
            name,
            signer: EncodingKey::from_rsa_pem(pem("PRIVATE KEY", pkcs8.as_ref()).as_bytes())?,
            jwk: Some(jwk(name, json!({"kty": "RSA", "n": b64(&n), "e": b64(&e)}))),
            file: (format!("{name}.pub.pem"), pem("PUBLIC KEY", spki.as_ref())),
        });
    }

    for (alg, name, curve, spec) in [
        (Algorithm::ES256, "es256", "P-256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        (Algorithm::ES384, "es384", "P-384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
    ] {
        let pair = EcdsaKeyPair::generate(spec)?;
        let pkcs8 = pair.to_pkcs8v1()?;
        let public = pair.public_key();
        let spki: PublicKeyX509Der = public.as_der()?;
        let (x, y) = public.as_ref()[1..].split_at(public.as_ref().len() / 2);
        keys.push(Key {
            alg,
            name,
            signer: EncodingKey::from_ec_der(pkcs8.as_ref()),
            jwk: Some(jwk(name, json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)}))),
            file: (format!("{name}.pub.pem"), pem("PUBLIC KEY", spki.as_ref())),
        });
    }

    let pair = Ed25519KeyPair::generate()?;
    let pkcs8 = pair.to_pkcs8v1()?;
    let spki: PublicKeyX509Der = pair.public_key().as_der()?;
    keys.push(Key {
        alg: Algorithm::EdDSA,
        name: "eddsa",
        signer: EncodingKey::from_ed_der(pkcs8.as_ref()),
        jwk: Some(jwk("eddsa", json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref())}))),
        file: ("eddsa.pub.pem".into(), pem("PUBLIC KEY", spki.as_ref())),
    });
    Ok(keys)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    fs::create_dir_all(&args.out)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let keys = keys()?;
    for key in &keys {
        let (file, text) = &key.file;
        fs::write(args.out.join(file), text)?;
        let mut header = Header::new(key.alg);
        header.kid = Some(key.name.into());
        let mut tokens = String::new();
        for i in 0..args.count {
            let user = i % args.users.max(1);
            let claims = json!({
                "iss": args.issuer, "aud": args.audience, "sub": format!("user-{user:06}"),
                "iat": now, "nbf": now, "exp": now + args.ttl, "jti": format!("{i:032x}"),
                "email": format!("user-{user:06}@bench.example"), "scope": "chat:write models:read",
                "groups": ["engineering", "platform"], "tenant": format!("t{:03}", i % 100),
            });
            tokens += &jsonwebtoken::encode(&header, &claims, &key.signer)?;
            tokens.push('\n');
        }
        fs::write(args.out.join(format!("{}.tokens", key.name)), &tokens)?;
        eprintln!("{}: {} tokens of {} bytes", key.name, args.count, tokens.len() as u32 / args.count.max(1) - 1);
    }
    let all: Vec<&Value> = keys.iter().filter_map(|k| k.jwk.as_ref()).collect();
    fs::write(args.out.join("jwks.json"), serde_json::to_string_pretty(&json!({"keys": all}))?)?;
    Ok(())
}
