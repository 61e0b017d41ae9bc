//! Gemini's cached contents: kept at an account that everybody shares, and each of one caller only.

use crate::client::Answer;
use crate::house::House;
use crate::upstream::{Seen, Upstream, Wire};
use portcullis_model::User;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// An account at Gemini, with what is cached there by its name; keeps what it saw.
#[derive(Clone, Default)]
struct Account(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    cached: BTreeMap<String, Value>,
    made: usize,
    seen: Vec<Seen>,
}

const GONE: &str = "CachedContent not found (or permission denied)";

impl Account {
    async fn open(&self) -> Upstream {
        let account = self.clone();
        Upstream::open(move |mut wire: Wire, _| {
            let account = account.clone();
            async move {
                while let Some(call) = wire.call().await {
                    let (status, body) = account.answer(call);
                    let body = body.to_string();
                    wire.send(&format!(
                        "HTTP/1.1 {status} X\r\ncontent-type: application/json; charset=UTF-8\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    ))
                    .await;
                }
            }
        })
        .await
    }

    fn answer(&self, call: Seen) -> (u16, Value) {
        let mut state = self.0.lock().unwrap();
        let state = &mut *state;
        let (method, target) = (call.line.split(' ').next().unwrap().to_owned(), call.target().to_owned());
        let asked: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        state.seen.push(call);
        let path = target.split('?').next().unwrap().strip_prefix("/v1beta/").unwrap();
        let gone = || (403, json!({"error": {"code": 403, "message": GONE, "status": "PERMISSION_DENIED"}}));
        let known = state.cached.contains_key(path);
        match &*method {
            "POST" if path == "cachedContents" => {
                state.made += 1;
                let name = format!("cachedContents/c{}", state.made);
                let ttl: i64 =
                    asked["ttl"].as_str().unwrap_or("3600s").trim_end_matches('s').parse().unwrap();
                let made = json!({
                    "name": name, "model": asked["model"], "usageMetadata": {"totalTokenCount": 2_048},
                    "createTime": at(0), "updateTime": at(0), "expireTime": at(ttl),
                });
                state.cached.insert(name, made.clone());
                (200, made)
            }
            "GET" | "PATCH" if known => {
                let cached = state.cached.get_mut(path).unwrap();
                if method == "PATCH" {
                    let ttl: i64 = asked["ttl"].as_str().unwrap().trim_end_matches('s').parse().unwrap();
                    cached["expireTime"] = at(ttl);
                }
                (200, cached.clone())
            }
            "DELETE" if known => {
                state.cached.remove(path);
                (200, json!({}))
            }
            "POST" if path.ends_with(":generateContent") => match asked["cachedContent"].as_str() {
                Some(name) if !state.cached.contains_key(name) => gone(),
                _ => (
                    200,
                    json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP"}],
                        "usageMetadata": {"promptTokenCount": 2_050, "cachedContentTokenCount": 2_048, "candidatesTokenCount": 1, "totalTokenCount": 2_051}}),
                ),
            },
            _ => gone(),
        }
    }

    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().unwrap().seen)
    }
}

/// So many seconds from now, as Gemini says it.
fn at(seconds: i64) -> Value {
    use portcullis_model::{Clock, SystemClock, Timestamp};
    let now = SystemClock.now().micros() + seconds * 1_000_000;
    Timestamp::from_micros(now).rfc3339().into()
}

fn config(upstream: &Upstream) -> String {
    let provider = |name: &str| {
        format!(
            "[[providers]]\nname = \"{name}\"\npreset = \"gemini\"\nbase_url = \"http://{}/v1beta\"\napi_key = \"env:PROVIDER_KEY\"\n",
            upstream.address
        )
    };
    let model = |name: &str, deployments: &str| {
        format!(
            "[[models]]\nname = \"{name}\"\nshared_ids = [\"cachedContents/manual\"]\ndeployments = [{deployments}]\n"
        )
    };
    [
        provider("google"),
        provider("elsewhere"),
        model("fast", r#"{ provider = "google", model = "gemini-x" }"#),
        model("slow", r#"{ provider = "google", model = "gemini-y" }"#),
        model(
            "any",
            r#"{ provider = "google", model = "gemini-y" }, { provider = "elsewhere", model = "gemini-x" }, { provider = "google", model = "gemini-x" }"#,
        ),
        "[[providers]]\nname = \"echo\"\npreset = \"echo\"\n".to_owned(),
        model("plain", r#"{ provider = "echo", model = "echo-1" }"#),
    ]
    .concat()
}

struct Caller<'h> {
    house: &'h House,
    authorization: String,
}

impl<'h> Caller<'h> {
    fn of(house: &'h House, user: &User) -> Self {
        Self { house, authorization: house.bearer(user) }
    }

    async fn send(&self, line: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{line} HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.authorization,
            body.len()
        );
        self.house.client().await.call(head).await
    }

    async fn make(&self, model: &str, more: Value) -> Answer {
        let mut body =
            json!({ "model": model, "contents": [{ "role": "user", "parts": [{ "text": "a manual" }] }] });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.send("POST /gemini/v1beta/cachedContents", &body).await
    }

    async fn ask(&self, model: &str, cached: &str) -> Answer {
        let body =
            json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }], "cachedContent": cached });
        self.send(&format!("POST /gemini/v1beta/models/{model}:generateContent"), &body).await
    }
}

fn code(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    let details = body["error"]["details"].as_array().cloned().unwrap_or_default();
    let reason = details.iter().find_map(|detail| detail["reason"].as_str());
    (answer.status, reason.unwrap_or_default().to_owned())
}

/// A refusal without what differs between any two calls.
fn refusal(answer: &Answer) -> (u16, String) {
    let text = answer.text().to_owned();
    let id = answer.header("x-request-id").unwrap_or_default();
    (answer.status, text.replace(id, ""))
}

#[tokio::test]
async fn what_is_cached_is_used_by_whom_it_was_made() {
    let account = Account::default();
    let upstream = account.open().await;
    let house = House::open(&config(&upstream)).await;
    let ada = Caller::of(&house, &house.ada);
    let eve = Caller::of(&house, &house.user("acme", "eve").await);
    let made = ada.make("models/fast", json!({ "ttl": "600s", "displayName": "manual" })).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let name = made.json()["name"].as_str().unwrap().to_owned();
    let sent = account.seen().remove(0);
    assert_eq!(sent.line, "POST /v1beta/cachedContents HTTP/1.1");
    assert_eq!(sent.header("x-goog-api-key"), Some("sk-ours"));
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!((body["model"].as_str(), body["ttl"].as_str()), (Some("models/gemini-x"), Some("600s")));
    let record = house.record().await;
    assert_eq!(
        (record.operation.as_deref(), record.model.as_deref(), record.deployment.as_deref()),
        (Some("cached_contents"), Some("fast"), Some("gemini-x"))
    );

    assert_eq!(ada.ask("fast", &name).await.status, 200);
    let usage = house.record().await.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.cached_input_tokens), (2_050, 2_048));
    // Only the model that has read it can use it, wherever the call could go else.
    assert_eq!(ada.ask("any", &name).await.status, 200);
    let record = house.record().await;
    assert_eq!(
        (record.provider.as_deref(), record.deployment.as_deref()),
        (Some("google"), Some("gemini-x"))
    );
    let other = ada.ask("slow", &name).await;
    assert_eq!(other.status, 400, "{}", other.text());
    assert!(other.text().contains("made with the model `fast`"), "{}", other.text());
    account.seen();

    // Somebody else's and nobody's look alike, wherever they are named.
    let nobodys = eve.ask("fast", "cachedContents/nobodys").await;
    assert_eq!(nobodys.status, 404, "{}", nobodys.text());
    assert_eq!(refusal(&eve.ask("fast", &name).await), refusal(&nobodys));
    let about = eve.send("GET /gemini/v1beta/cachedContents/nobodys", &Value::Null).await;
    assert_eq!(about.status, 404, "{}", about.text());
    for line in ["GET", "DELETE"] {
        let theirs = eve.send(&format!("{line} /gemini/v1beta/{name}"), &Value::Null).await;
        assert_eq!(refusal(&theirs), refusal(&about), "{line}");
    }
    let changed = eve.send(&format!("PATCH /gemini/v1beta/{name}"), &json!({ "ttl": "9s" })).await;
    assert_eq!(refusal(&changed), refusal(&about));
    for path in ["..", "%2e%2e", "a%2Fb", "c1%3Fkey=x", "../models", "/c1", "c1/"] {
        let answer = eve.send(&format!("GET /gemini/v1beta/cachedContents/{path}"), &Value::Null).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
    }
    for written in
        ["c1", "/cachedContents/c1", "cachedContents/c1/", "CACHEDCONTENTS/c1", "cachedContents/./c1"]
    {
        assert_eq!(eve.ask("fast", written).await.status, 404, "{written}");
    }
    assert!(account.seen().is_empty(), "none of it reached the provider");
    // What whoever runs the gateway made is everybody's: the provider says what is wrong with it.
    let shared = eve.ask("fast", "cachedContents/manual").await;
    assert_eq!((shared.status, account.seen().len()), (404, 1), "{}", shared.text());
    house.close().await;
}

#[tokio::test]
async fn what_is_cached_is_read_kept_for_longer_listed_and_deleted() {
    let account = Account::default();
    let upstream = account.open().await;
    let house = House::open(&config(&upstream)).await;
    let ada = Caller::of(&house, &house.ada);
    let eve = Caller::of(&house, &house.user("acme", "eve").await);
    let mut names = Vec::new();
    for number in 0..3 {
        let made = ada.make("fast", json!({ "ttl": format!("{}s", 600 + number) })).await;
        names.push(made.json()["name"].as_str().unwrap().to_owned());
    }
    let hers = eve.make("models/slow", json!({})).await.json()["name"].as_str().unwrap().to_owned();
    account.seen();
    let name = names[0].clone();
    let got = ada.send(&format!("GET /gemini/v1beta/{name}?key=pck_x"), &Value::Null).await;
    assert_eq!(got.status, 400, "two credentials are one too many");
    let got = ada.send(&format!("GET /gemini/v1beta/{name}"), &Value::Null).await;
    assert_eq!((got.status, got.json()["name"].as_str()), (200, Some(&*name)));
    let change = format!("PATCH /gemini/v1beta/{name}?updateMask=ttl&x=1");
    assert_eq!(ada.send(&change, &json!({ "ttl": "7200s" })).await.status, 200);
    let sent = account.seen().pop().unwrap();
    assert_eq!(sent.line, format!("PATCH /v1beta/{name}?updateMask=ttl HTTP/1.1"));
    assert_eq!(serde_json::from_slice::<Value>(&sent.body).unwrap(), json!({ "ttl": "7200s" }));
    for more in [
        json!({ "ttl": "1s", "tools": [{ "googleSearch": {} }] }),
        json!({ "ttl": "1s", "contents": [{ "parts": [{ "fileData": { "fileUri": "files/theirs" } }] }] }),
        json!({ "ttl": "1s", "model": "models/slow" }),
    ] {
        let refused = ada.send(&change, &more).await;
        assert_eq!(refused.status, 400, "{more}: {}", refused.text());
    }

    let list = async |query: &str| {
        let answer = ada.send(&format!("GET /gemini/v1beta/cachedContents{query}"), &Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        let listed = body["cachedContents"].as_array().unwrap();
        let names: Vec<String> = listed.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
        (names, body["nextPageToken"].as_str().map(str::to_owned))
    };
    let (mut all, next) = list("").await;
    all.sort_unstable();
    assert_eq!((&all, next), (&names, None));
    assert!(!all.contains(&hers));
    let (first, next) = list("?pageSize=2").await;
    let next = next.unwrap();
    let (rest, end) = list(&format!("?pageSize=2&pageToken={next}")).await;
    assert_eq!((first.len(), rest.len(), end), (2, 1, None));
    let theirs = format!("GET /gemini/v1beta/cachedContents?pageToken={hers}");
    assert_eq!(ada.send(&theirs, &Value::Null).await.status, 404);

    assert_eq!(ada.send(&format!("DELETE /gemini/v1beta/{name}"), &Value::Null).await.status, 200);
    account.seen();
    assert_eq!(ada.ask("fast", &name).await.status, 404);
    assert!(account.seen().is_empty(), "it is known to be gone");
    // What the provider has let go of by itself is gone, too, and no failure of our key.
    account.0.lock().unwrap().cached.remove(&names[1]);
    let gone = ada.ask("fast", &names[1]).await;
    assert_eq!(code(&gone).0, 404, "{}", gone.text());
    assert_eq!(list("").await.0, [names[2].clone()]);
    assert_eq!(ada.ask("fast", &names[2]).await.status, 200, "the key does not rest");
    house.close().await;
}

#[tokio::test]
async fn a_list_goes_on_where_what_it_ended_with_is_gone() {
    let account = Account::default();
    let upstream = account.open().await;
    let house = House::open(&config(&upstream)).await;
    let ada = Caller::of(&house, &house.ada);
    let mut names = Vec::new();
    for _ in 0..4 {
        let made = ada.make("fast", json!({})).await;
        names.push(made.json()["name"].as_str().unwrap().to_owned());
    }
    // As clients delete everything: page by page, each thing as they come to it.
    let mut seen = Vec::new();
    let mut query = "?pageSize=1".to_owned();
    loop {
        let list = ada.send(&format!("GET /gemini/v1beta/cachedContents{query}"), &Value::Null).await;
        assert_eq!(list.status, 200, "{query}: {}", list.text());
        let list = list.json();
        for one in list["cachedContents"].as_array().unwrap() {
            let name = one["name"].as_str().unwrap().to_owned();
            assert_eq!(ada.send(&format!("DELETE /gemini/v1beta/{name}"), &Value::Null).await.status, 200);
            seen.push(name);
        }
        // The provider has let go of the third by itself: the list finds that out, and ends a page with it.
        account.0.lock().unwrap().cached.remove(&names[2]);
        let Some(next) = list["nextPageToken"].as_str() else { break };
        assert!(next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{next}");
        query = format!("?pageSize=1&pageToken={next}");
    }
    let wanted: Vec<_> = [3, 1, 0].map(|at: usize| names[at].clone()).into();
    assert_eq!(seen, wanted);
    house.close().await;
}

#[tokio::test]
async fn what_is_to_be_cached_is_judged_like_a_call() {
    let account = Account::default();
    let upstream = account.open().await;
    let house = House::open(&config(&upstream)).await;
    let ada = Caller::of(&house, &house.ada);
    for (model, more, status) in [
        ("models/nobody", json!({}), 404),
        ("models/", json!({}), 404),
        ("models/fast", json!({ "tools": [{ "googleSearch": {} }] }), 403),
        (
            "models/fast",
            json!({ "contents": [{ "parts": [{ "fileData": { "fileUri": "files/theirs" } }] }] }),
            404,
        ),
        // No other provider's dialect has it.
        ("models/plain", json!({}), 400),
    ] {
        let answer = ada.make(model, more.clone()).await;
        assert_eq!(answer.status, status, "{model} {more}: {}", answer.text());
    }
    let unnamed = ada.send("POST /gemini/v1beta/cachedContents", &json!({ "contents": [] })).await;
    assert!(unnamed.status == 400 && unnamed.text().contains("`model`"), "{}", unnamed.text());
    let twice = r#"{"model":"models/fast","MODEL":"models/slow"}"#;
    let head = format!(
        "POST /gemini/v1beta/cachedContents HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{twice}",
        ada.authorization,
        twice.len()
    );
    assert_eq!(house.client().await.call(head).await.status, 400);
    assert!(account.seen().is_empty());
    // What cannot be written down is not given.
    assert_eq!(ada.make("fast", json!({})).await.status, 200);
    house.lose_the_database().await;
    let made = ada.make("fast", json!({})).await;
    assert_eq!(made.status, 503, "{}", made.text());
    assert!(!made.text().contains("cachedContents/"), "{}", made.text());
    house.close().await;
}
