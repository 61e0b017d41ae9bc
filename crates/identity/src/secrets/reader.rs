//! Reading what a reference points at. The environment is handed in, files are read when asked for, stored secrets are
//! opened ahead: compiling a configuration waits for no database.

use super::Custody;
use super::key_file::warn_if_readable;
use arc_swap::ArcSwap;
use portcullis_fault::Secret;
use portcullis_model::SecretRef;
use portcullis_model::secret_ref::SecretSource;
use portcullis_store::entity::secrets;
use portcullis_store::{Error, Store};
use std::collections::HashMap;
use std::sync::Arc;

/// Longest secret that is read from a file.
const LARGEST: u64 = 64 * 1024;

type Opened = Result<Secret<Vec<u8>>, String>;

/// Reads secrets of all three kinds. Cheap to clone.
#[derive(Clone)]
pub struct SecretReader {
    environment: Arc<HashMap<String, Secret<String>>>,
    custody: Custody,
    stored: Arc<ArcSwap<HashMap<String, Opened>>>,
}

impl SecretReader {
    /// Reads `env:` from these variables, and opens `stored:` with `custody`. Nothing is stored until
    /// [`SecretReader::load_stored`].
    pub fn new(environment: impl IntoIterator<Item = (String, String)>, custody: Custody) -> Self {
        let environment = environment.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
        Self { environment: Arc::new(environment), custody, stored: Arc::default() }
    }

    /// Reads all stored secrets again: at start, and after an event about one. One that does not open does not hide the
    /// others; whoever asks for it is told why.
    ///
    /// # Errors
    /// The database cannot be asked; what was read before stays.
    pub async fn load_stored(&self, store: &Store) -> Result<(), Error> {
        let mut opened = HashMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = secrets::list(store, after.as_deref()).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            for secret in page {
                let result =
                    self.custody.open(&secret.name, &secret.sealed).map_err(|error| error.to_string());
                if let Err(error) = &result {
                    tracing::error!(name = secret.name, error, "a stored secret cannot be opened");
                }
                opened.insert(secret.name, result);
            }
        }
        self.stored.store(Arc::new(opened));
        Ok(())
    }
}

impl SecretSource for SecretReader {
    fn read(&self, reference: &SecretRef) -> Result<Secret<Vec<u8>>, String> {
        match reference {
            SecretRef::Env(name) => match self.environment.get(name) {
                Some(value) if !value.expose().is_empty() => {
                    Ok(Secret::new(value.expose().clone().into_bytes()))
                }
                Some(_) => Err(format!("`{reference}`: the environment variable is empty")),
                None => Err(format!("`{reference}`: there is no such environment variable in this process")),
            },
            SecretRef::File(path) => {
                let say = |error: std::io::Error| format!("`{reference}` cannot be read: {error}");
                let facts = std::fs::metadata(path).map_err(say)?;
                if facts.len() > LARGEST {
                    return Err(format!("`{reference}` has more than {LARGEST} bytes: this is no secret"));
                }
                warn_if_readable(path);
                let mut bytes = std::fs::read(path).map_err(say)?;
                // One line break at the end is the editor's, not the secret's.
                if bytes.last() == Some(&b'\n') {
                    bytes.pop();
                    if bytes.last() == Some(&b'\r') {
                        bytes.pop();
                    }
                }
                if bytes.is_empty() {
                    return Err(format!("`{reference}` is empty"));
                }
                Ok(Secret::new(bytes))
            }
            SecretRef::Stored(name) => match self.stored.load().get(name) {
                Some(Ok(secret)) => Ok(secret.clone()),
                Some(Err(error)) => Err(format!("`{reference}`: {error}")),
                None => Err(format!(
                    "`{reference}`: there is no such stored secret; set it with the admin API (`PUT /admin/v1/secrets/{name}`)"
                )),
            },
        }
    }
}

impl std::fmt::Debug for SecretReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretReader")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_read_and_each_absence_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &[u8]| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            SecretRef::File(path)
        };
        let environment =
            [("A", "hunter2"), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let reader = SecretReader::new(environment, Custody::new(&Secret::new([1; 32]), &[]));
        let read = |reference: &SecretRef| {
            reader.read(reference).map(|secret| String::from_utf8(secret.expose().clone()).unwrap())
        };
        assert_eq!(read(&SecretRef::Env("A".into())).unwrap(), "hunter2");
        assert_eq!(read(&file("unix", b"s\n\n")).unwrap(), "s\n", "one line break is dropped, not two");
        assert_eq!(read(&file("dos", b"s\r\n")).unwrap(), "s");
        for (reference, what) in [
            (SecretRef::Env("B".into()), "no such environment variable"),
            (SecretRef::Env("EMPTY".into()), "empty"),
            (SecretRef::File(directory.path().join("none")), "cannot be read"),
            (file("empty", b"\n"), "empty"),
            (file("large", &[b'a'; 70_000]), "no secret"),
            (SecretRef::Stored("x".into()), "no such stored secret"),
        ] {
            let error = read(&reference).unwrap_err();
            assert!(error.contains(what) && error.contains(&reference.to_string()), "{error}");
        }
    }
}
