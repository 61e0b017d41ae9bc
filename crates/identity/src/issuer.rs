//! Issuers, compiled: what a token of each must be, where its keys are, and how its subjects become principals.

use crate::claims::Path;
use crate::decryption::OwnKeys;
use crate::groups::{Granted, Groups};
use crate::jwks::{Ring, algorithms};
use crate::presets::Preset;
use crate::rules::Rule;
use crate::sources::Outside;
use portcullis_jose::{Algs, Claimed, Claims, Profile, Rules};
use portcullis_model::issuer::{MachineTest, TenantRule, TokenProfile};
use portcullis_model::{Issuer, Name, Tenant};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The greatest difference between two clocks that an operator may accept.
pub(crate) const MOST_LEEWAY: Duration = Duration::from_secs(300);

/// An issuer, compiled.
pub(crate) struct TrustedIssuer {
    pub name: Name,
    /// Another number for another configuration of it.
    pub number: u64,
    pub iss: IssPattern,
    pub tenant: TenantBinding,
    pub algorithms: Algs,
    pub rules: Rules,
    pub stale: Duration,
    pub subject: Arc<Rule>,
    /// Where its subjects are looked up, when not in our own directory.
    pub source: Option<Arc<Outside>>,
    pub local: bool,
    /// Each of its tokens lets one call in.
    pub single_use: bool,
    pub ring: Arc<Ring>,
    /// The keys that its tokens may be encrypted to.
    pub own_keys: Option<Arc<OwnKeys>>,
    /// What its tokens' groups stand for, where it says.
    pub groups: Option<Groups>,
    machine: Vec<Machine>,
    clients: Vec<Path>,
    roles: Vec<Path>,
}

/// What `iss` must be.
pub(crate) enum IssPattern {
    /// Exactly this.
    Exact(Box<str>),
    /// This, with the value of a claim in its middle.
    Template { before: Box<str>, claim: Box<str>, after: Box<str> },
}

/// Which tenant a token belongs to.
pub(crate) enum TenantBinding {
    One(Arc<Tenant>),
    ByClaim { claim: Path, tenants: HashMap<Box<str>, Arc<Tenant>> },
}

struct Machine {
    claim: Path,
    test: Test,
}

enum Test {
    Equals(String),
    Prefix(String),
    Present(bool),
    Same(Path),
}

/// What compiles apart from the keys. Errors say where (below the issuer) and what.
pub(crate) struct Plan {
    pub algorithms: Algs,
    pub iss: IssPattern,
    rules: Rules,
    subject: Arc<Rule>,
    groups: Option<Groups>,
    machine: Vec<Machine>,
    clients: Vec<Path>,
    roles: Vec<Path>,
}

type Wrong = (&'static str, String);

impl Plan {
    pub fn of(issuer: &Issuer) -> Result<Self, Vec<Wrong>> {
        let mut wrong: Vec<Wrong> = Vec::new();
        let mut keep = |problem: Wrong| wrong.push(problem);
        let preset = Preset::of(issuer).map_err(|error| keep(("preset", error))).ok();
        let algorithms = algorithms(issuer).map_err(|error| keep(("algorithms", error))).ok();
        let iss = IssPattern::parse(issuer).map_err(&mut keep).ok();
        let subject =
            Rule::compile(&issuer.subject).map_err(|(at, error)| keep((subject_field(at), error))).ok();
        if issuer.leeway.0 > MOST_LEEWAY {
            keep((
                "leeway",
                format!(
                    "a difference of clocks of at most 5m is accepted, not {}; set the clocks right",
                    issuer.leeway
                ),
            ));
        }
        let rules = preset.and_then(|preset| rules(issuer, preset).map_err(&mut keep).ok());
        let groups = preset.and_then(|preset| Groups::of(issuer, preset).map_err(&mut keep).ok());
        let (Some(preset), Some(algorithms), Some(iss), Some(subject), Some(rules), Some(groups)) =
            (preset, algorithms, iss, subject, rules, groups)
        else {
            return Err(wrong);
        };
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let rules = match &iss {
            IssPattern::Exact(text) => rules.issuer(text.clone()),
            IssPattern::Template { .. } => rules,
        };
        Ok(Self {
            rules: rules.algorithms(algorithms),
            algorithms,
            iss,
            subject: Arc::new(subject),
            groups,
            machine: preset.machine(issuer).iter().map(Machine::of).collect(),
            clients: preset.clients(issuer).into_iter().map(Path::new).collect(),
            roles: preset.roles(issuer).into_iter().map(Path::new).collect(),
        })
    }

    pub fn with(
        self,
        issuer: &Issuer,
        number: u64,
        tenant: TenantBinding,
        (ring, own_keys): (Arc<Ring>, Option<Arc<OwnKeys>>),
        source: Option<Arc<Outside>>,
        local: bool,
    ) -> TrustedIssuer {
        TrustedIssuer {
            name: issuer.name.clone(),
            number,
            iss: self.iss,
            tenant,
            algorithms: self.algorithms,
            rules: self.rules,
            stale: issuer.stale.0,
            subject: self.subject,
            source,
            local,
            single_use: issuer.single_use,
            ring,
            own_keys,
            groups: self.groups,
            machine: self.machine,
            clients: self.clients,
            roles: self.roles,
        }
    }
}

fn subject_field(at: &'static str) -> &'static str {
    match at {
        "claim" => "subject.claim",
        "attribute" => "subject.attribute",
        "source" => "subject.source",
        "form" => "subject.form",
        "fallback" => "subject.fallback",
        "unknown" => "subject.unknown",
        _ => "subject.create",
    }
}

/// The rules of every token of this issuer, without its `iss`.
fn rules(issuer: &Issuer, preset: &Preset) -> Result<Rules, Wrong> {
    let mut rules = Rules::new().leeway(issuer.leeway.0).profile(match issuer.profile {
        TokenProfile::Generic => Profile::Generic,
        TokenProfile::Rfc9068 => Profile::Rfc9068,
    });
    if let Some(age) = issuer.max_age {
        rules = rules.max_age(age.0);
    }
    // By which one token is told from another, where each is for one call.
    if issuer.single_use {
        rules = rules.require("jti");
    }
    for claim in &issuer.required_claims {
        rules = rules.require(claim.as_str());
    }
    match (preset.audience(issuer), issuer.audiences.as_slice()) {
        ("none", []) => Ok(rules),
        ("none", _) => Err(("audiences", "with `audience_claim = \"none\"` no audience is looked at; leave `audiences` out, or name the claim".to_owned())),
        (claim, []) => Err((
            "audiences",
            format!("which audience (`{claim}`) tokens for this gateway have is not said; add `audiences`, or `audience_claim = \"none\"` for an issuer whose tokens have none"),
        )),
        (claim, audiences) => Ok(rules.audiences_in(claim, audiences.iter().map(String::as_str))),
    }
}

impl IssPattern {
    fn parse(issuer: &Issuer) -> Result<Self, Wrong> {
        let text = issuer.issuer.as_str();
        let wrong = |what: String| Err(("issuer", what));
        if text.is_empty() {
            return wrong("the `iss` of its tokens is missing".to_owned());
        }
        let Some((before, rest)) = text.split_once('{') else {
            return if text.contains('}') {
                wrong(format!("`{text}` has a `}}` without a `{{`"))
            } else {
                Ok(Self::Exact(text.into()))
            };
        };
        let Some((claim, after)) = rest.split_once('}') else {
            return wrong(format!("`{text}` has a `{{` without a `}}`"));
        };
        if claim.is_empty() || after.contains(['{', '}']) {
            return wrong(format!(
                "one claim at most stands in an issuer, as in `https://idp.example.com/{{tid}}/v2.0`, not `{text}`"
            ));
        }
        if before.is_empty() {
            return wrong("an issuer begins with fixed text; a token must not choose all of it".to_owned());
        }
        match &issuer.tenant {
            TenantRule::Mapped(map) if map.claim == claim => {
                Ok(Self::Template { before: before.into(), claim: claim.into(), after: after.into() })
            }
            _ => wrong(format!(
                "`{{{claim}}}` in `issuer` needs `tenant = {{ claim = \"{claim}\", map = {{ … }} }}`: only the values in the map are accepted"
            )),
        }
    }

    /// Whether the token that says so can be of this issuer.
    pub fn matches(&self, iss: &str, claim: impl FnOnce(&str) -> Option<String>) -> bool {
        match self {
            Self::Exact(text) => **text == *iss,
            Self::Template { before, claim: name, after } => {
                let middle = iss.strip_prefix(&**before).and_then(|rest| rest.strip_suffix(&**after));
                middle.is_some_and(|middle| !middle.is_empty() && claim(name).as_deref() == Some(middle))
            }
        }
    }

    /// Whether a verified token is of this issuer. Only templates need it: the rules know the rest.
    pub fn holds(&self, claims: &Claims) -> bool {
        match self {
            Self::Exact(_) => true,
            Self::Template { .. } => claims.iss().text().is_some_and(|iss| {
                self.matches(&iss, |name| claims.string(name).text().map(std::borrow::Cow::into_owned))
            }),
        }
    }

    /// As configured.
    pub fn text(&self) -> String {
        match self {
            Self::Exact(text) => text.to_string(),
            Self::Template { before, claim, after } => format!("{before}{{{claim}}}{after}"),
        }
    }
}

impl Machine {
    fn of(rule: &portcullis_model::issuer::MachineRule) -> Self {
        let test = match &rule.test {
            MachineTest::Equals(text) => Test::Equals(text.clone()),
            MachineTest::Prefix(text) => Test::Prefix(text.clone()),
            MachineTest::Present(present) => Test::Present(*present),
            MachineTest::Same(claim) => Test::Same(Path::new(claim)),
        };
        Self { claim: Path::new(&rule.claim), test }
    }

    fn holds(&self, claims: &Claims) -> bool {
        let text = || self.claim.text(claims);
        match &self.test {
            Test::Equals(wanted) => text().is_some_and(|text| text == **wanted),
            Test::Prefix(wanted) => text().is_some_and(|text| text.starts_with(wanted.as_str())),
            Test::Present(wanted) => self.claim.json(claims).is_some() == *wanted,
            Test::Same(other) => {
                text().is_some_and(|text| other.text(claims).is_some_and(|other| text == other))
            }
        }
    }
}

impl TrustedIssuer {
    /// Whether an unverified token says that it is of this issuer.
    pub fn claims_to_be(&self, iss: &str, claimed: Claimed<'_>) -> bool {
        self.iss.matches(iss, |name| claimed.string(name).text().map(std::borrow::Cow::into_owned))
    }

    /// The claim that shows that the token is a machine's.
    pub fn machine_claim(&self, claims: &Claims) -> Option<&str> {
        self.machine.iter().find(|machine| machine.holds(claims)).map(|machine| machine.claim.as_str())
    }

    /// The client that the token was issued to.
    pub fn client(&self, claims: &Claims) -> Option<String> {
        self.clients
            .iter()
            .find_map(|claim| claim.text(claims))
            .map(std::borrow::Cow::into_owned)
            .filter(|client| !client.is_empty())
    }

    /// Claims that name the client, for messages.
    pub fn client_claims(&self) -> String {
        self.clients.iter().map(|claim| format!("`{}`", claim.as_str())).collect::<Vec<_>>().join(", ")
    }

    /// The token's roles, with those that its groups stand for.
    pub fn roles(&self, claims: &Claims, granted: &Granted) -> Arc<[String]> {
        let mut roles: Vec<String> = self.roles.iter().flat_map(|claim| claim.texts(claims)).collect();
        roles.extend(granted.roles.iter().cloned());
        crate::resolve::roles(&roles)
    }

    /// What the token's groups stand for.
    pub fn granted(&self, claims: &Claims) -> Granted {
        self.groups.as_ref().map(|groups| groups.granted(claims)).unwrap_or_default()
    }
}

impl TenantBinding {
    /// The tenant of a token; or the value that stands for none.
    pub fn tenant(&self, claims: &Claims) -> Result<&Arc<Tenant>, Option<String>> {
        match self {
            Self::One(tenant) => Ok(tenant),
            Self::ByClaim { claim, tenants } => match claim.text(claims) {
                Some(value) => tenants.get(&*value).ok_or_else(|| Some(value.into_owned())),
                None => Err(None),
            },
        }
    }
}
