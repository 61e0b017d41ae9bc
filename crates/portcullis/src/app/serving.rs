//! `serve`, from the first file to the last record: built, made ready, run, drained.

use super::Foundation;
use super::first_start;
use super::listeners::{Listeners, Operators};
use super::parts::Parts;
use super::plane::Plane;
use super::reload;
use crate::cli::Globals;
use crate::demo::Demo;
use crate::failure::{Done, Failure};
use crate::panics;
use crate::telemetry::{self, Metrics};
use crate::watch::Watch;
use opentelemetry_sdk::trace::SpanProcessor;
use portcullis_config::{Config, Loaded, WhenFull as Configured};
use portcullis_control::{Control, Publisher, jobs};
use portcullis_gateway::{Gateway, Spans};
use portcullis_model::service::AuthMode;
use portcullis_net::accept::{FailureBudget, FailureBudgetOptions};
use portcullis_store::spool::Stored;
use portcullis_store::{Spool, SpoolOptions, SpoolReader, WhenFull};
use serde_json::json;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A process that serves.
pub struct App {
    globals: Globals,
    foundation: Foundation,
    watch: Watch,
    gateway: Arc<Gateway>,
    publisher: Arc<Publisher>,
    control: Control,
    listeners: Listeners,
    reader: SpoolReader,
    metrics: Metrics,
    spans: Option<Arc<dyn SpanProcessor>>,
    demo: Option<Demo>,
    accepting: CancellationToken,
    signals: Signals,
}

/// Requests to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// The file that says where we serve, in the data directory, while we do.
const SERVING: &str = "serving.json";

/// How long what is not a call may take to end.
const FAREWELL: Duration = Duration::from_secs(15);

impl App {
    /// Builds everything. When this returns, calls are accepted as soon as [`App::run`] is.
    pub async fn start(globals: &Globals, loaded: Loaded, demo: Option<Demo>) -> Done<Self> {
        let Loaded { mut config, files, warnings, .. } = loaded;
        // From here on: what is written while the process starts is seen once it runs.
        let watch = Watch::new(&files);
        if let Some(demo) = &demo {
            demo.adjust(&mut config)?;
        }
        telemetry::log(&config.telemetry)?;
        let metrics = Metrics::start()?;
        panics::tell();
        portcullis_gateway::describe();
        // From here on a request to stop is heard, and answered in order.
        let signals = Signals::listen()?;
        for warning in &warnings {
            tracing::warn!(at = warning.at, "{}", warning.message);
        }
        // The lock before the sockets: a second process is told who has the data, not that a port is taken.
        let foundation = Foundation::open(config.clone(), &globals.environment).await?;
        let listeners = Listeners::bind(&config).await?;
        let demo = demo.map(|demo| demo.at(listeners.gateway.local_address()));
        if let Some(demo) = &demo {
            demo.adjust(&mut config)?;
        }
        let config = Arc::new(config);
        let (spool, reader) = Spool::open(&foundation.data.spool(), spool_options(&config))
            .map_err(|error| Failure::new(error.to_string()))?;
        let stored = spool.stored();
        let spans = telemetry::spans(&config.telemetry)?;
        let gateway = Gateway::new(portcullis_gateway::Parts {
            config: config.clone(),
            identity: foundation.identity.clone(),
            store: foundation.store.clone(),
            spool,
            egress: foundation.egress.clone(),
            clock: foundation.clock.clone(),
            rng: foundation.rng.clone(),
            spans: spans.clone().map(|processor| Spans { processor, ratio: config.telemetry.trace_ratio }),
        });
        let accepting = CancellationToken::new();
        let plane = Arc::new(Plane {
            gateway: gateway.clone(),
            secrets: foundation.secrets.clone(),
            sinks: foundation.sinks.clone(),
            egress: foundation.egress.clone(),
            clock: foundation.clock.clone(),
            stopping: accepting.clone(),
        });
        let Foundation { directory, secrets, clock, rng, .. } = &foundation;
        let publisher = Arc::new(Publisher::new(
            directory.clone(),
            secrets.clone(),
            plane.clone(),
            clock.clone(),
            rng.clone(),
        ));
        publisher
            .publish(config.clone(), files)
            .await
            .map_err(|problems| crate::cmd::check::refused(&problems))?;
        let control = control(&foundation, &config, publisher.clone(), plane, (stored, metrics.clone()));
        Ok(Self {
            globals: globals.clone(),
            foundation,
            watch,
            gateway,
            publisher,
            control,
            listeners,
            reader,
            metrics,
            spans,
            demo,
            accepting,
            signals,
        })
    }

    /// Serves until asked to stop, and then until what is under way has ended.
    pub async fn run(self) -> Done {
        // Dropped last: the directory of a demonstration goes when nobody writes into it any more.
        let _place = self.demo.clone();
        let Self {
            globals,
            foundation,
            watch,
            gateway,
            publisher,
            control,
            listeners,
            reader,
            metrics,
            spans,
            demo,
            accepting,
            mut signals,
        } = self;
        let Foundation { config, data, store, identity, clock, .. } = &foundation;
        let working = CancellationToken::new();
        let drain = config.gateway.drain.0;
        let (gateway_at, control_at) = (listeners.gateway.local_address(), listeners.control.local_address());

        // What the others would serve wrongly without ends the process when it panics; the rest begins again.
        let mut work = Parts::default();
        work.begin("identity", identity.clone().run(working.clone()));
        work.begin("publication", {
            let (publisher, token) = (publisher.clone(), working.clone());
            async move { publisher.run(token).await }
        });
        work.begin("records", reader.drain(store.clone(), config.records.batch as usize, working.clone()));
        let adjust = demo.clone();
        let adjust = move |config: &mut Config| adjust.as_ref().map_or(Ok(()), |demo| demo.adjust(config));
        work.begin("reload", reload::run(globals, adjust, watch, publisher.clone(), working.clone()));
        work.begin_again("sinks", {
            let (sinks, token) = (foundation.sinks.clone(), working.clone());
            move || sinks.clone().run(token.clone())
        });
        work.begin_again("retention", {
            let (store, publisher) = (store.clone(), publisher.clone());
            let (clock, token) = (clock.clone(), working.clone());
            move || jobs::retention::run(store.clone(), publisher.clone(), clock.clone(), token.clone())
        });
        work.begin_again("synchronisation", {
            let parts = jobs::sync::Parts {
                directory: foundation.directory.clone(),
                publisher: publisher.clone(),
                egress: foundation.egress.clone(),
                clock: clock.clone(),
                holder: jobs::sync::holder(&*foundation.rng),
            };
            let token = working.clone();
            move || jobs::sync::run(parts.clone(), token.clone())
        });
        work.begin_again("metrics", {
            let token = working.clone();
            move || keep_up(metrics.clone(), token.clone())
        });
        work.begin_again("memory", {
            let token = working.clone();
            move || give_back(token.clone())
        });

        let mut calls = Parts::default();
        let operators = Arc::new(Operators::new(control, config));
        calls.begin("gateway", {
            let (gateway, token) = (gateway.clone(), accepting.clone());
            async move { gateway.run(token).await }
        });
        calls.begin("gateway listener", {
            let (service, token) = (gateway.clone(), accepting.clone());
            async move { report(service.listen(listeners.gateway, token, drain).await) }
        });
        let mut administration = Parts::default();
        administration.begin("control listener", {
            let (service, token) = (operators.clone(), working.clone());
            async move { report(listeners.control.serve(service, token, FAREWELL / 3).await) }
        });
        administration.begin("control socket", {
            let token = working.clone();
            async move { report(listeners.socket.serve(operators, token, FAREWELL / 3).await) }
        });

        let serving = data.file(SERVING);
        write_serving(
            &serving,
            &json!({ "pid": std::process::id(), "gateway": gateway_at, "control": control_at, "socket": listeners.socket_path }),
        )?;
        announce(config, &foundation, gateway_at, control_at);
        if let Some(demo) = &demo {
            demo.show(&foundation).await?;
        }

        let ended = tokio::select! {
            name = signals.next() => { tracing::info!(signal = name, "stopping: no new calls, those under way go on"); None }
            Some(ended) = work.next() => Some(ended),
            Some(ended) = calls.next() => Some(ended),
            Some(ended) = administration.next() => Some(ended),
        };
        // Whoever looks whether we serve is told first.
        let _ = std::fs::remove_file(&serving);
        accepting.cancel();
        let orderly = async {
            // Tunnels may outlive the listener's drain by the time that their owner takes to say goodbye.
            let _ = tokio::time::timeout(drain.saturating_add(FAREWELL / 3), calls.finish()).await;
            drop(gateway);
            working.cancel();
            let _ = tokio::time::timeout(FAREWELL, async {
                administration.finish().await;
                work.finish().await
            })
            .await;
            store.close().await;
            if let Some(spans) = spans {
                telemetry::finish(spans).await;
            }
        };
        tokio::select! {
            () = orderly => {}
            name = signals.next() => return Err(Failure::new(format!("stopped at once by a second {name}: calls under way were cut"))),
        }
        match ended {
            None => {
                tracing::info!("stopped");
                Ok(())
            }
            Some(ended) => Err(Failure::new(format!("a part of the process ended by itself: {ended}"))
                .next("see the log above, and report it")),
        }
    }
}

fn report(drained: portcullis_net::accept::Drained) {
    if drained.cut > 0 {
        tracing::warn!(
            connections = drained.cut,
            "connections were cut: they were busy at the end of the drain"
        );
    }
}

fn spool_options(config: &Config) -> SpoolOptions {
    let records = &config.records;
    let when_full = match records.when_full {
        Configured::Refuse => WhenFull::Refuse,
        Configured::Drop => WhenFull::Drop,
    };
    SpoolOptions { fsync_interval: records.fsync_interval.0, limit: records.spool_limit.0, when_full }
}

fn control(
    foundation: &Foundation,
    config: &Config,
    publisher: Arc<Publisher>,
    plane: Arc<Plane>,
    (stored, metrics): (Stored, Metrics),
) -> Control {
    let budget = &config.gateway.failure_budget;
    let budget = FailureBudgetOptions {
        failures: budget.failures,
        window: budget.window.0,
        ..FailureBudgetOptions::default()
    };
    let base = config.control.public_url.as_ref().map_or("", |url| url.as_str().trim_end_matches('/'));
    Control::new(portcullis_control::Parts {
        doctor: foundation.doctor(Some(plane.gateway.clone())),
        store: foundation.store.clone(),
        stored: Some(stored),
        data: foundation.data.clone(),
        directory: foundation.directory.clone(),
        identity: foundation.identity.clone(),
        local: foundation.local.clone(),
        publisher,
        sinks: foundation.sinks.clone(),
        readiness: plane,
        exposition: Box::new(move || metrics.text()),
        metrics_open: config.control.listen.ip().is_loopback() && !config.control.behind_proxy,
        failures: FailureBudget::new(budget, foundation.clock.clone()),
        rate: config.control.rate,
        egress: foundation.egress.clone(),
        fetching: Default::default(),
        pages: format!("{base}/errors"),
        clock: foundation.clock.clone(),
        rng: foundation.rng.clone(),
    })
}

/// Says where we serve, and what whoever runs this should know.
fn announce(
    config: &Config,
    foundation: &Foundation,
    gateway: std::net::SocketAddr,
    control: std::net::SocketAddr,
) {
    for service in config.services.iter().filter(|service| service.auth != AuthMode::Required) {
        tracing::warn!(
            service = service.name.as_str(),
            tenant = service.tenant.as_str(),
            "this service is served without authentication"
        );
    }
    if let Some(credential) = &foundation.first_credential {
        let path = foundation.data.file(first_start::FILE);
        tracing::info!(file = %path.display(), "first start: the administrator's credential is in this file");
        if std::io::stderr().is_terminal() {
            eprintln!(
                "\n  administrator credential (kept in {}):\n\n    {}\n",
                path.display(),
                credential.expose()
            );
        }
    }
    tracing::info!(%gateway, %control, data = %foundation.data.path().display(), "serving");
}

fn write_serving(path: &std::path::Path, value: &serde_json::Value) -> Done {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let draft = path.with_extension("new");
    let written = (|| {
        let mut file =
            std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        writeln!(file, "{value}")?;
        std::fs::rename(&draft, path)
    })();
    written.map_err(|error: std::io::Error| Failure::from(error).at(path.display().to_string()))
}

/// Keeps an idle process small. The allocator gives back what was freed for more than a second, but only looks when a page of
/// its own is freed: after a start or a burst nobody does that any more, and a third of the memory would stay.
async fn give_back(shutdown: CancellationToken) {
    /// Above what shares a page with others; it is never written, so it costs nothing.
    const OWN_PAGE: usize = 1 << 20;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(3)) => drop(std::hint::black_box(Vec::<u8>::with_capacity(OWN_PAGE))),
        }
    }
}

async fn keep_up(metrics: Metrics, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(5)) => metrics.keep_up(),
        }
    }
}

impl Signals {
    fn listen() -> Done<Self> {
        let failed = |error: std::io::Error| Failure::new(format!("cannot listen for signals: {error}"));
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
