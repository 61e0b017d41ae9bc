//! Who may depend on whom: down only. ARCHITECTURE.md draws this table; an edge that goes up fails here.

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// A crate, and which of ours it may use.
const LAYERS: &[(&str, &[&str])] = &[
    ("fault", &[]),
    ("jose", &[]),
    ("model", &["fault"]),
    ("config", &["model", "fault"]),
    ("store", &["model", "fault"]),
    ("llm", &["model", "fault"]),
    ("net", &["config", "model", "fault"]),
    ("identity", &["net", "store", "config", "model", "jose", "fault"]),
    ("gateway", &["identity", "llm", "net", "store", "config", "model", "jose", "fault"]),
    ("doctor", &["identity", "llm", "net", "store", "config", "model", "jose", "fault"]),
    ("control", &["doctor", "identity", "llm", "net", "store", "config", "model", "jose", "fault"]),
    (
        "portcullis",
        &[
            "control", "gateway", "doctor", "identity", "llm", "net", "store", "config", "model", "jose",
            "fault",
        ],
    ),
];

#[test]
fn no_edge_goes_up() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path", root])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let short = |name: &str| name.strip_prefix("portcullis-").unwrap_or(name).to_owned();
    let ours: BTreeSet<String> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| short(package["name"].as_str().unwrap()))
        .collect();
    assert_eq!(
        ours,
        LAYERS.iter().map(|(name, _)| (*name).to_owned()).collect(),
        "a crate has come or gone: put it into the table, here and in ARCHITECTURE.md"
    );
    for package in metadata["packages"].as_array().unwrap() {
        let name = short(package["name"].as_str().unwrap());
        let (_, below) = LAYERS.iter().find(|(crate_, _)| *crate_ == name).unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = short(dependency["name"].as_str().unwrap());
            // Tests may look up: they are not built into anything.
            if ours.contains(&on) && dependency["kind"] != "dev" {
                assert!(below.contains(&on.as_str()), "`{name}` may not depend on `{on}`");
            }
        }
    }
}
