//! Every route of the admin API, called by nobody, by the wrong role, and for another tenant. A route that is described
//! and not in this table fails the test, and so does a row without a route.

use crate::harness::{As, Plane};
use crate::webhooks::Receiver;
use http::Method;
use portcullis_model::audit::OperatorRole;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Whose a route is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// One tenant's: another's administrator is told that there is no such thing.
    Tenant,
    /// Nobody's: tenant administrators may not.
    Whole,
    /// A list, which shows a tenant administrator what is its own.
    List,
    /// Everybody's who has a credential: nothing is changed, whatever the method.
    Anybody,
}

struct Row {
    method: Method,
    path: &'static str,
    body: Option<Value>,
    of: Of,
}

fn row(method: Method, path: &'static str, of: Of) -> Row {
    Row { method, path, body: None, of }
}

fn with(mut row: Row, body: Value) -> Row {
    row.body = Some(body);
    row
}

/// What is there in the other tenant, by the name that paths give it.
struct There {
    names: Vec<(&'static str, String)>,
}

impl There {
    fn id(&self, name: &str) -> &str {
        &self
            .names
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("no `{name}` was made"))
            .1
    }

    fn fill(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
    }
}

async fn make(plane: &Plane) -> There {
    let tenant = plane.tenant("theirs").await.to_string();
    let user = plane.post("/admin/v1/users", json!({ "tenant": tenant, "username": "eve" })).await.id();
    let team = plane.post("/admin/v1/teams", json!({ "tenant": tenant, "name": "devs" })).await.id();
    plane.post(&format!("/admin/v1/teams/{team}/members"), json!({ "user": user })).await.good();
    let application =
        plane.post("/admin/v1/applications", json!({ "tenant": tenant, "name": "bot" })).await.id();
    let key =
        plane.post("/admin/v1/api-keys", json!({ "application": application, "name": "ci" })).await.id();
    let operator =
        plane.post("/admin/v1/operators", json!({ "name": "someone", "role": "auditor" })).await.id();
    let what = json!({ "what": { "kind": "key", "issuer": "corp", "kid": "k1" } });
    let revocation = plane.post("/admin/v1/revocations", what).await.id();
    let record = record(plane, tenant.parse().unwrap()).await;
    let receiver: Arc<dyn portcullis_control::sinks::Sink> = Arc::new(Receiver::named("vendor"));
    plane.sinks.install(vec![receiver]);
    let names = vec![
        ("tenant", tenant),
        ("user", user),
        ("team", team),
        ("application", application),
        ("api_key", key),
        ("operator", operator),
        ("revocation", revocation),
        ("record", record),
        ("source", source(plane).await),
        ("name", "vendor".to_owned()),
        ("code", "token_expired".to_owned()),
    ];
    There { names }
}

/// A source of the other tenant's people.
async fn source(plane: &Plane) -> String {
    let mut config = crate::harness::has();
    // Of tenants that are not there.
    (config.issuers, config.services) = (Vec::new(), Vec::new());
    config.sources[0].tenant = "theirs".parse().unwrap();
    plane.publisher.publish(Arc::new(config), Vec::new()).await.unwrap();
    "hr".to_owned()
}

async fn record(plane: &Plane, tenant: portcullis_model::TenantId) -> String {
    let id = portcullis_model::RequestId::new(portcullis_model::Clock::now(&*plane.clock), [3; 10]);
    let record: portcullis_model::Record = serde_json::from_value(json!({
        "id": id, "at": portcullis_model::Clock::now(&*plane.clock), "outcome": "completed", "status": 200, "tenant": tenant,
        "method": "GET", "path": "/x", "source": "192.0.2.1", "bytes_in": 0, "bytes_out": 0, "attempts": 1,
        "timing": { "identified": 1, "dispatched": 2, "first_byte": 3, "total": 4 },
    }))
    .unwrap();
    portcullis_store::entity::records::insert_batch(&plane.store, &[record]).await.unwrap();
    id.to_string()
}

fn table(there: &There) -> Vec<Row> {
    use Of::{Anybody, List, Tenant, Whole};
    let (get, post, patch, put, delete) =
        (Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE);
    let tenant = there.id("tenant");
    let keys = json!([{ "secret": "0123456789abcdef0123456789abcdef" }]);
    vec![
        row(get.clone(), "/admin/v1/tenants", List),
        with(row(post.clone(), "/admin/v1/tenants", Whole), json!({ "name": "new" })),
        row(get.clone(), "/admin/v1/tenants/{tenant}", Tenant),
        with(row(patch.clone(), "/admin/v1/tenants/{tenant}", Tenant), json!({ "models": [] })),
        row(post.clone(), "/admin/v1/tenants/{tenant}/disable", Tenant),
        row(post.clone(), "/admin/v1/tenants/{tenant}/enable", Tenant),
        row(get.clone(), "/admin/v1/users", List),
        with(row(post.clone(), "/admin/v1/users", Tenant), json!({ "tenant": tenant, "username": "new" })),
        row(get.clone(), "/admin/v1/users/near?text=eve", List),
        with(
            row(post.clone(), "/admin/v1/users/import", Tenant),
            json!({ "tenant": tenant, "format": "csv", "content": "username\neve", "dry_run": true }),
        ),
        row(get.clone(), "/admin/v1/users/{user}/history", Tenant),
        row(get.clone(), "/admin/v1/users/{user}", Tenant),
        with(row(patch.clone(), "/admin/v1/users/{user}", Tenant), json!({ "display_name": "Eve" })),
        with(row(post.clone(), "/admin/v1/users/{user}/suspend", Tenant), json!({})),
        with(row(post.clone(), "/admin/v1/users/{user}/restore", Tenant), json!({})),
        with(row(post.clone(), "/admin/v1/users/{user}/approve", Tenant), json!({})),
        with(row(post.clone(), "/admin/v1/users/{user}/merge", Tenant), json!({ "into": there.id("user") })),
        with(
            row(post.clone(), "/admin/v1/users/{user}/identities", Tenant),
            json!({ "issuer": "corp", "subject": "s" }),
        ),
        row(delete.clone(), "/admin/v1/users/{user}/identities?issuer=corp&subject=s", Tenant),
        row(delete.clone(), "/admin/v1/users/{user}", Tenant),
        row(get.clone(), "/admin/v1/teams", List),
        with(row(post.clone(), "/admin/v1/teams", Tenant), json!({ "tenant": tenant, "name": "new" })),
        row(get.clone(), "/admin/v1/teams/{team}", Tenant),
        with(row(patch.clone(), "/admin/v1/teams/{team}", Tenant), json!({ "display_name": "Devs" })),
        row(get.clone(), "/admin/v1/teams/{team}/members", Tenant),
        with(
            row(post.clone(), "/admin/v1/teams/{team}/members", Tenant),
            json!({ "user": there.id("user") }),
        ),
        row(delete.clone(), "/admin/v1/teams/{team}/members/{user}", Tenant),
        row(delete.clone(), "/admin/v1/teams/{team}", Tenant),
        with(row(post.clone(), "/admin/v1/doctor", Anybody), json!({ "token": "a.b.c" })),
        row(get.clone(), "/admin/v1/doctor/instance", Whole),
        with(row(post.clone(), "/admin/v1/routes/explain", Anybody), json!({ "model": "m" })),
        row(get.clone(), "/admin/v1/applications", List),
        with(row(post.clone(), "/admin/v1/applications", Tenant), json!({ "tenant": tenant, "name": "new" })),
        row(get.clone(), "/admin/v1/applications/{application}", Tenant),
        with(row(patch, "/admin/v1/applications/{application}", Tenant), json!({ "roles": [] })),
        row(post.clone(), "/admin/v1/applications/{application}/disable", Tenant),
        row(post.clone(), "/admin/v1/applications/{application}/enable", Tenant),
        with(
            row(post.clone(), "/admin/v1/applications/{application}/clients", Tenant),
            json!({ "issuer": "corp", "client": "c" }),
        ),
        row(delete.clone(), "/admin/v1/applications/{application}/clients?issuer=corp&client=c", Tenant),
        row(get.clone(), "/admin/v1/api-keys", List),
        with(
            row(post.clone(), "/admin/v1/api-keys", Tenant),
            json!({ "application": there.id("application"), "name": "new" }),
        ),
        row(get.clone(), "/admin/v1/api-keys/{api_key}", Tenant),
        with(row(post.clone(), "/admin/v1/api-keys/{api_key}/rotate", Tenant), json!({ "overlap": "1h" })),
        row(post.clone(), "/admin/v1/api-keys/{api_key}/revoke", Tenant),
        with(row(post.clone(), "/admin/v1/tokens", Tenant), json!({ "tenant": tenant, "subject": "x" })),
        row(get.clone(), "/admin/v1/revocations", List),
        with(
            row(post.clone(), "/admin/v1/revocations", Tenant),
            json!({ "what": { "kind": "issuer", "issuer": "corp" } }),
        ),
        row(delete.clone(), "/admin/v1/revocations/{revocation}", Tenant),
        row(get.clone(), "/admin/v1/issuers", Whole),
        row(get.clone(), "/admin/v1/sources", List),
        row(get.clone(), "/admin/v1/sources/{source}", Tenant),
        with(row(post.clone(), "/admin/v1/sources/{source}/sync", Tenant), json!({ "full": true })),
        row(post.clone(), "/admin/v1/sources/{source}/approve", Tenant),
        row(post.clone(), "/admin/v1/sources/{source}/test", Tenant),
        row(get.clone(), "/admin/v1/records", List),
        row(get.clone(), "/admin/v1/records/{record}", Tenant),
        row(get.clone(), "/admin/v1/errors/{code}/figures", List),
        row(get.clone(), "/admin/v1/audit", List),
        row(get.clone(), "/admin/v1/operators", Whole),
        with(row(post.clone(), "/admin/v1/operators", Whole), json!({ "name": "new", "role": "operator" })),
        row(post.clone(), "/admin/v1/operators/{operator}/revoke", Whole),
        row(get.clone(), "/admin/v1/secrets", Whole),
        with(row(put, "/admin/v1/secrets/{name}", Whole), json!({ "value": "x" })),
        row(delete, "/admin/v1/secrets/{name}", Whole),
        row(get.clone(), "/admin/v1/configuration", Whole),
        row(get.clone(), "/admin/v1/webhooks", Whole),
        row(get, "/admin/v1/webhooks/{name}", Whole),
        row(post.clone(), "/admin/v1/webhooks/{name}/test", Whole),
        with(row(post.clone(), "/admin/v1/webhooks/{name}/retry", Whole), json!({})),
        row(post.clone(), "/admin/v1/webhooks/{name}/pause", Whole),
        row(post.clone(), "/admin/v1/webhooks/{name}/resume", Whole),
        with(row(post.clone(), "/admin/v1/backups", Whole), json!({ "to": "/nowhere/x" })),
        with(row(post.clone(), "/workbench/v1/decode", Anybody), json!({ "token": "x" })),
        with(row(post.clone(), "/workbench/v1/verify", Anybody), json!({ "token": "x" })),
        with(row(post.clone(), "/workbench/v1/explain", Anybody), json!({ "token": "x" })),
        with(
            row(post.clone(), "/workbench/v1/sign", Anybody),
            json!({ "claims": {}, "algorithm": "HS256", "keys": keys }),
        ),
        with(
            row(post.clone(), "/workbench/v1/encrypt", Anybody),
            json!({ "content": { "text": "x" }, "algorithm": "dir", "keys": keys }),
        ),
        with(row(post.clone(), "/workbench/v1/decrypt", Anybody), json!({ "token": "x", "keys": keys })),
        with(row(post.clone(), "/workbench/v1/keys/generate", Anybody), json!({ "algorithm": "ES256" })),
        with(row(post.clone(), "/workbench/v1/keys/convert", Anybody), json!({ "keys": keys, "to": "jwk" })),
        with(row(post.clone(), "/workbench/v1/keys/thumbprint", Anybody), json!({ "keys": keys })),
        with(row(post.clone(), "/workbench/v1/keys/audit", Anybody), json!({ "keys": keys })),
        with(row(post.clone(), "/workbench/v1/jwks/audit", Anybody), json!({ "jwks": { "keys": [] } })),
        with(
            row(post.clone(), "/workbench/v1/jwks/diff", Anybody),
            json!({ "before": { "keys": [] }, "after": { "keys": [] } }),
        ),
        // No public host: refused for what it asks, not for who asks.
        with(row(post, "/workbench/v1/jwks/fetch", Anybody), json!({ "jwks_url": "https://127.0.0.1/" })),
    ]
}

fn bare(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}

#[tokio::test]
async fn every_route_is_in_the_table() {
    let plane = Plane::new().await;
    let there = make(&plane).await;
    let document = serde_json::to_value(portcullis_control::openapi::document()).unwrap();
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let covered =
        table(&there).iter().map(|row| (row.method.to_string(), bare(row.path).to_owned())).collect();
    assert_eq!(described, covered);
}

#[tokio::test]
async fn nobody_may_anything() {
    let plane = Plane::new().await;
    let there = make(&plane).await;
    for row in table(&there) {
        let answer =
            plane.call(As::Nobody, row.method.clone(), &there.fill(row.path), row.body.as_ref()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (401, "operator_credential_invalid"),
            "{} {}",
            row.method,
            row.path
        );
        assert!(answer.headers.contains_key("www-authenticate"), "{} {}", row.method, row.path);
    }
}

#[tokio::test]
async fn an_auditor_changes_nothing() {
    let plane = Plane::new().await;
    let there = make(&plane).await;
    let auditor = plane.operator("auditor", OperatorRole::Auditor, None).await;
    for row in table(&there) {
        let answer = plane
            .call(As::Bearer(&auditor), row.method.clone(), &there.fill(row.path), row.body.as_ref())
            .await;
        if row.of == Of::Anybody {
            assert_served(&row, answer);
        } else if row.method == Method::GET {
            assert_eq!(answer.status, 200, "{} {}: {:?}", row.method, row.path, answer.body);
        } else {
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (403, "operator_forbidden"),
                "{} {}",
                row.method,
                row.path
            );
        }
    }
}

#[tokio::test]
async fn what_is_anothers_does_not_exist() {
    let plane = Plane::new().await;
    let there = make(&plane).await;
    let own = plane.tenant("own").await;
    let administrator = plane.operator("administrator", OperatorRole::TenantAdministrator, Some(own)).await;
    for row in table(&there) {
        let answer = plane
            .call(As::Bearer(&administrator), row.method.clone(), &there.fill(row.path), row.body.as_ref())
            .await;
        let seen = (answer.status.as_u16(), answer.code());
        match row.of {
            Of::Tenant => assert_eq!(seen, (404, "resource_not_found"), "{} {}", row.method, row.path),
            Of::Anybody => assert_served(&row, answer),
            Of::Whole => assert_eq!(seen, (403, "operator_forbidden"), "{} {}", row.method, row.path),
            Of::List => {
                let body = answer.good();
                // Figures are sums, and of a tenant that made no calls there are none.
                let figures = row.path.ends_with("/figures").then(Vec::new);
                let items = figures.as_ref().unwrap_or_else(|| body["items"].as_array().unwrap());
                assert!(
                    items.iter().all(|item| item["tenant"] == json!(own) || item["id"] == json!(own)),
                    "{}: {body}",
                    row.path
                );
                let asked = plane
                    .call(
                        As::Bearer(&administrator),
                        Method::GET,
                        &format!(
                            "{}{}tenant={}",
                            row.path,
                            if row.path.contains('?') { "&" } else { "?" },
                            there.id("tenant")
                        ),
                        None,
                    )
                    .await;
                // Tenants are not listed by tenant.
                let expected = if row.path == "/admin/v1/tenants" {
                    (400, "parameter_invalid")
                } else {
                    (404, "resource_not_found")
                };
                assert_eq!((asked.status.as_u16(), asked.code()), expected, "{}", row.path);
            }
        }
        // The same answer as for what is nowhere.
        if row.of == Of::Tenant && row.path.contains('{') {
            let nowhere = there.names.iter().fold(row.path.to_owned(), |path, (name, _)| {
                path.replace(&format!("{{{name}}}"), "0199f0c2-7f00-7000-8000-00000000dead")
            });
            let absent =
                plane.call(As::Bearer(&administrator), row.method.clone(), &nowhere, row.body.as_ref()).await;
            assert_eq!(
                (absent.status, &absent.body["detail"]),
                (answer_status(404), &answer_detail(&plane, &administrator, &row, &there).await),
                "{} {}",
                row.method,
                row.path
            );
        }
    }
}

/// Answered, but for what asks for something that is refused to everybody.
fn assert_served(row: &Row, answer: crate::harness::Answer) {
    let expected = if row.path.ends_with("/fetch") { 400 } else { 200 };
    assert_eq!(answer.status, expected, "{} {}: {:?}", row.method, row.path, answer.body);
}

fn answer_status(status: u16) -> http::StatusCode {
    http::StatusCode::from_u16(status).unwrap()
}

async fn answer_detail(plane: &Plane, credential: &str, row: &Row, there: &There) -> Value {
    plane
        .call(As::Bearer(credential), row.method.clone(), &there.fill(row.path), row.body.as_ref())
        .await
        .body["detail"]
        .clone()
}

#[tokio::test]
async fn an_operator_is_not_refused_anything() {
    let plane = Plane::new().await;
    let there = make(&plane).await;
    let operator = plane.operator("root", OperatorRole::Operator, None).await;
    for row in table(&there) {
        let answer = plane
            .call(As::Bearer(&operator), row.method.clone(), &there.fill(row.path), row.body.as_ref())
            .await;
        // Backups are for callers on the machine; what else fails does so for its own reasons, in the order of the table.
        if row.path == "/admin/v1/backups" {
            assert_eq!(answer.code(), "operator_forbidden");
        } else {
            assert!(
                ![401, 403].contains(&answer.status.as_u16()),
                "{} {}: {:?}",
                row.method,
                row.path,
                answer.body
            );
        }
    }
}
