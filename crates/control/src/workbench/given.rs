//! Keys as they are given in a request, in every form in which people have them, and what they are read into.

use super::container::Opening;
use super::content::{encode, unbase64};
use super::hidden::{Hidden, Json, unseen};
use super::{At, Problem};
use portcullis_jose::explain::AtHand;
use portcullis_jose::jwa::KeyManagement;
use portcullis_jose::jwk::Roots;
use portcullis_jose::{Alg, Jwk, JwkSet, KeyError};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashSet;
use zeroize::Zeroizing;

/// A key, or several of one source. Exactly one of `jwk`, `jwks`, `pem`, `der` and `secret`.
#[derive(Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenKey {
    /// A JWK: an object, or its text in a string.
    #[schema(value_type = Option<Object>)]
    pub jwk: Option<Json>,
    /// A JWK set: an object, or its text in a string. What is wrong with one member leaves out that member.
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<Json>,
    /// PEM: public and private keys, certificates, encrypted PKCS#8.
    #[schema(value_type = Option<String>)]
    pub pem: Option<Hidden>,
    /// DER in base64: SubjectPublicKeyInfo, PKCS#8 (encrypted too), PKCS#1, SEC 1, a certificate, PKCS#12.
    #[schema(value_type = Option<String>)]
    pub der: Option<Hidden>,
    /// A shared secret, or a password for a `PBES2` algorithm.
    #[schema(value_type = Option<String>)]
    pub secret: Option<Hidden>,
    /// How `secret` is written; `utf8`, if nothing is said.
    #[serde(default)]
    pub encoding: Encoding,
    /// The password of an encrypted `pem` or `der`.
    #[schema(value_type = Option<String>)]
    pub password: Option<Hidden>,
    /// Root certificates (PEM) that the certificates in `pem` or `der` must lead to. Without them only the key of a
    /// certificate is taken: dates, names and signatures are not looked at.
    pub roots: Option<String>,
    /// The key's id, in place of its own.
    pub kid: Option<String>,
    /// The algorithm that it is for, in place of its own.
    pub alg: Option<String>,
    /// The set is what somebody publishes: private and symmetric members in it are an accident, and are not used.
    #[serde(default)]
    pub published: bool,
}

/// How a secret is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// The text is the secret.
    #[default]
    Utf8,
    /// Base64 of either alphabet, padded or not.
    Base64,
    /// The same.
    Base64url,
    /// Hexadecimal.
    Hex,
}

unseen!(GivenKey);

impl GivenKey {
    /// A JWK by its text.
    pub fn jwk(text: impl Into<Json>) -> Self {
        Self { jwk: Some(text.into()), ..Self::default() }
    }

    /// A set of one's own by its text.
    pub fn jwks(text: impl Into<Json>) -> Self {
        Self { jwks: Some(text.into()), ..Self::default() }
    }

    /// A set that somebody publishes.
    pub fn published(text: impl Into<Json>) -> Self {
        Self { published: true, ..Self::jwks(text) }
    }

    /// PEM.
    pub fn pem(text: impl Into<Hidden>) -> Self {
        Self { pem: Some(text.into()), ..Self::default() }
    }

    /// DER.
    pub fn der(bytes: &[u8]) -> Self {
        Self { der: Some(encode(bytes).into()), ..Self::default() }
    }

    /// A shared secret.
    pub fn secret(bytes: &[u8]) -> Self {
        Self { secret: Some(encode(bytes).into()), encoding: Encoding::Base64url, ..Self::default() }
    }

    /// With a password.
    #[must_use]
    pub fn with_password(mut self, password: impl Into<Hidden>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// For an algorithm.
    #[must_use]
    pub fn with_alg(mut self, alg: impl Into<String>) -> Self {
        self.alg = Some(alg.into());
        self
    }
}

/// The keys of a request.
pub(super) struct Keys {
    pub entries: Vec<Entry>,
    /// The sets among them, with what was left out.
    sets: Vec<JwkSet>,
}

/// One of them.
pub(super) struct Entry {
    /// Where it stands: `keys[0]`, `keys[0].keys[3]`.
    pub place: String,
    pub material: Material,
    /// Whether it came in a set, where a token that names a key means the one of that name.
    pub listed: bool,
}

#[derive(Clone)]
pub(super) enum Material {
    Key(Box<Jwk>),
    Secret { bytes: Zeroizing<Vec<u8>>, kid: Option<String>, alg: Option<String> },
}

impl Keys {
    pub(super) fn left_out(&self) -> Vec<super::LeftOut> {
        self.sets.iter().flat_map(|set| &set.notes).map(super::LeftOut::of).collect()
    }

    /// What there is to explain with.
    pub(super) fn hand(&self, now: i64) -> AtHand {
        let mut hand = AtHand::new(now);
        for entry in self.entries.iter().filter(|entry| !entry.listed) {
            hand = match &entry.material {
                Material::Key(key) => hand.key((**key).clone()),
                Material::Secret { bytes, .. } => hand.secret(bytes.to_vec()),
            };
        }
        self.sets.iter().fold(hand, |hand, set| hand.keys(set.clone()))
    }
}

impl Entry {
    /// As a JWK: a secret as `oct`.
    pub(super) fn jwk(&self) -> Result<Jwk, Problem> {
        let (bytes, kid, alg) = match &self.material {
            Material::Key(key) => return Ok((**key).clone()),
            Material::Secret { bytes, kid, alg } => (bytes, kid, alg),
        };
        let mut members = Map::new();
        members.insert("kty".into(), "oct".into());
        members.insert("k".into(), encode(bytes).into());
        for (name, value) in [("kid", kid), ("alg", alg)] {
            if let Some(value) = value {
                members.insert(name.into(), value.as_str().into());
            }
        }
        let text = Zeroizing::new(Value::Object(members).to_string());
        Jwk::parse(text.as_bytes()).map_err(|error| self.unusable(&error))
    }

    /// Whether it may be a password, from which a key is derived with much work.
    pub(super) fn is_password(&self) -> bool {
        match &self.material {
            Material::Secret { .. } => true,
            Material::Key(key) => key.alg_name().is_some_and(|alg| alg.starts_with("PBES2")),
        }
    }

    pub(super) fn unusable(&self, error: &KeyError) -> Problem {
        let next = match error {
            KeyError::SecretIsKey => {
                "give the key as `pem`, `der` or `jwk`: a public key as a secret lets anybody forge"
            }
            KeyError::SecretTooShort { .. } => "use a secret as long as the hash: `keys/generate` makes one",
            KeyError::NotPrivate => "give the private key",
            KeyError::AlgAmbiguous(_) => "name one as `alg` beside the key",
            KeyError::NotFor(_) => "give another key, or correct `use`, `key_ops` or `alg` where it is kept",
            _ => "give a key that goes with it",
        };
        Problem::of(error, &self.place, next)
    }
}

/// Reads the keys of a member of the request, strictly.
pub(super) fn read(member: &str, given: &[GivenKey], at: &At, now: i64) -> Result<Keys, Problem> {
    let mut keys = Keys { entries: Vec::new(), sets: Vec::new() };
    let mut passwords = at.bounds.passwords;
    for (index, one) in given.iter().enumerate() {
        let place = if given.len() == 1 && !member.ends_with('s') {
            member.to_owned()
        } else {
            format!("{member}[{index}]")
        };
        one.read(&place, &mut passwords, now, &mut keys)?;
        if keys.entries.len() > at.bounds.keys {
            return Err(Problem::invalid(
                "too_many_keys",
                place,
                format!("more than {} keys in one request", at.bounds.keys),
                "give fewer keys, or use the command line: `portcullis jose`",
            ));
        }
    }
    Ok(keys)
}

impl GivenKey {
    fn read(&self, place: &str, passwords: &mut usize, now: i64, keys: &mut Keys) -> Result<(), Problem> {
        let one = Problem::invalid(
            "key_form",
            place,
            "not exactly one of `jwk`, `jwks`, `pem`, `der` and `secret`",
            "give one key in one form",
        );
        let forms = [
            self.jwk.is_some(),
            self.jwks.is_some(),
            self.pem.is_some(),
            self.der.is_some(),
            self.secret.is_some(),
        ];
        if forms.iter().filter(|there| **there).count() != 1 {
            return Err(one);
        }
        if let Some(set) = &self.jwks {
            return self.read_set(place, set, keys);
        }
        if let Some(secret) = &self.secret {
            let bytes = self.encoding.decode(secret.expose()).ok_or_else(|| {
                Problem::invalid(
                    "secret_malformed",
                    format!("{place}.secret"),
                    "not written in the encoding that it is said to be",
                    "name the `encoding`: `utf8`, `base64`, `base64url` or `hex`",
                )
            })?;
            if bytes.is_empty() {
                let (message, next) = ("the secret is empty", "give a secret");
                return Err(Problem::invalid("secret_too_short", format!("{place}.secret"), message, next));
            }
            let material = Material::Secret { bytes, kid: self.kid.clone(), alg: self.alg.clone() };
            keys.entries.push(Entry { place: place.to_owned(), material, listed: false });
            return Ok(());
        }
        let roots = match &self.roots {
            Some(pem) => Some(roots(pem, place)?),
            None => None,
        };
        let mut opening = Opening {
            place,
            password: self.password.as_ref().map(Hidden::expose),
            left: passwords,
            roots: roots.as_ref().map(|roots| (roots, now)),
        };
        let found = match (&self.jwk, &self.pem, &self.der) {
            (Some(jwk), ..) => {
                let next = "give one JWK as strict JSON; `keys/audit` says more about it";
                vec![Jwk::parse(jwk.expose().as_bytes()).map_err(|error| Problem::of(&error, place, next))?]
            }
            (_, Some(pem), _) => opening.pem(pem.expose())?,
            (.., Some(der)) => {
                let bytes = unbase64(der.expose()).ok_or_else(|| {
                    let place = format!("{place}.der");
                    Problem::invalid("base64_malformed", place, "not base64", "encode the bytes of the file")
                })?;
                opening.der(&bytes)?
            }
            _ => return Err(one),
        };
        let several = found.len() > 1;
        if several && (self.kid.is_some() || self.alg.is_some()) {
            return Err(self.several(place, found.len()));
        }
        for (index, key) in found.into_iter().enumerate() {
            let place = if several { format!("{place}.keys[{index}]") } else { place.to_owned() };
            let material = Material::Key(Box::new(self.named(key, &place)?));
            keys.entries.push(Entry { place, material, listed: false });
        }
        Ok(())
    }

    fn read_set(&self, place: &str, text: &Json, keys: &mut Keys) -> Result<(), Problem> {
        let bytes = text.expose().as_bytes();
        let set = if self.published { JwkSet::parse_public(bytes) } else { JwkSet::parse(bytes) };
        let next = "give a JWK set: a JSON object with `keys`, no member twice; a single key as `jwk`";
        let set = set.map_err(|error| Problem::of(&error, place, next))?;
        if self.kid.is_some() || self.alg.is_some() {
            return Err(self.several(place, set.keys.len()));
        }
        // The members that were read, under the index they have in the set.
        let skipped: HashSet<usize> =
            set.notes.iter().filter(|note| is_skipped(note)).map(|note| note.index).collect();
        let indices = (0..).filter(|index| !skipped.contains(index));
        for (index, key) in indices.zip(&set.keys) {
            let place = format!("{place}.keys[{index}]");
            let material = Material::Key(Box::new(key.clone()));
            keys.entries.push(Entry { place, material, listed: true });
        }
        keys.sets.push(set);
        Ok(())
    }

    fn several(&self, place: &str, found: usize) -> Problem {
        Problem::invalid(
            "key_count",
            place,
            format!("`kid` and `alg` are of one key, and {found} are there"),
            "give the keys one by one, or leave `kid` and `alg` away",
        )
    }

    fn named(&self, mut key: Jwk, place: &str) -> Result<Jwk, Problem> {
        if let Some(kid) = &self.kid {
            if kid.is_empty() || kid.len() > portcullis_jose::jws::KID_LIMIT {
                let next = "give an id of 1 to 512 bytes";
                return Err(Problem::invalid("kid_malformed", format!("{place}.kid"), "not an id", next));
            }
            key = key.with_kid(kid.as_str());
        }
        let Some(name) = &self.alg else { return Ok(key) };
        let place = format!("{place}.alg");
        bound(key, name)
            .map_err(|error| Problem::of(&error, place, "name an algorithm that goes with the key"))
    }
}

/// The key, bound to an algorithm of either sort.
pub(super) fn bound(key: Jwk, name: &str) -> Result<Jwk, KeyError> {
    match (name.parse::<Alg>(), name.parse::<KeyManagement>()) {
        (Ok(alg), _) => key.with_alg(alg),
        (_, Ok(alg)) => key.with_management(alg),
        _ => Err(KeyError::UnknownAlg(name.chars().take(64).collect())),
    }
}

fn is_skipped(note: &portcullis_jose::jwk::Note) -> bool {
    matches!(note.kind, portcullis_jose::jwk::NoteKind::Skipped(_))
}

fn roots(pem: &str, place: &str) -> Result<Roots, Problem> {
    let malformed = || {
        Problem::invalid(
            "roots_malformed",
            format!("{place}.roots"),
            "no certificates in PEM",
            "give root certificates as PEM",
        )
    };
    let mut ders = Vec::new();
    let mut rest = pem;
    while let Some((_, behind)) = rest.split_once("-----BEGIN CERTIFICATE-----") {
        let (body, behind) = behind.split_once("-----END CERTIFICATE-----").ok_or_else(malformed)?;
        ders.push(unbase64(body).ok_or_else(malformed)?.to_vec());
        rest = behind;
    }
    if ders.is_empty() || ders.len() > 16 {
        return Err(malformed());
    }
    Roots::new(ders).map_err(|_| malformed())
}

impl Encoding {
    fn decode(self, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Utf8 => Some(Zeroizing::new(text.as_bytes().to_vec())),
            Self::Base64 | Self::Base64url => unbase64(text),
            Self::Hex => {
                let text = text.trim().as_bytes();
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let pairs = text.chunks(2).map(|pair| match pair {
                    [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
                    _ => None,
                });
                pairs.collect::<Option<Vec<u8>>>().map(Zeroizing::new)
            }
        }
    }
}

#[cfg(test)]
mod tests;
