//! How often a code occurred, where, and what became of those whom it met: read from the records, every statement bounded.
//!
//! Not here: what is made of it, and who may see it.

use super::records::first_id;
use crate::statement::{Executor, all, one, sql};
use crate::{Error, Row};
use portcullis_model::{ApplicationId, RequestId, TenantId, Timestamp, UserId};
use serde::Deserialize;

/// The occurrences that are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrences<'a> {
    /// The code, as records keep it: the true one.
    pub code: &'a str,
    /// Of this tenant only.
    pub tenant: Option<TenantId>,
}

/// One occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The call.
    pub id: RequestId,
    /// When it was accepted.
    pub at: Timestamp,
    /// Whose it was, where that was known.
    pub tenant: Option<TenantId>,
    /// The user, when resolved.
    pub user: Option<UserId>,
    /// The application, when one called.
    pub application: Option<ApplicationId>,
    /// The service; AI routes are `ai`.
    pub service: Option<String>,
    /// The token's issuer, by its name in the configuration.
    pub issuer: Option<String>,
    /// The token's `sub`, as it says: verified or not, as far as the code lets one know.
    pub subject: Option<String>,
}

/// What is read of a record's JSON.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    token: Option<Token>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Token {
    issuer: Option<String>,
    claims: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Claims {
    sub: serde_json::Value,
}

impl Occurrences<'_> {
    /// How many from one time up to another, at most `most`: an answer of `most` means that or more.
    pub async fn count(
        &self,
        executor: impl Executor,
        from: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> Result<u64, Error> {
        let statement = sql("SELECT count(*) FROM (SELECT 1 FROM records WHERE code = $1")
            .bind(self.code)
            .and("tenant_id =", self.tenant)
            .and("id >=", Some(first_id(from)))
            .and("id <", Some(first_id(until)))
            .push(&format!(" LIMIT {most}) AS bounded"))
            .scanning();
        let counted: Option<i64> = one(executor.rows(statement).await?, |mut row| row.take())?;
        Ok(counted.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
    }

    /// When the first one of those that are kept was, or the last one.
    pub async fn end(&self, executor: impl Executor, last: bool) -> Result<Option<Timestamp>, Error> {
        let order = if last { " ORDER BY id DESC LIMIT 1" } else { " ORDER BY id LIMIT 1" };
        let statement = sql("SELECT at FROM records WHERE code = $1").bind(self.code);
        let statement = statement.and("tenant_id =", self.tenant).push(order).scanning();
        one(executor.rows(statement).await?, |mut row| row.take())
    }

    /// The last ones, newest first, at most `most`.
    pub async fn last(&self, executor: impl Executor, most: u32) -> Result<Vec<Occurrence>, Error> {
        let columns =
            "SELECT id, at, tenant_id, user_id, application_id, service, record FROM records WHERE code = $1";
        let statement = sql(columns)
            .bind(self.code)
            .and("tenant_id =", self.tenant)
            .push(&format!(" ORDER BY id DESC LIMIT {most}"))
            .scanning();
        all(executor.rows(statement).await?, read)
    }
}

fn read(mut row: Row) -> Result<Occurrence, Error> {
    let (id, at, tenant) = (row.take()?, row.take()?, row.take()?);
    let (user, application, service) = (row.take()?, row.take()?, row.take()?);
    let token = row.json::<Said>()?.token.unwrap_or_default();
    // Cut at a bound, or not JSON at all: then it says nobody.
    let claims: Claims = serde_json::from_str(&token.claims).unwrap_or_default();
    let subject = claims.sub.as_str().map(str::to_owned);
    Ok(Occurrence { id, at, tenant, user, application, service, issuer: token.issuer, subject })
}

/// Whether somebody had a call of a service answered with success after one time and before another.
pub async fn succeeded(
    executor: impl Executor,
    user: Option<UserId>,
    application: Option<ApplicationId>,
    service: &str,
    after: Timestamp,
    before: Timestamp,
) -> Result<bool, Error> {
    if user.is_none() && application.is_none() {
        return Ok(false);
    }
    let statement = sql("SELECT 1 FROM records WHERE outcome = 'completed' AND status < 400")
        .and("user_id =", user)
        .and("application_id =", application.filter(|_| user.is_none()))
        .and("service =", Some(service))
        .and("id >", Some(first_id(after)))
        .and("id <", Some(first_id(before)))
        .push(" LIMIT 1")
        .scanning();
    Ok(!executor.rows(statement).await?.is_empty())
}
