//! A sound token of a kind that is not meant here: a proof, a notice, an identity.

use super::AtHand;
use crate::claims::{Profile, Violation};
use crate::finding::{Finding, Severity, Subject};
use crate::jwt::Unverified;

/// `typ`, the code, what to do.
const KINDS: [(&str, &str, &str); 7] = [
    ("dpop+jwt", "dpop_proof", "send it in the `DPoP` header, and the access token in `Authorization`"),
    ("logout+jwt", "logout_token", "send an access token: this one tells a client that somebody signed out"),
    ("secevent+jwt", "security_event", "send an access token: this one reports an event"),
    ("jwk-set+jwt", "signed_key_set", "send an access token: this one is a set of keys"),
    ("oauth-authz-req+jwt", "request_object", "send an access token: this one is a request for one"),
    (
        "token-introspection+jwt",
        "introspection_answer",
        "send the access token: this one says what an authorisation server knows about it",
    ),
    ("client-authentication+jwt", "client_assertion", "send an access token: this one signs a client in"),
];

/// The kind, where the rules refuse its type and it is known what it is instead.
pub(super) fn foreign(token: &Unverified<'_>, hand: &AtHand) -> Option<Finding> {
    let refused = hand.rules.inspect(token, hand.now).into_iter();
    let violation = refused.into_iter().find(|violation| matches!(violation, Violation::Type { .. }));
    let typ = token.header().typ().unwrap_or_default().to_ascii_lowercase();
    let typ = typ.strip_prefix("application/").unwrap_or(&typ);
    let claims = token.claims();
    let has = |names: &[&str]| names.iter().all(|name| claims.has(name));
    let error = |code, evidence: String, next| {
        Finding::new(Severity::Error, code, Subject::Part("header"), evidence, next)
    };
    if let Some((_, code, next)) = KINDS.iter().find(|(own, ..)| *own == typ)
        && violation.is_some()
    {
        return Some(error(code, format!("it is another kind of token: `typ` is `{typ}`"), next));
    }
    // A proof is known by what it proves too (RFC 9449 §4.2), where its `typ` does not say so and it is refused anyway.
    let unlimited = claims.exp().micros().is_none() && hand.rules.exp_required;
    if unlimited && typ != KINDS[0].0 && token.header().pointers().jwk && has(&["htm", "htu"]) {
        let (_, code, next) = KINDS[0];
        return Some(error(
            code,
            "it carries its own key, a method and an address: a DPoP proof".into(),
            next,
        ));
    }
    violation?;
    let identity = ["nonce", "at_hash", "c_hash", "auth_time"].iter().any(|name| claims.has(name));
    if hand.rules.profile == Profile::Rfc9068 && identity {
        let next = "send the access token: an ID token is for the client that asked for it, and for no API";
        return Some(error("id_token", "it has claims that only ID tokens have".into(), next));
    }
    None
}
