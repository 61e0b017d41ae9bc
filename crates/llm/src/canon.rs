//! The canonical form: what a call to a model says, whatever dialect it is said in.
//!
//! Every dialect reads into it and writes from it ([`Chat`](crate::dialect::chat::Chat)), so that any inbound dialect reaches
//! any provider. It holds what at least two dialects can say; what only one knows travels as [`Request::native`], and is
//! lost, by a stated rule, on the way into another. What a target cannot say is found and taken out, or refused, before
//! it is written: see [`fields`].
//!
//! Not here: bytes. And no call whose inbound and outbound dialects are the same comes by: those bytes pass.

pub mod answer;
pub mod custom;
mod effort;
pub mod embedding;
pub mod event;
pub mod fields;
pub mod part;
pub mod request;
pub mod rerank;
pub mod signature;

pub use answer::{Answer, Choice, Logprob, ProviderError, Stop, Tokens};
pub use event::{Delta, Event, Opening};
pub use fields::{Field, Losses, Mode, Rule, Target};
pub use part::{Citation, Media, MediaKind, Origin, Part, Place, Text, Thinking, ToolCall, ToolResult};
pub use request::{
    Cache, Effort, Format, Grammar, Message, Native, Reasoning, Request, Role, Safety, Sampling, Tool,
    ToolChoice,
};
