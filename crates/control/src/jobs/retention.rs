//! Forgets what need not be kept: records by age and by size, events that every node has seen, revocations and uses of
//! tokens that have expired anyway, whose old things at providers are.

use crate::publish::Publisher;
use portcullis_model::Clock;
use portcullis_store::{Error, Store, entity};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two rounds. What is kept too long by this much does no harm.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// The first round comes soon, so that a process that is restarted often forgets too, and not at once: a start is busy
/// enough.
const FIRST: Duration = Duration::from_secs(60);

/// How long events are kept: a node that was away for longer starts with empty caches anyway.
const EVENTS: Duration = Duration::from_secs(7 * 86_400);

/// How long what could not be delivered is kept, and how far sinks were told that have left the configuration.
const UNDELIVERED: Duration = Duration::from_secs(30 * 86_400);

/// Runs until `shutdown`.
pub async fn run(
    store: Store,
    publisher: Arc<Publisher>,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) {
    let mut wait = FIRST;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => wait = EVERY,
        }
        if let Err(error) = round(&store, &publisher, &*clock).await {
            tracing::warn!(%error, "what is too old could not be removed; the next round tries again");
        }
    }
}

/// One round.
pub async fn round(store: &Store, publisher: &Publisher, clock: &dyn Clock) -> Result<(), Error> {
    let (now, config) = (clock.now(), publisher.config());
    let keep = &config.records;
    let records =
        entity::records::prune(store, now.minus(keep.keep.0), keep.keep_size.map(|size| size.0)).await?;
    let mut tx = store.begin().await?;
    let untold = entity::sinks::note_missed(&mut tx, now.minus(EVENTS)).await?;
    let events = entity::events::prune(&mut tx, now.minus(EVENTS)).await?;
    tx.commit().await?;
    if untold > 0 {
        tracing::error!(
            sinks = untold,
            "events are forgotten that sinks were not told of yet; see `portcullis webhook list`"
        );
    }
    let mut tx = store.begin().await?;
    let revocations = entity::revocations::prune(&mut tx, now).await?;
    entity::dead_letters::prune(&mut tx, now.minus(UNDELIVERED)).await?;
    entity::sinks::prune(&mut tx, now.minus(UNDELIVERED)).await?;
    let forgotten = now.minus(config.ai.keep_ids.0);
    let holdings = entity::holdings::prune(&mut tx, forgotten, now).await?;
    // Made after the batches that they are of, of which nobody can ask any more.
    entity::bills::prune(&mut tx, forgotten).await?;
    tx.commit().await?;
    let used_tokens = entity::used_tokens::prune(store, now).await?;
    metrics::counter!("portcullis_records_pruned_total").increment(records);
    if records + events + revocations + holdings + used_tokens > 0 {
        tracing::debug!(records, events, revocations, holdings, used_tokens, "removed what was too old");
    }
    Ok(())
}
