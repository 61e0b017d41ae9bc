//! Requests, read into the canonical form.

mod items;
mod tools;

use super::NAME;
use crate::canon::{Effort, Format, Message, Native, Part, Reasoning, Request, Role};
use crate::dialect::chat::Incoming;
use crate::json::tree::{self, Node, Object, Path, Tree, typed};
use portcullis_fault::Fault;
use serde_json::{Map, Value};

/// What of `include` says something that others can say: probabilities. And what costs nothing to include.
pub(super) const LOGPROBS: &str = "message.output_text.logprobs";
pub(super) const ENCRYPTED: &str = "reasoning.encrypted_content";

pub(super) fn request(asked: &Incoming<'_>) -> Result<Request, Fault> {
    let mut body = tree::read(asked.body)?;
    let at = body.at;
    let named = body.string("model")?;
    let model = match asked.model {
        Some(model) => model.to_owned(),
        None => named.ok_or_else(|| body.missing("model"))?,
    };
    let mut request = Request { model, stream_usage: true, ..Request::default() };
    let mut reader = items::Reader::default();
    if let Some(instructions) = body.string("instructions")? {
        let parts = vec![Part::text(instructions)];
        reader.messages.push(Message { role: Role::System, parts, name: None });
    }
    if let Some(input) = body.take("input") {
        let path = Path::Member(&at, "input");
        match input.tree {
            Tree::String(text) => {
                let parts = vec![Part::text(text)];
                reader.messages.push(Message { role: Role::User, parts, name: None });
            }
            Tree::Array(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    reader.item(item, Path::Item(&path, index))?;
                }
            }
            _ => return Err(typed(&path, "a string or a list of items")),
        }
    }
    tools::read(&mut body, &mut request, &mut reader.native)?;
    text(&mut body, &mut request, &mut reader)?;
    reasoning(&mut body, &mut request, &mut reader)?;
    include(&mut body, &mut request, &mut reader)?;
    request.sampling.temperature = body.float("temperature")?;
    request.sampling.top_p = body.float("top_p")?;
    if let Some(count) = body.count("top_logprobs")? {
        let count =
            u32::try_from(count).map_err(|_| body.wrong("top_logprobs", "a whole number below 2^32"))?;
        // None is what comes unasked.
        request.sampling.top_logprobs = Some(count).filter(|count| *count > 0);
    }
    request.max_tokens = body.count("max_output_tokens")?;
    request.stream = asked.stream.unwrap_or(body.boolean("stream")?.unwrap_or(false));
    // The newer name, apart from its other half, `prompt_cache_key`.
    let identifier = body.string("safety_identifier")?;
    request.user = body.string("user")?.or(identifier);
    request.metadata = match body.value("metadata") {
        None => Map::new(),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(body.wrong("metadata", "an object")),
    };
    request.service_tier = body.string("service_tier")?;
    request.store = body.boolean("store")?;
    // As it is when nothing is said.
    if body.boolean("background")? == Some(true) {
        reader.native.push(native("background", true.into()));
    }
    if let Some(truncation) = body.string("truncation")?.filter(|word| word != "disabled") {
        reader.native.push(native("truncation", truncation.into()));
    }
    reader.rest(body);
    request.messages = reader.messages;
    request.native = reader.native;
    Ok(request)
}

pub(super) fn native(name: &str, value: Value) -> Native {
    Native { dialect: NAME, name: name.to_owned(), value }
}

/// `text`: the form of the words, and how many.
fn text(body: &mut Object<'_, '_>, request: &mut Request, reader: &mut items::Reader) -> Result<(), Fault> {
    let outer = body.at;
    let at = Path::Member(&outer, "text");
    let Some(node) = body.take("text") else { return Ok(()) };
    let mut text = node.object(at)?;
    request.verbosity = text.string("verbosity")?;
    if let Some(node) = text.take("format") {
        request.format = Some(format(node, Path::Member(&at, "format"), reader)?);
    }
    reader.rest(text);
    Ok(())
}

fn format(node: Node<'_>, at: Path<'_>, reader: &mut items::Reader) -> Result<Format, Fault> {
    let mut format = node.object(at)?;
    let read = match format.need_string("type")?.as_str() {
        "text" => Format::Text,
        "json_object" => Format::Json,
        "json_schema" => Format::Schema {
            name: Some(format.need_string("name")?),
            description: format.string("description")?,
            schema: match format.value("schema") {
                Some(schema @ Value::Object(_)) => schema,
                Some(_) => return Err(format.wrong("schema", "an object")),
                None => return Err(format.missing("schema")),
            },
            strict: format.boolean("strict")?,
        },
        _ => return Err(format.wrong("type", "`text`, `json_schema` or `json_object`")),
    };
    reader.rest(format);
    Ok(read)
}

fn reasoning(
    body: &mut Object<'_, '_>,
    request: &mut Request,
    reader: &mut items::Reader,
) -> Result<(), Fault> {
    let outer = body.at;
    let at = Path::Member(&outer, "reasoning");
    let Some(node) = body.take("reasoning") else { return Ok(()) };
    let mut reasoning = node.object(at)?;
    let effort = match reasoning.string("effort")? {
        None => None,
        Some(word) => Some(Effort::of_word(&word).ok_or_else(|| {
            reasoning.wrong("effort", "`none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`")
        })?),
    };
    // What it was called before.
    let summary = reasoning.string("summary")?;
    let older = reasoning.string("generate_summary")?;
    let read = Reasoning { effort, budget: None, summary: summary.or(older), shown: false };
    if read != Reasoning::default() {
        request.reasoning = Some(read);
    }
    reader.rest(reasoning);
    Ok(())
}

fn include(
    body: &mut Object<'_, '_>,
    request: &mut Request,
    reader: &mut items::Reader,
) -> Result<(), Fault> {
    let mut included = body.strings("include")?.unwrap_or_default();
    if included.iter().any(|word| word == LOGPROBS) {
        request.sampling.logprobs = Some(true);
    }
    included.retain(|word| word != LOGPROBS && word != ENCRYPTED);
    if !included.is_empty() {
        reader.native.push(native("include", included.into()));
    }
    Ok(())
}
