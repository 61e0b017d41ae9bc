//! TLS on listeners.

use crate::support::{Authority, Issued, Served, options, rest, serve, until, within};
use portcullis_net::accept::{Tls, TlsOptions};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) fn client(authority: &Authority, alpn: &[&str], certificate: Option<&Issued>) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.file()).unwrap()).unwrap();
    let builder =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
    let mut config = match certificate {
        None => builder.with_no_client_auth(),
        Some(issued) => {
            let chain = vec![CertificateDer::from(issued.der.clone())];
            builder
                .with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(&issued.key_file).unwrap())
                .unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

fn files(issued: &Issued) -> TlsOptions {
    TlsOptions {
        certificate_file: issued.certificate_file.clone(),
        key_file: issued.key_file.clone(),
        client_ca_file: None,
    }
}

async fn serve_tls(tls: TlsOptions) -> (Served, Tls) {
    let tls = Tls::load(tls).unwrap();
    let mut options = options();
    options.tls = Some(tls.clone());
    options.limits.handshake_timeout = Duration::from_secs(5);
    (serve(options).await, tls)
}

async fn handshake(served: &Served, connector: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
    within(connector.connect(ServerName::try_from("localhost").unwrap(), served.connect().await)).await
}

async fn peer(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    rest(stream).await
}

#[tokio::test]
async fn protocols_are_agreed_on() {
    let authority = Authority::new();
    let (served, _) = serve_tls(files(&authority.issue("server", &["localhost"]))).await;
    for (offered, agreed) in
        [(&["h2", "http/1.1"][..], Some(&b"h2"[..])), (&["http/1.1"], Some(b"http/1.1")), (&[], None)]
    {
        let mut stream = handshake(&served, &client(&authority, offered, None)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
        if agreed != Some(b"h2") {
            let answer = peer(&mut stream).await;
            assert!(
                answer.contains("sni=Some(\"localhost\")") && answer.contains("version=Some(\"TLSv1.3\")"),
                "{answer}"
            );
            assert!(answer.ends_with("http=HTTP/1.1"), "{answer}");
        }
    }
    assert!(handshake(&served, &client(&authority, &["spdy/3"], None)).await.is_err());

    let stream = handshake(&served, &client(&authority, &["h2"], None)).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { connection.await.is_ok() });
    let request =
        http::Request::get("https://localhost/a").body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
    assert_eq!(within(sender.send_request(request)).await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_is_not_tls_is_closed() {
    let authority = Authority::new();
    let (served, _) = serve_tls(files(&authority.issue("server", &["localhost"]))).await;
    let answer = served.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(!answer.contains("HTTP"), "{answer:?}");
    assert_eq!(served.seen().len(), 0);
}

#[tokio::test]
async fn a_handshake_that_stalls_is_timed() {
    let authority = Authority::new();
    let mut options = options();
    options.tls = Some(Tls::load(files(&authority.issue("server", &["localhost"]))).unwrap());
    options.limits.handshake_timeout = Duration::from_millis(300);
    let served = serve(options).await;
    let began = std::time::Instant::now();
    assert_eq!(served.send([0x16, 0x03, 0x01]).await, "");
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn certificates_are_read_again() {
    let authority = Authority::new();
    let first = authority.issue("server", &["localhost"]);
    let (served, tls) = serve_tls(files(&first)).await;
    let connector = client(&authority, &["http/1.1"], None);
    let shown = async || {
        let stream = handshake(&served, &connector).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    assert_eq!(shown().await, first.der);
    // A connection from before lives on.
    let mut old = handshake(&served, &connector).await.unwrap();
    assert!(!tls.reload().unwrap(), "nothing changed");

    // The certificate without its key, as when files are replaced one after the other.
    let key = std::fs::read(&first.key_file).unwrap();
    let second = authority.issue("server", &["localhost"]);
    let new_key = std::fs::read(&second.key_file).unwrap();
    std::fs::write(&second.key_file, key).unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("cannot be used together"), "{error}");
    assert!(!tls.reload().unwrap(), "said once");
    assert_eq!(shown().await, first.der, "the one in force stays");

    std::fs::write(&second.key_file, "nonsense").unwrap();
    assert!(tls.reload().unwrap_err().to_string().contains("no private key in PEM"));
    std::fs::remove_file(&second.key_file).unwrap();
    assert!(tls.reload().unwrap_err().to_string().contains("cannot read"));
    assert_eq!(shown().await, first.der);

    std::fs::write(&second.key_file, new_key).unwrap();
    assert!(tls.reload().unwrap());
    assert_eq!(shown().await, second.der);
    old.write_all(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until(&mut old, "from /a").await;
}

/// The listener watches by itself.
#[tokio::test]
async fn nobody_has_to_ask() {
    let authority = Authority::new();
    let (served, _) = serve_tls(files(&authority.issue("server", &["localhost"]))).await;
    let connector = client(&authority, &["http/1.1"], None);
    let second = authority.issue("server", &["localhost"]);
    within(async {
        loop {
            let stream = handshake(&served, &connector).await.unwrap();
            if stream.get_ref().1.peer_certificates().unwrap()[0].as_ref() == second.der {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn client_certificates() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut options = files(&authority.issue("server", &["localhost"]));
    options.client_ca_file = Some(authority.file());
    let (served, _) = serve_tls(options).await;
    let ours = authority.issue("client", &["client"]);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &ours.der);
    let mut stream = handshake(&served, &client(&authority, &[], Some(&ours))).await.unwrap();
    let answer = peer(&mut stream).await;
    assert!(answer.contains(&format!("digest=Some({:?})", digest.as_ref())), "{answer}");
    let mut stream = handshake(&served, &client(&authority, &[], None)).await.unwrap();
    assert!(peer(&mut stream).await.contains("digest=None"));
    let theirs = stranger.issue("client", &["client"]);
    // In TLS 1.3 the client learns of the refusal when it reads.
    if let Ok(mut stream) = handshake(&served, &client(&authority, &[], Some(&theirs))).await {
        let _ = stream.write_all(b"GET /peer HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(rest(&mut stream).await, "");
    }
}

#[test]
fn bad_files_are_named() {
    let authority = Authority::new();
    let good = authority.issue("good", &["localhost"]);
    let other = authority.issue("other", &["localhost"]);
    let load = |certificate: &std::path::Path, key: &std::path::Path| {
        let options =
            TlsOptions { certificate_file: certificate.into(), key_file: key.into(), client_ca_file: None };
        Tls::load(options).unwrap_err().to_string()
    };
    assert!(load("/nowhere.pem".as_ref(), &good.key_file).contains("cannot read `/nowhere.pem`"));
    assert!(load(&good.key_file, &good.key_file).contains("holds no certificate"));
    assert!(load(&good.certificate_file, &good.certificate_file).contains("holds no private key"));
    assert!(load(&good.certificate_file, &other.key_file).contains("cannot be used together"));
}
