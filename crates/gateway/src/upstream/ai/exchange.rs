//! Questions with one answer that is never a stream (vectors, orders of documents, counts), from one dialect into another.

use super::deployment::Way;
use super::plan::Conversion;
use super::route::Class;
use super::translated::{anew, gathered, readable, tell, unreadable};
use super::{Attempt, Outgoing, Refused, heads, no, refused};
use crate::meter::{Answer, estimate};
use crate::record::Recording;
use crate::upstream::AnswerBody;
use http::{Method, response};
use portcullis_fault::{Fault, codes};
use portcullis_llm::dialect::chat::Written;
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;

impl Attempt<'_> {
    /// Asks in the provider's dialect, and answers in the caller's.
    pub(super) async fn exchange(
        &self,
        plan: Conversion,
        recording: &mut Recording,
    ) -> Result<Answer, Refused> {
        let Self { deployment, call, .. } = self;
        // What the caller said is wrong for every deployment; what one cannot be told another may take.
        let question = call.question(&plan.inbound).map_err(|fault| refused(Class::Refused, fault))?;
        let model = deployment.model.as_str();
        let asked = plan.inbound.uses_tokens().then(|| estimate(call.request.text_bytes(), 0));
        let (mut replies, mut last) = (Vec::new(), None);
        for part in question.parts(&plan.outbound, model) {
            let (written, losses) = part
                .write(&plan.outbound, model, deployment.mode)
                .map_err(|fault| refused(Class::Unsayable, fault))?;
            recording.record.dropped = (!losses.is_empty()).then(|| losses.text());
            let (head, body) = self.once(written, recording).await?;
            if !head.status.is_success() {
                let mut refused = no::translated(head, body, plan.failures, recording).await;
                if let Ok(answer) = &mut refused.said {
                    tell(&losses, &mut answer.head);
                }
                return Err(refused);
            }
            readable(&head)?;
            // For the record of a caller that goes away while this waits: the provider has read the question by now.
            recording.record.usage = asked;
            replies.push(part.hear(&plan.outbound, &gathered(body).await?).map_err(unreadable)?);
            last = Some((head, losses));
        }
        let id = recording.record.id.to_string();
        let (bytes, tokens) = question.tell(replies, &plan.inbound, &id).map_err(unreadable)?;
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
                let path = own.unwrap_or_else(|| written.target()).into_owned();
                let outgoing = Outgoing { method: Method::POST, path, headers, body: written.body.into() };
                self.send(way, outgoing, recording).await
            }
        }
    }
}
