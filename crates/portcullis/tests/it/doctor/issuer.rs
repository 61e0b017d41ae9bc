//! Causes that lie with the server of an issuer: its clock, and what it answers in place of a key set.

use super::world::{World, claims, codes, now, sign, with};
use crate::server::eventually;
use portcullis_jose::JwkSet;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

/// How an issuer's server behaves.
#[derive(Clone, Copy)]
struct Manner {
    /// The issuer's name, and its path.
    name: &'static str,
    /// Seconds that its clock is ahead.
    ahead: i64,
    status: u16,
    cache: &'static str,
    /// What it answers; nothing: the key set.
    body: Option<&'static str>,
    /// Its keys are to be discovered at it.
    discovered: bool,
}

const GOOD: Manner =
    Manner { name: "", ahead: 0, status: 200, cache: "max-age=300", body: None, discovered: false };

/// Servers of issuers, all at one address. They answer once it is known what with.
struct Servers {
    address: SocketAddr,
    keys: Arc<OnceLock<String>>,
}

impl Servers {
    fn of(manners: &'static [Manner]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let keys: Arc<OnceLock<String>> = Arc::default();
        let known = keys.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let known = known.clone();
                std::thread::spawn(move || {
                    let (mut head, mut piece) = (Vec::new(), [0; 4_096]);
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(read @ 1..) = stream.read(&mut piece) else { return };
                        head.extend_from_slice(&piece[..read]);
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or_default();
                    let name = path.trim_start_matches('/').split('/').next().unwrap_or_default();
                    let Some(manner) = manners.iter().find(|manner| name == manner.name) else { return };
                    let body = manner.body.unwrap_or_else(|| known.wait().as_str());
                    let at = UNIX_EPOCH + Duration::from_secs(u64::try_from(now() + manner.ahead).unwrap());
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {} X\r\ndate: {}\r\ncache-control: {}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                        manner.status,
                        httpdate::fmt_http_date(at),
                        manner.cache,
                        body.len()
                    );
                });
            }
        });
        Self { address, keys }
    }

    /// A gateway that trusts them, once it has asked each of them.
    fn world(&self, manners: &[Manner]) -> World {
        let issuer = |manner: &Manner| {
            let name = manner.name;
            let at = format!("http://{}/{name}", self.address);
            let (iss, keys) = match manner.discovered {
                true => (at, String::new()),
                false => (format!("https://{name}.example"), format!("jwks_url = \"{at}\"")),
            };
            format!(
                "[[issuers]]\nname = \"{name}\"\nissuer = \"{iss}\"\naudiences = [\"gateway\"]\ntenant = \"acme\"\n{keys}\nhttp = {{ proxy = \"none\" }}\n"
            )
        };
        let world = World::new(&manners.iter().map(issuer).collect::<String>());
        let set: JwkSet = world.corp.public_jwk().into_iter().collect();
        self.keys.set(set.to_public_json()).unwrap();
        let states = eventually(
            || world.server.cli(&["issuer", "list"]),
            |states| {
                let asked = |one: &Value| {
                    one["fetched_at"].is_string()
                        || one["last_error"].as_str().is_some_and(|error| !error.contains("no answer"))
                };
                states["items"].as_array().is_some_and(|all| all.iter().all(asked))
            },
        );
        assert!(states["items"].as_array().is_some_and(|all| all.len() >= manners.len()), "{states:#}");
        world
    }
}

const MANNERS: [Manner; 10] = [
    Manner { name: "ahead", ahead: 95, ..GOOD },
    Manner { name: "behind", ahead: -120, ..GOOD },
    Manner { name: "exact", ..GOOD },
    Manner { name: "fleeting", cache: "no-store", ..GOOD },
    Manner { name: "empty", body: Some(r#"{"keys":[]}"#), ..GOOD },
    Manner { name: "page", body: Some("<!doctype html><title>sign in</title>"), ..GOOD },
    Manner { name: "broken", status: 500, ..GOOD },
    Manner { name: "malformed", body: Some(r#"{"keys":"none"}"#), ..GOOD },
    Manner { name: "unusable", body: Some(r#"{"keys":[{"kty":"unheard-of","kid":"u-1"}]}"#), ..GOOD },
    Manner {
        name: "impostor",
        body: Some(r#"{"issuer":"https://else.example","jwks_uri":"https://else.example/jwks"}"#),
        discovered: true,
        ..GOOD
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn what_the_issuers_server_says_and_does_is_found_first() {
    let servers = Servers::of(&MANNERS);
    let world = servers.world(&MANNERS);
    let mut arguments: Vec<String> = Vec::new();
    for manner in MANNERS {
        arguments.extend(["--identity".to_owned(), format!("{}=ada", manner.name)]);
    }
    world.user(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let token = |of: &str, changes: &[(&str, Value)]| {
        let claims = changes
            .iter()
            .fold(claims(of, "ada"), |claims, (member, value)| with(claims, member, value.clone()));
        sign(&claims, &world.corp)
    };

    // Its clock is ahead: its token and its server say so.
    let (first, told) = world.first(&token("ahead", &[("iat", json!(now() + 95))])).await;
    assert_eq!(
        (first.as_str(), &told["code"]),
        ("issuer_clock_ahead", &json!("token_from_future")),
        "{told:#}"
    );
    assert_eq!(told["findings"][0]["likelihood"], "certain", "{told:#}");
    assert!(told["findings"][0]["evidence"].to_string().contains("`Date`"), "{told:#}");
    // The server has the right time: it is not its clock, or not that one.
    let (first, told) = world.first(&token("exact", &[("iat", json!(now() + 95))])).await;
    assert_eq!(
        (first.as_str(), &told["findings"][0]["likelihood"]),
        ("issuer_clock_ahead", &json!("likely"))
    );
    assert!(told["findings"][0]["evidence"].to_string().contains("has the same time"), "{told:#}");
    // Its clock is behind: a fresh token of a minute has expired on arrival.
    let short = [("iat", json!(now() - 120)), ("exp", json!(now() - 60))];
    let (first, told) = world.first(&token("behind", &short)).await;
    assert_eq!((first.as_str(), &told["code"]), ("issuer_clock_behind", &json!("token_expired")), "{told:#}");
    // Expired by both clocks.
    let old = [("iat", json!(now() - 7_200)), ("exp", json!(now() - 3_600))];
    assert_eq!(world.first(&token("behind", &old)).await.0, "token_expired");
    assert_eq!(world.first(&token("exact", &short)).await.0, "token_expired");

    // What it answers in place of a key set.
    let impostor = format!("http://{}/impostor", servers.address);
    for (issuer, changes, code) in [
        ("empty", Vec::new(), "jwks_empty"),
        ("page", Vec::new(), "jwks_html"),
        ("broken", Vec::new(), "jwks_unreachable"),
        ("malformed", Vec::new(), "jwks_malformed"),
        ("unusable", Vec::new(), "jwks_unusable"),
        ("impostor", vec![("iss", json!(impostor))], "jwks_of_other_issuer"),
    ] {
        let (first, told) = world.first(&token(issuer, &changes)).await;
        assert_eq!((first.as_str(), &told["code"]), (code, &json!("keys_unavailable")), "{told:#}");
    }
    // A set that may not be kept is good, and worth knowing. (When it is the cause: `doctor`, `tests/it/key_set.rs`.)
    let (first, told) = world.first(&token("fleeting", &[])).await;
    assert_eq!((first.as_str(), &told["accepted"]), ("jwks_uncacheable", &json!(true)), "{told:#}");
    let told = world.ask(json!({ "token": token("exact", &[]) })).await;
    assert!(
        told["accepted"] == true && codes(&told).iter().all(|code| !code.starts_with("jwks_")),
        "{told:#}"
    );
    world.server.stop();
}

const AHEAD: [Manner; 2] =
    [Manner { name: "one", ahead: 95, ..GOOD }, Manner { name: "two", ahead: 95, ..GOOD }];
const BEHIND: [Manner; 2] =
    [Manner { name: "one", ahead: -120, ..GOOD }, Manner { name: "two", ahead: -120, ..GOOD }];

#[tokio::test(flavor = "multi_thread")]
async fn when_all_issuers_agree_it_is_our_own_clock() {
    let early = with(claims("one", "ada"), "iat", json!(now() + 95));
    let expired = with(with(claims("one", "ada"), "iat", json!(now() - 120)), "exp", json!(now() - 60));
    for (manners, claims, code, refused) in [
        (&AHEAD, early, "gateway_clock_behind", "token_from_future"),
        (&BEHIND, expired, "gateway_clock_ahead", "token_expired"),
    ] {
        let world = Servers::of(manners).world(manners);
        let (first, told) = world.first(&sign(&claims, &world.corp)).await;
        assert_eq!((first.as_str(), &told["code"]), (code, &json!(refused)), "{told:#}");
        assert_eq!(told["findings"][0]["by"], "operator", "{told:#}");
        world.server.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_younger_than_the_token_is_told() {
    let world = World::new("");
    let changed = |ago: i64| format!("password_changed_at={}", now() - ago);
    world.user(&["--username", "ada", "--identity", "corp=ada", "--attribute", &changed(60)]);
    world.user(&["--username", "bob", "--identity", "corp=bob", "--attribute", &changed(7_200)]);
    let token = |sub: &str| {
        let claims =
            with(with(claims("corp", sub), "iat", json!(now() - 600)), "jti", json!(format!("of-{sub}")));
        sign(&claims, &world.corp)
    };
    // It counts, and is told of; then it is revoked, and may be why.
    let told = world.ask(json!({ "token": token("ada") })).await;
    assert!(
        told["accepted"] == true && codes(&told).contains(&"password_changed_after_token".to_owned()),
        "{told:#}"
    );
    assert!(
        codes(&world.ask(json!({ "token": token("bob") })).await)
            .iter()
            .all(|code| !code.starts_with("password"))
    );
    world.server.cli(&["revocation", "token", "corp", "of-ada", "--reason", "password changed"]);
    let told = world.soon(&token("ada"), "token_revoked").await;
    assert_eq!(codes(&told)[1], "password_changed_after_token", "{told:#}");
    world.server.stop();
}
