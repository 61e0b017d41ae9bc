//! The data plane: one call, from accept to record.
//!
//! `pipeline` is the one page that shows the order of things; everything else here is a step of it. A [`Gateway`] is
//! made once; a [`Snapshot`] of the configuration is compiled and swapped as a whole.
//!
//! Not here: sockets and their limits (`net`), who somebody is (`identity`), what AI formats mean (`llm`), how records are
//! kept (`store`), and anything that an operator calls (`control`).

// The layout of one call is a deep nest of futures; optimised builds look through all of it.
#![recursion_limit = "256"]

mod beside;
mod body;
mod filters;
mod gateway;
mod limit;
mod measure;
mod meter;
mod pipeline;
mod record;
mod reserved;
mod respond;
mod route;
mod snapshot;
mod trace;
mod upstream;

pub use body::Body;
pub use gateway::{Gateway, Parts};
pub use measure::describe;
pub use snapshot::Snapshot;
pub use trace::Spans;
pub use upstream::Cut;
pub use upstream::ai::explain_cold;
pub use upstream::google;
