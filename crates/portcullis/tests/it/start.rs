//! The first start, later ones, and how much of the machine they take.

use crate::http::get;
use crate::server::{CONFIG, Place, Server};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_it_serves() {
    let place = Place::new("");
    std::fs::remove_file(place.config()).unwrap();
    let mut command = crate::server::portcullis();
    command
        .arg("serve")
        .arg("--data-dir")
        .arg(place.data())
        .env("PORTCULLIS__GATEWAY__LISTEN", "127.0.0.1:0")
        .env("PORTCULLIS__CONTROL__LISTEN", "127.0.0.1:0");
    let log = |name: &str| std::fs::File::create(place.path().join(name)).unwrap();
    let child = command.stdout(log("stdout")).stderr(log("stderr")).spawn().unwrap();
    let server = place.ready(child);
    assert_eq!(get(server.gateway, "/-/health", None).await.status, 200);
    assert_eq!(get(server.control, "/health/live", None).await.status, 200);
    let ready = get(server.control, "/health/ready", None).await;
    assert_eq!(ready.json()["status"], "ready", "{}", ready.text());
    assert_eq!(get(server.control, "/admin/v1/tenants", Some(&server.credential())).await.status, 200);
    // Not on a terminal: the credential is in the file and nowhere else.
    assert!(!server.place.log().contains(&server.credential()));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_outlive_a_restart() {
    let server = Server::start(CONFIG);
    let user = server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let token = server.cli(&["token", "--tenant", "acme", "--user", user["id"].as_str().unwrap()])["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let credential = server.credential();
    let server = server.stop().serve();
    assert_eq!(server.credential(), credential);
    assert_eq!(crate::http::chat(server.gateway, &token, false).await.status, 200);
    assert_eq!(get(server.control, "/admin/v1/users", Some(&credential)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_what_anybody_may_ask() {
    let server = Server::start(CONFIG);
    let found = get(server.control, "/errors/index.json?q=jwt+expired", None).await;
    assert_eq!(found.json()["messages"][0]["page"], "token_expired");
    let page = get(server.control, "/errors/token_expired", None).await;
    assert_eq!(page.status, 200);
    assert!(get(server.control, "/openapi.json", None).await.json()["paths"]["/admin/v1/users"].is_object());
    assert!(get(server.control, "/metrics", None).await.text().contains("portcullis_configuration_version"));
    assert_eq!(get(server.control, "/nowhere", None).await.code(), "resource_not_found");
    assert_eq!(get(server.control, "/admin/v1/nowhere", None).await.status, 404);
}

#[test]
fn is_small_when_idle() {
    let server = Server::start(CONFIG);
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let resident: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    // The release build's bound is 40 MiB; a debug build's code alone is larger.
    assert!(resident < 120 * 1024, "{resident} KiB");
}

#[test]
fn a_port_that_is_taken_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let place = Place::new(&CONFIG.replacen("127.0.0.1:0", &address, 1));
    let said = place.fails(1, &["serve"]);
    assert!(said.contains(&address) && said.contains("(PORTCULLIS__GATEWAY__LISTEN)"), "{said}");
}
