//! Users from a file: looked at as a whole first, then written a hundred at a time. The same file twice changes nothing.
//!
//! A row means the user with its `external_id`, or else with its `username`. Users that the file does not name stay.

mod rows;

pub use rows::Format;

use super::change::Work;
use super::users::{change_in, link_in, turn_in};
use super::{Actor, Directory, NewUser, UserChange};
use portcullis_config::not_among;
use portcullis_fault::Fault;
use portcullis_model::{Name, TenantId, User, UserId, UserStatus};
use portcullis_store::entity::users::{Lookup, resolve};
use portcullis_store::entity::{identities, users};
use rows::Row;
use serde::Serialize;
use std::collections::HashMap;

/// Rows of one import at most.
pub const MOST_ROWS: usize = 200_000;
/// Errors that are told.
const TOLD: usize = 100;
/// Rows of one transaction.
const CHUNK: usize = 100;

/// An import.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// Whose users.
    pub tenant: TenantId,
    /// How the text is written.
    pub format: Format,
    /// The file.
    pub text: &'a str,
    /// Only say what would be done.
    pub dry_run: bool,
    /// The share of the tenant's users, in per cent, that may be suspended or deleted by it; more stops it.
    pub most_barred: u8,
    /// Issuers whose subjects may be linked; `None`: any. What is linked already stays.
    pub issuers: Option<&'a [Name]>,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Rows of the file.
    pub rows: usize,
    /// Users who are new.
    pub created: usize,
    /// Users of whom something changes other than the status.
    pub changed: usize,
    /// Users who are suspended.
    pub suspended: usize,
    /// Users who are let in: suspended or pending until now.
    pub admitted: usize,
    /// Users who are deleted.
    pub deleted: usize,
    /// Rows that change nothing.
    pub unchanged: usize,
    /// Rows that were written; none in a dry run.
    pub written: usize,
    /// Why it was not done, or not to its end.
    pub stopped: Option<String>,
    /// Rows that are wrong, the first 100. With one of them nothing is written.
    pub errors: Vec<RowError>,
    /// How many rows are wrong.
    pub wrong: usize,
}

/// A row that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// The line of the file that it begins on, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// What is to be done for one row.
#[derive(Default)]
struct Step {
    line: usize,
    create: Option<NewUser>,
    user: Option<UserId>,
    change: Option<UserChange>,
    turn: Option<UserStatus>,
    reason: Option<String>,
    link: Vec<(Name, String)>,
}

impl Directory {
    /// Makes and changes users as a file says, or says what that would do. Rows that are wrong are in the answer.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn import(&self, actor: &Actor, import: Import<'_>) -> Result<Imported, Fault> {
        let (rows, errors) = rows::read(import.format, import.text);
        let mut done = Imported { rows: rows.len() + errors.len(), ..Imported::default() };
        let mut steps = Vec::new();
        let mut seen = HashMap::new();
        let mut wrong = errors;
        if rows.len() > MOST_ROWS {
            done.stopped = Some(format!("the file has more than {MOST_ROWS} rows; take it in parts"));
            return Ok(done);
        }
        for row in rows {
            let line = row.line;
            let plan = match twice(&row, &mut seen) {
                Some(reason) => Err(reason),
                None => self.plan(&import, row).await?,
            };
            match plan {
                Ok(step) => {
                    done.count(&step);
                    steps.push(step);
                }
                Err(reason) => wrong.push(RowError { line, reason }),
            }
        }
        wrong.sort_by_key(|error| error.line);
        done.wrong = wrong.len();
        wrong.truncate(TOLD);
        done.errors = wrong;
        let living = users::count_living(&self.store, import.tenant).await?;
        let barred = u64::try_from(done.suspended + done.deleted).unwrap_or(u64::MAX);
        if barred * 100 > living * u64::from(import.most_barred) {
            done.stopped = Some(format!(
                "it would suspend or delete {barred} of {living} users, and {} % are allowed; look at the file, or allow more",
                import.most_barred
            ));
        } else if done.wrong > 0 {
            done.stopped = Some("rows are wrong; nothing was written".to_owned());
        }
        if done.stopped.is_some() || import.dry_run {
            return Ok(done);
        }
        for chunk in steps.chunks(CHUNK) {
            if let Err((line, fault)) = self.write(actor, chunk).await {
                let first = chunk.first().map_or(0, |step| step.line);
                let reason = fault.public_detail().to_owned();
                done.stopped = Some(format!(
                    "line {line}: {reason}; what stands before line {first} is written: run it again to go on"
                ));
                break;
            }
            done.written += chunk.len();
        }
        Ok(done)
    }

    /// What a row means, or what is wrong with it.
    async fn plan(&self, import: &Import<'_>, row: Row) -> Result<Result<Step, String>, Fault> {
        let tenant = import.tenant;
        let user = match self.meant(tenant, &row).await? {
            Ok(user) => user,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut link = Vec::new();
        for (issuer, subject) in &row.identities {
            let owner = identities::find(&self.store, tenant, issuer.as_str(), subject).await?;
            match (owner, &user) {
                (Some(owner), Some(user)) if owner.user == user.id => {}
                (Some(owner), _) => {
                    return Ok(Err(format!("the subject of `{issuer}` is user {}'s", owner.user)));
                }
                (None, _) => match import.stranger(issuer) {
                    Some(reason) => return Ok(Err(reason)),
                    None => link.push((issuer.clone(), subject.clone())),
                },
            }
        }
        let Some(user) = user else { return Ok(Ok(beginning(tenant, row, link))) };
        if user.status == UserStatus::Deleted {
            // A tombstone says so already; anything else would make somebody again.
            return Ok(match row.status {
                Some(UserStatus::Deleted) => Ok(Step { line: row.line, ..Step::default() }),
                _ => Err(format!(
                    "user {} was deleted at {} by {}; deleted users are not made again",
                    user.id, user.status_changed_at, user.status_changed_by
                )),
            });
        }
        if let Some(into) = user.merged_into {
            return Ok(Err(format!("user {} was merged into {into}; name that one", user.id)));
        }
        let turn = match (user.status, row.status) {
            (now, Some(wanted)) if now == wanted => None,
            (_, None) => None,
            (_, Some(UserStatus::Deleted)) => Some(UserStatus::Deleted),
            (UserStatus::Active, Some(UserStatus::Suspended)) => Some(UserStatus::Suspended),
            (UserStatus::Suspended | UserStatus::Pending, Some(UserStatus::Active)) => {
                Some(UserStatus::Active)
            }
            (now, Some(wanted)) => {
                return Ok(Err(format!("user {} is {now}, and cannot become {wanted}", user.id)));
            }
        };
        let change = difference(&user, &row);
        let (line, reason) = (row.line, row.reason);
        Ok(Ok(Step { line, create: None, user: Some(user.id), change, turn, reason, link }))
    }

    /// The user that a row means.
    async fn meant(&self, tenant: TenantId, row: &Row) -> Result<Result<Option<User>, String>, Fault> {
        let external_id = row.external_id.clone().flatten();
        let username = row.username.clone().flatten();
        let by_id = match &external_id {
            Some(id) => resolve(&self.store, tenant, &Lookup::ExternalId(id.clone())).await?.pop(),
            None => None,
        };
        let by_name = match &username {
            Some(name) => resolve(&self.store, tenant, &Lookup::Username(name.clone())).await?.pop(),
            None => None,
        };
        Ok(match (by_id, by_name) {
            (Some(one), Some(other)) if one.id != other.id => {
                Err(format!("the external id is user {}'s and the user name is user {}'s", one.id, other.id))
            }
            (Some(user), _) => Ok(Some(user)),
            // Known by name until now: the row brings its external id.
            (None, Some(user)) if external_id.is_none() || user.external_id.is_none() => Ok(Some(user)),
            (None, Some(user)) => {
                Err(format!("the user name is user {}'s, who has another external id", user.id))
            }
            (None, None) => Ok(None),
        })
    }

    /// Writes some rows, all or none; the line that cannot be.
    async fn write(&self, actor: &Actor, steps: &[Step]) -> Result<(), (usize, Fault)> {
        let first = steps.first().map_or(0, |step| step.line);
        let mut work = self.work(actor).await.map_err(|error| (first, error.into()))?;
        for step in steps {
            self.write_one(&mut work, actor, step).await.map_err(|fault| (step.line, fault))?;
        }
        work.done().await.map_err(|fault| (first, fault))
    }

    async fn write_one(&self, work: &mut Work<'_>, actor: &Actor, step: &Step) -> Result<(), Fault> {
        let id = match (&step.create, step.user) {
            (Some(new), _) => self.make(work, actor, new.clone()).await?.id,
            (None, Some(id)) => id,
            (None, None) => return Ok(()),
        };
        if let Some(change) = &step.change {
            change_in(work, id, change.clone()).await?;
        }
        for (issuer, subject) in &step.link {
            link_in(work, id, issuer.clone(), subject.clone()).await?;
        }
        if let Some(status) = step.turn {
            let from = [UserStatus::Active, UserStatus::Pending, UserStatus::Suspended];
            let user = users::lock(&mut work.tx, id).await?;
            let pending = user.is_some_and(|user| user.status == UserStatus::Pending);
            let what = match status {
                UserStatus::Deleted => "deleted",
                UserStatus::Suspended => "suspended",
                _ if pending => "approved",
                _ => "restored",
            };
            turn_in(work, actor, id, &from, status, what, step.reason.clone()).await?;
        }
        Ok(())
    }
}

impl Import<'_> {
    /// Why no subject of this issuer may be linked, if none may.
    fn stranger(&self, issuer: &Name) -> Option<String> {
        let known: Vec<&str> = self.issuers?.iter().map(Name::as_str).collect();
        not_among("issuer", "whose subjects are this tenant's", issuer.as_str(), &known)
    }
}

impl Imported {
    fn count(&mut self, step: &Step) {
        let changed = step.change.is_some() || !step.link.is_empty();
        self.created += usize::from(step.create.is_some());
        self.changed += usize::from(step.create.is_none() && changed);
        match step.turn {
            Some(UserStatus::Deleted) => self.deleted += 1,
            Some(UserStatus::Suspended) if step.create.is_none() => self.suspended += 1,
            Some(UserStatus::Active) => self.admitted += 1,
            _ => {}
        }
        self.unchanged += usize::from(step.create.is_none() && !changed && step.turn.is_none());
    }
}

/// Why a row cannot stand beside an earlier one of the file.
fn twice(row: &Row, seen: &mut HashMap<(String, String), usize>) -> Option<String> {
    let plain = [("external id", &row.external_id), ("user name", &row.username)];
    let plain =
        plain.into_iter().filter_map(|(what, value)| Some((what.to_owned(), value.clone().flatten()?)));
    let linked =
        row.identities.iter().map(|(issuer, subject)| (format!("subject of `{issuer}`"), subject.clone()));
    for key in plain.chain(linked) {
        if let Some(line) = seen.get(&key) {
            return Some(format!("the {} is on line {line} already", key.0));
        }
        seen.insert(key, row.line);
    }
    None
}

/// A row of somebody who is new.
fn beginning(tenant: TenantId, row: Row, identities: Vec<(Name, String)>) -> Step {
    // Who is to be deleted and is not there needs nothing.
    if row.status == Some(UserStatus::Deleted) {
        return Step { line: row.line, ..Step::default() };
    }
    let suspended = row.status == Some(UserStatus::Suspended);
    let new = NewUser {
        tenant,
        status: if row.status == Some(UserStatus::Pending) {
            UserStatus::Pending
        } else {
            UserStatus::Active
        },
        external_id: row.external_id.flatten(),
        username: row.username.flatten(),
        email: row.email.flatten(),
        email_verified: row.email_verified.unwrap_or(false),
        display_name: row.display_name.flatten(),
        roles: row.roles.unwrap_or_default(),
        attributes: row.attributes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        identities,
    };
    let turn = suspended.then_some(UserStatus::Suspended);
    Step { line: row.line, create: Some(new), turn, reason: row.reason, ..Step::default() }
}

/// What a row changes of a user, when anything.
fn difference(user: &User, row: &Row) -> Option<UserChange> {
    let mut attributes = user.attributes.clone();
    for (name, value) in &row.attributes {
        match value {
            Some(value) => attributes.insert(name.clone(), value.clone()),
            None => attributes.remove(name),
        };
    }
    let text =
        |wanted: &Option<Option<String>>, now: &Option<String>| wanted.clone().filter(|wanted| wanted != now);
    // A new address is unverified unless the row says otherwise: what was verified is the old one.
    let address = row.email.clone().unwrap_or_else(|| user.email.clone());
    let verified = row.email_verified.unwrap_or(user.email_verified && address == user.email);
    let email = (address, verified);
    let change = UserChange {
        external_id: text(&row.external_id, &user.external_id),
        username: text(&row.username, &user.username),
        email: (email != (user.email.clone(), user.email_verified)).then_some(email),
        display_name: text(&row.display_name, &user.display_name),
        roles: row.roles.clone().filter(|roles| *roles != user.roles),
        attributes: (attributes != user.attributes).then_some(attributes),
    };
    let none = change.external_id.is_none()
        && change.username.is_none()
        && change.email.is_none()
        && change.display_name.is_none()
        && change.roles.is_none()
        && change.attributes.is_none();
    (!none).then_some(change)
}
