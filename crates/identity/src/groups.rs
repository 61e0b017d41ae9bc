//! The groups of a token, read as its issuer's entry says: which roles and teams they stand for, and whether the token
//! says that it leaves them out.
//!
//! Not here: which teams there are (`resolve::teams`). Nothing of this is stored.

use crate::claims::{Path, decode};
use crate::presets::Preset;
use portcullis_jose::Claims;
use portcullis_model::Issuer;
use portcullis_model::issuer::{GroupGrant, GroupsOverage, GroupsRule, UnmappedGroups};
use portcullis_model::team::check_team_path;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// The most groups that are read from a token; one that has more is one whose groups are too many.
const MOST: usize = 1_000;

/// An issuer's groups rule, compiled.
pub(crate) struct Groups {
    claim: Path,
    map: HashMap<String, GroupGrant>,
    unmapped: UnmappedGroups,
    pub overage: GroupsOverage,
}

/// What the groups of one token stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    pub roles: Vec<String>,
    /// Names or paths of teams that the tenant may have.
    pub teams: Vec<String>,
    /// How it shows that the token does not have all its groups; then there is nothing else here.
    pub overage: Option<&'static str>,
}

impl Groups {
    /// The issuer's rule, when it has one. Errors say where (below the issuer) and what.
    pub fn of(issuer: &Issuer, preset: &Preset) -> Result<Option<Self>, (&'static str, String)> {
        let Some(rule) = &issuer.groups else { return Ok(None) };
        let claim = Self::claim_of(rule, preset).ok_or_else(|| {
            let what = "which claim has the groups is not said, and the preset knows none; add `claim`";
            ("groups.claim", what.to_owned())
        })?;
        if rule.map.is_empty() && rule.unmapped == UnmappedGroups::Ignore {
            let what = "no group stands for anything; say what they stand for, or `unmapped = \"teams\"`";
            return Err(("groups.map", what.to_owned()));
        }
        for (group, grant) in &rule.map {
            if grant.roles.is_empty() && grant.teams.is_empty() {
                return Err((
                    "groups.map",
                    format!(
                        "group `{}` stands for nothing; give it `roles` or `teams`",
                        group.escape_debug()
                    ),
                ));
            }
            for team in &grant.teams {
                check_team_path(team)
                    .map_err(|error| ("groups.map", format!("group `{}`: {error}", group.escape_debug())))?;
            }
        }
        Ok(Some(Self {
            claim: Path::new(claim),
            map: rule.map.clone().into_iter().collect(),
            unmapped: rule.unmapped,
            overage: rule.overage,
        }))
    }

    /// The claim that a rule reads.
    pub fn claim_of<'i>(rule: &'i GroupsRule, preset: &'i Preset) -> Option<&'i str> {
        rule.claim.as_deref().filter(|claim| !claim.is_empty()).or_else(|| preset.groups())
    }

    /// The claim, as configured.
    pub fn claim(&self) -> &str {
        self.claim.as_str()
    }

    /// What the groups of these claims stand for.
    pub fn granted(&self, claims: &Claims) -> Granted {
        let groups = match self.read(claims) {
            Ok(groups) => groups,
            Err(overage) => return Granted { overage: Some(overage), ..Granted::default() },
        };
        let (mut roles, mut teams) = (BTreeSet::new(), BTreeSet::new());
        for group in groups {
            match (self.map.get(&group), self.unmapped) {
                (Some(grant), _) => {
                    roles.extend(grant.roles.iter().cloned());
                    teams.extend(grant.teams.iter().cloned());
                }
                (None, UnmappedGroups::Ignore) => {}
                (None, UnmappedGroups::Teams) => {
                    let path = group.strip_prefix('/').unwrap_or(&group);
                    // What can be no team's name is none: nobody needs to be asked.
                    if check_team_path(path).is_ok() {
                        teams.insert(path.to_owned());
                    }
                }
            }
        }
        Granted { roles: roles.into_iter().collect(), teams: teams.into_iter().collect(), overage: None }
    }

    /// The groups of the token that stand for nothing here, for explanations; at most 20.
    pub fn unmapped(&self, claims: &Claims) -> Vec<String> {
        let groups = self.read(claims).unwrap_or_default();
        groups.into_iter().filter(|group| !self.map.contains_key(group)).take(20).collect()
    }

    /// The token's groups; or how it shows that they are not all there.
    fn read(&self, claims: &Claims) -> Result<Vec<String>, &'static str> {
        let Some(json) = self.claim.json(claims) else {
            return self.left_out(claims).map_or_else(|| Ok(Vec::new()), Err);
        };
        if let Some(group) = decode(json) {
            // Unlike a scope, a group may have spaces in its name.
            return Ok(vec![group.into_owned()]);
        }
        let Ok(Value::Array(values)) = serde_json::from_str(json) else { return Ok(Vec::new()) };
        if values.len() > MOST {
            return Err("more than 1,000 groups");
        }
        let text = |value| if let Value::String(text) = value { Some(text) } else { None };
        Ok(values.into_iter().filter_map(text).collect())
    }

    /// How the token says that it leaves its groups out. OpenID Connect Core §5.6.2 (distributed claims), and what Entra
    /// does where a token comes in a URL, and in the claims that it takes over from SAML.
    fn left_out(&self, claims: &Claims) -> Option<&'static str> {
        let name = self.claim.as_str();
        let sources = Path::new("_claim_names").json(claims).and_then(|json| serde_json::from_str(json).ok());
        if let Some(Value::Object(names)) = sources {
            let first = name.split('.').next().unwrap_or(name);
            if names.contains_key(name) || names.contains_key(first) {
                return Some("_claim_names");
            }
        }
        if matches!(Path::new("hasgroups").json(claims), Some("true" | "\"true\"")) {
            return Some("hasgroups");
        }
        Path::new(LINK).json(claims).map(|_| "groups.link")
    }
}

/// The claim that stands for the groups in tokens of the SAML kind.
const LINK: &str = "http://schemas.microsoft.com/claims/groups.link";

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_jose::{Alg, Algs, Protected, SigningKey, Unverified, encode};
    use serde_json::json;

    fn groups(claim: &str, unmapped: UnmappedGroups) -> Groups {
        let grant = |roles: &[&str], teams: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
            GroupGrant { roles: owned(roles), teams: owned(teams) }
        };
        Groups {
            claim: Path::new(claim),
            map: HashMap::from([
                ("g-1".to_owned(), grant(&["admin", "reader"], &[])),
                ("/staff/devs".to_owned(), grant(&["reader"], &["platform/dev"])),
                ("Domain Admins".to_owned(), grant(&["root"], &[])),
            ]),
            unmapped,
            overage: GroupsOverage::Directory,
        }
    }

    fn granted(groups: &Groups, claims: &Value) -> Granted {
        let key = SigningKey::generate(Alg::HS256).unwrap();
        let token = encode(&Protected::new(), claims.to_string().as_bytes(), &key).unwrap();
        let token = Unverified::parse(&token).unwrap();
        let verified = token.verify(&key.verifying_key(), Algs::of(&[Alg::HS256])).unwrap();
        groups.granted(verified.claims())
    }

    fn is(roles: &[&str], teams: &[&str]) -> Granted {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Granted { roles: owned(roles), teams: owned(teams), overage: None }
    }

    #[test]
    fn groups_stand_for_what_the_map_says_and_nothing_else() {
        let rule = groups("groups", UnmappedGroups::Ignore);
        for (claims, expected) in [
            (
                json!({ "groups": ["g-1", "/staff/devs", "other", 7, null] }),
                is(&["admin", "reader"], &["platform/dev"]),
            ),
            (json!({ "groups": "Domain Admins" }), is(&["root"], &[])),
            (json!({ "groups": ["Domain", "Admins", "G-1", "g-1 ", "staff/devs"] }), is(&[], &[])),
            (json!({ "groups": {} }), is(&[], &[])),
            (json!({ "groups": [["g-1"]] }), is(&[], &[])),
            (json!({}), is(&[], &[])),
        ] {
            assert_eq!(granted(&rule, &claims), expected, "{claims}");
        }
        let nested = groups("resource_access.gw.groups", UnmappedGroups::Ignore);
        let claims = json!({ "resource_access": { "gw": { "groups": ["g-1"] } } });
        assert_eq!(granted(&nested, &claims), is(&["admin", "reader"], &[]));
    }

    #[test]
    fn unmapped_groups_are_teams_only_where_that_is_wanted() {
        let rule = groups("groups", UnmappedGroups::Teams);
        let claims = json!({ "groups": ["/platform/ops", "dev", "a b", "", "/", "x//y", "g-1"] });
        assert_eq!(granted(&rule, &claims), is(&["admin", "reader"], &["dev", "platform/ops"]));
    }

    #[test]
    fn a_token_that_leaves_its_groups_out_is_noticed() {
        let rule = groups("groups", UnmappedGroups::Ignore);
        let overage = |claims: Value| granted(&rule, &claims).overage;
        let source = json!({ "src1": { "endpoint": "https://graph.example.com/x" } });
        assert_eq!(
            overage(json!({ "_claim_names": { "groups": "src1" }, "_claim_sources": source })),
            Some("_claim_names")
        );
        assert_eq!(overage(json!({ "hasgroups": true })), Some("hasgroups"));
        assert_eq!(overage(json!({ "hasgroups": "true" })), Some("hasgroups"));
        assert_eq!(overage(json!({ LINK: "https://graph.example.com/x" })), Some("groups.link"));
        let many: Vec<_> = (0..=MOST).map(|n| format!("g{n}")).collect();
        assert_eq!(overage(json!({ "groups": many })), Some("more than 1,000 groups"));
        // Other claims may be elsewhere, and groups that are there are there.
        assert_eq!(overage(json!({ "_claim_names": { "address": "src1" } })), None);
        assert_eq!(overage(json!({ "hasgroups": false })), None);
        assert_eq!(overage(json!({ "groups": ["g-1"], "hasgroups": true })), None);
    }
}
