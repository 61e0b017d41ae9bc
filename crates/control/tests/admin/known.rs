//! Names of issuers, services and models that nothing has are refused, with what was meant, and the same wherever they are
//! written down; whoever is ahead of the configuration says so.

use crate::harness::{As, Plane};
use http::Method;
use portcullis_model::audit::OperatorRole;
use serde_json::{Value, json};

/// What `acme` may not name, where, and what is said.
async fn slips(plane: &Plane) -> Vec<(Method, String, Value, &'static str)> {
    plane.tenant("acme").await;
    plane.tenant("globex").await;
    let user = plane.post("/admin/v1/users", json!({ "tenant": "acme", "username": "ada" })).await.id();
    let app = plane.post("/admin/v1/applications", json!({ "tenant": "acme", "name": "bot" })).await.id();
    let key = |limits: Value| json!({ "application": app, "name": "ci", "limits": limits });
    let revoked = |what: Value| json!({ "what": what });
    let identities = |issuer: &str| json!([{ "issuer": issuer, "subject": "s" }]);
    let post = |path: &str, body: Value, said| (Method::POST, path.to_owned(), body, said);
    vec![
        post(
            "/admin/v1/users",
            json!({ "tenant": "acme", "username": "eve", "identities": identities("crop") }),
            "`identities`: there is no issuer `crop` of tenant `acme`; did you mean `corp`?",
        ),
        post(
            &format!("/admin/v1/users/{user}/identities"),
            json!({ "issuer": "source:hq", "subject": "s" }),
            "`issuer`: there is no issuer `source:hq` of tenant `acme`; did you mean `source:hr`?",
        ),
        // There is one, whose tokens are another tenant's.
        post(
            &format!("/admin/v1/users/{user}/identities"),
            json!({ "issuer": "partner", "subject": "s" }),
            "there is no issuer `partner` of tenant `acme`; there are `corp`, `local`, `source:hr`",
        ),
        post(
            "/admin/v1/applications",
            json!({ "tenant": "acme", "name": "other", "clients": [{ "issuer": "Corp", "client": "c" }] }),
            "`clients`: there is no issuer `Corp` of tenant `acme`; did you mean `corp`?",
        ),
        post(
            &format!("/admin/v1/applications/{app}/clients"),
            json!({ "issuer": "locale", "client": "c" }),
            "did you mean `local`?",
        ),
        post(
            "/admin/v1/api-keys",
            key(json!({ "services": ["orders", "order"] })),
            "`limits.services`: there is no service `order` of tenant `acme`; did you mean `orders`?",
        ),
        post("/admin/v1/api-keys", key(json!({ "services": ["ledger"] })), "there are `orders`, `ai`"),
        post(
            "/admin/v1/api-keys",
            key(json!({ "models": ["large"] })),
            // It is not granted, and so not the tenant's.
            "`limits.models`: there is no model `large` of tenant `acme`; there are `m`",
        ),
        post(
            "/admin/v1/tenants",
            json!({ "name": "new", "models": ["m", "org/lagre"] }),
            "`models`: there is no model `org/lagre`; did you mean `org/large`?",
        ),
        (
            Method::PATCH,
            "/admin/v1/tenants/acme".to_owned(),
            json!({ "models": ["n"] }),
            "there is no model `n`; did you mean `m`?",
        ),
        post(
            "/admin/v1/revocations",
            revoked(json!({ "kind": "subject", "issuer": "crop", "subject": "s" })),
            "`what.issuer`: there is no issuer `crop`; did you mean `corp`?",
        ),
        post("/admin/v1/revocations", revoked(json!({ "kind": "issuer", "issuer": "crop" })), "`corp`?"),
        post(
            "/admin/v1/revocations",
            revoked(json!({ "kind": "token", "issuer": "crop", "jti": "j" })),
            "`corp`?",
        ),
        post(
            "/admin/v1/revocations",
            revoked(json!({ "kind": "key", "issuer": "crop", "kid": "k" })),
            "`corp`?",
        ),
    ]
}

#[tokio::test]
async fn what_nothing_is_called_is_refused_with_what_was_meant() {
    let plane = Plane::new().await;
    for (method, path, body, said) in slips(&plane).await {
        let before = plane.get("/admin/v1/audit").await.good();
        let refused = plane.call(As::Socket, method.clone(), &path, Some(&body)).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "parameter_invalid"), "{path} {body}");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(said) && detail.contains("`allow_unknown`"), "{path} {body}: {detail}");
        assert_eq!(plane.get("/admin/v1/audit").await.good(), before, "nothing was written: {path} {body}");
        // Ahead of the configuration, and on purpose.
        let ahead = plane.call(As::Socket, method, &format!("{path}?allow_unknown=true"), Some(&body)).await;
        assert_eq!(ahead.status, 200, "{path} {body}: {:?}", ahead.body);
        let word =
            plane.call(As::Socket, Method::POST, &format!("{path}?allow_unknwon=true"), Some(&body)).await;
        assert_ne!(word.status, 200, "{path}");
    }
}

#[tokio::test]
async fn what_is_there_is_taken() {
    let plane = Plane::new().await;
    let tenant = json!({ "name": "acme", "models": ["*", "org/large"] });
    plane.post("/admin/v1/tenants", tenant).await.good();
    let identities: Vec<Value> = ["corp", "local", "source:hr"]
        .iter()
        .map(|issuer| json!({ "issuer": issuer, "subject": "s" }))
        .collect();
    let user = json!({ "tenant": "acme", "username": "ada", "identities": identities });
    plane.post("/admin/v1/users", user).await.good();
    let app = plane.post("/admin/v1/applications", json!({ "tenant": "acme", "name": "bot" })).await.id();
    let limits = json!({ "services": ["orders", "ai"], "models": ["m", "org/large"] });
    plane
        .post("/admin/v1/api-keys", json!({ "application": app, "name": "ci", "limits": limits }))
        .await
        .good();
    let what = json!({ "what": { "kind": "issuer", "issuer": "local" } });
    plane.post("/admin/v1/revocations", what).await.good();
}

#[tokio::test]
async fn an_import_says_it_of_its_rows() {
    let plane = Plane::new().await;
    plane.tenant("acme").await;
    let import = async |query: &str| {
        let body = json!({ "tenant": "acme", "format": "csv", "content": "username,identity.crop\nada,s-1\nbob,\n" });
        plane.post(&format!("/admin/v1/users/import{query}"), body).await.good()
    };
    let wrong = import("").await;
    assert_eq!(
        (&wrong["wrong"], &wrong["written"], &wrong["errors"][0]["line"]),
        (&json!(1), &json!(0), &json!(2))
    );
    let reason = wrong["errors"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("`crop`") && reason.ends_with("did you mean `corp`?"), "{reason}");
    let ahead = import("?allow_unknown=true").await;
    assert_eq!((&ahead["wrong"], &ahead["written"]), (&json!(0), &json!(2)));
    // What is linked stays: the same file again is no mistake.
    assert_eq!(import("").await["unchanged"], 2);
}

#[tokio::test]
async fn nothing_of_another_tenant_is_named() {
    let plane = Plane::new().await;
    let acme = plane.tenant("acme").await;
    plane.tenant("globex").await;
    let administrator = plane.operator("administrator", OperatorRole::TenantAdministrator, Some(acme)).await;
    let app = plane.post("/admin/v1/applications", json!({ "tenant": "acme", "name": "bot" })).await.id();
    for limits in [json!({ "services": ["ledgre"] }), json!({ "models": ["org/lagre"] })] {
        let key = json!({ "application": app, "name": "ci", "limits": limits });
        let refused =
            plane.call(As::Bearer(&administrator), Method::POST, "/admin/v1/api-keys", Some(&key)).await;
        let said = refused.body.to_string();
        assert_eq!(refused.code(), "parameter_invalid");
        assert!(
            !said.contains("ledger") && !said.contains("org/large") && !said.contains("globex"),
            "{said}"
        );
    }
    // An issuer that is not its own is not there, whatever it is called.
    for issuer in ["partner", "partnre"] {
        let what = json!({ "what": { "kind": "issuer", "issuer": issuer } });
        for query in ["", "?allow_unknown=true"] {
            let path = format!("/admin/v1/revocations{query}");
            let refused = plane.call(As::Bearer(&administrator), Method::POST, &path, Some(&what)).await;
            assert_eq!(refused.code(), "resource_not_found", "{issuer} {query}");
        }
    }
}
