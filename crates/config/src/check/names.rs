//! Names: unique where they are given, and given where they are used.

use super::Subject;
use crate::nearest;
use crate::place::{Path, Step};
use crate::shape::shown;
use crate::tree::Findings;
use portcullis_model::issuer::TenantRule;
use serde_json::Value;
use std::collections::BTreeMap;

/// Name of the built-in issuer, whose tokens `portcullis token` mints.
pub const LOCAL_ISSUER: &str = "local";
/// Service name under which AI calls are recorded.
pub const AI_SERVICE: &str = "ai";

pub fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for list in ["tenants", "issuers", "sources", "providers", "models", "policies", "webhooks"] {
        unique(&names(subject, list), list, findings);
    }
    // Services are unique within their tenant.
    let mut by_tenant: BTreeMap<&str, Vec<(Path, &str)>> = BTreeMap::new();
    for (path, name) in names(subject, "services") {
        let tenant = path
            .parent()
            .and_then(|service| subject.tree.at(&service.key("tenant"))?.as_str())
            .unwrap_or_default();
        by_tenant.entry(tenant).or_default().push((path, name));
    }
    for services in by_tenant.values() {
        unique(services, "services", findings);
    }
    reserved(subject, findings);
    used(subject, findings);
}

/// The names in a list as written, those of elements with other mistakes included, so that one mistake does not make
/// every use of the name another.
fn names<'a>(subject: &Subject<'a>, list: &str) -> Vec<(Path, &'a str)> {
    let path = Path::of(list);
    let elements = subject.tree.at(&path).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    elements
        .iter()
        .enumerate()
        .filter_map(|(i, element)| Some((path.index(i).key("name"), element["name"].as_str()?)))
        .collect()
}

fn unique(names: &[(Path, &str)], list: &str, findings: &mut Findings) {
    let mut seen: BTreeMap<&str, &Path> = BTreeMap::new();
    for (path, name) in names {
        if let Some(first) = seen.insert(name, path) {
            let place = first
                .0
                .iter()
                .find_map(|step| if let Step::Index(i) = step { Some(i + 1) } else { None })
                .unwrap_or_default();
            let message =
                format!("the name `{}` is taken: it is that of number {place} of `[[{list}]]`", shown(name));
            findings.value(path.clone(), message, Some("give each its own name"));
        }
    }
}

fn reserved(subject: &Subject<'_>, findings: &mut Findings) {
    for (list, name, of) in
        [("issuers", LOCAL_ISSUER, "the built-in issuer"), ("services", AI_SERVICE, "the AI routes")]
    {
        for (path, _) in names(subject, list).into_iter().filter(|(_, taken)| *taken == name) {
            findings.value(path, format!("the name `{name}` is that of {of}"), Some("choose another"));
        }
    }
}

fn used(subject: &Subject<'_>, findings: &mut Findings) {
    let of = |list: &str| names(subject, list).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    let (tenants, providers, models) = (of("tenants"), of("providers"), of("models"));
    let sources = of("sources");
    let (config, index) = (subject.config, subject.index);
    for (at, tenant) in subject.each("tenants", &config.tenants, &index.tenants) {
        for (i, model) in tenant.models.iter().enumerate().filter(|(_, model)| *model != "*") {
            known(model, &models, "model", "models", at.key("models").index(i), findings);
        }
    }
    for (at, issuer) in subject.each("issuers", &config.issuers, &index.issuers) {
        if let Some(source) = &issuer.subject.source {
            let at = at.key("subject").key("source");
            known(source.as_str(), &sources, "user source", "sources", at, findings);
        }
        let at = at.key("tenant");
        match &issuer.tenant {
            TenantRule::Named(name) => known(name.as_str(), &tenants, "tenant", "tenants", at, findings),
            TenantRule::Mapped(rule) => {
                for (value, name) in &rule.map {
                    known(name.as_str(), &tenants, "tenant", "tenants", at.key("map").key(value), findings);
                }
            }
        }
    }
    for (at, source) in subject.each("sources", &config.sources, &index.sources) {
        known(source.tenant.as_str(), &tenants, "tenant", "tenants", at.key("tenant"), findings);
    }
    for (at, model) in subject.each("models", &config.models, &index.models) {
        for (list, names) in model.fallback.lists() {
            for (i, name) in names.iter().enumerate() {
                let at = at.key("fallback").key(list).index(i);
                known(name.as_str(), &models, "model", "models", at, findings);
            }
        }
        for (i, deployment) in model.deployments.iter().enumerate() {
            known(
                deployment.provider.as_str(),
                &providers,
                "provider",
                "providers",
                at.key("deployments").index(i).key("provider"),
                findings,
            );
        }
    }
    for (at, service) in subject.each("services", &config.services, &index.services) {
        known(service.tenant.as_str(), &tenants, "tenant", "tenants", at.key("tenant"), findings);
    }
    for (at, webhook) in subject.each("webhooks", &config.webhooks, &index.webhooks) {
        if let Some(tenant) = &webhook.tenant {
            known(tenant.as_str(), &tenants, "tenant", "tenants", at.key("tenant"), findings);
        }
    }
    for (at, policy) in subject.each("policies", &config.policies, &index.policies) {
        if let Some(tenant) = &policy.tenant {
            known(tenant.as_str(), &tenants, "tenant", "tenants", at.key("tenant"), findings);
        }
    }
}

fn known(name: &str, names: &[&str], what: &str, list: &str, at: Path, findings: &mut Findings) {
    if names.contains(&name) {
        return;
    }
    let help = match nearest(name, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if names.is_empty() => format!("add `[[{list}]]` with `name = \"{}\"`", shown(name)),
        None => format!(
            "known: {}",
            names.iter().take(12).map(|name| format!("`{}`", shown(name))).collect::<Vec<_>>().join(", ")
        ),
    };
    findings.value(at, format!("there is no {what} named `{}`", shown(name)), Some(&help));
}
