//! What a gateway knows and nobody is to read: in no log line, no span and no record, however much is logged.

use crate::house::House;
use crate::routing::{ONE, PLAIN, Vendor, ask, good, model, says};
use crate::vertex::{self, KEY};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps everything that anybody logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        writeln!(self.0.lock().unwrap(), "{}", event.metadata().target()).unwrap();
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn no_key_and_no_token_is_logged() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    // A token that counts, one that the provider takes back, and an endpoint that says too much when it fails.
    let endpoint = Vendor::open(|_, number| match number {
        0 | 1 => says(
            "200 OK",
            "",
            &format!(r#"{{"access_token":"ya29.secret{number}","expires_in":3600,"token_type":"Bearer"}}"#),
        ),
        _ => says("400 Bad Request", "", r#"{"error":"invalid_grant","error_description":"ya29.secret2"}"#),
    })
    .await;
    let google = Vendor::open(|_, number| match number {
        0 => good(),
        _ => says("401 Unauthorized", "", r#"{"error":{"message":"no ya29.secret0","code":401}}"#),
    })
    .await;
    let refusing = Vendor::always(says(
        "401 Unauthorized",
        "",
        r#"{"error":{"message":"Incorrect API key provided: sk-ours","type":"invalid_request_error"}}"#,
    ))
    .await;
    let (account, _place) = vertex::provider(&google, &endpoint);
    let config = [
        account,
        refusing.provider("two", "api_key = \"env:PROVIDER_KEY\""),
        model("fast", "", &[ONE]),
        model("other", "", &[crate::routing::TWO]),
    ];
    let house = House::open(&config.concat()).await;
    let authorization = house.ada();
    let mut told = String::new();
    for body in [PLAIN.to_owned(), PLAIN.to_owned(), PLAIN.to_owned(), PLAIN.replace("fast", "other")] {
        told += ask(&house, &body, "").await.text();
        told += &serde_json::to_string(&house.record().await).unwrap();
    }
    assert!(google.calls() >= 3 && refusing.calls() >= 1 && endpoint.calls() >= 2);
    house.close().await;
    let logged = log.0.lock().unwrap().clone();
    assert!(
        logged.contains("portcullis_gateway") && logged.contains("invalid_grant"),
        "it is logged: {logged}"
    );
    let key = KEY.lines().nth(1).unwrap();
    for secret in ["ya29", "sk-ours", key, "assertion=ey", authorization.trim_start_matches("Bearer ")] {
        assert!(!logged.contains(secret), "`{secret}` is logged:\n{logged}");
        assert!(!told.contains(secret), "`{secret}` is told:\n{told}");
    }
}
