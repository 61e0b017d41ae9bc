//! Issuers of several kinds, users, and a running server that trusts them.

use crate::http::{call, get};
use crate::server::{CONFIG, PATIENCE, Place, Server, eventually};
use http::Method;
use portcullis_jose::{Alg, JwkSet, Protected, SigningKey, encode};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A secret that its owner signs with as bytes, and that is configured as base64.
pub const SECRET: [u8; 32] = *b"0123456789abcdef0123456789ABCDEF";

pub struct World {
    pub server: Server,
    pub corp: SigningKey,
    pub partner: SigningKey,
    pub rsa: SigningKey,
}

pub fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a test makes tokens for the real clock")]
    let now = SystemTime::now();
    i64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// A key of this id.
pub fn key(alg: Alg, kid: &str) -> SigningKey {
    let generated = SigningKey::generate(alg).unwrap();
    generated.jwk().clone().with_kid(kid).signing_key(Some(alg)).unwrap()
}

pub fn publish(place: &Path, file: &str, keys: &[&SigningKey]) {
    let set: JwkSet = keys.iter().filter_map(|key| key.public_jwk()).collect();
    let draft = place.join("draft.json");
    std::fs::write(&draft, set.to_public_json()).unwrap();
    std::fs::rename(draft, place.join(file)).unwrap();
}

pub fn config(more: &str) -> String {
    let issuer = |name: &str, rest: &str| {
        format!(
            "[[issuers]]\nname = \"{name}\"\nissuer = \"https://{name}.example\"\naudiences = [\"gateway\"]\n{rest}\n"
        )
    };
    let config = CONFIG.replace("[gateway]", "[gateway]\nfailure_budget = { failures = 1000000 }");
    [
        config,
        "[[tenants]]\nname = \"other\"\n".to_owned(),
        issuer("corp", "tenant = \"acme\"\njwks_file = \"corp.json\""),
        issuer(
            "partner",
            "tenant = \"acme\"\njwks_file = \"partner.json\"\nsubject = { attribute = \"username\" }",
        ),
        issuer("rsa", "tenant = \"acme\"\njwks_file = \"rsa.json\""),
        issuer("shared", "tenant = \"acme\"\nsecret = \"file:secret.txt\""),
        issuer("ids", "tenant = \"acme\"\njwks_file = \"corp.json\"\nsubject = { attribute = \"id\" }"),
        more.to_owned(),
    ]
    .join("\n")
}

impl World {
    pub fn new(more: &str) -> Self {
        let place = Place::new(&config(more));
        let keys = [key(Alg::ES256, "corp-1"), key(Alg::ES256, "partner-1"), key(Alg::RS256, "rsa-1")];
        let [corp, partner, rsa] = keys;
        publish(place.path(), "corp.json", &[&corp]);
        publish(place.path(), "partner.json", &[&partner]);
        publish(place.path(), "rsa.json", &[&rsa]);
        // What a tool wrote that shows secrets as base64.
        std::fs::write(place.path().join("secret.txt"), base64url(&SECRET)).unwrap();
        let server = place.serve();
        Self { server, corp, partner, rsa }
    }

    pub fn user(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["user", "create"];
        all.extend(arguments);
        if !arguments.contains(&"--tenant") {
            all.extend(["--tenant", "acme"]);
        }
        self.server.cli(&all)
    }

    /// What the API says.
    pub async fn ask(&self, question: Value) -> Value {
        let authorization = format!("Bearer {}", self.server.credential());
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let answer =
            call(self.server.control, Method::POST, "/admin/v1/doctor", &headers, question.to_string())
                .await
                .unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// What the command line says of a credential.
    pub fn told(&self, token: &str) -> Value {
        let file = self.server.place.path().join("token.txt");
        std::fs::write(&file, token).unwrap();
        self.server.cli(&["doctor", &format!("@{}", file.display())])
    }

    /// What the API says once its first finding is this: what is changed is in force within a second, and not at once.
    pub async fn until(&self, question: Value, code: &str) -> Value {
        let began = Instant::now();
        loop {
            let told = self.ask(question.clone()).await;
            if told["findings"][0]["code"] == code {
                return told;
            }
            assert!(began.elapsed() < PATIENCE, "no {code}: {told:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The same of a credential; the command line agrees.
    pub async fn soon(&self, token: &str, code: &str) -> Value {
        self.until(json!({ "token": token }), code).await;
        let (first, diagnosis) = self.first(token).await;
        assert_eq!(first, code, "{diagnosis:#}");
        diagnosis
    }

    /// The first finding about a credential, which the API and the command line have to agree about.
    pub async fn first(&self, token: &str) -> (String, Value) {
        let diagnosis = self.ask(json!({ "token": token })).await;
        let told = self.told(token);
        let first =
            |diagnosis: &Value| diagnosis["findings"][0]["code"].as_str().unwrap_or("none").to_owned();
        assert_eq!(first(&diagnosis), first(&told), "{diagnosis:#} {told:#}");
        for shown in [&diagnosis, &told] {
            let long = token.split('.').filter(|part| part.len() > 60);
            assert!(long.clone().all(|part| !shown.to_string().contains(part)), "a whole part is shown");
        }
        (first(&diagnosis), diagnosis)
    }

    /// Makes calls until one is refused with this; its id. What is changed is in force within a second.
    pub async fn refused(&self, path: &str, token: &str, code: &str) -> String {
        let began = Instant::now();
        loop {
            let id = self.recorded(path, token).await;
            let record = self.server.cli(&["record", "show", &id]);
            if record["code"] == code {
                return id;
            }
            assert!(began.elapsed() < PATIENCE, "not refused with {code}: {record:#}");
        }
    }

    /// Makes a call; its id, once its record is stored.
    pub async fn recorded(&self, path: &str, token: &str) -> String {
        let answer = get(self.server.gateway, path, Some(token)).await;
        let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
        let there =
            eventually(|| self.server.place.run(&["record", "show", &id]).status.success(), |there| *there);
        assert!(there, "no record of {id}");
        id
    }
}

/// The codes of all findings, the likeliest first.
pub fn codes(diagnosis: &Value) -> Vec<String> {
    let findings = diagnosis["findings"].as_array().unwrap();
    findings.iter().filter_map(|one| one["code"].as_str()).map(str::to_owned).collect()
}

/// A command that the doctor tells, as it is given to the command line.
pub fn words(finding: &Value) -> Vec<&str> {
    finding["command"].as_str().unwrap().split(' ').skip(1).collect()
}

pub fn claims(of: &str, sub: &str) -> Value {
    json!({ "iss": format!("https://{of}.example"), "sub": sub, "aud": "gateway", "iat": now() - 10, "exp": now() + 3_600 })
}

pub fn sign(claims: &Value, key: &SigningKey) -> String {
    let header = match key.kid() {
        Some(kid) => Protected::new().kid(kid),
        None => Protected::new(),
    };
    encode(&header, claims.to_string().as_bytes(), key).unwrap()
}

/// `claims` with one member changed.
pub fn with(mut claims: Value, member: &str, value: Value) -> Value {
    claims[member] = value;
    claims
}

pub fn base64url(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
