//! A few connections to one source's servers. The servers are tried in order; one that failed is tried last for a while,
//! and a refused password is not tried again at once: directories lock accounts that err too often.

use super::connection::{Connection, Credentials};
use super::server::Server;
use super::trouble::{Kind, Trouble};
use portcullis_model::{Clock, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

/// The connections of a source.
pub(super) struct Pool {
    servers: Vec<Server>,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    room: Arc<Semaphore>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    idle: Vec<(Timestamp, Connection)>,
    /// Until when a server is tried last.
    shunned: Vec<Option<Timestamp>>,
    /// A refusal of our password, and until when it is believed.
    refused: Option<(Timestamp, Trouble)>,
}

/// A server that failed is tried last for this long.
const SHUNNED: Duration = Duration::from_secs(30);
/// A password that was refused is not shown again for this long; a new one comes with a new configuration.
const REFUSED: Duration = Duration::from_secs(60);
/// Servers and firewalls close connections that say nothing; one that was quiet for longer is not used.
const IDLE: Duration = Duration::from_secs(60);

/// A connection that is used. It goes back only by [`Taken::back`]: what was broken off in the middle is closed.
pub(super) struct Taken {
    connection: Option<Connection>,
    state: Arc<Mutex<State>>,
    room: OwnedSemaphorePermit,
}

impl Pool {
    /// Connects to nobody yet.
    pub fn new(
        servers: Vec<Server>,
        credentials: Credentials,
        connections: usize,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let state = State { shunned: vec![None; servers.len()], ..State::default() };
        Self {
            servers,
            credentials,
            clock,
            tasks: TaskTracker::new(),
            room: Arc::new(Semaphore::new(connections.max(1))),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A connection, within `patience` for each server that is tried.
    pub async fn take(&self, patience: Duration) -> Result<Taken, Trouble> {
        let room = self.room().await?;
        if let Some(connection) = self.idle() {
            return Ok(self.taken(connection, room));
        }
        Ok(self.taken(self.open(patience).await?, room))
    }

    /// A connection that nobody has used, to a server other than those that failed lately when there is one.
    pub async fn fresh(&self, patience: Duration) -> Result<Taken, Trouble> {
        let room = self.room().await?;
        Ok(self.taken(self.open(patience).await?, room))
    }

    /// A connection beside the others, for whoever keeps it for long: look-ups do not wait for it.
    pub async fn beside(&self, patience: Duration) -> Result<Connection, Trouble> {
        self.open(patience).await
    }

    async fn room(&self) -> Result<OwnedSemaphorePermit, Trouble> {
        let closed = |_| Trouble::new(Kind::Server, "the source is being shut down");
        self.room.clone().acquire_owned().await.map_err(closed)
    }

    fn taken(&self, connection: Connection, room: OwnedSemaphorePermit) -> Taken {
        Taken { connection: Some(connection), state: self.state.clone(), room }
    }

    fn idle(&self) -> Option<Connection> {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((since, mut connection)) = state.idle.pop() {
            if now.since(since) < IDLE && !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    async fn open(&self, patience: Duration) -> Result<Connection, Trouble> {
        if let Some(trouble) = self.refused_before() {
            return Err(trouble);
        }
        let mut troubles: Vec<Trouble> = Vec::new();
        for at in self.order() {
            let Some(server) = self.servers.get(at) else { continue };
            match Connection::open(server, &self.credentials, patience, &self.tasks).await {
                Ok(connection) => {
                    let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                    state.refused = None;
                    if let Some(shunned) = state.shunned.get_mut(at) {
                        *shunned = None;
                    }
                    return Ok(connection);
                }
                Err(trouble) if trouble.kind == Kind::Refused => {
                    self.refused(&trouble);
                    return Err(trouble);
                }
                Err(trouble) => {
                    self.shun(at);
                    troubles.push(trouble);
                }
            }
        }
        let text = troubles.iter().map(|trouble| trouble.text.as_str()).collect::<Vec<_>>().join("; ");
        Err(Trouble::new(Kind::Server, text))
    }

    fn refused_before(&self) -> Option<Trouble> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, trouble) = state.refused.as_ref()?;
        (self.clock.now().since(*at) < REFUSED).then(|| trouble.clone())
    }

    fn refused(&self, trouble: &Trouble) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.refused = Some((self.clock.now(), trouble.clone()));
    }

    /// Servers in the order in which they are tried.
    fn order(&self) -> Vec<usize> {
        let now = self.clock.now();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let shunned = |at: &usize| state.shunned.get(*at).copied().flatten().is_some_and(|until| now < until);
        let mut order: Vec<usize> = (0..self.servers.len()).collect();
        order.sort_by_key(shunned);
        order
    }

    fn shun(&self, at: usize) {
        let until = self.clock.now().plus(SHUNNED);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shunned) = state.shunned.get_mut(at) {
            *shunned = Some(until);
        }
    }

    /// The server failed while it was used: the next connection is to another one, when there is another.
    pub fn failed(&self, server: &Server) {
        if let Some(at) = self.servers.iter().position(|own| own.url == server.url) {
            self.shun(at);
        }
    }

    /// A connection to each server, for a test of all.
    pub async fn each(&self, patience: Duration) -> Vec<(String, Result<Connection, Trouble>)> {
        let mut all = Vec::new();
        for server in &self.servers {
            let opened = match self.refused_before() {
                Some(trouble) => Err(trouble),
                None => Connection::open(server, &self.credentials, patience, &self.tasks).await,
            };
            if let Err(trouble) = &opened
                && trouble.kind == Kind::Refused
            {
                self.refused(trouble);
            }
            all.push((server.shown(), opened));
        }
        all
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Taken {
    /// The connection. It is there until [`Taken::back`] takes it.
    pub fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    /// Gives it back for the next one. Only after an answer that was read to its end.
    pub fn back(mut self, now: Timestamp) {
        // The room is given back last: whoever waits for it finds the connection.
        let _room = self.room;
        if let Some(mut connection) = self.connection.take()
            && !connection.is_closed()
        {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).idle.push((now, connection));
        }
    }
}
