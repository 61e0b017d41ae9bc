//! SCIM as its clients see it.

use crate::harness::{Answer, As, Plane};
use axum::body::Body;
use http::{Method, Request};
use portcullis_control::Entrance;
use portcullis_identity::directory::{Actor, NewOperator};
use portcullis_model::audit::OperatorRole;
use portcullis_model::{Name, TenantId};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

struct Scim {
    plane: Plane,
    tenant: TenantId,
    key: String,
}

impl Scim {
    async fn new() -> Self {
        let plane = Plane::new().await;
        let tenant = plane.tenant("acme").await;
        let key = plane.operator("entra", OperatorRole::Provisioner, Some(tenant)).await;
        Self { plane, tenant, key }
    }

    async fn another(&self, name: &str, tenant: TenantId) -> String {
        let name = Name::new(name).unwrap();
        let new = NewOperator {
            name: name.clone(),
            role: OperatorRole::Provisioner,
            tenant: Some(tenant),
            source: Some(name),
            expires_at: None,
        };
        let made = self.plane.directory.create_operator(&Actor::new("test", "test"), new).await.unwrap();
        made.1.expose().clone()
    }

    async fn send(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/scim/v2{path}"))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/scim+json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Body::from(body.map(|body| body.to_string()).unwrap_or_default());
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Entrance::Network([192, 0, 2, 1].into()));
        self.plane.send(request).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(&self.key, Method::GET, path, None, &[]).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(&self.key, Method::POST, path, Some(body), &[]).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(&self.key, Method::PUT, path, Some(body), &[]).await
    }

    async fn patch(&self, path: &str, operations: Value) -> Answer {
        let body =
            json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        self.send(&self.key, Method::PATCH, path, Some(body), &[]).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(&self.key, Method::DELETE, path, None, &[]).await
    }

    /// A user of this name; its id.
    async fn user(&self, name: &str) -> String {
        let made = self.post("/Users", json!({ "userName": name, "externalId": format!("x-{name}") })).await;
        assert_eq!(made.status, 201, "{:?}", made.body);
        made.body["id"].as_str().unwrap().to_owned()
    }

    async fn of_directory(&self, id: &str) -> Value {
        self.plane.get(&format!("/admin/v1/users/{id}")).await.good()
    }
}

fn code(answer: &Answer) -> (u16, String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = answer.headers["x-portcullis-code"].to_str().unwrap().to_owned();
    let page = format!("<http://control.test/errors/{name}>; rel=\"describedby\"");
    assert_eq!(answer.headers["link"].to_str().unwrap(), page);
    assert_eq!(answer.headers["content-type"], "application/scim+json");
    assert_eq!(answer.body["status"], answer.status.as_u16().to_string());
    (answer.status.as_u16(), name, text(&answer.body["scimType"]))
}

fn is(answer: &Answer, status: u16, name: &str, kind: &str) {
    assert_eq!(code(answer), (status, name.to_owned(), kind.to_owned()), "{:?}", answer.body);
}

#[tokio::test]
async fn only_provisioners_and_only_here() {
    let scim = Scim::new().await;
    let plane = &scim.plane;
    let (root, auditor) = (
        plane.operator("root", OperatorRole::Operator, None).await,
        plane.operator("watcher", OperatorRole::Auditor, None).await,
    );
    let admin = plane.operator("admin", OperatorRole::TenantAdministrator, Some(scim.tenant)).await;
    for path in ["/Users", "/Groups", "/Schemas", "/ServiceProviderConfig", "/Me", "/nowhere"] {
        for key in [&root, &auditor, &admin] {
            let answer = scim.send(key, Method::GET, path, None, &[]).await;
            is(&answer, 403, "operator_forbidden", "");
        }
        let answer = scim.send("pco_x", Method::GET, path, None, &[]).await;
        is(&answer, 401, "operator_credential_invalid", "");
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    assert_eq!(plane.call(As::Socket, Method::GET, "/scim/v2/Users", None).await.status, 403);
    for path in ["/admin/v1/users", "/admin/v1/operators", "/admin/v1/audit", "/metrics", "/admin/v1/teams"] {
        let answer = plane.call(As::Bearer(&scim.key), Method::GET, path, None).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (403, "operator_forbidden"), "{path}");
    }
    let body = json!({ "token": "a.b.c" });
    let bench = plane.call(As::Bearer(&scim.key), Method::POST, "/workbench/v1/decode", Some(&body)).await;
    assert_eq!(bench.status, 403);
    for wrong in [
        json!({ "name": "a", "role": "provisioner", "tenant": "acme" }),
        json!({ "name": "a", "role": "provisioner", "source": "entra" }),
        json!({ "name": "a", "role": "auditor", "source": "entra" }),
    ] {
        assert_eq!(plane.post("/admin/v1/operators", wrong).await.code(), "parameter_invalid");
    }
}

#[tokio::test]
async fn a_user_lives() {
    let scim = Scim::new().await;
    let made = scim
        .post(
            "/Users",
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
                "userName": "Ada@Example.com", "externalId": "e-1", "active": "True",
                "name": { "givenName": "Ada", "familyName": "Lovelace" },
                "emails": [{ "value": "private@example.org", "type": "home" }, { "value": "ada@example.com", "type": "work", "primary": true }],
                "roles": [{ "value": "analyst" }], "password": "ignored",
                ENTERPRISE: { "department": "Engines", "employeeNumber": "7" },
            }),
        )
        .await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let id = made.body["id"].as_str().unwrap().to_owned();
    let path = format!("/Users/{id}");
    assert_eq!(made.headers["location"], format!("http://control.test/scim/v2{path}"));
    assert!(made.body.get("password").is_none());
    let user = scim.of_directory(&id).await;
    assert_eq!(user["username"], "Ada@Example.com");
    assert_eq!((&user["email"], &user["display_name"]), (&json!("ada@example.com"), &json!("Ada Lovelace")));
    assert_eq!((&user["roles"], &user["status"]), (&json!(["analyst"]), &json!("active")));
    assert_eq!(user["attributes"], json!({ "department": "Engines", "employee_number": "7" }));

    // An operator adds a role and an attribute, which stay whatever the client says.
    let change = json!({ "roles": ["analyst", "admin"], "attributes": { "department": "Engines", "employee_number": "7", "own": "1" } });
    scim.plane.call(As::Socket, Method::PATCH, &format!("/admin/v1/users/{id}"), Some(&change)).await.good();
    let shown = scim.get(&path).await.good();
    assert_eq!(shown["roles"], json!([{ "value": "analyst" }]));
    let put = json!({ "userName": "ada@example.com", "externalId": "e-1", "roles": [{ "value": "poet" }], ENTERPRISE: { "employeeNumber": "8" } });
    let put = scim.put(&path, put).await.good();
    assert!(put.get("emails").is_none() && put["active"] == true, "{put}");
    let user = scim.of_directory(&id).await;
    assert_eq!((&user["roles"], &user["email"]), (&json!(["admin", "poet"]), &Value::Null));
    assert_eq!(user["attributes"], json!({ "employee_number": "8", "own": "1" }));

    scim.patch(&path, json!([{ "op": "Replace", "path": "active", "value": "False" }])).await.good();
    assert_eq!(scim.of_directory(&id).await["status"], "suspended");
    // Without the attribute it is as it was.
    let without = scim.patch(&path, json!([{ "op": "remove", "path": "active" }])).await.good();
    assert!(without.get("active").is_none(), "{without}");
    assert_eq!(scim.of_directory(&id).await["status"], "suspended");
    let back = scim.patch(&path, json!([{ "op": "replace", "value": { "active": true } }])).await.good();
    assert_eq!(back["active"], true);
    // Who was suspended by an operator is not let in by the client.
    let barred = format!("/admin/v1/users/{id}/suspend");
    scim.plane.post(&barred, json!({ "reason": "left the laptop on the train" })).await.good();
    let still = scim.patch(&path, json!([{ "op": "replace", "path": "active", "value": true }])).await.good();
    assert_eq!(still["active"], false);
    assert_eq!(scim.of_directory(&id).await["status"], "suspended");

    let gone = scim.delete(&path).await;
    assert_eq!((gone.status.as_u16(), &gone.body), (204, &json!("")));
    for answer in
        [scim.get(&path).await, scim.delete(&path).await, scim.put(&path, json!({ "userName": "a" })).await]
    {
        is(&answer, 404, "resource_not_found", "");
    }
    assert_eq!(scim.of_directory(&id).await["status"], "deleted");
    let audit = scim.plane.get("/admin/v1/audit?actor=scim:entra").await.good();
    let actions: Vec<_> =
        audit["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    for action in ["user.create", "user.change", "user.suspend", "user.restore", "user.delete"] {
        assert!(actions.contains(&action), "{action} of {actions:?}");
    }
}

#[tokio::test]
async fn tombstones_are_not_revived() {
    let scim = Scim::new().await;
    let id = scim.user("ada").await;
    assert_eq!(scim.delete(&format!("/Users/{id}")).await.status, 204);
    let same = scim.post("/Users", json!({ "userName": "ada", "externalId": "x-ada" })).await;
    is(&same, 409, "resource_conflict", "uniqueness");
    assert!(same.body["detail"].as_str().unwrap().contains("deleted"), "{:?}", same.body);
    // The external id alone is enough, and so is a name of somebody who may be the same.
    for body in [json!({ "userName": "other", "externalId": "x-ada" }), json!({ "userName": "ADA" })] {
        is(&scim.post("/Users", body).await, 409, "resource_conflict", "uniqueness");
    }
    let new = scim.post("/Users", json!({ "userName": "Ada", "externalId": "x-2" })).await;
    assert_eq!(new.status, 201, "{:?}", new.body);
    assert_ne!(new.body["id"], json!(id));
    // A living user's name is taken, in whatever case.
    is(
        &scim.post("/Users", json!({ "userName": "aDa", "externalId": "x-3" })).await,
        409,
        "resource_conflict",
        "uniqueness",
    );
    // Whom an operator deleted a client does not bring back under the same name.
    let bob = scim.user("bob").await;
    scim.plane.call(As::Socket, Method::DELETE, &format!("/admin/v1/users/{bob}"), None).await.good();
    is(
        &scim.post("/Users", json!({ "userName": "bob", "externalId": "x-9" })).await,
        409,
        "resource_conflict",
        "uniqueness",
    );
}

#[tokio::test]
async fn each_source_sees_its_own() {
    let scim = Scim::new().await;
    let id = scim.user("ada").await;
    let other_tenant = scim.plane.tenant("globex").await;
    let (okta, foreign) = (scim.another("okta", scim.tenant).await, scim.another("far", other_tenant).await);
    let path = format!("/Users/{id}");
    for key in [&okta, &foreign] {
        is(&scim.send(key, Method::GET, &path, None, &[]).await, 404, "resource_not_found", "");
        is(&scim.send(key, Method::DELETE, &path, None, &[]).await, 404, "resource_not_found", "");
        let list = scim.send(key, Method::GET, "/Users?filter=userName%20eq%20%22ada%22", None, &[]).await;
        assert_eq!(list.body["totalResults"], 0);
        let group = json!({ "displayName": "G", "members": [{ "value": id }] });
        is(
            &scim.send(key, Method::POST, "/Groups", Some(group), &[]).await,
            400,
            "parameter_invalid",
            "invalidValue",
        );
    }
    let taken = scim.send(&okta, Method::POST, "/Users", Some(json!({ "userName": "ada" })), &[]).await;
    is(&taken, 409, "resource_conflict", "uniqueness");
    // Whom nobody feeds becomes the first one's that changes them.
    let eve = scim.plane.post("/admin/v1/users", json!({ "tenant": "acme", "username": "eve" })).await.id();
    let change = json!({ "Operations": [{ "op": "add", "path": "title", "value": "T" }] });
    let path = format!("/Users/{eve}");
    scim.send(&okta, Method::PATCH, &path, Some(change), &[]).await.good();
    is(&scim.get(&path).await, 404, "resource_not_found", "");
}

#[tokio::test]
async fn groups_are_teams() {
    let scim = Scim::new().await;
    let (ada, bob) = (scim.user("ada").await, scim.user("bob").await);
    let made = scim
        .post(
            "/Groups",
            json!({ "displayName": "Tour Guides", "externalId": "g-1", "members": [{ "value": ada }] }),
        )
        .await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let id = made.body["id"].as_str().unwrap().to_owned();
    let path = format!("/Groups/{id}");
    assert_eq!(made.body["members"][0]["value"], json!(ada));
    let team = scim.plane.get(&format!("/admin/v1/teams/{id}")).await.good();
    assert_eq!((&team["name"], &team["origin"]), (&json!("Tour-Guides"), &json!("scim")));
    let groups_of = async |user: &str| scim.get(&format!("/Users/{user}")).await.good()["groups"].clone();
    assert_eq!(groups_of(&ada).await[0]["display"], "Tour Guides");
    // Each can be asked for. One that another source feeds, and one that an operator put the user in, cannot, or has not the
    // user among its members.
    let okta = scim.another("okta", scim.tenant).await;
    let theirs =
        scim.send(&okta, Method::POST, "/Groups", Some(json!({ "displayName": "Theirs" })), &[]).await;
    let by_hand =
        scim.plane.post("/admin/v1/teams", json!({ "tenant": "acme", "name": "by-hand" })).await.id();
    for team in [theirs.body["id"].as_str().unwrap(), by_hand.as_str()] {
        scim.plane.post(&format!("/admin/v1/teams/{team}/members"), json!({ "user": ada })).await.good();
    }
    let groups = groups_of(&ada).await;
    assert_eq!(groups.as_array().map(Vec::len), Some(1), "{groups}");
    assert_eq!(groups[0]["value"], json!(id));
    let filter: String = url::form_urlencoded::byte_serialize(b"groups.display eq \"by-hand\"").collect();
    assert_eq!(scim.get(&format!("/Users?filter={filter}")).await.good()["totalResults"], 0);

    // A member that an operator put in is not the client's.
    let carl = scim.plane.post("/admin/v1/users", json!({ "tenant": "acme", "username": "carl" })).await.id();
    scim.plane.post(&format!("/admin/v1/teams/{id}/members"), json!({ "user": carl })).await.good();
    let version = |answer: &Answer| answer.headers["etag"].to_str().unwrap().to_owned();
    let before = version(&scim.get(&path).await);
    let added =
        scim.patch(&path, json!([{ "op": "add", "path": "members", "value": [{ "value": bob }] }])).await;
    assert_eq!(added.body["members"].as_array().unwrap().len(), 2);
    assert_ne!(version(&added), before);
    let removed = scim
        .patch(&path, json!([{ "op": "Remove", "path": "members", "value": [{ "value": ada }] }]))
        .await
        .good();
    assert_eq!(removed["members"].as_array().unwrap().len(), 1);
    let emptied = scim.put(&path, json!({ "displayName": "Guides", "externalId": "g-1" })).await.good();
    assert!(emptied.get("members").is_none(), "{emptied}");
    let members = scim.plane.get(&format!("/admin/v1/teams/{id}/members")).await.good();
    assert_eq!(members["items"].as_array().unwrap().len(), 1);
    let renamed = scim.plane.get(&format!("/admin/v1/teams/{id}")).await.good();
    assert_eq!((&renamed["name"], &renamed["display_name"]), (&json!("Tour-Guides"), &json!("Guides")));

    scim.patch(&path, json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }])).await.good();
    for (filter, found) in [
        (format!("id eq \"{id}\" and members eq \"{ada}\""), 1),
        (format!("id eq \"{id}\" and members.value eq \"{bob}\""), 0),
        (format!("members[value eq \"{ada}\"]"), 1),
        ("displayName eq \"GUIDES\"".to_owned(), 1),
        ("externalId eq \"g-1\"".to_owned(), 1),
        ("externalId eq \"G-1\"".to_owned(), 0),
    ] {
        let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let list = scim.get(&format!("/Groups?filter={filter}&excludedAttributes=members")).await.good();
        assert_eq!(list["totalResults"], found, "{filter}");
        assert!(list["Resources"].as_array().unwrap().iter().all(|group| group.get("members").is_none()));
    }
    is(
        &scim.post("/Groups", json!({ "displayName": "guides" })).await,
        409,
        "resource_conflict",
        "uniqueness",
    );
    is(
        &scim
            .post("/Groups", json!({ "displayName": "N", "members": [{ "value": id, "type": "Group" }] }))
            .await,
        400,
        "parameter_invalid",
        "invalidValue",
    );
    let below = scim
        .plane
        .post("/admin/v1/teams", json!({ "tenant": "acme", "name": "below", "parent": id }))
        .await
        .id();
    is(&scim.delete(&path).await, 409, "resource_conflict", "uniqueness");
    scim.plane.call(As::Socket, Method::DELETE, &format!("/admin/v1/teams/{below}"), None).await;
    assert_eq!(scim.delete(&path).await.status, 204);
    is(&scim.get(&path).await, 404, "resource_not_found", "");
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged() {
    let scim = Scim::new().await;
    for (name, title) in [("carol", "B"), ("ada", "C"), ("Bob", "A")] {
        let body = json!({ "userName": name, "title": title, "emails": [{ "value": format!("{name}@example.com") }] });
        assert_eq!(scim.post("/Users", body).await.status, 201);
    }
    let names = async |query: &str| {
        let list = scim.get(&format!("/Users?{query}")).await.good();
        let names = list["Resources"].as_array().unwrap().iter();
        let names: Vec<_> = names.map(|user| user["userName"].as_str().unwrap().to_owned()).collect();
        (list["totalResults"].as_u64().unwrap(), names.join(" "))
    };
    for (query, total, found) in [
        ("", 3, "carol ada Bob"),
        ("startIndex=2&count=1", 3, "ada"),
        ("startIndex=0&count=-1", 3, ""),
        ("count=0", 3, ""),
        ("startIndex=9", 3, ""),
        ("sortBy=userName", 3, "ada Bob carol"),
        ("sortBy=title&sortOrder=descending&count=2", 3, "ada carol"),
        ("sortBy=emails.value&startIndex=3", 3, "carol"),
        ("filter=userName+eq+%22BOB%22", 1, "Bob"),
        ("filter=userName+sw+%22b%22+or+title+eq+%22c%22", 2, "ada Bob"),
        ("filter=emails%5Bvalue+co+%22ada%22%5D&sortBy=userName", 1, "ada"),
        ("filter=active+eq+true+and+not+(title+eq+%22b%22)&count=1", 2, "ada"),
        ("filter=id+eq+%22nobody%22", 0, ""),
        ("filter=groups+pr", 0, ""),
        ("filter=meta.lastModified+gt+%222000-01-01T00:00:00Z%22", 3, "carol ada Bob"),
        ("attributes=userName,title&filter=title+pr&aadOptscim062020", 3, "carol ada Bob"),
    ] {
        assert_eq!(names(query).await, (total, found.to_owned()), "{query}");
    }
    for (query, kind) in [
        ("filter=userName+like+%22x%22", "invalidFilter"),
        ("filter=nothing+pr", "invalidFilter"),
        ("filter=active+gt+true", "invalidFilter"),
        ("sortBy=nothing", "invalidPath"),
        ("count=x", "invalidValue"),
        ("attributes=a&excludedAttributes=b", "invalidValue"),
    ] {
        is(&scim.get(&format!("/Users?{query}")).await, 400, "parameter_invalid", kind);
    }
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "userName eq \"ada\"", "attributes": ["userName"] });
    let found = scim.post("/Users/.search", body).await.good();
    assert_eq!(found["Resources"][0]["userName"], "ada");
    assert!(found["Resources"][0].get("title").is_none() && found["Resources"][0].get("id").is_some());
    scim.post("/Groups", json!({ "displayName": "ada" })).await;
    // Only users have a `userName`; nobody has the other.
    let some = scim.post("/.search", json!({ "filter": "userName eq \"ada\"" })).await.good();
    assert_eq!(some["totalResults"], 1);
    let none = scim.post("/.search", json!({ "filter": "nothing pr" })).await;
    is(&none, 400, "parameter_invalid", "invalidFilter");
    let all = scim.post("/.search", json!({ "startIndex": 3, "count": 5 })).await.good();
    assert_eq!((all["totalResults"].as_u64(), all["Resources"].as_array().unwrap().len()), (Some(4), 2));
}

#[tokio::test]
async fn versions_are_minded() {
    let scim = Scim::new().await;
    let id = scim.user("ada").await;
    let path = format!("/Users/{id}");
    let first = scim.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
    assert!(first.starts_with("W/\""));
    let same = scim.send(&scim.key, Method::GET, &path, None, &[("if-none-match", &first)]).await;
    assert_eq!((same.status.as_u16(), &same.body), (304, &json!("")));
    let body = Some(json!({ "userName": "ada", "title": "T" }));
    let good = scim.send(&scim.key, Method::PUT, &path, body.clone(), &[("if-match", &first)]).await;
    assert_eq!(good.status, 200);
    assert_ne!(good.headers["etag"].to_str().unwrap(), first);
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let body =
            Some(json!({ "userName": "x", "Operations": [{ "op": "add", "path": "title", "value": "x" }] }));
        let stale = scim.send(&scim.key, method, &path, body, &[("if-match", &first)]).await;
        is(&stale, 412, "precondition_failed", "");
    }
    assert_eq!(scim.get(&path).await.good()["title"], "T");
    // What an operator changes is another version, too.
    let before = scim.get(&path).await.headers["etag"].clone();
    let change = json!({ "display_name": "Ada" });
    scim.plane.call(As::Socket, Method::PATCH, &format!("/admin/v1/users/{id}"), Some(&change)).await.good();
    let after = scim.get(&path).await;
    assert_ne!(after.headers["etag"], before);
    assert_eq!(after.body["displayName"], "Ada");
}

#[tokio::test]
async fn many_operations_refer_to_each_other() {
    let scim = Scim::new().await;
    let answer = scim
        .post(
            "/Bulk",
            json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
                { "method": "POST", "path": "/Groups", "bulkId": "g", "data": { "displayName": "Devs", "members": [{ "value": "bulkId:u" }] } },
                { "method": "POST", "path": "/Users", "bulkId": "u", "data": { "userName": "ada" } },
                { "method": "PATCH", "path": "/Users/bulkId:u", "data": { "Operations": [{ "op": "add", "path": "title", "value": "T" }] } },
                { "method": "POST", "path": "/Users", "bulkId": "bad", "data": {} },
                { "method": "DELETE", "path": "/Users/nobody" },
                { "method": "POST", "path": "/Groups", "bulkId": "h", "data": { "displayName": "H", "members": [{ "value": "bulkId:bad" }] } },
                { "method": "POST", "path": "/Users", "bulkId": "c1", "data": { "userName": "c1", ENTERPRISE: { "manager": "bulkId:c2" } } },
                { "method": "POST", "path": "/Users", "bulkId": "c2", "data": { "userName": "c2", ENTERPRISE: { "manager": "bulkId:c1" } } },
            ] }),
        )
        .await
        .good();
    let statuses: Vec<_> =
        answer["Operations"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["201", "201", "200", "400", "404", "400", "400", "400"], "{answer}");
    assert_eq!(answer["Operations"][3]["response"]["scimType"], "invalidValue");
    assert!(
        answer["Operations"][3]["response"]["detail"].as_str().unwrap().ends_with("(`parameter_invalid`)")
    );
    let location = answer["Operations"][0]["location"].as_str().unwrap();
    let group = scim.get(location.strip_prefix("http://control.test/scim/v2").unwrap()).await.good();
    assert_eq!(group["members"].as_array().unwrap().len(), 1);

    let stops = scim
        .post(
            "/Bulk",
            json!({ "failOnErrors": 1, "Operations": [
                { "method": "DELETE", "path": "/Users/nobody" },
                { "method": "POST", "path": "/Users", "bulkId": "u", "data": { "userName": "late" } },
            ] }),
        )
        .await
        .good();
    assert_eq!(stops["Operations"].as_array().unwrap().len(), 1);
    let late = scim.get("/Users?filter=userName+eq+%22late%22").await.good();
    assert_eq!(late["totalResults"], 0);
    for wrong in [
        json!({}),
        json!({ "Operations": [{ "method": "GET", "path": "/Users" }] }),
        json!({ "Operations": [{ "method": "POST", "path": "/Users", "data": {} }] }),
    ] {
        is(&scim.post("/Bulk", wrong).await, 400, "parameter_invalid", "invalidSyntax");
    }
    let many = vec![json!({ "method": "DELETE", "path": "/Users/x" }); 1_001];
    is(&scim.post("/Bulk", json!({ "Operations": many })).await, 413, "body_too_large", "");
}

#[tokio::test]
async fn it_says_what_it_serves() {
    let scim = Scim::new().await;
    assert_eq!(scim.get("/ServiceProviderConfig").await.good()["patch"]["supported"], true);
    let kinds = scim.get("/ResourceTypes").await.good();
    assert_eq!(kinds["totalResults"], 2);
    assert_eq!(scim.get("/ResourceTypes/User").await.good()["endpoint"], "/Users");
    assert_eq!(scim.get("/Schemas").await.good()["totalResults"], 3);
    let schema = scim.get(&format!("/Schemas/{ENTERPRISE}")).await.good();
    assert_eq!(schema["id"], ENTERPRISE);
    is(&scim.get("/Schemas/urn:nothing").await, 404, "resource_not_found", "");
    is(&scim.get("/Schemas?filter=id+pr").await, 403, "operator_forbidden", "invalidFilter");
    is(&scim.get("/Me").await, 501, "not_implemented", "");
    is(&scim.get("/Things").await, 404, "resource_not_found", "");
    is(&scim.delete("/Schemas").await, 405, "method_not_allowed", "");
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let scim = Scim::new().await;
    is(&scim.post("/Users", json!({})).await, 400, "parameter_invalid", "invalidValue");
    is(&scim.post("/Users", json!({ "userName": "" })).await, 400, "parameter_invalid", "invalidValue");
    is(&scim.post("/Users", json!([])).await, 400, "parameter_invalid", "invalidSyntax");
    is(&scim.post("/Users", json!({ "userName": "a\0" })).await, 400, "parameter_invalid", "invalidValue");
    is(
        &scim.post("/Users", json!({ "userName": "a", "externalId": "x".repeat(2_000) })).await,
        400,
        "parameter_invalid",
        "invalidValue",
    );
    is(
        &scim.post("/Users", json!({ "userName": "a", "roles": [{ "value": "a\r\nX-Admin: 1" }] })).await,
        400,
        "parameter_invalid",
        "invalidValue",
    );
    is(&scim.post("/Users", json!({ "userName": "x".repeat(1_100_000) })).await, 413, "body_too_large", "");
    let id = scim.user("ada").await;
    let path = format!("/Users/{id}");
    is(
        &scim.patch(&path, json!([{ "op": "replace", "path": "id", "value": "x" }])).await,
        400,
        "parameter_invalid",
        "mutability",
    );
    is(
        &scim.patch(&path, json!([{ "op": "replace", "path": "nothing", "value": "x" }])).await,
        400,
        "parameter_invalid",
        "invalidPath",
    );
    is(&scim.patch(&path, json!([{ "op": "remove" }])).await, 400, "parameter_invalid", "noTarget");
    is(
        &scim.patch("/Users/none", json!([{ "op": "add", "path": "title", "value": "x" }])).await,
        404,
        "resource_not_found",
        "",
    );
    // A change that fails at its second step has not made its first.
    let both =
        json!([{ "op": "add", "path": "title", "value": "T" }, { "op": "remove", "path": "userName" }]);
    is(&scim.patch(&path, both).await, 400, "parameter_invalid", "invalidValue");
    assert!(scim.get(&path).await.good().get("title").is_none());
}

#[tokio::test]
async fn changes_at_once_are_all_made() {
    let scim = Scim::new().await;
    let id = scim.user("ada").await;
    let path = format!("/Users/{id}");
    let attributes = ["title", "nickName", "userType", "locale"];
    let changes = attributes.map(|name| {
        let (scim, path) = (&scim, &path);
        async move { scim.patch(path, json!([{ "op": "add", "path": name, "value": "x" }])).await }
    });
    for answer in futures_util::future::join_all(changes).await {
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
    let after = scim.get(&path).await.good();
    for name in attributes {
        assert_eq!(after[name], "x", "{name}: {after}");
    }
}

/// Each waits for the next, and the last one stands last: looked at again and again, and made all the same.
#[tokio::test]
async fn a_long_chain_of_references_is_made() {
    let scim = Scim::new().await;
    let user = |n: usize| {
        let name = format!("u{n}");
        let manager = format!("bulkId:u{}", n + 1);
        let data = match n {
            119 => json!({ "userName": name }),
            _ => json!({ "userName": name, ENTERPRISE: { "manager": manager } }),
        };
        json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": data })
    };
    let operations: Vec<Value> = (0..120).map(user).collect();
    let answer = scim.post("/Bulk", json!({ "Operations": operations })).await;
    let said = answer.body["Operations"].as_array().unwrap();
    assert!(said.len() == 120 && said.iter().all(|one| one["status"] == "201"), "{:?}", said[0]);
    let number = json!({ "Operations": [{ "method": "DELETE", "path": "/Users/x", "version": 5 }] });
    assert_eq!(scim.post("/Bulk", number).await.status, 400, "a version that is none is not passed over");
}
