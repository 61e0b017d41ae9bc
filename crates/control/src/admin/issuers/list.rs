//! Lists issuers with the state of their keys.

use super::{EarlierSet, IssuerStatus, OwnKey};
use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use axum::Json;
use axum::extract::State;
use portcullis_identity::DecryptionKeyFacts;
use portcullis_identity::jwks::KeySetFacts;
use portcullis_jose::KeySet;
use portcullis_model::{Name, Timestamp};
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
    let own = control.identity().decryption_keys();
    let mut items: Vec<IssuerStatus> =
        control.identity().key_sets().into_iter().map(|facts| shown(facts, &own)).collect();
    items.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(Issuers { items }))
}

fn shown(facts: KeySetFacts, own: &[(Name, Vec<DecryptionKeyFacts>)]) -> IssuerStatus {
    let own = own.iter().filter(|(issuer, _)| *issuer == facts.issuer).flat_map(|(_, keys)| keys);
    IssuerStatus {
        decryption_keys: own
            .map(|key| OwnKey {
                kid: key.kid.clone(),
                key_type: key.key_type.to_owned(),
                thumbprint: key.thumbprint.clone(),
                algorithms: key.algorithms.iter().map(|alg| (*alg).to_owned()).collect(),
            })
            .collect(),
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
