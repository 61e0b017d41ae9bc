//! The one line per call that the gateway keeps.

use crate::{ApiKeyId, ApplicationId, RequestId, TenantId, Timestamp, Usage, UserId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How a call ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The whole answer was delivered.
    #[default]
    Completed,
    /// The gateway said no; `code` says why.
    Refused,
    /// The caller hung up before the end.
    ClientClosed,
    /// The upstream broke off in the middle of its answer.
    UpstreamCut,
    /// We ended a running stream: suspension, expiry, shutdown; `code` says why.
    Cut,
}

impl Outcome {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::ClientClosed => "client_closed",
            Self::UpstreamCut => "upstream_cut",
            Self::Cut => "cut",
        }
    }
}

/// The record of one call: who, what, outcome, tokens, timings. It keeps token *facts*, never a token or its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The call's id; the record's primary key, so that writing it twice changes nothing.
    pub id: RequestId,
    /// When the call was accepted.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// HTTP status that the caller saw; 101 for an upgraded connection.
    pub status: u16,
    /// Catalogue code (the true one, not the public alias), when refused or cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
    /// The private detail behind `code`, for the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// In monitor mode: the code of the refusal that would have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_refuse: Option<Cow<'static, str>>,
    /// Tenant of the principal, or of the service when nobody was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The user, when resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The application, when one called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationId>,
    /// The API key, when one was presented and found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKeyId>,
    /// The service's name; AI routes are `ai`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<std::sync::Arc<str>>,
    /// What an AI route was asked: `chat`, `embeddings`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Cow<'static, str>>,
    /// The AI dialect that the caller spoke: `openai`, `anthropic`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Cow<'static, str>>,
    /// The model that the caller asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<std::sync::Arc<str>>,
    /// The provider that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<std::sync::Arc<str>>,
    /// The model's name at that provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<std::sync::Arc<str>>,
    /// The batch, by its id at the provider, that `usage` and `cost` are of: of several calls that heard that it is over, the
    /// record that is stored first has all three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// HTTP method.
    pub method: Cow<'static, str>,
    /// Path without query, at most 512 bytes.
    pub path: String,
    /// The caller's address, after trusted proxies.
    pub source: String,
    /// W3C trace id, 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Facts of the presented token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<std::sync::Arc<TokenFacts>>,
    /// What of the request was left out or changed on the way into the provider's dialect: names with commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<String>,
    /// On AI calls: the tools that run at the provider and that the call asked for, with commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<String>,
    /// Token counts, on AI calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What that costs, where the catalogue knows the model's price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The upstream's own status, when it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// Request and answer, where the service captures them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<Box<Capture>>,
}

/// One attempt at an AI call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tried {
    /// The provider.
    pub provider: String,
    /// The model's name there.
    pub deployment: String,
    /// Which of our keys there, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<u16>,
    /// `answered`, or the kind of failure: `rate_limited`, `context_too_long`, `content_filter`, `outage`, `key_refused`,
    /// `model_unknown` (the provider does not have the deployment's model), `said_nothing` (its model broke off before it
    /// said anything), `unsayable` (its dialect cannot be told what the caller said), `refused`; `outrun`: another that was
    /// asked beside it (`hedge`) began to answer first.
    pub outcome: Cow<'static, str>,
    /// The provider's own status, when it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When it was over, in microseconds from accept.
    pub after: u32,
    /// What one that did not answer used: an estimate of one that was hung up on, the provider's own figures of one that failed or said
    /// nothing. The call's own usage and cost are those of its last attempt alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// What a call costs by the catalogue's prices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cost {
    /// In billionths of the currency's unit, rounded up.
    pub nanos: u64,
    /// ISO 4217.
    pub currency: String,
}

/// Microseconds from accept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// What a token said, without what would let anybody use it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFacts {
    /// The issuer's name in the configuration, when recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<std::sync::Arc<str>>,
    /// The protected header as JSON text, cut at 1 KiB.
    pub header: String,
    /// `iss`, `aud`, `sub`, `jti`, `exp`, `nbf`, `iat`, `azp`, `client_id`, `scope`, as JSON text, cut at 2 KiB.
    pub claims: String,
    /// SHA-256 of the signing input, base64url: tells two tokens apart and revokes one. Of an encrypted token that could
    /// not be opened, of the whole of it.
    pub digest: String,
    /// The header of the encryption around it as JSON text, cut at 1 KiB; absent when it came unencrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    /// How it shows that the token leaves out its groups, where its issuer's groups stand for something: `_claim_names`, `hasgroups`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_overage: Option<Cow<'static, str>>,
    /// Members that a token may not use to steer its own check, when present: `jku`, `x5u`, `x5c`, `jwk`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Cow<'static, str>>,
}

/// Captured bodies, each cut at the stated bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// What the caller sent.
    pub request: String,
    /// What the caller got.
    pub response: String,
    /// Whether either was cut.
    pub truncated: bool,
}
