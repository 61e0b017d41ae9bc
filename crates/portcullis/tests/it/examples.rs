//! Every example is parsed and checked.

use crate::server::portcullis;
use std::path::Path;

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
            command.env(name, "a-value-that-is-long-enough-for-any-secret-1234567890");
        }
        provide(&text, around.path());
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

/// Makes the certificates and keys that the example names, where it names them.
fn provide(text: &str, folder: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for (member, value) in line.split(['{', ',']).filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_end_matches('}').trim();
            let value =
                value.split('#').next().unwrap_or_default().trim().trim_matches('"').trim_end_matches('"');
            let content = match member.trim() {
                "certificate_file" | "client_certificate_file" | "ca_file" => made.cert.pem(),
                "key_file" | "client_key_file" => made.signing_key.serialize_pem(),
                "public_key_file" => made.signing_key.public_key_pem(),
                "jwks_file" => r#"{"keys":[]}"#.to_owned(),
                _ => continue,
            };
            let path = folder.join(value);
            if path.starts_with(folder) && !path.exists() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
        }
    }
}
