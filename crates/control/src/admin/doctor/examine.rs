//! Examines a credential, or a call that was recorded.

use crate::Control;
use crate::answer::{Answer, Refused, invalid};
use crate::caller::Caller;
use crate::input::Body;
use axum::Json;
use axum::extract::State;
use portcullis_doctor::{Diagnosis, Question};
use portcullis_fault::{Fault, codes};
use portcullis_model::RequestId;
use serde::Deserialize;
use std::time::Duration;

/// What is asked: a credential, a request, or both (then the credential is examined, and the record says what became of
/// the call).
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DoctorQuestion)]
pub struct Asked {
    /// The credential, as the caller sends it behind `Bearer`. Kept nowhere.
    pub token: Option<String>,
    /// The id of a call, as its caller saw it in `X-Request-Id`.
    pub request: Option<RequestId>,
    /// The service that is called, by name.
    pub service: Option<String>,
    /// A credential that works, to compare with. Kept nowhere.
    pub good: Option<String>,
}

/// The whole examination. Every check has a shorter time of its own.
const PATIENCE: Duration = Duration::from_secs(30);

/// When to come again.
const AGAIN: Duration = Duration::from_secs(2);

/// Find out why a caller was refused, with evidence and what to do; changes nothing
///
/// Runs the checks of the request path themselves, without effects: no cache is filled, no user made, no key set fetched. Who is confined to a tenant sees
/// what is that tenant's; a credential or call of another is told to be of nobody.
#[utoipa::path(post, path = "/admin/v1/doctor", operation_id = "examine", tag = "doctor", request_body = Asked, responses((status = 200, body = Diagnosis)))]
pub async fn examine(
    State(control): State<Control>,
    caller: Caller,
    Body(asked): Body<Asked>,
) -> Answer<Diagnosis> {
    // Near misses, other issuers' keys and other tenants' users may be in the answer.
    let tenant = caller.scope(None)?;
    if asked.token.as_ref().is_some_and(|token| token.trim().is_empty()) {
        return Err(invalid("`token` is empty"));
    }
    let Some(_under_way) = control.patience(&caller) else {
        let detail = "examinations of yours are under way; come again when they have ended";
        return Err(Refused(Fault::new(codes::TOO_MANY_REQUESTS).detail(detail).retry_after(AGAIN)));
    };
    let Asked { token, request, service, good } = asked;
    let question = Question { token, request, service, good, tenant };
    let examined = control.doctor().examine(&question, control.publisher().config());
    match tokio::time::timeout(PATIENCE, Box::pin(examined)).await {
        Ok(diagnosis) => Ok(Json(diagnosis?)),
        Err(_) => Err(Refused(
            Fault::new(codes::STORE_UNAVAILABLE)
                .detail(format!("the examination did not end within {} s", PATIENCE.as_secs())),
        )),
    }
}
