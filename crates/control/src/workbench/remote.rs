//! Key sets that a caller names: fetched through the one guarded way out, as if a document had named their hosts. They
//! must be public, at every step: the host that was named, every redirect, and what a discovery document points to. So
//! nobody makes this process ask its own network.

use super::Problem;
use super::jwks::fetch::{Fetched, Request};
use super::turns::Turns;
use crate::answer::Refused;
use portcullis_fault::{Code, codes};
use portcullis_model::issuer;
use portcullis_net::egress::{Client, ConnectError, Egress, Fetch, FetchError, Trust};
use serde::Deserialize;
use std::sync::OnceLock;
use std::time::Duration;
use url::Url;

/// Largest document that is read: hundreds of keys with certificates.
const LARGEST: usize = 256 * 1024;
/// For the whole of one fetch, redirects included.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Redirects followed.
const REDIRECTS: u8 = 3;
/// Fetches under way at once.
const AT_ONCE: usize = 8;
/// Longest address that is looked at.
const LONGEST: usize = 2048;

/// The way out.
pub(crate) struct Remote {
    egress: Egress,
    settings: issuer::Egress,
    client: OnceLock<Result<Client, String>>,
    turns: Turns,
}

/// The members of OpenID metadata that are used.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Remote {
    /// Through `egress`, with these settings.
    pub(crate) fn new(egress: Egress, settings: issuer::Egress) -> Self {
        Self { egress, settings, client: OnceLock::new(), turns: Turns::new(AT_ONCE) }
    }

    /// Fetches what a request names.
    pub(crate) async fn fetch(&self, request: &Request) -> Result<Fetched, Refused> {
        let _turn = self.turns.take().await?;
        match (&request.jwks_url, &request.issuer) {
            (Some(url), None) => Ok(self.get(&address(url, "jwks_url")?, "jwks_url").await?),
            (None, Some(issuer)) => Ok(self.discover(issuer).await?),
            _ => Err(Problem::invalid(
                "fetch_form",
                "jwks_url",
                "not exactly one of `jwks_url` and `issuer`",
                "name the key set, or the issuer",
            )
            .into()),
        }
    }

    async fn discover(&self, issuer: &str) -> Result<Fetched, Problem> {
        let place = "issuer";
        let mut url = address(issuer, place)?;
        if url.query().is_some() || url.fragment().is_some() {
            let (message, next) = ("an issuer has no query and no fragment", "give it as it stands in `iss`");
            return Err(Problem::invalid("url_malformed", place, message, next));
        }
        let path = format!("{}/.well-known/openid-configuration", url.path().trim_end_matches('/'));
        url.set_path(&path);
        let fetched = self.get(&url, place).await?;
        // What it holds instead is not repeated.
        let metadata: Metadata = serde_json::from_slice(&fetched.body).map_err(|_| {
            let next = "check the issuer's address, or name its key set as `jwks_url`";
            Problem::invalid("metadata_malformed", place, format!("`{url}` is no OpenID metadata"), next)
        })?;
        if metadata.issuer != issuer {
            // OpenID Connect Discovery 1.0 §4.3: identical, or one issuer could speak for another.
            let theirs: String = metadata.issuer.chars().take(256).collect();
            return Err(Problem::invalid(
                "issuer_mismatch",
                place,
                format!("`{url}` says that its issuer is `{}`", theirs.escape_debug()),
                "if that is the issuer you mean, write it exactly so; otherwise do not trust its keys",
            ));
        }
        self.get(&address(&metadata.jwks_uri, "issuer.jwks_uri")?, "issuer.jwks_uri").await
    }

    async fn get(&self, url: &Url, place: &str) -> Result<Fetched, Problem> {
        let client = self.client.get_or_init(|| self.egress.client(&self.settings, Trust::Document));
        let client = client.as_ref().map_err(|what| {
            Problem::new("egress", codes::INTERNAL, "", what.clone(), "tell whoever runs this gateway")
        })?;
        // Said again: whatever the settings, no caller's host is one that the operator named.
        let client = client.trusting(Trust::Document);
        let wishes = Fetch {
            max_bytes: LARGEST,
            timeout: TIMEOUT,
            redirects: REDIRECTS,
            plain_http: false,
            ..Fetch::default()
        };
        let fetched = client.fetch(url, &wishes).await.map_err(|error| unfetched(&error, place))?;
        let cache_control = fetched.headers.get(http::header::CACHE_CONTROL);
        Ok(Fetched {
            url: fetched.url.to_string(),
            cache_control: cache_control.and_then(|value| value.to_str().ok()).map(str::to_owned),
            body: fetched.body.to_vec(),
        })
    }
}

fn address(text: &str, place: &str) -> Result<Url, Problem> {
    let wrong = |message: &str| {
        let next = "give an address as `https://idp.example.com/jwks.json`";
        Problem::invalid("url_malformed", place, message, next)
    };
    if text.len() > LONGEST {
        return Err(wrong("longer than any address"));
    }
    let url: Url = text.parse().map_err(|_| wrong("not a URL"))?;
    match url.scheme() {
        "https" => Ok(url),
        _ => Err(Problem::invalid(
            "url_not_https",
            place,
            "not https: whoever is on the way could exchange the keys",
            "use https, or give the key set itself",
        )),
    }
}

/// Why nothing was fetched. Of a host that is not public no more is said than that: not its addresses, nor whether
/// anything answers there.
fn unfetched(error: &FetchError, place: &str) -> Problem {
    let give = "give the key set itself among `keys`";
    let problem = |name, code: Code, message: String, next| Problem::new(name, code, place, message, next);
    let invalid = codes::PARAMETER_INVALID;
    match error {
        FetchError::Connect(
            ConnectError::AddressRefused { host, .. } | ConnectError::NameRefused { host },
        ) => problem(
            "host_not_public",
            invalid,
            format!("`{host}` is no public host, and only those are asked for keys that a caller names"),
            give,
        ),
        FetchError::Connect(ConnectError::PlainHttp { .. }) => {
            problem("url_not_https", invalid, error.to_string(), "use https")
        }
        FetchError::Connect(ConnectError::Url(_)) => {
            problem("url_malformed", invalid, error.to_string(), "correct the address")
        }
        FetchError::Connect(_) => problem("fetch_connect", codes::KEYS_UNAVAILABLE, error.to_string(), give),
        FetchError::TimedOut { .. } => {
            problem("fetch_timeout", codes::KEYS_UNAVAILABLE, error.to_string(), give)
        }
        FetchError::Status { status: 500.., .. } => {
            problem("fetch_status", codes::KEYS_UNAVAILABLE, error.to_string(), give)
        }
        FetchError::Status { .. } => problem("fetch_status", invalid, error.to_string(), "check the address"),
        FetchError::TooLarge { .. } => {
            problem("fetch_too_large", invalid, error.to_string(), "check the address: key sets are small")
        }
        FetchError::Redirect { .. } => {
            problem("fetch_redirect", invalid, error.to_string(), "name the address that it leads to")
        }
        FetchError::Protocol { .. } => {
            problem("fetch_protocol", invalid, error.to_string(), "check the address")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https() {
        assert!(address("https://idp.example/jwks", "jwks_url").is_ok());
        for (text, name) in [
            ("http://idp.example/jwks", "url_not_https"),
            ("file:///etc/passwd", "url_not_https"),
            ("data:application/json,{}", "url_not_https"),
            ("idp.example", "url_malformed"),
            ("", "url_malformed"),
            (&format!("https://{}", "x".repeat(LONGEST)), "url_malformed"),
        ] {
            assert_eq!(address(text, "jwks_url").unwrap_err().name, name, "{text}");
        }
    }
}
