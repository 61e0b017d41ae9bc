//! Two nodes on one database: whatever takes somebody's access away on one is in force on the other within a second, and
//! within two when the stream of events between them is cut. With `PORTCULLIS_TEST_POSTGRES` (`scripts/with-postgres`);
//! without it these tests say that they were skipped.

use crate::http::chat;
use crate::postgres::{Wire, database, on, sibling, token};
use crate::server::{PATIENCE, Server, eventually, within};
use crate::webhooks::Receiver;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

/// What a change has at most to be in force on the other node.
pub const SOON: Duration = Duration::from_secs(1);
/// And when the stream of events is cut.
pub const CUT: Duration = Duration::from_secs(2);

/// A part of a token: 0 its header, 1 its claims.
fn part(token: &str, n: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// Waits until `token` is refused; how long that took, and with which code. A node on a busy machine may be unable to say for a
/// moment, which is no refusal.
async fn refused(node: &Server, token: &str) -> (Duration, String) {
    let began = Instant::now();
    loop {
        let answer = chat(node.gateway, token, false).await;
        if answer.status != 200 && answer.status != 503 {
            return (began.elapsed(), answer.code());
        }
        assert!(began.elapsed() < PATIENCE, "still served on the other node");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until these are served; how long that took.
async fn served(node: &Server, tokens: &[&str]) -> Duration {
    let began = Instant::now();
    for token in tokens {
        while chat(node.gateway, token, false).await.status != 200 {
            assert!(began.elapsed() < PATIENCE, "still refused on the other node");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    began.elapsed()
}

/// Somebody of this name, with a token that both nodes take.
pub async fn somebody(nodes: &[&Server], name: &str) -> (String, String) {
    let user = nodes[0].cli(&["user", "create", "--tenant", "acme", "--username", name]);
    let id = user["id"].as_str().unwrap().to_owned();
    let token = token(nodes[0], &["--user", &id]);
    for node in nodes {
        served(node, &[&token]).await;
    }
    (id, token)
}

/// Takes access away from somebody on the first node, given an id and a token, and waits until that is felt on the second:
/// within this time, if not the first time then with somebody else. Who it was in the end, and the code.
pub async fn felt(
    [first, second]: [&Server; 2],
    bound: Duration,
    what: &str,
    take: impl Fn(&str, &str),
) -> (String, String, String) {
    let mut last = Default::default();
    within(bound, what, async |n| {
        let (id, token) = somebody(&[first, second], &format!("{what}-{n}")).await;
        take(&id, &token);
        let (took, code) = refused(second, &token).await;
        last = (id, token, code);
        took
    })
    .await;
    last
}

/// Everything that takes access away, made on the first node and felt on the second.
pub async fn everything_is_felt(first: &Server, second: &Server) {
    let nodes = [first, second];
    let cli = |arguments: &[&str]| {
        first.cli(arguments);
    };
    let (ada, of_ada, code) = felt(nodes, SOON, "suspended", |id, _| cli(&["user", "suspend", id])).await;
    assert_eq!(code, "subject_unresolved");
    let (.., code) = felt(nodes, SOON, "deleted", |id, _| cli(&["user", "delete", id])).await;
    assert_eq!(code, "subject_unresolved");
    // Whoever becomes one with somebody suspended is.
    let merge = |id: &str, _: &str| cli(&["user", "merge", id, "--into", &ada]);
    let (_, of_kay, code) = felt(nodes, SOON, "merged", merge).await;
    assert_eq!(code, "subject_unresolved");
    within(SOON, "restored", async |n| {
        if n > 0 {
            cli(&["user", "suspend", &ada]);
            refused(second, &of_ada).await;
            refused(second, &of_kay).await;
        }
        cli(&["user", "restore", &ada]);
        served(second, &[&of_ada, &of_kay]).await
    })
    .await;

    let jti = |token: &str| part(token, 1)["jti"].as_str().unwrap().to_owned();
    let revoke = |_: &str, token: &str| cli(&["revocation", "token", "local", &jti(token)]);
    let (.., code) = felt(nodes, SOON, "token-revoked", revoke).await;
    assert_eq!(code, "token_revoked");
    let sub = |token: &str| part(token, 1)["sub"].as_str().unwrap().to_owned();
    let revoke = |_: &str, token: &str| cli(&["revocation", "subject", "local", &sub(token)]);
    let (.., code) = felt(nodes, SOON, "tokens-revoked", revoke).await;
    assert_eq!(code, "token_revoked");

    // Last: nobody's token of this issuer is good after it.
    let (_, of_sam) = somebody(&nodes, "sam").await;
    let kid = part(&of_sam, 0)["kid"].as_str().unwrap().to_owned();
    let believe = |verb: &str| cli(&["issuer", verb, "local", &kid]);
    within(SOON, "key distrusted", async |n| {
        if n > 0 {
            believe("trust");
            served(second, &[&of_sam]).await;
        }
        believe("distrust");
        refused(second, &of_sam).await.0
    })
    .await;
    within(SOON, "key trusted again", async |n| {
        if n > 0 {
            believe("distrust");
            refused(second, &of_sam).await;
        }
        believe("trust");
        served(second, &[&of_sam]).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn access_that_is_taken_away_is_gone_on_the_other_node() {
    let Some(database) = database("cluster") else { return };
    let config = on(&database);
    let first = Server::start(&config);
    let second = sibling(&first, &config);
    everything_is_felt(&first, &second).await;
    // The backends that listen end: the nodes look by themselves until they listen again.
    let listening = "from pg_stat_activity where datname = current_database() and query ilike 'listen%'";
    let count = || psql(&database, &format!("select count(*) {listening}")).parse::<u32>().unwrap();
    assert!(eventually(count, |count| *count >= 2) >= 2, "nobody listened");
    let (.., code) = felt([&first, &second], CUT, "suspended-unheard", |id, _| {
        psql(&database, &format!("select pg_terminate_backend(pid) {listening}"));
        first.cli(&["user", "suspend", id]);
    })
    .await;
    assert_eq!(code, "subject_unresolved");
    second.stop();
    first.stop();
}

/// An upstream whose answers never end.
fn endless() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                // An answer that comes before its request is refused as a stray one.
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                    head.extend(byte);
                }
                let mut told = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
                while told.is_ok() {
                    told = stream.write_all(b"5\r\nmore \r\n");
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_answer_is_cut_on_the_other_node() {
    let Some(database) = database("running") else { return };
    let service = format!(
        "[[services]]\nname = \"feed\"\ntenant = \"acme\"\npath = \"/feed\"\nupstream = \"http://{}\"\n",
        endless()
    );
    let config = format!("{}\n{service}", on(&database));
    let first = Server::start(&config);
    let second = sibling(&first, &config);
    let running = |token: &str| {
        let mut stream = TcpStream::connect(second.gateway).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /feed HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n").unwrap();
        let mut head = [0; 15];
        stream.read_exact(&mut head).unwrap();
        assert!(head.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&head));
        stream
    };
    let (_, of_bob) = somebody(&[&first, &second], "bob").await;
    let mut his = running(&of_bob);
    within(SOON, "a running answer cut", async |n| {
        let (ada, of_ada) = somebody(&[&first, &second], &format!("ada-{n}")).await;
        let mut hers = running(&of_ada);
        first.cli(&["user", "suspend", &ada]);
        let began = Instant::now();
        // To its end, which only a cut can be.
        let mut rest = Vec::new();
        let _ = hers.read_to_end(&mut rest);
        assert!(!rest.ends_with(b"0\r\n\r\n"), "a cut answer does not look complete");
        began.elapsed()
    })
    .await;
    let mut more = [0; 4096];
    for _ in 0..20 {
        assert!(his.read(&mut more).unwrap() > 0, "nobody else's is cut");
    }
    drop(his);
    second.stop();
    first.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hears_nothing_believes_nobody() {
    let Some(database) = database("deaf") else { return };
    let first = Server::start(&on(&database));
    let (wire, url) = Wire::to(&database);
    let second = sibling(&first, &on(&url));
    // Remembered for 30 s otherwise.
    within(Duration::from_secs(3), "deaf", async |n| {
        let (id, of_ada) = somebody(&[&first, &second], &format!("ada-{n}")).await;
        wire.cut();
        let cut = Instant::now();
        first.cli(&["user", "suspend", &id]);
        let answer = loop {
            let answer = chat(second.gateway, &of_ada, false).await;
            assert!(cut.elapsed() < PATIENCE, "it still believes");
            if answer.status != 200 {
                break answer;
            }
        };
        let took = cut.elapsed();
        assert_eq!(answer.code(), "resolution_unavailable", "an outage is never an unknown user");
        wire.mend();
        let began = Instant::now();
        while chat(second.gateway, &of_ada, false).await.code() != "subject_unresolved" {
            assert!(began.elapsed() < PATIENCE, "does not recover");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        took
    })
    .await;
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

pub fn psql(database: &str, query: &str) -> String {
    let output = Command::new("psql").args(["-qAt", "-d", database, "-c", query]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
