//! Requests that two hops could read as two different ones, byte by byte.

use crate::support::{options, rest, serve, until};
use tokio::io::AsyncWriteExt;

/// Answered with 400 and closed; what follows is never taken for a request.
#[tokio::test]
async fn ambiguous_requests_are_refused() {
    let served = serve(options()).await;
    let next = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for head in [
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\nhello",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",
        "GET /x HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET /x HTTP/1.1\nHost: a\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nX: 1\nY: 2\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\n\n",
        "\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nX y: 1\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET /x HTTP/1.1\r\nX: 1\r\n\r\n",
        "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET\t/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /x y HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /x HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET /x HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET /x HTTP/1.11\r\nHost: a\r\n\r\n",
        "GET /x\r\n\r\n",
        "G@T /x\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let answer = served.send(format!("{head}{next}")).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.0 400 "),
            "{head:?} got {answer:?}"
        );
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{head:?} got {answer:?}");
    }
    let served: Vec<_> = served.seen().into_iter().filter(|seen| !seen.starts_with("refused /x ")).collect();
    assert!(served.is_empty(), "{served:?}");
}

/// RFC 9112 §6.3: one of the two counts, and the connection does not go on.
#[tokio::test]
async fn both_framings_end_the_connection() {
    let served = serve(options()).await;
    for head in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\ntransfer-encoding: Chunked",
    ] {
        let request = format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        let answer = served.send(request).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head:?} got {answer:?}");
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    }
    assert_eq!(served.seen(), ["/echo"; 3]);
}

/// A body that ends in doubt is an error to who reads it, and the end of the connection.
#[tokio::test]
async fn broken_chunks_break_the_body() {
    let served = serve(options()).await;
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5;a=\nb\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
    ] {
        let request = format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        let answer = served.send(request).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("request_malformed"),
            "{body:?} got {answer:?}"
        );
    }
    assert_eq!(served.seen(), ["/echo"; 9]);
}

/// What is allowed works, also in one packet, and bodies may hold what heads may not.
#[tokio::test]
async fn pipelines_and_bodies_pass() {
    let served = serve(options()).await;
    let requests = [
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx\n\r\n\r\ny\n\n",
        "GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\n\n\n\r\n0\r\n\r\n",
        "\r\nGET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ];
    let answer = served.send(requests.concat()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 5, "{answer}");
    assert_eq!(served.seen(), ["/a", "/echo", "/b", "/echo", "/c"]);

    let mut stream = served.connect().await;
    for (request, end) in requests.iter().zip(["from /a", "y\n\n", "from /b", "\n\n\n", "from /c"]) {
        stream.write_all(request.as_bytes()).await.unwrap();
        until(&mut stream, end).await;
    }
    assert_eq!(rest(&mut stream).await, "");
}

/// `Upgrade: h2c` is no way to HTTP/2 (RFC 9113 §3.1), and `CONNECT` no way anywhere.
#[tokio::test]
async fn no_protocol_is_switched_by_the_back_door() {
    let served = serve(options()).await;
    let answer = served
        .send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = served.send("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}
