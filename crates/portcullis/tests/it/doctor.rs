//! The doctor at work: each cause is brought about with real parts, and the first finding is held against it, through the
//! admin API and through the command line.

mod alone;
mod calls;
mod causes;
mod groups;
mod issuer;
mod keys;
mod ldap;
mod outage;
mod people;
mod replayed;
mod sources;
mod tenants;
mod tokens;
pub mod world;
