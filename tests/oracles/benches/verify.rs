//! Parse and verify beside jsonwebtoken, on the same tokens in the same run, both on aws-lc-rs. `--write DAY` puts the
//! table into docs/reference/jose-performance.md.

#[path = "../../../crates/jose/benches/measure/paired.rs"]
mod paired;

use std::fmt::Write as _;
use std::hint::black_box;

use jsonwebtoken::Validation;
use paired::{Asked, micros, publish};
use portcullis_jose::{Alg, Protected, Rules, Unverified, encode};
use portcullis_oracles::{jsonwebtoken as theirs, key};
use serde_json::Value;

/// That of `crates/jose/benches/verify.rs`, with times on the right side of any clock.
const PAYLOAD: &str = r#"{"iss":"https://idp.example/realms/corp","sub":"7d1c1f5e-2a51-4a7f-a8a1-5f1b1f6b7a10","aud":["api://acme","account"],"exp":4000000000,"nbf":1700000000,"iat":1700000000,"jti":"0193-aa","azp":"web","scope":"openid orders:read orders:write","realm_access":{"roles":["offline_access","default-roles-corp","admin"]},"email_verified":true,"name":"Ada Lovelace","preferred_username":"ada","email":"ada@acme.example","sid":"0b8c9f6e-1f2a-4c3d"}"#;

fn main() {
    let asked = Asked::read();
    let mut table = "| | ours, µs | jsonwebtoken, µs | ratio |\n|---|---:|---:|---:|\n".to_owned();
    for alg in Alg::ALL {
        let Some(algorithm) = theirs::algorithm(alg) else { continue };
        let key = key(alg);
        let token = encode(&Protected::new().typ("JWT"), PAYLOAD.as_bytes(), key).expect("a token");
        let verifying = key.verifying_key();
        let rules = Rules::new().issuer("https://idp.example/realms/corp").audiences(["api://acme"]);
        let decoding = theirs::decoding(key);
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&["https://idp.example/realms/corp"]);
        validation.set_audience(&["api://acme"]);
        validation.validate_nbf = true;
        let [ours, other] = asked.least([
            &mut || {
                let token = Unverified::parse(black_box(&token)).expect("sound");
                let verified = token.verify(&verifying, alg.into()).expect("verified");
                rules.first(verified.claims(), verified.header(), 1_800_000_000_000_000).expect("in order");
                black_box(verified.claims().sub());
            },
            &mut || {
                let token = jsonwebtoken::decode::<Value>(black_box(&token), &decoding, &validation);
                black_box(token.expect("verified").claims["sub"].as_str());
            },
        ]);
        writeln!(table, "| {alg} | {} | {} | {:.2} |", micros(ours), micros(other), ours / other)
            .expect("a string takes it");
    }
    println!("{table}");
    if let Some(day) = &asked.write {
        publish("jose-performance.md", "jsonwebtoken", day, &table);
    }
}
