//! A changed configuration is taken over while running: when a file that it is made of changes, and on SIGHUP. A bad one
//! changes nothing and is said everywhere: in the log, in `/health/ready`, in the metrics, in the admin API.

use crate::cli::Globals;
use crate::failure::{Done, Failure};
use crate::watch::Watch;
use portcullis_control::Publisher;
use portcullis_model::Problem;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Runs until `shutdown`.
pub async fn run(
    globals: Globals,
    adjust: impl Fn(&mut portcullis_config::Config) -> Done,
    mut watch: Watch,
    publisher: Arc<Publisher>,
    shutdown: CancellationToken,
) {
    let mut hangup = signal(SignalKind::hangup()).ok();
    loop {
        let asked = tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK) => false,
            () = hung_up(&mut hangup) => true,
        };
        // Looked at before it is read: what is written meanwhile is seen the next time.
        if !watch.changed() && !asked {
            continue;
        }
        match load(globals.clone()).await {
            Err(failure) => refuse(&publisher, &failure),
            Ok(mut loaded) => {
                if let Err(failure) = adjust(&mut loaded.config) {
                    refuse(&publisher, &failure);
                    continue;
                }
                for warning in &loaded.warnings {
                    tracing::warn!(at = warning.at, "{}", warning.message);
                }
                // Watched whether it compiles or not: the mistake may be in a file that it newly names.
                watch.follow(&loaded.files);
                put_in_force(&publisher, loaded).await;
            }
        }
    }
}

fn refuse(publisher: &Publisher, failure: &Failure) {
    let problems = failure.problems();
    for Problem { at, message } in &problems {
        tracing::error!(
            at,
            problem = message,
            "the new configuration cannot be read; the one before stays in force"
        );
    }
    publisher.refuse(problems);
}

async fn load(globals: Globals) -> Done<portcullis_config::Loaded> {
    #[expect(
        clippy::disallowed_methods,
        reason = "one at a time: a large file must not hold up calls while it is read"
    )]
    let loaded = tokio::task::spawn_blocking(move || globals.load()).await;
    loaded.unwrap_or_else(|error| Err(Failure::new(format!("reading the configuration failed: {error}"))))
}

async fn hung_up(hangup: &mut Option<tokio::signal::unix::Signal>) {
    match hangup {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

async fn put_in_force(publisher: &Publisher, loaded: portcullis_config::Loaded) {
    match publisher.publish(Arc::new(loaded.config), loaded.files).await {
        Ok(version) => {
            tracing::info!(version, "the new configuration is in force");
            for setting in publisher.status().restart_needed {
                tracing::warn!(setting, "this setting takes effect after a restart");
            }
        }
        Err(problems) => {
            for Problem { at, message } in &problems {
                tracing::error!(
                    at,
                    problem = message,
                    "the new configuration does not compile; the one before stays in force"
                );
            }
        }
    }
}
