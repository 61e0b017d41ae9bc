//! Key sets: each key by itself, and what they are to each other.

use super::super::hidden::{Json, unseen};
use super::super::keys::audit::{Exposure, is_sound};
use super::super::{At, KeyFacts, LeftOut, Problem};
use portcullis_jose::audit;
use portcullis_jose::{Finding, JwkSet};
use serde::{Deserialize, Serialize};

/// A key set to audit.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AuditJwksRequest)]
pub struct Request {
    /// The JWK set: an object, or its text in a string.
    #[schema(value_type = Object)]
    pub jwks: Json,
    /// Who can read it; `public`, if nothing is said.
    pub exposure: Option<Exposure>,
    /// The time to judge certificates by, in place of the server's: RFC 3339, or seconds since 1970.
    pub now: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AuditJwksAnswer)]
pub struct Answer {
    /// Whether nothing is broken or open to attack. Not a proof of strength.
    pub sound: bool,
    /// The keys that are sound enough to be used.
    pub keys: Vec<KeyFacts>,
    /// The members that are not used, and why.
    pub left_out: Vec<LeftOut>,
    /// What was found, in the order of the set; what is about several keys comes last.
    #[schema(value_type = Vec<super::super::Finding>)]
    pub findings: Vec<Finding>,
}

unseen!(Request);

/// Audits a key set.
///
/// # Errors
/// It has more keys than are read. That it is none is an answer.
pub fn run(request: &Request, at: &At) -> Result<Answer, Problem> {
    let now = at.judged(request.now.as_deref())?;
    let exposure = request.exposure.unwrap_or(Exposure::Public);
    of(request.jwks.expose(), exposure, now, at, "jwks")
}

/// The same for a text that is there already.
pub(in super::super) fn of(
    text: &str,
    exposure: Exposure,
    now: i64,
    at: &At,
    place: &str,
) -> Result<Answer, Problem> {
    let bytes = text.as_bytes();
    let set = match exposure {
        Exposure::Public => JwkSet::parse_public(bytes),
        Exposure::Private => JwkSet::parse(bytes),
    };
    let set = set.unwrap_or_default();
    let members = set.keys.len() + set.notes.len();
    if members > at.bounds.keys {
        let message = format!("{members} keys in one set");
        let next = "audit it on the command line: `portcullis jose jwks audit`";
        return Err(Problem::invalid("too_many_keys", place, message, next));
    }
    let findings = audit::set(bytes, exposure.into(), now);
    Ok(Answer {
        sound: is_sound(&findings),
        keys: set.keys.iter().map(KeyFacts::of).collect(),
        left_out: set.notes.iter().map(LeftOut::of).collect(),
        findings,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::at::tests::at;
    use super::*;
    use portcullis_jose::Jwk;
    use portcullis_jose::jwk::{Curve, KeyKind};

    fn audited(jwks: &str) -> Answer {
        run(&Request { jwks: jwks.into(), exposure: None, now: None }, &at()).unwrap()
    }

    #[test]
    fn sets_as_issuers_publish_them() {
        let key = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap().with_kid("k");
        let public = key.to_public_json().unwrap();
        let good = audited(&format!("{{\"keys\":[{public}]}}"));
        assert!(good.sound && good.keys[0].kid.as_deref() == Some("k"), "{good:?}");
        let private = audited(&format!("{{\"keys\":[{}]}}", *key.to_private_json()));
        assert!(!private.sound && private.keys.is_empty());
        assert_eq!(private.left_out[0].name, "private_in_public_set");
        let twice = audited(&format!("{{\"keys\":[{public},{public}]}}"));
        assert!(twice.findings.iter().any(|finding| finding.code == "kid_duplicate"));
        let none = audited("[]");
        assert!(!none.sound && none.findings[0].code == "key_shape");
        let many = vec![public; 200].join(",");
        let many = Request { jwks: format!("{{\"keys\":[{many}]}}").into(), exposure: None, now: None };
        assert_eq!(run(&many, &at()).unwrap_err().name, "too_many_keys");
    }
}
