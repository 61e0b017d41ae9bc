//! Fetching what a caller names: from public hosts, and from nowhere else, whichever way one is led there.

use super::*;
use portcullis_model::issuer;
use portcullis_net::egress::{Egress, ProxyEnvironment, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A public address, which nothing here connects to: the way to it is a proxy of our own.
const PUBLIC: [u8; 4] = [93, 184, 216, 34];

/// Names as a hostile or careless DNS has them.
#[derive(Debug)]
struct Names;

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        let addresses: Vec<IpAddr> = match host {
            "public.example" => vec![PUBLIC.into()],
            "loopback.example" => vec![[127, 0, 0, 1].into()],
            "inside.example" => vec![[10, 0, 0, 5].into()],
            "inside6.example" => vec!["fd00::5".parse().unwrap()],
            "mapped.example" => vec!["::ffff:192.168.0.1".parse().unwrap()],
            "metadata.example" => vec![[169, 254, 169, 254].into()],
            // The first is good, and the proxy might take the second.
            "both.example" => vec![PUBLIC.into(), [127, 0, 0, 1].into()],
            _ => vec![],
        };
        Box::pin(
            async move { Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect()) },
        )
    }
}

/// A proxy that is all of the public internet at once, and notes whom it was asked for.
struct Internet {
    plane: Plane,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
    _place: tempfile::TempDir,
}

impl Internet {
    async fn with(set: Value) -> Self {
        let names = vec!["public.example".to_owned(), "both.example".to_owned()];
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        let place = tempfile::tempdir().unwrap();
        let ca = place.path().join("ca.pem");
        std::fs::write(&ca, certified.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let noted = asked.clone();
        tasks.spawn(async move {
            let mut calls = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                calls.spawn(serve(stream, acceptor.clone(), set.clone(), noted.clone()));
            }
        });
        let plane = Plane::reaching(|clock| {
            let settings =
                issuer::Egress { ca_file: Some(ca), proxy: Some(proxy), ..issuer::Egress::default() };
            (Egress::resolving(clock, ProxyEnvironment::default(), Arc::new(Names)), settings)
        })
        .await;
        Self { plane, asked, _tasks: tasks, _place: place }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

async fn head(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

async fn serve(mut stream: TcpStream, acceptor: TlsAcceptor, set: Value, asked: Arc<Mutex<Vec<String>>>) {
    let connect = head(&mut stream).await;
    let host = connect.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().unwrap().push(host);
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let Ok(mut tls) = acceptor.accept(stream).await else { return };
    let request = head(&mut tls).await;
    let path = request.split(' ').nth(1).unwrap_or_default();
    let metadata =
        |issuer: &str, jwks_uri: &str| json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string();
    let base = "https://public.example";
    let (status, extra, body) = match path {
        "/jwks.json" => (200, "cache-control: max-age=60\r\n".to_owned(), set.to_string()),
        "/page" => (200, String::new(), "<html>internal-banner-7</html>".to_owned()),
        "/large" => (200, String::new(), " ".repeat(300 * 1024)),
        "/gone" => (404, String::new(), String::new()),
        "/failing" => (503, String::new(), String::new()),
        "/loop" => (302, format!("location: {base}/loop\r\n"), String::new()),
        "/good/.well-known/openid-configuration" => {
            (200, String::new(), metadata(&format!("{base}/good"), &format!("{base}/jwks.json")))
        }
        "/other/.well-known/openid-configuration" => {
            (200, String::new(), metadata(&format!("{base}/good"), &format!("{base}/jwks.json")))
        }
        "/empty/.well-known/openid-configuration" => {
            (200, String::new(), "{\"banner\":\"internal-banner-7\"}".to_owned())
        }
        path => match path.strip_prefix("/to/").and_then(|to| to.split_once('/')) {
            // `/to/<scheme>/<host and path>` redirects.
            Some((scheme, to)) => (302, format!("location: {scheme}://{to}\r\n"), String::new()),
            // `/by/<scheme>/<host>/.well-known/…` is an issuer whose keys are there.
            None => match path.strip_prefix("/by/").and_then(|by| by.split_once("/.well-known/")) {
                Some((by, _)) => {
                    let (scheme, host) = by.split_once('/').unwrap_or(("https", by));
                    let uri = format!("{scheme}://{host}/jwks.json");
                    (200, String::new(), metadata(&format!("{base}/by/{by}"), &uri))
                }
                None => (404, String::new(), String::new()),
            },
        },
    };
    let answer = format!(
        "HTTP/1.1 {status} x\r\n{extra}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = tls.write_all(answer.as_bytes()).await;
    let _ = tls.shutdown().await;
}

/// Hosts that no caller may name, in the forms in which they are smuggled in.
const INSIDE: [&str; 17] = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[fd00::1]",
    "[fe80::1]",
    "[64:ff9b::7f00:1]",
    "localhost",
    "metadata.google.internal",
];

#[tokio::test]
async fn a_public_key_set_is_fetched_and_used() {
    let (_, token, public) = signed();
    let internet = Internet::with(json!({ "keys": [public] })).await;
    let plane = &internet.plane;
    let fetched = ask(plane, "jwks/fetch", json!({ "jwks_url": "https://public.example/jwks.json" })).await;
    assert_eq!(
        (&fetched["url"], &fetched["jwks"]["keys"][0]),
        (&json!("https://public.example/jwks.json"), &public)
    );
    assert_eq!((&fetched["cache_control"], &fetched["sound"]), (&json!("max-age=60"), &json!(true)));
    let by_issuer = ask(plane, "jwks/fetch", json!({ "issuer": "https://public.example/good" })).await;
    assert_eq!(by_issuer["keys"], fetched["keys"]);
    assert_eq!(internet.asked(), ["public.example:443"; 3]);
    for body in [
        json!({ "token": token, "jwks_url": "https://public.example/jwks.json" }),
        json!({ "token": token, "jwks_url": "https://public.example/to/https/public.example/jwks.json" }),
        json!({ "token": token, "issuer": "https://public.example/good" }),
    ] {
        for operation in ["verify", "explain"] {
            assert_eq!(ask(plane, operation, body.clone()).await["valid"], true, "{operation} {body}");
        }
    }
    // Naming an issuer is expecting it.
    let (other, ..) = signed();
    let elsewhere =
        encode(&Protected::new(), br#"{"iss":"https://else.example","exp":1795312303}"#, &other).unwrap();
    let answer =
        ask(plane, "explain", json!({ "token": elsewhere, "issuer": "https://public.example/good" })).await;
    assert!(codes(&answer).contains(&"issuer_mismatch"), "{answer}");
}

#[tokio::test]
async fn no_host_inside_is_asked_for_directly() {
    let plane = Plane::reaching(|clock| {
        (Egress::resolving(clock, ProxyEnvironment::default(), Arc::new(Names)), issuer::Egress::default())
    })
    .await;
    // Something listens there, and must never hear of it.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let names =
        ["loopback.example", "inside.example", "inside6.example", "mapped.example", "metadata.example"];
    let numbers =
        INSIDE.into_iter().filter(|host| host.starts_with(|c: char| c.is_ascii_digit() || c == '['));
    for host in numbers.chain(names) {
        let body = json!({ "jwks_url": format!("https://{host}:{port}/jwks.json") });
        let (status, code, detail) = refused(&plane, "jwks/fetch", body).await;
        assert_eq!((status, code.as_str()), (400, "parameter_invalid"), "{host}: {detail}");
        assert!(detail.ends_with("(host_not_public)"), "{host}: {detail}");
        // Whoever asks does not learn what a name means in here.
        assert!(!detail.contains("10.0.0.5") && !detail.contains("fd00::5"), "{detail}");
        for operation in ["verify", "explain"] {
            let body = json!({ "token": "x", "issuer": format!("https://{host}:{port}") });
            assert!(
                refused(&plane, operation, body).await.2.ends_with("(host_not_public)"),
                "{operation} {host}"
            );
        }
    }
    let accepted = tokio::time::timeout(std::time::Duration::ZERO, listener.accept()).await;
    assert!(accepted.is_err(), "something was connected to");
}

#[tokio::test]
async fn nobody_is_led_inside_by_a_document() {
    let (_, token, public) = signed();
    let internet = Internet::with(json!({ "keys": [public] })).await;
    let plane = &internet.plane;
    let names = [
        "loopback.example",
        "inside.example",
        "inside6.example",
        "mapped.example",
        "metadata.example",
        "both.example",
    ];
    for host in INSIDE.into_iter().chain(names) {
        for body in [
            json!({ "jwks_url": format!("https://{host}/jwks.json") }),
            json!({ "jwks_url": format!("https://public.example/to/https/{host}/jwks.json") }),
            json!({ "issuer": format!("https://public.example/by/https/{host}") }),
        ] {
            let (status, code, detail) = refused(plane, "jwks/fetch", body.clone()).await;
            assert_eq!((status, code.as_str()), (400, "parameter_invalid"), "{body}: {detail}");
            assert!(detail.ends_with("(host_not_public)"), "{body}: {detail}");
            let mut body = body;
            body["token"] = token.as_str().into();
            assert!(refused(plane, "verify", body).await.2.ends_with("(host_not_public)"), "{host}");
        }
    }
    assert!(internet.asked().iter().all(|host| host == "public.example:443"), "somebody else was asked for");
}

#[tokio::test]
async fn only_https_and_only_key_sets() {
    let (_, _, public) = signed();
    let internet = Internet::with(json!({ "keys": [public] })).await;
    let base = "https://public.example";
    for (body, status, name) in [
        (json!({ "jwks_url": "http://public.example/jwks.json" }), 400, "url_not_https"),
        (json!({ "jwks_url": "file:///etc/passwd" }), 400, "url_not_https"),
        (json!({ "jwks_url": "public.example" }), 400, "url_malformed"),
        (json!({ "jwks_url": "https://a:b@public.example/" }), 400, "url_malformed"),
        (json!({ "jwks_url": format!("{base}/to/http/public.example/jwks.json") }), 400, "fetch_redirect"),
        (json!({ "jwks_url": format!("{base}/to/file//etc/passwd") }), 400, "fetch_redirect"),
        (json!({ "jwks_url": format!("{base}/loop") }), 400, "fetch_redirect"),
        (json!({ "jwks_url": format!("{base}/large") }), 400, "fetch_too_large"),
        (json!({ "jwks_url": format!("{base}/gone") }), 400, "fetch_status"),
        (json!({ "jwks_url": format!("{base}/failing") }), 503, "fetch_status"),
        (json!({ "jwks_url": "https://nowhere.example/" }), 503, "fetch_connect"),
        (json!({ "jwks_url": format!("{base}/page") }), 400, "json_character"),
        (json!({ "issuer": format!("{base}/other") }), 400, "issuer_mismatch"),
        (json!({ "issuer": format!("{base}/empty") }), 400, "metadata_malformed"),
        (json!({ "issuer": format!("{base}/by/http/public.example") }), 400, "url_not_https"),
        (json!({ "issuer": format!("{base}/good?x=1") }), 400, "url_malformed"),
        (json!({ "issuer": "http://public.example" }), 400, "url_not_https"),
    ] {
        let (found, _, detail) = refused(&internet.plane, "jwks/fetch", body.clone()).await;
        assert_eq!(found, status, "{body}: {detail}");
        assert!(detail.ends_with(&format!("({name})")), "{body}: {detail}");
        // What is there instead of a key set is not told on.
        assert!(!detail.contains("internal-banner-7"), "{detail}");
    }
}
