//! Questions with one answer that is never a stream (vectors, orders of documents, counts), from one dialect into another.

use super::deployment::Way;
use super::plan::Conversion;
use super::route::Class;
use super::translated::{anew, busy, gathered, readable, tell, unreadable};
use super::{Attempt, Outgoing, Refused, heads, no, refused};
use crate::meter::{Answer, estimate};
use crate::record::Recording;
use crate::upstream::AnswerBody;
use http::{Method, response};
use portcullis_fault::{Fault, codes};
use portcullis_llm::dialect::chat::Written;
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;
use std::borrow::Cow;
use std::sync::Arc;

impl Attempt<'_> {
    /// Asks in the provider's dialect, and answers in the caller's.
    pub(super) async fn exchange(
        &self,
        plan: Conversion,
        recording: &mut Recording,
    ) -> Result<Answer, Refused> {
        let Self { deployment, call, .. } = self;
        // What the caller said is wrong for every deployment; what one cannot be told another may take.
        let question = call.question(plan.inbound).await.map_err(|fault| refused(Class::Refused, fault))?;
        let (inbound, outbound, mode) = (plan.inbound, plan.outbound, deployment.mode);
        let asked = plan.inbound.uses_tokens().then(|| estimate(call.request.text_bytes(), 0));
        let (mut replies, mut last, mut length) = (Vec::new(), None, 0);
        for part in question.parts(&outbound, deployment.model.as_str()) {
            let part = match part {
                Cow::Borrowed(_) => question.clone(),
                Cow::Owned(part) => Arc::new(part),
            };
            let (asked_part, model) = (part.clone(), deployment.model.clone());
            let (written, losses) = call
                .work(call.request.body().len(), move || asked_part.write(&outbound, model.as_str(), mode))
                .await
                .map_err(busy)?
                .map_err(|fault| refused(Class::Unsayable, fault))?;
            recording.record.dropped = (!losses.is_empty()).then(|| losses.text());
            let (head, body) = self.once(written, recording).await?;
            if !head.status.is_success() {
                let mut refused = no::translated(head, body, &plan.failures, recording).await;
                if let Ok(answer) = &mut refused.said {
                    tell(&losses, &mut answer.head);
                }
                return Err(refused);
            }
            readable(&head)?;
            // For the record of a caller that goes away while this waits: the provider has read the question by now.
            recording.record.usage = asked;
            let body = gathered(body).await?;
            length += body.len();
            let hear = move || part.hear(&outbound, &body);
            replies.push(call.work(length, hear).await.map_err(busy)?.map_err(unreadable)?);
            last = Some((head, losses));
        }
        let id = recording.record.id.to_string();
        let telling = move || question.tell(replies, &inbound, &id);
        let (bytes, tokens) = call.work(length, telling).await.map_err(busy)?.map_err(unreadable)?;
        recording.record.usage = match tokens {
            Some(input_tokens) if asked.is_some() => {
                Some(Usage { input_tokens, source: UsageSource::Reported, ..Usage::default() })
            }
            _ => asked,
        };
        let Some((head, losses)) = last else {
            return Err(refused(Class::Refused, Fault::new(codes::INTERNAL).context("nothing was asked")));
        };
        let mut answer = anew(head, bytes);
        tell(&losses, &mut answer.head);
        Ok(answer)
    }

    /// One call.
    async fn once(
        &self,
        written: Written,
        recording: &mut Recording,
    ) -> Result<(response::Parts, AnswerBody), Refused> {
        let Self { deployment, call, .. } = self;
        let operation = call.served.operation;
        match &deployment.way {
            Way::Echo(_) => Ok(self.echo(operation, &written.body, recording)),
            Way::Http(way) => {
                let headers = heads::written(call.headers, &written.headers, way, false, &recording.id);
                let own = way.preset.own_path(operation, deployment.model.as_str());
                let path = own.unwrap_or_else(|| written.target().into_owned().into());
                let outgoing = Outgoing { method: Method::POST, path, headers, body: written.body.into() };
                self.send(way, outgoing, recording).await
            }
        }
    }
}
