//! How many tokens a request has: `/messages/count_tokens`.

use crate::canon::{Losses, Request};
use crate::dialect::chat::{Incoming, Unreadable, Written};
use crate::json::write::Writer;
use portcullis_fault::Fault;
use serde::Deserialize;

/// Reads a request to be counted: one without `max_tokens`, and with nothing about the answer.
pub fn read_request(asked: &Incoming<'_>) -> Result<Request, Fault> {
    super::read::request(asked, true)
}

/// Writes it to a provider of this dialect.
pub fn write_request(request: &Request, losses: &mut Losses) -> Result<Written, Fault> {
    super::write::count(request, losses)
}

/// Reads the provider's answer.
pub fn read_answer(body: &[u8]) -> Result<u64, Unreadable> {
    #[derive(Deserialize)]
    struct Counted {
        input_tokens: u64,
    }
    serde_json::from_slice(body)
        .map(|counted: Counted| counted.input_tokens)
        .map_err(|error| Unreadable(format!("the answer has no number of tokens: {error}")))
}

/// Writes the answer to a caller.
pub fn write_answer(tokens: u64) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).object(|w| w.member("input_tokens", &tokens));
    out
}
