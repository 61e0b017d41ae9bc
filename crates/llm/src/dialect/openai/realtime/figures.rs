//! What the answers of a session used: each says it at its end, and the session used all of it together.

use super::Head;
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;
use serde::Deserialize;

/// The sum so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    usage: Option<Usage>,
}

/// Longer messages of a provider are sound, and none that says what was used.
pub const LONGEST: usize = 256 << 10;

#[derive(Deserialize)]
struct Done {
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    usage: Option<Used>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Used {
    input_tokens: u64,
    output_tokens: u64,
    input_token_details: Details,
    output_token_details: Details,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    audio_tokens: u64,
    image_tokens: u64,
    cached_tokens: u64,
    cached_tokens_details: Cached,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cached {
    audio_tokens: u64,
    image_tokens: u64,
}

impl Figures {
    /// Takes a whole text message of the provider's.
    pub fn take(&mut self, message: &[u8]) {
        // Most messages are sound or pieces of text: not read any further.
        if memchr::memmem::find(message, b"response.done").is_none() {
            return;
        }
        let is_done =
            serde_json::from_slice::<Head<'_>>(message).is_ok_and(|head| head.kind == "response.done");
        if !is_done {
            return;
        }
        let Ok(Done { response: Response { usage: Some(used) } }) = serde_json::from_slice(message) else {
            return;
        };
        let sum = self.usage.get_or_insert(Usage { source: UsageSource::Reported, ..Usage::default() });
        let Details { audio_tokens, image_tokens, cached_tokens, cached_tokens_details } =
            used.input_token_details;
        let add = |to: &mut u64, more: u64| *to = to.saturating_add(more);
        add(&mut sum.input_tokens, used.input_tokens);
        add(&mut sum.output_tokens, used.output_tokens);
        add(&mut sum.cached_input_tokens, cached_tokens);
        // What was heard afresh: of the cached part it is said how much of it was sound.
        add(&mut sum.audio_input_tokens, audio_tokens.saturating_sub(cached_tokens_details.audio_tokens));
        add(&mut sum.image_input_tokens, image_tokens.saturating_sub(cached_tokens_details.image_tokens));
        add(&mut sum.audio_output_tokens, used.output_token_details.audio_tokens);
    }

    /// What the session used; `None`: nothing was said of it.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_add_up() {
        let mut figures = Figures::default();
        figures.take(br#"{"type":"response.output_text.delta","delta":"response.done"}"#);
        figures.take(br#"{"type":"response.done","response":{"usage":null}}"#);
        figures.take(br#"{"type":"response.done","#);
        assert_eq!(figures.usage(), None);
        let done = br#"{"type":"response.done","response":{"id":"resp_1","usage":{"total_tokens":253,"input_tokens":132,"output_tokens":121,"input_token_details":{"text_tokens":119,"audio_tokens":13,"image_tokens":0,"cached_tokens":64,"cached_tokens_details":{"text_tokens":60,"audio_tokens":4,"image_tokens":0}},"output_token_details":{"text_tokens":30,"audio_tokens":91}}}}"#;
        figures.take(done);
        figures.take(done);
        let expected = Usage {
            input_tokens: 264,
            output_tokens: 242,
            cached_input_tokens: 128,
            audio_input_tokens: 18,
            audio_output_tokens: 182,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        assert_eq!(figures.usage(), Some(expected));
    }
}
