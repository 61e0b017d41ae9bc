//! Fetching key sets that the command line names, through the gateway's one guarded way out. The host that was named
//! may be private; one that a discovery document or a redirect names may not.

use crate::cli::Globals;
use crate::failure::{Done, Failure};
use portcullis_model::{SystemClock, issuer};
use portcullis_net::egress::{Client, Egress, Fetch, FetchError, Fetched, ProxyEnvironment, Trust};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use url::Url;

/// Largest document that is read: a set of hundreds of keys with certificates.
const MOST: usize = 256 * 1024;

/// What the key set of an issuer is, and where it was found.
#[derive(Debug)]
pub struct Found {
    /// Where the key set is.
    pub url: Url,
    /// The key set as it came.
    pub body: Vec<u8>,
    /// `Cache-Control`, when there is one.
    pub cache_control: Option<String>,
}

/// The members of OpenID metadata that are used.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Url,
}

/// A way out for what the command line names.
pub struct Web(Client);

impl Web {
    /// With the certificates of `ca_file` in place of the public ones, if there is one.
    ///
    /// # Errors
    /// The file, or a proxy variable of the environment, is not what it should be.
    pub fn new(globals: &Globals, ca_file: Option<PathBuf>) -> Done<Self> {
        let proxies = ProxyEnvironment::from_variables(globals.environment.iter().cloned())
            .map_err(|what| Failure::usage(what).next("correct the variable, or unset it"))?;
        // The machine's clock, whatever `--now` says: certificates of servers are judged by the time it is.
        let egress = Egress::new(Arc::new(SystemClock), proxies);
        let settings = issuer::Egress { ca_file, ..issuer::Egress::default() };
        egress.client(&settings, Trust::Operator).map(Self).map_err(Failure::usage)
    }

    /// The key set at a URL.
    ///
    /// # Errors
    /// It cannot be fetched.
    pub fn key_set(&self, url: &Url) -> Done<Found> {
        let client = &self.0;
        super::super::block_on(async { key_set(client, url).await })
    }

    /// The key set of an issuer, by its OpenID metadata.
    ///
    /// # Errors
    /// Either document cannot be fetched, or the metadata is another issuer's.
    pub fn discover(&self, issuer: &str) -> Done<Found> {
        super::super::block_on(async {
            let metadata = metadata_url(issuer)?;
            let fetched = fetch(&self.0, &metadata).await?;
            let found: Metadata = serde_json::from_slice(&fetched.body).map_err(|error| {
                Failure::usage(format!("this is no OpenID metadata: {error}"))
                    .at(metadata.to_string())
                    .next("check the issuer's address, or name its key set with `--jwks URL`")
            })?;
            if found.issuer != issuer {
                // OpenID Connect Discovery 1.0 §4.3: identical, or one issuer could speak for another.
                let theirs: String = found.issuer.chars().take(256).collect();
                let theirs = super::paint::harmless(&theirs);
                return Err(Failure::usage(format!(
                    "the metadata is another issuer's: asked for `{issuer}`, it says `{theirs}`"
                ))
                .at(metadata.to_string())
                .next(
                    "if that is the issuer you mean, write it exactly so; otherwise do not trust its keys",
                ));
            }
            let same = found.jwks_uri.host() == metadata.host()
                && found.jwks_uri.port_or_known_default() == metadata.port_or_known_default();
            let client = if same { self.0.clone() } else { self.0.trusting(Trust::Document) };
            key_set(&client, &found.jwks_uri).await
        })
    }
}

/// Where an issuer's metadata is (OpenID Connect Discovery 1.0 §4).
fn metadata_url(issuer: &str) -> Done<Url> {
    let wrong = |what: &str| {
        Err(Failure::usage(format!("this is no issuer: {what}"))
            .at(issuer.to_owned())
            .next("give the issuer as it stands in `iss`, as `https://idp.example.com/realms/corp`"))
    };
    let Ok(mut url) = issuer.parse::<Url>() else { return wrong("not a URL") };
    if !matches!(url.scheme(), "https" | "http") || url.query().is_some() || url.fragment().is_some() {
        return wrong("an issuer is an https URL without query and fragment");
    }
    let path = format!("{}/.well-known/openid-configuration", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

async fn key_set(client: &Client, url: &Url) -> Done<Found> {
    let fetched = fetch(client, url).await?;
    let cache_control = fetched.headers.get(http::header::CACHE_CONTROL);
    Ok(Found {
        cache_control: cache_control.and_then(|value| value.to_str().ok()).map(str::to_owned),
        url: fetched.url,
        body: fetched.body.to_vec(),
    })
}

async fn fetch(client: &Client, url: &Url) -> Done<Fetched> {
    client.fetch(url, &Fetch { max_bytes: MOST, ..Fetch::default() }).await.map_err(|error| unfetched(&error))
}

fn unfetched(error: &FetchError) -> Failure {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        // Some errors say their cause themselves.
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    let next = match error.reason() {
        "plain_http" => "use https; plain http is for this machine only",
        "address_refused" => "if that host is yours, name its key set yourself with `--jwks URL`",
        "tls" => "if its certificate is from an authority of your own, name that with `--ca-file FILE`",
        "status" => "check the address",
        _ => "check the address and the network; or save the key set and give it as a file",
    };
    Failure::usage(super::paint::harmless(&text)).next(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_metadata_is() {
        for (issuer, want) in [
            ("https://idp.example", "https://idp.example/.well-known/openid-configuration"),
            ("https://idp.example/", "https://idp.example/.well-known/openid-configuration"),
            ("https://idp.example/realms/a", "https://idp.example/realms/a/.well-known/openid-configuration"),
        ] {
            assert_eq!(metadata_url(issuer).unwrap().as_str(), want);
        }
        for wrong in ["idp.example", "file:///etc/passwd", "https://idp.example/?x=1", "data:,x"] {
            assert_eq!(metadata_url(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }
}
