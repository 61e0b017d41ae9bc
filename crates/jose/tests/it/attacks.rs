//! The attacker's own tests: a token that should not count, by every way that worked somewhere.

use portcullis_jose::jwk::KeySet;
use portcullis_jose::{Alg, Algs, Jwk, JwkSet, KeyError, Secret, SigningKey, Unverified};
use serde_json::json;

use crate::support::{PAYLOAD, b64, forge, key, unbound};

/// Everything that anybody could allow.
fn everything() -> Algs {
    Algs::of(&Alg::ALL)
}

fn shape(token: &str) -> &'static str {
    Unverified::parse(token).expect_err("accepted").name()
}

/// A header, signed by the right key as if it were honest.
fn header(json: &str) -> String {
    forge(json, PAYLOAD, key(Alg::RS256))
}

/// A payload, signed by the right key.
fn payload(json: &str) -> String {
    forge(r#"{"alg":"RS256"}"#, json, key(Alg::RS256))
}

#[test]
fn none_is_refused_in_every_spelling_whatever_is_allowed() {
    for spelling in
        ["none", "None", "NONE", "nOnE", "noNe", " none", "none ", "none\\u0000", "\\u006eone", "nоne", ""]
    {
        for signature in ["", "AA", &"A".repeat(86)] {
            let head = b64(format!(r#"{{"alg":"{spelling}"}}"#));
            let token = format!("{head}.{}.{signature}", b64(PAYLOAD));
            let parsed = Unverified::parse(&token).unwrap();
            for alg in Alg::ALL {
                let refused = parsed.verify(&key(alg).verifying_key(), everything()).unwrap_err().name();
                assert!(matches!(refused, "alg_none" | "alg_unknown"), "{spelling:?}: {refused}");
            }
        }
    }
}

#[test]
fn a_signature_cut_off_does_not_count() {
    for alg in Alg::ALL {
        let token = forge(&format!(r#"{{"alg":"{alg}"}}"#), PAYLOAD, key(alg));
        let (input, signature) = token.rsplit_once('.').unwrap();
        let verifying = key(alg).verifying_key();
        for cut in [0, 4, (signature.len() / 2) & !3] {
            let cut = format!("{input}.{}", &signature[..cut]);
            let refused = Unverified::parse(&cut).unwrap().verify(&verifying, everything()).unwrap_err();
            assert_eq!(refused.name(), "signature_length", "{alg}");
        }
    }
}

/// Every text in which a public key can be known to an attacker.
fn spellings_of_public_keys(alg: Alg) -> Vec<Vec<u8>> {
    let public = key(alg).public_jwk().unwrap();
    let json = public.to_public_json().unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let mut spellings = vec![
        json.clone().into_bytes(),
        format!(r#"{{"keys":[{json}]}}"#).into_bytes(),
        format!("\n{json}\n").into_bytes(),
        serde_json::to_vec_pretty(&value).unwrap(),
    ];
    let pem = pem_of(&public);
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &body).unwrap();
    spellings.extend([
        pem.clone().into_bytes(),
        pem.trim_end().as_bytes().to_vec(),
        pem.replace('\n', "\r\n").into_bytes(),
        format!("\n{pem}").into_bytes(),
        pem.replace("PUBLIC KEY", "CERTIFICATE").into_bytes(),
        der,
    ]);
    spellings
}

/// SubjectPublicKeyInfo of an EC or RSA key, written by hand.
fn pem_of(public: &Jwk) -> String {
    let json: serde_json::Value = serde_json::from_str(&public.to_public_json().unwrap()).unwrap();
    let part = |name: &str| crate::support::unb64(json[name].as_str().unwrap());
    let tlv = |tag: u8, content: &[u8]| {
        let len = content.len() as u16;
        let mut out = vec![tag];
        match len {
            0..0x80 => out.push(len as u8),
            0x80..0x100 => out.extend([0x81, len as u8]),
            _ => out.extend([0x82, (len >> 8) as u8, len as u8]),
        }
        out.extend(content);
        out
    };
    let (identifier, key) = if json["kty"] == "RSA" {
        let oid = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
        let n = [vec![0], part("n")].concat();
        (oid.to_vec(), tlv(0x30, &[tlv(2, &n), tlv(2, &part("e"))].concat()))
    } else {
        let oids = [
            &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01][..],
            &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        ];
        (oids.concat(), [vec![4], part("x"), part("y")].concat())
    };
    let bits = tlv(3, &[vec![0], key].concat());
    let der = tlv(0x30, &[tlv(0x30, &identifier), bits].concat());
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

#[test]
fn a_public_key_is_never_an_hmac_secret() {
    for alg in [Alg::RS256, Alg::ES256] {
        let public = key(alg).public_jwk().unwrap();
        // Read as what it is, it is this very key.
        assert_eq!(Jwk::from_pem(pem_of(&public).as_bytes()).unwrap().thumbprint(), public.thumbprint());
        let unbound = unbound(alg).to_public().unwrap();
        for spelling in spellings_of_public_keys(alg) {
            // The attacker keys HMAC with the public text and names HS256.
            for (hmac, library) in [
                (Alg::HS256, aws_lc_rs::hmac::HMAC_SHA256),
                (Alg::HS384, aws_lc_rs::hmac::HMAC_SHA384),
                (Alg::HS512, aws_lc_rs::hmac::HMAC_SHA512),
            ] {
                let input = format!("{}.{}", b64(format!(r#"{{"alg":"{hmac}"}}"#)), b64(PAYLOAD));
                let tag =
                    aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(library, &spelling), input.as_bytes());
                let token = format!("{input}.{}", b64(tag));
                let parsed = Unverified::parse(&token).unwrap();
                for public in [&public, &unbound] {
                    let refused = parsed.verify(&public.verifying_key().unwrap(), everything()).unwrap_err();
                    assert_eq!(refused.name(), "key_mismatch");
                }
            }
            // And nobody can configure it as a secret by mistake.
            let text = String::from_utf8_lossy(&spelling).into_owned();
            let oct = json!({"kty": "oct", "k": b64(&spelling)}).to_string();
            assert_eq!(Jwk::parse(oct.as_bytes()).unwrap_err(), KeyError::SecretIsKey, "{text}");
            assert_eq!(Secret::new(spelling).unwrap_err(), KeyError::SecretIsKey, "{text}");
        }
    }
}

#[test]
fn an_rsa_key_that_names_its_algorithm_takes_no_other_padding() {
    let rsa = unbound(Alg::RS256);
    let bound = rsa.clone().with_alg(Alg::RS256).unwrap().to_public().unwrap().verifying_key().unwrap();
    let pss = rsa.signing_key(Some(Alg::PS256)).unwrap();
    let token = forge(r#"{"alg":"PS256"}"#, PAYLOAD, &pss);
    let parsed = Unverified::parse(&token).unwrap();
    assert_eq!(parsed.verify(&bound, everything()).unwrap_err().name(), "key_mismatch");
    let free = rsa.to_public().unwrap().verifying_key().unwrap();
    assert_eq!(parsed.verify(&free, Alg::RS256.into()).unwrap_err().name(), "alg_not_allowed");
    assert!(parsed.verify(&free, Alg::PS256.into()).is_ok());
}

#[test]
fn extensions_that_nobody_knows_are_refused() {
    for (head, want) in [
        (
            r#"{"alg":"RS256","crit":["http://example.invalid/x"],"http://example.invalid/x":true}"#,
            "crit_unknown",
        ),
        (r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, "payload_unencoded"),
        (r#"{"alg":"RS256","b64":false}"#, "payload_unencoded"),
        (r#"{"alg":"RS256","\u0062\u0036\u0034":false}"#, "payload_unencoded"),
        (r#"{"alg":"RS256","crit":["b64"],"b64":true}"#, "payload_unencoded"),
        (r#"{"alg":"RS256","crit":[]}"#, "crit_malformed"),
        (r#"{"alg":"RS256","crit":null}"#, "header_parameter_type"),
        (r#"{"alg":"RS256","crit":{}}"#, "header_parameter_type"),
        (r#"{"alg":"RS256","crit":["alg"]}"#, "crit_malformed"),
        (r#"{"alg":"RS256","crit":["absent"]}"#, "crit_malformed"),
        (r#"{"alg":"RS256","crit":[["x"]],"x":1}"#, "crit_malformed"),
    ] {
        assert_eq!(shape(&header(head)), want, "{head}");
    }
}

#[test]
fn duplicate_members_are_refused_wherever_and_however_written() {
    for head in [
        r#"{"alg":"RS256","alg":"HS256"}"#,
        r#"{"alg":"RS256","\u0061lg":"none"}"#,
        r#"{"\u0061\u006c\u0067":"none","alg":"RS256"}"#,
        r#"{"alg":"RS256","kid":"a","kid":"b"}"#,
        r#"{"alg":"RS256","jwk":{"kty":"RSA","kty":"oct"}}"#,
    ] {
        assert_eq!(shape(&header(head)), "json_duplicate_member", "{head}");
    }
    for body in [
        r#"{"sub":"a","sub":"b"}"#,
        r#"{"sub":"a","s\u0075b":"b"}"#,
        r#"{"exp":1,"exp":1900000000}"#,
        r#"{"realm_access":{"roles":[],"roles":["admin"]}}"#,
        r#"{"a":[[{"x":1,"\u0078":2}]]}"#,
    ] {
        assert_eq!(shape(&payload(body)), "json_duplicate_member", "{body}");
    }
}

#[test]
fn a_key_in_the_header_is_a_fact_and_not_a_key() {
    // Signed by the attacker's own key, which the header offers in every way there is.
    let attacker = SigningKey::generate(Alg::ES256).unwrap();
    let jwk = attacker.public_jwk().unwrap().to_public_json().unwrap();
    let ours: KeySet = JwkSet::from_iter([key(Alg::ES256).public_jwk().unwrap()]).verifying_keys().0;
    let kid = key(Alg::ES256).kid().unwrap();
    for (extra, name) in [
        (format!(r#""jwk":{jwk}"#), "jwk"),
        (r#""jku":"https://attacker.example/jwks""#.to_owned(), "jku"),
        (r#""x5u":"https://attacker.example/cert""#.to_owned(), "x5u"),
        (r#""x5c":["MIIB"]"#.to_owned(), "x5c"),
    ] {
        let token = forge(&format!(r#"{{"alg":"ES256","kid":"{kid}",{extra}}}"#), PAYLOAD, &attacker);
        let parsed = Unverified::parse(&token).unwrap();
        assert_eq!(parsed.header().pointers().names().collect::<Vec<_>>(), [name]);
        let tried: Vec<_> = ours.candidates(parsed.kid(), parsed.alg().unwrap()).collect();
        assert_eq!(tried.len(), 1);
        assert_eq!(parsed.verify(tried[0], everything()).unwrap_err().name(), "signature_mismatch");
    }
}

#[test]
fn a_kid_is_a_bounded_string_and_nothing_more() {
    for kid in ["7", "null", "true", "[\"a\"]", "{\"a\":1}"] {
        assert_eq!(
            shape(&header(&format!(r#"{{"alg":"RS256","kid":{kid}}}"#))),
            "header_parameter_type",
            "{kid}"
        );
    }
    let long =
        |len| forge(&format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(len)), "{}", key(Alg::HS256));
    assert_eq!(shape(&long(513)), "kid_too_long");
    assert_eq!(shape(&long(64 << 10)), "token_too_large");
    assert_eq!(Unverified::parse_bytes(long(64 << 10).as_bytes(), 1 << 20).unwrap_err().name(), "json_size");
    let ours: KeySet = JwkSet::from_iter([key(Alg::RS256).public_jwk().unwrap()]).verifying_keys().0;
    for kid in ["../../dev/null", "' OR 1=1 --", "a\\u0000b", "*", ""] {
        let parsed = header(&format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#));
        let parsed = Unverified::parse(&parsed).unwrap();
        assert_eq!(ours.candidates(parsed.kid(), Alg::RS256).count(), 0, "{kid}");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    assert_eq!(shape(&"a".repeat(16 * 1024 + 1)), "token_too_large");
    let nested = |open: &str, close: &str| format!(r#"{{"a":{}1{}}}"#, open.repeat(200), close.repeat(200));
    assert_eq!(shape(&payload(&nested("[", "]"))), "json_depth");
    assert_eq!(shape(&payload(&nested("{\"a\":", "}"))), "json_depth");
    let deep = format!(r#"{{"alg":"RS256","jwk":{}{}}}"#, "[".repeat(20), "]".repeat(20));
    assert_eq!(shape(&header(&deep)), "json_depth");
    let wide: Vec<_> = (0..300).map(|i| format!("\"m{i}\":1")).collect();
    assert_eq!(shape(&payload(&format!("{{{}}}", wide.join(",")))), "json_members");
    // Colliding and similar names cost no more than a moment.
    let similar: Vec<_> = (0..250).map(|i| format!("\"{}{i}\":1", "x".repeat(30))).collect();
    let token = payload(&format!("{{{}}}", similar.join(",")));
    assert!(Unverified::parse(&token).is_ok());
}

#[test]
fn json_is_read_one_way_only() {
    for (body, want) in [
        ("[]", "json_not_an_object"),
        ("\"text\"", "json_not_an_object"),
        ("null", "json_not_an_object"),
        ("{}{}", "json_trailing"),
        ("{} x", "json_trailing"),
        ("{\"a\":1}\0", "json_trailing"),
        ("\u{feff}{}", "json_character"),
        ("{'a':1}", "json_character"),
        ("{\"a\":1,}", "json_character"),
        ("{\"a\":0x10}", "json_character"),
        ("{\"a\":01}", "json_number"),
        ("{\"a\":NaN}", "json_number"),
        ("{\"a\":1e400}", "json_number"),
        ("{\"a\":\"\u{1}\"}", "json_string"),
        ("{\"a\":\"\\ud800\"}", "json_string"),
        ("{// no\n}", "json_character"),
        ("{\"a\":1", "json_end"),
    ] {
        assert_eq!(shape(&payload(body)), want, "{body:?}");
    }
    let invalid = format!("{}.{}.AA", b64(r#"{"alg":"RS256"}"#), b64(b"{\"a\":\"\xff\"}"));
    assert_eq!(shape(&invalid), "json_utf8");
    let overlong = format!("{}.{}.AA", b64(r#"{"alg":"RS256"}"#), b64(b"{\"a\":\"\xc0\xa2\"}"));
    assert_eq!(shape(&overlong), "json_utf8");
}

#[test]
fn an_ecdsa_signature_has_one_form() {
    let signer = key(Alg::ES256);
    let verifying = signer.verifying_key();
    let input = b"input";
    let raw = signer.sign(input).unwrap();
    // As DER, which other libraries take.
    let half = |half: &[u8]| {
        let mut number: Vec<u8> = half.iter().copied().skip_while(|byte| *byte == 0).collect();
        if number[0] & 0x80 != 0 {
            number.insert(0, 0);
        }
        [vec![2, number.len() as u8], number].concat()
    };
    let inside = [half(&raw[..32]), half(&raw[32..])].concat();
    let der = [vec![0x30, inside.len() as u8], inside].concat();
    for other in [der, [&raw[..], &[0]].concat(), raw[..63].to_vec(), [&[0], &raw[..]].concat()] {
        assert_eq!(verifying.verify(Alg::ES256, input, &other).unwrap_err().name(), "signature_length");
    }
    // Zeros verified everything in one famous library (CVE-2022-21449).
    for value in [[0u8; 64], [0xff; 64]] {
        assert_eq!(verifying.verify(Alg::ES256, input, &value).unwrap_err().name(), "signature_mismatch");
    }
}

#[test]
fn two_tokens_pasted_together_are_none() {
    let token = payload(PAYLOAD);
    assert_eq!(shape(&format!("{token} {token}")), "token_encrypted");
    assert_eq!(shape(&format!("{token}.{token}")), "token_parts");
    assert_eq!(shape(&format!("Bearer {token}")), "base64_white_space");
    assert_eq!(shape(&format!("\"{token}\"")), "base64_character");
    assert_eq!(shape(&format!("{token}\n")), "base64_white_space");
    assert_eq!(shape(&token.replace('.', "%2E")), "token_parts");
    let error = Unverified::parse(&format!("{token}=")).unwrap_err();
    assert_eq!((error.name(), error.offset()), ("base64_padding", Some(token.len())));
}

#[test]
fn errors_do_not_repeat_the_token() {
    let token = payload(PAYLOAD);
    for broken in
        [format!("{token}="), token.replace('.', ","), format!("{token} "), token[..token.len() - 1].into()]
    {
        let Err(error) = Unverified::parse(&broken) else { continue };
        let shown = format!("{error} {error:?}");
        assert!(
            !token.as_bytes().windows(12).any(|piece| shown.contains(std::str::from_utf8(piece).unwrap()))
        );
    }
    let parsed = Unverified::parse(&token).unwrap();
    let verified = parsed.verify(&key(Alg::RS256).verifying_key(), Alg::RS256.into()).unwrap();
    let shown = format!("{parsed:?} {verified:?}");
    assert!(!shown.contains("Lovelace") && !shown.contains(&token[40..60]));
}
