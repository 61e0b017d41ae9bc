//! Which model judges what must not be said, where a call names none: the vendor's libraries leave it to the vendor, whose own
//! choice is no model that was granted.

use super::Models;
use portcullis_fault::{Fault, codes};
use portcullis_identity::Permit;
use portcullis_llm::catalog::Kind;
use portcullis_llm::dialect::Operation;

/// The one model that the caller may use and that the catalogue knows to be for that.
///
/// # Errors
/// `ai_request_invalid`: there is none, or there are several.
pub(crate) fn moderator(models: &Models<'_>, permit: &Permit) -> Result<String, Fault> {
    let judges = |name: &&portcullis_model::Name| {
        let target = models.targets.get(*name);
        target.is_some_and(|target| {
            target.deployments.iter().any(|deployment| {
                let known = deployment.known.as_deref();
                known.is_some_and(|known| known.kind == Kind::Moderation)
                    && deployment.way.preset().serves(Operation::Moderations)
            })
        })
    };
    let mut judges = models.identity.models_for(permit).filter(judges);
    match (judges.next(), judges.next()) {
        (Some(model), None) => Ok(model.to_string()),
        (None, _) => Err(Fault::new(codes::AI_REQUEST_INVALID).detail(
            "member `model` is missing, and no model that you may use is known to be for moderations; name one",
        )),
        _ => Err(Fault::new(codes::AI_REQUEST_INVALID)
            .detail("member `model` is missing, and several models could be meant; name one")),
    }
}
