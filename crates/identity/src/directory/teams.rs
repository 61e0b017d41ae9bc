//! Teams: made, renamed, moved, deleted. They make a tree of at most [`DEEPEST`] levels: whoever changes one tree of a
//! tenant waits for whoever changes it already, so that two moves never make a circle together.

use super::change::Work;
use super::{Actor, Directory, conflict, not_found};
use portcullis_fault::{Fault, codes};
use portcullis_model::event::Change;
use portcullis_model::team::{self, DEEPEST, MOST_TEAMS, TeamOrigin};
use portcullis_model::{Name, Team, TeamId, TenantId};
use portcullis_store::Page;
use portcullis_store::entity::{memberships, provisioned, teams, tenants};
use serde_json::{Value, json};

/// How many of what is in the way are named.
const NAMED: u32 = 5;

/// A team to be made.
#[derive(Clone, Debug)]
pub struct NewTeam {
    /// Whose team.
    pub tenant: TenantId,
    /// Its name.
    pub name: Name,
    /// For people to read.
    pub display_name: Option<String>,
    /// The team that it is a part of.
    pub parent: Option<TeamId>,
    /// The id that whoever feeds the directory knows it by.
    pub external_id: Option<String>,
    /// Who makes it.
    pub origin: TeamOrigin,
}

/// What changes of a team; what is `None` stays. An inner `None` removes.
#[derive(Clone, Debug, Default)]
pub struct TeamChange {
    /// Its name.
    pub name: Option<Name>,
    /// For people to read.
    pub display_name: Option<Option<String>>,
    /// The team that it is a part of.
    pub parent: Option<Option<TeamId>>,
    /// The id that whoever feeds the directory knows it by.
    pub external_id: Option<Option<String>>,
}

impl Directory {
    /// Makes a team.
    ///
    /// # Errors
    /// A name or external id that is taken, a tenant or parent that is not there, too deep or too many.
    pub async fn create_team(&self, actor: &Actor, new: NewTeam) -> Result<Team, Fault> {
        let mut work = self.work(actor).await?;
        hold(&mut work, new.tenant).await?;
        let team = self.make_team(&mut work, new).await?;
        work.done().await?;
        Ok(team)
    }

    /// Makes a team of a tenant that is held, within a transaction.
    pub(super) async fn make_team(&self, work: &mut Work<'_>, new: NewTeam) -> Result<Team, Fault> {
        check_name(&new.name)?;
        if teams::count(&mut work.tx, new.tenant).await? >= MOST_TEAMS {
            return Err(conflict(format!("the tenant has {MOST_TEAMS} teams, and that is the most")));
        }
        let team = Team {
            id: TeamId::generate(&*self.clock, &*self.rng),
            tenant: new.tenant,
            name: new.name,
            display_name: new.display_name,
            parent: new.parent,
            external_id: new.external_id,
            origin: new.origin,
            created_at: work.now,
            updated_at: work.now,
        };
        place(work, &team, 1).await?;
        teams::insert(&mut work.tx, &team).await?;
        work.event(Some(team.tenant), happened(team.id, "created"));
        work.audit(Some(team.tenant), "team.create", team.id, Value::Null, shown(&team)).await?;
        Ok(team)
    }

    /// Renames or moves a team, or changes what else is said of it.
    ///
    /// # Errors
    /// No such team, a name or external id that is taken, a parent that is not there, that is below the team itself, or that
    /// makes the tree too deep.
    pub async fn change_team(&self, actor: &Actor, id: TeamId, change: TeamChange) -> Result<Team, Fault> {
        let mut work = self.work(actor).await?;
        let before = held(&mut work, id).await?;
        let team = change_team_in(&mut work, before, change).await?;
        work.done().await?;
        Ok(team)
    }

    /// Deletes a team that nobody is in and no team is below; with `recursive` also all teams below it, and everybody is
    /// taken out of them. How many teams were deleted.
    ///
    /// # Errors
    /// No such team; or what is in the way.
    pub async fn delete_team(&self, actor: &Actor, id: TeamId, recursive: bool) -> Result<usize, Fault> {
        let mut work = self.work(actor).await?;
        let team = held(&mut work, id).await?;
        if !recursive && let Some(detail) = in_the_way(&mut work, &team).await? {
            return Err(conflict(detail));
        }
        let doomed = teams::subtree(&mut work.tx, id).await?;
        for id in &doomed {
            let Some(team) = teams::lock(&mut work.tx, *id).await? else { continue };
            remove_in(&mut work, &team).await?;
        }
        work.done().await?;
        Ok(doomed.len())
    }
}

/// Changes a team whose tenant is held, within a transaction.
pub(super) async fn change_team_in(
    work: &mut Work<'_>,
    before: Team,
    change: TeamChange,
) -> Result<Team, Fault> {
    change.name.as_ref().map_or(Ok(()), check_name)?;
    let mut team = before.clone();
    let TeamChange { name, display_name, parent, external_id } = change;
    team.name = name.unwrap_or(team.name);
    team.display_name = display_name.unwrap_or(team.display_name);
    team.parent = parent.unwrap_or(team.parent);
    team.external_id = external_id.unwrap_or(team.external_id);
    if team == before {
        return Ok(team);
    }
    if team.parent != before.parent {
        let height = teams::height(&mut work.tx, team.id).await?;
        place(work, &team, height).await?;
    }
    team.updated_at = work.now;
    teams::update(&mut work.tx, &team).await?;
    for (is_so, what) in [
        (team.name != before.name, "renamed"),
        (team.parent != before.parent, "moved"),
        ((&team.display_name, &team.external_id) != (&before.display_name, &before.external_id), "changed"),
    ] {
        if is_so {
            work.event(Some(team.tenant), happened(team.id, what));
        }
    }
    work.audit(Some(team.tenant), "team.change", team.id, shown(&before), shown(&team)).await?;
    Ok(team)
}

/// Removes a team that has none below it, and takes everybody out of it, within a transaction.
pub(super) async fn remove_in(work: &mut Work<'_>, team: &Team) -> Result<(), Fault> {
    let members = memberships::delete_by_team(&mut work.tx, team.id).await?;
    provisioned::delete(&mut work.tx, team.id.0).await?;
    teams::delete(&mut work.tx, team.id).await?;
    work.event(Some(team.tenant), happened(team.id, "deleted"));
    let mut before = shown(team);
    before["members"] = json!(members);
    work.audit(Some(team.tenant), "team.delete", team.id, before, Value::Null).await?;
    Ok(())
}

fn happened(team: TeamId, what: &str) -> Change {
    Change::Team { team, what: what.to_owned() }
}

fn check_name(name: &Name) -> Result<(), Fault> {
    team::team_name(name.as_str())
        .map(drop)
        .map_err(|error| Fault::new(codes::PARAMETER_INVALID).detail(error))
}

/// Keeps others from changing the tenant's teams.
pub(super) async fn hold(work: &mut Work<'_>, tenant: TenantId) -> Result<(), Fault> {
    tenants::lock(&mut work.tx, tenant).await?.map(drop).ok_or_else(|| not_found("tenant"))
}

/// A team that is there, and nobody else changes its tenant's tree.
pub(super) async fn held(work: &mut Work<'_>, id: TeamId) -> Result<Team, Fault> {
    let team = teams::find(&mut work.tx, id).await?.ok_or_else(|| not_found("team"))?;
    hold(work, team.tenant).await?;
    teams::lock(&mut work.tx, id).await?.ok_or_else(|| not_found("team"))
}

/// Checks that a team with so many levels can be where its parent says.
async fn place(work: &mut Work<'_>, team: &Team, height: u64) -> Result<(), Fault> {
    let Some(parent) = team.parent else { return Ok(()) };
    if parent == team.id {
        return Err(conflict("a team cannot be a part of itself"));
    }
    let found = teams::find(&mut work.tx, parent).await?;
    let found = found.filter(|found| found.tenant == team.tenant).ok_or_else(|| not_found("parent team"))?;
    let above = teams::above(&mut work.tx, parent).await?;
    if above.contains(&team.id) {
        return Err(conflict(format!(
            "`{}` is below `{}`: a team cannot be a part of a team that is a part of it",
            found.name, team.name
        )));
    }
    let deepest = above.len() as u64 + 1 + height;
    if deepest > DEEPEST as u64 {
        return Err(conflict(format!(
            "teams are at most {DEEPEST} deep, and below `{}` this would be {deepest}",
            found.name
        )));
    }
    Ok(())
}

/// What keeps a team from being deleted.
async fn in_the_way(work: &mut Work<'_>, team: &Team) -> Result<Option<String>, Fault> {
    let filter = teams::Filter { parent: Some(team.id), ..teams::Filter::default() };
    let below = teams::list(&mut work.tx, &filter, Page::first(NAMED + 1)).await?;
    let members = memberships::count_by_team(&mut work.tx, team.id).await?;
    if below.is_empty() && members == 0 {
        return Ok(None);
    }
    let mut named: Vec<String> =
        below.iter().take(NAMED as usize).map(|below| format!("`{}`", below.name)).collect();
    if below.len() > NAMED as usize {
        named.push("…".to_owned());
    }
    let mut parts = Vec::new();
    if !named.is_empty() {
        parts.push(format!("teams below it ({})", named.join(", ")));
    }
    if members > 0 {
        parts.push(format!("{members} member{}", if members == 1 { "" } else { "s" }));
    }
    Ok(Some(format!(
        "team `{}` has {}; remove them first, or delete it with all of them by `recursive`",
        team.name,
        parts.join(" and ")
    )))
}

/// As the audit log shows it.
fn shown(team: &Team) -> Value {
    json!({
        "name": team.name,
        "display_name": team.display_name,
        "parent": team.parent,
        "external_id": team.external_id,
        "origin": team.origin,
    })
}
