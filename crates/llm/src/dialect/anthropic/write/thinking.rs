//! How much to think, and how words are chosen: both depend on the model's generation, which its name tells.

use super::content::is_signed;
use super::natives::Natives;
use crate::canon::{Effort, Losses, Part, Request, Role, ToolChoice, fields};
use crate::json::write::Writer;

/// What is said of thinking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    thinking: Option<Thinking>,
    /// Whether thoughts are shown.
    display: Option<&'static str>,
    /// The word of `output_config`.
    pub(super) effort: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thinking {
    Disabled,
    Adaptive,
    Enabled(u64),
}

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// It does not: before 3.7.
    Never,
    /// By a budget: 3.7 to 4.5.
    Budget,
    /// By a budget, or as it likes: 4.6, and whoever else speaks this dialect.
    Either,
    /// As it likes, with effort; it takes no sampling parameters either: since 4.7.
    Adaptive,
}

/// The least that the API takes.
const MIN_BUDGET: u64 = 1024;

/// What to say of what `request` wants. Each thing that the model does not take is told.
pub(super) fn plan(request: &Request, max_tokens: Option<u64>, losses: &mut Losses) -> Plan {
    let Some(reasoning) = &request.reasoning else { return Plan::default() };
    let form = form(&request.model);
    if form == Form::Never {
        losses.changed("thinking");
        return Plan::default();
    }
    let mut plan = Plan::default();
    let off = reasoning.effort == Some(Effort::None) || reasoning.budget == Some(0);
    if off {
        plan.thinking = Some(Thinking::Disabled);
    } else {
        plan.thinking = match (form, reasoning.budget, reasoning.effort) {
            (Form::Adaptive, Some(budget), effort) => {
                plan.effort = Some(word(effort.unwrap_or(Effort::of_budget(budget)), losses));
                losses.changed("thinking=adaptive");
                Some(Thinking::Adaptive)
            }
            (_, Some(budget), _) => Some(Thinking::Enabled(budget)),
            (Form::Budget, None, effort) => {
                let budget = effort.unwrap_or(Effort::Medium).budget();
                losses.changed(format!("thinking.budget_tokens={budget}"));
                Some(Thinking::Enabled(budget))
            }
            (_, None, _) => Some(Thinking::Adaptive),
        };
        plan.display = match reasoning.summary.as_deref() {
            // These show none unless they are asked to.
            None if reasoning.shown && form == Form::Adaptive => Some("summarized"),
            None => None,
            Some("none") => Some("omitted"),
            Some("auto") => Some("summarized"),
            Some(_) => {
                losses.changed("thinking.display=summarized");
                Some("summarized")
            }
        };
    }
    if form != Form::Budget && plan.effort.is_none() {
        let effort = reasoning.effort.filter(|effort| *effort != Effort::None);
        plan.effort = effort.map(|effort| word(effort, losses));
    }
    if let Some(Thinking::Enabled(budget)) = plan.thinking {
        plan.thinking = fitting(budget, max_tokens, losses).map(Thinking::Enabled);
    }
    if !off && plan.thinking.is_some() && cannot_think(request, plan.thinking) {
        losses.dropped(fields::REASONING_EFFORT);
        plan.thinking = (form != Form::Adaptive).then_some(Thinking::Disabled);
    }
    if !matches!(plan.thinking, Some(Thinking::Adaptive | Thinking::Enabled(_))) {
        plan.display = None;
    }
    plan
}

/// A budget that leaves room for an answer; none where there is too little for both.
fn fitting(budget: u64, max_tokens: Option<u64>, losses: &mut Losses) -> Option<u64> {
    let room = max_tokens.unwrap_or(u64::MAX);
    let fitting = match budget.max(MIN_BUDGET) {
        budget if budget < room => budget,
        _ => room / 2,
    };
    if fitting < MIN_BUDGET {
        losses.dropped(fields::REASONING_BUDGET);
        return None;
    }
    if fitting != budget {
        losses.changed(format!("thinking.budget_tokens={fitting}"));
    }
    Some(fitting)
}

/// Whether the API refuses to think here: with a tool that must be called, or, by a budget, in the middle of a turn that
/// began without thoughts (callers of dialects that know no signatures cannot give them back).
fn cannot_think(request: &Request, thinking: Option<Thinking>) -> bool {
    let forced = matches!(
        request.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Among(_, true))
    ) && !request.tools.is_empty();
    let last = || request.messages.iter().rev().find(|message| message.role == Role::Assistant);
    let unthought = || {
        let goes_on = request.messages.last().is_some_and(|message| {
            message.role == Role::User && message.parts.iter().any(|part| matches!(part, Part::ToolResult(_)))
        });
        goes_on
            && last().is_some_and(|message| {
                !message
                    .parts
                    .iter()
                    .any(|part| matches!(part, Part::Thinking(thinking) if is_signed(thinking)))
            })
    };
    forced || matches!(thinking, Some(Thinking::Enabled(_))) && unthought()
}

fn word(effort: Effort, losses: &mut Losses) -> &'static str {
    if effort < Effort::Low {
        losses.changed("output_config.effort=low");
        return Effort::Low.word();
    }
    effort.word()
}

/// Writes `thinking`.
pub(super) fn write(plan: &Plan, natives: &mut Natives<'_>, w: &mut Writer<'_>) {
    // A kind of thinking that is newer than this file stands there as a whole.
    if natives.has_member("thinking") {
        return;
    }
    let Some(thinking) = plan.thinking else { return };
    w.name("thinking").object(|w| {
        match thinking {
            Thinking::Disabled => w.member("type", "disabled"),
            Thinking::Adaptive => w.member("type", "adaptive"),
            Thinking::Enabled(budget) => {
                w.member("type", "enabled");
                w.member("budget_tokens", &budget);
            }
        }
        w.maybe("display", &plan.display);
        natives.write("thinking", w);
    });
}

/// Temperature, top-p and top-k as the model takes them.
pub(super) fn sampling(
    request: &Request,
    plan: &Plan,
    losses: &mut Losses,
) -> (Option<f64>, Option<f64>, Option<u64>) {
    let sampling = &request.sampling;
    let (mut temperature, mut top_p, mut top_k) = (sampling.temperature, sampling.top_p, sampling.top_k);
    if let Some(high) = temperature.filter(|temperature| *temperature > 1.0) {
        temperature = Some(1.0);
        losses.changed(format!("temperature=1 in place of {high}"));
    }
    let thinks = matches!(plan.thinking, Some(Thinking::Adaptive | Thinking::Enabled(_)));
    let none = form(&request.model) == Form::Adaptive;
    if (none || thinks) && temperature.take_if(|temperature| *temperature != 1.0).is_some() {
        losses.dropped(fields::TEMPERATURE);
    }
    if (none || thinks) && top_p.take_if(|top_p| none && *top_p != 1.0 || *top_p < 0.95).is_some() {
        losses.dropped(fields::TOP_P);
    }
    if (none || thinks) && top_k.take().is_some() {
        losses.dropped(fields::TOP_K);
    }
    // Since 4.1 only one of the two may be said.
    if temperature.is_some()
        && top_p.is_some()
        && version(&request.model).is_some_and(|version| version >= (4, 1))
    {
        top_p = None;
        losses.dropped(fields::TOP_P);
    }
    (temperature, top_p, top_k)
}

fn form(model: &str) -> Form {
    match version(model) {
        None => Form::Either,
        Some(version) if version < (3, 7) => Form::Never,
        Some(version) if version < (4, 6) => Form::Budget,
        Some((4, 6)) => Form::Either,
        Some(_) => Form::Adaptive,
    }
}

/// The generation of one of the vendor's own models: `claude-3-7-sonnet-20250219` is 3.7, `claude-opus-4-6` 4.6,
/// `claude-sonnet-5` 5.0. `None` for others' models, and names without a number.
fn version(model: &str) -> Option<(u32, u32)> {
    let (_, rest) = model.split_once("claude-")?;
    let mut words = rest.split(['-', '.', '@', ':', '_']).map(|word| match word.len() {
        // Longer ones are dates.
        1 | 2 => word.parse::<u32>().ok(),
        _ => None,
    });
    let major = words.by_ref().find_map(|word| word)?;
    Some((major, words.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::{Message, Reasoning};

    #[test]
    fn generations() {
        for (model, expected) in [
            ("claude-3-5-sonnet-20241022", Form::Never),
            ("claude-3-7-sonnet-20250219", Form::Budget),
            ("claude-sonnet-4-20250514", Form::Budget),
            ("claude-opus-4-1-20250805", Form::Budget),
            ("claude-haiku-4-5@20251001", Form::Budget),
            ("us.anthropic.claude-opus-4-6-v1:0", Form::Either),
            ("claude-opus-4-7", Form::Adaptive),
            ("claude-sonnet-5", Form::Adaptive),
            ("claude-sonnet-5-5", Form::Adaptive),
            ("claude-latest", Form::Either),
            ("MiniMax-M2", Form::Either),
        ] {
            assert_eq!(form(model), expected, "{model}");
        }
    }

    fn planned(model: &str, reasoning: Reasoning, max_tokens: u64) -> (Plan, String) {
        let request = Request { model: model.to_owned(), reasoning: Some(reasoning), ..Request::default() };
        let mut losses = Losses::default();
        let plan = plan(&request, Some(max_tokens), &mut losses);
        (plan, losses.text())
    }

    fn effort(effort: Effort) -> Reasoning {
        Reasoning { effort: Some(effort), ..Reasoning::default() }
    }

    #[test]
    fn each_model_in_its_own_way() {
        let (plan, told) = planned("claude-sonnet-4-5", effort(Effort::Low), 8192);
        assert_eq!((plan.thinking, plan.effort), (Some(Thinking::Enabled(2048)), None));
        assert_eq!(told, "thinking.budget_tokens=2048");
        let (plan, told) = planned("claude-opus-4-7", effort(Effort::Minimal), 8192);
        assert_eq!((plan.thinking, plan.effort), (Some(Thinking::Adaptive), Some("low")));
        assert_eq!(told, "output_config.effort=low");
        let budget = Reasoning { budget: Some(20_000), ..Reasoning::default() };
        let (plan, told) = planned("claude-opus-4-7", budget.clone(), 8192);
        assert_eq!(
            (plan.thinking, plan.effort, told.as_str()),
            (Some(Thinking::Adaptive), Some("high"), "thinking=adaptive")
        );
        let (plan, told) = planned("claude-opus-4-6", budget.clone(), 8192);
        assert_eq!(
            (plan.thinking, told.as_str()),
            (Some(Thinking::Enabled(4096)), "thinking.budget_tokens=4096")
        );
        let (plan, told) = planned("claude-sonnet-4-5", budget, 1500);
        assert_eq!((plan.thinking, told.as_str()), (None, "reasoning_budget"));
        let (plan, told) = planned("claude-3-haiku-20240307", effort(Effort::High), 1500);
        assert_eq!((plan, told.as_str()), (Plan::default(), "thinking"));
        let off = Reasoning { effort: Some(Effort::High), budget: Some(0), ..Reasoning::default() };
        let (plan, _) = planned("claude-opus-4-6", off, 8192);
        assert_eq!((plan.thinking, plan.effort), (Some(Thinking::Disabled), Some("high")));
    }

    #[test]
    fn a_turn_that_began_without_thoughts_goes_on_without() {
        let message = |role, part| Message { role, parts: vec![part], name: None };
        let mut request = Request {
            model: "claude-sonnet-4-5".to_owned(),
            reasoning: Some(effort(Effort::High)),
            messages: vec![
                message(Role::User, Part::text("hi")),
                message(Role::Assistant, Part::ToolCall(crate::canon::ToolCall::default())),
                message(Role::User, Part::ToolResult(crate::canon::ToolResult::default())),
            ],
            ..Request::default()
        };
        let mut losses = Losses::default();
        let said = plan(&request, Some(100_000), &mut losses);
        assert_eq!(said.thinking, Some(Thinking::Disabled));
        assert!(losses.text().contains("reasoning_effort"));
        request.messages[1].parts.insert(
            0,
            Part::Thinking(crate::canon::Thinking {
                signature: Some("anthropic:x".to_owned()),
                ..Default::default()
            }),
        );
        assert_eq!(plan(&request, Some(100_000), &mut losses).thinking, Some(Thinking::Enabled(24_576)));
    }

    #[test]
    fn sampling_as_the_model_takes_it() {
        let told = |model: &str, temperature, top_p| {
            let mut request = Request { model: model.to_owned(), ..Request::default() };
            request.sampling.temperature = temperature;
            request.sampling.top_p = top_p;
            let mut losses = Losses::default();
            let (temperature, top_p, _) = sampling(&request, &Plan::default(), &mut losses);
            (temperature, top_p, losses.text())
        };
        assert_eq!(
            told("claude-3-haiku-20240307", Some(1.5), Some(0.5)),
            (Some(1.0), Some(0.5), "temperature=1 in place of 1.5".to_owned())
        );
        assert_eq!(told("claude-sonnet-4-5", Some(0.5), Some(0.5)), (Some(0.5), None, "top_p".to_owned()));
        assert_eq!(
            told("claude-sonnet-5", Some(0.5), Some(0.5)),
            (None, None, "temperature, top_p".to_owned())
        );
        assert_eq!(told("claude-sonnet-5", Some(1.0), None), (Some(1.0), None, String::new()));
    }
}
