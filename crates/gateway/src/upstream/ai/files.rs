//! Files and batches: at which provider a file is kept, and what the calls in it may do.

use super::held::Held;
use super::{Models, Way};
use http::{HeaderMap, HeaderName};
use portcullis_fault::{Fault, codes};
use portcullis_identity::{ModelPermit, Permit};
use portcullis_llm::dialect::Operation;
use portcullis_llm::dialect::openai::batch::{Batch, at_line};
use portcullis_llm::dialect::request::Reach;
use portcullis_model::holding::Kind;
use portcullis_model::{Name, Timestamp};
use std::collections::{BTreeMap, HashSet};

/// By which model's provider a file is to be kept.
static MODEL: HeaderName = HeaderName::from_static("x-portcullis-model");

/// Ids and tools that the calls of one file refer to together.
const REFERRED: usize = 1_000;

/// The model by whose provider a file is kept that asks none itself: the one that the caller names, or any of the one provider
/// that there is.
///
/// # Errors
/// `ai_request_invalid`: there is no such provider, or several.
pub(crate) fn keeper(models: &Models<'_>, permit: &Permit, headers: &HeaderMap) -> Result<String, Fault> {
    let mut named = headers.get_all(&MODEL).iter();
    if let Some(name) = named.next() {
        let name = name.to_str().ok().filter(|_| named.next().is_none());
        return name.map(str::to_owned).ok_or_else(|| {
            Fault::new(codes::AI_REQUEST_INVALID).detail("header `x-portcullis-model` must name one model")
        });
    }
    // By provider, the first model there in the order of names.
    let mut keepers: BTreeMap<&str, &str> = BTreeMap::new();
    for name in models.identity.models_for(permit) {
        for deployment in models.targets.get(name).map(|target| &target.deployments[..]).unwrap_or_default() {
            let keeps = matches!(deployment.way, Way::Http(_))
                && deployment.way.preset().serves(Operation::FileUpload);
            if keeps {
                let first = keepers.entry(deployment.provider.as_str()).or_insert(name.as_str());
                *first = (*first).min(name.as_str());
            }
        }
    }
    let mut keepers = keepers.into_values();
    match (keepers.next(), keepers.next()) {
        (Some(model), None) => Ok(model.to_owned()),
        (None, _) => Err(Fault::new(codes::AI_REQUEST_INVALID)
            .detail("no model that you may use is at a provider that keeps files")),
        _ => Err(Fault::new(codes::AI_REQUEST_INVALID).detail(
            "several providers could keep this file; name a model of the one that is meant in the header `x-portcullis-model`",
        )),
    }
}

/// What the calls in a file reach for, which is the same as what the file does; each judged like one of its own.
///
/// # Errors
/// Those of a call, with the number of the line.
pub(crate) async fn judge(
    models: &Models<'_>,
    permit: &ModelPermit,
    calls: &Batch,
    now: Timestamp,
) -> Result<Reach, Fault> {
    let target = models.targets.get(permit.model()).ok_or(codes::MODEL_NOT_FOUND)?;
    let mut all = Reach::default();
    let mut seen: HashSet<(Kind, String)> = HashSet::new();
    for line in calls.lines() {
        let judged = async {
            let reach = &line.reach;
            target.within.tools(reach, permit, models.identity)?;
            all.speech |= reach.speech;
            for tool in &reach.tools {
                if !all.tools.contains(tool) {
                    all.tools.push(tool.clone());
                }
            }
            for id in &reach.ids {
                if !seen.insert((id.kind, id.text.clone())) {
                    continue;
                }
                if !target.within.shares(&id.text) {
                    models.held.find(permit.permit(), id.kind, &id.text, now).await?;
                }
                all.ids.push(id.clone());
            }
            if all.ids.len() + all.tools.len() > REFERRED {
                return Err(Fault::new(codes::AI_REQUEST_INVALID).detail(format!(
                    "the file refers to more than {REFERRED} ids and tools of the provider; send it in parts"
                )));
            }
            Ok(())
        };
        judged.await.map_err(|fault: Fault| at_line(line.number, &fault))?;
        // A long file keeps nobody else waiting.
        if line.number % 256 == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok(all)
}

/// The model that a file of calls asks which a batch is to be made of: a file of the caller's own that was read when it came.
///
/// # Errors
/// `ai_object_not_found`, `ai_request_invalid`, `store_unavailable`.
pub(crate) async fn input(
    held: &Held,
    permit: &Permit,
    reach: &Reach,
    now: Timestamp,
) -> Result<Name, Fault> {
    let [id] = &reach.ids[..] else {
        return Err(Fault::new(codes::AI_REQUEST_INVALID).detail(
            "member `input_file_id` must name the one file of calls, and no other file may be named",
        ));
    };
    let holding = held.find(permit, Kind::File, &id.text, now).await?;
    // Known as both only if its lines were judged.
    let read = held.find(permit, Kind::BatchInput, &id.text, now).await;
    match (read, &holding.model) {
        (Ok(_), Some(model)) => Ok(model.clone()),
        (Err(fault), _) if fault.code() != codes::AI_OBJECT_NOT_FOUND => Err(fault),
        _ => Err(Fault::new(codes::AI_REQUEST_INVALID)
            .detail("member `input_file_id` names a file that was not uploaded with the purpose `batch`")),
    }
}
