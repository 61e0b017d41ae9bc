//! Claims that are not what was expected: by how much, and what the difference looks like.

use super::near::{date, distance, span};
use super::{AtHand, kind};
use crate::claims::Violation;
use crate::finding::{Finding, Severity, Subject};
use crate::jwt::{Time, TimeFault, Unverified};

/// A clock that is wrong by no more than this is a clock that is wrong.
const SKEW: i64 = 300 * 1_000_000;

/// Says about each rule that is broken what can be said. The rules are made by verification's own code.
pub(super) fn explain(token: &Unverified<'_>, hand: &AtHand, findings: &mut Vec<Finding>) {
    let skewed = is_skewed(token, hand.now);
    let foreign = kind::foreign(token, hand).is_some();
    for violation in hand.rules.inspect(token, hand.now) {
        // Said already, before anything else.
        if foreign && matches!(violation, Violation::Type { .. }) {
            continue;
        }
        findings.push(of(&violation, token, skewed));
    }
    if token.claims().cnf().is_some() {
        findings.push(Finding::new(
            Severity::Info,
            "bound_token",
            Subject::Claim("cnf".into()),
            "the token is bound to a key: it counts only with a proof of possession (DPoP, client certificate)",
            "send the proof with it; a bearer token it is not",
        ));
    }
    if let (Time::At(iat), Time::At(exp)) = (token.claims().iat(), token.claims().exp())
        && exp <= iat
    {
        findings.push(Finding::new(
            Severity::Error,
            "lifetime_negative",
            Subject::Claim("exp".into()),
            format!("it expires at {} and was issued at {}", date(exp), date(iat)),
            "correct the issuer: it gives its tokens no life at all",
        ));
    }
}

/// Whole seconds that cover a span.
fn seconds(micros: i64) -> u64 {
    micros.unsigned_abs().div_ceil(1_000_000)
}

/// Whether `iat` lies in the future by a little, which only clocks do.
fn is_skewed(token: &Unverified<'_>, now: i64) -> Option<i64> {
    token.claims().iat().micros().map(|iat| iat - now).filter(|ahead| (1..=SKEW).contains(ahead))
}

fn of(violation: &Violation, token: &Unverified<'_>, skewed: Option<i64>) -> Finding {
    let claim = |name: &str| Subject::Claim(name.to_owned());
    let error =
        |code, subject, evidence: String, next| Finding::new(Severity::Error, code, subject, evidence, next);
    match violation {
        Violation::Expired { exp, now, .. } => {
            let ago = now - exp;
            let (code, next) = match ago {
                ..=SKEW => (
                    "expired_recently",
                    "get a new token a little earlier; if this happens at once after issuing, compare the clocks",
                ),
                _ => (
                    "expired",
                    "get a new token; if it was just issued, compare the issuer's clock with this one",
                ),
            };
            let evidence = format!(
                "expired {} ago, at {}; this clock says {}; a leeway of {} s would make it valid",
                span(ago),
                date(*exp),
                date(*now),
                ago / 1_000_000 + 1
            );
            error(code, claim("exp"), evidence, next)
        }
        Violation::NotYetValid { nbf, now, .. } => {
            let evidence = format!(
                "valid in {}, from {}; this clock says {}; a leeway of {} s would make it valid",
                span(nbf - now),
                date(*nbf),
                date(*now),
                seconds(nbf - now)
            );
            let next = match skewed {
                Some(_) => "synchronise the clocks: the issuer's is ahead of this one, or allow a leeway",
                None => "wait, or compare the issuer's clock with this one",
            };
            error("not_yet_valid", claim("nbf"), evidence, next)
        }
        Violation::IssuedInFuture { iat, now, .. } => {
            let evidence = format!(
                "issued {} in the future, at {}; this clock says {}; a leeway of {} s would make it valid",
                span(iat - now),
                date(*iat),
                date(*now),
                seconds(iat - now)
            );
            let next = "synchronise the clocks: the issuer's is ahead of this one, or allow a leeway";
            error("issued_in_future", claim("iat"), evidence, next)
        }
        Violation::TooOld { iat, now, max_age } => {
            let evidence = format!(
                "issued {} ago, at {}; accepted for {}",
                span(now - iat),
                date(*iat),
                span(i64::try_from(*max_age).unwrap_or(i64::MAX))
            );
            error("too_old", claim("iat"), evidence, "sign in again, or accept older tokens")
        }
        Violation::TimeMalformed { claim: name, fault } => malformed(name, *fault, token),
        Violation::TimeMissing { claim: name } => error(
            "time_missing",
            claim(name),
            violation.to_string(),
            "have the issuer write it; a token without end must not be accepted",
        ),
        Violation::Issuer { expected, presented } => {
            let (code, difference) = difference(expected, presented);
            let code =
                ISSUER.iter().find(|(own, _)| *own == code).map_or("issuer_mismatch", |(_, code)| code);
            let evidence = format!(
                "expected `{}`, presented `{}`{difference}",
                expected.escape_debug(),
                presented.escape_debug()
            );
            let next = match code {
                "issuer_mismatch" => {
                    "check which environment the token is from, and which issuer is configured"
                }
                _ => {
                    "configure the issuer exactly as it writes itself: it is compared character by character"
                }
            };
            error(code, claim("iss"), evidence, next)
        }
        Violation::IssuerMissing { .. } | Violation::IssuerMalformed { .. } => error(
            violation.name(),
            claim("iss"),
            violation.to_string(),
            "have the issuer write its `iss` as a string",
        ),
        Violation::Audience { claim: name, expected, presented } => {
            let near =
                expected.iter().flat_map(|own| presented.iter().map(move |other| difference(own, other)));
            let near = near.min_by_key(|(code, _)| usize::from(*code == "other"));
            let (code, difference) = near.unwrap_or(("other", String::new()));
            let code =
                AUDIENCE.iter().find(|(own, _)| *own == code).map_or("audience_mismatch", |(_, code)| code);
            let difference = if code == "audience_mismatch" { String::new() } else { difference };
            let next = match code {
                "audience_mismatch" => {
                    "request the token for this audience (`audience`, `resource` or scope), or accept the presented one"
                }
                _ => "configure the audience exactly as the issuer writes it",
            };
            error(code, claim(name), format!("{violation}{difference}"), next)
        }
        Violation::AudienceMissing { claim: name, .. } | Violation::AudienceMalformed { claim: name, .. } => {
            error(
                violation.name(),
                claim(name),
                violation.to_string(),
                "have the issuer write the audience, or name the claim that it uses instead",
            )
        }
        Violation::Type { .. } => error(
            "type_mismatch",
            Subject::Part("header"),
            violation.to_string(),
            "send an access token, or accept this type if the issuer writes it into all of them",
        ),
        Violation::ClaimMissing { claim: name } => error(
            "claim_missing",
            claim(name),
            violation.to_string(),
            "have the issuer write it: most need a mapper, a scope or a profile for it",
        ),
        Violation::Subject { .. } => error(
            violation.name(),
            claim("sub"),
            violation.to_string(),
            "have the issuer write `sub` as a string: it is what a user is found by",
        ),
        Violation::Algorithm { .. } => error(
            violation.name(),
            Subject::Part("header"),
            violation.to_string(),
            "allow the algorithm, or configure the issuer to use an allowed one",
        ),
    }
}

const ISSUER: [(&str, &str); 5] = [
    ("slash", "issuer_trailing_slash"),
    ("case", "issuer_case"),
    ("scheme", "issuer_scheme"),
    ("port", "issuer_port"),
    ("space", "issuer_space"),
];

const AUDIENCE: [(&str, &str); 5] = [
    ("slash", "audience_trailing_slash"),
    ("case", "audience_case"),
    ("scheme", "audience_scheme"),
    ("port", "audience_port"),
    ("space", "audience_space"),
];

/// In what way two identifiers differ, if in one small way.
fn difference(a: &str, b: &str) -> (&'static str, String) {
    let slash = |text: &str| text.trim_end_matches('/').to_owned();
    let scheme = |text: &str| text.split_once("://").map_or(text, |(_, rest)| rest).to_owned();
    let port = |text: &str| {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        format!("{scheme}://{}{path}", host.split(':').next().unwrap_or(host))
    };
    if a.trim() == b.trim() {
        return ("space", ": they differ in white space".to_owned());
    }
    if slash(a) == slash(b) {
        return ("slash", ": they differ in the final slash".to_owned());
    }
    if a.to_lowercase() == b.to_lowercase() {
        return ("case", ": they differ in upper and lower case".to_owned());
    }
    if a.contains("://") && b.contains("://") {
        if scheme(a) == scheme(b) {
            return ("scheme", ": they differ in the scheme".to_owned());
        }
        if port(a) == port(b) {
            return ("port", ": they differ in the port".to_owned());
        }
    }
    match distance(a, b) {
        edits @ 1..=3 => ("other", format!(": they differ in {edits} characters")),
        _ => ("other", String::new()),
    }
}

fn malformed(name: &'static str, fault: TimeFault, token: &Unverified<'_>) -> Finding {
    let raw = token.claims().claim_json(&[name]).unwrap_or_default();
    let subject = Subject::Claim(name.to_owned());
    let error =
        |code, evidence: String, next| Finding::new(Severity::Error, code, subject.clone(), evidence, next);
    match (fault, raw.parse::<i64>()) {
        (TimeFault::TooLarge, Ok(value)) => {
            // What it would be if the unit were a smaller one.
            let (unit, micros) = match value {
                ..100_000_000_000_000 => ("milliseconds", value.saturating_mul(1000)),
                _ => ("microseconds", value),
            };
            let evidence = format!("`{value}` are no seconds since 1970; as {unit} it is {}", date(micros));
            error(
                "time_in_milliseconds",
                evidence,
                "have the issuer write seconds since 1970 (RFC 7519 §2), divided by 1000",
            )
        }
        (TimeFault::NotANumber(kind), _) => {
            let evidence = format!("it is {kind} instead of a number");
            error(
                "time_not_a_number",
                evidence,
                "have the issuer write a number without quotes: seconds since 1970",
            )
        }
        _ => error(
            "time_malformed",
            fault.to_string(),
            "have the issuer write seconds since 1970 (RFC 7519 §2)",
        ),
    }
}
