//! A request, written for a vendor with quirks.

use super::{NAME, Quirks};
use crate::canon::{
    Effort, Format, Losses, Media, MediaKind, Message, Origin, Part, Request, Role, Tool, ToolCall,
    ToolChoice, ToolResult, custom, signature,
};
use crate::dialect::chat::Written;
use crate::dialect::data_url;
use crate::json::tree::invalid;
use crate::json::write::Writer;
use crate::providers::presets::{MaxTokens, StreamUsage};
use portcullis_fault::Fault;
use serde_json::Value;

pub(super) fn request(request: &Request, quirks: &Quirks, losses: &mut Losses) -> Result<Written, Fault> {
    let mut body = Vec::with_capacity(4096);
    let mut fault = None;
    Writer::new(&mut body).object(|w| {
        w.member("model", &request.model);
        w.name("messages").array(|w| {
            for message in &request.messages {
                if let Err(wrong) = self::message(w, message, &request.tools, quirks) {
                    fault.get_or_insert(wrong);
                }
            }
        });
        members(w, request, quirks, losses);
    });
    match fault {
        Some(fault) => Err(fault),
        None => Ok(Written { path: "/chat/completions".to_owned(), query: "", headers: Vec::new(), body }),
    }
}

fn members(w: &mut Writer<'_>, request: &Request, quirks: &Quirks, losses: &mut Losses) {
    if request.stream {
        w.member("stream", &true);
        // Asked for whether the caller wants it or not: it is what the call is billed by.
        if quirks.stream_usage == StreamUsage::Asked {
            w.name("stream_options").object(|w| w.member("include_usage", &true));
        }
    }
    tools(w, request);
    format(w, request.format.as_ref());
    let sampling = &request.sampling;
    w.maybe("temperature", &sampling.temperature);
    w.maybe("top_p", &sampling.top_p);
    w.maybe("frequency_penalty", &sampling.frequency_penalty);
    w.maybe("presence_penalty", &sampling.presence_penalty);
    w.maybe(quirks.name("seed"), &sampling.seed);
    if !sampling.logit_bias.is_empty() {
        w.member("logit_bias", &sampling.logit_bias);
    }
    w.maybe("logprobs", &sampling.logprobs);
    w.maybe("top_logprobs", &sampling.top_logprobs);
    // Those who take both are of many kinds, and all of them know the older name.
    let bound = if quirks.max_tokens == MaxTokens::New { "max_completion_tokens" } else { "max_tokens" };
    w.maybe(bound, &request.max_tokens);
    if !request.stop.is_empty() {
        w.member("stop", &request.stop);
    }
    w.maybe("n", &request.n);
    if let Some(effort) = request.reasoning.as_ref().and_then(|reasoning| reasoning.effort) {
        if effort == Effort::Max {
            losses.changed("reasoning_effort=xhigh");
            w.member("reasoning_effort", Effort::Extra.word());
        } else {
            w.member("reasoning_effort", effort.word());
        }
    }
    w.maybe("verbosity", &request.verbosity);
    w.maybe("user", &request.user);
    metadata(w, request, losses);
    match request.service_tier.as_deref() {
        Some(tier) if TIERS.contains(&tier) => w.member("service_tier", tier),
        Some(tier) => losses.changed(format!("service_tier={}", tier.chars().take(32).collect::<String>())),
        None => {}
    }
    w.maybe("store", &request.store);
    if !request.modalities.is_empty() {
        w.member("modalities", &request.modalities);
    }
    for native in
        request.native.iter().filter(|native| native.dialect == NAME && native.name != super::read::LEGACY)
    {
        w.member(&native.name, &native.value);
    }
}

pub(super) const TIERS: &[&str] = &["auto", "default", "flex", "scale", "priority"];

/// Only texts can be labels here.
fn metadata(w: &mut Writer<'_>, request: &Request, losses: &mut Losses) {
    let texts = || request.metadata.iter().filter(|(_, value)| value.is_string());
    if texts().next().is_some() {
        w.name("metadata").object(|w| texts().for_each(|(name, value)| w.member(name, value)));
    }
    if texts().count() < request.metadata.len() {
        losses.changed("metadata");
    }
}

fn tools(w: &mut Writer<'_>, request: &Request) {
    if !request.tools.is_empty() {
        w.name("tools").array(|w| {
            for tool in &request.tools {
                match tool {
                    Tool::Function { name, description, parameters, strict, .. } => w.object(|w| {
                        w.member("type", "function");
                        w.name("function").object(|w| {
                            w.member("name", name);
                            w.maybe("description", description);
                            w.maybe("parameters", parameters);
                            w.maybe("strict", strict);
                        });
                    }),
                    Tool::Custom { name, description, grammar, .. } => w.object(|w| {
                        w.member("type", "custom");
                        w.name("custom").object(|w| {
                            w.member("name", name);
                            w.maybe("description", description);
                            if let Some(grammar) = grammar {
                                w.name("format").object(|w| {
                                    w.member("type", "grammar");
                                    w.name("grammar").object(|w| {
                                        w.member("syntax", &grammar.syntax);
                                        w.member("definition", &grammar.definition);
                                    });
                                });
                            }
                        });
                    }),
                    Tool::Server { value, .. } => w.value(value),
                }
            }
        });
        // Without tools vendors refuse the members about them.
        w.maybe("parallel_tool_calls", &request.parallel_tools);
        if let Some(choice) = &request.tool_choice {
            w.name("tool_choice");
            self::choice(w, choice, &request.tools);
        }
    }
}

fn choice(w: &mut Writer<'_>, choice: &ToolChoice, tools: &[Tool]) {
    let named = |w: &mut Writer<'_>, name: &str| {
        let kind = if custom::takes_text(tools, name) { "custom" } else { "function" };
        w.object(|w| {
            w.member("type", kind);
            w.name(kind).object(|w| w.member("name", name));
        });
    };
    match choice {
        ToolChoice::Auto => w.value("auto"),
        ToolChoice::None => w.value("none"),
        ToolChoice::Required => w.value("required"),
        ToolChoice::Named(name) => named(w, name),
        ToolChoice::Among(names, must) => w.object(|w| {
            w.member("type", "allowed_tools");
            w.name("allowed_tools").object(|w| {
                w.member("mode", if *must { "required" } else { "auto" });
                w.name("tools").array(|w| names.iter().for_each(|name| named(w, name)));
            });
        }),
    }
}

fn format(w: &mut Writer<'_>, format: Option<&Format>) {
    let Some(format) = format else { return };
    w.name("response_format").object(|w| match format {
        Format::Text => w.member("type", "text"),
        Format::Json => w.member("type", "json_object"),
        Format::Schema { name, description, schema, strict } => {
            w.member("type", "json_schema");
            w.name("json_schema").object(|w| {
                // Demanded here, and no other dialect has to say one.
                w.member("name", name.as_deref().unwrap_or("answer"));
                w.maybe("description", description);
                w.member("schema", schema);
                w.maybe("strict", strict);
            });
        }
    });
}

fn message(w: &mut Writer<'_>, message: &Message, tools: &[Tool], quirks: &Quirks) -> Result<(), Fault> {
    let name = message.name.as_deref();
    match message.role {
        Role::System => plain(w, "system", name, &message.parts),
        Role::Developer => plain(w, "developer", name, &message.parts),
        Role::Assistant => assistant(w, name, &message.parts, tools, quirks),
        Role::User => {
            // Answers of tools stand right behind the calls, before what the user says to them.
            for part in &message.parts {
                if let Part::ToolResult(result) = part {
                    tool(w, result)?;
                }
            }
            let said = message.parts.iter().filter(|part| !matches!(part, Part::ToolResult(_)));
            if said.clone().next().is_none() && !message.parts.is_empty() {
                return Ok(());
            }
            let mut wrong = None;
            w.object(|w| {
                w.member("role", "user");
                w.maybe("name", &name);
                w.name("content");
                wrong = user(w, said).err();
            });
            wrong.map_or(Ok(()), Err)
        }
    }
}

fn plain(w: &mut Writer<'_>, role: &str, name: Option<&str>, parts: &[Part]) -> Result<(), Fault> {
    if let Some(part) = parts.iter().find(|part| !matches!(part, Part::Text(_) | Part::Native { .. })) {
        return Err(misplaced(part, role));
    }
    w.object(|w| {
        w.member("role", role);
        w.maybe("name", &name);
        w.name("content");
        texts(w, parts);
    });
    Ok(())
}

/// One text as a string, several as parts.
fn texts(w: &mut Writer<'_>, parts: &[Part]) {
    match parts {
        [] => w.value(""),
        [Part::Text(text)] => w.value(&text.text),
        _ => w.array(|w| {
            for part in parts {
                match part {
                    Part::Text(text) => self::text(w, &text.text),
                    Part::Native { value, .. } => w.value(value),
                    _ => {}
                }
            }
        }),
    }
}

fn text(w: &mut Writer<'_>, text: &str) {
    w.object(|w| {
        w.member("type", "text");
        w.member("text", text);
    });
}

fn misplaced(part: &Part, role: &str) -> Fault {
    let what = match part {
        Part::Text(_) => "text",
        Part::Media(_) => "an image, sound or document",
        Part::Thinking(_) => "thoughts",
        Part::ToolCall(_) => "a tool's call",
        Part::ToolResult(_) => "a tool's result",
        Part::Refusal(_) => "a refusal",
        Part::Native { .. } => "a part of another API",
    };
    invalid(format!(
        "member `messages` has {what} in a message of the role `{role}`, which the provider of this model does not take"
    ))
}

fn user<'p>(w: &mut Writer<'_>, said: impl Iterator<Item = &'p Part> + Clone) -> Result<(), Fault> {
    let mut one = said.clone();
    match (one.next(), one.next()) {
        (None, _) => {
            w.value("");
            return Ok(());
        }
        (Some(Part::Text(text)), None) => {
            w.value(&text.text);
            return Ok(());
        }
        _ => {}
    }
    let mut wrong = None;
    w.array(|w| {
        for part in said {
            let written = match part {
                Part::Text(text) => {
                    self::text(w, &text.text);
                    Ok(())
                }
                Part::Media(media) => self::media(w, media),
                Part::Native { value, .. } => {
                    w.value(value);
                    Ok(())
                }
                other => Err(misplaced(other, "user")),
            };
            if let Err(fault) = written {
                wrong.get_or_insert(fault);
            }
        }
    });
    wrong.map_or(Ok(()), Err)
}

fn media(w: &mut Writer<'_>, media: &Media) -> Result<(), Fault> {
    let mime = media.mime.as_deref();
    match (media.kind, &media.origin) {
        (MediaKind::Image, Origin::Url(_) | Origin::Data(_)) => w.object(|w| {
            w.member("type", "image_url");
            w.name("image_url").object(|w| {
                match &media.origin {
                    Origin::Url(url) => w.member("url", url),
                    Origin::Data(data) => {
                        w.member("url", &data_url::write(mime.unwrap_or("image/png"), data))
                    }
                    _ => {}
                }
                w.maybe("detail", &media.detail);
            });
        }),
        (MediaKind::Audio, Origin::Data(data)) => {
            let format = match mime {
                Some("audio/wav" | "audio/x-wav" | "audio/wave") => "wav",
                Some("audio/mpeg" | "audio/mp3") => "mp3",
                _ => {
                    return Err(invalid(
                        "member `messages` has sound that is neither WAV nor MP3, which the provider of this model does not take",
                    ));
                }
            };
            w.object(|w| {
                w.member("type", "input_audio");
                w.name("input_audio").object(|w| {
                    w.member("data", data);
                    w.member("format", format);
                });
            });
        }
        (MediaKind::Document, Origin::Data(_) | Origin::File(_)) => w.object(|w| {
            w.member("type", "file");
            w.name("file").object(|w| match &media.origin {
                Origin::File(id) => w.member("file_id", id),
                Origin::Data(data) => {
                    w.member("filename", media.name.as_deref().unwrap_or("document.pdf"));
                    w.member("file_data", &data_url::write(mime.unwrap_or("application/pdf"), data));
                }
                _ => {}
            });
        }),
        _ => {
            return Err(invalid(
                "member `messages` has a medium in a form that the provider of this model does not take; send its bytes",
            ));
        }
    }
    Ok(())
}

fn tool(w: &mut Writer<'_>, result: &ToolResult) -> Result<(), Fault> {
    if let Some(part) =
        result.content.iter().find(|part| !matches!(part, Part::Text(_) | Part::Native { .. }))
    {
        return Err(misplaced(part, "tool"));
    }
    w.object(|w| {
        w.member("role", "tool");
        w.member("tool_call_id", &result.id);
        w.name("content");
        texts(w, &result.content);
    });
    Ok(())
}

fn assistant(
    w: &mut Writer<'_>,
    name: Option<&str>,
    parts: &[Part],
    tools: &[Tool],
    quirks: &Quirks,
) -> Result<(), Fault> {
    if let Some(part) = parts.iter().find(|part| matches!(part, Part::Media(_) | Part::ToolResult(_))) {
        return Err(misplaced(part, "assistant"));
    }
    let calls = || parts.iter().filter(|part| is_call(part));
    let said = || parts.iter().filter(|part| matches!(part, Part::Text(_)));
    let refusal = parts.iter().find_map(|part| match part {
        Part::Refusal(refusal) => Some(refusal),
        _ => None,
    });
    let audio = parts.iter().find_map(|part| match part {
        Part::Native { value, .. } => value.get("audio"),
        _ => None,
    });
    w.object(|w| {
        w.member("role", "assistant");
        w.maybe("name", &name);
        match said().count() {
            0 if calls().next().is_some() || refusal.is_some() || audio.is_some() => {
                w.member("content", &Value::Null);
            }
            0 => w.member("content", ""),
            1 => {
                w.name("content");
                said().for_each(|part| texts(w, std::slice::from_ref(part)));
            }
            _ => w.name("content").array(|w| {
                for part in said() {
                    if let Part::Text(text) = part {
                        self::text(w, &text.text);
                    }
                }
            }),
        }
        if quirks.thoughts_back {
            let thoughts: Vec<&str> = parts.iter().filter_map(thought).collect();
            if !thoughts.is_empty() {
                w.member("reasoning_content", &thoughts.join("\n\n"));
            }
        }
        w.maybe("refusal", &refusal);
        w.maybe("audio", &audio);
        if calls().next().is_some() {
            w.name("tool_calls").array(|w| {
                for part in calls() {
                    match part {
                        Part::ToolCall(call) => self::call(w, call, tools),
                        Part::Native { value, .. } => w.value(value),
                        _ => {}
                    }
                }
            });
        }
    });
    Ok(())
}

/// The words of a thought.
fn thought(part: &Part) -> Option<&str> {
    match part {
        Part::Thinking(thinking) => Some(thinking.text.as_str()).filter(|text| !text.is_empty()),
        _ => None,
    }
}

/// Calls of the caller's tools, and of other kinds that this dialect alone has.
fn is_call(part: &Part) -> bool {
    match part {
        Part::ToolCall(_) => true,
        Part::Native { value, .. } => value.get("audio").is_none(),
        _ => false,
    }
}

fn call(w: &mut Writer<'_>, call: &ToolCall, tools: &[Tool]) {
    w.object(|w| {
        w.member("id", &call.id);
        called(w, call, tools);
        if let Some(own) = call.signature.as_deref().and_then(|signed| signature::to_provider(NAME, signed)) {
            extra_content(w, own);
        }
    });
}

/// The tool that is called, and with what.
pub(super) fn called(w: &mut Writer<'_>, call: &ToolCall, tools: &[Tool]) {
    let text = custom::takes_text(tools, &call.name);
    let kind = if text { "custom" } else { "function" };
    w.member("type", kind);
    w.name(kind).object(|w| {
        w.member("name", &call.name);
        if text {
            w.member("input", &custom::input(&call.arguments));
        } else {
            w.member("arguments", &call.arguments);
        }
    });
}

/// As Google's own endpoint of this dialect has it.
pub(super) fn extra_content(w: &mut Writer<'_>, signature: &str) {
    w.name("extra_content").object(|w| w.name("google").object(|w| w.member("thought_signature", signature)));
}
