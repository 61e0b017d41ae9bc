//! Teams as SCIM groups. Members are those whom SCIM clients put there: who else is in the team, by an operator or a token,
//! is not shown and not taken out.

use super::client::Client;
use super::conditions::tag;
use super::failure::{Failure, ScimType};
use super::schema::GROUP;
use crate::{Control, text};
use portcullis_identity::directory::{Fed, ProvisionedTeam};
use portcullis_model::team::MembershipSource;
use portcullis_model::{Team, TeamId, UserId};
use portcullis_store::entity::memberships;
use portcullis_store::entity::provisioned::{self, Provisioned, Teams};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The most members that one answer has.
pub const MOST_MEMBERS: usize = 100_000;

/// A team that the client sees.
///
/// # Errors
/// There is none, or the database cannot be asked.
pub async fn find(control: &Control, client: &Client, id: &str) -> Result<Fed<Team>, Failure> {
    let Ok(team) = id.parse::<TeamId>() else { return Err(Failure::absent("group", id)) };
    let feed = &client.feed;
    let asked = Teams { id: Some(team.0), ..Teams::of(feed.tenant, &feed.source) };
    let found = provisioned::list_teams(control.store(), &asked).await?.pop();
    let (record, said) = found.ok_or_else(|| Failure::absent("group", id))?;
    Ok(Fed { record, said })
}

/// What a client can write of a group, but for its members.
pub fn writable(team: &Team, said: Option<&Provisioned>) -> Map<String, Value> {
    let mut document = said.map(|said| said.document.clone()).unwrap_or_default();
    let name = team.display_name.clone().unwrap_or_else(|| team.name.to_string());
    document.insert("displayName".to_owned(), name.into());
    if let Some(id) = &team.external_id {
        document.insert("externalId".to_owned(), id.clone().into());
    }
    document
}

/// How many members a group has, and when the last of them came.
///
/// # Errors
/// The database cannot be asked.
pub async fn state(control: &Control, team: TeamId) -> Result<(u64, portcullis_model::Timestamp), Failure> {
    Ok(memberships::state(control.store(), team, MembershipSource::Scim).await?)
}

/// Who is in a group.
///
/// # Errors
/// More than `most`; or the database cannot be asked.
pub async fn members(control: &Control, team: TeamId, most: usize) -> Result<Vec<UserId>, Failure> {
    let (mut members, mut after) = (Vec::new(), None);
    loop {
        let source = Some(MembershipSource::Scim);
        let page = memberships::list_by_team(control.store(), team, source, after, 1_000).await?;
        let Some(last) = page.last() else { return Ok(members) };
        after = Some(last.user);
        members.extend(page.iter().map(|membership| membership.user));
        if members.len() > most {
            let detail = format!(
                "more than {MOST_MEMBERS} members in one answer; ask with `excludedAttributes=members`"
            );
            return Err(Failure::new(ScimType::TooMany, detail));
        }
    }
}

/// Members as JSON.
pub fn listed(members: &[UserId], base: &str) -> Value {
    let one = |user: &UserId| json!({ "value": user.to_string(), "$ref": format!("{base}/Users/{user}"), "type": "User" });
    Value::Array(members.iter().map(one).collect())
}

/// The whole resource.
pub fn shown(
    mut document: Map<String, Value>,
    fed: &Fed<Team>,
    state: (u64, portcullis_model::Timestamp),
    base: &str,
) -> Map<String, Value> {
    let team = &fed.record;
    let said_at = fed.said.as_ref().map_or(team.updated_at, |said| said.updated_at);
    document.insert("schemas".to_owned(), json!([GROUP.schema.id]));
    document.insert("id".to_owned(), team.id.to_string().into());
    let meta = json!({
        "resourceType": "Group",
        "created": team.created_at.rfc3339(),
        "lastModified": team.updated_at.max(said_at).max(state.1).rfc3339(),
        "location": format!("{base}/Groups/{}", team.id),
        "version": tag(fed.seen(Some(state))),
    });
    document.insert("meta".to_owned(), meta);
    document
}

/// What the directory makes of a document, with who is in the group now.
///
/// # Errors
/// A member that is no user.
pub fn provision(mut document: Map<String, Value>, now: &[UserId]) -> Result<ProvisionedTeam, Failure> {
    let wanted = ids(document.remove("members"))?;
    let now: BTreeSet<UserId> = now.iter().copied().collect();
    let word = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    let display_name = word(document.remove("displayName")).unwrap_or_default();
    text::line("displayName", &display_name)?;
    Ok(ProvisionedTeam {
        display_name,
        external_id: word(document.remove("externalId")),
        add: wanted.difference(&now).copied().collect(),
        remove: now.difference(&wanted).copied().collect(),
        document,
    })
}

fn ids(members: Option<Value>) -> Result<BTreeSet<UserId>, Failure> {
    let list = match members {
        Some(Value::Array(list)) => list,
        _ => return Ok(BTreeSet::new()),
    };
    list.iter()
        .map(|member| {
            let group = member.get("type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("Group"));
            if group {
                let detail = "`members` are users; an operator makes a group a part of another (`portcullis team move`)";
                return Err(Failure::new(ScimType::InvalidValue, detail));
            }
            let id = member.get("value").and_then(Value::as_str).unwrap_or_default();
            id.parse().map_err(|_| {
                let shown: String = id.chars().take(64).collect();
                Failure::new(ScimType::InvalidValue, format!("`members`: there is no such user: `{shown}`"))
            })
        })
        .collect()
}
