//! Who is in which team, and who says so.

use crate::statement::{Executor, all, one, sql};
use crate::{Error, Row, Tx};
use portcullis_model::team::MembershipSource;
use portcullis_model::{Membership, TeamId, Timestamp, UserId};

const SELECT: &str = "SELECT team_id, user_id, source, since FROM memberships WHERE ";

fn read(mut row: Row) -> Result<Membership, Error> {
    Ok(Membership { team: row.take()?, user: row.take()?, source: row.parse()?, since: row.take()? })
}

/// Adds a membership; whether it was not there. Of the same source and user twice is once.
pub async fn insert(tx: &mut Tx, membership: &Membership) -> Result<bool, Error> {
    let text = "INSERT INTO memberships (team_id, user_id, source, since) VALUES ($1, $2, $3, $4) \
                ON CONFLICT (team_id, user_id, source) DO NOTHING";
    let statement = sql(text)
        .bind(membership.team)
        .bind(membership.user)
        .bind(membership.source.as_str())
        .bind(membership.since);
    Ok(tx.execute(statement).await? > 0)
}

/// Removes a user from a team, as far as this source says so, or altogether; how many sources said so.
pub async fn delete(
    tx: &mut Tx,
    team: TeamId,
    user: UserId,
    source: Option<MembershipSource>,
) -> Result<u64, Error> {
    let statement = sql("DELETE FROM memberships WHERE team_id = $1 AND user_id = $2")
        .bind(team)
        .bind(user)
        .and("source =", source.map(MembershipSource::as_str));
    tx.execute(statement).await
}

/// Removes everybody from a team; who they were.
pub async fn delete_by_team(tx: &mut Tx, team: TeamId) -> Result<Vec<UserId>, Error> {
    let rows =
        tx.rows(sql("DELETE FROM memberships WHERE team_id = $1 RETURNING user_id").bind(team)).await?;
    let mut users: Vec<UserId> = all(rows, |mut row| row.take())?;
    users.sort_unstable();
    users.dedup();
    Ok(users)
}

/// Removes a user from all teams; from which.
pub async fn delete_by_user(tx: &mut Tx, user: UserId) -> Result<Vec<TeamId>, Error> {
    let rows =
        tx.rows(sql("DELETE FROM memberships WHERE user_id = $1 RETURNING team_id").bind(user)).await?;
    let mut teams: Vec<TeamId> = all(rows, |mut row| row.take())?;
    teams.sort_unstable();
    teams.dedup();
    Ok(teams)
}

/// Whether a user is in this team by itself, by whatever source.
pub async fn is_in(executor: impl Executor, team: TeamId, user: UserId) -> Result<bool, Error> {
    let statement = sql(SELECT).push("team_id = $1 AND user_id = $2 LIMIT 1").bind(team).bind(user);
    Ok(!executor.rows(statement).await?.is_empty())
}

/// The next `limit` users who are in a team by itself, by id, after this one. Each with all its sources.
pub async fn list_by_team(
    executor: impl Executor,
    team: TeamId,
    source: Option<MembershipSource>,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<Membership>, Error> {
    let mut statement = sql("SELECT m.team_id, m.user_id, m.source, m.since FROM \
         (SELECT DISTINCT user_id FROM memberships WHERE team_id = $1")
    .bind(team)
    .and("user_id >", after)
    .and("source =", source.map(MembershipSource::as_str));
    let source_place = statement.values.len();
    statement = statement.bind(limit.clamp(1, 1_000));
    let limit_place = statement.values.len();
    statement = statement.push(&format!(
        " ORDER BY user_id LIMIT ${limit_place}) p CROSS JOIN memberships m WHERE m.team_id = $1 AND m.user_id = p.user_id"
    ));
    if source.is_some() {
        statement = statement.push(&format!(" AND m.source = ${source_place}"));
    }
    statement = statement.push(" ORDER BY m.user_id, m.source");
    statement.scanning = true;
    all(executor.rows(statement).await?, read)
}

/// How many users are in a team by itself.
pub async fn count_by_team(executor: impl Executor, team: TeamId) -> Result<u64, Error> {
    let mut statement = sql("SELECT COUNT(DISTINCT user_id) FROM memberships WHERE team_id = $1").bind(team);
    statement.scanning = true;
    count(executor.rows(statement).await?)
}

/// How many users a source put into a team, and when the last of them came: another state, another answer.
pub async fn state(
    executor: impl Executor,
    team: TeamId,
    source: MembershipSource,
) -> Result<(u64, Timestamp), Error> {
    let text = "SELECT COUNT(*), COALESCE(MAX(since), 0) FROM memberships WHERE team_id = $1 AND source = $2";
    let statement = sql(text).bind(team).bind(source.as_str()).scanning();
    let state = one(executor.rows(statement).await?, |mut row| Ok((row.take::<i64>()?, row.take()?)))?;
    Ok(state.map_or((0, Timestamp::default()), |(count, last)| (u64::try_from(count).unwrap_or(0), last)))
}

/// In how many teams a user is by itself.
pub async fn count_by_user(executor: impl Executor, user: UserId) -> Result<u64, Error> {
    let statement = sql("SELECT COUNT(DISTINCT team_id) FROM memberships WHERE user_id = $1").bind(user);
    count(executor.rows(statement).await?)
}

fn count(rows: Vec<Row>) -> Result<u64, Error> {
    let count: Option<i64> = one(rows, |mut row| row.take())?;
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

/// A user's memberships, of the teams that it is in by itself.
pub async fn list_by_user(executor: impl Executor, user: UserId) -> Result<Vec<Membership>, Error> {
    let statement = sql(SELECT).push("user_id = $1 ORDER BY team_id, source").bind(user);
    all(executor.rows(statement).await?, read)
}
