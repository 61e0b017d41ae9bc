//! PROXY protocol version 2 (haproxy.org, `proxy-protocol.txt` §2.2): who is behind a load balancer.
//!
//! Version 1 is refused: its text form can be confused with a request, and who sends it can send version 2.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncRead, AsyncReadExt};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, length.
const FIXED: usize = 16;
/// Addresses and TLVs together. The format allows 65,535; the largest in use (certificates' names, cloud ids) are a
/// few hundred bytes.
const LARGEST: usize = 4096;

/// Why a PROXY header is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyHeaderError {
    #[error("the connection does not begin with a PROXY v2 header, and its peer is a trusted proxy")]
    Missing,
    #[error("PROXY v1 is not supported; set the proxy to version 2")]
    VersionOne,
    #[error("PROXY header version {0} is unknown")]
    Version(u8),
    #[error("PROXY header of {0} bytes is larger than {LARGEST}")]
    TooLarge(usize),
    #[error("malformed PROXY header: {0}")]
    Malformed(&'static str),
    #[error("the connection broke off within its PROXY header")]
    Io(#[from] std::io::Error),
}

impl ProxyHeaderError {
    /// For metrics.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::VersionOne => "version_1",
            Self::Version(_) => "version",
            Self::TooLarge(_) => "too_large",
            Self::Malformed(_) => "malformed",
            Self::Io(_) => "broken_off",
        }
    }
}

/// Reads exactly the header, and not a byte more. `None`: the proxy speaks for itself (health checks), or will not say
/// for whom. The caller limits the time.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    let mut fixed = [0; FIXED];
    let mut filled = 0;
    while filled < FIXED {
        let came = stream.read(&mut fixed[filled..]).await?;
        if came == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        filled += came;
        // At the first wrong byte, so that a client that waits for an answer to something shorter does not wait long.
        let signed = filled.min(SIGNATURE.len());
        if fixed[..signed] != SIGNATURE[..signed] {
            let one = b"PROXY ";
            let start = filled.min(one.len());
            return Err(if fixed[..start] == one[..start] {
                ProxyHeaderError::VersionOne
            } else {
                ProxyHeaderError::Missing
            });
        }
    }
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if length > LARGEST {
        return Err(ProxyHeaderError::TooLarge(length));
    }
    let mut rest = [0; LARGEST];
    stream.read_exact(&mut rest[..length]).await?;
    parse(fixed[12], fixed[13], &rest[..length])
}

fn parse(version_command: u8, family: u8, rest: &[u8]) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    use ProxyHeaderError::Malformed;
    if version_command >> 4 != 2 {
        return Err(ProxyHeaderError::Version(version_command >> 4));
    }
    match version_command & 0xf {
        // LOCAL: whatever else it says is to be discarded.
        0 => return Ok(None),
        1 => {}
        _ => return Err(Malformed("the command is neither LOCAL nor PROXY")),
    }
    let (source, addresses) = match family {
        // UNSPEC: the receiver keeps the real address.
        0x00 => return Ok(None),
        0x11 => match rest.first_chunk::<12>() {
            Some([a, b, c, d, _, _, _, _, high, low, _, _]) => (
                Some(SocketAddr::from((Ipv4Addr::new(*a, *b, *c, *d), u16::from_be_bytes([*high, *low])))),
                12,
            ),
            None => return Err(Malformed("too short for IPv4 addresses")),
        },
        0x21 => match (rest.first_chunk::<36>(), rest.first_chunk::<16>()) {
            (Some(all), Some(source)) => (
                Some(SocketAddr::from((Ipv6Addr::from(*source), u16::from_be_bytes([all[32], all[33]])))),
                36,
            ),
            _ => return Err(Malformed("too short for IPv6 addresses")),
        },
        0x31 if rest.len() >= 216 => (None, 216),
        0x31 => return Err(Malformed("too short for Unix addresses")),
        0x12 | 0x22 | 0x32 => return Err(Malformed("datagrams over a stream")),
        _ => return Err(Malformed("unknown address family or protocol")),
    };
    // What follows are type-length-value triples. None is used, but a proxy that cannot count is not believed.
    let mut more = &rest[addresses..];
    while let [_, high, low, values @ ..] = more {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        more = values.get(length..).ok_or(Malformed("a TLV goes past the header's end"))?;
    }
    if more.is_empty() { Ok(source) } else { Err(Malformed("a TLV goes past the header's end")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn header(version_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([version_command, family]);
        bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    fn run(bytes: &[u8]) -> Result<Option<SocketAddr>, ProxyHeaderError> {
        let mut bytes = bytes;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let result = runtime.block_on(read(&mut bytes));
        if result.is_ok() {
            assert_eq!(bytes, b"GET", "not a byte too many");
        }
        result
    }

    fn with_request(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.extend(b"GET");
        bytes
    }

    const V4: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0x01, 0xbb];

    #[test]
    fn addresses() {
        assert_eq!(
            run(&with_request(header(0x21, 0x11, &V4))).unwrap(),
            Some("192.0.2.7:12345".parse().unwrap())
        );
        let mut v6 = [0; 36];
        v6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        v6[15] = 1;
        v6[33] = 80;
        assert_eq!(
            run(&with_request(header(0x21, 0x21, &v6))).unwrap(),
            Some("[2001:db8::1]:80".parse().unwrap())
        );
        assert_eq!(run(&with_request(header(0x20, 0x00, b"anything"))).unwrap(), None, "LOCAL");
        assert_eq!(run(&with_request(header(0x21, 0x00, &[]))).unwrap(), None, "UNSPEC");
        assert_eq!(run(&with_request(header(0x21, 0x31, &[0; 216]))).unwrap(), None, "UNIX");
        let with_tlv = [&V4[..], &[4, 0, 2, 9, 9]].concat();
        assert!(run(&with_request(header(0x21, 0x11, &with_tlv))).unwrap().is_some());
    }

    #[test]
    fn refusals() {
        let reason = |bytes: &[u8]| run(bytes).unwrap_err().reason();
        assert_eq!(reason(b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n"), "version_1");
        assert_eq!(reason(b"GET / HTTP/1.1\r\n"), "missing");
        assert_eq!(reason(b"G"), "missing");
        assert_eq!(reason(b"\r\n\r\n"), "broken_off");
        assert_eq!(reason(&header(0x31, 0x11, &V4)), "version");
        assert_eq!(reason(&header(0x2f, 0x11, &V4)), "malformed");
        assert_eq!(reason(&header(0x21, 0x12, &V4)), "malformed");
        assert_eq!(reason(&header(0x21, 0x41, &V4)), "malformed");
        assert_eq!(reason(&header(0x21, 0x11, &V4[..11])), "malformed");
        assert_eq!(reason(&header(0x21, 0x11, &[&V4[..], &[4, 0, 9, 1]].concat())), "malformed");
        assert_eq!(reason(&header(0x21, 0x11, &[&V4[..], &[4, 0]].concat())), "malformed");
        assert_eq!(reason(&header(0x21, 0x11, &vec![0; LARGEST + 1])), "too_large");
        assert_eq!(reason(&header(0x21, 0x11, &V4)[..20]), "broken_off");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..80), signed in any::<bool>()) {
            let bytes = if signed { [&SIGNATURE[..], &bytes].concat() } else { bytes };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(read(&mut &bytes[..]));
        }

        #[test]
        fn ipv4_sources_come_through(address: [u8; 4], port: u16, tlv in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut rest = address.to_vec();
            rest.extend([0; 4]);
            rest.extend(port.to_be_bytes());
            rest.extend([0; 2]);
            rest.push(0xe0);
            rest.extend(u16::try_from(tlv.len()).unwrap().to_be_bytes());
            rest.extend(tlv);
            prop_assert_eq!(run(&with_request(header(0x21, 0x11, &rest))).unwrap(), Some(SocketAddr::from((address, port))));
        }
    }
}
