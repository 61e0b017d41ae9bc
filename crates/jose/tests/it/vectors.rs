//! What the RFCs and others made. The files lie outside of this repository: in `JOSE_VECTORS`, or in
//! `shared/vectors` beside the workspace.

use std::path::PathBuf;
use std::{env, fs};

use portcullis_jose::jws::{self, DEFAULT_LIMIT};
use portcullis_jose::{Alg, Algs, Jwk, JwkSet, Unverified};
use serde_json::Value;

use crate::support::{b64, unb64};

/// The folder; `None`, said aloud, where it is not there and nobody asked for it.
pub fn folder() -> Option<PathBuf> {
    if let Some(named) = env::var_os("JOSE_VECTORS") {
        let named = PathBuf::from(named);
        assert!(named.is_dir(), "JOSE_VECTORS is no folder: `{}`", named.display());
        return Some(named);
    }
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if beside.is_dir() {
        return Some(beside);
    }
    println!("skipped: no test vectors in `{}`, set JOSE_VECTORS", beside.display());
    None
}

/// That so many cases of a family were run is what `docs/reference/vectors.md` says of it.
pub fn counted(family: &str, cases: usize) {
    let stated = stated();
    let row = stated.iter().find(|(name, _)| name == family);
    let (_, number) = row.unwrap_or_else(|| panic!("docs/reference/vectors.md has no row `{family}`"));
    assert_eq!(*number, cases, "`{family}`: docs/reference/vectors.md says another number than was run");
}

/// Families and their numbers of cases, as the page states them.
pub fn stated() -> Vec<(String, usize)> {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/vectors.md");
    let page = fs::read_to_string(page).unwrap();
    let table = page.split("<!-- families -->").nth(1).expect("the table of families");
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let family = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        Some((family.to_owned(), cells.next()?.parse().unwrap_or_else(|_| panic!("no number in: {line}"))))
    });
    rows.collect()
}

#[test]
fn the_page_of_vectors_names_the_families_that_are_run() {
    let counted = |file: &str| -> Vec<String> {
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(file);
        let source = fs::read_to_string(source).unwrap();
        let calls = source.split("counted(\"").skip(1);
        calls.filter_map(|rest| Some(rest.split_once("\",")?.0.to_owned())).collect()
    };
    let mut run: Vec<String> =
        ["vectors.rs", "jwe_vectors.rs", "jws_json.rs"].into_iter().flat_map(counted).collect();
    run.retain(|family| family.starts_with(|c: char| c.is_ascii_lowercase()));
    let mut named: Vec<String> = stated().into_iter().map(|(family, _)| family).collect();
    run.sort();
    named.sort();
    assert_eq!(run, named);
}

pub fn json(path: &std::path::Path) -> Value {
    serde_json::from_str(
        &fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    )
    .unwrap()
}

pub fn jwk(value: &Value) -> Jwk {
    Jwk::parse(value.to_string().as_bytes()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

pub fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

fn verifies(token: &str, key: &Jwk, alg: Alg) -> Vec<u8> {
    let key = key.verifying_key().unwrap();
    let checked = jws::verify_compact(token.as_bytes(), DEFAULT_LIMIT, &key, alg.into()).unwrap();
    let (_, payload) = checked.unwrap_or_else(|error| panic!("{token}: {error}"));
    // Nothing else verifies: not the same token under another algorithm, not with one bit changed.
    let others = Algs::of(&Alg::ALL).iter().filter(|other| *other != alg).collect();
    let other = jws::verify_compact(token.as_bytes(), DEFAULT_LIMIT, &key, others).unwrap();
    assert_eq!(other.unwrap_err().name(), "alg_not_allowed");
    let (input, signature) = token.rsplit_once('.').unwrap();
    let mut signature = unb64(signature);
    signature[3] ^= 1;
    assert!(key.verify(alg, input.as_bytes(), &signature).is_err());
    payload
}

/// One signature of a JSON serialisation, as a compact token.
fn compact(payload: &str, signature: &Value) -> Option<String> {
    Some(format!("{}.{payload}.{}", signature.get("protected")?.as_str()?, text(signature, "signature")))
}

#[test]
fn rfcs() {
    let Some(folder) = folder() else { return };
    let all = json(&folder.join("rfc/rfc_vectors.json"));
    let (mut checked, mut elsewhere) = (0, 0);
    for case in all["vectors"].as_array().unwrap() {
        let id = text(case, "id");
        match text(case, "kind") {
            "jws-compact" if case["jwk"].is_null() => {
                let token = text(case, "token");
                let parsed = Unverified::parse(token).unwrap();
                assert_eq!(parsed.alg().unwrap_err().name(), "alg_none", "{id}");
            }
            "jws-compact" => {
                let alg = text(case, "alg").parse().unwrap();
                let key = jwk(&case["jwk"]);
                verifies(text(case, "token"), &key, alg);
                // Those with a deterministic algorithm come out the same when signed again.
                let (input, signature) = text(case, "token").rsplit_once('.').unwrap();
                let again = key.signing_key(Some(alg)).unwrap().sign(input.as_bytes()).unwrap();
                if !alg.name().starts_with("ES") && !alg.name().starts_with("PS") {
                    assert_eq!(b64(again), signature, "{id}");
                }
            }
            "jws-general-json" => {
                let keys = JwkSet::parse(case["jwks"].to_string().as_bytes()).unwrap().keys;
                for signature in case["token"]["signatures"].as_array().unwrap() {
                    let kid = text(&signature["header"], "kid");
                    let key = keys.iter().find(|key| key.kid() == Some(kid)).unwrap();
                    let alg = key.curve().map_or(Alg::RS256, |curve| curve.alg());
                    verifies(&compact(text(&case["token"], "payload"), signature).unwrap(), key, alg);
                }
            }
            "jws-flattened-json" => {
                let token = compact(text(&case["token"], "payload"), &case["token"]).unwrap();
                verifies(&token, &jwk(&case["jwk"]), text(case, "alg").parse().unwrap());
            }
            // Deliberate: an unencoded payload must not be in a JWT (RFC 7797 §7).
            "jws-flattened-json-b64false" => {
                let token = format!(
                    "{}.e30.{}",
                    text(&case["token"], "protected"),
                    text(&case["token"], "signature")
                );
                assert_eq!(Unverified::parse(&token).unwrap_err().name(), "payload_unencoded", "{id}");
            }
            "jwk-set" => {
                let set = JwkSet::parse(case["jwks"].to_string().as_bytes()).unwrap();
                assert_eq!(
                    set.keys.len(),
                    case["jwks"]["keys"].as_array().unwrap().len(),
                    "{id}: {:?}",
                    set.notes
                );
                // Encryption keys are read, but verify nothing.
                assert_eq!(set.verifying_keys().0.len(), 1, "{id}");
                let alg = Some(portcullis_jose::jwa::KeyManagement::ECDH_ES);
                let encrypts = set
                    .keys
                    .iter()
                    .filter(|key| key.encryption_key(alg).is_ok() || key.encryption_key(None).is_ok());
                assert!(encrypts.count() >= 1, "{id}");
            }
            "jwk-x5c" => {
                let key = jwk(&case["jwk"]);
                let certificate = case["jwk"]["x5c"][0].as_str().unwrap();
                let pem = format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
                assert_eq!(Jwk::from_pem(pem.as_bytes()).unwrap().thumbprint(), key.thumbprint(), "{id}");
            }
            "jwk-thumbprint" => {
                let key = jwk(&case["jwk"]);
                assert_eq!(key.thumbprint_text(), text(case, "thumbprint_sha256"), "{id}");
                if let Some(uri) = case["uri_rfc9278"].as_str() {
                    assert_eq!(key.thumbprint_uri(), uri, "{id}");
                }
            }
            // Five parts are told from a broken token.
            "jwe-compact" | "jwe-compact-jwt" | "nested-jwt" | "jwe-compact-encrypted-jwk" => {
                assert_eq!(
                    Unverified::parse(text(case, "token")).unwrap_err().name(),
                    "token_encrypted",
                    "{id}"
                );
                elsewhere += 1;
            }
            // Decrypted beside the other encrypted messages.
            "jwe-general-json" | "jwe-flattened-json" => elsewhere += 1,
            "ecdh-es-concat-kdf" | "ecdh-x25519" | "ecdh-x448" => elsewhere += 1,
            // PKCE is no token, but its challenge is a digest in base64url, as ours are.
            "pkce-s256" => {
                let challenge = b64(jws::sha256(text(case, "verifier").as_bytes()));
                assert_eq!(challenge, text(case, "challenge"), "{id}");
            }
            other => panic!("{id}: unknown kind of case `{other}`"),
        }
        checked += 1;
    }
    assert_eq!(checked, 30);
    counted("rfc: signatures, keys, thumbprints", checked - elsewhere);
}

#[test]
fn jose_cookbook() {
    let Some(folder) = folder() else { return };
    let cookbook = folder.join("ietf-jose-cookbook");
    let mut signatures = 0;
    for path in files(&cookbook.join("jws"), "json").into_iter().chain([cookbook.join("curve25519/jws.json")])
    {
        let case = json(&path);
        let keys: Vec<Jwk> = match &case["input"]["key"] {
            Value::Array(keys) => keys.iter().map(jwk).collect(),
            key => vec![jwk(key)],
        };
        let algs: Vec<Alg> = match &case["input"]["alg"] {
            Value::Array(algs) => algs.iter().map(|alg| alg.as_str().unwrap().parse().unwrap()).collect(),
            alg => vec![alg.as_str().unwrap().parse().unwrap()],
        };
        let payload = text(&case["input"], "payload");
        for (i, signature) in case["output"]["json"]["signatures"].as_array().unwrap().iter().enumerate() {
            // Some protect nothing: their `alg` stands outside of what is signed, which a compact token cannot say.
            let Some(token) = compact(&b64(payload), signature) else { continue };
            assert_eq!(verifies(&token, &keys[i], algs[i]), payload.as_bytes(), "{}", path.display());
            signatures += 1;
        }
    }
    counted("cookbook: signatures, as compact tokens", signatures);
    let mut refused = 0;
    for path in files(&cookbook.join("rfc7797"), "json") {
        refused += 1;
        let signature = &json(&path)["output"]["json"]["signatures"][0];
        let token = compact("e30", signature).unwrap();
        assert_eq!(Unverified::parse(&token).unwrap_err().name(), "payload_unencoded", "{}", path.display());
    }
    counted("cookbook: unencoded payloads, refused as JWTs", refused);
    let mut keys = 0;
    for path in files(&cookbook.join("jwk"), "json") {
        keys += 1;
        let case = json(&path);
        let key = jwk(&case);
        assert_eq!(
            key.is_private(),
            case.get("d").is_some() || case.get("k").is_some(),
            "{}",
            path.display()
        );
    }
    counted("cookbook: keys", keys);
}

#[test]
fn panva_jose() {
    let Some(folder) = folder() else { return };
    let mut signatures = 0;
    for case in json(&folder.join("panva-jose/jws.json")).as_array().unwrap() {
        let title = text(case, "title");
        let key = jwk(&case["input"]["key"]);
        let alg = text(&case["input"], "alg").parse().unwrap();
        let payload = text(&case["input"], "payload");
        let flat = &case["output"]["json_flat"];
        let Some(token) = compact(&b64(payload), flat) else { continue };
        if title.contains("7797") {
            assert_eq!(Unverified::parse(&token).unwrap_err().name(), "payload_unencoded", "{title}");
            continue;
        }
        assert_eq!(verifies(&token, &key, alg), payload.as_bytes(), "{title}");
        if let Some(compact) = case["output"]["compact"].as_str() {
            assert_eq!(compact, token, "{title}");
        }
        signatures += 1;
    }
    counted("panva: signatures, as compact tokens", signatures);
}

#[test]
fn ml_dsa() {
    let Some(folder) = folder() else { return };
    let files = files(&folder.join("rfc9964-mldsa"), "json");
    counted("ml-dsa: keys and signatures", files.len());
    for path in files {
        let case = json(&path);
        let key = jwk(&case["jwk"]);
        assert_eq!(key.kid(), Some(&*key.thumbprint_text()), "{}", path.display());
        let alg = key.accepts().unwrap().iter().next().unwrap();
        verifies(text(&case, "jws"), &key, alg);
        let again = key.signing_key(None).unwrap().sign(b"again").unwrap();
        key.to_public().unwrap().verifying_key().unwrap().verify(alg, b"again", &again).unwrap();
    }
}

/// Which key signed a token of that algorithm, as `ORIGIN.md` has it.
fn josekit_key(alg: Alg) -> &'static str {
    match alg.name() {
        name if name.starts_with("HS") => "oct_512bit_private",
        "ES256" => "EC_P-256_public",
        "ES384" => "EC_P-384_public",
        "ES512" => "EC_P-521_public",
        "ES256K" => "EC_secp256k1_public",
        "EdDSA" => "OKP_Ed25519_public",
        _ => "RSA_public",
    }
}

#[test]
fn josekit_tokens() {
    let Some(folder) = folder() else { return };
    let (mut signed, mut encrypted) = (0, 0);
    for path in files(&folder.join("josekit/jwt"), "jwt") {
        let token = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let Ok(alg) = name.parse::<Alg>() else {
            assert_eq!(Unverified::parse(&token).unwrap_err().name(), "token_encrypted", "{name}");
            encrypted += 1;
            continue;
        };
        let key = jwk(&json(&folder.join(format!("josekit/jwk/{}.jwk", josekit_key(alg)))));
        verifies(&token, &key, alg);
        let verified =
            Unverified::parse(&token).unwrap().verify(&key.verifying_key().unwrap(), alg.into()).unwrap();
        let claims = verified.claims();
        assert_eq!(claims.iss().text().unwrap(), "joe");
        assert_eq!(claims.exp().seconds(), Some(1_300_819_380));
        assert_eq!(claims.claim(&["http://example.com/is_root"]), Some(true.into()));
        signed += 1;
    }
    counted("josekit: signed tokens", signed);
    counted("josekit: encrypted tokens, refused as signed", encrypted);
}

#[test]
fn josekit_keys() {
    let Some(folder) = folder() else { return };
    let josekit = folder.join("josekit");
    let jwks = files(&josekit.join("jwk"), "jwk");
    for path in &jwks {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let key = Jwk::parse(&fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(key.is_private(), name.ends_with("private"), "{name}");
    }
    let set = JwkSet::parse(&fs::read(josekit.join("jwks/test.jwks")).unwrap()).unwrap();
    assert_eq!((set.keys.len(), set.notes.len()), (2, 0));
    counted("josekit: keys as JWK, and a set", jwks.len() + 1);

    let ders = files(&josekit.join("der"), "der");
    let from_der = ders.iter().map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let label = match name {
            _ if name.contains("spki") => "PUBLIC KEY",
            _ if name.contains("pkcs8") => "PRIVATE KEY",
            "RSA_2048bit_raw_public" => "RSA PUBLIC KEY",
            "RSA_2048bit_raw_private" => "RSA PRIVATE KEY",
            // A bare point: not even its own tools read it as a key.
            "EC_P-256_raw_public" => "EC PUBLIC KEY",
            _ => "EC PRIVATE KEY",
        };
        let body =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, fs::read(path).unwrap());
        (name.to_owned(), format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"))
    });
    let pems = files(&josekit.join("pem"), "pem");
    let from_pem = pems.iter().map(|path| {
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
    });
    let (mut read, mut refused) = (0, 0);
    let mut thumbprints = std::collections::HashMap::new();
    for (name, pem) in from_der.chain(from_pem) {
        let parsed = Jwk::from_pem(pem.as_bytes());
        if name == "EC_P-256_raw_public" {
            let error = parsed.expect_err(&name).name();
            assert_eq!(error, "pem_label", "{name}");
            refused += 1;
            continue;
        }
        let key = parsed.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(key.is_private(), name.contains("private"), "{name}");
        if let Some(hash) = name.strip_prefix("RSA-PSS_2048bit_SHA-") {
            assert_eq!(key.alg_name(), Some(&*format!("PS{}", &hash[..3])), "{name}");
        } else {
            // One key in all its containers, public and private.
            let stem = name
                .split('_')
                .take(if name.contains("25519") || name.contains("448") { 1 } else { 2 })
                .collect::<Vec<_>>()
                .join("_");
            let first = *thumbprints.entry(stem).or_insert_with(|| key.thumbprint());
            assert_eq!(key.thumbprint(), first, "{name}");
        }
        let again = Jwk::from_pem(key.to_public_pem().unwrap().as_bytes()).unwrap();
        assert_eq!(again.thumbprint(), key.thumbprint(), "{name}");
        if key.is_private() {
            let again = Jwk::from_pem(key.to_private_pem().unwrap().as_bytes()).unwrap();
            assert!(again.is_private() && again.thumbprint() == key.thumbprint(), "{name}");
        }
        if name.starts_with('X') {
            assert_eq!(key.verifying_key().unwrap_err().name(), "key_not_for", "{name}");
        } else if key.is_private() {
            let alg = key.accepts().unwrap().iter().next().unwrap();
            let signing = key.signing_key(Some(alg)).unwrap();
            let signature = signing.sign(b"input").unwrap();
            let public = key.to_public().unwrap().verifying_key().unwrap();
            public.verify(alg, b"input", &signature).unwrap();
        }
        read += 1;
    }
    counted("josekit: keys as DER and PEM", read);
    counted("josekit: keys as DER and PEM, refused", refused);
}

/// The files of a folder that end so, in order.
pub fn files(folder: &std::path::Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|own| own == extension))
        .collect();
    files.sort();
    files
}
