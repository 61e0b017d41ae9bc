//! Keys from one form into another: JWK, JWK set, PEM, DER; private and public; as PKCS#8, PKCS#1, SEC 1 or
//! SubjectPublicKeyInfo. Nothing is written encrypted.

use super::super::content::encode;
use super::super::der;
use super::super::given::{GivenKey, read};
use super::super::hidden::{Hidden, unseen};
use super::super::{At, KeyFacts, Problem};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_jose::{Jwk, KeyError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Keys to convert.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConvertKeyRequest)]
pub struct Request {
    /// The keys. `jwk` and `der` are of one key, `jwks` and `pem` take any number.
    pub keys: Vec<GivenKey>,
    /// The form to convert into.
    pub to: Form,
    /// How `pem` and `der` hold it; `pkcs8` for private and `spki` for public keys, if nothing is said.
    pub container: Option<Container>,
    /// The public halves only. A shared secret has none.
    #[serde(default)]
    pub public: bool,
    /// Give each key that has none its thumbprint as `kid`; shared secrets get none.
    #[serde(default)]
    pub thumbprint_as_kid: bool,
}

/// The form of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// One JWK, JSON.
    Jwk,
    /// A JWK set, JSON.
    Jwks,
    /// PEM, one block per key.
    Pem,
    /// DER, in base64url.
    Der,
}

/// What PEM and DER hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// SubjectPublicKeyInfo (RFC 5280): any public key.
    Spki,
    /// PKCS#8 (RFC 5958): any private key.
    Pkcs8,
    /// PKCS#1 (RFC 8017): RSA keys, of either sort.
    Pkcs1,
    /// SEC 1 (RFC 5915): private EC keys.
    Sec1,
}

/// The keys, converted.
#[derive(Clone, Serialize, utoipa::ToSchema)]
#[schema(as = ConvertKeyAnswer)]
pub struct Answer {
    /// The form.
    pub form: Form,
    /// JSON text, PEM, or DER in base64url.
    #[schema(value_type = String)]
    pub text: Hidden,
    /// Whether something in it must be kept.
    pub private: bool,
    /// What the keys are.
    pub keys: Vec<KeyFacts>,
}

unseen!(Request, Answer);

/// Converts.
///
/// # Errors
/// A key is not what it should be, or does not go into the form.
pub fn run(request: &Request, at: &At) -> Result<Answer, Problem> {
    let given = read("keys", &request.keys, at, at.now)?;
    let mut keys: Vec<(String, Jwk)> = Vec::with_capacity(given.entries.len());
    for entry in &given.entries {
        let mut key = entry.jwk()?;
        if request.public {
            key = key.to_public().ok_or_else(|| {
                let next = "leave it out: whoever has it can sign";
                Problem::invalid(
                    "key_not_public",
                    entry.place.clone(),
                    "a shared secret has no public half",
                    next,
                )
            })?;
        }
        if request.thumbprint_as_kid && key.kid().is_none() && key.to_public().is_some() {
            let print = key.thumbprint_text();
            key = key.with_kid(print);
        }
        keys.push((entry.place.clone(), key));
    }
    if keys.is_empty() {
        let next = "give a key; what was left out of a set says `jwks/audit`";
        return Err(Problem::invalid("no_keys", "keys", "there is no key to convert", next));
    }
    if let (Form::Jwk | Form::Der, [_, (place, _), ..]) = (request.to, &*keys) {
        let next = "convert into `jwks` or `pem`, or give one key";
        return Err(Problem::invalid("key_count", place.clone(), "one key only goes into this form", next));
    }
    if request.container.is_some() && matches!(request.to, Form::Jwk | Form::Jwks) {
        let next = "leave it away, or convert into `pem` or `der`";
        return Err(Problem::invalid("key_container", "container", "JSON has no containers", next));
    }
    let text = match request.to {
        Form::Jwk => keys[0].1.to_private_json().as_str().into(),
        Form::Jwks => {
            let all: Vec<_> = keys.iter().map(|(_, key)| key.to_private_json()).collect();
            let all: Vec<&str> = all.iter().map(|text| text.as_str()).collect();
            Hidden::from(format!("{{\"keys\":[{}]}}", all.join(",")))
        }
        Form::Der => encode(&contained(&keys[0].0, &keys[0].1, request.container)?.1).into(),
        Form::Pem => {
            let mut text = Zeroizing::new(String::new());
            for (place, key) in &keys {
                let (label, der) = contained(place, key, request.container)?;
                block(&mut text, label, &der);
            }
            text.as_str().into()
        }
    };
    let private =
        keys.iter().any(|(_, key)| key.is_private()) && !matches!(request.container, Some(Container::Spki));
    Ok(Answer {
        form: request.to,
        text,
        private,
        keys: keys.iter().map(|(_, key)| KeyFacts::of(key)).collect(),
    })
}

/// The key in its container, with the label of PEM.
fn contained(
    place: &str,
    key: &Jwk,
    container: Option<Container>,
) -> Result<(&'static str, Zeroizing<Vec<u8>>), Problem> {
    let refused = |error: &KeyError| {
        let next = "convert it into `jwk`, or name the container that goes with it";
        Problem::of(error, place, next)
    };
    let wrong = |message: &str| {
        let next = "leave the container away, or name the one that goes with it";
        Problem::invalid("key_container", place, message, next)
    };
    let public = || {
        let der = key.to_public_der().map(Zeroizing::new);
        der.ok_or_else(|| wrong("a shared secret goes into no such container"))
    };
    let default =
        if key.is_private() && key.to_public().is_some() { Container::Pkcs8 } else { Container::Spki };
    match container.unwrap_or(default) {
        Container::Spki => Ok(("PUBLIC KEY", public()?)),
        Container::Pkcs8 => Ok(("PRIVATE KEY", key.to_private_der().map_err(|error| refused(&error))?)),
        Container::Pkcs1 if key.key_type().name() != "RSA" => Err(wrong("PKCS#1 holds RSA keys only")),
        Container::Pkcs1 if key.is_private() => {
            let outer = key.to_private_der().map_err(|error| refused(&error))?;
            Ok(("RSA PRIVATE KEY", der::pkcs1(&outer).ok_or_else(|| wrong("no RSA key"))?))
        }
        Container::Pkcs1 => {
            Ok(("RSA PUBLIC KEY", der::pkcs1(&public()?).ok_or_else(|| wrong("no RSA key"))?))
        }
        Container::Sec1 if key.curve().is_none() || !key.is_private() => {
            Err(wrong("SEC 1 holds private EC keys only"))
        }
        Container::Sec1 => {
            let outer = key.to_private_der().map_err(|error| refused(&error))?;
            Ok(("EC PRIVATE KEY", der::sec1(&outer).ok_or_else(|| wrong("no EC key"))?))
        }
    }
}

fn block(text: &mut String, label: &str, der: &[u8]) {
    let body = Zeroizing::new(STANDARD.encode(der));
    // Enough at once: a text that grows leaves copies of itself behind.
    text.reserve(body.len() * 66 / 64 + 80);
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    text.push_str(&format!("-----END {label}-----\n"));
}

#[cfg(test)]
mod tests {
    use super::super::super::at::tests::at;
    use super::*;
    use portcullis_jose::jwk::{Curve, KeyKind, RsaBits};
    use serde_json::{Value, json};

    fn convert(json: Value) -> Result<Answer, Problem> {
        run(&serde_json::from_value(json).unwrap(), &at())
    }

    fn jwk(key: &Jwk) -> Value {
        json!([{ "jwk": serde_json::from_str::<Value>(&key.to_private_json()).unwrap() }])
    }

    #[test]
    fn there_and_back_again() {
        let rsa = Jwk::generate(KeyKind::Rsa(RsaBits::B2048)).unwrap();
        let mut kinds = vec![(rsa, vec!["pkcs8", "pkcs1"])];
        for curve in [Curve::P256, Curve::P384, Curve::P521, Curve::Secp256k1] {
            kinds.push((Jwk::generate(KeyKind::Ec(curve)).unwrap(), vec!["pkcs8", "sec1"]));
        }
        for kind in [KeyKind::Ed25519, KeyKind::Ed448, KeyKind::X25519, KeyKind::X448] {
            kinds.push((Jwk::generate(kind).unwrap(), vec!["pkcs8"]));
        }
        for (key, containers) in &kinds {
            for (form, container) in containers.iter().flat_map(|one| [("pem", one), ("der", one)]) {
                let made = convert(json!({ "keys": jwk(key), "to": form, "container": container })).unwrap();
                assert!(made.private);
                let back = convert(json!({ "keys": [{ form: made.text.expose() }], "to": "jwk" })).unwrap();
                let back = Jwk::parse(back.text.expose().as_bytes()).unwrap();
                assert!(back.is_private() && back.thumbprint() == key.thumbprint(), "{form} {container}");
            }
            let public = convert(json!({ "keys": jwk(key), "to": "pem", "public": true })).unwrap();
            assert!(!public.private && !public.text.expose().contains("PRIVATE"));
            let spki = convert(json!({ "keys": jwk(key), "to": "pem", "container": "spki" })).unwrap();
            assert_eq!((spki.text.expose(), spki.private), (public.text.expose(), false));
        }
        let both = json!([jwk(&kinds[0].0)[0], jwk(&kinds[1].0)[0]]);
        let set = convert(json!({ "keys": both, "to": "jwks", "public": true, "thumbprint_as_kid": true }))
            .unwrap();
        let json: Value = serde_json::from_str(set.text.expose()).unwrap();
        assert_eq!(json["keys"][1]["kid"], kinds[1].0.thumbprint_text());
        assert!(!set.private && json["keys"][0].get("d").is_none());
        let rsa =
            convert(json!({ "keys": jwk(&kinds[0].0), "to": "pem", "container": "pkcs1", "public": true }))
                .unwrap();
        assert!(rsa.text.expose().starts_with("-----BEGIN RSA PUBLIC KEY-----"));
        let back = convert(json!({ "keys": [{ "pem": rsa.text.expose() }], "to": "jwk" })).unwrap();
        assert_eq!(back.keys[0].thumbprint, Some(kinds[0].0.thumbprint_text()));
    }

    #[test]
    fn what_does_not_go_into_a_form_is_said() {
        let key = jwk(&Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap());
        let both = json!([key[0], key[0]]);
        for (json, name) in [
            (json!({ "keys": [], "to": "jwk" }), "no_keys"),
            (json!({ "keys": both, "to": "jwk" }), "key_count"),
            (json!({ "keys": key, "to": "jwk", "container": "spki" }), "key_container"),
            (json!({ "keys": key, "to": "pem", "container": "pkcs1" }), "key_container"),
            (json!({ "keys": key, "to": "pem", "container": "sec1", "public": true }), "key_container"),
            (json!({ "keys": key, "to": "pem", "container": "pkcs8", "public": true }), "key_not_private"),
            (json!({ "keys": [{ "secret": "x" }], "to": "pem" }), "key_container"),
            (json!({ "keys": [{ "secret": "x" }], "to": "jwk", "public": true }), "key_not_public"),
        ] {
            assert_eq!(convert(json.clone()).unwrap_err().name, name, "{json}");
        }
        let secret = convert(json!({ "keys": [{ "secret": "hunter2" }], "to": "jwk" })).unwrap();
        assert!(secret.private && secret.text.expose().contains("aHVudGVyMg"));
    }
}
