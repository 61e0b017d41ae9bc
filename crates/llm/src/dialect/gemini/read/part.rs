//! Parts of contents, of requests and of answers.

use super::super::wire::{NAME, bytes, count, each, inner, object, read_signature, refuse, text, word};
use super::{Natives, value};
use crate::canon::{Media, MediaKind, Origin, Part, Text, Thinking, ToolCall, ToolResult};
use crate::json::tree::{Node, Object, Path, Tree, typed};
use portcullis_fault::Fault;
use std::collections::{HashMap, VecDeque};

/// Where a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Place {
    /// In `systemInstruction`.
    System,
    /// In `contents`.
    Request,
    /// In a candidate's `content`.
    Answer,
}

/// Ids of tools' calls. The API ties results to calls by id where there is one, else by name, in order.
#[derive(Debug, Default)]
pub(in super::super) struct Ids {
    made: u32,
    /// Calls without a result yet, by name.
    open: HashMap<String, VecDeque<String>>,
}

impl Ids {
    fn make(&mut self) -> String {
        let id = format!("call_{}", self.made);
        self.made += 1;
        id
    }

    /// The id of a call of the tool `name`.
    pub(in super::super) fn of_call(&mut self, id: Option<String>, name: &str) -> String {
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| self.make());
        self.open.entry(name.to_owned()).or_default().push_back(id.clone());
        id
    }

    fn of_result(&mut self, id: Option<String>, name: &str) -> String {
        let open = self.open.get_mut(name);
        match id.filter(|id| !id.is_empty()) {
            Some(id) => {
                if let Some(open) = open
                    && open.front() == Some(&id)
                {
                    open.pop_front();
                }
                id
            }
            None => open.and_then(VecDeque::pop_front).unwrap_or_else(|| self.make()),
        }
    }
}

/// Members of a part that say what it is; it has one of them.
const KINDS: [&str; 9] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];

/// Reads a part, an object.
pub(in super::super) fn part(
    node: Node<'_>,
    at: &Path<'_>,
    place: Place,
    ids: &mut Ids,
    natives: &mut Natives,
) -> Result<Part, Fault> {
    let whole = node.raw;
    let mut members = object(node, *at)?;
    let mut kind = None;
    for name in KINDS {
        if let Some(node) = members.take(name)
            && let Some((other, _)) = kind.replace((name, node))
        {
            return Err(refuse(
                at,
                &format!("has `{other}` and `{name}`; a part is one thing, send them as two parts"),
            ));
        }
    }
    let thought = members.boolean("thought")?.unwrap_or(false);
    let signature = members.string("thoughtSignature")?.and_then(read_signature);
    let native = || Ok(Part::Native { dialect: NAME, value: value(whole) });
    let part = match kind {
        Some(("text", node)) => {
            let text = text(node, &Path::Member(at, "text"))?.into_owned();
            if thought {
                thinking(text, signature)
            } else {
                Part::Text(Text { text, signature, ..Text::default() })
            }
        }
        // Nothing but a signature: it is about what was said before it.
        None if signature.is_some() => Part::Text(Text { signature, ..Text::default() }),
        // Pictures that the model thought in.
        Some(("inlineData" | "fileData", _)) if thought => return native(),
        Some((name @ ("inlineData" | "fileData"), node)) => {
            let at_kind = Path::Member(at, name);
            let mut medium = if name == "inlineData" {
                inline(object(node, at_kind)?, natives)?
            } else {
                file(object(node, at_kind)?, natives)?
            };
            medium.detail = detail(&mut members, at, natives)?;
            if let Some(signature) = signature
                && place == Place::Request
            {
                natives.0.push(crate::canon::Native {
                    dialect: NAME,
                    name: format!("{at}.thoughtSignature"),
                    value: super::super::wire::caller_signature(&signature).into(),
                });
            }
            Part::Media(medium)
        }
        Some(("functionCall", node)) if place != Place::System => {
            let at_kind = Path::Member(at, "functionCall");
            let mut call = object(node, at_kind)?;
            let name = call.need_string("name")?;
            let id = ids.of_call(call.string("id")?, &name);
            let arguments = match call.take("args") {
                None => "{}".to_owned(),
                Some(Node { raw, tree: Tree::Object(_) }) => raw.to_owned(),
                Some(_) => return Err(call.wrong("args", "an object")),
            };
            natives.keep_rest(&format!("{at_kind}."), call);
            Part::ToolCall(ToolCall { id, name, arguments, signature, cache: None })
        }
        Some(("functionResponse", node)) if place != Place::System => {
            let at_kind = Path::Member(at, "functionResponse");
            Part::ToolResult(result(object(node, at_kind)?, ids, natives)?)
        }
        _ => return native(),
    };
    natives.keep_rest(&format!("{at}."), members);
    Ok(part)
}

/// Encrypted thoughts have no place of their own: they travel as a signature.
fn thinking(text: String, signature: Option<String>) -> Part {
    match signature.as_deref().and_then(|mark| mark.strip_prefix(REDACTED)) {
        Some(redacted) => {
            Part::Thinking(Thinking { redacted: Some(redacted.to_owned()), ..Thinking::default() })
        }
        None => Part::Thinking(Thinking { text, signature, redacted: None }),
    }
}

/// Before encrypted thoughts of another vendor, as a signature of ours.
pub(in super::super) const REDACTED: &str = "gemini:redacted:";

fn inline(mut blob: Object<'_, '_>, natives: &mut Natives) -> Result<Media, Fault> {
    let mime = blob.need_string("mimeType")?;
    let Some(data) = blob.take("data") else { return Err(blob.missing("data")) };
    let at = blob.at;
    let at = Path::Member(&at, "data");
    let data = bytes(text(data, &at)?, &at)?;
    let name = blob.string("displayName")?;
    let within = format!("{}.", blob.at);
    natives.keep_rest(&within, blob);
    Ok(Media { kind: kind(&mime), mime: Some(mime), origin: Origin::Data(data), name, ..Media::default() })
}

fn file(mut file: Object<'_, '_>, natives: &mut Natives) -> Result<Media, Fault> {
    let uri = file.need_string("fileUri")?;
    let mime = file.string("mimeType")?;
    let name = file.string("displayName")?;
    let within = format!("{}.", file.at);
    natives.keep_rest(&within, file);
    let kind = match &mime {
        Some(mime) => kind(mime),
        None => kind(guess(&uri).unwrap_or("application/octet-stream")),
    };
    let origin = if is_held(&uri) { Origin::File(uri) } else { Origin::Url(uri) };
    Ok(Media { kind, mime, origin, name, ..Media::default() })
}

/// Whether only the provider can read it: its own files, and its cloud's storage.
pub(in super::super) fn is_held(uri: &str) -> bool {
    uri.starts_with("gs://")
        || uri.starts_with("files/")
        || uri.contains("generativelanguage.googleapis.com/")
}

/// A media type by the look of an address.
pub(in super::super) fn guess(uri: &str) -> Option<&'static str> {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let host = path.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    if matches!(host, "www.youtube.com" | "youtube.com" | "youtu.be" | "m.youtube.com") {
        return Some("video/mp4");
    }
    let (_, extension) = path.rsplit_once('/')?.1.rsplit_once('.')?;
    let extension = extension.to_ascii_lowercase();
    EXTENSIONS.iter().find(|(known, _)| *known == extension).map(|(_, mime)| *mime)
}

const EXTENSIONS: &[(&str, &str)] = &[
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("html", "text/html"),
    ("csv", "text/csv"),
    ("json", "application/json"),
    ("mp3", "audio/mpeg"),
    ("wav", "audio/wav"),
    ("ogg", "audio/ogg"),
    ("flac", "audio/flac"),
    ("aac", "audio/aac"),
    ("m4a", "audio/mp4"),
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
    ("mpeg", "video/mpeg"),
];

/// What a medium of this type is.
pub(in super::super) fn kind(mime: &str) -> MediaKind {
    match mime.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        _ => MediaKind::Document,
    }
}

/// `mediaResolution`, where others have a word for it.
fn detail(part: &mut Object<'_, '_>, at: &Path<'_>, natives: &mut Natives) -> Result<Option<String>, Fault> {
    let Some(node) = part.take("mediaResolution") else { return Ok(None) };
    let known = |level: &str| match level {
        "MEDIA_RESOLUTION_LOW" => Some("low"),
        "MEDIA_RESOLUTION_HIGH" => Some("high"),
        _ => None,
    };
    let at = Path::Member(at, "mediaResolution");
    let raw = node.raw;
    let mut resolution = object(node, at)?;
    let level = word(&mut resolution, "level")?;
    let _ = count(&mut resolution, "numTokens")?;
    if let Some(detail) = level.as_deref().and_then(known) {
        return Ok(Some(detail.to_owned()));
    }
    natives.keep(at.to_string(), raw);
    Ok(None)
}

fn result(mut response: Object<'_, '_>, ids: &mut Ids, natives: &mut Natives) -> Result<ToolResult, Fault> {
    let at = response.at;
    let name = response.need_string("name")?;
    let id = ids.of_result(response.string("id")?, &name);
    let (mut content, mut failed) = (Vec::new(), false);
    match response.take("response") {
        None => {}
        Some(Node { tree: Tree::Object(members), .. }) if members.is_empty() => {}
        Some(Node { raw, tree: Tree::Object(members) }) => {
            failed = members.len() == 1 && members[0].0 == "error";
            let words = match &members[..] {
                [(name, value)] if LABELS.contains(&name.as_ref()) => {
                    value.as_str().unwrap_or(value.raw).to_owned()
                }
                _ => raw.to_owned(),
            };
            content.push(Part::text(words));
        }
        Some(_) => return Err(response.wrong("response", "an object")),
    }
    let list = Path::Member(&at, "parts");
    for (index, node) in each(&mut response, "parts").into_iter().enumerate() {
        let at = Path::Item(&list, index);
        let mut part = object(node, at)?;
        let medium = if let Some(blob) = inner(&mut part, "inlineData", &at)? {
            inline(blob, natives)?
        } else if let Some(uri) = inner(&mut part, "fileData", &at)? {
            file(uri, natives)?
        } else {
            return Err(typed(&at, "an object with `inlineData` or `fileData`"));
        };
        natives.keep_rest(&format!("{at}."), part);
        content.push(Part::Media(medium));
    }
    natives.keep_rest(&format!("{at}."), response);
    Ok(ToolResult { id, name: Some(name), content, failed, cache: None })
}

/// Members that wrap a result that is no object: `output` and `error` are the API's, `result` is what its libraries send.
pub(in super::super) const LABELS: [&str; 3] = ["output", "result", "error"];
