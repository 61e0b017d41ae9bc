//! Which deployment gets a call, and what is done when it fails: providers that are busy, broken, slow, or gone.

use crate::client::Answer;
use crate::house::House;
use crate::upstream::{Seen, Upstream, Wire};
use portcullis_model::record::Outcome;
use portcullis_model::usage::UsageSource;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

pub const PLAIN: &str = r#"{"model":"fast","messages":[{"role":"user","content":"hi"}]}"#;
const GOOD: &str = r#"{"id":"1","object":"chat.completion","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#;
pub const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// What a provider does with a call.
#[derive(Clone)]
pub enum Does {
    /// Answers with this.
    Says(String),
    /// Hangs up after this.
    Cuts(String),
    /// Says nothing.
    Waits,
    /// Answers with this, once it may.
    When(Arc<Notify>, String),
}

/// A provider whose every call is decided by `script`.
pub struct Vendor {
    pub upstream: Upstream,
    calls: Arc<AtomicUsize>,
    gone: Arc<AtomicUsize>,
    pub seen: Arc<Mutex<Vec<Seen>>>,
}

impl Vendor {
    pub async fn open(script: impl Fn(&Seen, usize) -> Does + Send + Sync + 'static) -> Self {
        let (calls, seen) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<Seen>>>::default());
        let gone = Arc::<AtomicUsize>::default();
        let script = Arc::new(script);
        let upstream = Upstream::open({
            let (calls, seen, gone) = (calls.clone(), seen.clone(), gone.clone());
            move |mut wire: Wire, _| {
                let (calls, seen, script) = (calls.clone(), seen.clone(), script.clone());
                let gone = gone.clone();
                async move {
                    while let Some(call) = wire.call().await {
                        let number = calls.fetch_add(1, Ordering::SeqCst);
                        let does = script(&call, number);
                        seen.lock().unwrap().push(call);
                        match does {
                            Does::Says(answer) => wire.send(&answer).await,
                            Does::Cuts(beginning) => return wire.send(&beginning).await,
                            Does::Waits => {
                                wire.closed().await;
                                gone.fetch_add(1, Ordering::SeqCst);
                            }
                            Does::When(may, answer) => {
                                may.notified().await;
                                wire.send(&answer).await;
                            }
                        }
                    }
                }
            }
        })
        .await;
        Self { upstream, calls, gone, seen }
    }

    pub async fn always(does: Does) -> Self {
        Self::open(move |_, _| does.clone()).await
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Waits until so many calls came.
    pub async fn called(&self, times: usize) {
        self.reached(&self.calls, times).await;
    }

    /// Waits until so many callers who got no answer have hung up.
    pub async fn left(&self, times: usize) {
        self.reached(&self.gone, times).await;
    }

    async fn reached(&self, count: &AtomicUsize, times: usize) {
        let reached = async {
            while count.load(Ordering::SeqCst) < times {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(crate::house::PATIENCE, reached).await.expect("it should come to that");
    }

    pub fn provider(&self, name: &str, more: &str) -> String {
        format!(
            "[[providers]]\nname = \"{name}\"\nbase_url = \"http://{}/v1\"\n{more}\n",
            self.upstream.address
        )
    }
}

pub fn says(status: &str, headers: &str, body: &str) -> Does {
    let length = body.len();
    Does::Says(format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
    ))
}

pub fn good() -> Does {
    says("200 OK", "", GOOD)
}

pub fn broken() -> Does {
    says("500 Internal Server Error", "", r#"{"error":{"message":"it broke","type":"server_error"}}"#)
}

pub fn event(text: &str) -> String {
    let event = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

pub async fn ask(house: &House, body: &str, headers: &str) -> Answer {
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        house.ada(),
        body.len()
    );
    house.client().await.call(head).await
}

pub fn model(name: &str, more: &str, deployments: &[&str]) -> String {
    format!("[[models]]\nname = \"{name}\"\n{more}\ndeployments = [{}]\n", deployments.join(", "))
}

pub const ONE: &str = r#"{ provider = "one", model = "a" }"#;
pub const TWO: &str = r#"{ provider = "two", model = "b" }"#;

#[tokio::test]
async fn a_busy_key_leaves_its_calls_to_another_and_then_to_another_deployment() {
    let busy = says(
        "429 Too Many Requests",
        "retry-after: 60\r\n",
        r#"{"error":{"message":"slow down","type":"requests"}}"#,
    );
    let one = Vendor::always(busy).await;
    let two = Vendor::always(good()).await;
    let keys =
        "keys = [{ api_key = \"env:PROVIDER_KEY\" }, { api_key = \"env:PROVIDER_KEY_2\", weight = 2 }]";
    let config =
        [one.provider("one", keys), two.provider("two", ""), model("fast", "", &[ONE, TWO])].concat();
    let house = House::open(&config).await;
    let answer = ask(&house, PLAIN, "").await;
    assert_eq!(
        (answer.status, answer.header("x-portcullis-attempts")),
        (200, Some("3")),
        "{}",
        answer.text()
    );
    let mut used: Vec<_> = one
        .seen
        .lock()
        .unwrap()
        .iter()
        .map(|call| call.header("authorization").unwrap().to_owned())
        .collect();
    used.sort();
    assert_eq!(used, ["Bearer sk-ours", "Bearer sk-second"]);
    let record = house.record().await;
    let tried: Vec<_> = record
        .tried
        .iter()
        .map(|tried| (tried.provider.as_str(), tried.outcome.as_ref(), tried.status))
        .collect();
    assert_eq!(
        tried,
        [
            ("one", "rate_limited", Some(429)),
            ("one", "rate_limited", Some(429)),
            ("two", "answered", Some(200))
        ]
    );
    assert_eq!(record.tried[0].key.unwrap() + record.tried[1].key.unwrap(), 3, "each of both keys once");
    assert_eq!((record.provider.as_deref(), record.attempts), (Some("two"), 3));
    // Both keys rest as long as the provider asked for: nobody is sent there meanwhile.
    let answer = ask(&house, PLAIN, "").await;
    assert_eq!((answer.status, answer.header("x-portcullis-attempts"), one.calls()), (200, None, 2));
    assert!(house.record().await.tried.is_empty());
    house.close().await;
}

#[tokio::test]
async fn before_the_first_byte_another_is_asked_and_never_after() {
    let stream = PLAIN.replace("\"fast\"", "\"fast\",\"stream\":true");
    for (cuts, taken_over) in
        [(String::new(), true), (HEAD.to_owned(), true), (format!("{HEAD}{}", event("par")), false)]
    {
        let one = Vendor::always(Does::Cuts(cuts)).await;
        let whole = format!("{HEAD}{}e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n", event("all"));
        let two = Vendor::always(Does::Says(whole)).await;
        let config =
            [one.provider("one", ""), two.provider("two", ""), model("fast", "", &[ONE, TWO])].concat();
        let house = House::open(&config).await;
        let answer = ask(&house, &stream, "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.text().contains("all") && answer.text().contains("[DONE]"),
            taken_over,
            "{}",
            answer.text()
        );
        assert_eq!(two.calls(), usize::from(taken_over));
        assert_eq!(answer.text().contains("upstream_cut"), !taken_over, "{}", answer.text());
        house.close().await;
    }
}

#[tokio::test]
async fn a_prompt_that_is_too_long_goes_to_a_larger_model() {
    let long = r#"{"error":{"message":"maximum context length is 8192 tokens","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
    let small = Vendor::always(says("400 Bad Request", "", long)).await;
    let big = Vendor::always(good()).await;
    let standby = r#"{ provider = "one", model = "standby" }"#;
    let models = [
        model("fast", "fallback = { context_too_long = [\"big\"] }", &[ONE, standby]),
        model("big", "", &[TWO]),
    ]
    .concat();
    let config = [small.provider("one", ""), big.provider("two", ""), models].concat();
    let house = House::open(&config).await;
    let answer = ask(&house, PLAIN, "").await;
    assert_eq!((answer.status, answer.header("x-portcullis-attempts")), (200, Some("2")));
    assert_eq!(small.calls(), 1, "another deployment of the same model would say the same");
    let record = house.record().await;
    assert_eq!((record.model.as_deref(), record.deployment.as_deref()), (Some("fast"), Some("b")));
    house.close().await;
    // A model that the caller may not use is no way out: it hears what the first one said.
    let forbid = "[[policies]]\nname = \"q\"\ncedar = '''permit (principal, action, resource);\nforbid (principal, action == Action::\"use_model\", resource == Model::\"big\");'''\n";
    let house = House::open(&format!("{config}{forbid}")).await;
    let answer = ask(&house, PLAIN, "").await;
    assert_eq!(
        (answer.status, answer.json()["error"]["code"].as_str()),
        (400, Some("context_length_exceeded"))
    );
    assert_eq!(big.calls(), 1);
    house.close().await;
}

#[tokio::test]
async fn an_outage_of_all_is_a_503_that_says_when() {
    let (one, two) = (Vendor::always(broken()).await, Vendor::always(broken()).await);
    let breaker = "breaker = { failures = 3, open = \"30s\" }";
    let config =
        [one.provider("one", ""), two.provider("two", ""), model("fast", breaker, &[ONE, TWO])].concat();
    let house = House::open(&config).await;
    for _ in 0..3 {
        let answer = ask(&house, PLAIN, "").await;
        assert_eq!((answer.status, answer.json()["error"]["message"].as_str()), (500, Some("it broke")));
        house.record().await;
    }
    let answer = ask(&house, PLAIN, "").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (503, Some("provider_unavailable")));
    let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((20..=30).contains(&after), "{after}");
    assert_eq!((one.calls(), two.calls()), (3, 3), "they are left alone");
    let detail = house.record().await.detail.unwrap();
    assert!(detail.contains("its breaker is open until") && detail.contains("it answered 500"), "{detail}");
    house.close().await;
}

/// A response that failed under a status of success is told, counted and tried again by what failed.
#[tokio::test]
async fn a_response_that_failed_is_a_failure_of_its_kind() {
    for (code, status, outcome, asked) in [
        ("rate_limit_exceeded", 429, "rate_limited", 2),
        ("server_error", 502, "outage", 2),
        ("invalid_prompt", 400, "refused", 1),
        ("context_length_exceeded", 400, "context_too_long", 1),
        ("image_content_policy_violation", 400, "content_filter", 1),
        ("misalignment_policy_violation", 400, "content_filter", 1),
    ] {
        let failed = format!(
            r#"{{"id":"resp_1","object":"response","model":"m","status":"failed","error":{{"code":"{code}","message":"in its words"}},"output":[],"usage":{{"input_tokens":7,"output_tokens":0}}}}"#
        );
        let one = Vendor::always(says("200 OK", "", &failed)).await;
        let two = Vendor::always(good()).await;
        let deployments = [r#"{ provider = "one", model = "a", api = "responses" }"#, TWO];
        let alone = [one.provider("one", ""), model("fast", "retries = 0", &deployments[..1])].concat();
        let house = House::open(&alone).await;
        let answer = ask(&house, PLAIN, "").await;
        assert_eq!(answer.status, status, "{code}: {}", answer.text());
        assert!(answer.text().contains("in its words"), "{code}: {}", answer.text());
        let record = house.record().await;
        assert_eq!(record.tried[0].outcome, outcome, "{code}");
        let usage = record.usage.unwrap();
        assert_eq!((usage.input_tokens, usage.source), (7, UsageSource::Reported), "{code}");
        house.close().await;
        // What may work elsewhere is asked there.
        let both = [
            one.provider("one", ""),
            two.provider("two", ""),
            model("fast", "strategy = \"priority\"\nretries = 0", &deployments),
        ];
        let house = House::open(&both.concat()).await;
        assert_eq!(ask(&house, PLAIN, "").await.status, if asked == 2 { 200 } else { status }, "{code}");
        assert_eq!(two.calls(), asked - 1, "{code}");
        house.close().await;
    }
}

/// A request can bring a model to break off before it says anything. That shuts its deployment to nobody, is not asked
/// there again, and is paid for.
#[tokio::test]
async fn a_model_that_says_nothing_opens_no_breaker() {
    let nothing = r#"{"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL","index":0}],"usageMetadata":{"promptTokenCount":11,"totalTokenCount":11}}"#;
    let gemini = Vendor::open(move |call, _| {
        if !call.line.contains("streamGenerateContent") {
            return says("200 OK", "", nothing);
        }
        let event = format!("data: {nothing}\n\n");
        let length = event.len();
        Does::Says(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}\r\n\r\n{event}"
        ))
    })
    .await;
    let preset = "preset = \"gemini\"\napi_key = \"env:PROVIDER_KEY\"";
    let one = gemini.provider("one", preset);
    let more = "retries = 1\nbreaker = { failures = 3, open = \"30s\" }";
    let house = House::open(&[one.as_str(), &model("fast", more, &[ONE])].concat()).await;
    let streamed = PLAIN.replacen('{', r#"{"stream":true,"#, 1);
    for _ in 0..10 {
        let answer = ask(&house, PLAIN, "").await;
        let text = answer.text();
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (502, Some("upstream_invalid")),
            "{text}"
        );
        let record = house.record().await;
        assert_eq!(record.tried.len(), 1, "{:?}", record.tried);
        assert_eq!(record.tried[0].outcome, "said_nothing");
        let usage = record.usage.unwrap();
        assert_eq!((usage.input_tokens, usage.source), (11, UsageSource::Reported));
        let answer = ask(&house, &streamed, "").await;
        assert!(answer.status == 200 && answer.text().contains("\"error\""), "{}", answer.text());
        let record = house.record().await;
        assert_eq!((record.outcome, record.code.as_deref()), (Outcome::UpstreamCut, Some("upstream_cut")));
        let usage = record.usage.unwrap();
        assert_eq!((usage.input_tokens, usage.source), (11, UsageSource::Reported));
    }
    assert_eq!(gemini.calls(), 20, "it is asked each time, and once");
    house.close().await;
    // Another deployment is asked.
    let two = Vendor::always(good()).await;
    let config =
        [one, two.provider("two", ""), model("fast", "strategy = \"priority\"", &[ONE, TWO])].concat();
    let house = House::open(&config).await;
    let answer = ask(&house, PLAIN, "").await;
    assert_eq!((answer.status, two.calls()), (200, 1), "{}", answer.text());
    // What the first used is not lost in what the second did.
    let record = house.record().await;
    let used = |n: usize| record.tried[n].usage.as_ref().map(|usage| usage.input_tokens);
    assert_eq!((record.tried.len(), used(0), used(1)), (2, Some(11), None));
    assert_ne!(record.usage.unwrap().input_tokens, 11);
    house.close().await;
}

#[tokio::test]
async fn retries_go_on_within_the_deadline_only() {
    let shaky = Vendor::open(|_, number| if number == 0 { broken() } else { good() }).await;
    let house =
        House::open(&[shaky.provider("one", ""), model("fast", "retries = 2", &[ONE])].concat()).await;
    let answer = ask(&house, PLAIN, "").await;
    assert_eq!((answer.status, answer.header("x-portcullis-attempts")), (200, Some("2")));
    house.close().await;
    // What a provider asks for is waited for, or not at all.
    let busy = says(
        "429 Too Many Requests",
        "retry-after: 50\r\n",
        r#"{"error":{"message":"slow down","type":"requests"}}"#,
    );
    let busy = Vendor::always(busy).await;
    let more = "retries = 5\ndeadline = \"40s\"";
    let house = House::open(&[busy.provider("one", ""), model("fast", more, &[ONE])].concat()).await;
    let began = Instant::now();
    let answer = ask(&house, PLAIN, "").await;
    assert_eq!((answer.status, answer.header("retry-after"), busy.calls()), (429, Some("50"), 1));
    assert!(began.elapsed() < Duration::from_secs(40));
    house.close().await;
    // All attempts share one time: what the first took is not there for the others, however often there are to be more.
    let (one, two) = (Vendor::always(Does::Waits).await, Vendor::always(Does::Waits).await);
    let impatient = "http = { response_timeout = \"600ms\" }";
    let config = [
        one.provider("one", impatient),
        two.provider("two", impatient),
        model("fast", "retries = 50\ndeadline = \"2s\"", &[ONE, TWO]),
    ];
    let house = House::open(&config.concat()).await;
    let began = Instant::now();
    let answer = ask(&house, PLAIN, "").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (504, Some("upstream_timeout")));
    // Fifty would take half a minute.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!((2..=4).contains(&(one.calls() + two.calls())), "{} and {}", one.calls(), two.calls());
    house.close().await;
    // Silence ends with the deadline.
    let silent = Vendor::always(Does::Waits).await;
    let more = "deadline = \"300ms\"";
    let house = House::open(&[silent.provider("one", ""), model("fast", more, &[ONE])].concat()).await;
    let answer = ask(&house, PLAIN, "").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (504, Some("upstream_timeout")));
    house.close().await;
    // A stream that has a head and no more has not begun.
    let headed = Vendor::open(|_, _| Does::When(Arc::default(), String::new())).await;
    let may = Arc::new(Notify::new());
    may.notify_one();
    let head_only = Vendor::open(move |_, _| Does::When(may.clone(), HEAD.to_owned())).await;
    let providers = [head_only.provider("one", ""), headed.provider("two", "")].concat();
    let house = House::open(&[providers, model("fast", "deadline = \"400ms\"", &[ONE, TWO])].concat()).await;
    let began = Instant::now();
    let answer = ask(&house, &PLAIN.replace("\"fast\"", "\"fast\",\"stream\":true"), "").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (504, Some("upstream_timeout")));
    assert!(began.elapsed() < crate::house::PATIENCE / 2 && headed.calls() == 0);
    house.close().await;
    // A provider that is silent for too long is left for one that is not.
    let (silent, quick) = (Vendor::always(Does::Waits).await, Vendor::always(good()).await);
    let impatient = silent.provider("one", "http = { response_timeout = \"200ms\" }");
    let house =
        House::open(&[impatient, quick.provider("two", ""), model("fast", "", &[ONE, TWO])].concat()).await;
    assert_eq!(ask(&house, PLAIN, "").await.status, 200);
    assert_eq!(house.record().await.tried[0].outcome, "outage");
    house.close().await;
}

#[tokio::test]
async fn conditions_and_regions_decide_who_is_asked() {
    let (one, two) = (Vendor::always(good()).await, Vendor::always(good()).await);
    let eu = r#"{ provider = "one", model = "a", region = "eu", when = { tags = ["batch", "region=eu"] } }"#;
    let us = r#"{ provider = "two", model = "b", region = "us", priority = 1 }"#;
    let models = [
        model("fast", "tags = true", &[eu, us]),
        model("large", "", &[r#"{ provider = "two", model = "b", when = { larger_than = "1KiB" } }"#]),
    ];
    let house =
        House::open(&[one.provider("one", ""), two.provider("two", ""), models.concat()].concat()).await;
    for (tags, calls) in [
        ("", (0, 1)),
        ("x-portcullis-tags: x, batch\r\n", (1, 1)),
        ("x-portcullis-tags: region=us\r\n", (1, 2)),
        ("x-portcullis-tags: region=eu\r\n", (2, 2)),
    ] {
        assert_eq!(ask(&house, PLAIN, tags).await.status, 200, "{tags}");
        assert_eq!((one.calls(), two.calls()), calls, "{tags}");
        house.record().await;
    }
    // Nobody is sent where it was not to go.
    let answer = ask(&house, PLAIN, "x-portcullis-tags: region=mars\r\n").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (400, Some("ai_request_invalid")));
    assert!(house.record().await.detail.unwrap().contains("it is not in the region"));
    assert_eq!(ask(&house, &PLAIN.replace("fast", "large"), "").await.status, 400);
    assert!(house.record().await.detail.unwrap().contains("`when.larger_than`"));
    house.close().await;
}

#[tokio::test]
async fn what_leads_nowhere_is_refused_at_publication() {
    let house = House::open("").await;
    let one = "[[tenants]]\nname = \"acme\"\n[[providers]]\nname = \"one\"\npreset = \"echo\"\n";
    for (models, problem) in [
        ([model("a", "fallback = { outage = [\"b\"] }", &[ONE]), model("b", "fallback = { rate_limited = [\"a\"] }", &[ONE])].concat(),
            "the fallbacks lead back to `a`"),
        ("[[providers]]\nname = \"two\"\nbase_url = \"http://127.0.0.1:1\"\napi_key = \"env:PROVIDER_KEY\"\nkeys = [{ api_key = \"env:PROVIDER_KEY\" }]\n".to_owned(),
            "there is an `api_key` as well"),
        ("[[providers]]\nname = \"two\"\nbase_url = \"http://127.0.0.1:1\"\nkeys = [{ api_key = \"env:PROVIDER_KEY\", rpm = 0 }]\n".to_owned(),
            "would never use the key"),
    ] {
        let config = portcullis_config::parse(&format!("{one}{models}"), "test.toml").unwrap_or_else(|errors| panic!("{errors:?}"));
        let problems = house.publish(&config).await.unwrap_err();
        assert!(problems.iter().any(|found| found.contains(problem)), "{problems:?}");
    }
    house.close().await;
}

/// A thousand calls while one of two deployments dies: no caller sees an error, it is left alone, and comes back.
#[tokio::test]
async fn nobody_notices_a_deployment_that_dies() {
    let dead = Arc::new(AtomicUsize::new(0));
    let one = Vendor::open({
        let dead = dead.clone();
        move |_, _| match dead.load(Ordering::SeqCst) {
            0 => good(),
            1 => Does::Cuts(String::new()),
            _ => broken(),
        }
    })
    .await;
    let two = Vendor::always(good()).await;
    let more = "strategy = \"weighted\"\nbreaker = { failures = 5, open = \"300ms\" }";
    let config =
        [one.provider("one", ""), two.provider("two", ""), model("fast", more, &[ONE, TWO])].concat();
    let house = House::open(&config).await;
    let burst = |calls: usize| {
        let house = &house;
        let callers = (0..10).map(move |_| async move {
            let token = house.ada();
            let mut client = house.client().await;
            for _ in 0..calls / 10 {
                let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\nauthorization: {token}\r\ncontent-length: {}\r\n\r\n{PLAIN}", PLAIN.len());
                let answer = client.call(head).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
        });
        futures_util::future::join_all(callers.collect::<Vec<_>>())
    };
    burst(200).await;
    let share = one.calls();
    assert!((50..=150).contains(&share), "{share} of 200");
    for how in [1, 2] {
        dead.store(how, Ordering::SeqCst);
        burst(400).await;
    }
    // A few before the breaker opened, then probes, one at a time.
    let lost = one.calls() - share;
    assert!((5..=60).contains(&lost), "{lost} of 800");
    dead.store(0, Ordering::SeqCst);
    let before = one.calls();
    let began = Instant::now();
    while one.calls() < before + 20 {
        burst(50).await;
        assert!(began.elapsed() < crate::house::PATIENCE, "it did not come back");
    }
    house.close().await;
}

/// What xAI says of a prompt that its filter will not have, with its names for our account there.
const FILTERED: &str = r#"{"code":"permission-denied","error":"Content violates usage guidelines. Team: t-1, API key ID: k-1, Failed check: SAFETY_CHECK_TYPE_BIO"}"#;

#[tokio::test]
async fn a_filters_no_is_the_callers_and_lays_no_key_to_rest() {
    let one = Vendor::always(says("403 Forbidden", "", FILTERED)).await;
    let (two, big) = (Vendor::always(good()).await, Vendor::always(good()).await);
    let keys = "keys = [{ api_key = \"env:PROVIDER_KEY\" }, { api_key = \"env:PROVIDER_KEY_2\" }]";
    let providers = [one.provider("one", keys), two.provider("two", ""), big.provider("big", "")].concat();
    let config = [providers.clone(), model("fast", "", &[ONE, TWO])].concat();
    let house = House::open(&config).await;
    for calls in 1..=2 {
        let answer = ask(&house, PLAIN, "").await;
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status, error["code"].as_str()),
            (400, Some("content_filter")),
            "{}",
            answer.text()
        );
        assert!(!answer.text().contains("k-1") && !answer.text().contains("t-1"), "{}", answer.text());
        assert_eq!((one.calls(), two.calls()), (calls, 0), "neither another key nor another deployment");
        assert_eq!(house.record().await.tried[0].outcome, "content_filter");
    }
    // To a caller of another format in its own words.
    let body = r#"{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    let answer = post(&house, "/v1/messages", body).await;
    assert_eq!(
        (answer.status, answer.json()["error"]["type"].as_str()),
        (400, Some("invalid_request_error"))
    );
    assert!(!answer.text().contains("k-1"), "{}", answer.text());
    house.close().await;

    let three = r#"{ provider = "big", model = "c" }"#;
    let stands_by = "fallback = { content_filter = [\"big\"] }";
    let house =
        House::open(&[providers, model("fast", stands_by, &[ONE, TWO]), model("big", "", &[three])].concat())
            .await;
    assert_eq!((ask(&house, PLAIN, "").await.status, big.calls(), two.calls()), (200, 1, 0));
    house.close().await;
}

#[tokio::test]
async fn an_account_that_is_not_paid_is_ours_whatever_it_blames() {
    let unpaid = r#"{"error":{"message":"Billing hard limit has been reached","type":"invalid_request_error","param":null,"code":"billing_hard_limit_reached"}}"#;
    let one = Vendor::always(says("400 Bad Request", "", unpaid)).await;
    let two = Vendor::always(good()).await;
    let providers = [one.provider("one", ""), two.provider("two", "")].concat();
    let house = House::open(&[providers, model("fast", "", &[ONE, TWO])].concat()).await;
    assert_eq!(ask(&house, PLAIN, "").await.status, 200);
    assert_eq!(house.record().await.tried[0].outcome, "key_refused");
    house.close().await;
    let house = House::open(&[one.provider("one", ""), model("fast", "", &[ONE])].concat()).await;
    let answer = ask(&house, PLAIN, "").await;
    let code = answer.json()["error"]["code"].as_str().map(str::to_owned);
    assert_eq!((answer.status, code.as_deref()), (502, Some("provider_credential_refused")));
    house.close().await;
}

/// What begins like a success, and what kind of failure it is, and what a caller hears whom nobody else answers.
#[tokio::test]
async fn an_error_under_a_status_of_success_is_no_answer() {
    for (body, outcome, status, heard) in [
        (r#"{"error":{"message":"it is down","code":502}}"#, "outage", 502, "it is down"),
        (r#"{"error":{"message":"slow down","code":429}}"#, "rate_limited", 429, "slow down"),
        (r#"{"error":{"message":"something odd"}}"#, "said_nothing", 502, "something odd"),
        (r#"{"error":{"message":"key sk-1","code":401}}"#, "key_refused", 502, "provider_credential_refused"),
        ("", "outage", 502, "upstream_invalid"),
    ] {
        let one = Vendor::always(says("200 OK", "", body)).await;
        let two = Vendor::always(good()).await;
        let providers = [one.provider("one", ""), two.provider("two", "")].concat();
        let house = House::open(&[providers, model("fast", "", &[ONE, TWO])].concat()).await;
        let answer = ask(&house, PLAIN, "").await;
        assert_eq!((answer.status, answer.text()), (200, GOOD), "{body}");
        let record = house.record().await;
        assert_eq!((&*record.tried[0].outcome, record.outcome), (outcome, Outcome::Completed), "{body}");
        house.close().await;
        let house = House::open(&[one.provider("one", ""), model("fast", "", &[ONE])].concat()).await;
        let answer = ask(&house, PLAIN, "").await;
        assert!(answer.status == status && answer.text().contains(heard), "{body}: {}", answer.text());
        assert!(!answer.text().contains("sk-1"), "{}", answer.text());
        // To a caller of another format in its own words.
        let asked = r#"{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
        let answer = post(&house, "/v1/messages", asked).await;
        assert!(answer.status == status && answer.text().contains(heard), "{body}: {}", answer.text());
        assert_eq!(answer.json()["type"], "error");
        house.close().await;
    }
}

#[tokio::test]
async fn a_stream_that_begins_with_an_error_is_taken_over() {
    let stream = PLAIN.replace("\"fast\"", "\"fast\",\"stream\":true");
    let error = "data: {\"error\":{\"message\":\"it is down\",\"type\":\"server_error\",\"code\":503}}\n\n";
    let error = format!("{:x}\r\n{error}\r\n0\r\n\r\n", error.len());
    let whole = format!("{HEAD}{}e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n", event("all"));
    let one = Vendor::always(Does::Says(format!("{HEAD}{error}"))).await;
    let two = Vendor::always(Does::Says(whole)).await;
    let providers = [one.provider("one", ""), two.provider("two", "")].concat();
    let others = [
        model("fast", "", &[ONE, TWO]),
        [model("fast", "fallback = { outage = [\"big\"] }", &[ONE]), model("big", "", &[TWO])].concat(),
    ];
    for models in others {
        let house = House::open(&[providers.clone(), models].concat()).await;
        let answer = ask(&house, &stream, "").await;
        let text = answer.text();
        assert!(text.contains("all") && text.contains("[DONE]") && !text.contains("down"), "{text}");
        assert_eq!(answer.header("x-portcullis-attempts"), Some("2"));
        let record = house.record().await;
        assert_eq!((&*record.tried[0].outcome, record.outcome), ("outage", Outcome::Completed));
        house.close().await;
    }
    // Where all begin so, the caller hears the provider's own words.
    let again = r#"{ provider = "one", model = "b" }"#;
    let house = House::open(&[one.provider("one", ""), model("fast", "", &[ONE, again])].concat()).await;
    let answer = ask(&house, &stream, "").await;
    assert!(answer.text().contains("it is down") && !answer.text().contains("[DONE]"), "{}", answer.text());
    let record = house.record().await;
    assert_eq!((record.outcome, record.tried.len()), (Outcome::UpstreamCut, 2));
    house.close().await;

    // But not about our key; and what a filter refused is sent to nobody else.
    let begins = async |error: &str| {
        let event = format!("data: {error}\n\n");
        Vendor::always(Does::Says(format!("{HEAD}{:x}\r\n{event}\r\n0\r\n\r\n", event.len()))).await
    };
    let key = r#"{"error":{"message":"Incorrect API key provided: sk-ours","type":"invalid_request_error","code":"invalid_api_key"}}"#;
    let filter = r#"{"error":{"message":"rejected as a result of our safety system","type":"image_generation_user_error","code":"content_policy_violation"}}"#;
    for (error, status, outcome, asked) in [(key, 500, "key_refused", 1), (filter, 200, "content_filter", 0)]
    {
        let one = begins(error).await;
        let two = Vendor::always(says("500 Internal Server Error", "", "{}")).await;
        let providers = [one.provider("one", ""), two.provider("two", "")].concat();
        let house = House::open(&[providers, model("fast", "", &[ONE, TWO])].concat()).await;
        let answer = ask(&house, &stream, "").await;
        assert_eq!((answer.status, two.calls()), (status, asked), "{}", answer.text());
        assert!(!answer.text().contains("sk-ours"), "{}", answer.text());
        assert_eq!(house.record().await.tried[0].outcome, outcome);
        house.close().await;
    }
}

#[tokio::test]
async fn a_model_that_the_provider_does_not_have_is_ours() {
    let gone = r#"{"error":{"message":"The model `gpt-old` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#;
    let one = Vendor::always(says("404 Not Found", "", gone)).await;
    let two = Vendor::always(good()).await;
    let old = r#"{ provider = "one", model = "gpt-old" }"#;
    let providers = [one.provider("one", ""), two.provider("two", "")].concat();
    let house = House::open(&[providers, model("fast", "", &[old, TWO])].concat()).await;
    assert_eq!(ask(&house, PLAIN, "").await.status, 200);
    assert_eq!(house.record().await.tried[0].outcome, "model_unknown");
    house.close().await;
    for (deployment, status, code) in [(old, 502, "provider_model_unknown"), (ONE, 404, "model_not_found")] {
        let house = House::open(&[one.provider("one", ""), model("fast", "", &[deployment])].concat()).await;
        for path in ["/v1/chat/completions", "/v1/messages"] {
            let answer = post(&house, path, &PLAIN.replace("}]", "}],\"max_tokens\":9")).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.text());
            let ours = answer.text().contains(code) && !answer.text().contains("gpt-old");
            assert!(ours || status == 404, "{}", answer.text());
        }
        house.close().await;
    }
}

pub async fn post(house: &House, path: &str, body: &str) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        house.ada(),
        body.len()
    );
    house.client().await.call(head).await
}
