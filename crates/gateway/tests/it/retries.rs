//! A second attempt where it is safe, and nowhere else.

use crate::house::{House, PATIENCE, nobody_listens, orders};
use crate::upstream::Upstream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The first connection serves one call and dies on the second, after it has read it.
async fn forgetful(calls: Arc<AtomicUsize>) -> Upstream {
    Upstream::open(move |mut wire, number| {
        let calls = calls.clone();
        async move {
            let mut served = 0;
            while wire.call().await.is_some() {
                calls.fetch_add(1, Ordering::SeqCst);
                served += 1;
                if number == 0 && served == 2 {
                    return;
                }
                wire.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}")).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn idempotent_calls_are_sent_again() {
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let calls = Arc::new(AtomicUsize::new(0));
        let upstream = forgetful(calls.clone()).await;
        let house = House::open(&orders(upstream.address, "")).await;
        assert_eq!(house.get("/orders").await.text(), "0");
        let head = format!(
            "{method} /orders HTTP/1.1\r\nhost: gw\r\nconnection: close\r\nauthorization: {}\r\n\r\n",
            house.ada()
        );
        let mut client = house.client().await;
        client.send(head).await;
        assert_eq!(client.head().await.0, 200, "{method}");
        assert_eq!(calls.load(Ordering::SeqCst), 3);
        house.record().await;
        assert_eq!(house.record().await.attempts, 2);
        house.close().await;
    }
}

#[tokio::test]
async fn what_may_have_had_an_effect_is_not() {
    for head in [
        "POST /orders HTTP/1.1\r\n",
        "PATCH /orders HTTP/1.1\r\n",
        "PUT /orders HTTP/1.1\r\ncontent-length: 3\r\n",
    ] {
        let calls = Arc::new(AtomicUsize::new(0));
        let upstream = forgetful(calls.clone()).await;
        let house = House::open(&orders(upstream.address, "")).await;
        assert_eq!(house.get("/orders").await.text(), "0");
        let body = if head.contains("content-length") { "abc" } else { "" };
        let answer = house
            .client()
            .await
            .call(format!("{head}host: gw\r\nauthorization: {}\r\n\r\n{body}", house.ada()))
            .await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (502, Some("upstream_cut")), "{head}");
        assert_eq!(answer.header("x-should-retry"), None);
        assert_eq!(calls.load(Ordering::SeqCst), 2);
        house.record().await;
        assert_eq!(house.record().await.attempts, 1);
        house.close().await;
    }
}

#[tokio::test]
async fn an_answer_is_an_answer() {
    let upstream =
        Upstream::fixed("HTTP/1.1 503 Service Unavailable\r\nretry-after: 9\r\ncontent-length: 2\r\n\r\nno")
            .await;
    let house = House::open(&orders(upstream.address, "")).await;
    let answer = house.get("/orders").await;
    assert_eq!((answer.status, answer.text(), answer.header("retry-after")), (503, "no", Some("9")));
    assert_eq!(house.record().await.attempts, 1);
    house.close().await;
}

#[tokio::test]
async fn an_upstream_that_is_not_there() {
    let (_held, gone) = nobody_listens();
    let house = House::open(&orders(gone, "")).await;
    let answer = house.get("/orders").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (502, Some("upstream_unreachable")));
    let record = house.record().await;
    // Once more after a breath, and not for ever.
    assert_eq!(record.attempts, 2);
    assert!(record.detail.unwrap().contains("refused"));
    house.close().await;
}

#[tokio::test]
async fn silence_ends() {
    let upstream = Upstream::open(|mut wire, _| async move {
        while let Some(seen) = wire.call().await {
            if seen.target() == "/orders/body" {
                wire.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await;
            }
            wire.closed().await;
        }
    })
    .await;
    let http = "[services.http]\nresponse_timeout = \"200ms\"\n";
    let house = House::open(&orders(upstream.address, http)).await;
    let at = std::time::Instant::now();
    let answer = house.get("/orders/head").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (504, Some("upstream_timeout")));
    assert!(at.elapsed() < PATIENCE / 2);
    house.close().await;
    // A head takes as long as it takes; what is silent is the body.
    let http = "[services.http]\nidle_timeout = \"200ms\"\n";
    let house = House::open(&orders(upstream.address, http)).await;
    let answer = house.get("/orders/body").await;
    assert_eq!((answer.status, answer.whole), (200, false));
    let record = house.record().await;
    assert_eq!((record.outcome.as_str(), record.code.as_deref()), ("upstream_cut", Some("upstream_timeout")));
    house.close().await;
}

#[tokio::test]
async fn the_whole_of_a_call_has_a_limit_and_a_stream_has_none() {
    // Longer than the limit, which a head comes within on a busy machine as well.
    let upstream = Upstream::open(|mut wire, _| async move {
        while let Some(seen) = wire.call().await {
            let kind = if seen.target() == "/orders/events" { "text/event-stream" } else { "text/plain" };
            wire.send(&format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: 8\r\n\r\n")).await;
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_millis(500)).await;
                wire.send("x").await;
            }
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "timeout = \"3s\"\n")).await;
    let (plain, events) = futures_util::join!(house.get("/orders/plain"), house.get("/orders/events"));
    assert!(plain.status == 200 && !plain.whole);
    assert!(events.whole);
    house.close().await;
}
