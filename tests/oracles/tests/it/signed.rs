//! Signatures, both ways, for every algorithm that both sides have.

use josekit::jws::JwsHeader;
use portcullis_jose::jws::{self, Message, Placement, Policy, Reading};
use portcullis_jose::{Alg, Protected, Unverified, encode};
use portcullis_oracles::{josekit as theirs, jsonwebtoken as plain, key};
use serde_json::{Value, json};

/// Without times: the other libraries have clocks of their own.
fn claims() -> Value {
    json!({"iss": "https://idp.example", "sub": "ada", "aud": ["api"], "n": 9_007_199_254_740_991_i64, "text": "é\u{1f600}"})
}

#[test]
fn jsonwebtoken_and_we_read_each_other() {
    let mut met = 0;
    for alg in Alg::ALL {
        let Some(algorithm) = plain::algorithm(alg) else { continue };
        met += 1;
        let key = key(alg);
        let ours = encode(&Protected::new().typ("JWT"), claims().to_string().as_bytes(), key).unwrap();
        assert_eq!(plain::verify(&ours, key).unwrap_or_else(|e| panic!("{alg}: {e:?}")), claims(), "{alg}");
        let mut header = jsonwebtoken::Header::new(algorithm);
        header.kid = key.kid().map(str::to_owned);
        let token = plain::sign(&header, &claims(), key).unwrap();
        let verified = Unverified::parse(&token).unwrap().verify(&key.verifying_key(), alg.into()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(verified.claims().json()).unwrap(), claims(), "{alg}");
        for at in [token.find('.').unwrap() + 3, token.len() - 3] {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(plain::verify(&changed, key).is_err(), "{alg}");
            let own = Unverified::parse(&changed).map(|t| t.verify(&key.verifying_key(), alg.into()).is_ok());
            assert!(!own.unwrap_or(false), "{alg}");
        }
    }
    assert_eq!(met, 12, "the algorithms that both sides have");
}

#[test]
fn josekit_and_we_read_each_other() {
    let payload = b"any bytes \xff\x00 at all";
    let mut met = 0;
    for alg in Alg::ALL {
        let key = key(alg);
        let ours = jws::sign_compact(&Protected::new().typ("x"), payload, key).unwrap();
        let Some(read) = theirs::verify(&ours, key) else {
            assert!(!theirs::has(alg), "{alg}");
            continue;
        };
        met += 1;
        let (read, header) = read.unwrap_or_else(|e| panic!("{alg}: {e}"));
        assert_eq!((&*read, header.token_type()), (&payload[..], Some("x")), "{alg}");
        let mut header = JwsHeader::new();
        header.set_token_type("y");
        let token = theirs::sign(&header, payload, key).unwrap();
        let (header, read) =
            jws::verify_compact(token.as_bytes(), jws::DEFAULT_LIMIT, &key.verifying_key(), alg.into())
                .unwrap()
                .unwrap_or_else(|e| panic!("{alg}: {e}"));
        assert_eq!((&*read, header.typ()), (&payload[..], Some("y")), "{alg}");
    }
    assert_eq!(met, 14, "the algorithms that both sides have");
}

#[test]
fn josekit_and_we_read_each_others_json() {
    let payload = b"in json";
    for alg in Alg::ALL.into_iter().filter(|alg| theirs::has(*alg)) {
        let key = key(alg);
        let verifier = theirs::verifier(key).unwrap();
        let ours = jws::sign_flattened(&Protected::new(), payload, key, Placement::Attached).unwrap();
        assert_eq!(josekit::jws::deserialize_json(&ours, &*verifier).unwrap().0, payload, "{alg}");
        let ours = jws::sign_general(payload, &[(&Protected::new(), key)], Placement::Attached).unwrap();
        assert_eq!(josekit::jws::deserialize_json(&ours, &*verifier).unwrap().0, payload, "{alg}");
        let mut set = josekit::jws::JwsHeaderSet::new();
        set.set_algorithm(alg.name(), true);
        let signer = theirs::signer(key).unwrap();
        let flattened = josekit::jws::serialize_flattened_json(payload, &set, &*signer).unwrap();
        let general = josekit::jws::serialize_general_json(payload, &[(&set, &*signer)]).unwrap();
        for theirs in [flattened, general] {
            let message =
                Message::parse(theirs.as_bytes(), Reading::new()).unwrap_or_else(|e| panic!("{theirs}: {e}"));
            let signed = message.verify(&[key.verifying_key()], alg.into(), Policy::All).unwrap();
            assert_eq!(signed.payload(), payload, "{alg}");
        }
    }
}
