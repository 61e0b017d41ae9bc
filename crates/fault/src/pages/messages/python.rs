//! Python.

use super::Checked::Package;
use super::Message;
use crate::codes::*;

const PYJWT: &str = "PyJWT";
const PYTHON_JOSE: &str = "python-jose";
const AUTHLIB: &str = "Authlib";
const JOSERFC: &str = "joserfc";
const JWCRYPTO: &str = "jwcrypto";
const SIMPLEJWT: &str = "djangorestframework-simplejwt";
const FLASK: &str = "Flask-JWT-Extended";

const fn pyjwt(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(PYJWT, Package("2.15.1"), text, codes)
}

const fn python_jose(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(PYTHON_JOSE, Package("3.5.0"), text, codes)
}

const fn authlib(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(AUTHLIB, Package("1.9.9"), text, codes)
}

const fn joserfc(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(JOSERFC, Package("1.8.0"), text, codes)
}

const fn jwcrypto(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(JWCRYPTO, Package("1.6.1"), text, codes)
}

const fn simplejwt(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(SIMPLEJWT, Package("5.5.1"), text, codes)
}

const fn flask(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(FLASK, Package("4.7.4"), text, codes)
}

pub(super) const MESSAGES: &[Message] = &[
    pyjwt("Signature has expired", &[TOKEN_EXPIRED]),
    pyjwt("The token is not yet valid (nbf)", &[TOKEN_NOT_YET_VALID]).since("1.1.0"),
    pyjwt("The token is not yet valid (iat)", &[TOKEN_FROM_FUTURE]).since("2.6.0"),
    pyjwt("Signature verification failed", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    pyjwt("Audience doesn't match", &[AUDIENCE_MISMATCH]).since("2.7.0"),
    pyjwt("Invalid audience", &[AUDIENCE_MISMATCH]),
    pyjwt("Invalid claim format in token", &[CLAIM_INVALID]),
    pyjwt("Invalid issuer", &[ISSUER_UNKNOWN]),
    pyjwt("Token is missing the \"{claim}\" claim", &[CLAIM_MISSING, SUBJECT_MISSING])
        .since("1.4.0")
        .note("for `sub` it is subject_missing", "若为 `sub`，则是 subject_missing"),
    pyjwt("Subject must be a string", &[SUBJECT_INVALID]).since("2.10.0"),
    pyjwt("Invalid subject", &[SUBJECT_INVALID, USER_UNKNOWN]).since("2.10.0").note(
        "the library compares with one expected subject; nothing was looked up",
        "该库只与一个期望的主体比较，并未查找用户",
    ),
    pyjwt("Not enough segments", &[TOKEN_MALFORMED]),
    pyjwt("Invalid header padding", &[TOKEN_MALFORMED]),
    pyjwt("Invalid payload padding", &[TOKEN_MALFORMED]),
    pyjwt("Invalid crypto padding", &[TOKEN_MALFORMED]),
    pyjwt("Invalid header string: {reason}", &[TOKEN_MALFORMED]),
    pyjwt("Invalid payload string: {reason}", &[TOKEN_MALFORMED]),
    pyjwt("The specified alg value is not allowed", &[ALGORITHM_NOT_ALLOWED]),
    pyjwt("Algorithm not supported", &[ALGORITHM_NOT_ALLOWED]),
    pyjwt("Unsupported critical extension: {extension}", &[TOKEN_CRITICAL_UNKNOWN]).since("2.12.0"),
    pyjwt("Unable to find a signing key that matches: {kid}", &[KEY_UNKNOWN]).since("2.0.0"),
    pyjwt("Fail to fetch data from the url, err: {reason}", &[KEYS_UNAVAILABLE]).since("2.5.0"),
    pyjwt("The JWKS endpoint did not contain any signing keys", &[KEYS_UNAVAILABLE, KEY_UNKNOWN])
        .since("2.0.0")
        .note("the set was fetched and holds no key for signatures", "已取得密钥集，但其中没有签名密钥"),
    // Of old releases that are still met.
    Message::of(PYJWT, Package("1.0.1"), "Signature not yet valid", &[TOKEN_NOT_YET_VALID]).until("1.1.0"),
    Message::of(PYJWT, Package("1.3.0"), "No audience claim in token", &[AUDIENCE_MISMATCH]).until("1.4.0"),
    Message::of(PYJWT, Package("1.3.0"), "Token does not contain an iss claim", &[CLAIM_MISSING])
        .since("1.3.0")
        .until("1.4.0"),
    Message::of(
        PYJWT,
        Package("1.4.2"),
        "Issued At claim (iat) cannot be in the future",
        &[TOKEN_FROM_FUTURE],
    )
    .since("1.1.0")
    .until("1.5.0"),
    python_jose("Signature has expired.", &[TOKEN_EXPIRED]),
    python_jose("Signature verification failed.", &[SIGNATURE_INVALID])
        .under("signature_verification_failed"),
    python_jose("The token is not yet valid (nbf)", &[TOKEN_NOT_YET_VALID]),
    python_jose("Invalid audience", &[AUDIENCE_MISMATCH]),
    python_jose("Audience claim expected, but not in claims", &[AUDIENCE_MISMATCH]),
    python_jose("Invalid issuer", &[ISSUER_UNKNOWN]),
    python_jose("Subject must be a string.", &[SUBJECT_INVALID]),
    python_jose("missing required key \"{claim}\" among claims", &[CLAIM_MISSING, SUBJECT_MISSING])
        .since("3.1.0")
        .note("for `sub` it is subject_missing", "若为 `sub`，则是 subject_missing"),
    python_jose("Error decoding token headers.", &[TOKEN_MALFORMED]),
    python_jose("Error decoding token claims.", &[TOKEN_MALFORMED]),
    python_jose("Not enough segments", &[TOKEN_MALFORMED]),
    authlib("expired_token: The token is expired", &[TOKEN_EXPIRED]),
    authlib("invalid_token: The token is not valid yet", &[TOKEN_NOT_YET_VALID]),
    authlib(
        "invalid_claim: Invalid claim '{claim}'",
        &[AUDIENCE_MISMATCH, ISSUER_UNKNOWN, SUBJECT_INVALID, CLAIM_INVALID],
    )
    .under("jwt_claims_validation_failed"),
    authlib("missing_claim: Missing '{claim}' claim", &[CLAIM_MISSING, SUBJECT_MISSING])
        .note("for `sub` it is subject_missing", "若为 `sub`，则是 subject_missing"),
    authlib("bad_signature:", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    authlib(
        "The access token provided is expired, revoked, malformed, or invalid for other reasons",
        &[TOKEN_EXPIRED, TOKEN_REVOKED, TOKEN_MALFORMED, SIGNATURE_INVALID, SUBJECT_UNRESOLVED],
    )
    .under("invalid_token"),
    joserfc("expired_token: Error claim: 'exp'", &[TOKEN_EXPIRED]),
    joserfc("expired_token: The token is expired", &[TOKEN_EXPIRED]),
    joserfc("invalid_claim: The token is not yet valid", &[TOKEN_NOT_YET_VALID]),
    joserfc("invalid_claim: The token was issued in the future", &[TOKEN_FROM_FUTURE]),
    joserfc(
        "invalid_claim: Error claim: '{claim}'",
        &[AUDIENCE_MISMATCH, ISSUER_UNKNOWN, SUBJECT_INVALID, CLAIM_INVALID],
    )
    .under("jwt_claims_validation_failed"),
    joserfc(
        "invalid_claim: Invalid claim: '{claim}'",
        &[AUDIENCE_MISMATCH, ISSUER_UNKNOWN, SUBJECT_INVALID, CLAIM_INVALID],
    )
    .under("jwt_claims_validation_failed"),
    joserfc("missing_claim: Missing claim: '{claim}'", &[CLAIM_MISSING, SUBJECT_MISSING])
        .note("for `sub` it is subject_missing", "若为 `sub`，则是 subject_missing"),
    joserfc("bad_signature:", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    joserfc("unsupported_algorithm:", &[ALGORITHM_NOT_ALLOWED]),
    joserfc("invalid_key_id:", &[KEY_UNKNOWN]),
    joserfc("decode_error:", &[TOKEN_MALFORMED]),
    jwcrypto("Expired at {exp}, time: {now}(leeway: {leeway})", &[TOKEN_EXPIRED]),
    jwcrypto("Valid from {nbf}, time: {now}(leeway: {leeway})", &[TOKEN_NOT_YET_VALID]),
    jwcrypto("Token format unrecognized", &[TOKEN_MALFORMED]),
    jwcrypto("Verification failed for all signatures", &[SIGNATURE_INVALID])
        .under("signature_verification_failed"),
    jwcrypto("Claim {claim} is missing", &[CLAIM_MISSING, SUBJECT_MISSING])
        .note("for `sub` it is subject_missing", "若为 `sub`，则是 subject_missing"),
    simplejwt(
        "Given token not valid for any token type",
        &[TOKEN_EXPIRED, SIGNATURE_INVALID, TOKEN_MALFORMED, TOKEN_TYPE_MISMATCH],
    )
    .under("invalid_token"),
    simplejwt("Token is invalid or expired", &[TOKEN_EXPIRED, SIGNATURE_INVALID, TOKEN_MALFORMED])
        .under("invalid_token"),
    simplejwt("Token is expired", &[TOKEN_EXPIRED]).since("5.5.0"),
    simplejwt("Token is blacklisted", &[TOKEN_REVOKED]),
    simplejwt("Token has wrong type", &[TOKEN_TYPE_MISMATCH]),
    simplejwt("Token has no '{claim}' claim", &[CLAIM_MISSING]),
    simplejwt("Token contained no recognizable user identification", &[SUBJECT_MISSING]),
    simplejwt("User not found", &[USER_UNKNOWN]).under("user_from_sub_claim_does_not_exist"),
    simplejwt("User is inactive", &[USER_SUSPENDED]),
    simplejwt("The user's password has been changed.", &[TOKEN_REVOKED]).since("5.3.0"),
    simplejwt("No active account found for the given token.", &[USER_UNKNOWN, USER_SUSPENDED, USER_DELETED])
        .since("5.4.0")
        .under("user_from_sub_claim_does_not_exist"),
    simplejwt("Authorization header must contain two space-delimited values", &[CREDENTIAL_MALFORMED]),
    flask("Missing Authorization Header", &[CREDENTIAL_MISSING]),
    flask("Bad Authorization header. Expected 'Authorization: Bearer <JWT>'", &[CREDENTIAL_MALFORMED]),
    flask("Token has expired", &[TOKEN_EXPIRED]),
    flask("Token has been revoked", &[TOKEN_REVOKED]),
    flask("Fresh token required", &[TOKEN_TOO_OLD]),
    flask("Only non-refresh tokens are allowed", &[TOKEN_TYPE_MISMATCH]),
    flask("Error loading the user {identity}", &[USER_UNKNOWN]).under("user_from_sub_claim_does_not_exist"),
    flask("User claims verification failed", &[CLAIM_INVALID, POLICY_DENIED])
        .note("the application's own check of the claims said no", "由应用自己的声明检查拒绝"),
];
