//! Events of a running server on a real NATS server. What happens when that one is killed: `crates/control/tests`.

use crate::port::free_port;
use crate::server::{CONFIG, Server, eventually};
use async_nats::jetstream;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

struct Nats(Child);

impl Nats {
    /// One that keeps its streams in `place`, when the program is there.
    fn start(place: &Path, port: u16) -> Option<Self> {
        // Debian's is where only root looks.
        let child = ["nats-server", "/usr/sbin/nats-server"].into_iter().find_map(|program| {
            let mut command = Command::new(program);
            command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]).arg(place);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
        });
        let Some(child) = child else {
            eprintln!("skipped: there is no `nats-server` here (Debian: apt-get install nats-server)");
            return None;
        };
        let server = Self(child);
        let up = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        assert!(eventually(up, |up| *up), "nats-server does not start");
        Some(server)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_published_where_a_bus_is_configured() {
    let place = tempfile::tempdir().unwrap();
    let port = free_port();
    let Some(_nats) = Nats::start(place.path(), port) else { return };
    let url = format!("nats://127.0.0.1:{port}");
    let config = jetstream::stream::Config {
        name: "events".to_owned(),
        subjects: vec!["portcullis.>".to_owned()],
        ..jetstream::stream::Config::default()
    };
    let stream =
        jetstream::new(async_nats::connect(&url).await.unwrap()).create_stream(config).await.unwrap();
    let server = Server::start(&format!("{CONFIG}\n[events.nats]\nurl = \"{url}\"\nevents = [\"user.*\"]\n"));
    eventually(|| server.cli(&["webhook", "list"]), |list| list["items"][0]["state"] == "active");
    let user = server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    server.cli(&["user", "suspend", user["id"].as_str().unwrap()]);
    let told = || server.cli(&["webhook", "show", "nats"])["status"].clone();
    let status = eventually(told, |status| status["waiting"] == 0);
    assert_eq!((&status["waiting"], &status["kind"]), (&0.into(), &"nats".into()), "{}", server.place.log());
    let mut subjects = Vec::new();
    for sequence in 1..=stream.get_info().await.unwrap().state.last_sequence {
        subjects.push(stream.get_raw_message(sequence).await.unwrap().subject.to_string());
    }
    assert_eq!(subjects, ["portcullis.acme.user.created", "portcullis.acme.user.suspended"]);
    server.stop();
}
