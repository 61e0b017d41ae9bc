//! Whole answers.

use super::item::{self, Token};
use super::skeleton::{self, Content, Head, Item, Said, Status};
use super::{NAME, reasoning, usage};
use crate::canon::{Answer, Choice, Media, MediaKind, Origin, Part, Stop, Text, ToolCall, custom};
use crate::dialect::chat::{Asked, Unreadable};
use crate::dialect::openai::chat::error;
use crate::json::write::Writer;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A response, as far as it is read.
#[derive(Deserialize)]
pub(super) struct Response<'a> {
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) model: String,
    pub(super) created_at: Option<f64>,
    pub(super) status: Option<String>,
    pub(super) error: Option<Value>,
    pub(super) incomplete_details: Option<Details>,
    #[serde(borrow)]
    output: Option<Vec<&'a RawValue>>,
    pub(super) usage: Option<usage::Said>,
    pub(super) service_tier: Option<String>,
}

/// Why a response is incomplete.
#[derive(Deserialize)]
pub(super) struct Details {
    reason: Option<String>,
}

/// An item of the output, of whatever type.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Output {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: String,
    content: Option<Vec<Piece>>,
    summary: Option<Vec<Piece>>,
    pub(super) encrypted_content: Option<String>,
    pub(super) call_id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    /// A text, of a tool that takes that.
    input: Option<Value>,
    result: Option<String>,
    output_format: Option<String>,
}

/// A piece of a message, or of thoughts.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Piece {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) text: String,
    refusal: String,
    annotations: Option<Vec<Value>>,
    logprobs: Option<Vec<Token>>,
}

impl Output {
    /// The text of a call of a tool that takes it.
    pub(super) fn input(&self) -> &str {
        self.input.as_ref().and_then(Value::as_str).unwrap_or_default()
    }
}

impl Response<'_> {
    /// Why it ended; by what it says of itself, and what was said in it.
    pub(super) fn stop(&self, called: bool, refused: bool) -> Stop {
        if self.status.as_deref() == Some("incomplete") {
            let reason = self.incomplete_details.as_ref().and_then(|details| details.reason.as_deref());
            return match reason {
                Some("max_output_tokens") | None => Stop::Length,
                Some("content_filter") => Stop::Filtered,
                Some(other) => Stop::Broken(other.chars().take(64).collect()),
            };
        }
        match (called, refused) {
            (true, _) => Stop::ToolCalls,
            (_, true) => Stop::Refused,
            _ => Stop::End,
        }
    }

    /// When, in whole seconds.
    pub(super) fn created(&self) -> Option<i64> {
        // Of any time that a clock shows, a double has the whole seconds exactly.
        self.created_at.map(|seconds| seconds as i64)
    }
}

/// Reads an answer.
pub(super) fn read(body: &[u8]) -> Result<Answer, Unreadable> {
    let response: Response<'_> = serde_json::from_slice(body)
        .map_err(|error| Unreadable(format!("the answer is no response: {error}")))?;
    match response.status.as_deref() {
        None | Some("completed" | "incomplete") => {}
        Some(status) => {
            let status: String = status.chars().take(64).collect();
            let said = response.error.as_ref().map(error::object).unwrap_or_default();
            let code = said.code.or(said.kind).unwrap_or_default();
            return Err(Unreadable(format!("the response is `{status}` `{code}`: {}", said.message)));
        }
    }
    let mut choice = Choice::default();
    for raw in response.output.iter().flatten() {
        item_parts(raw.get(), &mut choice)?;
    }
    let called = choice.parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let refused = choice.parts.iter().any(|part| matches!(part, Part::Refusal(_)));
    choice.stop = response.stop(called, refused);
    Ok(Answer {
        created: response.created(),
        usage: response.usage.map(usage::Said::tokens),
        id: response.id,
        model: response.model,
        choices: vec![choice],
        service_tier: response.service_tier,
        fingerprint: None,
    })
}

fn item_parts(raw: &str, choice: &mut Choice) -> Result<(), Unreadable> {
    let output: Output = serde_json::from_str(raw).unwrap_or_default();
    match output.kind.as_str() {
        "message" => {
            for piece in output.content.unwrap_or_default() {
                if piece.kind == "refusal" {
                    choice.parts.push(Part::Refusal(piece.refusal));
                    continue;
                }
                let annotations = piece.annotations.unwrap_or_default();
                let citations = annotations.iter().filter_map(item::citation).collect();
                choice.logprobs.extend(piece.logprobs.into_iter().flatten().map(Token::into_canon));
                choice.parts.push(Part::Text(Text { text: piece.text, citations, ..Text::default() }));
            }
        }
        "function_call" => choice.parts.push(Part::ToolCall(ToolCall {
            id: output.call_id,
            name: output.name,
            arguments: output.arguments,
            ..ToolCall::default()
        })),
        "custom_tool_call" => choice.parts.push(Part::ToolCall(ToolCall {
            arguments: custom::arguments(output.input()),
            id: output.call_id,
            name: output.name,
            ..ToolCall::default()
        })),
        "reasoning" => {
            let words = |pieces: &Option<Vec<Piece>>| {
                let texts = pieces.iter().flatten().map(|piece| piece.text.as_str());
                texts.collect::<Vec<_>>().join("\n\n")
            };
            let summary = words(&output.summary);
            let text = if summary.is_empty() { words(&output.content) } else { summary };
            let encrypted = output.encrypted_content.as_deref();
            choice.parts.push(Part::Thinking(reasoning::thinking(&output.id, text, encrypted)));
        }
        _ => choice.parts.push(whole(raw, output)?),
    }
    Ok(())
}

/// An item that comes at once: a picture, or what only this dialect knows.
pub(super) fn whole(raw: &str, output: Output) -> Result<Part, Unreadable> {
    if output.kind == "image_generation_call"
        && let Some(data) = output.result
    {
        let format = output.output_format.as_deref().unwrap_or("png");
        return Ok(Part::Media(Media {
            kind: MediaKind::Image,
            mime: Some(format!("image/{format}")),
            origin: Origin::Data(data),
            ..Media::default()
        }));
    }
    let value = serde_json::from_str(raw)
        .map_err(|error| Unreadable(format!("an item of the answer is no JSON that can be read: {error}")))?;
    Ok(Part::Native { dialect: NAME, value })
}

/// Writes an answer: the first, where there are several.
pub(super) fn write(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let mut items: Vec<Item> = Vec::new();
    for part in &choice.parts {
        add(part, &mut items, asked);
    }
    let texts = items.iter_mut().filter_map(|item| match &mut item.said {
        Said::Message(contents) => Some(contents),
        _ => None,
    });
    if let Some(Content::Text { logprobs, .. }) =
        texts.flatten().find(|content| matches!(content, Content::Text { .. }))
    {
        logprobs.clone_from(&choice.logprobs);
    }
    let mut head = Head::new(&answer.id, answer.created, &answer.model, asked);
    head.tier.clone_from(&answer.service_tier);
    let mut out = Vec::with_capacity(2048);
    let tokens = answer.usage.unwrap_or_default();
    let status = Status::of(&choice.stop, &items);
    skeleton::write(&head, asked, status, &items, Some(&tokens), &mut Writer::new(&mut out));
    out
}

/// The id of an item of ours.
pub(super) fn own_id(kind: &str, index: usize, asked: &Asked) -> String {
    format!("{kind}_{}_{index}", asked.id)
}

/// Adds a part; words go into the message under way.
fn add(part: &Part, items: &mut Vec<Item>, asked: &Asked) {
    let index = items.len();
    let content = match part {
        Part::Text(text) if text.text.is_empty() => return,
        Part::Text(Text { text, citations, .. }) => {
            let mut content = Content::EMPTY;
            content.say(text);
            for citation in citations {
                content.cite(citation);
            }
            content
        }
        Part::Refusal(words) => Content::Refusal(words.clone()),
        part => return items.extend(single(part, index, asked)),
    };
    match items.last_mut() {
        Some(Item { said: Said::Message(contents), .. }) => contents.push(content),
        _ => {
            let said = Said::Message(vec![content]);
            items.push(Item { id: own_id("msg", index, asked), said, done: true });
        }
    }
}

/// An item of one part; `None` where there is no word for it.
pub(super) fn single(part: &Part, index: usize, asked: &Asked) -> Option<Item> {
    let (id, said) = match part {
        Part::ToolCall(call) if custom::takes_text(&asked.request.tools, &call.name) => {
            let said = Said::Custom {
                id: call.id.clone(),
                name: call.name.clone(),
                input: custom::input(&call.arguments),
            };
            (own_id("ctc", index, asked), said)
        }
        Part::ToolCall(call) => {
            let said = Said::Call {
                id: call.id.clone(),
                name: call.name.clone(),
                arguments: call.arguments.clone(),
            };
            (own_id("fc", index, asked), said)
        }
        Part::Thinking(thinking) => {
            let (id, encrypted) = reasoning::to_caller(thinking, own_id("rs", index, asked));
            (id, Said::Reasoning { text: thinking.text.clone(), encrypted })
        }
        Part::Media(Media { kind: MediaKind::Image, mime, origin: Origin::Data(data), .. }) => {
            (own_id("ig", index, asked), Said::Image { mime: mime.clone(), data: data.clone() })
        }
        Part::Native { dialect, value } if *dialect == NAME => (String::new(), Said::Native(value.clone())),
        _ => return None,
    };
    Some(Item { id, said, done: true })
}
