//! What SCIM clients said of users and teams, and which of them each client sees: those that its source feeds, and those
//! that nobody feeds. Which rules hold for changes is the directory's.

use super::{identifier, is_identifier, operators, teams, users};
use crate::statement::{Executor, Statement, all, one, sql};
use crate::{Error, Row, Tx};
use portcullis_model::{Name, Team, TenantId, Timestamp, User, UserId};
use serde_json::{Map, Value};
use uuid::Uuid;

/// What a SCIM client said of a user or a team.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioned {
    /// The user's or the team's id.
    pub id: Uuid,
    /// Its tenant.
    pub tenant: TenantId,
    /// Which source feeds it.
    pub source: Name,
    /// Counts the changes that came from the source.
    pub revision: i64,
    /// The attributes, as they were said.
    pub document: Map<String, Value>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The most rows of one answer.
pub const MOST: u32 = 1_000;

const SELECT: &str =
    "SELECT id, tenant_id, source, revision, document, updated_at FROM provisioned WHERE id = $1";

const BESIDE: &str = "SELECT p.source, p.revision, p.document, p.updated_at, ";

fn document(text: &str) -> Result<Map<String, Value>, Error> {
    serde_json::from_str(text)
        .map_err(|_| Error::Corrupt("what a SCIM client said is unreadable JSON".to_owned()))
}

fn read(mut row: Row) -> Result<Provisioned, Error> {
    Ok(Provisioned {
        id: row.take()?,
        tenant: row.take()?,
        source: row.parse()?,
        revision: row.take()?,
        document: document(&row.take::<String>()?)?,
        updated_at: row.take()?,
    })
}

/// The columns of a row beside a user or a team.
struct Beside {
    source: Option<Name>,
    revision: Option<i64>,
    document: Option<String>,
    updated_at: Option<Timestamp>,
}

impl Beside {
    fn read(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            source: operators::source(row.take()?)?,
            revision: row.take()?,
            document: row.take()?,
            updated_at: row.take()?,
        })
    }

    fn of(self, id: Uuid, tenant: TenantId) -> Result<Option<Provisioned>, Error> {
        let (Some(source), Some(revision), Some(text), Some(updated_at)) =
            (self.source, self.revision, self.document, self.updated_at)
        else {
            return Ok(None);
        };
        Ok(Some(Provisioned { id, tenant, source, revision, document: document(&text)?, updated_at }))
    }
}

/// What was said of this user or team.
pub async fn find(executor: impl Executor, id: Uuid) -> Result<Option<Provisioned>, Error> {
    one(executor.rows(sql(SELECT).bind(id)).await?, read)
}

/// Writes what was said, whether or not something was said before.
pub async fn put(tx: &mut Tx, said: &Provisioned) -> Result<(), Error> {
    identifier("the source", said.source.as_str())?;
    let text = "INSERT INTO provisioned (id, tenant_id, source, revision, document, updated_at) VALUES ($1, $2, $3, $4, $5, $6) \
                ON CONFLICT (id) DO UPDATE SET source = excluded.source, revision = excluded.revision, document = excluded.document, \
                updated_at = excluded.updated_at";
    let document = serde_json::to_string(&said.document)
        .map_err(|_| Error::Corrupt("what a SCIM client said cannot be written".to_owned()))?;
    let statement = sql(text)
        .bind(said.id)
        .bind(said.tenant)
        .bind(&said.source)
        .bind(said.revision)
        .bind(document)
        .bind(said.updated_at);
    tx.execute(statement).await.map(drop)
}

/// Forgets what was said.
pub async fn delete(tx: &mut Tx, id: Uuid) -> Result<(), Error> {
    tx.execute(sql("DELETE FROM provisioned WHERE id = $1").bind(id)).await.map(drop)
}

/// Which users of a tenant are listed; what is `None` is not asked for.
#[derive(Clone, Debug)]
pub struct Users<'a> {
    /// Of this tenant.
    pub tenant: TenantId,
    /// Seen by the clients of this source.
    pub source: &'a Name,
    /// This one.
    pub id: Option<UserId>,
    /// With this user name, in upper or lower case of ASCII letters.
    pub username: Option<String>,
    /// With this external id, exact.
    pub external_id: Option<String>,
    /// Active, or not.
    pub active: Option<bool>,
}

impl<'a> Users<'a> {
    /// All that the clients of a source see.
    pub const fn of(tenant: TenantId, source: &'a Name) -> Self {
        Self { tenant, source, id: None, username: None, external_id: None, active: None }
    }

    /// What cannot be stored is nobody's.
    fn is_nobody(&self) -> bool {
        [&self.username, &self.external_id].into_iter().flatten().any(|text| !is_identifier(text))
    }

    fn pushed<'s>(&'s self, statement: Statement<'s>) -> Statement<'s> {
        let text = "users u LEFT JOIN provisioned p ON p.id = u.id WHERE u.tenant_id = $1 AND u.status NOT IN ('deleted', 'merged') \
                    AND (p.source = $2 OR (p.source IS NULL AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.user_id = u.id \
                    AND i.issuer >= 'source:' AND i.issuer < 'source;')))";
        let statement = statement
            .push(text)
            .bind(self.tenant)
            .bind(self.source)
            .and("u.id =", self.id)
            .and("lower(u.username) =", self.username.as_deref().map(str::to_ascii_lowercase))
            .and("u.external_id =", self.external_id.as_deref());
        match self.active {
            Some(true) => statement.push(" AND u.status = 'active'"),
            Some(false) => statement.push(" AND u.status <> 'active'"),
            None => statement,
        }
    }
}

/// Users that the clients of a source see, oldest first: `limit` of them (at most [`MOST`]) after the first `skip`.
pub async fn list_users(
    executor: impl Executor,
    asked: &Users<'_>,
    skip: u32,
    limit: u32,
) -> Result<Vec<(User, Option<Provisioned>)>, Error> {
    if asked.is_nobody() {
        return Ok(Vec::new());
    }
    let mut statement = asked.pushed(sql(BESIDE).push(users::SELECT.trim_start_matches("SELECT ")));
    let n = statement.values.len();
    statement = statement
        .push(&format!(" ORDER BY u.id LIMIT ${} OFFSET ${}", n + 1, n + 2))
        .bind(limit.min(MOST))
        .bind(skip)
        .scanning();
    all(executor.rows(statement).await?, |mut row| {
        let beside = Beside::read(&mut row)?;
        let user = users::read(row)?;
        let said = beside.of(user.id.0, user.tenant)?;
        Ok((user, said))
    })
}

/// Users after one, by id, at most `limit` (and [`MOST`]): for reading all of them.
pub async fn list_users_after(
    executor: impl Executor,
    asked: &Users<'_>,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<(User, Option<Provisioned>)>, Error> {
    if asked.is_nobody() {
        return Ok(Vec::new());
    }
    let statement = asked.pushed(sql(BESIDE).push(users::SELECT.trim_start_matches("SELECT ")));
    let mut statement = statement.and("u.id >", after);
    let n = statement.values.len();
    statement = statement.push(&format!(" ORDER BY u.id LIMIT ${}", n + 1)).bind(limit.min(MOST)).scanning();
    all(executor.rows(statement).await?, |mut row| {
        let beside = Beside::read(&mut row)?;
        let user = users::read(row)?;
        let said = beside.of(user.id.0, user.tenant)?;
        Ok((user, said))
    })
}

/// How many users the clients of a source see.
pub async fn count_users(executor: impl Executor, asked: &Users<'_>) -> Result<u64, Error> {
    if asked.is_nobody() {
        return Ok(0);
    }
    let statement = asked.pushed(sql("SELECT COUNT(*) FROM ")).scanning();
    let count: Option<i64> = one(executor.rows(statement).await?, |mut row| row.take())?;
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

/// Users of this name in upper or lower case of ASCII letters, in whatever state and whoever feeds them; at most 100.
pub async fn named(executor: impl Executor, tenant: TenantId, username: &str) -> Result<Vec<User>, Error> {
    if !is_identifier(username) {
        return Ok(Vec::new());
    }
    let statement = sql(users::SELECT)
        .push("users u WHERE u.tenant_id = $1 AND lower(u.username) = $2 ORDER BY u.id LIMIT 100")
        .bind(tenant)
        .bind(username.to_ascii_lowercase());
    all(executor.rows(statement).await?, users::read)
}

/// Which teams of a tenant are listed; what is `None` is not asked for.
#[derive(Clone, Debug)]
pub struct Teams<'a> {
    /// Of this tenant.
    pub tenant: TenantId,
    /// Seen by the clients of this source.
    pub source: &'a Name,
    /// This one.
    pub id: Option<Uuid>,
    /// Shown under this name, in upper or lower case of ASCII letters.
    pub shown: Option<String>,
    /// With this external id, exact.
    pub external_id: Option<String>,
    /// With this member, whom the clients of SCIM put in.
    pub member: Option<UserId>,
}

/// Teams `t` of the tenant `$1` that the clients of the source `$2` see, beside what was said of them.
const SEEN_TEAMS: &str = "teams t LEFT JOIN provisioned p ON p.id = t.id WHERE t.tenant_id = $1 \
                          AND (p.source = $2 OR (p.source IS NULL AND t.origin = 'api'))";

impl<'a> Teams<'a> {
    /// All that the clients of a source see.
    pub const fn of(tenant: TenantId, source: &'a Name) -> Self {
        Self { tenant, source, id: None, shown: None, external_id: None, member: None }
    }
}

/// All teams that the clients of a source see, oldest first. There are at most [`portcullis_model::team::MOST_TEAMS`].
pub async fn list_teams(
    executor: impl Executor,
    asked: &Teams<'_>,
) -> Result<Vec<(Team, Option<Provisioned>)>, Error> {
    if [&asked.shown, &asked.external_id].into_iter().flatten().any(|text| !is_identifier(text)) {
        return Ok(Vec::new());
    }
    let statement = sql(BESIDE)
        .push(teams::SELECT.trim_start_matches("SELECT "))
        .push(SEEN_TEAMS)
        .bind(asked.tenant)
        .bind(asked.source)
        .and("t.id =", asked.id)
        .and("lower(COALESCE(t.display_name, t.name)) =", asked.shown.as_deref().map(str::to_ascii_lowercase))
        .and("t.external_id =", asked.external_id.as_deref())
        .and(
            "t.id IN (SELECT m.team_id FROM memberships m WHERE m.source = 'scim' AND m.team_id = t.id AND m.user_id =",
            asked.member,
        );
    let statement = if asked.member.is_some() { statement.push(")") } else { statement };
    all(executor.rows(statement.push(" ORDER BY t.id").scanning()).await?, |mut row| {
        let beside = Beside::read(&mut row)?;
        let team = teams::read(row)?;
        let said = beside.of(team.id.0, team.tenant)?;
        Ok((team, said))
    })
}

/// The teams, of those that the clients of a source see, that SCIM clients put a user into, and those above them; whether they
/// put it into each by itself. By name.
pub async fn teams_of(
    executor: impl Executor,
    tenant: TenantId,
    source: &Name,
    user: UserId,
) -> Result<Vec<(Team, bool)>, Error> {
    // As `teams::list_by_user`, of memberships of this kind.
    let statement = sql("WITH RECURSIVE u (id) AS (SELECT team_id FROM memberships WHERE user_id = $3 AND source = 'scim' UNION \
             SELECT p.parent_id FROM u CROSS JOIN teams p WHERE p.id = u.id AND p.parent_id IS NOT NULL) \
             SELECT t.id, t.tenant_id, t.name, t.display_name, t.parent_id, t.external_id, t.origin, t.created_at, t.updated_at, \
             CAST(CASE WHEN EXISTS (SELECT 1 FROM memberships m WHERE m.team_id = t.id AND m.user_id = $3 AND m.source = 'scim') \
             THEN 1 ELSE 0 END AS bigint) FROM ")
        .push(SEEN_TEAMS)
        .push(" AND t.id IN (SELECT id FROM u) ORDER BY t.name")
        .bind(tenant)
        .bind(source)
        .bind(user);
    all(executor.rows(statement).await?, |row| {
        let (team, mut row) = teams::read_some(row)?;
        Ok((team, row.take::<i64>()? == 1))
    })
}
