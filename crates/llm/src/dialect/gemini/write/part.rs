//! Parts of a request's contents.

use super::super::Host;
use super::super::read::{LABELS, guess, is_held};
use super::super::wire::{NAME, UNSIGNED};
use super::config::counts_tokens;
use crate::canon::{Losses, Media, MediaKind, Origin, Part, Request, ToolCall, ToolResult, signature};
use crate::json::tree::{self, Tree, invalid};
use crate::json::write::Writer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_fault::Fault;
use serde_json::Value;
use std::collections::HashMap;

/// Writes parts, one request's.
pub(super) struct Parts<'r> {
    host: Host,
    /// Names of tools, by the ids of their calls.
    names: HashMap<&'r str, &'r str>,
    /// Members of parts that only this dialect knows, by content and part.
    extras: HashMap<(usize, usize), Vec<(&'r str, &'r Value)>>,
    /// The model wants to see that its own thoughts led to a call.
    wants_signature: bool,
    /// Whether results can have media.
    result_media: bool,
    /// The turn has no call yet.
    first_call: bool,
    /// Media of results, to be said behind them.
    behind: Vec<&'r Media>,
    pub(super) losses: &'r mut Losses,
    /// Why the request cannot be written.
    pub(super) fault: Option<Fault>,
}

impl<'r> Parts<'r> {
    pub(super) fn new(request: &'r Request, host: Host, losses: &'r mut Losses) -> Self {
        let all = request.messages.iter().flat_map(|message| &message.parts);
        let names = all.filter_map(|part| match part {
            Part::ToolCall(call) => Some((call.id.as_str(), call.name.as_str())),
            _ => None,
        });
        let mut extras: HashMap<_, Vec<_>> = HashMap::new();
        for native in request.native.iter().filter(|native| native.dialect == NAME) {
            if let Some((at, name)) = place(&native.name) {
                extras.entry(at).or_default().push((name, &native.value));
            }
        }
        let older = counts_tokens(&request.model);
        Self {
            host,
            names: names.collect(),
            extras,
            wants_signature: request.model.contains("gemini-") && !older,
            result_media: !older,
            first_call: true,
            behind: Vec::new(),
            losses,
            fault: None,
        }
    }

    pub(super) fn begin_turn(&mut self) {
        self.first_call = true;
    }

    pub(super) fn end_turn(&mut self, w: &mut Writer<'_>) {
        for medium in std::mem::take(&mut self.behind) {
            w.object(|w| self.media(w, medium));
        }
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// Writes `part`; `at`: which content, which part of it.
    pub(super) fn write(&mut self, w: &mut Writer<'_>, part: &'r Part, at: Option<(usize, usize)>) {
        let signed = |signature: &'r Option<String>| {
            signature.as_deref().and_then(|signature| signature::to_provider(NAME, signature))
        };
        match part {
            Part::Text(text) => w.object(|w| {
                w.member("text", &text.text);
                w.maybe("thoughtSignature", &signed(&text.signature));
                self.extra(w, at, "");
            }),
            Part::Refusal(text) => w.object(|w| w.member("text", text)),
            Part::Thinking(thinking) => {
                let signature = signed(&thinking.signature);
                if !thinking.text.is_empty() || signature.is_some() {
                    w.object(|w| {
                        w.member("text", &thinking.text);
                        w.member("thought", &true);
                        w.maybe("thoughtSignature", &signature);
                        self.extra(w, at, "");
                    });
                }
            }
            Part::Media(medium) => w.object(|w| {
                self.media(w, medium);
                self.extra(w, at, "");
            }),
            Part::ToolCall(call) => {
                let first = std::mem::take(&mut self.first_call);
                let unsigned = (first && self.wants_signature).then_some(UNSIGNED);
                w.object(|w| {
                    self.call(w, call, at);
                    w.maybe("thoughtSignature", &signed(&call.signature).or(unsigned));
                    self.extra(w, at, "");
                });
            }
            Part::ToolResult(result) => w.object(|w| {
                self.result(w, result, at);
                self.extra(w, at, "");
            }),
            Part::Native { dialect, value } if *dialect == NAME => w.value(value),
            Part::Native { .. } => {}
        }
    }

    fn extra(&self, w: &mut Writer<'_>, at: Option<(usize, usize)>, within: &str) {
        for (name, value) in at.and_then(|at| self.extras.get(&at)).into_iter().flatten() {
            if let Some(name) = name.strip_prefix(within)
                && !name.contains(['.', '['])
            {
                w.member(name, value);
            }
        }
    }

    /// The members of a part that is a medium.
    fn media(&mut self, w: &mut Writer<'_>, medium: &Media) {
        self.blob(w, medium);
        let level = match medium.detail.as_deref() {
            Some("low") => Some("MEDIA_RESOLUTION_LOW"),
            Some("high") => Some("MEDIA_RESOLUTION_HIGH"),
            _ => None,
        };
        if let Some(level) = level {
            w.name("mediaResolution").object(|w| w.member("level", level));
        }
    }

    fn blob(&mut self, w: &mut Writer<'_>, medium: &Media) {
        let mime = medium.mime.as_deref();
        let inline = |w: &mut Writer<'_>, mime: &str, data: &str| {
            w.name("inlineData").object(|w| {
                w.member("mimeType", mime);
                w.member("data", data);
                w.maybe("displayName", &medium.name);
            });
        };
        let uri = match &medium.origin {
            Origin::Data(data) => return inline(w, mime.unwrap_or(usual(medium.kind)), data),
            Origin::Text(text) => return inline(w, "text/plain", &STANDARD.encode(text)),
            Origin::Blocks(blocks) => return inline(w, "text/plain", &STANDARD.encode(blocks.join("\n\n"))),
            Origin::Url(url) => url.as_str(),
            Origin::File(id) if is_held(id) => id,
            Origin::File(id) => {
                let id: String = id.chars().take(64).collect();
                return self.fail(invalid(format!(
                    "this model's provider knows files by a URI as its file service gives it (`https://…/files/…`, `gs://…`), not by `{id}`"
                )));
            }
        };
        // The one host finds the type out, the other wants to be told.
        let mime =
            mime.or_else(|| (self.host == Host::Vertex).then(|| guess(uri).unwrap_or(usual(medium.kind))));
        w.name("fileData").object(|w| {
            w.maybe("mimeType", &mime);
            if uri.starts_with("files/") {
                w.member("fileUri", &format!("https://generativelanguage.googleapis.com/v1beta/{uri}"));
            } else {
                w.member("fileUri", uri);
            }
            w.maybe("displayName", &medium.name);
        });
    }

    fn call(&mut self, w: &mut Writer<'_>, call: &ToolCall, at: Option<(usize, usize)>) {
        w.name("functionCall").object(|w| {
            if !call.id.is_empty() {
                w.member("id", &call.id);
            }
            w.member("name", &call.name);
            match arguments(&call.arguments) {
                Some(object) => w.name("args").raw(object),
                None => {
                    self.losses.changed("arguments");
                    w.name("args").object(|w| w.member("arguments", &call.arguments));
                }
            }
            self.extra(w, at, "functionCall.");
        });
    }

    fn result(&mut self, w: &mut Writer<'_>, result: &'r ToolResult, at: Option<(usize, usize)>) {
        let name = result.name.as_deref().or_else(|| self.names.get(result.id.as_str()).copied());
        let Some(name) = name else {
            let id: String = result.id.chars().take(64).collect();
            self.fail(invalid(format!(
                "member `messages` has the result of a tool's call that is not there; send the message with the call before it, its id is `{id}`"
            )));
            return;
        };
        let (mut words, mut spoken) = (String::new(), false);
        let mut media = Vec::new();
        for part in &result.content {
            match part {
                Part::Text(text) => {
                    if std::mem::replace(&mut spoken, true) {
                        words.push('\n');
                    }
                    words.push_str(&text.text);
                }
                Part::Media(medium) => media.push(medium),
                _ => {}
            }
        }
        w.name("functionResponse").object(|w| {
            if !result.id.is_empty() {
                w.member("id", &result.id);
            }
            w.member("name", name);
            match response(&words) {
                Some(object) if !result.failed => w.name("response").raw(object),
                _ => w.name("response").object(|w| {
                    if spoken || result.failed {
                        w.member(if result.failed { "error" } else { "output" }, &words);
                    }
                }),
            }
            if self.result_media && !media.is_empty() {
                w.name("parts").array(|w| {
                    for medium in &media {
                        w.object(|w| self.blob(w, medium));
                    }
                });
            }
            self.extra(w, at, "functionResponse.");
        });
        if !self.result_media && !media.is_empty() {
            self.losses.changed("tool_result_media");
            self.behind.extend(media);
        }
    }
}

/// `contents[1].parts[0].videoMetadata`: where, and its name there.
fn place(name: &str) -> Option<((usize, usize), &str)> {
    let (content, rest) = name.strip_prefix("contents[")?.split_once("].parts[")?;
    let (part, name) = rest.split_once("].")?;
    Some(((content.parse().ok()?, part.parse().ok()?), name))
}

/// A tool's arguments, if they are what the API takes.
fn arguments(text: &str) -> Option<&str> {
    if text.trim().is_empty() {
        return Some("{}");
    }
    let node = tree::document(text.as_bytes()).ok()?;
    matches!(node.tree, Tree::Object(_)).then_some(node.raw)
}

/// A result that is an object already, and would not be taken for one that only wraps another.
fn response(words: &str) -> Option<&str> {
    if !words.trim_start().starts_with('{') {
        return None;
    }
    match tree::document(words.as_bytes()).ok()? {
        tree::Node { tree: Tree::Object(members), raw } => match &members[..] {
            [] => None,
            [(name, _)] if LABELS.contains(&name.as_ref()) => None,
            _ => Some(raw),
        },
        _ => None,
    }
}

/// What a medium commonly is.
fn usual(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image/jpeg",
        MediaKind::Audio => "audio/mpeg",
        MediaKind::Video => "video/mp4",
        MediaKind::Document => "application/pdf",
    }
}
