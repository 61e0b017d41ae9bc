//! What a model answers, as it comes.

use super::answer::{Logprob, ProviderError, Stop, Tokens};
use super::part::{Citation, Part};

/// One step of a streamed answer. In order: [`Start`](Event::Start), then for each part `Open`, `Delta`s, `Close`, then
/// one `Stop` per choice, `Usage`, [`End`](Event::End). Parts of one choice are numbered from 0 and never reopened; two
/// may be open at the same time (tool calls in parallel).
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The provider's id of it; empty where it gives none.
        id: String,
        /// The model's name as the provider says it.
        model: String,
        /// When, in seconds since 1970.
        created: Option<i64>,
        /// Usage that is known at the start already (input tokens).
        usage: Option<Tokens>,
    },
    /// A part begins.
    Open {
        /// Of which choice, from 0.
        choice: u32,
        /// Which part of it, from 0.
        part: u32,
        /// What it is.
        opening: Opening,
    },
    /// A part goes on.
    Delta {
        /// Of which choice.
        choice: u32,
        /// Which part of it.
        part: u32,
        /// With what.
        delta: Delta,
    },
    /// A part is complete.
    Close {
        /// Of which choice.
        choice: u32,
        /// Which part of it.
        part: u32,
    },
    /// A choice is complete.
    Stop {
        /// Which.
        choice: u32,
        /// Why.
        stop: Stop,
        /// Which stop sequence ended it.
        sequence: Option<String>,
    },
    /// What it used so far; the last one counts.
    Usage(Tokens),
    /// The provider ends it with an error. Nothing that looks like success follows.
    Error(ProviderError),
    /// Nothing new: the provider keeps the connection open.
    Ping,
    /// All was said.
    End,
}

/// What a part is, as it begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Opening {
    /// Words.
    Text,
    /// Thoughts.
    Thinking,
    /// The model's words for why it will not.
    Refusal,
    /// A tool's call.
    ToolCall {
        /// Its id.
        id: String,
        /// The tool's name.
        name: String,
    },
    /// A part that came whole (an image, a native part): nothing but its `Close` follows.
    Whole(Box<Part>),
}

/// What a part goes on with.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// Words; of a refusal too.
    Text(String),
    /// Thoughts.
    Thinking(String),
    /// The vendor's signature over the part.
    Signature(String),
    /// Encrypted thoughts.
    Redacted(String),
    /// A piece of a tool call's arguments, JSON text.
    Arguments(String),
    /// Where the words are from.
    Citation(Citation),
    /// How likely the words were.
    Logprobs(Vec<Logprob>),
}
