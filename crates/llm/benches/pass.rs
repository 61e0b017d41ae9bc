//! What a call costs inside this crate when both sides speak the same dialect. Targets: a request of 16 KiB scanned and
//! rewritten below 20 µs; a stream of 500 chunks below 1 µs a chunk.

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portcullis_llm::dialect::openai::{Request, StreamOptions, UsageScanner};
use portcullis_llm::dialect::request::Members;
use serde_json::json;
use std::collections::VecDeque;
use std::hint::black_box;

fn request(criterion: &mut Criterion) {
    let turn = "The gateway reads what it must and \"forwards\" the rest as it came.\nÜber alles andere schweigt es. ";
    let messages: Vec<_> = (0..16)
        .map(|i| json!({ "role": if i % 2 == 0 { "user" } else { "assistant" }, "content": turn.repeat(9) }))
        .collect();
    let mut body =
        json!({ "messages": messages, "model": "fast", "stream": true, "temperature": 0.2 }).to_string();
    while body.len() < 16 * 1024 {
        body.push(' ');
    }
    let body = Bytes::from(body);
    let mut group = criterion.benchmark_group("request");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("scan_and_rewrite_16k", |bencher| {
        bencher.iter(|| {
            Request::scan(black_box(&body), &Members::OPENAI)
                .map(|request| request.rewrite("gpt-4o-mini", StreamOptions::Ask))
                .is_ok()
        });
    });
    group.finish();
}

fn stream(criterion: &mut Criterion) {
    let chunks: Vec<Bytes> = (0..500)
        .map(|i| {
            let choice = json!({ "index": 0, "delta": { "content": format!("word{i} ") }, "logprobs": null, "finish_reason": null });
            let chunk = json!({ "id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "gpt-4o-mini-2024-07-18",
                "service_tier": "default", "system_fingerprint": "fp_0123456789", "choices": [choice], "usage": null });
            Bytes::from(format!("data: {chunk}\n\n"))
        })
        .collect();
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(chunks.len() as u64));
    for (name, hide) in [("500_chunks", false), ("500_chunks_hiding", true)] {
        group.bench_function(name, |bencher| {
            let mut forward = VecDeque::with_capacity(4);
            bencher.iter(|| {
                let mut scanner = UsageScanner::stream(hide);
                for chunk in &chunks {
                    scanner.feed(chunk.clone(), &mut forward);
                    forward.clear();
                }
                scanner.text_bytes()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, request, stream);
criterion_main!(benches);
