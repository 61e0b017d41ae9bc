//! Looks at an answer while its bytes pass: what it used, how much text there is, how it ended.

use crate::dialect::chat::Watch;
use crate::json::push::{Sink, Tokenizer};
use crate::stream::sse::{Kind, Scanner};
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;

/// The place in the answer, and what it said so far.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    stream: Option<Scanner>,
    tokenizer: Tokenizer,
    facts: Facts,
}

#[derive(Debug, Default)]
struct Facts {
    top: Name,
    second: Name,
    last: Name,
    /// `type` of the document that is being read: its first bytes.
    kind: [u8; MAX_KIND],
    kind_len: usize,
    /// The depth of the members of the `usage` that is being read.
    usage: Option<u32>,
    figures: Figures,
    text_bytes: u64,
    complete: bool,
    failed: bool,
}

/// Bytes of the longest type that matters.
const MAX_KIND: usize = 16;

#[derive(Debug, Default)]
struct Figures {
    input: Option<u64>,
    output: Option<u64>,
    read: Option<u64>,
    write: Option<u64>,
    thinking: Option<u64>,
}

/// Names that mean something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Name {
    #[default]
    Other,
    Type,
    Message,
    Content,
    Delta,
    Usage,
    /// Generated text.
    Text,
    /// What is neither text nor arguments, within a block.
    Mark,
    Input,
    Output,
    Read,
    Write,
    Thinking,
}

const NAMES: &[(&[u8], Name)] = &[
    (b"type", Name::Type),
    (b"message", Name::Message),
    (b"content", Name::Content),
    (b"delta", Name::Delta),
    (b"usage", Name::Usage),
    (b"text", Name::Text),
    (b"thinking", Name::Text),
    (b"partial_json", Name::Text),
    (b"id", Name::Mark),
    (b"name", Name::Mark),
    (b"signature", Name::Mark),
    (b"data", Name::Mark),
    (b"input_tokens", Name::Input),
    (b"output_tokens", Name::Output),
    (b"cache_read_input_tokens", Name::Read),
    (b"cache_creation_input_tokens", Name::Write),
    (b"thinking_tokens", Name::Thinking),
];

impl Watcher {
    pub(super) fn new(stream: bool) -> Self {
        Self { stream: stream.then(Scanner::new), ..Self::default() }
    }
}

impl Watch for Watcher {
    fn feed(&mut self, bytes: &[u8]) {
        let Some(scanner) = &mut self.stream else {
            self.tokenizer.feed(bytes, &mut self.facts);
            if self.tokenizer.closed() && !self.tokenizer.broken() {
                self.facts.failed = self.facts.kind() == b"error";
                self.facts.complete = !self.facts.failed;
            }
            return;
        };
        let mut at = 0;
        while let Some((kind, range)) = scanner.next(bytes, &mut at) {
            match kind {
                Kind::Data => self.tokenizer.feed(&bytes[range], &mut self.facts),
                Kind::DataEnd => self.tokenizer.feed(b"\n", &mut self.facts),
                Kind::End => {
                    self.facts.complete |= self.facts.kind() == b"message_stop";
                    self.facts.failed |= self.facts.kind() == b"error";
                    self.tokenizer = Tokenizer::default();
                    self.facts.next_document();
                }
                Kind::Outside | Kind::Framing | Kind::Type | Kind::Tail => {}
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.facts.complete
    }

    fn is_failed(&self) -> bool {
        self.facts.failed
    }

    fn usage(&self) -> Option<Usage> {
        let Figures { input, output, read, write, thinking } = &self.facts.figures;
        if input.is_none() && output.is_none() {
            return None;
        }
        let parts = [input, read, write];
        Some(Usage {
            input_tokens: parts.into_iter().fold(0, |sum: u64, part| sum.saturating_add(part.unwrap_or(0))),
            output_tokens: output.unwrap_or(0),
            cached_input_tokens: read.unwrap_or(0),
            reasoning_tokens: thinking.unwrap_or(0),
            source: UsageSource::Reported,
        })
    }

    fn text_bytes(&self) -> u64 {
        self.facts.text_bytes
    }
}

impl Facts {
    fn kind(&self) -> &[u8] {
        self.kind.get(..self.kind_len).unwrap_or_default()
    }

    fn next_document(&mut self) {
        (self.top, self.second, self.last) = Default::default();
        self.kind_len = 0;
        self.usage = None;
    }
}

impl Sink for Facts {
    fn name(&mut self, name: &[u8], depth: u32) {
        let name = NAMES.iter().find(|(known, _)| *known == name).map_or(Name::Other, |(_, name)| *name);
        self.last = name;
        match depth {
            1 => self.top = name,
            2 => self.second = name,
            _ => {}
        }
    }

    fn open(&mut self, object: bool, depth: u32) {
        let place = match depth {
            1 => self.top == Name::Usage,
            2 => self.top == Name::Message && self.second == Name::Usage,
            _ => false,
        };
        if object && place && self.last == Name::Usage {
            self.usage = Some(depth + 1);
        }
    }

    fn close(&mut self, depth: u32) {
        if self.usage == Some(depth + 1) {
            self.usage = None;
        }
    }

    fn string(&mut self, depth: u32) {
        if depth == 1 && self.top == Name::Type {
            self.kind_len = 0;
        }
    }

    fn text(&mut self, bytes: &[u8]) {
        let counts = match self.top {
            Name::Delta => self.last == Name::Text,
            Name::Content => !matches!(self.last, Name::Mark | Name::Type),
            Name::Type => {
                let room = &mut self.kind[self.kind_len.min(MAX_KIND)..];
                let kept = bytes.len().min(room.len());
                room[..kept].copy_from_slice(&bytes[..kept]);
                // Past the room it is none of ours, and `get` finds nothing.
                self.kind_len = self.kind_len.saturating_add(bytes.len()).min(MAX_KIND + 1);
                false
            }
            _ => false,
        };
        if counts {
            self.text_bytes = self.text_bytes.saturating_add(bytes.len() as u64);
        }
    }

    fn scalar(&mut self, word: &[u8], depth: u32) {
        let Some(inside) = self.usage else { return };
        let Some(number) = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()) else { return };
        let figures = &mut self.figures;
        match (self.last, depth.saturating_sub(inside)) {
            (Name::Input, 0) => figures.input = Some(number),
            (Name::Output, 0) => figures.output = Some(number),
            (Name::Read, 0) => figures.read = Some(number),
            (Name::Write, 0) => figures.write = Some(number),
            (Name::Thinking, 1) => figures.thinking = Some(number),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"content\":[],\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":5,\"cache_read_input_tokens\":100,\"cache_creation\":{\"input_tokens\":77},\"output_tokens\":1}}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"h\u{e9}llo\"}}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":42,\"output_tokens_details\":{\"thinking_tokens\":7},\"cache_read_input_tokens\":null}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );

    fn watched<'a>(
        stream: bool,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Option<Usage>, u64, bool, bool) {
        let mut watcher = Watcher::new(stream);
        pieces.into_iter().for_each(|piece| watcher.feed(piece));
        (watcher.usage(), watcher.text_bytes(), watcher.is_complete(), watcher.is_failed())
    }

    #[test]
    fn a_stream_wherever_it_is_cut() {
        let usage = Usage {
            input_tokens: 115,
            output_tokens: 42,
            cached_input_tokens: 100,
            reasoning_tokens: 7,
            source: UsageSource::Reported,
        };
        let expected = (Some(usage), 6, true, false);
        assert_eq!(watched(true, [STREAM.as_bytes()]), expected);
        assert_eq!(watched(true, STREAM.as_bytes().chunks(1)), expected);
        for cut in 0..STREAM.len() {
            let (a, b) = STREAM.as_bytes().split_at(cut);
            assert_eq!(watched(true, [a, b]), expected);
        }
        let cut = STREAM.find("event: message_stop").unwrap();
        assert!(!watched(true, [&STREAM.as_bytes()[..cut]]).2, "without its end it is cut");
    }

    #[test]
    fn errors_and_whole_answers() {
        let error = b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n";
        assert_eq!(watched(true, [&error[..]]), (None, 0, false, true));
        let whole = br#"{"type":"message","content":[{"type":"text","text":"abc"},{"type":"tool_use","id":"toolu","name":"f","input":{"q":"xy"}}],"usage":{"input_tokens":3,"output_tokens":4}}"#;
        let (usage, text, complete, failed) = watched(false, whole.chunks(3));
        assert_eq!((usage.unwrap().input_tokens, text, complete, failed), (3, 5, true, false));
        assert!(!watched(false, [&whole[..40]]).2);
    }
}
