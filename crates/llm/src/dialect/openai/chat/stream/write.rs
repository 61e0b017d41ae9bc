//! Chunks, written.

use super::super::answer::{details, id, image_object, image_url, legacy, model};
use super::super::write::{called, extra_content};
use super::super::{NAME, usage};
use super::ending;
use crate::canon::custom::{self, Unwrap};
use crate::canon::{Delta, Event, Logprob, Opening, Part, Stop, Tokens, ToolCall, signature};
use crate::dialect::chat::{Asked, WriteStream};
use crate::json::write::Writer as Json;

/// Writes chunks.
pub(in super::super) struct Writer {
    asked: Asked,
    /// What every chunk begins with: its id and the like.
    head: Vec<u8>,
    choices: Vec<Choice>,
    usage: Option<Tokens>,
    /// Functions are what the caller calls tools.
    legacy: bool,
}

#[derive(Default)]
struct Choice {
    index: u32,
    /// The parts that are open: number, what they are.
    open: Vec<(u32, Kind)>,
    /// Calls so far.
    calls: u32,
    /// Of parts that call tools that take text: what makes text of their arguments.
    texts: Vec<(u32, Unwrap)>,
    refused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Refusal,
    /// With its index on the wire.
    Call(u32),
    /// The same, of a tool that takes text.
    Custom(u32),
}

impl Writer {
    pub(in super::super) fn new(asked: &Asked) -> Self {
        let mut writer = Self {
            asked: asked.clone(),
            head: Vec::new(),
            choices: Vec::new(),
            usage: None,
            legacy: legacy(asked),
        };
        writer.begin("", "", None);
        writer
    }

    fn begin(&mut self, said: &str, named: &str, created: Option<i64>) {
        self.head.clear();
        self.head.extend_from_slice(b"data: ");
        Json::new(&mut self.head).object(|w| {
            w.member("id", &*id(said, &self.asked));
            w.member("object", "chat.completion.chunk");
            w.member("created", &created.unwrap_or(self.asked.now));
            w.member("model", model(named, &self.asked));
        });
        // What follows belongs inside.
        self.head.pop();
        self.head.extend_from_slice(b",\"choices\":");
    }

    /// Where the choice of this index stands; with its role said.
    fn choice(&mut self, index: u32, out: &mut Vec<u8>) -> usize {
        if let Some(at) = self.choices.iter().position(|choice| choice.index == index) {
            return at;
        }
        self.choices.push(Choice { index, ..Choice::default() });
        self.chunk(out, index, &[], None, |w| {
            w.member("role", "assistant");
            w.member("content", "");
        });
        self.choices.len() - 1
    }

    fn chunk(
        &self,
        out: &mut Vec<u8>,
        index: u32,
        logprobs: &[Logprob],
        finish: Option<&str>,
        delta: impl FnOnce(&mut Json<'_>),
    ) {
        out.extend_from_slice(&self.head);
        Json::new(out).array(|w| {
            w.object(|w| {
                w.member("index", &index);
                w.name("delta").object(delta);
                w.name("logprobs");
                usage::logprobs(w, logprobs);
                w.member("finish_reason", &finish);
            });
        });
        // Who asks for usage is told with every chunk that it comes later.
        out.extend_from_slice(if self.asked.request.stream_usage {
            b",\"usage\":null}\n\n"
        } else {
            b"}\n\n"
        });
    }

    fn opened(&mut self, index: u32, part: u32, opening: &Opening, out: &mut Vec<u8>) {
        let at = self.choice(index, out);
        let choice = &mut self.choices[at];
        let kind = match opening {
            Opening::Text => Kind::Text,
            Opening::Thinking => Kind::Thinking,
            Opening::Refusal => {
                choice.refused = true;
                Kind::Refusal
            }
            Opening::ToolCall { id, name } => {
                let call = choice.calls;
                choice.calls += 1;
                if custom::takes_text(&self.asked.request.tools, name) {
                    choice.open.push((part, Kind::Custom(call)));
                    choice.texts.push((part, Unwrap::default()));
                } else {
                    choice.open.push((part, Kind::Call(call)));
                }
                let (id, name) = (id.clone(), name.clone());
                self.call(out, index, call, &ToolCall { id, name, ..ToolCall::default() });
                return;
            }
            Opening::Whole(part) => return self.whole(out, index, part),
        };
        choice.open.push((part, kind));
    }

    /// A call, with the number that it has on the wire.
    fn call(&self, out: &mut Vec<u8>, index: u32, number: u32, call: &ToolCall) {
        if self.legacy {
            // There is room for one.
            if number == 0 {
                self.chunk(out, index, &[], None, |w| {
                    w.name("function_call").object(|w| {
                        w.member("name", &call.name);
                        w.member("arguments", &call.arguments);
                    });
                });
            }
            return;
        }
        self.call_piece(out, index, number, |w| {
            w.member("id", &call.id);
            called(w, call, &self.asked.request.tools);
        });
    }

    fn whole(&mut self, out: &mut Vec<u8>, index: u32, part: &Part) {
        match part {
            Part::Text(text) => self.chunk(out, index, &[], None, |w| w.member("content", &text.text)),
            Part::Refusal(text) => {
                let at = self.choice(index, out);
                self.choices[at].refused = true;
                self.chunk(out, index, &[], None, |w| w.member("refusal", text));
            }
            Part::Thinking(thinking) => self.chunk(out, index, &[], None, |w| {
                w.member("reasoning_content", &thinking.text);
                let (signature, redacted) = (thinking.signature.as_deref(), thinking.redacted.as_deref());
                if signature.is_some() || redacted.is_some() {
                    w.name("reasoning_details").array(|w| details(w, &thinking.text, signature, redacted));
                }
            }),
            Part::ToolCall(call) => {
                let at = self.choice(index, out);
                let number = self.choices[at].calls;
                self.choices[at].calls += 1;
                self.call(out, index, number, call);
            }
            Part::Native { dialect: NAME, value } => {
                if let Some(audio) = value.get("audio") {
                    self.chunk(out, index, &[], None, |w| w.member("audio", audio));
                }
            }
            _ => {
                if let Some(url) = image_url(part) {
                    self.chunk(out, index, &[], None, |w| w.name("images").array(|w| image_object(w, &url)));
                }
            }
        }
    }

    fn went_on(&mut self, index: u32, part: u32, delta: &Delta, out: &mut Vec<u8>) {
        let at = self.choice(index, out);
        let kind = self.choices[at].open.iter().find(|(open, _)| *open == part).map(|(_, kind)| *kind);
        match (delta, kind) {
            (Delta::Text(text), Some(Kind::Refusal)) => {
                self.chunk(out, index, &[], None, |w| w.member("refusal", text));
            }
            (Delta::Text(text), _) => self.chunk(out, index, &[], None, |w| w.member("content", text)),
            (Delta::Thinking(text), _) => {
                self.chunk(out, index, &[], None, |w| w.member("reasoning_content", text));
            }
            (Delta::Arguments(text), Some(Kind::Call(call))) if self.legacy => {
                if call == 0 {
                    self.chunk(out, index, &[], None, |w| {
                        w.name("function_call").object(|w| w.member("arguments", text));
                    });
                }
            }
            (Delta::Arguments(text), Some(Kind::Call(call))) => {
                self.call_piece(out, index, call, |w| {
                    w.name("function").object(|w| w.member("arguments", text));
                });
            }
            (Delta::Arguments(text), Some(Kind::Custom(call))) => {
                let unwrap = self.choices[at].texts.iter_mut().find(|(open, _)| *open == part);
                let text = unwrap.map(|(_, unwrap)| unwrap.feed(text)).unwrap_or_default();
                self.input(out, index, call, &text);
            }
            (Delta::Signature(signed), Some(Kind::Call(call) | Kind::Custom(call))) => {
                if !self.legacy {
                    self.call_piece(out, index, call, |w| {
                        extra_content(w, signature::to_caller(NAME, signed));
                    });
                }
            }
            (Delta::Signature(signed), Some(Kind::Thinking)) => {
                self.chunk(out, index, &[], None, |w| {
                    w.name("reasoning_details").array(|w| details(w, "", Some(signed), None));
                });
            }
            (Delta::Redacted(data), _) => self.chunk(out, index, &[], None, |w| {
                w.name("reasoning_details").array(|w| details(w, "", None, Some(data)));
            }),
            (Delta::Citation(citation), _) if citation.url.is_some() => {
                self.chunk(out, index, &[], None, |w| {
                    w.name("annotations").array(|w| usage::annotation(w, citation));
                });
            }
            (Delta::Logprobs(logprobs), _) => self.chunk(out, index, logprobs, None, |_| {}),
            (Delta::Arguments(_) | Delta::Signature(_) | Delta::Citation(_), _) => {}
        }
    }

    /// A piece of the text that a tool takes.
    fn input(&self, out: &mut Vec<u8>, index: u32, call: u32, text: &str) {
        if !text.is_empty() {
            self.call_piece(out, index, call, |w| w.name("custom").object(|w| w.member("input", text)));
        }
    }

    /// The end of a part.
    fn closed(&mut self, index: u32, part: u32, out: &mut Vec<u8>) {
        let at = self.choice(index, out);
        let choice = &mut self.choices[at];
        let kind = choice.open.iter().find(|(open, _)| *open == part).map(|(_, kind)| *kind);
        let text = choice.texts.iter().position(|(open, _)| *open == part);
        let left = text.map(|text| choice.texts.remove(text).1.finish());
        choice.open.retain(|(open, _)| *open != part);
        if let (Some(Kind::Custom(call)), Some(left)) = (kind, left) {
            self.input(out, index, call, &left);
        }
    }

    fn call_piece(&self, out: &mut Vec<u8>, index: u32, call: u32, piece: impl FnOnce(&mut Json<'_>)) {
        self.chunk(out, index, &[], None, |w| {
            w.name("tool_calls").array(|w| {
                w.object(|w| {
                    w.member("index", &call);
                    piece(w);
                });
            });
        });
    }
}

impl WriteStream for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created, usage } => {
                self.begin(id, model, *created);
                self.usage = *usage;
                self.choice(0, out);
            }
            Event::Open { choice, part, opening } => self.opened(*choice, *part, opening, out),
            Event::Delta { choice, part, delta } => self.went_on(*choice, *part, delta, out),
            Event::Close { choice, part } => self.closed(*choice, *part, out),
            Event::Stop { choice, stop, .. } => {
                let at = self.choice(*choice, out);
                let word = match stop {
                    Stop::Refused if !self.choices[at].refused => "content_filter",
                    Stop::ToolCalls if self.legacy => "function_call",
                    stop => usage::finish_reason(stop),
                };
                self.chunk(out, *choice, &[], Some(word), |_| {});
            }
            Event::Usage(tokens) => self.usage = Some(*tokens),
            Event::Error(failed) => ending::failed(failed, out),
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::End => {
                ending::done(&self.head, self.usage.filter(|_| self.asked.request.stream_usage), out);
            }
        }
    }
}
