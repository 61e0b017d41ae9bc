//! Why an answer ended, in the API's words.

use crate::canon::Stop;

/// Words that mean that a filter cut the answer.
const FILTERED: &[&str] = &[
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
];

/// Words that mean that it broke off, for reasons that no other dialect has.
const BROKEN: &[&str] = &[
    "FINISH_REASON_UNSPECIFIED",
    "LANGUAGE",
    "OTHER",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
    "ESCALATION",
    "PUP_LIMITED_DISABLED",
    "CONTINUATION",
];

/// A `finishReason`, in the canonical form; `calls`: the answer has calls of tools.
pub(in super::super) fn stop(word: &str, calls: bool) -> Stop {
    match word {
        "STOP" if calls => Stop::ToolCalls,
        "STOP" => Stop::End,
        "MAX_TOKENS" => Stop::Length,
        word if FILTERED.contains(&word) => Stop::Filtered,
        word if BROKEN.contains(&word) => Stop::Broken(word.to_owned()),
        other => Stop::Other(other.chars().take(64).collect()),
    }
}

/// A `promptFeedback.blockReason`.
pub(in super::super) fn blocked(_reason: &str) -> Stop {
    // Whatever the word, nothing was answered because of what was asked.
    Stop::Filtered
}

/// `finishReason` and `finishMessage`. `broken`: a call's arguments were no JSON object, and it was left out.
pub(in super::super) fn reason<'s>(
    stop: &'s Stop,
    broken: bool,
    refusal: Option<&'s str>,
) -> (&'s str, Option<&'s str>) {
    match stop {
        Stop::Length | Stop::ContextFull => ("MAX_TOKENS", None),
        Stop::End | Stop::Sequence | Stop::ToolCalls if broken => {
            ("MALFORMED_FUNCTION_CALL", Some("the model's arguments for a function are not a JSON object"))
        }
        Stop::End | Stop::Sequence | Stop::ToolCalls => ("STOP", None),
        Stop::Filtered => ("SAFETY", refusal),
        Stop::Refused => ("SAFETY", Some(refusal.unwrap_or("the model refused"))),
        Stop::Paused => ("OTHER", Some("the model paused: send its answer back to go on")),
        Stop::Broken(word) if BROKEN.contains(&word.as_str()) => (word, None),
        Stop::Broken(word) | Stop::Other(word) => {
            ("OTHER", Some(word).filter(|word| !word.is_empty()).map(String::as_str))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_its_place() {
        for word in FILTERED {
            assert_eq!(stop(word, false), Stop::Filtered);
            assert_eq!(reason(&Stop::Filtered, false, None).0, "SAFETY");
        }
        for word in BROKEN {
            assert_eq!(reason(&stop(word, true), false, None), (*word, None), "{word}");
        }
        assert_eq!(stop("STOP", true), Stop::ToolCalls);
        assert_eq!(reason(&Stop::ToolCalls, false, None), ("STOP", None));
        assert_eq!(reason(&Stop::ToolCalls, true, None).0, "MALFORMED_FUNCTION_CALL");
        assert_eq!(reason(&Stop::Length, true, None).0, "MAX_TOKENS");
        assert_eq!(reason(&Stop::Broken("error".to_owned()), false, None), ("OTHER", Some("error")));
        assert_eq!(reason(&stop("NEW", false), false, None), ("OTHER", Some("NEW")));
        assert_eq!(reason(&Stop::Refused, false, Some("no")), ("SAFETY", Some("no")));
    }
}
