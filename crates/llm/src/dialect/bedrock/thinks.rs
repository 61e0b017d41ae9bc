//! How models at Bedrock are told to think, which Converse leaves to each of them: by family, as their pages have it.

use crate::canon::{Effort, Field, Losses, Request, fields};
use serde_json::{Map, Value, json};

/// How a model is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Claude up to 4.5: `thinking` with a budget of tokens.
    Budget,
    /// Claude from 4.6 on: `thinking` of its own measure, and `outputConfig.effort`.
    Measure,
    /// gpt-oss: `reasoning_effort`.
    Word,
    /// Nova 2: `reasoningConfig`.
    Nova,
    /// It cannot be told.
    Untold,
}

/// Parts of model ids, the more special first. Ids begin with a region or not, and may stand within an ARN.
const FAMILIES: &[(&str, Way)] = &[
    ("claude-3-7-", Way::Budget),
    ("claude-3-", Way::Untold),
    ("claude-v2", Way::Untold),
    ("claude-instant", Way::Untold),
    ("claude-sonnet-4-2", Way::Budget),
    ("claude-sonnet-4-5-", Way::Budget),
    ("claude-opus-4-2", Way::Budget),
    ("claude-opus-4-1-", Way::Budget),
    ("claude-opus-4-5-", Way::Budget),
    ("claude-haiku-4-5-", Way::Budget),
    ("anthropic.claude-", Way::Measure),
    ("openai.gpt-oss-", Way::Word),
    ("amazon.nova-2-", Way::Nova),
];

/// What goes beside the members that all models share.
#[derive(Debug, Default)]
pub(super) struct Additional {
    /// `additionalModelRequestFields`.
    pub(super) fields: Map<String, Value>,
    /// `outputConfig.effort`.
    pub(super) effort: Option<&'static str>,
    /// The sampling that the model takes along with that.
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
}

/// The smallest budget that Claude takes.
const LEAST: u64 = 1_024;

impl Additional {
    /// For this request; `losses` hears of what its model cannot be told.
    pub(super) fn of(request: &Request, losses: &mut Losses) -> Self {
        let mut this = Self {
            temperature: request.sampling.temperature,
            top_p: request.sampling.top_p,
            ..Self::default()
        };
        if let Some(temperature) = this.temperature.filter(|temperature| *temperature > 1.0) {
            this.temperature = Some(1.0);
            losses.changed(format!("temperature=1 for {temperature}"));
        }
        let mut top_k = request.sampling.top_k;
        if this.thinks(request, losses) {
            // Claude thinks at temperature 1 and with all words, or refuses the call.
            let mut off = |there: bool, field: Field| {
                if there {
                    losses.dropped(field);
                }
            };
            off(this.temperature.take().is_some_and(|temperature| temperature != 1.0), fields::TEMPERATURE);
            off(top_k.take().is_some(), fields::TOP_K);
            let low = this.top_p.is_some_and(|top_p| top_p < 0.95);
            off(low, fields::TOP_P);
            this.top_p = this.top_p.filter(|_| !low);
        }
        if let Some(top_k) = top_k {
            this.top_k(&request.model, top_k, losses);
        }
        this
    }

    /// Whether the model was told to think in a way that leaves no choice of sampling.
    fn thinks(&mut self, request: &Request, losses: &mut Losses) -> bool {
        let Some(reasoning) = &request.reasoning else { return false };
        if reasoning.budget.is_none() && matches!(reasoning.effort, None | Some(Effort::None)) {
            // None of them thinks unasked but those that always do.
            return false;
        }
        let effort = reasoning.effort.filter(|effort| *effort != Effort::None);
        let budget = reasoning.budget;
        let model = &request.model;
        let way = FAMILIES.iter().find(|(part, _)| model.contains(part)).map_or(Way::Untold, |(_, way)| *way);
        let effort_or = |budget: Option<u64>| effort.unwrap_or(Effort::of_budget(budget.unwrap_or(0)));
        let converted = |losses: &mut Losses, word: &str| {
            if budget.is_some() && effort.is_none() {
                losses.changed(format!("reasoning_budget={word}"));
            }
        };
        match way {
            Way::Budget => {
                let wanted = budget.unwrap_or_else(|| effort_or(None).budget()).max(LEAST);
                // The bound of the answer has the thoughts in it.
                let budget = match request.max_tokens {
                    Some(max) if max <= wanted => max.saturating_sub(1),
                    _ => wanted,
                };
                if budget < LEAST {
                    losses.dropped(if reasoning.budget.is_some() {
                        fields::REASONING_BUDGET
                    } else {
                        fields::REASONING_EFFORT
                    });
                    return false;
                }
                if reasoning.budget != Some(budget) {
                    losses.changed(format!("reasoning_budget={budget}"));
                }
                self.fields
                    .insert("thinking".to_owned(), json!({ "type": "enabled", "budget_tokens": budget }));
                true
            }
            Way::Measure => {
                let effort = effort_or(budget).max(Effort::Low).word();
                converted(losses, effort);
                self.fields.insert("thinking".to_owned(), json!({ "type": "adaptive" }));
                self.effort = Some(effort);
                true
            }
            Way::Word => {
                let effort = effort_or(budget).clamp(Effort::Low, Effort::High).word();
                converted(losses, effort);
                self.fields.insert("reasoning_effort".to_owned(), effort.into());
                false
            }
            Way::Nova => {
                let mut effort = effort_or(budget).clamp(Effort::Low, Effort::High);
                let bound =
                    request.max_tokens.is_some() || self.temperature.is_some() || self.top_p.is_some();
                // At its highest, Nova refuses calls with these.
                if effort == Effort::High && bound {
                    effort = Effort::Medium;
                    losses.changed("reasoning_effort=medium");
                } else {
                    converted(losses, effort.word());
                }
                let config = json!({ "type": "enabled", "maxReasoningEffort": effort.word() });
                self.fields.insert("reasoningConfig".to_owned(), config);
                false
            }
            Way::Untold => {
                if effort.is_some() {
                    losses.dropped(fields::REASONING_EFFORT);
                }
                if budget.is_some() {
                    losses.dropped(fields::REASONING_BUDGET);
                }
                false
            }
        }
    }

    fn top_k(&mut self, model: &str, top_k: u64, losses: &mut Losses) {
        if model.contains("amazon.nova") {
            self.fields.insert("inferenceConfig".to_owned(), json!({ "topK": top_k }));
        } else if model.contains("anthropic.") || model.contains("mistral.") {
            self.fields.insert("top_k".to_owned(), top_k.into());
        } else if model.contains("cohere.") {
            self.fields.insert("k".to_owned(), top_k.into());
        } else {
            losses.dropped(fields::TOP_K);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::{Reasoning, Sampling};

    /// Fields, effort, temperature; what was lost.
    fn told(model: &str, effort: Option<Effort>, budget: Option<u64>, max_tokens: Option<u64>) -> String {
        let request = Request {
            model: model.to_owned(),
            reasoning: Some(Reasoning { effort, budget, ..Reasoning::default() }),
            max_tokens,
            sampling: Sampling { temperature: Some(0.5), top_k: Some(9), ..Sampling::default() },
            ..Request::default()
        };
        let mut losses = Losses::default();
        let additional = Additional::of(&request, &mut losses);
        format!(
            "{} {:?} {:?} [{}]",
            Value::Object(additional.fields),
            additional.effort,
            additional.temperature,
            losses.text()
        )
    }

    #[test]
    fn by_family() {
        let sonnet = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
        assert_eq!(
            told(sonnet, None, Some(2000), None),
            r#"{"thinking":{"type":"enabled","budget_tokens":2000}} None None [temperature, top_k]"#
        );
        assert_eq!(
            told(sonnet, Some(Effort::High), None, Some(5000)),
            r#"{"thinking":{"type":"enabled","budget_tokens":4999}} None None [reasoning_budget=4999, temperature, top_k]"#
        );
        assert_eq!(
            told(sonnet, Some(Effort::High), None, Some(500)),
            r#"{"top_k":9} None Some(0.5) [reasoning_effort]"#
        );
        assert_eq!(told(sonnet, Some(Effort::None), None, None), r#"{"top_k":9} None Some(0.5) []"#);
        assert_eq!(
            told("anthropic.claude-opus-4-7", None, Some(2000), None),
            r#"{"thinking":{"type":"adaptive"}} Some("low") None [reasoning_budget=low, temperature, top_k]"#
        );
        assert_eq!(
            told("openai.gpt-oss-120b-1:0", Some(Effort::Max), None, None),
            r#"{"reasoning_effort":"high"} None Some(0.5) [top_k]"#
        );
        assert_eq!(
            told("us.amazon.nova-2-lite-v1:0", Some(Effort::High), None, None),
            r#"{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"medium"},"inferenceConfig":{"topK":9}} None Some(0.5) [reasoning_effort=medium]"#
        );
        assert_eq!(
            told("meta.llama3-3-70b-instruct-v1:0", Some(Effort::Low), Some(7), None),
            r#"{} None Some(0.5) [reasoning_effort, reasoning_budget, top_k]"#
        );
    }

    #[test]
    fn temperatures_are_bounded() {
        let sampling = Sampling { temperature: Some(1.7), ..Sampling::default() };
        let mut losses = Losses::default();
        let request = Request { sampling, ..Request::default() };
        assert_eq!(Additional::of(&request, &mut losses).temperature, Some(1.0));
        assert_eq!(losses.text(), "temperature=1 for 1.7");
    }
}
