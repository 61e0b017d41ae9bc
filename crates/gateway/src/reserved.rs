//! Paths of our own, below `/-/`: the codes' pages, health, and who a caller is taken for.

use crate::body::Body;
use crate::gateway::Gateway;
use crate::meter::Answer;
use crate::pipeline::{Call, Outcome};
use crate::snapshot::Snapshot;
use http::{HeaderValue, Method, Response, StatusCode, header};
use portcullis_fault::{Fault, codes, pages};
use portcullis_identity::{ConnectionFacts, Effects, Places};
use portcullis_model::Principal;
use portcullis_model::team::TeamOf;
use serde_json::json;
use std::time::Duration;

/// What a path below `/-/` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserved<'a> {
    /// A code's page, or the list of them.
    Errors(&'a str),
    /// Whether calls can be served.
    Health,
    /// Who the caller is taken for.
    WhoAmI,
    /// Nothing.
    Unknown,
}

impl<'a> Reserved<'a> {
    /// What `path` means; `None` when it is not ours.
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/-")?;
        Some(match rest {
            "/health" => Self::Health,
            "/whoami" => Self::WhoAmI,
            "/errors" | "/errors/" => Self::Errors(""),
            _ if !rest.is_empty() && !rest.starts_with('/') => return None,
            _ => rest.strip_prefix("/errors/").map_or(Self::Unknown, Self::Errors),
        })
    }
}

/// The pages that are no calls: nobody is asked for a credential, and nothing is recorded.
pub(crate) fn page(
    reserved: Option<Reserved<'_>>,
    gateway: &Gateway,
    call: &mut Call,
) -> Option<Response<Body>> {
    if !matches!(call.head.method, Method::GET | Method::HEAD) {
        return None;
    }
    let response = match reserved? {
        Reserved::Health => health(gateway),
        Reserved::Errors(tail) => errors(tail, call)?,
        Reserved::WhoAmI | Reserved::Unknown => return None,
    };
    call.recording.forget();
    Some(response)
}

fn health(gateway: &Gateway) -> Response<Body> {
    // What is in the way is the operators' to read: on the control listener.
    let (status, word) = match gateway.ready() {
        Ok(()) => (StatusCode::OK, "ok"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let mut response = Response::new(Body::whole(json!({ "status": word }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn errors(tail: &str, call: &Call) -> Option<Response<Body>> {
    let text = |name| call.head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let page = pages::find(tail, call.head.uri.query(), text(header::ACCEPT), text(header::ACCEPT_LANGUAGE))?;
    let known = page.is_known(text(header::IF_NONE_MATCH));
    let mut response = Response::new(if known { Body::default() } else { Body::whole(page.body) });
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-language"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    if let Ok(etag) = HeaderValue::try_from(page.etag) {
        headers.insert(header::ETAG, etag);
    }
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.content_type));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(page.language));
        // Nothing in these pages runs or is fetched from elsewhere.
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        );
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    Some(response)
}

/// Tells a caller who it is taken for; anything else below `/-/` is nothing.
pub(crate) async fn whoami(
    reserved: Option<Reserved<'_>>,
    gateway: &Gateway,
    snapshot: &Snapshot,
    call: &mut Call,
) -> Result<Outcome, Fault> {
    if reserved == Some(Reserved::Unknown) {
        return Err(codes::ROUTE_NOT_FOUND.into());
    }
    if !matches!(call.head.method, Method::GET | Method::HEAD) {
        call.allow("GET, HEAD");
        return Err(codes::METHOD_NOT_ALLOWED.into());
    }
    if reserved != Some(Reserved::WhoAmI) {
        // A page of a code that there is not.
        return Err(codes::ROUTE_NOT_FOUND.into());
    }
    gateway
        .budget
        .check(call.client)
        .map_err(|after: Duration| Fault::new(codes::TOO_MANY_FAILURES).retry_after(after))?;
    let connection = ConnectionFacts { client: call.client, certificate: call.certificate() };
    let caller = snapshot
        .identity
        .authenticate(&call.head, &Places::default(), &connection, Effects::Live, &mut *call.recording)
        .await
        .inspect_err(|fault| gateway.count_failure(call.client, fault))?;
    let principal = snapshot.identity.resolve(&caller, Effects::Live, &mut *call.recording).await?;
    // Being told who one is, is a call like another.
    snapshot.identity.use_up(&caller, &principal, call.recording.record.id).await?;
    call.recording.record.timing.identified = call.recording.elapsed();
    let (mut head, ()) = Response::new(()).into_parts();
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Outcome::Answer(Answer::local(head, describe(&principal).into())))
}

/// What a caller may know of itself.
fn describe(principal: &Principal) -> Vec<u8> {
    let user = principal.user.as_ref().map(|user| {
        json!({
            "id": user.id, "external_id": user.external_id, "username": user.username,
            "display_name": user.display_name, "status": user.status,
        })
    });
    let application = principal
        .application
        .as_ref()
        .map(|application| json!({ "id": application.id, "name": application.name }));
    let team = |team: &TeamOf| json!({ "name": team.name, "parent": team.parent, "direct": team.direct });
    let teams: Vec<_> = principal.teams.iter().map(team).collect();
    let body = json!({
        "kind": principal.kind(),
        "tenant": { "id": principal.tenant.id, "name": principal.tenant.name },
        "user": user,
        "application": application,
        "api_key": principal.api_key.as_ref().map(|key| json!({ "id": key.id, "name": key.name, "expires_at": key.expires_at.map(|at| at.rfc3339()) })),
        "issuer": principal.issuer,
        "scopes": &*principal.scopes,
        "roles": &*principal.roles,
        "teams": teams,
        "expires_at": principal.expires_at.map(|at| at.rfc3339()),
    });
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_segments_are_ours() {
        assert_eq!(Reserved::of("/-/health"), Some(Reserved::Health));
        assert_eq!(
            Reserved::of("/-/errors/token_expired.zh.json"),
            Some(Reserved::Errors("token_expired.zh.json"))
        );
        assert_eq!(Reserved::of("/-/errors"), Some(Reserved::Errors("")));
        assert_eq!(Reserved::of("/-"), Some(Reserved::Unknown));
        assert_eq!(Reserved::of("/-/"), Some(Reserved::Unknown));
        assert_eq!(Reserved::of("/-/healthy"), Some(Reserved::Unknown));
        assert_eq!(Reserved::of("/-x"), None);
        assert_eq!(Reserved::of("/orders/-/health"), None);
    }
}
