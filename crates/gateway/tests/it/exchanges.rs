//! What has one question and one answer (vectors, orders of documents, counts), and texts to be continued: every caller to
//! every provider that has it. Providers do what the question says.

use crate::client::Answer;
use crate::dialects::{always, json_answer, post, post_by, provider, stream, wire};
use crate::house::House;
use crate::upstream::{Seen, Upstream, Wire as Line};
use crate::wires::{WIRES, Wire};
use portcullis_identity::local::LocalSubject;
use portcullis_model::record::Outcome;
use portcullis_model::usage::UsageSource;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A caller of one dialect.
struct Caller {
    /// Whose credentials and errors it knows.
    wire: &'static str,
    /// Path and body.
    ask: fn(model: &str, text: &str) -> (String, Value),
    /// What it reads in an answer.
    said: fn(&Value) -> Value,
}

/// A provider.
struct Provider {
    preset: &'static str,
    /// Whose credentials and errors it has.
    wire: &'static str,
    base: &'static str,
    model: &'static str,
    /// Where it is to be asked, below its base.
    at: &'static str,
    /// What it answers; what is in place of 0.5 in it is the caller's.
    answer: fn(f64) -> Value,
}

const LARGE: &str = "x/large:1";

static VECTOR_CALLERS: &[Caller] = &[
    Caller {
        wire: "openai",
        ask: |model, text| ("/v1/embeddings".to_owned(), json!({ "model": model, "input": ["one", text] })),
        said: |answer| json!([answer["data"][0]["embedding"], answer["data"][1]["embedding"]]),
    },
    Caller {
        wire: "gemini",
        ask: |model, text| {
            let request = |text: &str| json!({ "model": format!("models/{model}"), "content": { "parts": [{ "text": text }] } });
            (
                format!("/gemini/v1beta/models/{model}:batchEmbedContents"),
                json!({ "requests": [request("one"), request(text)] }),
            )
        },
        said: |answer| json!([answer["embeddings"][0]["values"], answer["embeddings"][1]["values"]]),
    },
    Caller {
        wire: "cohere",
        ask: |model, text| {
            (
                "/cohere/v2/embed".to_owned(),
                json!({ "model": model, "texts": ["one", text], "input_type": "search_query", "embedding_types": ["float"] }),
            )
        },
        said: |answer| answer["embeddings"]["float"].clone(),
    },
    Caller {
        wire: "ollama",
        ask: |model, text| {
            ("/ollama/api/embed".to_owned(), json!({ "model": model, "input": ["one", text] }))
        },
        said: |answer| answer["embeddings"].clone(),
    },
];

static VECTOR_PROVIDERS: &[Provider] = &[
    Provider {
        preset: "openai",
        wire: "openai",
        base: "/v1",
        model: LARGE,
        at: "/embeddings",
        answer: |mark| {
            json!({ "object": "list", "model": "m", "usage": { "prompt_tokens": 4, "total_tokens": 4 },
                "data": [{ "object": "embedding", "index": 0, "embedding": [mark, -1.0] }, { "object": "embedding", "index": 1, "embedding": [0.125, 2.0] }] })
        },
    },
    Provider {
        preset: "gemini",
        wire: "gemini",
        base: "/v1beta",
        model: LARGE,
        at: "/models/x%2Flarge%3A1:batchEmbedContents",
        answer: |mark| json!({ "embeddings": [{ "values": [mark, -1.0] }, { "values": [0.125, 2.0] }], "usageMetadata": { "promptTokenCount": 4 } }),
    },
    Provider {
        preset: "vertex",
        wire: "gemini",
        base: "/v1/publishers/google",
        model: LARGE,
        at: "/models/x%2Flarge%3A1:predict",
        answer: |mark| {
            let one = |values: Value, tokens: u32| json!({ "embeddings": { "values": values, "statistics": { "token_count": tokens } } });
            json!({ "predictions": [one(json!([mark, -1.0]), 1), one(json!([0.125, 2.0]), 3)] })
        },
    },
    Provider {
        preset: "cohere",
        wire: "cohere",
        base: "",
        model: LARGE,
        at: "/v2/embed",
        answer: |mark| {
            json!({ "id": "e-1", "embeddings": { "float": [[mark, -1.0], [0.125, 2.0]] }, "texts": ["input_tokens"],
                "meta": { "api_version": { "version": "2" }, "billed_units": { "input_tokens": 4 } } })
        },
    },
    Provider {
        preset: "ollama",
        wire: "ollama",
        base: "",
        model: LARGE,
        at: "/api/embed",
        answer: |mark| json!({ "model": "m", "embeddings": [[mark, -1.0], [0.125, 2.0]], "total_duration": 9, "prompt_eval_count": 4 }),
    },
    Provider {
        preset: "bedrock",
        wire: "bedrock",
        base: "",
        model: "cohere.embed-v4:0",
        at: "/model/cohere.embed-v4%3A0/invoke",
        answer: |mark| {
            json!({ "id": "e-1", "response_type": "embeddings_by_type", "embeddings": { "float": [[mark, -1.0], [0.125, 2.0]] },
                "meta": { "billed_units": { "input_tokens": 4 } } })
        },
    },
];

static ORDER_CALLERS: &[Caller] = &[
    Caller {
        wire: "openai",
        ask: |model, text| {
            (
                "/openai/v1/rerank".to_owned(),
                json!({ "model": model, "query": text, "documents": ["a", { "text": "b" }], "top_n": 1, "return_documents": false }),
            )
        },
        said: order,
    },
    Caller {
        wire: "cohere",
        ask: |model, text| {
            (
                "/cohere/v2/rerank".to_owned(),
                json!({ "model": model, "query": text, "documents": ["a", "b"], "top_n": 1 }),
            )
        },
        said: order,
    },
    Caller {
        wire: "cohere",
        ask: |model, text| {
            (
                "/cohere/v1/rerank".to_owned(),
                json!({ "model": model, "query": text, "documents": ["a", "b"], "top_n": 1, "return_documents": false }),
            )
        },
        said: order,
    },
];

fn order(answer: &Value) -> Value {
    json!([answer["results"][0]["index"], answer["results"][0]["relevance_score"]])
}

static ORDER_PROVIDERS: &[Provider] = &[
    Provider {
        preset: "jina",
        wire: "openai",
        base: "/v1",
        model: LARGE,
        at: "/rerank",
        answer: |mark| json!({ "model": "m", "results": [{ "index": 1, "relevance_score": mark }], "usage": { "total_tokens": 9 } }),
    },
    Provider {
        preset: "cohere",
        wire: "cohere",
        base: "",
        model: LARGE,
        at: "/v2/rerank",
        answer: |mark| json!({ "id": "r-1", "results": [{ "index": 1, "relevance_score": mark }], "meta": { "billed_units": { "search_units": 1 } } }),
    },
];

static COUNT_CALLERS: &[Caller] = &[
    Caller {
        wire: "anthropic",
        ask: |model, text| {
            let messages = json!([{ "role": "user", "content": text }]);
            ("/v1/messages/count_tokens".to_owned(), json!({ "model": model, "messages": messages }))
        },
        said: |answer| answer["input_tokens"].clone(),
    },
    Caller {
        wire: "gemini",
        ask: |model, text| {
            let contents = json!([{ "role": "user", "parts": [{ "text": text }] }]);
            (format!("/gemini/v1beta/models/{model}:countTokens"), json!({ "contents": contents }))
        },
        said: |answer| answer["totalTokens"].clone(),
    },
    Caller {
        wire: "bedrock",
        ask: |model, text| {
            let messages = json!([{ "role": "user", "content": [{ "text": text }] }]);
            (
                format!("/bedrock/model/{model}/count-tokens"),
                json!({ "input": { "converse": { "messages": messages } } }),
            )
        },
        said: |answer| answer["inputTokens"].clone(),
    },
];

static COUNT_PROVIDERS: &[Provider] = &[
    Provider {
        preset: "anthropic",
        wire: "anthropic",
        base: "/v1",
        model: LARGE,
        at: "/messages/count_tokens",
        answer: |_| json!({ "input_tokens": 31 }),
    },
    Provider {
        preset: "gemini",
        wire: "gemini",
        base: "/v1beta",
        model: LARGE,
        at: "/models/x%2Flarge%3A1:countTokens",
        answer: |_| json!({ "totalTokens": 31 }),
    },
    Provider {
        preset: "bedrock",
        wire: "bedrock",
        base: "",
        model: LARGE,
        at: "/model/x%2Flarge%3A1/count-tokens",
        answer: |_| json!({ "inputTokens": 31 }),
    },
];

/// What a provider does whose question holds `do/<what>/<how>/`; then whether it takes another call.
async fn obey(provider: &Provider, line: &mut Line, call: &Seen) -> bool {
    let body = String::from_utf8_lossy(&call.body).into_owned();
    let mut words = body.split("do/").nth(1).unwrap_or("whole/").split('/');
    let (what, how) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let answer = match what {
        "short" => {
            let mut answer = json_answer("200 OK", "", &(provider.answer)(0.5));
            answer.truncate(answer.len() - 10);
            line.send_bytes(&answer).await;
            return false;
        }
        "nothing" => json_answer("200 OK", "", &json!({ "results": [{ "index": 7 }], "embeddings": [] })),
        "status" => {
            let body = (wire(provider.wire).error)(how.parse().unwrap(), "sk-12 said no");
            json_answer(&format!("{how} No"), "retry-after: 7\r\nx-ratelimit-limit-requests: 5\r\n", &body)
        }
        "html" => {
            b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>".to_vec()
        }
        "mark" => json_answer("200 OK", "", &(provider.answer)(how.parse().unwrap())),
        _ => json_answer("200 OK", "server: vendor\r\nset-cookie: v=1\r\n", &(provider.answer)(0.5)),
    };
    line.send_bytes(&answer).await;
    true
}

/// Providers, and a gateway in front of them: the model `to-<preset>` is at each.
struct World {
    house: Arc<House>,
    seen: Arc<Mutex<Vec<Seen>>>,
    _upstreams: Vec<Upstream>,
}

fn config(provider: &Provider, upstream: &Upstream, more: &str) -> String {
    let Provider { preset, base, model, .. } = provider;
    format!(
        "[[providers]]\nname = \"{preset}\"\npreset = \"{preset}\"\nbase_url = \"http://{}{base}\"\napi_key = \"env:PROVIDER_KEY\"\n\
         [[models]]\nname = \"to-{preset}\"\nbreaker = {{ failures = 0 }}\ndeployments = [{{ provider = \"{preset}\", model = \"{model}\"{more} }}]\n",
        upstream.address
    )
}

async fn world(providers: &'static [Provider]) -> World {
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let (mut upstreams, mut text) = (Vec::new(), String::new());
    for provider in providers {
        let keep = seen.clone();
        let upstream = Upstream::open(move |mut line: Line, _| {
            let keep = keep.clone();
            async move {
                while let Some(call) = line.call().await {
                    keep.lock().await.push(call.clone());
                    if !obey(provider, &mut line, &call).await {
                        return;
                    }
                }
            }
        })
        .await;
        text += &config(provider, &upstream, "");
        upstreams.push(upstream);
    }
    World { house: House::open(&text).await, seen, _upstreams: upstreams }
}

async fn ask(house: &House, caller: &Caller, model: &str, text: &str) -> Answer {
    let (path, body) = (caller.ask)(model, text);
    house.client().await.call(post(house, wire(caller.wire), &path, &body.to_string())).await
}

fn pairs(
    callers: &'static [Caller],
    providers: &'static [Provider],
) -> impl Iterator<Item = (&'static Caller, &'static Provider, String)> {
    callers.iter().flat_map(move |caller| {
        providers.iter().map(move |to| (caller, to, format!("{} → {}", caller.wire, to.preset)))
    })
}

/// Tokens of a question, where they are known, and who says so.
type Used = (Option<u64>, UsageSource);

/// Each caller at each provider, as it should go.
async fn reach(
    callers: &'static [Caller],
    providers: &'static [Provider],
    operation: &str,
    said: &Value,
    used: fn(&Provider) -> Option<Used>,
) {
    let world = world(providers).await;
    let house = &world.house;
    for (caller, to, title) in pairs(callers, providers) {
        let answer = ask(house, caller, &format!("to-{}", to.preset), "what is asked").await;
        assert_eq!(answer.status, 200, "{title}: {}", answer.text());
        assert_eq!((caller.said)(&answer.json()), *said, "{title}: {}", answer.text());
        assert_eq!((answer.header("server"), answer.header("set-cookie")), (None, None), "{title}");
        let call = world.seen.lock().await.pop().unwrap();
        let at = call.target().strip_prefix(to.base).unwrap_or_else(|| panic!("{title}: {}", call.line));
        // Who asks in the provider's own dialect is passed on to where it asked.
        let own = caller.wire == to.wire && (caller.ask)("", "").0.ends_with(at);
        // A colon may be written either way in a path.
        let colons = |path: &str| path.replace("%3A", ":");
        assert!(colons(at) == colons(to.at) || own, "{title}: {}", call.line);
        let body = String::from_utf8(call.body.clone()).unwrap();
        assert!(body.contains("what is asked") && !body.contains("\"to-"), "{title}: {body}");
        let credentials = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
        let sent: Vec<_> = credentials.iter().filter_map(|name| call.header(name)).collect();
        assert_eq!(sent.len(), 1, "{title}: {:?}", call.headers);
        assert!(sent[0].ends_with("sk-ours"), "{title}");
        let record = house.record_now().await.expect("the record is there when the answer is");
        assert_eq!(
            (record.outcome, record.operation.as_deref(), record.dialect.as_deref()),
            (Outcome::Completed, Some(operation), Some(caller.wire)),
            "{title}"
        );
        assert_eq!(record.provider.as_deref(), Some(to.preset), "{title}");
        match (used(to), record.usage) {
            (None, None) => assert!(record.cost.is_none(), "{title}"),
            (Some((tokens, source)), Some(usage)) => {
                assert_eq!((usage.output_tokens, usage.source), (0, source), "{title}");
                assert!(tokens.is_none_or(|tokens| tokens == usage.input_tokens), "{title}: {usage:?}");
                assert!(usage.input_tokens > 0, "{title}");
            }
            other => panic!("{title}: {other:?}"),
        }
    }
    house.close().await;
}

#[tokio::test]
async fn vectors_reach_every_caller() {
    reach(VECTOR_CALLERS, VECTOR_PROVIDERS, "embeddings", &json!([[0.5, -1.0], [0.125, 2.0]]), |_| {
        Some((Some(4), UsageSource::Reported))
    })
    .await;
}

#[tokio::test]
async fn orders_reach_every_caller() {
    reach(ORDER_CALLERS, ORDER_PROVIDERS, "rerank", &json!([1, 0.5]), |to| {
        // Cohere sells searches.
        Some(if to.preset == "jina" {
            (Some(9), UsageSource::Reported)
        } else {
            (None, UsageSource::Estimated)
        })
    })
    .await;
}

#[tokio::test]
async fn counts_reach_every_caller_and_cost_nothing() {
    reach(COUNT_CALLERS, COUNT_PROVIDERS, "count_tokens", &json!(31), |_| None).await;
}

#[tokio::test]
async fn nobody_counts_and_the_number_says_so() {
    let text = "x".repeat(400);
    let (upstream, calls) = always(json_answer("500 No", "", &json!({}))).await;
    let openai = wire("openai");
    let house = House::open(&provider(openai, &upstream, "")).await;
    for caller in COUNT_CALLERS {
        let answer = ask(&house, caller, "to-openai", &text).await;
        assert_eq!(answer.status, 200, "{}: {}", caller.wire, answer.text());
        let number = (caller.said)(&answer.json()).as_u64().unwrap();
        assert!((100..120).contains(&number), "{}: {number}", caller.wire);
        assert_eq!(answer.header("x-portcullis-estimated"), Some("tokens"));
        let record = house.record().await;
        assert_eq!((record.outcome, record.usage, record.provider), (Outcome::Completed, None, None));
    }
    assert_eq!(*calls.lock().await, 0, "nobody was asked");
    // What cannot be read cannot be estimated, either.
    let body = r#"{"model":"to-openai","messages":7}"#;
    let answer =
        house.client().await.call(post(&house, wire("anthropic"), "/v1/messages/count_tokens", body)).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (400, Some("ai_request_invalid")));
    house.close().await;
}

#[tokio::test]
async fn a_providers_no_is_said_in_the_callers_dialect() {
    for (callers, providers) in [
        (VECTOR_CALLERS, VECTOR_PROVIDERS),
        (ORDER_CALLERS, ORDER_PROVIDERS),
        (COUNT_CALLERS, COUNT_PROVIDERS),
    ] {
        let world = world(providers).await;
        let house = &world.house;
        for (caller, to, title) in pairs(callers, providers) {
            let model = format!("to-{}", to.preset);
            for (status, told) in [(400, 400), (401, 502), (429, 429), (500, 500), (503, 503), (301, 502)] {
                let answer = ask(house, caller, &model, &format!("do/status/{status}/")).await;
                let text = answer.text().to_owned();
                assert_eq!(answer.status, told, "{title}, {status}: {text}");
                for member in (wire(caller.wire).error)(status, "").as_object().unwrap().keys() {
                    assert!(answer.json().get(member).is_some(), "{title}, {status}: {text}");
                }
                assert_eq!(text.contains("sk-12"), told != 502, "{title}, {status}: {text}");
                assert_eq!(answer.header("retry-after").is_some(), told != 502, "{title}");
                assert_eq!(answer.header("x-ratelimit-limit-requests"), None);
                assert_eq!(house.record().await.upstream_status, Some(status));
            }
            let answer = ask(house, caller, &model, "do/html/").await;
            assert!(answer.status >= 500 && answer.json().is_object(), "{title}: {}", answer.text());
            house.record().await;
            let answer = ask(house, caller, &model, "do/short/").await;
            assert!(answer.status == 502 || !answer.whole, "{title}: {}", answer.status);
            assert!(house.record().await.code.is_some(), "{title}");
            // What is no answer is not made one.
            let answer = ask(house, caller, &model, "do/nothing/").await;
            let passes = caller.wire == to.wire && to.preset != "vertex" && caller.wire != "gemini"
                || callers.len() == COUNT_CALLERS.len() && caller.wire == to.wire;
            assert!(answer.status == 502 || passes, "{title}: {} {}", answer.status, answer.text());
            house.record().await;
        }
        house.close().await;
    }
}

#[tokio::test]
async fn what_nobody_may_ask_is_not_sent() {
    let world = world(VECTOR_PROVIDERS).await;
    let house = &world.house;
    let mallory = house.user("umbra", "mallory").await;
    for caller in VECTOR_CALLERS.iter().chain(ORDER_CALLERS).chain(COUNT_CALLERS) {
        let (path, body) = (caller.ask)("to-openai", "hi");
        let token = house.token("umbra", LocalSubject::User(mallory.id), Duration::from_secs(60));
        let asked = post_by(&format!("Bearer {token}"), wire(caller.wire), &path, &body.to_string());
        let answer = house.client().await.call(asked).await;
        assert_eq!(answer.status, 404, "{}: {}", caller.wire, answer.text());
        assert_eq!(house.record().await.code.as_deref(), Some("model_not_granted"), "{}", caller.wire);
        let answer = ask(house, caller, "to-nobody", "hi").await;
        assert_eq!(answer.status, 404, "{}: {}", caller.wire, answer.text());
        for member in (wire(caller.wire).error)(404, "").as_object().unwrap().keys() {
            assert!(answer.json().get(member).is_some(), "{}: {}", caller.wire, answer.text());
        }
        house.record().await;
    }
    // A provider that has it not is not asked, either.
    for caller in ORDER_CALLERS {
        let answer = ask(house, caller, "to-openai", "hi").await;
        assert_eq!(answer.status, 400, "{}: {}", caller.wire, answer.text());
        assert!(answer.text().contains("does not serve `rerank`"), "{}", answer.text());
    }
    assert!(world.seen.lock().await.is_empty());
    house.close().await;
}

/// The same format on both sides: not a byte changes but the model's name, on the way in and on the way back.
#[tokio::test]
async fn the_same_format_passes_byte_for_byte() {
    let mine = |callers: &'static [Caller], providers: &'static [Provider]| {
        pairs(callers, providers).filter(|(caller, to, _)| {
            caller.wire == to.wire && (caller.wire != "gemini" || providers[0].preset == "anthropic")
        })
    };
    let all = mine(VECTOR_CALLERS, VECTOR_PROVIDERS)
        .chain(mine(ORDER_CALLERS, ORDER_PROVIDERS))
        .chain(mine(COUNT_CALLERS, COUNT_PROVIDERS));
    for (caller, to, title) in all {
        let answer = (to.answer)(0.5).to_string().replacen('{', "{ \"new\\u0020member\" : 1e2 , ", 1);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
        let text = format!("{head}content-length: {}\r\n\r\n{answer}", answer.len());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let upstream = Upstream::open({
            let seen = seen.clone();
            move |mut line: Line, _| {
                let (seen, text) = (seen.clone(), text.clone());
                async move {
                    while let Some(call) = line.call().await {
                        seen.lock().await.push(call);
                        line.send(&text).await;
                    }
                }
            }
        })
        .await;
        let house = House::open(&config(to, &upstream, "")).await;
        let model = format!("to-{}", to.preset);
        let (path, body) = (caller.ask)(&model, "hello\u{301}");
        let body = body.to_string().replacen('{', "{ \"not known\" : [ 1.0e+2,{ } ] ,\r\n", 1);
        let got = house.client().await.call(post(&house, wire(caller.wire), &path, &body)).await;
        assert_eq!(got.text(), answer, "{title}");
        let sent = String::from_utf8(seen.lock().await[0].body.clone()).unwrap();
        assert_eq!(sent, body.replace(&format!("\"{model}\""), "\"x/large:1\""), "{title}");
        house.close().await;
    }
}

#[tokio::test]
async fn older_and_shorter_forms() {
    // One vector.
    let one = json!({ "object": "list", "model": "m", "usage": { "prompt_tokens": 2 },
        "data": [{ "object": "embedding", "index": 0, "embedding": [0.5, -1.0] }] });
    let (upstream, _) = always(json_answer("200 OK", "", &one)).await;
    let house = House::open(&provider(wire("openai"), &upstream, "")).await;
    let call = async |caller: &str, path: &str, body: Value| {
        house.client().await.call(post(&house, wire(caller), path, &body.to_string())).await
    };
    let content = json!({ "parts": [{ "text": "one" }] });
    let at = "/gemini/v1beta/models/to-openai:embedContent";
    let answer = call("gemini", at, json!({ "model": "models/to-openai", "content": content })).await;
    assert_eq!(answer.json()["embedding"]["values"], json!([0.5, -1.0]), "{}", answer.text());
    let answer = call("gemini", at, json!({ "model": "models/another", "content": content })).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("another model than the path"), "{}", answer.text());
    let answer =
        call("ollama", "/ollama/api/embeddings", json!({ "model": "to-openai", "prompt": "one" })).await;
    assert_eq!(answer.json(), json!({ "embedding": [0.5, -1.0] }), "{}", answer.text());
    // What makes vectors better and cannot be said is told; what changes them is refused.
    let asked = json!({ "model": "to-openai", "texts": ["one"], "input_type": "search_query" });
    let answer = call("cohere", "/cohere/v2/embed", asked.clone()).await;
    assert_eq!(answer.header("x-portcullis-dropped"), Some("purpose"), "{}", answer.text());
    let bare = json!({ "model": "to-openai", "texts": ["one"] });
    let answer = call("cohere", "/cohere/v1/embed", bare).await;
    assert_eq!(answer.json()["embeddings"], json!([[0.5, -1.0]]), "{}", answer.text());
    let packed = json!({ "model": "to-openai", "texts": ["one"], "input_type": "search_query", "embedding_types": ["int8"] });
    assert_eq!(call("cohere", "/cohere/v2/embed", packed).await.status, 400);
    house.close().await;
    let house = House::open(&provider(wire("openai"), &upstream, ", translation = \"strict\"")).await;
    let asked = post(&house, wire("cohere"), "/cohere/v2/embed", &asked.to_string());
    let answer = house.client().await.call(asked).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("ai_request_invalid")));
    house.close().await;
}

#[tokio::test]
async fn a_count_of_a_whole_request_is_of_the_models_own() {
    let world = world(&COUNT_PROVIDERS[1..2]).await;
    let house = &world.house;
    let call = async |model: &str| {
        let whole = json!({ "model": model, "contents": [{ "parts": [{ "text": "hi" }] }] });
        let body = json!({ "generateContentRequest": whole }).to_string();
        let at = "/gemini/v1beta/models/to-gemini:countTokens";
        house.client().await.call(post(house, wire("gemini"), at, &body)).await
    };
    let answer = call("models/to-gemini").await;
    assert_eq!(answer.json()["totalTokens"], 31, "{}", answer.text());
    let sent = String::from_utf8(world.seen.lock().await[0].body.clone()).unwrap();
    assert!(sent.contains("\"models/x/large:1\"") && !sent.contains("to-gemini"), "{sent}");
    let answer = call("models/gemini-of-somebody-else").await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(world.seen.lock().await.len(), 1, "nothing was sent");
    house.close().await;
}

#[tokio::test]
async fn more_texts_than_a_provider_takes_are_several_calls() {
    let (upstream, calls) =
        always(json_answer("200 OK", "", &json!({ "embedding": [0.5, -1.0], "inputTextTokenCount": 2 })))
            .await;
    let titan = Provider { model: "amazon.titan-embed-text-v2:0", ..VECTOR_PROVIDERS[5] };
    let house = House::open(&config(&titan, &upstream, "")).await;
    for caller in VECTOR_CALLERS {
        let answer = ask(&house, caller, "to-bedrock", "two").await;
        assert_eq!((caller.said)(&answer.json()), json!([[0.5, -1.0], [0.5, -1.0]]), "{}", answer.text());
        assert_eq!(answer.header("x-portcullis-attempts"), None, "it is one attempt");
        let record = house.record().await;
        assert_eq!((record.attempts, record.usage.unwrap().input_tokens), (2, 4));
    }
    assert_eq!(*calls.lock().await, 2 * VECTOR_CALLERS.len());
    house.close().await;
}

/// A deployment that says no is passed over for one that speaks another dialect.
#[tokio::test]
async fn fallback_crosses_dialects() {
    let (cohere, openai) = (&VECTOR_PROVIDERS[3], &VECTOR_PROVIDERS[0]);
    let (bad, calls) = always(json_answer("503 No", "", &json!({ "message": "busy" }))).await;
    let (good, _) = always(json_answer("200 OK", "", &(openai.answer)(0.5))).await;
    let house = House::open(&format!(
        "[[providers]]\nname = \"c\"\npreset = \"{}\"\nbase_url = \"http://{}\"\n[[providers]]\nname = \"o\"\nbase_url = \"http://{}/v1\"\n\
         [[models]]\nname = \"v\"\ndeployments = [{{ provider = \"c\", model = \"a\" }}, {{ provider = \"o\", model = \"b\" }}]\n",
        cohere.preset, bad.address, good.address
    ))
    .await;
    for caller in VECTOR_CALLERS {
        let answer = ask(&house, caller, "v", "hi").await;
        assert_eq!(answer.status, 200, "{}: {}", caller.wire, answer.text());
        assert_eq!((caller.said)(&answer.json())[1], json!([0.125, 2.0]), "{}", caller.wire);
        let record = house.record().await;
        assert_eq!((record.provider.as_deref(), record.attempts), (Some("o"), 2));
    }
    assert_eq!(*calls.lock().await, VECTOR_CALLERS.len());
    house.close().await;
}

/// Who asks for the continuation of a text: path, body, what is read in a whole answer, in a piece, and its last words.
type Continues = (&'static str, &'static str, fn(&Value) -> Value, &'static str);
static CONTINUES: &[Continues] = &[
    ("openai", "/v1/completions", |answer| answer["choices"][0]["text"].clone(), "data: [DONE]"),
    ("ollama", "/ollama/api/generate", |answer| answer["response"].clone(), "\"done\":true"),
];

#[tokio::test]
async fn texts_are_continued_by_models_that_only_chat() {
    for to in WIRES {
        let upstream = Upstream::open(move |mut line: Line, _| async move {
            while let Some(call) = line.call().await {
                let text = String::from_utf8_lossy(&call.body).into_owned();
                let answer = if text.contains("do/stream/") {
                    stream(to, &(to.events)(&["upon", " a time"], !text.contains("/cut/")), 7)
                } else {
                    json_answer("200 OK", "", &(to.whole)("upon a time"))
                };
                line.send_bytes(&answer).await;
            }
        })
        .await;
        let house = House::open(&provider(to, &upstream, "")).await;
        for (caller, path, said, last) in CONTINUES {
            // These have it themselves, and in another form than the one that is answered here.
            if *caller == to.name && to.deployment.is_empty() {
                continue;
            }
            let title = format!("{caller} → {}", to.name);
            let call = async |text: &str, streamed: bool, more: Value| {
                let mut body =
                    json!({ "model": format!("to-{}", to.name), "prompt": text, "stream": streamed });
                body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                house.client().await.call(post(&house, wire(caller), path, &body.to_string())).await
            };
            let answer = call("Once", false, json!({ "suffix": "", "raw": false })).await;
            assert_eq!(answer.status, 200, "{title}: {}", answer.text());
            assert_eq!(said(&answer.json()), "upon a time", "{title}: {}", answer.text());
            let record = house.record().await;
            assert_eq!(record.operation.as_deref(), Some("completions"), "{title}");
            assert_eq!(record.usage.unwrap().input_tokens, 11, "{title}");
            let answer = call("do/stream/", true, json!({})).await;
            let text = answer.text();
            assert!(
                text.contains("upon") && text.trim_end().lines().last().unwrap().contains(last),
                "{title}: {text}"
            );
            assert_eq!(house.record().await.outcome, Outcome::Completed, "{title}");
            let answer = call("do/stream/cut/", true, json!({})).await;
            let text = answer.text();
            assert!(
                text.contains("upon") && text.contains("\"error\"") && !text.contains(last),
                "{title}: {text}"
            );
            assert_eq!(house.record().await.outcome, Outcome::UpstreamCut, "{title}");
            let answer = call("Once", false, json!({ "suffix": "the end" })).await;
            assert_eq!(answer.status, 400, "{title}: {}", answer.text());
            assert!(answer.text().contains("suffix"), "{title}: {}", answer.text());
            house.record().await;
        }
        house.close().await;
    }
}

/// Answers of providers that misbehave on connections that are used one after the other: nobody reads what another asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_what_was_answered_to_another() {
    let (mut upstreams, mut text) = (Vec::new(), String::new());
    for to in VECTOR_PROVIDERS {
        let upstream = Upstream::open(move |mut line: Line, number| async move {
            let mut calls = number;
            while let Some(call) = line.call().await {
                calls += 1;
                let body = String::from_utf8_lossy(&call.body).into_owned();
                let mark = body.split("mark/").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
                let answer = json_answer("200 OK", "", &(to.answer)(mark));
                let poison = json_answer("200 OK", "", &(to.answer)(-77.0));
                match calls % 4 {
                    // A second answer right behind the first, which nobody asked for.
                    0 => line.send_bytes(&[answer, poison].concat()).await,
                    // Cut in the middle.
                    1 => {
                        line.send_bytes(&answer[..answer.len() / 2]).await;
                        return;
                    }
                    // Longer than it says.
                    2 => line.send_bytes(&[&answer[..], b"{\"embeddings\":[]}"].concat()).await,
                    _ => line.send_bytes(&answer).await,
                }
            }
        })
        .await;
        text += &config(to, &upstream, "");
        upstreams.push(upstream);
    }
    let house = House::open(&text).await;
    let callers = (0..6).map(|me| {
        let house = house.clone();
        async move {
            for (n, (caller, to, title)) in pairs(VECTOR_CALLERS, VECTOR_PROVIDERS).enumerate() {
                let mark = f64::from(me * 100) + n as f64 + 0.25;
                let (path, body) = (caller.ask)(&format!("to-{}", to.preset), &format!("mark/{mark}/"));
                let mut client = house.client().await;
                client.send(post(&house, wire(caller.wire), &path, &body.to_string())).await;
                if (me + n as i32) % 5 == 4 {
                    // Gone before the answer.
                    continue;
                }
                let answer = client.answer().await;
                if answer.status == 200 && answer.whole {
                    assert_eq!((caller.said)(&answer.json())[0], json!([mark, -1.0]), "{title}");
                }
            }
        }
    });
    futures_util::future::join_all(callers).await;
    house.close().await;
}

/// So that no dialect is forgotten: whoever has an entry among the wires has been thought of here.
#[test]
fn every_dialect_was_thought_of() {
    let here: Vec<&str> =
        VECTOR_CALLERS.iter().chain(ORDER_CALLERS).chain(COUNT_CALLERS).map(|caller| caller.wire).collect();
    for Wire { dialect, .. } in WIRES {
        assert!(here.contains(dialect), "{dialect}");
    }
}
