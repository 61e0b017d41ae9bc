//! Realtime sessions: opened with our key and the provider's name of the model, what the caller says read on its way.

use crate::house::{House, PATIENCE, within_a_second};
use crate::upstream::Upstream;
use futures_util::{SinkExt, StreamExt};
use portcullis_model::record::Outcome;
use portcullis_model::usage::UsageSource;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::task::TaskTracker;

/// What a provider saw: the heads that asked for a session, and the messages.
#[derive(Default)]
struct Seen {
    asked: Vec<(String, Vec<(String, String)>)>,
    messages: Vec<String>,
}

const HEARD_TIME: &str = r#"{"type":"conversation.item.input_audio_transcription.completed","item_id":"item_1","content_index":0,"transcript":"hi","usage":{"type":"duration","seconds":2.4}}"#;
const HEARD_TOKENS: &str = r#"{"type":"conversation.item.input_audio_transcription.completed","item_id":"item_1","content_index":0,"transcript":"hi","usage":{"type":"tokens","total_tokens":26,"input_tokens":17,"input_token_details":{"text_tokens":3,"audio_tokens":14},"output_tokens":9}}"#;
const DONE: &str = r#"{"type":"response.done","response":{"id":"resp_1","usage":{"total_tokens":30,"input_tokens":20,"output_tokens":10,"input_token_details":{"text_tokens":5,"audio_tokens":15,"cached_tokens":0},"output_token_details":{"text_tokens":2,"audio_tokens":8}}}}"#;

/// A provider with sessions: says back what it was told, and what an answer used when one is asked for.
async fn provider() -> (SocketAddr, Arc<Mutex<Seen>>, TaskTracker) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, tasks): (Arc<Mutex<Seen>>, _) = (Arc::default(), TaskTracker::new());
    tasks.spawn({
        let (seen, tasks) = (seen.clone(), tasks.clone());
        async move {
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn(session(stream, seen.clone()));
            }
        }
    });
    (address, seen, tasks)
}

async fn session(stream: TcpStream, seen: Arc<Mutex<Seen>>) {
    let mut asked = None;
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let look = |request: &Request, mut response: Response| {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        asked = Some((request.uri().to_string(), headers));
        if request.headers().contains_key("sec-websocket-protocol") {
            response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("realtime"));
        }
        response.headers_mut().insert("openai-organization", HeaderValue::from_static("ours"));
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, look).await else { return };
    seen.lock().await.asked.extend(asked);
    let mut by_time = false;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        seen.lock().await.messages.push(text.to_string());
        by_time = (by_time || text.contains("whisper-1")) && !text.contains("gpt-4o-transcribe");
        let answer = match text.as_str() {
            text if text.contains("response.create") => DONE,
            text if text.contains("input_audio_buffer.commit") && by_time => HEARD_TIME,
            text if text.contains("input_audio_buffer.commit") => HEARD_TOKENS,
            text => text,
        };
        let _ = socket.send(Message::text(answer)).await;
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(
    house: &House,
    target: &str,
    headers: &[(&'static str, String)],
) -> Result<(Socket, Vec<(String, String)>), Error> {
    let mut request = format!("ws://{}{target}", house.address).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let (socket, answer) = connect_async(request).await?;
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    Ok((socket, answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect()))
}

async fn next(socket: &mut Socket) -> Option<Result<Message, Error>> {
    tokio::time::timeout(PATIENCE, socket.next()).await.expect("a message, or an end")
}

async fn told(socket: &mut Socket) -> Value {
    let message = next(socket).await.expect("a message").expect("no broken frame");
    serde_json::from_str(message.to_text().unwrap()).unwrap()
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

/// Models of a provider as OpenAI is: `voice` and `ears` there, `other` at another one.
async fn house(address: SocketAddr) -> Arc<House> {
    let deployed = |name: &str, provider: &str, model: &str| {
        format!(
            "[[models]]\nname = \"{name}\"\ndeployments = [{{ provider = \"{provider}\", model = \"{model}\" }}]\n"
        )
    };
    let provider = |name: &str| {
        format!(
            "[[providers]]\nname = \"{name}\"\npreset = \"openai\"\nbase_url = \"http://{address}/v1\"\napi_key = \"env:PROVIDER_KEY\"\n"
        )
    };
    let config = [
        provider("one"),
        provider("two"),
        deployed("voice", "one", "gpt-realtime"),
        deployed("ears", "one", "whisper-1"),
        deployed("scribe", "one", "gpt-4o-transcribe"),
        deployed("stranger", "one", "nobody-knows-it"),
        deployed("other", "two", "whisper-1"),
    ];
    House::open(&config.concat()).await
}

#[tokio::test]
async fn a_session_is_opened_with_our_key_and_counted() {
    let (address, seen, _tasks) = provider().await;
    let house = house(address).await;
    let headers = [
        ("authorization", house.ada()),
        ("cookie", "a=1".to_owned()),
        ("openai-beta", "realtime=v1".to_owned()),
        ("origin", "https://app.example.com".to_owned()),
        ("sec-websocket-extensions", "permessage-deflate".to_owned()),
        (
            "sec-websocket-protocol",
            "realtime, openai-organization.theirs, openai-beta.realtime-v1".to_owned(),
        ),
    ];
    let (mut socket, answered) = connect(&house, "/v1/realtime?model=voice", &headers).await.unwrap();
    let header =
        |name: &str| answered.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(header("sec-websocket-protocol"), Some("realtime"));
    assert_eq!(header("openai-organization"), None);
    let update = json!({"type": "session.update", "session": {"model": "voice", "audio": {"input": {"transcription": {"model": "ears"}}}}});
    socket.send(Message::text(update.to_string())).await.unwrap();
    let there = told(&mut socket).await;
    assert_eq!(there["session"]["model"], "gpt-realtime");
    assert_eq!(there["session"]["audio"]["input"]["transcription"]["model"], "whisper-1");
    let sound = json!({"type": "input_audio_buffer.append", "audio": "A".repeat(200_000)});
    socket.send(Message::text(sound.to_string())).await.unwrap();
    assert_eq!(told(&mut socket).await, sound);
    let own = r#"{"type":"conversation.item.create","item":{"id":"msg_1","type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}}"#;
    socket.send(Message::text(own)).await.unwrap();
    assert_eq!(told(&mut socket).await["item"]["id"], "msg_1");
    for _ in 0..2 {
        let ask = r#"{"type":"response.create","response":{"conversation":"none","tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"input":[{"type":"item_reference","id":"msg_1"}]}}"#;
        socket.send(Message::text(ask)).await.unwrap();
        assert_eq!(told(&mut socket).await["type"], "response.done");
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = next(&mut socket).await {}
    let record = house.record().await;
    assert_eq!((record.outcome, record.status), (Outcome::Completed, 101));
    assert_eq!(
        (
            record.operation.as_deref(),
            record.model.as_deref(),
            record.provider.as_deref(),
            record.deployment.as_deref()
        ),
        (Some("realtime"), Some("voice"), Some("one"), Some("gpt-realtime"))
    );
    let usage = record.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.audio_input_tokens, usage.audio_output_tokens), (40, 30, 16));
    assert_eq!(record.cost.unwrap().nanos, 10 * 4_000 + 30 * 32_000 + 4 * 16_000 + 16 * 64_000);
    let (target, headers) = seen.lock().await.asked[0].clone();
    let header =
        |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(target, "/v1/realtime?model=gpt-realtime");
    assert_eq!(header("authorization"), Some("Bearer sk-ours"));
    assert_eq!(header("openai-beta"), Some("realtime=v1"));
    assert_eq!(header("sec-websocket-protocol"), Some("realtime, openai-beta.realtime-v1"));
    for hidden in ["cookie", "origin", "sec-websocket-extensions", "x-forwarded-for"] {
        assert_eq!(header(hidden), None, "{hidden}");
    }
    house.close().await;
}

#[tokio::test]
async fn a_browsers_key_stays_here() {
    let (address, seen, _tasks) = provider().await;
    let house = house(address).await;
    let key = house.ada().replace("Bearer ", "");
    let offered = [("sec-websocket-protocol", format!("realtime, openai-insecure-api-key.{key}"))];
    let (mut socket, _) = connect(&house, "/openai/v1/realtime?model=voice", &offered).await.unwrap();
    socket.close(None).await.unwrap();
    assert_eq!(house.record().await.user, Some(house.ada.id));
    let asked = seen.lock().await.asked[0].clone();
    assert!(
        !format!("{asked:?}").contains(&key) && format!("{asked:?}").contains("\"realtime\""),
        "{asked:?}"
    );
    // Two credentials are one too many, and one that is no good is none.
    let twice = [offered[0].clone(), ("authorization", house.ada())];
    let Err(Error::Http(refused)) = connect(&house, "/v1/realtime?model=voice", &twice).await else {
        panic!()
    };
    assert_eq!(refused.status(), 400);
    let bad = [("sec-websocket-protocol", "realtime, openai-insecure-api-key.pck_nobody".to_owned())];
    let Err(Error::Http(refused)) = connect(&house, "/v1/realtime?model=voice", &bad).await else { panic!() };
    assert_eq!(refused.status(), 401);
    assert_eq!(seen.lock().await.asked.len(), 1);
    house.close().await;
}

#[tokio::test]
async fn what_may_not_be_said_ends_the_session_unheard() {
    let (address, seen, _tasks) = provider().await;
    let house = house(address).await;
    let model = |name: &str| json!({"type": "session.update", "session": {"input_audio_transcription": {"model": name}}});
    for (message, code, reason) in [
        (Message::text(model("gpt-5").to_string()), CloseCode::Policy, "model_not_found"),
        (Message::text(model("other").to_string()), CloseCode::Policy, "not at the provider"),
        (
            Message::text(r#"{"type":"session.update","session":{"model":"voice","model":"gpt-5"}}"#),
            CloseCode::Policy,
            "ai_request_ambiguous",
        ),
        (
            Message::text(r#"{"type":"session.update","session":{"Model":"gpt-5"}}"#),
            CloseCode::Policy,
            "ai_request_ambiguous",
        ),
        (Message::text(r#"{"type":"made.up"}"#), CloseCode::Policy, "ai_request_invalid"),
        (Message::text("no json"), CloseCode::Policy, "ai_request_invalid"),
        (
            Message::text(
                r#"{"type":"session.update","session":{"tools":[{"type":"mcp","server_label":"x","server_url":"https://mcp.example.com"}]}}"#,
            ),
            CloseCode::Policy,
            "ai_tool_refused",
        ),
        (
            Message::text(r#"{"type":"response.create","response":{"Tools":[{"type":"web_search"}]}}"#),
            CloseCode::Policy,
            "ai_tool_refused",
        ),
        (
            Message::text(
                r#"{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_image","file_id":"file-9"}]}}"#,
            ),
            CloseCode::Policy,
            "ai_object_not_found",
        ),
        (
            Message::text(r#"{"type":"session.update","session":{"prompt":{"id":"pmpt_1"}}}"#),
            CloseCode::Policy,
            "ai_object_not_found",
        ),
        (Message::binary(vec![1, 2, 3]), CloseCode::Unsupported, "ai_request_invalid"),
    ] {
        let (mut socket, _) =
            connect(&house, "/v1/realtime?model=voice", &[("authorization", house.ada())]).await.unwrap();
        socket.send(message.clone()).await.unwrap();
        let (closed, why) = closed_with(&mut socket).await;
        assert!(closed == code && why.contains(reason), "{closed} {why}: {message}");
        let record = house.record().await;
        assert_eq!(record.outcome, Outcome::Cut, "{message}");
    }
    assert!(seen.lock().await.messages.is_empty(), "{:?}", seen.lock().await.messages);
    house.close().await;
}

/// A frame of a message as a client sends it: `fin`, whether it is the last, and what kind the message is of (`None`: it goes on).
fn part(payload: impl Into<Vec<u8>>, kind: Option<Data>, fin: bool) -> Message {
    let kind = OpCode::Data(kind.unwrap_or(Data::Continue));
    Message::Frame(Frame::message(payload.into(), kind, fin))
}

#[tokio::test]
async fn an_event_in_parts_is_read_as_one() {
    let (address, seen, _tasks) = provider().await;
    let house = house(address).await;
    let open = async || {
        let headers = [("authorization", house.ada())];
        connect(&house, "/v1/realtime?model=voice", &headers).await.unwrap().0
    };
    // A name that no part of it has.
    let event = r#"{"type":"session.update","session":{"model":"voice","audio":{"input":{"transcription":{"model":"ears"}}}}}"#;
    let mut socket = open().await;
    for at in [5, 30, 48, 90] {
        let (first, rest) = event.split_at(at);
        socket.send(part(first, Some(Data::Text), false)).await.unwrap();
        socket.send(Message::Ping(vec![1, 2].into())).await.unwrap();
        socket.send(part("", None, false)).await.unwrap();
        socket.send(part(rest, None, true)).await.unwrap();
        let there = loop {
            match next(&mut socket).await.unwrap().unwrap() {
                Message::Text(text) => break serde_json::from_str::<Value>(&text).unwrap(),
                Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(there["session"]["model"], "gpt-realtime");
        assert_eq!(there["session"]["audio"]["input"]["transcription"]["model"], "whisper-1");
    }
    seen.lock().await.messages.clear();
    let refused = [
        // What is forbidden is so in parts, too, and nothing of it is heard.
        vec![
            part(r#"{"type":"session.update","session":{"tools":[{"type":"m"#, Some(Data::Text), false),
            part(r#"cp","server_label":"x","server_url":"https://mcp.example.com"}]}}"#, None, true),
        ],
        vec![part("{\"type\":", Some(Data::Binary), false), part("\"response.create\"}", None, true)],
        // Another message within one, one that nobody began, and one without end.
        vec![part("{", Some(Data::Text), false), part(event, Some(Data::Text), true)],
        vec![part(event, None, true)],
        vec![part("{", Some(Data::Text), false), part(vec![b' '; 16 << 20], None, false)],
    ];
    for (frames, code) in refused.into_iter().zip([
        CloseCode::Policy,
        CloseCode::Unsupported,
        CloseCode::Protocol,
        CloseCode::Protocol,
        CloseCode::Size,
    ]) {
        let mut socket = open().await;
        for frame in frames {
            // Whoever is cut off within a long one hears of it while it is sent.
            let _ = socket.send(frame).await;
        }
        assert_eq!(closed_with(&mut socket).await.0, code);
    }
    assert!(seen.lock().await.messages.is_empty(), "{:?}", seen.lock().await.messages);
    house.close().await;
}

#[tokio::test]
async fn a_long_event_passes_as_a_whole() {
    let (address, seen, _tasks) = provider().await;
    let house = house(address).await;
    let (mut socket, _) =
        connect(&house, "/v1/realtime?model=voice", &[("authorization", house.ada())]).await.unwrap();
    let event = json!({"type": "session.update", "session": {"instructions": "A".repeat(1_000_000), "model": "voice"}});
    socket.send(Message::text(event.to_string())).await.unwrap();
    let there = told(&mut socket).await;
    assert_eq!(there["session"]["model"], "gpt-realtime");
    assert_eq!(
        seen.lock().await.messages[0].len(),
        event.to_string().len() + "gpt-realtime".len() - "voice".len()
    );
    house.close().await;
}

#[tokio::test]
async fn who_may_not_open_a_session_opens_none() {
    let (address, seen, _tasks) = provider().await;
    let house = house(address).await;
    let key = || [("authorization", house.ada())];
    for (target, status) in [
        ("/v1/realtime?model=gpt-5", 404),
        ("/v1/realtime", 400),
        ("/v1/realtime?model=voice&model=gpt-5", 400),
        ("/v1/realtime?model=voice&call_id=rtc_1", 400),
        ("/v1/chat/completions", 405),
        ("/v1/models", 403),
    ] {
        let Err(Error::Http(refused)) = connect(&house, target, &key()).await else { panic!("{target}") };
        assert_eq!(refused.status(), status, "{target}");
        house.record().await;
    }
    assert_eq!(house.get("/v1/realtime?model=voice").await.status, 403);
    assert!(seen.lock().await.asked.is_empty());
    house.close().await;
}

#[tokio::test]
async fn a_providers_no_is_heard() {
    let body = r#"{"error":{"message":"no such session","type":"invalid_request_error"}}"#;
    let no = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let upstream = Upstream::fixed(no.leak()).await;
    let house = house(upstream.address).await;
    let Err(Error::Http(refused)) =
        connect(&house, "/v1/realtime?model=voice", &[("authorization", house.ada())]).await
    else {
        panic!("refused")
    };
    assert_eq!(refused.status(), 400);
    assert_eq!(house.record().await.upstream_status, Some(400));
    house.close().await;
}

#[tokio::test]
async fn what_was_heard_is_counted_at_its_own_models_price() {
    let (address, _seen, _tasks) = provider().await;
    let house = house(address).await;
    let commit = r#"{"type":"input_audio_buffer.commit"}"#.to_owned();
    let answer = r#"{"type":"response.create"}"#.to_owned();
    let listens = |model: &str| {
        json!({"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": model}}}}}).to_string()
    };
    let (by_time, by_tokens) = (5 * 100_000, 17 * 2_500 + 9 * 10_000);
    let answered = 5 * 4_000 + 15 * 32_000 + 2 * 16_000 + 8 * 64_000;
    for (model, said, tokens, seconds, cost) in [
        // A session that transcribes and does nothing else.
        ("scribe", vec![commit.clone()], 26, 0, Some(by_tokens)),
        ("ears", vec![listens("ears"), commit.clone(), commit.clone()], 0, 5, Some(by_time)),
        // Beside answers, and by one model after the other.
        (
            "voice",
            vec![
                listens("ears"),
                commit.clone(),
                answer.clone(),
                commit.clone(),
                listens("scribe"),
                commit.clone(),
            ],
            56,
            5,
            Some(answered + by_time + by_tokens),
        ),
        // What one of them costs is not known, so what all of it costs is not either.
        ("voice", vec![answer.clone(), listens("stranger"), commit.clone()], 56, 0, None),
    ] {
        let at = format!("/v1/realtime?model={model}");
        let (mut socket, _) = connect(&house, &at, &[("authorization", house.ada())]).await.unwrap();
        for event in &said {
            socket.send(Message::text(event.clone())).await.unwrap();
            told(&mut socket).await;
        }
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = next(&mut socket).await {}
        let record = house.record().await;
        let usage = record.usage.unwrap();
        assert_eq!(
            (usage.input_tokens + usage.output_tokens, usage.seconds, usage.source),
            (tokens, seconds, UsageSource::Reported),
            "{model}: {said:?}"
        );
        assert_eq!(record.cost.map(|cost| cost.nanos), cost, "{model}: {said:?}");
    }
    house.close().await;
}

#[tokio::test]
async fn suspension_ends_a_session_within_a_second() {
    within_a_second(suspended).await;
}

async fn suspended() -> Duration {
    let (address, _seen, _tasks) = provider().await;
    let house = house(address).await;
    let (mut socket, _) =
        connect(&house, "/v1/realtime?model=voice", &[("authorization", house.ada())]).await.unwrap();
    socket.send(Message::text(r#"{"type":"response.create"}"#)).await.unwrap();
    told(&mut socket).await;
    let at = Instant::now();
    house.directory.suspend(&house.actor, house.ada.id, None).await.unwrap();
    assert_eq!(closed_with(&mut socket).await, (CloseCode::Policy, "subject_unresolved".to_owned()));
    let took = at.elapsed();
    let record = house.record().await;
    assert_eq!((record.outcome, record.code.as_deref()), (Outcome::Cut, Some("user_suspended")));
    assert!(record.usage.unwrap().output_tokens > 0, "what it used until then");
    house.close().await;
    took
}
