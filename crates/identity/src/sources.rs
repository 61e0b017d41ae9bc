//! Where users, applications and keys are looked up: our own directory, behind [`Source`], and the directories of other
//! systems, behind [`foreign::Foreign`].
//!
//! A source tells "there is nobody" from "I cannot say": every error here means the latter.

mod database;
pub mod foreign;
pub mod kinds;
mod ldap;

pub use crate::rules::Newcomer;
pub use database::DatabaseSource;

use async_trait::async_trait;
use portcullis_model::{ApiKey, ApiKeyId, Application, ApplicationId, Name, Team, TenantId, User, UserId};
use portcullis_store::entity::users::Lookup;

/// A directory that can be asked.
#[async_trait]
pub trait Source: Send + Sync {
    /// The users that a look-up means, in whatever state; two when there are two or more. Asks the truth, not a copy.
    async fn users(&self, tenant: TenantId, lookup: &Lookup) -> Result<Vec<User>, String>;

    /// The user with this id.
    async fn user(&self, id: UserId) -> Result<Option<User>, String>;

    /// The teams that a user is in, and all those above them; whether it is in each by itself.
    async fn teams_of_user(&self, user: UserId) -> Result<Vec<(Team, bool)>, String>;

    /// All the teams of a tenant.
    async fn teams_of_tenant(&self, tenant: TenantId) -> Result<Vec<Team>, String>;

    /// The API key with this id.
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, String>;

    /// The application with this id.
    async fn application(&self, id: ApplicationId) -> Result<Option<Application>, String>;

    /// The tenant's application that is this client of this issuer.
    async fn client(
        &self,
        tenant: TenantId,
        issuer: &Name,
        client: &str,
    ) -> Result<Option<Application>, String>;

    /// Makes a user for a subject that nobody has.
    async fn create(&self, tenant: TenantId, newcomer: &Newcomer, active: bool) -> Result<Creation, String>;
}

/// What came of making a user.
#[derive(Clone, Debug)]
pub enum Creation {
    /// It was made.
    Made(Box<User>),
    /// The subject was this user's, who was deleted or merged: never made again.
    Barred(Box<User>),
    /// Somebody has the subject by now: look again.
    Taken,
    /// What the token says cannot be a user; why.
    Refused(String),
}
