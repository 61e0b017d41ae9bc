//! All endpoints, by where and how: they outlive configurations, so that a change of one service does not close the
//! connections of the others.

use super::endpoint::Endpoint;
use portcullis_model::issuer;
use portcullis_net::egress::Egress;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

/// The endpoints.
pub(crate) struct Endpoints {
    egress: Egress,
    tasks: TaskTracker,
    known: Mutex<HashMap<Key, Arc<Endpoint>>>,
}

/// What makes two ways the same: the origin, the settings, and the age of the files that they name.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    origin: String,
    settings: String,
    files: Vec<Option<SystemTime>>,
}

impl Key {
    fn of(url: &Url, settings: &issuer::Egress) -> Self {
        let files = [&settings.ca_file, &settings.client_certificate_file, &settings.client_key_file];
        let changed =
            |path: &std::path::PathBuf| std::fs::metadata(path).and_then(|file| file.modified()).ok();
        Self {
            origin: url.origin().ascii_serialization(),
            settings: format!("{settings:?}"),
            files: files.into_iter().flatten().map(changed).collect(),
        }
    }
}

impl Endpoints {
    pub(crate) fn new(egress: Egress, tasks: TaskTracker) -> Self {
        Self { egress, tasks, known: Mutex::new(HashMap::new()) }
    }

    /// What they are reached by.
    pub(crate) fn egress(&self) -> &Egress {
        &self.egress
    }

    /// What outlives the call that began it.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// The way to `url`'s origin with these settings.
    pub(crate) fn endpoint(&self, url: &Url, settings: &issuer::Egress) -> Result<Arc<Endpoint>, String> {
        let key = Key::of(url, settings);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(endpoint) = known.get(&key) {
            return Ok(endpoint.clone());
        }
        let endpoint = Arc::new(Endpoint::new(url, settings, &self.egress, self.tasks.clone())?);
        known.insert(key, endpoint.clone());
        Ok(endpoint)
    }

    /// Forgets the ways that nothing refers to any more, and closes what has been idle for too long in the others.
    pub(crate) fn sweep(&self) {
        let (gone, left) = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let gone: Vec<_> = known
                .extract_if(|_, endpoint| Arc::strong_count(endpoint) == 1)
                .map(|(_, endpoint)| endpoint)
                .collect();
            (gone, known.values().cloned().collect::<Vec<_>>())
        };
        for endpoint in gone {
            endpoint.close();
        }
        for endpoint in left {
            endpoint.sweep();
        }
    }

    /// Sweeps now and then until `shutdown`, then closes what is idle.
    pub(crate) async fn run(&self, shutdown: CancellationToken) {
        let mut turn = tokio::time::interval(Duration::from_secs(5));
        turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(turn.tick()).await.is_some() {
            self.sweep();
        }
        let all: Vec<_> =
            self.known.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for endpoint in all {
            endpoint.close();
        }
    }
}
