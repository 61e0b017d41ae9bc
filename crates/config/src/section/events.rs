//! `[events]`: message buses that are told what happens in the directory.

use portcullis_model::{SecretRef, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use url::Url;

/// Message buses that are told what happens in the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Events {
    /// A NATS server. Without it nothing of this is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nats: Option<Nats>,
}

/// A NATS server that events are published on, as `portcullis.<tenant>.user.suspended`, for a JetStream stream to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nats {
    /// Where it is: `tls://nats.example.com:4222`. Without TLS (`nats://`) on this machine only. Servers that it names are not
    /// connected.
    pub url: Url,
    /// A credentials file (`.creds`, with JWT and seed).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SecretRef>,
    /// An authentication token instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretRef>,
    /// A user's name instead, with [`Nats::password`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// PEM certificates to trust instead of the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// PEM client certificate, with [`Nats::client_key_file`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate_file: Option<PathBuf>,
    /// PEM private key of the client certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key_file: Option<PathBuf>,
    /// What subjects begin with.
    #[serde(default = "portcullis")]
    pub prefix: String,
    /// Which events are published: types as `user.suspended`, families as `user.*`. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Time until a JetStream stream has confirmed an event.
    #[serde(default = "five_seconds")]
    pub timeout: Span,
    /// How old an event must be, and for how long the server must have failed, before the event is set aside as a dead letter.
    #[serde(default = "one_day")]
    pub give_up_after: Span,
}

fn portcullis() -> String {
    "portcullis".to_owned()
}

fn five_seconds() -> Span {
    Span::seconds(5)
}

fn one_day() -> Span {
    Span::seconds(86_400)
}
