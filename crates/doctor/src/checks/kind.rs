//! A sound credential of a kind that is not meant for an API: an ID token, a refresh token, a notice of signing out, the
//! key of a vendor.

use crate::case::Case;
use crate::cause::{self, Cause};
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use async_trait::async_trait;
use portcullis_fault::codes;
use serde_json::Value;

pub(super) struct Kind;

/// How keys of others begin, and whose they are.
const FOREIGN: [(&str, &str); 12] = [
    ("pco_", "an operator's credential of this gateway's control plane"),
    ("sk-ant-", "an Anthropic API key"),
    ("sk-", "an OpenAI API key"),
    ("AIza", "a Google API key"),
    ("ya29.", "a Google access token"),
    ("1//", "a Google refresh token"),
    ("ghp_", "a GitHub token"),
    ("github_pat_", "a GitHub token"),
    ("glpat-", "a GitLab token"),
    ("xoxb-", "a Slack token"),
    ("AKIA", "an AWS access key"),
    ("eyJrIjoi", "a Grafana API key"),
];

/// A token that was refused for what it is for may be of another kind.
const ABOUT: [Stage; 7] = [
    Stage::Credential,
    Stage::Shape,
    Stage::Key,
    Stage::Issuer,
    Stage::Audience,
    Stage::Type,
    Stage::Resolve,
];

#[async_trait]
impl Check for Kind {
    fn name(&self) -> &'static str {
        "kind_of_token"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(stage) = case.failed().filter(|stage| ABOUT.contains(stage)) else { return Seen::Nothing };
        if let Some(text) = case.token.as_deref().map(str::trim)
            && matches!(stage, Stage::Credential | Stage::Shape)
            && let Some((prefix, whose)) = FOREIGN.iter().find(|(prefix, _)| text.starts_with(prefix))
        {
            return Seen::one(
                Finding::new(cause::FOREIGN_CREDENTIAL, stage, Likelihood::Certain, By::Caller, format!("this is {whose}, and no token for an API behind this gateway"))
                    .evidence(format!("it begins with `{prefix}`"))
                    .action("send an access token of a configured issuer, or an API key of this gateway (`pck_…`); replace the key that was sent here if it may have been logged on the way")
                    .command("portcullis issuer list"),
            );
        }
        let Some((code, what, evidence)) = kind(case) else { return Seen::Nothing };
        Seen::one(
            Finding::new(
                code,
                stage,
                Likelihood::Certain,
                By::Caller,
                format!("this is {what}, not an access token"),
            )
            .evidence(evidence)
            .action("send the access token of the same sign-in; an API is not what this one is for")
            .page(codes::TOKEN_TYPE_MISMATCH),
        )
    }
}

fn kind(case: &Case) -> Option<(Cause, &'static str, String)> {
    let claims = case.claims.as_ref()?.as_object()?;
    let header_typ = case.header.as_ref().and_then(|header| header.get("typ")?.as_str()).unwrap_or_default();
    let typ =
        claims.get("typ").or_else(|| claims.get("token_use")).and_then(Value::as_str).unwrap_or_default();
    let has = |name: &str| claims.contains_key(name);
    let says = |word: &str| typ.eq_ignore_ascii_case(word);
    if header_typ.eq_ignore_ascii_case("logout+jwt") || says("logout") || has("events") {
        return Some((
            cause::LOGOUT_TOKEN,
            "a notice of an event (sign-out)",
            format!("`typ` is `{header_typ}{typ}`, or it has `events`"),
        ));
    }
    if says("refresh") || says("offline") || header_typ.eq_ignore_ascii_case("rt+jwt") {
        return Some((cause::REFRESH_TOKEN, "a refresh token", format!("`typ` is `{typ}{header_typ}`")));
    }
    if says("id") {
        return Some((cause::ID_TOKEN, "an ID token", format!("`typ` or `token_use` is `{typ}`")));
    }
    // Issuers write these into ID tokens only; an access token says what it grants, or which profile it has.
    let marks: Vec<&str> =
        ["nonce", "at_hash", "c_hash", "s_hash"].into_iter().filter(|name| has(name)).collect();
    let grants = has("scope") || has("scp") || header_typ.eq_ignore_ascii_case("at+jwt");
    if !marks.is_empty() && !grants {
        return Some((
            cause::ID_TOKEN,
            "an ID token",
            format!("it has `{}`, which only ID tokens have, and no scope", marks.join("`, `")),
        ));
    }
    None
}
