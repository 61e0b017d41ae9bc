//! Blocks of messages.

use super::super::{NAME, formats};
use super::{cache_point, native, union};
use crate::canon::signature;
use crate::canon::{
    Citation, Media, MediaKind, Native, Origin, Part, Place, Text, Thinking, ToolCall, ToolResult,
};
use crate::json::tree::{Node, Object, Path, invalid};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_fault::Fault;
use std::collections::HashMap;

/// Who wrote the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Side {
    /// A caller, who is told what cannot be done.
    Caller,
    /// The provider: what is not understood is kept as it is.
    Provider,
}

/// Reads blocks.
#[derive(Debug)]
pub(in super::super) struct Content {
    side: Side,
    /// Members within blocks that only this dialect knows; the blocks themselves are read.
    pub(in super::super) lost: Vec<Native>,
    /// Within what a tool answered, which may be JSON.
    in_result: bool,
    /// Tools' names by the ids of their calls: results have only the ids.
    called: HashMap<String, String>,
}

impl Content {
    pub(in super::super) fn new(side: Side) -> Self {
        Self { side, lost: Vec::new(), in_result: false, called: HashMap::new() }
    }

    /// The blocks of one message.
    pub(in super::super) fn blocks(
        &mut self,
        items: Vec<Node<'_>>,
        at: &Path<'_>,
    ) -> Result<Vec<Part>, Fault> {
        let mut parts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            self.block(item, &Path::Item(at, index), &mut parts)?;
        }
        Ok(parts)
    }

    fn block(&mut self, item: Node<'_>, at: &Path<'_>, parts: &mut Vec<Part>) -> Result<(), Fault> {
        let raw = item.raw;
        let (kind, inner) = union(item, at)?;
        let here = Path::Member(at, &kind);
        let part = match &*kind {
            "text" => Part::text(inner.string(&here)?),
            "image" => self.medium(MediaKind::Image, inner, here)?.unwrap_or_else(|| whole(raw)),
            "document" => self.medium(MediaKind::Document, inner, here)?.unwrap_or_else(|| whole(raw)),
            "video" => self.medium(MediaKind::Video, inner, here)?.unwrap_or_else(|| whole(raw)),
            "audio" => self.medium(MediaKind::Audio, inner, here)?.unwrap_or_else(|| whole(raw)),
            "toolUse" => self.call(inner.object(here)?)?.unwrap_or_else(|| whole(raw)),
            "toolResult" => self.result(inner.object(here)?)?,
            "reasoningContent" => thoughts(inner, &here)?.unwrap_or_else(|| whole(raw)),
            "citationsContent" => cited(inner.object(here)?)?,
            "searchResult" => self.found(inner.object(here)?)?,
            "json" if self.in_result => Part::text(inner.raw),
            "guardContent" => {
                // What a guardrail looks at is also what the model is told.
                self.lose(here, &inner);
                let (kind, inner) = union(inner, &here)?;
                let inside = Path::Member(&here, &kind);
                match &*kind {
                    "text" => Part::text(inner.object(inside)?.need_string("text")?),
                    "image" => self.medium(MediaKind::Image, inner, inside)?.unwrap_or_else(|| whole(raw)),
                    _ => whole(raw),
                }
            }
            "cachePoint" => {
                let marker = cache_point(inner, here)?;
                let slot = match parts.last_mut() {
                    Some(Part::Text(text)) => Some(&mut text.cache),
                    Some(Part::Media(media)) => Some(&mut media.cache),
                    Some(Part::ToolCall(call)) => Some(&mut call.cache),
                    Some(Part::ToolResult(result)) => Some(&mut result.cache),
                    _ => None,
                };
                match (slot, marker) {
                    (Some(slot @ None), Some(marker)) => {
                        *slot = Some(marker);
                        return Ok(());
                    }
                    _ => whole(raw),
                }
            }
            _ => whole(raw),
        };
        parts.push(part);
        Ok(())
    }

    /// `None`: at a place that only Bedrock can read.
    fn medium(&mut self, kind: MediaKind, node: Node<'_>, at: Path<'_>) -> Result<Option<Part>, Fault> {
        let mut object = node.object(at)?;
        let Some(source) = object.take("source") else { return Err(object.missing("source")) };
        let here = Path::Member(&at, "source");
        let (place, inner) = union(source, &here)?;
        let inside = Path::Member(&here, &place);
        let origin = match &*place {
            "bytes" => Origin::Data(inner.string(&inside)?),
            "text" => Origin::Text(inner.string(&inside)?),
            "content" => Origin::Blocks(texts(inner, inside)?),
            _ if self.side == Side::Provider => return Ok(None),
            "s3Location" => {
                return Err(invalid(format!(
                    "member `{inside}` is a place that only models at Amazon Bedrock can read; send `bytes` to this model"
                )));
            }
            _ => return Err(invalid(format!("member `{inside}` is not known here; send `bytes`"))),
        };
        let format = object.string("format")?;
        let mime = match (&format, &origin) {
            (Some(word), _) => match formats::mime(kind, word) {
                Some(mime) => Some(mime.to_owned()),
                None if self.side == Side::Provider => return Ok(None),
                None => return Err(object.wrong("format", &format!("one of {}", formats::words(kind)))),
            },
            (None, Origin::Text(_) | Origin::Blocks(_)) => Some("text/plain".to_owned()),
            (None, _) if kind == MediaKind::Document => Some("application/pdf".to_owned()),
            (None, _) => return Err(object.missing("format")),
        };
        let name = object.string("name")?;
        let context = object.string("context")?;
        let cite = cite(&mut object)?;
        for (name, node) in object.rest() {
            self.lose(Path::Member(&at, &name), &node);
        }
        Ok(Some(Part::Media(Media { kind, mime, origin, name, context, cite, ..Media::default() })))
    }

    /// `None`: a call that the provider answers itself.
    fn call(&mut self, mut object: Object<'_, '_>) -> Result<Option<Part>, Fault> {
        let id = object.need_string("toolUseId")?;
        let name = object.need_string("name")?;
        let Some(input) = object.take("input") else { return Err(object.missing("input")) };
        if object.string("type")?.is_some() {
            return Ok(None);
        }
        self.called.insert(id.clone(), name.clone());
        let arguments = input.raw.to_owned();
        Ok(Some(Part::ToolCall(ToolCall { id, name, arguments, signature: None, cache: None })))
    }

    fn result(&mut self, mut object: Object<'_, '_>) -> Result<Part, Fault> {
        let at = object.at;
        let id = object.need_string("toolUseId")?;
        let outside = std::mem::replace(&mut self.in_result, true);
        let content = self.blocks(object.list("content")?.unwrap_or_default(), &Path::Member(&at, "content"));
        self.in_result = outside;
        let content = content?;
        let failed = object.string("status")?.as_deref() == Some("error");
        let name = self.called.get(&id).cloned();
        Ok(Part::ToolResult(ToolResult { id, name, content, failed, cache: None }))
    }

    /// A search result.
    fn found(&mut self, mut object: Object<'_, '_>) -> Result<Part, Fault> {
        let at = object.at;
        let name = object.need_string("title")?;
        let source = object.need_string("source")?;
        let Some(content) = object.take("content") else { return Err(object.missing("content")) };
        let origin = Origin::Blocks(texts(content, Path::Member(&at, "content"))?);
        let cite = cite(&mut object)?;
        for (name, node) in object.rest() {
            self.lose(Path::Member(&at, &name), &node);
        }
        Ok(Part::Media(Media {
            mime: Some("text/plain".to_owned()),
            origin,
            name: Some(name),
            source: Some(source),
            cite,
            ..Media::default()
        }))
    }

    fn lose(&mut self, at: Path<'_>, node: &Node<'_>) {
        if self.side == Side::Caller {
            self.lost.push(native(&at.to_string(), node.to_value()));
        }
    }
}

/// A block as it is.
fn whole(raw: &str) -> Part {
    Part::Native { dialect: NAME, value: serde_json::from_str(raw).unwrap_or_default() }
}

/// `None`: in a way that is not known.
fn thoughts(node: Node<'_>, at: &Path<'_>) -> Result<Option<Part>, Fault> {
    let (kind, inner) = union(node, at)?;
    let here = Path::Member(at, &kind);
    Ok(match &*kind {
        "reasoningText" => {
            let mut object = inner.object(here)?;
            Some(Part::Thinking(Thinking {
                text: object.need_string("text")?,
                signature: object.string("signature")?.map(|wire| signature::read(NAME, &wire)),
                redacted: None,
            }))
        }
        "redactedContent" => Some(Part::Thinking(Thinking {
            redacted: Some(unpacked(&inner.string(&here)?)),
            ..Thinking::default()
        })),
        _ => None,
    })
}

/// Encrypted thoughts, with whose they are: another vendor's were packed into the blob with that.
pub(in super::super) fn unpacked(wire: &str) -> String {
    let packed = STANDARD.decode(wire).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match packed {
        Some(text) if signature::read(NAME, &text) == text => text,
        _ => signature::read(NAME, wire),
    }
}

/// Whether it is to be cited, where that is said.
fn cite(object: &mut Object<'_, '_>) -> Result<Option<bool>, Fault> {
    let at = object.at;
    let Some(config) = object.take("citations") else { return Ok(None) };
    config.object(Path::Member(&at, "citations"))?.boolean("enabled")
}

/// The texts of a list of blocks that have nothing else.
fn texts(node: Node<'_>, at: Path<'_>) -> Result<Vec<String>, Fault> {
    let items = node.list(&at)?.into_iter().enumerate();
    items.map(|(index, item)| item.object(Path::Item(&at, index))?.need_string("text")).collect()
}

fn cited(mut object: Object<'_, '_>) -> Result<Part, Fault> {
    let at = object.at;
    let mut text = String::new();
    if let Some(content) = object.take("content") {
        let here = Path::Member(&at, "content");
        for (index, item) in content.list(&here)?.into_iter().enumerate() {
            text.push_str(&item.object(Path::Item(&here, index))?.string("text")?.unwrap_or_default());
        }
    }
    let here = Path::Member(&at, "citations");
    let mut citations = Vec::new();
    for (index, item) in object.list("citations")?.unwrap_or_default().into_iter().enumerate() {
        citations.push(citation(item, Path::Item(&here, index))?);
    }
    Ok(Part::Text(Text { text, citations, ..Text::default() }))
}

/// One citation.
pub(in super::super) fn citation(node: Node<'_>, at: Path<'_>) -> Result<Citation, Fault> {
    let mut object = node.object(at)?;
    let mut citation = Citation { title: object.string("title")?, ..Citation::default() };
    if let Some(source) = object.take("sourceContent") {
        let quote = texts(source, Path::Member(&at, "sourceContent"))?.concat();
        citation.quote = Some(quote).filter(|quote| !quote.is_empty());
    }
    if let Some(location) = object.take("location") {
        let here = Path::Member(&at, "location");
        let (kind, inner) = union(location, &here)?;
        let mut inner = inner.object(Path::Member(&here, &kind))?;
        let mut number = |name: &str| -> Result<Option<u32>, Fault> {
            Ok(inner.count(name)?.and_then(|number| u32::try_from(number).ok()))
        };
        let (start, end) = (number("start")?, number("end")?);
        let place = start.zip(end).and_then(|(start, end)| match &*kind {
            "documentChar" => Some(Place::Characters(start, end)),
            "documentPage" => Some(Place::Pages(start, end)),
            "documentChunk" | "searchResultLocation" => Some(Place::Blocks(start, end)),
            _ => None,
        });
        citation.place = place;
        citation.document = number("documentIndex")?.or(number("searchResultIndex")?);
        if &*kind == "web" {
            citation.url = inner.string("url")?;
        }
    }
    if citation.url.is_none() {
        // Of a search result, what the request gave as its source.
        citation.url = object.string("source")?;
    }
    Ok(citation)
}
