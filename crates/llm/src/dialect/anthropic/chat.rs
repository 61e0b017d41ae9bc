//! The format of `/messages`.

use super::{NAME, answer, error, read, stream, watch, write};
use crate::canon::fields::{self, answers};
use crate::canon::{Answer, Field, Losses, ProviderError, Request};
use crate::dialect::chat::{Asked, Chat, Incoming, ReadStream, Unreadable, Watch, WriteStream, Written};
use crate::dialect::one_by_one::OneByOne;
use crate::dialect::typed::Watcher;
use portcullis_fault::Fault;

/// Anthropic's Messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Messages {
    /// How many tokens the model gives out at most, where that is known: the bound of answers to callers that have none,
    /// for here there must be one.
    pub limit: Option<u64>,
}

/// Messages to a model of which nothing is known.
pub static MESSAGES: Messages = Messages { limit: None };

static SAYS: &[Field] = &[
    fields::SYSTEM,
    fields::IMAGE,
    fields::IMAGE_URL,
    fields::IMAGE_FILE,
    fields::DOCUMENT,
    fields::DOCUMENT_URL,
    fields::DOCUMENT_FILE,
    fields::DOCUMENT_TEXT,
    fields::DOCUMENT_BLOCKS,
    fields::DOCUMENT_CONTEXT,
    fields::SEARCH_RESULT,
    fields::TOOLS,
    fields::TOOL_DESCRIPTION,
    fields::TOOL_STRICT,
    fields::TOOL_CHOICE_REQUIRED,
    fields::TOOL_CHOICE_NAMED,
    fields::TOOL_CHOICE_NONE,
    fields::PARALLEL_TOOLS,
    fields::SERVER_TOOLS,
    fields::TOOL_RESULT_MEDIA,
    fields::TOOL_RESULT_FAILED,
    fields::THINKING,
    fields::THINKING_SIGNATURE,
    fields::PREFILL,
    fields::JSON_SCHEMA,
    fields::SCHEMA_STRICT,
    fields::TEMPERATURE,
    fields::TOP_P,
    fields::TOP_K,
    fields::MAX_TOKENS,
    fields::STOP,
    fields::REASONING_EFFORT,
    fields::REASONING_BUDGET,
    fields::REASONING_SUMMARY,
    fields::USER,
    fields::SERVICE_TIER,
    fields::CACHE,
    fields::CACHE_AUTOMATIC,
    fields::CITATIONS,
    fields::NATIVE,
];

static TELLS: &[Field] = &[
    answers::THINKING,
    answers::THINKING_SIGNATURE,
    answers::REFUSAL,
    answers::CITATIONS,
    answers::STOP_SEQUENCE,
    answers::STOP_REFUSED,
    answers::STOP_CONTEXT_FULL,
    answers::USAGE_CACHED,
    answers::USAGE_REASONING,
    answers::SERVICE_TIER,
];

impl Chat for Messages {
    fn name(&self) -> &'static str {
        NAME
    }

    fn says(&self) -> &'static [Field] {
        SAYS
    }

    fn tells(&self) -> &'static [Field] {
        TELLS
    }

    fn read_request(&self, asked: &Incoming<'_>) -> Result<Request, Fault> {
        read::request(asked, false)
    }

    fn write_request(&self, request: &Request, losses: &mut Losses) -> Result<Written, Fault> {
        write::request(request, self.limit, losses)
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, Unreadable> {
        answer::read(body)
    }

    fn write_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8> {
        answer::write(answer, asked)
    }

    fn reader(&self) -> Box<dyn ReadStream> {
        Box::new(stream::Reader::default())
    }

    fn writer(&self, asked: &Asked) -> Box<dyn WriteStream> {
        Box::new(OneByOne::new(stream::Writer::new(asked)))
    }

    fn read_error(&self, status: u16, body: &[u8]) -> ProviderError {
        error::read(status, body)
    }

    fn write_error(&self, error: &ProviderError, request_id: &str) -> (u16, Vec<u8>) {
        error::write(error, request_id)
    }

    fn watch(&self, stream: bool) -> Box<dyn Watch> {
        Box::new(Watcher::new(&watch::WIRE, stream))
    }
}
