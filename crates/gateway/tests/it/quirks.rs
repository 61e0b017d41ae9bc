//! Vendors that speak OpenAI's dialect in their own way: what passes to them is what they take.

use crate::house::House;
use crate::routing::{ONE, TWO, Vendor, ask, good, model, post};
use serde_json::{Value, json};

const RICH: &str = r#"{"model":"fast","messages":[{"role":"developer","content":"be brief"},{"role":"user","content":"hi"}],"seed":7,"max_completion_tokens":9,"store":true,"user":"u"}"#;

fn body(vendor: &Vendor) -> Value {
    serde_json::from_slice(&vendor.seen.lock().unwrap().last().unwrap().body).unwrap()
}

#[tokio::test]
async fn a_vendor_gets_the_members_that_it_knows_and_the_caller_hears_of_the_others() {
    let (mistral, other) = (Vendor::always(good()).await, Vendor::always(good()).await);
    let strict = r#"{ provider = "one", model = "a", translation = "strict" }"#;
    let config = [
        mistral.provider("one", "preset = \"mistral\""),
        other.provider("two", "preset = \"openai\""),
        model("fast", "", &[ONE]),
        model("exact", "", &[strict]),
        model("either", "", &[strict, TWO]),
    ];
    let house = House::open(&config.concat()).await;
    let answer = ask(&house, RICH, "").await;
    assert_eq!((answer.status, answer.header("x-portcullis-dropped")), (200, Some("developer, store, user")));
    assert_eq!(house.record().await.dropped.as_deref(), Some("developer, store, user"));
    assert_eq!(
        body(&mistral),
        json!({
            "model": "a", "random_seed": 7, "max_tokens": 9,
            "messages": [{ "role": "system", "content": "be brief" }, { "role": "user", "content": "hi" }],
        })
    );
    // Where nothing may be left out the call is refused, or another deployment takes it as it is.
    let answer = ask(&house, &RICH.replace("fast", "exact"), "").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("`developer`"), "{}", answer.text());
    house.record().await;
    let answer = ask(&house, &RICH.replace("fast", "either"), "").await;
    assert_eq!((answer.status, answer.header("x-portcullis-dropped")), (200, None));
    assert_eq!(house.record().await.dropped, None);
    assert_eq!(
        String::from_utf8(other.seen.lock().unwrap()[0].body.clone()).unwrap(),
        RICH.replace("fast", "b")
    );
    assert_eq!(mistral.calls(), 1);
    house.close().await;
}

#[tokio::test]
async fn azures_deployments_are_in_the_path_with_a_version() {
    let azure = Vendor::always(good()).await;
    let config = [
        azure.provider("one", "preset = \"azure-deployments\""),
        azure.provider(
            "two",
            "preset = \"azure-deployments\"\nquery = { api-version = \"2025-01-01-preview\" }",
        ),
        model("fast", "", &[r#"{ provider = "one", model = "gpt/4o" }"#]),
        model("new", "", &[TWO]),
    ];
    let house = House::open(&config.concat()).await;
    assert_eq!(ask(&house, RICH, "").await.status, 200);
    assert_eq!(ask(&house, &RICH.replace("fast", "new"), "").await.status, 200);
    // Of a caller who speaks otherwise, too.
    let body = r#"{"model":"fast","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#;
    let head = format!(
        "POST /anthropic/v1/messages HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\nanthropic-version: 2023-06-01\r\ncontent-length: {}\r\n\r\n{body}",
        house.ada(),
        body.len()
    );
    house.client().await.call(head).await;
    let paths: Vec<String> = azure.seen.lock().unwrap().iter().map(|call| call.target().to_owned()).collect();
    assert_eq!(
        paths,
        [
            "/v1/deployments/gpt%2F4o/chat/completions?api-version=2024-10-21",
            "/v1/deployments/b/chat/completions?api-version=2025-01-01-preview",
            "/v1/deployments/gpt%2F4o/chat/completions?api-version=2024-10-21",
        ]
    );
    house.close().await;
}

/// What Claude Code says of every model, whoever made it.
#[tokio::test]
async fn a_client_that_is_made_for_one_vendors_models_reaches_others() {
    let vendor = Vendor::always(good()).await;
    let config = [
        vendor.provider("one", "preset = \"openai\""),
        model("fast", "", &[r#"{ provider = "one", model = "gpt-4o-mini" }"#]),
        model("exact", "", &[r#"{ provider = "one", model = "gpt-4o-mini", translation = "strict" }"#]),
    ];
    let house = House::open(&config.concat()).await;
    let said = json!({
        "model": "fast", "max_tokens": 32000, "thinking": { "type": "adaptive" }, "output_config": { "effort": "high" },
        "context_management": { "edits": [{ "type": "clear_thinking_20251015", "keep": "all" }] },
        "messages": [{ "role": "user", "content": "hi" }],
    })
    .to_string();
    let answer = post(&house, "/v1/messages?beta=true", &said).await;
    assert_eq!(
        (answer.status, answer.header("x-portcullis-dropped")),
        (200, Some("context_management, reasoning_effort, max_tokens=16384")),
        "{}",
        answer.text()
    );
    assert_eq!(
        body(&vendor),
        json!({ "model": "gpt-4o-mini", "max_completion_tokens": 16384, "messages": [{ "role": "user", "content": "hi" }] })
    );
    // Who wants everything said or nothing hears what cannot be.
    let answer = post(&house, "/v1/messages", &said.replace("fast", "exact")).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("`context_management`"), "{}", answer.text());
    house.close().await;
}
