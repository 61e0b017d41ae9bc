//! A model at one provider, ready to be called.

use super::route::{Hash, Health, Key, Vitals, resting};
use super::target;
use crate::upstream::google::{Account, Tokens};
use crate::upstream::sigv4::{Signer, Unsigned};
use crate::upstream::{Endpoint, Endpoints};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use portcullis_fault::Fault;
use portcullis_llm::Preset;
use portcullis_llm::canon::Mode;
use portcullis_llm::catalog::{Catalog, Model};
use portcullis_llm::dialect::{Operation, Outbound};
use portcullis_llm::providers::presets;
use portcullis_model::provider::{self as model, Api, Translation, When};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Name, Problem, Provider, Timestamp};
use portcullis_net::egress::Trust;
use std::sync::Arc;

/// A model at one provider.
pub(crate) struct Deployment {
    /// The provider's name.
    pub(crate) provider: Name,
    /// The model's name there.
    pub(crate) model: Name,
    /// The same in every process and configuration.
    pub(crate) identity: u64,
    pub(crate) priority: u32,
    pub(crate) weight: u32,
    pub(crate) region: Option<String>,
    /// Which calls it is for.
    pub(crate) when: Option<When>,
    /// How it is doing.
    pub(crate) vitals: Arc<Vitals>,
    /// How strict it is about what its dialect cannot say.
    pub(crate) mode: Mode,
    /// The one endpoint that takes its conversations, of several.
    api: Option<Api>,
    /// What it is told when the caller speaks another dialect.
    pub(super) chat: Option<Outbound>,
    /// What the catalogue knows of it.
    pub(super) known: Option<Arc<Model>>,
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
    /// Our keys; at least one, which may be none.
    pub(super) keys: Vec<Key>,
    /// What the operator adds; sensitive.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Signs each call, where the provider is Amazon's.
    signer: Option<Signer>,
    /// Access tokens, where the provider is Google's cloud.
    pub(super) tokens: Option<Arc<Tokens>>,
    /// Parameters of every call, encoded; empty for none.
    query: Box<str>,
}

impl Deployment {
    /// A model of a provider that is reached this `way`. The catalogue may know it by the provider's own name, which is how
    /// an operator tells what a contract says, or by the vendor's.
    ///
    /// # Errors
    /// What is wrong with `api`.
    pub(crate) fn new(
        deployment: &model::Deployment,
        way: Way,
        catalog: &Catalog,
        health: &Health,
    ) -> Result<Self, String> {
        let mode = match deployment.translation {
            Translation::Drop => Mode::Drop,
            Translation::Strict => Mode::Strict,
        };
        let preset = way.preset();
        let find = |vendor| catalog.find(vendor, deployment.model.as_str());
        let known = find(deployment.provider.as_str()).or_else(|| find(preset.vendor));
        if let Some(api) = deployment.api.filter(|api| !preset.has(*api)) {
            let (provider, api) = (&deployment.provider, api.as_str());
            return Err(format!(
                "provider `{provider}` is no vendor of OpenAI's format that could be asked at another endpoint; leave `api = \"{api}\"` out"
            ));
        }
        let api = deployment.api.or_else(|| known?.api.filter(|api| preset.has(*api)));
        let place = match &way {
            Way::Http(way) => format!("{}{}", way.endpoint.origin.1, way.base),
            Way::Echo(_) => String::new(),
        };
        let mut identity = Hash::new();
        identity.part(deployment.provider.as_str());
        identity.part(deployment.model.as_str());
        Ok(Self {
            provider: deployment.provider.clone(),
            model: deployment.model.clone(),
            identity: identity.number(),
            priority: deployment.priority,
            weight: deployment.weight,
            region: deployment.region.clone(),
            when: deployment.when.clone(),
            vitals: health.deployment(&deployment.provider, &deployment.model, &place),
            mode,
            api,
            chat: preset.dialect.outbound(preset, known, api),
            known: known.cloned().map(Arc::new),
            way,
        })
    }

    /// Whether calls for `operation` pass to it as they are, where the caller speaks its dialect.
    pub(super) fn takes(&self, operation: Operation) -> bool {
        match self.api.map(Operation::at) {
            Some(chosen) if operation.is_conversation() => chosen == operation,
            _ => self.way.preset().serves(operation),
        }
    }

    /// What it is asked for where a conversation is translated.
    pub(super) fn asked_for(&self) -> Operation {
        self.api.map_or(Operation::Chat, Operation::at)
    }

    /// Until when all its keys rest.
    pub(super) fn resting(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.way {
            Way::Http(way) => resting(&way.keys, now),
            Way::Echo(_) => None,
        }
    }
}

impl HttpWay {
    /// A target below the base URL.
    pub(super) fn uri(&self, path: &str) -> Result<Uri, Fault> {
        if self.query.is_empty() {
            return target(&self.base, path);
        }
        let sign = if path.contains('?') { '&' } else { '?' };
        target(&self.base, &format!("{path}{sign}{}", self.query))
    }

    /// The header with the key of this number; none where what the operator adds takes its place.
    pub(super) fn credential(&self, key: Option<usize>) -> Option<(&HeaderName, &HeaderValue)> {
        let (name, value) = self.keys.get(key?)?.header.as_ref()?;
        let replaced = self.headers.iter().any(|(other, _)| other == name);
        (!replaced).then_some((name, value))
    }
}

impl HttpWay {
    /// Whether the provider wants calls signed.
    pub(super) fn signs(&self) -> bool {
        self.signer.is_some()
    }

    /// Adds the signature of a call to its headers, which are complete but for that, where the provider wants one; `digest`:
    /// SHA-256 of the body.
    pub(super) fn sign(
        &self,
        method: &Method,
        headers: &mut HeaderMap,
        target: &Uri,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let Some(signer) = &self.signer else { return Ok(()) };
        let text = |value: Option<&HeaderValue>| {
            value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let url = format!("https://{}{target}", text(Some(&self.endpoint.host)));
        let content_type = text(headers.get(header::CONTENT_TYPE));
        let request = Unsigned { method: method.as_str(), url: &url, content_type: &content_type, digest };
        headers.extend(signer.sign(request, now)?);
        Ok(())
    }
}

/// The URL of a vendor whose place differs by region and project, where the account says them.
fn regional(preset: &Preset, provider: &Provider) -> Option<url::Url> {
    let template = preset.template?;
    let google = provider.google.as_ref();
    let region = provider.aws.as_ref().map(|aws| &aws.region).or_else(|| google?.region.as_ref())?;
    let name = |text: &str| {
        !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-.:".contains(&c))
    };
    let project = google.and_then(|google| google.project.as_deref()).unwrap_or("{project}");
    if !name(region) || !(project == "{project}" || name(project)) {
        return None;
    }
    // Google's calls that no region is to have go to a host without one.
    let template =
        if region == "global" { template.replacen("//{region}-", "//", 1) } else { template.to_owned() };
    let url = template.replace("{region}", region).replace("{project}", project);
    if url.contains('{') { None } else { url::Url::parse(&url).ok() }
}

/// What every call there has in its query: the preset's parameters, and the operator's instead of or beside them.
fn query(preset: &Preset, provider: &Provider) -> Box<str> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let own = preset.query.iter().filter(|(name, _)| !provider.query.contains_key(*name));
    query.extend_pairs(own).extend_pairs(&provider.query);
    query.finish().into()
}

/// What the paths of a vendor whose base URL is its bare host begin with, where `base` has it already: that of another of
/// its endpoints, most likely.
fn doubled<'b>(preset: &Preset, base: &'b url::Url) -> Option<&'b str> {
    let own = url::Url::parse(preset.base_url?).ok()?;
    if own.path() != "/" || preset.dialect.name() == "openai" {
        return None;
    }
    let last = base.path_segments()?.rfind(|segment| !segment.is_empty())?;
    ["v1", "v2", "api"].contains(&last).then_some(last)
}

impl Way {
    /// Whose way it is.
    pub(super) fn preset(&self) -> &'static Preset {
        match self {
            Self::Echo(preset) => preset,
            Self::Http(way) => way.preset,
        }
    }

    /// Compiles the way to a provider.
    pub(crate) fn compile(
        provider: &Provider,
        endpoints: &Endpoints,
        secrets: &dyn SecretSource,
        health: &Health,
    ) -> Result<Self, Vec<Problem>> {
        let at = |field: &str| format!("providers.{}.{field}", provider.name);
        let mut problems = Vec::new();
        let preset = match &provider.preset {
            None => Preset::generic(),
            Some(name) => match Preset::find(name) {
                Some(preset) => preset,
                None => {
                    let near =
                        portcullis_config::nearest(name, presets::ALL.iter().map(|preset| preset.name));
                    let next = near.map_or_else(
                        || "give `base_url` instead".to_owned(),
                        |near| format!("did you mean `{near}`? What has none is given by its `base_url`"),
                    );
                    problems.push(Problem::new(at("preset"), format!("there is no preset `{name}`; {next}")));
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
            (None, None) => regional(preset, provider),
        };
        let mut headers = Vec::new();
        let mut keys = Vec::new();
        if provider.api_key.is_some() && !provider.keys.is_empty() {
            problems.push(Problem::new(at("keys"), "there is an `api_key` as well; move it into `keys`"));
        }
        let single = provider.api_key.iter().map(|reference| ("api_key".to_owned(), reference, 1, None));
        let several = provider
            .keys
            .iter()
            .enumerate()
            .map(|(number, key)| (format!("keys[{number}].api_key"), &key.api_key, key.weight, key.rpm));
        for (field, reference, weight, rpm) in single.chain(several) {
            if rpm == Some(0) {
                problems
                    .push(Problem::new(at(&field), "`rpm = 0` would never use the key; take it out instead"));
            }
            match secrets.read(reference).map(|key| preset.credential_header(key.expose())) {
                Ok(Some(header)) => {
                    let mut digest = Hash::new();
                    digest.add(header.1.as_bytes());
                    let rest = health.key(&provider.name, digest.number());
                    keys.push(Key { header: Some(header), weight, rpm, rest });
                }
                Ok(None) => problems
                    .push(Problem::new(at(&field), "the key has characters that cannot stand in a header")),
                Err(error) => problems.push(Problem::new(at(&field), error)),
            }
        }
        if keys.is_empty() {
            // An account's own keys rest as one.
            keys.push(Key { header: None, weight: 1, rpm: None, rest: health.key(&provider.name, 0) });
        }
        let mut signer = None;
        if let Some(aws) = &provider.aws {
            if provider.api_key.is_some() || !provider.keys.is_empty() {
                problems.push(Problem::new(at("aws"), "there is an API key as well; give one of them"));
            }
            match Signer::new(aws, secrets) {
                Ok(made) => signer = Some(made),
                Err(found) => problems.extend(
                    found.into_iter().map(|(member, why)| Problem::new(at(&format!("aws.{member}")), why)),
                ),
            }
        }
        let mut tokens = None;
        if let Some(google) = &provider.google {
            if provider.api_key.is_some() || !provider.keys.is_empty() {
                problems.push(Problem::new(at("google"), "there is an API key as well; give one of them"));
            }
            let made = Account::of(google, secrets).and_then(|(account, mark)| {
                let client = endpoints.egress().client(&provider.http, Trust::Operator);
                Ok((account, mark, client.map_err(|error| ("credentials", error))?))
            });
            match made {
                Ok((account, mark, client)) => {
                    let mut digest = Hash::new();
                    digest.part(&format!("{:?}", provider.http));
                    digest.add(&mark);
                    let make = || Tokens::new(account, client, endpoints.tasks().clone());
                    tokens = Some(health.tokens(&provider.name, digest.number(), make));
                }
                Err((member, why)) => problems.push(Problem::new(at(&format!("google.{member}")), why)),
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
            // A preset that is only misspelt would have one.
            if provider.preset.as_deref().is_none_or(|name| Preset::find(name).is_some()) {
                let example = preset.template.unwrap_or("https://api.example.com/v1");
                let why =
                    format!("the provider needs a `base_url`, up to and with the version, as `{example}`");
                problems.push(Problem::new(at("base_url"), why));
            }
            return Err(problems);
        };
        if let Some(twice) = doubled(preset, &base) {
            let why = format!(
                "the paths of `{0}` begin with their version; take `/{twice}` out, or ask for `preset = \"{0}-compat\"`, which speaks OpenAI's dialect",
                preset.name
            );
            problems.push(Problem::new(at("base_url"), why));
        }
        match endpoints.endpoint(&base, &provider.http) {
            Ok(endpoint) if problems.is_empty() => {
                let base = base.path().trim_end_matches('/').into();
                let query = query(preset, provider);
                let way = HttpWay { endpoint, base, preset, keys, headers, signer, tokens, query };
                Ok(Self::Http(Arc::new(way)))
            }
            Ok(_) => Err(problems),
            Err(error) => {
                problems.push(Problem::new(at("http"), error));
                Err(problems)
            }
        }
    }
}
