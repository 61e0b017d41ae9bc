//! Roles over TCP: what each credential may do. Every route's refusals are tested in the control crate; here the whole
//! way, from the socket that listens to the audit log.

use crate::http::{Answer, call, get};
use crate::server::{CONFIG, PATIENCE, Server, within};
use http::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn post(server: &Server, path: &str, bearer: &str, body: Value) -> Answer {
    let authorization = format!("Bearer {bearer}");
    call(
        server.control,
        Method::POST,
        path,
        &[("authorization", &authorization), ("content-type", "application/json")],
        body.to_string(),
    )
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_may_what_it_may() {
    let server =
        Server::start(&CONFIG.replace("[[providers]]", "[[tenants]]\nname = \"globex\"\n[[providers]]"));
    let root = server.credential();
    let made = post(
        &server,
        "/admin/v1/operators",
        &root,
        json!({ "name": "acme-admin", "role": "tenant_administrator", "tenant": "acme" }),
    )
    .await
    .json();
    let admin = made["secret"].as_str().unwrap().to_owned();
    let auditor =
        post(&server, "/admin/v1/operators", &root, json!({ "name": "watcher", "role": "auditor" }))
            .await
            .json()["secret"]
            .as_str()
            .unwrap()
            .to_owned();
    let new = |tenant: &str, name: &str| json!({ "tenant": tenant, "username": name });
    let own = post(&server, "/admin/v1/users", &admin, new("acme", "ada")).await;
    assert_eq!(own.status, 200, "{}", own.text());
    assert_eq!(
        post(&server, "/admin/v1/users", &admin, new("globex", "eve")).await.code(),
        "resource_not_found"
    );
    let foreign = post(&server, "/admin/v1/users", &root, new("globex", "eve")).await.json();
    let path = format!("/admin/v1/users/{}", foreign["id"].as_str().unwrap());
    assert_eq!(get(server.control, &path, Some(&admin)).await.code(), "resource_not_found");
    assert_eq!(get(server.control, &path, Some(&auditor)).await.status, 200);
    assert_eq!(
        post(&server, &format!("{path}/suspend"), &auditor, json!({})).await.code(),
        "operator_forbidden"
    );
    assert_eq!(
        post(&server, "/admin/v1/operators", &admin, json!({ "name": "x", "role": "operator" })).await.code(),
        "operator_forbidden"
    );
    let seen = get(server.control, "/admin/v1/users", Some(&admin)).await.json();
    assert_eq!(seen["items"].as_array().unwrap().len(), 1, "{seen}");
    let audit = get(server.control, "/admin/v1/audit?action=user.create", Some(&auditor)).await.json();
    let actors: Vec<_> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["actor"].as_str().unwrap(), entry["source"].as_str().unwrap()))
        .collect();
    assert_eq!(actors, [("operator:administrator", "127.0.0.1"), ("operator:acme-admin", "127.0.0.1")]);
    // Revoked, it ends at once.
    post(&server, &format!("/admin/v1/operators/{}/revoke", made["id"].as_str().unwrap()), &root, json!({}))
        .await;
    let after = get(server.control, "/admin/v1/users", Some(&admin)).await;
    assert_eq!((after.status.as_u16(), after.code().as_str()), (401, "operator_credential_invalid"));
    assert!(after.headers.contains_key("www-authenticate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_takes_effect_within_a_second() {
    let server = Server::start(CONFIG);
    let user = server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let id = user["id"].as_str().unwrap();
    let token =
        server.cli(&["token", "--tenant", "acme", "--user", id])["token"].as_str().unwrap().to_owned();
    assert_eq!(crate::http::chat(server.gateway, &token, false).await.status, 200);
    let root = server.credential();
    // How long until it is so.
    let change = async |verb: &str, status: u16| {
        let done = post(&server, &format!("/admin/v1/users/{id}/{verb}"), &root, json!({})).await;
        assert_eq!(done.status, 200, "{}", done.text());
        let began = Instant::now();
        while crate::http::chat(server.gateway, &token, false).await.status != status {
            assert!(began.elapsed() < PATIENCE, "{verb} changes nothing");
        }
        began.elapsed()
    };
    let second = Duration::from_secs(1);
    within(second, "suspended", async |n| {
        if n > 0 {
            change("restore", 200).await;
        }
        change("suspend", 401).await
    })
    .await;
    within(second, "restored", async |n| {
        if n > 0 {
            change("suspend", 401).await;
        }
        change("restore", 200).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_in_a_loop_is_slowed_down() {
    let server = Server::start(&CONFIG.replace("[control]", "[control]\nrate = 1"));
    let root = server.credential();
    let mut slowed = None;
    for _ in 0..50 {
        let answer = get(server.control, "/admin/v1/tenants", Some(&root)).await;
        if answer.status == 429 {
            slowed = Some(answer);
            break;
        }
    }
    let slowed = slowed.expect("a loop is slowed down");
    assert_eq!(
        (slowed.code().as_str(), slowed.headers["retry-after"].to_str().unwrap()),
        ("too_many_requests", "1")
    );
    // Whoever is on the machine is not kept out by it.
    assert_eq!(server.cli(&["tenant", "show", "acme"])["name"], "acme");
}
