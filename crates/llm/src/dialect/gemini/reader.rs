//! A streamed answer, read: its chunks are answers with a piece each.

use super::answer::{self, unreadable};
use super::citations::{self, Words};
use super::error;
use super::frames::Frames;
use super::read::Ids;
use crate::canon::{Delta, Event, Opening, Part, Stop, Tokens};
use crate::dialect::chat::{ReadStream, Unreadable};
use crate::json::tree;
use portcullis_fault::Fault;

/// Answers that can come at the same time.
const MAX_CHOICES: usize = 64;

/// The reader.
#[derive(Debug, Default)]
pub(super) struct Reader {
    frames: Frames,
    state: State,
}

#[derive(Debug, Default)]
struct State {
    started: bool,
    failed: bool,
    choices: Vec<Open>,
    ids: Ids,
    usage: Option<Tokens>,
}

/// An answer under way.
#[derive(Debug, Default)]
struct Open {
    index: u32,
    /// Number of the next part.
    next: u32,
    open: Option<Kind>,
    words: Words,
    calls: bool,
    stopped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
}

impl ReadStream for Reader {
    fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let state = &mut self.state;
        self.frames.feed(bytes, |data| state.chunk(data, events).map_err(unreadable))
    }

    fn finish(&mut self, events: &mut Vec<Event>) {
        let state = &mut self.state;
        let read = self.frames.finish(|data| state.chunk(data, events).map_err(unreadable));
        if state.failed {
            return;
        }
        events.extend(state.usage.map(Event::Usage));
        // There is no word for the end: it is where each answer has said why it ended.
        if read.is_ok()
            && self.frames.is_closed()
            && !state.choices.is_empty()
            && state.choices.iter().all(|choice| choice.stopped)
        {
            events.push(Event::End);
        }
    }
}

impl State {
    fn chunk(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.failed {
            return Ok(());
        }
        let mut body = tree::read(data)?;
        if let Some(node) = body.take("error") {
            self.failed = true;
            events.push(Event::Error(error::of_node(200, &node)));
            return Ok(());
        }
        let (head, mut body) = answer::head(body)?;
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Start { id: head.id, model: head.model, created: None, usage: None });
        }
        self.usage = head.usage.or(self.usage);
        for (index, candidate) in answer::candidates(&mut body)?.into_iter().enumerate() {
            let fallback = u32::try_from(index).unwrap_or(u32::MAX);
            let (choice, mut rest) = answer::candidate(candidate, fallback, &mut self.ids)?;
            let open = match self.choices.iter().position(|open| open.index == choice.index) {
                Some(at) => &mut self.choices[at],
                None if self.choices.len() < MAX_CHOICES => {
                    self.choices.push(Open { index: choice.index, ..Open::default() });
                    let last = self.choices.len() - 1;
                    &mut self.choices[last]
                }
                None => return Err(tree::invalid(format!("there are more than {MAX_CHOICES} candidates"))),
            };
            // Behind its end an answer says nothing.
            if open.stopped {
                continue;
            }
            for part in choice.parts {
                open.part(part, events);
            }
            if !choice.logprobs.is_empty() {
                open.say(Kind::Text, Delta::Logprobs(choice.logprobs), events);
            }
            for (citation, _) in citations::read(&mut rest, &open.words)? {
                open.say(Kind::Text, Delta::Citation(citation), events);
            }
            if let Some(word) = rest.string("finishReason")?.filter(|word| !word.is_empty()) {
                open.stop(answer::stop(&word, open.calls), events);
            }
        }
        if self.choices.is_empty()
            && let Some(choice) = answer::feedback(&mut body)?
        {
            let mut open = Open::default();
            for part in choice.parts {
                open.part(part, events);
            }
            open.stop(choice.stop, events);
            self.choices.push(open);
        }
        Ok(())
    }
}

impl Open {
    fn part(&mut self, part: Part, events: &mut Vec<Event>) {
        match part {
            Part::Text(text) => {
                // A signature alone belongs to what is open.
                let kind = if text.text.is_empty() { self.open.unwrap_or(Kind::Text) } else { Kind::Text };
                if !text.text.is_empty() {
                    self.words.push(&text.text);
                    self.say(kind, Delta::Text(text.text), events);
                }
                if let Some(signature) = text.signature {
                    self.say(kind, Delta::Signature(signature), events);
                }
            }
            Part::Thinking(thinking) => {
                if !thinking.text.is_empty() {
                    self.say(Kind::Thinking, Delta::Thinking(thinking.text), events);
                }
                if let Some(signature) = thinking.signature {
                    self.say(Kind::Thinking, Delta::Signature(signature), events);
                }
                if let Some(redacted) = thinking.redacted {
                    self.say(Kind::Thinking, Delta::Redacted(redacted), events);
                }
            }
            Part::ToolCall(call) => {
                self.calls = true;
                let mut deltas = vec![Delta::Arguments(call.arguments)];
                deltas.extend(call.signature.map(Delta::Signature));
                self.whole(Opening::ToolCall { id: call.id, name: call.name }, deltas, events);
            }
            Part::Refusal(words) => self.whole(Opening::Refusal, vec![Delta::Text(words)], events),
            other => self.whole(Opening::Whole(Box::new(other)), Vec::new(), events),
        }
    }

    /// Goes on with the open part if it is a `kind`, or with a new one.
    fn say(&mut self, kind: Kind, delta: Delta, events: &mut Vec<Event>) {
        if self.open != Some(kind) {
            self.close(events);
            let opening = match kind {
                Kind::Text => Opening::Text,
                Kind::Thinking => Opening::Thinking,
            };
            events.push(Event::Open { choice: self.index, part: self.next, opening });
            self.open = Some(kind);
        }
        events.push(Event::Delta { choice: self.index, part: self.next, delta });
    }

    fn whole(&mut self, opening: Opening, deltas: Vec<Delta>, events: &mut Vec<Event>) {
        self.close(events);
        let (choice, part) = (self.index, self.next);
        events.push(Event::Open { choice, part, opening });
        events.extend(deltas.into_iter().map(|delta| Event::Delta { choice, part, delta }));
        events.push(Event::Close { choice, part });
        self.next += 1;
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if self.open.take().is_some() {
            events.push(Event::Close { choice: self.index, part: self.next });
            self.next += 1;
        }
    }

    fn stop(&mut self, stop: Stop, events: &mut Vec<Event>) {
        self.close(events);
        self.stopped = true;
        events.push(Event::Stop { choice: self.index, stop, sequence: None });
    }
}
