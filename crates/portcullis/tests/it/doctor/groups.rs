//! Causes that lie with the groups of a token, and the teams that they stand for.

use super::world::{World, claims, codes, sign, with};
use serde_json::json;

const CONFIG: &str = r#"
[[issuers]]
name = "cloud"
issuer = "https://cloud.example"
audiences = ["gateway"]
tenant = "acme"
jwks_file = "corp.json"
groups = { claim = "groups", map = { devs = { teams = ["platform/dev"] }, admins = { roles = ["admin"] } } }

[[issuers]]
name = "strict"
issuer = "https://strict.example"
audiences = ["gateway"]
tenant = "acme"
jwks_file = "corp.json"
groups = { claim = "groups", overage = "refuse", map = { devs = { teams = ["dev"] } } }

[[services]]
name = "teamwork"
tenant = "acme"
path = "/teamwork"
upstream = "http://127.0.0.1:9"
allow = { teams = ["platform"] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_miss_a_team_has_its_finding() {
    let world = World::new(CONFIG);
    world.user(&["--username", "ada", "--identity", "cloud=ada", "--identity", "strict=ada"]);
    let token = |of: &str, member: &str, value| sign(&with(claims(of, "ada"), member, value), &world.corp);
    let first = async |token: &str| {
        let diagnosis = world.ask(json!({ "token": token, "service": "teamwork" })).await;
        let mut codes = codes(&diagnosis);
        codes.truncate(2);
        (codes, diagnosis)
    };
    let far = json!({ "groups": "src1" });

    // Left out, and nothing in the directory instead.
    let (found, diagnosis) = first(&token("cloud", "_claim_names", far.clone())).await;
    // That it is refused is certain, and why is likely.
    assert_eq!(found, ["not_allowed", "groups_left_out"], "{diagnosis:#}");
    assert!(diagnosis["findings"][1].to_string().contains("_claim_names"), "{diagnosis:#}");

    // Left out, and that is refused; also as the record tells of it.
    let strict = token("strict", "_claim_names", far.clone());
    let (found, diagnosis) = first(&strict).await;
    assert_eq!(found[0], "groups_left_out", "{diagnosis:#}");
    assert_eq!(diagnosis["code"], "groups_overage");
    let id = world.recorded("/teamwork", &strict).await;
    let record = world.server.cli(&["record", "show", &id]);
    assert_eq!(record["code"], "groups_overage");
    let diagnosis = world.ask(json!({ "request": id })).await;
    assert_eq!(diagnosis["findings"][0]["code"], "groups_left_out", "{diagnosis:#}");

    // A group that stands for a team which is not there, and one that stands for nothing.
    let devs = token("cloud", "groups", json!(["devs"]));
    let (found, diagnosis) = first(&devs).await;
    assert_eq!(found, ["not_allowed", "group_names_no_team"], "{diagnosis:#}");
    let (_, diagnosis) = first(&token("cloud", "groups", json!(["Devs"]))).await;
    assert!(codes(&diagnosis).contains(&"groups_unmapped".to_owned()), "{diagnosis:#}");

    // Made, it admits; by the command line and within a second.
    world.server.cli(&["team", "create", "platform", "--tenant", "acme"]);
    world.server.cli(&["team", "create", "dev", "--tenant", "acme", "--parent", "platform"]);
    let (_, diagnosis) = first(&devs).await;
    assert_eq!(diagnosis["accepted"], true, "{diagnosis:#}");
    assert!(diagnosis["path"].to_string().contains("in teams `dev`, `platform`"), "{diagnosis:#}");

    // And so it does by the directory, where the token cannot say; the doctor still mentions it.
    world.server.cli(&["team", "add", "dev", "ada"]);
    let (found, diagnosis) = first(&token("cloud", "_claim_names", far)).await;
    assert_eq!(diagnosis["accepted"], true, "{diagnosis:#}");
    assert!(found.contains(&"groups_left_out".to_owned()), "{diagnosis:#}");
    let shown = world.server.cli(&["user", "show", "ada"]);
    assert_eq!(shown["teams"][0]["name"], "dev");
    assert_eq!(world.server.cli(&["team", "members", "dev"])["items"].as_array().map(Vec::len), Some(1));
    world.server.cli(&["team", "move", "dev", "--top"]);
    world.server.cli(&["team", "rename", "dev", "--to", "devs"]);
    world.server.cli(&["team", "remove", "devs", "ada"]);
    assert_eq!(world.server.cli(&["team", "show", "devs"])["path"], "devs");
    assert_eq!(world.server.cli(&["team", "delete", "devs"])["deleted"], 1);
    assert_eq!(world.server.cli(&["team", "list"])["items"].as_array().map(Vec::len), Some(1));
}
