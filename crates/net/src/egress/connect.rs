//! Connecting: resolve, check, connect to what was checked.

use super::client::{Route, Way};
use super::proxy::{Proxy, is_this_machine};
use super::stream::Wire;
use super::{Alpn, Authority, ConnectError, Protocol, Scheme, Stream, Trust, refused_for_documents};
use crate::keep_alive::keep_alive;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustls_pki_types::ServerName;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use url::Host;

/// The next address is tried when one has not answered for this long (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);
/// Largest answer of a proxy to `CONNECT`.
const PROXY_HEAD: usize = 8 * 1024;

/// What is checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) trust: Trust,
    /// Whether plain http may leave this machine.
    pub(super) plain_http_anywhere: bool,
}

/// Connects within the target's time-out.
pub(super) async fn connect(
    way: &Way,
    to: &Authority,
    alpn: Alpn,
    rules: Rules,
) -> Result<Stream, ConnectError> {
    let result = match tokio::time::timeout(way.connect_timeout, open(way, to, alpn, rules)).await {
        Ok(result) => result,
        Err(_) => Err(ConnectError::TimedOut { host: to.to_string(), after: way.connect_timeout }),
    };
    if let Err(error) = &result {
        metrics::counter!("portcullis_egress_failures_total", "reason" => error.reason()).increment(1);
    }
    result
}

async fn open(way: &Way, to: &Authority, alpn: Alpn, rules: Rules) -> Result<Stream, ConnectError> {
    let proxy = match &way.route {
        Route::Direct => None,
        Route::Proxy(proxy) => Some(proxy),
        Route::Environment(environment) => environment.proxy_for(to),
    };
    let Some(proxy) = proxy else {
        let candidates = checked(to, resolve(way, to).await?, rules)?;
        let (stream, remote) = first_of(candidates).await.map_err(|source| unreached(to, source))?;
        // What was connected is what was checked; said once more, because everything depends on it.
        check(to, remote.ip(), rules)?;
        return secure(way, to, alpn, stream, remote).await;
    };
    check_behind_proxy(way, to, rules).await?;
    let at_proxy = Rules { trust: Trust::Operator, plain_http_anywhere: true };
    let candidates = checked(&proxy.authority, resolve(way, &proxy.authority).await?, at_proxy)?;
    let (mut stream, remote) =
        first_of(candidates).await.map_err(|source| unreached(&proxy.authority, source))?;
    if to.scheme == Scheme::Http && alpn != Alpn::Http2 {
        let forward_proxy = Some(proxy.authorization.clone());
        return Ok(Stream { wire: Wire::Plain(stream), protocol: Protocol::Http1, remote, forward_proxy });
    }
    tunnel(&mut stream, proxy, to).await.map_err(|reason| ConnectError::Proxy {
        proxy: proxy.authority.to_string(),
        host: to.to_string(),
        reason,
    })?;
    secure(way, to, alpn, stream, remote).await
}

pub(super) fn unreached(to: &Authority, source: io::Error) -> ConnectError {
    ConnectError::Connect { host: to.to_string(), source }
}

pub(super) async fn resolve(way: &Way, to: &Authority) -> Result<Vec<SocketAddr>, ConnectError> {
    let name = match &to.host {
        Host::Ipv4(v4) => return Ok(vec![SocketAddr::from((*v4, to.port))]),
        Host::Ipv6(v6) => return Ok(vec![SocketAddr::from((*v6, to.port))]),
        Host::Domain(name) => name,
    };
    let found = way.resolver.resolve(name, to.port).await;
    let found = found.and_then(|found| {
        if found.is_empty() {
            Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
        } else {
            Ok(found)
        }
    });
    // A resolver that answers with other ports would be a way around a port rule.
    found
        .map(|found| found.into_iter().map(|address| SocketAddr::new(address.ip(), to.port)).collect())
        .map_err(|source| ConnectError::Resolve { host: name.clone(), source })
}

/// The candidates that the rules allow; the first refusal when they allow none.
pub(super) fn checked(
    to: &Authority,
    candidates: Vec<SocketAddr>,
    rules: Rules,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let mut refusal = None;
    let mut allowed = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        match check(to, candidate.ip(), rules) {
            Ok(()) => allowed.push(candidate),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    match refusal {
        Some(refusal) if allowed.is_empty() => Err(refusal),
        _ => Ok(allowed),
    }
}

fn check(to: &Authority, address: IpAddr, rules: Rules) -> Result<(), ConnectError> {
    if rules.trust == Trust::Document
        && let Some(kind) = refused_for_documents(address)
    {
        return Err(ConnectError::AddressRefused { host: to.host.to_string(), address, kind });
    }
    if to.scheme == Scheme::Http && !rules.plain_http_anywhere && !address.to_canonical().is_loopback() {
        return Err(ConnectError::PlainHttp { host: to.host.to_string() });
    }
    Ok(())
}

/// The proxy resolves and connects. What can be known here is checked here; a name that only the proxy can resolve is
/// left to the proxy, unless it is of the kind that exists only inside.
async fn check_behind_proxy(way: &Way, to: &Authority, rules: Rules) -> Result<(), ConnectError> {
    if to.scheme == Scheme::Http && !rules.plain_http_anywhere {
        return Err(ConnectError::PlainHttp { host: to.host.to_string() });
    }
    if rules.trust == Trust::Operator {
        return Ok(());
    }
    if let Host::Domain(name) = &to.host {
        let inside =
            [".local", ".localhost", ".internal", ".lan", ".home.arpa", ".corp", ".home", ".intranet"];
        if is_this_machine(&to.host) || !name.contains('.') || inside.iter().any(|end| name.ends_with(end)) {
            return Err(ConnectError::NameRefused { host: name.clone() });
        }
    }
    match resolve(way, to).await {
        // Any of them: which one the proxy will use is its choice.
        Ok(candidates) => candidates.into_iter().try_for_each(|candidate| check(to, candidate.ip(), rules)),
        Err(_) => Ok(()),
    }
}

/// Tries the candidates, staggered, families taking turns; the first that connects wins.
pub(super) async fn first_of(candidates: Vec<SocketAddr>) -> io::Result<(TcpStream, SocketAddr)> {
    let first_is_v6 = candidates.first().is_some_and(SocketAddr::is_ipv6);
    let (one, other): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut next = move || {
        let taken = one.next();
        std::mem::swap(&mut one, &mut other);
        taken.or_else(|| one.next())
    };
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no address to connect to");
    let mut upcoming = next();
    loop {
        if let Some(address) = upcoming.take() {
            attempts.push(async move {
                let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
                keep_alive(&socket)?;
                socket.set_nodelay(true)?;
                let stream = socket.connect(address).await?;
                let remote = stream.peer_addr()?;
                Ok::<_, io::Error>((stream, remote))
            });
            upcoming = next();
        }
        tokio::select! {
            result = attempts.next() => match result {
                Some(Ok(connected)) => return Ok(connected),
                Some(Err(error)) => last = error,
                None if upcoming.is_none() => return Err(last),
                None => {}
            },
            () = tokio::time::sleep(STAGGER), if upcoming.is_some() => {}
        }
    }
}

/// `CONNECT` (RFC 9110 §9.3.6).
async fn tunnel(stream: &mut TcpStream, proxy: &Proxy, to: &Authority) -> Result<(), String> {
    let mut request = format!("CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n").into_bytes();
    if let Some(authorization) = &proxy.authorization {
        request.extend_from_slice(b"proxy-authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.map_err(|error| error.to_string())?;
    let mut head = Vec::with_capacity(1024);
    loop {
        let came = stream.read_buf(&mut head).await.map_err(|error| error.to_string())?;
        if came == 0 {
            return Err("it closed the connection".to_owned());
        }
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut answer = httparse::Response::new(&mut headers);
        match answer.parse(&head) {
            Err(error) => return Err(format!("its answer is not HTTP: {error}")),
            Ok(httparse::Status::Partial) if head.len() >= PROXY_HEAD => {
                return Err("its answer is too long".to_owned());
            }
            Ok(httparse::Status::Partial) => {}
            Ok(httparse::Status::Complete(end)) => {
                return match answer.code {
                    // In TLS the client speaks first: what follows already cannot come from the target.
                    Some(200..=299) if head.len() > end => Err("it sent more than its answer".to_owned()),
                    Some(200..=299) => Ok(()),
                    Some(407) if proxy.authorization.is_some() => {
                        Err("407: it refuses our credentials".to_owned())
                    }
                    Some(407) => {
                        Err("407: it wants credentials (`http://user:password@host:port`)".to_owned())
                    }
                    code => Err(format!("status {}", code.unwrap_or_default())),
                };
            }
        }
    }
}

/// TLS, when the scheme says so.
async fn secure(
    way: &Way,
    to: &Authority,
    alpn: Alpn,
    stream: TcpStream,
    remote: SocketAddr,
) -> Result<Stream, ConnectError> {
    let plain = if alpn == Alpn::Http2 { Protocol::Http2 } else { Protocol::Http1 };
    if to.scheme == Scheme::Http {
        return Ok(Stream { wire: Wire::Plain(stream), protocol: plain, remote, forward_proxy: None });
    }
    let fail = |source: io::Error| ConnectError::Tls { host: to.to_string(), source };
    let name = match &to.host {
        Host::Domain(name) => {
            ServerName::try_from(name.clone()).map_err(|error| fail(io::Error::other(error)))?
        }
        Host::Ipv4(v4) => ServerName::IpAddress((*v4).into()),
        Host::Ipv6(v6) => ServerName::IpAddress((*v6).into()),
    };
    let connector = TlsConnector::from(Arc::clone(way.tls(alpn)));
    let stream = connector.connect(name, stream).await.map_err(fail)?;
    let protocol = match (stream.get_ref().1.alpn_protocol(), alpn) {
        (Some(b"h2"), _) => Protocol::Http2,
        (_, Alpn::Http2) => return Err(fail(io::Error::other("the server does not speak HTTP/2"))),
        _ => Protocol::Http1,
    };
    Ok(Stream { wire: Wire::Tls(Box::new(stream)), protocol, remote, forward_proxy: None })
}
