//! What an AI call used.

use serde::{Deserialize, Serialize};

/// What one call used: tokens, and what is counted otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Usage {
    /// Tokens of the request, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: u64,
    /// Part of `input_tokens` that was read from the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cached_input_tokens: u64,
    /// Part of `output_tokens` that was reasoning.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reasoning_tokens: u64,
    /// Part of `input_tokens` that was sound.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub audio_input_tokens: u64,
    /// Part of `output_tokens` that was sound.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub audio_output_tokens: u64,
    /// Part of `input_tokens` that was images.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub image_input_tokens: u64,
    /// Part of `output_tokens` that was images.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub image_output_tokens: u64,
    /// Images made.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub images: u64,
    /// Seconds listened to, begun ones counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seconds: u64,
    /// Characters spoken.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub characters: u64,
    /// Where the figures are from.
    pub source: UsageSource,
}

impl Usage {
    /// Adds what else was used. Where its figures are from is for whoever adds them up.
    pub fn add(&mut self, more: &Self) {
        // All of them by name, so that none can be forgotten.
        let Self {
            input_tokens,
            output_tokens,
            cached_input_tokens,
            reasoning_tokens,
            audio_input_tokens,
            audio_output_tokens,
            image_input_tokens,
            image_output_tokens,
            images,
            seconds,
            characters,
            source: _,
        } = more;
        for (to, more) in [
            (&mut self.input_tokens, input_tokens),
            (&mut self.output_tokens, output_tokens),
            (&mut self.cached_input_tokens, cached_input_tokens),
            (&mut self.reasoning_tokens, reasoning_tokens),
            (&mut self.audio_input_tokens, audio_input_tokens),
            (&mut self.audio_output_tokens, audio_output_tokens),
            (&mut self.image_input_tokens, image_input_tokens),
            (&mut self.image_output_tokens, image_output_tokens),
            (&mut self.images, images),
            (&mut self.seconds, seconds),
            (&mut self.characters, characters),
        ] {
            *to = to.saturating_add(*more);
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Where usage figures are from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UsageSource {
    /// The provider said so.
    Reported,
    /// Counted here, because the answer ended before the provider said.
    #[default]
    Estimated,
}
