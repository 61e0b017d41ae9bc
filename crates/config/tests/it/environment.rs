//! Settings from the environment.

use portcullis_config::{Config, Database, Errors, load};
use portcullis_model::{ByteSize, SecretRef, Span};

fn with(variables: &[(&str, &str)]) -> Result<Config, Errors> {
    load(None, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
        .map(|loaded| loaded.config)
}

#[test]
fn scalars_of_every_kind() {
    let config = with(&[
        ("PORTCULLIS__GATEWAY__LISTEN", "127.0.0.1:9999"),
        ("PORTCULLIS__GATEWAY__MAX_CALLS", "7"),
        ("PORTCULLIS__GATEWAY__MAX_BODY", "1MiB"),
        ("PORTCULLIS__GATEWAY__WORKERS", "3"),
        ("PORTCULLIS__GATEWAY__FAILURE_BUDGET__WINDOW", "5m"),
        ("PORTCULLIS__CONTROL__PUBLIC_URL", "https://admin.example.com"),
        ("PORTCULLIS__CONTROL__BEHIND_PROXY", "true"),
        ("PORTCULLIS__TELEMETRY__TRACE_RATIO", "0.5"),
        ("PORTCULLIS__TELEMETRY__LOG_FORMAT", "json"),
        ("PORTCULLIS__STORAGE__DATABASE", "env:DATABASE_URL"),
        ("PORTCULLIS_CONFIG", "somebody else's"),
        ("PATH", "/bin"),
    ])
    .unwrap();
    assert_eq!(config.gateway.listen.port(), 9999);
    assert_eq!(
        (config.gateway.max_calls, config.gateway.max_body, config.gateway.workers),
        (7, ByteSize(1 << 20), Some(3))
    );
    assert_eq!(config.gateway.failure_budget.window, Span::seconds(300));
    assert_eq!(config.gateway.failure_budget.failures, 100);
    assert!(config.control.behind_proxy);
    assert!((config.telemetry.trace_ratio - 0.5).abs() < f64::EPSILON);
    assert_eq!(config.storage.database, Some(Database::Reference(SecretRef::Env("DATABASE_URL".to_owned()))));
}

#[test]
fn the_environment_outweighs_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("portcullis.toml");
    std::fs::write(&file, "[gateway]\nlisten = \"127.0.0.1:1000\"\nmax_calls = 5\n").unwrap();
    let variables = [("PORTCULLIS__GATEWAY__LISTEN".to_owned(), "127.0.0.1:2000".to_owned())];
    let config = load(Some(&file), variables).unwrap().config;
    assert_eq!((config.gateway.listen.port(), config.gateway.max_calls), (2000, 5));
}

#[test]
fn what_is_wrong_names_the_variable() {
    let error = with(&[
        ("PORTCULLIS__GATEWAY__LISTN", "127.0.0.1:1"),
        ("PORTCULLIS__GATEWAY__MAX_CALLS", "many"),
        ("PORTCULLIS__GATEWAY__MAX_HEADERS", "-1"),
        ("PORTCULLIS__GATEWAY__BEHIND_PROXY", "yes"),
        ("PORTCULLIS__GATEWAY__DRAIN", "30"),
        ("PORTCULLIS__GATEWAY__PUBLIC_URL", ""),
        ("PORTCULLIS__GATEWAY__TRUSTED_PROXIES", "10.0.0.1"),
        ("PORTCULLIS__GATEWAY__TLS", "x"),
        ("PORTCULLIS__TENANTS", "acme"),
        ("PORTCULLIS__TENANTS__0__NAME", "acme"),
        ("PORTCULLIS__RECORDS__WHEN_FULL", "block"),
        ("PORTCULLIS__SECRETS__KEY", "hunter2"),
        ("PORTCULLIS__CONTROL__LISTEN", "0.0.0.0:8081"),
        ("PORTCULLIS__control__rate", "1"),
        ("PORTCULLIS__CONTROL__RATE", "2"),
        ("PORTCULLIS__", "x"),
        ("PORTCULLIS__STORAGE__DATABASE", "postgres//u:hunter2@h/d"),
    ])
    .unwrap_err()
    .to_string();
    assert!(!error.contains("hunter2"), "{error}");
    insta::assert_snapshot!(error);
}
