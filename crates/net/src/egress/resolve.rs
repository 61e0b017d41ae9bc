//! Names to addresses.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use tokio::sync::Semaphore;

/// A look-up under way.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Finds the addresses of a name.
pub trait Resolve: Send + Sync + std::fmt::Debug {
    /// All addresses of `host`, with `port`, the preferred first.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a>;
}

/// The machine's own resolver (`getaddrinfo`): `/etc/hosts`, search domains and all.
#[derive(Debug)]
pub(super) struct SystemResolver {
    /// Look-ups block threads; a dead DNS server must not take them all.
    under_way: Semaphore,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self { under_way: Semaphore::new(32) }
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        Box::pin(async move {
            let _slot = self.under_way.acquire().await.map_err(io::Error::other)?;
            Ok(tokio::net::lookup_host((host, port)).await?.collect())
        })
    }
}
