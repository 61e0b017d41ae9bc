//! A person's groups as memberships: of the teams whose external id is the group's name. Groups that no team is called by
//! are nothing to us.

use super::Stop;
use crate::directory::{Actor, Directory};
use crate::sources::foreign::identity_of;
use portcullis_model::team::MembershipSource;
use portcullis_model::{Name, TeamId, TenantId, User};
use portcullis_store::entity::{memberships, teams};
use std::collections::{BTreeSet, HashMap};

pub(super) struct Teams<'a> {
    directory: &'a Directory,
    /// The teams of groups that were met in this run; nothing for groups without one.
    known: HashMap<String, Option<TeamId>>,
}

/// Groups of one run that are remembered.
const MOST: usize = 20_000;

impl<'a> Teams<'a> {
    pub fn new(directory: &'a Directory) -> Self {
        Self { directory, known: HashMap::new() }
    }

    /// Makes the user's memberships, as far as synchronisation says so, those of these groups. Why not, when it is the
    /// directory's rules.
    pub async fn settle(
        &mut self,
        source: &Name,
        user: &User,
        groups: &[String],
    ) -> Result<Result<(), String>, Stop> {
        let mut wanted = BTreeSet::new();
        for group in groups {
            wanted.extend(self.team(user.tenant, group).await?);
        }
        let held = memberships::list_by_user(self.directory.store(), user.id).await?;
        let held: BTreeSet<TeamId> = held
            .into_iter()
            .filter(|membership| membership.source == MembershipSource::Sync)
            .map(|membership| membership.team)
            .collect();
        let actor = Actor::new(identity_of(source).to_string(), "sync");
        for team in wanted.difference(&held) {
            let added = self.directory.add_member(&actor, *team, user.id, MembershipSource::Sync).await;
            if let Err(fault) = added {
                return Ok(Err(format!("team {team}: {}", fault.public_detail())));
            }
        }
        for team in held.difference(&wanted) {
            let removed =
                self.directory.remove_member(&actor, *team, user.id, Some(MembershipSource::Sync)).await;
            if let Err(fault) = removed {
                return Ok(Err(format!("team {team}: {}", fault.public_detail())));
            }
        }
        Ok(Ok(()))
    }

    async fn team(&mut self, tenant: TenantId, group: &str) -> Result<Option<TeamId>, Stop> {
        if let Some(known) = self.known.get(group) {
            return Ok(*known);
        }
        let team = teams::find_by_external_id(self.directory.store(), tenant, group).await?;
        let team = team.map(|team| team.id);
        if self.known.len() < MOST {
            self.known.insert(group.to_owned(), team);
        }
        Ok(team)
    }
}
