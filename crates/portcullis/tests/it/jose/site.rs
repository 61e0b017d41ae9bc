//! A site on the loopback that serves fixed documents.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

type Pages = Arc<Mutex<HashMap<String, String>>>;

/// Serves until it is dropped.
pub struct Site {
    pub address: SocketAddr,
    pages: Pages,
    calls: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Site {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (pages, calls, over) =
            (Pages::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let server = std::thread::spawn({
            let (pages, calls, over) = (pages.clone(), calls.clone(), over.clone());
            move || {
                for stream in listener.incoming() {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    calls.fetch_add(1, Ordering::SeqCst);
                    // A client that hangs up is none of the server's problems.
                    let _ = stream.and_then(|stream| answer(stream, &pages));
                }
            }
        });
        Self { address, pages, calls, over, server: Some(server) }
    }

    /// How often it was called.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A JSON document at this path. One that begins with `->` redirects there.
    pub fn put(&self, path: &str, body: impl Into<String>) {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), body.into());
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let _ = self.server.take().map(JoinHandle::join);
    }
}

fn answer(stream: TcpStream, pages: &Pages) -> std::io::Result<()> {
    let mut lines = BufReader::new(&stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let page = pages.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
    let (status, extra, body) = match page {
        None => ("404 Not Found", String::new(), "{}".to_owned()),
        Some(body) => match body.strip_prefix("->") {
            Some(to) => ("302 Found", format!("location: {to}\r\n"), String::new()),
            None => ("200 OK", String::new(), body),
        },
    };
    write!(
        &stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncache-control: max-age=300\r\n{extra}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
