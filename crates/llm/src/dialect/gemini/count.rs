//! How many tokens a request has: `countTokens`.

use super::{Host, path, read, write};
use crate::canon::{Losses, Request};
use crate::dialect::chat::{Incoming, Unreadable, Written};
use crate::json::write::Writer;
use portcullis_fault::Fault;
use serde::Deserialize;

/// Reads a request to be counted: contents, or a whole request in `generateContentRequest`.
pub fn read_request(asked: &Incoming<'_>) -> Result<Request, Fault> {
    read::request(asked)
}

/// Writes it to a provider of this dialect.
pub fn write_request(request: &Request, losses: &mut Losses) -> Result<Written, Fault> {
    let model = format!("models/{}", request.model.strip_prefix("models/").unwrap_or(&request.model));
    let mut inner = Vec::new();
    write::body(request, Host::Gemini, losses, &mut inner, |w| w.member("model", &model))?;
    let mut body = br#"{"generateContentRequest":"#.to_vec();
    body.extend_from_slice(&inner);
    body.push(b'}');
    Ok(Written {
        path: path(Host::Gemini, &request.model, "countTokens"),
        query: "",
        headers: Vec::new(),
        body,
    })
}

/// Reads the provider's answer.
pub fn read_answer(body: &[u8]) -> Result<u64, Unreadable> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Counted {
        total_tokens: u64,
    }
    serde_json::from_slice(body)
        .map(|counted: Counted| counted.total_tokens)
        .map_err(|error| Unreadable(format!("the answer has no number of tokens: {error}")))
}

/// Writes the answer to a caller.
pub fn write_answer(tokens: u64) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).object(|w| w.member("totalTokens", &tokens));
    out
}
