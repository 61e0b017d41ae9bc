//! Google's `generateContent`, of the Gemini API and of Vertex AI: the same wire under two kinds of paths.
//!
//! Bytes pass where both sides speak it. In translation, requests go to providers as server-sent events (`alt=sse`);
//! callers that do not ask for those get the API's other form of a stream, one JSON array ([`Gemini::ARRAY`]).

mod answer;
mod caller;
mod citations;
pub mod count;
mod error;
mod frames;
mod read;
mod reader;
mod schema;
mod watch;
pub(super) mod wire;
mod write;
mod writer;

use crate::canon::fields::{self, Field, answers};
use crate::canon::{Answer, Losses, ProviderError, Request};
use crate::dialect::chat::{Asked, Chat, Incoming, ReadStream, Unreadable, Watch, WriteStream, Written};
use crate::dialect::one_by_one::OneByOne;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_fault::Fault;

/// The format, towards one host and in one form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gemini {
    host: Host,
    /// Whether callers get a stream as one array.
    array: bool,
}

/// Whose paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// `generativelanguage.googleapis.com/v1beta`: `/models/{model}:…`.
    Gemini,
    /// `{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}`:
    /// `/publishers/google/models/{model}:…`.
    Vertex,
}

impl Gemini {
    /// The Gemini API; streams as events.
    pub const API: Self = Self { host: Host::Gemini, array: false };
    /// Callers who want a stream as one array.
    pub const ARRAY: Self = Self { host: Host::Gemini, array: true };
    /// Vertex AI.
    pub const VERTEX: Self = Self { host: Host::Vertex, array: false };
}

/// What cannot stand in a segment of a path (RFC 3986 §3.3), and the colon, which ends the model here.
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@').remove(b',');

/// Where `method` is asked of `model`, below the host's base.
pub fn path(host: Host, model: &str, method: &str) -> String {
    // Names may say what they are: tuned models, endpoints, models of other publishers.
    let known: &[&str] = match host {
        Host::Gemini => &["models/", "tunedModels/"],
        Host::Vertex => &["publishers/", "endpoints/"],
    };
    if known.iter().any(|prefix| model.starts_with(prefix)) {
        let segments: Vec<_> =
            model.split('/').map(|segment| utf8_percent_encode(segment, SEGMENT).to_string()).collect();
        return format!("/{}:{method}", segments.join("/"));
    }
    let before = match host {
        Host::Gemini => "models",
        Host::Vertex => "publishers/google/models",
    };
    format!("/{before}/{}:{method}", utf8_percent_encode(model, SEGMENT))
}

impl Chat for Gemini {
    fn name(&self) -> &'static str {
        wire::NAME
    }

    fn says(&self) -> &'static [Field] {
        &[
            fields::SYSTEM,
            fields::DEVELOPER,
            fields::IMAGE,
            fields::IMAGE_URL,
            fields::IMAGE_FILE,
            fields::AUDIO,
            fields::VIDEO,
            fields::DOCUMENT,
            fields::DOCUMENT_URL,
            fields::DOCUMENT_FILE,
            fields::DETAIL,
            fields::TOOLS,
            fields::TOOL_DESCRIPTION,
            fields::TOOL_CHOICE_REQUIRED,
            fields::TOOL_CHOICE_NAMED,
            fields::TOOL_CHOICE_NONE,
            fields::TOOL_CHOICE_AMONG,
            fields::SERVER_TOOLS,
            fields::TOOL_RESULT_MEDIA,
            fields::TOOL_RESULT_FAILED,
            fields::THINKING,
            fields::THINKING_SIGNATURE,
            fields::PREFILL,
            fields::JSON,
            fields::JSON_SCHEMA,
            fields::TEMPERATURE,
            fields::TOP_P,
            fields::TOP_K,
            fields::FREQUENCY_PENALTY,
            fields::PRESENCE_PENALTY,
            fields::SEED,
            fields::LOGPROBS,
            fields::TOP_LOGPROBS,
            fields::MAX_TOKENS,
            fields::STOP,
            fields::N,
            fields::REASONING_EFFORT,
            fields::REASONING_BUDGET,
            fields::REASONING_SUMMARY,
            fields::SAFETY,
            fields::METADATA,
            fields::SERVICE_TIER,
            fields::STORE,
            fields::MODALITIES,
            fields::NATIVE,
        ]
    }

    fn tells(&self) -> &'static [Field] {
        &[
            answers::THINKING,
            answers::THINKING_SIGNATURE,
            answers::CITATIONS,
            answers::IMAGE,
            answers::AUDIO,
            answers::LOGPROBS,
            answers::CHOICES,
            answers::STOP_FILTERED,
            answers::USAGE_CACHED,
            answers::USAGE_REASONING,
        ]
    }

    fn read_request(&self, asked: &Incoming<'_>) -> Result<Request, Fault> {
        read::request(asked)
    }

    fn write_request(&self, request: &Request, losses: &mut Losses) -> Result<Written, Fault> {
        write::request(request, self.host, losses)
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, Unreadable> {
        answer::read(body)
    }

    fn write_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8> {
        answer::write(answer, asked)
    }

    fn reader(&self) -> Box<dyn ReadStream> {
        Box::new(reader::Reader::default())
    }

    fn writer(&self, asked: &Asked) -> Box<dyn WriteStream> {
        Box::new(OneByOne::new(writer::ChunkWriter::new(asked, self.array)))
    }

    fn read_error(&self, status: u16, body: &[u8]) -> ProviderError {
        error::read(status, body)
    }

    fn write_error(&self, error: &ProviderError, request_id: &str) -> (u16, Vec<u8>) {
        error::write(error, request_id)
    }

    fn stream_type(&self) -> &'static str {
        if self.array { "application/json; charset=UTF-8" } else { "text/event-stream; charset=utf-8" }
    }

    fn for_query(&self, query: &str) -> Option<&'static dyn Chat> {
        let events = query.split('&').any(|pair| matches!(pair, "alt=sse" | "$alt=sse" | "%24alt=sse"));
        (!events && !self.array).then_some(&Self::ARRAY)
    }

    fn watch(&self, stream: bool) -> Box<dyn Watch> {
        Box::new(watch::Watcher::new(stream))
    }
}
