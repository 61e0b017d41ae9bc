//! What answers have beside their words: usage, probabilities, citations, reasons to end. The same in whole answers and in
//! streams.

use crate::canon::{Citation, Logprob, Stop, Tokens};
use crate::json::write::Writer;
use serde::Deserialize;
use serde_json::Value;

/// `usage`, as vendors fill it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<Input>,
    completion_tokens_details: Option<Output>,
    /// DeepSeek.
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Input {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Output {
    reasoning_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

impl Usage {
    pub(super) fn tokens(&self) -> Option<Tokens> {
        let input = self.prompt_tokens.or(self.total_tokens)?;
        let said = self.prompt_tokens_details.unwrap_or_default();
        let told = self.completion_tokens_details.unwrap_or_default();
        let mut output = self.completion_tokens.unwrap_or(0);
        let reasoning = told.reasoning_tokens;
        // xAI counts thoughts apart from the answer, and its sum says so.
        if let (Some(total), Some(thoughts)) = (self.total_tokens, reasoning)
            && thoughts > 0
            && total == input.saturating_add(output).saturating_add(thoughts)
        {
            output = output.saturating_add(thoughts);
        }
        Some(Tokens {
            input,
            output,
            cache_read: said.cached_tokens.or(self.prompt_cache_hit_tokens),
            cache_write: said.cache_write_tokens,
            reasoning,
            audio_in: said.audio_tokens,
            audio_out: told.audio_tokens,
        })
    }
}

/// `usage`.
pub(super) fn write(w: &mut Writer<'_>, tokens: &Tokens) {
    w.object(|w| {
        w.member("prompt_tokens", &tokens.input);
        w.member("completion_tokens", &tokens.output);
        w.member("total_tokens", &tokens.input.saturating_add(tokens.output));
        if tokens.cache_read.is_some() || tokens.cache_write.is_some() || tokens.audio_in.is_some() {
            w.name("prompt_tokens_details").object(|w| {
                w.maybe("cached_tokens", &tokens.cache_read);
                w.maybe("cache_write_tokens", &tokens.cache_write);
                w.maybe("audio_tokens", &tokens.audio_in);
            });
        }
        if tokens.reasoning.is_some() || tokens.audio_out.is_some() {
            w.name("completion_tokens_details").object(|w| {
                w.maybe("reasoning_tokens", &tokens.reasoning);
                w.maybe("audio_tokens", &tokens.audio_out);
            });
        }
    });
}

/// `finish_reason`. `called`: the answer has tool calls, whatever the word: some vendors say `stop` then.
pub(super) fn stop(word: &str, called: bool, refused: bool) -> Stop {
    match word {
        "stop" | "tool_calls" | "function_call" if called => Stop::ToolCalls,
        "tool_calls" | "function_call" => Stop::ToolCalls,
        "stop" if refused => Stop::Refused,
        "stop" => Stop::End,
        "length" => Stop::Length,
        "content_filter" => Stop::Filtered,
        // Words of vendors' own.
        "eos" | "stop_sequence" => Stop::End,
        "model_length" => Stop::Length,
        "model_context_window_exceeded" => Stop::ContextFull,
        "sensitive" => Stop::Filtered,
        "abort" | "error" | "insufficient_system_resource" | "network_error" => Stop::Broken(word.to_owned()),
        // Google's, with the word of its own format behind it.
        word if word.starts_with("content_filter") => Stop::Filtered,
        word if word.starts_with("function_call_filter") => Stop::Broken(word.chars().take(64).collect()),
        other => Stop::Other(other.chars().take(64).collect()),
    }
}

/// `finish_reason`: clients know these five words and take another one for a broken answer.
pub(super) fn finish_reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence | Stop::Paused | Stop::Other(_) => "stop",
        // Not all is there: nobody may take it for an answer that is whole.
        Stop::Length | Stop::ContextFull | Stop::Broken(_) => "length",
        Stop::ToolCalls => "tool_calls",
        Stop::Filtered => "content_filter",
        // With the words of a refusal it is a `stop`, and the reader knows it by them; without, a writer says
        // `content_filter`.
        Stop::Refused => "stop",
    }
}

/// `logprobs` of a choice.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Logprobs {
    content: Option<Vec<Token>>,
    refusal: Option<Vec<Token>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Token {
    token: String,
    logprob: f64,
    top_logprobs: Vec<Token>,
}

impl Logprobs {
    pub(super) fn into_canon(self) -> Vec<Logprob> {
        let tokens = self.content.into_iter().chain(self.refusal).flatten();
        tokens
            .map(|token| Logprob {
                token: token.token,
                logprob: token.logprob,
                top: token.top_logprobs.into_iter().map(|other| (other.token, other.logprob)).collect(),
            })
            .collect()
    }
}

/// `logprobs` of a choice, or `null`.
pub(super) fn logprobs(w: &mut Writer<'_>, logprobs: &[Logprob]) {
    if logprobs.is_empty() {
        w.value(&Value::Null);
        return;
    }
    w.object(|w| {
        w.name("content").array(|w| {
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
        w.member("refusal", &Value::Null);
    });
}

fn token(w: &mut Writer<'_>, token: &str, logprob: f64) {
    w.member("token", token);
    w.member("logprob", &logprob);
    w.member("bytes", token.as_bytes());
}

/// One of a message's `annotations`; `None` for kinds other than `url_citation`.
pub(super) fn citation(annotation: &Value) -> Option<Citation> {
    let cited = annotation.get("url_citation")?;
    let text = |name: &str| cited.get(name).and_then(Value::as_str).map(str::to_owned);
    let place = |name: &str| cited.get(name).and_then(Value::as_u64).and_then(|at| u32::try_from(at).ok());
    Some(Citation {
        title: text("title"),
        url: text("url"),
        quote: text("content"),
        span: place("start_index").zip(place("end_index")),
        ..Citation::default()
    })
}

/// One of a message's `annotations`; nothing for citations without an address, which this dialect has no word for.
pub(super) fn annotation(w: &mut Writer<'_>, citation: &Citation) {
    let Some(url) = &citation.url else { return };
    let (start, end) = citation.span.unwrap_or_default();
    w.object(|w| {
        w.member("type", "url_citation");
        w.name("url_citation").object(|w| {
            w.member("url", url);
            w.member("title", citation.title.as_deref().unwrap_or(url));
            w.member("start_index", &start);
            w.member("end_index", &end);
            w.maybe("content", &citation.quote);
        });
    });
}
