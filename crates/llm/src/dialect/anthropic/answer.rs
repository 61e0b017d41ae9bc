//! Whole answers.

use super::write::content::input;
use super::{NAME, citation, usage};
use crate::canon::{Answer, Choice, Part, Stop, Text, Thinking, ToolCall, signature};
use crate::dialect::chat::{Asked, Unreadable};
use crate::json::write::Writer;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(default)]
    id: String,
    #[serde(default)]
    model: String,
    #[serde(borrow)]
    content: Vec<&'a RawValue>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    stop_details: Option<StopDetails>,
    usage: Option<usage::Said>,
}

/// Why the model refused.
#[derive(Debug, Deserialize)]
pub(super) struct StopDetails {
    pub(super) explanation: Option<String>,
}

/// A block, of whatever type.
#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) text: String,
    #[serde(default)]
    pub(super) thinking: String,
    pub(super) signature: Option<String>,
    pub(super) data: Option<String>,
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) citations: Option<Vec<&'a RawValue>>,
}

impl Block<'_> {
    /// One of which only the type is known.
    pub(super) fn of_kind(kind: String) -> Self {
        Self {
            kind,
            text: String::new(),
            thinking: String::new(),
            signature: None,
            data: None,
            id: String::new(),
            name: String::new(),
            input: None,
            citations: None,
        }
    }
}

/// Reads an answer.
pub(super) fn read(body: &[u8]) -> Result<Answer, Unreadable> {
    let message: Message<'_> = serde_json::from_slice(body)
        .map_err(|error| Unreadable(format!("the answer is no message: {error}")))?;
    let mut parts = message.content.into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
    if let Some(explanation) = message.stop_details.and_then(|details| details.explanation) {
        parts.push(Part::Refusal(explanation));
    }
    let usage = message.usage.unwrap_or_default();
    let choice = Choice {
        parts,
        stop: message.stop_reason.map_or(Stop::End, stop),
        stop_sequence: message.stop_sequence,
        ..Choice::default()
    };
    Ok(Answer {
        id: message.id,
        model: message.model,
        choices: vec![choice],
        usage: Some(usage.tokens()),
        service_tier: usage.service_tier,
        ..Answer::default()
    })
}

fn part(raw: &RawValue) -> Result<Part, Unreadable> {
    let block: Block<'_> = match serde_json::from_str(raw.get()) {
        Ok(block) => block,
        // A block of a newer type may well have members of these names and another shape.
        Err(_) => return native(raw.get()),
    };
    Ok(match block.kind.as_str() {
        "text" => Part::Text(Text {
            text: block.text,
            citations: block
                .citations
                .unwrap_or_default()
                .into_iter()
                .filter_map(|raw| citation::read_answer(raw.get()))
                .collect(),
            ..Text::default()
        }),
        "thinking" => Part::Thinking(Thinking {
            text: block.thinking,
            signature: block
                .signature
                .filter(|text| !text.is_empty())
                .map(|text| signature::read(NAME, &text)),
            redacted: None,
        }),
        "redacted_thinking" => Part::Thinking(Thinking {
            redacted: block.data.map(|data| signature::read(NAME, &data)),
            ..Thinking::default()
        }),
        "tool_use" => Part::ToolCall(ToolCall {
            id: block.id,
            name: block.name,
            arguments: block.input.map_or_else(|| "{}".to_owned(), |raw| raw.get().to_owned()),
            ..ToolCall::default()
        }),
        _ => return native(raw.get()),
    })
}

/// A block that only this dialect knows.
pub(super) fn native(raw: &str) -> Result<Part, Unreadable> {
    let value = serde_json::from_str(raw)
        .map_err(|error| Unreadable(format!("a block of the answer is no JSON that can be read: {error}")))?;
    Ok(Part::Native { dialect: NAME, value })
}

/// A reason by its word.
pub(super) fn stop(word: String) -> Stop {
    match STOPS.iter().find(|(known, _)| *known == word) {
        Some((_, stop)) => stop.clone(),
        None => Stop::Other(word),
    }
}

/// The word for a reason.
pub(super) fn stop_word(stop: &Stop) -> &'static str {
    match stop {
        // What filters cut is a refusal to this dialect.
        Stop::Filtered => "refusal",
        // Not all is there, as when there was no room for it.
        Stop::Broken(_) => "max_tokens",
        Stop::Other(_) => "end_turn",
        stop => STOPS.iter().find(|(_, known)| known == stop).map_or("end_turn", |(word, _)| word),
    }
}

static STOPS: &[(&str, Stop)] = &[
    ("end_turn", Stop::End),
    ("max_tokens", Stop::Length),
    ("stop_sequence", Stop::Sequence),
    ("tool_use", Stop::ToolCalls),
    ("pause_turn", Stop::Paused),
    ("refusal", Stop::Refused),
    ("model_context_window_exceeded", Stop::ContextFull),
];

/// Writes an answer: the first, where there are several.
pub(super) fn write(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let refused = choice.parts.iter().find_map(|part| match part {
        Part::Refusal(words) => Some(words.as_str()),
        _ => None,
    });
    let mut out = Vec::with_capacity(1024);
    Writer::new(&mut out).object(|w| {
        w.member("id", &id(&answer.id, asked));
        w.member("type", "message");
        w.member("role", "assistant");
        w.member("model", model(&answer.model, asked));
        w.name("content").array(|w| choice.parts.iter().for_each(|part| block(part, w)));
        let stop = if refused.is_some() { &Stop::Refused } else { &choice.stop };
        stopped(stop, choice.stop_sequence.as_deref(), refused, w);
        w.name("usage");
        usage::write(&answer.usage.unwrap_or_default(), answer.service_tier.as_deref(), w);
        w.member("container", &None::<&str>);
    });
    out
}

/// Members that say why an answer ended.
pub(super) fn stopped(stop: &Stop, sequence: Option<&str>, refused: Option<&str>, w: &mut Writer<'_>) {
    w.member("stop_reason", stop_word(stop));
    w.member("stop_sequence", &sequence);
    match refused {
        Some(words) => w.name("stop_details").object(|w| {
            w.member("type", "refusal");
            w.member("category", &None::<&str>);
            w.member("explanation", words);
        }),
        None => w.member("stop_details", &None::<&str>),
    }
}

/// The provider's id, or ours.
pub(super) fn id(given: &str, asked: &Asked) -> String {
    if given.is_empty() { format!("msg_{}", asked.id) } else { given.to_owned() }
}

/// The provider's name for the model, or the caller's.
pub(super) fn model<'a>(given: &'a str, asked: &'a Asked) -> &'a str {
    if given.is_empty() { &asked.request.model } else { given }
}

fn block(part: &Part, w: &mut Writer<'_>) {
    match part {
        // No block of this dialect is empty.
        Part::Text(text) if text.text.is_empty() => {}
        Part::Text(text) => w.object(|w| {
            w.member("type", "text");
            w.member("text", &text.text);
            match &text.citations[..] {
                [] => w.member("citations", &None::<&str>),
                all => {
                    w.name("citations").array(|w| all.iter().for_each(|one| citation::write(w, one, false)))
                }
            }
        }),
        Part::Thinking(thinking) => self::thinking(thinking, w),
        Part::ToolCall(call) => w.object(|w| {
            w.member("type", "tool_use");
            w.member("id", &call.id);
            w.member("name", &call.name);
            w.name("input");
            input(&call.arguments, w);
            direct(w);
        }),
        Part::Native { dialect, value } if *dialect == NAME => w.value(value),
        // A refusal is in `stop_details`; the rest there is no word for.
        Part::Refusal(_) | Part::Native { .. } | Part::Media(_) | Part::ToolResult(_) => {}
    }
}

/// By whom a tool was called: the model itself, not code that it runs.
pub(super) fn direct(w: &mut Writer<'_>) {
    w.name("caller").object(|w| w.member("type", "direct"));
}

fn thinking(thinking: &Thinking, w: &mut Writer<'_>) {
    if let Some(data) = &thinking.redacted {
        w.object(|w| {
            w.member("type", "redacted_thinking");
            w.member("data", signature::to_caller(NAME, data));
        });
    }
    if thinking.redacted.is_none() || !thinking.text.is_empty() || thinking.signature.is_some() {
        let signed = thinking.signature.as_deref().unwrap_or_default();
        w.object(|w| {
            w.member("type", "thinking");
            w.member("thinking", &thinking.text);
            w.member("signature", signature::to_caller(NAME, signed));
        });
    }
}
