//! AI providers, and the models that callers ask for.

use crate::issuer::Egress;
use crate::{Name, SecretRef};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use url::Url;

/// An AI vendor's account or endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Unique name.
    pub name: Name,
    /// A known vendor, which gives `base_url` and its ways (`openai`, `echo`, …); or give `base_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Where its API is, up to and with the version (`https://api.example.com/v1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<Url>,
    /// Our key there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretRef>,
    /// Keys of an AWS account, with which calls to Amazon Bedrock are signed; instead of `api_key`, which is a Bedrock API
    /// key. Profiles, and roles of instances and containers, are not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<Aws>,
    /// Headers added to every call there.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How to reach it.
    #[serde(default)]
    pub http: Egress,
}

/// Keys of an AWS account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    /// The region that calls go to, and are signed for (`eu-central-1`).
    pub region: String,
    /// The access key's id.
    pub access_key_id: SecretRef,
    /// The access key's secret.
    pub secret_access_key: SecretRef,
    /// The session's token, of temporary keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<SecretRef>,
}

/// A model as callers ask for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What callers write in `model`; unique.
    pub name: Name,
    /// The deployments that serve it; tried in order.
    pub deployments: Vec<Deployment>,
}

/// A model at one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The provider's name.
    pub provider: Name,
    /// The model's name there.
    pub model: Name,
    /// What becomes of a call that says what the provider's dialect cannot: `drop` what can be left out without changing
    /// what is meant, and say so in `x-portcullis-dropped`; `strict`: refuse it.
    #[serde(default)]
    pub translation: Translation,
}

/// What becomes of what a provider cannot be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Translation {
    /// Left out, where the answer means the same without it; refused otherwise.
    #[default]
    Drop,
    /// Refused.
    Strict,
}
