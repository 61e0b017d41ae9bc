//! What a process sees of its surroundings: variables by name, secrets by fingerprint, mounts, limits, and whether what
//! it has to reach can be reached. Run in the process that it is about; two of them set beside each other show what
//! differs between two environments.

mod sources;

pub use sources::SourceSeen;
pub(crate) use sources::probe;

use portcullis_config::{Config, Database};
use portcullis_fault::Secret;
use portcullis_jose::sha256;
use portcullis_model::probe::{DeploymentState, Probe};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Clock, SecretRef, Source, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// What a process sees.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Instance {
    /// When it looked (RFC 3339).
    pub examined_at: String,
    /// The version of the program.
    pub version: String,
    /// The process's id and user.
    pub process: String,
    /// What is wrong, in words.
    pub problems: Vec<String>,
    /// Names of the variables that concern this program, its proxies and its secrets; never their values.
    pub variables: Vec<String>,
    /// Secrets that the configuration names.
    pub secrets: Vec<SecretSeen>,
    /// Directories and files that it needs.
    pub places: Vec<PlaceSeen>,
    /// What it has to reach.
    pub reach: Vec<Reached>,
    /// How its AI deployments are doing; absent beside no running process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployments: Option<Vec<DeploymentSeen>>,
    /// User sources in other systems, each tried as `portcullis source test` does.
    #[serde(default)]
    pub sources: Vec<SourceSeen>,
    /// Limits of memory and processors, and signs of a container.
    pub limits: BTreeMap<String, String>,
    /// The effective configuration, secrets by fingerprint.
    #[schema(value_type = Object)]
    pub configuration: Value,
}

/// A secret that the configuration names.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SecretSeen {
    /// The reference, as `env:NAME`.
    pub reference: String,
    /// The first 8 hexadecimal digits of a digest: tells two secrets apart, and no more.
    pub fingerprint: Option<String>,
    /// Why it cannot be read.
    pub problem: Option<String>,
}

/// A place in the file system.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PlaceSeen {
    /// Where.
    pub path: String,
    /// What it is, its mode and owner.
    pub state: String,
    /// What is mounted there: type and options.
    pub mount: Option<String>,
}

/// Something that has to be reached.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reached {
    /// What for.
    pub what: String,
    /// Host and port.
    pub address: String,
    /// What its name resolves to.
    pub resolves_to: Vec<String>,
    /// How long a connection took, in milliseconds.
    pub connected_in_ms: Option<u64>,
    /// Why there is none.
    pub problem: Option<String>,
}

/// An AI deployment, as the process has it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeploymentSeen {
    /// The provider.
    pub provider: String,
    /// The model's name there.
    pub deployment: String,
    /// Its failures in a row.
    pub failures: u32,
    /// Until when its breaker is open (RFC 3339).
    pub open_until: Option<String>,
    /// What it failed with last, while its breaker is open.
    pub last_error: Option<String>,
    /// Until when all our keys there are to rest (RFC 3339).
    pub resting_until: Option<String>,
    /// Calls under way there.
    pub under_way: u32,
    /// How long it lately took to begin its answers, in milliseconds.
    pub latency_ms: Option<u64>,
}

impl From<DeploymentState> for DeploymentSeen {
    fn from(state: DeploymentState) -> Self {
        Self {
            provider: state.provider.to_string(),
            deployment: state.deployment.to_string(),
            failures: state.failures,
            open_until: state.open_until.map(Timestamp::rfc3339),
            last_error: state.last_error,
            resting_until: state.resting_until.map(Timestamp::rfc3339),
            under_way: state.under_way,
            latency_ms: state.latency.and_then(|latency| u64::try_from(latency.as_millis()).ok()),
        }
    }
}

impl DeploymentSeen {
    /// What is wrong with it, in words.
    fn problem(&self) -> Option<String> {
        let Self { provider, deployment, .. } = self;
        let which = format!("the AI deployment `{deployment}` at `{provider}`");
        match (&self.open_until, &self.resting_until) {
            (Some(until), _) => {
                let why = self.last_error.as_deref().unwrap_or("failures");
                Some(format!("{which} is left alone until {until}, after: {why}"))
            }
            (None, Some(until)) => Some(format!("all keys for {which} are to rest until {until}")),
            (None, None) => None,
        }
    }
}

/// What a process is seen with.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Its own environment.
    pub environment: &'a [(String, String)],
    /// Secrets by reference.
    pub secrets: &'a dyn SecretSource,
    /// What only it knows, while it serves.
    pub probe: Option<&'a dyn Probe>,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// For one name or connection.
const PATIENCE: Duration = Duration::from_secs(2);
/// Things that are reached at most.
const MOST: usize = 64;

/// Looks around.
pub async fn examine(config: &Config, around: &Around<'_>) -> Instance {
    let Around { environment, secrets, probe, clock } = *around;
    let effective = serde_json::to_value(config).unwrap_or(Value::Null);
    let mut references = Vec::new();
    collect(&effective, &mut references);
    let secrets_seen: Vec<SecretSeen> = references.iter().map(|reference| look(reference, secrets)).collect();
    let places = places(config, &references);
    let reach = reach(config, secrets).await;
    let mut problems: Vec<String> = Vec::new();
    problems.extend(secrets_seen.iter().filter_map(|seen| seen.problem.clone()));
    problems.extend(
        places
            .iter()
            .filter(|place| place.state.contains("cannot") || place.state.contains("not writable"))
            .map(|place| format!("`{}`: {}", place.path, place.state)),
    );
    problems.extend(reach.iter().filter_map(|reached| {
        Some(format!("{} at {}: {}", reached.what, reached.address, reached.problem.as_ref()?))
    }));
    let deployments =
        probe.map(|probe| probe.deployments().into_iter().map(DeploymentSeen::from).collect::<Vec<_>>());
    problems.extend(deployments.iter().flatten().filter_map(DeploymentSeen::problem));
    Instance {
        examined_at: clock.now().rfc3339(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        process: format!(
            "pid {}, uid {}, gid {}",
            std::process::id(),
            rustix::process::getuid().as_raw(),
            rustix::process::getgid().as_raw()
        ),
        problems,
        variables: variables(environment, &references),
        configuration: with_fingerprints(effective, secrets),
        secrets: secrets_seen,
        places,
        reach,
        deployments,
        sources: Vec::new(),
        limits: limits(),
    }
}

impl Instance {
    /// Adds what trying the user sources came to, or why they could not be tried.
    pub(crate) fn add(&mut self, tried: Result<Vec<SourceSeen>, String>) {
        match tried {
            Ok(tried) => {
                self.problems.extend(tried.iter().filter_map(|source| {
                    Some(format!("user source `{}`: {}", source.name, source.problem.as_ref()?))
                }));
                self.sources = tried;
            }
            Err(why) => self.problems.push(format!("user sources could not be tried: {why}")),
        }
    }
}

/// A configuration as two are compared: references to secrets with the fingerprint of what is behind them.
pub fn effective(config: &Config, secrets: &dyn SecretSource) -> Value {
    with_fingerprints(serde_json::to_value(config).unwrap_or(Value::Null), secrets)
}

fn with_fingerprints(mut value: Value, secrets: &dyn SecretSource) -> Value {
    match &mut value {
        Value::Object(members) => {
            members.values_mut().for_each(|member| *member = with_fingerprints(member.take(), secrets));
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| *item = with_fingerprints(item.take(), secrets))
        }
        Value::String(text) => {
            if let Some(reference) = reference(text) {
                let print = secrets
                    .read(&reference)
                    .map_or_else(|_| "cannot be read".to_owned(), |secret| fingerprint(&secret));
                value = json!(format!("{text} ({print})"));
            }
        }
        _ => {}
    }
    value
}

fn reference(text: &str) -> Option<SecretRef> {
    let named = ["env:", "file:", "stored:"].iter().any(|scheme| text.starts_with(scheme));
    named.then(|| text.parse().ok()).flatten()
}

fn collect(value: &Value, into: &mut Vec<SecretRef>) {
    match value {
        Value::Object(members) => members.values().for_each(|member| collect(member, into)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::String(text) => {
            if let Some(found) = reference(text).filter(|found| !into.contains(found)) {
                into.push(found);
            }
        }
        _ => {}
    }
}

fn look(reference: &SecretRef, secrets: &dyn SecretSource) -> SecretSeen {
    let read = secrets.read(reference);
    SecretSeen {
        reference: reference.to_string(),
        fingerprint: read.as_ref().ok().map(fingerprint),
        problem: match read {
            Err(problem) => Some(problem),
            Ok(secret) if secret.expose().is_empty() => Some(format!("`{reference}` is there and empty")),
            Ok(_) => None,
        },
    }
}

/// Short on purpose: it tells two secrets apart, and is of little use to whoever wants to guess one.
fn fingerprint(secret: &Secret<Vec<u8>>) -> String {
    let digest = sha256(&[b"portcullis fingerprint\0".as_slice(), secret.expose()].concat());
    hex::encode(&digest[..4])
}

fn variables(environment: &[(String, String)], references: &[SecretRef]) -> Vec<String> {
    let named = |name: &str| {
        references.iter().any(|reference| matches!(reference, SecretRef::Env(own) if own == name))
    };
    let ours = |name: &str| {
        name.starts_with("PORTCULLIS")
            || name.to_ascii_lowercase().ends_with("_proxy")
            || matches!(
                name,
                "TZ" | "SSL_CERT_FILE" | "SSL_CERT_DIR" | "KUBERNETES_SERVICE_HOST" | "HOSTNAME"
            )
    };
    let mut all: Vec<String> = environment
        .iter()
        .filter(|(name, _)| ours(name) || named(name))
        .map(|(name, value)| if value.is_empty() { format!("{name} (empty)") } else { name.clone() })
        .collect();
    all.sort();
    all
}

fn places(config: &Config, references: &[SecretRef]) -> Vec<PlaceSeen> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut paths: Vec<(PathBuf, bool)> = vec![(config.storage.data_dir.clone(), true)];
    paths.extend(references.iter().filter_map(|reference| match reference {
        SecretRef::File(path) => Some((path.clone(), false)),
        _ => None,
    }));
    for issuer in &config.issuers {
        paths.extend(
            [&issuer.jwks_file, &issuer.public_key_file, &issuer.http.ca_file]
                .into_iter()
                .flatten()
                .map(|path| (path.clone(), false)),
        );
    }
    let account = PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount");
    if account.exists() {
        paths.push((account, false));
    }
    paths.into_iter().map(|(path, written)| place(&path, written, &mounts)).collect()
}

fn place(path: &Path, written: bool, mounts: &str) -> PlaceSeen {
    use std::os::unix::fs::MetadataExt;
    let state = match std::fs::metadata(path) {
        Err(error) => format!("cannot be seen: {error}"),
        Ok(facts) => {
            let kind = if facts.is_dir() { "directory" } else { "file" };
            let access = match rustix::fs::access(
                path,
                if written { rustix::fs::Access::WRITE_OK } else { rustix::fs::Access::READ_OK },
            ) {
                Ok(()) => {
                    if written {
                        "writable"
                    } else {
                        "readable"
                    }
                }
                Err(_) => {
                    if written {
                        "not writable by this process"
                    } else {
                        "cannot be read by this process"
                    }
                }
            };
            format!("{kind}, mode {:04o}, uid {}, {access}", facts.mode() & 0o7777, facts.uid())
        }
    };
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            let (at, kind, options) = (words.next()?, words.next()?, words.next()?);
            real.starts_with(at).then(|| (at.len(), format!("{kind} at {at} ({options})")))
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, mount)| mount);
    PlaceSeen { path: path.display().to_string(), state, mount }
}

/// The servers of a user source.
fn servers(source: &Source, secrets: &dyn SecretSource) -> Vec<url::Url> {
    let ldap = source.ldap.iter().flat_map(|ldap| &ldap.urls).cloned().map(|url| {
        let port = if url.scheme() == "ldaps" { 636 } else { 389 };
        with_port(url, port)
    });
    let http = source.http.iter().map(|http| http.url.clone());
    let references = source.sql.iter().flat_map(|sql| std::iter::once(&sql.primary).chain(&sql.replica));
    let sql = references.filter_map(|reference| {
        let text = secrets.read(reference).ok()?;
        let text = std::str::from_utf8(text.expose()).ok()?.trim();
        Some(with_port(url::Url::parse(text).ok()?, 5432))
    });
    ldap.chain(http).chain(sql).collect()
}

fn with_port(mut url: url::Url, port: u16) -> url::Url {
    if url.port().is_none() {
        // Fails for a URL without a host, which is of no use here either.
        let _ = url.set_port(Some(port));
    }
    url
}

async fn reach(config: &Config, secrets: &dyn SecretSource) -> Vec<Reached> {
    let mut wanted: Vec<(String, String)> = Vec::new();
    let mut add = |what: String, url: &url::Url| {
        if let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) {
            let address = (what, format!("{host}:{port}"));
            if !wanted.iter().any(|(_, there)| *there == address.1) {
                wanted.push(address);
            }
        }
    };
    for issuer in &config.issuers {
        let own = issuer.jwks_file.is_some() || issuer.public_key_file.is_some() || issuer.secret.is_some();
        match (&issuer.jwks_url, url::Url::parse(&issuer.issuer)) {
            (Some(url), _) => add(format!("the keys of issuer `{}`", issuer.name), url),
            (None, Ok(url)) if !own => add(format!("issuer `{}`", issuer.name), &url),
            _ => {}
        }
    }
    for service in &config.services {
        add(format!("service `{}`", service.name), &service.upstream);
    }
    for provider in &config.providers {
        if let Some(url) = &provider.base_url {
            add(format!("provider `{}`", provider.name), url);
        }
    }
    if let Some(Database::Url(secret)) = &config.storage.database
        && let Ok(url) = url::Url::parse(secret.expose())
    {
        add("the database".to_owned(), &with_port(url, 5432));
    }
    for source in &config.sources {
        for url in servers(source, secrets) {
            add(format!("user source `{}`", source.name), &url);
        }
    }
    wanted.truncate(MOST);
    // All at once: one that does not answer keeps the others from nothing.
    let mut tasks = tokio::task::JoinSet::new();
    for (at, (what, address)) in wanted.into_iter().enumerate() {
        tasks.spawn(async move { (at, connect(what, address).await) });
    }
    let mut all: Vec<(usize, Reached)> = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.extend(done.ok());
    }
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, reached)| reached).collect()
}

async fn connect(what: String, address: String) -> Reached {
    let mut reached = Reached {
        what,
        address: address.clone(),
        resolves_to: Vec::new(),
        connected_in_ms: None,
        problem: None,
    };
    let found = match tokio::time::timeout(PATIENCE, tokio::net::lookup_host(address)).await {
        Ok(Ok(found)) => found.collect::<Vec<_>>(),
        Ok(Err(error)) => {
            reached.problem = Some(format!("its name does not resolve: {error}"));
            return reached;
        }
        Err(_) => {
            reached.problem = Some(format!("its name does not resolve within {} s", PATIENCE.as_secs()));
            return reached;
        }
    };
    reached.resolves_to = found.iter().map(|address| address.ip().to_string()).collect();
    let began = Instant::now();
    match tokio::time::timeout(PATIENCE, TcpStream::connect(found.as_slice())).await {
        Ok(Ok(_)) => {
            reached.connected_in_ms = Some(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX))
        }
        Ok(Err(error)) => reached.problem = Some(format!("no connection: {error}")),
        Err(_) => {
            reached.problem = Some(format!(
                "no connection within {} s: a firewall or network policy drops it",
                PATIENCE.as_secs()
            ))
        }
    }
    reached
}

fn limits() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (name, path) in [
        ("memory", "/sys/fs/cgroup/memory.max"),
        ("processors", "/sys/fs/cgroup/cpu.max"),
        ("processes", "/sys/fs/cgroup/pids.max"),
    ] {
        if let Ok(text) = std::fs::read_to_string(path) {
            all.insert(name.to_owned(), text.trim().to_owned());
        }
    }
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    all.insert(
        "open_files".to_owned(),
        files.current.map_or_else(|| "unlimited".to_owned(), |most| most.to_string()),
    );
    let container = [
        ("/.dockerenv", "docker"),
        ("/run/.containerenv", "podman"),
        ("/var/run/secrets/kubernetes.io", "kubernetes"),
    ];
    if let Some((_, name)) = container.iter().find(|(path, _)| Path::new(path).exists()) {
        all.insert("container".to_owned(), (*name).to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl SecretSource for Fixed {
        fn read(&self, reference: &SecretRef) -> Result<Secret<Vec<u8>>, String> {
            match reference {
                SecretRef::Env(name) if name == "A" => Ok(Secret::new(b"hunter2-hunter2".to_vec())),
                other => Err(format!("`{other}` is not there")),
            }
        }
    }

    #[test]
    fn secrets_are_told_apart_and_never_shown() {
        let shown = with_fingerprints(
            json!({ "x": [{ "secret": "env:A" }], "y": "env:B", "url": "https://a" }),
            &Fixed,
        );
        let text = shown.to_string();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("env:A (") && text.contains("env:B (cannot be read)"), "{text}");
        assert_eq!(shown["url"], "https://a");
        let (seen, missing) =
            (look(&SecretRef::Env("A".into()), &Fixed), look(&SecretRef::Env("B".into()), &Fixed));
        assert_eq!(seen.fingerprint.as_deref().map(str::len), Some(8));
        assert!(missing.fingerprint.is_none() && missing.problem.is_some());
    }

    #[test]
    fn servers_of_sources_have_their_ports() {
        let source = |text: &str| serde_json::from_str::<Source>(text).unwrap();
        let ports = |source: &Source| {
            let all = servers(source, &Fixed).into_iter();
            all.map(|url| format!("{}:{}", url.host_str().unwrap(), url.port_or_known_default().unwrap()))
                .collect::<Vec<_>>()
        };
        let ldap = source(
            r#"{ "name": "a", "tenant": "t", "ldap": { "urls": ["ldaps://a", "ldap://b", "ldap://c:1389"], "base": "dc=x", "filter": "(uid={subject})" } }"#,
        );
        assert_eq!(ports(&ldap), ["a:636", "b:389", "c:1389"]);
        // A secret that is no URL, and one that is not there.
        let sql = source(
            r#"{ "name": "a", "tenant": "t", "sql": { "primary": "env:A", "replica": "env:B", "query": "SELECT" } }"#,
        );
        assert_eq!(ports(&sql), [""; 0]);
    }

    #[tokio::test]
    async fn says_what_cannot_be_reached() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let there = connect("x".into(), open.to_string()).await;
        assert!(there.connected_in_ms.is_some() && there.problem.is_none(), "{there:?}");
        drop(listener);
        let gone = connect("x".into(), open.to_string()).await;
        assert!(gone.problem.is_some_and(|problem| problem.contains("no connection")));
        let nameless = connect("x".into(), "no-such-host.invalid:1".into()).await;
        assert!(nameless.problem.is_some_and(|problem| problem.contains("resolve")));
    }
}
