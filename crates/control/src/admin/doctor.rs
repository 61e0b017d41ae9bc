//! The doctor: why a caller was refused, and what the process sees of its surroundings. It reads and changes nothing.

mod examine;
mod instance;

use crate::Control;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(instance::instance))
}

/// The examination, which every role may ask for: it changes nothing, whatever its method.
pub fn examination() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(examine::examine))
}
