//! Anthropic's dialect: Messages, the counting of their tokens, models.
//!
//! Between a caller and a provider that both speak it bytes pass, and only the model's name changes; to and from others
//! [`Messages`] translates. Facts are from the vendor's own Python library, 2.12.0, whose types are generated from the
//! API's schema; what older models take (temperature, top-p, top-k) from its predecessors.

mod answer;
mod chat;
mod citation;
pub mod count;
mod error;
mod models;
mod read;
mod stream;
mod usage;
mod watch;
mod write;

pub use chat::{MESSAGES, Messages};
pub use error::{error_body, error_event};
pub use write::DEFAULT_MAX_TOKENS;

use crate::catalog::Model;
use crate::dialect::request::Members;
use crate::dialect::request::reach::Rules;
use crate::dialect::{Base, CredentialPlace, Dialect, Exchange, Form, Operation, Outbound, Served};
use crate::providers::Preset;
use bytes::Bytes;
use portcullis_fault::Fault;
use portcullis_model::provider::Api;
use std::sync::Arc;

const NAME: &str = "anthropic";

/// The version of the API, for the header `anthropic-version`: the only one there has been since 2023.
pub const VERSION: &str = "2023-06-01";

/// The dialect as a value.
#[derive(Clone, Copy, Debug)]
pub struct Anthropic;

static BODY: Members = Members { reach: &Rules::ANTHROPIC, ..Members::BODY };

static SERVES: &[Served] = &[
    Served::post("/messages", Operation::Chat, &BODY).as_chat(&MESSAGES),
    Served::post("/messages/count_tokens", Operation::CountTokens, &BODY)
        .as_exchange(Exchange::Count(&super::count::ANTHROPIC)),
    Served::get("/models", Operation::Models),
    Served::get("/models/{model}", Operation::Model),
];

impl Dialect for Anthropic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn bases(&self) -> &'static [Base] {
        const BASES: &[Base] = &[
            Base { at: "/anthropic", root: "/anthropic/v1" },
            // Beside OpenAI's, which has nothing there.
            Base { at: "/v1/messages", root: "/v1" },
        ];
        BASES
    }

    fn serves(&self) -> &'static [Served] {
        SERVES
    }

    fn credential_places(&self) -> &'static [CredentialPlace] {
        // The libraries send an `api_key` in the header, and an `auth_token` as a bearer token.
        &[CredentialPlace::Header("x-api-key"), CredentialPlace::Bearer]
    }

    fn headers(&self) -> &'static [&'static str] {
        &["anthropic-version", "anthropic-beta"]
    }

    fn parameters(&self) -> &'static [&'static str] {
        // Which the libraries send with what is in beta.
        &["beta"]
    }

    fn outbound(&self, preset: &Preset, known: Option<&Model>, _: Option<Api>) -> Option<Outbound> {
        let limit = known.and_then(|model| model.output);
        preset.serves(Operation::Chat).then(|| Outbound::Own(Arc::new(Messages { limit })))
    }

    fn error_body(&self, fault: &Fault, request_id: &str, pages: &str) -> Vec<u8> {
        error_body(fault, request_id, pages)
    }

    fn error_event(&self, fault: &Fault, request_id: &str, pages: &str, _: Form<'_>) -> Bytes {
        error_event(fault, request_id, pages)
    }

    fn models_body(&self, names: &[&str], created: i64) -> Vec<u8> {
        models::list(names, created)
    }

    fn model_body(&self, name: &str, created: i64) -> Vec<u8> {
        models::one(name, created)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::served::matched;
    use http::Method;

    #[test]
    fn where_the_libraries_look() {
        let of = |path: &str| {
            let base = Anthropic.bases().iter().find(|base| path.starts_with(base.at)).unwrap();
            matched(&Anthropic, &Method::POST, base.below(path)).map(|matched| matched.served.operation).ok()
        };
        assert_eq!(of("/anthropic/v1/messages"), Some(Operation::Chat));
        assert_eq!(of("/anthropic/v1/messages/count_tokens"), Some(Operation::CountTokens));
        assert_eq!(of("/v1/messages"), Some(Operation::Chat));
        assert_eq!(of("/v1/messages/count_tokens"), Some(Operation::CountTokens));
        assert_eq!(of("/anthropic/v1/messages/batches"), None);
        assert_eq!(of("/anthropic/messages"), None);
    }
}
