//! The protected header of a JWS (RFC 7515 §4): read strictly, and only what has a meaning here.

use std::borrow::Cow;

use super::error::{ParseError, Part};
use crate::json::{self, Entry, Kind, Limits};
use crate::jwa::{Alg, AlgError};
use crate::members::{self, NAMED, Seen, parameter};

/// The longest `kid` that is looked at, in bytes. Real ones are thumbprints, UUIDs, at worst key ARNs.
pub const KID_LIMIT: usize = 512;

/// What `alg` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlgName {
    /// One that can be used, if the caller allows it.
    Known(Alg),
    /// `none` or nothing we know.
    Unusable(AlgError),
}

/// Header parameters that point to keys. They are never followed; that they were there is worth recording, because
/// an honest issuer seldom sends them and an attacker often does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the parameters of RFC 7515 §4.1.2, 4.1.3, 4.1.5, 4.1.6")]
pub struct Pointers {
    pub jku: bool,
    pub jwk: bool,
    pub x5u: bool,
    pub x5c: bool,
}

impl Pointers {
    /// Whether there is none of them.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Notes the parameter of that name, if it points to keys.
    pub(crate) fn note(&mut self, name: &str) {
        match name {
            "jku" => self.jku = true,
            "jwk" => self.jwk = true,
            "x5u" => self.x5u = true,
            "x5c" => self.x5c = true,
            _ => {}
        }
    }

    /// Their names, for a record.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [("jku", self.jku), ("jwk", self.jwk), ("x5u", self.x5u), ("x5c", self.x5c)]
            .into_iter()
            .filter_map(|(name, there)| there.then_some(name))
    }
}

/// A header whose shape is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    alg: AlgName,
    kid: Option<Box<str>>,
    typ: Option<Box<str>>,
    cty: Option<Box<str>>,
    pointers: Pointers,
}

impl Header {
    /// Reads a decoded header.
    ///
    /// # Errors
    /// Anything that is not a strict JSON object with parameters of their right types; any `crit`; any `b64`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let text = members::str(bytes, Part::Header)?;
        let outline = members::object(text, Part::Header, Limits::HEADER)?;
        let mut draft = Draft::default();
        draft.take(text, &outline)?;
        if draft.b64.is_some() {
            return Err(ParseError::UnencodedPayload);
        }
        if let Some(entry) = draft.crit {
            critical(&entry, text, &outline, &[])?;
        }
        draft.finish()
    }

    /// Reads the headers of one signature in a JSON serialisation: a protected and an unprotected one. No parameter may
    /// stand in both. Says too whether the payload is encoded, which it need not be where the caller knows `b64`.
    pub(super) fn joint(sources: &[Source<'_>], unencoded: bool) -> Result<(Self, bool), ParseError> {
        let mut draft = Draft::default();
        let mut seen = Seen::default();
        let mut encoded = true;
        for &Source { text, protected } in sources {
            let part = if protected { Part::Header } else { Part::Unprotected };
            let outline = members::object(text, part, Limits::HEADER)?;
            for entry in &outline.entries {
                let key = entry.key(text);
                let critical = ["b64", "crit"].into_iter().find(|name| key == *name);
                seen.once(key)?;
                if let (false, Some(name)) = (protected, critical) {
                    return Err(ParseError::Unprotected(name));
                }
            }
            draft.take(text, &outline)?;
            if !protected {
                continue;
            }
            if let Some(entry) = draft.b64 {
                if !unencoded {
                    return Err(ParseError::UnencodedPayload);
                }
                // RFC 7797 §6: a reader that does not know it must not misread the payload, so it is critical.
                let critical = draft.crit.is_some();
                encoded = match entry.raw(text) {
                    "true" if critical => true,
                    "false" if critical => false,
                    _ => return Err(ParseError::UnencodedMalformed),
                };
            }
            if let Some(entry) = draft.crit {
                critical(&entry, text, &outline, if unencoded { &["b64"] } else { &[] })?;
            }
        }
        let header = draft.finish()?;
        if !encoded && header.typ().is_some_and(is_jwt) {
            return Err(ParseError::UnencodedPayload);
        }
        Ok((header, encoded))
    }

    /// The algorithm that the token claims.
    ///
    /// # Errors
    /// `none`, or a name that means nothing here.
    pub fn alg(&self) -> Result<Alg, AlgError> {
        match &self.alg {
            AlgName::Known(alg) => Ok(*alg),
            AlgName::Unusable(error) => Err(error.clone()),
        }
    }

    /// What `alg` says, borrowed.
    pub fn alg_name(&self) -> &AlgName {
        &self.alg
    }

    /// The key id that the token claims; at most [`KID_LIMIT`] bytes of anything, so no path and no SQL to be trusted.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The media type of the token, as written.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The media type of the payload, as written.
    pub fn cty(&self) -> Option<&str> {
        self.cty.as_deref()
    }

    /// Which key pointers were there and ignored.
    pub fn pointers(&self) -> Pointers {
        self.pointers
    }

    /// Bytes that it occupies.
    pub(crate) fn weight(&self) -> usize {
        let text = |part: &Option<Box<str>>| part.as_ref().map_or(0, |text| text.len());
        size_of::<Self>() + text(&self.kid) + text(&self.typ) + text(&self.cty)
    }
}

/// One of the headers of a signature, as JSON text.
#[derive(Clone, Copy)]
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
    pub(super) protected: bool,
}

/// What has been read of a header so far.
#[derive(Default)]
struct Draft<'t> {
    alg: Option<Cow<'t, str>>,
    kid: Option<Cow<'t, str>>,
    typ: Option<Cow<'t, str>>,
    cty: Option<Cow<'t, str>>,
    pointers: Pointers,
    crit: Option<Entry>,
    b64: Option<Entry>,
}

impl<'t> Draft<'t> {
    fn take(&mut self, text: &'t str, outline: &json::Outline) -> Result<(), ParseError> {
        for entry in &outline.entries {
            match &*entry.key(text) {
                "alg" => self.alg = Some(parameter(entry, text, "alg")?),
                "kid" => self.kid = Some(parameter(entry, text, "kid")?),
                "typ" => self.typ = Some(parameter(entry, text, "typ")?),
                "cty" => self.cty = Some(parameter(entry, text, "cty")?),
                "crit" => self.crit = Some(*entry),
                "b64" => self.b64 = Some(*entry),
                other => self.pointers.note(other),
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Header, ParseError> {
        let alg = self.alg.ok_or(ParseError::AlgMissing)?;
        if let Some(len) = self.kid.as_ref().map(|kid| kid.len()).filter(|len| *len > KID_LIMIT) {
            return Err(ParseError::KidTooLong { len });
        }
        Ok(Header {
            alg: alg.parse().map_or_else(AlgName::Unusable, AlgName::Known),
            kid: self.kid.map(Box::from),
            typ: self.typ.map(Box::from),
            cty: self.cty.map(Box::from),
            pointers: self.pointers,
        })
    }
}

/// Whether a `typ` says that it is some kind of JWT.
pub(crate) fn is_jwt(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    typ == "jwt" || typ == "application/jwt" || typ.ends_with("+jwt")
}

/// Whether a `crit` is sound and demands nothing but what is understood. In a JWT that is nothing at all: RFC 7797's
/// `b64` is excluded there.
pub(crate) fn critical(
    entry: &Entry,
    text: &str,
    header: &json::Outline,
    understood: &[&str],
) -> Result<(), ParseError> {
    if entry.kind != Kind::Array {
        return Err(ParseError::ParameterType { name: "crit", expected: "an array", found: entry.kind });
    }
    let raw = entry.raw(text);
    let Ok(list) = json::scan(raw, Limits::HEADER) else { return Err(ParseError::CritMalformed) };
    let mut names = Vec::with_capacity(list.entries.len());
    for element in &list.entries {
        match element.string(raw) {
            Some(name) if !names.contains(&name) => names.push(name),
            _ => return Err(ParseError::CritMalformed),
        }
    }
    if names.is_empty() {
        return Err(ParseError::CritMalformed);
    }
    // RFC 7515 §4.1.11: not empty, no registered parameter, nothing that is not in the header.
    let registered = |name: &str| REGISTERED.contains(&name);
    if names.iter().any(|name| registered(name) || header.member(text, name).is_none()) {
        return Err(ParseError::CritMalformed);
    }
    match names.iter().find(|name| !understood.contains(&&***name)) {
        Some(name) => Err(ParseError::CritUnknown(name.chars().take(NAMED).collect())),
        None => Ok(()),
    }
}

/// Parameters of RFC 7515 itself, which `crit` must not name.
const REGISTERED: [&str; 11] =
    ["alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{JsonError, JsonErrorKind};

    fn refusal(text: &str) -> ParseError {
        Header::parse(text.as_bytes()).expect_err(text)
    }

    #[test]
    fn what_has_a_meaning_is_read() {
        let header = Header::parse(
            br#"{"typ":"at+jwt","alg":"RS256","kid":"k\u00e9y","jku":"https://x","jwk":{"kty":"oct"},"x5c":[],"z":1}"#,
        )
        .unwrap();
        assert_eq!(header.alg(), Ok(Alg::RS256));
        assert_eq!((header.kid(), header.typ(), header.cty()), (Some("kéy"), Some("at+jwt"), None));
        assert_eq!(header.pointers().names().collect::<Vec<_>>(), ["jku", "jwk", "x5c"]);
        assert_eq!(Header::parse(br#"{"alg":"none"}"#).unwrap().alg(), Err(AlgError::None));
    }

    #[test]
    fn shape_faults_have_names() {
        for (text, want) in [
            ("[]", "json_not_an_object"),
            ("{}", "alg_missing"),
            (r#"{"alg":1}"#, "header_parameter_type"),
            (r#"{"alg":null}"#, "header_parameter_type"),
            (r#"{"alg":"RS256","kid":7}"#, "header_parameter_type"),
            (r#"{"alg":"RS256","typ":["JWT"]}"#, "header_parameter_type"),
            (r#"{"alg":"RS256","\u0061lg":"none"}"#, "json_duplicate_member"),
            (r#"{"alg":"RS256","b64":false,"crit":["b64"]}"#, "payload_unencoded"),
            (r#"{"alg":"RS256","b64":true}"#, "payload_unencoded"),
            (r#"{"alg":"RS256","crit":["exp"],"exp":1}"#, "crit_unknown"),
            (r#"{"alg":"RS256","crit":["exp"]}"#, "crit_malformed"),
            (r#"{"alg":"RS256","crit":[]}"#, "crit_malformed"),
            (r#"{"alg":"RS256","crit":["alg"]}"#, "crit_malformed"),
            (r#"{"alg":"RS256","crit":["x","x"],"x":1}"#, "crit_malformed"),
            (r#"{"alg":"RS256","crit":[1]}"#, "crit_malformed"),
            (r#"{"alg":"RS256","crit":"x","x":1}"#, "header_parameter_type"),
        ] {
            assert_eq!(refusal(text).name(), want, "{text}");
        }
        let long = format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(KID_LIMIT + 1));
        assert_eq!(refusal(&long), ParseError::KidTooLong { len: KID_LIMIT + 1 });
        assert!(matches!(
            Header::parse(b"{\"alg\":\"\xff\"}"),
            Err(ParseError::Json { error: JsonError { kind: JsonErrorKind::Utf8, at: 8 }, .. })
        ));
    }
}
