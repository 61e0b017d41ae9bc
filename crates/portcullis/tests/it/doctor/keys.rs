//! Causes that lie with keys and signatures.

use super::world::{SECRET, World, base64url, claims, codes, key, publish, sign, with, words};
use crate::server::eventually;
use portcullis_jose::{Alg, Protected, Secret, encode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn whose_signature_it_is_and_what_became_of_the_key() {
    let world = World::new("");
    world.user(&["--identity", "corp=ada", "--identity", "rsa=ada", "--identity", "shared=ada"]);
    let good = sign(&claims("corp", "ada"), &world.corp);
    assert_eq!(world.ask(json!({ "token": good })).await["accepted"], true);

    // RSA shows that the content was altered; ECDSA shows nothing, and nothing is claimed.
    let alter = |token: &str| {
        let parts: Vec<&str> = token.split('.').collect();
        let other = base64url(with(claims("rsa", "ada"), "sub", json!("eve")).to_string().as_bytes());
        format!("{}.{other}.{}", parts[0], parts[2])
    };
    let (first, diagnosis) = world.first(&alter(&sign(&claims("rsa", "ada"), &world.rsa))).await;
    assert_eq!(first, "content_altered", "{diagnosis:#}");
    let parts: Vec<&str> = good.split('.').collect();
    let altered =
        format!("{}.{}.{}", parts[0], base64url(claims("corp", "eve").to_string().as_bytes()), parts[2]);
    let (first, diagnosis) = world.first(&altered).await;
    assert!(first != "content_altered", "{diagnosis:#}");
    assert!(diagnosis["findings"].to_string().contains("cannot be known"), "{diagnosis:#}");

    // The owner signs with the bytes that the configured base64 stands for.
    let bytes = Secret::new(SECRET.to_vec()).unwrap().signing_key(Alg::HS256).unwrap();
    let (first, diagnosis) = world
        .first(&encode(&Protected::new(), claims("shared", "ada").to_string().as_bytes(), &bytes).unwrap())
        .await;
    assert_eq!(first, "secret_is_base64", "{diagnosis:#}");
    assert!(!diagnosis.to_string().contains(&base64url(&SECRET)), "the secret is shown");

    // Its own key, under an id that it does not publish.
    let misnamed = Protected::new().kid("corp-0");
    let misnamed = encode(&misnamed, claims("corp", "ada").to_string().as_bytes(), &world.corp).unwrap();
    assert_eq!(world.first(&misnamed).await.0, "kid_mismatch");

    // Another environment's key of the same issuer; another issuer's.
    let foreign = key(Alg::ES256, "corp-of-staging");
    assert_eq!(world.first(&sign(&claims("corp", "ada"), &foreign)).await.0, "kid_unknown");
    assert_eq!(world.first(&sign(&claims("corp", "ada"), &world.partner)).await.0, "signed_by_other_issuer");
    // Which of its parts is not what it was; each as its own cause.
    let (input, made) = good.rsplit_once('.').unwrap();
    let other = sign(&claims("corp", "bob"), &world.corp);
    assert_eq!(world.first(&format!("{input}.")).await.0, "signature_missing");
    assert_eq!(world.first(&format!("{input}.{}", &made[..44])).await.0, "signature_length");
    let swapped = format!("{}.{made}", other.rsplit_once('.').unwrap().0);
    let told = world.ask(json!({ "token": swapped, "good": good })).await;
    assert_eq!(codes(&told)[0], "signature_of_other_token", "{told:#}");
    // The secret as a file has it that ends with a line break.
    let broken = Secret::new(format!("{}\n", base64url(&SECRET)).into_bytes()).unwrap();
    let broken = broken.signing_key(Alg::HS256).unwrap();
    let (first, told) = world.first(&sign(&claims("shared", "ada"), &broken)).await;
    assert_eq!(first, "secret_line_break", "{told:#}");
    assert_eq!(told["findings"][0]["likelihood"], "certain", "{told:#}");
    let none = format!("{}.{}.", base64url(br#"{"alg":"none"}"#), parts[1]);
    assert_eq!(world.first(&none).await.0, "alg_none");
    let es384 = key(Alg::ES384, "corp-1");
    assert_eq!(world.first(&sign(&claims("corp", "ada"), &es384)).await.0, "algorithm_not_allowed");

    // Two are published, and the one that is named is not the one that signed.
    let place = world.server.place.path();
    let accepted = |token: &str| world.told(token)["accepted"] == true;
    let spare = key(Alg::ES256, "corp-1-spare");
    publish(place, "corp.json", &[&world.corp, &spare]);
    let by_spare = sign(&claims("corp", "ada"), &spare);
    assert!(eventually(|| accepted(&by_spare), |accepted| *accepted));
    let named = Protected::new().kid("corp-1");
    let named = encode(&named, claims("corp", "ada").to_string().as_bytes(), &spare).unwrap();
    let (first, diagnosis) = world.first(&named).await;
    assert_eq!(first, "verified_by_other_key", "{diagnosis:#}");
    assert!(diagnosis["findings"][0]["evidence"].to_string().contains("`corp-1-spare`"), "{diagnosis:#}");
    // Distrusted, with who and why; the command that is told takes it back.
    world.server.cli(&["issuer", "distrust", "corp", "corp-1-spare", "--reason", "lost laptop"]);
    let diagnosis = world.soon(&by_spare, "key_distrusted").await;
    assert!(diagnosis["findings"][0]["evidence"].to_string().contains("lost laptop"), "{diagnosis:#}");
    world.server.cli(&words(&diagnosis["findings"][0]));
    assert!(eventually(|| accepted(&by_spare), |accepted| *accepted));

    // Rotated: the key is removed, and the token presented on.
    let second = key(Alg::ES256, "corp-2");
    publish(place, "corp.json", &[&second]);
    let fresh = sign(&claims("corp", "ada"), &second);
    assert!(eventually(|| accepted(&fresh), |accepted| *accepted));
    let (first, diagnosis) = world.first(&good).await;
    assert_eq!(first, "key_removed", "{diagnosis:#}");
    // The same id with new material.
    let reused = key(Alg::ES256, "corp-2");
    publish(place, "corp.json", &[&reused]);
    let newest = sign(&claims("corp", "ada"), &reused);
    assert!(eventually(|| accepted(&newest), |accepted| *accepted));
    let (first, diagnosis) = world.first(&fresh).await;
    assert_eq!(first, "key_replaced_under_same_kid", "{diagnosis:#}");
    // What is fetched and is no key set changes nothing, and is told of.
    std::fs::write(place.join("corp.json"), "<!doctype html><html>sign in</html>").unwrap();
    let by_foreign = sign(&claims("corp", "ada"), &foreign);
    let html = |told: &Value| codes(told).contains(&"jwks_html".to_owned());
    let told = eventually(|| world.told(&by_foreign), html);
    assert!(html(&told), "{told:#}");
    world.server.stop();
}
