//! The configuration: what is in force since when, and why the newest one was refused, when it was. Changed in the
//! file, not here.

mod show;

use crate::Control;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What is in force.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Configuration {
    /// The version in force; grows with every publication, from 1 at each start. 0: none yet.
    pub version: u64,
    /// Since when (RFC 3339).
    pub published_at: Option<String>,
    /// The files it was read from.
    pub files: Vec<String>,
    /// Settings that differ from those at the start and take effect after a restart.
    pub restart_needed: Vec<String>,
    /// Why the newest configuration was refused; absent when it is the one in force.
    pub refused: Option<Refusal>,
    /// Users who are one under a subject rule in force: they are refused as ambiguous until they are told apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ambiguous: Vec<Defect>,
}

/// A configuration that was refused.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Refusal {
    /// When (RFC 3339).
    pub at: String,
    /// What is wrong with it.
    pub problems: Vec<Defect>,
}

/// Something wrong in a configuration.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Defect {
    /// Where: a path in the configuration, or a place in the file.
    pub at: String,
    /// What is wrong and what to do about it.
    pub message: String,
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(show::show))
}
