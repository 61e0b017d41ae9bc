//! Whether files changed, by looking at them once a second. No notification interface sees every way in which
//! configuration arrives: editors rename, orchestrators swap symbolic links, network file systems say nothing.

use aws_lc_rs::digest::{SHA256, digest};
use std::path::PathBuf;
use std::time::SystemTime;

/// Files, and what was seen of them last.
#[derive(Debug)]
pub struct Watch {
    files: Vec<(PathBuf, Seen)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    facts: Option<(SystemTime, u64)>,
    digest: Option<Vec<u8>>,
}

impl Watch {
    /// Starts with what is there now.
    pub fn new(files: &[PathBuf]) -> Self {
        Self { files: files.iter().map(|file| (file.clone(), Seen::of(file, None))).collect() }
    }

    /// These from now on. What was seen of those that it has already stays: they may have been read since, or not.
    pub fn follow(&mut self, files: &[PathBuf]) {
        let mut known = std::mem::take(&mut self.files);
        for file in files {
            let seen = known.iter().position(|(known, _)| known == file).map(|at| known.swap_remove(at).1);
            self.files.push((file.clone(), seen.unwrap_or_else(|| Seen::of(file, None))));
        }
    }

    /// Whether the content of a file is another than last time. A file that went counts; one that was only touched
    /// does not.
    pub fn changed(&mut self) -> bool {
        let mut changed = false;
        for (file, seen) in &mut self.files {
            let now = Seen::of(file, Some(seen));
            changed |= now.digest != seen.digest;
            *seen = now;
        }
        changed
    }
}

impl Seen {
    fn of(file: &PathBuf, before: Option<&Self>) -> Self {
        let facts =
            std::fs::metadata(file).ok().and_then(|facts| Some((facts.modified().ok()?, facts.len())));
        match before {
            // The content is read only when time or size moved.
            Some(before) if before.facts == facts => before.clone(),
            _ => Self {
                facts,
                digest: std::fs::read(file).ok().map(|bytes| digest(&SHA256, &bytes).as_ref().to_vec()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_counts_and_not_time() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.toml");
        std::fs::write(&file, "a = 1").unwrap();
        let mut watch = Watch::new(std::slice::from_ref(&file));
        assert!(!watch.changed());
        let later = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(4_000_000_000);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
        assert!(!watch.changed(), "only touched");
        std::fs::write(&file, "a = 2!").unwrap();
        assert!(watch.changed() && !watch.changed());
        std::fs::remove_file(&file).unwrap();
        assert!(watch.changed() && !watch.changed());
        std::fs::write(&file, "a = 2!").unwrap();
        assert!(watch.changed());
        // Written while it was read, beside a file that is new.
        std::fs::write(&file, "a = 3!!").unwrap();
        let other = dir.path().join("b.toml");
        std::fs::write(&other, "b = 1").unwrap();
        watch.follow(&[other.clone(), file.clone()]);
        assert!(watch.changed() && !watch.changed());
        std::fs::write(&other, "b = 2!").unwrap();
        assert!(watch.changed());
        watch.follow(std::slice::from_ref(&file));
        std::fs::write(&other, "b = 3!!").unwrap();
        assert!(!watch.changed(), "no longer followed");
    }
}
