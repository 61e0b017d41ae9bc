//! Cohere's `POST /v2/embed`, and `POST /v1/embed` of callers whose libraries have not moved on.

use super::openai::{of_base64, small, to_base64, unreadable};
use super::{Embed, natives, texts, unsaid};
use crate::canon::Losses;
use crate::canon::embedding::{
    Embedding, EmbeddingAnswer, EmbeddingRequest, Encoding, Input, Purpose, Truncate,
};
use crate::dialect::chat::{Incoming, Unreadable, Written};
use crate::json::tree::{self, Object, Path, invalid, typed};
use crate::json::write::Writer;
use portcullis_fault::Fault;
use serde::Deserialize;

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Cohere;

/// Version 1: what the vectors are for need not be said, and who names no form of them gets them bare. Providers are asked
/// in version 2.
#[derive(Clone, Copy, Debug)]
pub struct CohereOne;

const PURPOSES: &[(Purpose, &str)] = &[
    (Purpose::Query, "search_query"),
    (Purpose::Document, "search_document"),
    (Purpose::Classification, "classification"),
    (Purpose::Clustering, "clustering"),
];

const ENCODINGS: &[(Encoding, &str)] = &[
    (Encoding::Float, "float"),
    (Encoding::Base64, "base64"),
    (Encoding::Int8, "int8"),
    (Encoding::Uint8, "uint8"),
    (Encoding::Binary, "binary"),
    (Encoding::Ubinary, "ubinary"),
];

/// The form's name, as others have taken it over.
pub(super) fn word(encoding: Encoding) -> &'static str {
    ENCODINGS.iter().find(|(known, _)| *known == encoding).map_or("float", |(_, word)| word)
}

/// What the vectors are for: it must be said. What is not known here is the nearest thing.
pub(super) fn purpose(request: &EmbeddingRequest, losses: &mut Losses) -> &'static str {
    let (nearest, exact) = match request.purpose {
        Some(Purpose::QuestionAnswering | Purpose::FactVerification | Purpose::CodeQuery) => {
            (Purpose::Query, false)
        }
        Some(Purpose::Similarity) => (Purpose::Clustering, false),
        Some(purpose) => (purpose, true),
        None => (Purpose::Document, false),
    };
    let word =
        PURPOSES.iter().find(|(known, _)| *known == nearest).map_or("search_document", |(_, word)| word);
    if !exact {
        losses.changed(format!("input_type={word}"));
    }
    word
}

impl Embed for Cohere {
    fn name(&self) -> &'static str {
        "cohere"
    }

    fn most(&self, _: &str) -> usize {
        96
    }

    fn read_request(&self, asked: &Incoming<'_>) -> Result<EmbeddingRequest, Fault> {
        let mut body = tree::read(asked.body)?;
        let purpose = body.need_string("input_type")?;
        asked_for(body, Some(purpose))
    }

    fn write_request(&self, request: &EmbeddingRequest, losses: &mut Losses) -> Result<Written, Fault> {
        unsaid(request, &["purpose", "truncate"], losses);
        let mut body = Vec::new();
        let written = write(request, losses)?;
        Writer::new(&mut body).object(|w| {
            w.member("model", &request.model);
            written(w);
            request.native.iter().for_each(|native| w.member(&native.name, &native.value));
        });
        Ok(Written { path: "/v2/embed".to_owned(), query: "", headers: Vec::new(), body })
    }

    fn read_answer(&self, body: &[u8]) -> Result<EmbeddingAnswer, Unreadable> {
        read(body)
    }

    fn write_answer(&self, answer: &EmbeddingAnswer, asked: &EmbeddingRequest, id: &str) -> Vec<u8> {
        let mut out = Vec::new();
        Writer::new(&mut out).object(|w| {
            w.member("response_type", "embeddings_by_type");
            w.member("id", if answer.id.is_empty() { id } else { &answer.id });
            w.name("embeddings").object(|w| {
                for (encoding, word) in ENCODINGS.iter().filter(|(encoding, _)| asked.wants(*encoding)) {
                    w.name(word).array(|w| {
                        for embedding in &answer.embeddings {
                            match encoding {
                                Encoding::Float => w.value(&embedding.floats),
                                Encoding::Base64 => w.value(&to_base64(&embedding.floats)),
                                _ => {
                                    let form = embedding.integers.iter().find(|(known, _)| known == encoding);
                                    w.value(form.map_or(&[][..], |(_, numbers)| numbers));
                                }
                            }
                        }
                    });
                }
            });
            rest(w, answer, asked, "2");
        });
        out
    }
}

impl Embed for CohereOne {
    fn name(&self) -> &'static str {
        Cohere.name()
    }

    fn most(&self, model: &str) -> usize {
        Cohere.most(model)
    }

    fn read_request(&self, asked: &Incoming<'_>) -> Result<EmbeddingRequest, Fault> {
        let mut body = tree::read(asked.body)?;
        let purpose = body.string("input_type")?;
        asked_for(body, purpose)
    }

    fn write_request(&self, request: &EmbeddingRequest, losses: &mut Losses) -> Result<Written, Fault> {
        Cohere.write_request(request, losses)
    }

    fn read_answer(&self, body: &[u8]) -> Result<EmbeddingAnswer, Unreadable> {
        read(body)
    }

    fn write_answer(&self, answer: &EmbeddingAnswer, asked: &EmbeddingRequest, id: &str) -> Vec<u8> {
        if !asked.encodings.is_empty() {
            return Cohere.write_answer(answer, asked, id);
        }
        let mut out = Vec::new();
        Writer::new(&mut out).object(|w| {
            w.member("response_type", "embeddings_floats");
            w.member("id", if answer.id.is_empty() { id } else { &answer.id });
            w.name("embeddings")
                .array(|w| answer.embeddings.iter().for_each(|embedding| w.value(&embedding.floats)));
            rest(w, answer, asked, "1");
        });
        out
    }
}

/// What both versions ask for; `purpose`: `input_type`.
fn asked_for(mut body: Object<'_, '_>, purpose: Option<String>) -> Result<EmbeddingRequest, Fault> {
    let mut request = EmbeddingRequest { model: body.need_string("model")?, ..EmbeddingRequest::default() };
    request.inputs = inputs(&mut body)?;
    request.purpose = match purpose.as_deref() {
        None | Some("image") => None,
        Some(word) => {
            let known = PURPOSES.iter().find(|(_, known)| *known == word);
            Some(known.ok_or_else(|| body.wrong("input_type", "an input type that is known"))?.0)
        }
    };
    for word in body.strings("embedding_types")?.unwrap_or_default() {
        let known = ENCODINGS.iter().find(|(_, known)| *known == word);
        request
            .encodings
            .push(known.ok_or_else(|| body.wrong("embedding_types", "a list of types that are known"))?.0);
    }
    request.dimensions = small(body.count("output_dimension")?, "output_dimension")?;
    request.truncate = match body.string("truncate")?.as_deref() {
        None => None,
        Some("NONE") => Some(Truncate::None),
        Some("START") => Some(Truncate::Start),
        Some("END") => Some(Truncate::End),
        Some(_) => return Err(body.wrong("truncate", "`NONE`, `START` or `END`")),
    };
    natives(&mut request, "cohere", body);
    Ok(request)
}

/// What answers have beside vectors.
fn rest(w: &mut Writer<'_>, answer: &EmbeddingAnswer, asked: &EmbeddingRequest, version: &str) {
    let texts: Vec<_> = asked
        .inputs
        .iter()
        .filter_map(|input| match input {
            Input::Text(text) => Some(text),
            _ => None,
        })
        .collect();
    w.member("texts", &texts);
    w.name("meta").object(|w| {
        w.name("api_version").object(|w| w.member("version", version));
        if let Some(tokens) = answer.input_tokens {
            w.name("billed_units").object(|w| w.member("input_tokens", &tokens));
        }
    });
}

/// `texts`, `images` (data URLs), or `inputs` of one part each.
fn inputs(body: &mut Object<'_, '_>) -> Result<Vec<Input>, Fault> {
    let mut inputs: Vec<_> =
        body.strings("texts")?.unwrap_or_default().into_iter().map(Input::Text).collect();
    for url in body.strings("images")?.unwrap_or_default() {
        inputs.push(image(&url)?);
    }
    let list = body.list("inputs")?.unwrap_or_default();
    let root = Path::Root;
    let list_at = Path::Member(&root, "inputs");
    for (index, node) in list.into_iter().enumerate() {
        let at = Path::Item(&list_at, index);
        let mut parts = node.object(at)?.list("content")?.unwrap_or_default();
        let (Some(part), true) = (parts.pop(), parts.is_empty()) else {
            return Err(typed(&at, "an object with one part in its `content`"));
        };
        let mut part = part.object(at)?;
        match part.need_string("type")?.as_str() {
            "text" => inputs.push(Input::Text(part.need_string("text")?)),
            "image_url" => {
                let Some(url) = part.take("image_url") else { return Err(part.missing("image_url")) };
                inputs.push(image(&url.object(at)?.need_string("url")?)?);
            }
            _ => return Err(part.wrong("type", "`text` or `image_url`")),
        }
    }
    if inputs.is_empty() {
        return Err(invalid("none of `texts`, `images` and `inputs` has anything to make vectors of"));
    }
    Ok(inputs)
}

fn image(url: &str) -> Result<Input, Fault> {
    let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let (mime, data) = data.ok_or_else(|| invalid("an image must be a data URL in base64"))?;
    Ok(Input::Image(mime.to_owned(), data.to_owned()))
}

/// The members that are the same at Cohere's and at Bedrock.
pub(super) fn write<'r>(
    request: &'r EmbeddingRequest,
    losses: &mut Losses,
) -> Result<impl FnOnce(&mut Writer<'_>) + use<'r>, Fault> {
    let images = request.inputs.iter().any(|input| matches!(input, Input::Image(..)));
    let texts = if images { Vec::new() } else { texts(request)? };
    if request.inputs.iter().any(|input| matches!(input, Input::Tokens(_))) {
        super::texts(request)?;
    }
    let purpose = if images { "image" } else { purpose(request, losses) };
    Ok(move |w: &mut Writer<'_>| {
        w.member("input_type", purpose);
        if images {
            w.name("inputs").array(|w| {
                for input in &request.inputs {
                    w.object(|w| w.name("content").array(|w| w.object(|w| one(w, input))));
                }
            });
        } else {
            w.member("texts", &texts);
        }
        // What Cohere calls base64 is made of its numbers here, so that both are the same to the bit.
        let mut words: Vec<_> = request
            .encodings
            .iter()
            .map(|encoding| if *encoding == Encoding::Base64 { "float" } else { word(*encoding) })
            .collect();
        words.dedup();
        if words.is_empty() {
            words.push("float");
        }
        w.member("embedding_types", &words);
        w.maybe("output_dimension", &request.dimensions);
        let truncate = request.truncate.map(|truncate| match truncate {
            Truncate::None => "NONE",
            Truncate::Start => "START",
            Truncate::End => "END",
        });
        w.maybe("truncate", &truncate);
    })
}

fn one(w: &mut Writer<'_>, input: &Input) {
    match input {
        Input::Text(text) => {
            w.member("type", "text");
            w.member("text", text);
        }
        Input::Image(mime, data) => {
            w.member("type", "image_url");
            w.name("image_url").object(|w| w.member("url", &format!("data:{mime};base64,{data}")));
        }
        Input::Tokens(_) => {}
    }
}

/// Reads an answer: vectors by type, or as older models of Bedrock have them.
pub(super) fn read(body: &[u8]) -> Result<EmbeddingAnswer, Unreadable> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        id: String,
        embeddings: Forms,
        meta: Option<Meta>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Forms {
        Plain(Vec<Vec<f32>>),
        ByType(Box<ByType>),
    }
    #[derive(Deserialize)]
    struct ByType {
        float: Option<Vec<Vec<f32>>>,
        base64: Option<Vec<String>>,
        int8: Option<Vec<Vec<i16>>>,
        uint8: Option<Vec<Vec<i16>>>,
        binary: Option<Vec<Vec<i16>>>,
        ubinary: Option<Vec<Vec<i16>>>,
    }
    #[derive(Deserialize)]
    struct Meta {
        billed_units: Option<Billed>,
    }
    #[derive(Deserialize)]
    struct Billed {
        input_tokens: Option<f64>,
        image_tokens: Option<f64>,
    }
    let answer: Answer = serde_json::from_slice(body).map_err(unreadable)?;
    let mut embeddings: Vec<Embedding> = Vec::new();
    let mut add = |floats: Vec<Vec<f32>>| {
        embeddings = floats.into_iter().map(|floats| Embedding { floats, ..Embedding::default() }).collect();
    };
    match answer.embeddings {
        Forms::Plain(floats) => add(floats),
        Forms::ByType(forms) => {
            let packed = forms.base64.unwrap_or_default();
            let unpacked: Option<Vec<_>> = packed.iter().map(|text| of_base64(text)).collect();
            let unpacked =
                unpacked.ok_or_else(|| Unreadable("a vector is not base64 of 32-bit numbers".to_owned()))?;
            add(forms.float.unwrap_or(unpacked));
            for (encoding, vectors) in [
                (Encoding::Int8, forms.int8),
                (Encoding::Uint8, forms.uint8),
                (Encoding::Binary, forms.binary),
                (Encoding::Ubinary, forms.ubinary),
            ] {
                let vectors = vectors.unwrap_or_default();
                if embeddings.len() < vectors.len() {
                    embeddings.resize_with(vectors.len(), Embedding::default);
                }
                for (embedding, numbers) in embeddings.iter_mut().zip(vectors) {
                    embedding.integers.push((encoding, numbers));
                }
            }
        }
    }
    // Counts are written as doubles; the cast takes what is below zero for none.
    let billed = answer.meta.and_then(|meta| meta.billed_units);
    let tokens = billed.and_then(|billed| match (billed.input_tokens, billed.image_tokens) {
        (None, None) => None,
        (texts, images) => Some((texts.unwrap_or_default() + images.unwrap_or_default()) as u64),
    });
    Ok(EmbeddingAnswer { id: answer.id, model: String::new(), embeddings, input_tokens: tokens })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_says_less_and_gets_less() {
        let read = |body: &str| {
            CohereOne.read_request(&Incoming { model: None, stream: None, body: body.as_bytes() }).unwrap()
        };
        let answer = read_answer();
        let bare = read(r#"{"model":"m","texts":["one"]}"#);
        assert_eq!(
            String::from_utf8(CohereOne.write_answer(&answer, &bare, "c")).unwrap(),
            r#"{"response_type":"embeddings_floats","id":"c","embeddings":[[0.5]],"texts":["one"],"meta":{"api_version":{"version":"1"},"billed_units":{"input_tokens":3}}}"#
        );
        let formed =
            read(r#"{"model":"m","texts":["one"],"input_type":"clustering","embedding_types":["float"]}"#);
        assert_eq!(formed.purpose, Some(Purpose::Clustering));
        let written = String::from_utf8(CohereOne.write_answer(&answer, &formed, "c")).unwrap();
        assert!(written.contains(r#""embeddings":{"float":[[0.5]]}"#), "{written}");
        let written = CohereOne.write_request(&bare, &mut Losses::default()).unwrap();
        assert_eq!(written.path, "/v2/embed");
    }

    fn read_answer() -> EmbeddingAnswer {
        CohereOne
            .read_answer(br#"{"embeddings":[[0.5]],"meta":{"billed_units":{"input_tokens":3}}}"#)
            .unwrap()
    }
}
