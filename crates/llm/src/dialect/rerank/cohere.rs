//! Cohere's `POST /v2/rerank`; of v1 what clients still send.

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
pub struct Cohere;

impl Rerank for Cohere {
    fn name(&self) -> &'static str {
        "cohere"
    }

    fn read_request(&self, body: &[u8]) -> Result<RerankRequest, Fault> {
        let mut body = tree::read(body)?;
        let mut request = read(&mut body, |document| document.string("text"))?;
        request.max_tokens_per_document = small(body.count("max_tokens_per_doc")?, "max_tokens_per_doc")?;
        natives(&mut request, "cohere", body);
        Ok(request)
    }

    fn write_request(&self, request: &RerankRequest, _: &mut Losses) -> Written {
        let mut body = Vec::new();
        Writer::new(&mut body).object(|w| {
            w.member("model", &request.model);
            w.member("query", &request.query);
            // Documents that the answer is to repeat are known here: they are not asked for.
            w.member("documents", &request.documents);
            w.maybe("top_n", &request.top_n);
            w.maybe("max_tokens_per_doc", &request.max_tokens_per_document);
            request.native.iter().for_each(|native| w.member(&native.name, &native.value));
        });
        Written { path: "/v2/rerank".to_owned(), query: "", headers: Vec::new(), body }
    }

    fn read_answer(&self, body: &[u8]) -> Result<RerankAnswer, Unreadable> {
        #[derive(Deserialize)]
        struct Answer {
            id: Option<String>,
            results: Vec<Item>,
            meta: Option<Meta>,
        }
        #[derive(Deserialize)]
        struct Item {
            index: u32,
            relevance_score: f64,
        }
        #[derive(Deserialize)]
        struct Meta {
            billed_units: Option<Billed>,
        }
        #[derive(Deserialize)]
        struct Billed {
            search_units: Option<f64>,
        }
        let answer: Answer = serde_json::from_slice(body).map_err(unreadable)?;
        let billed = answer.meta.and_then(|meta| meta.billed_units);
        Ok(RerankAnswer {
            id: answer.id.unwrap_or_default(),
            model: String::new(),
            results: answer
                .results
                .into_iter()
                .map(|item| Ranked { index: item.index, score: item.relevance_score })
                .collect(),
            tokens: None,
            // A whole number that is written as a double.
            searches: billed.and_then(|billed| billed.search_units).map(|units| units as u64),
        })
    }

    fn write_answer(&self, answer: &RerankAnswer, asked: &RerankRequest, id: &str) -> Vec<u8> {
        let mut out = Vec::new();
        Writer::new(&mut out).object(|w| {
            w.member("id", if answer.id.is_empty() { id } else { &answer.id });
            w.name("results").array(|w| {
                for ranked in &answer.results {
                    w.object(|w| {
                        w.member("index", &ranked.index);
                        w.member("relevance_score", &ranked.score);
                        super::repeat(w, ranked, asked);
                    });
                }
            });
            w.name("meta").object(|w| {
                w.name("api_version").object(|w| w.member("version", "2"));
                w.name("billed_units").object(|w| w.member("search_units", &answer.searches.unwrap_or(1)));
            });
        });
        out
    }
}
