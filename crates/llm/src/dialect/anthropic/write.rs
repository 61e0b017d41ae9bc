//! Requests, written for a provider.

pub(super) mod content;
mod natives;
mod thinking;
mod turns;

use super::{NAME, VERSION};
use crate::canon::{Format, Losses, Request, Role, Tool, ToolChoice, fields};
use crate::dialect::chat::Written;
use crate::json::tree::invalid;
use crate::json::write::Writer;
use natives::Natives;
use portcullis_fault::Fault;
use serde_json::Value;
use std::borrow::Cow;
use thinking::Plan;

/// Answers are bounded by this where neither the caller nor the catalogue says anything: what the oldest models that are
/// still served give out at most.
pub const DEFAULT_MAX_TOKENS: u64 = 4096;

/// Writes the body of `/messages`. `limit`: how many tokens the model gives out at most, where that is known.
pub(super) fn request(request: &Request, limit: Option<u64>, losses: &mut Losses) -> Result<Written, Fault> {
    let max_tokens = request.max_tokens.unwrap_or_else(|| {
        let tokens = limit.unwrap_or(DEFAULT_MAX_TOKENS);
        losses.changed(format!("max_tokens={tokens}"));
        tokens
    });
    let body = body(request, Some(max_tokens), losses)?;
    Ok(written("/messages", body))
}

/// Writes the body of `/messages/count_tokens`, which has nothing of what is about the answer alone.
pub(super) fn count(request: &Request, losses: &mut Losses) -> Result<Written, Fault> {
    Ok(written("/messages/count_tokens", body(request, None, losses)?))
}

fn written(path: &str, body: Vec<u8>) -> Written {
    Written {
        path: path.to_owned(),
        query: "",
        headers: vec![("anthropic-version", VERSION.to_owned())],
        body,
    }
}

fn body(request: &Request, max_tokens: Option<u64>, losses: &mut Losses) -> Result<Vec<u8>, Fault> {
    let plan = thinking::plan(request, max_tokens, losses);
    let turns = turns::turns(request, losses)?;
    let mut natives = Natives::of(request);
    let mut out = Vec::with_capacity(1024 + turns::size(&turns));
    let mut failed = None;
    Writer::new(&mut out).object(|w| {
        w.member("model", &request.model);
        w.maybe("max_tokens", &max_tokens);
        system(request, w);
        w.name("messages").array(|w| {
            for turn in &turns {
                if let Err(fault) = content::turn(turn, w, losses) {
                    failed.get_or_insert(fault);
                }
            }
        });
        content::cache(&request.cache, w);
        tools(request, &mut natives, w);
        tool_choice(request, &mut natives, w);
        output(request, &plan, &mut natives, w, losses);
        thinking::write(&plan, &mut natives, w);
        if max_tokens.is_some() {
            answer(request, &plan, &mut natives, w, losses);
        }
        natives.write("", w);
    });
    natives.left(losses);
    match failed {
        Some(fault) => Err(fault),
        None => Ok(out),
    }
}

/// What is about the answer, and not about what is asked.
fn answer(
    request: &Request,
    plan: &Plan,
    natives: &mut Natives<'_>,
    w: &mut Writer<'_>,
    losses: &mut Losses,
) {
    let (temperature, top_p, top_k) = thinking::sampling(request, plan, losses);
    w.maybe("temperature", &temperature);
    w.maybe("top_p", &top_p);
    w.maybe("top_k", &top_k);
    // The API refuses sequences without anything to see in them.
    let stops: Vec<&String> = request.stop.iter().filter(|stop| !stop.trim().is_empty()).collect();
    if stops.len() < request.stop.len() {
        losses.dropped(fields::STOP);
    }
    if !stops.is_empty() {
        w.member("stop_sequences", &stops);
    }
    if request.stream {
        w.member("stream", &true);
    }
    if request.user.is_some() || natives.has("metadata") {
        w.name("metadata").object(|w| {
            w.maybe("user_id", &request.user);
            natives.write("metadata", w);
        });
    }
    let tier = request.service_tier.as_deref().map(|tier| match tier {
        "auto" => "auto",
        "default" | "standard" => "standard_only",
        _ => {
            losses.changed("service_tier=auto");
            "auto"
        }
    });
    w.maybe("service_tier", &tier);
}

/// System and developer messages, wherever they stand: the table of fields has moved them to the front, or refused.
fn system(request: &Request, w: &mut Writer<'_>) {
    let instructs = |role| matches!(role, Role::System | Role::Developer);
    let parts = || {
        let said = request.messages.iter().filter(|message| instructs(message.role));
        said.flat_map(|message| &message.parts).filter(|part| !content::is_blank(part))
    };
    if parts().next().is_none() {
        return;
    }
    w.name("system").array(|w| parts().for_each(|part| content::text_only(part, w)));
}

fn tools(request: &Request, natives: &mut Natives<'_>, w: &mut Writer<'_>) {
    if request.tools.is_empty() {
        return;
    }
    w.name("tools").array(|w| {
        for (index, tool) in request.tools.iter().enumerate() {
            match tool {
                Tool::Function { name, description, parameters, strict, cache } => w.object(|w| {
                    w.member("name", name);
                    w.maybe("description", description);
                    w.member("input_schema", &*schema(parameters.as_ref()));
                    w.maybe("strict", strict);
                    content::cache(cache, w);
                    natives.write(&format!("tools[{index}]"), w);
                }),
                Tool::Server { dialect, value, .. } if *dialect == NAME => w.value(value),
                // The table of fields has said those that take text as functions.
                Tool::Custom { .. } | Tool::Server { .. } => {}
            }
        }
    });
}

/// The schema of a tool's arguments: always of an object, which other dialects need not say.
fn schema(parameters: Option<&Value>) -> Cow<'_, Value> {
    match parameters {
        Some(Value::Object(members)) if members.contains_key("type") => {
            // Shown above to be there.
            parameters.map_or(Cow::Owned(Value::Null), Cow::Borrowed)
        }
        other => {
            let mut members = serde_json::Map::new();
            members.insert("type".to_owned(), "object".into());
            if let Some(Value::Object(rest)) = other {
                members.extend(rest.clone());
            } else {
                members.insert("properties".to_owned(), Value::Object(serde_json::Map::new()));
            }
            Cow::Owned(Value::Object(members))
        }
    }
}

fn tool_choice(request: &Request, natives: &mut Natives<'_>, w: &mut Writer<'_>) {
    let single = request.parallel_tools.map(|parallel| !parallel);
    let (kind, name) = match &request.tool_choice {
        // Without tools there is nothing to choose.
        _ if request.tools.is_empty() => return,
        None if single == Some(true) => ("auto", None),
        None => return,
        // Among several was said in another way before, by the table of fields.
        Some(ToolChoice::Auto | ToolChoice::Among(_, false)) => ("auto", None),
        Some(ToolChoice::Required | ToolChoice::Among(_, true)) => ("any", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Named(name)) => ("tool", Some(name)),
    };
    w.name("tool_choice").object(|w| {
        w.member("type", kind);
        w.maybe("name", &name);
        if kind != "none" {
            w.maybe("disable_parallel_tool_use", &single);
        }
        natives.write("tool_choice", w);
    });
}

/// `output_config`: effort, and the answer's form.
fn output(
    request: &Request,
    plan: &Plan,
    natives: &mut Natives<'_>,
    w: &mut Writer<'_>,
    losses: &mut Losses,
) {
    let format = match &request.format {
        Some(Format::Schema { schema, description, .. }) => {
            if description.is_some() {
                losses.changed("response_format.json_schema.description");
            }
            Some(schema)
        }
        // Free JSON was taken out, or refused, by the table of fields.
        Some(Format::Text | Format::Json) | None => None,
    };
    let at = "output_config";
    if format.is_none() && plan.effort.is_none() && !natives.has(at) {
        return;
    }
    w.name(at).object(|w| {
        w.maybe("effort", &plan.effort);
        if let Some(schema) = format {
            w.name("format").object(|w| {
                w.member("type", "json_schema");
                w.member("schema", schema);
                natives.write("output_config.format", w);
            });
        }
        natives.write(at, w);
    });
}

/// `ai_request_invalid`: this dialect has no way to say it.
fn untold(what: &str) -> Fault {
    invalid(format!(
        "{what} cannot be said to the provider of this model; leave it out, or ask for another model"
    ))
}
