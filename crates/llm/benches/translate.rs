//! What a translation costs inside this crate, for each pair of formats. Targets: a request of 16 KiB below 200 µs; a stream of
//! 500 chunks below 5 µs a chunk.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portcullis_llm::canon::{Delta, Event, Message, Mode, Opening, Part, Request, Role, Stop, Tokens};
use portcullis_llm::dialect::chat::{ALL, Asked, Chat, Incoming};
use portcullis_llm::translate;
use std::hint::black_box;
use std::sync::Arc;

const CHUNKS: u64 = 500;

fn asked() -> Asked {
    let request =
        Request { model: "fast".to_owned(), stream: true, stream_usage: true, ..Request::default() };
    Asked { id: "r-1".into(), now: 1_700_000_000, request: Arc::new(request) }
}

/// A conversation of about 16 KiB, as a caller of `chat` writes it.
fn body(chat: &dyn Chat) -> Vec<u8> {
    let turn = "The gateway reads what it must and \"forwards\" the rest as it came.\nÜber alles andere schweigt es. ";
    let message = |index: usize| Message {
        role: if index.is_multiple_of(2) { Role::User } else { Role::Assistant },
        parts: vec![Part::text(turn.repeat(9))],
        name: None,
    };
    let request = Request {
        model: "fast".to_owned(),
        messages: (0..17).map(message).collect(),
        max_tokens: Some(500),
        stream: true,
        ..Request::default()
    };
    translate::request(&request, chat, "fast", Mode::Drop)
        .map(|(written, _)| written.body)
        .unwrap_or_default()
}

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("translate_16k");
    for inbound in ALL {
        let body = body(*inbound);
        group.throughput(Throughput::Bytes(body.len() as u64));
        let model = matches!(inbound.name(), "gemini" | "bedrock").then_some("fast");
        for outbound in ALL.iter().filter(|outbound| outbound.name() != inbound.name()) {
            group.bench_function(format!("{}_to_{}", inbound.name(), outbound.name()), |bencher| {
                bencher.iter(|| {
                    let incoming = Incoming { model, stream: Some(true), body: black_box(&body) };
                    let request = inbound.read_request(&incoming).ok()?;
                    translate::request(&request, *outbound, "their-model", Mode::Drop).ok()
                });
            });
        }
    }
    group.finish();
}

/// An answer in 500 pieces, as a provider that speaks `chat` sends it.
fn pieces(chat: &dyn Chat) -> Vec<Vec<u8>> {
    let mut events = vec![
        Event::Start {
            id: "answer-1".to_owned(),
            model: "their-model".to_owned(),
            created: Some(1_700_000_000),
            usage: None,
        },
        Event::Open { choice: 0, part: 0, opening: Opening::Text },
    ];
    events.extend((0..CHUNKS).map(|index| Event::Delta {
        choice: 0,
        part: 0,
        delta: Delta::Text(format!("word{index} ")),
    }));
    events.extend([
        Event::Close { choice: 0, part: 0 },
        Event::Stop { choice: 0, stop: Stop::End, sequence: None },
        Event::Usage(Tokens { input: 4_000, output: CHUNKS, ..Tokens::default() }),
        Event::End,
    ]);
    let mut writer = chat.writer(&asked());
    let written = events.iter().map(|event| {
        let mut piece = Vec::new();
        writer.write(event, &mut piece);
        piece
    });
    written.filter(|piece| !piece.is_empty()).collect()
}

fn streams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("translate_stream");
    group.throughput(Throughput::Elements(CHUNKS));
    for outbound in ALL {
        let pieces = pieces(*outbound);
        for inbound in ALL.iter().filter(|inbound| inbound.name() != outbound.name()) {
            group.bench_function(format!("{}_to_{}", outbound.name(), inbound.name()), |bencher| {
                let (asked, mut out) = (asked(), Vec::with_capacity(4096));
                bencher.iter(|| {
                    let mut stream = translate::Stream::new(*outbound, *inbound, &asked);
                    for piece in &pieces {
                        out.clear();
                        if stream.feed(piece, &mut out).is_err() {
                            break;
                        }
                    }
                    stream.finish(&mut out)
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, requests, streams);
criterion_main!(benches);
