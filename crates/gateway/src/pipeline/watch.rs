//! Who is to be watched while an answer takes its time: what the decision to let it in was based on.

use crate::route::CallPath;
use crate::snapshot::{Route, Snapshot};
use http::{Method, Uri};
use portcullis_identity::{Again, CallFacts, Caller, Standing};
use portcullis_model::{Principal, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;

/// A principal that was let in, by which credential and to what. Costs nothing until it is watched; whatever happened since
/// the credential was checked counts then, too.
pub(crate) struct Watch {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) principal: Arc<Principal>,
    pub(super) caller: Caller,
    pub(super) route: Route,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) client: IpAddr,
    pub(super) at: Timestamp,
}

impl Watch {
    /// Begins to watch. Whoever has other roles or is in other teams by now is let in again or not, under the configuration
    /// that the call began with.
    pub(crate) fn standing(self) -> Standing {
        let Self { snapshot, principal, caller, route, method, uri, client, at } = self;
        let (decides, of) = (snapshot.clone(), caller.clone());
        let again: Again = Box::new(move |principal| {
            let path = CallPath::read(uri.path())?;
            let facts =
                CallFacts { method: &method, path: path.as_str(), client, now: at, caller: Some(&of) };
            decides.identity.would_authorize(principal, route.rules(), &facts)
        });
        snapshot.identity.watch(principal, Some(&caller), Some(again))
    }
}
