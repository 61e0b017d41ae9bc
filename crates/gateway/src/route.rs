//! Which service a call is for: its path read in one way only, then the longest match.
//!
//! Not here: whether the caller may call it.

mod host;
mod path;
mod table;

pub(crate) use host::host_of;
pub(crate) use path::{CallPath, is_service_path};
pub(crate) use table::{Conflict, Table};
