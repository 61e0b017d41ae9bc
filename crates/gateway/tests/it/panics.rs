//! A call whose handling panics: refused, recorded, and nobody else's business.

use crate::house::{House, orders};
use crate::upstream::Upstream;
use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use portcullis_gateway::Spans;
use portcullis_model::record::Outcome;
use portcullis_model::{Clock, SystemClock, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Panics when it is asked for the time once that often, and then goes on as if nothing had been.
#[derive(Debug, Default)]
struct Trap(AtomicU32);

impl Clock for Trap {
    fn now(&self) -> Timestamp {
        let left = self.0.load(Ordering::SeqCst);
        if left > 0 {
            self.0.store(left - 1, Ordering::SeqCst);
        }
        assert_ne!(left, 1, "what it says is nobody's business");
        SystemClock.now()
    }
}

const AI: &str = r#"
[[providers]]
name = "echo"
preset = "echo"
[[models]]
name = "echo"
deployments = [{ provider = "echo", model = "echo" }]
[gateway]
failure_budget = { failures = 50, window = "1h" }
"#;

#[tokio::test]
async fn a_call_that_panics_is_refused_in_its_own_form_and_recorded() {
    let upstream = Upstream::mirror().await;
    let trap = Arc::new(Trap::default());
    let house = House::open_by(&format!("{AI}{}", orders(upstream.address, "")), trap.clone()).await;
    // From its first failures on, a source is looked at by the clock: within the path of a call, past the opening of its record.
    for _ in 0..50 {
        let answer = house
            .client()
            .await
            .call("GET /orders HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer x.y.z\r\n\r\n")
            .await;
        assert_eq!(answer.status, 401);
        house.record().await;
    }
    let mut client = house.client().await;
    let chat = "{\"model\":\"echo\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
    for (path, body, kind, code) in [
        ("/orders/1", "", "application/problem+json", "/code"),
        ("/v1/chat/completions", chat, "application/json", "/error/code"),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{body}",
            house.ada(),
            body.len()
        );
        trap.0.store(2, Ordering::SeqCst);
        let answer = client.call(&head).await;
        assert_eq!((answer.status, answer.header("content-type")), (500, Some(kind)), "{}", answer.text());
        assert_eq!(answer.json().pointer(code).unwrap(), "internal", "{}", answer.text());
        assert!(!answer.text().contains("panicked") && !answer.text().contains("nobody's business"));
        let record = house.record().await;
        assert_eq!(
            (record.outcome, record.status, record.code.as_deref()),
            (Outcome::Refused, 500, Some("internal"))
        );
        assert_eq!(answer.header("x-request-id"), Some(record.id.to_string().as_str()));
        let detail = record.detail.unwrap();
        assert!(detail.contains("panicked") && !detail.contains("nobody's business"), "{detail}");
    }
    assert_eq!(house.gateway.under_way(), 0, "places are given back");
    // Before there is a record to write into, it is at least said.
    trap.0.store(1, Ordering::SeqCst);
    let answer = house.get("/orders/1").await;
    assert_eq!((answer.status, &answer.json()["code"]), (500, &"internal".into()));
    house.no_more_records().await;
    house.close().await;
}

/// Spans that cannot be taken.
#[derive(Debug)]
struct Spiteful;

impl SpanProcessor for Spiteful {
    fn on_start(&self, _: &mut Span, _: &Context) {}
    fn on_end(&self, _: SpanData) {
        panic!("what it says is nobody's business")
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[tokio::test]
async fn what_panics_after_the_record_loses_no_record() {
    let upstream = Upstream::mirror().await;
    let spans = Spans { processor: Arc::new(Spiteful), ratio: 1.0 };
    let house = House::open_with(&orders(upstream.address, ""), Some(spans)).await;
    for _ in 0..3 {
        let answer = house.get("/orders/1").await;
        assert!(answer.status == 500 || !answer.whole, "{answer:?}");
        assert_eq!(house.record().await.service.as_deref(), Some("orders"));
    }
    assert_eq!(house.get("/nowhere").await.status, 500);
    house.record().await;
    house.no_more_records().await;
    house.close().await;
}
