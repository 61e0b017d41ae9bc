//! API keys of ours, `pck_<id>_<secret>`: found by id, the secret compared as a keyed hash in constant time.

use crate::identity::Identity;
use crate::lookup::{Freshness, Seen, Slot};
use crate::observe::{Effects, Fact, Observer};
use crate::resolve::{KeyRecord, unresolved};
use crate::secrets::Credential;
use portcullis_fault::{Fault, codes};
use portcullis_model::{ApiKey, ApiKeyId, Application, Timestamp};
use std::sync::Arc;

/// A key that counts.
#[derive(Clone)]
pub struct ApiKeyCaller {
    slot: Arc<Slot<Option<KeyRecord>>>,
    key: Arc<ApiKey>,
    now: Timestamp,
    /// The state of the directory before anything was believed of it.
    seen: Seen,
}

impl ApiKeyCaller {
    /// The key.
    pub fn key(&self) -> &Arc<ApiKey> {
        &self.key
    }

    /// The application that it belongs to.
    pub fn application(&self) -> Option<&Arc<Application>> {
        self.record().map(|record| &record.application)
    }

    /// When the call was checked.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen
    }

    pub(crate) fn record(&self) -> Option<&KeyRecord> {
        self.slot.answer.as_ref()
    }
}

impl std::fmt::Debug for ApiKeyCaller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeyCaller").field("key", &self.key.id).finish_non_exhaustive()
    }
}

impl Identity {
    /// Checks an API key.
    pub(crate) async fn api_key<O: Observer>(
        &self,
        text: &str,
        effects: Effects,
        observer: &mut O,
    ) -> Result<ApiKeyCaller, Fault> {
        let runtime = self.runtime();
        let (now, seen) = (runtime.clock().now(), runtime.invalidation().look());
        let Some(credential) = Credential::parse("pck", text) else {
            return Err(Fault::new(codes::API_KEY_INVALID)
                .detail("the API key is not of the form `pck_<id>_<secret>`"));
        };
        let id = ApiKeyId(credential.id());
        let slot = runtime
            .resolver()
            .api_key(id, now, effects)
            .await
            .map_err(|unasked| unresolved(unasked, observer))?;
        let Some(record) = &slot.answer else {
            // As much work as for a key that exists.
            runtime.pepper().verify(&credential, &[0; 32]);
            observer.note(Fact::Resolved { outcome: "unknown", freshness: Freshness::Asked });
            return Err(Fault::new(codes::API_KEY_UNKNOWN).context(format!("there is no API key {id}")));
        };
        observer.note(Fact::ApiKey(id));
        if !runtime.pepper().verify(&credential, &record.key.hash) {
            return Err(
                Fault::new(codes::API_KEY_UNKNOWN).context(format!("the secret of API key {id} is wrong"))
            );
        }
        let key = record.key.clone();
        if let Some(at) = key.revoked_at {
            return Err(Fault::new(codes::API_KEY_REVOKED)
                .context(format!("API key {id} (`{}`) was revoked at {at}", key.name)));
        }
        if let Some(at) = key.expires_at.filter(|at| *at <= now) {
            let replaced = key.replaced_by.map(|next| format!("; {next} replaces it")).unwrap_or_default();
            return Err(Fault::new(codes::API_KEY_EXPIRED)
                .context(format!("API key {id} (`{}`) expired at {at}{replaced}", key.name)));
        }
        if effects.live() {
            runtime.key_used(id, now);
        }
        Ok(ApiKeyCaller { slot, key, now, seen })
    }
}
