//! Models of embeddings on Bedrock, by `InvokeModel`: Amazon's Titan and Cohere's, each in its own form. No caller speaks
//! this: what callers send to `invoke` passes.

use super::openai::unreadable;
use super::{Embed, cohere, texts, unsaid};
use crate::canon::Losses;
use crate::canon::embedding::{Embedding, EmbeddingAnswer, EmbeddingRequest, Encoding, Input};
use crate::dialect::chat::{Incoming, Unreadable, Written};
use crate::json::tree::invalid;
use crate::json::write::Writer;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_fault::{Fault, codes};
use serde::Deserialize;

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Bedrock;

/// RFC 3986 §2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Embed for Bedrock {
    fn name(&self) -> &'static str {
        "bedrock"
    }

    fn most(&self, model: &str) -> usize {
        if is_cohere(model) { 96 } else { 1 }
    }

    fn read_request(&self, _: &Incoming<'_>) -> Result<EmbeddingRequest, Fault> {
        Err(Fault::new(codes::AI_OPERATION_UNKNOWN)
            .detail("vectors have no operation of their own in this dialect"))
    }

    fn write_request(&self, request: &EmbeddingRequest, losses: &mut Losses) -> Result<Written, Fault> {
        let mut body = Vec::new();
        if is_cohere(&request.model) {
            unsaid(request, &["purpose", "truncate"], losses);
            let write = cohere::write(request, losses)?;
            Writer::new(&mut body).object(write);
        } else {
            titan(request, losses, &mut body)?;
        }
        let path = format!("/model/{}/invoke", utf8_percent_encode(&request.model, UNRESERVED));
        Ok(Written { path, query: "", headers: Vec::new(), body })
    }

    fn read_answer(&self, body: &[u8]) -> Result<EmbeddingAnswer, Unreadable> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Titan {
            embedding: Option<Vec<f32>>,
            embeddings_by_type: Option<ByType>,
            input_text_token_count: Option<u64>,
        }
        #[derive(Deserialize)]
        struct ByType {
            float: Option<Vec<f32>>,
            binary: Option<Vec<i16>>,
        }
        let titan: Titan = serde_json::from_slice(body).map_err(unreadable)?;
        let by_type = titan.embeddings_by_type.unwrap_or(ByType { float: None, binary: None });
        if titan.embedding.is_none() && by_type.float.is_none() && by_type.binary.is_none() {
            return cohere::read(body);
        }
        let embedding = Embedding {
            floats: by_type.float.or(titan.embedding).unwrap_or_default(),
            integers: by_type.binary.map(|bits| (Encoding::Binary, bits)).into_iter().collect(),
        };
        Ok(EmbeddingAnswer {
            embeddings: vec![embedding],
            input_tokens: titan.input_text_token_count,
            ..EmbeddingAnswer::default()
        })
    }

    fn write_answer(&self, answer: &EmbeddingAnswer, asked: &EmbeddingRequest, id: &str) -> Vec<u8> {
        cohere::Cohere.write_answer(answer, asked, id)
    }
}

fn is_cohere(model: &str) -> bool {
    model.contains("cohere.")
}

/// One text, or one picture where the model is of those that see.
fn titan(request: &EmbeddingRequest, losses: &mut Losses, out: &mut Vec<u8>) -> Result<(), Fault> {
    unsaid(request, &[], losses);
    let sees = request.model.contains("embed-image");
    let image = match &request.inputs[..] {
        [Input::Image(_, data)] if sees => Some(data),
        _ => None,
    };
    let texts = if image.is_some() { Vec::new() } else { texts(request)? };
    let mut forms = Vec::new();
    for encoding in &request.encodings {
        match encoding {
            Encoding::Float | Encoding::Base64 => forms.push("float"),
            Encoding::Binary => forms.push("binary"),
            other => {
                return Err(invalid(format!(
                    "the provider of this model does not give vectors as `{}`",
                    cohere::word(*other)
                )));
            }
        }
    }
    forms.dedup();
    let second = request.model.contains("embed-text-v2");
    if request.dimensions.is_some() && !second && !sees {
        losses.changed("dimensions");
    }
    Writer::new(out).object(|w| {
        match image {
            Some(data) => w.member("inputImage", data),
            None => w.maybe("inputText", &texts.first()),
        }
        if sees {
            if let Some(dimensions) = &request.dimensions {
                w.name("embeddingConfig").object(|w| w.member("outputEmbeddingLength", dimensions));
            }
        } else if second {
            w.maybe("dimensions", &request.dimensions);
            if forms.contains(&"binary") {
                w.member("embeddingTypes", &forms);
            }
        }
    });
    Ok(())
}
