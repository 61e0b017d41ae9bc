//! Bodies of many sizes that arrive in many ways, through each kind of route and back: what comes out is what went in.

use crate::dialects::{provider, wire};
use crate::house::{House, orders};
use crate::upstream::{Upstream, Wire as Line};
use crate::wires::Wire;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis_model::record::Outcome;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

/// Much longer than anything here takes on a slow machine; a test that needs it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Of every route here.
const LIMIT: usize = 2 << 20;
const KIB: usize = 1 << 10;

/// Around what is read at once, reserved at once and worked on in place, and around the limit.
const SIZES: [usize; 12] = [
    0,
    1,
    128 * KIB - 1,
    128 * KIB,
    128 * KIB + 1,
    256 * KIB - 1,
    256 * KIB,
    256 * KIB + 1,
    300_000,
    1 << 20,
    LIMIT - 1,
    LIMIT,
];

/// A way for a body to arrive.
#[derive(Clone, Copy, Debug)]
struct Way {
    http2: bool,
    /// Whether its length is said beforehand.
    length: bool,
    /// In how many pieces of about the same length.
    pieces: usize,
}

const WAYS: [Way; 6] = [
    Way { http2: false, length: true, pieces: 1 },
    Way { http2: false, length: true, pieces: 2 },
    Way { http2: false, length: false, pieces: 2 },
    Way { http2: false, length: false, pieces: 7 },
    Way { http2: true, length: false, pieces: 1 },
    Way { http2: true, length: true, pieces: 2 },
];

/// Text of which no two places look alike.
fn text(length: usize) -> String {
    let mut text: String = (0..length.div_ceil(8)).map(|at| format!("{at:07}-")).collect();
    text.truncate(length);
    text
}

type Body = StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

fn body(bytes: &Bytes, pieces: usize) -> Body {
    let length = bytes.len().div_ceil(pieces).max(1);
    let frames: Vec<_> = (0..bytes.len())
        .step_by(length)
        .map(|at| Ok(Frame::data(bytes.slice(at..bytes.len().min(at + length)))))
        .collect();
    StreamBody::new(stream::iter(frames))
}

/// One call over a connection of its own.
async fn call(
    house: &House,
    way: Way,
    path: &str,
    headers: &[(&str, &str)],
    bytes: &Bytes,
) -> (StatusCode, Bytes) {
    let mut request = Request::post(if way.http2 { format!("http://gw{path}") } else { path.to_owned() })
        .header("authorization", house.ada())
        .header("content-type", "application/json");
    if !way.http2 {
        request = request.header("host", "gw");
    }
    if way.length {
        request = request.header("content-length", bytes.len());
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body(bytes, way.pieces)).unwrap();
    let stream = TokioIo::new(TcpStream::connect(house.address).await.unwrap());
    let tasks = TaskTracker::new();
    let answered = async {
        let response = if way.http2 {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            tasks.spawn(connection);
            sender.send_request(request).await
        } else {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
            tasks.spawn(connection);
            sender.send_request(request).await
        };
        let response = response.unwrap_or_else(|error| panic!("{way:?}, {} bytes: {error:?}", bytes.len()));
        (response.status(), whole(response.into_body()).await)
    };
    tokio::time::timeout(PATIENCE, answered)
        .await
        .unwrap_or_else(|_| panic!("{way:?}, {} bytes: hangs", bytes.len()))
}

#[expect(clippy::disallowed_methods, reason = "bounded by `Limited`")]
async fn whole(body: Incoming) -> Bytes {
    Limited::new(body, 8 << 20).collect().await.unwrap().to_bytes()
}

/// Whether two bodies are the same; a message that can be read when they are not.
fn assert_same(came: &[u8], sent: &[u8], title: &str) {
    let differs = came.iter().zip(sent).position(|(came, sent)| came != sent);
    assert!(
        differs.is_none() && came.len() == sent.len(),
        "{title}: {} bytes came of {}, the first other at {differs:?}",
        came.len(),
        sent.len()
    );
}

/// Sends `body` after `head`: whole, or in chunks of about as many pieces as are asked for.
async fn answer(line: &mut Line, head: &str, body: &[u8], pieces: usize) {
    if pieces == 0 {
        let head = format!("HTTP/1.1 200 OK\r\n{head}content-length: {}\r\n\r\n", body.len());
        line.send_bytes(&[head.as_bytes(), body].concat()).await;
        return;
    }
    line.send(&format!("HTTP/1.1 200 OK\r\n{head}transfer-encoding: chunked\r\n\r\n")).await;
    for piece in body.chunks(body.len().div_ceil(pieces).max(1)) {
        line.send_bytes(&[format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()).await;
    }
    line.send("0\r\n\r\n").await;
}

#[tokio::test]
async fn through_a_service() {
    // Answers what it got, in as many pieces as it is asked to.
    let upstream = Upstream::open(|mut line, _| async move {
        while let Some(seen) = line.call().await {
            let pieces = seen.header("x-pieces").map_or(0, |pieces| pieces.parse().unwrap());
            answer(&mut line, "content-type: text/plain\r\n", &seen.body, pieces).await;
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "max_body = \"2MiB\"")).await;
    for (number, way) in WAYS.into_iter().enumerate() {
        for size in SIZES {
            let sent = Bytes::from(text(size));
            let pieces = ["0", "1", "2", "5"][(number + size) % 4];
            let (status, came) = call(&house, way, "/orders", &[("x-pieces", pieces)], &sent).await;
            let title = format!("{way:?}, {size} bytes, back in {pieces}");
            assert_eq!(status, 200, "{title}: {}", String::from_utf8_lossy(&came));
            assert_same(&came, &sent, &title);
            let record = house.record().await;
            assert_eq!(
                (record.outcome, record.bytes_in, record.bytes_out),
                (Outcome::Completed, size as u64, size as u64),
                "{title}"
            );
        }
        let (status, said) = call(&house, way, "/orders", &[], &Bytes::from(text(LIMIT + 1))).await;
        let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
        assert_eq!((status.as_u16(), &said["code"]), (413, &"body_too_large".into()), "{way:?}");
        assert_eq!(house.record().await.code.as_deref(), Some("body_too_large"));
    }
    house.no_more_records().await;
    house.close().await;
}

type Kept = Arc<Mutex<Option<(Vec<u8>, Vec<u8>)>>>;

/// A provider that answers the words that it was asked with; what it got last, and what it said.
async fn parrot(wire: &'static Wire) -> (Upstream, Kept) {
    let kept = Kept::default();
    let keep = kept.clone();
    let upstream = Upstream::open(move |mut line, _| {
        let keep = keep.clone();
        async move {
            while let Some(seen) = line.call().await {
                let asked: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
                let content = &asked["messages"][0]["content"];
                let words = content.as_str().or(content[0]["text"].as_str()).unwrap();
                let said = (wire.whole)(words).to_string().into_bytes();
                // The longer the more pieces: 0 to 7.
                let pieces = said.len() / 300_000;
                *keep.lock().await = Some((seen.body, said.clone()));
                answer(&mut line, "content-type: application/json\r\n", &said, pieces).await;
            }
        }
    })
    .await;
    (upstream, kept)
}

/// Asks `to` in OpenAI's format, with bodies of all sizes.
async fn through_a_model(to: &'static str) {
    let (caller, to) = (wire("openai"), wire(to));
    let (upstream, kept) = parrot(to).await;
    let house = House::open(&format!("[ai]\nmax_body = \"2MiB\"\n{}", provider(to, &upstream, ""))).await;
    let model = format!("to-{}", to.name);
    let of_size = |size: usize| {
        let (path, bare) = (caller.ask)(&model, "", false);
        let room = size.checked_sub(bare.to_string().len())?;
        let words = text(room);
        let body = (caller.ask)(&model, &words, false).1.to_string();
        assert_eq!(body.len(), size);
        Some((path, words, Bytes::from(body)))
    };
    for way in WAYS {
        for size in SIZES {
            let title = format!("{way:?}, {size} bytes to {}", to.name);
            let Some((path, words, body)) = of_size(size) else {
                // Too short to be a question: refused in words, whatever way it comes.
                let body = Bytes::from(text(size));
                let (status, said) = call(&house, way, "/v1/chat/completions", &[], &body).await;
                let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
                assert_eq!(
                    (status.as_u16(), &said["error"]["code"]),
                    (400, &"ai_request_invalid".into()),
                    "{title}"
                );
                house.record().await;
                continue;
            };
            let (status, came) = call(&house, way, &path, &[], &body).await;
            assert_eq!(status, 200, "{title}: {}", String::from_utf8_lossy(&came));
            let (asked, said) = kept.lock().await.take().unwrap();
            if to.name == caller.name {
                // Its own format: but for the model's name, the very bytes.
                let named = |name: &str| format!(r#""model":"{name}""#);
                let body = String::from_utf8(body.to_vec()).unwrap().replacen(
                    &named(&model),
                    &named("x/large:1"),
                    1,
                );
                assert_same(&asked, body.as_bytes(), &title);
                assert_same(&came, &said, &title);
            }
            let came: serde_json::Value = serde_json::from_slice(&came).unwrap();
            assert_same((caller.said)(&came).as_bytes(), words.as_bytes(), &title);
            let record = house.record().await;
            assert_eq!((record.outcome, record.bytes_in), (Outcome::Completed, size as u64), "{title}");
        }
        let (path, _, body) = of_size(LIMIT + 1).unwrap();
        let (status, said) = call(&house, way, &path, &[], &body).await;
        let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
        assert_eq!((status.as_u16(), &said["error"]["code"]), (413, &"body_too_large".into()), "{way:?}");
        assert_eq!(house.record().await.code.as_deref(), Some("body_too_large"));
    }
    house.no_more_records().await;
    house.close().await;
}

#[tokio::test]
async fn through_a_model_of_the_same_format() {
    through_a_model("openai").await;
}

#[tokio::test]
async fn through_a_model_of_another_format() {
    through_a_model("anthropic").await;
}
