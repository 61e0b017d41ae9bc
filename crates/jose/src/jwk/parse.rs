//! A JWK from its JSON (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2, RFC 9964 §3).

use zeroize::Zeroizing;

use super::curve::{Curve, ML_DSA_SEED, ml_dsa};
use super::error::{KeyError, cut};
use super::material::{Jwk, Material, Op, Private, Use};
use super::okp::OkpCurve;
use super::rsa::{Rsa, RsaPrivate};
use crate::b64;
use crate::json::{self, Entry, JsonError, JsonErrorKind, Kind, Limits, Outline};
use crate::jwa::Alg;
use crate::jws::KID_LIMIT;

impl Jwk {
    /// Reads one key, public or private. Members without a meaning here are ignored, as RFC 7517 §4 wants.
    ///
    /// # Errors
    /// Not strict JSON, not a key that signs, or not a sound one.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        let text = utf8(json)?;
        let outline = json::scan(text, Limits::KEY).map_err(KeyError::Json)?;
        Self::read(text, &outline)
    }

    /// Reads a key from an object that has been scanned.
    pub(super) fn read(text: &str, outline: &Outline) -> Result<Self, KeyError> {
        if outline.kind != Kind::Object {
            return Err(KeyError::Shape { expected: "an object", found: outline.kind });
        }
        let members = Members { text, outline };
        let kid = members.string("kid")?;
        if let Some(kid) = kid.as_ref().filter(|kid| kid.len() > KID_LIMIT) {
            return Err(KeyError::Length { name: "kid", expected: KID_LIMIT, found: kid.len() });
        }
        let alg: Option<Box<str>> = members.string("alg")?.map(|alg| cut(&alg));
        let usage = members.string("use")?.map(|usage| Use::read(&usage));
        let ops = members.ops()?;
        let material = match &*members.required("kty")? {
            "oct" => Material::Oct(members.private("k")?.ok_or(KeyError::MemberMissing("k"))?),
            "RSA" => Material::Rsa(members.rsa()?),
            "EC" => members.ec()?,
            "OKP" => members.okp()?,
            "AKP" => members.akp(alg.as_deref())?,
            other => return Err(KeyError::UnknownType(cut(other))),
        };
        material.check()?;
        Ok(Self { kid: kid.map(Box::from), alg, usage, ops, material })
    }
}

/// The text, or where it stops being UTF-8.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, KeyError> {
    std::str::from_utf8(bytes)
        .map_err(|error| KeyError::Json(JsonError { kind: JsonErrorKind::Utf8, at: error.valid_up_to() }))
}

struct Members<'k> {
    text: &'k str,
    outline: &'k Outline,
}

impl<'k> Members<'k> {
    fn entry(&self, name: &str) -> Option<&'k Entry> {
        self.outline.member(self.text, name)
    }

    fn string(&self, name: &'static str) -> Result<Option<std::borrow::Cow<'k, str>>, KeyError> {
        let Some(entry) = self.entry(name) else { return Ok(None) };
        let wrong = KeyError::MemberType { name, expected: "a string", found: entry.kind };
        entry.string(self.text).ok_or(wrong).map(Some)
    }

    fn required(&self, name: &'static str) -> Result<std::borrow::Cow<'k, str>, KeyError> {
        self.string(name)?.ok_or(KeyError::MemberMissing(name))
    }

    fn ops(&self) -> Result<Option<Vec<Op>>, KeyError> {
        let Some(entry) = self.entry("key_ops") else { return Ok(None) };
        let wrong =
            KeyError::MemberType { name: "key_ops", expected: "an array of strings", found: entry.kind };
        let raw = entry.raw(self.text);
        let list = json::scan(raw, Limits::KEY).map_err(KeyError::Json)?;
        if list.kind != Kind::Array {
            return Err(wrong);
        }
        let mut ops = Vec::with_capacity(list.entries.len());
        for element in &list.entries {
            let op = Op::read(&element.string(raw).ok_or_else(|| wrong.clone())?);
            if ops.contains(&op) {
                return Err(KeyError::OpsDuplicate);
            }
            ops.push(op);
        }
        Ok(Some(ops))
    }

    /// Bytes of a private member; wiped when dropped.
    fn private(&self, name: &'static str) -> Result<Option<Private>, KeyError> {
        let Some(text) = self.string(name)? else { return Ok(None) };
        let bytes = b64::decode(text.as_bytes()).map_err(|error| KeyError::Base64 { name, error })?;
        Ok(Some(Zeroizing::new(bytes)))
    }

    fn bytes(&self, name: &'static str) -> Result<Vec<u8>, KeyError> {
        let text = self.required(name)?;
        b64::decode(text.as_bytes()).map_err(|error| KeyError::Base64 { name, error })
    }

    /// Of exactly this length: a shorter spelling would be a second one (RFC 7518 §6.2.1.2).
    fn sized(&self, name: &'static str, expected: usize) -> Result<Vec<u8>, KeyError> {
        sized(self.bytes(name)?, name, expected)
    }

    fn private_sized(&self, name: &'static str, expected: usize) -> Result<Option<Private>, KeyError> {
        match self.private(name)? {
            Some(bytes) if bytes.len() != expected => {
                Err(KeyError::Length { name, expected, found: bytes.len() })
            }
            other => Ok(other),
        }
    }

    fn rsa(&self) -> Result<Rsa, KeyError> {
        // Some issuers prefix a zero byte, which RFC 7518 §6.3.1.1 forbids; the number is the same without it.
        let (n, e) = (without_zeros(self.bytes("n")?), without_zeros(self.bytes("e")?));
        if self.entry("oth").is_some() {
            return Err(KeyError::RsaFactors);
        }
        let private = match self.private("d")? {
            None => None,
            Some(d) => {
                let part = |name| self.private(name)?.ok_or(KeyError::RsaFactors);
                let (p, q, dp, dq, qi) = (part("p")?, part("q")?, part("dp")?, part("dq")?, part("qi")?);
                Some(RsaPrivate { d, p, q, dp, dq, qi })
            }
        };
        Ok(Rsa { n, e, private, only: None })
    }

    fn ec(&self) -> Result<Material, KeyError> {
        let name = self.required("crv")?;
        let curve = Curve::named(&name).ok_or_else(|| KeyError::UnknownCurve(cut(&name)))?;
        let mut point = Vec::with_capacity(1 + 2 * curve.field());
        point.push(0x04);
        point.extend(self.sized("x", curve.field())?);
        point.extend(self.sized("y", curve.field())?);
        Ok(Material::Ec { curve, point, d: self.private_sized("d", curve.field())? })
    }

    fn okp(&self) -> Result<Material, KeyError> {
        let name = self.required("crv")?;
        let curve = OkpCurve::named(&name).ok_or_else(|| KeyError::UnknownCurve(cut(&name)))?;
        Ok(Material::Okp { curve, x: self.bytes("x")?, d: self.private("d")? })
    }

    /// `alg` is part of the key here (RFC 9964 §3).
    fn akp(&self, alg: Option<&str>) -> Result<Material, KeyError> {
        let name = alg.ok_or(KeyError::MemberMissing("alg"))?;
        let alg = Alg::known(name)
            .filter(|alg| ml_dsa(*alg).is_some())
            .ok_or_else(|| KeyError::UnknownAlg(cut(name)))?;
        let seed = self.private_sized("priv", ML_DSA_SEED)?;
        Ok(Material::MlDsa { alg, public: self.bytes("pub")?, seed })
    }
}

fn sized(bytes: Vec<u8>, name: &'static str, expected: usize) -> Result<Vec<u8>, KeyError> {
    if bytes.len() == expected {
        return Ok(bytes);
    }
    Err(KeyError::Length { name, expected, found: bytes.len() })
}

pub(super) fn without_zeros(mut bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn refusal(json: &str) -> &'static str {
        Jwk::parse(json.as_bytes()).expect_err(json).name()
    }

    #[test]
    fn members_are_what_they_must_be() {
        let ec = format!(r#""kty":"EC","crv":"P-256","x":"{X}","y":"{Y}""#);
        assert!(Jwk::parse(format!("{{{ec}}}").as_bytes()).is_ok());
        for (json, want) in [
            ("[]".to_owned(), "key_shape"),
            ("{}".to_owned(), "key_member_missing"),
            (r#"{"kty":"XYZ"}"#.to_owned(), "key_type_unknown"),
            (r#"{"kty":7}"#.to_owned(), "key_member_type"),
            (format!(r#"{{{ec},"k\u0074y":"EC"}}"#), "json_duplicate_member"),
            (format!(r#"{{{ec},"key_ops":["verify","verify"]}}"#), "key_ops_duplicate"),
            (format!(r#"{{{ec},"key_ops":"verify"}}"#), "key_member_type"),
            (format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{X}"}}"#), "key_point"),
            (format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}=","y":"{Y}"}}"#), "base64_padding"),
            (format!(r#"{{"kty":"EC","crv":"P-256","x":"AA","y":"{Y}"}}"#), "key_length"),
            (format!(r#"{{"kty":"EC","crv":"P-224","x":"{X}","y":"{Y}"}}"#), "key_curve_unknown"),
            (format!(r#"{{"kty":"EC","crv":"secp256k1","x":"{X}","y":"{Y}"}}"#), "key_point"),
            (format!(r#"{{{ec},"d":"{X}"}}"#), "key_private_mismatch"),
            (r#"{"kty":"OKP","crv":"X449","x":"AA"}"#.to_owned(), "key_curve_unknown"),
            (r#"{"kty":"OKP","crv":"x448","x":"AA"}"#.to_owned(), "key_curve_unknown"),
            (r#"{"kty":"OKP","crv":"X448","x":"AA"}"#.to_owned(), "key_length"),
            (r#"{"kty":"OKP","crv":"Ed448","x":"AA"}"#.to_owned(), "key_length"),
            (format!(r#"{{"kty":"OKP","crv":"Ed448","x":"{}"}}"#, "A".repeat(76)), "key_point"),
            (format!(r#"{{"kty":"OKP","crv":"X448","x":"{}A"}}"#, "A".repeat(74)), "key_point"),
            (r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#.to_owned(), "key_length"),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#.to_owned(), "key_length"),
            (
                r#"{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#
                    .to_owned(),
                "key_point",
            ),
            (r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned(), "rsa_too_small"),
            (r#"{"kty":"AKP","pub":"AA"}"#.to_owned(), "key_member_missing"),
            (r#"{"kty":"AKP","alg":"RS256","pub":"AA"}"#.to_owned(), "key_alg_unknown"),
            (r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}"#.to_owned(), "key_length"),
        ] {
            assert_eq!(refusal(&json), want, "{json}");
        }
    }
}
