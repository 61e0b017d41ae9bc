//! The words of the domain, as types: what the file, the API, the database and the request path all mean when
//! they say *tenant*, *user*, *issuer*, *service* or *record*.
//!
//! Not here: how any of it is stored (`store`), read from a file (`config`) or decided (`identity`, `gateway`).

pub mod application;
pub mod audit;
pub mod event;
pub mod holding;
pub mod id;
pub mod issuer;
pub mod name;
pub mod policy;
pub mod principal;
pub mod probe;
pub mod provider;
pub mod record;
pub mod route;
pub mod secret_ref;
pub mod service;
pub mod source;
pub mod specification;
pub mod sync;
pub mod team;
pub mod tenant;
pub mod time;
pub mod unit;
pub mod usage;
pub mod user;
pub mod webhook;

pub use application::{ApiKey, Application};
pub use holding::Holding;
pub use id::*;
pub use issuer::Issuer;
pub use name::Name;
pub use policy::Policy;
pub use principal::Principal;
pub use probe::Probe;
pub use provider::{Deployment, Model, Provider};
pub use record::Record;
pub use secret_ref::SecretRef;
pub use service::Service;
pub use source::Source;
pub use specification::{Problem, Specification};
pub use team::{Membership, Team};
pub use tenant::Tenant;
pub use time::{Clock, Rng, SystemClock, Timestamp};
pub use unit::{ByteSize, Span};
pub use usage::Usage;
pub use user::{Identity, User, UserStatus};
pub use webhook::Webhook;
