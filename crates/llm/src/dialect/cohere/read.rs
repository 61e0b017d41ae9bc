//! A request, read.

use super::NAME;
use crate::canon::{
    Effort, Format, Media, MediaKind, Message, Native, Origin, Part, Reasoning, Request, Role, Sampling,
    Thinking, Tool, ToolCall, ToolChoice, ToolResult,
};
use crate::dialect::chat::Incoming;
use crate::dialect::data_url;
use crate::json::tree::{self, Node, Object, Path, Tree, invalid, typed};
use portcullis_fault::Fault;
use serde_json::Value;
use std::collections::HashMap;

pub(super) fn request(asked: &Incoming<'_>) -> Result<Request, Fault> {
    let mut body = tree::read(asked.body)?;
    let at = body.at;
    let written = body.string("model")?;
    let Some(model) = asked.model.map(str::to_owned).or(written) else {
        return Err(invalid("member `model` is missing; it names the model to use"));
    };
    let mut request = Request { model, stream_usage: true, ..Request::default() };
    let messages = body.list("messages")?.ok_or_else(|| body.missing("messages"))?;
    if messages.is_empty() {
        return Err(body.wrong("messages", "a list with at least one message"));
    }
    let path = Path::Member(&at, "messages");
    let mut names = HashMap::new();
    for (index, node) in messages.into_iter().enumerate() {
        message(node.object(Path::Item(&path, index))?, &mut names, &mut request.messages)?;
    }
    let streamed = body.boolean("stream")?;
    request.stream = asked.stream.or(streamed).unwrap_or(false);
    let strict = body.boolean("strict_tools")?;
    let path = Path::Member(&at, "tools");
    for (index, node) in body.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(tool(node.object(Path::Item(&path, index))?, strict)?);
    }
    request.tool_choice = match body.string("tool_choice")?.as_deref() {
        None => None,
        Some("REQUIRED") => Some(ToolChoice::Required),
        Some("NONE") => Some(ToolChoice::None),
        Some(_) => return Err(body.wrong("tool_choice", "`REQUIRED` or `NONE`")),
    };
    if let Some(node) = body.take("response_format") {
        let path = Path::Member(&at, "response_format");
        let mut format = node.object(path)?;
        request.format = Some(match format.need_string("type")?.as_str() {
            "text" => Format::Text,
            "json_object" => match format.value("json_schema").or(format.value("schema")) {
                Some(schema @ Value::Object(_)) => {
                    Format::Schema { name: None, description: None, schema, strict: None }
                }
                Some(_) => return Err(format.wrong("json_schema", "an object")),
                None => Format::Json,
            },
            _ => return Err(format.wrong("type", "`text` or `json_object`")),
        });
    }
    request.sampling = Sampling {
        temperature: body.float("temperature")?,
        top_p: body.float("p")?,
        top_k: body.count("k")?,
        frequency_penalty: body.float("frequency_penalty")?,
        presence_penalty: body.float("presence_penalty")?,
        seed: body.integer("seed")?,
        logprobs: body.boolean("logprobs")?,
        ..Sampling::default()
    };
    request.max_tokens = body.count("max_tokens")?;
    request.stop = body.strings("stop_sequences")?.unwrap_or_default();
    if let Some(node) = body.take("thinking") {
        let mut thinking = node.object(Path::Member(&at, "thinking"))?;
        let budget = thinking.count("token_budget")?;
        let effort = match thinking.need_string("type")?.as_str() {
            "disabled" => Some(Effort::None),
            // As much as the model likes.
            _ if budget.is_none() => Some(Effort::Medium),
            _ => None,
        };
        let shown = effort != Some(Effort::None);
        request.reasoning = Some(Reasoning { effort, budget, summary: None, shown });
    }
    request.native = body
        .rest()
        .map(|(name, node)| Native { dialect: NAME, name: name.into_owned(), value: node.to_value() })
        .collect();
    Ok(request)
}

fn tool(mut tool: Object<'_, '_>, strict: Option<bool>) -> Result<Tool, Fault> {
    let at = tool.at;
    let kind = tool.string("type")?;
    if kind.is_some_and(|kind| kind != "function") {
        return Err(tool.wrong("type", "`function`"));
    }
    let node = tool.take("function").ok_or_else(|| tool.missing("function"))?;
    let mut function = node.object(Path::Member(&at, "function"))?;
    Ok(Tool::Function {
        name: function.need_string("name")?,
        description: function.string("description")?,
        parameters: function.value("parameters"),
        strict,
        cache: None,
    })
}

fn message(
    mut message: Object<'_, '_>,
    names: &mut HashMap<String, String>,
    read: &mut Vec<Message>,
) -> Result<(), Fault> {
    let at = message.at;
    let (role, parts) = match message.need_string("role")?.as_str() {
        "system" => (Role::System, content(&mut message)?),
        "user" => (Role::User, content(&mut message)?),
        "assistant" => {
            let mut parts = content(&mut message)?;
            parts.extend(message.string("tool_plan")?.filter(|plan| !plan.is_empty()).map(Part::text));
            // What the words were from is not told again.
            message.take("citations");
            let calls = message.list("tool_calls")?.unwrap_or_default();
            let path = Path::Member(&at, "tool_calls");
            for (index, node) in calls.into_iter().enumerate() {
                let here = Path::Item(&path, index);
                let mut call = node.object(here)?;
                let id = call.need_string("id")?;
                let function = call.take("function").ok_or_else(|| call.missing("function"))?;
                let mut function = function.object(Path::Member(&here, "function"))?;
                let name = function.need_string("name")?;
                let arguments = function.string("arguments")?.unwrap_or_default();
                names.insert(id.clone(), name.clone());
                parts.push(Part::ToolCall(ToolCall { id, name, arguments, ..ToolCall::default() }));
            }
            (Role::Assistant, parts)
        }
        "tool" => {
            let id = message.need_string("tool_call_id")?;
            let name = names.get(&id).cloned();
            let content = content(&mut message)?;
            let result = Part::ToolResult(ToolResult { id, name, content, ..ToolResult::default() });
            match read.last_mut() {
                Some(last) if matches!(last.parts.last(), Some(Part::ToolResult(_))) => {
                    last.parts.push(result)
                }
                _ => read.push(Message { role: Role::User, parts: vec![result], name: None }),
            }
            return Ok(());
        }
        _ => return Err(message.wrong("role", "`system`, `user`, `assistant` or `tool`")),
    };
    read.push(Message { role, parts, name: None });
    Ok(())
}

fn content(message: &mut Object<'_, '_>) -> Result<Vec<Part>, Fault> {
    let at = message.at;
    let path = Path::Member(&at, "content");
    let items = match message.take("content") {
        None => return Ok(Vec::new()),
        Some(Node { tree: Tree::String(text), .. }) => return Ok(vec![Part::text(text)]),
        Some(Node { tree: Tree::Array(items), .. }) => items,
        Some(_) => return Err(typed(&path, "a string or a list of parts")),
    };
    items.into_iter().enumerate().map(|(index, node)| part(node, Path::Item(&path, index))).collect()
}

fn part(node: Node<'_>, path: Path<'_>) -> Result<Part, Fault> {
    let whole = node.raw;
    let mut part = node.object(path)?;
    Ok(match part.need_string("type")?.as_str() {
        "text" => Part::text(part.need_string("text")?),
        "thinking" => Part::Thinking(Thinking { text: part.need_string("thinking")?, ..Thinking::default() }),
        "image_url" => {
            let node = part.take("image_url").ok_or_else(|| part.missing("image_url"))?;
            let at = Path::Member(&path, "image_url");
            let mut image = node.object(at)?;
            let url = image.need_string("url")?;
            let (mime, origin) = if url.starts_with("data:") {
                let (mime, data) = data_url::parse(&url).ok_or_else(|| {
                    image.wrong("url", "a URL, or a `data:` URL with a media type in base64")
                })?;
                (Some(mime.to_owned()), Origin::Data(data.to_owned()))
            } else {
                (None, Origin::Url(url))
            };
            let detail = image.string("detail")?;
            Part::Media(Media { kind: MediaKind::Image, mime, origin, detail, ..Media::default() })
        }
        "document" => {
            let node = part.take("document").ok_or_else(|| part.missing("document"))?;
            match node.member("data") {
                Some(Node { tree: Tree::String(text), .. }) => Part::text(text.clone()),
                Some(data) => Part::text(data.raw),
                None => return Err(typed(&Path::Member(&path, "document"), "an object with `data`")),
            }
        }
        _ => Part::Native { dialect: NAME, value: serde_json::from_str(whole).unwrap_or_default() },
    })
}
