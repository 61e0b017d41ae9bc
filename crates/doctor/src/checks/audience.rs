//! The token is meant for another audience: expected and presented side by side, and the nearest that is configured.

use crate::case::Case;
use crate::cause::{self, Cause};
use crate::check::{Check, Seen};
use crate::nearmiss::only;
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::quoted;
use async_trait::async_trait;
use portcullis_store::near::Difference;
use serde_json::Value;

pub(super) struct Audience;

#[async_trait]
impl Check for Audience {
    fn name(&self) -> &'static str {
        "audience"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(issuer) = case.issuer() else { return Seen::Nothing };
        let claim = issuer.audience_claim.as_deref().unwrap_or("aud");
        let value = case.claims.as_ref().and_then(|claims| claims.get(claim));
        let presented: Vec<&str> = match value {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if case.failed() != Some(Stage::Audience) {
            let signed = case.course.seen.signed.is_some();
            return if signed {
                Seen::InOrder(format!("`{claim}` has an audience of this gateway"))
            } else {
                Seen::Nothing
            };
        }
        let list = |all: &[&str]| match all {
            [] => "none".to_owned(),
            all => all.iter().take(8).map(|one| quoted(one)).collect::<Vec<_>>().join(", "),
        };
        let expected: Vec<&str> = issuer.audiences.iter().map(String::as_str).collect();
        let evidence = |finding: Finding| {
            finding
                .evidence(format!("expected in `{claim}`: {}", list(&expected)))
                .evidence(format!("presented: {}", list(&presented)))
        };
        let near = expected.iter().find_map(|own| {
            presented.iter().find_map(|other| small(own, other).map(|(code, how)| (code, how, *own, *other)))
        });
        if let Some((code, how, own, other)) = near {
            return Seen::one(
                evidence(Finding::new(
                    code,
                    Stage::Audience,
                    Likelihood::Certain,
                    By::Operator,
                    format!("the token's audience is that of this gateway, but for {how}"),
                ))
                .evidence(format!("{} and {}", quoted(own), quoted(other)))
                .action("write the audience into `audiences` of the issuer exactly as the issuer writes it")
                .command("portcullis issuer list"),
            );
        }
        if presented.is_empty() {
            let other = case.claims.as_ref().and_then(Value::as_object).and_then(|claims| {
                claims.iter().find(|(_, value)| value.as_str().is_some_and(|text| expected.contains(&text)))
            });
            let finding = evidence(Finding::new(
                cause::AUDIENCE_MISSING,
                Stage::Audience,
                Likelihood::Certain,
                By::IssuerAdministrator,
                format!("the token has no audience in `{claim}`"),
            ));
            return Seen::one(match other {
                Some((name, _)) => finding
                    .evidence(format!("the expected audience stands in `{}`", name.escape_debug()))
                    .action(format!("set `audience_claim = \"{}\"` of the issuer", name.escape_debug()))
                    .command("portcullis issuer list"),
                None => finding
                    .action("have the issuer write the audience (Keycloak: an audience mapper; Cognito: `client_id`); or set `audience_claim` of the issuer")
                    .command("portcullis issuer list"),
            });
        }
        let elsewhere: Vec<&str> = case
            .config
            .issuers
            .iter()
            .filter(|other| {
                other.name != issuer.name
                    && other.audiences.iter().any(|own| presented.contains(&own.as_str()))
            })
            .map(|other| other.name.as_str())
            .collect();
        let service = case.config.services.iter().find(|service| presented.contains(&service.name.as_str()));
        let mut finding = evidence(Finding::new(
            cause::AUDIENCE_MISMATCH,
            Stage::Audience,
            Likelihood::Certain,
            By::Caller,
            "the token was issued for another API than this gateway",
        ));
        if !elsewhere.is_empty() {
            finding =
                finding.evidence(format!("it would be an audience of issuer `{}`", elsewhere.join("`, `")));
        }
        if let Some(service) = service {
            finding = finding.evidence(format!(
                "it is the name of service `{}`: perhaps it is meant as its audience",
                service.name
            ));
        }
        Seen::one(
            finding
                .action(format!("ask for a token for {} (`audience`, `resource` or a scope of it, as the issuer has it); or add the presented audience to `audiences` of the issuer, if such tokens are meant to be accepted", list(&expected)))
                .command("portcullis issuer list"),
        )
    }
}

/// In what small way two audiences differ.
fn small(own: &str, other: &str) -> Option<(Cause, &'static str)> {
    let bare = |text: &str| text.trim_end_matches('/').to_owned();
    let scheme = |text: &str| text.split_once("://").map_or_else(|| text.to_owned(), |(_, rest)| bare(rest));
    if bare(own) == bare(other) {
        return Some((cause::AUDIENCE_TRAILING_SLASH, "the slash at its end"));
    }
    if own.contains("://") != other.contains("://") || scheme(own) == scheme(other) {
        return (scheme(own) == scheme(other)).then_some((cause::AUDIENCE_SCHEME, "its scheme"));
    }
    match only(other, own)? {
        (Some(Difference::WhiteSpace), _) => Some((cause::AUDIENCE_SPACE, "white space around it")),
        (Some(Difference::Case), _) => Some((cause::AUDIENCE_CASE, "upper and lower case")),
        (Some(Difference::Invisible | Difference::UnicodeForm), _) => {
            Some((cause::AUDIENCE_INVISIBLE, "characters that cannot be seen"))
        }
        (None, _) => Some((cause::AUDIENCE_MISSPELT, "a letter or two")),
        _ => None,
    }
}
