//! OpenAI's dialect: chat completions, legacy completions, embeddings, models.
//!
//! Bytes pass from caller to provider and back as they are; only named spans change: the model's name, and the wish
//! for usage figures in a stream ([`Request::rewrite`]), with the chunk that answers it ([`UsageScanner`]).

mod error;
mod facts;
mod judge;
mod models;
mod operation;
mod request;
mod usage;

pub(crate) use error::{ErrorObject, kind};
pub use error::{error_body, error_event};
pub use judge::{ProviderAnswer, judge};
pub use models::{model_body, models_list};
pub use operation::Operation;
pub use request::{Request, StreamOptions};
pub use usage::{Ending, UsageScanner};

use crate::dialect::{CredentialPlace, Dialect};
use bytes::Bytes;
use portcullis_fault::Fault;

/// The dialect as a value.
#[derive(Clone, Copy, Debug)]
pub struct OpenAi;

impl Dialect for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn bases(&self) -> &'static [&'static str] {
        &["/openai/v1", "/v1"]
    }

    fn credential_places(&self) -> &'static [CredentialPlace] {
        // `api-key` is what OpenAI's own libraries send in their Azure mode.
        &[CredentialPlace::Bearer, CredentialPlace::Header("api-key")]
    }

    fn error_body(&self, fault: &Fault, request_id: &str, pages: &str) -> Vec<u8> {
        error_body(fault, request_id, pages)
    }

    fn error_event(&self, fault: &Fault, request_id: &str, pages: &str) -> Bytes {
        error_event(fault, request_id, pages)
    }
}
