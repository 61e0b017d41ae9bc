//! `portcullis jose jwks`: key sets as issuers publish them.

mod audit;
mod diff;
mod fetch;

use super::paint::harmless;
use super::session::Session;
use super::web::{Found, Web};
use super::{input, keys};
use crate::failure::{Done, Failure};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Fetch, audit and compare key sets
#[derive(Args, Debug)]
#[command(after_help = "\
After a rotation: what is published now, what is weak about it, and what is
different from what was kept.

Examples:
  portcullis jose jwks fetch --issuer https://idp.example.com --out new-1.json
  portcullis jose jwks audit https://idp.example.com/jwks.json
  portcullis jose jwks diff new.json https://idp.example.com/jwks.json")]
pub struct Jwks {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Fetch(fetch::Fetch),
    Audit(audit::Audit),
    Diff(diff::Diff),
}

impl Jwks {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        match self.verb {
            Verb::Fetch(verb) => verb.run(session),
            Verb::Audit(verb) => verb.run(session),
            Verb::Diff(verb) => verb.run(session),
        }
    }
}

/// Where a key set is, besides a file or URL as the argument.
#[derive(Args, Clone, Debug, Default)]
pub struct SetOptions {
    /// An issuer whose key set is found by OpenID discovery
    #[arg(long, value_name = "URL", conflicts_with = "set")]
    pub issuer: Option<String>,
    /// Trust these certificates (PEM) when fetching, in place of the public ones
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

impl SetOptions {
    /// The set's text, and where it is from.
    ///
    /// # Errors
    /// It cannot be read or fetched.
    fn read(&self, place: Option<&str>, session: &Session<'_>) -> Done<(String, String)> {
        let (bytes, place) = if self.issuer.is_some() || place.is_some_and(|place| keys::url(place).is_some())
        {
            let found = self.fetch(place, session)?;
            (found.body, found.url.to_string())
        } else {
            let place = place.unwrap_or("-");
            let named = if place == "-" { "stdin".to_owned() } else { harmless(place) };
            (input::place(place, "the key set", &session.stdin)?, named)
        };
        let text = text(&bytes, &place)?.to_owned();
        Ok((text, place))
    }

    fn fetch(&self, place: Option<&str>, session: &Session<'_>) -> Done<Found> {
        let web = Web::new(session.globals, self.ca_file.clone())?;
        match (&self.issuer, place) {
            (Some(issuer), _) => web.discover(issuer),
            (None, Some(place)) => match keys::url(place) {
                Some(url) => web.key_set(&url),
                None => Err(Failure::usage("not an http or https URL").at(harmless(place))),
            },
            (None, None) => {
                Err(Failure::usage("there is nothing to fetch").next("name a URL, or `--issuer URL`"))
            }
        }
    }
}

/// The text of a key set, without the mark that some editors begin a file with.
fn text<'b>(bytes: &'b [u8], place: &str) -> Done<&'b str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.trim_start_matches('\u{feff}').trim()),
        Err(_) => Err(Failure::usage("this is no key set: not UTF-8 text").at(place.to_owned())),
    }
}
