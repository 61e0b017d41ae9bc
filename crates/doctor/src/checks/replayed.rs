//! Used before: a token for one call, and the call that it let in; or another token with the same `jti`.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{quoted, span, when};
use async_trait::async_trait;
use portcullis_fault::codes;
use portcullis_jose::sha256;
use portcullis_model::Record;
use portcullis_store::entity::records;
use portcullis_store::entity::used_tokens::{self, UsedToken};

pub(super) struct Replayed;

#[async_trait]
impl Check for Replayed {
    fn name(&self) -> &'static str {
        "single_use"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(issuer) = case.issuer() else { return Seen::Nothing };
        if !case.refused_as("token_replayed") {
            let reached = issuer.single_use && case.course.caller.is_some() && case.token.is_some();
            return if reached {
                Seen::InOrder("the token is for one call, and has let none in yet".to_owned())
            } else {
                Seen::Nothing
            };
        }
        let Some(jti) = case.text("jti") else { return Seen::Nothing };
        let used = match used_tokens::find(&case.store, &issuer.name, &sha256(jti.as_bytes())).await {
            Ok(used) => used,
            Err(error) => return Seen::NotObservable(format!("uses of tokens cannot be read: {error}")),
        };
        let Some(used) = used else {
            let finding =
                new(cause::TOKEN_REPLAYED, By::Caller, "the token is for one call, and had let one in");
            return Seen::one(
                finding
                    .evidence("by which call is not known any more: that is forgotten soon after the token has expired")
                    .action(AGAIN)
                    .page(codes::TOKEN_REPLAYED),
            );
        };
        let first = match records::find(&case.store, used.request).await {
            Ok(first) => first.filter(|_| may_see(case, &used)),
            Err(error) => return Seen::NotObservable(format!("records cannot be read: {error}")),
        };
        let own = case.course.seen.token.as_ref().map(|facts| facts.digest.as_str());
        let same = own == Some(used.digest.as_str());
        let finding = if same {
            let summary = format!(
                "the token is for one call, and had let one in {} before",
                span(case.called_at.since(used.at))
            );
            new(cause::TOKEN_REPLAYED, By::Caller, summary).action(AGAIN)
        } else {
            let summary = "another token of the issuer with the same `jti` had let a call in";
            let finding = new(cause::JTI_REPEATED, By::IssuerAdministrator, summary)
                .evidence(format!("`jti` {}", quoted(jti)));
            let finding = match may_see(case, &used) {
                true => finding.evidence(format!("that token's digest is `{}`", used.digest)),
                false => finding,
            };
            finding.action("have the issuer write a random UUID into the `jti` of each token: tokens are told apart by it")
        };
        let finding = finding.evidence(said(case, &used));
        Seen::one(match &first {
            Some(first) => finding
                .evidence(describe(first))
                .evidence(from_where(case, first))
                .command(format!("portcullis record show {}", first.id)),
            None => finding.page(codes::TOKEN_REPLAYED),
        })
    }
}

const AGAIN: &str = "get a new token for every call, also for one that is tried again; where the first call was none of \
                     yours, tell the operator: somebody else has your tokens";

fn new(cause: cause::Cause, by: By, summary: impl Into<String>) -> Finding {
    Finding::new(cause, Stage::Revocation, Likelihood::Certain, by, summary)
}

/// Whether whoever asks may see the first call: one of their tenant, when they are confined to one.
fn may_see(case: &Case, used: &UsedToken) -> bool {
    case.within().is_none_or(|own| used.tenant == own)
}

/// When it was used, and by which call.
fn said(case: &Case, used: &UsedToken) -> String {
    let at = when(used.at, case.now);
    if may_see(case, used) {
        format!("first used {at}, by call {}", used.request)
    } else {
        format!("first used {at}, by a call of another tenant")
    }
}

/// What that call was.
fn describe(first: &Record) -> String {
    let to = first.service.as_ref().map(|service| format!(" to `{service}`")).unwrap_or_default();
    format!("that call{to}: {} {}, answered {}", first.method, quoted(&first.path), first.status)
}

/// Whether both came from one place, as far as this one is known.
fn from_where(case: &Case, first: &Record) -> String {
    match &case.record {
        None => format!("it came from {}", quoted(&first.source)),
        Some(own) if own.source == first.source => {
            format!("both came from {}: probably one client, which tried again", quoted(&own.source))
        }
        Some(own) => {
            format!("it came from {}, and this one from {}", quoted(&first.source), quoted(&own.source))
        }
    }
}
