//! Documents in the order in which they answer a question: what is asked and what is answered, whatever dialect it is
//! said in.

use super::request::Native;

/// An order is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RerankRequest {
    /// As the caller wrote it on the way in; the deployment's name on the way out.
    pub model: String,
    /// The question.
    pub query: String,
    /// The documents' texts.
    pub documents: Vec<String>,
    /// The best so many.
    pub top_n: Option<u32>,
    /// Whether the answer repeats the documents.
    pub return_documents: Option<bool>,
    /// Tokens of each document that are looked at.
    pub max_tokens_per_document: Option<u32>,
    /// What only one dialect knows: lost on the way into another, never silently.
    pub native: Vec<Native>,
}

/// An order, the best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RerankAnswer {
    /// The provider's id of it; empty where it gives none.
    pub id: String,
    /// The model's name as the provider says it; empty where it does not.
    pub model: String,
    /// The documents that were chosen.
    pub results: Vec<Ranked>,
    /// Tokens, where it is said.
    pub tokens: Option<u64>,
    /// Searches that are billed, where it is said.
    pub searches: Option<u64>,
}

/// A document in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ranked {
    /// Which of the request's documents, from 0.
    pub index: u32,
    /// How well it answers, 0 to 1.
    pub score: f64,
}
