//! A request, written.

use super::{GENERATED, NAME};
use crate::canon::{
    Effort, Format, Losses, Media, MediaKind, Message, Origin, Part, Request, Role, Tool, ToolCall,
};
use crate::dialect::chat::Written;
use crate::json::tree::invalid;
use crate::json::write::Writer;
use portcullis_fault::Fault;
use serde_json::Value;

pub(super) fn request(request: &Request, losses: &mut Losses) -> Result<Written, Fault> {
    let mut body = Vec::with_capacity(4096);
    let mut wrong = None;
    Writer::new(&mut body).object(|w| {
        w.member("model", &request.model);
        w.name("messages").array(|w| {
            for message in &request.messages {
                if let Err(fault) = self::message(w, message, losses) {
                    wrong.get_or_insert(fault);
                }
            }
        });
        // A stream is what comes when nothing is said.
        w.member("stream", &request.stream);
        tools(w, request);
        match &request.format {
            None | Some(Format::Text) => {}
            Some(Format::Json) => w.member("format", "json"),
            Some(Format::Schema { schema, .. }) => w.member("format", schema),
        }
        think(w, request, losses);
        w.maybe("logprobs", &request.sampling.logprobs);
        w.maybe("top_logprobs", &request.sampling.top_logprobs);
        options(w, request);
        for native in natives(request).filter(|native| !native.name.starts_with("options.")) {
            w.member(&native.name, &native.value);
        }
    });
    match wrong {
        Some(fault) => Err(fault),
        None => Ok(Written { path: "/api/chat".to_owned(), query: "", headers: Vec::new(), body }),
    }
}

fn natives(request: &Request) -> impl Iterator<Item = &crate::canon::Native> {
    request.native.iter().filter(|native| native.dialect == NAME && native.name != GENERATED)
}

fn think(w: &mut Writer<'_>, request: &Request, losses: &mut Losses) {
    let Some(effort) = request.reasoning.as_ref().and_then(|reasoning| reasoning.effort) else { return };
    let word = match effort {
        Effort::None => {
            w.member("think", &false);
            return;
        }
        Effort::Low | Effort::Medium | Effort::High => effort.word(),
        Effort::Minimal => "low",
        Effort::Extra | Effort::Max => "high",
    };
    if word != effort.word() {
        losses.changed(format!("reasoning_effort={word}"));
    }
    w.member("think", word);
}

fn options(w: &mut Writer<'_>, request: &Request) {
    let mut inside = Vec::new();
    Writer::new(&mut inside).object(|w| {
        let sampling = &request.sampling;
        w.maybe("temperature", &sampling.temperature);
        w.maybe("top_p", &sampling.top_p);
        w.maybe("top_k", &sampling.top_k);
        w.maybe("min_p", &sampling.min_p);
        w.maybe("frequency_penalty", &sampling.frequency_penalty);
        w.maybe("presence_penalty", &sampling.presence_penalty);
        w.maybe("seed", &sampling.seed);
        w.maybe("num_predict", &request.max_tokens);
        if !request.stop.is_empty() {
            w.member("stop", &request.stop);
        }
        for native in natives(request) {
            if let Some(name) = native.name.strip_prefix("options.") {
                w.member(name, &native.value);
            }
        }
    });
    if inside != b"{}"
        && let Ok(options) = std::str::from_utf8(&inside)
    {
        w.name("options").raw(options);
    }
}

fn tools(w: &mut Writer<'_>, request: &Request) {
    if request.tools.is_empty() {
        return;
    }
    w.name("tools").array(|w| {
        for tool in &request.tools {
            let Tool::Function { name, description, parameters, .. } = tool else { continue };
            w.object(|w| {
                w.member("type", "function");
                w.name("function").object(|w| {
                    w.member("name", name);
                    w.maybe("description", description);
                    match parameters {
                        Some(schema) => w.member("parameters", schema),
                        None => w.name("parameters").raw(r#"{"type":"object","properties":{}}"#),
                    }
                });
            });
        }
    });
}

fn message(w: &mut Writer<'_>, message: &Message, losses: &mut Losses) -> Result<(), Fault> {
    let role = match message.role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    for part in &message.parts {
        if let Part::ToolResult(result) = part {
            w.object(|w| {
                w.member("role", "tool");
                w.member("content", &texts(&result.content));
                w.maybe("tool_name", &result.name);
                // Newer servers tie by it, older ones overlook it.
                w.member("tool_call_id", &result.id);
            });
        }
    }
    let said = message.parts.iter().filter(|part| !matches!(part, Part::ToolResult(_)));
    if said.clone().next().is_none() && !message.parts.is_empty() {
        return Ok(());
    }
    let mut images = Vec::new();
    for part in said.clone() {
        if let Part::Media(media) = part {
            images.push(image(media)?);
        }
    }
    w.object(|w| {
        w.member("role", role);
        w.member("content", &texts(&message.parts));
        let thoughts: String = said
            .clone()
            .filter_map(|part| match part {
                Part::Thinking(thinking) => Some(thinking.text.as_str()),
                _ => None,
            })
            .collect();
        if !thoughts.is_empty() {
            w.member("thinking", &thoughts);
        }
        if !images.is_empty() {
            w.member("images", &images);
        }
        let calls = said.filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        });
        if calls.clone().next().is_some() {
            w.name("tool_calls").array(|w| calls.for_each(|call| self::call(w, call, losses)));
        }
    });
    Ok(())
}

/// There is room for one text: several are its paragraphs.
fn texts(parts: &[Part]) -> String {
    let texts: Vec<&str> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Text(text) => Some(text.text.as_str()),
            Part::Refusal(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    texts.join("\n\n")
}

fn image(media: &Media) -> Result<&str, Fault> {
    match (media.kind, &media.origin) {
        (MediaKind::Image, Origin::Data(data)) => Ok(data),
        _ => Err(invalid(
            "member `messages` has a medium in a form that the provider of this model does not take; send an image's bytes",
        )),
    }
}

/// One call; its arguments are an object here.
pub(super) fn call(w: &mut Writer<'_>, call: &ToolCall, losses: &mut Losses) {
    w.object(|w| {
        w.member("id", &call.id);
        w.name("function").object(|w| {
            w.member("name", &call.name);
            w.name("arguments");
            match object(&call.arguments) {
                Some(arguments) => w.raw(arguments),
                None => {
                    // What the model wrote is not JSON: it sees again what that was.
                    losses.changed("arguments");
                    w.object(|w| w.member("arguments", &call.arguments));
                }
            }
        });
    });
}

/// The text of an object; nothing is an empty one.
fn object(text: &str) -> Option<&str> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Some("{}");
    }
    serde_json::from_str::<serde_json::Map<String, Value>>(text).is_ok().then_some(text)
}
