//! The observer of the request path's own checks: takes down what they say on their way.

use portcullis_identity::lookup::Freshness;
use portcullis_identity::{CredentialKind, Fact, Observer};
use portcullis_jose::Alg;
use portcullis_model::record::TokenFacts;
use portcullis_model::{Application, Name, Tenant, User};
use std::sync::Arc;

/// What was seen on the way.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    /// What the credential looks like.
    pub kind: Option<CredentialKind>,
    /// What may be kept of the token.
    pub token: Option<Arc<TokenFacts>>,
    /// The header's algorithm, key id and type.
    pub header: Option<(String, Option<String>, Option<String>)>,
    /// It came encrypted, and a key of ours opened it.
    pub opened: Option<String>,
    /// The configured issuer that it names.
    pub issuer: Option<Name>,
    /// It was verified before.
    pub remembered: bool,
    /// Whether keys were asked for, and what came of it.
    pub asked: Vec<(&'static str, &'static str)>,
    /// The key that vouches.
    pub signed: Option<(Option<String>, Alg)>,
    /// The tenant.
    pub tenant: Option<Arc<Tenant>>,
    /// A machine's client, and the claim that told.
    pub machine: Option<(String, String)>,
    /// What was looked up: attribute and value.
    pub subject: Option<(String, String)>,
    /// What the directory or the cache answered.
    pub resolved: Option<(&'static str, Freshness)>,
    /// The user, whatever its status.
    pub user: Option<Arc<User>>,
    /// The application.
    pub application: Option<Arc<Application>>,
}

impl Observer for Witness {
    fn note(&mut self, fact: Fact<'_>) {
        match fact {
            Fact::Credential { kind, .. } => self.kind = Some(kind),
            Fact::Token(facts) => self.token = Some(facts.clone()),
            Fact::Opened { kid, alg, enc } => {
                self.opened = Some(format!("`{alg}`, `{enc}`, key `{}`", kid.unwrap_or("none")));
            }
            Fact::Header(header) => {
                let owned = |text: Option<&str>| text.map(str::to_owned);
                let alg = header.alg().map_or_else(|error| error.to_string(), |alg| alg.to_string());
                self.header = Some((alg, owned(header.kid()), owned(header.typ())));
            }
            Fact::Issuer(name) => self.issuer = Some(name.clone()),
            Fact::TokenRemembered => self.remembered = true,
            Fact::KeySetAsked { reason, outcome } => self.asked.push((reason, outcome)),
            Fact::Signed { kid, alg } => self.signed = Some((kid.map(str::to_owned), alg)),
            Fact::Tenant(tenant) => self.tenant = Some(tenant.clone()),
            Fact::Machine { client, claim } => self.machine = Some((client.to_owned(), claim.to_owned())),
            Fact::Subject { attribute, value } => {
                self.subject = Some((attribute.to_owned(), value.to_owned()));
            }
            Fact::Resolved { outcome, freshness } => self.resolved = Some((outcome, freshness)),
            Fact::User(user) => self.user = Some(user.clone()),
            Fact::Application(application) => self.application = Some(application.clone()),
            _ => {}
        }
    }
}
