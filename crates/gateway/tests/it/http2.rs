//! HTTP/2 on either side: callers by prior knowledge, upstreams by TLS with a private CA.

use crate::house::{House, orders};
use crate::upstream::Upstream;
use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_util::task::TaskTracker;

#[expect(clippy::disallowed_methods, reason = "bounded by `Limited`")]
async fn text(body: Incoming) -> String {
    let bytes = Limited::new(body, 1 << 20).collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn callers_by_prior_knowledge() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "")).await;
    let stream = TcpStream::connect(house.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let tasks = TaskTracker::new();
    tasks.spawn(connection);
    let call = |path: &str, authorization: &str| {
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.uri_mut() = format!("http://gw.example{path}").parse().unwrap();
        request.headers_mut().insert("authorization", authorization.parse().unwrap());
        request.headers_mut().insert("x_user_id", "1".parse().unwrap());
        request
    };
    let ada = house.ada();
    // All at once, on one connection.
    let answers = (0..8).map(|n| sender.send_request(call(&format!("/orders/{n}"), &ada)));
    for (n, answer) in futures_util::future::join_all(answers).await.into_iter().enumerate() {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200);
        let seen: serde_json::Value = serde_json::from_str(&text(answer.into_body()).await).unwrap();
        assert_eq!(seen["line"], format!("GET /orders/{n} HTTP/1.1"));
        let headers = seen["headers"].to_string();
        assert!(
            headers.contains(r#"["via","2 portcullis"]"#)
                && headers.contains(r#"["x-forwarded-host","gw.example"]"#),
            "{headers}"
        );
        assert!(!headers.contains("x_user_id") && headers.contains(&house.ada.id.to_string()));
    }
    let refused = sender.send_request(call("/orders/..%2fx", &ada)).await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers().get("connection")), (400, None));
    house.close().await;
}

/// A server with a certificate of a private CA, which is written to a file.
async fn secure(
    protocols: &[&[u8]],
    directory: &std::path::Path,
) -> (SocketAddr, std::path::PathBuf, Arc<AtomicUsize>, TaskTracker) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = rcgen::CertifiedIssuer::self_signed(parameters, ca_key).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    let file = directory.join("ca.pem");
    std::fs::write(&file, ca.pem()).unwrap();

    let mut tls = ServerConfig::builder_with_provider(Arc::new(
        tokio_rustls::rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(
        vec![leaf.der().clone()],
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
    )
    .unwrap();
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tasks, connections) = (TaskTracker::new(), Arc::new(AtomicUsize::new(0)));
    tasks.spawn({
        let (tasks, connections) = (tasks.clone(), connections.clone());
        async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, connections) = (acceptor.clone(), connections.clone());
                tasks.spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    connections.fetch_add(1, Ordering::SeqCst);
                    let serve = service_fn(|request: Request<Incoming>| async move {
                        let answer = serde_json::json!({
                            "version": format!("{:?}", request.version()),
                            "target": request.uri().to_string(),
                            "host": request.headers().get("host").map(|host| host.to_str().unwrap().to_owned()),
                            "user": request.headers().get("x-user-id").map(|id| id.to_str().unwrap().to_owned()),
                            "body": text(request.into_body()).await,
                        });
                        Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(answer.to_string()))))
                    });
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), serve).await;
                });
            }
        }
    });
    (address, file, connections, tasks)
}

fn service(address: SocketAddr, ca: Option<&std::path::Path>) -> String {
    let http = ca.map_or(String::new(), |ca| format!("[services.http]\nca_file = \"{}\"\n", ca.display()));
    format!(
        "[[services]]\nname = \"orders\"\ntenant = \"acme\"\npath = \"/orders\"\nupstream = \"https://localhost:{}/base\"\n{http}",
        address.port()
    )
}

#[tokio::test]
async fn upstreams_over_tls_with_either_protocol() {
    for (protocols, version) in
        [(&[&b"h2"[..], b"http/1.1"][..], Version::HTTP_2), (&[b"http/1.1"], Version::HTTP_11)]
    {
        let directory = tempfile::tempdir().unwrap();
        let (address, ca, connections, _tasks) = secure(protocols, directory.path()).await;
        let house = House::open(&service(address, Some(&ca))).await;
        for _ in 0..3 {
            let body = "x".repeat(100_000);
            let head = format!(
                "POST /orders/7?a=b HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{body}",
                house.ada(),
                body.len()
            );
            let answer = house.client().await.call(head).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let seen = answer.json();
            assert_eq!(seen["version"], format!("{version:?}"));
            assert!(seen["target"].as_str().unwrap().ends_with("/base/orders/7?a=b"), "{}", seen["target"]);
            assert_eq!(seen["user"], house.ada.id.to_string());
            assert_eq!(seen["body"].as_str().unwrap().len(), body.len());
        }
        assert_eq!(connections.load(Ordering::SeqCst), 1, "{version:?}");
        let token = house.ada();
        let burst = (0..20).map(|_| {
            let (house, token) = (house.clone(), token.clone());
            async move {
                let head = format!("GET /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {token}\r\n\r\n");
                house.client().await.call(head).await.status
            }
        });
        assert!(futures_util::future::join_all(burst).await.iter().all(|status| *status == 200));
        if version == Version::HTTP_2 {
            assert_eq!(connections.load(Ordering::SeqCst), 1, "one connection carries them all");
        }
        house.close().await;
    }
}

#[tokio::test]
async fn an_upstream_with_a_strangers_certificate_is_not_called() {
    let directory = tempfile::tempdir().unwrap();
    let (address, _, _, _tasks) = secure(&[b"h2"], directory.path()).await;
    let house = House::open(&service(address, None)).await;
    let answer = house.get("/orders").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (502, Some("upstream_unreachable")));
    assert!(house.record().await.detail.unwrap().contains("TLS"));
    house.close().await;
}
