//! Sets of keys (RFC 7517 §5): what could be used, what was left out and why.

use std::sync::Arc;

use super::error::KeyError;
use super::material::Jwk;
use super::parse::utf8;
use super::verify::VerifyingKey;
use crate::json::{self, Kind, Limits};
use crate::jwa::Alg;

/// More keys than this are not read: with no `kid` each would be a signature to check.
const LIMIT: usize = 256;

/// A set as it was read.
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    /// The keys that are sound, in order.
    pub keys: Vec<Jwk>,
    /// What was left out, and what else is worth knowing.
    pub notes: Vec<Note>,
}

/// Something about one member of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which member, counted from 0.
    pub index: usize,
    /// Its `kid`, if that could be read.
    pub kid: Option<Box<str>>,
    /// What it is.
    pub kind: NoteKind,
}

/// What there is to say about a member of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// It is not used, for this reason. RFC 7517 §5 wants unknown kinds skipped, not the set refused.
    Skipped(KeyError),
    /// It is used, but another has the same `kid`: verification tries both.
    DuplicateKid,
}

impl JwkSet {
    /// Reads a set of any keys, private and symmetric ones included: a file of one's own.
    ///
    /// # Errors
    /// Not strict JSON, no `keys`, or too many. What is wrong with one key only skips that key.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        Self::read(json, false)
    }

    /// Reads a set that is meant to be public: an issuer's JWKS. Private and symmetric members are skipped and noted.
    /// Whoever can read the set could sign with them.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_public(json: &[u8]) -> Result<Self, KeyError> {
        Self::read(json, true)
    }

    fn read(json: &[u8], public: bool) -> Result<Self, KeyError> {
        let text = utf8(json)?;
        let outer = json::scan(text, Limits::KEYS).map_err(KeyError::Json)?;
        if outer.kind != Kind::Object {
            return Err(KeyError::Shape { expected: "an object with `keys`", found: outer.kind });
        }
        let keys = outer.member(text, "keys").ok_or(KeyError::MemberMissing("keys"))?;
        if keys.kind != Kind::Array {
            return Err(KeyError::MemberType { name: "keys", expected: "an array", found: keys.kind });
        }
        let raw = keys.raw(text);
        let members = json::scan(raw, Limits::KEYS).map_err(KeyError::Json)?.entries;
        if members.len() > LIMIT {
            return Err(KeyError::TooManyKeys { found: members.len(), limit: LIMIT });
        }
        let mut set = Self::default();
        for (index, member) in members.iter().enumerate() {
            let raw = member.raw(raw);
            let outline = match json::scan(raw, Limits::KEY) {
                Ok(outline) => outline,
                Err(error) => {
                    set.skip(index, None, KeyError::Json(error));
                    continue;
                }
            };
            let kid =
                outline.member(raw, "kid").and_then(|kid| kid.string(raw)).map(|kid| super::error::cut(&kid));
            match Jwk::read(raw, &outline) {
                Ok(key) if public && key.to_public().is_none() => {
                    set.skip(index, kid, KeyError::SymmetricInPublicSet);
                }
                Ok(key) if public && key.is_private() => set.skip(index, kid, KeyError::PrivateInPublicSet),
                Ok(key) => set.take(index, kid, key),
                Err(error) => set.skip(index, kid, error),
            }
        }
        Ok(set)
    }

    fn take(&mut self, index: usize, kid: Option<Box<str>>, key: Jwk) {
        if key.kid().is_some() && self.keys.iter().any(|other| other.kid() == key.kid()) {
            self.notes.push(Note { index, kid, kind: NoteKind::DuplicateKid });
        }
        self.keys.push(key);
    }

    fn skip(&mut self, index: usize, kid: Option<Box<str>>, error: KeyError) {
        self.notes.push(Note { index, kid, kind: NoteKind::Skipped(error) });
    }

    /// Prepares the keys that verify signatures. Others (`use` `enc`, foreign `alg`) are left out and noted.
    pub fn verifying_keys(&self) -> (KeySet, Vec<Note>) {
        let mut notes = Vec::new();
        let mut keys = Vec::with_capacity(self.keys.len());
        for (index, key) in self.keys.iter().enumerate() {
            match key.verifying_key() {
                Ok(key) => keys.push(key),
                Err(error) => {
                    let kid = key.kid().map(Box::from);
                    notes.push(Note { index, kid, kind: NoteKind::Skipped(error) });
                }
            }
        }
        (KeySet::new(keys), notes)
    }

    /// The set as it may be published: public halves only; shared secrets are left out.
    pub fn to_public_json(&self) -> String {
        let keys = self.keys.iter().filter_map(Jwk::to_public);
        let keys: Vec<_> = keys.map(|key| serde_json::Value::Object(key.members())).collect();
        serde_json::json!({ "keys": keys }).to_string()
    }
}

impl FromIterator<Jwk> for JwkSet {
    fn from_iter<I: IntoIterator<Item = Jwk>>(keys: I) -> Self {
        Self { keys: keys.into_iter().collect(), notes: Vec::new() }
    }
}

/// Prepared keys of one issuer. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct KeySet(Arc<[VerifyingKey]>);

impl KeySet {
    /// These keys, in this order.
    pub fn new(keys: impl Into<Arc<[VerifyingKey]>>) -> Self {
        Self(keys.into())
    }

    /// The keys that could have signed a token with this header: of that `kid`, or of any where the token names none;
    /// and going with the algorithm. How many of them to try is the caller's to bound.
    pub fn candidates<'k>(
        &'k self,
        kid: Option<&'k str>,
        alg: Alg,
    ) -> impl Iterator<Item = &'k VerifyingKey> {
        self.0
            .iter()
            .filter(move |key| kid.is_none_or(|kid| key.kid() == Some(kid)) && key.accepts().contains(alg))
    }

    /// Whether there is a key of that id, whatever its algorithm.
    pub fn has(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid() == Some(kid))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.0.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
    const ED_PRIVATE: &str = r#","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A""#;

    #[test]
    fn one_bad_member_does_not_cost_the_others() {
        let json = format!(
            r#"{{"more":1,"keys":[{{"kty":"XX","kid":"a"}},7,{ED},"kid":"b"}},{ED}{ED_PRIVATE},"kid":"c"}},
            {{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}},
            {ED},"kid":"b","use":"enc"}},{ED},"kid":7}}]}}"#
        );
        let set = JwkSet::parse_public(json.as_bytes()).unwrap();
        assert_eq!(set.keys.iter().map(Jwk::kid).collect::<Vec<_>>(), [Some("b"), Some("b")]);
        let notes: Vec<_> = set
            .notes
            .iter()
            .map(|note| match &note.kind {
                NoteKind::Skipped(error) => (note.index, error.name()),
                NoteKind::DuplicateKid => (note.index, "duplicate"),
            })
            .collect();
        assert_eq!(
            notes,
            [
                (0, "key_type_unknown"),
                (1, "key_shape"),
                (3, "private_in_public_set"),
                (4, "symmetric_in_public_set"),
                (5, "duplicate"),
                (6, "key_member_type"),
            ]
        );
        let (keys, notes) = set.verifying_keys();
        assert_eq!((keys.len(), notes.len()), (1, 1));
        assert_eq!(keys.candidates(Some("b"), Alg::EdDSA).count(), 1);
        assert_eq!(keys.candidates(None, Alg::EdDSA).count(), 1);
        assert_eq!(keys.candidates(Some("b"), Alg::RS256).count(), 0);
        assert_eq!(keys.candidates(Some("B"), Alg::EdDSA).count(), 0);
        assert_eq!(JwkSet::parse(json.as_bytes()).unwrap().keys.len(), 4);
        assert!(!set.to_public_json().contains("\"d\""));
    }

    #[test]
    fn the_set_itself_is_strict() {
        for (json, want) in [
            ("[]".to_owned(), "key_shape"),
            ("{}".to_owned(), "key_member_missing"),
            (r#"{"keys":{}}"#.to_owned(), "key_member_type"),
            (r#"{"keys":[],"k\u0065ys":[]}"#.to_owned(), "json_duplicate_member"),
            (format!(r#"{{"keys":[{ED},"crv":"Ed25519"}}]}}"#), "json_duplicate_member"),
            (format!(r#"{{"keys":[{}7]}}"#, "7,".repeat(256)), "too_many_keys"),
            (format!(r#"{{"keys":[{}]}}"#, "[".repeat(50)), "json_depth"),
        ] {
            assert_eq!(JwkSet::parse(json.as_bytes()).expect_err(&json).name(), want, "{json}");
        }
    }
}
