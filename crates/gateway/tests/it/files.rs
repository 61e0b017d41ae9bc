//! Files and batches: the caller's own at an account that everybody shares, and calls in files judged like calls.

use crate::client::Answer;
use crate::house::{House, eventually};
use crate::upstream::{Seen, Upstream, Wire};
use portcullis_model::{Record, RequestId, User};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Mutex;

/// An account at a provider, with what lives there; keeps what it saw.
#[derive(Clone, Default)]
struct Account(Arc<Mutex<(Vec<Value>, Vec<Seen>)>>);

impl Account {
    async fn open(&self) -> Upstream {
        let account = self.clone();
        Upstream::open(move |mut wire: Wire, _| {
            let account = account.clone();
            async move {
                while let Some(call) = wire.call().await {
                    let (status, body) = account.answer(call).await;
                    let body = body.to_string();
                    wire.send(&format!(
                        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    ))
                    .await;
                }
            }
        })
        .await
    }

    async fn answer(&self, call: Seen) -> (u16, Value) {
        let (things, seen) = &mut *self.0.lock().await;
        let line = call.line.clone();
        seen.push(call.clone());
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let steps: Vec<&str> = path.split('/').skip(2).collect();
        let at = |id: &str, things: &[Value]| things.iter().position(|thing| thing["id"] == *id);
        match (method, &steps[..]) {
            ("POST", ["files"]) => {
                let body = String::from_utf8_lossy(&call.body).into_owned();
                let purpose = if body.contains("\r\n\r\nbatch\r\n") { "batch" } else { "user_data" };
                let file =
                    json!({"id": format!("file-{}", things.len()), "object": "file", "purpose": purpose});
                things.push(file.clone());
                (200, file)
            }
            ("POST", ["batches"]) => {
                let asked: Value = serde_json::from_slice(&call.body).unwrap();
                let number = things.len();
                let output =
                    json!({"id": format!("file-{number}"), "object": "file", "purpose": "batch_output"});
                let batch = json!({"id": format!("batch-{number}"), "object": "batch", "input_file_id": asked["input_file_id"], "output_file_id": null, "status": "in_progress"});
                things.extend([output, batch.clone()]);
                (200, batch)
            }
            ("GET", [_, id]) | ("POST", [_, id, "cancel"]) => match at(id, things) {
                Some(at) => {
                    if things[at]["object"] == "batch" {
                        // Done by now.
                        things[at]["output_file_id"] = things[at - 1]["id"].clone();
                        things[at]["status"] = "completed".into();
                        things[at]["request_counts"] = json!({"total": 2, "completed": 2, "failed": 0});
                        things[at]["usage"] = json!({"input_tokens": 1_000, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 100, "output_tokens_details": {"reasoning_tokens": 10}, "total_tokens": 1_100});
                    }
                    (200, things[at].clone())
                }
                None => {
                    (404, json!({"error": {"message": "no such object", "type": "invalid_request_error"}}))
                }
            },
            ("GET", ["files", id, "content"]) => match at(id, things) {
                Some(_) => (200, json!({"content": id})),
                None => (404, json!({"error": {"message": "no such file"}})),
            },
            ("DELETE", ["files", id]) => {
                let at = at(id, things).unwrap();
                things[at]["id"] = Value::Null;
                (200, json!({"id": id, "object": "file", "deleted": true}))
            }
            _ => (404, json!({"error": {"message": line}})),
        }
    }

    async fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().await.1)
    }
}

fn config(upstreams: &[&Upstream], more: &str) -> String {
    let mut text = String::new();
    for (number, upstream) in upstreams.iter().enumerate() {
        text += &format!(
            "[[providers]]\nname = \"p{number}\"\npreset = \"openai\"\nbase_url = \"http://{}/v1\"\napi_key = \"env:PROVIDER_KEY\"\n\
             [[models]]\nname = \"fast{number}\"\ndeployments = [{{ provider = \"p{number}\", model = \"gpt-x\" }}]\n",
            upstream.address
        );
    }
    text + more
}

struct Caller<'h> {
    house: &'h House,
    authorization: String,
}

impl<'h> Caller<'h> {
    fn of(house: &'h House, user: &User) -> Self {
        Self { house, authorization: house.bearer(user) }
    }

    async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n{headers}content-length: {}\r\n\r\n{body}",
            self.authorization,
            body.len()
        );
        self.house.client().await.call(head).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", "").await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "content-type: application/json\r\n", &body.to_string()).await
    }

    async fn upload(&self, purpose: &str, content: &str) -> Answer {
        self.upload_with(purpose, content, "").await
    }

    async fn upload_with(&self, purpose: &str, content: &str, headers: &str) -> Answer {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\r\n{content}\r\n--b--\r\n"
        );
        self.send(
            "POST",
            "/v1/files",
            &format!("content-type: multipart/form-data; boundary=b\r\n{headers}"),
            &body,
        )
        .await
    }
}

fn line(model: &str, more: &str) -> String {
    format!(
        r#"{{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{{"model":"{model}","messages":[]{more}}}}}"#
    )
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_batch_is_made_of_ones_own_file_and_its_results_are_ones_own() {
    let account = Account::default();
    let upstream = account.open().await;
    let house = House::open(&config(&[&upstream], "")).await;
    let ada = Caller::of(&house, &house.ada);
    let eve = Caller::of(&house, &house.user("acme", "eve").await);
    let file = ada.upload("batch", &format!("{}\n{}\n", line("fast0", ""), line("fast0", ""))).await;
    assert_eq!(file.status, 200, "{}", file.text());
    let id = file.json()["id"].as_str().unwrap().to_owned();
    let sent = String::from_utf8(account.seen().await[0].body.clone()).unwrap();
    assert_eq!(sent.matches("\"model\":\"gpt-x\"").count(), 2, "{sent}");
    assert!(!sent.contains("fast0"));
    let record = house.record().await;
    assert_eq!((record.operation.as_deref(), record.model.as_deref()), (Some("files"), Some("fast0")));

    let asked = json!({"input_file_id": id, "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    assert_eq!(code(&eve.post("/v1/batches", &asked).await), (404, "ai_object_not_found".to_owned()));
    let batch = ada.post("/v1/batches", &asked).await;
    assert_eq!(batch.status, 200, "{}", batch.text());
    assert_eq!(account.seen().await[0].body, asked.to_string().into_bytes(), "it passes as it is");
    let batch = batch.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/batches/{batch}");
    assert_eq!(code(&eve.get(&path).await), (404, "ai_object_not_found".to_owned()));
    assert_eq!(code(&eve.send("POST", &format!("{path}/cancel"), "", "").await).0, 404);
    let output = ada.get("/v1/files/file-1").await;
    assert_eq!(output.status, 404, "not hers before she was told");
    let done = ada.get(&path).await.json();
    assert_eq!(done["output_file_id"], "file-1");
    assert_eq!(ada.get("/v1/files/file-1/content").await.json()["content"], "file-1");
    assert_eq!(eve.get("/v1/files/file-1/content").await.status, 404);
    assert_eq!(ada.send("POST", &format!("{path}/cancel"), "", "").await.status, 200);

    let list = ada.get("/v1/batches?limit=5").await.json();
    assert_eq!((list["data"][0]["id"].as_str(), list["has_more"].as_bool()), (Some(&*batch), Some(false)));
    assert_eq!(eve.get("/v1/batches").await.json()["data"], json!([]));
    house.close().await;
}

#[tokio::test]
async fn what_a_batch_used_is_in_one_record_at_its_discount() {
    let account = Account::default();
    let upstream = account.open().await;
    let house = House::open(&config(&[&upstream], "").replace("gpt-x", "gpt-4o-mini")).await;
    let ada = Caller::of(&house, &house.ada);
    let mut batches = Vec::new();
    for _ in 0..2 {
        let file = ada.upload("batch", &line("fast0", "")).await.json();
        let asked = json!({"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"});
        let batch = ada.post("/v1/batches", &asked).await.json();
        batches.push(format!("/v1/batches/{}", batch["id"].as_str().unwrap()));
        for _ in 0..2 {
            let record = house.record().await;
            assert_eq!((record.usage, record.cost), (None, None), "nothing is used yet");
        }
    }
    // However many ask at once, it is in one record.
    for path in &batches {
        let (a, b, c) = futures_util::join!(ada.get(path), ada.get(path), ada.get(path));
        assert_eq!((a.status, b.status, c.status), (200, 200, 200), "{}", a.text());
        ada.get(path).await;
        let mut bills = Vec::new();
        for _ in 0..4 {
            let record = house.record().await;
            assert_eq!(record.operation.as_deref(), Some("batches"));
            bills.extend(record.usage.map(|usage| (usage, record.cost)));
        }
        let [(usage, cost)] = &bills[..] else { panic!("{bills:?}") };
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.reasoning_tokens), (1_000, 100, 10));
        // Half of what the calls would have cost at once.
        assert_eq!(cost.as_ref().unwrap().nanos, 1_000 * 75 + 100 * 300);
    }
    // A list says nothing of it, and asks for nothing to be paid.
    assert_eq!(ada.get("/v1/batches").await.status, 200);
    assert_eq!(house.record().await.cost, None);
    house.close().await;
}

#[tokio::test]
async fn what_a_batch_used_is_not_lost_with_who_hangs_up() {
    let account = Account::default();
    let upstream = account.open().await;
    let house = House::open(&config(&[&upstream], "").replace("gpt-x", "gpt-4o-mini")).await;
    let ada = Caller::of(&house, &house.ada);
    // Two ask at once, and the first hangs up: before the provider answers, when it does, or when it has.
    for round in 0..6 {
        let file = ada.upload("batch", &line("fast0", "")).await.json();
        let asked = json!({"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"});
        let batch = ada.post("/v1/batches", &asked).await.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/batches/{batch}");
        for _ in 0..2 {
            house.record().await;
        }
        let waiting = account.0.lock().await;
        let mut first = house.client().await;
        first
            .send(format!("GET {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n", ada.authorization))
            .await;
        assert!(eventually(async || house.gateway.under_way() == 1).await);
        let (second, ()) = futures_util::join!(ada.get(&path), async {
            match round % 3 {
                0 => {
                    drop(first);
                    drop(waiting);
                }
                1 => {
                    drop(waiting);
                    drop(first);
                }
                _ => {
                    drop(waiting);
                    first.until("\r\n").await;
                    drop(first);
                }
            }
        });
        assert_eq!(second.status, 200, "{}", second.text());
        let records = [house.record().await, house.record().await];
        let of = |records: &[Record]| -> Vec<_> {
            records.iter().filter_map(|record| Some((record.batch.clone()?, record.cost.clone()?))).collect()
        };
        let said = of(&records);
        assert_eq!(said.len(), 1, "round {round}: {records:?}");
        // Brought twice, and beside what another node heard: it is counted once.
        let again = Record {
            id: RequestId::new(records[0].at, [round; 10]),
            ..records.iter().find(|record| record.batch.is_some()).unwrap().clone()
        };
        let all: Vec<Record> = records.iter().cloned().chain([again]).collect();
        for _ in 0..2 {
            let stored = house.stored(&all).await;
            assert_eq!(stored.len(), 3);
            assert_eq!(of(&stored), said, "round {round}");
        }
        ada.get(&path).await;
        assert_eq!(house.record().await.usage, None);
    }
    house.close().await;
}

#[tokio::test]
async fn a_long_file_is_rewritten_in_every_line() {
    let account = Account::default();
    let upstream = account.open().await;
    let house = House::open(&config(&[&upstream], "")).await;
    let ada = Caller::of(&house, &house.ada);
    // So long that it is read and written beside the calls.
    let content = format!("{}\n", line("fast0", "")).repeat(6_000);
    assert_eq!(ada.upload("batch", &content).await.status, 200);
    let sent = account.seen().await.remove(0);
    let text = String::from_utf8(sent.body).unwrap();
    assert_eq!((text.matches("\"gpt-x\"").count(), text.matches("fast0").count()), (6_000, 0));
    assert_eq!(sent.headers.iter().filter(|(name, _)| name == "content-length").count(), 1);
    house.close().await;
}

#[tokio::test]
async fn files_are_seen_by_whoever_uploaded_them() {
    let account = Account::default();
    let upstream = account.open().await;
    let house = House::open(&config(&[&upstream], "")).await;
    let ada = Caller::of(&house, &house.ada);
    let eve = Caller::of(&house, &house.user("acme", "eve").await);
    for number in 0..3 {
        let file = ada.upload("user_data", &format!("content {number}")).await;
        assert_eq!(file.json()["id"], format!("file-{number}"));
    }
    let theirs = eve.upload("user_data", "hers").await.json();
    account.seen().await;
    let list = ada.get("/v1/files").await.json();
    let ids: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|file| file["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    assert!(!ids.contains(&theirs["id"].as_str().unwrap()));
    assert!(account.seen().await.iter().all(|call| call.target() != "/v1/files"), "nobody lists the account");
    let page = ada.get("/v1/files?limit=2").await.json();
    assert_eq!((page["data"].as_array().unwrap().len(), page["has_more"].as_bool()), (2, Some(true)));
    // Asked for on its own meanwhile, and kept for longer: it stays where it was.
    let last = page["last_id"].as_str().unwrap();
    for file in account.0.lock().await.0.iter_mut().filter(|file| file["id"] == last) {
        file["expires_at"] = json!(4_102_444_800_u64);
    }
    assert_eq!(ada.get(&format!("/v1/files/{last}")).await.json()["id"], last);
    let rest = ada.get(&format!("/v1/files?limit=2&after={last}")).await.json();
    assert_eq!((rest["data"].as_array().unwrap().len(), rest["has_more"].as_bool()), (1, Some(false)));
    assert_eq!(ada.get("/v1/files?purpose=batch").await.json()["data"], json!([]));
    assert_eq!(ada.get("/v1/files?order=asc").await.status, 400);
    assert_eq!(ada.get("/v1/files?after=file-3").await.status, 404);

    for path in ["/v1/files/file-3", "/v1/files/file-3/content", "/v1/files/nobody", "/v1/batches/file-0"] {
        assert_eq!(code(&ada.get(path).await), (404, "ai_object_not_found".to_owned()), "{path}");
    }
    for path in
        ["/v1/files/..", "/v1/files/%2e%2e", "/v1/files/a%2Fb", "/v1/files/../models", "/v1/files//content"]
    {
        let answer = ada.get(path).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
    }
    account.seen().await;
    assert_eq!(ada.get("/v1/files/file-0").await.json()["id"], "file-0");
    assert_eq!(account.seen().await[0].header("authorization"), Some("Bearer sk-ours"));
    assert_eq!(ada.send("DELETE", "/v1/files/file-0", "", "").await.json()["deleted"], true);
    assert_eq!(ada.get("/v1/files/file-0").await.status, 404);
    assert_eq!(ada.get("/v1/files").await.json()["data"].as_array().unwrap().len(), 2);
    assert_eq!(ada.send("DELETE", "/v1/files/file-3", "", "").await.status, 404);
    house.close().await;
}

#[tokio::test]
async fn lines_are_judged_like_calls() {
    let account = Account::default();
    let upstream = account.open().await;
    let house = House::open(&config(&[&upstream], "")).await;
    let ada = Caller::of(&house, &house.ada);
    let good = line("fast0", "");
    for (second, status, what) in [
        (line("gpt-5", ""), 400, "line 2"),
        (line("fast0", r#","model":"gpt-5""#), 400, "line 2"),
        (line("fast0", r#","models":["gpt-5"]"#), 400, "line 2"),
        (line("fast0", r#","tools":[{"type":"web_search"}]"#), 403, "line 2"),
        (line("fast0", r#","web_search_options":{}"#), 403, "line 2"),
        (
            line("fast0", "").replace(
                r#""messages":[]"#,
                r#""messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-9"}}]}]"#,
            ),
            404,
            "line 2",
        ),
        (good.replace("/v1/chat/completions", "/v1/files"), 400, "line 2"),
        ("{".to_owned(), 400, "line 2"),
    ] {
        let answer = ada.upload("batch", &format!("{good}\n{second}\n")).await;
        assert_eq!(answer.status, status, "{}\n{second}", answer.text());
        assert!(answer.text().contains(what), "{}\n{second}", answer.text());
    }
    // So long that it is read beside the calls.
    let long = ada.upload("batch", &format!("{}{{", format!("{good}\n").repeat(4_000))).await;
    assert_eq!(long.status, 400, "{}", long.text());
    assert!(long.text().contains("line 4001"), "{}", long.text());
    assert_eq!(code(&ada.upload("batch", &line("gpt-5", "")).await), (404, "model_not_found".to_owned()));
    assert!(account.seen().await.is_empty());
    // What was not read as calls is no batch's input.
    let other = ada.upload("user_data", &line("gpt-5", "")).await.json();
    let asked =
        json!({"input_file_id": other["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let refused = ada.post("/v1/batches", &asked).await;
    assert_eq!(code(&refused), (400, "ai_request_invalid".to_owned()), "{}", refused.text());
    for asked in [
        json!({"endpoint": "/v1/chat/completions"}),
        json!({"input_file_id": ["a", "b"]}),
        json!({"input_file_id": other["id"], "Input_File_Id": "file-9"}),
        json!({"input_file_id": other["id"], "model": "gpt-5"}),
    ] {
        let refused = ada.post("/v1/batches", &asked).await;
        assert!(matches!(refused.status, 400 | 404), "{asked}: {}", refused.text());
    }
    assert_eq!(account.seen().await.len(), 1);
    house.close().await;
}

#[tokio::test]
async fn a_file_goes_where_its_caller_says_and_its_batch_follows() {
    let accounts = [Account::default(), Account::default()];
    let (first, second) = (accounts[0].open().await, accounts[1].open().await);
    let house = House::open(&config(&[&first, &second], "")).await;
    let ada = Caller::of(&house, &house.ada);
    let refused = ada.upload("user_data", "x").await;
    assert_eq!(code(&refused), (400, "ai_request_invalid".to_owned()));
    assert!(refused.text().contains("x-portcullis-model"), "{}", refused.text());
    let named = |model: &str| format!("x-portcullis-model: {model}\r\n");
    assert_eq!(ada.upload_with("user_data", "x", &named("nobody")).await.status, 404);
    assert_eq!(ada.upload_with("user_data", "x", &named("fast1")).await.status, 200);
    assert_eq!((accounts[0].seen().await.len(), accounts[1].seen().await.len()), (0, 1));
    // A file of calls goes where its model is.
    let file = ada.upload("batch", &line("fast1", "")).await.json();
    let asked =
        json!({"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    assert_eq!(ada.post("/v1/batches", &asked).await.status, 200);
    assert_eq!((accounts[0].seen().await.len(), accounts[1].seen().await.len()), (0, 2));
    house.close().await;
}

#[tokio::test]
async fn what_is_deleted_at_one_provider_is_kept_at_another() {
    let accounts = [Account::default(), Account::default()];
    let (first, second) = (accounts[0].open().await, accounts[1].open().await);
    let house = House::open(&config(&[&first, &second], "")).await;
    let ada = Caller::of(&house, &house.ada);
    // Both providers count from nothing, so that both give the same id.
    for model in ["fast0", "fast1"] {
        let file = ada.upload("batch", &line(model, "")).await.json();
        assert_eq!(file["id"], "file-0");
    }
    assert_eq!(ada.send("DELETE", "/v1/files/file-0", "", "").await.status, 200);
    let mut seen = Vec::new();
    for account in &accounts {
        seen.push(account.seen().await.last().unwrap().line.starts_with("DELETE"));
    }
    assert_eq!(seen, [false, true], "the newest goes first");
    // The other is there still, and so is that its calls were judged.
    let asked =
        json!({"input_file_id": "file-0", "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let batch = ada.post("/v1/batches", &asked).await;
    assert_eq!(batch.status, 200, "{}", batch.text());
    assert_eq!(ada.send("DELETE", "/v1/files/file-0", "", "").await.status, 200);
    assert_eq!(accounts[0].seen().await.len(), 2);
    assert_eq!(code(&ada.send("DELETE", "/v1/files/file-0", "", "").await).0, 404);
    house.close().await;
}
