//! The admin API as its callers see it: who may what, on every route.

mod authentication;
mod coverage;
mod figures;
mod harness;
mod known;
mod nats;
mod nats_credentials;
mod patience;
#[path = "../../../store/tests/contract/port.rs"]
mod port;
mod publication;
mod resources;
mod retention;
mod routes;
mod scim;
mod teams;
mod webhooks;
mod workbench;
