//! An answer that names what it made at its provider: held back until it is written down whose that is.
//!
//! A stream waits at each event that names something new, and only there: the event is complete at the caller when the
//! caller can use what it names. An answer that is one document is gathered and waits once.

use super::held::{Account, Given, Held};
use super::route::Class;
use super::{Attempt, Refused, refused};
use crate::record::Recording;
use crate::upstream::{AnswerBody, Cut};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::Frame;
use portcullis_fault::Fault;
use portcullis_identity::Permit;
use portcullis_llm::dialect::made::{Finder, Form, Made};
use portcullis_llm::dialect::openai::batch::Bill;
use portcullis_llm::dialect::request::reach::kinds;
use portcullis_llm::dialect::{Operation, Served};
use portcullis_model::Timestamp;
use portcullis_model::holding::Kind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Longest document that is gathered: a few images.
const LONGEST: usize = 64 << 20;

/// A stream that waits where it names something.
pub(crate) struct Claimed {
    rest: AnswerBody,
    finder: Finder,
    claim: Claim,
    /// What is written down, and what waits for it.
    under_way: Option<(Writing, Frame<Bytes>)>,
}

type Writing = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

/// Who is given something, and by whom.
#[derive(Clone)]
pub(super) struct Claim {
    held: Arc<Held>,
    permit: Permit,
    account: Account,
    now: Timestamp,
}

impl Claim {
    async fn write(self, made: Vec<Made>) -> Result<(), Fault> {
        let given = made.into_iter().map(|Made { kind, id, expires_at }| Given { kind, id, expires_at });
        let given: Vec<Given> = given.collect();
        self.held.claim(&self.permit, &self.account, &given, self.now).await
    }
}

impl Claimed {
    /// Whether nothing follows.
    pub(crate) fn is_ended(&self) -> bool {
        self.under_way.is_none() && self.rest.is_ended()
    }

    /// The next piece.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        loop {
            if let Some((writing, _)) = &mut self.under_way {
                let written = ready!(writing.as_mut().poll(cx));
                let Some((_, frame)) = self.under_way.take() else { continue };
                return Poll::Ready(Some(match written {
                    Ok(()) => Ok(frame),
                    Err(fault) => {
                        self.rest = AnswerBody::Ended;
                        let why = fault.private_context().unwrap_or_else(|| fault.code().title().to_owned());
                        Err(Cut::new(
                            fault.code(),
                            format!("whose it is what was made cannot be written down: {why}"),
                        ))
                    }
                }));
            }
            let piece = ready!(self.rest.poll_piece(cx));
            let Some(Ok(frame)) = piece else { return Poll::Ready(piece) };
            let made = frame.data_ref().map(|bytes| self.finder.feed(bytes)).unwrap_or_default();
            if made.is_empty() {
                return Poll::Ready(Some(Ok(frame)));
            }
            self.under_way = Some((Box::pin(self.claim.clone().write(made)), frame));
        }
    }
}

impl Attempt<'_> {
    /// In which format the answer to this call names what it makes; `None`: it makes nothing.
    pub(super) fn makes(&self, row: &Served) -> Option<Form> {
        let reach = self.call.reach;
        match (row.operation, self.call.dialect.name()) {
            (Operation::Responses | Operation::StoredResponse, _) => Some(Form::Responses),
            (Operation::Chat, "openai") if reach.speech => Some(Form::Chat),
            (Operation::Chat, "anthropic") if reach.has(kinds::CODE_INTERPRETER) => Some(Form::Messages),
            (Operation::FileUpload, _) => Some(Form::File { calls: self.call.request.calls().is_some() }),
            (Operation::BatchCreate | Operation::Batch, _) => Some(Form::Batch),
            (Operation::CacheCreate | Operation::Cache, _) => Some(Form::CachedContent),
            _ => None,
        }
    }

    /// The account that this attempt is made with.
    pub(super) fn account(&self) -> Account {
        Account {
            provider: self.deployment.provider.clone(),
            key: self.key.and_then(|at| u16::try_from(at + 1).ok()),
            deployment: self.deployment.model.to_string(),
            model: Some(self.permit.model().clone()),
            only_model: false,
        }
    }

    /// The body of a good answer, whose naming of things waits until it is written down whose they are.
    pub(super) async fn claimed(
        &self,
        form: Form,
        headers: &HeaderMap,
        body: AnswerBody,
        recording: &mut Recording,
    ) -> Result<AnswerBody, Refused> {
        let claim = Claim {
            held: self.held.clone(),
            permit: self.permit.permit().clone(),
            account: self.account(),
            now: recording.now(),
        };
        let kind = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
        if kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
            let finder = Finder::new(form);
            return Ok(AnswerBody::Claimed(Box::new(Claimed { rest: body, finder, claim, under_way: None })));
        }
        let bytes = body
            .gather(LONGEST)
            .await
            .map_err(|cut| refused(Class::Outage, Fault::new(cut.code).context(cut.why)))?;
        // Another attempt would make it once more.
        let over = |fault| refused(Class::Refused, fault);
        let bytes = Bytes::from(bytes);
        let read = bytes.clone();
        let made = self.call.work(bytes.len(), move || form.made(&read)).await.map_err(over)?;
        claim.clone().write(made.clone()).await.map_err(over)?;
        if form == Form::Batch
            && let Some(bill) = Bill::read(&bytes)
            && let Some(batch) = made.iter().find(|one| one.kind == Kind::Batch)
            && self.held.bills.is_due(&self.deployment.provider, &batch.id, claim.now).await
        {
            // Without another await: whoever hangs up now leaves a record that says it.
            recording.billed(batch.id.clone(), self.deployment.known.clone(), bill);
        }
        Ok(AnswerBody::whole(bytes))
    }
}
