//! What strangers can learn of who exists: nothing. Every subject that is not an active user's is refused alike, to the
//! byte, over HTTP/1.1 and HTTP/2, on plain and on AI routes, the first time and from memory.

use crate::doctor::world::{World, claims, sign};
use crate::server::eventually;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::net::TcpStream;

const CONFIG: &str = r#"
[resolution]
positive_ttl = "30s"
negative_ttl = "30s"

[[services]]
name = "orders"
tenant = "acme"
path = "/orders"
upstream = "http://127.0.0.1:9"

[[issuers]]
name = "waiting"
issuer = "https://waiting.example"
audiences = ["gateway"]
tenant = "acme"
jwks_file = "corp.json"
subject = { unknown = "pending" }

[[issuers]]
name = "folded"
issuer = "https://folded.example"
audiences = ["gateway"]
tenant = "acme"
jwks_file = "corp.json"
subject = { attribute = "username", normalise = ["lowercase"] }
"#;

/// Route, method, body: a plain service, and every dialect that a caller may speak.
const CALLS: [(&str, Method, &str); 10] = [
    ("/orders/7", Method::GET, ""),
    ("/v1/models", Method::GET, ""),
    (
        "/v1/chat/completions",
        Method::POST,
        r#"{"model":"echo","messages":[{"role":"user","content":"hello"}]}"#,
    ),
    ("/v1/responses", Method::POST, r#"{"model":"echo","input":"hello"}"#),
    (
        "/anthropic/v1/messages",
        Method::POST,
        r#"{"model":"echo","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#,
    ),
    (
        "/gemini/v1beta/models/echo:generateContent",
        Method::POST,
        r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#,
    ),
    (
        "/bedrock/model/echo/converse",
        Method::POST,
        r#"{"messages":[{"role":"user","content":[{"text":"hello"}]}]}"#,
    ),
    ("/cohere/v2/chat", Method::POST, r#"{"model":"echo","messages":[{"role":"user","content":"hello"}]}"#),
    ("/ollama/api/chat", Method::POST, r#"{"model":"echo","messages":[{"role":"user","content":"hello"}]}"#),
    ("/-/whoami", Method::GET, ""),
];

/// An answer as far as it may tell something: status, headers in order, body; the request id and the time taken out.
type Seen = (u16, Vec<(String, String)>, String);

async fn ask(
    to: SocketAddr,
    version: Version,
    call: &(&'static str, Method, &'static str),
    token: &str,
) -> Seen {
    let stream = TcpStream::connect(to).await.unwrap();
    let (path, method, body) = call;
    let request = Request::builder()
        .method(method)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    let body = Full::new(Bytes::from_static(body.as_bytes()));
    let answer = if version == Version::HTTP_2 {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        tokio::spawn(connection);
        let request = request.uri(format!("http://{to}{path}")).body(body).unwrap();
        sender.send_request(request).await.unwrap()
    } else {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        tokio::spawn(connection);
        let request = request.uri(*path).header("host", to.to_string()).body(body).unwrap();
        sender.send_request(request).await.unwrap()
    };
    assert_eq!(answer.version(), version);
    let (parts, body) = answer.into_parts();
    #[expect(clippy::disallowed_methods, reason = "a test's own server")]
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let id = parts.headers["x-request-id"].to_str().unwrap().to_owned();
    assert!(!id.is_empty() && body.contains(&id), "{body}");
    (parts.status.as_u16(), shown(&parts.headers, &id), body.replace(&id, "ID"))
}

fn shown(headers: &HeaderMap, id: &str) -> Vec<(String, String)> {
    let told = headers.iter().filter(|(name, _)| *name != "date");
    told.map(|(name, value)| (name.to_string(), value.to_str().unwrap().replace(id, "ID"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_active_is_refused_alike_to_the_byte() {
    let world = World::new(CONFIG);
    let made = |name: &str| {
        let user = world.user(&["--username", name, "--identity", &format!("corp=sub-{name}")]);
        user["id"].as_str().unwrap().to_owned()
    };
    let (suspended, deleted) = (made("suspended"), made("deleted"));
    let (merged, gone) = (made("merged"), made("gone"));
    world.server.cli(&["user", "suspend", &suspended, "--reason", "a reason that nobody outside may read"]);
    world.server.cli(&["user", "delete", &deleted, "--reason", "another"]);
    world.server.cli(&["user", "merge", &merged, "--into", &gone]);
    world.server.cli(&["user", "delete", &gone]);
    // Two users who are one under a rule; and one who is of another tenant.
    world.user(&["--username", "twin"]);
    world.user(&["--username", "Twin"]);
    let abroad = ["--tenant", "other", "--username", "abroad", "--identity", "partner=sub-abroad"];
    // No issuer of its own tenant: a slip, were it not said to be meant.
    world.user(&[&abroad[..], &["--allow-unknown"]].concat());
    let corp = |sub: &str| sign(&claims("corp", sub), &world.corp);
    let cases = [
        ("unknown", corp("sub-unknown")),
        ("suspended", corp("sub-suspended")),
        ("deleted", corp("sub-deleted")),
        ("merged into a deleted one", corp("sub-merged")),
        ("pending", sign(&claims("waiting", "sub-pending"), &world.corp)),
        ("more than one's", sign(&claims("folded", "TWIN"), &world.corp)),
        ("another tenant's", corp("sub-abroad")),
    ];
    let to = world.server.gateway;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for call in &CALLS {
            let plain = ask(to, version, call, &corp("never-seen")).await;
            assert_eq!(plain.0, 401, "{call:?}: {plain:?}");
            assert!(plain.2.contains("subject_unresolved"), "{plain:?}");
            let told: Value = serde_json::from_str(&plain.2).unwrap();
            assert!(told.is_object());
            for (what, token) in &cases {
                // Asked for, and then from memory.
                for turn in 0..2 {
                    let seen = ask(to, version, call, token).await;
                    assert_eq!(seen, plain, "{what}, turn {turn}, {call:?}, {version:?}");
                }
            }
        }
    }
    // The owner is told which is which.
    for (code, least) in [
        ("user_unknown", 2),
        ("user_suspended", 1),
        ("user_deleted", 2),
        ("user_pending", 1),
        ("subject_ambiguous", 1),
    ] {
        let page = eventually(
            || world.server.cli(&["record", "list", "--code", code]),
            |page| page["items"].as_array().is_some_and(|items| items.len() >= least),
        );
        assert!(page["items"].as_array().unwrap().len() >= least, "{code}: {page:#}");
    }
    world.server.stop();
}
