//! A running `portcullis serve`, and the command line beside it.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Long enough for a busy machine; nothing waits this long when all is well.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A directory of a test: configuration, data, logs.
pub struct Place {
    dir: TempDir,
}

/// A running server. Killed when it goes.
pub struct Server {
    pub place: Place,
    pub gateway: SocketAddr,
    pub control: SocketAddr,
    child: Child,
}

/// The binary, away from the environment of whoever runs the tests.
pub fn portcullis() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PORTCULLIS")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// An echo model, one tenant, any port.
pub const CONFIG: &str = r#"
[gateway]
listen = "127.0.0.1:0"
[control]
listen = "127.0.0.1:0"

[[tenants]]
name = "acme"
models = ["echo"]

[[providers]]
name = "echo"
preset = "echo"

[[models]]
name = "echo"
deployments = [{ provider = "echo", model = "echo" }]
"#;

impl Place {
    pub fn new(config: &str) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        place.write(config);
        place
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn config(&self) -> PathBuf {
        self.path().join("portcullis.toml")
    }

    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub fn write(&self, config: &str) {
        // Renamed into place, as editors do, so that nobody reads half of it.
        let draft = self.path().join("draft");
        std::fs::write(&draft, config).unwrap();
        std::fs::rename(draft, self.config()).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = portcullis();
        command.args(arguments).arg("--config").arg(self.config()).arg("--data-dir").arg(self.data());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// A command that works, with its JSON.
    pub fn cli(&self, arguments: &[&str]) -> Value {
        let mut with_json = arguments.to_vec();
        with_json.extend(["--output", "json"]);
        let output = self.run(&with_json);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// A command that fails with this exit code; what it says.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {said}{}",
            String::from_utf8_lossy(&output.stdout)
        );
        said
    }

    /// Starts `serve`, and waits until it is ready.
    pub fn serve(self) -> Server {
        let arguments = ["serve"];
        let mut command = self.command(&arguments);
        // A busy machine may take longer than the half seconds of the defaults. (A database of its own can be cut off and held up
        // on purpose; the embedded one cannot.)
        let config = std::fs::read_to_string(self.config()).unwrap();
        if !config.contains("database = ") {
            let file: toml::Table = toml::from_str(&config).unwrap_or_default();
            for (section, key) in [("storage", "statement_timeout"), ("resolution", "timeout")] {
                // What the file says is meant.
                if file.get(section).and_then(|section| section.get(key)).is_none() {
                    command.env(format!("PORTCULLIS__{section}__{key}").to_ascii_uppercase(), "30s");
                }
            }
        }
        let log =
            |name: &str| File::options().create(true).append(true).open(self.path().join(name)).unwrap();
        let child = command.stdout(log("stdout")).stderr(log("stderr")).spawn().unwrap();
        self.ready(child)
    }

    /// Waits until `child` says where it serves.
    pub fn ready(self, mut child: Child) -> Server {
        let file = self.data().join("serving.json");
        let began = Instant::now();
        loop {
            assert!(child.try_wait().unwrap().is_none(), "it ended: {}", self.log());
            assert!(began.elapsed() < PATIENCE, "not ready: {}", self.log());
            let told: Option<Value> =
                std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            if let Some(told) = told.filter(|told| told["pid"] == child.id()) {
                let address = |member: &str| told[member].as_str().unwrap().parse().unwrap();
                return Server {
                    gateway: address("gateway"),
                    control: address("control"),
                    place: self,
                    child,
                };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.path().join(name)).unwrap_or_default();
        read("stdout") + &read("stderr")
    }
}

impl Server {
    pub fn start(config: &str) -> Self {
        Place::new(config).serve()
    }

    pub fn cli(&self, arguments: &[&str]) -> Value {
        self.place.cli(arguments)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the process to end.
    pub fn wait(mut self) -> (ExitStatus, Place) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let place = std::mem::replace(&mut self.place, Place { dir: tempfile::tempdir().unwrap() });
                return (status, place);
            }
            assert!(began.elapsed() < PATIENCE, "does not end: {}", self.place.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks it to stop, and checks that it did so in order.
    pub fn stop(self) -> Place {
        self.signal(Signal::TERM);
        let (status, place) = self.wait();
        assert!(status.success(), "{status}: {}", place.log());
        place
    }

    /// Ends it as a power cut of the process would.
    pub fn kill(self) -> Place {
        self.signal(Signal::KILL);
        self.wait().1
    }

    /// The administrator credential that the first start wrote.
    pub fn credential(&self) -> String {
        std::fs::read_to_string(self.place.data().join("admin-credential")).unwrap().trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// That something is done within a time. A busy machine may hold up an attempt, so there are several; what is slow by itself
/// is slow in each. An attempt is told its number, from 0, and tells how long it took.
pub async fn within(bound: Duration, what: &str, mut attempt: impl AsyncFnMut(usize) -> Duration) {
    let mut took = Vec::new();
    while took.len() < 5 {
        let this = attempt(took.len()).await;
        eprintln!("{what}: {this:?}");
        if this < bound {
            return;
        }
        took.push(this);
    }
    panic!("{what}: each time longer than {bound:?}: {took:?}");
}

/// Asks again until the answer is right; the last answer when it never is.
pub fn eventually<T>(mut ask: impl FnMut() -> T, right: impl Fn(&T) -> bool) -> T {
    let began = Instant::now();
    loop {
        let answer = ask();
        if right(&answer) || began.elapsed() > PATIENCE {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
