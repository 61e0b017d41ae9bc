//! Sinks: those outside who are told what happens in the directory. Each follows the event log by position, at its own
//! pace, in order and at least once; the log and the calls wait for none of them.
//!
//! A kind of sink is one file that implements [`Sink`] and one line in [`open`]. How often something is tried, what
//! becomes of what cannot be delivered and which node delivers is the same for all and here, in `worker.rs`.
//!
//! Not here: caches of this process, which follow the log themselves.
//!
//! Metrics, all with the label `sink`: `portcullis_sink_delivered_total`, `portcullis_sink_failures_total` (`reason`),
//! `portcullis_sink_dead_letters_total`, `portcullis_sink_lag_seconds` (gauge: the age of the event that waits; on the node
//! that delivers).

mod deliveries;
mod nats;
mod notice;
mod signature;
mod webhook;
mod worker;

pub use deliveries::Deliveries;
pub use notice::Notice;
pub use worker::{Next, Worker};

use async_trait::async_trait;
use portcullis_config::Config;
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Clock, Problem};
use portcullis_net::egress::Egress;
use std::sync::Arc;
use std::time::Duration;

/// Somebody outside who is told what happens.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// What kind it is, as `webhook`.
    fn kind(&self) -> &'static str;

    /// Where it is, as people may see it.
    fn target(&self) -> String;

    /// Whether it is told of this.
    fn wants(&self, notice: &Notice) -> bool;

    /// How long it is waited for.
    fn patience(&self) -> Patience;

    /// Tells it. The same notice may come again: it carries the same id then.
    async fn deliver(&self, notice: &Notice) -> Delivery;
}

/// How long a sink is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Time for one delivery.
    pub timeout: Duration,
    /// How old an event must be, and for how long the sink must have failed, before the event is set aside.
    pub give_up_after: Duration,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The sink has it.
    Done,
    /// It has not; later perhaps.
    Failed {
        /// For metrics: a word.
        reason: &'static str,
        /// For people.
        why: String,
        /// It asked to be left alone for so long.
        after: Option<Duration>,
    },
    /// It wants nothing any more.
    Gone {
        /// For people.
        why: String,
    },
}

/// The sinks of a configuration, or everything that is wrong with them.
///
/// # Errors
/// A secret that cannot be read or is none, a certificate that cannot be read.
pub fn open(
    config: &Config,
    secrets: &dyn SecretSource,
    egress: &Egress,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Arc<dyn Sink>>, Vec<Problem>> {
    let (mut sinks, mut problems): (Vec<Arc<dyn Sink>>, Vec<Problem>) = Default::default();
    if let Some(configured) = &config.events.nats {
        match nats::Nats::open(configured, secrets, egress) {
            Ok(nats) => sinks.push(Arc::new(nats)),
            Err(problem) => problems.push(problem),
        }
    }
    for configured in &config.webhooks {
        match webhook::Webhook::open(configured, secrets, egress, clock) {
            Ok(webhook) => sinks.push(Arc::new(webhook)),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(sinks) } else { Err(problems) }
}
