//! OpenAI's `POST /embeddings`, which most vendors have copied.

use super::{Embed, floats_only, natives, texts, unsaid};
use crate::canon::Losses;
use crate::canon::embedding::{Embedding, EmbeddingAnswer, EmbeddingRequest, Encoding, Input};
use crate::dialect::chat::{Incoming, Unreadable, Written};
use crate::json::tree::{self, Node, Path, Tree, invalid, typed};
use crate::json::write::Writer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_fault::Fault;
use serde::Deserialize;

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct OpenAi;

impl Embed for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn most(&self, _: &str) -> usize {
        2048
    }

    fn read_request(&self, asked: &Incoming<'_>) -> Result<EmbeddingRequest, Fault> {
        let mut body = tree::read(asked.body)?;
        let mut request =
            EmbeddingRequest { model: body.need_string("model")?, ..EmbeddingRequest::default() };
        let Some(input) = body.take("input") else { return Err(body.missing("input")) };
        request.single = matches!(input.tree, Tree::String(_));
        request.inputs = inputs(input)?;
        request.dimensions = small(body.count("dimensions")?, "dimensions")?;
        request.user = body.string("user")?;
        request.encodings = match body.string("encoding_format")?.as_deref() {
            None => Vec::new(),
            Some("float") => vec![Encoding::Float],
            Some("base64") => vec![Encoding::Base64],
            Some(_) => return Err(body.wrong("encoding_format", "`float` or `base64`")),
        };
        natives(&mut request, "openai", body);
        Ok(request)
    }

    fn write_request(&self, request: &EmbeddingRequest, losses: &mut Losses) -> Result<Written, Fault> {
        floats_only(request)?;
        unsaid(request, &["user"], losses);
        let tokens: Option<Vec<&Vec<u32>>> = request
            .inputs
            .iter()
            .map(|input| match input {
                Input::Tokens(tokens) => Some(tokens),
                _ => None,
            })
            .collect();
        let texts = if tokens.is_some() { Vec::new() } else { texts(request)? };
        let mut body = Vec::new();
        Writer::new(&mut body).object(|w| {
            w.member("model", &request.model);
            match tokens {
                Some(tokens) => w.member("input", &tokens),
                None => w.member("input", &texts),
            }
            // Of the two forms that say the same the short one is asked for; the caller's is made of it.
            w.member("encoding_format", if request.wants(Encoding::Base64) { "base64" } else { "float" });
            w.maybe("dimensions", &request.dimensions);
            w.maybe("user", &request.user);
            request.native.iter().for_each(|native| w.member(&native.name, &native.value));
        });
        Ok(Written { path: "/embeddings".to_owned(), query: "", headers: Vec::new(), body })
    }

    fn read_answer(&self, body: &[u8]) -> Result<EmbeddingAnswer, Unreadable> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            #[serde(default)]
            model: String,
            #[serde(borrow)]
            data: Vec<Datum<'a>>,
            usage: Option<Usage>,
        }
        #[derive(Deserialize)]
        struct Datum<'a> {
            index: Option<usize>,
            #[serde(borrow)]
            embedding: Vector<'a>,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Vector<'a> {
            Base64(#[serde(borrow)] std::borrow::Cow<'a, str>),
            Floats(Vec<f32>),
        }
        #[derive(Deserialize)]
        struct Usage {
            prompt_tokens: Option<u64>,
            total_tokens: Option<u64>,
        }
        let answer: Answer<'_> = serde_json::from_slice(body).map_err(unreadable)?;
        let mut data = answer.data;
        // Some give them in the order in which they were ready.
        data.sort_by_key(|datum| datum.index);
        let embeddings = data.into_iter().map(|datum| {
            let floats = match datum.embedding {
                Vector::Floats(floats) => floats,
                Vector::Base64(text) => of_base64(&text)
                    .ok_or_else(|| Unreadable("a vector is not base64 of 32-bit numbers".to_owned()))?,
            };
            Ok(Embedding { floats, ..Embedding::default() })
        });
        Ok(EmbeddingAnswer {
            id: String::new(),
            model: answer.model,
            embeddings: embeddings.collect::<Result<_, _>>()?,
            input_tokens: answer.usage.and_then(|usage| usage.prompt_tokens.or(usage.total_tokens)),
        })
    }

    fn write_answer(&self, answer: &EmbeddingAnswer, asked: &EmbeddingRequest, _: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let packed = asked.wants(Encoding::Base64);
        Writer::new(&mut out).object(|w| {
            w.member("object", "list");
            w.name("data").array(|w| {
                for (index, embedding) in answer.embeddings.iter().enumerate() {
                    w.object(|w| {
                        w.member("object", "embedding");
                        w.member("index", &index);
                        if packed {
                            w.member("embedding", &to_base64(&embedding.floats));
                        } else {
                            w.member("embedding", &embedding.floats);
                        }
                    });
                }
            });
            w.member("model", if answer.model.is_empty() { &asked.model } else { &answer.model });
            let tokens = answer.input_tokens.unwrap_or_default();
            w.name("usage").object(|w| {
                w.member("prompt_tokens", &tokens);
                w.member("total_tokens", &tokens);
            });
        });
        out
    }
}

/// A text, tokens, or a list of either.
fn inputs(input: Node<'_>) -> Result<Vec<Input>, Fault> {
    let root = Path::Root;
    let at = Path::Member(&root, "input");
    let wanted = "a text, a list of texts, tokens, or a list of tokens";
    let items = match input.tree {
        Tree::String(text) => return Ok(vec![Input::Text(text.into_owned())]),
        Tree::Array(items) => items,
        _ => return Err(typed(&at, wanted)),
    };
    if items.is_empty() {
        return Err(invalid("member `input` is empty; there is nothing to make vectors of"));
    }
    if items[0].tree == Tree::Number {
        return Ok(vec![Input::Tokens(tokens(items, &at)?)]);
    }
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| {
            let at = Path::Item(&at, index);
            match item.tree {
                Tree::String(text) => Ok(Input::Text(text.into_owned())),
                Tree::Array(items) => tokens(items, &at).map(Input::Tokens),
                _ => Err(typed(&at, "a text or a list of tokens")),
            }
        })
        .collect()
}

fn tokens(items: Vec<Node<'_>>, at: &Path<'_>) -> Result<Vec<u32>, Fault> {
    items.iter().map(|item| item.raw.parse().map_err(|_| typed(at, "a list of tokens"))).collect()
}

/// A number of dimensions.
pub(in super::super) fn small(number: Option<u64>, name: &str) -> Result<Option<u32>, Fault> {
    let number = number.map(u32::try_from).transpose();
    number.map_err(|_| invalid(format!("member `{name}` must be a smaller number")))
}

/// What a reader has against an answer.
pub(in super::super) fn unreadable(error: serde_json::Error) -> Unreadable {
    Unreadable(format!("the answer is not what it should be: {error}"))
}

/// Little-endian 32-bit numbers in base64.
pub(super) fn to_base64(floats: &[f32]) -> String {
    let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

/// And back.
pub(super) fn of_base64(text: &str) -> Option<Vec<f32>> {
    let bytes = STANDARD.decode(text).ok()?;
    let (floats, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| floats.iter().map(|float| f32::from_le_bytes(*float)).collect())
}
