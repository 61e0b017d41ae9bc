//! How many tokens a conversation has: `/model/{model}/count-tokens`, with a whole request of Converse inside. (A request of
//! a model's own form, `invokeModel`, is for Bedrock only, and passes.)

use super::{read, write};
use crate::canon::{Losses, Request};
use crate::dialect::chat::{Incoming, Unreadable, Written};
use crate::json::tree::{self, Path};
use crate::json::write::Writer;
use portcullis_fault::Fault;
use serde::Deserialize;

/// Reads a request to be counted.
pub fn read_request(asked: &Incoming<'_>) -> Result<Request, Fault> {
    let mut body = tree::read(asked.body)?;
    let root = Path::Root;
    let Some(input) = body.take("input") else { return Err(body.missing("input")) };
    let mut input = input.object(Path::Member(&root, "input"))?;
    let Some(converse) = input.take("converse") else { return Err(input.missing("converse")) };
    read::request(&Incoming { body: converse.raw.as_bytes(), ..*asked })
}

/// Writes it to a provider of this dialect.
pub fn write_request(request: &Request, losses: &mut Losses) -> Result<Written, Fault> {
    let written = write::request(request, losses)?;
    // What is said of the answer is none of a count's business, and refused.
    let mut converse = serde_json::from_slice::<serde_json::Map<_, _>>(&written.body).unwrap_or_default();
    converse.retain(|name, _: &mut serde_json::Value| {
        ["messages", "system", "toolConfig", "additionalModelRequestFields"].contains(&name.as_str())
    });
    let mut body = Vec::with_capacity(written.body.len() + 32);
    Writer::new(&mut body).object(|w| w.name("input").object(|w| w.member("converse", &converse)));
    let path = written.path.rsplit_once('/').map_or(written.path.as_str(), |(model, _)| model);
    Ok(Written { path: format!("{path}/count-tokens"), body, ..written })
}

/// Reads the provider's answer.
pub fn read_answer(body: &[u8]) -> Result<u64, Unreadable> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
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
    Writer::new(&mut out).object(|w| w.member("inputTokens", &tokens));
    out
}
