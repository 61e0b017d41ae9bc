//! Spans: one for each sampled call, made from its record.

use crate::house::{House, orders};
use crate::upstream::Upstream;
use opentelemetry::Context;
use opentelemetry::trace::SpanId;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use portcullis_gateway::Spans;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Debug, Default)]
struct Keep(Mutex<Vec<SpanData>>);

impl SpanProcessor for Keep {
    fn on_start(&self, _: &mut Span, _: &Context) {}
    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[tokio::test]
async fn callers_decide_and_otherwise_the_share() {
    let upstream = Upstream::mirror().await;
    for (ratio, fresh) in [(0.0, 0), (1.0, 1)] {
        let kept = Arc::new(Keep::default());
        let spans = Spans { processor: kept.clone(), ratio };
        let house = House::open_with(&orders(upstream.address, ""), Some(spans)).await;
        let call = |more: &'static str| {
            let head =
                format!("GET /orders/7 HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n{more}\r\n", house.ada());
            let house = house.clone();
            async move { house.client().await.call(head).await }
        };
        call("").await;
        assert_eq!(kept.0.lock().unwrap().drain(..).count(), fresh);
        call("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\r\n").await;
        assert_eq!(kept.0.lock().unwrap().len(), 0);
        let answer = call("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n").await;
        let span = kept.0.lock().unwrap().pop().unwrap();
        assert_eq!(span.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span.parent_span_id, SpanId::from_bytes(0x00f0_67aa_0ba9_02b7_u64.to_be_bytes()));
        // The service was told our span as its parent.
        let told = answer.json()["headers"].to_string();
        assert!(told.contains(&span.span_context.span_id().to_string()), "{told}");
        assert_eq!(span.name, "GET orders");
        assert!(span.end_time >= span.start_time);
        let attribute = |key: &str| {
            span.attributes.iter().find(|pair| pair.key.as_str() == key).map(|pair| pair.value.to_string())
        };
        assert_eq!(attribute("http.response.status_code").as_deref(), Some("200"));
        assert_eq!(attribute("enduser.id"), Some(house.ada.id.to_string()));
        assert!(
            span.attributes.iter().all(|pair| !pair.value.to_string().contains("eyJ")),
            "no token in a span"
        );
        house.close().await;
    }
}
