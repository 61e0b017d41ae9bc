//! Revokes.

use super::{Revocation, Revoked};
use crate::Control;
use crate::admin::users;
use crate::answer::{Answer, Refused, absent, invalid};
use crate::caller::Caller;
use crate::input::{Body, Query};
use crate::known::{Ahead, Known};
use crate::text;
use axum::Json;
use axum::extract::State;
use portcullis_model::audit::OperatorRole;
use portcullis_model::issuer::TenantRule;
use portcullis_model::{Name, TenantId, Timestamp};
use portcullis_store::entity::{revocations as stored, tenants};
use serde::Deserialize;

/// What to revoke.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRevocation {
    /// What.
    pub what: Revoked,
    /// When it may be forgotten (RFC 3339): after the last token that it concerns has expired. Without it, never.
    pub expires_at: Option<String>,
    /// Why; kept with the entry and in the audit log.
    pub reason: Option<String>,
}

/// Revoke a token, a subject's, a user's or an issuer's tokens, or distrust a key
///
/// A tenant administrator revokes what issuers of its own tenant alone have signed, and its own users' tokens.
#[utoipa::path(post, path = "/admin/v1/revocations", operation_id = "create_revocation", tag = "revocations", params(Ahead), request_body = NewRevocation, responses((status = 200, body = Revocation)))]
pub async fn create(
    State(control): State<Control>,
    caller: Caller,
    Query(ahead): Query<Ahead>,
    Body(new): Body<NewRevocation>,
) -> Answer<Revocation> {
    text::optional_line("reason", new.reason.as_deref())?;
    let now = control.clock().now();
    let expires_at = text::optional_time("expires_at", new.expires_at.as_deref())?;
    if expires_at.is_some_and(|at| at <= now) {
        return Err(invalid("body: `expires_at` has passed"));
    }
    let (what, issuer) = read(new.what, now)?;
    let tenant = match (&what, &issuer) {
        (stored::Revoked::User { user, .. }, _) => Some(users::seen(&control, &caller, *user).await?.tenant),
        (_, Some(issuer)) => {
            // Who may not act on it is told before, and the same whether there is one of this name.
            let owner = owner(&control, &caller, issuer).await?;
            Known::everywhere(&control, ahead).issuer("what.issuer", issuer)?;
            owner
        }
        (_, None) => {
            caller.whole()?;
            None
        }
    };
    Ok(Json(control.directory().revoke(caller.actor(), tenant, what, expires_at, new.reason).await?.into()))
}

fn read(what: Revoked, now: Timestamp) -> Result<(stored::Revoked, Option<Name>), Refused> {
    let before = |text: Option<String>| {
        Ok::<_, Refused>(text::optional_time("what.issued_before", text.as_deref())?.unwrap_or(now))
    };
    Ok(match what {
        Revoked::Token { issuer, jti } => {
            text::line("what.jti", &jti)?;
            (stored::Revoked::Token { issuer: issuer.clone(), jti }, Some(issuer))
        }
        Revoked::Digest { digest } => {
            if digest.len() != 43
                || !digest.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
            {
                return Err(invalid(
                    "body: `what.digest` is a SHA-256 in base64url without padding: 43 characters, as records show it",
                ));
            }
            (stored::Revoked::Digest(digest), None)
        }
        Revoked::Subject { issuer, subject, issued_before } => {
            text::line("what.subject", &subject)?;
            (
                stored::Revoked::Subject {
                    issuer: issuer.clone(),
                    subject,
                    issued_before: before(issued_before)?,
                },
                Some(issuer),
            )
        }
        Revoked::User { user, issued_before } => {
            (stored::Revoked::User { user, issued_before: before(issued_before)? }, None)
        }
        Revoked::Issuer { issuer, issued_before } => (
            stored::Revoked::Issuer { issuer: issuer.clone(), issued_before: before(issued_before)? },
            Some(issuer),
        ),
        Revoked::Key { issuer, kid } => {
            text::line("what.kid", &kid)?;
            (stored::Revoked::Key { issuer: issuer.clone(), kid }, Some(issuer))
        }
    })
}

/// The tenant that the issuer's tokens belong to, all of them; the caller may act on it.
async fn owner(control: &Control, caller: &Caller, issuer: &Name) -> Result<Option<TenantId>, Refused> {
    let config = control.publisher().config();
    let rule = config
        .issuers
        .iter()
        .find(|configured| configured.name == *issuer)
        .map(|configured| &configured.tenant);
    let tenant = match rule {
        Some(TenantRule::Named(name)) => {
            tenants::find_by_name(control.store(), name.as_str()).await?.map(|tenant| tenant.id)
        }
        // Of several tenants, of the built-in issuer, or of an issuer that has left the file: the operator's alone.
        Some(TenantRule::Mapped(_)) | None => None,
    };
    match tenant {
        Some(tenant) => caller.over(tenant, "issuer")?,
        None if caller.role() == OperatorRole::TenantAdministrator => return Err(absent("issuer")),
        None => {}
    }
    Ok(tenant)
}
