//! Whole answers.

use super::NAME;
use super::read::{Content, Side};
use super::write::{Names, block};
use crate::canon::{Answer, Choice, Losses, Part, Stop, Tokens};
use crate::dialect::chat::Unreadable;
use crate::json::tree::{self, Node, Path};
use crate::json::write::Writer;
use portcullis_fault::Fault;
use serde::Deserialize;
use serde_json::Value;

/// Reads an answer.
pub(super) fn read(body: &[u8]) -> Result<Answer, Unreadable> {
    let document =
        tree::document(body).map_err(|wrong| Unreadable(format!("the answer is no JSON: {wrong}")))?;
    of(document)
        .map_err(|fault| Unreadable(format!("the answer is none of Converse: {}", fault.public_detail())))
}

fn of(document: Node<'_>) -> Result<Answer, Fault> {
    let at = Path::Root;
    let mut body = document.object(at)?;
    let Some(output) = body.take("output") else { return Err(body.missing("output")) };
    let here = Path::Member(&at, "output");
    let mut output = output.object(here)?;
    let Some(message) = output.take("message") else { return Err(output.missing("message")) };
    let here = Path::Member(&here, "message");
    let mut message = message.object(here)?;
    let blocks = message.list("content")?.unwrap_or_default();
    let parts = Content::new(Side::Provider).blocks(blocks, &Path::Member(&here, "content"))?;
    let stop = stop(&body.string("stopReason")?.unwrap_or_default());
    let usage = body.value("usage").and_then(|usage| Usage::deserialize(usage).ok()).map(Usage::tokens);
    let additional = body.value("additionalModelResponseFields").unwrap_or_default();
    let tier = body.value("serviceTier").unwrap_or_default();
    let choice = Choice { index: 0, parts, stop, stop_sequence: sequence(&additional), logprobs: Vec::new() };
    Ok(Answer {
        choices: vec![choice],
        usage,
        service_tier: tier["type"].as_str().map(str::to_owned),
        ..Answer::default()
    })
}

/// Claude says it there, where it is asked for.
pub(super) fn sequence(additional: &Value) -> Option<String> {
    additional["stop_sequence"].as_str().map(str::to_owned)
}

/// Writes which stop sequence ended it, as Claude does.
pub(super) fn additional(w: &mut Writer<'_>, sequence: Option<&str>) {
    if let Some(sequence) = sequence {
        w.name("additionalModelResponseFields").object(|w| w.member("stop_sequence", sequence));
    }
}

/// Writes an answer: its first choice, for there is one.
pub(super) fn write(answer: &Answer) -> Vec<u8> {
    let mut body = Vec::with_capacity(1024);
    let choice = answer.choices.first();
    Writer::new(&mut body).object(|w| {
        w.name("output").object(|w| {
            w.name("message").object(|w| {
                w.member("role", "assistant");
                w.name("content").array(|w| {
                    let (mut names, mut losses) = (Names::default(), Losses::default());
                    for part in choice.iter().flat_map(|choice| &choice.parts) {
                        // What cannot be said here is left out: the reference tells that of each dialect.
                        if can_say(part) {
                            let mut bytes = Vec::new();
                            let said = block(&mut Writer::new(&mut bytes), part, &mut names, &mut losses);
                            if let (Ok(()), Ok(text)) = (said, std::str::from_utf8(&bytes)) {
                                w.raw(text);
                            }
                        }
                    }
                });
            });
        });
        w.member("stopReason", choice.map_or("end_turn", |choice| word(&choice.stop)));
        additional(w, choice.and_then(|choice| choice.stop_sequence.as_deref()));
        if let Some(usage) = &answer.usage {
            w.name("usage").object(|w| self::usage(w, usage));
        }
        // How long it took is known to whoever measures it; libraries read the member unasked.
        w.name("metrics").object(|w| w.member("latencyMs", &0));
        if let Some(tier @ ("priority" | "default" | "flex" | "reserved")) = answer.service_tier.as_deref() {
            w.name("serviceTier").object(|w| w.member("type", tier));
        }
    });
    body
}

fn can_say(part: &Part) -> bool {
    match part {
        Part::Native { dialect, .. } => *dialect == NAME,
        _ => true,
    }
}

/// Why it ended, in words of Bedrock and of ours.
static STOPS: &[(&str, Stop)] = &[
    ("end_turn", Stop::End),
    ("tool_use", Stop::ToolCalls),
    ("max_tokens", Stop::Length),
    ("stop_sequence", Stop::Sequence),
    ("content_filtered", Stop::Filtered),
    ("guardrail_intervened", Stop::Filtered),
    ("model_context_window_exceeded", Stop::ContextFull),
    // A refusal is words, and a word for it there is not.
    ("content_filtered", Stop::Refused),
    ("end_turn", Stop::Paused),
];

/// Words for an answer that came to nothing.
const MALFORMED_OUTPUT: &str = "malformed_model_output";
const MALFORMED_CALL: &str = "malformed_tool_use";

/// Reads why it ended.
pub(super) fn stop(word: &str) -> Stop {
    let known = STOPS.iter().find(|(known, _)| *known == word).map(|(_, stop)| stop.clone());
    known.unwrap_or_else(|| match word {
        MALFORMED_OUTPUT | MALFORMED_CALL => Stop::Broken(word.to_owned()),
        _ => Stop::Other(word.to_owned()),
    })
}

/// Writes why it ended: a word that Bedrock's libraries know.
pub(super) fn word(stop: &Stop) -> &'static str {
    match stop {
        Stop::Broken(word) if word == MALFORMED_CALL => MALFORMED_CALL,
        Stop::Broken(_) => MALFORMED_OUTPUT,
        stop => STOPS.iter().find(|(_, known)| known == stop).map_or("end_turn", |(word, _)| word),
    }
}

/// What was used, as Bedrock counts: `inputTokens` without what was read from a cache or written to one.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Usage {
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cache_read_input_tokens: Option<u64>,
    pub(super) cache_write_input_tokens: Option<u64>,
}

impl Usage {
    pub(super) fn tokens(self) -> Tokens {
        let cached = self
            .cache_read_input_tokens
            .unwrap_or(0)
            .saturating_add(self.cache_write_input_tokens.unwrap_or(0));
        Tokens {
            input: self.input_tokens.saturating_add(cached),
            output: self.output_tokens,
            cache_read: self.cache_read_input_tokens,
            cache_write: self.cache_write_input_tokens,
            ..Tokens::default()
        }
    }
}

/// The members of a usage.
pub(super) fn usage(w: &mut Writer<'_>, tokens: &Tokens) {
    let cached = tokens.cache_read.unwrap_or(0).saturating_add(tokens.cache_write.unwrap_or(0));
    w.member("inputTokens", &tokens.input.saturating_sub(cached));
    w.member("outputTokens", &tokens.output);
    w.member("totalTokens", &tokens.input.saturating_add(tokens.output));
    w.maybe("cacheReadInputTokens", &tokens.cache_read);
    w.maybe("cacheWriteInputTokens", &tokens.cache_write);
}
