//! Questions with one answer that never comes as a stream: vectors, orders of documents, counts of tokens. What a caller
//! asks in one dialect is asked of a provider in another.
//!
//! Not for chats ([`Chat`](super::Chat)), nor for calls whose two sides speak the same: those bytes pass, and only
//! [`Exchange::watch`] looks at them.

use super::chat::{self, Incoming, Unreadable, Watch, Written};
use super::count::Count;
use super::embed::{self, Embed};
use super::rerank::{self, Rerank};
use crate::canon::embedding::{EmbeddingAnswer, EmbeddingRequest, Input};
use crate::canon::fields::{self, Target};
use crate::canon::rerank::{RerankAnswer, RerankRequest};
use crate::canon::{Losses, Mode, Request};
use crate::json::push::{Sink, Tokenizer};
use memchr::memmem;
use portcullis_fault::{Fault, codes};
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;
use std::borrow::Cow;

/// The format of a question and its answer.
#[derive(Clone, Copy, Debug)]
pub enum Exchange {
    /// Vectors.
    Embed(&'static dyn Embed),
    /// Documents in order.
    Rerank(&'static dyn Rerank),
    /// How many tokens.
    Count(&'static Count),
}

/// What is asked, whatever dialect it was asked in.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// Vectors.
    Embed(EmbeddingRequest),
    /// Documents in order.
    Rerank(RerankRequest),
    /// How many tokens.
    Count(Box<Request>),
}

/// What is answered, whatever dialect it was answered in.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Vectors.
    Embed(EmbeddingAnswer),
    /// Documents in order.
    Rerank(RerankAnswer),
    /// How many tokens.
    Count(u64),
}

/// Calls that one question may become: some models take one text at a time, and libraries send them by the dozen.
const CALLS: usize = 32;

impl Exchange {
    /// Whether this body may pass from a caller of this format to a provider of it.
    pub fn passes(&self, body: &[u8]) -> bool {
        match self {
            Self::Embed(embed) => embed.passes(),
            Self::Rerank(_) => true,
            // Names at the top are written without escapes: others were refused.
            Self::Count(count) => {
                !count.again.iter().any(|name| memmem::find(body, name.as_bytes()).is_some())
            }
        }
    }

    /// Whether the answer is paid for by tokens.
    pub fn uses_tokens(&self) -> bool {
        !matches!(self, Self::Count(_))
    }

    /// Reads a question. `ai_request_invalid`, with the member in question; `ai_request_ambiguous` for members that are
    /// there twice.
    pub fn read(&self, asked: &Incoming<'_>) -> Result<Question, Fault> {
        Ok(match self {
            Self::Embed(embed) => Question::Embed(embed.read_request(asked)?),
            Self::Rerank(rerank) => Question::Rerank(rerank.read_request(asked.body)?),
            Self::Count(count) => Question::Count(Box::new((count.read_request)(asked)?)),
        })
    }

    /// Looks at an answer whose bytes pass; `None` where it uses nothing.
    pub fn watch(&self) -> Option<Box<dyn Watch>> {
        self.uses_tokens().then(|| Box::new(Tally::default()) as Box<dyn Watch>)
    }
}

impl Question {
    /// Writes it to a provider that speaks `outbound` and knows the model as `model`. `ai_request_invalid` for what the
    /// target cannot be told and `mode` does not let go.
    pub fn write(&self, outbound: &Exchange, model: &str, mode: Mode) -> Result<(Written, Losses), Fault> {
        match (self, outbound) {
            (Self::Embed(request), Exchange::Embed(embed)) => embed::request(request, *embed, model, mode),
            (Self::Rerank(request), Exchange::Rerank(rerank)) => {
                rerank::request(request, *rerank, model, mode)
            }
            (Self::Count(request), Exchange::Count(count)) => counted(request, count, model, mode),
            _ => {
                Err(Fault::new(codes::INTERNAL)
                    .context("a question was to be asked in the format of another"))
            }
        }
    }

    /// The question in as many as a provider takes that makes vectors of so many texts at once; itself where it takes it,
    /// and where it would be too many.
    pub fn parts(&self, outbound: &Exchange, model: &str) -> Vec<Cow<'_, Self>> {
        if let (Self::Embed(asked), Exchange::Embed(embed)) = (self, outbound) {
            let most = embed.most(model).max(1);
            if asked.inputs.len() > most && asked.inputs.len().div_ceil(most) <= CALLS {
                let part = |inputs: &[Input]| {
                    let rest = EmbeddingRequest { inputs: Vec::new(), ..asked.clone() };
                    Cow::Owned(Self::Embed(EmbeddingRequest { inputs: inputs.to_vec(), ..rest }))
                };
                return asked.inputs.chunks(most).map(part).collect();
            }
        }
        vec![Cow::Borrowed(self)]
    }

    /// Reads a provider's answer with a status of success.
    pub fn hear(&self, outbound: &Exchange, body: &[u8]) -> Result<Reply, Unreadable> {
        match (self, outbound) {
            (Self::Embed(asked), Exchange::Embed(outbound)) => {
                embed::hear(*outbound, body, asked).map(Reply::Embed)
            }
            (Self::Rerank(asked), Exchange::Rerank(outbound)) => {
                rerank::hear(*outbound, body, asked).map(Reply::Rerank)
            }
            (Self::Count(_), Exchange::Count(outbound)) => (outbound.read_answer)(body).map(Reply::Count),
            _ => Err(Unreadable("the answer is one to another question".to_owned())),
        }
    }

    /// The answer in the caller's format, made of what its [parts](Self::parts) were answered, in order; and the tokens of
    /// the question, where they are said. `id`: ours, for an answer whose provider gives none.
    pub fn tell(
        &self,
        replies: Vec<Reply>,
        inbound: &Exchange,
        id: &str,
    ) -> Result<(Vec<u8>, Option<u64>), Unreadable> {
        let joined = replies.into_iter().reduce(Reply::join);
        match (self, joined, inbound) {
            (Self::Embed(asked), Some(Reply::Embed(answer)), Exchange::Embed(inbound)) => {
                Ok((inbound.write_answer(&answer, asked, id), answer.input_tokens))
            }
            (Self::Rerank(asked), Some(Reply::Rerank(answer)), Exchange::Rerank(inbound)) => {
                Ok((inbound.write_answer(&answer, asked, id), answer.tokens))
            }
            (Self::Count(_), Some(Reply::Count(tokens)), Exchange::Count(inbound)) => {
                Ok(((inbound.write_answer)(tokens), None))
            }
            _ => Err(Unreadable("the answer is one to another question".to_owned())),
        }
    }
}

impl Reply {
    /// One answer of two to parts of a question.
    fn join(self, next: Self) -> Self {
        match (self, next) {
            (Self::Embed(mut answer), Self::Embed(next)) => {
                answer.embeddings.extend(next.embeddings);
                let tokens = answer.input_tokens.zip(next.input_tokens);
                answer.input_tokens = tokens.map(|(some, more)| some.saturating_add(more));
                Self::Embed(answer)
            }
            // Nothing else has parts.
            (answer, _) => answer,
        }
    }
}

fn counted(request: &Request, count: &Count, model: &str, mode: Mode) -> Result<(Written, Losses), Fault> {
    let mut losses = Losses::default();
    let mut fitted = request.clone();
    model.clone_into(&mut fitted.model);
    if let Some(chat) = chat::find(count.chat) {
        let target = Target { dialect: chat.name(), says: chat.says(), cannot: chat.cannot() };
        fields::fit(&mut fitted, target, mode, &mut losses)?;
    }
    let written = (count.write_request)(&fitted, &mut losses)?;
    Ok((written, losses))
}

/// Finds what an answer says of the tokens that it used, wherever that stands.
#[derive(Default)]
struct Tally {
    tokenizer: Tokenizer,
    figures: Figures,
}

#[derive(Default)]
struct Figures {
    last: Option<Figure>,
    /// Of texts and of pictures, counted apart.
    parts: [Option<u64>; 2],
    total: Option<u64>,
}

#[derive(Clone, Copy)]
enum Figure {
    Part(usize),
    Total,
}

/// The names of figures.
const FIGURES: &[(&[u8], Figure)] = &[
    // Ollama.
    (b"prompt_eval_count", Figure::Total),
    // Jina, and whoever copied it.
    (b"total_tokens", Figure::Total),
    // Cohere.
    (b"input_tokens", Figure::Part(0)),
    (b"image_tokens", Figure::Part(1)),
];

impl Sink for Figures {
    fn name(&mut self, name: &[u8], _: u32) {
        self.last = FIGURES.iter().find(|(known, _)| *known == name).map(|(_, figure)| *figure);
    }

    fn open(&mut self, _: bool, _: u32) {
        self.last = None;
    }

    fn close(&mut self, _: u32) {}
    fn string(&mut self, _: u32) {}
    fn text(&mut self, _: &[u8]) {}

    fn scalar(&mut self, word: &[u8], _: u32) {
        let Some(figure) = self.last.take() else { return };
        // Some write whole numbers as doubles; a cast takes what is below zero for none.
        let number = std::str::from_utf8(word).ok().and_then(|word| word.parse::<f64>().ok());
        let Some(number) = number.map(|number| number as u64) else { return };
        match figure {
            Figure::Total => self.total = Some(number),
            // What is billed comes first, and again as what was read.
            Figure::Part(part) => {
                self.parts[part].get_or_insert(number);
            }
        }
    }
}

impl Watch for Tally {
    fn feed(&mut self, bytes: &[u8]) {
        self.tokenizer.feed(bytes, &mut self.figures);
    }

    fn is_complete(&self) -> bool {
        self.tokenizer.closed()
    }

    /// Of what is no JSON (compressed, unasked) nothing is known, nor that it was cut.
    fn may_end(&self) -> bool {
        self.tokenizer.closed() || self.tokenizer.broken()
    }

    fn is_failed(&self) -> bool {
        false
    }

    fn usage(&self) -> Option<Usage> {
        let parts = self.figures.parts.iter().flatten();
        let parts = parts.copied().reduce(u64::saturating_add);
        let input_tokens = self.figures.total.or(parts)?;
        Some(Usage { input_tokens, source: UsageSource::Reported, ..Usage::default() })
    }

    fn text_bytes(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::count;

    #[test]
    fn what_was_used_is_found_in_bytes_that_pass() {
        for (body, tokens) in [
            (r#"{"model":"m","embeddings":[[0.5,-1e3]],"prompt_eval_count":4}"#, Some(4)),
            (
                r#"{"id":"i","embeddings":{"float":[[1,2]]},"texts":["input_tokens","9"],"meta":{"billed_units":{"input_tokens":3.0,"image_tokens":2},"tokens":{"input_tokens":70}}}"#,
                Some(5),
            ),
            (r#"{"results":[{"index":0,"relevance_score":1}],"usage":{"total_tokens":9}}"#, Some(9)),
            (r#"{"results":[],"meta":{"billed_units":{"search_units":1}}}"#, None),
            (r#"{"total_tokens":[7],"input_tokens":{"a":8},"x":"\"total_tokens\":3"}"#, None),
        ] {
            let mut watch = Exchange::Embed(&embed::Cohere).watch().unwrap();
            body.as_bytes().chunks(3).for_each(|piece| watch.feed(piece));
            assert_eq!(watch.usage().map(|usage| usage.input_tokens), tokens, "{body}");
            assert!(watch.is_complete());
        }
        for (body, whole) in [(&b"{\"embeddings\":[1,"[..], false), (b"\x1f\x8b\x08", true)] {
            let mut watch = Exchange::Embed(&embed::Cohere).watch().unwrap();
            watch.feed(body);
            assert_eq!(watch.may_end(), whole, "{body:?}");
        }
        assert!(Exchange::Count(&count::GEMINI).watch().is_none());
    }

    #[test]
    fn a_count_is_fitted_like_a_chat() {
        let (inbound, outbound) = (Exchange::Count(&count::ANTHROPIC), Exchange::Count(&count::GEMINI));
        let body = br#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}"#;
        let question = inbound.read(&Incoming { model: None, stream: None, body }).unwrap();
        let (written, losses) = question.write(&outbound, "g", Mode::Drop).unwrap();
        assert_eq!((&*written.path, &*losses.text()), ("/models/g:countTokens", "cache"));
        // It names the model.
        assert!(!outbound.passes(&written.body) && outbound.passes(br#"{"contents":[]}"#));
        assert!(inbound.passes(body));
        assert!(question.write(&outbound, "g", Mode::Strict).is_err());
        let reply = question.hear(&outbound, br#"{"totalTokens":31}"#).unwrap();
        let told = question.tell(vec![reply], &inbound, "c").unwrap();
        assert_eq!(told, (br#"{"input_tokens":31}"#.to_vec(), None));
    }

    #[test]
    fn more_texts_than_fit_go_in_several_calls() {
        let (inbound, outbound) = (Exchange::Embed(&embed::OpenAi), Exchange::Embed(&embed::Bedrock));
        let body = br#"{"model":"m","input":["one","two","three"]}"#;
        let question = inbound.read(&Incoming { model: None, stream: None, body }).unwrap();
        let titan = "amazon.titan-embed-text-v2:0";
        let parts = question.parts(&outbound, titan);
        let bodies: Vec<_> =
            parts.iter().map(|part| part.write(&outbound, titan, Mode::Drop).unwrap().0.body).collect();
        assert_eq!(
            bodies,
            [&br#"{"inputText":"one"}"#[..], br#"{"inputText":"two"}"#, br#"{"inputText":"three"}"#]
        );
        let answers = [
            &br#"{"embedding":[1],"inputTextTokenCount":3}"#[..],
            br#"{"embedding":[2],"inputTextTokenCount":4}"#,
            br#"{"embedding":[3],"inputTextTokenCount":5}"#,
        ];
        let replies: Vec<_> =
            parts.iter().zip(answers).map(|(part, body)| part.hear(&outbound, body).unwrap()).collect();
        let (told, tokens) = question.tell(replies, &inbound, "c").unwrap();
        let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
        assert_eq!((&told["data"][2]["embedding"], tokens), (&serde_json::json!([3.0]), Some(12)));
        assert_eq!(question.parts(&outbound, "cohere.embed-v4:0").len(), 1);
        // A book is not sent word by word.
        let Question::Embed(asked) = &question else { panic!() };
        let book =
            Question::Embed(EmbeddingRequest { inputs: vec![asked.inputs[0].clone(); 33], ..asked.clone() });
        let [whole] = &book.parts(&outbound, titan)[..] else { panic!() };
        assert!(whole.write(&outbound, titan, Mode::Drop).unwrap_err().public_detail().contains("at most 1"));
    }

    #[test]
    fn another_question_is_no_way_out() {
        let question = Question::Rerank(RerankRequest::default());
        let vectors = Exchange::Embed(&embed::OpenAi);
        assert!(question.write(&vectors, "m", Mode::Drop).is_err());
        assert!(question.hear(&vectors, b"{}").is_err());
        assert!(question.tell(vec![Reply::Count(1)], &vectors, "c").is_err());
        assert!(question.tell(Vec::new(), &vectors, "c").is_err());
    }
}
