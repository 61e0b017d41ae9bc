//! Looks at an answer while its bytes pass: what it used, how much text there is, how it ended. For formats whose streams
//! are events with a `type`; [`Wire`] says where the rest stands.
//!
//! Not for chat completions, whose chunks have no type: see [`UsageScanner`](super::openai::UsageScanner).

use super::chat::Watch;
use crate::json::push::{Sink, Tokenizer};
use crate::stream::sse::{Kind, Scanner};
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;

/// Where a format says what.
#[derive(Debug)]
pub(super) struct Wire {
    /// Names that mean something.
    pub(super) names: &'static [(&'static [u8], Name)],
    /// Types of the events after which nothing is missing.
    pub(super) complete: &'static [&'static [u8]],
    /// Types of the events that say that it failed.
    pub(super) failed: &'static [&'static [u8]],
    /// Whether input, cached reads and cached writes are counted apart.
    pub(super) apart: bool,
}

/// What a member is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Name {
    #[default]
    Other,
    /// What a document, or an event, is.
    Type,
    /// What an event carries that has `usage` in it.
    Carrier,
    /// The words of a whole answer.
    Content,
    /// What an event adds.
    Delta,
    Usage,
    /// Generated text.
    Text,
    /// How a whole answer stands.
    Status,
    Input,
    Output,
    Read,
    Write,
    Thinking,
}

/// The place in the answer, and what it said so far.
#[derive(Debug)]
pub(super) struct Watcher {
    wire: &'static Wire,
    stream: Option<Scanner>,
    tokenizer: Tokenizer,
    facts: Facts,
}

#[derive(Debug)]
struct Facts {
    names: &'static [(&'static [u8], Name)],
    top: Name,
    second: Name,
    last: Name,
    /// `type` of the document that is being read.
    kind: Word,
    status: Word,
    /// The depth of the members of the `usage` that is being read.
    usage: Option<u32>,
    figures: Figures,
    text_bytes: u64,
    complete: bool,
    failed: bool,
}

#[derive(Debug, Default)]
struct Figures {
    input: Option<u64>,
    output: Option<u64>,
    read: Option<u64>,
    write: Option<u64>,
    thinking: Option<u64>,
}

impl Watcher {
    pub(super) fn new(wire: &'static Wire, stream: bool) -> Self {
        let facts = Facts {
            names: wire.names,
            top: Name::Other,
            second: Name::Other,
            last: Name::Other,
            kind: Word::default(),
            status: Word::default(),
            usage: None,
            figures: Figures::default(),
            text_bytes: 0,
            complete: false,
            failed: false,
        };
        Self { wire, stream: stream.then(Scanner::new), tokenizer: Tokenizer::default(), facts }
    }
}

impl Watch for Watcher {
    fn feed(&mut self, bytes: &[u8]) {
        let Some(scanner) = &mut self.stream else {
            self.tokenizer.feed(bytes, &mut self.facts);
            if self.tokenizer.closed() && !self.tokenizer.broken() {
                self.facts.failed =
                    self.facts.kind.text() == b"error" || self.facts.status.text() == b"failed";
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
                    let kind = self.facts.kind.text();
                    self.facts.complete |= self.wire.complete.contains(&kind);
                    self.facts.failed |= self.wire.failed.contains(&kind);
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
        let apart = if self.wire.apart { [read, write] } else { [&None, &None] };
        let sum = |sum: u64, part: &Option<u64>| sum.saturating_add(part.unwrap_or(0));
        Some(Usage {
            input_tokens: apart.into_iter().fold(input.unwrap_or(0), sum),
            output_tokens: output.unwrap_or(0),
            cached_input_tokens: read.unwrap_or(0),
            reasoning_tokens: thinking.unwrap_or(0),
            source: UsageSource::Reported,
            ..Usage::default()
        })
    }

    fn text_bytes(&self) -> u64 {
        self.facts.text_bytes
    }
}

impl Facts {
    fn next_document(&mut self) {
        (self.top, self.second, self.last) = Default::default();
        self.kind.len = 0;
        self.usage = None;
    }
}

impl Sink for Facts {
    fn name(&mut self, name: &[u8], depth: u32) {
        let name = self.names.iter().find(|(known, _)| *known == name).map_or(Name::Other, |(_, name)| *name);
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
            2 => self.top == Name::Carrier && self.second == Name::Usage,
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
        match (depth, self.top) {
            (1, Name::Type) => self.kind.len = 0,
            (1, Name::Status) => self.status.len = 0,
            _ => {}
        }
    }

    fn text(&mut self, bytes: &[u8]) {
        let counts = match self.top {
            // What is added is a text, or an object with one.
            Name::Delta => matches!(self.last, Name::Text | Name::Delta),
            Name::Content => self.last == Name::Text,
            Name::Type => {
                self.kind.push(bytes);
                false
            }
            Name::Status => {
                self.status.push(bytes);
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
            // Beside the sums, or in their details.
            (Name::Read, 0 | 1) => figures.read = Some(number),
            (Name::Write, 0 | 1) => figures.write = Some(number),
            (Name::Thinking, 1) => figures.thinking = Some(number),
            _ => {}
        }
    }
}

/// A word's first bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    bytes: [u8; 32],
    len: usize,
}

impl Word {
    fn push(&mut self, more: &[u8]) {
        let room = &mut self.bytes[self.len.min(32)..];
        let kept = more.len().min(room.len());
        room[..kept].copy_from_slice(&more[..kept]);
        // Past the room it is none that means something, and there is nothing.
        self.len = self.len.saturating_add(more.len()).min(33);
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
