//! What a model is asked.

use super::part::Part;
use serde_json::{Map, Value};

/// What a model is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// As the caller wrote it on the way in; the deployment's name on the way out.
    pub model: String,
    /// The conversation. System and developer messages where they were said; dialects with a place of their own for them
    /// take the leading ones.
    pub messages: Vec<Message>,
    /// Tools that the model may have called.
    pub tools: Vec<Tool>,
    /// Whether it may, must, must not.
    pub tool_choice: Option<ToolChoice>,
    /// Whether it may ask for several at once.
    pub parallel_tools: Option<bool>,
    /// The form of its words.
    pub format: Option<Format>,
    /// How words are chosen.
    pub sampling: Sampling,
    /// Bound of the answer, in tokens, reasoning included.
    pub max_tokens: Option<u64>,
    /// Where to stop.
    pub stop: Vec<String>,
    /// How many answers.
    pub n: Option<u32>,
    /// Whether the answer is to come as a stream.
    pub stream: bool,
    /// Whether the caller asked for usage in the stream. Dialects that always tell it read this as true.
    pub stream_usage: bool,
    /// How much to think.
    pub reasoning: Option<Reasoning>,
    /// How long-winded to be (`low`, `medium`, `high`).
    pub verbosity: Option<String>,
    /// What to block.
    pub safety: Vec<Safety>,
    /// The caller's own name for its end user.
    pub user: Option<String>,
    /// The caller's labels.
    pub metadata: Map<String, Value>,
    /// Priority class (`auto`, `flex`, `priority`, …).
    pub service_tier: Option<String>,
    /// Whether the provider may keep the answer.
    pub store: Option<bool>,
    /// That the provider marks by itself what may be read from a cache next time: all that is said, up to its last part.
    pub cache: Option<Cache>,
    /// What comes out, when not only text (`text`, `audio`, `image`).
    pub modalities: Vec<String>,
    /// What only one dialect knows: lost on the way into another, never silently.
    pub native: Vec<Native>,
}

/// A member of a request that only one dialect knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Native {
    /// The dialect.
    pub dialect: &'static str,
    /// Its name there, with dots where it is nested.
    pub name: String,
    /// As it was said there.
    pub value: Value,
}

/// One turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said. Results of tools are parts of a user's message.
    pub parts: Vec<Part>,
    /// The speaker's name, among several.
    pub name: Option<String>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Who runs the platform.
    System,
    /// Who wrote the application; dialects that do not know the difference say system.
    Developer,
    /// Who asks, and tools that answer.
    User,
    /// The model.
    Assistant,
}

/// A tool.
#[derive(Clone, Debug, PartialEq)]
pub enum Tool {
    /// A function of the caller's.
    Function {
        /// Its name.
        name: String,
        /// What it does.
        description: Option<String>,
        /// JSON schema of its arguments; absent: none.
        parameters: Option<Value>,
        /// Whether arguments must keep to the schema.
        strict: Option<bool>,
        /// A prompt-cache marker behind it.
        cache: Option<Cache>,
    },
    /// A tool of the caller's that takes text, not JSON. What its calls say is in [`custom`](super::custom).
    Custom {
        /// Its name.
        name: String,
        /// What it does.
        description: Option<String>,
        /// What its text keeps to; absent: any.
        grammar: Option<Grammar>,
        /// A prompt-cache marker behind it.
        cache: Option<Cache>,
    },
    /// A tool that runs at the provider (web search, code, remote MCP): known to its dialect only.
    Server {
        /// The dialect.
        dialect: &'static str,
        /// Its type there, as policies name it.
        kind: String,
        /// As it was said there.
        value: Value,
    },
}

/// What a text keeps to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grammar {
    /// In which language that is said: `lark`, `regex`.
    pub syntax: String,
    /// What is said.
    pub definition: String,
}

/// Whether tools may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model likes.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
    /// Only these; whether at least one is a must.
    Among(Vec<String>, bool),
}

/// The form of an answer's words.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// Free.
    Text,
    /// Some JSON object.
    Json,
    /// JSON by a schema.
    Schema {
        /// The schema's name, where one is said.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The schema.
        schema: Value,
        /// Whether it must be kept to exactly.
        strict: Option<bool>,
    },
}

/// How words are chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// From the best so many.
    pub top_k: Option<u64>,
    /// 0 to 1.
    pub min_p: Option<f64>,
    /// −2 to 2.
    pub frequency_penalty: Option<f64>,
    /// −2 to 2.
    pub presence_penalty: Option<f64>,
    /// For the same answer twice.
    pub seed: Option<i64>,
    /// Token id → −100 to 100.
    pub logit_bias: Map<String, Value>,
    /// Whether to tell how likely the words were.
    pub logprobs: Option<bool>,
    /// And how likely so many others.
    pub top_logprobs: Option<u32>,
}

/// How much to think.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// In steps.
    pub effort: Option<Effort>,
    /// In tokens.
    pub budget: Option<u64>,
    /// Whether thoughts are to be shown: `auto`, `concise`, `detailed`, `none`.
    pub summary: Option<String>,
    /// Whether the caller's format shows thoughts where it says nothing of that: who asked for thoughts there waits for them.
    pub shown: bool,
}

/// Steps of thinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as can be.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// More than that.
    Extra,
    /// As much as can be.
    Max,
}

/// What to block, in the vendor's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Safety {
    /// Of what.
    pub category: String,
    /// From where on.
    pub threshold: String,
}

/// A prompt-cache marker: what is before it may be read from a cache next time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// For how long (`5m`, `1h`, `30m`), where it is said.
    pub ttl: Option<String>,
}

impl Cache {
    /// For how long, in one of the two words that Anthropic's models know: what is longer than the shorter one is the longer.
    pub fn short_or_long(&self) -> Option<&'static str> {
        match self.ttl.as_deref()? {
            "5m" => Some("5m"),
            "30m" | "1h" | "12h" | "24h" => Some("1h"),
            _ => None,
        }
    }
}
