//! Events on a real NATS server: each once in the stream, whatever is killed in between. Without `nats-server` (Debian:
//! apt-get install nats-server) these tests say that they were skipped.

use crate::harness::Plane;
use crate::port::free_port;
use crate::webhooks::{user, worker};
use async_nats::jetstream;
use portcullis_control::sinks::{Delivery, Next, Notice, Sink, open};
use portcullis_fault::Secret;
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Clock, Name, SecretRef};
use portcullis_net::egress::{Egress, ProxyEnvironment};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: &str = "t0p-s3cret";

/// A NATS server that keeps its streams in a folder, ended when it goes.
pub struct Nats {
    child: Child,
    place: TempDir,
    pub port: u16,
    arguments: Vec<String>,
}

impl Nats {
    /// One on a free port, when the program is there.
    pub async fn start(arguments: &[&str]) -> Option<Self> {
        let (port, place) = (free_port(), tempfile::tempdir().unwrap());
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let Some(child) = Self::spawn(place.path(), port, &arguments) else {
            println!("skipped: there is no `nats-server` here (Debian: apt-get install nats-server)");
            return None;
        };
        let mut server = Self { child, place, port, arguments };
        server.up().await;
        Some(server)
    }

    fn spawn(place: &Path, port: u16, arguments: &[String]) -> Option<Child> {
        // Debian's is where only root looks.
        ["nats-server", "/usr/sbin/nats-server"].into_iter().find_map(|program| {
            let mut command = Command::new(program);
            command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]).arg(place);
            command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
        })
    }

    async fn up(&mut self) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "nats-server does not start: {ended:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends it without a word.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was, with what it kept.
    async fn restart(&mut self) {
        self.child = Self::spawn(self.place.path(), self.port, &self.arguments).unwrap();
        self.up().await;
    }

    /// A stream of everything that is published here.
    async fn stream(&self) -> jetstream::stream::Stream {
        self.stream_as(async_nats::ConnectOptions::new()).await
    }

    /// The same, made by somebody with credentials.
    pub async fn stream_as(&self, who: async_nats::ConnectOptions) -> jetstream::stream::Stream {
        let options = who.retry_on_initial_connect();
        let client = options.connect(format!("nats://127.0.0.1:{}", self.port)).await.unwrap();
        let config = jetstream::stream::Config {
            name: "events".to_owned(),
            subjects: vec!["portcullis.>".to_owned()],
            ..jetstream::stream::Config::default()
        };
        jetstream::new(client).get_or_create_stream(config).await.unwrap()
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many messages a stream has; none while it cannot be asked.
pub async fn count(stream: &jetstream::stream::Stream) -> u64 {
    let asked = tokio::time::timeout(Duration::from_secs(1), stream.get_info()).await;
    asked.ok().and_then(Result::ok).map_or(0, |info| info.state.messages)
}

/// What a stream keeps: subject, id, content.
async fn kept(stream: &jetstream::stream::Stream) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    let last = stream.get_info().await.unwrap().state.last_sequence;
    for sequence in 1..=last {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let id = message.headers.get("Nats-Msg-Id").map(ToString::to_string).unwrap_or_default();
        all.push((message.subject.to_string(), id, serde_json::from_slice(&message.payload).unwrap()));
    }
    all
}

struct Secrets;

impl SecretSource for Secrets {
    fn read(&self, reference: &SecretRef) -> Result<Secret<Vec<u8>>, String> {
        match reference.to_string().as_str() {
            "env:TOKEN" => Ok(Secret::new(format!("{TOKEN}\n").into_bytes())),
            "env:EMPTY" => Ok(Secret::new(Vec::new())),
            other => Err(format!("`{other}`: there is none")),
        }
    }
}

fn opened(plane: &Plane, nats: &str) -> Result<Arc<dyn Sink>, String> {
    opened_with(plane, &Secrets, nats)
}

pub fn opened_with(plane: &Plane, secrets: &dyn SecretSource, nats: &str) -> Result<Arc<dyn Sink>, String> {
    let config = portcullis_config::parse(&format!("[events.nats]\n{nats}"), "t").unwrap();
    let clock: Arc<dyn Clock> = plane.clock.clone();
    let egress = Egress::new(clock.clone(), ProxyEnvironment::default());
    match open(&config, secrets, &egress, &clock) {
        Ok(sinks) => Ok(sinks.into_iter().next().unwrap()),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
    }
}

pub fn notice(plane: &Plane, n: u8) -> Notice {
    Notice::test([n; 8], plane.clock.now(), "a")
}

pub fn why(delivery: Delivery) -> String {
    match delivery {
        Delivery::Failed { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_comes_back_has_every_event_once() {
    let Some(mut server) = Nats::start(&[]).await else { return };
    let stream = server.stream().await;
    let plane = Plane::new().await;
    let tenant = plane.tenant("acme").await.to_string();
    let url = format!("nats://127.0.0.1:{}", server.port);
    let options = "events = [\"user.*\"]\ntimeout = \"1s\"\ngive_up_after = \"5d\"";
    let sink = opened(&plane, &format!("url = \"{url}\"\n{options}")).unwrap();
    let mut worker = worker(&plane, 1);
    assert_eq!(worker.step(&*sink).await.unwrap(), Next::News, "what was before is not told");
    let mut made = Vec::new();
    for n in 0..60 {
        made.push(user(&plane, &tenant, &format!("u{n}")).await);
    }
    let failures = AtomicU32::new(0);
    let telling = async {
        loop {
            match worker.step(&*sink).await.unwrap() {
                Next::News => break,
                Next::AtOnce => {}
                Next::In(wait) => {
                    failures.fetch_add(1, Ordering::SeqCst);
                    plane.clock.advance(wait);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    };
    let killing = async {
        // In the midst of it, twice: what was stored and not confirmed is sent again.
        for reached in [10, 35] {
            while count(&stream).await < reached {
                tokio::task::yield_now().await;
            }
            server.kill();
            let before = failures.load(Ordering::SeqCst);
            while failures.load(Ordering::SeqCst) == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            server.restart().await;
        }
    };
    let both = Box::pin(async { tokio::join!(telling, killing) });
    tokio::time::timeout(PATIENCE, both).await.expect("it ends");
    let stream = server.stream().await;
    let kept = kept(&stream).await;
    assert!(kept.iter().all(|(subject, ..)| subject == "portcullis.acme.user.created"), "{kept:?}");
    let told: Vec<&str> = kept.iter().map(|(.., body)| body["subject"]["user"].as_str().unwrap()).collect();
    assert_eq!(told, made, "each once, and in order");
    let ids: BTreeSet<&String> = kept.iter().map(|(_, id, _)| id).collect();
    assert_eq!(ids.len(), 60);
    assert!(kept.iter().all(|(_, id, body)| body["id"] == id.as_str()));
    let letters = plane.get("/admin/v1/webhooks/nats").await.good();
    assert_eq!(letters["dead_letters"], serde_json::json!([]));
    // Told again, as after a crash between the stream's word and ours.
    for _ in 0..3 {
        assert_eq!(sink.deliver(&notice(&plane, 1)).await, Delivery::Done);
    }
    assert_eq!(count(&stream).await, 61);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subject_is_one_tenant_s_and_a_stream_must_have_it() {
    let Some(server) = Nats::start(&["--auth", TOKEN]).await else { return };
    let plane = Plane::new().await;
    let url = format!("url = \"nats://127.0.0.1:{}\"\nprefix = \"gw.eu\"\ntimeout = \"30s\"", server.port);
    let nobody = opened(&plane, &url).unwrap();
    let refused = why(nobody.deliver(&notice(&plane, 1)).await);
    assert!(refused.to_lowercase().contains("authorization"), "{refused}");
    let sink = opened(&plane, &format!("{url}\ntoken = \"env:TOKEN\"")).unwrap();
    let homeless = why(sink.deliver(&notice(&plane, 1)).await);
    assert!(homeless.contains("no JetStream stream has the subject `gw.eu._.test`"), "{homeless}");
    let client = async_nats::ConnectOptions::with_token(TOKEN.to_owned());
    let client = client.connect(format!("nats://127.0.0.1:{}", server.port)).await.unwrap();
    let config = jetstream::stream::Config {
        name: "events".to_owned(),
        subjects: vec!["gw.eu.>".to_owned()],
        ..jetstream::stream::Config::default()
    };
    let stream = jetstream::new(client).create_stream(config).await.unwrap();
    for (n, tenant) in ["a.b", "a_b", "vendor/team:1"].into_iter().enumerate() {
        let tenant_name = Some(Name::new(tenant).unwrap());
        let notice = Notice { tenant_name, ..notice(&plane, n as u8) };
        assert_eq!(sink.deliver(&notice).await, Delivery::Done, "{tenant}");
    }
    let subjects: Vec<String> = kept(&stream).await.into_iter().map(|(subject, ..)| subject).collect();
    assert_eq!(subjects, ["gw.eu.a%2Eb.test", "gw.eu.a_b.test", "gw.eu.vendor/team:1.test"]);
    assert!(!format!("{refused}{homeless}{}", sink.target()).contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_s_certificate_must_be_one_that_is_trusted() {
    let place = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (place.path().join("certificate.pem"), place.path().join("key.pem"));
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let Some(server) = Nats::start(&["--tls", "--tlscert", certificate, "--tlskey", key]).await else {
        return;
    };
    let plane = Plane::new().await;
    let url = format!("url = \"tls://127.0.0.1:{}\"", server.port);
    // The server gives a handshake two seconds, which may be too little on a busy machine, but not each time.
    let told = async |settings: &str, expected: &str| {
        let mut told = String::new();
        for _ in 0..5 {
            let sink = opened(&plane, settings).unwrap();
            told = why(sink.deliver(&notice(&plane, 1)).await);
            if told.to_lowercase().contains(expected) {
                return;
            }
        }
        panic!("not `{expected}`: {told}");
    };
    told(&url, "certificate").await;
    // No stream, but somebody to say so.
    told(&format!("{url}\nca_file = \"{certificate}\""), "no jetstream stream").await;
}

/// Says what a server says, until something was asked of it; what it was sent, which is nothing when the other side left.
async fn impostor(listener: &TcpListener, info: &str) -> String {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    let _ = stream.write_all(format!("INFO {info}\r\n").as_bytes()).await;
    let mut sent = Vec::new();
    let mut piece = [0; 1024];
    // However long the first word takes; the rest comes with it.
    loop {
        let patience = if sent.is_empty() { PATIENCE } else { Duration::from_millis(300) };
        let read = tokio::time::timeout(patience, stream.read(&mut piece)).await;
        let Ok(Ok(n @ 1..)) = read else { break };
        sent.extend_from_slice(&piece[..n]);
        if sent.ends_with(b"PING\r\n") {
            let _ = stream.write_all(b"PONG\r\n").await;
            let mut line = String::new();
            let _ = tokio::time::timeout(Duration::from_millis(300), stream.read_line(&mut line)).await;
            break;
        }
    }
    String::from_utf8_lossy(&sent).into_owned()
}

const INFO: &str = r#"{"server_id":"x","server_name":"x","version":"2.9.10","go":"","host":"127.0.0.1","port":1,"headers":true,"max_payload":1048576,"proto":1"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_sent_to_nobody_without_a_certificate() {
    let plane = Plane::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sink =
        opened(&plane, &format!("url = \"tls://127.0.0.1:{port}\"\ntoken = \"env:TOKEN\"\ntimeout = \"2s\""));
    let (sink, notice, info) = (sink.unwrap(), notice(&plane, 1), format!("{INFO}}}"));
    let (delivery, sent) = tokio::join!(sink.deliver(&notice), impostor(&listener, &info));
    let refused = why(delivery);
    assert!(
        !sent.contains(TOKEN) && !sent.contains("CONNECT") && !refused.contains(TOKEN),
        "{sent} {refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_a_server_names_are_not_connected() {
    let plane = Plane::new().await;
    let named = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let info = format!("{INFO},\"connect_urls\":[\"{}\"]}}", named.local_addr().unwrap());
    let sink = opened(&plane, &format!("url = \"nats://127.0.0.1:{port}\"\ntimeout = \"1s\"")).unwrap();
    // Which of several it would take is left to chance.
    let mut connected = 0;
    for n in 0..8 {
        let notice = notice(&plane, n);
        let telling = async {
            let _ = tokio::time::timeout(Duration::from_secs(2), sink.deliver(&notice)).await;
        };
        let serving = async {
            loop {
                // One that gave up in time may have left a connection behind, on which nothing comes.
                let sent = impostor(&listener, &info).await;
                assert!(sent.is_empty() || sent.contains("CONNECT"), "{sent}");
                connected += usize::from(!sent.is_empty());
            }
        };
        tokio::select! { () = telling => {}, () = serving => {} }
    }
    let nobody = tokio::time::timeout(Duration::from_millis(50), named.accept()).await;
    assert!(nobody.is_err(), "somebody else was connected");
    assert!(connected > 0, "nobody came here");
}

#[tokio::test]
async fn secrets_that_are_none_are_problems_that_say_where() {
    let plane = Plane::new().await;
    for (setting, said) in [
        ("token = \"env:EMPTY\"", "events.nats.token: `env:EMPTY` is empty"),
        ("token = \"env:NONE\"", "events.nats.token"),
        ("credentials = \"env:TOKEN\"", "events.nats.credentials"),
        ("username = \"u\"\npassword = \"env:NONE\"", "events.nats.password"),
        ("ca_file = \"/nowhere/ca.pem\"", "`ca_file`"),
    ] {
        let problem = opened(&plane, &format!("url = \"tls://h\"\n{setting}")).err().unwrap();
        assert!(problem.contains(said) && !problem.contains(TOKEN), "{setting}: {problem}");
    }
}
