//! Webhooks and message buses: a place that can be written to in confidence, events that exist, times that make sense.

use super::{Subject, positive, urls};
use crate::Nats;
use crate::nearest;
use crate::place::Path;
use crate::shape::shown;
use crate::tree::Findings;
use portcullis_model::Span;
use portcullis_model::event::{TYPES, is_known};
use std::time::Duration;
use url::{Position, Url};

/// A delivery that takes longer than this is none.
const LONGEST_DELIVERY: Duration = Duration::from_secs(60);

/// Events are kept for a week; whoever gives up later than this would miss some.
const LATEST: Duration = Duration::from_secs(5 * 86_400);

/// Names that events are told under otherwise.
const RESERVED: [&str; 3] = ["kafka", "nats", "rabbitmq"];

pub fn check(subject: &Subject<'_>, findings: &mut Findings) {
    if let Some(configured) = &subject.config.events.nats {
        nats(configured, findings);
    }
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
        times(webhook.timeout, webhook.give_up_after, &at, findings);
        if webhook.old_secret.as_ref() == Some(&webhook.secret) {
            findings.value(
                at.key("old_secret"),
                "`old_secret` is the same as `secret`",
                Some("take it out, or name the secret of before"),
            );
        }
    }
}

/// The message bus.
fn nats(nats: &Nats, findings: &mut Findings) {
    let at = Path::of("events").key("nats");
    if !matches!(nats.url.scheme(), "nats" | "tls") || nats.url.host().is_none() {
        let message =
            format!("`url` must begin with `tls://` or `nats://`, not `{}:`", shown(nats.url.scheme()));
        findings.value(at.key("url"), message, Some("write it as `tls://nats.example.com:4222`"));
    } else if !nats.url.username().is_empty() || nats.url.password().is_some() {
        let message = "`url` has credentials in it";
        findings.value(at.key("url"), message, Some("give them as `credentials` or `token`, by reference"));
    } else if !matches!(nats.url.path(), "" | "/")
        || nats.url.query().is_some()
        || nats.url.fragment().is_some()
    {
        let message = "`url` has more than scheme, host and port";
        findings.value(at.key("url"), message, Some("write it as `tls://nats.example.com:4222`"));
    } else if nats.url.scheme() == "nats" && !on_this_machine(&nats.url) {
        let message =
            "`url` must be `tls`: events say who your users are, and anybody on the way could read them";
        findings.value(
            at.key("url"),
            message,
            Some("`nats` is accepted for `localhost` and loopback addresses only"),
        );
    }
    let ways = [nats.credentials.is_some(), nats.token.is_some(), nats.username.is_some()];
    if ways.iter().filter(|given| **given).count() > 1 {
        let message = "only one of `credentials`, `token` and `username` can be given";
        findings.key(at.clone(), message, None);
    }
    if nats.username.is_some() != nats.password.is_some() {
        findings.key(at.clone(), "`username` and `password` belong together", None);
    }
    if nats.client_certificate_file.is_some() != nats.client_key_file.is_some() {
        findings.key(at.clone(), "`client_certificate_file` and `client_key_file` belong together", None);
    }
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c))
    };
    if !nats.prefix.split('.').all(word) {
        let message = format!(
            "`prefix` is words of `a-z A-Z 0-9 _ -` with dots between, not `{}`",
            shown(&nats.prefix)
        );
        findings.value(at.key("prefix"), message, None);
    }
    for (i, pattern) in nats.events.iter().enumerate().filter(|(_, pattern)| !is_known(pattern)) {
        event(pattern, at.key("events").index(i), findings);
    }
    times(nats.timeout, nats.give_up_after, &at, findings);
}

/// Whether it is. Of a scheme that is not the web's, an address is not read as one.
fn on_this_machine(url: &Url) -> bool {
    let place = &url[Position::BeforeHost..Position::AfterPort];
    Url::parse(&format!("https://{place}")).is_ok_and(|url| urls::loopback(&url))
}

fn times(timeout: Span, give_up_after: Span, at: &Path, findings: &mut Findings) {
    positive(timeout, at.key("timeout"), findings);
    if timeout.0 > LONGEST_DELIVERY {
        findings.value(
            at.key("timeout"),
            format!("`timeout` is at most `60s`, not `{timeout}`"),
            Some("a receiver takes the event and works on it afterwards"),
        );
    }
    if give_up_after.0 > LATEST || give_up_after.0.is_zero() {
        findings.value(
            at.key("give_up_after"),
            format!("`give_up_after` is from `1ms` to `5d`, not `{give_up_after}`"),
            Some("events are kept for 7 days"),
        );
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
    fn a_message_bus_is_checked_as_well() {
        let problems = |nats: &str| {
            let text = format!("[events.nats]\n{nats}");
            parse(&text, "t").map(|_| String::new()).unwrap_or_else(|errors| errors.to_string())
        };
        assert_eq!(
            problems("url = \"nats://127.0.0.1:4222\"\nevents = [\"user.*\"]\nprefix = \"gw.eu\""),
            ""
        );
        for url in ["nats://localhost", "nats://[::1]:4222", "nats://127.0.0.2"] {
            assert_eq!(problems(&format!("url = \"{url}\"")), "");
        }
        for (nats, said) in [
            ("url = \"nats://localhost.example\"", "must be `tls`"),
            ("url = \"nats://10.0.0.1\"", "must be `tls`"),
            ("url = \"https://h\"", "`tls://` or `nats://`"),
            ("url = \"nats://h:4222\"", "must be `tls`"),
            ("url = \"tls://u:hunter2@h:4222\"", "has credentials in it"),
            ("url = \"tls://h/?token=x\"", "more than scheme, host and port"),
            ("url = \"tls://h\"\nprefix = \"a.*\"", "`prefix`"),
            ("url = \"tls://h\"\nevents = [\"user.suspend\"]", "did you mean"),
            ("url = \"tls://h\"\ntoken = \"env:A\"\ncredentials = \"env:B\"", "only one of"),
            ("url = \"tls://h\"\nusername = \"u\"", "belong together"),
            ("url = \"tls://h\"\nclient_key_file = \"k\"", "belong together"),
            ("url = \"tls://h\"\ntimeout = \"2m\"", "at most `60s`"),
        ] {
            let problems = problems(nats);
            assert!(problems.contains(said) && !problems.contains("hunter2"), "{nats}: {problems}");
        }
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
