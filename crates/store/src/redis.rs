//! Redis (or Valkey) beside PostgreSQL: it carries the word that the event log has grown from node to node.
//!
//! A fast path and nothing more: what happened is read from the log by position, so a message that is lost, doubled or
//! forged changes nothing but when a node looks. A node that cannot reach Redis listens to PostgreSQL instead, and one that
//! hears neither looks twice a second.
//!
//! Not here: counters and limits that nodes share.

use crate::Error;
use futures_util::StreamExt;
use portcullis_fault::Secret;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, ConnectionAddr};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The channel; messages are positions in the log.
const CHANNEL: &str = "portcullis:events";
/// How long a server may take that is next to us. A commit waits for it.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long connecting to hear it may take; then PostgreSQL is listened to.
const LISTEN: Duration = Duration::from_secs(1);
/// How long a server that did not answer is left alone, so that commits do not wait for it one after another.
const REST: Duration = Duration::from_secs(1);

/// A Redis server that nodes tell each other through.
pub(crate) struct Redis {
    client: Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    rest_until: Option<Instant>,
    /// Said already, and not to be said again with every commit.
    failing: bool,
}

impl Redis {
    /// The server at a `redis://` or `rediss://` URL. Nothing is asked of it yet.
    pub(crate) fn new(url: &Secret<String>) -> Result<Self, Error> {
        // The library's own message may repeat the URL, and with it the password.
        let client = Client::open(url.expose().as_str()).map_err(|_| {
            Error::Unsupported("`cluster.redis` is not a `redis://` or `rediss://` URL".to_owned())
        })?;
        if let ConnectionAddr::TcpTls { insecure: true, .. } = client.get_connection_info().addr() {
            let why = "`cluster.redis` ends with `#insecure`: certificates are always verified; take it out, and give the \
                       certificates of an authority of your own as `SSL_CERT_FILE`";
            return Err(Error::Unsupported(why.to_owned()));
        }
        Ok(Self { client, state: Mutex::default() })
    }

    /// Tells the other nodes how far the log is. That it cannot be told is no failure: they look by themselves.
    pub(crate) async fn publish(&self, position: i64) {
        let Some(connection) = self.ready() else { return };
        match tokio::time::timeout(PATIENCE, self.tell(connection, position)).await {
            Ok(Ok(connection)) => {
                let mut state = self.state();
                state.connection = Some(connection);
                if std::mem::take(&mut state.failing) {
                    tracing::info!("Redis is told of events again");
                }
            }
            Ok(Err(error)) => self.rest(&describe(&error)),
            Err(_) => self.rest(&format!("no answer within {PATIENCE:?}")),
        }
    }

    /// Hears what other nodes publish from now on.
    pub(crate) async fn listen(&self) -> Result<Ear, Error> {
        let heard = async {
            let mut ear = self.client.get_async_pubsub().await?;
            ear.subscribe(CHANNEL).await?;
            Ok(ear)
        };
        let unavailable = |why: &str| Error::Unavailable(format!("Redis: {why}"));
        match tokio::time::timeout(LISTEN, heard).await {
            Ok(Ok(ear)) => Ok(Ear(Box::new(ear))),
            Ok(Err(error)) => Err(unavailable(&describe(&error))),
            Err(_) => Err(unavailable(&format!("no answer within {LISTEN:?}"))),
        }
    }

    /// The connection of before, or none; `None` while the server is left alone.
    fn ready(&self) -> Option<Option<MultiplexedConnection>> {
        let state = self.state();
        match state.rest_until {
            Some(until) if Instant::now() < until => None,
            _ => Some(state.connection.clone()),
        }
    }

    async fn tell(
        &self,
        connection: Option<MultiplexedConnection>,
        position: i64,
    ) -> Result<MultiplexedConnection, redis::RedisError> {
        let mut connection = match connection {
            Some(connection) => connection,
            None => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(PATIENCE))
                    .set_response_timeout(Some(PATIENCE));
                self.client.get_multiplexed_async_connection_with_config(&config).await?
            }
        };
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(CHANNEL).arg(position);
        publish.query_async::<()>(&mut connection).await?;
        Ok(connection)
    }

    fn rest(&self, why: &str) {
        metrics::counter!("portcullis_redis_failures_total").increment(1);
        let mut state = self.state();
        if !std::mem::replace(&mut state.failing, true) {
            tracing::warn!(
                why,
                "Redis cannot be told of events; other nodes hear of them from PostgreSQL. See `cluster.redis`"
            );
        }
        state.connection = None;
        state.rest_until = Some(Instant::now() + REST);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client's own would show the password.
        f.write_str("Redis")
    }
}

/// What went wrong, without what was sent.
fn describe(error: &redis::RedisError) -> String {
    error.category().to_owned()
}

/// Messages of other nodes.
pub(crate) struct Ear(Box<PubSub>);

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear")
    }
}

impl Ear {
    /// Returns when something was published, or the connection was lost and something may have been.
    pub(crate) async fn wait(&mut self) -> Result<(), Error> {
        match self.0.on_message().next().await {
            Some(_) => Ok(()),
            None => Err(Error::Unavailable("Redis: the connection was lost".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, said) in
            [("http://u:hunter2@h", "is not a"), ("rediss://u:hunter2@h/0#insecure", "always verified")]
        {
            let bad = Redis::new(&Secret::new(url.to_owned())).unwrap_err();
            assert!(bad.to_string().contains(said) && !format!("{bad} {bad:?}").contains("hunter2"), "{bad}");
        }
        let good = Redis::new(&Secret::new("redis://u:hunter2@127.0.0.1:1/0".to_owned())).unwrap();
        assert!(!format!("{good:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn a_server_that_is_down_holds_nobody_up() {
        let redis = Redis::new(&Secret::new("redis://u:hunter2@127.0.0.1:1/0".to_owned())).unwrap();
        let began = Instant::now();
        for position in 0..1_000 {
            redis.publish(position).await;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        let error = redis.listen().await.err().unwrap();
        assert!(error.is_transient() && !error.to_string().contains("hunter2"), "{error}");
    }
}
