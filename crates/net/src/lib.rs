//! The edge of the process: listeners on one side ([`accept`]), the guarded way out on the other ([`egress`]).
//!
//! Not here: what a call means (`gateway`), who makes it (`identity`), when a key set is fetched (`identity`).

pub mod accept;
mod cause;
pub mod egress;
