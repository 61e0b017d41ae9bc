//! What can be wrong between us and a server, and that it is said.

use super::slapd::{BASE, Slapd, person};
use super::{at_time, find, names, plain, source};
use portcullis_identity::sources::foreign::FailureKind;
use portcullis_model::time::ManualClock;
use portcullis_model::{Clock, SystemClock};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn ldaps(host: &str, server: &Slapd) -> String {
    format!("ldaps://{host}:{}", server.tls)
}

fn ldap(host: &str, server: &Slapd) -> String {
    format!("ldap://{host}:{}", server.plain)
}

fn trusting(server: &Slapd) -> Value {
    json!({ "ca_file": server.authority() })
}

fn with(mut value: Value, key: &str, to: Value) -> Value {
    value[key] = to;
    value
}

async fn trouble(url: String, more: Value) -> String {
    let source = source(&[url], more).unwrap();
    let failure = find(&source, "ada").await.unwrap_err();
    let probed = source.probe().await.unwrap_err();
    assert_eq!(failure.kind, probed.kind, "{failure} / {probed}");
    failure.message
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_from_the_beginning_or_begun_and_always_checked() {
    let Some(server) = Slapd::start(&person("ada", "")) else { return };
    let secure = source(&[ldaps("localhost", &server)], trusting(&server)).unwrap();
    assert_eq!(names(&secure, "ada").await, ["ada"]);
    let begun =
        source(&[ldap("localhost", &server)], with(trusting(&server), "start_tls", json!(true))).unwrap();
    assert_eq!(names(&begun, "ada").await, ["ada"]);

    let unknown = trouble(ldaps("localhost", &server), json!({})).await;
    assert!(unknown.contains("`ca_file`"), "{unknown}");
    let begun = trouble(ldap("localhost", &server), json!({ "start_tls": true })).await;
    assert!(begun.contains("`ca_file`"), "StartTLS is checked just the same: {begun}");
    let other = trouble(ldaps("127.0.0.1", &server), trusting(&server)).await;
    assert!(other.contains("not for `127.0.0.1`"), "{other}");
    let plain_port = trouble(format!("ldaps://localhost:{}", server.plain), trusting(&server)).await;
    assert!(plain_port.contains("does not speak TLS"), "{plain_port}");
    let expired: Arc<dyn Clock> =
        Arc::new(ManualClock::at(SystemClock.now().plus(Duration::from_secs(200_000_000_000))));
    let late = at_time(&[ldaps("localhost", &server)], trusting(&server), expired).unwrap();
    let late = find(&late, "ada").await.unwrap_err().message;
    assert!(late.contains("expired"), "{late}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_starttls_is_not_used_in_plain() {
    // It says no (RFC 4511 §4.14.2: `unavailable`), and waits for what we send instead.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(AtomicUsize::new(0));
    let bytes = heard.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut buffer = [0; 512];
            let _ = stream.read(&mut buffer);
            let refusal =
                [0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 0x34, 0x04, 0x00, 0x04, 0x00];
            let _ = stream.write_all(&refusal);
            let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
            bytes.fetch_add(stream.read(&mut buffer).unwrap_or(0), Ordering::SeqCst);
        }
    });
    let source = source(&[format!("ldap://127.0.0.1:{port}")], json!({ "start_tls": true })).unwrap();
    let failure = find(&source, "ada").await.unwrap_err();
    assert!(failure.message.contains("refuses StartTLS"), "{failure}");
    assert_eq!(heard.load(Ordering::SeqCst), 0, "nothing is sent in plain");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_said_and_not_tried_again_at_once() {
    let Some(server) = Slapd::start(&person("ada", "")) else { return };
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let urls = [ldap("127.0.0.1", &server), ldap("localhost", &server)];
    let wrong = at_time(&urls, json!({ "password": "env:WRONG" }), clock.clone()).unwrap();
    let failure = find(&wrong, "ada").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(failure.message.contains("invalidCredentials"), "{failure}");
    assert!(!failure.message.contains("env:WRONG"), "the secret itself is not shown: {failure}");
    // The account is given the password that we have; for a minute that makes no difference, because nothing is sent.
    server.modify(&format!(
        "dn: {}\nchangetype: modify\nreplace: userPassword\nuserPassword: env:WRONG\n",
        super::slapd::READER
    ));
    assert_eq!(find(&wrong, "ada").await.unwrap_err().kind, FailureKind::Refused);
    clock.advance(Duration::from_secs(61));
    assert_eq!(names(&wrong, "ada").await, ["ada"]);
}

#[test]
fn what_cannot_work_is_refused_before_anybody_is_asked() {
    let url = || vec!["ldaps://ldap.example.com".to_owned()];
    for (urls, more, key, part) in [
        (url(), json!({ "password": "env:EMPTY" }), "password", "anonymous bind"),
        (url(), json!({ "password": "env:BINARY" }), "password", "UTF-8"),
        (url(), json!({ "password": null }), "bind_dn", "anonymous bind"),
        (url(), json!({ "bind_dn": "" }), "bind_dn", "anonymous bind"),
        (url(), json!({ "bind_dn": null }), "password", "whose"),
        (url(), json!({ "filter": "(uid=ada)" }), "filter", "everybody"),
        (url(), json!({ "filter": "({subject}=ada)" }), "filter", "RFC 4515"),
        (url(), json!({ "filter": "(uid=*{subject}*)" }), "filter", "exact"),
        (url(), json!({ "people": "(uid={subject})" }), "people", "no place"),
        (
            url(),
            json!({ "groups": { "base": "x", "filter": "(member={subject})" } }),
            "groups.filter",
            "{dn}",
        ),
        (url(), json!({ "start_tls": true }), "urls", "from the beginning"),
        (url(), json!({ "ca_file": "/nonexistent.pem" }), "ca_file", "/nonexistent.pem"),
        (vec!["ldap://ldap.example.com".to_owned()], json!({}), "urls", "unencrypted"),
        (vec!["https://ldap.example.com".to_owned()], json!({}), "urls", "ldaps://host"),
        (vec!["ldaps://me:secret@ldap.example.com".to_owned()], json!({}), "urls", "settings of its own"),
        (vec![], json!({}), "urls", "no server"),
    ] {
        let (at, why) = source(&urls, more.clone()).err().unwrap_or_else(|| panic!("{more} is accepted"));
        assert_eq!(at, format!("ldap.{key}"), "{why}");
        assert!(why.contains(part), "{more}: {why}");
        assert!(!why.contains("secret@"), "{why}");
    }
    assert!(source(&["ldap://ldap.example.com".to_owned()], json!({ "allow_plain": true })).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_an_outage_and_the_next_one_is_asked() {
    let Some(mut server) = Slapd::start(&person("ada", "")) else { return };
    let nowhere = trouble("ldap://no-such-host.invalid:389".to_owned(), json!({ "allow_plain": true })).await;
    assert!(nowhere.contains("no-such-host.invalid") && nowhere.contains("resolve"), "{nowhere}");
    // Nobody listens there, and nobody else can while the socket is held.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = held.local_addr().unwrap().port();
    let refused = trouble(format!("ldap://127.0.0.1:{closed}"), json!({})).await;
    assert!(refused.contains("cannot connect"), "{refused}");

    // One that takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("ldap://127.0.0.1:{}", silent.local_addr().unwrap().port());
    let urls = [silent_url, ldap("127.0.0.1", &server)];
    let two = source(&urls, json!({})).unwrap();
    let began = Instant::now();
    assert_eq!(names(&two, "ada").await, ["ada"], "the second has its turn within the time of one look-up");
    let hung = began.elapsed();
    assert!(hung < Duration::from_secs(10), "{hung:?}");
    let began = Instant::now();
    assert_eq!(names(&two, "ada").await, ["ada"]);
    assert!(
        began.elapsed() < (hung / 2).max(Duration::from_secs(1)),
        "the one that hangs is left alone for a while"
    );

    // A restart breaks connections that were kept; that is nobody's trouble.
    let kept = plain(&server, json!({ "connections": 1 }));
    assert_eq!(names(&kept, "ada").await, ["ada"]);
    server.stop();
    let failure = find(&kept, "ada").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    assert!(server.run_here());
    assert_eq!(names(&kept, "ada").await, ["ada"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_server_sends_ends_in_a_failure() {
    let answers: &[&[u8]] = &[
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"",
        &[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff],
        // A bind response without what belongs into it; an entry where an answer to the bind should be.
        &[0x30, 0x05, 0x02, 0x01, 0x01, 0x61, 0x00],
        &[0x30, 0x0b, 0x02, 0x01, 0x01, 0x64, 0x06, 0x04, 0x02, 0xff, 0xfe, 0x30, 0x00],
        &[0x30, 0x00],
        &[0x02, 0x01, 0x01],
        &[0xff; 64],
    ];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ldap://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let answer = answer.to_vec();
        let shown = format!("{answer:x?}");
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut buffer = [0; 512];
                let _ = stream.read(&mut buffer);
                let _ = stream.write_all(&answer);
            }
        });
        let source = source(&[url], json!({})).unwrap();
        let began = Instant::now();
        let failure = find(&source, "ada").await.expect_err(&shown);
        assert!(began.elapsed() < Duration::from_secs(20), "{shown}: {failure}");
        assert!(!failure.message.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn referrals_are_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let port = elsewhere.local_addr().unwrap().port();
    let referral = format!(
        "dn: ou=branch,ou=people,{BASE}\nobjectClass: referral\nobjectClass: extensibleObject\nou: branch\nref: ldap://127.0.0.1:{port}/ou=branch,{BASE}\n"
    );
    let Some(server) = Slapd::start(&format!("{}\n{referral}", person("ada", ""))) else { return };
    let source_of = |base: String| plain(&server, json!({ "base": base }));
    let whole = source_of(format!("ou=people,{BASE}"));
    assert_eq!(names(&whole, "ada").await, ["ada"]);
    assert!(whole.probe().await.unwrap().join("\n").contains("referrals to other servers are not followed"));
    let branch = find(&source_of(format!("ou=branch,ou=people,{BASE}")), "ada").await.unwrap_err();
    assert!(branch.message.contains("referrals are not followed"), "{branch}");
    let missing = find(&source_of(format!("ou=nowhere,{BASE}")), "ada").await.unwrap_err();
    assert!(missing.message.contains(&format!("no `ou=nowhere,{BASE}`")), "{missing}");
    let wrong = find(&source_of("this is no name".to_owned()), "ada").await.unwrap_err();
    assert!(wrong.message.contains("no DN"), "{wrong}");
    assert!(elsewhere.accept().is_err(), "nobody came");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_the_server_are_told() {
    let crowd: Vec<String> = (0..40).map(|n| person(&format!("p{n}"), "")).collect();
    let Some(server) =
        Slapd::start_with("sizelimit size.soft=5 size.hard=5 size.pr=5 size.prtotal=20\n", &crowd.join("\n"))
    else {
        return;
    };
    let source = plain(&server, json!({ "page_size": 5 }));
    let mut cursor = None;
    let failure = loop {
        match source.page(None, cursor).await {
            Ok(batch) if batch.next.is_some() => cursor = batch.next,
            Ok(_) => panic!("the limit is not there"),
            Err(failure) => break failure,
        }
    };
    assert!(failure.message.contains("raise its limits"), "{failure}");
}
