//! Tokens that are for one call, from outside: whatever kind of call it is, the second with the same token comes to nothing.

use crate::client::Answer;
use crate::house::{House, eventually, orders};
use crate::upstream::Upstream;
use portcullis_jose::{Alg, JwkSet, Protected, SigningKey, encode};
use portcullis_model::{Clock, SystemClock};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// Makes tokens of an issuer `corp`.
struct Corp {
    key: SigningKey,
    made: AtomicUsize,
}

impl Corp {
    fn new() -> Self {
        let key = SigningKey::generate(Alg::ES256).unwrap().jwk().clone().with_kid("k");
        Self { key: key.signing_key(Some(Alg::ES256)).unwrap(), made: AtomicUsize::new(0) }
    }

    /// It in the configuration, and a file with its key.
    fn issuer(&self, folder: &Path) -> String {
        let file = folder.join("corp.json");
        let keys: JwkSet = self.key.public_jwk().into_iter().collect();
        std::fs::write(&file, keys.to_public_json()).unwrap();
        format!(
            "[[issuers]]\nname = \"corp\"\nissuer = \"https://corp.example\"\naudiences = [\"gateway\"]\ntenant = \"acme\"\njwks_file = \"{}\"\nsingle_use = true\nsubject = {{ attribute = \"username\" }}\n",
            file.display()
        )
    }

    /// `authorization` of ada, another each time.
    fn token(&self) -> String {
        let now = SystemClock.now().seconds();
        let claims = json!({
            "iss": "https://corp.example", "sub": "ada", "aud": "gateway", "iat": now, "exp": now + 600,
            "jti": self.made.fetch_add(1, Ordering::SeqCst).to_string(),
        });
        let token = encode(&Protected::new().kid("k"), claims.to_string().as_bytes(), &self.key).unwrap();
        format!("Bearer {token}")
    }
}

/// An upstream that says how many calls it has had.
async fn counting(calls: Arc<AtomicUsize>) -> Upstream {
    Upstream::open(move |mut wire, _| {
        let calls = calls.clone();
        async move {
            while wire.call().await.is_some() {
                calls.fetch_add(1, Ordering::SeqCst);
                wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        }
    })
    .await
}

async fn get(house: &House, path: &str, authorization: &str) -> Answer {
    let head = format!("GET {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {authorization}\r\n\r\n");
    house.client().await.call(head).await
}

fn code(answer: &Answer) -> String {
    let body = answer.json();
    let code = body["code"].as_str().or(body["error"]["code"].as_str());
    code.unwrap_or_else(|| panic!("{body}")).to_owned()
}

#[tokio::test]
async fn whatever_is_called_the_second_call_is_refused() {
    let (folder, corp, calls) = (tempfile::tempdir().unwrap(), Corp::new(), Arc::new(AtomicUsize::new(0)));
    let upstream = counting(calls.clone()).await;
    let strict = format!(
        "[[services]]\nname = \"strict\"\ntenant = \"acme\"\npath = \"/strict\"\nupstream = \"http://{}\"\nroles = [\"nobody\"]\n",
        upstream.address
    );
    // A used token was good: whoever tries again by itself is not locked out together with its neighbours.
    let budget = "[gateway]\nfailure_budget = { failures = 2 }\n".to_owned();
    let config = [budget, orders(upstream.address, ""), strict, corp.issuer(folder.path())].concat();
    let house = House::open(&config).await;
    for (path, reached) in [("/orders", 1), ("/v1/models", 0), ("/-/whoami", 0)] {
        calls.store(0, Ordering::SeqCst);
        let token = corp.token();
        // What is refused before it is let in uses nothing.
        assert_eq!(code(&get(&house, "/strict", &token).await), "role_missing");
        assert_eq!(code(&get(&house, "/nowhere", &token).await), "route_not_found");
        let first = get(&house, path, &token).await;
        assert_eq!(first.status, 200, "{path}: {}", first.text());
        for again in [path, "/orders", "/v1/models", "/-/whoami", "/strict"] {
            let second = get(&house, again, &token).await;
            assert_eq!((second.status, code(&second).as_str()), (401, "token_replayed"), "{path}, {again}");
            assert!(second.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
        }
        assert_eq!(calls.load(Ordering::SeqCst), reached, "{path}");
    }
    let refused = eventually(async || house.record().await.code.as_deref() == Some("token_replayed")).await;
    assert!(refused, "the record has it");
    house.close().await;
}

#[tokio::test]
async fn of_many_at_once_one_reaches_the_service() {
    let (folder, corp, calls) = (tempfile::tempdir().unwrap(), Corp::new(), Arc::new(AtomicUsize::new(0)));
    let upstream = counting(calls.clone()).await;
    let patient = "[resolution]\ntimeout = \"60s\"\n";
    let config = [patient, &orders(upstream.address, ""), &corp.issuer(folder.path())].concat();
    let house = House::open(&config).await;
    let token = corp.token();
    let all = (0..50).map(|_| get(&house, "/orders", &token));
    let statuses: Vec<u16> = futures_util::future::join_all(all).await.iter().map(|one| one.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 49, "{statuses:?}");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    house.close().await;
}

#[tokio::test]
async fn a_websocket_is_one_call_and_so_is_what_is_sent_to_the_service_twice() {
    let (folder, corp, calls) = (tempfile::tempdir().unwrap(), Corp::new(), Arc::new(AtomicUsize::new(0)));
    // Takes every upgrade; forgets the connection of the second other call, once it has read it.
    let upstream = Upstream::open({
        let calls = calls.clone();
        move |mut wire, _| {
            let calls = calls.clone();
            async move {
                while let Some(seen) = wire.call().await {
                    if let Some(key) = seen.header("sec-websocket-key") {
                        let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
                        wire.send(&format!("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n")).await;
                        wire.closed().await;
                        return;
                    }
                    if calls.fetch_add(1, Ordering::SeqCst) == 1 {
                        return;
                    }
                    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                }
            }
        }
    })
    .await;
    let config = [orders(upstream.address, "websocket = true"), corp.issuer(folder.path())].concat();
    let house = House::open(&config).await;
    let upgrade = async |authorization: &str| {
        let mut request = format!("ws://{}/orders/live", house.address).into_client_request().unwrap();
        request.headers_mut().insert("authorization", authorization.parse().unwrap());
        connect_async(request).await.map(drop)
    };
    let token = corp.token();
    upgrade(&token).await.unwrap();
    let Err(Error::Http(refused)) = upgrade(&token).await else { panic!("the token was used") };
    assert_eq!(refused.status(), 401);
    assert_eq!(get(&house, "/orders", &token).await.status, 401);
    // The second is sent again by us: it is still the one call of its token.
    for _ in 0..2 {
        let token = corp.token();
        assert_eq!(get(&house, "/orders", &token).await.text(), "ok");
        assert_eq!(code(&get(&house, "/orders", &token).await), "token_replayed");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    house.close().await;
}

#[tokio::test]
async fn nothing_reaches_the_service_while_nobody_can_say_whether_the_token_was_used() {
    let (folder, corp, calls) = (tempfile::tempdir().unwrap(), Corp::new(), Arc::new(AtomicUsize::new(0)));
    let upstream = counting(calls.clone()).await;
    let config = [orders(upstream.address, ""), corp.issuer(folder.path())].concat();
    let house = House::open(&config).await;
    // Who ada is, is remembered.
    assert_eq!(get(&house, "/orders", &corp.token()).await.status, 200);
    house.lose_the_database().await;
    for _ in 0..3 {
        let answer = get(&house, "/orders", &corp.token()).await;
        assert_eq!((answer.status, code(&answer).as_str()), (503, "resolution_unavailable"));
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    house.close().await;
}

#[tokio::test]
async fn a_service_that_only_watches_says_what_would_have_been() {
    let (folder, corp) = (tempfile::tempdir().unwrap(), Corp::new());
    let upstream = Upstream::mirror().await;
    let config = [orders(upstream.address, "auth = \"monitor\""), corp.issuer(folder.path())].concat();
    let house = House::open(&config).await;
    let token = corp.token();
    for would in [None, Some("token_replayed")] {
        let answer = get(&house, "/orders", &token).await;
        assert_eq!(answer.status, 200);
        assert_eq!(house.record().await.would_refuse.as_deref(), would);
        let known = answer.json()["headers"].to_string().contains("x-user-id");
        assert_eq!(known, would.is_none(), "a used token makes nobody known");
    }
    house.close().await;
}
