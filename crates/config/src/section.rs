//! The sections of the file, one type and one file each. Their defaults are what runs without a file.

mod ai;
mod cluster;
mod control;
mod events;
mod gateway;
mod network;
mod records;
mod resolution;
mod secrets;
mod storage;
mod telemetry;
mod tls;

pub use ai::Ai;
pub use cluster::Cluster;
pub use control::Control;
pub use events::{Events, Nats};
pub use gateway::{FailureBudget, Gateway};
pub use records::{Records, WhenFull};
pub use resolution::{Breaker, Resolution};
pub use secrets::Secrets;
pub use storage::{Database, Storage};
pub use telemetry::{LogFormat, Telemetry};
pub use tls::Tls;
