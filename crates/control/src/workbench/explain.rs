//! Why a token is refused, with evidence and the next step. Nothing found here makes a token valid.

use super::decode;
use super::expectations::signature_algorithms;
use super::given::{GivenKey, Material, read};
use super::hidden::unseen;
use super::moment::{Times, times};
use super::{At, Expectations, Kind, LeftOut, Problem};
use portcullis_jose::Finding;
use portcullis_jose::explain::explain;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A token to explain. The more is at hand, the more can be said.
#[derive(Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExplainRequest)]
pub struct Request {
    /// The token, as it was pasted.
    pub token: String,
    /// Keys and secrets that may have signed it, or that decrypt it.
    #[serde(default)]
    pub keys: Vec<GivenKey>,
    /// Fetch a JWK set from here (https, a public host) and use its keys.
    pub jwks_url: Option<String>,
    /// Find this issuer's key set by OpenID discovery and use its keys; the token must then have this `iss`.
    pub issuer: Option<String>,
    /// Other tokens, perhaps good ones, to compare with.
    #[serde(default)]
    pub tokens: Vec<String>,
    /// The signature algorithms that are allowed; every one that the keys take, if none is named.
    #[serde(default)]
    pub algorithms: Vec<String>,
    /// What the claims have to say.
    pub expect: Option<Expectations>,
    /// The time to judge by, in place of the server's: RFC 3339, or seconds since 1970.
    pub now: Option<String>,
}

/// What was found.
#[derive(Clone, Serialize, utoipa::ToSchema)]
#[schema(as = ExplainAnswer)]
pub struct Answer {
    /// Whether the token, exactly as given, would be accepted with what is at hand.
    pub valid: bool,
    /// What kind of token it seems to be.
    pub kind: Kind,
    /// The header, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub header: Option<Value>,
    /// The claims, if they could be read. Nobody vouches for them unless `valid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub claims: Option<Value>,
    /// The dates among the claims.
    #[schema(value_type = HashMap<String, super::Moment>)]
    pub times: Times,
    /// Members of key sets that are not used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What was found, in the order of the checks: what is wrong, the evidence, what to do.
    #[schema(value_type = Vec<super::Finding>)]
    pub findings: Vec<Finding>,
}

unseen!(Request, Answer);

/// Other tokens that are compared with.
const TOKENS: usize = 16;

/// Explains a token.
///
/// # Errors
/// Keys, algorithms or expectations are not what they should be, or too large.
pub fn run(request: &Request, at: &At) -> Result<Answer, Problem> {
    at.bounded("token", request.token.len())?;
    if request.jwks_url.is_some() || request.issuer.is_some() {
        return Err(super::verify::unfetched());
    }
    if request.tokens.len() > TOKENS {
        let message = format!("more than {TOKENS} tokens to compare with");
        return Err(Problem::invalid("too_many_tokens", "tokens", message, "give fewer"));
    }
    for (index, token) in request.tokens.iter().enumerate() {
        at.bounded(&format!("tokens[{index}]"), token.len())?;
    }
    let now = at.judged(request.now.as_deref())?;
    let keys = read("keys", &request.keys, at, now)?;
    let shown = decode::run(&decode::Request { token: request.token.clone(), ..Default::default() }, at)?;
    if shown.kind == Kind::Encrypted {
        let private = |material: &Material| match material {
            Material::Key(key) => key.is_private(),
            Material::Secret { .. } => true,
        };
        let private = keys.entries.iter().filter(|entry| private(&entry.material)).count();
        affordable(private, shown.recipients.len(), passwords(&keys.entries), at)?;
    }
    let mut hand = keys.hand(now).rules(request.expect.clone().unwrap_or_default().rules()?);
    if let Some(allowed) = signature_algorithms(&request.algorithms)? {
        hand = hand.allowed(allowed);
    }
    hand = request.tokens.iter().fold(hand, |hand, token| hand.token(token.as_str()));
    let explained = explain(&request.token, &hand);
    let times = times(explained.claims.as_ref(), now);
    let kind = match (&explained.header, &explained.claims) {
        // What was inside of an encrypted one is what it is.
        (Some(header), Some(claims)) if shown.kind == Kind::Encrypted => Kind::of_jwt(header, claims),
        _ => shown.kind,
    };
    Ok(Answer {
        valid: explained.valid,
        kind,
        header: explained.header,
        claims: explained.claims,
        times,
        left_out: keys.left_out(),
        findings: explained.findings,
    })
}

/// Secrets are tried on signatures only.
fn passwords(entries: &[super::given::Entry]) -> usize {
    entries.iter().filter(|entry| matches!(entry.material, Material::Key(_)) && entry.is_password()).count()
}

/// Whether so many private-key operations may be spent.
pub(super) fn affordable(keys: usize, recipients: usize, passwords: usize, at: &At) -> Result<(), Problem> {
    let next = "give fewer keys, or use the command line: `portcullis jose decrypt`";
    if keys.saturating_mul(recipients.max(1)) > at.bounds.trials {
        let message = format!("{keys} private keys for {recipients} recipients");
        return Err(Problem::invalid("too_many_trials", "keys", message, next));
    }
    if passwords > at.bounds.passwords {
        let message = format!("{passwords} passwords, at most {} are tried", at.bounds.passwords);
        return Err(Problem::invalid("too_many_passwords", "keys", message, next));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::at::tests::at;
    use super::*;
    use portcullis_jose::jwa::{Enc, KeyManagement};
    use portcullis_jose::jwe::Encryption;
    use portcullis_jose::jwk::{Curve, KeyKind};
    use portcullis_jose::{Alg, Jwk, Protected, SigningKey, encode};

    fn codes(request: &Request) -> (bool, Vec<&'static str>) {
        let answer = run(request, &at()).unwrap();
        (answer.valid, answer.findings.iter().map(|finding| finding.code).collect())
    }

    #[test]
    fn the_cause_is_found_in_what_is_at_hand() {
        let (key, other) =
            (SigningKey::generate(Alg::ES256).unwrap(), SigningKey::generate(Alg::ES256).unwrap());
        let public = |key: &SigningKey| GivenKey::jwk(key.public_jwk().unwrap().to_public_json().unwrap());
        let token =
            encode(&Protected::new(), br#"{"iss":"https://idp.example/","exp":1795319503}"#, &key).unwrap();
        let request = |token: &str, keys: Vec<GivenKey>| Request {
            token: token.to_owned(),
            keys,
            ..Request::default()
        };
        assert_eq!(codes(&request(&token, vec![])), (false, vec!["no_keys"]));
        assert_eq!(codes(&request(&token, vec![public(&key)])), (true, vec!["signature_valid"]));
        let (valid, found) = codes(&request(&token, vec![public(&other)]));
        assert!(!valid && found[0] == "kid_unknown", "{found:?}");
        let expect = Expectations { issuer: Some("https://idp.example".into()), ..Expectations::default() };
        let slash = Request { expect: Some(expect), ..request(&token, vec![public(&key)]) };
        assert_eq!(codes(&slash), (false, vec!["signature_valid", "issuer_trailing_slash"]));
        let late = Request { now: Some("1795319600".into()), ..request(&token, vec![public(&key)]) };
        assert_eq!(codes(&late).1, ["signature_valid", "expired_recently"]);
        let answer = run(&late, &at()).unwrap();
        assert_eq!(answer.times["exp"].distance, "1 min 37 s ago");
        // Cannot be built by strangers into something that fetches.
        let url = Request { jwks_url: Some("https://x".into()), ..request(&token, vec![]) };
        assert_eq!(run(&url, &at()).unwrap_err().name, "keys_not_fetched");
    }

    #[test]
    fn what_is_inside_is_explained_too() {
        let key = SigningKey::generate(Alg::ES256).unwrap();
        let to = Jwk::generate(KeyKind::Ec(Curve::P256)).unwrap();
        let recipient = to.encryption_key(Some(KeyManagement::ECDH_ES)).unwrap();
        let nested = Encryption::new(Enc::A128GCM)
            .signed(&Protected::new(), br#"{"exp":1795319503,"nonce":"n"}"#, &key, &recipient)
            .unwrap();
        let keys = vec![
            GivenKey::jwk(to.to_private_json().as_str()),
            GivenKey::jwk(key.public_jwk().unwrap().to_public_json().unwrap()),
        ];
        let request = Request { token: nested, keys, ..Request::default() };
        let answer = run(&request, &at()).unwrap();
        assert!(answer.valid && answer.kind == Kind::IdToken, "{:?}", answer.findings);
        let many = Request { keys: vec![request.keys[0].clone(); 33], ..request };
        assert_eq!(run(&many, &at()).unwrap_err().name, "too_many_trials");
    }
}
