//! Cohere's chat, version 2.
//!
//! A plan that the model says before it calls tools (`tool_plan`) is its text; what a tool answered as a document is text.
//! Not for version 1 (but for orders and models, which its libraries ask for there), nor for Cohere's endpoint of OpenAI's dialect.

mod answer;
mod caller;
mod read;
mod stream;
mod watch;
mod write;

use super::one_by_one::OneByOne;
use super::openai::chat::provider_error;
use super::watch::Whole;
use crate::canon::fields::{self, Field, answers};
use crate::canon::{Answer, Losses, ProviderError, Request};
use crate::dialect::chat::{Asked, Chat, Incoming, ReadStream, Unreadable, Watch, WriteStream, Written};
use crate::json::write::Writer;
use portcullis_fault::Fault;

const NAME: &str = "cohere";

/// Cohere's chat.
pub static CHAT: Cohere = Cohere;

/// The format as a value.
#[derive(Clone, Copy, Debug)]
pub struct Cohere;

impl Chat for Cohere {
    fn name(&self) -> &'static str {
        NAME
    }

    fn says(&self) -> &'static [Field] {
        SAYS
    }

    fn tells(&self) -> &'static [Field] {
        &[
            answers::THINKING,
            answers::CITATIONS,
            answers::LOGPROBS,
            answers::STOP_FILTERED,
            answers::USAGE_CACHED,
        ]
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

    fn write_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8> {
        answer::write(answer, asked)
    }

    fn reader(&self) -> Box<dyn ReadStream> {
        Box::<stream::Reader>::default()
    }

    fn writer(&self, asked: &Asked) -> Box<dyn WriteStream> {
        Box::new(OneByOne::new(stream::Writer::new(asked)))
    }

    fn read_error(&self, status: u16, body: &[u8]) -> ProviderError {
        provider_error(status, body)
    }

    fn write_error(&self, error: &ProviderError, request_id: &str) -> (u16, Vec<u8>) {
        let status = error.answered();
        let mut body = Vec::with_capacity(128);
        Writer::new(&mut body).object(|w| {
            w.member("message", error.shown());
            w.member("id", request_id);
        });
        (status, body)
    }

    fn watch(&self, stream: bool) -> Box<dyn Watch> {
        if stream { Box::new(watch::Watcher::new(self.reader())) } else { Box::new(Whole::new(&CHAT)) }
    }
}

const SAYS: &[Field] = &[
    fields::SYSTEM,
    fields::SYSTEM_IN_THE_MIDDLE,
    fields::IMAGE,
    fields::IMAGE_URL,
    fields::DETAIL,
    fields::TOOLS,
    fields::TOOL_DESCRIPTION,
    fields::TOOL_STRICT,
    fields::TOOL_CHOICE_REQUIRED,
    fields::TOOL_CHOICE_NONE,
    fields::THINKING,
    fields::JSON,
    fields::JSON_SCHEMA,
    fields::TEMPERATURE,
    fields::TOP_P,
    fields::TOP_K,
    fields::FREQUENCY_PENALTY,
    fields::PRESENCE_PENALTY,
    fields::SEED,
    fields::LOGPROBS,
    fields::MAX_TOKENS,
    fields::STOP,
    fields::REASONING_EFFORT,
    fields::REASONING_BUDGET,
    fields::NATIVE,
];
