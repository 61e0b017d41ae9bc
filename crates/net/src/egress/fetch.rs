//! Fetching small documents: key sets, discovery.

use super::connect::{Rules, connect};
use super::{Alpn, Authority, Client, FetchError, Scheme, Stream, Trust};
use crate::cause::with_causes;
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, HOST, IF_NONE_MATCH, LOCATION};
use http::header::{PROXY_AUTHORIZATION, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::pin::{Pin, pin};
use std::time::Duration;
use url::Url;

/// Bounds and wishes of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Largest body, in bytes, whatever `Content-Length` says.
    pub max_bytes: usize,
    /// Time for the whole, redirects included.
    pub timeout: Duration,
    /// Redirects followed.
    pub redirects: u8,
    /// `Accept`.
    pub accept: &'static str,
    /// `If-None-Match`: an `ETag` of before.
    pub etag: Option<String>,
    /// Plain http also off this machine.
    pub plain_http: bool,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            max_bytes: 512 * 1024,
            timeout: Duration::from_secs(5),
            redirects: 3,
            accept: "application/json",
            etag: None,
            plain_http: false,
        }
    }
}

/// A fetched document.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// 200, or 304 when [`Fetch::etag`] still holds (then without a body).
    pub status: u16,
    /// The answer's headers (`Cache-Control`, `Age`, `Date`, `ETag`, …).
    pub headers: HeaderMap,
    /// The document.
    pub body: Bytes,
    /// Where it came from in the end.
    pub url: Url,
}

impl Client {
    /// Fetches a small document. A redirect's host was named by a document, unless it is the very origin that was asked.
    pub async fn fetch(&self, url: &Url, fetch: &Fetch) -> Result<Fetched, FetchError> {
        let whole = tokio::time::timeout(fetch.timeout, self.follow(url, fetch));
        whole.await.unwrap_or_else(|_| Err(FetchError::TimedOut { url: shown(url), after: fetch.timeout }))
    }

    async fn follow(&self, asked: &Url, fetch: &Fetch) -> Result<Fetched, FetchError> {
        let origin = Authority::of(asked)?;
        let mut url = asked.clone();
        let mut left = fetch.redirects;
        loop {
            let authority = Authority::of(&url)?;
            let trust = if authority == origin { self.trust } else { Trust::Document };
            let rules = Rules { trust, plain_http_anywhere: fetch.plain_http };
            // An `ETag` is of one URL.
            let etag = fetch.etag.as_deref().filter(|_| url == *asked);
            let stream = connect(&self.way, &authority, Alpn::Http1, rules).await?;
            match ask(stream, &url, &authority, fetch, etag).await? {
                Answer::Document(fetched) => return Ok(fetched),
                Answer::Elsewhere(location) => {
                    let refuse = |reason: String| FetchError::Redirect { url: shown(&url), reason };
                    let next = url
                        .join(&location)
                        .map_err(|error| refuse(format!("its target is no URL: {error}")))?;
                    if url.scheme() == "https" && next.scheme() != "https" {
                        return Err(refuse("it leads from https to http".to_owned()));
                    }
                    left = left
                        .checked_sub(1)
                        .ok_or_else(|| refuse(format!("more than {} redirects", fetch.redirects)))?;
                    url = next;
                }
            }
        }
    }
}

enum Answer {
    Document(Fetched),
    Elsewhere(String),
}

/// One request and its answer on a connection of its own.
async fn ask(
    stream: Stream,
    url: &Url,
    to: &Authority,
    fetch: &Fetch,
    etag: Option<&str>,
) -> Result<Answer, FetchError> {
    let fail = |reason: String| FetchError::Protocol { url: shown(url), reason };
    let mut plain = url.clone();
    plain.set_fragment(None);
    let target = if stream.forward_proxy().is_some() && to.scheme == Scheme::Http {
        plain.to_string()
    } else {
        plain[url::Position::BeforePath..].to_owned()
    };
    let mut request = Request::get(target)
        .header(HOST, to.host_header())
        .header(ACCEPT, fetch.accept)
        .header(ACCEPT_ENCODING, "identity")
        .header(USER_AGENT, concat!("portcullis/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close");
    if let Some(Some(authorization)) = stream.forward_proxy() {
        request = request.header(PROXY_AUTHORIZATION, authorization.clone());
    }
    if let Some(etag) = etag {
        request = request.header(IF_NONE_MATCH, etag);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| fail(error.to_string()))?;
    let mut http1 = hyper::client::conn::http1::Builder::new();
    let handshake = http1.max_buf_size(64 * 1024).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|error| fail(with_causes(&error)))?;
    let mut exchange = pin!(async {
        let response = sender.send_request(request).await.map_err(|error| fail(with_causes(&error)))?;
        read(response, url, fetch, etag.is_some()).await
    });
    let mut connection = pin!(connection);
    // No task of its own: the connection lives as long as the exchange.
    tokio::select! {
        biased;
        answer = exchange.as_mut() => answer,
        _ = connection.as_mut() => exchange.await,
    }
}

async fn read(
    response: Response<Incoming>,
    url: &Url,
    fetch: &Fetch,
    conditional: bool,
) -> Result<Answer, FetchError> {
    let (head, mut body) = response.into_parts();
    let status = head.status.as_u16();
    match status {
        200 => {}
        304 if conditional => {
            let fetched = Fetched { status, headers: head.headers, body: Bytes::new(), url: url.clone() };
            return Ok(Answer::Document(fetched));
        }
        301 | 302 | 303 | 307 | 308 => {
            let location = head.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let location = location.ok_or_else(|| FetchError::Redirect {
                url: shown(url),
                reason: "it does not say where to".to_owned(),
            })?;
            return Ok(Answer::Elsewhere(location.to_owned()));
        }
        _ => {
            let seconds =
                head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
            return Err(FetchError::Status {
                url: shown(url),
                status,
                retry_after: seconds.map(Duration::from_secs),
            });
        }
    }
    let fail = |reason: String| FetchError::Protocol { url: shown(url), reason };
    if head
        .headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(fail("it is compressed, which was not asked for".to_owned()));
    }
    let too_large = || FetchError::TooLarge { url: shown(url), limit: fetch.max_bytes };
    if body.size_hint().lower() > fetch.max_bytes as u64 {
        return Err(too_large());
    }
    let mut document = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(piece) = frame.map_err(|error| fail(with_causes(&error)))?.into_data() else { continue };
        if piece.len() > fetch.max_bytes - document.len() {
            return Err(too_large());
        }
        document.extend_from_slice(&piece);
    }
    let fetched = Fetched { status, headers: head.headers, body: document.freeze(), url: url.clone() };
    Ok(Answer::Document(fetched))
}

/// A URL as errors and logs show it: queries may hold what is nobody's business.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if url.query().is_some() {
        url.set_query(Some("..."));
    }
    url.set_fragment(None);
    // Neither fails on a URL with a host; without one there is nothing to hide.
    let _ = (url.set_username(""), url.set_password(None));
    url.to_string()
}
