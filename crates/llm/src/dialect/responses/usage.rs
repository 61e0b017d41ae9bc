//! Tokens, as this dialect counts them.

use crate::canon::Tokens;
use crate::json::write::Writer;
use serde::Deserialize;

/// `usage`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    input_tokens: Option<u64>,
    input_tokens_details: Option<Input>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<Output>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Input {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Output {
    reasoning_tokens: Option<u64>,
}

impl Said {
    pub(super) fn tokens(self) -> Tokens {
        let input = self.input_tokens_details.unwrap_or_default();
        Tokens {
            input: self.input_tokens.unwrap_or(0),
            output: self.output_tokens.unwrap_or(0),
            cache_read: input.cached_tokens,
            cache_write: input.cache_write_tokens,
            reasoning: self.output_tokens_details.unwrap_or_default().reasoning_tokens,
            ..Tokens::default()
        }
    }
}

/// Writes the value of `usage`; the details are always there.
pub(super) fn write(tokens: &Tokens, w: &mut Writer<'_>) {
    w.object(|w| {
        w.member("input_tokens", &tokens.input);
        w.name("input_tokens_details").object(|w| {
            w.member("cached_tokens", &tokens.cache_read.unwrap_or(0));
            w.member("cache_write_tokens", &tokens.cache_write.unwrap_or(0));
        });
        w.member("output_tokens", &tokens.output);
        w.name("output_tokens_details").object(|w| {
            w.member("reasoning_tokens", &tokens.reasoning.unwrap_or(0));
        });
        w.member("total_tokens", &tokens.input.saturating_add(tokens.output));
    });
}
