//! A whole answer, and what answers and streams share.

use crate::canon::{Answer, Choice, Citation, Logprob, Part, Stop, Thinking, Tokens, ToolCall};
use crate::dialect::chat::{Asked, Unreadable};
use crate::json::write::Writer;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    finish_reason: Option<String>,
    message: Message,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    logprobs: Option<Vec<LogprobItem>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    content: Option<Vec<Content>>,
    tool_plan: Option<String>,
    tool_calls: Option<Vec<Call>>,
    citations: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Content {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Call {
    pub(super) id: Option<String>,
    pub(super) function: Option<Function>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<String>,
}

/// What was used. What is billed comes first: tokens that Cohere adds itself are not the caller's.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    billed_units: Option<Counts>,
    tokens: Option<Counts>,
    cached_tokens: Option<f64>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Counts {
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
}

impl Usage {
    pub(super) fn tokens(&self) -> Option<Tokens> {
        let counts = self.billed_units.filter(|units| units.input_tokens.is_some()).or(self.tokens)?;
        Some(Tokens {
            // A cast from a float saturates, and takes nothing for a number that is none.
            input: counts.input_tokens? as u64,
            output: counts.output_tokens.unwrap_or(0.0) as u64,
            cache_read: self.cached_tokens.map(|count| count as u64),
            ..Tokens::default()
        })
    }
}

pub(super) fn usage(w: &mut Writer<'_>, tokens: &Tokens) {
    w.object(|w| {
        for name in ["billed_units", "tokens"] {
            w.name(name).object(|w| {
                w.member("input_tokens", &tokens.input);
                w.member("output_tokens", &tokens.output);
            });
        }
        w.maybe("cached_tokens", &tokens.cache_read);
    });
}

/// Some text, and how likely each of its tokens was.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LogprobItem {
    text: Option<String>,
    logprobs: Option<Vec<f64>>,
}

impl LogprobItem {
    pub(super) fn into_canon(self) -> Option<Logprob> {
        // The tokens' own texts are not told: together they are as likely as the product.
        let logprob = self.logprobs?.iter().sum();
        Some(Logprob { token: self.text?, logprob, top: Vec::new() })
    }
}

pub(super) fn logprob(w: &mut Writer<'_>, logprob: &Logprob) {
    w.object(|w| {
        w.member("text", &logprob.token);
        w.name("token_ids").array(|_| {});
        w.member("logprobs", &[logprob.logprob]);
    });
}

const REASONS: &[(Stop, &str)] = &[
    (Stop::End, "COMPLETE"),
    (Stop::Sequence, "STOP_SEQUENCE"),
    (Stop::Length, "MAX_TOKENS"),
    (Stop::ToolCalls, "TOOL_CALL"),
    (Stop::ContextFull, "ERROR_LIMIT"),
    (Stop::Filtered, "ERROR_TOXIC"),
];

/// Words that mean that there is no answer.
pub(super) fn failed(word: &str) -> bool {
    matches!(word, "ERROR" | "TIMEOUT")
}

pub(super) fn stop(word: &str) -> Stop {
    let known = REASONS.iter().find(|(_, known)| *known == word);
    known.map_or_else(|| Stop::Other(word.to_owned()), |(stop, _)| stop.clone())
}

pub(super) fn finish_reason(stop: &Stop) -> &'static str {
    match stop {
        // Words that its libraries know.
        Stop::ContextFull => "MAX_TOKENS",
        Stop::Broken(_) => "ERROR",
        Stop::Paused | Stop::Other(_) => "COMPLETE",
        // The word is of the API's first version; the second has none, and `COMPLETE` would make it an answer that is empty.
        Stop::Refused => "ERROR_TOXIC",
        stop => REASONS.iter().find(|(known, _)| known == stop).map_or("COMPLETE", |(_, word)| word),
    }
}

pub(super) fn citation(value: &Value) -> Option<Citation> {
    let place = |name: &str| value.get(name)?.as_u64().and_then(|at| u32::try_from(at).ok());
    let source = &value["sources"][0];
    let document = &source["document"];
    let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Citation {
        title: text("title").or_else(|| source["id"].as_str().map(str::to_owned)),
        url: text("url"),
        quote: text("snippet").or_else(|| text("text")),
        span: Some(place("start").zip(place("end"))?),
        ..Citation::default()
    })
}

/// `said`: the words of the answer that it is about.
pub(super) fn write_citation(w: &mut Writer<'_>, citation: &Citation, said: &str) {
    let (start, end) = citation.span.unwrap_or_default();
    let length = (end.saturating_sub(start)) as usize;
    w.object(|w| {
        w.member("start", &start);
        w.member("end", &end);
        w.member("text", &said.chars().skip(start as usize).take(length).collect::<String>());
        w.name("sources").array(|w| {
            w.object(|w| {
                w.member("type", "document");
                w.member("id", citation.url.as_deref().or(citation.title.as_deref()).unwrap_or_default());
                w.name("document").object(|w| {
                    w.maybe("title", &citation.title);
                    w.maybe("url", &citation.url);
                    w.maybe("snippet", &citation.quote);
                });
            });
        });
        w.member("type", "TEXT_CONTENT");
    });
}

pub(super) fn read(body: &[u8]) -> Result<Answer, Unreadable> {
    let wire: Wire = serde_json::from_slice(body)
        .map_err(|error| Unreadable(format!("the answer is none of Cohere's chat: {error}")))?;
    let word = wire.finish_reason.as_deref().unwrap_or("COMPLETE");
    if failed(word) {
        return Err(Unreadable(format!("the answer ended with `{word}` under a status of success")));
    }
    let stop = stop(word);
    let mut parts = Vec::new();
    for content in wire.message.content.unwrap_or_default() {
        match (content.kind.as_deref(), content.text, content.thinking) {
            (Some("thinking"), _, Some(text)) => {
                parts.push(Part::Thinking(Thinking { text, ..Thinking::default() }));
            }
            (_, Some(text), _) => parts.push(Part::text(text)),
            _ => {}
        }
    }
    parts.extend(wire.message.tool_plan.filter(|plan| !plan.is_empty()).map(Part::text));
    let citations: Vec<_> = wire.message.citations.unwrap_or_default().iter().filter_map(citation).collect();
    if let Some(Part::Text(text)) = parts.iter_mut().find(|part| matches!(part, Part::Text(_))) {
        text.citations = citations;
    }
    for (index, call) in wire.message.tool_calls.unwrap_or_default().into_iter().enumerate() {
        let function = call.function.unwrap_or_default();
        parts.push(Part::ToolCall(ToolCall {
            id: call.id.unwrap_or_else(|| format!("call_{index}")),
            name: function.name.unwrap_or_default(),
            arguments: function.arguments.unwrap_or_default(),
            ..ToolCall::default()
        }));
    }
    Ok(Answer {
        id: wire.id.unwrap_or_default(),
        choices: vec![Choice {
            index: 0,
            parts,
            stop,
            stop_sequence: None,
            logprobs: wire.logprobs.into_iter().flatten().filter_map(LogprobItem::into_canon).collect(),
        }],
        usage: wire.usage.and_then(|usage| usage.tokens()),
        ..Answer::default()
    })
}

pub(super) fn write(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let mut body = Vec::with_capacity(1024);
    Writer::new(&mut body).object(|w| {
        w.member("id", if answer.id.is_empty() { &*asked.id } else { &answer.id });
        w.member("finish_reason", finish_reason(&choice.stop));
        w.name("message").object(|w| message(w, &choice.parts));
        if let Some(tokens) = &answer.usage {
            w.name("usage");
            usage(w, tokens);
        }
        if !choice.logprobs.is_empty() {
            w.name("logprobs").array(|w| choice.logprobs.iter().for_each(|item| logprob(w, item)));
        }
    });
    body
}

fn message(w: &mut Writer<'_>, parts: &[Part]) {
    w.member("role", "assistant");
    let calls = parts.iter().filter_map(|part| match part {
        Part::ToolCall(call) => Some(call),
        _ => None,
    });
    let called = calls.clone().next().is_some();
    let said = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(("text", text.text.as_str())),
        Part::Refusal(text) => Some(("text", text.as_str())),
        Part::Thinking(thinking) if !thinking.text.is_empty() => Some(("thinking", thinking.text.as_str())),
        _ => None,
    });
    if called {
        let plan: String = said.clone().filter(|(kind, _)| *kind == "text").map(|(_, text)| text).collect();
        if !plan.is_empty() {
            w.member("tool_plan", &plan);
        }
    }
    let content = said.clone().filter(|(kind, _)| !called || *kind == "thinking");
    if !called || content.clone().next().is_some() {
        w.name("content").array(|w| {
            for (kind, text) in content {
                w.object(|w| {
                    w.member("type", kind);
                    w.member(kind, text);
                });
            }
        });
    }
    let cited = parts.iter().filter_map(|part| match part {
        Part::Text(text) if !text.citations.is_empty() => Some(text),
        _ => None,
    });
    if cited.clone().next().is_some() {
        w.name("citations").array(|w| {
            for text in cited {
                text.citations.iter().for_each(|citation| write_citation(w, citation, &text.text));
            }
        });
    }
    if called {
        w.name("tool_calls").array(|w| {
            for call in calls {
                w.object(|w| {
                    w.member("id", &call.id);
                    w.member("type", "function");
                    w.name("function").object(|w| {
                        w.member("name", &call.name);
                        w.member("arguments", &call.arguments);
                    });
                });
            }
        });
    }
}
