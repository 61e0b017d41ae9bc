//! Getting a key set: from a URL, by discovery, or from a file. One attempt; when to make one is the ring's business.

use super::document;
use super::life;
use super::served::Served;
use async_trait::async_trait;
use http::header::{CONTENT_TYPE, ETAG};
use portcullis_jose::KeySet;
use portcullis_model::Clock;
use portcullis_net::egress::{self, Client, Trust};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use url::Url;

/// Largest key set that is read: hundreds of keys with certificates.
const LARGEST: usize = 256 * 1024;
/// For the whole of one fetch.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What an attempt brought.
pub(crate) enum Fetched {
    /// A sound set, and how long it may be believed.
    Keys(KeySet, Duration),
    /// The same as last time, for so much longer.
    Same(Duration),
}

/// A place that keys come from.
#[async_trait]
pub(crate) trait Fetch: Send + Sync {
    /// Makes one attempt. `again` says that there is a set of before, so that "the same" is an answer. The error is
    /// for the log and the record.
    async fn fetch(&self, again: bool) -> Result<Fetched, String>;

    /// What the last answer said beside the keys, where it came from a server.
    fn served(&self) -> Option<Served> {
        None
    }
}

/// A URL that the operator wrote, or one that the issuer's metadata names.
pub(crate) struct Remote {
    client: Client,
    start: Start,
    clock: Arc<dyn Clock>,
    etag: Mutex<Option<String>>,
    served: Mutex<Option<Served>>,
}

pub(super) enum Start {
    /// The key set itself.
    Set(Url),
    /// OpenID Connect Discovery 1.0 §4: the metadata, and the `issuer` that it must state.
    Discovery { metadata: Url, issuer: String },
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Url,
}

impl Remote {
    pub(super) fn new(client: Client, start: Start, clock: Arc<dyn Clock>) -> Self {
        Self { client, start, clock, etag: Mutex::new(None), served: Mutex::new(None) }
    }

    fn wishes(&self) -> egress::Fetch {
        egress::Fetch { max_bytes: LARGEST, timeout: TIMEOUT, ..egress::Fetch::default() }
    }

    /// Where the key set is now. The metadata is asked every time: issuers move their keys, and seldom say so.
    async fn location(&self) -> Result<(Url, Client), String> {
        let (metadata, issuer) = match &self.start {
            Start::Set(url) => return Ok((url.clone(), self.client.clone())),
            Start::Discovery { metadata, issuer } => (metadata, issuer),
        };
        let fetched = self.client.fetch(metadata, &self.wishes()).await.map_err(chain)?;
        let found: Metadata = serde_json::from_slice(&fetched.body)
            .map_err(|error| format!("`{metadata}` is no OpenID metadata: {error}"))?;
        if found.issuer != *issuer {
            // OpenID Connect Discovery 1.0 §4.3: identical, or one issuer could speak for another.
            return Err(format!(
                "`{metadata}` says that its issuer is `{}`, configured is `{issuer}`; write it exactly so if that is what is meant",
                found.issuer.chars().take(256).collect::<String>().escape_debug()
            ));
        }
        // The host that the operator wrote may be private; one that the document names may not.
        let same = found.jwks_uri.host() == metadata.host()
            && found.jwks_uri.port_or_known_default() == metadata.port_or_known_default();
        let client = if same { self.client.clone() } else { self.client.trusting(Trust::Document) };
        Ok((found.jwks_uri, client))
    }
}

#[async_trait]
impl Fetch for Remote {
    async fn fetch(&self, again: bool) -> Result<Fetched, String> {
        let (url, client) = self.location().await?;
        let etag = self.etag.lock().unwrap_or_else(PoisonError::into_inner).clone().filter(|_| again);
        let asked = self.clock.now();
        let fetched = client.fetch(&url, &egress::Fetch { etag, ..self.wishes() }).await.map_err(chain)?;
        let served = Served::of(&fetched.headers, asked, self.clock.now());
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = Some(served);
        let life = life::of(&fetched.headers);
        if fetched.status == 304 {
            return Ok(Fetched::Same(life));
        }
        let text = |name| fetched.headers.get(name).and_then(|value| value.to_str().ok());
        let keys =
            document::read(&fetched.body, text(CONTENT_TYPE)).map_err(|error| format!("`{url}`: {error}"))?;
        *self.etag.lock().unwrap_or_else(PoisonError::into_inner) = text(ETAG).map(str::to_owned);
        Ok(Fetched::Keys(keys, life))
    }

    fn served(&self) -> Option<Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The error and its causes, in one line.
fn chain(error: egress::FetchError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// How often a file is looked at. Looking is a `stat`.
pub(super) const FILE_INTERVAL: Duration = Duration::from_secs(1);

/// A key set in a file, read again when it changes.
pub(crate) struct File {
    path: PathBuf,
    seen: Mutex<Option<(SystemTime, u64)>>,
}

impl File {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, seen: Mutex::new(None) }
    }
}

#[async_trait]
impl Fetch for File {
    async fn fetch(&self, again: bool) -> Result<Fetched, String> {
        let say = |error: std::io::Error| format!("cannot read `{}`: {error}", self.path.display());
        let facts = tokio::fs::metadata(&self.path).await.map_err(say)?;
        let stamp = (facts.modified().map_err(say)?, facts.len());
        if again && *self.seen.lock().unwrap_or_else(PoisonError::into_inner) == Some(stamp) {
            return Ok(Fetched::Same(FILE_INTERVAL));
        }
        if facts.len() > LARGEST as u64 {
            return Err(format!("`{}` has more than {LARGEST} bytes", self.path.display()));
        }
        let body = tokio::fs::read(&self.path).await.map_err(say)?;
        let keys =
            document::read(&body, None).map_err(|error| format!("`{}`: {error}", self.path.display()))?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamp);
        Ok(Fetched::Keys(keys, FILE_INTERVAL))
    }
}
