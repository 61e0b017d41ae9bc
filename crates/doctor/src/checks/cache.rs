//! A stale answer in memory: what the process believes, and since when, against what the directory says now.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::span;
use async_trait::async_trait;

pub(super) struct Cache;

#[async_trait]
impl Check for Cache {
    fn name(&self) -> &'static str {
        "cache"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(caller) = &case.course.caller else { return Seen::Nothing };
        if case.probe.is_none() {
            return Seen::NotObservable(
                "there is no running process here whose cache could be looked at".to_owned(),
            );
        }
        let Some(memory) = case.identity.remembered(caller).filter(|memory| memory.believed) else {
            return Seen::InOrder("nothing about this subject is in memory".to_owned());
        };
        let (now, user) = match case.identity.asked(caller).await {
            Ok(answer) => answer,
            Err(error) => return Seen::NotObservable(format!("the directory cannot be asked: {error}")),
        };
        let same_user = memory.user.as_ref().map(|user| user.id) == user.as_ref().map(|user| user.id);
        let ttl = match memory.outcome == "active" {
            true => case.config.resolution.positive_ttl,
            false => case.config.resolution.negative_ttl,
        };
        // Nobody could be made of the subject, and nobody is made to look: it is nobody's, as it was.
        let same = memory.outcome == now || (memory.outcome, now) == ("unfit", "unknown");
        if same && same_user {
            return Seen::InOrder(format!(
                "in memory `{}`, {} old; the directory says the same",
                memory.outcome,
                span(memory.age)
            ));
        }
        let likelihood =
            if case.failed() == Some(Stage::Resolve) { Likelihood::Certain } else { Likelihood::Likely };
        Seen::one(
            Finding::new(cause::CACHE_STALE, Stage::Resolve, likelihood, By::Operator, format!("the process remembers `{}`, and the directory says `{now}` by now", memory.outcome))
                .evidence(format!("the answer in memory is {} old and is believed for {ttl}", span(memory.age)))
                .evidence(match &user {
                    Some(user) => format!("the directory finds user {} ({}), changed {}", user.id, user.status, user.updated_at.rfc3339()),
                    None => "the directory finds nobody".to_owned(),
                })
                .action("wait until it is too old; changes through this gateway are heard of at once, changes made past it (in the database, by a script) are not: make them through the API")
                .command("portcullis user list"),
        )
    }
}
