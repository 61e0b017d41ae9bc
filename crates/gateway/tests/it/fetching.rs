//! Images by URL, towards a provider that takes data only.

use crate::house::House;
use crate::routing::{ONE, TWO, Vendor, ask, good, model};

const IMAGE: &str = r#"{"model":"fast","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://127.0.0.1/cat.png?key=secret"}}]}]}"#;

#[tokio::test]
async fn nothing_is_fetched_unless_it_is_wanted_and_never_from_within() {
    let (bedrock, other) = (Vendor::always(good()).await, Vendor::always(good()).await);
    let config = [
        bedrock.provider("one", "preset = \"bedrock\""),
        other.provider("two", ""),
        model("fast", "", &[ONE]),
        model("either", "", &[ONE, TWO]),
    ]
    .concat();
    let house = House::open(&config).await;
    let answer = ask(&house, IMAGE, "").await;
    let said = answer.text();
    assert_eq!(answer.status, 400);
    assert!(said.contains("`fetch_media = true` in `[ai]`") && said.contains("ai_request_invalid"), "{said}");
    // Whoever takes the URL itself gets it.
    let either = IMAGE.replace("fast", "either");
    assert_eq!(ask(&house, &either, "").await.status, 200);
    assert!(String::from_utf8_lossy(&other.seen.lock().unwrap()[0].body).contains("cat.png"));
    house.close().await;

    let house = House::open(&format!("[ai]\nfetch_media = true\n{config}")).await;
    let answer = ask(&house, IMAGE, "").await;
    let said = answer.text();
    assert_eq!(answer.status, 400);
    assert!(said.contains("`https://127.0.0.1/…` cannot be fetched") && !said.contains("loopback"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    let detail = house.record().await.detail.unwrap();
    assert!(detail.contains("127.0.0.1 is loopback"), "{detail}");
    assert_eq!(ask(&house, &either, "").await.status, 200);
    assert_eq!(bedrock.calls(), 0, "nothing was sent there");
    house.close().await;
}
