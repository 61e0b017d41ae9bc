//! AI routes: the built-in provider, and providers that behave, or do not.

use crate::client::Answer;
use crate::house::{House, PATIENCE, nobody_listens, within_a_second};
use crate::upstream::{Seen, Upstream, Wire};
use portcullis_model::record::Outcome;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

const ECHO: &str = "[[providers]]\nname = \"echo\"\npreset = \"echo\"\n[[models]]\nname = \"demo\"\ndeployments = [{ provider = \"echo\", model = \"echo-1\" }]\n";

fn provider(name: &str, upstream: &Upstream) -> String {
    format!(
        "[[providers]]\nname = \"{name}\"\nbase_url = \"http://{}/api/v1\"\napi_key = \"env:PROVIDER_KEY\"\n",
        upstream.address
    )
}

const FAST: &str = "[[models]]\nname = \"fast\"\ndeployments = [{ provider = \"one\", model = \"gpt-x\" }]\n";

fn post(house: &House, path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-type: application/json\r\ncookie: a=1\r\n\
         accept-encoding: gzip\r\nx-user-id: 1\r\nopenai-beta: x\r\ncontent-length: {}\r\n\r\n{body}",
        house.ada(),
        body.len()
    )
}

async fn chat(house: &House, body: &str) -> Answer {
    house.client().await.call(post(house, "/v1/chat/completions", body)).await
}

const STREAM: &str = r#"{"model":"fast","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const PLAIN: &str = r#"{"model":"fast","messages":[{"role":"user","content":"hi"}]}"#;

fn json(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nserver: vendor\r\nset-cookie: v=1\r\nopenai-organization: ours\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// An upstream that answers each call with `answer`, and keeps what it saw.
async fn vendor(answer: String) -> (Upstream, Arc<Mutex<Vec<Seen>>>) {
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let keep = seen.clone();
    let upstream = Upstream::open(move |mut wire: Wire, _| {
        let (keep, answer) = (keep.clone(), answer.clone());
        async move {
            while let Some(call) = wire.call().await {
                keep.lock().await.push(call);
                wire.send(&answer).await;
            }
        }
    })
    .await;
    (upstream, seen)
}

#[tokio::test]
async fn the_built_in_provider_answers() {
    let house = House::open(ECHO).await;
    for base in ["/v1", "/openai/v1"] {
        let body = r#"{"model":"demo","messages":[{"role":"user","content":"hello there"}]}"#;
        let answer = house.client().await.call(post(&house, &format!("{base}/chat/completions"), body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.json()["usage"]["prompt_tokens"].as_u64().unwrap() > 0);
        let record = house.record_now().await.unwrap();
        assert_eq!(
            (
                record.operation.as_deref(),
                record.model.as_deref(),
                record.provider.as_deref(),
                record.deployment.as_deref()
            ),
            (Some("chat"), Some("demo"), Some("echo"), Some("echo-1"))
        );
        assert!(record.usage.unwrap().input_tokens > 0);
        assert_eq!(record.bytes_in, body.len() as u64);
    }
    let body = r#"{"model":"demo","stream":true,"messages":[{"role":"user","content":"hello there"}]}"#;
    let answer = chat(&house, body).await;
    assert!(answer.text().trim_end().ends_with("data: [DONE]"), "{}", answer.text());
    assert!(
        !answer.text().contains("\"usage\":{"),
        "usage that nobody asked for is hidden: {}",
        answer.text()
    );
    let record = house.record_now().await.expect("the record is there when [DONE] is");
    assert!(record.usage.unwrap().output_tokens > 0);
    let asked =
        body.replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    assert!(chat(&house, &asked).await.text().contains("\"usage\":{"));
    let embeddings =
        house.client().await.call(post(&house, "/v1/embeddings", r#"{"model":"demo","input":"x"}"#)).await;
    assert!(embeddings.json()["data"][0]["embedding"].is_array());
    house.close().await;
}

#[tokio::test]
async fn models_are_those_that_the_caller_may_use() {
    let house = House::open(ECHO).await;
    let models = house.get("/v1/models").await.json();
    assert_eq!(models["data"][0]["id"], "demo");
    assert_eq!(house.get("/v1/models/demo").await.json()["id"], "demo");
    let missing = house.get("/v1/models/other").await;
    assert_eq!((missing.status, missing.json()["error"]["code"].as_str()), (404, Some("model_not_found")));
    // Not granted looks like not there.
    let mallory = house.user("umbra", "mallory").await;
    let subject = portcullis_identity::local::LocalSubject::User(mallory.id);
    let token = house.token("umbra", subject, Duration::from_secs(60));
    let head = format!("GET /v1/models/demo HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\n\r\n");
    let denied = house.client().await.call(head).await;
    assert_eq!((denied.status, denied.json()["error"]["code"].as_str()), (404, Some("model_not_found")));
    let unknown = house.client().await.call(post(&house, "/v1/fine_tuning/jobs", "{}")).await;
    assert_eq!(
        (unknown.status, unknown.json()["error"]["code"].as_str()),
        (404, Some("ai_operation_unknown"))
    );
    let wrong = house.get("/v1/chat/completions").await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
    house.close().await;
}

/// Clients write a model's name as one segment: a slash in it comes encoded, and leads nowhere. Anywhere else it is refused
/// as ever, a service of a host's own included that stands where the operation would.
#[tokio::test]
async fn an_encoded_slash_is_a_part_of_a_models_name() {
    let mirror = Upstream::mirror().await;
    let large = ECHO.replace("name = \"demo\"", "name = \"org/large:1\"");
    let own = format!(
        "[[services]]\nname = \"own\"\ntenant = \"acme\"\nhost = \"own.example\"\npath = \"/\"\nupstream = \"http://{}\"\nauth = \"none\"\n",
        mirror.address
    );
    let house = House::open(&format!("{large}{own}")).await;
    for path in
        ["/v1/models/org%2Flarge%3A1", "/v1/models/org%2flarge:1", "/anthropic/v1/models/org%2Flarge%3A1"]
    {
        let answer = house.get(path).await;
        assert_eq!((answer.status, answer.json()["id"].as_str()), (200, Some("org/large:1")), "{path}");
        assert_eq!(house.record().await.path.to_lowercase(), path.to_lowercase());
    }
    assert_eq!(
        house.get("/gemini/v1beta/models/org%2Flarge%3A1").await.json()["name"].as_str(),
        Some("models/org/large:1")
    );
    house.record().await;
    let chats = [
        (
            "/bedrock/model/org%2Flarge%3A1/converse",
            r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#,
        ),
        (
            "/gemini/v1beta/models/org%2Flarge%3A1:generateContent",
            r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#,
        ),
    ];
    for (path, body) in chats {
        let answer = house.client().await.call(post(&house, path, body)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(house.record().await.model.as_deref(), Some("org/large:1"), "{path}");
    }
    let missing = house.get("/v1/models/org%2Fsmall").await;
    assert_eq!((missing.status, missing.json()["error"]["code"].as_str()), (404, Some("model_not_found")));
    house.record().await;
    for path in [
        "/v1/models/..%2F..%2Forders",
        "/v1/models/org%2F%2Flarge:1",
        "/v1/models%2Forg",
        "/v1%2Fmodels/org",
        "/v1/responses/a%2Fb",
        "/bedrock/model/org%2Fconverse",
    ] {
        let answer = house.get(path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert_eq!(house.record().await.code.as_deref(), Some("path_refused"), "{path}");
    }
    let call = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: own.example\r\n\r\n");
    assert_eq!(house.client().await.call(call("/v1/models/large")).await.status, 200);
    let connections = mirror.connections();
    let hidden = house.client().await.call(call("/v1/models/org%2Flarge:1")).await;
    assert_eq!((hidden.status, mirror.connections()), (400, connections), "{}", hidden.text());
    house.close().await;
}

/// Long bodies are worked on beside the calls, both ways.
#[tokio::test]
async fn a_long_body_says_what_a_short_one_does() {
    let text = "A long question. ".repeat(40_000);
    let said = "A long answer. ".repeat(40_000);
    let body =
        serde_json::json!({ "messages": [{ "role": "user", "content": text }], "model": "fast" }).to_string();
    let (upstream, seen) = vendor(json(
        "200 OK",
        &serde_json::json!({ "id": "m", "type": "message", "role": "assistant", "model": "x", "stop_reason": "end_turn",
            "content": [{ "type": "text", "text": said }], "usage": { "input_tokens": 3, "output_tokens": 4 } })
        .to_string(),
    ))
    .await;
    let house = House::open(&format!("{}{FAST}", provider("one", &upstream))).await;
    assert_eq!(chat(&house, &body).await.status, 200);
    let sent = String::from_utf8(seen.lock().await.pop().unwrap().body).unwrap();
    assert!(sent == body.replace("\"fast\"", "\"gpt-x\""), "byte for byte but for the model");
    // What is wrong behind all of it is found, too.
    let twice = format!("{},\"model\":\"other\"}}", body.trim_end_matches('}'));
    assert_eq!(chat(&house, &twice).await.json()["error"]["code"], "ai_request_ambiguous");
    house.close().await;
    let anthropic =
        provider("one", &upstream).replace("/api/v1", "").replace("name =", "preset = \"anthropic\"\nname =");
    let house = House::open(&format!("{anthropic}{FAST}")).await;
    let answer = chat(&house, &body).await;
    assert_eq!(answer.status, 200, "{}", &answer.text()[..300.min(answer.text().len())]);
    assert!(answer.json()["choices"][0]["message"]["content"] == *said);
    let sent: serde_json::Value = serde_json::from_slice(&seen.lock().await.pop().unwrap().body).unwrap();
    let told = &sent["messages"][0]["content"];
    assert!(*told == *text || told[0]["text"] == *text);
    house.close().await;
}

#[tokio::test]
async fn a_provider_gets_our_key_and_nothing_of_the_caller() {
    let (upstream, seen) = vendor(json(
        "200 OK",
        r#"{"id":"1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#,
    ))
    .await;
    let house = House::open(&format!("{}{FAST}", provider("one", &upstream))).await;
    let answer = chat(&house, PLAIN).await;
    assert_eq!(answer.status, 200);
    for hidden in ["set-cookie", "server", "openai-organization"] {
        assert_eq!(answer.header(hidden), None, "{hidden}");
    }
    let call = seen.lock().await[0].clone();
    assert_eq!(call.line, "POST /api/v1/chat/completions HTTP/1.1");
    assert_eq!(call.header("authorization"), Some("Bearer sk-ours"));
    assert_eq!(call.header("accept-encoding"), Some("identity"));
    assert_eq!(call.header("openai-beta"), Some("x"));
    for hidden in ["cookie", "x-user-id", "x-forwarded-for", "x-tenant", "traceparent", "via"] {
        assert_eq!(call.header(hidden), None, "{hidden}");
    }
    // Byte for byte, but for the model.
    assert_eq!(String::from_utf8(call.body).unwrap(), PLAIN.replace("fast", "gpt-x"));
    let usage = house.record().await.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (3, 4));
    house.close().await;
}

#[tokio::test]
async fn a_providers_no_is_ours_to_explain() {
    for (status, body) in [
        (
            "401 Unauthorized",
            r#"{"error":{"message":"Incorrect API key: sk-ours","type":"invalid_request_error"}}"#,
        ),
        ("403 Forbidden", "{}"),
    ] {
        let (upstream, _) = vendor(json(status, body)).await;
        let house = House::open(&format!("{}{FAST}", provider("one", &upstream))).await;
        let answer = chat(&house, PLAIN).await;
        let code = answer.json()["error"]["code"].as_str().unwrap().to_owned();
        assert_eq!((answer.status, code.as_str()), (502, "provider_credential_refused"));
        assert_eq!(answer.header("www-authenticate"), None);
        assert!(!answer.text().contains("sk-ours"));
        assert_eq!(house.record().await.upstream_status.unwrap().to_string(), status[..3]);
        house.close().await;
    }
    let limited = "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: 7\r\nx-ratelimit-limit-requests: 5\r\ncontent-length: 49\r\n\r\n{\"error\":{\"message\":\"slow down\",\"type\":\"requests\"}}";
    let limited = limited.replace(
        "content-length: 49",
        &format!("content-length: {}", limited.split("\r\n\r\n").nth(1).unwrap().len()),
    );
    let (upstream, _) = vendor(limited).await;
    let house = House::open(&format!("{}{FAST}", provider("one", &upstream))).await;
    let answer = chat(&house, PLAIN).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
    assert_eq!(answer.header("x-ratelimit-limit-requests"), None);
    assert_eq!(answer.json()["error"]["message"], "slow down");
    assert_eq!(house.record().await.outcome, Outcome::Completed);
    house.close().await;
}

#[tokio::test]
async fn deployments_are_tried_in_their_order() {
    let (bad, bad_seen) =
        vendor(json("500 Internal Server Error", r#"{"error":{"message":"x","type":"server_error"}}"#)).await;
    let (good, good_seen) = vendor(json("200 OK", r#"{"id":"1","choices":[]}"#)).await;
    let (_held, gone) = nobody_listens();
    let config = format!(
        "{}{}[[providers]]\nname = \"gone\"\nbase_url = \"http://{gone}/v1\"\n\
         [[models]]\nname = \"fast\"\ndeployments = [{{ provider = \"gone\", model = \"a\" }}, {{ provider = \"one\", model = \"b\" }}, {{ provider = \"two\", model = \"c\" }}]\n\
         [[models]]\nname = \"lost\"\ndeployments = [{{ provider = \"gone\", model = \"a\" }}]\n",
        provider("one", &bad),
        provider("two", &good)
    );
    let house = House::open(&config).await;
    assert_eq!(chat(&house, PLAIN).await.status, 200);
    assert_eq!((bad_seen.lock().await.len(), good_seen.lock().await.len()), (1, 1));
    let record = house.record().await;
    assert_eq!((record.provider.as_deref(), record.deployment.as_deref()), (Some("two"), Some("c")));
    assert!(record.attempts >= 3, "{}", record.attempts);
    let lost = chat(&house, &PLAIN.replace("fast", "lost")).await;
    assert_eq!((lost.status, lost.json()["error"]["code"].as_str()), (503, Some("provider_unavailable")));
    assert!(lost.header("retry-after").is_some());
    house.close().await;
}

fn event(text: &str) -> String {
    let event = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_stream_that_breaks_says_so_in_its_own_words() {
    for clean in [false, true] {
        let upstream = Upstream::open(move |mut wire, _| async move {
            while wire.call().await.is_some() {
                wire.send(&format!("{EVENTS}{}", event("par"))).await;
                if clean {
                    // The framing is whole, the answer is not.
                    wire.send("0\r\n\r\n").await;
                } else {
                    return;
                }
            }
        })
        .await;
        let house = House::open(&format!("{}{FAST}", provider("one", &upstream))).await;
        let answer = chat(&house, STREAM).await;
        assert!(answer.whole && answer.text().contains("par"), "{}", answer.text());
        let last = answer.text().trim_end().rsplit("\n\n").next().unwrap();
        assert!(last.contains("upstream_cut"), "{last}");
        assert!(!answer.text().contains("[DONE]"));
        let record = house.record().await;
        assert_eq!((record.outcome, record.code.as_deref()), (Outcome::UpstreamCut, Some("upstream_cut")));
        assert!(record.usage.unwrap().output_tokens > 0, "estimated from what came");
        house.close().await;
    }
}

#[tokio::test]
async fn suspension_cuts_a_stream_within_a_second_and_says_so() {
    within_a_second(suspended).await;
}

async fn suspended() -> Duration {
    let upstream = Upstream::open(|mut wire, _| async move {
        while wire.call().await.is_some() {
            wire.send(&format!("{EVENTS}{}", event("first"))).await;
            wire.closed().await;
        }
    })
    .await;
    let house = House::open(&format!("{}{FAST}", provider("one", &upstream))).await;
    let mut client = house.client().await;
    client.send(post(&house, "/v1/chat/completions", STREAM)).await;
    client.until("first").await;
    let at = std::time::Instant::now();
    house.directory.suspend(&house.actor, house.ada.id, None).await.unwrap();
    let rest = tokio::time::timeout(PATIENCE, client.until("0\r\n\r\n")).await.unwrap();
    let took = at.elapsed();
    assert!(
        rest.contains("subject_unresolved") && !rest.contains("suspended") && !rest.contains("[DONE]"),
        "{rest}"
    );
    let record = house.record().await;
    assert_eq!((record.outcome, record.code.as_deref()), (Outcome::Cut, Some("user_suspended")));
    house.no_more_records().await;
    house.close().await;
    took
}

/// A stream goes on after its token's `exp`: the call was made in time.
#[tokio::test]
async fn expiry_does_not_cut_a_stream() {
    // Long enough to be let in with it.
    const LIFE: Duration = Duration::from_secs(4);
    let upstream = Upstream::open(|mut wire, _| async move {
        while wire.call().await.is_some() {
            wire.send(&format!("{EVENTS}{}", event("first"))).await;
            tokio::time::sleep(LIFE + Duration::from_millis(500)).await;
            wire.send(&format!("{}e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n", event("second"))).await;
        }
    })
    .await;
    let house = House::open(&format!("{}{FAST}", provider("one", &upstream))).await;
    let subject = portcullis_identity::local::LocalSubject::User(house.ada.id);
    let token = house.token("acme", subject, LIFE);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{STREAM}",
        STREAM.len()
    );
    let answer = house.client().await.call(head).await;
    assert!(answer.text().contains("second") && answer.text().contains("[DONE]"), "{}", answer.text());
    assert_eq!(house.record().await.outcome, Outcome::Completed);
    house.close().await;
}

#[tokio::test]
async fn bodies_that_two_could_read_differently_are_refused() {
    let house = House::open(ECHO).await;
    for (body, code) in [
        (r#"{"model":"demo","model":"other","messages":[]}"#, "ai_request_ambiguous"),
        (r#"{"mod\u0065l":"other","model":"demo","messages":[]}"#, "ai_request_ambiguous"),
        (r#"{"messages":[]}"#, "ai_request_invalid"),
        ("[]", "ai_request_invalid"),
        ("", "ai_request_invalid"),
    ] {
        let answer = chat(&house, body).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (400, Some(code)), "{body}");
    }
    house.close().await;
}

/// A caller that leaves a stream is recorded with what it got, and cancels the provider.
#[tokio::test]
async fn a_left_stream_is_metered() {
    let upstream = Upstream::open(|mut wire, _| async move {
        while wire.call().await.is_some() {
            wire.send(&format!("{EVENTS}{}", event("some words that came"))).await;
            wire.closed().await;
        }
    })
    .await;
    let house = House::open(&format!("{}{FAST}", provider("one", &upstream))).await;
    let mut client = house.client().await;
    client.send(post(&house, "/v1/chat/completions", STREAM)).await;
    client.until("some words").await;
    drop(client);
    let record = house.record().await;
    assert_eq!(record.outcome, Outcome::ClientClosed);
    assert!(record.usage.unwrap().output_tokens > 0 && record.bytes_out > 0);
    house.no_more_records().await;
    house.close().await;
}

#[tokio::test]
async fn keys_of_aws_sign_each_call_and_are_not_sent() {
    let (upstream, seen) = vendor(json("200 OK", r#"{"id":"1","choices":[]}"#)).await;
    let provider = format!(
        "[[providers]]\nname = \"one\"\npreset = \"bedrock-compat\"\nbase_url = \"http://{}/openai/v1\"\n\
         aws = {{ region = \"eu-west-1\", access_key_id = \"env:PROVIDER_KEY\", secret_access_key = \"env:PROVIDER_KEY\", session_token = \"env:PROVIDER_KEY\" }}\n",
        upstream.address
    );
    let house = House::open(&format!("{provider}{FAST}")).await;
    assert_eq!(chat(&house, PLAIN).await.status, 200);
    let call = seen.lock().await[0].clone();
    let signature = call.header("authorization").unwrap();
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=sk-ours/"), "{signature}");
    assert!(signature.contains("/eu-west-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature="), "{signature}");
    assert_eq!(call.header("x-amz-date").map(str::len), Some(16));
    assert_eq!(call.header("x-amz-security-token"), Some("sk-ours"));
    assert_eq!(call.headers.iter().filter(|(name, _)| name == "authorization").count(), 1);
    house.close().await;
}
