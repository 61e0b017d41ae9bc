//! The reference of all keys, from the schema: `docs/reference/configuration.md` is what this writes.

use crate::change::needs_restart;
use crate::schema::{Shapes, branches, words};
use serde_json::Value;
use std::collections::BTreeSet;

const HEAD: &str = "\
# Configuration

One TOML file, given with `--config`; everything has a default, so a file is not needed to start. This page is generated
from the types that the file is read into (`make gen`); examples that are tested are in `examples/`.

- **Scalars of sections** can be set by the environment, which outweighs the file: `PORTCULLIS__GATEWAY__LISTEN=127.0.0.1:9000`.
  Lists and tables are set in the file.
- **Unknown keys are refused**, with a suggestion. `portcullis check` names every problem of a file with its line.
- **Secrets are not written in the file** but referred to: `env:NAME` (an environment variable), `file:/path` (a file's
  content, one trailing newline aside), `stored:NAME` (set through the admin API and kept encrypted).
- **Relative paths** are relative to the file, or to the working directory without one.
- **Durations** are a whole number and a unit, `200ms`, `30s`, `5m`, `2h`, `7d`; **sizes** likewise, `512B`, `64KiB`, `10MiB`, `1GiB`.
- **Reload**: a changed file is read again, also on SIGHUP. A file with problems leaves the running configuration in force and says
  so. Settings marked *restart* take effect only after a restart; everything else with the next call.

";

/// What an issuer's preset fills in; the values are those of the identity crate's table of products.
const PRESETS: &str = "\
## Issuer presets

A preset fills in what the issuer's entry leaves out. Without one: no role claims, a machine's token is one whose `sub` equals
`client_id` or `azp`, and the client is `azp`, then `client_id`. Groups stand for nothing until the entry says what for
(`groups`); where they do, a claim of theirs in the first column no longer makes roles of its values by itself.

| preset | roles from | groups in | a machine's token has | audience in | client in |
|---|---|---|---|---|---|
| `keycloak` | `realm_access.roles` | `groups` | `client_id` or `clientId` | `aud` | `azp`, `client_id`, `clientId` |
| `auth0` | `permissions` | say which | `gty` = `client-credentials` | `aud` | `azp`, `client_id` |
| `okta` | `groups` | `groups` | `sub` the same as `cid` | `aud` | `cid` |
| `cognito` | `cognito:groups` | `cognito:groups` | `sub` the same as `client_id` | `client_id` | `client_id` |
| `entra` | `roles` | `groups` | `idtyp` = `app`, or `sub` the same as `oid` | `aud` | `azp`, `appid` |

";

/// Every key with type, default and meaning, as Markdown.
pub fn reference_markdown() -> String {
    let shapes = Shapes::new();
    let mut out = HEAD.to_owned();
    let mut tables = Vec::new();
    for (key, shape) in order(&shapes) {
        let list = shape.get("items").is_some();
        let heading = if list { format!("[[{key}]]") } else { format!("[{key}]") };
        let table = shape.get("items").unwrap_or(shape);
        section(&shapes, &heading, &key, table, &mut out, &mut tables);
    }
    // Tables within tables, each once, behind everything that uses them.
    let mut written = BTreeSet::new();
    let mut next = 0;
    while next < tables.len() {
        let name: String = tables[next].clone();
        next += 1;
        if written.insert(name.clone()) {
            let shape = &shapes.root()["$defs"][&name];
            section(&shapes, &name, "", shape, &mut out, &mut tables);
        }
    }
    out.push_str(PRESETS);
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

/// The sections in the order of the type, which is the one to read them in.
fn order(shapes: &Shapes) -> Vec<(String, &Value)> {
    const ORDER: [&str; 18] = [
        "storage",
        "cluster",
        "gateway",
        "control",
        "ai",
        "resolution",
        "records",
        "telemetry",
        "secrets",
        "events",
        "tenants",
        "issuers",
        "sources",
        "providers",
        "models",
        "services",
        "policies",
        "webhooks",
    ];
    let properties = shapes.properties(shapes.root());
    let mut all: Vec<(String, &Value)> =
        properties.into_iter().map(|(key, shape)| (key.clone(), shape)).collect();
    all.sort_by_key(|(key, _)| ORDER.iter().position(|known| known == key).unwrap_or(usize::MAX));
    all
}

fn section(
    shapes: &Shapes,
    heading: &str,
    key: &str,
    shape: &Value,
    out: &mut String,
    tables: &mut Vec<String>,
) {
    let resolved = shapes.resolve(shape);
    let text = shape["description"].as_str().or_else(|| resolved["description"].as_str()).unwrap_or_default();
    let heading = if key.is_empty() { format!("`{}`", anchor(heading)) } else { format!("`{heading}`") };
    out.push_str(&format!("## {heading}\n\n{}\n\n", plain(text)));
    let required: Vec<&str> =
        resolved["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    out.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
    for (name, shape) in shapes.properties(resolved) {
        let default =
            if required.contains(&name.as_str()) { "required".to_owned() } else { default_of(shapes, shape) };
        let variant = branches(resolved).iter().find(|branch| branch["properties"].get(name).is_some());
        let text = shape.get("description").or_else(|| variant?.get("description"));
        let mut text = plain(text.and_then(Value::as_str).unwrap_or_default());
        let choices = choices(shapes, shape);
        if !choices.is_empty() {
            text = format!("{text} {choices}");
        }
        if !key.is_empty() && needs_restart(&format!("{key}.{name}")) {
            text.push_str(" *restart*");
        }
        let kind = kind(shapes, shape, tables);
        out.push_str(&format!("| `{name}` | {kind} | {default} | {} |\n", text.trim().replace('|', "\\|")));
    }
    out.push('\n');
}

/// The type of a setting, as the table says it; tables of their own are linked.
fn kind(shapes: &Shapes, shape: &Value, tables: &mut Vec<String>) -> String {
    let name = shapes.type_name(shape).unwrap_or_default().to_owned();
    let resolved = shapes.resolve(shape);
    let json = resolved["type"].as_str().or_else(|| resolved["type"][0].as_str());
    match (name.as_str(), json) {
        ("Duration", _) => "duration".to_owned(),
        ("ByteSize", _) => "size".to_owned(),
        ("Name", _) => "name".to_owned(),
        ("SecretRef", _) => "secret reference".to_owned(),
        ("Database", _) => "URL or secret reference".to_owned(),
        ("TenantRule", _) => {
            tables.push("TenantMap".to_owned());
            format!("name or {}", link("TenantMap"))
        }
        ("LdapGroups", _) => {
            tables.extend(["LdapGroupAttribute", "LdapGroupSearch"].map(str::to_owned));
            format!("{} or {}", link("LdapGroupAttribute"), link("LdapGroupSearch"))
        }
        (_, Some("array")) => format!("list of {}", kind(shapes, &resolved["items"], tables)),
        (_, Some("object")) if !name.is_empty() && !shapes.properties(resolved).is_empty() => {
            tables.push(name.clone());
            link(&name)
        }
        (_, Some("object")) => {
            format!("table of {}", kind(shapes, &resolved["additionalProperties"], tables))
        }
        (_, Some("boolean")) => "boolean".to_owned(),
        (_, Some("integer")) => "integer".to_owned(),
        (_, Some("number")) => "number".to_owned(),
        _ if resolved["format"] == "uri" => "URL".to_owned(),
        _ if resolved["format"] == "socket-address" => "address".to_owned(),
        _ if resolved["format"] == "ip-network" => "network".to_owned(),
        _ if !words(resolved).is_empty() => "choice".to_owned(),
        _ => "text".to_owned(),
    }
}

/// What a choice is between, with what each means.
fn choices(shapes: &Shapes, shape: &Value) -> String {
    let mut resolved = shapes.resolve(shape);
    if let Some(items) = resolved.get("items") {
        resolved = shapes.resolve(items);
    }
    if words(resolved).is_empty() {
        return String::new();
    }
    let one = |branch: &Value| {
        let text = plain(branch["description"].as_str().unwrap_or_default());
        let text = text.trim_end_matches('.').to_owned();
        let meaning = if text.is_empty() { text } else { format!(": {}", uncapitalised(&text)) };
        match (branch["const"].as_str(), branch["properties"].as_object().and_then(|keys| keys.keys().next()))
        {
            (Some(word), _) => format!("`{word}`{meaning}"),
            (None, Some(key)) => format!("`{{ {key} = \"…\" }}`{meaning}"),
            _ => String::new(),
        }
    };
    branches(resolved).iter().map(one).collect::<Vec<_>>().join("; ") + "."
}

fn default_of(shapes: &Shapes, shape: &Value) -> String {
    let table = shapes.resolve(shape)["type"] == "object";
    match shape.get("default") {
        Some(_) if table => String::new(),
        Some(Value::Array(list)) if list.is_empty() => "empty".to_owned(),
        Some(value) => format!("`{value}`"),
        None => String::new(),
    }
}

/// A sentence as part of another; abbreviations and names of products stay.
fn uncapitalised(text: &str) -> String {
    let mut words = text.split(' ');
    let inner = words.next().unwrap_or_default().chars().skip(1).any(char::is_uppercase);
    // `A UUID` is no name.
    let name = words.next().is_some_and(|word| {
        word.chars().next().is_some_and(char::is_uppercase) && word.chars().skip(1).any(char::is_lowercase)
    });
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !inner && !name => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

/// The heading of a type's own table: `Egress` → `egress`.
fn anchor(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

fn link(name: &str) -> String {
    format!("[{0}](#{0})", anchor(name))
}

/// A doc comment without its links to Rust items: ``[`Egress::proxy`]`` → `` `proxy` ``.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("[`") {
        let Some(length) = rest[start..].find("`]") else { break };
        out.push_str(&rest[..start]);
        let item = &rest[start + 2..start + length];
        out.push_str(&format!("`{}`", item.rsplit("::").next().unwrap_or(item)));
        rest = &rest[start + length + 2..];
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn every_key_is_there() {
        let text = reference_markdown();
        let shapes = Shapes::new();
        for (_, definition) in shapes.root()["$defs"].as_object().unwrap() {
            for (key, _) in shapes.properties(definition) {
                let (row, variant) = (format!("| `{key}` |"), format!("`{{ {key} = "));
                assert!(text.contains(&row) || text.contains(&variant), "{key}");
            }
        }
        // Defaults are those of the types.
        let defaults = serde_json::to_value(Config::default()).unwrap();
        assert_eq!(defaults["gateway"]["drain"], "30s");
        assert!(text.contains("| `drain` | duration | `\"30s\"` |"));
    }

    #[test]
    fn links_to_rust_items_are_plain_names() {
        assert_eq!(plain("with\n[`Egress::client_key_file`] and `x`"), "with `client_key_file` and `x`");
    }
}
