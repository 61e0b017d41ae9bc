//! An answer whose bytes pass: what it used, whether it said all, looked up in the bytes as they come.

use crate::dialect::chat::Watch;
use crate::json::push::{Sink, Tokenizer};
use crate::stream::sse::{Kind, Scanner};
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;

/// Looks at one answer.
#[derive(Debug)]
pub(super) struct Watcher {
    form: Form,
    tokenizer: Tokenizer,
    facts: Facts,
}

#[derive(Debug)]
enum Form {
    /// One object.
    Whole,
    /// A stream of which nothing came yet.
    Unknown,
    Events(Scanner),
    /// One array of objects; an object alone is an error.
    Array,
}

impl Watcher {
    pub(super) fn new(stream: bool) -> Self {
        let form = if stream { Form::Unknown } else { Form::Whole };
        Self { form, tokenizer: Tokenizer::default(), facts: Facts::default() }
    }
}

impl Watch for Watcher {
    fn feed(&mut self, bytes: &[u8]) {
        if matches!(self.form, Form::Unknown) {
            self.form = match bytes.trim_ascii_start().first() {
                None => return,
                Some(b'[') => {
                    self.facts.base = 1;
                    Form::Array
                }
                Some(b'{') => Form::Array,
                Some(_) => Form::Events(Scanner::new()),
            };
        }
        let Form::Events(scanner) = &mut self.form else {
            self.tokenizer.feed(bytes, &mut self.facts);
            return;
        };
        let mut at = 0;
        while let Some((kind, range)) = scanner.next(bytes, &mut at) {
            match kind {
                Kind::Data => self.tokenizer.feed(&bytes[range], &mut self.facts),
                Kind::DataEnd => self.tokenizer.feed(b"\n", &mut self.facts),
                Kind::End => {
                    self.tokenizer = Tokenizer::default();
                    self.facts.place = Place::default();
                }
                Kind::Outside | Kind::Framing | Kind::Type | Kind::Tail => {}
            }
        }
    }

    fn is_complete(&self) -> bool {
        !self.facts.failed
            && match &self.form {
                Form::Whole => self.tokenizer.closed(),
                Form::Unknown => false,
                Form::Events(scanner) => !scanner.in_event() && self.facts.all_stopped(),
                Form::Array => self.tokenizer.closed() && self.facts.all_stopped(),
            }
    }

    fn is_failed(&self) -> bool {
        self.facts.failed
    }

    fn usage(&self) -> Option<Usage> {
        let counts = self.facts.counts?;
        Some(Usage {
            input_tokens: counts.prompt.saturating_add(counts.tools),
            output_tokens: counts.answer.saturating_add(counts.thoughts),
            cached_input_tokens: counts.cached,
            reasoning_tokens: counts.thoughts,
            source: UsageSource::Reported,
            ..Usage::default()
        })
    }

    fn text_bytes(&self) -> u64 {
        self.facts.text_bytes
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    prompt: u64,
    tools: u64,
    answer: u64,
    thoughts: u64,
    cached: u64,
}

/// What the answer has said.
#[derive(Debug, Default)]
struct Facts {
    /// Containers around each chunk.
    base: u32,
    place: Place,
    counts: Option<Counts>,
    failed: bool,
    /// One bit for each of the first 64 answers: seen, stopped.
    seen: u64,
    stopped: u64,
    blocked: bool,
    text_bytes: u64,
}

/// Where in a chunk it is: the members on the way there.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    first: First,
    second: Second,
    third: Third,
    /// The name of the member at hand, as far as it means something.
    last: Last,
    /// The candidate at hand.
    index: u32,
    stopped: bool,
    in_text: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum First {
    #[default]
    Other,
    Candidates,
    Usage,
    Feedback,
    Error,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Second {
    #[default]
    Other,
    Content,
    Finish,
    Index,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Third {
    #[default]
    Other,
    Parts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    Prompt,
    Tools,
    Answer,
    Thoughts,
    Cached,
    Reason,
    Arguments,
}

impl Facts {
    fn all_stopped(&self) -> bool {
        self.blocked || (self.seen != 0 && self.seen == self.stopped)
    }
}

impl Sink for Facts {
    fn name(&mut self, name: &[u8], depth: u32) {
        let place = &mut self.place;
        match (depth.wrapping_sub(self.base), place.first) {
            (1, _) => {
                place.first = match name {
                    b"candidates" => First::Candidates,
                    b"usageMetadata" => First::Usage,
                    b"promptFeedback" => First::Feedback,
                    b"error" => First::Error,
                    _ => First::Other,
                };
            }
            (2, First::Usage) => {
                place.last = match name {
                    b"promptTokenCount" => Last::Prompt,
                    b"toolUsePromptTokenCount" => Last::Tools,
                    b"candidatesTokenCount" => Last::Answer,
                    b"thoughtsTokenCount" => Last::Thoughts,
                    b"cachedContentTokenCount" => Last::Cached,
                    _ => Last::Other,
                };
            }
            (2, First::Feedback) => {
                place.last = if name == b"blockReason" { Last::Reason } else { Last::Other };
            }
            (3, First::Candidates) => {
                place.second = match name {
                    b"content" => Second::Content,
                    b"finishReason" => Second::Finish,
                    b"index" => Second::Index,
                    _ => Second::Other,
                };
            }
            (4, First::Candidates) if place.second == Second::Content => {
                place.third = if name == b"parts" { Third::Parts } else { Third::Other };
            }
            (6, First::Candidates) if place.second == Second::Content && place.third == Third::Parts => {
                place.last = match name {
                    b"text" | b"functionCall" | b"executableCode" => Last::Arguments,
                    _ => Last::Other,
                };
            }
            _ => {}
        }
    }

    fn open(&mut self, object: bool, depth: u32) {
        let place = &mut self.place;
        match (depth.wrapping_sub(self.base), place.first, object) {
            // An array has all of its chunks in one document.
            (0, _, true) => *place = Place::default(),
            (1, First::Error, true) => self.failed = true,
            (1, First::Usage, true) => self.counts = Some(Counts::default()),
            (2, First::Candidates, true) => {
                (place.index, place.stopped, place.second) = (0, false, Second::Other);
            }
            _ => {}
        }
    }

    fn close(&mut self, depth: u32) {
        if depth.wrapping_sub(self.base) == 2 && self.place.first == First::Candidates {
            let bit = 1_u64 << self.place.index.min(63);
            self.seen |= bit;
            if self.place.stopped {
                self.stopped |= bit;
            }
        }
    }

    fn string(&mut self, depth: u32) {
        let place = &mut self.place;
        let depth = depth.wrapping_sub(self.base);
        place.in_text = match place.first {
            First::Candidates if depth == 3 && place.second == Second::Finish => {
                place.stopped = true;
                false
            }
            First::Feedback if depth == 2 && place.last == Last::Reason => {
                self.blocked = true;
                false
            }
            First::Candidates => {
                depth >= 6
                    && place.second == Second::Content
                    && place.third == Third::Parts
                    && place.last == Last::Arguments
            }
            _ => false,
        };
    }

    fn text(&mut self, bytes: &[u8]) {
        if self.place.in_text {
            self.text_bytes += bytes.len() as u64;
        }
    }

    fn scalar(&mut self, word: &[u8], depth: u32) {
        let depth = depth.wrapping_sub(self.base);
        let number = || std::str::from_utf8(word).ok()?.parse::<u64>().ok();
        let place = &mut self.place;
        match place.first {
            First::Usage if depth == 2 => {
                let (Some(counts), Some(number)) = (&mut self.counts, number()) else { return };
                match place.last {
                    Last::Prompt => counts.prompt = number,
                    Last::Tools => counts.tools = number,
                    Last::Answer => counts.answer = number,
                    Last::Thoughts => counts.thoughts = number,
                    Last::Cached => counts.cached = number,
                    Last::Other | Last::Reason | Last::Arguments => {}
                }
            }
            First::Candidates if depth == 3 && place.second == Second::Index => {
                place.index = number().and_then(|index| u32::try_from(index).ok()).unwrap_or(63);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKS: [&str; 3] = [
        r#"{"candidates":[{"content":{"parts":[{"text":"Hé"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":5,"totalTokenCount":5}}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"x","thought":true},{"functionCall":{"name":"f","args":{"a":"bc"}}}]},"groundingMetadata":{"text":"none"}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":7,"thoughtsTokenCount":3,"cachedContentTokenCount":2,"promptTokensDetails":[{"modality":"TEXT","tokenCount":99}]}}"#,
    ];

    fn watched(stream: bool, bytes: &[u8], size: usize) -> (bool, bool, Option<(u64, u64, u64)>, u64) {
        let mut watcher = Watcher::new(stream);
        bytes.chunks(size).for_each(|piece| watcher.feed(piece));
        let usage = watcher.usage().map(|it| (it.input_tokens, it.output_tokens, it.cached_input_tokens));
        (watcher.is_complete(), watcher.is_failed(), usage, watcher.text_bytes())
    }

    #[test]
    fn every_form_says_the_same() {
        let events: String = CHUNKS.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect();
        let array = format!("[{}]", CHUNKS.join(",\r\n"));
        for size in [1, 7, 10_000] {
            let expected = (true, false, Some((5, 10, 2)), 3 + 1 + 1 + 2);
            assert_eq!(watched(true, events.as_bytes(), size), expected);
            assert_eq!(watched(true, array.as_bytes(), size), expected);
            assert_eq!(watched(false, CHUNKS[2].as_bytes(), size), (true, false, Some((5, 10, 2)), 0));
        }
    }

    #[test]
    fn cut_failed_and_blocked_are_told_apart() {
        let cut = format!("data: {}\n\ndata: {}\n\n", CHUNKS[0], CHUNKS[1]);
        assert_eq!(watched(true, cut.as_bytes(), 3), (false, false, Some((5, 0, 0)), 7));
        let half = format!("data: {}\n\ndata: {}", CHUNKS[0], CHUNKS[2]);
        assert!(!watched(true, half.as_bytes(), 3).0);
        let open = format!("[{}", CHUNKS[2]);
        assert!(!watched(true, open.as_bytes(), 3).0);
        for failed in [
            format!("data: {}\n\ndata: {{\"error\":{{\"code\":503}}}}\n\n", CHUNKS[2]),
            format!("[{},{{\"error\":{{\"code\":503}}}}]", CHUNKS[2]),
            "{\"error\":{\"code\":503}}".to_owned(),
        ] {
            let (complete, is_failed, ..) = watched(true, failed.as_bytes(), 5);
            assert!(!complete && is_failed, "{failed}");
        }
        let blocked = "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n";
        assert!(watched(true, blocked.as_bytes(), 2).0);
    }

    #[test]
    fn of_several_answers_all_must_end() {
        let one = |index, end: &str| format!("data: {{\"candidates\":[{{\"index\":{index}{end}}}]}}\n\n");
        let end = ",\"finishReason\":\"STOP\"";
        let stream = [one(0, ""), one(1, ""), one(0, end)].concat();
        assert!(!watched(true, stream.as_bytes(), 4).0);
        assert!(watched(true, format!("{stream}{}", one(1, end)).as_bytes(), 4).0);
    }
}
