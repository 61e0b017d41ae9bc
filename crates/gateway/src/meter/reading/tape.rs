//! What an AI answer runs through on its way: a scanner beside bytes that pass, or a translator.

use bytes::Bytes;
use http::HeaderValue;
use portcullis_llm::dialect::chat::{Unreadable, Watch};
use portcullis_llm::dialect::openai::{Ending, UsageScanner};
use portcullis_llm::stream::boundary::Boundary;
use portcullis_llm::translate;
use portcullis_model::Usage;
use std::collections::VecDeque;

/// What an answer runs through.
#[expect(
    clippy::large_enum_variant,
    reason = "the usual one is the large one, and what reads an answer is in a box already"
)]
pub(crate) enum Tape {
    /// OpenAI's own: bytes pass, but for the usage that nobody asked for.
    Scan(UsageScanner),
    /// Another dialect's own: bytes pass.
    Watch(Watched),
    /// From one dialect into another, as a stream.
    Translate(Box<translate::Stream>),
}

/// Bytes that pass, watched.
pub(crate) struct Watched {
    watch: Box<dyn Watch>,
    /// The place in the stream; `None`: it is none, or none that an event can be put into.
    boundary: Option<Boundary>,
    interrupted: bool,
}

impl Watched {
    /// Watches an answer of this `Content-Type`.
    pub(crate) fn new(watch: Box<dyn Watch>, content_type: Option<&HeaderValue>) -> Self {
        Self { watch, boundary: Boundary::of(content_type), interrupted: false }
    }
}

impl Tape {
    /// Takes the next bytes and appends what goes to the caller now.
    pub(super) fn feed(&mut self, bytes: Bytes, ready: &mut VecDeque<Bytes>) -> Result<(), Unreadable> {
        match self {
            Self::Scan(scanner) => scanner.feed(bytes, ready),
            Self::Watch(watched) => {
                if !watched.interrupted && !bytes.is_empty() {
                    watched.watch.feed(&bytes);
                    if let Some(boundary) = &mut watched.boundary {
                        boundary.feed(&bytes);
                    }
                    ready.push_back(bytes);
                }
            }
            Self::Translate(stream) => {
                // About as long in another dialect as in the first.
                let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 2);
                let fed = stream.feed(&bytes, &mut out);
                push(out, ready);
                return fed;
            }
        }
        Ok(())
    }

    /// The answer's body is at its end: appends what still waits, says how it ended.
    pub(super) fn finish(&mut self, ready: &mut VecDeque<Bytes>) -> Ending {
        match self {
            Self::Scan(scanner) => scanner.finish(ready),
            Self::Watch(watched) => match (watched.watch.is_failed(), watched.watch.may_end()) {
                (true, _) => Ending::Failed,
                (false, true) => Ending::Complete,
                (false, false) => Ending::Cut,
            },
            Self::Translate(stream) => {
                let mut out = Vec::new();
                let ending = stream.finish(&mut out);
                push(out, ready);
                ending
            }
        }
    }

    /// Ends a stream with this event of ours; false where there is no way to put one in.
    pub(super) fn interrupt(&mut self, event: Bytes, ready: &mut VecDeque<Bytes>) -> bool {
        match self {
            Self::Scan(scanner) => scanner.interrupt(event, ready),
            Self::Watch(watched) => {
                let Some(apart) = watched.boundary.as_ref().and_then(Boundary::apart) else { return false };
                watched.interrupted = true;
                if !apart.is_empty() {
                    ready.push_back(Bytes::from_static(apart));
                }
                ready.push_back(event);
            }
            // What was written are whole events.
            Self::Translate(_) => ready.push_back(event),
        }
        true
    }

    /// Whether events can be put in: it is a stream.
    pub(super) fn is_stream(&self) -> bool {
        match self {
            Self::Scan(scanner) => scanner.is_stream(),
            Self::Watch(watched) => watched.boundary.is_some(),
            Self::Translate(_) => true,
        }
    }

    /// Whether it said that it is complete: nothing that a caller waits for follows.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Scan(scanner) => scanner.saw_done(),
            Self::Watch(watched) => watched.boundary.is_some() && watched.watch.is_complete(),
            Self::Translate(stream) => stream.ended() == Some(Ending::Complete),
        }
    }

    /// What the provider reported.
    pub(super) fn usage(&self) -> Option<Usage> {
        match self {
            Self::Scan(scanner) => scanner.usage(),
            Self::Watch(watched) => watched.watch.usage(),
            Self::Translate(stream) => stream.usage().map(|tokens| tokens.usage()),
        }
    }

    /// Bytes of generated text.
    pub(super) fn text_bytes(&self) -> u64 {
        match self {
            Self::Scan(scanner) => scanner.text_bytes(),
            Self::Watch(watched) => watched.watch.text_bytes(),
            Self::Translate(stream) => stream.text_bytes(),
        }
    }
}

fn push(out: Vec<u8>, ready: &mut VecDeque<Bytes>) {
    if !out.is_empty() {
        ready.push_back(out.into());
    }
}
