//! The built-in provider: says back what it is told, in OpenAI's dialect, without a network. For first steps, for
//! demonstrations, and for tests that want a provider whose every byte is known.
//!
//! - **chat**: `You said: ` and the text of the last user message; after a tool's result `The tool said: ` and the result. As a
//!   stream: the role first, then one word a chunk, the reason for the end, usage when asked, `[DONE]`.
//! - **tools**: a call is answered when `tool_choice` is `required` or names a function, or when the last message is the user's
//!   and says "use the tool"; its arguments are made up from the function's schema and come in fragments of 8 characters.
//!   `response_format` is honoured the same way.
//! - **completions**: `You said: ` and the prompt; one choice for each prompt.
//! - **embeddings**: unit vectors from a hash of the text, 64 dimensions unless `dimensions` says otherwise; `base64` as asked.
//! - **usage** counts words between white space, tokens where tokens are given.
//! - `max_tokens` cuts the answer after so many words (10,000 at most), with `finish_reason` `length`.
//! - **failures**: a last user message that is exactly `fail 429` (any status from 400 to 599) is answered with that status;
//!   one that is exactly `cut` gets an answer that breaks off.
//!
//! The same body gives the same answer, `created` aside.

mod ask;
mod embed;
mod events;
mod fill;
mod reply;

pub use events::Events;

use crate::dialect::Operation;
use crate::dialect::openai::{ErrorObject, kind};
use ask::Ask;
use bytes::Bytes;
use portcullis_model::Timestamp;
use reply::Envelope;

/// What the provider answers.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its body.
    pub body: Body,
}

/// The body of an answer.
#[derive(Debug)]
pub enum Body {
    /// `application/json`.
    Json(Bytes),
    /// `text/event-stream`: one item per event, made as they are taken.
    Stream(Events),
}

/// Answers a call. `now` only becomes `created`.
pub fn answer(operation: Operation, body: &[u8], now: Timestamp) -> Answer {
    let answered = generate(operation, body, now.seconds());
    match answered {
        Ok(body) => Answer { status: 200, body },
        Err(Failure { status, message, param }) => {
            let error = ErrorObject {
                message: &message,
                kind: kind(status),
                param,
                code: None,
                request_id: None,
                doc_url: None,
            };
            Answer { status, body: Body::Json(error.into_json().into()) }
        }
    }
}

fn generate(operation: Operation, body: &[u8], created: i64) -> Result<Body, Failure> {
    if !matches!(operation, Operation::Chat | Operation::Completions | Operation::Embeddings) {
        let message = format!("there is no operation `{}` here", operation.name());
        return Err(Failure { status: 404, message, param: None });
    }
    let ask: Ask = serde_json::from_slice(body)
        .map_err(|error| Failure::invalid(format!("the body cannot be read: {error}"), None))?;
    if operation == Operation::Embeddings {
        return embed::answer(&ask).map(|json| Body::Json(json.into()));
    }
    let chat = operation == Operation::Chat;
    if let Some(status) = ask.wanted_failure(chat) {
        return Err(Failure { status, message: format!("failing with {status}, as asked"), param: None });
    }
    let envelope = Envelope {
        chat,
        created,
        model: ask.model.as_deref().unwrap_or("echo").to_owned(),
        seed: hash(body),
    };
    let replies = if chat { reply::to_messages(&ask)? } else { reply::to_prompts(&ask)? };
    let usage = reply::usage(&ask, &replies);
    let cut = ask.last_user_text(chat).trim() == "cut";
    if ask.stream == Some(true) {
        let usage = ask.wants_stream_usage().then_some(usage);
        return Ok(Body::Stream(Events::new(envelope, replies, usage, cut)));
    }
    let mut json = Bytes::from(envelope.whole(&replies, usage));
    if cut {
        json.truncate(json.len() / 2);
    }
    Ok(Body::Json(json))
}

/// A refusal of this provider's.
struct Failure {
    status: u16,
    message: String,
    param: Option<&'static str>,
}

impl Failure {
    fn invalid(message: String, param: Option<&'static str>) -> Self {
        Self { status: 400, message, param }
    }
}

/// FNV-1a, 64 bits: stable over releases, which the standard library's hasher is not.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Words between white space: this provider's tokens.
fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}
