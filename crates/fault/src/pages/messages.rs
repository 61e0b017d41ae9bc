//! The error texts of other libraries and servers, and the code of ours that each stands for: a table, and the look-up of
//! a pasted text in it.
//!
//! The texts are facts about other programs. How each was [checked](Checked) is said beside it, and a version is named
//! only where it is known. Not for our own messages: those have their codes.

mod gateways;
mod go_rust;
mod jvm_dotnet;
mod matching;
mod node;
mod python;
mod scripting;
mod servers;

use crate::Code;
pub(super) use matching::secret;
pub use matching::{INPUT_MAX, Match, explain};

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
    /// The first version that says it, where known: its package was read, and that of the version before.
    pub since: Option<&'static str>,
    /// The first version that no longer says it, where known.
    pub until: Option<&'static str>,
    /// What must be known beside the codes, in English and in Chinese.
    pub note: Option<(&'static str, &'static str)>,
}

/// Where a message's text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Read in, or provoked from, the published package of this version.
    Package(&'static str),
    /// Read in the project's public sources or documentation; of which version is not established.
    Sources,
    /// Quoted alike in several public reports.
    Reports,
}

/// Whether a message is still said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// By the version that was looked at.
    InUse,
    /// No longer by the newest version.
    Gone,
    /// No version was looked at.
    NotDetermined,
}

impl Message {
    const fn of(library: &'static str, checked: Checked, text: &'static str, codes: &'static [Code]) -> Self {
        Self { library, text, codes, umbrella: None, checked, since: None, until: None, note: None }
    }

    const fn under(mut self, umbrella: &'static str) -> Self {
        self.umbrella = Some(umbrella);
        self
    }

    const fn since(mut self, version: &'static str) -> Self {
        self.since = Some(version);
        self
    }

    /// The first version that no longer says it.
    const fn until(mut self, version: &'static str) -> Self {
        self.until = Some(version);
        self
    }

    /// Whether it is still said, as far as that was looked at.
    pub const fn status(&self) -> Status {
        match (self.until, self.checked) {
            (Some(_), _) => Status::Gone,
            (None, Checked::Package(_)) => Status::InUse,
            (None, Checked::Sources | Checked::Reports) => Status::NotDetermined,
        }
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
            // Versions are versions, and one that no longer says it comes after those that do.
            let number = |version: &str| -> Vec<u32> {
                version
                    .split('.')
                    .map(|part| part.parse().unwrap_or_else(|_| panic!("{library}: `{version}`")))
                    .collect()
            };
            let (since, until) = (message.since.map(number), message.until.map(number));
            assert!(until.is_none() || since < until, "{library}: `{text}`");
            assert!(
                since.is_none() || matches!(message.checked, Checked::Package(_)),
                "{library}: `{text}`: a version is named, and no package was looked at"
            );
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
