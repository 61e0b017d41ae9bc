//! What a call costs inside this crate, for every pair of formats: reading and writing a request of 16 KiB, and a streamed
//! answer of 500 pieces. Where caller and provider speak the same, bytes pass: the request is scanned, looked through
//! for what it reaches for at its provider, and edited; the stream is watched. `--write DAY` puts the table into docs/reference/translation-performance.md.

#[path = "../../jose/benches/measure/paired.rs"]
mod paired;

use bytes::Bytes;
use paired::{Asked as Measure, micros, publish};
use portcullis_llm::canon::{
    Delta, Event, Message, Mode, Opening, Part, Request, Role, Stop, Tokens, Tool, ToolCall, ToolResult,
};
use portcullis_llm::dialect::chat::{ALL, Asked, Chat, Incoming};
use portcullis_llm::dialect::openai::UsageScanner;
use portcullis_llm::dialect::request::{self, Members, StreamOptions};
use portcullis_llm::{dialect, translate};
use serde_json::json;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

/// Pieces of an answer.
const CHUNKS: u32 = 500;

/// What a request and a piece of an answer may cost, in nanoseconds, where both sides speak the same.
const PASSES: (f64, f64) = (20_000.0, 1_000.0);

/// And where they do not.
const TRANSLATED: (f64, f64) = (200_000.0, 5_000.0);

/// A model whose abilities are not in question.
const MODEL: &str = "fast";

fn asked() -> Asked {
    let request = Request { model: MODEL.to_owned(), stream: true, stream_usage: true, ..Request::default() };
    Asked {
        id: "0193aaaa-1111-7222-8333-444455556666".into(),
        now: 1_700_000_000,
        request: Arc::new(request),
    }
}

/// A conversation of 16 KiB: instructions, tools, calls of them, and long turns.
fn conversation(turns: usize) -> Request {
    let words = "The gateway reads what it must and \"forwards\" the rest as it came.\nÜber alles andere schweigt es. ";
    let message = |role, parts| Message { role, parts, name: None };
    let mut messages = vec![message(Role::System, vec![Part::text(words.repeat(4))])];
    for turn in 0..turns {
        messages.push(message(Role::User, vec![Part::text(words.repeat(6))]));
        if turn % 2 == 1 {
            let (id, name) = (format!("call_{turn}"), "lookup".to_owned());
            let arguments = json!({ "query": words, "limit": 10, "exact": true }).to_string();
            let call = ToolCall { id: id.clone(), name: name.clone(), arguments, ..ToolCall::default() };
            messages.push(message(Role::Assistant, vec![Part::ToolCall(call)]));
            let content = vec![Part::text(words.repeat(2))];
            let result = ToolResult { id, name: Some(name), content, ..ToolResult::default() };
            messages.push(message(Role::User, vec![Part::ToolResult(result)]));
        }
        messages.push(message(Role::Assistant, vec![Part::text(words.repeat(6))]));
    }
    messages.push(message(Role::User, vec![Part::text("And now?")]));
    let tool = |name: &str| Tool::Function {
        name: name.to_owned(),
        description: Some(words.to_owned()),
        parameters: Some(json!({
            "type": "object",
            "properties": {
                "query": { "type": "string", "description": "what to look for" },
                "limit": { "type": "integer", "minimum": 1 },
                "exact": { "type": "boolean" },
            },
            "required": ["query"],
        })),
        strict: None,
        cache: None,
    };
    Request {
        model: MODEL.to_owned(),
        messages,
        tools: ["lookup", "fetch", "store"].map(tool).into(),
        max_tokens: Some(500),
        stream: true,
        ..Request::default()
    }
}

/// As a caller of `chat` writes it: the longest that is no longer than 16 KiB, and filled up with white space.
fn body(chat: &dyn Chat) -> Bytes {
    let written = |turns| {
        let (written, losses) =
            translate::request(&conversation(turns), chat, MODEL, Mode::Drop).expect("sayable");
        assert!(losses.is_empty(), "{}: {}", chat.name(), losses.text());
        written.body
    };
    let mut body =
        (1..).map(written).take_while(|body| body.len() <= 16 << 10).last().expect("there is room for one");
    body.resize(16 << 10, b' ');
    body.into()
}

/// What decides something in a body of this format before it is sent on.
fn members(chat: &dyn Chat) -> &'static Members {
    let rows = dialect::ALL.iter().flat_map(|dialect| dialect.serves());
    let mut rows = rows.filter(|row| row.chat.is_some_and(|known| known.name() == chat.name()));
    rows.find_map(|row| row.members).unwrap_or(&Members::BODY)
}

/// Nanoseconds of a request.
fn request(measure: &Measure, inbound: &dyn Chat, outbound: &dyn Chat) -> f64 {
    let (body, members) = (body(inbound), members(inbound));
    let [nanos] = if inbound.name() == outbound.name() {
        measure.least([&mut || {
            let scanned = request::Request::scan(black_box(&body), members).expect("sound");
            black_box(scanned.reach().expect("plain"));
            black_box(scanned.rewrite("their-model", StreamOptions::Ask));
        }])
    } else {
        let model = (!members.model).then_some(MODEL);
        measure.least([&mut || {
            let scanned = request::Request::scan(black_box(&body), members).expect("sound");
            black_box(scanned.reach().expect("plain"));
            let incoming = Incoming { model, stream: Some(true), body: scanned.body() };
            let read = inbound.read_request(&incoming).expect("readable");
            black_box(translate::request(&read, outbound, "their-model", Mode::Drop).expect("sayable"));
        }])
    };
    nanos
}

/// An answer in 500 pieces, as a provider that speaks `chat` sends it.
fn pieces(chat: &dyn Chat) -> Vec<Bytes> {
    let (id, model) = ("answer-0123456789abcdef".to_owned(), "their-model-2026-01-01".to_owned());
    let mut events = vec![
        Event::Start { id, model, created: Some(1_700_000_000), usage: None },
        Event::Open { choice: 0, part: 0, opening: Opening::Text },
    ];
    events.extend((0..CHUNKS).map(|index| Event::Delta {
        choice: 0,
        part: 0,
        delta: Delta::Text(format!(" word{index}")),
    }));
    events.extend([
        Event::Close { choice: 0, part: 0 },
        Event::Stop { choice: 0, stop: Stop::End, sequence: None },
        Event::Usage(Tokens { input: 4_000, output: u64::from(CHUNKS), ..Tokens::default() }),
        Event::End,
    ]);
    let mut writer = chat.writer(&asked());
    let written = events.iter().map(|event| {
        let mut piece = Vec::new();
        writer.write(event, &mut piece);
        Bytes::from(piece)
    });
    written.filter(|piece| !piece.is_empty()).collect()
}

/// Nanoseconds of a piece of an answer; all of the answer by the number of its pieces, its beginning and its end included.
fn chunk(measure: &Measure, inbound: &dyn Chat, outbound: &dyn Chat) -> f64 {
    let (pieces, asked) = (pieces(outbound), asked());
    let [nanos] = if inbound.name() != outbound.name() {
        let mut out = Vec::with_capacity(4096);
        measure.least([&mut || {
            let mut stream = translate::Stream::new(outbound, inbound, &asked);
            for piece in &pieces {
                out.clear();
                stream.feed(black_box(piece), &mut out).expect("readable");
            }
            black_box(stream.finish(&mut out));
        }])
    } else if inbound.name() == "openai" {
        let mut forward = VecDeque::with_capacity(4);
        measure.least([&mut || {
            // The caller did not ask for usage: the chunk with it is taken out.
            let mut scanner = UsageScanner::stream(true);
            for piece in &pieces {
                scanner.feed(black_box(piece).clone(), &mut forward);
                forward.clear();
            }
            black_box(scanner.usage());
        }])
    } else {
        measure.least([&mut || {
            let mut watch = inbound.watch(true);
            pieces.iter().for_each(|piece| watch.feed(black_box(piece)));
            black_box(watch.usage());
        }])
    };
    nanos / f64::from(CHUNKS)
}

fn main() {
    let requests = Measure::read();
    // A whole answer is a turn, and takes ten times as long as one of the others.
    let streams = Measure { turns: requests.turns.min(400), write: None };
    let mut table = "| caller | provider | request, µs | at most | piece, µs | at most | held |\n\
                     |---|---|---:|---:|---:|---:|---|\n"
        .to_owned();
    let mut missed = 0;
    for inbound in ALL {
        for outbound in ALL {
            let same = inbound.name() == outbound.name();
            let bounds = if same { PASSES } else { TRANSLATED };
            let (call, piece) =
                (request(&requests, *inbound, *outbound), chunk(&streams, *inbound, *outbound));
            let held = call <= bounds.0 && piece <= bounds.1;
            missed += usize::from(!held);
            writeln!(
                table,
                "| {} | {} | {:.1} | {:.0} | {} | {:.0} | {} |",
                inbound.name(),
                if same { "the same" } else { outbound.name() },
                call / 1000.0,
                bounds.0 / 1000.0,
                micros(piece),
                bounds.1 / 1000.0,
                if held { "yes" } else { "**no**" },
            )
            .expect("a string takes it");
        }
    }
    println!("{table}\n{missed} of {} pairs miss their bound", ALL.len() * ALL.len());
    if let Some(day) = &requests.write {
        publish("translation-performance.md", "measured", day, &table);
    }
}
