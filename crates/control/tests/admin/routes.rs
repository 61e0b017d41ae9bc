//! Which deployment a call would get: who is asked about, and who may ask.

use crate::harness::{As, Plane};
use http::Method;
use portcullis_model::audit::OperatorRole;
use serde_json::{Value, json};

const PATH: &str = "/admin/v1/routes/explain";

async fn asked(plane: &Plane, who: As<'_>, question: Value) -> (u16, Value) {
    let answer = plane.call(who, Method::POST, PATH, Some(&question)).await;
    (answer.status.as_u16(), answer.body)
}

#[tokio::test]
async fn whoever_is_named_is_found_with_teams() {
    let plane = Plane::new().await;
    let tenant = plane.tenant("acme").await.to_string();
    let user = plane
        .post("/admin/v1/users", json!({ "tenant": tenant, "username": "ada", "roles": ["reader"] }))
        .await
        .id();
    let team = plane.post("/admin/v1/teams", json!({ "tenant": tenant, "name": "platform" })).await.id();
    let below = json!({ "tenant": tenant, "name": "dev", "parent": team });
    let below = plane.post("/admin/v1/teams", below).await.id();
    plane.post(&format!("/admin/v1/teams/{below}/members"), json!({ "user": user })).await.good();
    plane.post("/admin/v1/applications", json!({ "tenant": tenant, "name": "bot" })).await.good();
    let seen = async |question: Value| {
        let (status, body) = asked(&plane, As::Socket, question).await;
        assert_eq!(status, 200, "{body}");
        body["needs"].clone()
    };
    let everything = json!(["tenant acme", "user ada", "roles reader", "teams dev,platform", "application "]);
    assert_eq!(seen(json!({ "model": "m", "tenant": "acme", "user": "ada" })).await, everything);
    assert_eq!(seen(json!({ "model": "m", "user": user })).await, everything);
    assert_eq!(
        seen(json!({ "model": "m", "tenant": tenant, "application": "bot" })).await,
        json!(["tenant acme", "user ", "roles ", "teams ", "application bot"])
    );
    assert_eq!(seen(json!({ "model": "m" })).await, json!(["nobody"]));
    for (question, status, said) in [
        (json!({ "model": "m", "user": "ada" }), 400, "`tenant` is needed"),
        (json!({ "model": "m", "tenant": "acme", "user": "eve" }), 404, "no such user"),
        (json!({ "model": "m", "tenant": "acme", "application": "eve" }), 404, "no such application"),
        (json!({ "model": "m", "tenant": "umbra" }), 404, "no such tenant"),
        (json!({ "model": "nothing" }), 404, "no such model"),
        (json!({ "model": "m", "dialect": "latin" }), 400, "`dialect` is one of"),
        (json!({ "model": "m", "tags": vec!["x"; 33] }), 400, "`tags` has more than"),
        (json!({ "modell": "m" }), 400, "unknown field `modell`"),
    ] {
        let (found, body) = asked(&plane, As::Socket, question.clone()).await;
        assert_eq!(found, status, "{question}: {body}");
        assert!(body["detail"].as_str().unwrap().contains(said), "{question}: {body}");
    }
}

#[tokio::test]
async fn a_tenants_administrator_sees_what_is_the_tenants() {
    let plane = Plane::new().await;
    let (own, theirs) = (plane.tenant("own").await, plane.tenant("theirs").await);
    let them = theirs.to_string();
    let eve = plane.post("/admin/v1/users", json!({ "tenant": them, "username": "eve" })).await.id();
    let bot = plane.post("/admin/v1/applications", json!({ "tenant": them, "name": "bot" })).await.id();
    let credential = plane.operator("administrator", OperatorRole::TenantAdministrator, Some(own)).await;
    let ask = |question: Value| asked(&plane, As::Bearer(&credential), question);
    // Of its own tenant, whether it says so or not; models that are not granted to it are not there, nor do they stand by.
    let (status, body) = ask(json!({ "model": "m" })).await;
    assert_eq!((status, &body["needs"][0]), (200, &json!("tenant own")), "{body}");
    let standby = |body: &Value| body["standby"].to_string();
    assert!(standby(&body).contains("\"m\"") && !standby(&body).contains("secret"), "{body}");
    let (status, body) = asked(&plane, As::Socket, json!({ "model": "m", "tenant": "own" })).await;
    assert!(status == 200 && standby(&body).contains("secret"), "{body}");
    for question in [
        json!({ "model": "secret" }),
        json!({ "model": "m", "tenant": "theirs" }),
        json!({ "model": "m", "tenant": them }),
        json!({ "model": "m", "user": eve }),
        json!({ "model": "m", "user": "eve" }),
        json!({ "model": "m", "tenant": "own", "user": eve }),
        json!({ "model": "m", "application": bot }),
    ] {
        let (status, body) = ask(question.clone()).await;
        assert_eq!((status, &body["code"]), (404, &json!("resource_not_found")), "{question}: {body}");
    }
}
