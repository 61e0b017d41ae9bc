//! `portcullis check`: what a configuration would do, and everything that is wrong with it. Opens no database, fetches
//! nothing, changes nothing.

use crate::app::{self, Compiled};
use crate::cli::{Globals, Output, Run};
use crate::failure::{Done, Failure};
use crate::output;
use clap::Args;
use portcullis_config::{Config, Loaded};
use portcullis_model::issuer::TenantRule;
use portcullis_model::service::AuthMode;
use portcullis_model::{Issuer, Problem, SecretRef};
use serde_json::{Value, json};

/// Validate the configuration and print what it compiles to
#[derive(Args, Debug)]
#[command(after_help = "\
Reads the file, the environment, and every file and variable that they name; compiles keys,
policies and routes as `serve` does. Discovery and key sets behind URLs are not fetched, and
no database is asked.
Secrets stored through the API are taken as there.

Examples:
  portcullis check --config portcullis.toml
  portcullis check --config portcullis.toml --output json | jq .routes")]
pub struct Check {}

impl Run for Check {
    const NAME: &'static str = "check";

    fn run(self, globals: &Globals) -> Done {
        let loaded = globals.load()?;
        super::block_on(async {
            let compiled = app::compile(&loaded.config, &globals.environment)
                .await?
                .map_err(|problems| refused(&problems))?;
            let report = report(&loaded, &compiled);
            match globals.output {
                Output::Json => output::json(&report),
                Output::Text => output::write(&text(&loaded.config, &report)),
            }
        })
    }
}

/// Problems of a compilation as one failure.
pub fn refused(problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let what = if lines.len() == 1 {
        "the configuration does not compile".to_owned()
    } else {
        format!("the configuration has {} problems", lines.len())
    };
    Failure::new(what).at(lines.join("\n         ")).because(problems.to_vec())
}

fn report(loaded: &Loaded, compiled: &Compiled) -> Value {
    let config = &loaded.config;
    let listeners = json!({
        "gateway": { "listen": config.gateway.listen, "tls": config.gateway.tls.is_some(), "behind_proxy": config.gateway.behind_proxy },
        "control": { "listen": config.control.listen, "tls": config.control.tls.is_some(), "behind_proxy": config.control.behind_proxy, "socket": config.socket() },
    });
    let routes: Vec<Value> = config
        .services
        .iter()
        .map(|service| {
            json!({
                "host": service.host, "path": service.path, "service": service.name, "tenant": service.tenant,
                "upstream": service.upstream, "auth": service.auth, "scopes": service.scopes, "methods": service.methods,
                "websocket": service.websocket,
            })
        })
        .collect();
    let open = config.services.iter().filter(|service| service.auth != AuthMode::Required);
    json!({
        "files": loaded.files,
        "storage": { "data_dir": config.storage.data_dir, "database": config.storage.database.as_ref().map_or_else(|| "embedded".to_owned(), ToString::to_string) },
        "listeners": listeners,
        "tenants": config.tenants.iter().map(|tenant| json!({ "name": tenant.name, "models": tenant.models })).collect::<Vec<_>>(),
        "issuers": config.issuers.iter().map(|issuer| json!({ "name": issuer.name, "issuer": issuer.issuer, "keys": keys(issuer), "decryption_keys": opens(issuer, compiled), "tenant": issuer.tenant, "audiences": issuer.audiences, "subject": issuer.subject })).collect::<Vec<_>>(),
        "providers": config.providers.iter().map(|provider| json!({ "name": provider.name, "preset": provider.preset, "base_url": provider.base_url, "api_key": provider.api_key })).collect::<Vec<_>>(),
        "models": config.models.iter().map(|model| json!({ "name": model.name, "deployments": model.deployments })).collect::<Vec<_>>(),
        "routes": routes,
        "policies": config.policies.iter().map(|policy| json!({ "name": policy.name, "tenant": policy.tenant })).collect::<Vec<_>>(),
        "without_authentication": open.map(|service| json!({ "service": service.name, "auth": service.auth })).collect::<Vec<_>>(),
        "warnings": loaded.warnings.iter().map(|warning| json!({ "at": warning.at, "message": warning.message })).collect::<Vec<_>>(),
    })
}

/// Where an issuer's keys come from.
fn keys(issuer: &Issuer) -> String {
    if let Some(url) = &issuer.jwks_url {
        return format!("jwks {url}");
    }
    if let Some(file) = &issuer.jwks_file {
        return format!("jwks file {}", file.display());
    }
    if let Some(file) = &issuer.public_key_file {
        return format!("public key {}", file.display());
    }
    if let Some(secret) = &issuer.secret {
        return format!("secret {secret}");
    }
    format!("discovery at {}", issuer.issuer)
}

/// The keys that an issuer's tokens may be encrypted to; with their thumbprints, by which they are told apart.
fn opens(issuer: &Issuer, compiled: &Compiled) -> Vec<Value> {
    let known = compiled.decryption_keys.iter().find(|(name, _)| *name == issuer.name);
    let read = known.into_iter().flat_map(|(_, keys)| keys).map(|key| json!(key));
    let stored = issuer.decryption_keys.iter().filter(|own| matches!(own.key, SecretRef::Stored(_)));
    read.chain(stored.map(|own| json!({ "key": own.key, "kid": own.kid }))).collect()
}

fn text(config: &Config, report: &Value) -> String {
    let mut text = String::new();
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text.push_str(&format!("{title}\n"));
            lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
        }
    };
    let secured = |tls: bool, proxy: bool| {
        if tls {
            "TLS"
        } else if proxy {
            "plain, behind a proxy"
        } else {
            "plain"
        }
    };
    section(
        "listeners",
        vec![
            format!(
                "gateway  {}  {}",
                config.gateway.listen,
                secured(config.gateway.tls.is_some(), config.gateway.behind_proxy)
            ),
            format!(
                "control  {}  {}",
                config.control.listen,
                secured(config.control.tls.is_some(), config.control.behind_proxy)
            ),
            format!("control  {}", config.socket().display()),
        ],
    );
    section(
        "storage",
        vec![format!(
            "{}  {}",
            report["storage"]["database"].as_str().unwrap_or_default(),
            config.storage.data_dir.display()
        )],
    );
    section(
        "tenants",
        config
            .tenants
            .iter()
            .map(|tenant| {
                format!(
                    "{}  models: {}",
                    tenant.name,
                    if tenant.models.is_empty() { "none".to_owned() } else { tenant.models.join(", ") }
                )
            })
            .collect(),
    );
    let issuers = config.issuers.iter().zip(report["issuers"].as_array().into_iter().flatten()).flat_map(
        |(issuer, shown)| {
            let tenant = match &issuer.tenant {
                TenantRule::Named(name) => name.to_string(),
                TenantRule::Mapped(map) => format!("by `{}`", map.claim),
            };
            let line = format!(
                "{}  {}  tenant {tenant}  `{}` is the {}",
                issuer.name,
                keys(issuer),
                issuer.subject.claim,
                issuer.subject.attribute
            );
            let opens = shown["decryption_keys"].as_array().into_iter().flatten().map(|key| {
                let word = |name: &str| key[name].as_str().unwrap_or("-");
                match key["key"].as_str() {
                    Some(stored) => format!("  decrypts with {stored}, which is not looked at here"),
                    None => format!(
                        "  decrypts with {} kid {} thumbprint {}",
                        word("key_type"),
                        word("kid"),
                        word("thumbprint")
                    ),
                }
            });
            std::iter::once(line).chain(opens).collect::<Vec<_>>()
        },
    );
    section("issuers", issuers.collect());
    let models = config.models.iter().map(|model| {
        let deployments: Vec<String> = model
            .deployments
            .iter()
            .map(|deployment| format!("{} at {}", deployment.model, deployment.provider))
            .collect();
        format!("{}  →  {}", model.name, deployments.join(", then "))
    });
    section("models", models.collect());
    let routes = config.services.iter().map(|service| {
        format!(
            "{}{}  →  {}  ({}, tenant {})",
            service.host.as_deref().unwrap_or(""),
            service.path,
            service.upstream,
            service.name,
            service.tenant
        )
    });
    section("routes", routes.collect());
    let open = config.services.iter().filter_map(|service| match service.auth {
        AuthMode::Required => None,
        AuthMode::Monitor => {
            Some(format!("{}  lets everybody through and records what it would have refused", service.name))
        }
        AuthMode::None => Some(format!("{}  asks nobody who they are", service.name)),
    });
    section("without authentication", open.collect());
    let warnings = report["warnings"].as_array().into_iter().flatten().map(|warning| {
        format!(
            "{}: {}",
            warning["at"].as_str().unwrap_or_default(),
            warning["message"].as_str().unwrap_or_default()
        )
    });
    section("warnings", warnings.collect());
    text.push_str("the configuration is good\n");
    text
}
