//! A client that sends exactly the bytes it is told.

use crate::house::PATIENCE;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection.
pub struct Client {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    /// False: the connection ended within the body.
    pub whole: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    /// Sends bytes and reads one answer.
    pub async fn call(&mut self, bytes: impl AsRef<[u8]>) -> Answer {
        self.send(bytes).await;
        self.answer().await
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next answer, whole, or as much of it as came.
    pub async fn answer(&mut self) -> Answer {
        let (status, headers) = self.head().await;
        let mut answer = Answer { status, headers, body: Vec::new(), trailers: Vec::new(), whole: true };
        if status == 204 || status == 304 || status < 200 {
            return answer;
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(size) = self.line().await {
                let size =
                    usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("a chunk's size: {size:?}"));
                if size == 0 {
                    while let Some(line) = self.line().await.filter(|line| !line.is_empty()) {
                        let (name, value) = line.split_once(':').unwrap();
                        answer.trailers.push((name.to_lowercase(), value.trim().to_owned()));
                    }
                    return answer;
                }
                let Some(piece) = self.exactly(size + 2).await else { break };
                answer.body.extend(&piece[..size]);
            }
            answer.whole = false;
        } else if let Some(length) = answer.header("content-length") {
            let length = length.parse().unwrap();
            match self.exactly(length).await {
                Some(body) => answer.body = body,
                None => {
                    answer.body = std::mem::take(&mut self.buffer);
                    answer.whole = false;
                }
            }
        } else {
            while self.more().await {}
            answer.body = std::mem::take(&mut self.buffer);
        }
        answer
    }

    /// A head: status and headers, names in lower case.
    pub async fn head(&mut self) -> (u16, Vec<(String, String)>) {
        let status = self.line().await.expect("an answer should come");
        let status = status.split(' ').nth(1).unwrap_or_else(|| panic!("{status:?}")).parse().unwrap();
        let mut headers = Vec::new();
        while let Some(line) = self.line().await.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap();
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        (status, headers)
    }

    /// Reads until `text` has come; everything up to its end.
    pub async fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.buffer.windows(text.len()).position(|window| window == text.as_bytes()) {
                let taken: Vec<u8> = self.buffer.drain(..at + text.len()).collect();
                return String::from_utf8_lossy(&taken).into_owned();
            }
            assert!(
                self.more().await,
                "`{text}` did not come, but: {}",
                String::from_utf8_lossy(&self.buffer)
            );
        }
    }

    /// Reads to the end of the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.buffer)
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Some(String::from_utf8(line[..end].to_vec()).unwrap());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.more().await {
                return None;
            }
        }
        Some(self.buffer.drain(..length).collect())
    }

    /// Whether more came.
    async fn more(&mut self) -> bool {
        let mut piece = [0; 8192];
        let read =
            tokio::time::timeout(PATIENCE, self.stream.read(&mut piece)).await.expect("bytes, or an end");
        let read = read.unwrap_or(0);
        self.buffer.extend(&piece[..read]);
        read > 0
    }
}
