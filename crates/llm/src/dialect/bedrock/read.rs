//! Requests, as they come.

mod content;

pub(super) use content::{Content, Side, citation, unpacked};

use super::NAME;
use crate::canon::{Cache, Effort, Format, Message, Native, Reasoning, Request, Role, Tool, ToolChoice};
use crate::dialect::chat::Incoming;
use crate::json::tree::{self, Node, Object, Path, Tree, typed};
use portcullis_fault::Fault;
use serde_json::Value;
use std::borrow::Cow;

/// Reads a request.
pub(super) fn request(asked: &Incoming<'_>) -> Result<Request, Fault> {
    let mut body = tree::read(asked.body)?;
    let at = Path::Root;
    let mut request = Request {
        model: asked.model.unwrap_or_default().to_owned(),
        stream: asked.stream.unwrap_or(false),
        // It is always told.
        stream_usage: true,
        ..Request::default()
    };
    let mut content = Content::new(Side::Caller);
    if let Some(blocks) = body.list("system")? {
        let parts = content.blocks(blocks, &Path::Member(&at, "system"))?;
        request.messages.push(Message { role: Role::System, parts, name: None });
    }
    let Some(messages) = body.list("messages")? else { return Err(body.missing("messages")) };
    for (index, message) in messages.into_iter().enumerate() {
        let list = Path::Member(&at, "messages");
        request.messages.push(self::message(message, Path::Item(&list, index), &mut content)?);
    }
    request.native = content.lost;
    if let Some(config) = body.take("inferenceConfig") {
        inference(config.object(Path::Member(&at, "inferenceConfig"))?, &mut request)?;
    }
    if let Some(config) = body.take("toolConfig") {
        tools(config.object(Path::Member(&at, "toolConfig"))?, &mut request)?;
    }
    if let Some(fields) = body.take("additionalModelRequestFields") {
        additional(fields, &Path::Member(&at, "additionalModelRequestFields"), &mut request)?;
    }
    if let Some(labels) = body.take("requestMetadata") {
        let labels = labels.object(Path::Member(&at, "requestMetadata"))?;
        for (name, label) in labels.rest() {
            request.metadata.insert(name.into_owned(), label.to_value());
        }
    }
    if let Some(tier) = body.take("serviceTier") {
        let mut tier = tier.object(Path::Member(&at, "serviceTier"))?;
        request.service_tier = tier.string("type")?;
    }
    if let Some(config) = body.take("outputConfig") {
        output(config.object(Path::Member(&at, "outputConfig"))?, &mut request)?;
    }
    natives("", body, &mut request);
    Ok(request)
}

fn message(node: Node<'_>, at: Path<'_>, content: &mut Content) -> Result<Message, Fault> {
    let mut object = node.object(at)?;
    let role = match object.need_string("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Err(object.wrong("role", "`user`, `assistant` or `system`")),
    };
    let Some(blocks) = object.list("content")? else { return Err(object.missing("content")) };
    let parts = content.blocks(blocks, &Path::Member(&at, "content"))?;
    Ok(Message { role, parts, name: None })
}

fn inference(mut config: Object<'_, '_>, request: &mut Request) -> Result<(), Fault> {
    request.max_tokens = config.count("maxTokens")?;
    request.sampling.temperature = config.float("temperature")?;
    request.sampling.top_p = config.float("topP")?;
    request.stop = config.strings("stopSequences")?.unwrap_or_default();
    natives("inferenceConfig.", config, request);
    Ok(())
}

fn tools(mut config: Object<'_, '_>, request: &mut Request) -> Result<(), Fault> {
    let at = config.at;
    let list = Path::Member(&at, "tools");
    for (index, node) in config.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        let at = Path::Item(&list, index);
        let raw = node.raw;
        let (kind, inner) = union(node, &at)?;
        let here = Path::Member(&at, &kind);
        match &*kind {
            "toolSpec" => request.tools.push(tool(inner.object(here)?)?),
            "cachePoint" => match (cache_point(inner, here)?, request.tools.last_mut()) {
                (Some(marker), Some(Tool::Function { cache: cache @ None, .. })) => *cache = Some(marker),
                _ => request.tools.push(server(kind.into_owned(), raw)),
            },
            "systemTool" => {
                let name = inner.object(here)?.need_string("name")?;
                request.tools.push(server(name, raw));
            }
            _ => request.tools.push(server(kind.into_owned(), raw)),
        }
    }
    if let Some(choice) = config.take("toolChoice") {
        let at = Path::Member(&at, "toolChoice");
        let value = choice.to_value();
        let (kind, inner) = union(choice, &at)?;
        let choice = match &*kind {
            "auto" => ToolChoice::Auto,
            "any" => ToolChoice::Required,
            "tool" => ToolChoice::Named(inner.object(Path::Member(&at, "tool"))?.need_string("name")?),
            _ => {
                request.native.push(native("toolConfig.toolChoice", value));
                ToolChoice::Auto
            }
        };
        request.tool_choice = Some(choice);
    }
    natives("toolConfig.", config, request);
    Ok(())
}

fn tool(mut spec: Object<'_, '_>) -> Result<Tool, Fault> {
    let at = spec.at;
    let parameters = match spec.take("inputSchema") {
        Some(schema) => schema.object(Path::Member(&at, "inputSchema"))?.value("json"),
        None => return Err(spec.missing("inputSchema")),
    };
    Ok(Tool::Function {
        name: spec.need_string("name")?,
        description: spec.string("description")?,
        parameters,
        strict: spec.boolean("strict")?,
        cache: None,
    })
}

fn server(kind: String, raw: &str) -> Tool {
    Tool::Server { dialect: NAME, kind, value: serde_json::from_str(raw).unwrap_or_default() }
}

/// What goes to the model as it is. What several vendors' models know is read; the rest is native.
fn additional(node: Node<'_>, at: &Path<'_>, request: &mut Request) -> Result<(), Fault> {
    let mut fields = node.object(*at)?;
    let mut reasoning = request.reasoning.take().unwrap_or_default();
    if let Some(top_k) = fields.count("top_k")? {
        request.sampling.top_k = Some(top_k);
    }
    // `reasoning_config` is how Bedrock's own pages wrote what Anthropic calls `thinking`.
    for name in ["thinking", "reasoning_config", "reasoningConfig"] {
        let Some(node) = fields.take(name) else { continue };
        let value = node.to_value();
        let mut config = node.object(Path::Member(at, name))?;
        let kind = config.string("type")?;
        let known = match kind.as_deref() {
            Some("enabled") => {
                let budget = config.count("budget_tokens")?;
                let word = config.string("maxReasoningEffort")?;
                reasoning.budget = budget;
                reasoning.effort = word.as_deref().and_then(Effort::of_word);
                budget.is_some() || reasoning.effort.is_some()
            }
            Some("adaptive") => {
                // As much as it does where `outputConfig.effort` says nothing else.
                reasoning.effort = Some(Effort::High);
                true
            }
            Some("disabled") => {
                reasoning.effort = Some(Effort::None);
                true
            }
            _ => false,
        };
        reasoning.shown |= known && kind.as_deref() != Some("disabled");
        if !known {
            request.native.push(native(&format!("additionalModelRequestFields.{name}"), value));
        }
    }
    if let Some(word) = fields.string("reasoning_effort")? {
        match Effort::of_word(&word) {
            Some(effort) => {
                reasoning.effort = Some(effort);
                reasoning.shown |= effort != Effort::None;
            }
            None => request.native.push(native("additionalModelRequestFields.reasoning_effort", word.into())),
        }
    }
    if reasoning != Reasoning::default() {
        request.reasoning = Some(reasoning);
    }
    natives("additionalModelRequestFields.", fields, request);
    Ok(())
}

fn output(mut config: Object<'_, '_>, request: &mut Request) -> Result<(), Fault> {
    let at = config.at;
    if let Some(word) = config.string("effort")? {
        match Effort::of_word(&word) {
            Some(effort) => {
                let reasoning = request.reasoning.get_or_insert_default();
                reasoning.effort = Some(effort);
                reasoning.shown |= effort != Effort::None;
            }
            None => request.native.push(native("outputConfig.effort", word.into())),
        }
    }
    if let Some(format) = config.take("textFormat") {
        let at = Path::Member(&at, "textFormat");
        let mut format = format.object(at)?;
        let Some(structure) = format.take("structure") else { return Err(format.missing("structure")) };
        let at = Path::Member(&at, "structure");
        let mut structure = structure.object(at)?;
        let Some(definition) = structure.take("jsonSchema") else {
            return Err(structure.missing("jsonSchema"));
        };
        let mut definition = definition.object(Path::Member(&at, "jsonSchema"))?;
        // Within the JSON, the schema is a string of JSON.
        let schema: Value = serde_json::from_str(&definition.need_string("schema")?)
            .map_err(|_| definition.wrong("schema", "a JSON schema, as a string"))?;
        request.format = Some(Format::Schema {
            name: definition.string("name")?,
            description: definition.string("description")?,
            schema,
            strict: None,
        });
    }
    natives("outputConfig.", config, request);
    Ok(())
}

/// What is left of an object.
fn natives(within: &str, object: Object<'_, '_>, request: &mut Request) {
    request
        .native
        .extend(object.rest().map(|(name, node)| native(&format!("{within}{name}"), node.to_value())));
}

fn native(name: &str, value: Value) -> Native {
    Native { dialect: NAME, name: name.to_owned(), value }
}

/// The one member of a union, `null` ones aside.
fn union<'a>(node: Node<'a>, at: &Path<'_>) -> Result<(Cow<'a, str>, Node<'a>), Fault> {
    let Tree::Object(members) = node.tree else { return Err(typed(at, "an object")) };
    let mut members = members.into_iter().filter(|(_, node)| node.tree != Tree::Null);
    match (members.next(), members.next()) {
        (Some(member), None) => Ok(member),
        _ => Err(typed(at, "an object with exactly one member, which says what it is")),
    }
}

/// A marker; `None` for one of a type that is not known.
fn cache_point(node: Node<'_>, at: Path<'_>) -> Result<Option<Cache>, Fault> {
    let mut point = node.object(at)?;
    let known = point.need_string("type")? == "default";
    let ttl = point.string("ttl")?;
    Ok(known.then_some(Cache { ttl }))
}
