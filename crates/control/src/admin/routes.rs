//! Routing of AI calls, looked at without a call.

mod explain;

use crate::Control;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource, which every role may use: nothing is changed, whatever the method.
pub fn explanation() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(explain::explain))
}
