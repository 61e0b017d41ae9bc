//! What is exported while the process runs: traces to a collector, metrics to whoever asks.

use crate::http::{call, chat, get};
use crate::server::{CONFIG, PATIENCE, Place, Server};
use http::Method;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};

/// A collector: takes what is posted and hands on its first line and its body.
fn collector() -> (SocketAddr, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() <= 2 {
                    break;
                }
                lines.push(line.to_ascii_lowercase());
            }
            let length = lines
                .iter()
                .find_map(|line| line.strip_prefix("content-length:"))
                .map_or(0, |text| text.trim().parse().unwrap());
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            reader
                .get_mut()
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
            if sender.send((lines.into_iter().next().unwrap_or_default(), body)).is_err() {
                return;
            }
        }
    });
    (address, receiver)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sampled_call_is_traced() {
    let (address, posts) = collector();
    let server = Server::start(&format!(
        "{CONFIG}\n[telemetry]\notlp_endpoint = \"http://{address}\"\ntrace_ratio = 0.0\n"
    ));
    let user = server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let token = server.cli(&["token", "--tenant", "acme", "--user", user["id"].as_str().unwrap()])["token"]
        .as_str()
        .unwrap()
        .to_owned();
    // The caller decided that this one is traced.
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let authorization = format!("Bearer {token}");
    let answer = call(
        server.gateway,
        Method::GET,
        "/v1/models",
        &[("authorization", &authorization), ("traceparent", &parent)],
        "",
    )
    .await
    .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    // The last spans are sent when the process ends.
    server.stop();
    let (line, body) = posts.recv_timeout(PATIENCE).unwrap();
    assert!(line.starts_with("post /v1/traces "), "{line}");
    let bytes: Vec<u8> =
        (0..trace.len()).step_by(2).map(|at| u8::from_str_radix(&trace[at..at + 2], 16).unwrap()).collect();
    assert!(contains(&body, &bytes), "the caller's trace goes on");
    assert!(contains(&body, b"portcullis") && !contains(&body, token.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted() {
    let server = Server::start(CONFIG);
    assert_eq!(chat(server.gateway, "nonsense", false).await.status, 401);
    let text = get(server.control, "/metrics", None).await.text();
    for name in [
        "portcullis_requests_total",
        "portcullis_refusals_total",
        "portcullis_request_duration_seconds_bucket",
        "portcullis_configuration_version 1\n",
    ] {
        assert!(text.contains(name), "`{name}` is not there:\n{text}");
    }
}

/// A head that cannot be read is no call: there is nobody to record, and no service to say it to. It is counted.
#[tokio::test(flavor = "multi_thread")]
async fn heads_that_cannot_be_read_are_counted() {
    let server = Server::start(CONFIG);
    let send = |head: &str| {
        let mut stream = TcpStream::connect(server.gateway).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    };
    let large = "x".repeat(66 << 10);
    for (head, status, reason) in [
        ("GET / HTTP/1.1\r\nbad header: x\r\n\r\n", "400", "head_malformed"),
        ("GET / HTTP/7.1\r\n\r\n", "400", "head_malformed"),
        (&format!("GET / HTTP/1.1\r\nhost: a\r\nx: {large}\r\n\r\n"), "431", "head_too_large"),
    ] {
        let metric = format!("portcullis_requests_unread_total{{listener=\"gateway\",reason=\"{reason}\"}}");
        let counted = async || {
            let text = get(server.control, "/metrics", None).await.text();
            let line = text.lines().find_map(|line| line.strip_prefix(&metric)).map(str::to_owned);
            line.map_or(0, |count| count.trim().parse::<u64>().unwrap())
        };
        let before = counted().await;
        let line = send(head);
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{line}");
        // Counted when the connection has ended, a moment after its answer was read.
        let began = std::time::Instant::now();
        while counted().await == before {
            assert!(began.elapsed() < PATIENCE, "not counted: {metric}");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(counted().await, before + 1, "{metric}");
    }
    assert_eq!(server.cli(&["record", "list"])["items"], serde_json::json!([]));
}

/// Whoever read the log is gone: what cannot be logged costs no call, and no process.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_ends_nothing() {
    let place = Place::new(CONFIG);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = place.command(&["serve"]).stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    let server = place.ready(child);
    for _ in 0..3 {
        assert_eq!(chat(server.gateway, "e30.e30.e30", false).await.status, 401);
    }
    let figures = get(server.control, "/metrics", Some(&server.credential())).await.text();
    assert!(figures.contains("portcullis_panics_total 0"), "{figures}");
    server.stop();
}
