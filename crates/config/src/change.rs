//! What differs between two configurations, and what of it needs a restart.

use crate::Config;
use serde_json::Value;
use std::collections::BTreeSet;

/// A setting that takes effect only after a restart, and whether it differs between two configurations.
type Setting = (&'static str, fn(&Config, &Config) -> bool);

macro_rules! settings {
    ($($section:ident { $($key:ident),+ $(,)? })+) => {
        &[$($((concat!(stringify!($section), ".", stringify!($key)), |a, b| a.$section.$key != b.$section.$key)),+),+]
    };
}

/// What is built once: listeners, the database, pools and caches of fixed size. Everything else is in force with the next
/// call after a reload. A test below sees to it that every setting is in one of the two lists.
const RESTART: &[Setting] = settings! {
    storage { data_dir, database, pool, statement_timeout }
    cluster { redis }
    gateway {
        listen, behind_proxy, tls, proxy_protocol, trusted_proxies, max_header_bytes, max_headers, header_timeout, idle_timeout,
        max_connections, drain, failure_budget, token_cache, workers,
    }
    control { listen, public_url, tls, behind_proxy, socket, rate }
    resolution { positive_ttl, negative_ttl, timeout, queue, capacity, stale, breaker }
    records { fsync_interval, spool_limit, when_full, batch }
    telemetry { log_format, log_level, otlp_endpoint, trace_ratio }
    secrets { key }
};

/// Settings that differ and take effect only after a restart, by name.
pub fn restart_needed(old: &Config, new: &Config) -> Vec<&'static str> {
    RESTART.iter().filter(|(_, differs)| differs(old, new)).map(|(name, _)| *name).collect()
}

/// Whether the setting `section.key` takes effect only after a restart.
pub fn needs_restart(name: &str) -> bool {
    RESTART.iter().any(|(setting, _)| *setting == name)
}

/// What differs, by name and without values, for the log: `gateway.max_body`, `services.orders`, `tenants.acme (added)`.
pub fn changes(old: &Config, new: &Config) -> Vec<String> {
    let mut out = Vec::new();
    // Serialised, both are tables; a database's password is not in them, so the database is compared by itself.
    let (a, b) = (value(old), value(new));
    let empty = serde_json::Map::new();
    let (a, b) = (a.as_object().unwrap_or(&empty), b.as_object().unwrap_or(&empty));
    for section in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
        let (a, b) = (a.get(section).unwrap_or(&Value::Null), b.get(section).unwrap_or(&Value::Null));
        if a.is_array() || b.is_array() {
            elements(section, a, b, &mut out);
        } else {
            keys(section, a, b, &mut out);
        }
    }
    if old.storage.database != new.storage.database && !out.iter().any(|name| name == "storage.database") {
        out.push("storage.database".to_owned());
    }
    out
}

fn value(config: &Config) -> Value {
    // Texts, numbers and tables with text keys: serialising them into memory cannot fail.
    serde_json::to_value(config).unwrap_or_default()
}

fn keys(section: &str, a: &Value, b: &Value, out: &mut Vec<String>) {
    let names: BTreeSet<&String> =
        [a, b].into_iter().filter_map(Value::as_object).flat_map(|table| table.keys()).collect();
    out.extend(
        names.into_iter().filter(|name| a.get(name) != b.get(name)).map(|name| format!("{section}.{name}")),
    );
}

fn elements(list: &str, a: &Value, b: &Value, out: &mut Vec<String>) {
    // Services are unique within their tenant only.
    let label = |element: &Value| -> String {
        let name = element["name"].as_str().unwrap_or_default();
        match element["tenant"].as_str().filter(|_| list == "services") {
            Some(tenant) => format!("{list}.{tenant}/{name}"),
            None => format!("{list}.{name}"),
        }
    };
    let all = |value: &Value| {
        value
            .as_array()
            .into_iter()
            .flatten()
            .map(|element| (label(element), element.clone()))
            .collect::<Vec<_>>()
    };
    let (a, b) = (all(a), all(b));
    let before = out.len();
    for (name, element) in &b {
        match a.iter().find(|(other, _)| other == name) {
            None => out.push(format!("{name} (added)")),
            Some((_, other)) if other != element => out.push(name.clone()),
            Some(_) => {}
        }
    }
    out.extend(
        a.iter()
            .filter(|(name, _)| !b.iter().any(|(other, _)| other == name))
            .map(|(name, _)| format!("{name} (removed)")),
    );
    if out.len() == before && a != b {
        out.push(format!("{list} (order)"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    /// What takes effect with a reload.
    const AT_ONCE: &[&str] = &[
        "ai.auth",
        "ai.max_body",
        "ai.max_upload",
        "ai.fetch_media",
        "ai.timeout",
        "ai.catalog",
        "ai.capture",
        "ai.keep_ids",
        "events.nats",
        "gateway.body_timeout",
        "gateway.max_body",
        "gateway.max_calls",
        "gateway.public_url",
        "records.capture_limit",
        "records.keep",
        "records.keep_size",
    ];

    #[test]
    fn every_setting_is_known_to_need_a_restart_or_not() {
        let schema = crate::schema();
        let mut unknown = Vec::new();
        for (section, shape) in schema["properties"].as_object().unwrap() {
            let Some(name) = shape["$ref"].as_str().map(|r| r.trim_start_matches("#/$defs/")) else {
                continue;
            };
            for key in schema["$defs"][name]["properties"].as_object().unwrap().keys() {
                let setting = format!("{section}.{key}");
                if needs_restart(&setting) == AT_ONCE.contains(&setting.as_str()) {
                    unknown.push(setting);
                }
            }
        }
        assert_eq!(unknown, Vec::<String>::new());
    }

    #[test]
    fn differences_are_named_without_values() {
        let old = parse("storage.database = \"postgres://u:one@h/d\"\n[[tenants]]\nname = \"a\"\n[[tenants]]\nname = \"b\"", "t").unwrap();
        let new = parse(
            "storage.database = \"postgres://u:two@h/d\"\ngateway.max_body = \"1MiB\"\ngateway.max_headers = 7\n[[tenants]]\nname = \"b\"\nmodels = [\"*\"]\n[[tenants]]\nname = \"c\"",
            "t",
        )
        .unwrap();
        assert_eq!(
            changes(&old, &new),
            [
                "gateway.max_body",
                "gateway.max_headers",
                "tenants.b",
                "tenants.c (added)",
                "tenants.a (removed)",
                "storage.database"
            ]
        );
        assert_eq!(restart_needed(&old, &new), ["storage.database", "gateway.max_headers"]);
        assert!(changes(&old, &old.clone()).is_empty() && restart_needed(&old, &old.clone()).is_empty());
    }

    #[test]
    fn order_matters_where_nothing_else_changed() {
        let one = parse("[[tenants]]\nname = \"a\"\n[[tenants]]\nname = \"b\"", "t").unwrap();
        let two = parse("[[tenants]]\nname = \"b\"\n[[tenants]]\nname = \"a\"", "t").unwrap();
        assert_eq!(changes(&one, &two), ["tenants (order)"]);
    }
}
