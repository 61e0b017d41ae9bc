//! The path of one call, on one page: accept → route → authenticate → resolve → authorise → admit → prepare → dispatch →
//! record. Order is meaning here, so it is a straight line, and each step's result is the ticket for the next: without a
//! [`Permit`] there is nothing to reach an upstream with.

mod call;
mod prepare;
mod send;
mod watch;

pub(crate) use call::Call;
pub(crate) use watch::Watch;

use crate::body::Body;
use crate::gateway::Gateway;
use crate::meter::{self, Answer};
use crate::reserved::{self, Reserved};
use crate::respond;
use crate::route::{CallPath, host_of};
use crate::snapshot::{Route, Snapshot};
use crate::upstream::{ai, websocket};
use http::{Request, Response};
use hyper::body::Incoming;
use portcullis_fault::defect::outlive;
use portcullis_fault::{Fault, codes};
use portcullis_identity::{CallFacts, ConnectionFacts, Effects, Permit};
use portcullis_model::service::AuthMode;
use portcullis_net::accept::Connection;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// What a call that was not refused ends in.
#[expect(
    clippy::large_enum_variant,
    reason = "the usual outcome is the large one; a box for it would cost every call"
)]
pub(crate) enum Outcome {
    /// An answer, to be metered on its way.
    Answer(Answer),
    /// An open WebSocket: our agreement, and the tunnel behind it.
    Switched(Box<send::Switched>),
    /// A page of our own, which is no call and is not recorded.
    Page(Response<Body>),
}

impl Gateway {
    /// Serves one call. Whatever happens from here on is recorded.
    pub(crate) async fn serve(
        &self,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Response<Body> {
        let snapshot = self.snapshot.load_full();
        let mut call = Call::open(self, snapshot.as_deref(), request, connection);
        let outcome = match &snapshot {
            // A panic is a defect of ours, and costs this call alone: refused like any other, in its own form.
            Some(snapshot) => {
                let answered = outlive(pin!(self.path(snapshot, &mut call))).await;
                answered.unwrap_or_else(|defect| Err(defect.into()))
            }
            None => Err(Fault::new(codes::SHUTTING_DOWN)
                .detail("the gateway is starting")
                .context("no configuration is in force yet")),
        };
        match outcome {
            Ok(Outcome::Answer(answer)) => match meter::watch(answer, call.recording).await {
                Ok(response) => response,
                Err((fault, recording)) => {
                    call.recording = recording;
                    Box::pin(self.refuse(fault, call)).await
                }
            },
            Ok(Outcome::Switched(switched)) => switched.begin(self, call),
            Ok(Outcome::Page(page)) => page,
            Err(fault) => Box::pin(self.refuse(fault, call)).await,
        }
    }

    /// The one page. What is rare on it is in boxes: the listener moves this future, and keeps room for it per call.
    async fn path(&self, snapshot: &Arc<Snapshot>, call: &mut Call) -> Result<Outcome, Fault> {
        // The path in the one reading that it has: every later step says "this path" and means the same bytes.
        let uri = call.head.uri.clone();
        let path = CallPath::read(uri.path())?;
        // Pages of our own come first: they ask nobody, cost little, and must answer when nothing else does.
        let reserved = Reserved::of(path.as_str());
        if let Some(page) = reserved::page(reserved, self, call) {
            return Ok(Outcome::Page(page));
        }

        // accept: what cannot be recorded is not served, and what would be one too many is refused before it costs anything.
        if !self.keeper.spool.has_room() {
            return Err(Fault::new(codes::RECORDS_UNAVAILABLE).retry_after(Duration::from_secs(5)));
        }
        call.recording.slot = Some(self.limit.admit()?);

        // route: unique over all tenants, longest prefix by whole segments. The answer's form is the route's from here on.
        if reserved.is_some() {
            return Box::pin(reserved::whoami(reserved, self, snapshot, call)).await;
        }
        let host = host_of(call.head.version, &call.head.uri, &call.head.headers)?;
        let route = snapshot.routes.find(&host, path.as_str()).ok_or(codes::ROUTE_NOT_FOUND)?;
        // A service may stand where an AI operation would, under a host of its own.
        if !matches!(route, Route::Ai(..)) {
            path.check_forwarded()?;
        }
        let rules = route.rules();
        call.routed(route);
        call.check_method(route)?;
        let upgrade = websocket::is_wanted(&call.head);
        if upgrade && !route.takes_websockets() {
            return Err(codes::UPGRADE_REFUSED.into());
        }

        // authenticate → resolve → authorise: the credential, then who that is here, then whether they may. In this order,
        // so that nobody learns about users without a good credential, nor about services without being a user.
        let identity = &snapshot.identity;
        let (mut checked, mut known, mut watch) = (None, None, None);
        if rules.auth() != AuthMode::None {
            let check = async {
                let check = self.budget.check(call.client);
                check.map_err(|after| Fault::new(codes::TOO_MANY_FAILURES).retry_after(after))?;
                let connection = ConnectionFacts { client: call.client, certificate: call.certificate() };
                let caller = identity
                    .authenticate(
                        &call.head,
                        route.places(),
                        &connection,
                        Effects::Live,
                        &mut *call.recording,
                    )
                    .await
                    .inspect_err(|fault| self.count_failure(call.client, fault))?;
                let principal =
                    Arc::new(identity.resolve(&caller, Effects::Live, &mut *call.recording).await?);
                known = Some(principal.clone());
                let facts = CallFacts {
                    method: &call.head.method,
                    path: path.as_str(),
                    client: call.client,
                    now: call.recording.record.at,
                    caller: Some(&caller),
                };
                let permit = identity.authorize(principal.clone(), rules, &facts)?;
                // A token for one call is used up by the call that it lets in, and by none that was refused up to here.
                identity.use_up(&caller, &principal, call.recording.record.id).await?;
                // From here on it may change: looked at again only if the answer takes its time. Where nobody is refused,
                // nobody is cut off either.
                watch = (rules.auth() == AuthMode::Required).then(|| Watch {
                    snapshot: snapshot.clone(),
                    principal,
                    caller,
                    route: route.clone(),
                    method: call.head.method.clone(),
                    uri: uri.clone(),
                    client: call.client,
                    at: call.recording.record.at,
                });
                Ok(permit)
            };
            checked = Some(check.await);
        }
        let permit: Permit = match checked {
            Some(Ok(permit)) => permit,
            Some(Err(fault)) if rules.auth() == AuthMode::Required => return Err(fault),
            // monitor: let through as nobody, and the record says what would have been. A model's caller stays who it is,
            // as far as that is known: models are granted to tenants.
            Some(Err(fault)) => {
                call.recording.would_refuse(&fault);
                identity.authorize_open(known.filter(|_| matches!(route, Route::Ai(..))), rules)?
            }
            None => identity.authorize_open(None, rules)?,
        };
        call.recording.record.timing.identified = call.recording.elapsed();

        // admit → prepare → dispatch: the body within its bound, streamed to a service, read and understood for a model.
        // Only now, and only with the permit.
        let answer = match route {
            Route::Service(service) => {
                let upload = prepare::upload(service, snapshot, call)?;
                if upgrade {
                    let upgrade = send::upgrade(snapshot, service, &path, &permit, watch, call);
                    return Box::pin(upgrade).await;
                }
                send::to_service(snapshot, service, &path, &permit, upload, call).await?
            }
            Route::Ai(routes, speech) => {
                let below = speech.base.below(path.as_str());
                if upgrade {
                    let session =
                        send::session(self, snapshot, (routes, speech), below, &permit, watch, call);
                    return Box::pin(session).await;
                }
                match prepare::ai(self, snapshot, (routes, speech.dialect), below, &permit, call).await? {
                    prepare::Prepared::Local(answer) => answer,
                    prepare::Prepared::Object((kind, id), ask) => {
                        let models = ai::Models { held: &self.held, targets: &routes.models, identity };
                        let asked = ask.call(&call.head);
                        let about = ai::object(&permit, &models, (kind, &id), asked, &mut call.recording);
                        let mut answer = Box::pin(about).await?;
                        answer.capture = ask.capture();
                        answer
                    }
                    prepare::Prepared::List(what, ask) => {
                        let models = ai::Models { held: &self.held, targets: &routes.models, identity };
                        let asked = ask.call(&call.head);
                        let list = ai::list(&permit, &models, what, asked, &mut call.recording);
                        Box::pin(list).await?
                    }
                    prepare::Prepared::Call(model, ask) => {
                        let models = ai::Models { held: &self.held, targets: &routes.models, identity };
                        // More than anything else on this page needs.
                        let call = ai::call(&model, &models, ask.call(&call.head), &mut call.recording);
                        let mut answer = Box::pin(call).await?;
                        answer.capture = ask.capture();
                        answer
                    }
                }
            }
        };
        // record: when the answer ends, breaks, is cut or is dropped. See `meter::watch`.
        Ok(Outcome::Answer(Answer { watch, ..answer }))
    }

    /// Refuses a call that the listener does not let us serve: two framings, no or two hosts.
    pub(crate) async fn refuse_unserved(
        &self,
        fault: Fault,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Response<Body> {
        let snapshot = self.snapshot.load_full();
        let mut call = Call::open(self, snapshot.as_deref(), request, connection);
        call.unreadable();
        self.refuse(fault, call).await
    }

    async fn refuse(&self, fault: Fault, mut call: Call) -> Response<Body> {
        let manner = call.manner().await;
        respond::refuse(fault, manner, &call.pages, call.recording).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of the future that a function of a gateway's gives.
    fn room<'g, F>(_: impl FnOnce(&'g Gateway, Request<Incoming>, Arc<Connection>) -> F) -> usize {
        size_of::<F>()
    }

    /// A listener keeps so much for every call, and moves it: what is rare belongs into a box.
    #[test]
    fn a_call_under_way_takes_little_room() {
        let room = room(Gateway::serve);
        println!("{room} bytes for a call");
        assert!(room <= 9_728, "{room}");
    }
}
