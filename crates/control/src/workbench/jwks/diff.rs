//! What changed between two key sets: the question after every rotation.

use super::super::hidden::{Json, unseen};
use super::super::{At, KeyFacts, LeftOut, Problem};
use portcullis_jose::{Jwk, JwkSet};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Two key sets to compare.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DiffJwksRequest)]
pub struct Request {
    /// The earlier set: an object, or its text in a string.
    #[schema(value_type = Object)]
    pub before: Json,
    /// The later set.
    #[schema(value_type = Object)]
    pub after: Json,
}

/// What changed. Keys are the same if their material is the same, whatever they are called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = DiffJwksAnswer)]
pub struct Answer {
    /// Whether nothing changed.
    pub same: bool,
    /// Keys that are new.
    pub added: Vec<KeyFacts>,
    /// Keys that are gone: what they signed no longer verifies.
    pub removed: Vec<KeyFacts>,
    /// Other material under the same `kid`: readers that remember keys by it refuse good tokens.
    pub replaced: Vec<Replaced>,
    /// The same material, described in another way.
    pub changed: Vec<Changed>,
    /// How many stayed as they were.
    pub unchanged: usize,
    /// Members of the earlier set that are not used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out_before: Vec<LeftOut>,
    /// Members of the later set that are not used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out_after: Vec<LeftOut>,
}

/// Two keys of one `kid`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Replaced {
    /// The `kid`.
    pub kid: String,
    /// The earlier key.
    pub before: KeyFacts,
    /// The later key.
    pub after: KeyFacts,
}

/// One key that says something else about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Changed {
    /// Its thumbprint; none of a shared secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<String>,
    /// Its later `kid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// What it says.
    pub members: Vec<ChangedMember>,
}

/// A member that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ChangedMember {
    /// `kid`, `alg`, `use`, `key_ops` or `private`.
    pub member: String,
    /// What it was; `null` when it was not there.
    #[schema(value_type = Value)]
    pub before: Value,
    /// What it is; `null` when it is not there.
    #[schema(value_type = Value)]
    pub after: Value,
}

unseen!(Request);

/// Compares two key sets.
///
/// # Errors
/// One of them is no key set, or has more keys than are read.
pub fn run(request: &Request, at: &At) -> Result<Answer, Problem> {
    let (before, after) = (read(&request.before, "before", at)?, read(&request.after, "after", at)?);
    let mut answer = Answer {
        same: false,
        added: Vec::new(),
        removed: Vec::new(),
        replaced: Vec::new(),
        changed: Vec::new(),
        unchanged: 0,
        left_out_before: before.notes.iter().map(LeftOut::of).collect(),
        left_out_after: after.notes.iter().map(LeftOut::of).collect(),
    };
    let mut new: Vec<&Jwk> = after.keys.iter().collect();
    let mut gone: Vec<&Jwk> = Vec::new();
    for key in &before.keys {
        // Of several copies the one of the same name first.
        let same = |other: &&Jwk| other.thumbprint() == key.thumbprint();
        let found = new.iter().position(|other| same(other) && other.kid() == key.kid());
        match found.or_else(|| new.iter().position(same)) {
            Some(at) => answer.compare(key, new.remove(at)),
            None => gone.push(key),
        }
    }
    for key in gone {
        let found = key.kid().and_then(|kid| new.iter().position(|other| other.kid() == Some(kid)));
        match found {
            Some(at) => answer.replaced.push(Replaced {
                kid: key.kid().unwrap_or_default().to_owned(),
                before: KeyFacts::of(key),
                after: KeyFacts::of(new.remove(at)),
            }),
            None => answer.removed.push(KeyFacts::of(key)),
        }
    }
    answer.added = new.into_iter().map(KeyFacts::of).collect();
    answer.same = answer.added.is_empty()
        && answer.removed.is_empty()
        && answer.replaced.is_empty()
        && answer.changed.is_empty()
        && answer.left_out_before == answer.left_out_after;
    Ok(answer)
}

fn read(text: &Json, place: &str, at: &At) -> Result<JwkSet, Problem> {
    let next = "give a JWK set: a JSON object with `keys`, no member twice";
    let set = JwkSet::parse(text.expose().as_bytes()).map_err(|error| Problem::of(&error, place, next))?;
    if set.keys.len() > at.bounds.keys {
        let message = format!("{} keys in one set", set.keys.len());
        let next = "compare them on the command line: `portcullis jose jwks diff`";
        return Err(Problem::invalid("too_many_keys", place, message, next));
    }
    Ok(set)
}

impl Answer {
    fn compare(&mut self, before: &Jwk, after: &Jwk) {
        let (before, after) = (KeyFacts::of(before), KeyFacts::of(after));
        let (was, is) = (described(&before), described(&after));
        let members: Vec<_> = was
            .into_iter()
            .zip(is)
            .filter(|((_, was), (_, is))| was != is)
            .map(|((member, before), (_, after))| ChangedMember { member: member.to_owned(), before, after })
            .collect();
        if members.is_empty() {
            self.unchanged += 1;
        } else {
            self.changed.push(Changed { thumbprint: after.thumbprint, kid: after.kid, members });
        }
    }
}

fn described(facts: &KeyFacts) -> [(&'static str, Value); 5] {
    [
        ("kid", facts.kid.clone().into()),
        ("alg", facts.alg.clone().into()),
        ("use", facts.usage.clone().into()),
        ("key_ops", facts.key_ops.clone().into()),
        ("private", facts.private.into()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::super::at::tests::at;
    use super::*;
    use portcullis_jose::Alg;
    use portcullis_jose::jwk::{Curve, KeyKind};
    use serde_json::json;

    fn diff(before: &[&Jwk], after: &[&Jwk]) -> Answer {
        let set = |keys: &[&Jwk]| {
            let keys: Vec<_> = keys.iter().map(|key| key.to_public_json().unwrap()).collect();
            Json::from(format!("{{\"keys\":[{}]}}", keys.join(",")))
        };
        run(&Request { before: set(before), after: set(after) }, &at()).unwrap()
    }

    #[test]
    fn rotations_and_mistakes() {
        let key = |kid: &str| Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap().with_kid(kid);
        let (a, b, c) = (key("a"), key("b"), key("c"));
        let same = diff(&[&a, &b], &[&b, &a]);
        assert!(same.same && same.unchanged == 2);
        let rotated = diff(&[&a, &b], &[&b, &c]);
        assert_eq!(
            (rotated.added[0].kid.as_deref(), rotated.removed[0].kid.as_deref()),
            (Some("c"), Some("a"))
        );
        let reused = diff(&[&a], &[&b.clone().with_kid("a")]);
        assert_eq!((reused.replaced[0].kid.as_str(), reused.added.len(), reused.same), ("a", 0, false));
        let described = diff(&[&a], &[&a.clone().with_kid("z").with_alg(Alg::ES256).unwrap()]);
        let members: Vec<_> =
            described.changed[0].members.iter().map(|one| (one.member.as_str(), &one.after)).collect();
        assert_eq!(members, [("kid", &json!("z")), ("alg", &json!("ES256"))]);
        let wrong = Request { before: "{\"keys\":[]}".into(), after: "[]".into() };
        assert_eq!(run(&wrong, &at()).unwrap_err().place, "after");
    }
}
