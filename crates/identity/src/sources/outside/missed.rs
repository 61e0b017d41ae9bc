//! A subject by which a source has nobody any more: renamed, or gone? Only the source can say, asked by the key.

use super::Outside;
use crate::directory::{Former, VANISHED};
use crate::lookup::Found;
use crate::observe::Effects;
use crate::resolve::{UserAnswer, barred_by_source, nobody};
use crate::sources::Mirroring;
use crate::sources::foreign::{FailureKind, Person, Wanted, identity_of};
use portcullis_model::{TenantId, User, UserId, UserStatus};

/// What the source says of somebody whom it does not find by a subject any more.
enum Kept {
    /// It has them, under another name.
    There(Box<Person>),
    /// It has nobody of their key.
    Gone,
    /// It cannot be asked by the key.
    Unsaid,
}

impl Outside {
    /// The source has nobody by this subject. Whoever it was before was renamed, or is gone: that is for the source to say,
    /// asked by the key. An old name bars nobody who has a new one.
    pub(super) async fn missed(
        &self,
        tenant: TenantId,
        wanted: &Wanted,
        effects: Effects,
    ) -> Result<Found<UserAnswer>, String> {
        let Some(Former { user, keys }) = self.directory.formerly(&self.name, tenant, wanted).await? else {
            return Ok(nobody());
        };
        if user.status != UserStatus::Active {
            return Ok(barred_by_source(user));
        }
        let id = user.id;
        match self.kept(wanted, &keys).await? {
            Kept::There(person) => match self.mirrored(tenant, None, &person, effects).await? {
                Mirroring::Done(mirrored) if mirrored.user().status != UserStatus::Active => {
                    Ok(barred_by_source(mirrored.user().clone()))
                }
                Mirroring::Done(_) | Mirroring::Unfit(_) => Ok(nobody_now(id)),
            },
            Kept::Unsaid => Ok(nobody_now(id)),
            Kept::Gone if effects.live() => {
                let barred = self.directory.vanished(&self.name, id).await?;
                let barred = barred.filter(|user| user.status != UserStatus::Active);
                Ok(barred.map_or_else(nobody, barred_by_source))
            }
            Kept::Gone => Ok(barred_by_source(User {
                status: UserStatus::Suspended,
                status_reason: Some(VANISHED.to_owned()),
                status_changed_at: self.clock.now(),
                status_changed_by: identity_of(&self.name).to_string(),
                ..user
            })),
        }
    }

    /// Whether the source still has somebody of one of these keys.
    async fn kept(&self, wanted: &Wanted, keys: &[String]) -> Result<Kept, String> {
        let mut kept = Kept::Gone;
        for key in keys {
            let asked = tokio::time::timeout(self.timeout, self.foreign.by_key(wanted, key)).await;
            match asked.unwrap_or_else(|_| Err(self.too_slow())) {
                Ok(Some(person)) => return Ok(Kept::There(Box::new(self.heeded(person)))),
                Ok(None) => {}
                // The subject was the key: nothing is left to be asked.
                Err(failure) if failure.kind == FailureKind::Unsupported && *key == wanted.subject => {}
                Err(failure) if matches!(failure.kind, FailureKind::Unsupported | FailureKind::Person) => {
                    kept = Kept::Unsaid;
                }
                Err(failure) => {
                    self.note(&failure);
                    return Err(format!("user source `{}`: {failure}", self.name));
                }
            }
        }
        Ok(kept)
    }
}

/// Nobody any more; a change of whoever it was may change that.
fn nobody_now(was: UserId) -> Found<UserAnswer> {
    Found { tags: vec![was.0], ..nobody() }
}
