//! Tokens, as this dialect counts them: `input_tokens` are those that no cache had anything to do with.

use crate::canon::Tokens;
use crate::json::write::Writer;
use serde::Deserialize;

/// `usage` of an answer, and of the events of a stream. What is `null` or missing was not said.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Said {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens_details: Option<Details>,
    pub(super) service_tier: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Details {
    thinking_tokens: Option<u64>,
}

impl Said {
    /// What a later event says over what an earlier one said.
    pub(super) fn add(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cache_creation_input_tokens =
            later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details.take());
        self.service_tier = later.service_tier.or(self.service_tier.take());
    }

    /// In the canonical form, whose input is all of it.
    pub(super) fn tokens(&self) -> Tokens {
        let (read, write) = (self.cache_read_input_tokens, self.cache_creation_input_tokens);
        let input = self.input_tokens.unwrap_or(0);
        Tokens {
            input: input.saturating_add(read.unwrap_or(0)).saturating_add(write.unwrap_or(0)),
            output: self.output_tokens.unwrap_or(0),
            cache_read: read,
            cache_write: write,
            reasoning: self.output_tokens_details.as_ref().and_then(|details| details.thinking_tokens),
            ..Tokens::default()
        }
    }
}

/// Writes the value of a message's `usage`.
pub(super) fn write(tokens: &Tokens, service_tier: Option<&str>, w: &mut Writer<'_>) {
    w.object(|w| {
        counts(tokens, w);
        // How long what was written to a cache stays there, and where the call was served, nobody says.
        w.member("cache_creation", &None::<&str>);
        w.member("inference_geo", &None::<&str>);
        // The classes that this dialect has.
        let tier = service_tier.map(|tier| match tier {
            "priority" | "batch" => tier,
            _ => "standard",
        });
        w.member("service_tier", &tier);
    });
}

/// Writes the value of `usage` at the end of a stream.
pub(super) fn write_last(tokens: &Tokens, w: &mut Writer<'_>) {
    w.object(|w| counts(tokens, w));
}

/// What is not known is `null`: every member is there.
fn counts(tokens: &Tokens, w: &mut Writer<'_>) {
    let cached = tokens.cache_read.unwrap_or(0).saturating_add(tokens.cache_write.unwrap_or(0));
    w.member("input_tokens", &tokens.input.saturating_sub(cached));
    w.member("cache_creation_input_tokens", &tokens.cache_write);
    w.member("cache_read_input_tokens", &tokens.cache_read);
    w.member("output_tokens", &tokens.output);
    match tokens.reasoning {
        Some(thinking) => {
            w.name("output_tokens_details").object(|w| w.member("thinking_tokens", &thinking));
        }
        None => w.member("output_tokens_details", &None::<&str>),
    }
    w.member("server_tool_use", &None::<&str>);
}
