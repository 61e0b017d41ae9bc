//! Every dialect to every provider: what is asked, what is answered, how it fails. Providers do what the question says.

use crate::client::Answer;
use crate::house::{House, PATIENCE};
use crate::upstream::{Seen, Upstream, Wire as Line};
use crate::wires::{Heard, WIRES, Wire};
use portcullis_model::record::Outcome;
use portcullis_model::route::RouteQuestion;
use portcullis_model::usage::UsageSource;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

const WORDS: [&str; 4] = ["Hal", "lo, W", "örld", " 🌍"];

pub fn json_answer(status: &str, headers: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn stream_head(wire: &Wire) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\n\r\n", wire.kind)
        .into_bytes()
}

/// A streamed answer, whole, in pieces of `size` bytes.
pub fn stream(wire: &Wire, events: &[Vec<u8>], size: usize) -> Vec<u8> {
    let body = events.concat();
    let pieces: Vec<u8> = body.chunks(size).flat_map(chunk).collect();
    [stream_head(wire), pieces, b"0\r\n\r\n".to_vec()].concat()
}

/// What a provider does whose question holds `do/<what>/<how>/`; then whether it takes another call.
async fn obey(wire: &Wire, line: &mut Line, call: &Seen) -> bool {
    let body = String::from_utf8_lossy(&call.body).into_owned();
    let mut words = body.split("do/").nth(1).unwrap_or("whole/").split('/');
    let (what, how) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let partial = |more: &[Vec<u8>]| [(wire.events)(&["par", "tial"], false), more.to_vec()].concat();
    let answer = match what {
        "stream" => stream(wire, &(wire.events)(&WORDS, true), how.parse().unwrap()),
        "clean" => stream(wire, &partial(&[]), 100_000),
        "error" => stream(wire, &partial(&[(wire.broken)()]), 100_000),
        "nonsense" => stream(wire, &partial(&[b"data: {\"choices\": 7,\n\n".to_vec()]), 100_000),
        "cut" => {
            let mut answer = stream(wire, &partial(&[]), 100_000);
            answer.truncate(answer.len() - 5);
            line.send_bytes(&answer).await;
            return false;
        }
        "short" => {
            let mut answer = json_answer("200 OK", "", &(wire.whole)("hello"));
            answer.truncate(answer.len() - 10);
            line.send_bytes(&answer).await;
            return false;
        }
        "hang" => {
            line.send_bytes(&stream_head(wire)).await;
            for event in (wire.events)(&["first"], false) {
                line.send_bytes(&chunk(&event)).await;
            }
            line.closed().await;
            return false;
        }
        "status" => {
            let body = (wire.error)(how.parse().unwrap(), "sk-12 said no");
            json_answer(&format!("{how} No"), "retry-after: 7\r\nx-ratelimit-limit-requests: 5\r\n", &body)
        }
        "html" => {
            b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>".to_vec()
        }
        _ => json_answer("200 OK", "", &(wire.whole)(&WORDS.concat())),
    };
    line.send_bytes(&answer).await;
    true
}

/// Providers of every format, and a gateway in front of them: the model `to-<format>` is at each.
struct World {
    house: Arc<House>,
    seen: Arc<Mutex<Vec<Seen>>>,
    _upstreams: Vec<Upstream>,
}

async fn world() -> World {
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let (mut upstreams, mut config) = (Vec::new(), String::new());
    for wire in WIRES {
        let keep = seen.clone();
        let upstream = Upstream::open(move |mut line: Line, _| {
            let keep = keep.clone();
            async move {
                while let Some(call) = line.call().await {
                    keep.lock().await.push(call.clone());
                    if !obey(wire, &mut line, &call).await {
                        return;
                    }
                }
            }
        })
        .await;
        config += &provider(wire, &upstream, "");
        upstreams.push(upstream);
    }
    World { house: House::open(&config).await, seen, _upstreams: upstreams }
}

pub fn provider(wire: &Wire, upstream: &Upstream, more: &str) -> String {
    let Wire { name, preset, deployment, .. } = wire;
    format!(
        "[[providers]]\nname = \"{name}\"\npreset = \"{preset}\"\nbase_url = \"http://{}{}\"\napi_key = \"env:PROVIDER_KEY\"\n\
         [[models]]\nname = \"to-{name}\"\nbreaker = {{ failures = 0 }}\ndeployments = [{{ provider = \"{name}\", model = \"x/large:1\"{deployment}{more} }}]\n",
        upstream.address, wire.base
    )
}

pub fn post(house: &House, wire: &Wire, path: &str, body: &str) -> String {
    post_by(&house.ada(), wire, path, body)
}

pub fn post_by(bearer: &str, wire: &Wire, path: &str, body: &str) -> String {
    let (header, before) = wire.key;
    let token = bearer.strip_prefix("Bearer ").unwrap();
    format!(
        "POST {path} HTTP/1.1\r\nhost: gw\r\n{header}: {before}{token}\r\ncontent-type: application/json\r\nanthropic-beta: b-1\r\n\
         openai-beta: o-1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn question(house: &House, caller: &Wire, to: &Wire, text: &str, stream: bool) -> String {
    let (path, body) = (caller.ask)(&format!("to-{}", to.name), text, stream);
    post(house, caller, &path, &body.to_string())
}

async fn ask(house: &House, caller: &Wire, to: &Wire, text: &str, stream: bool) -> Answer {
    house.client().await.call(question(house, caller, to, text, stream)).await
}

/// Each caller and each provider.
fn pairs() -> impl Iterator<Item = (&'static Wire, &'static Wire)> {
    WIRES.iter().flat_map(|caller| WIRES.iter().map(move |to| (caller, to)))
}

pub fn wire(name: &str) -> &'static Wire {
    WIRES.iter().find(|wire| wire.name == name).unwrap()
}

#[tokio::test]
async fn every_dialect_reaches_every_provider() {
    let world = world().await;
    let house = &world.house;
    for (caller, to) in pairs() {
        let title = format!("{} → {}", caller.name, to.name);
        let answer = ask(house, caller, to, "hello?", false).await;
        assert_eq!(answer.status, 200, "{title}: {}", answer.text());
        assert_eq!((caller.said)(&answer.json()), WORDS.concat(), "{title}: {}", answer.text());
        let call = world.seen.lock().await.pop().unwrap();
        let body = String::from_utf8(call.body.clone()).unwrap();
        assert!(body.contains("hello?"), "{title}: {body}");
        let named = format!("{} {body}", call.line);
        assert!(
            ["x/large:1", "x%2Flarge:1", "x%2Flarge%3A1"].iter().any(|model| named.contains(model)),
            "{title}: {named}"
        );
        assert!(call.target().starts_with(to.base), "{title}: {}", call.line);
        let (header, before) = to.key;
        assert_eq!(call.header(header), Some(&*format!("{before}sk-ours")), "{title}");
        let credentials = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
        let sent = credentials.iter().filter(|name| call.header(name).is_some()).count();
        assert_eq!(sent, 1, "{title}: {:?}", call.headers);
        // A dialect's own headers go to its own providers.
        for (name, dialect) in [("anthropic-beta", "anthropic"), ("openai-beta", "openai")] {
            let passes = caller.dialect == dialect && to.name == caller.name;
            assert_eq!(call.header(name).is_some(), passes, "{title}: {name}");
        }
        let record = house.record_now().await.expect("the record is there when the answer is");
        assert_eq!(
            (record.outcome, record.operation.as_deref()),
            (Outcome::Completed, Some(caller.operation)),
            "{title}"
        );
        assert_eq!(record.dialect.as_deref(), Some(caller.dialect));
        let usage = record.usage.unwrap();
        assert_eq!(
            (usage.input_tokens, usage.output_tokens, usage.source),
            (11, 7, UsageSource::Reported),
            "{title}"
        );
    }
    house.close().await;
}

#[tokio::test]
async fn streams_reach_every_caller_however_they_are_cut() {
    let world = world().await;
    let house = &world.house;
    let complete = Heard { text: WORDS.concat(), complete: true, failed: false };
    for (caller, to) in pairs() {
        for size in [1, 7, 100_000] {
            let title = format!("{} → {}, {size} bytes a piece", caller.name, to.name);
            let answer = ask(house, caller, to, &format!("do/stream/{size}/"), true).await;
            let text = String::from_utf8_lossy(&answer.body);
            assert_eq!((answer.status, answer.whole), (200, true), "{title}: {text}");
            let kind = answer.header("content-type").unwrap().split(';').next();
            assert_eq!(kind, caller.kind.split(';').next(), "{title}");
            assert_eq!(caller.hear(&answer.body), complete, "{title}: {text}");
            let record = house.record_now().await.expect("the record is there when the last event is");
            assert_eq!(record.outcome, Outcome::Completed, "{title}: {record:?}");
            let usage = record.usage.unwrap();
            let used = (usage.input_tokens, usage.output_tokens, usage.source);
            assert_eq!(used, (11, 7, UsageSource::Reported), "{title}");
        }
    }
    house.close().await;
}

/// An event goes on when it is there, not when the next one is. And who goes away then takes the provider along, and is
/// recorded with what came.
#[tokio::test]
async fn a_word_is_not_held_back() {
    let world = world().await;
    let house = &world.house;
    for (caller, to) in pairs() {
        let mut client = house.client().await;
        client.send(question(house, caller, to, "do/hang/", true)).await;
        client.until("first").await;
        drop(client);
        let record = house.record().await;
        assert_eq!(record.outcome, Outcome::ClientClosed);
        assert!(record.usage.unwrap().output_tokens > 0, "{} → {}", caller.name, to.name);
    }
    house.no_more_records().await;
    house.close().await;
}

#[tokio::test]
async fn what_breaks_off_never_looks_complete() {
    let world = world().await;
    let house = &world.house;
    for (caller, to) in pairs() {
        for how in ["cut", "clean", "error", "nonsense"] {
            // What passes is not looked at so closely.
            if how == "nonsense" && caller.name == to.name {
                continue;
            }
            let title = format!("{} → {}, {how}", caller.name, to.name);
            let answer = ask(house, caller, to, &format!("do/{how}/"), true).await;
            let heard = caller.hear(&answer.body);
            let text = String::from_utf8_lossy(&answer.body);
            assert_eq!(
                heard,
                Heard { text: "partial".to_owned(), complete: false, failed: true },
                "{title}: {text}"
            );
            assert!(answer.whole, "{title}: it was said in words");
            let record = house.record().await;
            assert_eq!(record.outcome, Outcome::UpstreamCut, "{title}");
            assert!(record.usage.unwrap().output_tokens > 0, "{title}");
        }
        let answer = ask(house, caller, to, "do/short/", false).await;
        assert!(answer.status == 502 || !answer.whole, "{} → {}: {}", caller.name, to.name, answer.status);
        assert!(answer.status != 502 || answer.text().contains("broke off"), "{}", answer.text());
        assert!(house.record().await.code.is_some());
    }
    house.close().await;
}

#[tokio::test]
async fn a_providers_no_is_said_in_the_callers_dialect() {
    let world = world().await;
    let house = &world.house;
    for (caller, to) in pairs() {
        for (status, told) in [
            (400, 400),
            (401, 502),
            (402, 502),
            (403, 502),
            (429, 429),
            (500, 500),
            (503, 503),
            (529, 529),
            (301, 502),
        ] {
            let title = format!("{} → {}, {status}", caller.name, to.name);
            let answer = ask(house, caller, to, &format!("do/status/{status}/"), false).await;
            let text = answer.text().to_owned();
            // Overload may be another 5xx where the dialect has no 529.
            let kept = answer.status == told || (told == 529 && answer.status == 503);
            assert!(kept, "{title}: {} {text}", answer.status);
            for member in (caller.error)(status, "").as_object().unwrap().keys() {
                assert!(answer.json().get(member).is_some(), "{title}: {text}");
            }
            assert_eq!(text.contains("sk-12"), told != 502, "{title}: {text}");
            assert_eq!(answer.header("retry-after").is_some(), told != 502, "{title}");
            assert_eq!(answer.header("x-ratelimit-limit-requests"), None);
            assert_eq!(house.record().await.upstream_status, Some(status));
        }
        let answer = ask(house, caller, to, "do/html/", false).await;
        assert!(
            answer.status >= 500 && answer.json().is_object(),
            "{} → {}: {}",
            caller.name,
            to.name,
            answer.text()
        );
        house.record().await;
    }
    house.close().await;
}

#[tokio::test]
async fn suspension_ends_a_stream_in_the_callers_words() {
    let world = world().await;
    let house = &world.house;
    for (caller, to) in pairs() {
        let title = format!("{} → {}", caller.name, to.name);
        let user = house.user("acme", &format!("{}-{}", caller.name, to.name)).await;
        let (path, body) = (caller.ask)(&format!("to-{}", to.name), "do/hang/", true);
        let mut client = house.client().await;
        client.send(post_by(&house.bearer(&user), caller, &path, &body.to_string())).await;
        client.until("first").await;
        house.directory.suspend(&house.actor, user.id, None).await.unwrap();
        let rest = tokio::time::timeout(PATIENCE, client.until("0\r\n\r\n")).await.unwrap();
        // The frames of one dialect have no room for the code.
        assert!(rest.contains("subject_unresolved") || caller.name == "bedrock", "{title}: {rest}");
        assert!(!rest.contains("suspended"), "{title}: {rest}");
        for ending in [
            "[DONE]",
            "response.completed",
            "message_stop",
            "messageStop",
            "finishReason",
            "COMPLETE",
            "\"done\":true",
        ] {
            assert!(!rest.contains(ending), "{title}: {rest}");
        }
        let record = house.record().await;
        assert_eq!(
            (record.outcome, record.code.as_deref()),
            (Outcome::Cut, Some("user_suspended")),
            "{title}"
        );
    }
    house.close().await;
}

/// Two presets of one vendor differ by where they are asked: what belongs to the other one would only be a 404 later.
#[tokio::test]
async fn a_base_url_of_the_vendors_other_endpoint_is_told() {
    let house = House::open("").await;
    for (preset, path, told) in [
        ("ollama", "/v1", Some("take `/v1` out")),
        ("ollama", "/api/", Some("ollama-compat")),
        ("cohere", "/v2", Some("cohere-compat")),
        ("ollama", "", None),
        ("ollama", "/behind/a/proxy", None),
        ("ollama-compat", "/v1", None),
        ("anthropic", "/v1", None),
        ("perplexity", "/v1", None),
    ] {
        let text = format!(
            "[[tenants]]\nname = \"acme\"\n[[providers]]\nname = \"p\"\npreset = \"{preset}\"\nbase_url = \"http://127.0.0.1:9{path}\"\n"
        );
        let config = portcullis_config::parse(&text, "test.toml").unwrap();
        let problems = house.publish(&config).await.err().unwrap_or_default().join("; ");
        match told {
            None => assert_eq!(problems, "", "{preset} {path}"),
            Some(told) => assert!(
                problems.contains("providers.p.base_url") && problems.contains(told),
                "{preset} {path}: {problems}"
            ),
        }
    }
    house.close().await;
}

/// The same dialect on both sides: not a byte changes but the model's name.
#[tokio::test]
async fn the_same_dialect_passes_byte_for_byte() {
    for wire in WIRES {
        let answer = (wire.whole)("hello").to_string().replace(":11", " :\t11 ");
        let answer = answer.replacen('{', "{ \"new\\u0020member\" : 1e2 , ", 1);
        let length = answer.len();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
        let text = format!("{head}content-length: {length}\r\n\r\n{answer}");
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let upstream = Upstream::open({
            let seen = seen.clone();
            move |mut line: Line, _| {
                let (seen, text) = (seen.clone(), text.clone());
                async move {
                    while let Some(call) = line.call().await {
                        seen.lock().await.push(call);
                        line.send(&text).await;
                    }
                }
            }
        })
        .await;
        let house = House::open(&provider(wire, &upstream, "")).await;
        let model = format!("to-{}", wire.name);
        let (path, body) = (wire.ask)(&model, "hello\u{301}", false);
        let body = body.to_string().replacen('{', "{ \"not known\" : [ 1.0e+2,{ } ] ,\r\n", 1);
        let got = house.client().await.call(post(&house, wire, &path, &body)).await;
        assert_eq!(got.text(), answer, "{}", wire.name);
        let sent = String::from_utf8(seen.lock().await[0].body.clone()).unwrap();
        assert_eq!(sent, body.replace(&format!("\"{model}\""), "\"x/large:1\""), "{}", wire.name);
        house.close().await;
    }
}

/// An upstream that answers everything with this.
pub async fn always(answer: Vec<u8>) -> (Upstream, Arc<Mutex<usize>>) {
    let calls: Arc<Mutex<usize>> = Arc::default();
    let count = calls.clone();
    let upstream = Upstream::open(move |mut line: Line, _| {
        let (count, answer) = (count.clone(), answer.clone());
        async move {
            while line.call().await.is_some() {
                *count.lock().await += 1;
                line.send_bytes(&answer).await;
            }
        }
    })
    .await;
    (upstream, calls)
}

#[tokio::test]
async fn what_a_provider_cannot_be_told_is_dropped_aloud_or_refused() {
    let (openai, anthropic) = (wire("openai"), wire("anthropic"));
    let (upstream, calls) = always(json_answer("200 OK", "", &(anthropic.whole)("hello"))).await;
    let messages = json!([{ "role": "user", "content": "hi" }]);
    let body = json!({ "model": "to-anthropic", "seed": 7, "messages": messages }).to_string();
    let house = House::open(&provider(anthropic, &upstream, "")).await;
    let answer = house.client().await.call(post(&house, openai, "/v1/chat/completions", &body)).await;
    let dropped = answer.header("x-portcullis-dropped").unwrap_or_default().to_owned();
    // There must be a bound there, and the caller had none.
    assert!(answer.status == 200 && dropped.contains("seed") && dropped.contains("max_tokens="), "{dropped}");
    assert_eq!(house.record().await.dropped.as_deref(), Some(&*dropped));
    house.close().await;
    let house = House::open(&provider(anthropic, &upstream, ", translation = \"strict\"")).await;
    let answer = house.client().await.call(post(&house, openai, "/v1/chat/completions", &body)).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (400, Some("ai_request_invalid")));
    assert!(answer.text().contains("seed"), "{}", answer.text());
    assert_eq!(*calls.lock().await, 1, "nothing was sent");
    house.close().await;
}

#[tokio::test]
async fn a_dialect_is_found_within_anothers_base() {
    let world = world().await;
    let house = &world.house;
    let anthropic = wire("anthropic");
    let (_, body) = (anthropic.ask)("to-anthropic", "hi", false);
    let answer = house.client().await.call(post(house, anthropic, "/v1/messages", &body.to_string())).await;
    assert_eq!((answer.status, (anthropic.said)(&answer.json())), (200, WORDS.concat()));
    // Refusals, too, are in the words of where the call was.
    for (path, kind) in [("/v1/messages", Some("error")), ("/v1/chat/completions", None)] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: gw\r\ncontent-length: 0\r\n\r\n");
        let missing = house.client().await.call(head).await;
        assert_eq!((missing.status, missing.json()["type"].as_str()), (401, kind), "{}", missing.text());
    }
    let models = house.get("/anthropic/v1/models").await.json();
    assert_eq!(
        (models["data"][0]["id"].as_str(), models["has_more"].as_bool()),
        (Some("to-anthropic"), Some(false))
    );
    let models = house.get("/gemini/v1beta/models").await.json();
    assert_eq!(models["models"][0]["name"], "models/to-anthropic");
    assert_eq!(house.get("/bedrock/foundation-models").await.status, 200);
    assert_eq!(house.get("/cohere/v1/models").await.json()["models"][0]["name"], "to-anthropic");
    assert_eq!(house.get("/cohere/v1/models/to-ollama").await.json()["name"], "to-ollama");
    assert_eq!(house.get("/ollama/api/tags").await.json()["models"][0]["model"], "to-anthropic");
    assert!(house.get("/ollama/api/version").await.json()["version"].is_string());
    assert_eq!(house.get("/ollama/api/ps").await.json(), json!({ "models": [] }));
    // What the vendor's program asks before anything else.
    for root in ["/ollama", "/ollama/"] {
        assert_eq!(house.get(root).await.text(), "Ollama is running");
        let head = format!("HEAD {root} HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n", house.ada());
        let mut client = house.client().await;
        client.send(head).await;
        let (status, headers) = client.head().await;
        assert_eq!(status, 200);
        assert!(headers.contains(&("content-length".to_owned(), "17".to_owned())), "{headers:?}");
    }
    let ollama = wire("ollama");
    for (model, status) in [("to-openai", 200), ("to-nobody", 404)] {
        let show = post(house, ollama, "/ollama/api/show", &json!({ "model": model }).to_string());
        let answer = house.client().await.call(show).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.json().get("error").is_some(), status != 200);
    }
    house.close().await;
}

/// What lives at a provider is for a deployment that is asked in that format.
#[tokio::test]
async fn stored_responses_are_for_who_is_asked_for_responses() {
    let world = world().await;
    let house = &world.house;
    let caller = wire("responses");
    for to in WIRES {
        let model = format!("to-{}", to.name);
        let body = json!({ "model": model, "input": "hi", "previous_response_id": "resp_0" }).to_string();
        let answer = house.client().await.call(post(house, caller, "/v1/responses", &body)).await;
        // There the caller was given none; elsewhere there is no word for it.
        let expected =
            if to.name == "responses" { (404, "ai_object_not_found") } else { (400, "ai_request_invalid") };
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (expected.0, Some(expected.1)),
            "{}",
            to.name
        );
    }
    assert!(world.seen.lock().await.is_empty(), "nobody was asked");
    house.close().await;
}

/// Of two endpoints the deployment's own is asked; nothing is kept there that the caller did not want kept.
#[tokio::test]
async fn of_several_endpoints_the_chosen_one_is_asked() {
    const CHATS: &str = "/v1/chat/completions";
    const RESPONSES: &str = "/v1/responses";
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let upstream = Upstream::open({
        let seen = seen.clone();
        move |mut line: Line, _| {
            let seen = seen.clone();
            async move {
                while let Some(call) = line.call().await {
                    let wire =
                        wire(if call.target().ends_with("/responses") { "responses" } else { "openai" });
                    seen.lock().await.push(call);
                    line.send_bytes(&json_answer("200 OK", "", &(wire.whole)("hello"))).await;
                }
            }
        }
    })
    .await;
    let provider = |name: &str, preset: &str| {
        format!("[[providers]]\nname = \"{name}\"\n{preset}base_url = \"http://{}/v1\"\n", upstream.address)
    };
    let model = |name: &str, at: &str, model: &str, more: &str| {
        format!(
            "[[models]]\nname = \"{name}\"\ndeployments = [{{ provider = \"{at}\", model = \"{model}\"{more} }}]\n"
        )
    };
    let house = House::open(
        &[
            provider("known", "preset = \"openai\"\n"),
            provider("any", ""),
            model("either", "known", "x", ""),
            model("chats", "known", "x", ", api = \"chat_completions\""),
            model("responses", "known", "x", ", api = \"responses\""),
            model("local", "any", "x", ""),
            model("local-responses", "any", "x", ", api = \"responses\""),
            // The catalogue knows that it answers there alone.
            model("pro", "known", "gpt-5-pro", ""),
            model("pro-chats", "known", "gpt-5-pro", ", api = \"chat_completions\""),
        ]
        .concat(),
    )
    .await;
    let completions = ("/v1/completions", json!({ "prompt": "Once" }));
    // What is explained beforehand.
    let explained = |model: &str, dialect: &str, operation: &str| {
        let question = RouteQuestion {
            model: model.to_owned(),
            dialect: Some(dialect.to_owned()),
            operation: Some(operation.to_owned()),
            ..RouteQuestion::default()
        };
        house.gateway.explain(&question).unwrap().candidates[0].api.clone()
    };
    let endpoint = |place: &str| match place {
        CHATS => Some("chat_completions".to_owned()),
        RESPONSES => Some("responses".to_owned()),
        _ => None,
    };
    for (model, by_chats, by_responses, by_messages, by_completions) in [
        ("either", CHATS, RESPONSES, CHATS, "/v1/completions"),
        ("chats", CHATS, CHATS, CHATS, CHATS),
        ("responses", RESPONSES, RESPONSES, RESPONSES, RESPONSES),
        ("local", CHATS, CHATS, CHATS, "/v1/completions"),
        ("local-responses", RESPONSES, RESPONSES, RESPONSES, RESPONSES),
        ("pro", RESPONSES, RESPONSES, RESPONSES, RESPONSES),
        ("pro-chats", CHATS, CHATS, CHATS, CHATS),
    ] {
        for (caller, place) in [("openai", by_chats), ("responses", by_responses), ("anthropic", by_messages)]
        {
            let caller = wire(caller);
            let (path, body) = (caller.ask)(model, "hi", false);
            let answer = house.client().await.call(post(&house, caller, &path, &body.to_string())).await;
            assert_eq!(
                (answer.status, (caller.said)(&answer.json())),
                (200, "hello".to_owned()),
                "{model}: {}",
                answer.text()
            );
            let call = seen.lock().await.pop().unwrap();
            assert_eq!(call.target(), place, "{} to {model}", caller.name);
            let (dialect, operation) = match caller.name {
                "responses" => ("openai", "responses"),
                name => (name, "chat"),
            };
            assert_eq!(explained(model, dialect, operation), endpoint(place), "{} to {model}", caller.name);
            let sent: Value = serde_json::from_slice(&call.body).unwrap();
            // Who asks for Responses in so many words has its provider's own rule.
            let unasked = place == RESPONSES && caller.name != "responses";
            assert_eq!(sent.get("store"), unasked.then_some(&json!(false)), "{} to {model}", caller.name);
        }
        let (path, mut body) = completions.clone();
        body["model"] = json!(model);
        house.client().await.call(post(&house, wire("openai"), path, &body.to_string())).await;
        assert_eq!(seen.lock().await.pop().unwrap().target(), by_completions, "completions to {model}");
        assert_eq!(
            explained(model, "openai", "completions"),
            endpoint(by_completions),
            "completions to {model}"
        );
    }
    house.close().await;
    // Whoever has one endpoint, or none, cannot be asked at another.
    let house = House::open("").await;
    for (preset, api, told) in [
        ("anthropic", "responses", true),
        ("ollama", "chat_completions", true),
        ("echo", "responses", true),
        ("voyage", "responses", true),
        ("ollama-compat", "responses", false),
    ] {
        let text = format!(
            "[[tenants]]\nname = \"acme\"\n[[providers]]\nname = \"p\"\npreset = \"{preset}\"\n{}",
            model("m", "p", "x", &format!(", api = \"{api}\""))
        );
        let config = portcullis_config::parse(&text, "test.toml").unwrap();
        let problems = house.publish(&config).await.err().unwrap_or_default().join("; ");
        assert_eq!(
            problems.contains("models.m.deployments") && problems.contains(api),
            told,
            "{preset}: {problems}"
        );
    }
    house.close().await;
}

/// A deployment that says no is passed over for one that speaks another dialect.
#[tokio::test]
async fn fallback_crosses_dialects() {
    let (openai, anthropic) = (wire("openai"), wire("anthropic"));
    let (bad, bad_calls) = always(json_answer("529 Overloaded", "", &(anthropic.error)(529, "busy"))).await;
    let (good, _) = always(json_answer("200 OK", "", &(openai.whole)("hello"))).await;
    let house = House::open(&format!(
        "[[providers]]\nname = \"a\"\npreset = \"anthropic\"\nbase_url = \"http://{}/v1\"\n[[providers]]\nname = \"o\"\nbase_url = \"http://{}/v1\"\n\
         [[models]]\nname = \"to-openai\"\ndeployments = [{{ provider = \"a\", model = \"claude-haiku-4-5\" }}, {{ provider = \"o\", model = \"b\" }}]\n",
        bad.address, good.address
    ))
    .await;
    for caller in [openai, anthropic] {
        let answer = ask(&house, caller, openai, "hi", false).await;
        assert_eq!(
            (answer.status, (caller.said)(&answer.json())),
            (200, "hello".to_owned()),
            "{}",
            answer.text()
        );
        let record = house.record().await;
        assert_eq!((record.provider.as_deref(), record.attempts), (Some("o"), 2));
        assert_eq!(record.cost, None, "nobody knows what `b` costs");
    }
    assert_eq!(*bad_calls.lock().await, 2);
    house.close().await;
}

#[tokio::test]
async fn what_a_call_costs_is_recorded() {
    let anthropic = wire("anthropic");
    let (upstream, _) = always(json_answer("200 OK", "", &(anthropic.whole)("hello"))).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let config = format!("[ai]\ncatalog = {path:?}\n{}", provider(anthropic, &upstream, ""));
    let house = House::open(&config).await;
    assert_eq!(ask(&house, anthropic, anthropic, "hi", false).await.status, 200);
    assert_eq!(house.record().await.cost, None);
    house.close().await;
    // By the provider's own name: what a contract says.
    let text = "source = \"contract\"\nchecked = 2026-11-01\n[[models]]\nvendor = \"anthropic\"\nid = \"x/large:1\"\nkind = \"chat\"\nprice = { input = \"3\", output = \"15\" }\n";
    std::fs::write(file.path(), text).unwrap();
    let house = House::open(&config).await;
    assert_eq!(ask(&house, anthropic, anthropic, "hi", false).await.status, 200);
    let cost = house.record().await.cost.unwrap();
    // 11 × 3,000 and 7 × 15,000 nano-dollars.
    assert_eq!((cost.nanos, &*cost.currency), (11 * 3_000 + 7 * 15_000, "USD"));
    house.close().await;
}

/// Answers of providers that misbehave on connections that are used one after the other: nobody hears a word that was said
/// to another, and what was not said to anybody reaches nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_hears_what_was_said_to_another() {
    let (mut upstreams, mut config) = (Vec::new(), String::new());
    for wire in WIRES {
        let upstream = Upstream::open(move |mut line: Line, number| async move {
            let mut calls = number;
            while let Some(seen) = line.call().await {
                calls += 1;
                if !misbehave(wire, &mut line, &seen, calls).await {
                    return;
                }
            }
        })
        .await;
        config += &provider(wire, &upstream, "");
        upstreams.push(upstream);
    }
    let house = House::open(&config).await;
    let callers = (0..6).map(|me| {
        let house = house.clone();
        async move {
            for (n, (caller, to)) in pairs().enumerate() {
                let mine = format!("{me}x{n}");
                let mut client = house.client().await;
                let streamed = (me + n) % 2 == 0;
                client.send(question(&house, caller, to, &format!("marker-{mine}-"), streamed)).await;
                if (me + n) % 5 == 4 {
                    // Gone in the middle, or before the beginning.
                    tokio::time::sleep(Duration::from_millis(me as u64)).await;
                    continue;
                }
                let answer = client.answer().await;
                let text = String::from_utf8_lossy(&answer.body);
                for marker in text.split("marker-").skip(1) {
                    let id = marker.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
                    assert!(mine.starts_with(id), "{} → {}: {mine} got {text}", caller.name, to.name);
                }
            }
        }
    });
    futures_util::future::join_all(callers).await;
    house.close().await;
}

/// Answers with the question's own marker, in a way that depends on how many calls there were.
async fn misbehave(wire: &Wire, line: &mut Line, seen: &Seen, calls: usize) -> bool {
    let body = String::from_utf8_lossy(&seen.body).into_owned();
    let marker = body.split("marker-").nth(1).unwrap().split('-').next().unwrap();
    let word = format!("marker-{marker}-");
    let streamed = body.contains("\"stream\":true") || seen.target().contains("tream");
    let poison = json_answer("200 OK", "", &(wire.whole)("marker-poison-"));
    let answer = if streamed {
        stream(wire, &(wire.events)(&[&word, &word, &word], true), 64)
    } else {
        json_answer("200 OK", "", &(wire.whole)(&word))
    };
    match calls % 5 {
        // A second answer right behind the first, which nobody asked for.
        0 => line.send_bytes(&[answer, poison].concat()).await,
        // Cut in the middle.
        1 => {
            line.send_bytes(&answer[..answer.len() / 2]).await;
            return false;
        }
        // Slowly, so that callers leave in the middle.
        2 => {
            for piece in answer.chunks(97) {
                line.send_bytes(piece).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        // Longer than it says.
        3 if !streamed => {
            line.send_bytes(&[answer, (wire.whole)("marker-poison-").to_string().into_bytes()].concat()).await
        }
        _ => line.send_bytes(&answer).await,
    }
    true
}
