//! Revoked: which entry, by whom, when, why.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::when;
use async_trait::async_trait;
use portcullis_model::Timestamp;
use portcullis_store::entity::revocations::{self, Filter, Revocation, Revoked as What};
use portcullis_store::{Error, Page};

pub(super) struct Revoked;

#[async_trait]
impl Check for Revoked {
    fn name(&self) -> &'static str {
        "revocation"
    }

    async fn examine(&self, case: &Case) -> Seen {
        if !case.refused_as("token_revoked") {
            // What a user was given is looked at after the user: of one who may not come in nobody has.
            let whole = case.course.principal.is_some() || case.course.seen.user.is_none();
            let reached = case.course.caller.is_some() && case.token.is_some() && whole;
            return if reached {
                Seen::InOrder("the token is on no revocation list".to_owned())
            } else {
                Seen::Nothing
            };
        }
        let user = super::password::user(case).await.map(|user| user.id);
        let user = user.or_else(|| case.record.as_ref()?.user);
        let issuer = case.issuer().map(|issuer| &issuer.name);
        let digest = case.course.seen.token.as_ref().map(|facts| facts.digest.as_str());
        let before = |limit: Timestamp| case.time("iat").is_none_or(|iat| iat < limit);
        let hits = |what: &What| match what {
            What::Digest(own) => Some(own.as_str()) == digest,
            What::Token { issuer: of, jti } => Some(of) == issuer && case.text("jti") == Some(jti),
            What::Subject { issuer: of, subject, issued_before } => {
                Some(of) == issuer && case.text("sub") == Some(subject) && before(*issued_before)
            }
            What::User { user: of, issued_before } => user == Some(*of) && before(*issued_before),
            What::Issuer { issuer: of, issued_before } => Some(of) == issuer && before(*issued_before),
            What::Key { .. } => false,
        };
        let entry = match entry(case, hits).await {
            Ok(entry) => entry,
            Err(error) => return Seen::NotObservable(format!("the revocation list cannot be read: {error}")),
        };
        let finding = Finding::new(
            cause::TOKEN_REVOKED,
            Stage::Revocation,
            Likelihood::Certain,
            By::Caller,
            "the token was revoked",
        )
        .action(
            "sign in again and use the new token; if the revocation was a mistake, an operator can lift it",
        );
        Seen::one(match entry {
            Some(entry) if !may_see(case, &entry) => finding.evidence(said(case, &entry)),
            Some(entry) => finding
                .evidence(said(case, &entry))
                .evidence(format!("the entry is of kind `{}`", entry.what.kind()))
                .command(format!("portcullis revocation delete {}", entry.id)),
            None => finding.command("portcullis revocation list"),
        })
    }
}

/// The entry of the revocation list that this holds of, if there is one.
pub(super) async fn entry(case: &Case, hits: impl Fn(&What) -> bool) -> Result<Option<Revocation>, Error> {
    let mut page = Page::first(Page::MOST);
    loop {
        let entries = revocations::list(&case.store, &Filter::default(), page).await?;
        let next = entries.last().map(|entry| entry.id).filter(|_| entries.len() == Page::MOST as usize);
        match (entries.into_iter().find(|entry| hits(&entry.what)), next) {
            (None, Some(id)) => page.after = Some(id),
            (found, _) => return Ok(found),
        }
    }
}

/// Whether whoever asks may see the entry: of their tenant, when they are confined to one.
pub(super) fn may_see(case: &Case, entry: &Revocation) -> bool {
    case.within().is_none_or(|own| entry.tenant == Some(own))
}

/// By whom, when and why, as far as whoever asks may know.
pub(super) fn said(case: &Case, entry: &Revocation) -> String {
    let at = when(entry.at, case.now);
    if !may_see(case, entry) {
        return format!("by an operator of this gateway, {at}");
    }
    let why = entry.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("by {}, {at}{why}", entry.actor)
}
