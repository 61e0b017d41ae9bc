//! Broken tokens, each with the finding that has to come first.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use portcullis_jose::explain::{AtHand, Explanation, explain};
use portcullis_jose::jwa::{Enc, KeyManagement};
use portcullis_jose::jwe::Encryption;
use portcullis_jose::jwk::{Curve, KeyKind};
use portcullis_jose::{
    Alg, Algs, Jwk, JwkSet, Profile, Protected, Rules, Severity, SubjectForm, Unverified, encode,
};
use serde_json::{Value, json};

use crate::support::{PAYLOAD, b64, forge, key, unb64, unbound};

const SECONDS: i64 = 1_800_000_000;
const NOW: i64 = SECONDS * 1_000_000;

static GOOD: LazyLock<HashMap<Alg, String>> = LazyLock::new(|| {
    let sign = |alg| encode(&Protected::new().typ("JWT"), PAYLOAD.as_bytes(), key(alg)).unwrap();
    [Alg::ES256, Alg::RS256, Alg::EdDSA].into_iter().map(|alg| (alg, sign(alg))).collect()
});

/// A good token, signed by the key of that algorithm; always the same one.
fn good(alg: Alg) -> String {
    GOOD[&alg].clone()
}

/// At hand: the public keys of an issuer.
fn hand() -> AtHand {
    [Alg::ES256, Alg::RS256, Alg::EdDSA]
        .into_iter()
        .fold(AtHand::new(NOW), |hand, alg| hand.key(key(alg).public_jwk().unwrap()))
}

fn codes(explanation: &Explanation) -> Vec<&'static str> {
    explanation.findings.iter().map(|finding| finding.code).collect()
}

/// The code of the first finding that is not mere information.
fn first(explanation: &Explanation) -> &'static str {
    let telling = explanation.findings.iter().find(|finding| finding.severity != Severity::Info);
    telling.or(explanation.findings.first()).map_or("nothing", |finding| finding.code)
}

/// A good token whose payload has these members too.
fn claiming(more: Value) -> String {
    let mut claims: Value = serde_json::from_str(PAYLOAD).unwrap();
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    encode(&Protected::new(), claims.to_string().as_bytes(), key(Alg::ES256)).unwrap()
}

/// A proof as clients make it (RFC 9449 §4.2): signed with a key of its own, which it carries.
fn proof(more: Value) -> String {
    let own = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
    let mut header = json!({"alg": "ES256"});
    header["jwk"] = serde_json::from_str(&own.to_public_json().unwrap()).unwrap();
    for (name, value) in more.as_object().unwrap() {
        header[name] = value.clone();
    }
    let claims = json!({"jti": "1", "htm": "POST", "htu": "https://api.example/orders", "iat": SECONDS});
    forge(&header.to_string(), &claims.to_string(), &own.signing_key(None).unwrap())
}

fn headed(header: Value) -> String {
    forge(&header.to_string(), PAYLOAD, key(Alg::ES256))
}

fn hmac(secret: &[u8], alg: Alg) -> String {
    let input = format!("{}.{}", b64(json!({"alg": alg.name()}).to_string()), b64(PAYLOAD));
    let algorithm = match alg {
        Alg::HS512 => aws_lc_rs::hmac::HMAC_SHA512,
        _ => aws_lc_rs::hmac::HMAC_SHA256,
    };
    let tag = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(algorithm, secret), input.as_bytes());
    format!("{input}.{}", b64(tag))
}

/// The token with another payload under the same signature.
fn altered(token: &str) -> String {
    let parts: Vec<_> = token.split('.').collect();
    format!("{}.{}.{}", parts[0], b64(PAYLOAD.replace("ada", "eve")), parts[2])
}

fn der(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let raw = unb64(signature);
    let integer = |half: &[u8]| {
        let zeros = half.iter().take_while(|byte| **byte == 0).count();
        let mut number = half[zeros..].to_vec();
        if number[0] & 0x80 != 0 {
            number.insert(0, 0);
        }
        [vec![2, number.len() as u8], number].concat()
    };
    let inside = [integer(&raw[..32]), integer(&raw[32..])].concat();
    format!("{input}.{}", b64([vec![0x30, inside.len() as u8], inside].concat()))
}

/// What is wrong, in words; the input; what is at hand; the finding that has to come first.
fn shapes() -> Vec<(&'static str, String, AtHand, &'static str)> {
    let good = good(Alg::ES256);
    let parts: Vec<_> = good.split('.').collect();
    let wrapped = good.as_bytes().chunks(64).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
    let standard = forge(r#"{"alg":"ES256"}"#, r#"{"exp":1900000000,"n":"???>>>~~~"}"#, key(Alg::ES256))
        .replace('_', "/")
        .replace('-', "+");
    let raw = |header: &str, payload: &str| format!("{}.{}.{}", b64(header), b64(payload), parts[2]);
    vec![
        ("nothing", String::new(), hand(), "input_empty"),
        ("only white space", " \n ".into(), hand(), "input_empty"),
        ("a file with a final line break", format!("{good}\n"), hand(), "surrounding_space"),
        ("a byte order mark", format!("\u{feff}{good}"), hand(), "invisible_character"),
        ("a zero-width space", good.replacen('.', ".\u{200b}", 1), hand(), "invisible_character"),
        ("the scheme", format!("Bearer {good}"), hand(), "scheme_prefix"),
        ("the whole header line", format!("Authorization: Bearer {good}"), hand(), "header_line_pasted"),
        ("double quotes", format!("\"{good}\""), hand(), "quoted"),
        ("single quotes", format!("'{good}'"), hand(), "quoted"),
        ("a cookie", format!("session={good}; Path=/"), hand(), "parameter_pasted"),
        ("a query", format!("https://x.example/cb#access_token={good}&x=1"), hand(), "parameter_pasted"),
        (
            "a token response",
            json!({"access_token": good, "expires_in": 60}).to_string(),
            hand(),
            "token_response_pasted",
        ),
        ("a key", key(Alg::ES256).public_jwk().unwrap().to_public_json().unwrap(), hand(), "jwk_pasted"),
        ("a PEM", key(Alg::ES256).public_jwk().unwrap().to_public_pem().unwrap(), hand(), "pem_pasted"),
        ("decoded already", PAYLOAD.into(), hand(), "json_pasted"),
        ("a JSON serialisation", json!({"payload": "a", "signature": "b"}).to_string(), hand(), "jws_json"),
        ("an encrypted one", json!({"ciphertext": "a"}).to_string(), hand(), "jwe_json"),
        ("line breaks", wrapped.clone(), hand(), "line_breaks"),
        ("line breaks, escaped", wrapped.replace('\n', "\\n"), hand(), "escaped_line_breaks"),
        ("a space inside", good.replacen('.', ". ", 1), hand(), "white_space_inside"),
        ("URL encoding", good.replace('.', "%2E"), hand(), "url_encoded"),
        ("two tokens, one per line", format!("{good}\n{good}"), hand(), "two_tokens"),
        ("two tokens glued together", format!("{good}{good}"), hand(), "two_tokens"),
        ("a shortened one", format!("{}…", &good[..40]), hand(), "abbreviated"),
        ("shortened with dots", format!("{}...", &good[..20]), hand(), "abbreviated"),
        ("an SD-JWT", format!("{good}~WyJzYWx0Il0~"), hand(), "sd_jwt"),
        ("an opaque token", "7f3c2a90c1d4e5".into(), hand(), "opaque_token"),
        ("an opaque token with a dot", "AbCd1234.9f8e7d6c".into(), hand(), "opaque_token"),
        ("an opaque token of Google", "ya29.a0AfH6SMCq".into(), hand(), "opaque_token"),
        ("an API key of this gateway", "pck_01936f0e_c2VjcmV0".into(), hand(), "opaque_token"),
        ("a PASETO", format!("v4.public.{}", parts[1]), hand(), "opaque_token"),
        ("a SAML assertion", "PHNhbWw6QXNzZXJ0aW9uPg==".into(), hand(), "opaque_token"),
        ("a foreign credential behind the scheme", "Bearer ghp_abcdef".into(), hand(), "scheme_prefix"),
        ("a header alone", parts[0].into(), hand(), "parts_missing"),
        ("without signature part", format!("{}.{}", parts[0], parts[1]), hand(), "parts_missing"),
        ("a fourth part", format!("{good}.x"), hand(), "token_parts"),
        ("cut in the payload", format!("{}.{}.{}", parts[0], &parts[1][..41], parts[2]), hand(), "truncated"),
        ("cut JSON", raw(r#"{"alg":"ES256"}"#, r#"{"iss":"https:"#), hand(), "truncated"),
        ("padding", format!("{}=", good), hand(), "base64_padding"),
        ("standard base64", standard, hand(), "standard_base64"),
        ("a foreign character", good.replacen('.', "!.", 1), hand(), "illegal_character"),
        ("a payload that is text", raw(r#"{"alg":"ES256"}"#, "hello"), hand(), "payload_not_json"),
        ("a header that is text", raw("hello", "{}"), hand(), "header_not_json"),
        ("a member twice", raw(r#"{"alg":"ES256","alg":"none"}"#, "{}"), hand(), "json_duplicate_member"),
        ("a payload that is a list", raw(r#"{"alg":"ES256"}"#, "[]"), hand(), "json_not_an_object"),
        ("no algorithm", raw("{}", "{}"), hand(), "alg_missing"),
        ("a demanded extension", raw(r#"{"alg":"ES256","crit":["x"],"x":1}"#, "{}"), hand(), "crit_unknown"),
        (
            "an unencoded payload",
            raw(r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#, "{}"),
            hand(),
            "payload_unencoded",
        ),
        ("a detached payload", format!("{}..{}", parts[0], parts[2]), hand(), "detached_payload"),
        // `{}` is two bytes: of the third character's six bits, two are none of them.
        (
            "a last character altered",
            format!("{}.e31.{}", parts[0], parts[2]),
            hand(),
            "base64_trailing_bits",
        ),
        ("far too much", "a".repeat(100_000), hand(), "token_too_large"),
    ]
}

fn signatures() -> Vec<(&'static str, String, AtHand, &'static str)> {
    let none = format!("{}.{}.", b64(r#"{"alg":"none"}"#), b64(PAYLOAD));
    let long = b"a secret that nobody else has, and long enough for anything that HMAC wants";
    let with = |secret: &[u8]| AtHand::new(NOW).secret(secret);
    let es = good(Alg::ES256);
    let (input, signature) = es.rsplit_once('.').unwrap();
    let kid = key(Alg::ES256).kid().unwrap().to_owned();
    let ec = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
    let stranger = ec.signing_key(None).unwrap();
    let foreign = |header: Value| forge(&header.to_string(), PAYLOAD, &stranger);
    let rsa_pem = key(Alg::RS256).public_jwk().unwrap().to_public_pem().unwrap();
    let reserved: Value = {
        let mut jwk: Value =
            serde_json::from_str(&key(Alg::ES256).public_jwk().unwrap().to_public_json().unwrap()).unwrap();
        jwk["use"] = "enc".into();
        jwk
    };
    let nameless = {
        let mut jwk: Value =
            serde_json::from_str(&key(Alg::ES256).public_jwk().unwrap().to_public_json().unwrap()).unwrap();
        jwk.as_object_mut().unwrap().remove("kid");
        Jwk::parse(jwk.to_string().as_bytes()).unwrap()
    };
    let private_set = format!(r#"{{"keys":[{}]}}"#, *key(Alg::ES256).jwk().to_private_json());
    let pss = forge(r#"{"alg":"PS256"}"#, PAYLOAD, key(Alg::PS256));
    vec![
        ("unsigned", none, hand(), "alg_none"),
        ("lower case", headed(json!({"alg": "es256"})), hand(), "alg_unknown"),
        ("not allowed", es.clone(), hand().allowed(Algs::of(&[Alg::RS256])), "alg_not_allowed"),
        ("no key at hand", es.clone(), AtHand::new(NOW), "no_keys"),
        ("signature cut away", format!("{input}."), hand(), "signature_missing"),
        ("signature cut short", format!("{input}.{}", &signature[..40]), hand(), "signature_length"),
        (
            "signed by another key of the set",
            headed(json!({"alg": "ES256", "kid": "another"})),
            hand(),
            "verified_by_other_key",
        ),
        (
            "a set whose key has no id",
            es.clone(),
            AtHand::new(NOW).keys([nameless].into_iter().collect()),
            "key_without_kid",
        ),
        ("unknown key id", foreign(json!({"alg": "ES256", "kid": format!("{kid}x")})), hand(), "kid_unknown"),
        (
            "same id, other key",
            es.clone(),
            AtHand::new(NOW).key(ec.with_kid(kid.clone())),
            "kid_other_material",
        ),
        (
            "a key for encryption",
            es.clone(),
            AtHand::new(NOW).key(Jwk::parse(reserved.to_string().as_bytes()).unwrap()),
            "key_reserved",
        ),
        (
            "a key that was left out",
            es.clone(),
            AtHand::new(NOW).keys(JwkSet::parse_public(private_set.as_bytes()).unwrap()),
            "key_left_out",
        ),
        (
            "signed with PS256, says RS256",
            forge(r#"{"alg":"RS256"}"#, PAYLOAD, key(Alg::PS256)),
            AtHand::new(NOW).key(unbound(Alg::RS256).to_public().unwrap()),
            "other_algorithm",
        ),
        ("ECDSA in DER", der(&es), hand(), "ecdsa_der"),
        ("RSA, altered", altered(&good(Alg::RS256)), hand(), "content_altered"),
        (
            "RSA-PSS, altered",
            altered(&pss),
            AtHand::new(NOW).key(unbound(Alg::RS256).to_public().unwrap()),
            "content_altered",
        ),
        (
            "ECDSA, altered: cannot be known",
            altered(&headed(json!({"alg": "ES256"}))),
            hand(),
            "signature_mismatch",
        ),
        ("signature of another token", altered(&es), hand().token(es.clone()), "signature_of_other_token"),
        (
            "no key of that kind",
            good(Alg::EdDSA),
            AtHand::new(NOW).key(key(Alg::ES256).public_jwk().unwrap()),
            "kid_unknown",
        ),
        ("HMAC without a secret", hmac(long, Alg::HS256), hand(), "no_key_for_algorithm"),
        ("another secret", hmac(long, Alg::HS256), with(&[7; 40]), "signature_mismatch"),
        (
            "a published secret",
            hmac(b"your-256-bit-secret", Alg::HS256),
            with(&[7; 40]),
            "signed_with_known_secret",
        ),
        ("a short secret", hmac(b"short but odd", Alg::HS256), with(b"short but odd"), "secret_too_short"),
        ("a secret in base64", hmac(long, Alg::HS512), with(b64(long).as_bytes()), "secret_is_base64"),
        ("a secret in hex", hmac(&[0xab; 32], Alg::HS256), with("ab".repeat(32).as_bytes()), "secret_is_hex"),
        (
            "a secret, decoded too early",
            hmac(b64(long).as_bytes(), Alg::HS256),
            with(long),
            "secret_used_as_text",
        ),
        (
            "a secret with a line break",
            hmac(long, Alg::HS256),
            with(&[&long[..], b"\n"].concat()),
            "secret_line_break",
        ),
        (
            "a line break in the signer's secret",
            hmac(&[&long[..], b"\n"].concat(), Alg::HS256),
            with(long),
            "secret_line_break",
        ),
        (
            "a secret in quotes",
            hmac(long, Alg::HS256),
            with(&[b"\"", &long[..], b"\""].concat()),
            "secret_quoted",
        ),
        ("the public key as a secret", hmac(rsa_pem.as_bytes(), Alg::HS256), hand(), "hmac_confusion"),
        (
            "the same, configured so",
            hmac(rsa_pem.as_bytes(), Alg::HS256),
            with(rsa_pem.as_bytes()),
            "hmac_confusion",
        ),
    ]
}

fn claims() -> Vec<(&'static str, String, AtHand, &'static str)> {
    let rules = Rules::new().issuer("https://idp.example/realms/corp").audiences(["api://acme"]);
    let ruled = || hand().rules(rules.clone());
    let to = Jwk::generate(KeyKind::X25519).unwrap();
    let sealing = to.encryption_key(Some(KeyManagement::ECDH_ES)).unwrap();
    let encrypted =
        |content: &str| Encryption::new(Enc::A128GCM).compact(content.as_bytes(), &sealing).unwrap();
    let nested = |content: &str| {
        let outer = Encryption::new(Enc::A128GCM).header(Protected::new().cty("JWT"));
        outer.compact(content.as_bytes(), &sealing).unwrap()
    };
    let typed = |typ: &str| encode(&Protected::new().typ(typ), PAYLOAD.as_bytes(), key(Alg::ES256)).unwrap();
    vec![
        ("expired long ago", claiming(json!({"exp": SECONDS - 90_000})), ruled(), "expired"),
        ("just expired", claiming(json!({"exp": SECONDS - 5})), ruled(), "expired_recently"),
        ("no end", claiming(json!({"exp": null})), ruled(), "time_missing"),
        ("milliseconds", claiming(json!({"exp": SECONDS * 1000})), ruled(), "time_in_milliseconds"),
        ("a date in quotes", claiming(json!({"exp": SECONDS.to_string()})), ruled(), "time_not_a_number"),
        ("not yet valid", claiming(json!({"nbf": SECONDS + 600})), ruled(), "not_yet_valid"),
        ("from the future", claiming(json!({"iat": SECONDS + 40})), ruled(), "issued_in_future"),
        (
            "too old",
            claiming(json!({})),
            hand().rules(rules.clone().max_age(std::time::Duration::from_secs(60))),
            "too_old",
        ),
        (
            "dies before it is born",
            claiming(json!({"exp": SECONDS + 10, "iat": SECONDS + 20})),
            hand().rules(Rules::new().leeway(std::time::Duration::from_secs(60))),
            "lifetime_negative",
        ),
        ("another issuer", claiming(json!({"iss": "https://other.example"})), ruled(), "issuer_mismatch"),
        ("no issuer", claiming(json!({"iss": null})), ruled(), "issuer_missing"),
        (
            "a final slash",
            claiming(json!({"iss": "https://idp.example/realms/corp/"})),
            ruled(),
            "issuer_trailing_slash",
        ),
        ("another case", claiming(json!({"iss": "https://idp.example/realms/Corp"})), ruled(), "issuer_case"),
        (
            "another scheme",
            claiming(json!({"iss": "http://idp.example/realms/corp"})),
            ruled(),
            "issuer_scheme",
        ),
        ("a port", claiming(json!({"iss": "https://idp.example:8443/realms/corp"})), ruled(), "issuer_port"),
        ("another audience", claiming(json!({"aud": "account"})), ruled(), "audience_mismatch"),
        (
            "an audience with a slash",
            claiming(json!({"aud": "api://acme/"})),
            ruled(),
            "audience_trailing_slash",
        ),
        ("an audience in capitals", claiming(json!({"aud": ["API://ACME"]})), ruled(), "audience_case"),
        ("no audience", claiming(json!({"aud": null})), ruled(), "audience_missing"),
        ("an audience that is an object", claiming(json!({"aud": {"a": 1}})), ruled(), "audience_malformed"),
        (
            "a missing claim",
            claiming(json!({"sub": null})),
            hand().rules(rules.clone().require("sub")),
            "claim_missing",
        ),
        ("a number for a subject", claiming(json!({"sub": 42})), ruled(), "subject_is_number"),
        ("a DPoP proof", proof(json!({"typ": "dpop+jwt"})), ruled(), "dpop_proof"),
        ("a DPoP proof of a sloppy client", proof(json!({})), ruled(), "dpop_proof"),
        ("a client's assertion", typed("client-authentication+jwt"), ruled(), "client_assertion"),
        ("a security event", typed("secevent+jwt"), ruled(), "security_event"),
        ("a request object", typed("oauth-authz-req+jwt"), ruled(), "request_object"),
        ("a signed key set", typed("application/jwk-set+jwt"), ruled(), "signed_key_set"),
        ("an introspection answer", typed("token-introspection+jwt"), ruled(), "introspection_answer"),
        (
            "no subject",
            claiming(json!({"sub": null})),
            hand().rules(rules.clone().subject(SubjectForm::Text)),
            "subject_missing",
        ),
        (
            "an empty subject",
            claiming(json!({"sub": ""})),
            hand().rules(rules.clone().subject(SubjectForm::Text)),
            "subject_missing",
        ),
        (
            "a subject that is a list",
            claiming(json!({"sub": ["a"]})),
            hand().rules(rules.clone().subject(SubjectForm::TextOrNumber)),
            "subject_malformed",
        ),
        ("microseconds", claiming(json!({"exp": SECONDS * 1_000_000})), ruled(), "time_in_milliseconds"),
        ("a time before all times", claiming(json!({"nbf": -1})), ruled(), "time_malformed"),
        (
            "an issuer that is a list",
            claiming(json!({"iss": ["https://idp.example/realms/corp"]})),
            ruled(),
            "issuer_malformed",
        ),
        (
            "a standard port, written out",
            claiming(json!({"iss": "https://idp.example:443/realms/corp"})),
            ruled(),
            "issuer_port",
        ),
        (
            "white space in the issuer",
            claiming(json!({"iss": "https://idp.example/realms/corp "})),
            ruled(),
            "issuer_space",
        ),
        (
            "an audience of another scheme",
            claiming(json!({"aud": "https://acme"})),
            ruled(),
            "audience_scheme",
        ),
        (
            "an audience with a port",
            claiming(json!({"aud": "https://api.example:8443/orders"})),
            hand().rules(Rules::new().audiences(["https://api.example/orders"])),
            "audience_port",
        ),
        ("white space in the audience", claiming(json!({"aud": "api://acme "})), ruled(), "audience_space"),
        (
            "longer than verification takes",
            claiming(json!({"groups": "g".repeat(20_000)})),
            ruled(),
            "token_too_large",
        ),
        (
            "a token inside that is not said to be one",
            encrypted(&good(Alg::ES256)),
            hand().key(to.clone()),
            "nested_content_type",
        ),
        ("a logout token", typed("logout+jwt"), ruled(), "logout_token"),
        ("another type", typed("custom+jwt"), ruled(), "type_mismatch"),
        (
            "an ID token",
            claiming(json!({"nonce": "n"})),
            hand().rules(rules.clone().profile(Profile::Rfc9068)),
            "id_token",
        ),
        ("encrypted, and no key", encrypted("x"), hand(), "jwe"),
        (
            "encrypted to somebody else",
            encrypted("x"),
            hand().key(Jwk::generate(KeyKind::X25519).unwrap()),
            "decryption_failed",
        ),
        ("encrypted and not signed", encrypted(PAYLOAD), hand().key(to.clone()), "jwe_without_signature"),
        (
            "encrypted, and the inner one expired",
            nested(&claiming(json!({"exp": 1}))),
            hand().key(to.clone()),
            "expired",
        ),
    ]
}

/// What is found beside what is wrong, or where nothing is: all codes in their order, and whether the token counts.
fn beside() -> Vec<(&'static str, String, AtHand, bool, &'static [&'static str])> {
    let to = Jwk::generate(KeyKind::X25519).unwrap();
    let sealing = to.encryption_key(Some(KeyManagement::ECDH_ES)).unwrap();
    let nested = Encryption::new(Enc::A128GCM)
        .signed(&Protected::new(), PAYLOAD.as_bytes(), key(Alg::ES256), &sealing)
        .unwrap();
    let pointing =
        headed(json!({"alg": "ES256", "jku": "https://evil.example/keys", "x5u": "https://x.example"}));
    let bound = claiming(json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}));
    vec![
        ("encrypted, and good", nested, hand().key(to), true, &["jwe_decrypted", "signature_valid"]),
        ("pointers in the header", pointing, hand(), true, &["key_pointer_ignored", "signature_valid"]),
        ("bound to a key of its bearer's", bound, hand(), true, &["signature_valid", "bound_token"]),
        (
            "signed, by an algorithm that is not allowed",
            good(Alg::ES256),
            hand().allowed(Algs::of(&[Alg::RS256])),
            false,
            &["alg_not_allowed", "signature_by_disallowed_algorithm"],
        ),
    ]
}

#[test]
fn what_is_found_beside_is_said_too() {
    for (what, input, hand, valid, want) in beside() {
        let explanation = explain(&input, &hand);
        assert_eq!((codes(&explanation), explanation.valid), (want.to_vec(), valid), "{what}: {explanation}");
    }
}

/// Words in the source of the explanations that are no codes: members, claims, parts, units, beginnings of credentials.
const NO_CODES: &[&str] = &[
    "access_token",
    "assertion",
    "at_hash",
    "auth_time",
    "c_hash",
    "case",
    "ciphertext",
    "cnf",
    "d",
    "enc",
    "exp",
    "ey",
    "h",
    "header",
    "htm",
    "htu",
    "iat",
    "id_token_hint",
    "iss",
    "jwt",
    "keys",
    "kty",
    "microseconds",
    "milliseconds",
    "min",
    "nbf",
    "nonce",
    "nothing",
    "other",
    "payload",
    "port",
    "s",
    "scheme",
    "secrets",
    "signature",
    "signatures",
    "slash",
    "space",
    "sub",
    "token",
    "tokens",
    "valid",
    "y",
];

/// Codes are written down where they are found, and nowhere else: so they are read from there.
#[test]
fn every_code_is_brought_about_by_a_test() {
    fn read(folder: &std::path::Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => read(&path, text),
                false => text.push_str(code_of(&std::fs::read_to_string(path).unwrap())),
            }
        }
    }
    fn code_of(source: &str) -> &str {
        source.split("#[cfg(test)]").next().unwrap_or_default()
    }
    let src = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut source = code_of(&std::fs::read_to_string(src.join("explain.rs")).unwrap()).to_owned();
    read(&src.join("explain"), &mut source);
    let is_word = |text: &&str| {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('_')
            && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
    };
    let words: BTreeSet<&str> =
        source.lines().flat_map(|line| line.split('"').skip(1).step_by(2)).filter(is_word).collect();
    let broken = shapes().into_iter().chain(signatures()).chain(claims()).map(|(.., code)| code);
    let others = beside().into_iter().flat_map(|(.., codes)| codes.iter().copied());
    let asserted: BTreeSet<&str> = broken.chain(others).collect();
    let unproven: Vec<_> =
        words.iter().filter(|word| !asserted.contains(*word) && !NO_CODES.contains(word)).collect();
    assert!(unproven.is_empty(), "no test brings about (or these are no codes: `NO_CODES`): {unproven:?}");
    let stale: Vec<_> = NO_CODES.iter().filter(|word| !words.contains(*word)).collect();
    assert!(stale.is_empty(), "not in the source any more: {stale:?}");
    assert!(words.len() > 100, "{words:?}");
}

#[test]
fn each_broken_token_has_its_first_finding() {
    let all: Vec<_> = shapes().into_iter().chain(signatures()).chain(claims()).collect();
    assert!(all.len() >= 100, "{}", all.len());
    let mut wrong = Vec::new();
    for (what, input, hand, want) in &all {
        let explanation = explain(input, hand);
        if first(&explanation) != *want {
            wrong.push(format!("{what}: wanted {want}, found {:?}", codes(&explanation)));
        }
        let valid_but_for_advice = matches!(*want, "subject_is_number");
        assert_eq!(explanation.valid, valid_but_for_advice, "{what}: {explanation}");
        // Every finding can be shown, names what to do, and repeats no secret.
        let (text, json) = (explanation.to_string(), serde_json::to_value(&explanation).unwrap());
        for finding in &explanation.findings {
            assert!(!finding.next.is_empty() && text.contains(finding.code), "{what}");
            assert!(!finding.evidence.contains("nobody else has"), "{what}: {}", finding.evidence);
        }
        assert_eq!(json["findings"].as_array().unwrap().len(), explanation.findings.len());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let distinct: BTreeSet<_> = all.iter().map(|(.., want)| want).collect();
    assert!(distinct.len() >= 80, "{}", distinct.len());
}

#[test]
fn a_good_token_is_said_to_be_good() {
    let rules = Rules::new().issuer("https://idp.example/realms/corp").audiences(["api://acme"]);
    for alg in [Alg::ES256, Alg::RS256, Alg::EdDSA] {
        let explanation = explain(&good(alg), &hand().rules(rules.clone()));
        assert!(explanation.valid, "{explanation}");
        assert_eq!(codes(&explanation), ["signature_valid"]);
        assert_eq!(explanation.claims.unwrap()["preferred_username"], "ada");
    }
    let key_of_to = Jwk::generate(KeyKind::X25519).unwrap();
    let to = key_of_to.encryption_key(Some(KeyManagement::ECDH_ES)).unwrap();
    let nested = Encryption::new(Enc::A128GCM)
        .signed(&Protected::new(), PAYLOAD.as_bytes(), key(Alg::ES256), &to)
        .unwrap();
    let explanation = explain(&nested, &hand().key(key_of_to).rules(rules));
    assert!(explanation.valid, "{explanation}");
}

#[test]
fn the_repaired_form_is_the_token() {
    let good = good(Alg::ES256);
    for (what, input, ..) in shapes() {
        let explanation = explain(&input, &hand());
        let Some(repaired) =
            explanation.findings.iter().rev().find_map(|finding| finding.repaired.as_deref())
        else {
            continue;
        };
        let others =
            ["standard base64", "shortened with dots", "padding", "a foreign credential behind the scheme"];
        if !others.contains(&what) {
            assert_eq!(repaired, good, "{what}");
            assert!(codes(&explanation).contains(&"signature_valid"), "{what}: {:?}", codes(&explanation));
        }
    }
    let explanation = explain(&der(&good), &hand());
    let repaired = explanation.findings[0].repaired.as_deref().unwrap();
    let own = key(Alg::ES256).verifying_key();
    assert!(Unverified::parse(repaired).unwrap().verify(&own, Alg::ES256.into()).is_ok());
    // A misplaced header, quotes inside, and a line break: each is taken off in turn.
    let deep = format!("Authorization: Bearer \"{good}\"\n");
    assert_eq!(
        codes(&explain(&deep, &hand())),
        ["surrounding_space", "header_line_pasted", "scheme_prefix", "quoted", "signature_valid"]
    );
}

#[test]
fn what_is_wrong_is_pointed_at() {
    let good = good(Alg::ES256);
    let dot = good.find('.').unwrap();
    let at = |input: &str, code: &str| {
        let explanation = explain(input, &hand());
        explanation.findings.iter().find(|finding| finding.code == code).and_then(|finding| finding.at)
    };
    assert_eq!(at(&good.replacen('.', "!.", 1), "illegal_character"), Some(dot));
    assert_eq!(at(&good.replacen('.', ". ", 1), "white_space_inside"), Some(dot + 1));
    assert_eq!(at(&good.replacen('.', "%2E", 1), "url_encoded"), Some(dot));
    assert_eq!(at(&format!("{good}="), "base64_padding"), Some(good.len()));
}

#[test]
fn hostile_input_is_survived() {
    for input in [
        "\u{feff}",
        "{",
        "[[[[",
        "Bearer ",
        "....",
        "~",
        "%",
        "%%%",
        "eyJ",
        "eyJ.eyJ.eyJ.eyJ.eyJ",
        "=",
        "a=b",
        "“”",
        "\\n",
    ] {
        let explanation = explain(input, &hand());
        assert!(!explanation.valid && !explanation.findings.is_empty(), "{input:?}");
    }
    let many = "%41".repeat(20_000);
    assert!(!explain(&many, &hand()).valid);
    assert!(!explain(&"Bearer ".repeat(100), &hand()).valid);
}

#[test]
fn it_agrees_with_verification() {
    // Whatever the input: said to be valid exactly if verification and rules accept it as it is.
    let rules = Rules::new().issuer("https://idp.example/realms/corp");
    for (what, input, ..) in shapes().into_iter().chain(signatures()).chain(claims()) {
        let accepted = Unverified::parse(&input).is_ok_and(|token| {
            [Alg::ES256, Alg::RS256, Alg::EdDSA].into_iter().any(|alg| {
                let named = token.kid().is_none() || token.kid() == key(alg).kid();
                named
                    && token
                        .verify(&key(alg).verifying_key(), Algs::of(&Alg::ALL))
                        .is_ok_and(|verified| rules.check(verified.claims(), verified.header(), NOW).is_ok())
            })
        });
        let explanation = explain(&input, &hand().rules(rules.clone()));
        if what != "dies before it is born" {
            assert_eq!(explanation.valid, accepted, "{what}: {explanation}");
        }
    }
}

#[test]
fn the_leeway_that_is_named_makes_it_valid() {
    let named = |evidence: &str| -> u64 {
        evidence.split_once("a leeway of ").unwrap().1.split(' ').next().unwrap().parse().unwrap()
    };
    for (claim, at) in [
        ("exp", SECONDS),
        ("exp", SECONDS - 1),
        ("exp", SECONDS - 100),
        ("nbf", SECONDS + 1),
        ("nbf", SECONDS + 77),
        ("iat", SECONDS + 1),
        ("iat", SECONDS + 299),
    ] {
        let token = claiming(json!({claim: at}));
        let refused = explain(&token, &hand());
        let error = refused.findings.iter().find(|finding| finding.severity == Severity::Error).unwrap();
        let leeway = named(&error.evidence);
        let with = |seconds| {
            let rules = Rules::new().leeway(std::time::Duration::from_secs(seconds));
            explain(&token, &hand().rules(rules)).valid
        };
        assert!(with(leeway) && !with(leeway - 1), "{claim} {at}: {error}");
    }
}

#[test]
fn both_sides_of_a_comparison_are_shown() {
    let rules = Rules::new().issuer("https://idp.example/realms/corp").audiences(["api://acme", "acme"]);
    let token =
        claiming(json!({"iss": "https://staging.idp.example/realms/corp", "aud": ["account", "billing"]}));
    let explanation = explain(&token, &hand().rules(rules));
    for (code, words) in [
        (
            "issuer_mismatch",
            &["https://idp.example/realms/corp", "https://staging.idp.example/realms/corp"][..],
        ),
        ("audience_mismatch", &["`api://acme`", "`acme`", "`account`", "`billing`"]),
    ] {
        let finding = explanation.findings.iter().find(|finding| finding.code == code).unwrap();
        assert!(words.iter().all(|word| finding.evidence.contains(word)), "{finding}");
    }
    // The nearest id of a key.
    let kid = key(Alg::ES256).kid().unwrap();
    let stranger = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap().signing_key(None).unwrap();
    let header = json!({"alg": "ES256", "kid": format!("~{}", &kid[1..])});
    let explanation = explain(&forge(&header.to_string(), PAYLOAD, &stranger), &hand());
    let finding = explanation.findings.iter().find(|finding| finding.code == "kid_unknown").unwrap();
    assert!(finding.evidence.contains(&format!("nearest at hand: `{kid}`")), "{finding}");
}

#[test]
fn a_kind_that_is_expected_is_no_finding() {
    let rules = Rules { exp_required: false, ..Rules::new().profile(Profile::Listed).also_type("dpop+jwt") };
    let own = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
    let claims = json!({"jti": "1", "htm": "POST", "htu": "https://api.example", "iat": SECONDS});
    let signing = own.signing_key(None).unwrap();
    let token = encode(&Protected::new().typ("dpop+jwt"), claims.to_string().as_bytes(), &signing).unwrap();
    let explanation = explain(&token, &AtHand::new(NOW).key(own).rules(rules.clone()));
    assert!(explanation.valid, "{explanation}");
    // And an access token is none of that kind.
    let explanation = explain(&good(Alg::ES256), &hand().rules(rules));
    assert_eq!(first(&explanation), "type_mismatch");
}
