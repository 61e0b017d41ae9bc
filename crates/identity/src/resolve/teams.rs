//! Teams on the path of a call: those that the directory says a user is in, and those that a token's groups name.

use super::{Resolver, unresolved};
use crate::lookup::{Ask, Found};
use crate::observe::{Effects, Observer};
use portcullis_fault::Fault;
use portcullis_model::team::TeamOf;
use portcullis_model::{Name, Team, TeamId, TenantId, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};
use uuid::Uuid;

/// What the tree of a tenant's teams depends on: any change of any of them.
pub(crate) fn tree_tag(tenant: TenantId) -> Uuid {
    // Another id than the tenant's own, which changes for other reasons. "teams" in ASCII.
    Uuid::from_u128(tenant.0.as_u128() ^ 0x74_6561_6d73)
}

/// The teams of a tenant, to find those that tokens name.
#[derive(Debug)]
pub(crate) struct TeamTree {
    by_name: HashMap<Name, (TeamId, Option<Name>)>,
}

impl TeamTree {
    pub fn of(teams: Vec<Team>) -> Self {
        let names: HashMap<TeamId, Name> = teams.iter().map(|team| (team.id, team.name.clone())).collect();
        let entry = |team: Team| {
            let parent = team.parent.and_then(|parent| names.get(&parent).cloned());
            (team.name, (team.id, parent))
        };
        Self { by_name: teams.into_iter().map(entry).collect() }
    }

    /// Adds the team that `path` names and those above it to `teams`. Nothing when there is no such team, or when it is
    /// not where the path says.
    fn add(&self, path: &str, teams: &mut BTreeMap<Name, TeamOf>) {
        let mut names = path.rsplit('/');
        let Some((name, _)) = names.next().and_then(|name| self.by_name.get_key_value(name)) else { return };
        let mut at = name;
        for above in names {
            match self.by_name.get(at).and_then(|(_, parent)| parent.as_ref()) {
                Some(parent) if parent.as_str() == above => at = parent,
                _ => return,
            }
        }
        let mut next = Some((name, true));
        while let Some((name, direct)) = next {
            let Some((id, parent)) = self.by_name.get(name) else { return };
            let known = teams.contains_key(name);
            let team = teams.entry(name.clone()).or_insert_with(|| TeamOf {
                id: *id,
                name: name.clone(),
                parent: parent.clone(),
                direct,
            });
            team.direct |= direct;
            // Those above a team that is there are there: so this ends in a circle too.
            next = if known { None } else { parent.as_ref().map(|parent| (parent, false)) };
        }
    }
}

/// The teams that the directory says somebody is in, as a principal has them, and what they depend on.
pub(crate) fn of_directory(teams: Vec<(Team, bool)>) -> (Arc<[TeamOf]>, Vec<Uuid>) {
    if teams.is_empty() {
        return (no_teams(), Vec::new());
    }
    let names: HashMap<TeamId, Name> = teams.iter().map(|(team, _)| (team.id, team.name.clone())).collect();
    let mut all: Vec<TeamOf> = teams
        .into_iter()
        .map(|(team, direct)| TeamOf {
            id: team.id,
            parent: team.parent.and_then(|parent| names.get(&parent).cloned()),
            name: team.name,
            direct,
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let tags = all.iter().map(|team| team.id.0).collect();
    (all.into(), tags)
}

pub(crate) fn no_teams() -> Arc<[TeamOf]> {
    // One for the whole process: an empty list is not worth an allocation per call.
    static NONE: LazyLock<Arc<[TeamOf]>> = LazyLock::new(|| Arc::from(Vec::new()));
    NONE.clone()
}

impl Resolver {
    /// The directory's teams, and with them those of the tenant that a token's groups name, and those above.
    pub async fn with_token_teams<O: Observer>(
        &self,
        tenant: TenantId,
        own: &Arc<[TeamOf]>,
        named: &[String],
        (now, effects): (Timestamp, Effects),
        observer: &mut O,
    ) -> Result<Arc<[TeamOf]>, Fault> {
        let source = self.source.clone();
        let ask: Ask<TeamTree> = Box::new(move || {
            let source = source.clone();
            Box::pin(async move {
                let answer = TeamTree::of(source.teams_of_tenant(tenant).await?);
                Ok(Found { answer, positive: true, tags: vec![tree_tag(tenant)] })
            })
        });
        let merged = |tree: &TeamTree| {
            let mut all: BTreeMap<Name, TeamOf> =
                own.iter().map(|team| (team.name.clone(), team.clone())).collect();
            named.iter().for_each(|path| tree.add(path, &mut all));
            all.into_values().collect()
        };
        if let Some(slot) = self.trees.cached(&tenant, now) {
            return Ok(merged(&slot.answer));
        }
        if effects.live() {
            let (slot, _) =
                self.trees.ask(tenant, ask).await.map_err(|unasked| unresolved(unasked, observer))?;
            return Ok(merged(&slot.answer));
        }
        let tree = self.trees.ask_dry(ask).await.map_err(|unasked| unresolved(unasked, observer))?;
        Ok(merged(&tree))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_model::team::TeamOrigin;

    fn tree(teams: &[(&str, Option<usize>)]) -> TeamTree {
        let id = |n: usize| TeamId(Uuid::from_u128(n as u128 + 1));
        TeamTree::of(
            teams
                .iter()
                .enumerate()
                .map(|(n, (name, parent))| Team {
                    id: id(n),
                    tenant: TenantId(Uuid::nil()),
                    name: Name::new(name).unwrap(),
                    display_name: None,
                    parent: parent.map(id),
                    external_id: None,
                    origin: TeamOrigin::Api,
                    created_at: Timestamp::default(),
                    updated_at: Timestamp::default(),
                })
                .collect(),
        )
    }

    fn found(tree: &TeamTree, paths: &[&str]) -> Vec<(String, bool)> {
        let mut all = BTreeMap::new();
        paths.iter().for_each(|path| tree.add(path, &mut all));
        all.into_values().map(|team| (team.name.to_string(), team.direct)).collect()
    }

    #[test]
    fn a_path_leads_to_its_team_and_all_above() {
        let tree = tree(&[("it", None), ("platform", Some(0)), ("dev", Some(1)), ("ops", Some(1))]);
        let is = |name: &str, direct| (name.to_owned(), direct);
        let all = [is("dev", true), is("it", false), is("platform", false)];
        assert_eq!(found(&tree, &["dev"]), all);
        assert_eq!(found(&tree, &["it/platform/dev", "none", ""]), all);
        assert_eq!(found(&tree, &["dev", "platform", "ops"])[3], is("platform", true));
        for elsewhere in ["it/dev", "x/it/platform/dev", "/dev", "Dev"] {
            assert_eq!(found(&tree, &[elsewhere]), [], "{elsewhere}");
        }
    }

    #[test]
    fn a_circle_ends() {
        let tree = tree(&[("one", Some(1)), ("two", Some(0))]);
        assert_eq!(found(&tree, &["one", "two"]).len(), 2);
    }
}
