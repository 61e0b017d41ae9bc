//! What an answer says while its bytes pass.

use crate::dialect::typed::{Name, Wire};

/// Where it stands.
pub(super) static WIRE: Wire = Wire {
    names: &[
        (b"type", Name::Type),
        (b"response", Name::Carrier),
        (b"output", Name::Content),
        (b"delta", Name::Delta),
        (b"usage", Name::Usage),
        (b"status", Name::Status),
        (b"text", Name::Text),
        (b"refusal", Name::Text),
        (b"arguments", Name::Text),
        (b"input", Name::Text),
        (b"input_tokens", Name::Input),
        (b"output_tokens", Name::Output),
        (b"cached_tokens", Name::Read),
        (b"cache_write_tokens", Name::Write),
        (b"reasoning_tokens", Name::Thinking),
    ],
    complete: &[b"response.completed", b"response.incomplete"],
    failed: &[b"response.failed", b"error"],
    apart: false,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::chat::Watch;
    use crate::dialect::typed::Watcher;
    use portcullis_model::Usage;
    use portcullis_model::usage::UsageSource;

    const RESPONSE: &str = r#"{"id":"resp_1","status":"completed","output":[{"type":"message","id":"msg_1","content":[{"type":"output_text","text":"hällo","annotations":[]}]}],"usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":42,"output_tokens_details":{"reasoning_tokens":7},"total_tokens":52}}"#;

    fn watched<'a>(
        stream: bool,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Option<Usage>, u64, bool, bool) {
        let mut watcher = Watcher::new(&WIRE, stream);
        pieces.into_iter().for_each(|piece| watcher.feed(piece));
        (watcher.usage(), watcher.text_bytes(), watcher.is_complete(), watcher.is_failed())
    }

    #[test]
    fn streams_and_whole_answers_wherever_they_are_cut() {
        let usage = Usage {
            input_tokens: 10,
            output_tokens: 42,
            cached_input_tokens: 4,
            reasoning_tokens: 7,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        let stream = format!(
            "event: response.created\ndata: {{\"type\":\"response.created\",\"response\":{{\"usage\":null}}}}\n\nevent: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"delta\":\"hällo\",\"item_id\":\"msg_1\"}}\n\nevent: response.output_text.done\ndata: {{\"type\":\"response.output_text.done\",\"text\":\"hällo\"}}\n\nevent: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{RESPONSE}}}\n\n"
        );
        let expected = (Some(usage), 6, true, false);
        assert_eq!(watched(true, [stream.as_bytes()]), expected);
        assert_eq!(watched(true, stream.as_bytes().chunks(1)), expected);
        assert_eq!(watched(false, RESPONSE.as_bytes().chunks(3)), expected);
        assert!(!watched(true, [&stream.as_bytes()[..stream.len() - 10]]).2, "without its end it is cut");
        assert!(!watched(false, [&RESPONSE.as_bytes()[..50]]).2);
    }

    #[test]
    fn failures() {
        for failed in [
            "data: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"m\"}\n\n",
            "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\"}}\n\n",
        ] {
            assert_eq!(watched(true, [failed.as_bytes()]), (None, 0, false, true));
        }
        assert!(watched(false, [&br#"{"status":"failed","output":[]}"#[..]]).3);
    }
}
