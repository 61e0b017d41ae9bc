//! Blocks, as Bedrock takes and gives them.

use super::super::{NAME, formats};
use crate::canon::signature;
use crate::canon::{
    Cache, Citation, Losses, Media, MediaKind, Origin, Part, Place, Text, Thinking, ToolCall, ToolResult,
    fields,
};
use crate::json::tree;
use crate::json::write::Writer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_fault::{Fault, codes};
use std::borrow::Cow;
use std::collections::HashSet;

/// Whether there is a block for it in a request; `losses` hears of what has none.
pub(super) fn can_say(part: &Part, losses: &mut Losses) -> bool {
    match part {
        // Refused by Bedrock, and nothing is said by them.
        Part::Text(text) => !text.text.trim().is_empty(),
        Part::Refusal(text) => !text.trim().is_empty(),
        Part::Thinking(thinking) => {
            let own = |text: &Option<String>| {
                text.as_deref().is_some_and(|text| signature::to_provider(NAME, text).is_some())
            };
            // Claude takes no thoughts back that it did not sign.
            let signed = own(&thinking.signature) || own(&thinking.redacted);
            if !signed {
                losses.dropped(fields::THINKING);
            }
            signed
        }
        Part::Native { dialect, .. } => {
            if *dialect != NAME {
                losses.dropped(fields::NATIVE);
            }
            *dialect == NAME
        }
        Part::Media(_) | Part::ToolCall(_) | Part::ToolResult(_) => true,
    }
}

/// Names of documents: every one has to have one, and they are each another's.
#[derive(Debug, Default)]
pub(in super::super) struct Names {
    taken: HashSet<String>,
    /// Names so far that were another's.
    again: usize,
}

impl Names {
    /// Letters, digits, single spaces, hyphens, parentheses and brackets are allowed, at most 200 of them.
    fn next(&mut self, name: Option<&str>) -> String {
        let mut plain = String::new();
        for c in name.unwrap_or("document").chars().take(190) {
            let c = match c {
                ' ' | '\t' | '\n' => ' ',
                c if c.is_ascii_alphanumeric() || "-()[]".contains(c) => c,
                _ => '-',
            };
            if !(c == ' ' && (plain.is_empty() || plain.ends_with(' '))) {
                plain.push(c);
            }
        }
        let plain = plain.trim_end();
        let plain = if plain.is_empty() { "document" } else { plain };
        let mut unique = plain.to_owned();
        while !self.taken.insert(unique.clone()) {
            self.again += 1;
            unique = format!("{plain} {}", self.again + 1);
        }
        unique
    }
}

/// Writes a part as a block, and its cache marker as another one. `ai_request_invalid` for a medium that cannot be
/// written.
pub(in super::super) fn block(
    w: &mut Writer<'_>,
    part: &Part,
    names: &mut Names,
    losses: &mut Losses,
) -> Result<(), Fault> {
    let cache = match part {
        Part::Text(text) => {
            w.object(|w| words(w, text));
            &text.cache
        }
        Part::Refusal(text) => {
            w.object(|w| w.member("text", text));
            &None
        }
        Part::Media(media) => {
            medium(w, media, names)?;
            &media.cache
        }
        Part::Thinking(thinking) => {
            thoughts(w, thinking);
            &None
        }
        Part::ToolCall(call) => {
            w.object(|w| tool_use(w, call, losses));
            &call.cache
        }
        Part::ToolResult(result) => {
            tool_result(w, result, names, losses)?;
            &result.cache
        }
        Part::Native { dialect, value } => {
            if *dialect == NAME {
                w.value(value);
            }
            &None
        }
    };
    if let Some(cache) = cache {
        cache_point(w, cache);
    }
    Ok(())
}

/// A marker behind what was written.
pub(super) fn cache_point(w: &mut Writer<'_>, cache: &Cache) {
    w.object(|w| {
        w.name("cachePoint").object(|w| {
            w.member("type", "default");
            w.maybe("ttl", &cache.short_or_long());
        });
    });
}

fn words(w: &mut Writer<'_>, text: &Text) {
    if text.citations.is_empty() {
        w.member("text", &text.text);
        return;
    }
    w.name("citationsContent").object(|w| {
        w.name("content").array(|w| w.object(|w| w.member("text", &text.text)));
        w.name("citations").array(|w| {
            for one in &text.citations {
                w.object(|w| citation(w, one));
            }
        });
    });
}

/// The members of a citation.
pub(in super::super) fn citation(w: &mut Writer<'_>, citation: &Citation) {
    w.maybe("title", &citation.title);
    if let Some(quote) = &citation.quote {
        w.name("sourceContent").array(|w| w.object(|w| w.member("text", quote)));
    }
    let (kind, index, range) = match (&citation.url, citation.document, citation.place) {
        (Some(url), Some(index), Some(Place::Blocks(start, end))) => {
            w.member("source", url);
            ("searchResultLocation", index, Some((start, end)))
        }
        (Some(url), ..) => {
            w.name("location").object(|w| w.name("web").object(|w| w.member("url", url)));
            return;
        }
        (None, None, _) => return,
        (None, Some(index), None) => ("documentChunk", index, None),
        (None, Some(index), Some(Place::Characters(start, end))) => {
            ("documentChar", index, Some((start, end)))
        }
        (None, Some(index), Some(Place::Pages(start, end))) => ("documentPage", index, Some((start, end))),
        (None, Some(index), Some(Place::Blocks(start, end))) => ("documentChunk", index, Some((start, end))),
    };
    let which = if kind == "searchResultLocation" { "searchResultIndex" } else { "documentIndex" };
    w.name("location").object(|w| {
        w.name(kind).object(|w| {
            w.member(which, &index);
            if let Some((start, end)) = range {
                w.member("start", &start);
                w.member("end", &end);
            }
        });
    });
}

/// A search result: a document with a source. False: it is none.
fn found(w: &mut Writer<'_>, media: &Media) -> bool {
    let Some(source) = &media.source else { return false };
    let blocks = match &media.origin {
        Origin::Blocks(blocks) => blocks.as_slice(),
        Origin::Text(text) => std::slice::from_ref(text),
        Origin::Data(_) | Origin::Url(_) | Origin::File(_) => return false,
    };
    w.object(|w| {
        w.name("searchResult").object(|w| {
            w.member("source", source);
            w.member("title", media.name.as_deref().unwrap_or(source));
            w.name("content").array(|w| pieces(w, blocks));
            cite(w, media);
        });
    });
    true
}

fn pieces(w: &mut Writer<'_>, blocks: &[String]) {
    for text in blocks {
        w.object(|w| w.member("text", text));
    }
}

fn cite(w: &mut Writer<'_>, media: &Media) {
    if let Some(enabled) = media.cite {
        w.name("citations").object(|w| w.member("enabled", &enabled));
    }
}

fn medium(w: &mut Writer<'_>, media: &Media, names: &mut Names) -> Result<(), Fault> {
    if found(w, media) {
        return Ok(());
    }
    let refuse = |why: String| Err(Fault::new(codes::AI_REQUEST_INVALID).detail(why));
    let kind = formats::member(media.kind);
    let mime = match (&media.mime, &media.origin) {
        (Some(mime), _) => mime.as_str(),
        (None, Origin::Text(_) | Origin::Blocks(_)) => "text/plain",
        (None, _) => "",
    };
    let word = match formats::word(media.kind, mime) {
        Some(word) => word,
        // Source code and the like is text, too.
        None if media.kind == MediaKind::Document && mime.starts_with("text/") => "txt",
        None => {
            let shown: String = mime.chars().take(64).collect();
            return refuse(format!(
                "this model takes {kind}s as {}, and none of type `{shown}`",
                formats::words(media.kind)
            ));
        }
    };
    if matches!(media.origin, Origin::Url(_) | Origin::File(_)) {
        return refuse(format!("this model takes {kind}s as data only, not by URL or file id"));
    }
    w.object(|w| {
        w.name(kind).object(|w| {
            w.member("format", word);
            if media.kind == MediaKind::Document {
                w.member("name", &names.next(media.name.as_deref()));
            }
            w.name("source").object(|w| match &media.origin {
                Origin::Data(data) => w.member("bytes", data),
                Origin::Text(text) if media.kind == MediaKind::Document => w.member("text", text),
                Origin::Text(text) => w.member("bytes", &STANDARD.encode(text)),
                Origin::Blocks(blocks) if media.kind == MediaKind::Document => {
                    w.name("content").array(|w| pieces(w, blocks));
                }
                Origin::Blocks(blocks) => w.member("bytes", &STANDARD.encode(blocks.concat())),
                // Refused above.
                Origin::Url(_) | Origin::File(_) => {}
            });
            if media.kind == MediaKind::Document {
                w.maybe("context", &media.context);
                cite(w, media);
            }
        });
    });
    Ok(())
}

fn thoughts(w: &mut Writer<'_>, thinking: &Thinking) {
    w.object(|w| {
        w.name("reasoningContent").object(|w| match thinking.redacted.as_deref() {
            Some(redacted) => w.member("redactedContent", &blob(redacted)),
            None => w.name("reasoningText").object(|w| {
                w.member("text", &thinking.text);
                if let Some(text) = thinking.signature.as_deref() {
                    w.member("signature", signature::to_caller(NAME, text));
                }
            }),
        });
    });
}

/// Encrypted thoughts as the base64 that a blob is in JSON: Bedrock's own are that; another's are packed.
pub(in super::super) fn blob(redacted: &str) -> Cow<'_, str> {
    match signature::to_provider(NAME, redacted) {
        Some(own) => Cow::Borrowed(own),
        None => Cow::Owned(STANDARD.encode(redacted)),
    }
}

fn tool_use(w: &mut Writer<'_>, call: &ToolCall, losses: &mut Losses) {
    w.name("toolUse").object(|w| {
        w.member("toolUseId", &id(&call.id));
        w.member("name", &tool_name(&call.name));
        w.name("input");
        match tree::document(call.arguments.as_bytes()) {
            Ok(node) if matches!(node.tree, tree::Tree::Object(_)) => w.raw(node.raw),
            _ if call.arguments.trim().is_empty() => w.object(|_| {}),
            _ => {
                // Models write arguments that are no JSON; Bedrock takes nothing else.
                losses.changed("arguments=wrapped");
                w.object(|w| w.member("arguments", &call.arguments));
            }
        }
    });
}

fn tool_result(
    w: &mut Writer<'_>,
    result: &ToolResult,
    names: &mut Names,
    losses: &mut Losses,
) -> Result<(), Fault> {
    let mut refused = Ok(());
    w.object(|w| {
        w.name("toolResult").object(|w| {
            w.member("toolUseId", &id(&result.id));
            w.name("content").array(|w| {
                let mut empty = true;
                for part in result.content.iter().filter(|part| can_say(part, losses)).collect::<Vec<_>>() {
                    if let Part::Thinking(_) | Part::ToolCall(_) | Part::ToolResult(_) = part {
                        continue;
                    }
                    empty = false;
                    refused = std::mem::replace(&mut refused, Ok(())).and_then(|()| match part {
                        // Neither citations nor markers have a place in here.
                        Part::Text(text) => {
                            w.object(|w| w.member("text", &text.text));
                            Ok(())
                        }
                        part => block(w, part, names, losses),
                    });
                }
                if empty {
                    w.object(|w| w.name("json").object(|_| {}));
                }
            });
            if result.failed {
                w.member("status", "error");
            }
        });
    });
    refused
}

/// An id of at most 64 letters, digits, `_`, `.`, `:` and `-`; others are changed, the same always in the same way.
pub(in super::super) fn id(id: &str) -> Cow<'_, str> {
    plain(id, |c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b':' | b'-'))
}

/// A tool's name of at most 64 letters, digits, `_` and `-`.
pub(in super::super) fn tool_name(name: &str) -> Cow<'_, str> {
    plain(name, |c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'))
}

fn plain(text: &str, allowed: fn(u8) -> bool) -> Cow<'_, str> {
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        return Cow::Borrowed(text);
    }
    // FNV-1a: no secret, only another one for another text.
    let sum = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let kept: String = text.bytes().filter(|byte| allowed(*byte)).take(47).map(char::from).collect();
    Cow::Owned(format!("{kept}-{sum:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_apart_and_together() {
        assert_eq!(id("call_1"), "call_1");
        assert_eq!(id("call|a"), id("call|a"));
        assert_ne!(id("call|a"), id("calla"));
        assert_ne!(id("call|a"), id("call/a"));
        for odd in ["", "é", &"x".repeat(65), "a b"] {
            let plain = id(odd).into_owned();
            assert!((1..=64).contains(&plain.len()) && id(&plain) == plain, "{plain}");
        }
    }

    #[test]
    fn documents_have_names_of_their_own() {
        let mut names = Names::default();
        assert_eq!(names.next(None), "document");
        assert_eq!(names.next(None), "document 2");
        assert_eq!(names.next(Some(" bill_2024.pdf  (é) ")), "bill-2024-pdf (-)");
        assert_eq!(names.next(Some("  ")), "document 3");
        assert!(names.next(Some(&"x".repeat(500))).len() <= 200);
    }
}
