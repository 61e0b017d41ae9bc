//! How a code fares here: counted from the records, shown to those who may see it and to nobody else.

use crate::harness::{As, Plane};
use http::{Method, StatusCode};
use portcullis_model::audit::OperatorRole;
use portcullis_model::{Clock, Record, RequestId, TenantId, Timestamp};
use portcullis_store::entity::records::insert_batch;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A call of `user`, some time ago.
fn call(at: Timestamp, n: u32, tenant: Option<TenantId>, more: Value) -> Record {
    let mut record = json!({
        "id": RequestId::new(at, [n.to_be_bytes().as_slice(), &[0; 6]].concat().try_into().unwrap()), "at": at, "outcome": "refused", "status": 401,
        "code": "token_expired", "tenant": tenant, "service": "orders", "method": "GET", "path": "/x", "source": "192.0.2.1", "bytes_in": 0,
        "bytes_out": 0, "attempts": 0, "timing": { "identified": 1, "dispatched": 2, "first_byte": 3, "total": 4 },
    });
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(record).unwrap()
}

async fn filled() -> (Plane, TenantId, TenantId) {
    let plane = Plane::new().await;
    let (ours, theirs) = (plane.tenant("ours").await, plane.tenant("theirs").await);
    let new = |tenant: TenantId, name: &str| json!({ "tenant": tenant, "username": name, "identities": [{ "issuer": "corp", "subject": name }] });
    let ada = plane.post("/admin/v1/users", new(ours, "ada")).await.id();
    let bob = plane.post("/admin/v1/users", new(ours, "bob")).await.id();
    let eve = plane.post("/admin/v1/users", new(theirs, "eve")).await.id();
    let now = plane.clock.now();
    let ago = |hours: u64| now.minus(Duration::from_secs(hours * 3600));
    let token = |sub: &str| json!({ "token": { "issuer": "corp", "header": "{}", "claims": json!({ "sub": sub }).to_string(), "digest": "d" } });
    let good = |user: &str, service: &str| json!({ "user": user, "outcome": "completed", "status": 200, "code": null, "service": service });
    let records = [
        // Known by the token's subject only, and through an hour later.
        call(ago(50), 1, Some(ours), token("ada")),
        call(ago(49), 2, Some(ours), good(&ada, "orders")),
        // Through on another service, and on this one too late.
        call(ago(40), 3, Some(ours), json!({ "user": bob })),
        call(ago(39), 4, Some(ours), good(&bob, "ai")),
        call(ago(10), 5, Some(ours), good(&bob, "orders")),
        // Nobody who is known.
        call(ago(2), 6, Some(ours), token("mallory")),
        call(ago(1), 7, None, json!({})),
        call(ago(1), 8, Some(theirs), json!({ "user": eve, "service": "ai" })),
    ];
    insert_batch(&plane.store, &records).await.unwrap();
    (plane, ours, theirs)
}

#[tokio::test]
async fn a_code_is_counted_and_its_callers_are_followed() {
    let (plane, ours, _) = filled().await;
    let all = plane.get("/admin/v1/errors/token_expired/figures").await.good();
    assert_eq!((&all["occurrences"], &all["looked_at"], &all["more"]), (&json!(5), &json!(5), &json!(false)));
    assert_eq!((&all["followed"], &all["succeeded"], &all["anonymous"]), (&json!(3), &json!(1), &json!(2)));
    assert_eq!(
        all["services"],
        json!([{ "name": "orders", "occurrences": 4 }, { "name": "ai", "occurrences": 1 }])
    );
    assert_eq!(all["issuers"], json!([{ "name": "corp", "occurrences": 2 }]));
    let days = all["days"].as_array().unwrap();
    let counted: Vec<u64> =
        days.iter().map(|day| day["occurrences"].as_u64().unwrap()).filter(|n| *n > 0).collect();
    assert_eq!((days.len(), counted.iter().sum::<u64>()), (30, 5));

    let own = plane.get(&format!("/admin/v1/errors/token_expired/figures?tenant={ours}")).await.good();
    assert_eq!((&own["occurrences"], &own["followed"], &own["anonymous"]), (&json!(3), &json!(2), &json!(1)));
    let never = plane.get("/admin/v1/errors/token_revoked/figures").await.good();
    assert_eq!((&never["occurrences"], never.get("first")), (&json!(0), None));
    assert_eq!(plane.get("/admin/v1/errors/nonsense/figures").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn figures_are_as_good_as_new_for_a_minute() {
    let (plane, ours, _) = filled().await;
    let count = async || {
        plane.get("/admin/v1/errors/token_expired/figures").await.good()["occurrences"].as_u64().unwrap()
    };
    assert_eq!(count().await, 5);
    insert_batch(&plane.store, &[call(plane.clock.now(), 9, Some(ours), json!({}))]).await.unwrap();
    assert_eq!(count().await, 5);
    plane.clock.advance(Duration::from_secs(61));
    assert_eq!(count().await, 6);
}

#[tokio::test]
async fn a_page_shows_them_to_those_who_may_see_them() {
    let (plane, _, theirs) = filled().await;
    let administrator = plane.operator("eve", OperatorRole::TenantAdministrator, Some(theirs)).await;
    let auditor = plane.operator("audit", OperatorRole::Auditor, None).await;
    let read = async |who: As<'_>, path: &str| plane.call(who, Method::GET, path, None).await;
    let text = |answer: &crate::harness::Answer| answer.body.as_str().unwrap_or_default().to_owned();

    let anybody = read(As::Nobody, "/errors/token_expired.en.md").await;
    assert!(!text(&anybody).contains("On this gateway"));
    assert_eq!(anybody.headers["cache-control"], "public, max-age=300");

    let audited = read(As::Bearer(&auditor), "/errors/token_expired.en.md").await;
    assert!(text(&audited).contains("- Occurrences in 30 days: 5\n"), "{}", text(&audited));
    assert!(text(&audited).contains("1 of 3 callers (33 %)"));
    assert_eq!(audited.headers["cache-control"], "private, no-store");
    assert_ne!(audited.headers["etag"], anybody.headers["etag"]);

    let own = read(As::Bearer(&administrator), "/errors/token_expired.zh.html").await;
    assert!(
        text(&own).contains("<h2>在本网关上</h2>") && text(&own).contains("30 天内出现次数: 1"),
        "{}",
        text(&own)
    );
    assert!(!text(&own).contains("orders</code> 4"), "another tenant's calls");
    let local = read(As::Socket, "/errors/token_expired.json").await;
    assert_eq!(local.body["here"]["occurrences"], 5);

    let wrong = read(As::Bearer("pco_wrong"), "/errors/token_expired").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    // Pages without a code of their own stay as they are.
    assert_eq!(read(As::Bearer(&auditor), "/errors/index.en").await.status, StatusCode::OK);
}

/// How long a page takes among a million records, printed: `cargo test -p portcullis-control --test admin -- --ignored million --nocapture`.
#[tokio::test]
#[ignore = "fills a database for a minute"]
async fn a_million_records() {
    let (plane, ours, theirs) = filled().await;
    let now = plane.clock.now();
    for thousand in 0..1_000_u32 {
        let records: Vec<Record> = (0..1_000_u32)
            .map(|n| {
                let i = thousand * 1_000 + n;
                let at = now.minus(Duration::from_millis(u64::from(i) * 2_500));
                let tenant = if i % 3 == 0 { ours } else { theirs };
                let code = if i % 2 == 0 {
                    json!({})
                } else {
                    json!({ "code": null, "outcome": "completed", "status": 200 })
                };
                call(at, i + 100, Some(tenant), code)
            })
            .collect();
        insert_batch(&plane.store, &records).await.unwrap();
    }
    for path in [
        "/admin/v1/errors/token_expired/figures".to_owned(),
        format!("/admin/v1/errors/token_expired/figures?tenant={ours}"),
    ] {
        let began = Instant::now();
        let figures = plane.get(&path).await.good();
        println!("{:?} for {} occurrences", began.elapsed(), figures["occurrences"]);
        assert!(figures["occurrences"].as_u64().unwrap() > 100_000);
    }
}
