//! Who changes something, and the two entries that every change leaves: an event and an audit entry.

use super::Directory;
use portcullis_fault::Fault;
use portcullis_model::audit::Audit;
use portcullis_model::event::Change;
use portcullis_model::{AuditId, TenantId, Timestamp};
use portcullis_store::entity::{audit, events};
use portcullis_store::{Error, Tx};
use serde_json::Value;

/// Who changes something, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `operator:<name>`, `socket:uid=<n>`, `file`, `issuer:<name>`.
    pub name: String,
    /// An address, `socket`, `file` or `token`.
    pub source: String,
}

impl Actor {
    /// An actor.
    pub fn new(name: impl Into<String>, source: impl Into<String>) -> Self {
        Self { name: name.into(), source: source.into() }
    }
}

/// A change under way: its transaction, its time, and who makes it.
pub(super) struct Work<'d> {
    pub tx: Tx,
    pub now: Timestamp,
    directory: &'d Directory,
    actor: &'d Actor,
}

impl Directory {
    pub(super) async fn work<'d>(&'d self, actor: &'d Actor) -> Result<Work<'d>, Error> {
        Ok(Work { tx: self.store.begin().await?, now: self.clock.now(), directory: self, actor })
    }
}

impl Work<'_> {
    /// Tells every node.
    pub fn event(&mut self, tenant: Option<TenantId>, change: Change) {
        events::append(
            &mut self.tx,
            events::New { at: self.now, tenant, actor: self.actor.name.clone(), change },
        );
    }

    /// Says who did what. `before` and `after` hold no secrets.
    pub async fn audit(
        &mut self,
        tenant: Option<TenantId>,
        action: &str,
        target: impl ToString,
        before: Value,
        after: Value,
    ) -> Result<(), Error> {
        let entry = Audit {
            id: AuditId::generate(&*self.directory.clock, &*self.directory.rng),
            at: self.now,
            actor: self.actor.name.clone(),
            source: self.actor.source.clone(),
            tenant,
            action: action.to_owned(),
            target: target.to_string(),
            before,
            after,
        };
        audit::insert(&mut self.tx, &entry).await
    }

    /// Makes it so.
    pub async fn done(self) -> Result<(), Fault> {
        self.tx.commit().await?;
        Ok(())
    }
}
