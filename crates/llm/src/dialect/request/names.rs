//! The names of one object's members: each once, plainly written, and none that another parser takes for one of ours.

use super::{ambiguous, invalid};
use crate::json::strict::Quoted;
use portcullis_fault::Fault;

/// Members of one object; the API defines about 40 at the top level.
const MAX_MEMBERS: usize = 128;

/// Names that a parser which folds case must not take for another member: what we decide by.
const FOLDED: &[&str] = &["model", "stream", "stream_options", "include_usage"];

/// Members by which aggregators behind us (OpenRouter, LiteLLM and their like) let a caller choose other models than the
/// one that was authorised. The API itself has none of them.
const ROUTING: &[&str] = &["models", "fallbacks"];

/// Whether a parser that folds case, or takes brackets for an array, would take this name of a form's field for one that
/// we decide by, or an aggregator for one that chooses other models; the name that it would take it for.
pub(super) fn shadows(written: &str) -> Option<&'static str> {
    let stem = written.split(['[', '.']).next().unwrap_or_default();
    let known = FOLDED.iter().find(|known| **known != written && folds_to(stem.as_bytes(), known));
    known.or_else(|| ROUTING.iter().find(|routing| folds_to(stem.as_bytes(), routing))).copied()
}

/// The names of one object, to find one that is there twice.
pub(super) struct Names<'a> {
    body: &'a [u8],
    seen: [(usize, usize); MAX_MEMBERS],
    len: usize,
    /// Whether `max_tokens` and `maxTokens` are one name, as in the JSON of protocol buffers.
    either_case: bool,
}

impl<'a> Names<'a> {
    /// Of an object in `body`.
    pub(super) fn new(body: &'a [u8], either_case: bool) -> Self {
        Self { body, seen: [(0, 0); MAX_MEMBERS], len: 0, either_case }
    }

    /// Takes the next name; `within` is what stands before it in messages.
    pub(super) fn add(&mut self, name: &Quoted, within: &str) -> Result<(), Fault> {
        let (span, written) = (name.inside.clone(), &self.body[name.inside.clone()]);
        let at = span.start - 1;
        if name.escaped {
            return Err(ambiguous(format!(
                "{} is written with escapes, at byte {at}; write its name plainly",
                member(within, written)
            )));
        }
        let same = |other: &[u8]| other == written || self.either_case && joined(other).eq(joined(written));
        if self.seen[..self.len].iter().any(|(start, end)| same(&self.body[*start..*end])) {
            return Err(ambiguous(format!(
                "{} is there twice, the second time at byte {at}; send it once",
                member(within, written)
            )));
        }
        if let Some(known) =
            FOLDED.iter().find(|known| known.as_bytes() != written && folds_to(written, known))
        {
            return Err(ambiguous(format!(
                "{} is `{known}` but for case, at byte {at}; write it as `{known}`",
                member(within, written)
            )));
        }
        if within.is_empty() && ROUTING.iter().any(|routing| folds_to(written, routing)) {
            let member = member(within, written);
            return Err(invalid(format!(
                "{member} could choose other models than `model` names, at byte {at}; leave it out"
            )));
        }
        let Some(room) = self.seen.get_mut(self.len) else {
            return Err(invalid(format!(
                "{} at byte {at} is one too many; an object here has at most {MAX_MEMBERS}",
                member(within, written)
            )));
        };
        *room = (span.start, span.end);
        self.len += 1;
        Ok(())
    }
}

/// A name without what tells `snake_case` from `camelCase`.
fn joined(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().filter(|byte| **byte != b'_').map(u8::to_ascii_lowercase)
}

/// Whether `written` is `known` under Unicode's simple case folding, in which `ſ` is an `s` and the Kelvin sign a `k`.
fn folds_to(written: &[u8], known: &str) -> bool {
    // `ſ` takes two bytes and the Kelvin sign three.
    if written.len() < known.len() || written.len() > known.len() * 3 {
        return false;
    }
    let Ok(written) = std::str::from_utf8(written) else { return false };
    let folded = written.chars().map(|c| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        _ => c.to_ascii_lowercase(),
    });
    folded.eq(known.chars())
}

/// A name from outside, short enough to repeat.
fn member(within: &str, written: &[u8]) -> String {
    let name: String = String::from_utf8_lossy(written).chars().take(64).collect();
    format!("member `{within}{name}`")
}
