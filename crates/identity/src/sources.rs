//! Where users, applications and keys are looked up: our own directory, behind [`Source`], and the directories of other
//! systems, behind [`foreign::Foreign`].
//!
//! A source tells "there is nobody" from "I cannot say": every error here means the latter.

mod database;
pub mod foreign;
mod http;
pub mod kinds;
mod ldap;
pub(crate) mod outside;
mod reading;
mod sql;

pub use crate::rules::Newcomer;
pub use database::DatabaseSource;
pub(crate) use outside::Outside;

use crate::directory::{Former, Mirrored};
use foreign::{Person, Wanted};

use async_trait::async_trait;
use portcullis_model::{ApiKey, ApiKeyId, Application, ApplicationId, Name, Team, TenantId, User, UserId};
use portcullis_store::entity::users::Lookup;

/// A directory that can be asked.
#[async_trait]
pub trait Source: Send + Sync {
    /// The users that a look-up means, in whatever state; two when there are two or more. Asks the truth, not a copy.
    async fn users(&self, tenant: TenantId, lookup: &Lookup) -> Result<Vec<User>, String>;

    /// The users who have, where the look-up looks, one of these texts but for case and white space around it; each with the
    /// value as it is stored. A merged user is the survivor.
    async fn alike(
        &self,
        tenant: TenantId,
        lookup: &Lookup,
        texts: &[String],
    ) -> Result<Vec<(UserId, String)>, String> {
        let _ = (tenant, lookup, texts);
        Ok(Vec::new())
    }

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

    /// Writes what a user source says of a person into its shadow. `wanted` is the subject that it was found by, if by one.
    async fn mirror(
        &self,
        source: &Name,
        tenant: TenantId,
        wanted: Option<&Wanted>,
        person: &Person,
    ) -> Result<Mirroring, String> {
        let _ = (source, tenant, wanted, person);
        Err(NO_SHADOWS.to_owned())
    }

    /// What [`Source::mirror`] would come to; writes nothing.
    async fn would_mirror(
        &self,
        source: &Name,
        tenant: TenantId,
        wanted: Option<&Wanted>,
        person: &Person,
    ) -> Result<Mirroring, String> {
        let _ = (source, tenant, wanted, person);
        Err(NO_SHADOWS.to_owned())
    }

    /// The teams that a user would be in if the person's groups were made memberships now. Writes nothing.
    async fn would_be_in(
        &self,
        tenant: TenantId,
        user: UserId,
        person: &Person,
    ) -> Result<Option<Vec<(Team, bool)>>, String> {
        let _ = (tenant, user, person);
        Err(NO_SHADOWS.to_owned())
    }

    /// Takes note that a user source, asked by the key, has this person no longer; the user, barred now.
    async fn vanished(&self, source: &Name, user: UserId) -> Result<Option<User>, String> {
        let _ = (source, user);
        Err(NO_SHADOWS.to_owned())
    }

    /// Whom the subject meant when the user source last had somebody by it. Writes nothing.
    async fn formerly(
        &self,
        source: &Name,
        tenant: TenantId,
        wanted: &Wanted,
    ) -> Result<Option<Former>, String> {
        let _ = (source, tenant, wanted);
        Err(NO_SHADOWS.to_owned())
    }
}

/// A directory that only looks up.
const NO_SHADOWS: &str = "this directory keeps no shadows of people of user sources";

/// What came of mirroring a person.
#[derive(Clone, Debug)]
pub enum Mirroring {
    /// See there.
    Done(Box<Mirrored>),
    /// What the source says of the person cannot be a user; why.
    Unfit(String),
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
