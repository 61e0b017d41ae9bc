//! Blocks of messages.

use super::super::{NAME, citation};
use super::Reader;
use crate::canon::{Cache, Media, MediaKind, Origin, Part, Text, Thinking, ToolCall, ToolResult, signature};
use crate::json::tree::{Node, Object, Path, Tree, invalid, typed};
use portcullis_fault::Fault;

/// In whose mouth a block is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    System,
    User,
    Assistant,
    /// In a tool's result.
    Tool,
}

impl Reader {
    /// One block. Blocks of a type that is not known here, and servers' tools, stay as they are.
    pub(super) fn block(&mut self, node: Node<'_>, at: Path<'_>, speaker: Speaker) -> Result<Part, Fault> {
        let kind = match node.member("type") {
            None => return Err(typed(&at, "a block with a `type`")),
            Some(kind) => kind.as_str().unwrap_or_default().to_owned(),
        };
        let allowed = match kind.as_str() {
            "text" => true,
            "image" | "document" | "search_result" => speaker != Speaker::System,
            "tool_use" | "thinking" | "redacted_thinking" => speaker == Speaker::Assistant,
            "tool_result" => speaker == Speaker::User,
            _ => speaker != Speaker::System,
        };
        if !allowed {
            let kind: String = kind.chars().take(64).collect();
            return Err(invalid(format!("member `{at}` must be another block: `{kind}` has no place there")));
        }
        let native = |node: &Node<'_>| Part::Native { dialect: NAME, value: node.to_value() };
        if matches!(kind.as_str(), "image" | "document") && !known_source(&node) {
            return Ok(native(&node));
        }
        if !KNOWN.contains(&kind.as_str()) {
            return Ok(native(&node));
        }
        let mut block = node.object(at)?;
        block.take("type");
        let part = match kind.as_str() {
            "image" => Part::Media(self.image(&mut block)?),
            "document" => Part::Media(self.document(&mut block)?),
            "search_result" => Part::Media(self.search_result(&mut block)?),
            "thinking" => {
                let signed = block.string("signature")?.filter(|text| !text.is_empty());
                Part::Thinking(Thinking {
                    text: block.need_string("thinking")?,
                    signature: signed.map(|text| signature::read(NAME, &text)),
                    redacted: None,
                })
            }
            "redacted_thinking" => {
                let redacted = Some(signature::read(NAME, &block.need_string("data")?));
                Part::Thinking(Thinking { redacted, ..Thinking::default() })
            }
            "tool_use" => Part::ToolCall(self.tool_use(&mut block)?),
            "tool_result" => Part::ToolResult(self.tool_result(&mut block)?),
            _ => Part::Text(self.text(&mut block)?),
        };
        self.rest(block);
        Ok(part)
    }

    fn text(&mut self, block: &mut Object<'_, '_>) -> Result<Text, Fault> {
        let text = block.need_string("text")?;
        let mut citations = Vec::new();
        let said = block.list("citations")?.unwrap_or_default();
        let outer = block.at;
        let at = Path::Member(&outer, "citations");
        for (index, node) in said.into_iter().enumerate() {
            citations.push(citation::read(node, Path::Item(&at, index))?);
        }
        Ok(Text { text, citations, cache: self.cache(block)?, signature: None })
    }

    fn image(&mut self, block: &mut Object<'_, '_>) -> Result<Media, Fault> {
        let (origin, mime) = self.source(block)?;
        Ok(Media { kind: MediaKind::Image, mime, origin, cache: self.cache(block)?, ..Media::default() })
    }

    fn document(&mut self, block: &mut Object<'_, '_>) -> Result<Media, Fault> {
        let (origin, mime) = self.source(block)?;
        Ok(Media {
            mime,
            origin,
            name: block.string("title")?,
            context: block.string("context")?,
            cite: self.cite(block)?,
            cache: self.cache(block)?,
            ..Media::default()
        })
    }

    fn search_result(&mut self, block: &mut Object<'_, '_>) -> Result<Media, Fault> {
        let content = block.list("content")?.ok_or_else(|| block.missing("content"))?;
        let at = Path::Member(&block.at, "content");
        Ok(Media {
            origin: Origin::Blocks(self.pieces(content, &at)?),
            name: Some(block.need_string("title")?),
            source: Some(block.need_string("source")?),
            cite: self.cite(block)?,
            cache: self.cache(block)?,
            ..Media::default()
        })
    }

    /// Where a medium's bytes are, and what type they have. Only for a [`known_source`].
    fn source(&mut self, block: &mut Object<'_, '_>) -> Result<(Origin, Option<String>), Fault> {
        let outer = block.at;
        let at = Path::Member(&outer, "source");
        let mut source = block.take("source").ok_or_else(|| block.missing("source"))?.object(at)?;
        let origin = match source.need_string("type")?.as_str() {
            "base64" => {
                let mime = Some(source.need_string("media_type")?);
                (Origin::Data(source.need_string("data")?), mime)
            }
            "text" => {
                let mime = source.string("media_type")?;
                (Origin::Text(source.need_string("data")?), mime.filter(|mime| mime != "text/plain"))
            }
            "url" => (Origin::Url(source.need_string("url")?), None),
            "file" => (Origin::File(source.need_string("file_id")?), None),
            _ => {
                let content = source.take("content").ok_or_else(|| source.missing("content"))?;
                let at = Path::Member(&at, "content");
                let blocks = match content.tree {
                    Tree::String(text) => vec![text.into_owned()],
                    Tree::Array(items) => self.pieces(items, &at)?,
                    _ => return Err(typed(&at, "a string or a list of blocks")),
                };
                (Origin::Blocks(blocks), None)
            }
        };
        self.rest(source);
        Ok(origin)
    }

    /// Blocks of text, of which only the words count.
    fn pieces(&mut self, items: Vec<Node<'_>>, at: &Path<'_>) -> Result<Vec<String>, Fault> {
        let pieces = items.into_iter().enumerate().map(|(index, item)| {
            let mut block = item.object(Path::Item(at, index))?;
            if block.need_string("type")? != "text" {
                return Err(block.wrong("type", "`text`"));
            }
            let text = block.need_string("text")?;
            self.rest(block);
            Ok(text)
        });
        pieces.collect()
    }

    fn tool_use(&mut self, block: &mut Object<'_, '_>) -> Result<ToolCall, Fault> {
        let (id, name) = (block.need_string("id")?, block.need_string("name")?);
        let input = block.take("input").ok_or_else(|| block.missing("input"))?;
        if !matches!(input.tree, Tree::Object(_)) {
            return Err(block.wrong("input", "an object"));
        }
        // Called by the model itself: what every call is unless it says otherwise.
        let caller = block.take("caller");
        if let Some(caller) = caller
            && caller.member("type").and_then(Node::as_str) != Some("direct")
        {
            let name = Path::Member(&block.at, "caller").to_string();
            self.native.push(crate::canon::Native { dialect: NAME, name, value: caller.to_value() });
        }
        self.called.insert(id.clone(), name.clone());
        let arguments = input.raw.to_owned();
        Ok(ToolCall { id, name, arguments, signature: None, cache: self.cache(block)? })
    }

    fn tool_result(&mut self, block: &mut Object<'_, '_>) -> Result<ToolResult, Fault> {
        let id = block.need_string("tool_use_id")?;
        let outer = block.at;
        let at = Path::Member(&outer, "content");
        let content = match block.take("content") {
            None => Vec::new(),
            Some(content) => self.content(content, &at, Speaker::Tool)?,
        };
        Ok(ToolResult {
            name: self.called.get(&id).cloned(),
            id,
            content,
            failed: block.boolean("is_error")?.unwrap_or(false),
            cache: self.cache(block)?,
        })
    }

    /// `citations` of what is to be cited.
    fn cite(&mut self, block: &mut Object<'_, '_>) -> Result<Option<bool>, Fault> {
        let outer = block.at;
        let at = Path::Member(&outer, "citations");
        let Some(node) = block.take("citations") else { return Ok(None) };
        let mut citations = node.object(at)?;
        let enabled = citations.boolean("enabled")?;
        self.rest(citations);
        Ok(enabled)
    }

    /// `cache_control`.
    pub(super) fn cache(&mut self, block: &mut Object<'_, '_>) -> Result<Option<Cache>, Fault> {
        let outer = block.at;
        let at = Path::Member(&outer, "cache_control");
        let Some(node) = block.take("cache_control") else { return Ok(None) };
        let mut cache = node.object(at)?;
        if cache.need_string("type")? != "ephemeral" {
            return Err(cache.wrong("type", "`ephemeral`"));
        }
        let ttl = cache.string("ttl")?;
        self.rest(cache);
        Ok(Some(Cache { ttl }))
    }
}

/// Types of blocks that are read; all others stay as they are.
const KNOWN: &[&str] = &[
    "text",
    "image",
    "document",
    "search_result",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
];

/// Whether a medium's source is of a type that is known here; images within documents are not.
fn known_source(block: &Node<'_>) -> bool {
    let Some(source) = block.member("source") else { return true };
    match source.member("type").and_then(Node::as_str) {
        Some("base64" | "text" | "url" | "file") => true,
        Some("content") => !matches!(source.member("content").map(|content| &content.tree),
            Some(Tree::Array(items)) if items.iter().any(|item| item.member("type").and_then(Node::as_str) != Some("text"))),
        Some(_) => false,
        // The reader says what is missing.
        None => true,
    }
}
