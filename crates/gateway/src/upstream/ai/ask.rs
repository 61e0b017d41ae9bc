//! What a model is asked, ready to be sent to any deployment.

use super::fetch::{Fetched, Fetcher};
use crate::beside::Beside;
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
    /// Where long bodies are worked on; `None` where nobody else waits.
    pub(crate) beside: Option<&'a Beside>,
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

    /// The body as it came.
    pub(super) fn incoming(&self) -> Incoming<'_> {
        Incoming { model: self.model, stream: self.served.stream, body: self.request.body() }
    }

    /// Does work on so many bytes: here, or beside the calls where they are many.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        match self.beside {
            Some(beside) => beside.work(bytes, work).await,
            None => Ok(work()),
        }
    }

    /// Whatever reads the body as it came.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Incoming<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (model, stream) = (self.model.map(str::to_owned), self.served.stream);
        let body = self.request.body().clone();
        let read = move || read(&Incoming { model: model.as_deref(), stream, body: &body });
        self.work(self.request.body().len(), read).await?
    }

    /// The question, out of the caller's dialect; read once, for all deployments.
    pub(super) async fn question(&self, inbound: Exchange) -> Result<Arc<Question>, Fault> {
        if let Some(question) = self.question.get() {
            return Ok(question.clone());
        }
        let question = self.reading(move |body| inbound.read(body)).await?;
        Ok(self.question.get_or_init(|| Arc::new(question)).clone())
    }

    /// What is asked, out of the caller's dialect; read once, for all deployments.
    pub(super) async fn asked(&self, inbound: &'static dyn Chat, id: &str) -> Result<Asked, Fault> {
        let request = match self.read.get() {
            Some(request) => request.clone(),
            None => {
                let request = self.reading(move |body| inbound.read_request(body)).await?;
                self.read.get_or_init(|| Arc::new(request)).clone()
            }
        };
        Ok(Asked { id: id.into(), now: self.now.seconds(), request })
    }
}
