//! Items of reasoning, and what has to come back with them.
//!
//! An item has an id, words (a summary), and encrypted content, of which the vendor wants the id and the content back. In
//! the canonical form both are in one: `responses:rs_1:gAAA…`. Other vendors' signatures and encrypted thoughts travel as the
//! encrypted content of an item: [`signature`] keeps their owners.

use super::NAME;
use crate::canon::{Thinking, signature};
use crate::json::write::Writer;

/// Encrypted content that is a signature over the words, of another vendor.
const SIGNED: &str = "signed:";

/// What of an item has to come back, in the canonical form.
pub(super) enum Kept {
    /// Over the words.
    Signature(String),
    /// In place of words.
    Redacted(String),
}

/// What an item with this id and content keeps. An id alone is one that the provider has stored.
pub(super) fn kept(id: &str, encrypted: Option<&str>) -> Option<Kept> {
    match encrypted.filter(|text| !text.is_empty()) {
        Some(text) => Some(match text.strip_prefix(SIGNED) {
            Some(signed) => Kept::Signature(signature::read(NAME, signed)),
            None if signature::read(NAME, text) == text => Kept::Redacted(text.to_owned()),
            None => Kept::Redacted(format!("{NAME}:{id}:{text}")),
        }),
        None if id.is_empty() => None,
        None => Some(Kept::Signature(format!("{NAME}:{id}"))),
    }
}

/// An item of these words.
pub(super) fn thinking(id: &str, text: String, encrypted: Option<&str>) -> Thinking {
    let mut thinking = Thinking { text, ..Thinking::default() };
    match kept(id, encrypted) {
        Some(Kept::Signature(signed)) => thinking.signature = Some(signed),
        Some(Kept::Redacted(data)) => thinking.redacted = Some(data),
        None => {}
    }
    thinking
}

/// Id and encrypted content of what was thought, for a caller. `given`: an id for what has none.
pub(super) fn to_caller(thinking: &Thinking, given: String) -> (String, Option<String>) {
    if let Some(data) = &thinking.redacted {
        return match signature::to_provider(NAME, data).and_then(|own| own.split_once(':')) {
            Some((id, content)) => (id.to_owned(), Some(content.to_owned())),
            None => (given, Some(data.clone())),
        };
    }
    match &thinking.signature {
        None => (given, None),
        Some(signed) => match signature::to_provider(NAME, signed) {
            Some(id) => (id.to_owned(), None),
            None => (given, Some(format!("{SIGNED}{signed}"))),
        },
    }
}

/// Id and encrypted content of what was thought, for a provider: nothing of another vendor's.
pub(super) fn to_provider(thinking: &Thinking) -> Option<(&str, Option<&str>)> {
    let own = |text: &'_ Option<String>| -> Option<usize> {
        let text = text.as_deref()?;
        signature::to_provider(NAME, text).map(|bare| text.len() - bare.len())
    };
    if let (Some(from), Some(data)) = (own(&thinking.redacted), thinking.redacted.as_deref()) {
        let (id, content) = data[from..].split_once(':')?;
        return Some((id, Some(content)));
    }
    let (from, signed) = (own(&thinking.signature)?, thinking.signature.as_deref()?);
    Some((&signed[from..], None))
}

/// Writes an item. `status` is for answers.
pub(super) fn write(id: &str, text: &str, encrypted: Option<&str>, status: Option<&str>, w: &mut Writer<'_>) {
    w.object(|w| {
        w.member("type", "reasoning");
        w.member("id", id);
        w.name("summary").array(|w| {
            if !text.is_empty() {
                w.object(|w| {
                    w.member("type", "summary_text");
                    w.member("text", text);
                });
            }
        });
        w.maybe("encrypted_content", &encrypted);
        w.maybe("status", &status);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_come_back_does() {
        for (id, encrypted) in [("rs_1", Some("gAAA")), ("rs_1", None)] {
            let thinking = thinking(id, "hm".to_owned(), encrypted);
            assert_eq!(to_provider(&thinking), Some((id, encrypted)));
            let (again, content) = to_caller(&thinking, "rs_9".to_owned());
            assert_eq!((again.as_str(), content.as_deref()), (id, encrypted));
        }
        for foreign in [
            Thinking { signature: Some("anthropic:EqQ".to_owned()), text: "hm".to_owned(), redacted: None },
            Thinking { redacted: Some("gemini:abc".to_owned()), ..Thinking::default() },
        ] {
            assert_eq!(to_provider(&foreign), None);
            let (id, content) = to_caller(&foreign, "rs_9".to_owned());
            assert_eq!(thinking(&id, foreign.text.clone(), content.as_deref()), foreign);
        }
        assert_eq!(to_provider(&Thinking::default()), None);
        assert_eq!(to_caller(&Thinking::default(), "rs_9".to_owned()), ("rs_9".to_owned(), None));
    }
}
