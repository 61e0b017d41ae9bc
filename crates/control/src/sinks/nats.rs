//! NATS: each event is published on `<prefix>.<tenant>.<type>` and counts as told once a JetStream stream has confirmed
//! it. Its id goes along as `Nats-Msg-Id`, by which a stream drops repetitions. Connected with the first event, so that
//! nothing of it runs before; a connection that failed is dropped, and what it still had to send with it: the log has it.
//!
//! Not here: streams. Where events are kept, for how long and in how many copies is the operator's to say.

use super::{Delivery, Notice, Patience, Sink};
use async_nats::connection::State;
use async_nats::jetstream::context::{Context, PublishErrorKind};
use async_nats::{ConnectOptions, Event, HeaderMap, jetstream};
use async_trait::async_trait;
use bytes::Bytes;
use portcullis_config::Nats as Configured;
use portcullis_fault::Secret;
use portcullis_model::event::matches;
use portcullis_model::issuer;
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Problem, SecretRef};
use portcullis_net::egress::{Client, Egress, Trust};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Its name among sinks.
pub const NAME: &str = "nats";

/// What waits to be sent, at most: one event is sent at a time, and an operator's test beside it.
const QUEUE: usize = 16;

/// A NATS server.
pub struct Nats {
    configured: Configured,
    credentials: Option<Secret<String>>,
    token: Option<Secret<String>>,
    password: Option<Secret<String>>,
    client: Client,
    connection: Mutex<Option<Connection>>,
}

struct Connection {
    stream: Context,
    /// What the server complains of: it says so beside what it was asked.
    complaint: watch::Receiver<String>,
}

/// A delivery that failed: a word for metrics, a sentence for people.
type Failed = (&'static str, String);

impl Nats {
    /// Reads its secrets and certificates; connects to nothing.
    pub fn open(
        configured: &Configured,
        secrets: &dyn SecretSource,
        egress: &Egress,
    ) -> Result<Self, Problem> {
        let problem = |at: &str, message: String| Problem::new(format!("events.nats.{at}"), message);
        let read = |at: &str, reference: &Option<SecretRef>| {
            let Some(reference) = reference else { return Ok(None) };
            let bytes = secrets.read(reference).map_err(|message| problem(at, message))?;
            match std::str::from_utf8(bytes.expose()).map(str::trim) {
                Ok(text) if !text.is_empty() => Ok(Some(Secret::new(text.to_owned()))),
                Ok(_) => Err(problem(at, format!("`{reference}` is empty"))),
                Err(_) => Err(problem(at, format!("`{reference}` is not text"))),
            }
        };
        // With the end of its last line: without it the library takes it for no such file.
        let credentials = read("credentials", &configured.credentials)?;
        let credentials = credentials.map(|file| Secret::new(format!("{}\n", file.expose())));
        if let Some(credentials) = &credentials
            && ConnectOptions::with_credentials(credentials.expose()).is_err()
        {
            let message = "this is no credentials file: it has a JWT and a seed, each between its two lines";
            return Err(problem("credentials", message.to_owned()));
        }
        let settings = issuer::Egress {
            ca_file: configured.ca_file.clone(),
            client_certificate_file: configured.client_certificate_file.clone(),
            client_key_file: configured.client_key_file.clone(),
            ..issuer::Egress::default()
        };
        let client = egress.client(&settings, Trust::Operator);
        Ok(Self {
            credentials,
            token: read("token", &configured.token)?,
            password: read("password", &configured.password)?,
            client: client.map_err(|message| problem("url", message))?,
            configured: configured.clone(),
            connection: Mutex::default(),
        })
    }

    async fn connect(&self) -> Result<Connection, Failed> {
        let configured = &self.configured;
        let mut options = match &self.credentials {
            Some(credentials) => ConnectOptions::with_credentials(credentials.expose())
                .map_err(|_| ("credentials", "its credentials cannot be read".to_owned()))?,
            None => ConnectOptions::new(),
        };
        if let Some(token) = &self.token {
            options = options.token(token.expose().clone());
        }
        if let (Some(name), Some(password)) = (&configured.username, &self.password) {
            options = options.user_and_password(name.clone(), password.expose().clone());
        }
        let (complain, complaint) = watch::channel(String::new());
        let complain = Arc::new(complain);
        let options = options
            .name("portcullis")
            .require_tls(configured.url.scheme() == "tls")
            .tls_client_config((*self.client.tls()).clone())
            .connection_timeout(configured.timeout.0)
            .client_capacity(QUEUE)
            // The operator wrote where to connect to, and nobody else says so.
            .ignore_discovered_servers()
            // What is lost is connected anew with the next event, and not in the background for ever.
            .max_reconnects(1)
            .event_callback(move |event| {
                let complain = complain.clone();
                async move {
                    if let Event::ServerError(error) = event {
                        complain.send_replace(error.to_string());
                    }
                }
            });
        let client = options
            .connect(configured.url.as_str())
            .await
            .map_err(|error| ("connect", format!("it cannot be connected: {error}")))?;
        let mut stream = jetstream::new(client);
        stream.set_timeout(configured.timeout.0);
        Ok(Connection { stream, complaint })
    }

    async fn publish(&self, notice: &Notice) -> Result<(), Failed> {
        // Taken, and given back when all went well: one that failed, or was given up, may still have the event to send.
        let known = self.connection.lock().unwrap_or_else(PoisonError::into_inner).take();
        let connection = match known.filter(Connection::is_up) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.publish(self.subject(notice), notice).await?;
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        Ok(())
    }

    /// A tenant's name is one word of a subject, and no two tenants have the same; `_` stands for no tenant, since no name
    /// begins so.
    fn subject(&self, notice: &Notice) -> String {
        let name = notice.tenant_name.as_ref();
        let tenant = name.map_or_else(|| "_".to_owned(), |name| name.as_str().replace('.', "%2E"));
        format!("{}.{tenant}.{}", self.configured.prefix, notice.kind)
    }
}

impl Connection {
    fn is_up(&self) -> bool {
        self.stream.client().connection_state() == State::Connected
    }

    async fn publish(&self, subject: String, notice: &Notice) -> Result<(), Failed> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", notice.id.as_str());
        headers.insert("Content-Type", "application/json");
        let mut complaint = self.complaint.clone();
        complaint.mark_unchanged();
        let telling = async {
            let body = Bytes::from(notice.body());
            let sent = self.stream.publish_with_headers(subject.clone(), headers, body);
            let confirmed = sent.await.map_err(|error| ("nats", error.to_string()))?.await;
            confirmed.map(drop).map_err(|error| match error.kind() {
                PublishErrorKind::StreamNotFound => {
                    ("stream", format!("no JetStream stream has the subject `{subject}`: make one that does"))
                }
                _ => ("nats", format!("no stream confirmed `{subject}`: {error}")),
            })
        };
        tokio::select! {
            told = telling => told,
            // What it does not allow it says beside, and confirms nothing: without this nobody would read why.
            Ok(()) = complaint.changed() => {
                Err(("nats", format!("`{subject}` is not taken; the server says: {}", *complaint.borrow())))
            }
        }
    }
}

#[async_trait]
impl Sink for Nats {
    fn name(&self) -> &str {
        NAME
    }

    fn kind(&self) -> &'static str {
        NAME
    }

    fn target(&self) -> String {
        self.configured.url.to_string()
    }

    fn wants(&self, notice: &Notice) -> bool {
        let events = &self.configured.events;
        events.is_empty() || events.iter().any(|pattern| matches(pattern, &notice.kind))
    }

    fn patience(&self) -> Patience {
        Patience { timeout: self.configured.timeout.0, give_up_after: self.configured.give_up_after.0 }
    }

    async fn deliver(&self, notice: &Notice) -> Delivery {
        match self.publish(notice).await {
            Ok(()) => Delivery::Done,
            Err((reason, why)) => Delivery::Failed { reason, why, after: None },
        }
    }
}
