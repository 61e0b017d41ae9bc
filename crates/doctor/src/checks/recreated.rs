//! The store was made anew: the subject is one of our own ids, and older than the oldest user.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::when;
use async_trait::async_trait;
use portcullis_model::Timestamp;
use portcullis_store::Page;
use portcullis_store::entity::users;
use uuid::Uuid;

pub(super) struct Recreated;

#[async_trait]
impl Check for Recreated {
    fn name(&self) -> &'static str {
        "store_recreated"
    }

    async fn examine(&self, case: &Case) -> Seen {
        if !case.refused_as("user_unknown") {
            return Seen::Nothing;
        }
        let Some((attribute, value)) =
            case.course.seen.subject.as_ref().filter(|(attribute, _)| attribute == "id")
        else {
            return Seen::Nothing;
        };
        let Some(made) = Uuid::try_parse(value).ok().and_then(|id| id.get_timestamp()).map(|at| {
            let (seconds, nanos) = at.to_unix();
            Timestamp::from_micros(
                i64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000) + i64::from(nanos / 1_000),
            )
        }) else {
            return Seen::InOrder(format!(
                "the subject is looked up as `{attribute}`, and is no id that was made here"
            ));
        };
        let page = Page { after: None, limit: 1 };
        let filter = users::Filter { tenant: case.within(), ..users::Filter::default() };
        let first = users::list(&case.store, &filter, page).await;
        match first.map(|users| users.first().map(|user| user.created_at)) {
            Err(error) => Seen::NotObservable(format!("the directory cannot be asked: {error}")),
            Ok(Some(oldest)) if made >= oldest => {
                Seen::InOrder("the id is not older than the directory".to_owned())
            }
            Ok(oldest) => {
                let state = oldest.map_or_else(
                    || "there are no users at all".to_owned(),
                    |oldest| format!("the oldest user is of {}", when(oldest, case.now)),
                );
                Seen::one(
                    Finding::new(cause::STORE_RECREATED, Stage::Resolve, Likelihood::Likely, By::Operator, "the subject is an id from before this database: the store was made anew, and every id is a new one")
                        .evidence(format!("the id was made {}; {state}", when(made, case.now)))
                        .action("restore the backup if that was not meant; otherwise have everybody sign in again, and look up by `identity` or `external_id`, which outlive a database")
                        .command("portcullis restore --help"),
                )
            }
        }
    }
}
