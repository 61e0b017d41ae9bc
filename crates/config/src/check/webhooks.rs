//! Webhooks: a place that can be written to in confidence, events that exist, times that make sense.

use super::{Subject, positive, urls};
use crate::nearest;
use crate::place::Path;
use crate::shape::shown;
use crate::tree::Findings;
use portcullis_model::event::{TYPES, is_known};
use std::time::Duration;

/// A delivery that takes longer than this is none.
const LONGEST_DELIVERY: Duration = Duration::from_secs(60);

/// Events are kept for a week; whoever gives up later than this would miss some.
const LATEST: Duration = Duration::from_secs(5 * 86_400);

/// Names that events are told under otherwise.
const RESERVED: [&str; 3] = ["kafka", "nats", "rabbitmq"];

pub fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (at, webhook) in subject.each("webhooks", &subject.config.webhooks, &subject.index.webhooks) {
        if RESERVED.contains(&webhook.name.as_str()) {
            let message = format!("the name `{}` is that of a message bus", webhook.name);
            findings.value(at.key("name"), message, Some("choose another"));
        }
        let url = at.key("url");
        if urls::plain(&webhook.url, &url, findings)
            && webhook.url.scheme() == "http"
            && !urls::loopback(&webhook.url)
        {
            findings.value(
                url,
                "`url` must be `https`: events say who your users are, and anybody on the way could read them",
                Some("`http` is accepted for `localhost` and loopback addresses only"),
            );
        }
        for (i, pattern) in webhook.events.iter().enumerate().filter(|(_, pattern)| !is_known(pattern)) {
            event(pattern, at.key("events").index(i), findings);
        }
        positive(webhook.timeout, at.key("timeout"), findings);
        if webhook.timeout.0 > LONGEST_DELIVERY {
            findings.value(
                at.key("timeout"),
                format!("`timeout` is at most `60s`, not `{}`", webhook.timeout),
                Some("a receiver takes the event and works on it afterwards"),
            );
        }
        if webhook.give_up_after.0 > LATEST || webhook.give_up_after.0.is_zero() {
            findings.value(
                at.key("give_up_after"),
                format!("`give_up_after` is from `1ms` to `5d`, not `{}`", webhook.give_up_after),
                Some("events are kept for 7 days"),
            );
        }
        if webhook.old_secret.as_ref() == Some(&webhook.secret) {
            findings.value(
                at.key("old_secret"),
                "`old_secret` is the same as `secret`",
                Some("take it out, or name the secret of before"),
            );
        }
    }
}

/// A pattern that means nothing.
fn event(pattern: &str, at: Path, findings: &mut Findings) {
    let families: Vec<String> = TYPES
        .iter()
        .filter_map(|kind| kind.split_once('.'))
        .map(|(family, _)| format!("{family}.*"))
        .collect();
    let known = TYPES.iter().copied().chain(families.iter().map(String::as_str));
    let help = match nearest(pattern, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            format!("known: {}", TYPES.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", "))
        }
    };
    findings.value(at, format!("there is no event `{}`", shown(pattern)), Some(&help));
}

#[cfg(test)]
mod tests {
    use crate::parse;

    fn problems(webhook: &str) -> String {
        let text = format!("[[tenants]]\nname = \"acme\"\n[[webhooks]]\n{webhook}");
        parse(&text, "t").map(|_| String::new()).unwrap_or_else(|errors| errors.to_string())
    }

    const GOOD: &str = "name = \"crm\"\nurl = \"https://h.example/x\"\nsecret = \"env:S\"\n";

    #[test]
    fn what_is_good_is_taken() {
        assert_eq!(
            problems(&format!("{GOOD}tenant = \"acme\"\nevents = [\"user.*\", \"tokens.revoked\"]")),
            ""
        );
        assert_eq!(problems("name = \"crm\"\nurl = \"http://127.0.0.1:9/x\"\nsecret = \"file:s\""), "");
    }

    #[test]
    fn each_mistake_is_said() {
        for (webhook, said) in [
            (format!("{GOOD}events = [\"user.suspend\"]"), "did you mean `user.suspended`?"),
            (format!("{GOOD}events = [\"people.*\"]"), "there is no event `people.*`"),
            (format!("{GOOD}tenant = \"acne\""), "did you mean `acme`?"),
            (format!("{GOOD}timeout = \"2m\""), "at most `60s`"),
            (format!("{GOOD}timeout = \"0s\""), "longer than `0s`"),
            (format!("{GOOD}give_up_after = \"7d\""), "to `5d`"),
            (format!("{GOOD}old_secret = \"env:S\""), "the same as `secret`"),
            (GOOD.replace("https:", "http:"), "must be `https`"),
            (GOOD.replace("https://", "https://u:hunter2@"), "has credentials in it"),
            (GOOD.replace("crm", "nats"), "message bus"),
            (format!("{GOOD}[[webhooks]]\n{GOOD}"), "is taken"),
        ] {
            let problems = problems(&webhook);
            assert!(problems.contains(said), "{webhook}: {problems}");
            assert!(!problems.contains("hunter2"));
        }
    }
}
