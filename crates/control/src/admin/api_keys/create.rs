//! Makes an API key.

use super::{ApiKey, MintedApiKey};
use crate::Control;
use crate::admin::{applications, users};
use crate::answer::{Answer, Refused, invalid};
use crate::caller::Caller;
use crate::input::{Body, Query};
use crate::known::{Ahead, Known};
use crate::text;
use axum::Json;
use axum::extract::State;
use portcullis_identity::directory;
use portcullis_model::application::ApiKeyLimits;
use portcullis_model::{ApplicationId, Span, UserId};
use serde::Deserialize;
use std::time::Duration;

/// A key to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// The application that owns it.
    pub application: ApplicationId,
    /// For people to tell keys apart.
    pub name: String,
    /// Pins it to a user of the same tenant: calls are on behalf of this user, and end with it.
    pub user: Option<UserId>,
    /// Where it may be used; empty lists confine nothing.
    #[serde(default)]
    pub limits: ApiKeyLimits,
    /// How long it lasts, as `90d`; without it, until it is revoked.
    #[schema(value_type = Option<String>)]
    pub expires_in: Option<Span>,
}

/// Make an API key; its secret is shown once
#[utoipa::path(post, path = "/admin/v1/api-keys", operation_id = "create_api_key", tag = "api keys", params(Ahead), request_body = NewApiKey, responses((status = 200, body = MintedApiKey)))]
pub async fn create(
    State(control): State<Control>,
    caller: Caller,
    Query(ahead): Query<Ahead>,
    Body(new): Body<NewApiKey>,
) -> Answer<MintedApiKey> {
    let application = applications::seen(&control, &caller, new.application).await?;
    if let Some(user) = new.user {
        let user = users::seen(&control, &caller, user).await?;
        if user.tenant != application.tenant {
            return Err(invalid("body: `user`: the user is of another tenant than the application"));
        }
    }
    text::line("name", &new.name)?;
    limits(&new.limits)?;
    let known = Known::of_id(&control, application.tenant, ahead).await?;
    known.services("limits.services", &new.limits.services)?;
    known.models("limits.models", &new.limits.models)?;
    let expires_at = new.expires_in.map(lifetime).transpose()?.map(|span| control.clock().now().plus(span));
    let key = directory::NewApiKey {
        application: application.id,
        name: new.name,
        user: new.user,
        limits: new.limits,
        expires_at,
    };
    let (key, secret) = control.directory().create_api_key(caller.actor(), key).await?;
    Ok(Json(MintedApiKey { secret: secret.expose().clone(), api_key: ApiKey::from(key) }))
}

fn limits(limits: &ApiKeyLimits) -> Result<(), Refused> {
    text::list("limits.services", &limits.services, 100)?;
    text::list("limits.models", &limits.models, 100)?;
    if limits.addresses.len() > 100 {
        return Err(invalid("`limits.addresses` has at most 100 entries"));
    }
    Ok(())
}

fn lifetime(span: Span) -> Result<Duration, Refused> {
    const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);
    if span.0.is_zero() || span.0 > LONGEST {
        return Err(invalid(
            "body: `expires_in` is more than nothing and at most ten years; leave it out for a key without an end",
        ));
    }
    Ok(span.0)
}
