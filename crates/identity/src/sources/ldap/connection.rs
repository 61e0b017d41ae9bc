//! One connection to one server: opened, made secret, bound, searched. This file and its neighbours are the only ones that
//! know the driver.

use super::entry::Entry;
use super::paging;
use super::server::Server;
use super::trouble::{Kind, Trouble};
use futures_util::FutureExt;
use ldap3::controls::{MakeCritical, PagedResults};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchOptions, StdStream};
use portcullis_fault::Secret;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

/// A connection, bound. One search at a time.
pub(super) struct Connection {
    ldap: Ldap,
    driver: AbortHandle,
    /// Something on it was broken off.
    spoiled: bool,
    pub server: Server,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The driver would end by itself when the last handle goes; a server that never reads must not keep it.
        self.driver.abort();
    }
}

/// As whom a connection is bound; nobody is anonymous.
pub(super) type Credentials = Option<(String, Secret<String>)>;

/// A search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'a> {
    pub base: &'a str,
    pub scope: Scope,
    pub filter: &'a str,
    pub attributes: &'a [String],
    /// Entries at most; more are not read.
    pub limit: usize,
    /// For the server (rounded up to whole seconds) and between two of its messages.
    pub patience: Duration,
}

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub entries: Vec<Entry>,
    /// There were more than the limit.
    pub more: bool,
    /// Places that the server says it does not hold; they are not looked into.
    pub referrals: usize,
    /// Where the next page begins; empty at the end.
    pub cookie: Vec<u8>,
}

impl Connection {
    /// Connects and binds within `patience`.
    pub async fn open(
        server: &Server,
        credentials: &Credentials,
        patience: Duration,
        tasks: &TaskTracker,
    ) -> Result<Self, Trouble> {
        let url = server.shown();
        // The driver trusts what servers send more than we do, and gives up on a whole task where it is wrong.
        let opened = AssertUnwindSafe(Self::opened(server, credentials, patience, tasks)).catch_unwind();
        match tokio::time::timeout(patience, opened).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => {
                Err(Trouble::new(Kind::Server, format!("{url} does not speak LDAP; is this its port?")))
            }
            Err(_) => Err(Trouble::slow(&format!("connecting to {url}"))),
        }
    }

    async fn opened(
        server: &Server,
        credentials: &Credentials,
        patience: Duration,
        tasks: &TaskTracker,
    ) -> Result<Self, Trouble> {
        let url = server.shown();
        let host = server.host.to_string();
        let trouble = |error: &LdapError| Trouble::connecting(&url, &host, error);
        let stream = server.way.dial(server.host.clone(), server.port, patience).await.map_err(|error| {
            let cause = std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
            Trouble::new(Kind::Server, format!("{url}: {error}{cause}"))
        })?;
        let stream =
            stream.into_std().map_err(|error| Trouble::new(Kind::Server, format!("{url}: {error}")))?;
        let settings = LdapConnSettings::new()
            .set_config(server.way.tls())
            .set_starttls(server.start_tls)
            .set_std_stream(StdStream::Tcp(stream));
        let (connection, mut ldap) = LdapConnAsync::from_url_with_settings(settings, &server.url)
            .await
            .map_err(|error| trouble(&error))?;
        let driver = tasks.spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "a connection to an LDAP server ended");
            }
        });
        let driver = driver.abort_handle();
        if let Some((name, password)) = credentials {
            // An empty password makes a bind succeed as nobody (RFC 4513 §5.1.2).
            if password.expose().is_empty() || name.is_empty() {
                driver.abort();
                return Err(Trouble::new(
                    Kind::Refused,
                    "the bind name or its password is empty: this would be an anonymous bind",
                ));
            }
            let bound = ldap.simple_bind(name, password.expose()).await;
            match bound {
                Ok(result) if result.rc == 0 => {}
                Ok(result) => {
                    driver.abort();
                    return Err(Trouble::binding(&url, &result));
                }
                Err(error) => {
                    driver.abort();
                    return Err(trouble(&error));
                }
            }
        }
        Ok(Self { ldap, driver, spoiled: false, server: server.clone() })
    }

    /// Whether it is of no more use.
    pub fn is_closed(&mut self) -> bool {
        self.spoiled || self.ldap.is_closed() || self.driver.is_finished()
    }

    /// Searches; stops reading at the limit.
    pub async fn search(&mut self, search: &Search<'_>) -> Result<Found, Trouble> {
        self.run(search, None).await
    }

    /// One page of a search, from where the page before ended (RFC 2696).
    pub async fn page(&mut self, search: &Search<'_>, cookie: Vec<u8>) -> Result<Found, Trouble> {
        self.run(search, Some(cookie)).await
    }

    async fn run(&mut self, search: &Search<'_>, page: Option<Vec<u8>>) -> Result<Found, Trouble> {
        let url = self.server.shown();
        let broken = |error: LdapError| match error {
            LdapError::Timeout { .. } => Trouble::slow(&format!("a search at {url}")),
            LdapError::FilterParsing => {
                Trouble::new(Kind::Question, format!("`{}` is no filter", search.filter))
            }
            error => Trouble::new(Kind::Broken, format!("the connection to {url} broke: {error}")),
        };
        let seconds = search.patience.as_secs() + u64::from(search.patience.subsec_nanos() > 0);
        let mut options = SearchOptions::new().timelimit(i32::try_from(seconds).unwrap_or(i32::MAX));
        let paged = page.is_some();
        if let Some(cookie) = page {
            let size = i32::try_from(search.limit).unwrap_or(i32::MAX);
            // Critical: a server that does not page would send everything at once.
            self.ldap.with_controls(PagedResults { size, cookie }.critical());
        } else {
            // One more than the limit: whether there is more has to be known.
            options = options
                .sizelimit(i32::try_from(search.limit).map_or(i32::MAX, |limit| limit.saturating_add(1)));
        }
        self.ldap.with_search_options(options).with_timeout(search.patience);
        let attributes: Vec<&str> = search.attributes.iter().map(String::as_str).collect();
        let mut stream = self
            .ldap
            .streaming_search(search.base, search.scope, search.filter, attributes)
            .await
            .map_err(broken)?;
        let mut found = Found::default();
        while let Some(message) = stream.next().await.map_err(broken)? {
            if message.is_ref() {
                found.referrals += 1;
            } else if message.is_intermediate() {
            } else if found.entries.len() >= search.limit {
                found.more = true;
                // What is still under way belongs to nobody: the connection is not used again.
                self.spoiled = true;
                return Ok(found);
            } else {
                let entry = Entry::read(message).ok_or_else(|| {
                    Trouble::new(Kind::Broken, format!("{url} sent an entry that cannot be read"))
                })?;
                found.entries.push(entry);
            }
        }
        let result = stream.finish().await;
        match result.rc {
            0 => {}
            // The limit was ours.
            4 if !paged && found.entries.len() >= search.limit => found.more = true,
            _ => return Err(Trouble::searching(&url, search.base, &result)),
        }
        if paged {
            found.cookie = result.ctrls.iter().find_map(paging::cookie).unwrap_or_default();
        }
        Ok(found)
    }
}
