//! An explanation as it stands on a terminal.

use portcullis_model::route::{RouteCandidate, RouteExplanation, RoutePermission};
use std::fmt::Write;

/// The whole of it.
pub(super) fn render(explanation: &RouteExplanation) -> String {
    let mut text = String::new();
    // Infallible all through: writing into a String.
    let _ = writeln!(
        text,
        "{}, strategy {}: `{}` in the dialect `{}`",
        explanation.model, explanation.strategy, explanation.operation, explanation.dialect
    );
    let from = if explanation.live {
        "what the running process knows at the moment"
    } else {
        "the configuration alone; no process is running whose breakers, keys and latencies would count"
    };
    line(&mut text, "by", from);
    if let Some(permission) = &explanation.permission {
        line(&mut text, "caller", &allowed(permission));
    } else {
        line(&mut text, "caller", "nobody is named; whether they may use the model is not asked");
    }
    let mut call = format!("{} bytes, at least {} tokens", explanation.bytes, explanation.tokens_at_least);
    if !explanation.needs.is_empty() {
        let _ = write!(call, "; needs {}", explanation.needs.join(", "));
    }
    line(&mut text, "call", &call);
    if explanation.by_chance {
        line(&mut text, "order", "chance has a say: another call may get another one of the same priority");
    }
    text.push('\n');
    candidates(&mut text, &explanation.candidates);
    let mut after = Vec::new();
    if let Some(millis) = explanation.hedge_after_ms {
        after.push(format!("the second is asked beside the first after {millis} ms of silence"));
    }
    match explanation.retries {
        0 => {}
        1 => after.push("all are tried again once, after a pause".to_owned()),
        more => after.push(format!("all are tried again up to {more} times, after a pause")),
    }
    if let Some(millis) = explanation.deadline_ms {
        after.push(format!("all of it within {millis} ms"));
    }
    if !after.is_empty() || !explanation.standby.is_empty() {
        text.push_str("\nwhen they fail\n");
    }
    for said in after {
        let _ = writeln!(text, "  {said}");
    }
    for standby in &explanation.standby {
        let models = standby.models.iter().map(|standby| match &standby.permission {
            Some(permission) if !permission.allowed => {
                let code = permission.code.as_deref().unwrap_or("not allowed");
                format!("{} (passed over: `{code}`)", standby.model)
            }
            _ => standby.model.to_string(),
        });
        let _ = writeln!(text, "  {:<16}  {}", standby.class, models.collect::<Vec<_>>().join(", "));
    }
    printable(&text)
}

fn line(text: &mut String, name: &str, what: &str) {
    let _ = writeln!(text, "  {name:<7} {what}");
}

fn allowed(permission: &RoutePermission) -> String {
    if permission.allowed {
        return "may use the model".to_owned();
    }
    let code = permission.code.as_deref().unwrap_or("refused");
    let why = permission.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("may NOT use the model, `{code}`{why}")
}

fn candidates(text: &mut String, candidates: &[RouteCandidate]) {
    let named = |candidate: &RouteCandidate| format!("{} at {}", candidate.deployment, candidate.provider);
    let wide = candidates.iter().map(|candidate| named(candidate).chars().count()).max().unwrap_or(0);
    if candidates.iter().all(|candidate| candidate.place.is_none()) {
        text.push_str("no deployment would get it\n");
    }
    for candidate in candidates {
        let place = candidate.place.map_or("-".to_owned(), |place| place.to_string());
        let _ = writeln!(text, "{place:>3}  {:<wide$}  {}", named(candidate), figures(candidate));
        if let Some(reason) = &candidate.reason {
            let _ = writeln!(text, "       {reason}");
        }
    }
}

fn figures(candidate: &RouteCandidate) -> String {
    let mut figures =
        vec![format!("priority {}", candidate.priority), format!("weight {}", candidate.weight)];
    figures.extend(candidate.way.clone());
    figures.extend(candidate.api.as_ref().map(|api| format!("api {api}")));
    figures.extend(candidate.region.as_ref().map(|region| format!("region {region}")));
    if let Some(breaker) = &candidate.breaker {
        let failures = candidate.failures.filter(|failures| *failures > 0);
        let failures =
            failures.map(|failures| format!(" ({failures} failures in a row)")).unwrap_or_default();
        figures.push(format!("breaker {}{failures}", breaker.replace('_', "-")));
    }
    if let (Some(resting @ 1..), Some(keys)) = (candidate.resting, candidate.keys) {
        figures.push(format!("{resting} of {keys} keys rest"));
    }
    figures.extend(candidate.under_way.filter(|calls| *calls > 0).map(|calls| format!("{calls} under way")));
    figures.extend(candidate.latency_ms.map(|millis| format!("{millis} ms")));
    if let (Some(nanos), Some(currency)) = (candidate.price_nanos, &candidate.currency) {
        let decimals = format!("{:09}", nanos % 1_000_000_000);
        let decimals = decimals.get(..6).unwrap_or_default();
        figures.push(format!("about {}.{decimals} {currency}", nanos / 1_000_000_000));
    }
    figures.join(", ")
}

/// Names of models come from a file and messages from providers: escape sequences must not reach a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_model::Name;
    use portcullis_model::route::{RouteStandby, RouteStandbyModel};

    #[test]
    fn everything_that_decides_is_told() {
        let deployment = |provider: &str, place, reason: Option<&str>| RouteCandidate {
            place,
            provider: provider.to_owned(),
            deployment: "gpt-5".to_owned(),
            reason: reason.map(str::to_owned),
            weight: 1,
            ..RouteCandidate::default()
        };
        let no = RoutePermission {
            allowed: false,
            code: Some("model_not_granted".to_owned()),
            why: Some("model `huge` is not granted to tenant `acme`".to_owned()),
        };
        let model = |name: &str, permission: RoutePermission| RouteStandbyModel {
            model: Name::new(name).unwrap(),
            permission: Some(permission),
        };
        let yes = RoutePermission { allowed: true, ..RoutePermission::default() };
        let explanation = RouteExplanation {
            model: "smart".to_owned(),
            strategy: "latency".to_owned(),
            dialect: "openai".to_owned(),
            operation: "chat".to_owned(),
            live: true,
            by_chance: true,
            permission: Some(yes.clone()),
            bytes: 12_345,
            tokens_at_least: 1_500,
            needs: vec!["tools".to_owned(), "vision".to_owned()],
            candidates: vec![
                RouteCandidate {
                    way: Some("as it is".to_owned()),
                    api: Some("chat_completions".to_owned()),
                    breaker: Some("half_open".to_owned()),
                    failures: Some(5),
                    keys: Some(2),
                    resting: Some(1),
                    under_way: Some(3),
                    latency_ms: Some(420),
                    price_nanos: Some(12_345_678),
                    currency: Some("USD".to_owned()),
                    ..deployment("openai", Some(1), None)
                },
                deployment(
                    "azure-eu",
                    Some(2),
                    Some("by the catalogue it is not able to do `vision`; nobody else is left"),
                ),
                deployment("lab", None, Some("the call does not fit its `when.teams`\u{1b}[2J")),
            ],
            standby: vec![RouteStandby {
                class: "outage".to_owned(),
                models: vec![model("modest", yes), model("huge", no.clone())],
            }],
            retries: 1,
            deadline_ms: Some(60_000),
            hedge_after_ms: Some(800),
        };
        assert_eq!(
            render(&explanation),
            "\
smart, strategy latency: `chat` in the dialect `openai`
  by      what the running process knows at the moment
  caller  may use the model
  call    12345 bytes, at least 1500 tokens; needs tools, vision
  order   chance has a say: another call may get another one of the same priority

  1  gpt-5 at openai    priority 0, weight 1, as it is, api chat_completions, breaker half-open (5 failures in a row), 1 of 2 keys rest, 3 under way, 420 ms, about 0.012345 USD
  2  gpt-5 at azure-eu  priority 0, weight 1
       by the catalogue it is not able to do `vision`; nobody else is left
  -  gpt-5 at lab       priority 0, weight 1
       the call does not fit its `when.teams`\u{fffd}[2J

when they fail
  the second is asked beside the first after 800 ms of silence
  all are tried again once, after a pause
  all of it within 60000 ms
  outage            modest, huge (passed over: `model_not_granted`)
"
        );
        let cold = RouteExplanation {
            candidates: vec![deployment("lab", None, Some("it is not in the region"))],
            permission: Some(no),
            ..RouteExplanation::default()
        };
        let text = render(&cold);
        assert!(
            text.contains("no deployment would get it")
                && text.contains("may NOT use the model, `model_not_granted`"),
            "{text}"
        );
        assert!(text.contains("the configuration alone"), "{text}");
    }
}
