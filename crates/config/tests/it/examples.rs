//! Every example parses, what the guides show does as well, and what is derived from the types is what is committed.

use portcullis_config::{Config, load, reference_markdown};
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

/// A piece shows one thing and leaves out what it refers to, so it is held against the types alone.
#[test]
fn every_piece_of_configuration_in_the_guides_parses() {
    let (mut count, mut wrong) = (0, String::new());
    let guides = std::fs::read_dir(root().join("docs/guides")).unwrap().map(|entry| entry.unwrap().path());
    for file in guides.chain([root().join("README.md")]) {
        let text = std::fs::read_to_string(&file).unwrap();
        for (start, fence) in text.match_indices("```toml\n") {
            let piece = &text[start + fence.len()..];
            let piece = &piece[..piece.find("```").expect("a piece has an end")];
            // Others are the members of some table that the text around them names.
            if !piece.lines().any(|line| line.starts_with('[')) {
                continue;
            }
            count += 1;
            if let Err(error) = toml::from_str::<Config>(piece) {
                let line = text[..start].lines().count() + 1;
                wrong += &format!("{}:{line}: {error}\n", file.display());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count >= 12, "the guides are gone: {count}");
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
