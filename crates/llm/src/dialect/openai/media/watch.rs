//! Looks at such an answer while its bytes pass.

use super::figures::Figures;
use super::{Counted, Form};
use crate::dialect::chat::Watch;
use crate::json::push::Tokenizer;
use crate::stream::sse::{Kind, Scanner};
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;

/// Follows one answer.
pub(super) struct Watcher {
    counted: Counted,
    form: Form,
    scanner: Scanner,
    tokenizer: Tokenizer,
    figures: Figures,
    /// The first bytes of an event's data, to know `[DONE]`.
    data: Vec<u8>,
    /// Images whose event of completion came.
    finished: u64,
    /// An event came that says that all of something is there.
    ended: bool,
    done: bool,
    failed: bool,
}

const DONE: &[u8] = b"[DONE]";

impl Watcher {
    pub(super) fn new(counted: Counted, form: Form) -> Self {
        Self {
            counted,
            form,
            scanner: Scanner::new(),
            tokenizer: Tokenizer::default(),
            figures: Figures::default(),
            data: Vec::with_capacity(DONE.len() + 1),
            finished: 0,
            ended: false,
            done: false,
            failed: false,
        }
    }

    fn event(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while let Some((kind, range)) = self.scanner.next(bytes, &mut at) {
            match kind {
                Kind::Data => {
                    let piece = &bytes[range];
                    self.tokenizer.feed(piece, &mut self.figures);
                    let room = (DONE.len() + 1).saturating_sub(self.data.len()).min(piece.len());
                    self.data.extend_from_slice(&piece[..room]);
                }
                Kind::DataEnd => self.tokenizer.feed(b"\n", &mut self.figures),
                Kind::End => self.end(),
                Kind::Outside | Kind::Framing | Kind::Type | Kind::Tail => {}
            }
        }
    }

    /// An event is at its end: `image_generation.completed`, `transcript.text.done`, `speech.audio.done` and their like.
    fn end(&mut self) {
        let kind = self.figures.kind.text();
        let completed = kind.ends_with(b".completed");
        self.finished += u64::from(completed);
        self.ended |= completed || kind.ends_with(b".done");
        self.done |= self.data.trim_ascii() == DONE;
        self.failed |= self.figures.error || kind == b"error" || kind.ends_with(b".failed");
        self.data.clear();
        self.tokenizer = Tokenizer::default();
        self.figures.next_document();
    }
}

impl Watch for Watcher {
    fn feed(&mut self, bytes: &[u8]) {
        match self.form {
            Form::Events => self.event(bytes),
            Form::Json => self.tokenizer.feed(bytes, &mut self.figures),
            Form::Plain => {
                if self.counted == Counted::Heard {
                    self.figures.text_bytes = self.figures.text_bytes.saturating_add(bytes.len() as u64);
                }
            }
        }
    }

    /// Of a stream only `[DONE]` says it: several images have an event of completion each.
    fn is_complete(&self) -> bool {
        match self.form {
            Form::Events => self.done,
            Form::Json => self.tokenizer.closed() || self.tokenizer.broken(),
            Form::Plain => true,
        }
    }

    fn may_end(&self) -> bool {
        self.is_complete() || self.form == Form::Events && self.ended
    }

    fn is_failed(&self) -> bool {
        match self.form {
            Form::Events => self.failed,
            Form::Json => self.tokenizer.closed() && self.figures.error,
            Form::Plain => false,
        }
    }

    fn usage(&self) -> Option<Usage> {
        let figures = &self.figures;
        let reported = figures.input.is_some() || figures.output.is_some();
        let output = figures.output.unwrap_or(0);
        let usage = Usage {
            input_tokens: figures.input.unwrap_or(0),
            output_tokens: output,
            cached_input_tokens: figures.cached,
            audio_input_tokens: figures.audio_in,
            image_input_tokens: figures.image_in,
            audio_output_tokens: figures.audio_out,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        match self.counted {
            Counted::Images => {
                let images = if self.form == Form::Events { self.finished } else { figures.images };
                // Where nothing is said of what they are, they are images.
                let drawn = figures.image_out.unwrap_or(output);
                (reported || images > 0).then_some(Usage { images, image_output_tokens: drawn, ..usage })
            }
            Counted::Heard => {
                let seconds = figures.seconds.unwrap_or(0);
                (reported || seconds > 0).then_some(Usage { seconds, ..usage })
            }
            Counted::Spoken { characters } if reported => {
                Some(Usage { characters, audio_output_tokens: output, ..usage })
            }
            Counted::Spoken { characters } => Some(Usage { characters, ..estimate(characters) }),
            Counted::Judged => reported.then_some(usage),
        }
    }

    fn text_bytes(&self) -> u64 {
        self.figures.text_bytes
    }
}

/// What so much text is in tokens, written and spoken: four characters for a token of text; people say about fifteen in a
/// second, for which the vendor counts about twenty tokens of sound.
fn estimate(characters: u64) -> Usage {
    let sound = characters.saturating_mul(4).div_ceil(3);
    Usage {
        input_tokens: characters.div_ceil(4),
        output_tokens: sound,
        audio_output_tokens: sound,
        source: UsageSource::Estimated,
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(counted: Counted, form: Form, text: &str) -> Watcher {
        let whole = {
            let mut watcher = Watcher::new(counted, form);
            watcher.feed(text.as_bytes());
            watcher
        };
        let mut cut = Watcher::new(counted, form);
        text.as_bytes().chunks(1).for_each(|piece| cut.feed(piece));
        assert_eq!(whole.usage(), cut.usage(), "{text}");
        let ends = |watcher: &Watcher| (watcher.is_complete(), watcher.may_end(), watcher.is_failed());
        assert_eq!(ends(&whole), ends(&cut), "{text}");
        whole
    }

    fn reported() -> Usage {
        Usage { source: UsageSource::Reported, ..Usage::default() }
    }

    #[test]
    fn images_are_counted_and_their_tokens_told_apart() {
        let json =
            r#"{"created":1,"data":[{"b64_json":"AA=="},{"url":"https://a.example/{\"data\":[{}]}"}]}"#;
        let watcher = watched(Counted::Images, Form::Json, json);
        assert_eq!(watcher.usage(), Some(Usage { images: 2, ..reported() }));
        assert!(watcher.is_complete() && !watcher.is_failed());
        let json = r#"{"data":[{"b64_json":"AA=="}],"usage":{"total_tokens":100,"input_tokens":50,"output_tokens":60,"input_tokens_details":{"text_tokens":10,"image_tokens":40,"cached_tokens":5},"output_tokens_details":{"image_tokens":58,"text_tokens":2}}}"#;
        let expected = Usage {
            input_tokens: 50,
            output_tokens: 60,
            image_input_tokens: 40,
            image_output_tokens: 58,
            cached_input_tokens: 5,
            images: 1,
            ..reported()
        };
        assert_eq!(watched(Counted::Images, Form::Json, json).usage(), Some(expected));
        assert!(!watched(Counted::Images, Form::Json, &json[..80]).may_end());
        assert!(watched(Counted::Images, Form::Json, r#"{"error":{"message":"no"}}"#).is_failed());
    }

    #[test]
    fn a_stream_of_images_ends_with_the_last_one() {
        let completed = |n: u64| {
            format!(
                "event: image_generation.completed\ndata: {{\"type\":\"image_generation.completed\",\"b64_json\":\"AA==\",\"usage\":{{\"input_tokens\":5,\"output_tokens\":{n},\"input_tokens_details\":{{\"text_tokens\":5,\"image_tokens\":0}}}}}}\n\n"
            )
        };
        let partial = "data: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"AA==\",\"partial_image_index\":0}\n\n";
        let watcher = watched(Counted::Images, Form::Events, partial);
        assert!(!watcher.may_end(), "a part of an image is none");
        let two = format!("{partial}{}{}", completed(7), completed(9));
        let watcher = watched(Counted::Images, Form::Events, &two);
        assert_eq!(watcher.usage().map(|usage| (usage.images, usage.image_output_tokens)), Some((2, 9)));
        assert!(watcher.may_end() && !watcher.is_complete(), "a third one may come");
        let done = watched(Counted::Images, Form::Events, &format!("{two}data: [DONE]\n\n"));
        assert!(done.is_complete() && !done.is_failed());
        let failed = watched(
            Counted::Images,
            Form::Events,
            "data: {\"type\":\"error\",\"error\":{\"message\":\"no\"}}\n\n",
        );
        assert!(failed.is_failed());
    }

    #[test]
    fn what_was_heard_is_seconds_or_tokens() {
        let heard = |json: &str| watched(Counted::Heard, Form::Json, json).usage();
        assert_eq!(
            heard(
                r#"{"text":"hi","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":4,"audio_tokens":10},"output_tokens":3,"total_tokens":17}}"#
            ),
            Some(Usage { input_tokens: 14, audio_input_tokens: 10, output_tokens: 3, ..reported() })
        );
        let seconds = Some(Usage { seconds: 9, ..reported() });
        assert_eq!(heard(r#"{"text":"hi","usage":{"type":"duration","seconds":9}}"#), seconds);
        assert_eq!(
            heard(
                r#"{"task":"transcribe","duration":8.470000267028809,"text":"hi","segments":[{"text":"hi","duration":70}]}"#
            ),
            seconds
        );
        assert_eq!(heard(r#"{"text":"hi"}"#), None);
        let plain = watched(Counted::Heard, Form::Plain, "WEBVTT\n\n");
        assert_eq!((plain.usage(), plain.text_bytes(), plain.may_end()), (None, 8, true));
        let stream = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"hi\"}\n\ndata: {\"type\":\"transcript.text.done\",\"text\":\"hi\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":4,\"output_tokens\":1}}\n\n";
        let watcher = watched(Counted::Heard, Form::Events, stream);
        assert_eq!(watcher.usage(), Some(Usage { input_tokens: 4, output_tokens: 1, ..reported() }));
        assert!(watcher.may_end());
        assert!(!watched(Counted::Heard, Form::Events, &stream[..60]).may_end());
    }

    #[test]
    fn what_is_spoken_is_characters_or_tokens() {
        let spoken = Counted::Spoken { characters: 300 };
        let usage = watched(spoken, Form::Plain, "ID3").usage().unwrap();
        assert_eq!((usage.characters, usage.input_tokens, usage.audio_output_tokens), (300, 75, 400));
        assert_eq!(usage.source, UsageSource::Estimated);
        let stream = "data: {\"type\":\"speech.audio.delta\",\"audio\":\"AA==\"}\n\ndata: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":14,\"output_tokens\":101,\"total_tokens\":115}}\n\n";
        let watcher = watched(spoken, Form::Events, stream);
        let expected = Usage {
            input_tokens: 14,
            output_tokens: 101,
            audio_output_tokens: 101,
            characters: 300,
            ..reported()
        };
        assert_eq!(watcher.usage(), Some(expected));
        assert!(watcher.may_end());
    }
}
