//! Finding and taking out: what the table's rows share.

use super::rows::{MANNERS, SAME};
use super::{Losses, Mode, REFUSED_NATIVES, SERVER_TOOLS, untold};
use crate::canon::part::{Media, Origin, Part, Text, ToolResult};
use crate::canon::request::{Effort, Message, Request, Role, Tool, ToolChoice};
use crate::canon::signature;
use portcullis_fault::Fault;

/// Every part that stands in a message itself.
fn parts(request: &Request) -> impl Iterator<Item = &Part> {
    request.messages.iter().flat_map(|message| &message.parts)
}

/// Whether a part, of a message or within a result, is such.
pub(super) fn any_part(request: &Request, such: fn(&Part) -> bool) -> bool {
    parts(request)
        .any(|part| such(part) || matches!(part, Part::ToolResult(result) if result.content.iter().any(such)))
}

/// Does it with every part, of messages and within results.
pub(super) fn each_part(request: &mut Request, mut with: impl FnMut(&mut Part)) {
    for part in request.messages.iter_mut().flat_map(|message| &mut message.parts) {
        if let Part::ToolResult(result) = part {
            result.content.iter_mut().for_each(&mut with);
        }
        with(part);
    }
}

/// Every tool's result.
pub(super) fn results(request: &Request) -> impl Iterator<Item = &ToolResult> {
    parts(request).filter_map(|part| match part {
        Part::ToolResult(result) => Some(result),
        _ => None,
    })
}

pub(super) fn is_media(part: &Part) -> bool {
    matches!(part, Part::Media(_))
}

pub(super) fn media(part: &mut Part) -> Option<&mut Media> {
    match part {
        Part::Media(media) => Some(media),
        _ => None,
    }
}

/// Whether a medium, in a message or a result, is such.
pub(super) fn any_media(request: &Request, such: fn(&Media) -> bool) -> bool {
    let such = |part: &Part| matches!(part, Part::Media(media) if such(media));
    parts(request)
        .any(|part| such(part) || matches!(part, Part::ToolResult(result) if result.content.iter().any(such)))
}

/// Leaves out media, of messages and results.
pub(super) fn without_media(request: &mut Request, such: fn(&Media) -> bool) {
    let stays = |part: &Part| !matches!(part, Part::Media(media) if such(media));
    for message in &mut request.messages {
        message.parts.retain(stays);
        for part in &mut message.parts {
            if let Part::ToolResult(result) = part {
                result.content.retain(stays);
            }
        }
    }
}

/// Says documents whose words are here as text, with their titles and sources before them.
pub(super) fn as_text(request: &mut Request, such: fn(&Media) -> bool) {
    each_part(request, |part| {
        let Part::Media(media) = part else { return };
        if !such(media) {
            return;
        }
        let words = match &media.origin {
            Origin::Text(text) => text.clone(),
            Origin::Blocks(blocks) => blocks.join("\n\n"),
            Origin::Data(_) | Origin::Url(_) | Origin::File(_) => {
                media.source = None;
                return;
            }
        };
        let about = [&media.name, &media.source, &media.context];
        let text: Vec<&str> =
            about.into_iter().flatten().map(String::as_str).chain([words.as_str()]).collect();
        *part = Part::Text(Text { text: text.join("\n"), cache: media.cache.take(), ..Text::default() });
    });
}

pub(super) fn any_text(request: &Request, such: fn(&Text) -> bool) -> bool {
    parts(request).any(|part| matches!(part, Part::Text(text) if such(text)))
}

pub(super) fn any_tool(request: &Request, such: fn(&Tool) -> bool) -> bool {
    request.tools.iter().any(such)
}

pub(super) fn each_tool(request: &mut Request, with: fn(&mut Tool)) {
    request.tools.iter_mut().for_each(with);
}

/// Whether some instructions stand behind what was said.
pub(super) fn in_the_middle(request: &Request) -> bool {
    let leading = request.messages.iter().take_while(|message| instructs(message)).count();
    request.messages[leading..].iter().any(instructs)
}

/// Moves instructions to the front, in order. They keep their rank that way; said by the user they would lose it.
pub(super) fn hoist_system(request: &mut Request) {
    // Stable, and false sorts before true.
    request.messages.sort_by_key(|message| !instructs(message));
}

fn instructs(message: &Message) -> bool {
    matches!(message.role, Role::System | Role::Developer)
}

/// Moves media of results behind the results of their message, where what is seen belongs to the user.
pub(super) fn hoist_media(request: &mut Request) {
    for message in &mut request.messages {
        let mut moved = Vec::new();
        for part in &mut message.parts {
            let Part::ToolResult(result) = part else { continue };
            let content = std::mem::take(&mut result.content);
            let (media, rest): (Vec<_>, Vec<_>) = content.into_iter().partition(is_media);
            result.content = rest;
            if !media.is_empty() && result.content.is_empty() {
                result.content.push(Part::text("the result is attached below"));
            }
            moved.extend(media);
        }
        message.parts.extend(moved);
    }
}

/// Leaves out the tools that may not be called.
pub(super) fn among(request: &mut Request) {
    let Some(ToolChoice::Among(names, must)) = request.tool_choice.take() else { return };
    request.tools.retain(|tool| match tool {
        Tool::Function { name, .. } | Tool::Custom { name, .. } => names.contains(name),
        Tool::Server { kind, .. } => names.contains(kind),
    });
    request.tool_choice = Some(if must { ToolChoice::Required } else { ToolChoice::Auto });
}

/// Says a budget of thinking in steps.
pub(super) fn effort_of(request: &mut Request) {
    if let Some(reasoning) = &mut request.reasoning
        && let Some(budget) = reasoning.budget.take()
    {
        reasoning.effort = reasoning.effort.or(Some(Effort::of_budget(budget)));
    }
}

fn any_tool_of_others(request: &Request, target: &str) -> bool {
    request.tools.iter().any(|tool| matches!(tool, Tool::Server { dialect, .. } if *dialect != target))
}

/// Takes out, by name, members and parts that only another dialect than `target` knows.
pub(super) fn natives(
    request: &mut Request,
    target: &str,
    mode: Mode,
    losses: &mut Losses,
) -> Result<(), Fault> {
    for native in &mut request.native {
        let same = |(from, to, name): &&(&'static str, &'static str, &str)| {
            (*from, *to, *name) == (native.dialect, target, &*native.name)
        };
        if let Some((_, to, _)) = SAME.iter().find(same) {
            native.dialect = to;
        }
    }
    for native in request.native.iter().filter(|native| native.dialect != target) {
        let among = |list: &[(&str, &str)]| {
            list.iter().any(|(dialect, name)| *dialect == native.dialect && *name == native.name)
        };
        if among(MANNERS) {
            continue;
        }
        if among(REFUSED_NATIVES) || mode == Mode::Strict {
            return Err(untold(&native.name));
        }
        losses.changed(native.name.clone());
    }
    request.native.retain(|native| native.dialect == target);
    // What runs at one provider is nothing that another could run, whatever it is called there.
    if any_tool_of_others(request, target) {
        return Err(untold(SERVER_TOOLS.0));
    }
    let foreign = |part: &Part| matches!(part, Part::Native { dialect, .. } if *dialect != target);
    if !parts(request).any(|part| {
        foreign(part) || matches!(part, Part::ToolResult(result) if result.content.iter().any(foreign))
    }) {
        return Ok(());
    }
    if mode == Mode::Strict {
        return Err(untold("messages"));
    }
    for message in &mut request.messages {
        message.parts.retain(|part| !foreign(part));
        for part in &mut message.parts {
            if let Part::ToolResult(result) = part {
                result.content.retain(|part| !foreign(part));
            }
        }
    }
    request.messages.retain(|message| !message.parts.is_empty());
    losses.changed("native");
    Ok(())
}

/// Takes out signatures and encrypted thoughts that another dialect than `target` made; whether there were any. Words
/// of thoughts stay, unsigned.
pub(super) fn foreign_signatures(request: &mut Request, target: &str) -> bool {
    any_thinking(request, |text| signature::to_provider(target, text).is_none())
        && signatures(request, |text| signature::to_provider(target, text).is_some())
}

/// Whether a signature or an encrypted thought is such.
pub(super) fn any_thinking(request: &Request, such: impl Fn(&str) -> bool) -> bool {
    let such = |text: &Option<String>| text.as_deref().is_some_and(&such);
    parts(request).any(|part| match part {
        Part::Thinking(thinking) => such(&thinking.signature) || such(&thinking.redacted),
        Part::ToolCall(call) => such(&call.signature),
        Part::Text(text) => such(&text.signature),
        _ => false,
    })
}

/// Takes out signatures and encrypted thoughts but those that stay, and thoughts of which nothing is left.
pub(super) fn signatures(request: &mut Request, stays: impl Fn(&str) -> bool) -> bool {
    let mut taken = false;
    let mut clean = |text: &mut Option<String>| {
        if text.as_deref().is_some_and(|text| !stays(text)) {
            *text = None;
            taken = true;
        }
    };
    for message in &mut request.messages {
        message.parts.retain_mut(|part| match part {
            Part::Thinking(thinking) => {
                clean(&mut thinking.signature);
                clean(&mut thinking.redacted);
                !thinking.text.is_empty() || thinking.signature.is_some() || thinking.redacted.is_some()
            }
            Part::ToolCall(call) => {
                clean(&mut call.signature);
                true
            }
            Part::Text(text) => {
                clean(&mut text.signature);
                true
            }
            _ => true,
        });
    }
    request.messages.retain(|message| !message.parts.is_empty());
    taken
}

pub(super) fn any_cache(request: &Request) -> bool {
    any_part(request, |part| match part {
        Part::Text(text) => text.cache.is_some(),
        Part::Media(media) => media.cache.is_some(),
        Part::ToolCall(call) => call.cache.is_some(),
        Part::ToolResult(result) => result.cache.is_some(),
        Part::Thinking(_) | Part::Refusal(_) | Part::Native { .. } => false,
    }) || any_tool(request, |tool| {
        matches!(tool, Tool::Function { cache: Some(_), .. } | Tool::Custom { cache: Some(_), .. })
    })
}

/// Sets the marker that the provider was to set: behind the last part that can have one.
pub(super) fn mark_the_end(request: &mut Request) {
    let Some(wanted) = request.cache.take() else { return };
    let parts = request.messages.iter_mut().flat_map(|message| &mut message.parts);
    let last = parts.rev().find_map(|part| match part {
        Part::Text(text) => Some(&mut text.cache),
        Part::Media(media) => Some(&mut media.cache),
        Part::ToolCall(call) => Some(&mut call.cache),
        Part::ToolResult(result) => Some(&mut result.cache),
        Part::Thinking(_) | Part::Refusal(_) | Part::Native { .. } => None,
    });
    if let Some(cache) = last {
        cache.get_or_insert(wanted);
    }
}

pub(super) fn caches(request: &mut Request) {
    each_part(request, |part| match part {
        Part::Text(text) => text.cache = None,
        Part::Media(media) => media.cache = None,
        Part::ToolCall(call) => call.cache = None,
        Part::ToolResult(result) => result.cache = None,
        Part::Thinking(_) | Part::Refusal(_) | Part::Native { .. } => {}
    });
    each_tool(request, |tool| {
        if let Tool::Function { cache, .. } | Tool::Custom { cache, .. } = tool {
            *cache = None;
        }
    });
}
