//! Random tokens, each signed as it should be: both sides accept, or the difference is on a list with its reason.
//!
//! The lists are what is deliberate. An entry that no longer differs fails too: each has its example.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_jose::jws::{self, DEFAULT_LIMIT};
use portcullis_jose::{Alg, Rules, Secret, SigningKey, Unverified};
use portcullis_oracles::{josekit as theirs, jsonwebtoken as plain};
use proptest::prelude::*;

/// Between the two times that tokens here state, and on the same side of them as any clock.
const NOW: i64 = 1_800_000_000 * 1_000_000;

/// Without an id, which josekit would insist on.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    Secret::new(*b"the same on all of the three sides")
        .and_then(|key| key.signing_key(Alg::HS256))
        .expect("a key")
});

fn sign(header: &str, payload: &str) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = KEY.sign(input.as_bytes()).expect("signed");
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What we say of a token with claims: nothing, or the stable name of the first objection.
fn ours(token: &str) -> Result<(), &'static str> {
    let mut rules = Rules::new();
    rules.exp_required = false;
    let token = Unverified::parse(token).map_err(|error| error.name())?;
    let verified = token.verify(&KEY.verifying_key(), Alg::HS256.into()).map_err(|error| error.name())?;
    rules.first(verified.claims(), verified.header(), NOW).map_err(|violation| violation.name())
}

/// What we say of a signed message whose payload is anything.
fn ours_without_claims(token: &str) -> Result<(), &'static str> {
    let key = KEY.verifying_key();
    match jws::verify_compact(token.as_bytes(), DEFAULT_LIMIT, &key, Alg::HS256.into()) {
        Err(error) => Err(error.name()),
        Ok(Err(error)) => Err(error.name()),
        Ok(Ok(_)) => Ok(()),
    }
}

/// Where the answers differ: a token for which they do, what we say to it (`accepted`, or a name), and why.
struct Difference {
    header: &'static str,
    payload: &'static str,
    we: &'static str,
    #[expect(dead_code, reason = "for whoever reads the list")]
    why: &'static str,
}

const fn differs(
    we: &'static str,
    header: &'static str,
    payload: &'static str,
    why: &'static str,
) -> Difference {
    Difference { header, payload, we, why }
}

const HS256: &str = r#"{"alg":"HS256"}"#;
const FUTURE: &str = r#"{"exp":4000000000}"#;

/// Beside jsonwebtoken.
const JSONWEBTOKEN: &[Difference] = &[
    differs(
        "type_mismatch",
        r#"{"alg":"HS256","typ":"dpop+jwt"}"#,
        "{}",
        "one kind of token must not pass for another (RFC 8725 §3.11)",
    ),
    differs(
        "header_parameter_type",
        r#"{"alg":"HS256","kid":null}"#,
        "{}",
        "`kid` is a string (RFC 7515 §4.1.4); null is none",
    ),
    differs(
        "crit_unknown",
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        "{}",
        "what is critical and not understood refuses the token (RFC 7515 §4.1.11); they do not look",
    ),
    differs(
        "crit_malformed",
        r#"{"alg":"HS256","crit":[]}"#,
        "{}",
        "`crit` must not be empty, nor name what is not there (RFC 7515 §4.1.11)",
    ),
    differs(
        "payload_unencoded",
        r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        "{}",
        "a JWT must not use it (RFC 7797 §7); they read the payload as if it were not there",
    ),
    differs(
        "json_duplicate_member",
        HS256,
        r#"{"own":{"a":1,"a":2}}"#,
        "two parsers read it differently; they take the last one",
    ),
    differs(
        "json_depth",
        HS256,
        r#"{"a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"#,
        "no claim is that deep, and others' parsers end on it",
    ),
    differs(
        "time_malformed",
        HS256,
        r#"{"exp":4000000000000}"#,
        "milliseconds taken for seconds: such a token would never expire; theirs does not",
    ),
    differs(
        "issuer_malformed",
        HS256,
        r#"{"iss":7}"#,
        "an issuer is text (RFC 7519 §4.1.1); they look only when told which one to expect",
    ),
    differs(
        "issued_in_future",
        HS256,
        r#"{"iat":4000000000}"#,
        "one of the two clocks is wrong, and everything else about time hangs on it",
    ),
    differs(
        "accepted",
        r#"{"alg":"HS256","jku":7}"#,
        "{}",
        "pointers to keys are never followed, so they are not looked into; they read them",
    ),
];

/// Beside josekit, where the payload may be anything.
const JOSEKIT: &[Difference] = &[
    differs(
        "crit_malformed",
        r#"{"alg":"HS256","crit":[]}"#,
        "{}",
        "`crit` must not be empty (RFC 7515 §4.1.11)",
    ),
    differs(
        "payload_unencoded",
        r#"{"alg":"HS256","b64":false}"#,
        "{}",
        "not critical, it means one thing to whoever knows it and another to whoever does not (RFC 7797 §6)",
    ),
    differs(
        "json_duplicate_member",
        r#"{"alg":"HS256","alg":"HS256"}"#,
        "{}",
        "two parsers read it differently; they take the last one (RFC 7515 §4)",
    ),
    differs(
        "token_part_empty",
        HS256,
        "",
        "two dots without anything between are a detached payload (RFC 7515 appendix F), which is asked for as such",
    ),
    differs(
        "accepted",
        r#"{"alg":"HS256","x5c":7}"#,
        "{}",
        "pointers to keys are never followed, so they are not looked into; they read them",
    ),
];

/// The name under which an answer stands on the list.
fn name(answer: Result<(), &'static str>) -> &'static str {
    answer.err().unwrap_or("accepted")
}

#[test]
fn each_difference_is_one() {
    for Difference { header, payload, we, .. } in JSONWEBTOKEN {
        let token = sign(header, payload);
        assert_eq!(name(ours(&token)), *we, "{header} {payload}");
        let they = plain::verify(&token, &KEY);
        assert_eq!(they.is_ok(), *we != "accepted", "{header} {payload}: {they:?}");
    }
    for Difference { header, payload, we, .. } in JOSEKIT {
        let token = sign(header, payload);
        assert_eq!(name(ours_without_claims(&token)), *we, "{header} {payload}");
        let they = theirs::verify(&token, &KEY).unwrap();
        assert_eq!(they.is_ok(), *we != "accepted", "{header} {payload}: {they:?}");
    }
}

/// Members that mean something to somebody, well-formed and not.
const HEADER: [&str; 36] = [
    r#""typ":"JWT""#,
    r#""typ":"at+jwt""#,
    r#""typ":"dpop+jwt""#,
    r#""typ":7"#,
    r#""typ":null"#,
    r#""cty":"JWT""#,
    r#""cty":[]"#,
    r#""kid":"a""#,
    r#""kid":7"#,
    r#""kid":null"#,
    r#""kid":"b""#,
    r#""crit":["exp"]"#,
    r#""crit":["exp"],"exp":1"#,
    r#""crit":[]"#,
    r#""crit":"exp""#,
    r#""crit":["b64"],"b64":true"#,
    r#""crit":["b64"],"b64":false"#,
    r#""b64":false"#,
    r#""b64":"no""#,
    r#""alg":"HS256""#,
    r#""alg":"none""#,
    r#""alg":"HS512""#,
    r#""alg":"hs256""#,
    r#""alg":7"#,
    r#""jku":"https://keys.example""#,
    r#""jku":7"#,
    r#""jwk":{"kty":"oct","k":"AA"}"#,
    r#""jwk":"key""#,
    r#""x5c":["AAAA"]"#,
    r#""x5c":7"#,
    r#""x5t":"AAAA""#,
    r#""x5u":"https://keys.example""#,
    r#""zip":"DEF""#,
    r#""enc":"A128GCM""#,
    r#""own":{"a":[1,2,{"b":null}]}"#,
    r#""own":{"a":1,"a":2}"#,
];

const CLAIMS: [&str; 40] = [
    r#""exp":4000000000"#,
    r#""exp":1000000000"#,
    r#""exp":4000000000.25"#,
    r#""exp":"4000000000""#,
    r#""exp":4e9"#,
    r#""exp":-1"#,
    r#""exp":4000000000000"#,
    r#""exp":null"#,
    r#""nbf":4000000000"#,
    r#""nbf":1000000000"#,
    r#""nbf":1000000000.5"#,
    r#""nbf":"1000000000""#,
    r#""nbf":-1"#,
    r#""nbf":null"#,
    r#""iat":1000000000"#,
    r#""iat":4000000000"#,
    r#""iat":"yesterday""#,
    r#""iss":"https://idp.example""#,
    r#""iss":7"#,
    r#""iss":["a","b"]"#,
    r#""sub":"ada""#,
    r#""sub":7"#,
    r#""sub":null"#,
    r#""aud":"api""#,
    r#""aud":["api","web"]"#,
    r#""aud":{"a":1}"#,
    r#""jti":7"#,
    r#""a":{"b":1,"b":2}"#,
    r#""a":"é""#,
    r#""a":"\ud83d\ude00""#,
    r#""a":"\ud83d""#,
    r#""a":1e400"#,
    r#""a":-0"#,
    r#""a":01"#,
    r#""a":12345678901234567890123"#,
    r#""a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]"#,
    r#""a":NaN"#,
    r#""a":true,"#,
    "\"a\":\"\t\"",
    r#""":"""#,
];

fn object(
    members: &'static [&'static str],
    most: usize,
    first: Option<&'static str>,
) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(members), 0..most).prop_map(move |members| {
        let all: Vec<_> = first.into_iter().chain(members).collect();
        format!("{{{}}}", all.join(","))
    })
}

fn header() -> impl Strategy<Value = String> {
    // Mostly a header that could count; sometimes one without `alg`.
    prop_oneof![
        9 => object(&HEADER, 4, Some(r#""alg":"HS256""#)),
        1 => object(&HEADER, 4, None),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

    #[test]
    fn jsonwebtoken_agrees_or_it_is_on_the_list(header in header(), payload in object(&CLAIMS, 5, None)) {
        let token = sign(&header, &payload);
        let (we, they) = (ours(&token), plain::verify(&token, &KEY));
        if we.is_ok() != they.is_ok() {
            let listed = JSONWEBTOKEN.iter().any(|difference| difference.we == name(we));
            prop_assert!(listed, "we: {}, they: {they:?}", name(we));
        }
    }

    #[test]
    fn josekit_agrees_or_it_is_on_the_list(header in header(), payload in object(&CLAIMS, 2, None)) {
        let token = sign(&header, &payload);
        let (we, they) = (ours_without_claims(&token), theirs::verify(&token, &KEY).unwrap());
        if we.is_ok() != they.is_ok() {
            let listed = JOSEKIT.iter().any(|difference| difference.we == name(we));
            prop_assert!(listed, "we: {}, they: {:?}", name(we), they.err());
        }
    }

    /// Text around and inside of a good token.
    #[test]
    fn a_changed_spelling_is_refused_by_us(at in any::<prop::sample::Index>(), piece in "[ \\n=.+/A%\"]{1,2}") {
        let good = sign(HS256, FUTURE);
        prop_assert_eq!(ours(&good), Ok(()));
        let mut changed = good.clone();
        changed.insert_str(at.index(good.len() + 1), &piece);
        prop_assert!(ours(&changed).is_err());
    }
}
