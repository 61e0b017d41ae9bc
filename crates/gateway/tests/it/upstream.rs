//! Upstreams: a script for each connection, over bytes, so that they can misbehave.

use crate::house::PATIENCE;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// An upstream that is listening.
pub struct Upstream {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _tasks: TaskTracker,
}

/// A call as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }
}

impl Upstream {
    /// Runs `script` for each connection, with the connection's number from 0.
    pub async fn open<F, S>(script: S) -> Self
    where
        S: Fn(Wire, usize) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = TaskTracker::new();
        let connections = Arc::new(AtomicUsize::new(0));
        tasks.spawn({
            let (tasks, connections) = (tasks.clone(), connections.clone());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let number = connections.fetch_add(1, Ordering::SeqCst);
                    tasks.spawn(script(Wire { stream, buffer: Vec::new() }, number));
                }
            }
        });
        Self { address, connections, _tasks: tasks }
    }

    /// One that tells what it saw, as JSON: `line`, `headers`, `body`, `trailers`.
    pub async fn mirror() -> Self {
        Self::open(|mut wire, number| async move {
            while let Some(seen) = wire.call().await {
                let body = serde_json::json!({
                    "line": seen.line, "headers": seen.headers, "body": String::from_utf8_lossy(&seen.body),
                    "trailers": seen.trailers, "connection": number,
                });
                let body = body.to_string();
                wire.send(&format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                ))
                .await;
            }
        })
        .await
    }

    /// One that answers every call with these bytes.
    pub async fn fixed(answer: &'static str) -> Self {
        Self::open(move |mut wire, _| async move {
            while wire.call().await.is_some() {
                wire.send(answer).await;
            }
        })
        .await
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A connection as an upstream has it.
pub struct Wire {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    /// The next call, with its body; `None` when the connection ended.
    pub async fn call(&mut self) -> Option<Seen> {
        let mut seen = self.head().await?;
        if seen.header("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            loop {
                let size = usize::from_str_radix(&self.line().await?, 16).unwrap();
                if size == 0 {
                    break;
                }
                let piece = self.exactly(size + 2).await?;
                seen.body.extend(&piece[..size]);
            }
            while let Some(line) = self.line().await.filter(|line| !line.is_empty()) {
                let (name, value) = line.split_once(':').unwrap();
                seen.trailers.push((name.to_lowercase(), value.trim().to_owned()));
            }
        } else if let Some(length) = seen.header("content-length") {
            let length = length.parse().unwrap();
            seen.body = self.exactly(length).await?;
        }
        Some(seen)
    }

    /// The next call's head.
    pub async fn head(&mut self) -> Option<Seen> {
        let line = self.line().await?;
        let mut headers = Vec::new();
        while let Some(line) = self.line().await.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap();
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        Some(Seen { line, headers, body: Vec::new(), trailers: Vec::new() })
    }

    /// Sends; a caller that is gone is no matter.
    pub async fn send(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes()).await;
    }

    /// The same, of any bytes.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Waits until the other end has closed; what came until then.
    pub async fn closed(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.buffer)
    }

    pub async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    pub async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.more().await {
                return None;
            }
        }
        Some(self.buffer.drain(..length).collect())
    }

    async fn more(&mut self) -> bool {
        let mut piece = [0; 8192];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut piece)).await;
        let read = read.map_or(0, |read| read.unwrap_or(0));
        self.buffer.extend(&piece[..read]);
        read > 0
    }
}
