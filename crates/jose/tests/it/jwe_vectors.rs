//! Encrypted messages that the RFCs and others made: see `vectors.rs` for where the files lie.

use std::fs;

use portcullis_jose::jwa::{Enc, KeyManagement};
use portcullis_jose::jwe::{Decryption, Encryption};
use portcullis_jose::jwk::{DecryptionKey, EncryptionKey};
use portcullis_jose::{Alg, Jwk, JwkSet, Unverified};
use serde_json::Value;

use crate::support::{b64, unb64};
use crate::vectors::{counted, files, folder, json, jwk, text};

/// Everything, RSA1_5 included: the vectors are full of it.
fn everything() -> Decryption {
    Decryption::new().also_rsa1_5()
}

fn opens(message: &str, key: &DecryptionKey, content: &[u8], what: &str) {
    let opened = everything().open(message.as_bytes(), key).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(opened.content(), content, "{what}");
    // Reading RSA1_5 has to be asked for.
    let unasked = Decryption::new().open(message.as_bytes(), key);
    assert_eq!(unasked.is_ok(), opened.alg() != KeyManagement::RSA1_5, "{what}");
    if let Err(error) = unasked {
        assert_eq!(error.name(), "encryption_alg_not_allowed", "{what}");
    }
}

#[test]
fn rfcs() {
    let Some(folder) = folder() else { return };
    let all = json(&folder.join("rfc/rfc_vectors.json"));
    let mut checked = 0;
    for case in all["vectors"].as_array().unwrap() {
        let id = text(case, "id");
        match text(case, "kind") {
            "jwe-compact" | "jwe-flattened-json" => {
                let token = case["token"].as_str().map_or_else(|| case["token"].to_string(), str::to_owned);
                let key = jwk(&case["jwk"]).decryption_key().unwrap();
                opens(&token, &key, text(case, "plaintext").as_bytes(), id);
            }
            "jwe-general-json" => {
                let message = case["token"].to_string();
                for key in JwkSet::parse(case["jwks"].to_string().as_bytes()).unwrap().keys {
                    let key = key.decryption_key().unwrap();
                    let opened = everything().open(message.as_bytes(), &key).unwrap();
                    assert_eq!(opened.content(), text(case, "plaintext").as_bytes(), "{id}");
                    assert_eq!(opened.header().kid(), key.kid(), "{id}");
                }
            }
            "jwe-compact-encrypted-jwk" => {
                let key = DecryptionKey::password(text(case, "password")).unwrap();
                let opened = everything().open(text(case, "token").as_bytes(), &key).unwrap();
                assert_eq!(opened.header().cty(), Some("jwk+json"), "{id}");
                let inside = Jwk::parse(opened.content()).unwrap();
                assert_eq!(inside.thumbprint(), jwk(&case["plaintext_jwk"]).thumbprint(), "{id}");
            }
            "jwe-compact-jwt" => {
                let key = jwk(&case["jwk"]).decryption_key().unwrap();
                let opened = everything().open(text(case, "token").as_bytes(), &key).unwrap();
                assert_eq!(
                    serde_json::from_slice::<Value>(opened.content()).unwrap(),
                    case["claims"],
                    "{id}"
                );
            }
            "nested-jwt" => {
                let key = jwk(&case["jwk"]).decryption_key().unwrap();
                let from = jwk(&case["inner_jwk"]).verifying_key().unwrap();
                let token = text(case, "token").as_bytes();
                let (header, verified) =
                    everything().open_signed(token, &key, &from, Alg::RS256.into()).unwrap();
                assert_eq!(
                    (header.cty(), verified.claims().iss().text().as_deref()),
                    (Some("JWT"), Some("joe"))
                );
                let other = everything().open_signed(token, &key, &from, Alg::PS256.into()).unwrap_err();
                assert_eq!(other.name(), "alg_not_allowed", "{id}");
            }
            _ => continue,
        }
        checked += 1;
    }
    counted("rfc: encrypted messages", checked);
}

/// One case of the cookbook, in each serialisation that it has.
fn recipe(case: &Value, what: &str) -> usize {
    let input = &case["input"];
    let content = text(input, "plaintext").as_bytes();
    let keys: Vec<DecryptionKey> = match (&input["key"], input["pwd"].as_str()) {
        (_, Some(password)) => vec![DecryptionKey::password(password).unwrap()],
        (Value::Array(keys), _) => keys.iter().map(|key| jwk(key).decryption_key().unwrap()).collect(),
        (key, _) => vec![jwk(key).decryption_key().unwrap()],
    };
    let mut read = 0;
    for form in ["compact", "json", "json_flat"] {
        let message = match &case["output"][form] {
            Value::Null => continue,
            Value::String(compact) => compact.clone(),
            other => other.to_string(),
        };
        for (i, key) in keys.iter().enumerate() {
            opens(&message, key, content, &format!("{what}: {form} {i}"));
            read += 1;
        }
    }
    read
}

#[test]
fn jose_cookbook() {
    let Some(folder) = folder() else { return };
    let cookbook = folder.join("ietf-jose-cookbook");
    let mut read = 0;
    for path in files(&cookbook.join("jwe"), "json") {
        read += recipe(&json(&path), &path.display().to_string());
    }
    read += recipe(&json(&cookbook.join("curve25519/ecdh-es.json")), "curve25519");
    counted("cookbook: encrypted messages, in every form", read);

    let nested = json(&cookbook.join("6.nesting_signatures_and_encryption.json"));
    let key = jwk(&nested["encrypt"]["input"]["key"]).decryption_key().unwrap();
    let from = jwk(&nested["sign"]["input"]["key"]).verifying_key().unwrap();
    let token = text(&nested["encrypt"]["output"], "compact");
    let (_, verified) = everything().open_signed(token.as_bytes(), &key, &from, Alg::PS256.into()).unwrap();
    assert_eq!(verified.claims().iss().text().as_deref(), Some("hobbiton.example"));
    assert_eq!(Unverified::parse(token).unwrap_err().name(), "token_encrypted");
    counted("cookbook: a signed token in an encrypted one", 1);
}

#[test]
fn panva_jose() {
    let Some(folder) = folder() else { return };
    let cases = json(&folder.join("panva-jose/jwe.json"));
    let read: usize = cases.as_array().unwrap().iter().map(|case| recipe(case, text(case, "title"))).sum();
    counted("panva: encrypted messages, in every form", read);
}

/// Which key a token of that name was encrypted to, as `ORIGIN.md` has it.
fn josekit_key(alg: &str, curve: Option<&str>) -> String {
    match (alg, curve) {
        (_, Some("X25519")) => "OKP_X25519_private".to_owned(),
        (_, Some(curve)) => format!("EC_{curve}_private"),
        ("dir", _) => "oct_256bit_private".to_owned(),
        (alg, _) if alg.starts_with("RSA") => "RSA_private".to_owned(),
        (alg, _) if alg.starts_with("PBES2") => "oct_128bit_private".to_owned(),
        (alg, _) => format!("oct_{}bit_private", &alg[1..4]),
    }
}

#[test]
fn josekit_tokens() {
    let Some(folder) = folder() else { return };
    let mut read = 0;
    for path in files(&folder.join("josekit/jwt"), "jwt") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (parts, packed) = name.strip_suffix("_DEF").map_or((name, false), |rest| (rest, true));
        // `RSA1_5` has an underscore of its own.
        let parts = parts.replace("RSA1_5", "RSA1-5");
        let parts: Vec<_> = parts.split('_').collect();
        let (alg, curve, enc) = match parts[..] {
            [alg, enc] => (alg, None, enc),
            [alg, curve, enc] => (alg, Some(curve), enc),
            _ => continue,
        };
        let alg: KeyManagement = alg.replace("RSA1-5", "RSA1_5").parse().unwrap();
        let enc: Enc = enc.parse().unwrap();
        let key = jwk(&json(&folder.join(format!("josekit/jwk/{}.jwk", josekit_key(alg.name(), curve)))));
        let key = match alg.name().starts_with("PBES2") {
            true => key.with_management(alg).unwrap().decryption_key().unwrap(),
            false => key.decryption_key().unwrap(),
        };
        let token = fs::read_to_string(&path).unwrap();
        let opened =
            everything().open(token.trim().as_bytes(), &key).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(
            (opened.alg(), opened.enc(), opened.header().is_compressed()),
            (alg, enc, packed),
            "{name}"
        );
        let claims: Value = serde_json::from_slice(opened.content()).unwrap();
        assert_eq!(claims["iss"], "joe", "{name}");
        read += 1;
    }
    counted("josekit: encrypted tokens", read);
}

/// A message whose content key is this one, with this `epk`: it opens exactly if the reader derives that key.
fn sealed(header: &Value, cek: &[u8]) -> String {
    use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let protected = b64(header.to_string());
    let iv = [7; 12];
    let mut content = b"derived".to_vec();
    let tag = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, cek).unwrap())
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(iv),
            Aad::from(protected.as_bytes()),
            &mut content,
        )
        .unwrap();
    format!("{protected}..{}.{}.{}", b64(iv), b64(content), b64(tag))
}

/// Concat KDF for `A128GCM` without parties (RFC 7518 §4.6.2), written out.
fn derived(z: &[u8]) -> Vec<u8> {
    let number = |n: usize| (n as u32).to_be_bytes();
    let input = [&number(1)[..], z, &number(7), b"A128GCM", &number(0), &number(0), &number(128)].concat();
    portcullis_jose::sha256(&input)[..16].to_vec()
}

/// The JSON object or the hex that follows these words in the text of an RFC.
fn following<'t>(text: &'t str, words: &str) -> &'t str {
    text.split_once(words).unwrap_or_else(|| panic!("no `{words}`")).1
}

fn object(text: &str) -> Value {
    let from = text.find('{').unwrap();
    let to = text.find('}').unwrap();
    // Broken into lines in the middle of values.
    let joined: String = text[from..=to].split_whitespace().collect();
    serde_json::from_str(&joined).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let bytes = text.split_whitespace().map_while(|pair| u8::from_str_radix(pair, 16).ok());
    bytes.collect()
}

/// The appendices have no messages, but numbers: a message made from those opens.
#[test]
fn agreements() {
    let Some(folder) = folder() else { return };
    let all = json(&folder.join("rfc/rfc_vectors.json"));
    let mut checked = 0;
    for case in all["vectors"].as_array().unwrap() {
        let id = text(case, "id");
        match text(case, "kind") {
            "ecdh-es-concat-kdf" => {
                let token = sealed(&case["header"], &unb64(text(case, "derived_key")));
                opens(&token, &jwk(&case["bob"]).decryption_key().unwrap(), b"derived", id);
            }
            "ecdh-x25519" | "ecdh-x448" => {
                let printed = text(case, "text");
                let theirs = object(printed);
                let secret = hex(following(printed, "ephemeral secret happens to be (hex):"));
                let mut own = object(following(printed, "ephemeral public key value"));
                own["d"] = b64(&secret).into();
                let z = hex(following(following(printed, "And the sender computes"), "(hex):"));
                assert_eq!(z.len(), secret.len(), "{id}");
                // Either side derives the same, so the one whose private key is printed may be the reader.
                let header = serde_json::json!({
                    "alg": "ECDH-ES", "enc": "A128GCM",
                    "epk": {"kty": "OKP", "crv": theirs["crv"], "x": theirs["x"]},
                });
                let reader = jwk(&own).decryption_key().unwrap();
                opens(&sealed(&header, &derived(&z)), &reader, b"derived", id);
                assert!(everything().open(sealed(&header, &[1; 16]).as_bytes(), &reader).is_err(), "{id}");
            }
            _ => continue,
        }
        checked += 1;
    }
    counted("rfc: agreements", checked);
}

#[test]
fn an_agreement_names_its_parties() {
    let Some(folder) = folder() else { return };
    let all = json(&folder.join("rfc/rfc_vectors.json"));
    let case = all["vectors"].as_array().unwrap().iter().find(|case| case["id"] == "rfc7518-C").unwrap();
    let bob = jwk(&case["bob"]);
    let to: EncryptionKey = bob.encryption_key(Some(KeyManagement::ECDH_ES)).unwrap();
    let token = Encryption::new(Enc::A128GCM).parties("Alice", "Bob").compact(b"x", &to).unwrap();
    let header: Value = serde_json::from_slice(&unb64(token.split('.').next().unwrap())).unwrap();
    assert_eq!((&header["apu"], &header["apv"]), (&case["header"]["apu"], &case["header"]["apv"]));
    opens(&token, &bob.decryption_key().unwrap(), b"x", "rfc7518-C");
}
