//! Jina's `POST /rerank`, which servers of open models have copied.

use super::{Rerank, natives, read};
use crate::canon::Losses;
use crate::canon::rerank::{Ranked, RerankAnswer, RerankRequest};
use crate::dialect::chat::{Unreadable, Written};
use crate::dialect::embed::{small, unreadable};
use crate::json::tree;
use crate::json::write::Writer;
use portcullis_fault::Fault;
use serde::Deserialize;

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Jina;

impl Rerank for Jina {
    fn name(&self) -> &'static str {
        "jina"
    }

    fn read_request(&self, body: &[u8]) -> Result<RerankRequest, Fault> {
        let mut body = tree::read(body)?;
        let mut request = read(&mut body, |document| document.string("text"))?;
        // Unless it says otherwise, the answer has the documents.
        request.return_documents = request.return_documents.or(Some(true));
        // Cohere's callers come by the same path.
        request.max_tokens_per_document = small(body.count("max_tokens_per_doc")?, "max_tokens_per_doc")?;
        natives(&mut request, "jina", body);
        Ok(request)
    }

    fn write_request(&self, request: &RerankRequest, losses: &mut Losses) -> Written {
        if request.max_tokens_per_document.is_some() {
            losses.changed("max_tokens_per_doc");
        }
        let mut body = Vec::new();
        Writer::new(&mut body).object(|w| {
            w.member("model", &request.model);
            w.member("query", &request.query);
            w.member("documents", &request.documents);
            w.maybe("top_n", &request.top_n);
            // They are known here.
            w.member("return_documents", &false);
            request.native.iter().for_each(|native| w.member(&native.name, &native.value));
        });
        Written { path: "/rerank".to_owned(), query: "", headers: Vec::new(), body }
    }

    fn read_answer(&self, body: &[u8]) -> Result<RerankAnswer, Unreadable> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            model: String,
            results: Vec<Item>,
            usage: Option<Usage>,
        }
        #[derive(Deserialize)]
        struct Item {
            index: u32,
            relevance_score: f64,
        }
        #[derive(Deserialize)]
        struct Usage {
            total_tokens: Option<u64>,
        }
        let answer: Answer = serde_json::from_slice(body).map_err(unreadable)?;
        Ok(RerankAnswer {
            id: String::new(),
            model: answer.model,
            results: answer
                .results
                .into_iter()
                .map(|item| Ranked { index: item.index, score: item.relevance_score })
                .collect(),
            tokens: answer.usage.and_then(|usage| usage.total_tokens),
            searches: None,
        })
    }

    fn write_answer(&self, answer: &RerankAnswer, asked: &RerankRequest, _: &str) -> Vec<u8> {
        let mut out = Vec::new();
        Writer::new(&mut out).object(|w| {
            w.member("model", if answer.model.is_empty() { &asked.model } else { &answer.model });
            w.name("results").array(|w| {
                for ranked in &answer.results {
                    w.object(|w| {
                        w.member("index", &ranked.index);
                        w.member("relevance_score", &ranked.score);
                        super::repeat(w, ranked, asked);
                    });
                }
            });
            w.name("usage").object(|w| w.member("total_tokens", &answer.tokens.unwrap_or_default()));
        });
        out
    }
}
