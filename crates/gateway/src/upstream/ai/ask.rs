//! What a model is asked, ready to be sent to any deployment.

use super::fetch::{Fetched, Fetcher};
use http::{HeaderMap, Uri};
use portcullis_fault::Fault;
use portcullis_llm::canon;
use portcullis_llm::dialect::Chat;
use portcullis_llm::dialect::chat::{Asked, Incoming};
use portcullis_llm::dialect::request::{Reach, Request};
use portcullis_llm::dialect::{Dialect, Exchange, Question, Served};
use portcullis_model::Timestamp;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A call, ready to be sent to any deployment.
pub(crate) struct AiCall<'a> {
    /// What the caller speaks.
    pub(crate) dialect: &'static dyn Dialect,
    /// What it asks, and where it asked it.
    pub(crate) served: &'static Served,
    /// The model, where the path names it.
    pub(crate) model: Option<&'a str>,
    pub(crate) request: &'a Request,
    /// What it reaches for at its provider, beyond the model.
    pub(crate) reach: &'a Reach,
    /// Whether the caller wants a stream.
    pub(crate) stream: bool,
    /// The caller's own headers.
    pub(crate) headers: &'a HeaderMap,
    pub(crate) uri: &'a Uri,
    pub(crate) now: Timestamp,
    pub(crate) timeout: Option<Duration>,
    pub(crate) pages: &'a Arc<str>,
    /// Chance, for what is chosen by it.
    pub(crate) seed: u64,
    /// Who fetches what the request names by URL, where that is done.
    pub(crate) fetcher: Option<&'a Fetcher>,
    /// What was fetched of it.
    pub(crate) fetched: Fetched,
    /// The request as it was read, once that was necessary.
    pub(crate) read: OnceLock<Arc<canon::Request>>,
    /// The same of what has one answer.
    pub(crate) question: OnceLock<Arc<Question>>,
}

impl AiCall<'_> {
    /// The format of the caller's question, and of the answer that it waits for.
    pub(super) fn format(&self) -> Option<&'static dyn Chat> {
        self.dialect.format(self.served, self.uri.query())
    }

    fn incoming(&self) -> Incoming<'_> {
        Incoming { model: self.model, stream: self.served.stream, body: self.request.body() }
    }

    /// The question, out of the caller's dialect; read once, for all deployments.
    pub(super) fn question(&self, inbound: &Exchange) -> Result<Arc<Question>, Fault> {
        if let Some(question) = self.question.get() {
            return Ok(question.clone());
        }
        let question = Arc::new(inbound.read(&self.incoming())?);
        Ok(self.question.get_or_init(|| question).clone())
    }

    /// What is asked, out of the caller's dialect; read once, for all deployments.
    pub(super) fn asked(&self, inbound: &dyn Chat, id: &str) -> Result<Asked, Fault> {
        let request = match self.read.get() {
            Some(request) => request.clone(),
            None => {
                let request = Arc::new(inbound.read_request(&self.incoming())?);
                self.read.get_or_init(|| request).clone()
            }
        };
        Ok(Asked { id: id.into(), now: self.now.seconds(), request })
    }
}
