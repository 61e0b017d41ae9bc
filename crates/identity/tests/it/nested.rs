//! Tokens that are signed and then encrypted: accepted from the issuer whose key opens them, and everything that an
//! attacker may try on the way.

use crate::fixture::*;
use portcullis_fault::{Fault, Secret};
use portcullis_identity::{Effects, Fact, Identity, Observer};
use portcullis_jose::jwa::{Enc, KeyManagement};
use portcullis_jose::jwe::Encryption;
use portcullis_jose::jwk::{Curve, EncryptionKey, KeyKind, RsaBits};
use portcullis_jose::{Alg, Jwk, Protected, SigningKey, encode};
use portcullis_model::issuer::DecryptionKey;
use portcullis_model::record::TokenFacts;
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Issuer, SecretRef};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

const CORP: &str = "https://corp.example.com";
const PARTNER: &str = "https://partner.example.com";

/// Made once: without optimisation it takes seconds.
static RSA: LazyLock<Jwk> = LazyLock::new(|| Jwk::generate(KeyKind::Rsa(RsaBits::B2048)).unwrap());

/// Secrets by the name of their variable.
#[derive(Default)]
struct Secrets(HashMap<String, Vec<u8>>);

impl SecretSource for Secrets {
    fn read(&self, reference: &SecretRef) -> Result<Secret<Vec<u8>>, String> {
        let SecretRef::Env(name) = reference else { return Err(format!("`{reference}` is not asked for")) };
        self.0.get(name).cloned().map(Secret::new).ok_or_else(|| format!("no `{name}`"))
    }
}

/// Two issuers, `corp` and `partner`, with a signing key each, and decryption keys as given.
struct Target {
    world: World,
    secrets: Secrets,
    corp: SigningKey,
    partner: SigningKey,
    files: tempfile::TempDir,
}

impl Target {
    async fn new() -> Self {
        let world = World::new().await;
        world.user("ada", &[("corp", "ada"), ("partner", "ada")]).await;
        let files = tempfile::tempdir().unwrap();
        let (corp, partner) = (key(Alg::ES256, "c"), key(Alg::ES256, "p"));
        std::fs::write(files.path().join("corp.json"), key_set(&[&corp])).unwrap();
        std::fs::write(files.path().join("partner.json"), key_set(&[&partner])).unwrap();
        Self { world, secrets: Secrets::default(), corp, partner, files }
    }

    /// Both issuers; each of `keys` goes to one or to both.
    fn compile(&mut self, keys: &[(&str, &Jwk)]) -> Identity {
        let mut of = |name: &str| {
            let own = keys.iter().enumerate().filter(|(_, (owner, _))| *owner == name || *owner == "both");
            own.map(|(i, (_, jwk))| {
                self.secrets.0.insert(format!("K{i}"), jwk.to_private_json().as_bytes().to_vec());
                DecryptionKey { key: SecretRef::Env(format!("K{i}")), kid: None, algorithm: None }
            })
            .collect::<Vec<_>>()
        };
        let issuers = [("corp", CORP), ("partner", PARTNER)].map(|(name, iss)| Issuer {
            jwks_file: Some(self.files.path().join(format!("{name}.json"))),
            decryption_keys: of(name),
            ..issuer(name, iss)
        });
        let specification = self.world.specification(issuers.to_vec());
        Identity::compile(&specification, &self.world.runtime, &self.secrets).unwrap()
    }

    fn payload(&self, iss: &str) -> String {
        claims(iss, self.world.now(), json!({})).to_string()
    }

    /// A signed token of corp.
    fn signed(&self) -> String {
        encode(&Protected::new(), self.payload(CORP).as_bytes(), &self.corp).unwrap()
    }

    /// A nested token of corp.
    fn nested(&self, to: &EncryptionKey) -> String {
        let payload = self.payload(CORP);
        Encryption::new(Enc::A256GCM).signed(&Protected::new(), payload.as_bytes(), &self.corp, to).unwrap()
    }
}

fn p256(kid: &str) -> Jwk {
    Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap().with_kid(kid)
}

fn to(jwk: &Jwk, alg: KeyManagement) -> EncryptionKey {
    jwk.encryption_key(Some(alg)).unwrap()
}

/// Encrypted with any header members beside `alg`, `enc` and those of the algorithm.
fn encrypted(content: &str, cty: Option<&str>, to: &EncryptionKey) -> String {
    let mut encryption = Encryption::new(Enc::A128GCM);
    if let Some(cty) = cty {
        encryption = encryption.header(Protected::new().cty(cty));
    }
    encryption.compact(content.as_bytes(), to).unwrap()
}

fn b64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

async fn refused(identity: &Identity, token: &str) -> Fault {
    authenticate(identity, token).await.map(drop).unwrap_err()
}

#[derive(Default)]
struct Notes {
    token: Option<Arc<TokenFacts>>,
    opened: Option<(Option<String>, KeyManagement, Enc)>,
    remembered: bool,
}

impl Observer for Notes {
    fn note(&mut self, fact: Fact<'_>) {
        match fact {
            Fact::Token(facts) => self.token = Some(facts.clone()),
            Fact::Opened { kid, alg, enc } => self.opened = Some((kid.map(str::to_owned), alg, enc)),
            Fact::TokenRemembered => self.remembered = true,
            _ => {}
        }
    }
}

#[tokio::test]
async fn every_accepted_way_of_encrypting_is_opened() {
    let mut target = Target::new().await;
    let x448 = Jwk::generate(KeyKind::X448).unwrap().with_kid("x448");
    let x25519 = Jwk::generate(KeyKind::X25519).unwrap();
    let ec = p256("ec");
    let rsa = RSA.clone().with_kid("rsa");
    let shared = |len: usize, alg: KeyManagement| {
        Jwk::generate(KeyKind::Oct(len)).unwrap().with_kid(alg.name()).with_management(alg).unwrap()
    };
    let secrets = [
        shared(16, KeyManagement::A128KW),
        shared(24, KeyManagement::A192KW),
        shared(32, KeyManagement::A256GCMKW),
        shared(32, KeyManagement::Dir),
    ];
    let mut keys = vec![("corp", &x448), ("corp", &x25519), ("corp", &ec), ("corp", &rsa)];
    keys.extend(secrets.iter().map(|secret| ("corp", secret)));
    let identity = target.compile(&keys);
    let asymmetric = [
        (&x448, KeyManagement::ECDH_ES),
        (&x448, KeyManagement::ECDH_ES_A192KW),
        (&x25519, KeyManagement::ECDH_ES_A128KW),
        (&ec, KeyManagement::ECDH_ES),
        (&ec, KeyManagement::ECDH_ES_A256KW),
        (&rsa, KeyManagement::RSA_OAEP),
        (&rsa, KeyManagement::RSA_OAEP_256),
        (&rsa, KeyManagement::RSA_OAEP_512),
    ];
    let symmetric = secrets.iter().map(|secret| (secret, secret.alg_name().unwrap().parse().unwrap()));
    for (jwk, alg) in asymmetric.into_iter().chain(symmetric) {
        let token = target.nested(&to(jwk, alg));
        for remembered in [false, true] {
            let mut notes = Notes::default();
            let caller = authenticate_with(&identity, &token, Effects::Live, &mut notes).await.unwrap();
            assert_eq!(caller.issuer().unwrap().as_str(), "corp", "{alg}");
            assert_eq!(notes.remembered, remembered, "{alg}");
            let facts = notes.token.unwrap();
            let outer: Value = serde_json::from_str(facts.encryption.as_ref().unwrap()).unwrap();
            assert_eq!((&outer["alg"], &outer["cty"]), (&json!(alg.name()), &json!("JWT")));
            assert!(facts.header.contains("ES256") && facts.claims.contains(CORP), "{facts:?}");
            if !remembered {
                assert_eq!(notes.opened, Some((jwk.kid().map(str::to_owned), alg, Enc::A256GCM)));
            }
            let caller = identity.resolve(&caller, Effects::Live, &mut ()).await;
            assert!(caller.is_ok(), "{alg}");
        }
    }
    // The same token unencrypted is one token, by its digest, and both forms are accepted.
    let signed = target.signed();
    assert_eq!(code(&identity, &signed).await, "accepted");
    let shown: Vec<_> = target.world.runtime.decryption_keys();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].1.len(), keys.len());
    assert_eq!(shown[0].1[0].thumbprint, Some(x448.thumbprint_text()));
    assert_eq!(shown[0].1[4].thumbprint, None, "of a secret nothing is shown");
}

/// The inner signature, issuer, time and audience are checked as of any token, in the same order.
#[tokio::test]
async fn encryption_vouches_for_nobody() {
    let mut target = Target::new().await;
    let ec = p256("ec");
    let identity = target.compile(&[("corp", &ec)]);
    let to = to(&ec, KeyManagement::ECDH_ES);
    let nested = |inner: &str| encrypted(inner, Some("JWT"), &to);
    let payload = target.payload(CORP);
    let signed = target.signed();
    let (input, _) = signed.rsplit_once('.').unwrap();
    let expired = claims(CORP, target.world.now() - 3_600, json!({}));
    let other_audience = claims(CORP, target.world.now(), json!({ "aud": "api://other" }));
    for (inner, expected) in [
        (signed.clone(), "accepted"),
        (raw(r#"{"alg":"none"}"#, &payload, b""), "algorithm_not_allowed"),
        (raw(r#"{"alg":"None","kid":"c"}"#, &payload, b"x"), "algorithm_not_allowed"),
        (raw(r#"{"alg":"HS256","kid":"c"}"#, &payload, &[7; 32]), "algorithm_not_allowed"),
        (raw(r#"{"alg":"ES256","kid":"c"}"#, &payload, &[7; 64]), "signature_invalid"),
        (format!("{input}."), "signature_invalid"),
        (encode(&Protected::new(), payload.as_bytes(), &key(Alg::ES256, "c")).unwrap(), "signature_invalid"),
        (sign(&target.corp, &expired), "token_expired"),
        (sign(&target.corp, &other_audience), "audience_mismatch"),
        // No signature at all: claims, alone or with a key in them.
        (payload.clone(), "token_malformed"),
        (format!("  {payload}"), "token_malformed"),
        ("pck_not_a_token".to_owned(), "token_malformed"),
        ("a.b.c".to_owned(), "token_malformed"),
        ("x".to_owned(), "token_malformed"),
        // Another layer, whoever it is for.
        (nested(&signed), "token_malformed"),
        (nested(&nested(&signed)), "token_malformed"),
        (
            raw(r#"{"alg":"ES256","kid":"c","crit":["x"],"x":1}"#, &payload, &[7; 64]),
            "token_critical_unknown",
        ),
    ] {
        assert_eq!(code(&identity, &nested(&inner)).await, expected, "{inner}");
    }
    let bare = refused(&identity, &nested(&payload)).await;
    assert!(bare.public_detail().contains("no signed token"), "{bare:?}");
    let binary = Encryption::new(Enc::A128GCM).header(Protected::new().cty("JWT")).compact(&[0xff; 40], &to);
    assert_eq!(code(&identity, &binary.unwrap()).await, "token_malformed");
}

/// A token is of the issuer whose key opens it. What was encrypted to one and signed by another is neither's.
#[tokio::test]
async fn a_key_opens_tokens_of_its_own_issuer_only() {
    let mut target = Target::new().await;
    let (for_corp, for_both) = (p256("corp"), p256("both"));
    let identity = target.compile(&[("corp", &for_corp), ("both", &for_both)]);
    let of_partner = encode(&Protected::new(), target.payload(PARTNER).as_bytes(), &target.partner).unwrap();
    let of_nobody =
        encode(&Protected::new(), target.payload("https://x.example").as_bytes(), &target.partner).unwrap();
    assert_eq!(code(&identity, &of_partner).await, "accepted");
    let [to_corp, to_both] = [&for_corp, &for_both].map(|jwk| to(jwk, KeyManagement::ECDH_ES_A128KW));
    for (inner, to, expected) in [
        (&target.signed(), &to_corp, "accepted"),
        (&target.signed(), &to_both, "accepted"),
        (&of_partner, &to_both, "accepted"),
        (&of_partner, &to_corp, "issuer_unknown"),
        (&of_nobody, &to_corp, "issuer_unknown"),
    ] {
        assert_eq!(code(&identity, &encrypted(inner, Some("JWT"), to)).await, expected);
    }
}

/// Whatever is wrong with the encryption once its header is fit, the answer is one: no oracle.
#[tokio::test]
async fn every_failure_to_open_looks_the_same() {
    let mut target = Target::new().await;
    let (ec, rsa) = (p256("ec"), RSA.clone().with_kid("rsa"));
    let secret =
        Jwk::generate(KeyKind::Oct(32)).unwrap().with_kid("kw").with_management(KeyManagement::A256KW);
    let secret = secret.unwrap();
    let identity = target.compile(&[("corp", &ec), ("corp", &rsa), ("corp", &secret)]);
    let payload = target.payload(CORP);
    let mut tokens = Vec::new();
    for enc in [Enc::A128CBC_HS256, Enc::A256GCM] {
        for (jwk, alg) in [
            (&ec, KeyManagement::ECDH_ES),
            (&ec, KeyManagement::ECDH_ES_A128KW),
            (&rsa, KeyManagement::RSA_OAEP),
            (&rsa, KeyManagement::RSA_OAEP_256),
            (&secret, KeyManagement::A256KW),
        ] {
            let whole = Encryption::new(enc)
                .signed(&Protected::new(), payload.as_bytes(), &target.corp, &to(jwk, alg))
                .unwrap();
            assert_eq!(code(&identity, &whole).await, "accepted", "{alg} {enc}");
            let parts: Vec<&str> = whole.split('.').collect();
            // Encrypted key, vector, ciphertext at both ends, tag; each still of its length.
            for part in 1..5 {
                if parts[part].is_empty() {
                    continue;
                }
                for at in [0, parts[part].len() / 2] {
                    let mut changed = parts.clone();
                    let flipped = if parts[part].as_bytes()[at] == b'A' { "B" } else { "A" };
                    let text = [&parts[part][..at], flipped, &parts[part][at + 1..]].concat();
                    changed[part] = &text;
                    tokens.push(changed.join("."));
                }
            }
        }
    }
    // To other keys, under the ids of these and under none.
    for (jwk, alg) in [
        (p256("ec"), KeyManagement::ECDH_ES),
        (p256("old"), KeyManagement::ECDH_ES),
        (Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap(), KeyManagement::ECDH_ES_A256KW),
        (Jwk::generate(KeyKind::Ec(Curve::P521)).unwrap(), KeyManagement::ECDH_ES),
        (Jwk::generate(KeyKind::X448).unwrap().with_kid("ec"), KeyManagement::ECDH_ES),
        (Jwk::generate(KeyKind::Oct(32)).unwrap().with_kid("kw"), KeyManagement::A256KW),
        (Jwk::generate(KeyKind::Oct(16)).unwrap(), KeyManagement::Dir),
        // The right id, and a key of another kind.
        (p256("rsa"), KeyManagement::ECDH_ES),
    ] {
        let enc = if alg == KeyManagement::Dir { Enc::A128GCM } else { Enc::A256GCM };
        let token = Encryption::new(enc);
        let to = to(&jwk, alg);
        tokens.push(token.signed(&Protected::new(), payload.as_bytes(), &target.corp, &to).unwrap());
    }
    assert!(tokens.len() > 60);
    let mut bodies = std::collections::BTreeSet::new();
    for token in &tokens {
        let fault = refused(&identity, token).await;
        bodies.insert((fault.code().name(), fault.public_detail().to_owned(), fault.retry_delay()));
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(bodies.first().unwrap().0, "token_encrypted");
}

/// What the header alone forbids is refused without a private key being used.
#[tokio::test]
async fn headers_that_are_never_accepted() {
    let mut target = Target::new().await;
    let (ec, rsa) = (p256("ec"), RSA.clone().with_kid("rsa"));
    let identity = target.compile(&[("corp", &ec), ("corp", &rsa)]);
    let signed = target.signed();
    let to = to(&ec, KeyManagement::ECDH_ES);
    for cty in [None, Some("json"), Some("JWE"), Some("JWT2"), Some("")] {
        assert_eq!(code(&identity, &encrypted(&signed, cty, &to)).await, "token_type_mismatch", "{cty:?}");
    }
    for cty in ["JWT", "jwt", "application/jwt"] {
        assert_eq!(code(&identity, &encrypted(&signed, Some(cty), &to)).await, "accepted", "{cty:?}");
    }
    // Compressed: small on the way, large in memory.
    let bomb = Encryption::new(Enc::A128GCM).header(Protected::new().cty("JWT")).compress();
    let bomb = bomb.compact("A".repeat(4 << 20).as_bytes(), &to).unwrap();
    assert!(bomb.len() < 16 << 10, "{}", bomb.len());
    assert_eq!(code(&identity, &bomb).await, "algorithm_not_allowed");
    let header = |header: Value| {
        let wrapped = if header["alg"] == "RSA1_5" { vec![7; 256] } else { vec![7; 24] };
        let parts = [header.to_string().into_bytes(), wrapped, vec![7; 12], vec![7; 9], vec![7; 16]];
        parts.map(|part| b64(&part)).join(".")
    };
    let long = "A".repeat(17 << 10);
    for (token, expected) in [
        (
            header(json!({ "alg": "RSA1_5", "enc": "A128GCM", "kid": "rsa", "cty": "JWT" })),
            "algorithm_not_allowed",
        ),
        (
            header(
                json!({ "alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "cty": "JWT", "p2s": b64(&[7; 16]), "p2c": 2_000_000_000 }),
            ),
            "algorithm_not_allowed",
        ),
        (
            header(
                json!({ "alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "cty": "JWT", "p2s": b64(&[7; 16]), "p2c": 1_000 }),
            ),
            "algorithm_not_allowed",
        ),
        (header(json!({ "alg": "none", "enc": "A128GCM", "cty": "JWT" })), "algorithm_not_allowed"),
        (header(json!({ "alg": "A128KW", "enc": "none", "cty": "JWT" })), "algorithm_not_allowed"),
        (
            header(json!({ "alg": "A128KW", "enc": "A128GCM", "cty": "JWT", "zip": "LZ4" })),
            "algorithm_not_allowed",
        ),
        (header(json!({ "enc": "A128GCM", "cty": "JWT" })), "token_malformed"),
        (header(json!({ "alg": "A128KW", "cty": "JWT" })), "token_malformed"),
        (header(json!({ "alg": "A128KW", "enc": "A256CBC-HS512", "cty": "JWT" })), "token_malformed"),
        (
            header(json!({ "alg": "A128KW", "enc": "A128GCM", "cty": "JWT", "crit": ["x"], "x": 1 })),
            "token_critical_unknown",
        ),
        (
            header(
                json!({ "alg": "ECDH-ES+A128KW", "enc": "A128GCM", "cty": "JWT", "kid": "ec", "epk": { "kty": "EC", "crv": "P-256", "x": b64(&[1; 32]), "y": b64(&[1; 32]) } }),
            ),
            "token_malformed",
        ),
        (
            header(json!({ "alg": "ECDH-ES+A128KW", "enc": "A128GCM", "cty": "JWT", "kid": "ec" })),
            "token_encrypted",
        ),
        (header(json!({ "alg": "A128KW", "enc": "A128GCM", "cty": "JWT", "kid": long })), "token_too_large"),
        (format!("{}..{}.{}.{}", b64(b"{}"), b64(&[7; 12]), b64(b"x"), b64(&[7; 16])), "token_malformed"),
        ("a.b.c.d.e".to_owned(), "token_malformed"),
        ("....".to_owned(), "token_malformed"),
        (format!("{signed}.a.b"), "token_malformed"),
    ] {
        assert_eq!(code(&identity, &token).await, expected, "{}", &token[..token.len().min(200)]);
    }
}

/// A key that was taken out of the configuration opens nothing, not even what it opened before.
#[tokio::test]
async fn a_rotated_key_opens_until_it_is_taken_away() {
    let mut target = Target::new().await;
    let (old, new) = (p256("2024"), p256("2025"));
    let [to_old, to_new] = [&old, &new].map(|jwk| to(jwk, KeyManagement::ECDH_ES_A256KW));
    let (with_old, with_new) = (target.nested(&to_old), target.nested(&to_new));
    let before = target.compile(&[("corp", &old)]);
    assert_eq!(code(&before, &with_old).await, "accepted");
    assert_eq!(code(&before, &with_new).await, "token_encrypted");
    let both = target.compile(&[("corp", &new), ("corp", &old)]);
    for token in [&with_old, &with_new] {
        assert_eq!(code(&both, token).await, "accepted");
        assert_eq!(code(&both, token).await, "accepted", "remembered");
    }
    let after = target.compile(&[("corp", &new)]);
    assert_eq!(code(&after, &with_old).await, "token_encrypted");
    assert_eq!(code(&after, &with_new).await, "accepted");
    // Moved to the other issuer, it is not this one's any more.
    let moved = target.compile(&[("corp", &new), ("partner", &old)]);
    assert_eq!(code(&moved, &with_old).await, "issuer_unknown");
    drop((before, both, after));
    let shown = target.world.runtime.decryption_keys();
    let kids: Vec<_> = shown.iter().map(|(issuer, keys)| (issuer.as_str(), keys[0].kid.as_deref())).collect();
    assert_eq!(kids, [("corp", Some("2025")), ("partner", Some("2024"))]);
}

/// A token that names no key is tried with four at most.
#[tokio::test]
async fn a_token_without_an_id_is_tried_with_four_keys() {
    let mut target = Target::new().await;
    let keys: Vec<_> = (0..5).map(|i| p256(&i.to_string())).collect();
    let configured: Vec<_> = keys.iter().map(|jwk| ("corp", jwk)).collect();
    let identity = target.compile(&configured);
    for (i, jwk) in keys.iter().enumerate() {
        let mut json: Value = serde_json::from_str(&jwk.to_public_json().unwrap()).unwrap();
        json.as_object_mut().unwrap().remove("kid");
        let anonymous = Jwk::parse(json.to_string().as_bytes()).unwrap();
        let token = target.nested(&to(&anonymous, KeyManagement::ECDH_ES));
        assert_eq!(code(&identity, &token).await, if i < 4 { "accepted" } else { "token_encrypted" }, "{i}");
        // Its thumbprint names it as well as its id.
        let named = anonymous.clone().with_kid(anonymous.thumbprint_text());
        assert_eq!(code(&identity, &target.nested(&to(&named, KeyManagement::ECDH_ES))).await, "accepted");
    }
}

/// A record of a token that could not be opened shows what it was encrypted with, and nothing of it.
#[tokio::test]
async fn facts_of_an_unopened_token() {
    let mut target = Target::new().await;
    let identity = target.compile(&[("corp", &p256("ec"))]);
    let token = target.nested(&to(&p256("other"), KeyManagement::ECDH_ES));
    let mut notes = Notes::default();
    authenticate_with(&identity, &token, Effects::Live, &mut notes).await.map(drop).unwrap_err();
    let facts = notes.token.unwrap();
    assert!(facts.encryption.as_ref().unwrap().contains(r#""kid":"other""#));
    assert_eq!((&*facts.header, &*facts.claims, notes.opened), ("", "{}", None));
    for part in token.split('.').skip(1).filter(|part| !part.is_empty()) {
        assert!(!format!("{facts:?}").contains(part));
    }
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_problems_of_the_configuration() {
    let mut target = Target::new().await;
    let signing = Jwk::generate(KeyKind::Ed448).unwrap();
    target.secrets.0.insert("K".into(), signing.to_private_json().as_bytes().to_vec());
    let own = |name: &str| DecryptionKey { key: SecretRef::Env(name.into()), kid: None, algorithm: None };
    for (keys, what) in [(vec![own("K")], "`env:K`: "), (vec![own("MISSING")], "no `MISSING`")] {
        let issuer = Issuer {
            jwks_file: Some(target.files.path().join("corp.json")),
            decryption_keys: keys,
            ..issuer("corp", CORP)
        };
        let specification = target.world.specification(vec![issuer]);
        let problems = Identity::compile(&specification, &target.world.runtime, &target.secrets).unwrap_err();
        let text = problems[0].to_string();
        assert!(text.starts_with("issuers.corp.decryption_keys") && text.contains(what), "{text}");
    }
}
