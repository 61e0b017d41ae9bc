//! The token path as an attacker meets it: every row is one token and the code it is refused with.

use crate::fixture::*;
use aws_lc_rs::hmac;
use portcullis_identity::{Effects, Fact, Observer};
use portcullis_jose::{Alg, SigningKey};
use portcullis_model::Issuer;
use serde_json::json;

const ISS: &str = "https://corp.example.com";

/// An issuer with one RSA and one EC key in a file, and a user `ada`.
struct Target {
    world: World,
    identity: portcullis_identity::Identity,
    ec: SigningKey,
    rsa: SigningKey,
    _directory: tempfile::TempDir,
}

impl Target {
    async fn new() -> Self {
        let world = World::new().await;
        world.user("ada", &[("corp", "ada")]).await;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("jwks.json");
        let (ec, rsa) = (key(Alg::ES256, "ec"), key(Alg::RS256, "rsa"));
        std::fs::write(&path, key_set(&[&ec, &rsa])).unwrap();
        let identity = world.compile(vec![Issuer { jwks_file: Some(path), ..issuer("corp", ISS) }]);
        Self { world, identity, ec, rsa, _directory: directory }
    }

    fn payload(&self, changes: serde_json::Value) -> String {
        claims(ISS, self.world.now(), changes).to_string()
    }
}

#[tokio::test]
async fn a_good_token_is_accepted_fresh_and_remembered() {
    let target = Target::new().await;
    for key in [&target.ec, &target.rsa] {
        let token = sign(key, &claims(ISS, target.world.now(), json!({})));
        for _ in 0..2 {
            assert_eq!(code(&target.identity, &token).await, "accepted");
        }
    }
}

#[tokio::test]
async fn unsigned_and_confused_algorithms() {
    let target = Target::new().await;
    let payload = target.payload(json!({}));
    for alg in [
        "none", "None", "NONE", "nOnE", "none ", "", "HS256", "hs256", "ES384", "RS512", "PS256", "dir",
        "A128GCM",
    ] {
        for signature in [&b""[..], b"x"] {
            let token = raw(&json!({ "alg": alg, "kid": "ec" }).to_string(), &payload, signature);
            assert_eq!(code(&target.identity, &token).await, "algorithm_not_allowed", "{alg}");
        }
    }
    for header in
        [json!({ "kid": "ec" }), json!({ "alg": null }), json!({ "alg": ["none"] }), json!({ "alg": 0 })]
    {
        assert_eq!(
            code(&target.identity, &raw(&header.to_string(), &payload, b"")).await,
            "token_malformed",
            "{header}"
        );
    }
    // The public key as HMAC secret, in every spelling that a library may have taken it in.
    let public = public(&target.rsa);
    let json_text = public.to_public_json().unwrap();
    let spellings: Vec<Vec<u8>> = vec![
        json_text.clone().into_bytes(),
        serde_json::from_str::<serde_json::Value>(&json_text).unwrap()["n"]
            .as_str()
            .unwrap()
            .as_bytes()
            .to_vec(),
        public.thumbprint_text().into_bytes(),
        key_set(&[&target.rsa]).into_bytes(),
    ];
    for secret in spellings {
        for (alg, algorithm) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            let header = json!({ "alg": alg, "kid": "rsa" }).to_string();
            let unsigned = raw(&header, &payload, b"");
            let tag =
                hmac::sign(&hmac::Key::new(algorithm, &secret), unsigned.trim_end_matches('.').as_bytes());
            assert_eq!(
                code(&target.identity, &raw(&header, &payload, tag.as_ref())).await,
                "algorithm_not_allowed"
            );
        }
    }
    // An allowed algorithm under a key of the other kind.
    let header = json!({ "alg": "RS256", "kid": "ec" }).to_string();
    assert_eq!(
        code(&target.identity, &signed_raw(&target.rsa, &header, &payload)).await,
        "algorithm_not_allowed"
    );
}

#[tokio::test]
async fn shapes() {
    let target = Target::new().await;
    let payload = target.payload(json!({}));
    let ec = |header: &str, payload: &str| signed_raw(&target.ec, header, payload);
    let good = ec(r#"{"alg":"ES256","kid":"ec"}"#, &payload);
    assert_eq!(code(&target.identity, &good).await, "accepted");
    let deep = format!(r#"{{"alg":"ES256","kid":"ec","x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let deep_claims =
        payload.replacen('{', &format!("{{\"x\":{}{},", "[".repeat(5_000), "]".repeat(5_000)), 1);
    let (head, rest) = good.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let mut malleable = signature.to_owned();
    // The last character of 64 bytes has two bits to spare; another one decodes to the same bytes in a lenient decoder.
    let last = malleable.pop().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.find(last).unwrap();
    malleable.push(alphabet.chars().nth(at ^ 1).unwrap());
    for (token, expected) in [
        (ec(r#"{"alg":"ES256","kid":"ec","crit":["exp2"],"exp2":1}"#, &payload), "token_critical_unknown"),
        (ec(r#"{"alg":"ES256","kid":"ec","crit":["b64"],"b64":false}"#, &payload), "token_critical_unknown"),
        (ec(r#"{"alg":"ES256","kid":"ec","b64":false}"#, &payload), "token_critical_unknown"),
        (ec(r#"{"alg":"ES256","kid":"ec","b64":true}"#, &payload), "token_critical_unknown"),
        (ec(r#"{"alg":"ES256","kid":"ec","crit":[]}"#, &payload), "token_malformed"),
        (ec(r#"{"alg":"ES256","kid":"ec","crit":"exp"}"#, &payload), "token_malformed"),
        (ec(r#"{"alg":"ES256","kid":"ec","alg":"none"}"#, &payload), "token_malformed"),
        (ec(r#"{"alg":"none","\u0061lg":"ES256","kid":"ec"}"#, &payload), "token_malformed"),
        (
            ec(r#"{"alg":"ES256","kid":"ec"}"#, &payload.replacen('{', r#"{"sub":"root","#, 1)),
            "token_malformed",
        ),
        (
            ec(r#"{"alg":"ES256","kid":"ec"}"#, &payload.replacen('{', r#"{"\u0073ub":"root","#, 1)),
            "token_malformed",
        ),
        (ec(&deep, &payload), "token_malformed"),
        (ec(r#"{"alg":"ES256","kid":"ec"}"#, &deep_claims), "token_malformed"),
        (ec(r#"{"alg":"ES256","kid":7}"#, &payload), "token_malformed"),
        (ec(r#"{"alg":"ES256","kid":null}"#, &payload), "token_malformed"),
        (ec(&format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(600)), &payload), "token_malformed"),
        (ec(&format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(64 << 10)), &payload), "token_too_large"),
        (ec(r#"{"alg":"ES256","kid":"../../../../dev/null"}"#, &payload), "key_unknown"),
        (ec(r#"{"alg":"ES256","kid":"/etc/passwd"}"#, &payload), "key_unknown"),
        (ec(r#"{"alg":"ES256","kid":"ec' OR '1'='1"}"#, &payload), "key_unknown"),
        (ec(r#"{"alg":"ES256","kid":"EC"}"#, &payload), "key_unknown"),
        (ec(r#"{"alg":"ES256","kid":"ec\u0000"}"#, &payload), "key_unknown"),
        (ec(r#"[{"alg":"ES256"}]"#, &payload), "token_malformed"),
        (ec(r#"{"alg":"ES256","kid":"ec"}"#, "[]"), "token_malformed"),
        (ec(r#"{"alg":"ES256","kid":"ec"}"#, "not json"), "token_malformed"),
        (format!("{good}."), "token_malformed"),
        (format!("{good}.a.b"), "token_encrypted"),
        (format!("{head}.{body}"), "token_malformed"),
        (format!("{head}..{signature}"), "token_malformed"),
        (format!("{head}=.{body}.{signature}"), "token_malformed"),
        (format!("{head}.{body}.{malleable}"), "token_malformed"),
        (
            format!("{head}.{body}.{}", signature.replace(['-', '_'], "+")),
            if signature.contains(['-', '_']) { "token_malformed" } else { "accepted" },
        ),
        (format!("{head}.{body}."), "signature_invalid"),
        (format!("{head}.{body}.{}", &signature[..84]), "signature_invalid"),
        (
            format!("{head}.{}.{signature}", body.replacen('A', "B", 1)),
            if body.contains('A') { "*" } else { "accepted" },
        ),
        (format!("\"{good}\""), "token_malformed"),
        ("a.b.c".to_owned(), "token_malformed"),
        ("...".to_owned(), "token_malformed"),
        (".".to_owned(), "token_malformed"),
        ("é.é.é".to_owned(), "credential_malformed"),
        ("opaque".to_owned(), "credential_malformed"),
    ] {
        let Ok(request) = http::Request::get("/").header("authorization", format!("Bearer {token}")).body(())
        else {
            continue;
        };
        let places = portcullis_identity::Places::default();
        let got = match target
            .identity
            .authenticate(&request, &places, &connection(), Effects::Live, &mut ())
            .await
        {
            Ok(_) => "accepted",
            Err(fault) => fault.code().name(),
        };
        match expected {
            "*" => assert_ne!(got, "accepted", "{token}"),
            _ => assert_eq!(got, expected, "{}", &token[..token.len().min(300)]),
        }
    }
}

#[tokio::test]
async fn keys_that_the_token_brings_are_noted_and_not_used() {
    #[derive(Default)]
    struct Ignored(Vec<String>);
    impl Observer for Ignored {
        fn note(&mut self, fact: Fact<'_>) {
            if let Fact::Token(facts) = fact {
                self.0 = facts.ignored.iter().map(|name| name.to_string()).collect();
            }
        }
    }
    let target = Target::new().await;
    let evil = key(Alg::ES256, "ec");
    let server = Server::start().await;
    server.answer("/jwks", 200, "", key_set(&[&evil]));
    let header = json!({
        "alg": "ES256", "kid": "ec", "jku": server.url("/jwks"), "x5u": server.url("/cert"),
        "jwk": serde_json::from_str::<serde_json::Value>(&public(&evil).to_public_json().unwrap()).unwrap(), "x5c": ["AAAA"],
    });
    let payload = target.payload(json!({}));
    let mut noted = Ignored::default();
    let forged = signed_raw(&evil, &header.to_string(), &payload);
    let refused = authenticate_with(&target.identity, &forged, Effects::Live, &mut noted).await.unwrap_err();
    assert_eq!(refused.code().name(), "signature_invalid");
    assert_eq!(noted.0, ["jku", "jwk", "x5u", "x5c"]);
    assert_eq!((server.hits("/jwks"), server.hits("/cert")), (0, 0));
    // The issuer's own signature counts, whatever else stands there.
    assert_eq!(
        code(&target.identity, &signed_raw(&target.ec, &header.to_string(), &payload)).await,
        "accepted"
    );
}

#[tokio::test]
async fn claims_are_checked_in_order_and_on_every_call() {
    let target = Target::new().await;
    let now = target.world.now();
    for (changes, expected) in [
        (json!({ "iss": null }), "issuer_unknown"),
        (json!({ "iss": 7 }), "issuer_unknown"),
        (json!({ "iss": "https://corp.example.com/" }), "issuer_unknown"),
        (json!({ "iss": "https://staging.example.com" }), "issuer_unknown"),
        (json!({ "exp": null }), "claim_missing"),
        (json!({ "exp": now - 31 }), "token_expired"),
        (json!({ "exp": now - 29 }), "accepted"),
        (json!({ "exp": (now + 300).to_string() }), "claim_invalid"),
        (json!({ "exp": 1e300 }), "claim_invalid"),
        (json!({ "exp": u64::MAX }), "claim_invalid"),
        (json!({ "exp": (now + 300) * 1000 }), "claim_invalid"),
        (json!({ "exp": -1 }), "claim_invalid"),
        (json!({ "nbf": now + 31 }), "token_not_yet_valid"),
        (json!({ "nbf": "soon" }), "claim_invalid"),
        (json!({ "iat": now + 31 }), "token_from_future"),
        (json!({ "iat": true }), "claim_invalid"),
        (json!({ "aud": "api://globex" }), "audience_mismatch"),
        (json!({ "aud": ["x", "api://acme"] }), "accepted"),
        (json!({ "aud": [] }), "audience_mismatch"),
        (json!({ "aud": null }), "audience_mismatch"),
        (json!({ "aud": { "api://acme": 1 } }), "claim_invalid"),
        (json!({ "exp": now - 60, "aud": "x" }), "token_expired"),
        (json!({ "aud": "x", "cnf": { "jkt": "x" } }), "audience_mismatch"),
        (json!({ "cnf": { "jkt": "x" } }), "token_bound"),
        (json!({ "cnf": { "x5t#S256": "x" } }), "token_bound"),
        (json!({ "cnf": {} }), "token_bound"),
        (json!({ "cnf": "x" }), "token_bound"),
        (json!({ "sub": null }), "subject_missing"),
        (json!({ "sub": "" }), "subject_missing"),
        (json!({ "sub": 42 }), "subject_invalid"),
        (json!({ "sub": ["ada"] }), "subject_invalid"),
        (json!({ "sub": { "ada": 1 } }), "subject_invalid"),
        (json!({ "sub": "Ada" }), "user_unknown"),
        (json!({ "sub": "ada " }), "user_unknown"),
        (json!({ "sub": "ada\u{0}" }), "user_unknown"),
        (json!({ "sub": "x".repeat(5_000) }), "user_unknown"),
    ] {
        let token = sign(&target.ec, &claims(ISS, now, changes.clone()));
        for round in ["fresh", "again"] {
            assert_eq!(code(&target.identity, &token).await, expected, "{round}: {changes}");
        }
    }
    for (typ, expected) in [
        ("dpop+jwt", "token_type_mismatch"),
        ("logout+jwt", "token_type_mismatch"),
        ("at+jwt", "accepted"),
        ("application/at+JWT", "accepted"),
    ] {
        let header = json!({ "alg": "ES256", "kid": "ec", "typ": typ }).to_string();
        assert_eq!(
            code(&target.identity, &signed_raw(&target.ec, &header, &target.payload(json!({})))).await,
            expected,
            "{typ}"
        );
    }
    // Remembered tokens grow old like any other.
    let token = sign(&target.ec, &claims(ISS, now, json!({})));
    assert_eq!(code(&target.identity, &token).await, "accepted");
    target.world.clock.advance(std::time::Duration::from_secs(331));
    assert_eq!(code(&target.identity, &token).await, "token_expired");
}

#[tokio::test]
async fn a_missing_subject_is_said_as_such() {
    let target = Target::new().await;
    let token = sign(&target.ec, &claims(ISS, target.world.now(), json!({ "sub": null })));
    let fault = recognise(&target.identity, &token).await.unwrap_err();
    assert_eq!(fault.public_detail(), "JWT missing required 'sub' claim");
    // And what hides behind `subject_unresolved` shows nothing of itself.
    let token = sign(&target.ec, &claims(ISS, target.world.now(), json!({ "sub": "nobody" })));
    let fault = recognise(&target.identity, &token).await.unwrap_err();
    assert_eq!(fault.code().public().name(), "subject_unresolved");
    assert!(!fault.public_detail().contains("nobody"));
    assert!(fault.private_context().unwrap().contains("nobody"));
}

#[tokio::test]
async fn a_token_bound_to_the_connections_certificate_is_proven() {
    let target = Target::new().await;
    let digest = portcullis_jose::sha256(b"certificate");
    let text = {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
    };
    let token = sign(&target.ec, &claims(ISS, target.world.now(), json!({ "cnf": { "x5t#S256": text } })));
    let request = bearer(&token);
    let places = portcullis_identity::Places::default();
    let mut facts = connection();
    for (certificate, expected) in
        [(None, false), (Some([1; 32]), false), (Some(digest), true), (None, false)]
    {
        facts.certificate = certificate;
        let checked = target.identity.authenticate(&request, &places, &facts, Effects::Live, &mut ()).await;
        assert_eq!(checked.is_ok(), expected);
    }
}

#[tokio::test]
async fn a_machine_token_is_never_a_user() {
    let world = World::new().await;
    let user = world.user("ada", &[("corp", "robot"), ("corp", "shop")]).await;
    let shop = world.application("shop", &[("corp", "shop")]).await;
    let mut by_id = hmac_issuer("ids");
    by_id.subject.attribute = "id".into();
    let identity = world.compile(vec![hmac_issuer("corp"), by_id]);
    let token = |iss: &str, changes| sign(&hmac_key(), &claims(iss, world.now(), changes));
    // By default: `sub` is the client.
    let machine = token("https://corp.example.com", json!({ "sub": "shop", "client_id": "shop" }));
    let principal = recognise(&identity, &machine).await.unwrap();
    assert_eq!((principal.user.is_none(), principal.application.unwrap().id), (true, shop.id));
    assert_eq!(*principal.roles, ["robot".to_owned()]);
    // A client that is no application stays nobody, even when its `sub` is a user's subject or a user's id.
    let stranger = token("https://corp.example.com", json!({ "sub": "robot", "client_id": "robot" }));
    assert_eq!(code(&identity, &stranger).await, "application_unknown");
    let id = user.id.to_string();
    let stranger = token("https://ids.example.com", json!({ "sub": id, "client_id": id }));
    assert_eq!(code(&identity, &stranger).await, "application_unknown");
    // The same subject in a user's token is the user.
    let human = token("https://corp.example.com", json!({ "sub": "shop", "client_id": "web" }));
    assert_eq!(recognise(&identity, &human).await.unwrap().user.unwrap().id, user.id);
}

#[tokio::test]
async fn one_issuer_cannot_speak_for_another() {
    let world = World::new().await;
    world.user("ada", &[("corp", "ada")]).await;
    let directory = tempfile::tempdir().unwrap();
    let (corp_key, evil_key) = (key(Alg::ES256, "k"), key(Alg::ES256, "k"));
    let issuer_with = |called: &str, key: &SigningKey| {
        let path = directory.path().join(called);
        std::fs::write(&path, key_set(&[key])).unwrap();
        Issuer { jwks_file: Some(path), ..issuer(called, &format!("https://{called}.example.com")) }
    };
    let identity = world.compile(vec![issuer_with("corp", &corp_key), issuer_with("evil", &evil_key)]);
    let forged = sign(&evil_key, &claims(ISS, world.now(), json!({})));
    assert_eq!(code(&identity, &forged).await, "signature_invalid");
    // Its own tokens name its own subjects, not the other's.
    let own = sign(&evil_key, &claims("https://evil.example.com", world.now(), json!({})));
    assert_eq!(code(&identity, &own).await, "user_unknown");
}

#[tokio::test]
async fn revocations_and_distrust_hit_remembered_tokens() {
    use portcullis_store::entity::revocations::Revoked;
    let target = Target::new().await;
    let now = target.world.now();
    let token = |jti: &str| sign(&target.ec, &claims(ISS, now, json!({ "jti": jti })));
    let (one, two) = (token("one"), token("two"));
    for token in [&one, &two] {
        assert_eq!(code(&target.identity, token).await, "accepted");
    }
    let revoke = async |what| {
        let entry =
            target.world.directory.revoke(&actor(), None, what, None, Some("stolen".into())).await.unwrap();
        target.world.hear().await;
        entry
    };
    revoke(Revoked::Token { issuer: name("corp"), jti: "one".into() }).await;
    assert_eq!(code(&target.identity, &one).await, "token_revoked");
    assert_eq!(code(&target.identity, &two).await, "accepted");
    let entry = revoke(Revoked::Key { issuer: name("corp"), kid: "ec".into() }).await;
    assert_eq!(code(&target.identity, &two).await, "key_distrusted");
    assert_eq!(code(&target.identity, &token("three")).await, "key_distrusted");
    let rsa = sign(&target.rsa, &claims(ISS, now, json!({ "jti": "four" })));
    assert_eq!(code(&target.identity, &rsa).await, "accepted");
    target.world.directory.lift_revocation(&actor(), entry.id).await.unwrap();
    target.world.hear().await;
    assert_eq!(code(&target.identity, &two).await, "accepted");
    revoke(Revoked::Subject {
        issuer: name("corp"),
        subject: "ada".into(),
        issued_before: portcullis_model::Timestamp::from_seconds(now + 1),
    })
    .await;
    assert_eq!(code(&target.identity, &two).await, "token_revoked");
    target.world.clock.advance(std::time::Duration::from_secs(2));
    let later = sign(&target.ec, &claims(ISS, target.world.now(), json!({ "jti": "five" })));
    assert_eq!(code(&target.identity, &later).await, "accepted");
}
