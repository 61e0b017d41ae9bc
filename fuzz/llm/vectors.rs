//! Embeddings, reranking and counting: requests and answers of every format. The first byte says what, the second which format.

use super::LONGEST;
use portcullis_llm::canon::embedding::EmbeddingRequest;
use portcullis_llm::canon::rerank::RerankRequest;
use portcullis_llm::canon::{Losses, Mode};
use portcullis_llm::dialect::chat::Incoming;
use portcullis_llm::dialect::{count, embed, rerank};

pub fn run(data: &[u8]) {
    let [what, format, data @ ..] = data else { return };
    if data.len() > LONGEST {
        return;
    }
    let format = usize::from(format.wrapping_sub(b'0'));
    // By digits, so that inputs made by hand can be read.
    match what.wrapping_sub(b'0') % 5 {
        0 => embedding(format, data),
        1 => embedded(format, data),
        2 => ranking(format, data),
        3 => ranked(format, data),
        _ => counting(format, data),
    }
}

fn json(body: &[u8]) {
    serde_json::from_slice::<serde_json::Value>(body).expect("JSON is written");
}

fn incoming(body: &[u8]) -> Incoming<'_> {
    Incoming { model: Some("a-model"), stream: None, body }
}

fn embedding(format: usize, data: &[u8]) {
    let inbound = embed::ALL[format % embed::ALL.len()];
    let Ok(request) = inbound.read_request(&incoming(data)) else { return };
    for outbound in embed::ALL {
        for mode in [Mode::Drop, Mode::Strict] {
            if let Ok((written, losses)) = embed::request(&request, *outbound, "their-model", mode) {
                json(&written.body);
                assert!(losses.text().len() <= 1100);
            }
        }
    }
}

fn embedded(format: usize, data: &[u8]) {
    let outbound = embed::ALL[format % embed::ALL.len()];
    let Ok(answer) = outbound.read_answer(data) else { return };
    for single in [false, true] {
        let asked = EmbeddingRequest { single, ..EmbeddingRequest::default() };
        for inbound in embed::ALL {
            json(&inbound.write_answer(&answer, &asked, "r-1"));
            let _ = embed::answer(outbound, *inbound, data, &asked, "r-1");
        }
    }
}

fn ranking(format: usize, data: &[u8]) {
    let inbound = rerank::ALL[format % rerank::ALL.len()];
    let Ok(request) = inbound.read_request(data) else { return };
    for outbound in rerank::ALL {
        for mode in [Mode::Drop, Mode::Strict] {
            if let Ok((written, _)) = rerank::request(&request, *outbound, "their-model", mode) {
                json(&written.body);
            }
        }
    }
}

fn ranked(format: usize, data: &[u8]) {
    let outbound = rerank::ALL[format % rerank::ALL.len()];
    let asked = RerankRequest {
        documents: vec!["one".to_owned(), "two".to_owned()],
        return_documents: Some(true),
        ..RerankRequest::default()
    };
    for inbound in rerank::ALL {
        if let Ok((written, _)) = rerank::answer(outbound, *inbound, data, &asked, "r-1") {
            json(&written);
        }
    }
}

fn counting(format: usize, data: &[u8]) {
    let inbound = &count::ALL[format % count::ALL.len()];
    if let Ok(tokens) = (inbound.read_answer)(data) {
        json(&(inbound.write_answer)(tokens));
    }
    let Ok(request) = (inbound.read_request)(&incoming(data)) else { return };
    let _ = count::estimate(&request);
    for outbound in count::ALL {
        if let Ok(written) = (outbound.write_request)(&request, &mut Losses::default()) {
            json(&written.body);
        }
    }
}
