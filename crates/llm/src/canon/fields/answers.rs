//! What an answer can say, by name: which dialect can say it ([`Chat::tells`](crate::dialect::chat::Chat::tells)). What a
//! caller's dialect has no word for is left out of the answer: the reference says what that is, per pair.

use super::Field;

/// What an answer can say, and what becomes of it where the caller's dialect cannot.
pub static ANSWERS: &[(Field, &str)] = &[
    (THINKING, "left out"),
    (THINKING_SIGNATURE, "left out: thoughts cannot be given back"),
    (REFUSAL, "said as text"),
    (CITATIONS, "left out"),
    (IMAGE, "left out"),
    (AUDIO, "left out"),
    (LOGPROBS, "left out"),
    (CHOICES, "the first only"),
    (STOP_SEQUENCE, "left out"),
    (STOP_FILTERED, "said as a refusal"),
    (STOP_REFUSED, "said as filtered, or by its words"),
    (STOP_CONTEXT_FULL, "said as `length`"),
    (USAGE_CACHED, "left out"),
    (USAGE_REASONING, "left out"),
    (SERVICE_TIER, "left out"),
    (FINGERPRINT, "left out"),
];

/// Thoughts.
pub const THINKING: Field = Field("thinking");
/// The vendor's signature over them.
pub const THINKING_SIGNATURE: Field = Field("thinking_signature");
/// A refusal, apart from text.
pub const REFUSAL: Field = Field("refusal");
/// Where the words are from.
pub const CITATIONS: Field = Field("citations");
/// Images.
pub const IMAGE: Field = Field("image");
/// Sound.
pub const AUDIO: Field = Field("audio");
/// How likely the words were.
pub const LOGPROBS: Field = Field("logprobs");
/// Several answers.
pub const CHOICES: Field = Field("choices");
/// Which stop sequence ended it.
pub const STOP_SEQUENCE: Field = Field("stop_sequence");
/// That a filter cut it.
pub const STOP_FILTERED: Field = Field("stop_filtered");
/// That the model refused, as a reason.
pub const STOP_REFUSED: Field = Field("stop_refused");
/// That the context window was full, apart from the bound.
pub const STOP_CONTEXT_FULL: Field = Field("stop_context_full");
/// Tokens read from a cache.
pub const USAGE_CACHED: Field = Field("usage_cached");
/// Tokens of thoughts.
pub const USAGE_REASONING: Field = Field("usage_reasoning");
/// Priority class that served it.
pub const SERVICE_TIER: Field = Field("service_tier");
/// The provider's fingerprint of what served it.
pub const FINGERPRINT: Field = Field("fingerprint");
