//! What can go wrong in the store, told apart by what the caller does about it.

use portcullis_fault::{Fault, codes};
use std::path::PathBuf;

/// A failure of the store. None of its texts holds a secret, a connection URL or a stored value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer, refused the connection, was out of space or took too long. Trying again later may
    /// help: 503, and never "there is no such user".
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// Something that must be unique is taken, or something refers to what is not there.
    #[error("already taken: {what}")]
    Conflict {
        /// What is taken, as `user name`.
        what: &'static str,
    },
    /// Something refers to what is not there, or would leave something that refers to nothing.
    #[error("refers to something that is not there")]
    Dangling,
    /// The record to change is not there.
    #[error("no such {what}")]
    NotFound {
        /// What was looked for, as `user`.
        what: &'static str,
    },
    /// A value that cannot be stored: too long, or with a NUL in it.
    #[error("{what} cannot be stored: {reason}")]
    Invalid {
        /// Which value.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// What is stored cannot be understood, or the schema is not what it should be. An operator must look.
    #[error("the database is damaged or was changed by something else: {0}")]
    Corrupt(String),
    /// The database was migrated by a newer release.
    #[error(
        "the database has migration {database} and this release knows {release}: start the release that migrated it, or a newer one"
    )]
    Newer {
        /// The database's last migration.
        database: i64,
        /// The last one that this release knows.
        release: i64,
    },
    /// A migration that ran here reads differently in this release.
    #[error(
        "migration {number} `{name}` ran here in another wording: the database belongs to another build; use that build, or restore a backup"
    )]
    Rewritten {
        /// Its number.
        number: i64,
        /// Its name.
        name: String,
    },
    /// Something is configured or asked for that cannot be done.
    #[error("{0}")]
    Unsupported(String),
    /// A file of the data directory or a backup.
    #[error("{doing} `{}`: {source}", path.display())]
    File {
        /// What was being done, as `cannot write`.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has the data directory.
    #[error("the data directory `{}` is in use by process {holder}: stop it, or speak to it over its socket", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Its process id, or `unknown`.
        holder: String,
    },
}

impl Error {
    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::File { doing, path: path.into(), source }
    }
}

impl From<Error> for Fault {
    /// For the control plane; the request path has codes of its own for a directory that cannot be asked.
    fn from(error: Error) -> Self {
        match &error {
            Error::Unavailable(_) => Self::new(codes::STORE_UNAVAILABLE).source(error),
            Error::Conflict { what } => {
                Self::new(codes::RESOURCE_CONFLICT).detail(format!("already taken: {what}")).source(error)
            }
            Error::Dangling => Self::new(codes::RESOURCE_CONFLICT)
                .detail("it refers to something that is not there")
                .source(error),
            Error::NotFound { what } => {
                Self::new(codes::RESOURCE_NOT_FOUND).detail(format!("no such {what}"))
            }
            Error::Invalid { .. } => Self::new(codes::PARAMETER_INVALID).detail(error.to_string()),
            _ => Self::new(codes::INTERNAL).source(error),
        }
    }
}

/// A uniqueness rule of the schema: how PostgreSQL names it, how SQLite names it, and what people call it.
struct Rule {
    index: &'static str,
    columns: &'static str,
    words: &'static str,
}

const RULES: &[Rule] = &[
    Rule { index: "tenants_name", columns: "tenants.name", words: "tenant name" },
    Rule { index: "users_external_id", columns: "users.tenant_id, users.external_id", words: "external id" },
    Rule { index: "users_username", columns: "users.tenant_id, users.username", words: "user name" },
    Rule { index: "teams_folded", columns: "teams.tenant_id, teams.folded", words: "team name" },
    Rule {
        index: "teams_external_id",
        columns: "teams.tenant_id, teams.external_id",
        words: "external id of a team",
    },
    Rule {
        index: "identities_pkey",
        columns: "identities.tenant_id, identities.issuer, identities.subject",
        words: "identity (issuer and subject)",
    },
    Rule {
        index: "applications_name",
        columns: "applications.tenant_id, applications.name",
        words: "application name",
    },
    Rule {
        index: "application_clients_pkey",
        columns: "application_clients.tenant_id, application_clients.issuer, application_clients.client_id",
        words: "OAuth client (issuer and client id)",
    },
    Rule { index: "operators_name", columns: "operators.name", words: "operator name" },
];

/// The words for the uniqueness rule that a driver's message is about.
pub(crate) fn rule(index: Option<&str>, message: &str) -> &'static str {
    let columns = message.rsplit_once("constraint failed: ").map(|(_, columns)| columns.trim());
    RULES
        .iter()
        .find(|rule| Some(rule.index) == index || Some(rule.columns) == columns)
        .map_or("id", |rule| rule.words)
}
