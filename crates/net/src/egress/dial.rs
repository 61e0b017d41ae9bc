//! Connections to servers that speak something else than HTTP: the same names, addresses, time-outs and certificates, but
//! no proxy, and the protocol itself is the caller's.

use super::connect::{Rules, checked, first_of, resolve, unreached};
use super::{Authority, Client, ConnectError, Scheme};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use url::Host;

impl Client {
    /// Connects to `host`, without TLS and without a proxy, within `patience`.
    ///
    /// # Errors
    /// The name does not resolve, the address is refused, nobody takes the connection.
    pub async fn dial(
        &self,
        host: Host<String>,
        port: u16,
        patience: Duration,
    ) -> Result<TcpStream, ConnectError> {
        let to = Authority { scheme: Scheme::Https, host, port };
        let rules = Rules { trust: self.trust, plain_http_anywhere: true };
        let open = async {
            let candidates = checked(&to, resolve(&self.way, &to).await?, rules)?;
            let (stream, _) = first_of(candidates).await.map_err(|source| unreached(&to, source))?;
            Ok(stream)
        };
        let result = match tokio::time::timeout(patience, open).await {
            Ok(result) => result,
            Err(_) => Err(ConnectError::TimedOut { host: to.to_string(), after: patience }),
        };
        if let Err(error) = &result {
            metrics::counter!("portcullis_egress_failures_total", "reason" => error.reason()).increment(1);
        }
        result
    }

    /// Whom we trust and who we say we are, for a protocol that negotiates no other by TLS.
    pub fn tls(&self) -> Arc<ClientConfig> {
        let mut config = ClientConfig::clone(self.way.tls(super::Alpn::Http1));
        config.alpn_protocols.clear();
        Arc::new(config)
    }
}
