//! A request body and the few spans of it that we read and change; everything else passes byte for byte.
//!
//! What we read, the provider must read too, so a body is refused in which two parsers could find different values for
//! the members that matter here: names that are there twice, written with escapes, or equal but for case (some parsers,
//! Go's among them, fold it).

mod form;
mod members;
mod names;
mod options;
pub mod reach;

pub use members::{Members, Syntax};
pub use options::StreamOptions;
pub use reach::Reach;

use self::names::Names;
use self::options::Options;
use crate::dialect::openai::batch::Batch;
use crate::json::strict::{Cursor, Error};
use bytes::Bytes;
use portcullis_fault::{Fault, codes};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A request body that was checked. Shares the body's bytes: cheap to keep and to clone.
#[derive(Clone)]
pub struct Request {
    body: Bytes,
    model: Option<Model>,
    /// What stands before the model's name.
    prefix: &'static str,
    /// Where `model` can be put, where it may be missing and is.
    absent: Option<Absent>,
    stream: bool,
    options: Options,
    /// Whether the dialect has `stream_options` at all.
    has_options: bool,
    /// All of `stream_options`, with the comma that goes when it goes.
    options_member: Option<Range<usize>>,
    max_tokens: Option<u64>,
    text_bytes: u64,
    /// What `Content-Type` says, where it is a form.
    form: Option<Box<str>>,
    reaches: Reaches,
    /// The calls in a file of it, and where that begins.
    calls: Option<(usize, Arc<Batch>)>,
}

/// What it reaches for at its provider.
#[derive(Clone)]
enum Reaches {
    Found(Reach),
    /// Something may be in these members, to be read by these rules.
    Perhaps(Box<[Range<usize>]>, &'static reach::Rules),
}

#[derive(Clone)]
struct Model {
    /// With the quotes, where it is JSON.
    span: Range<usize>,
    /// Set when it is written with escapes.
    decoded: Option<Box<str>>,
}

/// The beginning of an object that has no `model`.
#[derive(Clone, Copy)]
struct Absent {
    at: usize,
    /// It has no other member either.
    alone: bool,
}

/// Bytes of a model's name, decoded; ours have at most 128.
const MAX_MODEL: usize = 256;

impl Request {
    /// Checks `body`, of this `Content-Type`, in the syntax that its operation has.
    pub fn read(body: &Bytes, content_type: &[u8], members: &Members) -> Result<Self, Fault> {
        match members.syntax {
            Syntax::Json => Self::scan(body, members),
            Syntax::FormOrJson if form::is_json(content_type) => Self::scan(body, members),
            Syntax::Form | Syntax::FormOrJson | Syntax::File => Self::scan_form(body, content_type, members),
        }
    }

    /// Checks `body` and finds its spans: those of the members that decide something in its dialect.
    ///
    /// `ai_request_invalid`: not one JSON object in UTF-8 without byte order mark, nested more than 100 deep, `model` is
    /// missing, empty or no string (where it is a member at all), `stream` or `stream_options` has the wrong type, or there is
    /// a member that would choose another model (`models`, `fallbacks`). `ai_request_ambiguous`: see the module.
    /// A `model` written with escapes is decoded (PHP writes `\/` by default).
    pub fn scan(body: &Bytes, members: &Members) -> Result<Self, Fault> {
        let mut cursor = Cursor::new(body).map_err(syntax)?;
        cursor.looking_for(members.reach.matters);
        let mut found = Found::default();
        if !cursor.take(b'{') {
            let what = if body.trim_ascii().is_empty() {
                "the body is empty; it must be a JSON object"
            } else {
                "the body must be a JSON object"
            };
            return Err(invalid(what));
        }
        let mut names = Names::new(body, members.either_case);
        let (mut options_member, mut reaching) = (None, Vec::new());
        let begin = cursor.at();
        let alone = cursor.take(b'}');
        if !alone {
            let mut before = None;
            loop {
                let name = cursor.name().map_err(syntax)?;
                names.add(&name, "")?;
                let known = &body[name.inside.clone()];
                match members.reads(known) {
                    Some(read) => read(&mut cursor, body, &mut found)?,
                    None if known == b"model" && !members.model_again => {
                        return Err(invalid(format!(
                            "member `model` could name another model than the path does, at byte {}; leave it out",
                            name.span().start
                        )));
                    }
                    None => cursor.value(1, &mut 0).map(|_| ()).map_err(syntax)?,
                }
                let end = cursor.at();
                if cursor.take_found() {
                    reaching.push(name.span().start..end);
                }
                let more = cursor.more().map_err(syntax)?;
                if members.stream_options && known == b"stream_options" {
                    // The comma before it goes with it; where it is the first member, the one behind it.
                    options_member = Some(match before {
                        Some(before) => before..end,
                        None => name.span().start..if more { cursor.at() } else { end },
                    });
                }
                if !more {
                    break;
                }
                before = Some(end);
            }
        }
        cursor.end().map_err(syntax)?;
        if members.model && !members.model_optional && found.model.is_none() {
            return Err(invalid("member `model` is missing; it names the model to use"));
        }
        let absent = (members.model && found.model.is_none()).then_some(Absent { at: begin, alone });
        Ok(Self {
            body: body.clone(),
            model: found.model,
            prefix: members.model_prefix,
            absent,
            stream: found.stream.unwrap_or(members.streams),
            options: found.options.unwrap_or(Options::Absent),
            has_options: members.stream_options,
            options_member,
            max_tokens: found.max_completion_tokens.or(found.max_tokens),
            text_bytes: found.text_bytes,
            form: None,
            reaches: if reaching.is_empty() {
                Reaches::Found(Reach::default())
            } else {
                Reaches::Perhaps(reaching.into(), members.reach)
            },
            calls: None,
        })
    }

    /// What it reaches for at its provider, beyond the model. Most requests for nothing, which was seen while the body was
    /// scanned; of the others, the members in which something may be are read once more.
    ///
    /// # Errors
    /// `ai_request_ambiguous`: an object has a member twice. `ai_request_invalid`: it reaches for too much at once.
    pub fn reach(&self) -> Result<Reach, Fault> {
        match &self.reaches {
            Reaches::Found(reach) => Ok(reach.clone()),
            Reaches::Perhaps(members, rules) => Reach::read(&self.body, members, rules),
        }
    }

    /// What the caller asked for, escapes decoded; empty where the path says it, and where it is not said.
    pub fn model(&self) -> &str {
        let written = self.written_model();
        written.strip_prefix(self.prefix).unwrap_or(written)
    }

    fn written_model(&self) -> &str {
        if let Some((_, calls)) = &self.calls {
            return calls.model();
        }
        match &self.model {
            Some(Model { decoded: Some(decoded), .. }) => decoded,
            Some(Model { span, .. }) if self.form.is_some() => {
                std::str::from_utf8(&self.body[span.clone()]).unwrap_or_default()
            }
            // The whole body was found to be UTF-8, and quotes are characters of their own.
            Some(Model { span, .. }) => {
                std::str::from_utf8(&self.body[span.start + 1..span.end - 1]).unwrap_or_default()
            }
            None => "",
        }
    }

    /// The calls that it asks to have made later, each to be judged like one of its own; they all ask the [`model`](Self::model).
    pub fn calls(&self) -> Option<&Batch> {
        self.calls.as_ref().map(|(_, calls)| &**calls)
    }

    /// Whether a stream is asked for.
    pub fn stream(&self) -> bool {
        self.stream
    }

    /// Whether the caller itself asked for usage in the stream.
    pub fn asked_for_usage(&self) -> bool {
        self.options.ask_for_usage()
    }

    /// `max_completion_tokens`, or `max_tokens`, where it is a whole number.
    pub fn max_tokens(&self) -> Option<u64> {
        self.max_tokens
    }

    /// Bytes of the strings in `messages`, `prompt` and `input`, inline images and audio aside: what an estimate of the
    /// input's tokens is made from.
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// The body as the caller sent it.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What is to be said in `Content-Type` of a body that is a form: its boundary, in the one reading that it has.
    pub fn form(&self) -> Option<&str> {
        self.form.as_deref()
    }

    /// The body for a deployment: its model's name instead of the caller's, and `stream_options` as the provider takes it.
    /// Every other byte is the caller's, and without a change so is the buffer.
    pub fn rewrite(&self, deployment_model: &str, options: StreamOptions) -> Bytes {
        if let Some((at, calls)) = &self.calls {
            return calls.rewrite_within(&self.body, *at, deployment_model);
        }
        let named = match self.prefix {
            // A name that says what it is (`tunedModels/…`) is whole.
            "" => Cow::Borrowed(deployment_model),
            _ if deployment_model.contains('/') => Cow::Borrowed(deployment_model),
            prefix => Cow::Owned(format!("{prefix}{deployment_model}")),
        };
        let deployment_model = &*named;
        let Some(Model { span: model_span, .. }) = &self.model else {
            return self
                .absent
                .map_or_else(|| self.body.clone(), |absent| absent.filled(&self.body, deployment_model));
        };
        let mut model = Vec::with_capacity(deployment_model.len() + options::LONGEST + 2);
        if self.form.is_some() {
            model.extend_from_slice(deployment_model.as_bytes());
        } else {
            // A string into memory: cannot fail.
            let _ = serde_json::to_writer(&mut model, deployment_model);
        }
        let model_stays = self.body[model_span.clone()] == model[..];
        let usage = match options {
            StreamOptions::Ask if self.has_options && self.stream && !self.asked_for_usage() => {
                self.options.edit(model_span.end)
            }
            StreamOptions::Remove => self.options_member.clone().map(|span| (span, &b""[..])),
            StreamOptions::Ask | StreamOptions::Keep => None,
        };
        let usage = match usage {
            None if model_stays => return self.body.clone(),
            // Behind the model there is room for a member whatever surrounds it.
            Some((at, text)) if at.is_empty() && at.start == model_span.end => {
                model.extend_from_slice(text);
                None
            }
            usage => usage,
        };
        let model = (model_span.clone(), &model[..]);
        let edits = match usage {
            None => [Some(model), None],
            Some((at, text)) if at.start < model.0.start => [Some((at, text)), Some(model)],
            Some(usage) => [Some(model), Some(usage)],
        };
        let added: usize = edits.iter().flatten().map(|(_, text)| text.len()).sum();
        let mut body = Vec::with_capacity(self.body.len() + added);
        let mut from = 0;
        for (span, text) in edits.into_iter().flatten() {
            body.extend_from_slice(&self.body[from..span.start]);
            body.extend_from_slice(text);
            from = span.end;
        }
        body.extend_from_slice(&self.body[from..]);
        body.into()
    }
}

impl Absent {
    /// `body` with the model in its place.
    fn filled(self, body: &Bytes, model: &str) -> Bytes {
        let mut filled = Vec::with_capacity(body.len() + model.len() + 16);
        filled.extend_from_slice(&body[..self.at]);
        filled.extend_from_slice(b"\"model\":");
        // A string into memory: cannot fail.
        let _ = serde_json::to_writer(&mut filled, model);
        if !self.alone {
            filled.push(b',');
        }
        filled.extend_from_slice(&body[self.at..]);
        filled.into()
    }
}

impl fmt::Debug for Request {
    /// Without the body: prompts do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("model", &self.model())
            .field("stream", &self.stream)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    model: Option<Model>,
    stream: Option<bool>,
    options: Option<Options>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    text_bytes: u64,
}

type Read = fn(&mut Cursor<'_>, &[u8], &mut Found) -> Result<(), Fault>;

impl Members {
    /// How a member of this name is read; `None` for one that decides nothing.
    fn reads(&self, name: &[u8]) -> Option<Read> {
        let is = |known: &str| known.as_bytes() == name;
        Some(match name {
            b"model" if self.model => model,
            b"stream" if self.stream => stream,
            b"stream_options" if self.stream_options => options::read,
            b"max_tokens" if self.max_tokens => max_tokens,
            b"max_completion_tokens" | b"max_output_tokens" if self.max_tokens => max_completion_tokens,
            _ if self.text.iter().any(|known| is(known)) => text,
            _ => return None,
        })
    }
}

fn stream(cursor: &mut Cursor<'_>, body: &[u8], found: &mut Found) -> Result<(), Fault> {
    let value = cursor.value(1, &mut 0).map_err(syntax)?;
    // `null` says nothing: the dialect's own rule holds.
    found.stream = match &body[value.clone()] {
        b"null" => None,
        _ => Some(boolean(body, &value).ok_or_else(|| typed("stream", "true or false", &value))?),
    };
    Ok(())
}

fn max_tokens(cursor: &mut Cursor<'_>, body: &[u8], found: &mut Found) -> Result<(), Fault> {
    found.max_tokens = number(body, &cursor.value(1, &mut 0).map_err(syntax)?);
    Ok(())
}

fn max_completion_tokens(cursor: &mut Cursor<'_>, body: &[u8], found: &mut Found) -> Result<(), Fault> {
    found.max_completion_tokens = number(body, &cursor.value(1, &mut 0).map_err(syntax)?);
    Ok(())
}

fn text(cursor: &mut Cursor<'_>, _: &[u8], found: &mut Found) -> Result<(), Fault> {
    cursor.value(1, &mut found.text_bytes).map(|_| ()).map_err(syntax)
}

fn model(cursor: &mut Cursor<'_>, body: &[u8], found: &mut Found) -> Result<(), Fault> {
    if cursor.peek() != Some(b'"') {
        let value = cursor.value(1, &mut 0).map_err(syntax)?;
        return Err(typed("model", "a string", &value));
    }
    let quoted = cursor.string().map_err(syntax)?;
    let span = quoted.span();
    let decoded = if quoted.escaped {
        // The grammar was checked just now, so this reads what is there.
        let text: String =
            serde_json::from_slice(&body[span.clone()]).map_err(|_| typed("model", "a string", &span))?;
        Some(text.into_boxed_str())
    } else {
        None
    };
    let len = decoded.as_ref().map_or(quoted.inside.len(), |text| text.len());
    if len == 0 || len > MAX_MODEL {
        return Err(typed("model", "a name of 1 to 256 bytes", &span));
    }
    found.model = Some(Model { span, decoded });
    Ok(())
}

/// `null` is false: the API says "defaults to null" of such members.
fn boolean(body: &[u8], value: &Range<usize>) -> Option<bool> {
    match &body[value.clone()] {
        b"true" => Some(true),
        b"false" | b"null" => Some(false),
        _ => None,
    }
}

fn number(body: &[u8], value: &Range<usize>) -> Option<u64> {
    std::str::from_utf8(&body[value.clone()]).ok()?.parse().ok()
}

fn syntax(error: Error) -> Fault {
    invalid(format!("the body is not valid JSON: {}, at byte {}", error.what, error.at))
}

fn typed(name: &str, wanted: &str, value: &Range<usize>) -> Fault {
    invalid(format!("member `{name}` must be {wanted}, at byte {}", value.start))
}

fn invalid(detail: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(codes::AI_REQUEST_INVALID).detail(detail)
}

fn ambiguous(detail: String) -> Fault {
    Fault::new(codes::AI_REQUEST_AMBIGUOUS).detail(detail)
}

#[cfg(test)]
mod tests;
