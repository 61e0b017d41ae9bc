//! Making encrypted messages, and signed tokens inside of encrypted ones.

use super::content::{Content, unbase64};
use super::given::{Entry, GivenKey, Material, read};
use super::hidden::unseen;
use super::{At, Problem, Serialization, sign};
use portcullis_jose::jwa::{Enc, KeyManagement, Mode};
use portcullis_jose::jwe::Encryption;
use portcullis_jose::jwk::EncryptionKey;
use portcullis_jose::{KeyError, Protected};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A message to encrypt.
#[derive(Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EncryptRequest)]
pub struct Request {
    /// The content. Or `sign` something.
    pub content: Option<Content>,
    /// Sign this first, and encrypt the token (RFC 7519 §11.2): the signature is hidden too.
    pub sign: Option<sign::Request>,
    /// The recipients' keys: public keys, shared keys, or a password as `secret` with a `PBES2` algorithm.
    #[serde(default)]
    pub keys: Vec<GivenKey>,
    /// Key management, where a key does not name its own. `RSA1_5` is not written.
    pub algorithm: Option<String>,
    /// Content encryption; `A256GCM`, if nothing is said.
    pub encryption: Option<String>,
    /// Header parameters; `alg` and `enc` here are the algorithms.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub header: Map<String, Value>,
    /// How it is written: `compact` with one key, `general` with several, if nothing is said.
    pub serialization: Option<Serialization>,
    /// Compress first; its length then tells something about the content.
    #[serde(default)]
    pub compress: bool,
    /// Authenticate this too, without encrypting it. Not in `compact`.
    pub additional_data: Option<Content>,
    /// Who the sender is, for a key agreement (`apu`).
    pub sender: Option<Content>,
    /// Who the recipient is, for a key agreement (`apv`).
    pub recipient: Option<Content>,
    /// Iterations of a password derivation, at least 1000; what current advice wants, if nothing is said.
    pub iterations: Option<u32>,
}

/// What was encrypted.
#[derive(Clone, Serialize, utoipa::ToSchema)]
#[schema(as = EncryptAnswer)]
pub struct Answer {
    /// The token, or the message as JSON text.
    pub token: String,
    /// How it is written.
    pub serialization: Serialization,
    /// The protected header.
    #[schema(value_type = Object)]
    pub header: Value,
    /// The recipients' own header parameters, in `general`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub recipients: Vec<Value>,
    /// What was signed inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<sign::Answer>,
}

unseen!(Request, Answer);

/// Most recipients of a message, which is what is read too.
const RECIPIENTS: usize = 16;

/// Encrypts.
///
/// # Errors
/// Content, header or keys are not what they should be; a key refuses.
pub fn run(request: &Request, at: &At) -> Result<Answer, Problem> {
    let (content, signed) = match (&request.content, &request.sign) {
        (Some(content), None) => (content.bytes("content")?, None),
        (None, Some(inner)) => {
            let signed = sign::run(inner, at)
                .map_err(|problem| Problem { place: format!("sign.{}", problem.place), ..problem })?;
            (zeroize::Zeroizing::new(signed.token.clone().into_bytes()), Some(signed))
        }
        _ => {
            let (message, next) = ("not exactly one of `content` and `sign`", "give one of them");
            return Err(Problem::invalid("content_form", "content", message, next));
        }
    };
    at.bounded("content", content.len())?;
    let named = |name: &str| request.header.get(name).and_then(Value::as_str);
    let enc: Enc = request.encryption.as_deref().or(named("enc")).unwrap_or("A256GCM").parse().map_err(
        |error: portcullis_jose::jwa::UnknownAlgorithm| {
            let next = "name one of: A128GCM, A192GCM, A256GCM, A128CBC-HS256, A192CBC-HS384, A256CBC-HS512";
            Problem::invalid("enc_unknown", "encryption", error.to_string(), next)
        },
    )?;
    let algorithm = match request.algorithm.as_deref().or(named("alg")) {
        Some(name) => Some(management(name, "algorithm")?),
        None => None,
    };
    let keys = read("keys", &request.keys, at, at.now)?;
    if keys.entries.len() > RECIPIENTS {
        return Err(Problem::invalid(
            "too_many_keys",
            "keys",
            "more recipients than are read",
            "give at most 16 keys",
        ));
    }
    let recipients =
        keys.entries.iter().map(|entry| recipient(entry, algorithm)).collect::<Result<Vec<_>, _>>()?;
    affordable(request, &recipients, at)?;
    let encryption = encryption(request, enc, signed.is_some())?;
    let (token, serialization) = written(request, &encryption, &content, &recipients)?;
    let (header, recipients) = shown(&token);
    Ok(Answer { token, serialization, header, recipients, signed })
}

/// A key management algorithm by its name.
pub(super) fn management(name: &str, place: &str) -> Result<KeyManagement, Problem> {
    name.parse().map_err(|error: portcullis_jose::jwa::UnknownAlgorithm| {
        let next = "name a registered one, as `RSA-OAEP-256`, `ECDH-ES+A128KW`, `A256KW`, `dir` or `PBES2-HS256+A128KW`";
        Problem::invalid("encryption_alg_unknown", place, error.to_string(), next)
    })
}

fn recipient(entry: &Entry, algorithm: Option<KeyManagement>) -> Result<EncryptionKey, Problem> {
    let refused = |error: &KeyError| match error {
        KeyError::ManagementAmbiguous => {
            Problem::of(error, &entry.place, "name `alg` beside the key, or `algorithm` for all of them")
        }
        KeyError::SecretTooShort { .. } => Problem::of(error, &entry.place, "use a longer password"),
        _ => Problem::of(error, &entry.place, "give a key and an algorithm that go together"),
    };
    if let Material::Secret { bytes, alg, .. } = &entry.material {
        let named = match alg {
            Some(name) => Some(management(name, &format!("{}.alg", entry.place))?),
            None => algorithm,
        };
        if let Some(alg) = named.filter(|alg| alg.mode() == Mode::Password) {
            return EncryptionKey::password(bytes.to_vec(), alg).map_err(|error| refused(&error));
        }
    }
    let key = entry.jwk()?;
    let own = key.alg_name().is_some();
    key.encryption_key(if own { None } else { algorithm }).map_err(|error| refused(&error))
}

fn affordable(request: &Request, recipients: &[EncryptionKey], at: &At) -> Result<(), Problem> {
    let most = at.bounds.iterations;
    if request.iterations.is_some_and(|wanted| !(1000..=most).contains(&wanted)) {
        let (message, next) =
            (format!("not between 1000 and {most}"), "leave it away, or name another number");
        return Err(Problem::invalid("password_iterations", "iterations", message, next));
    }
    let passwords = recipients.iter().filter(|key| key.alg().mode() == Mode::Password).count();
    super::explain::affordable(0, 0, passwords, at)
}

fn encryption(request: &Request, enc: Enc, nested: bool) -> Result<Encryption, Problem> {
    let mut header = Protected::new();
    for (name, value) in request.header.iter().take(64) {
        header = match (name.as_str(), value) {
            ("typ", Value::String(typ)) => header.typ(typ.as_str()),
            ("kid", Value::String(kid)) => header.kid(kid.as_str()),
            ("cty", Value::String(cty)) if !nested => header.cty(cty.as_str()),
            ("alg" | "enc", Value::String(_)) => header,
            (
                "typ" | "kid" | "cty" | "alg" | "enc" | "zip" | "crit" | "epk" | "apu" | "apv" | "iv" | "tag"
                | "p2s" | "p2c",
                _,
            ) => {
                return Err(Problem::invalid(
                    "header_parameter",
                    format!("header.{name}"),
                    "written by what it means, or no string",
                    "leave it away: `compress`, `sender`, `recipient` and the algorithms write these",
                ));
            }
            (name, value) => header.parameter(name, value.clone()),
        };
    }
    if nested {
        header = header.cty("JWT");
    }
    let mut encryption = Encryption::new(enc).header(header);
    if request.compress {
        encryption = encryption.compress();
    }
    if let Some(data) = &request.additional_data {
        encryption = encryption.additional_data(data.bytes("additional_data")?.to_vec());
    }
    let party = |content: &Option<Content>, place| match content {
        Some(content) => content.bytes(place).map(|bytes| bytes.to_vec()),
        None => Ok(Vec::new()),
    };
    if request.sender.is_some() || request.recipient.is_some() {
        encryption =
            encryption.parties(party(&request.sender, "sender")?, party(&request.recipient, "recipient")?);
    }
    if let Some(rounds) = request.iterations {
        encryption = encryption.iterations(rounds);
    }
    Ok(encryption)
}

fn written(
    request: &Request,
    encryption: &Encryption,
    content: &[u8],
    to: &[EncryptionKey],
) -> Result<(String, Serialization), Problem> {
    let default = match to.len() {
        0 | 1 if request.additional_data.is_some() => Serialization::Flattened,
        0 | 1 => Serialization::Compact,
        _ => Serialization::General,
    };
    let serialization = request.serialization.unwrap_or(default);
    let token = match (serialization, to) {
        (_, []) => {
            let (message, next) = ("there is nobody to encrypt to", "give a key or a password");
            return Err(Problem::invalid("encrypt_no_recipient", "keys", message, next));
        }
        (Serialization::General, to) => encryption.general(content, &to.iter().collect::<Vec<_>>()),
        (_, [_, _, ..]) => {
            let (message, next) = ("one key only goes into this form", "ask for `general`, or give one key");
            return Err(Problem::invalid("serialization_one_key", "serialization", message, next));
        }
        (Serialization::Flattened, [to]) => encryption.flattened(content, to),
        (Serialization::Compact, [to]) => encryption.compact(content, to),
    };
    let next = "change the algorithms, the keys or the form so that they go together";
    token.map(|token| (token, serialization)).map_err(|error| Problem::of(&error, "keys", next))
}

/// The protected header of what was just written, and the recipients' own parameters.
fn shown(token: &str) -> (Value, Vec<Value>) {
    let decoded = |part: &str| unbase64(part).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let Ok(json) = serde_json::from_str::<Value>(token) else {
        return (token.split('.').next().and_then(decoded).unwrap_or_default(), Vec::new());
    };
    let own = json["recipients"].as_array().into_iter().flatten().map(|one| one["header"].clone());
    (json["protected"].as_str().and_then(decoded).unwrap_or_default(), own.collect())
}
