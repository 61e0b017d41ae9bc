//! A service that answers what it saw, certificates, and clients that send exactly what they are told.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use portcullis_fault::Fault;
use portcullis_net::accept::{Bounded, Connection, Drained, ListenOptions, Listener, Service};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Nothing here takes that long, on a busy machine as well; a test that does hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Answers by path and notes what came.
pub(crate) struct Echo {
    seen: Mutex<Vec<String>>,
    arrivals: mpsc::UnboundedSender<String>,
    /// `/wait` answers, and `/panic-within` panics, when there is a permit.
    pub(crate) release: Arc<Semaphore>,
    upgraded: Mutex<JoinSet<()>>,
}

impl Echo {
    fn note(&self, what: String) {
        self.seen.lock().unwrap().push(what.clone());
        let _ = self.arrivals.send(what);
    }
}

fn text(status: u16, text: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(text.into()).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

impl Service for Echo {
    type Body = Body;

    async fn call(&self, mut request: Request<Incoming>, connection: Arc<Connection>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        self.note(path.clone());
        match path.as_str() {
            "/echo" => match Bounded::new(request.into_body(), 1000, Duration::from_millis(300)).read().await
            {
                Ok(body) => text(200, body),
                Err(error) => {
                    let fault = Fault::from(error);
                    text(fault.code().status(), fault.code().name())
                }
            },
            "/wait" => {
                self.release.acquire().await.unwrap().forget();
                text(200, "released")
            }
            "/peer" => {
                let tls = connection.tls.as_ref();
                text(
                    200,
                    format!(
                        "source={} sni={:?} alpn={:?} version={:?} digest={:?} uid={:?} http={:?}",
                        connection.source().ip(),
                        tls.and_then(|tls| tls.sni.as_deref()),
                        tls.and_then(|tls| tls.alpn),
                        tls.map(|tls| tls.version),
                        tls.and_then(|tls| tls.peer_certificate_digest),
                        connection.unix.map(|unix| unix.uid),
                        request.version(),
                    ),
                )
            }
            "/endless" => {
                let piece = Bytes::from(vec![b'x'; 64 * 1024]);
                let pieces =
                    futures_util::stream::repeat_with(move || Ok(http_body::Frame::data(piece.clone())));
                Response::new(http_body_util::StreamBody::new(pieces).boxed_unsync())
            }
            "/panic" => panic!("what it says is nobody's business"),
            "/panic-late" => {
                tokio::task::yield_now().await;
                panic!("what it says is nobody's business")
            }
            "/panic-within" => {
                let release = self.release.clone();
                let pieces = futures_util::stream::unfold(0, move |number| {
                    let release = release.clone();
                    async move {
                        if number == 1 {
                            release.acquire().await.unwrap().forget();
                            panic!("what it says is nobody's business");
                        }
                        let piece = Bytes::from_static(b"the beginning");
                        Some((Ok(http_body::Frame::data(piece)), number + 1))
                    }
                });
                Response::new(http_body_util::StreamBody::new(Box::pin(pieces)).boxed_unsync())
            }
            "/early" => {
                // Answers without reading the body.
                text(413, "too much")
            }
            "/to-http" => {
                let mut response = text(302, "");
                response.headers_mut().insert("location", "http://example.com/".parse().unwrap());
                response
            }
            "/upgrade" => {
                let upgrade = hyper::upgrade::on(&mut request);
                let draining = connection.draining().clone();
                self.upgraded.lock().unwrap().spawn(async move {
                    let mut io = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
                    let mut bytes = [0; 4];
                    io.read_exact(&mut bytes).await.unwrap();
                    io.write_all(&bytes).await.unwrap();
                    draining.cancelled().await;
                    io.write_all(b"bye").await.unwrap();
                });
                let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                response.headers_mut().insert("connection", "upgrade".parse().unwrap());
                response.headers_mut().insert("upgrade", "test".parse().unwrap());
                response
            }
            _ => text(200, format!("hello from {path}")),
        }
    }

    async fn refuse(&self, fault: Fault, request: Request<Incoming>, _: Arc<Connection>) -> Response<Body> {
        self.note(format!("refused {} {}", request.uri().path(), fault.code()));
        assert_ne!(request.uri().path(), "/panic", "what it says is nobody's business");
        text(fault.code().status(), fault.code().name())
    }
}

/// A running listener.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) echo: Arc<Echo>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: JoinSet<Drained>,
    arrivals: mpsc::UnboundedReceiver<String>,
}

pub(crate) fn options() -> ListenOptions {
    ListenOptions::new("test", SocketAddr::from(([127, 0, 0, 1], 0)))
}

pub(crate) fn echo() -> (Arc<Echo>, mpsc::UnboundedReceiver<String>) {
    let (sender, arrivals) = mpsc::unbounded_channel();
    (
        Arc::new(Echo {
            seen: Mutex::default(),
            arrivals: sender,
            release: Arc::new(Semaphore::new(0)),
            upgraded: Mutex::default(),
        }),
        arrivals,
    )
}

pub(crate) async fn serve(options: ListenOptions) -> Served {
    serve_draining(options, PATIENCE).await
}

pub(crate) async fn serve_draining(options: ListenOptions, drain: Duration) -> Served {
    let listener = Listener::bind(options).await.unwrap();
    let (echo, arrivals) = echo();
    let (address, shutdown) = (listener.local_address(), CancellationToken::new());
    let mut tasks = JoinSet::new();
    tasks.spawn(listener.serve(echo.clone(), shutdown.clone(), drain));
    Served { address, echo, shutdown, tasks, arrivals }
}

impl Served {
    /// What the service saw, refusals included.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.echo.seen.lock().unwrap().clone()
    }

    /// Lets what was seen so far be forgotten.
    pub(crate) fn forget(&self) {
        self.echo.seen.lock().unwrap().clear();
    }

    /// Waits for the next request to arrive.
    pub(crate) async fn arrival(&mut self) -> String {
        within(self.arrivals.recv()).await.unwrap()
    }

    /// Waits for the listener to end.
    pub(crate) async fn drained(&mut self) -> Drained {
        within(self.tasks.join_next()).await.unwrap().unwrap()
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends and reads until the server closes.
    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // The server may close before it has read everything.
        let _ = stream.write_all(bytes.as_ref()).await;
        rest(&mut stream).await
    }
}

/// Fails the test instead of hanging.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it hangs")
}

/// Reads until the other side closes; a reset is an end, too.
pub(crate) async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match within(stream.read(&mut piece)).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&bytes).into_owned(),
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
        }
    }
}

/// Reads until `end` was seen.
pub(crate) async fn until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains(end) {
        let came = within(stream.read_u8()).await;
        bytes
            .push(came.unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&bytes))));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A certificate authority of the test's own.
pub(crate) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pem: String,
    directory: tempfile::TempDir,
}

/// A certificate and its files.
pub(crate) struct Issued {
    pub(crate) certificate_file: PathBuf,
    pub(crate) key_file: PathBuf,
    pub(crate) der: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "test CA");
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: rcgen::Issuer::new(params, key), pem, directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn file(&self) -> PathBuf {
        let file = self.directory.path().join("ca.pem");
        std::fs::write(&file, &self.pem).unwrap();
        file
    }

    /// Written to `<name>.pem` and `<name>.key`.
    pub(crate) fn issue(&self, name: &str, hosts: &[&str]) -> Issued {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let params = rcgen::CertificateParams::new(hosts).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let certificate_file = self.directory.path().join(format!("{name}.pem"));
        let key_file = self.directory.path().join(format!("{name}.key"));
        std::fs::write(&certificate_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        Issued { certificate_file, key_file, der: certificate.der().to_vec() }
    }
}
