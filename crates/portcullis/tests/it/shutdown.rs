//! SIGTERM: what is under way ends, nothing new begins, and the process goes in order.

use crate::http::get;
use crate::server::{CONFIG, Server, eventually};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;

#[test]
fn a_stream_under_way_is_not_cut() {
    let server = Server::start(CONFIG);
    let user = server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let token = server.cli(&["token", "--tenant", "acme", "--user", user["id"].as_str().unwrap()])["token"]
        .as_str()
        .unwrap()
        .to_owned();
    // The head and half of the body: the call is under way until the rest comes.
    let body = serde_json::json!({ "model": "echo", "stream": true, "messages": [{ "role": "user", "content": "one two three" }] }).to_string();
    let mut stream = TcpStream::connect(server.gateway).unwrap();
    let (first, rest) = body.split_at(body.len() / 2);
    write!(stream, "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{first}", body.len()).unwrap();
    // Its request was read when the gateway counts it.
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    eventually(
        || client.block_on(get(server.control, "/metrics", None)).text(),
        |text| {
            text.lines()
                .any(|line| line.starts_with("portcullis_requests_under_way{") && line.ends_with(" 1"))
        },
    );
    server.signal(Signal::TERM);
    eventually(|| TcpStream::connect(server.gateway).is_err(), |refused| *refused);
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("[DONE]"), "{answer}");
    let (status, place) = server.wait();
    assert!(status.success(), "{status}: {}", place.log());
    assert!(!place.data().join("serving.json").exists());
    // Its record is in the database, not left behind.
    assert_eq!(place.cli(&["record", "list"])["items"][0]["outcome"], "completed");
}

#[test]
fn a_second_signal_does_not_wait() {
    let server = Server::start(CONFIG);
    let mut stream = TcpStream::connect(server.gateway).unwrap();
    write!(stream, "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n").unwrap();
    server.signal(Signal::TERM);
    eventually(|| TcpStream::connect(server.gateway).is_err(), |refused| *refused);
    server.signal(Signal::TERM);
    let (_, place) = server.wait();
    assert!(!place.log().contains("panicked"));
}
