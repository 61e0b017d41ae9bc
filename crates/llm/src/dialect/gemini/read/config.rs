//! `generationConfig`.

use super::super::wire::{NAME, count, float, inner, integer, refuse, word};
use super::{Natives, schema};
use crate::canon::{Effort, Format, Native, Reasoning, Request};
use crate::json::tree::{Object, Path};
use portcullis_fault::Fault;

const WITHIN: &str = "generationConfig.";

/// Reads all of it.
pub(super) fn read(
    mut config: Object<'_, '_>,
    request: &mut Request,
    natives: &mut Natives,
) -> Result<(), Fault> {
    let at = config.at;
    let sampling = &mut request.sampling;
    sampling.temperature = float(&mut config, "temperature")?;
    sampling.top_p = float(&mut config, "topP")?;
    sampling.top_k = count(&mut config, "topK")?;
    sampling.presence_penalty = float(&mut config, "presencePenalty")?;
    sampling.frequency_penalty = float(&mut config, "frequencyPenalty")?;
    sampling.seed = integer(&mut config, "seed")?;
    sampling.logprobs = config.boolean("responseLogprobs")?;
    sampling.top_logprobs = small(&mut config, "logprobs")?;
    request.max_tokens = count(&mut config, "maxOutputTokens")?;
    request.stop = config.strings("stopSequences")?.unwrap_or_default();
    request.n = small(&mut config, "candidateCount")?;
    request.modalities = config
        .strings("responseModalities")?
        .unwrap_or_default()
        .into_iter()
        .map(|modality| modality.to_ascii_lowercase())
        .collect();
    request.format = format(&mut config, natives)?;
    if let Some(thinking) = inner(&mut config, "thinkingConfig", &at)? {
        request.reasoning = Some(reasoning(thinking, natives)?);
    }
    natives.keep_rest(WITHIN, config);
    Ok(())
}

fn small(config: &mut Object<'_, '_>, name: &str) -> Result<Option<u32>, Fault> {
    let number = count(config, name)?.map(u32::try_from).transpose();
    number.map_err(|_| config.wrong(name, "a smaller number"))
}

fn format(config: &mut Object<'_, '_>, natives: &mut Natives) -> Result<Option<Format>, Fault> {
    let mime = config.string("responseMimeType")?;
    let schema = schema(config, "responseSchema", &["responseJsonSchema", "_responseJsonSchema"])?;
    let structured = |schema| Format::Schema { name: None, description: None, schema, strict: None };
    Ok(match (mime.as_deref(), schema) {
        (None | Some("" | "application/json"), Some(schema)) => Some(structured(schema)),
        (Some("application/json"), None) => Some(Format::Json),
        (None | Some(""), None) => None,
        (Some("text/plain"), None) => Some(Format::Text),
        (Some("text/plain"), Some(_)) => {
            return Err(refuse(
                &Path::Member(&config.at, "responseMimeType"),
                "must be `application/json` where there is a schema",
            ));
        }
        // A bare word out of an enumeration is said by nobody else.
        (Some(other), schema) => {
            natives.0.push(Native {
                dialect: NAME,
                name: format!("{WITHIN}responseMimeType"),
                value: other.into(),
            });
            schema.map(structured)
        }
    })
}

fn reasoning(mut thinking: Object<'_, '_>, natives: &mut Natives) -> Result<Reasoning, Fault> {
    let mut reasoning = Reasoning::default();
    let at = thinking.at;
    if let Some(shown) = thinking.boolean("includeThoughts")? {
        reasoning.summary = Some(if shown { "auto" } else { "none" }.to_owned());
    }
    match integer(&mut thinking, "thinkingBudget")? {
        None => {}
        Some(0) => reasoning.effort = Some(Effort::None),
        // As much as the model finds right.
        Some(-1) => natives.0.push(Native {
            dialect: NAME,
            name: format!("{WITHIN}thinkingConfig.thinkingBudget"),
            value: (-1).into(),
        }),
        Some(budget) => {
            let wrong = |_| refuse(&Path::Member(&at, "thinkingBudget"), "must not be negative, but for -1");
            reasoning.budget = Some(u64::try_from(budget).map_err(wrong)?);
        }
    }
    if let Some(level) = word(&mut thinking, "thinkingLevel")? {
        let effort = match level.as_str() {
            "THINKING_LEVEL_UNSPECIFIED" => None,
            "MINIMAL" => Some(Effort::Minimal),
            "LOW" => Some(Effort::Low),
            "MEDIUM" => Some(Effort::Medium),
            "HIGH" => Some(Effort::High),
            "XHIGH" => Some(Effort::Extra),
            _ => {
                return Err(refuse(
                    &Path::Member(&at, "thinkingLevel"),
                    "must be `MINIMAL`, `LOW`, `MEDIUM`, `HIGH` or `XHIGH`",
                ));
            }
        };
        if effort.is_some() && (reasoning.effort.is_some() || reasoning.budget.is_some()) {
            return Err(refuse(
                &Path::Member(&at, "thinkingLevel"),
                "and `thinkingBudget` are both there; send one of them",
            ));
        }
        reasoning.effort = effort.or(reasoning.effort);
    }
    natives.keep_rest("generationConfig.thinkingConfig.", thinking);
    Ok(reasoning)
}
