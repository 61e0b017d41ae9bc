//! Amazon Bedrock's dialect: Converse and ConverseStream, after the service's own published model (`bedrock-runtime`,
//! 2023-09-30). `InvokeModel` is served where the model is at Bedrock: its bodies are each vendor's own.
//!
//! Not here: the framing of its streams ([`eventstream`]); signatures (the gateway makes those).

mod answer;
pub mod count;
mod error;
mod formats;
mod models;
mod read;
mod stream;
mod thinks;
mod watch;
mod write;

use crate::canon::fields::{self, Field, answers};
use crate::canon::{Answer, Losses, ProviderError, Request};
use crate::dialect::chat::{Asked, Chat, Incoming, ReadStream, Unreadable, Watch, WriteStream, Written};
use crate::dialect::one_by_one::OneByOne;
use crate::dialect::request::reach::{self, Rules};
use crate::dialect::request::{Members, Reach};
use crate::dialect::{Base, Dialect, Exchange, Form, Operation, Served, embed};
use crate::providers::Preset;
use crate::stream::eventstream;
use bytes::Bytes;
use http::HeaderMap;
use portcullis_fault::Fault;
use portcullis_model::holding::Kind;

/// Its name, in records and in what only it knows.
const NAME: &str = "bedrock";

/// The dialect as a value.
#[derive(Clone, Copy, Debug)]
pub struct Bedrock;

/// The format of its chats as a value.
#[derive(Clone, Copy, Debug)]
pub struct Converse;

static SAYS: &[Field] = &[
    fields::SYSTEM,
    fields::IMAGE,
    fields::AUDIO,
    fields::VIDEO,
    fields::DOCUMENT,
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
    fields::SERVER_TOOLS,
    fields::TOOL_RESULT_MEDIA,
    fields::TOOL_RESULT_FAILED,
    fields::THINKING,
    fields::THINKING_SIGNATURE,
    fields::PREFILL,
    fields::JSON_SCHEMA,
    fields::TEMPERATURE,
    fields::TOP_P,
    fields::TOP_K,
    fields::MAX_TOKENS,
    fields::STOP,
    fields::REASONING_EFFORT,
    fields::REASONING_BUDGET,
    fields::METADATA,
    fields::SERVICE_TIER,
    fields::CACHE,
    fields::CITATIONS,
    fields::NATIVE,
];

static TELLS: &[Field] = &[
    answers::THINKING,
    answers::THINKING_SIGNATURE,
    answers::CITATIONS,
    answers::IMAGE,
    answers::STOP_SEQUENCE,
    answers::STOP_FILTERED,
    answers::STOP_CONTEXT_FULL,
    answers::USAGE_CACHED,
    answers::SERVICE_TIER,
];

impl Chat for Converse {
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
        read::request(asked)
    }

    fn write_request(&self, request: &Request, losses: &mut Losses) -> Result<Written, Fault> {
        write::request(request, losses)
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, Unreadable> {
        answer::read(body)
    }

    fn write_answer(&self, answer: &Answer, _: &Asked) -> Vec<u8> {
        answer::write(answer)
    }

    fn reader(&self) -> Box<dyn ReadStream> {
        Box::new(stream::Reader::default())
    }

    fn writer(&self, _: &Asked) -> Box<dyn WriteStream> {
        Box::new(OneByOne::new(stream::Writer::default()))
    }

    fn read_error(&self, status: u16, body: &[u8]) -> ProviderError {
        error::read(status, body)
    }

    fn write_error(&self, error: &ProviderError, request_id: &str) -> (u16, Vec<u8>) {
        error::write(error, request_id)
    }

    fn stream_type(&self) -> &'static str {
        eventstream::CONTENT_TYPE
    }

    fn watch(&self, stream: bool) -> Box<dyn Watch> {
        if stream { Box::new(watch::Frames::default()) } else { Box::new(watch::Whole::default()) }
    }
}

/// The path says which model, and whether to stream.
const CONVERSE: Members = Members { reach: &Rules::BEDROCK, ..Members::PATH };
/// Nothing is known of the body but that it is JSON.
static INVOKE: Members = Members { text: &[], ..CONVERSE };
static COUNT: Members = Members { text: &["input"], reach: &Rules::COMMON, ..CONVERSE };

static SERVES: &[Served] = &[
    Served::post("/model/{model}/converse", Operation::Chat, &CONVERSE).as_chat(&Converse).streamed(false),
    Served::post("/model/{model}/converse-stream", Operation::Chat, &CONVERSE)
        .as_chat(&Converse)
        .streamed(true),
    Served::post("/model/{model}/invoke", Operation::Invoke, &INVOKE).streamed(false),
    Served::post("/model/{model}/invoke-with-response-stream", Operation::Invoke, &INVOKE).streamed(true),
    Served::post("/model/{model}/count-tokens", Operation::CountTokens, &COUNT)
        .as_exchange(Exchange::Count(&super::count::BEDROCK)),
    Served::get("/foundation-models", Operation::Models),
    Served::get("/foundation-models/{model}", Operation::Model),
];

impl Dialect for Bedrock {
    fn name(&self) -> &'static str {
        NAME
    }

    fn bases(&self) -> &'static [Base] {
        const BASES: &[Base] = &[Base::of("/bedrock")];
        BASES
    }

    fn serves(&self) -> &'static [Served] {
        SERVES
    }

    fn headers(&self) -> &'static [&'static str] {
        &[
            "x-amzn-bedrock-accept",
            "x-amzn-bedrock-guardrailidentifier",
            "x-amzn-bedrock-guardrailversion",
            "x-amzn-bedrock-performanceconfig-latency",
            "x-amzn-bedrock-request-metadata",
            "x-amzn-bedrock-service-tier",
            "x-amzn-bedrock-trace",
        ]
    }

    /// Models of vectors are asked with `invoke`, in their vendors' own forms.
    fn exchange(&self, preset: &Preset, operation: Operation) -> Option<Exchange> {
        match operation {
            Operation::Embeddings => preset.serves(operation).then_some(Exchange::Embed(&embed::Bedrock)),
            _ => preset.served(operation, false)?.exchange,
        }
    }

    fn reach_of_headers(&self, headers: &HeaderMap, reach: &mut Reach) {
        let guardrails = headers.get_all("x-amzn-bedrock-guardrailidentifier").into_iter();
        reach.ids.extend(guardrails.map(|value| reach::Id {
            kind: Kind::Guardrail,
            text: String::from_utf8_lossy(value.as_bytes()).into_owned(),
        }));
    }

    fn error_body(&self, fault: &Fault, request_id: &str, pages: &str) -> Vec<u8> {
        error::refusal_body(fault, request_id, pages)
    }

    fn error_headers(&self, fault: &Fault) -> Vec<(&'static str, String)> {
        vec![("x-amzn-errortype", error::of_status(fault.code().public().status()).name.to_owned())]
    }

    fn error_event(&self, fault: &Fault, request_id: &str, pages: &str, _: Form<'_>) -> Bytes {
        error::refusal_event(fault, request_id, pages).into()
    }

    fn models_body(&self, names: &[&str], _: i64) -> Vec<u8> {
        models::list(names)
    }

    fn model_body(&self, name: &str, _: i64) -> Vec<u8> {
        models::one(name)
    }
}
