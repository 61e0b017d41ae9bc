//! Requests, written for a provider.

use super::read::{ENCRYPTED, LOGPROBS};
use super::{NAME, reasoning};
use crate::canon::{
    Effort, Format, Losses, Media, MediaKind, Origin, Part, Request, Role, Text, Tool, ToolChoice,
    ToolResult, custom, fields,
};
use crate::dialect::chat::Written;
use crate::json::tree::invalid;
use crate::json::write::Writer;
use portcullis_fault::Fault;
use serde_json::Value;
use std::collections::HashMap;

/// The API takes no smaller bound.
const MIN_OUTPUT: u64 = 16;

/// Writes the body of `/responses`. Unless the caller says so nothing is to be kept there, so encrypted thoughts are asked
/// for, to be given back.
pub(super) fn request(request: &Request, losses: &mut Losses) -> Result<Written, Fault> {
    let mut natives = natives(request);
    let mut out = Vec::with_capacity(4096);
    let mut failed = Ok(());
    Writer::new(&mut out).object(|w| {
        w.member("model", &request.model);
        let instructions = instructions(request);
        w.maybe("instructions", &instructions);
        let said = &request.messages[usize::from(instructions.is_some())..];
        w.name("input").array(|w| {
            for message in said {
                let written = self::message(message.role, &message.parts, &request.tools, w, losses);
                if failed.is_ok() {
                    failed = written;
                }
            }
        });
        if !request.tools.is_empty() {
            w.name("tools").array(|w| {
                for (index, tool) in request.tools.iter().enumerate() {
                    let own = natives.remove(format!("tools[{index}]").as_str()).unwrap_or_default();
                    self::tool(tool, NAME, w, |w| members(&own, w));
                }
            });
            if let Some(chosen) = &request.tool_choice {
                w.name("tool_choice");
                choice(chosen, &request.tools, w);
            }
            w.maybe("parallel_tool_calls", &request.parallel_tools);
        }
        text(request, &mut natives, w);
        thinking(request, &mut natives, losses, w);
        if let Some(tokens) = request.max_tokens {
            if tokens < MIN_OUTPUT {
                losses.changed(format!("max_output_tokens={MIN_OUTPUT}"));
            }
            w.member("max_output_tokens", &tokens.max(MIN_OUTPUT));
        }
        w.maybe("temperature", &request.sampling.temperature);
        w.maybe("top_p", &request.sampling.top_p);
        w.maybe("top_logprobs", &request.sampling.top_logprobs);
        include(request, &mut natives, w);
        if !request.metadata.is_empty() {
            w.member("metadata", &request.metadata);
        }
        w.maybe("user", &request.user);
        w.maybe("service_tier", &request.service_tier);
        w.member("store", &request.store.unwrap_or(false));
        if request.stream {
            w.member("stream", &true);
        }
        members(&natives.remove("").unwrap_or_default(), w);
    });
    failed?;
    let mut left: Vec<String> = natives
        .iter()
        .flat_map(|(place, all)| all.iter().map(move |(name, _)| format!("{place}.{name}")))
        .collect();
    left.sort();
    left.into_iter().for_each(|name| losses.changed(name));
    Ok(Written { path: "/responses".to_owned(), query: "", headers: Vec::new(), body: out })
}

type Natives<'r> = HashMap<&'r str, Vec<(&'r str, &'r Value)>>;

/// Members that only this dialect knows, by the path of the object that they stand in; empty for the outermost.
fn natives(request: &Request) -> Natives<'_> {
    let mut places: Natives<'_> = HashMap::new();
    // Items by reference stand in `input`.
    let own =
        request.native.iter().filter(|native| native.dialect == NAME && native.name != "item_reference");
    for native in own {
        let (place, name) = native.name.rsplit_once('.').unwrap_or(("", &native.name));
        places.entry(place).or_default().push((name, &native.value));
    }
    places
}

fn members(all: &[(&str, &Value)], w: &mut Writer<'_>) {
    all.iter().for_each(|(name, value)| w.member(name, value));
}

/// The first message, where it is the platform's and one plain text.
pub(super) fn instructions(request: &Request) -> Option<&str> {
    let first = request.messages.first().filter(|message| message.role == Role::System)?;
    match &first.parts[..] {
        [Part::Text(text)] => Some(&text.text),
        _ => None,
    }
}

fn message(
    role: Role,
    parts: &[Part],
    tools: &[Tool],
    w: &mut Writer<'_>,
    losses: &mut Losses,
) -> Result<(), Fault> {
    let mut rest = parts;
    while let Some(part) = rest.first() {
        let mut failed = Ok(());
        // What the model said goes back text by text: in a list the API wants each with the id that it had.
        let words = |part: &Part| match part {
            Part::Media(_) => true,
            Part::Text(_) => role != Role::Assistant,
            _ => false,
        };
        let count = rest.iter().take_while(|part| words(part)).count();
        if count > 0 {
            let (said, after) = rest.split_at(count);
            rest = after;
            w.object(|w| {
                w.member("type", "message");
                w.member("role", role_word(role));
                w.name("content");
                match said {
                    [Part::Text(text)] => w.value(&text.text),
                    said => failed = w_parts(said, w),
                }
            });
            failed?;
            continue;
        }
        rest = &rest[1..];
        match part {
            Part::Thinking(thought) => match reasoning::to_provider(thought) {
                Some((id, encrypted)) => reasoning::write(id, &thought.text, encrypted, None, w),
                // Words that nobody signed: the API has no place for them.
                None => losses.dropped(fields::THINKING),
            },
            Part::ToolCall(call) => w.object(|w| {
                let text = custom::takes_text(tools, &call.name);
                w.member("type", if text { "custom_tool_call" } else { "function_call" });
                w.member("call_id", &call.id);
                w.member("name", &call.name);
                if text {
                    w.member("input", &custom::input(&call.arguments));
                } else {
                    w.member("arguments", &call.arguments);
                }
            }),
            Part::ToolResult(result) => failed = output(result, tools, w),
            Part::Text(text) => w.object(|w| {
                w.member("type", "message");
                w.member("role", role_word(role));
                w.member("content", &text.text);
            }),
            Part::Refusal(words) => refusal(words, w),
            Part::Native { dialect, value } if *dialect == NAME => w.value(value),
            // Taken out by the table of fields before; media are above.
            Part::Native { .. } | Part::Media(_) => {}
        }
        failed?;
    }
    Ok(())
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// A refusal of the model's own, which has no shorter form.
fn refusal(words: &str, w: &mut Writer<'_>) {
    w.object(|w| {
        w.member("type", "message");
        w.member("id", "msg_0");
        w.member("status", "completed");
        w.member("role", "assistant");
        w.name("content").array(|w| {
            w.object(|w| {
                w.member("type", "refusal");
                w.member("refusal", words);
            });
        });
    });
}

fn w_parts(parts: &[Part], w: &mut Writer<'_>) -> Result<(), Fault> {
    let mut failed = Ok(());
    w.array(|w| {
        for part in parts {
            let written = match part {
                Part::Text(Text { text, .. }) => {
                    w.object(|w| {
                        w.member("type", "input_text");
                        w.member("text", text);
                    });
                    Ok(())
                }
                Part::Media(media) => self::media(media, w),
                Part::Native { dialect, value } if *dialect == NAME => {
                    w.value(value);
                    Ok(())
                }
                _ => Ok(()),
            };
            if failed.is_ok() {
                failed = written;
            }
        }
    });
    failed
}

fn media(media: &Media, w: &mut Writer<'_>) -> Result<(), Fault> {
    let data_url = |fallback: &str, data: &str| {
        ["data:", media.mime.as_deref().unwrap_or(fallback), ";base64,", data].concat()
    };
    let kind = match (media.kind, &media.origin) {
        (MediaKind::Image, Origin::Data(_) | Origin::Url(_) | Origin::File(_)) => "input_image",
        (MediaKind::Document, Origin::Data(_) | Origin::Url(_) | Origin::File(_)) => "input_file",
        (MediaKind::Audio, _) => return Err(untold("sound")),
        (MediaKind::Video, _) => return Err(untold("a video")),
        (_, Origin::Text(_) | Origin::Blocks(_)) => return Err(untold("a document that is text")),
    };
    let image = media.kind == MediaKind::Image;
    w.object(|w| {
        w.member("type", kind);
        match &media.origin {
            Origin::Data(data) if image => w.member("image_url", &data_url("image/png", data)),
            Origin::Url(url) if image => w.member("image_url", url),
            Origin::Data(data) => {
                w.member("filename", media.name.as_deref().unwrap_or("document.pdf"));
                w.member("file_data", &data_url("application/pdf", data));
            }
            Origin::Url(url) => w.member("file_url", url),
            Origin::File(id) => w.member("file_id", id),
            // Refused above.
            Origin::Text(_) | Origin::Blocks(_) => {}
        }
        if image {
            w.member("detail", media.detail.as_deref().unwrap_or("auto"));
        } else {
            if !matches!(media.origin, Origin::Data(_)) {
                w.maybe("filename", &media.name);
            }
            w.maybe("detail", &media.detail);
        }
    });
    Ok(())
}

fn output(result: &ToolResult, tools: &[Tool], w: &mut Writer<'_>) -> Result<(), Fault> {
    let text = result.name.as_deref().is_some_and(|name| custom::takes_text(tools, name));
    let mut failed = Ok(());
    w.object(|w| {
        w.member("type", if text { "custom_tool_call_output" } else { "function_call_output" });
        w.member("call_id", &result.id);
        w.name("output");
        match &result.content[..] {
            [] => w.value(""),
            [Part::Text(text)] => w.value(&text.text),
            content => failed = w_parts(content, w),
        }
    });
    failed
}

/// Writes a tool; nothing for one of another dialect than `own`.
pub(super) fn tool(tool: &Tool, own: &str, w: &mut Writer<'_>, more: impl FnOnce(&mut Writer<'_>)) {
    match tool {
        Tool::Function { name, description, parameters, strict, .. } => w.object(|w| {
            w.member("type", "function");
            w.member("name", name);
            w.maybe("description", description);
            w.member("parameters", parameters);
            // Strict is what it is here when nothing is said, and few schemas are made for it.
            w.member("strict", &strict.unwrap_or(false));
            more(w);
        }),
        Tool::Custom { name, description, grammar, .. } => w.object(|w| {
            w.member("type", "custom");
            w.member("name", name);
            w.maybe("description", description);
            w.name("format").object(|w| match grammar {
                None => w.member("type", "text"),
                Some(grammar) => {
                    w.member("type", "grammar");
                    w.member("syntax", &grammar.syntax);
                    w.member("definition", &grammar.definition);
                }
            });
            more(w);
        }),
        Tool::Server { dialect, value, .. } if *dialect == own => w.value(value),
        Tool::Server { .. } => {}
    }
}

/// Writes the value of `tool_choice`.
pub(super) fn choice(choice: &ToolChoice, tools: &[Tool], w: &mut Writer<'_>) {
    // A tool of the vendor's own is named by its type alone.
    let kind = |name: &str| {
        let own = tools.iter().any(|tool| matches!(tool, Tool::Server { kind, .. } if kind == name));
        if own {
            None
        } else if custom::takes_text(tools, name) {
            Some("custom")
        } else {
            Some("function")
        }
    };
    let named = |name: &str, w: &mut Writer<'_>| {
        w.object(|w| match kind(name) {
            None => w.member("type", name),
            Some(kind) => {
                w.member("type", kind);
                w.member("name", name);
            }
        });
    };
    match choice {
        ToolChoice::Auto => w.value("auto"),
        ToolChoice::None => w.value("none"),
        ToolChoice::Required => w.value("required"),
        ToolChoice::Named(name) => named(name, w),
        ToolChoice::Among(names, must) => w.object(|w| {
            w.member("type", "allowed_tools");
            w.member("mode", if *must { "required" } else { "auto" });
            w.name("tools").array(|w| names.iter().for_each(|name| named(name, w)));
        }),
    }
}

/// Writes the value of `text.format`.
pub(super) fn format(format: &Format, w: &mut Writer<'_>, more: impl FnOnce(&mut Writer<'_>)) {
    w.object(|w| {
        match format {
            Format::Text => w.member("type", "text"),
            Format::Json => w.member("type", "json_object"),
            Format::Schema { name, description, schema, strict } => {
                w.member("type", "json_schema");
                w.member("name", name.as_deref().unwrap_or("answer"));
                w.maybe("description", description);
                w.member("schema", schema);
                w.maybe("strict", strict);
            }
        }
        more(w);
    });
}

fn text(request: &Request, natives: &mut Natives<'_>, w: &mut Writer<'_>) {
    let inner = natives.remove("text.format").unwrap_or_default();
    let own = natives.remove("text").unwrap_or_default();
    if request.format.is_none() && request.verbosity.is_none() && own.is_empty() {
        return;
    }
    w.name("text").object(|w| {
        if let Some(format) = &request.format {
            w.name("format");
            self::format(format, w, |w| members(&inner, w));
        }
        w.maybe("verbosity", &request.verbosity);
        members(&own, w);
    });
}

fn thinking(request: &Request, natives: &mut Natives<'_>, losses: &mut Losses, w: &mut Writer<'_>) {
    let own = natives.remove("reasoning").unwrap_or_default();
    let reasoning = request.reasoning.as_ref();
    let effort = reasoning.and_then(|reasoning| reasoning.effort).map(Effort::word);
    // Not to show any is what is done when nothing is said.
    let summary = reasoning.and_then(|reasoning| reasoning.summary.as_deref()).filter(|word| *word != "none");
    let shown = reasoning.is_some_and(|reasoning| reasoning.shown && reasoning.effort != Some(Effort::None));
    if shown && summary.is_none() {
        // To ask unasked would cost the call: the vendor refuses summaries to accounts that it has not verified.
        losses.changed("reasoning_summary=none");
    }
    if effort.is_none() && summary.is_none() && own.is_empty() {
        return;
    }
    w.name("reasoning").object(|w| {
        w.maybe("effort", &effort);
        w.maybe("summary", &summary);
        members(&own, w);
    });
}

fn include(request: &Request, natives: &mut Natives<'_>, w: &mut Writer<'_>) {
    let own = natives.get_mut("").and_then(|all| {
        let at = all.iter().position(|(name, _)| *name == "include")?;
        all.remove(at).1.as_array()
    });
    let mut words: Vec<&str> = own.into_iter().flatten().filter_map(Value::as_str).collect();
    if request.sampling.logprobs == Some(true) {
        words.push(LOGPROBS);
    }
    // Models that do not think refuse it.
    let thinks = request.reasoning.as_ref().is_some_and(|reasoning| reasoning.effort != Some(Effort::None));
    if thinks && request.store != Some(true) {
        words.push(ENCRYPTED);
    }
    if !words.is_empty() {
        w.member("include", &words);
    }
}

/// `ai_request_invalid`: this dialect has no way to say it.
fn untold(what: &str) -> Fault {
    invalid(format!(
        "{what} cannot be said to the provider of this model; leave it out, or ask for another model"
    ))
}
