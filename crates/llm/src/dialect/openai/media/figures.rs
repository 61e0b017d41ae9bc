//! What a document of such an answer says: one JSON object, or one event's.

use crate::json::push::Sink;

/// What was read of one document, and of those before it.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// In all of them: what was counted last.
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) audio_in: u64,
    pub(super) image_in: u64,
    pub(super) audio_out: u64,
    pub(super) image_out: Option<u64>,
    pub(super) cached: u64,
    /// Begun seconds.
    pub(super) seconds: Option<u64>,
    /// Elements of `data`.
    pub(super) images: u64,
    /// Bytes of text that was written down.
    pub(super) text_bytes: u64,
    /// `type` of the document that is being read.
    pub(super) kind: Kind,
    /// It has an `error`.
    pub(super) error: bool,
    top: Name,
    last: Name,
    /// The depth of the members of the `usage` that is being read.
    usage: Option<u32>,
    /// Whose details they are, one deeper.
    details: Name,
}

/// The beginning of an event's type: the longest known has 30 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kind {
    bytes: [u8; 32],
    len: usize,
}

impl Kind {
    pub(super) fn text(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, more: &[u8]) {
        let room = more.len().min(self.bytes.len() - self.len);
        self.bytes[self.len..self.len + room].copy_from_slice(&more[..room]);
        self.len += room;
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Name {
    #[default]
    Other,
    Usage,
    Data,
    Type,
    Error,
    Text,
    Duration,
    Input,
    Output,
    InputDetails,
    OutputDetails,
    Cached,
    Audio,
    Image,
    Seconds,
}

const NAMES: &[(&[u8], Name)] = &[
    (b"usage", Name::Usage),
    (b"data", Name::Data),
    (b"type", Name::Type),
    (b"error", Name::Error),
    (b"text", Name::Text),
    (b"delta", Name::Text),
    (b"duration", Name::Duration),
    (b"input_tokens", Name::Input),
    (b"prompt_tokens", Name::Input),
    (b"output_tokens", Name::Output),
    (b"completion_tokens", Name::Output),
    (b"input_tokens_details", Name::InputDetails),
    (b"input_token_details", Name::InputDetails),
    (b"prompt_tokens_details", Name::InputDetails),
    (b"output_tokens_details", Name::OutputDetails),
    (b"output_token_details", Name::OutputDetails),
    (b"cached_tokens", Name::Cached),
    (b"audio_tokens", Name::Audio),
    (b"image_tokens", Name::Image),
    (b"seconds", Name::Seconds),
    (b"prompt_audio_seconds", Name::Seconds), // Mistral
];

impl Figures {
    /// Another document begins.
    pub(super) fn next_document(&mut self) {
        self.kind = Kind::default();
        self.error = false;
        (self.top, self.last, self.details) = Default::default();
        self.usage = None;
    }
}

impl Sink for Figures {
    fn name(&mut self, name: &[u8], depth: u32) {
        let name = NAMES.iter().find(|(known, _)| *known == name).map_or(Name::Other, |(_, name)| *name);
        self.last = name;
        if depth == 1 {
            self.top = name;
        }
    }

    fn open(&mut self, object: bool, depth: u32) {
        match (depth, self.top, object) {
            (1, Name::Usage, true) => self.usage = Some(2),
            (1, Name::Error, _) => self.error = true,
            (2, Name::Data, true) => self.images += 1,
            (2, Name::Usage, true) => self.details = self.last,
            _ => {}
        }
    }

    fn close(&mut self, depth: u32) {
        match depth {
            1 => self.usage = None,
            2 => self.details = Name::Other,
            _ => {}
        }
    }

    fn string(&mut self, depth: u32) {
        if depth == 1 {
            match self.top {
                Name::Error => self.error = true,
                Name::Type => self.kind = Kind::default(),
                _ => {}
            }
        }
    }

    fn text(&mut self, bytes: &[u8]) {
        match (self.top, self.last) {
            (Name::Type, Name::Type) => self.kind.push(bytes),
            (Name::Text, Name::Text) => {
                self.text_bytes = self.text_bytes.saturating_add(bytes.len() as u64);
            }
            _ => {}
        }
    }

    fn scalar(&mut self, word: &[u8], depth: u32) {
        if depth == 1 {
            self.error |= self.top == Name::Error && word != b"null";
            if self.top == Name::Duration {
                self.seconds = self.seconds.or_else(|| begun(word));
            }
            return;
        }
        let Some(members) = self.usage else { return };
        let number = || std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
        match (depth.saturating_sub(members), self.last, self.details) {
            (0, Name::Input, _) => self.input = number().or(self.input),
            (0, Name::Output, _) => self.output = number().or(self.output),
            (0, Name::Seconds, _) => self.seconds = begun(word).or(self.seconds),
            (1, Name::Cached, Name::InputDetails) => self.cached = number().unwrap_or(0),
            (1, Name::Audio, Name::InputDetails) => self.audio_in = number().unwrap_or(0),
            (1, Name::Image, Name::InputDetails) => self.image_in = number().unwrap_or(0),
            (1, Name::Audio, Name::OutputDetails) => self.audio_out = number().unwrap_or(0),
            (1, Name::Image, Name::OutputDetails) => self.image_out = number(),
            _ => {}
        }
    }
}

/// Seconds, a begun one for a whole one. Without a float on the way, as all that money is made from.
fn begun(word: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(word).ok()?;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().ok()?;
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    whole.checked_add(u64::from(part.bytes().any(|byte| byte != b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_begun_second_counts() {
        for (word, seconds) in [
            ("8", Some(8)),
            ("8.0", Some(8)),
            ("8.470000267028809", Some(9)),
            ("0.01", Some(1)),
            ("-1", None),
            ("1e3", None),
            ("1.5e3", None),
            ("18446744073709551615.5", None),
        ] {
            assert_eq!(begun(word.as_bytes()), seconds, "{word}");
        }
    }
}
