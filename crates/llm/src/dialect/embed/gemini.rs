//! `embedContent` and `batchEmbedContents` of the Gemini API, and `predict` of Vertex AI.

use super::openai::{small, unreadable};
use super::{Embed, floats_only, natives, texts, unsaid};
use crate::canon::embedding::{Embedding, EmbeddingAnswer, EmbeddingRequest, Input, Purpose, Truncate};
use crate::canon::{Losses, Native};
use crate::dialect::chat::{Incoming, Unreadable, Written};
use crate::dialect::gemini::{Host, path, wire};
use crate::json::tree::{self, Object, Path, invalid};
use crate::json::write::Writer;
use portcullis_fault::{Fault, codes};
use serde::Deserialize;

/// The Gemini API's.
#[derive(Clone, Copy, Debug)]
pub struct Gemini;

/// Vertex AI's. No caller speaks it.
#[derive(Clone, Copy, Debug)]
pub struct Vertex;

const PURPOSES: &[(Purpose, &str)] = &[
    (Purpose::Query, "RETRIEVAL_QUERY"),
    (Purpose::Document, "RETRIEVAL_DOCUMENT"),
    (Purpose::Classification, "CLASSIFICATION"),
    (Purpose::Clustering, "CLUSTERING"),
    (Purpose::Similarity, "SEMANTIC_SIMILARITY"),
    (Purpose::QuestionAnswering, "QUESTION_ANSWERING"),
    (Purpose::FactVerification, "FACT_VERIFICATION"),
    (Purpose::CodeQuery, "CODE_RETRIEVAL_QUERY"),
];

fn word(request: &EmbeddingRequest) -> Option<&'static str> {
    let purpose = request.purpose?;
    PURPOSES.iter().find(|(known, _)| *known == purpose).map(|(_, word)| *word)
}

impl Embed for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    /// Each request of a batch names the model again.
    fn passes(&self) -> bool {
        false
    }

    fn most(&self, _: &str) -> usize {
        100
    }

    fn read_request(&self, asked: &Incoming<'_>) -> Result<EmbeddingRequest, Fault> {
        let mut body = tree::read(asked.body)?.respelled(wire::camel)?;
        let Some(requests) = body.take("requests") else {
            let mut request = one(body, asked.model)?;
            request.single = true;
            return Ok(request);
        };
        let root = Path::Root;
        let list = Path::Member(&root, "requests");
        let items = requests.list(&list)?;
        let mut whole: Option<EmbeddingRequest> = None;
        for (index, node) in items.into_iter().enumerate() {
            let at = Path::Item(&list, index);
            let mut request = one(wire::object(node, at)?, asked.model)?;
            match &mut whole {
                None => whole = Some(request),
                Some(whole) => {
                    let inputs = std::mem::take(&mut request.inputs);
                    let known = std::mem::take(&mut whole.inputs);
                    let same = request == *whole;
                    whole.inputs = known;
                    if !same {
                        return Err(wire::refuse(
                            &at,
                            "wants something else of its vector than the ones before it; send it in a call of its own",
                        ));
                    }
                    whole.inputs.extend(inputs);
                }
            }
        }
        let mut whole = whole
            .ok_or_else(|| invalid("member `requests` is empty; there is nothing to make vectors of"))?;
        natives(&mut whole, "gemini", body);
        Ok(whole)
    }

    fn write_request(&self, request: &EmbeddingRequest, losses: &mut Losses) -> Result<Written, Fault> {
        floats_only(request)?;
        unsaid(request, &["purpose", "title"], losses);
        let name = format!("models/{}", request.model.strip_prefix("models/").unwrap_or(&request.model));
        if request.inputs.iter().any(|input| matches!(input, Input::Tokens(_))) {
            texts(request)?;
        }
        let mut body = Vec::new();
        Writer::new(&mut body).object(|w| {
            w.name("requests").array(|w| {
                for input in &request.inputs {
                    w.object(|w| {
                        w.member("model", &name);
                        w.name("content").object(|w| {
                            w.name("parts").array(|w| {
                                w.object(|w| match input {
                                    Input::Text(text) => w.member("text", text),
                                    Input::Image(mime, data) => w.name("inlineData").object(|w| {
                                        w.member("mimeType", mime);
                                        w.member("data", data);
                                    }),
                                    Input::Tokens(_) => {}
                                });
                            });
                        });
                        w.maybe("taskType", &word(request));
                        w.maybe("title", &request.title);
                        w.maybe("outputDimensionality", &request.dimensions);
                        request.native.iter().for_each(|native| w.member(&native.name, &native.value));
                    });
                }
            });
        });
        let path = path(Host::Gemini, &request.model, "batchEmbedContents");
        Ok(Written { path, query: "", headers: Vec::new(), body })
    }

    fn read_answer(&self, body: &[u8]) -> Result<EmbeddingAnswer, Unreadable> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            #[serde(default)]
            embeddings: Vec<Values>,
            embedding: Option<Values>,
            usage_metadata: Option<Usage>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Usage {
            prompt_token_count: Option<u64>,
        }
        let answer: Answer = serde_json::from_slice(body).map_err(unreadable)?;
        let values = answer.embedding.into_iter().chain(answer.embeddings);
        Ok(EmbeddingAnswer {
            embeddings: values.map(Values::vector).collect(),
            input_tokens: answer.usage_metadata.and_then(|usage| usage.prompt_token_count),
            ..EmbeddingAnswer::default()
        })
    }

    fn write_answer(&self, answer: &EmbeddingAnswer, asked: &EmbeddingRequest, _: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let values = |w: &mut Writer<'_>, embedding: &Embedding| {
            w.object(|w| w.member("values", &embedding.floats));
        };
        Writer::new(&mut out).object(|w| {
            match (&answer.embeddings[..], asked.single) {
                ([one], true) => values(w.name("embedding"), one),
                (all, _) => w.name("embeddings").array(|w| all.iter().for_each(|one| values(w, one))),
            }
            if let Some(tokens) = answer.input_tokens {
                w.name("usageMetadata").object(|w| {
                    w.member("promptTokenCount", &tokens);
                    w.member("totalTokenCount", &tokens);
                });
            }
        });
        out
    }
}

#[derive(Deserialize)]
struct Values {
    #[serde(default)]
    values: Vec<f32>,
}

impl Values {
    fn vector(self) -> Embedding {
        Embedding { floats: self.values, ..Embedding::default() }
    }
}

/// One `embedContent`.
fn one(mut body: Object<'_, '_>, model: Option<&str>) -> Result<EmbeddingRequest, Fault> {
    let at = body.at;
    let named = body.string("model")?;
    let bare = |name: &str| name.strip_prefix("models/").unwrap_or(name).to_owned();
    let model = match (model.map(bare), named.as_deref().map(bare)) {
        (Some(path), Some(body)) if path != body => {
            return Err(wire::refuse(
                &Path::Member(&at, "model"),
                "names another model than the path; leave it out",
            ));
        }
        (Some(model), _) | (None, Some(model)) => model,
        (None, None) => return Err(body.missing("model")),
    };
    let mut request = EmbeddingRequest { model, ..EmbeddingRequest::default() };
    let Some(content) = body.take("content") else { return Err(body.missing("content")) };
    let mut content = wire::object(content, Path::Member(&at, "content"))?;
    let (mut words, mut images) = (Vec::new(), Vec::new());
    for node in wire::each(&mut content, "parts") {
        let mut part = wire::object(node, content.at)?;
        if let Some(text) = part.string("text")? {
            words.push(text);
        } else if let Some(mut blob) = wire::inner(&mut part, "inlineData", &content.at)? {
            let at = blob.at;
            let Some(data) = blob.take("data") else { return Err(blob.missing("data")) };
            let data = wire::bytes(wire::text(data, &at)?, &at)?;
            images.push(Input::Image(blob.need_string("mimeType")?, data));
        }
    }
    request.inputs = match (words.is_empty(), &mut images[..]) {
        (false, []) => vec![Input::Text(words.join("\n"))],
        (true, [_]) => images,
        _ => return Err(wire::refuse(&content.at, "must have texts, or one image")),
    };
    if let Some(task) = wire::word(&mut body, "taskType")?
        && task != "TASK_TYPE_UNSPECIFIED"
    {
        let known = PURPOSES.iter().find(|(_, word)| *word == task);
        request.purpose = Some(known.ok_or_else(|| body.wrong("taskType", "a task that is known"))?.0);
    }
    request.title = body.string("title")?;
    request.dimensions = small(wire::count(&mut body, "outputDimensionality")?, "outputDimensionality")?;
    natives(&mut request, wire::NAME, body);
    Ok(request)
}

impl Embed for Vertex {
    fn name(&self) -> &'static str {
        "vertex"
    }

    fn passes(&self) -> bool {
        false
    }

    /// The newest text model takes one text at a time.
    fn most(&self, model: &str) -> usize {
        if model.contains("gemini-embedding") { 1 } else { 250 }
    }

    fn read_request(&self, _: &Incoming<'_>) -> Result<EmbeddingRequest, Fault> {
        Err(Fault::new(codes::AI_OPERATION_UNKNOWN).detail("vectors are asked for with `embedContent` here"))
    }

    fn write_request(&self, request: &EmbeddingRequest, losses: &mut Losses) -> Result<Written, Fault> {
        floats_only(request)?;
        unsaid(request, &["purpose", "title", "truncate"], losses);
        let texts = texts(request)?;
        let truncate = request.truncate.map(|truncate| {
            if truncate == Truncate::Start {
                losses.changed("truncate=end");
            }
            truncate != Truncate::None
        });
        losses_of_natives(&request.native, losses);
        let mut body = Vec::new();
        Writer::new(&mut body).object(|w| {
            w.name("instances").array(|w| {
                for text in texts {
                    w.object(|w| {
                        w.member("content", text);
                        w.maybe("task_type", &word(request));
                        w.maybe("title", &request.title);
                    });
                }
            });
            if truncate.is_some() || request.dimensions.is_some() {
                w.name("parameters").object(|w| {
                    w.maybe("outputDimensionality", &request.dimensions);
                    w.maybe("autoTruncate", &truncate);
                });
            }
        });
        // Publisher and all is in the base URL, as for chats.
        let path = path(Host::Gemini, &request.model, "predict");
        Ok(Written { path, query: "", headers: Vec::new(), body })
    }

    fn read_answer(&self, body: &[u8]) -> Result<EmbeddingAnswer, Unreadable> {
        #[derive(Deserialize)]
        struct Answer {
            predictions: Vec<Prediction>,
        }
        #[derive(Deserialize)]
        struct Prediction {
            embeddings: Counted,
        }
        #[derive(Deserialize)]
        struct Counted {
            values: Vec<f32>,
            statistics: Option<Statistics>,
        }
        #[derive(Deserialize)]
        struct Statistics {
            token_count: Option<f64>,
        }
        let answer: Answer = serde_json::from_slice(body).map_err(unreadable)?;
        let mut tokens = None;
        let mut embeddings = Vec::with_capacity(answer.predictions.len());
        for prediction in answer.predictions {
            let counted = prediction.embeddings.statistics.and_then(|it| it.token_count);
            if let Some(count) = counted.filter(|count| *count >= 0.0) {
                // Whole numbers that are written as doubles.
                tokens = Some(tokens.unwrap_or(0_u64).saturating_add(count as u64));
            }
            embeddings.push(Values { values: prediction.embeddings.values }.vector());
        }
        Ok(EmbeddingAnswer { embeddings, input_tokens: tokens, ..EmbeddingAnswer::default() })
    }

    fn write_answer(&self, answer: &EmbeddingAnswer, asked: &EmbeddingRequest, id: &str) -> Vec<u8> {
        Gemini.write_answer(answer, asked, id)
    }
}

/// The other wire's members are not this one's.
fn losses_of_natives(natives: &[Native], losses: &mut Losses) {
    natives.iter().for_each(|native| losses.changed(native.name.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_a_batch_agree_or_are_refused() {
        let read = |body: &str| {
            Gemini.read_request(&Incoming { model: Some("m"), stream: None, body: body.as_bytes() })
        };
        let batch = read(
            r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"},{"text":"b"}]},"task_type":"RETRIEVAL_QUERY"},{"model":"models/m","content":{"parts":{"text":"c"}},"taskType":"RETRIEVAL_QUERY"}]}"#,
        )
        .unwrap();
        assert_eq!(batch.inputs, [Input::Text("a\nb".to_owned()), Input::Text("c".to_owned())]);
        assert_eq!((batch.purpose, batch.single), (Some(Purpose::Query), false));
        for (body, said) in [
            (r#"{"requests":[]}"#, "`requests` is empty"),
            (r#"{"content":{"parts":[]}}"#, "must have texts"),
            (r#"{"model":"models/other","content":{"parts":[{"text":"a"}]}}"#, "another model than the path"),
            (
                r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"a"}]},"title":"t"}]}"#,
                "`requests[1]` wants something else",
            ),
        ] {
            let fault = read(body).unwrap_err();
            assert!(fault.public_detail().contains(said), "{fault}");
        }
    }
}
