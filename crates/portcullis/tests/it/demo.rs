//! `serve --demo`: what the screen says works when it is pasted.

use crate::server::{Place, portcullis};
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Demo {
    child: Child,
    place: Place,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(place: Place) -> (Demo, Vec<String>) {
    let log = |name: &str| File::create(place.path().join(name)).unwrap();
    let mut command = portcullis();
    command.args(["serve", "--demo", "--data-dir"]).arg(place.data());
    command
        .env("PORTCULLIS__GATEWAY__LISTEN", "127.0.0.1:0")
        .env("PORTCULLIS__CONTROL__LISTEN", "127.0.0.1:0");
    let child = command.stdout(log("stdout")).stderr(log("stderr")).spawn().unwrap();
    let mut demo = Demo { child, place };
    let began = Instant::now();
    loop {
        assert!(
            demo.child.try_wait().unwrap().is_none() && began.elapsed() < crate::server::PATIENCE,
            "{}",
            demo.place.log()
        );
        let lines = commands(&demo.place.log());
        if lines.len() == 3 {
            return (demo, lines);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The commands on the screen; a line that ends with a backslash goes on.
fn commands(screen: &str) -> Vec<String> {
    let whole = screen.replace("\\\n", " ");
    // The screen is written at once; until its last line is there it is not whole.
    if !screen.contains("Ctrl-C") {
        return Vec::new();
    }
    whole.lines().map(str::trim).filter(|line| line.starts_with("curl ")).map(str::to_owned).collect()
}

fn paste(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_three_lines_work_when_pasted() {
    let (demo, lines) = start(Place::new(""));
    let [token, key, nobody] = &lines[..] else { unreachable!() };
    for good in [token, key] {
        let answer = paste(good);
        assert!(answer.contains("data: ") && answer.contains("[DONE]"), "{good}\n{answer}");
    }
    assert!(paste(nobody).contains("subject_unresolved"), "{nobody}\n{}", paste(nobody));
    // The line for the owner names a program that is there, whether or not it is on the search path.
    let screen = demo.place.log();
    let line =
        screen.lines().find_map(|line| line.trim().strip_prefix("what the owner sees")).unwrap().trim();
    assert!(!line.starts_with("portcullis "), "{line}");
    let listed = crate::server::eventually(|| paste(line), |list| list.contains("user_unknown"));
    assert!(listed.contains("user_unknown"), "{line}\n{listed}");
    // Three calls, three records: the refused one says more to the owner than to the caller.
    let shown = demo.place.cli(&["record", "list"]);
    let seen = crate::server::eventually(
        || demo.place.cli(&["record", "list"]),
        |page| page["items"].as_array().is_some_and(|items| items.len() >= 3),
    );
    assert!(
        seen["items"].as_array().unwrap().iter().any(|record| record["code"] == "user_unknown"),
        "{shown}"
    );
}

#[test]
fn starts_again_on_its_own_data() {
    let (first, _) = start(Place::new(""));
    let mut first = first;
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let place = std::mem::replace(&mut first.place, Place::new(""));
    let (again, lines) = start(place);
    assert!(paste(&lines[1]).contains("[DONE]"));
    let users = again.place.cli(&["user", "list", "--tenant", "demo"]);
    assert_eq!(users["items"].as_array().unwrap().len(), 1, "{users}");
}

#[test]
fn stays_on_this_machine() {
    let place = Place::new("");
    let mut command = portcullis();
    command
        .args(["serve", "--demo", "--data-dir"])
        .arg(place.data())
        .env("PORTCULLIS__GATEWAY__LISTEN", "0.0.0.0:0")
        .env("PORTCULLIS__GATEWAY__BEHIND_PROXY", "true");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("loopback"));
}
