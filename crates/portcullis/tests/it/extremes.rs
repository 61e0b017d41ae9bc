//! Every setting that is a number, a size or a length of time, at its extremes: either it is refused, with a message that
//! says so, or the process serves with it. The settings are those of the schema, so that a new one is tried too.

use crate::http::call;
use crate::server::Place;
use http::Method;
use portcullis_config::{parse, schema};
use serde_json::Value;
use std::collections::BTreeMap;

/// One of everything that has such a setting. Nobody is behind the addresses.
const BASE: &str = r#"
[gateway]
listen = "127.0.0.1:0"
[control]
listen = "127.0.0.1:0"
[events.nats]
url = "nats://127.0.0.1:9"

[[tenants]]
name = "acme"
models = ["*"]

[[issuers]]
name = "corp"
tenant = "acme"
issuer = "https://idp.example.com"
audiences = ["api"]
jwks_url = "http://127.0.0.1:9/jwks"

[[sources]]
name = "sql"
tenant = "acme"
sql = { primary = "file:database", query = "SELECT id AS key FROM p WHERE login = :subject" }
[[sources]]
name = "web"
tenant = "acme"
http = { url = "http://127.0.0.1:9", query = { login = "{subject}" }, fields = { key = "/id" } }
[[sources]]
name = "tree"
tenant = "acme"
sync = {}
ldap = { urls = ["ldap://127.0.0.1:9"], allow_plain = true, base = "dc=example,dc=com", filter = "(uid={subject})" }

[[providers]]
name = "echo"
preset = "echo"
[[providers]]
name = "away"
base_url = "http://127.0.0.1:9/v1"
keys = [{ api_key = "file:secret" }, { api_key = "file:secret" }]

[[models]]
name = "far"
hedge = { after = "1s" }
deployments = [{ provider = "away", model = "a", when = { larger_than = "1B" } }, { provider = "echo", model = "echo" }]
[[models]]
name = "echo"
deployments = [{ provider = "echo", model = "echo" }]

[[services]]
name = "orders"
tenant = "acme"
path = "/orders"
upstream = "http://127.0.0.1:9"

[[webhooks]]
name = "crm"
url = "http://127.0.0.1:9/hook"
secret = "file:secret"
"#;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Span,
    Size,
    Whole,
    Fraction,
}

impl Kind {
    /// From the least to the greatest, with some in between where settings have bounds of their own.
    fn extremes(self) -> Vec<toml::Value> {
        let texts = |texts: &[&str]| texts.iter().map(|text| toml::Value::from(*text)).collect();
        match self {
            Self::Span => texts(&[
                "0s",
                "1ms",
                "10s",
                "30s",
                "5m",
                "5d",
                "36500d",
                "36501d",
                "213503982334d",
                "18446744073709551615ms",
            ]),
            Self::Size => {
                texts(&["0B", "1B", "1KiB", "1MiB", "1048576GiB", "1048577GiB", "18446744073709551615B"])
            }
            Self::Whole => [i64::MIN, -1, 0, 1, 255, 256, 65_536, u32::MAX.into(), 1 << 32, i64::MAX]
                .map(Into::into)
                .into(),
            Self::Fraction => [f64::MIN, -0.1, 0.0, 1.0, 1.1, f64::MAX].map(Into::into).into(),
        }
    }
}

/// Where a setting is; `[]` for an element of a list.
type At = Vec<String>;

/// The settings of the schema.
fn settings() -> Vec<(At, Kind)> {
    let schema = schema();
    let (mut found, mut waiting) = (Vec::new(), vec![(At::new(), &schema)]);
    while let Some((at, shape)) = waiting.pop() {
        let (name, shape) = resolve(&schema, shape);
        let is = |kind: &str| shape["type"] == kind || shape["type"][0] == kind;
        let kind = match name {
            "Duration" => Some(Kind::Span),
            "ByteSize" => Some(Kind::Size),
            _ if is("integer") => Some(Kind::Whole),
            _ if is("number") => Some(Kind::Fraction),
            _ => None,
        };
        if let Some(kind) = kind {
            found.push((at, kind));
            continue;
        }
        let members = shape["properties"].as_object().into_iter().flatten();
        let members = members.map(|(name, shape)| (name.as_str(), shape));
        for (step, shape) in members.chain(shape.get("items").map(|shape| ("[]", shape))) {
            waiting.push(([&at[..], &[step.to_owned()]].concat(), shape));
        }
    }
    found
}

/// A shape with its references followed, and the last of their names.
fn resolve<'s>(schema: &'s Value, mut shape: &'s Value) -> (&'s str, &'s Value) {
    let mut name = "";
    loop {
        let others = shape["anyOf"].as_array().into_iter().flatten().filter(|shape| shape["type"] != "null");
        let others: Vec<_> = others.collect();
        if let Some(reference) = shape["$ref"].as_str() {
            name = reference.rsplit('/').next().unwrap();
            shape = &schema["$defs"][name];
        } else if let [one] = others[..] {
            shape = one;
        } else {
            return (name, shape);
        }
    }
}

/// Puts a value where it belongs; in a list, into the element that has the table that it belongs into.
fn put(into: &mut toml::Value, at: &[String], value: &toml::Value) {
    match at {
        [last] => drop(into.as_table_mut().unwrap().insert(last.clone(), value.clone())),
        [list, rest @ ..] if list == "[]" => {
            let elements = into.as_array_mut().unwrap();
            let fits = elements.iter().position(|element| {
                element.get(&rest[0]).is_some_and(|there| there.is_table() || there.is_array())
            });
            put(&mut elements[fits.unwrap_or(0)], rest, value);
        }
        [key, rest @ ..] => {
            let table = into.as_table_mut().unwrap();
            put(table.entry(key.clone()).or_insert_with(|| toml::Table::new().into()), rest, value);
        }
        [] => unreachable!(),
    }
}

fn with<'a>(values: impl IntoIterator<Item = (&'a At, &'a toml::Value)>) -> String {
    let mut config: toml::Value = toml::from_str::<toml::Table>(BASE).unwrap().into();
    for (at, value) in values {
        put(&mut config, at, value);
    }
    toml::to_string(&config).unwrap()
}

/// Serves with these settings; whatever becomes of calls, nothing panics. `succeeds`: the calls do, too.
async fn serve(place: Place, bearer: &str, config: &str, title: &str, succeeds: bool) -> Place {
    place.write(config);
    let server = place.serve();
    let headers = [("authorization", bearer), ("content-type", "application/json")];
    let mut statuses = Vec::new();
    for (method, path, body) in [
        (
            Method::POST,
            "/v1/chat/completions",
            r#"{"model":"echo","messages":[{"role":"user","content":"hi"}]}"#,
        ),
        (
            Method::POST,
            "/v1/chat/completions",
            r#"{"model":"far","messages":[{"role":"user","content":"hi"}]}"#,
        ),
        (Method::GET, "/orders/1", ""),
        (Method::GET, "/-/whoami", ""),
    ] {
        // A connection that may be idle for a millisecond may be gone; that is for its owner to say.
        let answer = call(server.gateway, method, path, &headers, body).await;
        statuses.push(answer.map(|answer| answer.status.as_u16()).unwrap_or_default());
    }
    if succeeds {
        assert_eq!(
            (statuses[0], statuses[1], statuses[3]),
            (200, 200, 200),
            "{title}: {statuses:?}\n{}",
            server.place.log()
        );
    }
    let metrics = call(server.control, Method::GET, "/metrics", &[], "").await.unwrap().text();
    assert!(metrics.contains("portcullis_panics_total 0"), "{title}: {metrics}\n{}", server.place.log());
    let place = server.stop();
    let log = place.log();
    assert!(!log.contains("panicked"), "{title}: {log}");
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn every_setting_at_its_extremes() {
    assert!(parse(BASE, "base.toml").is_ok(), "{:?}", parse(BASE, "base.toml"));
    let settings = settings();
    assert!(settings.len() > 70, "{settings:?}");
    // By section, since a section at its least may be all that one hears of.
    let (mut least, mut greatest) = (BTreeMap::<_, BTreeMap<_, _>>::new(), BTreeMap::new());
    for (at, kind) in &settings {
        let mut taken = Vec::new();
        for value in kind.extremes() {
            match parse(&with([(at, &value)]), "extreme.toml") {
                Ok(_) => taken.push(value),
                Err(errors) => {
                    let said: Vec<_> = errors.problems().iter().map(|problem| problem.line()).collect();
                    let clear = ["at most", "at least", "must be", " is 1 to ", " is from ", "longer than"];
                    assert!(
                        said.iter().all(|line| clear.iter().any(|words| line.contains(words))),
                        "{at:?} = {value}: {said:?}"
                    );
                }
            }
        }
        // Refused, too, and as clearly: when it is compiled.
        if at.last().unwrap() == "rpm" {
            taken.retain(|value| *value != toml::Value::from(0));
        }
        let (Some(first), Some(last)) = (taken.first(), taken.last()) else { panic!("{at:?} takes nothing") };
        // What cannot be waited for is no setting to start with.
        if at.last().unwrap() != "statement_timeout" {
            least.entry(&at[0]).or_default().insert(at, first.clone());
        }
        greatest.insert(at, last.clone());
    }
    let place = Place::new(BASE);
    std::fs::write(place.path().join("secret"), format!("whsec_{}", "c2VjcmV0".repeat(4))).unwrap();
    std::fs::write(place.path().join("database"), "postgres://nobody@127.0.0.1:9/nothing").unwrap();
    let server = place.serve();
    let user = server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let token = server.cli(&["token", "--tenant", "acme", "--user", user["id"].as_str().unwrap()]);
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let config = with(greatest.iter().map(|(at, value)| (*at, value)));
    let mut place = serve(server.stop(), &bearer, &config, "all at their greatest", true).await;
    for (section, values) in &least {
        let config = with(values.iter().map(|(at, value)| (*at, value)));
        place = serve(place, &bearer, &config, &format!("`{section}` at its least"), false).await;
    }
}
