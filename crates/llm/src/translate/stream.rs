//! A streamed answer from one dialect into another, piece by piece.

use crate::canon::{Delta, Event, Opening, ProviderError, Tokens};
use crate::dialect::Chat;
use crate::dialect::chat::{Asked, ReadStream, Unreadable, WriteStream};
use crate::dialect::openai::Ending;
use std::fmt;

/// A streamed answer under way: bytes of the provider go in, bytes for the caller come out.
pub struct Stream {
    reader: Box<dyn ReadStream>,
    writer: Box<dyn WriteStream>,
    /// Reused: empty between calls.
    events: Vec<Event>,
    usage: Option<Tokens>,
    text_bytes: u64,
    /// Whether the model said anything, thoughts aside.
    said: bool,
    /// Where nothing was said: choices that broke off, at most one event each. They wait for what others say, and for what
    /// was used, which providers tell behind it.
    broken: Vec<Event>,
    ended: Option<Ending>,
}

impl Stream {
    /// From a provider that speaks `outbound` to a caller that speaks `inbound`.
    pub fn new(outbound: &dyn Chat, inbound: &dyn Chat, asked: &Asked) -> Self {
        Self {
            reader: outbound.reader(),
            writer: inbound.writer(asked),
            events: Vec::new(),
            usage: None,
            text_bytes: 0,
            said: false,
            broken: Vec::new(),
            ended: None,
        }
    }

    /// Takes the next bytes and appends what can go on now, whole events only. Nothing is held back but what is not a
    /// whole event yet, and that a choice broke off while nothing was said.
    ///
    /// [`Unreadable`]: the provider does not speak its dialect; what was read before it is in `out`. End the stream with
    /// [`interrupt`](Self::interrupt), or with an error event of the caller's dialect. Nothing may be fed any more.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Unreadable> {
        if self.ended.is_some() {
            // Behind its end or its error a provider has nothing to say.
            return Ok(());
        }
        let read = self.reader.feed(bytes, &mut self.events);
        self.write(out);
        if read.is_err() && self.ended.is_none() {
            self.ended = Some(Ending::Cut);
        }
        read
    }

    /// The provider's body is at its end. [`Ending::Cut`]: no ending was written; tell the caller with
    /// [`interrupt`](Self::interrupt), or with an error event of its dialect.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Ending {
        if self.ended.is_none() {
            self.reader.finish(&mut self.events);
            self.write(out);
        }
        if self.ended.is_none() {
            self.come_to_nothing(out);
        }
        *self.ended.get_or_insert(Ending::Cut)
    }

    /// Ends the stream with an error of ours. Nothing comes out where it has ended already.
    pub fn interrupt(&mut self, error: ProviderError, out: &mut Vec<u8>) {
        if !matches!(self.ended, Some(Ending::Complete | Ending::Failed | Ending::Nothing)) {
            self.writer.write(&Event::Error(error), out);
            self.ended = Some(Ending::Failed);
        }
    }

    /// Whether all was said, or an error: what follows says nothing.
    pub fn ended(&self) -> Option<Ending> {
        self.ended
    }

    /// What it used, as last said.
    pub fn usage(&self) -> Option<Tokens> {
        self.usage
    }

    /// Bytes of generated text so far, thoughts and arguments included: for an estimate where nothing is said.
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            if self.ended.is_some() {
                break;
            }
            self.pass(event, out);
        }
        self.events = events;
    }

    fn pass(&mut self, event: Event, out: &mut Vec<u8>) {
        if !self.said && broken(&event).is_some() {
            let choice = |event: &Event| match event {
                Event::Stop { choice, .. } => Some(*choice),
                _ => None,
            };
            if !self.broken.iter().any(|held| choice(held) == choice(&event)) {
                self.broken.push(event);
            }
            return;
        }
        if !self.said && says(&event) {
            self.said = true;
            // With something said it is no answer that came to nothing: the choices that broke off end as they did.
            for held in self.broken.drain(..) {
                self.writer.write(&held, out);
            }
        }
        match &event {
            Event::Start { usage: Some(usage), .. } | Event::Usage(usage) => self.usage = Some(*usage),
            Event::Delta { delta, .. } => self.text_bytes += text_bytes(delta),
            Event::Error(_) => self.ended = Some(Ending::Failed),
            Event::End if self.come_to_nothing(out) => return,
            Event::End => self.ended = Some(Ending::Complete),
            _ => {}
        }
        self.writer.write(&event, out);
    }

    /// Ends it with an error where a choice broke off and none said anything; whether that is so.
    fn come_to_nothing(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(message) = self.broken.iter().find_map(broken).map(super::nothing) else { return false };
        let error = ProviderError { status: 200, message, ..ProviderError::default() };
        self.writer.write(&Event::Error(error), out);
        self.ended = Some(Ending::Nothing);
        true
    }
}

/// Why a choice broke off, where the event says that.
fn broken(event: &Event) -> Option<&str> {
    match event {
        Event::Stop { stop, .. } => stop.broken(),
        _ => None,
    }
}

/// Whether the model says something to its caller.
fn says(event: &Event) -> bool {
    match event {
        Event::Open { opening, .. } => matches!(opening, Opening::ToolCall { .. } | Opening::Whole(_)),
        Event::Delta { delta: Delta::Text(text), .. } => !text.is_empty(),
        _ => false,
    }
}

fn text_bytes(delta: &Delta) -> u64 {
    match delta {
        Delta::Text(text) | Delta::Thinking(text) | Delta::Arguments(text) => text.len() as u64,
        Delta::Signature(_) | Delta::Redacted(_) | Delta::Citation(_) | Delta::Logprobs(_) => 0,
    }
}

impl fmt::Debug for Stream {
    /// Without what was said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("ended", &self.ended).finish_non_exhaustive()
    }
}
