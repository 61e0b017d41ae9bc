//! The gateway: what lives as long as the process, and the snapshot that is in force.

use crate::beside::Beside;
use crate::body::Body;
use crate::limit::Limit;
use crate::measure::Meters;
use crate::record::Keeper;
use crate::snapshot::Snapshot;
use crate::trace::Spans;
use crate::upstream::Endpoints;
use crate::upstream::ai::held::Held;
use crate::upstream::ai::route::Health;
use arc_swap::ArcSwapOption;
use http::{Request, Response};
use hyper::body::Incoming;
use portcullis_config::Config;
use portcullis_fault::Fault;
use portcullis_identity::Runtime;
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Clock, Problem, Rng, Specification};
use portcullis_net::accept::{Connection, Drained, FailureBudget, FailureBudgetOptions, Listener, Service};
use portcullis_net::egress::Egress;
use portcullis_store::{Spool, Store};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a gateway is made of.
pub struct Parts {
    /// The settings that hold until a restart: the failure budget.
    pub config: Arc<Config>,
    /// Who is who.
    pub identity: Arc<Runtime>,
    /// Where it is kept whose something is that lives at a provider.
    pub store: Store,
    /// Where records go.
    pub spool: Spool,
    /// The way out.
    pub egress: Egress,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids of calls and spans, masks of goodbyes.
    pub rng: Arc<dyn Rng>,
    /// Where spans go; without, no call is traced by us, and traces of callers pass through.
    pub spans: Option<Spans>,
}

/// The data plane. Serves nothing until a snapshot was installed.
pub struct Gateway {
    pub(crate) snapshot: ArcSwapOption<Snapshot>,
    pub(crate) identity: Arc<Runtime>,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) endpoints: Endpoints,
    /// How AI deployments and keys are doing.
    pub(crate) health: Health,
    /// Whose something is that lives at a provider.
    pub(crate) held: Arc<Held>,
    pub(crate) limit: Arc<Limit>,
    pub(crate) budget: FailureBudget,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    /// Where what would hold a worker for too long is done.
    pub(crate) beside: Arc<Beside>,
    /// Tunnels and shared upstream connections: what outlives the call that began it.
    pub(crate) tasks: TaskTracker,
}

impl Gateway {
    /// Builds it.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { config, identity, store, spool, egress, clock, rng, spans } = parts;
        let tasks = TaskTracker::new();
        let budget = &config.gateway.failure_budget;
        let budget = FailureBudgetOptions {
            failures: budget.failures,
            window: budget.window.0,
            ..FailureBudgetOptions::default()
        };
        Arc::new(Self {
            snapshot: ArcSwapOption::empty(),
            identity,
            keeper: Arc::new(Keeper { spool, spans, unrouted: Arc::new(Meters::new("", "")) }),
            endpoints: Endpoints::new(egress, tasks.clone()),
            health: Health::default(),
            held: Arc::new(Held::new(store)),
            limit: Limit::new(config.gateway.max_calls),
            budget: FailureBudget::new(budget, clock.clone()),
            clock,
            rng,
            beside: Arc::new(Beside::new(tasks.clone())),
            tasks,
        })
    }

    /// Compiles what the control plane publishes; all problems at once. Nothing is in force by this.
    pub fn compile(
        &self,
        specification: &Specification,
        config: &Config,
        secrets: &dyn SecretSource,
    ) -> Result<Snapshot, Vec<Problem>> {
        // What one that was never put in force made anew.
        self.health.sweep();
        Snapshot::compile(specification, config, secrets, &self.identity, &self.endpoints, &self.health)
    }

    /// Puts a snapshot in force, at once and as a whole. Calls under way end on the one they began with.
    pub fn install(&self, snapshot: Snapshot) {
        self.limit.set(snapshot.settings.max_calls);
        self.snapshot.store(Some(Arc::new(snapshot)));
        // What only the one before knew.
        self.health.sweep();
    }

    /// What is in force.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.load_full()
    }

    /// Whether calls can be served; otherwise, everything that is in the way.
    pub fn ready(&self) -> Result<(), Vec<String>> {
        let mut reasons = Vec::new();
        if self.snapshot.load().is_none() {
            reasons.push("no configuration is in force yet".to_owned());
        }
        if !self.keeper.spool.has_room() {
            reasons.push("the spool of records is full or its disk fails".to_owned());
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    /// Calls under way.
    pub fn under_way(&self) -> u32 {
        self.limit.under_way()
    }

    /// Keeps house until `shutdown`: idle upstream connections grow old. Then waits until the last tunnel has ended.
    pub async fn run(&self, shutdown: CancellationToken) {
        self.endpoints.run(shutdown).await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Serves what a listener takes, until `shutdown` and then for at most `drain`; how that went.
    ///
    /// Boxed: what serves connections is compiled here, for speed, and not in the program around it, which is compiled for
    /// size.
    pub fn listen(
        self: Arc<Self>,
        listener: Listener,
        shutdown: CancellationToken,
        drain: Duration,
    ) -> Pin<Box<dyn Future<Output = Drained> + Send>> {
        Box::pin(listener.serve(self, shutdown, drain))
    }

    /// Serves one call.
    pub async fn call(&self, request: Request<Incoming>, connection: Arc<Connection>) -> Response<Body> {
        self.serve(request, connection).await
    }
}

impl Service for Gateway {
    type Body = Body;

    fn call(
        &self,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> impl Future<Output = Response<Body>> + Send {
        self.serve(request, connection)
    }

    fn refuse(
        &self,
        fault: Fault,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> impl Future<Output = Response<Body>> + Send {
        self.refuse_unserved(fault, request, connection)
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("snapshot", &self.snapshot.load()).finish_non_exhaustive()
    }
}
