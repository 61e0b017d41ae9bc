//! SCIM 2.0 (RFC 7643, RFC 7644) under [`PATH`] of the control listener: identity providers feed a tenant's users and teams.
//!
//! Who calls is a provisioner, an operator credential that is bound to one tenant and one source, and that is good for
//! nothing else. What becomes of users and teams is `identity::directory`'s; here is what SCIM is: schemas, filters, PATCH,
//! entity tags, bulk, and the shape of answers. It describes itself (`/Schemas`, `/ResourceTypes`,
//! `/ServiceProviderConfig`), and so is not in `openapi.json`: its bodies follow from schemas that clients read, not from
//! types of ours.

mod answer;
mod bulk;
mod client;
mod coerce;
mod conditions;
mod discovery;
mod failure;
mod filter;
#[cfg(test)]
mod fuzz_corpus;
mod groups;
mod input;
mod listing;
mod patch;
mod project;
mod resources;
mod schema;
mod turns;
mod users;
mod weight;

pub(crate) use client::Client;
pub(crate) use failure::{ScimType, body, headers};
pub(crate) use turns::Turns;

use crate::Control;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

/// Where it is served.
pub const PATH: &str = "/scim/v2";

/// The routes, all of them for provisioners.
pub(crate) fn routes(control: &Control) -> Router<Control> {
    let at = |path: &str| format!("{PATH}{path}");
    Router::new()
        .route(&at("/ServiceProviderConfig"), get(discovery::provider))
        .route(&at("/ResourceTypes"), get(discovery::resource_types))
        .route(&at("/ResourceTypes/{name}"), get(discovery::resource_type))
        .route(&at("/Schemas"), get(discovery::schemas))
        .route(&at("/Schemas/{id}"), get(discovery::schema))
        .route(&at("/Me"), axum::routing::any(discovery::me))
        .route(&at("/Bulk"), post(bulk::bulk))
        .route(&at("/.search"), post(listing::search_all))
        .route(&at("/{endpoint}"), get(listing::list).post(resources::create))
        .route(&at("/{endpoint}/.search"), post(listing::search))
        .route(
            &at("/{endpoint}/{id}"),
            get(resources::show).put(resources::replace).patch(resources::change).delete(resources::delete),
        )
        .layer(from_fn_with_state(control.clone(), client::authenticate))
}

/// Where clients reach it.
pub(crate) fn base(control: &Control) -> String {
    let pages = control.pages();
    format!("{}{PATH}", pages.strip_suffix("/errors").unwrap_or(pages))
}
