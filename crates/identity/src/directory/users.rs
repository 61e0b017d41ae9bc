//! The life of a user: made, suspended and restored, approved, deleted. A deleted user stays as a tombstone
//! with its identifiers, so that it is never made again by a token that is still around.

use super::change::Work;
use super::{Actor, Directory, conflict, not_found};
use crate::rules::Newcomer;
use portcullis_fault::{Fault, codes};
use portcullis_model::event::Change;
use portcullis_model::{Identity, Name, TenantId, User, UserId, UserStatus};
use portcullis_store::Error;
use portcullis_store::entity::identifiers::{self, Field};
use portcullis_store::entity::users::Lookup;
use portcullis_store::entity::{holdings, identities, memberships, tenants, users};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Whose user.
    pub tenant: TenantId,
    /// [`UserStatus::Active`] or [`UserStatus::Pending`].
    pub status: UserStatus,
    /// The id that the company's own systems know it by.
    pub external_id: Option<String>,
    /// Log-in name.
    pub username: Option<String>,
    /// Address.
    pub email: Option<String>,
    /// Whether somebody verified the address.
    pub email_verified: bool,
    /// For people to read.
    pub display_name: Option<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// Anything else.
    pub attributes: BTreeMap<String, String>,
    /// Subjects that are this user: (issuer's name, subject).
    pub identities: Vec<(Name, String)>,
}

/// What changes of a user; what is `None` stays. An inner `None` removes.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// The id that the company's own systems know it by.
    pub external_id: Option<Option<String>>,
    /// Log-in name.
    pub username: Option<Option<String>>,
    /// Address, and whether it was verified.
    pub email: Option<(Option<String>, bool)>,
    /// For people to read.
    pub display_name: Option<Option<String>>,
    /// Roles, all of them.
    pub roles: Option<Vec<String>>,
    /// Attributes, all of them.
    pub attributes: Option<BTreeMap<String, String>>,
}

/// What came of a newcomer.
pub(crate) enum Admission {
    /// It is a user now.
    Made(User),
    /// It was this user, who was deleted or merged: nobody is made again by a token that is still around.
    Barred(User),
}

impl Directory {
    /// Makes a user with its identities.
    ///
    /// # Errors
    /// An identifier that is taken, a tenant that is not there, a status that nobody begins with.
    pub async fn create_user(&self, actor: &Actor, new: NewUser) -> Result<User, Fault> {
        if !matches!(new.status, UserStatus::Active | UserStatus::Pending) {
            return Err(Fault::new(codes::PARAMETER_INVALID)
                .detail(format!("a user begins as `active` or `pending`, not as `{}`", new.status)));
        }
        let mut work = self.work(actor).await?;
        if tenants::find(&mut work.tx, new.tenant).await?.is_none() {
            return Err(not_found("tenant"));
        }
        let user = self.make(&mut work, actor, new).await?;
        work.done().await?;
        Ok(user)
    }

    /// Makes the user that a token tells of, unless it is one that is gone. A conflict means that somebody has the subject,
    /// or one of its names.
    pub(crate) async fn admit_newcomer(
        &self,
        actor: &Actor,
        tenant: TenantId,
        newcomer: &Newcomer,
        active: bool,
    ) -> Result<Admission, Error> {
        let mut work = self.work(actor).await?;
        if let Some(gone) = formerly(&mut work, tenant, newcomer).await? {
            work.tx.rollback().await?;
            return Ok(Admission::Barred(gone));
        }
        let new = NewUser {
            tenant,
            status: if active { UserStatus::Active } else { UserStatus::Pending },
            external_id: newcomer.external_id.clone(),
            username: newcomer.username.clone(),
            email: newcomer.email.clone(),
            email_verified: newcomer.email_verified,
            display_name: newcomer.display_name.clone(),
            roles: newcomer.roles.clone(),
            attributes: newcomer.attributes.clone(),
            // Whatever the rule looks up by: its uniqueness keeps two calls from making two users.
            identities: vec![newcomer.identity.clone()],
        };
        let user = self.make(&mut work, actor, new).await?;
        work.tx.commit().await?;
        Ok(Admission::Made(user))
    }

    pub(super) async fn make(&self, work: &mut Work<'_>, actor: &Actor, new: NewUser) -> Result<User, Error> {
        let user = User {
            id: UserId::generate(&*self.clock, &*self.rng),
            tenant: new.tenant,
            status: new.status,
            external_id: new.external_id,
            username: new.username,
            email: new.email,
            email_verified: new.email_verified,
            display_name: new.display_name,
            roles: new.roles,
            attributes: new.attributes,
            merged_into: None,
            status_changed_at: work.now,
            status_changed_by: actor.name.clone(),
            status_reason: None,
            created_at: work.now,
            updated_at: work.now,
        };
        users::insert(&mut work.tx, &user).await?;
        for (issuer, subject) in new.identities {
            let identity = Identity { issuer, subject, user: user.id, linked_at: work.now };
            identities::insert(&mut work.tx, user.tenant, &identity).await?;
        }
        work.event(Some(user.tenant), Change::User { user: user.id, what: "created".to_owned() });
        work.audit(Some(user.tenant), "user.create", user.id, Value::Null, shown(&user)).await?;
        Ok(user)
    }

    /// Changes what a user is called and has. Not its status.
    ///
    /// # Errors
    /// No such user, one that is gone, an identifier that is taken.
    pub async fn change_user(&self, actor: &Actor, id: UserId, change: UserChange) -> Result<User, Fault> {
        let mut work = self.work(actor).await?;
        let user = change_in(&mut work, id, change).await?;
        work.done().await?;
        Ok(user)
    }

    /// Bars an active user. One that is suspended already stays as it is.
    ///
    /// # Errors
    /// No such user, or one that is neither active nor suspended.
    pub async fn suspend(&self, actor: &Actor, id: UserId, reason: Option<String>) -> Result<User, Fault> {
        self.turn(actor, id, &[UserStatus::Active], UserStatus::Suspended, "suspended", reason).await
    }

    /// Lets a suspended user in again, or takes a merge back. One that is active already stays as it is.
    ///
    /// # Errors
    /// No such user, or one that is neither suspended, merged nor active.
    pub async fn restore(&self, actor: &Actor, id: UserId, reason: Option<String>) -> Result<User, Fault> {
        let user = users::find(&self.store, id).await?;
        if let Some(into) =
            user.filter(|user| user.status == UserStatus::Merged).and_then(|user| user.merged_into)
        {
            return self.unmerge(actor, id, into, reason).await;
        }
        self.turn(actor, id, &[UserStatus::Suspended], UserStatus::Active, "restored", reason).await
    }

    /// Lets a user in who waits for it. One that is active already stays as it is.
    ///
    /// # Errors
    /// No such user, or one that does not wait.
    pub async fn approve(&self, actor: &Actor, id: UserId, reason: Option<String>) -> Result<User, Fault> {
        self.turn(actor, id, &[UserStatus::Pending], UserStatus::Active, "approved", reason).await
    }

    /// Deletes a user for good. A tombstone stays, with its identifiers: no token makes this user again.
    ///
    /// # Errors
    /// No such user, or one that was merged into another.
    pub async fn delete(&self, actor: &Actor, id: UserId, reason: Option<String>) -> Result<User, Fault> {
        let from = [UserStatus::Active, UserStatus::Pending, UserStatus::Suspended];
        self.turn(actor, id, &from, UserStatus::Deleted, "deleted", reason).await
    }

    async fn turn(
        &self,
        actor: &Actor,
        id: UserId,
        from: &[UserStatus],
        to: UserStatus,
        what: &'static str,
        reason: Option<String>,
    ) -> Result<User, Fault> {
        let mut work = self.work(actor).await?;
        let user = turn_in(&mut work, actor, id, from, to, what, reason).await?;
        work.done().await?;
        Ok(user)
    }

    /// Makes a subject this user's.
    ///
    /// # Errors
    /// No such user, one that is gone, or a subject that is somebody's.
    pub async fn link_identity(
        &self,
        actor: &Actor,
        id: UserId,
        issuer: Name,
        subject: String,
    ) -> Result<Identity, Fault> {
        let mut work = self.work(actor).await?;
        let identity = link_in(&mut work, id, issuer, subject).await?;
        work.done().await?;
        Ok(identity)
    }

    /// Takes a subject from its user, who keeps it as a past one. Who comes with it is unknown from then on, and may be
    /// made anew where the issuer's rule says so, unless the user was deleted or merged.
    ///
    /// # Errors
    /// The subject is not this user's.
    pub async fn unlink_identity(
        &self,
        actor: &Actor,
        id: UserId,
        issuer: &Name,
        subject: &str,
    ) -> Result<(), Fault> {
        let mut work = self.work(actor).await?;
        let user = users::lock(&mut work.tx, id).await?.ok_or_else(|| not_found("user"))?;
        let linked = identities::find(&mut work.tx, user.tenant, issuer.as_str(), subject).await?;
        if linked.is_none_or(|identity| identity.user != id) {
            return Err(Fault::new(codes::RESOURCE_NOT_FOUND).detail(format!(
                "no subject `{}` of `{issuer}` is linked to user {id}; what is, is told with the user itself",
                subject.escape_debug()
            )));
        }
        identities::delete(&mut work.tx, user.tenant, issuer.as_str(), subject, work.now).await?;
        let (issuer, subject) = (issuer.clone(), subject.to_owned());
        let before = json!({ "issuer": issuer, "subject": subject });
        work.event(Some(user.tenant), Change::IdentityUnlinked { user: id, issuer, subject });
        work.audit(Some(user.tenant), "user.unlink", id, before, Value::Null).await?;
        work.done().await
    }
}

/// Changes a user within a transaction.
pub(super) async fn change_in(work: &mut Work<'_>, id: UserId, change: UserChange) -> Result<User, Fault> {
    let before = living(work, id).await?;
    let mut user = before.clone();
    let UserChange { external_id, username, email, display_name, roles, attributes } = change;
    user.external_id = external_id.unwrap_or(user.external_id);
    user.username = username.unwrap_or(user.username);
    (user.email, user.email_verified) = email.unwrap_or((user.email, user.email_verified));
    user.display_name = display_name.unwrap_or(user.display_name);
    user.roles = roles.unwrap_or(user.roles);
    user.attributes = attributes.unwrap_or(user.attributes);
    if user == before {
        return Ok(user);
    }
    user.updated_at = work.now;
    users::update(&mut work.tx, &user).await?;
    let (roles_before, roles) = (before.roles.clone(), user.roles.clone());
    if roles_before != roles {
        let change = Change::RoleChanged { user: id, before: roles_before, after: roles };
        work.event(Some(user.tenant), change);
    }
    // Whether anything else is different.
    let otherwise = User { roles: user.roles.clone(), updated_at: user.updated_at, ..before.clone() };
    if otherwise != user {
        work.event(Some(user.tenant), Change::User { user: id, what: "changed".to_owned() });
    }
    work.audit(Some(user.tenant), "user.change", id, shown(&before), shown(&user)).await?;
    Ok(user)
}

/// Moves a user on in its life, within a transaction.
pub(super) async fn turn_in(
    work: &mut Work<'_>,
    actor: &Actor,
    id: UserId,
    from: &[UserStatus],
    to: UserStatus,
    what: &'static str,
    reason: Option<String>,
) -> Result<User, Fault> {
    let before = users::lock(&mut work.tx, id).await?.ok_or_else(|| not_found("user"))?;
    if before.status == to {
        return Ok(before);
    }
    if !from.contains(&before.status) {
        return Err(conflict(format!("the user is {}, and so cannot be {what}", before.status)));
    }
    let mut user = before.clone();
    enter(&mut user, to, work, actor, reason);
    users::update(&mut work.tx, &user).await?;
    if to == UserStatus::Deleted {
        // A tombstone is in no team, and has nothing at providers.
        memberships::delete_by_user(&mut work.tx, id).await?;
        holdings::forget_user(&mut work.tx, id).await?;
    }
    work.event(Some(user.tenant), Change::User { user: id, what: what.to_owned() });
    let action = match to {
        UserStatus::Suspended => "user.suspend",
        UserStatus::Deleted => "user.delete",
        _ if what == "approved" => "user.approve",
        _ => "user.restore",
    };
    work.audit(Some(user.tenant), action, id, shown(&before), shown(&user)).await?;
    Ok(user)
}

/// Links a subject within a transaction.
pub(super) async fn link_in(
    work: &mut Work<'_>,
    id: UserId,
    issuer: Name,
    subject: String,
) -> Result<Identity, Fault> {
    let user = living(work, id).await?;
    let identity =
        Identity { issuer: issuer.clone(), subject: subject.clone(), user: id, linked_at: work.now };
    identities::insert(&mut work.tx, user.tenant, &identity).await?;
    let after = json!({ "issuer": issuer, "subject": subject });
    work.event(Some(user.tenant), Change::IdentityLinked { user: id, issuer, subject });
    work.audit(Some(user.tenant), "user.link", id, Value::Null, after).await?;
    Ok(identity)
}

/// The user, deleted or merged, whom a newcomer's subject meant once, before it was renamed or unlinked.
async fn formerly(work: &mut Work<'_>, tenant: TenantId, newcomer: &Newcomer) -> Result<Option<User>, Error> {
    let (issuer, subject) = &newcomer.identity;
    let mut asked = vec![(Field::Identity, Some(issuer), subject)];
    match &newcomer.by {
        Some(Lookup::ExternalId(value)) => asked.push((Field::ExternalId, None, value)),
        Some(Lookup::Username(value)) => asked.push((Field::Username, None, value)),
        Some(Lookup::Attribute { name, value }) => asked.push((Field::Attribute(name.clone()), None, value)),
        Some(Lookup::Identity { .. } | Lookup::Id(_)) | None => {}
    }
    for (field, issuer, value) in asked {
        for past in identifiers::past(&mut work.tx, tenant, &field, issuer, value).await? {
            let user = users::find(&mut work.tx, past.user).await?;
            let gone = user.filter(|user| matches!(user.status, UserStatus::Deleted | UserStatus::Merged));
            if gone.is_some() {
                return Ok(gone);
            }
        }
    }
    Ok(None)
}

pub(super) fn enter(
    user: &mut User,
    status: UserStatus,
    work: &Work<'_>,
    actor: &Actor,
    reason: Option<String>,
) {
    user.status = status;
    user.status_changed_at = work.now;
    user.status_changed_by.clone_from(&actor.name);
    user.status_reason = reason;
    user.updated_at = work.now;
}

/// A user that is there and neither deleted nor merged, kept from others.
pub(super) async fn living(work: &mut Work<'_>, id: UserId) -> Result<User, Fault> {
    let user = users::lock(&mut work.tx, id).await?.ok_or_else(|| not_found("user"))?;
    match user.status {
        UserStatus::Deleted | UserStatus::Merged => Err(conflict(format!("the user is {}", user.status))),
        UserStatus::Active | UserStatus::Pending | UserStatus::Suspended => Ok(user),
    }
}

/// As the audit log shows it.
pub(super) fn shown(user: &User) -> Value {
    json!({
        "status": user.status,
        "external_id": user.external_id,
        "username": user.username,
        "email": user.email,
        "email_verified": user.email_verified,
        "display_name": user.display_name,
        "roles": user.roles,
        "attributes": user.attributes,
        "merged_into": user.merged_into,
        "reason": user.status_reason,
    })
}
