//! What the directory answers, and how it is found: merges followed, outcomes told apart, and the records that each answer
//! depends on.

use super::principal::roles;
use super::teams::of_directory;
use super::{ClientKey, Question};
use crate::lookup::Found;
use crate::rules::Rule;
use crate::sources::Source;
use portcullis_fault::{Fault, codes};
use portcullis_model::team::TeamOf;
use portcullis_model::{ApiKey, ApiKeyId, Application, ApplicationId, Team, TenantId, User, UserStatus};
use portcullis_store::entity::users::Lookup;
use std::sync::Arc;
use uuid::Uuid;

/// Merges are followed this far.
const MERGES: usize = 8;

/// What the directory knows of a subject.
#[derive(Clone, Debug)]
pub(crate) enum UserAnswer {
    Active(ActiveUser),
    Pending(Arc<User>),
    Suspended(Arc<User>),
    Deleted(Arc<User>),
    Unknown,
    Ambiguous,
    /// The rule would have made a user, and could not of this.
    Unfit(Arc<str>),
}

/// A user who may call, with what a principal needs, ready. Three counts to clone.
#[derive(Clone, Debug)]
pub(crate) struct ActiveUser {
    pub user: Arc<User>,
    pub roles: Arc<[String]>,
    pub teams: Arc<[TeamOf]>,
}

impl UserAnswer {
    /// As records and metrics say it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Active(_) => "active",
            Self::Pending(_) => "pending",
            Self::Suspended(_) => "suspended",
            Self::Deleted(_) => "deleted",
            Self::Unknown => "unknown",
            Self::Ambiguous => "ambiguous",
            Self::Unfit(_) => "unfit",
        }
    }

    pub fn user(&self) -> Option<&Arc<User>> {
        match self {
            Self::Active(active) => Some(&active.user),
            Self::Pending(user) | Self::Suspended(user) | Self::Deleted(user) => Some(user),
            Self::Unknown | Self::Ambiguous | Self::Unfit(_) => None,
        }
    }

    /// The active user, or why there is none. `what` says what was looked up, for the record.
    pub fn active(&self, what: impl FnOnce() -> String) -> Result<&ActiveUser, Fault> {
        let status = |user: &User| {
            let reason =
                user.status_reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!(
                "user {} is {} since {} by {}{reason}",
                user.id, user.status, user.status_changed_at, user.status_changed_by
            )
        };
        Err(match self {
            Self::Active(active) => return Ok(active),
            Self::Pending(user) => Fault::new(codes::USER_PENDING).context(status(user)),
            Self::Suspended(user) => Fault::new(codes::USER_SUSPENDED).context(status(user)),
            Self::Deleted(user) => Fault::new(codes::USER_DELETED).context(status(user)),
            Self::Unknown => Fault::new(codes::USER_UNKNOWN).context(format!("{} is nobody's", what())),
            Self::Ambiguous => {
                Fault::new(codes::SUBJECT_AMBIGUOUS).context(format!("{} is more than one user's", what()))
            }
            Self::Unfit(reason) => Fault::new(codes::SUBJECT_INVALID)
                .context(format!("{} cannot become a user: {reason}", what())),
        })
    }
}

/// What the directory knows of an API key.
#[derive(Debug)]
pub(crate) struct KeyRecord {
    pub key: Arc<ApiKey>,
    pub application: Arc<Application>,
    pub roles: Arc<[String]>,
    /// The user that the key is pinned to.
    pub user: Option<UserAnswer>,
}

/// An application, ready.
#[derive(Clone, Debug)]
pub(crate) struct ReadyApplication {
    pub application: Arc<Application>,
    pub roles: Arc<[String]>,
}

pub(super) async fn find_user(
    source: &dyn Source,
    tenant: TenantId,
    lookup: &Lookup,
) -> Result<Found<UserAnswer>, String> {
    let mut users = source.users(tenant, lookup).await?;
    match users.len() {
        0 => Ok(nobody()),
        1 => follow(source, users.remove(0)).await,
        _ => Ok(Found {
            answer: UserAnswer::Ambiguous,
            positive: false,
            tags: users.iter().map(|user| user.id.0).collect(),
        }),
    }
}

/// Whom a rule finds: by its own look-up, or else by the first claim that it falls back to and that is somebody's, whatever
/// that somebody's status. A claim that is looked up both ways has to lead to the same user.
pub(super) async fn find_subject(
    source: &dyn Source,
    tenant: TenantId,
    question: &Question,
) -> Result<Found<UserAnswer>, String> {
    let mut found = match &question.lookup {
        Some(lookup) => find_folded(source, tenant, lookup, question.folding.as_ref()).await?,
        None => nobody(),
    };
    for fallback in &question.fallbacks {
        let somebody = !matches!(found.answer, UserAnswer::Unknown);
        if somebody && !fallback.contests {
            continue;
        }
        let other = find_user(source, tenant, &fallback.lookup).await?;
        if !somebody {
            found = other;
        } else if let (Some(one), Some(two)) = (found.answer.user(), other.answer.user())
            && one.id != two.id
        {
            let tags = [found.tags, other.tags].concat();
            return Ok(Found { answer: UserAnswer::Ambiguous, positive: false, tags });
        }
    }
    Ok(found)
}

/// What a rule takes for the same as the value that is looked up.
pub(crate) struct Folding {
    pub rule: Arc<Rule>,
    pub value: String,
}

/// [`find_user`] under a rule that takes different values for the same: whoever is found must be the only one. Two who were
/// told apart when the rule was published may have become one since, by a new user or name; then neither is let in as the
/// other. A change of somebody else is seen when the answer in memory is too old.
async fn find_folded(
    source: &dyn Source,
    tenant: TenantId,
    lookup: &Lookup,
    folding: Option<&Folding>,
) -> Result<Found<UserAnswer>, String> {
    let found = find_user(source, tenant, lookup).await?;
    let (Some(Folding { rule, value }), Some(user)) = (folding, found.answer.user()) else {
        return Ok(found);
    };
    let owner = user.merged_into.unwrap_or(user.id);
    let alike = source.alike(tenant, lookup, &rule.spellings(value)).await?;
    let others: Vec<Uuid> = alike
        .into_iter()
        .filter(|(id, stored)| *id != owner && rule.same(stored, value))
        .map(|(id, _)| id.0)
        .collect();
    if others.is_empty() {
        return Ok(found);
    }
    let mut tags = found.tags;
    tags.extend(others);
    Ok(Found { answer: UserAnswer::Ambiguous, positive: false, tags })
}

pub(crate) fn nobody() -> Found<UserAnswer> {
    Found { answer: UserAnswer::Unknown, positive: false, tags: Vec::new() }
}

/// A subject that once was a user's who is gone. It leads to nobody else, and nobody is made of it.
pub(super) fn barred(user: User) -> Found<UserAnswer> {
    let tags = vec![user.id.0];
    let answer = match user.merged_into {
        Some(into) => UserAnswer::Unfit(
            format!(
                "it was user {}'s, who was merged into {into}, before it was unlinked or changed; link it to whose it is",
                user.id
            )
            .into(),
        ),
        None => UserAnswer::Deleted(Arc::new(user)),
    };
    Found { answer, positive: false, tags }
}

/// Somebody whom the source knew by this subject, and does not any more: nobody who may call.
pub(crate) fn barred_by_source(user: User) -> Found<UserAnswer> {
    let tags = vec![user.id.0];
    let user = Arc::new(user);
    let answer = match user.status {
        UserStatus::Pending => UserAnswer::Pending(user),
        UserStatus::Suspended => UserAnswer::Suspended(user),
        UserStatus::Active | UserStatus::Deleted | UserStatus::Merged => UserAnswer::Deleted(user),
    };
    Found { answer, positive: false, tags }
}

/// Follows merges to whoever the user is now.
pub(crate) async fn follow(source: &dyn Source, mut user: User) -> Result<Found<UserAnswer>, String> {
    let tenant = user.tenant;
    let mut passed: Vec<Uuid> = Vec::new();
    while user.status == UserStatus::Merged {
        let next = user.merged_into.ok_or_else(|| format!("user {} is merged into nobody", user.id))?;
        passed.push(user.id.0);
        if passed.len() > MERGES {
            return Err(format!("user {} is merged in a circle or too often", user.id));
        }
        user = source
            .user(next)
            .await?
            .ok_or_else(|| format!("user {next}, into whom another is merged, is not there"))?;
        if user.tenant != tenant {
            return Err(format!("user {} is merged into another tenant's", user.id));
        }
    }
    let teams = match user.status {
        UserStatus::Active => source.teams_of_user(user.id).await?,
        _ => Vec::new(),
    };
    Ok(found_user(user, passed, teams))
}

/// The answer about a user who is in these teams. It depends on each of them: one that moves is in others.
pub(crate) fn found_user(user: User, mut tags: Vec<Uuid>, teams: Vec<(Team, bool)>) -> Found<UserAnswer> {
    tags.push(user.id.0);
    let (teams, team_tags) = of_directory(teams);
    tags.extend(team_tags);
    let status = user.status;
    let user = Arc::new(user);
    let answer = match status {
        UserStatus::Active => UserAnswer::Active(ActiveUser { roles: roles(&user.roles), teams, user }),
        UserStatus::Pending => UserAnswer::Pending(user),
        UserStatus::Suspended => UserAnswer::Suspended(user),
        // A merged user that was just made cannot be; were it, it may not call.
        UserStatus::Deleted | UserStatus::Merged => UserAnswer::Deleted(user),
    };
    Found { positive: matches!(answer, UserAnswer::Active(_)), answer, tags }
}

pub(super) async fn find_key(source: &dyn Source, id: ApiKeyId) -> Result<Found<Option<KeyRecord>>, String> {
    let Some(key) = source.api_key(id).await? else {
        return Ok(Found { answer: None, positive: false, tags: vec![id.0] });
    };
    let application = source.application(key.application).await?;
    let application = application.ok_or_else(|| format!("the application of API key {id} is not there"))?;
    let mut tags = vec![id.0, application.id.0];
    let user = match key.user {
        None => None,
        Some(user) => {
            let found = match source.user(user).await? {
                Some(user) => follow(source, user).await?,
                None => nobody(),
            };
            tags.extend(&found.tags);
            tags.push(user.0);
            Some(found.answer)
        }
    };
    let positive =
        !application.disabled && user.as_ref().is_none_or(|answer| matches!(answer, UserAnswer::Active(_)));
    let record = KeyRecord {
        roles: roles(&application.roles),
        application: Arc::new(application),
        key: Arc::new(key),
        user,
    };
    Ok(Found { answer: Some(record), positive, tags })
}

pub(super) async fn find_client(
    source: &dyn Source,
    key: &ClientKey,
    local: bool,
) -> Result<Found<Option<ReadyApplication>>, String> {
    let application = if local {
        // Our own tokens name the application itself.
        match key.client.parse::<ApplicationId>() {
            Ok(id) => source.application(id).await?.filter(|application| application.tenant == key.tenant),
            Err(_) => None,
        }
    } else {
        source.client(key.tenant, &key.issuer, &key.client).await?
    };
    Ok(match application {
        None => Found { answer: None, positive: false, tags: Vec::new() },
        Some(application) => Found {
            positive: !application.disabled,
            tags: vec![application.id.0],
            answer: Some(ReadyApplication {
                roles: roles(&application.roles),
                application: Arc::new(application),
            }),
        },
    })
}
