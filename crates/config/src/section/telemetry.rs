//! `[telemetry]`: logs and traces.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// Logs and traces. Metrics are always at `/metrics` of the control listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or per target: `info,portcullis_identity=debug`.
    pub log_level: String,
    /// An OpenTelemetry collector (OTLP over HTTP) that gets traces: `http://127.0.0.1:4318`; default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<Url>,
    /// Share of calls that are traced when the caller did not decide, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub trace_ratio: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Text,
            log_level: "info".to_owned(),
            otlp_endpoint: None,
            trace_ratio: 0.01,
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}
