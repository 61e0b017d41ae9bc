//! OpenAI's Responses as a chat format.
//!
//! What lives at the provider (earlier responses, conversations, stored prompts, items by reference, work in the
//! background) is for deployments that speak it natively, where bytes pass; on the way into another format it is refused
//! by the table of fields. Facts are from the vendor's own Python library, 3.54.0, whose types are generated from the API's
//! schema.

mod answer;
mod failure;
mod item;
mod read;
mod reasoning;
mod skeleton;
mod stream;
mod usage;
mod watch;
mod write;

use crate::canon::fields::{self, Field, answers};
use crate::canon::{Answer, Losses, ProviderError, Request};
use crate::dialect::chat::{
    Asked, Chat, Failure, Incoming, ReadStream, Unreadable, Watch, WriteStream, Written,
};
use crate::dialect::openai::chat::error;
use crate::dialect::typed::Watcher;
use portcullis_fault::Fault;

const NAME: &str = "responses";

/// OpenAI's Responses, as callers and most models have them.
pub static RESPONSES: Responses = Responses { cannot: Vec::new() };

/// OpenAI's Responses, as one model has them.
#[derive(Debug)]
pub struct Responses {
    cannot: Vec<Field>,
}

impl Responses {
    /// As a model has them that cannot be told these.
    pub fn without(cannot: Vec<Field>) -> Self {
        Self { cannot }
    }
}

macro_rules! said {
    ($($more:expr,)*) => {
        &[
            fields::SYSTEM,
            fields::DEVELOPER,
            fields::SYSTEM_IN_THE_MIDDLE,
            fields::IMAGE,
            fields::IMAGE_URL,
            fields::IMAGE_FILE,
            fields::DOCUMENT,
            fields::DOCUMENT_URL,
            fields::DOCUMENT_FILE,
            fields::DETAIL,
            fields::TOOLS,
            fields::TOOL_DESCRIPTION,
            fields::TOOL_STRICT,
            fields::TOOL_GRAMMAR,
            fields::TOOL_CHOICE_REQUIRED,
            fields::TOOL_CHOICE_NAMED,
            fields::TOOL_CHOICE_NONE,
            fields::TOOL_CHOICE_AMONG,
            fields::PARALLEL_TOOLS,
            fields::SERVER_TOOLS,
            fields::TOOL_RESULT_MEDIA,
            fields::THINKING,
            fields::THINKING_SIGNATURE,
            fields::JSON,
            fields::JSON_SCHEMA,
            fields::SCHEMA_STRICT,
            fields::TEMPERATURE,
            fields::TOP_P,
            fields::LOGPROBS,
            fields::TOP_LOGPROBS,
            fields::MAX_TOKENS,
            fields::REASONING_EFFORT,
            fields::REASONING_SUMMARY,
            fields::VERBOSITY,
            fields::USER,
            fields::METADATA,
            fields::SERVICE_TIER,
            fields::STORE,
            fields::NATIVE,
            $($more,)*
        ]
    };
}

/// What a request can say to any model.
static SAYS: &[Field] = said!();

/// What callers say in it as well: marks for the cache, of which older models know nothing; and citations of what was said
/// before.
static HEARS: &[Field] = said!(fields::CACHE, fields::CITATIONS,);

static TELLS: &[Field] = &[
    answers::THINKING,
    answers::THINKING_SIGNATURE,
    answers::REFUSAL,
    answers::CITATIONS,
    answers::IMAGE,
    answers::LOGPROBS,
    answers::STOP_FILTERED,
    answers::USAGE_CACHED,
    answers::USAGE_REASONING,
    answers::SERVICE_TIER,
];

impl Chat for Responses {
    fn name(&self) -> &'static str {
        NAME
    }

    fn says(&self) -> &'static [Field] {
        SAYS
    }

    fn hears(&self) -> &'static [Field] {
        HEARS
    }

    fn cannot(&self) -> &[Field] {
        &self.cannot
    }

    fn tells(&self) -> &'static [Field] {
        TELLS
    }

    fn read_request(&self, asked: &Incoming<'_>) -> Result<Request, Fault> {
        read::request(asked)
    }

    fn write_request(&self, request: &Request, losses: &mut Losses) -> Result<Written, Fault> {
        write::request(request, losses)
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, Unreadable> {
        answer::read(body)
    }

    fn failure(&self, body: &[u8]) -> Option<Failure> {
        failure::read(body)
    }

    fn write_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8> {
        answer::write(answer, asked)
    }

    fn reader(&self) -> Box<dyn ReadStream> {
        Box::<stream::Reader>::default()
    }

    fn writer(&self, asked: &Asked) -> Box<dyn WriteStream> {
        Box::new(stream::Writer::new(asked))
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
