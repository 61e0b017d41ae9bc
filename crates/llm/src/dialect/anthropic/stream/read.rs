//! Streams, read: events of blocks become events of parts.

use super::super::answer::{self, Block, StopDetails};
use super::super::{NAME, citation, error, usage};
use crate::canon::{Delta, Event, Opening, Part, Stop, signature};
use crate::dialect::chat::{ReadStream, Unreadable};
use crate::stream::whole::Events;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Blocks that may be open at once; the vendor has one.
const MAX_OPEN: usize = 256;

/// Bytes of a block that is told whole only: a call of a server's tool.
const MAX_HELD: usize = 16 << 20;

/// Reads a stream.
#[derive(Default)]
pub(in crate::dialect::anthropic) struct Reader {
    events: Events,
    state: State,
}

#[derive(Default)]
struct State {
    open: Vec<Open>,
    /// Parts so far.
    parts: u32,
    usage: usage::Said,
    stopped: bool,
    ended: bool,
}

/// A block that goes on.
struct Open {
    /// The vendor's number.
    index: u64,
    part: u32,
    kind: Kind,
}

enum Kind {
    /// Told as it comes.
    Told,
    /// A tool's call; whether it had arguments so far.
    Call(bool),
    /// A call of a server's tool: told at its end. As it began, and the pieces of its input.
    Held(Value, String),
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(rename = "type", default)]
    kind: String,
    index: Option<u64>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    usage: Option<usage::Said>,
}

#[derive(Deserialize)]
struct Begun {
    #[serde(default)]
    id: String,
    #[serde(default)]
    model: String,
    usage: Option<usage::Said>,
}

#[derive(Default, Deserialize)]
struct Piece<'a> {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    thinking: String,
    #[serde(default)]
    signature: String,
    #[serde(default)]
    partial_json: String,
    #[serde(borrow)]
    citation: Option<&'a RawValue>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    stop_details: Option<StopDetails>,
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

fn parsed<'a, T: Deserialize<'a>>(data: &'a [u8], what: &str) -> Result<T, Unreadable> {
    serde_json::from_slice(data).map_err(|error| Unreadable(format!("{what} cannot be read: {error}")))
}

fn inner<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>, what: &str) -> Result<T, Unreadable> {
    let raw = raw.ok_or_else(|| Unreadable(format!("an event lacks its `{what}`")))?;
    parsed(raw.get().as_bytes(), what)
}

impl State {
    fn event(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), Unreadable> {
        if self.ended {
            return Ok(());
        }
        let said: Said<'_> = parsed(data, "an event of the stream")?;
        match said.kind.as_str() {
            "message_start" => {
                let begun: Begun = inner(said.message, "message")?;
                let told = begun.usage.is_some();
                self.usage.add(begun.usage.unwrap_or_default());
                let usage = told.then(|| self.usage.tokens());
                events.push(Event::Start { id: begun.id, model: begun.model, created: None, usage });
            }
            "content_block_start" => self.begin(&said, events)?,
            "content_block_delta" => self.go_on(&said, events)?,
            "content_block_stop" => self.close(said.index.unwrap_or(0), events)?,
            "message_delta" => self.stop(said, events)?,
            "message_stop" => {
                self.ended = true;
                events.push(Event::End);
            }
            "ping" => events.push(Event::Ping),
            "error" => {
                self.ended = true;
                events.push(Event::Error(error::read(200, data)));
            }
            // Newer than this file.
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, said: &Said<'_>, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let raw = said.content_block.map(RawValue::get).unwrap_or("{}");
        let block: Block<'_> = match serde_json::from_str(raw) {
            Ok(block) => block,
            Err(_) => Block::of_kind(String::new()),
        };
        if self.open.len() >= MAX_OPEN {
            return Err(Unreadable("more than 256 blocks are open at once".to_owned()));
        }
        let index = said.index.unwrap_or(0);
        let part = self.parts;
        self.parts += 1;
        let open = |opening| Event::Open { choice: 0, part, opening };
        let delta = |delta| Event::Delta { choice: 0, part, delta };
        let kind = match block.kind.as_str() {
            "text" => {
                events.push(open(Opening::Text));
                if !block.text.is_empty() {
                    events.push(delta(Delta::Text(block.text)));
                }
                Kind::Told
            }
            "thinking" => {
                events.push(open(Opening::Thinking));
                if !block.thinking.is_empty() {
                    events.push(delta(Delta::Thinking(block.thinking)));
                }
                if let Some(signed) = block.signature.filter(|text| !text.is_empty()) {
                    events.push(delta(Delta::Signature(signature::read(NAME, &signed))));
                }
                Kind::Told
            }
            "redacted_thinking" => {
                events.push(open(Opening::Thinking));
                let data = block.data.unwrap_or_default();
                events.push(delta(Delta::Redacted(signature::read(NAME, &data))));
                Kind::Told
            }
            "tool_use" => {
                events.push(open(Opening::ToolCall { id: block.id, name: block.name }));
                // It begins with `{}`; should one come with all of its arguments at once, they count.
                let whole = block.input.map(RawValue::get).filter(|text| !matches!(*text, "{}" | "null"));
                if let Some(arguments) = whole {
                    events.push(delta(Delta::Arguments(arguments.to_owned())));
                }
                Kind::Call(whole.is_some())
            }
            _ => match answer::native(raw)? {
                Part::Native { value, .. } => Kind::Held(value, String::new()),
                _ => Kind::Told,
            },
        };
        self.open.push(Open { index, part, kind });
        Ok(())
    }

    fn go_on(&mut self, said: &Said<'_>, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let index = said.index.unwrap_or(0);
        let Some(open) = self.open.iter_mut().find(|open| open.index == index) else {
            return Err(Unreadable(format!("block {index} goes on without having begun")));
        };
        let piece: Piece<'_> = inner(said.delta, "delta")?;
        let delta = match piece.kind.as_str() {
            "text_delta" => Delta::Text(piece.text),
            "thinking_delta" => Delta::Thinking(piece.thinking),
            "signature_delta" => Delta::Signature(signature::read(NAME, &piece.signature)),
            "citations_delta" => match piece.citation.and_then(|raw| citation::read_answer(raw.get())) {
                Some(citation) => Delta::Citation(citation),
                None => return Ok(()),
            },
            "input_json_delta" if piece.partial_json.is_empty() => return Ok(()),
            "input_json_delta" => match &mut open.kind {
                Kind::Held(_, input) => {
                    if input.len() + piece.partial_json.len() > MAX_HELD {
                        return Err(Unreadable("a server tool's input is longer than 16 MiB".to_owned()));
                    }
                    input.push_str(&piece.partial_json);
                    return Ok(());
                }
                Kind::Call(told) => {
                    *told = true;
                    Delta::Arguments(piece.partial_json)
                }
                Kind::Told => return Ok(()),
            },
            _ => return Ok(()),
        };
        if !matches!(open.kind, Kind::Held(..)) {
            events.push(Event::Delta { choice: 0, part: open.part, delta });
        }
        Ok(())
    }

    fn close(&mut self, index: u64, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let Some(at) = self.open.iter().position(|open| open.index == index) else {
            return Err(Unreadable(format!("block {index} ends without having begun")));
        };
        let Open { part, kind, .. } = self.open.remove(at);
        match kind {
            Kind::Told | Kind::Call(true) => {}
            Kind::Call(false) => {
                events.push(Event::Delta { choice: 0, part, delta: Delta::Arguments("{}".to_owned()) });
            }
            Kind::Held(mut value, input) => {
                if let (Some(object), false) = (value.as_object_mut(), input.is_empty()) {
                    let input = serde_json::from_str(&input).unwrap_or(Value::Object(Map::new()));
                    object.insert("input".to_owned(), input);
                }
                let opening = Opening::Whole(Box::new(Part::Native { dialect: NAME, value }));
                events.push(Event::Open { choice: 0, part, opening });
            }
        }
        events.push(Event::Close { choice: 0, part });
        Ok(())
    }

    fn stop(&mut self, said: Said<'_>, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        if let Some(usage) = said.usage {
            self.usage.add(usage);
        }
        let piece: Piece<'_> = inner(said.delta, "delta")?;
        if let Some(word) = piece.stop_reason
            && !std::mem::replace(&mut self.stopped, true)
        {
            if let Some(words) = piece.stop_details.and_then(|details| details.explanation) {
                let (choice, part) = (0, self.parts);
                self.parts += 1;
                events.push(Event::Open { choice, part, opening: Opening::Refusal });
                events.push(Event::Delta { choice, part, delta: Delta::Text(words) });
                events.push(Event::Close { choice, part });
            }
            let stop: Stop = answer::stop(word);
            events.push(Event::Stop { choice: 0, stop, sequence: piece.stop_sequence });
        }
        events.push(Event::Usage(self.usage.tokens()));
        Ok(())
    }
}
