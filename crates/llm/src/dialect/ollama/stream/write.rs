//! Lines, written.

use super::super::answer::{generated, head, logprobs, tail};
use super::super::write::call;
use crate::canon::{Delta, Event, Losses, Media, MediaKind, Opening, Origin, Part, Stop, Tokens, ToolCall};
use crate::dialect::chat::{Asked, WriteStream};
use crate::json::write::Writer as Json;

/// Writes lines.
pub(in super::super) struct Writer {
    asked: Asked,
    generated: bool,
    model: String,
    created: Option<i64>,
    /// Calls whose arguments are coming: here they go out whole.
    calls: Vec<(u32, ToolCall)>,
    stop: Stop,
    usage: Option<Tokens>,
}

impl Writer {
    pub(in super::super) fn new(asked: &Asked) -> Self {
        Self {
            generated: generated(asked),
            asked: asked.clone(),
            model: String::new(),
            created: None,
            calls: Vec::new(),
            stop: Stop::End,
            usage: None,
        }
    }

    fn line(&self, out: &mut Vec<u8>, members: impl FnOnce(&mut Json<'_>)) {
        Json::new(out).object(|w| {
            head(w, &self.model, self.created, &self.asked);
            members(w);
        });
        out.push(b'\n');
    }

    /// A line with something new.
    fn news(&self, out: &mut Vec<u8>, text: &str, thinking: &str, more: impl FnOnce(&mut Json<'_>)) {
        self.line(out, |w| {
            self.said(w, text, thinking, more);
            w.member("done", &false);
        });
    }

    fn said(&self, w: &mut Json<'_>, text: &str, thinking: &str, more: impl FnOnce(&mut Json<'_>)) {
        let thoughts = |w: &mut Json<'_>| {
            if !thinking.is_empty() {
                w.member("thinking", thinking);
            }
        };
        if self.generated {
            w.member("response", text);
            thoughts(w);
        } else {
            w.name("message").object(|w| {
                w.member("role", "assistant");
                w.member("content", text);
                thoughts(w);
                more(w);
            });
        }
    }

    fn whole(&self, part: &Part, out: &mut Vec<u8>) {
        match part {
            Part::Text(text) => self.news(out, &text.text, "", |_| {}),
            Part::Refusal(text) => self.news(out, text, "", |_| {}),
            Part::Thinking(thinking) => self.news(out, "", &thinking.text, |_| {}),
            Part::ToolCall(call) => self.call(call, out),
            Part::Media(Media { kind: MediaKind::Image, origin: Origin::Data(data), .. }) => {
                self.news(out, "", "", |w| w.member("images", &[data]));
            }
            Part::Media(_) | Part::ToolResult(_) | Part::Native { .. } => {}
        }
    }

    fn call(&self, call: &ToolCall, out: &mut Vec<u8>) {
        // An answer says in no header what it lost.
        let mut losses = Losses::default();
        self.news(out, "", "", |w| {
            w.name("tool_calls").array(|w| self::call(w, call, &mut losses));
        });
    }
}

impl WriteStream for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { model, created, usage, .. } => {
                self.model.clone_from(model);
                self.created = *created;
                self.usage = *usage;
            }
            // There is room for one answer.
            Event::Open { choice: 0, part, opening } => match opening {
                Opening::ToolCall { id, name } => {
                    let (id, name) = (id.clone(), name.clone());
                    self.calls.push((*part, ToolCall { id, name, ..ToolCall::default() }));
                }
                Opening::Whole(part) => self.whole(part, out),
                Opening::Text | Opening::Thinking | Opening::Refusal => {}
            },
            Event::Delta { choice: 0, part, delta } => match delta {
                Delta::Text(text) => self.news(out, text, "", |_| {}),
                Delta::Thinking(text) => self.news(out, "", text, |_| {}),
                Delta::Arguments(text) => {
                    if let Some((_, call)) = self.calls.iter_mut().find(|(open, _)| open == part) {
                        call.arguments.push_str(text);
                    }
                }
                Delta::Logprobs(said) => self.line(out, |w| {
                    self.said(w, "", "", |_| {});
                    logprobs(w, said);
                    w.member("done", &false);
                }),
                Delta::Signature(_) | Delta::Redacted(_) | Delta::Citation(_) => {}
            },
            Event::Close { choice: 0, part } => {
                if let Some(at) = self.calls.iter().position(|(open, _)| open == part) {
                    let (_, call) = self.calls.remove(at);
                    self.call(&call, out);
                }
            }
            Event::Stop { choice: 0, stop, .. } => self.stop = stop.clone(),
            Event::Usage(tokens) => self.usage = Some(*tokens),
            Event::Error(failed) => {
                Json::new(out).object(|w| w.member("error", failed.shown()));
                out.push(b'\n');
            }
            Event::End => self.line(out, |w| {
                self.said(w, "", "", |_| {});
                tail(w, &self.stop, self.usage.as_ref());
            }),
            // There is no word for nothing new.
            Event::Ping => {}
            Event::Open { .. } | Event::Delta { .. } | Event::Close { .. } | Event::Stop { .. } => {}
        }
    }
}
