//! Providers that are called with access tokens of an account of Google's cloud.

use crate::house::House;
use crate::routing::{ONE, PLAIN, TWO, Vendor, ask, good, model, says};
use serde_json::json;
use std::sync::Arc;

pub const KEY: &str = include_str!("../../../../fuzz/keys/rsa.pem");

/// A provider whose tokens come from `endpoint`, and the directory with its account's key.
pub fn provider(vendor: &Vendor, endpoint: &Vendor) -> (String, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("account.json");
    let account = json!({
        "type": "service_account", "private_key": KEY, "private_key_id": "k1",
        "client_email": "gw@project.iam.gserviceaccount.com",
        "token_uri": format!("http://{}/token", endpoint.upstream.address),
    });
    std::fs::write(&file, account.to_string()).unwrap();
    let more =
        format!("preset = \"vertex-compat\"\ngoogle = {{ credentials = \"file:{}\" }}", file.display());
    (vendor.provider("one", &more), place)
}

fn token(number: usize) -> crate::routing::Does {
    says(
        "200 OK",
        "",
        &format!(r#"{{"access_token":"ya29.{number}","expires_in":3600,"token_type":"Bearer"}}"#),
    )
}

fn used(vendor: &Vendor) -> Vec<String> {
    let seen = vendor.seen.lock().unwrap();
    seen.iter().map(|call| call.header("authorization").unwrap_or("none").to_owned()).collect()
}

#[tokio::test]
async fn one_token_serves_many_calls_and_one_that_was_taken_back_is_replaced() {
    let endpoint = Vendor::open(|_, number| token(number)).await;
    // The first token counts three times, then it was taken back.
    let vendor = Vendor::open(|call, number| match call.header("authorization") {
        Some("Bearer ya29.0") if number >= 3 => {
            says("401 Unauthorized", "", r#"{"error":{"message":"expired","code":401}}"#)
        }
        _ => good(),
    })
    .await;
    let (provider, _place) = provider(&vendor, &endpoint);
    let house = House::open(&[provider, model("fast", "", &[ONE])].concat()).await;
    for _ in 0..5 {
        let answer = ask(&house, PLAIN, "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let record = serde_json::to_string(&house.record().await).unwrap();
        assert!(!record.contains("ya29"), "{record}");
    }
    let (old, new) = ("Bearer ya29.0", "Bearer ya29.1");
    assert_eq!(used(&vendor), [old, old, old, old, new, new]);
    assert_eq!(endpoint.calls(), 2, "one refresh");
    let grant = endpoint.seen.lock().unwrap()[0].clone();
    assert_eq!(
        (grant.target(), grant.header("content-type")),
        ("/token", Some("application/x-www-form-urlencoded"))
    );
    let body = String::from_utf8(grant.body).unwrap();
    assert!(
        body.starts_with("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey"),
        "{body}"
    );
    house.close().await;
}

#[tokio::test]
async fn a_provider_that_takes_no_token_is_our_failure_and_asked_once_more() {
    let endpoint = Vendor::open(|_, number| token(number)).await;
    let vendor =
        Vendor::always(says("401 Unauthorized", "", r#"{"error":{"message":"no","code":401}}"#)).await;
    let (provider, _place) = provider(&vendor, &endpoint);
    let house = House::open(&[provider, model("fast", "", &[ONE])].concat()).await;
    let answer = ask(&house, PLAIN, "").await;
    assert_eq!(
        (answer.status, answer.json()["error"]["code"].as_str()),
        (502, Some("provider_credential_refused"))
    );
    assert_eq!((vendor.calls(), endpoint.calls()), (2, 2));
    house.close().await;
}

#[tokio::test]
async fn without_a_token_the_provider_is_down_and_nobody_is_sent_there() {
    for (says, status, code) in [
        (says("503 Service Unavailable", "", "{}"), 503, "provider_unavailable"),
        (says("400 Bad Request", "", r#"{"error":"invalid_grant"}"#), 502, "provider_credential_refused"),
    ] {
        let endpoint = Vendor::always(says).await;
        let (vendor, other) = (Vendor::always(good()).await, Vendor::always(good()).await);
        let (provider, _place) = provider(&vendor, &endpoint);
        let alone = model("alone", "", &[ONE]);
        let config = [provider, other.provider("two", ""), model("fast", "", &[ONE, TWO]), alone].concat();
        let house = House::open(&config).await;
        let answer = ask(&house, &PLAIN.replace("fast", "alone"), "").await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (status, Some(code)));
        assert!(house.record().await.detail.unwrap().contains("the token endpoint"));
        assert_eq!(ask(&house, PLAIN, "").await.status, 200, "another one takes over");
        assert_eq!((vendor.calls(), other.calls()), (0, 1));
        house.close().await;
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_used_is_refused_at_publication() {
    let house = House::open("").await;
    let publish = async |google: &str| {
        let text = format!(
            "[[providers]]\nname = \"one\"\npreset = \"vertex\"\n{google}\n[[tenants]]\nname = \"acme\"\n"
        );
        let config = portcullis_config::parse(&text, "t.toml").unwrap_or_else(|errors| panic!("{errors:?}"));
        let house: &Arc<House> = &house;
        house.publish(&config).await.map_err(|problems| problems.join("; "))
    };
    let none =
        publish("google = { credentials = \"file:/nowhere/key.json\", project = \"p\", region = \"r\" }")
            .await;
    assert!(none.unwrap_err().contains("providers.one.google.credentials"));
    let wrong =
        publish("google = { credentials = \"env:PROVIDER_KEY\", project = \"p\", region = \"r\" }").await;
    assert!(wrong.unwrap_err().contains("is not the JSON file"));
    let both = publish(
        "api_key = \"env:PROVIDER_KEY\"\ngoogle = { metadata = true, project = \"p\", region = \"r\" }",
    )
    .await;
    assert!(both.unwrap_err().contains("there is an API key as well"));
    let nowhere = publish("google = { metadata = true, region = \"europe-west4\" }").await;
    assert!(nowhere.unwrap_err().contains("needs a `base_url`"));
    for region in ["europe-west4", "global"] {
        let google = format!("google = {{ metadata = true, project = \"p-1\", region = \"{region}\" }}");
        publish(&google).await.unwrap_or_else(|problems| panic!("{problems}"));
    }
    house.close().await;
}
