//! What takes seconds: a few at a time for each credential, so that one keeps nobody else waiting.

use crate::harness::{Answer, As, Plane};
use futures_util::future::join_all;
use http::{Method, StatusCode};
use portcullis_identity::secrets::SystemRng;
use portcullis_model::RequestId;
use portcullis_model::audit::OperatorRole;
use serde_json::json;
use std::time::{Duration, Instant};

/// At a time for one.
const EACH: usize = 4;
/// How long a record that has only just been made is waited for.
const WAITED: Duration = Duration::from_secs(2);

/// The id of a call that was made just now, and that nobody made.
fn young(plane: &Plane) -> RequestId {
    RequestId::generate(&*plane.clock, &SystemRng::new())
}

#[tokio::test]
async fn one_credential_waits_for_a_few_records_at_a_time() {
    let plane = Plane::new().await;
    let one = plane.operator("one", OperatorRole::Auditor, None).await;
    let other = plane.operator("other", OperatorRole::Auditor, None).await;
    let ask = async |credential: &str| {
        let (path, began) = (format!("/admin/v1/records/{}", young(&plane)), Instant::now());
        let answer = plane.call(As::Bearer(credential), Method::GET, &path, None).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        began.elapsed()
    };
    // A busy machine may keep whoever is told at once waiting as well, but not each time.
    let mut waited = Vec::new();
    while waited.last() != Some(&EACH) {
        assert!(waited.len() < 5, "{waited:?}");
        let (many, another) = tokio::join!(join_all((0..12).map(|_| ask(&one))), ask(&other));
        assert!(another >= WAITED, "{another:?}: who has nobody waiting waits");
        waited.push(many.iter().filter(|took| **took >= WAITED).count());
        assert!(waited.iter().all(|waited| *waited >= EACH), "{many:?}");
    }
}

#[tokio::test]
async fn one_credential_has_a_few_examinations_at_a_time() {
    let plane = Plane::new().await;
    let one = plane.operator("one", OperatorRole::Auditor, None).await;
    let ask = async || -> Answer {
        let question = json!({ "request": young(&plane) });
        plane.call(As::Bearer(&one), Method::POST, "/admin/v1/doctor", Some(&question)).await
    };
    // The last may come so late on a busy machine that the first is over, but not each time.
    let mut found = Vec::new();
    while found.last() != Some(&EACH) {
        assert!(found.len() < 5, "{found:?}");
        let answers = join_all((0..12).map(|_| ask())).await;
        let with = |status: StatusCode| answers.iter().filter(move |answer| answer.status == status);
        assert!(with(StatusCode::TOO_MANY_REQUESTS).all(|answer| answer.headers.contains_key("retry-after")));
        found.push(with(StatusCode::NOT_FOUND).count());
        assert!(found.iter().all(|found| *found >= EACH), "{found:?}");
        assert_eq!(found.last(), Some(&(12 - with(StatusCode::TOO_MANY_REQUESTS).count())));
    }
    // Free again; and the socket's owner is not bounded.
    assert_eq!(ask().await.status, StatusCode::NOT_FOUND);
    let on_this_host =
        async || plane.post("/admin/v1/doctor", json!({ "request": young(&plane) })).await.status;
    let answers = join_all((0..12).map(|_| on_this_host())).await;
    assert_eq!(answers, [StatusCode::NOT_FOUND; 12]);
}
