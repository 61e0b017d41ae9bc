//! Two nodes on one database: whatever takes somebody's access away on one is in force on the other within a second, and
//! within two when the stream of events between them is cut. With `PORTCULLIS_TEST_POSTGRES` (`scripts/with-postgres`);
//! without it these tests say that they were skipped.

use crate::http::chat;
use crate::postgres::{Wire, database, on, sibling, token};
use crate::server::{Server, eventually};
use crate::webhooks::Receiver;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a change has at most to be in force on the other node.
const SOON: Duration = Duration::from_secs(1);
/// And when the stream of events is cut.
const CUT: Duration = Duration::from_secs(2);

/// A part of a token: 0 its header, 1 its claims.
fn part(token: &str, n: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// Waits until `token` is refused; how long that took, and with which code.
async fn refused(node: &Server, token: &str, within: Duration) -> (Duration, String) {
    let began = Instant::now();
    loop {
        let answer = chat(node.gateway, token, false).await;
        if answer.status != 200 {
            return (began.elapsed(), answer.code());
        }
        assert!(began.elapsed() < within, "still served on the other node after {:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Somebody of this name, with a token that both nodes take.
async fn somebody(nodes: &[&Server], name: &str) -> (String, String) {
    let user = nodes[0].cli(&["user", "create", "--tenant", "acme", "--username", name]);
    let id = user["id"].as_str().unwrap().to_owned();
    let token = token(nodes[0], &["--user", &id]);
    for node in nodes {
        let answer = chat(node.gateway, &token, false).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    (id, token)
}

/// Everything that takes access away, made on the first node and felt on the second.
async fn everything_is_felt(first: &Server, second: &Server) {
    let nodes = [first, second];
    let (ada, of_ada) = somebody(&nodes, "ada").await;
    first.cli(&["user", "suspend", &ada]);
    let (took, code) = refused(second, &of_ada, SOON).await;
    eprintln!("suspension: {took:?} {code}");
    assert_eq!(code, "subject_unresolved");

    let (_, of_bob) = somebody(&nodes, "bob").await;
    first.cli(&["revocation", "token", "local", part(&of_bob, 1)["jti"].as_str().unwrap()]);
    let (took, code) = refused(second, &of_bob, SOON).await;
    eprintln!("token revoked: {took:?} {code}");
    assert_eq!(code, "token_revoked");

    let (_, of_eve) = somebody(&nodes, "eve").await;
    first.cli(&["revocation", "subject", "local", part(&of_eve, 1)["sub"].as_str().unwrap()]);
    let (took, code) = refused(second, &of_eve, SOON).await;
    eprintln!("user's tokens revoked: {took:?} {code}");
    assert_eq!(code, "token_revoked");

    // Last: nobody's token of this issuer is good after it.
    let (_, of_sam) = somebody(&nodes, "sam").await;
    let kid = part(&of_sam, 0)["kid"].as_str().unwrap().to_owned();
    first.cli(&["issuer", "distrust", "local", &kid]);
    let (took, code) = refused(second, &of_sam, SOON).await;
    eprintln!("key distrusted: {took:?} {code}");
    first.cli(&["issuer", "trust", "local", &kid]);
    let began = Instant::now();
    while chat(second.gateway, &of_sam, false).await.status != 200 {
        assert!(began.elapsed() < SOON, "the key is still distrusted");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn access_that_is_taken_away_is_gone_on_the_other_node() {
    let Some(database) = database("cluster") else { return };
    let config = on(&database);
    let first = Server::start(&config);
    let second = sibling(&first, &config);
    everything_is_felt(&first, &second).await;

    // The backends that listen end: the nodes look by themselves until they listen again.
    let (zoe, of_zoe) = somebody(&[&first, &second], "zoe").await;
    let ended = psql(
        &database,
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and query ilike 'listen%'",
    );
    assert!(ended.parse::<u32>().unwrap() >= 2, "nobody listened: {ended}");
    first.cli(&["user", "suspend", &zoe]);
    let (took, code) = refused(&second, &of_zoe, CUT).await;
    eprintln!("suspension, listeners ended: {took:?} {code}");
    second.stop();
    first.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hears_nothing_believes_nobody() {
    let Some(database) = database("deaf") else { return };
    let first = Server::start(&on(&database));
    let (wire, url) = Wire::to(&database);
    let second = sibling(&first, &on(&url));
    let (id, of_ada) = somebody(&[&first, &second], "ada").await;
    wire.cut();
    let cut = Instant::now();
    first.cli(&["user", "suspend", &id]);
    // Remembered for 30 s otherwise.
    let (_, code) = refused(&second, &of_ada, Duration::from_secs(3)).await;
    let took = cut.elapsed();
    eprintln!("deaf: {took:?} {code}");
    assert_eq!(code, "resolution_unavailable", "an outage is never an unknown user");
    wire.mend();
    let began = Instant::now();
    while chat(second.gateway, &of_ada, false).await.code() != "subject_unresolved" {
        assert!(began.elapsed() < crate::server::PATIENCE, "does not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    second.stop();
    first.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_tells_webhooks_and_the_other_goes_on() {
    let Some(database) = database("webhooks") else { return };
    let receiver = Receiver::start();
    let webhook = crate::webhooks::configuration(&receiver);
    let config = webhook.replacen(crate::server::CONFIG, &on(&database), 1);
    let place = crate::webhooks::place(&config);
    let first = place.serve();
    eventually(|| first.cli(&["webhook", "list"]), |list| list["items"][0]["state"] == "active");
    let second = {
        let config =
            config.replace("file:secret", &format!("file:{}", first.place.path().join("secret").display()));
        sibling(&first, &config)
    };
    let create =
        |node: &Server, name: &str| node.cli(&["user", "create", "--tenant", "acme", "--username", name]);
    for n in 0..3 {
        create(&first, &format!("a{n}"));
        create(&second, &format!("b{n}"));
    }
    eventually(|| receiver.kinds().len(), |n| *n >= 6);
    first.stop();
    create(&second, "late");
    eventually(|| receiver.kinds().len(), |n| *n >= 7);
    second.stop();
    assert_eq!(receiver.kinds(), ["user.created"; 7], "each once, by one node at a time");
}

/// A Redis server, ended when it goes.
struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    fn start(port: u16) -> Option<Self> {
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            eprintln!("skipped: there is no `redis-server` here (Debian: apt-get install redis-server)");
            return None;
        };
        let server = Self { child, port };
        assert!(server.is_up(true), "redis-server does not start");
        Some(server)
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

#[tokio::test(flavor = "multi_thread")]
async fn access_is_gone_with_redis_between_the_nodes_and_when_it_stops() {
    let Some(database) = database("redis") else { return };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Some(redis) = Redis::start(port) else { return };
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("redis-url");
    std::fs::write(&file, format!("redis://127.0.0.1:{port}/0\n")).unwrap();
    let config = format!("[cluster]\nredis = \"file:{}\"\n{}", file.display(), on(&database));
    let first = Server::start(&config);
    let second = sibling(&first, &config);
    let listening =
        "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'";
    assert_eq!(psql(&database, listening), "0", "Redis carries the word");
    everything_is_felt(&first, &second).await;
    drop(redis);
    let (zoe, of_zoe) = somebody(&[&first, &second], "zoe").await;
    first.cli(&["user", "suspend", &zoe]);
    let (took, code) = refused(&second, &of_zoe, CUT).await;
    eprintln!("suspension, Redis stopped: {took:?} {code}");
    assert_eq!(code, "subject_unresolved");
    let _again = Redis::start(port);
    let (kim, of_kim) = somebody(&[&first, &second], "kim").await;
    first.cli(&["user", "suspend", &kim]);
    let (took, code) = refused(&second, &of_kim, SOON).await;
    eprintln!("suspension, Redis back: {took:?} {code}");
    second.stop();
    first.stop();
}

fn psql(database: &str, query: &str) -> String {
    let output = Command::new("psql").args(["-qAt", "-d", database, "-c", query]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
