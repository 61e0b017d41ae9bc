//! Ollama's own chat, and generate, which is a chat of one message. Streams are lines of JSON.
//!
//! Calls of tools have no ids here: they get some, made from the answer's time, for other formats need them unique within a
//! conversation. Not for Ollama's endpoint of OpenAI's dialect.

mod answer;
mod caller;
mod read;
mod stream;
mod write;

use super::one_by_one::OneByOne;
use super::openai::chat::provider_error;
use super::watch::{Following, Whole};
use crate::canon::fields::{self, Field, answers};
use crate::canon::{Answer, Losses, ProviderError, Request};
use crate::dialect::chat::{Asked, Chat, Incoming, ReadStream, Unreadable, Watch, WriteStream, Written};
use crate::json::write::Writer;
use portcullis_fault::Fault;

const NAME: &str = "ollama";

/// A native that says that the call came to generate.
const GENERATED: &str = "generate";

/// `POST /api/chat`.
pub static CHAT: Ollama = Ollama { generate: false };

/// `POST /api/generate`.
pub static GENERATE: Ollama = Ollama { generate: true };

/// The format as a value.
#[derive(Clone, Copy, Debug)]
pub struct Ollama {
    generate: bool,
}

impl Chat for Ollama {
    fn name(&self) -> &'static str {
        NAME
    }

    fn says(&self) -> &'static [Field] {
        SAYS
    }

    fn tells(&self) -> &'static [Field] {
        &[answers::THINKING, answers::LOGPROBS, answers::IMAGE, answers::STOP_FILTERED]
    }

    fn read_request(&self, asked: &Incoming<'_>) -> Result<Request, Fault> {
        if self.generate { read::generate(asked) } else { read::chat(asked) }
    }

    /// Always a chat: what generate can ask more is native to it, and a call of both sides the same is not translated.
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

    fn write_error(&self, error: &ProviderError, _: &str) -> (u16, Vec<u8>) {
        let status = error.answered();
        let mut body = Vec::with_capacity(128);
        Writer::new(&mut body).object(|w| w.member("error", error.shown()));
        (status, body)
    }

    fn stream_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    fn watch(&self, stream: bool) -> Box<dyn Watch> {
        if stream { Box::new(Following::new(self.reader())) } else { Box::new(Whole::new(&CHAT)) }
    }
}

const SAYS: &[Field] = &[
    fields::SYSTEM,
    fields::SYSTEM_IN_THE_MIDDLE,
    fields::IMAGE,
    fields::TOOLS,
    fields::TOOL_DESCRIPTION,
    fields::THINKING,
    fields::PREFILL,
    fields::JSON,
    fields::JSON_SCHEMA,
    fields::TEMPERATURE,
    fields::TOP_P,
    fields::TOP_K,
    fields::MIN_P,
    fields::FREQUENCY_PENALTY,
    fields::PRESENCE_PENALTY,
    fields::SEED,
    fields::LOGPROBS,
    fields::TOP_LOGPROBS,
    fields::MAX_TOKENS,
    fields::STOP,
    fields::REASONING_EFFORT,
    fields::NATIVE,
];
