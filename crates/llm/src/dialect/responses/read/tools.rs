//! Tools, and whether they may be called.

use super::super::NAME;
use super::native;
use crate::canon::{Native, Request, Tool, ToolChoice};
use crate::dialect::openai::chat::read::{cache as marker, grammar, known_form};
use crate::json::tree::{Node, Object, Path, typed};
use portcullis_fault::Fault;
use serde_json::Value;

/// `tools`, `tool_choice` and `parallel_tool_calls`. Each tool but functions and those that take text is the vendor's.
pub(super) fn read(
    body: &mut Object<'_, '_>,
    request: &mut Request,
    natives: &mut Vec<Native>,
) -> Result<(), Fault> {
    let outer = body.at;
    let at = Path::Member(&outer, "tools");
    for (index, node) in body.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(tool(node, Path::Item(&at, index), natives)?);
    }
    request.parallel_tools = body.boolean("parallel_tool_calls")?;
    if let Some(node) = body.take("tool_choice") {
        match choice(&node, Path::Member(&outer, "tool_choice"))? {
            Some(choice) => request.tool_choice = Some(choice),
            None => natives.push(native("tool_choice", node.to_value())),
        }
    }
    Ok(())
}

fn tool(node: Node<'_>, at: Path<'_>, natives: &mut Vec<Native>) -> Result<Tool, Fault> {
    let kind = match node.member("type").map(Node::as_str) {
        Some(Some(kind)) => kind,
        _ => return Err(typed(&Path::Member(&at, "type"), "a string")),
    };
    if kind == "custom" && known_form(&node) {
        return custom(node.object(at)?, natives);
    }
    if kind != "function" {
        return Ok(Tool::Server { dialect: NAME, kind: kind.to_owned(), value: node.to_value() });
    }
    let mut tool = node.object(at)?;
    tool.take("type");
    let parameters = match tool.value("parameters") {
        parameters @ (None | Some(Value::Object(_))) => parameters,
        Some(_) => return Err(tool.wrong("parameters", "an object")),
    };
    let function = Tool::Function {
        name: tool.need_string("name")?,
        description: tool.string("description")?,
        parameters,
        strict: tool.boolean("strict")?,
        cache: tool.take("cache_control").map(marker),
    };
    for (name, node) in tool.rest() {
        natives.push(native(&Path::Member(&at, &name).to_string(), node.to_value()));
    }
    Ok(function)
}

/// A tool that takes text.
fn custom(mut tool: Object<'_, '_>, natives: &mut Vec<Native>) -> Result<Tool, Fault> {
    let outer = tool.at;
    tool.take("type");
    let mut form = None;
    if let Some(format) = tool.take("format") {
        let mut format = format.object(Path::Member(&outer, "format"))?;
        if format.need_string("type")? == "grammar" {
            form = Some(grammar(&mut format)?);
        }
    }
    let custom = Tool::Custom {
        name: tool.need_string("name")?,
        description: tool.string("description")?,
        grammar: form,
        cache: tool.take("cache_control").map(marker),
    };
    for (name, node) in tool.rest() {
        natives.push(native(&Path::Member(&outer, &name).to_string(), node.to_value()));
    }
    Ok(custom)
}

/// `None`: one that only this dialect knows.
fn choice(node: &Node<'_>, at: Path<'_>) -> Result<Option<ToolChoice>, Fault> {
    const WANTED: &str = "`none`, `auto`, `required`, or an object that names a tool";
    if let Some(word) = node.as_str() {
        return match word {
            "none" => Ok(Some(ToolChoice::None)),
            "auto" => Ok(Some(ToolChoice::Auto)),
            "required" => Ok(Some(ToolChoice::Required)),
            _ => Err(typed(&at, WANTED)),
        };
    }
    let mut choice = node.clone().object(at).map_err(|_| typed(&at, WANTED))?;
    let kind = choice.need_string("type")?;
    match kind.as_str() {
        "function" | "custom" => Ok(Some(ToolChoice::Named(choice.need_string("name")?))),
        "allowed_tools" => {
            let must = match choice.need_string("mode")?.as_str() {
                "auto" => false,
                "required" => true,
                _ => return Err(choice.wrong("mode", "`auto` or `required`")),
            };
            let tools = choice.list("tools")?.ok_or_else(|| choice.missing("tools"))?;
            let at = Path::Member(&at, "tools");
            let mut names = Vec::with_capacity(tools.len());
            for (index, tool) in tools.into_iter().enumerate() {
                let mut tool = tool.object(Path::Item(&at, index))?;
                let kind = tool.need_string("type")?;
                // A tool of the vendor's own has no name but its type.
                names.push(tool.string("name")?.unwrap_or(kind));
            }
            Ok(Some(ToolChoice::Among(names, must)))
        }
        "mcp" => Ok(None),
        _ => Ok(Some(ToolChoice::Named(kind))),
    }
}
