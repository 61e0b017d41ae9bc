//! Streams, read: items and their contents become parts.

use super::super::answer::{self, Output, Piece, Response};
use super::super::item::{self, Token};
use super::super::reasoning::{self, Kept};
use super::super::usage;
use crate::canon::custom::Wrap;
use crate::canon::{Delta, Event, Opening, Part};
use crate::dialect::chat::{ReadStream, Unreadable};
use crate::dialect::openai::chat::error;
use crate::stream::whole::Events;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Items and contents that may be open at once.
const MAX_OPEN: usize = 512;

/// Reads a stream.
#[derive(Default)]
pub(in crate::dialect::responses) struct Reader {
    events: Events,
    state: State,
}

#[derive(Default)]
struct State {
    open: Vec<Open>,
    /// Parts so far.
    parts: u32,
    started: bool,
    called: bool,
    refused: bool,
    ended: bool,
}

/// A part that goes on.
struct Open {
    /// The item's number.
    output: u64,
    /// The number of the content within it, for messages.
    content: u64,
    part: u32,
    kind: Kind,
    /// Of a call of a tool that takes text: what makes arguments of it.
    text: Option<Wrap>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    /// A tool's call; whether it had arguments so far.
    Call(bool),
    /// Thoughts; which piece of the summary was last.
    Thinking(Option<u64>),
}

impl Open {
    fn close(&mut self, events: &mut Vec<Event>) {
        let part = self.part;
        if let Some(text) = &mut self.text {
            let delta = Delta::Arguments(text.finish().to_owned());
            events.push(Event::Delta { choice: 0, part, delta });
        }
        events.push(Event::Close { choice: 0, part });
    }
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    output_index: u64,
    #[serde(default)]
    content_index: u64,
    #[serde(default)]
    summary_index: u64,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    part: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    annotation: Option<&'a RawValue>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
}

impl ReadStream for Reader {
    fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let state = &mut self.state;
        self.events.feed(bytes, |_, data| state.event(data, events))
    }

    fn finish(&mut self, events: &mut Vec<Event>) {
        let state = &mut self.state;
        // What cannot be read at the end leaves the answer without its end.
        let _ = self.events.finish(|_, data| state.event(data, events));
    }
}

fn parsed<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>, what: &str) -> Result<T, Unreadable> {
    let raw = raw.ok_or_else(|| Unreadable(format!("an event lacks its `{what}`")))?;
    serde_json::from_str(raw.get()).map_err(|error| Unreadable(format!("`{what}` cannot be read: {error}")))
}

impl State {
    fn event(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), Unreadable> {
        // Some who speak it end as chat completions do.
        if self.ended || data == b"[DONE]" {
            return Ok(());
        }
        let said: Said<'_> = serde_json::from_slice(data)
            .map_err(|error| Unreadable(format!("an event of the stream cannot be read: {error}")))?;
        match said.kind.strip_prefix("response.").unwrap_or(&said.kind) {
            "created" | "in_progress" | "queued" => self.start(&said, events)?,
            "output_item.added" => self.begin(&said, events)?,
            "content_part.added" => {
                let piece: Piece = parsed(said.part, "part")?;
                match piece.kind.as_str() {
                    "output_text" => _ = self.content(&said, Kind::Text, events)?,
                    "refusal" => _ = self.content(&said, Kind::Refusal, events)?,
                    _ => {}
                }
            }
            "output_text.delta" => {
                let part = self.content(&said, Kind::Text, events)?;
                let text: String = parsed(said.delta, "delta")?;
                if !text.is_empty() {
                    events.push(Event::Delta { choice: 0, part, delta: Delta::Text(text) });
                }
                let tokens: Vec<Token> =
                    said.logprobs.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
                if !tokens.is_empty() {
                    let logprobs = tokens.into_iter().map(Token::into_canon).collect();
                    events.push(Event::Delta { choice: 0, part, delta: Delta::Logprobs(logprobs) });
                }
            }
            "output_text.annotation.added" => {
                let part = self.content(&said, Kind::Text, events)?;
                let annotation: Value = parsed(said.annotation, "annotation")?;
                if let Some(citation) = item::citation(&annotation) {
                    events.push(Event::Delta { choice: 0, part, delta: Delta::Citation(citation) });
                }
            }
            "refusal.delta" => {
                let part = self.content(&said, Kind::Refusal, events)?;
                let delta = Delta::Text(parsed(said.delta, "delta")?);
                events.push(Event::Delta { choice: 0, part, delta });
            }
            "content_part.done" => self.close(said.output_index, Some(said.content_index), events),
            "function_call_arguments.delta" => {
                let text: String = parsed(said.delta, "delta")?;
                self.arguments(said.output_index, text, events);
            }
            "function_call_arguments.done" if self.awaits(said.output_index) => {
                let text: String = parsed(said.arguments, "arguments")?;
                self.arguments(said.output_index, text, events);
            }
            "custom_tool_call_input.delta" => {
                let text: String = parsed(said.delta, "delta")?;
                self.arguments(said.output_index, text, events);
            }
            "custom_tool_call_input.done" if self.awaits(said.output_index) => {
                let text: String = parsed(said.input, "input")?;
                self.arguments(said.output_index, text, events);
            }
            "reasoning_summary_text.delta" => self.thought(&said, said.summary_index, events)?,
            "reasoning_text.delta" => self.thought(&said, said.content_index, events)?,
            "output_item.done" => self.done(&said, events)?,
            "completed" | "incomplete" => self.end(&said, events)?,
            "failed" | "cancelled" | "error" => self.fail(&said, data, events),
            // Progress of servers' tools, ends of what has ended for us already, and what is newer than this file.
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, said: &Said<'_>, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        if std::mem::replace(&mut self.started, true) {
            return Ok(());
        }
        let response: Response<'_> = parsed(said.response, "response")?;
        let created = response.created();
        events.push(Event::Start { id: response.id, model: response.model, created, usage: None });
        Ok(())
    }

    /// Opens a part.
    fn push(
        &mut self,
        (output, content): (u64, u64),
        kind: Kind,
        opening: Opening,
        events: &mut Vec<Event>,
    ) -> Result<u32, Unreadable> {
        if self.open.len() >= MAX_OPEN {
            return Err(Unreadable("more than 512 items are open at once".to_owned()));
        }
        let part = self.parts;
        self.parts += 1;
        self.open.push(Open { output, content, part, kind, text: None });
        events.push(Event::Open { choice: 0, part, opening });
        Ok(part)
    }

    fn begin(&mut self, said: &Said<'_>, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let output: Output = parsed(said.item, "item")?;
        let place = (said.output_index, 0);
        match output.kind.as_str() {
            "function_call" => {
                self.called = true;
                let opening = Opening::ToolCall { id: output.call_id, name: output.name };
                self.push(place, Kind::Call(false), opening, events)?;
                self.arguments(said.output_index, output.arguments, events);
            }
            "custom_tool_call" => {
                self.called = true;
                let input = output.input().to_owned();
                let opening = Opening::ToolCall { id: output.call_id, name: output.name };
                self.push(place, Kind::Call(false), opening, events)?;
                if let Some(open) = self.open.last_mut() {
                    open.text = Some(Wrap::default());
                }
                self.arguments(said.output_index, input, events);
            }
            "reasoning" => _ = self.push(place, Kind::Thinking(None), Opening::Thinking, events)?,
            // A message's contents are parts of their own; all others are told when they are done.
            _ => {}
        }
        Ok(())
    }

    /// The part of a message's content, which begins here unless it has.
    fn content(&mut self, said: &Said<'_>, kind: Kind, events: &mut Vec<Event>) -> Result<u32, Unreadable> {
        let place = (said.output_index, said.content_index);
        if let Some(open) =
            self.open.iter().find(|open| (open.output, open.content) == place && open.kind == kind)
        {
            return Ok(open.part);
        }
        self.refused |= kind == Kind::Refusal;
        self.push(place, kind, if kind == Kind::Refusal { Opening::Refusal } else { Opening::Text }, events)
    }

    /// Whether a call's arguments are to come, and none of them has.
    fn awaits(&self, output: u64) -> bool {
        self.open.iter().any(|open| open.output == output && open.kind == Kind::Call(false))
    }

    fn arguments(&mut self, output: u64, text: String, events: &mut Vec<Event>) {
        let call =
            self.open.iter_mut().find(|open| open.output == output && matches!(open.kind, Kind::Call(_)));
        if let Some(open) = call.filter(|_| !text.is_empty()) {
            open.kind = Kind::Call(true);
            let text = match &mut open.text {
                Some(wrap) => wrap.feed(&text),
                None => text,
            };
            events.push(Event::Delta { choice: 0, part: open.part, delta: Delta::Arguments(text) });
        }
    }

    fn thought(&mut self, said: &Said<'_>, piece: u64, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let mut text: String = parsed(said.delta, "delta")?;
        let thinking =
            |open: &&mut Open| open.output == said.output_index && matches!(open.kind, Kind::Thinking(_));
        if let Some(open) = self.open.iter_mut().find(thinking) {
            // Pieces of a summary are paragraphs.
            if matches!(open.kind, Kind::Thinking(Some(last)) if last != piece) {
                text.insert_str(0, "\n\n");
            }
            open.kind = Kind::Thinking(Some(piece));
            events.push(Event::Delta { choice: 0, part: open.part, delta: Delta::Thinking(text) });
        }
        Ok(())
    }

    fn done(&mut self, said: &Said<'_>, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let output: Output = parsed(said.item, "item")?;
        let index = said.output_index;
        match output.kind.as_str() {
            "message" => {}
            "function_call" if self.awaits(index) => self.arguments(index, output.arguments, events),
            "custom_tool_call" if self.awaits(index) => {
                self.arguments(index, output.input().to_owned(), events);
            }
            "function_call" | "custom_tool_call" => {}
            "reasoning" => {
                let thinking = |open: &&Open| open.output == index && matches!(open.kind, Kind::Thinking(_));
                if let Some(open) = self.open.iter().find(thinking) {
                    let delta = reasoning::kept(&output.id, output.encrypted_content.as_deref()).map(
                        |kept| match kept {
                            Kept::Signature(signed) => Delta::Signature(signed),
                            Kept::Redacted(data) => Delta::Redacted(data),
                        },
                    );
                    let part = open.part;
                    events.extend(delta.map(|delta| Event::Delta { choice: 0, part, delta }));
                }
            }
            _ => {
                let raw = said.item.map(RawValue::get).unwrap_or_default();
                let whole: Part = answer::whole(raw, output)?;
                let part = self.parts;
                self.parts += 1;
                events.push(Event::Open { choice: 0, part, opening: Opening::Whole(Box::new(whole)) });
                events.push(Event::Close { choice: 0, part });
                return Ok(());
            }
        }
        self.close(index, None, events);
        Ok(())
    }

    /// Closes a content of an item, or all that is open of it.
    fn close(&mut self, output: u64, content: Option<u64>, events: &mut Vec<Event>) {
        self.open.retain_mut(|open| {
            let message = matches!(open.kind, Kind::Text | Kind::Refusal);
            let closes =
                open.output == output && content.is_none_or(|content| message && open.content == content);
            if closes {
                open.close(events);
            }
            !closes
        });
    }

    fn end(&mut self, said: &Said<'_>, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let response: Response<'_> = parsed(said.response, "response")?;
        self.open.drain(..).for_each(|mut open| open.close(events));
        let stop = response.stop(self.called, self.refused);
        events.push(Event::Stop { choice: 0, stop, sequence: None });
        if let Some(usage) = response.usage {
            events.push(Event::Usage(usage::Said::tokens(usage)));
        }
        self.ended = true;
        events.push(Event::End);
        Ok(())
    }

    fn fail(&mut self, said: &Said<'_>, data: &[u8], events: &mut Vec<Event>) {
        let whole: Value = match said.response {
            // Of a response that failed its error, which is `null` where it was cancelled.
            Some(raw) => serde_json::from_str(raw.get()).unwrap_or_default(),
            None => serde_json::from_slice(data).unwrap_or_default(),
        };
        let mut error = error::object(&whole);
        error.status = 200;
        if error.message.is_empty() {
            error.message = format!("the AI provider ended the stream with `{}`", said.kind);
        }
        // The event's own type is no word for what went wrong.
        error.kind = error.kind.filter(|kind| kind != "error");
        self.ended = true;
        events.push(Event::Error(error));
    }
}
