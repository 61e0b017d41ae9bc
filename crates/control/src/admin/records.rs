//! Records: the one line per call that the gateway keeps, refused calls too.

mod list;
mod show;

use crate::Control;
use portcullis_model as model;
use portcullis_model::record::{Cost, Outcome, Tried};
use portcullis_model::{ApiKeyId, ApplicationId, RequestId, TenantId, Usage, UserId};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// One call: who, what, outcome, tokens, timings.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Record {
    /// The call's id; callers see it as `X-Request-Id`.
    pub id: RequestId,
    /// When the call was accepted (RFC 3339).
    pub at: String,
    /// How it ended.
    pub outcome: Outcome,
    /// HTTP status that the caller saw.
    pub status: u16,
    /// The true code of the refusal; callers may have been shown a public one.
    pub code: Option<String>,
    /// What the owner is told beside the code.
    pub detail: Option<String>,
    /// In monitor mode: the refusal that would have been.
    pub would_refuse: Option<String>,
    /// The tenant.
    pub tenant: Option<TenantId>,
    /// The user, when resolved.
    pub user: Option<UserId>,
    /// The application, when one called.
    pub application: Option<ApplicationId>,
    /// The API key that was presented.
    pub api_key: Option<ApiKeyId>,
    /// The service; AI routes are `ai`.
    pub service: Option<String>,
    /// What an AI route was asked.
    pub operation: Option<String>,
    /// The AI dialect that the caller spoke.
    pub dialect: Option<String>,
    /// The model that was asked for.
    pub model: Option<String>,
    /// The provider that answered.
    pub provider: Option<String>,
    /// The model's name there.
    pub deployment: Option<String>,
    /// The batch, by its id at the provider, that `usage` and `cost` are of. It is in one record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// HTTP method.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// The caller's address.
    pub source: String,
    /// W3C trace id.
    pub trace: Option<String>,
    /// What the token said.
    pub token: Option<Token>,
    /// What of the request was left out or changed on the way into the provider's dialect.
    pub dropped: Option<String>,
    /// On AI calls: the tools that run at the provider and that the call asked for, with commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<String>,
    /// Token counts.
    pub usage: Option<Usage>,
    /// What that costs, where the catalogue knows the model's price.
    pub cost: Option<Cost>,
    /// The upstream's own status.
    pub upstream_status: Option<u16>,
    /// Body bytes from the caller.
    pub bytes_in: u64,
    /// Body bytes to the caller.
    pub bytes_out: u64,
    /// Upstream attempts.
    pub attempts: u8,
    /// On AI calls that the first attempt did not answer: every attempt, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    /// Where the time went.
    pub timing: Timing,
    /// Request and answer, where the service captures them; only when one record is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<Capture>,
}

/// Facts of a token; never the token or its signature.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Token {
    /// The issuer's name in the configuration, when recognised.
    pub issuer: Option<String>,
    /// The protected header, JSON text.
    pub header: String,
    /// Registered claims, JSON text.
    pub claims: String,
    /// SHA-256 of the signing input, base64url; revokes this one token.
    pub digest: String,
    /// The header of the encryption around it, JSON text; absent when it came unencrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    /// How it shows that the token leaves out its groups (`_claim_names`, `hasgroups`, …); absent when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_overage: Option<String>,
    /// Header members that were ignored.
    pub ignored: Vec<String>,
}

/// Microseconds from accept.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Timing {
    /// The caller was authenticated and resolved.
    pub identified: u32,
    /// The first byte left for the upstream.
    pub dispatched: u32,
    /// The upstream's answer began.
    pub first_byte: u32,
    /// The call ended.
    pub total: u64,
}

/// Captured bodies.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Capture {
    /// What the caller sent.
    pub request: String,
    /// What the caller got.
    pub response: String,
    /// Whether either was cut.
    pub truncated: bool,
}

impl From<model::Record> for Record {
    fn from(record: model::Record) -> Self {
        let text = |shared: Option<std::sync::Arc<str>>| shared.map(|text| text.as_ref().to_owned());
        Self {
            id: record.id,
            at: record.at.rfc3339(),
            outcome: record.outcome,
            status: record.status,
            code: record.code.map(Into::into),
            detail: record.detail,
            would_refuse: record.would_refuse.map(Into::into),
            tenant: record.tenant,
            user: record.user,
            application: record.application,
            api_key: record.api_key,
            service: text(record.service),
            operation: record.operation.map(Into::into),
            dialect: record.dialect.map(Into::into),
            model: text(record.model),
            provider: text(record.provider),
            deployment: text(record.deployment),
            batch: record.batch,
            method: record.method.into_owned(),
            path: record.path,
            source: record.source,
            trace: record.trace,
            token: record.token.map(|token| Token::from(&*token)),
            dropped: record.dropped,
            tools: record.tools,
            usage: record.usage,
            cost: record.cost,
            upstream_status: record.upstream_status,
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            attempts: record.attempts,
            tried: record.tried,
            timing: record.timing.into(),
            capture: record.capture.map(|capture| Capture {
                request: capture.request,
                response: capture.response,
                truncated: capture.truncated,
            }),
        }
    }
}

impl From<&model::record::TokenFacts> for Token {
    fn from(facts: &model::record::TokenFacts) -> Self {
        Self {
            issuer: facts.issuer.as_ref().map(|text| text.as_ref().to_owned()),
            header: facts.header.clone(),
            claims: facts.claims.clone(),
            digest: facts.digest.clone(),
            encryption: facts.encryption.clone(),
            groups_overage: facts.groups_overage.as_ref().map(|how| how.clone().into_owned()),
            ignored: facts.ignored.iter().map(|member| member.clone().into_owned()).collect(),
        }
    }
}

impl From<model::record::Timing> for Timing {
    fn from(timing: model::record::Timing) -> Self {
        Self {
            identified: timing.identified,
            dispatched: timing.dispatched,
            first_byte: timing.first_byte,
            total: timing.total,
        }
    }
}

/// The routes of this resource.
pub fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(show::show))
}
