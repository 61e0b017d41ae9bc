//! Everything that was established about a case before causes are looked for: what the request path said, what was
//! asked, and what stands in the configuration.

use crate::doctor::Ground;
use crate::scope::Scope;
use crate::stage::Stage;
use crate::witness::Witness;
use portcullis_config::Config;
use portcullis_fault::Fault;
use portcullis_identity::directory::Directory;
use portcullis_identity::secrets::SecretReader;
use portcullis_identity::{Examined, Identity, Signer};
use portcullis_jose::explain::Explanation;
use portcullis_model::{Issuer, Principal, Probe, Record, Service, Tenant, TenantId, Timestamp};
use portcullis_store::Store;
use serde_json::Value;
use std::sync::Arc;

/// A case under examination.
pub struct Case {
    /// The time of the examination.
    pub now: Timestamp,
    /// The time of the call: of the record, or now.
    pub called_at: Timestamp,
    /// Whose administrator asks; nothing when everything may be shown.
    pub scope: Option<Scope>,
    /// The configuration in force, as far as it may be shown.
    pub config: Arc<Config>,
    /// The tenants.
    pub tenants: Vec<Arc<Tenant>>,
    /// What calls are checked with.
    pub identity: Arc<Identity>,
    /// The database.
    pub store: Store,
    /// Secrets by reference.
    pub secrets: SecretReader,
    /// The running process, when there is one.
    pub probe: Option<Arc<dyn Probe>>,
    /// The directory, for near misses.
    pub directory: Directory,
    /// The credential as it was given.
    pub token: Option<String>,
    /// The record that was asked about.
    pub record: Option<Record>,
    /// The service that was asked about, or that the record is of.
    pub service: Option<Service>,
    /// What the request path said.
    pub course: Course,
    /// What the token says of itself; nobody vouches for it unless the course says so.
    pub claims: Option<Value>,
    /// Its header.
    pub header: Option<Value>,
    /// Why it is refused, by the token's own shape, keys and claims.
    pub explanation: Option<Explanation>,
}

/// What the request path said of a credential.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// On its way.
    pub seen: Witness,
    /// The refusal.
    pub refusal: Option<Refusal>,
    /// The caller, once authenticated.
    pub caller: Option<Examined>,
    /// Who that is, once resolved.
    pub principal: Option<Arc<Principal>>,
}

/// A refusal.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The catalogue code.
    pub code: String,
    /// The step that it belongs to.
    pub stage: Stage,
    /// Its sentence.
    pub title: String,
    /// What the caller reads beside it.
    pub detail: String,
    /// What only the owner reads.
    pub context: Option<String>,
}

impl From<&Fault> for Refusal {
    fn from(fault: &Fault) -> Self {
        Self {
            code: fault.code().name().to_owned(),
            stage: Stage::of_code(fault.code()),
            title: fault.code().title().to_owned(),
            detail: fault.public_detail().to_owned(),
            context: fault.private_context(),
        }
    }
}

impl Refusal {
    /// As a record tells of it.
    pub fn recorded(code: &str, detail: Option<&str>) -> Self {
        let title = portcullis_fault::Code::find(code).map_or("the call was refused", |code| code.title());
        Self {
            code: code.to_owned(),
            stage: Stage::of(code),
            title: title.to_owned(),
            detail: String::new(),
            context: detail.map(str::to_owned),
        }
    }
}

impl Case {
    /// What credentials are examined with.
    pub(crate) fn ground(&self) -> Ground<'_> {
        Ground {
            identity: &self.identity,
            tenants: &self.tenants,
            service: self.service.as_ref(),
            scope: self.scope.as_ref(),
            now: self.now,
        }
    }

    /// The tenant that searches keep to.
    pub fn within(&self) -> Option<TenantId> {
        self.scope.as_ref().map(|scope| scope.tenant)
    }

    /// Under which keys the signature counts, of the issuers that may be shown.
    pub fn signers(&self, token: &str) -> Vec<Signer> {
        let mut signers = self.identity.signers(token);
        signers.retain(|signer| self.scope.as_ref().is_none_or(|scope| scope.knows(&signer.issuer)));
        signers
    }

    /// The step that refused.
    pub fn failed(&self) -> Option<Stage> {
        self.course.refusal.as_ref().map(|refusal| refusal.stage)
    }

    /// Whether the refusal has this code.
    pub fn refused_as(&self, code: &str) -> bool {
        self.course.refusal.as_ref().is_some_and(|refusal| refusal.code == code)
    }

    /// The code of the refusal; empty when there is none.
    pub fn code(&self) -> &str {
        self.course.refusal.as_ref().map_or("", |refusal| refusal.code.as_str())
    }

    /// The issuer that the token was taken for, as configured.
    pub fn issuer(&self) -> Option<&Issuer> {
        let name = match &self.course.seen.issuer {
            Some(name) => Some(name.as_str()),
            None => self.record.as_ref().and_then(|record| record.token.as_ref()?.issuer.as_deref()),
        }?;
        self.config.issuers.iter().find(|issuer| issuer.name.as_str() == name)
    }

    /// The id of the key that the token names.
    pub fn kid(&self) -> Option<&str> {
        self.header.as_ref()?.get("kid")?.as_str()
    }

    /// A claim that is text.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.as_ref()?.get(claim)?.as_str()
    }

    /// A claim that is a time.
    pub fn time(&self, claim: &str) -> Option<Timestamp> {
        let value = self.claims.as_ref()?.get(claim)?;
        let seconds = value.as_f64().filter(|seconds| (0.0..=253_402_300_799.0).contains(seconds))?;
        #[expect(clippy::cast_possible_truncation, reason = "within the range that was just checked")]
        let micros = (seconds * 1e6) as i64;
        Some(Timestamp::from_micros(micros))
    }

    /// The tenant's name.
    pub fn tenant_name(&self, id: TenantId) -> String {
        let named = self.tenants.iter().find(|tenant| tenant.id == id);
        named.map_or_else(|| id.to_string(), |tenant| tenant.name.to_string())
    }
}
