//! Webhooks of a running server: a receiver hears of a suspension, signed, and across restarts.

use crate::server::{CONFIG, Place, eventually};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

/// Takes requests, answers with a status that can be changed.
pub struct Receiver {
    pub address: SocketAddr,
    status: Arc<AtomicU16>,
    got: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (status, got) = (Arc::new(AtomicU16::new(200)), Arc::new(Mutex::new(Vec::new())));
        let (answer, keep) = (status.clone(), got.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Who gives up, as on a busy machine, tries again.
                let mut reader = BufReader::new(stream);
                let (mut length, mut line, mut signed) = (0, String::new(), false);
                while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                    let (name, value) = line.split_once(':').unwrap_or_default();
                    match name.to_ascii_lowercase().as_str() {
                        "content-length" => length = value.trim().parse().unwrap(),
                        "webhook-signature" => signed = value.trim().starts_with("v1,"),
                        _ => {}
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                if length == 0 || reader.read_exact(&mut body).is_err() {
                    continue;
                }
                assert!(signed);
                let status = answer.load(Ordering::SeqCst);
                if status == 200 {
                    keep.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                }
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = reader.into_inner().write_all(answer.as_bytes());
            }
        });
        Self { address, status, got }
    }

    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub fn kinds(&self) -> Vec<String> {
        self.got.lock().unwrap().iter().map(|body| body["type"].as_str().unwrap().to_owned()).collect()
    }
}

pub fn configuration(receiver: &Receiver) -> String {
    format!(
        "{CONFIG}\n[[webhooks]]\nname = \"crm\"\nurl = \"http://{}/hook\"\ntenant = \"acme\"\nevents = [\"user.*\"]\nsecret = \"file:secret\"\n",
        receiver.address
    )
}

pub fn place(config: &str) -> Place {
    let place = Place::new(config);
    std::fs::write(place.path().join("secret"), "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\n").unwrap();
    place
}

#[test]
fn a_receiver_hears_of_every_change_across_outages_and_restarts() {
    let receiver = Receiver::start();
    let config = configuration(&receiver);
    let server = place(&config).serve();
    // Begun before anything happens: what was before a webhook is not told.
    eventually(|| server.cli(&["webhook", "list"]), |list| list["items"][0]["state"] == "active");
    assert_eq!(server.cli(&["webhook", "test", "crm"])["delivered"], true);
    let user = server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let id = user["id"].as_str().unwrap();
    assert_eq!(eventually(|| receiver.kinds(), |kinds| kinds.len() >= 2), ["test", "user.created"]);
    receiver.answer(503);
    server.cli(&["user", "suspend", id]);
    let failing =
        eventually(|| server.cli(&["webhook", "show", "crm"]), |shown| shown["status"]["failures"] != 0);
    assert_eq!(failing["status"]["last_error"], "it answered with status 503", "{failing:#}");
    // Killed while it waits: what was not told is told by the next process.
    let place = server.kill();
    receiver.answer(200);
    let server = place.serve();
    server.cli(&["webhook", "retry", "crm"]);
    assert_eq!(eventually(|| receiver.kinds(), |kinds| kinds.len() >= 3).last().unwrap(), "user.suspended");
    server.cli(&["webhook", "pause", "crm"]);
    server.cli(&["user", "restore", id]);
    let place = server.stop();
    // Beside no server: seen and changed all the same.
    assert_eq!(place.cli(&["webhook", "list"])["items"][0]["waiting"], 1);
    place.cli(&["webhook", "resume", "crm"]);
    assert_eq!(receiver.kinds().len(), 3);
    let server = place.serve();
    assert_eq!(eventually(|| receiver.kinds(), |kinds| kinds.len() >= 4).last().unwrap(), "user.restored");
    receiver.answer(410);
    server.cli(&["user", "suspend", id]);
    let gone = eventually(
        || server.cli(&["webhook", "show", "crm"]),
        |shown| shown["status"]["state"] == "disabled",
    );
    assert_eq!(gone["status"]["state"], "disabled", "{gone:#}");
    let said = server.place.fails(1, &["webhook", "test", "crm"]);
    assert!(said.contains("410"), "{said}");
    server.stop();
}

#[test]
fn a_webhook_without_a_good_secret_is_refused_before_anything_starts() {
    let receiver = Receiver::start();
    let place = Place::new(&configuration(&receiver));
    std::fs::write(place.path().join("secret"), "hunter2\n").unwrap();
    let said = place.fails(1, &["check"]);
    assert!(
        said.contains("webhooks.crm.secret") && said.contains("whsec_") && !said.contains("hunter2"),
        "{said}"
    );
}
