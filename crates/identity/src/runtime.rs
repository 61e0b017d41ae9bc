//! What outlives configurations: key sets, caches, revocations, and the ear for the directory's events.

use crate::authenticate::remembered::TokenCache;
use crate::decryption::{DecryptionKeyFacts, OwnKeys};
use crate::jwks::{KeySetFacts, KeySource, Ring, RingParts};
use crate::local::LocalIssuer;
use crate::lookup::{Invalidation, Limits, Shared};
use crate::metric;
use crate::operations::Operations;
use crate::resolve::Resolver;
use crate::revocation::{RevocationList, Revocations};
use crate::secrets::Pepper;
use crate::single_use::Uses;
use crate::sources::kinds::{self, Wrong};
use crate::sources::{Outside, Source};
use arc_swap::Guard;
use portcullis_config::{Breaker, Resolution};
use portcullis_fault::{Fault, codes};
use portcullis_jose::KeySet;
use portcullis_model::event::{Change, Event};
use portcullis_model::{
    ApiKeyId, Application, ApplicationId, ByteSize, Clock, Issuer, Name, Tenant, TenantId, Timestamp, UserId,
};
use portcullis_net::egress::Egress;
use portcullis_store::entity::{api_keys, tenants};
use portcullis_store::{Signal, Store};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a runtime is made of.
pub struct RuntimeParts {
    /// The database.
    pub store: Store,
    /// Where users, applications and keys are looked up.
    pub source: Arc<dyn Source>,
    /// The way out to issuers.
    pub egress: Egress,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The key that API keys are hashed under.
    pub pepper: Pepper,
    /// How users are looked up.
    pub resolution: Resolution,
    /// Memory for tokens that were verified before.
    pub token_cache: ByteSize,
    /// The issuer of this installation, when it has one.
    pub local: Option<Arc<LocalIssuer>>,
}

/// What outlives configurations. One per process.
pub struct Runtime {
    store: Store,
    source: Arc<dyn Source>,
    egress: Egress,
    clock: Arc<dyn Clock>,
    pepper: Pepper,
    local: Option<Arc<LocalIssuer>>,
    tokens: TokenCache,
    token_counts: metric::Tokens,
    resolver: Resolver,
    invalidation: Arc<Invalidation>,
    revocations: Revocations,
    revocation_count: AtomicU64,
    uses: Uses,
    versions: Arc<AtomicU64>,
    rings: Mutex<Vec<(Name, KeySource, Weak<Ring>)>>,
    own_keys: Mutex<Vec<Weak<OwnKeys>>>,
    outsides: Mutex<Vec<Opened>>,
    resolution: Resolution,
    operations: Operations,
    configurations: Mutex<Configurations>,
    key_uses: Mutex<HashMap<ApiKeyId, Timestamp>>,
    tasks: TaskTracker,
}

/// A user source's configuration, the digest of its secrets, and what was made of them.
type Opened = (portcullis_model::Source, [u8; 32], Weak<Outside>);

/// Numbers of issuers' configurations: the same for the same.
#[derive(Default)]
struct Configurations {
    next: u64,
    known: Vec<(Issuer, u64)>,
}

/// Configurations of issuers that are told apart; of those before, the oldest are forgotten and get new numbers.
const CONFIGURATIONS: usize = 1_024;
/// API keys whose last use waits to be written.
const KEY_USES: usize = 100_000;
/// How often last uses are written: soon enough for whoever tries a key and then looks.
const KEY_USE_INTERVAL: Duration = Duration::from_secs(10);
/// How often key sets are looked after.
const TICK: Duration = Duration::from_secs(1);
/// How long look-ups under way are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(2);

impl Runtime {
    /// Puts the parts together. Nothing is asked of anybody yet.
    pub fn new(parts: RuntimeParts) -> Arc<Self> {
        let RuntimeParts { store, source, egress, clock, pepper, resolution, token_cache, local } = parts;
        let capacity = resolution.capacity as usize;
        let invalidation = Arc::new(Invalidation::new(capacity));
        let tasks = TaskTracker::new();
        let shared = Shared {
            clock: clock.clone(),
            invalidation: invalidation.clone(),
            breaker: Arc::new(crate::breaker::Breaker::new(
                "database",
                resolution.breaker.failures,
                resolution.breaker.open.0,
            )),
            tasks: tasks.clone(),
        };
        let limits = Limits {
            capacity,
            queue: resolution.queue as usize,
            timeout: resolution.timeout.0,
            positive: resolution.positive_ttl.0,
            negative: resolution.negative_ttl.0,
            stale: resolution.stale.0,
        };
        Arc::new(Self {
            resolver: Resolver::new(source.clone(), limits, &shared),
            revocations: Revocations::new(store.clone(), clock.clone()),
            uses: Uses::new(store.clone(), clock.clone(), &resolution, tasks.clone()),
            store,
            source,
            egress,
            clock,
            pepper,
            local,
            tokens: TokenCache::new(token_cache.0),
            token_counts: metric::Tokens::new(),
            invalidation,
            revocation_count: AtomicU64::new(0),
            versions: Arc::new(AtomicU64::new(1)),
            rings: Mutex::default(),
            own_keys: Mutex::default(),
            outsides: Mutex::default(),
            resolution,
            operations: Operations::new(tasks.clone()),
            configurations: Mutex::default(),
            key_uses: Mutex::default(),
            tasks,
        })
    }

    /// Follows the directory's events, refreshes key sets, writes last uses of keys. Ends with `shutdown`.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut events = self.store.events().subscribe();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut uses_at = self.clock.now();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                signal = events.next() => self.hear(signal).await,
                _ = tick.tick() => {
                    self.tick().await;
                    let now = self.clock.now();
                    if now.since(uses_at) >= KEY_USE_INTERVAL {
                        uses_at = now;
                        self.write_key_uses().await;
                    }
                }
            }
        }
        self.write_key_uses().await;
        self.tasks.close();
        if tokio::time::timeout(FAREWELL, self.tasks.wait()).await.is_err() {
            tracing::debug!("look-ups or fetches were still under way at the end");
        }
    }

    /// What is due: refreshes of key sets, a revocation list that could not be read. About once a second.
    pub async fn tick(&self) {
        let now = self.clock.now();
        for ring in self.rings() {
            ring.tick(now);
        }
        if self.revocations.is_due() {
            self.read_revocations().await;
        }
        #[expect(clippy::cast_precision_loss, reason = "a metric")]
        metrics::gauge!("portcullis_token_cache_bytes").set(self.tokens.weight() as f64);
        #[expect(clippy::cast_precision_loss, reason = "a metric")]
        metrics::gauge!("portcullis_token_cache_tokens").set(self.tokens.len() as f64);
    }

    /// Takes note of what the event log says.
    pub async fn hear(&self, signal: Signal) {
        match signal {
            Signal::Events(events) => {
                self.apply(&events);
                if self.revocations.is_due() {
                    self.read_revocations().await;
                }
                self.invalidation.announce();
            }
            Signal::Lost => {
                metrics::counter!("portcullis_directory_events_lost_total").increment(1);
                self.revocations.outdate();
                self.invalidation.doubt_everything(true);
            }
            Signal::Restored => {
                self.revocations.outdate();
                self.read_revocations().await;
                self.invalidation.doubt_everything(false);
            }
        }
    }

    fn apply(&self, events: &[Event]) {
        let mut tags = Vec::with_capacity(events.len());
        let mut births = false;
        for event in events {
            match &event.change {
                Change::User { user, .. }
                | Change::IdentityLinked { user, .. }
                | Change::IdentityUnlinked { user, .. } => {
                    births = true;
                    tags.push(user.0);
                }
                Change::RoleChanged { user, .. } | Change::TeamChanged { user, .. } => tags.push(user.0),
                // Whoever is in it, or in a team below it, has its id among what the answer depends on.
                Change::Team { team, .. } => {
                    tags.push(team.0);
                    tags.extend(event.tenant.map(crate::resolve::tree_tag));
                }
                Change::Application { application } => {
                    births = true;
                    tags.push(application.0);
                }
                Change::ApiKey { api_key } => {
                    births = true;
                    tags.push(api_key.0);
                }
                Change::Tenant { tenant } => tags.push(tenant.0),
                Change::Revocation | Change::KeyDistrusted { .. } => self.revocations.outdate(),
                // The configuration that names it is compiled again by whoever publishes.
                Change::Secret { .. } => {}
            }
        }
        self.invalidation.touch(&tags);
        if births {
            self.invalidation.birth();
        }
    }

    async fn read_revocations(&self) {
        match self.revocations.read().await {
            Ok(()) => {
                self.revocation_count.fetch_add(1, Ordering::AcqRel);
                self.invalidation.announce();
            }
            Err(error) => {
                tracing::warn!(%error, "the revocation list cannot be read; the one of before stays in force")
            }
        }
    }

    /// The revocation list in force. The first call of all reads it.
    pub(crate) async fn revocations(&self) -> Result<Revoked, Fault> {
        if let Some(list) = self.revocations.list() {
            return Ok(Revoked(list));
        }
        // In a box: every call carries this future along, and almost none needs it.
        let read = Box::pin(tokio::time::timeout(Duration::from_secs(1), self.revocations.read())).await;
        let reason = match read {
            Ok(Ok(())) => match self.revocations.list() {
                Some(list) => return Ok(Revoked(list)),
                None => "the revocation list was not read yet".to_owned(),
            },
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database did not answer within 1 s".to_owned(),
        };
        Err(Fault::new(codes::RESOLUTION_UNAVAILABLE)
            .context(format!("no token is accepted before the revocation list was read: {reason}"))
            .retry_after(Duration::from_secs(1)))
    }

    /// The uses of tokens that are for one call.
    pub(crate) fn uses(&self) -> &Uses {
        &self.uses
    }

    /// How often the revocation list was read.
    pub(crate) fn revocation_count(&self) -> u64 {
        self.revocation_count.load(Ordering::Acquire)
    }

    /// The ring of a key source: the one in use, or a new one.
    pub(crate) fn ring(
        &self,
        issuer: &Name,
        source: &KeySource,
        keys: Option<KeySet>,
    ) -> Result<Arc<Ring>, (&'static str, String)> {
        let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        rings.retain(|(_, _, ring)| ring.strong_count() > 0);
        let known = rings.iter().find(|(name, known, _)| name == issuer && known == source);
        if let Some(ring) = known.and_then(|(_, _, ring)| ring.upgrade()) {
            return Ok(ring);
        }
        let parts = |ration| RingParts {
            issuer: issuer.clone(),
            clock: self.clock.clone(),
            tasks: self.tasks.clone(),
            versions: self.versions.clone(),
            ration,
        };
        let ring = source.ring(parts, keys, &self.egress)?;
        rings.push((issuer.clone(), source.clone(), Arc::downgrade(&ring)));
        Ok(ring)
    }

    /// The number of an issuer's configuration.
    pub(crate) fn number(&self, issuer: &Issuer) -> u64 {
        let mut configurations = self.configurations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, number)) = configurations.known.iter().find(|(known, _)| known == issuer) {
            return *number;
        }
        configurations.next += 1;
        let number = configurations.next;
        configurations.known.push((issuer.clone(), number));
        if configurations.known.len() > CONFIGURATIONS {
            configurations.known.remove(0);
        }
        number
    }

    fn rings(&self) -> Vec<Arc<Ring>> {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        rings.iter().filter_map(|(_, _, ring)| ring.upgrade()).collect()
    }

    /// The state of every issuer's keys, with the sets of before.
    pub fn key_sets(&self) -> Vec<KeySetFacts> {
        self.rings().iter().map(|ring| ring.facts()).collect()
    }

    /// Takes note of the keys that an issuer's tokens are encrypted to, for as long as a configuration has them.
    pub(crate) fn note_own_keys(&self, keys: &Arc<OwnKeys>) {
        let mut known = self.own_keys.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|keys| keys.strong_count() > 0);
        known.push(Arc::downgrade(keys));
    }

    /// The keys that issuers' tokens are encrypted to, of the configuration compiled last that is still there.
    pub fn decryption_keys(&self) -> Vec<(Name, Vec<DecryptionKeyFacts>)> {
        let known = self.own_keys.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<(Name, Vec<DecryptionKeyFacts>)> = Vec::new();
        for keys in known.iter().rev().filter_map(Weak::upgrade) {
            if !all.iter().any(|(issuer, _)| issuer == keys.issuer()) {
                all.push((keys.issuer().clone(), keys.facts()));
            }
        }
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// A user source: the one in use when nothing about it has changed, its secrets included, with what it remembers.
    pub(crate) fn outside(
        &self,
        source: &portcullis_model::Source,
        secrets: &dyn portcullis_model::secret_ref::SecretSource,
    ) -> Result<Arc<Outside>, Wrong> {
        let digest = secrets_of(source, secrets);
        let mut known = self.outsides.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(_, _, outside)| outside.strong_count() > 0);
        let same = known.iter().rev().find(|(of, with, _)| of == source && *with == digest);
        if let Some(outside) = same.and_then(|(_, _, outside)| outside.upgrade()) {
            return Ok(outside);
        }
        let parts = kinds::Parts { egress: &self.egress, secrets, clock: &self.clock };
        let foreign = kinds::open(source, &parts)?;
        let Breaker { failures, open } = source.breaker;
        let shared = Shared {
            clock: self.clock.clone(),
            invalidation: self.invalidation.clone(),
            breaker: Arc::new(crate::breaker::Breaker::new(source.name.as_str(), failures, open.0)),
            tasks: self.tasks.clone(),
        };
        let resolution = &self.resolution;
        let limits = Limits {
            capacity: resolution.capacity as usize,
            queue: source.queue as usize,
            // The source has its own, twice where it is asked again by the key; what is left is for the shadow in our own
            // directory.
            timeout: source.timeout.0.saturating_mul(2).saturating_add(resolution.timeout.0),
            positive: source.positive_ttl.unwrap_or(resolution.positive_ttl).0,
            negative: source.negative_ttl.unwrap_or(resolution.negative_ttl).0,
            stale: source.stale.0,
        };
        let outside = Outside::new(source, foreign, self.source.clone(), limits, shared);
        known.push((source.clone(), digest, Arc::downgrade(&outside)));
        Ok(outside)
    }

    /// The user sources of all configurations in use, the latest of each name.
    pub(crate) fn outsides(&self) -> Vec<Arc<Outside>> {
        let known = self.outsides.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Arc<Outside>> = Vec::new();
        for outside in known.iter().rev().filter_map(|(_, _, outside)| outside.upgrade()) {
            if !all.iter().any(|other| other.name == outside.name) {
                all.push(outside);
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Counts changes of the directory that may concern who is calling. A receiver that changes is a reason to ask
    /// whether a principal still stands.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.invalidation.changes()
    }

    /// Notes that a key was used; written to the database about every ten seconds.
    pub(crate) fn key_used(&self, id: ApiKeyId, at: Timestamp) {
        let mut uses = self.key_uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < KEY_USES || uses.contains_key(&id) {
            uses.insert(id, at);
        }
    }

    /// Writes the last uses of keys that are not written yet.
    pub async fn write_key_uses(&self) {
        let uses = std::mem::take(&mut *self.key_uses.lock().unwrap_or_else(PoisonError::into_inner));
        if uses.is_empty() {
            return;
        }
        let used: Vec<_> = uses.into_iter().collect();
        if let Err(error) = api_keys::touch(&self.store, &used).await {
            tracing::warn!(%error, "the last uses of API keys could not be written");
            for (id, at) in used {
                let mut uses = self.key_uses.lock().unwrap_or_else(PoisonError::into_inner);
                uses.entry(id).or_insert(at);
            }
        }
    }

    pub(crate) async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, portcullis_store::Error> {
        tenants::find(&self.store, id).await
    }

    pub(crate) async fn application(&self, id: ApplicationId) -> Result<Option<Application>, String> {
        self.source.application(id).await
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    pub(crate) fn local(&self) -> Option<&LocalIssuer> {
        self.local.as_deref()
    }

    pub(crate) fn tokens(&self) -> &TokenCache {
        &self.tokens
    }

    pub(crate) fn token_counts(&self) -> &metric::Tokens {
        &self.token_counts
    }

    pub(crate) fn operations(&self) -> &Operations {
        &self.operations
    }

    pub(crate) fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    pub(crate) fn invalidation(&self) -> &Invalidation {
        &self.invalidation
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Runtime")
    }
}

/// What a source's secrets are at the moment, as a digest.
fn secrets_of(
    source: &portcullis_model::Source,
    secrets: &dyn portcullis_model::secret_ref::SecretSource,
) -> [u8; 32] {
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for reference in source.secrets() {
        let secret = secrets.read(reference);
        let bytes = secret.as_ref().map_or(&[][..], |secret| secret.expose().as_slice());
        digest.update(&(bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    }
    let mut out = [0; 32];
    out.copy_from_slice(digest.finish().as_ref());
    out
}

/// The revocation list, for the length of one look.
pub(crate) struct Revoked(Guard<Option<Arc<RevocationList>>>);

impl Revoked {
    pub fn token(
        &self,
        issuer: &Name,
        claims: &portcullis_jose::Claims,
        digest: &str,
    ) -> Option<&'static str> {
        self.0.as_deref().and_then(|list| list.token(issuer, claims, digest))
    }

    pub fn user(&self, user: UserId, claims: &portcullis_jose::Claims) -> Option<&'static str> {
        self.0.as_deref().and_then(|list| list.user(user, claims))
    }

    pub fn key(&self, issuer: &Name, kid: Option<&str>) -> bool {
        self.0.as_deref().is_some_and(|list| list.key(issuer, kid))
    }
}
