//! It worked before: when the same subject last passed, who that was, and what changed since.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::when;
use async_trait::async_trait;
use portcullis_model::UserStatus;
use portcullis_model::record::Outcome;
use portcullis_store::Page;
use portcullis_store::entity::records::{self, Filter};
use portcullis_store::entity::users;
use serde_json::Value;
use std::time::Duration;

pub(super) struct History;

/// How far back, and how many.
const BACK: Duration = Duration::from_secs(30 * 86_400);
const RECENT: u32 = 500;

#[async_trait]
impl Check for History {
    fn name(&self) -> &'static str {
        "history"
    }

    async fn examine(&self, case: &Case) -> Seen {
        if case.failed() != Some(Stage::Resolve) || case.course.principal.is_some() {
            return Seen::Nothing;
        }
        let (Some(issuer), Some(subject)) = (case.course.seen.issuer.as_ref(), case.text("sub")) else {
            return Seen::Nothing;
        };
        let filter = Filter {
            since: Some(case.now.minus(BACK)),
            outcome: Some(Outcome::Completed),
            tenant: case.within(),
            ..Filter::default()
        };
        let records = match records::search(&case.store, &filter, Page { after: None, limit: RECENT }).await {
            Ok(records) => records,
            Err(error) => return Seen::NotObservable(format!("records cannot be read: {error}")),
        };
        let last = records.iter().find(|record| {
            record.user.is_some()
                && record.token.as_ref().is_some_and(|facts| {
                    facts.issuer.as_deref() == Some(issuer.as_str())
                        && serde_json::from_str::<Value>(&facts.claims)
                            .ok()
                            .is_some_and(|claims| claims["sub"] == subject)
                })
        });
        let Some((record, id)) = last.and_then(|record| Some((record, record.user?))) else {
            return Seen::InOrder(format!(
                "the subject did not pass in the last {} records of calls that were completed",
                records.len()
            ));
        };
        let user = match users::find(&case.store, id).await {
            Ok(user) => user,
            // An outage is not an absence.
            Err(error) => return Seen::NotObservable(format!("user {id} cannot be looked up: {error}")),
        };
        let passed = format!("call {} passed {} as user {id}", record.id, when(record.at, case.now));
        Seen::one(match user {
            Some(user) if user.status == UserStatus::Active => {
                Finding::new(cause::RULE_OR_LINK_CHANGED, Stage::Resolve, Likelihood::Likely, By::Operator, "the subject passed before, and that user is still active: the subject rule or the link was changed since")
                    .evidence(passed)
                    .evidence(format!("user {id} was last changed {}", when(user.updated_at, case.now)))
                    .action("look in the audit log for the change of the user or of the configuration, and link the subject again if it was a mistake")
                    .command(format!("portcullis audit --target {id}"))
            }
            Some(user) => Finding::new(cause::WORKED_BEFORE, Stage::Resolve, Likelihood::Aside, By::Operator, format!("the subject passed before, as user {id}, who is {} now", user.status))
                .evidence(passed)
                .action("see the finding about the user")
                .command(format!("portcullis user show {id}")),
            None => Finding::new(cause::USER_GONE, Stage::Resolve, Likelihood::Certain, By::Operator, "the subject passed before, and its user is not in the database any more, not even as a tombstone")
                .evidence(passed)
                .action("find out whether the database was restored or exchanged since")
                .command("portcullis audit"),
        })
    }
}
