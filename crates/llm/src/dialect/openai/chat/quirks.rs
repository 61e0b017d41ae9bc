//! How a vendor's chat completions differ from OpenAI's: the part of a preset's row that a writer needs.

use crate::canon::fields::{self, Field};
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
    /// Members of a request that it answers with an error.
    pub refuses: &'static [&'static str],
    /// Members that it has by another name, and that name.
    pub renames: &'static [(&'static str, &'static str)],
}

impl Quirks {
    /// As OpenAI has it.
    pub const NONE: Self = Self {
        max_tokens: MaxTokens::New,
        stream_usage: StreamUsage::Asked,
        developer_role: true,
        refuses: &[],
        renames: &[],
    };

    /// Of a preset.
    pub fn of(preset: &Preset) -> Self {
        Self {
            max_tokens: preset.max_tokens,
            stream_usage: preset.stream_usage,
            developer_role: preset.developer_role,
            refuses: preset.refuses,
            renames: preset.renames,
        }
    }

    /// What it calls a member.
    pub(super) fn name(&self, member: &'static str) -> &'static str {
        self.renames.iter().find(|(name, _)| *name == member).map_or(member, |(_, name)| name)
    }

    /// What such a vendor cannot be told although the dialect can say it.
    pub(super) fn cannot(&self) -> Vec<Field> {
        let mut cannot: Vec<Field> = MEMBERS
            .iter()
            .filter(|(member, _)| self.refuses.contains(member))
            .map(|(_, field)| *field)
            .collect();
        if !self.developer_role {
            cannot.push(fields::DEVELOPER);
        }
        cannot
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
            for member in preset.refuses {
                assert!(
                    MEMBERS.iter().any(|(known, _)| known == member),
                    "{}: nothing is known of `{member}`",
                    preset.name
                );
            }
        }
        let mistral = Preset::find("mistral").map(Quirks::of).unwrap();
        assert!(mistral.cannot().contains(&fields::DEVELOPER) && mistral.cannot().contains(&fields::STORE));
        assert_eq!((mistral.name("seed"), Quirks::NONE.name("seed")), ("random_seed", "seed"));
        assert!(Quirks::NONE.cannot().is_empty());
    }
}
