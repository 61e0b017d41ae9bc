//! Credentials, and what happens to those who guess at them.

use crate::harness::{As, Plane};
use axum::body::Body;
use http::{Method, Request};
use portcullis_control::Entrance;
use portcullis_model::audit::OperatorRole;
use std::time::Duration;

#[tokio::test]
async fn without_an_entrance_nothing_is_served() {
    let plane = Plane::new().await;
    let answer = plane.send(Request::get("/admin/v1/users").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.code(), "internal");
}

#[tokio::test]
async fn only_one_well_formed_credential_counts() {
    let plane = Plane::new().await;
    let good = plane.operator("root", OperatorRole::Operator, None).await;
    let send = async |values: &[String]| {
        let mut request = Request::get("/admin/v1/users");
        for value in values {
            request = request.header("authorization", value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Entrance::Network([192, 0, 2, 9].into()));
        plane.send(request).await.status.as_u16()
    };
    assert_eq!(send(&[format!("Bearer {good}")]).await, 200);
    assert_eq!(
        send(&[format!("bearer {good}")]).await,
        200,
        "the scheme is case-insensitive (RFC 9110 §11.1)"
    );
    let last = if good.ends_with('A') { 'B' } else { 'A' };
    let flipped = format!("{}{last}", &good[..good.len() - 1]);
    for wrong in [
        good.clone(),
        format!("Basic {good}"),
        format!("Bearer {flipped}"),
        "Bearer pco_".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {}", good.replace("pco_", "pck_")),
    ] {
        assert_eq!(send(std::slice::from_ref(&wrong)).await, 401, "{wrong}");
    }
    assert_eq!(send(&[format!("Bearer {good}"), format!("Bearer {good}")]).await, 401, "two headers");
}

#[tokio::test]
async fn who_guesses_is_shut_out_and_others_are_not() {
    let plane = Plane::new().await;
    let good = plane.operator("root", OperatorRole::Operator, None).await;
    for _ in 0..50 {
        assert_eq!(
            plane
                .call(
                    As::Bearer("pco_0199f0c27f0070008000000000000001_guess"),
                    Method::GET,
                    "/admin/v1/users",
                    None
                )
                .await
                .status,
            401
        );
    }
    let shut_out = plane.call(As::Bearer(&good), Method::GET, "/admin/v1/users", None).await;
    assert_eq!((shut_out.status.as_u16(), shut_out.code()), (429, "too_many_failures"));
    assert!(shut_out.headers.contains_key("retry-after"));
    let mut elsewhere = Request::get("/admin/v1/users")
        .header("authorization", format!("Bearer {good}"))
        .body(Body::empty())
        .unwrap();
    elsewhere.extensions_mut().insert(Entrance::Network([198, 51, 100, 1].into()));
    assert_eq!(plane.send(elsewhere).await.status, 200);
    plane.clock.advance(Duration::from_secs(120));
    assert_eq!(plane.call(As::Bearer(&good), Method::GET, "/admin/v1/users", None).await.status, 200);
}

#[tokio::test]
async fn an_expired_or_revoked_credential_ends_at_once() {
    let plane = Plane::new().await;
    let made = plane
        .post(
            "/admin/v1/operators",
            serde_json::json!({ "name": "brief", "role": "operator", "expires_in": "1h" }),
        )
        .await
        .good();
    let credential = made["secret"].as_str().unwrap();
    assert_eq!(plane.call(As::Bearer(credential), Method::GET, "/admin/v1/users", None).await.status, 200);
    plane.clock.advance(Duration::from_secs(3_600));
    assert_eq!(plane.call(As::Bearer(credential), Method::GET, "/admin/v1/users", None).await.status, 401);
}

#[tokio::test]
async fn metrics_from_elsewhere_need_an_auditor() {
    let plane = Plane::new().await;
    let auditor = plane.operator("prometheus", OperatorRole::Auditor, None).await;
    assert_eq!(plane.call(As::Nobody, Method::GET, "/metrics", None).await.status, 401);
    assert_eq!(plane.call(As::Bearer(&auditor), Method::GET, "/metrics", None).await.body, "metric 1\n");
}
