//! The wrong claim or rule: whom the rules of other issuers, and the other claims of the token, would have found.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::nearmiss::identifier;
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::quoted;
use async_trait::async_trait;
use portcullis_identity::UnderRule;
use portcullis_store::entity::identifiers::Field;
use serde_json::Value;

pub(super) struct Mapping;

/// Claims that products write identifiers into.
const CLAIMS: [&str; 10] = [
    "sub",
    "oid",
    "preferred_username",
    "username",
    "upn",
    "unique_name",
    "email",
    "user_id",
    "uid",
    "employee_id",
];

#[async_trait]
impl Check for Mapping {
    fn name(&self) -> &'static str {
        "claim_mapping"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let unknown = matches!(
            case.code(),
            "user_unknown" | "subject_missing" | "subject_invalid" | "subject_ambiguous"
        );
        let Some(caller) = case.course.caller.as_ref().filter(|_| unknown) else { return Seen::Nothing };
        let own =
            case.issuer().map(|issuer| issuer.subject.claim.clone()).unwrap_or_else(|| "sub".to_owned());
        let mut findings = Vec::new();
        match case.identity.under_each_rule(caller).await {
            Ok(rules) => {
                let shown =
                    |rule: &UnderRule| case.scope.as_ref().is_none_or(|scope| scope.knows(&rule.rule_of));
                for rule in rules.into_iter().filter(shown) {
                    findings.push(
                        Finding::new(cause::OTHER_RULE_FINDS, Stage::Resolve, Likelihood::Likely, By::Operator, format!("the subject rule of issuer `{}` would have found user {}", rule.rule_of, rule.user.id))
                            .evidence(format!("it reads `{}` and looks it up as `{}`: {} → user {} ({})", rule.claim, rule.attribute, quoted(&rule.value), rule.user.id, rule.user.status))
                            .action("give the issuer of this token the same `subject` rule, if its tokens are made the same way")
                            .command("portcullis issuer list"),
                    );
                }
            }
            Err(error) => return Seen::NotObservable(format!("the directory cannot be asked: {error}")),
        }
        let claims = case.claims.as_ref().and_then(Value::as_object);
        for claim in CLAIMS.into_iter().filter(|claim| *claim != own) {
            let Some(value) =
                claims.and_then(|claims| claims.get(claim)?.as_str()).filter(|value| !value.is_empty())
            else {
                continue;
            };
            let tenant = case.course.seen.tenant.as_ref().map(|tenant| tenant.id);
            let Ok(near) = case.directory.near(tenant, value).await else { continue };
            let exact = near.iter().find(|near| {
                near.differences.is_empty()
                    && near.distance == 0
                    && near.identifier.field != Field::DisplayName
            });
            if let Some(near) = exact {
                findings.push(
                    Finding::new(cause::OTHER_CLAIM_FINDS, Stage::Resolve, Likelihood::Likely, By::Operator, format!("the token's `{claim}` would have led to user {}", near.user.id))
                        .evidence(format!("{} is {} of user {} ({}); the rule reads `{own}`", quoted(value), identifier(near), near.user.id, near.user.status))
                        .action(format!("set `subject.claim` of the issuer to the claim that names users, if `{claim}` does so for good"))
                        .command("portcullis issuer list"),
                );
            }
        }
        Seen::all(findings, "no other configured rule and no other claim leads to a user")
    }
}
