//! Making signed tokens and messages, for testing and for scripts.

use super::content::{Content, unbase64};
use super::expectations::signature_algorithms;
use super::given::{Entry, GivenKey, read};
use super::hidden::unseen;
use super::moment::{Times, times};
use super::{At, Problem, Serialization};
use portcullis_jose::jws::{Placement, sign_compact, sign_detached, sign_flattened, sign_general};
use portcullis_jose::{Alg, Protected, SigningKey};
use portcullis_model::Span;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// A token or message to sign.
#[derive(Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignRequest)]
pub struct Request {
    /// The claims. Or give a `payload`.
    #[schema(value_type = Option<Object>)]
    pub claims: Option<Map<String, Value>>,
    /// A payload that is no claims set.
    pub payload: Option<Content>,
    /// Header parameters. `alg` here is the algorithm; `kid` is the key's own unless it stands here; `typ` is `JWT` for
    /// claims unless it stands here (`null` leaves it out).
    #[serde(default)]
    #[schema(value_type = Object)]
    pub header: Map<String, Value>,
    /// The private keys and secrets to sign with.
    #[serde(default)]
    pub keys: Vec<GivenKey>,
    /// The algorithm, where a key does not name its own.
    pub algorithm: Option<String>,
    /// How it is written: `compact` with one key, `general` with several, if nothing is said.
    pub serialization: Option<Serialization>,
    /// Leave the payload out: the reader has it by other means.
    #[serde(default)]
    pub detached: bool,
    /// Sign the payload as it is, not as base64url (RFC 7797). With `detached` only.
    #[serde(default)]
    pub unencoded: bool,
    /// Write `exp` this much after now, as `1h`, and `iat`.
    #[schema(value_type = Option<String>)]
    pub expires_in: Option<Span>,
    /// Write `nbf` this much after now, as `0s`.
    #[schema(value_type = Option<String>)]
    pub not_before_in: Option<Span>,
    /// Write `iat`; `true` with `expires_in`, otherwise `false`, if nothing is said.
    pub issued_at: Option<bool>,
    /// Write a random `jti`.
    #[serde(default)]
    pub token_id: bool,
    /// The time to write, in place of the server's: RFC 3339, or seconds since 1970.
    pub now: Option<String>,
}

/// What was signed.
#[derive(Clone, Serialize, utoipa::ToSchema)]
#[schema(as = SignAnswer)]
pub struct Answer {
    /// The token, or the message as JSON text.
    pub token: String,
    /// How it is written.
    pub serialization: Serialization,
    /// The protected headers, one per signature.
    #[schema(value_type = Vec<Object>)]
    pub headers: Vec<Value>,
    /// The claims, as they were signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub claims: Option<Map<String, Value>>,
    /// The dates among the claims.
    #[schema(value_type = HashMap<String, super::Moment>)]
    pub times: Times,
}

unseen!(Request, Answer);

/// Most header parameters that are written.
const PARAMETERS: usize = 50;

/// Signs.
///
/// # Errors
/// Content, header or keys are not what they should be; a key refuses.
pub fn run(request: &Request, at: &At) -> Result<Answer, Problem> {
    let now = at.judged(request.now.as_deref())?;
    let (claims, payload) = content(request, at, now)?;
    at.bounded("payload", payload.len())?;
    let keys = read("keys", &request.keys, at, now)?;
    if keys.entries.len() > at.bounds.trials.min(16) {
        return Err(Problem::invalid(
            "too_many_keys",
            "keys",
            "more keys than a message has signatures",
            "give at most 16",
        ));
    }
    let header = header(request, claims.is_some())?;
    let algorithm = match request.algorithm.as_deref().or(request.header.get("alg").and_then(Value::as_str)) {
        Some(name) => Some((name.to_owned(), alg(name)?)),
        None => None,
    };
    let mut signers = Vec::with_capacity(keys.entries.len());
    for entry in &keys.entries {
        signers.push(signer(entry, algorithm.as_ref().map(|(_, alg)| *alg))?);
    }
    let (token, serialization) = written(request, &header, &payload, &signers)?;
    let times = times(claims.clone().map(Value::Object).as_ref(), now);
    Ok(Answer { headers: headers(&token), token, serialization, claims, times })
}

/// What is signed: the bytes, and the claims where it is claims.
type Signed = (Option<Map<String, Value>>, Zeroizing<Vec<u8>>);

fn content(request: &Request, at: &At, now: i64) -> Result<Signed, Problem> {
    let convenient = request.expires_in.is_some()
        || request.not_before_in.is_some()
        || request.issued_at == Some(true)
        || request.token_id;
    let mut claims = match (&request.claims, &request.payload) {
        (None, Some(payload)) if !convenient => return Ok((None, payload.bytes("payload")?)),
        (None, None) if convenient => Map::new(),
        (Some(claims), None) => claims.clone(),
        (_, Some(_)) => {
            let next = "give a payload of your own, or claims";
            return Err(Problem::invalid("content_form", "payload", "claims are written beside it", next));
        }
        (None, None) => {
            return Err(Problem::invalid(
                "content_form",
                "claims",
                "there is nothing to sign",
                "give `claims` or `payload`",
            ));
        }
    };
    let mut put = |name: &str, value: Value| match claims.insert(name.to_owned(), value) {
        None => Ok(()),
        Some(_) => Err(Problem::invalid(
            "claim_twice",
            format!("claims.{name}"),
            "given, and to be written too",
            "leave one of the two away",
        )),
    };
    let seconds = |span: Span| now.div_euclid(1_000_000).saturating_add_unsigned(span.0.as_secs());
    if request.issued_at.unwrap_or(request.expires_in.is_some()) {
        put("iat", now.div_euclid(1_000_000).into())?;
    }
    if let Some(span) = request.not_before_in {
        put("nbf", seconds(span).into())?;
    }
    if let Some(span) = request.expires_in {
        put("exp", seconds(span).into())?;
    }
    if request.token_id {
        let mut id = [0; 16];
        at.rng.fill(&mut id);
        put("jti", super::content::encode(&id).into())?;
    }
    let payload = Value::Object(claims.clone()).to_string().into_bytes();
    Ok((Some(claims), Zeroizing::new(payload)))
}

fn header(request: &Request, is_claims: bool) -> Result<Protected, Problem> {
    let refused = |name: &str, message: &str, next: &'static str| {
        let name: String = name.chars().take(64).collect();
        Problem::invalid("header_parameter", format!("header.{name}"), message, next)
    };
    if request.header.len() > PARAMETERS {
        return Err(refused("", "more than 50 parameters", "write fewer"));
    }
    let mut header = Protected::new();
    if is_claims && !request.header.contains_key("typ") && !request.unencoded {
        header = header.typ("JWT");
    }
    for (name, value) in &request.header {
        header = match (name.as_str(), value) {
            ("typ", Value::String(typ)) => header.typ(typ.as_str()),
            ("typ", Value::Null) => header,
            ("cty", Value::String(cty)) => header.cty(cty.as_str()),
            ("kid", Value::String(kid)) => header.kid(kid.as_str()),
            ("alg", Value::String(_)) => header,
            ("typ" | "cty" | "kid" | "alg", other) => {
                let what = super::facts::kind_of(other);
                return Err(refused(name, &format!("{what} instead of a string"), "write a string"));
            }
            ("b64" | "crit", _) => {
                return Err(refused(
                    name,
                    "written by what it means",
                    "say `unencoded` for `b64`; no other extension is written",
                ));
            }
            (name, value) => header.parameter(name, value.clone()),
        };
    }
    Ok(header)
}

fn alg(name: &str) -> Result<Alg, Problem> {
    let one = signature_algorithms(&[name.to_owned()]);
    let one = one.map_err(|problem| Problem { place: "algorithm".into(), ..problem })?;
    // One name is one algorithm.
    one.and_then(|algs| algs.iter().next()).ok_or_else(|| {
        Problem::invalid("alg_unknown", "algorithm", "no algorithm", "name a registered one, as `ES256`")
    })
}

/// The key's own algorithm, or the request's.
pub(super) fn signer(entry: &Entry, algorithm: Option<Alg>) -> Result<SigningKey, Problem> {
    let key = entry.jwk()?;
    let own = key.alg_name().is_some();
    key.signing_key(if own { None } else { algorithm }).map_err(|error| entry.unusable(&error)).and_then(
        |signer| match algorithm {
            Some(wanted) if signer.alg() != wanted => Err(Problem::invalid(
                "key_alg_mismatch",
                entry.place.clone(),
                format!("the key is for `{}`, asked for is `{wanted}`", signer.alg()),
                "name the key's own algorithm, or give another key",
            )),
            _ => Ok(signer),
        },
    )
}

fn written(
    request: &Request,
    header: &Protected,
    payload: &[u8],
    signers: &[SigningKey],
) -> Result<(String, Serialization), Problem> {
    let default = if signers.len() > 1 { Serialization::General } else { Serialization::Compact };
    let serialization = request.serialization.unwrap_or(default);
    let placement = match (request.detached, request.unencoded) {
        (false, false) => Placement::Attached,
        (true, false) => Placement::Detached,
        (true, true) => Placement::Unencoded,
        (false, true) => {
            let (message, next) = ("only a detached payload can be unencoded", "say `detached` too");
            return Err(Problem::invalid("unencoded_attached", "unencoded", message, next));
        }
    };
    let token = match (serialization, signers) {
        (_, []) => {
            return Err(Problem::invalid(
                "sign_no_key",
                "keys",
                "there is no key to sign with",
                "give a private key or a secret",
            ));
        }
        (Serialization::General, _) => {
            let each: Vec<_> = signers.iter().map(|signer| (header, signer)).collect();
            sign_general(payload, &each, placement)
        }
        (_, [_, _, ..]) => {
            let (message, next) = ("one key only goes into this form", "ask for `general`, or give one key");
            return Err(Problem::invalid("serialization_one_key", "serialization", message, next));
        }
        (Serialization::Flattened, [signer]) => sign_flattened(header, payload, signer, placement),
        (Serialization::Compact, [signer]) => match placement {
            Placement::Attached => sign_compact(header, payload, signer),
            Placement::Detached => sign_detached(header, payload, signer, false),
            Placement::Unencoded => sign_detached(header, payload, signer, true),
        },
    };
    let next = "say another `typ`, or sign it encoded";
    token.map(|token| (token, serialization)).map_err(|error| Problem::of(&error, "header", next))
}

/// The protected headers of what was just written.
pub(super) fn headers(token: &str) -> Vec<Value> {
    let decoded = |part: &str| unbase64(part).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let Ok(json) = serde_json::from_str::<Value>(token) else {
        return token.split('.').next().and_then(decoded).into_iter().collect();
    };
    let all = json["signatures"].as_array().cloned().unwrap_or_else(|| vec![json]);
    all.iter().filter_map(|one| decoded(one["protected"].as_str()?)).collect()
}

#[cfg(test)]
mod tests;
