//! The service: does it ask who calls, and what of it the caller lacks.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{quoted, word};
use async_trait::async_trait;
use portcullis_model::service::AuthMode;

pub(super) struct Service;

#[async_trait]
impl Check for Service {
    fn name(&self) -> &'static str {
        "service"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(service) = &case.service else { return Seen::Nothing };
        let context = case.course.refusal.as_ref().and_then(|refusal| refusal.context.clone());
        let needs = |finding: Finding| finding.command("portcullis check");
        let told = |finding: Finding| {
            needs(context.iter().fold(finding, |finding, context| finding.evidence(context.clone())))
        };
        let stage = Stage::Authorise;
        let name = &service.name;
        let mine = match case.code() {
            "scope_insufficient" => Some(needs(
                Finding::new(cause::SCOPE_INSUFFICIENT, stage, Likelihood::Certain, By::Caller, format!("the token lacks a scope that service `{name}` needs"))
                    .evidence(format!("needed: `{}`; the token has: {}", service.scopes.join(" "), case.text("scope").map_or("none".to_owned(), quoted)))
                    .action("ask the issuer for a token with the scope; whether a client may have it is the issuer's to say"),
            )),
            "role_missing" => Some(
                Finding::new(cause::ROLE_MISSING, stage, Likelihood::Certain, By::Operator, format!("the caller has none of the roles that service `{name}` needs"))
                    .evidence(format!("needed, one of: `{}`; the caller has: {}", service.roles.join("`, `"), had(case)))
                    .action("give the user the role, or have the issuer write it (`role_claims`)")
                    .command(with_role(case, &service.roles).unwrap_or_else(|| "portcullis check".to_owned())),
            ),
            "not_allowed" => Some(told(
                Finding::new(cause::NOT_ALLOWED, stage, Likelihood::Certain, By::Operator, format!("the caller is not on the `allow` list of service `{name}`"))
                    .action("add the user, the application or a role of theirs to `allow` of the service, if they may call"),
            )),
            "policy_denied" => Some(told(
                Finding::new(cause::POLICY_DENIED, stage, Likelihood::Certain, By::Operator, format!("a policy denies this caller service `{name}`"))
                    .action("read the policy that is named, and change it or the caller's attributes"),
            )),
            _ => None,
        };
        if let Some(finding) = mine {
            return Seen::one(finding);
        }
        match service.auth {
            AuthMode::Required => Seen::InOrder(format!("service `{name}` asks who calls")),
            mode => Seen::one(
                Finding::new(cause::SERVICE_WITHOUT_RESOLUTION, stage, Likelihood::Aside, By::Operator, format!("service `{name}` lets everybody through: nobody is refused there, and a user may be unknown to the service behind"))
                    .evidence(format!("`auth = \"{}\"`", if mode == AuthMode::Monitor { "monitor" } else { "none" }))
                    .action("set `auth = \"required\"` if the service behind relies on knowing the user")
                    .command("portcullis check"),
            ),
        }
    }
}

/// The roles that the caller has.
fn had(case: &Case) -> String {
    let roles = case.course.principal.iter().flat_map(|principal| principal.roles.iter());
    let roles: Vec<String> = roles.map(|role| quoted(role)).collect();
    if roles.is_empty() { "none".to_owned() } else { roles.join(", ") }
}

/// What gives the user behind the call the first of these roles, beside those that the directory knows of.
fn with_role(case: &Case, needed: &[String]) -> Option<String> {
    let user = case.course.principal.as_ref()?.user.as_ref()?;
    let roles = user.roles.iter().chain(needed.first()).map(|role| format!(" --role {}", word(role)));
    Some(format!("portcullis user change {}{}", user.id, roles.collect::<String>()))
}
