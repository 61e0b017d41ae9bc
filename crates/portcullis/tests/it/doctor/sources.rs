//! Causes that lie with a user source: nearly meant, not there, under a new key, out of reach, and a replica that is behind.

use super::world::{World, claims, codes, sign, with, words};
use crate::http::get;
use crate::port::free_port;
use crate::server::PATIENCE;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Status, type, body.
type Said = (u16, &'static str, &'static str);

/// A service that knows people by their log-in name.
struct Service {
    address: SocketAddr,
    people: Arc<Mutex<BTreeMap<String, Value>>>,
    /// What it answers instead.
    fails: Arc<Mutex<Option<Said>>>,
    /// How long it takes.
    takes: Arc<Mutex<Duration>>,
}

impl Service {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let people: Arc<Mutex<BTreeMap<String, Value>>> = Arc::default();
        let fails: Arc<Mutex<Option<Said>>> = Arc::default();
        let takes: Arc<Mutex<Duration>> = Arc::default();
        let (known, failing, taking) = (people.clone(), fails.clone(), takes.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (known, failing, taking) = (known.clone(), failing.clone(), taking.clone());
                // Who waits for one answer does not make others wait.
                std::thread::spawn(move || Self::answer(stream, &known, &failing, &taking));
            }
        });
        Self { address, people, fails, takes }
    }

    fn answer(
        mut stream: TcpStream,
        people: &Mutex<BTreeMap<String, Value>>,
        fails: &Mutex<Option<Said>>,
        takes: &Mutex<Duration>,
    ) {
        let mut head = Vec::new();
        let mut buffer = [0; 4_096];
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut buffer) {
                Ok(read) if read > 0 => head.extend(&buffer[..read]),
                _ => break,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let target = head.split(' ').nth(1).unwrap_or_default();
        let login = target.rsplit("login=").next().unwrap_or_default().replace("%40", "@");
        let said = *fails.lock().unwrap();
        let (status, kind, body) = match said {
            Some((status, kind, body)) => (status, kind, body.to_owned()),
            None => {
                let person = people.lock().unwrap().get(&login).unwrap_or(&Value::Null).to_string();
                (200, "application/json", person)
            }
        };
        let pause = *takes.lock().unwrap();
        std::thread::sleep(pause);
        let _ = write!(
            stream,
            "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
    }

    fn set(&self, login: &str, id: &str) {
        let person = json!({ "id": id, "login": login, "mail": format!("{login}@corp.example") });
        self.people.lock().unwrap().insert(login.to_owned(), person);
    }
}

/// An issuer whose subjects are looked up in this source.
fn configuration(source: &str) -> String {
    format!(
        "[resolution]\npositive_ttl = \"1ms\"\nnegative_ttl = \"1ms\"\n[[issuers]]\nname = \"people\"\nissuer = \"https://people.example\"\naudiences = [\"gateway\"]\ntenant = \"acme\"\njwks_file = \"corp.json\"\nsubject = {{ source = \"hr\" }}\n[[sources]]\nname = \"hr\"\ntenant = \"acme\"\ntimeout = \"5s\"\n{source}\n"
    )
}

fn token(world: &World, sub: &str) -> String {
    sign(&with(claims("people", sub), "iss", json!("https://people.example")), &world.corp)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_asked_for_whom_was_meant() {
    let service = Service::new();
    service.set("ada", "7");
    service.set("grace", "8");
    let source = format!(
        "http = {{ url = \"http://{}/people\", query = {{ login = \"{{subject}}\" }}, fields = {{ key = \"/id\", username = \"/login\", email = \"/mail\" }}, http = {{ proxy = \"none\" }} }}",
        service.address
    );
    let world = World::new(&configuration(&source));
    for (sub, code) in [
        ("ada@corp.example", "subject_is_email"),
        ("Ada", "subject_differs_in_case"),
        ("corp|ada", "subject_has_prefix"),
        ("nobody-of-that-name", "user_not_in_source"),
    ] {
        let (first, diagnosis) = world.first(&token(&world, sub)).await;
        assert_eq!(first, code, "{sub}: {diagnosis:#}");
    }
    // Known from here on; asking before made nobody.
    assert!(world.server.cli(&["user", "list", "--tenant", "acme"]).to_string().find("\"ada\"").is_none());
    for login in ["ada", "grace"] {
        assert_eq!(get(world.server.gateway, "/v1/models", Some(&token(&world, login))).await.status, 200);
    }
    // It takes its time, which is told beside; and so long that nobody can be told anything.
    *service.takes.lock().unwrap() = Duration::from_millis(400);
    let (first, diagnosis) = world.first(&token(&world, "ada")).await;
    assert_eq!((first.as_str(), &diagnosis["accepted"]), ("source_slow", &json!(true)), "{diagnosis:#}");
    *service.takes.lock().unwrap() = Duration::from_secs(20);
    let (first, diagnosis) = world.first(&token(&world, "ada")).await;
    assert_eq!(
        (first.as_str(), &diagnosis["code"]),
        ("source_too_slow", &json!("resolution_unavailable")),
        "{diagnosis:#}"
    );
    *service.takes.lock().unwrap() = Duration::ZERO;
    // It failed when the call was made, and is well.
    *service.fails.lock().unwrap() = Some((500, "application/json", "{}"));
    let id = world.refused("/v1/models", &token(&world, "ada"), "resolution_unavailable").await;
    *service.fails.lock().unwrap() = None;
    let diagnosis = world.ask(json!({ "request": id })).await;
    assert_eq!(codes(&diagnosis)[0], "source_was_unreachable", "{diagnosis:#}");
    assert!(diagnosis["findings"][0]["evidence"].to_string().contains("status 500"), "{diagnosis:#}");
    // Not found any more, and the service cannot be asked by the key what became of them.
    let person = service.people.lock().unwrap().remove("grace").unwrap();
    assert_eq!(get(world.server.gateway, "/v1/models", Some(&token(&world, "grace"))).await.status, 401);
    let (first, diagnosis) = world.first(&token(&world, "grace")).await;
    assert_eq!(first, "gone_or_renamed_in_source", "{diagnosis:#}");
    service.people.lock().unwrap().insert("grace".to_owned(), person);
    assert_eq!(get(world.server.gateway, "/v1/models", Some(&token(&world, "grace"))).await.status, 200);
    // One has a new key, and then everybody.
    service.set("ada", "70");
    let (first, diagnosis) = world.first(&token(&world, "ada")).await;
    assert_eq!(first, "source_key_changed", "{diagnosis:#}");
    service.set("grace", "80");
    let (first, diagnosis) = world.first(&token(&world, "ada")).await;
    assert_eq!(first, "source_recreated", "{diagnosis:#}");
    // The command that is told makes it the same person again.
    world.server.cli(&words(&diagnosis["findings"][0]));
    assert_eq!(get(world.server.gateway, "/v1/models", Some(&token(&world, "ada"))).await.status, 200);
    // Out of order: a 503, and the doctor says whose fault it is.
    *service.fails.lock().unwrap() = Some((500, "application/json", "{}"));
    let refused = get(world.server.gateway, "/v1/models", Some(&token(&world, "somebody"))).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    let (first, diagnosis) = world.first(&token(&world, "somebody")).await;
    assert_eq!(first, "source_unreachable", "{diagnosis:#}");
    for (fails, code) in [
        ((401, "application/json", "{}"), "source_credential_refused"),
        ((200, "text/html", "<p>sign in</p>"), "source_misconfigured"),
    ] {
        *service.fails.lock().unwrap() = Some(fails);
        let (first, diagnosis) = world.first(&token(&world, "somebody")).await;
        assert_eq!(first, code, "{diagnosis:#}");
    }
    for n in 0..6 {
        get(world.server.gateway, "/v1/models", Some(&token(&world, &format!("somebody-{n}")))).await;
    }
    let (_, diagnosis) = world.first(&token(&world, "somebody")).await;
    assert!(codes(&diagnosis).contains(&"source_breaker_open".to_owned()), "{diagnosis:#}");
    world.server.stop();
}

/// A streaming replica of the test's server, in a directory of its own.
struct Replica {
    url: String,
    child: Child,
    _directory: tempfile::TempDir,
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn psql(url: &str, sql: &str) -> String {
    let done = Command::new("psql").args(["-qAt", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]).output();
    let done = done.expect("psql comes with PostgreSQL");
    assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// A program of the server's; not as root, which it refuses.
fn program(name: &str) -> Command {
    let mut places: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join(name).exists())
        .collect();
    places.sort();
    let path = places.pop().map_or_else(|| PathBuf::from(name), |bin| bin.join(name));
    if !rustix::process::geteuid().is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(path);
    command
}

impl Replica {
    fn of(primary: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        if rustix::process::geteuid().is_root() {
            let owned = Command::new("chown").arg("postgres:postgres").arg(directory.path()).status();
            assert!(owned.unwrap().success());
        }
        let data = directory.path().join("data");
        let base = program("pg_basebackup")
            .current_dir("/")
            .args(["--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "-d", primary, "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(base.status.success(), "{}", String::from_utf8_lossy(&base.stderr));
        let port = free_port();
        // A replica needs as many as its primary, whose setting may be on its command line.
        let connections = psql(primary, "SHOW max_connections");
        let child = Self::serve(&data, directory.path(), port, &connections);
        let (before, after) = primary.split_once('@').unwrap();
        let (_, rest) = after.split_once('/').unwrap();
        let replica = Self { url: format!("{before}@127.0.0.1:{port}/{rest}"), child, _directory: directory };
        let began = Instant::now();
        while !Command::new("psql")
            .args(["-qAt", "-d", &replica.url, "-c", "SELECT 1"])
            .output()
            .unwrap()
            .status
            .success()
        {
            assert!(began.elapsed() < PATIENCE, "the replica does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        replica
    }

    fn serve(data: &Path, sockets: &Path, port: u16, connections: &str) -> Child {
        program("postgres")
            .current_dir("/")
            .arg("-D")
            .arg(data)
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
            .arg(sockets)
            .args(["-c", "fsync=off", "-c", "hot_standby=on", "-c", "max_standby_streaming_delay=-1"])
            .args(["-c", &format!("max_connections={connections}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_unknown_because_a_replica_is_behind() {
    #[expect(clippy::disallowed_methods, reason = "a test is its own main")]
    let Ok(server) = std::env::var("PORTCULLIS_TEST_POSTGRES") else {
        eprintln!("skipped: PORTCULLIS_TEST_POSTGRES is not set");
        return;
    };
    let called = format!("it_people_{}", std::process::id());
    psql(&server, &format!("CREATE DATABASE {called}"));
    let (before, after) = server.rsplit_once('/').unwrap();
    let options = after.split_once('?').map_or(String::new(), |(_, options)| format!("?{options}"));
    let primary = format!("{before}/{called}{options}");
    psql(
        &primary,
        "CREATE TABLE people (id bigint, login text, active boolean); INSERT INTO people VALUES (1, 'ada', true)",
    );
    let replica = Replica::of(&primary);
    assert_eq!(psql(&replica.url, "SELECT pg_is_in_recovery()"), "t");
    let urls = tempfile::tempdir().unwrap();
    let file = |name: &str, url: &str| {
        let path = urls.path().join(name);
        std::fs::write(&path, url).unwrap();
        path.display().to_string()
    };
    let source = format!(
        "sql = {{ primary = \"file:{}\", replica = \"file:{}\", query = \"SELECT id AS key, login AS username, active FROM people WHERE login = :subject\" }}",
        file("primary", &primary),
        file("replica", &replica.url)
    );
    let world = World::new(&configuration(&source));
    let (ada, grace) = (token(&world, "ada"), token(&world, "grace"));
    assert_eq!(get(world.server.gateway, "/v1/models", Some(&ada)).await.status, 200);
    assert_eq!(get(world.server.gateway, "/v1/models", Some(&grace)).await.status, 401);
    // Replay stands still; somebody joins.
    psql(&replica.url, "SELECT pg_wal_replay_pause()");
    let began = Instant::now();
    while psql(&replica.url, "SELECT pg_get_wal_replay_pause_state()") != "paused" {
        assert!(began.elapsed() < PATIENCE, "replay goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
    psql(
        &primary,
        "INSERT INTO people VALUES (2, 'grace', true); UPDATE people SET active = false WHERE login = 'ada'",
    );
    assert_eq!(psql(&replica.url, "SELECT count(*) FROM people"), "1");
    let answer = get(world.server.gateway, "/v1/models", Some(&grace)).await;
    assert_eq!(answer.status, 200, "the primary was not asked: {}", answer.text());
    let diagnosis = world.ask(json!({ "token": grace })).await;
    let lag = diagnosis["findings"].as_array().unwrap().iter().find(|one| one["code"] == "replica_behind");
    let lag = lag.unwrap_or_else(|| panic!("{diagnosis:#}")).to_string();
    assert!(lag.contains("the primary has one person, active, and the replica nobody"), "{lag}");
    assert!(lag.contains("behind, as it measures itself"), "{lag}");
    // Who was disabled there is as the replica has them, and the doctor says so.
    let diagnosis = world.ask(json!({ "token": ada })).await;
    assert!(
        diagnosis
            .to_string()
            .contains("the primary has one person, disabled, and the replica one person, active"),
        "{diagnosis:#}"
    );
    psql(&replica.url, "SELECT pg_wal_replay_resume()");
    let began = Instant::now();
    while psql(&replica.url, "SELECT count(*) FROM people") != "2" {
        assert!(began.elapsed() < PATIENCE, "replay stands still");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(get(world.server.gateway, "/v1/models", Some(&ada)).await.status, 401);
    let diagnosis = world.ask(json!({ "token": grace })).await;
    assert!(!codes(&diagnosis).contains(&"replica_behind".to_owned()), "{diagnosis:#}");
    // Without its replica the source goes on, and says what is amiss.
    drop(replica);
    let later = token(&world, "nobody-there");
    assert_eq!(get(world.server.gateway, "/v1/models", Some(&later)).await.status, 401);
    let diagnosis = world.ask(json!({ "token": later })).await;
    assert!(codes(&diagnosis).contains(&"replica_unreachable".to_owned()), "{diagnosis:#}");
    world.server.stop();
}
