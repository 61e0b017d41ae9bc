//! Formats of embeddings, read and written: one value per wire format.
//!
//! As with [`Chat`](super::Chat), a translation is a reader of one and a writer of another. What a target cannot say about
//! the inputs themselves (a picture, another model's tokens, a packed form of the vectors) is refused; what only makes them
//! better (their purpose, a title) is dropped and told.

mod bedrock;
mod cohere;
mod gemini;
mod ollama;
mod openai;

pub use bedrock::Bedrock;
pub use cohere::{Cohere, CohereOne};
pub use gemini::{Gemini, Vertex};
pub use ollama::{Ollama, OllamaOne};
pub use openai::OpenAi;
pub(super) use openai::{small, unreadable};

use super::chat::{Incoming, Unreadable, Written};
use crate::canon::embedding::{EmbeddingAnswer, EmbeddingRequest, Encoding, Input};
use crate::canon::{Losses, Mode};
use crate::json::tree::{Object, invalid};
use portcullis_fault::Fault;
use std::fmt;

/// Every format of embeddings.
pub static ALL: &[&dyn Embed] = &[&OpenAi, &Gemini, &Vertex, &Cohere, &Ollama, &Bedrock];

/// The format of this [name](Embed::name).
pub fn find(name: &str) -> Option<&'static dyn Embed> {
    ALL.iter().find(|embed| embed.name() == name).copied()
}

/// A format of embeddings.
pub trait Embed: Send + Sync + fmt::Debug {
    /// As [`Chat::name`](super::Chat::name) has it; `vertex` apart from `gemini`, for it has another wire here.
    fn name(&self) -> &'static str;

    /// Whether bytes may pass from a caller of this format to a provider of it. Not where the body names the model a second
    /// time: it would be another one than the path's.
    fn passes(&self) -> bool {
        true
    }

    /// Inputs that one call can have.
    fn most(&self, model: &str) -> usize;

    /// Reads a request. `ai_request_invalid`, with the member in question; `ai_request_ambiguous` for members that are there
    /// twice; `ai_operation_unknown` where no caller speaks this format.
    fn read_request(&self, asked: &Incoming<'_>) -> Result<EmbeddingRequest, Fault>;

    /// Writes a request to a provider. `losses` hears of what was dropped.
    fn write_request(&self, request: &EmbeddingRequest, losses: &mut Losses) -> Result<Written, Fault>;

    /// Reads an answer with a status of success.
    fn read_answer(&self, body: &[u8]) -> Result<EmbeddingAnswer, Unreadable>;

    /// Writes an answer to what was asked.
    fn write_answer(&self, answer: &EmbeddingAnswer, asked: &EmbeddingRequest, id: &str) -> Vec<u8>;
}

/// Writes a request that was read in any format to a provider that speaks `outbound` and knows the model as `model`.
pub fn request(
    request: &EmbeddingRequest,
    outbound: &dyn Embed,
    model: &str,
    mode: Mode,
) -> Result<(Written, Losses), Fault> {
    let mut losses = Losses::default();
    let mut fitted = request.clone();
    model.clone_into(&mut fitted.model);
    // One wire has two names here; what only it knows is in both.
    let own = if outbound.name() == "vertex" { "gemini" } else { outbound.name() };
    for native in fitted.native.extract_if(.., |native| native.dialect != own) {
        losses.changed(native.name);
    }
    let most = outbound.most(model);
    if fitted.inputs.len() > most {
        return Err(invalid(format!(
            "there are {} inputs; the provider of this model takes at most {most} in one call, send them in several",
            fitted.inputs.len()
        )));
    }
    let written = outbound.write_request(&fitted, &mut losses)?;
    if mode == Mode::Strict && !losses.is_empty() {
        return Err(invalid(format!(
            "the provider of this model cannot be told `{}`; leave it out, or ask for another model",
            losses.text()
        )));
    }
    Ok((written, losses))
}

/// An answer with a status of success, in the caller's format; and the tokens that it used, where they are said.
pub fn answer(
    outbound: &dyn Embed,
    inbound: &dyn Embed,
    body: &[u8],
    asked: &EmbeddingRequest,
    id: &str,
) -> Result<(Vec<u8>, Option<u64>), Unreadable> {
    let answer = hear(outbound, body, asked)?;
    Ok((inbound.write_answer(&answer, asked, id), answer.input_tokens))
}

/// An answer with a status of success: as many vectors as there were inputs.
pub fn hear(
    outbound: &dyn Embed,
    body: &[u8],
    asked: &EmbeddingRequest,
) -> Result<EmbeddingAnswer, Unreadable> {
    let answer = outbound.read_answer(body)?;
    if answer.embeddings.len() != asked.inputs.len() {
        return Err(Unreadable(format!(
            "the answer has {} vectors for {} inputs",
            answer.embeddings.len(),
            asked.inputs.len()
        )));
    }
    Ok(answer)
}

/// What is left of a request is known to `dialect` only.
fn natives(request: &mut EmbeddingRequest, dialect: &'static str, rest: Object<'_, '_>) {
    for (name, node) in rest.rest() {
        let (name, value) = (name.into_owned(), node.to_value());
        request.native.push(crate::canon::Native { dialect, name, value });
    }
}

/// The texts, where a format knows nothing else.
fn texts(request: &EmbeddingRequest) -> Result<Vec<&str>, Fault> {
    fn text(input: &Input) -> Result<&str, Fault> {
        match input {
            Input::Text(text) => Ok(text),
            Input::Tokens(_) => {
                Err(invalid("member `input` has tokens, which are another model's; send texts"))
            }
            Input::Image(..) => Err(invalid("the provider of this model takes no images; send texts")),
        }
    }
    request.inputs.iter().map(text).collect()
}

/// A provider that knows numbers only must not be asked for packed forms.
fn floats_only(request: &EmbeddingRequest) -> Result<(), Fault> {
    match request.encodings.iter().find(|form| !matches!(form, Encoding::Float | Encoding::Base64)) {
        None => Ok(()),
        Some(form) => Err(invalid(format!(
            "the provider of this model gives vectors as numbers only, not as `{}`",
            cohere::word(*form)
        ))),
    }
}

/// Drops what this provider has no word for.
fn unsaid(request: &EmbeddingRequest, says: &[&str], losses: &mut Losses) {
    for (name, said) in [
        ("purpose", request.purpose.is_some()),
        ("title", request.title.is_some()),
        ("truncate", request.truncate.is_some()),
        ("user", request.user.is_some()),
    ] {
        if said && !says.contains(&name) {
            losses.changed(name);
        }
    }
}
