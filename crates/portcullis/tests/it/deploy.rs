//! `deploy/`: what the unit and the container file run is what this binary takes.

use crate::server::{CONFIG, Place, eventually, portcullis};
use rustix::process::Signal;
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::process::Command;

/// Where both of them have the configuration and the data.
const PLACES: [&str; 2] = ["/etc/portcullis/portcullis.toml", "/var/lib/portcullis"];

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)).unwrap()
}

/// The values of a setting, in order.
fn values<'t>(text: &'t str, setting: &str) -> Vec<&'t str> {
    text.lines().filter_map(|line| line.strip_prefix(setting)).collect()
}

fn here(place: &Place, text: &str) -> String {
    let [config, data] = PLACES;
    text.replace(config, place.config().to_str().unwrap()).replace(data, place.data().to_str().unwrap())
}

/// Runs what serves until it is ready, has it read its configuration again, asks it something, and stops it.
fn serves(place: Place, mut serve: Command, mut beside: Command) {
    let log = |name: &str| File::options().create(true).append(true).open(place.path().join(name)).unwrap();
    let child = serve.stdout(log("stdout")).stderr(log("stderr")).spawn().unwrap();
    let server = place.ready(child);
    let told = beside.args(["tenant", "list", "--output", "json"]).output().unwrap();
    let listed: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(listed["items"][0]["name"], "acme", "{}", String::from_utf8_lossy(&told.stderr));
    server.place.write(&format!("{CONFIG}\n[[tenants]]\nname = \"later\"\n"));
    server.signal(Signal::HUP);
    let tenants = || server.cli(&["tenant", "list"]);
    let tenants = eventually(tenants, |all| all["items"].as_array().is_some_and(|items| items.len() == 2));
    assert_eq!(tenants["items"].as_array().map(Vec::len), Some(2), "{tenants:#}");
    server.stop();
}

#[test]
fn the_unit_serves_reloads_and_stops() {
    let unit = read("deploy/portcullis.service");
    let place = Place::new(CONFIG);
    let line = here(&place, values(&unit, "ExecStart=")[0]);
    let mut words = line.split(' ');
    assert_eq!(words.next(), Some("/usr/local/bin/portcullis"));
    let mut serve = portcullis();
    serve.args(words);
    let mut beside = portcullis();
    beside.arg("--config").arg(place.config()).arg("--data-dir").arg(place.data());
    serves(place, serve, beside);
    assert_eq!(values(&unit, "ExecReload="), ["/bin/kill -HUP $MAINPID"]);
    // Calls under way are finished before systemd loses patience.
    let patience: u64 = values(&unit, "TimeoutStopSec=")[0].strip_suffix('s').unwrap().parse().unwrap();
    assert!(patience > portcullis_config::Gateway::default().drain.0.as_secs());
    // The state directory of the unit is the data directory of the command.
    assert_eq!(values(&unit, "StateDirectory="), ["portcullis"]);
    assert_eq!(values(&unit, "StateDirectoryMode="), ["0700"], "which the data directory has to have");
}

#[test]
fn the_image_serves_and_its_commands_find_it() {
    let file = read("deploy/Containerfile");
    let place = Place::new(CONFIG);
    let arguments: Vec<String> = serde_json::from_str(values(&file, "CMD ")[0]).unwrap();
    let in_the_image = || {
        let mut command = portcullis();
        for variable in values(&file, "ENV ") {
            let (name, value) = variable.split_once('=').unwrap();
            command.env(name, here(&place, value));
        }
        command
    };
    let (mut serve, beside) = (in_the_image(), in_the_image());
    serve.args(arguments);
    serves(place, serve, beside);
    let channel = read("rust-toolchain.toml");
    let channel = values(&channel, "channel = ")[0].trim_matches('"').to_owned();
    let image = file.lines().find_map(|line| line.strip_prefix("FROM rust:")).unwrap();
    let version = image.split('-').next().unwrap();
    assert!(channel.starts_with(&format!("{version}.")), "{channel} is not built with {version}");
}
