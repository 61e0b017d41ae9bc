//! Who calls: a provisioner, and nobody else.

use crate::Control;
use crate::answer::Refused;
use crate::caller;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use portcullis_fault::{Fault, codes};
use portcullis_identity::directory::{Actor, Feed};

/// A SCIM client.
#[derive(Clone, Debug)]
pub struct Client {
    /// What it feeds.
    pub feed: Feed,
    /// What the audit log will say: `scim:<credential>`.
    pub actor: Actor,
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Refused(Fault::new(codes::INTERNAL).context("a SCIM route is outside the authentication layer"))
        })
    }
}

/// The layer around every SCIM route.
pub async fn authenticate(State(control): State<Control>, request: Request, next: Next) -> Response {
    let recognised = caller::provisioner(&control, &request);
    match recognised.await {
        Ok(client) => {
            let mut request = request;
            request.extensions_mut().insert(client);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}
