//! From subject to user: every outcome, what is remembered, what is shared, and what an outage is.

use crate::fixture::*;
use async_trait::async_trait;
use portcullis_config::{Breaker, Resolution};
use portcullis_fault::Fault;
use portcullis_identity::sources::{Creation, Newcomer, Source};
use portcullis_identity::{Effects, Identity};
use portcullis_model::issuer::{Normalisation, SubjectForm, UnknownUser};
use portcullis_model::{
    ApiKey, ApiKeyId, Application, ApplicationId, Clock, Issuer, Name, Span, Team, TenantId, Timestamp, User,
    UserId, UserStatus,
};
use portcullis_store::entity::revocations::Revoked;
use portcullis_store::entity::users::{self, Lookup};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

const ISS: &str = "https://corp.example.com";

fn token(world: &World, changes: serde_json::Value) -> String {
    sign(&hmac_key(), &claims(ISS, world.now(), changes))
}

fn with_rule(change: impl FnOnce(&mut Issuer)) -> Vec<Issuer> {
    let mut issuer = hmac_issuer("corp");
    change(&mut issuer);
    vec![issuer]
}

#[tokio::test]
async fn every_outcome_is_told_apart_and_takes_effect_at_once() {
    let world = World::new().await;
    let identity = world.compile(with_rule(|_| {}));
    let ada = token(&world, json!({}));
    assert_eq!(code(&identity, &ada).await, "user_unknown");
    let user = world.user("ada", &[("corp", "ada")]).await;
    assert_eq!(
        code(&identity, &ada).await,
        "accepted",
        "an unknown subject is not remembered past the event"
    );
    let steps = [("suspended", "user_suspended"), ("restored", "accepted"), ("deleted", "user_deleted")];
    for (what, expected) in steps {
        let done = match what {
            "suspended" => world.directory.suspend(&actor(), user.id, Some("left".into())).await,
            "restored" => world.directory.restore(&actor(), user.id, None).await,
            _ => world.directory.delete(&actor(), user.id, None).await,
        };
        done.unwrap();
        world.hear().await;
        assert_eq!(code(&identity, &ada).await, expected);
    }
    let fault = recognise(&identity, &ada).await.unwrap_err();
    assert!(fault.private_context().unwrap().contains("operator:test"), "{fault}");
    assert_eq!(fault.code().public().name(), "subject_unresolved");
}

#[tokio::test]
async fn merged_users_are_followed() {
    let world = World::new().await;
    let identity = world.compile(with_rule(|issuer| issuer.subject.attribute = "username".into()));
    let (ada, countess, lovelace) =
        (world.user("ada", &[]).await, world.user("countess", &[]).await, world.user("lovelace", &[]).await);
    let by = |sub: &str| token(&world, json!({ "sub": sub }));
    assert_eq!(recognise(&identity, &by("ada")).await.unwrap().user.unwrap().id, ada.id);
    world.directory.merge(&actor(), ada.id, countess.id, None).await.unwrap();
    world.hear().await;
    assert_eq!(recognise(&identity, &by("ada")).await.unwrap().user.unwrap().id, countess.id);
    world.directory.merge(&actor(), countess.id, lovelace.id, None).await.unwrap();
    world.hear().await;
    assert_eq!(recognise(&identity, &by("ada")).await.unwrap().user.unwrap().id, lovelace.id);
    world.directory.suspend(&actor(), lovelace.id, None).await.unwrap();
    world.hear().await;
    assert_eq!(code(&identity, &by("ada")).await, "user_suspended");
}

#[tokio::test]
async fn exact_unless_told_otherwise_and_ambiguous_is_refused() {
    let world = World::new().await;
    world.user("ada", &[("corp", "ada")]).await;
    for (attribute, normalise, sub, expected) in [
        ("identity", vec![], json!("ada"), "accepted"),
        ("identity", vec![], json!("ADA"), "user_unknown"),
        ("external_id", vec![], json!("x-ada"), "accepted"),
        ("username", vec![Normalisation::Trim, Normalisation::Lowercase], json!(" ADA "), "accepted"),
        ("username", vec![Normalisation::StripSuffix("@acme.com".into())], json!("ada@acme.com"), "accepted"),
        ("id", vec![], json!("not-an-id"), "user_unknown"),
        ("attributes.badge", vec![], json!("7"), "subject_ambiguous"),
        ("attributes.badge", vec![], json!(7), "subject_invalid"),
    ] {
        if attribute == "attributes.badge" && sub == json!("7") {
            for called in ["bob", "eve"] {
                let user = world.user(called, &[]).await;
                let change = portcullis_identity::directory::UserChange {
                    attributes: Some([("badge".to_owned(), "7".to_owned())].into()),
                    ..Default::default()
                };
                world.directory.change_user(&actor(), user.id, change).await.unwrap();
            }
        }
        let identity = world.compile(with_rule(|issuer| {
            issuer.subject.attribute = attribute.into();
            issuer.subject.normalise = normalise;
        }));
        assert_eq!(
            code(&identity, &token(&world, json!({ "sub": sub }))).await,
            expected,
            "{attribute} {sub}"
        );
    }
    let numeric = world.compile(with_rule(|issuer| {
        issuer.subject.allow_numeric_sub = true;
        issuer.subject.attribute = "attributes.badge".into();
    }));
    assert_eq!(code(&numeric, &token(&world, json!({ "sub": 7 }))).await, "subject_ambiguous");
    let problems = portcullis_identity::directory::colliding_subjects(
        &world.store,
        &with_rule(|issuer| {
            (issuer.subject.attribute, issuer.subject.normalise) =
                ("username".into(), vec![Normalisation::Lowercase])
        }),
        std::slice::from_ref(&world.acme),
    )
    .await
    .unwrap();
    assert!(problems.is_empty());
    world.user("ADA", &[]).await;
    let problems = portcullis_identity::directory::colliding_subjects(
        &world.store,
        &with_rule(|issuer| {
            (issuer.subject.attribute, issuer.subject.normalise) =
                ("username".into(), vec![Normalisation::Lowercase])
        }),
        std::slice::from_ref(&world.acme),
    )
    .await
    .unwrap();
    assert!(problems[0].message.contains("`ada`") && problems[0].message.contains("`ADA`"), "{problems:?}");
    // Identities as well, and every step; what is one user's is no collision.
    let of = async |step: Normalisation| {
        let rule = with_rule(|issuer| issuer.subject.normalise = vec![step]);
        let tenants = std::slice::from_ref(&world.acme);
        portcullis_identity::directory::colliding_subjects(&world.store, &rule, tenants).await.unwrap().len()
    };
    let prefix = || Normalisation::StripPrefix("CORP\\".into());
    let bob = world.user("robert", &[("corp", "CORP\\ada"), ("corp", "CORP\\bob"), ("corp", "bob")]).await;
    assert_eq!((of(prefix()).await, of(Normalisation::Lowercase).await), (1, 0));
    world.directory.unlink_identity(&actor(), bob.id, &name("corp"), "CORP\\ada").await.unwrap();
    assert_eq!(of(prefix()).await, 0);
}

#[tokio::test]
async fn unknown_subjects_become_users_where_the_rule_says_so_and_tombstones_never_again() {
    let world = World::new().await;
    let create = |policy| {
        world.compile(with_rule(|issuer| {
            issuer.subject.unknown = policy;
            issuer.subject.create =
                [("email".to_owned(), "email".to_owned()), ("roles".to_owned(), "groups".to_owned())].into();
        }))
    };
    let waiting = create(UnknownUser::Pending);
    let verified = json!({ "sub": "new", "email": "n@example.com", "email_verified": true, "groups": ["x"] });
    let new = token(&world, verified);
    // An explanation makes nobody.
    let caller = authenticate(&waiting, &new).await.unwrap();
    let explained = waiting.resolve(&caller, Effects::Dry, &mut ()).await.unwrap_err();
    assert!(explained.private_context().unwrap().contains("a pending user"), "{explained}");
    assert_eq!(
        users::list(&world.store, &users::Filter::default(), portcullis_store::Page::default())
            .await
            .unwrap()
            .len(),
        0
    );
    assert_eq!(code(&waiting, &new).await, "user_pending");
    let all = users::list(&world.store, &users::Filter::default(), portcullis_store::Page::default())
        .await
        .unwrap();
    let user = &all[0];
    assert_eq!(
        (all.len(), user.status, user.email.as_deref(), &user.roles[..]),
        (1, UserStatus::Pending, Some("n@example.com"), &["x".to_owned()][..])
    );
    assert!(user.email_verified);
    assert_eq!(user.status_changed_by, "issuer:corp");
    world.directory.approve(&actor(), user.id, None).await.unwrap();
    world.hear().await;
    assert_eq!(code(&waiting, &new).await, "accepted");
    // An address that nobody verified is not taken over.
    let unverified = json!({ "sub": "newer", "email": "n@example.com", "email_verified": false });
    let user =
        recognise(&create(UnknownUser::Create), &token(&world, unverified)).await.unwrap().user.unwrap();
    assert_eq!((user.email.as_deref(), user.email_verified), (None, false));
    // Created at once, by many calls at once, once.
    let creating = Arc::new(create(UnknownUser::Create));
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (identity, token) =
            (creating.clone(), token(&world, json!({ "sub": "rush", "jti": n.to_string() })));
        calls.spawn(async move { recognise(&identity, &token).await.unwrap().user.unwrap().id });
    }
    let ids = calls.join_all().await;
    assert!(ids.iter().all(|id| *id == ids[0]));
    world.hear().await;
    // Deleted is deleted, whatever the rule says.
    world.directory.delete(&actor(), ids[0], None).await.unwrap();
    world.hear().await;
    for _ in 0..2 {
        assert_eq!(code(&creating, &token(&world, json!({ "sub": "rush" }))).await, "user_deleted");
        world.clock.advance(Duration::from_secs(31));
    }
    // A rule that looks up otherwise does not bring it back either.
    let by_attribute = world.compile(with_rule(|issuer| {
        issuer.subject.unknown = UnknownUser::Create;
        issuer.subject.attribute = "attributes.badge".into();
    }));
    assert_eq!(code(&by_attribute, &token(&world, json!({ "sub": "rush" }))).await, "user_deleted");
}

#[tokio::test]
async fn a_subject_that_was_somebody_s_who_is_gone_makes_nobody() {
    let world = World::new().await;
    let creating = world.compile(with_rule(|issuer| issuer.subject.unknown = UnknownUser::Create));
    let by_name = world.compile(with_rule(|issuer| {
        (issuer.subject.unknown, issuer.subject.attribute) = (UnknownUser::Create, "username".into());
    }));
    let by = |sub: &str| token(&world, json!({ "sub": sub }));
    let rename = |to: &str| portcullis_identity::directory::UserChange {
        username: Some(Some(to.to_owned())),
        ..Default::default()
    };
    // Unlinked, renamed, and then deleted.
    let ada = world.user("ada", &[("corp", "s-ada")]).await;
    world.directory.unlink_identity(&actor(), ada.id, &name("corp"), "s-ada").await.unwrap();
    world.directory.change_user(&actor(), ada.id, rename("ada.king")).await.unwrap();
    world.directory.delete(&actor(), ada.id, None).await.unwrap();
    // Unlinked, and then merged: the past identity leads to nobody, not to the survivor either.
    let (eve, bob) = (world.user("eve", &[("corp", "s-eve")]).await, world.user("bob", &[]).await);
    world.directory.unlink_identity(&actor(), eve.id, &name("corp"), "s-eve").await.unwrap();
    world.directory.merge(&actor(), eve.id, bob.id, None).await.unwrap();
    world.hear().await;
    assert_eq!(code(&creating, &by("s-ada")).await, "user_deleted");
    assert_eq!(code(&by_name, &by("ada")).await, "user_deleted");
    assert_eq!(code(&creating, &by("s-eve")).await, "subject_invalid");
    let fault = recognise(&creating, &by("s-eve")).await.unwrap_err();
    assert!(fault.private_context().unwrap().contains(&bob.id.to_string()), "{fault}");
    // Of somebody who is there it is only past, and free.
    world.directory.link_identity(&actor(), bob.id, name("corp"), "s-bob".into()).await.unwrap();
    world.directory.unlink_identity(&actor(), bob.id, &name("corp"), "s-bob").await.unwrap();
    world.hear().await;
    let new = recognise(&creating, &by("s-bob")).await.unwrap().user.unwrap();
    assert_ne!(new.id, bob.id);
}

#[tokio::test]
async fn who_is_not_found_is_looked_for_by_other_claims_as_identities_of_the_issuer_alone() {
    let world = World::new().await;
    let rule = |unknown| {
        with_rule(|issuer| {
            issuer.subject.attribute = "external_id".into();
            issuer.subject.fallback = vec!["oid".into(), "user.uid".into()];
            issuer.subject.unknown = unknown;
        })
    };
    let identity = world.compile(rule(UnknownUser::Reject));
    let ada = world.user("ada", &[("corp", "o-ada"), ("partner", "o-foreign")]).await;
    let bob = world.user("bob", &[("corp", "o-bob"), ("corp", "u-bob")]).await;
    let who = async |identity: &Identity, changes: serde_json::Value| {
        let principal = recognise(identity, &token(&world, changes)).await;
        principal.map(|principal| principal.user.unwrap().id).map_err(|fault| fault.code().name())
    };
    for (changes, expected) in [
        (json!({ "sub": "x-ada", "oid": "o-bob" }), Ok(ada.id)),
        (json!({ "sub": "gone", "oid": "o-ada" }), Ok(ada.id)),
        // The same `sub`, and so the same place in memory but for the other claim.
        (json!({ "sub": "gone", "oid": "o-bob" }), Ok(bob.id)),
        (json!({ "sub": "gone", "user": { "uid": "u-bob" } }), Ok(bob.id)),
        (json!({ "sub": "gone", "user": { "uid": "o-ada" } }), Ok(ada.id)),
        (json!({ "sub": "gone", "oid": "o-ada", "user": { "uid": "u-bob" } }), Ok(ada.id)),
        // Exact; not another issuer's; as a link, and not as a user name or an external id.
        (json!({ "sub": "gone", "oid": "O-ADA" }), Err("user_unknown")),
        (json!({ "sub": "gone", "oid": "o-foreign" }), Err("user_unknown")),
        (json!({ "sub": "gone", "oid": "ada" }), Err("user_unknown")),
        (json!({ "sub": "gone", "oid": "x-ada" }), Err("user_unknown")),
        (json!({ "sub": "gone", "oid": ["o-ada"] }), Err("user_unknown")),
        (json!({ "sub": "gone", "oid": "" }), Err("user_unknown")),
        // What names the subject is not replaced by what is fallen back to.
        (json!({ "sub": null, "oid": "o-ada" }), Err("subject_missing")),
        (json!({ "sub": 7, "oid": "o-ada" }), Err("subject_invalid")),
    ] {
        assert_eq!(who(&identity, changes.clone()).await, expected, "{changes}");
    }
    let fault =
        recognise(&identity, &token(&world, json!({ "sub": "gone", "oid": "o-eve" }))).await.unwrap_err();
    let context = fault.private_context().unwrap();
    assert!(context.contains("`oid`") && context.contains("o-eve"), "{context}");
    // Somebody who may not call is somebody: nobody else is looked for, whichever way they were found.
    world.directory.suspend(&actor(), ada.id, None).await.unwrap();
    world.hear().await;
    assert_eq!(who(&identity, json!({ "sub": "x-ada", "oid": "o-bob" })).await, Err("user_suspended"));
    let by_oid = json!({ "sub": "gone", "oid": "o-ada", "user": { "uid": "u-bob" } });
    assert_eq!(who(&identity, by_oid).await, Err("user_suspended"));
    // Nobody is made of who is found, and somebody of who is not.
    let creating = world.compile(rule(UnknownUser::Create));
    assert_eq!(who(&creating, json!({ "sub": "new", "oid": "o-bob" })).await, Ok(bob.id));
    let new = who(&creating, json!({ "sub": "new", "oid": "o-new" })).await.unwrap();
    assert!(new != ada.id && new != bob.id);
    // The rule itself goes before what it falls back to, once the answer of before is too old.
    world.clock.advance(Duration::from_secs(31));
    assert_eq!(who(&creating, json!({ "sub": "new", "oid": "o-bob" })).await, Ok(new));
}

#[tokio::test]
async fn a_claim_that_is_looked_up_both_ways_leads_to_one_user_or_to_nobody() {
    let world = World::new().await;
    let rule = with_rule(|issuer| {
        issuer.subject.attribute = "external_id".into();
        issuer.subject.normalise = vec![Normalisation::Trim];
        issuer.subject.fallback = vec!["sub".into()];
    });
    let identity = world.compile(rule.clone());
    let problems = async || {
        let tenants = std::slice::from_ref(&world.acme);
        portcullis_identity::directory::colliding_subjects(&world.store, &rule, tenants).await.unwrap()
    };
    let by = |sub: &str| token(&world, json!({ "sub": sub }));
    let ada = world.user("ada", &[("corp", "x-ada"), ("corp", "s-ada")]).await;
    for sub in ["x-ada", "s-ada", " x-ada"] {
        assert_eq!(recognise(&identity, &by(sub)).await.unwrap().user.unwrap().id, ada.id, "{sub}");
    }
    assert_eq!(problems().await, []);
    // Eve's link is Bob's external id: whose is it?
    let bob = world.user("bob", &[]).await;
    let eve = world.user("eve", &[("corp", "x-bob"), ("corp", "s-eve")]).await;
    assert_eq!(code(&identity, &by("x-bob")).await, "subject_ambiguous");
    assert_eq!(recognise(&identity, &by("s-eve")).await.unwrap().user.unwrap().id, eve.id);
    let found = problems().await;
    assert_eq!((found.len(), found[0].at.as_str()), (1, "issuers.corp.subject.fallback"), "{found:?}");
    assert!(found[0].message.contains(&bob.id.to_string()) && found[0].message.contains(&eve.id.to_string()));
    world.directory.unlink_identity(&actor(), eve.id, &name("corp"), "x-bob").await.unwrap();
    world.hear().await;
    assert_eq!(recognise(&identity, &by("x-bob")).await.unwrap().user.unwrap().id, bob.id);
    assert_eq!(problems().await, []);
}

#[tokio::test]
async fn a_subject_of_another_form_is_refused_and_nobody_is_asked() {
    let fake = Arc::new(Fake::default());
    let world = World::with(Resolution::default(), Some(fake.clone())).await;
    let of = |form, normalise: &[Normalisation]| {
        world.compile(with_rule(|issuer| {
            (issuer.subject.form, issuer.subject.normalise) = (Some(form), normalise.to_vec());
        }))
    };
    let pattern = of(SubjectForm::Pattern("[a-z]+".into()), &[Normalisation::StripPrefix("CORP\\".into())]);
    let digits = of(SubjectForm::Digits, &[]);
    for (identity, sub, expected) in [
        (&pattern, "CORP\\ada", "accepted"),
        (&pattern, "OTHER\\ada", "subject_invalid"),
        (&pattern, "ada@acme.com", "subject_invalid"),
        (&digits, "42", "accepted"),
        (&digits, "42a", "subject_invalid"),
    ] {
        let before = fake.asked();
        assert_eq!(code(identity, &token(&world, json!({ "sub": sub }))).await, expected, "{sub}");
        assert_eq!(fake.asked() > before, expected == "accepted", "{sub}");
    }
    let fault = recognise(&digits, &token(&world, json!({ "sub": "ada" }))).await.unwrap_err();
    assert!(fault.private_context().unwrap().contains("digits"), "{fault}");
    assert!(!fault.public_detail().contains("digits"), "what is accepted is not for strangers to know");
}

#[tokio::test]
async fn a_user_s_tokens_are_revoked_whoever_issued_them_and_whoever_the_user_becomes() {
    let world = World::new().await;
    let mut by_name = hmac_issuer("partner");
    by_name.subject.attribute = "username".into();
    let identity = world.compile(vec![hmac_issuer("corp"), by_name]);
    let ada = world.user("ada", &[("corp", "s-ada")]).await;
    let bob = world.user("bob", &[("corp", "s-bob")]).await;
    let of = |issuer: &str, sub: &str, iat: Option<i64>| {
        let iss = format!("https://{issuer}.example.com");
        sign(&hmac_key(), &claims(&iss, world.now(), json!({ "sub": sub, "iat": iat })))
    };
    let began = world.now();
    let old =
        [of("corp", "s-ada", Some(began)), of("partner", "ada", Some(began)), of("partner", "ada", None)];
    for token in &old {
        assert_eq!(code(&identity, token).await, "accepted");
    }
    world.clock.advance(Duration::from_secs(10));
    let what = Revoked::User { user: ada.id, issued_before: world.clock.now() };
    let entry = world.directory.revoke(&actor(), Some(world.acme.id), what, None, None).await.unwrap();
    world.hear().await;
    for token in &old {
        assert_eq!(code(&identity, token).await, "token_revoked");
    }
    assert_eq!(code(&identity, &of("corp", "s-bob", Some(began))).await, "accepted");
    assert_eq!(code(&identity, &of("corp", "s-ada", Some(world.now()))).await, "accepted");
    // Nobody escapes into another user, whose own tokens of before are then refused as well.
    world.directory.merge(&actor(), ada.id, bob.id, None).await.unwrap();
    world.hear().await;
    for token in [&old[0], &of("corp", "s-bob", Some(began))] {
        assert_eq!(code(&identity, token).await, "token_revoked");
    }
    assert_eq!(code(&identity, &of("corp", "s-ada", Some(world.now()))).await, "accepted");
    world.directory.lift_revocation(&actor(), entry.id).await.unwrap();
    world.hear().await;
    assert_eq!(code(&identity, &old[0]).await, "token_revoked", "the entry of the one who stays is its own");
}

#[tokio::test]
async fn what_is_revoked_of_a_merged_user_is_revoked_of_whoever_it_became_and_stays_so() {
    let world = World::new().await;
    let identity = world.compile(with_rule(|_| {}));
    let ada = world.user("ada", &[("corp", "s-ada")]).await;
    let bob = world.user("bob", &[("corp", "s-bob")]).await;
    let began = world.now();
    let of = |sub: &str| token(&world, json!({ "sub": sub, "iat": began }));
    let (hers, his) = (of("s-ada"), of("s-bob"));
    world.directory.merge(&actor(), ada.id, bob.id, None).await.unwrap();
    world.hear().await;
    assert_eq!(code(&identity, &hers).await, "accepted");
    world.clock.advance(Duration::from_secs(10));
    // By the name that she had.
    let what = Revoked::User { user: ada.id, issued_before: world.clock.now() };
    let entry = world.directory.revoke(&actor(), Some(world.acme.id), what, None, None).await.unwrap();
    assert!(matches!(entry.what, Revoked::User { user, .. } if user == bob.id));
    world.hear().await;
    for token in [&hers, &his] {
        assert_eq!(code(&identity, token).await, "token_revoked");
    }
    // Two persons after all: what was stolen is no better for it.
    world.directory.restore(&actor(), ada.id, None).await.unwrap();
    world.hear().await;
    for token in [&hers, &his] {
        assert_eq!(code(&identity, token).await, "token_revoked");
    }
    let nobody = UserId::new(world.clock.now(), [9; 10]);
    let what = Revoked::User { user: nobody, issued_before: world.clock.now() };
    let refused = world.directory.revoke(&actor(), Some(world.acme.id), what, None, None).await.unwrap_err();
    assert_eq!(refused.code().name(), "resource_not_found");
}

#[tokio::test]
async fn a_merge_that_is_taken_back_was_never_there() {
    let world = World::new().await;
    let identity = world.compile(with_rule(|_| {}));
    let mut users = Vec::new();
    for called in ["ada", "bob", "eve", "zoe"] {
        users.push(world.user(called, &[("corp", &format!("s-{called}"))]).await.id);
    }
    let [ada, bob, eve, zoe] = users[..] else { unreachable!() };
    let who = async |sub: &str| {
        let principal = recognise(&identity, &token(&world, json!({ "sub": sub }))).await;
        principal.map(|principal| principal.user.unwrap().id).map_err(|fault| fault.code().name())
    };
    let directory = &world.directory;
    directory.suspend(&actor(), ada, None).await.unwrap();
    directory.merge(&actor(), ada, bob, None).await.unwrap();
    directory.merge(&actor(), bob, eve, None).await.unwrap();
    directory.merge(&actor(), eve, zoe, Some("one person".into())).await.unwrap();
    world.hear().await;
    for sub in ["s-ada", "s-bob", "s-eve", "s-zoe"] {
        assert_eq!(who(sub).await, Ok(zoe), "{sub}");
    }
    // No way round.
    for (one, other) in [(zoe, ada), (zoe, eve), (ada, zoe)] {
        let refused = directory.merge(&actor(), one, other, None).await.unwrap_err();
        assert_eq!(refused.code().name(), "resource_conflict");
    }
    // The one in the middle, with all who had been merged into it.
    directory.unlink_identity(&actor(), zoe, &name("corp"), "s-ada").await.unwrap();
    let restored = directory.restore(&actor(), bob, Some("two persons".into())).await.unwrap();
    assert_eq!((restored.status, restored.merged_into), (UserStatus::Active, None));
    world.hear().await;
    assert_eq!(who("s-bob").await, Ok(bob));
    assert_eq!(who("s-eve").await, Ok(zoe));
    assert_eq!(who("s-ada").await, Err("user_unknown"), "what was unlinked meanwhile stays so");
    let by_id = world.compile(with_rule(|issuer| issuer.subject.attribute = "id".into()));
    let followed = recognise(&by_id, &token(&world, json!({ "sub": ada }))).await.unwrap();
    assert_eq!(followed.user.unwrap().id, bob);
    // What was suspended is suspended again.
    assert_eq!(directory.restore(&actor(), ada, None).await.unwrap().status, UserStatus::Suspended);
    world.hear().await;
    assert_eq!(who("s-bob").await, Ok(bob));
    directory.restore(&actor(), eve, None).await.unwrap();
    world.hear().await;
    assert_eq!((who("s-eve").await, who("s-zoe").await), (Ok(eve), Ok(zoe)));
    assert_eq!(
        directory.restore(&actor(), eve, None).await.unwrap().status,
        UserStatus::Active,
        "twice is once"
    );
}

#[tokio::test]
async fn near_misses_are_told_and_nobody_is_resolved_by_them() {
    let world = World::new().await;
    let ada = world.user("ada.lovelace", &[("corp", "auth0|5f7c8ec7")]).await;
    let identity = world.compile(with_rule(|_| {}));
    let near = async |text: &str| {
        let near = world.directory.near(Some(world.acme.id), text).await.unwrap();
        near.into_iter()
            .map(|near| {
                assert_eq!(near.user.id, ada.id);
                (near.identifier.field.to_string(), near.identifier.until.is_some(), near.distance)
            })
            .collect::<Vec<_>>()
    };
    for (sub, found) in [
        ("5f7c8ec7", ("identity", false, 0)),
        ("auth0|5f7c8ec8", ("identity", false, 1)),
        ("Ada.Lovelace", ("username", false, 0)),
        (&ada.id.to_string().to_uppercase(), ("id", false, 0)),
    ] {
        assert_eq!(code(&identity, &token(&world, json!({ "sub": sub }))).await, "user_unknown", "{sub}");
        assert_eq!(near(sub).await[0], (found.0.to_owned(), found.1, found.2), "{sub}");
    }
    world.directory.unlink_identity(&actor(), ada.id, &name("corp"), "auth0|5f7c8ec7").await.unwrap();
    world.directory.delete(&actor(), ada.id, None).await.unwrap();
    assert_eq!(near("auth0|5f7c8ec7").await, [("identity".to_owned(), true, 0)]);
    assert_eq!(
        world.directory.near(None, "auth0|5f7c8ec7").await.unwrap()[0].user.status,
        UserStatus::Deleted
    );
    // Another tenant is shown nothing.
    let other = TenantId::new(Timestamp::default(), [9; 10]);
    assert_eq!(world.directory.near(Some(other), "5f7c8ec7").await.unwrap(), []);
}

/// A directory that answers as it is told.
#[derive(Default)]
struct Fake {
    asked: AtomicUsize,
    fails: Mutex<Option<String>>,
    gate: Option<Semaphore>,
}

impl Fake {
    fn user(&self, subject: &str) -> User {
        let at = Timestamp::from_seconds(START);
        User {
            id: UserId(uuid::Uuid::from_slice(&portcullis_jose::sha256(subject.as_bytes())[..16]).unwrap()),
            tenant: TenantId(uuid::Uuid::nil()),
            status: UserStatus::Active,
            external_id: None,
            username: Some(subject.to_owned()),
            email: None,
            email_verified: false,
            display_name: None,
            roles: Vec::new(),
            attributes: Default::default(),
            merged_into: None,
            status_changed_at: at,
            status_changed_by: String::new(),
            status_reason: None,
            created_at: at,
            updated_at: at,
        }
    }

    fn set(&self, fails: Option<&str>) {
        *self.fails.lock().unwrap() = fails.map(str::to_owned);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Source for Fake {
    async fn users(&self, tenant: TenantId, lookup: &Lookup) -> Result<Vec<User>, String> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        if let Some(reason) = self.fails.lock().unwrap().clone() {
            return Err(reason);
        }
        let Lookup::Identity { subject, .. } = lookup else { return Ok(Vec::new()) };
        Ok(vec![User { tenant, ..self.user(subject) }])
    }

    async fn user(&self, _: UserId) -> Result<Option<User>, String> {
        Ok(None)
    }

    async fn teams_of_user(&self, _: UserId) -> Result<Vec<(Team, bool)>, String> {
        Ok(Vec::new())
    }

    async fn teams_of_tenant(&self, _: TenantId) -> Result<Vec<Team>, String> {
        Ok(Vec::new())
    }

    async fn api_key(&self, _: ApiKeyId) -> Result<Option<ApiKey>, String> {
        Ok(None)
    }

    async fn application(&self, _: ApplicationId) -> Result<Option<Application>, String> {
        Ok(None)
    }

    async fn client(&self, _: TenantId, _: &Name, _: &str) -> Result<Option<Application>, String> {
        Ok(None)
    }

    async fn create(&self, _: TenantId, _: &Newcomer, _: bool) -> Result<Creation, String> {
        Ok(Creation::Taken)
    }
}

async fn faked(fake: Fake, resolution: Resolution) -> (World, Arc<Fake>, Arc<Identity>) {
    let fake = Arc::new(fake);
    let world = World::with(resolution, Some(fake.clone())).await;
    let identity = Arc::new(world.compile(with_rule(|_| {})));
    (world, fake, identity)
}

#[tokio::test]
async fn ten_thousand_callers_of_one_subject_ask_once() {
    let gated = Fake { gate: Some(Semaphore::new(0)), ..Fake::default() };
    let (world, fake, identity) =
        faked(gated, Resolution { timeout: Span::seconds(60), ..Resolution::default() }).await;
    let caller = Arc::new(authenticate(&identity, &token(&world, json!({}))).await.unwrap());
    let arrived = Arc::new(AtomicUsize::new(0));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..10_000 {
        let (identity, caller, arrived) = (identity.clone(), caller.clone(), arrived.clone());
        calls.spawn(async move {
            arrived.fetch_add(1, Ordering::SeqCst);
            identity.resolve(&caller, Effects::Live, &mut ()).await.unwrap().user.unwrap().id
        });
    }
    until("all waiting", || arrived.load(Ordering::SeqCst) == 10_000 && fake.asked() == 1).await;
    fake.gate.as_ref().unwrap().add_permits(1);
    let ids = calls.join_all().await;
    assert_eq!((ids.len(), fake.asked()), (10_000, 1));
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[tokio::test]
async fn a_look_up_outlives_the_caller_who_began_it() {
    let gated = Fake { gate: Some(Semaphore::new(0)), ..Fake::default() };
    let (world, fake, identity) =
        faked(gated, Resolution { timeout: Span::seconds(60), ..Resolution::default() }).await;
    let caller = Arc::new(authenticate(&identity, &token(&world, json!({}))).await.unwrap());
    let first = {
        let (identity, caller) = (identity.clone(), caller.clone());
        let mut set = tokio::task::JoinSet::new();
        set.spawn(async move { identity.resolve(&caller, Effects::Live, &mut ()).await.map(|_| ()) });
        set
    };
    until("the look-up", || fake.asked() == 1).await;
    drop(first);
    fake.gate.as_ref().unwrap().add_permits(1);
    identity.resolve(&caller, Effects::Live, &mut ()).await.unwrap();
    assert_eq!(fake.asked(), 1);
}

#[tokio::test]
async fn the_queue_is_bounded_and_slow_is_not_unknown() {
    let gated = Fake { gate: Some(Semaphore::new(0)), ..Fake::default() };
    let resolution = Resolution { queue: 2, timeout: Span::millis(150), ..Resolution::default() };
    let (world, _, identity) = faked(gated, resolution).await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..3 {
        let (identity, token) = (identity.clone(), token(&world, json!({ "sub": n.to_string() })));
        calls.spawn(async move { code(&identity, &token).await });
    }
    let mut codes = calls.join_all().await;
    codes.sort_unstable();
    assert_eq!(codes, ["resolution_overloaded", "resolution_unavailable", "resolution_unavailable"]);
}

#[tokio::test]
async fn what_is_remembered_for_how_long() {
    let (world, fake, identity) = faked(Fake::default(), Resolution::default()).await;
    let token = sign(&hmac_key(), &claims(ISS, world.now(), json!({ "exp": world.now() + 3_600 })));
    for (advance, asked) in [(0, 1), (29, 1), (1, 2), (0, 2)] {
        world.clock.advance(Duration::from_secs(advance));
        assert_eq!(code(&identity, &token).await, "accepted");
        assert_eq!(fake.asked(), asked);
    }
    // The same subject written otherwise is another key, and the same user.
    let escaped = signed_raw(
        &hmac_key(),
        r#"{"alg":"HS256"}"#,
        &claims(ISS, world.now(), json!({})).to_string().replace("\"ada\"", "\"\\u0061da\""),
    );
    assert_eq!(code(&identity, &escaped).await, "accepted");
    assert_eq!(fake.asked(), 3);
}

#[tokio::test]
async fn an_outage_is_a_503_opens_the_breaker_and_ends_with_one_probe() {
    let resolution =
        Resolution { breaker: Breaker { failures: 3, open: Span::seconds(5) }, ..Resolution::default() };
    let (world, fake, identity) = faked(Fake::default(), resolution).await;
    fake.set(Some("connection refused"));
    let fault = async |sub: &str| -> Fault {
        recognise(&identity, &token(&world, json!({ "sub": sub }))).await.unwrap_err()
    };
    for n in 0..3 {
        let fault = fault(&n.to_string()).await;
        assert_eq!(
            (fault.code().name(), fault.code().status(), fault.retry_delay().is_some()),
            ("resolution_unavailable", 503, true)
        );
        assert!(fault.private_context().unwrap().contains("connection refused"));
    }
    assert_eq!(fake.asked(), 3);
    for n in 3..10 {
        assert_eq!(fault(&n.to_string()).await.code().name(), "resolution_unavailable");
    }
    assert_eq!(fake.asked(), 3, "it is left alone");
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(fault("x").await.code().name(), "resolution_unavailable");
    assert_eq!(fake.asked(), 4, "one probe, which failed");
    fake.set(None);
    assert_eq!(fault("y").await.code().name(), "resolution_unavailable");
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(code(&identity, &token(&world, json!({ "sub": "y" }))).await, "accepted");
    assert_eq!(code(&identity, &token(&world, json!({ "sub": "z" }))).await, "accepted");
}

#[tokio::test]
async fn an_outage_is_bridged_only_as_far_as_configured_and_never_against_an_event() {
    for stale in [0, 60] {
        let (world, fake, identity) =
            faked(Fake::default(), Resolution { stale: Span::seconds(stale), ..Resolution::default() }).await;
        let token = sign(&hmac_key(), &claims(ISS, world.now(), json!({ "exp": world.now() + 3_600 })));
        assert_eq!(code(&identity, &token).await, "accepted");
        fake.set(Some("down"));
        world.clock.advance(Duration::from_secs(31));
        let expected = if stale == 0 { "resolution_unavailable" } else { "accepted" };
        assert_eq!(code(&identity, &token).await, expected);
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(code(&identity, &token).await, "resolution_unavailable", "past the bound");
    }
}

#[tokio::test]
async fn a_lost_event_stream_makes_everything_be_asked_again() {
    use portcullis_store::Signal;
    let (world, fake, identity) = faked(Fake::default(), Resolution::default()).await;
    let token = token(&world, json!({}));
    for _ in 0..3 {
        assert_eq!(code(&identity, &token).await, "accepted");
    }
    assert_eq!(fake.asked(), 1);
    world.runtime.hear(Signal::Lost).await;
    assert_eq!(code(&identity, &token).await, "accepted");
    assert_eq!(fake.asked(), 2);
    // Deaf, nothing is believed for longer than a second.
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(code(&identity, &token).await, "accepted");
    assert_eq!(fake.asked(), 3);
    world.runtime.hear(Signal::Restored).await;
    for _ in 0..2 {
        assert_eq!(code(&identity, &token).await, "accepted");
    }
    assert_eq!(fake.asked(), 4);
}

#[tokio::test]
async fn an_event_during_the_look_up_is_not_overlooked() {
    use portcullis_model::event::{Change, Event};
    use portcullis_store::Signal;
    let gated = Fake { gate: Some(Semaphore::new(0)), ..Fake::default() };
    let (world, fake, identity) =
        faked(gated, Resolution { timeout: Span::seconds(60), ..Resolution::default() }).await;
    let (id, text) = (fake.user("ada").id, token(&world, json!({})));
    let call = {
        let identity = identity.clone();
        let mut set = tokio::task::JoinSet::new();
        set.spawn(async move { code(&identity, &text).await });
        set
    };
    until("the look-up", || fake.asked() == 1).await;
    let change = Change::User { user: id, what: "suspended".into() };
    world
        .runtime
        .hear(Signal::Events(vec![Event {
            position: 9,
            at: Timestamp::default(),
            tenant: None,
            actor: String::new(),
            change,
        }]))
        .await;
    fake.gate.as_ref().unwrap().add_permits(2);
    assert_eq!(call.join_all().await, ["accepted"]);
    assert_eq!(fake.asked(), 2, "what was read before the event was read again");
}
