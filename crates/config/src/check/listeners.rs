//! Listeners: nothing is open to the network in the clear by accident.

use super::{Subject, positive, urls};
use crate::place::Path;
use crate::tree::Findings;
use std::net::SocketAddr;

/// The kernel's limit for the path of a unix socket, its final zero byte aside.
const SOCKET_PATH: usize = 107;

pub fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let (gateway, control) = (&subject.config.gateway, &subject.config.control);
    open(&Path::of("gateway"), gateway.listen, gateway.tls.is_some() || gateway.behind_proxy, findings);
    open(&Path::of("control"), control.listen, control.tls.is_some() || control.behind_proxy, findings);
    if collide(gateway.listen, control.listen) {
        let message =
            format!("`listen` of the control listener is that of the gateway: `{}`", control.listen);
        findings.value(
            Path::of("control").key("listen"),
            message,
            Some("callers and operators have a port each"),
        );
    }
    for (section, url) in [("gateway", &gateway.public_url), ("control", &control.public_url)] {
        if let Some(url) = url {
            urls::plain(url, &Path::of(section).key("public_url"), findings);
        }
    }
    if gateway.proxy_protocol && gateway.trusted_proxies.is_empty() {
        let message =
            "`proxy_protocol` needs `trusted_proxies`: without it everybody could claim any address";
        findings.value(
            Path::of("gateway").key("proxy_protocol"),
            message,
            Some("name the proxies' addresses or networks"),
        );
    }
    if let Some(socket) = &control.socket {
        let length = socket.as_os_str().len();
        if length == 0 || length > SOCKET_PATH {
            findings.value(
                Path::of("control").key("socket"),
                format!("the path of a unix socket has 1 to {SOCKET_PATH} bytes, not {length}"),
                None,
            );
        }
    }
    let at = Path::of("gateway");
    positive(gateway.header_timeout, at.key("header_timeout"), findings);
    positive(gateway.body_timeout, at.key("body_timeout"), findings);
    positive(gateway.idle_timeout, at.key("idle_timeout"), findings);
    positive(gateway.failure_budget.window, at.key("failure_budget").key("window"), findings);
    if gateway.max_header_bytes.0 < 1_024 || gateway.max_header_bytes.0 > 1 << 20 {
        let message =
            format!("`max_header_bytes` must be from `1KiB` to `1MiB`, not `{}`", gateway.max_header_bytes);
        findings.value(at.key("max_header_bytes"), message, None);
    }
}

fn open(section: &Path, listen: SocketAddr, guarded: bool, findings: &mut Findings) {
    if listen.ip().is_loopback() || guarded {
        return;
    }
    let message = format!("`listen` is open to the network without TLS: `{listen}`");
    let help = format!(
        "add `[{section}.tls]` with a certificate, or set `behind_proxy = true` when a proxy ends TLS and nobody else reaches this port, or listen on `127.0.0.1`"
    );
    findings.value(section.key("listen"), message, Some(&help));
}

fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let everywhere = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && (a.ip() == b.ip() || everywhere)
}
