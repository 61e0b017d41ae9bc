//! The user is there and may not call: pending, suspended, deleted. When, by whom, and how that lies to the token.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::nearmiss::identifier;
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{quoted, when};
use async_trait::async_trait;
use portcullis_fault::codes;
use portcullis_model::{User as Record, UserStatus};

pub(super) struct User;

/// Users who are named of those that a subject can mean.
const MOST_NAMED: usize = 5;

#[async_trait]
impl Check for User {
    fn name(&self) -> &'static str {
        "user"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let user = case.course.seen.user.as_deref();
        if case.course.principal.is_some()
            && matches!(
                case.code(),
                "user_unknown" | "user_pending" | "user_suspended" | "user_deleted" | "subject_unresolved"
            )
        {
            return Seen::one(since(case, user));
        }
        let Some(user) = user else {
            return match case.code() {
                "subject_ambiguous" => Seen::one(ambiguous(case).await),
                _ => Seen::Nothing,
            };
        };
        if user.status == UserStatus::Active {
            let mut findings = Vec::new();
            if let Some(iat) =
                case.time("iat").filter(|iat| iat.plus(std::time::Duration::from_secs(1)) < user.created_at)
            {
                findings.push(
                    Finding::new(
                        cause::USER_CREATED_AFTER_TOKEN,
                        Stage::Resolve,
                        Likelihood::Aside,
                        By::Operator,
                        "the user was made after the token was issued",
                    )
                    .evidence(format!(
                        "the user is of {}, the token of {}",
                        user.created_at.rfc3339(),
                        iat.rfc3339()
                    ))
                    .action("nothing, if the user is the one that is meant"),
                );
            }
            return Seen::all(
                findings,
                format!("user {} is active since {}", user.id, user.status_changed_at.rfc3339()),
            );
        }
        Seen::one(barred(case, user))
    }
}

fn barred(case: &Case, user: &Record) -> Finding {
    let (code, page, command, action) = match user.status {
        UserStatus::Pending => (
            cause::USER_PENDING,
            codes::USER_PENDING,
            format!("portcullis user approve {}", user.id),
            "approve the user, if they may call",
        ),
        UserStatus::Suspended => (
            cause::USER_SUSPENDED,
            codes::USER_SUSPENDED,
            format!("portcullis user restore {}", user.id),
            "restore the user, if the reason is gone; the caller can do nothing",
        ),
        _ => (
            cause::USER_DELETED,
            codes::USER_DELETED,
            format!("portcullis user show {}", user.id),
            "make a new user and link the subject to it, if this person is to call again: a tombstone is never made alive by a token",
        ),
    };
    let what = user.username.as_deref().or(user.external_id.as_deref()).or(user.email.as_deref());
    let name = what.map(|name| format!(" {}", quoted(name))).unwrap_or_default();
    let mut finding = Finding::new(
        code,
        Stage::Resolve,
        Likelihood::Certain,
        By::Operator,
        format!("the user{name} is {} since {}", user.status, when(user.status_changed_at, case.now)),
    )
    .evidence(format!(
        "user {}, by {}{}",
        user.id,
        user.status_changed_by,
        user.status_reason.as_ref().map(|why| format!(": {}", quoted(why))).unwrap_or_default()
    ));
    if let Some(iat) = case.time("iat") {
        let order = if iat < user.status_changed_at { "before" } else { "after" };
        finding = finding.evidence(format!("the token was issued {order} that, {}", iat.rfc3339()));
    }
    let finding = finding.action(action).command(command);
    match Likelihood::Certain {
        _ if case.refused_as(page.name()) => finding,
        _ => finding
            .evidence(format!("the call was refused with `{}` then; this is how it stands now", case.code())),
    }
}

/// It was refused then, and would pass now.
fn since(case: &Case, user: Option<&Record>) -> Finding {
    let late = user.filter(|user| user.created_at > case.called_at);
    let (code, summary) = match late {
        Some(_) => (cause::USER_CREATED_AFTER_CALL, "the user was made after the call"),
        None => (cause::RESOLVED_SINCE, "the subject is an active user by now: what was in the way is gone"),
    };
    let finding = Finding::new(code, Stage::Resolve, Likelihood::Certain, By::Caller, summary)
        .evidence(format!("the call was made {}", when(case.called_at, case.now)))
        .action("call again");
    match user {
        Some(user) => finding
            .evidence(format!(
                "user {} was made {} and last changed {}",
                user.id,
                when(user.created_at, case.now),
                when(user.updated_at, case.now)
            ))
            .command(format!("portcullis user show {}", user.id)),
        None => finding,
    }
}

async fn ambiguous(case: &Case) -> Finding {
    let (attribute, value) = case.course.seen.subject.clone().unwrap_or_default();
    let tenant = case.course.seen.tenant.as_ref().map(|tenant| tenant.id).or(case.within());
    let mut near = case.directory.near(tenant, &value).await.unwrap_or_default();
    near.retain(|near| {
        near.distance == 0
            && near.identifier.until.is_none()
            && near.identifier.field.to_string() == attribute
    });
    let finding = Finding::new(
        cause::SUBJECT_AMBIGUOUS,
        Stage::Resolve,
        Likelihood::Certain,
        By::Operator,
        "the subject matches more than one user, and nobody guesses which",
    )
    .evidence(format!("looked up as `{attribute}`: {}", quoted(&value)))
    .action("make the attribute unique, also under the rule's normalisation; merge the users if they are one person; or look up by `identity`")
    .command("portcullis user merge <user> --into <user>");
    near.iter().take(MOST_NAMED).fold(finding, |finding, near| {
        finding.evidence(format!(
            "user {} ({}) has {} as {}",
            near.user.id,
            near.user.status,
            quoted(&near.identifier.value),
            identifier(near)
        ))
    })
}
