//! A claims set (RFC 7519 §4): the decoded payload, checked once, read where it lies.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::time::Time;
use super::values::{self, Audience, Confirmation, Subject, Text};
use crate::json::{self, Entry, Kind, Limits, Outline};
use crate::jws::{ParseError, Part};
use crate::members;

/// The claims of a token. Cheap to clone; the payload is kept as it came and parsed where somebody asks.
#[derive(Clone)]
pub struct Claims(Arc<Payload>);

struct Payload {
    json: String,
    outline: Outline,
    exp: Time,
    nbf: Time,
    iat: Time,
}

impl Claims {
    /// Reads a decoded payload: a JSON object, strict at every level.
    ///
    /// # Errors
    /// Not UTF-8, not strict JSON, not an object.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, ParseError> {
        let json: String = members::text::<ParseError>(bytes, Part::Payload)?;
        let mut outline = members::object::<ParseError>(&json, Part::Payload, Limits::CLAIMS)?;
        // It may be kept for as long as the token lives.
        outline.entries.shrink_to_fit();
        let time =
            |name| outline.member(&json, name).map_or(Time::Missing, |e| Time::read(e.kind, e.raw(&json)));
        let (exp, nbf, iat) = (time("exp"), time("nbf"), time("iat"));
        Ok(Self(Arc::new(Payload { json, outline, exp, nbf, iat })))
    }

    /// `iss`: who issued the token.
    pub fn iss(&self) -> Text<'_> {
        self.string("iss")
    }

    /// `sub`: whom it is about.
    pub fn sub(&self) -> Subject<'_> {
        Subject::read(self.entry("sub"), self.json())
    }

    /// `aud`: whom it is meant for.
    pub fn aud(&self) -> Audience<'_> {
        self.audience("aud")
    }

    /// The audience from a claim of another name, for issuers that have no `aud` (`client_id`, `azp`, …).
    pub fn audience(&self, claim: &str) -> Audience<'_> {
        Audience::read(self.entry(claim), self.json())
    }

    /// `exp`: from when on it must not be accepted.
    pub fn exp(&self) -> Time {
        self.0.exp
    }

    /// `nbf`: before when it must not be accepted.
    pub fn nbf(&self) -> Time {
        self.0.nbf
    }

    /// `iat`: when it was issued.
    pub fn iat(&self) -> Time {
        self.0.iat
    }

    /// `jti`: the token's own id.
    pub fn jti(&self) -> Text<'_> {
        self.string("jti")
    }

    /// `azp`: the client it was issued to (OpenID Connect Core §2).
    pub fn azp(&self) -> Text<'_> {
        self.string("azp")
    }

    /// `client_id`: the client it was issued to (RFC 8693 §4.3, RFC 9068 §2.2).
    pub fn client_id(&self) -> Text<'_> {
        self.string("client_id")
    }

    /// What was granted: `scope` (words with spaces between, RFC 8693 §4.2), or `scp`, or either as a list.
    /// Empty when there is neither, or when they are anything else: what is not understood grants nothing.
    pub fn scopes(&self) -> Vec<Cow<'_, str>> {
        let Some(entry) = self.entry("scope").or_else(|| self.entry("scp")) else { return Vec::new() };
        match entry.kind {
            Kind::String => match entry.string(self.json()) {
                Some(Cow::Borrowed(text)) => {
                    text.split(' ').filter(|s| !s.is_empty()).map(Cow::Borrowed).collect()
                }
                Some(Cow::Owned(text)) => {
                    text.split(' ').filter(|s| !s.is_empty()).map(|s| Cow::Owned(s.to_owned())).collect()
                }
                None => Vec::new(),
            },
            Kind::Array => values::strings(entry, self.json()).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// `cnf`: the key that the token is bound to, if it is bound.
    pub fn cnf(&self) -> Option<Confirmation> {
        self.entry("cnf").map(|entry| Confirmation::read(entry, self.json()))
    }

    /// Whether a claim of that name is there, whatever its value; `null` counts as absent.
    pub fn has(&self, name: &str) -> bool {
        self.entry(name).is_some_and(|entry| entry.kind != Kind::Null)
    }

    /// The names of all claims, in the order of the token.
    pub fn names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.0.outline.entries.iter().map(|entry| entry.key(self.json()))
    }

    /// All claims with their JSON, in the order of the token.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
        self.0.outline.entries.iter().map(|entry| (entry.key(self.json()), entry.raw(self.json())))
    }

    /// A claim that should be a string.
    pub fn string(&self, name: &str) -> Text<'_> {
        Text::read(self.entry(name), self.json())
    }

    /// The claim at the end of `path`, one name per level: `&["realm_access", "roles"]`. Names are exact and may
    /// contain anything (`&["https://acme.example/roles"]`); they do not reach into lists.
    pub fn claim(&self, path: &[&str]) -> Option<Value> {
        // Sound JSON without duplicates and with numbers in range: what serde reads is what was checked.
        serde_json::from_str(self.claim_json(path)?).ok()
    }

    /// Like [`claim`](Self::claim), but the JSON as it stands in the token: for keys of caches that must not depend
    /// on how a value is read.
    pub fn claim_json(&self, path: &[&str]) -> Option<&str> {
        let (first, rest) = path.split_first()?;
        let mut raw = self.entry(first)?.raw(self.json());
        for name in rest {
            let outline =
                json::scan(raw, Limits::CLAIMS).ok().filter(|outline| outline.kind == Kind::Object)?;
            raw = outline.member(raw, name)?.raw(raw);
        }
        Some(raw)
    }

    /// The string at the end of `path`, if there is one.
    pub fn claim_str(&self, path: &[&str]) -> Option<Cow<'_, str>> {
        let (last, parents) = path.split_last()?;
        if parents.is_empty() {
            return self.string(last).text();
        }
        let raw = self.claim_json(parents)?;
        let outline = json::scan(raw, Limits::CLAIMS).ok().filter(|outline| outline.kind == Kind::Object)?;
        outline.member(raw, last)?.string(raw)
    }

    /// The whole claims set as it stands in the token.
    pub fn json(&self) -> &str {
        &self.0.json
    }

    /// Bytes that it occupies, its parts included: what a cache bounded in bytes has to count.
    pub fn weight(&self) -> usize {
        let counts = 2 * size_of::<usize>();
        size_of::<Self>()
            + counts
            + size_of::<Payload>()
            + self.0.json.capacity()
            + self.0.outline.entries.capacity() * size_of::<Entry>()
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.0.outline.member(&self.0.json, name)
    }
}

impl fmt::Debug for Claims {
    /// Names only: the values are somebody's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Claims {
        Claims::parse(json.as_bytes().to_vec()).expect(json)
    }

    #[test]
    fn a_subject_says_what_it_is() {
        for (json, want) in [
            ("{}", Subject::Missing),
            (r#"{"sub":""}"#, Subject::Empty),
            (r#"{"sub":" Ada"}"#, Subject::Is(" Ada".into())),
            (r#"{"sub":"\u0041da"}"#, Subject::Is("Ada".into())),
            (r#"{"sub":42.0}"#, Subject::Number("42.0")),
            (r#"{"sub":null}"#, Subject::Other(Kind::Null)),
            (r#"{"sub":["a"]}"#, Subject::Other(Kind::Array)),
            (r#"{"sub":{"id":1}}"#, Subject::Other(Kind::Object)),
        ] {
            assert_eq!(claims(json).sub(), want, "{json}");
        }
    }

    #[test]
    fn an_audience_is_a_string_or_strings() {
        assert_eq!(claims(r#"{"aud":"a"}"#).aud(), Audience::One("a".into()));
        assert!(claims(r#"{"aud":["a","b"]}"#).aud().contains("b"));
        assert_eq!(claims(r#"{"aud":[]}"#).aud(), Audience::Many(vec![]));
        assert_eq!(claims(r#"{"aud":["a",1]}"#).aud(), Audience::Malformed(Kind::Array));
        assert_eq!(claims(r#"{"aud":{"a":1}}"#).aud(), Audience::Malformed(Kind::Object));
        assert_eq!(claims("{}").aud(), Audience::Missing);
        assert!(!claims(r#"{"aud":"ab"}"#).aud().contains("a"));
    }

    #[test]
    fn paths_reach_into_objects_exactly() {
        let claims = claims(r#"{"realm_access":{"roles":["a","b"],"x":"y"},"https://a/b.c":"d","n":1}"#);
        assert_eq!(claims.claim(&["realm_access", "roles"]), Some(serde_json::json!(["a", "b"])));
        assert_eq!(claims.claim_str(&["realm_access", "x"]).as_deref(), Some("y"));
        assert_eq!(claims.claim_str(&["https://a/b.c"]).as_deref(), Some("d"));
        for path in [&[][..], &["realm_access", "roles", "0"], &["n", "x"], &["missing"], &["Realm_Access"]] {
            assert_eq!(claims.claim(path), None, "{path:?}");
        }
    }

    #[test]
    fn scopes_in_every_form_that_issuers_write() {
        for json in [
            r#"{"scope":"a b"}"#,
            r#"{"scp":"a  b "}"#,
            r#"{"scp":["a","b"]}"#,
            r#"{"scope":["a","b"]}"#,
            r#"{"scope":"\u0061 b"}"#,
        ] {
            assert_eq!(claims(json).scopes(), ["a", "b"], "{json}");
        }
        assert!(claims(r#"{"scope":{"a":1}}"#).scopes().is_empty());
        assert!(claims(r#"{"scp":["a",1]}"#).scopes().is_empty());
    }

    #[test]
    fn any_confirmation_binds() {
        assert_eq!(claims("{}").cnf(), None);
        let dpop = claims(r#"{"cnf":{"jkt":"abc"}}"#).cnf().unwrap();
        assert_eq!((dpop.jkt.as_deref(), dpop.other), (Some("abc"), false));
        for json in [r#"{"cnf":null}"#, r#"{"cnf":{}}"#, r#"{"cnf":{"jkt":1}}"#, r#"{"cnf":{"kid":"x"}}"#] {
            assert!(claims(json).cnf().unwrap().other, "{json}");
        }
    }

    #[test]
    fn weight_covers_the_payload() {
        let json = format!("{{\"a\":\"{}\"}}", "x".repeat(10_000));
        assert!((10_000..10_500).contains(&claims(&json).weight()));
    }
}
