//! `route explain`: beside a server with what that one knows, and alone by the configuration.

use crate::http::{call, get};
use crate::server::{CONFIG, Server, eventually};
use http::Method;
use serde_json::{Value, json};

/// Two deployments that nobody answers at, one of which only developers get; and models that stand by.
fn config() -> String {
    format!(
        r#"{CONFIG}
[[providers]]
name = "dead"
base_url = "http://127.0.0.1:9/v1"

[[models]]
name = "smart"
breaker = {{ failures = 1, open = "60s" }}
fallback = {{ outage = ["echo", "secret"] }}
deployments = [
  {{ provider = "dead", model = "gone" }},
  {{ provider = "echo", model = "mirror", when = {{ teams = ["dev"] }} }},
]

[[models]]
name = "secret"
deployments = [{{ provider = "echo", model = "echo" }}]
"#
    )
    .replace("models = [\"echo\"]", "models = [\"echo\", \"smart\"]")
}

fn places(explained: &Value) -> Vec<(Value, String)> {
    let candidates = explained["candidates"].as_array().unwrap().iter();
    candidates
        .map(|candidate| (candidate["place"].clone(), candidate["deployment"].as_str().unwrap().to_owned()))
        .collect()
}

#[tokio::test]
async fn the_same_question_beside_a_server_and_alone() {
    let server = Server::start(&config());
    let place = &server.place;
    let ada = place.cli(&["user", "create", "--tenant", "acme", "--username", "ada"])["id"].clone();
    place.cli(&["user", "create", "--tenant", "acme", "--username", "bob"]);
    place.cli(&["user", "suspend", "bob"]);
    place.cli(&["team", "create", "dev", "--tenant", "acme"]);
    place.cli(&["team", "add", "dev", "ada"]);
    let ada_asks = ["route", "explain", "smart", "--tenant", "acme", "--user", "ada"];
    let explained = server.cli(&ada_asks);
    assert_eq!(
        places(&explained),
        [(json!(1), "gone".to_owned()), (json!(2), "mirror".to_owned())],
        "{explained}"
    );
    assert_eq!((&explained["live"], &explained["permission"]["allowed"]), (&json!(true), &json!(true)));
    // By her id without a tenant, too; somebody else of the tenant is in no team.
    assert_eq!(places(&server.cli(&["route", "explain", "smart", "--user", ada.as_str().unwrap()])).len(), 2);
    let somebody = server.cli(&["route", "explain", "smart", "--tenant", "acme"]);
    assert_eq!(places(&somebody), [(json!(1), "gone".to_owned()), (Value::Null, "mirror".to_owned())]);
    let bob = server.cli(&["route", "explain", "smart", "--tenant", "acme", "--user", "bob"]);
    assert_eq!(bob["permission"]["code"], "user_suspended");
    let standby = &explained["standby"][0];
    assert_eq!(
        (&standby["class"], &standby["models"][1]["permission"]["code"]),
        (&json!("outage"), &json!("model_not_granted"))
    );
    // One call opens the breaker; from then on the explanation, the doctor and the health say so.
    let token =
        place.cli(&["token", "--tenant", "acme", "--user", "ada"])["token"].as_str().unwrap().to_owned();
    let body = r#"{"model":"smart","messages":[{"role":"user","content":"hi"}]}"#;
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let answer = call(server.gateway, Method::POST, "/v1/chat/completions", &headers, body).await.unwrap();
    assert_eq!(answer.status, 200, "the second deployment took it");
    let open = eventually(|| server.cli(&ada_asks), |open| open["candidates"][1]["breaker"] == "open");
    assert_eq!(places(&open), [(json!(1), "mirror".to_owned()), (Value::Null, "gone".to_owned())], "{open}");
    let text = String::from_utf8(place.run(&ada_asks).stdout).unwrap();
    assert!(
        text.contains("what the running process knows") && text.contains("its breaker is open until"),
        "{text}"
    );
    let seen = server.cli(&["doctor", "instance"]);
    let problems = seen["problems"].to_string();
    assert!(problems.contains("the AI deployment `gone` at `dead` is left alone until"), "{problems}");
    let health = get(server.control, "/health/ready", None).await;
    assert!(
        health.status == 200 && health.text().contains("an AI deployment keeps failing"),
        "{}",
        health.text()
    );
    // Without the process, its breakers are gone and the explanation says so.
    let place = server.stop();
    let cold = place.cli(&ada_asks);
    assert_eq!(
        (places(&cold), &cold["live"], &cold["candidates"][0]["breaker"]),
        (vec![(json!(1), "gone".to_owned()), (json!(2), "mirror".to_owned())], &json!(false), &Value::Null)
    );
    assert_eq!((&cold["permission"]["allowed"], &cold["standby"]), (&json!(true), &explained["standby"]));
    let text = String::from_utf8(place.run(&ada_asks).stdout).unwrap();
    assert!(
        text.contains("by the configuration alone") || text.contains("the configuration alone"),
        "{text}"
    );
    assert!(place.cli(&["doctor", "instance"])["deployments"].is_null(), "nothing is claimed");
    let said = place.fails(1, &["route", "explain", "smart", "--user", "ada"]);
    assert!(said.contains("`tenant` is needed"), "{said}");
    let said = place.fails(1, &["route", "explain", "nothing"]);
    assert!(said.contains("there is no such model"), "{said}");
    let said = place.fails(2, &["route", "explain", "smart", "--body", "@/nowhere"]);
    assert!(said.contains("cannot read the body"), "{said}");
    let body = r#"{"model":"x","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"}}]}"#;
    let cold = place.cli(&["route", "explain", "smart", "--body", body]);
    assert_eq!((&cold["bytes"], &cold["permission"]), (&json!(body.len()), &Value::Null));
}
