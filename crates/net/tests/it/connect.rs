//! The way out: who may be connected, and how.

use crate::support::{Authority, Issued, options, rest, serve, until, within};
use portcullis_model::SystemClock;
use portcullis_model::issuer;
use portcullis_net::accept::{Tls, TlsOptions};
use portcullis_net::egress::{
    self, Alpn, Client, ConnectError, Egress, Protocol, ProxyEnvironment, Resolve, Resolving, Trust,
};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Answers from a table; a name may have one answer after the other.
#[derive(Debug, Default)]
pub(crate) struct Table {
    answers: Mutex<HashMap<&'static str, Vec<Vec<&'static str>>>>,
    pub(crate) asked: AtomicUsize,
}

impl Table {
    pub(crate) fn new(rows: &[(&'static str, &[&[&'static str]])]) -> Arc<Self> {
        let answers = rows
            .iter()
            .map(|(name, answers)| (*name, answers.iter().rev().map(|one| one.to_vec()).collect()));
        Arc::new(Self { answers: Mutex::new(answers.collect()), asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Table {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let found = answers
            .get_mut(host)
            .and_then(|answers| if answers.len() > 1 { answers.pop() } else { answers.last().cloned() });
        let found = found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name"));
        Box::pin(async move {
            Ok(found?.into_iter().map(|address| SocketAddr::new(address.parse().unwrap(), port)).collect())
        })
    }
}

pub(crate) fn egress(table: &Arc<Table>, environment: &[(&str, &str)]) -> Egress {
    let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let environment = ProxyEnvironment::from_variables(variables).unwrap();
    Egress::resolving(Arc::new(SystemClock), environment, table.clone())
}

fn plain(table: &Arc<Table>, trust: Trust) -> Client {
    egress(table, &[]).client(&issuer::Egress::default(), trust).unwrap()
}

fn to(url: &str) -> egress::Authority {
    egress::Authority::of(&url.parse().unwrap()).unwrap()
}

async fn get(client: &Client, url: &str) -> Result<String, ConnectError> {
    let mut stream = within(client.connect(&to(url), Alpn::Http1)).await?;
    stream.write_all(b"GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    Ok(rest(&mut stream).await)
}

#[tokio::test]
async fn operators_may_name_private_hosts() {
    let served = serve(options()).await;
    let table = Table::new(&[("orders.example", &[&["127.0.0.1"]])]);
    let client = plain(&table, Trust::Operator);
    let port = served.address.port();
    assert!(get(&client, &format!("http://orders.example:{port}")).await.unwrap().contains("200 OK"));
    assert!(get(&client, &format!("http://127.0.0.1:{port}")).await.unwrap().contains("200 OK"));
    assert_eq!(table.asked.load(Ordering::SeqCst), 1, "an address is not looked up");
}

#[tokio::test]
async fn documents_may_not() {
    let served = serve(options()).await;
    let port = served.address.port();
    let table = Table::new(&[
        ("inside.example", &[&["127.0.0.1"]]),
        ("mapped.example", &[&["::ffff:127.0.0.1"]]),
        ("mixed.example", &[&["10.0.0.1", "127.0.0.1"]]),
        ("meta.example", &[&["169.254.169.254"]]),
    ]);
    let client = plain(&table, Trust::Document);
    for host in [
        "inside.example",
        "mapped.example",
        "mixed.example",
        "meta.example",
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.1",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00::1]",
        "[64:ff9b::7f00:1]",
    ] {
        let error = get(&client, &format!("http://{host}:{port}")).await.unwrap_err();
        assert!(matches!(error, ConnectError::AddressRefused { .. }), "{host}: {error}");
    }
    assert_eq!(served.seen().len(), 0);
}

/// DNS rebinding: the look-up that is checked is the only one.
#[tokio::test]
async fn the_checked_address_is_the_connected_one() {
    let served = serve(options()).await;
    let table = Table::new(&[("rebind.example", &[&["127.0.0.1"], &["8.8.8.8"]])]);
    let client = plain(&table, Trust::Document);
    let url = format!("http://rebind.example:{}", served.address.port());
    let error = get(&client, &url).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::AddressRefused { address, .. } if address.is_loopback()),
        "{error}"
    );
    assert_eq!(table.asked.load(Ordering::SeqCst), 1);
    // The same name for the operator's client: asked again, connected once.
    let table = Table::new(&[("rebind.example", &[&["127.0.0.1"], &["192.0.2.1"]])]);
    assert!(get(&plain(&table, Trust::Operator), &url).await.is_ok());
    assert_eq!(table.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_next_address_is_tried() {
    let served = serve(options()).await;
    // Nothing listens at the first.
    let table = Table::new(&[("two.example", &[&["127.0.0.77", "127.0.0.1"]])]);
    let answer =
        get(&plain(&table, Trust::Operator), &format!("http://two.example:{}", served.address.port())).await;
    assert!(answer.unwrap().contains("200 OK"));
}

#[tokio::test]
async fn failures_are_told_apart() {
    let table = Table::new(&[]);
    let client = plain(&table, Trust::Operator);
    let error = get(&client, "http://nowhere.example").await.unwrap_err();
    assert_eq!(error.reason(), "resolve");
    // Nobody listens there, and nobody else can while the socket is held.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let unused = held.local_addr().unwrap();
    assert_eq!(get(&client, &format!("http://{unused}")).await.unwrap_err().reason(), "connect");
    // Accepts and says nothing: the TLS handshake does not end.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings =
        issuer::Egress { connect_timeout: Some("200ms".parse().unwrap()), ..issuer::Egress::default() };
    let client = egress(&table, &[]).client(&settings, Trust::Operator).unwrap();
    let error = get(&client, &format!("https://{}", silent.local_addr().unwrap())).await.unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
}

fn tls(issued: &Issued, client_ca_file: Option<&Authority>) -> Tls {
    Tls::load(TlsOptions {
        certificate_file: issued.certificate_file.clone(),
        key_file: issued.key_file.clone(),
        client_ca_file: client_ca_file.map(Authority::file),
    })
    .unwrap()
}

#[tokio::test]
async fn private_authorities_and_client_certificates() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut listen = options();
    listen.tls = Some(tls(&authority.issue("server", &["up.example", "127.0.0.1"]), Some(&authority)));
    let served = serve(listen).await;
    let port = served.address.port();
    let table = Table::new(&[("up.example", &[&["127.0.0.1"]]), ("other.example", &[&["127.0.0.1"]])]);
    let egress = egress(&table, &[]);
    let ours = authority.issue("client", &["client"]);
    let settings = issuer::Egress {
        ca_file: Some(authority.file()),
        client_certificate_file: Some(ours.certificate_file.clone()),
        client_key_file: Some(ours.key_file.clone()),
        ..issuer::Egress::default()
    };
    let client = egress.client(&settings, Trust::Operator).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &ours.der);
    let answer = get(&client, &format!("https://up.example:{port}")).await.unwrap();
    assert!(answer.contains("sni=Some(\"up.example\")"), "{answer}");
    assert!(answer.contains(&format!("digest=Some({:?})", digest.as_ref())), "{answer}");
    assert!(get(&client, &format!("https://127.0.0.1:{port}")).await.is_ok());

    let error = get(&client, &format!("https://other.example:{port}")).await.unwrap_err();
    assert_eq!(error.reason(), "tls", "another name");
    let strange = issuer::Egress { ca_file: Some(stranger.file()), ..issuer::Egress::default() };
    let client = egress.client(&strange, Trust::Operator).unwrap();
    assert_eq!(get(&client, &format!("https://up.example:{port}")).await.unwrap_err().reason(), "tls");
    let client = egress.client(&issuer::Egress::default(), Trust::Operator).unwrap();
    assert_eq!(
        get(&client, &format!("https://up.example:{port}")).await.unwrap_err().reason(),
        "tls",
        "not public"
    );
}

#[tokio::test]
async fn protocols_are_agreed_on() {
    let authority = Authority::new();
    let mut listen = options();
    listen.tls = Some(tls(&authority.issue("server", &["127.0.0.1"]), None));
    let served = serve(listen).await;
    let settings = issuer::Egress { ca_file: Some(authority.file()), ..issuer::Egress::default() };
    let client = egress(&Table::new(&[]), &[]).client(&settings, Trust::Operator).unwrap();
    let https = to(&format!("https://{}", served.address));
    for (alpn, protocol) in
        [(Alpn::Http1, Protocol::Http1), (Alpn::Either, Protocol::Http2), (Alpn::Http2, Protocol::Http2)]
    {
        let stream = within(client.connect(&https, alpn)).await.unwrap();
        assert_eq!((stream.protocol(), stream.remote()), (protocol, served.address));
    }
    let plain = serve(options()).await;
    let http = to(&format!("http://{}", plain.address));
    for (alpn, protocol) in [(Alpn::Either, Protocol::Http1), (Alpn::Http2, Protocol::Http2)] {
        assert_eq!(within(client.connect(&http, alpn)).await.unwrap().protocol(), protocol);
    }
}

/// A proxy that connects everything to one place, and what it was asked.
pub(crate) async fn proxy(
    target: SocketAddr,
    answer: &'static str,
) -> (SocketAddr, Arc<Mutex<Vec<String>>>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    let noted = asked.clone();
    tasks.spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let head = until(&mut client, "\r\n\r\n").await;
            let connects = head.starts_with("CONNECT ");
            noted.lock().unwrap().push(head.clone());
            client.write_all(answer.as_bytes()).await.unwrap();
            if answer.contains(" 200 ") || answer.is_empty() {
                let mut server = TcpStream::connect(target).await.unwrap();
                if !connects {
                    server.write_all(head.as_bytes()).await.unwrap();
                }
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        }
    });
    (address, asked, tasks)
}

#[tokio::test]
async fn through_a_proxy_by_connect() {
    let authority = Authority::new();
    let mut listen = options();
    listen.tls = Some(tls(&authority.issue("server", &["only-the-proxy-knows.example"]), None));
    let served = serve(listen).await;
    let (address, asked, _tasks) =
        proxy(served.address, "HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n").await;
    let settings = |proxy: Option<String>| issuer::Egress {
        ca_file: Some(authority.file()),
        proxy,
        ..issuer::Egress::default()
    };
    let table = Table::new(&[]);
    let url = "https://only-the-proxy-knows.example";

    let written = settings(Some(format!("http://me:p%40ss@{address}")));
    let client = egress(&table, &[]).client(&written, Trust::Operator).unwrap();
    assert!(get(&client, url).await.unwrap().contains("sni=Some(\"only-the-proxy-knows.example\")"));
    let head = asked.lock().unwrap().remove(0);
    assert!(
        head.starts_with(
            "CONNECT only-the-proxy-knows.example:443 HTTP/1.1\r\nhost: only-the-proxy-knows.example:443\r\n"
        ),
        "{head}"
    );
    assert!(head.contains("proxy-authorization: Basic bWU6cEBzcw==\r\n"), "{head}");

    let by_environment = egress(&table, &[("HTTPS_PROXY", &format!("http://{address}"))]);
    let client = by_environment.client(&settings(None), Trust::Operator).unwrap();
    assert!(get(&client, url).await.is_ok());
    assert!(!asked.lock().unwrap().remove(0).contains("authorization"));
    let direct = by_environment.client(&settings(Some("none".to_owned())), Trust::Operator).unwrap();
    assert_eq!(get(&direct, url).await.unwrap_err().reason(), "resolve");
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_proxy_gets_plain_http_in_absolute_form() {
    let served = serve(options()).await;
    let (address, _, _tasks) = proxy(served.address, "").await;
    let settings = issuer::Egress { proxy: Some(format!("u:p@{address}")), ..issuer::Egress::default() };
    let client = egress(&Table::new(&[]), &[]).client(&settings, Trust::Operator).unwrap();
    let stream = within(client.connect(&to("http://up.example"), Alpn::Either)).await.unwrap();
    assert_eq!(stream.protocol(), Protocol::Http1);
    assert_eq!(stream.forward_proxy().unwrap().unwrap(), "Basic dTpw");
}

#[tokio::test]
async fn a_proxys_refusal_is_told() {
    for (answer, told) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "it wants credentials"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "status 403"),
        ("HTTP/1.1 200 OK\r\n\r\nsurprise", "more than its answer"),
        ("SSH-2.0-x\r\n\r\n", "not HTTP"),
    ] {
        let (address, _, _tasks) = proxy(SocketAddr::from(([127, 0, 0, 1], 9)), answer).await;
        let settings = issuer::Egress { proxy: Some(address.to_string()), ..issuer::Egress::default() };
        let client = egress(&Table::new(&[]), &[]).client(&settings, Trust::Operator).unwrap();
        let error = get(&client, "https://up.example").await.unwrap_err().to_string();
        assert!(error.contains(told), "{answer:?}: {error}");
    }
}

/// Behind a proxy, what can be known is checked.
#[tokio::test]
async fn documents_through_a_proxy() {
    let served = serve(options()).await;
    let (address, asked, _tasks) = proxy(served.address, "HTTP/1.1 200 OK\r\n\r\n").await;
    let table =
        Table::new(&[("inside.example", &[&["10.0.0.1"]]), ("half.example", &[&["8.8.8.8", "127.0.0.1"]])]);
    let settings = issuer::Egress { proxy: Some(address.to_string()), ..issuer::Egress::default() };
    let client = egress(&table, &[]).client(&settings, Trust::Document).unwrap();
    for host in [
        "inside.example",
        "half.example",
        "127.0.0.1",
        "[::1]",
        "localhost",
        "printer",
        "x.internal",
        "a.local",
    ] {
        let error = get(&client, &format!("https://{host}")).await.unwrap_err();
        assert_eq!(error.reason(), "address_refused", "{host}: {error}");
    }
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn bad_settings_are_named() {
    let authority = Authority::new();
    let issued = authority.issue("client", &["client"]);
    let egress = egress(&Table::new(&[]), &[]);
    let told = |settings: issuer::Egress| egress.client(&settings, Trust::Operator).unwrap_err();
    let base = issuer::Egress { ca_file: Some(authority.file()), ..issuer::Egress::default() };
    let nowhere = issuer::Egress { ca_file: Some("/nowhere.pem".into()), ..issuer::Egress::default() };
    assert!(told(nowhere).contains("`ca_file`: cannot read `/nowhere.pem`"));
    let no_certificate =
        issuer::Egress { ca_file: Some(issued.key_file.clone()), ..issuer::Egress::default() };
    assert!(told(no_certificate).contains("holds no certificate"));
    let half = issuer::Egress { client_key_file: Some(issued.key_file), ..base.clone() };
    assert!(told(half).contains("needs `client_certificate_file`"));
    let proxy = issuer::Egress { proxy: Some("socks5://me:hunter2@a:1".into()), ..base };
    let error = told(proxy);
    assert!(error.contains("`socks5` proxies are not supported") && !error.contains("hunter2"), "{error}");
}
