//! Ollama's `POST /api/embed`, and what it was before, `POST /api/embeddings`.

use super::openai::{small, unreadable};
use super::{Embed, floats_only, natives, texts, unsaid};
use crate::canon::Losses;
use crate::canon::embedding::{Embedding, EmbeddingAnswer, EmbeddingRequest, Input, Truncate};
use crate::dialect::chat::{Incoming, Unreadable, Written};
use crate::json::tree::{self, Path, Tree, typed};
use crate::json::write::Writer;
use portcullis_fault::Fault;
use serde::Deserialize;

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Ollama;

/// The older one: one text, one vector. Providers are asked in the newer one.
#[derive(Clone, Copy, Debug)]
pub struct OllamaOne;

impl Embed for Ollama {
    fn name(&self) -> &'static str {
        "ollama"
    }

    fn most(&self, _: &str) -> usize {
        usize::MAX
    }

    fn read_request(&self, asked: &Incoming<'_>) -> Result<EmbeddingRequest, Fault> {
        let mut body = tree::read(asked.body)?;
        let mut request =
            EmbeddingRequest { model: body.need_string("model")?, ..EmbeddingRequest::default() };
        let root = Path::Root;
        let at = Path::Member(&root, "input");
        request.inputs = match body.take("input").map(|node| node.tree) {
            None => return Err(body.missing("input")),
            Some(Tree::String(text)) => vec![Input::Text(text.into_owned())],
            Some(Tree::Array(items)) => {
                let texts =
                    items.into_iter().enumerate().map(|(index, item)| item.string(&Path::Item(&at, index)));
                texts.map(|text| text.map(Input::Text)).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(typed(&at, "a text or a list of texts")),
        };
        request.dimensions = small(body.count("dimensions")?, "dimensions")?;
        request.truncate =
            body.boolean("truncate")?.map(|cut| if cut { Truncate::End } else { Truncate::None });
        natives(&mut request, "ollama", body);
        Ok(request)
    }

    fn write_request(&self, request: &EmbeddingRequest, losses: &mut Losses) -> Result<Written, Fault> {
        floats_only(request)?;
        unsaid(request, &["truncate"], losses);
        if request.truncate == Some(Truncate::Start) {
            losses.changed("truncate=end");
        }
        let texts = texts(request)?;
        let mut body = Vec::new();
        Writer::new(&mut body).object(|w| {
            w.member("model", &request.model);
            w.member("input", &texts);
            w.maybe("dimensions", &request.dimensions);
            w.maybe("truncate", &request.truncate.map(|truncate| truncate != Truncate::None));
            request.native.iter().for_each(|native| w.member(&native.name, &native.value));
        });
        Ok(Written { path: "/api/embed".to_owned(), query: "", headers: Vec::new(), body })
    }

    fn read_answer(&self, body: &[u8]) -> Result<EmbeddingAnswer, Unreadable> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            model: String,
            embeddings: Vec<Vec<f32>>,
            prompt_eval_count: Option<u64>,
        }
        let answer: Answer = serde_json::from_slice(body).map_err(unreadable)?;
        let vectors = answer.embeddings.into_iter();
        Ok(EmbeddingAnswer {
            id: String::new(),
            model: answer.model,
            embeddings: vectors.map(|floats| Embedding { floats, ..Embedding::default() }).collect(),
            input_tokens: answer.prompt_eval_count,
        })
    }

    fn write_answer(&self, answer: &EmbeddingAnswer, asked: &EmbeddingRequest, _: &str) -> Vec<u8> {
        let mut out = Vec::new();
        Writer::new(&mut out).object(|w| {
            w.member("model", if answer.model.is_empty() { &asked.model } else { &answer.model });
            w.name("embeddings")
                .array(|w| answer.embeddings.iter().for_each(|embedding| w.value(&embedding.floats)));
            w.maybe("prompt_eval_count", &answer.input_tokens);
        });
        out
    }
}

impl Embed for OllamaOne {
    fn name(&self) -> &'static str {
        Ollama.name()
    }

    fn most(&self, model: &str) -> usize {
        Ollama.most(model)
    }

    fn read_request(&self, asked: &Incoming<'_>) -> Result<EmbeddingRequest, Fault> {
        let mut body = tree::read(asked.body)?;
        let mut request = EmbeddingRequest {
            model: body.need_string("model")?,
            inputs: vec![Input::Text(body.need_string("prompt")?)],
            single: true,
            ..EmbeddingRequest::default()
        };
        natives(&mut request, "ollama", body);
        Ok(request)
    }

    fn write_request(&self, request: &EmbeddingRequest, losses: &mut Losses) -> Result<Written, Fault> {
        Ollama.write_request(request, losses)
    }

    fn read_answer(&self, body: &[u8]) -> Result<EmbeddingAnswer, Unreadable> {
        Ollama.read_answer(body)
    }

    fn write_answer(&self, answer: &EmbeddingAnswer, _: &EmbeddingRequest, _: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let floats = answer.embeddings.first().map_or(&[][..], |embedding| &embedding.floats);
        Writer::new(&mut out).object(|w| w.member("embedding", floats));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_form_is_one_text_and_one_vector() {
        let body = br#"{"model":"m","prompt":"one","keep_alive":"5m"}"#;
        let asked = OllamaOne.read_request(&Incoming { model: None, stream: None, body }).unwrap();
        let written = OllamaOne.write_request(&asked, &mut Losses::default()).unwrap();
        assert_eq!(
            (&*written.path, &*written.body),
            ("/api/embed", &br#"{"model":"m","input":["one"],"keep_alive":"5m"}"#[..])
        );
        let answer = OllamaOne.read_answer(br#"{"embeddings":[[0.5,-1]]}"#).unwrap();
        assert_eq!(OllamaOne.write_answer(&answer, &asked, "c"), br#"{"embedding":[0.5,-1.0]}"#);
        let list = br#"{"model":"m","prompt":["one"]}"#;
        assert!(OllamaOne.read_request(&Incoming { model: None, stream: None, body: list }).is_err());
    }
}
