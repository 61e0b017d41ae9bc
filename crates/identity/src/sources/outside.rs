//! A user source as the path of a call asks it: one look-up in flight for each subject, so many at once, a breaker of its
//! own, the replica before the primary, and what is found mirrored into the directory.
//!
//! Outcomes stay distinct: nobody is said not to exist before the source's truth has said so, and whatever fails on the
//! way there is "cannot say".

mod missed;

use super::foreign::{self, Failure, FailureKind, Foreign, Freshness, Person, Wanted};
use super::{Mirroring, Source};
use crate::directory::Mirrored;
use crate::lookup::{Ask, Found, Limits, Lookups, Shared};
use crate::observe::Effects;
use crate::resolve::{SubjectKey, UserAnswer, follow, found_user};
use portcullis_model::{Clock, Name, TenantId, Timestamp, User, UserId, UserStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A user source, and what is remembered of its answers.
pub(crate) struct Outside {
    pub name: Name,
    pub kind: &'static str,
    /// The tenant's name.
    pub tenant: Name,
    pub lookups: Arc<Lookups<SubjectKey, UserAnswer>>,
    foreign: Arc<dyn Foreign>,
    directory: Arc<dyn Source>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    /// Whether the groups of its people are heeded.
    groups: bool,
    past: Mutex<Past>,
}

/// How it went lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    /// When it last failed, and how.
    pub failure: Option<(Timestamp, Failure)>,
    /// How long the last answers took; the latest is last.
    pub took: Vec<Duration>,
}

/// Times that are remembered.
const TIMES: usize = 16;

/// What the source says of a subject.
enum Told {
    People(Vec<Person>),
    /// There is somebody, of whom nothing can be made.
    Unfit(String),
}

impl Outside {
    pub fn new(
        source: &portcullis_model::Source,
        foreign: Arc<dyn Foreign>,
        directory: Arc<dyn Source>,
        limits: Limits,
        shared: Shared,
    ) -> Arc<Self> {
        let clock = shared.clock.clone();
        Arc::new(Self {
            name: source.name.clone(),
            kind: source.kind().unwrap_or("none"),
            tenant: source.tenant.clone(),
            lookups: Lookups::new(format!("source:{}", source.name), limits, shared),
            foreign,
            directory,
            clock,
            timeout: source.timeout.0,
            groups: source.sync.is_none_or(|sync| sync.teams),
            past: Mutex::default(),
        })
    }

    /// The source itself.
    pub fn foreign(&self) -> &Arc<dyn Foreign> {
        &self.foreign
    }

    /// How it went lately.
    pub fn past(&self) -> Past {
        self.past.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The question about a subject, as it is asked: what is found becomes a user of ours.
    pub fn question(self: &Arc<Self>, tenant: TenantId, wanted: Wanted) -> Ask<UserAnswer> {
        let (this, wanted) = (self.clone(), Arc::new(wanted));
        Box::new(move || {
            let (this, wanted) = (this.clone(), wanted.clone());
            Box::pin(async move { this.answer(tenant, &wanted, Effects::Live).await })
        })
    }

    /// The same without effects: nobody is made and nothing written.
    pub fn dry_question(self: &Arc<Self>, tenant: TenantId, wanted: Wanted) -> Ask<UserAnswer> {
        let (this, wanted) = (self.clone(), Arc::new(wanted));
        Box::new(move || {
            let (this, wanted) = (this.clone(), wanted.clone());
            Box::pin(async move { this.answer(tenant, &wanted, Effects::Dry).await })
        })
    }

    async fn answer(
        &self,
        tenant: TenantId,
        wanted: &Wanted,
        effects: Effects,
    ) -> Result<Found<UserAnswer>, String> {
        let mut people = match self.told(wanted).await? {
            Told::People(people) => people,
            Told::Unfit(reason) => return Ok(unfit(reason, Vec::new())),
        };
        let person = match people.len() {
            0 => return self.missed(tenant, wanted, effects).await,
            1 => people.remove(0),
            _ => return Ok(ambiguous()),
        };
        match self.mirrored(tenant, Some(wanted), &person, effects).await? {
            Mirroring::Done(mirrored) => self.settled(tenant, &mirrored, &person, effects).await,
            Mirroring::Unfit(reason) => Ok(unfit(reason, Vec::new())),
        }
    }

    async fn mirrored(
        &self,
        tenant: TenantId,
        wanted: Option<&Wanted>,
        person: &Person,
        effects: Effects,
    ) -> Result<Mirroring, String> {
        match effects.live() {
            true => self.directory.mirror(&self.name, tenant, wanted, person).await,
            false => self.directory.would_mirror(&self.name, tenant, wanted, person).await,
        }
    }

    /// A person without groups, where those are to be nothing to us.
    fn heeded(&self, mut person: Person) -> Person {
        if !self.groups {
            person.groups = None;
        }
        person
    }

    /// The answer that a shadow is; merges followed.
    async fn settled(
        &self,
        tenant: TenantId,
        mirrored: &Mirrored,
        person: &Person,
        effects: Effects,
    ) -> Result<Found<UserAnswer>, String> {
        if let Mirrored::Rekeyed { user, by } = mirrored {
            return Ok(self.rekeyed(user, by, person));
        }
        let user = mirrored.user().clone();
        if !effects.live()
            && user.status == UserStatus::Active
            && let Some(teams) = self.directory.would_be_in(tenant, user.id, person).await?
        {
            return Ok(barred_if_inactive(found_user(user, Vec::new(), teams), person));
        }
        let found = follow(&*self.directory, user).await?;
        Ok(barred_if_inactive(found, person))
    }

    fn rekeyed(&self, user: &User, by: &str, person: &Person) -> Found<UserAnswer> {
        let (name, key) = (&self.name, shown(&person.key));
        let new = format!(
            "source `{name}` has them under the key `{key}`, which is new, and their {by} is that of user {}",
            user.id
        );
        let reason = match user.merged_into {
            Some(into) => format!(
                "{new}, who was merged into {into}: link `source:{name}` = the new key to that one if they are one person; if not, give them another {by} in the source"
            ),
            None => format!(
                "{new}, who is known under another key: the source was made anew, or the name was given to somebody else. Link `source:{name}` = the new key to the user if they are one person, or take the name from the user if not"
            ),
        };
        unfit(reason, vec![user.id.0])
    }

    /// What the source says, in its time: first the copy, and the truth unless the copy has found somebody.
    async fn told(&self, wanted: &Wanted) -> Result<Told, String> {
        let whole = tokio::time::timeout(self.timeout, async {
            if self.foreign.has_replica() {
                match self.timed(wanted, Freshness::Any).await {
                    Ok(people) if !people.is_empty() => return Ok(people),
                    Err(failure) if failure.kind == FailureKind::Person => return Err(failure),
                    // Nobody there yet, or nobody there to say: the truth knows.
                    Ok(_) | Err(_) => {}
                }
            }
            self.timed(wanted, Freshness::Primary).await
        });
        let told = whole.await.unwrap_or_else(|_| {
            let failure = self.too_slow();
            self.note(&failure);
            Err(failure)
        });
        match told {
            Ok(people) => Ok(Told::People(people.into_iter().map(|person| self.heeded(person)).collect())),
            Err(failure) if failure.kind == FailureKind::Person => {
                Ok(Told::Unfit(format!("source `{}`: {failure}", self.name)))
            }
            Err(failure) => Err(format!("user source `{}`: {failure}", self.name)),
        }
    }

    fn too_slow(&self) -> Failure {
        Failure::slow(format!("no answer within {} ms", self.timeout.as_millis()))
    }

    async fn timed(&self, wanted: &Wanted, freshness: Freshness) -> Result<Vec<Person>, Failure> {
        let began = tokio::time::Instant::now();
        let answer = self.foreign.find(wanted, freshness).await;
        match &answer {
            Err(failure) if failure.kind != FailureKind::Person => self.note(failure),
            _ => {
                let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
                if past.took.len() == TIMES {
                    past.took.remove(0);
                }
                past.took.push(began.elapsed());
            }
        }
        answer
    }

    fn note(&self, failure: &Failure) {
        metrics::counter!(
            "portcullis_source_failures_total",
            "source" => self.name.to_string(),
            "reason" => failure.kind.as_str()
        )
        .increment(1);
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.failure = Some((self.clock.now(), failure.clone()));
    }
}

/// A user who would be made of a person: of no id yet.
pub(crate) fn sketch(tenant: TenantId, source: &Name, person: &Person, now: Timestamp) -> User {
    User {
        id: UserId(uuid::Uuid::nil()),
        tenant,
        status: UserStatus::Active,
        external_id: person.external_id.clone(),
        username: person.username.clone(),
        email: person.email.clone(),
        email_verified: person.email_verified,
        display_name: person.display_name.clone(),
        roles: Vec::new(),
        attributes: person.attributes.clone(),
        merged_into: None,
        status_changed_at: now,
        status_changed_by: foreign::identity_of(source).to_string(),
        status_reason: None,
        created_at: now,
        updated_at: now,
    }
}

fn unfit(reason: String, tags: Vec<uuid::Uuid>) -> Found<UserAnswer> {
    Found { answer: UserAnswer::Unfit(reason.into()), positive: false, tags }
}

fn ambiguous() -> Found<UserAnswer> {
    Found { answer: UserAnswer::Ambiguous, positive: false, tags: Vec::new() }
}

/// Who is disabled in the source does not call, whatever the record that stands for them says.
fn barred_if_inactive(found: Found<UserAnswer>, person: &Person) -> Found<UserAnswer> {
    match found.answer {
        UserAnswer::Active(active) if !person.active => {
            let user = User { status: UserStatus::Suspended, ..(*active.user).clone() };
            let barred = found_user(user, Vec::new(), Vec::new());
            Found { tags: found.tags, ..barred }
        }
        answer => Found { answer, ..found },
    }
}

fn shown(text: &str) -> String {
    text.chars().take(128).collect::<String>().escape_debug().to_string()
}
