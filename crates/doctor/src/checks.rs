//! The checks: one file per cause, one line here. Their order is the order among findings of the same weight.

mod algorithm;
mod api_key;
mod application;
mod audience;
mod cache;
mod claims;
mod downstream;
mod groups;
mod history;
mod issuer;
mod key_set;
mod kind;
mod lifetime;
mod mapping;
mod near;
mod password;
mod recreated;
mod refusal;
mod replayed;
mod revoked;
mod service;
mod shape;
mod signature;
mod skew;
mod source;
mod source_near;
mod sync;
mod tenant;
mod user;
mod user_source;

use crate::check::Check;

/// Every check.
pub const CHECKS: &[&dyn Check] = &[
    &kind::Kind,
    &shape::Shape,
    &algorithm::Algorithm,
    &key_set::KeySet,
    &signature::Signature,
    &issuer::Issuer,
    &skew::Skew,
    &lifetime::Lifetime,
    &audience::Audience,
    &claims::Claims,
    &revoked::Revoked,
    &replayed::Replayed,
    &api_key::ApiKey,
    &tenant::Tenant,
    &application::Application,
    &source::Source,
    &user_source::UserSource,
    &sync::Sync,
    &cache::Cache,
    &user::User,
    &source_near::SourceNear,
    &near::Near,
    &mapping::Mapping,
    &history::History,
    &password::Password,
    &recreated::Recreated,
    &groups::Groups,
    &service::Service,
    &downstream::Downstream,
    &refusal::Refusal,
];
