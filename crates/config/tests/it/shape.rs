//! The file in the shape that was promised parses, and means what it says.

use portcullis_config::parse;
use portcullis_model::issuer::{TenantRule, UnknownUser};
use portcullis_model::service::{AuthMode, Forward};
use portcullis_model::{SecretRef, Span};

const PROMISED: &str = r#"
[storage]        # embedded by default; or database = "postgres://…"
data_dir = "data"

[gateway]
listen = "127.0.0.1:8080"     # other addresses need [gateway.tls] or behind_proxy = true
[control]
listen = "127.0.0.1:8081"

[[tenants]]
name = "acme"
models = ["fast"]

[[issuers]]
name = "corp"
tenant = "acme"                                        # or { claim = "tid", map = { … } }
issuer = "https://idp.example.com/realms/corp"       # discovery; or jwks_url, jwks_file, public_key_file, secret
preset = "keycloak"
audiences = ["api://acme"]
algorithms = ["RS256", "ES256"]
leeway = "30s"
subject = { claim = "sub", attribute = "external_id", unknown = "reject" }

[[providers]]
name = "openai"
preset = "openai"                                      # or base_url = "http://127.0.0.1:9000/v1"
api_key = "env:OPENAI_API_KEY"

[[models]]
name = "fast"                                          # what callers ask for
deployments = [{ provider = "openai", model = "gpt-4o-mini" }]

[[services]]
name = "orders"
tenant = "acme"
path = "/orders"
upstream = "http://127.0.0.1:7000"
auth = "required"                                      # required | monitor | none (listed at start)
scopes = ["orders:read"]
forward = "none"                                       # none | caller (minted comes with the token service)
"#;

#[test]
fn the_promised_shape_parses() {
    let config = parse(PROMISED, "portcullis.toml").unwrap();
    assert_eq!(config.tenants[0].models, ["fast"]);
    let issuer = &config.issuers[0];
    assert!(matches!(&issuer.tenant, TenantRule::Named(name) if name.as_str() == "acme"));
    assert_eq!(
        (issuer.leeway, issuer.subject.attribute.as_str(), issuer.subject.unknown),
        (Span::seconds(30), "external_id", UnknownUser::Reject)
    );
    assert_eq!(config.providers[0].api_key, Some(SecretRef::Env("OPENAI_API_KEY".to_owned())));
    let service = &config.services[0];
    assert_eq!(
        (service.auth, service.forward, service.path.as_str()),
        (AuthMode::Required, Forward::None, "/orders")
    );
}

#[test]
fn nothing_written_is_the_default() {
    assert_eq!(parse("", "empty.toml").unwrap(), portcullis_config::Config::default());
    assert_eq!(parse("[gateway]\n", "empty.toml").unwrap(), portcullis_config::Config::default());
}

#[test]
fn tenants_by_claim_and_machine_rules_parse() {
    let text = r#"
        [[tenants]]
        name = "a"
        [[issuers]]
        name = "entra"
        tenant = { claim = "tid", map = { "11111111-2222" = "a" } }
        issuer = "https://login.example.com/{tid}/v2.0"
        audiences = ["api://x"]
        machine = [{ claim = "idtyp", equals = "app" }, { claim = "azp", present = false }, { claim = "sub", same = "oid" }]
        subject = { claim = "oid", normalise = ["trim", { strip_prefix = "user|" }], unknown = "create", create = { display_name = "name", "attributes.team" = "team" } }
    "#;
    let config = parse(text, "t.toml").unwrap();
    assert_eq!(config.issuers[0].machine.len(), 3);
    assert_eq!(config.issuers[0].subject.normalise.len(), 2);
    let one = parse(
        "[gateway]\nbehind_proxy = true\ntrusted_proxies = [\"10.1.2.3\", \"192.168.7.7/16\", \"::1\"]",
        "t",
    )
    .unwrap();
    assert_eq!(
        one.gateway.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["10.1.2.3/32", "192.168.0.0/16", "::1/128"]
    );
}
