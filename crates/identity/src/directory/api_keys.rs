//! API keys: made, rotated with an overlap, revoked. The secret is shown once, to whoever asked for it.

use super::{Actor, Directory, conflict, not_found};
use crate::secrets::Credential;
use portcullis_fault::{Fault, Secret, codes};
use portcullis_model::application::ApiKeyLimits;
use portcullis_model::event::Change;
use portcullis_model::{ApiKey, ApiKeyId, ApplicationId, Timestamp, UserId};
use portcullis_store::entity::{api_keys, applications, users};
use serde_json::{Value, json};
use std::time::Duration;

/// An API key to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Whose.
    pub application: ApplicationId,
    /// For people to tell keys apart.
    pub name: String,
    /// The user on whose behalf it is used.
    pub user: Option<UserId>,
    /// Where it may be used.
    pub limits: ApiKeyLimits,
    /// After this it is refused.
    pub expires_at: Option<Timestamp>,
}

impl Directory {
    /// Makes a key. The second value is the whole credential, `pck_<id>_<secret>`; it is kept nowhere.
    ///
    /// # Errors
    /// No such application or user, a user of another tenant, an expiry that has passed.
    pub async fn create_api_key(
        &self,
        actor: &Actor,
        new: NewApiKey,
    ) -> Result<(ApiKey, Secret<String>), Fault> {
        let mut work = self.work(actor).await?;
        let application = applications::find(&mut work.tx, new.application)
            .await?
            .ok_or_else(|| not_found("application"))?;
        if let Some(id) = new.user {
            let user = users::find(&mut work.tx, id).await?.ok_or_else(|| not_found("user"))?;
            if user.tenant != application.tenant {
                return Err(conflict("the user is of another tenant than the application"));
            }
        }
        if new.expires_at.is_some_and(|at| at <= work.now) {
            return Err(Fault::new(codes::PARAMETER_INVALID).detail("the key would have expired already"));
        }
        let id = ApiKeyId::generate(&*self.clock, &*self.rng);
        let credential = Credential::new("pck", id.0, &*self.rng);
        let key = ApiKey {
            id,
            application: application.id,
            tenant: application.tenant,
            user: new.user,
            name: new.name,
            hash: self.pepper.hash(&credential),
            limits: new.limits,
            expires_at: new.expires_at,
            revoked_at: None,
            replaced_by: None,
            last_used_at: None,
            created_at: work.now,
        };
        api_keys::insert(&mut work.tx, &key).await?;
        work.event(Some(key.tenant), Change::ApiKey { api_key: id });
        work.audit(Some(key.tenant), "api_key.create", id, Value::Null, shown(&key)).await?;
        work.done().await?;
        Ok((key, credential.text()))
    }

    /// Makes a key that takes the place of another, with the same rights and the same length of life. The old one works
    /// for `overlap` longer, never longer than it would have.
    ///
    /// # Errors
    /// No such key, or one that is revoked, expired or replaced already.
    pub async fn rotate_api_key(
        &self,
        actor: &Actor,
        id: ApiKeyId,
        overlap: Duration,
    ) -> Result<(ApiKey, Secret<String>), Fault> {
        let mut work = self.work(actor).await?;
        let before = api_keys::lock(&mut work.tx, id).await?.ok_or_else(|| not_found("API key"))?;
        if before.revoked_at.is_some() {
            return Err(conflict("the API key is revoked; make a new one"));
        }
        if before.expires_at.is_some_and(|at| at <= work.now) {
            return Err(conflict("the API key has expired; make a new one"));
        }
        if let Some(next) = before.replaced_by {
            return Err(conflict(format!("the API key was replaced by {next} already; rotate that one")));
        }
        let new = ApiKeyId::generate(&*self.clock, &*self.rng);
        let credential = Credential::new("pck", new.0, &*self.rng);
        let key = ApiKey {
            id: new,
            hash: self.pepper.hash(&credential),
            expires_at: before.expires_at.map(|at| work.now.plus(at.since(before.created_at))),
            replaced_by: None,
            last_used_at: None,
            created_at: work.now,
            ..before.clone()
        };
        api_keys::insert(&mut work.tx, &key).await?;
        let end = work.now.plus(overlap);
        let old = ApiKey {
            expires_at: Some(before.expires_at.map_or(end, |at| at.min(end))),
            replaced_by: Some(new),
            ..before.clone()
        };
        api_keys::update(&mut work.tx, &old).await?;
        work.event(Some(key.tenant), Change::ApiKey { api_key: id });
        work.event(Some(key.tenant), Change::ApiKey { api_key: new });
        work.audit(Some(key.tenant), "api_key.rotate", id, shown(&before), shown(&old)).await?;
        work.audit(Some(key.tenant), "api_key.create", new, Value::Null, shown(&key)).await?;
        work.done().await?;
        Ok((key, credential.text()))
    }

    /// Ends a key at once. One that is revoked already stays as it is.
    ///
    /// # Errors
    /// No such key.
    pub async fn revoke_api_key(&self, actor: &Actor, id: ApiKeyId) -> Result<ApiKey, Fault> {
        let mut work = self.work(actor).await?;
        let before = api_keys::lock(&mut work.tx, id).await?.ok_or_else(|| not_found("API key"))?;
        if before.revoked_at.is_some() {
            return Ok(before);
        }
        let key = ApiKey { revoked_at: Some(work.now), ..before.clone() };
        api_keys::update(&mut work.tx, &key).await?;
        work.event(Some(key.tenant), Change::ApiKey { api_key: id });
        work.audit(Some(key.tenant), "api_key.revoke", id, shown(&before), shown(&key)).await?;
        work.done().await?;
        Ok(key)
    }
}

/// As the audit log shows it: without the hash.
fn shown(key: &ApiKey) -> Value {
    json!({
        "application": key.application,
        "user": key.user,
        "name": key.name,
        "limits": key.limits,
        "expires_at": key.expires_at.map(Timestamp::rfc3339),
        "revoked_at": key.revoked_at.map(Timestamp::rfc3339),
        "replaced_by": key.replaced_by,
    })
}
