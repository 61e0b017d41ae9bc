//! The wrong issuer or environment: a staging token in production, a trailing slash, another scheme or host.

use super::key_set::other_issuer;
use crate::case::Case;
use crate::cause::{self, Cause};
use crate::check::{Check, Seen};
use crate::nearmiss::only;
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::quoted;
use async_trait::async_trait;
use portcullis_fault::codes;
use portcullis_store::near::Difference;
use url::Url;

pub(super) struct Issuer;

#[async_trait]
impl Check for Issuer {
    fn name(&self) -> &'static str {
        "issuer"
    }

    async fn examine(&self, case: &Case) -> Seen {
        if case.failed() != Some(Stage::Issuer) {
            return match &case.course.seen.issuer {
                Some(name) => Seen::InOrder(format!("the token is of the configured issuer `{name}`")),
                None => Seen::Nothing,
            };
        }
        let Some(iss) = case.text("iss") else {
            return Seen::one(
                Finding::new(
                    cause::ISSUER_MISSING,
                    Stage::Issuer,
                    Likelihood::Certain,
                    By::IssuerAdministrator,
                    "the token does not say who issued it (`iss`)",
                )
                .evidence("`iss` is missing or no text")
                .action("have the issuer write its `iss`: without it no key can be chosen")
                .page(codes::ISSUER_UNKNOWN),
            );
        };
        let mut findings: Vec<Finding> = Vec::new();
        for configured in &case.config.issuers {
            let Some((code, how)) = difference(&configured.issuer, iss) else { continue };
            findings.push(
                Finding::new(code, Stage::Issuer, Likelihood::Certain, By::Operator, format!("the token's `iss` is that of issuer `{}`, but for {how}", configured.name))
                    .evidence(format!("presented {}", quoted(iss)))
                    .evidence(format!("configured {}", quoted(&configured.issuer)))
                    .action("write `issuer` exactly as the issuer writes itself into its tokens: it is compared character by character")
                    .command("portcullis issuer list"),
            );
        }
        let signers = case.token.as_deref().map(|token| case.signers(token)).unwrap_or_default();
        if let Some(signer) = signers.first() {
            let finding = other_issuer(case, signer, Stage::Issuer);
            match findings.first_mut() {
                Some(first) => first.evidence.extend(finding.evidence),
                None => findings.push(finding),
            }
        }
        if findings.is_empty() {
            let known: Vec<String> =
                case.config.issuers.iter().map(|issuer| quoted(&issuer.issuer)).take(8).collect();
            let mut finding = Finding::new(
                cause::ISSUER_NOT_CONFIGURED,
                Stage::Issuer,
                Likelihood::Likely,
                By::Caller,
                "the token is of an issuer that is not configured here, perhaps of another environment",
            )
            .evidence(format!("presented {}", quoted(iss)))
            .evidence(format!(
                "configured {}",
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            ));
            if let Some(word) = environment(iss) {
                finding = finding.evidence(format!("its name speaks of another environment: `{word}`"));
            }
            findings.push(
                finding
                    .action("get the token from an issuer of this environment; or add `[[issuers]]` for this one if it is to be trusted")
                    .command("portcullis issuer list"),
            );
        }
        Seen::Found(findings)
    }
}

/// In what small way two issuers differ; nothing when they are unlike.
fn difference(configured: &str, presented: &str) -> Option<(Cause, String)> {
    match only(presented, configured) {
        Some((Some(Difference::WhiteSpace), _)) => {
            return Some((cause::ISSUER_SPACE, "white space around it".to_owned()));
        }
        Some((Some(Difference::Invisible | Difference::UnicodeForm), _)) => {
            return Some((cause::ISSUER_INVISIBLE, "characters that cannot be seen".to_owned()));
        }
        _ => {}
    }
    let slash = |text: &str| text.trim_end_matches('/').to_owned();
    if slash(configured) == slash(presented) {
        return Some((cause::ISSUER_TRAILING_SLASH, "the slash at its end".to_owned()));
    }
    if configured.to_lowercase() == presented.to_lowercase() {
        return Some((cause::ISSUER_CASE, "upper and lower case".to_owned()));
    }
    let (a, b) = (Url::parse(configured).ok()?, Url::parse(presented).ok()?);
    let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
    let place = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
    if place(&a) == place(&b) && a.scheme() == b.scheme() {
        return Some((cause::ISSUER_PATH, format!("its path (`{}` instead of `{}`)", path(&b), path(&a))));
    }
    if a.host_str() == b.host_str() && path(&a) == path(&b) {
        return match a.scheme() == b.scheme() {
            false => Some((
                cause::ISSUER_SCHEME,
                format!("its scheme (`{}` instead of `{}`)", b.scheme(), a.scheme()),
            )),
            true => Some((cause::ISSUER_PORT, "its port".to_owned())),
        };
    }
    if path(&a) == path(&b) && !path(&a).is_empty() {
        let (a, b) = (a.host_str().unwrap_or_default(), b.host_str().unwrap_or_default());
        return Some((cause::ISSUER_HOST, format!("its host (`{b}` instead of `{a}`)")));
    }
    None
}

/// A part of the name that says which environment it is of.
fn environment(iss: &str) -> Option<&'static str> {
    const WORDS: [&str; 12] = [
        "staging",
        "stage",
        "test",
        "dev",
        "development",
        "sandbox",
        "uat",
        "qa",
        "preprod",
        "demo",
        "localhost",
        "local",
    ];
    let lower = iss.to_lowercase();
    let mut parts = lower.split(|c: char| !c.is_alphanumeric());
    parts.find_map(|part| WORDS.into_iter().find(|word| *word == part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_small_difference_has_its_name() {
        let own = "https://idp.example/realms/corp";
        for (presented, code) in [
            ("https://idp.example/realms/corp/", "issuer_trailing_slash"),
            ("https://idp.example/realms/Corp", "issuer_case"),
            ("http://idp.example/realms/corp", "issuer_scheme"),
            ("https://idp.example:8443/realms/corp", "issuer_port"),
            ("https://idp.example/realms/other", "issuer_path"),
            ("https://idp-staging.example/realms/corp", "issuer_host"),
            (" https://idp.example/realms/corp", "issuer_space"),
            ("https://idp.\u{ad}example/realms/corp", "issuer_invisible"),
        ] {
            assert_eq!(difference(own, presented).map(|(code, _)| code.as_str()), Some(code), "{presented}");
        }
        assert!(difference(own, "https://login.other.example/").is_none());
        assert_eq!(environment("https://login.staging.corp.example"), Some("staging"));
        assert_eq!(environment("https://login.corp.example"), None);
    }
}
