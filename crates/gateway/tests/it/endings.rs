//! One record for every call, whatever ends it, and nothing of an answer's end before its record is written.

use crate::house::{House, orders, within_a_second};
use crate::upstream::Upstream;
use portcullis_identity::directory::NewTeam;
use portcullis_model::Name;
use portcullis_model::record::Outcome;
use portcullis_model::team::{MembershipSource, TeamOrigin};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

fn get(house: &House, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n", house.ada())
}

/// The moment that the last byte is here, the record is in the spool.
#[tokio::test]
async fn the_record_is_written_before_the_last_byte_is_released() {
    let upstream = Upstream::open(|mut wire, _| async move {
        while let Some(seen) = wire.call().await {
            match seen.target() {
                "/orders/length" => wire.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await,
                "/orders/none" => wire.send("HTTP/1.1 204 No Content\r\n\r\n").await,
                "/orders/slow" => {
                    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab").await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    wire.send("cd").await;
                }
                _ => {
                    wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    wire.send("0\r\n\r\n").await;
                }
            }
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "")).await;
    let mut client = house.client().await;
    for (path, status, bytes) in [
        ("/orders/length", 200, 5),
        ("/orders/none", 204, 0),
        ("/orders/slow", 200, 4),
        ("/orders/chunks", 200, 5),
        ("/nowhere", 404, 0),
    ] {
        for _ in 0..20 {
            let answer = client.call(get(&house, path)).await;
            assert_eq!(answer.status, status, "{path}");
            let record =
                house.record_now().await.unwrap_or_else(|| panic!("{path}: its record should be there"));
            assert_eq!(record.path, path);
            assert_eq!(record.status, status);
            if status != 404 {
                assert_eq!((record.outcome, record.bytes_out), (Outcome::Completed, bytes));
            }
        }
    }
    house.no_more_records().await;
    house.close().await;
}

#[tokio::test]
async fn a_complete_call_says_who_what_and_when() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "capture = true")).await;
    let head = format!(
        "POST /orders/7?secret=1 HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-length: 5\r\n\r\nhello",
        house.ada()
    );
    assert_eq!(house.client().await.call(head).await.status, 200);
    let record = house.record().await;
    assert_eq!(record.outcome, Outcome::Completed);
    assert_eq!((&*record.method, record.path.as_str(), record.status), ("POST", "/orders/7", 200));
    assert_eq!((record.user, record.tenant), (Some(house.ada.id), Some(house.ada.tenant)));
    assert_eq!(record.service.as_deref(), Some("orders"));
    assert_eq!((record.bytes_in, record.attempts, record.upstream_status), (5, 1, Some(200)));
    assert!(record.bytes_out > 100);
    let timing = record.timing;
    assert!(
        timing.identified > 0
            && timing.identified <= timing.dispatched
            && timing.dispatched <= timing.first_byte,
        "{timing:?}"
    );
    assert!(u64::from(timing.first_byte) <= timing.total);
    let token = record.token.as_ref().unwrap();
    assert!(token.claims.contains(&house.ada.id.to_string()) && !token.digest.is_empty());
    let capture = record.capture.as_ref().unwrap();
    assert_eq!(capture.request, "hello");
    assert!(capture.response.contains("POST /orders/7"));
    // Nowhere in it the token itself.
    let text = serde_json::to_string(&record).unwrap();
    let signature = house.ada();
    assert!(!text.contains(signature.rsplit('.').next().unwrap()));
    house.no_more_records().await;
    house.close().await;
}

#[tokio::test]
async fn a_refused_call_is_recorded_with_the_true_code() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "")).await;
    let eve = house.user("acme", "eve").await;
    house.directory.suspend(&house.actor, eve.id, Some("left".to_owned())).await.unwrap();
    let head = format!("GET /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\n\r\n", house.bearer(&eve));
    let answer = house.client().await.call(head).await;
    assert_eq!(answer.json()["code"], "subject_unresolved");
    let record = house.record_now().await.unwrap();
    assert_eq!((record.outcome, record.code.as_deref()), (Outcome::Refused, Some("user_suspended")));
    assert_eq!((record.user, record.status), (Some(eve.id), 401));
    assert!(record.detail.unwrap().contains("left"));
    assert_eq!(record.bytes_out, answer.body.len() as u64);
    assert_eq!(record.attempts, 0);
    house.no_more_records().await;
    house.close().await;
}

/// The caller hangs up before the head, and within the body; the upstream is told each time.
#[tokio::test]
async fn a_caller_that_leaves_is_recorded_and_cancels_the_upstream() {
    let (called, cancelled) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell_called, tell_cancelled) = (called.clone(), cancelled.clone());
    let upstream = Upstream::open(move |mut wire, _| {
        let (called, cancelled) = (tell_called.clone(), tell_cancelled.clone());
        async move {
            while let Some(seen) = wire.call().await {
                if seen.target() == "/orders/body" {
                    wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
                }
                called.notify_one();
                wire.closed().await;
                cancelled.notify_one();
            }
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "")).await;
    for (path, status) in [("/orders/head", 499), ("/orders/body", 200)] {
        let mut client = house.client().await;
        client.send(get(&house, path)).await;
        called.notified().await;
        if status == 200 {
            client.until("hello").await;
        }
        drop(client);
        tokio::time::timeout(crate::house::PATIENCE, cancelled.notified())
            .await
            .expect("the upstream should be told");
        let record = house.record().await;
        assert_eq!(
            (record.outcome, record.status, record.path.as_str()),
            (Outcome::ClientClosed, status, path)
        );
        house.no_more_records().await;
    }
    house.close().await;
}

#[tokio::test]
async fn an_upstream_that_breaks_off_is_recorded() {
    let break_off = Arc::new(Notify::new());
    let go = break_off.clone();
    let upstream = Upstream::open(move |mut wire, _| {
        let go = go.clone();
        async move {
            if wire.call().await.is_some() {
                wire.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await;
                go.notified().await;
            }
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "")).await;
    let mut client = house.client().await;
    client.send(get(&house, "/orders")).await;
    client.until("hello").await;
    break_off.notify_one();
    client.rest().await;
    let record = house.record().await;
    assert_eq!((record.outcome, record.code.as_deref()), (Outcome::UpstreamCut, Some("upstream_cut")));
    assert_eq!(record.bytes_out, 5);
    house.no_more_records().await;
    house.close().await;
}

#[tokio::test]
async fn a_suspended_users_running_answer_is_cut() {
    within_a_second(suspended).await;
}

async fn suspended() -> Duration {
    let cancelled = Arc::new(Notify::new());
    let tell = cancelled.clone();
    let upstream = Upstream::open(move |mut wire, _| {
        let tell = tell.clone();
        async move {
            while wire.call().await.is_some() {
                wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
                wire.closed().await;
                tell.notify_one();
            }
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "")).await;
    let bystander = house.user("acme", "bob").await;
    let mut client = house.client().await;
    client.send(get(&house, "/orders")).await;
    client.until("hello").await;
    // Somebody else's suspension is nothing to this call.
    house.directory.suspend(&house.actor, bystander.id, None).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(100), cancelled.notified()).await.is_err());
    let at = Instant::now();
    house.directory.suspend(&house.actor, house.ada.id, None).await.unwrap();
    client.rest().await;
    cancelled.notified().await;
    let took = at.elapsed();
    let record = house.record().await;
    assert_eq!((record.outcome, record.code.as_deref()), (Outcome::Cut, Some("user_suspended")));
    house.no_more_records().await;
    house.close().await;
    took
}

/// Who was let in as one of a team, and leaves it.
#[tokio::test]
async fn the_running_answer_of_somebody_who_leaves_the_team_is_cut() {
    within_a_second(left_the_team).await;
}

async fn left_the_team() -> Duration {
    let upstream = Upstream::open(|mut wire, _| async move {
        while wire.call().await.is_some() {
            wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
            wire.closed().await;
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "allow = { teams = [\"platform\"] }")).await;
    let team = async |called: &str| {
        let new = NewTeam {
            tenant: house.ada.tenant,
            name: Name::new(called).unwrap(),
            display_name: None,
            parent: None,
            external_id: None,
            origin: TeamOrigin::Api,
        };
        house.directory.create_team(&house.actor, new).await.unwrap().id
    };
    let (platform, other) = (team("platform").await, team("other").await);
    for team in [platform, other] {
        house.directory.add_member(&house.actor, team, house.ada.id, MembershipSource::Manual).await.unwrap();
    }
    let mut client = house.client().await;
    client.send(get(&house, "/orders")).await;
    client.until("hello").await;
    // Another team is nothing to this call.
    house.directory.remove_member(&house.actor, other, house.ada.id, None).await.unwrap();
    let goes_on = tokio::time::timeout(Duration::from_millis(100), client.rest()).await;
    assert!(goes_on.is_err());
    let at = Instant::now();
    house.directory.remove_member(&house.actor, platform, house.ada.id, None).await.unwrap();
    client.rest().await;
    let took = at.elapsed();
    let record = house.record().await;
    assert_eq!((record.outcome, record.code.as_deref()), (Outcome::Cut, Some("not_allowed")));
    house.close().await;
    took
}

#[tokio::test]
async fn what_a_drain_cuts_was_cut_by_us() {
    let upstream = Upstream::open(|mut wire, _| async move {
        while wire.call().await.is_some() {
            wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
            wire.closed().await;
        }
    })
    .await;
    let house = House::open(&orders(upstream.address, "")).await;
    let mut client = house.client().await;
    client.send(get(&house, "/orders")).await;
    client.until("hello").await;
    house.close().await;
    let record = house.record().await;
    assert_eq!((record.outcome, record.code.as_deref()), (Outcome::Cut, Some("shutting_down")));
}
