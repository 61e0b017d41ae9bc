//! One answer of a stream: which part of it a piece belongs to.

use super::super::answer::{Call, Content, Message, content_part, detail, image};
use super::super::{NAME, usage};
use crate::canon::custom::Wrap;
use crate::canon::{Delta, Event, Logprob, Opening, Part, Thinking};
use crate::dialect::chat::Unreadable;
use crate::json::push::Tokenizer;

/// Calls of tools in one answer.
const MAX_CALLS: usize = 1024;

/// An answer under way.
#[derive(Default)]
pub(super) struct Choice {
    pub(super) index: u32,
    pub(super) stopped: bool,
    /// The number of the next part.
    next: u32,
    /// Words that go on: there is one part of them at a time.
    words: Option<(u32, Kind)>,
    /// Calls so far. Several may go on at the same time: some vendors let their pieces alternate.
    calls: Vec<Calling>,
    refused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Refusal,
}

/// A call, as far as it came.
struct Calling {
    /// On the wire.
    index: Option<u32>,
    id: String,
    name: String,
    part: u32,
    /// The place in its arguments.
    arguments: Tokenizer,
    /// Of a tool that takes text: what makes arguments of it.
    text: Option<Wrap>,
    open: bool,
}

impl Calling {
    /// Whether its arguments are a whole document: nothing can follow.
    fn is_whole(&self) -> bool {
        // A text has no end of its own.
        self.text.is_none() && self.arguments.closed() && !self.arguments.broken()
    }
}

impl Choice {
    pub(super) fn of(index: u32) -> Self {
        Self { index, ..Self::default() }
    }

    pub(super) fn delta(&mut self, delta: Message, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let details = delta.reasoning_details.unwrap_or_default();
        let plain = delta.reasoning_content.or(delta.reasoning).filter(|text| !text.is_empty());
        let detailed = plain.is_none();
        if let Some(text) = plain {
            self.say(Kind::Thinking, Delta::Thinking(text), events);
        }
        for thinking in details.into_iter().filter_map(detail) {
            self.thought(thinking, detailed, events);
        }
        match delta.content {
            Some(Content::Text(text)) if !text.is_empty() => self.say(Kind::Text, Delta::Text(text), events),
            Some(Content::Parts(items)) => {
                for part in items.iter().filter_map(content_part) {
                    match part {
                        Part::Thinking(thinking) => self.thought(thinking, true, events),
                        Part::Text(text) => self.say(Kind::Text, Delta::Text(text.text), events),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        if let Some(text) = delta.refusal.filter(|text| !text.is_empty()) {
            self.refused = true;
            self.say(Kind::Refusal, Delta::Text(text), events);
        }
        for citation in delta.annotations.unwrap_or_default().iter().filter_map(usage::citation) {
            self.say(Kind::Text, Delta::Citation(citation), events);
        }
        for part in delta.images.unwrap_or_default().iter().filter_map(image) {
            self.whole(part, events);
        }
        if let Some(audio) = delta.audio.filter(|audio| !audio.is_null()) {
            self.whole(Part::Native { dialect: NAME, value: serde_json::json!({ "audio": audio }) }, events);
        }
        for call in delta.tool_calls.unwrap_or_default() {
            self.call(call, events)?;
        }
        if let Some(function) = delta.function_call {
            self.call(Call { index: Some(0), function: Some(function), ..Call::default() }, events)?;
        }
        Ok(())
    }

    /// How likely the words were that go on.
    pub(super) fn logprobs(&mut self, logprobs: Vec<Logprob>, events: &mut Vec<Event>) {
        if let Some((part, _)) = self.words {
            events.push(Event::Delta { choice: self.index, part, delta: Delta::Logprobs(logprobs) });
        }
    }

    pub(super) fn stop(&mut self, word: &str, events: &mut Vec<Event>) {
        self.close_words(events);
        self.close_calls(|_| true, events);
        self.stopped = true;
        let stop = usage::stop(word, !self.calls.is_empty(), self.refused);
        events.push(Event::Stop { choice: self.index, stop, sequence: None });
    }

    /// Goes on with words of this kind: the open ones, or new ones.
    fn say(&mut self, kind: Kind, delta: Delta, events: &mut Vec<Event>) {
        let part = match self.words {
            Some((part, open)) if open == kind => part,
            _ => {
                let opening = match kind {
                    Kind::Thinking => Opening::Thinking,
                    Kind::Refusal => Opening::Refusal,
                    Kind::Text => Opening::Text,
                };
                let part = self.open(opening, events);
                self.words = Some((part, kind));
                part
            }
        };
        events.push(Event::Delta { choice: self.index, part, delta });
    }

    /// `words`: whether they are to be said, and were not elsewhere in the same chunk.
    fn thought(&mut self, thinking: Thinking, words: bool, events: &mut Vec<Event>) {
        if words && !thinking.text.is_empty() {
            self.say(Kind::Thinking, Delta::Thinking(thinking.text), events);
        }
        if let Some(signature) = thinking.signature {
            self.say(Kind::Thinking, Delta::Signature(signature), events);
        }
        if let Some(redacted) = thinking.redacted {
            self.say(Kind::Thinking, Delta::Redacted(redacted), events);
        }
    }

    fn whole(&mut self, part: Part, events: &mut Vec<Event>) {
        let part = self.open(Opening::Whole(Box::new(part)), events);
        events.push(Event::Close { choice: self.index, part });
    }

    /// Begins a part. Words end where something else begins, and so do calls whose arguments are all there.
    fn open(&mut self, opening: Opening, events: &mut Vec<Event>) -> u32 {
        self.close_words(events);
        self.close_calls(Calling::is_whole, events);
        let part = self.next;
        self.next += 1;
        events.push(Event::Open { choice: self.index, part, opening });
        part
    }

    fn close_words(&mut self, events: &mut Vec<Event>) {
        if let Some((part, _)) = self.words.take() {
            events.push(Event::Close { choice: self.index, part });
        }
    }

    fn close_calls(&mut self, which: impl Fn(&Calling) -> bool, events: &mut Vec<Event>) {
        for call in self.calls.iter_mut().filter(|call| call.open && which(call)) {
            call.open = false;
            let (choice, part) = (self.index, call.part);
            if let Some(text) = &mut call.text {
                let delta = Delta::Arguments(text.finish().to_owned());
                events.push(Event::Delta { choice, part, delta });
            }
            events.push(Event::Close { choice, part });
        }
    }

    /// A piece of a call.
    fn call(&mut self, mut call: Call, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let signature = call.signature();
        let takes_text = call.custom.is_some();
        let (name, arguments) = match call.custom.take() {
            Some(called) => (called.name, called.input.unwrap_or_default()),
            None => {
                let mut function = call.function.take().unwrap_or_default();
                (function.name.take(), function.arguments())
            }
        };
        let piece = Piece {
            index: call.index,
            id: call.id.take().filter(|id| !id.is_empty()),
            name: name.filter(|name| !name.is_empty()),
            arguments,
            takes_text,
        };
        let at = match self.known(&piece) {
            Some(at) => at,
            None if self.calls.len() >= MAX_CALLS => {
                return Err(Unreadable(format!("the answer calls more than {MAX_CALLS} tools")));
            }
            None => self.begin(&piece, events),
        };
        let (choice, calling) = (self.index, &mut self.calls[at]);
        if !calling.open {
            // White space behind the end, or a call that is told once more without them.
            return match piece.arguments.trim() {
                "" => Ok(()),
                _ => Err(Unreadable("a tool's arguments go on behind their end".to_owned())),
            };
        }
        let part = calling.part;
        if !piece.arguments.is_empty() {
            let arguments = match &mut calling.text {
                Some(text) => text.feed(&piece.arguments),
                None => {
                    calling.arguments.feed(piece.arguments.as_bytes(), &mut ());
                    piece.arguments
                }
            };
            events.push(Event::Delta { choice, part, delta: Delta::Arguments(arguments) });
        }
        if let Some(signature) = signature {
            events.push(Event::Delta { choice, part, delta: Delta::Signature(signature) });
        }
        // Another part has begun behind it already, and may have to wait for its end.
        if calling.is_whole() && part + 1 != self.next {
            calling.open = false;
            events.push(Event::Close { choice, part });
        }
        Ok(())
    }

    fn begin(&mut self, piece: &Piece, events: &mut Vec<Event>) -> usize {
        let id = piece.id.clone().unwrap_or_else(|| format!("call_{}", self.calls.len()));
        let name = piece.name.clone().unwrap_or_default();
        let part = self.open(Opening::ToolCall { id: id.clone(), name: name.clone() }, events);
        let arguments = Tokenizer::default();
        let text = piece.takes_text.then(Wrap::default);
        self.calls.push(Calling { index: piece.index, id, name, part, arguments, text, open: true });
        self.calls.len() - 1
    }

    /// Which call a piece is of; `None`: a new one. That is said by its index; some vendors send no index, or 0 for every
    /// call, and tell calls apart by their ids, and some repeat id and name in every piece.
    fn known(&self, piece: &Piece) -> Option<usize> {
        let last = |is: &dyn Fn(&Calling) -> bool| self.calls.iter().rposition(is);
        if let Some(id) = &piece.id {
            let known = last(&|call| call.id == *id);
            // A call has a name. Without one, it is the index that counts: there are ids that differ from piece to piece.
            let unnamed = piece.name.is_none() && piece.index.is_some();
            return known.or_else(|| last(&|call| unnamed && call.index == piece.index));
        }
        let at = last(&|call| piece.index.is_none() || call.index == piece.index)?;
        let call = &self.calls[at];
        // A name where there is no id: another call, unless the index says that it is one that goes on.
        let goes_on = match &piece.name {
            None => true,
            Some(name) => {
                let again = piece.arguments.is_empty() && call.name == *name;
                piece.index.is_some() && call.open && (again || !call.is_whole())
            }
        };
        goes_on.then_some(at)
    }
}

/// A piece of a call, as it came.
struct Piece {
    index: Option<u32>,
    id: Option<String>,
    name: Option<String>,
    /// Or the text, where the tool takes that.
    arguments: String,
    takes_text: bool,
}
