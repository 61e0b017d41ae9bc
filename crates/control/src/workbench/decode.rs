//! What a token says, without asking whether it is true. Takes what people have on the clipboard; nothing is checked.

use super::content::{Content, Shown, unbase64};
use super::hidden::unseen;
use super::moment::{Times, times};
use super::problem::Refusal;
use super::{At, Kind, Problem, Serialization};
use portcullis_jose::explain::{AtHand, explain};
use portcullis_jose::jwe::Encrypted;
use portcullis_jose::jws::{Message, Reading};
use portcullis_jose::{Finding, FindingSubject, Rules, Unverified};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A token to take apart.
#[derive(Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DecodeRequest)]
pub struct Request {
    /// The token or message: compact or JSON serialisation, signed or encrypted, with whatever was pasted around it.
    pub token: String,
    /// The payload of a detached signature.
    pub payload: Option<Content>,
    /// The time to measure distances from, in place of the server's: RFC 3339, or seconds since 1970.
    pub now: Option<String>,
}

/// What it says. Nobody vouches for it.
#[derive(Clone, Serialize, utoipa::ToSchema)]
#[schema(as = DecodeAnswer)]
pub struct Answer {
    /// Whether it could be taken apart.
    pub decoded: bool,
    /// Always `false`: decoding checks nothing.
    pub verified: bool,
    /// What kind of token it seems to be.
    pub kind: Kind,
    /// How it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serialization: Option<Serialization>,
    /// Whether the payload is somewhere else.
    pub detached: bool,
    /// The header; of several signatures or recipients the first one's, protected and unprotected parameters together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub header: Option<Value>,
    /// The signatures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<SignatureShown>,
    /// The recipients of an encrypted message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<RecipientShown>,
    /// The claims, where the payload is a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub claims: Option<Value>,
    /// The payload as bytes; nothing of an encrypted one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Shown>,
    /// Bytes of the ciphertext, of an encrypted message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ciphertext_bytes: Option<usize>,
    /// The dates among the claims.
    #[schema(value_type = HashMap<String, super::Moment>)]
    pub times: Times,
    /// Why a strict reader refuses its shape, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
    /// What was around it or is wrong with it, in the order of the checks.
    #[schema(value_type = Vec<super::Finding>)]
    pub findings: Vec<Finding>,
}

/// One signature.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub struct SignatureShown {
    /// What is signed of its header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub protected: Option<Value>,
    /// What is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub unprotected: Option<Value>,
    /// Bytes of the signature.
    pub signature_bytes: usize,
}

/// One recipient.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub struct RecipientShown {
    /// Its own header parameters; they are not protected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub header: Option<Value>,
    /// Bytes of the encrypted content key; 0 where the algorithm has none.
    pub encrypted_key_bytes: usize,
}

unseen!(Request, Answer, SignatureShown, RecipientShown);

/// What is not said here: nothing is verified, so it is no finding that nothing can be; and when a token expires stands
/// in `times`.
const SILENT: [&str; 6] =
    ["no_keys", "expired", "expired_recently", "not_yet_valid", "issued_in_future", "jwe"];

/// Takes a token apart.
///
/// # Errors
/// It is larger than is read, or the payload or time is malformed. That it is no token is an answer.
pub fn run(request: &Request, at: &At) -> Result<Answer, Problem> {
    at.bounded("token", request.token.len())?;
    let now = at.judged(request.now.as_deref())?;
    let payload = match &request.payload {
        Some(content) => Some(content.bytes("payload")?),
        None => None,
    };
    let text = request.token.trim();
    if text.starts_with('{') {
        let json: Option<Value> = serde_json::from_str(text).ok();
        let has = |name: &str| json.as_ref().is_some_and(|json| json.get(name).is_some());
        if has("signature") || has("signatures") {
            return Ok(signed_json(
                &json.unwrap_or_default(),
                text,
                payload.as_deref().map(Vec::as_slice),
                now,
                at,
            ));
        }
        if has("ciphertext") {
            return Ok(encrypted_json(&json.unwrap_or_default(), text, at));
        }
    }
    let rules = Rules { exp_required: false, ..Rules::new() };
    let explained = explain(&request.token, &AtHand::new(now).rules(rules));
    let repaired = explained.findings.iter().rev().find_map(|finding| finding.repaired.clone());
    let codes: Vec<&str> = explained.findings.iter().map(|finding| finding.code).collect();
    let mut answer = compact(
        repaired.as_deref().unwrap_or(&request.token),
        payload.as_deref().map(Vec::as_slice),
        now,
        at,
    );
    if codes.contains(&"sd_jwt") {
        answer.kind = Kind::SdJwt;
    } else if !answer.decoded {
        answer.kind = match () {
            () if codes.iter().any(|code| ["jwk_pasted", "pem_pasted"].contains(code)) => Kind::Key,
            () if codes.iter().any(|code| code.contains("opaque")) => Kind::Opaque,
            () => Kind::Unknown,
        };
    }
    answer.findings = explained
        .findings
        .into_iter()
        .filter(|finding| !SILENT.contains(&finding.code))
        // A message that is no JWT, or has its payload elsewhere, is none the worse for it.
        .filter(|finding| !answer.decoded || answer.refused.is_some() || !is_about_payload(finding))
        .collect();
    Ok(answer)
}

fn is_about_payload(finding: &Finding) -> bool {
    finding.subject == FindingSubject::Part("payload")
}

fn empty() -> Answer {
    Answer {
        decoded: false,
        verified: false,
        kind: Kind::Unknown,
        serialization: None,
        detached: false,
        header: None,
        signatures: Vec::new(),
        recipients: Vec::new(),
        claims: None,
        payload: None,
        ciphertext_bytes: None,
        times: Times::new(),
        refused: None,
        findings: Vec::new(),
    }
}

fn compact(token: &str, detached: Option<&[u8]>, now: i64, at: &At) -> Answer {
    let parts: Vec<&str> = token.split('.').collect();
    let header = parts.first().and_then(|part| object(part));
    let limit = at.bounds.message;
    match (&*parts, header) {
        ([_, payload, signature], Some(header)) => {
            let is_detached = payload.is_empty();
            let bytes = if is_detached {
                detached.map(<[u8]>::to_vec)
            } else {
                unbase64(payload).map(|b| b.to_vec())
            };
            let mut answer = with_payload(empty(), &header, bytes.as_deref(), now);
            answer.refused = if is_detached {
                let reading = Reading::new().limit(limit).also_unencoded();
                Message::parse_detached(token.as_bytes(), detached.unwrap_or_default(), reading)
                    .err()
                    .map(|error| Refusal::of(&error))
            } else {
                strict(token, answer.claims.is_some(), limit)
            };
            Answer {
                decoded: true,
                serialization: Some(Serialization::Compact),
                detached: is_detached,
                signatures: vec![SignatureShown {
                    protected: Some(header.clone()),
                    unprotected: None,
                    signature_bytes: length(signature),
                }],
                header: Some(header),
                ..answer
            }
        }
        ([_, key, _, ciphertext, _], Some(header)) => Answer {
            decoded: true,
            kind: Kind::Encrypted,
            serialization: Some(Serialization::Compact),
            recipients: vec![RecipientShown { header: None, encrypted_key_bytes: length(key) }],
            ciphertext_bytes: Some(length(ciphertext)),
            refused: Encrypted::parse(token.as_bytes(), limit).err().map(|error| Refusal::of(&error)),
            header: Some(header),
            ..empty()
        },
        (_, header) => Answer { header, ..empty() },
    }
}

/// What strict parsing says: as a JWT, or, where the payload is no claims set, as any signed message.
fn strict(token: &str, is_jwt: bool, limit: usize) -> Option<Refusal> {
    let error = Unverified::parse_bytes(token.as_bytes(), limit).err()?;
    let payload =
        error.part() == Some(portcullis_jose::jws::Part::Payload) && error.name().starts_with("json_");
    if payload && !is_jwt { None } else { Some(Refusal::of(&error)) }
}

fn signed_json(json: &Value, text: &str, detached: Option<&[u8]>, now: i64, at: &At) -> Answer {
    let general = json["signatures"].as_array();
    let ones: Vec<&Value> = general.map_or_else(|| vec![json], |all| all.iter().collect());
    let signatures: Vec<SignatureShown> = ones
        .iter()
        .map(|one| SignatureShown {
            protected: one["protected"].as_str().and_then(object),
            unprotected: one.get("header").cloned(),
            signature_bytes: one["signature"].as_str().map_or(0, length),
        })
        .collect();
    let header =
        signatures.first().map(|first| joint(&[first.protected.as_ref(), first.unprotected.as_ref()]));
    let header = header.unwrap_or_default();
    let is_detached = json.get("payload").is_none();
    let encoded = header["b64"] != Value::Bool(false);
    let attached = json["payload"].as_str().and_then(|text| match encoded {
        true => unbase64(text).map(|bytes| bytes.to_vec()),
        false => Some(text.as_bytes().to_vec()),
    });
    let bytes = if is_detached { detached.map(<[u8]>::to_vec) } else { attached };
    let reading = Reading::new().limit(at.bounds.message).also_unencoded();
    let refused = match is_detached {
        true => Message::parse_detached(text.as_bytes(), detached.unwrap_or_default(), reading).err(),
        false => Message::parse(text.as_bytes(), reading).err(),
    };
    Answer {
        decoded: true,
        serialization: Some(if general.is_some() {
            Serialization::General
        } else {
            Serialization::Flattened
        }),
        detached: is_detached,
        refused: refused.map(|error| Refusal::of(&error)),
        signatures,
        ..with_payload(empty(), &header, bytes.as_deref(), now)
    }
}

fn encrypted_json(json: &Value, text: &str, at: &At) -> Answer {
    let general = json["recipients"].as_array();
    let ones: Vec<&Value> = general.map_or_else(|| vec![json], |all| all.iter().collect());
    let recipients = ones.iter().map(|one| RecipientShown {
        header: one.get("header").cloned(),
        encrypted_key_bytes: one["encrypted_key"].as_str().map_or(0, length),
    });
    let protected = json["protected"].as_str().and_then(object);
    let first = ones.first().and_then(|one| one.get("header"));
    Answer {
        decoded: true,
        kind: Kind::Encrypted,
        serialization: Some(if general.is_some() {
            Serialization::General
        } else {
            Serialization::Flattened
        }),
        header: Some(joint(&[protected.as_ref(), json.get("unprotected"), first])),
        recipients: recipients.collect(),
        ciphertext_bytes: json["ciphertext"].as_str().map(length),
        refused: Encrypted::parse(text.as_bytes(), at.bounds.message).err().map(|error| Refusal::of(&error)),
        ..empty()
    }
}

/// The header of one signature of a message, protected and unprotected parameters together.
pub(super) fn header_at(json: Option<&Value>, bytes: &[u8], index: usize) -> Value {
    let Some(json) = json else {
        let first = bytes.split(|byte| *byte == b'.').next().and_then(|part| std::str::from_utf8(part).ok());
        return first.and_then(object).unwrap_or_default();
    };
    let one = json["signatures"].get(index).unwrap_or(json);
    joint(&[one["protected"].as_str().and_then(object).as_ref(), one.get("header")])
}

/// The header of one recipient of a message in JSON, protected, shared and own parameters together.
pub(super) fn recipient_header(text: &str, index: usize) -> Option<Value> {
    let json: Value = serde_json::from_str(text).ok().filter(Value::is_object)?;
    let own = json["recipients"].get(index).unwrap_or(&json).get("header");
    let protected = json["protected"].as_str().and_then(object);
    Some(joint(&[protected.as_ref(), json.get("unprotected"), own]))
}

/// The headers of one signature or recipient together.
fn joint(headers: &[Option<&Value>]) -> Value {
    let members = headers.iter().flatten().filter_map(|header| header.as_object()).flatten();
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn with_payload(mut answer: Answer, header: &Value, bytes: Option<&[u8]>, now: i64) -> Answer {
    answer.claims = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok()).filter(Value::is_object);
    answer.times = times(answer.claims.as_ref(), now);
    answer.kind = answer.claims.as_ref().map_or(Kind::SignedMessage, |claims| Kind::of_jwt(header, claims));
    answer.payload = bytes.map(Shown::of);
    answer.header = Some(header.clone());
    answer
}

/// A JSON object in base64url, read kindly.
fn object(part: &str) -> Option<Value> {
    serde_json::from_slice(&unbase64(part)?).ok().filter(Value::is_object)
}

fn length(part: &str) -> usize {
    unbase64(part).map_or(0, |bytes| bytes.len())
}

#[cfg(test)]
mod tests;
