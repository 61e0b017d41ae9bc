//! Claims sets and rules: any bytes as the payload of a token that is signed as it should be.

use portcullis_jose::jws::sign_compact;
use portcullis_jose::jwt::TimeFault;
use portcullis_jose::{Audience, Claims, Profile, Protected, Rules, Text, Time, Unverified, Violation};
use serde_json::{Map, Value};

use super::{LONGEST, NOW, keys};

/// The first byte chooses the rules and the `typ`; the rest is the payload.
pub fn run(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else { return };
    if payload.is_empty() || payload.len() > LONGEST / 2 {
        return;
    }
    let header = match choice & 3 {
        0 => Protected::new(),
        1 => Protected::new().typ("JWT"),
        2 => Protected::new().typ("application/at+jwt"),
        _ => Protected::new().typ("dpop+jwt"),
    };
    let token = sign_compact(&header, payload, &keys::HMAC).expect("signed");
    let unverified = match Unverified::parse(&token) {
        Ok(unverified) => unverified,
        Err(error) => {
            assert!(error.to_string().len() < 1024 && !error.name().is_empty());
            return;
        }
    };
    let verified =
        unverified.verify(&keys::VERIFYING[0], keys::HMAC.alg().into()).expect("what was signed counts");
    agree_with_serde(verified.claims(), payload);
    let rules = rules(*choice);
    let found = rules.check(verified.claims(), verified.header(), NOW).err().unwrap_or_default();
    assert_eq!(rules.first(verified.claims(), verified.header(), NOW).err().as_ref(), found.first());
    assert_eq!(rules.inspect(&unverified, NOW), found);
    assert!(found.is_sorted_by_key(Violation::check), "in the order of the checks");
    for violation in &found {
        assert!(!violation.name().is_empty() && violation.to_string().len() < 64 << 10);
    }
    expiry(&rules, verified.claims(), &found);
    if choice & 3 == 3 {
        assert!(found.iter().any(|violation| violation.name() == "type_mismatch"), "another kind of token");
    }
}

fn rules(choice: u8) -> Rules {
    let mut rules = Rules::new();
    rules.exp_required = choice & 4 == 0;
    if choice & 8 != 0 {
        rules = rules.issuer("https://idp.example").audiences(["api", "account"]);
    }
    if choice & 16 != 0 {
        rules =
            rules.leeway(std::time::Duration::from_secs(30)).max_age(std::time::Duration::from_secs(3600));
    }
    if choice & 32 != 0 {
        rules = rules.profile(Profile::Rfc9068);
    }
    if choice & 64 != 0 {
        rules = rules.require("sub").require("a b");
    }
    rules
}

/// The clock, by hand.
fn expiry(rules: &Rules, claims: &Claims, found: &[Violation]) {
    let expired = match claims.exp() {
        Time::At(exp) => exp.saturating_add_unsigned(rules.leeway_micros) <= NOW,
        Time::Missing => rules.exp_required,
        Time::Malformed(_) => true,
    };
    let said = found.iter().any(|violation| {
        matches!(
            violation,
            Violation::Expired { .. }
                | Violation::TimeMissing { claim: "exp" }
                | Violation::TimeMalformed { claim: "exp", .. }
        )
    });
    assert_eq!(said, expired, "{:?} at {NOW}", claims.exp());
}

/// Everything that can be asked of claims is what another JSON parser reads there.
pub fn agree_with_serde(claims: &Claims, payload: &[u8]) {
    let all: Map<String, Value> = serde_json::from_slice(payload).expect("strict json is json");
    let names: Vec<_> = claims.names().collect();
    assert!(names.iter().eq(all.keys()), "the same members in the same order, none twice");
    for (name, value) in &all {
        assert_eq!(claims.claim(&[name]).as_ref(), Some(value));
        assert_eq!(claims.has(name), !value.is_null());
        match claims.string(name) {
            Text::Is(text) => assert_eq!(Some(&*text), value.as_str()),
            Text::Missing => panic!("it is there"),
            Text::Other(_) => assert!(!value.is_string()),
        }
        match claims.audience(name) {
            Audience::Missing => panic!("it is there"),
            Audience::One(one) => assert_eq!(Some(&*one), value.as_str()),
            Audience::Many(many) => {
                let values = value.as_array().expect("a list");
                assert!(many.iter().map(|text| Some(&**text)).eq(values.iter().map(Value::as_str)));
            }
            Audience::Malformed(_) => assert!(
                !value.is_string() && !value.as_array().is_some_and(|list| list.iter().all(Value::is_string))
            ),
        }
        for (inner, value) in value.as_object().into_iter().flatten() {
            assert_eq!(claims.claim(&[name, inner]).as_ref(), Some(value));
            assert_eq!(claims.claim_str(&[name, inner]).as_deref(), value.as_str());
        }
    }
    for (name, time) in [("exp", claims.exp()), ("nbf", claims.nbf()), ("iat", claims.iat())] {
        let value = all.get(name);
        match time {
            Time::Missing => assert!(value.is_none()),
            Time::At(micros) => {
                let stated = value.and_then(Value::as_f64).expect("a number");
                // A float of this size has steps of less than this.
                assert!((stated - micros as f64 / 1e6).abs() <= 1e-4, "{stated} is not {micros}");
            }
            Time::Malformed(TimeFault::NotANumber(_)) => assert!(!value.is_some_and(Value::is_number)),
            Time::Malformed(TimeFault::Negative) => {
                assert!(value.and_then(Value::as_f64).is_some_and(|stated| stated <= 0.0));
            }
            Time::Malformed(TimeFault::TooLarge) => {
                assert!(value.and_then(Value::as_f64).is_some_and(|stated| stated >= 253_402_300_799.0));
            }
        }
    }
    assert!(claims.scopes().len() <= payload.len());
    let _ = (claims.sub(), claims.jti(), claims.azp(), claims.client_id(), claims.cnf());
}
