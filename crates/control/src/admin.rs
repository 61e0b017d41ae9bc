//! The admin API: one folder per resource, one file per verb. A new verb is a file and a route line in its resource;
//! OpenAPI follows, and the coverage test fails until the verb's refusals are tested.

pub mod api_keys;
pub mod applications;
pub mod audit;
pub mod backups;
pub mod configuration;
pub mod doctor;
pub mod errors;
pub mod issuers;
pub mod operators;
pub mod records;
pub mod revocations;
pub mod routes;
pub mod secrets;
pub mod sources;
pub mod teams;
pub mod tenants;
pub mod tokens;
pub mod users;
pub mod webhooks;

use crate::Control;
use utoipa_axum::router::OpenApiRouter;

/// Every resource, in the order of the description.
pub const RESOURCES: &[fn() -> OpenApiRouter<Control>] = &[
    tenants::routes,
    users::routes,
    teams::routes,
    applications::routes,
    api_keys::routes,
    tokens::routes,
    revocations::routes,
    issuers::routes,
    sources::routes,
    records::routes,
    errors::routes,
    doctor::routes,
    audit::routes,
    webhooks::routes,
    operators::routes,
    secrets::routes,
    configuration::routes,
    backups::routes,
];
