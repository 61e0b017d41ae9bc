//! The whole crate against a real store and a real HTTP server, with a clock that is set by hand.

mod api_keys;
mod attack;
mod authorize;
mod catalogue;
mod directory;
mod fixture;
mod hot_path;
mod issuers;
mod keys;
mod ldap;
mod nested;
mod outages;
mod resolution;
mod single_use;
mod sources;
mod standing;
mod sync;
mod team_access;
mod teams;
