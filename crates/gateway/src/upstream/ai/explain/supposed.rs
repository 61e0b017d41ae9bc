//! A call that nobody makes: read from a question as a caller's would be from the wire.

use crate::upstream::ai::{AiCall, Fetched};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri};
use portcullis_fault::Fault;
use portcullis_llm::dialect::request::{Members, Reach, Request};
use portcullis_llm::dialect::{self, Dialect, Served};
use portcullis_model::Timestamp;
use portcullis_model::route::{RouteError, RouteQuestion};
use std::sync::{Arc, OnceLock};

/// A call that nobody makes.
pub(super) struct Supposed {
    dialect: &'static dyn Dialect,
    served: &'static Served,
    /// The model, where the path names it.
    model: Option<String>,
    request: Request,
    reach: Reach,
    headers: HeaderMap,
    pub(super) uri: Uri,
    pages: Arc<str>,
}

impl Supposed {
    pub(super) fn of(question: &RouteQuestion) -> Result<Self, RouteError> {
        let dialect = spoken(question.dialect.as_deref().unwrap_or("openai"))?;
        let served = row(dialect, question.operation.as_deref().unwrap_or("chat"), question.stream)?;
        let members = served.members.unwrap_or(&Members::PATH);
        let body = match &question.body {
            Some(body) => Bytes::copy_from_slice(body.as_bytes()),
            None if members.model => {
                serde_json::json!({ "model": question.model, "messages": [] }).to_string().into()
            }
            None => Bytes::from_static(b"{}"),
        };
        let invalid = |fault: Fault| RouteError::Invalid(format!("`body`: {}", fault.public_detail()));
        let request = Request::scan(&body, members).map_err(invalid)?;
        let reach = request.reach().map_err(invalid)?;
        let root = dialect.bases().first().map_or("", |base| base.root);
        let path = format!("{root}{}", served.path_for(&question.model));
        let uri = path.parse().map_err(|_| RouteError::UnknownModel)?;
        let mut headers = HeaderMap::new();
        let mut say = |name: &'static str, value: &str| {
            let value = HeaderValue::try_from(value).map_err(|_| {
                RouteError::Invalid(format!("what is said in `{name}` cannot stand in a header"))
            })?;
            headers.insert(name, value);
            Ok(())
        };
        if !question.tags.is_empty() {
            say("x-portcullis-tags", &question.tags.join(","))?;
        }
        if let Some(conversation) = &question.conversation {
            say("x-portcullis-conversation", conversation)?;
        }
        let model = served.names_model().then(|| question.model.clone());
        Ok(Self { dialect, served, model, request, reach, headers, uri, pages: "".into() })
    }

    /// As the pipeline would hand it on.
    pub(super) fn call(&self, now: Timestamp, seed: u64) -> AiCall<'_> {
        AiCall {
            dialect: self.dialect,
            served: self.served,
            model: self.model.as_deref(),
            request: &self.request,
            reach: &self.reach,
            stream: self.served.stream.unwrap_or(self.request.stream()),
            headers: &self.headers,
            uri: &self.uri,
            now,
            timeout: None,
            pages: &self.pages,
            seed,
            fetcher: None,
            fetched: Fetched::default(),
            beside: None,
            read: OnceLock::new(),
            question: OnceLock::new(),
        }
    }
}

fn spoken(name: &str) -> Result<&'static dyn Dialect, RouteError> {
    let found = dialect::ALL.iter().find(|dialect| dialect.name() == name).copied();
    found.ok_or_else(|| {
        let known = dialect::ALL.iter().map(|dialect| format!("`{}`", dialect.name()));
        let known = known.collect::<Vec<_>>().join(", ");
        RouteError::Invalid(format!("`dialect` is one of {known}"))
    })
}

fn row(dialect: &'static dyn Dialect, operation: &str, stream: bool) -> Result<&'static Served, RouteError> {
    let rows = || dialect.serves().iter().filter(|row| row.members.is_some() && !row.operation.is_local());
    let mut asked = rows().filter(|row| row.operation.name() == operation);
    asked.find(|row| row.stream.is_none_or(|said| said == stream)).ok_or_else(|| {
        let mut known: Vec<String> = rows().map(|row| format!("`{}`", row.operation.name())).collect();
        known.dedup();
        let (dialect, known) = (dialect.name(), known.join(", "));
        RouteError::Invalid(format!("`operation` is one of {known}, in the dialect `{dialect}`"))
    })
}
