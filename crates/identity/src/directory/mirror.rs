//! Shadows: the users of our own that stand for people of a user source. What the source says of a person is written
//! into the shadow; what our operators decided about it stays.
//!
//! A shadow is known by the person's key: the identity (`source:<name>`, key) is its own, and so is every subject that it
//! was found by. A key that is new for somebody who is known under another is never taken for a new person by itself, and
//! somebody who is no longer found by a name is not gone before the source, asked by the key, has said so.

mod groups;

use super::change::Work;
use super::users::{NewUser, enter, shown};
use super::{Actor, Directory};
use crate::sources::foreign::{Person, Wanted, identity_of};
use crate::sources::outside::sketch;
use groups::Difference;
use portcullis_model::event::Change;
use portcullis_model::{Identity, Name, TenantId, User, UserId, UserStatus};
use portcullis_store::entity::users::Lookup;
use portcullis_store::entity::{identities, users};
use portcullis_store::{Error, Executor};
use serde_json::{Value, json};

/// What mirroring a person came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mirrored {
    /// A shadow was made.
    Made(User),
    /// The shadow was changed to what the source says.
    Changed(User),
    /// The shadow says the same already; nothing was written.
    Same(User),
    /// The shadow was deleted by an operator or a synchronisation, or merged: it stays as it is, and nobody else is made.
    Gone(User),
    /// The person is known as this user, under another key, or was merged as it into another: the source was made anew, or
    /// the name was given to somebody else. Nothing was written; an operator says which.
    Rekeyed {
        /// The user that has the person's name.
        user: User,
        /// What they have in common: `external id` or `user name`.
        by: &'static str,
    },
}

impl Mirrored {
    /// The user, whatever came of it.
    pub fn user(&self) -> &User {
        match self {
            Self::Made(user) | Self::Changed(user) | Self::Same(user) | Self::Gone(user) => user,
            Self::Rekeyed { user, .. } => user,
        }
    }
}

/// A user whom a subject meant when the source last had somebody by it.
#[derive(Clone, Debug)]
pub struct Former {
    /// The user, in whatever state.
    pub user: User,
    /// The keys under which the source knows them.
    pub keys: Vec<String>,
}

/// Why a shadow is suspended by its source.
const INACTIVE: &str = "disabled in the source";
/// The same.
pub(crate) const VANISHED: &str = "no longer in the source";

impl Directory {
    /// Writes what a source says of a person into its shadow, which is made when there is none: record, memberships, events
    /// and audit entries in one transaction, and nothing when nothing differs. `wanted` is what the person was found by, if by
    /// a subject. Groups that the source speaks of become memberships of the teams whose external id they are.
    ///
    /// # Errors
    /// The database cannot be asked; or what the source says cannot be stored ([`Error::Invalid`]).
    pub async fn mirror(
        &self,
        source: &Name,
        tenant: TenantId,
        wanted: Option<&Wanted>,
        person: &Person,
    ) -> Result<Mirrored, Error> {
        // Two look-ups of different subjects may find the same new person at once: the second finds what the first made.
        for _ in 0..3 {
            match self.mirror_once(source, tenant, wanted, person).await {
                Err(Error::Conflict { .. }) => {}
                done => return done,
            }
        }
        self.mirror_once(source, tenant, wanted, person).await
    }

    /// The shadow of a person, as it is.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn shadow(&self, source: &Name, tenant: TenantId, key: &str) -> Result<Option<User>, Error> {
        shadow(&self.store, source, tenant, key).await
    }

    async fn mirror_once(
        &self,
        source: &Name,
        tenant: TenantId,
        wanted: Option<&Wanted>,
        person: &Person,
    ) -> Result<Mirrored, Error> {
        let known = shadow(&self.store, source, tenant, &person.key).await?;
        let Some(known) = known else { return self.make_shadow(source, tenant, wanted, person).await };
        if matches!(known.status, UserStatus::Deleted | UserStatus::Merged) {
            return Ok(Mirrored::Gone(known));
        }
        let actor = actor(source);
        let linked = match wanted {
            Some(wanted) => self.is_linked(tenant, wanted, &known).await?,
            None => true,
        };
        let groups = Difference::of(self, tenant, Some(known.id), person).await?;
        if linked && groups.is_empty() && reflected(&known, person, &actor) == known {
            return Ok(Mirrored::Same(known));
        }
        let mut work = self.work(&actor).await?;
        let groups = groups.lock(&mut work).await?;
        let Some(before) = users::lock(&mut work.tx, known.id).await? else {
            return Err(Error::NotFound { what: "user" });
        };
        if matches!(before.status, UserStatus::Deleted | UserStatus::Merged) {
            work.tx.rollback().await?;
            return Ok(Mirrored::Gone(before));
        }
        let mut after = reflected(&before, person, &actor);
        self.yield_names(&mut work, source, &mut after, &before, person).await?;
        let differs = after != before;
        let moved = groups.settle(&mut work, after.id).await?;
        if !differs && linked && !moved {
            work.tx.commit().await?;
            return Ok(Mirrored::Same(before));
        }
        if let Some(wanted) = wanted.filter(|_| !linked) {
            link(&mut work, &after, wanted).await?;
        }
        if differs {
            after.updated_at = work.now;
            if after.status != before.status {
                let reason = (after.status == UserStatus::Suspended).then(|| INACTIVE.to_owned());
                let status = after.status;
                enter(&mut after, status, &work, &actor, reason);
            }
            users::update(&mut work.tx, &after).await?;
            let (what, action) = match (before.status, after.status) {
                (before, after) if before == after => ("changed", "user.change"),
                (_, UserStatus::Suspended) => ("suspended", "user.suspend"),
                _ => ("restored", "user.restore"),
            };
            work.event(Some(tenant), Change::User { user: after.id, what: what.to_owned() });
            work.audit(Some(tenant), action, after.id, shown(&before), shown(&after)).await?;
        }
        work.tx.commit().await?;
        Ok(Mirrored::Changed(after))
    }

    async fn make_shadow(
        &self,
        source: &Name,
        tenant: TenantId,
        wanted: Option<&Wanted>,
        person: &Person,
    ) -> Result<Mirrored, Error> {
        let actor = actor(source);
        let groups = Difference::of(self, tenant, None, person).await?;
        let mut work = self.work(&actor).await?;
        let groups = groups.lock(&mut work).await?;
        if let Some(wanted) = wanted
            && let Some(holder) = users::resolve(&mut work.tx, tenant, &subject_of(wanted)).await?.pop()
        {
            let linked = identities::list_by_user(&mut work.tx, holder.id).await?;
            match by_subject(holder, &linked, source, person) {
                Before::Nobody => {}
                Before::Theirs(user) => {
                    // The issuer's subject is this user's already: the key is added to it, and the next look finds it.
                    let identity = Identity {
                        issuer: identity_of(source),
                        subject: person.key.clone(),
                        user: user.id,
                        linked_at: work.now,
                    };
                    identities::insert(&mut work.tx, tenant, &identity).await?;
                    let after = json!({ "issuer": identity.issuer, "subject": identity.subject });
                    let Identity { issuer, subject, .. } = identity;
                    work.event(Some(tenant), Change::IdentityLinked { user: user.id, issuer, subject });
                    work.audit(Some(tenant), "user.link", user.id, Value::Null, after).await?;
                    work.tx.commit().await?;
                    return Box::pin(self.mirror_once(source, tenant, Some(wanted), person)).await;
                }
                Before::Settled(mirrored) => {
                    work.tx.rollback().await?;
                    return Ok(mirrored);
                }
            }
        }
        let mut new = NewUser {
            tenant,
            status: UserStatus::Active,
            external_id: person.external_id.clone(),
            username: person.username.clone(),
            email: person.email.clone(),
            email_verified: person.email_verified,
            display_name: person.display_name.clone(),
            roles: Vec::new(),
            attributes: person.attributes.clone(),
            identities: vec![(identity_of(source), person.key.clone())],
        };
        let names = [
            ("external id", new.external_id.clone().map(Lookup::ExternalId)),
            ("user name", new.username.clone().map(Lookup::Username)),
        ];
        for (by, lookup) in names {
            let Some(lookup) = lookup else { continue };
            let Some(holder) = users::resolve(&mut work.tx, tenant, &lookup).await?.pop() else { continue };
            let ours = of_source(&mut work, source, &holder).await?;
            if let Some(settled) = by_name(&holder, ours, by, person) {
                work.tx.rollback().await?;
                return Ok(settled);
            }
            if ours {
                // Two people by the company's own ids: the name was given on.
                rename_away(&mut work, holder).await?;
            } else if by == "user name" {
                // Somebody else's here: the person is known by its key, and a name is not what it is found by.
                new.username = None;
            } else {
                new.external_id = None;
            }
        }
        let user = self.make(&mut work, &actor, new).await?;
        if let Some(wanted) = wanted {
            link(&mut work, &user, wanted).await?;
        }
        let user = if person.active {
            user
        } else {
            let mut barred = user.clone();
            enter(&mut barred, UserStatus::Suspended, &work, &actor, Some(INACTIVE.to_owned()));
            users::update(&mut work.tx, &barred).await?;
            work.audit(Some(tenant), "user.suspend", barred.id, shown(&user), shown(&barred)).await?;
            barred
        };
        groups.settle(&mut work, user.id).await?;
        work.tx.commit().await?;
        Ok(Mirrored::Made(user))
    }

    /// Takes note that the source, asked by the key, has this person no longer: its shadow is suspended, by the source, until
    /// the source has them again. The user, as it is afterwards; none when there is none.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn vanished(&self, source: &Name, user: UserId) -> Result<Option<User>, Error> {
        let actor = actor(source);
        let mut work = self.work(&actor).await?;
        let Some(before) = users::lock(&mut work.tx, user).await? else { return Ok(None) };
        if before.status != UserStatus::Active || !of_source(&mut work, source, &before).await? {
            work.tx.rollback().await?;
            return Ok(Some(before));
        }
        let mut after = before.clone();
        enter(&mut after, UserStatus::Suspended, &work, &actor, Some(VANISHED.to_owned()));
        users::update(&mut work.tx, &after).await?;
        work.event(Some(after.tenant), Change::User { user: after.id, what: "suspended".to_owned() });
        work.audit(Some(after.tenant), "user.suspend", after.id, shown(&before), shown(&after)).await?;
        work.tx.commit().await?;
        Ok(Some(after))
    }

    /// What [`Directory::mirror`] would come to, without a change of anything: a user who would be made has no id.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn would_mirror(
        &self,
        source: &Name,
        tenant: TenantId,
        wanted: Option<&Wanted>,
        person: &Person,
    ) -> Result<Mirrored, Error> {
        if let Some(known) = shadow(&self.store, source, tenant, &person.key).await? {
            if matches!(known.status, UserStatus::Deleted | UserStatus::Merged) {
                return Ok(Mirrored::Gone(known));
            }
            let after = reflected(&known, person, &actor(source));
            return Ok(if after == known { Mirrored::Same(known) } else { Mirrored::Changed(after) });
        }
        if let Some(wanted) = wanted
            && let Some(holder) = users::resolve(&self.store, tenant, &subject_of(wanted)).await?.pop()
        {
            let linked = identities::list_by_user(&self.store, holder.id).await?;
            match by_subject(holder, &linked, source, person) {
                Before::Nobody => {}
                Before::Theirs(user) => {
                    return Ok(Mirrored::Changed(reflected(&user, person, &actor(source))));
                }
                Before::Settled(mirrored) => return Ok(mirrored),
            }
        }
        let names = [
            ("external id", person.external_id.clone().map(Lookup::ExternalId)),
            ("user name", person.username.clone().map(Lookup::Username)),
        ];
        for (by, lookup) in names {
            let Some(lookup) = lookup else { continue };
            let Some(holder) = users::resolve(&self.store, tenant, &lookup).await?.pop() else { continue };
            let linked = identities::list_by_user(&self.store, holder.id).await?;
            if let Some(settled) = by_name(&holder, is_of(source, &linked), by, person) {
                return Ok(settled);
            }
        }
        Ok(Mirrored::Made(sketch(tenant, source, person, self.clock.now())))
    }

    /// Whom a subject meant when the source last had somebody by it, and by which keys the source can be asked for them. None
    /// when nobody ever was, and for a user of our own that was linked by hand: the source never knew them.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn formerly(
        &self,
        source: &Name,
        tenant: TenantId,
        wanted: &Wanted,
    ) -> Result<Option<Former>, Error> {
        let Some(user) = users::resolve(&self.store, tenant, &subject_of(wanted)).await?.pop() else {
            return Ok(None);
        };
        let (of, linked) = (identity_of(source), identities::list_by_user(&self.store, user.id).await?);
        let keys: Vec<String> =
            linked.into_iter().filter(|one| one.issuer == of).map(|one| one.subject).collect();
        if keys.is_empty() && user.status == UserStatus::Active {
            return Ok(None);
        }
        Ok(Some(Former { user, keys }))
    }

    async fn is_linked(&self, tenant: TenantId, wanted: &Wanted, user: &User) -> Result<bool, Error> {
        let linked = identities::find(&self.store, tenant, wanted.issuer.as_str(), &wanted.subject).await?;
        Ok(linked.is_some_and(|identity| identity.user == user.id))
    }

    /// Lets a shadow have the names that the source gives it, from another shadow whose they were; names of users who are
    /// no shadows of this source stay theirs.
    async fn yield_names(
        &self,
        work: &mut Work<'_>,
        source: &Name,
        after: &mut User,
        before: &User,
        person: &Person,
    ) -> Result<(), Error> {
        if after.external_id != before.external_id
            && let Some(id) = &person.external_id
            && users::resolve(&mut work.tx, before.tenant, &Lookup::ExternalId(id.clone()))
                .await?
                .pop()
                .is_some_and(|holder| holder.id != before.id)
        {
            after.external_id.clone_from(&before.external_id);
        }
        if after.username != before.username
            && let Some(name) = &person.username
            && let Some(holder) =
                users::resolve(&mut work.tx, before.tenant, &Lookup::Username(name.clone())).await?.pop()
            && holder.id != before.id
        {
            let gone = matches!(holder.status, UserStatus::Deleted | UserStatus::Merged);
            if !gone && of_source(work, source, &holder).await? {
                rename_away(work, holder).await?;
            } else {
                after.username.clone_from(&before.username);
            }
        }
        Ok(())
    }
}

/// Whose a subject was before the source came up with a key that is new.
enum Before {
    /// Nobody's, or somebody's who is another person by the company's own ids.
    Nobody,
    /// A user's who is no person of the source yet: the one that is meant.
    Theirs(User),
    /// There is nothing to be made.
    Settled(Mirrored),
}

/// What becomes of a key that is new, when the subject that it was found by was this user's.
fn by_subject(holder: User, linked: &[Identity], source: &Name, person: &Person) -> Before {
    let gone = matches!(holder.status, UserStatus::Deleted | UserStatus::Merged);
    match is_of(source, linked) {
        true if told_apart(&holder, person) => Before::Nobody,
        _ if gone => Before::Settled(Mirrored::Gone(holder)),
        true => Before::Settled(Mirrored::Rekeyed { user: holder, by: "subject" }),
        false => Before::Theirs(holder),
    }
}

/// What comes of a key that is new, when its person's external id or user name is this user's, who is a shadow of the source
/// (`ours`) or not; nothing when somebody else is meant. Who is gone is not made again under a key, whoever made them first;
/// and a name alone makes nobody the one that somebody was merged into.
fn by_name(holder: &User, ours: bool, by: &'static str, person: &Person) -> Option<Mirrored> {
    if by == "user name" && told_apart(holder, person) {
        return None;
    }
    match holder.status {
        UserStatus::Deleted => Some(Mirrored::Gone(holder.clone())),
        UserStatus::Merged => Some(Mirrored::Rekeyed { user: holder.clone(), by }),
        _ => ours.then(|| Mirrored::Rekeyed { user: holder.clone(), by }),
    }
}

fn subject_of(wanted: &Wanted) -> Lookup {
    Lookup::Identity { issuer: wanted.issuer.clone(), subject: wanted.subject.clone() }
}

/// Who changes shadows.
fn actor(source: &Name) -> Actor {
    Actor::new(identity_of(source).to_string(), "source")
}

async fn shadow(
    executor: impl Executor,
    source: &Name,
    tenant: TenantId,
    key: &str,
) -> Result<Option<User>, Error> {
    let lookup = Lookup::Identity { issuer: identity_of(source), subject: key.to_owned() };
    Ok(users::resolve(executor, tenant, &lookup).await?.pop())
}

/// The shadow as the source would have it. Roles are our operators'; a status that somebody else set stays, but who is
/// disabled there may not call here.
pub(crate) fn reflected(user: &User, person: &Person, actor: &Actor) -> User {
    let mut after = user.clone();
    after.external_id.clone_from(&person.external_id);
    after.username.clone_from(&person.username);
    after.email.clone_from(&person.email);
    after.email_verified = person.email_verified;
    after.display_name.clone_from(&person.display_name);
    after.attributes.clone_from(&person.attributes);
    after.status = match user.status {
        UserStatus::Active if !person.active => UserStatus::Suspended,
        UserStatus::Suspended if person.active && user.status_changed_by == actor.name => UserStatus::Active,
        other => other,
    };
    after
}

/// Whether a user is a shadow of this source.
async fn of_source(work: &mut Work<'_>, source: &Name, user: &User) -> Result<bool, Error> {
    Ok(is_of(source, &identities::list_by_user(&mut work.tx, user.id).await?))
}

fn is_of(source: &Name, linked: &[Identity]) -> bool {
    let of = identity_of(source);
    linked.iter().any(|identity| identity.issuer == of)
}

/// By the company's own ids they are two people.
fn told_apart(holder: &User, person: &Person) -> bool {
    holder.external_id.is_some() && person.external_id.is_some() && holder.external_id != person.external_id
}

/// Takes its user name from a user who lost it in the source. It stays as a past one.
pub(super) async fn rename_away(work: &mut Work<'_>, before: User) -> Result<(), Error> {
    let mut after = before.clone();
    after.username = None;
    after.updated_at = work.now;
    users::update(&mut work.tx, &after).await?;
    work.event(Some(after.tenant), Change::User { user: after.id, what: "changed".to_owned() });
    work.audit(Some(after.tenant), "user.change", after.id, shown(&before), shown(&after)).await
}

/// Makes the subject that a person was found by its shadow's, from whoever had it before.
async fn link(work: &mut Work<'_>, user: &User, wanted: &Wanted) -> Result<(), Error> {
    let (issuer, subject) = (wanted.issuer.as_str(), wanted.subject.as_str());
    if let Some(other) = identities::find(&mut work.tx, user.tenant, issuer, subject).await? {
        identities::delete(&mut work.tx, user.tenant, issuer, subject, work.now).await?;
        let before = json!({ "issuer": issuer, "subject": subject });
        let (issuer, subject) = (other.issuer, other.subject);
        work.event(Some(user.tenant), Change::IdentityUnlinked { user: other.user, issuer, subject });
        work.audit(Some(user.tenant), "user.unlink", other.user, before, Value::Null).await?;
    }
    let identity = Identity {
        issuer: wanted.issuer.clone(),
        subject: subject.to_owned(),
        user: user.id,
        linked_at: work.now,
    };
    identities::insert(&mut work.tx, user.tenant, &identity).await?;
    work.event(
        Some(user.tenant),
        Change::IdentityLinked { user: user.id, issuer: wanted.issuer.clone(), subject: subject.to_owned() },
    );
    let after = json!({ "issuer": issuer, "subject": subject });
    work.audit(Some(user.tenant), "user.link", user.id, Value::Null, after).await
}
