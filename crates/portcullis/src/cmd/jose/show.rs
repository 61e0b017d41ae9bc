//! Results on a terminal: the parts of a token, each in its colour; or JSON, where a program reads.

use super::paint::{Ink, harmless};
use super::session::Session;
use super::times;
use crate::failure::Done;
use crate::output;
use portcullis_control::workbench::{Shown, Times};
use serde::Serialize;
use serde_json::Value;

/// Prints an answer: as JSON, or as `text` has it.
pub fn answer(session: &Session<'_>, answer: &impl Serialize, text: impl FnOnce() -> String) -> Done {
    if !session.is_json() {
        return output::write(&text());
    }
    // Only maps with other keys than text do not serialise, and there are none.
    output::json(&serde_json::to_value(answer).unwrap_or_default())
}

/// A part with its heading.
pub fn part(session: &Session<'_>, heading: &str, ink: Ink, value: &Value) -> String {
    let body = session.paint.json(ink, value, 2, |_, _| None);
    format!("{}\n{body}", session.paint.ink(Ink::Strong, heading))
}

/// The claims with their heading, and what their dates mean beside them.
pub fn claims(session: &Session<'_>, heading: &str, value: &Value, times: &Times) -> String {
    let body = session.paint.json(Ink::Payload, value, 2, |name, value| times::beside(name, value, times));
    format!("{}\n{body}", session.paint.ink(Ink::Strong, heading))
}

/// A payload that is no JSON object: as text.
pub fn text_part(session: &Session<'_>, heading: &str, ink: Ink, text: &str) -> String {
    let heading = session.paint.ink(Ink::Strong, heading);
    let lines: String =
        text.lines().map(|line| format!("  {}\n", session.paint.ink(ink, &harmless(line)))).collect();
    format!("{heading}\n{lines}")
}

/// A payload that is no claims set.
pub fn payload(session: &Session<'_>, shown: &Shown) -> String {
    match (&shown.text, &shown.base64url) {
        (Some(text), _) => text_part(session, "payload", Ink::Payload, text),
        (None, bytes) => text_part(
            session,
            "payload (no text; in base64url)",
            Ink::Payload,
            bytes.as_deref().unwrap_or_default(),
        ),
    }
}

/// A compact token, part by part in the colours of its parts; anything else as it is. On a terminal only: a program
/// gets the token and nothing else.
pub fn token(session: &Session<'_>, token: &str) -> String {
    let signed = [Ink::Header, Ink::Payload, Ink::Signature];
    let encrypted = [Ink::Header, Ink::Key, Ink::Iv, Ink::Payload, Ink::Signature];
    let parts: Vec<&str> = token.split('.').collect();
    let inks: &[Ink] = match parts.len() {
        3 => &signed,
        5 => &encrypted,
        _ => return token.to_owned(),
    };
    if token.starts_with('{') {
        return token.to_owned();
    }
    let parts: Vec<String> =
        parts.iter().zip(inks).map(|(part, ink)| session.paint.ink(*ink, part)).collect();
    parts.join(".")
}
