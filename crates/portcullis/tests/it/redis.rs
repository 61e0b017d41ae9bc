//! Nodes that tell each other through Redis: as quick as through PostgreSQL, over TLS only to whom the certificate is of, and
//! never quiet when it fails. Needs `redis-server` and `PORTCULLIS_TEST_POSTGRES` (`scripts/with-postgres`); without them these
//! tests say that they were skipped.

use crate::cluster::{CUT, SOON, everything_is_felt, felt, psql, somebody};
use crate::http::get;
use crate::port::free_port;
use crate::postgres::{database, on, sibling};
use crate::server::{Place, Server, eventually};
use std::fs::File;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A Redis server, ended when it goes.
struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    fn start(port: u16, more: &[&str]) -> Option<Self> {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        let child = command.args(more).stdout(Stdio::null()).spawn();
        let Ok(child) = child else {
            eprintln!("skipped: there is no `redis-server` here (Debian: apt-get install redis-server)");
            return None;
        };
        let server = Self { child, port };
        assert!(server.is_up(true), "redis-server does not start");
        Some(server)
    }

    fn plain(port: u16) -> Option<Self> {
        Self::start(port, &["--port", &port.to_string()])
    }

    fn is_up(&self, wanted: bool) -> bool {
        eventually(|| TcpStream::connect(("127.0.0.1", self.port)).is_ok(), |up| *up == wanted) == wanted
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A configuration on `database` and on the Redis server at `url`, which stands in a file.
fn through(place: &Path, url: &str, database: &str) -> String {
    let file = place.join("redis-url");
    std::fs::write(&file, format!("{url}\n")).unwrap();
    format!("[cluster]\nredis = \"file:{}\"\n{}", file.display(), on(database))
}

/// How many nodes listen to PostgreSQL.
fn listening(database: &str) -> String {
    psql(
        database,
        "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'",
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn access_is_gone_with_redis_between_the_nodes_and_when_it_stops() {
    let Some(database) = database("redis") else { return };
    let port = free_port();
    let Some(redis) = Redis::plain(port) else { return };
    let place = tempfile::tempdir().unwrap();
    let config = through(place.path(), &format!("redis://127.0.0.1:{port}/0"), &database);
    let mut first = Server::start(&config);
    let mut second = sibling(&first, &config);
    // As below: a node that heard Redis too late when it started goes by PostgreSQL.
    for _ in 0..5 {
        if listening(&database) == "0" {
            break;
        }
        (first, second) = (first.stop().serve(), second.stop().serve());
    }
    assert_eq!(listening(&database), "0", "Redis carries the word");
    everything_is_felt(&first, &second).await;
    drop(redis);
    let nodes = [&first, &second];
    let suspend = |id: &str, _: &str| {
        first.cli(&["user", "suspend", id]);
    };
    let (.., code) = felt(nodes, CUT, "suspended-without-redis", suspend).await;
    assert_eq!(code, "subject_unresolved");
    assert!(first.place.log().contains("Redis cannot be told of events"), "{}", first.place.log());
    let _again = Redis::plain(port);
    let (.., code) = felt(nodes, SOON, "suspended-with-redis-back", suspend).await;
    assert_eq!(code, "subject_unresolved");
    second.stop();
    first.stop();
}

const PASSWORD: &str = "hunter2-of-redis";

/// A node with this certificate among those that it trusts, or without.
fn node(place: Place, trusted: Option<&Path>) -> Server {
    let mut command = place.command(&["serve"]);
    if let Some(trusted) = trusted {
        command.env("SSL_CERT_FILE", trusted);
    }
    let log = |name: &str| File::options().create(true).append(true).open(place.path().join(name)).unwrap();
    let child = command.stdout(log("stdout")).stderr(log("stderr")).spawn().unwrap();
    place.ready(child)
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_spoken_to_over_tls_by_whom_its_certificate_convinces() {
    let Some(database) = database("redis_tls") else { return };
    let place = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (place.path().join("certificate.pem"), place.path().join("key.pem"));
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let (port, trusted) = (free_port(), certificate.to_str().unwrap());
    let tls = [
        "--port",
        "0",
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        trusted,
        "--tls-key-file",
        key.to_str().unwrap(),
        "--tls-ca-cert-file",
        trusted,
        "--tls-auth-clients",
        "no",
        "--requirepass",
        PASSWORD,
    ];
    let Some(_redis) = Redis::start(port, &tls) else { return };
    let url = |password: &str| format!("rediss://:{password}@127.0.0.1:{port}/0");
    let config = through(place.path(), &url(PASSWORD), &database);
    let mut first = node(Place::new(&config), Some(&certificate));
    let (_, _) = somebody(&[&first], "ada").await;
    // On a busy machine Redis may be heard too late when a node starts, which then goes by PostgreSQL; but not each time.
    for _ in 0..5 {
        if listening(&database) == "0" {
            break;
        }
        first = node(first.stop(), Some(&certificate));
        let (_, _) = somebody(&[&first], &format!("ada{}", first.pid())).await;
    }
    assert_eq!(listening(&database), "0", "Redis carries the word: {}", first.place.log());
    // A busy machine may keep it from answering in time, but not for good.
    let told =
        |log: &String| !log.contains("Redis cannot be told") || log.contains("Redis is told of events again");
    for n in 0..60 {
        if told(&first.place.log()) {
            break;
        }
        first.cli(&["user", "create", "--tenant", "acme", "--username", &format!("eve{n}")]);
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(told(&first.place.log()), "{}", first.place.log());
    let shown = get(first.control, "/admin/v1/configuration", Some(&first.credential())).await;
    assert!(shown.status == 200 && !shown.text().contains("hunter"), "{}", shown.text());
    assert!(!first.stop().log().contains("hunter"));
    // Whom the certificate does not convince, and who has another password, goes by PostgreSQL, and says so.
    let other = tempfile::tempdir().unwrap();
    let wrong = through(other.path(), &url("hunter3-of-redis"), &database);
    for (config, trusted) in [(&config, None), (&wrong, Some(certificate.as_path()))] {
        let node = node(Place::new(config), trusted);
        assert_ne!(eventually(|| listening(&database), |count| count != "0"), "0");
        let (_, _) = somebody(&[&node], &format!("bob{}", trusted.is_some())).await;
        let log = eventually(|| node.place.log(), |log| log.contains("Redis cannot be told"));
        assert!(
            log.contains("Redis cannot be told of events") && !log.contains("told of events again"),
            "{log}"
        );
        let metrics = get(node.control, "/metrics", None).await.text();
        assert!(metrics.contains("portcullis_redis_failures_total"), "{metrics}");
        let all = format!("{metrics}{}", node.stop().log());
        assert!(!all.contains("hunter"), "a password is shown: {all}");
    }
    // Certificates are not to be passed over.
    let place = Place::new(&through(other.path(), &format!("{}#insecure", url(PASSWORD)), &database));
    let said = place.fails(1, &["serve"]);
    assert!(said.contains("always verified") && !said.contains("hunter"), "{said}");
}
