//! What a model answers, whole.

use super::part::Part;
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;

/// What a model answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The provider's id of it; empty where it gives none.
    pub id: String,
    /// The model's name as the provider says it.
    pub model: String,
    /// When, in seconds since 1970.
    pub created: Option<i64>,
    /// The answers: one, unless several were asked for.
    pub choices: Vec<Choice>,
    /// What it cost, where it is said.
    pub usage: Option<Tokens>,
    /// Priority class that served it.
    pub service_tier: Option<String>,
    /// The provider's fingerprint of what served it.
    pub fingerprint: Option<String>,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// From 0.
    pub index: u32,
    /// What was said, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub stop: Stop,
    /// Which stop sequence ended it.
    pub stop_sequence: Option<String>,
    /// How likely the words were.
    pub logprobs: Vec<Logprob>,
}

impl Answer {
    /// Why it broke off, where nothing was said before.
    pub fn nothing_but_broken(&self) -> Option<&str> {
        let said = |part: &Part| match part {
            Part::Text(text) => !text.text.is_empty(),
            Part::Thinking(_) => false,
            _ => true,
        };
        if self.choices.iter().any(|choice| choice.parts.iter().any(said)) {
            return None;
        }
        self.choices.iter().find_map(|choice| choice.stop.broken())
    }
}

/// Why an answer ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// All was said.
    #[default]
    End,
    /// `max_tokens` was reached.
    Length,
    /// A stop sequence came.
    Sequence,
    /// Tools are to be called.
    ToolCalls,
    /// The provider's filter cut it.
    Filtered,
    /// The model refused.
    Refused,
    /// The context window was full.
    ContextFull,
    /// A server-side tool takes its time: send the answer back to go on.
    Paused,
    /// The provider broke it off, and says why in this word: what was said is not all that was to be.
    Broken(String),
    /// Another reason, in the provider's word, which may be as good as any.
    Other(String),
}

impl Stop {
    /// Why it broke off, where it did.
    pub fn broken(&self) -> Option<&str> {
        match self {
            Self::Broken(word) => Some(word),
            _ => None,
        }
    }
}

/// How likely one token was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logprob {
    /// The token.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f64,
    /// Others in its place: token, logarithm.
    pub top: Vec<(String, f64)>,
}

/// What a call used, in tokens. `None`: not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Of the request, all of it: cached ones included.
    pub input: u64,
    /// Of the answer, all of it: reasoning included.
    pub output: u64,
    /// Part of `input` that was read from a cache.
    pub cache_read: Option<u64>,
    /// Part of `input` that was written to a cache.
    pub cache_write: Option<u64>,
    /// Part of `output` that was thinking.
    pub reasoning: Option<u64>,
    /// Part of `input` that was sound.
    pub audio_in: Option<u64>,
    /// Part of `output` that was sound.
    pub audio_out: Option<u64>,
}

impl Tokens {
    /// As records keep it: as reported.
    pub fn usage(&self) -> Usage {
        Usage {
            input_tokens: self.input,
            output_tokens: self.output,
            cached_input_tokens: self.cache_read.unwrap_or(0),
            reasoning_tokens: self.reasoning.unwrap_or(0),
            source: UsageSource::Reported,
            ..Usage::default()
        }
    }
}

/// A provider's failure, out of its dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderError {
    /// The status that the caller is to see; 200 within a stream.
    pub status: u16,
    /// The provider's word for the kind (`overloaded_error`, `RESOURCE_EXHAUSTED`, `ThrottlingException`).
    pub kind: Option<String>,
    /// The provider's machine-readable code, where it is another word.
    pub code: Option<String>,
    /// The member it is about.
    pub param: Option<String>,
    /// Its words. Never shown for 401, 402, 403: they may repeat a part of our key.
    pub message: String,
    /// Seconds to wait, where the body says it; the header `Retry-After` comes first.
    pub retry_after: Option<u32>,
}

impl ProviderError {
    /// The status that an answer with it can have: its own, where that is one of a failure.
    pub fn answered(&self) -> u16 {
        if (400..600).contains(&self.status) { self.status } else { 502 }
    }

    /// Its words for a caller. Those about our account stay here: they may repeat a part of
    /// our key.
    pub fn shown(&self) -> &str {
        match self.status {
            401 | 402 | 403 | 407 => "the AI provider refused the gateway's credential",
            _ if self.message.is_empty() => "the AI provider failed and said nothing more",
            _ => &self.message,
        }
    }
}
