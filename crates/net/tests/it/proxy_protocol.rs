//! PROXY protocol v2 in front of HTTP and TLS.

use crate::support::{Authority, options, rest, serve, within};
use portcullis_net::accept::{Limits, ListenOptions, Tls, TlsOptions, TrustedProxies};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// What a header may take where a test is about one that does not come.
const SHORT: Duration = Duration::from_millis(300);
const REQUEST: &[u8] = b"GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn header(version_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[version_command, family], &length, rest].concat()
}

fn trusting(network: &str) -> ListenOptions {
    let mut options = options();
    options.proxy_protocol = true;
    options.trusted_proxies = TrustedProxies::new(vec![network.parse().unwrap()]);
    options
}

fn impatient(network: &str) -> ListenOptions {
    let limits = Limits { handshake_timeout: SHORT, ..Limits::default() };
    ListenOptions { limits, ..trusting(network) }
}

#[tokio::test]
async fn sources() {
    let served = serve(trusting("127.0.0.0/8")).await;
    let v4 = [192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0x01, 0xbb];
    let mut v6 = [0; 36];
    v6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    v6[15] = 9;
    let mut mapped = [0; 36];
    mapped[10..16].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 8]);
    for (header, source) in [
        (header(0x21, 0x11, &v4), "192.0.2.7"),
        (header(0x21, 0x21, &v6), "2001:db8::9"),
        (header(0x21, 0x21, &mapped), "192.0.2.8"),
        (header(0x20, 0x11, &v4), "127.0.0.1"),
        (header(0x21, 0x00, &[]), "127.0.0.1"),
    ] {
        // In pieces: a header may come in any number of packets.
        let mut stream = served.connect().await;
        for piece in [&header[..5], &header[5..], REQUEST] {
            stream.write_all(piece).await.unwrap();
            stream.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        let answer = rest(&mut stream).await;
        assert!(answer.contains(&format!("source={source} ")), "{answer}");
    }
}

#[tokio::test]
async fn what_is_no_header_is_closed_without_an_answer() {
    let served = serve(impatient("127.0.0.0/8")).await;
    for start in [
        REQUEST.to_vec(),
        b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 443\r\nGET /peer HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        header(0x11, 0x11, &[0; 12]),
        header(0x21, 0x11, &[0; 4]),
        header(0x21, 0x11, &vec![0; 5000]),
        SIGNATURE.to_vec(),
        Vec::new(),
    ] {
        assert_eq!(served.send(&start).await, "", "{start:?}");
    }
    assert_eq!(served.seen().len(), 0);
}

#[tokio::test]
async fn a_header_that_does_not_end_is_timed() {
    let served = serve(impatient("127.0.0.0/8")).await;
    let began = Instant::now();
    let mut stream = served.connect().await;
    stream.write_all(SIGNATURE).await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    assert!(began.elapsed() >= SHORT);
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let served = serve(trusting("10.0.0.0/8")).await;
    assert!(served.send(REQUEST).await.contains("source=127.0.0.1 "), "a direct connection needs none");
    let v4 = [192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0x01, 0xbb];
    let answer = served.send([&header(0x21, 0x11, &v4)[..], REQUEST].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(served.seen(), ["/peer"]);
}

#[tokio::test]
async fn in_front_of_tls() {
    let authority = Authority::new();
    let issued = authority.issue("server", &["localhost"]);
    let mut options = trusting("127.0.0.0/8");
    let tls = TlsOptions {
        certificate_file: issued.certificate_file,
        key_file: issued.key_file,
        client_ca_file: None,
    };
    options.tls = Some(Tls::load(tls).unwrap());
    let served = serve(options).await;
    let mut stream = served.connect().await;
    let v4 = [192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0x01, 0xbb];
    stream.write_all(&header(0x21, 0x11, &v4)).await.unwrap();
    let mut stream =
        within(crate::tls::client(&authority, &[], None).connect("localhost".try_into().unwrap(), stream))
            .await
            .unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.contains("source=192.0.2.7 sni=Some(\"localhost\")"), "{answer}");
}
