//! Every cause of the doctor's own is brought about by some test, and found. The check is a textual one: the code stands in a
//! test of the doctor, and not as that of a refusal.
//!
//! The causes of the table that the product began with, and where each is brought about:
//!
//! | cause | tests |
//! |---|---|
//! | user suspended, deleted, never created; wrong identifier in `sub` | `people`, `ldap`, `sources`, `ambiguous` |
//! | replica or synchronisation behind, user younger than the token | `sources`, `ldap`, `people` |
//! | expired, not yet valid, revoked, replayed; clocks | `tokens`, `issuer`, `calls`, `replayed` |
//! | wrong issuer, environment or audience | `tokens`, `tenants` |
//! | keys and signatures | `keys`, `issuer`; a set that may not be kept: the crate's own `key_set` |
//! | malformed tokens | `tokens`; each of their kinds: `explain` of `jose` |
//! | claim mapping, policies | `people`, `calls`, `groups` |
//! | stale answers in memory | `people` |
//! | directory or source unreachable, slow, left alone | `outage`, `sources`, `ldap` |
//! | two environments, what a container sees | `alone` |
//! | a good token beside a bad one | `tokens`, `keys` |
//! | refused by the service behind | `calls` |

use portcullis_doctor::cause;
use std::path::Path;

/// Takes away what is no assertion about a finding: comments, and the codes of refusals.
fn findings_of(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut left = String::new();
    for line in lines {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("json!(\"") {
            left.push_str(before);
            rest = after.split_once("\")").map_or("", |(_, after)| after);
        }
        left.push_str(rest);
        left.push('\n');
    }
    left
}

#[test]
fn every_cause_is_brought_about_and_found() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = ["portcullis/tests/it/doctor", "doctor/tests/it"].map(|folder| crates.join(folder));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.file_name() != Path::new(file!()).file_name());
    // Two users who are one under a rule have a place of their own.
    files.push(crates.join("portcullis/tests/it/ambiguous.rs"));
    let text: String =
        files.iter().map(|path| findings_of(&std::fs::read_to_string(path).unwrap())).collect();
    let missing: Vec<_> = cause::ALL.iter().filter(|cause| !text.contains(&format!("\"{cause}\""))).collect();
    assert!(missing.is_empty(), "no test of the doctor finds {missing:?}");
}

#[test]
fn the_guide_has_a_row_for_every_cause() {
    let guide =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/why-was-this-caller-refused.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let (_, findings) = guide.split_once("| finding begins with |").unwrap();
    let (rows, after) = findings.split_once("\n\n").unwrap();
    let cells = rows.lines().filter_map(|row| row.strip_prefix("| ")?.split(" | ").next());
    // And the two that are told below the table.
    let below = after.split("\n\n").next().unwrap();
    let told: Vec<&str> = cells.chain([below]).flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let is_told = |code: &str| {
        told.iter().any(|told| told.strip_suffix('…').map_or(code == *told, |begin| code.starts_with(begin)))
    };
    let missing: Vec<_> = cause::ALL.iter().filter(|cause| !is_told(cause.as_str())).collect();
    assert!(missing.is_empty(), "the guide has no row for {missing:?}");
}
