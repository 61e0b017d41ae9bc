//! Codes of the catalogue, as far as this gateway's records tell of them.

mod figures;

use crate::Control;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(figures::figures))
}
