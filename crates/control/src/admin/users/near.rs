//! Finds whom a text may have been meant for.

use super::User;
use super::history::Identifier;
use crate::Control;
use crate::admin::tenants;
use crate::answer::{Answer, invalid};
use crate::caller::Caller;
use crate::input::Query;
use crate::page::Page;
use axum::Json;
use axum::extract::State;
use portcullis_identity::directory;
use serde::{Deserialize, Serialize};

/// What is searched for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Near {
    /// The text that is nobody's, as the `sub` of a token; at most 1,024 bytes.
    pub text: String,
    /// Of this tenant: id or name.
    pub tenant: Option<String>,
}

/// An identifier that the text may have been meant for.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NearMiss {
    /// Whose it is, or was.
    pub user: User,
    /// Which, and whether it is past.
    pub identifier: Identifier,
    /// All that has to be overlooked for the two to be the same: `invisible`, `unicode_form`, `white_space`, `case`, `prefix`,
    /// `local_part`, `domain`, `uuid_form`, `number_form`, `edits`. None: they are the same.
    pub differences: Vec<String>,
    /// Characters that are different then: 0, 1 or 2.
    pub distance: u8,
}

impl From<directory::NearMiss> for NearMiss {
    fn from(near: directory::NearMiss) -> Self {
        Self {
            user: near.user.into(),
            identifier: near.identifier.into(),
            differences: near.differences.into_iter().map(|one| one.as_str().to_owned()).collect(),
            distance: near.distance,
        }
    }
}

/// Find the users that a text may have been meant for: past and current identifiers in another form, or a typing error away
#[utoipa::path(get, path = "/admin/v1/users/near", operation_id = "find_near_users", tag = "users", params(Near), responses((status = 200, body = Page<NearMiss>)))]
pub async fn near(
    State(control): State<Control>,
    caller: Caller,
    Query(query): Query<Near>,
) -> Answer<Page<NearMiss>> {
    if query.text.is_empty() || query.text.len() > portcullis_store::entity::LONGEST_IDENTIFIER {
        return Err(invalid("query: `text` has 1 to 1,024 bytes"));
    }
    let tenant = tenants::scope(&control, &caller, query.tenant.as_deref()).await?;
    let found = control.directory().near(tenant, &query.text).await?;
    Ok(Json(Page { items: found.into_iter().map(NearMiss::from).collect(), next: None }))
}
