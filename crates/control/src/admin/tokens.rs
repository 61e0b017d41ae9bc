//! Tokens of the local issuer, for testing. Production tokens come from the tenants' own issuers.

mod create;

use crate::Control;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(create::create))
}
