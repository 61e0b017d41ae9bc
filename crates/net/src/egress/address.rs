//! Which addresses a host that a document named may have: public ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why `address` is refused for a host that a document named (`private`, `loopback`, …); `None` when it is public.
///
/// Everything that the IANA special-purpose registries (RFC 6890 and its updates) do not call globally reachable,
/// everything that stands for such an address in another form (IPv4-mapped, NAT64, 6to4, ISATAP), and the metadata
/// services of the clouds.
pub fn refused_for_documents(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => v4_kind(v4),
        IpAddr::V6(v6) => v6_kind(v6),
    }
}

fn v4_kind(address: Ipv4Addr) -> Option<&'static str> {
    Some(match address.octets() {
        // AWS, Azure, Google and most others; ECS tasks; Oracle; Alibaba; Azure's host agent (a public address).
        [169, 254, 169, 254]
        | [169, 254, 170, 2]
        | [192, 0, 0, 192]
        | [100, 100, 100, 200]
        | [168, 63, 129, 16] => "a cloud's metadata service",
        [0, ..] => "unspecified",
        [127, ..] => "loopback",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "private",
        [100, 64..=127, ..] => "shared (carrier-grade NAT)",
        [169, 254, ..] => "link-local",
        [192, 0, 0, _] | [192, 88, 99, _] => "for protocols only",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "for documentation",
        [198, 18..=19, ..] => "for benchmarks",
        [224..=239, ..] => "multicast",
        [255, 255, 255, 255] => "broadcast",
        [240..=255, ..] => "reserved",
        _ => return None,
    })
}

fn v6_kind(address: Ipv6Addr) -> Option<&'static str> {
    let bytes = address.octets();
    let v4_at = |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        // IPv4-mapped, IPv4-compatible and IPv4-translated (RFC 4291 §2.5.5, RFC 2765), and NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff | 0, _, _]
        | [0, 0, 0, 0, 0xffff, 0, _, _]
        | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => v4_kind(v4_at(12)),
        // 6to4 (RFC 3056).
        [0x2002, ..] => v4_kind(v4_at(2)),
        // ISATAP (RFC 5214 §6.1).
        [.., 0 | 0x200, 0x5efe, _, _] => v4_kind(v4_at(12)).or(Some("a tunnel")),
        [0xfc00..=0xfdff, ..] => Some("private"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xfec0..=0xfeff, ..] => Some("private"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        // Teredo hides an IPv4 address of the peer's choice.
        [0x2001, 0, ..] => Some("a tunnel"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("for documentation"),
        // Benchmarks and ORCHID: the rest of RFC 2928's protocol block that is not globally reachable.
        [0x2001, 2..=0x1ff, ..] => Some("for protocols only"),
        [0x2000..=0x3fff, ..] => None,
        _ => Some("not a global unicast address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.167.1.1",
            "198.17.0.1",
            "169.253.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "64:ff9b::808:808",
            "2002:808:808::1",
            "::ffff:8.8.8.8",
            "2001:4860:4860::8888",
            "2400::1",
        ] {
            assert_eq!(refused_for_documents(public.parse().unwrap()), None, "{public}");
        }
        for (refused, kind) in [
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("10.0.0.1", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("100.64.0.1", "shared (carrier-grade NAT)"),
            ("169.254.1.1", "link-local"),
            ("169.254.169.254", "a cloud's metadata service"),
            ("168.63.129.16", "a cloud's metadata service"),
            ("100.100.100.200", "a cloud's metadata service"),
            ("192.0.2.1", "for documentation"),
            ("198.18.0.1", "for benchmarks"),
            ("224.0.0.1", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:169.254.169.254", "a cloud's metadata service"),
            ("::ffff:0:10.0.0.1", "private"),
            ("::10.0.0.1", "private"),
            ("64:ff9b::10.0.0.1", "private"),
            ("64:ff9b:1::808:808", "not a global unicast address"),
            ("2002:7f00:1::", "loopback"),
            ("2002:a9fe:a9fe::1", "a cloud's metadata service"),
            ("2001:0:1::1", "a tunnel"),
            ("2a00::5efe:8.8.8.8", "a tunnel"),
            ("fe80::1", "link-local"),
            ("fec0::1", "private"),
            ("fd00:ec2::254", "private"),
            ("fc00::1", "private"),
            ("ff02::1", "multicast"),
            ("2001:db8::1", "for documentation"),
            ("3fff:1::1", "for documentation"),
            ("100::1", "not a global unicast address"),
            ("5f00::1", "not a global unicast address"),
        ] {
            assert_eq!(refused_for_documents(refused.parse().unwrap()), Some(kind), "{refused}");
        }
    }

    proptest! {
        /// Another spelling of an IPv4 address is judged as that address.
        #[test]
        fn embedded_addresses_are_found(octets: [u8; 4], private: bool) {
            let v4 = if private { Ipv4Addr::new(10, octets[1], octets[2], octets[3]) } else { Ipv4Addr::from(octets) };
            let n = u128::from(u32::from(v4));
            for form in [0xffff_0000_0000 | n, 0x64_ff9b << 96 | n, 0x2002 << 112 | n << 80 | 1] {
                let form = Ipv6Addr::from(form);
                prop_assert_eq!(refused_for_documents(IpAddr::V6(form)), v4_kind(v4), "{}", form);
            }
        }
    }
}
