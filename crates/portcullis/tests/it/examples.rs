//! Every example is parsed and checked.

use crate::server::portcullis;
use std::path::Path;

/// Long enough for any algorithm; of a database too, since one example keeps its URL in the environment.
const SECRET: &str = "postgres://a-value-that-is-long-enough-for-any-secret-1234567890/x";
/// What stored secrets are sealed under.
const SEAL: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

#[test]
fn every_example_is_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    // What they name and a reader would have: keys, certificates, tokens of vendors.
    let around = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, around.path().join(path.file_name().unwrap())).unwrap();
    }
    for entry in std::fs::read_dir(around.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut command = portcullis();
        for name in named(&text, "env:") {
            command.env(name, SECRET);
        }
        std::fs::write(&path, provide(text, around.path())).unwrap();
        let output = command.args(["check", "--config"]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
        seen += 1;
    }
    assert!(seen >= 4, "the examples have gone");
}

fn named<'t>(text: &'t str, prefix: &str) -> Vec<&'t str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split('"'))
        .filter_map(|part| part.strip_prefix(prefix))
        .collect()
}

/// Makes what the example names, below `folder`; the example, with absolute paths moved there.
fn provide(text: String, folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let mut moved = text.clone();
    for part in text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split(['{', ',']))
    {
        let Some((member, value)) = part.split_once('=') else { continue };
        let Some(value) = value.split('"').nth(1) else { continue };
        let (path, content) = match (member.trim(), value.strip_prefix("file:")) {
            ("key", Some(path)) => (path, SEAL.to_owned()),
            (_, Some(path)) => (path, SECRET.to_owned()),
            ("certificate_file" | "client_certificate_file" | "ca_file", None) => (value, made.cert.pem()),
            ("key_file" | "client_key_file", None) => (value, made.signing_key.serialize_pem()),
            ("public_key_file", None) => (value, made.signing_key.public_key_pem()),
            ("jwks_file", None) => (value, r#"{"keys":[]}"#.to_owned()),
            _ => continue,
        };
        let inside = folder.join(path.trim_start_matches('/'));
        if path.starts_with('/') {
            moved = moved.replace(
                &format!("\"{value}\""),
                &format!("\"{}\"", value.replace(path, inside.to_str().unwrap())),
            );
        }
        if !inside.exists() {
            std::fs::create_dir_all(inside.parent().unwrap()).unwrap();
            std::fs::write(inside, content).unwrap();
        }
    }
    moved
}
