//! What the echo provider says, and how it is wrapped.

use super::ask::{Ask, Function};
use super::fill::fill;
use super::{Failure, words};
use portcullis_model::Usage;
use serde_json::{Value, json};

/// One choice of an answer.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Text { text: String, whole: bool },
    Call { name: String, arguments: String },
}

impl Reply {
    pub(super) fn finish_reason(&self) -> &'static str {
        match self {
            Self::Text { whole: true, .. } => "stop",
            Self::Text { whole: false, .. } => "length",
            Self::Call { .. } => "tool_calls",
        }
    }

    fn words(&self) -> u64 {
        match self {
            Self::Text { text, .. } => words(text),
            Self::Call { arguments, .. } => words(arguments).max(1),
        }
    }
}

/// Replies to a chat: `n` times the same, 8 at most.
pub(super) fn to_messages(ask: &Ask) -> Result<Vec<Reply>, Failure> {
    let Some(last) = ask.messages.iter().flatten().next_back() else {
        return Err(Failure::invalid(
            "`messages` must hold at least one message".to_owned(),
            Some("messages"),
        ));
    };
    let user = ask.last_user_text(true);
    let reply = match wanted_function(ask, last.role == "user", &user)? {
        Some(function) => {
            let schema: Value = function
                .parameters
                .as_ref()
                .and_then(|raw| serde_json::from_str(raw.get()).ok())
                .unwrap_or(Value::Null);
            let arguments = fill(&schema, &user);
            Reply::Call {
                name: function.name.clone(),
                arguments: if arguments.is_object() { arguments } else { json!({}) }.to_string(),
            }
        }
        None => {
            let format = ask.response_format.as_ref();
            let text = match format.and_then(|format| format.kind.as_deref()) {
                Some("json_schema") => {
                    let schema = format
                        .and_then(|format| format.json_schema.as_ref()?.schema.clone())
                        .unwrap_or_default();
                    fill(&schema, &user).to_string()
                }
                Some("json_object") => json!({ "echo": user }).to_string(),
                _ if last.role == "tool" => format!("The tool said: {}", last.text()),
                _ => format!("You said: {user}"),
            };
            said(&text, ask.word_limit())
        }
    };
    Ok(vec![reply; ask.n.unwrap_or(1).clamp(1, 8)])
}

/// Replies to legacy prompts, one each.
pub(super) fn to_prompts(ask: &Ask) -> Result<Vec<Reply>, Failure> {
    let texts = ask.prompt.as_ref().map(|prompt| prompt.texts()).unwrap_or_default();
    if texts.is_empty() || texts.len() > 128 {
        return Err(Failure::invalid("`prompt` must hold 1 to 128 prompts".to_owned(), Some("prompt")));
    }
    Ok(texts.iter().map(|text| said(&format!("You said: {text}"), ask.word_limit())).collect())
}

/// The function that is to be called, if one is.
fn wanted_function<'a>(ask: &'a Ask, users_turn: bool, user: &str) -> Result<Option<&'a Function>, Failure> {
    let mut functions = ask.tools.iter().flatten().filter_map(|tool| tool.function.as_ref());
    let choice = ask.tool_choice.as_ref().unwrap_or(&Value::Null);
    if let Some(name) = choice["function"]["name"].as_str() {
        let wrong = || {
            Failure::invalid(
                format!("`tool_choice` names a function that is not in `tools`: `{name}`"),
                Some("tool_choice"),
            )
        };
        return functions.find(|function| function.name == name).map(Some).ok_or_else(wrong);
    }
    Ok(match choice.as_str() {
        Some("none") => None,
        Some("required") => functions.next(),
        _ if users_turn && user.to_lowercase().contains("use the tool") => functions.next(),
        _ => None,
    })
}

/// `text`, cut after `limit` words.
fn said(text: &str, limit: u64) -> Reply {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let end = pieces(text).take(limit).map(str::len).sum();
    Reply::Text { text: text[..end].to_owned(), whole: end == text.len() }
}

/// The words of `text`, each with the white space behind it; together they are `text` again.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let word = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        let space = rest[word..].find(char::is_whitespace).map_or(rest.len(), |at| word + at);
        let end = rest[space..].find(|c: char| !c.is_whitespace()).map_or(rest.len(), |at| space + at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Words asked and words answered.
pub(super) fn usage(ask: &Ask, replies: &[Reply]) -> Usage {
    let messages = ask.messages.iter().flatten().map(|message| words(&message.text()));
    let prompts = ask.prompt.iter().flat_map(|prompt| prompt.texts()).map(|text| words(&text));
    Usage {
        input_tokens: messages.chain(prompts).sum(),
        output_tokens: replies.iter().map(Reply::words).sum(),
        ..Usage::default()
    }
}

/// What surrounds the choices.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) chat: bool,
    pub(super) created: i64,
    pub(super) model: String,
    /// What ids are made from.
    pub(super) seed: u64,
}

impl Envelope {
    pub(super) fn id(&self) -> String {
        format!("{}-echo{:016x}", if self.chat { "chatcmpl" } else { "cmpl" }, self.seed)
    }

    pub(super) fn call_id(&self) -> String {
        format!("call_echo{:016x}", self.seed)
    }

    /// An answer that is not a stream. Written out, so that members stand in the order that people know.
    pub(super) fn whole(&self, replies: &[Reply], usage: Usage) -> String {
        let choices: Vec<_> =
            replies.iter().enumerate().map(|(index, reply)| self.choice(index, reply)).collect();
        let (id, object, created) =
            (self.id(), if self.chat { "chat.completion" } else { "text_completion" }, self.created);
        let (model, choices, usage) = (quoted(&self.model), choices.join(","), usage_json(usage));
        format!(
            r#"{{"id":"{id}","object":"{object}","created":{created},"model":{model},"choices":[{choices}],"usage":{usage}}}"#
        )
    }

    fn choice(&self, index: usize, reply: &Reply) -> String {
        let said = match reply {
            Reply::Text { text, .. } if !self.chat => format!(r#""text":{}"#, quoted(text)),
            Reply::Text { text, .. } => {
                format!(r#""message":{{"role":"assistant","content":{},"refusal":null}}"#, quoted(text))
            }
            Reply::Call { name, arguments } => {
                let (id, name, arguments) = (self.call_id(), quoted(name), quoted(arguments));
                let call = format!(
                    r#"{{"id":"{id}","type":"function","function":{{"name":{name},"arguments":{arguments}}}}}"#
                );
                format!(
                    r#""message":{{"role":"assistant","content":null,"refusal":null,"tool_calls":[{call}]}}"#
                )
            }
        };
        format!(r#"{{"index":{index},{said},"logprobs":null,"finish_reason":"{}"}}"#, reply.finish_reason())
    }
}

pub(super) fn usage_json(usage: Usage) -> String {
    let (input, output) = (usage.input_tokens, usage.output_tokens);
    format!(r#"{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{}}}"#, input + output)
}

/// A JSON string. Into memory: cannot fail.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_text_again() {
        for text in ["", " ", "a", "a b", "  a  b\n\nc ", "日本 語", "\u{2003}x"] {
            assert_eq!(pieces(text).collect::<String>(), text);
            assert_eq!(
                pieces(text).filter(|piece| !piece.trim().is_empty()).count() as u64,
                words(text),
                "{text:?}"
            );
        }
        assert_eq!(pieces(" a  b c").collect::<Vec<_>>(), [" a  ", "b ", "c"]);
    }
}
