//! What is too old is forgotten, and nothing else.

use crate::harness::Plane;
use portcullis_control::jobs::retention;
use portcullis_model::{Clock, Record, RequestId, Span};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

fn record(plane: &Plane, age: Duration, entropy: u8) -> Record {
    let at = plane.clock.now().minus(age);
    serde_json::from_value(json!({
        "id": RequestId::new(at, [entropy; 10]), "at": at, "outcome": "completed", "status": 200,
        "method": "GET", "path": "/x", "source": "192.0.2.1", "bytes_in": 0, "bytes_out": 0, "attempts": 1,
        "timing": { "identified": 1, "dispatched": 2, "first_byte": 3, "total": 4 },
    }))
    .unwrap()
}

#[tokio::test]
async fn by_age_as_the_configuration_in_force_says() {
    let plane = Plane::new().await;
    let hour = Duration::from_secs(3_600);
    let records = [record(&plane, hour * 3, 1), record(&plane, hour, 2)];
    portcullis_store::entity::records::insert_batch(&plane.store, &records).await.unwrap();
    let left = async || plane.get("/admin/v1/records").await.good()["items"].as_array().unwrap().len();
    retention::round(&plane.store, &plane.publisher, &*plane.clock).await.unwrap();
    assert_eq!(left().await, 2, "thirty days, when nobody says");
    let mut config = portcullis_config::Config::default();
    config.records.keep = Span::seconds(2 * 3_600);
    plane.publisher.publish(Arc::new(config), vec![]).await.unwrap();
    retention::round(&plane.store, &plane.publisher, &*plane.clock).await.unwrap();
    assert_eq!(left().await, 1);
}

#[tokio::test]
async fn revocations_that_nobody_needs_any_more() {
    let plane = Plane::new().await;
    let soon = plane.clock.now().plus(Duration::from_secs(60)).rfc3339();
    plane
        .post(
            "/admin/v1/revocations",
            json!({ "what": { "kind": "token", "issuer": "corp", "jti": "a" }, "expires_at": soon }),
        )
        .await
        .good();
    plane
        .post("/admin/v1/revocations", json!({ "what": { "kind": "token", "issuer": "corp", "jti": "b" } }))
        .await
        .good();
    plane.clock.advance(Duration::from_secs(120));
    retention::round(&plane.store, &plane.publisher, &*plane.clock).await.unwrap();
    let stored = portcullis_store::entity::revocations::list(
        &plane.store,
        &Default::default(),
        portcullis_store::Page::first(10),
    )
    .await
    .unwrap();
    assert_eq!(stored.len(), 1);
}
