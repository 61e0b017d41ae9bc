//! Dialects: wire formats in which callers and providers speak. One file each, one line in [`ALL`].

pub mod anthropic;
pub mod bedrock;
pub mod chat;
pub mod cohere;
pub mod count;
mod data_url;
pub mod embed;
pub mod exchange;
pub mod gemini;
pub mod made;
pub mod ollama;
mod one_by_one;
pub mod openai;
pub mod operation;
pub mod outbound;
pub mod request;
pub mod rerank;
pub mod responses;
pub mod served;
mod typed;
mod watch;

pub use chat::Chat;
pub use exchange::{Exchange, Question};
pub use operation::Operation;
pub use outbound::Outbound;
pub use served::{Matched, Served};

use self::request::Reach;
use crate::catalog::Model;
use crate::providers::Preset;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use portcullis_fault::Fault;
use portcullis_model::provider::Api;
use std::fmt;

/// Every dialect that is served.
pub static ALL: &[&dyn Dialect] = &[
    &openai::OpenAi,
    &anthropic::Anthropic,
    &gemini::Gemini::API,
    &bedrock::Bedrock,
    &cohere::CHAT,
    &ollama::CHAT,
];

/// A wire format for AI calls: where it is spoken, what can be asked, how a refusal is said. How a conversation is read
/// and written is its [`Chat`]'s matter.
pub trait Dialect: Send + Sync + fmt::Debug {
    /// As shown in records and metrics.
    fn name(&self) -> &'static str;

    /// Where callers find it.
    fn bases(&self) -> &'static [Base];

    /// What is served below a base, and below the base URL of a provider that speaks it.
    fn serves(&self) -> &'static [Served];

    /// The format of a call's question and answer, where it is a chat; `query`: the caller's own. Not always the row's
    /// alone: Gemini's streams come in two framings, by a parameter.
    fn format(&self, served: &'static Served, _query: Option<&str>) -> Option<&'static dyn Chat> {
        served.chat
    }

    /// Where its clients put their credential, in no order: two places filled is a conflict. Most have one.
    fn credential_places(&self) -> &'static [CredentialPlace] {
        &[CredentialPlace::Bearer]
    }

    /// Headers of a caller, in lower case, that mean something to a provider of this dialect and go to none of another:
    /// `anthropic-beta`.
    fn headers(&self) -> &'static [&'static str] {
        &[]
    }

    /// What a caller reaches for at a provider in headers of this dialect.
    fn reach_of_headers(&self, _headers: &HeaderMap, _reach: &mut Reach) {}

    /// Parameters of a caller's query that mean something to a provider of this dialect: `alt`. The others stay here.
    fn parameters(&self) -> &'static [&'static str] {
        &[]
    }

    /// Looks at an answer whose bytes pass, where it is no chat's: its usage, and whether it is whole. `None`: nothing of
    /// it is looked at.
    fn watch(
        &self,
        _operation: Operation,
        _asked: &request::Request,
        _content_type: Option<&HeaderValue>,
    ) -> Option<Box<dyn chat::Watch>> {
        None
    }

    /// The format in which a provider of this dialect is told what callers say in others; `known`: its model, where the
    /// catalogue has it; `api`: which of its endpoints is meant, where it [has](Preset::has) several. `None`: the preset has
    /// no chats.
    fn outbound(&self, preset: &Preset, _known: Option<&Model>, _api: Option<Api>) -> Option<Outbound> {
        let chat = |operation| preset.served(operation, false).and_then(|row| row.chat);
        chat(Operation::Chat).or_else(|| chat(Operation::Responses)).map(Outbound::Shared)
    }

    /// The format in which a provider of this dialect is asked for what callers ask in others and what has one answer, never
    /// a stream. `None`: it is not asked.
    fn exchange(&self, preset: &Preset, operation: Operation) -> Option<Exchange> {
        preset.served(operation, false)?.exchange
    }

    /// A refusal as this dialect's JSON body. `pages` is the URL below which the codes' pages are served.
    fn error_body(&self, fault: &Fault, request_id: &str, pages: &str) -> Vec<u8>;

    /// What a refusal says in headers of this dialect's own: `x-amzn-errortype`.
    fn error_headers(&self, _fault: &Fault) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// A refusal in the middle of a stream, as a whole event: nothing that follows it may look like success.
    fn error_event(&self, fault: &Fault, request_id: &str, pages: &str, stream: Form<'_>) -> Bytes;

    /// The body of the list of these models, sorted. `created`: seconds since 1970, the same for all.
    fn models_body(&self, names: &[&str], created: i64) -> Vec<u8>;

    /// The body that tells of one model.
    fn model_body(&self, name: &str, created: i64) -> Vec<u8>;
}

/// Where a dialect is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// Calls at this path and below are this dialect's; no trailing slash.
    pub at: &'static str,
    /// What the paths of [`Dialect::serves`] are below: `at` with the version (`/anthropic/v1`), or a prefix of it where
    /// only a part is this dialect's (`/v1` of `/v1/messages`).
    pub root: &'static str,
}

impl Base {
    /// A base that is its own root.
    pub const fn of(path: &'static str) -> Self {
        Self { at: path, root: path }
    }

    /// What of `path`, which is at or below this base, is below the root; the whole of it where it is not.
    pub fn below<'p>(&self, path: &'p str) -> &'p str {
        match path.strip_prefix(self.root) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
            _ => path,
        }
    }
}

/// What a stream looks like, for an event in its middle.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// What was asked.
    pub operation: Operation,
    /// `Content-Type` of the answer, as the caller got it.
    pub content_type: &'a str,
}

/// A place where a dialect's clients put their credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialPlace {
    /// `Authorization: Bearer …`.
    Bearer,
    /// The bare credential in a header of this lower-case name.
    Header(&'static str),
    /// The bare credential in a query parameter of this name.
    Query(&'static str),
    /// Behind this in the name of a subprotocol of a WebSocket.
    Subprotocol(&'static str),
}
