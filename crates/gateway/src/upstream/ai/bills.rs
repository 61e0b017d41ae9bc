//! Whether what a batch used has yet to be written into a record.
//!
//! Here it is only kept from being said again and again. That one record has it in the end is for the database, which takes
//! it out of all but the first that it is brought: so in doubt it is said once more.

use portcullis_model::{Name, Timestamp};
use portcullis_store::Store;
use portcullis_store::entity::bills;
use quick_cache::sync::{Cache, GuardResult};
use std::time::Duration;

/// How long a record may be on its way. Behind that it is taken for lost, unless the database has it.
const ON_ITS_WAY: Duration = Duration::from_secs(10 * 60);
/// How many are remembered; each is about a hundred bytes.
const MOST: usize = 10_000;

/// Of which batches it is written down what they used.
pub(super) struct Bills {
    store: Store,
    /// Until when a record of this process is on its way.
    said: Cache<(Name, Box<str>), Timestamp>,
}

impl Bills {
    pub(super) fn new(store: Store) -> Self {
        Self { store, said: Cache::new(MOST) }
    }

    /// Whether the caller's record is to say what this batch used. A yes is remembered: it is to be acted on without another
    /// await, which might be the last.
    pub(super) async fn is_due(&self, provider: &Name, batch: &str, now: Timestamp) -> bool {
        match bills::record_of(&self.store, batch, provider.as_str()).await {
            Ok(None) => {}
            Ok(Some(_)) => return false,
            Err(error) => {
                tracing::debug!(%error, batch, "whether what a batch used is in a record cannot be read");
            }
        }
        let key = (provider.clone(), Box::from(batch));
        let until = now.plus(ON_ITS_WAY);
        match self.said.get_value_or_guard(&key, Some(Duration::ZERO)) {
            GuardResult::Value(known) if now < known => false,
            GuardResult::Value(_) => {
                self.said.insert(key, until);
                true
            }
            // Where it cannot be remembered it is said once more.
            GuardResult::Guard(guard) => {
                let _ = guard.insert(until);
                true
            }
            // Somebody else puts it there just now.
            GuardResult::Timeout => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_model::Record;
    use portcullis_store::entity::records::insert_batch;
    use portcullis_store::{Database, Options};
    use serde_json::json;

    #[tokio::test]
    async fn it_is_due_until_a_record_of_it_is_stored() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(Options::new(Database::Sqlite(data.path().join("p.db")))).await.unwrap();
        let (one, other) = (Bills::new(store.clone()), Bills::new(store.clone()));
        let (here, there) = (Name::new("here").unwrap(), Name::new("there").unwrap());
        let now = Timestamp::from_seconds(1_763_798_950);
        assert!(one.is_due(&here, "batch_1", now).await);
        assert!(!one.is_due(&here, "batch_1", now).await, "its record is on its way");
        assert!(one.is_due(&there, "batch_1", now).await, "another batch");
        // A node beside it, or after this one was killed: which of them has it is for the database.
        assert!(other.is_due(&here, "batch_1", now).await);
        let late = now.plus(ON_ITS_WAY);
        assert!(one.is_due(&here, "batch_1", late).await, "its record never came");
        assert!(!one.is_due(&here, "batch_1", late).await);
        let record: Record = serde_json::from_value(json!({
            "id": portcullis_model::RequestId::new(now, [7; 10]), "at": now, "outcome": "client_closed", "status": 200,
            "provider": "here", "batch": "batch_1", "method": "GET", "path": "/v1/batches/batch_1",
            "source": "192.0.2.7", "bytes_in": 0, "bytes_out": 0, "attempts": 1,
            "timing": { "identified": 1, "dispatched": 2, "first_byte": 3, "total": 4 },
        }))
        .unwrap();
        insert_batch(&store, &[record]).await.unwrap();
        for bills in [&one, &other, &Bills::new(store.clone())] {
            assert!(!bills.is_due(&here, "batch_1", late.plus(ON_ITS_WAY)).await);
        }
        // Where the database cannot be asked, it is rather said twice than never.
        store.close().await;
        assert!(other.is_due(&here, "batch_2", now).await);
    }
}
