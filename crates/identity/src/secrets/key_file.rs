//! Keys of the data directory: 32 random bytes in a file of our own, made at the first start.

use portcullis_fault::Secret;
use portcullis_model::Rng;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// A file with a key: 64 hexadecimal digits and a line break, mode 0600.
#[derive(Debug)]
pub struct KeyFile;

impl KeyFile {
    /// The key in `path`, or a new one. One process at a time: the data directory is locked.
    ///
    /// # Errors
    /// The file cannot be read or written, or is no key; says which file and what to do.
    pub fn open(path: &Path, rng: &dyn Rng) -> Result<Secret<[u8; 32]>, String> {
        match std::fs::read(path) {
            Ok(bytes) => {
                warn_if_readable(path);
                let bytes = Secret::new(bytes);
                Self::parse(bytes.expose()).map_err(|what| {
                    format!(
                        "`{}`: {what}; restore it from a backup: without it, what was made with it is lost",
                        path.display()
                    )
                })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut key = [0; 32];
                rng.fill(&mut key);
                let key = Secret::new(key);
                let mut text = hex(key.expose());
                text.push('\n');
                Self::write(path, Secret::new(text).expose().as_bytes())?;
                Ok(key)
            }
            Err(error) => Err(format!("cannot read `{}`: {error}", path.display())),
        }
    }

    /// Writes a file that only we can read: whole or not at all.
    ///
    /// # Errors
    /// It cannot be written; says why.
    pub fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
        write_private(path, bytes).map_err(|error| format!("cannot write `{}`: {error}", path.display()))
    }

    /// A key as an operator writes it: 64 hexadecimal digits, or 32 bytes in base64 or base64url.
    ///
    /// # Errors
    /// Something else. The text is not repeated.
    pub fn parse(text: &[u8]) -> Result<Secret<[u8; 32]>, String> {
        use base64::Engine;
        use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
        let text = text.trim_ascii();
        let decoded = match text.len() {
            64 => unhex(text),
            44 => STANDARD.decode(text).ok(),
            43 => STANDARD_NO_PAD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok(),
            _ => None,
        };
        let decoded = Secret::new(decoded.unwrap_or_default());
        <[u8; 32]>::try_from(decoded.expose().as_slice())
            .map(Secret::new)
            .map_err(|_| "this is no key: 32 bytes as 64 hexadecimal digits or in base64 (`openssl rand -hex 32` makes one)".to_owned())
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    // What an earlier start left half-written.
    match std::fs::remove_file(new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(new, path)?;
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        std::fs::File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// Says so when others than the owner can read a file with a secret.
pub(crate) fn warn_if_readable(path: &Path) {
    if let Ok(facts) = std::fs::metadata(path) {
        let mode = facts.permissions().mode();
        if mode & 0o004 != 0 {
            let path = path.display();
            tracing::warn!(%path, mode = format!("{:o}", mode & 0o777), "everybody on this machine can read a file with a secret: `chmod o-r` it");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len() + 1), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.chunks(2)
        .map(|pair| if let [high, low] = pair { Some(digit(high)? << 4 | digit(low)?) } else { None })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SystemRng;

    #[test]
    fn made_once_and_read_after_that() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pepper.key");
        let made = KeyFile::open(&path, &SystemRng::new()).unwrap();
        let read = KeyFile::open(&path, &SystemRng::new()).unwrap();
        assert_eq!(made.expose(), read.expose());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "short").unwrap();
        let error = KeyFile::open(&path, &SystemRng::new()).unwrap_err();
        assert!(error.contains("backup") && !error.contains("short"), "{error}");
    }

    #[test]
    fn keys_in_every_spelling() {
        let key = [0xab; 32];
        for text in [
            hex(&key),
            hex(&key).to_uppercase(),
            "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=".to_owned(),
            "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s\n".to_owned(),
        ] {
            assert_eq!(KeyFile::parse(text.as_bytes()).unwrap().expose(), &key, "{text}");
        }
        for text in ["", "zz", &"z".repeat(64), &"a".repeat(63), "hunter2"] {
            let error = KeyFile::parse(text.as_bytes()).unwrap_err();
            assert!(text.is_empty() || text == "zz" || !error.contains(text));
        }
    }
}
