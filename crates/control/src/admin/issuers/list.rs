//! Lists issuers with the state of their keys.

use super::{EarlierSet, IssuerStatus};
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use axum::Json;
use axum::extract::State;
use portcullis_identity::jwks::KeySetFacts;
use portcullis_jose::KeySet;
use portcullis_model::Timestamp;
use serde::Serialize;

/// All issuers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Issuers {
    /// The entries, by name.
    pub items: Vec<IssuerStatus>,
}

/// List issuers, with the state of their keys
#[utoipa::path(get, path = "/admin/v1/issuers", operation_id = "list_issuers", tag = "issuers", responses((status = 200, body = Issuers)))]
pub async fn list(State(control): State<Control>, caller: Caller) -> Answer<Issuers> {
    caller.whole()?;
    let mut items: Vec<IssuerStatus> = control.identity().key_sets().into_iter().map(shown).collect();
    items.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(Issuers { items }))
}

fn shown(facts: KeySetFacts) -> IssuerStatus {
    IssuerStatus {
        name: facts.issuer,
        kids: facts.keys.as_ref().map(kids).unwrap_or_default(),
        fetched_at: facts.fetched_at.map(Timestamp::rfc3339),
        fresh_until: facts.fresh_until.map(Timestamp::rfc3339),
        last_error: facts.last_error,
        history: facts
            .history
            .iter()
            .map(|earlier| EarlierSet {
                replaced_at: earlier.replaced_at.rfc3339(),
                kids: kids(&earlier.keys),
            })
            .collect(),
    }
}

fn kids(keys: &KeySet) -> Vec<String> {
    keys.iter().map(|key| key.kid().unwrap_or("-").to_owned()).collect()
}
