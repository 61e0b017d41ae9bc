//! The groups of the token: left out because they are too many, or standing for nothing here.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::quoted;
use async_trait::async_trait;
use portcullis_model::issuer::GroupsOverage;

pub(super) struct Groups;

/// Refusals of somebody who may have been let in by a group.
const BY_RIGHTS: [&str; 3] = ["not_allowed", "role_missing", "policy_denied"];

#[async_trait]
impl Check for Groups {
    fn name(&self) -> &'static str {
        "groups"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(rule) = case.issuer().and_then(|issuer| issuer.groups.as_ref()) else {
            return Seen::Nothing;
        };
        let by_rights = BY_RIGHTS.contains(&case.code());
        let recorded = case.record.as_ref().and_then(|record| record.token.as_ref()?.groups_overage.clone());
        let read = case.course.caller.as_ref().filter(|_| case.token.is_some());
        let read = read.and_then(|caller| case.identity.groups(caller));
        let overage = read.as_ref().map_or(recorded.as_deref(), |read| read.overage);
        if let Some(shown_by) = overage {
            return Seen::one(left_out(case, shown_by, rule.overage, by_rights));
        }
        let Some(read) = read else {
            return if by_rights {
                Seen::NotObservable("a record does not keep a token's groups; examine the token".to_owned())
            } else {
                Seen::Nothing
            };
        };
        let listed = |texts: &[String]| {
            let all: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
            if all.is_empty() { "none".to_owned() } else { all.join(", ") }
        };
        let stand_for = format!(
            "`{}` stands for roles {}, teams {}",
            read.claim,
            listed(&read.roles),
            listed(&read.teams)
        );
        let mut findings = Vec::new();
        let in_none =
            |team: &&String| case.course.principal.as_ref().is_some_and(|principal| !principal.is_in(team));
        let absent: Vec<String> = read.teams.iter().filter(in_none).cloned().collect();
        if !absent.is_empty() {
            findings.push(
                Finding::new(cause::GROUP_NAMES_NO_TEAM, Stage::Authorise, likelihood(by_rights), By::Operator, "a group of the token stands for a team that the tenant does not have, or not there")
                    .evidence(format!("no such team: {}", listed(&absent)))
                    .evidence(stand_for.clone())
                    .action("make the team, or correct `groups.map` of the issuer: a path of names has to lead to the team")
                    .command("portcullis team list"),
            );
        }
        if by_rights && !read.unmapped.is_empty() {
            findings.push(
                Finding::new(cause::GROUPS_UNMAPPED, Stage::Authorise, Likelihood::Possible, By::Operator, "the token has groups that the issuer's `groups.map` does not name")
                    .evidence(format!("not in the map: {}", listed(&read.unmapped)))
                    .evidence(stand_for.clone())
                    .action("add the group to `groups.map` of the issuer, with the role or team that lets its members in; groups are compared exactly")
                    .command("portcullis issuer list"),
            );
        }
        Seen::all(findings, stand_for)
    }
}

fn likelihood(by_rights: bool) -> Likelihood {
    if by_rights { Likelihood::Likely } else { Likelihood::Aside }
}

fn left_out(case: &Case, shown_by: &str, overage: GroupsOverage, by_rights: bool) -> Finding {
    let refused = case.refused_as("groups_overage");
    let (stage, likelihood) = match (refused, by_rights) {
        (true, _) => (Stage::Resolve, Likelihood::Certain),
        (false, _) => (Stage::Authorise, likelihood(by_rights)),
    };
    let summary = if refused {
        "the token leaves out its groups because they are too many, and without them it is not taken"
    } else {
        "the token leaves out its groups because they are too many; the directory's roles and teams counted instead"
    };
    let teams = case.course.principal.as_ref().map(|principal| {
        let names: Vec<_> = principal.teams.iter().map(|team| format!("`{}`", team.name)).collect();
        let teams = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        format!("the directory's roles: `{}`; teams: {teams}", principal.roles.join("`, `"))
    });
    let policy = if overage == GroupsOverage::Refuse { "refuse" } else { "directory" };
    let finding = Finding::new(cause::GROUPS_LEFT_OUT, stage, likelihood, By::IssuerAdministrator, summary)
        .evidence(format!("shown by: {}; `groups.overage = \"{policy}\"`", quoted(shown_by)))
        .action("let the issuer send fewer groups (in Entra: those assigned to the application, or app roles), or keep teams here and set `groups.overage = \"directory\"`")
        .command("portcullis team list");
    teams.into_iter().fold(finding, Finding::evidence)
}
