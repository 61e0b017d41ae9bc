//! From a file and the environment to a configuration that is fit for use.

use crate::{Config, Errors, Warning, absolute, check, parse};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Larger than any configuration, and small enough to read by mistake.
const LARGEST: u64 = 16 << 20;

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
    let Some(file) = file else {
        let directory = std::env::current_dir().map_err(|error| {
            Errors::whole(format!("the working directory cannot be found: {error}"), None)
        })?;
        let mut config = parse::read(None, environment)?;
        let files = absolute::all(&mut config, &directory);
        let warnings = check::warnings(&config, false);
        return Ok(Loaded { config, files, directory, warnings });
    };
    let (text, readable_by_all) = text_of(file)?;
    let mut config = parse::read(Some((&text, &file.display().to_string())), environment)?;
    let file = std::path::absolute(file)
        .map_err(|error| Errors::whole(format!("{error}: `{}`", file.display()), None))?;
    let directory = file.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
    let mut files = vec![file];
    files.extend(absolute::all(&mut config, &directory));
    let warnings = check::warnings(&config, readable_by_all);
    Ok(Loaded { config, files, directory, warnings })
}

/// The file's text, and whether everybody on the machine can read it.
fn text_of(file: &Path) -> Result<(String, bool), Errors> {
    let shown = file.display();
    let refused = |error: &std::io::Error| {
        let help = match error.kind() {
            std::io::ErrorKind::NotFound => {
                Some("name the file with `--config`; without one, the defaults are used")
            }
            std::io::ErrorKind::PermissionDenied => Some("let the user that runs portcullis read it"),
            _ => None,
        };
        Errors::whole(format!("the configuration file cannot be read: {error}: `{shown}`"), help)
    };
    let opened = File::open(file).map_err(|error| refused(&error))?;
    let facts = opened.metadata().map_err(|error| refused(&error))?;
    if facts.is_dir() {
        return Err(Errors::whole(
            format!("this is a directory and not a configuration file: `{shown}`"),
            None,
        ));
    }
    let mut bytes = Vec::new();
    opened.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| refused(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Errors::whole(
            format!("this is larger than any configuration: `{shown}`"),
            Some("a configuration has at most 16 MiB"),
        ));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        Errors::whole(
            format!(
                "the configuration file is not UTF-8 from byte {}: `{shown}`",
                error.utf8_error().valid_up_to()
            ),
            Some("save it as UTF-8 text"),
        )
    })?;
    Ok((text, readable_by_all(&facts)))
}

#[cfg(unix)]
fn readable_by_all(facts: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    facts.mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn readable_by_all(_: &std::fs::Metadata) -> bool {
    false
}
