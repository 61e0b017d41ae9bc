//! Connections are used again, and only clean ones: attempts to make one caller see another's bytes.

use crate::house::{House, orders};
use crate::upstream::Upstream;
use std::sync::Arc;
use tokio::sync::Notify;

fn get(house: &House, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n", house.ada())
}

#[tokio::test]
async fn connections_are_used_again() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "")).await;
    for _ in 0..20 {
        assert_eq!(house.get("/orders").await.json()["connection"], 0);
    }
    let head = format!("HEAD /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n", house.ada());
    let post = format!(
        "POST /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-length: 3\r\n\r\nabc",
        house.ada()
    );
    assert_eq!(house.client().await.call(post).await.json()["connection"], 0);
    drop(head);
    assert_eq!(upstream.connections(), 1);
    house.close().await;
}

/// The upstream says more than it should: after its answer, before the next call, or as the beginning of one.
#[tokio::test]
async fn what_an_upstream_says_unasked_reaches_nobody() {
    for extra in ["X", "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nSECRET", "\r\n\r\nSECRET"] {
        let upstream = Upstream::open(move |mut wire, number| async move {
            while let Some(seen) = wire.call().await {
                let body = format!("{}#{number}", seen.target());
                let more = if number == 0 { extra } else { "" };
                wire.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}{more}", body.len()))
                    .await;
            }
        })
        .await;
        let house = House::open(&orders(upstream.address, "")).await;
        assert_eq!(house.get("/orders/a").await.text(), "/orders/a#0");
        for n in 1..5 {
            let answer = house.get(&format!("/orders/{n}")).await;
            assert_eq!(answer.text(), format!("/orders/{n}#1"), "after {extra:?}");
        }
        house.close().await;
    }
}

#[tokio::test]
async fn an_upstream_that_closes_when_idle_is_not_called_on_that_connection() {
    let closed = Arc::new(Notify::new());
    let told = closed.clone();
    let upstream = Upstream::open(move |mut wire, number| {
        let told = told.clone();
        async move {
            let Some(_) = wire.call().await else { return };
            wire.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}")).await;
            drop(wire);
            told.notify_one();
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "")).await;
    for n in 0..5 {
        // Also with a method that could not be sent twice.
        let method = if n % 2 == 0 { "GET" } else { "POST" };
        let head = format!("{method} /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n", house.ada());
        let answer = house.client().await.call(head).await;
        assert_eq!((answer.status, answer.text()), (200, n.to_string().as_str()));
        closed.notified().await;
        // The end of the connection is an event of its own, which this task must let the runtime see.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    house.close().await;
}

/// A caller leaves in the middle of its answer; the rest of that answer is for nobody.
#[tokio::test]
async fn an_answer_that_was_left_is_nobody_elses() {
    let go_on = Arc::new(Notify::new());
    let wait = go_on.clone();
    let upstream = Upstream::open(move |mut wire, number| {
        let wait = wait.clone();
        async move {
            while let Some(seen) = wire.call().await {
                if seen.target() == "/orders/secret" {
                    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nSECRET").await;
                    wait.notified().await;
                    wire.send("SECRET").await;
                } else {
                    wire.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}")).await;
                }
            }
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "")).await;
    let mut client = house.client().await;
    client.send(get(&house, "/orders/secret")).await;
    client.until("SECRET").await;
    drop(client);
    assert_eq!(house.record().await.outcome, portcullis_model::record::Outcome::ClientClosed);
    go_on.notify_one();
    for _ in 0..5 {
        assert_eq!(house.get("/orders/mine").await.text(), "1");
    }
    house.close().await;
}

/// Answers that end before they should, or never had a sound framing, end their connection too.
#[tokio::test]
async fn a_broken_answer_ends_its_connection() {
    for (broken, status) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", 502),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n", 502),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", 502),
        ("nonsense\r\n\r\n", 502),
    ] {
        let upstream = Upstream::open(move |mut wire, number| async move {
            while wire.call().await.is_some() {
                if number == 0 {
                    return wire.send(broken).await;
                }
                wire.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood").await;
            }
        })
        .await;
        let house = House::open(&orders(upstream.address, "")).await;
        let answer = house.get("/orders/1").await;
        // Broken before any of it was passed on: it can still be said what happened.
        assert!(answer.status == status || !answer.whole, "a broken answer must not look whole: {broken:?}");
        assert_eq!(house.get("/orders/2").await.text(), "good", "{broken:?}");
        house.close().await;
    }
}

/// Many callers at once over few connections: each gets its own answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_anothers_answer() {
    let upstream = Upstream::open(|mut wire, _| async move {
        let mut calls = 0;
        while let Some(seen) = wire.call().await {
            calls += 1;
            let body = seen.target().to_owned();
            match calls % 4 {
                // In two pieces, in chunks, and now and then the connection ends.
                0 => {
                    wire.send(&format!(
                        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    ))
                    .await;
                    return;
                }
                1 => {
                    wire.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len())).await;
                    tokio::task::yield_now().await;
                    wire.send(&body).await;
                }
                2 => {
                    wire.send(&format!(
                        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                        body.len()
                    ))
                    .await
                }
                _ => {
                    wire.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
                        .await
                }
            }
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "")).await;
    let token = house.ada();
    let callers = (0..16).map(|caller| {
        let (house, token) = (house.clone(), token.clone());
        async move {
            let mut client = house.client().await;
            for n in 0..40 {
                let path = format!("/orders/{caller}/{n}/{}", "x".repeat(caller * 7));
                if (caller + n) % 13 == 0 {
                    // One that does not wait for its answer.
                    client
                        .send(format!("GET {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {token}\r\n\r\n"))
                        .await;
                    client = house.client().await;
                    continue;
                }
                let answer = client
                    .call(format!("GET {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {token}\r\n\r\n"))
                    .await;
                assert_eq!((answer.status, answer.text()), (200, path.as_str()));
            }
        }
    });
    futures_util::future::join_all(callers).await;
    house.close().await;
}

/// An answer with two framings: the chunks count, and nobody is told the length.
#[tokio::test]
async fn two_framings_of_an_answer_become_one() {
    for head in [
        "content-length: 50\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 2",
    ] {
        let upstream = Upstream::open(move |mut wire, _| async move {
            while wire.call().await.is_some() {
                wire.send(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n5\r\nhello\r\n0\r\n\r\n")).await;
            }
        })
        .await;
        let house = House::open(&orders(upstream.address, "")).await;
        let mut client = house.client().await;
        for _ in 0..2 {
            let answer = client.call(get(&house, "/orders")).await;
            assert_eq!((answer.status, answer.text(), answer.whole), (200, "hello", true));
        }
        house.close().await;
    }
}
