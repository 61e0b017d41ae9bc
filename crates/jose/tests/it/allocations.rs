//! What is not asked for costs nothing: parsing a token allocates the same whatever and however much it says, and so does
//! checking it.

use std::fmt::Write as _;

use allocation_counter::measure;
use portcullis_jose::{Alg, Protected, Rules, Unverified, encode};

use crate::support::{PAYLOAD, key};

const NOW: i64 = 1_800_000_000 * 1_000_000;

/// A token with the usual claims and so many others, strings, lists and objects among them.
fn token(more: usize) -> String {
    let mut payload = PAYLOAD.trim_end_matches('}').to_owned();
    payload.push_str(r#","email":"ada@acme.example","sid":"0b8c9f6e-1f2a-4c3d""#);
    for n in 0..more {
        let value = ["\"text\"", "[1,2,{\"a\":null}]", "{\"roles\":[\"a\",\"b\"]}", "1.5"][n % 4];
        write!(payload, ",\"claim{n}\":{value}").unwrap();
    }
    payload.push('}');
    encode(&Protected::new().typ("JWT"), payload.as_bytes(), key(Alg::HS256)).unwrap()
}

/// Allocations of parsing.
fn parsing(token: &str) -> u64 {
    measure(|| drop(Unverified::parse(token).unwrap())).count_total
}

#[test]
fn parsing_does_not_allocate_per_claim() {
    let usual = token(0);
    assert!((650..750).contains(&usual.len()), "{} bytes", usual.len());
    let allocations = parsing(&usual);
    assert!(allocations <= 12, "{allocations}");
    // With the number of claims only two lists of their places grow, by doubling: 16, 32, 64, 128.
    for (more, doublings) in [(15, 1), (45, 2), (110, 3)] {
        let text = token(more);
        let counted = parsing(&text);
        assert!(
            counted <= allocations + 2 * doublings,
            "{more} more claims: {counted} instead of {allocations}"
        );
    }
    // The size of what is said does not matter at all.
    let payload = PAYLOAD.replace("Ada Lovelace", &"Ada Lovelace, ".repeat(500));
    let long = encode(&Protected::new().typ("JWT"), payload.as_bytes(), key(Alg::HS256)).unwrap();
    assert_eq!(parsing(&long), allocations);
}

#[test]
fn looking_at_claims_allocates_nothing() {
    // Several audiences are the one thing that is gathered into a list.
    let payload = PAYLOAD.replace(r#"["api://acme","account"]"#, r#""api://acme""#);
    let text = encode(&Protected::new(), payload.as_bytes(), key(Alg::HS256)).unwrap();
    let parsed = Unverified::parse(&text).unwrap();
    let verified = parsed.verify(&key(Alg::HS256).verifying_key(), Alg::HS256.into()).unwrap();
    let claims = verified.claims();
    let rules =
        Rules::new().issuer("https://idp.example/realms/corp").audiences(["api://acme"]).require("azp");
    let looking = measure(|| {
        assert!(claims.iss().text().is_some() && claims.sub().text().is_some());
        assert!(claims.exp().micros().is_some() && claims.jti().text().is_some());
        assert!(claims.has("scope") && !claims.has("scopes"));
        assert!(claims.string("name").text().is_some());
        assert_eq!(claims.claim_json(&["email_verified"]), Some("true"));
        assert_eq!(claims.names().count(), 13);
        rules.first(claims, verified.header(), NOW).unwrap();
        let again = verified.clone();
        assert_eq!(again.alg(), Alg::HS256);
    });
    assert_eq!(looking.count_total, 0);
}

#[test]
fn verifying_shares_what_was_parsed() {
    for alg in [Alg::HS256, Alg::ES256, Alg::EdDSA] {
        let text = encode(&Protected::new(), PAYLOAD.as_bytes(), key(alg)).unwrap();
        let (parsed, verifying) = (Unverified::parse(&text).unwrap(), key(alg).verifying_key());
        // Once, for what the library sets up by itself.
        drop(parsed.verify(&verifying, alg.into()));
        let counted = measure(|| drop(parsed.verify(&verifying, alg.into()).unwrap()));
        assert!(counted.count_total <= 1, "{alg}: {}", counted.count_total);
    }
}
