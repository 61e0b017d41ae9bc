//! The examination: the request path's own steps, watched and without effects; then every check; then the report.

use crate::case::{Case, Course, Refusal};
use crate::check::Seen;
use crate::checks::CHECKS;
use crate::instance::{self, Instance};
use crate::report::{Checked, Diagnosis, Finding, Likelihood};
use crate::scope::Scope;
use crate::stage::Stage;
use crate::witness::Witness;
use crate::{compare, path};
use http::{HeaderValue, Method, Request, header};
use portcullis_config::Config;
use portcullis_fault::{Fault, codes};
use portcullis_identity::directory::Directory;
use portcullis_identity::secrets::SecretReader;
use portcullis_identity::{
    CallFacts, Caller, ConnectionFacts, Effects, Examined, Identity, Places, Runtime, ServiceRules,
};
use portcullis_jose::Unverified;
use portcullis_jose::explain::{AtHand, explain};
use portcullis_model::record::Outcome;
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::service::AuthMode;
use portcullis_model::{
    Clock, Probe, Record, RequestId, Service, Specification, Tenant, TenantId, Timestamp,
};
use portcullis_store::{Page, Store, entity};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// What the doctor is made of.
pub struct Parts {
    /// The directory, and the database behind it.
    pub directory: Directory,
    /// Key sets and caches.
    pub runtime: Arc<Runtime>,
    /// Secrets by reference.
    pub secrets: SecretReader,
    /// The process's environment, for what it sees of its surroundings.
    pub environment: Vec<(String, String)>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The running process, when this is one.
    pub probe: Option<Arc<dyn Probe>>,
    /// What calls are checked with, when this process serves.
    pub in_force: Box<dyn Fn() -> Option<Arc<Identity>> + Send + Sync>,
}

/// The doctor. Cheap to clone.
#[derive(Clone)]
pub struct Doctor(Arc<Parts>);

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The credential, as the caller sends it behind `Bearer`.
    pub token: Option<String>,
    /// A call that was recorded.
    pub request: Option<RequestId>,
    /// The service that is called, by name.
    pub service: Option<String>,
    /// A credential that works, to compare with.
    pub good: Option<String>,
    /// The tenant whose administrator asks: nothing of another's is shown. Nothing: whoever may see everything asks.
    pub tenant: Option<TenantId>,
}

/// For one check.
const PATIENCE: Duration = Duration::from_secs(4);
/// For key sets, where no process has them yet.
const WARMING: Duration = Duration::from_secs(4);
/// The longest credential that is looked at: beyond this nothing is one.
const LONGEST: usize = 128 << 10;

impl Doctor {
    /// Puts it together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    fn store(&self) -> &Store {
        self.0.directory.store()
    }

    /// What this process sees of its surroundings.
    pub async fn instance(&self, config: &Config) -> Instance {
        // Secrets of the API are read anew where no running process has them; without a database they are not there.
        if (self.0.in_force)().is_none() {
            let _ = self.0.secrets.load_stored(self.store()).await;
        }
        let around = instance::Around {
            environment: &self.0.environment,
            secrets: &self.0.secrets,
            probe: self.0.probe.as_deref(),
            clock: &*self.0.clock,
        };
        let (mut seen, tried) = tokio::join!(instance::examine(config, &around), self.sources_tried(config));
        seen.add(tried);
        seen
    }

    /// Tries every user source, in this process's own surroundings.
    async fn sources_tried(&self, config: &Config) -> Result<Vec<instance::SourceSeen>, String> {
        if config.sources.is_empty() {
            return Ok(Vec::new());
        }
        let identity = match (self.0.in_force)() {
            Some(identity) => identity,
            None => {
                let tenants = self.tenants().await.map_err(|error| error.to_string())?;
                self.compiled(config, &tenants).await.map_err(|fault| fault.to_string())?
            }
        };
        Ok(instance::probe(identity.sources()).await)
    }

    /// Examines. Changes nothing, and ends within seconds.
    ///
    /// # Errors
    /// The question cannot be answered: nothing asked, no such record, no such service, no configuration that compiles.
    pub async fn examine(&self, question: &Question, config: Arc<Config>) -> Result<Diagnosis, Fault> {
        let invalid = |what: String| Fault::new(codes::PARAMETER_INVALID).detail(what);
        if question.token.is_none() && question.request.is_none() {
            return Err(invalid("give a token, or the id of a request".to_owned()));
        }
        let given = [&question.token, &question.good];
        if given.into_iter().flatten().any(|text| text.len() > LONGEST) {
            return Err(invalid(format!("a credential of more than {LONGEST} bytes is none")));
        }
        // The directory may be what is broken: then the rest is examined without its tenants. Not for whom they bound.
        let (tenants, scope) = match question.tenant {
            None => (self.tenants().await.unwrap_or_default(), None),
            Some(id) => {
                let tenants = self.tenants().await?;
                let own = tenants.iter().find(|tenant| tenant.id == id);
                let own = own.ok_or_else(|| {
                    Fault::new(codes::OPERATOR_FORBIDDEN).detail("your tenant is not there any more")
                })?;
                let scope = Scope::of(own, &config);
                (tenants, Some(scope))
            }
        };
        let record = match question.request {
            Some(id) => Some(entity::records::find_soon(self.store(), id, self.0.clock.now()).await?.filter(|record| {
                scope.as_ref().is_none_or(|scope| scope.has(record))
            }).ok_or_else(|| {
                Fault::new(codes::RESOURCE_NOT_FOUND).detail(
                    "there is no record of this request; it may be of another gateway, or older than the retention",
                )
            })?),
            None => None,
        };
        // What is compiled is what is in force, whole; what is shown is what may be seen.
        let identity = self.identity(&config, &tenants).await?;
        let (config, tenants) = match &scope {
            None => (config, tenants),
            Some(scope) => {
                let own = tenants.into_iter().filter(|tenant| tenant.id == scope.tenant).collect();
                (Arc::new(scope.config(&config)), own)
            }
        };
        let named = question.service.as_deref().or_else(|| record.as_ref()?.service.as_deref());
        let service = match named {
            Some(name) => config.services.iter().find(|service| service.name.as_str() == name).cloned(),
            None => None,
        };
        if let (Some(asked), None) = (&question.service, &service) {
            return Err(invalid(format!("there is no service `{}`", asked.escape_debug())));
        }
        let now = self.0.clock.now();
        let ground = Ground {
            identity: &identity,
            tenants: &tenants,
            service: service.as_ref(),
            scope: scope.as_ref(),
            now,
        };
        let course = match (&question.token, &record) {
            (Some(token), _) => ground.course_of(token).await,
            (None, Some(record)) => ground.course_recorded(record).await,
            (None, None) => Course::default(),
        };
        let case = self.case((question, record, service), (config, tenants, identity, scope), course, now);
        let mut diagnosis = diagnose(&case).await;
        if let Some(good) = &question.good {
            let good_course = case.ground().course_of(good).await;
            diagnosis.comparison = compare::tokens((good, &good_course), &case);
        }
        Ok(diagnosis)
    }

    fn case(
        &self,
        (question, record, service): (&Question, Option<Record>, Option<Service>),
        (config, tenants, identity, scope): (Arc<Config>, Vec<Arc<Tenant>>, Arc<Identity>, Option<Scope>),
        course: Course,
        now: Timestamp,
    ) -> Case {
        let facts = course.seen.token.clone().or_else(|| record.as_ref()?.token.clone());
        let parsed = question.token.as_deref().and_then(|token| Unverified::parse(token).ok());
        let json = |text: &str| serde_json::from_str::<Value>(text).ok();
        let claims = match &parsed {
            Some(token) => json(token.claimed().json()),
            None => facts.as_ref().and_then(|facts| json(&facts.claims)),
        };
        let header = match &parsed {
            Some(token) => json(&token.header_json()),
            None => facts.as_ref().and_then(|facts| json(&facts.header)),
        };
        let explanation = question
            .token
            .as_deref()
            .map(|token| explain(token, &self.at_hand(question, &config, &identity, &course, now)));
        Case {
            now,
            called_at: match (&question.token, &record) {
                (None, Some(record)) => record.at,
                _ => now,
            },
            scope,
            config,
            tenants,
            identity,
            store: self.store().clone(),
            secrets: self.0.secrets.clone(),
            probe: self.0.probe.clone(),
            directory: self.0.directory.clone(),
            token: question.token.clone(),
            record,
            service,
            course,
            claims,
            header,
            explanation,
        }
    }

    /// What the issuer's tokens are explained with: rules, keys, secrets, and the good token.
    fn at_hand(
        &self,
        question: &Question,
        config: &Config,
        identity: &Identity,
        course: &Course,
        now: Timestamp,
    ) -> AtHand {
        let issuer = course.seen.issuer.as_ref();
        let mut hand = issuer
            .and_then(|issuer| identity.at_hand(issuer, now))
            .unwrap_or_else(|| AtHand::new(now.micros()));
        let configured = config.issuers.iter().find(|configured| Some(&configured.name) == issuer);
        if let Some(reference) = configured.and_then(|issuer| issuer.secret.as_ref())
            && let Ok(secret) = self.0.secrets.read(reference)
        {
            hand = hand.secret(secret.expose().clone());
        }
        match &question.good {
            Some(good) => hand.token(good.clone()),
            None => hand,
        }
    }

    async fn tenants(&self) -> Result<Vec<Arc<Tenant>>, portcullis_store::Error> {
        let mut tenants: Vec<Arc<Tenant>> = Vec::new();
        loop {
            let page = Page { after: tenants.last().map(|tenant| tenant.id.0), limit: Page::MOST };
            let more = entity::tenants::list(self.store(), page).await?;
            let last = more.len() < Page::MOST as usize;
            tenants.extend(more.into_iter().map(Arc::new));
            if last {
                return Ok(tenants);
            }
        }
    }

    /// What is in force in this process; beside no running one, the same compiled of the configuration, with key sets
    /// fetched for it alone.
    async fn identity(&self, config: &Config, tenants: &[Arc<Tenant>]) -> Result<Arc<Identity>, Fault> {
        if let Some(identity) = (self.0.in_force)() {
            return Ok(identity);
        }
        let identity = self.compiled(config, tenants).await?;
        self.warm().await;
        Ok(identity)
    }

    /// The configuration compiled for this examination alone.
    async fn compiled(&self, config: &Config, tenants: &[Arc<Tenant>]) -> Result<Arc<Identity>, Fault> {
        self.0.secrets.load_stored(self.store()).await?;
        let specification = Specification {
            version: 1,
            tenants: tenants.to_vec(),
            issuers: config.issuers.clone(),
            sources: config.sources.clone(),
            policies: config.policies.clone(),
            ..Specification::default()
        };
        let identity =
            Identity::compile(&specification, &self.0.runtime, &self.0.secrets).map_err(|problems| {
                let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
                Fault::new(codes::PARAMETER_INVALID)
                    .detail(format!("the configuration does not compile: {}", all.join("; ")))
            })?;
        Ok(Arc::new(identity))
    }

    async fn warm(&self) {
        let ready = async {
            loop {
                self.0.runtime.tick().await;
                let settled = |set: &portcullis_identity::jwks::KeySetFacts| {
                    set.keys.is_some() || set.last_error.is_some()
                };
                if self.0.runtime.key_sets().iter().all(settled) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // Whoever does not answer in time is told of as not having answered.
        let _ = tokio::time::timeout(WARMING, ready).await;
    }
}

/// What credentials are examined with, and for whom.
pub(crate) struct Ground<'a> {
    pub identity: &'a Identity,
    pub tenants: &'a [Arc<Tenant>],
    pub service: Option<&'a Service>,
    pub scope: Option<&'a Scope>,
    pub now: Timestamp,
}

impl Ground<'_> {
    /// Runs the request path's own steps on a credential, watched and without effects.
    pub async fn course_of(&self, token: &str) -> Course {
        let mut course = Course::default();
        if let Err(fault) = travel(self, token, &mut course).await {
            course.refusal = Some(Refusal::from(&fault));
        }
        self.confined(course)
    }

    /// The course of a record: what it says of the signature and the claims stands; the subject is resolved again.
    async fn course_recorded(&self, record: &Record) -> Course {
        self.confined(course_recorded(self.identity, record).await)
    }

    fn confined(&self, mut course: Course) -> Course {
        if let Some(scope) = self.scope {
            scope.confine(&mut course);
        }
        course
    }
}

async fn travel(ground: &Ground<'_>, token: &str, course: &mut Course) -> Result<(), Fault> {
    let identity = ground.identity;
    let value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
        Fault::new(codes::CREDENTIAL_MALFORMED)
            .detail("the credential has line breaks or control characters in it, which no header can carry")
    })?;
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    request.headers_mut().insert(header::AUTHORIZATION, value);
    let connection = ConnectionFacts::from_address(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let seen: &mut Witness = &mut course.seen;
    let caller =
        Box::pin(identity.authenticate(&request, &Places::default(), &connection, Effects::Dry, seen))
            .await?;
    if let Caller::Token(token) = &caller {
        course.caller = Some(Examined::from(token));
    }
    let principal = identity.resolve(&caller, Effects::Dry, &mut course.seen).await?;
    let principal = Arc::new(principal);
    course.principal = Some(principal.clone());
    let Some(service) = ground.service.filter(|service| service.auth == AuthMode::Required) else {
        return Ok(());
    };
    let rules = ServiceRules::compile(service, ground.tenants)
        .map_err(|problem| Fault::new(codes::INTERNAL).context(problem.to_string()))?;
    let facts = CallFacts {
        method: &Method::GET,
        path: &service.path,
        client: connection.client,
        now: ground.now,
        caller: Some(&caller),
    };
    identity.would_authorize(principal, &rules, &facts)
}

async fn course_recorded(identity: &Identity, record: &Record) -> Course {
    let mut course = Course::default();
    course.seen.token = record.token.clone();
    let name = record.token.as_ref().and_then(|facts| facts.issuer.as_deref());
    course.seen.issuer = name.and_then(|name| portcullis_model::Name::new(name).ok());
    let refused = matches!(record.outcome, Outcome::Refused | Outcome::Cut);
    course.refusal = match (&record.code, &record.would_refuse) {
        (Some(code), _) if refused => Some(Refusal::recorded(code, record.detail.as_deref())),
        (_, Some(code)) => Some(Refusal::recorded(code, record.detail.as_deref())),
        _ => None,
    };
    let before = course.refusal.as_ref().is_some_and(|refusal| refusal.stage < Stage::Resolve);
    if let Some(facts) = record.token.as_ref().filter(|_| !before)
        && let Ok(examined) = identity.recorded(facts)
    {
        let resolved = identity.resolve_examined(&examined, &mut course.seen).await;
        course.principal = resolved.ok().map(Arc::new);
        course.caller = Some(examined);
    }
    course
}

async fn diagnose(case: &Case) -> Diagnosis {
    let mut findings: Vec<Finding> = Vec::new();
    let (mut in_order, mut not_observable) = (Vec::new(), Vec::new());
    for check in CHECKS {
        let checked = |detail: String| Checked { check: check.name().to_owned(), detail };
        match tokio::time::timeout(PATIENCE, check.examine(case)).await {
            Ok(Seen::Found(found)) => findings.extend(found),
            Ok(Seen::InOrder(what)) => in_order.push(checked(what)),
            Ok(Seen::NotObservable(why)) => not_observable.push(checked(why)),
            Ok(Seen::Nothing) => {}
            Err(_) => {
                not_observable.push(checked(format!("it did not end within {} s", PATIENCE.as_secs())));
            }
        }
    }
    // The cause of the refusal that happened comes before whatever else is wrong.
    let failed = case.failed();
    findings.sort_by_key(|finding| {
        (finding.likelihood == Likelihood::Aside, Some(finding.stage) != failed, finding.likelihood)
    });
    let mut once: Vec<Finding> = Vec::new();
    for finding in findings {
        if !once.iter().any(|other| other.code == finding.code && other.summary == finding.summary) {
            once.push(finding);
        }
    }
    let refusal = case.course.refusal.as_ref();
    // What the refusal itself says is worth a finding only where nobody has a better word for it.
    let better =
        once.iter().any(|finding| Some(finding.stage) == failed && finding.likelihood < Likelihood::Possible);
    if better && let Some(refusal) = refusal {
        once.retain(|finding| finding.likelihood != Likelihood::Possible || finding.code != refusal.code);
    }
    Diagnosis {
        verdict: path::verdict(case, once.first()),
        accepted: refusal.is_none(),
        code: refusal.map(|refusal| refusal.code.clone()),
        examined_at: case.now.rfc3339(),
        running: case.probe.is_some(),
        path: path::steps(case),
        findings: once,
        in_order,
        not_observable,
        comparison: Vec::new(),
    }
}
