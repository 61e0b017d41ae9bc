//! The command line as a client of the admin API, and of nothing else: over the unix socket beside a running `serve`,
//! otherwise against the same router in this process, which then holds the data directory's lock. Either way the
//! rules, the audit log and the answers are the same.

use crate::app::Offline;
use crate::cli::Globals;
use crate::failure::{Done, Failure};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use portcullis_control::Entrance;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tower::ServiceExt;

/// Largest answer that is read: a page of a thousand records with captured bodies.
const MAX_ANSWER: usize = 256 << 20;

/// How long an answer may take. Backups of large databases are the slowest.
const PATIENCE: Duration = Duration::from_secs(600);

/// A way to the admin API.
pub struct Client(Way);

enum Way {
    /// To a running `serve`.
    Socket(PathBuf),
    /// In this process.
    Process(Box<Offline>),
}

impl Client {
    /// Finds the running `serve`, or opens the data directory.
    pub async fn open(globals: &Globals) -> Done<Self> {
        let loaded = globals.load()?;
        let socket = loaded.config.socket();
        match UnixStream::connect(&socket).await {
            Ok(_) => return Ok(Self(Way::Socket(socket))),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
                ) => {}
            Err(error) => {
                let failure = Failure::new(format!("cannot connect to the control socket: {error}"))
                    .at(socket.display().to_string());
                return Err(failure.next("run this as the user that runs `portcullis serve`, or as root"));
            }
        }
        if !loaded.config.storage.data_dir.is_dir() {
            let failure =
                Failure::new("there is no data directory, and no `portcullis serve` is running beside it");
            return Err(failure.at(loaded.config.storage.data_dir.display().to_string()).next(
                "name it with `--data-dir` or `--config`, or start `portcullis serve`, which makes it",
            ));
        }
        Ok(Self(Way::Process(Box::new(Offline::open(globals, loaded).await?))))
    }

    /// Whether no `serve` works on this database, for sure: this process has it to itself.
    pub fn is_alone(&self) -> bool {
        matches!(&self.0, Way::Process(offline) if offline.is_whole())
    }

    /// Reads. `query` members without a value are left out.
    pub async fn read(&self, path: &str, query: &[(&str, Option<String>)]) -> Done<Value> {
        self.ask(Method::GET, &with_query(path, query), None).await
    }

    /// Removes.
    pub async fn delete(&self, path: &str, query: &[(&str, Option<String>)]) -> Done<Value> {
        self.ask(Method::DELETE, &with_query(path, query), None).await
    }

    /// Does something.
    pub async fn post(&self, path: &str, body: Value) -> Done<Value> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Puts or changes something.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Done<Value> {
        self.ask(method, path, body).await
    }

    /// Writes what is still to be written, when this process holds the data directory.
    pub async fn close(self) {
        if let Way::Process(offline) = self.0 {
            offline.close().await;
        }
    }

    async fn ask(&self, method: Method, uri: &str, body: Option<Value>) -> Done<Value> {
        let mut request = Request::builder().method(method).uri(uri).header(http::header::HOST, "portcullis");
        if body.is_some() {
            request = request.header(http::header::CONTENT_TYPE, "application/json");
        }
        let bytes = body.map(|body| body.to_string()).unwrap_or_default();
        let answer = tokio::time::timeout(PATIENCE, async {
            match &self.0 {
                Way::Socket(path) => {
                    let request = request.body(Full::new(bytes::Bytes::from(bytes))).map_err(unsendable)?;
                    over_socket(path, request).await
                }
                Way::Process(offline) => {
                    let mut request =
                        request.body(Full::new(bytes::Bytes::from(bytes))).map_err(unsendable)?;
                    request
                        .extensions_mut()
                        .insert(Entrance::Process { uid: rustix::process::getuid().as_raw() });
                    let response = match offline.control().router().oneshot(request).await {
                        Ok(response) => response,
                        Err(never) => match never {},
                    };
                    let (parts, body) = response.into_parts();
                    Ok((parts.status, read(body).await?))
                }
            }
        });
        let (status, bytes) =
            answer.await.map_err(|_| Failure::new("the control plane did not answer in time"))??;
        understand(status, &bytes)
    }
}

fn with_query(path: &str, query: &[(&str, Option<String>)]) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in query {
        if let Some(value) = value {
            pairs.append_pair(name, value);
        }
    }
    let pairs = pairs.finish();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{pairs}") }
}

fn unsendable(error: http::Error) -> Failure {
    Failure::usage(format!("this cannot be sent: {error}"))
}

async fn over_socket(path: &Path, request: Request<Full<bytes::Bytes>>) -> Done<(StatusCode, bytes::Bytes)> {
    let broken = |what: String| {
        Failure::new(what).at(path.display().to_string()).next("see the log of `portcullis serve`")
    };
    let stream = UnixStream::connect(path)
        .await
        .map_err(|error| broken(format!("cannot connect to the control socket: {error}")))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(format!("the control socket does not speak HTTP: {error}")))?;
    // The connection's own future ends with the answer; both are polled here, so nothing is left behind.
    let exchange = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| broken(format!("the control socket broke off: {error}")))?;
        let (parts, body) = response.into_parts();
        let bytes = read(body).await?;
        Ok((parts.status, bytes))
    };
    tokio::pin!(exchange);
    tokio::pin!(connection);
    let mut ended = false;
    loop {
        tokio::select! {
            done = &mut exchange => return done,
            _ = &mut connection, if !ended => ended = true,
        }
    }
}

async fn read<B>(body: B) -> Done<bytes::Bytes>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    #[expect(clippy::disallowed_methods, reason = "bounded by `Limited`")]
    let collected = Limited::new(body, MAX_ANSWER)
        .collect()
        .await
        .map_err(|error| Failure::new(format!("the control plane's answer did not arrive: {error}")))?;
    Ok(collected.to_bytes())
}

/// The value of a good answer, or the problem document as a failure.
fn understand(status: StatusCode, bytes: &[u8]) -> Done<Value> {
    let value: Value = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(bytes).map_err(|_| {
            Failure::new(format!("the control plane answered {status} with something that is not JSON"))
        })?
    };
    if status.is_success() {
        return Ok(value);
    }
    let text = |member: &str| value[member].as_str().unwrap_or_default().to_owned();
    let what = [text("detail"), text("title")]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| format!("the control plane answered {status}"));
    let mut failure = Failure::new(what).code(&text("code")).request(&text("request_id"));
    if !text("code").is_empty() {
        failure = failure.next(format!("portcullis errors {}", text("code")));
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Output;

    #[test]
    fn a_problem_becomes_a_failure() {
        let body = br#"{"type":"http://x/errors/owned_by_file","title":"t","status":409,"detail":"change `acme` in portcullis.toml","code":"owned_by_file","request_id":"r-1"}"#;
        let text = understand(StatusCode::CONFLICT, body).unwrap_err().render(Output::Text);
        assert_eq!(
            text,
            "error: change `acme` in portcullis.toml\n  code: owned_by_file\n  request: r-1\n  next: portcullis errors owned_by_file\n"
        );
        assert!(understand(StatusCode::BAD_GATEWAY, b"<html>").is_err());
        assert_eq!(understand(StatusCode::NO_CONTENT, b"").unwrap(), Value::Null);
    }
}
