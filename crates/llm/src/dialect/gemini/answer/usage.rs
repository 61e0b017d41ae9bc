//! `usageMetadata`. There, thoughts are beside the answer's tokens, and what tools brought is beside the prompt's.

use super::super::wire::{count, each, object, word};
use crate::canon::Tokens;
use crate::json::tree::Object;
use crate::json::write::Writer;
use portcullis_fault::Fault;

/// Tokens, and the priority class that they were used in.
#[derive(Debug, Default)]
pub(in super::super) struct Used {
    pub(in super::super) tokens: Tokens,
    pub(in super::super) tier: Option<String>,
}

/// Reads it.
pub(in super::super) fn read(mut usage: Object<'_, '_>) -> Result<Used, Fault> {
    let mut number = |name: &str| count(&mut usage, name);
    let prompt = number("promptTokenCount")?.unwrap_or_default();
    let tools = number("toolUsePromptTokenCount")?.unwrap_or_default();
    let answer = number("candidatesTokenCount")?;
    let answer = match answer {
        Some(answer) => answer,
        // Of embeddings and of counts.
        None => number("responseTokenCount")?.unwrap_or_default(),
    };
    let thoughts = number("thoughtsTokenCount")?;
    let cached = number("cachedContentTokenCount")?;
    let audio_in = audio(&mut usage, "promptTokensDetails")?;
    let audio_out = audio(&mut usage, "candidatesTokensDetails")?;
    let tier = word(&mut usage, "trafficType")?.and_then(|traffic| match traffic.as_str() {
        "ON_DEMAND" => Some("default".to_owned()),
        "ON_DEMAND_PRIORITY" => Some("priority".to_owned()),
        "ON_DEMAND_FLEX" => Some("flex".to_owned()),
        _ => None,
    });
    let tokens = Tokens {
        input: prompt.saturating_add(tools),
        output: answer.saturating_add(thoughts.unwrap_or_default()),
        cache_read: cached,
        cache_write: None,
        reasoning: thoughts,
        audio_in,
        audio_out,
    };
    Ok(Used { tokens, tier })
}

/// Tokens that were sound.
fn audio(usage: &mut Object<'_, '_>, name: &str) -> Result<Option<u64>, Fault> {
    let at = usage.at;
    for node in each(usage, name) {
        let mut detail = object(node, at)?;
        if word(&mut detail, "modality")?.as_deref() == Some("AUDIO") {
            return count(&mut detail, "tokenCount");
        }
    }
    Ok(None)
}

/// Writes its members.
pub(in super::super) fn write(w: &mut Writer<'_>, tokens: &Tokens) {
    let thoughts = tokens.reasoning.unwrap_or_default();
    w.member("promptTokenCount", &tokens.input);
    w.member("candidatesTokenCount", &tokens.output.saturating_sub(thoughts));
    w.member("totalTokenCount", &tokens.input.saturating_add(tokens.output));
    w.maybe("cachedContentTokenCount", &tokens.cache_read);
    w.maybe("thoughtsTokenCount", &tokens.reasoning);
    for (name, audio, all) in [
        ("promptTokensDetails", tokens.audio_in, tokens.input),
        ("candidatesTokensDetails", tokens.audio_out, tokens.output.saturating_sub(thoughts)),
    ] {
        let Some(audio) = audio else { continue };
        w.name(name).array(|w| {
            for (modality, tokens) in [("TEXT", all.saturating_sub(audio)), ("AUDIO", audio)] {
                w.object(|w| {
                    w.member("modality", modality);
                    w.member("tokenCount", &tokens);
                });
            }
        });
    }
}
