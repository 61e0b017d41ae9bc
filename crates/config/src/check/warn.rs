//! What works and is probably not meant.

use super::urls::loopback;
use crate::{Config, Database, Warning};
use portcullis_model::service::{AuthMode, Forward};

/// Warnings about a checked configuration. `readable_by_all`: everybody on the machine can read its file.
pub fn warnings(config: &Config, readable_by_all: bool) -> Vec<Warning> {
    let mut out = Vec::new();
    let mut warn = |at: String, message: &str| out.push(Warning { at, message: message.to_owned() });
    if config.storage.database.as_ref().is_some_and(Database::password_inline) {
        let message = if readable_by_all {
            "the URL holds a password, and everybody on this machine can read the file; set the file's mode to 0600, and better give the URL as `env:NAME` or `file:/path`"
        } else {
            "the URL holds a password; better give it as `env:NAME` or `file:/path`"
        };
        warn("storage.database".to_owned(), message);
    }
    if config.gateway.behind_proxy && config.gateway.trusted_proxies.is_empty() {
        let message = "no proxy is trusted, so every caller has the proxy's address: one with bad credentials uses up the failure budget of all; name the proxy here";
        warn("gateway.trusted_proxies".to_owned(), message);
    }
    for proxy in config.gateway.trusted_proxies.iter().filter(|proxy| proxy.prefix_len() == 0) {
        warn(
            "gateway.trusted_proxies".to_owned(),
            &format!("`{proxy}` is everybody: any caller can claim any address"),
        );
    }
    if config.ai.auth == AuthMode::Monitor {
        warn("ai.auth".to_owned(), "monitor mode: calls that should be refused are let through and recorded");
    }
    for service in &config.services {
        let at = format!("services.{}", service.name);
        match service.auth {
            AuthMode::Required => {}
            AuthMode::Monitor => warn(
                format!("{at}.auth"),
                "monitor mode: calls that should be refused are let through and recorded",
            ),
            AuthMode::None => warn(format!("{at}.auth"), "nobody is asked who they are"),
        }
        if service.forward == Forward::Caller
            && service.upstream.scheme() == "http"
            && !loopback(&service.upstream)
        {
            warn(format!("{at}.upstream"), "the caller's credential is forwarded over plain HTTP");
        }
    }
    for provider in &config.providers {
        if (provider.api_key.is_some() || !provider.keys.is_empty() || provider.google.is_some())
            && provider.base_url.as_ref().is_some_and(|url| url.scheme() == "http" && !loopback(url))
        {
            warn(format!("providers.{}.base_url", provider.name), "the key is sent over plain HTTP");
        }
    }
    for issuer in config.issuers.iter().filter(|issuer| issuer.audience_claim.as_deref() == Some("none")) {
        warn(
            format!("issuers.{}.audience_claim", issuer.name),
            "tokens that this issuer made for anybody else are accepted here, too",
        );
    }
    for issuer in config.issuers.iter().filter(|issuer| issuer.single_use) {
        let Some(preset) = &issuer.preset else { continue };
        warn(
            format!("issuers.{}.single_use", issuer.name),
            &format!(
                "access tokens of `{preset}` are made to be used until they expire, and every call after the first would be refused; keep it only if its clients fetch a token for every call, and each token has a `jti` of its own"
            ),
        );
    }
    for model in &config.models {
        let name = model.name.as_str();
        if !config.tenants.is_empty()
            && !config
                .tenants
                .iter()
                .any(|tenant| tenant.models.iter().any(|granted| granted == "*" || granted == name))
        {
            warn(format!("models.{name}"), "no tenant of this file is granted the model");
        }
    }
    out
}
