//! How the gateway says no.

use crate::client::Answer;
use crate::house::{House, PATIENCE, orders};
use crate::upstream::Upstream;
use portcullis_identity::local::LocalSubject;
use std::sync::Arc;
use std::time::Duration;

async fn with_token(house: &House, path: &str, token: &str) -> Answer {
    house
        .client()
        .await
        .call(format!("GET {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {token}\r\n\r\n"))
        .await
}

/// Everything that a caller can see, without what differs from call to call.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, serde_json::Value) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "x-request-id" && name != "date");
    headers.sort();
    let mut body = answer.json();
    if let Some(id) = body.get_mut("request_id") {
        *id = "".into();
    }
    if let Some(error) = body.get_mut("error") {
        error["request_id"] = "".into();
    }
    (answer.status, headers, body)
}

#[tokio::test]
async fn unknown_suspended_and_deleted_look_alike() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "")).await;
    let (eve, del) = (house.user("acme", "eve").await, house.user("acme", "del").await);
    house.directory.suspend(&house.actor, eve.id, Some("because".to_owned())).await.unwrap();
    house.directory.delete(&house.actor, del.id, None).await.unwrap();
    let nobody = LocalSubject::Text("0197f0c0-0000-7000-8000-000000000000".to_owned());
    let nobody = format!("Bearer {}", house.token("acme", nobody, Duration::from_secs(60)));
    for path in ["/orders", "/v1/models"] {
        let unknown = with_token(&house, path, &nobody).await;
        assert_eq!(unknown.status, 401);
        assert!(unknown.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
        assert!(unknown.text().contains("subject_unresolved"));
        for token in [house.bearer(&eve), house.bearer(&del)] {
            assert_eq!(seen(&with_token(&house, path, &token).await), seen(&unknown));
        }
    }
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.push(house.record().await.code.unwrap().into_owned());
    }
    assert_eq!(
        codes,
        ["user_unknown", "user_suspended", "user_deleted", "user_unknown", "user_suspended", "user_deleted"]
    );
    house.close().await;
}

#[tokio::test]
async fn in_the_callers_own_words() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "methods = [\"GET\", \"POST\"]\n")).await;
    let missing = house.client().await.call("GET /orders HTTP/1.1\r\nhost: gw\r\n\r\n").await;
    assert_eq!(missing.status, 401);
    assert_eq!(missing.header("content-type"), Some("application/problem+json"));
    assert_eq!(missing.header("www-authenticate"), Some("Bearer realm=\"portcullis\""));
    let body = missing.json();
    assert_eq!(
        (body["code"].as_str(), body["type"].as_str()),
        (Some("credential_missing"), Some("/-/errors/credential_missing"))
    );
    assert_eq!(body["request_id"].as_str(), missing.header("x-request-id"));
    let model = house.client().await.call("GET /v1/models HTTP/1.1\r\nhost: gw\r\n\r\n").await;
    assert_eq!((model.status, model.header("content-type")), (401, Some("application/json")));
    assert_eq!(model.json()["error"]["code"], "credential_missing");
    let wrong = house.client().await.call("DELETE /orders HTTP/1.1\r\nhost: gw\r\n\r\n").await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, POST, HEAD")));
    // HEAD: the same head, no body.
    let mut client = house.client().await;
    client.send("HEAD /orders HTTP/1.1\r\nhost: gw\r\nconnection: close\r\n\r\n").await;
    let (status, headers) = client.head().await;
    assert_eq!(status, 401);
    assert!(
        headers.iter().any(|(name, value)| name == "content-length" && value.parse::<usize>().unwrap() > 50)
    );
    assert!(client.rest().await.is_empty());
    // Another tenant's service is not there.
    let mallory = house.user("umbra", "mallory").await;
    let token = house.token("umbra", LocalSubject::User(mallory.id), Duration::from_secs(60));
    let foreign = with_token(&house, "/orders", &format!("Bearer {token}")).await;
    let nowhere = with_token(&house, "/nowhere", &format!("Bearer {token}")).await;
    assert_eq!(seen(&foreign), seen(&nowhere));
    house.close().await;
}

#[tokio::test]
async fn a_refused_body_does_not_cost_the_connection() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "max_body = \"1KiB\"\n")).await;
    let mut client = house.client().await;
    for _ in 0..3 {
        let refused =
            client.call("POST /orders HTTP/1.1\r\nhost: gw\r\ncontent-length: 5\r\n\r\nhello").await;
        assert_eq!((refused.status, refused.header("connection")), (401, None));
    }
    let good = client
        .call(format!("GET /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n", house.ada()))
        .await;
    assert_eq!(good.status, 200);
    // A large one that nobody will read ends it, and says so.
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-length: 9000000\r\n\r\n",
        house.ada()
    );
    let large = client.call(head).await;
    assert_eq!(
        (large.status, large.json()["code"].as_str(), large.header("connection")),
        (413, Some("body_too_large"), Some("close"))
    );
    // And one that does not say how large it is, when it is.
    let mut client = house.client().await;
    client
        .send(format!(
            "POST /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ntransfer-encoding: chunked\r\n\r\n",
            house.ada()
        ))
        .await;
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    client.send(chunk.clone()).await;
    client.send(chunk).await;
    assert_eq!(client.answer().await.status, 413);
    house.close().await;
}

#[tokio::test]
async fn monitor_lets_through_as_nobody_and_says_what_would_have_been() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "auth = \"monitor\"\nroles = [\"admin\"]\n")).await;
    for (token, code) in [("", "credential_missing"), ("authorization: Bearer a.b.c\r\n", "token_malformed")]
    {
        let answer = house
            .client()
            .await
            .call(format!("GET /orders HTTP/1.1\r\nhost: gw\r\nx-user-id: 1\r\n{token}\r\n"))
            .await;
        assert_eq!(answer.status, 200);
        let headers = answer.json()["headers"].to_string();
        assert!(
            !headers.contains("x-user-id")
                && !headers.contains("x-tenant")
                && !headers.contains("authorization"),
            "{headers}"
        );
        let record = house.record().await;
        assert_eq!(
            (record.would_refuse.as_deref(), record.code, record.outcome.as_str()),
            (Some(code), None, "completed")
        );
    }
    // Known, but not allowed: nobody all the same.
    let answer = house.get("/orders").await;
    assert!(!answer.json()["headers"].to_string().contains("x-user-id"));
    let record = house.record().await;
    assert_eq!((record.would_refuse.as_deref(), record.user), (Some("role_missing"), Some(house.ada.id)));
    house.close().await;
}

#[tokio::test]
async fn pages_of_our_own() {
    let house = House::open("").await;
    let mut client = house.client().await;
    let health = client.call("GET /-/health HTTP/1.1\r\nhost: gw\r\n\r\n").await;
    assert_eq!((health.status, health.json()["status"].as_str()), (200, Some("ok")));
    let page = client
        .call("GET /-/errors/token_expired HTTP/1.1\r\nhost: gw\r\naccept: text/markdown\r\n\r\n")
        .await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("token"));
    let etag = page.header("etag").unwrap().to_owned();
    let again = format!(
        "GET /-/errors/token_expired HTTP/1.1\r\nhost: gw\r\naccept: text/markdown\r\nif-none-match: {etag}\r\n\r\n"
    );
    assert_eq!(client.call(again).await.status, 304);
    assert_eq!(client.call("GET /-/errors/no_such HTTP/1.1\r\nhost: gw\r\n\r\n").await.status, 404);
    // The index finds the page of a pasted message, and the pages that several codes share are beside the codes'.
    let found = client
        .call("GET /-/errors?q=jwt+audience+invalid.+expected:+orders HTTP/1.1\r\nhost: gw\r\naccept: application/json\r\n\r\n")
        .await;
    assert_eq!(found.json()["messages"][0]["page"], "audience_mismatch");
    assert_eq!(client.call("GET /-/errors/unauthorized HTTP/1.1\r\nhost: gw\r\n\r\n").await.status, 200);
    assert_eq!(house.record().await.code.as_deref(), Some("route_not_found"));
    let post = client.call("POST /-/health HTTP/1.1\r\nhost: gw\r\n\r\n").await;
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
    house.record().await;
    let me = house.get("/-/whoami").await.json();
    assert_eq!(
        (me["kind"].as_str(), me["user"]["username"].as_str(), me["tenant"]["name"].as_str()),
        (Some("user"), Some("ada"), Some("acme"))
    );
    assert_eq!(me["roles"], serde_json::json!(["reader"]));
    assert_eq!(house.record().await.user, Some(house.ada.id));
    assert_eq!(client.call("GET /-/whoami HTTP/1.1\r\nhost: gw\r\n\r\n").await.status, 401);
    house.record().await;
    // Pages and health are no calls.
    house.no_more_records().await;
    house.close().await;
}

#[tokio::test]
async fn a_source_of_bad_credentials_is_not_heard_for_a_while() {
    let upstream = Upstream::mirror().await;
    let budget = "[gateway.failure_budget]\nfailures = 5\nwindow = \"60s\"\n";
    let house = House::open(&format!("{budget}{}", orders(upstream.address, ""))).await;
    let expired = house.token("acme", LocalSubject::User(house.ada.id), Duration::from_secs(1));
    let mut tampered = expired.clone();
    tampered.replace_range(expired.len() - 10..expired.len() - 5, "AAAAA");
    for _ in 0..5 {
        assert_eq!(with_token(&house, "/orders", &format!("Bearer {tampered}")).await.status, 401);
    }
    let answer = with_token(&house, "/orders", &house.ada()).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (429, Some("too_many_failures")));
    assert!(answer.header("retry-after").is_some());
    house.close().await;
}

#[tokio::test]
async fn one_call_too_many_is_refused_at_once() {
    let release = Arc::new(tokio::sync::Notify::new());
    let wait = release.clone();
    let upstream = Upstream::open(move |mut wire, _| {
        let wait = wait.clone();
        async move {
            while wire.call().await.is_some() {
                wait.notified().await;
                wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        }
    })
    .await;
    let house = House::open(&format!("[gateway]\nmax_calls = 1\n{}", orders(upstream.address, ""))).await;
    let first = tokio::time::timeout(PATIENCE, async {
        let mut client = house.client().await;
        client
            .send(format!("GET /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n", house.ada()))
            .await;
        while house.gateway.under_way() == 0 {
            tokio::task::yield_now().await;
        }
        let refused = house.get("/orders").await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("overloaded")));
        assert_eq!(refused.header("retry-after"), Some("1"));
        release.notify_one();
        client.answer().await
    });
    assert_eq!(first.await.unwrap().status, 200);
    release.notify_one();
    assert_eq!(house.get("/orders").await.status, 200);
    house.close().await;
}
