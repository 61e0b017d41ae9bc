//! Metrics of calls. Handles are looked up once per configuration, not once per call.

use metrics::{Counter, Gauge, Histogram};
use portcullis_model::Record;
use portcullis_model::record::Outcome;
use std::time::Duration;

const OUTCOMES: [Outcome; 5] =
    [Outcome::Completed, Outcome::Refused, Outcome::ClientClosed, Outcome::UpstreamCut, Outcome::Cut];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The metrics of one service.
pub(crate) struct Meters {
    requests: [[Counter; 5]; 5],
    duration: Histogram,
    /// Calls under way.
    pub(crate) under_way: Gauge,
    input_tokens: Counter,
    output_tokens: Counter,
    tenant: String,
    service: String,
}

impl Meters {
    /// For a service; both empty for calls that reach none.
    pub(crate) fn new(tenant: &str, service: &str) -> Self {
        let labels = || [("tenant", tenant.to_owned()), ("service", service.to_owned())];
        let requests = OUTCOMES.map(|outcome| {
            CLASSES.map(|class| {
                metrics::counter!("portcullis_requests_total",
                    "tenant" => tenant.to_owned(), "service" => service.to_owned(), "outcome" => outcome.as_str(), "status" => class)
            })
        });
        Self {
            requests,
            duration: metrics::histogram!("portcullis_request_duration_seconds", &labels()),
            under_way: metrics::gauge!("portcullis_requests_under_way", &labels()),
            input_tokens: metrics::counter!("portcullis_tokens_total",
                "tenant" => tenant.to_owned(), "service" => service.to_owned(), "kind" => "input"),
            output_tokens: metrics::counter!("portcullis_tokens_total",
                "tenant" => tenant.to_owned(), "service" => service.to_owned(), "kind" => "output"),
            tenant: tenant.to_owned(),
            service: service.to_owned(),
        }
    }

    /// Counts a call that is over.
    pub(crate) fn count(&self, record: &Record) {
        let outcome = OUTCOMES.iter().position(|outcome| *outcome == record.outcome).unwrap_or(0);
        let class = usize::from(record.status / 100).clamp(1, 5) - 1;
        self.requests[outcome][class].increment(1);
        self.duration.record(Duration::from_micros(record.timing.total));
        if let Some(usage) = &record.usage {
            self.input_tokens.increment(usage.input_tokens);
            self.output_tokens.increment(usage.output_tokens);
        }
        if let Some(code) = &record.code {
            // Not the common path, and the codes are many: looked up here.
            metrics::counter!("portcullis_refusals_total",
                "tenant" => self.tenant.clone(), "service" => self.service.clone(), "code" => code.to_string())
            .increment(1);
        }
        if let Some(code) = &record.would_refuse {
            metrics::counter!("portcullis_would_refuse_total",
                "tenant" => self.tenant.clone(), "service" => self.service.clone(), "code" => code.to_string())
            .increment(1);
        }
    }
}

/// Says what the metrics of this crate are, for whoever scrapes them.
pub fn describe() {
    metrics::describe_counter!("portcullis_requests_total", "calls that are over, by how they ended");
    metrics::describe_histogram!(
        "portcullis_request_duration_seconds",
        metrics::Unit::Seconds,
        "from accept to the end of the answer"
    );
    metrics::describe_gauge!("portcullis_requests_under_way", "calls under way");
    metrics::describe_counter!("portcullis_tokens_total", "tokens of AI calls");
    metrics::describe_counter!("portcullis_refusals_total", "refusals by code");
    metrics::describe_counter!(
        "portcullis_would_refuse_total",
        "refusals that monitor mode held back, by code"
    );
    metrics::describe_counter!(
        "portcullis_upstream_connections_opened_total",
        "connections opened to an upstream"
    );
    metrics::describe_counter!(
        "portcullis_upstream_connections_reused_total",
        "calls that found an open connection"
    );
    metrics::describe_counter!(
        "portcullis_upstream_connections_failed_total",
        "connections that could not be opened"
    );
    metrics::describe_gauge!("portcullis_upstream_connections_idle", "open connections without a call");
    crate::upstream::ai::route::describe();
    metrics::describe_counter!("portcullis_records_lost_total", "records that could not be appended");
}
