//! Teams: nested groups of a tenant's users, and who is in them.
//!
//! Not here: what may become of a team (`identity::directory`), and what being in one lets somebody do (`identity::authorize`).

use crate::{Name, TeamId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// How deep teams are nested at most: a team without a parent is at depth 1.
pub const DEEPEST: usize = 16;

/// How many teams a tenant has at most: all of them are held in memory where tokens name teams.
pub const MOST_TEAMS: u64 = 20_000;

/// In how many teams a user is directly at most.
pub const MOST_OF_A_USER: u64 = 1_000;

/// A team of a tenant's users. Whoever is in a team is in all the teams above it as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Our id; never reused.
    pub id: TeamId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The name used in the file, policies, headers and URLs, as [`team_name`] allows it; unique within the tenant, in upper
    /// and lower case alike.
    pub name: Name,
    /// For people to read.
    pub display_name: Option<String>,
    /// The team that it is a part of.
    pub parent: Option<TeamId>,
    /// The id that whoever feeds the directory knows it by; unique within the tenant.
    pub external_id: Option<String>,
    /// Who made it.
    pub origin: TeamOrigin,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed; who is in it does not count.
    pub updated_at: Timestamp,
}

/// Who made a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TeamOrigin {
    /// Made through the admin API.
    Api,
    /// Fed by a SCIM client.
    Scim,
    /// Fed by the synchronisation of a source.
    Sync,
}

/// Who says that a user is in a team. Each keeps its own: what one takes away another may still say.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MembershipSource {
    /// An operator.
    Manual,
    /// The groups of a token, for the calls that are made with it. Never stored.
    Token,
    /// A SCIM client.
    Scim,
    /// The synchronisation of a source.
    Sync,
}

macro_rules! words {
    ($type:ident, $what:literal, $($variant:ident = $word:literal),+) => {
        impl $type {
            /// As stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!(concat!($what, ", not `{}`"), other)),
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(TeamOrigin, "an origin is `api`, `scim` or `sync`", Api = "api", Scim = "scim", Sync = "sync");
words!(
    MembershipSource,
    "a source is `manual`, `token`, `scim` or `sync`",
    Manual = "manual",
    Token = "token",
    Scim = "scim",
    Sync = "sync"
);

/// A user is in a team, as one source says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Which team.
    pub team: TeamId,
    /// Who.
    pub user: UserId,
    /// Who says so.
    pub source: MembershipSource,
    /// Since when.
    pub since: Timestamp,
}

/// A team that a principal is in, by itself or through a team below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TeamOf {
    /// Its id.
    pub id: TeamId,
    /// Its name.
    pub name: Name,
    /// The name of the team that it is a part of; that one is in the same list.
    pub parent: Option<Name>,
    /// Whether the principal is in it by itself.
    pub direct: bool,
}

/// The team's name in `text`, which may name those above it as well: `dev`, or `platform/dev`.
///
/// # Errors
/// What is no name; with what one looks like.
pub fn team_name(text: &str) -> Result<Name, String> {
    if text.contains('/') {
        return Err(format!(
            "a team's name has no `/`, which stands between a team and what is above it: `{text}`"
        ));
    }
    if uuid::Uuid::try_parse(text).is_ok() {
        // Where either is taken, an id is told from a name by its form.
        return Err(format!("a team is not named like an id: `{text}`"));
    }
    Name::new(text).map_err(|error| format!("a team's name: {error}"))
}

/// Checks what names a team where something refers to one: its name, or a path of names that ends with it (`platform/dev`).
///
/// # Errors
/// What is wrong with it.
pub fn check_team_path(text: &str) -> Result<(), String> {
    let names: Vec<_> = text.split('/').collect();
    if names.len() > DEEPEST {
        return Err(format!("teams are at most {DEEPEST} deep: `{text}`"));
    }
    names.into_iter().try_for_each(|name| team_name(name).map(drop))
}

/// A name for a group that others call `text`, which may be anything: what fits stays, the rest becomes `-`. Nothing when
/// nothing fits; `group-` and the group's id is a name then.
pub fn name_for(text: &str) -> Option<Name> {
    let fits = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let mut name = String::with_capacity(text.len().min(128));
    for c in text.chars().map(fits) {
        if name.len() < 100 && !(c == '-' && (name.is_empty() || name.ends_with('-'))) {
            name.push(c);
        }
    }
    let name = name.trim_start_matches(['.', '_']).trim_end_matches('-');
    if name.is_empty() { None } else { team_name(name).ok() }
}

/// Whether one of these teams is what `path` names: by its name, or by names that lead to it (`platform/dev`), each the
/// one above the next. Exact.
pub fn is_among(teams: &[TeamOf], path: &str) -> bool {
    let mut names = path.rsplit('/');
    let find = |name: &str| teams.iter().find(|team| team.name == *name);
    let Some(mut team) = names.next().and_then(find) else { return false };
    for above in names {
        match team
            .parent
            .as_ref()
            .filter(|parent| parent.as_str() == above)
            .and_then(|parent| find(parent.as_str()))
        {
            Some(parent) => team = parent,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(name: &str, parent: Option<&str>) -> TeamOf {
        let name_of = |text: &str| Name::new(text).unwrap();
        TeamOf {
            id: TeamId(uuid::Uuid::nil()),
            name: name_of(name),
            parent: parent.map(name_of),
            direct: parent.is_some(),
        }
    }

    #[test]
    fn a_path_names_a_team_only_where_it_leads_to_it() {
        let teams = [team("acme-it", None), team("platform", Some("acme-it")), team("dev", Some("platform"))];
        for yes in ["dev", "platform", "platform/dev", "acme-it/platform/dev", "acme-it/platform"] {
            assert!(is_among(&teams, yes), "{yes}");
        }
        for no in [
            "",
            "/",
            "DEV",
            "de",
            "acme-it/dev",
            "other/acme-it/platform/dev",
            "platform/",
            "/dev",
            "dev/platform",
        ] {
            assert!(!is_among(&teams, no), "{no}");
        }
    }

    #[test]
    fn names_are_made_of_anything() {
        for (text, name) in [
            ("Tour Guides", Some("Tour-Guides")),
            ("Sales, EMEA (north)", Some("Sales-EMEA-north")),
            ("/a/b", Some("a-b")),
            ("..x", Some("x")),
            ("研发", None),
            ("", None),
        ] {
            assert_eq!(name_for(text).as_ref().map(Name::as_str), name, "{text}");
        }
        assert!(name_for(&"x".repeat(500)).unwrap().as_str().len() <= 128);
    }

    #[test]
    fn what_is_no_name_is_said() {
        assert!(check_team_path("platform/dev").is_ok());
        for wrong in ["", "/dev", "dev/", "a b", "a//b", &["a"; 17].join("/")] {
            assert!(check_team_path(wrong).is_err(), "{wrong}");
        }
        assert!(team_name("a/b").unwrap_err().contains("no `/`"));
    }
}
