//! A stream to a caller.

use super::super::write::{blob, citation, id, tool_name};
use super::super::{NAME, answer, error, formats};
use crate::canon::signature;
use crate::canon::{Delta, Event, MediaKind, Opening, Origin, Part, Stop, Tokens};
use crate::dialect::chat::WriteStream;
use crate::json::write::Writer as Json;
use crate::stream::eventstream::{self, Value};

/// Writes a stream.
#[derive(Debug, Default)]
pub(in super::super) struct Writer {
    started: bool,
    stopped: bool,
    over: bool,
    open: Vec<Block>,
    /// Blocks so far.
    blocks: u32,
    usage: Option<Tokens>,
    /// Reused: the payload under way.
    payload: Vec<u8>,
}

#[derive(Debug)]
struct Block {
    part: u32,
    kind: Kind,
    /// Its number, once something of it was written: numbers have no gaps, and text that never comes is no block.
    index: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Call,
}

impl WriteStream for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { usage, .. } => {
                self.usage = *usage;
                self.start(out);
            }
            Event::Open { choice: 0, part, opening } => self.open(*part, opening, out),
            Event::Delta { choice: 0, part, delta } => self.delta(*part, delta, out),
            Event::Close { choice: 0, part } => {
                if let Some(at) = self.open.iter().position(|block| block.part == *part) {
                    let block = self.open.remove(at);
                    if let Some(index) = block.index {
                        self.say("contentBlockStop", out, |w| w.member("contentBlockIndex", &index));
                    }
                }
            }
            Event::Stop { choice: 0, stop, sequence } => self.stop(stop, sequence.as_deref(), out),
            Event::Usage(tokens) => self.usage = Some(*tokens),
            Event::Error(error) => {
                self.over = true;
                error::write_event(error, out);
            }
            Event::End => {
                self.start(out);
                self.stop(&Stop::End, None, out);
                self.over = true;
                // Without figures there is no event for them: noughts would be a lie.
                if let Some(tokens) = self.usage {
                    self.say("metadata", out, |w| {
                        w.name("usage").object(|w| answer::usage(w, &tokens));
                        w.name("metrics").object(|w| w.member("latencyMs", &0));
                    });
                }
            }
            // There is one choice, and nothing to say that all is well.
            Event::Open { .. }
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Stop { .. }
            | Event::Ping => {}
        }
    }
}

impl Writer {
    fn start(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.started, true) {
            self.say("messageStart", out, |w| w.member("role", "assistant"));
        }
    }

    fn stop(&mut self, stop: &Stop, sequence: Option<&str>, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.stopped, true) {
            self.say("messageStop", out, |w| {
                w.member("stopReason", answer::word(stop));
                answer::additional(w, sequence);
            });
        }
    }

    fn open(&mut self, part: u32, opening: &Opening, out: &mut Vec<u8>) {
        self.start(out);
        let kind = match opening {
            // These are not announced: the first piece says what they are.
            Opening::Text | Opening::Refusal => Kind::Text,
            Opening::Thinking => Kind::Thinking,
            Opening::ToolCall { id: call, name } => {
                let index = self.number();
                self.open.push(Block { part, kind: Kind::Call, index: Some(index) });
                self.say("contentBlockStart", out, |w| {
                    w.name("start").object(|w| {
                        w.name("toolUse").object(|w| {
                            w.member("toolUseId", &id(call));
                            w.member("name", &tool_name(name));
                        });
                    });
                    w.member("contentBlockIndex", &index);
                });
                return;
            }
            Opening::Whole(whole) => return self.whole(whole, out),
        };
        self.open.push(Block { part, kind, index: None });
    }

    fn number(&mut self) -> u32 {
        self.blocks = self.blocks.saturating_add(1);
        self.blocks - 1
    }

    fn whole(&mut self, part: &Part, out: &mut Vec<u8>) {
        match part {
            Part::Media(media) if media.kind == MediaKind::Image => {
                let format = media.mime.as_deref().and_then(|mime| formats::word(media.kind, mime));
                let (Some(format), Origin::Data(data)) = (format, &media.origin) else { return };
                let index = self.number();
                self.say("contentBlockStart", out, |w| {
                    w.name("start").object(|w| w.name("image").object(|w| w.member("format", format)));
                    w.member("contentBlockIndex", &index);
                });
                self.piece(index, out, |w| {
                    w.name("image").object(|w| w.name("source").object(|w| w.member("bytes", data)));
                });
                self.say("contentBlockStop", out, |w| w.member("contentBlockIndex", &index));
            }
            Part::Text(text) if !text.text.is_empty() => {
                let index = self.number();
                self.piece(index, out, |w| w.member("text", &text.text));
                self.say("contentBlockStop", out, |w| w.member("contentBlockIndex", &index));
            }
            // No words for anything else: the reference says so.
            _ => {}
        }
    }

    fn delta(&mut self, part: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some(at) = self.open.iter().position(|block| block.part == part) else { return };
        let fits = match (self.open[at].kind, delta) {
            (Kind::Text, Delta::Text(_) | Delta::Citation(_)) | (Kind::Call, Delta::Arguments(_)) => true,
            (Kind::Thinking, Delta::Thinking(_) | Delta::Signature(_) | Delta::Redacted(_)) => true,
            // A signature over text or a call has no place here.
            _ => false,
        };
        if !fits {
            return;
        }
        let index = match self.open[at].index {
            Some(index) => index,
            None => {
                let index = self.number();
                self.open[at].index = Some(index);
                index
            }
        };
        self.piece(index, out, |w| match delta {
            Delta::Text(text) => w.member("text", text),
            Delta::Arguments(text) => w.name("toolUse").object(|w| w.member("input", text)),
            Delta::Thinking(text) => w.name("reasoningContent").object(|w| w.member("text", text)),
            Delta::Signature(text) => {
                w.name("reasoningContent").object(|w| w.member("signature", signature::to_caller(NAME, text)))
            }
            Delta::Redacted(text) => {
                w.name("reasoningContent").object(|w| w.member("redactedContent", &blob(text)));
            }
            Delta::Citation(one) => w.name("citation").object(|w| citation(w, one)),
            Delta::Logprobs(_) => {}
        });
    }

    fn piece(&mut self, index: u32, out: &mut Vec<u8>, delta: impl FnOnce(&mut Json<'_>)) {
        self.say("contentBlockDelta", out, |w| {
            w.member("contentBlockIndex", &index);
            w.name("delta").object(delta);
        });
    }

    fn say(&mut self, event: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut Json<'_>)) {
        self.payload.clear();
        Json::new(&mut self.payload).object(members);
        let headers = [
            (":event-type", Value::Text(event)),
            (":content-type", Value::Text("application/json")),
            (":message-type", Value::Text("event")),
        ];
        eventstream::write(&headers, &self.payload, out);
    }
}
