//! Every example parses, and what is derived from the types is what is committed.

use portcullis_config::{load, reference_markdown};
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_example_loads_without_a_warning() {
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "toml") {
            let loaded =
                load(Some(&file), Vec::new()).unwrap_or_else(|errors| panic!("{}", errors.report(false)));
            assert_eq!(loaded.warnings, [], "{}", file.display());
            count += 1;
        }
    }
    assert!(count >= 5, "the examples are gone");
}

#[test]
fn the_reference_is_up_to_date() {
    let file = root().join("docs/reference/configuration.md");
    assert_eq!(
        std::fs::read_to_string(&file).unwrap_or_default(),
        reference_markdown(),
        "run `make gen` to write {}",
        file.display()
    );
}
