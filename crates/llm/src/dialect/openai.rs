//! OpenAI's dialect: chat completions, legacy completions, embeddings, images, audio, moderations, models.
//!
//! Bytes pass from caller to provider and back as they are; only named spans change: the model's name, and the wish
//! for usage figures in a stream ([`Request::rewrite`]), with the chunk that answers it ([`UsageScanner`]). A vendor that
//! speaks it otherwise gets the members that it knows ([`adapt()`]).

mod adapt;
pub mod batch;
pub mod chat;
mod error;
mod facts;
mod judge;
mod media;
mod models;
pub mod realtime;
mod usage;

pub use adapt::adapt;
pub(crate) use error::{ErrorObject, kind};
pub use error::{error_body, error_event};
pub use judge::{ProviderAnswer, judge};
pub use models::{model_body, models_list};
pub use usage::{Ending, UsageScanner};

pub use crate::dialect::request::{Request, StreamOptions};

use crate::canon::fields;
use crate::catalog::Model;
use crate::dialect::chat::Watch;
use crate::dialect::request::{Members, Syntax};
use crate::dialect::responses::{RESPONSES, Responses};
use crate::dialect::{
    Base, CredentialPlace, Dialect, Exchange, Form, Operation, Outbound, Served, embed, rerank,
};
use crate::providers::Preset;
use bytes::Bytes;
use http::{HeaderValue, Method};
use portcullis_fault::Fault;
use portcullis_model::holding::Kind;
use portcullis_model::provider::Api;
use std::sync::Arc;

/// The dialect as a value.
#[derive(Clone, Copy, Debug)]
pub struct OpenAi;

/// `stream_options` is another thing there, and passes.
static RESPONDED: Members = Members { max_tokens: false, ..Members::RESPONSES };

static RERANK: Members =
    Members { stream: false, max_tokens: false, text: &["query", "documents"], ..Members::BODY };

/// Which model a file is for its lines say, or a header.
static FILE: Members = Members { syntax: Syntax::File, text: &[], ..Members::PATH };

/// Which model a batch is for its file says.
static BATCH: Members = Members { text: &[], ..Members::PATH };

static SERVES: &[Served] = &[
    Served::post("/chat/completions", Operation::Chat, &Members::OPENAI).as_chat(&chat::CHAT),
    Served::post("/responses", Operation::Responses, &RESPONDED).as_chat(&RESPONSES),
    Served::about(Method::GET, "/responses/{id}", Operation::StoredResponse, Kind::Response).asking(&[
        "include",
        "include[]",
        "include_obfuscation",
        "starting_after",
        "stream",
    ]),
    Served::about(Method::DELETE, "/responses/{id}", Operation::StoredResponse, Kind::Response),
    Served::about(Method::POST, "/responses/{id}/cancel", Operation::StoredResponse, Kind::Response),
    Served::about(Method::GET, "/responses/{id}/input_items", Operation::StoredResponse, Kind::Response)
        .asking(&["after", "before", "include", "include[]", "limit", "order"]),
    Served::post("/completions", Operation::Completions, &Members::OPENAI).as_chat(&chat::Completions),
    Served::post("/embeddings", Operation::Embeddings, &Members::OPENAI)
        .as_exchange(Exchange::Embed(&embed::OpenAi)),
    // Not OpenAI's own: who serves it beside its API has it as Jina has.
    Served::post("/rerank", Operation::Rerank, &RERANK).as_exchange(Exchange::Rerank(&rerank::Jina)),
    Served::post("/images/generations", Operation::Images, &media::IMAGES),
    Served::post("/images/edits", Operation::ImageEdits, &media::IMAGE_EDITS),
    Served::post("/images/variations", Operation::ImageVariations, &media::IMAGE_FORM),
    Served::post("/audio/transcriptions", Operation::Transcriptions, &media::AUDIO_FORM),
    Served::post("/audio/translations", Operation::Translations, &media::AUDIO_FORM),
    // What is spoken is sent as it is made, whatever form it has.
    Served::post("/audio/speech", Operation::Speech, &media::SPEECH).streamed(true),
    Served::post("/moderations", Operation::Moderations, &media::MODERATIONS),
    Served::post("/files", Operation::FileUpload, &FILE),
    Served::get("/files", Operation::Files),
    Served::about(Method::GET, "/files/{id}", Operation::File, Kind::File),
    Served::about(Method::DELETE, "/files/{id}", Operation::File, Kind::File),
    Served::about(Method::GET, "/files/{id}/content", Operation::File, Kind::File),
    Served::post("/batches", Operation::BatchCreate, &BATCH),
    Served::get("/batches", Operation::Batches),
    Served::about(Method::GET, "/batches/{id}", Operation::Batch, Kind::Batch),
    Served::about(Method::POST, "/batches/{id}/cancel", Operation::Batch, Kind::Batch),
    // The model is in the query, which is no part of a path.
    Served::get("/realtime", Operation::Realtime).streamed(true),
    Served::get("/models", Operation::Models),
    Served::get("/models/{model}", Operation::Model),
];

impl Dialect for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn bases(&self) -> &'static [Base] {
        const BASES: &[Base] = &[Base::of("/openai/v1"), Base::of("/v1")];
        BASES
    }

    fn serves(&self) -> &'static [Served] {
        SERVES
    }

    fn credential_places(&self) -> &'static [CredentialPlace] {
        // `api-key` is what OpenAI's own libraries send in their Azure mode.
        &[
            CredentialPlace::Bearer,
            CredentialPlace::Header("api-key"),
            CredentialPlace::Subprotocol("openai-insecure-api-key."),
        ]
    }

    fn headers(&self) -> &'static [&'static str] {
        &["openai-beta"]
    }

    fn watch(
        &self,
        operation: Operation,
        asked: &Request,
        content_type: Option<&HeaderValue>,
    ) -> Option<Box<dyn Watch>> {
        media::watch(operation, asked, content_type)
    }

    fn outbound(&self, preset: &Preset, known: Option<&Model>, api: Option<Api>) -> Option<Outbound> {
        let chats = preset.serves(Operation::Chat);
        chats.then(|| {
            Outbound::Own(match api {
                // What else is known of vendors' ways is about the other endpoint.
                Some(Api::Responses) => {
                    let refused = chat::quirks::model_refuses(preset, known).iter();
                    let refused = refused.flat_map(|member| chat::quirks::said_by(member));
                    let text = (!preset.custom_tools).then_some(fields::TOOL_GRAMMAR);
                    Arc::new(Responses::without(refused.chain(text).collect()))
                }
                Some(Api::ChatCompletions) | None => {
                    Arc::new(chat::ChatCompletions::with(chat::Quirks::of(preset, known)))
                }
            })
        })
    }

    fn error_body(&self, fault: &Fault, request_id: &str, pages: &str) -> Vec<u8> {
        error_body(fault, request_id, pages)
    }

    fn error_event(&self, fault: &Fault, request_id: &str, pages: &str, stream: Form<'_>) -> Bytes {
        match stream.operation {
            Operation::Responses => error::responses_event(fault, request_id, pages),
            _ => error_event(fault, request_id, pages),
        }
    }

    fn models_body(&self, names: &[&str], created: i64) -> Vec<u8> {
        models_list(names.iter().copied(), created)
    }

    fn model_body(&self, name: &str, created: i64) -> Vec<u8> {
        model_body(name, created)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::served::{allowed, matched};

    #[test]
    fn paths_and_methods() {
        let of = |method: Method, path: &str| match matched(&OpenAi, &method, path) {
            Ok(matched) => Ok((matched.served.operation, matched.model.unwrap_or_default())),
            Err(fault) => Err(fault.code().name()),
        };
        let is = |operation, model: &str| Ok((operation, model.to_owned()));
        assert_eq!(of(Method::POST, "/chat/completions"), is(Operation::Chat, ""));
        assert_eq!(of(Method::POST, "/completions"), is(Operation::Completions, ""));
        assert_eq!(of(Method::POST, "/embeddings"), is(Operation::Embeddings, ""));
        assert_eq!(of(Method::POST, "/rerank"), is(Operation::Rerank, ""));
        assert_eq!(of(Method::POST, "/images/generations"), is(Operation::Images, ""));
        assert_eq!(of(Method::POST, "/audio/speech"), is(Operation::Speech, ""));
        assert_eq!(of(Method::GET, "/models"), is(Operation::Models, ""));
        assert_eq!(of(Method::GET, "/models/gpt-4o"), is(Operation::Model, "gpt-4o"));
        assert_eq!(of(Method::GET, "/models/llama3%3A8b"), is(Operation::Model, "llama3:8b"));
        assert_eq!(of(Method::GET, "/models/meta-llama/Llama-3"), is(Operation::Model, "meta-llama/Llama-3"));
        let about = |method, path: &str| {
            matched(&OpenAi, &method, path).map(|matched| matched.object.unwrap_or_default())
        };
        for (method, path) in [
            (Method::GET, "/responses/resp_1"),
            (Method::DELETE, "/responses/resp_1"),
            (Method::POST, "/responses/resp%5F1/cancel"),
            (Method::GET, "/responses/resp_1/input_items"),
        ] {
            assert_eq!(about(method, path).unwrap(), "resp_1", "{path}");
        }
        for path in
            ["/responses/", "/responses/a%2Fb", "/responses/..", "/responses/a/b", "/responses//cancel"]
        {
            assert_eq!(about(Method::GET, path).unwrap_err().code().name(), "ai_operation_unknown", "{path}");
        }
        assert_eq!(allowed(&OpenAi, "/responses/resp_1"), "GET, DELETE");
        assert_eq!(of(Method::POST, "/responses/compact"), Err("ai_operation_unknown"));
        assert_eq!(of(Method::PUT, "/responses/resp_1"), Err("method_not_allowed"));
        assert_eq!(of(Method::GET, "/chat/completions"), Err("method_not_allowed"));
        assert_eq!(allowed(&OpenAi, "/chat/completions"), "POST");
        assert_eq!(of(Method::DELETE, "/models/a"), Err("method_not_allowed"));
        assert_eq!(allowed(&OpenAi, "/models/a"), "GET");
        for path in ["", "/", "/chat", "/chat/completions/", "/models/", "/models/%ff", "/replies"] {
            assert_eq!(of(Method::GET, path), Err("ai_operation_unknown"), "{path}");
        }
    }
}
