//! What kind of failure an attempt ended in: whose fault it is, and whether another deployment, key or model would help.
//!
//! A table, since vendors say the same in many ways: by status, by a word of theirs, or only in a sentence.

use portcullis_llm::canon::ProviderError;

/// A kind of failure, the least telling first: of several attempts, the caller hears of the most telling failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Our key there is not good, or not for this.
    KeyRefused,
    /// It failed, is overloaded, or cannot be reached.
    Outage,
    /// It has had enough for now, or our account there is used up.
    RateLimited,
    /// Its model broke off before it said anything, which the request may have brought about.
    SaidNothing,
    /// Its dialect cannot be told what the caller said.
    Unsayable,
    /// Its filter will not have the prompt.
    ContentFilter,
    /// The prompt is too long for the model.
    ContextTooLong,
    /// It says that the request is wrong.
    Refused,
}

impl Class {
    /// As records and metrics say it, and the lists of `fallback`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::KeyRefused => "key_refused",
            Self::Outage => "outage",
            Self::RateLimited => "rate_limited",
            Self::SaidNothing => "said_nothing",
            Self::Unsayable => "unsayable",
            Self::ContentFilter => "content_filter",
            Self::ContextTooLong => "context_too_long",
            Self::Refused => "refused",
        }
    }

    /// Whether breakers count it. Nothing that a caller can bring about: it would close a deployment to all others.
    pub(crate) const fn is_the_providers_fault(self) -> bool {
        matches!(self, Self::Outage)
    }

    /// Whether another deployment of the same model may do better.
    pub(crate) const fn may_work_elsewhere(self) -> bool {
        matches!(
            self,
            Self::KeyRefused | Self::Outage | Self::RateLimited | Self::SaidNothing | Self::Unsayable
        )
    }

    /// Whether another key of the same provider may do better.
    pub(crate) const fn is_about_the_key(self) -> bool {
        matches!(self, Self::KeyRefused | Self::RateLimited)
    }

    /// Whether the same deployment may do better a little later.
    pub(crate) const fn passes(self) -> bool {
        matches!(self, Self::Outage | Self::RateLimited)
    }

    /// Of an answer that is not a success.
    pub(crate) fn of(status: u16, error: &ProviderError) -> Self {
        let words = [error.kind.as_deref(), error.code.as_deref()];
        let message = error.message.to_ascii_lowercase();
        let row = ROWS.iter().find(|row| {
            row.status.contains(&status)
                && (row.words.is_empty() || words.iter().flatten().any(|word| row.words.contains(word)))
                && (row.says.is_empty() || row.says.iter().any(|says| message.contains(says)))
        });
        row.map_or(Self::Refused, |row| row.class)
    }
}

/// What Gemini says of a cached content that is not there.
const GONE: &str = "cachedcontent not found";

/// Whether a provider says that something is not there which the call refers to, under a status that means our key.
pub(crate) fn is_gone(status: u16, error: &ProviderError) -> bool {
    status == 403 && error.message.to_ascii_lowercase().contains(GONE)
}

/// One way of saying something. The first row that fits counts.
struct Row {
    status: std::ops::RangeInclusive<u16>,
    /// The error's kind or code is one of these; empty: whatever it is.
    words: &'static [&'static str],
    /// The message holds one of these, in lower case; empty: whatever it says.
    says: &'static [&'static str],
    class: Class,
}

static ROWS: &[Row] = &[
    // OpenAI's code, which most of the compatible ones have taken over.
    Row {
        status: 400..=499,
        words: &["context_length_exceeded", "string_above_max_length", "request_too_large"],
        says: &[],
        class: Class::ContextTooLong,
    },
    Row {
        status: 400..=499,
        words: &[
            "content_filter",
            "content_policy_violation",
            "image_content_policy_violation",
            "bio_policy",
            "misalignment_policy_violation",
            "ResponsibleAIPolicyViolation",
            "data_inspection_failed",
        ],
        says: &[],
        class: Class::ContentFilter,
    },
    // Whoever has no code for it says it in words: Anthropic, Gemini, Bedrock, Cohere, vLLM, llama.cpp.
    Row {
        status: 400..=422,
        words: &[],
        says: &[
            "prompt is too long",
            "maximum context length",
            "context length",
            "context window",
            "context_window",
            "exceeds the maximum number of tokens",
            "input token count",
            "input is too long",
            "too many input tokens",
            "too many tokens",
            "exceed context limit",
            "exceeds the available context size",
        ],
        class: Class::ContextTooLong,
    },
    Row {
        status: 400..=422,
        words: &[],
        says: &[
            "content management policy",
            "content filter",
            "content policy",
            "safety system",
            "blocked by guardrail",
        ],
        class: Class::ContentFilter,
    },
    Row { status: 413..=413, words: &[], says: &[], class: Class::ContextTooLong },
    // Gemini's of what it keeps for nobody any more: it says so as if it were the key's fault.
    Row { status: 403..=403, words: &[], says: &[GONE], class: Class::Refused },
    Row { status: 401..=403, words: &[], says: &[], class: Class::KeyRefused },
    Row { status: 407..=407, words: &[], says: &[], class: Class::KeyRefused },
    Row { status: 429..=429, words: &[], says: &[], class: Class::RateLimited },
    Row {
        status: 400..=400,
        words: &["ThrottlingException", "insufficient_quota"],
        says: &[],
        class: Class::RateLimited,
    },
    Row { status: 400..=499, words: &[], says: &["api key not valid"], class: Class::KeyRefused },
    Row { status: 408..=408, words: &[], says: &[], class: Class::Outage },
    // Bedrock: the model is not warm yet.
    Row { status: 400..=499, words: &["ModelNotReadyException"], says: &[], class: Class::Outage },
    // 501 and 505 are about the request.
    Row { status: 500..=500, words: &[], says: &[], class: Class::Outage },
    Row { status: 502..=504, words: &[], says: &[], class: Class::Outage },
    Row { status: 506..=599, words: &[], says: &[], class: Class::Outage },
    // What is no answer at all.
    Row { status: 0..=399, words: &[], says: &[], class: Class::Outage },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, dialect: &str, body: &str) -> Class {
        let chat = portcullis_llm::dialect::chat::find(dialect).unwrap();
        Class::of(status, &chat.read_error(status, body.as_bytes()))
    }

    /// As the vendors say it.
    #[test]
    fn vendors_words_are_understood() {
        for (status, dialect, body, expected) in [
            (
                400,
                "openai",
                r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
                Class::ContextTooLong,
            ),
            (
                400,
                "openai",
                r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter"}}"#,
                Class::ContentFilter,
            ),
            (
                400,
                "openai",
                r#"{"error":{"message":"'temperature' is too high","type":"invalid_request_error","param":"temperature","code":null}}"#,
                Class::Refused,
            ),
            (
                404,
                "openai",
                r#"{"error":{"message":"The model does not exist","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
                Class::Refused,
            ),
            (
                429,
                "openai",
                r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
                Class::RateLimited,
            ),
            (
                401,
                "openai",
                r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
                Class::KeyRefused,
            ),
            (503, "openai", "<html>", Class::Outage),
            (
                400,
                "anthropic",
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
                Class::ContextTooLong,
            ),
            (
                413,
                "anthropic",
                r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}"#,
                Class::ContextTooLong,
            ),
            (
                529,
                "anthropic",
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                Class::Outage,
            ),
            (
                400,
                "gemini",
                r#"{"error":{"code":400,"message":"The input token count (1300000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#,
                Class::ContextTooLong,
            ),
            (
                429,
                "gemini",
                r#"{"error":{"code":429,"message":"Resource has been exhausted","status":"RESOURCE_EXHAUSTED"}}"#,
                Class::RateLimited,
            ),
            (
                400,
                "bedrock",
                r#"{"message":"Input is too long for requested model."}"#,
                Class::ContextTooLong,
            ),
            (301, "openai", "", Class::Outage),
            (501, "openai", "", Class::Refused),
        ] {
            assert_eq!(class(status, dialect, body), expected, "{status} {body}");
        }
    }
}
