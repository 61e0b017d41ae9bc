//! What a call may reach for at its provider: things that live there, each of which is somebody's, and tools that run there.

use crate::client::Answer;
use crate::house::{self, House};
use crate::upstream::{Seen, Upstream, Wire};
use portcullis_identity::local::LocalSubject;
use portcullis_model::User;
use portcullis_model::application::ApiKeyLimits;
use portcullis_model::record::Outcome;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A provider of OpenAI's, which keeps what it answers.
struct Vendor {
    upstream: Upstream,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Vendor {
    async fn open() -> Self {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let number = Arc::new(AtomicUsize::new(0));
        let upstream = Upstream::open({
            let seen = seen.clone();
            move |mut wire: Wire, _| {
                let (seen, number) = (seen.clone(), number.clone());
                async move {
                    while let Some(call) = wire.call().await {
                        let answer = answer(&call, number.fetch_add(1, Ordering::SeqCst));
                        seen.lock().unwrap().push(call);
                        wire.send(&answer).await;
                    }
                }
            }
        })
        .await;
        Self { upstream, seen }
    }

    fn calls(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().unwrap().clone()
    }

    fn provider(&self, name: &str, more: &str) -> String {
        format!(
            "[[providers]]\nname = \"{name}\"\npreset = \"openai\"\nbase_url = \"http://{}/v1\"\n{more}\n",
            self.upstream.address
        )
    }
}

fn whole(kind: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn answer(call: &Seen, number: usize) -> String {
    let asked: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let id = format!("resp_{number}");
    let item = json!({ "type": "message", "id": format!("msg_{number}"), "role": "assistant", "status": "completed",
        "content": [{ "type": "output_text", "text": "hello", "annotations": [] }] });
    let response = json!({ "id": id, "object": "response", "status": "completed", "store": asked["store"] != false, "model": "gpt-5",
        "output": [item], "usage": { "input_tokens": 1, "output_tokens": 2, "total_tokens": 3 } });
    if !call.target().starts_with("/v1/responses") {
        let body = r#"{"id":"1","object":"chat.completion","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#;
        return whole("application/json", body);
    }
    if asked["stream"] != true {
        return whole("application/json", &response.to_string());
    }
    let event = |kind: &str, more: Value| {
        let mut event = more;
        event["type"] = kind.into();
        format!("event: {kind}\ndata: {event}\n\n")
    };
    let begun =
        json!({ "response": { "id": id, "object": "response", "status": "in_progress", "output": [] } });
    let events = [
        event("response.created", begun),
        event("response.output_item.added", json!({ "output_index": 0, "item": item })),
        event("response.output_text.delta", json!({ "item_id": "msg", "delta": "hello" })),
        event("response.completed", json!({ "response": response })),
    ];
    whole("text/event-stream", &events.concat())
}

const KEYS: &str = r#"keys = [{ api_key = "env:PROVIDER_KEY" }, { api_key = "env:PROVIDER_KEY_2" }]"#;
const NATIVE: &str = r#"deployments = [{ provider = "openai", model = "gpt-5" }]"#;

fn model(name: &str, more: &str) -> String {
    format!("[[models]]\nname = \"{name}\"\n{more}\n")
}

async fn house(vendor: &Vendor, more: &str) -> Arc<House> {
    let globex = "[[tenants]]\nname = \"globex\"\nmodels = [\"*\"]\n";
    House::open(&format!("{globex}{}{}{more}", vendor.provider("openai", KEYS), model("fast", NATIVE))).await
}

/// Somebody's credential.
fn bearer(house: &House, tenant: &str, user: &User) -> String {
    format!("Bearer {}", house.token(tenant, LocalSubject::User(user.id), Duration::from_secs(600)))
}

async fn call(house: &House, who: &str, line: &str, body: &str) -> Answer {
    let head = format!(
        "{line} HTTP/1.1\r\nhost: gw\r\nauthorization: {who}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    house.client().await.call(head).await
}

async fn respond(house: &House, who: &str, more: &str) -> Answer {
    let body = format!(r#"{{"model":"fast","input":"hi"{more}}}"#);
    call(house, who, "POST /v1/responses", &body).await
}

async fn made(house: &House, who: &str) -> String {
    let answer = respond(house, who, "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// A refusal without what differs between any two calls.
fn refusal(answer: &Answer) -> (u16, String, String) {
    let mut body = answer.json();
    let code = body["error"]["code"].as_str().unwrap_or_default().to_owned();
    body["error"].as_object_mut().unwrap().remove("request_id");
    (answer.status, code, body.to_string())
}

fn code(answer: &Answer) -> (u16, String) {
    let (status, code, _) = refusal(answer);
    (status, code)
}

fn not_found() -> (u16, String) {
    (404, "ai_object_not_found".to_owned())
}

#[tokio::test]
async fn a_stored_answer_belongs_to_whom_it_was_given() {
    let vendor = Vendor::open().await;
    let house = house(&vendor, "").await;
    let (bob, eve) = (house.user("acme", "bob").await, house.user("globex", "eve").await);
    let (ada, bob, eve) = (house.ada(), bearer(&house, "acme", &bob), bearer(&house, "globex", &eve));
    let (_, _, key) = house.key(ApiKeyLimits::default()).await;
    let machine = format!("Bearer {key}");
    let id = made(&house, &ada).await;
    let item = id.replace("resp", "msg");
    let follow = format!(r#","previous_response_id":"{id}""#);
    let refer = format!(r#","input":[{{"type":"item_reference","id":"{item}"}}]"#)
        .replace(",\"input\"", ",\"x\":1,\"input\"");
    assert_eq!(respond(&house, &ada, &follow).await.status, 200);
    assert_eq!(
        vendor.last().body,
        format!(r#"{{"model":"gpt-5","input":"hi"{follow}}}"#).into_bytes(),
        "as it came"
    );
    let refer = format!(r#"{{"model":"fast"{}}}"#, refer);
    assert_eq!(call(&house, &ada, "POST /v1/responses", &refer).await.status, 200);
    let before = vendor.calls();
    // Somebody else's, another tenant's, an application's and nobody's look alike.
    let unknown = respond(&house, &ada, r#","previous_response_id":"resp_unknown""#).await;
    for who in [&bob, &eve, &machine] {
        assert_eq!(refusal(&respond(&house, who, &follow).await), refusal(&unknown));
        assert_eq!(code(&call(&house, who, "POST /v1/responses", &refer).await), not_found());
        for line in ["GET /v1/responses/", "DELETE /v1/responses/"] {
            let answer = call(&house, who, &format!("{line}{id}"), "").await;
            let nothing = call(&house, who, &format!("{line}resp_unknown"), "").await;
            assert_eq!(refusal(&answer), refusal(&nothing), "{line}");
            assert_eq!(code(&answer), not_found());
        }
        for line in [format!("POST /v1/responses/{id}/cancel"), format!("GET /v1/responses/{id}/input_items")]
        {
            assert_eq!(code(&call(&house, who, &line, "").await), not_found(), "{line}");
        }
    }
    assert_eq!(code(&unknown), not_found());
    // Nested, in a list, and by an escaped name; ids of the wrong kind.
    for more in [
        format!(r#","x":[[{{"conversation":"{id}"}}]]"#),
        format!(r#","x":{{"previous\u005fresponse_id":"{id}"}}"#),
        format!(r#","x":{{"previousResponseId":"{id}"}}"#),
    ] {
        assert_eq!(code(&respond(&house, &bob, &more).await), not_found(), "{more}");
    }
    let escaped = format!(r#","previous\u005fresponse_id":"{id}""#);
    assert_eq!(code(&respond(&house, &bob, &escaped).await), (400, "ai_request_ambiguous".to_owned()));
    let twice = format!(r#","previous_response_id":null{follow}"#);
    assert_eq!(code(&respond(&house, &bob, &twice).await), (400, "ai_request_ambiguous".to_owned()));
    assert_eq!(vendor.calls(), before, "none of it reached the provider");
}

#[tokio::test]
async fn what_is_ones_own_is_read_cancelled_and_deleted() {
    let vendor = Vendor::open().await;
    let house = house(&vendor, "").await;
    let ada = house.ada();
    let id = made(&house, &ada).await;
    drop(house.record().await);
    let target = format!("/v1/responses/{id}");
    let asked = format!("GET {target}?include%5B%5D=a&stream=false&api-version=1");
    let answer = call(&house, &ada, &asked, "").await;
    assert_eq!((answer.status, answer.json()["object"].as_str()), (200, Some("response")));
    let seen = vendor.last();
    assert_eq!(seen.line, format!("GET {target}?include%5B%5D=a&stream=false HTTP/1.1"));
    assert_eq!((seen.header("content-length"), seen.header("content-type")), (None, None));
    let record = house.record().await;
    assert_eq!(
        (record.operation.as_deref(), record.usage),
        (Some("stored_response"), None),
        "tokens are counted once"
    );
    assert_eq!((record.model.as_deref(), record.deployment.as_deref()), (Some("fast"), Some("gpt-5")));
    for (line, to) in [
        (format!("POST {target}/cancel"), format!("POST {target}/cancel HTTP/1.1")),
        (
            format!("GET {target}/input_items?limit=5&key=x"),
            format!("GET {target}/input_items?limit=5 HTTP/1.1"),
        ),
        (format!("DELETE /openai{target}"), format!("DELETE {target} HTTP/1.1")),
    ] {
        assert_eq!(call(&house, &ada, &line, "").await.status, 200, "{line}");
        assert_eq!(vendor.last().line, to);
    }
    let calls = vendor.calls();
    assert_eq!(code(&call(&house, &ada, &format!("GET {target}"), "").await), not_found());
    assert_eq!(vendor.calls(), calls);
    // What is not to be kept is nobody's.
    let answer = respond(&house, &ada, r#","store":false"#).await;
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(code(&call(&house, &ada, &format!("GET /v1/responses/{id}"), "").await), not_found());
}

#[tokio::test]
async fn a_call_goes_to_the_account_of_what_it_names() {
    let (vendor, other) = (Vendor::open().await, Vendor::open().await);
    let more = [
        other.provider("other", ""),
        model("elsewhere", r#"deployments = [{ provider = "other", model = "gpt-5" }]"#),
        model(
            "both",
            r#"deployments = [{ provider = "other", model = "gpt-5" }, { provider = "openai", model = "gpt-5" }]"#,
        ),
    ];
    let house = house(&vendor, &more.concat()).await;
    let ada = house.ada();
    let mut keys = std::collections::HashSet::new();
    for _ in 0..12 {
        let id = made(&house, &ada).await;
        let key = vendor.last().header("authorization").unwrap().to_owned();
        let follow = format!(r#","previous_response_id":"{id}""#);
        assert_eq!(respond(&house, &ada, &follow).await.status, 200);
        assert_eq!(vendor.last().header("authorization"), Some(&*key));
        assert_eq!(call(&house, &ada, &format!("GET /v1/responses/{id}"), "").await.status, 200);
        assert_eq!(vendor.last().header("authorization"), Some(&*key));
        // Of a model that is served in several places, only one will do.
        let body = format!(r#"{{"model":"both","input":"hi"{follow}}}"#);
        assert_eq!(call(&house, &ada, "POST /v1/responses", &body).await.status, 200);
        assert_eq!((vendor.last().header("authorization"), other.calls()), (Some(&*key), 0));
        keys.insert(key);
    }
    assert_eq!(keys.len(), 2, "both keys were used");
    // The account of another provider does not know it.
    let id = made(&house, &ada).await;
    let body = format!(r#"{{"model":"elsewhere","input":"hi","previous_response_id":"{id}"}}"#);
    let answer = call(&house, &ada, "POST /v1/responses", &body).await;
    assert_eq!(code(&answer), (400, "ai_request_invalid".to_owned()));
    assert!(answer.text().contains("made with the model `fast`"), "{}", answer.text());
    let theirs = call(&house, &ada, "POST /v1/responses", r#"{"model":"elsewhere","input":"hi"}"#).await;
    let theirs = theirs.json()["id"].as_str().unwrap().replace("resp", "msg");
    let mixed = format!(
        r#"{{"model":"both","previous_response_id":"{id}","input":[{{"type":"item_reference","id":"{theirs}"}}]}}"#
    );
    let answer = call(&house, &ada, "POST /v1/responses", &mixed).await;
    assert!(answer.status == 400 && answer.text().contains("two providers"), "{}", answer.text());
}

#[tokio::test]
async fn a_stream_names_nothing_that_is_not_written_down() {
    let vendor = Vendor::open().await;
    let house = house(&vendor, "").await;
    let ada = house.ada();
    let answer = respond(&house, &ada, r#","stream":true"#).await;
    assert!(answer.whole && answer.text().contains("response.completed"), "{}", answer.text());
    assert_eq!(house.record().await.outcome, Outcome::Completed);
    let id = answer.text().split("\"id\":\"resp_").nth(1).unwrap().split('"').next().unwrap();
    let follow = format!(r#","previous_response_id":"resp_{id}""#);
    assert_eq!(respond(&house, &ada, &follow).await.status, 200);
    drop(house.record().await);
    house.lose_the_database().await;
    let calls = vendor.calls();
    let answer = respond(&house, &ada, r#","stream":true"#).await;
    assert!(
        !answer.text().contains("resp_") && !answer.text().contains("response.completed"),
        "{}",
        answer.text()
    );
    let record = house.record().await;
    assert_eq!(
        (record.code.as_deref(), record.outcome == Outcome::Completed),
        (Some("store_unavailable"), false)
    );
    assert_eq!(code(&respond(&house, &ada, "").await), (503, "store_unavailable".to_owned()));
    assert_eq!(vendor.calls(), calls + 2);
    // What cannot be looked up is not passed on.
    let unknown = respond(&house, &ada, r#","previous_response_id":"resp_7""#).await;
    assert_eq!(code(&unknown), (503, "store_unavailable".to_owned()));
    let read = call(&house, &ada, "GET /v1/responses/resp_7", "").await;
    assert_eq!(code(&read), (503, "store_unavailable".to_owned()));
    assert_eq!(vendor.calls(), calls + 2);
    // Calls that keep nothing and name nothing go on.
    assert_eq!(respond(&house, &ada, r#","store":false"#).await.status, 200);
}

#[tokio::test]
async fn whose_an_id_is_is_known_anew_when_that_changes() {
    let vendor = Vendor::open().await;
    let house = house(&vendor, "").await;
    let bob = house.user("acme", "bob").await;
    let (ada, her) = (house.ada(), house.ada.id);
    let (bobs, id) = (bearer(&house, "acme", &bob), made(&house, &ada).await);
    let read = async |who: &str, id: &str| call(&house, who, &format!("GET /v1/responses/{id}"), "").await;
    // Known by now, as hers and as not his.
    assert_eq!((read(&ada, &id).await.status, code(&read(&bobs, &id).await)), (200, not_found()));
    // Deleted by one of two who read it at once: neither has it afterwards.
    let line = format!("DELETE /v1/responses/{id}");
    let (gone, _) = futures_util::join!(call(&house, &ada, &line, ""), read(&ada, &id));
    assert_eq!(gone.status, 200);
    assert_eq!(code(&read(&ada, &id).await), not_found());
    // Merged into bob: what was hers is his at once, and by her own credential she is him.
    let id = made(&house, &ada).await;
    assert_eq!((read(&ada, &id).await.status, code(&read(&bobs, &id).await)), (200, not_found()));
    house.directory.merge(&house.actor, her, bob.id, None).await.unwrap();
    assert_eq!(read(&bobs, &id).await.status, 200);
    let again = house::eventually(async || read(&ada, &id).await.status == 200).await;
    assert!(again, "who is merged is the other from now on");
    // Suspended: nothing is, however well it is remembered.
    house.directory.suspend(&house.actor, bob.id, None).await.unwrap();
    let barred = house::eventually(async || read(&bobs, &id).await.status == 401).await;
    assert!(barred);
    let calls = vendor.calls();
    assert_eq!(read(&bobs, &id).await.status, 401);
    assert_eq!(vendor.calls(), calls);
}

#[tokio::test]
async fn what_nobody_keeps_is_refused_in_clear_words() {
    let vendor = Vendor::open().await;
    let more = format!(
        "[[providers]]\nname = \"plain\"\nbase_url = \"http://{}/v1\"\n{}",
        vendor.upstream.address,
        model("plain", r#"deployments = [{ provider = "plain", model = "llama" }]"#)
    );
    let house = house(&vendor, &more).await;
    for member in [r#""previous_response_id":"resp_1""#, r#""conversation":"conv_1""#, r#""background":true"#]
    {
        let body = format!(r#"{{"model":"plain","input":"hi",{member}}}"#);
        let answer = call(&house, &house.ada(), "POST /v1/responses", &body).await;
        let name = member.split('"').nth(1).unwrap();
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains(name), "{}", answer.text());
    }
    let body = r#"{"model":"plain","input":"hi","store":true}"#;
    let answer = call(&house, &house.ada(), "POST /v1/responses", body).await;
    assert_eq!(
        (answer.status, answer.header("x-portcullis-dropped")),
        (200, None),
        "OpenAI's chats know `store`"
    );
    assert_eq!(vendor.calls(), 1);
}

/// One call of each dialect, which names or switches on something.
fn asks(dialect: &str, more: &str) -> (String, String) {
    match dialect {
        "openai" => (
            "POST /v1/chat/completions".to_owned(),
            format!(r#"{{"model":"plain","messages":[{{"role":"user","content":"hi"}}],{more}}}"#),
        ),
        "responses" => {
            ("POST /v1/responses".to_owned(), format!(r#"{{"model":"plain","input":"hi",{more}}}"#))
        }
        "anthropic" => (
            "POST /anthropic/v1/messages".to_owned(),
            format!(
                r#"{{"model":"plain","max_tokens":9,"messages":[{{"role":"user","content":"hi"}}],{more}}}"#
            ),
        ),
        "gemini" => (
            "POST /gemini/v1beta/models/plain:generateContent".to_owned(),
            format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"hi"}}]}}],{more}}}"#),
        ),
        _ => (
            "POST /bedrock/model/plain/converse".to_owned(),
            format!(r#"{{"messages":[{{"role":"user","content":[{{"text":"hi"}}]}}],{more}}}"#),
        ),
    }
}

const TOOLS: &[(&str, &str, &str)] = &[
    ("openai", r#""web_search_options":{}"#, "web_search"),
    ("openai", r#""tools":[{"type":"web_search"}]"#, "web_search"),
    ("openai", r#""tools":[{"type":"WEB_SEARCH"}]"#, "web_search"),
    ("openai", r#""tools":[{"type":"telepathy"}]"#, "telepathy"),
    ("openai", r#""x":{"tools":[{"type":"web_search"}]}"#, "web_search"),
    ("responses", r#""tools":[{"type":"web_search_preview"}]"#, "web_search"),
    ("responses", r#""tools":[{"type":"code_interpreter","container":{"type":"auto"}}]"#, "code_interpreter"),
    (
        "responses",
        r#""tools":[{"type":"mcp","server_label":"l","server_url":"https://mcp.example/sse?key=secret"}]"#,
        "mcp@mcp.example",
    ),
    ("anthropic", r#""tools":[{"type":"web_search_20250305","name":"web_search"}]"#, "web_search"),
    (
        "anthropic",
        r#""mcp_servers":[{"type":"url","url":"https://mcp.example/","name":"n"}]"#,
        "mcp@mcp.example",
    ),
    ("gemini", r#""tools":[{"googleSearch":{}}]"#, "web_search"),
    ("gemini", r#""tools":[{"functionDeclarations":[]},{"code_execution":{}}]"#, "code_interpreter"),
    ("bedrock", r#""toolConfig":{"tools":[{"systemTool":{"name":"nova_grounding"}}]}"#, "web_search"),
    (
        "bedrock",
        r#""additionalModelRequestFields":{"tools":[{"type":"web_fetch_20250910","name":"web_fetch"}]}"#,
        "web_fetch",
    ),
];

#[tokio::test]
async fn tools_of_the_provider_are_refused_in_every_dialect() {
    let vendor = Vendor::open().await;
    let house = house(&vendor, &model("plain", NATIVE)).await;
    for (dialect, member, tool) in TOOLS {
        let (line, body) = asks(dialect, member);
        let answer = call(&house, &house.ada(), &line, &body).await;
        assert!(
            answer.status == 403 && answer.text().contains("ai_tool_refused"),
            "{body}: {}",
            answer.text()
        );
        assert!(!answer.text().contains("secret"), "{}", answer.text());
        let record = house.record().await;
        assert_eq!(
            (record.code.as_deref(), record.tools.as_deref()),
            (Some("ai_tool_refused"), Some(*tool)),
            "{body}"
        );
    }
    assert_eq!(vendor.calls(), 0);
    // A caller's own function passes.
    let (line, body) = asks("openai", r#""tools":[{"type":"function","function":{"name":"web_search"}}]"#);
    assert_eq!(call(&house, &house.ada(), &line, &body).await.status, 200);
    assert_eq!(house.record().await.tools, None);
}

#[tokio::test]
async fn a_model_says_which_tools_may_be_used_and_policies_by_whom() {
    let vendor = Vendor::open().await;
    let allowed = format!(
        "server_tools = [\"web_search\", \"mcp\", \"telepathy\"]\nmcp_servers = [\"*.mcp.example\", \"connector_gmail\"]\n{NATIVE}"
    );
    let policy = r#"
[[policies]]
name = "no-search-for-bob"
cedar = '''
forbid (principal, action == Action::"use_tool", resource == Model::"plain")
when { context.tool == "web_search" && principal has username && principal.username == "bob" };
forbid (principal, action == Action::"use_tool", resource)
when { context has server && context.server == "closed.mcp.example" };
'''
"#;
    let house = house(&vendor, &format!("{}{policy}", model("plain", &allowed))).await;
    let bob = house.user("acme", "bob").await;
    let (ada, bob) = (house.ada(), bearer(&house, "acme", &bob));
    let mcp = |place: &str| format!(r#""tools":[{{"type":"mcp","server_label":"l",{place}}}]"#);
    for (who, member, status, code) in [
        (&ada, r#""tools":[{"type":"web_search"}]"#.to_owned(), 200, None),
        (&bob, r#""tools":[{"type":"web_search"}]"#.to_owned(), 403, Some("policy_denied")),
        (&bob, r#""tools":[{"type":"telepathy"}]"#.to_owned(), 200, None),
        (
            &ada,
            r#""tools":[{"type":"web_search"},{"type":"code_interpreter"}]"#.to_owned(),
            403,
            Some("ai_tool_refused"),
        ),
        (&ada, mcp(r#""server_url":"https://a.mcp.example/sse""#), 200, None),
        (&ada, mcp(r#""connector_id":"connector_gmail""#), 200, None),
        (&ada, mcp(r#""connector_id":"connector_drive""#), 403, Some("ai_tool_refused")),
        (&ada, mcp(r#""server_url":"https://mcp.example/""#), 403, Some("ai_tool_refused")),
        (&ada, mcp(r#""server_url":"https://a.mcp.example@evil.example/""#), 403, Some("ai_tool_refused")),
        (
            &ada,
            mcp(r#""server_url":"https://a.mcp.example/","url":"https://evil.example/""#),
            403,
            Some("ai_tool_refused"),
        ),
        (&ada, mcp(r#""server_url":"https://closed.mcp.example/""#), 403, Some("policy_denied")),
        (&ada, mcp(r#""x":1"#), 403, Some("ai_tool_refused")),
    ] {
        let (line, body) = asks("responses", &member);
        let answer = call(&house, who, &line, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert_eq!(house.record().await.code.as_deref(), code, "{body}");
    }
}

#[tokio::test]
async fn a_model_that_stands_by_keeps_its_own_tools() {
    let vendor = Vendor::open().await;
    let broken =
        Upstream::fixed("HTTP/1.1 500 No\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
            .await;
    let more = [
        format!(
            "[[providers]]\nname = \"broken\"\npreset = \"openai\"\nbase_url = \"http://{}/v1\"\n",
            broken.address
        ),
        model(
            "plain",
            "server_tools = [\"web_search\"]\nfallback = { outage = [\"fast\"] }\ndeployments = [{ provider = \"broken\", model = \"a\" }]",
        ),
    ];
    let house = house(&vendor, &more.concat()).await;
    let (line, body) = asks("openai", r#""web_search_options":{}"#);
    assert!(call(&house, &house.ada(), &line, &body).await.status >= 500);
    assert_eq!(vendor.calls(), 0, "the one that stands by may not search");
    let (line, body) = asks("openai", r#""temperature":1"#);
    assert_eq!(call(&house, &house.ada(), &line, &body).await.status, 200);
}

#[tokio::test]
async fn a_model_that_stands_by_is_told_nobody_elses_ids() {
    let vendor = Vendor::open().await;
    let broken =
        Upstream::fixed("HTTP/1.1 500 No\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
            .await;
    // It does not speak Responses: what is kept there is not looked up for it, since it is never told.
    let more = [
        format!("[[providers]]\nname = \"broken\"\nbase_url = \"http://{}/v1\"\n", broken.address),
        model(
            "plain",
            "shared_ids = [\"resp_shared\"]\nfallback = { outage = [\"fast\"] }\nbreaker = { failures = 1, open = \"60s\" }\ndeployments = [{ provider = \"broken\", model = \"a\" }]",
        ),
    ];
    let house = house(&vendor, &more.concat()).await;
    let bob = house.user("acme", "bob").await;
    let (ada, bob) = (house.ada(), bearer(&house, "acme", &bob));
    let id = made(&house, &ada).await;
    let ask = async |who: &str, more: &str| {
        let body = format!(r#"{{"model":"plain","input":"hi"{more}}}"#);
        call(&house, who, "POST /v1/responses", &body).await
    };
    assert_eq!(
        ask(&bob, "").await.status,
        200,
        "the other one answers, and the first is left alone from now on"
    );
    let calls = vendor.calls();
    for id in [&*id, "resp_shared"] {
        let answer = ask(&bob, &format!(r#","previous_response_id":"{id}""#)).await;
        assert!(answer.status >= 500, "{}", answer.text());
    }
    assert_eq!(vendor.calls(), calls);
    let own = ask(&ada, &format!(r#","previous_response_id":"{id}""#)).await;
    assert_eq!(own.status, 200, "{}", own.text());
}

#[tokio::test]
async fn what_the_account_has_is_nobodys_unless_it_is_shared() {
    let vendor = Vendor::open().await;
    let shared = format!(
        "server_tools = [\"file_search\"]\nshared_ids = [\"vs_1\", \"s3://bucket/open.pdf\"]\n{NATIVE}"
    );
    let house = house(&vendor, &model("plain", &shared)).await;
    let s3 = |uri: &str| {
        format!(
            r#""x":[{{"role":"user","content":[{{"document":{{"source":{{"s3Location":{{"uri":"{uri}"}}}}}}}}]}}]"#
        )
    };
    let search = |ids: &str| format!(r#""tools":[{{"type":"file_search","vector_store_ids":{ids}}}]"#);
    for (dialect, member, found) in [
        ("responses", search(r#"["vs_1"]"#), true),
        ("responses", search(r#"["vs_1","vs_2"]"#), false),
        ("openai", r#""x":[{"type":"file","file":{"file_id":"file-1"}}]"#.to_owned(), false),
        ("anthropic", r#""container":"container_1""#.to_owned(), false),
        ("anthropic", r#""x":{"source":{"type":"file","file_id":"file_1"}}"#.to_owned(), false),
        ("gemini", r#""cachedContent":"cachedContents/1""#.to_owned(), false),
        (
            "gemini",
            r#""x":[{"fileData":{"fileUri":"https://generativelanguage.googleapis.com/v1beta/files/1"}}]"#
                .to_owned(),
            false,
        ),
        ("bedrock", s3("s3://bucket/secret.pdf"), false),
        (
            "bedrock",
            r#""guardrailConfig":{"guardrailIdentifier":"g-1","guardrailVersion":"1"}"#.to_owned(),
            false,
        ),
    ] {
        let (line, body) = asks(dialect, &member);
        let answer = call(&house, &house.ada(), &line, &body).await;
        let refused = answer.text().contains("ai_object_not_found");
        assert_eq!((refused, answer.status == 404), (!found, !found), "{body}: {}", answer.text());
        assert_eq!(house.record().await.code.as_deref() == Some("ai_object_not_found"), !found, "{body}");
    }
    // In a header of Bedrock's.
    let (line, body) = asks("bedrock", r#""x":1"#);
    let head = format!(
        "{line} HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-type: application/json\r\nx-amzn-bedrock-guardrailidentifier: g-1\r\ncontent-length: {}\r\n\r\n{body}",
        house.ada(),
        body.len()
    );
    let answer = house.client().await.call(head).await;
    assert_eq!(answer.status, 404, "{}", answer.text());
}
