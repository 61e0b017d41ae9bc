//! Identifiers: everything that a user is or was known by, in one table that is never resolved by. It says that a subject
//! was somebody's until a day, and finds what is near a text ([`near`]).
//!
//! The rows are written by [`super::users`] and [`super::identities`], in the transaction of the change itself.

use super::search_forms;
use crate::statement::{Executor, all, one, sql};
use crate::{Error, Row, Tx};
use portcullis_model::{Name, TenantId, Timestamp, User, UserId};

/// Past values of one field that are kept of a user; the oldest go. An attribute that changes every day keeps so many.
pub const PAST: usize = 10;
/// Texts that [`alike`] takes.
pub const ALIKE: usize = 16;

/// Something that a user is or was known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    /// Its number; 0 when it is the user's own id, which has no row.
    pub id: i64,
    /// The user's tenant.
    pub tenant: TenantId,
    /// Whose it is, or was.
    pub user: UserId,
    /// What it is.
    pub field: Field,
    /// Of an identity: the issuer's name.
    pub issuer: Option<Name>,
    /// The value, byte for byte.
    pub value: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when and why no longer; `None` while it is current.
    pub until: Option<(Timestamp, Ended)>,
}

/// What an identifier is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// Our own id.
    Id,
    /// A linked subject of an issuer.
    Identity,
    /// The company's id.
    ExternalId,
    /// The log-in name.
    Username,
    /// The e-mail address.
    Email,
    /// The name for people to read.
    DisplayName,
    /// The attribute of this name.
    Attribute(String),
}

/// Why an identifier is its user's no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The user has another value there, or none.
    Changed,
    /// The identity was unlinked.
    Unlinked,
    /// The identity went to the user that this one was merged into.
    Merged,
}

impl Field {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "id" => Self::Id,
            "identity" => Self::Identity,
            "external_id" => Self::ExternalId,
            "username" => Self::Username,
            "email" => Self::Email,
            "display_name" => Self::DisplayName,
            other => Self::Attribute(other.strip_prefix("attributes.")?.to_owned()),
        })
    }
}

impl std::fmt::Display for Field {
    /// As a subject rule names it: `identity`, `external_id`, `attributes.badge`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id => f.write_str("id"),
            Self::Identity => f.write_str("identity"),
            Self::ExternalId => f.write_str("external_id"),
            Self::Username => f.write_str("username"),
            Self::Email => f.write_str("email"),
            Self::DisplayName => f.write_str("display_name"),
            Self::Attribute(name) => write!(f, "attributes.{name}"),
        }
    }
}

impl Ended {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unlinked => "unlinked",
            Self::Merged => "merged",
        }
    }
}

impl std::str::FromStr for Ended {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Changed, Self::Unlinked, Self::Merged]
            .into_iter()
            .find(|ended| ended.as_str() == text)
            .ok_or(())
    }
}

pub(super) const SELECT: &str =
    "SELECT i.id, i.tenant_id, i.user_id, i.field, i.issuer, i.value, i.since, i.until, i.ended FROM ";

pub(super) fn read(mut row: Row) -> Result<Identifier, Error> {
    let (id, tenant, user) = (row.take()?, row.take()?, row.take()?);
    let field: String = row.take()?;
    let field = Field::parse(&field)
        .ok_or_else(|| Error::Corrupt(format!("identifier {id} is of no field that there is")))?;
    let issuer: String = row.take()?;
    let issuer = if issuer.is_empty() { None } else { Name::new(&issuer).ok() };
    let (value, since, until) = (row.take()?, row.take()?, row.take::<Option<Timestamp>>()?);
    let ended: Option<String> = row.take()?;
    let ended = ended.and_then(|ended| ended.parse().ok()).unwrap_or(Ended::Changed);
    Ok(Identifier { id, tenant, user, field, issuer, value, since, until: until.map(|until| (until, ended)) })
}

/// All that a user is and was known by, at most 1,000: oldest first.
pub async fn list_by_user(executor: impl Executor, user: UserId) -> Result<Vec<Identifier>, Error> {
    let statement = sql(SELECT).push("identifiers i WHERE i.user_id = $1 ORDER BY i.id LIMIT 1000");
    all(executor.rows(statement.bind(user)).await?, read)
}

/// Identifiers that `text` may have been meant for, current and past, the likeliest first, at most 500: those that are
/// the same in another form, and those that differ by one or two characters. Of one tenant, or of all.
///
/// They are found by hash: the caller compares ([`crate::near::compare`]).
pub async fn near(
    executor: impl Executor,
    tenant: Option<TenantId>,
    text: &str,
) -> Result<Vec<Identifier>, Error> {
    search_forms::find(executor, tenant, text).await
}

/// Who had this identifier, byte for byte, and has it no longer; at most 100.
pub async fn past(
    executor: impl Executor,
    tenant: TenantId,
    field: &Field,
    issuer: Option<&Name>,
    value: &str,
) -> Result<Vec<Identifier>, Error> {
    if !super::is_identifier(value) {
        return Ok(Vec::new());
    }
    // The cross join fixes the order on SQLite: by form first.
    let text = "search_forms f CROSS JOIN identifiers i WHERE i.id = f.identifier_id AND f.form = $1 AND f.tenant_id = $2 \
                AND i.field = $3 AND i.issuer = $4 AND i.value = $5 AND i.until IS NOT NULL ORDER BY i.until DESC LIMIT 100";
    let statement = sql(SELECT)
        .push(text)
        .bind(crate::near::whole(value))
        .bind(tenant)
        .bind(field.to_string())
        .bind(issuer.map_or("", Name::as_str))
        .bind(value);
    all(executor.rows(statement).await?, read)
}

/// The current identifiers of one field that are one of these texts in another form (case, white space around it, Unicode
/// form), at most 100, with whose they are: of a merged user the survivor. By index. The caller compares.
pub async fn alike(
    executor: impl Executor,
    tenant: TenantId,
    field: &Field,
    issuer: Option<&Name>,
    texts: &[String],
) -> Result<Vec<(UserId, String)>, Error> {
    let mut forms: Vec<i64> =
        texts.iter().filter(|text| super::is_identifier(text)).map(|text| crate::near::whole(text)).collect();
    let Some(last) = forms.last().copied() else { return Ok(Vec::new()) };
    // Few sizes, so that few statements are prepared.
    forms.truncate(ALIKE);
    forms.resize(forms.len().next_power_of_two(), last);
    let mut statement = sql("SELECT COALESCE(u.merged_into, u.id), i.value FROM search_forms f CROSS JOIN identifiers i CROSS JOIN users u \
                             WHERE i.id = f.identifier_id AND u.id = i.user_id AND f.tenant_id = $1 AND i.field = $2 AND i.issuer = $3 \
                             AND i.until IS NULL AND f.form IN (")
        .bind(tenant)
        .bind(field.to_string())
        .bind(issuer.map_or("", Name::as_str));
    for (n, form) in forms.into_iter().enumerate() {
        statement = statement.push(&format!("{}${}", if n == 0 { "" } else { ", " }, n + 4)).bind(form);
    }
    all(executor.rows(statement.push(") LIMIT 100")).await?, |mut row| Ok((row.take()?, row.take()?)))
}

/// The identities that a user lost to another by the merge of this time.
pub async fn moved(executor: impl Executor, user: UserId, at: Timestamp) -> Result<Vec<Identifier>, Error> {
    let text = "identifiers i WHERE i.user_id = $1 AND i.field = 'identity' AND i.ended = 'merged' AND i.until = $2 ORDER BY i.id";
    all(executor.rows(sql(SELECT).push(text).bind(user).bind(at)).await?, read)
}

/// Writes down what a user is known by now, and since when; what it was known by until now becomes past. Not its
/// identities.
pub(crate) async fn settle(tx: &mut Tx, user: &User, at: Timestamp, new: bool) -> Result<(), Error> {
    let known = if new { Vec::new() } else { fields(tx, user.id).await? };
    let wanted = of(user);
    for (field, value) in &wanted {
        let same = |identifier: &&Identifier| identifier.field == *field && identifier.value == *value;
        match known.iter().find(same) {
            Some(identifier) if identifier.until.is_none() => {}
            Some(identifier) => again(tx, identifier.id, at).await?,
            None => begin(tx, user.tenant, user.id, field, None, value, at).await?,
        }
    }
    for identifier in known.iter().filter(|identifier| identifier.until.is_none()) {
        if !wanted.iter().any(|(field, value)| *field == identifier.field && *value == identifier.value) {
            end(tx, identifier, at, Ended::Changed).await?;
            prune(tx, &known, identifier).await?;
        }
    }
    Ok(())
}

/// An identity became a user's.
pub(crate) async fn linked(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    issuer: &str,
    subject: &str,
    at: Timestamp,
) -> Result<(), Error> {
    match identity(tx, user, issuer, subject).await? {
        Some(identifier) if identifier.until.is_none() => Ok(()),
        Some(identifier) => again(tx, identifier.id, at).await,
        None => begin(tx, tenant, user, &Field::Identity, Some(issuer), subject, at).await,
    }
}

/// An identity is a user's no longer.
pub(super) async fn unlinked(
    tx: &mut Tx,
    user: UserId,
    issuer: &str,
    subject: &str,
    at: Timestamp,
    ended: Ended,
) -> Result<(), Error> {
    let Some(identifier) = identity(tx, user, issuer, subject).await? else { return Ok(()) };
    end(tx, &identifier, at, ended).await?;
    if ended == Ended::Merged {
        return Ok(());
    }
    let text = "identifiers i WHERE i.user_id = $1 AND i.field = 'identity' AND i.issuer = $2 AND i.until IS NOT NULL ORDER BY i.until, i.id";
    let known = all(tx.rows(sql(SELECT).push(text).bind(user).bind(issuer)).await?, read)?;
    prune(tx, &known, &identifier).await
}

/// What a user is known by that has a value. Not its identities.
fn of(user: &User) -> Vec<(Field, &str)> {
    let named = [
        (Field::ExternalId, user.external_id.as_deref()),
        (Field::Username, user.username.as_deref()),
        (Field::Email, user.email.as_deref()),
        (Field::DisplayName, user.display_name.as_deref()),
    ];
    let named = named.into_iter().filter_map(|(field, value)| Some((field, value?)));
    let attributes =
        user.attributes.iter().map(|(name, value)| (Field::Attribute(name.clone()), value.as_str()));
    // A field's value is looked up and an identifier, so its length is bounded; a name for people is not.
    named.chain(attributes).filter(|(_, value)| !value.is_empty() && super::is_identifier(value)).collect()
}

async fn fields(tx: &mut Tx, user: UserId) -> Result<Vec<Identifier>, Error> {
    let text = "identifiers i WHERE i.user_id = $1 AND i.field <> 'identity' ORDER BY i.until, i.id";
    all(tx.rows(sql(SELECT).push(text).bind(user)).await?, read)
}

async fn identity(
    tx: &mut Tx,
    user: UserId,
    issuer: &str,
    subject: &str,
) -> Result<Option<Identifier>, Error> {
    let text = "identifiers i WHERE i.user_id = $1 AND i.field = 'identity' AND i.issuer = $2 AND i.value = $3 LIMIT 1";
    one(tx.rows(sql(SELECT).push(text).bind(user).bind(issuer).bind(subject)).await?, read)
}

async fn begin(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    field: &Field,
    issuer: Option<&str>,
    value: &str,
    at: Timestamp,
) -> Result<(), Error> {
    let text = "INSERT INTO identifiers (tenant_id, user_id, field, issuer, value, since) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
    let statement = sql(text)
        .bind(tenant)
        .bind(user)
        .bind(field.to_string())
        .bind(issuer.unwrap_or_default())
        .bind(value)
        .bind(at);
    let id = one(tx.rows(statement).await?, |mut row| row.take::<i64>())?
        .ok_or_else(|| Error::Corrupt("an insert returned nothing".to_owned()))?;
    search_forms::insert(tx, tenant, id, value).await
}

/// A past identifier is current again.
async fn again(tx: &mut Tx, id: i64, at: Timestamp) -> Result<(), Error> {
    let text = "UPDATE identifiers SET since = $2, until = NULL, ended = NULL WHERE id = $1";
    tx.execute(sql(text).bind(id).bind(at)).await.map(drop)
}

async fn end(tx: &mut Tx, identifier: &Identifier, at: Timestamp, ended: Ended) -> Result<(), Error> {
    let text = "UPDATE identifiers SET until = $2, ended = $3 WHERE id = $1";
    tx.execute(sql(text).bind(identifier.id).bind(at).bind(ended.as_str())).await.map(drop)
}

/// Forgets the oldest of the field of which one more has just ended. `known` has those that ended before, oldest first.
/// What a merge moved is kept: taking it back needs all of it.
async fn prune(tx: &mut Tx, known: &[Identifier], ended: &Identifier) -> Result<(), Error> {
    let past: Vec<&Identifier> = known
        .iter()
        .filter(|other| other.until.is_some_and(|(_, ended)| ended != Ended::Merged) && other.id != ended.id)
        .filter(|other| other.field == ended.field && other.issuer == ended.issuer)
        .collect();
    for oldest in past.iter().take((past.len() + 1).saturating_sub(PAST)) {
        search_forms::delete(tx, oldest.tenant, oldest.id, &oldest.value).await?;
        tx.execute(sql("DELETE FROM identifiers WHERE id = $1").bind(oldest.id)).await?;
    }
    Ok(())
}
