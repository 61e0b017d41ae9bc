//! A response that failed, told under a status of success: what status it would have had if it had failed at once.

use super::answer::Response;
use super::usage;
use crate::canon::ProviderError;
use crate::dialect::chat::Failure;
use crate::dialect::openai::chat::error;

/// Codes, as the vendor's libraries list them, and others that were seen; what stands in no row is the provider's failure.
const STATUSES: &[(&str, u16)] = &[
    ("rate_limit_exceeded", 429),
    ("insufficient_quota", 429),
    ("server_error", 502),
    ("server_is_overloaded", 503),
    ("slow_down", 503),
    ("vector_store_timeout", 504),
    ("context_length_exceeded", 400),
    ("content_filter", 400),
    ("invalid_prompt", 400),
    ("bio_policy", 400),
    ("misalignment_policy_violation", 400),
    ("invalid_image", 400),
    ("invalid_image_format", 400),
    ("invalid_base64_image", 400),
    ("invalid_image_url", 400),
    ("invalid_image_mode", 400),
    ("image_too_large", 400),
    ("image_too_small", 400),
    ("image_parse_error", 400),
    ("image_content_policy_violation", 400),
    ("image_file_too_large", 400),
    ("image_file_not_found", 400),
    ("unsupported_image_media_type", 400),
    ("empty_image_file", 400),
    ("failed_to_download_image", 400),
];

/// The failure that this response is of; `None`: it is of none.
pub(super) fn read(body: &[u8]) -> Option<Failure> {
    let response: Response<'_> = serde_json::from_slice(body).ok()?;
    if response.status.as_deref() != Some("failed") {
        return None;
    }
    let mut error = response.error.as_ref().map(error::object).unwrap_or_default();
    let row = STATUSES.iter().find(|(code, _)| error.code.as_deref() == Some(code));
    error.status = row.map_or(502, |(_, status)| *status);
    let usage = response.usage.map(usage::Said::tokens);
    Some(Failure { error: ProviderError { kind: None, ..error }, usage })
}
