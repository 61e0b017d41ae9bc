//! Messages, read.

use super::NAME;
use super::read::cache;
use super::usage::citation;
use crate::canon::{
    Media, MediaKind, Message, Origin, Part, Role, Text, Thinking, ToolCall, ToolResult, custom, signature,
};
use crate::dialect::data_url;
use crate::json::tree::{Node, Object, Path, Tree, invalid, typed};
use portcullis_fault::Fault;
use std::collections::HashMap;

/// All of them. What tools answered becomes one user's message per run of them, as they belong together.
pub(super) fn read_all(messages: Vec<Node<'_>>, path: &Path<'_>) -> Result<Vec<Message>, Fault> {
    let mut reader = Reader { read: Vec::with_capacity(messages.len()), ..Reader::default() };
    for (index, node) in messages.into_iter().enumerate() {
        reader.message(node.object(Path::Item(path, index))?)?;
    }
    Ok(reader.read)
}

#[derive(Default)]
struct Reader {
    read: Vec<Message>,
    /// Names of called tools by the call's id.
    names: HashMap<String, String>,
    /// The last message consists of what tools answered.
    answering: bool,
    /// Calls of the legacy kind, which have no ids, so far.
    unnamed: usize,
}

impl Reader {
    fn message(&mut self, mut message: Object<'_, '_>) -> Result<(), Fault> {
        let role = message.need_string("role")?;
        let name = message.string("name")?;
        let answering = std::mem::take(&mut self.answering);
        let (role, parts) = match role.as_str() {
            "system" => (Role::System, content(&mut message)?),
            "developer" => (Role::Developer, content(&mut message)?),
            "user" => (Role::User, content(&mut message)?),
            "assistant" => (Role::Assistant, self.assistant(&mut message)?),
            "tool" | "function" => {
                let id = match message.string("tool_call_id")? {
                    Some(id) => id,
                    // The legacy kind answers the call just before it.
                    None if role == "function" => legacy_id(self.unnamed.saturating_sub(1)),
                    None => return Err(message.missing("tool_call_id")),
                };
                let name = self.names.get(&id).cloned().or(name);
                let cache = message.take("cache_control").map(cache);
                let content = content(&mut message)?;
                let result = Part::ToolResult(ToolResult { id, name, content, failed: false, cache });
                self.answering = true;
                match self.read.last_mut() {
                    Some(last) if answering => last.parts.push(result),
                    _ => self.read.push(Message { role: Role::User, parts: vec![result], name: None }),
                }
                return Ok(());
            }
            _ => {
                return Err(
                    message.wrong("role", "`system`, `developer`, `user`, `assistant`, `tool` or `function`")
                );
            }
        };
        self.read.push(Message { role, parts, name });
        Ok(())
    }

    fn assistant(&mut self, message: &mut Object<'_, '_>) -> Result<Vec<Part>, Fault> {
        let at = message.at;
        let mut parts = Vec::new();
        thoughts(message, &mut parts)?;
        let said = content(message)?;
        parts.extend(said);
        if let Some(annotations) = message.list("annotations")? {
            let citations = annotations.iter().filter_map(|node| citation(&node.to_value()));
            if let Some(Part::Text(text)) = parts.iter_mut().find(|part| matches!(part, Part::Text(_))) {
                text.citations.extend(citations);
            }
        }
        if let Some(refusal) = message.string("refusal")? {
            parts.push(Part::Refusal(refusal));
        }
        if let Some(audio) = message.take("audio") {
            parts.push(Part::Native {
                dialect: NAME,
                value: serde_json::json!({ "audio": audio.to_value() }),
            });
        }
        let calls = message.list("tool_calls")?.unwrap_or_default();
        let path = Path::Member(&at, "tool_calls");
        for (index, node) in calls.into_iter().enumerate() {
            let part = self.call(node, Path::Item(&path, index))?;
            parts.push(part);
        }
        if let Some(node) = message.take("function_call") {
            let mut call = node.object(Path::Member(&at, "function_call"))?;
            let (id, name) = (legacy_id(self.unnamed), call.need_string("name")?);
            self.unnamed += 1;
            self.names.insert(id.clone(), name.clone());
            let arguments = call.string("arguments")?.unwrap_or_default();
            parts.push(Part::ToolCall(ToolCall { id, name, arguments, ..ToolCall::default() }));
        }
        Ok(parts)
    }

    fn call(&mut self, node: Node<'_>, path: Path<'_>) -> Result<Part, Fault> {
        let kind = node.member("type").and_then(Node::as_str).unwrap_or("function").to_owned();
        if kind != "function" && kind != "custom" {
            return Ok(Part::Native { dialect: NAME, value: node.to_value() });
        }
        let mut call = node.object(path)?;
        let id = call.need_string("id")?;
        let signature = call.take("extra_content").and_then(|extra| {
            let text = extra.member("google")?.member("thought_signature")?.as_str()?;
            Some(signature::read(NAME, text))
        });
        let cache = call.take("cache_control").map(cache);
        let called = call.take(&kind).ok_or_else(|| call.missing(&kind))?;
        let mut called = called.object(Path::Member(&path, &kind))?;
        let name = called.need_string("name")?;
        let arguments = match kind.as_str() {
            "custom" => custom::arguments(&called.string("input")?.unwrap_or_default()),
            _ => called.string("arguments")?.unwrap_or_default(),
        };
        self.names.insert(id.clone(), name.clone());
        Ok(Part::ToolCall(ToolCall { id, name, arguments, signature, cache }))
    }
}

/// An id for a call that has none.
fn legacy_id(index: usize) -> String {
    format!("call_{index}")
}

/// Thoughts as vendors give them, and take them back. Where they come with signatures the words are in the details too.
fn thoughts(message: &mut Object<'_, '_>, parts: &mut Vec<Part>) -> Result<(), Fault> {
    let text = |node: Node<'_>| node.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let spellings = ["reasoning_content", "reasoning"].map(|name| message.take(name).and_then(text));
    let plain = spellings.into_iter().flatten().next();
    let before = parts.len();
    for detail in message.list("reasoning_details")?.unwrap_or_default() {
        let text = |name: &str| detail.member(name).and_then(Node::as_str);
        let thinking = match text("type") {
            Some("reasoning.text") => Thinking {
                text: text("text").unwrap_or_default().to_owned(),
                signature: text("signature").map(|signed| signature::read(NAME, signed)),
                redacted: None,
            },
            Some("reasoning.encrypted") => Thinking {
                redacted: text("data").map(|data| signature::read(NAME, data)),
                ..Thinking::default()
            },
            _ => continue,
        };
        parts.push(Part::Thinking(thinking));
    }
    match (&mut parts[before..], plain) {
        ([], Some(text)) => parts.push(Part::Thinking(Thinking { text, ..Thinking::default() })),
        // As it comes out of a stream: the words in pieces, their signature at the end.
        ([Part::Thinking(one)], Some(text)) if one.text.is_empty() && one.redacted.is_none() => {
            one.text = text
        }
        _ => {}
    }
    Ok(())
}

/// `content`: a string or parts.
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
    let kind = part.need_string("type")?;
    // Anthropic's word for it, of common use, and the vendor's own.
    let marks = ["cache_control", "prompt_cache_breakpoint"].map(|name| part.take(name));
    let cache = marks.into_iter().flatten().next().map(cache);
    let mut inner = |name| inner(&mut part, &path, name);
    Ok(Part::Media(match kind.as_str() {
        "text" => {
            let text = part.need_string("text")?;
            return Ok(Part::Text(Text { text, cache, ..Text::default() }));
        }
        "refusal" => return Ok(Part::Refusal(part.need_string("refusal")?)),
        "image_url" => {
            let mut image = inner("image_url")?;
            let (mime, origin) = address(image.need_string("url")?, &path)?;
            let detail = image.string("detail")?;
            Media { kind: MediaKind::Image, mime, origin, detail, cache, ..Media::default() }
        }
        "video_url" => {
            let (mime, origin) = address(inner("video_url")?.need_string("url")?, &path)?;
            Media { kind: MediaKind::Video, mime, origin, cache, ..Media::default() }
        }
        "input_audio" => {
            let mut audio = inner("input_audio")?;
            let mime = Some(match audio.string("format")?.as_deref() {
                Some("mp3") => "audio/mpeg".to_owned(),
                Some(other) => format!("audio/{other}"),
                None => return Err(audio.missing("format")),
            });
            let origin = Origin::Data(audio.need_string("data")?);
            Media { kind: MediaKind::Audio, mime, origin, cache, ..Media::default() }
        }
        "file" => {
            let mut file = inner("file")?;
            let name = file.string("filename")?;
            let (mime, origin) = match (file.string("file_data")?, file.string("file_id")?) {
                (Some(data), None) if data.starts_with("data:") => address(data, &path)?,
                (Some(data), None) => (Some("application/pdf".to_owned()), Origin::Data(data)),
                (None, Some(id)) => (None, Origin::File(id)),
                _ => {
                    return Err(invalid(format!("member `{path}.file` must have `file_data` or `file_id`")));
                }
            };
            Media { kind: MediaKind::Document, mime, origin, name, cache, ..Media::default() }
        }
        _ => {
            // A kind that only some vendors know.
            let value = serde_json::from_str(whole).unwrap_or_default();
            return Ok(Part::Native { dialect: NAME, value });
        }
    }))
}

/// The object that is a part's content.
fn inner<'a, 'p>(
    part: &mut Object<'a, '_>,
    at: &'p Path<'p>,
    name: &'p str,
) -> Result<Object<'a, 'p>, Fault> {
    let Some(node) = part.take(name) else { return Err(part.missing(name)) };
    node.object(Path::Member(at, name))
}

/// A URL, or the data in it.
pub(in crate::dialect) fn address(url: String, path: &Path<'_>) -> Result<(Option<String>, Origin), Fault> {
    if !url.starts_with("data:") {
        return Ok((None, Origin::Url(url)));
    }
    let (mime, data) = data_url::parse(&url)
        .ok_or_else(|| typed(path, "a URL, or a `data:` URL with a media type in base64"))?;
    Ok((Some(mime.to_owned()), Origin::Data(data.to_owned())))
}
