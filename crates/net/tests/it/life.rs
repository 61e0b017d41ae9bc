//! How listeners and connections begin and end.

use crate::support::{echo, options, rest, serve, serve_draining, until, within};
use portcullis_net::accept::{Limits, Listener, UnixListener};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_drain_lets_calls_finish() {
    let mut served = serve(options()).await;
    let (mut busy, mut idle, mut silent) =
        (served.connect().await, served.connect().await, served.connect().await);
    idle.write_all(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until(&mut idle, "from /a").await;
    served.arrival().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    served.arrival().await;
    served.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut silent).await, "");
    assert!(tokio::net::TcpStream::connect(served.address).await.is_err(), "no more connections");
    served.echo.release.add_permits(1);
    let answer = rest(&mut busy).await;
    assert!(answer.contains("connection: close") && answer.ends_with("released"), "{answer}");
    assert_eq!(served.drained().await.cut, 0);
}

#[tokio::test]
async fn a_drain_ends_at_its_deadline() {
    let mut served = serve_draining(options(), Duration::from_millis(300)).await;
    let mut busy = served.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    served.arrival().await;
    served.shutdown.cancel();
    assert_eq!(served.drained().await.cut, 1);
    assert_eq!(rest(&mut busy).await, "");
}

#[tokio::test]
async fn a_client_that_leaves_drops_its_call() {
    let mut served = serve(options()).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    served.arrival().await;
    drop(stream);
    served.shutdown.cancel();
    assert_eq!(served.drained().await.cut, 0, "nobody waits for it");
}

#[tokio::test]
async fn upgraded_connections_count_and_are_told() {
    let mut served = serve(options()).await;
    let mut stream = served.connect().await;
    stream
        .write_all(b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\nping")
        .await
        .unwrap();
    let answer = until(&mut stream, "ping").await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    served.shutdown.cancel();
    assert_eq!(rest(&mut stream).await, "bye");
    assert_eq!(served.drained().await.cut, 0);
}

#[tokio::test]
async fn binding_says_what_is_wrong() {
    let served = serve(options()).await;
    let mut taken = options();
    taken.address = served.address;
    let error = Listener::bind(taken).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "cannot listen on `{}`: another process listens there; stop it or choose another port",
            served.address
        )
    );
    let mut nobody = options();
    nobody.proxy_protocol = true;
    assert!(Listener::bind(nobody).await.unwrap_err().reason.contains("trusted_proxies"));
}

#[tokio::test]
async fn unix_sockets() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let (echo, _arrivals) = echo();
    let shutdown = CancellationToken::new();
    // A socket that a killed process left behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = UnixListener::bind("control", &path, Limits::default()).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut tasks = JoinSet::new();
    tasks.spawn(listener.serve(echo, shutdown.clone(), Duration::from_secs(5)));

    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let answer = rest(&mut stream).await;
    let uid = rustix::process::geteuid().as_raw();
    assert!(answer.contains(&format!("uid=Some({uid})")) && answer.contains("source=127.0.0.1"), "{answer}");

    let error = UnixListener::bind("control", &path, Limits::default()).await.unwrap_err();
    assert!(error.reason.contains("another process listens there"), "{error}");
    shutdown.cancel();
    within(tasks.join_next()).await.unwrap().unwrap();
    assert!(!path.exists(), "the file goes with the listener");

    std::fs::write(&path, "precious").unwrap();
    let error = UnixListener::bind("control", &path, Limits::default()).await.unwrap_err();
    assert!(error.reason.contains("no socket is in the way"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    let long = directory.path().join("x".repeat(120));
    assert!(
        UnixListener::bind("control", &long, Limits::default())
            .await
            .unwrap_err()
            .reason
            .contains("107 bytes")
    );
}
