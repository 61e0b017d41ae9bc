//! Realtime sessions: a WebSocket on which both sides send events of JSON, a text message each.
//!
//! The provider's account is ours, so what a caller's events say is read before it goes on: which models they name and, by
//! whoever asks, what they reach for at the provider ([`Event::request`]). What the provider says passes unread but for its
//! figures of usage ([`Spent`]).

mod figures;

pub use figures::{Figures, LONGEST, Spent, Who};

use crate::dialect::request::reach::Rules;
use crate::dialect::request::{Members, Request};
use crate::json::tree::{self, Node, Tree};
use bytes::Bytes;
use portcullis_fault::{Fault, codes};
use serde::Deserialize;
use std::borrow::Cow;
use std::ops::Range;

/// What the events of callers are called. Others are refused: what they would do is not known.
const KINDS: &[&str] = &[
    "conversation.item.create",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "input_audio_buffer.append",
    "input_audio_buffer.clear",
    "input_audio_buffer.commit",
    "output_audio_buffer.clear",
    "response.cancel",
    "response.create",
    "session.update",
    "transcription_session.update",
];

/// Members whose values are the caller's own: what tools take, and labels.
const OPAQUE: &[&str] = &["metadata", "parameters"];

/// How an event's members are read: like a body in which no model is named at the top, and which may name a prompt of the
/// account's.
static EVENT: Members = Members { text: &[], reach: &Rules::RESPONSES, ..Members::PATH };

/// An event of a caller's that was checked.
#[derive(Clone, Debug)]
pub struct Event {
    request: Request,
    models: Vec<Named>,
}

/// A model that an event names.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    /// With the quotes.
    span: Range<usize>,
    /// Whether it is to transcribe what is said.
    listens: bool,
}

impl Event {
    /// Reads a text message of a caller's.
    ///
    /// # Errors
    /// `ai_request_invalid`: no JSON object, an event that is not known, or a model that is named by something else than a text.
    /// `ai_request_ambiguous`: members that two readers could take for different things.
    pub fn read(message: &Bytes) -> Result<Self, Fault> {
        let request = Request::scan(message, &EVENT)?;
        let body = tree::document(message)
            .map_err(|wrong| ambiguous(format!("the event can be read in two ways: {wrong}")))?;
        let Tree::Object(members) = &body.tree else {
            return Err(invalid("the event must be a JSON object"));
        };
        for (name, _) in members {
            if name != "type" && folded(name) == "type" {
                return Err(ambiguous("a member of the event is `type` but for case; write it as `type`"));
            }
        }
        let kind = members.iter().find(|(name, _)| name == "type").and_then(|(_, node)| node.as_str());
        let kind = kind.ok_or_else(|| invalid("member `type` of the event must be a string"))?;
        if !KINDS.contains(&kind) {
            let shown: String = kind.chars().take(64).collect();
            return Err(invalid(format!("there is no event `{shown}` that is passed on")));
        }
        let mut models = Vec::new();
        walk(message, &body, false, &mut models)?;
        // Elsewhere a provider does not read it, and what is heard is not booked to it.
        if !LISTENED_TO.contains(&kind) {
            models.iter_mut().for_each(|named| named.listens = false);
        }
        Ok(Self { request, models })
    }

    /// The event as a body is, for whoever asks what it reaches for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The models that it names.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.models.iter().map(|named| named.name.as_str())
    }

    /// Which of them is to transcribe what is said from now on; `None`: it does not say.
    pub fn listener(&self) -> Option<usize> {
        self.models.iter().rposition(|named| named.listens)
    }

    /// The event with these models' names instead of the caller's, in the order of [`models`](Self::models); `None`: all of it
    /// stays as it is.
    pub fn rewrite(&self, names: &[Cow<'_, str>]) -> Option<Vec<u8>> {
        let body = self.request.body();
        if self.models.iter().zip(names).all(|(named, name)| named.name == **name) {
            return None;
        }
        let mut event = Vec::with_capacity(body.len() + 64);
        let mut from = 0;
        for (named, name) in self.models.iter().zip(names) {
            event.extend_from_slice(&body[from..named.span.start]);
            // A string into memory: cannot fail.
            let _ = serde_json::to_writer(&mut event, name);
            from = named.span.end;
        }
        event.extend_from_slice(&body[from..]);
        Some(event)
    }
}

/// Events that say how a session transcribes.
const LISTENED_TO: &[&str] = &["session.update", "transcription_session.update"];
/// Members that say how what is said is transcribed: within a session's `audio.input`, and what that was before.
const LISTENING: &[&str] = &["transcription", "input_audio_transcription"];

/// Notes every model that is named, in the order in which they stand there. `listens`: whether this says how to transcribe.
fn walk(message: &Bytes, node: &Node<'_>, listens: bool, models: &mut Vec<Named>) -> Result<(), Fault> {
    match &node.tree {
        Tree::Array(items) => items.iter().try_for_each(|item| walk(message, item, false, models)),
        Tree::Object(members) => members.iter().try_for_each(|(name, node)| {
            if OPAQUE.contains(&&**name) {
                return Ok(());
            }
            if folded(name) != "model" {
                return walk(message, node, LISTENING.contains(&&**name), models);
            }
            match &node.tree {
                _ if name != "model" => {
                    Err(ambiguous("a member is `model` but for case; write it as `model`"))
                }
                Tree::Null => Ok(()),
                Tree::String(text) => {
                    // Its text is a slice of the message's.
                    let start = node.raw.as_ptr() as usize - message.as_ptr() as usize;
                    let span = start..start + node.raw.len();
                    models.push(Named { name: text.clone().into_owned(), span, listens });
                    Ok(())
                }
                _ => Err(invalid("member `model` must be a string")),
            }
        }),
        _ => Ok(()),
    }
}

/// A name without what parsers differ about.
fn folded(name: &str) -> String {
    let plain = name.chars().filter(|c| !matches!(c, '_' | '-'));
    plain.flat_map(char::to_lowercase).collect()
}

/// The parameters of the call that opens a session.
pub fn model_of(query: Option<&str>) -> Result<String, Fault> {
    let mut model = None;
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name != "model" {
            let shown: String = name.chars().take(64).collect();
            return Err(invalid(format!(
                "a realtime session is opened with `?model=` and no other parameter, not with `{shown}`"
            )));
        }
        let value = percent_encoding::percent_decode_str(value).decode_utf8();
        let value = value.map_err(|_| invalid("parameter `model` is not UTF-8"))?.into_owned();
        if value.contains('+') {
            // A space to some, and itself to others.
            return Err(ambiguous("parameter `model` has a `+`"));
        }
        if model.replace(value).is_some() {
            return Err(ambiguous("parameter `model` is there twice; send it once"));
        }
    }
    model
        .filter(|model| !model.is_empty())
        .ok_or_else(|| invalid("parameter `model` is missing; it names the model to use"))
}

/// Of the subprotocols that a caller offers, those that its provider is told: not its credential, and not the names of accounts.
pub fn passes(subprotocol: &str) -> bool {
    subprotocol == "realtime" || subprotocol.starts_with("openai-beta.")
}

/// What a provider's event says: whether it is the end of an answer.
#[derive(Deserialize)]
struct Head<'m> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'m, str>,
}

fn invalid(detail: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(codes::AI_REQUEST_INVALID).detail(detail)
}

fn ambiguous(detail: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(codes::AI_REQUEST_AMBIGUOUS).detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(message: &str) -> Result<Event, String> {
        Event::read(&Bytes::copy_from_slice(message.as_bytes()))
            .map_err(|fault| format!("{}: {}", fault.code(), fault.public_detail()))
    }

    #[test]
    fn models_are_found_and_edited_in_place() {
        let message = r#"{"type":"session.update","session":{ "model" : "fast", "tools":[{"type":"function","name":"f","parameters":{"properties":{"model":{"type":"string"}}}}],"audio":{"input":{"transcription":{"model":"li\u0073tener"}}},"metadata":{"model":"mine"}}}"#;
        let event = read(message).unwrap();
        assert_eq!(event.models().collect::<Vec<_>>(), ["fast", "listener"]);
        assert_eq!(event.listener(), Some(1));
        let sent = event.rewrite(&["gpt-realtime".into(), "whisper-1".into()]).unwrap();
        let expected =
            message.replace("\"fast\"", "\"gpt-realtime\"").replace("\"li\\u0073tener\"", "\"whisper-1\"");
        assert_eq!(String::from_utf8(sent).unwrap(), expected);
        assert_eq!(event.rewrite(&["fast".into(), "listener".into()]), None);
        let sound = read(r#"{"type":"input_audio_buffer.append","audio":"AAAA"}"#).unwrap();
        assert_eq!((sound.models().count(), sound.rewrite(&[])), (0, None));
        let before = r#"{"type":"transcription_session.update","session":{"input_audio_transcription":{"model":"ears"}}}"#;
        let plain = r#"{"type":"session.update","session":{"model":"fast","audio":{"input":{"transcription":null}}}}"#;
        assert_eq!((read(before).unwrap().listener(), read(plain).unwrap().listener()), (Some(0), None));
        // What no provider reads says nothing of what is heard.
        let aside = r#"{"type":"input_audio_buffer.clear","transcription":{"model":"ears"}}"#;
        assert_eq!(read(aside).unwrap().listener(), None);
    }

    #[test]
    fn events_that_two_could_read_differently_are_refused() {
        for (message, what) in [
            ("", "ai_request_invalid"),
            ("[]", "ai_request_invalid"),
            ("{}", "`type`"),
            (r#"{"type":7}"#, "`type`"),
            (r#"{"type":"session.delete"}"#, "no event `session.delete`"),
            (r#"{"type":"session.update","type":"response.cancel"}"#, "twice"),
            (r#"{"type":"response.cancel","Type":"session.update"}"#, "but for case"),
            (r#"{"t\u0079pe":"response.cancel"}"#, "escapes"),
            (r#"{"type":"session.update","session":{"model":"a","model":"b"}}"#, "two ways"),
            (r#"{"type":"session.update","session":{"Model":"a"}}"#, "but for case"),
            (r#"{"type":"session.update","session":{"model":["a"]}}"#, "must be a string"),
            (r#"{"type":"session.update","model":"a"}"#, "`model`"),
            (r#"{"type":"response.create","response":{"input":[{"MODEL":"a"}]}}"#, "but for case"),
        ] {
            let refused = read(message).expect_err(message);
            assert!(refused.contains(what), "{refused}: {message}");
        }
    }

    #[test]
    fn a_session_is_opened_with_one_model() {
        assert_eq!(model_of(Some("model=gpt%2Dx")).unwrap(), "gpt-x");
        for query in [
            None,
            Some(""),
            Some("model="),
            Some("model=a&model=b"),
            Some("model=a&call_id=rtc_1"),
            Some("intent=transcription"),
            Some("Model=a"),
            Some("mod%65l=a"),
            Some("model=a+b"),
            Some("model=%ff"),
            Some("model=a;model=b&x"),
        ] {
            assert!(model_of(query).is_err(), "{query:?}");
        }
        assert!(passes("realtime") && passes("openai-beta.realtime-v1"));
        for name in ["openai-insecure-api-key.pck_1", "openai-organization.o", "openai-project.p", "Realtime"]
        {
            assert!(!passes(name), "{name}");
        }
    }
    proptest! {
        /// What is passed on a lenient reader takes for the same: it names the models that were found and no other.
        #[test]
        fn whatever_passes_names_what_was_found(damage in proptest::collection::vec((any::<prop::sample::Index>(), proptest::sample::select(&["", "\"", "{", "}", "[", "]", ",", ":", "\"model\":\"x\",", "\"Model\":\"x\",", "\\u006d", "\"type\":\"x\","][..]), 0_usize..4), 0..4)) {
            let mut message = r#"{"type":"session.update","session":{"model":"fast","audio":{"input":{"transcription":{"model":"ears"}}}}}"#.to_owned();
            for (at, with, over) in damage {
                let at = at.index(message.len() + 1);
                let end = (at + over).min(message.len());
                message.replace_range(at..end, with);
            }
            let message = Bytes::from(message);
            let Ok(event) = Event::read(&message) else { return Ok(()) };
            fn named(value: &serde_json::Value, found: &mut Vec<String>) {
                match value {
                    serde_json::Value::Object(members) => {
                        for (name, value) in members {
                            if let (true, Some(text)) = (name.eq_ignore_ascii_case("model"), value.as_str()) {
                                found.push(text.to_owned());
                            }
                            named(value, found);
                        }
                    }
                    serde_json::Value::Array(items) => items.iter().for_each(|item| named(item, found)),
                    _ => {}
                }
            }
            let mut found = Vec::new();
            named(&serde_json::from_slice(&message).unwrap(), &mut found);
            prop_assert_eq!(event.models().collect::<Vec<_>>(), found);
            let names = vec![Cow::Borrowed("there"); event.models().count()];
            if let Some(sent) = event.rewrite(&names) {
                let again = Event::read(&Bytes::from(sent)).expect("what we send on, we would accept");
                prop_assert!(again.models().all(|model| model == "there"));
            }
        }

        #[test]
        fn any_bytes_at_all(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Event::read(&Bytes::from(message));
        }
    }
}
