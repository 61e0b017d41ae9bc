//! The parts of a streamed answer one after the other, for formats whose streams have one open at a time.
//!
//! Providers of other formats may let the parts of an answer alternate (calls of tools in parallel). Here a part that begins
//! while another one goes on is kept until that one has ended; what comes in order goes on at once.

use super::chat::WriteStream;
use crate::canon::{Delta, Event, Opening, Origin, Part, ProviderError};
use std::collections::VecDeque;

/// Bytes that wait for their turn.
const MAX_HELD: usize = 16 << 20;

/// About what an event takes beside its text.
const EVENT: usize = 128;

/// Before a writer: gives it one part of each choice at a time.
#[derive(Debug)]
pub(super) struct OneByOne<W> {
    writer: W,
    lines: Vec<Line>,
    /// Bytes that wait, in all lines.
    held: usize,
    /// More had to wait than is kept: the answer has ended with an error.
    failed: bool,
}

/// The parts of one choice.
#[derive(Debug)]
struct Line {
    choice: u32,
    open: Option<u32>,
    waiting: VecDeque<Waiting>,
}

/// A part that began while another one went on.
#[derive(Debug)]
struct Waiting {
    part: u32,
    events: Vec<Event>,
    bytes: usize,
    closed: bool,
}

impl<W: WriteStream> OneByOne<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, lines: Vec::new(), held: 0, failed: false }
    }

    fn line(&mut self, choice: u32) -> usize {
        match self.lines.iter().position(|line| line.choice == choice) {
            Some(at) => at,
            None => {
                self.lines.push(Line { choice, open: None, waiting: VecDeque::new() });
                self.lines.len() - 1
            }
        }
    }

    /// Keeps what is said of a part that waits.
    fn hold(&mut self, at: usize, index: usize, event: &Event, out: &mut Vec<u8>) {
        let waiting = &mut self.lines[at].waiting[index];
        let bytes = waiting.keep(event);
        waiting.bytes += bytes;
        self.held += bytes;
        if self.held > MAX_HELD {
            let message =
                "parts of the answer alternate, and more than 16 MiB of them had to wait".to_owned();
            self.writer.write(
                &Event::Error(ProviderError { status: 200, message, ..ProviderError::default() }),
                out,
            );
            self.lines.clear();
            self.failed = true;
        }
    }

    /// The part that was open has ended: those that waited for it.
    fn go_on(&mut self, at: usize, out: &mut Vec<u8>) {
        let line = &mut self.lines[at];
        while line.open.is_none()
            && let Some(waiting) = line.waiting.pop_front()
        {
            self.held = self.held.saturating_sub(waiting.bytes);
            waiting.events.iter().for_each(|event| self.writer.write(event, out));
            if waiting.closed {
                self.writer.write(&Event::Close { choice: line.choice, part: waiting.part }, out);
            } else {
                line.open = Some(waiting.part);
            }
        }
    }

    /// The choice has ended: whatever is open of it is complete.
    fn settle(&mut self, at: usize, out: &mut Vec<u8>) {
        while let Some(part) = self.lines[at].open.take() {
            let choice = self.lines[at].choice;
            self.writer.write(&Event::Close { choice, part }, out);
            self.go_on(at, out);
        }
    }
}

impl<W: WriteStream> WriteStream for OneByOne<W> {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.failed {
            return;
        }
        match event {
            Event::Open { choice, part, .. } => {
                let at = self.line(*choice);
                let line = &mut self.lines[at];
                if line.open.is_some() {
                    line.waiting.push_back(Waiting {
                        part: *part,
                        events: Vec::new(),
                        bytes: 0,
                        closed: false,
                    });
                    let last = line.waiting.len() - 1;
                    return self.hold(at, last, event, out);
                }
                line.open = Some(*part);
            }
            Event::Delta { choice, part, .. } => {
                let at = self.line(*choice);
                let line = &self.lines[at];
                if line.open != Some(*part)
                    && let Some(index) = line.waiting.iter().position(|waiting| waiting.part == *part)
                {
                    return self.hold(at, index, event, out);
                }
            }
            Event::Close { choice, part } => {
                let at = self.line(*choice);
                let line = &mut self.lines[at];
                if line.open == Some(*part) {
                    line.open = None;
                    self.writer.write(event, out);
                    return self.go_on(at, out);
                }
                if let Some(waiting) = line.waiting.iter_mut().find(|waiting| waiting.part == *part) {
                    waiting.closed = true;
                    return;
                }
            }
            Event::Stop { choice, .. } => {
                let at = self.line(*choice);
                self.settle(at, out);
            }
            Event::End => (0..self.lines.len()).for_each(|at| self.settle(at, out)),
            Event::Start { .. } | Event::Usage(_) | Event::Error(_) | Event::Ping => {}
        }
        self.writer.write(event, out);
    }
}

impl Waiting {
    /// Returns about how many bytes it took. Pieces of one text become one.
    fn keep(&mut self, event: &Event) -> usize {
        let more = match event {
            Event::Delta { delta, .. } => delta,
            Event::Open { opening: Opening::Whole(whole), .. } => {
                self.events.push(event.clone());
                return EVENT + whole_size(whole);
            }
            other => {
                self.events.push(other.clone());
                return EVENT;
            }
        };
        let last = match self.events.last_mut() {
            Some(Event::Delta { delta, .. }) => Some(delta),
            _ => None,
        };
        match (last, more) {
            (Some(Delta::Text(text)), Delta::Text(more))
            | (Some(Delta::Thinking(text)), Delta::Thinking(more))
            | (Some(Delta::Arguments(text)), Delta::Arguments(more)) => {
                text.push_str(more);
                more.len()
            }
            _ => {
                self.events.push(event.clone());
                EVENT + size(more)
            }
        }
    }
}

fn whole_size(part: &Part) -> usize {
    match part {
        Part::Media(medium) => match &medium.origin {
            Origin::Data(text) | Origin::Text(text) | Origin::Url(text) | Origin::File(text) => text.len(),
            Origin::Blocks(blocks) => blocks.iter().map(String::len).sum(),
        },
        Part::Native { value, .. } => value.to_string().len(),
        Part::Text(text) => text.text.len(),
        Part::Thinking(thinking) => {
            thinking.text.len() + thinking.redacted.as_deref().unwrap_or_default().len()
        }
        Part::ToolCall(call) => call.arguments.len(),
        Part::Refusal(words) => words.len(),
        // No answer has one.
        Part::ToolResult(_) => 0,
    }
}

fn size(delta: &Delta) -> usize {
    match delta {
        Delta::Text(text)
        | Delta::Thinking(text)
        | Delta::Signature(text)
        | Delta::Redacted(text)
        | Delta::Arguments(text) => text.len(),
        Delta::Citation(citation) => {
            let texts = [&citation.title, &citation.url, &citation.quote, &citation.token];
            texts.into_iter().flatten().map(String::len).sum()
        }
        Delta::Logprobs(logprobs) => logprobs.iter().map(|one| 32 * (1 + one.top.len())).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::Stop;

    /// Writes events as they are.
    struct Plain;

    impl WriteStream for Plain {
        fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
            let text = match event {
                Event::Open { choice, part, .. } => format!("{choice}.{part}("),
                Event::Delta { delta: Delta::Arguments(text) | Delta::Text(text), .. } => text.clone(),
                Event::Close { .. } => ")".to_owned(),
                Event::Stop { .. } => "stop ".to_owned(),
                Event::End => "end".to_owned(),
                Event::Ping => "ping".to_owned(),
                Event::Error(error) => format!("error: {}", error.message),
                _ => String::new(),
            };
            out.extend_from_slice(text.as_bytes());
        }
    }

    fn open(choice: u32, part: u32) -> Event {
        Event::Open { choice, part, opening: Opening::Text }
    }

    fn said(choice: u32, part: u32, text: &str) -> Event {
        Event::Delta { choice, part, delta: Delta::Arguments(text.to_owned()) }
    }

    fn close(choice: u32, part: u32) -> Event {
        Event::Close { choice, part }
    }

    /// What is written after each event.
    fn written(events: &[Event]) -> Vec<String> {
        let mut writer = OneByOne::new(Plain);
        let each = events.iter().map(|event| {
            let mut out = Vec::new();
            writer.write(event, &mut out);
            String::from_utf8(out).unwrap()
        });
        each.collect()
    }

    #[test]
    fn in_order_at_once() {
        let events = [open(0, 0), said(0, 0, "a"), open(1, 0), said(1, 0, "b"), close(0, 0), open(0, 1)];
        assert_eq!(written(&events), ["0.0(", "a", "1.0(", "b", ")", "0.1("]);
    }

    #[test]
    fn what_alternates_waits() {
        let events = [
            open(0, 0),
            open(0, 1),
            said(0, 1, "x"),
            said(0, 0, "a"),
            Event::Ping,
            said(0, 1, "y"),
            open(0, 2),
            close(0, 1),
            said(0, 2, "z"),
            close(0, 0),
            said(0, 2, "Z"),
            close(0, 2),
        ];
        assert_eq!(
            written(&events),
            ["0.0(", "", "", "a", "ping", "", "", "", "", ")0.1(xy)0.2(z", "Z", ")"]
        );
    }

    #[test]
    fn all_is_said_at_the_end() {
        let stop = Event::Stop { choice: 0, stop: Stop::End, sequence: None };
        let events = [open(0, 0), open(0, 1), said(0, 1, "x"), open(0, 2), stop, Event::End];
        assert_eq!(written(&events), ["0.0(", "", "", "", ")0.1(x)0.2()stop ", "end"]);
        let events = [open(0, 0), open(0, 1), said(0, 1, "x"), Event::End];
        assert_eq!(written(&events).last().unwrap(), ")0.1(x)end");
    }

    #[test]
    fn bounded() {
        let megabyte = "x".repeat(1 << 20);
        let mut events = vec![open(0, 0), open(0, 1)];
        events.extend((0..17).map(|_| said(0, 1, &megabyte)));
        events.extend([close(0, 1), close(0, 0), Event::End]);
        let written = written(&events);
        let said: Vec<&String> = written.iter().filter(|text| !text.is_empty()).collect();
        assert_eq!(said[0], "0.0(");
        assert!(said[1].starts_with("error: ") && said[1].contains("16 MiB"), "{}", said[1]);
        assert_eq!(said.len(), 2, "nothing follows");
    }
}
