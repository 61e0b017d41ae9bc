//! Who a call is by.

use crate::team::{TeamOf, is_among};
use crate::{ApiKey, Application, Name, Tenant, User};
use std::sync::Arc;

/// Who a call is by, once resolved: a user, or an application (of itself, or on behalf of a user).
#[derive(Clone, Debug)]
pub struct Principal {
    /// The tenant; every principal has one.
    pub tenant: Arc<Tenant>,
    /// The user, when a person is behind the call.
    pub user: Option<Arc<User>>,
    /// The application, when one called.
    pub application: Option<Arc<Application>>,
    /// The API key, when one was presented.
    pub api_key: Option<Arc<ApiKey>>,
    /// The issuer's name, when a token was presented.
    pub issuer: Option<Name>,
    /// The token's scopes (`scope` split at spaces, or `scp`).
    pub scopes: Arc<[String]>,
    /// Roles: the directory's and, where the issuer says so, the token's. Sorted, no duplicates.
    pub roles: Arc<[String]>,
    /// Teams, with all those above them: the directory's and those that the token's groups name. Sorted by name, no duplicates.
    pub teams: Arc<[TeamOf]>,
    /// The token's `exp`; ends a WebSocket.
    pub expires_at: Option<crate::Timestamp>,
}

impl Principal {
    /// Whether it is in the team that `path` names: `dev`, or `platform/dev`.
    pub fn is_in(&self, path: &str) -> bool {
        is_among(&self.teams, path)
    }

    /// `user` or `application`, as records and policies say it.
    pub fn kind(&self) -> &'static str {
        if self.application.is_some() && self.user.is_none() { "application" } else { "user" }
    }
}
