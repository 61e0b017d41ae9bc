//! Who comes into a team and who leaves it. Each source keeps its own memberships: a user leaves when the last one says so.

use super::change::Work;
use super::users::living;
use super::{Actor, Directory, conflict, not_found};
use portcullis_fault::{Fault, codes};
use portcullis_model::event::Change;
use portcullis_model::team::{MOST_OF_A_USER, MembershipSource};
use portcullis_model::{Membership, Team, TeamId, UserId};
use portcullis_store::entity::{memberships, teams, users};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How many users come or go in one step.
const MOST: usize = 10_000;

/// Who comes into a team and who leaves it, in one step.
#[derive(Clone, Debug)]
pub struct MembersChange {
    /// Who comes.
    pub add: BTreeSet<UserId>,
    /// Who leaves.
    pub remove: BTreeSet<UserId>,
    /// Who says so. Who leaves is taken out as far as this source says that they are in it.
    pub source: MembershipSource,
    /// Whether who leaves is taken out whoever says that they are in it.
    pub whoever: bool,
}

/// Who came and who left, of those who were named; the rest were in it, or were not, already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MembersChanged {
    /// In it from now on.
    pub added: Vec<UserId>,
    /// No longer in it.
    pub removed: Vec<UserId>,
}

impl Directory {
    /// Lets users into a team and takes users out of it.
    ///
    /// # Errors
    /// No such team or user, a user of another tenant, one who is gone or in too many teams.
    pub async fn change_members(
        &self,
        actor: &Actor,
        team: TeamId,
        change: MembersChange,
    ) -> Result<MembersChanged, Fault> {
        let mut work = self.work(actor).await?;
        let team = teams::lock(&mut work.tx, team).await?.ok_or_else(|| not_found("team"))?;
        let changed = members_in(&mut work, &team, change).await?;
        work.done().await?;
        Ok(changed)
    }

    /// Lets a user into a team; whether it was not in it.
    ///
    /// # Errors
    /// As [`Directory::change_members`].
    pub async fn add_member(
        &self,
        actor: &Actor,
        team: TeamId,
        user: UserId,
        source: MembershipSource,
    ) -> Result<bool, Fault> {
        let change = MembersChange { add: [user].into(), remove: BTreeSet::new(), source, whoever: false };
        Ok(!self.change_members(actor, team, change).await?.added.is_empty())
    }

    /// Takes a user out of a team, as far as this source says so, or altogether; whether it was in it and is not any more.
    ///
    /// # Errors
    /// As [`Directory::change_members`].
    pub async fn remove_member(
        &self,
        actor: &Actor,
        team: TeamId,
        user: UserId,
        source: Option<MembershipSource>,
    ) -> Result<bool, Fault> {
        let change = MembersChange {
            add: BTreeSet::new(),
            remove: [user].into(),
            source: source.unwrap_or(MembershipSource::Manual),
            whoever: source.is_none(),
        };
        Ok(!self.change_members(actor, team, change).await?.removed.is_empty())
    }
}

/// Lets users into a team that is locked, and takes users out of it, within a transaction.
pub(super) async fn members_in(
    work: &mut Work<'_>,
    team: &Team,
    change: MembersChange,
) -> Result<MembersChanged, Fault> {
    let MembersChange { add, remove, source, whoever } = change;
    if source == MembershipSource::Token {
        return Err(Fault::new(codes::PARAMETER_INVALID)
            .detail("what a token says of teams holds for calls with that token and is not kept"));
    }
    if add.len() + remove.len() > MOST {
        return Err(Fault::new(codes::PARAMETER_INVALID)
            .detail(format!("at most {MOST} users come into a team or leave it in one step")));
    }
    let mut changed = MembersChanged::default();
    // In the order of ids, so that two of these that concern the same users wait for each other.
    for user in add.union(&remove) {
        let was = memberships::is_in(&mut work.tx, team.id, *user).await?;
        if add.contains(user) {
            if living(work, *user).await?.tenant != team.tenant {
                return Err(not_found("user"));
            }
            let membership = Membership { team: team.id, user: *user, source, since: work.now };
            memberships::insert(&mut work.tx, &membership).await?;
            if !was && memberships::count_by_user(&mut work.tx, *user).await? > MOST_OF_A_USER {
                return Err(conflict(format!(
                    "user {user} is in {MOST_OF_A_USER} teams, and that is the most"
                )));
            }
        } else {
            if users::lock(&mut work.tx, *user).await?.is_none_or(|user| user.tenant != team.tenant) {
                return Err(not_found("user"));
            }
            let whose = (!whoever).then_some(source);
            memberships::delete(&mut work.tx, team.id, *user, whose).await?;
        }
        let is = memberships::is_in(&mut work.tx, team.id, *user).await?;
        let (list, what) = match (was, is) {
            (false, true) => (&mut changed.added, "joined"),
            (true, false) => (&mut changed.removed, "left"),
            _ => continue,
        };
        list.push(*user);
        let change = Change::TeamChanged { user: *user, team: team.id, what: what.to_owned() };
        work.event(Some(team.tenant), change);
    }
    if changed != MembersChanged::default() {
        let after = json!({ "added": changed.added, "removed": changed.removed, "source": source });
        work.audit(Some(team.tenant), "team.members", team.id, Value::Null, after).await?;
    }
    Ok(changed)
}
