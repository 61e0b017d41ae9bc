//! Sizes, times and numbers.

use crate::support::{PATIENCE, options, rest, serve, until, within};
use portcullis_net::accept::Limits;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn large_heads_get_431() {
    let served = serve(options()).await;
    let large = "x".repeat(33 * 1024);
    // Somewhat too large is a request that is refused, by code and on the record.
    for head in [
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {large}\r\n\r\n"),
        format!("GET /?{large} HTTP/1.1\r\nHost: a\r\n\r\n"),
    ] {
        let answer = served.send(head).await;
        assert!(answer.starts_with("HTTP/1.1 431 ") && answer.ends_with("headers_too_large"), "{answer:?}");
        assert_eq!(served.seen(), ["refused / headers_too_large"]);
        served.forget();
    }
    // What is larger yet is not read.
    let huge = "x".repeat(70 * 1024);
    let many = "X: y\r\n".repeat(101);
    for head in [format!("X: {huge}\r\n"), many] {
        let answer = served.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{head}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    }
    // Never ending, without a line break.
    let answer = served.send(format!("GET / HTTP/1.1\r\nX: {huge}")).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    assert_eq!(served.seen().len(), 0);

    let fits = "x".repeat(31 * 1024);
    let answer =
        served.send(format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: {fits}\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
}

#[tokio::test]
async fn a_header_limit_of_ones_own() {
    let mut options = options();
    options.limits = Limits { max_headers: 150, ..Limits::default() };
    let served = serve(options).await;
    for (lines, status) in [(140, "200"), (151, "431")] {
        let answer = served
            .send(format!(
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n",
                "X: y\r\n".repeat(lines)
            ))
            .await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:?}");
    }
}

#[tokio::test]
async fn slow_heads_and_silence_are_closed() {
    let mut options = options();
    options.limits = Limits { header_timeout: SHORT, ..Limits::default() };
    let served = serve(options).await;
    for start in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX:"] {
        let began = Instant::now();
        let mut stream = served.connect().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut byte = [0; 64];
        // Dribbling does not help: a byte now and then, until the server has had enough.
        loop {
            tokio::select! {
                came = stream.read(&mut byte) => { assert!(matches!(came, Ok(0) | Err(_)), "{start:?}"); break }
                () = tokio::time::sleep(SHORT / 3) => if start.ends_with(':') { let _ = stream.write_all(b"x").await; },
            }
            assert!(began.elapsed() < PATIENCE, "{start:?}");
        }
        assert!(began.elapsed() >= SHORT, "{start:?}");
    }
    assert_eq!(served.seen().len(), 0);
}

#[tokio::test]
async fn a_second_head_is_timed_from_its_first_byte() {
    let mut options = options();
    options.limits = Limits { header_timeout: SHORT, ..Limits::default() };
    let served = serve(options).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until(&mut stream, "from /a").await;
    // Idle for longer than a head may take.
    tokio::time::sleep(SHORT * 2).await;
    stream.write_all(b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until(&mut stream, "from /b").await;
    stream.write_all(b"GET /c HT").await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let mut options = options();
    options.limits = Limits { idle_timeout: SHORT, ..Limits::default() };
    let served = serve(options).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until(&mut stream, "from /a").await;
    let began = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert!(began.elapsed() >= SHORT / 2);
}

#[tokio::test]
async fn calls_are_not_idle() {
    let mut options = options();
    options.limits = Limits { idle_timeout: SHORT, header_timeout: SHORT, ..Limits::default() };
    let mut served = serve(options).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    served.arrival().await;
    tokio::time::sleep(SHORT * 3).await;
    served.echo.release.add_permits(1);
    until(&mut stream, "released").await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut() {
    let mut options = options();
    options.limits = Limits { write_timeout: SHORT, ..Limits::default() };
    let mut served = serve(options).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    served.arrival().await;
    // Until the server has had enough; only then is anything read.
    served.shutdown.cancel();
    let drained = served.drained().await;
    assert_eq!(drained.cut, 0, "it was cut before the drain's deadline");
    let mut taken = Vec::new();
    let _ = within(stream.read_to_end(&mut taken)).await;
    assert!(taken.starts_with(b"HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn bodies() {
    let served = serve(options()).await;
    let post = |framing: &str, body: &str| {
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{framing}\r\n\r\n{body}")
    };
    let large = "x".repeat(1001);
    let chunked = format!("3e9\r\n{large}\r\n0\r\n\r\n");
    for (request, status, end) in [
        (post("Content-Length: 5", "hello"), "200", "hello"),
        (post("Content-Length: 1001", &large), "413", "body_too_large"),
        (post("Transfer-Encoding: chunked", &chunked), "413", "body_too_large"),
        (post("Content-Length: 5", "hel"), "408", "request_timeout"),
    ] {
        let answer = served.send(&request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with(end), "{answer:?}");
    }
}

/// A refusal reaches a client that is still sending: no reset overtakes it.
#[tokio::test]
async fn an_early_answer_is_readable() {
    let served = serve(options()).await;
    let mut stream = served.connect().await;
    let length = 8 * 1024 * 1024;
    stream
        .write_all(format!("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let piece = [b'x'; 64 * 1024];
    for _ in 0..length / piece.len() {
        within(stream.write_all(&piece)).await.expect("the server takes the rest");
    }
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.ends_with("too much"), "{answer:?}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let mut options = options();
    options.limits = Limits { max_connections: 2, ..Limits::default() };
    let mut served = serve(options).await;
    let request = b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n";
    let (mut one, mut two) = (served.connect().await, served.connect().await);
    one.write_all(request).await.unwrap();
    served.arrival().await;
    two.write_all(request).await.unwrap();
    served.arrival().await;
    let mut three = served.connect().await;
    three.write_all(b"GET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    // Two places are taken; the third is not even looked at before one is free. At the limit, keep-alive ends.
    served.echo.release.add_permits(1);
    let first = tokio::select! {
        answer = rest(&mut one) => answer,
        answer = rest(&mut two) => answer,
    };
    assert!(first.contains("connection: close"), "{first}");
    assert!(within(rest(&mut three)).await.ends_with("from /c"));
    assert_eq!(served.seen(), ["/wait", "/wait", "/c"]);
}
