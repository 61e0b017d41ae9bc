//! A second deployment asked beside a silent first: who is heard, who is hung up on, and what is never asked twice.

use crate::house::House;
use crate::routing::{Does, HEAD, ONE, PLAIN, TWO, Vendor, ask, broken, event, good, model, says};
use crate::upstream::Seen;
use portcullis_model::Record;
use portcullis_model::usage::UsageSource;
use std::sync::Arc;
use tokio::sync::Notify;

const SOON: &str = "hedge = { after = \"50ms\" }";

async fn house(one: &Vendor, two: &Vendor, more: &str) -> Arc<House> {
    let providers = [one.provider("one", ""), two.provider("two", "")].concat();
    House::open(&[providers, model("fast", more, &[ONE, TWO])].concat()).await
}

fn tried(record: &Record) -> Vec<(&str, &str, Option<u16>)> {
    record.tried.iter().map(|tried| (tried.provider.as_str(), tried.outcome.as_ref(), tried.status)).collect()
}

#[tokio::test]
async fn whoever_answers_first_is_heard_and_the_other_is_hung_up_on() {
    let (silent, quick) = (Vendor::always(Does::Waits).await, Vendor::always(good()).await);
    let house = house(&silent, &quick, SOON).await;
    let answer = ask(&house, PLAIN, "").await;
    assert_eq!(
        (answer.status, answer.header("x-portcullis-attempts")),
        (200, Some("2")),
        "{}",
        answer.text()
    );
    silent.left(1).await;
    let record = house.record().await;
    assert_eq!(tried(&record), [("one", "outrun", None), ("two", "answered", Some(200))]);
    assert_eq!((record.provider.as_deref(), record.attempts), (Some("two"), 2));
    // What the loser may have used is told, as an estimate, and is not the call's.
    let lost = record.tried[0].usage.unwrap();
    assert_eq!((lost.source, lost.output_tokens), (UsageSource::Estimated, 0));
    assert!(lost.input_tokens > 0 && record.tried[1].usage.is_none());
    assert_eq!(record.usage.unwrap().source, UsageSource::Reported);
    assert_eq!((silent.calls(), quick.calls()), (1, 1));
    house.close().await;
}

#[tokio::test]
async fn the_first_may_still_win_and_a_quick_one_is_alone() {
    let may = Arc::new(Notify::new());
    let slow = Vendor::open({
        let may = may.clone();
        move |_, number| match (number, good()) {
            (0, Does::Says(answer)) => Does::When(may.clone(), answer),
            (_, good) => good,
        }
    })
    .await;
    let silent = Vendor::always(Does::Waits).await;
    let house = house(&slow, &silent, SOON).await;
    let (answer, ()) = futures_util::join!(ask(&house, PLAIN, ""), async {
        silent.called(1).await;
        may.notify_one();
    });
    assert_eq!(answer.status, 200);
    silent.left(1).await;
    let record = house.record().await;
    assert_eq!(tried(&record), [("two", "outrun", None), ("one", "answered", Some(200))]);
    assert_eq!((record.provider.as_deref(), record.attempts), (Some("one"), 2));
    house.close().await;
    let (one, two) = (Vendor::always(good()).await, Vendor::always(good()).await);
    let house = self::house(&one, &two, "hedge = { after = \"60s\" }").await;
    assert_eq!(ask(&house, PLAIN, "").await.header("x-portcullis-attempts"), None);
    assert_eq!((one.calls(), two.calls()), (1, 0));
    assert!(house.record().await.tried.is_empty());
    house.close().await;
}

/// A head is no answer yet, and after the first byte there is nothing to be won.
#[tokio::test]
async fn a_stream_has_begun_with_its_first_byte() {
    let stream = PLAIN.replace("\"fast\"", "\"fast\",\"stream\":true");
    let may = Arc::new(Notify::new());
    let headed = Vendor::open({
        let may = may.clone();
        move |_: &Seen, _| Does::When(may.clone(), HEAD.to_owned())
    })
    .await;
    may.notify_one();
    let whole = format!("{HEAD}{}e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n", event("all"));
    let other = Vendor::always(Does::Says(whole)).await;
    let house = house(&headed, &other, SOON).await;
    let answer = ask(&house, &stream, "").await;
    assert!(answer.text().contains("all") && answer.text().contains("[DONE]"), "{}", answer.text());
    let record = house.record().await;
    assert_eq!(tried(&record), [("one", "outrun", Some(200)), ("two", "answered", Some(200))]);
    assert_eq!(record.attempts, 2);
    house.close().await;
}

#[tokio::test]
async fn when_both_fail_the_next_is_asked() {
    let silent = Vendor::always(Does::Waits).await;
    let (bad, last) = (Vendor::always(broken()).await, Vendor::always(good()).await);
    let three = r#"{ provider = "three", model = "c" }"#;
    let config = [
        silent.provider("one", "http = { response_timeout = \"400ms\" }"),
        bad.provider("two", ""),
        last.provider("three", ""),
        model("fast", SOON, &[ONE, TWO, three]),
    ];
    let house = House::open(&config.concat()).await;
    let answer = ask(&house, PLAIN, "").await;
    assert_eq!(
        (answer.status, answer.header("x-portcullis-attempts")),
        (200, Some("3")),
        "{}",
        answer.text()
    );
    let record = house.record().await;
    assert_eq!(
        tried(&record),
        [("one", "outage", None), ("two", "outage", Some(500)), ("three", "answered", Some(200))]
    );
    assert_eq!((record.attempts, silent.calls(), bad.calls(), last.calls()), (3, 1, 1, 1));
    house.close().await;
}

#[tokio::test]
async fn what_does_something_is_never_asked_twice() {
    let silent = Vendor::always(Does::Waits).await;
    let quick = Vendor::always(good()).await;
    let house = async |more: &str| {
        let providers = [
            silent.provider("one", &format!("preset = \"openai\"\n{more}")),
            quick.provider("two", "preset = \"openai\""),
        ];
        let tools = format!("{SOON}\nserver_tools = [\"web_search\"]");
        House::open(&[providers.concat(), model("fast", &tools, &[ONE, TWO])].concat()).await
    };
    let call = async |house: &House, path: &str, body: &str| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{body}",
            house.ada(),
            body.len()
        );
        let answer = house.client().await.call(head).await;
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text());
        house.record().await.tried[0].outcome.clone()
    };
    let with = |more: &str| PLAIN.replace("\"fast\"", &format!("\"fast\",{more}"));
    let impatient = house("http = { response_timeout = \"500ms\" }").await;
    for (path, body) in [
        ("/v1/chat/completions", with(r#""store":true"#)),
        ("/v1/chat/completions", with(r#""tools":[{"type":"web_search"}]"#)),
        ("/v1/responses", r#"{"model":"fast","input":"hi"}"#.to_owned()),
        ("/v1/completions", r#"{"model":"fast","prompt":"hi"}"#.to_owned()),
    ] {
        let first = call(&impatient, path, &body).await;
        assert_eq!(first, "outage", "{path} {body}: the second only after the first");
    }
    impatient.close().await;
    let house = house("").await;
    for (path, body) in [
        ("/v1/embeddings", r#"{"model":"fast","input":"hi"}"#.to_owned()),
        ("/v1/chat/completions", with(r#""tools":[{"type":"function","function":{"name":"f"}}]"#)),
    ] {
        assert_eq!(call(&house, path, &body).await, "outrun", "{path} {body}");
    }
    house.close().await;
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_both_along() {
    let (one, two) = (Vendor::always(Does::Waits).await, Vendor::always(Does::Waits).await);
    let house = house(&one, &two, SOON).await;
    let caller = async { futures_util::future::pending::<()>().await };
    let asking = async {
        ask(&house, PLAIN, "").await;
    };
    let both = async {
        one.called(1).await;
        two.called(1).await;
    };
    tokio::select! {
        () = asking => panic!("nobody answers"),
        () = caller => {}
        () = both => {}
    }
    one.left(1).await;
    two.left(1).await;
    let record = house.record().await;
    assert_eq!((record.status, one.calls(), two.calls()), (499, 1, 1));
    house.close().await;
}

/// What is heard can be referred to where it was said, and nowhere else; what was not heard is nobody's.
#[tokio::test]
async fn what_was_made_is_where_whoever_was_heard_made_it() {
    let said = |id: &str| {
        let message = format!(
            r#"{{"role":"assistant","content":null,"audio":{{"id":"{id}","expires_at":4000000000,"data":"","transcript":"hello"}}}}"#
        );
        let choice = format!(r#"{{"index":0,"message":{message},"finish_reason":"stop"}}"#);
        says(
            "200 OK",
            "",
            &format!(
                r#"{{"id":"1","object":"chat.completion","choices":[{choice}],"usage":{{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}}}"#
            ),
        )
    };
    let (slow, quick) = (said("audio_slow"), said("audio_quick"));
    let slow = Vendor::open(move |_, _| match &slow {
        Does::Says(answer) => Does::When(Arc::new(Notify::new()), answer.clone()),
        other => other.clone(),
    })
    .await;
    let quick = Vendor::always(quick).await;
    let house = house(&slow, &quick, SOON).await;
    let spoken = PLAIN.replace(
        "{\"model\"",
        r#"{"modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"},"model""#,
    );
    let answer = ask(&house, &spoken, "").await;
    assert!(answer.text().contains("audio_quick"), "{}", answer.text());
    assert_eq!((slow.calls(), quick.calls()), (1, 1));
    let go_on = |id: &str| {
        let before = format!(r#"[{{"role":"assistant","audio":{{"id":"{id}"}}}},"#);
        spoken.replace("\"messages\":[", &format!("\"messages\":{before}"))
    };
    let answer = ask(&house, &go_on("audio_quick"), "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!((slow.calls(), quick.calls()), (1, 2), "only who said it knows it");
    let answer = ask(&house, &go_on("audio_slow"), "").await;
    assert_eq!(answer.status, 404, "{}", answer.text());
    assert_eq!((slow.calls(), quick.calls()), (1, 2));
    house.close().await;
}
