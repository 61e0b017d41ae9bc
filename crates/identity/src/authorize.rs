//! May this principal call this service, and use this model? Yields the sealed [`Permit`].
//!
//! In order, cheapest and most telling first: tenant isolation, the limits of the API key, the service's `allow`,
//! scopes, roles, and then policies as code. Models are denied to a tenant unless granted.
//!
//! # How policies decide
//!
//! The built-in checks above are not Cedar and no policy overrules them. Behind them every action (`call`,
//! `use_model`, `use_tool`) starts out open. A `forbid` that matches closes it for that call and always wins. The first `permit`
//! that speaks of an action, in the policies that apply to a tenant (its own and the global ones), turns that action
//! into "only what is permitted" for that tenant, as Cedar's own default is. A policy that fails to evaluate (an
//! attribute that is not there) denies the call if it is a `forbid`: what cannot be decided is not let through.

mod entities;
mod memo;
mod mentions;
mod model;
mod permit;
mod policies;
mod schema;
mod service;

pub use permit::{ModelPermit, Permit};
pub use schema::SCHEMA;
pub use service::{CallFacts, ServiceRules};

pub(crate) use model::Models;
pub(crate) use policies::Policies;
