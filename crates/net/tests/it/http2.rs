//! HTTP/2 without TLS, by prior knowledge.

use crate::support::{options, rest, serve, serve_draining, within};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis_net::accept::Limits;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

type Sender = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

async fn client(stream: TcpStream) -> (Sender, JoinSet<bool>) {
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { connection.await.is_ok() });
    (sender, tasks)
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://a{path}")).body(Empty::new()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "limited")]
async fn text(response: http::Response<hyper::body::Incoming>) -> String {
    let body = Limited::new(response.into_body(), 1024 * 1024).collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// A frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// `GET /wait`-less: `:method GET`, `:scheme http`, `:path /`, `:authority a`.
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'a'];

/// Reads frames until one of this kind; its payload.
async fn await_frame(stream: &mut TcpStream, wanted: u8) -> Vec<u8> {
    loop {
        let mut head = [0; 9];
        within(stream.read_exact(&mut head)).await.unwrap();
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        within(stream.read_exact(&mut payload)).await.unwrap();
        if head[3] == wanted {
            return payload;
        }
    }
}

#[tokio::test]
async fn prior_knowledge() {
    let served = serve(options()).await;
    let (mut sender, _tasks) = client(served.connect().await).await;
    let response = within(sender.send_request(get("/peer"))).await.unwrap();
    assert!(text(response).await.ends_with("http=HTTP/2.0"));
}

#[tokio::test]
async fn large_heads_get_431() {
    let served = serve(options()).await;
    let (mut sender, _tasks) = client(served.connect().await).await;
    let of = |each: usize| {
        let mut request = get("/");
        request.headers_mut().insert("x", "y".repeat(each).parse().unwrap());
        request.headers_mut().insert("z", "y".repeat(each).parse().unwrap());
        request
    };
    let answer = within(sender.send_request(of(20 * 1024))).await.unwrap();
    assert_eq!((answer.status().as_u16(), &*text(answer).await), (431, "headers_too_large"));
    assert_eq!(served.seen(), ["refused / headers_too_large"]);
    served.forget();
    let answer = within(sender.send_request(of(40 * 1024))).await;
    // The client's own library may refuse to send what the server's settings forbid.
    assert!(answer.is_err() || answer.is_ok_and(|response| response.status() == 431));
    assert_eq!(served.seen().len(), 0);
    let mut request = get("/");
    for n in 0..101 {
        request.headers_mut().append("x", n.into());
    }
    let (mut sender, _tasks) = client(served.connect().await).await;
    assert_eq!(within(sender.send_request(request)).await.unwrap().status(), 431);
    assert_eq!(served.seen(), ["refused / headers_too_large"]);
}

#[tokio::test]
async fn hosts_must_agree() {
    let served = serve(options()).await;
    let (mut sender, _tasks) = client(served.connect().await).await;
    let mut request = get("/");
    request.headers_mut().insert("host", "b".parse().unwrap());
    assert_eq!(within(sender.send_request(request)).await.unwrap().status(), 400);
    // Without either.
    let mut stream = served.connect().await;
    stream.write_all(&[PREFACE, &frame(4, 0, 0, &[]), &frame(1, 5, 1, &GET[..3])].concat()).await.unwrap();
    let headers = await_frame(&mut stream, 1).await;
    assert_eq!(headers[0], 0x8c, "`:status 400` in HPACK's static table");
}

#[tokio::test]
async fn a_drain_says_goodbye_and_finishes() {
    let mut served = serve(options()).await;
    let (mut sender, mut tasks) = client(served.connect().await).await;
    let call = sender.send_request(get("/wait"));
    served.arrival().await;
    served.shutdown.cancel();
    served.echo.release.add_permits(1);
    assert_eq!(text(within(call).await.unwrap()).await, "released");
    assert_eq!(within(tasks.join_next()).await.unwrap().ok(), Some(true), "closed in good order");
    assert_eq!(served.drained().await.cut, 0);
}

#[tokio::test]
async fn a_drain_ends_at_its_deadline() {
    let mut served = serve_draining(options(), Duration::from_millis(300)).await;
    let (mut sender, _tasks) = client(served.connect().await).await;
    let call = sender.send_request(get("/wait"));
    served.arrival().await;
    served.shutdown.cancel();
    assert_eq!(served.drained().await.cut, 1);
    assert!(within(call).await.is_err());
}

/// A client that opens no window would hold its calls for ever.
#[tokio::test]
async fn an_answer_that_nobody_takes_is_reset() {
    let mut options = options();
    options.limits = Limits { write_timeout: Duration::from_millis(300), ..Limits::default() };
    let served = serve(options).await;
    let mut stream = served.connect().await;
    let no_window = [0, 4, 0, 0, 0, 0];
    stream.write_all(&[PREFACE, &frame(4, 0, 0, &no_window), &frame(1, 5, 1, GET)].concat()).await.unwrap();
    await_frame(&mut stream, 1).await;
    await_frame(&mut stream, 3).await;
    assert_eq!(served.seen(), ["/"]);
}

/// CVE-2023-44487: streams that are opened and reset at once.
#[tokio::test]
async fn rapid_resets_end_the_connection() {
    let served = serve(options()).await;
    let mut stream = served.connect().await;
    let mut bytes = [PREFACE, &frame(4, 0, 0, &[])].concat();
    for stream in (1..=255_u8).step_by(2) {
        bytes.extend(frame(1, 5, stream, GET));
        bytes.extend(frame(3, 0, stream, &[0, 0, 0, 8]));
    }
    let _ = stream.write_all(&bytes).await;
    // GOAWAY with ENHANCE_YOUR_CALM (11), and the end.
    let goodbye = await_frame(&mut stream, 7).await;
    assert_eq!(goodbye[4..8], [0, 0, 0, 11]);
    rest(&mut stream).await;
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let mut options = options();
    options.limits = Limits { idle_timeout: Duration::from_millis(300), ..Limits::default() };
    let served = serve(options).await;
    let (mut sender, mut tasks) = client(served.connect().await).await;
    let response = within(sender.send_request(get("/a"))).await.unwrap();
    assert_eq!(text(response).await, "hello from /a");
    assert_eq!(within(tasks.join_next()).await.unwrap().ok(), Some(true));
}
