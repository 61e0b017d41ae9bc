//! A whole answer, and what answers and streams share.

use super::{GENERATED, NAME};
use crate::canon::{
    Answer, Choice, Logprob, Losses, Media, MediaKind, Origin, Part, Stop, Thinking, Tokens, ToolCall,
};
use crate::dialect::chat::{Asked, Unreadable};
use crate::json::write::Writer;
use portcullis_model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A whole answer, or one line of a stream.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wire {
    pub(super) model: Option<String>,
    pub(super) created_at: Option<String>,
    pub(super) message: Option<Message>,
    /// Of generate.
    pub(super) response: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) done: bool,
    pub(super) done_reason: Option<String>,
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
    pub(super) logprobs: Option<Vec<Token>>,
    pub(super) error: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) content: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) images: Option<Vec<String>>,
    pub(super) tool_calls: Option<Vec<Call>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Call {
    id: Option<String>,
    function: Function,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Function {
    name: String,
    arguments: Option<Map<String, Value>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Token {
    token: String,
    logprob: f64,
    top_logprobs: Option<Vec<Token>>,
}

impl Token {
    pub(super) fn into_canon(self) -> Logprob {
        let others = self.top_logprobs.unwrap_or_default();
        let top = others.into_iter().map(|other| (other.token, other.logprob)).collect();
        Logprob { token: self.token, logprob: self.logprob, top }
    }
}

impl Wire {
    pub(super) fn tokens(&self) -> Option<Tokens> {
        let output = self.eval_count?;
        // Absent where all of the prompt was in memory still.
        Some(Tokens { input: self.prompt_eval_count.unwrap_or(0), output, ..Tokens::default() })
    }

    /// What it says, whichever of the two calls it answers.
    pub(super) fn said(&mut self) -> Message {
        let mut message = self.message.take().unwrap_or_default();
        message.content = message.content.or_else(|| self.response.take()).filter(|text| !text.is_empty());
        message.thinking = message.thinking.or_else(|| self.thinking.take()).filter(|text| !text.is_empty());
        message
    }

    /// Seconds since 1970.
    pub(super) fn created(&self) -> Option<i64> {
        let time = Timestamp::parse_rfc3339(self.created_at.as_deref()?)?;
        Some(time.micros().div_euclid(1_000_000))
    }

    /// Differs from answer to answer of a conversation: the time of it, which is told to the nanosecond.
    pub(super) fn mark(&self) -> String {
        self.created_at.iter().flat_map(|time| time.chars()).filter(char::is_ascii_digit).take(24).collect()
    }
}

impl Call {
    pub(super) fn into_canon(self, mark: &str, number: usize) -> ToolCall {
        ToolCall {
            id: self.id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{mark}_{number}")),
            name: self.function.name,
            arguments: Value::Object(self.function.arguments.unwrap_or_default()).to_string(),
            ..ToolCall::default()
        }
    }
}

pub(super) fn image(data: String) -> Part {
    let mime = Some("image/png".to_owned());
    Part::Media(Media { kind: MediaKind::Image, mime, origin: Origin::Data(data), ..Media::default() })
}

/// Ollama has no word of its own for it, and any text may stand there: `stop` would make it an answer that is empty.
const FILTERED: &str = "content_filter";

/// `called`: there are calls, which have no word of their own here.
pub(super) fn stop(word: Option<&str>, called: bool) -> Stop {
    match word {
        _ if called => Stop::ToolCalls,
        None | Some("stop") => Stop::End,
        Some("length") => Stop::Length,
        Some(FILTERED) => Stop::Filtered,
        Some(other) => Stop::Other(other.to_owned()),
    }
}

pub(super) fn done_reason(stop: &Stop) -> &str {
    match stop {
        // Any text may stand there.
        Stop::Broken(word) => word,
        Stop::Length | Stop::ContextFull => "length",
        Stop::Filtered | Stop::Refused => FILTERED,
        _ => "stop",
    }
}

pub(super) fn read(body: &[u8]) -> Result<Answer, Unreadable> {
    let mut wire: Wire = serde_json::from_slice(body)
        .map_err(|error| Unreadable(format!("the answer is none of Ollama's: {error}")))?;
    if wire.error.is_some() {
        return Err(Unreadable("the answer is an error under a status of success".to_owned()));
    }
    if wire.message.is_none() && wire.response.is_none() {
        return Err(Unreadable("the answer has no `message`".to_owned()));
    }
    let (mark, message) = (wire.mark(), wire.said());
    let mut parts = Vec::new();
    parts.extend(message.thinking.map(|text| Part::Thinking(Thinking { text, ..Thinking::default() })));
    parts.extend(message.content.map(Part::text));
    parts.extend(message.images.into_iter().flatten().map(image));
    let calls = message.tool_calls.unwrap_or_default().into_iter().enumerate();
    let calls: Vec<_> = calls.map(|(number, call)| Part::ToolCall(call.into_canon(&mark, number))).collect();
    let stop = stop(wire.done_reason.as_deref(), !calls.is_empty());
    parts.extend(calls);
    Ok(Answer {
        model: wire.model.clone().unwrap_or_default(),
        created: wire.created(),
        usage: wire.tokens(),
        choices: vec![Choice {
            index: 0,
            parts,
            stop,
            stop_sequence: None,
            logprobs: wire.logprobs.into_iter().flatten().map(Token::into_canon).collect(),
        }],
        ..Answer::default()
    })
}

/// What every line begins with.
pub(super) fn head(w: &mut Writer<'_>, model: &str, created: Option<i64>, asked: &Asked) {
    w.member("model", if model.is_empty() { asked.request.model.as_str() } else { model });
    let seconds = created.unwrap_or(asked.now);
    w.member("created_at", &Timestamp::from_micros(seconds.saturating_mul(1_000_000)).rfc3339());
}

/// What the last line ends with.
pub(super) fn tail(w: &mut Writer<'_>, stop: &Stop, usage: Option<&Tokens>) {
    w.member("done", &true);
    w.member("done_reason", done_reason(stop));
    if let Some(tokens) = usage {
        w.member("prompt_eval_count", &tokens.input);
        w.member("eval_count", &tokens.output);
    }
}

pub(super) fn logprobs(w: &mut Writer<'_>, logprobs: &[Logprob]) {
    let token = |w: &mut Writer<'_>, token: &str, logprob: f64| {
        w.member("token", token);
        w.member("logprob", &logprob);
        w.member("bytes", token.as_bytes());
    };
    w.name("logprobs").array(|w| {
        for logprob in logprobs {
            w.object(|w| {
                token(w, &logprob.token, logprob.logprob);
                w.name("top_logprobs").array(|w| {
                    for (other, likely) in &logprob.top {
                        w.object(|w| token(w, other, *likely));
                    }
                });
            });
        }
    });
}

/// Whether the caller asked generate.
pub(super) fn generated(asked: &Asked) -> bool {
    asked.request.native.iter().any(|native| native.dialect == NAME && native.name == GENERATED)
}

pub(super) fn write(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let (mut text, mut thoughts) = (String::new(), String::new());
    let (mut images, mut calls) = (Vec::new(), Vec::new());
    for part in &choice.parts {
        match part {
            Part::Text(part) => text.push_str(&part.text),
            Part::Refusal(part) => text.push_str(part),
            Part::Thinking(part) => thoughts.push_str(&part.text),
            Part::ToolCall(call) => calls.push(call),
            Part::Media(Media { kind: MediaKind::Image, origin: Origin::Data(data), .. }) => {
                images.push(data)
            }
            Part::Media(_) | Part::ToolResult(_) | Part::Native { .. } => {}
        }
    }
    let mut body = Vec::with_capacity(512);
    Writer::new(&mut body).object(|w| {
        head(w, &answer.model, answer.created, asked);
        if generated(asked) {
            w.member("response", &text);
            if !thoughts.is_empty() {
                w.member("thinking", &thoughts);
            }
        } else {
            w.name("message").object(|w| {
                w.member("role", "assistant");
                w.member("content", &text);
                if !thoughts.is_empty() {
                    w.member("thinking", &thoughts);
                }
                if !images.is_empty() {
                    w.member("images", &images);
                }
                if !calls.is_empty() {
                    // An answer says in no header what it lost.
                    let mut losses = Losses::default();
                    w.name("tool_calls")
                        .array(|w| calls.iter().for_each(|call| super::write::call(w, call, &mut losses)));
                }
            });
        }
        if !choice.logprobs.is_empty() {
            logprobs(w, &choice.logprobs);
        }
        tail(w, &choice.stop, answer.usage.as_ref());
    });
    body
}
