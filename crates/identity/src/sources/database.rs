//! The directory in our own database.

use super::foreign::{Person, Wanted};
use super::{Creation, Mirroring, Newcomer, Source};
use crate::directory::{Actor, Admission, Directory, Former, Mirrored};
use async_trait::async_trait;
use portcullis_model::{ApiKey, ApiKeyId, Application, ApplicationId, Name, Team, TenantId, User, UserId};
use portcullis_store::Error;
use portcullis_store::entity::identifiers::Field;
use portcullis_store::entity::users::Lookup;
use portcullis_store::entity::{api_keys, applications, identifiers, teams, users};

/// The directory in our own database.
#[derive(Clone)]
pub struct DatabaseSource {
    directory: Directory,
}

impl DatabaseSource {
    /// Reads from, and makes users in, this directory.
    pub fn new(directory: Directory) -> Self {
        Self { directory }
    }
}

fn say(error: Error) -> String {
    error.to_string()
}

fn mirrored(done: Result<Mirrored, Error>) -> Result<Mirroring, String> {
    match done {
        Ok(mirrored) => Ok(Mirroring::Done(Box::new(mirrored))),
        Err(error @ (Error::Invalid { .. } | Error::Conflict { .. })) => {
            Ok(Mirroring::Unfit(error.to_string()))
        }
        Err(error) => Err(error.to_string()),
    }
}

#[async_trait]
impl Source for DatabaseSource {
    async fn users(&self, tenant: TenantId, lookup: &Lookup) -> Result<Vec<User>, String> {
        users::resolve(self.directory.store(), tenant, lookup).await.map_err(say)
    }

    async fn alike(
        &self,
        tenant: TenantId,
        lookup: &Lookup,
        texts: &[String],
    ) -> Result<Vec<(UserId, String)>, String> {
        let (field, issuer) = match lookup {
            Lookup::Id(_) => return Ok(Vec::new()),
            Lookup::ExternalId(_) => (Field::ExternalId, None),
            Lookup::Username(_) => (Field::Username, None),
            Lookup::Identity { issuer, .. } => (Field::Identity, Some(issuer)),
            Lookup::Attribute { name, .. } => (Field::Attribute(name.clone()), None),
        };
        identifiers::alike(self.directory.store(), tenant, &field, issuer, texts).await.map_err(say)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, String> {
        users::find(self.directory.store(), id).await.map_err(say)
    }

    async fn teams_of_user(&self, user: UserId) -> Result<Vec<(Team, bool)>, String> {
        teams::list_by_user(self.directory.store(), user).await.map_err(say)
    }

    async fn teams_of_tenant(&self, tenant: TenantId) -> Result<Vec<Team>, String> {
        teams::list_all(self.directory.store(), tenant).await.map_err(say)
    }

    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, String> {
        api_keys::find(self.directory.store(), id).await.map_err(say)
    }

    async fn application(&self, id: ApplicationId) -> Result<Option<Application>, String> {
        applications::find(self.directory.store(), id).await.map_err(say)
    }

    async fn client(
        &self,
        tenant: TenantId,
        issuer: &Name,
        client: &str,
    ) -> Result<Option<Application>, String> {
        applications::find_by_client(self.directory.store(), tenant, issuer.as_str(), client)
            .await
            .map_err(say)
    }

    async fn create(&self, tenant: TenantId, newcomer: &Newcomer, active: bool) -> Result<Creation, String> {
        let actor = Actor { name: format!("issuer:{}", newcomer.identity.0), source: "token".to_owned() };
        match self.directory.admit_newcomer(&actor, tenant, newcomer, active).await {
            Ok(Admission::Made(user)) => Ok(Creation::Made(Box::new(user))),
            Ok(Admission::Barred(user)) => Ok(Creation::Barred(Box::new(user))),
            Err(Error::Conflict { .. }) => Ok(Creation::Taken),
            Err(error @ Error::Invalid { .. }) => Ok(Creation::Refused(error.to_string())),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn mirror(
        &self,
        source: &Name,
        tenant: TenantId,
        wanted: Option<&Wanted>,
        person: &Person,
    ) -> Result<Mirroring, String> {
        mirrored(self.directory.mirror(source, tenant, wanted, person).await)
    }

    async fn would_mirror(
        &self,
        source: &Name,
        tenant: TenantId,
        wanted: Option<&Wanted>,
        person: &Person,
    ) -> Result<Mirroring, String> {
        mirrored(self.directory.would_mirror(source, tenant, wanted, person).await)
    }

    async fn would_be_in(
        &self,
        tenant: TenantId,
        user: UserId,
        person: &Person,
    ) -> Result<Option<Vec<(Team, bool)>>, String> {
        self.directory.would_be_in(tenant, user, person).await.map_err(say)
    }

    async fn vanished(&self, source: &Name, user: UserId) -> Result<Option<User>, String> {
        self.directory.vanished(source, user).await.map_err(say)
    }

    async fn formerly(
        &self,
        source: &Name,
        tenant: TenantId,
        wanted: &Wanted,
    ) -> Result<Option<Former>, String> {
        self.directory.formerly(source, tenant, wanted).await.map_err(say)
    }
}
