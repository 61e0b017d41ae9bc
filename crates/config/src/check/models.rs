//! Providers, models and policies.

use super::services::field_name;
use super::{Subject, positive, urls};
use crate::place::Path;
use crate::shape::shown;
use crate::tree::Findings;
use portcullis_model::issuer::Egress;
use std::collections::BTreeSet;
use url::Url;

/// Headers that hold a key, and so have no place where everybody can read them.
const CREDENTIALS: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-auth-token",
];
/// Headers that belong to the connection, not to the call.
const FRAMING: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "expect",
];

pub fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let (config, index) = (subject.config, subject.index);
    for (at, provider) in subject.each("providers", &config.providers, &index.providers) {
        match &provider.base_url {
            Some(url) => {
                urls::plain(url, &at.key("base_url"), findings);
            }
            None if provider.preset.is_none() => {
                findings.key(
                    at.clone(),
                    "`base_url` is missing in `[[providers]]`",
                    Some("give it, or the `preset` of a known vendor, as `preset = \"openai\"`".to_owned()),
                );
            }
            None => {}
        }
        for (name, value) in &provider.headers {
            header(name, value, at.key("headers").key(name), findings);
        }
        if let Some(google) = &provider.google
            && google.credentials.is_some() == google.metadata
        {
            findings.value(
                at.key("google"),
                "an account is given in one way",
                Some("write `credentials = \"file:/path/to/key.json\"`, or `metadata = true` for the account of this machine"),
            );
        }
        for (name, value) in &provider.query {
            if name.is_empty() || name.chars().chain(value.chars()).any(char::is_control) {
                let message = format!("`{}` is no parameter of a query", shown(name));
                findings.value(at.key("query").key(name), message, None);
            }
        }
        egress(&provider.http, &at.key("http"), findings);
    }
    for (at, model) in subject.each("models", &config.models, &index.models) {
        if model.deployments.is_empty() {
            findings.value(
                at.key("deployments"),
                "a model needs a deployment",
                Some("write `deployments = [{ provider = \"…\", model = \"…\" }]`"),
            );
        }
        if let Some(hedge) = model.hedge {
            positive(hedge.after, at.key("hedge").key("after"), findings);
            if model.deployments.len() == 1 {
                findings.value(
                    at.key("hedge"),
                    "a second deployment can only be asked where there is one",
                    Some("give the model another deployment, or leave `hedge` out"),
                );
            }
        }
        let mut seen = BTreeSet::new();
        for (i, deployment) in model.deployments.iter().enumerate() {
            if !seen.insert((&deployment.provider, &deployment.model)) {
                let message = format!("`{}` at `{}` is there twice", deployment.model, deployment.provider);
                findings.value(
                    at.key("deployments").index(i),
                    message,
                    Some("they are tried in order: a second time changes nothing"),
                );
            }
        }
    }
    for (at, policy) in subject.each("policies", &config.policies, &index.policies) {
        let message = match (&policy.cedar, &policy.file) {
            (Some(_), Some(_)) => "only one of `cedar` and `file` can be given",
            (None, None) => "one of `cedar` and `file` is missing in `[[policies]]`",
            _ => continue,
        };
        findings.key(at, message, None);
    }
}

pub fn header(name: &str, value: &str, at: Path, findings: &mut Findings) {
    let lower = name.to_lowercase();
    if !field_name(name) {
        findings.value(at, format!("`{}` is not the name of a header", shown(name)), None);
    } else if CREDENTIALS.contains(&lower.as_str()) {
        findings.value(
            at,
            format!("a secret is not written here: `{lower}`"),
            Some("give it as `api_key = \"env:NAME\"` or `\"file:/path\"`"),
        );
    } else if FRAMING.contains(&lower.as_str()) {
        findings.value(
            at,
            format!("this header belongs to the connection and cannot be set: `{lower}`"),
            None,
        );
    } else if value.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
        findings.value(at, format!("the value of header `{lower}` has control characters"), None);
    }
}

/// How to reach a server.
pub fn egress(http: &Egress, at: &Path, findings: &mut Findings) {
    let (certificate, key) = (http.client_certificate_file.is_some(), http.client_key_file.is_some());
    if certificate != key {
        let (given, missing) = if certificate {
            ("client_certificate_file", "client_key_file")
        } else {
            ("client_key_file", "client_certificate_file")
        };
        findings.value(at.key(given), format!("`{given}` needs `{missing}`"), None);
    }
    if let Some(proxy) = http.proxy.as_deref().filter(|proxy| *proxy != "none") {
        let at = at.key("proxy");
        let example = "write it as `http://proxy.example.com:3128`, or `none` to go direct";
        match Url::parse(proxy) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                findings.value(
                    at,
                    "`proxy` has credentials in it",
                    Some("leave `proxy` out and give the whole URL in the environment as `HTTPS_PROXY`"),
                );
            }
            Ok(url)
                if url.scheme() == "http"
                    && url.host().is_some()
                    && url.path() == "/"
                    && url.query().is_none() => {}
            _ => findings.value(at, "`proxy` is not the URL of an HTTP proxy", Some(example)),
        }
    }
    for (name, span) in [
        ("connect_timeout", http.connect_timeout),
        ("response_timeout", http.response_timeout),
        ("idle_timeout", http.idle_timeout),
    ] {
        if let Some(span) = span {
            positive(span, at.key(name), findings);
        }
    }
}
