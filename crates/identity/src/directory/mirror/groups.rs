//! A person's groups as memberships: of the teams whose external id is the group's name. Groups that no team is called by
//! are nothing to us, and what others say of memberships stays.

use crate::directory::Directory;
use crate::directory::change::Work;
use crate::sources::foreign::Person;
use portcullis_model::event::Change;
use portcullis_model::team::{MOST_OF_A_USER, MembershipSource};
use portcullis_model::{Membership, Team, TeamId, TenantId, UserId};
use portcullis_store::Error;
use portcullis_store::entity::{memberships, teams};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Where a user's memberships, as far as the source says so, differ from the person's groups.
#[derive(Default)]
pub(super) struct Difference {
    join: BTreeSet<TeamId>,
    leave: BTreeSet<TeamId>,
}

/// The teams of a difference, locked.
pub(super) struct Locked {
    join: Vec<Team>,
    leave: Vec<Team>,
}

impl Difference {
    /// Of a user, or of one who is to be made. None where the source says nothing of groups.
    pub async fn of(
        directory: &Directory,
        tenant: TenantId,
        user: Option<UserId>,
        person: &Person,
    ) -> Result<Self, Error> {
        let Some(groups) = &person.groups else { return Ok(Self::default()) };
        let wanted: BTreeSet<TeamId> =
            teams::ids_of_external(&directory.store, tenant, groups).await?.into_iter().collect();
        let held = match user {
            Some(user) => memberships::list_by_user(&directory.store, user).await?,
            None => Vec::new(),
        };
        let held: BTreeSet<TeamId> = held
            .into_iter()
            .filter(|membership| membership.source == MembershipSource::Sync)
            .map(|membership| membership.team)
            .collect();
        Ok(Self {
            join: wanted.difference(&held).copied().collect(),
            leave: held.difference(&wanted).copied().collect(),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.join.is_empty() && self.leave.is_empty()
    }

    /// Locks the teams, in the order of their ids: before any user is locked, as whoever changes members does.
    pub async fn lock(self, work: &mut Work<'_>) -> Result<Locked, Error> {
        let mut locked = Locked { join: Vec::new(), leave: Vec::new() };
        for id in self.join.union(&self.leave) {
            // One that is gone meanwhile has no members.
            let Some(team) = teams::lock(&mut work.tx, *id).await? else { continue };
            match self.join.contains(id) {
                true => locked.join.push(team),
                false => locked.leave.push(team),
            }
        }
        Ok(locked)
    }
}

impl Locked {
    /// Makes the difference good; whether that changed in which teams the user is.
    pub async fn settle(self, work: &mut Work<'_>, user: UserId) -> Result<bool, Error> {
        let mut changed = false;
        for team in self.leave {
            memberships::delete(&mut work.tx, team.id, user, Some(MembershipSource::Sync)).await?;
            // An operator or a SCIM client may say so too.
            if !memberships::is_in(&mut work.tx, team.id, user).await? {
                told(work, &team, user, "left").await?;
                changed = true;
            }
        }
        for team in self.join {
            let was = memberships::is_in(&mut work.tx, team.id, user).await?;
            if !was && memberships::count_by_user(&mut work.tx, user).await? >= MOST_OF_A_USER {
                tracing::warn!(
                    %user,
                    team = %team.name,
                    "the user is in {MOST_OF_A_USER} teams already, and that is the most; not in those of further groups"
                );
                break;
            }
            let membership =
                Membership { team: team.id, user, source: MembershipSource::Sync, since: work.now };
            memberships::insert(&mut work.tx, &membership).await?;
            if !was {
                told(work, &team, user, "joined").await?;
                changed = true;
            }
        }
        Ok(changed)
    }
}

async fn told(work: &mut Work<'_>, team: &Team, user: UserId, what: &str) -> Result<(), Error> {
    work.event(Some(team.tenant), Change::TeamChanged { user, team: team.id, what: what.to_owned() });
    let (added, removed): (&[UserId], &[UserId]) =
        if what == "joined" { (&[user], &[]) } else { (&[], &[user]) };
    let after = json!({ "added": added, "removed": removed, "source": MembershipSource::Sync });
    work.audit(Some(team.tenant), "team.members", team.id, Value::Null, after).await
}

impl Directory {
    /// The teams that a user would be in if the person's groups were made memberships now, with all those above, and whether
    /// by itself. Nothing where the source says nothing of groups. Changes nothing.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn would_be_in(
        &self,
        tenant: TenantId,
        user: UserId,
        person: &Person,
    ) -> Result<Option<Vec<(Team, bool)>>, Error> {
        let Some(groups) = &person.groups else { return Ok(None) };
        let held = memberships::list_by_user(&self.store, user).await?.into_iter();
        let kept = held.filter(|membership| membership.source != MembershipSource::Sync);
        let mut direct: BTreeSet<TeamId> = kept.map(|membership| membership.team).collect();
        direct.extend(teams::ids_of_external(&self.store, tenant, groups).await?);
        if direct.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let all = teams::list_all(&self.store, tenant).await?;
        let parents: BTreeMap<TeamId, Option<TeamId>> =
            all.iter().map(|team| (team.id, team.parent)).collect();
        let mut above: BTreeSet<TeamId> = BTreeSet::new();
        for team in &direct {
            let mut next = Some(*team);
            // Who is in it already has those above as well: so this ends in a circle too.
            while let Some(id) = next.filter(|id| above.insert(*id)) {
                next = parents.get(&id).copied().flatten();
            }
        }
        let all = all.into_iter().filter(|team| above.contains(&team.id)).map(|team| {
            let by_itself = direct.contains(&team.id);
            (team, by_itself)
        });
        Ok(Some(all.collect()))
    }
}
