//! Answers whose bytes pass: what they used, and whether they were whole.

use super::answer::Usage;
use crate::dialect::chat::Watch;
use crate::json::push::{Sink, Tokenizer};
use crate::stream::eventstream;
use portcullis_model::Usage as Used;
use serde::Deserialize;
use std::borrow::Cow;

/// Looks at a stream.
#[derive(Debug, Default)]
pub(super) struct Frames {
    frames: eventstream::Reader,
    usage: Option<Usage>,
    text: u64,
    stopped: bool,
    complete: bool,
    failed: bool,
}

#[derive(Deserialize)]
struct Metadata {
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Went<'a> {
    #[serde(borrow, default)]
    delta: DeltaOf<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct DeltaOf<'a> {
    #[serde(borrow)]
    text: Said<'a>,
    #[serde(borrow)]
    tool_use: Input<'a>,
    #[serde(borrow)]
    reasoning_content: Thoughts<'a>,
}

#[derive(Deserialize, Default)]
#[serde(transparent)]
struct Said<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize, Default)]
#[serde(default)]
struct Input<'a> {
    #[serde(borrow)]
    input: Said<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Thoughts<'a> {
    #[serde(borrow)]
    text: Said<'a>,
}

impl Watch for Frames {
    fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        // What is no stream can only be passed on; it never becomes complete.
        while let Ok(Some(message)) = self.frames.next(&mut rest) {
            if matches!(message.text(":message-type"), Some("exception" | "error")) {
                self.failed = true;
                continue;
            }
            match message.text(":event-type") {
                Some("contentBlockDelta") => {
                    if let Ok(Went { delta }) = serde_json::from_slice(message.payload) {
                        let said = [delta.text, delta.tool_use.input, delta.reasoning_content.text];
                        self.text += said.iter().map(|said| said.0.len() as u64).sum::<u64>();
                    }
                }
                Some("messageStop") => self.stopped = true,
                Some("metadata") => {
                    if let Ok(Metadata { usage: Some(usage) }) = serde_json::from_slice(message.payload) {
                        self.usage = Some(usage);
                    }
                    // It comes behind the stop, as the last.
                    self.complete = self.stopped && !self.failed;
                }
                _ => {}
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.complete
    }

    fn is_failed(&self) -> bool {
        self.failed
    }

    fn usage(&self) -> Option<Used> {
        self.usage.map(|usage| usage.tokens().usage())
    }

    fn text_bytes(&self) -> u64 {
        self.text
    }
}

/// Looks at an answer that comes as one document.
#[derive(Debug, Default)]
pub(super) struct Whole {
    place: Tokenizer,
    seen: Seen,
}

#[derive(Debug, Default)]
struct Seen {
    /// The member of the outermost object that is read.
    at: Member,
    counting: Option<Count>,
    usage: Usage,
    told: bool,
    text: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Member {
    #[default]
    Other,
    Output,
    Usage,
}

#[derive(Clone, Copy, Debug)]
enum Count {
    Input,
    Output,
    Read,
    Written,
}

impl Sink for Seen {
    fn name(&mut self, name: &[u8], depth: u32) {
        if depth == 1 {
            self.at = match name {
                b"output" => Member::Output,
                b"usage" => Member::Usage,
                _ => Member::Other,
            };
        }
        self.counting = match name {
            _ if self.at != Member::Usage || depth != 2 => None,
            b"inputTokens" => Some(Count::Input),
            b"outputTokens" => Some(Count::Output),
            b"cacheReadInputTokens" => Some(Count::Read),
            b"cacheWriteInputTokens" => Some(Count::Written),
            _ => None,
        };
    }

    fn open(&mut self, _: bool, _: u32) {}

    fn close(&mut self, _: u32) {}

    fn string(&mut self, _: u32) {}

    fn text(&mut self, bytes: &[u8]) {
        if self.at == Member::Output {
            self.text += bytes.len() as u64;
        }
    }

    fn scalar(&mut self, word: &[u8], _: u32) {
        let Some(count) = self.counting.take() else { return };
        let Some(number) = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()) else { return };
        self.told = true;
        match count {
            Count::Input => self.usage.input_tokens = number,
            Count::Output => self.usage.output_tokens = number,
            Count::Read => self.usage.cache_read_input_tokens = Some(number),
            Count::Written => self.usage.cache_write_input_tokens = Some(number),
        }
    }
}

impl Watch for Whole {
    fn feed(&mut self, bytes: &[u8]) {
        self.place.feed(bytes, &mut self.seen);
    }

    fn is_complete(&self) -> bool {
        self.place.closed() && !self.place.broken()
    }

    fn is_failed(&self) -> bool {
        false
    }

    fn usage(&self) -> Option<Used> {
        self.seen.told.then(|| self.seen.usage.tokens().usage())
    }

    fn text_bytes(&self) -> u64 {
        self.seen.text
    }
}
