//! Teams, as services and callers see them.

use crate::house::{House, name, orders};
use crate::upstream::Upstream;
use portcullis_identity::directory::NewTeam;
use portcullis_model::team::{MembershipSource, TeamOrigin};
use serde_json::json;

#[tokio::test]
async fn a_team_admits_and_is_told_to_the_service() {
    let upstream = Upstream::mirror().await;
    let house = House::open(&orders(upstream.address, "allow = { teams = [\"platform\"] }")).await;
    let tenant = house.ada.tenant;
    let new = |called: &str, parent| NewTeam {
        tenant,
        name: name(called),
        display_name: None,
        parent,
        external_id: None,
        origin: TeamOrigin::Api,
    };
    let platform = house.directory.create_team(&house.actor, new("platform", None)).await.unwrap();
    let dev = house.directory.create_team(&house.actor, new("dev", Some(platform.id))).await.unwrap();
    let manual = MembershipSource::Manual;
    house.directory.add_member(&house.actor, dev.id, house.ada.id, manual).await.unwrap();

    let seen = house.get("/orders").await;
    assert_eq!(seen.status, 200, "{}", seen.text());
    let headers = seen.json()["headers"].clone();
    let teams: Vec<_> = headers.as_array().unwrap().iter().filter(|pair| pair[0] == "x-user-teams").collect();
    assert_eq!(teams, [&json!(["x-user-teams", "dev,platform"])]);

    let me = house.get("/-/whoami").await.json();
    assert_eq!(
        me["teams"],
        json!([
            { "name": "dev", "parent": "platform", "direct": true },
            { "name": "platform", "parent": null, "direct": false },
        ])
    );

    let bob = house.user("acme", "bob").await;
    let mut client = house.client().await;
    let authorization = house.bearer(&bob);
    let call = format!(
        "GET /orders HTTP/1.1\r\nhost: gw\r\nauthorization: {authorization}\r\nx-user-teams: platform\r\n\r\n"
    );
    let refused = client.call(call).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("not_allowed")));
    // Who may call is the owner's to know.
    assert!(!refused.text().contains("platform"), "{}", refused.text());
    house.close().await;
}
