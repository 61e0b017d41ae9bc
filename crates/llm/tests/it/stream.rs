//! Streams: the same bytes and figures wherever the network cut them.

use bytes::Bytes;
use portcullis_fault::{Fault, codes};
use portcullis_llm::dialect::openai::{Ending, UsageScanner, error_event};
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;
use proptest::prelude::*;
use std::collections::VecDeque;

const ROLE: &str = r#"data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#;
const WORD: &str = r#"data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Grüße \"you\" 日本"},"finish_reason":null}],"usage":null}"#;
const STOP: &str = r#"data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#;
const USAGE: &str = r#"data: {"id":"c","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2}}}"#;
const DONE: &str = "data: [DONE]";
const FILTER: &str = r#"data: {"choices":[],"id":"","prompt_filter_results":[{"prompt_index":0}]}"#;
const ERROR: &str = r#"data: {"error":{"message":"overloaded","type":"server_error"}}"#;

fn stream(events: &[&str], line: &str) -> Vec<u8> {
    events
        .iter()
        .map(|event| format!("{}{line}{line}", event.replace('\n', line)))
        .collect::<String>()
        .into_bytes()
}

#[derive(Debug, PartialEq)]
struct Seen {
    forwarded: Vec<u8>,
    usage: Option<Usage>,
    text: u64,
    ending: Ending,
}

fn watch<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, hide: bool) -> Seen {
    let (mut scanner, mut forward) = (UsageScanner::stream(hide), VecDeque::new());
    for chunk in chunks {
        scanner.feed(Bytes::copy_from_slice(chunk), &mut forward);
    }
    let ending = scanner.finish(&mut forward);
    Seen {
        forwarded: forward.make_contiguous().concat(),
        usage: scanner.usage(),
        text: scanner.text_bytes(),
        ending,
    }
}

/// The whole stream at once, cut in two at every place, byte by byte, and in chunks of 3 and 7.
fn watch_all_ways(stream: &[u8], hide: bool) -> Seen {
    let seen = watch([stream], hide);
    for at in 0..=stream.len() {
        let (before, after) = stream.split_at(at);
        assert_eq!(watch([before, after], hide), seen, "cut at {at}");
    }
    for size in [1, 3, 7] {
        assert_eq!(watch(stream.chunks(size), hide), seen, "chunks of {size}");
    }
    seen
}

fn reported() -> Usage {
    Usage {
        input_tokens: 9,
        output_tokens: 4,
        cached_input_tokens: 2,
        source: UsageSource::Reported,
        ..Usage::default()
    }
}

#[test]
fn the_chunk_that_nobody_asked_for_is_hidden() {
    for line in ["\n", "\r\n", "\r"] {
        let whole = stream(&[ROLE, WORD, STOP, USAGE, DONE], line);
        let seen = watch_all_ways(&whole, true);
        assert_eq!(seen.forwarded, stream(&[ROLE, WORD, STOP, DONE], line), "{line:?}");
        assert_eq!((seen.usage, seen.ending, seen.text), (Some(reported()), Ending::Complete, 20));
        let seen = watch_all_ways(&whole, false);
        assert_eq!((seen.forwarded, seen.usage), (whole, Some(reported())));
    }
}

#[test]
fn whatever_else_is_forwarded() {
    for events in [
        &[FILTER, WORD, STOP, DONE][..],
        &[": keep-alive", ROLE, ": OPENROUTER PROCESSING", STOP, DONE],
        &["event: message\nid: 7\nretry: 10\ndata: {\"choices\":[]}", DONE],
        &["data: {\"choices\":\ndata: [],\ndata: \"x\":1}", DONE],
        &[
            "data",
            "data:",
            "data: ",
            "",
            "data: not json",
            "data: [1]",
            "data: {\"choices\":[],\"usage\":null}",
            DONE,
        ],
        &[
            r#"data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":2}}}"#,
            DONE,
        ],
        &[r#"data: {"choices":[],"usage":{"prompt_tokens":1},"error":{"message":"m"}}"#],
    ] {
        for line in ["\n", "\r\n", "\r"] {
            let whole = stream(events, line);
            assert_eq!(watch_all_ways(&whole, true).forwarded, whole);
        }
    }
}

#[test]
fn a_usage_chunk_in_several_lines_is_hidden_with_its_other_fields() {
    let usage = "id: 9\nevent: message\ndata: {\"choices\":[],\ndata: \"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4,\ndata: \"prompt_tokens_details\":{\"cached_tokens\":2}}}\n: remark";
    for line in ["\n", "\r\n", "\r"] {
        let seen = watch_all_ways(&stream(&[WORD, usage, DONE], line), true);
        assert_eq!((seen.forwarded, seen.usage), (stream(&[WORD, DONE], line), Some(reported())));
    }
}

#[test]
fn how_it_ended() {
    let ending = |events: &[&str]| watch_all_ways(&stream(events, "\n"), true).ending;
    assert_eq!(ending(&[ROLE, WORD, STOP, DONE]), Ending::Complete);
    assert_eq!(ending(&[ROLE, WORD, STOP]), Ending::Complete, "some vendors send no [DONE]");
    assert_eq!(ending(&[ROLE, WORD]), Ending::Cut);
    assert_eq!(ending(&[]), Ending::Cut);
    assert_eq!(ending(&[ROLE, ERROR]), Ending::Failed);
    assert_eq!(ending(&[ROLE, ERROR, DONE]), Ending::Failed);
    assert_eq!(ending(&[ROLE, "event: error\ndata: {\"message\":\"m\"}"]), Ending::Failed);
    assert_eq!(ending(&["data: {\"choices\":[{\"delta\":{\"content\":\"data: [DONE]\"}}]}"]), Ending::Cut);
    assert_eq!(ending(&["data: [DONE] not"]), Ending::Cut);
}

#[test]
fn a_stream_that_breaks_off_in_an_event() {
    let whole = stream(&[ROLE], "\n");
    // Already on its way when it broke off: a choice was seen.
    let half = [&whole, &WORD.as_bytes()[..100]].concat();
    assert_eq!(watch_all_ways(&half, true).forwarded, half);
    // Still waiting: dropped, as any client would.
    let half = [&whole, &USAGE.as_bytes()[..60]].concat();
    assert_eq!(
        watch_all_ways(&half, true),
        Seen { forwarded: whole.clone(), usage: None, text: 0, ending: Ending::Cut }
    );
    // Whole but for its blank line.
    for (last, shown) in [(USAGE, false), (FILTER, true), (DONE, true)] {
        let stream = [&whole, last.as_bytes()].concat();
        assert_eq!(watch_all_ways(&stream, true).forwarded, if shown { stream } else { whole.clone() });
    }
    assert_eq!(watch_all_ways(&[&whole, DONE.as_bytes()].concat(), true).ending, Ending::Complete);
}

#[test]
fn nothing_waits_that_need_not() {
    let fed = |scanner: &mut UsageScanner, chunk: &str| {
        let mut forward = VecDeque::new();
        scanner.feed(Bytes::copy_from_slice(chunk.as_bytes()), &mut forward);
        String::from_utf8(forward.make_contiguous().concat()).unwrap()
    };
    let mut plain = UsageScanner::stream(false);
    for piece in ["d", "ata: {\"cho", "ices\":[]", "}\n"] {
        assert_eq!(fed(&mut plain, piece), piece);
    }
    let mut hiding = UsageScanner::stream(true);
    // Comments go on as they come, even in halves.
    assert_eq!(fed(&mut hiding, ": keep"), ": keep");
    assert_eq!(fed(&mut hiding, "-alive\n\ndata: {\"id\":1"), "-alive\n\n");
    // The first sight of a choice lets the rest of the event through.
    assert_eq!(fed(&mut hiding, ",\"choices\":["), "");
    assert_eq!(fed(&mut hiding, "{"), "data: {\"id\":1,\"choices\":[{");
    assert_eq!(fed(&mut hiding, "\"delta\""), "\"delta\"");
    assert_eq!(fed(&mut hiding, ":{}}]}\n\ndata: ["), ":{}}]}\n\ndata: [");
    assert_eq!(fed(&mut hiding, "DONE]\n"), "DONE]\n");
    assert_eq!(fed(&mut hiding, "\n"), "\n");
    // A whole event never waits for the next one.
    assert_eq!(fed(&mut hiding, &format!("{WORD}\n\n")), format!("{WORD}\n\n"));
    assert_eq!(fed(&mut hiding, &format!("{WORD}\r\n\r")), format!("{WORD}\r\n\r"));
}

#[test]
fn a_chunk_goes_on_as_the_same_memory() {
    let chunk = Bytes::from(stream(&[ROLE, WORD, WORD], "\n"));
    for hide in [false, true] {
        let (mut scanner, mut forward) = (UsageScanner::stream(hide), VecDeque::new());
        scanner.feed(chunk.clone(), &mut forward);
        assert_eq!(forward.len(), 1);
        assert_eq!((forward[0].as_ptr(), forward[0].len()), (chunk.as_ptr(), chunk.len()));
    }
}

#[test]
fn an_endless_event_does_not_wait_for_its_end() {
    let (mut scanner, mut forward) = (UsageScanner::stream(true), VecDeque::new());
    let mut fed = Vec::new();
    for piece in
        std::iter::once("data: {\"choices\":[],\"x\":\"").chain(std::iter::repeat_n("0123456789abcdef", 4096))
    {
        fed.extend_from_slice(piece.as_bytes());
        scanner.feed(Bytes::from_static(piece.as_bytes()), &mut forward);
        let forwarded: usize = forward.iter().map(Bytes::len).sum();
        assert!(fed.len() - forwarded <= 16 * 1024);
    }
    assert_eq!(forward.make_contiguous().concat(), fed);
    // A usage chunk of that size is shown, however it is cut.
    let large = format!(
        "data: {{\"choices\":[],\"x\":\"{}\",\"usage\":{{\"prompt_tokens\":1}}}}\n\n",
        "x".repeat(17_000)
    );
    for size in [1_000, 16_000, 16_500, 20_000] {
        assert_eq!(watch(large.as_bytes().chunks(size), true).forwarded, large.as_bytes());
    }
}

#[test]
fn an_interruption_stands_apart_and_is_the_last_word() {
    let event = error_event(&Fault::new(codes::USER_SUSPENDED), "r", "/e");
    let interrupted = |before: &str, hide: bool| {
        let (mut scanner, mut forward) = (UsageScanner::stream(hide), VecDeque::new());
        scanner.feed(Bytes::copy_from_slice(before.as_bytes()), &mut forward);
        scanner.interrupt(event.clone(), &mut forward);
        scanner.interrupt(event.clone(), &mut forward);
        scanner.feed(Bytes::copy_from_slice(format!("\n\n{DONE}\n\n").as_bytes()), &mut forward);
        scanner.finish(&mut forward);
        String::from_utf8(forward.make_contiguous().concat())
            .unwrap()
            .replace(std::str::from_utf8(&event).unwrap(), "<error>")
    };
    for (before, after) in [
        ("", "<error>"),
        ("data: {}\n\n", "data: {}\n\n<error>"),
        ("data: {}\n", "data: {}\n\n\n<error>"),
        ("data: {}\r", "data: {}\r\n\n<error>"),
        ("data: {\"a", "data: {\"a\n\n<error>"),
        (": comm", ": comm\n\n<error>"),
        ("data: {}\r\n\r", "data: {}\r\n\r<error>"),
    ] {
        assert_eq!(interrupted(before, false), after, "{before:?}");
    }
    // What still waited is not sent any more.
    assert_eq!(interrupted("data: {}\n\ndata: {\"a", true), "data: {}\n\n<error>");
}

#[test]
fn json_answers() {
    let answer = br#"{"id":"c","choices":[{"message":{"content":"four bytes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":2}}}"#;
    for size in [1, 2, 13, answer.len()] {
        let (mut scanner, mut forward) = (UsageScanner::of(None, true), VecDeque::new());
        answer.chunks(size).for_each(|chunk| scanner.feed(Bytes::copy_from_slice(chunk), &mut forward));
        assert_eq!(scanner.finish(&mut forward), Ending::Complete);
        assert_eq!(forward.make_contiguous().concat(), answer);
        assert_eq!((scanner.settle(1_000), scanner.is_stream()), (reported(), false));
    }
    let ending = |answer: &str| {
        let (mut scanner, mut forward) = (UsageScanner::json(), VecDeque::new());
        scanner.feed(Bytes::copy_from_slice(answer.as_bytes()), &mut forward);
        scanner.finish(&mut forward)
    };
    assert_eq!(ending("{\"choices\":[{\"mess"), Ending::Cut);
    assert_eq!(ending(""), Ending::Cut);
    assert_eq!(ending("{\"error\":{\"message\":\"m\"}}"), Ending::Failed);
    assert_eq!(ending("not json"), Ending::Complete);
}

#[test]
fn content_types() {
    let is_stream = |value: &'static str| {
        UsageScanner::of(Some(&http::HeaderValue::from_static(value)), false).is_stream()
    };
    assert!(is_stream("text/event-stream") && is_stream("Text/Event-Stream; charset=utf-8"));
    assert!(!is_stream("application/json") && !is_stream("text/event-streams") && !is_stream(""));
}

#[test]
fn what_is_not_reported_is_estimated() {
    let (mut scanner, mut forward) = (UsageScanner::stream(true), VecDeque::new());
    scanner.feed(stream(&[ROLE, WORD], "\n").into(), &mut forward);
    let expected =
        Usage { input_tokens: 26, output_tokens: 5, source: UsageSource::Estimated, ..Usage::default() };
    assert_eq!(scanner.settle(101), expected);
}

fn cut<'a>(stream: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let (mut rest, mut chunks) = (stream, Vec::new());
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, after) = rest.split_at(rest.len().min(*size));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

proptest! {
    #[test]
    fn cuts_do_not_matter(
        pieces in proptest::collection::vec(prop_oneof![
            4 => proptest::sample::select(&[ROLE, WORD, STOP, USAGE, DONE, FILTER, ERROR, ": c", "data: {\"choices\":[", "],\"usage\":{\"total_tokens\":3}}", "event: error", "data:", "\u{feff}"][..]).prop_map(|text| text.as_bytes().to_vec()),
            4 => proptest::sample::select(&["\n\n", "\r\n\r\n", "\r\r", "\n", "\r", "\r\n"][..]).prop_map(|text| text.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..6),
        ], 0..16),
        sizes in proptest::collection::vec(1_usize..90, 1..12),
    ) {
        let stream = pieces.concat();
        for hide in [false, true] {
            let whole = watch([&stream[..]], hide);
            prop_assert_eq!(&watch(cut(&stream, &sizes), hide), &whole);
            if !hide {
                prop_assert_eq!(whole.forwarded, stream.clone());
            }
        }
    }

    #[test]
    fn any_bytes_at_all(stream in proptest::collection::vec(any::<u8>(), 0..300), sizes in proptest::collection::vec(1_usize..40, 1..8)) {
        let mut json = UsageScanner::json();
        let mut forward = VecDeque::new();
        for chunk in cut(&stream, &sizes) {
            json.feed(Bytes::copy_from_slice(chunk), &mut forward);
        }
        json.finish(&mut forward);
        prop_assert_eq!(forward.make_contiguous().concat(), stream.clone());
        prop_assert_eq!(&watch(cut(&stream, &sizes), true), &watch([&stream[..]], true));
    }
}
