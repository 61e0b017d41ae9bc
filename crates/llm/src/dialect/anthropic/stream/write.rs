//! Streams, written: parts become blocks, numbered as they show something.

use super::super::answer::{direct, id, model, stopped};
use super::super::{NAME, citation, error, usage};
use crate::canon::{Delta, Event, Opening, Part, Stop, Thinking, Tokens, signature};
use crate::dialect::chat::{Asked, WriteStream};
use crate::json::write::Writer as Json;

/// Bytes of a refusal that are kept; they are a few sentences.
const MAX_REFUSED: usize = 1 << 20;

/// Writes a stream.
pub(in crate::dialect::anthropic) struct Writer {
    asked: Asked,
    started: bool,
    open: Vec<Block>,
    /// Blocks so far.
    blocks: u32,
    stop: Stop,
    sequence: Option<String>,
    refused: Option<String>,
    usage: Tokens,
}

/// A part that goes on.
struct Block {
    part: u32,
    kind: Kind,
    /// Its number, once it was told: a block in which nothing is said is none.
    index: Option<u32>,
}

#[derive(Clone, PartialEq)]
enum Kind {
    Text,
    Thinking,
    Redacted,
    Refusal,
    Call(String, String),
    /// Told already, or nothing that this dialect has a word for.
    Done,
}

impl Writer {
    pub(in crate::dialect::anthropic) fn new(asked: &Asked) -> Self {
        Self {
            asked: asked.clone(),
            started: false,
            open: Vec::new(),
            blocks: 0,
            stop: Stop::End,
            sequence: None,
            refused: None,
            usage: Tokens::default(),
        }
    }

    fn start(&mut self, given: &str, name: &str, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        event("message_start", out, |w| {
            w.name("message").object(|w| {
                w.member("id", &id(given, &self.asked));
                w.member("type", "message");
                w.member("role", "assistant");
                w.member("model", model(name, &self.asked));
                w.name("content").array(|_| {});
                w.member("stop_reason", &None::<&str>);
                w.member("stop_sequence", &None::<&str>);
                w.member("stop_details", &None::<&str>);
                w.name("usage");
                usage::write(&self.usage, None, w);
                w.member("container", &None::<&str>);
            });
        });
    }

    /// Words of a refusal, which are told at the end.
    fn refuse(&mut self, words: &str) {
        let refused = self.refused.get_or_insert_default();
        if refused.len() + words.len() <= MAX_REFUSED {
            refused.push_str(words);
        }
    }

    fn delta(&mut self, part: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some(block) = self.open.iter_mut().find(|block| block.part == part) else { return };
        match (delta, &block.kind) {
            (Delta::Text(text), Kind::Refusal) => self.refuse(text),
            (Delta::Text(text), Kind::Text) => {
                piece(begun(block, &mut self.blocks, out), "text_delta", out, |w| w.member("text", text));
            }
            (Delta::Thinking(text), Kind::Thinking) => {
                let index = begun(block, &mut self.blocks, out);
                piece(index, "thinking_delta", out, |w| w.member("thinking", text));
            }
            (Delta::Signature(signed), Kind::Thinking) => {
                let index = begun(block, &mut self.blocks, out);
                let signed = signature::to_caller(NAME, signed);
                piece(index, "signature_delta", out, |w| w.member("signature", signed));
            }
            (Delta::Redacted(data), Kind::Thinking | Kind::Redacted) => {
                // Such a block comes whole. After words it is one of its own, and the part goes on behind it in another.
                let kind = std::mem::replace(&mut block.kind, Kind::Redacted);
                if kind == Kind::Thinking {
                    end(block.index.take(), out);
                }
                let index = self.blocks;
                self.blocks += 1;
                begin(index, out, |w| {
                    w.member("type", "redacted_thinking");
                    w.member("data", signature::to_caller(NAME, data));
                });
                end(Some(index), out);
            }
            (Delta::Arguments(text), Kind::Call(..)) => {
                let index = begun(block, &mut self.blocks, out);
                piece(index, "input_json_delta", out, |w| w.member("partial_json", text));
            }
            (Delta::Citation(one), Kind::Text) => {
                piece(begun(block, &mut self.blocks, out), "citations_delta", out, |w| {
                    w.name("citation");
                    citation::write(w, one, false);
                });
            }
            // There is no word for it.
            _ => {}
        }
    }

    fn open(&mut self, part: u32, opening: &Opening, out: &mut Vec<u8>) {
        let kind = match opening {
            Opening::Text => Kind::Text,
            Opening::Thinking => Kind::Thinking,
            Opening::Refusal => Kind::Refusal,
            Opening::ToolCall { id, name } => Kind::Call(id.clone(), name.clone()),
            Opening::Whole(whole) => return self.whole(part, whole, out),
        };
        let call = matches!(kind, Kind::Call(..));
        self.open.push(Block { part, kind, index: None });
        if call && let Some(block) = self.open.last_mut() {
            // A call says something by its name alone.
            begun(block, &mut self.blocks, out);
        }
    }

    /// A part that comes at once.
    fn whole(&mut self, part: u32, whole: &Part, out: &mut Vec<u8>) {
        let open = |kind| Block { part, kind, index: None };
        match whole {
            Part::Native { dialect, value } if *dialect == NAME => {
                let index = self.blocks;
                self.blocks += 1;
                event("content_block_start", out, |w| {
                    w.member("index", &index);
                    w.member("content_block", value);
                });
                self.open.push(Block { part, kind: Kind::Done, index: Some(index) });
            }
            Part::Text(text) => {
                self.open.push(open(Kind::Text));
                if !text.text.is_empty() {
                    self.delta(part, &Delta::Text(text.text.clone()), out);
                }
                for one in &text.citations {
                    self.delta(part, &Delta::Citation(one.clone()), out);
                }
            }
            Part::Thinking(Thinking { text, signature, redacted }) => {
                self.open.push(open(Kind::Thinking));
                if !text.is_empty() {
                    self.delta(part, &Delta::Thinking(text.clone()), out);
                }
                if let Some(signed) = signature {
                    self.delta(part, &Delta::Signature(signed.clone()), out);
                }
                if let Some(data) = redacted {
                    self.delta(part, &Delta::Redacted(data.clone()), out);
                }
            }
            Part::ToolCall(call) => {
                let opening = Opening::ToolCall { id: call.id.clone(), name: call.name.clone() };
                self.open(part, &opening, out);
                self.delta(part, &Delta::Arguments(call.arguments.clone()), out);
            }
            Part::Refusal(words) => {
                self.refuse(words);
                self.open.push(open(Kind::Done));
            }
            Part::Native { .. } | Part::Media(_) | Part::ToolResult(_) => self.open.push(open(Kind::Done)),
        }
    }
}

impl WriteStream for Writer {
    fn write(&mut self, said: &Event, out: &mut Vec<u8>) {
        match said {
            Event::Start { id, model, usage, .. } => {
                self.usage = usage.unwrap_or(self.usage);
                self.start(id, model, out);
            }
            Event::Error(failed) => {
                out.extend_from_slice(b"event: error\ndata: ");
                out.extend_from_slice(&error::write(failed, &self.asked.id).1);
                out.extend_from_slice(b"\n\n");
            }
            Event::Ping => event("ping", out, |_| {}),
            // This dialect has one answer.
            Event::Open { choice, .. }
            | Event::Delta { choice, .. }
            | Event::Close { choice, .. }
            | Event::Stop { choice, .. }
                if *choice > 0 => {}
            Event::Open { part, opening, .. } => {
                self.start("", "", out);
                self.open(*part, opening, out);
            }
            Event::Delta { part, delta, .. } => self.delta(*part, delta, out),
            Event::Close { part, .. } => {
                if let Some(at) = self.open.iter().position(|block| block.part == *part) {
                    end(self.open.remove(at).index, out);
                }
            }
            Event::Stop { stop, sequence, .. } => {
                self.stop = stop.clone();
                self.sequence.clone_from(sequence);
            }
            Event::Usage(tokens) => self.usage = *tokens,
            Event::End => {
                self.start("", "", out);
                for block in std::mem::take(&mut self.open) {
                    end(block.index, out);
                }
                let stop = if self.refused.is_some() { &Stop::Refused } else { &self.stop };
                event("message_delta", out, |w| {
                    w.name("delta").object(|w| {
                        stopped(stop, self.sequence.as_deref(), self.refused.as_deref(), w);
                        w.member("container", &None::<&str>);
                    });
                    w.name("usage");
                    usage::write_last(&self.usage, w);
                });
                event("message_stop", out, |_| {});
            }
        }
    }
}

/// Writes one event: its type, and in its data the type again.
fn event(kind: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut Json<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    Json::new(out).object(|w| {
        w.member("type", kind);
        members(w);
    });
    out.extend_from_slice(b"\n\n");
}

fn begin(index: u32, out: &mut Vec<u8>, members: impl FnOnce(&mut Json<'_>)) {
    event("content_block_start", out, |w| {
        w.member("index", &index);
        w.name("content_block").object(members);
    });
}

fn piece(index: u32, kind: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut Json<'_>)) {
    event("content_block_delta", out, |w| {
        w.member("index", &index);
        w.name("delta").object(|w| {
            w.member("type", kind);
            members(w);
        });
    });
}

/// The end of a block that was told.
fn end(index: Option<u32>, out: &mut Vec<u8>) {
    if let Some(index) = index {
        event("content_block_stop", out, |w| w.member("index", &index));
    }
}

/// The number of a block, which begins here unless it has.
fn begun(block: &mut Block, blocks: &mut u32, out: &mut Vec<u8>) -> u32 {
    if let Some(index) = block.index {
        return index;
    }
    let index = *blocks;
    *blocks += 1;
    block.index = Some(index);
    begin(index, out, |w| match &block.kind {
        Kind::Call(id, name) => {
            w.member("type", "tool_use");
            w.member("id", id);
            w.member("name", name);
            w.name("input").object(|_| {});
            direct(w);
        }
        Kind::Thinking => {
            w.member("type", "thinking");
            w.member("thinking", "");
            w.member("signature", "");
        }
        _ => {
            w.member("type", "text");
            w.member("text", "");
            w.member("citations", &None::<&str>);
        }
    });
    index
}
