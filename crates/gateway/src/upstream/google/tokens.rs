//! Access tokens of an account of Google's cloud: fetched when one is needed first, kept until shortly before their end, and
//! fetched anew ahead of it while calls go on with the one at hand.
//!
//! One fetch at a time, however many calls wait. That there is no token is never the caller's fault: the token endpoint is down
//! (`provider_unavailable`), or will not have our account (`provider_credential_refused`). Tokens are in no log and no error.

use super::{AccessToken, ServiceAccount};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use portcullis_fault::{Fault, Secret, codes};
use portcullis_jose::sha256;
use portcullis_model::Timestamp;
use portcullis_model::provider::Google;
use portcullis_model::secret_ref::SecretSource;
use portcullis_net::egress::{Answered, Client, Exchange};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::task::TaskTracker;
use url::Url;

/// The tokens of one account.
pub(crate) struct Tokens {
    account: Account,
    client: Client,
    tasks: TaskTracker,
    state: Mutex<State>,
    /// Held by whoever fetches.
    turn: tokio::sync::Mutex<()>,
}

/// Whose tokens.
pub(crate) enum Account {
    /// A service account's, by its key.
    Service(Arc<ServiceAccount>),
    /// This machine's, by the metadata server at this URL.
    Machine(Url),
}

#[derive(Default)]
struct State {
    token: Option<Kept>,
    /// The last attempt brought nothing, and until then no other is made.
    failed: Option<(Timestamp, Lacking)>,
    /// One is being fetched ahead of time.
    ahead: bool,
}

struct Kept {
    /// Sensitive.
    header: HeaderValue,
    /// From when on the next one is fetched.
    renew: Timestamp,
    /// Until when it is used.
    until: Timestamp,
}

/// Why there is no token.
#[derive(Clone)]
enum Lacking {
    /// The endpoint will not have our account: what it said.
    Refused(String),
    /// It could not be asked, or did not answer with a token.
    Unavailable(String),
}

/// Where machines ask for tokens of their own account; answered within the cloud only.
const METADATA: &str =
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
static FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");

/// For one fetch.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest answer of a token endpoint.
const LARGEST: usize = 64 << 10;
/// Before its end a token is not used any more: a call takes time, and clocks differ.
const MARGIN: Duration = Duration::from_secs(60);
/// Before its end the next one is fetched.
const AHEAD: Duration = Duration::from_secs(300);
/// Nothing is believed for longer.
const LONGEST: Duration = Duration::from_secs(12 * 3_600);
/// After an attempt in vain, for calls that wait, and for a look ahead.
const AGAIN: Duration = Duration::from_secs(2);

impl Account {
    /// As the configuration says it, with a digest that tells it from others; what is wrong with it, by member.
    pub(crate) fn of(
        google: &Google,
        secrets: &dyn SecretSource,
    ) -> Result<(Self, [u8; 32]), (&'static str, String)> {
        match (&google.credentials, google.metadata) {
            (Some(reference), false) => {
                let text = secrets.read(reference).map_err(|error| ("credentials", error))?;
                let digest = sha256(text.expose());
                let text = String::from_utf8(text.expose().clone())
                    .map_err(|_| ("credentials", super::Error::NotJson.to_string()))?;
                let account = ServiceAccount::read(&Secret::new(text));
                account
                    .map(|account| (Self::Service(Arc::new(account)), digest))
                    .map_err(|error| ("credentials", error.to_string()))
            }
            (None, true) => Url::parse(METADATA)
                .map(|url| (Self::Machine(url), sha256(METADATA.as_bytes())))
                .map_err(|error| ("metadata", error.to_string())),
            _ => Err((
                "credentials",
                "an account is given in one way: `credentials = \"file:…\"`, or `metadata = true`".to_owned(),
            )),
        }
    }
}

/// A fetch ahead of time, until it has ended, however it did.
struct Ahead(Arc<Tokens>);

impl Drop for Ahead {
    fn drop(&mut self) {
        self.0.state().ahead = false;
    }
}

impl Tokens {
    /// Of an account; nothing is fetched yet.
    pub(crate) fn new(account: Account, client: Client, tasks: TaskTracker) -> Self {
        Self { account, client, tasks, state: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// The value of `Authorization`, sensitive.
    pub(crate) async fn header(self: &Arc<Self>, now: Timestamp) -> Result<HeaderValue, Fault> {
        if let Some(header) = self.kept(now) {
            return Ok(header);
        }
        let _turn = self.turn.lock().await;
        // Whoever had the turn before may have brought one, or found that there is none to be had.
        if let Some(header) = self.kept(now) {
            return Ok(header);
        }
        let failed = self.state().failed.clone().filter(|(until, _)| now < *until);
        match failed {
            Some((until, lacking)) => Err(lacking.fault(until.since(now))),
            None => self.fetch(now).await.map_err(|lacking| lacking.fault(AGAIN)),
        }
    }

    /// The provider did not take this one: it is not used again.
    pub(crate) fn refused(&self, header: &HeaderValue) {
        let mut state = self.state();
        // Where it is another one by now, another call has seen to it.
        state.token.take_if(|kept| kept.header == *header);
    }

    /// One at hand; where its end is near, the next one is fetched meanwhile.
    fn kept(self: &Arc<Self>, now: Timestamp) -> Option<HeaderValue> {
        let mut state = self.state();
        let kept = state.token.as_ref().filter(|kept| now < kept.until)?;
        let (header, due) = (kept.header.clone(), kept.renew <= now);
        let vain = state.failed.as_ref().is_some_and(|(until, _)| now < *until);
        if due && !vain && !std::mem::replace(&mut state.ahead, true) {
            let this = self.clone();
            self.tasks.spawn(async move {
                let ahead = Ahead(this);
                let _turn = ahead.0.turn.lock().await;
                // Whether it went well is in the state, and in the log.
                let _ = ahead.0.fetch(now).await;
            });
        }
        Some(header)
    }

    async fn fetch(&self, now: Timestamp) -> Result<HeaderValue, Lacking> {
        let fetched = self.ask(now).await.and_then(|token| {
            let text = format!("Bearer {}", token.token.expose());
            let mut header = HeaderValue::try_from(text)
                .map_err(|_| Lacking::Unavailable("its token cannot stand in a header".to_owned()))?;
            header.set_sensitive(true);
            Ok((header, token.lifetime.min(LONGEST)))
        });
        let mut state = self.state();
        match fetched {
            Ok((header, lifetime)) => {
                // Short ones are used for the better part of their life, too.
                let renew = now.plus(lifetime - AHEAD.min(lifetime / 2));
                let until = now.plus(lifetime - MARGIN.min(lifetime / 10));
                state.token = Some(Kept { header: header.clone(), renew, until });
                state.failed = None;
                Ok(header)
            }
            Err(lacking) => {
                tracing::warn!(why = %lacking, "no access token could be had for a provider of Google's cloud");
                state.failed = Some((now.plus(AGAIN), lacking.clone()));
                Err(lacking)
            }
        }
    }

    async fn ask(&self, now: Timestamp) -> Result<AccessToken, Lacking> {
        let mut headers = HeaderMap::new();
        let (url, method, body) = match &self.account {
            Account::Service(account) => {
                // A signature with an RSA key takes longer than a worker may be held.
                let signer = account.clone();
                let signed = self.tasks.spawn_blocking(move || signer.grant(now.seconds())).await;
                let grant = signed.map_err(|error| Lacking::Unavailable(error.to_string()))?;
                let grant = grant.map_err(|error| Lacking::Unavailable(error.to_string()))?;
                let form = HeaderValue::from_static("application/x-www-form-urlencoded");
                headers.insert(header::CONTENT_TYPE, form);
                (account.token_url(), Method::POST, Bytes::from(grant.expose().clone()))
            }
            Account::Machine(url) => {
                headers.insert(&FLAVOR, HeaderValue::from_static("Google"));
                (url, Method::GET, Bytes::new())
            }
        };
        // The metadata server speaks nothing else, and is within the machine's own network.
        let plain_http = matches!(self.account, Account::Machine(_));
        let exchange = Exchange { method, headers, body, max_bytes: LARGEST, timeout: PATIENCE, plain_http };
        let answered = self
            .client
            .exchange(url, &exchange)
            .await
            .map_err(|error| Lacking::Unavailable(with_causes(&error)))?;
        if plain_http && answered.headers.get(&FLAVOR).is_none_or(|flavor| flavor != "Google") {
            let why = format!("`{url}` is no metadata server of Google's cloud");
            return Err(Lacking::Unavailable(why));
        }
        understood(url, &answered)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; a poisoned lock still guards a whole value.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn understood(url: &Url, answered: &Answered) -> Result<AccessToken, Lacking> {
    let status = answered.status;
    if (200..300).contains(&status) {
        return ServiceAccount::token(&answered.body)
            .map_err(|error| Lacking::Unavailable(format!("`{url}`: {error}")));
    }
    // RFC 6749 §5.2: one word. Whatever else is there is not repeated.
    let body: serde_json::Value = serde_json::from_slice(&answered.body).unwrap_or_default();
    let plain = |word: &&str| word.len() <= 64 && word.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
    let word = body["error"].as_str().filter(plain);
    let word = word.map(|word| format!(" (`{word}`)")).unwrap_or_default();
    let why = format!("`{url}` answered with status {status}{word}");
    match status {
        400..=407 => Err(Lacking::Refused(why)),
        _ => Err(Lacking::Unavailable(why)),
    }
}

impl Lacking {
    fn fault(self, after: Duration) -> Fault {
        let fault = match &self {
            Self::Refused(_) => Fault::new(codes::PROVIDER_CREDENTIAL_REFUSED),
            Self::Unavailable(_) => Fault::new(codes::PROVIDER_UNAVAILABLE).retry_after(after),
        };
        fault.context(self.to_string())
    }
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "the token endpoint refused our account: {why}"),
            Self::Unavailable(why) => write!(f, "the token endpoint gave no token: {why}"),
        }
    }
}

impl fmt::Debug for Tokens {
    /// Without the tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_model::{SystemClock, issuer};
    use portcullis_net::egress::{Egress, ProxyEnvironment, Trust};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A token endpoint whose answers follow `script`, by number from 0; and how often it was asked.
    async fn endpoint(
        script: impl Fn(usize) -> Option<String> + Send + Sync + 'static,
    ) -> (Url, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap()).parse().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let script = Arc::new(script);
        let tasks = TaskTracker::new();
        let counted = asked.clone();
        tasks.clone().spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = script(counted.fetch_add(1, Ordering::SeqCst));
                tasks.spawn(async move {
                    let mut piece = [0; 4096];
                    // To its end: what is closed with something unread resets the connection, and the answer may be lost.
                    let mut request = Vec::new();
                    while !is_whole(&request) {
                        let Ok(read @ 1..) = stream.read(&mut piece).await else { return };
                        request.extend_from_slice(&piece[..read]);
                    }
                    match answer {
                        Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
                        // Silent until the other side has had enough.
                        None => while stream.read(&mut piece).await.is_ok_and(|read| read > 0) {},
                    }
                });
            }
        });
        (url, asked)
    }

    fn is_whole(request: &[u8]) -> bool {
        let request = String::from_utf8_lossy(request).to_ascii_lowercase();
        let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        body.len() >= length.map_or(0, |length| length.trim().parse().unwrap())
    }

    fn says(status: &str, body: &str) -> Option<String> {
        let length = body.len();
        Some(format!(
            "HTTP/1.1 {status}\r\nmetadata-flavor: Google\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ))
    }

    fn token(number: usize) -> Option<String> {
        says("200 OK", &format!(r#"{{"access_token":"ya29.{number}","expires_in":3600}}"#))
    }

    fn tokens(url: Url) -> Arc<Tokens> {
        let egress = Egress::new(Arc::new(SystemClock), ProxyEnvironment::default());
        let client = egress.client(&issuer::Egress::default(), Trust::Operator).unwrap();
        Arc::new(Tokens::new(Account::Machine(url), client, TaskTracker::new()))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    #[tokio::test]
    async fn one_is_kept_and_renewed_while_it_is_still_good() {
        let (url, asked) = endpoint(token).await;
        let tokens = tokens(url);
        let many = (0..50).map(|_| tokens.header(at(0)));
        for header in futures_util::future::join_all(many).await {
            assert_eq!(header.unwrap(), "Bearer ya29.0");
        }
        assert_eq!(tokens.header(at(3_200)).await.unwrap(), "Bearer ya29.0");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "one fetch, however many wait");
        // Near its end it is still used, and the next one comes meanwhile: asked for once.
        assert_eq!(tokens.header(at(3_301)).await.unwrap(), "Bearer ya29.0");
        assert_eq!(tokens.header(at(3_302)).await.unwrap(), "Bearer ya29.0");
        tokens.tasks.close();
        tokens.tasks.wait().await;
        assert_eq!(tokens.header(at(3_303)).await.unwrap(), "Bearer ya29.1");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        // One that was taken back is not used again; a word about an older one changes nothing.
        tokens.refused(&HeaderValue::from_static("Bearer ya29.0"));
        assert_eq!(tokens.header(at(3_304)).await.unwrap(), "Bearer ya29.1");
        tokens.refused(&HeaderValue::from_static("Bearer ya29.1"));
        let header = tokens.header(at(3_305)).await.unwrap();
        assert_eq!(header, "Bearer ya29.2");
        assert!(!format!("{header:?} {tokens:?}").contains("ya29"));
    }

    #[tokio::test]
    async fn an_endpoint_that_is_down_is_not_asked_by_everybody() {
        let (url, asked) = endpoint(|number| match number {
            0 => says("503 Service Unavailable", "down"),
            1 => says("400 Bad Request", r#"{"error":"invalid_grant","error_description":"secret"}"#),
            2 => says("200 OK", r#"{"error":"none"}"#),
            3 => token(3),
            4 => says("500 Oops", ""),
            _ => token(5),
        })
        .await;
        let tokens = tokens(url);
        let lacking = async |second| {
            let fault = tokens.header(at(second)).await.unwrap_err();
            (fault.code().name(), fault.private_context().unwrap_or_default())
        };
        for header in futures_util::future::join_all((0..20).map(|_| tokens.header(at(0)))).await {
            let fault = header.unwrap_err();
            assert_eq!(fault.code().name(), "provider_unavailable");
            assert!(fault.private_context().unwrap().contains("answered with status 503"));
        }
        assert_eq!(lacking(1).await.0, "provider_unavailable");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let (code, why) = lacking(3).await;
        assert_eq!(code, "provider_credential_refused");
        assert!(why.contains("`invalid_grant`") && !why.contains("secret"), "{why}");
        assert_eq!(lacking(6).await.0, "provider_unavailable", "an answer without a token is none");
        assert_eq!(tokens.header(at(9)).await.unwrap(), "Bearer ya29.3");
        // Not to get the next one ahead of time is no failure of anybody's call.
        let near = 9 + 3_310;
        assert_eq!(tokens.header(at(near)).await.unwrap(), "Bearer ya29.3");
        while tokens.state().ahead {
            tokio::task::yield_now().await;
        }
        assert_eq!(tokens.header(at(near + 1)).await.unwrap(), "Bearer ya29.3");
        assert_eq!(asked.load(Ordering::SeqCst), 5, "not again at once");
        assert_eq!(tokens.header(at(9 + 3_541)).await.unwrap(), "Bearer ya29.5");
    }

    #[tokio::test]
    async fn what_answers_without_saying_that_it_is_the_cloud_is_not_believed() {
        let answer = |_| says("200 OK", "{}").map(|answer| answer.replace("metadata-flavor", "x"));
        let (url, _) = endpoint(answer).await;
        let fault = tokens(url).header(at(0)).await.unwrap_err();
        assert!(fault.private_context().unwrap().contains("is no metadata server"));
    }

    #[test]
    fn an_account_is_given_in_one_way() {
        let secrets = portcullis_identity::secrets::SecretReader::new(
            [("KEY".to_owned(), "{}".to_owned())],
            portcullis_identity::secrets::Custody::new(&Secret::new([1; 32]), &[]),
        );
        let of = |google: Google| Account::of(&google, &secrets).map(drop).unwrap_err();
        let credentials = Some("env:KEY".parse().unwrap());
        assert!(of(Google::default()).1.contains("in one way"));
        assert!(
            of(Google { credentials: credentials.clone(), metadata: true, ..Google::default() })
                .1
                .contains("one way")
        );
        assert_eq!(of(Google { credentials, ..Google::default() }).0, "credentials");
        assert!(Account::of(&Google { metadata: true, ..Google::default() }, &secrets).is_ok());
    }
}
