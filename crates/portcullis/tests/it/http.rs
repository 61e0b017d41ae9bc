//! Calls, as a client makes them.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The catalogue code of a refusal, in whatever dialect.
    pub fn code(&self) -> String {
        let body = self.json();
        body["code"].as_str().or(body["error"]["code"].as_str()).unwrap_or_default().to_owned()
    }
}

/// One call on a connection of its own.
pub async fn call(
    to: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> std::io::Result<Answer> {
    let stream = TcpStream::connect(to).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    let mut request = Request::builder().method(method).uri(path).header("host", to.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let exchange = async {
        let (parts, body) = sender.send_request(request).await.map_err(std::io::Error::other)?.into_parts();
        #[expect(clippy::disallowed_methods, reason = "a test's own server")]
        let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    };
    let drive = async {
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = exchange => answer,
        () = drive => unreachable!(),
    }
}

pub async fn get(to: SocketAddr, path: &str, bearer: Option<&str>) -> Answer {
    let authorization = bearer.map(|token| format!("Bearer {token}"));
    let headers: Vec<(&str, &str)> =
        authorization.iter().map(|value| ("authorization", value.as_str())).collect();
    call(to, Method::GET, path, &headers, "").await.unwrap()
}

/// A chat completion.
pub async fn chat(to: SocketAddr, bearer: &str, stream: bool) -> Answer {
    let body = serde_json::json!({ "model": "echo", "stream": stream, "messages": [{ "role": "user", "content": "hello" }] });
    let authorization = format!("Bearer {bearer}");
    call(
        to,
        Method::POST,
        "/v1/chat/completions",
        &[("authorization", &authorization), ("content-type", "application/json")],
        body.to_string(),
    )
    .await
    .unwrap()
}
