//! Calls about something that lives at a provider: read, cancelled or deleted there, by whom it belongs to.
//!
//! There is no choice to be made: they go to the account in which it is, with the key that made it, and to no other.

use super::deployment::{HttpWay, Way};
use super::held::{Held, unknown};
use super::pass::keep_parameters;
use super::route::is_gone;
use super::{AiCall, Attempt, Deployment, Models, Outgoing, heads, no};
use crate::meter::Answer;
use crate::record::Recording;
use bytes::Bytes;
use http::{Method, StatusCode, header};
use portcullis_fault::{Fault, codes};
use portcullis_identity::{ModelPermit, Permit};
use portcullis_model::Name;
use portcullis_model::holding::{Holding, Kind};
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::time::Instant;

/// Sends a call about the caller's own `id`.
///
/// # Errors
/// `ai_object_not_found`: it is not the caller's, or the provider is not called any more. `model_not_granted` and the like:
/// the model that made it may not be used any more. `store_unavailable`.
pub(crate) async fn object(
    permit: &Permit,
    models: &Models<'_>,
    (kind, id): (Kind, &str),
    call: AiCall<'_>,
    recording: &mut Recording,
) -> Result<Answer, Fault> {
    let holding = models.held.find(permit, kind, id, recording.now()).await?;
    recording.record.model = holding.model.as_ref().map(Name::shared);
    let Place { permit, deployment, way, key } = Place::of(permit, models, &holding)?;
    recording.record.provider = Some(deployment.provider.shared());
    recording.record.deployment = Some(deployment.model.shared());
    recording.record.timing.dispatched = recording.elapsed();
    let end = call.timeout.map(|span| Instant::now() + span);
    let held: &Arc<Held> = models.held;
    let attempt = Attempt { permit: &permit, deployment, call: &call, key: Some(key), end, held };
    attempt.about(way, id, recording).await.or_else(|refused| refused.said)
}

/// Where something of a caller's lives, and how that is called.
pub(super) struct Place<'m> {
    permit: ModelPermit,
    deployment: &'m Deployment,
    way: &'m HttpWay,
    key: usize,
}

/// Longest description of something that is read.
const DESCRIBED: usize = 1 << 20;

impl<'m> Place<'m> {
    /// Where this is.
    ///
    /// # Errors
    /// `ai_object_not_found`: its provider is not called any more. `model_not_granted` and the like.
    pub(super) fn of(permit: &Permit, models: &Models<'m>, holding: &Holding) -> Result<Self, Fault> {
        let gone = |why: String| unknown(holding.kind, &holding.object).context(why);
        let Some(model) = &holding.model else { return Err(gone("it was made with no model".to_owned())) };
        let permit = models.identity.authorize_model(permit, model.as_str())?;
        let target = models.targets.get(model);
        let deployments = target.map(|target| &target.deployments[..]).unwrap_or_default();
        let there = |deployment: &&Deployment| deployment.provider == holding.provider;
        let same =
            |deployment: &&Deployment| there(deployment) && deployment.model.as_str() == holding.deployment;
        let Some(deployment) = deployments.iter().find(same).or_else(|| deployments.iter().find(there))
        else {
            let why = format!(
                "model `{model}` is not served at provider `{}` any more, where it lives",
                holding.provider
            );
            return Err(gone(why));
        };
        let Way::Http(way) = &deployment.way else {
            return Err(gone("the built-in provider keeps nothing".to_owned()));
        };
        let key = holding.key.map(|key| usize::from(key).saturating_sub(1));
        let key = key.filter(|at| *at < way.keys.len()).unwrap_or(0);
        Ok(Self { permit, deployment, way, key })
    }

    /// What the provider says of it, until `end`; `None`: it is not there any more.
    ///
    /// # Errors
    /// `provider_unavailable`, and what the provider fails with.
    pub(super) async fn fetch(
        &self,
        call: &AiCall<'_>,
        id: &str,
        held: &Arc<Held>,
        end: Option<Instant>,
        recording: &mut Recording,
    ) -> Result<Option<Box<RawValue>>, Fault> {
        let Self { permit, deployment, way, key } = self;
        recording.record.provider = Some(deployment.provider.shared());
        let attempt = Attempt { permit, deployment, call, key: Some(*key), end, held };
        let mut headers = heads::passing(call.headers, call.dialect, None, way, &recording.id);
        headers.remove(header::CONTENT_TYPE);
        let path = call.served.path_about(id);
        let outgoing = Outgoing { method: Method::GET, path, headers, body: Bytes::new() };
        let failed = |why: String| Fault::new(codes::PROVIDER_UNAVAILABLE).context(why);
        let sent = attempt.send(way, outgoing, recording).await;
        let (head, body) = sent.map_err(|refused| match refused.said {
            Err(fault) => fault,
            Ok(answer) => failed(format!("it answered {}", answer.head.status.as_u16())),
        })?;
        if head.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let body = body.gather(DESCRIBED).await.map_err(|cut| Fault::new(cut.code).context(cut.why))?;
        if !head.status.is_success() {
            let status = head.status.as_u16();
            if is_gone(status, &no::said(call.dialect, status, &body)) {
                return Ok(None);
            }
            return Err(failed(format!("it answered {status} when it was asked for one of a list")));
        }
        let document = serde_json::from_slice(&body)
            .map_err(|_| Fault::new(codes::UPSTREAM_INVALID).context("its answer is not JSON"))?;
        Ok(Some(document))
    }
}

impl Attempt<'_> {
    async fn about(
        &self,
        way: &HttpWay,
        id: &str,
        recording: &mut Recording,
    ) -> Result<Answer, super::Refused> {
        let row = self.call.served;
        let mut path = row.path_about(id);
        let known: Vec<&str> = self.call.dialect.parameters().iter().chain(row.parameters).copied().collect();
        keep_parameters(self.call.uri, &known, &mut path);
        let mut headers = heads::passing(self.call.headers, self.call.dialect, None, way, &recording.id);
        let body = if row.members.is_some() { self.call.request.body().clone() } else { Bytes::new() };
        if body.is_empty() {
            headers.remove(header::CONTENT_TYPE);
        }
        let outgoing = Outgoing { method: row.method.clone(), path, headers, body };
        let (head, body) = self.send(way, outgoing, recording).await?;
        if !head.status.is_success() {
            return Err(no::passing(head, body, self.call.dialect, recording).await);
        }
        let body = match self.makes(row) {
            Some(form) if row.method != Method::DELETE => {
                self.claimed(form, &head.headers, body, recording).await?
            }
            _ => body,
        };
        if row.method == Method::DELETE
            && let Some(kind) = row.object
        {
            let input = (kind == Kind::File).then_some(Kind::BatchInput);
            for kind in [Some(kind), input].into_iter().flatten() {
                let permit = self.permit.permit();
                if let Err(fault) = self.held.release(permit, kind, id, &self.deployment.provider).await {
                    // The provider has it no longer; whose it was is forgotten when it is old.
                    tracing::warn!(kind = kind.as_str(), %fault, "what was deleted at a provider is still known as somebody's");
                }
            }
        }
        // Whoever reads an answer once more does not use its tokens again: nothing is counted.
        Ok(Answer {
            head: heads::to_caller(head),
            body,
            reading: None,
            upload: None,
            capture: None,
            watch: None,
        })
    }
}
