//! A service that panics: each costs its own call, is said as one, and leaves everything else as it was.

use crate::support::{options, rest, serve, until, within};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis_net::accept::Limits;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[tokio::test]
async fn a_call_that_panics_is_answered() {
    let served = serve(options()).await;
    for path in ["/panic", "/panic-late"] {
        let answer = served.send(get(path)).await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        for said in ["application/problem+json", "no-store", "connection: close", r#""code":"internal""#] {
            assert!(answer.contains(said), "{said}: {answer}");
        }
        assert!(!answer.contains("nobody's business") && !answer.contains("request_id"), "{answer}");
    }
    let answer = served.send("GET /panic HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "a refusal that panics: {answer}");
    assert!(
        served.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.contains("hello from /")
    );
}

#[tokio::test]
async fn an_answer_that_panics_is_cut() {
    let served = serve(options()).await;
    let mut stream = served.connect().await;
    stream.write_all(get("/panic-within").as_bytes()).await.unwrap();
    let begun = until(&mut stream, "the beginning").await;
    assert!(begun.starts_with("HTTP/1.1 200 "), "{begun}");
    served.echo.release.add_permits(1);
    let rest = rest(&mut stream).await;
    assert!(!rest.contains("0\r\n"), "it must not look complete: {rest}");
}

#[tokio::test]
async fn the_place_of_what_panicked_is_given_back() {
    let mut options = options();
    options.limits = Limits { max_connections: 1, ..Limits::default() };
    let mut served = serve(options).await;
    served.echo.release.add_permits(1);
    // Each waits for the place of the one before.
    for path in ["/panic", "/panic-within", "/panic-late"] {
        served.send(get(path)).await;
    }
    let mut stream = served.connect().await;
    stream.write_all(get("/last").as_bytes()).await.unwrap();
    until(&mut stream, "from /last").await;
    served.shutdown.cancel();
    assert_eq!(rest(&mut stream).await, "");
    assert_eq!(served.drained().await.cut, 0, "nothing counts as under way");
}

type Body = http_body_util::combinators::BoxBody<Bytes, hyper::Error>;

/// The next piece; `None`: the stream broke.
async fn piece(response: &mut http::Response<Body>) -> Option<Bytes> {
    let frame = within(response.body_mut().frame()).await.expect("not the end");
    frame.ok().map(|frame| frame.into_data().unwrap())
}

#[tokio::test]
async fn other_streams_of_the_connection_go_on() {
    let served = serve(options()).await;
    let stream = TokioIo::new(served.connect().await);
    let (sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), stream)
            .await
            .unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { connection.await.is_ok() });
    let call = |path: &str| {
        let request = Request::get(format!("http://a{path}")).body(Empty::new()).unwrap();
        let mut sender = sender.clone();
        async move { within(sender.send_request(request)).await.unwrap().map(BodyExt::boxed) }
    };
    let mut begun = call("/panic-within").await;
    assert_eq!(piece(&mut begun).await.unwrap(), "the beginning");
    let mut broken = call("/panic-late").await;
    assert_eq!(broken.status(), 500);
    let said = String::from_utf8(piece(&mut broken).await.unwrap().to_vec()).unwrap();
    assert!(said.contains(r#""code":"internal""#), "{said}");
    served.echo.release.add_permits(1);
    assert_eq!(piece(&mut begun).await, None, "reset, and does not look complete");
    let mut whole = call("/").await;
    assert_eq!(
        (whole.status().as_u16(), piece(&mut whole).await.unwrap()),
        (200, Bytes::from("hello from /"))
    );
}
