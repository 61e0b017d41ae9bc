//! Fetching documents.

use crate::connect::{Table, egress, proxy};
use crate::support::{Authority, until, within};
use portcullis_model::issuer;
use portcullis_net::egress::{Client, Fetch, FetchError, Fetched, Trust};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Answers each request with the next of these texts, and keeps what was asked.
struct Canned {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Canned {
    async fn new(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, answers)
    }

    fn on(listener: TcpListener, answers: Vec<String>) -> Self {
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = asked.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let head = until(&mut stream, "\r\n\r\n").await;
                noted.lock().unwrap().push(head);
                let text = answer.strip_suffix("hang").unwrap_or(&answer);
                let _ = stream.write_all(text.as_bytes()).await;
                if answer.ends_with("hang") {
                    std::future::pending::<()>().await;
                }
            }
        });
        Self { address, asked, _tasks: tasks }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

fn client(table: &Arc<Table>) -> Client {
    egress(table, &[]).client(&issuer::Egress::default(), Trust::Operator).unwrap()
}

async fn fetch(url: &str, fetch: &Fetch) -> Result<Fetched, FetchError> {
    within(client(&Table::new(&[])).fetch(&url.parse().unwrap(), fetch)).await
}

#[tokio::test]
async fn a_document() {
    let canned = Canned::new(vec![answer(200, "etag: \"1\"\r\ncache-control: max-age=60\r\n", "{}")]).await;
    let fetched = fetch(&format!("http://{}/keys?a=b#c", canned.address), &Fetch::default()).await.unwrap();
    assert_eq!((fetched.status, &fetched.body[..]), (200, &b"{}"[..]));
    assert_eq!(fetched.headers["cache-control"], "max-age=60");
    let head = &canned.asked()[0];
    assert!(head.starts_with("GET /keys?a=b HTTP/1.1\r\n"), "{head}");
    for line in
        [&format!("host: {}\r\n", canned.address), "accept: application/json\r\n", "user-agent: portcullis/"]
    {
        assert!(head.contains(line), "{head}");
    }
}

#[tokio::test]
async fn conditional() {
    let canned = Canned::new(vec![answer(304, "", ""), answer(304, "", "")]).await;
    let url = format!("http://{}/", canned.address);
    let with_etag = Fetch { etag: Some("\"1\"".to_owned()), ..Fetch::default() };
    assert_eq!(fetch(&url, &with_etag).await.unwrap().status, 304);
    assert!(canned.asked()[0].contains("if-none-match: \"1\"\r\n"));
    assert!(
        matches!(fetch(&url, &Fetch::default()).await, Err(FetchError::Status { status: 304, .. })),
        "unasked"
    );
}

#[tokio::test]
async fn sizes() {
    let small = Fetch { max_bytes: 10, ..Fetch::default() };
    for (text, fits) in [
        (answer(200, "", "0123456789"), true),
        (answer(200, "", "0123456789a"), false),
        ("HTTP/1.1 200 OK\r\n\r\n0123456789".to_owned(), true),
        ("HTTP/1.1 200 OK\r\n\r\n0123456789a".to_owned(), false),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n012345\r\n6\r\n012345\r\n0\r\n\r\n"
                .to_owned(),
            false,
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nhang".to_owned(), false),
    ] {
        let canned = Canned::new(vec![text.clone()]).await;
        match fetch(&format!("http://{}/", canned.address), &small).await {
            Ok(fetched) => assert!(fits && fetched.body.len() == 10, "{text}"),
            Err(error) => assert!(!fits && error.reason() == "too_large", "{text}: {error}"),
        }
    }
}

#[tokio::test]
async fn times() {
    let short = Fetch { timeout: Duration::from_millis(300), ..Fetch::default() };
    for text in ["hang", "HTTP/1.1 200 OK\r\nhang", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhang"] {
        let canned = Canned::new(vec![text.to_owned()]).await;
        let error = fetch(&format!("http://{}/?secret=1", canned.address), &short).await.unwrap_err();
        assert_eq!(error.reason(), "timeout", "{text}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_document() {
    for (text, reason) in [
        (answer(404, "", "no"), "status"),
        (answer(204, "", ""), "status"),
        (answer(206, "", "part"), "status"),
        (answer(500, "", ""), "status"),
        (answer(200, "content-encoding: gzip\r\n", "x"), "protocol"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort".to_owned(), "protocol"),
        ("nonsense\r\n\r\n".to_owned(), "protocol"),
        (String::new(), "protocol"),
    ] {
        let canned = Canned::new(vec![text.clone()]).await;
        let error = fetch(&format!("http://{}/", canned.address), &Fetch::default()).await.unwrap_err();
        assert_eq!(error.reason(), reason, "{text:?}: {error}");
    }
    let canned = Canned::new(vec![answer(429, "retry-after: 7\r\n", "")]).await;
    let error = fetch(&format!("http://{}/", canned.address), &Fetch::default()).await.unwrap_err();
    assert!(
        matches!(error, FetchError::Status { status: 429, retry_after: Some(after), .. } if after.as_secs() == 7)
    );
}

#[tokio::test]
async fn redirects_on_the_same_origin_are_followed() {
    let canned = Canned::new(vec![answer(302, "location: /b?c\r\n", ""), answer(200, "", "{}")]).await;
    let with_etag = Fetch { etag: Some("\"1\"".to_owned()), ..Fetch::default() };
    let fetched = fetch(&format!("http://{}/a", canned.address), &with_etag).await.unwrap();
    assert_eq!(fetched.url.path(), "/b");
    assert!(
        canned.asked()[1].starts_with("GET /b?c HTTP/1.1\r\n")
            && !canned.asked()[1].contains("if-none-match")
    );
}

#[tokio::test]
async fn redirects_to_other_places_are_checked() {
    // Another port of this machine: named by a document.
    let inside = Canned::new(vec![answer(200, "", "secret")]).await;
    for location in [
        format!("http://{}/", inside.address),
        format!("https://{}/", inside.address),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "//10.0.0.1/".to_owned(),
        "http://[::ffff:10.0.0.1]/".to_owned(),
    ] {
        let canned = Canned::new(vec![answer(307, &format!("location: {location}\r\n"), "")]).await;
        let error = fetch(&format!("http://{}/a", canned.address), &Fetch::default()).await.unwrap_err();
        assert_eq!(error.reason(), "address_refused", "{location}: {error}");
    }
    assert!(inside.asked().is_empty());

    for location in ["file:///etc/passwd", "ftp://a/", "http://u:p@example.com/"] {
        let canned = Canned::new(vec![answer(302, &format!("location: {location}\r\n"), "")]).await;
        let error = fetch(&format!("http://{}/a", canned.address), &Fetch::default()).await.unwrap_err();
        assert_eq!(error.reason(), "url", "{location}: {error}");
    }
    for headers in ["", "location: http://[\r\n"] {
        let canned = Canned::new(vec![answer(302, headers, "")]).await;
        let error = fetch(&format!("http://{}/a", canned.address), &Fetch::default()).await.unwrap_err();
        assert_eq!(error.reason(), "redirect", "{error}");
    }
    let canned = Canned::new((0..9).map(|n| answer(302, &format!("location: /{n}\r\n"), "")).collect()).await;
    let error = fetch(&format!("http://{}/a", canned.address), &Fetch::default()).await.unwrap_err();
    assert_eq!(error.reason(), "redirect");
    assert_eq!(canned.asked().len(), 4, "three are followed");
}

#[tokio::test]
async fn https_does_not_lead_to_http() {
    let authority = Authority::new();
    let issued = authority.issue("server", &["127.0.0.1"]);
    let mut options = crate::support::options();
    let tls = portcullis_net::accept::TlsOptions {
        certificate_file: issued.certificate_file,
        key_file: issued.key_file,
        client_ca_file: None,
    };
    options.tls = Some(portcullis_net::accept::Tls::load(tls).unwrap());
    let served = crate::support::serve(options).await;
    let settings = issuer::Egress { ca_file: Some(authority.file()), ..issuer::Egress::default() };
    let client = egress(&Table::new(&[]), &[]).client(&settings, Trust::Operator).unwrap();
    let url = format!("https://{}/", served.address).parse().unwrap();
    let fetched = within(client.fetch(&url, &Fetch::default())).await.unwrap();
    assert_eq!(&fetched.body[..], b"hello from /");
    let url = format!("https://{}/to-http", served.address).parse().unwrap();
    let error = within(client.fetch(&url, &Fetch::default())).await.unwrap_err();
    assert!(
        matches!(&error, FetchError::Redirect { reason, .. } if reason.contains("from https to http")),
        "{error}"
    );
}

#[tokio::test]
async fn plain_http_stays_on_this_machine() {
    let table = Table::new(&[("idp.example", &[&["10.1.2.3"]]), ("here.example", &[&["127.0.0.1"]])]);
    let error =
        client(&table).fetch(&"http://idp.example/".parse().unwrap(), &Fetch::default()).await.unwrap_err();
    assert_eq!(error.reason(), "plain_http", "{error}");
    let canned = Canned::new(vec![answer(200, "", "{}")]).await;
    let url = format!("http://here.example:{}/", canned.address.port()).parse().unwrap();
    assert!(within(client(&table).fetch(&url, &Fetch::default())).await.is_ok());

    // Through a proxy it leaves this machine; allowed, it goes in absolute form.
    let canned = Canned::new(vec![answer(200, "", "{}")]).await;
    let (address, asked, _tasks) = proxy(canned.address, "").await;
    let settings = issuer::Egress { proxy: Some(format!("u:p@{address}")), ..issuer::Egress::default() };
    let client = egress(&table, &[]).client(&settings, Trust::Operator).unwrap();
    let url = "http://idp.example/keys".parse().unwrap();
    assert_eq!(client.fetch(&url, &Fetch::default()).await.unwrap_err().reason(), "plain_http");
    within(client.fetch(&url, &Fetch { plain_http: true, ..Fetch::default() })).await.unwrap();
    let head = asked.lock().unwrap().remove(0);
    assert!(
        head.starts_with("GET http://idp.example/keys HTTP/1.1\r\n")
            && head.contains("proxy-authorization: Basic dTpw\r\n"),
        "{head}"
    );
}
