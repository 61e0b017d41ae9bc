//! Streams, written: parts become items, or contents of a message; everything that was said is said again in the last event.

use super::super::answer::{own_id, single};
use super::super::item::annotation;
use super::super::reasoning;
use super::super::skeleton::{self, Content, Head, Item, Said, Status};
use crate::canon::custom::{self, Unwrap};
use crate::canon::{Delta, Event, Opening, Part, ProviderError, Stop, Thinking, Tokens};
use crate::dialect::chat::{Asked, WriteStream};
use crate::json::write::Writer as Json;

/// Bytes of an answer, which is kept to be said again at its end.
const MAX_SAID: usize = 64 << 20;

/// About what an item or a citation takes beside its words.
const ITEM: usize = 256;

/// Writes a stream.
pub(in crate::dialect::responses) struct Writer {
    asked: Asked,
    head: Option<Head>,
    sequence: u64,
    items: Vec<Item>,
    open: Vec<Open>,
    /// The message to which words are added.
    message: Option<usize>,
    stop: Stop,
    usage: Tokens,
    said: usize,
    ended: bool,
}

/// A part that goes on.
struct Open {
    part: u32,
    kind: Kind,
    /// Its item, and which content of it, once it was told: in an empty one nothing is said.
    place: Option<(usize, usize)>,
    /// What has to come back with thoughts.
    kept: Thinking,
    /// What makes text of arguments.
    unwrap: Unwrap,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    Thinking,
    Call,
    /// Of a tool that takes text.
    Custom,
    Whole,
}

impl Writer {
    pub(in crate::dialect::responses) fn new(asked: &Asked) -> Self {
        Self {
            asked: asked.clone(),
            head: None,
            sequence: 0,
            items: Vec::new(),
            open: Vec::new(),
            message: None,
            stop: Stop::End,
            usage: Tokens::default(),
            said: 0,
            ended: false,
        }
    }

    fn emit(&mut self, kind: &str, out: &mut Vec<u8>, members: impl FnOnce(&Self, &mut Json<'_>)) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        Json::new(out).object(|w| {
            w.member("type", kind);
            w.member("sequence_number", &self.sequence);
            members(self, w);
        });
        out.extend_from_slice(b"\n\n");
        self.sequence += 1;
    }

    /// An event about an item: with its id and number.
    fn about(
        &mut self,
        item: usize,
        kind: &str,
        out: &mut Vec<u8>,
        members: impl FnOnce(&Item, &mut Json<'_>),
    ) {
        self.emit(kind, out, |writer, w| {
            let said = &writer.items[item];
            w.member("item_id", &said.id);
            w.member("output_index", &item);
            members(said, w);
        });
    }

    fn response(&mut self, kind: &str, status: Status, out: &mut Vec<u8>) {
        self.emit(kind, out, |writer, w| {
            let Some(head) = &writer.head else { return };
            let tokens = (status != Status::InProgress).then_some(&writer.usage);
            w.name("response");
            skeleton::write(head, &writer.asked, status, &writer.items, tokens, w);
        });
    }

    fn start(&mut self, id: &str, created: Option<i64>, model: &str, out: &mut Vec<u8>) {
        if self.head.is_none() {
            self.head = Some(Head::new(id, created, model, &self.asked));
            self.response("response.created", Status::InProgress, out);
            self.response("response.in_progress", Status::InProgress, out);
        }
    }

    /// Adds an item, and tells of it.
    fn add(&mut self, id: String, said: Said, out: &mut Vec<u8>) -> usize {
        let index = self.items.len();
        self.said += ITEM;
        self.items.push(Item { id, said, done: false });
        self.item("response.output_item.added", index, "in_progress", out);
        index
    }

    fn item(&mut self, kind: &str, index: usize, status: &str, out: &mut Vec<u8>) {
        self.emit(kind, out, |writer, w| {
            w.member("output_index", &index);
            w.name("item");
            writer.items[index].write(status, w);
        });
    }

    fn finish_item(&mut self, index: usize, status: Status, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.items[index].done, true) {
            self.item("response.output_item.done", index, status.word(), out);
        }
        if self.message == Some(index) {
            self.message = None;
        }
    }

    /// Something else than words begins: the message is complete, unless some of it goes on.
    fn leave_message(&mut self, out: &mut Vec<u8>) {
        if let Some(message) = self.message
            && !self.open.iter().any(|open| open.place.is_some_and(|(item, _)| item == message))
        {
            self.finish_item(message, Status::Completed, out);
        }
    }

    fn open(&mut self, part: u32, opening: &Opening, out: &mut Vec<u8>) {
        let kind = match opening {
            Opening::Text => Kind::Text,
            Opening::Refusal => Kind::Refusal,
            Opening::Thinking => Kind::Thinking,
            Opening::ToolCall { name, .. } if custom::takes_text(&self.asked.request.tools, name) => {
                Kind::Custom
            }
            Opening::ToolCall { .. } => Kind::Call,
            Opening::Whole(_) => Kind::Whole,
        };
        let (kept, unwrap) = (Thinking::default(), Unwrap::default());
        self.open.push(Open { part, kind, place: None, kept, unwrap });
        match opening {
            Opening::ToolCall { id, name } => {
                self.leave_message(out);
                let (id, name) = (id.clone(), name.clone());
                let (prefix, said) = match kind {
                    Kind::Custom => ("ctc", Said::Custom { id, name, input: String::new() }),
                    _ => ("fc", Said::Call { id, name, arguments: String::new() }),
                };
                let item = self.add(own_id(prefix, self.items.len(), &self.asked), said, out);
                self.place(part, (item, 0));
            }
            Opening::Whole(whole) => self.whole(part, whole, out),
            _ => {}
        }
    }

    fn place(&mut self, part: u32, place: (usize, usize)) {
        if let Some(open) = self.open.iter_mut().find(|open| open.part == part) {
            open.place = Some(place);
        }
    }

    /// A part that comes at once, in the pieces that it would have had.
    fn whole(&mut self, part: u32, whole: &Part, out: &mut Vec<u8>) {
        let turn = |writer: &mut Self, kind| {
            if let Some(open) = writer.open.iter_mut().find(|open| open.part == part) {
                open.kind = kind;
            }
        };
        match whole {
            Part::Text(text) => {
                turn(self, Kind::Text);
                self.delta(part, &Delta::Text(text.text.clone()), out);
                for citation in &text.citations {
                    self.delta(part, &Delta::Citation(citation.clone()), out);
                }
            }
            Part::Refusal(words) => {
                turn(self, Kind::Refusal);
                self.delta(part, &Delta::Text(words.clone()), out);
            }
            whole => {
                if let Some(item) = single(whole, self.items.len(), &self.asked) {
                    self.leave_message(out);
                    let index = self.add(item.id, item.said, out);
                    self.finish_item(index, Status::Completed, out);
                }
            }
        }
    }

    /// Where a part's words go; it begins here unless it has.
    fn begun(&mut self, at: usize, out: &mut Vec<u8>) -> (usize, usize) {
        if let Some(place) = self.open[at].place {
            return place;
        }
        let place = match self.open[at].kind {
            Kind::Thinking => {
                self.leave_message(out);
                let said = Said::Reasoning { text: String::new(), encrypted: None };
                (self.add(own_id("rs", self.items.len(), &self.asked), said, out), 0)
            }
            kind => {
                let message = match self.message {
                    Some(message) => message,
                    None => {
                        self.add(own_id("msg", self.items.len(), &self.asked), Said::Message(Vec::new()), out)
                    }
                };
                self.message = Some(message);
                let content = match kind {
                    Kind::Refusal => Content::Refusal(String::new()),
                    _ => Content::EMPTY,
                };
                let mut index = 0;
                if let Said::Message(contents) = &mut self.items[message].said {
                    index = contents.len();
                    contents.push(content.clone());
                }
                self.about(message, "response.content_part.added", out, |_, w| {
                    w.member("content_index", &index);
                    w.name("part");
                    content.write(w);
                });
                (message, index)
            }
        };
        self.open[at].place = Some(place);
        place
    }

    fn delta(&mut self, part: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some(at) = self.open.iter().position(|open| open.part == part) else { return };
        let kind = self.open[at].kind;
        match (delta, kind) {
            (Delta::Text(text), Kind::Text | Kind::Refusal) if !text.is_empty() => {
                let (item, index) = self.begun(at, out);
                self.said += text.len();
                if let Some(content) = self.said_at(item, index) {
                    content.say(text);
                }
                let refusal = kind == Kind::Refusal;
                let event = if refusal { "response.refusal.delta" } else { "response.output_text.delta" };
                self.about(item, event, out, |_, w| {
                    w.member("content_index", &index);
                    w.member("delta", text);
                    if !refusal {
                        w.name("logprobs").array(|_| {});
                    }
                });
            }
            (Delta::Citation(citation), Kind::Text) => {
                let Some(url) = &citation.url else { return };
                let (item, index) = self.begun(at, out);
                let Some(content) = self.said_at(item, index) else { return };
                let Some((number, citation)) = content.cite(citation) else { return };
                let citation = citation.clone();
                self.said += url.len() + ITEM;
                self.about(item, "response.output_text.annotation.added", out, |_, w| {
                    w.member("content_index", &index);
                    w.member("annotation_index", &number);
                    w.name("annotation");
                    annotation(&citation, url, w);
                });
            }
            (Delta::Logprobs(more), Kind::Text) => {
                let (item, index) = self.begun(at, out);
                self.said += more.len() * 32;
                if let Some(Content::Text { logprobs, .. }) = self.said_at(item, index) {
                    logprobs.extend_from_slice(more);
                }
            }
            (Delta::Thinking(text), Kind::Thinking) if !text.is_empty() => {
                let (item, _) = self.begun(at, out);
                self.said += text.len();
                let first = match &mut self.items[item].said {
                    Said::Reasoning { text: said, .. } => {
                        let first = said.is_empty();
                        said.push_str(text);
                        first
                    }
                    _ => false,
                };
                if first {
                    self.about(item, "response.reasoning_summary_part.added", out, |_, w| summary("", w));
                }
                self.about(item, "response.reasoning_summary_text.delta", out, |_, w| {
                    w.member("summary_index", &0);
                    w.member("delta", text);
                });
            }
            (Delta::Signature(signed), Kind::Thinking) => {
                self.begun(at, out);
                self.open[at].kept.signature = Some(signed.clone());
            }
            (Delta::Redacted(data), Kind::Thinking) => {
                self.begun(at, out);
                self.open[at].kept.redacted = Some(data.clone());
            }
            (Delta::Arguments(text), Kind::Call) if !text.is_empty() => {
                let Some((item, _)) = self.open[at].place else { return };
                self.said += text.len();
                if let Said::Call { arguments, .. } = &mut self.items[item].said {
                    arguments.push_str(text);
                }
                self.about(item, "response.function_call_arguments.delta", out, |_, w| {
                    w.member("delta", text);
                });
            }
            (Delta::Arguments(text), Kind::Custom) => {
                let text = self.open[at].unwrap.feed(text);
                self.input(at, &text, out);
            }
            // There is no word for it.
            _ => {}
        }
    }

    /// A piece of the text that a tool takes.
    fn input(&mut self, at: usize, text: &str, out: &mut Vec<u8>) {
        let Some((item, _)) = self.open[at].place.filter(|_| !text.is_empty()) else { return };
        self.said += text.len();
        if let Said::Custom { input, .. } = &mut self.items[item].said {
            input.push_str(text);
        }
        self.about(item, "response.custom_tool_call_input.delta", out, |_, w| w.member("delta", text));
    }

    fn said_at(&mut self, item: usize, index: usize) -> Option<&mut Content> {
        match &mut self.items[item].said {
            Said::Message(contents) => contents.get_mut(index),
            _ => None,
        }
    }

    fn close(&mut self, at: usize, out: &mut Vec<u8>) {
        let left = self.open[at].unwrap.finish();
        if self.open[at].kind == Kind::Custom {
            self.input(at, &left, out);
        }
        let open = self.open.remove(at);
        let Some((item, index)) = open.place else { return };
        match open.kind {
            Kind::Text | Kind::Refusal => self.close_content(item, index, out),
            Kind::Call => {
                self.about(item, "response.function_call_arguments.done", out, |said, w| {
                    if let Said::Call { arguments, .. } = &said.said {
                        w.member("arguments", arguments);
                    }
                });
                self.finish_item(item, Status::Completed, out);
            }
            Kind::Custom => {
                self.about(item, "response.custom_tool_call_input.done", out, |said, w| {
                    if let Said::Custom { input, .. } = &said.said {
                        w.member("input", input);
                    }
                });
                self.finish_item(item, Status::Completed, out);
            }
            Kind::Thinking => {
                let (_, encrypted) = reasoning::to_caller(&open.kept, String::new());
                let mut words = String::new();
                if let Said::Reasoning { text, encrypted: kept } = &mut self.items[item].said {
                    *kept = encrypted;
                    words.clone_from(text);
                }
                if !words.is_empty() {
                    self.about(item, "response.reasoning_summary_text.done", out, |_, w| {
                        w.member("summary_index", &0);
                        w.member("text", &words);
                    });
                    self.about(item, "response.reasoning_summary_part.done", out, |_, w| summary(&words, w));
                }
                self.finish_item(item, Status::Completed, out);
            }
            Kind::Whole => {}
        }
    }

    fn close_content(&mut self, item: usize, index: usize, out: &mut Vec<u8>) {
        let Some(content) = self.said_at(item, index).cloned() else { return };
        match &content {
            Content::Text { text, logprobs, .. } => {
                self.about(item, "response.output_text.done", out, |_, w| {
                    w.member("content_index", &index);
                    w.member("text", text);
                    w.name("logprobs");
                    super::super::item::logprobs(logprobs, w);
                });
            }
            Content::Refusal(words) => self.about(item, "response.refusal.done", out, |_, w| {
                w.member("content_index", &index);
                w.member("refusal", words);
            }),
        }
        self.about(item, "response.content_part.done", out, |_, w| {
            w.member("content_index", &index);
            w.name("part");
            content.write(w);
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start("", None, "", out);
        while !self.open.is_empty() {
            self.close(0, out);
        }
        let status = Status::of(&self.stop, &self.items);
        for index in 0..self.items.len() {
            let last = index + 1 == self.items.len();
            self.finish_item(index, if last { status } else { Status::Completed }, out);
        }
        let kind = match status {
            Status::Incomplete(_) => "response.incomplete",
            Status::InProgress | Status::Completed => "response.completed",
        };
        self.response(kind, status, out);
        self.ended = true;
    }

    fn fail(&mut self, error: &ProviderError, out: &mut Vec<u8>) {
        let code = error.code.as_ref().or(error.kind.as_ref());
        self.emit("error", out, |_, w| {
            w.member("code", &code);
            w.member("message", &error.message);
            w.member("param", &error.param);
            // By this the libraries raise an exception.
            w.name("error").object(|w| {
                w.member("type", error.kind.as_deref().unwrap_or("server_error"));
                w.member("code", &code);
                w.member("message", &error.message);
                w.member("param", &error.param);
            });
        });
        self.ended = true;
    }
}

/// Which part of a summary: there is one.
fn summary(text: &str, w: &mut Json<'_>) {
    w.member("summary_index", &0);
    w.name("part").object(|w| {
        w.member("type", "summary_text");
        w.member("text", text);
    });
}

impl WriteStream for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, model, created, usage } => {
                self.usage = usage.unwrap_or(self.usage);
                self.start(id, *created, model, out);
            }
            Event::Error(error) => self.fail(error, out),
            // A comment: this dialect has no event for it.
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            // This dialect has one answer.
            Event::Open { choice, .. }
            | Event::Delta { choice, .. }
            | Event::Close { choice, .. }
            | Event::Stop { choice, .. }
                if *choice > 0 => {}
            Event::Open { part, opening, .. } => {
                self.start("", None, "", out);
                self.open(*part, opening, out);
            }
            Event::Delta { part, delta, .. } => self.delta(*part, delta, out),
            Event::Close { part, .. } => {
                if let Some(at) = self.open.iter().position(|open| open.part == *part) {
                    self.close(at, out);
                }
            }
            Event::Stop { stop, .. } => self.stop = stop.clone(),
            Event::Usage(tokens) => self.usage = *tokens,
            Event::End => self.end(out),
        }
        if self.said > MAX_SAID && !self.ended {
            let message = "the answer is longer than 64 MiB".to_owned();
            self.fail(&ProviderError { status: 200, message, ..ProviderError::default() }, out);
        }
    }
}
