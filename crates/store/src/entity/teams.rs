//! Teams. Who is in them is in [`super::memberships`]; that they make a tree is the directory's to see to.

use super::identifier;
use crate::statement::{Executor, Page, all, found, one, sql};
use crate::{Error, Row, Tx};
use portcullis_model::team::TeamOrigin;
use portcullis_model::{Name, Team, TeamId, TenantId, UserId};

pub(super) const SELECT: &str = "SELECT t.id, t.tenant_id, t.name, t.display_name, t.parent_id, t.external_id, t.origin, t.created_at, t.updated_at FROM ";

pub(super) fn read(row: Row) -> Result<Team, Error> {
    read_some(row).map(|(team, _)| team)
}

/// A team, and what is left of its row.
pub(super) fn read_some(mut row: Row) -> Result<(Team, Row), Error> {
    let team = Team {
        id: row.take()?,
        tenant: row.take()?,
        name: row.parse()?,
        display_name: row.take()?,
        parent: row.take()?,
        external_id: row.take()?,
        origin: row.parse()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    };
    Ok((team, row))
}

/// Names are ASCII.
fn folded(name: &Name) -> String {
    name.as_str().to_ascii_lowercase()
}

fn check(team: &Team) -> Result<(), Error> {
    team.external_id.as_deref().map_or(Ok(()), |text| identifier("the external id", text))?;
    team.display_name.as_deref().map_or(Ok(()), |text| identifier("the display name", text))
}

/// Adds a team. A name (in whatever case) or an external id that is taken is an [`Error::Conflict`].
pub async fn insert(tx: &mut Tx, team: &Team) -> Result<(), Error> {
    check(team)?;
    let text = "INSERT INTO teams (id, tenant_id, name, folded, display_name, parent_id, external_id, origin, created_at, updated_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let statement = sql(text)
        .bind(team.id)
        .bind(team.tenant)
        .bind(&team.name)
        .bind(folded(&team.name))
        .bind(team.display_name.as_deref())
        .bind(team.parent)
        .bind(team.external_id.as_deref())
        .bind(team.origin.as_str())
        .bind(team.created_at)
        .bind(team.updated_at);
    tx.execute(statement).await.map(drop)
}

/// Writes everything but `id`, `tenant` and `created_at`.
pub async fn update(tx: &mut Tx, team: &Team) -> Result<(), Error> {
    check(team)?;
    let text = "UPDATE teams SET name = $3, folded = $4, display_name = $5, parent_id = $6, external_id = $7, origin = $8, \
                updated_at = $9 WHERE id = $1 AND tenant_id = $2";
    let statement = sql(text)
        .bind(team.id)
        .bind(team.tenant)
        .bind(&team.name)
        .bind(folded(&team.name))
        .bind(team.display_name.as_deref())
        .bind(team.parent)
        .bind(team.external_id.as_deref())
        .bind(team.origin.as_str())
        .bind(team.updated_at);
    found(tx.execute(statement).await?, "team")
}

/// Removes a team. One that has teams below it or anybody in it is [`Error::Dangling`].
pub async fn delete(tx: &mut Tx, id: TeamId) -> Result<(), Error> {
    found(tx.execute(sql("DELETE FROM teams WHERE id = $1").bind(id)).await?, "team")
}

/// The team with this id, of whatever tenant.
pub async fn find(executor: impl Executor, id: TeamId) -> Result<Option<Team>, Error> {
    one(executor.rows(sql(SELECT).push("teams t WHERE t.id = $1").bind(id)).await?, read)
}

/// The team with this id, kept from others until the transaction ends.
pub async fn lock(tx: &mut Tx, id: TeamId) -> Result<Option<Team>, Error> {
    one(tx.rows(sql(SELECT).push("teams t WHERE t.id = $1").bind(id).locking()).await?, read)
}

/// The tenant's team of this name, in whatever case.
pub async fn find_by_name(
    executor: impl Executor,
    tenant: TenantId,
    name: &str,
) -> Result<Option<Team>, Error> {
    let statement = sql(SELECT).push("teams t WHERE t.tenant_id = $1 AND t.folded = $2");
    one(executor.rows(statement.bind(tenant).bind(name.to_ascii_lowercase())).await?, read)
}

/// Ids that are asked for in one statement.
const AT_ONCE: usize = 64;

/// The ids of the tenant's teams of these external ids, exact. What no team is called by is left out.
pub async fn ids_of_external(
    executor: impl Executor + Copy,
    tenant: TenantId,
    external_ids: &[String],
) -> Result<Vec<TeamId>, Error> {
    let wanted: Vec<&String> = external_ids.iter().filter(|id| super::is_identifier(id)).collect();
    let mut found = Vec::new();
    for some in wanted.chunks(AT_ONCE) {
        let mut statement =
            sql("SELECT t.id FROM teams t WHERE t.tenant_id = $1 AND t.external_id IN (").bind(tenant);
        // Few sizes, so that few statements are prepared: the last one again, as often as it takes.
        for n in 0..some.len().next_power_of_two() {
            let place = format!("{}${}", if n == 0 { "" } else { ", " }, n + 2);
            statement = statement.push(&place).bind(some[n.min(some.len() - 1)].as_str());
        }
        let rows = executor.rows(statement.push(")")).await?;
        found.extend(all(rows, |mut row| row.take::<TeamId>())?);
    }
    Ok(found)
}

/// Which teams are listed; what is `None` is not asked for. Texts are exact.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// Directly below this one.
    pub parent: Option<TeamId>,
    /// Made by these.
    pub origin: Option<TeamOrigin>,
    /// With this name.
    pub name: Option<String>,
    /// With this display name.
    pub display_name: Option<String>,
    /// With this external id.
    pub external_id: Option<String>,
}

/// Teams, oldest first.
pub async fn list(executor: impl Executor, filter: &Filter, page: Page) -> Result<Vec<Team>, Error> {
    let statement = sql(SELECT)
        .push("teams t WHERE 1 = 1")
        .and("t.tenant_id =", filter.tenant)
        .and("t.parent_id =", filter.parent)
        .and("t.origin =", filter.origin.map(TeamOrigin::as_str))
        .and("t.name =", filter.name.as_deref())
        .and("t.display_name =", filter.display_name.as_deref())
        .and("t.external_id =", filter.external_id.as_deref())
        .page("t.id", page, false);
    all(executor.rows(statement).await?, read)
}

/// How many teams a tenant has.
pub async fn count(executor: impl Executor, tenant: TenantId) -> Result<u64, Error> {
    let statement = sql("SELECT COUNT(*) FROM teams WHERE tenant_id = $1").bind(tenant);
    let count: Option<i64> = one(executor.rows(statement).await?, |mut row| row.take())?;
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

/// The teams that a user is in, by whatever source, and all the teams above those; whether it is in each by itself. By name.
pub async fn list_by_user(executor: impl Executor, user: UserId) -> Result<Vec<(Team, bool)>, Error> {
    // `UNION` keeps each once, and so ends however the rows refer to each other. `CROSS JOIN` as in `users::resolve`.
    let text = "u CROSS JOIN teams t WHERE t.id = u.id ORDER BY t.name";
    let statement = sql("WITH RECURSIVE u (id) AS (SELECT team_id FROM memberships WHERE user_id = $1 UNION \
             SELECT p.parent_id FROM u CROSS JOIN teams p WHERE p.id = u.id AND p.parent_id IS NOT NULL) \
             SELECT t.id, t.tenant_id, t.name, t.display_name, t.parent_id, t.external_id, t.origin, t.created_at, t.updated_at, \
             CAST(CASE WHEN EXISTS (SELECT 1 FROM memberships m WHERE m.team_id = t.id AND m.user_id = $1) THEN 1 ELSE 0 END AS bigint) FROM ")
        .push(text)
        .bind(user);
    all(executor.rows(statement).await?, |row| {
        let (team, mut row) = read_some(row)?;
        Ok((team, row.take::<i64>()? == 1))
    })
}

/// All teams of a tenant, by name. There are at most [`portcullis_model::team::MOST_TEAMS`].
pub async fn list_all(executor: impl Executor, tenant: TenantId) -> Result<Vec<Team>, Error> {
    let mut statement = sql(SELECT).push("teams t WHERE t.tenant_id = $1 ORDER BY t.name").bind(tenant);
    statement.scanning = true;
    all(executor.rows(statement).await?, read)
}

/// The ids of a team and of all the teams below it, those below first: in the order in which they can be removed.
pub async fn subtree(executor: impl Executor, id: TeamId) -> Result<Vec<TeamId>, Error> {
    let text = "WITH RECURSIVE d (id, depth) AS (SELECT id, CAST(1 AS bigint) FROM teams WHERE id = $1 UNION \
                SELECT t.id, d.depth + 1 FROM d CROSS JOIN teams t WHERE t.parent_id = d.id AND d.depth < 64) \
                SELECT id, depth FROM d ORDER BY depth DESC, id";
    let mut statement = sql(text).bind(id);
    statement.scanning = true;
    all(executor.rows(statement).await?, |mut row| row.take())
}

/// How many levels the tree has that begins with a team: 1 for a team with none below it.
pub async fn height(executor: impl Executor, id: TeamId) -> Result<u64, Error> {
    let text = "WITH RECURSIVE d (id, depth) AS (SELECT id, CAST(1 AS bigint) FROM teams WHERE id = $1 UNION \
                SELECT t.id, d.depth + 1 FROM d CROSS JOIN teams t WHERE t.parent_id = d.id AND d.depth < 64) \
                SELECT MAX(depth) FROM d";
    let height: Option<Option<i64>> = one(executor.rows(sql(text).bind(id)).await?, |mut row| row.take())?;
    Ok(height.flatten().and_then(|height| u64::try_from(height).ok()).unwrap_or(0))
}

/// The teams above one, the nearest first.
pub async fn above(executor: impl Executor, id: TeamId) -> Result<Vec<TeamId>, Error> {
    let text = "WITH RECURSIVE u (id, depth) AS (SELECT parent_id, CAST(1 AS bigint) FROM teams WHERE id = $1 AND parent_id IS NOT NULL UNION \
                SELECT t.parent_id, u.depth + 1 FROM u CROSS JOIN teams t WHERE t.id = u.id AND t.parent_id IS NOT NULL AND u.depth < 64) \
                SELECT id, depth FROM u ORDER BY depth";
    all(executor.rows(sql(text).bind(id)).await?, |mut row| row.take())
}
