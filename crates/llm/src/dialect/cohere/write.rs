//! A request, written.

use super::NAME;
use crate::canon::{
    Effort, Format, Losses, Media, MediaKind, Message, Origin, Part, Request, Role, Tool, ToolChoice,
};
use crate::dialect::chat::Written;
use crate::dialect::data_url;
use crate::json::tree::invalid;
use crate::json::write::Writer;
use portcullis_fault::Fault;

pub(super) fn request(request: &Request, losses: &mut Losses) -> Result<Written, Fault> {
    let mut body = Vec::with_capacity(4096);
    let mut wrong = None;
    Writer::new(&mut body).object(|w| {
        w.member("model", &request.model);
        w.name("messages").array(|w| {
            for message in &request.messages {
                if let Err(fault) = self::message(w, message) {
                    wrong.get_or_insert(fault);
                }
            }
        });
        // Nothing is demanded of its absence.
        w.member("stream", &request.stream);
        tools(w, request);
        format(w, request.format.as_ref());
        let sampling = &request.sampling;
        w.maybe("temperature", &sampling.temperature);
        w.maybe("p", &sampling.top_p);
        w.maybe("k", &sampling.top_k);
        w.maybe("frequency_penalty", &sampling.frequency_penalty);
        w.maybe("presence_penalty", &sampling.presence_penalty);
        match sampling.seed {
            Some(seed) if seed < 0 => {
                // Below zero there are no seeds here; the same one gives the same one.
                losses.changed("seed");
                w.member("seed", &seed.unsigned_abs());
            }
            seed => w.maybe("seed", &seed),
        }
        w.maybe("logprobs", &sampling.logprobs);
        w.maybe("max_tokens", &request.max_tokens);
        if !request.stop.is_empty() {
            w.member("stop_sequences", &request.stop);
        }
        thinking(w, request);
        for native in request.native.iter().filter(|native| native.dialect == NAME) {
            w.member(&native.name, &native.value);
        }
    });
    match wrong {
        Some(fault) => Err(fault),
        None => Ok(Written { path: "/v2/chat".to_owned(), query: "", headers: Vec::new(), body }),
    }
}

fn thinking(w: &mut Writer<'_>, request: &Request) {
    let Some(reasoning) = &request.reasoning else { return };
    let budget = reasoning.budget.or(reasoning.effort.map(Effort::budget));
    match budget {
        None => {}
        Some(0) => w.name("thinking").object(|w| w.member("type", "disabled")),
        Some(tokens) => w.name("thinking").object(|w| {
            w.member("type", "enabled");
            w.member("token_budget", &tokens);
        }),
    }
}

fn tools(w: &mut Writer<'_>, request: &Request) {
    let functions = request.tools.iter().filter_map(|tool| match tool {
        Tool::Function { name, description, parameters, strict, .. } => {
            Some((name, description, parameters, *strict))
        }
        // The table of fields has said those that take text as functions.
        Tool::Custom { .. } | Tool::Server { .. } => None,
    });
    if functions.clone().next().is_none() {
        return;
    }
    w.name("tools").array(|w| {
        for (name, description, parameters, _) in functions.clone() {
            w.object(|w| {
                w.member("type", "function");
                w.name("function").object(|w| {
                    w.member("name", name);
                    w.maybe("description", description);
                    // Demanded here.
                    match parameters {
                        Some(schema) => w.member("parameters", schema),
                        None => w.name("parameters").raw(r#"{"type":"object","properties":{}}"#),
                    }
                });
            });
        }
    });
    if functions.clone().any(|(.., strict)| strict == Some(true)) {
        w.member("strict_tools", &true);
    }
    match request.tool_choice {
        Some(ToolChoice::Required) => w.member("tool_choice", "REQUIRED"),
        Some(ToolChoice::None) => w.member("tool_choice", "NONE"),
        _ => {}
    }
}

fn format(w: &mut Writer<'_>, format: Option<&Format>) {
    match format {
        None => {}
        Some(Format::Text) => w.name("response_format").object(|w| w.member("type", "text")),
        Some(Format::Json) => w.name("response_format").object(|w| w.member("type", "json_object")),
        Some(Format::Schema { schema, .. }) => w.name("response_format").object(|w| {
            w.member("type", "json_object");
            w.member("json_schema", schema);
        }),
    }
}

fn message(w: &mut Writer<'_>, message: &Message) -> Result<(), Fault> {
    let role = match message.role {
        Role::System | Role::Developer => "system",
        Role::Assistant => return assistant(w, &message.parts),
        Role::User => "user",
    };
    for part in &message.parts {
        if let Part::ToolResult(result) = part {
            w.object(|w| {
                w.member("role", "tool");
                w.member("tool_call_id", &result.id);
                w.name("content");
                texts(w, &result.content);
            });
        }
    }
    let said = message.parts.iter().filter(|part| !matches!(part, Part::ToolResult(_)));
    if said.clone().next().is_none() && !message.parts.is_empty() {
        return Ok(());
    }
    let mut wrong = None;
    w.object(|w| {
        w.member("role", role);
        w.name("content");
        if said.clone().all(|part| matches!(part, Part::Text(_))) && said.clone().count() <= 1 {
            let text = said.clone().find_map(text_of).unwrap_or_default();
            w.value(text);
            return;
        }
        w.array(|w| {
            for part in said {
                match part {
                    Part::Text(text) => self::text(w, &text.text),
                    Part::Media(media) => wrong = image(w, media).err().or(wrong.take()),
                    Part::Native { value, .. } => w.value(value),
                    _ => {}
                }
            }
        });
    });
    wrong.map_or(Ok(()), Err)
}

fn text_of(part: &Part) -> Option<&str> {
    match part {
        Part::Text(text) => Some(&text.text),
        _ => None,
    }
}

fn text(w: &mut Writer<'_>, text: &str) {
    w.object(|w| {
        w.member("type", "text");
        w.member("text", text);
    });
}

fn texts(w: &mut Writer<'_>, parts: &[Part]) {
    match parts {
        [] => w.value(""),
        [Part::Text(text)] => w.value(&text.text),
        several => w.array(|w| several.iter().filter_map(text_of).for_each(|part| text(w, part))),
    }
}

fn image(w: &mut Writer<'_>, media: &Media) -> Result<(), Fault> {
    let url = match (media.kind, &media.origin) {
        (MediaKind::Image, Origin::Url(url)) => url.clone(),
        (MediaKind::Image, Origin::Data(data)) => {
            data_url::write(media.mime.as_deref().unwrap_or("image/png"), data)
        }
        _ => {
            return Err(invalid(
                "member `messages` has a medium in a form that the provider of this model does not take; send an image's bytes",
            ));
        }
    };
    w.object(|w| {
        w.member("type", "image_url");
        w.name("image_url").object(|w| {
            w.member("url", &url);
            w.maybe("detail", &media.detail);
        });
    });
    Ok(())
}

fn assistant(w: &mut Writer<'_>, parts: &[Part]) -> Result<(), Fault> {
    if parts.iter().any(|part| matches!(part, Part::Media(_))) {
        return Err(invalid(
            "member `messages` has an image, sound or document in a message of the role `assistant`, which the provider of this model does not take",
        ));
    }
    let calls = parts.iter().filter_map(|part| match part {
        Part::ToolCall(call) => Some(call),
        _ => None,
    });
    w.object(|w| {
        w.member("role", "assistant");
        let called = calls.clone().next().is_some();
        let words: Vec<&Part> =
            parts.iter().filter(|part| !matches!(part, Part::ToolCall(_) | Part::ToolResult(_))).collect();
        if called {
            // What is said before calls is the plan of them.
            let plan: String = words.iter().filter_map(|part| text_of(part)).collect();
            if !plan.is_empty() {
                w.member("tool_plan", &plan);
            }
        }
        let content = words.iter().filter(|part| !called || matches!(part, Part::Thinking(_)));
        match &content.clone().collect::<Vec<_>>()[..] {
            [] if called => {}
            [] => w.member("content", ""),
            [Part::Text(text)] => w.member("content", &text.text),
            _ => w.name("content").array(|w| {
                for part in content {
                    match part {
                        Part::Text(text) => self::text(w, &text.text),
                        Part::Refusal(refusal) => text(w, refusal),
                        Part::Thinking(thinking) => w.object(|w| {
                            w.member("type", "thinking");
                            w.member("thinking", &thinking.text);
                        }),
                        Part::Native { value, .. } => w.value(value),
                        _ => {}
                    }
                }
            }),
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
    });
    Ok(())
}
