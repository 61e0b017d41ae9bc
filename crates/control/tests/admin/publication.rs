//! What becomes of configurations, good and bad.

use crate::harness::Plane;
use portcullis_config::Config;
use portcullis_control::publish::Due;
use portcullis_model::tenant::TenantEntry;
use portcullis_model::{Model, Name};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

fn config(tenants: &[&str], models: &[&str]) -> Arc<Config> {
    let name = |text: &&str| Name::new(text).unwrap();
    Arc::new(Config {
        tenants: tenants.iter().map(|tenant| TenantEntry { name: name(tenant), models: vec![] }).collect(),
        models: models.iter().map(|model| Model::new(name(model), vec![])).collect(),
        ..Config::default()
    })
}

#[tokio::test]
async fn a_bad_configuration_changes_nothing_anywhere() {
    let plane = Plane::new().await;
    assert_eq!(
        plane.publisher.publish(config(&["acme"], &["good"]), vec![PathBuf::from("/etc/p.toml")]).await,
        Ok(1)
    );
    let problems = plane.publisher.publish(config(&["other"], &["bad"]), vec![]).await.unwrap_err();
    assert_eq!(problems[0].at, "models.bad");
    assert_eq!(plane.compiled.installed.lock().unwrap().len(), 1);
    assert_eq!(plane.get("/admin/v1/tenants/acme").await.good()["disabled"], false);
    assert_eq!(plane.get("/admin/v1/tenants/other").await.status, 404);
    let status = plane.get("/admin/v1/configuration").await.good();
    assert_eq!(
        (&status["version"], &status["refused"]["problems"][0]["message"]),
        (&json!(1), &json!("a bad model"))
    );
    assert_eq!(plane.get("/health/ready").await.good()["status"], "ready");
    assert_eq!(plane.publisher.publish(config(&["other"], &["good"]), vec![]).await, Ok(2));
    assert_eq!(plane.get("/admin/v1/configuration").await.good()["refused"], json!(null));
    assert_eq!(plane.get("/admin/v1/tenants/acme").await.good()["disabled"], true);
}

#[tokio::test]
async fn nothing_is_ready_before_the_first() {
    let plane = Plane::new().await;
    let answer = plane.get("/health/ready").await;
    assert_eq!((answer.status.as_u16(), &answer.body["not_ready"]), (503, &json!(["configuration"])));
    assert_eq!(plane.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn what_the_file_owns_is_changed_there() {
    let plane = Plane::new().await;
    plane.publisher.publish(config(&["acme"], &[]), vec![PathBuf::from("/etc/p.toml")]).await.unwrap();
    for path in ["/admin/v1/tenants/acme/disable", "/admin/v1/tenants/acme/enable"] {
        let refused = plane.post(path, json!({})).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "owned_by_file"));
        assert!(refused.body["detail"].as_str().unwrap().contains("/etc/p.toml"), "{:?}", refused.body);
    }
    let body = json!({ "models": ["x"] });
    let refused = plane
        .call(crate::harness::As::Socket, http::Method::PATCH, "/admin/v1/tenants/acme", Some(&body))
        .await;
    assert_eq!(refused.code(), "owned_by_file");
}

#[tokio::test]
async fn a_change_in_the_store_is_published_by_itself() {
    let plane = Plane::new().await;
    plane.publisher.publish(config(&[], &["m"]), vec![]).await.unwrap();
    let shutdown = CancellationToken::new();
    let publisher = plane.publisher.clone();
    let running = publisher.run(shutdown.clone());
    let work = async {
        // The subscription begins with the first poll of `run`; what is there by then is not told again.
        tokio::task::yield_now().await;
        // A busy machine may hold up one of them; what is slow by itself is slow each time.
        let mut took: Vec<Duration> = Vec::new();
        while took.last().is_none_or(|last| *last >= Duration::from_secs(1)) {
            assert!(took.len() < 5, "not published within a second: {took:?}");
            let name = format!("made-later-{}", took.len());
            plane.tenant(&name).await;
            let began = Instant::now();
            let seen = || {
                let installed = plane.compiled.installed.lock().unwrap();
                installed.last().is_some_and(|last| last.tenants.iter().any(|tenant| tenant.name == *name))
            };
            while !seen() {
                assert!(began.elapsed() < Duration::from_secs(60), "not published");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            took.push(began.elapsed());
        }
        shutdown.cancel();
    };
    tokio::join!(running, work);
}

#[tokio::test]
async fn a_configuration_that_is_only_assumed_disables_nobody() {
    let plane = Plane::new().await;
    plane.publisher.publish(config(&["acme"], &[]), vec![]).await.unwrap();
    plane.publisher.assume(config(&[], &[]), vec![]);
    assert_eq!(plane.get("/admin/v1/tenants/acme").await.good()["disabled"], false);
}

#[tokio::test]
async fn what_another_node_wrote_is_not_undone() {
    let plane = Plane::new().await;
    plane.publisher.publish(config(&["acme"], &[]), vec![]).await.unwrap();
    // Another node, whose file has another tenant, disables ours and makes its own.
    let actor = portcullis_identity::directory::Actor::new("file", "file");
    plane.directory.upsert_file_tenants(&actor, &config(&["other"], &[]).tenants).await.unwrap();
    plane.publisher.refresh(Due::Tenants).await.unwrap();
    assert_eq!(plane.get("/admin/v1/tenants/acme").await.good()["disabled"], true);
    assert_eq!(plane.get("/admin/v1/tenants/other").await.good()["disabled"], false);
}

#[tokio::test]
async fn what_is_published_is_not_published_again() {
    let plane = Plane::new().await;
    let version = plane.publisher.publish(config(&["acme"], &[]), vec![]).await.unwrap();
    assert_eq!(plane.publisher.refresh(Due::Tenants).await, Ok(version));
    assert_eq!(plane.publisher.refresh(Due::Everything).await, Ok(version + 1));
}

#[tokio::test]
async fn a_rule_under_which_two_users_are_one_is_refused() {
    let plane = Plane::new().await;
    let config = |normalise: &[&str]| {
        let subject = json!({ "attribute": "username", "normalise": normalise });
        let corp = json!({ "name": "corp", "issuer": "https://corp.example", "tenant": "acme", "audiences": ["api"], "subject": subject });
        let config = json!({ "tenants": [{ "name": "acme" }], "issuers": [corp] });
        Arc::new(serde_json::from_value::<Config>(config).unwrap())
    };
    plane.publisher.publish(config(&[]), vec![]).await.unwrap();
    for username in ["ada", "ADA"] {
        plane.post("/admin/v1/users", json!({ "tenant": "acme", "username": username })).await.good();
    }
    let problems = plane.publisher.publish(config(&["lowercase"]), vec![]).await.unwrap_err();
    assert_eq!(problems[0].at, "issuers.corp.subject.normalise");
    assert!(problems[0].message.contains("`ada`"), "{}", problems[0].message);
    // What is in force stays, and goes on being published when something changes in the store.
    assert_eq!(plane.publisher.status().version, 1);
    plane.publisher.refresh(Due::Everything).await.unwrap();
    plane.publisher.publish(config(&["trim"]), vec![]).await.unwrap();
}
