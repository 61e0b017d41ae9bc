//! Events, written.

use super::super::answer::{finish_reason, logprob, usage, write_citation};
use crate::canon::{Delta, Event, Opening, Part, Stop, Tokens};
use crate::dialect::chat::{Asked, WriteStream};
use crate::json::write::Writer as Json;

/// Writes events.
pub(in super::super) struct Writer {
    id: String,
    open: Vec<(u32, Kind, u32)>,
    contents: u32,
    calls: u32,
    citations: u32,
    /// The words of the text that is open: citations repeat them.
    said: String,
    stop: Stop,
    usage: Option<Tokens>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Call,
}

impl Writer {
    pub(in super::super) fn new(asked: &Asked) -> Self {
        Self {
            id: asked.id.as_ref().to_owned(),

            open: Vec::new(),
            contents: 0,
            calls: 0,
            citations: 0,
            said: String::new(),
            stop: Stop::End,
            usage: None,
        }
    }

    fn open(&mut self, part: u32, opening: &Opening, out: &mut Vec<u8>) {
        match opening {
            Opening::Text | Opening::Refusal => self.content(part, Kind::Text, out),
            Opening::Thinking => self.content(part, Kind::Thinking, out),
            Opening::ToolCall { id, name } => {
                let index = self.calls;
                self.calls += 1;
                self.open.push((part, Kind::Call, index));
                event(out, "tool-call-start", Some(index), |w| {
                    w.name("tool_calls").object(|w| {
                        w.member("id", id);
                        w.member("type", "function");
                        w.name("function").object(|w| {
                            w.member("name", name);
                            w.member("arguments", "");
                        });
                    });
                });
            }
            Opening::Whole(whole) => {
                if let Part::Text(text) = &**whole {
                    self.content(part, Kind::Text, out);
                    self.delta(part, &Delta::Text(text.text.clone()), out);
                }
            }
        }
    }

    fn content(&mut self, part: u32, kind: Kind, out: &mut Vec<u8>) {
        let index = self.contents;
        self.contents += 1;
        self.open.push((part, kind, index));
        self.said.clear();
        let name = if kind == Kind::Thinking { "thinking" } else { "text" };
        event(out, "content-start", Some(index), |w| {
            w.name("content").object(|w| {
                w.member("type", name);
                w.member(name, "");
            });
        });
    }

    fn delta(&mut self, part: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some((_, _, index)) = self.open.iter().find(|(open, ..)| *open == part).copied() else { return };
        match delta {
            Delta::Text(text) => {
                self.said.push_str(text);
                event(out, "content-delta", Some(index), |w| {
                    w.name("content").object(|w| w.member("text", text));
                });
            }
            Delta::Thinking(text) => event(out, "content-delta", Some(index), |w| {
                w.name("content").object(|w| w.member("thinking", text));
            }),
            Delta::Arguments(text) => event(out, "tool-call-delta", Some(index), |w| {
                w.name("tool_calls").object(|w| w.name("function").object(|w| w.member("arguments", text)));
            }),
            Delta::Citation(citation) => {
                let index = self.citations;
                self.citations += 1;
                event(out, "citation-start", Some(index), |w| {
                    w.name("citations");
                    write_citation(w, citation, &self.said);
                });
                plain(out, "citation-end", |w| w.member("index", &index));
            }
            Delta::Logprobs(logprobs) => {
                for item in logprobs {
                    plain(out, "content-delta", |w| {
                        w.member("index", &index);
                        w.name("delta").object(|w| {
                            w.name("message").object(|w| w.name("content").object(|w| w.member("text", "")));
                        });
                        w.name("logprobs");
                        logprob(w, item);
                    });
                }
            }
            Delta::Signature(_) | Delta::Redacted(_) => {}
        }
    }
}

/// An event with something of a message.
fn event(out: &mut Vec<u8>, kind: &str, index: Option<u32>, message: impl FnOnce(&mut Json<'_>)) {
    plain(out, kind, |w| {
        w.maybe("index", &index);
        w.name("delta").object(|w| w.name("message").object(message));
    });
}

fn plain(out: &mut Vec<u8>, kind: &str, members: impl FnOnce(&mut Json<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    Json::new(out).object(|w| {
        w.member("type", kind);
        members(w);
    });
    out.extend_from_slice(b"\n\n");
}

impl WriteStream for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, usage, .. } => {
                if !id.is_empty() {
                    self.id.clone_from(id);
                }
                self.usage = *usage;
                plain(out, "message-start", |w| {
                    w.member("id", &self.id);
                    w.name("delta").object(|w| {
                        w.name("message").object(|w| {
                            w.member("role", "assistant");
                            w.name("content").array(|_| {});
                            w.member("tool_plan", "");
                            w.name("tool_calls").array(|_| {});
                            w.name("citations").array(|_| {});
                        });
                    });
                });
            }
            // There is room for one answer.
            Event::Open { choice: 0, part, opening } => self.open(*part, opening, out),
            Event::Delta { choice: 0, part, delta } => self.delta(*part, delta, out),
            Event::Close { choice: 0, part } => {
                let Some(at) = self.open.iter().position(|(open, ..)| open == part) else { return };
                let (_, kind, index) = self.open.remove(at);
                let name = if kind == Kind::Call { "tool-call-end" } else { "content-end" };
                plain(out, name, |w| w.member("index", &index));
            }
            Event::Stop { choice: 0, stop, .. } => self.stop = stop.clone(),
            Event::Usage(tokens) => self.usage = Some(*tokens),
            Event::Error(failed) => plain(out, "message-end", |w| {
                w.member("id", &self.id);
                w.name("delta").object(|w| {
                    w.member("finish_reason", "ERROR");
                    w.member("error", failed.shown());
                });
            }),
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::End => {
                plain(out, "message-end", |w| {
                    w.member("id", &self.id);
                    w.name("delta").object(|w| {
                        w.member("finish_reason", finish_reason(&self.stop));
                        if let Some(tokens) = &self.usage {
                            w.name("usage");
                            usage(w, tokens);
                        }
                    });
                });
                out.extend_from_slice(b"data: [DONE]\n\n");
            }
            Event::Open { .. } | Event::Delta { .. } | Event::Close { .. } | Event::Stop { .. } => {}
        }
    }
}
