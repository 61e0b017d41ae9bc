//! Blocks of messages.

use super::super::{NAME, citation};
use super::turns::{self, Turn};
use super::untold;
use crate::canon::{
    Cache, Losses, Media, MediaKind, Origin, Part, Text, Thinking, ToolCall, ToolResult, fields, signature,
};
use crate::json::write::Writer;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis_fault::Fault;
use std::borrow::Cow;

/// Writes one turn; a turn of one plain text as that text.
pub(super) fn turn(turn: &Turn<'_>, w: &mut Writer<'_>, losses: &mut Losses) -> Result<(), Fault> {
    let mut failed = Ok(());
    w.object(|w| {
        w.member("role", if turn.assistant { "assistant" } else { "user" });
        w.name("content");
        if let [Part::Text(text)] = turn.parts[..]
            && is_plain(text)
        {
            return w.value(words(text, turn.prefill));
        }
        w.array(|w| {
            let last = turn.parts.len() - 1;
            for (index, part) in turn.parts.iter().enumerate() {
                let written = block(part, turn.prefill && index == last, w, losses);
                if failed.is_ok() {
                    failed = written;
                }
            }
        });
    });
    failed
}

fn words(text: &Text, prefill: bool) -> &str {
    if prefill { text.text.trim_end() } else { &text.text }
}

fn is_plain(text: &Text) -> bool {
    text.citations.is_empty() && text.cache.is_none()
}

/// Whether it is a text in which there is nothing to see.
pub(super) fn is_blank(part: &Part) -> bool {
    match part {
        Part::Text(Text { text, .. }) | Part::Refusal(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// Whether thoughts are this vendor's: others' it refuses.
pub(super) fn is_signed(thinking: &Thinking) -> bool {
    let own = |text: &Option<String>| {
        text.as_deref().is_some_and(|text| signature::to_provider(NAME, text).is_some())
    };
    own(&thinking.signature) || own(&thinking.redacted)
}

/// Writes an instruction: words, and nothing else.
pub(super) fn text_only(part: &Part, w: &mut Writer<'_>) {
    if let Part::Text(said) = part {
        w.object(|w| {
            w.member("type", "text");
            w.member("text", &said.text);
            cache(&said.cache, w);
        });
    }
}

/// `cache_control`.
pub(super) fn cache(cache: &Option<Cache>, w: &mut Writer<'_>) {
    if let Some(cache) = cache {
        w.name("cache_control").object(|w| {
            w.member("type", "ephemeral");
            w.maybe("ttl", &cache.short_or_long());
        });
    }
}

fn block(part: &Part, prefill: bool, w: &mut Writer<'_>, losses: &mut Losses) -> Result<(), Fault> {
    match part {
        Part::Text(said) => text(said, prefill, w, losses),
        Part::Refusal(said) => w.object(|w| {
            w.member("type", "text");
            w.member("text", turns::silence(part).unwrap_or(said));
        }),
        Part::Media(said) => return media(said, w),
        Part::Thinking(said) => thinking(said, w),
        Part::ToolCall(call) => tool_use(call, w, losses),
        Part::ToolResult(result) => return tool_result(result, w, losses),
        Part::Native { dialect, value } if *dialect == NAME => w.value(value),
        // Taken out by the table of fields before.
        Part::Native { .. } => {}
    }
    Ok(())
}

fn text(said: &Text, prefill: bool, w: &mut Writer<'_>, losses: &mut Losses) {
    let told = said.citations.iter().filter(|one| citation::is_whole(one)).count();
    if told < said.citations.len() {
        losses.dropped(fields::CITATIONS);
    }
    w.object(|w| {
        w.member("type", "text");
        w.member("text", words(said, prefill));
        if told > 0 {
            w.name("citations").array(|w| {
                for one in said.citations.iter().filter(|one| citation::is_whole(one)) {
                    citation::write(w, one, true);
                }
            });
        }
        cache(&said.cache, w);
    });
}

fn thinking(said: &Thinking, w: &mut Writer<'_>) {
    let own = |text: &Option<String>| {
        text.as_deref().and_then(|text| signature::to_provider(NAME, text)).map(str::to_owned)
    };
    if let Some(data) = own(&said.redacted) {
        w.object(|w| {
            w.member("type", "redacted_thinking");
            w.member("data", &data);
        });
    }
    if let Some(signature) = own(&said.signature) {
        w.object(|w| {
            w.member("type", "thinking");
            w.member("thinking", &said.text);
            w.member("signature", &signature);
        });
    }
}

fn tool_use(call: &ToolCall, w: &mut Writer<'_>, losses: &mut Losses) {
    w.object(|w| {
        w.member("type", "tool_use");
        w.member("id", &*tool_id(&call.id));
        w.member("name", &call.name);
        w.name("input");
        if !input(&call.arguments, w) {
            losses.changed("tool_calls.arguments as an object");
        }
        cache(&call.cache, w);
    });
}

/// Writes arguments, which are an object here; `false` where what the model wrote is none, and was put into one under the
/// name that the vendor advises for it.
pub(in crate::dialect::anthropic) fn input(arguments: &str, w: &mut Writer<'_>) -> bool {
    let text = arguments.trim();
    if text.is_empty() {
        w.raw("{}");
        return true;
    }
    if text.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        w.raw(text);
        return true;
    }
    w.object(|w| w.member("INVALID_JSON", arguments));
    false
}

/// The API takes ids of letters, digits, `_` and `-`; some vendors make others. Such an id is spelled in these, the same in
/// call and result, and no two alike.
fn tool_id(id: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !id.is_empty() && id.bytes().all(plain) {
        return Cow::Borrowed(id);
    }
    let mut spelled = String::from("x_");
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() {
            spelled.push(char::from(byte));
        } else {
            spelled.push_str(&format!("-{byte:02x}"));
        }
    }
    Cow::Owned(spelled)
}

fn tool_result(result: &ToolResult, w: &mut Writer<'_>, losses: &mut Losses) -> Result<(), Fault> {
    let mut failed = Ok(());
    w.object(|w| {
        w.member("type", "tool_result");
        w.member("tool_use_id", &*tool_id(&result.id));
        match &result.content[..] {
            [] => {}
            [Part::Text(text)] if is_plain(text) => w.member("content", &text.text),
            content => w.name("content").array(|w| {
                for part in content.iter().filter(|part| !is_blank(part)) {
                    let allowed = matches!(part, Part::Text(_) | Part::Media(_) | Part::Native { .. });
                    let written = if allowed {
                        block(part, false, w, losses)
                    } else {
                        Err(untold("a part of a tool's result that is neither text nor a medium"))
                    };
                    if failed.is_ok() {
                        failed = written;
                    }
                }
            }),
        }
        if result.failed {
            w.member("is_error", &true);
        }
        cache(&result.cache, w);
    });
    failed
}

fn media(media: &Media, w: &mut Writer<'_>) -> Result<(), Fault> {
    match media.kind {
        MediaKind::Image => image(media, w),
        MediaKind::Document => document(media, w),
        MediaKind::Audio => Err(untold("sound")),
        MediaKind::Video => Err(untold("a video")),
    }
}

fn image(media: &Media, w: &mut Writer<'_>) -> Result<(), Fault> {
    if matches!(media.origin, Origin::Text(_) | Origin::Blocks(_)) {
        return Err(untold("an image that is text"));
    }
    w.object(|w| {
        w.member("type", "image");
        w.name("source").object(|w| match &media.origin {
            Origin::Data(data) => {
                let mime = match media.mime.as_deref() {
                    None | Some("image/jpg") => "image/jpeg",
                    Some(mime) => mime,
                };
                base64(mime, data, w);
            }
            other => elsewhere(other, w),
        });
        cache(&media.cache, w);
    });
    Ok(())
}

fn document(media: &Media, w: &mut Writer<'_>) -> Result<(), Fault> {
    let text = match (&media.origin, media.mime.as_deref()) {
        (Origin::Text(text), _) => Some(Cow::Borrowed(text.as_str())),
        (Origin::Data(data), Some(mime)) if mime.starts_with("text/") => {
            let bytes = STANDARD.decode(data).map_err(|_| untold("a text document that is not base64"))?;
            let text = String::from_utf8(bytes).map_err(|_| untold("a text document that is not UTF-8"))?;
            Some(Cow::Owned(text))
        }
        (Origin::Data(_), Some(mime)) if mime != "application/pdf" => {
            let mime: String = mime.chars().take(64).collect();
            return Err(untold(&format!("a document of type `{mime}`")));
        }
        _ => None,
    };
    let pieces = |blocks: &[String], w: &mut Writer<'_>| {
        w.name("content").array(|w| {
            for block in blocks {
                w.object(|w| {
                    w.member("type", "text");
                    w.member("text", block);
                });
            }
        });
    };
    let about = |w: &mut Writer<'_>| {
        if let Some(cite) = media.cite {
            w.name("citations").object(|w| w.member("enabled", &cite));
        }
        cache(&media.cache, w);
    };
    w.object(|w| match (&media.source, &media.origin) {
        (Some(source), Origin::Blocks(blocks)) => {
            w.member("type", "search_result");
            w.member("source", source);
            w.member("title", media.name.as_deref().unwrap_or(source));
            pieces(blocks, w);
            about(w);
        }
        (_, origin) => {
            w.member("type", "document");
            w.name("source").object(|w| match (&text, origin) {
                (Some(text), _) => {
                    w.member("type", "text");
                    w.member("media_type", "text/plain");
                    w.member("data", &**text);
                }
                (None, Origin::Data(data)) => base64("application/pdf", data, w),
                (None, Origin::Blocks(blocks)) => {
                    w.member("type", "content");
                    pieces(blocks, w);
                }
                (None, other) => elsewhere(other, w),
            });
            w.maybe("title", &media.name);
            w.maybe("context", &media.context);
            about(w);
        }
    });
    Ok(())
}

fn base64(mime: &str, data: &str, w: &mut Writer<'_>) {
    w.member("type", "base64");
    w.member("media_type", mime);
    w.member("data", data);
}

/// A source whose bytes are not here.
fn elsewhere(origin: &Origin, w: &mut Writer<'_>) {
    match origin {
        Origin::Url(url) => {
            w.member("type", "url");
            w.member("url", url);
        }
        Origin::File(id) => {
            w.member("type", "file");
            w.member("file_id", id);
        }
        // Said by those who call.
        Origin::Data(_) | Origin::Text(_) | Origin::Blocks(_) => {}
    }
}
