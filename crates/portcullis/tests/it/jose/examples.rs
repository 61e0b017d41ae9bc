//! Every example of the help is run.

use super::desk::{DESK, SECRET_BASE64};
use crate::server::portcullis;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Every verb, as it is called.
const VERBS: [&[&str]; 16] = [
    &[],
    &["decode"],
    &["verify"],
    &["explain"],
    &["sign"],
    &["encrypt"],
    &["decrypt"],
    &["key"],
    &["key", "generate"],
    &["key", "convert"],
    &["key", "thumbprint"],
    &["key", "audit"],
    &["jwks"],
    &["jwks", "fetch"],
    &["jwks", "audit"],
    &["jwks", "diff"],
];

#[test]
fn every_example_works() {
    let mut seen = 0;
    for verb in VERBS {
        let help = portcullis().arg("jose").args(verb).arg("--help").output().unwrap();
        assert!(help.status.success());
        let help = String::from_utf8(help.stdout).unwrap();
        let (_, told) = help.split_once("\n\n").unwrap();
        let wide = |line: &&str| line.contains("portcullis jose ") && line.chars().count() > 80;
        assert_eq!(told.lines().find(wide), None, "it breaks on a narrow terminal");
        let help = help.replace("\\\n", " ");
        let mut examples = 0;
        for line in help
            .lines()
            .map(str::trim)
            .filter(|line| line.contains("portcullis jose ") && !line.starts_with("Usage"))
        {
            // A place of its own for what it writes; the issuer is on this machine.
            let place = tempfile::tempdir().unwrap();
            for entry in std::fs::read_dir(DESK.path("")).unwrap() {
                let entry = entry.unwrap();
                if entry.path().is_file() && !entry.file_name().to_string_lossy().starts_with("new") {
                    std::fs::copy(entry.path(), place.path().join(entry.file_name())).unwrap();
                }
            }
            std::fs::copy(DESK.path("new.json"), place.path().join("new.json")).unwrap();
            let example = line.replace("https://idp.example.com", &DESK.site.url());
            let script = format!("jq() {{ cat > /dev/null; }}; pbpaste() {{ cat token.txt; }}; {example}");
            let output = shell(&script, place.path());
            let bad = line.contains("broken") || line.contains("old.json");
            let quiet = line.contains('|');
            assert_eq!(
                output.status.success(),
                !bad || quiet,
                "{line}: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            assert_ne!(output.status.code(), Some(2), "{line}");
            examples += 1;
        }
        assert!(examples > 0, "{verb:?} has no example");
        seen += examples;
    }
    assert!(seen > 30, "{seen}");
}

/// The guide's session, line by line: what stands there is what comes out. `…` stands for anything.
#[test]
fn the_guide_is_a_real_session() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/jose.md");
    let guide = std::fs::read_to_string(guide).unwrap().replace("\\\n", " ");
    let place = tempfile::tempdir().unwrap();
    let mut commands = 0;
    for block in guide.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for session in block.split("$ portcullis").map(str::trim_end).filter(|session| !session.is_empty()) {
            let (command, want) = session.split_once('\n').unwrap_or((session, ""));
            let command = match command.strip_prefix("$ ") {
                Some(other) => other.to_owned(),
                None => format!("portcullis{command}"),
            };
            let output = shell(&format!("{{ {command}; }} 2>&1"), place.path());
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(matches(said.trim_end(), want), "{command}\n--- said\n{said}\n--- in the guide\n{want}");
            commands += 1;
        }
    }
    assert!(commands > 15, "{commands}");
}

/// Whether the text is this, where `…` is anything.
fn matches(text: &str, pattern: &str) -> bool {
    // A `…` before a line break of the guide's is one of the tool's own.
    let mut rest = text;
    let mut pieces = pattern.split('…').peekable();
    let Some(first) = pieces.next() else { return text.is_empty() };
    let Some(behind) = rest.strip_prefix(first) else { return false };
    rest = behind;
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.is_empty()
}

/// Runs a line of shell there, away from the environment of whoever runs the tests.
fn shell(script: &str, place: &Path) -> Output {
    let folder = Path::new(env!("CARGO_BIN_EXE_portcullis")).parent().unwrap();
    let mut path = folder.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(place).env("PATH", path).env("SECRET", SECRET_BASE64);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "PORTCULLIS_CONFIG"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).output().unwrap()
}
