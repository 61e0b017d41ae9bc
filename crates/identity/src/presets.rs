//! Known products: where they put roles, audience and client, and how their machine tokens are recognised. Only
//! settings that the operator left out are filled in.

use crate::groups::Groups;
use portcullis_model::Issuer;
use portcullis_model::issuer::{MachineRule, MachineTest};

/// What a product does differently.
pub(crate) struct Preset {
    name: &'static str,
    /// Claims with roles.
    roles: &'static [&'static str],
    /// The claim with groups, for an issuer whose groups stand for something.
    groups: Option<&'static str>,
    /// How machine tokens are recognised: claim and test.
    machine: &'static [(&'static str, Test)],
    /// The claim with the audience, when it is not `aud`.
    audience: Option<&'static str>,
    /// Claims that name the client, the first that is there.
    clients: &'static [&'static str],
}

enum Test {
    Equals(&'static str),
    Same(&'static str),
    Present,
}

/// A row per product. Sources: the products' own descriptions of their access tokens.
const PRESETS: &[Preset] = &[
    // Service accounts' tokens carry the session notes of a client-credentials grant; a user's token never does. (The
    // user name `service-account-…` is no sign: people may choose it.)
    Preset {
        name: "keycloak",
        roles: &["realm_access.roles"],
        groups: Some("groups"),
        machine: &[("client_id", Test::Present), ("clientId", Test::Present)],
        audience: None,
        clients: &["azp", "client_id", "clientId"],
    },
    // No groups of its own: who wants them adds a claim with a name of their own.
    Preset {
        name: "auth0",
        roles: &["permissions"],
        groups: None,
        machine: &[("gty", Test::Equals("client-credentials"))],
        audience: None,
        clients: &["azp", "client_id"],
    },
    Preset {
        name: "okta",
        roles: &["groups"],
        groups: Some("groups"),
        machine: &[("sub", Test::Same("cid"))],
        audience: None,
        clients: &["cid"],
    },
    // Access tokens of Cognito have no `aud`.
    Preset {
        name: "cognito",
        roles: &["cognito:groups"],
        groups: Some("cognito:groups"),
        machine: &[("sub", Test::Same("client_id"))],
        audience: Some("client_id"),
        clients: &["client_id"],
    },
    // App-only tokens: `idtyp` is optional; without it, only there `oid` and `sub` are one.
    Preset {
        name: "entra",
        roles: &["roles"],
        groups: Some("groups"),
        machine: &[("idtyp", Test::Equals("app")), ("sub", Test::Same("oid"))],
        audience: None,
        clients: &["azp", "appid"],
    },
];

/// Where no preset is chosen. RFC 9068 §2.2: without a user, `sub` is the client.
const GENERIC: Preset = Preset {
    name: "",
    roles: &[],
    groups: None,
    machine: &[("sub", Test::Same("client_id")), ("sub", Test::Same("azp"))],
    audience: None,
    clients: &["azp", "client_id"],
};

impl Preset {
    /// The preset that an issuer chooses.
    pub fn of(issuer: &Issuer) -> Result<&'static Self, String> {
        let Some(name) = &issuer.preset else { return Ok(&GENERIC) };
        PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
            let names: Vec<_> = PRESETS.iter().map(|preset| format!("`{}`", preset.name)).collect();
            format!("there is no preset `{name}`; there are {}", names.join(", "))
        })
    }

    /// The issuer's claims with roles.
    pub fn roles<'i>(&'i self, issuer: &'i Issuer) -> Vec<&'i str> {
        if issuer.role_claims.is_empty() {
            // Where groups stand for something, that is all they stand for.
            let groups = issuer.groups.as_ref().and_then(|rule| Groups::claim_of(rule, self));
            self.roles.iter().copied().filter(|claim| Some(*claim) != groups).collect()
        } else {
            issuer.role_claims.iter().map(String::as_str).collect()
        }
    }

    /// The product's claim with groups.
    pub fn groups(&self) -> Option<&'static str> {
        self.groups
    }

    /// How the issuer's machine tokens are recognised.
    pub fn machine(&self, issuer: &Issuer) -> Vec<MachineRule> {
        if !issuer.machine.is_empty() {
            return issuer.machine.clone();
        }
        let rule = |(claim, test): &(&str, Test)| MachineRule {
            claim: (*claim).to_owned(),
            test: match test {
                Test::Equals(text) => MachineTest::Equals((*text).to_owned()),
                Test::Same(claim) => MachineTest::Same((*claim).to_owned()),
                Test::Present => MachineTest::Present(true),
            },
        };
        self.machine.iter().map(rule).collect()
    }

    /// The claim with the audience.
    pub fn audience<'i>(&'i self, issuer: &'i Issuer) -> &'i str {
        issuer.audience_claim.as_deref().or(self.audience).unwrap_or("aud")
    }

    /// Claims that name the client.
    pub fn clients<'i>(&'i self, issuer: &'i Issuer) -> Vec<&'i str> {
        match &issuer.client_claim {
            Some(claim) => vec![claim],
            None => self.clients.to_vec(),
        }
    }
}
