//! Events, read.

use super::super::answer::{Call, Content, LogprobItem, Usage, citation, failed, stop};
use crate::canon::{Delta, Event, Opening, ProviderError};
use crate::dialect::chat::{ReadStream, Unreadable};
use crate::stream::whole::Events;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    index: u32,
    #[serde(default)]
    delta: WireDelta,
    #[serde(default)]
    logprobs: Option<LogprobItem>,
    /// Beside the type: what went wrong.
    #[serde(default)]
    message: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireDelta {
    message: Option<Message>,
    finish_reason: Option<String>,
    usage: Option<Usage>,
    error: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    /// An object, but for the empty list that the first event has.
    content: Option<Value>,
    tool_plan: Option<String>,
    tool_calls: Option<Value>,
    citations: Option<Value>,
}

/// Reads events.
#[derive(Default)]
pub(in super::super) struct Reader {
    events: Events,
    state: State,
}

#[derive(Default)]
struct State {
    next: u32,
    /// What is open: which of the format's parts, and which of ours.
    open: Vec<(Kind, u32)>,
    ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plan,
    Text(u32),
    Thinking(u32),
    Call(u32),
}

impl ReadStream for Reader {
    fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let state = &mut self.state;
        self.events.feed(bytes, |_, data| state.event(data, events))
    }

    fn finish(&mut self, events: &mut Vec<Event>) {
        let state = &mut self.state;
        // Half an event at the end of a body says nothing: the body was cut.
        let _ = self.events.finish(|_, data| state.event(data, events));
    }
}

impl State {
    fn event(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let data = data.trim_ascii();
        if self.ended || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let wire: Wire = serde_json::from_slice(data)
            .map_err(|error| Unreadable(format!("an event of the stream is none of Cohere's: {error}")))?;
        let index = wire.index;
        let message = wire.delta.message.unwrap_or_default();
        match wire.kind.as_str() {
            "message-start" => events.push(Event::Start {
                id: wire.id.unwrap_or_default(),
                model: String::new(),
                created: None,
                usage: None,
            }),
            "content-start" => {
                let content = part::<Content>(message.content);
                let thinking = content.kind.as_deref() == Some("thinking");
                let (kind, opening) = if thinking {
                    (Kind::Thinking(index), Opening::Thinking)
                } else {
                    (Kind::Text(index), Opening::Text)
                };
                self.open(kind, opening, events);
                self.say(content, index, events);
            }
            "content-delta" => {
                self.say(part(message.content), index, events);
                if let Some(logprob) = wire.logprobs.and_then(LogprobItem::into_canon)
                    && let Some(part) = self.part(|kind| kind == Kind::Text(index))
                {
                    events.push(Event::Delta { choice: 0, part, delta: Delta::Logprobs(vec![logprob]) });
                }
            }
            "content-end" => {
                self.close(|kind| kind == Kind::Text(index) || kind == Kind::Thinking(index), events);
            }
            "tool-plan-delta" => {
                let part = match self.part(|kind| kind == Kind::Plan) {
                    Some(part) => part,
                    None => self.open(Kind::Plan, Opening::Text, events),
                };
                let text = message.tool_plan.unwrap_or_default();
                if !text.is_empty() {
                    events.push(Event::Delta { choice: 0, part, delta: Delta::Text(text) });
                }
            }
            "tool-call-start" => {
                self.close(|kind| kind == Kind::Plan, events);
                let call = part::<Call>(message.tool_calls);
                let function = call.function.unwrap_or_default();
                let opening = Opening::ToolCall {
                    id: call.id.unwrap_or_else(|| format!("call_{index}")),
                    name: function.name.unwrap_or_default(),
                };
                let part = self.open(Kind::Call(index), opening, events);
                arguments(part, function.arguments, events);
            }
            "tool-call-delta" => {
                let call = part::<Call>(message.tool_calls);
                let Some(part) = self.part(|kind| kind == Kind::Call(index)) else {
                    return Err(Unreadable("a tool's call goes on that did not begin".to_owned()));
                };
                arguments(part, call.function.unwrap_or_default().arguments, events);
            }
            "tool-call-end" => self.close(|kind| kind == Kind::Call(index), events),
            "citation-start" => {
                let cited = message.citations.as_ref().and_then(citation);
                let part = self.part(|kind| matches!(kind, Kind::Text(_) | Kind::Plan));
                if let (Some(cited), Some(part)) = (cited, part) {
                    events.push(Event::Delta { choice: 0, part, delta: Delta::Citation(cited) });
                }
            }
            "message-end" => {
                self.ended = true;
                let word = wire.delta.finish_reason.unwrap_or_else(|| "COMPLETE".to_owned());
                if failed(&word) || wire.delta.error.is_some() {
                    let message = wire
                        .delta
                        .error
                        .unwrap_or_else(|| "the provider ended the stream with an error".to_owned());
                    let error =
                        ProviderError { status: 200, kind: Some(word), message, ..ProviderError::default() };
                    events.push(Event::Error(error));
                    return Ok(());
                }
                self.close(|_| true, events);
                events.push(Event::Stop { choice: 0, stop: stop(&word), sequence: None });
                events.extend(wire.delta.usage.and_then(|usage| usage.tokens()).map(Event::Usage));
                events.push(Event::End);
            }
            // An error in place of an event.
            "" if wire.message.is_some() => {
                self.ended = true;
                let message = wire.message.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
                events.push(Event::Error(ProviderError { status: 200, message, ..ProviderError::default() }));
            }
            _ => {}
        }
        Ok(())
    }

    fn say(&mut self, content: Content, index: u32, events: &mut Vec<Event>) {
        let said = [
            content.text.map(|text| (Kind::Text(index), text.is_empty(), Delta::Text(text))),
            content.thinking.map(|text| (Kind::Thinking(index), text.is_empty(), Delta::Thinking(text))),
        ];
        for (kind, empty, delta) in said.into_iter().flatten() {
            if let Some(part) = self.part(|open| open == kind)
                && !empty
            {
                events.push(Event::Delta { choice: 0, part, delta });
            }
        }
    }

    fn part(&self, of: impl Fn(Kind) -> bool) -> Option<u32> {
        self.open.iter().rev().find(|(kind, _)| of(*kind)).map(|(_, part)| *part)
    }

    fn open(&mut self, kind: Kind, opening: Opening, events: &mut Vec<Event>) -> u32 {
        let part = self.next;
        self.next += 1;
        self.open.push((kind, part));
        events.push(Event::Open { choice: 0, part, opening });
        part
    }

    fn close(&mut self, which: impl Fn(Kind) -> bool, events: &mut Vec<Event>) {
        self.open.retain(|(kind, part)| {
            if which(*kind) {
                events.push(Event::Close { choice: 0, part: *part });
            }
            !which(*kind)
        });
    }
}

fn arguments(part: u32, text: Option<String>, events: &mut Vec<Event>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        events.push(Event::Delta { choice: 0, part, delta: Delta::Arguments(text) });
    }
}

fn part<T: Default + for<'de> Deserialize<'de>>(value: Option<Value>) -> T {
    value.and_then(|value| T::deserialize(value).ok()).unwrap_or_default()
}
