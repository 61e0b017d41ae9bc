//! Users and teams that a SCIM client feeds. What the client says is kept as it said it, beside what the directory makes of
//! it; both change in one transaction, with event and audit entry.
//!
//! A client sees what its source feeds and what nobody feeds; the latter is its own from its first change on. What another
//! source feeds does not exist for it. What our operators decided stays: who was suspended by one of them is not let in by
//! a client, and a role or membership that an operator gave is not the client's to take.
//!
//! Tombstones: an external id that was a deleted or merged user's makes no new user. A user name may be given on to somebody
//! else when this source deleted its user and both have external ids, and they differ: else the two may be one person.

use super::change::Work;
use super::members::members_in;
use super::mirror::rename_away;
use super::teams::{NewTeam, TeamChange, change_team_in, held, hold, remove_in};
use super::users::{NewUser, UserChange, change_in, turn_in};
use super::{Actor, Directory, MembersChange, conflict, not_found};
use portcullis_fault::{Fault, codes};
use portcullis_model::event::Change;
use portcullis_model::team::{self, MembershipSource, TeamOrigin};
use portcullis_model::{Name, Team, TeamId, TenantId, Timestamp, User, UserId, UserStatus};
use portcullis_store::Page;
use portcullis_store::entity::identifiers::{self, Field};
use portcullis_store::entity::provisioned::{self, Provisioned};
use portcullis_store::entity::users::Lookup;
use portcullis_store::entity::{identities, memberships, teams, users};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Who feeds the directory: a source of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Whose users and teams.
    pub tenant: TenantId,
    /// The source.
    pub source: Name,
}

/// A user as a client says it is.
#[derive(Clone, Debug)]
pub struct ProvisionedUser {
    /// The id that the company's own systems know it by.
    pub external_id: Option<String>,
    /// Log-in name.
    pub username: Option<String>,
    /// Address.
    pub email: Option<String>,
    /// For people to read.
    pub display_name: Option<String>,
    /// The roles that the source gives, until now and from now on; others stay.
    pub roles: (Vec<String>, Vec<String>),
    /// The attributes that the source sets or, without a value, removes; others stay.
    pub attributes: BTreeMap<String, Option<String>>,
    /// Whether it may call, as far as the source is concerned.
    pub active: bool,
    /// All that was said.
    pub document: Map<String, Value>,
}

/// A team as a client says it is.
#[derive(Clone, Debug)]
pub struct ProvisionedTeam {
    /// For people to read; the name that policies use is made of it once, and stays.
    pub display_name: String,
    /// The id that the company's own systems know it by.
    pub external_id: Option<String>,
    /// Who comes.
    pub add: BTreeSet<UserId>,
    /// Who leaves, as far as SCIM clients say that they are in it.
    pub remove: BTreeSet<UserId>,
    /// What else was said.
    pub document: Map<String, Value>,
}

/// A user or a team, and what was said of it.
#[derive(Clone, Debug)]
pub struct Fed<T> {
    /// As the directory has it.
    pub record: T,
    /// As it was said; nothing when nobody feeds it.
    pub said: Option<Provisioned>,
}

/// Which state of a record somebody has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When the record was last changed.
    pub at: Timestamp,
    /// How often its source changed it.
    pub revision: i64,
    /// Members whom SCIM clients put in, and when the last of them came; teams only.
    pub members: Option<(u64, Timestamp)>,
}

impl Fed<User> {
    /// Its state.
    pub fn seen(&self) -> Seen {
        Seen { at: self.record.updated_at, revision: revision(self.said.as_ref()), members: None }
    }
}

impl Fed<Team> {
    /// Its state, with these members.
    pub fn seen(&self, members: Option<(u64, Timestamp)>) -> Seen {
        Seen { at: self.record.updated_at, revision: revision(self.said.as_ref()), members }
    }
}

fn revision(said: Option<&Provisioned>) -> i64 {
    said.map_or(0, |said| said.revision)
}

/// Why a user is suspended by its source.
const INACTIVE: &str = "inactive at the source";

/// Whether a SCIM client did something, by the name of who did.
fn by_client(actor: &str) -> bool {
    actor.starts_with("scim:")
}

impl Directory {
    /// Makes a user.
    ///
    /// # Errors
    /// A name or id that is taken, by a tombstone too; a tenant that is not there; what cannot be stored.
    pub async fn provision_user(
        &self,
        actor: &Actor,
        feed: &Feed,
        new: ProvisionedUser,
    ) -> Result<Fed<User>, Fault> {
        let mut work = self.work(actor).await?;
        // Names are compared in upper and lower case alike, which no index sees to.
        hold(&mut work, feed.tenant).await?;
        take_external_id(&mut work, feed, None, new.external_id.as_deref()).await?;
        take_username(&mut work, feed, None, &new).await?;
        let made = NewUser {
            tenant: feed.tenant,
            status: UserStatus::Active,
            external_id: new.external_id,
            username: new.username,
            email: new.email,
            email_verified: false,
            display_name: new.display_name,
            roles: without_repeats(new.roles.1),
            attributes: new.attributes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            identities: Vec::new(),
        };
        let mut user = self.make(&mut work, actor, made).await?;
        if !new.active {
            let (from, reason) = ([UserStatus::Active], Some(INACTIVE.to_owned()));
            user =
                turn_in(&mut work, actor, user.id, &from, UserStatus::Suspended, "suspended", reason).await?;
        }
        let said = say(&mut work, feed, user.id.0, None, new.document).await?;
        work.done().await?;
        Ok(Fed { record: user, said: Some(said) })
    }

    /// Changes a user, if it still is as it was `seen`; nothing when it is not.
    ///
    /// # Errors
    /// As [`Directory::provision_user`]; no such user.
    pub async fn reprovision_user(
        &self,
        actor: &Actor,
        feed: &Feed,
        id: UserId,
        seen: Seen,
        wanted: ProvisionedUser,
    ) -> Result<Option<Fed<User>>, Fault> {
        let mut work = self.work(actor).await?;
        hold(&mut work, feed.tenant).await?;
        let before = fed_user(&mut work, feed, id).await?;
        if before.seen() != seen {
            work.tx.rollback().await?;
            return Ok(None);
        }
        let user = &before.record;
        if wanted.external_id != user.external_id {
            take_external_id(&mut work, feed, Some(id), wanted.external_id.as_deref()).await?;
        }
        if wanted.username != user.username {
            take_username(&mut work, feed, Some(id), &wanted).await?;
        }
        let (until_now, from_now) = wanted.roles;
        let kept = user.roles.iter().filter(|role| !until_now.contains(role)).cloned();
        let roles = without_repeats(kept.chain(from_now).collect());
        let mut attributes = user.attributes.clone();
        for (name, value) in wanted.attributes {
            match value {
                Some(value) => attributes.insert(name, value),
                None => attributes.remove(&name),
            };
        }
        let verified = user.email_verified && wanted.email == user.email;
        let change = UserChange {
            external_id: Some(wanted.external_id),
            username: Some(wanted.username),
            email: Some((wanted.email, verified)),
            display_name: Some(wanted.display_name),
            roles: Some(roles),
            attributes: Some(attributes),
        };
        let mut after = change_in(&mut work, id, change).await?;
        let changed = after != before.record;
        let stands = match (after.status, wanted.active) {
            (UserStatus::Active, false) => Some((UserStatus::Suspended, "suspended")),
            (UserStatus::Pending, true) => Some((UserStatus::Active, "approved")),
            // Who was suspended by somebody else stays so.
            (UserStatus::Suspended, true) if by_client(&after.status_changed_by) => {
                Some((UserStatus::Active, "restored"))
            }
            _ => None,
        };
        if let Some((to, what)) = stands {
            let reason = (to == UserStatus::Suspended).then(|| INACTIVE.to_owned());
            after = turn_in(&mut work, actor, id, &[after.status], to, what, reason).await?;
        }
        let said_before = before.said.as_ref().map(|said| &said.document);
        if !changed && stands.is_none() && said_before == Some(&wanted.document) {
            work.tx.rollback().await?;
            return Ok(Some(before));
        }
        if !changed && stands.is_none() {
            // Only what the directory itself makes nothing of.
            work.event(Some(feed.tenant), Change::User { user: id, what: "changed".to_owned() });
            let (was, is) = (json!({ "said": said_before }), json!({ "said": wanted.document }));
            work.audit(Some(feed.tenant), "user.change", id, was, is).await?;
        }
        let said = say(&mut work, feed, id.0, before.said.as_ref(), wanted.document).await?;
        work.done().await?;
        Ok(Some(Fed { record: after, said: Some(said) }))
    }

    /// Deletes a user, if it still is as it was `seen`; whether it was.
    ///
    /// # Errors
    /// No such user.
    pub async fn deprovision_user(
        &self,
        actor: &Actor,
        feed: &Feed,
        id: UserId,
        seen: Seen,
    ) -> Result<bool, Fault> {
        let mut work = self.work(actor).await?;
        let before = fed_user(&mut work, feed, id).await?;
        if before.seen() != seen {
            work.tx.rollback().await?;
            return Ok(false);
        }
        let from = [UserStatus::Active, UserStatus::Pending, UserStatus::Suspended];
        let reason = Some("deleted at the source".to_owned());
        turn_in(&mut work, actor, id, &from, UserStatus::Deleted, "deleted", reason).await?;
        let document = before.said.as_ref().map(|said| said.document.clone()).unwrap_or_default();
        // Whose tombstone it is.
        say(&mut work, feed, id.0, before.said.as_ref(), document).await?;
        work.done().await?;
        Ok(true)
    }

    /// Makes a team with its members.
    ///
    /// # Errors
    /// An external id that is taken, a member who is not there, too many teams or members.
    pub async fn provision_team(
        &self,
        actor: &Actor,
        feed: &Feed,
        new: ProvisionedTeam,
    ) -> Result<Fed<Team>, Fault> {
        let mut work = self.work(actor).await?;
        hold(&mut work, feed.tenant).await?;
        if let Some(other) = shown_as(&mut work, feed, &new.display_name, None).await? {
            return Err(conflict(format!("team {other} is shown as this already: `{}`", new.display_name)));
        }
        let name = free_name(&mut work, self, feed.tenant, &new.display_name).await?;
        let made = NewTeam {
            tenant: feed.tenant,
            name,
            display_name: Some(new.display_name),
            parent: None,
            external_id: new.external_id,
            origin: TeamOrigin::Scim,
        };
        let team = self.make_team(&mut work, made).await?;
        let change = MembersChange {
            add: new.add,
            remove: BTreeSet::new(),
            source: MembershipSource::Scim,
            whoever: false,
        };
        seen_members(&mut work, feed, &change.add).await?;
        members_in(&mut work, &team, change).await?;
        let said = say(&mut work, feed, team.id.0, None, new.document).await?;
        work.done().await?;
        Ok(Fed { record: team, said: Some(said) })
    }

    /// Changes a team, if it still is as it was `seen`; nothing when it is not. Members are compared only when `seen` says
    /// any: else two clients that each add somebody do not wait for each other.
    ///
    /// # Errors
    /// As [`Directory::provision_team`]; no such team.
    pub async fn reprovision_team(
        &self,
        actor: &Actor,
        feed: &Feed,
        id: TeamId,
        seen: Seen,
        wanted: ProvisionedTeam,
    ) -> Result<Option<Fed<Team>>, Fault> {
        let mut work = self.work(actor).await?;
        let before = fed_team(&mut work, feed, id).await?;
        if !stands_as(&mut work, &before, seen).await? {
            work.tx.rollback().await?;
            return Ok(None);
        }
        if before.record.display_name.as_deref() != Some(&wanted.display_name)
            && let Some(other) = shown_as(&mut work, feed, &wanted.display_name, Some(id)).await?
        {
            return Err(conflict(format!(
                "team {other} is shown as this already: `{}`",
                wanted.display_name
            )));
        }
        let shown =
            before.record.display_name.is_some() || *before.record.name.as_str() != *wanted.display_name;
        let change = TeamChange {
            name: None,
            display_name: shown.then_some(Some(wanted.display_name)),
            parent: None,
            external_id: Some(wanted.external_id),
        };
        let team = change_team_in(&mut work, before.record.clone(), change).await?;
        let change = MembersChange {
            add: wanted.add,
            remove: wanted.remove,
            source: MembershipSource::Scim,
            whoever: false,
        };
        seen_members(&mut work, feed, &change.add).await?;
        members_in(&mut work, &team, change).await?;
        let said_before = before.said.as_ref().map(|said| &said.document);
        let said = if team == before.record && said_before == Some(&wanted.document) {
            before.said
        } else {
            Some(say(&mut work, feed, id.0, before.said.as_ref(), wanted.document).await?)
        };
        work.done().await?;
        Ok(Some(Fed { record: team, said }))
    }

    /// Deletes a team and takes everybody out of it, if it still is as it was `seen`; whether it was.
    ///
    /// # Errors
    /// No such team; teams below it.
    pub async fn deprovision_team(
        &self,
        actor: &Actor,
        feed: &Feed,
        id: TeamId,
        seen: Seen,
    ) -> Result<bool, Fault> {
        let mut work = self.work(actor).await?;
        let before = fed_team(&mut work, feed, id).await?;
        if !stands_as(&mut work, &before, seen).await? {
            work.tx.rollback().await?;
            return Ok(false);
        }
        let below = teams::Filter { parent: Some(id), ..teams::Filter::default() };
        if let Some(below) = teams::list(&mut work.tx, &below, Page::first(1)).await?.pop() {
            return Err(conflict(format!(
                "team `{}` is a part of this one, made by an operator; have it moved or deleted first",
                below.name
            )));
        }
        remove_in(&mut work, &before.record).await?;
        work.done().await?;
        Ok(true)
    }
}

fn without_repeats(roles: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    roles.into_iter().filter(|role| seen.insert(role.clone())).collect()
}

/// Keeps what was said.
async fn say(
    work: &mut Work<'_>,
    feed: &Feed,
    id: uuid::Uuid,
    before: Option<&Provisioned>,
    document: Map<String, Value>,
) -> Result<Provisioned, Fault> {
    let said = Provisioned {
        id,
        tenant: feed.tenant,
        source: feed.source.clone(),
        revision: revision(before) + 1,
        document,
        updated_at: work.now,
    };
    provisioned::put(&mut work.tx, &said).await?;
    Ok(said)
}

/// A user whom the feed sees, kept from others.
async fn fed_user(work: &mut Work<'_>, feed: &Feed, id: UserId) -> Result<Fed<User>, Fault> {
    let user = users::lock(&mut work.tx, id).await?.ok_or_else(|| not_found("user"))?;
    let gone = matches!(user.status, UserStatus::Deleted | UserStatus::Merged);
    if gone || user.tenant != feed.tenant {
        return Err(not_found("user"));
    }
    let said = provisioned::find(&mut work.tx, id.0).await?;
    let seen = match &said {
        Some(said) => said.source == feed.source,
        None => {
            let linked = identities::list_by_user(&mut work.tx, id).await?;
            !linked.iter().any(|identity| identity.issuer.as_str().starts_with("source:"))
        }
    };
    if seen { Ok(Fed { record: user, said }) } else { Err(not_found("user")) }
}

/// A team that the feed sees, in a tenant that is held.
async fn fed_team(work: &mut Work<'_>, feed: &Feed, id: TeamId) -> Result<Fed<Team>, Fault> {
    let found = teams::find(&mut work.tx, id).await?;
    if found.is_none_or(|team| team.tenant != feed.tenant) {
        return Err(not_found("team"));
    }
    let team = held(work, id).await?;
    let said = provisioned::find(&mut work.tx, id.0).await?;
    let seen = match &said {
        Some(said) => said.source == feed.source,
        None => team.origin == TeamOrigin::Api,
    };
    if seen { Ok(Fed { record: team, said }) } else { Err(not_found("team")) }
}

async fn stands_as(work: &mut Work<'_>, team: &Fed<Team>, seen: Seen) -> Result<bool, Fault> {
    let members = match seen.members {
        Some(_) => Some(memberships::state(&mut work.tx, team.record.id, MembershipSource::Scim).await?),
        None => None,
    };
    Ok(team.seen(members) == seen)
}

/// Refuses members whom the feed does not see: they do not exist for it.
async fn seen_members(work: &mut Work<'_>, feed: &Feed, users: &BTreeSet<UserId>) -> Result<(), Fault> {
    for user in users {
        match fed_user(work, feed, *user).await {
            Ok(_) => {}
            Err(fault) if fault.code() == codes::RESOURCE_NOT_FOUND => {
                return Err(Fault::new(codes::PARAMETER_INVALID)
                    .detail(format!("`members`: there is no such user: `{user}`")));
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

/// Passes when an external id is free.
async fn take_external_id(
    work: &mut Work<'_>,
    feed: &Feed,
    own: Option<UserId>,
    external_id: Option<&str>,
) -> Result<(), Fault> {
    let Some(value) = external_id else { return Ok(()) };
    let lookup = Lookup::ExternalId(value.to_owned());
    let mut holders = users::resolve(&mut work.tx, feed.tenant, &lookup).await?;
    for past in identifiers::past(&mut work.tx, feed.tenant, &Field::ExternalId, None, value).await? {
        let user = users::find(&mut work.tx, past.user).await?;
        // A living user may have had it and lost it; a tombstone had it last.
        holders.extend(user.filter(|user| matches!(user.status, UserStatus::Deleted | UserStatus::Merged)));
    }
    let Some(holder) = holders.into_iter().find(|holder| Some(holder.id) != own) else { return Ok(()) };
    Err(match holder.status {
        UserStatus::Deleted | UserStatus::Merged => conflict(format!(
            "`externalId` is that of user {}, who was {} at {} by {}, and nobody is made again under it; provision them with a new `externalId`: `{value}`",
            holder.id,
            holder.status,
            holder.status_changed_at.rfc3339(),
            holder.status_changed_by
        )),
        _ => conflict(format!("`externalId` is another user's already: `{value}`")),
    })
}

/// Passes when a user name is free, or can be given on.
async fn take_username(
    work: &mut Work<'_>,
    feed: &Feed,
    own: Option<UserId>,
    wanted: &ProvisionedUser,
) -> Result<(), Fault> {
    let Some(name) = &wanted.username else { return Ok(()) };
    for holder in provisioned::named(&mut work.tx, feed.tenant, name).await? {
        if Some(holder.id) == own {
            continue;
        }
        if holder.status != UserStatus::Deleted {
            let what = if holder.status == UserStatus::Merged { "a merged" } else { "another" };
            return Err(conflict(format!("`userName` is {what} user's already: `{name}`")));
        }
        let told_apart = holder.external_id.is_some()
            && wanted.external_id.is_some()
            && holder.external_id != wanted.external_id;
        let said = provisioned::find(&mut work.tx, holder.id.0).await?;
        let ours =
            by_client(&holder.status_changed_by) && said.is_some_and(|said| said.source == feed.source);
        if !(told_apart && ours) {
            return Err(conflict(format!(
                "`userName` is that of user {}, who was deleted at {} by {}; it is given on only to somebody with another `externalId`, and only where this source deleted the former user: `{name}`",
                holder.id,
                holder.status_changed_at.rfc3339(),
                holder.status_changed_by
            )));
        }
        rename_away(work, holder).await?;
    }
    Ok(())
}

/// Another team that the feed sees under this name.
async fn shown_as(
    work: &mut Work<'_>,
    feed: &Feed,
    name: &str,
    own: Option<TeamId>,
) -> Result<Option<TeamId>, Fault> {
    let asked = provisioned::Teams {
        shown: Some(name.to_owned()),
        ..provisioned::Teams::of(feed.tenant, &feed.source)
    };
    let found = provisioned::list_teams(&mut work.tx, &asked).await?;
    Ok(found.into_iter().map(|(team, _)| team.id).find(|id| Some(*id) != own))
}

/// The name that policies will use for a team that is shown as `text`: made of it, and told apart from those that are there.
async fn free_name(
    work: &mut Work<'_>,
    directory: &Directory,
    tenant: TenantId,
    text: &str,
) -> Result<Name, Fault> {
    let mut entropy = [0; 4];
    directory.rng.fill(&mut entropy);
    let suffix: String = entropy.iter().map(|byte| format!("{byte:02x}")).collect();
    let base = team::name_for(text);
    if let Some(name) = &base
        && teams::find_by_name(&mut work.tx, tenant, name.as_str()).await?.is_none()
    {
        return Ok(name.clone());
    }
    let stem = base.as_ref().map_or("group", Name::as_str);
    Name::new(&format!("{stem}-{suffix}")).map_err(conflict)
}
