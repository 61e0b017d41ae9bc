//! What a user was known by, and with whom it was made one.

use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;
use portcullis_model::{Name, UserId, UserStatus};
use portcullis_store::entity::{identifiers, merges};
use serde::{Deserialize, Serialize};

/// Everything that a user is and was known by, and its merges.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct History {
    /// Current and past identifiers, oldest first; at most 1,000.
    pub identifiers: Vec<Identifier>,
    /// Merges of the user into others and of others into it, newest first; those that were taken back too.
    pub merges: Vec<Merge>,
}

/// Something that a user is or was known by.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Identifier {
    /// `identity`, `external_id`, `username`, `email`, `display_name` or `attributes.<name>`; `id` is our own.
    pub field: String,
    /// Of an identity: the issuer's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Name>,
    /// The value, byte for byte.
    pub value: String,
    /// Since when (RFC 3339).
    pub since: String,
    /// Until when (RFC 3339); absent while it is current. A past one resolves to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why it is past: `changed`, `unlinked`, or `merged` (the identity went to the survivor).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// One user made of two.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Merge {
    /// Who was merged.
    pub user: UserId,
    /// Into whom.
    pub into: UserId,
    /// Its status before; taking the merge back gives it back.
    pub status_before: UserStatus,
    /// When (RFC 3339).
    pub at: String,
    /// By whom.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was taken back (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<String>,
    /// By whom it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<String>,
}

impl From<identifiers::Identifier> for Identifier {
    fn from(identifier: identifiers::Identifier) -> Self {
        Self {
            field: identifier.field.to_string(),
            issuer: identifier.issuer,
            value: identifier.value,
            since: identifier.since.rfc3339(),
            until: identifier.until.map(|(until, _)| until.rfc3339()),
            ended: identifier.until.map(|(_, ended)| ended.as_str().to_owned()),
        }
    }
}

impl From<merges::Merge> for Merge {
    fn from(merge: merges::Merge) -> Self {
        let (undone_at, undone_by) = merge.undone.map(|(at, by)| (at.rfc3339(), by)).unzip();
        Self {
            user: merge.user,
            into: merge.into,
            status_before: merge.status_before,
            at: merge.at.rfc3339(),
            by: merge.by,
            reason: merge.reason,
            undone_at,
            undone_by,
        }
    }
}

/// Show what a user is and was known by, and its merges
#[utoipa::path(get, path = "/admin/v1/users/{user}/history", operation_id = "show_user_history", tag = "users", params(("user" = UserId, Path)), responses((status = 200, body = History)))]
pub async fn history(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Answer<History> {
    super::seen(&control, &caller, id).await?;
    let identifiers = identifiers::list_by_user(control.store(), id).await?;
    let merges = merges::list_by_user(control.store(), id).await?;
    Ok(Json(History {
        identifiers: identifiers.into_iter().map(Identifier::from).collect(),
        merges: merges.into_iter().map(Merge::from).collect(),
    }))
}
