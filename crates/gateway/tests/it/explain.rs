//! The dry run: what a call would get, with the state of the process, and without a trace of its own.

use crate::house::House;
use crate::routing::{ONE, PLAIN, TWO, Vendor, ask, broken, good, model, says};
use portcullis_identity::supposed;
use portcullis_model::route::{RouteError, RouteExplanation, RouteQuestion};
use std::sync::Arc;

fn question(model: &str) -> RouteQuestion {
    RouteQuestion { model: model.to_owned(), ..RouteQuestion::default() }
}

fn places(explanation: &RouteExplanation) -> Vec<(Option<u16>, &str)> {
    explanation.candidates.iter().map(|candidate| (candidate.place, candidate.provider.as_str())).collect()
}

#[tokio::test]
async fn the_state_of_the_process_counts_and_stays_as_it_is() {
    let one = Vendor::always(broken()).await;
    let busy = says("429 Too Many Requests", "retry-after: 60\r\n", r#"{"error":{"message":"slow down"}}"#);
    let two = Vendor::open(move |_, number| if number == 0 { busy.clone() } else { good() }).await;
    let config = [
        one.provider("one", ""),
        two.provider("two", "api_key = \"env:PROVIDER_KEY\""),
        model("fast", "breaker = { failures = 1, open = \"10ms\" }", &[ONE, TWO]),
    ];
    let house = House::open(&config.concat()).await;
    let fresh = house.gateway.explain(&question("fast")).unwrap();
    assert_eq!(places(&fresh), [(Some(1), "one"), (Some(2), "two")]);
    assert!(fresh.live && !fresh.by_chance && fresh.permission.is_none());
    assert_eq!(fresh.candidates[0].breaker.as_deref(), Some("closed"));
    assert_eq!(ask(&house, PLAIN, "").await.status, 429);
    house.record().await;
    let calls = (one.calls(), two.calls());
    // The breaker lets one call through to see; to look takes nothing of that, however often.
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    for _ in 0..20 {
        let now = house.gateway.explain(&question("fast")).unwrap();
        assert_eq!(places(&now), [(Some(1), "one"), (None, "two")]);
        assert_eq!(now.candidates[0].breaker.as_deref(), Some("half_open"));
        let two = &now.candidates[1];
        assert_eq!((two.keys, two.resting), (Some(1), Some(1)));
        assert!(two.reason.as_ref().unwrap().contains("its keys are to rest until"), "{two:?}");
    }
    assert_eq!((one.calls(), two.calls()), calls, "nothing is sent");
    let states = house.gateway.deployments();
    assert_eq!(states.len(), 2);
    assert!(states[1].resting_until.is_some() && states[0].failures == 1);
    house.no_more_records().await;
    house.close().await;
}

#[tokio::test]
async fn reasons_are_those_of_the_call_itself() {
    let vendor = Vendor::always(good()).await;
    let deployments = [
        r#"{ provider = "one", model = "claude-sonnet-4-5", priority = 1 }"#,
        r#"{ provider = "two", model = "a", when = { tags = ["batch"] } }"#,
        r#"{ provider = "two", model = "b", region = "eu" }"#,
        r#"{ provider = "two", model = "c", when = { users = ["ada"] } }"#,
        r#"{ provider = "two", model = "d", when = { larger_than = "1KiB" } }"#,
        r#"{ provider = "two", model = "e", when = { needs = ["tools"] } }"#,
    ];
    let config = [
        vendor.provider("one", "preset = \"anthropic\""),
        vendor.provider("two", ""),
        model("fast", "tags = true\nfallback = { outage = [\"other\", \"secret\"] }", &deployments),
        model("other", "fallback = { outage = [\"last\"] }", &[TWO]),
        model("secret", "", &[TWO]),
        model("last", "", &[TWO]),
        "[[policies]]\nname = \"q\"\ncedar = '''permit (principal, action, resource);\nforbid (principal, action == Action::\"use_model\", resource == Model::\"secret\");'''\n".to_owned(),
    ];
    let house = House::open(&config.concat()).await;
    let explained = |question: RouteQuestion| house.gateway.explain(&question).unwrap();
    let reason = |explanation: &RouteExplanation, model: &str| {
        let found = explanation.candidates.iter().find(|candidate| candidate.deployment == model).unwrap();
        found.reason.clone().unwrap_or_default()
    };
    let plain = explained(question("fast"));
    for (model, said) in
        [("a", "`when.tags`"), ("c", "`when.users`"), ("d", "`when.larger_than`"), ("e", "`when.needs`")]
    {
        assert!(reason(&plain, model).contains(said), "{model}: {plain:?}");
    }
    assert_eq!(plain.candidates[0].deployment, "b");
    assert_eq!(plain.candidates[1].way.as_deref(), Some("translated"));
    assert_eq!(plain.candidates[0].api.as_deref(), Some("chat_completions"));
    assert_eq!(plain.candidates[1].api, None, "Anthropic has no endpoints to choose from");
    let tenant = house.tenant("acme").await;
    let principal = Arc::new(supposed(Arc::new(tenant), Some((house.ada.clone(), Vec::new())), None));
    let body = format!(
        r#"{{"model":"x","messages":[{{"role":"user","content":"{}"}}],"tools":[{{"type":"function","function":{{"name":"f"}}}}]}}"#,
        "word ".repeat(300)
    );
    let full = explained(RouteQuestion {
        principal: Some(principal.clone()),
        tags: vec!["batch".to_owned(), "region=eu".to_owned()],
        body: Some(body.clone()),
        ..question("fast")
    });
    assert_eq!(full.candidates[0].deployment, "b", "the only one of the region");
    assert!(reason(&full, "a").contains("not in the region") && full.needs == ["tools"], "{full:?}");
    assert_eq!(full.bytes, body.len() as u64);
    let full = explained(RouteQuestion {
        principal: Some(principal.clone()),
        tags: vec!["batch".to_owned()],
        body: Some(body),
        ..question("fast")
    });
    let tried: Vec<_> = full.candidates.iter().filter(|candidate| candidate.place.is_some()).collect();
    assert_eq!(tried.len(), 6, "{full:?}");
    assert!(full.permission.unwrap().allowed);
    // The chain is the one that a call would go, past what the caller may not use.
    let chain: Vec<_> = full.standby[0]
        .models
        .iter()
        .map(|standby| (standby.model.as_str(), standby.permission.as_ref().unwrap().allowed))
        .collect();
    assert_eq!(
        (full.standby[0].class.as_str(), chain),
        ("outage", vec![("other", true), ("last", true), ("secret", false)])
    );
    let no =
        explained(RouteQuestion { principal: Some(principal), ..question("secret") }).permission.unwrap();
    assert_eq!((no.allowed, no.code.as_deref()), (false, Some("policy_denied")));
    for (question, said) in [
        (question("none"), "there is no such model"),
        (
            RouteQuestion { dialect: Some("latin".to_owned()), ..question("fast") },
            "`dialect` is one of `openai`",
        ),
        (
            RouteQuestion { operation: Some("dance".to_owned()), ..question("fast") },
            "`operation` is one of `chat`",
        ),
        (
            RouteQuestion { body: Some("{".to_owned()), ..question("fast") },
            "`body`: the body is not valid JSON",
        ),
        (RouteQuestion { tags: vec!["a\nb".to_owned()], ..question("fast") }, "cannot stand in a header"),
    ] {
        let error = house.gateway.explain(&question).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error == RouteError::UnknownModel, said == "there is no such model");
    }
    // Chance has a say among equals, and of those only where the strategy leaves it one.
    let chance = |strategy: &str, deployments: &[&str]| {
        [
            vendor.provider("one", "preset = \"openai\""),
            model("m", &format!("strategy = \"{strategy}\""), deployments),
        ]
        .concat()
    };
    let mini = r#"{ provider = "one", model = "gpt-4o-mini" }"#;
    let large = r#"{ provider = "one", model = "gpt-4o" }"#;
    let standby = r#"{ provider = "one", model = "gpt-4o", priority = 1 }"#;
    for (strategy, deployments, by_chance) in [
        ("weighted", [mini, large], true),
        ("weighted", [mini, standby], false),
        ("priority", [mini, large], false),
        ("cheapest", [large, mini], false),
        ("sticky", [mini, large], true),
    ] {
        let house = House::open(&chance(strategy, &deployments)).await;
        let explained = house.gateway.explain(&question("m")).unwrap();
        assert_eq!(explained.by_chance, by_chance, "{strategy} {deployments:?}");
        let first = &explained.candidates[0];
        assert!(strategy != "cheapest" || first.deployment == "gpt-4o-mini" && first.price_nanos > Some(0));
        let named = RouteQuestion { conversation: Some("c".to_owned()), ..question("m") };
        let named = house.gateway.explain(&named).unwrap();
        assert_eq!(named.by_chance, strategy == "weighted" && by_chance, "{strategy}");
        house.close().await;
    }
    let gemini = RouteQuestion { dialect: Some("gemini".to_owned()), stream: true, ..question("fast") };
    assert_eq!(explained(gemini).candidates[0].way.as_deref(), Some("translated"));
    assert_eq!(vendor.calls(), 0);
    house.close().await;
}
