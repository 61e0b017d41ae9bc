//! Who is to be watched while an answer takes its time: what the decision to let it in was based on.

use crate::snapshot::Snapshot;
use portcullis_identity::{Caller, Standing};
use portcullis_model::Principal;
use std::sync::Arc;

/// A principal that was let in, and by which credential. Costs nothing until it is watched; whatever happened since the
/// credential was checked counts then, too.
pub(crate) struct Watch {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) principal: Arc<Principal>,
    pub(super) caller: Caller,
}

impl Watch {
    /// Begins to watch.
    pub(crate) fn standing(self) -> Standing {
        self.snapshot.identity.watch(self.principal, Some(&self.caller))
    }
}
