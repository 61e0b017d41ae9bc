//! Making keys, of every kind.

use super::super::content::encode;
use super::super::hidden::{Hidden, Json, unseen};
use super::super::{At, KeyFacts, Problem};
use portcullis_jose::jwa::{Enc, KeyManagement, Mode};
use portcullis_jose::jwk::{Curve, KeyKind, RsaBits};
use portcullis_jose::{Alg, Family, Jwk, KeyError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// A key to make. By `algorithm`, or by `kty`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GenerateKeyRequest)]
pub struct Request {
    /// What it is for: a signature algorithm (`ES256`), a key management algorithm (`ECDH-ES`), or a content encryption
    /// (`A256GCM`), whose key it then is itself.
    pub algorithm: Option<String>,
    /// `oct`, `RSA`, `EC`, `OKP` or `AKP`, for a key that names no algorithm.
    pub kty: Option<String>,
    /// The curve: `P-256` (also if nothing is said), `P-384`, `P-521`, `secp256k1`, `Ed25519`, `Ed448`, `X25519`, `X448`.
    pub curve: Option<String>,
    /// Bits of an RSA key: 2048, 3072 (if nothing is said) or 4096.
    pub bits: Option<u32>,
    /// Bytes of a shared secret: at least what the algorithm wants, which is also what it gets if nothing is said.
    pub bytes: Option<usize>,
    /// `use`: `sig` or `enc`; what the algorithm is for, if nothing is said.
    #[serde(rename = "use")]
    pub usage: Option<String>,
    /// Its id. If nothing is said: its thumbprint, for a shared secret something random.
    pub kid: Option<String>,
    /// No id at all.
    #[serde(default)]
    pub no_kid: bool,
}

/// The key that was made. Kept nowhere.
#[derive(Clone, Serialize, utoipa::ToSchema)]
#[schema(as = GenerateKeyAnswer)]
pub struct Answer {
    /// The private key or secret.
    #[schema(value_type = Object)]
    pub jwk: Json,
    /// The public key; none of a shared secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub public_jwk: Option<Json>,
    /// The private key as PKCS#8; none of a shared secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub pem: Option<Hidden>,
    /// The public key as SubjectPublicKeyInfo; none of a shared secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_pem: Option<String>,
    /// What it is.
    pub facts: KeyFacts,
}

unseen!(Answer);

/// Makes a key.
///
/// # Errors
/// Nothing, or something contradictory, is said about the kind; the library has no entropy.
pub fn run(request: &Request, at: &At) -> Result<Answer, Problem> {
    let plan = Plan::of(request, at)?;
    let key = Jwk::generate(plan.kind).map_err(|error| Problem::of(&error, "", "try again"))?;
    let key = finished(key, &plan, request, at)?;
    let private = key.to_private_pem().ok();
    Ok(Answer {
        jwk: Json::from(key.to_private_json().as_str()),
        public_jwk: key.to_public_json().map(Json::from),
        pem: private.map(|pem| Hidden::from(pem.as_str())),
        public_pem: key.to_public_pem(),
        facts: KeyFacts::of(&key),
    })
}

struct Plan {
    kind: KeyKind,
    alg: Option<String>,
    usage: Option<&'static str>,
}

impl Plan {
    fn of(request: &Request, at: &At) -> Result<Self, Problem> {
        let plan = match (&request.algorithm, &request.kty) {
            (Some(name), None) => Self::by_algorithm(name, request, at),
            (None, Some(kty)) => {
                let kind = by_type(kty, request, at)?;
                let usage = match kind {
                    KeyKind::X25519 | KeyKind::X448 => Some("enc"),
                    KeyKind::Ed25519 | KeyKind::Ed448 => Some("sig"),
                    _ => None,
                };
                Ok(Self { kind, alg: None, usage })
            }
            _ => Err(Problem::invalid(
                "key_kind",
                "algorithm",
                "not exactly one of `algorithm` and `kty`",
                "name what the key is for, as `ES256`, or its type",
            )),
        }?;
        plan.fits(request)?;
        Ok(plan)
    }

    fn by_algorithm(name: &str, request: &Request, at: &At) -> Result<Self, Problem> {
        let plan = |kind, usage| Ok(Self { kind, alg: Some(name.to_owned()), usage: Some(usage) });
        if let Ok(alg) = name.parse::<Alg>() {
            return plan(signing(alg, request, at)?, "sig");
        }
        if let Ok(enc) = name.parse::<Enc>() {
            return plan(KeyKind::Oct(exactly(request, enc.key_len())?), "enc");
        }
        let alg: KeyManagement = super::super::encrypt::management(name, "algorithm")?;
        let wrapping = |bits: &str| match bits {
            bits if bits.starts_with("A128") => 16,
            bits if bits.starts_with("A192") => 24,
            _ => 32,
        };
        let kind = match alg.mode() {
            Mode::Rsa if alg == KeyManagement::RSA1_5 => {
                let next = "name `RSA-OAEP-256`";
                return Err(Problem::invalid(
                    "encryption_alg_not_allowed",
                    "algorithm",
                    "`RSA1_5` is only read",
                    next,
                ));
            }
            Mode::Rsa => KeyKind::Rsa(bits(request, at)?),
            Mode::Wrap | Mode::GcmWrap => KeyKind::Oct(exactly(request, wrapping(name))?),
            Mode::Direct => KeyKind::Oct(request.bytes.unwrap_or(32)),
            Mode::Agreement | Mode::AgreementWrap => agreement(request)?,
            Mode::Password => KeyKind::Oct(at_least(request, 32)?),
        };
        plan(kind, "enc")
    }

    /// What is said and has no meaning for this kind was meant for another.
    fn fits(&self, request: &Request) -> Result<(), Problem> {
        let (curve, bits, bytes) = match self.kind {
            KeyKind::Oct(_) => (false, false, true),
            KeyKind::Rsa(_) => (false, true, false),
            KeyKind::MlDsa(_) => (false, false, false),
            _ => (true, false, false),
        };
        for (name, there, meant) in [
            ("curve", request.curve.is_some(), curve),
            ("bits", request.bits.is_some(), bits),
            ("bytes", request.bytes.is_some(), bytes),
        ] {
            if there && !meant {
                let next = "leave it away, or name another kind of key";
                return Err(Problem::invalid("key_kind", name, "means nothing for this kind of key", next));
            }
        }
        Ok(())
    }
}

fn signing(alg: Alg, request: &Request, at: &At) -> Result<KeyKind, Problem> {
    let curved = |kind: KeyKind, own: &str| match request.curve.as_deref() {
        None => Ok(kind),
        Some(curve) if curve == own => Ok(kind),
        Some(_) => Err(Problem::invalid(
            "key_kind",
            "curve",
            format!("`{alg}` takes the curve `{own}`"),
            "leave the curve away",
        )),
    };
    match (alg.family(), alg) {
        (Family::Hmac, _) => Ok(KeyKind::Oct(at_least(request, alg.min_secret_len().unwrap_or(64))?)),
        (Family::RsaPkcs1 | Family::RsaPss, _) => Ok(KeyKind::Rsa(bits(request, at)?)),
        (Family::Ecdsa, Alg::ES384) => curved(KeyKind::Ec(Curve::P384), "P-384"),
        (Family::Ecdsa, Alg::ES512) => curved(KeyKind::Ec(Curve::P521), "P-521"),
        (Family::Ecdsa, Alg::ES256K) => curved(KeyKind::Ec(Curve::Secp256k1), "secp256k1"),
        (Family::Ecdsa, _) => curved(KeyKind::Ec(Curve::P256), "P-256"),
        (Family::EdDsa, Alg::Ed448) => curved(KeyKind::Ed448, "Ed448"),
        (Family::EdDsa, Alg::EdDSA) if request.curve.as_deref() == Some("Ed448") => Ok(KeyKind::Ed448),
        (Family::EdDsa, _) => curved(KeyKind::Ed25519, "Ed25519"),
        (Family::MlDsa, alg) => Ok(KeyKind::MlDsa(alg)),
    }
}

fn agreement(request: &Request) -> Result<KeyKind, Problem> {
    match curve(request)? {
        kind @ (KeyKind::X25519 | KeyKind::X448) => Ok(kind),
        kind @ KeyKind::Ec(Curve::P256 | Curve::P384 | Curve::P521) => Ok(kind),
        _ => Err(Problem::invalid(
            "key_kind",
            "curve",
            "nothing is agreed upon with this curve",
            "name one of: P-256, P-384, P-521, X25519, X448",
        )),
    }
}

fn by_type(kty: &str, request: &Request, at: &At) -> Result<KeyKind, Problem> {
    let wrong = |place, message: &str, next| Err(Problem::invalid("key_kind", place, message, next));
    match kty {
        "oct" => Ok(KeyKind::Oct(at_least(request, 16)?.max(request.bytes.unwrap_or(32)))),
        "RSA" => Ok(KeyKind::Rsa(bits(request, at)?)),
        "EC" => match curve(request)? {
            kind @ KeyKind::Ec(_) => Ok(kind),
            _ => wrong("curve", "no curve of an EC key", "name one of: P-256, P-384, P-521, secp256k1"),
        },
        "OKP" => match curve(&Request {
            curve: request.curve.clone().or(Some("Ed25519".into())),
            ..Request::default()
        })? {
            KeyKind::Ec(_) => {
                wrong("curve", "no curve of an OKP key", "name one of: Ed25519, Ed448, X25519, X448")
            }
            kind => Ok(kind),
        },
        "AKP" => wrong(
            "algorithm",
            "an AKP key is made for one algorithm",
            "name it: `ML-DSA-44`, `ML-DSA-65` or `ML-DSA-87`",
        ),
        _ => wrong("kty", "no type of key", "name one of: oct, RSA, EC, OKP"),
    }
}

fn curve(request: &Request) -> Result<KeyKind, Problem> {
    Ok(match request.curve.as_deref() {
        None | Some("P-256") => KeyKind::Ec(Curve::P256),
        Some("P-384") => KeyKind::Ec(Curve::P384),
        Some("P-521") => KeyKind::Ec(Curve::P521),
        Some("secp256k1") => KeyKind::Ec(Curve::Secp256k1),
        Some("Ed25519") => KeyKind::Ed25519,
        Some("Ed448") => KeyKind::Ed448,
        Some("X25519") => KeyKind::X25519,
        Some("X448") => KeyKind::X448,
        Some(_) => {
            let next = "name one of: P-256, P-384, P-521, secp256k1, Ed25519, Ed448, X25519, X448";
            return Err(Problem::invalid("key_curve_unknown", "curve", "not a supported curve", next));
        }
    })
}

fn bits(request: &Request, at: &At) -> Result<RsaBits, Problem> {
    let most = at.bounds.rsa_bits;
    match request.bits.unwrap_or(3072) {
        asked if asked > most && asked <= 4096 => Err(Problem::invalid(
            "rsa_too_large",
            "bits",
            format!("at most {most} bits are made here: larger ones take seconds"),
            "make it on your own machine: `portcullis jose key generate`",
        )),
        2048 => Ok(RsaBits::B2048),
        3072 => Ok(RsaBits::B3072),
        4096 => Ok(RsaBits::B4096),
        _ => Err(Problem::invalid("key_kind", "bits", "not a size that is made", "name 2048, 3072 or 4096")),
    }
}

fn exactly(request: &Request, needed: usize) -> Result<usize, Problem> {
    match request.bytes {
        Some(bytes) if bytes != needed => Err(Problem::invalid(
            "key_length",
            "bytes",
            format!("the algorithm takes a key of {needed} bytes"),
            "leave it away",
        )),
        _ => Ok(needed),
    }
}

fn at_least(request: &Request, needed: usize) -> Result<usize, Problem> {
    match request.bytes {
        Some(bytes) if !(needed..=1024).contains(&bytes) => Err(Problem::invalid(
            "secret_too_short",
            "bytes",
            format!("not between {needed} and 1024"),
            "leave it away, or name another number",
        )),
        bytes => Ok(bytes.unwrap_or(needed)),
    }
}

/// Writes into the key what it is for and what it is called, and reads it back.
fn finished(key: Jwk, plan: &Plan, request: &Request, at: &At) -> Result<Jwk, Problem> {
    let refused = |error: &KeyError| Problem::of(error, "", "name an algorithm and a kind that go together");
    let usage = match request.usage.as_deref() {
        None => plan.usage,
        Some("sig") => Some("sig"),
        Some("enc") => Some("enc"),
        Some(_) => {
            return Err(Problem::invalid("key_use", "use", "neither `sig` nor `enc`", "name what it is for"));
        }
    };
    if plan.usage.is_some() && usage != plan.usage {
        let (message, next) = ("not what the algorithm is for", "leave it away, or name another algorithm");
        return Err(Problem::invalid("key_use", "use", message, next));
    }
    let kid = match (&request.kid, request.no_kid) {
        (Some(_), true) => {
            return Err(Problem::invalid(
                "kid_malformed",
                "kid",
                "an id, and none at all",
                "say one of the two",
            ));
        }
        (Some(kid), false) if (1..=portcullis_jose::jws::KID_LIMIT).contains(&kid.len()) => Some(kid.clone()),
        (Some(_), false) => {
            return Err(Problem::invalid(
                "kid_malformed",
                "kid",
                "not an id",
                "give an id of 1 to 512 bytes",
            ));
        }
        (None, true) => None,
        // A digest of a secret would help to guess it.
        (None, false) if key.to_public().is_none() => {
            let mut id = [0; 16];
            at.rng.fill(&mut id);
            Some(encode(&id))
        }
        (None, false) => Some(key.thumbprint_text()),
    };
    let text = key.to_private_json();
    let mut members: Map<String, Value> =
        serde_json::from_str(&text).map_err(|_| refused(&KeyError::Library))?;
    for (name, value) in [("kid", kid), ("use", usage.map(str::to_owned)), ("alg", plan.alg.clone())] {
        if let Some(value) = value {
            members.insert(name.to_owned(), value.into());
        }
    }
    let text = Zeroizing::new(Value::Object(members).to_string());
    let key = Jwk::parse(text.as_bytes()).map_err(|error| refused(&error))?;
    // What names an algorithm does what it names.
    match (plan.usage, &plan.alg) {
        (Some("sig"), Some(_)) => key.signing_key(None).err(),
        (Some("enc"), Some(_)) => key.decryption_key().err(),
        _ => None,
    }
    .map_or(Ok(key), |error| Err(refused(&error)))
}

#[cfg(test)]
mod tests {
    use super::super::super::at::tests::at;
    use super::*;
    use serde_json::json;

    fn make(json: Value) -> Result<Answer, Problem> {
        run(&serde_json::from_value(json).unwrap(), &at())
    }

    #[test]
    fn a_key_for_every_algorithm() {
        let rsa = |name: &str| name.starts_with("RS") || name.starts_with("PS");
        let names =
            Alg::ALL.iter().map(|alg| alg.name()).chain(KeyManagement::all().map(KeyManagement::name));
        for name in names.chain(Enc::ALL.iter().map(|enc| enc.name())).filter(|name| *name != "RSA1_5") {
            let mut asked = json!({ "algorithm": name });
            if rsa(name) {
                asked["bits"] = 2048.into();
            }
            let made = make(asked).unwrap();
            let key = Jwk::parse(made.jwk.expose().as_bytes()).unwrap();
            assert_eq!(key.alg_name(), Some(name));
            let works = key.signing_key(None).is_ok()
                || (key.encryption_key(None).is_ok() && key.decryption_key().is_ok());
            assert!(works, "{name}");
            assert_eq!(
                made.facts.usage.as_deref(),
                Some(if name.parse::<Alg>().is_ok() { "sig" } else { "enc" })
            );
            let is_secret = made.facts.kty == "oct";
            assert_eq!((made.public_jwk.is_none(), made.pem.is_none()), (is_secret, is_secret), "{name}");
            assert_eq!(made.facts.kid == made.facts.thumbprint, !is_secret, "{name}");
            assert!(made.public_pem.is_none_or(|pem| !pem.contains("PRIVATE")));
        }
    }

    #[test]
    fn kinds_by_type() {
        for (json, kty, crv) in [
            (json!({ "kty": "EC", "curve": "secp256k1" }), "EC", Some("secp256k1")),
            (json!({ "kty": "OKP" }), "OKP", Some("Ed25519")),
            (json!({ "kty": "OKP", "curve": "X448" }), "OKP", Some("X448")),
            (json!({ "kty": "oct", "bytes": 48 }), "oct", None),
            (json!({ "kty": "RSA", "bits": 2048, "no_kid": true }), "RSA", None),
        ] {
            let made = make(json).unwrap().facts;
            assert_eq!((made.kty.as_str(), made.crv.as_deref(), made.alg), (kty, crv, None));
        }
    }

    #[test]
    fn contradictions_are_said() {
        for (json, name, place) in [
            (json!({}), "key_kind", "algorithm"),
            (json!({ "algorithm": "ES256", "kty": "EC" }), "key_kind", "algorithm"),
            (json!({ "algorithm": "ES256", "curve": "P-384" }), "key_kind", "curve"),
            (json!({ "algorithm": "ES256", "bits": 2048 }), "key_kind", "bits"),
            (json!({ "algorithm": "none" }), "encryption_alg_unknown", "algorithm"),
            (json!({ "algorithm": "RSA1_5" }), "encryption_alg_not_allowed", "algorithm"),
            (json!({ "algorithm": "HS512", "bytes": 32 }), "secret_too_short", "bytes"),
            (json!({ "algorithm": "A128KW", "bytes": 32 }), "key_length", "bytes"),
            (json!({ "algorithm": "ECDH-ES", "curve": "secp256k1" }), "key_kind", "curve"),
            (json!({ "algorithm": "RS256", "bits": 1024 }), "key_kind", "bits"),
            // Seconds of a core for one request of a stranger.
            (json!({ "algorithm": "RS256", "bits": 4096 }), "rsa_too_large", "bits"),
            (json!({ "kty": "AKP" }), "key_kind", "algorithm"),
            (json!({ "kty": "EC", "curve": "P-257" }), "key_curve_unknown", "curve"),
            (json!({ "algorithm": "ES256", "use": "enc" }), "key_use", "use"),
            (json!({ "algorithm": "ES256", "kid": "" }), "kid_malformed", "kid"),
            (json!({ "kty": "oct", "bytes": 1 }), "secret_too_short", "bytes"),
            (json!({ "kty": "oct", "bytes": 1_000_000 }), "secret_too_short", "bytes"),
            (json!({ "algorithm": "dir", "bytes": 31 }), "key_management_mismatch", ""),
        ] {
            let problem = make(json.clone()).unwrap_err();
            assert_eq!((problem.name, problem.place.as_str()), (name, place), "{json}: {problem}");
        }
    }
}
