//! The principal, once it is known who that is.

use super::teams::{no_teams, of_directory};
use super::{ActiveUser, ReadyApplication, Resolver, settle};
use crate::authenticate::{ApiKeyCaller, TokenCaller};
use crate::lookup::Freshness;
use crate::observe::{Fact, Observer};
use portcullis_fault::{Fault, codes};
use portcullis_model::{Application, Principal, Team, Tenant, User};
use std::sync::{Arc, LazyLock};

/// Whom a token is of.
pub(crate) enum Who {
    User(ActiveUser),
    Application(ReadyApplication),
}

/// The principal of a token, in the teams that the directory says.
pub(crate) fn token_principal(token: &TokenCaller, tenant: Arc<Tenant>, who: Who) -> Principal {
    let (user, application, own, teams) = match who {
        Who::User(active) => (Some(active.user), None, active.roles, active.teams),
        Who::Application(ready) => (None, Some(ready.application), ready.roles, no_teams()),
    };
    Principal {
        tenant,
        user,
        application,
        api_key: None,
        issuer: Some(token.issuer().clone()),
        scopes: token.scopes().clone(),
        roles: merged(&own, token.roles()),
        teams,
        expires_at: token.expires_at(),
    }
}

/// Who a call would be by, for a look at what would become of it: a user with the teams that the directory says, an
/// application, one on behalf of the other, or somebody of the tenant. No credential says more of them: no scopes, no roles
/// and teams of a token, no limits of a key.
pub fn supposed(
    tenant: Arc<Tenant>,
    user: Option<(User, Vec<(Team, bool)>)>,
    application: Option<Application>,
) -> Principal {
    let own = match (&user, &application) {
        (Some((user, _)), _) => &user.roles[..],
        (None, Some(application)) => &application.roles[..],
        (None, None) => &[],
    };
    let roles = roles(own);
    let (user, teams) = match user {
        Some((user, teams)) => (Some(Arc::new(user)), of_directory(teams).0),
        None => (None, no_teams()),
    };
    Principal {
        tenant,
        user,
        application: application.map(Arc::new),
        api_key: None,
        issuer: None,
        scopes: no_strings(),
        roles,
        teams,
        expires_at: None,
    }
}

impl Resolver {
    /// The principal of a checked API key.
    pub fn key_principal<O: Observer>(
        &self,
        caller: &ApiKeyCaller,
        tenant: &Arc<Tenant>,
        observer: &mut O,
    ) -> Result<Principal, Fault> {
        let record = caller.record().ok_or_else(|| Fault::new(codes::API_KEY_UNKNOWN))?;
        observer.note(Fact::Application(&record.application));
        if record.application.disabled {
            return Err(Fault::new(codes::APPLICATION_DISABLED)
                .context(format!("application `{}`", record.application.name)));
        }
        let (user, roles, teams) = match &record.user {
            None => (None, record.roles.clone(), no_teams()),
            Some(answer) => {
                let active = settle(answer, Freshness::Cached, observer, || {
                    "the user that the key is pinned to".to_owned()
                })?;
                (Some(active.user.clone()), active.roles.clone(), active.teams.clone())
            }
        };
        Ok(Principal {
            tenant: tenant.clone(),
            user,
            application: Some(record.application.clone()),
            api_key: Some(record.key.clone()),
            issuer: None,
            scopes: no_strings(),
            roles,
            teams,
            expires_at: record.key.expires_at,
        })
    }
}

pub(crate) fn no_strings() -> Arc<[String]> {
    // One for the whole process: an empty list is not worth an allocation per call.
    static NONE: LazyLock<Arc<[String]>> = LazyLock::new(|| Arc::from(Vec::new()));
    NONE.clone()
}

/// Sorted, without duplicates.
pub(crate) fn roles(roles: &[String]) -> Arc<[String]> {
    if roles.is_empty() {
        return no_strings();
    }
    let mut roles = roles.to_vec();
    roles.sort_unstable();
    roles.dedup();
    roles.into()
}

/// The roles of the directory and of the token together.
pub(crate) fn merged(directory: &Arc<[String]>, token: &Arc<[String]>) -> Arc<[String]> {
    match (directory.is_empty(), token.is_empty()) {
        (_, true) => directory.clone(),
        (true, false) => token.clone(),
        (false, false) => roles(&[&**directory, &**token].concat()),
    }
}
