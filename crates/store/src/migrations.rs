//! The schema, step by step: forward only, one text for both databases.
//!
//! A step is never edited after it was released (its checksum is kept in the database), and it only adds: while nodes are
//! upgraded one after another, the old release goes on working on the new schema. What an old release must not meet
//! (a column dropped, a meaning changed) takes two releases: stop using it, then drop it.

use crate::Error;
use crate::sql::{Connection, Dialect, Pool};
use crate::statement::sql;

/// One step.
struct Migration {
    number: i64,
    name: &'static str,
    /// With `{uuid} {time} {int} {json} {bool} {bytes} {text} {serial} {strict}
    /// {clustered}` where the databases differ.
    text: &'static str,
}

const ALL: &[Migration] = &[
    Migration { number: 1, name: "directory", text: include_str!("migrations/0001_directory.sql") },
    Migration { number: 2, name: "identifiers", text: include_str!("migrations/0002_identifiers.sql") },
    Migration { number: 3, name: "teams", text: include_str!("migrations/0003_teams.sql") },
    Migration { number: 4, name: "figures", text: include_str!("migrations/0004_figures.sql") },
    Migration { number: 5, name: "sync", text: include_str!("migrations/0005_sync.sql") },
    Migration { number: 6, name: "sinks", text: include_str!("migrations/0006_sinks.sql") },
    Migration { number: 7, name: "scim", text: include_str!("migrations/0007_scim.sql") },
    Migration { number: 8, name: "holdings", text: include_str!("migrations/0008_holdings.sql") },
    Migration { number: 9, name: "bills", text: include_str!("migrations/0009_bills.sql") },
    Migration { number: 10, name: "used_tokens", text: include_str!("migrations/0010_used_tokens.sql") },
];

/// Placeholder, SQLite, PostgreSQL. Text sorts by bytes on both.
const PLACEHOLDERS: &[(&str, &str, &str)] = &[
    ("{uuid}", "BLOB", "uuid"),
    ("{time}", "INTEGER", "bigint"),
    ("{int}", "INTEGER", "bigint"),
    ("{json}", "TEXT", "json"),
    ("{bool}", "INTEGER", "boolean"),
    ("{bytes}", "BLOB", "bytea"),
    ("{text}", "TEXT", "text COLLATE \"C\""),
    ("{serial}", "INTEGER PRIMARY KEY AUTOINCREMENT", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    ("{strict}", "STRICT", ""),
    // Rows in the order of the primary key.
    ("{clustered}", "STRICT, WITHOUT ROWID", ""),
    (
        "{now}",
        "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
    ),
];

/// Any constant will do; every node has to use the same. "portcull" in ASCII.
const LOCK: i64 = 0x706f_7274_6375_6c6c;

/// The last migration of this release.
pub(crate) fn latest() -> i64 {
    ALL.last().map_or(0, |migration| migration.number)
}

/// Brings the schema up to date, or says why not.
pub(crate) async fn run(pool: &Pool) -> Result<(), Error> {
    apply(pool, ALL).await
}

async fn apply(pool: &Pool, known: &[Migration]) -> Result<(), Error> {
    let mut connection = pool.writer().await?;
    if pool.dialect() == Dialect::Postgres && is_current(&mut connection, known).await? {
        // A node that starts while another works need not wait for its locks.
        return Ok(());
    }
    connection.be_patient();
    connection.begin().await?;
    if pool.dialect() == Dialect::Postgres {
        connection.script("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0").await?;
        // Ends with the transaction. SQLite needs none: `begin` made this the only writer.
        connection.rows(sql("SELECT CAST(pg_advisory_xact_lock($1) AS text)").bind(LOCK)).await?;
    }
    let table = "CREATE TABLE IF NOT EXISTS schema_migrations (number {int} PRIMARY KEY, name {text} NOT NULL, \
                 checksum {text} NOT NULL, applied_at {time} NOT NULL) {strict}";
    connection.script(&expand(table, pool.dialect())).await?;
    let done = applied(&mut connection).await?;
    for migration in pending(known, &done)? {
        connection.script(&expand(migration.text, pool.dialect())).await?;
        let text =
            format!("INSERT INTO schema_migrations SELECT $1, $2, $3, {}", expand("{now}", pool.dialect()));
        let row = sql("").push(&text).bind(migration.number).bind(migration.name).bind(checksum(migration));
        connection.execute(row).await?;
        tracing::info!(number = migration.number, name = migration.name, "database migrated");
    }
    connection.end("COMMIT").await
}

async fn is_current(connection: &mut Connection, known: &[Migration]) -> Result<bool, Error> {
    let there = connection.rows(sql("SELECT to_regclass('schema_migrations') IS NOT NULL")).await?;
    let there = there.into_iter().next().map(|mut row| row.take::<bool>()).transpose()?;
    if there != Some(true) {
        return Ok(false);
    }
    let done = applied(connection).await?;
    Ok(pending(known, &done)?.is_empty())
}

/// What ran here: number, name, checksum.
type Applied = (i64, String, String);

async fn applied(connection: &mut Connection) -> Result<Vec<Applied>, Error> {
    let rows =
        connection.rows(sql("SELECT number, name, checksum FROM schema_migrations ORDER BY number")).await?;
    rows.into_iter().map(|mut row| Ok((row.take()?, row.take()?, row.take()?))).collect()
}

/// What has still to run; an error when what ran is not what this release knows.
fn pending<'a>(known: &'a [Migration], done: &[Applied]) -> Result<&'a [Migration], Error> {
    let release = known.last().map_or(0, |migration| migration.number);
    if let Some((database, ..)) = done.last().filter(|(number, ..)| *number > release) {
        return Err(Error::Newer { database: *database, release });
    }
    for (migration, (number, name, sum)) in known.iter().zip(done) {
        if migration.number != *number || checksum(migration) != *sum {
            return Err(Error::Rewritten { number: *number, name: name.clone() });
        }
    }
    Ok(known.get(done.len()..).unwrap_or_default())
}

fn checksum(migration: &Migration) -> String {
    format!("{:08x}", crc32fast::hash(migration.text.as_bytes()))
}

fn expand(text: &str, dialect: Dialect) -> String {
    PLACEHOLDERS.iter().fold(text.to_owned(), |text, (placeholder, sqlite, postgres)| {
        text.replace(placeholder, if dialect == Dialect::Sqlite { sqlite } else { postgres })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Migration = Migration { number: 1, name: "one", text: "CREATE TABLE a (n {int}) {strict}" };
    const TWO: Migration = Migration { number: 2, name: "two", text: "CREATE TABLE b (n {int}) {strict}" };

    fn ran(migration: &Migration) -> Applied {
        (migration.number, migration.name.to_owned(), checksum(migration))
    }

    #[test]
    fn numbers_have_no_gaps_and_nothing_is_left_unexpanded() {
        for (i, migration) in ALL.iter().enumerate() {
            assert_eq!(migration.number, i64::try_from(i).unwrap() + 1);
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                assert!(!expand(migration.text, dialect).contains('{'), "{}", migration.name);
            }
        }
    }

    #[test]
    fn what_ran_is_compared_with_what_is_known() {
        let known = [ONE, TWO];
        assert_eq!(pending(&known, &[]).unwrap().len(), 2);
        assert_eq!(pending(&known, &[ran(&ONE)]).unwrap().len(), 1);
        assert!(pending(&known, &[ran(&ONE), ran(&TWO)]).unwrap().is_empty());
        assert!(matches!(
            pending(&[ONE], &[ran(&ONE), ran(&TWO)]),
            Err(Error::Newer { database: 2, release: 1 })
        ));
        let edited = Migration { text: "CREATE TABLE a (n {int}, m {int}) {strict}", ..ONE };
        assert!(matches!(pending(&[edited, TWO], &[ran(&ONE)]), Err(Error::Rewritten { number: 1, .. })));
    }
}
