//! Operations on key sets.

pub mod audit;
pub mod diff;
pub mod fetch;
