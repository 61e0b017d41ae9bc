//! `portcullis check`: prints what a good configuration means, and all that is wrong with a bad one.

use crate::server::{CONFIG, Place};

const WHOLE: &str = r#"
[[issuers]]
name = "corp"
tenant = "acme"
issuer = "https://idp.example.com/realms/corp"
audiences = ["api://acme"]

[[services]]
name = "orders"
tenant = "acme"
path = "/orders"
upstream = "http://127.0.0.1:7000"

[[services]]
name = "open"
tenant = "acme"
path = "/open"
upstream = "http://127.0.0.1:7000"
auth = "none"
"#;

#[test]
fn says_what_a_configuration_means() {
    let place = Place::new(&format!("{CONFIG}{WHOLE}"));
    let report = place.cli(&["check"]);
    assert_eq!(report["issuers"][0]["keys"], "discovery at https://idp.example.com/realms/corp");
    assert_eq!(report["routes"][0]["path"], "/orders");
    assert_eq!(report["models"][0]["deployments"][0]["provider"], "echo");
    assert_eq!(report["without_authentication"], serde_json::json!([{ "service": "open", "auth": "none" }]));
    let text = String::from_utf8(place.run(&["check"]).stdout).unwrap();
    assert!(
        text.contains("open  asks nobody who they are") && text.ends_with("the configuration is good\n"),
        "{text}"
    );
    assert!(!place.data().exists(), "checking makes nothing");
}

#[test]
fn names_everything_that_is_wrong() {
    let cases: &[(&str, String)] = &[
        ("`naem`", CONFIG.replace("[[tenants]]\nname", "[[tenants]]\nnaem")),
        ("did you mean `echo`?", CONFIG.replace("preset = \"echo\"", "preset = \"ecko\"")),
        ("nowhere", CONFIG.replace("provider = \"echo\"", "provider = \"nowhere\"")),
        ("0.0.0.0", CONFIG.replacen("127.0.0.1:0", "0.0.0.0:8080", 1)),
        (
            "NOT_SET_ANYWHERE",
            format!(
                "{CONFIG}\n[[providers]]\nname = \"p\"\nbase_url = \"http://127.0.0.1:1/v1\"\napi_key = \"env:NOT_SET_ANYWHERE\"\n"
            ),
        ),
        (
            "policies",
            format!(
                "{CONFIG}\n[[policies]]\nname = \"p\"\ncedar = \"permit (principal, action, resource) when {{ nonsense }};\"\n"
            ),
        ),
        (
            "no-such.pem",
            format!(
                "{CONFIG}\n[[issuers]]\nname = \"i\"\ntenant = \"acme\"\nissuer = \"https://x.example\"\npublic_key_file = \"no-such.pem\"\naudiences = [\"a\"]\n"
            ),
        ),
    ];
    for (word, config) in cases {
        let said = Place::new(config).fails(1, &["check"]);
        assert!(said.starts_with("error: ") && said.contains(word), "{word}: {said}");
        assert!(!said.contains("panicked"));
    }
    let place = Place::new("[gateway\n");
    assert!(place.fails(1, &["check"]).contains("portcullis.toml"));
    assert!(place.fails(1, &["serve"]).contains("portcullis.toml"));
    std::fs::remove_file(place.config()).unwrap();
    assert!(place.fails(1, &["check"]).contains("cannot be read"));
}

/// What compiles and does not start is no good configuration.
#[test]
fn what_serve_would_not_start_for_is_wrong() {
    // It can be read, and is none of these.
    let given = "file:hunter2.txt";
    let cases = [
        ("storage.database", format!("[storage]\ndatabase = \"{given}\"\n{CONFIG}")),
        ("storage.database", format!("[storage]\ndatabase = \"env:NOT_SET_ANYWHERE\"\n{CONFIG}")),
        ("secrets.key", format!("[secrets]\nkey = \"{given}\"\n{CONFIG}")),
        (
            "cluster.redis",
            format!("[storage]\ndatabase = \"postgres://h/d\"\n[cluster]\nredis = \"{given}\"\n{CONFIG}"),
        ),
        ("gateway.tls", CONFIG.replacen("[gateway]\n", &format!("[gateway]\n{NO_TLS}"), 1)),
        ("control.tls", CONFIG.replacen("[control]\n", &format!("[control]\n{NO_TLS}"), 1)),
    ];
    for (at, config) in cases {
        let place = Place::new(&config);
        std::fs::write(place.path().join("hunter2.txt"), "hunter3").unwrap();
        let said = place.fails(1, &["check"]);
        assert!(said.contains(&format!("{at}: ")), "{at}: {said}");
        assert!(!said.contains("hunter3"), "a value is not repeated: {said}");
    }
}

const NO_TLS: &str = "tls = { certificate_file = \"no-such-cert.pem\", key_file = \"no-such-key.pem\" }\n";

#[test]
fn a_pasted_secret_is_not_repeated() {
    let config = format!(
        "{CONFIG}\n[[providers]]\nname = \"p\"\nbase_url = \"http://127.0.0.1:1/v1\"\napi_key = \"sk-live-hunter2\"\n"
    );
    assert!(!Place::new(&config).fails(1, &["check"]).contains("hunter2"));
}
