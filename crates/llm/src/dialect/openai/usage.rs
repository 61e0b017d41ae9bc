//! Watches an answer while it passes by: usage, how it ended, and the one chunk that the caller did not ask for.

use super::facts::Reader;
use crate::stream::sse::{Kind, Scanner};
use bytes::{Bytes, BytesMut};
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;
use std::collections::VecDeque;

/// Reads an answer's facts while it passes by, and hides the usage-only chunk of a stream when told to.
///
/// Bytes go on as they came, as slices of the chunks they came in, and at once, with one exception: with `hide_usage`,
/// an event that could still turn out to be the usage-only chunk waits for its end. That is at most the part of one event
/// from its first line on; comments between events never wait, an event that shows a choice, an error or anything but
/// JSON stops waiting there, and none waits past 16 KiB. Without `hide_usage` nothing waits at all.
#[derive(Debug)]
pub struct UsageScanner {
    reader: Reader,
    stream: Option<Stream>,
    interrupted: bool,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All of it came.
    Complete,
    /// The provider ended it with an error of its own.
    Failed,
    /// The model broke off before it said anything, and the caller was told: what was asked may have brought it about.
    /// Of translated streams only.
    Nothing,
    /// It broke off.
    Cut,
}

/// An event that holds back more than this is none of the usage-only chunks that exist (about 500 bytes).
const MAX_HELD: usize = 16 * 1024;

const DONE: &[u8] = b"[DONE]";

#[derive(Debug)]
struct Stream {
    scanner: Scanner,
    hide_usage: bool,
    /// The event under way goes out as it comes.
    shown: bool,
    /// The event before this byte was hidden.
    hid: bool,
    /// What waits, of earlier chunks.
    held: BytesMut,
    /// Start of the event's data, without leading white space; enough to know `[DONE]`.
    data: Prefix,
    kind: Prefix,
    done: bool,
    failed: bool,
}

impl UsageScanner {
    /// For a JSON answer.
    pub fn json() -> Self {
        Self { reader: Reader::default(), stream: None, interrupted: false }
    }

    /// For a stream. `hide_usage`: drop the usage-only chunk, because the caller did not ask for it.
    pub fn stream(hide_usage: bool) -> Self {
        let stream = Stream {
            scanner: Scanner::new(),
            hide_usage,
            shown: false,
            hid: false,
            held: BytesMut::new(),
            data: Prefix::default(),
            kind: Prefix::default(),
            done: false,
            failed: false,
        };
        Self { stream: Some(stream), ..Self::json() }
    }

    /// By the answer's `Content-Type`: `text/event-stream` is a stream, everything else is taken for JSON.
    pub fn of(content_type: Option<&http::HeaderValue>, hide_usage: bool) -> Self {
        let essence = content_type
            .and_then(|value| value.as_bytes().split(|byte| *byte == b';').next())
            .unwrap_or_default();
        if essence.trim_ascii().eq_ignore_ascii_case(b"text/event-stream") {
            Self::stream(hide_usage)
        } else {
            Self::json()
        }
    }

    /// Takes the next bytes of the answer and appends to `forward` what goes to the caller now.
    pub fn feed(&mut self, chunk: Bytes, forward: &mut VecDeque<Bytes>) {
        if self.interrupted || chunk.is_empty() {
            return;
        }
        match &mut self.stream {
            Some(stream) => stream.feed(chunk, &mut self.reader, forward),
            None => {
                self.reader.feed(&chunk);
                forward.push_back(chunk);
            }
        }
    }

    /// The answer's body is at its end, cleanly or not: appends what still waits and is whole, says how it ended. An event
    /// without its final blank line is forwarded when its JSON is complete, for servers that forget the line, and dropped
    /// otherwise, as WHATWG HTML §9.2.6 has it.
    pub fn finish(&mut self, forward: &mut VecDeque<Bytes>) -> Ending {
        let Some(stream) = &mut self.stream else {
            return match (self.reader.closed(), self.reader.broken()) {
                (true, _) if self.reader.error() => Ending::Failed,
                (true, _) => Ending::Complete,
                // Not JSON, so we cannot tell; the transport can.
                (_, true) => Ending::Complete,
                _ => Ending::Cut,
            };
        };
        if stream.scanner.in_event() {
            let whole = self.reader.closed();
            stream.note_end(&mut self.reader);
            let held = std::mem::take(&mut stream.held);
            if whole && !held.is_empty() && !stream.hid && !self.interrupted {
                forward.push_back(held.freeze());
            }
        }
        match stream {
            Stream { failed: true, .. } => Ending::Failed,
            Stream { done: true, .. } => Ending::Complete,
            // Some vendors end without `[DONE]`.
            _ if self.reader.totals().finished => Ending::Complete,
            _ => Ending::Cut,
        }
    }

    /// Ends a stream from our side: appends `event` ([`error_event`](super::error_event)), set apart from a half-sent one;
    /// nothing fed later is forwarded. To a JSON answer nothing can be added: there it only stops, and the connection
    /// must be broken off. What was appended to `forward` before must be sent before: without it the caller might stand in
    /// the middle of an event that this scanner believes complete.
    pub fn interrupt(&mut self, event: Bytes, forward: &mut VecDeque<Bytes>) {
        if std::mem::replace(&mut self.interrupted, true) {
            return;
        }
        let Some(stream) = &mut self.stream else { return };
        // What waits was not sent: the caller stands at the end of an event then.
        let half = stream.held.is_empty() && (stream.scanner.in_event() || !stream.scanner.at_line_start());
        stream.held.clear();
        if half {
            // Two, for a CR before the first one makes a single line end of both.
            forward.push_back(Bytes::from_static(b"\n\n"));
        }
        forward.push_back(event);
    }

    /// Whether this is a stream of events.
    pub fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// Whether `[DONE]` came.
    pub fn saw_done(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.done)
    }

    /// Whether the answer has said that it is complete.
    pub fn is_complete(&self) -> bool {
        match &self.stream {
            Some(stream) => stream.done || self.reader.totals().finished,
            None => self.reader.closed(),
        }
    }

    /// Whether the provider ended it with an error of its own.
    pub fn is_failed(&self) -> bool {
        match &self.stream {
            Some(stream) => stream.failed,
            None => self.reader.closed() && self.reader.error(),
        }
    }

    /// What the provider reported, so far.
    pub fn usage(&self) -> Option<Usage> {
        self.reader.totals().usage
    }

    /// Bytes of generated text so far.
    pub fn text_bytes(&self) -> u64 {
        self.reader.totals().text_bytes
    }

    /// What to record: the reported usage, or an estimate at 4 bytes a token, rounded up, which is about right for English and
    /// high for most other languages. `request_text`: [`Request::text_bytes`](super::Request::text_bytes).
    pub fn settle(&self, request_text: u64) -> Usage {
        self.usage().unwrap_or_else(|| Usage {
            input_tokens: request_text.div_ceil(4),
            output_tokens: self.text_bytes().div_ceil(4),
            source: UsageSource::Estimated,
            ..Usage::default()
        })
    }
}

impl Stream {
    fn feed(&mut self, chunk: Bytes, reader: &mut Reader, forward: &mut VecDeque<Bytes>) {
        // `chunk[from..]` is not forwarded yet; of that, the event under way begins at `event`.
        let (mut at, mut from, mut event) = (0, 0, 0);
        let mut inside = self.scanner.in_event();
        while let Some((kind, range)) = self.scanner.next(&chunk, &mut at) {
            if !inside && self.scanner.in_event() {
                inside = true;
                event = range.start;
                self.begin(reader);
            }
            match kind {
                Kind::Data => {
                    self.data.keep(&chunk[range.clone()]);
                    reader.feed(&chunk[range]);
                }
                Kind::DataEnd => {
                    self.data.keep(b"\n");
                    reader.feed(b"\n");
                }
                Kind::Type => self.kind.keep(&chunk[range]),
                Kind::End => {
                    inside = false;
                    // So that how the event was cut into chunks makes no difference.
                    self.shown |= self.held.len() + range.end - event > MAX_HELD;
                    self.note_end(reader);
                    if self.hid {
                        push(forward, &chunk, from..event);
                        self.held.clear();
                        from = range.end;
                    } else if !self.held.is_empty() {
                        forward.push_back(self.held.split().freeze());
                    }
                }
                Kind::Tail if self.hid => {
                    push(forward, &chunk, from..range.start);
                    from = range.end;
                }
                Kind::Outside | Kind::Framing | Kind::Tail => {}
            }
        }
        if inside && self.hide_usage && !self.shown {
            self.shown = reader.not_usage_only()
                || self.data.first().is_some_and(|byte| byte != b'{')
                || self.held.len() + chunk.len() - event > MAX_HELD;
            if !self.shown {
                push(forward, &chunk, from..event);
                self.held.extend_from_slice(&chunk[event..]);
                return;
            }
        }
        if !self.held.is_empty() {
            forward.push_back(self.held.split().freeze());
        }
        push(forward, &chunk, from..chunk.len());
    }

    fn begin(&mut self, reader: &mut Reader) {
        reader.next_document();
        self.shown = false;
        self.hid = false;
        self.data = Prefix::default();
        self.kind = Prefix::default();
    }

    /// The event is at its end: what it was.
    fn note_end(&mut self, reader: &mut Reader) {
        self.hid = self.hide_usage && !self.shown && reader.usage_only();
        self.done |= self.data.is(DONE);
        self.failed |= reader.error() || self.kind.is(b"error");
    }
}

fn push(forward: &mut VecDeque<Bytes>, chunk: &Bytes, range: std::ops::Range<usize>) {
    if range.len() == chunk.len() {
        forward.push_back(chunk.clone());
    } else if !range.is_empty() {
        forward.push_back(chunk.slice(range));
    }
}

/// The first bytes of a value that comes in pieces, white space around it aside.
#[derive(Clone, Copy, Debug, Default)]
struct Prefix {
    bytes: [u8; 8],
    len: usize,
    /// More came than there is room for.
    over: bool,
}

impl Prefix {
    fn keep(&mut self, piece: &[u8]) {
        if self.over {
            return;
        }
        let piece = if self.len == 0 { piece.trim_ascii_start() } else { piece };
        let kept = piece.len().min(self.bytes.len() - self.len);
        self.bytes[self.len..self.len + kept].copy_from_slice(&piece[..kept]);
        self.len += kept;
        self.over = !piece[kept..].trim_ascii_end().is_empty();
    }

    fn first(&self) -> Option<u8> {
        self.bytes[..self.len].first().copied()
    }

    fn is(&self, word: &[u8]) -> bool {
        !self.over && self.bytes[..self.len].trim_ascii_end() == word
    }
}
