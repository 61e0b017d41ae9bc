//! A call from one dialect into another: the request on its way out, the answer on its way back.
//!
//! ```text
//! read_request → fit → write_request → provider → read_answer | Stream → write_answer
//! ```
//!
//! Not for calls whose two sides speak the same: those bytes pass. Not for sockets, retries and refusals of ours.

mod reference;
mod stream;

pub use reference::reference_markdown;
pub use stream::Stream;

use crate::canon::fields::{self, Losses, Mode, Target};
use crate::canon::{Request, Tokens};
use crate::dialect::Chat;
use crate::dialect::chat::{Asked, Failure, Unreadable, Written};
use portcullis_fault::Fault;
use std::fmt;

/// Writes a request that was read in any dialect to a provider that speaks `outbound` and knows the model as `model`.
///
/// Once per attempt: `request` stays as it was read, for the next deployment. `ai_request_invalid` for what the target
/// cannot be told and `mode` does not let go.
pub fn request(
    request: &Request,
    outbound: &dyn Chat,
    model: &str,
    mode: Mode,
) -> Result<(Written, Losses), Fault> {
    let mut losses = Losses::default();
    let mut fitted = request.clone();
    model.clone_into(&mut fitted.model);
    let target = Target { dialect: outbound.name(), says: outbound.says(), cannot: outbound.cannot() };
    fields::fit(&mut fitted, target, mode, &mut losses)?;
    let written = outbound.write_request(&fitted, &mut losses)?;
    Ok((written, losses))
}

/// Why an answer with a status of success is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// It is not what the provider's dialect says it is.
    Unreadable(Unreadable),
    /// The provider says in it that it failed.
    Failed(Box<Failure>),
    /// The model broke off before it said anything. Kept apart, since what was asked may have brought it about: it says
    /// nothing against the provider, who wants to be paid for it.
    Nothing {
        /// For the owner: the provider's word for it is among it.
        why: String,
        /// What it used all the same.
        usage: Option<Tokens>,
    },
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => why.fmt(f),
            Self::Failed(failure) => f.write_str(failure.error.shown()),
            Self::Nothing { why, .. } => f.write_str(why),
        }
    }
}

impl std::error::Error for Unanswered {}

/// A whole answer with a status of success, in the caller's dialect; and what it used.
pub fn answer(
    outbound: &dyn Chat,
    inbound: &dyn Chat,
    body: &[u8],
    asked: &Asked,
) -> Result<(Vec<u8>, Option<Tokens>), Unanswered> {
    let answer = outbound.read_answer(body).map_err(|why| match outbound.failure(body) {
        Some(failure) => Unanswered::Failed(Box::new(failure)),
        None => Unanswered::Unreadable(why),
    })?;
    if let Some(word) = answer.nothing_but_broken() {
        return Err(Unanswered::Nothing { why: nothing(word), usage: answer.usage });
    }
    Ok((inbound.write_answer(&answer, asked), answer.usage))
}

/// What is told of an answer that broke off before anything was said: as a success it would be an empty one.
fn nothing(word: &str) -> String {
    format!("the model said nothing before it broke off: `{word}`")
}

/// An answer with a status that is no success, in the caller's dialect: status and body.
///
/// Not for 401, 402, 403 and 407: those are about our account, and `provider_credential_refused` is the answer.
pub fn error(
    outbound: &dyn Chat,
    inbound: &dyn Chat,
    status: u16,
    body: &[u8],
    request_id: &str,
) -> (u16, Vec<u8>) {
    inbound.write_error(&outbound.read_error(status, body), request_id)
}
