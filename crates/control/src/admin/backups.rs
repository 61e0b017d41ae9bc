//! Backups of the embedded database and the keys beside it, written on this machine; so only for callers on it.

mod create;

use crate::Control;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(create::create))
}
