//! Between the permit and the upstream: the caller's body within its bound, and on AI routes what it asks for.

use super::call::Call;
use crate::beside::Beside;
use crate::gateway::Gateway;
use crate::meter::{Answer, Capturing};
use crate::snapshot::{AiRoutes, ServiceRoute, Snapshot};
use crate::upstream::ai::{self, AiCall, Fetched, Fetcher};
use crate::upstream::{Gauge, Upload};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header, request};
use http_body::Body as _;
use portcullis_fault::{Fault, codes};
use portcullis_identity::{ModelPermit, Permit};
use portcullis_llm::dialect::openai::realtime;
use portcullis_llm::dialect::request::{Members, Reach, Request, Syntax};
use portcullis_llm::dialect::{Dialect, Matched, Operation, Served, served};
use portcullis_model::Timestamp;
use portcullis_model::holding::Kind;
use portcullis_net::accept::{BodyError, Bounded};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The caller's body on its way to a service.
pub(super) fn upload(service: &ServiceRoute, snapshot: &Snapshot, call: &mut Call) -> Result<Upload, Fault> {
    let Some(body) = call.take_body() else { return Ok(Upload::Empty) };
    if body.size_hint().lower() > service.max_body {
        return Err(BodyError::TooLarge { limit: service.max_body }.into());
    }
    let gauge = Gauge::new(service.capture);
    call.upload = Some(gauge.clone());
    Ok(Upload::stream(Bounded::new(body, service.max_body, snapshot.settings.body_timeout), gauge))
}

/// What an AI call came to.
pub(super) enum Prepared {
    /// We have the answer ourselves.
    Local(Answer),
    /// A model is to be asked.
    Call(ModelPermit, Ask),
    /// It is about something that lives at a provider.
    Object((Kind, String), Ask),
    /// It is about all that the caller has of one kind; each is asked for by this row.
    List((Kind, &'static Served), Ask),
}

/// What a model is to be asked.
pub(super) struct Ask {
    dialect: &'static dyn Dialect,
    served: &'static Served,
    /// The model, where the path names it.
    model: Option<String>,
    request: Request,
    reach: Reach,
    stream: bool,
    body: Bytes,
    capture: Option<usize>,
    now: Timestamp,
    timeout: Option<Duration>,
    pages: Arc<str>,
    seed: u64,
    fetcher: Option<Arc<Fetcher>>,
    beside: Arc<Beside>,
}

impl Ask {
    /// The call, with the caller's head.
    pub(super) fn call<'a>(&'a self, head: &'a request::Parts) -> AiCall<'a> {
        AiCall {
            dialect: self.dialect,
            served: self.served,
            model: self.model.as_deref(),
            request: &self.request,
            reach: &self.reach,
            stream: self.stream,
            headers: &head.headers,
            uri: &head.uri,
            now: self.now,
            // A stream goes on for as long as it has something to say.
            timeout: self.timeout.filter(|_| !self.stream),
            pages: &self.pages,
            seed: self.seed,
            fetcher: self.fetcher.as_deref(),
            fetched: Fetched::default(),
            beside: Some(&self.beside),
            read: OnceLock::new(),
            question: OnceLock::new(),
        }
    }

    /// The beginning of the record's capture.
    pub(super) fn capture(&self) -> Option<Capturing> {
        self.capture.map(|limit| {
            let mut capturing = Capturing::new(limit);
            capturing.request(&self.body, false);
            capturing
        })
    }
}

/// Reads and understands an AI call; the model that it names is authorised here, since only the body names it.
pub(super) async fn ai(
    gateway: &Gateway,
    snapshot: &Snapshot,
    (routes, dialect): (&AiRoutes, &'static dyn Dialect),
    path: &str,
    permit: &Permit,
    call: &mut Call,
) -> Result<Prepared, Fault> {
    let asked = matched(dialect, path, call)?;
    let served = asked.served;
    call.recording.record.operation = Some(Cow::Borrowed(served.operation.name()));
    call.recording.record.dialect = Some(Cow::Borrowed(dialect.name()));
    if let Some((content_type, body)) = served.says {
        return Ok(Prepared::Local(said(content_type, body)));
    }
    let created = crate::snapshot::CREATED.seconds();
    match served.operation {
        Operation::Models => {
            let mut names: Vec<&str> =
                snapshot.identity.models_for(permit).map(|name| name.as_str()).collect();
            names.sort_unstable();
            return Ok(Prepared::Local(json(dialect.models_body(&names, created))));
        }
        Operation::Model => {
            let name = match (asked.model, served.members) {
                (None, Some(members)) => {
                    let (request, _) = whole(gateway, (routes, snapshot), members, call).await?;
                    request.model().to_owned()
                }
                (model, _) => model.unwrap_or_default(),
            };
            let model = snapshot.identity.authorize_model(permit, &name)?;
            call.recording.record.model = Some(model.model().shared());
            return Ok(Prepared::Local(json(dialect.model_body(model.model().as_str(), created))));
        }
        _ => {}
    }
    let mut seed = [0; 8];
    gateway.rng.fill(&mut seed);
    let ask = |request: Request, reach: Reach, body: Bytes, model: Option<String>| Ask {
        dialect,
        served,
        stream: served.stream.unwrap_or(request.stream()),
        model,
        request,
        reach,
        body,
        capture: routes.capture,
        now: gateway.clock.now(),
        timeout: routes.timeout,
        pages: snapshot.settings.pages.clone(),
        seed: u64::from_ne_bytes(seed),
        fetcher: routes.fetcher.clone(),
        beside: gateway.beside.clone(),
    };
    if let (Some(kind), Some(id)) = (served.object, asked.object) {
        let Some(members) = served.members else {
            // Whatever it has for a body says nothing.
            return Ok(Prepared::Object((kind, id), ask(nothing()?, Reach::default(), Bytes::new(), None)));
        };
        let (request, reach) = whole(gateway, (routes, snapshot), members, call).await?;
        let body = request.body().clone();
        if reach != Reach::default() {
            return Err(Fault::new(codes::AI_REQUEST_INVALID)
                .detail("what is changed here can refer to nothing else at the provider; leave it out"));
        }
        return Ok(Prepared::Object((kind, id), ask(request, reach, body, None)));
    }
    let listed = match served.operation {
        Operation::Files => Some(Kind::File),
        Operation::Batches => Some(Kind::Batch),
        Operation::Caches => Some(Kind::CachedContent),
        _ => None,
    };
    if let Some(kind) = listed {
        let is_one = |row: &&Served| {
            row.object == Some(kind) && row.method == Method::GET && row.path.ends_with("/{id}")
        };
        let row = dialect.serves().iter().find(is_one).ok_or(codes::AI_OPERATION_UNKNOWN)?;
        return Ok(Prepared::List((kind, row), ask(nothing()?, Reach::default(), Bytes::new(), None)));
    }
    let members = served.members.unwrap_or(&Members::PATH);
    if served.operation == Operation::Realtime {
        return Err(Fault::new(codes::UPGRADE_REFUSED).detail("a realtime session is opened as a WebSocket"));
    }
    let (request, own) = whole(gateway, (routes, snapshot), members, call).await?;
    let body = request.body().clone();
    let models = ai::Models { held: &gateway.held, targets: &routes.models, identity: &snapshot.identity };
    let now = gateway.clock.now();
    let name = match served.operation {
        Operation::FileUpload if request.calls().is_none() => {
            Cow::Owned(ai::files::keeper(&models, permit, &call.head.headers)?)
        }
        Operation::BatchCreate => {
            let model = ai::files::input(&gateway.held, permit, &own, now).await?;
            Cow::Owned(model.to_string())
        }
        Operation::Moderations if request.model().is_empty() => Cow::Owned(ai::moderator(&models, permit)?),
        _ => Cow::Borrowed(asked.model.as_deref().unwrap_or(request.model())),
    };
    let model = authorised(snapshot, permit, &name, call)?;
    let mut reach = match request.calls() {
        Some(calls) => ai::files::judge(&models, &model, calls, now).await?,
        None => own,
    };
    dialect.reach_of_headers(&call.head.headers, &mut reach);
    Ok(Prepared::Call(model, ask(request, reach, body, asked.model)))
}

/// The model of this name, if the caller may use it; in the record, too.
fn authorised(
    snapshot: &Snapshot,
    permit: &Permit,
    name: &str,
    call: &mut Call,
) -> Result<ModelPermit, Fault> {
    let model = snapshot.identity.authorize_model(permit, name);
    call.recording.record.model = Some(match &model {
        Ok(model) => model.model().shared(),
        // As the caller wrote it, for the owner of the refusal.
        Err(_) => name.chars().take(128).collect::<String>().into(),
    });
    model
}

/// For calls without a body.
fn nothing() -> Result<Request, Fault> {
    Request::scan(&Bytes::from_static(b"{}"), &Members::PATH)
}

/// The caller's body, read within its bound, and what of it decides something: what it asks, and what it reaches for.
async fn whole(
    gateway: &Gateway,
    (routes, snapshot): (&AiRoutes, &Snapshot),
    members: &'static Members,
    call: &mut Call,
) -> Result<(Request, Reach), Fault> {
    let content_type = content_type(&call.head.headers)?;
    let limit = match members.syntax {
        Syntax::Json => routes.max_body,
        Syntax::Form | Syntax::FormOrJson | Syntax::File => routes.max_upload,
    };
    let body = match call.take_body() {
        Some(body) if body.size_hint().lower() > limit => {
            return Err(BodyError::TooLarge { limit }.into());
        }
        Some(body) => Bounded::new(body, limit, snapshot.settings.body_timeout).read().await?,
        None => Bytes::new(),
    };
    let bytes = body.len();
    call.recording.record.bytes_in = bytes as u64;
    let read = move || {
        let request = Request::read(&body, content_type.as_bytes(), members)?;
        let reach = request.reach()?;
        Ok((request, reach))
    };
    gateway.beside.work(bytes, read).await?
}

/// What is asked; where the path takes another method only, it is said which.
fn matched(dialect: &'static dyn Dialect, path: &str, call: &mut Call) -> Result<Matched, Fault> {
    served::matched(dialect, &call.head.method, path).inspect_err(|fault| {
        if fault.code() == codes::METHOD_NOT_ALLOWED {
            call.allow(&served::allowed(dialect, path));
        }
    })
}

/// A realtime session that is asked for: where, and with which model, which is authorised here.
pub(super) fn session(
    snapshot: &Snapshot,
    dialect: &'static dyn Dialect,
    path: &str,
    permit: &Permit,
    call: &mut Call,
) -> Result<(&'static Served, ModelPermit), Fault> {
    let served = matched(dialect, path, call)?.served;
    let record = &mut call.recording.record;
    record.operation = Some(Cow::Borrowed(served.operation.name()));
    record.dialect = Some(Cow::Borrowed(dialect.name()));
    if served.operation != Operation::Realtime {
        return Err(codes::UPGRADE_REFUSED.into());
    }
    let name = realtime::model_of(call.head.uri.query())?;
    Ok((served, authorised(snapshot, permit, &name, call)?))
}

/// The one `Content-Type`; empty where there is none.
fn content_type(headers: &HeaderMap) -> Result<HeaderValue, Fault> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let first = values.next().cloned().unwrap_or(HeaderValue::from_static(""));
    if values.next().is_some() {
        return Err(
            Fault::new(codes::AI_REQUEST_AMBIGUOUS).detail("there are two headers `content-type`; send one")
        );
    }
    Ok(first)
}

/// An answer that is always the same.
fn said(content_type: &'static str, body: &'static str) -> Answer {
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Answer::local(head, Bytes::from_static(body.as_bytes()))
}

/// An answer of our own.
fn json(body: Vec<u8>) -> Answer {
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Answer::local(head, body.into())
}
