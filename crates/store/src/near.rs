//! Texts that are nearly the same: how two of them differ, and the keys under which a text is found by those that are
//! near it.
//!
//! Not here: whose texts they are (`entity/identifiers.rs`), or what a near miss means to somebody. Nothing here
//! resolves anybody: resolution is exact.

mod forms;
mod likeness;

pub(crate) use forms::{asked, kept, whole};
pub use likeness::{Difference, Likeness, compare};
