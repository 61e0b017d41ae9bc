//! Storage: one SQL text on two databases (SQLite, PostgreSQL), the event log, and the spool of records.
//!
//! What is here knows how records are kept, not what may be done with them: the life cycle of users is `identity`'s,
//! who may change what is `control`'s. Adding a table: one migration, one file in `entity/`, its contract tests in
//! `tests/contract/`.
//!
//! Functions that read take an [`Executor`]: `&Store`, or `&mut Tx` within a transaction. Functions that write take
//! `&mut Tx`, so that a change, its event and its audit entry are one.

mod backfill;
mod backup;
mod data_dir;
pub mod entity;
mod error;
mod events;
mod external;
mod listener;
mod migrations;
pub mod near;
mod redis;
pub mod spool;
mod sql;
mod statement;
mod store;
mod tx;
mod value;

pub use backup::{Restored, backup, restore};
pub use data_dir::DataDir;
pub use error::Error;
pub use events::{Events, Signal, Subscription};
pub use external::{Bound, External, ExternalError};
pub use spool::{Spool, SpoolOptions, SpoolReader, WhenFull};
pub use statement::{Executor, Page};
pub use store::{Database, Options, Store};
pub use tx::Tx;

pub(crate) use value::Row;
