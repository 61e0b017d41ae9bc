//! Issuers: one source of keys each, algorithms that go with it, and an audience unless there is none.

use super::models::egress;
use super::{Subject, positive, urls};
use crate::nearest;
use crate::place::Path;
use crate::shape::shown;
use crate::tree::Findings;
use portcullis_model::Issuer;
use portcullis_model::issuer::{
    MachineTest, Normalisation, SubjectRule, TenantRule, UnknownUser, unfit_to_identify,
};
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// Signature algorithms (`alg`) that can be accepted.
pub const ALGORITHMS: &[&str] = &[
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "ES256K",
    "EdDSA",
    "Ed25519",
    "Ed448",
    "ML-DSA-44",
    "ML-DSA-65",
    "ML-DSA-87",
    "HS256",
    "HS384",
    "HS512",
];

/// Ways to deliver a content key (`alg` of an encrypted token) that can be accepted.
const KEY_MANAGEMENT: [&str; 15] = [
    "RSA-OAEP",
    "RSA-OAEP-256",
    "RSA-OAEP-384",
    "RSA-OAEP-512",
    "ECDH-ES",
    "ECDH-ES+A128KW",
    "ECDH-ES+A192KW",
    "ECDH-ES+A256KW",
    "dir",
    "A128KW",
    "A192KW",
    "A256KW",
    "A128GCMKW",
    "A192GCMKW",
    "A256GCMKW",
];

/// Products with defaults of their own.
pub const ISSUER_PRESETS: &[&str] = &["keycloak", "auth0", "okta", "cognito", "entra"];

/// The `iss` of the built-in issuer.
const LOCAL: &str = "portcullis:local";

/// What a subject can be looked up as.
const ATTRIBUTES: [&str; 4] = ["identity", "id", "external_id", "username"];

/// What a new user can be given from claims, `attributes.<name>` aside.
const CREATED: [&str; 6] = ["external_id", "username", "email", "email_verified", "display_name", "roles"];

pub fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let mut seen: BTreeMap<&str, &Issuer> = BTreeMap::new();
    for (at, issuer) in subject.each("issuers", &subject.config.issuers, &subject.index.issuers) {
        if let Some(other) = seen.insert(&issuer.issuer, issuer) {
            let message =
                format!("issuer `{}` has the same `issuer`: `{}`", other.name, shown(&issuer.issuer));
            findings.value(
                at.key("issuer"),
                message,
                Some("a token is believed by its `iss`; one entry per `iss`"),
            );
        }
        if let Some(preset) = issuer.preset.as_deref().filter(|preset| !ISSUER_PRESETS.contains(preset)) {
            choice("preset", preset, ISSUER_PRESETS, at.key("preset"), findings);
        }
        keys(issuer, &at, findings);
        template(issuer, &at, findings);
        algorithms(issuer, &at.key("algorithms"), findings);
        decryption_keys(issuer, &at.key("decryption_keys"), findings);
        audiences(issuer, &at, findings);
        if issuer.leeway.0 > Duration::from_secs(300) {
            let message = format!("`leeway` is at most `5m`, not `{}`", issuer.leeway);
            findings.value(
                at.key("leeway"),
                message,
                Some("clocks that differ by more are set right, not allowed for"),
            );
        }
        if let Some(age) = issuer.max_age {
            positive(age, at.key("max_age"), findings);
        }
        subject_rule(&issuer.subject, &at.key("subject"), findings);
        for (i, rule) in issuer.machine.iter().enumerate() {
            let empty = rule.claim.is_empty()
                || match &rule.test {
                    MachineTest::Equals(text) | MachineTest::Prefix(text) | MachineTest::Same(text) => {
                        text.is_empty()
                    }
                    MachineTest::Present(_) => false,
                };
            if empty {
                findings.value(
                    at.key("machine").index(i),
                    "a machine rule compares a claim with a text; one of them is empty",
                    None,
                );
            }
        }
        egress(&issuer.http, &at.key("http"), findings);
    }
}

/// `value` is none of the known ones.
fn choice(key: &str, value: &str, known: &[&str], at: Path, findings: &mut Findings) {
    let all = known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let help = nearest(value, known.iter().copied())
        .map_or_else(|| format!("known: {all}"), |meant| format!("did you mean `{meant}`?"));
    findings.value(at, format!("`{key}` cannot be `{}`", shown(value)), Some(&help));
}

/// Keys come from exactly one place.
fn keys(issuer: &Issuer, at: &Path, findings: &mut Findings) {
    let given: Vec<&str> = [
        ("jwks_url", issuer.jwks_url.is_some()),
        ("jwks_file", issuer.jwks_file.is_some()),
        ("public_key_file", issuer.public_key_file.is_some()),
        ("secret", issuer.secret.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, given)| given.then_some(key))
    .collect();
    if let [_, second, ..] = given.as_slice() {
        let all = given.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        findings.key(
            at.key(second),
            format!("keys come from one place, not from {all}"),
            Some("keep one of them".to_owned()),
        );
    }
    if let Some(url) = &issuer.jwks_url {
        urls::trusted(url, &at.key("jwks_url"), findings);
    }
    let at = at.key("issuer");
    if issuer.issuer == LOCAL {
        findings.value(
            at,
            format!("`{LOCAL}` is the built-in issuer"),
            Some("it is there without being configured"),
        );
    } else if issuer.issuer.is_empty() {
        findings.value(at, "`issuer` is empty", Some("give the exact `iss` of its tokens"));
    } else if given.is_empty() {
        // Braces cannot be in a host, so a template is looked at with a word in their place.
        match Url::parse(&issuer.issuer.replace(['{', '}'], "x")) {
            Ok(url) => urls::trusted(&url, &at, findings),
            Err(_) => findings.value(
                at,
                format!(
                    "keys are found by discovery, for which `issuer` must be a URL, not `{}`",
                    shown(&issuer.issuer)
                ),
                Some("give a URL, or one of `jwks_url`, `jwks_file`, `public_key_file` and `secret`"),
            ),
        }
    }
}

/// `{claim}` in `issuer` is filled from the token, and only with values that the tenant map has.
fn template(issuer: &Issuer, at: &Path, findings: &mut Findings) {
    if let TenantRule::Mapped(rule) = &issuer.tenant {
        if rule.map.is_empty() {
            findings.value(
                at.key("tenant").key("map"),
                "the map is empty: no token could be accepted",
                Some("write the claim's values and the tenant of each"),
            );
        }
        if rule.claim.is_empty() {
            findings.value(at.key("tenant").key("claim"), "`claim` is empty", None);
        }
    }
    let text = issuer.issuer.as_str();
    if !text.contains(['{', '}']) {
        return;
    }
    let claim = text
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(claim, rest)| (claim, rest.contains(['{', '}'])));
    let at_issuer = at.key("issuer");
    match (claim, &issuer.tenant) {
        (None | Some(("" | _, true)) | Some(("", _)), _) => {
            findings.value(
                at_issuer,
                format!("`issuer` has one `{{claim}}` in braces at most, not `{}`", shown(text)),
                None,
            );
        }
        (Some((claim, _)), TenantRule::Named(_)) => {
            let help = format!(
                "write `tenant = {{ claim = \"{claim}\", map = {{ \"<value>\" = \"<tenant>\" }} }}`: only values in the map are accepted"
            );
            findings.value(
                at_issuer,
                format!("`{{{}}}` in `issuer` needs a tenant map", shown(claim)),
                Some(&help),
            );
        }
        (Some((claim, _)), TenantRule::Mapped(rule)) if rule.claim != claim => {
            let message = format!(
                "`issuer` is filled from claim `{}`, and the tenant map is by claim `{}`",
                shown(claim),
                shown(&rule.claim)
            );
            findings.value(
                at_issuer,
                message,
                Some("both must be the same claim: the map says which values are accepted"),
            );
        }
        _ => {}
    }
}

fn algorithms(issuer: &Issuer, at: &Path, findings: &mut Findings) {
    for (i, name) in issuer.algorithms.iter().enumerate() {
        let here = at.index(i);
        if name.eq_ignore_ascii_case("none") {
            findings.value(
                here,
                "`none` is never accepted: such tokens are not signed, and anybody can write one",
                Some("name the algorithms that the issuer signs with"),
            );
        } else if !ALGORITHMS.contains(&name.as_str()) {
            let help = match nearest(name, ALGORITHMS.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known: {}", ALGORITHMS.join(", ")),
            };
            findings.value(here, format!("there is no signature algorithm `{}`", shown(name)), Some(&help));
        } else if name.starts_with("HS") && issuer.secret.is_none() {
            let help = "with it, whoever has the public key could sign; give a `secret`, or name the issuer's own algorithms";
            findings.value(
                here,
                format!("`{name}` needs a `secret`, and this issuer has public keys"),
                Some(help),
            );
        } else if !name.starts_with("HS") && issuer.secret.is_some() {
            findings.value(
                here,
                format!("`{name}` needs public keys, and this issuer has a `secret`"),
                Some("with a secret there are `HS256`, `HS384` and `HS512`"),
            );
        }
    }
}

fn decryption_keys(issuer: &Issuer, at: &Path, findings: &mut Findings) {
    let keys = &issuer.decryption_keys;
    for (i, own) in keys.iter().enumerate() {
        let here = at.index(i);
        if let Some(kid) = &own.kid {
            if kid.is_empty() {
                findings.value(here.key("kid"), "`kid` is empty", Some("leave it out"));
            } else if keys[..i].iter().any(|other| other.kid.as_ref() == Some(kid)) {
                findings.value(
                    here.key("kid"),
                    format!("another key has the `kid` `{}`", shown(kid)),
                    Some("give each key its own, so that a token names one"),
                );
            }
        }
        let Some(name) = own.algorithm.as_deref() else { continue };
        let here = here.key("algorithm");
        if name == "RSA1_5" {
            let help = "its padding can be asked about until it has told the content; use `RSA-OAEP-256`";
            findings.value(here, "`RSA1_5` is never accepted at the gateway", Some(help));
        } else if name.starts_with("PBES2-") {
            let help = "a password costs whoever opens the token as much as the token asks for; use a key";
            findings.value(here, format!("`{}` is never accepted at the gateway", shown(name)), Some(help));
        } else if !KEY_MANAGEMENT.contains(&name) {
            let help = match nearest(name, KEY_MANAGEMENT) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known: {}", KEY_MANAGEMENT.join(", ")),
            };
            let message = format!("there is no key management algorithm `{}`", shown(name));
            findings.value(here, message, Some(&help));
        }
    }
}

fn audiences(issuer: &Issuer, at: &Path, findings: &mut Findings) {
    let none = issuer.audience_claim.as_deref() == Some("none");
    if none && !issuer.audiences.is_empty() {
        let message = "`audiences` has no effect with `audience_claim = \"none\"`";
        findings.value(at.key("audiences"), message, Some("take one of the two out"));
    } else if !none && issuer.audiences.is_empty() {
        findings.key(
            at.clone(),
            format!("`audiences` is missing: tokens of `{}` that are meant for others would be accepted", issuer.name),
            Some("name the audiences of this gateway; only for an issuer whose tokens have none, set `audience_claim = \"none\"`".to_owned()),
        );
    }
    for (i, _) in issuer.audiences.iter().enumerate().filter(|(_, audience)| audience.trim().is_empty()) {
        findings.value(at.key("audiences").index(i), "an audience is empty", None);
    }
    if issuer.audience_claim.as_deref() == Some("") {
        findings.value(at.key("audience_claim"), "`audience_claim` is empty", Some("leave it out for `aud`"));
    }
    for (i, _) in issuer.required_claims.iter().enumerate().filter(|(_, claim)| claim.is_empty()) {
        findings.value(at.key("required_claims").index(i), "a required claim is empty", None);
    }
}

fn subject_rule(rule: &SubjectRule, at: &Path, findings: &mut Findings) {
    if rule.claim.is_empty() {
        findings.value(at.key("claim"), "`claim` is empty", Some("leave it out for `sub`"));
    }
    let attribute = rule.attribute.as_str();
    if matches!(attribute, "email" | "mail" | "e-mail") {
        let help = "an address can be given to somebody else; use `external_id`, `username` or an attribute of your own, as `attributes.<name>`";
        findings.value(at.key("attribute"), "a user is not identified by an e-mail address", Some(help));
    } else if !ATTRIBUTES.contains(&attribute)
        && attribute.strip_prefix("attributes.").is_none_or(str::is_empty)
    {
        choice(
            "attribute",
            attribute,
            &["identity", "id", "external_id", "username", "attributes.<name>"],
            at.key("attribute"),
            findings,
        );
    }
    for (i, step) in rule.normalise.iter().enumerate() {
        if matches!(step, Normalisation::StripPrefix(text) | Normalisation::StripSuffix(text) if text.is_empty())
        {
            findings.value(at.key("normalise").index(i), "what is to be dropped is empty", None);
        }
    }
    fallback(rule, at, findings);
    if rule.unknown == UnknownUser::Reject && !rule.create.is_empty() {
        findings.value(
            at.key("create"),
            "`create` has no effect with `unknown = \"reject\"`",
            Some("set `unknown` to `create` or `pending`"),
        );
    }
    if rule.unknown != UnknownUser::Reject && attribute == "id" {
        findings.value(
            at.key("unknown"),
            "a user with a given id cannot be made: ids are ours",
            Some("use `attribute = \"identity\"` or `\"external_id\"`"),
        );
    }
    for (key, claim) in &rule.create {
        if !CREATED.contains(&key.as_str()) && key.strip_prefix("attributes.").is_none_or(str::is_empty) {
            choice(
                "create",
                key,
                &[
                    "external_id",
                    "username",
                    "email",
                    "email_verified",
                    "display_name",
                    "roles",
                    "attributes.<name>",
                ],
                at.key("create").key(key),
                findings,
            );
        } else if claim.is_empty() {
            findings.value(
                at.key("create").key(key),
                format!("the claim for `{}` is empty", shown(key)),
                None,
            );
        }
    }
}

fn fallback(rule: &SubjectRule, at: &Path, findings: &mut Findings) {
    for (i, claim) in rule.fallback.iter().enumerate() {
        let at = at.key("fallback").index(i);
        if claim.is_empty() {
            findings.value(at, "a claim to fall back to is empty", Some("name it, as `oid`, or take it out"));
        } else if let Some(why) = unfit_to_identify(claim) {
            let help = "fall back to a claim that the issuer writes itself and never gives to another: `oid`, `uid`, an id of yours";
            findings.value(at, format!("`{}` is {why}: it identifies nobody", shown(claim)), Some(help));
        } else if rule.fallback[..i].contains(claim)
            || (*claim == rule.claim && matches!(rule.attribute.as_str(), "identity" | "id"))
        {
            let message = format!("`{}` is asked about before", shown(claim));
            findings.value(at, message, Some("take it out"));
        }
    }
    if rule.fallback.len() > SubjectRule::MOST_FALLBACKS {
        let message = format!("at most {} claims are fallen back to", SubjectRule::MOST_FALLBACKS);
        findings.value(at.key("fallback"), message, Some("leave those out that no user is linked by"));
    }
}
