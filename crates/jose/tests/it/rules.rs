//! Claims against expectations: every violation has its case, and the order is the one that is promised.

use std::time::Duration;

use portcullis_jose::claims::{Check, Violation};
use portcullis_jose::{Alg, Algs, Issuers, JwkSet, Profile, Refused, Rules, SubjectForm, Unverified};

use crate::support::{b64, forge, key};

const NOW: i64 = 1_800_000_000 * 1_000_000;

/// Names of the violations of a token with this header and payload, in order.
fn violations(rules: &Rules, header: &str, payload: &str) -> Vec<&'static str> {
    let signer = key(Alg::HS256);
    let token = forge(header, payload, signer);
    let verified =
        Unverified::parse(&token).unwrap().verify(&signer.verifying_key(), Alg::HS256.into()).expect(payload);
    let all = rules.check(verified.claims(), verified.header(), NOW).err().unwrap_or_default();
    let first = rules.first(verified.claims(), verified.header(), NOW).err();
    assert_eq!(first.as_ref(), all.first(), "{payload}");
    assert_eq!(rules.inspect(&Unverified::parse(&token).unwrap(), NOW), all);
    assert!(all.is_sorted_by_key(Violation::check), "{all:?}");
    all.iter().map(Violation::name).collect()
}

const HS256: &str = r#"{"alg":"HS256"}"#;

fn of(rules: &Rules, payload: &str) -> Vec<&'static str> {
    violations(rules, HS256, payload)
}

#[test]
fn a_token_without_end_is_refused_by_default() {
    assert_eq!(of(&Rules::new(), "{}"), ["time_missing"]);
    assert_eq!(of(&Rules { exp_required: false, ..Rules::new() }, "{}"), [""; 0]);
    assert_eq!(of(&Rules::new(), r#"{"exp":1800000001}"#), [""; 0]);
}

#[test]
fn times_are_bounds_on_both_sides() {
    let none = Rules::new();
    let lenient = Rules::new().leeway(Duration::from_secs(30));
    for (payload, strictly, leniently) in [
        // On the second of `exp` it is over.
        (r#"{"exp":1800000000}"#, &["expired"][..], &[][..]),
        (r#"{"exp":1800000000.000001}"#, &[], &[]),
        (r#"{"exp":1799999971}"#, &["expired"], &[]),
        (r#"{"exp":1799999970}"#, &["expired"], &["expired"]),
        (r#"{"exp":0}"#, &["expired"], &["expired"]),
        (r#"{"exp":1900000000,"nbf":1800000000}"#, &[], &[]),
        (r#"{"exp":1900000000,"nbf":1800000001}"#, &["not_yet_valid"], &[]),
        (r#"{"exp":1900000000,"nbf":1800000031}"#, &["not_yet_valid"], &["not_yet_valid"]),
        (r#"{"exp":1900000000,"iat":1800000030}"#, &["issued_in_future"], &[]),
        (r#"{"exp":1900000000,"iat":1800000031}"#, &["issued_in_future"], &["issued_in_future"]),
    ] {
        assert_eq!(of(&none, payload), strictly, "{payload}");
        assert_eq!(of(&lenient, payload), leniently, "{payload}");
    }
}

#[test]
fn a_time_that_is_no_number_is_never_no_limit() {
    for bad in [
        "\"1900000000\"",
        "null",
        "true",
        "[1900000000]",
        "{}",
        "-1",
        "1900000000000",
        "1e300",
        "99999999999999999999",
        "\"\"",
    ] {
        for claim in ["exp", "nbf", "iat"] {
            let rules = Rules { exp_required: false, ..Rules::new() };
            let payload = format!(r#"{{"{claim}":{bad}}}"#);
            assert_eq!(of(&rules, &payload), ["time_malformed"], "{payload}");
        }
    }
}

#[test]
fn age_counts_from_iat() {
    let rules = Rules::new().max_age(Duration::from_secs(60));
    assert_eq!(of(&rules, r#"{"exp":1900000000}"#), ["time_missing"]);
    assert_eq!(of(&rules, r#"{"exp":1900000000,"iat":1799999940}"#), [""; 0]);
    assert_eq!(of(&rules, r#"{"exp":1900000000,"iat":1799999939}"#), ["too_old"]);
    let lenient = rules.leeway(Duration::from_secs(1));
    assert_eq!(of(&lenient, r#"{"exp":1900000000,"iat":1799999939}"#), [""; 0]);
}

#[test]
fn extreme_settings_do_not_wrap_around() {
    let rules = Rules::new().leeway(Duration::MAX).max_age(Duration::MAX);
    assert_eq!(of(&rules, r#"{"exp":1,"iat":1}"#), [""; 0]);
}

#[test]
fn the_issuer_is_exact() {
    let rules = Rules::new().issuer("https://idp.example/realms/corp");
    for (iss, want) in [
        (r#""https://idp.example/realms/corp""#, ""),
        (r#""https:\/\/idp.example\/realms\/corp""#, ""),
        (r#""https://idp.example/realms/corp/""#, "issuer_mismatch"),
        (r#""https://IDP.example/realms/corp""#, "issuer_mismatch"),
        (r#""http://idp.example/realms/corp""#, "issuer_mismatch"),
        (r#""""#, "issuer_mismatch"),
        ("7", "issuer_malformed"),
        (r#"["https://idp.example/realms/corp"]"#, "issuer_malformed"),
    ] {
        let found = of(&rules, &format!(r#"{{"exp":1900000000,"iss":{iss}}}"#));
        assert_eq!(found.first().copied().unwrap_or(""), want, "{iss}");
    }
    assert_eq!(of(&rules, r#"{"exp":1900000000}"#), ["issuer_missing"]);
}

#[test]
fn the_audience_is_one_of_the_accepted() {
    let rules = Rules::new().audiences(["api://acme", "acme"]);
    for (aud, want) in [
        (r#""acme""#, ""),
        (r#"["x","api://acme"]"#, ""),
        (r#""Acme""#, "audience_mismatch"),
        (r#""acme ""#, "audience_mismatch"),
        (r#""acmex""#, "audience_mismatch"),
        ("[]", "audience_mismatch"),
        (r#"["acme",7]"#, "audience_malformed"),
        ("null", "audience_malformed"),
    ] {
        let found = of(&rules, &format!(r#"{{"exp":1900000000,"aud":{aud}}}"#));
        assert_eq!(found.first().copied().unwrap_or(""), want, "{aud}");
    }
    assert_eq!(of(&rules, r#"{"exp":1900000000}"#), ["audience_missing"]);
    let elsewhere = Rules::new().audiences_in("client_id", ["web"]);
    assert_eq!(of(&elsewhere, r#"{"exp":1900000000,"client_id":"web"}"#), [""; 0]);
    assert_eq!(of(&elsewhere, r#"{"exp":1900000000,"aud":"web"}"#), ["audience_missing"]);
    let nobody = Rules::new().audiences::<&str>([]);
    assert_eq!(of(&nobody, r#"{"exp":1900000000,"aud":"web"}"#), ["audience_mismatch"]);
}

#[test]
fn one_kind_of_token_does_not_pass_for_another() {
    let payload = r#"{"exp":1900000000}"#;
    let generic = Rules::new();
    for (header, want) in [
        (HS256, ""),
        (r#"{"alg":"HS256","typ":"JWT"}"#, ""),
        (r#"{"alg":"HS256","typ":"jwt"}"#, ""),
        (r#"{"alg":"HS256","typ":"application/jwt"}"#, ""),
        (r#"{"alg":"HS256","typ":"at+jwt"}"#, ""),
        (r#"{"alg":"HS256","typ":"application/AT+JWT"}"#, ""),
        (r#"{"alg":"HS256","typ":"dpop+jwt"}"#, "type_mismatch"),
        (r#"{"alg":"HS256","typ":"logout+jwt"}"#, "type_mismatch"),
        (r#"{"alg":"HS256","typ":"text/at+jwt"}"#, "type_mismatch"),
        (r#"{"alg":"HS256","typ":"application/x/at+jwt"}"#, "type_mismatch"),
        (r#"{"alg":"HS256","typ":""}"#, "type_mismatch"),
    ] {
        assert_eq!(violations(&generic, header, payload).first().copied().unwrap_or(""), want, "{header}");
    }
    let own = Rules::new().also_type("application/okta-internal-at+jwt");
    assert_eq!(violations(&own, r#"{"alg":"HS256","typ":"okta-internal-at+jwt"}"#, payload), [""; 0]);
}

#[test]
fn rfc_9068_wants_all_it_names() {
    let rules = Rules::new().profile(Profile::Rfc9068);
    let full =
        r#"{"iss":"i","exp":1900000000,"aud":"a","sub":"s","client_id":"c","iat":1700000000,"jti":"j"}"#;
    assert_eq!(violations(&rules, r#"{"alg":"HS256","typ":"at+jwt"}"#, full), [""; 0]);
    assert_eq!(violations(&rules, r#"{"alg":"HS256","typ":"JWT"}"#, full), ["type_mismatch"]);
    assert_eq!(of(&rules, full), ["type_mismatch"]);
    let missing = of(&rules, "{}");
    assert_eq!(missing.iter().filter(|name| **name == "claim_missing").count(), 6);
    assert_eq!(missing.iter().filter(|name| **name == "time_missing").count(), 1);
    let lasting = Rules { exp_required: false, ..rules };
    assert_eq!(of(&lasting, "{}").iter().filter(|name| **name == "claim_missing").count(), 7);
}

#[test]
fn required_claims_are_there_and_not_null() {
    let rules = Rules::new().require("sub").require("tenant");
    assert_eq!(of(&rules, r#"{"exp":1900000000,"sub":"s","tenant":0}"#), [""; 0]);
    assert_eq!(of(&rules, r#"{"exp":1900000000,"sub":null}"#), ["claim_missing", "claim_missing"]);
}

#[test]
fn only_the_kinds_that_are_listed_count_where_a_list_is_asked_for() {
    let rules = Rules::new().profile(Profile::Listed).also_type("dpop+jwt");
    let payload = r#"{"exp":1900000000}"#;
    for (header, want) in [
        (r#"{"alg":"HS256","typ":"dpop+jwt"}"#, ""),
        (r#"{"alg":"HS256","typ":"application/DPoP+JWT"}"#, ""),
        (HS256, "type_mismatch"),
        (r#"{"alg":"HS256","typ":"JWT"}"#, "type_mismatch"),
        (r#"{"alg":"HS256","typ":"at+jwt"}"#, "type_mismatch"),
    ] {
        assert_eq!(violations(&rules, header, payload).first().copied().unwrap_or(""), want, "{header}");
    }
    // With nothing listed, nothing counts.
    let none = Rules::new().profile(Profile::Listed);
    assert_eq!(violations(&none, r#"{"alg":"HS256","typ":"JWT"}"#, payload), ["type_mismatch"]);
}

#[test]
fn a_subject_has_the_form_that_is_expected() {
    for (sub, text, number) in [
        (r#""sub":"ada""#, "", ""),
        (r#""sub":"""#, "subject_missing", "subject_missing"),
        (r#""sub":42"#, "subject_malformed", ""),
        (r#""sub":42.0"#, "subject_malformed", "subject_malformed"),
        (r#""sub":4e1"#, "subject_malformed", "subject_malformed"),
        (r#""sub":99999999999999999999"#, "subject_malformed", "subject_malformed"),
        (r#""sub":null"#, "subject_malformed", "subject_malformed"),
        (r#""sub":["ada"]"#, "subject_malformed", "subject_malformed"),
        (r#""x":1"#, "subject_missing", "subject_missing"),
    ] {
        let payload = format!(r#"{{"exp":1900000000,{sub}}}"#);
        for (form, want) in
            [(SubjectForm::Any, ""), (SubjectForm::Text, text), (SubjectForm::TextOrNumber, number)]
        {
            let found = of(&Rules::new().subject(form), &payload);
            assert_eq!(found.first().copied().unwrap_or(""), want, "{form:?} {payload}");
        }
    }
    // A claim that is missing is said once.
    let rules = Rules::new().require("sub").subject(SubjectForm::Text);
    assert_eq!(of(&rules, r#"{"exp":1900000000}"#), ["claim_missing"]);
}

#[test]
fn an_issuer_is_text_even_where_none_is_expected() {
    for (claim, want) in [
        (r#""iss":"https://a.example""#, ""),
        (r#""x":1"#, ""),
        (r#""iss":42"#, "issuer_malformed"),
        (r#""iss":null"#, "issuer_malformed"),
    ] {
        let found = of(&Rules::new(), &format!(r#"{{"exp":1900000000,{claim}}}"#));
        assert_eq!(found.first().copied().unwrap_or(""), want, "{claim}");
    }
}

#[test]
fn an_issuer_is_bound_to_its_keys() {
    let rules = || Rules::new().audiences(["acme"]);
    let keys = |alg| JwkSet::from_iter(key(alg).public_jwk()).verifying_keys().0;
    let issuers = Issuers::new()
        .with("https://a.example", keys(Alg::ES256), Algs::of(&[Alg::ES256, Alg::RS256]), rules())
        .with("https://b.example", keys(Alg::RS256), Alg::RS256.into(), rules());
    let token = |alg: Alg, iss: &str| {
        let payload = format!(r#"{{"iss":{iss},"aud":"acme","exp":1900000000}}"#);
        forge(&format!(r#"{{"alg":"{alg}"}}"#), &payload, key(alg))
    };
    let name = |token: &str| issuers.verify(token, NOW).err().map_or("", |refused| refused.name());
    let (a, b) = (r#""https://a.example""#, r#""https://b.example""#);
    assert_eq!(name(&token(Alg::ES256, a)), "");
    assert_eq!(name(&token(Alg::RS256, b)), "");
    // The key is sound, and another issuer's.
    assert_eq!(name(&token(Alg::RS256, a)), "key_unknown");
    assert_eq!(name(&token(Alg::ES256, b)), "alg_not_allowed");
    for iss in [r#""https://c.example""#, r#""https://a.example/""#, "\"\"", "7", r#"["https://a.example"]"#]
    {
        assert_eq!(name(&token(Alg::ES256, iss)), "issuer_unknown", "{iss}");
    }
    assert_eq!(name("x"), "token_parts");
    let good = token(Alg::ES256, a);
    let (input, _) = good.rsplit_once('.').unwrap();
    assert_eq!(name(&format!("{input}.{}", b64([1; 64]))), "signature_mismatch");
    let late = issuers.verify(&good, 1_900_000_000 * 1_000_000).unwrap_err();
    assert_eq!((late.name(), late.to_string().contains("expired")), ("expired", true));
    assert_eq!(Issuers::new().verify(&good, NOW).unwrap_err(), Refused::Issuer);
    // Named again, an issuer has the new keys only.
    let again = issuers.with("https://a.example", keys(Alg::RS256), Alg::RS256.into(), rules());
    assert!(again.verify(&good, NOW).is_err());
    assert!(again.verify(&token(Alg::RS256, a), NOW).is_ok());
}

#[test]
fn an_algorithm_can_be_withdrawn_later() {
    let rules = Rules::new().algorithms(Algs::of(&[Alg::ES256]));
    assert_eq!(of(&rules, r#"{"exp":1900000000}"#), ["algorithm_not_allowed"]);
}

#[test]
fn all_at_once_in_the_promised_order() {
    let rules = Rules::new()
        .algorithms(Algs::of(&[Alg::ES256]))
        .issuer("i")
        .audiences(["a"])
        .profile(Profile::Rfc9068)
        .require("tenant");
    let header = r#"{"alg":"HS256","typ":"logout+jwt"}"#;
    let payload =
        r#"{"iss":"j","exp":1,"nbf":1900000000,"iat":"x","aud":"b","sub":"s","client_id":"c","jti":"j"}"#;
    assert_eq!(
        violations(&rules, header, payload),
        [
            "algorithm_not_allowed",
            "issuer_mismatch",
            "expired",
            "not_yet_valid",
            "time_malformed",
            "audience_mismatch",
            "type_mismatch",
            "claim_missing",
        ]
    );
    assert_eq!(Check::ORDER.len(), 7);
}

#[test]
fn a_violation_shows_both_sides_and_is_bounded() {
    let signer = key(Alg::HS256);
    let payload = format!(r#"{{"exp":1700000000,"iss":"{}","aud":"b"}}"#, "x".repeat(5000));
    let token = forge(HS256, &payload, signer);
    let verified =
        Unverified::parse(&token).unwrap().verify(&signer.verifying_key(), Alg::HS256.into()).unwrap();
    let rules = Rules::new().issuer("i").audiences(["a"]).leeway(Duration::from_secs(30));
    let all = rules.check(verified.claims(), verified.header(), NOW).unwrap_err();
    let texts: Vec<_> = all.iter().map(ToString::to_string).collect();
    assert!(
        texts[0].starts_with("`iss` does not match: expected `i`, presented `xxx") && texts[0].len() < 400
    );
    assert_eq!(texts[1], "expired 100000000 s ago, leeway 30 s");
    assert_eq!(texts[2], "`aud` does not match: expected `a`, presented `b`");
}
