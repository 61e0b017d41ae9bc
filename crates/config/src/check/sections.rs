//! The sections that concern nobody else.

use super::{Subject, positive, urls};
use crate::nearest;
use crate::place::Path;
use crate::shape::shown;
use crate::tree::Findings;
use portcullis_model::service::AuthMode;
use portcullis_model::{ByteSize, SecretRef};

pub fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let config = subject.config;
    if config.storage.data_dir.as_os_str().is_empty() {
        findings.value(Path::of("storage").key("data_dir"), "`data_dir` is empty", None);
    }
    positive(config.storage.statement_timeout, Path::of("storage").key("statement_timeout"), findings);

    if let Some(redis) = &config.cluster.redis {
        let at = Path::of("cluster").key("redis");
        if config.storage.database.is_none() {
            let message = "`redis` has no effect with the embedded database, which one process has to itself";
            findings.value(at, message, Some("take it out, or set `storage.database`"));
        } else if matches!(redis, SecretRef::Stored(_)) {
            let message = "a stored secret is in the database, and Redis is connected before it is read";
            findings.value(at, message, Some("give `env:NAME` or `file:/path`"));
        }
    }

    let at = Path::of("ai");
    if config.ai.auth == AuthMode::None {
        let message = "`auth` of the AI routes cannot be `none`: models are granted to tenants, and a caller whom nobody asked has no tenant";
        findings.value(at.key("auth"), message, Some("use `required`, or `monitor` to try it out"));
    }
    if let Some(timeout) = config.ai.timeout {
        positive(timeout, at.key("timeout"), findings);
    }
    least(config.ai.max_body, ByteSize(1_024), at.key("max_body"), findings);

    let at = Path::of("resolution");
    positive(config.resolution.timeout, at.key("timeout"), findings);
    positive(config.resolution.breaker.open, at.key("breaker").key("open"), findings);

    let at = Path::of("records");
    positive(config.records.fsync_interval, at.key("fsync_interval"), findings);
    positive(config.records.keep, at.key("keep"), findings);
    least(config.records.spool_limit, ByteSize(1 << 20), at.key("spool_limit"), findings);

    let at = Path::of("telemetry");
    log_level(&config.telemetry.log_level, at.key("log_level"), findings);
    if let Some(url) = &config.telemetry.otlp_endpoint {
        urls::plain(url, &at.key("otlp_endpoint"), findings);
    }
    if matches!(config.secrets.key, Some(SecretRef::Stored(_))) {
        let message = "the key under which stored secrets are encrypted cannot be one of them";
        findings.value(Path::of("secrets").key("key"), message, Some("give `env:NAME` or `file:/path`"));
    }
}

fn least(size: ByteSize, least: ByteSize, at: Path, findings: &mut Findings) {
    if size < least {
        let key = crate::shape::subject(&at);
        findings.value(at, format!("{key} must be at least `{least}`, not `{size}`"), None);
    }
}

/// `level`, or `target=level`, with commas between.
fn log_level(text: &str, at: Path, findings: &mut Findings) {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    for part in text.split(',').map(str::trim) {
        let level = part.rsplit('=').next().unwrap_or_default();
        let target = part.split_once('=').map(|(target, _)| target);
        if LEVELS.contains(&level.to_lowercase().as_str()) && target.is_none_or(|target| !target.is_empty()) {
            continue;
        }
        let help = match nearest(level, LEVELS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "levels are `error`, `warn`, `info`, `debug`, `trace` and `off`, as in `info,portcullis_identity=debug`".to_owned(),
        };
        findings.value(at.clone(), format!("there is no log level `{}`", shown(level)), Some(&help));
    }
}
