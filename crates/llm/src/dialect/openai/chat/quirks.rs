//! How a vendor's chat completions differ from OpenAI's: the part of a preset's row that a writer needs, and what is known of
//! the model.

use crate::canon::fields::{self, Field};
use crate::catalog::{Ability, Model};
use crate::providers::presets::{MaxTokens, Preset, StreamUsage};

/// How a vendor's chat completions differ.
#[derive(Clone, Copy, Debug)]
pub struct Quirks {
    /// How it takes the bound of an answer.
    pub max_tokens: MaxTokens,
    /// How it reports usage in streams.
    pub stream_usage: StreamUsage,
    /// Whether it takes messages of the role `developer`.
    pub developer_role: bool,
    /// Whether it takes tools that take text; to others they are functions.
    pub custom_tools: bool,
    /// Members of a request that it answers with an error.
    pub refuses: &'static [&'static str],
    /// Those that this model of its answers with an error.
    pub model_refuses: &'static [&'static str],
    /// Whether it wants back what was thought before.
    pub thoughts_back: bool,
    /// Members that it has by another name, and that name.
    pub renames: &'static [(&'static str, &'static str)],
}

impl Quirks {
    /// As OpenAI has it.
    pub const NONE: Self = Self {
        max_tokens: MaxTokens::New,
        stream_usage: StreamUsage::Asked,
        developer_role: true,
        custom_tools: true,
        refuses: &[],
        model_refuses: &[],
        thoughts_back: false,
        renames: &[],
    };

    /// Of a preset; `known`: its model, where the catalogue has it.
    pub fn of(preset: &Preset, known: Option<&Model>) -> Self {
        Self {
            max_tokens: preset.max_tokens,
            stream_usage: preset.stream_usage,
            developer_role: preset.developer_role,
            custom_tools: preset.custom_tools,
            refuses: preset.refuses,
            model_refuses: model_refuses(preset, known),
            thoughts_back: preset.thoughts_back,
            renames: preset.renames,
        }
    }

    /// What it calls a member.
    pub(super) fn name(&self, member: &'static str) -> &'static str {
        self.renames.iter().find(|(name, _)| *name == member).map_or(member, |(_, name)| name)
    }

    /// What such a vendor cannot be told although the dialect can say it.
    pub(super) fn cannot(&self) -> Vec<Field> {
        let refused = self.refuses.iter().chain(self.model_refuses);
        let mut cannot: Vec<Field> = refused.flat_map(|member| said_by(member)).collect();
        if !self.developer_role {
            cannot.push(fields::DEVELOPER);
        }
        if !self.custom_tools {
            cannot.push(fields::TOOL_GRAMMAR);
        }
        cannot
    }
}

/// Members that a model refuses which another of the same vendor's takes.
pub(in crate::dialect::openai) fn model_refuses(
    preset: &Preset,
    known: Option<&Model>,
) -> &'static [&'static str] {
    match known {
        Some(model) if model.has(Ability::Reasoning) => preset.thinkers_refuse,
        // Where the difference is made, those that do not think will not hear how much to.
        Some(_) if !preset.thinkers_refuse.is_empty() => &["reasoning_effort"],
        _ => &[],
    }
}

/// What a member of a request says.
pub(in crate::dialect::openai) fn said_by(member: &str) -> impl Iterator<Item = Field> {
    MEMBERS.iter().filter(move |(known, _)| *known == member).map(|(_, field)| *field)
}

/// Members of requests, and what they say.
const MEMBERS: &[(&str, Field)] = &[
    ("temperature", fields::TEMPERATURE),
    ("top_p", fields::TOP_P),
    ("frequency_penalty", fields::FREQUENCY_PENALTY),
    ("presence_penalty", fields::PRESENCE_PENALTY),
    ("seed", fields::SEED),
    ("logit_bias", fields::LOGIT_BIAS),
    ("logprobs", fields::LOGPROBS),
    ("top_logprobs", fields::TOP_LOGPROBS),
    ("stop", fields::STOP),
    ("n", fields::N),
    ("tools", fields::TOOLS),
    ("parallel_tool_calls", fields::PARALLEL_TOOLS),
    ("response_format", fields::JSON),
    ("response_format", fields::JSON_SCHEMA),
    ("reasoning_effort", fields::REASONING_EFFORT),
    ("verbosity", fields::VERBOSITY),
    ("user", fields::USER),
    ("metadata", fields::METADATA),
    ("service_tier", fields::SERVICE_TIER),
    ("store", fields::STORE),
    ("modalities", fields::MODALITIES),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::presets;

    #[test]
    fn what_rows_refuse_is_known() {
        for preset in presets::ALL {
            for member in preset.refuses.iter().chain(preset.thinkers_refuse) {
                assert!(
                    MEMBERS.iter().any(|(known, _)| known == member),
                    "{}: nothing is known of `{member}`",
                    preset.name
                );
            }
        }
        let mistral = Quirks::of(Preset::find("mistral").unwrap(), None);
        assert!(mistral.cannot().contains(&fields::DEVELOPER) && mistral.cannot().contains(&fields::STORE));
        assert_eq!((mistral.name("seed"), Quirks::NONE.name("seed")), ("random_seed", "seed"));
        assert!(Quirks::NONE.cannot().is_empty());
    }

    #[test]
    fn who_does_not_think_is_not_told_how_much_to() {
        let cannot = |preset: &str, model: &str| {
            let preset = Preset::find(preset).unwrap();
            Quirks::of(preset, crate::catalog::find(preset.vendor, model)).cannot()
        };
        assert_eq!(cannot("openai", "gpt-4o-mini"), [fields::REASONING_EFFORT]);
        assert!(!cannot("openai", "gpt-5").contains(&fields::REASONING_EFFORT));
        assert!(cannot("openai", "nobody-knows").is_empty());
        assert!(!cannot("groq", "llama-3.3-70b-versatile").contains(&fields::REASONING_EFFORT));
    }
}
