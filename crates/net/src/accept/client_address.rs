//! The client's address behind trusted proxies.

use super::Connection;
use super::forwarded::{Hop, X_FORWARDED_FOR, forwarded, x_forwarded_for};
use http::HeaderMap;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// Networks whose machines are believed about who called them. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Arc<[IpNet]>,
}

impl TrustedProxies {
    /// These networks. IPv4 networks written as `::ffff:a.b.c.d/96+n` match nothing: addresses are compared unmapped.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self { networks: networks.into() }
    }

    /// Whether `address` is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }
}

/// The client's address: starting at the connection's source, as long as the hop is trusted, the hop before it as that
/// one wrote it. Where a trusted hop wrote nothing that can be read, the walk ends and the hop itself is the answer.
///
/// With both headers there, `X-Forwarded-For` is used and `Forwarded` is not looked at: nearly every proxy maintains the
/// former and hands on the latter as the client sent it, so the latter would be the client's to write. A proxy that
/// maintains only `Forwarded` must remove `X-Forwarded-For` from what it is sent.
pub fn client_address(headers: &HeaderMap, connection: &Connection, trusted: &TrustedProxies) -> IpAddr {
    let source = connection.source().ip();
    if !trusted.contains(source) {
        return source;
    }
    if headers.contains_key(&X_FORWARDED_FOR) {
        walk(source, x_forwarded_for(headers), trusted)
    } else {
        walk(source, forwarded(headers), trusted)
    }
}

fn walk(source: IpAddr, hops: impl Iterator<Item = Hop>, trusted: &TrustedProxies) -> IpAddr {
    let mut address = source;
    for hop in hops {
        let Hop::Address(before) = hop else { break };
        address = before;
        if !trusted.contains(address) {
            break;
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, proxied: Option<&str>, headers: &[(&'static str, &str)]) -> String {
        let trusted =
            TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()]);
        let mut connection = Connection::new("gateway", format!("{peer}:1").parse().unwrap());
        connection.proxied = proxied.map(|address| format!("{address}:2").parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        client_address(&map, &connection, &trusted).to_string()
    }

    #[test]
    fn table() {
        let xff = "x-forwarded-for";
        for (peer, headers, expected) in [
            ("192.0.2.1", vec![(xff, "9.9.9.9")], "192.0.2.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec![(xff, "192.0.2.1")], "192.0.2.1"),
            ("[::ffff:10.0.0.1]", vec![(xff, "192.0.2.1")], "192.0.2.1"),
            ("[2001:db8:1::5]", vec![(xff, "192.0.2.1")], "192.0.2.1"),
            // The client wrote the left part itself.
            ("10.0.0.1", vec![(xff, "9.9.9.9, 192.0.2.1")], "192.0.2.1"),
            ("10.0.0.1", vec![(xff, "10.9.9.9, 192.0.2.1")], "192.0.2.1"),
            ("10.0.0.1", vec![(xff, "9.9.9.9"), (xff, "192.0.2.1")], "192.0.2.1"),
            // Two trusted hops.
            ("10.0.0.1", vec![(xff, "9.9.9.9, 192.0.2.1, 10.0.0.2")], "192.0.2.1"),
            ("10.0.0.1", vec![(xff, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
            // Rubbish ends the walk at the last trusted value.
            ("10.0.0.1", vec![(xff, "9.9.9.9, what, 10.0.0.2")], "10.0.0.2"),
            ("10.0.0.1", vec![(xff, "192.0.2.1, unknown")], "10.0.0.1"),
            ("10.0.0.1", vec![("forwarded", "for=9.9.9.9, for=192.0.2.1;proto=https")], "192.0.2.1"),
            ("10.0.0.1", vec![("forwarded", "for=192.0.2.1, for=_edge")], "10.0.0.1"),
            ("10.0.0.1", vec![("forwarded", "for=\"[2001:db8:2::1]:80\"")], "2001:db8:2::1"),
            // Both: the one that proxies maintain.
            ("10.0.0.1", vec![("forwarded", "for=9.9.9.9"), (xff, "192.0.2.1")], "192.0.2.1"),
            ("10.0.0.1", vec![("forwarded", "for=9.9.9.9"), (xff, "")], "10.0.0.1"),
        ] {
            assert_eq!(client(peer, None, &headers), expected, "{peer} {headers:?}");
        }
    }

    #[test]
    fn the_proxy_header_comes_before_the_others() {
        let spoof = [("x-forwarded-for", "9.9.9.9")];
        assert_eq!(client("10.0.0.1", Some("192.0.2.1"), &spoof), "192.0.2.1");
        assert_eq!(
            client("10.0.0.1", Some("10.0.0.7"), &spoof),
            "9.9.9.9",
            "a trusted proxy behind a balancer"
        );
    }
}
