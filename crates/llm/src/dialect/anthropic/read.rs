//! Requests, read into the canonical form.
//!
//! What the API's own types know is read and must have their shape; members that are newer than this file become
//! [`Native`], under the path where they stood, and are lost only loudly.

mod content;
mod tools;

use super::NAME;
use crate::canon::{Effort, Format, Message, Native, Part, Reasoning, Request, Role, Text};
use crate::dialect::chat::Incoming;
use crate::json::tree::{self, Node, Object, Path, Tree, typed};
use content::Speaker;
use portcullis_fault::Fault;
use std::collections::HashMap;

/// Reads the body of `/messages`; with `counting`, of `/messages/count_tokens`, which has no `max_tokens`.
pub(super) fn request(asked: &Incoming<'_>, counting: bool) -> Result<Request, Fault> {
    let mut body = tree::read(asked.body)?;
    let named = body.string("model")?;
    let model = match asked.model {
        Some(model) => model.to_owned(),
        None => named.ok_or_else(|| body.missing("model"))?,
    };
    let mut request = Request { model, stream_usage: true, ..Request::default() };
    request.max_tokens = body.count("max_tokens")?;
    if request.max_tokens.is_none() && !counting {
        return Err(body.missing("max_tokens"));
    }
    let mut reader = Reader::default();
    if let Some(system) = body.take("system") {
        let parts = reader.content(system, &Path::Member(&Path::Root, "system"), Speaker::System)?;
        request.messages.push(Message { role: Role::System, parts, name: None });
    }
    let messages = body.list("messages")?.ok_or_else(|| body.missing("messages"))?;
    request.messages.reserve(messages.len());
    let at = Path::Member(&Path::Root, "messages");
    for (index, message) in messages.into_iter().enumerate() {
        request.messages.push(reader.message(message, Path::Item(&at, index))?);
    }
    request.tools = reader.tools(&mut body)?;
    reader.tool_choice(&mut body, &mut request)?;
    reader.output(&mut body, &mut request)?;
    reader.thinking(&mut body, &mut request)?;
    let sampling = &mut request.sampling;
    sampling.temperature = body.float("temperature")?;
    sampling.top_p = body.float("top_p")?;
    sampling.top_k = body.count("top_k")?;
    request.stop = body.strings("stop_sequences")?.unwrap_or_default();
    request.stream = asked.stream.unwrap_or(body.boolean("stream")?.unwrap_or(false));
    if let Some(metadata) = body.take("metadata") {
        let mut metadata = metadata.object(Path::Member(&Path::Root, "metadata"))?;
        request.user = metadata.string("user_id")?;
        reader.rest(metadata);
    }
    request.service_tier = body.string("service_tier")?.map(|tier| match tier.as_str() {
        "standard_only" => "default".to_owned(),
        _ => tier,
    });
    request.cache = reader.cache(&mut body)?;
    reader.rest(body);
    request.native = reader.native;
    Ok(request)
}

/// What is kept while a request is read.
#[derive(Default)]
struct Reader {
    native: Vec<Native>,
    /// Tools' names by the ids of their calls.
    called: HashMap<String, String>,
}

impl Reader {
    /// Keeps what nobody took.
    fn rest(&mut self, object: Object<'_, '_>) {
        let at = object.at;
        for (name, node) in object.rest() {
            let name = Path::Member(&at, &name).to_string();
            self.native.push(Native { dialect: NAME, name, value: node.to_value() });
        }
    }

    fn message(&mut self, node: Node<'_>, at: Path<'_>) -> Result<Message, Fault> {
        let mut message = node.object(at)?;
        let (role, speaker) = match message.need_string("role")?.as_str() {
            "user" => (Role::User, Speaker::User),
            "assistant" => (Role::Assistant, Speaker::Assistant),
            "system" => (Role::System, Speaker::System),
            _ => return Err(message.wrong("role", "`user`, `assistant` or `system`")),
        };
        let content = message.take("content").ok_or_else(|| message.missing("content"))?;
        let parts = self.content(content, &Path::Member(&at, "content"), speaker)?;
        self.rest(message);
        Ok(Message { role, parts, name: None })
    }

    /// One text, or a list of blocks.
    fn content(&mut self, node: Node<'_>, at: &Path<'_>, speaker: Speaker) -> Result<Vec<Part>, Fault> {
        match node.tree {
            Tree::String(text) => Ok(vec![Part::Text(Text { text: text.into_owned(), ..Text::default() })]),
            Tree::Array(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| self.block(item, Path::Item(at, index), speaker))
                .collect(),
            _ => Err(typed(at, "a string or a list of blocks")),
        }
    }

    /// `output_config`, and `output_format`, which it was before.
    fn output(&mut self, body: &mut Object<'_, '_>, request: &mut Request) -> Result<(), Fault> {
        if let Some(node) = body.take("output_config") {
            let at = Path::Member(&Path::Root, "output_config");
            let mut config = node.object(at)?;
            if let Some(word) = config.string("effort")? {
                let effort = Effort::of_word(&word).filter(|effort| *effort >= Effort::Low);
                let effort = effort
                    .ok_or_else(|| config.wrong("effort", "`low`, `medium`, `high`, `xhigh` or `max`"))?;
                request.reasoning.get_or_insert_default().effort = Some(effort);
            }
            if let Some(node) = config.take("format") {
                request.format = Some(self.format(node, Path::Member(&at, "format"))?);
            }
            self.rest(config);
        }
        if request.format.is_none()
            && let Some(node) = body.take("output_format")
        {
            request.format = Some(self.format(node, Path::Member(&Path::Root, "output_format"))?);
        }
        Ok(())
    }

    fn format(&mut self, node: Node<'_>, at: Path<'_>) -> Result<Format, Fault> {
        let mut format = node.object(at)?;
        if format.need_string("type")? != "json_schema" {
            return Err(format.wrong("type", "`json_schema`"));
        }
        let schema = format.take("schema").ok_or_else(|| format.missing("schema"))?;
        if !matches!(schema.tree, Tree::Object(_)) {
            return Err(format.wrong("schema", "an object"));
        }
        // There is no other way here than to keep to it.
        let schema =
            Format::Schema { name: None, description: None, schema: schema.to_value(), strict: Some(true) };
        self.rest(format);
        Ok(schema)
    }

    /// `thinking`; after [`output`](Self::output), whose effort it may take the place of.
    fn thinking(&mut self, body: &mut Object<'_, '_>, request: &mut Request) -> Result<(), Fault> {
        let Some(node) = body.take("thinking") else { return Ok(()) };
        let at = Path::Member(&Path::Root, "thinking");
        let kind = match node.member("type") {
            None => return Err(typed(&Path::Member(&at, "type"), "there")),
            Some(kind) => kind.as_str().unwrap_or_default(),
        };
        if !matches!(kind, "enabled" | "disabled" | "adaptive") {
            let value = node.to_value();
            self.native.push(Native { dialect: NAME, name: "thinking".to_owned(), value });
            return Ok(());
        }
        let enabled = kind == "enabled";
        let disabled = kind == "disabled";
        let mut thinking = node.object(at)?;
        thinking.take("type");
        let reasoning: &mut Reasoning = request.reasoning.get_or_insert_default();
        if enabled {
            let budget = thinking.count("budget_tokens")?;
            reasoning.budget = Some(budget.ok_or_else(|| thinking.missing("budget_tokens"))?);
        }
        if disabled {
            // Effort is about answers without thoughts, too; beside it only the budget can say "none".
            match reasoning.effort {
                None => reasoning.effort = Some(Effort::None),
                Some(_) => reasoning.budget = Some(0),
            }
        }
        reasoning.summary = thinking.string("display")?.map(|display| match display.as_str() {
            "omitted" => "none".to_owned(),
            "summarized" => "auto".to_owned(),
            _ => display,
        });
        reasoning.shown = !disabled && reasoning.summary.is_none();
        self.rest(thinking);
        Ok(())
    }
}
