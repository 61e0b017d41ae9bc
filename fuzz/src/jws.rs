//! Signed messages: compact, flattened, general, detached; and base64url.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_jose::jws::{Message, Policy, Reading};
use portcullis_jose::{Alg, Algs, ParseError, Unverified};
use serde_json::Value;

use super::{LONGEST, claims, keys};

pub fn run(data: &[u8]) {
    if data.len() > LONGEST {
        return;
    }
    compact(data);
    json(data);
    base64url(data);
}

/// What HMAC says by itself.
fn is_tag(input: &[u8], tag: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, keys::SECRET), input, tag).is_ok()
}

fn compact(data: &[u8]) {
    let Ok(token) = Unverified::parse_bytes(data, LONGEST) else { return };
    let text = str::from_utf8(data).expect("base64url and dots");
    let parts: Vec<Vec<u8>> =
        text.split('.').map(|part| decode(part.as_bytes()).expect("in its one spelling")).collect();
    assert_eq!(parts.len(), 3);
    assert_eq!(token.signature(), parts[2]);
    assert_eq!(token.signing_input(), text.rsplit_once('.').expect("a dot").0.as_bytes());
    assert_eq!(token.token_bytes(), data);
    assert_eq!(token.claimed().json().as_bytes(), parts[1]);
    let header: Value = serde_json::from_slice(&parts[0]).expect("strict json is json");
    match token.alg() {
        Ok(alg) => assert_eq!(header["alg"], alg.name()),
        Err(_) => assert!(header["alg"].as_str().is_some_and(|name| name.parse::<Alg>().is_err())),
    }
    assert_eq!(token.kid(), header["kid"].as_str());
    assert_eq!(token.header().typ(), header["typ"].as_str());
    assert!(header.get("crit").is_none() && header.get("b64").is_none(), "nothing is understood in a token");
    let all = Algs::of(&Alg::ALL);
    for key in keys::VERIFYING.iter() {
        let Ok(verified) = token.verify(key, all) else { continue };
        assert!(key.accepts().contains(verified.alg()));
        assert_eq!(header["alg"], verified.alg().name());
        assert!(token.verify(key, Algs::NONE).is_err(), "nothing is allowed by itself");
        claims::agree_with_serde(verified.claims(), &parts[1]);
    }
    let counts = token.verify(&keys::VERIFYING[0], Alg::HS256.into()).is_ok();
    assert_eq!(counts, header["alg"] == "HS256" && is_tag(token.signing_input(), &parts[2]));
}

fn json(data: &[u8]) {
    let all = Algs::of(&Alg::ALL);
    for reading in [Reading::new(), Reading::new().also_unencoded()] {
        let Ok(message) = Message::parse(data, reading) else { continue };
        let value: Value = serde_json::from_slice(data).expect("strict json is json");
        let again = Message::parse(value.to_string().as_bytes(), reading).expect("the same message");
        assert_eq!(message.claimed_payload(), again.claimed_payload());
        assert_eq!(message.signatures().len(), again.signatures().len());
        for (one, other) in message.signatures().iter().zip(again.signatures()) {
            assert_eq!(message.signing_input(one), again.signing_input(other));
            assert_eq!(
                (one.header().alg(), one.header().kid()),
                (other.header().alg(), other.header().kid())
            );
        }
        let count = message.signatures().len();
        let payload = message.claimed_payload().to_vec();
        let judged = [Policy::Any, Policy::All].map(|policy| {
            Message::parse(data, reading).expect("parsed before").verify(&keys::VERIFYING, all, policy)
        });
        if let [any, Ok(signed)] = &judged {
            assert!(any.is_ok(), "all is more than any");
            assert_eq!(signed.signers().len(), count);
        }
        for signed in judged.into_iter().flatten() {
            assert_eq!(signed.payload(), payload);
            assert!(!signed.signers().is_empty());
        }
    }
    for reading in [Reading::new(), Reading::new().also_unencoded()] {
        if let Ok(message) = Message::parse_detached(data, b"payload", reading) {
            assert_eq!(message.claimed_payload(), b"payload");
            let _ = message.verify(&keys::VERIFYING, all, Policy::Any);
        }
    }
}

/// Any bytes as the signature of a token that is otherwise sound.
fn base64url(data: &[u8]) {
    if data.contains(&b'.') {
        return;
    }
    let token = [b"eyJhbGciOiJIUzI1NiJ9.e30.", data].concat();
    let read = Unverified::parse_bytes(&token, usize::MAX);
    match (read, decode(data)) {
        (Ok(token), Some(bytes)) => {
            assert_eq!(token.signature(), bytes);
            assert_eq!(URL_SAFE_NO_PAD.encode(&bytes).as_bytes(), data);
        }
        (Err(ParseError::Base64 { error, .. }), None) => {
            assert!((25..25 + data.len()).contains(&error.offset()), "inside of what was given");
        }
        (read, bytes) => panic!("read: {read:?}, decoded here: {bytes:?}"),
    }
}

/// base64url by the letter of RFC 7515 §2 and RFC 4648 §3.5, without cleverness.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let (mut held, mut bits) = (0u32, 0);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    // Six bits left over are a character too many; others must be zero.
    (bits < 6 && held == 0).then_some(out)
}
