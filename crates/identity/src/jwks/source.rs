//! Where an issuer's keys come from, as its configuration says. Exactly one place.

use super::fetch::{File, Remote, Start};
use super::{Fetch, Ring, RingParts};
use portcullis_fault::Secret;
use portcullis_jose::jws::sha256;
use portcullis_jose::{Alg, Algs, Family, Jwk, KeySet};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Issuer, issuer};
use portcullis_net::egress::{Egress, Trust};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How often strangers can make a remote source be asked.
const RATION: Duration = Duration::from_secs(10);

/// Where keys come from. Two that are equal share a ring, so that a new configuration keeps the keys of the old one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum KeySource {
    /// Metadata that must state this issuer.
    Discovery { metadata: Url, issuer: String, http: issuer::Egress },
    /// A key set at a URL.
    Url { url: Url, http: issuer::Egress },
    /// A key set in a file.
    File(PathBuf),
    /// Keys that were read when the configuration was; told apart by digest.
    Fixed { digest: [u8; 32] },
}

impl KeySource {
    /// The source of a configured issuer; with the keys themselves where they are configured. Errors say where
    /// (below the issuer) and what.
    pub fn of(
        issuer: &Issuer,
        algorithms: Algs,
        secrets: &dyn SecretSource,
    ) -> Result<(Self, Option<KeySet>), (&'static str, String)> {
        if let Some(url) = &issuer.jwks_url {
            return Ok((Self::Url { url: url.clone(), http: issuer.http.clone() }, None));
        }
        if let Some(path) = &issuer.jwks_file {
            return Ok((Self::File(path.clone()), None));
        }
        if issuer.public_key_file.is_some() || issuer.secret.is_some() {
            let (digest, set) = static_keys(issuer, algorithms, secrets)?;
            return Ok((Self::Fixed { digest }, Some(set)));
        }
        discovery(issuer).map(|source| (source, None))
    }

    /// A ring for it.
    pub fn ring(
        &self,
        parts: impl FnOnce(Duration) -> RingParts,
        set: Option<KeySet>,
        egress: &Egress,
    ) -> Result<Arc<Ring>, (&'static str, String)> {
        let client = |http| egress.client(http, Trust::Operator).map_err(|error| ("http", error));
        let remote = |http, start, parts: RingParts| -> Result<Arc<Ring>, (&'static str, String)> {
            let fetch: Arc<dyn Fetch> = Arc::new(Remote::new(client(http)?, start, parts.clock.clone()));
            Ok(Ring::fetched(parts, fetch))
        };
        match self {
            Self::Discovery { metadata, issuer, http } => {
                let start = Start::Discovery { metadata: metadata.clone(), issuer: issuer.clone() };
                remote(http, start, parts(RATION))
            }
            Self::Url { url, http } => remote(http, Start::Set(url.clone()), parts(RATION)),
            Self::File(path) => Ok(Ring::fetched(parts(Duration::ZERO), Arc::new(File::new(path.clone())))),
            Self::Fixed { .. } => Ok(Ring::fixed(parts(RATION), set.unwrap_or_default(), true)),
        }
    }
}

/// The one key of `public_key_file` or `secret`.
fn static_keys(
    issuer: &Issuer,
    algorithms: Algs,
    secrets: &dyn SecretSource,
) -> Result<([u8; 32], KeySet), (&'static str, String)> {
    if let Some(path) = &issuer.public_key_file {
        let field = "public_key_file";
        let say = |what: String| (field, format!("`{}`: {what}", path.display()));
        let pem = std::fs::read(path).map_err(|error| say(format!("cannot be read: {error}")))?;
        let jwk = Jwk::from_pem(&pem).map_err(|error| say(error.to_string()))?;
        let public = jwk.to_public().ok_or_else(|| say("this is no public key".to_owned()))?;
        let key = public.verifying_key().map_err(|error| say(error.to_string()))?;
        if key.accepts().and(algorithms).is_empty() {
            return Err(say(format!(
                "the key takes {}, and `algorithms` allows {algorithms}",
                key.accepts()
            )));
        }
        return Ok((sha256(&pem), KeySet::new(vec![key])));
    }
    let Some(reference) = &issuer.secret else { return Ok(([0; 32], KeySet::default())) };
    let say = |what: String| ("secret", format!("`{reference}`: {what}"));
    let bytes: Secret<Vec<u8>> = secrets.read(reference).map_err(|error| ("secret", error))?;
    let secret =
        portcullis_jose::Secret::new(bytes.expose().clone()).map_err(|error| say(error.to_string()))?;
    let mut keys = Vec::new();
    for alg in algorithms.iter().filter(|alg| alg.family() == Family::Hmac) {
        keys.push(secret.verifying_key(Some(alg)).map_err(|error| say(format!("{error} (for `{alg}`)")))?);
    }
    let digest =
        sha256(&[b"secret".as_slice(), &sha256(bytes.expose()), algorithms.to_string().as_bytes()].concat());
    Ok((digest, KeySet::new(keys)))
}

/// OpenID Connect Discovery 1.0 §4. For an issuer with `{tid}` in it, as Microsoft's multi-tenant one has: the
/// metadata is that of `common`, and states the issuer with its own placeholder.
fn discovery(issuer: &Issuer) -> Result<KeySource, (&'static str, String)> {
    let text = &issuer.issuer;
    let (base, expected) = match (text.find('{'), text.find('}')) {
        (Some(from), Some(to)) if from < to && issuer.preset.as_deref() == Some("entra") => (
            format!("{}common{}", &text[..from], &text[to + 1..]),
            format!("{}{{tenantid}}{}", &text[..from], &text[to + 1..]),
        ),
        (None, None) => (text.clone(), text.clone()),
        _ => {
            return Err((
                "jwks_url",
                "an issuer with `{claim}` in it needs `jwks_url`: there is nothing to discover".to_owned(),
            ));
        }
    };
    let metadata = format!("{}/.well-known/openid-configuration", base.trim_end_matches('/'));
    let metadata = Url::parse(&metadata).ok().filter(|url| matches!(url.scheme(), "https" | "http")).ok_or_else(|| {
        ("issuer", format!("`{text}` is no URL to discover keys from; write one, or give `jwks_url`, `jwks_file`, `public_key_file` or `secret`"))
    })?;
    Ok(KeySource::Discovery { metadata, issuer: expected, http: issuer.http.clone() })
}

/// The algorithms of an issuer: what is configured, or a default by where its keys come from.
pub(crate) fn algorithms(issuer: &Issuer) -> Result<Algs, String> {
    let with_secret = issuer.secret.is_some();
    let algorithms = match (issuer.algorithms.as_slice(), with_secret) {
        ([], true) => Algs::of(&[Alg::HS256]),
        ([], false) => Algs::of(&[Alg::RS256, Alg::ES256, Alg::EdDSA]),
        (names, _) => names
            .iter()
            .map(|name| name.parse::<Alg>().map_err(|error| error.to_string()))
            .collect::<Result<_, _>>()?,
    };
    for alg in algorithms.iter() {
        match (alg.family() == Family::Hmac, with_secret) {
            (true, false) => {
                return Err(format!(
                    "`{alg}` needs a shared `secret`; an issuer with public keys takes none of its kind"
                ));
            }
            (false, true) => {
                return Err(format!(
                    "`{alg}` needs a public key; with a `secret` only HS256, HS384 and HS512 are possible"
                ));
            }
            _ => {}
        }
    }
    Ok(algorithms)
}
