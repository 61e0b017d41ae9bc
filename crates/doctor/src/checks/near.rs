//! Nobody has the subject: who is nearly meant by it. The same value in another place, in another case, form or spelling,
//! at another issuer or tenant, a former one, or a tombstone's.

use crate::case::Case;
use crate::cause::{self, Cause};
use crate::check::{Check, Seen};
use crate::nearmiss::{code, describe, identifier, step};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{quoted, when, word};
use async_trait::async_trait;
use portcullis_fault::codes;
use portcullis_identity::Looked;
use portcullis_identity::directory::NearMiss;
use portcullis_model::issuer::UnknownUser;
use portcullis_model::{UserId, UserStatus};
use portcullis_store::entity::identifiers::Field;
use portcullis_store::near::Difference;
use std::collections::HashSet;

pub(super) struct Near;

/// Tokens state whole seconds.
const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
/// Near misses that are told.
const TOLD: usize = 5;

#[async_trait]
impl Check for Near {
    fn name(&self) -> &'static str {
        "near_misses"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let about = matches!(case.code(), "user_unknown" | "subject_unresolved" | "subject_invalid");
        if !about || case.course.principal.is_some() {
            return Seen::Nothing;
        }
        let Some(Ok(looked)) = case.course.caller.as_ref().and_then(|caller| case.identity.looked(caller))
        else {
            return match case.code() {
                // The claim itself is the trouble.
                "subject_invalid" => Seen::Nothing,
                _ => Seen::NotObservable("what was looked up is not known".to_owned()),
            };
        };
        if case.code() == "subject_invalid" && looked.unfit.is_none() {
            return Seen::Nothing;
        }
        // The claim as it stands in the token: normalisation may have taken away what would show the cause.
        let value = case.text(&looked.claim).unwrap_or(&looked.value).to_owned();
        let mut near = match case.directory.near(case.within(), &value).await {
            Ok(near) => near,
            Err(fault) => return Seen::NotObservable(format!("the directory cannot be searched: {fault}")),
        };
        near.retain(|near| near.identifier.field != Field::DisplayName);
        if looked.attribute.starts_with("source:") {
            // Whom a source had by this very subject before is told with the source.
            let had = near.iter().filter(|near| is_its_own(near, &looked));
            let had: HashSet<UserId> = had.map(|near| near.user.id).collect();
            near.retain(|near| !had.contains(&near.user.id));
        }
        near.sort_by_key(|near| {
            let elsewhere = near.user.tenant != looked.tenant.id;
            (near.distance, near.differences.len(), elsewhere, !is_looked_up(&looked, near))
        });
        let folded: Vec<&NearMiss> =
            near.iter().filter(|near| is_case(near) && near.user.tenant == looked.tenant.id).collect();
        let accounts: HashSet<UserId> = folded.iter().map(|near| near.user.id).collect();
        let mut findings = Vec::new();
        if accounts.len() > 1 {
            let mut several = Finding::new(
                cause::SUBJECT_AMBIGUOUS_IN_CASE,
                Stage::Resolve,
                Likelihood::Certain,
                By::Operator,
                format!(
                    "{} users differ from the subject, and from each other, in upper and lower case only",
                    accounts.len()
                ),
            )
            .action(
                "merge them if they are one person; a rule that folds case is refused while both are there",
            )
            .command("portcullis user merge <user> --into <user>");
            for near in folded.iter().take(TOLD) {
                several = several.evidence(format!(
                    "user {}: {} {}",
                    near.user.id,
                    identifier(near),
                    quoted(&near.identifier.value)
                ));
            }
            findings.push(several);
        }
        let mut told: HashSet<UserId> = HashSet::new();
        near.retain(|near| told.insert(near.user.id));
        findings.extend(near.iter().take(TOLD).map(|near| finding(case, &looked, &value, near)));
        if findings.is_empty() && looked.attribute.starts_with("source:") {
            return Seen::InOrder("nobody in our own directory is near the subject either".to_owned());
        }
        if findings.is_empty() {
            findings.push(nobody(case, &looked, &value));
        }
        Seen::Found(findings)
    }
}

/// The subject itself, as it is linked at present.
fn is_its_own(near: &NearMiss, looked: &Looked) -> bool {
    near.distance == 0
        && near.differences.is_empty()
        && near.identifier.until.is_none()
        && near.identifier.field == Field::Identity
        && near.identifier.issuer.as_ref() == Some(&looked.issuer)
}

fn is_case(near: &NearMiss) -> bool {
    near.distance == 0 && near.differences == [Difference::Case]
}

/// Whether the subject rule asks for what the identifier is. A subject that a user was linked to is asked for by every rule.
fn is_looked_up(looked: &Looked, near: &NearMiss) -> bool {
    near.identifier.field == Field::Identity || near.identifier.field.to_string() == looked.attribute
}

fn finding(case: &Case, looked: &Looked, value: &str, near: &NearMiss) -> Finding {
    let user = &near.user;
    let exact = near.differences.is_empty() && near.distance == 0;
    let elsewhere = user.tenant != looked.tenant.id;
    let likelihood = match (near.distance, near.differences.len()) {
        (0, 0 | 1) => Likelihood::Certain,
        (0, _) => Likelihood::Likely,
        _ => Likelihood::Possible,
    };
    let (code, by, summary) = cause(case, looked, near, exact, elsewhere);
    let mut finding = Finding::new(code, Stage::Resolve, likelihood, by, summary)
        .evidence(format!("looked up as `{}`: {}", looked.attribute, quoted(value)))
        .evidence(format!(
            "user {} of tenant `{}` has {} as {}; {}",
            user.id,
            case.tenant_name(user.tenant),
            quoted(&near.identifier.value),
            identifier(near),
            describe(&near.differences, near.distance)
        ));
    if let Some((until, why)) = &near.identifier.until {
        finding = finding.evidence(format!(
            "it was that user's until {} ({})",
            when(*until, case.now),
            why.as_str()
        ));
    }
    if user.status != UserStatus::Active {
        finding = finding.evidence(format!(
            "that user is {} since {}, by {}",
            user.status,
            when(user.status_changed_at, case.now),
            user.status_changed_by
        ));
    }
    if let Some(iat) = case.time("iat").filter(|iat| iat.plus(SECOND) < user.created_at) {
        finding = finding.evidence(format!(
            "that user was made {}, after the token was issued ({})",
            user.created_at.rfc3339(),
            iat.rfc3339()
        ));
    }
    if elsewhere {
        return finding
            .action(format!(
                "give the caller a token that leads to tenant `{}`, or correct `tenant` of the issuer; a user of one tenant is never found for another",
                case.tenant_name(user.tenant)
            ))
            .command("portcullis issuer list");
    }
    let rule = format!("`subject` of issuer `{}`", looked.issuer);
    let same = is_looked_up(looked, near);
    let finding = match (exact, &near.identifier.field) {
        _ if near.identifier.until.is_some() => {
            finding.action("have the issuer write the present value; or link this very subject, if it is the same person")
        }
        (true, Field::Identity) => finding.action(format!("if both issuers mean the same person by it, link the subject of `{}` as well", looked.issuer)),
        (_, Field::Email) if exact || !same => finding.action(format!(
            "have the issuer write the user's stable id into `{}`: an e-mail address changes hands and is no identifier; or link this subject to the user",
            looked.claim
        )),
        (_, field) if exact || !same => {
            let form = match step(&near.differences, near.distance) {
                Some(step) => format!(" and `normalise = [\"{step}\"]`"),
                None => String::new(),
            };
            finding.action(format!("set `attribute = \"{field}\"`{form} in {rule} if its subjects are that; or link the subject to the user"))
        }
        _ => match step(&near.differences, near.distance) {
            Some(step) => finding.action(format!(
                "have the issuer write it as the directory has it; or add `\"{step}\"` to `normalise` in {rule}; or link this very subject"
            )),
            None => finding.action("have the issuer write it as the directory has it; or correct the directory; or link this very subject, if it is the same person"),
        },
    };
    finding.command(format!(
        "portcullis user link {} --issuer {} --subject {}",
        user.id,
        word(looked.issuer.as_str()),
        word(value)
    ))
}

fn cause(case: &Case, looked: &Looked, near: &NearMiss, exact: bool, elsewhere: bool) -> (Cause, By, String) {
    let of = format!("user {}", near.user.id);
    if elsewhere {
        let tenant = case.tenant_name(near.user.tenant);
        return (
            cause::SUBJECT_IN_OTHER_TENANT,
            By::Caller,
            format!(
                "the subject is a user of tenant `{tenant}`, and the token leads to tenant `{}`",
                looked.tenant.name
            ),
        );
    }
    let what = identifier(near);
    if !exact {
        let code = code(&near.differences, near.distance);
        let how = describe(&near.differences, near.distance);
        let by = match is_looked_up(looked, near) {
            true => String::new(),
            false => format!(", and is looked up as `{}`", looked.attribute),
        };
        return (
            code,
            By::IssuerAdministrator,
            format!("the token's `{}` is nearly {what} of {of}: {how}{by}", looked.claim),
        );
    }
    if near.identifier.until.is_some() {
        return (
            cause::SUBJECT_WAS_REPLACED,
            By::IssuerAdministrator,
            format!("the token's `{}` is {what} of {of}", looked.claim),
        );
    }
    let code = match near.identifier.field {
        Field::Identity => {
            let other = near.identifier.issuer.as_ref().map_or("?", |name| name.as_str());
            return (
                cause::SUBJECT_OF_OTHER_ISSUER,
                By::Operator,
                format!(
                    "issuer `{other}` means {of} by this subject, and the token is of issuer `{}`",
                    looked.issuer
                ),
            );
        }
        Field::Email => cause::SUBJECT_IS_EMAIL,
        Field::Username => cause::SUBJECT_IS_USERNAME,
        Field::ExternalId => cause::SUBJECT_IS_EXTERNAL_ID,
        Field::Id => cause::SUBJECT_IS_USER_ID,
        Field::DisplayName | Field::Attribute(_) => cause::SUBJECT_IS_ATTRIBUTE,
    };
    (
        code,
        By::IssuerAdministrator,
        format!(
            "the token's `{}` is {what} of {of}, and is looked up as `{}`",
            looked.claim, looked.attribute
        ),
    )
}

fn nobody(case: &Case, looked: &Looked, value: &str) -> Finding {
    let tenant = &looked.tenant.name;
    let command = match looked.attribute.as_str() {
        "external_id" => format!("portcullis user create --tenant {tenant} --external-id {}", word(value)),
        "username" => format!("portcullis user create --tenant {tenant} --username {}", word(value)),
        _ => format!(
            "portcullis user create --tenant {tenant} --identity {}",
            word(&format!("{}={value}", looked.issuer))
        ),
    };
    let finding = Finding::new(cause::USER_NEVER_CREATED, Stage::Resolve, Likelihood::Likely, By::Operator, "no user here was ever meant by this subject")
        .evidence(format!("looked up as `{}` in tenant `{tenant}`: {}{}", looked.attribute, quoted(value), then(looked)))
        .evidence(match case.within() {
            None => "no present or former identifier of any user, tombstones and other tenants included, is near it",
            Some(_) => "no present or former identifier of any user of the tenant, tombstones included, is near it; other tenants' users are an operator's to search",
        })
        .action("make the user, or wait for the synchronisation that does; or set `subject.unknown` of the issuer to `pending` or `create`");
    let finding = match case.config.issuers.iter().any(|issuer| issuer.name == looked.issuer) {
        true => finding.command(command),
        false => finding.page(codes::USER_UNKNOWN),
    };
    match looked.unknown {
        UnknownUser::Reject => finding,
        _ => finding.evidence("a real call would make the user; this examination makes nobody"),
    }
}

/// What the rule fell back to, and found nobody by.
fn then(looked: &Looked) -> String {
    let fallbacks = looked.fallbacks.iter();
    fallbacks.map(|(claim, value)| format!("; then by `{claim}` as `identity`: {}", quoted(value))).collect()
}
