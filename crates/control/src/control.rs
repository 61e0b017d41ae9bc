//! The control plane as a whole: what it is made of, and its router.

use crate::answer::{Refused, finish, nowhere, other_method, seal};
use crate::caller::{Caller, authenticate, authenticate_anybody};
use crate::figures::Board;
use crate::health::{self, Readiness};
use crate::places::{Place, Places};
use crate::publish::Publisher;
use crate::rate::Rate;
use crate::sinks::Deliveries;
use crate::workbench::Remote;
use crate::workbench::serve::Bench;
use crate::{exposition, openapi, pages, scim};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::Method;
use portcullis_doctor::Doctor;
use portcullis_fault::{Fault, codes};
use portcullis_identity::directory::Directory;
use portcullis_identity::{LocalIssuer, Runtime};
use portcullis_model::audit::Audit;
use portcullis_model::tenant::Origin;
use portcullis_model::{AuditId, Clock, Rng, Tenant, TenantId, issuer};
use portcullis_net::accept::FailureBudget;
use portcullis_net::egress::Egress;
use portcullis_store::spool::Stored;
use portcullis_store::{DataDir, Store, entity};
use serde_json::Value;
use std::sync::Arc;

/// The control plane. Cheap to clone.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    parts: Parts,
    rate: Rate,
    bench: Bench,
    figures: Board,
    turns: scim::Turns,
    patient: Places<String>,
}

/// At a time for one operator's credential, of what takes seconds: examinations, and waiting for records.
const PATIENT: usize = 4;

/// What the control plane is made of.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Tells when the database has what this process recorded; none where nothing is served.
    pub stored: Option<Stored>,
    /// The data directory, for backups.
    pub data: Arc<DataDir>,
    /// The write side of the directory.
    pub directory: Directory,
    /// Key sets of the issuers.
    pub identity: Arc<Runtime>,
    /// The issuer of tokens for testing.
    pub local: Arc<LocalIssuer>,
    /// Who finds out why a caller was refused.
    pub doctor: Doctor,
    /// What is published.
    pub publisher: Arc<Publisher>,
    /// Who is told of events.
    pub sinks: Deliveries,
    /// What else must be ready.
    pub readiness: Arc<dyn Readiness>,
    /// Metrics as Prometheus text.
    pub exposition: Box<dyn Fn() -> String + Send + Sync>,
    /// Whether `/metrics` needs no credential: only where the listener is reached from this machine alone.
    pub metrics_open: bool,
    /// Failed credentials per source.
    pub failures: FailureBudget,
    /// Requests per second and credential.
    pub rate: u32,
    /// The way out to key sets that callers of the workbench name.
    pub egress: Egress,
    /// How that way is: proxy, time-outs, certificates. Whatever it says, only public hosts are asked.
    pub fetching: issuer::Egress,
    /// The URL below which pages of codes are, as `http://127.0.0.1:8081/errors`.
    pub pages: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
}

/// What takes seconds is under way for as long as this is kept.
pub(crate) struct Patience<'c> {
    _place: Option<Place<'c, String>>,
}

impl Control {
    /// Builds it.
    pub fn new(parts: Parts) -> Self {
        let rate = Rate::new(parts.rate);
        let remote = Remote::new(parts.egress.clone(), parts.fetching.clone());
        let bench = Bench::new(remote, parts.clock.clone(), parts.rng.clone());
        let (figures, turns) = (Board::new(), scim::Turns::new());
        Self(Arc::new(Inner { parts, rate, bench, figures, turns, patient: Places::new(PATIENT) }))
    }

    /// Everything that the control plane serves. Whoever serves it puts an [`crate::Entrance`] into each request's
    /// extensions.
    pub fn router(&self) -> Router {
        let (admin, workbench, _) = openapi::described();
        let admin = admin.layer(from_fn_with_state(self.clone(), authenticate));
        let workbench = workbench.layer(from_fn_with_state(self.clone(), authenticate_anybody));
        Router::new()
            .merge(admin)
            .merge(workbench)
            .merge(scim::routes(self))
            .merge(exposition::route(self))
            .route("/health/live", get(health::live))
            .route("/health/ready", get(health::ready))
            .route("/errors", get(pages::index))
            .route("/errors/{code}", get(pages::page))
            .route("/openapi.json", get(pages::openapi))
            .fallback(nowhere)
            .method_not_allowed_fallback(other_method)
            .layer(from_fn_with_state(self.clone(), seal))
            .with_state(self.clone())
    }

    /// The answer to a request that was refused before it reached the router.
    pub fn refuse(&self, fault: Fault, method: &Method, path: &str) -> Response {
        finish(self, Refused(fault).into_response(), method, path)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.parts.store
    }

    pub(crate) fn stored(&self) -> Option<&Stored> {
        self.0.parts.stored.as_ref()
    }

    pub(crate) fn data(&self) -> &DataDir {
        &self.0.parts.data
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.0.parts.directory
    }

    pub(crate) fn identity(&self) -> &Arc<Runtime> {
        &self.0.parts.identity
    }

    pub(crate) fn local(&self) -> &LocalIssuer {
        &self.0.parts.local
    }

    pub(crate) fn doctor(&self) -> &Doctor {
        &self.0.parts.doctor
    }

    pub(crate) fn publisher(&self) -> &Publisher {
        &self.0.parts.publisher
    }

    pub(crate) fn sinks(&self) -> &Deliveries {
        &self.0.parts.sinks
    }

    pub(crate) fn readiness(&self) -> &dyn Readiness {
        &*self.0.parts.readiness
    }

    pub(crate) fn exposition(&self) -> String {
        (self.0.parts.exposition)()
    }

    pub(crate) fn metrics_open(&self) -> bool {
        self.0.parts.metrics_open
    }

    pub(crate) fn failures(&self) -> &FailureBudget {
        &self.0.parts.failures
    }

    pub(crate) fn rate(&self) -> &Rate {
        &self.0.rate
    }

    pub(crate) fn bench(&self) -> &Bench {
        &self.0.bench
    }

    pub(crate) fn figures(&self) -> &Board {
        &self.0.figures
    }

    pub(crate) fn turns(&self) -> &scim::Turns {
        &self.0.turns
    }

    /// A place for something that takes seconds, unless the caller has all of its own. As with the rate limit, whoever is on
    /// this host and owns the process has no bound.
    pub(crate) fn patience(&self, caller: &Caller) -> Option<Patience<'_>> {
        if caller.entrance().is_local() {
            return Some(Patience { _place: None });
        }
        let place = self.0.patient.take(&caller.actor().name)?;
        Some(Patience { _place: Some(place) })
    }

    pub(crate) fn egress(&self) -> &Egress {
        &self.0.parts.egress
    }

    pub(crate) fn clock_handle(&self) -> &Arc<dyn Clock> {
        &self.0.parts.clock
    }

    pub(crate) fn pages(&self) -> &str {
        &self.0.parts.pages
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.parts.clock
    }

    pub(crate) fn rng(&self) -> &dyn Rng {
        &*self.0.parts.rng
    }

    /// Passes when the API owns the tenant; otherwise the refusal names the file to change it in.
    pub(crate) fn refuse_if_owned_by_file(&self, tenant: &Tenant) -> Result<(), Refused> {
        if tenant.origin == Origin::Api {
            return Ok(());
        }
        let files = self.publisher().status().files;
        let file = files
            .first()
            .map_or_else(|| "the configuration file".to_owned(), |file| format!("`{}`", file.display()));
        let name = &tenant.name;
        Err(Refused(
            Fault::new(codes::OWNED_BY_FILE).detail(format!(
                "the tenant `{name}` is owned by the configuration file; change it in {file}"
            )),
        ))
    }

    /// Notes in the audit log what leaves no other trace in the store.
    pub(crate) async fn note(
        &self,
        caller: &Caller,
        tenant: Option<TenantId>,
        action: &str,
        target: String,
        after: Value,
    ) -> Result<(), Refused> {
        let entry = Audit {
            id: AuditId::generate(self.clock(), self.rng()),
            at: self.clock().now(),
            actor: caller.actor().name.clone(),
            source: caller.actor().source.clone(),
            tenant,
            action: action.to_owned(),
            target,
            before: Value::Null,
            after,
        };
        let mut tx = self.store().begin().await?;
        entity::audit::insert(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok(())
    }
}
