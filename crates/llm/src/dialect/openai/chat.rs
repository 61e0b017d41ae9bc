//! Chat completions as a chat format: the API that most vendors speak, each with quirks ([`Quirks`]).
//!
//! What vendors have added by common use is read and written as they do: `reasoning_content` (or `reasoning`) for thoughts,
//! `images` of an answer, `cache_control` behind a part, `extra_content` of a tool's call for what has to come back.
//!
//! Not for bytes that pass: see [`Request`](super::Request) and [`UsageScanner`](super::UsageScanner).

mod answer;
mod completions;
pub(in crate::dialect) mod error;
pub(in crate::dialect) mod message;
pub(super) mod quirks;
pub(in crate::dialect) mod read;
mod stream;
mod usage;
mod watch;
mod write;

pub use completions::Completions;
pub(crate) use error::read as provider_error;
pub use quirks::Quirks;

use crate::canon::fields::{self, Field, answers};
use crate::canon::{Answer, Losses, ProviderError, Request};
use crate::dialect::chat::{Asked, Chat, Incoming, ReadStream, Unreadable, Watch, WriteStream, Written};
use portcullis_fault::Fault;

/// Its name, also as [`Native::dialect`](crate::canon::Native).
pub(crate) const NAME: &str = "openai";

/// Chat completions, as OpenAI has them.
pub static CHAT: ChatCompletions = ChatCompletions { quirks: Quirks::NONE, cannot: Vec::new() };

/// Chat completions, as one vendor has them.
#[derive(Debug)]
pub struct ChatCompletions {
    quirks: Quirks,
    cannot: Vec<Field>,
}

impl ChatCompletions {
    /// As a vendor with these quirks has them.
    pub fn with(quirks: Quirks) -> Self {
        Self { cannot: quirks.cannot(), quirks }
    }
}

impl Chat for ChatCompletions {
    fn name(&self) -> &'static str {
        NAME
    }

    fn says(&self) -> &'static [Field] {
        if self.quirks.thoughts_back { SAYS_AND_THINKS } else { SAYS }
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
        write::request(request, &self.quirks, losses)
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
        Box::new(stream::Writer::new(asked))
    }

    fn read_error(&self, status: u16, body: &[u8]) -> ProviderError {
        error::read(status, body)
    }

    fn write_error(&self, error: &ProviderError, request_id: &str) -> (u16, Vec<u8>) {
        error::write(error, request_id)
    }

    fn watch(&self, stream: bool) -> Box<dyn Watch> {
        Box::new(watch::Watcher::new(stream))
    }
}

macro_rules! said {
    ($($more:expr,)*) => {
        &[
            fields::SYSTEM,
            fields::DEVELOPER,
            fields::SYSTEM_IN_THE_MIDDLE,
            fields::NAME,
            fields::IMAGE,
            fields::IMAGE_URL,
            fields::AUDIO,
            fields::DOCUMENT,
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
            fields::JSON,
            fields::JSON_SCHEMA,
            fields::SCHEMA_STRICT,
            fields::TEMPERATURE,
            fields::TOP_P,
            fields::FREQUENCY_PENALTY,
            fields::PRESENCE_PENALTY,
            fields::SEED,
            fields::LOGIT_BIAS,
            fields::LOGPROBS,
            fields::TOP_LOGPROBS,
            fields::MAX_TOKENS,
            fields::STOP,
            fields::N,
            fields::REASONING_EFFORT,
            fields::VERBOSITY,
            fields::USER,
            fields::METADATA,
            fields::SERVICE_TIER,
            fields::STORE,
            fields::MODALITIES,
            fields::NATIVE,
            $($more,)*
        ]
    };
}

/// What a request can say to any provider that speaks it; thoughts and markers of common use are not among it, for most
/// vendors refuse members that they do not know.
const SAYS: &[Field] = said!();

/// The same to vendors that want back what was thought.
const SAYS_AND_THINKS: &[Field] = said!(fields::THINKING,);

/// What callers of models of other vendors say in it as well.
const HEARS: &[Field] = said!(
    fields::VIDEO,
    fields::THINKING,
    fields::THINKING_SIGNATURE,
    fields::TOP_K,
    fields::MIN_P,
    fields::CACHE,
    fields::CACHE_AUTOMATIC,
    fields::CITATIONS,
);

const TELLS: &[Field] = &[
    answers::THINKING,
    answers::THINKING_SIGNATURE,
    answers::REFUSAL,
    answers::CITATIONS,
    answers::IMAGE,
    answers::LOGPROBS,
    answers::CHOICES,
    answers::STOP_FILTERED,
    answers::USAGE_CACHED,
    answers::USAGE_REASONING,
    answers::SERVICE_TIER,
    answers::FINGERPRINT,
];
