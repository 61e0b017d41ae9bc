//! Users who become one under a subject rule that is in force: they are refused and told of, and nobody else is; a change
//! that would make them one is refused.

use crate::doctor::world::{World, claims, sign};
use crate::http::get;
use crate::server::{Server, eventually};
use serde_json::{Value, json};

const FOLDED: &str = r#"
[[issuers]]
name = "folded"
issuer = "https://folded.example"
audiences = ["gateway"]
tenant = "acme"
jwks_file = "corp.json"
subject = { attribute = "username", normalise = ["trim", "lowercase"] }
"#;

async fn readiness(server: &Server) -> Value {
    let answer = get(server.control, "/health/ready", None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn configuration(server: &Server) -> Value {
    let credential = server.credential();
    let control = server.control;
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(get(control, "/admin/v1/configuration", Some(&credential))).json()
    })
    .join()
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_become_one_are_refused_and_nobody_else_is() {
    let mut world = World::new(FOLDED);
    world.user(&["--username", "ada"]);
    world.user(&["--username", "grace"]);
    let token = |world: &World, sub: &str| sign(&claims("folded", sub), &world.corp);
    for sub in ["ada", "ADA", " Grace "] {
        assert_eq!(
            get(world.server.gateway, "/v1/models", Some(&token(&world, sub))).await.status,
            200,
            "{sub}"
        );
    }
    assert_eq!(readiness(&world.server).await["warnings"], Value::Null);

    // It appears while the rule is in force. (The API cannot know all rules of all nodes.)
    world.user(&["--username", "Ada"]);
    for sub in ["Ada", "aDA"] {
        let refused = get(world.server.gateway, "/v1/models", Some(&token(&world, sub))).await;
        assert_eq!(refused.status, 401, "{sub}: {}", refused.text());
    }
    let (first, told) = world.first(&token(&world, "aDa")).await;
    assert_eq!(
        (first.as_str(), &told["code"]),
        ("subject_ambiguous", &json!("subject_ambiguous")),
        "{told:#}"
    );
    let evidence = told["findings"][0]["evidence"].to_string();
    assert!(evidence.contains("`ada`") && evidence.contains("`Ada`"), "{evidence}");

    // The next start is not refused for it, and says so wherever somebody looks.
    let place = world.server.stop();
    let written = std::fs::read_to_string(place.config()).unwrap();
    world.server = place.serve();
    assert_eq!(get(world.server.gateway, "/v1/models", Some(&token(&world, "grace"))).await.status, 200);
    let refused = get(world.server.gateway, "/v1/models", Some(&token(&world, "ada"))).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().contains("subject")),
        (401, true),
        "{}",
        refused.text()
    );
    let ready = readiness(&world.server).await;
    assert!(ready["warnings"].to_string().contains("ambiguous"), "{ready}");
    assert!(world.server.place.log().contains("users are one under a subject rule"));
    let shown = configuration(&world.server);
    assert_eq!(shown["ambiguous"][0]["at"], "issuers.folded.subject.normalise", "{shown:#}");
    assert!(shown["ambiguous"][0]["message"].to_string().contains("`Ada`"), "{shown:#}");

    // A change of something else goes into force; one that makes others one does not.
    let version = shown["version"].as_u64().unwrap();
    world.server.place.write(&written.replace("models = [\"echo\"]", "models = []"));
    let shown =
        eventually(|| configuration(&world.server), |shown| shown["version"].as_u64() > Some(version));
    assert!(shown["version"].as_u64() > Some(version) && shown["refused"].is_null(), "{shown:#}");
    let also = FOLDED.replace("folded", "second");
    world.server.place.write(&format!("{written}\n{also}"));
    let shown = eventually(|| configuration(&world.server), |shown| !shown["refused"].is_null());
    assert_eq!(shown["refused"]["problems"][0]["at"], "issuers.second.subject.normalise", "{shown:#}");

    // Told apart, all is well again.
    let other = world.server.cli(&["user", "list", "--username", "Ada"]);
    let id = other["items"][0]["id"].as_str().unwrap().to_owned();
    world.server.cli(&["user", "merge", &id, "--into", "ada"]);
    world.server.place.write(&format!("{written}\n# told apart\n"));
    let ready = eventually(|| configuration(&world.server), |shown| shown["ambiguous"].is_null());
    assert!(ready["ambiguous"].is_null(), "{ready:#}");
    for sub in ["ada", "Ada", "ADA"] {
        let fresh = token(&world, &format!("{sub} "));
        assert_eq!(get(world.server.gateway, "/v1/models", Some(&fresh)).await.status, 200, "{sub}");
    }
    world.server.stop();
}
