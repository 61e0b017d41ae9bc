//! Formats in which documents are put into the order in which they answer a question: Cohere's and Jina's.

mod cohere;
mod jina;

pub use cohere::Cohere;
pub use jina::Jina;

use super::chat::{Unreadable, Written};
use crate::canon::rerank::{Ranked, RerankAnswer, RerankRequest};
use crate::canon::{Losses, Mode};
use crate::json::tree::{Object, Path, Tree, invalid, typed};
use crate::json::write::Writer;
use portcullis_fault::Fault;
use std::fmt;

/// Every format.
pub static ALL: &[&dyn Rerank] = &[&Cohere, &Jina];

/// The format of this [name](Rerank::name).
pub fn find(name: &str) -> Option<&'static dyn Rerank> {
    ALL.iter().find(|rerank| rerank.name() == name).copied()
}

/// A format.
pub trait Rerank: Send + Sync + fmt::Debug {
    /// `cohere` or `jina`.
    fn name(&self) -> &'static str;

    /// Reads a request. `ai_request_invalid`, with the member in question; `ai_request_ambiguous` for members that are there
    /// twice.
    fn read_request(&self, body: &[u8]) -> Result<RerankRequest, Fault>;

    /// Writes a request to a provider. `losses` hears of what was dropped.
    fn write_request(&self, request: &RerankRequest, losses: &mut Losses) -> Written;

    /// Reads an answer with a status of success.
    fn read_answer(&self, body: &[u8]) -> Result<RerankAnswer, Unreadable>;

    /// Writes an answer to what was asked.
    fn write_answer(&self, answer: &RerankAnswer, asked: &RerankRequest, id: &str) -> Vec<u8>;
}

/// Writes a request that was read in any format to a provider that speaks `outbound` and knows the model as `model`.
pub fn request(
    request: &RerankRequest,
    outbound: &dyn Rerank,
    model: &str,
    mode: Mode,
) -> Result<(Written, Losses), Fault> {
    let mut losses = Losses::default();
    let mut fitted = request.clone();
    model.clone_into(&mut fitted.model);
    for native in fitted.native.extract_if(.., |native| native.dialect != outbound.name()) {
        losses.changed(native.name);
    }
    let written = outbound.write_request(&fitted, &mut losses);
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
    outbound: &dyn Rerank,
    inbound: &dyn Rerank,
    body: &[u8],
    asked: &RerankRequest,
    id: &str,
) -> Result<(Vec<u8>, Option<u64>), Unreadable> {
    let answer = hear(outbound, body, asked)?;
    Ok((inbound.write_answer(&answer, asked, id), answer.tokens))
}

/// An answer with a status of success: the documents that were sent, the best first, no more than were wanted.
pub fn hear(outbound: &dyn Rerank, body: &[u8], asked: &RerankRequest) -> Result<RerankAnswer, Unreadable> {
    let mut answer = outbound.read_answer(body)?;
    let there = |ranked: &Ranked| (ranked.index as usize) < asked.documents.len();
    if !answer.results.iter().all(there) {
        return Err(Unreadable("the answer names a document that was not sent".to_owned()));
    }
    // Some servers leave them as they came, and give all.
    answer.results.sort_by(|one, other| other.score.total_cmp(&one.score));
    answer.results.truncate(asked.top_n.map_or(usize::MAX, |most| most as usize));
    Ok(answer)
}

/// What both formats call by the same names.
fn read<'a>(
    body: &mut Object<'a, 'static>,
    documents_of: impl Fn(&mut Object<'a, '_>) -> Result<Option<String>, Fault>,
) -> Result<RerankRequest, Fault> {
    let mut request = RerankRequest {
        model: body.need_string("model")?,
        query: body.need_string("query")?,
        ..RerankRequest::default()
    };
    let Some(documents) = body.list("documents")? else { return Err(body.missing("documents")) };
    let root = Path::Root;
    let list = Path::Member(&root, "documents");
    for (index, node) in documents.into_iter().enumerate() {
        let at = Path::Item(&list, index);
        let wanted = "a text, or an object with one in `text`";
        request.documents.push(match node.tree {
            Tree::String(text) => text.into_owned(),
            Tree::Object(_) => documents_of(&mut node.object(at)?)?.ok_or_else(|| typed(&at, wanted))?,
            _ => return Err(typed(&at, wanted)),
        });
    }
    if request.documents.is_empty() {
        return Err(invalid("member `documents` is empty; there is nothing to put in order"));
    }
    request.top_n = super::embed::small(body.count("top_n")?, "top_n")?;
    request.return_documents = body.boolean("return_documents")?;
    Ok(request)
}

/// What is left of a request is known to `dialect` only.
fn natives(request: &mut RerankRequest, dialect: &'static str, rest: Object<'_, '_>) {
    for (name, node) in rest.rest() {
        let (name, value) = (name.into_owned(), node.to_value());
        request.native.push(crate::canon::Native { dialect, name, value });
    }
}

/// The document itself, where the caller wants to have it again.
fn repeat(w: &mut Writer<'_>, ranked: &Ranked, asked: &RerankRequest) {
    if asked.return_documents == Some(true)
        && let Some(text) = asked.documents.get(ranked.index as usize)
    {
        w.name("document").object(|w| w.member("text", text));
    }
}
