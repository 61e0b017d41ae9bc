//! Teams over the admin API: the tree, its members, and who changed what.

use crate::harness::{As, Plane};
use http::Method;
use portcullis_model::audit::OperatorRole;
use serde_json::{Value, json};

async fn patch(plane: &Plane, team: &str, change: Value) -> crate::harness::Answer {
    plane.call(As::Socket, Method::PATCH, &format!("/admin/v1/teams/{team}"), Some(&change)).await
}

async fn delete(plane: &Plane, path: &str) -> crate::harness::Answer {
    plane.call(As::Socket, Method::DELETE, path, None).await
}

#[tokio::test]
async fn teams_are_made_moved_and_deleted() {
    let plane = Plane::new().await;
    plane.tenant("acme").await;
    plane.tenant("other").await;
    let make = async |name: &str, parent: Option<&str>| {
        let team = json!({ "tenant": "acme", "name": name, "parent": parent, "display_name": "研发" });
        plane.post("/admin/v1/teams", team).await
    };
    let platform = make("platform", None).await.id();
    let dev = make("dev", Some("platform")).await.good();
    assert_eq!((&dev["path"], &dev["members"]), (&json!("platform/dev"), &json!(0)));
    assert_eq!((&dev["origin"], &dev["display_name"]), (&json!("api"), &json!("研发")));
    let dev = dev["id"].as_str().unwrap().to_owned();
    for (name, parent, code) in [
        ("Platform", None, "resource_conflict"),
        ("a/b", None, "parameter_invalid"),
        ("ops", Some("nowhere"), "resource_not_found"),
        ("0199f0c2-7f00-7000-8000-00000000dead", None, "parameter_invalid"),
    ] {
        assert_eq!(make(name, parent).await.code(), code, "{name}");
    }
    let foreign = plane.post("/admin/v1/teams", json!({ "tenant": "other", "name": "platform" })).await.id();
    assert_eq!(patch(&plane, &dev, json!({ "parent": foreign })).await.code(), "resource_not_found");
    let circle = patch(&plane, &platform, json!({ "parent": "dev" })).await;
    assert_eq!(circle.code(), "resource_conflict");
    assert!(circle.body["detail"].as_str().unwrap().contains("is below"), "{:?}", circle.body);
    assert_eq!(patch(&plane, &dev, json!({ "parent": null })).await.good()["path"], "dev");
    let moved =
        patch(&plane, &dev, json!({ "parent": platform, "name": "devs", "display_name": null })).await;
    let moved = moved.good();
    assert_eq!((&moved["path"], &moved["display_name"]), (&json!("platform/devs"), &Value::Null));
    assert_eq!(patch(&plane, &dev, json!({ "origin": "scim" })).await.code(), "parameter_invalid");

    let listed = plane.get(&format!("/admin/v1/teams?tenant=acme&parent={platform}")).await.good();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let first = plane.get("/admin/v1/teams?tenant=acme&limit=1").await.good();
    assert_eq!((first["items"].as_array().unwrap().len(), &first["next"]), (1, &json!(platform)));

    let refused = delete(&plane, &format!("/admin/v1/teams/{platform}")).await;
    assert_eq!(refused.code(), "resource_conflict");
    assert!(refused.body["detail"].as_str().unwrap().contains("`devs`"), "{:?}", refused.body);
    let deleted = delete(&plane, &format!("/admin/v1/teams/{platform}?recursive=true")).await.good();
    assert_eq!(deleted["deleted"], 2);
    assert_eq!(plane.get(&format!("/admin/v1/teams/{dev}")).await.code(), "resource_not_found");
}

#[tokio::test]
async fn members_come_and_go_and_that_is_in_the_audit_log() {
    let plane = Plane::new().await;
    let acme = plane.tenant("acme").await;
    plane.tenant("other").await;
    let user = async |tenant: &str, name: &str| {
        plane.post("/admin/v1/users", json!({ "tenant": tenant, "username": name })).await.id()
    };
    let (ada, bob, eve) = (user("acme", "ada").await, user("acme", "bob").await, user("other", "eve").await);
    let team = plane.post("/admin/v1/teams", json!({ "tenant": "acme", "name": "dev" })).await.id();
    let members = format!("/admin/v1/teams/{team}/members");
    let administrator = plane.operator("administrator", OperatorRole::TenantAdministrator, Some(acme)).await;
    let add = async |user: &str| {
        plane.call(As::Bearer(&administrator), Method::POST, &members, Some(&json!({ "user": user }))).await
    };
    let added = add(&ada).await.good();
    assert_eq!((&added["user"], &added["sources"]), (&json!(ada), &json!(["manual"])));
    assert_eq!(add(&ada).await.good()["since"], added["since"], "once is enough");
    add(&bob).await.good();
    // Another tenant's users do not exist, neither for its administrator nor as members.
    assert_eq!(add(&eve).await.code(), "resource_not_found");
    assert_eq!(plane.post(&members, json!({ "user": eve })).await.code(), "resource_not_found");

    let page = plane.get(&format!("{members}?limit=1")).await.good();
    let next = page["next"].as_str().unwrap();
    let rest = plane.get(&format!("{members}?after={next}")).await.good();
    assert_eq!((page["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (1, 1));
    assert_eq!(plane.get(&format!("{members}?source=scim")).await.good()["items"], json!([]));
    let shown = plane.get(&format!("/admin/v1/users/{ada}")).await.good();
    assert_eq!(shown["teams"], json!([{ "id": team, "name": "dev", "parent": null, "direct": true }]));
    assert_eq!(plane.get(&format!("/admin/v1/teams/{team}")).await.good()["members"], 2);

    assert_eq!(delete(&plane, &format!("{members}/{ada}")).await.good()["members"], 1);
    assert_eq!(delete(&plane, &format!("{members}/{ada}")).await.code(), "resource_not_found");
    let entries = plane.get(&format!("/admin/v1/audit?target={team}")).await.good();
    let actions: Vec<_> = entries["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["action"].as_str().unwrap(), entry["after"]["added"].clone()))
        .collect();
    assert_eq!(
        actions,
        [
            ("team.members", json!([])),
            ("team.members", json!([bob])),
            ("team.members", json!([ada])),
            ("team.create", Value::Null),
        ]
    );
}
