//! Who is told of events: in order, at least once, again after failures, by one node; and what operators see and do.

use crate::harness::Plane;
use async_trait::async_trait;
use http::StatusCode;
use portcullis_config::Config;
use portcullis_control::sinks::{Delivery, Next, Notice, Patience, Sink, Worker, open};
use portcullis_fault::Secret;
use portcullis_identity::secrets::SystemRng;
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Clock, SecretRef};
use portcullis_net::egress::{Egress, ProxyEnvironment};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3_600);

/// A sink that answers as it is told to, and well when it was told nothing.
pub struct Receiver {
    name: &'static str,
    answers: Mutex<VecDeque<Delivery>>,
    got: Mutex<Vec<Notice>>,
}

impl Receiver {
    pub fn named(name: &'static str) -> Self {
        Self { name, answers: Mutex::default(), got: Mutex::default() }
    }

    fn answers(&self, answers: impl IntoIterator<Item = Delivery>) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// The types of what it was told since it was asked last.
    fn got(&self) -> Vec<String> {
        std::mem::take(&mut *self.got.lock().unwrap()).into_iter().map(|notice| notice.kind).collect()
    }
}

#[async_trait]
impl Sink for Receiver {
    fn name(&self) -> &str {
        self.name
    }

    fn kind(&self) -> &'static str {
        "receiver"
    }

    fn target(&self) -> String {
        "nowhere".to_owned()
    }

    fn wants(&self, notice: &Notice) -> bool {
        notice.kind.starts_with("user.")
    }

    fn patience(&self) -> Patience {
        Patience { timeout: Duration::from_secs(10), give_up_after: HOUR }
    }

    async fn deliver(&self, notice: &Notice) -> Delivery {
        self.got.lock().unwrap().push(notice.clone());
        self.answers.lock().unwrap().pop_front().unwrap_or(Delivery::Done)
    }
}

fn failed(why: &str) -> Delivery {
    Delivery::Failed { reason: "status", why: why.to_owned(), after: None }
}

pub fn worker(plane: &Plane, node: u128) -> Worker {
    let clock: Arc<dyn Clock> = plane.clock.clone();
    let rng = Arc::new(SystemRng::new());
    Worker::new(plane.store.clone(), clock, rng, Uuid::from_u128(node), CancellationToken::new())
}

pub async fn user(plane: &Plane, tenant: &str, name: &str) -> String {
    plane.post("/admin/v1/users", json!({ "tenant": tenant, "username": name })).await.id()
}

/// A plane with a tenant and a worker that has begun.
async fn begun(receiver: &Receiver) -> (Plane, Worker, String) {
    let plane = Plane::new().await;
    let tenant = plane.tenant("acme").await.to_string();
    let mut worker = worker(&plane, 1);
    assert_eq!(worker.step(receiver).await.unwrap(), Next::News, "what was before is not told");
    (plane, worker, tenant)
}

#[tokio::test]
async fn every_event_that_is_wanted_is_told_in_order_and_once() {
    let receiver = Receiver::named("crm");
    let (plane, mut worker, tenant) = begun(&receiver).await;
    let id = user(&plane, &tenant, "ada").await;
    plane.post("/admin/v1/applications", json!({ "tenant": tenant, "name": "not wanted" })).await;
    plane.post(&format!("/admin/v1/users/{id}/suspend"), json!({})).await.good();
    assert_eq!(worker.step(&receiver).await.unwrap(), Next::News);
    let told = receiver.got.lock().unwrap()[1].clone();
    assert_eq!((told.kind.as_str(), told.subject["user"].as_str()), ("user.suspended", Some(id.as_str())));
    assert_eq!(told.tenant_name.as_ref().map(|name| name.as_str()), Some("acme"));
    assert_eq!(receiver.got(), ["user.created", "user.suspended"]);
    assert_eq!(worker.step(&receiver).await.unwrap(), Next::News);
    assert!(receiver.got().is_empty());
    // More than one batch.
    for n in 0..60 {
        let id = user(&plane, &tenant, &format!("u{n}")).await;
        plane.post(&format!("/admin/v1/users/{id}/suspend"), json!({})).await.good();
    }
    assert_eq!(worker.step(&receiver).await.unwrap(), Next::AtOnce);
    while worker.step(&receiver).await.unwrap() == Next::AtOnce {}
    assert_eq!(receiver.got().len(), 120);
    let shown = plane.get("/admin/v1/webhooks").await.good();
    assert_eq!((&shown["items"][0]["waiting"], &shown["items"][0]["state"]), (&json!(0), &json!("active")));
}

#[tokio::test]
async fn a_failure_is_tried_again_later_and_holds_its_place() {
    let receiver = Receiver::named("crm");
    let (plane, mut first, tenant) = begun(&receiver).await;
    user(&plane, &tenant, "ada").await;
    user(&plane, &tenant, "bob").await;
    receiver.answers([Delivery::Done, failed("status 503"), failed("status 503")]);
    let Next::In(wait) = first.step(&receiver).await.unwrap() else { panic!("no wait") };
    assert!((Duration::from_millis(2_500)..=Duration::from_secs(5)).contains(&wait), "{wait:?}");
    let told = receiver.got.lock().unwrap().iter().map(|notice| notice.id.clone()).collect::<Vec<_>>();
    assert_eq!(receiver.got().len(), 2);
    // Not before its time, and a process that begins anew knows that as well.
    let mut again = worker(&plane, 1);
    assert!(matches!(again.step(&receiver).await.unwrap(), Next::In(_)));
    assert!(receiver.got().is_empty());
    plane.clock.advance(wait);
    let Next::In(longer) = again.step(&receiver).await.unwrap() else { panic!("no wait") };
    assert!((Duration::from_secs(5)..=Duration::from_secs(10)).contains(&longer), "{longer:?}");
    assert_eq!(receiver.got.lock().unwrap()[0].id, told[1], "the same event has the same id");
    receiver.got();
    let shown = plane.get("/admin/v1/webhooks/crm").await.good();
    assert_eq!(
        (&shown["status"]["failures"], &shown["status"]["last_error"]),
        (&json!(2), &json!("status 503"))
    );
    // Somebody has mended it and does not want to wait.
    plane.post("/admin/v1/webhooks/crm/retry", json!({})).await.good();
    assert_eq!(again.step(&receiver).await.unwrap(), Next::News);
    assert_eq!(receiver.got(), ["user.created"]);
    assert_eq!(plane.get("/admin/v1/webhooks/crm").await.good()["status"]["failures"], 0);
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it() {
    let receiver = Receiver::named("crm");
    let (plane, mut worker, tenant) = begun(&receiver).await;
    user(&plane, &tenant, "ada").await;
    let after = Some(Duration::from_secs(120));
    receiver.answers([Delivery::Failed { reason: "status", why: "status 429".to_owned(), after }]);
    assert_eq!(worker.step(&receiver).await.unwrap(), Next::In(Duration::from_secs(120)));
}

#[tokio::test]
async fn what_is_too_old_is_set_aside_and_can_be_had_again() {
    let receiver = Receiver::named("crm");
    let (plane, mut worker, tenant) = begun(&receiver).await;
    let ada = user(&plane, &tenant, "ada").await;
    plane.post(&format!("/admin/v1/users/{ada}/suspend"), json!({})).await.good();
    receiver.answers([failed("down"), failed("down"), failed("down")]);
    worker.step(&receiver).await.unwrap();
    // Old, but it has failed for a moment only.
    plane.clock.advance(HOUR / 2);
    worker.step(&receiver).await.unwrap();
    let letters =
        async || plane.get("/admin/v1/webhooks/crm").await.good()["dead_letters"].as_array().unwrap().clone();
    assert!(letters().await.is_empty());
    plane.clock.advance(HOUR / 2);
    // Young: it stays.
    user(&plane, &tenant, "bob").await;
    worker.step(&receiver).await.unwrap();
    let dead = letters().await;
    let kinds: Vec<&str> = dead.iter().map(|letter| letter["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["user.created", "user.suspended"]);
    assert_eq!(receiver.got().len(), 3, "three attempts at the first");
    plane.clock.advance(HOUR);
    assert_eq!(worker.step(&receiver).await.unwrap(), Next::News);
    assert_eq!(receiver.got(), ["user.created"], "those behind go on");
    // One of them in vain, then all.
    receiver.answers([failed("still down")]);
    let one = json!({ "dead_letter": dead[1]["id"] });
    plane.post("/admin/v1/webhooks/crm/retry", one).await.good();
    assert_eq!(worker.step(&receiver).await.unwrap(), Next::News);
    assert_eq!((letters().await.len(), letters().await[1]["error"].as_str()), (2, Some("still down")));
    // Asked for again at once: whoever follows the sink hears of that.
    plane.post("/admin/v1/webhooks/crm/retry", json!({})).await.good();
    worker.hurry();
    while worker.step(&receiver).await.unwrap() == Next::AtOnce {}
    assert_eq!(receiver.got(), ["user.suspended", "user.created", "user.suspended"]);
    assert!(letters().await.is_empty());
    assert_eq!(plane.get("/admin/v1/webhooks/crm").await.good()["status"]["failures"], 0);
    let nobody = json!({ "dead_letter": Uuid::from_u128(7) });
    assert_eq!(plane.post("/admin/v1/webhooks/crm/retry", nobody).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn dead_letters_hold_nothing_up_while_the_receiver_is_still_down() {
    let receiver = Receiver::named("crm");
    let (plane, mut worker, tenant) = begun(&receiver).await;
    for n in 0..5 {
        user(&plane, &tenant, &format!("u{n}")).await;
    }
    receiver.answers([failed("down"), failed("down")]);
    worker.step(&receiver).await.unwrap();
    plane.clock.advance(HOUR);
    worker.step(&receiver).await.unwrap();
    let again = async || {
        let shown = plane.get("/admin/v1/webhooks/crm").await.good();
        let letters = shown["dead_letters"].as_array().unwrap().clone();
        (letters.len(), letters.iter().filter(|letter| letter["again"] == true).count())
    };
    assert_eq!(again().await, (5, 0));
    receiver.got();
    // Wanted again too early: one attempt tells that, and the rest waits.
    plane.post("/admin/v1/webhooks/crm/retry", json!({})).await.good();
    receiver.answers([failed("still down")]);
    assert_eq!(worker.step(&receiver).await.unwrap(), Next::News);
    assert_eq!((receiver.got().len(), again().await), (1, (5, 4)));
    assert_eq!(worker.step(&receiver).await.unwrap(), Next::News);
    assert!(receiver.got().is_empty());
    // What happens meanwhile waits for none of them.
    let id = user(&plane, &tenant, "eve").await;
    plane.post(&format!("/admin/v1/users/{id}/suspend"), json!({})).await.good();
    while worker.step(&receiver).await.unwrap() == Next::AtOnce {}
    assert_eq!(receiver.got(), ["user.created", "user.suspended"]);
    assert_eq!(again().await, (5, 4));
    plane.clock.advance(HOUR);
    while worker.step(&receiver).await.unwrap() == Next::AtOnce {}
    assert_eq!(receiver.got(), ["user.created"; 4]);
    assert_eq!(again().await, (1, 0), "the one that failed is for an operator to want again");
    // It wants no more at all, and so none of what is set aside.
    plane.post("/admin/v1/webhooks/crm/retry", json!({})).await.good();
    receiver.answers([Delivery::Gone { why: "status 410".to_owned() }]);
    worker.step(&receiver).await.unwrap();
    assert_eq!(plane.get("/admin/v1/webhooks/crm").await.good()["status"]["state"], "disabled");
    assert_eq!(again().await, (1, 1));
}

#[tokio::test]
async fn one_node_delivers_and_another_goes_on() {
    let receiver = Receiver::named("crm");
    let (plane, mut first, tenant) = begun(&receiver).await;
    let mut second = worker(&plane, 2);
    user(&plane, &tenant, "ada").await;
    assert!(matches!(second.step(&receiver).await.unwrap(), Next::In(_)), "the first has it");
    assert!(receiver.got().is_empty());
    assert_eq!(first.step(&receiver).await.unwrap(), Next::News);
    user(&plane, &tenant, "bob").await;
    first.release("crm").await.unwrap();
    assert_eq!(second.step(&receiver).await.unwrap(), Next::News);
    assert_eq!(receiver.got(), ["user.created", "user.created"]);
    // The second stops without a word; its lease runs out.
    user(&plane, &tenant, "eve").await;
    assert!(matches!(first.step(&receiver).await.unwrap(), Next::In(_)));
    plane.clock.advance(HOUR * 3);
    assert_eq!(first.step(&receiver).await.unwrap(), Next::News);
    assert_eq!(receiver.got(), ["user.created"]);
}

#[tokio::test]
async fn an_operator_has_it_wait_and_go_on() {
    let receiver = Arc::new(Receiver::named("crm"));
    let (plane, mut worker, tenant) = begun(&receiver).await;
    plane.sinks.install(vec![receiver.clone() as Arc<dyn Sink>]);
    let paused = plane.post("/admin/v1/webhooks/crm/pause", json!({})).await.good();
    assert_eq!((&paused["state"], &paused["reason"]), (&json!("paused"), &json!("paused by socket:uid=0")));
    user(&plane, &tenant, "ada").await;
    assert!(matches!(worker.step(&*receiver).await.unwrap(), Next::In(_)));
    assert!(receiver.got().is_empty());
    assert_eq!(plane.post("/admin/v1/webhooks/crm/resume", json!({})).await.good()["waiting"], 1);
    worker.step(&*receiver).await.unwrap();
    assert_eq!(receiver.got(), ["user.created"]);
    // It says itself that it wants no more: said, and nothing is sent until an operator wants it.
    user(&plane, &tenant, "bob").await;
    receiver.answers([Delivery::Gone { why: "status 410".to_owned() }]);
    worker.step(&*receiver).await.unwrap();
    let shown = plane.get("/admin/v1/webhooks/crm").await.good();
    assert_eq!(
        (&shown["status"]["state"], &shown["status"]["reason"]),
        (&json!("disabled"), &json!("status 410"))
    );
    worker.step(&*receiver).await.unwrap();
    assert_eq!(receiver.got().len(), 1);
    plane.post("/admin/v1/webhooks/crm/resume", json!({})).await.good();
    worker.step(&*receiver).await.unwrap();
    assert_eq!(receiver.got(), ["user.created"]);
    // A test is no event: it is sent whatever the state, and the place in the log stays.
    receiver.answers([failed("status 500")]);
    let tested = plane.post("/admin/v1/webhooks/crm/test", json!({})).await.good();
    assert_eq!(tested, json!({ "delivered": false, "error": "status 500" }));
    assert_eq!(plane.post("/admin/v1/webhooks/crm/test", json!({})).await.good()["delivered"], true);
    assert_eq!(receiver.got(), ["test", "test"]);
    let actions: Vec<String> = plane.get("/admin/v1/audit").await.good()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap().to_owned())
        .filter(|action| action.starts_with("webhook."))
        .collect();
    assert_eq!(actions, ["webhook.resume", "webhook.resume", "webhook.pause"]);
}

/// Answers each request with one of these, and gives what it got.
async fn server(answers: &'static [&'static str]) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "awaited by the test")]
    let task = tokio::spawn(async move {
        let mut got = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let n = stream.read(&mut buffer).await.unwrap();
                request.extend_from_slice(&buffer[..n]);
                let text = String::from_utf8_lossy(&request);
                if n == 0 || text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.ends_with('}')) {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            got.push(String::from_utf8(request).unwrap());
        }
        got
    });
    (url, task)
}

/// Knows two secrets, and one that is none.
struct Secrets;

impl SecretSource for Secrets {
    fn read(&self, reference: &SecretRef) -> Result<Secret<Vec<u8>>, String> {
        let text = match reference.to_string().as_str() {
            "env:NEW" => "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4",
            "env:OLD" => "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
            "env:BAD" => "hunter2",
            other => return Err(format!("`{other}`: there is none")),
        };
        Ok(Secret::new(text.as_bytes().to_vec()))
    }
}

fn configured(plane: &Plane, webhook: &str) -> Result<Vec<Arc<dyn Sink>>, String> {
    let text = format!("[[tenants]]\nname = \"acme\"\n[[webhooks]]\nname = \"crm\"\n{webhook}");
    let config: Config = portcullis_config::parse(&text, "t").unwrap();
    let clock: Arc<dyn Clock> = plane.clock.clone();
    let egress = Egress::new(clock.clone(), ProxyEnvironment::default());
    open(&config, &Secrets, &egress, &clock)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

#[tokio::test]
async fn a_webhook_is_a_signed_post() {
    let plane = Plane::new().await;
    let ok = "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n";
    let elsewhere =
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let gone = "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n";
    let (url, server) = server(Vec::leak(vec![ok, elsewhere, gone])).await;
    let text = format!("url = \"{url}\"\nsecret = \"env:NEW\"\nold_secret = \"env:OLD\"");
    let sinks = configured(&plane, &text).unwrap();
    let tenant = plane.tenant("acme").await.to_string();
    let mut worker = worker(&plane, 1);
    worker.step(&*sinks[0]).await.unwrap();
    user(&plane, &tenant, "ada").await;
    worker.step(&*sinks[0]).await.unwrap();
    user(&plane, &tenant, "bob").await;
    worker.step(&*sinks[0]).await.unwrap();
    let status = async || plane.get("/admin/v1/webhooks/crm").await.good()["status"].clone();
    assert!(status().await["last_error"].as_str().unwrap().contains("give the final URL"));
    plane.clock.advance(HOUR / 60);
    worker.step(&*sinks[0]).await.unwrap();
    assert_eq!(status().await["state"], "disabled");
    let got = server.await.unwrap();
    assert!(got[0].starts_with("POST /hook HTTP/1.1\r\n"), "{}", got[0]);
    let header = |request: &str, name: &str| {
        let (_, rest) = request.split_once(&format!("\r\n{name}: ")).unwrap();
        rest.split("\r\n").next().unwrap().to_owned()
    };
    let body: Value = serde_json::from_str(got[0].split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&body["type"], &body["tenant_name"]), (&json!("user.created"), &json!("acme")));
    assert_eq!(header(&got[0], "webhook-id"), body["id"].as_str().unwrap());
    assert_eq!(header(&got[0], "webhook-signature").matches("v1,").count(), 2);
    // Tried again with the same id, the same body, and the time of the attempt.
    assert_eq!(header(&got[1], "webhook-id"), header(&got[2], "webhook-id"));
    assert_ne!(header(&got[1], "webhook-timestamp"), header(&got[2], "webhook-timestamp"));
    assert_eq!(got[1].split_once("\r\n\r\n").unwrap().1, got[2].split_once("\r\n\r\n").unwrap().1);
    assert!(!got.concat().contains("whsec_"));
}

/// A receiver that means us ill, or is broken, costs a delivery and no more.
#[tokio::test]
async fn an_answer_is_bounded_in_size_and_in_time() {
    let plane = Plane::new().await;
    let notice = Notice::test([1; 8], plane.clock.now(), "a");
    let endless = "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\nyes";
    let (url, _server) = server(Vec::leak(vec![endless])).await;
    let sinks = configured(&plane, &format!("url = \"{url}\"\nsecret = \"env:NEW\"")).unwrap();
    let told = sinks[0].deliver(&notice).await;
    assert!(matches!(&told, Delivery::Failed { reason: "too_large", .. }), "{told:?}");
    // Takes the connection, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", silent.local_addr().unwrap());
    let text = format!("url = \"{url}\"\nsecret = \"env:NEW\"\ntimeout = \"200ms\"");
    let sinks = configured(&plane, &text).unwrap();
    let begun = std::time::Instant::now();
    let told = sinks[0].deliver(&notice).await;
    assert!(matches!(&told, Delivery::Failed { reason: "timeout", .. }), "{told:?}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert!(!format!("{told:?}").contains("whsec_"));
}

#[tokio::test]
async fn a_webhook_hears_of_its_own_tenant_alone() {
    let plane = Plane::new().await;
    let text =
        "url = \"http://127.0.0.1:9/\"\nsecret = \"env:NEW\"\ntenant = \"acme\"\nevents = [\"user.*\"]";
    let sinks = configured(&plane, text).unwrap();
    let notice = |kind: &str, tenant: Option<&str>| Notice {
        kind: kind.to_owned(),
        tenant_name: tenant.map(|tenant| portcullis_model::Name::new(tenant).unwrap()),
        ..Notice::test([1; 8], plane.clock.now(), "a")
    };
    assert!(sinks[0].wants(&notice("user.suspended", Some("acme"))));
    assert!(!sinks[0].wants(&notice("user.suspended", Some("other"))));
    assert!(!sinks[0].wants(&notice("user.suspended", None)));
    assert!(!sinks[0].wants(&notice("team.created", Some("acme"))));
}

#[tokio::test]
async fn a_bad_secret_is_a_problem_that_says_where() {
    let plane = Plane::new().await;
    for (reference, said) in [("env:BAD", "whsec_"), ("env:NONE", "there is none")] {
        let text = format!("url = \"https://h.example/\"\nsecret = \"{reference}\"");
        let problems = configured(&plane, &text).err().unwrap();
        assert!(problems.contains("webhooks.crm.secret") && problems.contains(said), "{problems}");
        assert!(!problems.contains("hunter2"));
    }
}
