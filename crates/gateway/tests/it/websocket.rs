//! WebSockets: bytes both ways, and the ends that we make.

use crate::house::{House, PATIENCE, orders, within_a_second};
use crate::upstream::Upstream;
use futures_util::{SinkExt, StreamExt};
use portcullis_identity::local::LocalSubject;
use portcullis_model::record::Outcome;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::task::TaskTracker;

/// An upstream that says everything back; `gone` messages end it, `cut` ones without a word.
async fn echo() -> (std::net::SocketAddr, TaskTracker) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = TaskTracker::new();
    tasks.spawn({
        let tasks = tasks.clone();
        async move {
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn(async move {
                    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
                    while let Some(Ok(message)) = socket.next().await {
                        if message.to_text().is_ok_and(|text| text == "cut") {
                            return;
                        }
                        if message.is_close() || message.to_text().is_ok_and(|text| text == "gone") {
                            break;
                        }
                        if message.is_text() || message.is_binary() {
                            let _ = socket.send(message).await;
                        }
                    }
                    let _ = socket.close(None).await;
                });
            }
        }
    });
    (address, tasks)
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(house: &House, authorization: &str) -> Result<Socket, Error> {
    let mut request = format!("ws://{}/orders/live", house.address).into_client_request().unwrap();
    request.headers_mut().insert("authorization", authorization.parse().unwrap());
    connect_async(request).await.map(|(socket, _)| socket)
}

async fn next(socket: &mut Socket) -> Option<Result<Message, Error>> {
    tokio::time::timeout(PATIENCE, socket.next()).await.expect("a message, or an end")
}

#[tokio::test]
async fn messages_pass_both_ways_and_the_record_counts_them() {
    let (upstream, _tasks) = echo().await;
    let house = House::open(&orders(upstream, "websocket = true")).await;
    let mut socket = connect(&house, &house.ada()).await.unwrap();
    for size in [1, 125, 126, 70_000, 1_000_000] {
        let message = Message::binary(vec![7; size]);
        socket.send(message.clone()).await.unwrap();
        assert_eq!(next(&mut socket).await.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = next(&mut socket).await {}
    let record = house.record().await;
    assert_eq!((record.outcome, record.status, record.upstream_status), (Outcome::Completed, 101, Some(101)));
    assert!(record.bytes_in > 1_000_000 && record.bytes_out > 1_000_000);
    assert_eq!(record.user, Some(house.ada.id));
    house.no_more_records().await;
    house.close().await;
}

#[tokio::test]
async fn only_where_a_service_says_so_and_only_with_a_credential() {
    let (upstream, _tasks) = echo().await;
    let house = House::open(&orders(upstream, "")).await;
    let Err(Error::Http(refused)) = connect(&house, &house.ada()).await else { panic!("refused") };
    assert_eq!(refused.status(), 403);
    assert_eq!(house.record().await.code.as_deref(), Some("upgrade_refused"));
    house.close().await;
    let house = House::open(&orders(upstream, "websocket = true")).await;
    let Err(Error::Http(refused)) = connect(&house, "Bearer a.b.c").await else { panic!("refused") };
    assert_eq!(refused.status(), 401);
    house.close().await;
}

/// An upstream that refuses is heard.
#[tokio::test]
async fn an_upstreams_own_refusal_passes() {
    let upstream = Upstream::fixed("HTTP/1.1 418 I'm a teapot\r\ncontent-length: 3\r\n\r\ntea").await;
    let house = House::open(&orders(upstream.address, "websocket = true")).await;
    let Err(Error::Http(refused)) = connect(&house, &house.ada()).await else { panic!("refused") };
    assert_eq!(refused.status(), 418);
    assert_eq!(house.record().await.outcome, Outcome::Completed);
    house.close().await;
}

async fn closed_with(socket: &mut Socket) -> (CloseCode, String) {
    loop {
        match next(socket).await.expect("a Close frame before the end").expect("no broken frame") {
            Message::Close(Some(frame)) => return (frame.code, frame.reason.to_string()),
            Message::Close(None) => panic!("a Close without a code"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn suspension_closes_with_1008_within_a_second() {
    within_a_second(suspended).await;
}

async fn suspended() -> Duration {
    let (upstream, _tasks) = echo().await;
    let house = House::open(&orders(upstream, "websocket = true")).await;
    let bob = house.user("acme", "bob").await;
    let mut hers = connect(&house, &house.ada()).await.unwrap();
    let mut his = connect(&house, &house.bearer(&bob)).await.unwrap();
    for socket in [&mut hers, &mut his] {
        socket.send(Message::text("hello")).await.unwrap();
        assert_eq!(next(socket).await.unwrap().unwrap(), Message::text("hello"));
    }
    let at = Instant::now();
    house.directory.suspend(&house.actor, house.ada.id, None).await.unwrap();
    assert_eq!(closed_with(&mut hers).await, (CloseCode::Policy, "subject_unresolved".to_owned()));
    let took = at.elapsed();
    let record = house.record().await;
    assert_eq!((record.outcome, record.code.as_deref()), (Outcome::Cut, Some("user_suspended")));
    // Bob's goes on.
    his.send(Message::text("still here")).await.unwrap();
    assert_eq!(next(&mut his).await.unwrap().unwrap(), Message::text("still here"));
    drop(his);
    house.record().await;
    house.close().await;
    took
}

/// The goodbye stands between two frames, also when much is on its way.
#[tokio::test]
async fn a_goodbye_does_not_break_a_frame() {
    let (upstream, _tasks) = echo().await;
    let house = House::open(&orders(upstream, "websocket = true")).await;
    let mut socket = connect(&house, &house.ada()).await.unwrap();
    for _ in 0..20 {
        socket.send(Message::binary(vec![1; 100_000])).await.unwrap();
    }
    house.directory.suspend(&house.actor, house.ada.id, None).await.unwrap();
    assert_eq!(closed_with(&mut socket).await.0, CloseCode::Policy);
    house.close().await;
}

#[tokio::test]
async fn expiry_closes_with_1008() {
    within_a_second(expired).await;
}

/// How long after the token's end.
async fn expired() -> Duration {
    // Long enough to be let in with it.
    const LIFE: Duration = Duration::from_secs(4);
    let (upstream, _tasks) = echo().await;
    let house = House::open(&orders(upstream, "websocket = true")).await;
    let token = house.token("acme", LocalSubject::User(house.ada.id), LIFE);
    let at = Instant::now();
    let mut socket = connect(&house, &format!("Bearer {token}")).await.unwrap();
    assert_eq!(closed_with(&mut socket).await, (CloseCode::Policy, "token_expired".to_owned()));
    let took = at.elapsed();
    let record = house.record().await;
    assert_eq!((record.outcome, record.code.as_deref()), (Outcome::Cut, Some("token_expired")));
    house.close().await;
    took.saturating_sub(LIFE)
}

#[tokio::test]
async fn a_drain_says_goodbye() {
    let (upstream, _tasks) = echo().await;
    let house = House::open(&orders(upstream, "websocket = true")).await;
    let mut socket = connect(&house, &house.ada()).await.unwrap();
    house.shutdown.cancel();
    assert_eq!(closed_with(&mut socket).await.0, CloseCode::Away);
    let record = house.record().await;
    assert_eq!((record.outcome, record.code.as_deref()), (Outcome::Cut, Some("shutting_down")));
    house.close().await;
}

#[tokio::test]
async fn an_end_at_either_side_ends_both() {
    let (upstream, _tasks) = echo().await;
    let house = House::open(&orders(upstream, "websocket = true")).await;
    let mut socket = connect(&house, &house.ada()).await.unwrap();
    socket.send(Message::text("gone")).await.unwrap();
    while let Some(Ok(_)) = next(&mut socket).await {}
    assert_eq!(house.record().await.outcome, Outcome::Completed);
    let socket = connect(&house, &house.ada()).await.unwrap();
    drop(socket);
    assert_eq!(house.record().await.outcome, Outcome::ClientClosed);
    house.no_more_records().await;
    house.close().await;
}

#[tokio::test]
async fn an_end_without_a_goodbye_is_a_cut() {
    let (upstream, _tasks) = echo().await;
    let house = House::open(&orders(upstream, "websocket = true")).await;
    let mut socket = connect(&house, &house.ada()).await.unwrap();
    socket.send(Message::text("cut")).await.unwrap();
    assert!(!matches!(next(&mut socket).await, Some(Ok(_))), "nothing that looks like an ending");
    let record = house.record().await;
    assert_eq!((record.outcome, record.code.as_deref()), (Outcome::UpstreamCut, Some("upstream_cut")));
    house.close().await;
}
