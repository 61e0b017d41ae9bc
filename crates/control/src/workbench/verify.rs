//! Whether a token is signed by a given key, and says what it has to say. Strict: nothing is repaired, and nothing in the
//! token chooses how it is checked.

mod claims;
mod ring;

use super::content::{Content, Shown};
use super::expectations::signature_algorithms;
use super::given::{GivenKey, read};
use super::hidden::unseen;
use super::moment::Times;
use super::problem::Refusal;
use super::{At, Expectations, LeftOut, Problem, Serialization};
use claims::Judged;
use portcullis_jose::explain::explain;
use portcullis_jose::jws::{self, Message, Policy as Which, Reading};
use portcullis_jose::{Finding, Header, ParseError, Rules, SignatureError, Unverified, VerifyingKey};
use ring::Ring;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A token to verify.
#[derive(Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VerifyRequest)]
pub struct Request {
    /// The token or message, exactly: compact or JSON serialisation.
    pub token: String,
    /// The keys that may have signed it.
    #[serde(default)]
    pub keys: Vec<GivenKey>,
    /// Fetch a JWK set from here (https, a public host) and use its keys.
    pub jwks_url: Option<String>,
    /// Find this issuer's key set by OpenID discovery and use its keys; the token must then have this `iss`.
    pub issuer: Option<String>,
    /// The signature algorithms that are allowed; if none is named, those that the keys name, or that go with their type
    /// and curve. A secret takes HMAC only, and nothing else does.
    #[serde(default)]
    pub algorithms: Vec<String>,
    /// What the claims have to say. Of a JSON serialisation or a detached payload, nothing is expected unless it is stated.
    pub expect: Option<Expectations>,
    /// The payload of a detached signature.
    pub payload: Option<Content>,
    /// The payload of a compact token may be anything: only the signature is judged where it is no claims set.
    #[serde(default)]
    pub any_payload: bool,
    /// Which of several signatures must count; `any`, if nothing is said.
    #[serde(default)]
    pub policy: Policy,
    /// The time to judge by, in place of the server's: RFC 3339, or seconds since 1970.
    pub now: Option<String>,
}

/// Which of several signatures must count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// At least one; nothing is said about the others.
    #[default]
    Any,
    /// Every one.
    All,
    /// Each of the given keys has signed; further signatures do no harm.
    EveryKey,
}

/// Whether it counts.
#[derive(Clone, Serialize, utoipa::ToSchema)]
#[schema(as = VerifyAnswer)]
pub struct Answer {
    /// Whether the signature counts and everything that is expected holds.
    pub valid: bool,
    /// The signatures that count, and under which keys.
    pub signers: Vec<Signer>,
    /// Why the token is refused before its claims are looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
    /// Of several signatures, why each of those that do not count does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused_signatures: Vec<RefusedSignature>,
    /// What of the claims and `typ` is not as expected: all of it.
    pub violations: Vec<Refusal>,
    /// How it is written.
    pub serialization: Serialization,
    /// The header of the first signature that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub header: Option<Value>,
    /// The claims; only where the signature counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub claims: Option<Value>,
    /// The payload; only where the signature counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Shown>,
    /// The dates among the claims.
    #[schema(value_type = HashMap<String, super::Moment>)]
    pub times: Times,
    /// Keys that were given and are not for verifying.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<Unused>,
    /// Members of key sets that are not used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Why it is not valid, and what to do about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<super::Finding>)]
    pub findings: Vec<Finding>,
}

/// A signature that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Signer {
    /// Which signature, counted from 0.
    pub signature: usize,
    /// Which key, as the request has it: `keys[0]`, `keys[1].keys[3]`.
    pub key: String,
    /// The key's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The algorithm.
    #[schema(value_type = String)]
    pub algorithm: &'static str,
}

/// A signature that does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RefusedSignature {
    /// Which signature, counted from 0.
    pub signature: usize,
    /// Why.
    pub refused: Refusal,
}

/// A key that is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Unused {
    /// Which key, as the request has it.
    pub key: String,
    /// Stable: scripts may rely on it.
    #[schema(value_type = String)]
    pub name: &'static str,
    /// Why not.
    pub reason: String,
}

unseen!(Request, Answer);

/// Verifies a token.
///
/// # Errors
/// Keys, algorithms or expectations are not what they should be, or too large. That it is not valid is an answer.
pub fn run(request: &Request, at: &At) -> Result<Answer, Problem> {
    at.bounded("token", request.token.len())?;
    if request.jwks_url.is_some() || request.issuer.is_some() {
        return Err(unfetched());
    }
    let now = at.judged(request.now.as_deref())?;
    let keys = read("keys", &request.keys, at, now)?;
    let stated = signature_algorithms(&request.algorithms)?;
    let rules = request.expect.clone().unwrap_or_default().rules()?;
    let ring = Ring::of(&keys, stated)?;
    let payload = match &request.payload {
        Some(content) => Some(content.bytes("payload")?),
        None => None,
    };
    let check = Check { request, ring: &ring, rules: &rules, now, limit: at.bounds.message };
    let mut answer = match &payload {
        _ if request.token.trim_ascii_start().starts_with('{') => {
            check.message(payload.as_deref().map(Vec::as_slice), at)?
        }
        Some(payload) => check.message(Some(payload), at)?,
        None => check.compact(),
    };
    answer.unused.clone_from(&ring.unused);
    answer.left_out = keys.left_out();
    if !answer.valid && answer.serialization == Serialization::Compact && payload.is_none() {
        let mut hand = keys.hand(now).rules(rules);
        if let Some(stated) = stated {
            hand = hand.allowed(stated);
        }
        answer.findings = explain(&request.token, &hand).findings;
    }
    Ok(answer)
}

pub(super) fn unfetched() -> Problem {
    let next = "fetch the key set and give it among `keys`, or send the request to a server";
    Problem::invalid("keys_not_fetched", "jwks_url", "nothing is fetched here", next)
}

/// One token, and everything it is judged by.
struct Check<'c> {
    request: &'c Request,
    ring: &'c Ring,
    rules: &'c Rules,
    now: i64,
    limit: usize,
}

impl Check<'_> {
    fn compact(&self) -> Answer {
        let token = self.request.token.as_bytes();
        match Unverified::parse_bytes(token, self.limit) {
            Ok(parsed) => {
                let opened = self.ring.open(parsed.header(), |key| parsed.verify(key, self.ring.allowed));
                match opened {
                    Err(refused) => refusal(refused, Serialization::Compact),
                    Ok((_, signer)) => {
                        let header = serde_json::from_str(&parsed.header_json()).unwrap_or_default();
                        let judged = Judged::token(&parsed, self.rules, self.now);
                        accepted(vec![signer], Serialization::Compact, header, judged)
                    }
                }
            }
            Err(error) if self.request.any_payload && is_other_payload(&error) => self.any(token),
            Err(error) => refusal(Refusal::of(&error), Serialization::Compact),
        }
    }

    /// A compact token whose payload is no claims set.
    fn any(&self, token: &[u8]) -> Answer {
        let header = match header_of(token) {
            Ok(header) => header,
            Err(error) => return refusal(Refusal::of(&error), Serialization::Compact),
        };
        let opened = self.ring.open(&header.0, |key| {
            // Its shape was read twice by now; it does not fail here.
            let verified = jws::verify_compact(token, self.limit, key, self.ring.allowed);
            verified.unwrap_or(Err(SignatureError::Mismatch)).map(|(_, payload)| payload)
        });
        match opened {
            Err(refused) => refusal(refused, Serialization::Compact),
            Ok((payload, signer)) => {
                let judged = Judged::bytes(&payload, self.request.expect.is_some(), self.now);
                accepted(vec![signer], Serialization::Compact, header.1, judged)
            }
        }
    }

    /// A JSON serialisation, or a detached payload.
    fn message(&self, payload: Option<&[u8]>, at: &At) -> Result<Answer, Problem> {
        let bytes = self.request.token.as_bytes();
        let json: Option<Value> = serde_json::from_slice(bytes).ok();
        let serialization = match &json {
            Some(json) if json.get("signatures").is_some() => Serialization::General,
            Some(_) => Serialization::Flattened,
            None => Serialization::Compact,
        };
        let reading = Reading::new().limit(self.limit).also_unencoded();
        let message = match payload {
            Some(payload) => Message::parse_detached(bytes, payload, reading),
            None => Message::parse(bytes, reading),
        };
        let message = match message {
            Ok(message) => message,
            Err(error) => return Ok(refusal(Refusal::of(&error), serialization)),
        };
        let keys: Vec<VerifyingKey> = self.ring.keys.iter().map(|(_, key, _)| key.clone()).collect();
        if keys.len() * message.signatures().len() > at.bounds.trials * 16 {
            let next = "give fewer keys, or verify on the command line: `portcullis jose verify`";
            return Err(Problem::invalid(
                "too_many_trials",
                "keys",
                "too many keys for so many signatures",
                next,
            ));
        }
        let policy = match self.request.policy {
            Policy::Any => Which::Any,
            Policy::All => Which::All,
            Policy::EveryKey => Which::EveryKey,
        };
        let headers: Vec<Header> = message.signatures().iter().map(|one| one.header().clone()).collect();
        let signed = match message.verify(&keys, self.ring.allowed, policy) {
            Ok(signed) => signed,
            Err(error) => {
                let each = error.refused.iter().map(|(signature, why)| {
                    let refused = match (why, headers[*signature].alg()) {
                        // What is said where no key was even tried.
                        (SignatureError::Mismatch, Ok(alg)) if keys.is_empty() => {
                            self.ring.no_key(&headers[*signature], alg)
                        }
                        (why, _) => Refusal::of(why),
                    };
                    RefusedSignature { signature: *signature, refused }
                });
                return Ok(Answer {
                    refused_signatures: each.collect(),
                    ..refusal(Refusal::of(&error), serialization)
                });
            }
        };
        let signers: Vec<Signer> = signed
            .signers()
            .iter()
            .map(|signer| Signer {
                signature: signer.signature,
                key: self.ring.keys[signer.key].0.clone(),
                kid: keys[signer.key].kid().map(str::to_owned),
                algorithm: signer.alg.name(),
            })
            .collect();
        let first = signers.first().map_or(0, |signer| signer.signature);
        let typ = headers.get(first).and_then(Header::typ);
        let alg = signers.first().map_or("", |signer| signer.algorithm);
        let judged = match &self.request.expect {
            Some(_) => Judged::payload(signed.payload(), alg, typ, self.rules, self.now),
            None => Judged::bytes(signed.payload(), false, self.now),
        };
        let header = super::decode::header_at(json.as_ref(), bytes, first);
        Ok(accepted(signers, serialization, header, judged))
    }
}

/// Of a token that is no JWT only because of what it carries.
fn is_other_payload(error: &ParseError) -> bool {
    error.part() == Some(jws::Part::Payload) && error.name().starts_with("json_")
}

fn header_of(token: &[u8]) -> Result<(Header, Value), ParseError> {
    let first = token.split(|byte| *byte == b'.').next().unwrap_or_default();
    // It is base64url: what was wrong is the payload.
    let bytes = std::str::from_utf8(first).ok().and_then(super::content::unbase64).unwrap_or_default();
    let header = Header::parse(&bytes)?;
    Ok((header, serde_json::from_slice(&bytes).unwrap_or_default()))
}

fn refusal(refused: Refusal, serialization: Serialization) -> Answer {
    Answer {
        valid: false,
        signers: Vec::new(),
        refused: Some(refused),
        refused_signatures: Vec::new(),
        violations: Vec::new(),
        serialization,
        header: None,
        claims: None,
        payload: None,
        times: Times::new(),
        unused: Vec::new(),
        left_out: Vec::new(),
        findings: Vec::new(),
    }
}

fn accepted(signers: Vec<Signer>, serialization: Serialization, header: Value, judged: Judged) -> Answer {
    Answer {
        valid: judged.violations.is_empty(),
        signers,
        refused: None,
        refused_signatures: Vec::new(),
        violations: judged.violations,
        serialization,
        header: Some(header),
        claims: judged.claims,
        payload: Some(judged.payload),
        times: judged.times,
        unused: Vec::new(),
        left_out: Vec::new(),
        findings: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
