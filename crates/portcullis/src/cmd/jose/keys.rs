//! The options that say with which keys: files, key sets, issuers, secrets. Nothing is fetched unless one of them is a
//! URL.

use super::input;
use super::keyfile::{NoKey, given};
use super::paint::harmless;
use super::secret::{self, Encoding, SecretFrom};
use super::session::Session;
use super::web::{Found, Web};
use crate::failure::{Done, Failure};
use clap::Args;
use portcullis_control::workbench::{GivenKey, Problem};
use portcullis_fault::Secret;
use std::path::PathBuf;
use url::Url;

/// Keys for verifying.
#[derive(Args, Clone, Debug, Default)]
pub struct KeyOptions {
    /// A key: JWK, JWK set, PEM, DER, certificate or PKCS#12, or `-` for stdin (repeatable)
    #[arg(long = "key", value_name = "FILE", help_heading = "Keys")]
    pub keys: Vec<String>,
    /// A JWK set: a file, or a URL to fetch it from (repeatable)
    #[arg(long = "jwks", value_name = "FILE|URL", help_heading = "Keys")]
    pub sets: Vec<String>,
    /// An issuer whose key set is found by OpenID discovery; what it signs must have this `iss`
    #[arg(long, value_name = "URL", help_heading = "Keys")]
    pub issuer: Option<String>,
    #[command(flatten)]
    pub secrets: SecretOptions,
    #[command(flatten)]
    pub password: PasswordOption,
    /// Trust these certificates (PEM) when fetching, in place of the public ones
    #[arg(long, value_name = "FILE", help_heading = "Keys")]
    pub ca_file: Option<PathBuf>,
}

/// Shared secrets, by reference.
#[derive(Args, Clone, Debug, Default)]
pub struct SecretOptions {
    /// A shared secret: `env:NAME`, `file:PATH` or `prompt`; never the secret itself (repeatable)
    #[arg(long = "secret-from", value_name = "WHERE", help_heading = "Keys")]
    pub secret_from: Vec<SecretFrom>,
    /// How the secret is written: `utf8`, `base64`, `base64url` or `hex`
    #[arg(
        long = "secret-encoding",
        value_name = "ENCODING",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        help_heading = "Keys"
    )]
    pub encoding: Encoding,
}

/// The password of encrypted keys.
#[derive(Args, Clone, Debug, Default)]
pub struct PasswordOption {
    /// The password of encrypted key files: `env:NAME`, `file:PATH` or `prompt`
    #[arg(long = "password-from", value_name = "WHERE", help_heading = "Keys")]
    pub password_from: Option<SecretFrom>,
}

/// Keys as the workbench takes them, and where each is from.
#[derive(Debug, Default)]
pub struct Keyring {
    /// The keys.
    pub keys: Vec<GivenKey>,
    places: Vec<String>,
}

impl KeyOptions {
    /// Whether none was named.
    pub fn are_none(&self) -> bool {
        self.keys.is_empty()
            && self.sets.is_empty()
            && self.issuer.is_none()
            && self.secrets.secret_from.is_empty()
    }

    /// Reads and fetches all of them.
    ///
    /// # Errors
    /// One of them cannot be read or fetched.
    pub fn read(&self, session: &Session<'_>) -> Done<Keyring> {
        let mut ring = Keyring::default();
        ring.files(&self.keys, &self.password, session)?;
        for place in &self.sets {
            let set = match url(place) {
                Some(url) => Web::new(session.globals, self.ca_file.clone())?.key_set(&url)?.body,
                None => input::place(place, "the key set", &session.stdin)?,
            };
            ring.set(place, &set)?;
        }
        if let Some(issuer) = &self.issuer {
            let Found { url, body, .. } =
                Web::new(session.globals, self.ca_file.clone())?.discover(issuer)?;
            ring.set(url.as_str(), &body)?;
        }
        ring.secrets(&self.secrets, session)?;
        Ok(ring)
    }
}

impl Keyring {
    /// Key files. The password is asked for once, and only if one was named.
    ///
    /// # Errors
    /// One of them cannot be read, or is no key.
    pub fn files(&mut self, places: &[String], password: &PasswordOption, session: &Session<'_>) -> Done {
        if places.is_empty() {
            return Ok(());
        }
        let password = match &password.password_from {
            Some(from) => {
                let read = secret::read(from, Encoding::Utf8, "the password", &session.globals.environment)?;
                let text = String::from_utf8(read.expose().clone());
                let wrong = |_| Failure::usage("the password is not UTF-8 text").at(from.to_string());
                Some(Secret::new(text.map_err(wrong)?))
            }
            None => None,
        };
        for place in places {
            let bytes = Secret::new(input::place(place, "the key", &session.stdin)?);
            let mut key = given(bytes.expose())
                .map_err(|NoKey(what, next)| Failure::usage(what).at(named(place)).next(next))?;
            if let (Some(password), true) = (&password, key.pem.is_some() || key.der.is_some()) {
                key = key.with_password(password.expose().as_str());
            }
            self.add(key, named(place));
        }
        Ok(())
    }

    /// A set that somebody publishes.
    ///
    /// # Errors
    /// Not text.
    pub fn set(&mut self, place: &str, bytes: &[u8]) -> Done {
        let text = std::str::from_utf8(bytes).map_err(|_| {
            Failure::usage("this is no key set: not UTF-8 text").at(named(place)).next("check the address")
        })?;
        self.add(GivenKey::published(text.trim_start_matches('\u{feff}').trim()), named(place));
        Ok(())
    }

    /// Shared secrets.
    ///
    /// # Errors
    /// One of them is not there, or not written as it is said to be.
    pub fn secrets(&mut self, options: &SecretOptions, session: &Session<'_>) -> Done {
        for from in &options.secret_from {
            let read = secret::read(from, options.encoding, "the secret", &session.globals.environment)?;
            self.add(GivenKey::secret(read.expose()), from.to_string());
        }
        Ok(())
    }

    /// One key.
    pub fn of(key: GivenKey, place: &str) -> Self {
        Self { keys: vec![key], places: vec![place.to_owned()] }
    }

    fn add(&mut self, key: GivenKey, place: String) {
        self.keys.push(key);
        self.places.push(place);
    }

    /// The one algorithm for all keys that name none themselves; of several, each is its key's own from now on.
    ///
    /// # Errors
    /// Another number of algorithms than of keys.
    pub fn algorithm(&mut self, algs: &[String]) -> Done<Option<String>> {
        match algs {
            [] => return Ok(None),
            [one] => return Ok(Some(one.clone())),
            several if several.len() == self.keys.len() => {}
            several => {
                return Err(Failure::usage(format!(
                    "{} algorithms, and the number of keys is {}",
                    several.len(),
                    self.keys.len()
                ))
                .next("name one `--alg` for all keys, or one for each in their order"));
            }
        }
        for (key, alg) in self.keys.iter_mut().zip(algs) {
            key.alg = Some(alg.clone());
        }
        Ok(None)
    }

    /// Where the key is that the workbench calls `keys[0]` or `keys[1].keys[3]`.
    pub fn place(&self, name: &str) -> String {
        let inside = name.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
        let place = match inside.and_then(|(index, rest)| Some((index.parse::<usize>().ok()?, rest))) {
            Some((index, rest)) => self.places.get(index).map(|place| (place, rest)),
            // A request with one key calls it `key`.
            None => self.places.first().filter(|_| name.starts_with("key")).map(|place| (place, "")),
        };
        let Some((place, rest)) = place else { return name.to_owned() };
        match rest.strip_prefix(".keys[").and_then(|rest| rest.split_once(']')) {
            Some((member, _)) => format!("{place}, key {member}"),
            None => place.clone(),
        }
    }

    /// What the workbench cannot do, as the command line says it.
    pub fn problem(&self, problem: &Problem) -> Failure {
        let next = match problem.name {
            "pem_encrypted" => "name its password: `--password-from env:NAME|file:PATH|prompt`",
            "key_alg_ambiguous" | "key_management_ambiguous" => "name one: `--alg ALG`",
            "secret_too_short" => {
                "use a longer one, or say how it is written: `--secret-encoding base64|base64url|hex`"
            }
            "secret_is_key" => "give the key with `--key FILE`: a public key as a secret lets anybody forge",
            _ => &problem.next,
        };
        let failure = Failure::usage(harmless(&problem.message)).code(problem.name);
        let failure = if problem.place.is_empty() {
            failure
        } else if problem.place.starts_with("key") {
            failure.at(self.place(&problem.place))
        } else {
            failure.at(option(&problem.place))
        };
        if next.is_empty() { failure } else { failure.next(next.to_owned()) }
    }
}

/// The option that stands for a member of a request.
fn option(member: &str) -> String {
    let name = member.split(['[', '.']).next().unwrap_or(member);
    match name {
        "algorithms" => "--alg".to_owned(),
        "enc" | "claims" | "payload" | "header" | "now" => format!("--{name}"),
        "token" | "message" => format!("the {name}"),
        _ => member.to_owned(),
    }
}

/// A URL, unless it is a file's name.
pub fn url(place: &str) -> Option<Url> {
    let lower = place.get(..8).unwrap_or(place).to_ascii_lowercase();
    if lower.starts_with("https://") || lower.starts_with("http://") { place.parse().ok() } else { None }
}

fn named(place: &str) -> String {
    if place == "-" { "stdin".to_owned() } else { harmless(place) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(count: usize) -> Keyring {
        let mut ring = Keyring::default();
        (0..count).for_each(|index| ring.add(GivenKey::secret(b"x"), format!("file-{index}")));
        ring
    }

    #[test]
    fn algorithms_go_with_keys() {
        let algs = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut two = ring(2);
        assert_eq!(two.algorithm(&[]).unwrap(), None);
        assert_eq!(two.algorithm(&algs(&["a"])).unwrap(), Some("a".to_owned()));
        assert!(two.keys.iter().all(|key| key.alg.is_none()));
        assert_eq!(two.algorithm(&algs(&["a", "b"])).unwrap(), None);
        let own: Vec<_> = two.keys.iter().map(|key| key.alg.as_deref()).collect();
        assert_eq!(own, [Some("a"), Some("b")]);
        for count in [1, 3] {
            assert_eq!(ring(count).algorithm(&algs(&["a", "b"])).unwrap_err().exit_code(), 2);
        }
    }

    #[test]
    fn keys_are_called_by_their_files() {
        let ring = ring(2);
        assert_eq!(ring.place("keys[1]"), "file-1");
        assert_eq!(ring.place("keys[1].keys[3]"), "file-1, key 3");
        assert_eq!(ring.place("keys[0].secret"), "file-0");
        assert_eq!(ring.place("key"), "file-0");
        assert_eq!(ring.place("keys[7]"), "keys[7]");
    }

    #[test]
    fn urls_are_not_files() {
        assert!(url("HTTPS://idp.example/x").is_some() && url("http://[::1]/").is_some());
        assert!(url("jwks.json").is_none() && url("ftp://x/").is_none() && url("https").is_none());
    }
}
