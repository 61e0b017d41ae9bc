//! A model at one provider, ready to be called.

use super::target;
use crate::upstream::sigv4::{Signer, Unsigned};
use crate::upstream::{Endpoint, Endpoints};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use portcullis_fault::Fault;
use portcullis_llm::Preset;
use portcullis_llm::dialect::{Operation, Served};
use portcullis_model::provider::Aws;
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Name, Problem, Provider, Timestamp};
use std::sync::Arc;

/// A model at one provider.
pub(crate) struct Deployment {
    /// The provider's name.
    pub(crate) provider: Name,
    /// The model's name there.
    pub(crate) model: Name,
    /// How it is reached.
    pub(crate) way: Way,
}

/// How a provider is reached.
#[derive(Clone)]
pub(crate) enum Way {
    /// Within the process.
    Echo(&'static Preset),
    /// Over HTTP.
    Http(Arc<HttpWay>),
}

/// A provider's place, and our credential there.
pub(crate) struct HttpWay {
    pub(super) endpoint: Arc<Endpoint>,
    /// The base URL's path, without a final slash.
    base: Box<str>,
    pub(super) preset: &'static Preset,
    /// Our key, and what the operator adds; sensitive.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Signs each call, where the provider is Amazon's.
    signer: Option<Signer>,
}

impl Deployment {
    pub(super) fn serves(&self, operation: Operation) -> bool {
        match &self.way {
            Way::Echo(preset) => preset.serves(operation),
            Way::Http(way) => way.preset.serves(operation),
        }
    }
}

impl HttpWay {
    pub(super) fn uri(&self, served: &Served, model: &str) -> Result<Uri, Fault> {
        target(&self.base, &self.preset.path(served, model))
    }
}

impl HttpWay {
    /// Adds the signature of a call to its headers, which are complete but for that, where the provider wants one.
    pub(super) fn sign(
        &self,
        headers: &mut HeaderMap,
        target: &Uri,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let Some(signer) = &self.signer else { return Ok(()) };
        let text = |value: Option<&HeaderValue>| {
            value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let url = format!("https://{}{target}", text(Some(&self.endpoint.host)));
        let content_type = text(headers.get(header::CONTENT_TYPE));
        let request = Unsigned { method: "POST", url: &url, content_type: &content_type, body };
        headers.extend(signer.sign(request, now)?);
        Ok(())
    }
}

/// The URL of a vendor whose place differs by region, which the keys say.
fn regional(preset: &Preset, aws: Option<&Aws>) -> Option<url::Url> {
    let url = preset.template?.replace("{region}", &aws?.region);
    if url.contains('{') { None } else { url::Url::parse(&url).ok() }
}

impl Way {
    /// Compiles the way to a provider.
    pub(crate) fn compile(
        provider: &Provider,
        endpoints: &Endpoints,
        secrets: &dyn SecretSource,
    ) -> Result<Self, Vec<Problem>> {
        let at = |field: &str| format!("providers.{}.{field}", provider.name);
        let mut problems = Vec::new();
        let preset = match &provider.preset {
            None => Preset::generic(),
            Some(name) => match Preset::find(name) {
                Some(preset) => preset,
                None => {
                    problems.push(Problem::new(
                        at("preset"),
                        format!("there is no preset `{name}`; give `base_url` instead"),
                    ));
                    Preset::generic()
                }
            },
        };
        if preset.is_echo() {
            return if problems.is_empty() { Ok(Self::Echo(preset)) } else { Err(problems) };
        }
        let base = match (&provider.base_url, preset.base_url) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(text)) => url::Url::parse(text).ok(),
            (None, None) => regional(preset, provider.aws.as_ref()),
        };
        let mut headers = Vec::new();
        if let Some(reference) = &provider.api_key {
            match secrets.read(reference).map(|key| preset.credential_header(key.expose())) {
                Ok(Some(header)) => headers.push(header),
                Ok(None) => problems.push(Problem::new(
                    at("api_key"),
                    "the key has characters that cannot stand in a header",
                )),
                Err(error) => problems.push(Problem::new(at("api_key"), error)),
            }
        }
        let mut signer = None;
        if let Some(aws) = &provider.aws {
            if provider.api_key.is_some() {
                problems.push(Problem::new(at("aws"), "there is an `api_key` as well; give one of them"));
            }
            match Signer::new(aws, secrets) {
                Ok(made) => signer = Some(made),
                Err(found) => problems.extend(
                    found.into_iter().map(|(member, why)| Problem::new(at(&format!("aws.{member}")), why)),
                ),
            }
        }
        for (name, value) in &provider.headers {
            match (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
                (Ok(name), Ok(mut value)) => {
                    // It may well be another key.
                    value.set_sensitive(true);
                    headers.push((name, value));
                }
                _ => problems.push(Problem::new(at(&format!("headers.{name}")), "this is no header")),
            }
        }
        let Some(base) = base else {
            let example = preset.template.unwrap_or("https://api.example.com/v1");
            let why = format!("the provider needs a `base_url`, up to and with the version, as `{example}`");
            problems.push(Problem::new(at("base_url"), why));
            return Err(problems);
        };
        match endpoints.endpoint(&base, &provider.http) {
            Ok(endpoint) if problems.is_empty() => {
                let base = base.path().trim_end_matches('/').into();
                Ok(Self::Http(Arc::new(HttpWay { endpoint, base, preset, headers, signer })))
            }
            Ok(_) => Err(problems),
            Err(error) => {
                problems.push(Problem::new(at("http"), error));
                Err(problems)
            }
        }
    }
}
