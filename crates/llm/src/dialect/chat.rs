//! Chat formats, read and written: one value per wire format, whether callers speak it, providers, or both.
//!
//! A translation is a reader of one and a writer of another. Where both sides speak the same,
//! bytes pass and only [`Chat::watch`] looks at them.

use crate::canon::{Answer, Event, Field, Losses, ProviderError, Request, Tokens};
use portcullis_fault::Fault;
use portcullis_model::Usage;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Every chat format.
#[rustfmt::skip] // One line each, so that they are added without touching the others.
pub static ALL: &[&dyn Chat] = &[
    &super::openai::chat::CHAT,
    &super::responses::RESPONSES,
    &super::anthropic::MESSAGES,
    &super::gemini::Gemini::API,
    &super::bedrock::Converse,
    &super::cohere::CHAT,
    &super::ollama::CHAT,
];

/// The chat format of this [name](Chat::name).
pub fn find(name: &str) -> Option<&'static dyn Chat> {
    ALL.iter().find(|chat| chat.name() == name).copied()
}

/// A chat format.
pub trait Chat: Send + Sync + fmt::Debug {
    /// As records, providers and the matrix of translations have it: `openai`, `responses`, `anthropic`, `gemini`,
    /// `bedrock`, `cohere`, `ollama`.
    fn name(&self) -> &'static str;

    /// What its requests can say. Everything else was taken out before [`write_request`](Self::write_request), or refused.
    fn says(&self) -> &'static [Field];

    /// What is read of its callers' requests: what they can say, and what many of them say beyond that.
    fn hears(&self) -> &'static [Field] {
        self.says()
    }

    /// What a request to this very provider cannot say although the dialect could: a vendor's quirks.
    fn cannot(&self) -> &[Field] {
        &[]
    }

    /// What its answers can say, of [`fields::answers`](crate::canon::fields::answers).
    fn tells(&self) -> &'static [Field] {
        &[]
    }

    /// Reads a request. `ai_request_invalid`, with the member in question, for what the dialect does not allow;
    /// `ai_request_ambiguous` for members that are there twice.
    fn read_request(&self, asked: &Incoming<'_>) -> Result<Request, Fault>;

    /// Writes a request to a provider. `losses` hears of values that had to be changed (a clamped temperature).
    /// `ai_request_invalid` for what this dialect cannot be told at all (a URL where it wants data).
    fn write_request(&self, request: &Request, losses: &mut Losses) -> Result<Written, Fault>;

    /// Reads a whole answer with a status of success.
    fn read_answer(&self, body: &[u8]) -> Result<Answer, Unreadable>;

    /// What failed, where an answer that [`read_answer`](Self::read_answer) would not have says so under a status of success.
    fn failure(&self, _body: &[u8]) -> Option<Failure> {
        None
    }

    /// Writes a whole answer.
    fn write_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8>;

    /// Reads a streamed answer.
    fn reader(&self) -> Box<dyn ReadStream>;

    /// Writes a streamed answer.
    fn writer(&self, asked: &Asked) -> Box<dyn WriteStream>;

    /// Reads an answer with a status that is no success; any body, at most 64 KiB of it.
    fn read_error(&self, status: u16, body: &[u8]) -> ProviderError;

    /// Writes a provider's failure: a status that this dialect's libraries understand, and a JSON body.
    fn write_error(&self, error: &ProviderError, request_id: &str) -> (u16, Vec<u8>);

    /// `Content-Type` of the streams that it writes.
    fn stream_type(&self) -> &'static str {
        "text/event-stream; charset=utf-8"
    }

    /// The format in which a caller with this query wants its streams, where that is another one (`alt=sse`, or one array
    /// without it).
    fn for_query(&self, _query: &str) -> Option<&'static dyn Chat> {
        None
    }

    /// Looks at an answer whose bytes pass untouched.
    fn watch(&self, stream: bool) -> Box<dyn Watch>;
}

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The model, where the path names it.
    pub model: Option<&'a str>,
    /// Whether a stream is asked for, where the path says so.
    pub stream: Option<bool>,
    /// The body.
    pub body: &'a [u8],
}

/// A request to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Below the provider's base URL, with its leading slash; model names percent-encoded.
    pub path: String,
    /// Without `?`; empty for none.
    pub query: &'static str,
    /// Beside `Content-Type: application/json` and the credential (`anthropic-version`).
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

impl Written {
    /// Path and query.
    pub fn target(&self) -> Cow<'_, str> {
        match self.query {
            "" => Cow::Borrowed(&self.path),
            query => Cow::Owned(format!("{}?{query}", self.path)),
        }
    }
}

/// What was asked, for the answer.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Our id of the call: for answers whose provider gives none.
    pub id: Arc<str>,
    /// Seconds since 1970, for answers whose provider does not say.
    pub now: i64,
    /// The request, as it was read.
    pub request: Arc<Request>,
}

/// A failure that came under a status of success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// With the status that it would have had by itself.
    pub error: ProviderError,
    /// What was used all the same, where it is said.
    pub usage: Option<Tokens>,
}

/// An answer that is not what the dialect says it is. The words are for the owner: what is wrong, where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

/// Reads a stream. Bytes come cut anywhere, within a character too.
pub trait ReadStream: Send {
    /// Takes the next bytes; appends what they say. Keeps at most one event, and at most 16 MiB.
    fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Unreadable>;

    /// The body is at its end. An answer that was not said to be complete gets no [`Event::End`]: it was cut.
    fn finish(&mut self, events: &mut Vec<Event>);
}

/// Writes a stream.
pub trait WriteStream: Send {
    /// Appends what says `event`; nothing where this dialect has no word for it. Each call appends whole events.
    fn write(&mut self, event: &Event, out: &mut Vec<u8>);
}

/// Looks at bytes that pass.
pub trait Watch: Send {
    /// The next bytes of the answer, cut anywhere.
    fn feed(&mut self, bytes: &[u8]);

    /// Whether the answer has said that it is complete: nothing that a caller waits for follows.
    fn is_complete(&self) -> bool;

    /// Whether it is whole, if this is its end: more may be waited for nevertheless.
    fn may_end(&self) -> bool {
        self.is_complete()
    }

    /// Whether it ended with an error of the provider's own.
    fn is_failed(&self) -> bool;

    /// What it used, as last said.
    fn usage(&self) -> Option<Usage>;

    /// Bytes of generated text so far, for an estimate where nothing is said.
    fn text_bytes(&self) -> u64;
}
