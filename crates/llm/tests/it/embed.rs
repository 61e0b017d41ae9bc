//! Embeddings and orders of documents, from each format into each other one.

use portcullis_llm::canon::embedding::{
    Embedding, EmbeddingAnswer, EmbeddingRequest, Encoding, Input, Purpose,
};
use portcullis_llm::canon::rerank::RerankRequest;
use portcullis_llm::canon::{Losses, Mode};
use portcullis_llm::dialect::chat::Incoming;
use portcullis_llm::dialect::embed::{self, Embed};
use portcullis_llm::dialect::rerank;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What callers of each format send.
const CALLERS: &[(&str, &str)] = &[
    (
        "openai",
        r#"{"model":"m","input":["one","two"],"encoding_format":"base64","dimensions":256,"user":"u"}"#,
    ),
    ("openai", r#"{"model":"m","input":"one"}"#),
    (
        "gemini",
        r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"one"}]},"taskType":"RETRIEVAL_QUERY","title":"t"},{"model":"models/m","content":{"parts":[{"text":"two"}]},"taskType":"RETRIEVAL_QUERY","title":"t"}]}"#,
    ),
    ("gemini", r#"{"content":{"parts":[{"text":"one"}]},"output_dimensionality":256}"#),
    (
        "cohere",
        r#"{"model":"m","texts":["one","two"],"input_type":"search_query","embedding_types":["float"],"truncate":"END","output_dimension":256}"#,
    ),
    ("ollama", r#"{"model":"m","input":["one","two"],"truncate":true,"keep_alive":"5m"}"#),
];

fn read(caller: &str, body: &str) -> EmbeddingRequest {
    let model = (caller == "gemini").then_some("m");
    let asked = Incoming { model, stream: None, body: body.as_bytes() };
    embed::find(caller).unwrap().read_request(&asked).unwrap_or_else(|fault| panic!("{fault}"))
}

#[test]
fn from_each_into_each() {
    let mut shown = String::new();
    for (caller, body) in CALLERS {
        let request = read(caller, body);
        writeln!(shown, "{caller} {body}").unwrap();
        for target in embed::ALL {
            let model = if target.name() == "bedrock" { "cohere.embed-v4:0" } else { "provider-model" };
            let (written, losses) = embed::request(&request, *target, model, Mode::Drop).unwrap();
            writeln!(
                shown,
                "    {} {} {} [{}]",
                target.name(),
                written.path,
                String::from_utf8(written.body).unwrap(),
                losses.text()
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(shown);
}

/// What providers of each format answer, all of them the same vectors.
const ANSWERS: &[(&str, &str)] = &[
    (
        "openai",
        r#"{"object":"list","data":[{"object":"embedding","index":1,"embedding":"AAAAPgAAgL8="},{"object":"embedding","index":0,"embedding":[0.5,-1]}],"model":"m","usage":{"prompt_tokens":4,"total_tokens":4}}"#,
    ),
    (
        "gemini",
        r#"{"embeddings":[{"values":[0.5,-1]},{"values":[0.125,-1]}],"usageMetadata":{"promptTokenCount":4}}"#,
    ),
    (
        "vertex",
        r#"{"predictions":[{"embeddings":{"values":[0.5,-1.0],"statistics":{"token_count":1.0,"truncated":false}}},{"embeddings":{"values":[0.125,-1],"statistics":{"token_count":3}}}]}"#,
    ),
    (
        "cohere",
        r#"{"id":"i","embeddings":{"float":[[0.5,-1],[0.125,-1]]},"texts":["one","two"],"meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":4}}}"#,
    ),
    (
        "ollama",
        r#"{"model":"m","embeddings":[[0.5,-1],[0.125,-1]],"total_duration":1,"prompt_eval_count":4}"#,
    ),
    (
        "bedrock",
        r#"{"id":"i","response_type":"embeddings_floats","embeddings":[[0.5,-1],[0.125,-1]],"texts":["one","two"]}"#,
    ),
];

#[test]
fn answers_of_each_for_each() {
    let mut shown = String::new();
    for (provider, body) in ANSWERS {
        let outbound = embed::find(provider).unwrap();
        for (caller, asked) in [CALLERS[0], CALLERS[2], CALLERS[4], CALLERS[5]] {
            let (asked, inbound) = (read(caller, asked), embed::find(caller).unwrap());
            let (written, tokens) =
                embed::answer(outbound, inbound, body.as_bytes(), &asked, "call-1").unwrap();
            let again = inbound.read_answer(&written).unwrap();
            let floats: Vec<_> = again.embeddings.iter().map(|embedding| embedding.floats.clone()).collect();
            assert_eq!(floats, [vec![0.5, -1.0], vec![0.125, -1.0]], "{provider} {caller}");
            assert_eq!(tokens, (*provider != "bedrock").then_some(4), "{provider}");
            if *provider == "cohere" {
                writeln!(shown, "{caller} {}", String::from_utf8(written).unwrap()).unwrap();
            }
        }
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn one_input_is_answered_as_it_was_asked() {
    let request = read("gemini", CALLERS[3].1);
    assert!(request.single);
    let body = br#"{"data":[{"index":0,"embedding":[1]}]}"#;
    let (written, _) = embed::answer(&embed::OpenAi, &embed::Gemini, body, &request, "c").unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), json!({"embedding": {"values": [1.0]}}));
    let (written, _) =
        embed::request(&request, &embed::Bedrock, "amazon.titan-embed-text-v2:0", Mode::Drop).unwrap();
    assert_eq!(written.path, "/model/amazon.titan-embed-text-v2%3A0/invoke");
    assert_eq!(written.body, br#"{"inputText":"one","dimensions":256}"#);
    let titan = br#"{"embedding":[0.5],"embeddingsByType":{"binary":[1]},"inputTextTokenCount":3}"#;
    let answer = embed::Bedrock.read_answer(titan).unwrap();
    assert_eq!(answer.embeddings[0].integers, [(Encoding::Binary, vec![1])]);
    assert_eq!((answer.embeddings[0].floats.clone(), answer.input_tokens), (vec![0.5], Some(3)));
}

#[test]
fn what_cannot_be_said_is_refused() {
    let refused = |request: &EmbeddingRequest, target: &dyn Embed, mode| {
        embed::request(request, target, "m", mode).unwrap_err().public_detail().to_owned()
    };
    let tokens = read("openai", r#"{"model":"m","input":[[1,2],[3]]}"#);
    assert_eq!(tokens.inputs, [Input::Tokens(vec![1, 2]), Input::Tokens(vec![3])]);
    for target in [&embed::Gemini as &dyn Embed, &embed::Vertex, &embed::Cohere, &embed::Ollama] {
        assert!(refused(&tokens, target, Mode::Drop).contains("tokens"), "{target:?}");
    }
    let packed =
        read("cohere", r#"{"model":"m","texts":["a"],"input_type":"clustering","embedding_types":["int8"]}"#);
    assert!(refused(&packed, &embed::OpenAi, Mode::Drop).contains("`int8`"));
    let image =
        read("cohere", r#"{"model":"m","images":["data:image/png;base64,AAAA"],"input_type":"image"}"#);
    assert!(refused(&image, &embed::OpenAi, Mode::Drop).contains("no images"));
    let (written, _) = embed::request(&image, &embed::Gemini, "m", Mode::Drop).unwrap();
    assert!(
        String::from_utf8(written.body)
            .unwrap()
            .contains(r#""inlineData":{"mimeType":"image/png","data":"AAAA"}"#)
    );
    let many =
        EmbeddingRequest { inputs: vec![Input::Text("a".to_owned()); 101], ..EmbeddingRequest::default() };
    assert!(refused(&many, &embed::Gemini, Mode::Drop).contains("at most 100"));
    let purposeful = EmbeddingRequest {
        purpose: Some(Purpose::Query),
        inputs: vec![Input::Text("a".to_owned())],
        ..EmbeddingRequest::default()
    };
    assert!(refused(&purposeful, &embed::OpenAi, Mode::Strict).contains("`purpose`"));
    let asked = read("openai", CALLERS[0].1);
    let short = br#"{"embeddings":[[1]]}"#;
    assert!(
        embed::answer(&embed::Ollama, &embed::OpenAi, short, &asked, "c").is_err(),
        "a vector is missing"
    );
    for (caller, body) in [
        ("openai", r#"{"model":"m","input":[]}"#),
        ("openai", r#"{"model":"m","input":["a",1]}"#),
        ("openai", r#"{"model":"m","input":"a","encoding_format":"int8"}"#),
        ("cohere", r#"{"model":"m","texts":["a"],"input_type":"poem"}"#),
        ("cohere", r#"{"model":"m","texts":[],"input_type":"search_query"}"#),
        ("ollama", r#"{"model":"m","input":{}}"#),
        ("bedrock", "{}"),
    ] {
        let asked = Incoming { model: None, stream: None, body: body.as_bytes() };
        assert!(embed::find(caller).unwrap().read_request(&asked).is_err(), "{body}");
    }
}

#[test]
fn orders_of_documents() {
    let cohere = rerank::find("cohere").unwrap();
    let jina = rerank::find("jina").unwrap();
    let body =
        br#"{"model":"m","query":"q","documents":["a",{"text":"b"}],"top_n":1,"max_tokens_per_doc":100}"#;
    let request = cohere.read_request(body).unwrap();
    let (written, losses) = rerank::request(&request, jina, "jm", Mode::Drop).unwrap();
    assert_eq!(losses.text(), "max_tokens_per_doc");
    assert_eq!(
        String::from_utf8(written.body).unwrap(),
        r#"{"model":"jm","query":"q","documents":["a","b"],"top_n":1,"return_documents":false}"#
    );
    assert!(rerank::request(&request, jina, "jm", Mode::Strict).is_err());
    let answer =
        br#"{"model":"jm","results":[{"index":1,"relevance_score":0.75}],"usage":{"total_tokens":9}}"#;
    let (written, tokens) = rerank::answer(jina, cohere, answer, &request, "call-1").unwrap();
    assert_eq!(tokens, Some(9));
    assert_eq!(
        String::from_utf8(written).unwrap(),
        r#"{"id":"call-1","results":[{"index":1,"relevance_score":0.75}],"meta":{"api_version":{"version":"2"},"billed_units":{"search_units":1}}}"#
    );

    let body = br#"{"model":"m","query":"q","documents":["a",{"text":"b"}]}"#;
    let request = jina.read_request(body).unwrap();
    let answer = br#"{"id":"x","results":[{"index":1,"relevance_score":0.75}],"meta":{"billed_units":{"search_units":1}}}"#;
    let (written, _) = rerank::answer(cohere, jina, answer, &request, "c").unwrap();
    assert_eq!(
        String::from_utf8(written).unwrap(),
        r#"{"model":"m","results":[{"index":1,"relevance_score":0.75,"document":{"text":"b"}}],"usage":{"total_tokens":0}}"#
    );
    let best = RerankRequest {
        top_n: Some(2),
        return_documents: None,
        documents: vec![String::new(); 3],
        ..request.clone()
    };
    let unsorted = br#"{"results":[{"index":0,"relevance_score":0.25},{"index":1,"relevance_score":-1},{"index":2,"relevance_score":0.5}]}"#;
    let (written, _) = rerank::answer(jina, jina, unsorted, &best, "c").unwrap();
    let again = jina.read_answer(&written).unwrap();
    assert_eq!(again.results.iter().map(|ranked| ranked.index).collect::<Vec<_>>(), [2, 0]);
    let foreign = br#"{"results":[{"index":2,"relevance_score":1}]}"#;
    assert!(rerank::answer(cohere, jina, foreign, &request, "c").is_err());
    for wrong in [
        &b"{\"model\":\"m\",\"query\":\"q\",\"documents\":[]}"[..],
        b"{\"model\":\"m\",\"query\":\"q\",\"documents\":[1]}",
        b"{\"model\":\"m\",\"documents\":[\"a\"]}",
    ] {
        assert!(cohere.read_request(wrong).is_err() && jina.read_request(wrong).is_err());
    }
    assert_eq!(request, RerankRequest { native: Vec::new(), ..request.clone() });
}

proptest! {
    #[test]
    fn vectors_are_the_same_to_the_bit(bits in proptest::collection::vec(any::<u32>(), 1..40)) {
        let floats: Vec<f32> =
            bits.into_iter().map(f32::from_bits).filter(|float| float.is_finite()).collect();
        let answer = EmbeddingAnswer {
            embeddings: vec![Embedding { floats: floats.clone(), integers: Vec::new() }],
            ..EmbeddingAnswer::default()
        };
        for encoding in [Encoding::Float, Encoding::Base64] {
            let asked = EmbeddingRequest { encodings: vec![encoding], ..EmbeddingRequest::default() };
            for format in [&embed::OpenAi as &dyn Embed, &embed::Gemini, &embed::Cohere, &embed::Ollama] {
                let written = format.write_answer(&answer, &asked, "c");
                prop_assert_eq!(&format.read_answer(&written).unwrap().embeddings[0].floats, &floats, "{:?}", format);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let bodies = CALLERS.iter().chain(ANSWERS).map(|(_, body)| {
            let mut body = body.as_bytes().to_vec();
            let at = at.index(body.len());
            body[at] = byte;
            body
        });
        for body in bodies.chain([bytes]) {
            for format in embed::ALL {
                if let Ok(request) = format.read_request(&Incoming { model: None, stream: None, body: &body }) {
                    for target in embed::ALL {
                        let _ = target.write_request(&request, &mut Losses::default());
                    }
                }
                let _ = format.read_answer(&body);
            }
            for format in rerank::ALL {
                let _ = format.read_request(&body);
                let _ = format.read_answer(&body);
            }
        }
    }
}
