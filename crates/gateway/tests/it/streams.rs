//! Bodies both ways as they come: nothing waits for what it need not wait for.

use crate::house::{House, PATIENCE, eventually, orders};
use crate::upstream::Upstream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn pieces_arrive_as_they_are_sent() {
    let (next, wait) = tokio::sync::mpsc::unbounded_channel::<&'static str>();
    let wait = Arc::new(tokio::sync::Mutex::new(wait));
    let upstream = Upstream::open(move |mut wire, _| {
        let wait = wait.clone();
        async move {
            while wire.call().await.is_some() {
                wire.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await;
                while let Some(piece) = wait.lock().await.recv().await {
                    wire.send(&format!("{:x}\r\n{piece}\r\n", piece.len())).await;
                    if piece.is_empty() {
                        break;
                    }
                }
                wire.send("\r\n").await;
            }
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "")).await;
    let mut client = house.client().await;
    client.send(format!("GET /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n", house.ada())).await;
    // The head does not wait for the first piece, nor a piece for the next one.
    client.until("\r\n\r\n").await;
    for piece in ["data: one\n\n", "data: two\n\n"] {
        next.send(piece).unwrap();
        client.until(piece).await;
    }
    next.send("").unwrap();
    client.until("0\r\n\r\n").await;
    assert!(house.record_now().await.is_some());
    house.close().await;
}

#[tokio::test]
async fn uploads_stream_too_and_an_early_answer_passes() {
    let upstream = Upstream::open(|mut wire, _| async move {
        while let Some(seen) = wire.head().await {
            if seen.target() == "/orders/early" {
                // An answer before the body: the caller may be told at once.
                wire.send(
                    "HTTP/1.1 413 Payload Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno",
                )
                .await;
                return;
            }
            // Each chunk is answered by one.
            wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            loop {
                let size = usize::from_str_radix(&wire.line().await.unwrap(), 16).unwrap();
                let piece = wire.exactly(size + 2).await.unwrap();
                wire.send(&format!("{size:x}\r\n{}\r\n", String::from_utf8_lossy(&piece[..size]))).await;
                if size == 0 {
                    break;
                }
            }
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "")).await;
    let mut client = house.client().await;
    client
        .send(format!(
            "POST /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ntransfer-encoding: chunked\r\n\r\n",
            house.ada()
        ))
        .await;
    client.until("\r\n\r\n").await;
    for piece in ["ping", "pong"] {
        client.send(format!("4\r\n{piece}\r\n")).await;
        client.until(piece).await;
    }
    client.send("0\r\n\r\n").await;
    client.until("0\r\n\r\n").await;
    let mut client = house.client().await;
    client
        .send(format!("POST /orders/early HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-length: 1000000\r\n\r\nbegin", house.ada()))
        .await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (413, "no"));
    house.close().await;
}

/// A caller that does not read makes the upstream wait, and the gateway keep little.
#[tokio::test]
async fn back_pressure_reaches_the_upstream() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    const TOTAL: usize = 64 << 20;
    let upstream = Upstream::open(move |mut wire, _| {
        let count = count.clone();
        async move {
            while wire.call().await.is_some() {
                wire.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {TOTAL}\r\n\r\n")).await;
                let piece = vec![b'x'; 64 << 10];
                for _ in 0..TOTAL / piece.len() {
                    if wire.stream.write_all(&piece).await.is_err() {
                        return;
                    }
                    count.fetch_add(piece.len(), Ordering::SeqCst);
                }
            }
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "")).await;
    let mut client = house.client().await;
    let head = format!(
        "GET /orders HTTP/1.1\r\nhost: gw\r\nconnection: close\r\nauthorization: {}\r\n\r\n",
        house.ada()
    );
    client.send(head).await;
    client.head().await;
    // Until nothing moves any more: the kernel's buffers are full, and ours are small.
    let mut before = usize::MAX;
    while before != sent.load(Ordering::SeqCst) {
        before = sent.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(before < TOTAL / 2, "{before} bytes went somewhere");
    // To the end of the connection, which the upstream knows a moment later.
    let mut piece = vec![0; 1 << 20];
    loop {
        let read = tokio::io::AsyncReadExt::read(&mut client.stream, &mut piece);
        match tokio::time::timeout(PATIENCE, read).await.expect("bytes, or an end") {
            Ok(read) if read > 0 => {}
            _ => break,
        }
    }
    assert!(eventually(async || sent.load(Ordering::SeqCst) == TOTAL).await, "not all was taken");
    house.close().await;
}

#[tokio::test]
async fn heads_without_bodies() {
    let upstream = Upstream::open(|mut wire, _| async move {
        while let Some(seen) = wire.call().await {
            let answer = match seen.target() {
                "/orders/204" => "HTTP/1.1 204 No Content\r\nx-a: 1\r\n\r\n",
                "/orders/304" => "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n",
            };
            wire.send(answer).await;
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "")).await;
    let mut client = house.client().await;
    for _ in 0..3 {
        assert_eq!(
            client
                .call(format!(
                    "GET /orders/204 HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n",
                    house.ada()
                ))
                .await
                .status,
            204
        );
        assert_eq!(
            client
                .call(format!(
                    "GET /orders/304 HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n",
                    house.ada()
                ))
                .await
                .status,
            304
        );
        client
            .send(format!("HEAD /orders/200 HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n", house.ada()))
            .await;
        let (status, headers) = client.head().await;
        assert_eq!(status, 200);
        assert!(headers.contains(&("content-length".to_owned(), "1234".to_owned())), "{headers:?}");
    }
    assert_eq!(upstream.connections(), 1);
    house.close().await;
}

#[tokio::test]
async fn trailers_come_back() {
    let upstream = Upstream::fixed(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum, set-cookie\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 7\r\nset-cookie: a=1\r\n\r\n",
    )
    .await;
    let house = House::open(&orders(upstream.address, "")).await;
    let mut client = house.client().await;
    for _ in 0..2 {
        let answer = client
            .call(format!(
                "GET /orders HTTP/1.1\r\nhost: gw\r\nte: trailers\r\nauthorization: {}\r\n\r\n",
                house.ada()
            ))
            .await;
        assert_eq!(
            (answer.text(), answer.trailers.clone()),
            ("abc", vec![("x-sum".to_owned(), "7".to_owned())])
        );
    }
    assert_eq!(upstream.connections(), 1);
    house.close().await;
}

#[tokio::test]
async fn a_body_is_asked_for_when_it_is_wanted() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "")).await;
    let mut client = house.client().await;
    client
        .send(format!("POST /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n", house.ada()))
        .await;
    assert_eq!(client.head().await.0, 100);
    client.send("hello").await;
    let answer = client.answer().await;
    assert_eq!(answer.json()["body"], "hello");
    assert!(!answer.json()["headers"].to_string().contains("expect"));
    // A refused one is not asked for.
    let mut client = house.client().await;
    let refused = client
        .call("POST /orders HTTP/1.1\r\nhost: gw\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        .await;
    assert_eq!((refused.status, refused.header("connection")), (401, Some("close")));
    house.close().await;
}
