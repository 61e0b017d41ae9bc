//! What an answer, or one event of a streamed answer, says: usage, whether it has choices, errors, how much text.

use crate::json::push::{Sink, Tokenizer};
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;

/// Reads one JSON document after another, each fed in pieces.
#[derive(Debug, Default)]
pub(super) struct Reader {
    tokenizer: Tokenizer,
    facts: Facts,
}

impl Reader {
    /// Takes the next bytes of the document.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.tokenizer.feed(bytes, &mut self.facts);
    }

    /// Another document begins; what earlier ones said in sum stays.
    pub(super) fn next_document(&mut self) {
        self.tokenizer = Tokenizer::default();
        self.facts.document = Document::default();
    }

    /// Whether the document is complete.
    pub(super) fn closed(&self) -> bool {
        self.tokenizer.closed() && !self.tokenizer.broken()
    }

    /// Whether the document is no JSON that we could read.
    pub(super) fn broken(&self) -> bool {
        self.tokenizer.broken()
    }

    /// Whether the document carries usage and nothing else that a caller would miss: `"choices": []` and `"usage": {…}`.
    pub(super) fn usage_only(&self) -> bool {
        let document = &self.facts.document;
        self.closed() && document.choices == Choices::Empty && document.usage && !document.error
    }

    /// Whether it is certain already that the document will not turn out [`usage_only`](Self::usage_only).
    pub(super) fn not_usage_only(&self) -> bool {
        let document = &self.facts.document;
        self.broken() || document.choices == Choices::Filled || document.error
    }

    /// Whether the document has an `error`.
    pub(super) fn error(&self) -> bool {
        self.facts.document.error
    }

    /// What was said in sum.
    pub(super) fn totals(&self) -> &Totals {
        &self.facts.totals
    }
}

/// Over all documents.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// As last reported.
    pub(super) usage: Option<Usage>,
    /// A choice came to its end.
    pub(super) finished: bool,
    /// Bytes of generated text.
    pub(super) text_bytes: u64,
}

#[derive(Debug, Default)]
struct Facts {
    document: Document,
    totals: Totals,
}

#[derive(Debug, Default)]
struct Document {
    /// The last name in the outermost object.
    top: Name,
    /// The last name anywhere.
    last: Name,
    choices: Choices,
    usage: bool,
    error: bool,
    /// The usage object that is being read: the depth of its members, and the figures so far.
    reading: Option<(u32, Figures)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Choices {
    #[default]
    Unseen,
    Empty,
    Filled,
}

/// Names that mean something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Name {
    #[default]
    Other,
    Choices,
    Usage,
    Error,
    FinishReason,
    /// Generated text: what the estimate counts.
    Text,
    Input,
    Output,
    Total,
    Cached,
    CachedByVendor,
    Reasoning,
}

const NAMES: &[(&[u8], Name)] = &[
    (b"choices", Name::Choices),
    (b"usage", Name::Usage),
    (b"error", Name::Error),
    (b"finish_reason", Name::FinishReason),
    (b"content", Name::Text),
    (b"text", Name::Text),
    (b"arguments", Name::Text),
    (b"refusal", Name::Text),
    (b"reasoning", Name::Text),
    (b"reasoning_content", Name::Text),
    (b"prompt_tokens", Name::Input),
    (b"input_tokens", Name::Input),
    (b"completion_tokens", Name::Output),
    (b"output_tokens", Name::Output),
    (b"total_tokens", Name::Total),
    (b"cached_tokens", Name::Cached),
    (b"prompt_cache_hit_tokens", Name::CachedByVendor), // DeepSeek, beside the totals
    (b"reasoning_tokens", Name::Reasoning),
];

#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: u64,
    reasoning: u64,
}

impl Figures {
    fn usage(self) -> Option<Usage> {
        let input_tokens = self.input.or(self.total)?;
        Some(Usage {
            input_tokens,
            // Embeddings report no output, only a total that equals the input.
            output_tokens: self
                .output
                .unwrap_or_else(|| self.total.map_or(0, |total| total.saturating_sub(input_tokens))),
            cached_input_tokens: self.cached,
            reasoning_tokens: self.reasoning,
            source: UsageSource::Reported,
            ..Usage::default()
        })
    }
}

impl Document {
    /// Anything within `choices` fills it.
    fn element(&mut self, depth: u32) {
        if depth >= 2 && self.top == Name::Choices {
            self.choices = Choices::Filled;
        }
    }
}

impl Sink for Facts {
    fn name(&mut self, name: &[u8], depth: u32) {
        let name = NAMES.iter().find(|(known, _)| *known == name).map_or(Name::Other, |(_, name)| *name);
        self.document.last = name;
        if depth == 1 {
            self.document.top = name;
        }
    }

    fn open(&mut self, object: bool, depth: u32) {
        let document = &mut self.document;
        document.element(depth);
        match (document.top, object) {
            (Name::Error, _) if depth == 1 => document.error = true,
            (Name::Choices, false) if depth == 1 && document.choices == Choices::Unseen => {
                document.choices = Choices::Empty
            }
            _ => {}
        }
        // At the top, or within a choice (Moonshot).
        let place = depth == 1 || depth == 3 && document.top == Name::Choices;
        if object && place && document.last == Name::Usage && document.reading.is_none() {
            document.reading = Some((depth + 1, Figures::default()));
        }
    }

    fn close(&mut self, depth: u32) {
        if let Some((inside, figures)) = self.document.reading
            && depth + 1 == inside
        {
            self.document.reading = None;
            self.document.usage |= depth == 1;
            self.totals.usage = figures.usage().or(self.totals.usage);
        }
    }

    fn string(&mut self, depth: u32) {
        let document = &mut self.document;
        document.element(depth);
        document.error |= depth == 1 && document.top == Name::Error;
        self.totals.finished |=
            depth == 3 && document.top == Name::Choices && document.last == Name::FinishReason;
    }

    fn text(&mut self, bytes: &[u8]) {
        if self.document.last == Name::Text && self.document.top == Name::Choices {
            self.totals.text_bytes = self.totals.text_bytes.saturating_add(bytes.len() as u64);
        }
    }

    fn scalar(&mut self, word: &[u8], depth: u32) {
        let document = &mut self.document;
        document.element(depth);
        document.error |= depth == 1 && document.top == Name::Error && word != b"null";
        let Some((inside, figures)) = &mut document.reading else { return };
        let Some(number) = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()) else { return };
        match (document.last, depth.saturating_sub(*inside)) {
            (Name::Input, 0) => figures.input = Some(number),
            (Name::Output, 0) => figures.output = Some(number),
            (Name::Total, 0) => figures.total = Some(number),
            (Name::CachedByVendor, 0) | (Name::Cached, 1) => figures.cached = number,
            (Name::Reasoning, 1) => figures.reasoning = number,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &str) -> Reader {
        let mut reader = Reader::default();
        reader.feed(document.as_bytes());
        reader
    }

    fn figures(document: &str) -> Option<(u64, u64, u64, u64)> {
        let usage = read(document).totals().usage?;
        assert_eq!(usage.source, UsageSource::Reported);
        Some((usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.reasoning_tokens))
    }

    #[test]
    fn figures_of_many_vendors() {
        for (document, expected) in [
            (
                r#"{"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":5}}}"#,
                Some((9, 12, 4, 5)),
            ),
            (r#"{"object":"list","usage":{"prompt_tokens":8,"total_tokens":8}}"#, Some((8, 0, 0, 0))),
            (r#"{"usage":{"total_tokens":7}}"#, Some((7, 0, 0, 0))),
            (r#"{"usage":{"input_tokens":3,"output_tokens":4}}"#, Some((3, 4, 0, 0))),
            (
                r#"{"usage":{"prompt_tokens":9,"completion_tokens":1,"prompt_cache_hit_tokens":6,"prompt_cache_miss_tokens":3}}"#,
                Some((9, 1, 6, 0)),
            ),
            (
                r#"{"choices":[{"index":0,"usage":{"prompt_tokens":2,"completion_tokens":3}}]}"#,
                Some((2, 3, 0, 0)),
            ),
            (r#"{"usage":null}"#, None),
            (r#"{"usage":{}}"#, None),
            (r#"{"usage":{"prompt_tokens":-1,"completion_tokens":1e3}}"#, None),
            (r#"{"usage":{"prompt_tokens":9"#, None),
            (r#"{"choices":[{"message":{"content":"{\"usage\":{\"prompt_tokens\":9}}"}}]}"#, None),
            (r#"{"metadata":{"usage":{"prompt_tokens":9}}}"#, None),
        ] {
            assert_eq!(figures(document), expected, "{document}");
        }
    }

    #[test]
    fn usage_only_chunks() {
        let usage = r#""usage":{"prompt_tokens":1,"completion_tokens":1}"#;
        assert!(read(&format!("{{\"choices\":[],{usage}}}")).usage_only());
        assert!(read(&format!("{{{usage},\"choices\" : [ ] }}")).usage_only());
        for other in [
            format!("{{\"choices\":[{{}}],{usage}}}"),
            format!("{{\"choices\":[1],{usage}}}"),
            format!("{{\"choices\":[[]],{usage}}}"),
            format!("{{\"choices\":[],\"error\":{{}},{usage}}}"),
            format!("{{\"choices\":[],\"error\":\"x\",{usage}}}"),
            format!("{{\"choices\":[],{usage}"),
            format!("{{{usage}}}"),
            "{\"choices\":[],\"usage\":null,\"prompt_filter_results\":[]}".to_owned(),
            "{\"choices\":[]}".to_owned(),
        ] {
            assert!(!read(&other).usage_only(), "{other}");
        }
        assert!(read("{\"choices\":[{").not_usage_only());
        assert!(!read("{\"choices\":[").not_usage_only());
    }

    #[test]
    fn text_is_what_was_generated() {
        let bytes = |document: &str| read(document).totals().text_bytes;
        assert_eq!(
            bytes(r#"{"id":"abc","choices":[{"delta":{"role":"assistant","content":"héllo\n"}}]}"#),
            7
        );
        assert_eq!(
            bytes(
                r#"{"choices":[{"delta":{"tool_calls":[{"id":"x","function":{"name":"f","arguments":"{\"a\"}"}}]}}]}"#
            ),
            5
        );
        assert_eq!(bytes(r#"{"choices":[{"text":"abc","logprobs":{"tokens":["abc"]}}]}"#), 3);
        assert_eq!(
            bytes(r#"{"choices":[{"delta":{"content":"a"},"logprobs":{"content":[{"token":"a"}]}}]}"#),
            1
        );
        assert!(read(r#"{"choices":[{"finish_reason":"stop"}]}"#).totals().finished);
        assert!(!read(r#"{"choices":[{"finish_reason":null}]}"#).totals().finished);
    }
}
