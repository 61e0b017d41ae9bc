//! Requests, as Bedrock takes them.

mod content;

pub(super) use content::{Names, blob, block, citation, id, tool_name};

use super::NAME;
use super::thinks::Additional;
use crate::canon::{Format, Losses, Message, Part, Request, Role, Tool, ToolChoice, fields};
use crate::dialect::chat::Written;
use crate::json::write::Writer;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_fault::Fault;
use serde_json::{Value, json};
use std::borrow::Cow;

/// What AWS's own libraries leave as it is in a path's segment: RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Writes a request.
pub(super) fn request(request: &Request, losses: &mut Losses) -> Result<Written, Fault> {
    let additional = Additional::of(request, losses);
    let turns = turns(request, losses)?;
    let mut names = Names::default();
    let mut body = Vec::with_capacity(4096);
    let mut refused = Ok(());
    Writer::new(&mut body).object(|w| {
        refused = turns.write(w, &mut names, losses);
        inference(w, request, &additional);
        tools(w, request, &turns, losses);
        outputs(w, request, &additional);
        let fields: Vec<_> = natives(request, "additionalModelRequestFields").collect();
        if !additional.fields.is_empty() || !fields.is_empty() {
            w.name("additionalModelRequestFields").object(|w| {
                for (name, value) in &additional.fields {
                    w.member(name, value);
                }
                for (name, value) in fields.iter().filter(|(name, _)| !additional.fields.contains_key(*name))
                {
                    w.member(name, value);
                }
            });
        }
        labels(w, request, losses);
        tier(w, request, losses);
        for native in request.native.iter().filter(|native| native.dialect == NAME) {
            // What was within a block has lost its place.
            if native.name.contains('[') {
                losses.changed(native.name.clone());
            } else if !native.name.contains('.') {
                w.member(&native.name, &native.value);
            }
        }
    });
    refused?;
    let model = utf8_percent_encode(&request.model, SEGMENT);
    let operation = if request.stream { "converse-stream" } else { "converse" };
    Ok(Written { path: format!("/model/{model}/{operation}"), query: "", headers: Vec::new(), body })
}

/// The conversation as Bedrock wants it: instructions apart, neighbours of one role together, nothing empty.
struct Turns<'a> {
    system: Vec<&'a Part>,
    turns: Vec<(Role, Vec<&'a Part>)>,
}

fn turns<'a>(request: &'a Request, losses: &mut Losses) -> Result<Turns<'a>, Fault> {
    let mut system = Vec::new();
    let mut turns: Vec<(Role, Vec<&Part>)> = Vec::new();
    for Message { role, parts, .. } in &request.messages {
        let parts = parts.iter().filter(|part| content::can_say(part, losses));
        let role = match role {
            Role::System | Role::Developer => {
                system.extend(parts);
                continue;
            }
            role => *role,
        };
        match turns.last_mut() {
            Some((last, said)) if *last == role => said.extend(parts),
            _ => turns.push((role, parts.collect())),
        }
    }
    turns.retain(|(_, parts)| !parts.is_empty());
    Ok(Turns { system, turns })
}

impl Turns<'_> {
    fn write(&self, w: &mut Writer<'_>, names: &mut Names, losses: &mut Losses) -> Result<(), Fault> {
        let mut refused = Ok(());
        w.name("messages").array(|w| {
            for (role, parts) in &self.turns {
                w.object(|w| {
                    w.member("role", if *role == Role::Assistant { "assistant" } else { "user" });
                    w.name("content").array(|w| {
                        for part in parts {
                            refused = std::mem::replace(&mut refused, Ok(()))
                                .and_then(|()| block(w, part, names, losses));
                        }
                    });
                });
            }
        });
        if !self.system.is_empty() {
            w.name("system").array(|w| {
                for part in &self.system {
                    refused =
                        std::mem::replace(&mut refused, Ok(())).and_then(|()| block(w, part, names, losses));
                }
            });
        }
        refused
    }

    /// Names of the tools that were called.
    fn called(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for part in self.turns.iter().flat_map(|(_, parts)| parts) {
            let name = match part {
                Part::ToolCall(call) => call.name.as_str(),
                Part::ToolResult(result) => result.name.as_deref().unwrap_or("tool"),
                _ => continue,
            };
            // One is enough where the result does not say its name; a conversation has few tools.
            if (name != "tool" || names.is_empty()) && names.len() < 128 && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

fn inference(w: &mut Writer<'_>, request: &Request, additional: &Additional) {
    let stop: Vec<_> = request.stop.iter().filter(|stop| !stop.is_empty()).collect();
    let own: Vec<_> = natives(request, "inferenceConfig").collect();
    let empty = request.max_tokens.is_none()
        && additional.temperature.is_none()
        && additional.top_p.is_none()
        && stop.is_empty()
        && own.is_empty();
    if empty {
        return;
    }
    w.name("inferenceConfig").object(|w| {
        w.maybe("maxTokens", &request.max_tokens);
        w.maybe("temperature", &additional.temperature);
        w.maybe("topP", &additional.top_p);
        if !stop.is_empty() {
            w.member("stopSequences", &stop);
        }
        for (name, value) in own {
            w.member(name, value);
        }
    });
}

fn tools(w: &mut Writer<'_>, request: &Request, turns: &Turns<'_>, losses: &mut Losses) {
    let none = request.tool_choice == Some(ToolChoice::None);
    let called = turns.called();
    // Bedrock refuses a conversation with calls and results in it that has no tools.
    if (request.tools.is_empty() || none) && called.is_empty() {
        return;
    }
    w.name("toolConfig").object(|w| {
        w.name("tools").array(|w| {
            for tool in &request.tools {
                self::tool(w, tool, losses);
            }
            if request.tools.is_empty() {
                losses.changed("tools=as called before");
                for name in &called {
                    w.object(|w| {
                        w.name("toolSpec").object(|w| {
                            w.member("name", &tool_name(name));
                            w.member("inputSchema", &json!({ "json": { "type": "object" } }));
                        });
                    });
                }
            }
        });
        match &request.tool_choice {
            _ if request.tools.is_empty() => {}
            Some(ToolChoice::Required) => w.member("toolChoice", &json!({ "any": {} })),
            Some(ToolChoice::Named(name)) => {
                w.member("toolChoice", &json!({ "tool": { "name": tool_name(name) } }));
            }
            // The tools are there for the sake of the calls before.
            Some(ToolChoice::None) => losses.dropped(fields::TOOL_CHOICE_NONE),
            Some(ToolChoice::Among(..)) => losses.dropped(fields::TOOL_CHOICE_AMONG),
            Some(ToolChoice::Auto) => w.member("toolChoice", &json!({ "auto": {} })),
            None => {}
        }
        for (name, value) in natives(request, "toolConfig") {
            w.member(name, value);
        }
    });
}

fn tool(w: &mut Writer<'_>, tool: &Tool, losses: &mut Losses) {
    let Tool::Function { name, description, parameters, strict, cache } = tool else {
        let Tool::Server { dialect, value, .. } = tool else { return };
        if *dialect == NAME {
            w.value(value);
        } else {
            losses.dropped(fields::SERVER_TOOLS);
        }
        return;
    };
    w.object(|w| {
        w.name("toolSpec").object(|w| {
            w.member("name", &tool_name(name));
            if let Some(description) = description.as_deref().filter(|text| !text.is_empty()) {
                w.member("description", description);
            }
            w.name("inputSchema").object(|w| match parameters {
                Some(schema) => w.member("json", schema),
                None => w.member("json", &json!({ "type": "object", "properties": {} })),
            });
            w.maybe("strict", strict);
        });
    });
    if let Some(cache) = cache {
        content::cache_point(w, cache);
    }
}

fn outputs(w: &mut Writer<'_>, request: &Request, additional: &Additional) {
    let format = match &request.format {
        Some(Format::Schema { name, description, schema, .. }) => Some((name, description, schema)),
        // What is not said is free; that it is JSON of any form cannot be said, and was taken out.
        Some(Format::Text | Format::Json) | None => None,
    };
    let own: Vec<_> = natives(request, "outputConfig").collect();
    if format.is_none() && additional.effort.is_none() && own.is_empty() {
        return;
    }
    w.name("outputConfig").object(|w| {
        if let Some((name, description, schema)) = format {
            w.name("textFormat").object(|w| {
                w.member("type", "json_schema");
                w.name("structure").object(|w| {
                    w.name("jsonSchema").object(|w| {
                        w.member("schema", &schema.to_string());
                        w.maybe("name", name);
                        w.maybe("description", description);
                    });
                });
            });
        }
        w.maybe("effort", &additional.effort);
        for (name, value) in own {
            if !(name == "effort" && additional.effort.is_some()) {
                w.member(name, value);
            }
        }
    });
}

/// At most 16 labels; names and texts of at most 256 characters, of a few kinds.
fn labels(w: &mut Writer<'_>, request: &Request, losses: &mut Losses) {
    let plain = |text: &str| {
        text.chars().count() <= 256
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || ":_@$#=/+,-.".contains(c))
    };
    let mut labels: Vec<(&str, Cow<'_, str>)> = Vec::new();
    let mut lost = false;
    for (name, value) in &request.metadata {
        let text = match value {
            Value::String(text) => Cow::Borrowed(text.as_str()),
            other => Cow::Owned(other.to_string()),
        };
        if labels.len() < 16 && !name.is_empty() && plain(name) && plain(&text) {
            labels.push((name, text));
        } else {
            lost = true;
        }
    }
    if lost {
        losses.dropped(fields::METADATA);
    }
    if !labels.is_empty() {
        w.name("requestMetadata").object(|w| labels.iter().for_each(|(name, text)| w.member(name, text)));
    }
}

fn tier(w: &mut Writer<'_>, request: &Request, losses: &mut Losses) {
    match request.service_tier.as_deref() {
        Some(tier @ ("priority" | "default" | "flex" | "reserved")) => {
            w.member("serviceTier", &json!({ "type": tier }));
        }
        // As it is where nothing is said.
        Some("auto" | "standard" | "standard_only") | None => {}
        Some(_) => losses.dropped(fields::SERVICE_TIER),
    }
}

/// What only Bedrock knows within one of its members.
fn natives<'a>(request: &'a Request, within: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    request.native.iter().filter(|native| native.dialect == NAME).filter_map(move |native| {
        let name = native.name.strip_prefix(within)?.strip_prefix('.')?;
        Some((name, &native.value))
    })
}
