//! Requests, written: the canonical form to `generateContent`.

mod config;
mod part;

use self::part::Parts;
use super::schema::from_json_schema;
use super::wire::NAME;
use super::{Host, path};
use crate::canon::{Losses, Message, Part, Request, Role, Tool, ToolChoice};
use crate::dialect::chat::Written;
use crate::json::tree::invalid;
use crate::json::write::Writer;
use portcullis_fault::Fault;
use serde_json::Value;

/// Writes a request to `host`.
pub(super) fn request(request: &Request, host: Host, losses: &mut Losses) -> Result<Written, Fault> {
    let mut body = Vec::with_capacity(4096);
    self::body(request, host, losses, &mut body, |_| {})?;
    let (method, query) =
        if request.stream { ("streamGenerateContent", "alt=sse") } else { ("generateContent", "") };
    Ok(Written { path: path(host, &request.model, method), query, headers: Vec::new(), body })
}

/// The request's JSON; `first` writes members before all others.
pub(super) fn body(
    request: &Request,
    host: Host,
    losses: &mut Losses,
    out: &mut Vec<u8>,
    first: impl FnOnce(&mut Writer<'_>),
) -> Result<(), Fault> {
    let turns = turns(&request.messages);
    let system = turns.system.iter().flat_map(|message| &message.parts);
    let mut parts = Parts::new(request, host, losses);
    Writer::new(out).object(|w| {
        first(w);
        if turns.turns.is_empty() {
            // Nothing is answered there without a turn of somebody else.
            if !turns.system.is_empty() {
                parts.losses.changed("system=user");
            }
            w.name("contents").array(|w| {
                w.object(|w| {
                    w.member("role", "user");
                    w.name("parts").array(|w| system.for_each(|part| parts.write(w, part, None)));
                });
            });
        } else {
            if !turns.system.is_empty() {
                w.name("systemInstruction").object(|w| {
                    w.name("parts").array(|w| system.for_each(|part| parts.write(w, part, None)));
                });
            }
            w.name("contents").array(|w| {
                for turn in &turns.turns {
                    parts.begin_turn();
                    w.object(|w| {
                        w.member("role", if turn.role == Role::Assistant { "model" } else { "user" });
                        w.name("parts").array(|w| {
                            for (message, content) in &turn.messages {
                                for (index, part) in message.parts.iter().enumerate() {
                                    parts.write(w, part, Some((*content, index)));
                                }
                            }
                            parts.end_turn(w);
                        });
                    });
                }
            });
        }
        tools(w, request, &mut parts);
        choice(w, request);
        if !request.safety.is_empty() {
            w.name("safetySettings").array(|w| {
                for safety in &request.safety {
                    w.object(|w| {
                        w.member("category", &safety.category);
                        w.member("threshold", &safety.threshold);
                        natives(w, request, &format!("safetySettings.{}.", safety.category));
                    });
                }
            });
        }
        config::write(w, request, parts.losses);
        if let Some(tier) = request.service_tier.as_deref() {
            match tier {
                "default" => w.member("serviceTier", "standard"),
                "flex" | "priority" => w.member("serviceTier", tier),
                "auto" => {}
                _ => parts.losses.changed("service_tier"),
            }
        }
        w.maybe("store", &request.store);
        labels(w, request, parts.losses);
        natives(w, request, "");
    });
    parts.fault.map_or(Ok(()), Err)
}

/// The members of this dialect's own directly within `within`.
fn natives(w: &mut Writer<'_>, request: &Request, within: &str) {
    for native in request.native.iter().filter(|native| native.dialect == NAME) {
        if let Some(name) = native.name.strip_prefix(within)
            && !name.contains(['.', '['])
        {
            w.member(name, &native.value);
        }
    }
}

/// The value of a native that is written in another member's place.
fn native<'r>(request: &'r Request, name: &str) -> Option<&'r Value> {
    let mine = |native: &&crate::canon::Native| native.dialect == NAME && native.name == name;
    request.native.iter().find(mine).map(|native| &native.value)
}

struct Turns<'r> {
    system: Vec<&'r Message>,
    turns: Vec<Turn<'r>>,
}

/// What becomes one item of `contents`.
struct Turn<'r> {
    role: Role,
    /// Each with its number among those that are not of the system.
    messages: Vec<(&'r Message, usize)>,
}

/// All results of one turn's calls belong into one turn of their own.
fn turns(messages: &[Message]) -> Turns<'_> {
    let results = |message: &Message| message.parts.iter().all(|part| matches!(part, Part::ToolResult(_)));
    let (mut system, mut turns, mut number) = (Vec::new(), Vec::<Turn<'_>>::new(), 0);
    for message in messages {
        if matches!(message.role, Role::System | Role::Developer) {
            system.push(message);
            continue;
        }
        number += 1;
        if message.parts.is_empty() {
            continue;
        }
        match turns.last_mut() {
            Some(last)
                if last.role == Role::User
                    && message.role == Role::User
                    && results(message)
                    && last.messages.iter().all(|(message, _)| results(message)) =>
            {
                last.messages.push((message, number - 1));
            }
            _ => turns.push(Turn { role: message.role, messages: vec![(message, number - 1)] }),
        }
    }
    system.retain(|message| !message.parts.is_empty());
    Turns { system, turns }
}

fn tools(w: &mut Writer<'_>, request: &Request, parts: &mut Parts<'_>) {
    if request.tools.is_empty() {
        return;
    }
    w.name("tools").array(|w| {
        let mut declared = false;
        for tool in &request.tools {
            match tool {
                // All of them in one place, where the first one is.
                Tool::Function { .. } => {
                    if !std::mem::replace(&mut declared, true) {
                        w.object(|w| w.name("functionDeclarations").array(|w| functions(w, request)));
                    }
                }
                // The table of fields has said it as a function.
                Tool::Custom { .. } => {}
                Tool::Server { dialect, value, .. } if *dialect == NAME => w.value(value),
                Tool::Server { kind, .. } => parts.fail(invalid(format!(
                    "member `tools` has a `{kind}` that runs at another provider than this model's; leave it out, or ask for another model"
                ))),
            }
        }
    });
}

fn functions(w: &mut Writer<'_>, request: &Request) {
    for tool in &request.tools {
        if let Tool::Function { name, description, parameters, .. } = tool {
            w.object(|w| {
                w.member("name", name);
                w.maybe("description", description);
                schema(w, parameters.as_ref(), "parameters", "parametersJsonSchema");
                natives(w, request, &format!("functionDeclarations.{name}."));
            });
        }
    }
}

/// In the API's own form where that says the same: every model takes it.
fn schema(w: &mut Writer<'_>, schema: Option<&Value>, own: &str, json: &str) {
    let Some(schema) = schema else { return };
    match from_json_schema(schema) {
        Some(schema) => w.member(own, &schema),
        None => w.member(json, schema),
    }
}

fn choice(w: &mut Writer<'_>, request: &Request) {
    const CALLING: &str = "toolConfig.functionCallingConfig.";
    let within = |prefix: &str| {
        request.native.iter().any(|native| native.dialect == NAME && native.name.starts_with(prefix))
    };
    let said = request.tool_choice.is_some() || within(CALLING);
    if !said && !within("toolConfig.") {
        return;
    }
    let one;
    let (mode, names): (Option<&str>, &[String]) = match &request.tool_choice {
        None => (None, &[]),
        // A mode of this dialect's own is written with the natives.
        Some(ToolChoice::Auto) if within("toolConfig.functionCallingConfig.mode") => (None, &[]),
        Some(ToolChoice::Auto) => (Some("AUTO"), &[]),
        Some(ToolChoice::None) => (Some("NONE"), &[]),
        Some(ToolChoice::Required) => (Some("ANY"), &[]),
        Some(ToolChoice::Named(name)) => {
            one = [name.clone()];
            (Some("ANY"), &one)
        }
        Some(ToolChoice::Among(names, true)) => (Some("ANY"), names),
        Some(ToolChoice::Among(names, false)) => (Some("VALIDATED"), names),
    };
    w.name("toolConfig").object(|w| {
        if said {
            w.name("functionCallingConfig").object(|w| {
                w.maybe("mode", &mode);
                if !names.is_empty() {
                    w.member("allowedFunctionNames", names);
                }
                natives(w, request, CALLING);
            });
        }
        natives(w, request, "toolConfig.");
    });
}

/// Labels of bills: keys and values in lower-case letters, digits, `_` and `-`, at most 63.
fn labels(w: &mut Writer<'_>, request: &Request, losses: &mut Losses) {
    let plain = |text: &str| {
        text.len() <= 63
            && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'_' | b'-'))
    };
    let fits = |(key, value): &(&String, &Value)| {
        key.starts_with(|c: char| c.is_ascii_lowercase()) && plain(key) && value.as_str().is_some_and(plain)
    };
    let labels: Vec<_> = request.metadata.iter().filter(fits).collect();
    if labels.len() < request.metadata.len() {
        losses.dropped(crate::canon::fields::METADATA);
    }
    if !labels.is_empty() {
        w.name("labels").object(|w| labels.iter().for_each(|(key, value)| w.member(key, value)));
    }
}
