//! The workbench over HTTP. Behind the same credential, rate limit and body limit as the admin API; any role may use it,
//! since it changes nothing. No operation runs on a thread that serves calls, and only so many at once.
//!
//! Tokens and keys go through and stay nowhere: nothing is stored, and what is wrong with a request is said to whoever
//! sent it and not to the log.

use super::jwks::{audit as jwks_audit, diff as jwks_diff, fetch as jwks_fetch};
use super::keys::{audit as keys_audit, convert, generate, thumbprint};
use super::{
    At, Expectations, GivenKey, Problem, Remote, Turns, decode, decrypt, encrypt, explain, sign, verify,
};
use crate::Control;
use crate::answer::{Answer, Refused};
use crate::caller::Caller;
use crate::input::Body;
use axum::Json;
use axum::extract::State;
use portcullis_model::{Clock, Rng};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Below which the workbench is.
pub const PATH: &str = "/workbench/v1/";

/// What the operations run with.
pub(crate) struct Bench {
    turns: Turns,
    remote: Remote,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl Bench {
    pub(crate) fn new(remote: Remote, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        Self { turns: Turns::of_this_machine(), remote, clock, rng }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&At) -> Result<T, Problem> + Send + 'static,
    ) -> Answer<T> {
        let at = At::served(self.clock.now(), self.rng.clone());
        Ok(Json(self.turns.run(move || work(&at)).await??))
    }

    /// The key set that a request names, put among its keys.
    async fn fetched(
        &self,
        jwks_url: Option<String>,
        issuer: Option<String>,
        keys: &mut Vec<GivenKey>,
        expect: &mut Option<Expectations>,
    ) -> Result<(), Refused> {
        if jwks_url.is_none() && issuer.is_none() {
            return Ok(());
        }
        if let Some(issuer) = &issuer {
            let expect = expect.get_or_insert_default();
            if expect.issuer.as_ref().is_some_and(|other| other != issuer) {
                let (message, next) =
                    ("not the `issuer` whose keys are asked for", "leave one of the two away");
                return Err(Problem::invalid("issuer_twice", "expect.issuer", message, next).into());
            }
            expect.issuer = Some(issuer.clone());
        }
        let fetched = self.remote.fetch(&jwks_fetch::Request { jwks_url, issuer, now: None }).await?;
        keys.push(GivenKey::published(fetched.key_set()?));
        Ok(())
    }
}

/// The routes of the workbench.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(decode))
        .routes(routes!(verify))
        .routes(routes!(explain))
        .routes(routes!(sign))
        .routes(routes!(encrypt))
        .routes(routes!(decrypt))
        .routes(routes!(generate_key))
        .routes(routes!(convert_key))
        .routes(routes!(thumbprint_key))
        .routes(routes!(audit_keys))
        .routes(routes!(audit_jwks))
        .routes(routes!(diff_jwks))
        .routes(routes!(fetch_jwks))
}

/// Take a token apart, without verifying it
#[utoipa::path(post, path = "/workbench/v1/decode", operation_id = "decode_token", tag = "workbench", request_body = decode::Request, responses((status = 200, body = decode::Answer)))]
async fn decode(
    State(control): State<Control>,
    _: Caller,
    Body(request): Body<decode::Request>,
) -> Answer<decode::Answer> {
    control.bench().run(move |at| decode::run(&request, at)).await
}

/// Verify a token's signature and claims
#[utoipa::path(post, path = "/workbench/v1/verify", operation_id = "verify_token", tag = "workbench", request_body = verify::Request, responses((status = 200, body = verify::Answer)))]
async fn verify(
    State(control): State<Control>,
    _: Caller,
    Body(mut request): Body<verify::Request>,
) -> Answer<verify::Answer> {
    let (url, issuer) = (request.jwks_url.take(), request.issuer.take());
    control.bench().fetched(url, issuer, &mut request.keys, &mut request.expect).await?;
    control.bench().run(move |at| verify::run(&request, at)).await
}

/// Say why a token is refused, with evidence and the next step
#[utoipa::path(post, path = "/workbench/v1/explain", operation_id = "explain_token", tag = "workbench", request_body = explain::Request, responses((status = 200, body = explain::Answer)))]
async fn explain(
    State(control): State<Control>,
    _: Caller,
    Body(mut request): Body<explain::Request>,
) -> Answer<explain::Answer> {
    let (url, issuer) = (request.jwks_url.take(), request.issuer.take());
    control.bench().fetched(url, issuer, &mut request.keys, &mut request.expect).await?;
    control.bench().run(move |at| explain::run(&request, at)).await
}

/// Make a signed token or message
#[utoipa::path(post, path = "/workbench/v1/sign", operation_id = "sign_token", tag = "workbench", request_body = sign::Request, responses((status = 200, body = sign::Answer)))]
async fn sign(
    State(control): State<Control>,
    _: Caller,
    Body(request): Body<sign::Request>,
) -> Answer<sign::Answer> {
    control.bench().run(move |at| sign::run(&request, at)).await
}

/// Encrypt a message, or sign claims and encrypt the token
#[utoipa::path(post, path = "/workbench/v1/encrypt", operation_id = "encrypt_message", tag = "workbench", request_body = encrypt::Request, responses((status = 200, body = encrypt::Answer)))]
async fn encrypt(
    State(control): State<Control>,
    _: Caller,
    Body(request): Body<encrypt::Request>,
) -> Answer<encrypt::Answer> {
    control.bench().run(move |at| encrypt::run(&request, at)).await
}

/// Decrypt a message, and verify the token inside
#[utoipa::path(post, path = "/workbench/v1/decrypt", operation_id = "decrypt_message", tag = "workbench", request_body = decrypt::Request, responses((status = 200, body = decrypt::Answer)))]
async fn decrypt(
    State(control): State<Control>,
    _: Caller,
    Body(request): Body<decrypt::Request>,
) -> Answer<decrypt::Answer> {
    control.bench().run(move |at| decrypt::run(&request, at)).await
}

/// Make a key
#[utoipa::path(post, path = "/workbench/v1/keys/generate", operation_id = "generate_key", tag = "workbench", request_body = generate::Request, responses((status = 200, body = generate::Answer)))]
async fn generate_key(
    State(control): State<Control>,
    _: Caller,
    Body(request): Body<generate::Request>,
) -> Answer<generate::Answer> {
    control.bench().run(move |at| generate::run(&request, at)).await
}

/// Convert keys from one form into another
#[utoipa::path(post, path = "/workbench/v1/keys/convert", operation_id = "convert_key", tag = "workbench", request_body = convert::Request, responses((status = 200, body = convert::Answer)))]
async fn convert_key(
    State(control): State<Control>,
    _: Caller,
    Body(request): Body<convert::Request>,
) -> Answer<convert::Answer> {
    control.bench().run(move |at| convert::run(&request, at)).await
}

/// Name keys by their thumbprints
#[utoipa::path(post, path = "/workbench/v1/keys/thumbprint", operation_id = "thumbprint_key", tag = "workbench", request_body = thumbprint::Request, responses((status = 200, body = thumbprint::Answer)))]
async fn thumbprint_key(
    State(control): State<Control>,
    _: Caller,
    Body(request): Body<thumbprint::Request>,
) -> Answer<thumbprint::Answer> {
    control.bench().run(move |at| thumbprint::run(&request, at)).await
}

/// Find weak keys
#[utoipa::path(post, path = "/workbench/v1/keys/audit", operation_id = "audit_keys", tag = "workbench", request_body = keys_audit::Request, responses((status = 200, body = keys_audit::Answer)))]
async fn audit_keys(
    State(control): State<Control>,
    _: Caller,
    Body(request): Body<keys_audit::Request>,
) -> Answer<keys_audit::Answer> {
    control.bench().run(move |at| keys_audit::run(&request, at)).await
}

/// Find what is wrong with a key set
#[utoipa::path(post, path = "/workbench/v1/jwks/audit", operation_id = "audit_jwks", tag = "workbench", request_body = jwks_audit::Request, responses((status = 200, body = jwks_audit::Answer)))]
async fn audit_jwks(
    State(control): State<Control>,
    _: Caller,
    Body(request): Body<jwks_audit::Request>,
) -> Answer<jwks_audit::Answer> {
    control.bench().run(move |at| jwks_audit::run(&request, at)).await
}

/// Compare two key sets
#[utoipa::path(post, path = "/workbench/v1/jwks/diff", operation_id = "diff_jwks", tag = "workbench", request_body = jwks_diff::Request, responses((status = 200, body = jwks_diff::Answer)))]
async fn diff_jwks(
    State(control): State<Control>,
    _: Caller,
    Body(request): Body<jwks_diff::Request>,
) -> Answer<jwks_diff::Answer> {
    control.bench().run(move |at| jwks_diff::run(&request, at)).await
}

/// Fetch a key set from a public address, and audit it
#[utoipa::path(post, path = "/workbench/v1/jwks/fetch", operation_id = "fetch_jwks", tag = "workbench", request_body = jwks_fetch::Request, responses((status = 200, body = jwks_fetch::Answer)))]
async fn fetch_jwks(
    State(control): State<Control>,
    _: Caller,
    Body(request): Body<jwks_fetch::Request>,
) -> Answer<jwks_fetch::Answer> {
    let fetched = control.bench().remote.fetch(&request).await?;
    control.bench().run(move |at| jwks_fetch::run(&request, &fetched, at)).await
}
