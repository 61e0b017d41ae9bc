//! The user source has nobody by the subject: whom it had by it before and has by another name now; who there is nearly meant
//! by it, by exact questions for the forms that it may have; or whether the source has the person under a key that is new.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::nearmiss::{code, describe};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{is_invisible, quoted, word};
use async_trait::async_trait;
use portcullis_identity::SourceAtHand;
use portcullis_identity::directory::Mirrored;
use portcullis_identity::sources::foreign::{FailureKind, Freshness, Person, Wanted, identity_of};
use portcullis_store::Executor;
use portcullis_store::entity::identities;
use portcullis_store::near::compare;

pub(super) struct SourceNear;

/// Near misses that are told.
const TOLD: usize = 5;
/// Other people who are asked for, to see whether their keys are new as well.
const OTHERS: usize = 5;

#[async_trait]
impl Check for SourceNear {
    fn name(&self) -> &'static str {
        "source_near_misses"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let asked = case.course.caller.as_ref().and_then(|caller| case.identity.source_of(caller));
        let Some((source, wanted)) = asked else { return Seen::Nothing };
        match case.code() {
            "subject_invalid" => rekeyed(case, &source, &wanted).await,
            "user_unknown" | "subject_unresolved" => near(case, &source, &wanted).await,
            _ => Seen::Nothing,
        }
    }
}

async fn near(case: &Case, source: &SourceAtHand, wanted: &Wanted) -> Seen {
    let claim = case.issuer().map_or("sub", |issuer| issuer.subject.claim.as_str());
    // As it stands in the token: normalisation may have taken away what would show the cause.
    let value = case.text(claim).unwrap_or(&wanted.subject).to_owned();
    let people = match source.foreign.near(wanted, &forms(&value)).await {
        Ok(people) => people,
        Err(failure) => {
            return Seen::NotObservable(format!(
                "user source `{}` cannot be searched: {failure}",
                source.name
            ));
        }
    };
    let mut findings: Vec<Finding> = renamed(case, source, wanted, &value).await.into_iter().collect();
    findings.extend(people.iter().filter_map(|person| told(source, claim, &value, person)).take(TOLD));
    if findings.is_empty() {
        findings.push(
            Finding::new(
                cause::USER_NOT_IN_SOURCE,
                Stage::Resolve,
                Likelihood::Likely,
                By::Operator,
                format!("user source `{}` has nobody by this subject, nor by anything near it", source.name),
            )
            .evidence(format!("looked up: {}, in {} forms", quoted(&value), forms(&value).len()))
            .action("make the person there; or see whether the issuer's `subject` rule reads the claim that the source knows people by"),
        );
    }
    Seen::Found(findings)
}

/// Whom the subject meant before: the source knows them by another name now, or cannot say.
async fn renamed(case: &Case, source: &SourceAtHand, wanted: &Wanted, value: &str) -> Option<Finding> {
    let tenant = case.tenants.iter().find(|tenant| tenant.name == source.tenant)?;
    let former = case.directory.formerly(&source.name, tenant.id, wanted).await.ok()??;
    let (name, user) = (&source.name, former.user.id);
    for key in &former.keys {
        let (finding, evidence) = match source.foreign.by_key(wanted, key).await {
            Ok(Some(person)) => {
                let present = person.username.as_ref().or(person.email.as_ref()).unwrap_or(&person.key);
                let finding = Finding::new(
                    cause::RENAMED_IN_SOURCE,
                    Stage::Resolve,
                    Likelihood::Certain,
                    By::Caller,
                    format!("user source `{name}` knows this person by another name now"),
                );
                let finding = finding.action("sign in again: the issuer writes the new name into new tokens; if it goes on writing the old one, its administrator has to see to that");
                (finding, format!("the source has them, key {}, as {}", quoted(key), quoted(present)))
            }
            Err(failure) if failure.kind == FailureKind::Unsupported => {
                let finding = Finding::new(
                    cause::GONE_OR_RENAMED_IN_SOURCE,
                    Stage::Resolve,
                    Likelihood::Likely,
                    By::Operator,
                    format!(
                        "user source `{name}` has nobody by this subject any more, by which it had user {user}"
                    ),
                );
                let finding = finding.action("if they were renamed, have them sign in again; if they are gone, suspend the user, whose API keys work on; with `by_key` the source tells the two apart by itself");
                (finding, format!("whether they were renamed or are gone is not known: {failure}"))
            }
            Ok(None) | Err(_) => continue,
        };
        return Some(
            finding
                .evidence(format!("{} meant user {user} before", quoted(value)))
                .evidence(evidence)
                .command(format!("portcullis user show {user}")),
        );
    }
    None
}

fn told(source: &SourceAtHand, claim: &str, value: &str, person: &Person) -> Option<Finding> {
    let attributes = person
        .attributes
        .iter()
        .map(|(name, value)| (format!("attribute `{name}`"), value, cause::SUBJECT_IS_ATTRIBUTE));
    let named = [
        ("key", Some(&person.key), cause::SUBJECT_IS_KEY),
        ("external id", person.external_id.as_ref(), cause::SUBJECT_IS_EXTERNAL_ID),
        ("user name", person.username.as_ref(), cause::SUBJECT_IS_USERNAME),
        ("e-mail address", person.email.as_ref(), cause::SUBJECT_IS_EMAIL),
    ];
    let named = named.into_iter().filter_map(|(what, value, code)| Some((what.to_owned(), value?, code)));
    let all = named.chain(attributes);
    let (what, stored, exact, likeness) = all
        .filter_map(|(what, stored, exact)| Some((what, stored, exact, compare(value, stored)?)))
        .min_by_key(|(_, _, _, likeness)| (likeness.distance, likeness.differences.len()))?;
    let same = likeness.differences.is_empty() && likeness.distance == 0;
    let (code, summary) = match same {
        true => (
            exact,
            format!(
                "the token's `{claim}` is the {what} of a person in user source `{}`, who is looked up by something else",
                source.name
            ),
        ),
        false => (
            code(&likeness.differences, likeness.distance),
            format!(
                "the token's `{claim}` is nearly the {what} of a person in user source `{}`: {}",
                source.name,
                describe(&likeness.differences, likeness.distance)
            ),
        ),
    };
    let state = if person.active { "active" } else { "disabled" };
    Some(
        Finding::new(code, Stage::Resolve, Likelihood::Certain, By::IssuerAdministrator, summary)
            .evidence(format!("the token says {}; the source has {}, {state}, key {}", quoted(value), quoted(stored), quoted(&person.key)))
            .action("have the issuer write what the source knows the person by; or let the source's query compare with what the issuer writes"),
    )
}

/// The forms that a value may have elsewhere, each asked for exactly.
fn forms(value: &str) -> Vec<String> {
    let visible: String = value.chars().filter(|c| !is_invisible(*c)).collect();
    let trimmed = visible.trim();
    let bare = trimmed.rsplit(['|', '\\', ':', '/']).next().unwrap_or_default();
    let local = bare.split('@').next().unwrap_or_default();
    let mut forms = vec![value.to_owned(), trimmed.to_owned()];
    forms.extend([trimmed.to_lowercase(), trimmed.to_uppercase(), bare.to_owned(), bare.to_lowercase()]);
    forms.extend([local.to_owned(), local.to_lowercase()]);
    if let Ok(id) = uuid::Uuid::try_parse(bare.trim_matches(['{', '}'])) {
        forms.extend([id.hyphenated().to_string(), id.simple().to_string()]);
    }
    if !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit()) {
        forms.push(bare.trim_start_matches('0').to_owned());
    }
    let mut seen = std::collections::HashSet::new();
    forms.retain(|form| !form.is_empty() && seen.insert(form.clone()));
    forms
}

/// The source has the person under a key that is new: only this one, or everybody?
async fn rekeyed(case: &Case, source: &SourceAtHand, wanted: &Wanted) -> Seen {
    let Some(tenant) = case.tenants.iter().find(|tenant| tenant.name == source.tenant) else {
        return Seen::Nothing;
    };
    let people = match source.foreign.find(wanted, Freshness::Primary).await {
        Ok(people) => people,
        Err(failure) => {
            return Seen::NotObservable(format!("user source `{}` cannot be asked: {failure}", source.name));
        }
    };
    let [person] = people.as_slice() else { return Seen::Nothing };
    let would = case.directory.would_mirror(&source.name, tenant.id, Some(wanted), person).await;
    let Ok(Mirrored::Rekeyed { user, by }) = would else { return Seen::Nothing };
    let (new, asked) = others(&case.store, source, wanted, tenant.id, user.id).await;
    let all = asked > 0 && new == asked;
    let (code, summary) = match all {
        true => (
            cause::SOURCE_RECREATED,
            format!(
                "user source `{}` was made anew: the people who were found there before have new keys",
                source.name
            ),
        ),
        false => (
            cause::SOURCE_KEY_CHANGED,
            format!("user source `{}` has this person under a key that is new", source.name),
        ),
    };
    let likelihood = if all || asked == 0 { Likelihood::Certain } else { Likelihood::Likely };
    // Nothing is linked to one that was merged.
    let present = user.merged_into.unwrap_or(user.id);
    Seen::one(
        Finding::new(code, Stage::Resolve, likelihood, By::Operator, summary)
            .evidence(format!("its {by} is that of user {}, who is known by another key; now it is {}", user.id, quoted(&person.key)))
            .evidence(format!("of {asked} others who were asked for, {new} have new keys as well"))
            .action("link the new key if it is the same person; map a `key` that outlives the source's database; or, if the name was given to somebody else, take it from the user")
            .command(format!(
                "portcullis user link {} --issuer {} --subject {}",
                present,
                identity_of(&source.name),
                word(&person.key)
            )),
    )
}

/// Of a few people who were found in the source before: how many have new keys, of how many that are still there.
async fn others(
    store: impl Executor + Copy,
    source: &SourceAtHand,
    wanted: &Wanted,
    tenant: portcullis_model::TenantId,
    but: portcullis_model::UserId,
) -> (usize, usize) {
    let (mut new, mut asked) = (0, 0);
    let Ok(linked) = identities::list_by_issuer(store, tenant, &wanted.issuer, "").await else {
        return (0, 0);
    };
    for identity in linked.into_iter().filter(|identity| identity.user != but).take(OTHERS) {
        let other = Wanted { subject: identity.subject, ..wanted.clone() };
        let Ok(people) = source.foreign.find(&other, Freshness::Primary).await else { continue };
        let [person] = people.as_slice() else { continue };
        let Ok(keys) = identities::list_by_user(store, identity.user).await else { continue };
        let of = identity_of(&source.name);
        let mut keys = keys.iter().filter(|key| key.issuer == of).peekable();
        if keys.peek().is_none() {
            continue;
        }
        asked += 1;
        new += usize::from(!keys.any(|key| key.subject == person.key));
    }
    (new, asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_few_and_each_is_another() {
        let all = forms(" auth0|Ada@Example.com\u{200b}");
        for form in ["Ada@Example.com", "ada@example.com", "Ada", "ada", "auth0|Ada@Example.com"] {
            assert!(all.contains(&form.to_owned()), "{form}: {all:?}");
        }
        assert!(all.len() <= 12);
        assert!(
            forms("{8F14E45FCEEA467FA0E66D6F0A1B2C3D}")
                .contains(&"8f14e45f-ceea-467f-a0e6-6d6f0a1b2c3d".to_owned())
        );
        assert!(forms("004711").contains(&"4711".to_owned()));
    }
}
