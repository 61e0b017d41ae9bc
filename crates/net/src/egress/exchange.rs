//! One request and its whole, small answer, whatever its status: for services that are asked something rather than
//! documents that are fetched. Redirects are not followed: what is sent is meant for one place.

use super::connect::{Rules, connect};
use super::fetch::shown;
use super::{Alpn, Authority, Client, FetchError, Scheme, Stream};
use crate::cause::with_causes;
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, Method, Request, Response};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::pin::{Pin, pin};
use std::time::Duration;
use url::Url;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// How.
    pub method: Method,
    /// Headers of the request, beside those of the connection.
    pub headers: HeaderMap,
    /// Its body; none when empty.
    pub body: Bytes,
    /// Largest body of the answer, in bytes.
    pub max_bytes: usize,
    /// Time for the whole.
    pub timeout: Duration,
    /// Plain http also off this machine.
    pub plain_http: bool,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Client {
    /// Asks once, on a connection of its own. Plain http only on this machine, unless it is asked for.
    ///
    /// # Errors
    /// There is no whole answer. Any status is an answer.
    pub async fn exchange(&self, url: &Url, exchange: &Exchange) -> Result<Answered, FetchError> {
        let whole = tokio::time::timeout(exchange.timeout, self.ask(url, exchange));
        whole.await.unwrap_or_else(|_| Err(FetchError::TimedOut { url: shown(url), after: exchange.timeout }))
    }

    async fn ask(&self, url: &Url, exchange: &Exchange) -> Result<Answered, FetchError> {
        let to = Authority::of(url)?;
        let rules = Rules { trust: self.trust, plain_http_anywhere: exchange.plain_http };
        let stream = connect(&self.way, &to, Alpn::Http1, rules).await?;
        let fail = |reason: String| FetchError::Protocol { url: shown(url), reason };
        let request = request(&stream, url, &to, exchange).map_err(|error| fail(error.to_string()))?;
        let mut http1 = hyper::client::conn::http1::Builder::new();
        let handshake = http1.max_buf_size(64 * 1024).handshake(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(|error| fail(with_causes(&error)))?;
        let mut talk = pin!(async {
            let response = sender.send_request(request).await.map_err(|error| fail(with_causes(&error)))?;
            read(response, url, exchange.max_bytes).await
        });
        let mut connection = pin!(connection);
        // No task of its own: the connection lives as long as the exchange.
        tokio::select! {
            biased;
            answer = talk.as_mut() => answer,
            _ = connection.as_mut() => talk.await,
        }
    }
}

fn request(
    stream: &Stream,
    url: &Url,
    to: &Authority,
    exchange: &Exchange,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut plain = url.clone();
    plain.set_fragment(None);
    let target = if stream.forward_proxy().is_some() && to.scheme == Scheme::Http {
        plain.to_string()
    } else {
        plain[url::Position::BeforePath..].to_owned()
    };
    let mut request = Request::builder().method(exchange.method.clone()).uri(target);
    if let Some(headers) = request.headers_mut() {
        headers.extend(exchange.headers.clone());
    }
    request = request
        .header(HOST, to.host_header())
        .header(ACCEPT_ENCODING, "identity")
        .header(USER_AGENT, concat!("portcullis/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close");
    if let Some(Some(authorization)) = stream.forward_proxy() {
        request = request.header(PROXY_AUTHORIZATION, authorization.clone());
    }
    request.body(Full::new(exchange.body.clone()))
}

async fn read(response: Response<Incoming>, url: &Url, most: usize) -> Result<Answered, FetchError> {
    let (head, mut body) = response.into_parts();
    let fail = |reason: String| FetchError::Protocol { url: shown(url), reason };
    let coding = head.headers.get(CONTENT_ENCODING);
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(fail("it is compressed, which was not asked for".to_owned()));
    }
    let too_large = || FetchError::TooLarge { url: shown(url), limit: most };
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(piece) = frame.map_err(|error| fail(with_causes(&error)))?.into_data() else { continue };
        if piece.len() > most - whole.len() {
            return Err(too_large());
        }
        whole.extend_from_slice(&piece);
    }
    Ok(Answered { status: head.status.as_u16(), headers: head.headers, body: whole.freeze() })
}
