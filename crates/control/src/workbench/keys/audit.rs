//! Weak keys: what parses and still should not be used, and what does not parse and why.

use super::super::given::{Entry, GivenKey, Material, read};
use super::super::hidden::unseen;
use super::super::{At, KeyFacts, Problem};
use portcullis_jose::audit;
use portcullis_jose::{Alg, Finding, FindingSubject, Jwk, Severity};
use serde::{Deserialize, Serialize};

/// Keys to audit.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AuditKeysRequest)]
pub struct Request {
    /// The keys, each by itself; a set as a whole with `jwks/audit`.
    pub keys: Vec<GivenKey>,
    /// Who can read them; `private`, if nothing is said.
    #[serde(default)]
    pub exposure: Exposure,
    /// The time to judge certificates by, in place of the server's: RFC 3339, or seconds since 1970.
    pub now: Option<String>,
}

/// Who can read what is audited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Exposure {
    /// Everybody: private and symmetric keys in it are stolen keys.
    Public,
    /// Its owner.
    #[default]
    Private,
}

/// What was found.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AuditKeysAnswer)]
pub struct Answer {
    /// Whether nothing is broken or open to attack. Not a proof of strength.
    pub sound: bool,
    /// What was found, key by key; `subject.key.index` counts the keys of the request.
    #[schema(value_type = Vec<super::super::Finding>)]
    pub findings: Vec<Finding>,
    /// What the keys are, as far as they could be read.
    pub keys: Vec<KeyFacts>,
}

unseen!(Request);

impl From<Exposure> for audit::Exposure {
    fn from(exposure: Exposure) -> Self {
        match exposure {
            Exposure::Public => Self::Public,
            Exposure::Private => Self::Private,
        }
    }
}

/// Whether nothing found is an error.
pub(in super::super) fn is_sound(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity != Severity::Error)
}

/// Audits keys.
///
/// # Errors
/// A key is given in no form, or its container cannot be opened. That a JWK is unsound is an answer.
pub fn run(request: &Request, at: &At) -> Result<Answer, Problem> {
    let now = at.judged(request.now.as_deref())?;
    let exposure = request.exposure.into();
    let (mut findings, mut facts) = (Vec::new(), Vec::new());
    let mut left = at.bounds;
    for (index, given) in request.keys.iter().enumerate() {
        if index >= at.bounds.keys {
            let message = format!("more than {} keys in one request", at.bounds.keys);
            return Err(Problem::invalid(
                "too_many_keys",
                format!("keys[{index}]"),
                message,
                "give fewer keys",
            ));
        }
        if let Some(set) = &given.jwks {
            let message = format!("a set of {} bytes is audited as a whole", set.expose().len());
            let place = format!("keys[{index}].jwks");
            return Err(Problem::invalid("key_form", place, message, "use `jwks/audit`"));
        }
        let found = match (&given.jwk, &given.pem, &given.der, &given.secret) {
            // As it was written: what does not parse is what is to be explained.
            (Some(jwk), None, None, None) => {
                let bytes = jwk.expose().as_bytes();
                facts.extend(Jwk::parse(bytes).ok().map(|key| KeyFacts::of(&key)));
                audit::key(bytes, exposure, now)
            }
            _ => {
                let at = At { bounds: left, ..at.clone() };
                let keys = read("keys", std::slice::from_ref(given), &at, now)
                    .map_err(|problem| elsewhere(problem, index))?;
                left.passwords = left.passwords.saturating_sub(usize::from(given.password.is_some()));
                facts.extend(keys.entries.iter().filter_map(|entry| Some(KeyFacts::of(&entry.jwk().ok()?))));
                keys.entries.iter().flat_map(|entry| of(entry, exposure, now)).collect()
            }
        };
        findings.extend(found.into_iter().map(|finding| under(finding, index, given.kid.as_deref())));
    }
    Ok(Answer { sound: is_sound(&findings), findings, keys: facts })
}

fn of(entry: &Entry, exposure: audit::Exposure, now: i64) -> Vec<Finding> {
    match &entry.material {
        Material::Secret { bytes, alg, .. } => {
            audit::secret(bytes, alg.as_deref().and_then(|alg| alg.parse::<Alg>().ok()))
        }
        Material::Key(key) => audit::key(key.to_private_json().as_bytes(), exposure, now)
            .into_iter()
            // What PEM and DER cannot say is not held against them.
            .filter(|finding| !finding.code.ends_with("_unstated"))
            .collect(),
    }
}

/// The same finding, about one key of several.
fn under(mut finding: Finding, index: usize, kid: Option<&str>) -> Finding {
    if finding.subject == FindingSubject::Input {
        finding.subject = FindingSubject::Key { index, kid: kid.map(str::to_owned) };
    }
    finding
}

fn elsewhere(problem: Problem, index: usize) -> Problem {
    let place = problem.place.replacen("keys[0]", &format!("keys[{index}]"), 1);
    Problem { place, ..problem }
}

#[cfg(test)]
mod tests {
    use super::super::super::at::tests::at;
    use super::*;
    use portcullis_jose::jwk::{Curve, KeyKind};
    use serde_json::{Value, json};

    fn audited(json: Value) -> Result<Answer, Problem> {
        run(&serde_json::from_value(json).unwrap(), &at())
    }

    fn codes(answer: &Answer) -> Vec<&str> {
        answer.findings.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn weak_keys_are_found_in_every_form() {
        let good = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
        let pem = good.to_private_pem().unwrap();
        let answer = audited(json!({ "keys": [{ "pem": *pem }] })).unwrap();
        assert!(answer.sound && answer.findings.is_empty() && answer.keys.len() == 1, "{answer:?}");
        let public = audited(json!({ "keys": [{ "pem": *pem }], "exposure": "public" })).unwrap();
        assert_eq!((public.sound, codes(&public)), (false, vec!["private_in_public_set"]));
        let known =
            audited(json!({ "keys": [{ "secret": "your-256-bit-secret", "alg": "HS256" }] })).unwrap();
        assert!(
            !known.sound && codes(&known).iter().any(|code| code.contains("known")),
            "{:?}",
            codes(&known)
        );
        let broken = audited(json!({ "keys": [{ "pem": *pem }, { "jwk": { "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" } }] })).unwrap();
        assert_eq!((broken.sound, broken.keys.len()), (false, 1));
        assert_eq!(broken.findings[0].subject, FindingSubject::Key { index: 1, kid: None });
        assert_eq!(audited(json!({ "keys": [{ "jwks": { "keys": [] } }] })).unwrap_err().name, "key_form");
        let unreadable = audited(json!({ "keys": [{ "pem": *pem }, { "pem": "x" }] })).unwrap_err();
        assert_eq!((unreadable.name, unreadable.place.as_str()), ("pem_missing", "keys[1]"));
        let text = serde_json::to_string(&known).unwrap();
        assert!(!text.contains("your-256-bit-secret"), "{text}");
    }
}
