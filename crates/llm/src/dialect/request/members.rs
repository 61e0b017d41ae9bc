//! Which members of a body decide something before it is sent on.

use super::reach::Rules;

/// The members of a dialect's requests that are read before anything else: by their names at the top level.
#[derive(Clone, Copy, Debug)]
pub struct Members {
    /// `model` is there and names the model; otherwise the path does, and the body may not.
    pub model: bool,
    /// What stands before the model's name in `model`: `models/`.
    pub model_prefix: &'static str,
    /// `model` may be left out; which one is meant then somebody else says.
    pub model_optional: bool,
    /// The body may say again which model it is, and somebody else sees to it that it is the same.
    pub model_again: bool,
    /// `stream` says whether the answer is to come as one.
    pub stream: bool,
    /// Whether it comes as one when nothing is said.
    pub streams: bool,
    /// `stream_options` is OpenAI's, and may be edited.
    pub stream_options: bool,
    /// `max_tokens`, `max_completion_tokens` or `max_output_tokens` bound the answer.
    pub max_tokens: bool,
    /// Whose texts are the prompt.
    pub text: &'static [&'static str],
    /// `max_tokens` and `maxTokens` are one name, as in the JSON of protocol buffers.
    pub either_case: bool,
    /// What the body is written in.
    pub syntax: Syntax,
    /// How what it reaches for at a provider is found.
    pub reach: &'static Rules,
}

/// What a body is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// One JSON object.
    Json,
    /// A form with files (`multipart/form-data`), whose fields are its members.
    Form,
    /// Either, as `Content-Type` says.
    FormOrJson,
    /// Such a form with one `file`, to be kept for the `purpose` that another field names: a file of calls (`batch`) is read.
    File,
}

impl Members {
    /// OpenAI's.
    pub const OPENAI: Self =
        Self { stream_options: true, text: &["messages", "prompt", "input"], ..Self::BODY };

    /// Of a dialect whose body names the model, and says whether to stream.
    pub const BODY: Self = Self {
        model: true,
        model_prefix: "",
        model_optional: false,
        model_again: false,
        stream: true,
        streams: false,
        stream_options: false,
        max_tokens: true,
        text: &["system", "messages"],
        either_case: false,
        syntax: Syntax::Json,
        reach: &Rules::COMMON,
    };

    /// OpenAI's Responses, whose `stream_options` are other ones.
    pub const RESPONSES: Self =
        Self { text: &["instructions", "input"], reach: &Rules::RESPONSES, ..Self::BODY };

    /// Of a dialect whose path says both.
    pub const PATH: Self = Self { model: false, stream: false, max_tokens: false, ..Self::BODY };
}
