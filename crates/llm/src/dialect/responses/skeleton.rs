//! The object that a response is: the request's settings again, the output, how it stands.

use super::item;
use super::{NAME, reasoning, usage, write};
use crate::canon::{Citation, Effort, Format, Logprob, Request, Stop, Tokens, ToolChoice};
use crate::dialect::chat::Asked;
use crate::json::write::Writer;
use serde_json::Value;

/// What is known of a response from its beginning.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) model: String,
    pub(super) tier: Option<String>,
}

impl Head {
    /// With the provider's words, and our own in place of those that it does not say.
    pub(super) fn new(id: &str, created: Option<i64>, model: &str, asked: &Asked) -> Self {
        let id = match id {
            "" => format!("resp_{}", asked.id),
            id if id.starts_with("resp_") => id.to_owned(),
            id => format!("resp_{id}"),
        };
        let model = if model.is_empty() { &asked.request.model } else { model };
        Self { id, created: created.unwrap_or(asked.now), model: model.to_owned(), tier: None }
    }
}

/// How a response stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    /// Why.
    Incomplete(&'static str),
}

impl Status {
    /// Of an answer with these items, which ended for this reason.
    pub(super) fn of(stop: &Stop, items: &[Item]) -> Self {
        match stop {
            Stop::Length | Stop::ContextFull | Stop::Broken(_) => Self::Incomplete("max_output_tokens"),
            Stop::Filtered => Self::Incomplete("content_filter"),
            // The words of a refusal say it themselves; without them it would look like an answer that is empty.
            Stop::Refused if !items.iter().any(Item::refuses) => Self::Incomplete("content_filter"),
            _ => Self::Completed,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
        }
    }
}

/// One item of the output.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) said: Said,
    pub(super) done: bool,
}

/// What an item says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Message(Vec<Content>),
    Call {
        id: String,
        name: String,
        arguments: String,
    },
    /// Of a tool that takes text.
    Custom {
        id: String,
        name: String,
        input: String,
    },
    Reasoning {
        text: String,
        encrypted: Option<String>,
    },
    Image {
        mime: Option<String>,
        data: String,
    },
    Native(Value),
}

/// One piece of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    /// Every citation has a span: all that was said before, where its vendor does not say for which words it is.
    Text {
        text: String,
        characters: u32,
        citations: Vec<Citation>,
        logprobs: Vec<Logprob>,
    },
    Refusal(String),
}

impl Item {
    /// Whether it says why the model will not.
    fn refuses(&self) -> bool {
        let Said::Message(contents) = &self.said else { return false };
        contents.iter().any(|content| matches!(content, Content::Refusal(words) if !words.is_empty()))
    }

    /// `word`: how it stands.
    pub(super) fn write(&self, word: &str, w: &mut Writer<'_>) {
        match &self.said {
            Said::Message(contents) => w.object(|w| {
                w.member("type", "message");
                w.member("id", &self.id);
                w.member("status", word);
                w.member("role", "assistant");
                w.name("content").array(|w| contents.iter().for_each(|content| content.write(w)));
            }),
            Said::Call { id, name, arguments } => w.object(|w| {
                w.member("type", "function_call");
                w.member("id", &self.id);
                w.member("call_id", id);
                w.member("name", name);
                w.member("arguments", arguments);
                w.member("status", word);
            }),
            Said::Custom { id, name, input } => w.object(|w| {
                w.member("type", "custom_tool_call");
                w.member("id", &self.id);
                w.member("call_id", id);
                w.member("name", name);
                w.member("input", input);
            }),
            Said::Reasoning { text, encrypted } => {
                reasoning::write(&self.id, text, encrypted.as_deref(), Some(word), w);
            }
            Said::Image { mime, data } => w.object(|w| {
                w.member("type", "image_generation_call");
                w.member("id", &self.id);
                w.member("status", "completed");
                w.member("result", data);
                let format = mime.as_deref().and_then(|mime| mime.strip_prefix("image/"));
                w.maybe("output_format", &format);
            }),
            Said::Native(value) => w.value(value),
        }
    }
}

impl Content {
    /// A text, of which there is nothing yet.
    pub(super) const EMPTY: Self =
        Self::Text { text: String::new(), characters: 0, citations: Vec::new(), logprobs: Vec::new() };

    /// More words.
    pub(super) fn say(&mut self, more: &str) {
        match self {
            Self::Text { text, characters, .. } => {
                text.push_str(more);
                let count = u32::try_from(more.chars().count()).unwrap_or(u32::MAX);
                *characters = characters.saturating_add(count);
            }
            Self::Refusal(words) => words.push_str(more),
        }
    }

    /// A citation of these words; its number among them.
    pub(super) fn cite(&mut self, citation: &Citation) -> Option<(usize, &Citation)> {
        let Self::Text { characters, citations, .. } = self else { return None };
        let mut citation = citation.clone();
        citation.span.get_or_insert((0, *characters));
        citations.push(citation);
        citations.last().map(|citation| (citations.len() - 1, citation))
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.object(|w| match self {
            Self::Text { text, citations, logprobs, .. } => {
                w.member("type", "output_text");
                w.member("text", text);
                w.name("annotations").array(|w| {
                    for citation in citations {
                        if let Some(url) = &citation.url {
                            item::annotation(citation, url, w);
                        }
                    }
                });
                w.name("logprobs");
                item::logprobs(logprobs, w);
            }
            Self::Refusal(words) => {
                w.member("type", "refusal");
                w.member("refusal", words);
            }
        });
    }
}

/// Writes a response.
pub(super) fn write(
    head: &Head,
    asked: &Asked,
    status: Status,
    items: &[Item],
    tokens: Option<&Tokens>,
    w: &mut Writer<'_>,
) {
    let request = &*asked.request;
    let null = &Value::Null;
    w.object(|w| {
        w.member("id", &head.id);
        w.member("object", "response");
        w.member("created_at", &head.created);
        w.member("status", status.word());
        // When it was, is not known here; and it lies nowhere.
        w.member("completed_at", null);
        w.member("background", &false);
        w.member("store", &false);
        w.member("error", null);
        match status {
            Status::Incomplete(reason) => {
                w.name("incomplete_details").object(|w| w.member("reason", reason));
            }
            Status::InProgress | Status::Completed => w.member("incomplete_details", null),
        }
        w.member("instructions", &write::instructions(request));
        w.member("max_output_tokens", &request.max_tokens);
        w.member("max_tool_calls", null);
        w.member("model", &head.model);
        w.name("output").array(|w| {
            for (index, item) in items.iter().enumerate() {
                // What was cut is the last.
                let whole = index + 1 < items.len();
                item.write(if whole { Status::Completed.word() } else { status.word() }, w);
            }
        });
        w.member("parallel_tool_calls", &request.parallel_tools.unwrap_or(true));
        w.member("previous_response_id", null);
        settings(request, w);
        // Others have words of their own: Anthropic's `standard`.
        let known = |tier: &&str| matches!(*tier, "auto" | "default" | "flex" | "scale" | "priority");
        w.member("service_tier", head.tier.as_deref().filter(known).unwrap_or("default"));
        w.member("temperature", &request.sampling.temperature.unwrap_or(1.0));
        w.member("presence_penalty", &request.sampling.presence_penalty.unwrap_or(0.0));
        w.member("frequency_penalty", &request.sampling.frequency_penalty.unwrap_or(0.0));
        w.name("tool_choice");
        let choice = request.tool_choice.as_ref().unwrap_or(&ToolChoice::Auto);
        write::choice(choice, &request.tools, w);
        w.name("tools").array(|w| {
            for tool in &request.tools {
                write::tool(tool, NAME, w, |_| {});
            }
        });
        w.member("top_logprobs", &request.sampling.top_logprobs.unwrap_or(0));
        w.member("top_p", &request.sampling.top_p.unwrap_or(1.0));
        w.member("truncation", "disabled");
        w.name("usage");
        match tokens {
            Some(tokens) => usage::write(tokens, w),
            None => w.value(null),
        }
        w.member("user", &request.user);
        w.member("safety_identifier", null);
        w.member("prompt_cache_key", null);
        w.member("metadata", &request.metadata);
    });
}

/// `reasoning` and `text`.
fn settings(request: &Request, w: &mut Writer<'_>) {
    let reasoning = request.reasoning.as_ref();
    w.name("reasoning").object(|w| {
        w.member("effort", &reasoning.and_then(|reasoning| reasoning.effort).map(Effort::word));
        w.member("summary", &reasoning.and_then(|reasoning| reasoning.summary.as_deref()));
    });
    w.name("text").object(|w| {
        w.name("format");
        write::format(request.format.as_ref().unwrap_or(&Format::Text), w, |_| {});
        w.maybe("verbosity", &request.verbosity);
    });
}
