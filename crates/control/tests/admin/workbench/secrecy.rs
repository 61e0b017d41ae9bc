//! What goes through the workbench stays nowhere: not in the log, not in the database, not in the audit log.

use super::*;
use std::io;
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn nothing_of_it_is_logged_or_stored() {
    let lines = Lines::default();
    // For the whole process: the operations run on threads of their own.
    let logging =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(lines.clone()).finish();
    tracing::subscriber::set_global_default(logging).unwrap();
    let plane = Plane::new().await;
    let (signer, token, public) = signed();
    let private = private(&signer);
    let pem = signer.jwk().to_private_pem().unwrap().to_string();
    let secret = "sentinel-0123456789-sentinel-0123456789";
    let sensitive = [
        secret.to_owned(),
        private["d"].as_str().unwrap().to_owned(),
        pem.lines().nth(1).unwrap().to_owned(),
        token.rsplit('.').next().unwrap().to_owned(),
        token.split('.').nth(1).unwrap().to_owned(),
    ];
    let keys = json!([{ "jwk": private }, { "pem": pem }, { "secret": secret, "alg": "HS256" }]);
    for (operation, body) in [
        ("decode", json!({ "token": token })),
        ("verify", json!({ "token": token, "keys": keys })),
        ("explain", json!({ "token": format!("Bearer {token}"), "keys": keys, "tokens": [token] })),
        ("sign", json!({ "payload": { "text": token }, "keys": keys })),
        ("encrypt", json!({ "content": { "text": token }, "keys": key(&public), "algorithm": "ECDH-ES" })),
        ("decrypt", json!({ "token": token, "keys": keys })),
        ("keys/convert", json!({ "keys": keys, "to": "jwks" })),
        ("keys/thumbprint", json!({ "keys": keys })),
        ("keys/audit", json!({ "keys": keys, "exposure": "public" })),
        ("jwks/audit", json!({ "jwks": { "keys": [private] } })),
        ("jwks/diff", json!({ "before": { "keys": [private] }, "after": { "keys": [] } })),
        // Sensitive things where they do not belong.
        ("verify", json!({ "token": token, "policy": secret })),
        ("verify", json!({ "token": token, "algorithms": [secret] })),
        ("verify", json!({ "token": token, "keys": [{ "pem": secret }, { "jwk": secret }] })),
        ("verify", json!({ "token": token, "keys": [{ "jwk": { "kty": token } }] })),
        ("verify", json!({ "token": token, secret: 1 })),
        ("verify", json!({ "token": token, "jwks_url": format!("https://127.0.0.1/{secret}?{token}") })),
        ("sign", json!({ "claims": {}, "header": { secret: 1, "alg": token }, "keys": keys })),
        ("sign", json!({ "claims": {}, "expires_in": secret, "keys": keys })),
        ("keys/generate", json!({ "algorithm": secret, "kid": token })),
        ("keys/generate", json!({ "algorithm": "ES256", "curve": secret })),
        ("jwks/fetch", json!({ "issuer": format!("https://localhost/{secret}") })),
        ("decode", json!({ "token": 7, "now": token })),
    ] {
        let answer = plane.post(&format!("/workbench/v1/{operation}"), body).await;
        assert!([200, 400].contains(&answer.status.as_u16()), "{operation}: {:?}", answer.body);
    }
    let audited = plane.get("/admin/v1/audit").await.good().to_string();
    let logged = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    assert!(
        logged.contains("control request refused") && logged.contains("/workbench/v1/verify"),
        "nothing is captured"
    );
    let files = plane.files();
    assert!(files.iter().any(|file| file.starts_with(b"SQLite format 3")), "no database was looked at");
    for sentinel in &sensitive {
        assert!(!logged.contains(sentinel), "in the log: {sentinel}");
        assert!(!audited.contains(sentinel), "in the audit log: {sentinel}");
        let stored =
            |file: &Vec<u8>| file.windows(sentinel.len()).any(|window| window == sentinel.as_bytes());
        assert!(!files.iter().any(stored), "in the data directory: {sentinel}");
    }
}
