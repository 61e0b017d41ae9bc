//! What a registered claim can turn out to be. Absent, empty and of the wrong type are different answers, because
//! each has another cause.

use std::borrow::Cow;

use crate::json::{self, Entry, Kind, Limits};

/// A claim that should be a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text<'c> {
    /// The claim is not there.
    Missing,
    /// A string, perhaps empty. Borrowed unless it is written with escapes.
    Is(Cow<'c, str>),
    /// Something else.
    Other(Kind),
}

impl<'c> Text<'c> {
    pub(super) fn read(entry: Option<&Entry>, text: &'c str) -> Self {
        let Some(entry) = entry else { return Text::Missing };
        entry.string(text).map_or(Text::Other(entry.kind), Text::Is)
    }

    /// The string, if it is one.
    pub fn text(self) -> Option<Cow<'c, str>> {
        if let Text::Is(text) = self { Some(text) } else { None }
    }
}

/// `sub`: whom the token is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject<'c> {
    /// The claim is not there.
    Missing,
    /// A string without characters.
    Empty,
    /// A string, exactly as its bytes are; nothing is trimmed or folded.
    Is(Cow<'c, str>),
    /// A number as written, which RFC 7519 §4.1.2 does not allow and some issuers send.
    Number(&'c str),
    /// Something else.
    Other(Kind),
}

impl<'c> Subject<'c> {
    pub(super) fn read(entry: Option<&Entry>, text: &'c str) -> Self {
        match (entry, Text::read(entry, text)) {
            (_, Text::Missing) => Subject::Missing,
            (_, Text::Is(sub)) if sub.is_empty() => Subject::Empty,
            (_, Text::Is(sub)) => Subject::Is(sub),
            (Some(entry), Text::Other(Kind::Number)) => Subject::Number(entry.raw(text)),
            (_, Text::Other(kind)) => Subject::Other(kind),
        }
    }

    /// The subject, if it is a string that is not empty.
    pub fn text(self) -> Option<Cow<'c, str>> {
        if let Subject::Is(sub) = self { Some(sub) } else { None }
    }
}

/// `aud`, or the claim that an issuer uses in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience<'c> {
    /// The claim is not there.
    Missing,
    /// One audience, as a string.
    One(Cow<'c, str>),
    /// A list of strings, perhaps empty.
    Many(Vec<Cow<'c, str>>),
    /// Neither a string nor a list of strings.
    Malformed(Kind),
}

impl<'c> Audience<'c> {
    pub(super) fn read(entry: Option<&Entry>, text: &'c str) -> Self {
        let Some(entry) = entry else { return Audience::Missing };
        match entry.kind {
            Kind::String => entry.string(text).map_or(Audience::Malformed(entry.kind), Audience::One),
            Kind::Array => strings(entry, text).map_or(Audience::Malformed(entry.kind), Audience::Many),
            kind => Audience::Malformed(kind),
        }
    }

    /// The audiences; none when missing or malformed.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let list = match self {
            Audience::One(one) => std::slice::from_ref(one),
            Audience::Many(many) => many,
            Audience::Missing | Audience::Malformed(_) => &[],
        };
        list.iter().map(|audience| &**audience)
    }

    /// Whether this very audience is among them: exact, case-sensitive.
    pub fn contains(&self, audience: &str) -> bool {
        self.iter().any(|presented| presented == audience)
    }
}

/// `cnf` (RFC 7800): the token may only be used by whoever proves possession of a key. Without that proof it must be
/// refused, never taken as a bearer token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// `jkt`: thumbprint of the DPoP key (RFC 9449 §6.1).
    pub jkt: Option<Box<str>>,
    /// `x5t#S256`: thumbprint of the client certificate (RFC 8705 §3.1).
    pub x5t_s256: Option<Box<str>>,
    /// There is something else in it, or it is malformed: a binding that is not understood still binds.
    pub other: bool,
}

impl Confirmation {
    pub(super) fn read(entry: &Entry, text: &str) -> Self {
        let mut found = Self { jkt: None, x5t_s256: None, other: false };
        let raw = entry.raw(text);
        let members = match json::scan(raw, Limits::CLAIMS) {
            Ok(outline) if outline.kind == Kind::Object && !outline.entries.is_empty() => outline.entries,
            _ => return Self { other: true, ..found },
        };
        for member in members {
            match (&*member.key(raw), member.string(raw)) {
                ("jkt", Some(value)) => found.jkt = Some(value.into()),
                ("x5t#S256", Some(value)) => found.x5t_s256 = Some(value.into()),
                _ => found.other = true,
            }
        }
        found
    }
}

/// The elements of an array of strings; nothing if one of them is no string.
pub(super) fn strings<'c>(entry: &Entry, text: &'c str) -> Option<Vec<Cow<'c, str>>> {
    let raw = entry.raw(text);
    let outline = json::scan(raw, Limits::CLAIMS).ok()?;
    outline.entries.iter().map(|element| element.string(raw)).collect()
}
