//! `generationConfig`.

use super::super::wire::NAME;
use super::{native, natives, schema};
use crate::canon::{Effort, Format, Losses, Reasoning, Request, Sampling};
use crate::json::write::Writer;

const WITHIN: &str = "generationConfig.";

/// Writes it, where there is something to say.
pub(super) fn write(w: &mut Writer<'_>, request: &Request, losses: &mut Losses) {
    let own = request.native.iter().any(|native| native.dialect == NAME && native.name.starts_with(WITHIN));
    let silent = request.sampling == Sampling::default()
        && request.max_tokens.is_none()
        && request.stop.is_empty()
        && request.n.is_none()
        && request.modalities.is_empty()
        && request.format.is_none()
        && request.reasoning.is_none();
    if silent && !own {
        return;
    }
    w.name("generationConfig").object(|w| {
        let sampling = &request.sampling;
        w.maybe("temperature", &sampling.temperature);
        w.maybe("topP", &sampling.top_p);
        w.maybe("topK", &sampling.top_k);
        w.maybe("presencePenalty", &sampling.presence_penalty);
        w.maybe("frequencyPenalty", &sampling.frequency_penalty);
        w.maybe("seed", &sampling.seed.map(|seed| small(seed, losses)));
        w.maybe("responseLogprobs", &sampling.logprobs);
        w.maybe("logprobs", &sampling.top_logprobs);
        w.maybe("maxOutputTokens", &request.max_tokens);
        if !request.stop.is_empty() {
            w.member("stopSequences", &request.stop);
        }
        w.maybe("candidateCount", &request.n);
        if !request.modalities.is_empty() {
            let modalities: Vec<_> =
                request.modalities.iter().map(|modality| modality.to_ascii_uppercase()).collect();
            w.member("responseModalities", &modalities);
        }
        let bare = native(request, "generationConfig.responseMimeType").is_some();
        match &request.format {
            None => {}
            Some(Format::Text) => w.member("responseMimeType", "text/plain"),
            Some(Format::Json) => w.member("responseMimeType", "application/json"),
            Some(Format::Schema { schema: it, .. }) => {
                if !bare {
                    w.member("responseMimeType", "application/json");
                }
                schema(w, Some(it), "responseSchema", "responseJsonSchema");
            }
        }
        thinking(w, request, losses);
        natives(w, request, WITHIN);
    });
}

/// Seeds have 32 bits.
fn small(seed: i64, losses: &mut Losses) -> i32 {
    i32::try_from(seed).unwrap_or_else(|_| {
        let small = (seed.unsigned_abs() % i32::MAX.unsigned_abs() as u64) as i32;
        losses.changed(format!("seed={small}"));
        small
    })
}

fn thinking(w: &mut Writer<'_>, request: &Request, losses: &mut Losses) {
    const THINKING: &str = "generationConfig.thinkingConfig.";
    let own = request.native.iter().any(|native| native.dialect == NAME && native.name.starts_with(THINKING));
    let reasoning = request.reasoning.as_ref();
    if reasoning.is_none() && !own {
        return;
    }
    let nothing = Reasoning::default();
    let reasoning = reasoning.unwrap_or(&nothing);
    w.name("thinkingConfig").object(|w| {
        let thinks = reasoning.effort != Some(Effort::None) && reasoning.budget != Some(0);
        match &reasoning.summary {
            Some(summary) => w.member("includeThoughts", &(summary != "none")),
            // Here none are shown unless they are asked for.
            None if reasoning.shown && thinks => w.member("includeThoughts", &true),
            None => {}
        }
        match amount(&request.model, reasoning, losses) {
            Some(Amount::Budget(tokens)) => w.member("thinkingBudget", &tokens),
            Some(Amount::Level(level)) => w.member("thinkingLevel", level),
            None => {}
        }
        natives(w, request, THINKING);
    });
}

enum Amount {
    Budget(u64),
    Level(&'static str),
}

/// Models up to 2.5 take tokens, later ones steps; those still take tokens alone. The steps in tokens are the vendor's
/// own, of its OpenAI-compatible API.
fn amount(model: &str, reasoning: &Reasoning, losses: &mut Losses) -> Option<Amount> {
    let (tokens, pro) = (counts_tokens(model), model.contains("pro"));
    if let Some(budget) = reasoning.budget
        && (tokens || reasoning.effort.is_none())
    {
        return Some(Amount::Budget(budget));
    }
    let effort = reasoning.effort?;
    let mut changed = |to: &str| losses.changed(format!("reasoning_effort={to}"));
    Some(if tokens {
        Amount::Budget(match effort {
            // The large one cannot be kept from thinking.
            Effort::None if pro => {
                changed("128");
                128
            }
            Effort::None => 0,
            Effort::Minimal | Effort::Low => 1024,
            Effort::Medium => 8192,
            Effort::High => 24_576,
            Effort::Extra | Effort::Max if pro => 32_768,
            Effort::Extra | Effort::Max => 24_576,
        })
    } else {
        match effort {
            Effort::None if pro => {
                changed("low");
                Amount::Level("LOW")
            }
            Effort::None => {
                changed("minimal");
                Amount::Level("MINIMAL")
            }
            Effort::Minimal if pro => {
                changed("low");
                Amount::Level("LOW")
            }
            Effort::Minimal => Amount::Level("MINIMAL"),
            Effort::Low => Amount::Level("LOW"),
            Effort::Medium => Amount::Level("MEDIUM"),
            Effort::High => Amount::Level("HIGH"),
            // The third generation ends there.
            Effort::Extra | Effort::Max if model.contains("gemini-3-") => {
                changed("high");
                Amount::Level("HIGH")
            }
            Effort::Extra => Amount::Level("XHIGH"),
            Effort::Max => {
                changed("xhigh");
                Amount::Level("XHIGH")
            }
        }
    })
}

/// Whether the model is of the generations that do not know steps.
pub(super) fn counts_tokens(model: &str) -> bool {
    let model = model.rsplit('/').next().unwrap_or(model);
    model.starts_with("gemini-1") || model.starts_with("gemini-2")
}
