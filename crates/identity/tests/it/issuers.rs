//! Issuers as they are configured: discovery, templates, presets, local tokens, and what does not compile.

use crate::fixture::*;
use portcullis_identity::{LocalSubject, LocalToken};
use portcullis_jose::Alg;
use portcullis_model::issuer::{
    MachineRule, MachineTest, SubjectForm, SubjectRule, TenantMap, TenantRule, TokenProfile, UnknownUser,
};
use portcullis_model::{Issuer, Span};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn discovery_believes_only_metadata_that_names_this_very_issuer() {
    let world = World::new().await;
    world.user("ada", &[("corp", "ada")]).await;
    let server = Server::start().await;
    let key = key(Alg::ES256, "one");
    let iss = server.url("/realms/corp");
    let metadata = "/realms/corp/.well-known/openid-configuration";
    server.answer("/keys", 200, "", key_set(&[&key]));
    let identity = world.compile(vec![issuer("corp", &iss)]);
    let token = sign(&key, &claims(&iss, world.now(), json!({})));
    for (stated, expected) in [
        ("https://evil.example.com".to_owned(), "keys_unavailable"),
        (format!("{iss}/"), "keys_unavailable"),
        (iss.clone(), "accepted"),
    ] {
        server.answer(
            metadata,
            200,
            "",
            json!({ "issuer": stated, "jwks_uri": server.url("/keys") }).to_string(),
        );
        world.clock.advance(Duration::from_secs(31));
        let token = sign(&key, &claims(&iss, world.now(), json!({})));
        assert_eq!(code(&identity, &token).await, expected, "{stated}");
    }
    assert_eq!(code(&identity, &token).await, "accepted");
}

#[tokio::test]
async fn a_private_address_that_a_document_names_is_not_fetched() {
    let world = World::new().await;
    let (server, inside) = (Server::start().await, Server::start().await);
    let key = key(Alg::ES256, "one");
    inside.answer("/keys", 200, "", key_set(&[&key]));
    let iss = server.url("");
    server.answer(
        "/.well-known/openid-configuration",
        200,
        "",
        json!({ "issuer": iss, "jwks_uri": inside.url("/keys") }).to_string(),
    );
    let identity = world.compile(vec![issuer("corp", &iss)]);
    let token = sign(&key, &claims(&iss, world.now(), json!({})));
    assert_eq!(code(&identity, &token).await, "keys_unavailable");
    assert_eq!(inside.hits("/keys"), 0);
}

#[tokio::test]
async fn a_claim_in_the_issuer_is_bound_to_the_tenant_map() {
    let world = World::new().await;
    world.user("ada", &[("entra", "ada")]).await;
    let map = [("t-acme".to_owned(), name("acme"))].into();
    let entra = Issuer {
        tenant: TenantRule::Mapped(TenantMap { claim: "tid".into(), map }),
        issuer: "https://login.example.com/{tid}/v2.0".into(),
        ..hmac_issuer("entra")
    };
    let identity = world.compile(vec![entra]);
    let token = |iss: &str, tid: serde_json::Value| {
        sign(&hmac_key(), &claims(iss, world.now(), json!({ "tid": tid })))
    };
    assert_eq!(
        code(&identity, &token("https://login.example.com/t-acme/v2.0", json!("t-acme"))).await,
        "accepted"
    );
    assert_eq!(
        code(&identity, &token("https://login.example.com/t-evil/v2.0", json!("t-evil"))).await,
        "tenant_unknown"
    );
    for (iss, tid) in [
        ("https://login.example.com/t-acme/v2.0", json!("t-evil")),
        ("https://login.example.com/t-evil/v2.0", json!("t-acme")),
        ("https://login.example.com//v2.0", json!("")),
        ("https://login.example.com/t-acme/v2.0", json!(null)),
        ("https://login.example.com/t-acme/v2.0", json!(["t-acme"])),
        ("https://login.example.com/{tid}/v2.0", json!("t-acme")),
        ("https://login.example.com.evil.com/t-acme/v2.0", json!("t-acme")),
    ] {
        assert_eq!(code(&identity, &token(iss, tid)).await, "issuer_unknown", "{iss}");
    }
}

#[tokio::test]
async fn presets_know_where_products_put_things() {
    let world = World::new().await;
    world.user("ada", &[("idp", "ada")]).await;
    world.application("shop", &[("idp", "shop")]).await;
    let compile = |preset: &str| {
        let mut issuer = hmac_issuer("idp");
        issuer.preset = Some(preset.into());
        if preset == "cognito" {
            issuer.audiences = vec!["shop".into()];
        }
        world.compile(vec![issuer])
    };
    let token = |changes| sign(&hmac_key(), &claims("https://idp.example.com", world.now(), changes));
    for (preset, human, machine) in [
        (
            "keycloak",
            json!({ "azp": "shop", "realm_access": { "roles": ["a"] } }),
            json!({ "azp": "shop", "client_id": "shop", "sub": "x" }),
        ),
        (
            "auth0",
            json!({ "azp": "shop", "permissions": ["a"] }),
            json!({ "azp": "shop", "gty": "client-credentials", "sub": "shop@clients" }),
        ),
        ("okta", json!({ "cid": "shop", "groups": ["a"] }), json!({ "cid": "shop", "sub": "shop" })),
        (
            "cognito",
            json!({ "aud": null, "client_id": "shop", "cognito:groups": ["a"] }),
            json!({ "aud": null, "client_id": "shop", "sub": "shop" }),
        ),
        (
            "entra",
            json!({ "azp": "shop", "oid": "o", "roles": ["a"] }),
            json!({ "appid": "shop", "idtyp": "app", "sub": "x" }),
        ),
    ] {
        let identity = compile(preset);
        let person =
            recognise(&identity, &token(human)).await.unwrap_or_else(|fault| panic!("{preset}: {fault}"));
        assert_eq!(*person.roles, ["a".to_owned(), "reader".to_owned()], "{preset}");
        let robot =
            recognise(&identity, &token(machine)).await.unwrap_or_else(|fault| panic!("{preset}: {fault}"));
        assert!(robot.user.is_none() && robot.application.is_some(), "{preset}");
    }
    // A user name that looks like a service account's makes nobody one.
    let pretender = token(json!({ "azp": "shop", "preferred_username": "service-account-shop" }));
    assert!(recognise(&compile("keycloak"), &pretender).await.unwrap().user.is_some());
}

#[tokio::test]
async fn machine_rules_of_every_kind() {
    let world = World::new().await;
    world.application("shop", &[("idp", "shop")]).await;
    let rule = |claim: &str, test| MachineRule { claim: claim.into(), test };
    for (rule, claim) in [
        (rule("kind", MachineTest::Equals("robot".into())), json!({ "kind": "robot" })),
        (rule("acct.type", MachineTest::Prefix("svc-".into())), json!({ "acct": { "type": "svc-7" } })),
        (rule("robot", MachineTest::Present(true)), json!({ "robot": 1 })),
        (rule("email", MachineTest::Present(false)), json!({})),
        (rule("sub", MachineTest::Same("azp".into())), json!({ "sub": "shop" })),
    ] {
        let mut issuer = hmac_issuer("idp");
        issuer.machine = vec![rule];
        let identity = world.compile(vec![issuer]);
        let mut changes = claim;
        changes["azp"] = "shop".into();
        let machine = sign(&hmac_key(), &claims("https://idp.example.com", world.now(), changes.clone()));
        assert!(recognise(&identity, &machine).await.unwrap().application.is_some(), "{changes}");
        changes["azp"] = serde_json::Value::Null;
        if changes["sub"].is_null() {
            let nameless = sign(&hmac_key(), &claims("https://idp.example.com", world.now(), changes));
            assert_eq!(code(&identity, &nameless).await, "claim_missing");
        }
    }
}

#[tokio::test]
async fn profiles_ages_and_required_claims() {
    let world = World::new().await;
    world.user("ada", &[("corp", "ada")]).await;
    let mut strict = hmac_issuer("corp");
    strict.profile = TokenProfile::Rfc9068;
    strict.max_age = Some(Span::seconds(60));
    strict.required_claims = vec!["acr".into()];
    let identity = world.compile(vec![strict]);
    let now = world.now();
    let token = |typ: &str, changes| {
        signed_raw(
            &hmac_key(),
            &json!({ "alg": "HS256", "typ": typ }).to_string(),
            &claims("https://corp.example.com", now, changes).to_string(),
        )
    };
    let good = json!({ "client_id": "web", "acr": "1" });
    assert_eq!(code(&identity, &token("at+jwt", good.clone())).await, "accepted");
    assert_eq!(code(&identity, &token("JWT", good)).await, "token_type_mismatch");
    assert_eq!(code(&identity, &token("at+jwt", json!({ "client_id": "web" }))).await, "claim_missing");
    assert_eq!(code(&identity, &token("at+jwt", json!({ "acr": "1" }))).await, "claim_missing");
    assert_eq!(
        code(&identity, &token("at+jwt", json!({ "client_id": "web", "acr": "1", "sub": null }))).await,
        "subject_missing"
    );
    assert_eq!(
        code(&identity, &token("at+jwt", json!({ "client_id": "web", "acr": "1", "iat": now - 91 }))).await,
        "token_too_old"
    );
    assert_eq!(
        code(&identity, &token("at+jwt", json!({ "client_id": "web", "acr": "1", "iat": null }))).await,
        "claim_missing"
    );
}

#[tokio::test]
async fn local_tokens_are_for_users_and_applications_of_the_tenant_they_name() {
    let world = World::new().await;
    let (ada, shop) = (world.user("ada", &[]).await, world.application("shop", &[]).await);
    let identity = world.compile(vec![]);
    let mint = |tenant: &str, subject| {
        let token = LocalToken {
            tenant: name(tenant),
            subject,
            scopes: vec!["a".into()],
            claims: serde_json::Map::new(),
            lifetime: Duration::from_secs(60),
        };
        let rng = portcullis_identity::secrets::SystemRng::new();
        world
            .local
            .mint(&token, portcullis_model::Timestamp::from_seconds(world.now()), &rng)
            .unwrap()
            .expose()
            .clone()
    };
    let principal = recognise(&identity, &mint("acme", LocalSubject::User(ada.id))).await.unwrap();
    assert_eq!((principal.user.unwrap().id, &*principal.scopes), (ada.id, &["a".to_owned()][..]));
    let principal = recognise(&identity, &mint("acme", LocalSubject::Application(shop.id))).await.unwrap();
    assert_eq!(principal.application.unwrap().id, shop.id);
    assert_eq!(code(&identity, &mint("acme", LocalSubject::Text("nobody".into()))).await, "user_unknown");
    assert_eq!(code(&identity, &mint("globex", LocalSubject::User(ada.id))).await, "user_unknown");
    assert_eq!(
        code(&identity, &mint("globex", LocalSubject::Application(shop.id))).await,
        "application_unknown"
    );
    assert_eq!(code(&identity, &mint("initech", LocalSubject::User(ada.id))).await, "tenant_unknown");
}

#[tokio::test]
async fn everything_wrong_is_named_at_its_place() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let pem = directory.path().join("not.pem");
    std::fs::write(&pem, "nothing").unwrap();
    let with = |change: &dyn Fn(&mut Issuer)| {
        let mut issuer = hmac_issuer("corp");
        change(&mut issuer);
        issuer
    };
    let subject = |change: &dyn Fn(&mut SubjectRule)| with(&|issuer| change(&mut issuer.subject));
    for (issuer, at, what) in [
        (with(&|issuer| issuer.tenant = TenantRule::Named(name("initech"))), "tenant", "[[tenants]]"),
        (with(&|issuer| issuer.preset = Some("keyclaok".into())), "preset", "`keycloak`"),
        (with(&|issuer| issuer.algorithms = vec!["RS256".into()]), "algorithms", "public key"),
        (with(&|issuer| issuer.algorithms = vec!["none".into()]), "algorithms", "none"),
        (
            with(&|issuer| (issuer.secret, issuer.algorithms) = (None, vec!["HS256".into()])),
            "algorithms",
            "secret",
        ),
        (with(&|issuer| issuer.audiences = vec![]), "audiences", "audience_claim"),
        (with(&|issuer| issuer.audience_claim = Some("none".into())), "audiences", "leave `audiences` out"),
        (with(&|issuer| issuer.leeway = Span::seconds(301)), "leeway", "5m"),
        (with(&|issuer| issuer.issuer = "https://x/{tid}/y".into()), "issuer", "map"),
        (with(&|issuer| issuer.issuer = "{tid}".into()), "issuer", "fixed text"),
        (with(&|issuer| issuer.name = name("local")), "name", "own issuer"),
        (with(&|issuer| issuer.issuer = "portcullis:local".into()), "issuer", "too"),
        (with(&|issuer| (issuer.secret, issuer.issuer) = (None, "corp".into())), "issuer", "discover"),
        (
            with(&|issuer| (issuer.secret, issuer.public_key_file) = (None, Some(pem.clone()))),
            "public_key_file",
            "not.pem",
        ),
        (
            with(&|issuer| (issuer.secret, issuer.public_key_file) = (None, Some("/nowhere".into()))),
            "public_key_file",
            "/nowhere",
        ),
        (subject(&|rule| rule.attribute = "mail".into()), "subject.attribute", "attributes.<name>"),
        (subject(&|rule| rule.form = Some(SubjectForm::Pattern("a)|(b".into()))), "subject.form", "pattern"),
        (subject(&|rule| rule.fallback = vec!["email".into()]), "subject.fallback", "changes hands"),
        (
            subject(&|rule| rule.unknown = UnknownUser::Create)
                .tap(|issuer| issuer.subject.attribute = "id".into()),
            "subject.unknown",
            "reject",
        ),
    ] {
        let problems = world.compile_all(&world.specification(vec![issuer])).expect_err(at);
        let found = problems
            .iter()
            .any(|problem| problem.at.ends_with(&format!(".{at}")) && problem.message.contains(what));
        assert!(found, "{at}: {problems:?}");
    }
    let short = portcullis_identity::Identity::compile(
        &world.specification(vec![hmac_issuer("corp")]),
        &world.runtime,
        &OneSecret(b"short".to_vec()),
    )
    .unwrap_err();
    assert!(
        short[0].at.ends_with(".secret")
            && short[0].message.contains("32")
            && !short[0].message.contains("short\""),
        "{short:?}"
    );
    let longer = Issuer { algorithms: vec!["HS512".into()], ..hmac_issuer("corp") };
    let short = portcullis_identity::Identity::compile(
        &world.specification(vec![longer]),
        &world.runtime,
        &OneSecret(vec![b'x'; 40]),
    )
    .unwrap_err();
    assert!(short[0].message.contains("64"), "{short:?}");
    let twice = world
        .compile_all(&world.specification(vec![
            hmac_issuer("a"),
            Issuer { issuer: "https://a.example.com".into(), ..hmac_issuer("b") },
        ]))
        .unwrap_err();
    assert!(twice[0].message.contains("too"), "{twice:?}");
}

trait Tap: Sized {
    fn tap(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Tap for Issuer {}

/// `EdDSA` is among the algorithms of an issuer that names none, and an Ed448 key goes with it as an Ed25519 key does;
/// `Ed448` has to be named.
#[tokio::test]
async fn ed448_keys_sign_under_either_name() {
    let world = World::new().await;
    world.user("ada", &[("corp", "ada")]).await;
    let jwk = portcullis_jose::Jwk::generate(portcullis_jose::jwk::KeyKind::Ed448).unwrap().with_kid("e");
    let [general, specific] = [Alg::EdDSA, Alg::Ed448].map(|alg| {
        let key = jwk.signing_key(Some(alg)).unwrap();
        sign(&key, &claims("https://corp.example.com", world.now(), json!({})))
    });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    std::fs::write(&path, format!(r#"{{"keys":[{}]}}"#, jwk.to_public_json().unwrap())).unwrap();
    for (algorithms, of_general, of_specific) in [
        (vec![], "accepted", "algorithm_not_allowed"),
        (vec!["Ed448"], "algorithm_not_allowed", "accepted"),
        (vec!["EdDSA", "Ed448"], "accepted", "accepted"),
        (vec!["Ed25519"], "algorithm_not_allowed", "algorithm_not_allowed"),
    ] {
        let identity = world.compile(vec![Issuer {
            jwks_file: Some(path.clone()),
            algorithms: algorithms.iter().map(|alg| (*alg).to_owned()).collect(),
            ..issuer("corp", "https://corp.example.com")
        }]);
        assert_eq!(code(&identity, &general).await, of_general, "{algorithms:?}");
        // Remembered from the round before or not: the list is asked on every call.
        assert_eq!(code(&identity, &specific).await, of_specific, "{algorithms:?}");
    }
}
