//! The control plane: administration, publication, audit.
//!
//! It writes what the data plane reads, and calls nothing of it: [`publish`] turns the configuration and the store's
//! tenants into a specification and hands it over. The request path is not here (`gateway`), nor the rules of the
//! directory's life cycles (`identity::directory`): this crate checks who asks and what was sent, and calls them.

pub mod admin;
mod answer;
mod caller;
mod control;
mod exposition;
pub mod figures;
mod health;
mod input;
pub mod jobs;
mod known;
pub mod openapi;
mod page;
mod pages;
mod places;
pub mod publish;
mod rate;
pub mod scim;
pub mod sinks;
mod text;
pub mod workbench;

pub use caller::Entrance;
pub use control::{Control, Parts};
pub use health::{Alone, Readiness};
pub use publish::{DataPlane, Publisher};
