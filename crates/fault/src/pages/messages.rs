//! The error texts of other libraries and servers, and the code of ours that each stands for: a table, and the look-up of
//! a pasted text in it.
//!
//! The texts are facts about other programs. How each was [checked](Checked) is said beside it, and in which releases it
//! stands, where its library's packages could be read. Not for our own messages: those have their codes.

mod gateways;
mod go_rust;
mod jvm_dotnet;
mod matching;
mod node;
mod python;
mod releases;
mod scripting;
mod servers;

use crate::Code;
pub(super) use matching::secret;
pub use matching::{INPUT_MAX, Match, explain};
pub use releases::{Found, READ_ON, Releases, Why};

/// One message of one library or server.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// Who says it.
    pub library: &'static str,
    /// Its stable words in order, with `{name}` where a value stands.
    pub text: &'static str,
    /// The codes it can stand for, the likeliest first.
    pub codes: &'static [Code],
    /// The page about a message that several codes share, by its slug.
    pub umbrella: Option<&'static str>,
    /// How the text was checked.
    pub checked: Checked,
    /// What must be known beside the codes, in English and in Chinese.
    pub note: Option<(&'static str, &'static str)>,
}

/// Where a message's text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Read in the library's published releases: [`Message::releases`] says in which.
    Released,
    /// Read in the project's public sources or documentation; of which version is not established.
    Sources,
    /// Quoted alike in several public reports.
    Reports,
}

/// Whether a message is still said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// By the newest release.
    InUse,
    /// Since this release the library says something else for the same code.
    Changed(&'static str),
    /// Since this release it is not said.
    Gone(&'static str),
    /// No release was looked at.
    NotDetermined(Why),
}

impl Message {
    const fn of(library: &'static str, checked: Checked, text: &'static str, codes: &'static [Code]) -> Self {
        Self { library, text, codes, umbrella: None, checked, note: None }
    }

    const fn under(mut self, umbrella: &'static str) -> Self {
        self.umbrella = Some(umbrella);
        self
    }

    /// The releases of its library, and where it was found in them; nothing where none was looked at.
    pub fn releases(&self) -> Option<(&'static Releases, &'static Found)> {
        releases::find(self.library, self.text)
    }

    /// Whether it is still said, as far as that was looked at.
    pub fn status(&self) -> Status {
        let Some((_, found)) = self.releases() else {
            return Status::NotDetermined(releases::why(self.library));
        };
        let Some(gone) = found.gone else {
            return Status::InUse;
        };
        // What the same library says for the same code from that very release on has taken its place.
        let replaced = all().any(|other| {
            other.library == self.library
                && other.codes.iter().any(|code| self.codes.contains(code))
                && other.releases().is_some_and(|(_, other)| other.first == gone)
        });
        if replaced { Status::Changed(gone) } else { Status::Gone(gone) }
    }

    const fn note(mut self, english: &'static str, chinese: &'static str) -> Self {
        self.note = Some((english, chinese));
        self
    }

    /// The name of the page to read first: the umbrella's, or the likeliest code's.
    pub fn page(&self) -> &'static str {
        // Every row has a code: a test holds it.
        self.umbrella.unwrap_or_else(|| self.codes.first().map_or("", |code| code.name()))
    }
}

/// Every message, by kind of library.
pub fn all() -> impl Iterator<Item = &'static Message> {
    [
        python::MESSAGES,
        node::MESSAGES,
        jvm_dotnet::MESSAGES,
        go_rust::MESSAGES,
        scripting::MESSAGES,
        gateways::MESSAGES,
        servers::MESSAGES,
    ]
    .into_iter()
    .flatten()
}

/// The messages that can stand for `code`, those that mean nothing else first.
pub fn of(code: Code) -> Vec<&'static Message> {
    let mut found: Vec<_> = all().filter(|message| message.codes.contains(&code)).collect();
    found.sort_by_key(|message| message.codes.len());
    found
}

/// The messages that the umbrella page `slug` is about.
pub fn under(slug: &str) -> Vec<&'static Message> {
    all().filter(|message| message.umbrella == Some(slug)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::umbrella;
    use std::collections::BTreeSet;

    #[test]
    fn rows_are_sound() {
        let mut seen = BTreeSet::new();
        let mut libraries = BTreeSet::new();
        for message in all() {
            let Message { library, text, codes, umbrella, .. } = message;
            assert!(seen.insert((library, text.to_lowercase())), "{library}: `{text}` is there twice");
            libraries.insert(library);
            assert!(!codes.is_empty(), "{library}: `{text}` stands for nothing");
            assert!(
                codes.iter().collect::<Vec<_>>().len()
                    == codes.iter().map(|code| code.name()).collect::<BTreeSet<_>>().len(),
                "{library}: `{text}` names a code twice"
            );
            if let Some(slug) = umbrella {
                let page = umbrella::find(slug).unwrap_or_else(|| panic!("{library}: no page `{slug}`"));
                for code in *codes {
                    assert!(page.codes.contains(code), "{library}: `{text}`: `{slug}` does not cover {code}");
                }
            }
            assert!(
                codes.len() == 1 || umbrella.is_some() || message.note.is_some(),
                "{library}: `{text}` stands for several codes, and nothing says when for which"
            );
            // Published as Markdown tables: a bar would open a cell, a backtick end the code span.
            let (english, chinese) = message.note.unwrap_or_default();
            for part in [text, library, english, chinese] {
                assert!(!part.contains('|') && !part.contains('\n'), "{library}: `{part}`");
            }
            assert!(!text.contains('`') && english.is_ascii() && (english.is_empty() == chinese.is_empty()));
        }
        assert!(seen.len() >= 350, "{} messages", seen.len());
        assert!(libraries.len() >= 50, "{} libraries", libraries.len());
    }

    /// Each row's own text, with something in its places, leads back to the row, and no wrong page comes before it.
    #[test]
    fn every_row_is_found_by_its_own_text() {
        for message in all() {
            let filled = fill(message.text);
            for text in [
                filled.clone(),
                format!("2026-11-22 ERROR auth: {filled}\n    at handler (app.js:3)"),
                format!("{{\"error\":\"{}\"}}", filled.replace('"', "\\\"").to_uppercase()),
            ] {
                let found = explain(&text);
                let at = found.iter().position(|found| {
                    found.message.text == message.text && found.message.library == message.library
                });
                assert!(at.is_some(), "{}: `{text}` is not found", message.library);
            }
            let first = explain(&filled);
            assert!(
                first.first().is_some_and(|first| first
                    .message
                    .codes
                    .iter()
                    .any(|code| message.codes.contains(code))),
                "{}: `{filled}` leads to `{}` of {}",
                message.library,
                first[0].message.text,
                first[0].message.library,
            );
        }
    }

    fn fill(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            out.push_str("zz9");
            rest = after.split_once('}').expect("closed").1;
        }
        out + rest
    }
}
