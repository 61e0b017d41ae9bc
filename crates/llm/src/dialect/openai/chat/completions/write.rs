//! Answers, written: whole and streamed.

use super::super::answer::model;
use super::super::stream::ending;
use super::super::usage;
use crate::canon::{Answer, Delta, Event, Opening, Part, Tokens};
use crate::dialect::chat::{Asked, WriteStream};
use crate::json::write::Writer as Json;
use std::borrow::Cow;

const OBJECT: &str = "text_completion";

pub(super) fn answer(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let mut body = Vec::with_capacity(512);
    Json::new(&mut body).object(|w| {
        head(w, &answer.id, &answer.model, answer.created, asked);
        w.name("choices").array(|w| {
            for choice in &answer.choices {
                let text: String = choice.parts.iter().filter_map(words).collect();
                self::choice(w, choice.index, &text, Some(usage::finish_reason(&choice.stop)));
            }
        });
        if let Some(tokens) = &answer.usage {
            w.name("usage");
            usage::write(w, tokens);
        }
    });
    body
}

/// The words of a part; there is room for nothing else.
fn words(part: &Part) -> Option<&str> {
    match part {
        Part::Text(text) => Some(&text.text),
        Part::Refusal(text) => Some(text),
        _ => None,
    }
}

/// What every document begins with.
fn head(w: &mut Json<'_>, id: &str, named: &str, created: Option<i64>, asked: &Asked) {
    let id = if id.is_empty() { Cow::Owned(format!("cmpl-{}", asked.id)) } else { Cow::Borrowed(id) };
    w.member("id", &*id);
    w.member("object", OBJECT);
    w.member("created", &created.unwrap_or(asked.now));
    w.member("model", model(named, asked));
}

fn choice(w: &mut Json<'_>, index: u32, text: &str, finish: Option<&str>) {
    w.object(|w| {
        w.member("text", text);
        w.member("index", &index);
        w.member("logprobs", &None::<()>);
        w.member("finish_reason", &finish);
    });
}

/// Writes chunks.
pub(super) struct Writer {
    asked: Asked,
    /// What every chunk begins with.
    head: Vec<u8>,
    usage: Option<Tokens>,
}

impl Writer {
    pub(super) fn new(asked: &Asked) -> Self {
        let mut writer = Self { asked: asked.clone(), head: Vec::new(), usage: None };
        writer.begin("", "", None);
        writer
    }

    fn begin(&mut self, id: &str, named: &str, created: Option<i64>) {
        self.head.clear();
        self.head.extend_from_slice(b"data: ");
        Json::new(&mut self.head).object(|w| head(w, id, named, created, &self.asked));
        // What follows belongs inside.
        self.head.pop();
        self.head.extend_from_slice(b",\"choices\":");
    }

    fn chunk(&self, out: &mut Vec<u8>, index: u32, text: &str, finish: Option<&str>) {
        out.extend_from_slice(&self.head);
        Json::new(out).array(|w| choice(w, index, text, finish));
        // Who asks for usage is told with every chunk that it comes later.
        let later: &[u8] = if self.asked.request.stream_usage { b",\"usage\":null}\n\n" } else { b"}\n\n" };
        out.extend_from_slice(later);
    }
}

impl WriteStream for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created, usage } => {
                self.begin(id, model, *created);
                self.usage = *usage;
            }
            Event::Open { choice, opening: Opening::Whole(part), .. } => {
                if let Some(text) = words(part) {
                    self.chunk(out, *choice, text, None);
                }
            }
            Event::Delta { choice, delta: Delta::Text(text), .. } => self.chunk(out, *choice, text, None),
            Event::Stop { choice, stop, .. } => {
                self.chunk(out, *choice, "", Some(usage::finish_reason(stop)));
            }
            Event::Usage(tokens) => self.usage = Some(*tokens),
            Event::Error(failed) => ending::failed(failed, out),
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::End => {
                ending::done(&self.head, self.usage.filter(|_| self.asked.request.stream_usage), out);
            }
            // There is no word for thoughts and calls here.
            Event::Open { .. } | Event::Delta { .. } | Event::Close { .. } => {}
        }
    }
}
