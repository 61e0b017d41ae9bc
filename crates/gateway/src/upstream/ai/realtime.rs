//! Realtime sessions: a WebSocket to a provider that has them, opened with our key and its model, and read on its way.
//!
//! Deployments are tried in their order as for any call, until one agrees; from then on the session is that one's. What the
//! caller's events may say is the gate's matter (`gate.rs`), what the answers used the ear's (`ear.rs`).

mod ear;
mod gate;

pub(crate) use ear::{Ear, Share};
pub(crate) use gate::Gate;

use super::deployment::HttpWay;
use super::held::Held;
use super::route::{Class, Draw, Facts, Target, Turn, pick};
use super::{Deployment, Refused, Way, heads, no, refused};
use crate::beside::Beside;
use crate::meter::Answer;
use crate::record::Recording;
use crate::snapshot::{AiRoutes, Snapshot};
use crate::upstream::websocket;
use bytes::Bytes;
use http::{HeaderValue, Request, header, request, response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_fault::{Fault, codes};
use portcullis_identity::ModelPermit;
use portcullis_llm::dialect::openai::realtime;
use portcullis_llm::dialect::{Dialect, Operation, Served};
use portcullis_model::{Clock, Timestamp};
use portcullis_net::egress::Stream;
use std::sync::Arc;
use std::time::Duration;

/// What cannot stand in a parameter's value as it is.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A session that a caller asks for.
pub(crate) struct Asked<'a> {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) served: &'static Served,
    pub(crate) head: &'a request::Parts,
    pub(crate) permit: ModelPermit,
    pub(crate) snapshot: &'a Arc<Snapshot>,
    pub(crate) routes: &'a Arc<AiRoutes>,
    pub(crate) held: &'a Arc<Held>,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) beside: &'a Arc<Beside>,
    pub(crate) now: Timestamp,
    /// Chance, for what is chosen by it.
    pub(crate) seed: u64,
}

/// What became of it.
pub(crate) enum Opened {
    /// A provider agreed.
    Session(Box<Session>),
    /// None did; the most telling answer.
    Answered(Box<Answer>),
}

/// An open session.
pub(crate) struct Session {
    pub(crate) head: response::Parts,
    pub(crate) upstream: Box<(Stream, Bytes)>,
    /// How long both ends may be silent.
    pub(crate) pause: Duration,
    pub(crate) gate: Gate,
}

/// Asks the deployments, one after the other.
pub(crate) async fn open(asked: Asked<'_>, recording: &mut Recording) -> Result<Opened, Fault> {
    recording.record.timing.dispatched = recording.elapsed();
    let target = asked.routes.models.get(asked.permit.model()).ok_or(codes::MODEL_NOT_FOUND)?;
    let tags = asked.head.headers.get(&super::journey::TAGS).filter(|_| target.tags);
    let facts = Facts {
        principal: asked.permit.permit().principal().map(Arc::as_ref),
        tags: tags.and_then(|tags| tags.to_str().ok()).map(Facts::split).unwrap_or_default(),
        ..Facts::default()
    };
    let mut turn = Turn { draw: Draw::new(asked.seed), conversation: None };
    let serves = |deployment: &Deployment| row(deployment, asked.dialect).is_some();
    let choice = target.choose(&facts, serves, asked.now, &mut turn);
    let mut worst: Option<Refused> = None;
    for at in &choice.order {
        let deployment = &target.deployments[*at];
        let Way::Http(way) = &deployment.way else { continue };
        match ask(&asked, target, deployment, way, &mut turn.draw, recording).await {
            Ok((head, upstream)) => {
                let gate = Gate::new(&asked, deployment);
                let pause = websocket::pause(&way.endpoint);
                return Ok(Opened::Session(Box::new(Session { head, upstream, pause, gate })));
            }
            Err(refused) => {
                let class = refused.class;
                if worst.as_ref().is_none_or(|worst| class >= worst.class) {
                    worst = Some(refused);
                }
                if !class.may_work_elsewhere() {
                    break;
                }
            }
        }
    }
    match worst {
        Some(refused) => refused.said.map(|answer| Opened::Answered(Box::new(answer))),
        None => Err(super::plan::nobody(target, &choice.out, asked.dialect, asked.served, asked.now).1),
    }
}

/// Where a deployment has sessions; `None`: it has none.
fn row(deployment: &Deployment, dialect: &dyn Dialect) -> Option<&'static Served> {
    let preset = deployment.way.preset();
    let speaks = preset.dialect.name() == dialect.name() && matches!(deployment.way, Way::Http(_));
    preset.served(Operation::Realtime, true).filter(|_| speaks)
}

/// One deployment, with one of its keys.
async fn ask(
    asked: &Asked<'_>,
    target: &Target,
    deployment: &Deployment,
    way: &HttpWay,
    draw: &mut Draw,
    recording: &mut Recording,
) -> Result<(response::Parts, Box<(Stream, Bytes)>), Refused> {
    let now = recording.now();
    let nobody = |why: &'static str, after: Duration| {
        refused(Class::Outage, Fault::new(codes::PROVIDER_UNAVAILABLE).context(why).retry_after(after))
    };
    let key = pick(&way.keys, &[], true, now, draw).map_err(|until| {
        let after = until.map_or(Duration::from_secs(1), |until| until.since(now));
        nobody("the provider's keys have had their calls per minute", after)
    })?;
    let Some(mut busy) = deployment.vitals.begin(target.breaker, now) else {
        let why = "the deployment keeps failing and is left alone for a while";
        return Err(nobody(why, Duration::from_secs(1)));
    };
    recording.record.provider = Some(deployment.provider.shared());
    recording.record.deployment = Some(deployment.model.shared());
    recording.record.upstream_status = None;
    recording.known.clone_from(&deployment.known);
    let head =
        head(asked, deployment, way, key, recording).map_err(|fault| refused(Class::Refused, fault))?;
    let opened = websocket::open(asked.permit.permit(), &way.endpoint, None, head, recording).await;
    let after = recording.now();
    let failed = match opened {
        Ok(websocket::Opened::Switched(head, upstream)) => {
            busy.answered(after.since(now), after);
            recording.busy = Some(busy);
            return Ok((back(head), upstream));
        }
        Ok(websocket::Opened::Answered(head, body)) => {
            no::passing(head, body, asked.dialect, recording).await
        }
        Err(fault) => refused(Class::Outage, fault),
    };
    let answered = recording.record.upstream_status.is_some();
    busy.failed(failed.class, answered, &failed.why(), after);
    match failed.class {
        Class::RateLimited => {
            way.keys[key].rest.rest(after, failed.rest.unwrap_or(super::journey::RATE_LIMITED));
        }
        Class::KeyRefused => way.keys[key].rest.rest(after, super::journey::KEY_REFUSED),
        _ => {}
    }
    Err(failed)
}

/// The head that asks a provider for a session.
fn head(
    asked: &Asked<'_>,
    deployment: &Deployment,
    way: &HttpWay,
    key: usize,
    recording: &Recording,
) -> Result<request::Parts, Fault> {
    let path = way.preset.path(asked.served, deployment.model.as_str());
    let model = utf8_percent_encode(deployment.model.as_str(), VALUE);
    let uri = way.uri(&format!("{path}?model={model}"))?;
    let (mut head, ()) = Request::new(()).into_parts();
    head.uri = uri;
    let caller = &asked.head.headers;
    head.headers = heads::passing(caller, asked.dialect, None, way, &recording.id);
    for name in [header::ACCEPT, header::ACCEPT_ENCODING, header::CONTENT_TYPE] {
        head.headers.remove(name);
    }
    // No extensions: what is compressed could not be read.
    for name in [header::SEC_WEBSOCKET_KEY, header::SEC_WEBSOCKET_VERSION] {
        if let Some(value) = caller.get(&name) {
            head.headers.insert(name, value.clone());
        }
    }
    head.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    head.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    let offered = caller.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let passed: Vec<&str> = offered.map(str::trim).filter(|name| realtime::passes(name)).collect();
    if !passed.is_empty()
        && let Ok(value) = HeaderValue::from_str(&passed.join(", "))
    {
        head.headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
    }
    if let Some((name, value)) = way.credential(Some(key)) {
        head.headers.insert(name.clone(), value.clone());
    }
    Ok(head)
}

/// A provider's agreement, as the caller gets it: what RFC 6455 §4.2.2 has and nothing of our account.
fn back(mut head: response::Parts) -> response::Parts {
    let kept =
        [header::UPGRADE, header::CONNECTION, header::SEC_WEBSOCKET_ACCEPT, header::SEC_WEBSOCKET_PROTOCOL];
    let mut headers = http::HeaderMap::with_capacity(4);
    for name in kept {
        if let Some(value) = head.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    head.headers = headers;
    head
}
