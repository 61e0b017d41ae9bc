//! What a request asks for, as far as the echo provider cares; everything else is ignored.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub(super) struct Ask {
    pub(super) model: Option<String>,
    pub(super) messages: Option<Vec<Message>>,
    pub(super) prompt: Option<Prompt>,
    pub(super) input: Option<Prompt>,
    pub(super) stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    pub(super) n: Option<usize>,
    pub(super) tools: Option<Vec<Tool>>,
    pub(super) tool_choice: Option<Value>,
    pub(super) response_format: Option<ResponseFormat>,
    pub(super) dimensions: Option<usize>,
    pub(super) encoding_format: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

/// `prompt` and `input`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Prompt {
    One(String),
    Many(Vec<String>),
    Tokens(Vec<u32>),
    ManyTokens(Vec<Vec<u32>>),
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct Tool {
    pub(super) function: Option<Function>,
}

#[derive(Deserialize)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) parameters: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
pub(super) struct ResponseFormat {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) json_schema: Option<JsonSchema>,
}

#[derive(Deserialize)]
pub(super) struct JsonSchema {
    pub(super) schema: Option<Value>,
}

/// However much a caller would like.
const MAX_WORDS: u64 = 10_000;

impl Message {
    /// Its text; parts are joined by a line feed.
    pub(super) fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => {
                parts.iter().filter_map(|part| part.text.as_deref()).collect::<Vec<_>>().join("\n")
            }
        }
    }
}

impl Prompt {
    /// One text for each; tokens are written as numbers.
    pub(super) fn texts(&self) -> Vec<String> {
        let numbers = |tokens: &Vec<u32>| tokens.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        match self {
            Self::One(text) => vec![text.clone()],
            Self::Many(texts) => texts.clone(),
            Self::Tokens(tokens) => vec![numbers(tokens)],
            Self::ManyTokens(many) => many.iter().map(numbers).collect(),
        }
    }
}

impl Ask {
    /// The last user message, or the prompt.
    pub(super) fn last_user_text(&self, chat: bool) -> String {
        if chat {
            self.messages
                .iter()
                .flatten()
                .rfind(|message| message.role == "user")
                .map(Message::text)
                .unwrap_or_default()
        } else {
            self.prompt.as_ref().and_then(|prompt| prompt.texts().pop()).unwrap_or_default()
        }
    }

    /// The status of `fail <status>`.
    pub(super) fn wanted_failure(&self, chat: bool) -> Option<u16> {
        let text = self.last_user_text(chat);
        text.trim().strip_prefix("fail ")?.parse().ok().filter(|status| (400..600).contains(status))
    }

    pub(super) fn wants_stream_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage == Some(true))
    }

    /// How many words an answer may have.
    pub(super) fn word_limit(&self) -> u64 {
        self.max_completion_tokens.or(self.max_tokens).map_or(MAX_WORDS, |limit| limit.min(MAX_WORDS))
    }
}
