//! `serve --demo`: a tenant, a user, an application with a key, and a model that answers by itself, on this machine
//! only. Everything is made through the same doors as in earnest; what is there from the last time is used again.

use crate::app::Foundation;
use crate::failure::{Done, Failure};
use crate::output;
use portcullis_config::Config;
use portcullis_fault::{Fault, Secret};
use portcullis_identity::directory::{Actor, NewApiKey, NewApplication, NewUser};
use portcullis_identity::local::{LocalSubject, LocalToken};
use portcullis_model::application::ApiKeyLimits;
use portcullis_model::tenant::TenantEntry;
use portcullis_model::{ApiKeyId, Application, Deployment, Model, Name, Provider, Tenant, User, UserStatus};
use portcullis_store::{Error, entity};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use url::Url;

const TENANT: &str = "demo";
const MODEL: &str = "echo";
const USER: &str = "ada";
const APPLICATION: &str = "demo-app";
/// Where the key is kept, so that a second start shows the same.
const KEY_FILE: &str = "demo-api-key";
/// How long the tokens on the screen live.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// A demonstration.
#[derive(Clone)]
pub struct Demo {
    /// Its data, when nobody named a directory; gone when the process ends.
    ephemeral: Option<Arc<TempDir>>,
    /// Where callers reach it, once that is known.
    gateway: Option<SocketAddr>,
}

impl Demo {
    /// A demonstration whose data is kept where `config` says (`keep`), or nowhere.
    pub fn new(keep: bool) -> Done<Self> {
        let ephemeral = if keep {
            None
        } else {
            Some(Arc::new(tempfile::Builder::new().prefix("portcullis-demo-").tempdir()?))
        };
        Ok(Self { ephemeral, gateway: None })
    }

    /// The same, now that the address is known.
    pub fn at(mut self, gateway: SocketAddr) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// Puts the demonstration into a configuration.
    pub fn adjust(&self, config: &mut Config) -> Done {
        for (listen, setting) in
            [(config.gateway.listen, "gateway.listen"), (config.control.listen, "control.listen")]
        {
            if !listen.ip().is_loopback() {
                let failure = Failure::new(
                    "the demonstration is for this machine only: its listeners are on loopback addresses",
                )
                .at(format!("{setting} = {listen}"));
                return Err(
                    failure.next("leave the setting out, or use a configuration file instead of `--demo`")
                );
            }
        }
        if let Some(directory) = &self.ephemeral {
            config.storage.data_dir = directory.path().join("data");
        }
        if config.telemetry == portcullis_config::Telemetry::default() {
            // The screen is for reading.
            "warn".clone_into(&mut config.telemetry.log_level);
        }
        if let Some(gateway) = self.gateway {
            config.gateway.public_url =
                config.gateway.public_url.take().or_else(|| Url::parse(&format!("http://{gateway}")).ok());
        }
        let name = |text| Name::new(text).map_err(Failure::new);
        if !config.tenants.iter().any(|tenant| tenant.name == *TENANT) {
            config.tenants.push(TenantEntry { name: name(TENANT)?, models: vec![MODEL.to_owned()] });
            let http = portcullis_model::issuer::Egress::default();
            config.providers.push(Provider {
                name: name(MODEL)?,
                preset: Some(MODEL.to_owned()),
                base_url: None,
                api_key: None,
                keys: Vec::new(),
                aws: None,
                google: None,
                query: BTreeMap::new(),
                headers: BTreeMap::new(),
                http,
            });
            config.models.push(Model::new(name(MODEL)?, vec![Deployment::new(name(MODEL)?, name(MODEL)?)]));
        }
        Ok(())
    }

    /// Makes what is missing, and shows what to do with it.
    pub async fn show(&self, foundation: &Foundation) -> Done {
        let made = Made::find_or_make(foundation)
            .await
            .map_err(|error| Failure::new(format!("the demonstration cannot be set up: {error}")))?;
        let gateway = self.gateway.map(|address| format!("http://{address}")).unwrap_or_default();
        let data = foundation.data.path().display();
        let kept = if self.ephemeral.is_some() { "   (gone when this ends)" } else { "" };
        let user = made.user.id;
        let good = chat(&gateway, made.token.expose());
        let keyed = chat(&gateway, made.key.expose());
        let nobody = plain(&gateway, made.nobody.expose());
        let (itself, there) = (itself(), quoted(foundation.data.path()));
        output::write(&format!(
            "\n  Portcullis, in demo mode, on this machine only\n
  gateway    {gateway}
  tenant     {TENANT}
  user       {USER}   {user}
  model      {MODEL}   answers by itself: no network, no vendor key
  data       {data}{kept}

  1. a chat completion, streamed, with {USER}'s token

{good}

  2. the same with an API key of the application `{APPLICATION}`

{keyed}

  3. refused: a good token whose `sub` belongs to nobody

{nobody}

  what that code means    {gateway}/-/errors/subject_unresolved
  what the owner sees     {itself} record list --data-dir {there}

  Ctrl-C ends it.\n\n"
        ))
    }
}

/// What to call this program by, so that a line works when it is pasted: its name where it was called by name, else its
/// path.
fn itself() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    let by_name = Path::new(&called).components().count() == 1;
    let program = std::env::current_exe().ok().filter(|_| !by_name);
    quoted(&from_here(program, std::env::current_dir().ok()))
}

/// The path from a directory to a program below it.
fn from_here(program: Option<PathBuf>, here: Option<PathBuf>) -> PathBuf {
    let Some(program) = program else { return PathBuf::from(env!("CARGO_BIN_NAME")) };
    let below = here.and_then(|here| program.strip_prefix(here).ok().map(Path::to_owned));
    match below {
        // A file of this directory itself is none that the shell looks for.
        Some(below) if below.components().count() == 1 => Path::new(".").join(below),
        Some(below) => below,
        None => program,
    }
}

/// As a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+@:".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn chat(gateway: &str, bearer: &str) -> String {
    let body = r#"{"model":"echo","stream":true,"messages":[{"role":"user","content":"Hello, who am I?"}]}"#;
    format!(
        "curl -sN {gateway}/v1/chat/completions -H 'content-type: application/json' -H 'authorization: Bearer {bearer}' -d '{body}'"
    )
}

fn plain(gateway: &str, bearer: &str) -> String {
    let body = r#"{"model":"echo","messages":[{"role":"user","content":"Hello, who am I?"}]}"#;
    format!(
        "curl -s {gateway}/v1/chat/completions -H 'content-type: application/json' -H 'authorization: Bearer {bearer}' -d '{body}'"
    )
}

/// What the demonstration is about.
struct Made {
    user: User,
    token: Secret<String>,
    key: Secret<String>,
    nobody: Secret<String>,
}

impl Made {
    async fn find_or_make(foundation: &Foundation) -> Result<Self, Fault> {
        let actor = Actor::new("demo", "process");
        let tenant = entity::tenants::find_by_name(&foundation.store, TENANT)
            .await?
            .ok_or(Error::NotFound { what: "demo tenant" })?;
        let user = user(foundation, &actor, &tenant).await?;
        let application = application(foundation, &actor, &tenant).await?;
        let key = key(foundation, &actor, &application).await?;
        let mint = |subject| {
            let token = LocalToken {
                tenant: tenant.name.clone(),
                subject,
                scopes: Vec::new(),
                claims: serde_json::Map::new(),
                lifetime: LIFETIME,
            };
            foundation.local.mint(&token, foundation.clock.now(), &*foundation.rng)
        };
        Ok(Self {
            token: mint(LocalSubject::User(user.id))?,
            nobody: mint(LocalSubject::Text("nobody".to_owned()))?,
            user,
            key,
        })
    }
}

async fn user(foundation: &Foundation, actor: &Actor, tenant: &Tenant) -> Result<User, Fault> {
    let lookup = entity::users::Lookup::Username(USER.to_owned());
    if let Some(user) =
        entity::users::resolve(&foundation.store, tenant.id, &lookup).await?.into_iter().next()
    {
        return Ok(user);
    }
    let new = NewUser {
        tenant: tenant.id,
        status: UserStatus::Active,
        external_id: None,
        username: Some(USER.to_owned()),
        email: Some("ada@demo.example".to_owned()),
        email_verified: false,
        display_name: Some("Ada Lovelace".to_owned()),
        roles: vec!["reader".to_owned()],
        attributes: BTreeMap::new(),
        identities: Vec::new(),
    };
    foundation.directory.create_user(actor, new).await
}

async fn application(foundation: &Foundation, actor: &Actor, tenant: &Tenant) -> Result<Application, Fault> {
    if let Some(application) =
        entity::applications::find_by_name(&foundation.store, tenant.id, APPLICATION).await?
    {
        return Ok(application);
    }
    let name =
        Name::new(APPLICATION).map_err(|what| Fault::new(portcullis_fault::codes::INTERNAL).context(what))?;
    let new = NewApplication { tenant: tenant.id, name, roles: Vec::new(), clients: Vec::new() };
    foundation.directory.create_application(actor, new).await
}

/// The key of the last start while it works, or a new one.
async fn key(
    foundation: &Foundation,
    actor: &Actor,
    application: &Application,
) -> Result<Secret<String>, Fault> {
    let path = foundation.data.file(KEY_FILE);
    if path.exists() {
        let bytes = Secret::new(foundation.data.private(KEY_FILE, Vec::new)?);
        let text = Secret::new(String::from_utf8_lossy(bytes.expose()).trim().to_owned());
        let parsed = portcullis_identity::secrets::Credential::parse("pck", text.expose());
        if let Some(credential) = parsed {
            let known = entity::api_keys::find(&foundation.store, ApiKeyId(credential.id())).await?;
            if known.is_some_and(|key| key.application == application.id && key.revoked_at.is_none()) {
                return Ok(text);
            }
        }
        // Best effort: when it cannot be removed, writing the new one says why.
        let _ = std::fs::remove_file(&path);
    }
    let new = NewApiKey {
        application: application.id,
        name: "demo".to_owned(),
        user: None,
        limits: ApiKeyLimits::default(),
        expires_at: None,
    };
    let (_, secret) = foundation.directory.create_api_key(actor, new).await?;
    foundation.data.private(KEY_FILE, || format!("{}\n", secret.expose()).into_bytes())?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_called_by_what_the_shell_finds() {
        let path = |program: &str, here: &str| quoted(&from_here(Some(program.into()), Some(here.into())));
        assert_eq!(path("/src/target/debug/portcullis", "/src"), "target/debug/portcullis");
        assert_eq!(path("/src/portcullis", "/src"), "./portcullis");
        assert_eq!(path("/opt/portcullis", "/src"), "/opt/portcullis");
        assert_eq!(path("/o'p t/portcullis", "/src"), "'/o'\\''p t/portcullis'");
        assert_eq!(quoted(&from_here(None, Some("/src".into()))), "portcullis");
    }
}
