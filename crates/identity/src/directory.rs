//! The write side of the directory: what may become of users, teams, applications, keys, tenants, secrets and revocations.
//!
//! Every change is one transaction of three: the record, the event that tells every node, and the audit entry that says
//! who did it. The SQL is the store's; the rules are here.

mod api_keys;
mod applications;
mod change;
mod folding;
mod import;
mod members;
mod merge;
mod mirror;
mod near;
mod operators;
mod provision;
mod revocations;
mod secrets;
mod sync;
mod teams;
mod tenants;
mod users;

pub use api_keys::NewApiKey;
pub use applications::NewApplication;
pub use change::Actor;
pub use folding::colliding_subjects;
pub use import::{Format, Import, Imported, RowError};
pub use members::{MembersChange, MembersChanged};
pub(crate) use mirror::VANISHED;
pub use mirror::{Former, Mirrored};
pub use near::NearMiss;
pub use operators::NewOperator;
pub use provision::{Fed, Feed, ProvisionedTeam, ProvisionedUser, Seen};
pub use sync::Synchronisation;
pub use teams::{NewTeam, TeamChange};
pub(crate) use users::Admission;
pub use users::{NewUser, UserChange};

use crate::secrets::{Custody, Pepper};
use portcullis_fault::{Fault, codes};
use portcullis_model::{Clock, Rng};
use portcullis_store::Store;
use std::sync::Arc;

/// The write side of the directory. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    store: Store,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    pepper: Pepper,
    custody: Custody,
}

impl Directory {
    /// Writes to `store`. Credentials are hashed under `pepper`, stored secrets sealed by `custody`.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        pepper: Pepper,
        custody: Custody,
    ) -> Self {
        Self { store, clock, rng, pepper, custody }
    }

    /// The database behind it.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").field("store", &self.store).finish_non_exhaustive()
    }
}

/// What was asked for is against the rules.
fn conflict(detail: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(codes::RESOURCE_CONFLICT).detail(detail)
}

fn not_found(what: &'static str) -> Fault {
    Fault::new(codes::RESOURCE_NOT_FOUND).detail(format!("no such {what}"))
}
