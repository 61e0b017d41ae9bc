//! A whole answer.

use super::NAME;
use super::usage::{self, Logprobs, Usage};
use super::write::{TIERS, called, extra_content};
use crate::canon::{
    Answer, Choice, Media, MediaKind, Origin, Part, Stop, Text, Thinking, ToolCall, custom, signature,
};
use crate::dialect::chat::{Asked, Unreadable};
use crate::dialect::data_url;
use crate::json::write::Writer;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    created: Option<f64>,
    choices: Option<Vec<WireChoice>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    service_tier: Option<String>,
    #[serde(default)]
    system_fingerprint: Option<String>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct WireChoice {
    #[serde(default)]
    index: Option<u32>,
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    logprobs: Option<Logprobs>,
    /// Moonshot.
    #[serde(default)]
    usage: Option<Usage>,
}

/// A message, or what of it is new in a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) content: Option<Content>,
    pub(super) refusal: Option<String>,
    pub(super) reasoning_content: Option<String>,
    pub(super) reasoning: Option<String>,
    pub(super) reasoning_details: Option<Vec<Detail>>,
    pub(super) tool_calls: Option<Vec<Call>>,
    pub(super) function_call: Option<Function>,
    pub(super) annotations: Option<Vec<Value>>,
    pub(super) audio: Option<Value>,
    pub(super) images: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    /// Mistral's thinking models.
    Parts(Vec<Value>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Call {
    pub(super) index: Option<u32>,
    pub(super) id: Option<String>,
    pub(super) function: Option<Function>,
    pub(super) extra_content: Option<Value>,
    pub(super) custom: Option<Custom>,
}

/// A call of a tool that takes text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Custom {
    pub(super) name: Option<String>,
    pub(super) input: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    /// A text; Ollama's kin send the object itself.
    pub(super) arguments: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Detail {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) text: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) data: Option<String>,
    pub(super) signature: Option<String>,
}

impl Call {
    pub(super) fn signature(&self) -> Option<String> {
        let text = self.extra_content.as_ref()?.get("google")?.get("thought_signature")?.as_str()?;
        Some(signature::read(NAME, text))
    }
}

impl Function {
    pub(super) fn arguments(self) -> String {
        match self.arguments {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(value) => value.to_string(),
        }
    }
}

pub(super) fn read(body: &[u8]) -> Result<Answer, Unreadable> {
    let wire: Wire = serde_json::from_slice(body)
        .map_err(|error| Unreadable(format!("the answer is no chat completion: {error}")))?;
    if wire.error.as_ref().is_some_and(|error| !error.is_null()) && wire.choices.is_none() {
        return Err(Unreadable("the answer is an error under a status of success".to_owned()));
    }
    let Some(choices) = wire.choices else {
        return Err(Unreadable("the answer has no `choices`".to_owned()));
    };
    let mut tokens = wire.usage.and_then(|usage| usage.tokens());
    let mut read = Vec::with_capacity(choices.len());
    for (position, choice) in choices.into_iter().enumerate() {
        tokens = tokens.or(choice.usage.and_then(|usage| usage.tokens()));
        let parts = parts(choice.message);
        let called = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
        let refused = parts.iter().any(|part| matches!(part, Part::Refusal(_)));
        read.push(Choice {
            index: choice.index.unwrap_or(u32::try_from(position).unwrap_or(u32::MAX)),
            parts,
            stop: usage::stop(choice.finish_reason.as_deref().unwrap_or("stop"), called, refused),
            stop_sequence: None,
            logprobs: choice.logprobs.map(Logprobs::into_canon).unwrap_or_default(),
        });
    }
    Ok(Answer {
        id: wire.id.unwrap_or_default(),
        model: wire.model.unwrap_or_default(),
        created: wire.created.map(|seconds| seconds as i64),
        choices: read,
        usage: tokens,
        service_tier: wire.service_tier,
        fingerprint: wire.system_fingerprint,
    })
}

fn parts(message: Message) -> Vec<Part> {
    let mut parts = Vec::new();
    let details = message.reasoning_details.unwrap_or_default();
    parts.extend(details.into_iter().filter_map(detail).map(Part::Thinking));
    let plain = message.reasoning_content.or(message.reasoning).filter(|text| !text.is_empty());
    if parts.is_empty()
        && let Some(text) = plain
    {
        parts.push(Part::Thinking(Thinking { text, ..Thinking::default() }));
    }
    match message.content {
        Some(Content::Text(text)) if !text.is_empty() => parts.push(Part::text(text)),
        Some(Content::Parts(items)) => parts.extend(items.iter().filter_map(content_part)),
        _ => {}
    }
    let citations: Vec<_> =
        message.annotations.unwrap_or_default().iter().filter_map(usage::citation).collect();
    if !citations.is_empty()
        && let Some(Part::Text(text)) = parts.iter_mut().find(|part| matches!(part, Part::Text(_)))
    {
        text.citations = citations;
    }
    parts.extend(message.refusal.filter(|text| !text.is_empty()).map(Part::Refusal));
    parts.extend(message.images.unwrap_or_default().iter().filter_map(image));
    if let Some(audio) = message.audio.filter(|audio| !audio.is_null()) {
        parts.push(Part::Native { dialect: NAME, value: serde_json::json!({ "audio": audio }) });
    }
    for (position, mut call) in message.tool_calls.unwrap_or_default().into_iter().enumerate() {
        let signature = call.signature();
        let (name, arguments) = match call.custom.take() {
            Some(called) => (called.name, custom::arguments(&called.input.unwrap_or_default())),
            None => {
                let function = call.function.take().unwrap_or_default();
                (function.name.clone(), function.arguments())
            }
        };
        parts.push(Part::ToolCall(ToolCall {
            id: call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{position}")),
            name: name.unwrap_or_default(),
            arguments,
            signature,
            cache: None,
        }));
    }
    if let Some(function) = message.function_call {
        parts.push(Part::ToolCall(ToolCall {
            id: "call_0".to_owned(),
            name: function.name.clone().unwrap_or_default(),
            arguments: function.arguments(),
            ..ToolCall::default()
        }));
    }
    parts
}

/// One of `reasoning_details`; `None` for kinds that say nothing of use here.
pub(super) fn detail(detail: Detail) -> Option<Thinking> {
    let signature = detail.signature.map(|signed| signature::read(NAME, &signed));
    match detail.kind.as_deref() {
        Some("reasoning.text") => {
            Some(Thinking { text: detail.text.unwrap_or_default(), signature, redacted: None })
        }
        Some("reasoning.summary") => {
            Some(Thinking { text: detail.summary.unwrap_or_default(), signature, redacted: None })
        }
        Some("reasoning.encrypted") => Some(Thinking {
            redacted: detail.data.map(|data| signature::read(NAME, &data)),
            ..Thinking::default()
        }),
        _ => None,
    }
}

/// A part of `content` where that is a list: `{"type":"thinking","thinking":[{"type":"text",…}]}`, `{"type":"text",…}`.
pub(super) fn content_part(value: &Value) -> Option<Part> {
    let text = value.get("text").and_then(Value::as_str);
    match value.get("type").and_then(Value::as_str) {
        Some("text") => text.map(Part::text),
        Some("thinking") => {
            let inner = value.get("thinking")?;
            let text = match inner {
                Value::String(text) => text.clone(),
                Value::Array(items) => items
                    .iter()
                    .filter_map(|item| item.get("text").and_then(Value::as_str))
                    .collect::<String>(),
                _ => return None,
            };
            Some(Part::Thinking(Thinking { text, ..Thinking::default() }))
        }
        _ => None,
    }
}

/// One of `images`: `{"type":"image_url","image_url":{"url":"data:…"}}`.
pub(super) fn image(value: &Value) -> Option<Part> {
    let url = value.get("image_url")?.get("url")?.as_str()?;
    let (mime, origin) = match data_url::parse(url) {
        Some((mime, data)) => (Some(mime.to_owned()), Origin::Data(data.to_owned())),
        None => (None, Origin::Url(url.to_owned())),
    };
    Some(Part::Media(Media { kind: MediaKind::Image, mime, origin, ..Media::default() }))
}

pub(super) fn write(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let mut body = Vec::with_capacity(1024);
    Writer::new(&mut body).object(|w| {
        w.member("id", &*id(&answer.id, asked));
        w.member("object", "chat.completion");
        w.member("created", &answer.created.unwrap_or(asked.now));
        w.member("model", model(&answer.model, asked));
        w.name("choices").array(|w| {
            for choice in &answer.choices {
                w.object(|w| {
                    w.member("index", &choice.index);
                    w.name("message").object(|w| message(w, &choice.parts, asked));
                    w.name("logprobs");
                    usage::logprobs(w, &choice.logprobs);
                    w.member("finish_reason", finish_reason(choice, legacy(asked)));
                });
            }
        });
        if let Some(tokens) = &answer.usage {
            w.name("usage");
            usage::write(w, tokens);
        }
        // Others have words of their own: Anthropic's `standard`.
        let tier = answer.service_tier.as_deref().filter(|tier| TIERS.contains(tier));
        w.maybe("service_tier", &tier);
        w.maybe("system_fingerprint", &answer.fingerprint);
    });
    body
}

fn finish_reason(choice: &Choice, legacy: bool) -> &'static str {
    // A refusal without words is what this dialect calls filtered.
    let wordless = !choice.parts.iter().any(|part| matches!(part, Part::Refusal(_)));
    match choice.stop {
        Stop::Refused if wordless => "content_filter",
        Stop::ToolCalls if legacy => "function_call",
        ref stop => usage::finish_reason(stop),
    }
}

/// The provider's id, or ours.
pub(super) fn id<'a>(id: &'a str, asked: &Asked) -> std::borrow::Cow<'a, str> {
    if id.is_empty() { format!("chatcmpl-{}", asked.id).into() } else { id.into() }
}

/// The name that the provider says, or the caller's.
pub(super) fn model<'a>(model: &'a str, asked: &'a Asked) -> &'a str {
    if model.is_empty() { &asked.request.model } else { model }
}

/// Whether the caller speaks of functions where others speak of tools.
pub(super) fn legacy(asked: &Asked) -> bool {
    asked.request.native.iter().any(|native| native.dialect == NAME && native.name == super::read::LEGACY)
}

fn message(w: &mut Writer<'_>, parts: &[Part], asked: &Asked) {
    w.member("role", "assistant");
    let texts: Vec<&Text> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Text(text) => Some(text),
            _ => None,
        })
        .collect();
    match &texts[..] {
        [] => w.member("content", &Value::Null),
        [one] => w.member("content", &one.text),
        several => w.member("content", &several.iter().map(|text| text.text.as_str()).collect::<String>()),
    }
    let mut refusals = parts.iter().filter_map(|part| match part {
        Part::Refusal(text) => Some(text),
        _ => None,
    });
    w.member("refusal", &refusals.next());
    thoughts(w, parts);
    if texts.iter().any(|text| text.citations.iter().any(|citation| citation.url.is_some())) {
        w.name("annotations").array(|w| {
            texts.iter().flat_map(|text| &text.citations).for_each(|citation| usage::annotation(w, citation));
        });
    }
    let images = || parts.iter().filter_map(image_url);
    if images().next().is_some() {
        w.name("images").array(|w| images().for_each(|url| image_object(w, &url)));
    }
    for part in parts {
        if let Part::Native { dialect: NAME, value } = part
            && let Some(audio) = value.get("audio")
        {
            w.member("audio", audio);
        }
    }
    calls(w, parts, asked);
}

fn thoughts(w: &mut Writer<'_>, parts: &[Part]) {
    let thoughts: Vec<&Thinking> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Thinking(thinking) => Some(thinking),
            _ => None,
        })
        .collect();
    let words: String = thoughts.iter().map(|thinking| thinking.text.as_str()).collect();
    if !words.is_empty() {
        w.member("reasoning_content", &words);
    }
    if thoughts.iter().any(|thinking| thinking.signature.is_some() || thinking.redacted.is_some()) {
        w.name("reasoning_details").array(|w| {
            for thinking in &thoughts {
                let (signature, redacted) = (thinking.signature.as_deref(), thinking.redacted.as_deref());
                details(w, &thinking.text, signature, redacted);
            }
        });
    }
}

/// One of `reasoning_details`: words with their signature, or what stands in place of words.
pub(super) fn details(w: &mut Writer<'_>, text: &str, signature: Option<&str>, redacted: Option<&str>) {
    w.object(|w| match redacted {
        Some(data) => {
            w.member("type", "reasoning.encrypted");
            w.member("data", signature::to_caller(NAME, data));
        }
        None => {
            w.member("type", "reasoning.text");
            w.member("text", text);
            w.maybe("signature", &signature.map(|signed| signature::to_caller(NAME, signed)));
        }
    });
}

/// Where an image is, as an address.
pub(super) fn image_url(part: &Part) -> Option<String> {
    let Part::Media(Media { kind: MediaKind::Image, mime, origin, .. }) = part else { return None };
    match origin {
        Origin::Url(url) => Some(url.clone()),
        Origin::Data(data) => Some(data_url::write(mime.as_deref().unwrap_or("image/png"), data)),
        Origin::Text(_) | Origin::Blocks(_) | Origin::File(_) => None,
    }
}

pub(super) fn image_object(w: &mut Writer<'_>, url: &str) {
    w.object(|w| {
        w.member("type", "image_url");
        w.name("image_url").object(|w| w.member("url", url));
    });
}

fn calls(w: &mut Writer<'_>, parts: &[Part], asked: &Asked) {
    let mut calls = parts.iter().filter_map(|part| match part {
        Part::ToolCall(call) => Some(call),
        _ => None,
    });
    let Some(first) = calls.next() else { return };
    if legacy(asked) {
        w.name("function_call").object(|w| {
            w.member("name", &first.name);
            w.member("arguments", &first.arguments);
        });
        return;
    }
    w.name("tool_calls").array(|w| {
        for call in std::iter::once(first).chain(calls) {
            w.object(|w| {
                w.member("id", &call.id);
                called(w, call, &asked.request.tools);
                if let Some(signed) = &call.signature {
                    extra_content(w, signature::to_caller(NAME, signed));
                }
            });
        }
    });
}
