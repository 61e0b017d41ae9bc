//! Reading encrypted messages, and the signed tokens inside of them.

use super::content::Shown;
use super::encrypt::management;
use super::explain::affordable;
use super::given::{Entry, GivenKey, Material, read};
use super::hidden::unseen;
use super::problem::Refusal;
use super::{At, Bounds, Expectations, Kind, Problem, decode, verify};
use portcullis_fault::codes;
use portcullis_jose::KeyError;
use portcullis_jose::jwa::{Enc, KeyManagement, Mode, UnknownAlgorithm};
use portcullis_jose::jwe::{DecryptError, Decrypted, Decryption, Encrypted};
use portcullis_jose::jwk::DecryptionKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A message to decrypt.
#[derive(Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DecryptRequest)]
pub struct Request {
    /// The message, exactly: compact or JSON serialisation.
    pub token: String,
    /// The private keys, shared keys or passwords (as `secret`) to try.
    #[serde(default)]
    pub keys: Vec<GivenKey>,
    /// The key management algorithms that are allowed; all but `RSA1_5`, if none is named.
    #[serde(default)]
    pub algorithms: Vec<String>,
    /// The content encryptions that are allowed; all, if none is named.
    #[serde(default)]
    pub encryptions: Vec<String>,
    /// Read `RSA1_5` too: on one's own machine only. A server refuses it.
    #[serde(default)]
    pub rsa1_5: bool,
    /// Verify the signed token that must be inside.
    pub verify: Option<Inside>,
    /// The time to judge by, in place of the server's: RFC 3339, or seconds since 1970.
    pub now: Option<String>,
}

/// How the token inside is verified; as [`verify::Request`].
#[derive(Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Inside {
    /// The keys that may have signed it.
    #[serde(default)]
    pub keys: Vec<GivenKey>,
    /// The signature algorithms that are allowed.
    #[serde(default)]
    pub algorithms: Vec<String>,
    /// What the claims have to say.
    pub expect: Option<Expectations>,
}

/// What came out.
#[derive(Clone, Serialize, utoipa::ToSchema)]
#[schema(as = DecryptAnswer)]
pub struct Answer {
    /// Whether it decrypts.
    pub decrypted: bool,
    /// Whether the token inside is valid; nothing where that was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<bool>,
    /// Why it does not decrypt. Once its shape is sound and there is a key that could do, every failure is the same one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
    /// The header, as it is for the recipient that the key was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub header: Option<Value>,
    /// Key management that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub algorithm: Option<&'static str>,
    /// Content encryption that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub encryption: Option<&'static str>,
    /// Which recipient it was, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<usize>,
    /// Which key it was, as the request has it: `keys[0]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What was encrypted; where the token inside is to be verified, only if it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Shown>,
    /// What the token inside says, where its signature was asked for: whether it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside: Option<verify::Answer>,
    /// What the token inside says, where nothing was asked of it. Encrypting says nothing about who sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoded: Option<decode::Answer>,
}

unseen!(Request, Inside, Answer);

/// Decrypts.
///
/// # Errors
/// Keys or algorithms are not what they should be, or too large. That it does not decrypt is an answer.
pub fn run(request: &Request, at: &At) -> Result<Answer, Problem> {
    at.bounded("token", request.token.len())?;
    let now = at.judged(request.now.as_deref())?;
    let reading = reading(request, at)?;
    let keys = read("keys", &request.keys, at, now)?;
    let message = match Encrypted::parse(request.token.as_bytes(), at.bounds.message) {
        Ok(message) => message,
        Err(error) => return Ok(refused(Refusal::of(&error))),
    };
    let by_password =
        message.headers().any(|header| header.alg().is_ok_and(|alg| alg.mode() == Mode::Password));
    let passwords = keys.entries.iter().filter(|entry| by_password && entry.is_password()).count();
    affordable(keys.entries.len(), message.headers().count(), passwords, at)?;
    let mut prepared = Vec::with_capacity(keys.entries.len());
    for entry in &keys.entries {
        prepared.push((entry.place.as_str(), opener(entry, by_password)?));
    }
    if keys.entries.is_empty() {
        let (message, next) =
            ("there is no key to decrypt it with", "give a private key, a shared key or a password");
        return Err(Problem::invalid("no_keys", "keys", message, next));
    }
    // Where one of them carries the id that the message names, it is asked first.
    let names = |key: &DecryptionKey| {
        key.kid().is_some() && message.headers().any(|header| header.kid() == key.kid())
    };
    prepared.sort_by_key(|(_, key)| !names(key));
    let mut best: Option<DecryptError> = None;
    for (place, key) in &prepared {
        match reading.decrypt(&message, key) {
            Ok(opened) => return opened_by(request, place, &opened, at),
            Err(error @ DecryptError::KeyMismatch(_)) => best = best.or(Some(error)),
            // That it does not decrypt says more than that other keys do not go with it.
            Err(error) => match best {
                None | Some(DecryptError::KeyMismatch(_)) => best = Some(error),
                Some(_) => {}
            },
        }
    }
    Ok(refused(Refusal::of(&best.unwrap_or(DecryptError::Failed))))
}

fn reading(request: &Request, at: &At) -> Result<Decryption, Problem> {
    let Bounds { message, content, iterations, .. } = at.bounds;
    let mut reading = Decryption::new().limit(message).content_limit(content).iterations(iterations);
    if !request.algorithms.is_empty() {
        let one = |(index, name): (usize, &String)| management(name, &format!("algorithms[{index}]"));
        let named = request.algorithms.iter().enumerate().map(one).collect::<Result<Vec<_>, _>>()?;
        reading = reading.algorithms(&named);
    }
    if !request.encryptions.is_empty() {
        let one = |(index, name): (usize, &String)| {
            name.parse::<Enc>().map_err(|error: UnknownAlgorithm| {
                let place = format!("encryptions[{index}]");
                Problem::invalid(
                    "enc_unknown",
                    place,
                    error.to_string(),
                    "name a registered one, as `A256GCM`",
                )
            })
        };
        let named = request.encryptions.iter().enumerate().map(one).collect::<Result<Vec<_>, _>>()?;
        reading = reading.contents(&named);
    }
    let named = request.algorithms.iter().any(|name| name == KeyManagement::RSA1_5.name());
    match (request.rsa1_5 || named, at.bounds.rsa1_5) {
        (false, _) => Ok(reading),
        (true, true) if request.rsa1_5 => Ok(reading.also_rsa1_5()),
        (true, _) => Err(Problem::new(
            "encryption_alg_not_allowed",
            codes::ALGORITHM_NOT_ALLOWED,
            "rsa1_5",
            "`RSA1_5` is not read here: its padding tells whoever can ask how it went",
            "decrypt it on your own machine: `portcullis jose decrypt --allow-rsa1-5`",
        )),
    }
}

fn opener(entry: &Entry, by_password: bool) -> Result<DecryptionKey, Problem> {
    if let (Material::Secret { bytes, .. }, true) = (&entry.material, by_password) {
        return DecryptionKey::password(bytes.to_vec()).map_err(|error| entry.unusable(&error));
    }
    let key = entry.jwk()?;
    key.decryption_key().map_err(|error: KeyError| entry.unusable(&error))
}

fn refused(refused: Refusal) -> Answer {
    Answer {
        decrypted: false,
        valid: None,
        refused: Some(refused),
        header: None,
        algorithm: None,
        encryption: None,
        recipient: None,
        key: None,
        content: None,
        inside: None,
        decoded: None,
    }
}

fn opened_by(request: &Request, place: &str, opened: &Decrypted, at: &At) -> Result<Answer, Problem> {
    let text = std::str::from_utf8(opened.content()).ok();
    let is_token = text.is_some_and(|text| text.matches('.').count() == 2);
    let shown = decode::run(&decode::Request { token: request.token.clone(), ..Default::default() }, at)?;
    let mut answer = Answer {
        decrypted: true,
        refused: None,
        header: decode::recipient_header(&request.token, opened.recipient()).or(shown.header),
        algorithm: Some(opened.alg().name()),
        encryption: Some(opened.enc().name()),
        recipient: Some(opened.recipient()),
        key: Some(place.to_owned()),
        ..refused(Refusal::of(&DecryptError::Failed))
    };
    let Some(inside) = &request.verify else {
        if let (Some(text), true) = (text, is_token) {
            let decoded = decode::run(
                &decode::Request { token: text.to_owned(), now: request.now.clone(), payload: None },
                at,
            )?;
            answer.decoded =
                Some(decoded).filter(|decoded| decoded.decoded && decoded.kind != Kind::Encrypted);
        }
        answer.content = Some(Shown::of(opened.content()));
        return Ok(answer);
    };
    let verified = verify::run(
        &verify::Request {
            // What is no text is no token, which is what verifying it says.
            token: text.unwrap_or_default().to_owned(),
            keys: inside.keys.clone(),
            algorithms: inside.algorithms.clone(),
            expect: Some(inside.expect.clone().unwrap_or_default()),
            now: request.now.clone(),
            ..verify::Request::default()
        },
        at,
    )
    .map_err(|problem| Problem { place: format!("verify.{}", problem.place), ..problem })?;
    let says = portcullis_jose::jwe::says_token(opened.header().cty());
    if !says {
        answer.refused = Some(Refusal::new(
            "nested_content_type",
            codes::TOKEN_TYPE_MISMATCH,
            "encrypted token does not say that its content is a token: `cty` is not `JWT`",
        ));
    }
    answer.valid = Some(verified.valid && says);
    answer.content = answer.valid.filter(|valid| *valid).map(|_| Shown::of(opened.content()));
    answer.inside = Some(verified);
    Ok(answer)
}

#[cfg(test)]
mod tests;
