//! What a caller says about itself does not reach a service; what we say does.

use crate::client::Answer;
use crate::house::{House, orders};
use crate::upstream::Upstream;
use portcullis_model::application::ApiKeyLimits;

fn values<'a>(answer: &'a serde_json::Value, part: &str, name: &str) -> Vec<&'a str> {
    let pairs = answer[part].as_array().unwrap();
    pairs.iter().filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap()).collect()
}

async fn call(house: &House, headers: &str) -> Answer {
    let head = format!(
        "GET /orders/7 HTTP/1.1\r\nhost: gw.example\r\nauthorization: {}\r\n{headers}\r\n",
        house.ada()
    );
    house.client().await.call(head).await
}

#[tokio::test]
async fn identity_headers_are_ours_in_every_spelling() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "")).await;
    let forged = "X-User-Id: 1\r\nx_user_id: 1\r\nX-USER_ID: 1\r\nX.User.Id: 1\r\nX-User-External-Id: 1\r\nX_User_Roles: admin\r\nX-User-Teams: root\r\n\
                  X-Tenant: umbra\r\nX-Tenant-Id: 1\r\nX_Application_Id: 1\r\nX-Application-Id: 1\r\nX_Forwarded_For: 1.2.3.4\r\n\
                  X-Fine: yes\r\n";
    let answer = call(&house, forged).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = answer.json();
    let names: Vec<&str> =
        seen["headers"].as_array().unwrap().iter().map(|pair| pair[0].as_str().unwrap()).collect();
    assert!(!names.iter().any(|name| name.contains('_') || name.contains("x.user")), "{names:?}");
    assert_eq!(values(&seen, "headers", "x-user-id"), [house.ada.id.to_string()]);
    assert_eq!(values(&seen, "headers", "x-user-external-id"), ["emp-ada"]);
    assert_eq!(values(&seen, "headers", "x-user-roles"), ["reader"]);
    assert_eq!(values(&seen, "headers", "x-user-teams"), [""; 0]);
    assert_eq!(values(&seen, "headers", "x-tenant"), ["acme"]);
    assert_eq!(values(&seen, "headers", "x-tenant-id"), [""; 0]);
    assert_eq!(values(&seen, "headers", "x-application-id"), [""; 0]);
    assert_eq!(values(&seen, "headers", "x-fine"), ["yes"]);
    assert_eq!(values(&seen, "headers", "authorization"), [""; 0]);
    house.close().await;
}

#[tokio::test]
async fn connection_cannot_take_ours_away() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "")).await;
    let nominated = "Connection: X-User-Id, X-Tenant , x-drop,keep-alive, X-Forwarded-For, Host\r\nConnection: X-Request-Id, te\r\n\
                     X-Drop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nTE: gzip\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n\
                     Proxy-Authorization: Basic eA==\r\n";
    let answer = call(&house, nominated).await;
    let seen = answer.json();
    assert_eq!(values(&seen, "headers", "x-user-id"), [house.ada.id.to_string()]);
    assert_eq!(values(&seen, "headers", "x-tenant"), ["acme"]);
    assert_eq!(values(&seen, "headers", "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(&seen, "headers", "x-request-id"), [answer.header("x-request-id").unwrap()]);
    for gone in [
        "x-drop",
        "keep-alive",
        "proxy-connection",
        "te",
        "upgrade",
        "http2-settings",
        "proxy-authorization",
        "connection",
    ] {
        assert_eq!(values(&seen, "headers", gone), [""; 0], "{gone}");
    }
    assert_eq!(values(&seen, "headers", "host"), [upstream.address.to_string()]);
    house.close().await;
}

#[tokio::test]
async fn trailers_cannot_say_who_calls() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "")).await;
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ntransfer-encoding: chunked\r\n\
         trailer: x-user-id, x_user_id, authorization, x-sum\r\n\r\n\
         3\r\nabc\r\n0\r\nx-user-id: 1\r\nx_user_id: 1\r\nauthorization: Bearer x\r\nx-sum: 7\r\n\r\n",
        house.ada()
    );
    let answer = house.client().await.call(head).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = answer.json();
    assert_eq!(seen["body"], "abc");
    assert_eq!(seen["trailers"], serde_json::json!([["x-sum", "7"]]));
    assert_eq!(values(&seen, "headers", "x-user-id"), [house.ada.id.to_string()]);
    house.close().await;
}

/// Whatever is made of such a request: nobody takes what follows its head for a request of its own, and no upstream is
/// told two lengths.
#[tokio::test]
async fn two_framings_are_never_read_in_two_ways() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "")).await;
    for (framing, refused) in [
        // `Transfer-Encoding` counts, and the connection ends (RFC 9112 §6.3).
        ("content-length: 5\r\ntransfer-encoding: chunked\r\n", false),
        ("transfer-encoding: chunked\r\ncontent-length: 5\r\n", false),
        ("transfer-encoding: chunked, gzip\r\n", true),
        ("content-length: 5\r\ncontent-length: 6\r\n", true),
        ("content-length: +5\r\n", true),
        ("content-length: 5, 5\r\n", true),
    ] {
        let mut client = house.client().await;
        let head = format!(
            "POST /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n{framing}\r\n0\r\n\r\nGET /orders/smuggled HTTP/1.1\r\nhost: gw\r\n\r\n",
            house.ada()
        );
        client.send(head).await;
        let answer = client.answer().await;
        assert_eq!(answer.status == 200, !refused, "{framing}: {}", answer.status);
        if !refused {
            let seen = answer.json();
            assert_eq!(
                (seen["body"].as_str(), values(&seen, "headers", "content-length")),
                (Some(""), vec![""; 0])
            );
        }
        assert!(client.rest().await.is_empty(), "{framing}: nothing of it may be taken for another request");
    }
    house.close().await;
}

#[tokio::test]
async fn forwarding_and_trace_headers_are_ours() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "")).await;
    let said = "X-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Real-IP: 10.0.0.1\r\n\
                X-Request-Id: theirs\r\nVia: 1.0 fred\r\n\
                traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: a=1\r\n";
    let answer = call(&house, said).await;
    let seen = answer.json();
    assert_eq!(values(&seen, "headers", "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(&seen, "headers", "x-forwarded-proto"), ["http"]);
    assert_eq!(values(&seen, "headers", "x-forwarded-host"), ["gw.example"]);
    assert_eq!(values(&seen, "headers", "forwarded"), [""; 0]);
    assert_eq!(values(&seen, "headers", "x-real-ip"), [""; 0]);
    assert_eq!(values(&seen, "headers", "via"), ["1.0 fred", "1.1 portcullis"]);
    let trace = values(&seen, "headers", "traceparent")[0];
    assert!(
        trace.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-")
            && trace.ends_with("-01")
            && !trace.contains("00f067aa0ba902b7")
    );
    assert_eq!(values(&seen, "headers", "tracestate"), ["a=1"]);
    let record = house.record().await;
    assert_eq!(record.trace.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(record.id.to_string(), answer.header("x-request-id").unwrap());
    // Without a trace one begins, and a state that belongs to none goes.
    let seen = call(&house, "traceparent: nonsense\r\ntracestate: a=1\r\n").await.json();
    assert_eq!(values(&seen, "headers", "tracestate"), [""; 0]);
    assert_eq!(values(&seen, "headers", "traceparent")[0].len(), 55);
    house.close().await;
}

#[tokio::test]
async fn what_trusted_proxies_say_is_continued() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&format!(
        "[gateway]\ntrusted_proxies = [\"127.0.0.0/8\"]\n{}",
        orders(upstream.address, "")
    ))
    .await;
    let said = "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n";
    let seen = call(&house, said).await.json();
    assert_eq!(values(&seen, "headers", "x-forwarded-for"), ["6.6.6.6, 203.0.113.9, 127.0.0.1"]);
    assert_eq!(values(&seen, "headers", "x-forwarded-proto"), ["https"]);
    assert_eq!(values(&seen, "headers", "x-forwarded-host"), ["shop.example"]);
    assert_eq!(house.record().await.source, "203.0.113.9");
    house.close().await;
}

#[tokio::test]
async fn credentials_travel_only_where_a_service_says_so_and_keys_never() {
    let upstream = Upstream::mirror().await;
    let places = "[services.credentials]\nheader = \"X-Token\"\ncookie = \"session\"\norigins = [\"https://app.example\"]\n";
    let second = format!(
        "[[services]]\nname = \"fwd\"\ntenant = \"acme\"\npath = \"/fwd\"\nupstream = \"http://{}\"\nforward = \"caller\"\n{places}",
        upstream.address
    );
    let house = House::open(&format!("{}{second}", orders(upstream.address, places))).await;
    let token = house.ada().replace("Bearer ", "");
    let (_, _, key) = house.key(ApiKeyLimits::default()).await;
    let send = |path: &'static str, headers: String| {
        let house = house.clone();
        async move {
            let answer =
                house.client().await.call(format!("GET {path} HTTP/1.1\r\nhost: gw\r\n{headers}\r\n")).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.json()
        }
    };
    let none = [""; 0];
    assert_eq!(values(&send("/orders", format!("x-token: {token}\r\n")).await, "headers", "x-token"), none);
    let seen = send("/orders", format!("cookie: a=1; session={token}; b=2\r\n")).await;
    assert_eq!(values(&seen, "headers", "cookie"), ["a=1; b=2"]);
    assert_eq!(
        values(&send("/fwd", format!("authorization: Bearer {token}\r\n")).await, "headers", "authorization"),
        [format!("Bearer {token}")]
    );
    assert_eq!(
        values(&send("/fwd", format!("x-token: {token}\r\n")).await, "headers", "x-token"),
        [token.as_str()]
    );
    assert_eq!(
        values(&send("/fwd", format!("authorization: Bearer {key}\r\n")).await, "headers", "authorization"),
        none
    );
    assert_eq!(values(&send("/fwd", format!("x-token: {key}\r\n")).await, "headers", "x-token"), none);
    let seen = send("/fwd?a=1&key=pck_x_y&b=2", format!("authorization: Bearer {token}\r\n")).await;
    assert_eq!(seen["line"], "GET /fwd?a=1&b=2 HTTP/1.1");
    let seen = send("/orders", format!("authorization: Bearer {key}\r\n")).await;
    assert_eq!(values(&seen, "headers", "x-application-id").len(), 1);
    assert_eq!(values(&seen, "headers", "x-user-id"), none);
    house.close().await;
}
