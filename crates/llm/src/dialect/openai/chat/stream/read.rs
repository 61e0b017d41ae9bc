//! Chunks, read.

use super::super::answer::Message;
use super::super::error;
use super::super::usage::{Logprobs, Usage};
use super::choice::Choice;
use crate::canon::Event;
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
                self.choices.push(Choice::of(index));
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
        if !logprobs.is_empty() {
            choice.logprobs(logprobs, events);
        }
        if let Some(word) = wire.finish_reason.filter(|word| !word.is_empty()) {
            choice.stop(&word, events);
        }
        Ok(())
    }
}
