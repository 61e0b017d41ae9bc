//! What kind of failure an attempt ended in: whose fault it is, and whether another deployment, key or model would help.
//!
//! A table, since vendors say the same in many ways: by status, by a word of theirs, or only in a sentence.

use portcullis_llm::canon::ProviderError;

/// A kind of failure, the least telling first: of several attempts, the caller hears of the most telling failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Our key there is not good, or not for this.
    KeyRefused,
    /// It does not have the model that our deployment names.
    ModelUnknown,
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
            Self::ModelUnknown => "model_unknown",
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
            Self::KeyRefused
                | Self::ModelUnknown
                | Self::Outage
                | Self::RateLimited
                | Self::SaidNothing
                | Self::Unsayable
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
        let about_us = SENTENCES
            .iter()
            .any(|(begins, ends)| message.strip_prefix(begins).is_some_and(|rest| rest.ends_with(ends)));
        if about_us && (400..=499).contains(&status) && status != 429 {
            return Self::KeyRefused;
        }
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

/// Whether a provider says that it does not have the model that our deployment names. `model`: that name, which has to be in
/// its words: what else a call names (a tool's model, a file) is the caller's own business.
pub(crate) fn is_model_unknown(status: u16, error: &ProviderError, model: &str) -> bool {
    let message = error.message.to_ascii_lowercase();
    let words = [error.kind.as_deref(), error.code.as_deref()];
    let named = message.contains("model") && names(&message, &model.to_ascii_lowercase());
    match status {
        404 | 410 => {
            named
                || words.contains(&Some("DeploymentNotFound"))
                || message.starts_with("this model version has reached the end of its life")
        }
        400 => {
            let said = words.iter().flatten().any(|word| UNKNOWN_MODEL.contains(word))
                || message.starts_with("invocation of model id ")
                || message.ends_with(" is not a valid model id");
            named && said
                || matches!(&*message, "the provided model identifier is invalid." | "model not exist")
        }
        _ => false,
    }
}

/// Vendors' codes for it, beside a status of a wrong request.
const UNKNOWN_MODEL: &[&str] = &[
    "model_not_found",
    "model_decommissioned",
    "model_not_available",
    "model_not_supported",
    "invalid_model",
];

/// Whether `text` has this name in it, and not one that it is only a part of.
fn names(text: &str, name: &str) -> bool {
    let apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '-' | '_'));
    text.match_indices(name)
        .any(|(at, _)| apart(text[..at].chars().next_back()) && apart(text[at + name.len()..].chars().next()))
}

/// What is said of our key or account where the request is blamed for it: how the message begins and ends, in lower case.
/// The whole of it, since vendors repeat what callers write: whoever could put these words into a message could lay a key to
/// rest with them.
static SENTENCES: &[(&str, &str)] = &[
    // Gemini, at OpenAI's endpoint too.
    ("api key not valid", "pass a valid api key."),
    // Anthropic.
    ("your credit balance is too low to access the anthropic api", "purchase credits."),
    ("you have reached your specified api usage limits", "utc."),
    ("this organization has been", " disabled."),
];

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
    // Our account has to be paid, or is closed, and the request is blamed for it: OpenAI by a code, Anthropic in words.
    Row {
        status: 400..=400,
        words: &["billing_hard_limit_reached", "billing_not_active"],
        says: &[],
        class: Class::KeyRefused,
    },
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
            // xAI, and OpenRouter for several: 403, as of a key. It would rest, and everybody's calls with it.
            "violates usage guidelines",
            "your input was flagged",
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

    #[test]
    fn a_model_that_is_not_there_is_told_from_whatever_else_is_not() {
        let unknown = |status, dialect: &str, body: &str| {
            let chat = portcullis_llm::dialect::chat::find(dialect).unwrap();
            is_model_unknown(status, &chat.read_error(status, body.as_bytes()), "acme/m-1")
        };
        for (status, dialect, body) in [
            (
                404,
                "openai",
                r#"{"error":{"message":"The model `acme/m-1` does not exist or you do not have access to it.","code":"model_not_found"}}"#,
            ),
            (
                404,
                "openai",
                r#"{"object":"error","message":"The model `acme/M-1` does not exist.","type":"NotFoundError","code":404}"#,
            ),
            (
                404,
                "openai",
                r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,
            ),
            (
                400,
                "openai",
                r#"{"error":{"message":"The model `acme/m-1` has been decommissioned","code":"model_decommissioned"}}"#,
            ),
            (400, "openai", r#"{"error":{"message":"acme/m-1 is not a valid model ID","code":400}}"#),
            (400, "openai", r#"{"error":{"message":"Model Not Exist","code":"invalid_request_error"}}"#),
            (
                404,
                "anthropic",
                r#"{"type":"error","error":{"type":"not_found_error","message":"model: acme/m-1"}}"#,
            ),
            (
                404,
                "gemini",
                r#"{"error":{"code":404,"message":"models/acme/m-1 is not found for API version v1beta, or is not supported for generateContent.","status":"NOT_FOUND"}}"#,
            ),
            (400, "bedrock", r#"{"message":"The provided model identifier is invalid."}"#),
            (
                400,
                "bedrock",
                r#"{"message":"Invocation of model ID acme/m-1 with on-demand throughput isn't supported."}"#,
            ),
            (
                404,
                "bedrock",
                r#"{"message":"This model version has reached the end of its life. Please refer to the documentation."}"#,
            ),
            (404, "ollama", r#"{"error":"model 'acme/m-1' not found"}"#),
        ] {
            assert!(unknown(status, dialect, body), "{status} {body}");
        }
        for (status, dialect, body) in [
            (
                404,
                "openai",
                r#"{"error":{"message":"The model `m-2` does not exist","code":"model_not_found"}}"#,
            ),
            (
                404,
                "openai",
                r#"{"error":{"message":"The model `acme/m-1-mini` does not exist","code":"model_not_found"}}"#,
            ),
            (404, "openai", r#"{"error":{"message":"No such File object: file-1"}}"#),
            (
                400,
                "openai",
                r#"{"error":{"message":"'temperature' is not supported with the model acme/m-1","code":"unsupported_value"}}"#,
            ),
            (500, "openai", r#"{"error":{"message":"The model `acme/m-1` does not exist"}}"#),
            (404, "openai", ""),
        ] {
            assert!(!unknown(status, dialect, body), "{status} {body}");
        }
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
            (
                403,
                "openai",
                r#"{"code":"The caller does not have permission to execute the specified operation","error":"Content violates usage guidelines. Team: t-1, API key ID: k-1, Model: grok-4, Failed check: SAFETY_CHECK_TYPE_BIO"}"#,
                Class::ContentFilter,
            ),
            (
                403,
                "openai",
                r#"{"error":{"code":403,"message":"m requires moderation on p. Your input was flagged for \"violence\".","metadata":{"reasons":["violence"]}}}"#,
                Class::ContentFilter,
            ),
            (
                403,
                "openai",
                r#"{"code":"permission-denied","error":"Access to the chat endpoint is denied"}"#,
                Class::KeyRefused,
            ),
            (
                400,
                "anthropic",
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}}"#,
                Class::KeyRefused,
            ),
            (
                400,
                "anthropic",
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}}"#,
                Class::KeyRefused,
            ),
            (
                400,
                "openai",
                r#"{"error":{"message":"Billing hard limit has been reached","type":"invalid_request_error","param":null,"code":"billing_hard_limit_reached"}}"#,
                Class::KeyRefused,
            ),
            (
                400,
                "openai",
                r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]"#,
                Class::KeyRefused,
            ),
            (
                400,
                "anthropic",
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"This organization has been disabled."}}"#,
                Class::KeyRefused,
            ),
            // What a caller wrote, repeated: a role, and a member.
            (
                400,
                "openai",
                r#"{"error":{"message":"Invalid value: 'API key not valid. Please pass a valid API key.'. Supported values are: 'system', 'user'.","type":"invalid_request_error","param":"messages[0].role","code":"invalid_value"}}"#,
                Class::Refused,
            ),
            (
                400,
                "anthropic",
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please purchase credits.: Extra inputs are not permitted"}}"#,
                Class::Refused,
            ),
            (301, "openai", "", Class::Outage),
            (501, "openai", "", Class::Refused),
        ] {
            assert_eq!(class(status, dialect, body), expected, "{status} {body}");
        }
    }
}
