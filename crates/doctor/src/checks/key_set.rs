//! The issuer's key set: unreachable, empty, a web page, not to be kept; a key under another id, replaced, removed, or the
//! same id with new material.

use super::revoked::{entry, may_see, said};
use crate::case::Case;
use crate::cause::{self, Cause};
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{quoted, span, when, word};
use async_trait::async_trait;
use portcullis_fault::codes;
use portcullis_identity::jwks::{KEPT_BY_DEFAULT, KeySetFacts};
use portcullis_store::entity::revocations::Revoked as What;

pub(super) struct KeySet;

#[async_trait]
impl Check for KeySet {
    fn name(&self) -> &'static str {
        "key_set"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(issuer) = case.issuer() else { return Seen::Nothing };
        let Some(facts) =
            case.identity.runtime().key_sets().into_iter().find(|facts| facts.issuer == issuer.name)
        else {
            return Seen::Nothing;
        };
        let relevant = matches!(case.failed(), Some(Stage::Key | Stage::Signature));
        let mut findings = Vec::new();
        if let Some(error) = &facts.last_error {
            let stage = if relevant { case.failed().unwrap_or(Stage::Key) } else { Stage::Key };
            let likelihood = match (relevant, facts.keys.is_some()) {
                (true, false) => Likelihood::Certain,
                (true, true) => Likelihood::Likely,
                (false, _) => Likelihood::Aside,
            };
            let (code, what, by) = unfit(error);
            findings.push(
                Finding::new(code, stage, likelihood, by, format!("the key set of issuer `{}` {what}", issuer.name))
                    .evidence(error.clone())
                    .evidence(match facts.fetched_at {
                        Some(at) => format!("the last good set is of {}", when(at, case.now)),
                        None => "there was no good set yet".to_owned(),
                    })
                    .action("make its address answer with the key set, or correct `jwks_url` or `issuer`; `portcullis jose jwks fetch` shows what it answers")
                    .command("portcullis issuer list"),
            );
        }
        findings.extend(uncacheable(case, issuer, &facts));
        let kid = case.kid();
        if case.refused_as("key_unknown") && facts.keys.is_some() {
            findings.extend(unknown_key(case, issuer, &facts, kid));
        }
        if case.refused_as("key_distrusted") {
            findings.push(distrusted(case, issuer).await);
        }
        if relevant || !findings.is_empty() {
            return Seen::all(findings, "the key set is at hand and has the key that the token names");
        }
        match &facts.keys {
            Some(keys) => Seen::InOrder(format!("{} keys of issuer `{}` at hand", keys.len(), issuer.name)),
            None => Seen::NotObservable(format!("no key set of issuer `{}` is at hand", issuer.name)),
        }
    }
}

/// An operator distrusts the key: the one that the token names, or the one that signed it, whatever it names.
async fn distrusted(case: &Case, issuer: &portcullis_model::Issuer) -> Finding {
    let signers = case.token.as_deref().map(|token| case.signers(token)).unwrap_or_default();
    let signer =
        signers.into_iter().filter(|signer| signer.issuer == issuer.name).find_map(|signer| signer.kid);
    let kids: Vec<&str> = case.kid().into_iter().chain(signer.as_deref()).collect();
    let of_key = |what: &What| match what {
        What::Key { issuer: of, kid } => *of == issuer.name && kids.contains(&kid.as_str()),
        _ => false,
    };
    let finding = Finding::new(
        cause::KEY_DISTRUSTED,
        Stage::Key,
        Likelihood::Certain,
        By::Operator,
        "an operator distrusts the key that the token is signed with",
    )
    .evidence(format!("`kid` {}", kids.first().map_or("none".to_owned(), |kid| quoted(kid))))
    .action("get a token that is signed with another key; or trust this one again if it was a mistake");
    match entry(case, of_key).await {
        Ok(Some(entry)) if !may_see(case, &entry) => finding.evidence(said(case, &entry)),
        Ok(Some(entry)) => {
            let finding = finding.evidence(said(case, &entry));
            match &entry.what {
                What::Key { issuer, kid } => {
                    finding.command(format!("portcullis issuer trust {issuer} {}", word(kid)))
                }
                _ => finding,
            }
        }
        // Which key it was that was tried is known only where its signature can be looked at again.
        Ok(None) if kids.is_empty() => {
            finding.evidence("by whom is not known").command("portcullis revocation list")
        }
        Ok(None) => finding.evidence("it is on the list no longer").command("portcullis revocation list"),
        Err(error) => finding
            .evidence(format!("by whom is not known: the revocation list cannot be read: {error}"))
            .command("portcullis revocation list"),
    }
}

/// The set may not be kept, says its server: the cause, when a set that could have been kept would count still, and worth
/// knowing otherwise.
fn uncacheable(case: &Case, issuer: &portcullis_model::Issuer, facts: &KeySetFacts) -> Option<Finding> {
    let said = facts.served.uncacheable.as_ref()?;
    let unavailable = case.refused_as("keys_unavailable");
    // Whoever says nothing of keeping has the set kept for this long, and as long after that as every other.
    let kept = facts.fetched_at.map(|at| at.plus(KEPT_BY_DEFAULT).plus(issuer.stale.0));
    let would_count = unavailable && kept.is_some_and(|until| case.now < until);
    let removed = case.refused_as("key_unknown")
        && case.kid().is_some_and(|kid| {
            facts
                .history
                .iter()
                .any(|old| old.keys.has(kid) && case.now < old.replaced_at.plus(KEPT_BY_DEFAULT))
        });
    let likelihood = match (would_count, unavailable || removed) {
        (true, _) => Likelihood::Certain,
        (false, true) => Likelihood::Likely,
        (false, false) => Likelihood::Aside,
    };
    let summary = match (would_count, removed) {
        (true, _) => "and was kept no longer when it could not be fetched again",
        (false, true) => "so a key that it no longer has is refused here within half a minute",
        (false, false) => "so whatever ails that server is felt here within half a minute",
    };
    let finding = Finding::new(
        cause::JWKS_UNCACHEABLE,
        Stage::Key,
        likelihood,
        By::IssuerAdministrator,
        format!("the key set of issuer `{}` must not be kept, says its server, {summary}", issuer.name),
    )
    .evidence(format!("`Cache-Control: {}`", quoted(said).trim_matches('`')));
    let finding = match (unavailable, facts.fetched_at, facts.fresh_until) {
        (true, Some(at), Some(until)) => finding.evidence(format!(
            "the last good set is of {}; it was fresh for {}, and believed for {} (`stale`) after that",
            when(at, case.now),
            span(until.since(at)),
            issuer.stale
        )),
        _ => finding,
    };
    Some(
        finding
            .action("have the server allow that it is kept for some minutes (`max-age=300`); `stale` of the issuer says for how long an old set is believed when there is no new one")
            .command("portcullis issuer list"),
    )
}

/// What is the matter with a key set, by what fetching it said.
fn unfit(error: &str) -> (Cause, &'static str, By) {
    if error.contains("web page") {
        (cause::JWKS_HTML, "is a web page", By::Operator)
    } else if error.contains("is empty") {
        (cause::JWKS_EMPTY, "is empty", By::IssuerAdministrator)
    } else if error.contains("no key set") || error.contains("OpenID metadata") {
        (cause::JWKS_MALFORMED, "cannot be read", By::IssuerAdministrator)
    } else if error.contains("no key that verifies") || error.contains("its owner must replace") {
        (cause::JWKS_UNUSABLE, "has no key that may be used", By::IssuerAdministrator)
    } else if error.contains("says that its issuer is") {
        (cause::JWKS_OF_OTHER_ISSUER, "is that of another issuer", By::Operator)
    } else {
        (cause::JWKS_UNREACHABLE, "cannot be fetched", By::Operator)
    }
}

fn unknown_key(
    case: &Case,
    issuer: &portcullis_model::Issuer,
    facts: &KeySetFacts,
    kid: Option<&str>,
) -> Vec<Finding> {
    let signers = case.token.as_deref().map(|token| case.signers(token)).unwrap_or_default();
    let list = |set: &portcullis_jose::KeySet| {
        let ids: Vec<String> = set.iter().take(12).map(|key| quoted(key.kid().unwrap_or("none"))).collect();
        ids.join(", ")
    };
    let published = facts.keys.as_ref().map(list).unwrap_or_default();
    let shown = kid.map_or("none".to_owned(), quoted);
    let removed = facts.history.iter().find(|old| kid.is_some_and(|kid| old.keys.has(kid)));
    let base = |code, likelihood, by, summary: String| {
        Finding::new(code, Stage::Key, likelihood, by, summary)
            .evidence(format!("the token names key {shown}; issuer `{}` publishes {published}", issuer.name))
            .page(codes::KEY_UNKNOWN)
    };
    if let Some(old) = removed {
        let verifies =
            signers.iter().any(|signer| signer.issuer == issuer.name && signer.replaced_at.is_some());
        let proof = if verifies {
            "the signature counts under the removed key"
        } else {
            "the removed key did not make this signature, or that cannot be tried"
        };
        return vec![
            base(cause::KEY_REMOVED, Likelihood::Certain, By::Caller, "the token is signed with a key that its issuer has removed since".to_owned())
                .evidence(format!("the key was in the set until {}; {proof}", when(old.replaced_at, case.now)))
                .action("get a new token; issuers keep a removed key published until the tokens that it signed have expired: ask the administrator to, if this happens at every rotation"),
        ];
    }
    if let Some(signer) = signers.iter().find(|signer| signer.issuer == issuer.name) {
        let own = signer.kid.as_deref().map_or("none".to_owned(), quoted);
        return vec![
            base(
                cause::KID_MISMATCH,
                Likelihood::Certain,
                By::IssuerAdministrator,
                "the token names another key than the one that signed it".to_owned(),
            )
            .evidence(format!("the signature counts under key {own}"))
            .action("have the issuer write the `kid` under which it publishes the key"),
        ];
    }
    if let Some(signer) = signers.iter().find(|signer| signer.issuer != issuer.name) {
        return vec![other_issuer(case, signer, Stage::Key)];
    }
    vec![
        base(cause::KID_UNKNOWN, Likelihood::Likely, By::IssuerAdministrator, "the token is signed with a key that its issuer does not publish".to_owned())
            .evidence(match facts.history.is_empty() {
                true => "no earlier set of this issuer is remembered".to_owned(),
                false => format!("it is in none of the {} sets before, either", facts.history.len()),
            })
            .action("check that the token is of this environment's issuer, and that the issuer publishes the key before it signs with it; a key that was just published is found within seconds")
            .command(format!("portcullis jose jwks fetch --issuer {}", word(&issuer.issuer))),
    ]
}

/// The signature counts under a key of an issuer that the token does not name.
pub(super) fn other_issuer(case: &Case, signer: &portcullis_identity::Signer, stage: Stage) -> Finding {
    let named = case.issuer().map_or_else(
        || case.text("iss").map_or("none".to_owned(), quoted),
        |issuer| format!("`{}`", issuer.name),
    );
    Finding::new(
        cause::SIGNED_BY_OTHER_ISSUER,
        stage,
        Likelihood::Certain,
        By::Caller,
        format!("the token is signed by issuer `{}`, and says that it is of {named}", signer.issuer),
    )
    .evidence(format!("the signature counts under key {} of issuer `{}`", signer.kid.as_deref().map_or("none".to_owned(), quoted), signer.issuer))
    .action("check which environment the token was got from; if issuer and keys belong together, correct `issuer` in the configuration")
    .command("portcullis issuer list")
}
