//! Mints a token of the local issuer.

use crate::Control;
use crate::admin::{applications, tenants, users};
use crate::answer::{Answer, Refused, invalid};
use crate::caller::Caller;
use crate::input::Body;
use crate::text;
use axum::Json;
use axum::extract::State;
use portcullis_identity::local::{LocalSubject, LocalToken};
use portcullis_model::{ApplicationId, Span, TenantId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A token to mint. Exactly one of `user`, `application` and `subject` is given.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// The tenant: id or name.
    pub tenant: String,
    /// For this user.
    pub user: Option<UserId>,
    /// For this application, of itself.
    pub application: Option<ApplicationId>,
    /// With this `sub`, whoever that is.
    pub subject: Option<String>,
    /// Scopes, separated by spaces.
    pub scope: Option<String>,
    /// How long it lives, as `10m`; default `1h`, at most `30d`.
    #[schema(value_type = Option<String>)]
    pub lifetime: Option<Span>,
    /// Further claims; those that the local issuer writes itself cannot be given.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub claims: Map<String, Value>,
}

/// A token that was minted. Kept nowhere.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MintedToken {
    /// The token.
    pub token: String,
    /// When it expires (RFC 3339).
    pub expires_at: String,
}

/// Mint a token of the local issuer, for testing
#[utoipa::path(post, path = "/admin/v1/tokens", operation_id = "create_token", tag = "tokens", request_body = NewToken, responses((status = 200, body = MintedToken)))]
pub async fn create(
    State(control): State<Control>,
    caller: Caller,
    Body(new): Body<NewToken>,
) -> Answer<MintedToken> {
    let tenant = tenants::seen(&control, &caller, &new.tenant).await?;
    let (subject, whom) = subject(&control, &caller, tenant.id, &new).await?;
    if new.claims.len() > 50 {
        return Err(invalid("`claims` has at most 50 members"));
    }
    let scopes: Vec<String> =
        new.scope.as_deref().unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
    let lifetime = new.lifetime.unwrap_or(Span::seconds(3_600)).0;
    let audited = json!({ "scopes": scopes, "lifetime": Span(lifetime), "claims": new.claims.keys().collect::<Vec<_>>() });
    let token = LocalToken { tenant: tenant.name, subject, scopes, claims: new.claims, lifetime };
    let now = control.clock().now();
    let minted = control.local().mint(&token, now, control.rng())?;
    control.note(&caller, Some(tenant.id), "token.create", whom, audited).await?;
    Ok(Json(MintedToken { token: minted.expose().clone(), expires_at: now.plus(lifetime).rfc3339() }))
}

async fn subject(
    control: &Control,
    caller: &Caller,
    tenant: TenantId,
    new: &NewToken,
) -> Result<(LocalSubject, String), Refused> {
    match (new.user, new.application, &new.subject) {
        (Some(id), None, None) => {
            let user = users::seen(control, caller, id).await?;
            if user.tenant != tenant {
                return Err(invalid("body: `user`: the user is of another tenant"));
            }
            Ok((LocalSubject::User(id), id.to_string()))
        }
        (None, Some(id), None) => {
            let application = applications::seen(control, caller, id).await?;
            if application.tenant != tenant {
                return Err(invalid("body: `application`: the application is of another tenant"));
            }
            Ok((LocalSubject::Application(id), id.to_string()))
        }
        (None, None, Some(subject)) => {
            text::line("subject", subject)?;
            Ok((LocalSubject::Text(subject.clone()), subject.clone()))
        }
        _ => Err(invalid("body: exactly one of `user`, `application` and `subject` is given")),
    }
}
