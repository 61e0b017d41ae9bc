//! Every code of the catalogue is brought about by some test. The check is a textual one: the code's name or constant
//! appears in a test outside the catalogue's own crate.

use portcullis_fault::codes;
use std::path::{Path, PathBuf};

fn files(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(below).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_symlink() || name == "node_modules" {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "py") {
            found.push(path);
        }
    }
}

/// The part of a file that is tests.
fn tests_of(path: &Path, text: String) -> String {
    let of_tests = path.components().any(|part| part.as_os_str() == "tests");
    if of_tests { text } else { text.find("#[cfg(test)]").map_or(String::new(), |at| text[at..].to_owned()) }
}

#[test]
fn every_code_is_provoked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = Vec::new();
    for folder in ["crates", "tests"] {
        files(&root.join(folder), &mut all);
    }
    let this = Path::new(file!()).file_name();
    let text: String = all
        .iter()
        .filter(|path| path.file_name() != this && !path.starts_with(root.join("crates/fault")))
        .map(|path| tests_of(path, std::fs::read_to_string(path).unwrap()))
        .collect();
    let words: std::collections::HashSet<&str> =
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let silent: Vec<_> = codes::ALL
        .iter()
        .map(|code| code.name())
        .filter(|name| !words.contains(name) && !words.contains(name.to_uppercase().as_str()))
        .collect();
    assert!(silent.is_empty(), "no test provokes {silent:?}");
}
