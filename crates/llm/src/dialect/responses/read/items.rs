//! Items of `input`: messages, calls, results, thoughts.

use super::super::{NAME, reasoning};
use super::native;
use crate::canon::{
    Cache, Media, MediaKind, Message, Native, Origin, Part, Role, Text, ToolCall, ToolResult, custom,
};
use crate::dialect::openai::chat::message::address;
use crate::dialect::openai::chat::read::cache as marker;
use crate::json::tree::{Node, Object, Path, Tree, invalid, typed};
use portcullis_fault::Fault;
use std::collections::HashMap;

/// What is kept while items are read.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) messages: Vec<Message>,
    pub(super) native: Vec<Native>,
    /// Tools' names by the ids of their calls.
    called: HashMap<String, String>,
}

impl Reader {
    /// Keeps what nobody took.
    pub(super) fn rest(&mut self, object: Object<'_, '_>) {
        let at = object.at;
        for (name, node) in object.rest() {
            self.native.push(native(&Path::Member(&at, &name).to_string(), node.to_value()));
        }
    }

    /// Adds what is no message to the turn under way, or begins one.
    fn add(&mut self, role: Role, part: Part) {
        match self.messages.last_mut() {
            Some(message) if message.role == role => message.parts.push(part),
            _ => self.messages.push(Message { role, parts: vec![part], name: None }),
        }
    }

    /// One item. Types that are not known here, and servers' tools, stay as they are.
    pub(super) fn item(&mut self, node: Node<'_>, at: Path<'_>) -> Result<(), Fault> {
        if !matches!(node.tree, Tree::Object(_)) {
            return Err(typed(&at, "an object"));
        }
        let kind = match node.member("type") {
            Some(kind) => match (&kind.tree, kind.as_str()) {
                (_, Some(kind)) => kind.to_owned(),
                (Tree::Null, _) => String::new(),
                _ => return Err(typed(&Path::Member(&at, "type"), "a string")),
            },
            None => String::new(),
        };
        let kind = match kind.as_str() {
            "" if node.member("role").is_some() => "message",
            "" => "item_reference",
            kind => kind,
        };
        match kind {
            "message" => return self.message(node, at),
            "function_call"
            | "function_call_output"
            | "custom_tool_call"
            | "custom_tool_call_output"
            | "reasoning" => {}
            "item_reference" => {
                // Its words are at the provider: without them the conversation would be another one.
                self.native.push(native("item_reference", node.to_value()));
                return Ok(());
            }
            kind => {
                let ours = kind.ends_with("_output") || kind == "mcp_approval_response";
                let role = if ours { Role::User } else { Role::Assistant };
                self.add(role, Part::Native { dialect: NAME, value: node.to_value() });
                return Ok(());
            }
        }
        let mut item = node.object(at)?;
        item.take("type");
        let id = item.string("id")?.unwrap_or_default();
        item.take("status");
        match kind {
            "function_call" | "custom_tool_call" => {
                let (id, name) = (item.need_string("call_id")?, item.need_string("name")?);
                let arguments = match kind {
                    "function_call" => item.need_string("arguments")?,
                    _ => custom::arguments(&item.need_string("input")?),
                };
                self.called.insert(id.clone(), name.clone());
                let call = ToolCall { id, name, arguments, ..ToolCall::default() };
                self.add(Role::Assistant, Part::ToolCall(call));
            }
            "function_call_output" | "custom_tool_call_output" => {
                let id = item.need_string("call_id")?;
                let output = item.take("output").ok_or_else(|| item.missing("output"))?;
                let content = self.content(output, &Path::Member(&at, "output"))?;
                let said = item.string("name")?;
                let name = said.or_else(|| self.called.get(&id).cloned());
                self.add(
                    Role::User,
                    Part::ToolResult(ToolResult { id, name, content, ..ToolResult::default() }),
                );
            }
            _ => {
                let summary = self.thoughts(&mut item, "summary")?;
                let words = self.thoughts(&mut item, "content")?;
                let text = if summary.is_empty() { words } else { summary };
                let encrypted = item.string("encrypted_content")?;
                let thinking = reasoning::thinking(&id, text, encrypted.as_deref());
                self.add(Role::Assistant, Part::Thinking(thinking));
            }
        }
        self.rest(item);
        Ok(())
    }

    /// Words of an item of reasoning.
    fn thoughts(&mut self, item: &mut Object<'_, '_>, name: &str) -> Result<String, Fault> {
        let parts = item.list(name)?.unwrap_or_default();
        let at = Path::Member(&item.at, name);
        let mut text = String::new();
        for (index, part) in parts.into_iter().enumerate() {
            let mut part = part.object(Path::Item(&at, index))?;
            part.take("type");
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&part.need_string("text")?);
            self.rest(part);
        }
        Ok(text)
    }

    fn message(&mut self, node: Node<'_>, at: Path<'_>) -> Result<(), Fault> {
        let mut message = node.object(at)?;
        let role = match message.need_string("role")?.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            "developer" => Role::Developer,
            _ => return Err(message.wrong("role", "`user`, `assistant`, `system` or `developer`")),
        };
        // They say how an answer came, and nothing to whom it is told again.
        for name in ["type", "id", "status", "phase"] {
            message.take(name);
        }
        let content = message.take("content").ok_or_else(|| message.missing("content"))?;
        let parts = self.content(content, &Path::Member(&at, "content"))?;
        self.rest(message);
        match self.messages.last_mut() {
            Some(last) if role == Role::Assistant && last.role == role => last.parts.extend(parts),
            _ => self.messages.push(Message { role, parts, name: None }),
        }
        Ok(())
    }

    fn content(&mut self, node: Node<'_>, at: &Path<'_>) -> Result<Vec<Part>, Fault> {
        match node.tree {
            Tree::String(text) => Ok(vec![Part::text(text)]),
            Tree::Array(items) => {
                let items = items.into_iter().enumerate();
                items.map(|(index, item)| self.part(item, Path::Item(at, index))).collect()
            }
            _ => Err(typed(at, "a string or a list of parts")),
        }
    }

    fn part(&mut self, node: Node<'_>, at: Path<'_>) -> Result<Part, Fault> {
        let whole = node.raw;
        let mut part = node.object(at)?;
        let kind = part.need_string("type")?;
        let cache = self.cache(&mut part)?;
        let read = match kind.as_str() {
            "input_text" | "output_text" | "text" => {
                let text = part.need_string("text")?;
                let annotations = part.list("annotations")?.unwrap_or_default();
                let citations = annotations
                    .iter()
                    .filter_map(|node| super::super::item::citation(&node.to_value()))
                    .collect();
                // How likely the words were says nothing to whom they are told again.
                part.take("logprobs");
                Part::Text(Text { text, citations, cache, signature: None })
            }
            "refusal" => Part::Refusal(part.need_string("refusal")?),
            "input_image" => {
                let detail = part.string("detail")?.filter(|detail| detail != "auto");
                let (mime, origin) = match (part.string("image_url")?, part.string("file_id")?) {
                    (Some(url), None) => address(url, &at)?,
                    (None, Some(id)) => (None, Origin::File(id)),
                    _ => return Err(invalid(format!("member `{at}` must have `image_url` or `file_id`"))),
                };
                let kind = MediaKind::Image;
                Part::Media(Media { kind, mime, origin, detail, cache, ..Media::default() })
            }
            "input_file" => {
                let name = part.string("filename")?;
                let detail = part.string("detail")?.filter(|detail| detail != "auto");
                let places = (part.string("file_data")?, part.string("file_url")?, part.string("file_id")?);
                let (mime, origin) = match places {
                    (Some(data), None, None) if data.starts_with("data:") => address(data, &at)?,
                    (Some(data), None, None) => (Some("application/pdf".to_owned()), Origin::Data(data)),
                    (None, Some(url), None) => (None, Origin::Url(url)),
                    (None, None, Some(id)) => (None, Origin::File(id)),
                    _ => {
                        return Err(invalid(format!(
                            "member `{at}` must have one of `file_data`, `file_url` and `file_id`"
                        )));
                    }
                };
                Part::Media(Media { mime, origin, name, detail, cache, ..Media::default() })
            }
            "input_audio" => {
                let path = Path::Member(&at, "input_audio");
                let audio = part.take("input_audio").ok_or_else(|| part.missing("input_audio"))?;
                let mut audio = audio.object(path)?;
                let mime = match audio.need_string("format")?.as_str() {
                    "mp3" => "audio/mpeg".to_owned(),
                    other => format!("audio/{other}"),
                };
                let origin = Origin::Data(audio.need_string("data")?);
                Part::Media(Media {
                    kind: MediaKind::Audio,
                    mime: Some(mime),
                    origin,
                    cache,
                    ..Media::default()
                })
            }
            _ => {
                let value = serde_json::from_str(whole).unwrap_or_default();
                return Ok(Part::Native { dialect: NAME, value });
            }
        };
        self.rest(part);
        Ok(read)
    }

    /// `prompt_cache_breakpoint`, or what callers of Anthropic's models write.
    fn cache(&mut self, part: &mut Object<'_, '_>) -> Result<Option<Cache>, Fault> {
        if let Some(node) = part.take("cache_control") {
            return Ok(Some(marker(node)));
        }
        let outer = part.at;
        let at = Path::Member(&outer, "prompt_cache_breakpoint");
        let Some(node) = part.take("prompt_cache_breakpoint") else { return Ok(None) };
        let mut cache = node.object(at)?;
        cache.take("mode");
        let ttl = cache.string("ttl")?;
        self.rest(cache);
        Ok(Some(Cache { ttl }))
    }
}
