//! What the resources do, and what they refuse to read.

use crate::harness::{As, Plane};
use axum::body::Body;
use http::{Method, Request};
use portcullis_control::Entrance;
use serde_json::{Value, json};

#[tokio::test]
async fn a_file_of_users_is_taken_as_a_whole_or_not() {
    let plane = Plane::new().await;
    plane.tenant("acme").await;
    let import = async |content: &str, dry_run: bool| {
        let body = json!({ "tenant": "acme", "format": "jsonl", "content": content, "dry_run": dry_run });
        plane.post("/admin/v1/users/import", body).await.good()
    };
    // Larger than any other body may be.
    let file: String =
        (0..4_000).map(|n| format!("{{\"username\":\"u{n}\",\"display_name\":\"{n:060}\"}}\n")).collect();
    assert!(file.len() > 256 * 1024);
    let planned = import(&file, true).await;
    assert_eq!((&planned["created"], &planned["written"]), (&json!(4_000), &json!(0)));
    let done = import("{\"username\":\"ada\"}\n{\"username\":\"bob\"}\n", false).await;
    assert_eq!((&done["created"], &done["written"], &done["wrong"]), (&json!(2), &json!(2), &json!(0)));
    let wrong = import("{\"username\":\"new\"}\n{\"nick\":\"x\"}\n", false).await;
    assert_eq!((&wrong["errors"][0]["line"], &wrong["written"]), (&json!(2), &json!(0)));
    let barred = import("{\"username\":\"ada\",\"status\":\"deleted\"}", false).await;
    assert!(barred["stopped"].as_str().unwrap().contains("1 of 2"), "{barred}");
    assert_eq!(plane.get("/admin/v1/users?username=new").await.good()["items"], json!([]));
    for (member, value) in [("most_barred", json!(101)), ("format", json!("xml")), ("extra", json!(1))] {
        let mut body = json!({ "tenant": "acme", "format": "csv", "content": "" });
        body[member] = value;
        assert_eq!(plane.post("/admin/v1/users/import", body).await.code(), "parameter_invalid", "{member}");
    }
}

#[tokio::test]
async fn what_a_user_was_is_known() {
    let plane = Plane::new().await;
    plane.tenant("acme").await;
    plane.tenant("other").await;
    let user = |name: &str| json!({ "tenant": "acme", "username": name, "identities": [{ "issuer": "corp", "subject": format!("auth0|{name}-7f3a") }] });
    let ada = plane.post("/admin/v1/users", user("ada.lovelace")).await.id();
    let bob = plane.post("/admin/v1/users", user("robert")).await.id();
    let path = format!("/admin/v1/users/{ada}");
    let renamed = json!({ "username": "ada.king" });
    plane.call(As::Socket, Method::PATCH, &path, Some(&renamed)).await.good();
    plane.post(&format!("{path}/merge"), json!({ "into": bob, "reason": "one person" })).await.good();

    let near = plane.get("/admin/v1/users/near?text=ADA.Lovelaec&tenant=acme").await.good();
    let first = &near["items"][0];
    assert_eq!(
        (&first["user"]["id"], &first["user"]["status"], &first["differences"], &first["distance"]),
        (&json!(ada), &json!("merged"), &json!(["case", "edits"]), &json!(2))
    );
    assert_eq!(
        (&first["identifier"]["field"], &first["identifier"]["ended"]),
        (&json!("username"), &json!("changed"))
    );
    assert_eq!(plane.get("/admin/v1/users/near?text=ada.king&tenant=other").await.good()["items"], json!([]));
    assert_eq!(plane.get("/admin/v1/users/near?text=").await.code(), "parameter_invalid");

    let history = plane.get(&format!("{path}/history")).await.good();
    let known: Vec<(&str, &Value)> = history["identifiers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["value"].as_str().unwrap(), &one["ended"]))
        .collect();
    assert_eq!(
        known,
        [
            ("ada.lovelace", &json!("changed")),
            ("auth0|ada.lovelace-7f3a", &json!("merged")),
            ("ada.king", &Value::Null)
        ]
    );
    assert_eq!(
        (&history["merges"][0]["into"], &history["merges"][0]["status_before"]),
        (&json!(bob), &json!("active"))
    );
    let restored = plane.post(&format!("{path}/restore"), json!({ "reason": "two persons" })).await.good();
    assert_eq!(
        (&restored["status"], &restored["merged_into"], &restored["identities"][0]["subject"]),
        (&json!("active"), &Value::Null, &json!("auth0|ada.lovelace-7f3a"))
    );
    let merge = &plane.get(&format!("/admin/v1/users/{bob}/history")).await.good()["merges"][0];
    assert_eq!(merge["undone_by"], "socket:uid=0");
}

#[tokio::test]
async fn a_users_life() {
    let plane = Plane::new().await;
    let tenant = plane.tenant("acme").await;
    let new = json!({ "tenant": "acme", "username": "ada", "external_id": "42", "roles": ["reader"], "attributes": { "team": "blue" }, "identities": [{ "issuer": "corp", "subject": "s-1" }], "status": "pending" });
    let user = plane.post("/admin/v1/users", new.clone()).await.good();
    assert_eq!(
        (&user["tenant"], &user["status"], &user["identities"][0]["subject"]),
        (&json!(tenant), &json!("pending"), &json!("s-1"))
    );
    let taken = plane.post("/admin/v1/users", new).await;
    assert_eq!((taken.status.as_u16(), taken.code()), (409, "resource_conflict"));
    let path = format!("/admin/v1/users/{}", user["id"].as_str().unwrap());
    for (verb, status) in [("approve", "active"), ("suspend", "suspended"), ("restore", "active")] {
        let changed = plane.post(&format!("{path}/{verb}"), json!({ "reason": "because" })).await.good();
        assert_eq!(
            (&changed["status"], &changed["status_reason"], &changed["status_changed_by"]),
            (&json!(status), &json!("because"), &json!("socket:uid=0"))
        );
    }
    let changed = plane
        .call(As::Socket, Method::PATCH, &path, Some(&json!({ "username": null, "display_name": "Ada" })))
        .await
        .good();
    assert_eq!(
        (&changed["username"], &changed["display_name"], &changed["external_id"]),
        (&json!(null), &json!("Ada"), &json!("42"))
    );
    let other = plane.post("/admin/v1/users", json!({ "tenant": "acme", "username": "grace" })).await.id();
    let merged = plane.post(&format!("{path}/merge"), json!({ "into": other })).await.good();
    assert_eq!((&merged["status"], &merged["merged_into"]), (&json!("merged"), &json!(other)));
    let survivor = plane.get(&format!("/admin/v1/users/{other}")).await.good();
    assert_eq!(survivor["identities"][0]["subject"], "s-1");
    let gone = plane
        .call(As::Socket, Method::DELETE, &format!("/admin/v1/users/{other}?reason=left"), None)
        .await
        .good();
    assert_eq!((&gone["status"], &gone["status_reason"]), (&json!("deleted"), &json!("left")));
    let dead = plane.post(&format!("/admin/v1/users/{other}/restore"), json!({})).await;
    assert_eq!(dead.code(), "resource_conflict");
    let actions: Vec<Value> =
        plane.get("/admin/v1/audit?target=").await.body["items"].as_array().cloned().unwrap_or_default();
    assert!(actions.is_empty());
    let audit = plane.get(&format!("/admin/v1/audit?target={}", user["id"].as_str().unwrap())).await.good();
    let actions: Vec<&str> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["user.create", "user.approve", "user.suspend", "user.restore", "user.change", "user.merge"]
    );
}

#[tokio::test]
async fn secrets_are_shown_once_or_never() {
    let plane = Plane::new().await;
    plane.tenant("acme").await;
    let application =
        plane.post("/admin/v1/applications", json!({ "tenant": "acme", "name": "bot" })).await.id();
    let new = json!({ "application": application, "name": "ci", "expires_in": "30d", "limits": { "addresses": ["192.0.2.0/24"] } });
    let key = plane.post("/admin/v1/api-keys", new).await.good();
    let secret = key["secret"].as_str().unwrap().to_owned();
    let put = plane
        .call(As::Socket, Method::PUT, "/admin/v1/secrets/vendor", Some(&json!({ "value": "hunter2" })))
        .await
        .good();
    assert_eq!(put["name"], "vendor");
    plane.post("/admin/v1/operators", json!({ "name": "x", "role": "auditor" })).await.good();
    for path in [
        format!("/admin/v1/api-keys/{}", key["id"].as_str().unwrap()),
        "/admin/v1/api-keys".into(),
        "/admin/v1/secrets".into(),
        "/admin/v1/operators".into(),
        "/admin/v1/audit".into(),
    ] {
        let text = plane.get(&path).await.good().to_string();
        assert!(
            !text.contains("hunter2")
                && !text.contains(secret.rsplit('_').next().unwrap())
                && !text.contains("\"hash\"")
                && !text.contains("\"secret\":"),
            "{path}: {text}"
        );
    }
    assert_eq!(plane.call(As::Socket, Method::DELETE, "/admin/v1/secrets/vendor", None).await.status, 200);
    assert_eq!(plane.call(As::Socket, Method::DELETE, "/admin/v1/secrets/vendor", None).await.status, 404);
}

#[tokio::test]
async fn revocations_come_and_go() {
    let plane = Plane::new().await;
    let what = json!({ "what": { "kind": "subject", "issuer": "corp", "subject": "s" }, "reason": "lost" });
    let made = plane.post("/admin/v1/revocations", what).await.good();
    assert!(
        made["what"]["issued_before"].as_str().unwrap().starts_with("2026-"),
        "now, when left out: {made}"
    );
    assert_eq!(plane.get("/admin/v1/revocations").await.good()["items"].as_array().unwrap().len(), 1);
    let path = format!("/admin/v1/revocations/{}", made["id"].as_str().unwrap());
    assert_eq!(plane.call(As::Socket, Method::DELETE, &path, None).await.status, 200);
    assert_eq!(plane.get("/admin/v1/revocations").await.good()["items"], json!([]));
    for bad in [
        json!({ "kind": "digest", "digest": "short" }),
        json!({ "kind": "nothing" }),
        json!({ "kind": "token", "issuer": "corp" }),
        json!({ "kind": "key", "issuer": "corp", "kid": "k", "extra": 1 }),
    ] {
        assert_eq!(
            plane.post("/admin/v1/revocations", json!({ "what": bad })).await.code(),
            "parameter_invalid",
            "{bad}"
        );
    }
}

#[tokio::test]
async fn tokens_are_minted_for_whom_is_named() {
    let plane = Plane::new().await;
    plane.tenant("acme").await;
    plane.tenant("globex").await;
    let user = plane.post("/admin/v1/users", json!({ "tenant": "acme", "username": "ada" })).await.id();
    let good = plane
        .post(
            "/admin/v1/tokens",
            json!({ "tenant": "acme", "user": user, "scope": "a b", "claims": { "level": 3 } }),
        )
        .await
        .good();
    assert_eq!(good["token"].as_str().unwrap().split('.').count(), 3);
    for bad in [
        json!({ "tenant": "globex", "user": user }),
        json!({ "tenant": "acme" }),
        json!({ "tenant": "acme", "user": user, "subject": "x" }),
        json!({ "tenant": "acme", "subject": "x", "claims": { "iss": "other" } }),
        json!({ "tenant": "acme", "subject": "x", "lifetime": "9000d" }),
        json!({ "tenant": "acme", "subject": "x", "lifetime": "0s" }),
    ] {
        assert_eq!(plane.post("/admin/v1/tokens", bad.clone()).await.code(), "parameter_invalid", "{bad}");
    }
    let audit = plane.get("/admin/v1/audit?action=token.create").await.good();
    assert_eq!(audit["items"][0]["target"], json!(user));
    assert!(!audit.to_string().contains(good["token"].as_str().unwrap()));
}

#[tokio::test]
async fn pages_follow_one_another() {
    let plane = Plane::new().await;
    plane.tenant("acme").await;
    for n in 0..7 {
        plane.post("/admin/v1/users", json!({ "tenant": "acme", "username": format!("u{n}") })).await.good();
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = plane.get(&format!("/admin/v1/users?limit=3{after}")).await.good();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|user| user["username"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 7);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 7, "no entry twice");
    for wrong in ["limit=0", "limit=501", "limit=x", "after=x", "nonsense=1", "limit=1&limit=2"] {
        assert_eq!(
            plane.get(&format!("/admin/v1/users?{wrong}")).await.code(),
            "parameter_invalid",
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn what_has_the_wrong_form_is_refused() {
    let plane = Plane::new().await;
    plane.tenant("acme").await;
    let long = "x".repeat(600);
    for (path, body) in [
        ("/admin/v1/tenants", json!({ "name": "a b" })),
        ("/admin/v1/tenants", json!({ "name": "x", "models": ["not a name"] })),
        ("/admin/v1/tenants", json!({ "name": "0199f0c2-7f00-7000-8000-000000000001" })),
        ("/admin/v1/tenants", json!({ "name": "x", "modles": [] })),
        ("/admin/v1/users", json!({ "tenant": "acme", "username": "" })),
        ("/admin/v1/users", json!({ "tenant": "acme", "username": long })),
        ("/admin/v1/users", json!({ "tenant": "acme", "username": "a\u{0}" })),
        ("/admin/v1/users", json!({ "tenant": "acme", "status": "deleted" })),
        ("/admin/v1/users", json!({ "tenant": "acme", "roles": ["a", "a"] })),
        ("/admin/v1/users", json!([])),
        ("/admin/v1/operators", json!({ "name": "x", "role": "tenant_administrator" })),
        ("/admin/v1/operators", json!({ "name": "x", "role": "auditor", "tenant": "acme" })),
        ("/admin/v1/operators", json!({ "name": "x", "role": "god" })),
    ] {
        let refused = plane.post(path, body.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "parameter_invalid"), "{path} {body}");
        assert_eq!(refused.headers["content-type"], "application/problem+json");
        assert!(refused.body["type"].as_str().unwrap().starts_with("http://control.test/errors/"));
        assert_eq!(refused.body["request_id"], json!(refused.headers["x-request-id"].to_str().unwrap()));
    }
}

#[tokio::test]
async fn bodies_are_bounded_and_json() {
    let plane = Plane::new().await;
    let send = async |content_type: Option<&str>, body: String| {
        let mut request = Request::post("/admin/v1/tenants");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(Entrance::Socket { uid: 0 });
        plane.send(request).await
    };
    let large = json!({ "name": "x", "models": vec!["m"; 100_000] }).to_string();
    assert_eq!(send(Some("application/json"), large).await.code(), "body_too_large");
    assert_eq!(send(None, r#"{"name":"x"}"#.into()).await.code(), "parameter_invalid");
    // What a form on another site could send.
    assert_eq!(send(Some("text/plain"), r#"{"name":"x"}"#.into()).await.code(), "parameter_invalid");
    assert_eq!(send(Some("application/json"), "[".repeat(100_000)).await.code(), "parameter_invalid");
    assert_eq!(send(Some("application/json; charset=utf-8"), r#"{"name":"x"}"#.into()).await.status, 200);
    let wrong = plane.call(As::Socket, Method::PUT, "/admin/v1/tenants", Some(&json!({}))).await;
    assert_eq!(wrong.code(), "method_not_allowed");
}
