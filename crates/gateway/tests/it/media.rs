//! Images, audio and moderations: they pass to a provider that has them, forms as strictly read as JSON, and are counted.

use crate::client::Answer;
use crate::house::House;
use crate::upstream::{Seen, Upstream, Wire};
use portcullis_model::record::Outcome;
use portcullis_model::usage::UsageSource;
use std::sync::Arc;
use tokio::sync::Mutex;

/// An upstream that answers each call with `answer`, and keeps what it saw.
async fn vendor(answer: String) -> (Upstream, Arc<Mutex<Vec<Seen>>>) {
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let keep = seen.clone();
    let upstream = Upstream::open(move |mut wire: Wire, _| {
        let (keep, answer) = (keep.clone(), answer.clone());
        async move {
            while let Some(call) = wire.call().await {
                keep.lock().await.push(call);
                wire.send(&answer).await;
            }
        }
    })
    .await;
    (upstream, seen)
}

fn answer(kind: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A provider as OpenAI is, and a model `it` that is `model` there.
async fn house(upstream: &Upstream, model: &str) -> Arc<House> {
    House::open(&format!(
        "{}[[models]]\nname = \"it\"\ndeployments = [{{ provider = \"one\", model = \"{model}\" }}]\n",
        provider("one", upstream)
    ))
    .await
}

fn provider(name: &str, upstream: &Upstream) -> String {
    format!(
        "[[providers]]\nname = \"{name}\"\npreset = \"openai\"\nbase_url = \"http://{}/v1\"\napi_key = \"env:PROVIDER_KEY\"\n",
        upstream.address
    )
}

fn post(house: &House, path: &str, kind: &str, body: &str) -> String {
    post_as(&house.ada(), path, kind, body)
}

fn post_as(who: &str, path: &str, kind: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {who}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn json(house: &House, path: &str, body: &str) -> Answer {
    house.client().await.call(post(house, path, "application/json", body)).await
}

const FORM: &str = "multipart/form-data; charset=utf-8; boundary=\"b:1\"";

async fn form(house: &House, path: &str, fields: &str) -> Answer {
    house.client().await.call(post(house, path, FORM, &whole(fields))).await
}

fn field(name: &str, content: &str) -> String {
    format!("--b:1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
}

fn file(name: &str, content: &str) -> String {
    format!(
        "--b:1\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n{content}\r\n"
    )
}

fn whole(fields: &str) -> String {
    format!("{fields}--b:1--\r\n")
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn images_are_made_and_cost_what_they_cost() {
    let made = r#"{"created":1,"data":[{"b64_json":"AA=="}],"usage":{"total_tokens":110,"input_tokens":50,"output_tokens":60,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}}"#;
    let (upstream, seen) = vendor(answer("application/json", made)).await;
    let house = house(&upstream, "gpt-image-2").await;
    let body = r#"{"model":"it","prompt":"a cat","size":"1024x1024"}"#;
    let got = json(&house, "/v1/images/generations", body).await;
    assert_eq!((got.status, got.text()), (200, made));
    let call = seen.lock().await[0].clone();
    assert_eq!(call.line, "POST /v1/images/generations HTTP/1.1");
    assert_eq!(String::from_utf8(call.body).unwrap(), body.replace("\"it\"", "\"gpt-image-2\""));
    let record = house.record().await;
    assert_eq!(record.operation.as_deref(), Some("images"));
    let usage = record.usage.unwrap();
    assert_eq!((usage.images, usage.image_input_tokens, usage.image_output_tokens), (1, 40, 60));
    assert_eq!(record.cost.unwrap().nanos, 10 * 5_000 + 40 * 8_000 + 60 * 30_000);
    house.close().await;
}

#[tokio::test]
async fn a_form_passes_byte_for_byte_but_for_the_model() {
    let heard = r#"{"text":"hello","usage":{"type":"duration","seconds":9}}"#;
    let (upstream, seen) = vendor(answer("application/json", heard)).await;
    let house = house(&upstream, "whisper-1").await;
    let fields = [
        field("prompt", "x\r\n-b:1"),
        file("file", "RIFF\0\r\n--b\r\n"),
        field("model", "it"),
        field("timestamp_granularities[]", "word"),
        field("timestamp_granularities[]", "segment"),
    ]
    .concat();
    for (path, operation) in
        [("/v1/audio/transcriptions", "transcriptions"), ("/openai/v1/audio/translations", "translations")]
    {
        let got = form(&house, path, &fields).await;
        assert_eq!((got.status, got.text()), (200, heard));
        let call = seen.lock().await.pop().unwrap();
        assert_eq!(call.target(), path.trim_start_matches("/openai"));
        assert_eq!(call.header("content-type"), Some("multipart/form-data; boundary=\"b:1\""));
        let expected = whole(&fields).replace("\r\nit\r\n", "\r\nwhisper-1\r\n");
        assert_eq!(String::from_utf8(call.body).unwrap(), expected);
        let record = house.record().await;
        assert_eq!(record.operation.as_deref(), Some(operation));
        assert_eq!(record.usage.unwrap().seconds, 9);
        assert_eq!(record.cost.unwrap().nanos, 9 * 100_000);
    }
    for path in ["/v1/images/edits", "/v1/images/variations"] {
        let fields = [field("model", "it"), file("image[]", "a"), file("image[]", "b")].concat();
        assert_eq!(form(&house, path, &fields).await.status, 200);
        assert_eq!(seen.lock().await.pop().unwrap().target(), path);
    }
    house.close().await;
}

#[tokio::test]
async fn speech_is_heard_as_it_is_made() {
    let upstream = Upstream::open(|mut wire, _| async move {
        while wire.call().await.is_some() {
            wire.send("HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n3\r\nID3\r\n").await;
            // The rest comes when somebody has heard the beginning.
            if wire.line().await.is_none() {
                return;
            }
        }
    })
    .await;
    let house = house(&upstream, "tts-1").await;
    let mut client = house.client().await;
    client
        .send(post(
            &house,
            "/v1/audio/speech",
            "application/json",
            r#"{"model":"it","input":"h\u00e9llo","voice":"alloy"}"#,
        ))
        .await;
    client.until("ID3").await;
    drop(client);
    let record = house.record().await;
    assert_eq!((record.outcome, record.operation.as_deref()), (Outcome::ClientClosed, Some("speech")));
    let usage = record.usage.unwrap();
    assert_eq!((usage.characters, usage.source), (5, UsageSource::Estimated));
    assert_eq!(record.cost.unwrap().nanos, 5 * 15_000);
    house.close().await;

    let (upstream, _) = vendor(answer("audio/mpeg", "ID3 and all of it")).await;
    let house = self::house(&upstream, "tts-1").await;
    let got = json(&house, "/v1/audio/speech", r#"{"model":"it","input":"hi","voice":"alloy"}"#).await;
    assert_eq!((got.text(), got.header("content-type")), ("ID3 and all of it", Some("audio/mpeg")));
    assert_eq!(house.record().await.outcome, Outcome::Completed);
    house.close().await;
}

#[tokio::test]
async fn streams_are_watched_to_their_end() {
    let done = "event: transcript.text.done\ndata: {\"type\":\"transcript.text.done\",\"text\":\"hi\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":4,\"output_tokens\":1,\"total_tokens\":5}}\n\n";
    let delta =
        "event: transcript.text.delta\ndata: {\"type\":\"transcript.text.delta\",\"delta\":\"hi\"}\n\n";
    for (events, whole) in [(format!("{delta}{done}"), true), (delta.to_owned(), false)] {
        let (upstream, _) = vendor(answer("text/event-stream", &events)).await;
        let house = house(&upstream, "gpt-4o-transcribe").await;
        let fields = [field("model", "it"), field("stream", "true"), file("file", "RIFF")].concat();
        let got = form(&house, "/v1/audio/transcriptions", &fields).await;
        let record = house.record().await;
        if whole {
            assert_eq!((got.text(), record.outcome), (events.as_str(), Outcome::Completed));
            let usage = record.usage.unwrap();
            assert_eq!(
                (usage.input_tokens, usage.output_tokens, usage.source),
                (4, 1, UsageSource::Reported)
            );
        } else {
            assert!(got.text().starts_with(delta) && got.text().contains("upstream_cut"), "{}", got.text());
            assert_eq!(record.outcome, Outcome::UpstreamCut);
        }
        house.close().await;
    }
    // Two images: what ends the first one does not end the answer.
    let image = "data: {\"type\":\"image_generation.completed\",\"b64_json\":\"AA==\"}\n\n";
    let (upstream, _) = vendor(answer("text/event-stream", &image.repeat(2))).await;
    let house = house(&upstream, "gpt-image-2").await;
    let body = r#"{"model":"it","prompt":"a cat","stream":true,"n":2}"#;
    assert_eq!(json(&house, "/v1/images/generations", body).await.text(), image.repeat(2));
    assert_eq!(house.record().await.usage.unwrap().images, 2);
    house.close().await;
}

#[tokio::test]
async fn images_to_be_changed_are_named_in_json_as_well() {
    let (upstream, seen) =
        vendor(answer("application/json", r#"{"created":1,"data":[{"b64_json":"AA=="}]}"#)).await;
    let house = house(&upstream, "gpt-image-2").await;
    let edits = "/v1/images/edits";
    let body = r#"{"model":"it","prompt":"a hat","images":[{"image_url":"data:image/png;base64,AA=="},{"image_url":"https://a.example/x.png"}]}"#;
    let kind = "application/json; charset=utf-8";
    let got = house.client().await.call(post(&house, edits, kind, body)).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let call = seen.lock().await.pop().unwrap();
    assert_eq!((call.target(), call.header("content-type")), (edits, Some(kind)));
    assert_eq!(String::from_utf8(call.body).unwrap(), body.replace("\"it\"", "\"gpt-image-2\""));
    assert_eq!(house.record().await.usage.unwrap().images, 1);
    // Files of the account are somebody's, and two readings are one too many, as in any JSON.
    for (body, refused) in [
        (r#"{"model":"it","prompt":"a","images":[{"file_id":"file-theirs"}]}"#, (404, "ai_object_not_found")),
        (r#"{"model":"it","prompt":"a","mask":{"FileId":"file-theirs"}}"#, (404, "ai_object_not_found")),
        (r#"{"model":"it","prompt":"a","Model":"other"}"#, (400, "ai_request_ambiguous")),
        (r#"{"prompt":"a"}"#, (400, "ai_request_invalid")),
    ] {
        let got = json(&house, edits, body).await;
        assert_eq!(code(&got), (refused.0, refused.1.to_owned()), "{body}");
    }
    // A form stays a form, whatever else it is called, and what is varied comes in forms only.
    for (path, kind) in [(edits, "text/json"), (edits, ""), ("/v1/images/variations", "application/json")] {
        let got = house.client().await.call(post(&house, path, kind, body)).await;
        assert_eq!(code(&got), (400, "ai_request_invalid".to_owned()), "{path} {kind}: {}", got.text());
    }
    assert!(seen.lock().await.is_empty());
    house.close().await;
}

#[tokio::test]
async fn who_names_no_model_for_moderations_gets_the_one_that_there_is() {
    let judged = r#"{"id":"modr-1","model":"omni","results":[{"flagged":false}]}"#;
    let (upstream, seen) = vendor(answer("application/json", judged)).await;
    let model = |name: &str, there: &str| {
        format!(
            "[[models]]\nname = \"{name}\"\ndeployments = [{{ provider = \"one\", model = \"{there}\" }}]\n"
        )
    };
    let one = [provider("one", &upstream), model("talks", "gpt-5"), model("judge", "omni-moderation-latest")]
        .concat();
    let house = House::open(&one).await;
    for (body, sent) in [
        (r#"{"input":"hi"}"#, r#"{"model":"omni-moderation-latest","input":"hi"}"#),
        (r#"{ }"#, r#"{ "model":"omni-moderation-latest"}"#),
        (r#"{"input":"hi","model":"judge"}"#, r#"{"input":"hi","model":"omni-moderation-latest"}"#),
    ] {
        let got = json(&house, "/v1/moderations", body).await;
        assert_eq!(got.status, 200, "{body}: {}", got.text());
        assert_eq!(String::from_utf8(seen.lock().await.pop().unwrap().body).unwrap(), sent);
        assert_eq!(house.record().await.model.as_deref(), Some("judge"));
    }
    // Whom it is not granted to it is not given to, either.
    let mallory = house.user("umbra", "mallory").await;
    let subject = portcullis_identity::local::LocalSubject::User(mallory.id);
    let token = house.token("umbra", subject, std::time::Duration::from_secs(60));
    let body = r#"{"input":"hi"}"#;
    let call = post_as(&format!("Bearer {token}"), "/v1/moderations", "application/json", body);
    assert_eq!(house.client().await.call(call).await.status, 400);
    house.close().await;
    // Of several, or none, nobody knows which.
    for config in [
        [one.clone(), model("other", "omni-moderation-latest")].concat(),
        [provider("one", &upstream), model("talks", "gpt-5")].concat(),
    ] {
        let house = House::open(&config).await;
        let got = json(&house, "/v1/moderations", body).await;
        assert_eq!(code(&got), (400, "ai_request_invalid".to_owned()), "{}", got.text());
        assert!(got.text().contains("name one"), "{}", got.text());
        house.close().await;
    }
    assert!(seen.lock().await.is_empty());
}

#[tokio::test]
async fn moderations_pass() {
    let judged = r#"{"id":"modr-1","model":"omni-moderation-latest","results":[{"flagged":false,"categories":{},"category_scores":{}}]}"#;
    let (upstream, seen) = vendor(answer("application/json", judged)).await;
    let house = house(&upstream, "omni-moderation-latest").await;
    let got = json(&house, "/v1/moderations", r#"{"model":"it","input":"hi"}"#).await;
    assert_eq!((got.status, got.text()), (200, judged));
    assert_eq!(seen.lock().await[0].body, br#"{"model":"omni-moderation-latest","input":"hi"}"#);
    assert_eq!(house.record().await.operation.as_deref(), Some("moderations"));
    house.close().await;
}

#[tokio::test]
async fn forms_that_two_could_read_differently_reach_nobody() {
    let (upstream, seen) = vendor(answer("application/json", "{}")).await;
    let house = house(&upstream, "whisper-1").await;
    let model = field("model", "it");
    let sound = file("file", "RIFF");
    let smuggled = |line: &str| {
        let hidden = field("model", "secret").replace("\r\n", line);
        format!("{model}{}", file("file", &format!("RIFF{line}{hidden}")))
    };
    let ambiguous = "ai_request_ambiguous";
    for (fields, code) in [
        (format!("{model}{model}{sound}"), ambiguous),
        (format!("{model}{}{sound}", field("Model", "secret")), ambiguous),
        (format!("{model}{}{sound}", field("model[]", "secret")), ambiguous),
        (format!("{model}{}{sound}", field("models", "secret")), ambiguous),
        (smuggled("\n"), ambiguous),
        (smuggled("\r"), ambiguous),
        (format!("x\r\n{model}{sound}"), ambiguous),
        (format!("{sound}--b:1--\r\n{model}"), ambiguous),
        (sound.clone(), "ai_request_invalid"),
        (format!("{}{sound}", file("model", "it")), "ai_request_invalid"),
        (
            format!("{}{sound}", field("model", "it").replacen("form-data", "attachment", 1)),
            "ai_request_invalid",
        ),
        (
            format!("{model}{}", file("file", "x").replacen("a.wav", &"n".repeat(5_000), 1)),
            "ai_request_invalid",
        ),
        (format!("{model}{}", field("x[]", "").repeat(128)), "ai_request_invalid"),
    ] {
        let got = form(&house, "/v1/audio/transcriptions", &fields).await;
        assert_eq!(self::code(&got), (400, code.to_owned()), "{}\n{fields}", got.text());
    }
    for kind in [
        "multipart/form-data",
        "multipart/form-data; boundary=b:1; boundary=c",
        "multipart/form-data; boundary=c",
        "multipart/mixed; boundary=\"b:1\"",
        "application/json",
        "application/json\r\ncontent-type: multipart/form-data; boundary=\"b:1\"",
    ] {
        let got = house
            .client()
            .await
            .call(post(&house, "/v1/audio/transcriptions", kind, &whole(&format!("{model}{sound}"))))
            .await;
        assert_eq!(got.status, 400, "{kind}");
    }
    assert!(seen.lock().await.is_empty());
    house.close().await;
}

#[tokio::test]
async fn models_are_granted_and_forms_have_a_bound_of_their_own() {
    let (upstream, seen) = vendor(answer("application/json", "{}")).await;
    let config = format!(
        "[ai]\nmax_body = \"1KiB\"\nmax_upload = \"4KiB\"\n{}[[models]]\nname = \"it\"\ndeployments = [{{ provider = \"one\", model = \"whisper-1\" }}]\n",
        provider("one", &upstream)
    );
    let house = House::open(&config).await;
    let sound = |bytes: usize| [field("model", "it"), file("file", &"R".repeat(bytes))].concat();
    assert_eq!(form(&house, "/v1/audio/transcriptions", &sound(2_000)).await.status, 200);
    let got = form(&house, "/v1/audio/transcriptions", &sound(5_000)).await;
    assert_eq!(code(&got), (413, "body_too_large".to_owned()));
    let large = format!(r#"{{"model":"it","prompt":"{}"}}"#, "x".repeat(2_000));
    assert_eq!(json(&house, "/v1/images/generations", &large).await.status, 413);
    let other = [field("model", "other"), file("file", "RIFF")].concat();
    let got = form(&house, "/v1/audio/transcriptions", &other).await;
    assert_eq!(code(&got), (404, "model_not_found".to_owned()));
    let mallory = house.user("umbra", "mallory").await;
    let subject = portcullis_identity::local::LocalSubject::User(mallory.id);
    let token = house.token("umbra", subject, std::time::Duration::from_secs(60));
    let call = post_as(&format!("Bearer {token}"), "/v1/audio/transcriptions", FORM, &whole(&sound(10)));
    let got = house.client().await.call(call).await;
    assert_eq!(code(&got), (404, "model_not_found".to_owned()));
    assert_eq!(seen.lock().await.len(), 1);
    house.close().await;
}

#[tokio::test]
async fn a_provider_that_has_no_such_operation_is_not_asked() {
    let (upstream, seen) = vendor(answer("application/json", "{}")).await;
    let config = format!(
        "[[providers]]\nname = \"one\"\npreset = \"deepseek\"\nbase_url = \"http://{}/v1\"\napi_key = \"env:PROVIDER_KEY\"\n\
         [[models]]\nname = \"it\"\ndeployments = [{{ provider = \"one\", model = \"m\" }}]\n",
        upstream.address
    );
    let house = House::open(&config).await;
    let got = json(&house, "/v1/images/generations", r#"{"model":"it","prompt":"a cat"}"#).await;
    assert_eq!(code(&got), (400, "ai_request_invalid".to_owned()));
    assert!(got.text().contains("does not serve `images`"), "{}", got.text());
    assert!(seen.lock().await.is_empty());
    house.close().await;
}

/// What may have been made is paid for, and not made again elsewhere unless that was asked for.
#[tokio::test]
async fn what_may_have_been_made_is_not_made_again() {
    let broken = Upstream::open(|mut wire, _| async move {
        let _ = wire.call().await;
    })
    .await;
    let failing = answer("application/json", r#"{"error":{"message":"x","type":"server_error"}}"#)
        .replace("200 OK", "500 Internal Server Error");
    let (failing, _) = vendor(failing).await;
    let (good, seen) = vendor(answer("application/json", r#"{"data":[{"url":"u"}]}"#)).await;
    let models = |name: &str, first: &str, more: &str| {
        format!(
            "[[models]]\nname = \"{name}\"\n{more}deployments = [{{ provider = \"{first}\", model = \"gpt-image-2\" }}, {{ provider = \"good\", model = \"gpt-image-2\" }}]\n"
        )
    };
    let config = [
        provider("broken", &broken),
        provider("failing", &failing),
        provider("good", &good),
        models("once", "broken", ""),
        models("again", "broken", "retries = 1\n"),
        models("refused", "failing", ""),
    ]
    .concat();
    let house = House::open(&config).await;
    let draw = |model: &str| format!(r#"{{"model":"{model}","prompt":"a cat"}}"#);
    let got = json(&house, "/v1/images/generations", &draw("once")).await;
    assert_eq!((got.status, seen.lock().await.len()), (502, 0), "{}", got.text());
    for (model, calls) in [("again", 1), ("refused", 2)] {
        assert_eq!(json(&house, "/v1/images/generations", &draw(model)).await.status, 200, "{model}");
        assert_eq!(seen.lock().await.len(), calls);
    }
    // A conversation is had again, as it always was.
    let chat = r#"{"model":"once","messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(json(&house, "/v1/chat/completions", chat).await.status, 200);
    house.close().await;
}
