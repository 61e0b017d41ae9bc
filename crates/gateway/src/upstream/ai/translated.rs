//! Calls whose two sides speak differently: written anew on the way out, and the answer on the way back.

use super::deployment::Way;
use super::disguised::Disguise;
use super::plan::Translation;
use super::route::Class;
use super::{Attempt, Outgoing, Refused, heads, no, refused};
use crate::meter::{Answer, Reading, Said, Tape, estimate};
use crate::record::Recording;
use crate::upstream::AnswerBody;
use http::{HeaderName, HeaderValue, Method, header, response};
use portcullis_fault::{Fault, codes};
use portcullis_llm::canon::{Losses, Mode, Request};
use portcullis_llm::dialect::Operation;
use portcullis_llm::dialect::chat::{Asked, Unreadable};
use portcullis_llm::translate::{self, Unanswered};
use std::borrow::Cow;
use std::sync::Arc;

/// Longest answer that is translated as a whole: a few images.
const LONGEST: usize = 64 << 20;

/// What was left out or changed on the way into another dialect.
static DROPPED: HeaderName = HeaderName::from_static("x-portcullis-dropped");

impl Attempt<'_> {
    /// Sends a call in the provider's dialect, and its answer back in the caller's.
    pub(super) async fn translate(
        &self,
        plan: Translation,
        recording: &mut Recording,
    ) -> Result<Answer, Refused> {
        let Self { deployment, call, .. } = self;
        let id = recording.record.id.to_string();
        // What the caller said is wrong for every deployment; what one cannot be told another may take.
        let asked = call.asked(plan.inbound, &id).await.map_err(|fault| refused(Class::Refused, fault))?;
        let filled = call.fetched(&asked.request, &*plan.outbound, self.end).await?;
        let mut request = filled.map_or_else(|| asked.request.clone(), Arc::new);
        let bound = self.bound(&request);
        if bound.is_some() {
            Arc::make_mut(&mut request).max_tokens = bound;
        }
        let (outbound, model, mode) = (plan.outbound.clone(), deployment.model.clone(), deployment.mode);
        let write = move || translate::request(&request, &*outbound, model.as_str(), mode);
        let (written, mut losses) = call
            .work(call.request.body().len(), write)
            .await
            .map_err(busy)?
            .map_err(|fault| refused(Class::Unsayable, fault))?;
        if let Some(bound) = bound {
            losses.changed(format!("max_tokens={bound}"));
        }
        recording.record.dropped = (!losses.is_empty()).then(|| losses.text());
        let (head, body) = match &deployment.way {
            Way::Echo(_) => self.echo(Operation::Chat, &written.body, recording),
            Way::Http(way) => {
                let headers = heads::written(call.headers, &written.headers, way, call.stream, &recording.id);
                // Where the vendor's place for it is not its dialect's.
                let own = way.preset.own_path(deployment.asked_for(), deployment.model.as_str());
                let path = own.unwrap_or_else(|| written.target().into_owned().into());
                let outgoing = Outgoing { method: Method::POST, path, headers, body: written.body.into() };
                self.send(way, outgoing, recording).await?
            }
        };
        let mut answer = if !head.status.is_success() {
            let mut refused = no::translated(head, body, &plan, recording).await;
            if let Ok(answer) = &mut refused.said {
                tell(&losses, &mut answer.head);
            }
            return Err(refused);
        } else if call.stream {
            self.stream(head, body, &plan, &asked, recording)?
        } else {
            self.whole(head, body, plan, asked, recording).await?
        };
        tell(&losses, &mut answer.head);
        Ok(answer)
    }

    /// How much the model gives out at most, where the caller asked for more: clients ask for what another model gives, and
    /// most vendors refuse that.
    fn bound(&self, request: &Request) -> Option<u64> {
        let limit = self.deployment.known.as_deref()?.output?;
        (self.deployment.mode == Mode::Drop && request.max_tokens? > limit).then_some(limit)
    }

    /// A streamed answer, translated as it comes.
    fn stream(
        &self,
        head: response::Parts,
        body: AnswerBody,
        plan: &Translation,
        asked: &Asked,
        recording: &Recording,
    ) -> Result<Answer, Refused> {
        readable(&head)?;
        if kind(&head) == b"application/json" {
            let why = "it answered with one document where a stream was asked for";
            return Err(refused(Class::Outage, no_answer(why)));
        }
        let mut head = heads::anew(head);
        let content_type = HeaderValue::from_static(plan.inbound.stream_type());
        head.headers.insert(header::CONTENT_TYPE, content_type.clone());
        let said = Said {
            dialect: self.call.dialect,
            operation: self.call.served.operation,
            content_type: Some(content_type),
            request_text: self.call.request.text_bytes(),
            request_id: recording.record.id,
            pages: self.call.pages.clone(),
        };
        let tape = Tape::Translate(Box::new(translate::Stream::new(&*plan.outbound, plan.inbound, asked)));
        let reading = Some(Reading::new(tape, said));
        Ok(Answer { head, body, reading, upload: None, capture: None, watch: None })
    }

    /// A whole answer. All of it is read before any of it goes on, so that one that cannot be read is a refusal.
    async fn whole(
        &self,
        head: response::Parts,
        body: AnswerBody,
        plan: Translation,
        asked: Asked,
        recording: &mut Recording,
    ) -> Result<Answer, Refused> {
        readable(&head)?;
        let request_text = self.call.request.text_bytes();
        // For the record of a caller that goes away while this waits: the provider has read the question by now.
        recording.record.usage = Some(estimate(request_text, 0));
        let body = gathered(body).await?;
        if let Some(disguise) = Disguise::of(&body, |error| plan.outbound.read_error(200, error)) {
            recording.record.usage = None;
            let body = AnswerBody::whole(body.into());
            return Err(disguise.refuse(no::translated(disguise.head(head), body, &plan, recording).await));
        }
        let (length, inbound) = (body.len(), plan.inbound);
        let write = move || translate::answer(&*plan.outbound, plan.inbound, &body, &asked);
        let written = self.call.work(length, write).await.map_err(busy)?;
        let (bytes, tokens) = match written {
            Ok(written) => written,
            Err(Unanswered::Unreadable(why)) => return Err(unreadable(why)),
            // With the status that it would have had by itself, so that it is told and tried again like any other.
            Err(Unanswered::Failed(failure)) => {
                recording.record.usage = failure.usage.map(|tokens| tokens.usage());
                return Err(no::failed(head, &failure.error, inbound, recording));
            }
            Err(Unanswered::Nothing { why, usage }) => {
                // No answer, and paid for all the same.
                if let Some(tokens) = usage {
                    recording.record.usage = Some(tokens.usage());
                }
                return Err(refused(Class::SaidNothing, no_answer(why)));
            }
        };
        let usage =
            tokens.map_or_else(|| estimate(request_text, bytes.len() as u64), |tokens| tokens.usage());
        recording.record.usage = Some(usage);
        Ok(anew(head, bytes))
    }
}

/// There was no turn to work on what is long: nothing is wrong with the caller, nor with the provider.
pub(super) fn busy(fault: Fault) -> Refused {
    refused(Class::Refused, fault)
}

/// The whole of an answer.
pub(super) async fn gathered(body: AnswerBody) -> Result<Vec<u8>, Refused> {
    let gathered = body.gather(LONGEST).await;
    gathered.map_err(|cut| refused(Class::Outage, Fault::new(cut.code).context(cut.why)))
}

/// An answer that is not what the provider's dialect says it is.
pub(super) fn unreadable(why: Unreadable) -> Refused {
    let why = format!("the provider's answer cannot be read: {why}");
    refused(Class::Outage, no_answer(why))
}

/// The refusal for what came in place of an answer; `why`: for the owner.
pub(super) fn no_answer(why: impl Into<Cow<'static, str>>) -> Fault {
    let fault = Fault::new(codes::UPSTREAM_INVALID).detail("the AI provider gave no answer that can be read");
    fault.context(why)
}

/// An answer that was written anew.
pub(super) fn anew(head: response::Parts, body: Vec<u8>) -> Answer {
    let mut head = heads::anew(head);
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Answer::local(head, body.into())
}

/// Says what was lost.
pub(super) fn tell(losses: &Losses, head: &mut response::Parts) {
    if losses.is_empty() {
        return;
    }
    // Values of a caller's may be among it.
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let text: String = losses.text().replace('…', "...").chars().map(plain).collect();
    if let Ok(value) = HeaderValue::try_from(text) {
        head.headers.insert(&DROPPED, value);
    }
}

/// A provider that compresses what we asked it not to cannot be read.
pub(super) fn readable(head: &response::Parts) -> Result<(), Refused> {
    match head.headers.get(header::CONTENT_ENCODING) {
        Some(coding) if !coding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            let why = format!("it compressed its answer, unasked: {coding:?}");
            Err(refused(Class::Outage, no_answer(why)))
        }
        _ => Ok(()),
    }
}

/// The media type of an answer, without parameters, in lower case.
pub(super) fn kind(head: &response::Parts) -> Vec<u8> {
    let value = head.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().to_ascii_lowercase()
}
