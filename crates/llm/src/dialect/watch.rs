//! A look at bytes that pass, by the format's own readers: for formats whose answers are too rarely passed on to have a
//! scanner of their own.

use super::chat::{Chat, ReadStream, Watch};
use crate::canon::{Answer, Delta, Event, Part, Tokens};
use crate::json::push::{Sink, Tokenizer};
use portcullis_model::Usage;

/// Follows a stream.
pub(crate) struct Following {
    reader: Box<dyn ReadStream>,
    events: Vec<Event>,
    usage: Option<Tokens>,
    text_bytes: u64,
    complete: bool,
    failed: bool,
    /// What came is not the format: nothing more is known.
    lost: bool,
}

impl Following {
    /// A stream that `reader` can read.
    pub(crate) fn new(reader: Box<dyn ReadStream>) -> Self {
        Self {
            reader,
            events: Vec::new(),
            usage: None,
            text_bytes: 0,
            complete: false,
            failed: false,
            lost: false,
        }
    }
}

impl Watch for Following {
    fn feed(&mut self, bytes: &[u8]) {
        if self.lost {
            return;
        }
        self.lost = self.reader.feed(bytes, &mut self.events).is_err();
        for event in self.events.drain(..) {
            match event {
                Event::Start { usage: Some(usage), .. } | Event::Usage(usage) => self.usage = Some(usage),
                Event::Delta {
                    delta: Delta::Text(text) | Delta::Thinking(text) | Delta::Arguments(text),
                    ..
                } => {
                    self.text_bytes += text.len() as u64;
                }
                Event::End => self.complete = true,
                Event::Error(_) => self.failed = true,
                _ => {}
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.complete
    }

    fn is_failed(&self) -> bool {
        self.failed
    }

    fn usage(&self) -> Option<Usage> {
        self.usage.map(|tokens| tokens.usage())
    }

    fn text_bytes(&self) -> u64 {
        self.text_bytes
    }
}

/// Keeps a whole answer until it is whole, and reads it then.
pub(crate) struct Whole {
    chat: &'static dyn Chat,
    tokenizer: Tokenizer,
    body: Vec<u8>,
    answer: Option<Answer>,
}

/// Longest answer that is read: what does not fit is estimated.
const LIMIT: usize = 16 << 20;

impl Whole {
    /// An answer in the format `chat`.
    pub(crate) fn new(chat: &'static dyn Chat) -> Self {
        Self { chat, tokenizer: Tokenizer::default(), body: Vec::new(), answer: None }
    }
}

impl Watch for Whole {
    fn feed(&mut self, bytes: &[u8]) {
        if self.tokenizer.closed() || self.tokenizer.broken() {
            return;
        }
        self.tokenizer.feed(bytes, &mut Nothing);
        if self.body.len() + bytes.len() <= LIMIT {
            self.body.extend_from_slice(bytes);
        }
        if self.tokenizer.closed() {
            self.answer = self.chat.read_answer(&self.body).ok();
            self.body = Vec::new();
        }
    }

    fn is_complete(&self) -> bool {
        self.tokenizer.closed()
    }

    fn is_failed(&self) -> bool {
        false
    }

    fn usage(&self) -> Option<Usage> {
        self.answer.as_ref()?.usage.map(|tokens| tokens.usage())
    }

    fn text_bytes(&self) -> u64 {
        let parts = self.answer.iter().flat_map(|answer| &answer.choices).flat_map(|choice| &choice.parts);
        parts
            .map(|part| match part {
                Part::Text(text) => text.text.len() as u64,
                Part::Thinking(thinking) => thinking.text.len() as u64,
                Part::ToolCall(call) => call.arguments.len() as u64,
                Part::Refusal(text) => text.len() as u64,
                Part::Media(_) | Part::ToolResult(_) | Part::Native { .. } => 0,
            })
            .sum()
    }
}

/// The end of the document is all that matters.
struct Nothing;

impl Sink for Nothing {
    fn name(&mut self, _: &[u8], _: u32) {}
    fn open(&mut self, _: bool, _: u32) {}
    fn close(&mut self, _: u32) {}
    fn string(&mut self, _: u32) {}
    fn text(&mut self, _: &[u8]) {}
    fn scalar(&mut self, _: &[u8], _: u32) {}
}
