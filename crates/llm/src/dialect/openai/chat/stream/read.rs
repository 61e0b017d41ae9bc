//! Chunks, read.

use super::super::answer::{Call, Content, Message, content_part, detail, image};
use super::super::usage::{self, Logprobs, Usage};
use super::super::{NAME, error};
use crate::canon::{Delta, Event, Opening, Part, Thinking};
use crate::dialect::chat::{ReadStream, Unreadable};
use crate::stream::whole::Events;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    created: Option<f64>,
    #[serde(default)]
    choices: Option<Vec<ChunkChoice>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct ChunkChoice {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    delta: Option<Message>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    logprobs: Option<Logprobs>,
    #[serde(default)]
    usage: Option<Usage>,
}

/// Reads chunks.
#[derive(Default)]
pub(in super::super) struct Reader {
    events: Events,
    state: State,
}

#[derive(Default)]
struct State {
    started: bool,
    ended: bool,
    choices: Vec<Choice>,
}

/// Answers at once, at most: the API's bound of `n` is 128.
const MAX_CHOICES: usize = 128;

#[derive(Default)]
struct Choice {
    index: u32,
    next: u32,
    open: Option<(u32, Kind)>,
    /// Calls so far: the index and the id that each has on the wire.
    calls: Vec<(Option<u32>, String)>,
    refused: bool,
    stopped: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Refusal,
    /// The call of this position in `calls`.
    Call(usize),
}

impl ReadStream for Reader {
    fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let state = &mut self.state;
        self.events.feed(bytes, |kind, data| state.event(kind, data, events))
    }

    fn finish(&mut self, events: &mut Vec<Event>) {
        let state = &mut self.state;
        // Half an event at the end of a body says nothing: the body was cut.
        let _ = self.events.finish(|kind, data| state.event(kind, data, events));
        // Some vendors end without `[DONE]`.
        if !state.ended && !state.choices.is_empty() && state.choices.iter().all(|choice| choice.stopped) {
            state.ended = true;
            events.push(Event::End);
        }
    }
}

impl State {
    fn event(&mut self, kind: &[u8], data: &[u8], events: &mut Vec<Event>) -> Result<(), Unreadable> {
        if self.ended {
            return Ok(());
        }
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.ended = true;
            for choice in &mut self.choices {
                if !choice.stopped {
                    choice.stop("stop", events);
                }
            }
            events.push(Event::End);
            return Ok(());
        }
        if data.is_empty() {
            return Ok(());
        }
        if kind == b"error" {
            let body = serde_json::from_slice(data)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(data).into_owned()));
            self.fail(&body, events);
            return Ok(());
        }
        let chunk: Chunk = serde_json::from_slice(data)
            .map_err(|error| Unreadable(format!("an event of the stream is no chunk: {error}")))?;
        if let Some(failed) = chunk.error.filter(|error| !error.is_null()) {
            self.fail(&serde_json::json!({ "error": failed }), events);
            return Ok(());
        }
        let choices = chunk.choices.unwrap_or_default();
        // Azure begins with a chunk about the prompt, in which the answer has no name yet.
        if !self.started && (!choices.is_empty() || chunk.usage.is_some()) {
            self.started = true;
            events.push(Event::Start {
                id: chunk.id.unwrap_or_default(),
                model: chunk.model.unwrap_or_default(),
                created: chunk.created.map(|seconds| seconds as i64),
                usage: None,
            });
        }
        for choice in choices {
            self.choice(choice, events)?;
        }
        if let Some(tokens) = chunk.usage.and_then(|usage| usage.tokens()) {
            events.push(Event::Usage(tokens));
        }
        Ok(())
    }

    fn fail(&mut self, body: &Value, events: &mut Vec<Event>) {
        self.ended = true;
        let mut error = error::object(body);
        error.status = 200;
        if error.message.is_empty() {
            error.message = "the provider ended the stream with an error and did not say which".to_owned();
        }
        events.push(Event::Error(error));
    }

    fn choice(&mut self, wire: ChunkChoice, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let index = wire.index.unwrap_or(0);
        let at = match self.choices.iter().position(|choice| choice.index == index) {
            Some(at) => at,
            None if self.choices.len() >= MAX_CHOICES => {
                return Err(Unreadable(format!("the stream has more than {MAX_CHOICES} choices")));
            }
            None => {
                self.choices.push(Choice { index, ..Choice::default() });
                self.choices.len() - 1
            }
        };
        let choice = &mut self.choices[at];
        if let Some(tokens) = wire.usage.and_then(|usage| usage.tokens()) {
            events.push(Event::Usage(tokens));
        }
        if choice.stopped {
            // A second ending, or an empty delta with the usage: nothing new.
            return Ok(());
        }
        if let Some(delta) = wire.delta {
            choice.delta(delta, events)?;
        }
        let logprobs = wire.logprobs.map(Logprobs::into_canon).unwrap_or_default();
        if !logprobs.is_empty()
            && let Some((part, _)) = choice.open
        {
            events.push(Event::Delta { choice: index, part, delta: Delta::Logprobs(logprobs) });
        }
        if let Some(word) = wire.finish_reason.filter(|word| !word.is_empty()) {
            choice.stop(&word, events);
        }
        Ok(())
    }
}

impl Choice {
    fn delta(&mut self, delta: Message, events: &mut Vec<Event>) -> Result<(), Unreadable> {
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

    /// Goes on with a part of this kind: the open one, or a new one.
    fn say(&mut self, kind: Kind, delta: Delta, events: &mut Vec<Event>) {
        let part = match self.open {
            Some((part, open)) if open == kind => part,
            _ => self.open(
                kind,
                match kind {
                    Kind::Thinking => Opening::Thinking,
                    Kind::Refusal => Opening::Refusal,
                    Kind::Text | Kind::Call(_) => Opening::Text,
                },
                events,
            ),
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

    fn open(&mut self, kind: Kind, opening: Opening, events: &mut Vec<Event>) -> u32 {
        self.close(events);
        let part = self.next;
        self.next += 1;
        self.open = Some((part, kind));
        events.push(Event::Open { choice: self.index, part, opening });
        part
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if let Some((part, _)) = self.open.take() {
            events.push(Event::Close { choice: self.index, part });
        }
    }

    fn whole(&mut self, part: Part, events: &mut Vec<Event>) {
        self.open(Kind::Text, Opening::Whole(Box::new(part)), events);
        self.close(events);
    }

    /// A piece of a call. Which call it is of is said by its index; some vendors send no index, or 0 for every call, and
    /// tell calls apart by their ids, and some repeat id and name in every piece.
    fn call(&mut self, mut call: Call, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let id = call.id.take().filter(|id| !id.is_empty());
        let signature = call.signature();
        let mut function = call.function.take().unwrap_or_default();
        let name = function.name.take().filter(|name| !name.is_empty());
        let arguments = function.arguments();
        let known = self.calls.iter().rposition(|(index, known)| match &id {
            Some(id) => known == id,
            None => call.index.is_none() || *index == call.index,
        });
        // A name where there is no id: another call, unless the index says that it is the one that is open.
        let known = known.filter(|at| {
            let open = matches!(self.open, Some((_, Kind::Call(open))) if open == *at);
            id.is_some() || name.is_none() || (call.index.is_some() && open)
        });
        let part = match (known, self.open) {
            (Some(at), Some((part, Kind::Call(open)))) if open == at => part,
            (Some(_), _) => {
                if arguments.is_empty() {
                    return Ok(());
                }
                return Err(Unreadable("a tool's call goes on after another one began".to_owned()));
            }
            (None, _) => {
                let id = id.unwrap_or_else(|| format!("call_{}", self.calls.len()));
                self.calls.push((call.index, id.clone()));
                let opening = Opening::ToolCall { id, name: name.unwrap_or_default() };
                self.open(Kind::Call(self.calls.len() - 1), opening, events)
            }
        };
        if !arguments.is_empty() {
            events.push(Event::Delta { choice: self.index, part, delta: Delta::Arguments(arguments) });
        }
        if let Some(signature) = signature {
            events.push(Event::Delta { choice: self.index, part, delta: Delta::Signature(signature) });
        }
        Ok(())
    }

    fn stop(&mut self, word: &str, events: &mut Vec<Event>) {
        self.close(events);
        self.stopped = true;
        let stop = usage::stop(word, !self.calls.is_empty(), self.refused);
        events.push(Event::Stop { choice: self.index, stop, sequence: None });
    }
}
