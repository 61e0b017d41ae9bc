//! The doctor for a tenant's administrator: all of its own tenant, and nothing of another.

use super::world::{World, claims, sign, with};
use crate::http::{Answer, call, get};
use http::Method;
use serde_json::{Value, json};

const CONFIG: &str = r#"
[[issuers]]
name = "theirs"
issuer = "https://login.elsewhere.example"
audiences = ["gateway"]
tenant = "other"
jwks_file = "partner.json"

[[issuers]]
name = "multi"
issuer = "https://multi.example"
audiences = ["gateway"]
tenant = { claim = "tid", map = { t-1 = "acme", t-2 = "other" } }
jwks_file = "corp.json"

[[services]]
name = "ours"
tenant = "acme"
path = "/ours"
upstream = "http://127.0.0.1:9"

[[services]]
name = "secretive"
tenant = "other"
path = "/secretive"
upstream = "http://127.0.0.1:9"
"#;

/// Somebody who administers a tenant.
pub struct Administrator<'w> {
    world: &'w World,
    authorization: String,
}

impl<'w> Administrator<'w> {
    pub async fn of(world: &'w World, tenant: &str, role: &str) -> Self {
        let root = Self { world, authorization: format!("Bearer {}", world.server.credential()) };
        let mut wanted = json!({ "name": format!("{tenant}-{role}"), "role": role });
        if role == "tenant_administrator" {
            wanted["tenant"] = json!(tenant);
        }
        let made = root.post("/admin/v1/operators", wanted).await.json();
        Self { world, authorization: format!("Bearer {}", made["secret"].as_str().unwrap()) }
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        let headers = [("authorization", self.authorization.as_str()), ("content-type", "application/json")];
        call(self.world.server.control, Method::POST, path, &headers, body.to_string()).await.unwrap()
    }

    pub async fn ask(&self, question: Value) -> Value {
        let answer = self.post("/admin/v1/doctor", question).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }
}

fn first(diagnosis: &Value) -> &str {
    diagnosis["findings"][0]["code"].as_str().unwrap_or("none")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_another_tenant_is_shown() {
    let world = World::new(CONFIG);
    world.user(&["--username", "ada", "--identity", "corp=ada", "--identity", "multi=ada"]);
    let eve = world.user(&[
        "--tenant",
        "other",
        "--username",
        "eve",
        "--external-id",
        "elsewhere-77",
        "--identity",
        "theirs=eve",
        "--identity",
        "multi=eve",
    ]);
    let eve = eve["id"].as_str().unwrap();
    let own = Administrator::of(&world, "acme", "tenant_administrator").await;
    let theirs = Administrator::of(&world, "other", "tenant_administrator").await;
    let auditor = Administrator::of(&world, "any", "auditor").await;
    let corp = |sub: &str| sign(&claims("corp", sub), &world.corp);
    let multi = |sub: &str, tid: &str| sign(&with(claims("multi", sub), "tid", json!(tid)), &world.corp);
    let elsewhere = |sub: &str| {
        sign(&with(claims("theirs", sub), "iss", json!("https://login.elsewhere.example")), &world.partner)
    };

    // One's own is examined in full.
    let told = own.ask(json!({ "token": corp("ada"), "service": "ours" })).await;
    assert_eq!(told["accepted"], true, "{told:#}");
    assert_eq!(first(&own.ask(json!({ "token": corp("Ada") })).await), "subject_differs_in_case");
    assert_eq!(own.ask(json!({ "token": multi("ada", "t-1") })).await["accepted"], true);

    // A tenant that is nobody's here.
    let told = world.ask(json!({ "token": multi("ada", "t-9") })).await;
    assert_eq!(first(&told), "tenant_unknown", "{told:#}");
    assert!(told["findings"][0]["evidence"].to_string().contains("t-1"), "{told:#}");
    // A near miss in another tenant is an operator's to see, and an auditor's.
    let near = json!({ "token": corp("elsewhere-77") });
    assert_eq!(first(&world.ask(near.clone()).await), "subject_in_other_tenant");
    assert_eq!(first(&auditor.ask(near.clone()).await), "subject_in_other_tenant");
    let told = own.ask(near).await;
    assert_eq!(first(&told), "user_never_created", "{told:#}");
    assert!(!told.to_string().contains(eve) && !told.to_string().contains("tenant `other`"), "{told:#}");

    // Another tenant's good credentials are nobody's, like those of an issuer and a key that are nowhere.
    let unknown = own.ask(json!({ "token": sign(&with(claims("corp", "eve"), "iss", json!("https://no.where.example")), &world.partner) })).await;
    for (token, code) in [
        (elsewhere("eve"), "issuer_unknown"),
        (elsewhere("nobody"), "issuer_unknown"),
        (multi("eve", "t-2"), "tenant_unknown"),
        (multi("ada", "t-2"), "tenant_unknown"),
    ] {
        let told = own.ask(json!({ "token": token })).await;
        assert_eq!((&told["code"], &told["accepted"]), (&json!(code), &json!(false)), "{told:#}");
        let text = told.to_string();
        for secret in ["`theirs`", "t-2\"", eve, "elsewhere-77", "`other`", "secretive"] {
            assert!(!text.contains(secret), "{secret}: {told:#}");
        }
    }
    let told = own.ask(json!({ "token": elsewhere("eve") })).await;
    assert_eq!(first(&told), first(&unknown), "{told:#} {unknown:#}");
    assert_eq!(told["path"][0], unknown["path"][0]);
    world.server.cli(&["app", "create", "robot", "--tenant", "other"]);
    world.server.cli(&["app", "create", "nightly", "--tenant", "acme"]);
    let key =
        |app: &str| world.server.cli(&["key", "create", "--app", app])["secret"].as_str().unwrap().to_owned();
    let told = own.ask(json!({ "token": key("robot") })).await;
    assert_eq!(told["code"], "api_key_unknown", "{told:#}");
    assert!(!told.to_string().contains("robot"), "{told:#}");
    assert_eq!(own.ask(json!({ "token": key("nightly") })).await["accepted"], true);
    assert_eq!(
        theirs.ask(json!({ "token": elsewhere("eve"), "service": "secretive" })).await["accepted"],
        true
    );
    // Beside a bad token a good one of another tenant's says no more.
    let told = own.ask(json!({ "token": corp("nobody-of-that-name"), "good": elsewhere("eve") })).await;
    assert!(!told.to_string().contains(eve) && !told.to_string().contains("`theirs`"), "{told:#}");

    // Neither another's service nor another's call is there.
    let absent = async |question: Value| {
        let answer = own.post("/admin/v1/doctor", question).await;
        (answer.status.as_u16(), answer.code(), answer.json()["detail"].clone())
    };
    let (status, code, detail) = absent(json!({ "token": corp("ada"), "service": "secretive" })).await;
    let (_, _, nowhere) = absent(json!({ "token": corp("ada"), "service": "no-such-thing" })).await;
    assert_eq!((status, code.as_str()), (400, "parameter_invalid"));
    assert_eq!(detail.as_str().unwrap().replace("secretive", "no-such-thing"), nowhere.as_str().unwrap());
    let call = world.recorded("/secretive", &elsewhere("eve")).await;
    let nothing = absent(json!({ "request": "0199f0c2-7f00-7000-8000-00000000dead" })).await;
    assert_eq!(nothing.0, 404);
    assert_eq!(absent(json!({ "request": call })).await, nothing);
    let call = world.recorded("/ours", &corp("ada")).await;
    assert_eq!(own.ask(json!({ "request": call })).await["code"], "upstream_unreachable");
    // What the process sees of its surroundings is no tenant's.
    let bearer = own.authorization.trim_start_matches("Bearer ");
    assert_eq!(get(world.server.control, "/admin/v1/doctor/instance", Some(bearer)).await.status, 403);
    world.server.stop();
}
