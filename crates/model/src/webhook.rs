//! Webhooks: services of the operator's choice that are told what happened in the directory.

use crate::issuer::Egress;
use crate::{Name, SecretRef, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// A webhook as the configuration file writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Unique name. How far it was told is kept under it, so a new name begins anew.
    pub name: Name,
    /// Where events are sent with `POST`, as `https://hooks.example.com/portcullis`. Redirects are not followed.
    pub url: Url,
    /// The tenant whose events are sent. Default: those of all tenants, and those that belong to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Which events are sent: types as `user.suspended`, families as `user.*`. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// What events are signed with (Standard Webhooks): `whsec_` and the base64 of 24 to 64 random bytes.
    pub secret: SecretRef,
    /// The secret of before: signs beside `secret` while the receiver changes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_secret: Option<SecretRef>,
    /// Time for one delivery.
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
    /// How old an event must be, and for how long the receiver must have failed, before the event is set aside as a dead letter.
    #[serde(default = "one_day")]
    pub give_up_after: Span,
    /// How to reach it: private CA, client certificate, proxy.
    #[serde(default)]
    pub http: Egress,
}

fn ten_seconds() -> Span {
    Span::seconds(10)
}

fn one_day() -> Span {
    Span::seconds(86_400)
}
