//! What a session used: its answers say it, each at its end, and so do the transcripts of what was said to it, which may be
//! another model's work.

use super::Head;
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;
use serde::Deserialize;

/// Longer messages of a provider are sound, and none that says what was used.
pub const LONGEST: usize = 256 << 10;

/// Who used it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The session's model, for an answer.
    Speaker,
    /// The model that transcribes what is said.
    Listener,
}

/// What one message of a provider's says was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Who used it.
    pub who: Who,
    usage: Usage,
    /// Thousandths of a second listened to, where that is what is counted.
    millis: u64,
}

/// The sum so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    usage: Option<Usage>,
    millis: u64,
}

const ANSWERED: &str = "response.done";
const HEARD: &str = "conversation.item.input_audio_transcription.completed";

#[derive(Deserialize)]
struct Done {
    response: Response,
}

/// A response, or a transcript.
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
    /// Of whoever is paid by time.
    seconds: Option<f64>,
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

impl Spent {
    /// Reads a whole text message of the provider's; `None`: it says nothing of that.
    pub fn read(message: &[u8]) -> Option<Self> {
        // Most messages are sound or pieces of text: not read any further.
        let named = |kind: &str| memchr::memmem::find(message, kind.as_bytes()).is_some();
        if !named(ANSWERED) && !named(HEARD) {
            return None;
        }
        let head: Head<'_> = serde_json::from_slice(message).ok()?;
        let (who, used) = match &*head.kind {
            ANSWERED => (Who::Speaker, serde_json::from_slice::<Done>(message).ok()?.response.usage?),
            HEARD => (Who::Listener, serde_json::from_slice::<Response>(message).ok()?.usage?),
            _ => return None,
        };
        let Details { audio_tokens, image_tokens, cached_tokens, cached_tokens_details } =
            used.input_token_details;
        let usage = Usage {
            input_tokens: used.input_tokens,
            output_tokens: used.output_tokens,
            cached_input_tokens: cached_tokens,
            // What was heard afresh: of the cached part it is said how much of it was sound.
            audio_input_tokens: audio_tokens.saturating_sub(cached_tokens_details.audio_tokens),
            image_input_tokens: image_tokens.saturating_sub(cached_tokens_details.image_tokens),
            audio_output_tokens: used.output_token_details.audio_tokens,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        Some(Self { who, usage, millis: used.seconds.map_or(0, millis) })
    }
}

/// Thousandths of a second, begun ones counted. What is no length of time is none.
fn millis(seconds: f64) -> u64 {
    // A cast saturates, and makes nothing of what is no number.
    (seconds * 1_000.0).ceil().max(0.0) as u64
}

impl Figures {
    /// More was used.
    pub fn add(&mut self, spent: &Spent) {
        let sum = self.usage.get_or_insert(Usage { source: UsageSource::Reported, ..Usage::default() });
        sum.add(&spent.usage);
        self.millis = self.millis.saturating_add(spent.millis);
    }

    /// All of it; `None`: nothing was said of it.
    pub fn usage(&self) -> Option<Usage> {
        // Begun seconds of all that was heard together: what is said comes in pieces of a few seconds.
        self.usage.map(|usage| Usage { seconds: self.millis.div_ceil(1_000), ..usage })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_add_up() {
        let mut figures = Figures::default();
        for other in [
            &br#"{"type":"response.output_text.delta","delta":"response.done"}"#[..],
            br#"{"type":"response.done","response":{"usage":null}}"#,
            br#"{"type":"response.done","#,
        ] {
            assert_eq!(Spent::read(other), None);
        }
        assert_eq!(figures.usage(), None);
        let done = br#"{"type":"response.done","response":{"id":"resp_1","usage":{"total_tokens":253,"input_tokens":132,"output_tokens":121,"input_token_details":{"text_tokens":119,"audio_tokens":13,"image_tokens":0,"cached_tokens":64,"cached_tokens_details":{"text_tokens":60,"audio_tokens":4,"image_tokens":0}},"output_token_details":{"text_tokens":30,"audio_tokens":91}}}}"#;
        let spent = Spent::read(done).unwrap();
        assert_eq!(spent.who, Who::Speaker);
        figures.add(&spent);
        figures.add(&spent);
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

    #[test]
    fn what_was_heard_is_tokens_or_time() {
        let heard = |usage: &str| {
            let message = format!(
                r#"{{"type":"conversation.item.input_audio_transcription.completed","item_id":"item_1","content_index":0,"transcript":"response.done","usage":{usage}}}"#
            );
            Spent::read(message.as_bytes())
        };
        let tokens = heard(
            r#"{"type":"tokens","total_tokens":26,"input_tokens":17,"input_token_details":{"text_tokens":3,"audio_tokens":14},"output_tokens":9}"#,
        );
        let mut figures = Figures::default();
        figures.add(&tokens.unwrap());
        assert_eq!(tokens.unwrap().who, Who::Listener);
        let usage = figures.usage().unwrap();
        assert_eq!((usage.input_tokens, usage.audio_input_tokens, usage.output_tokens), (17, 14, 9));
        assert_eq!((usage.seconds, usage.source), (0, UsageSource::Reported));
        // Pieces of time are summed before their seconds are counted.
        let mut figures = Figures::default();
        for _ in 0..4 {
            figures.add(&heard(r#"{"type":"duration","seconds":1.2}"#).unwrap());
        }
        assert_eq!(figures.usage().unwrap().seconds, 5, "4.8");
        figures.add(&heard(r#"{"type":"duration","seconds":3}"#).unwrap());
        assert_eq!(figures.usage().unwrap().seconds, 8);
        figures.add(&heard(r#"{"type":"duration","seconds":-9}"#).unwrap());
        assert_eq!(figures.usage().unwrap().seconds, 8, "nobody hears less than nothing");
        for none in ["null", "7", r#"{"type":"duration","seconds":"3"}"#] {
            assert_eq!(heard(none), None, "{none}");
        }
        let failed = br#"{"type":"conversation.item.input_audio_transcription.failed","error":{}}"#;
        assert_eq!(Spent::read(failed), None);
    }
}
