//! What an answer says while its bytes pass.

use crate::dialect::typed::{Name, Wire};

/// Where it stands.
pub(super) static WIRE: Wire = Wire {
    names: &[
        (b"type", Name::Type),
        (b"message", Name::Carrier),
        (b"content", Name::Content),
        (b"delta", Name::Delta),
        (b"usage", Name::Usage),
        (b"text", Name::Text),
        (b"thinking", Name::Text),
        (b"partial_json", Name::Text),
        (b"input_tokens", Name::Input),
        (b"output_tokens", Name::Output),
        (b"cache_read_input_tokens", Name::Read),
        (b"cache_creation_input_tokens", Name::Write),
        (b"thinking_tokens", Name::Thinking),
    ],
    complete: &[b"message_stop"],
    failed: &[b"error"],
    apart: true,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::chat::Watch;
    use crate::dialect::typed::Watcher;
    use portcullis_model::Usage;
    use portcullis_model::usage::UsageSource;

    const STREAM: &str = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"content\":[],\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":5,\"cache_read_input_tokens\":100,\"cache_creation\":{\"input_tokens\":77},\"output_tokens\":1}}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"h\u{e9}llo\"}}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":42,\"output_tokens_details\":{\"thinking_tokens\":7},\"cache_read_input_tokens\":null}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );

    fn watched<'a>(
        stream: bool,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Option<Usage>, u64, bool, bool) {
        let mut watcher = Watcher::new(&WIRE, stream);
        pieces.into_iter().for_each(|piece| watcher.feed(piece));
        (watcher.usage(), watcher.text_bytes(), watcher.is_complete(), watcher.is_failed())
    }

    #[test]
    fn a_stream_wherever_it_is_cut() {
        let usage = Usage {
            input_tokens: 115,
            output_tokens: 42,
            cached_input_tokens: 100,
            reasoning_tokens: 7,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        let expected = (Some(usage), 6, true, false);
        assert_eq!(watched(true, [STREAM.as_bytes()]), expected);
        assert_eq!(watched(true, STREAM.as_bytes().chunks(1)), expected);
        for cut in 0..STREAM.len() {
            let (a, b) = STREAM.as_bytes().split_at(cut);
            assert_eq!(watched(true, [a, b]), expected);
        }
        let cut = STREAM.find("event: message_stop").unwrap();
        assert!(!watched(true, [&STREAM.as_bytes()[..cut]]).2, "without its end it is cut");
    }

    #[test]
    fn errors_and_whole_answers() {
        let error = b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n";
        assert_eq!(watched(true, [&error[..]]), (None, 0, false, true));
        let whole = br#"{"type":"message","content":[{"type":"text","text":"abc"},{"type":"tool_use","id":"toolu","name":"f","input":{"q":"xy"}}],"usage":{"input_tokens":3,"output_tokens":4}}"#;
        let (usage, text, complete, failed) = watched(false, whole.chunks(3));
        assert_eq!((usage.unwrap().input_tokens, text, complete, failed), (3, 3, true, false));
        assert!(!watched(false, [&whole[..40]]).2);
    }
}
