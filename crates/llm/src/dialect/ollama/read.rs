//! A request, read.

use super::{GENERATED, NAME};
use crate::canon::{
    Effort, Format, Media, MediaKind, Message, Native, Origin, Part, Reasoning, Request, Role, Sampling,
    Thinking, Tool, ToolCall, ToolResult,
};
use crate::dialect::chat::Incoming;
use crate::json::tree::{self, Node, Object, Path, Tree, invalid, typed};
use portcullis_fault::Fault;
use serde_json::Value;

pub(super) fn chat(asked: &Incoming<'_>) -> Result<Request, Fault> {
    let mut body = tree::read(asked.body)?;
    let at = body.at;
    let mut request = begin(asked, &mut body)?;
    let messages = body.list("messages")?.ok_or_else(|| body.missing("messages"))?;
    if messages.is_empty() {
        return Err(body.wrong(
            "messages",
            "a list with at least one message; loading models ahead of calls is not served here",
        ));
    }
    let path = Path::Member(&at, "messages");
    let mut reader = Reader::default();
    for (index, node) in messages.into_iter().enumerate() {
        reader.message(node.object(Path::Item(&path, index))?)?;
    }
    request.messages = reader.read;
    let path = Path::Member(&at, "tools");
    for (index, node) in body.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        let here = Path::Item(&path, index);
        let mut tool = node.object(here)?;
        let node = tool.take("function").ok_or_else(|| tool.missing("function"))?;
        let mut function = node.object(Path::Member(&here, "function"))?;
        request.tools.push(Tool::Function {
            name: function.need_string("name")?,
            description: function.string("description")?,
            parameters: function.value("parameters"),
            strict: None,
            cache: None,
        });
    }
    rest(&mut request, body);
    Ok(request)
}

pub(super) fn generate(asked: &Incoming<'_>) -> Result<Request, Fault> {
    let mut body = tree::read(asked.body)?;
    let mut request = begin(asked, &mut body)?;
    let prompt = body.string("prompt")?.filter(|prompt| !prompt.is_empty()).ok_or_else(|| {
        body.wrong("prompt", "a string that is not empty; loading models ahead of calls is not served here")
    })?;
    if let Some(system) = body.string("system")?.filter(|system| !system.is_empty()) {
        request.messages.push(Message { role: Role::System, parts: vec![Part::text(system)], name: None });
    }
    let mut parts = vec![Part::text(prompt)];
    parts.extend(images(&mut body)?);
    request.messages.push(Message { role: Role::User, parts, name: None });
    request.native.push(Native { dialect: NAME, name: GENERATED.to_owned(), value: Value::Bool(true) });
    rest(&mut request, body);
    // Libraries say what says nothing, too.
    request.native.retain(|native| !NEUTRAL.contains(&&*native.name) || !says_nothing(&native.value));
    Ok(request)
}

/// Members of generate that no chat has.
const NEUTRAL: &[&str] = &["context", "raw", "suffix", "template"];

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn rest(request: &mut Request, body: Object<'_, '_>) {
    request.native.extend(body.rest().map(|(name, node)| native(name.into_owned(), &node)));
}

fn native(name: String, node: &Node<'_>) -> Native {
    Native { dialect: NAME, name, value: node.to_value() }
}

/// What both have.
fn begin(asked: &Incoming<'_>, body: &mut Object<'_, '_>) -> Result<Request, Fault> {
    let at = body.at;
    let written = body.string("model")?;
    let Some(model) = asked.model.map(str::to_owned).or(written) else {
        return Err(invalid("member `model` is missing; it names the model to use"));
    };
    let mut request = Request { model, stream_usage: true, ..Request::default() };
    let streamed = body.boolean("stream")?;
    // Who says nothing gets a stream.
    request.stream = asked.stream.or(streamed).unwrap_or(true);
    request.format = match body.take("format") {
        None => None,
        Some(Node { tree: Tree::String(word), .. }) if word == "json" => Some(Format::Json),
        Some(Node { tree: Tree::String(word), .. }) if word.is_empty() => None,
        Some(node @ Node { tree: Tree::Object(_), .. }) => {
            Some(Format::Schema { name: None, description: None, schema: node.to_value(), strict: None })
        }
        Some(_) => return Err(body.wrong("format", "`json` or a schema")),
    };
    let effort = match body.take("think") {
        None => None,
        Some(Node { tree: Tree::Bool(true), .. }) => Some(Effort::Medium),
        Some(Node { tree: Tree::Bool(false), .. }) => Some(Effort::None),
        Some(node) => Some(
            node.as_str()
                .and_then(Effort::of_word)
                .ok_or_else(|| body.wrong("think", "true, false, `low`, `medium` or `high`"))?,
        ),
    };
    request.reasoning = effort.map(|effort| Reasoning {
        effort: Some(effort),
        shown: effort != Effort::None,
        ..Reasoning::default()
    });
    request.sampling.logprobs = body.boolean("logprobs")?;
    request.sampling.top_logprobs =
        body.count("top_logprobs")?.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    if let Some(node) = body.take("options") {
        options(node.object(Path::Member(&at, "options"))?, &mut request)?;
    }
    Ok(request)
}

fn options(mut options: Object<'_, '_>, request: &mut Request) -> Result<(), Fault> {
    request.sampling = Sampling {
        temperature: options.float("temperature")?,
        top_p: options.float("top_p")?,
        top_k: options.count("top_k")?,
        min_p: options.float("min_p")?,
        frequency_penalty: options.float("frequency_penalty")?,
        presence_penalty: options.float("presence_penalty")?,
        seed: options.integer("seed")?,
        ..std::mem::take(&mut request.sampling)
    };
    // Below zero: without a bound.
    request.max_tokens = options.integer("num_predict")?.and_then(|bound| u64::try_from(bound).ok());
    let at = options.at;
    request.stop = match options.take("stop") {
        None => Vec::new(),
        Some(Node { tree: Tree::String(one), .. }) => vec![one.into_owned()],
        Some(node) => {
            let path = Path::Member(&at, "stop");
            let items = node.list(&path)?.into_iter().enumerate();
            items.map(|(index, item)| item.string(&Path::Item(&path, index))).collect::<Result<_, _>>()?
        }
    };
    request.native.extend(options.rest().map(|(name, node)| native(format!("options.{name}"), &node)));
    Ok(())
}

#[derive(Default)]
struct Reader {
    read: Vec<Message>,
    /// Calls that no result has answered yet: id, name.
    asked: Vec<(String, String)>,
    calls: usize,
}

impl Reader {
    fn message(&mut self, mut message: Object<'_, '_>) -> Result<(), Fault> {
        let at = message.at;
        let role = message.need_string("role")?;
        let said = message.string("content")?.filter(|text| !text.is_empty());
        let mut parts: Vec<Part> = said.map(Part::text).into_iter().collect();
        parts.extend(images(&mut message)?);
        let role = match role.as_str() {
            "system" => Role::System,
            "user" => Role::User,
            "assistant" => {
                if let Some(text) = message.string("thinking")?.filter(|text| !text.is_empty()) {
                    parts.insert(0, Part::Thinking(Thinking { text, ..Thinking::default() }));
                }
                let calls = message.list("tool_calls")?.unwrap_or_default();
                let path = Path::Member(&at, "tool_calls");
                for (index, node) in calls.into_iter().enumerate() {
                    parts.push(self.call(node.object(Path::Item(&path, index))?)?);
                }
                Role::Assistant
            }
            "tool" => {
                let name = message.string("tool_name")?.or(message.string("name")?);
                let id = message.string("tool_call_id")?;
                let result = self.result(id, name, parts);
                match self.read.last_mut() {
                    Some(last) if matches!(last.parts.last(), Some(Part::ToolResult(_))) => {
                        last.parts.push(result);
                    }
                    _ => self.read.push(Message { role: Role::User, parts: vec![result], name: None }),
                }
                return Ok(());
            }
            _ => return Err(message.wrong("role", "`system`, `user`, `assistant` or `tool`")),
        };
        self.read.push(Message { role, parts, name: None });
        Ok(())
    }

    fn call(&mut self, mut call: Object<'_, '_>) -> Result<Part, Fault> {
        let at = call.at;
        let id = call.string("id")?.unwrap_or_else(|| format!("call_{}", self.calls));
        self.calls += 1;
        let node = call.take("function").ok_or_else(|| call.missing("function"))?;
        let mut function = node.object(Path::Member(&at, "function"))?;
        let name = function.need_string("name")?;
        let arguments = match function.take("arguments") {
            None => "{}".to_owned(),
            Some(node @ Node { tree: Tree::Object(_), .. }) => node.raw.to_owned(),
            Some(_) => return Err(function.wrong("arguments", "an object")),
        };
        self.asked.push((id.clone(), name.clone()));
        Ok(Part::ToolCall(ToolCall { id, name, arguments, ..ToolCall::default() }))
    }

    /// A result answers the call that it names, or else the first one of its tool, or else the first one, that has no
    /// answer yet.
    fn result(&mut self, id: Option<String>, name: Option<String>, content: Vec<Part>) -> Part {
        let of = |such: &dyn Fn(&(String, String)) -> bool| self.asked.iter().position(such);
        let call = match (&id, &name) {
            (Some(id), _) => of(&|(known, _)| known == id),
            (None, Some(name)) => of(&|(_, known)| known == name),
            (None, None) => of(&|_| true),
        };
        let (known, tool) = match call {
            Some(at) => {
                let (id, name) = self.asked.remove(at);
                (id, Some(name))
            }
            None => (id.unwrap_or_else(|| format!("call_{}", self.calls)), name.clone()),
        };
        Part::ToolResult(ToolResult { id: known, name: tool.or(name), content, ..ToolResult::default() })
    }
}

fn images(object: &mut Object<'_, '_>) -> Result<Vec<Part>, Fault> {
    let at = object.at;
    let path = Path::Member(&at, "images");
    let images = object.list("images")?.unwrap_or_default();
    let mut parts = Vec::with_capacity(images.len());
    for (index, node) in images.into_iter().enumerate() {
        let data = node.string(&Path::Item(&path, index))?;
        let mime = Some(
            mime(&data)
                .ok_or_else(|| typed(&Path::Item(&path, index), "a PNG, JPEG, GIF or WebP image in base64"))?
                .to_owned(),
        );
        let origin = Origin::Data(data);
        parts.push(Part::Media(Media { kind: MediaKind::Image, mime, origin, ..Media::default() }));
    }
    Ok(parts)
}

/// By the first bytes, for nothing else says it here: base64 of `\x89PNG`, `\xff\xd8\xff`, `GIF8`, `RIFF`.
fn mime(data: &str) -> Option<&'static str> {
    const KNOWN: &[(&str, &str)] =
        &[("iVBOR", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp")];
    KNOWN.iter().find(|(start, _)| data.starts_with(start)).map(|(_, mime)| *mime)
}
