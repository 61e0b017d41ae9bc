//! Stored secrets: set here, encrypted at rest, named as `stored:NAME` in the configuration, shown to nobody.

mod delete;
mod list;
mod put;

use crate::Control;
use crate::answer::{Refused, invalid};
use portcullis_model::Name;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A stored secret: that it is there, and nothing of its value.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StoredSecret {
    /// What `stored:NAME` means.
    pub name: String,
    /// When it was last set (RFC 3339); absent when it was just removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(put::put, delete::delete))
}

fn name(text: &str) -> Result<Name, Refused> {
    Name::new(text).map_err(|what| invalid(format!("the secret's name: {what}")))
}
