//! Settings of the listener that every call looks at.

use portcullis_config::Config;
use portcullis_net::accept::TrustedProxies;
use std::sync::Arc;
use std::time::Duration;

/// Settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The URL below which the codes' pages are; a path when nobody said where we are reached.
    pub(crate) pages: Arc<str>,
    /// The longest pause within a caller's body.
    pub(crate) body_timeout: Duration,
    /// Whose forwarding headers are believed.
    pub(crate) trusted: TrustedProxies,
    /// Calls under way at most.
    pub(crate) max_calls: u32,
}

impl Settings {
    pub(super) fn of(config: &Config) -> Self {
        let gateway = &config.gateway;
        let base = gateway.public_url.as_ref().map_or("", |url| url.as_str().trim_end_matches('/'));
        Self {
            pages: format!("{base}/-/errors").into(),
            body_timeout: gateway.body_timeout.0,
            trusted: TrustedProxies::new(gateway.trusted_proxies.clone()),
            max_calls: gateway.max_calls,
        }
    }
}
