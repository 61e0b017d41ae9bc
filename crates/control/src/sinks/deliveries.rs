//! All sinks of this process: which there are, and a worker for each. Without any, nothing runs and nothing is asked of
//! the database.

use super::{Delivery, Next, Notice, Sink, Worker};
use portcullis_fault::defect::outlive;
use portcullis_model::{Clock, Rng};
use portcullis_store::{Store, Subscription};
use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The longest wait before a worker looks again: another node's operator may have asked for something.
const LOOK: Duration = Duration::from_secs(10);
/// How long a database that does not answer is left alone.
const AGAIN: Duration = Duration::from_secs(1);

type Sinks = Arc<Vec<Arc<dyn Sink>>>;

/// The sinks in force. Cheap to clone.
#[derive(Clone)]
pub struct Deliveries(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    sinks: watch::Sender<Sinks>,
    /// Counts wishes of operators.
    wishes: watch::Sender<u64>,
}

impl Deliveries {
    /// None yet.
    pub fn new(store: Store, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        let (sinks, wishes) = (watch::Sender::new(Sinks::default()), watch::Sender::new(0));
        Self(Arc::new(Inner { store, clock, rng, sinks, wishes }))
    }

    /// Puts these in force, in place of those before. What is under way is finished.
    pub fn install(&self, sinks: Vec<Arc<dyn Sink>>) {
        self.0.sinks.send_replace(Arc::new(sinks));
    }

    /// Those in force.
    pub fn current(&self) -> Arc<Vec<Arc<dyn Sink>>> {
        self.0.sinks.borrow().clone()
    }

    /// The one of this name.
    pub fn find(&self, name: &str) -> Option<Arc<dyn Sink>> {
        self.0.sinks.borrow().iter().find(|sink| sink.name() == name).cloned()
    }

    /// An operator has changed something: look at once.
    pub fn hurry(&self) {
        self.0.wishes.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Sends something that did not happen, once, whatever state the sink is in.
    pub async fn test(&self, sink: &dyn Sink, actor: &str) -> Delivery {
        let mut nonce = [0; 8];
        self.0.rng.fill(&mut nonce);
        let notice = Notice::test(nonce, self.0.clock.now(), actor);
        let timeout = sink.patience().timeout;
        tokio::time::timeout(timeout, sink.deliver(&notice)).await.unwrap_or_else(|_| Delivery::Failed {
            reason: "timeout",
            why: format!("it did not answer within {timeout:?}"),
            after: None,
        })
    }

    /// Delivers, until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut installed = self.0.sinks.subscribe();
        let news = watch::Sender::new(0_u64);
        let node = self.node();
        let mut workers: JoinSet<String> = JoinSet::new();
        let mut running = HashSet::new();
        let mut subscription: Option<Subscription> = None;
        loop {
            let sinks = installed.borrow_and_update().clone();
            for sink in sinks.iter() {
                let name = sink.name().to_owned();
                if !running.insert(name.clone()) {
                    continue;
                }
                let (worker, work) = (self.worker(node, &shutdown), self.clone());
                let (news, shutdown) = (news.subscribe(), shutdown.clone());
                workers.spawn(async move {
                    let work = work.follow(&name, worker, news, shutdown.clone());
                    if let Err(defect) = outlive(pin!(work)).await {
                        tracing::error!(sink = name, %defect, "delivering panicked; it begins again");
                        tokio::select! {
                            () = shutdown.cancelled() => {}
                            () = tokio::time::sleep(LOOK) => {}
                        }
                    }
                    name
                });
            }
            match (sinks.is_empty(), &subscription) {
                (true, _) => subscription = None,
                (false, None) => subscription = Some(self.0.store.events().subscribe()),
                (false, Some(_)) => {}
            }
            let heard = async {
                match &mut subscription {
                    Some(subscription) => subscription.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                changed = installed.changed() => if changed.is_err() { break },
                Some(ended) = workers.join_next() => {
                    if let Ok(name) = ended {
                        running.remove(&name);
                    }
                }
                _ = heard => news.send_modify(|n| *n = n.wrapping_add(1)),
            }
        }
        while workers.join_next().await.is_some() {}
    }

    /// A worker of this process, for a sink of one's choice.
    fn worker(&self, node: Uuid, shutdown: &CancellationToken) -> Worker {
        let Inner { store, clock, rng, .. } = &*self.0;
        Worker::new(store.clone(), clock.clone(), rng.clone(), node, shutdown.clone())
    }

    /// Who this process is among nodes. Alone, it is always the same, and after a crash has not to wait for itself.
    fn node(&self) -> Uuid {
        let mut bytes = [0; 16];
        if !self.0.store.is_embedded() {
            self.0.rng.fill(&mut bytes);
        }
        Uuid::from_bytes(bytes)
    }

    /// Delivers to the sink of this name for as long as there is one.
    async fn follow(
        &self,
        name: &str,
        mut worker: Worker,
        mut news: watch::Receiver<u64>,
        shutdown: CancellationToken,
    ) {
        let (mut installed, mut wishes) = (self.0.sinks.subscribe(), self.0.wishes.subscribe());
        let mut silent = false;
        while !shutdown.is_cancelled() {
            installed.mark_unchanged();
            wishes.mark_unchanged();
            news.mark_unchanged();
            let Some(sink) = self.find(name) else { break };
            let next = match worker.step(&*sink).await {
                Ok(next) => {
                    silent = false;
                    next
                }
                Err(error) => {
                    if !std::mem::replace(&mut silent, true) {
                        tracing::warn!(sink = name, %error, "events cannot be delivered while the database cannot be asked");
                    }
                    Next::In(AGAIN)
                }
            };
            let (wait, news_count) = match next {
                Next::AtOnce => continue,
                Next::News => (LOOK, true),
                Next::In(wait) => (wait.min(LOOK), false),
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
                _ = installed.changed() => {}
                _ = wishes.changed() => worker.hurry(),
                _ = news.changed(), if news_count => {}
            }
        }
        if let Err(error) = worker.release(name).await {
            tracing::debug!(sink = name, %error, "the lease could not be given back; it runs out by itself");
        }
    }
}
