//! A streamed answer, written: each step a chunk that is an answer of its own. Calls of functions go whole.

use super::answer::{self, write_part, write_text, write_usage};
use super::citations::{Words, write_one};
use super::error;
use crate::canon::{Delta, Event, Opening, Part, Stop, Thinking, Tokens, ToolCall};
use crate::dialect::chat::{Asked, WriteStream};
use crate::json::write::Writer;
use std::collections::HashMap;

/// Bytes of arguments that are kept until their call is whole.
const MAX_KEPT: usize = 16 << 20;

/// The writer.
#[derive(Debug)]
pub(super) struct ChunkWriter {
    id: String,
    model: String,
    /// One array instead of events, and whether it has begun.
    array: Option<bool>,
    open: HashMap<(u32, u32), Opening>,
    calls: HashMap<(u32, u32), ToolCall>,
    kept: usize,
    words: HashMap<u32, Words>,
    /// Choices with a call whose arguments were no JSON object.
    broken: Vec<u32>,
    stops: Vec<(u32, Stop)>,
    usage: Option<Tokens>,
    ended: bool,
}

impl ChunkWriter {
    /// `array`: the caller did not ask for events.
    pub(super) fn new(asked: &Asked, array: bool) -> Self {
        Self {
            id: asked.id.to_string(),
            model: asked.request.model.clone(),
            array: array.then_some(false),
            open: HashMap::new(),
            calls: HashMap::new(),
            kept: 0,
            words: HashMap::new(),
            broken: Vec::new(),
            stops: Vec::new(),
            usage: None,
            ended: false,
        }
    }

    fn framed(&mut self, out: &mut Vec<u8>, inside: impl FnOnce(&Self, &mut Writer<'_>)) {
        match self.array.replace(true) {
            None => {
                self.array = None;
                out.extend_from_slice(b"data: ");
            }
            Some(false) => out.push(b'['),
            Some(true) => out.extend_from_slice(b",\r\n"),
        }
        let from = out.len();
        Writer::new(out).object(|w| inside(self, w));
        if self.array.is_none() {
            // Arguments are as the model wrote them, line ends between their members included; those would end the event.
            // Within strings they are escaped.
            out[from..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
            out.extend_from_slice(b"\r\n\r\n");
        }
    }

    fn names(&self, w: &mut Writer<'_>) {
        w.member("modelVersion", &self.model);
        w.member("responseId", &self.id);
    }

    /// A chunk with parts.
    fn parts(&mut self, out: &mut Vec<u8>, choice: u32, parts: impl FnOnce(&mut Writer<'_>)) {
        self.framed(out, |this, w| {
            w.name("candidates").array(|w| {
                w.object(|w| {
                    w.name("content").object(|w| {
                        w.name("parts").array(parts);
                        w.member("role", "model");
                    });
                    w.member("index", &choice);
                });
            });
            this.names(w);
        });
    }

    /// A chunk with something about words that were there before.
    fn about(&mut self, out: &mut Vec<u8>, choice: u32, members: impl FnOnce(&Self, &mut Writer<'_>)) {
        self.framed(out, |this, w| {
            w.name("candidates").array(|w| {
                w.object(|w| {
                    w.name("content").object(|w| {
                        w.name("parts").array(|w| write_text(w, "", false, None));
                        w.member("role", "model");
                    });
                    w.member("index", &choice);
                    members(this, w);
                });
            });
            this.names(w);
        });
    }

    fn delta(&mut self, at: (u32, u32), delta: &Delta, out: &mut Vec<u8>) {
        let thought = matches!(self.open.get(&at), Some(Opening::Thinking));
        match delta {
            Delta::Text(text) => {
                self.words.entry(at.0).or_default().push(text);
                self.parts(out, at.0, |w| write_text(w, text, false, None));
            }
            Delta::Thinking(text) => self.parts(out, at.0, |w| write_text(w, text, true, None)),
            Delta::Signature(signature) => match self.calls.get_mut(&at) {
                Some(call) => call.signature = Some(signature.clone()),
                None => self.parts(out, at.0, |w| write_text(w, "", thought, Some(signature))),
            },
            Delta::Redacted(redacted) => {
                let part =
                    Part::Thinking(Thinking { redacted: Some(redacted.clone()), ..Thinking::default() });
                self.parts(out, at.0, |w| {
                    write_part(w, &part);
                });
            }
            Delta::Arguments(piece) => {
                if let Some(call) = self.calls.get_mut(&at)
                    && self.kept + piece.len() <= MAX_KEPT
                {
                    self.kept += piece.len();
                    call.arguments.push_str(piece);
                }
            }
            Delta::Citation(citation) => self.about(out, at.0, |this, w| {
                let none = Words::default();
                let words = this.words.get(&at.0).unwrap_or(&none);
                w.name("citationMetadata")
                    .object(|w| w.name("citationSources").array(|w| write_one(w, citation, words)));
            }),
            Delta::Logprobs(logprobs) => self.about(out, at.0, |_, w| answer::write_logprobs(w, logprobs)),
        }
    }

    fn close(&mut self, at: (u32, u32), out: &mut Vec<u8>) {
        if let Some(Opening::Whole(part)) = self.open.remove(&at) {
            self.parts(out, at.0, |w| {
                write_part(w, &part);
            });
        }
        let Some(call) = self.calls.remove(&at) else { return };
        self.kept -= call.arguments.len();
        // Whether it can be said is found out by saying it.
        let call = Part::ToolCall(call);
        let mut said = Vec::new();
        let mut whole = false;
        Writer::new(&mut said).array(|w| whole = write_part(w, &call));
        if whole {
            self.parts(out, at.0, |w| {
                write_part(w, &call);
            });
        } else {
            self.broken.push(at.0);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let stops = std::mem::take(&mut self.stops);
        self.framed(out, |this, w| {
            w.name("candidates").array(|w| {
                for (choice, stop) in &stops {
                    let (reason, message) = answer::reason(stop, this.broken.contains(choice), None);
                    w.object(|w| {
                        w.name("content").object(|w| {
                            w.name("parts").array(|w| write_text(w, "", false, None));
                            w.member("role", "model");
                        });
                        w.member("finishReason", reason);
                        w.maybe("finishMessage", &message);
                        w.member("index", choice);
                    });
                }
            });
            if let Some(usage) = &this.usage {
                w.name("usageMetadata").object(|w| write_usage(w, usage));
            }
            this.names(w);
        });
    }

    fn closing(&mut self, out: &mut Vec<u8>) {
        self.ended = true;
        if self.array.is_some() {
            out.push(b']');
        }
    }
}

impl WriteStream for ChunkWriter {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, model, usage, .. } => {
                if !id.is_empty() {
                    self.id.clone_from(id);
                }
                if !model.is_empty() {
                    self.model.clone_from(model);
                }
                self.usage = *usage;
            }
            Event::Open { choice, part, opening: Opening::ToolCall { id, name } } => {
                let call = ToolCall { id: id.clone(), name: name.clone(), ..ToolCall::default() };
                self.calls.insert((*choice, *part), call);
            }
            Event::Open { choice, part, opening } => {
                self.open.insert((*choice, *part), opening.clone());
            }
            Event::Delta { choice, part, delta } => self.delta((*choice, *part), delta, out),
            Event::Close { choice, part } => self.close((*choice, *part), out),
            Event::Stop { choice, stop, .. } => self.stops.push((*choice, stop.clone())),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Error(failure) => {
                let id = self.id.clone();
                self.framed(out, |_, w| error::members(w, failure, &id));
                self.closing(out);
            }
            // A comment would be read as words of an error by the vendor's library.
            Event::Ping => {}
            Event::End => {
                self.end(out);
                self.closing(out);
            }
        }
    }
}
