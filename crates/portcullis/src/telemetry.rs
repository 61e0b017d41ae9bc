//! What the process says about itself: log lines, metrics, traces.
//!
//! Nothing here decides what is said; the crates below do. No metrics listener of its own: the control plane serves
//! the text that [`Metrics::text`] renders.

use crate::failure::{Done, Failure};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanProcessor};
use portcullis_config::{LogFormat, Telemetry};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// Starts logging to stderr.
pub fn log(telemetry: &Telemetry) -> Done {
    // What it says of its connection is said by the sink that it belongs to, once; who wants more names it.
    let quiet = "async_nats=off".parse().ok().filter(|_| !telemetry.log_level.contains("async_nats"));
    let filter = EnvFilter::builder().parse(&telemetry.log_level).map_err(|error| {
        Failure::new(format!("the log level cannot be understood: {error}"))
            .at("telemetry.log_level")
            .next("write `info`, or per target `info,portcullis_identity=debug`")
    })?;
    let filter = quiet.into_iter().fold(filter, EnvFilter::add_directive);
    let lines = tracing_subscriber::fmt()
        // A line that cannot be written (whoever reads stderr is gone, the disk is full) would be told on stderr: a panic, whose
        // line cannot be written either, and the end of the process.
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match telemetry.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
        }
    };
    started.map_err(|error| Failure::new(format!("cannot start logging: {error}")))
}

/// The process's metrics.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

/// Upper bounds of histograms of seconds: half a millisecond, where a gateway's own time lies, to two minutes, where a
/// long stream ends.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

impl Metrics {
    /// Starts collecting.
    pub fn start() -> Done<Self> {
        let failed = |error| Failure::new(format!("cannot start collecting metrics: {error}"));
        let builder =
            PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS);
        let recorder = builder.map_err(failed)?.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)
            .map_err(|error| Failure::new(format!("cannot start collecting metrics: {error}")))?;
        Ok(Self(handle))
    }

    /// As Prometheus text.
    pub fn text(&self) -> String {
        self.0.render()
    }

    /// Folds samples into histograms; without it they would wait in memory until somebody scrapes.
    pub fn keep_up(&self) {
        self.0.run_upkeep();
    }
}

/// How long a batch of spans may take to be sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// What exports spans, when a collector is configured. Spans are batched and bounded: a collector that does not answer
/// costs spans, never calls.
pub fn spans(telemetry: &Telemetry) -> Done<Option<Arc<dyn SpanProcessor>>> {
    let Some(endpoint) = &telemetry.otlp_endpoint else { return Ok(None) };
    let mut traces = endpoint.clone();
    if traces.path() == "/" {
        traces.set_path("/v1/traces");
    }
    let failed =
        |what: String| Failure::new(format!("cannot export traces: {what}")).at("telemetry.otlp_endpoint");
    if traces.scheme() != "http" {
        return Err(failed("the collector is spoken to over `http`".to_owned())
            .next("run a collector on this machine that forwards over TLS"));
    }
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces.as_str())
        .with_timeout(PATIENCE)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let resource = Resource::builder_empty()
        .with_service_name("portcullis")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    opentelemetry_sdk::trace::SpanExporter::set_resource(&mut exporter, &resource.build());
    let exporter =
        OnRuntime { exporter, runtime: tokio::runtime::Handle::current(), failing: AtomicBool::new(false) };
    let bounds =
        BatchConfigBuilder::default().with_max_queue_size(4_096).with_max_export_batch_size(512).build();
    Ok(Some(Arc::new(BatchSpanProcessor::builder(exporter).with_batch_config(bounds).build())))
}

/// Sends what is left, at most for a moment.
pub async fn finish(spans: Arc<dyn SpanProcessor>) {
    #[expect(
        clippy::disallowed_methods,
        reason = "once, at the end: the processor's own thread is waited for"
    )]
    let done = tokio::task::spawn_blocking(move || spans.shutdown_with_timeout(Duration::from_secs(5))).await;
    if !matches!(done, Ok(Ok(()))) {
        tracing::warn!("the last spans could not be sent");
    }
}

/// The batch processor exports on a thread of its own, outside of any runtime; the exporter's client needs one. A
/// collector that fails is said once, not at every batch.
#[derive(Debug)]
struct OnRuntime {
    exporter: SpanExporter,
    runtime: tokio::runtime::Handle,
    failing: AtomicBool,
}

impl opentelemetry_sdk::trace::SpanExporter for OnRuntime {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        let spans = batch.len();
        let mut export = Box::pin(self.exporter.export(batch));
        std::future::poll_fn(move |context| {
            let _inside = self.runtime.enter();
            let done = std::task::ready!(export.as_mut().poll(context));
            self.note(spans, &done);
            Poll::Ready(done)
        })
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl OnRuntime {
    fn note(&self, spans: usize, done: &OTelSdkResult) {
        match done {
            Ok(()) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the collector takes spans again");
                }
            }
            Err(error) => {
                metrics::counter!("portcullis_spans_lost_total").increment(spans as u64);
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the collector does not take spans; they are lost until it does");
                }
            }
        }
    }
}
