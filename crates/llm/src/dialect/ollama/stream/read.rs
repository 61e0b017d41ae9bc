//! Lines, read.

use super::super::answer::{Token, Wire, image, stop};
use crate::canon::{Delta, Event, Opening, ProviderError};
use crate::dialect::chat::{ReadStream, Unreadable};

/// Longest line: a whole image may be in one.
const LIMIT: usize = 16 << 20;

/// Reads lines.
#[derive(Default)]
pub(in super::super) struct Reader {
    line: Vec<u8>,
    state: State,
}

#[derive(Default)]
struct State {
    started: bool,
    ended: bool,
    next: u32,
    open: Option<(u32, Kind)>,
    calls: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
}

impl ReadStream for Reader {
    fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, behind) = (&rest[..end], &rest[end + 1..]);
            rest = behind;
            if self.line.is_empty() {
                self.state.line(line, events)?;
            } else {
                self.line.extend_from_slice(line);
                let whole = std::mem::take(&mut self.line);
                self.state.line(&whole, events)?;
            }
        }
        if self.line.len() + rest.len() > LIMIT {
            return Err(Unreadable("a line of the stream is longer than 16 MiB".to_owned()));
        }
        self.line.extend_from_slice(rest);
        Ok(())
    }

    fn finish(&mut self, events: &mut Vec<Event>) {
        let line = std::mem::take(&mut self.line);
        // Half a line at the end of a body says nothing: the body was cut.
        let _ = self.state.line(&line, events);
    }
}

impl State {
    fn line(&mut self, line: &[u8], events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let line = line.trim_ascii();
        if line.is_empty() || self.ended {
            return Ok(());
        }
        let mut wire: Wire = serde_json::from_slice(line)
            .map_err(|error| Unreadable(format!("a line of the stream is none of Ollama's: {error}")))?;
        if let Some(error) = &wire.error {
            self.ended = true;
            let message = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
            events.push(Event::Error(ProviderError { status: 200, message, ..ProviderError::default() }));
            return Ok(());
        }
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Start {
                id: String::new(),
                model: wire.model.clone().unwrap_or_default(),
                created: wire.created(),
                usage: None,
            });
        }
        let (mark, message) = (wire.mark(), wire.said());
        if let Some(text) = message.thinking {
            self.say(Kind::Thinking, Delta::Thinking(text), events);
        }
        if let Some(text) = message.content {
            self.say(Kind::Text, Delta::Text(text), events);
        }
        let logprobs: Vec<_> = wire.logprobs.take().into_iter().flatten().map(Token::into_canon).collect();
        if let Some((part, _)) = self.open
            && !logprobs.is_empty()
        {
            events.push(Event::Delta { choice: 0, part, delta: Delta::Logprobs(logprobs) });
        }
        for part in message.images.into_iter().flatten().map(image) {
            let part_number = self.begin(Opening::Whole(Box::new(part)), events);
            events.push(Event::Close { choice: 0, part: part_number });
        }
        for call in message.tool_calls.into_iter().flatten() {
            let call = call.into_canon(&mark, self.calls);
            self.calls += 1;
            let part = self.begin(Opening::ToolCall { id: call.id, name: call.name }, events);
            events.push(Event::Delta { choice: 0, part, delta: Delta::Arguments(call.arguments) });
            events.push(Event::Close { choice: 0, part });
        }
        if wire.done {
            self.ended = true;
            self.close(events);
            let stop = stop(wire.done_reason.as_deref(), self.calls > 0);
            events.push(Event::Stop { choice: 0, stop, sequence: None });
            events.extend(wire.tokens().map(Event::Usage));
            events.push(Event::End);
        }
        Ok(())
    }

    fn say(&mut self, kind: Kind, delta: Delta, events: &mut Vec<Event>) {
        let part = match self.open {
            Some((part, open)) if open == kind => part,
            _ => {
                let opening = if kind == Kind::Text { Opening::Text } else { Opening::Thinking };
                let part = self.begin(opening, events);
                self.open = Some((part, kind));
                part
            }
        };
        events.push(Event::Delta { choice: 0, part, delta });
    }

    /// Begins a part; what was open is complete.
    fn begin(&mut self, opening: Opening, events: &mut Vec<Event>) -> u32 {
        self.close(events);
        let part = self.next;
        self.next += 1;
        events.push(Event::Open { choice: 0, part, opening });
        part
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if let Some((part, _)) = self.open.take() {
            events.push(Event::Close { choice: 0, part });
        }
    }
}
