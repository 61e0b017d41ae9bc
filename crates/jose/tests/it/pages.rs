//! The pages about this crate name tests; those tests have to be there.

use std::fs;
use std::path::{Path, PathBuf};

/// The page, or nothing where this crate stands alone.
fn page(name: &str) -> Option<(PathBuf, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if !page.parent().is_some_and(Path::is_dir) {
        println!("skipped: no `{}`", page.display());
        return None;
    }
    let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    Some((page, text))
}

/// Links of the form [`test`](file): both.
fn links(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("[`").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once("`](")?;
        Some((name, rest.split_once(')')?.0))
    })
}

/// Whether a function of that name stands in the file, as a test: of its own, or as a property.
fn tested(file: &Path, name: &str) -> bool {
    let Ok(source) = fs::read_to_string(file) else { return false };
    let Some((before, _)) = source.split_once(&format!("fn {name}(")) else { return false };
    let attributes = before.rsplit("\n\n").next().unwrap_or_default();
    attributes.contains("test]") || attributes.contains("::test(") || before.contains("proptest! {")
}

#[test]
fn every_class_of_vulnerability_has_tests_that_exist() {
    let Some((page, text)) = page("concepts/jose-vulnerabilities.md") else { return };
    let folder = page.parent().unwrap();
    let mut classes = 0;
    for class in text.split("\n### ").skip(1) {
        let title = class.lines().next().unwrap();
        let class = class.split("\n## ").next().unwrap();
        for part in ["- **Seen**: ", "- **Here**: ", "- **Tests**: "] {
            assert!(class.contains(part), "`{title}` lacks {part}");
        }
        let mut linked = 0;
        for (name, file) in links(class.split("- **Tests**: ").nth(1).unwrap()) {
            assert!(tested(&folder.join(file), name), "`{title}` names `{name}`, which is not in `{file}`");
            linked += 1;
        }
        assert!(linked > 0, "`{title}` links to no test");
        classes += 1;
    }
    assert!(classes >= 50, "{classes}");
}

#[test]
fn every_attack_is_on_the_page() {
    let Some((_, text)) = page("concepts/jose-vulnerabilities.md") else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for file in ["attacks.rs", "classes.rs"] {
        let source = fs::read_to_string(folder.join(file)).unwrap();
        let names = source.split("#[test]\nfn ").skip(1).filter_map(|rest| rest.split('(').next());
        for name in names {
            assert!(text.contains(&format!("[`{name}`]")), "the page does not name `{name}` of `{file}`");
        }
    }
}

#[test]
fn the_table_of_vectors_names_tests_that_exist() {
    let Some((_, text)) = page("reference/vectors.md") else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut rows = 0;
    for row in text.split("<!-- families -->").nth(1).unwrap().lines().filter(|line| line.starts_with("| `"))
    {
        let quoted: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let [_, file, name] = quoted[..] else { panic!("{row}") };
        assert!(tested(&folder.join(file), name), "{row}");
        rows += 1;
    }
    assert!(rows > 15, "{rows}");
}
