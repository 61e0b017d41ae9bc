//! On PostgreSQL: several nodes on one database, and a database that goes away and comes back. With
//! `PORTCULLIS_TEST_POSTGRES` (`scripts/with-postgres`); without it these tests say that they were skipped.

use crate::http::{call, chat};
use crate::server::{CONFIG, PATIENCE, Place, Server, eventually, within};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a change has at most to be in force everywhere.
const SECOND: Duration = Duration::from_secs(1);

/// A database of the test's own; its URL.
pub fn database(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a test is its own main")]
    let Ok(server) = std::env::var("PORTCULLIS_TEST_POSTGRES") else {
        eprintln!("skipped: PORTCULLIS_TEST_POSTGRES is not set");
        return None;
    };
    let name = format!("it_{name}_{}", std::process::id());
    let made =
        Command::new("psql").args(["-q", "-d", &server, "-c", &format!("create database {name}")]).output();
    let made = made.expect("psql comes with PostgreSQL");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (before, after) = server.rsplit_once('/').expect("a URL has a path");
    let options = after.split_once('?').map_or(String::new(), |(_, options)| format!("?{options}"));
    Some(format!("{before}/{name}{options}"))
}

pub fn on(database: &str) -> String {
    format!("[storage]\ndatabase = \"{database}\"\n{CONFIG}")
}

/// A second node: a data directory of its own, with the first one's keys.
pub fn sibling(server: &Server, config: &str) -> Server {
    let place = Place::new(config);
    std::fs::DirBuilder::new().mode(0o700).create(place.data()).unwrap();
    for key in ["pepper", "secrets.key", "local-issuer.jwk"] {
        let to = place.data().join(key);
        std::fs::copy(server.place.data().join(key), &to).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    place.serve()
}

pub fn token(server: &Server, arguments: &[&str]) -> String {
    let mut all = vec!["token", "--tenant", "acme"];
    all.extend(arguments);
    server.cli(&all)["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_changes_is_in_force_on_the_other_within_a_second() {
    let Some(database) = database("nodes") else { return };
    let config = on(&database);
    let first = Server::start(&config);
    let second = sibling(&first, &config);
    let user = first.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let id = user["id"].as_str().unwrap();
    let token = token(&first, &["--user", id]);
    let key = {
        first.cli(&["app", "create", "nightly", "--tenant", "acme"]);
        first.cli(&["key", "create", "--app", "nightly"])
    };
    let secret = key["secret"].as_str().unwrap();
    for credential in [&token, secret] {
        assert_eq!(chat(first.gateway, credential, false).await.status, 200);
        assert_eq!(chat(second.gateway, credential, false).await.status, 200);
    }
    let until = async |node: &Server, credential: &str, served: bool| {
        let began = Instant::now();
        while (chat(node.gateway, credential, false).await.status == 200) != served {
            assert!(
                began.elapsed() < PATIENCE,
                "still {} on the other node",
                if served { "refused" } else { "served" }
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        began.elapsed()
    };
    within(SECOND, "suspended", async |n| {
        if n > 0 {
            first.cli(&["user", "restore", id]);
            until(&second, &token, true).await;
        }
        first.cli(&["user", "suspend", id, "--reason", "test"]);
        until(&second, &token, false).await
    })
    .await;
    let (mut key, mut secret) = (key["id"].as_str().unwrap().to_owned(), secret.to_owned());
    within(SECOND, "key revoked", async |n| {
        if n > 0 {
            let another = first.cli(&["key", "create", "--app", "nightly"]);
            key = another["id"].as_str().unwrap().to_owned();
            secret = another["secret"].as_str().unwrap().to_owned();
            until(&second, &secret, true).await;
        }
        first.cli(&["key", "revoke", &key]);
        until(&second, &secret, false).await
    })
    .await;
    // Both nodes' records are in the one database, each once.
    let count = || first.cli(&["record", "list", "--limit", "100"])["items"].as_array().unwrap().len();
    assert!(eventually(count, |count| *count >= 6) >= 6);
    within(SECOND, "restored", async |n| {
        if n > 0 {
            second.cli(&["user", "suspend", id]);
            until(&first, &token, false).await;
        }
        second.cli(&["user", "restore", id]);
        until(&first, &token, true).await
    })
    .await;
    second.stop();
    first.stop();
}

/// The wire to the database, which can be cut, and on which nothing can move.
pub struct Wire {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
    /// Milliseconds that each piece is under way.
    slow: Arc<AtomicU64>,
    held: Arc<AtomicBool>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    pub fn to(database: &str) -> (Self, String) {
        let at = database.find('@').map_or(0, |at| at + 1);
        let host = database[at..].split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Self {
            address: listener.local_addr().unwrap(),
            cut: Arc::default(),
            slow: Arc::default(),
            held: Arc::default(),
            ends: Arc::default(),
        };
        let url = database.replacen(&host, &wire.address.to_string(), 1);
        let (cut, ends) = (wire.cut.clone(), wire.ends.clone());
        let (slow, held) = (wire.slow.clone(), wire.held.clone());
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if cut.load(Ordering::SeqCst) {
                    continue;
                }
                let far = TcpStream::connect(&host).unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    ends.lock().unwrap().push(from.try_clone().unwrap());
                    let (slow, held) = (slow.clone(), held.clone());
                    std::thread::spawn(move || pass(from, to, &slow, &held));
                }
            }
        });
        (wire, url)
    }

    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for end in self.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Every piece takes so long from now on, each way.
    pub fn slow(&self, by: Duration) {
        self.slow.store(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Connections stay, and nothing comes through.
    pub fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    pub fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
        self.held.store(false, Ordering::SeqCst);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, slow: &AtomicU64, held: &AtomicBool) {
    let mut piece = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        std::thread::sleep(Duration::from_millis(slow.load(Ordering::SeqCst)));
        while held.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down_is_never_an_unknown_user() {
    let Some(database) = database("outage") else { return };
    let (wire, url) = Wire::to(&database);
    let server = Server::start(&format!("[records]\nspool_limit = \"1MiB\"\n{}", on(&url)));
    let ada = server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let eve = server.cli(&["user", "create", "--tenant", "acme", "--username", "eve"]);
    let (ada, eve) = (ada["id"].as_str().unwrap(), eve["id"].as_str().unwrap());
    let (known, unasked) = (token(&server, &["--user", ada]), token(&server, &["--user", eve]));
    // Of the right form: what cannot be anybody's id needs no database to be refused.
    let nobody = token(&server, &["--sub", "01900000-0000-7000-8000-000000000000"]);
    assert_eq!(chat(server.gateway, &known, false).await.status, 200);
    let credential = format!("Bearer {}", server.credential());
    let users = async || {
        let headers = [("authorization", credential.as_str())];
        call(server.control, http::Method::GET, "/admin/v1/users", &headers, "").await.unwrap()
    };
    assert_eq!(users().await.status, 200);

    wire.cut();
    for token in [&unasked, &nobody] {
        let began = Instant::now();
        let answer = chat(server.gateway, token, false).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "resolution_unavailable"));
        assert!(answer.headers.contains_key("retry-after"));
        // Half a second; without one it would wait for as long as the wire is cut.
        assert!(began.elapsed() < PATIENCE / 2, "a look-up ends by its time-out");
    }
    let refused = eventually_async(&users, |answer| answer.status != 200).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (503, "store_unavailable"),
        "{}",
        refused.text()
    );

    // The doctor works beside it, over the socket, which needs no database to know who asks.
    let told = server.cli(&["doctor", &unasked]);
    let first = told["findings"][0]["code"].as_str().unwrap_or_default().to_owned();
    assert!(["breaker_open", "directory_unreachable"].contains(&first.as_str()), "{told:#}");
    assert_eq!(told["code"], "resolution_unavailable", "{told:#}");

    // Records are kept on this node meanwhile, up to the stated bound; what could not be recorded is not served.
    let long = format!("/nothing/{}", "x".repeat(500));
    let mut kept = 0;
    loop {
        let answer = call(server.gateway, http::Method::GET, &long, &[], "").await.unwrap();
        if answer.status == 503 {
            assert_eq!(answer.code(), "records_unavailable");
            break;
        }
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "route_not_found"));
        kept += 1;
        assert!(kept < 5_000, "the spool grows without bound");
    }
    assert!(kept > 100, "refused after {kept} records");

    wire.mend();
    let began = Instant::now();
    while chat(server.gateway, &unasked, false).await.status != 200 {
        assert!(began.elapsed() < PATIENCE, "does not recover: {}", server.place.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(chat(server.gateway, &nobody, false).await.code(), "subject_unresolved");
    // What happened while the database was away was kept, and is there now.
    let outage = || server.cli(&["record", "list", "--code", "resolution_unavailable"]);
    let page = eventually(outage, |page| page["items"].as_array().is_some_and(|items| items.len() >= 2));
    assert!(page["items"].as_array().unwrap().len() >= 2, "{page}");
    server.stop();
}

async fn eventually_async<T>(ask: &impl AsyncFn() -> T, right: impl Fn(&T) -> bool) -> T {
    let began = Instant::now();
    loop {
        let answer = ask().await;
        if right(&answer) || began.elapsed() > PATIENCE {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
