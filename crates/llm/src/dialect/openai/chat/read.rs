//! A request, read.

use super::NAME;
use super::message;
use crate::canon::{Cache, Effort, Format, Grammar, Native, Reasoning, Request, Sampling, Tool, ToolChoice};
use crate::dialect::chat::Incoming;
use crate::json::tree::{self, Node, Object, Path, Tree, invalid, typed};
use portcullis_fault::Fault;
use serde_json::{Map, Value};

/// A native that says how the tools were said; nothing is lost with it.
pub(super) const LEGACY: &str = "legacy_functions";

pub(super) fn request(asked: &Incoming<'_>) -> Result<Request, Fault> {
    let mut body = tree::read(asked.body)?;
    let at = body.at;
    let written = body.string("model")?;
    let model = match (asked.model, written) {
        (Some(model), _) => model.to_owned(),
        (None, Some(model)) => model,
        (None, None) => {
            return Err(invalid("member `model` is missing; it names the model to use"));
        }
    };
    let mut request = Request { model, ..Request::default() };
    let messages = body.list("messages")?.ok_or_else(|| body.missing("messages"))?;
    if messages.is_empty() {
        return Err(body.wrong("messages", "a list with at least one message"));
    }
    request.messages = message::read_all(messages, &Path::Member(&at, "messages"))?;

    let streamed = body.boolean("stream")?;
    request.stream = asked.stream.or(streamed).unwrap_or(false);
    if let Some(options) = body.take("stream_options") {
        let mut options = options.object(Path::Member(&at, "stream_options"))?;
        request.stream_usage = options.boolean("include_usage")?.unwrap_or(false);
    }

    tools(&mut body, &mut request)?;
    format(&mut body, &mut request)?;
    request.sampling = Sampling {
        temperature: body.float("temperature")?,
        top_p: body.float("top_p")?,
        top_k: body.count("top_k")?,
        min_p: body.float("min_p")?,
        frequency_penalty: body.float("frequency_penalty")?,
        presence_penalty: body.float("presence_penalty")?,
        seed: body.integer("seed")?,
        logit_bias: map(&mut body, "logit_bias")?,
        logprobs: body.boolean("logprobs")?,
        top_logprobs: small(&mut body, "top_logprobs")?,
    };
    let old = body.count("max_tokens")?;
    request.max_tokens = body.count("max_completion_tokens")?.or(old);
    request.stop = match body.take("stop") {
        None => Vec::new(),
        Some(Node { tree: Tree::String(one), .. }) => vec![one.into_owned()],
        Some(node) => {
            let path = Path::Member(&at, "stop");
            let items = node.list(&path).map_err(|_| typed(&path, "a string or a list of strings"))?;
            let texts = items.into_iter().enumerate();
            texts.map(|(index, item)| item.string(&Path::Item(&path, index))).collect::<Result<_, _>>()?
        }
    };
    request.n = small(&mut body, "n")?;
    if let Some(word) = body.string("reasoning_effort")? {
        match Effort::of_word(&word) {
            Some(effort) => {
                request.reasoning = Some(Reasoning { effort: Some(effort), ..Reasoning::default() });
            }
            None => request.native.push(native("reasoning_effort", word.into())),
        }
    }
    request.verbosity = body.string("verbosity")?;
    // The newer name of `user`, apart from its other half, `prompt_cache_key`.
    let identifier = body.string("safety_identifier")?;
    request.user = body.string("user")?.or(identifier);
    request.metadata = map(&mut body, "metadata")?;
    request.service_tier = body.string("service_tier")?;
    request.store = body.boolean("store")?;
    // As callers write it for models that know it, like the markers of parts.
    request.cache = body.take("cache_control").map(cache);
    request.modalities = body.strings("modalities")?.unwrap_or_default();
    request.native.extend(body.rest().map(|(name, node)| native(&name, node.to_value())));
    Ok(request)
}

fn native(name: &str, value: Value) -> Native {
    Native { dialect: NAME, name: name.to_owned(), value }
}

fn map(body: &mut Object<'_, '_>, name: &str) -> Result<Map<String, Value>, Fault> {
    match body.value(name) {
        None => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(_) => Err(body.wrong(name, "an object")),
    }
}

fn small(body: &mut Object<'_, '_>, name: &str) -> Result<Option<u32>, Fault> {
    let Some(count) = body.count(name)? else { return Ok(None) };
    u32::try_from(count).map(Some).map_err(|_| body.wrong(name, "a whole number below 2^32"))
}

fn tools(body: &mut Object<'_, '_>, request: &mut Request) -> Result<(), Fault> {
    let at = body.at;
    if let Some(tools) = body.list("tools")? {
        let path = Path::Member(&at, "tools");
        for (index, node) in tools.into_iter().enumerate() {
            request.tools.push(tool(node, Path::Item(&path, index))?);
        }
    }
    if let Some(functions) = body.list("functions")? {
        let path = Path::Member(&at, "functions");
        for (index, node) in functions.into_iter().enumerate() {
            request.tools.push(function(node.object(Path::Item(&path, index))?, None)?);
        }
        request.native.push(native(LEGACY, Value::Bool(true)));
    }
    request.parallel_tools = body.boolean("parallel_tool_calls")?;
    if let Some(node) = body.take("tool_choice") {
        request.tool_choice = Some(choice(node, Path::Member(&at, "tool_choice"))?);
    }
    if let Some(node) = body.take("function_call") {
        let path = Path::Member(&at, "function_call");
        request.tool_choice = Some(match node.tree {
            Tree::String(_) => choice(node, path)?,
            _ => ToolChoice::Named(node.object(path)?.need_string("name")?),
        });
    }
    Ok(())
}

fn tool(node: Node<'_>, path: Path<'_>) -> Result<Tool, Fault> {
    let kind = match node.member("type").map(Node::as_str) {
        Some(Some(kind)) => kind.to_owned(),
        Some(None) => return Err(typed(&Path::Member(&path, "type"), "a string")),
        None => return Err(invalid(format!("member `{}` is missing", Path::Member(&path, "type")))),
    };
    if kind == "custom" && node.member("custom").is_some_and(|custom| known_form(custom)) {
        return custom(node.object(path)?);
    }
    if kind != "function" {
        return Ok(Tool::Server { dialect: NAME, kind, value: node.to_value() });
    }
    let mut tool = node.object(path)?;
    let cache = tool.take("cache_control").map(cache);
    let inner = tool.take("function").ok_or_else(|| tool.missing("function"))?;
    function(inner.object(Path::Member(&path, "function"))?, cache)
}

fn function(mut function: Object<'_, '_>, cache: Option<Cache>) -> Result<Tool, Fault> {
    let parameters = match function.value("parameters") {
        Some(Value::Object(schema)) => Some(Value::Object(schema)),
        Some(_) => return Err(function.wrong("parameters", "an object")),
        None => None,
    };
    Ok(Tool::Function {
        name: function.need_string("name")?,
        description: function.string("description")?,
        parameters,
        strict: function.boolean("strict")?,
        cache,
    })
}

/// Whether the form that a custom tool's text is to have is known here: free, or by a grammar.
pub(in crate::dialect) fn known_form(custom: &Node<'_>) -> bool {
    let Some(format) = custom.member("format") else { return true };
    matches!(format.tree, Tree::Null)
        || matches!(format.member("type").and_then(Node::as_str), Some("text" | "grammar"))
}

/// A tool that takes text.
fn custom(mut tool: Object<'_, '_>) -> Result<Tool, Fault> {
    let outer = tool.at;
    let cache = tool.take("cache_control").map(cache);
    let at = Path::Member(&outer, "custom");
    let mut custom = tool.take("custom").ok_or_else(|| tool.missing("custom"))?.object(at)?;
    let mut form = None;
    if let Some(format) = custom.take("format") {
        let at = Path::Member(&at, "format");
        let mut format = format.object(at)?;
        if format.need_string("type")? == "grammar" {
            let inner = format.take("grammar").ok_or_else(|| format.missing("grammar"))?;
            form = Some(grammar(&mut inner.object(Path::Member(&at, "grammar"))?)?);
        }
    }
    Ok(Tool::Custom {
        name: custom.need_string("name")?,
        description: custom.string("description")?,
        grammar: form,
        cache,
    })
}

/// `syntax` and `definition`.
pub(in crate::dialect) fn grammar(format: &mut Object<'_, '_>) -> Result<Grammar, Fault> {
    Ok(Grammar { syntax: format.need_string("syntax")?, definition: format.need_string("definition")? })
}

/// `{"type":"ephemeral","ttl":…}`, as callers write it for models that know it.
pub(in crate::dialect) fn cache(node: Node<'_>) -> Cache {
    Cache { ttl: node.member("ttl").and_then(Node::as_str).map(str::to_owned) }
}

fn choice(node: Node<'_>, path: Path<'_>) -> Result<ToolChoice, Fault> {
    const WANTED: &str = "`none`, `auto`, `required`, or an object that names a tool";
    if let Some(word) = node.as_str() {
        return match word {
            "none" => Ok(ToolChoice::None),
            "auto" => Ok(ToolChoice::Auto),
            "required" => Ok(ToolChoice::Required),
            _ => Err(typed(&path, WANTED)),
        };
    }
    let mut choice = node.object(path).map_err(|_| typed(&path, WANTED))?;
    let kind = choice.need_string("type")?;
    match kind.as_str() {
        "function" | "custom" => {
            let named = choice.take(&kind).ok_or_else(|| choice.missing(&kind))?;
            Ok(ToolChoice::Named(named.object(Path::Member(&path, &kind))?.need_string("name")?))
        }
        "allowed_tools" => {
            let allowed = choice.take("allowed_tools").ok_or_else(|| choice.missing("allowed_tools"))?;
            let at = Path::Member(&path, "allowed_tools");
            let mut allowed = allowed.object(at)?;
            let must = match allowed.string("mode")?.as_deref() {
                None | Some("auto") => false,
                Some("required") => true,
                Some(_) => return Err(allowed.wrong("mode", "`auto` or `required`")),
            };
            let tools = allowed.list("tools")?.ok_or_else(|| allowed.missing("tools"))?;
            let at = Path::Member(&at, "tools");
            let mut names = Vec::with_capacity(tools.len());
            for (index, tool) in tools.into_iter().enumerate() {
                let item = Path::Item(&at, index);
                let mut tool = tool.object(item)?;
                let kind = tool.need_string("type")?;
                names.push(match tool.take(&kind) {
                    Some(named) => named.object(Path::Member(&item, &kind))?.need_string("name")?,
                    // A tool of the provider's own has no name but its type.
                    None => kind,
                });
            }
            Ok(ToolChoice::Among(names, must))
        }
        _ => Err(choice.wrong("type", "`function`, `custom` or `allowed_tools`")),
    }
}

fn format(body: &mut Object<'_, '_>, request: &mut Request) -> Result<(), Fault> {
    let at = body.at;
    let Some(node) = body.take("response_format") else { return Ok(()) };
    let path = Path::Member(&at, "response_format");
    let whole = node.raw;
    let mut format = node.object(path)?;
    request.format = Some(match format.need_string("type")?.as_str() {
        "text" => Format::Text,
        "json_object" => Format::Json,
        "json_schema" => {
            let inner = format.take("json_schema").ok_or_else(|| format.missing("json_schema"))?;
            let mut inner = inner.object(Path::Member(&path, "json_schema"))?;
            Format::Schema {
                name: inner.string("name")?,
                description: inner.string("description")?,
                // OpenAI takes a schema's absence for any object.
                schema: inner.value("schema").unwrap_or_else(|| Value::Object(Map::new())),
                strict: inner.boolean("strict")?,
            }
        }
        _ => {
            // A form that only some vendors know.
            request.native.push(native("response_format", serde_json::from_str(whole).unwrap_or_default()));
            return Ok(());
        }
    });
    Ok(())
}
