//! Images, audio and moderations: what of their requests decides something, and what their answers say of usage.
//!
//! They pass to providers that have the same operations, and are translated for nobody.

mod figures;
mod watch;

use self::watch::Watcher;
use crate::dialect::Operation;
use crate::dialect::chat::Watch;
use crate::dialect::request::{Members, Request, Syntax};
use http::HeaderValue;
use serde::Deserialize;
use std::borrow::Cow;

/// Of images to be made.
pub(super) static IMAGES: Members = Members { max_tokens: false, text: &["prompt"], ..Members::BODY };

/// Of images to be changed: a form with them, or JSON that names them by URL or as files of the account.
pub(super) static IMAGE_EDITS: Members = Members { syntax: Syntax::FormOrJson, ..IMAGES };

/// Of images to be varied.
pub(super) static IMAGE_FORM: Members = Members { syntax: Syntax::Form, ..IMAGES };

/// Of recordings.
pub(super) static AUDIO_FORM: Members = Members { syntax: Syntax::Form, ..IMAGES };

/// Of what is to be spoken. Whether it comes as events is `stream_format`'s matter; it is a stream either way.
pub(super) static SPEECH: Members = Members { stream: false, text: &["input", "instructions"], ..IMAGES };

/// Of what is to be judged. The vendor's libraries leave the model to the vendor; here there has to be one that it can be.
pub(super) static MODERATIONS: Members =
    Members { stream: false, model_optional: true, text: &["input"], ..IMAGES };

/// What an answer is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    /// Images made, by the piece or in tokens.
    Images,
    /// What was heard, in seconds or tokens.
    Heard,
    /// What is spoken: so many characters, where the answer does not say.
    Spoken {
        /// Of the text.
        characters: u64,
    },
    /// Tokens, where there are any.
    Judged,
}

/// What an answer is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Events of JSON.
    Events,
    /// One JSON document.
    Json,
    /// Sound, text, subtitles: nothing that says how it ends.
    Plain,
}

impl Form {
    fn of(content_type: Option<&HeaderValue>) -> Self {
        let essence = content_type
            .and_then(|value| value.as_bytes().split(|byte| *byte == b';').next())
            .unwrap_or_default()
            .trim_ascii();
        if essence.eq_ignore_ascii_case(b"text/event-stream") {
            Self::Events
        } else if essence.eq_ignore_ascii_case(b"application/json") {
            Self::Json
        } else {
            Self::Plain
        }
    }
}

/// What looks at an answer to one of these operations.
pub(super) fn watch(
    operation: Operation,
    asked: &Request,
    content_type: Option<&HeaderValue>,
) -> Option<Box<dyn Watch>> {
    let counted = match operation {
        Operation::Images | Operation::ImageEdits | Operation::ImageVariations => Counted::Images,
        Operation::Transcriptions | Operation::Translations => Counted::Heard,
        Operation::Speech => Counted::Spoken { characters: spoken(asked.body()) },
        Operation::Moderations => Counted::Judged,
        _ => return None,
    };
    Some(Box::new(Watcher::new(counted, Form::of(content_type))))
}

/// Characters that are to be spoken.
fn spoken(body: &[u8]) -> u64 {
    #[derive(Deserialize)]
    struct Spoken<'b> {
        #[serde(borrow, default)]
        input: Cow<'b, str>,
    }
    // Of another type: the provider's to refuse.
    serde_json::from_slice::<Spoken<'_>>(body).map_or(0, |spoken| spoken.input.chars().count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_not_bytes() {
        assert_eq!(spoken(r#"{"model":"m","input":"h\u00e9llo \"é"}"#.as_bytes()), 8);
        assert_eq!(spoken(br#"{"input":7}"#), 0);
    }

    #[test]
    fn the_form_is_what_the_answer_says() {
        for (kind, form) in [
            ("text/event-stream; charset=utf-8", Form::Events),
            ("Application/JSON", Form::Json),
            ("audio/mpeg", Form::Plain),
            ("text/plain", Form::Plain),
        ] {
            assert_eq!(Form::of(Some(&HeaderValue::from_static(kind))), form, "{kind}");
        }
        assert_eq!(Form::of(None), Form::Plain);
    }
}
