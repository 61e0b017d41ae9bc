//! The workbench over HTTP: every operation, every sort of refusal, and what must not happen.

mod fetching;
mod operations;
mod secrecy;

use crate::harness::Plane;
use portcullis_jose::{Alg, Protected, SigningKey, encode};
use serde_json::{Value, json};

/// A minute after the harness's clock.
const CLAIMS: &[u8] = br#"{"iss":"https://public.example/good","sub":"ada","exp":1795312303}"#;

/// A signing key, a token, and the public key as JSON.
fn signed() -> (SigningKey, String, Value) {
    let key = SigningKey::generate(Alg::ES256).unwrap();
    let token = encode(&Protected::new(), CLAIMS, &key).unwrap();
    let public = serde_json::from_str(&key.public_jwk().unwrap().to_public_json().unwrap()).unwrap();
    (key, token, public)
}

fn private(key: &SigningKey) -> Value {
    serde_json::from_str(&key.jwk().to_private_json()).unwrap()
}

/// What an operation answers.
async fn ask(plane: &Plane, operation: &str, body: Value) -> Value {
    plane.post(&format!("/workbench/v1/{operation}"), body).await.good()
}

/// With which status and code an operation refuses, and why.
async fn refused(plane: &Plane, operation: &str, body: Value) -> (u16, String, String) {
    let answer = plane.post(&format!("/workbench/v1/{operation}"), body).await;
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{:?}", answer.body);
    let detail = answer.body["detail"].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), answer.code().to_owned(), detail)
}

fn codes(answer: &Value) -> Vec<&str> {
    answer["findings"].as_array().into_iter().flatten().filter_map(|found| found["code"].as_str()).collect()
}

fn key(jwk: &Value) -> Value {
    json!([{ "jwk": jwk }])
}
