//! `[ai]`: the AI routes.

use portcullis_model::service::AuthMode;
use portcullis_model::{ByteSize, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The AI routes: `/v1`, `/openai/v1`, `/anthropic`, `/gemini`, `/bedrock`, `/cohere`, `/ollama`. Which models a caller may use is its tenant's `models`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ai {
    /// Whether callers must be known and allowed: `required`, or `monitor` to let known callers through whatever their
    /// rights, and record what would have been refused. Models are granted to tenants, so a caller whom nobody knows
    /// is offered none, and `none` is refused.
    pub auth: AuthMode,
    /// Largest request body.
    pub max_body: ByteSize,
    /// Largest form with files: recordings to write down, images to change. Each is in memory while it is under way.
    pub max_upload: ByteSize,
    /// Whole time for one call that is not streamed; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// A file that adds models to the built-in catalogue, or changes what is known of them: limits and prices
    /// (`docs/reference/models.md`). It is read again when it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<PathBuf>,
    /// Fetch images and PDF documents that a request names by URL, where the provider takes data only. Of public hosts over
    /// https; at most 16 for a call, 10 MiB each and 20 MiB together, within ten seconds. Otherwise such a call is refused.
    pub fetch_media: bool,
    /// How long is known whose something is that lives at a provider: stored responses, files, batches. Nobody can use older
    /// ones through the gateway.
    pub keep_ids: Span,
    /// Keep prompts and answers in the record, each cut at `records.capture_limit`.
    pub capture: bool,
}

impl Default for Ai {
    fn default() -> Self {
        Self {
            auth: AuthMode::Required,
            max_body: ByteSize(20 << 20),
            max_upload: ByteSize(50 << 20),
            timeout: None,
            catalog: None,
            fetch_media: false,
            keep_ids: Span::seconds(400 * 86_400),
            capture: false,
        }
    }
}
