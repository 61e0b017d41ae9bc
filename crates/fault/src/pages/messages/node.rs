//! JavaScript and TypeScript.

use super::Checked::{Package, Sources};
use super::Message;
use crate::codes::*;

const fn jsonwebtoken(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("jsonwebtoken (npm)", Package("9.0.3"), text, codes)
}

const fn express_jwt(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("express-jwt", Package("8.5.1"), text, codes)
}

const fn jose(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("jose (npm)", Package("6.2.17"), text, codes)
}

const fn cognito(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("aws-jwt-verify (Cognito)", Package("5.2.1"), text, codes)
}

const fn firebase(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Firebase Admin", Package("13.10.0 (npm)"), text, codes)
}

const fn okta(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Okta JWT verifier (npm)", Package("4.0.2"), text, codes)
}

pub(super) const MESSAGES: &[Message] = &[
    jsonwebtoken("jwt expired", &[TOKEN_EXPIRED]),
    jsonwebtoken("jwt not active", &[TOKEN_NOT_YET_VALID]).since("5.5.0"),
    jsonwebtoken("jwt malformed", &[TOKEN_MALFORMED]),
    jsonwebtoken("jwt must be provided", &[CREDENTIAL_MISSING]),
    jsonwebtoken("jwt must be a string", &[CREDENTIAL_MALFORMED]).since("7.3.0"),
    jsonwebtoken("invalid token", &[TOKEN_MALFORMED, SIGNATURE_INVALID, TOKEN_EXPIRED])
        .since("5.0.0")
        .under("invalid_token"),
    jsonwebtoken("invalid signature", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    jsonwebtoken("jwt signature is required", &[SIGNATURE_INVALID, ALGORITHM_NOT_ALLOWED])
        .note("an unsigned token (`alg` none) was presented", "收到的是未签名的令牌（`alg` 为 none）"),
    jsonwebtoken("invalid algorithm", &[ALGORITHM_NOT_ALLOWED]).since("5.0.0"),
    jsonwebtoken("jwt audience invalid. expected: {audience}", &[AUDIENCE_MISMATCH]),
    jsonwebtoken("jwt issuer invalid. expected: {issuer}", &[ISSUER_UNKNOWN]),
    jsonwebtoken("jwt subject invalid. expected: {subject}", &[SUBJECT_INVALID, USER_UNKNOWN])
        .since("5.6.0")
        .note(
            "the library compares with one expected subject; nothing was looked up",
            "该库只与一个期望的主体比较，并未查找用户",
        ),
    jsonwebtoken("maxAge exceeded", &[TOKEN_TOO_OLD]).since("5.2.0"),
    jsonwebtoken("invalid exp value", &[CLAIM_INVALID]),
    jsonwebtoken("invalid nbf value", &[CLAIM_INVALID]).since("5.5.0"),
    jsonwebtoken("secretOrPublicKey must be an asymmetric key when using {alg}", &[ALGORITHM_NOT_ALLOWED])
        .since("9.0.0"),
    jsonwebtoken("secret or public key must be provided", &[KEY_UNKNOWN]).since("5.0.4"),
    express_jwt("No authorization token was found", &[CREDENTIAL_MISSING]),
    express_jwt("Format is Authorization: Bearer [token]", &[CREDENTIAL_MALFORMED]),
    express_jwt("The token has been revoked.", &[TOKEN_REVOKED]),
    Message::of("passport-jwt", Package("4.0.1"), "No auth token", &[CREDENTIAL_MISSING]),
    jose("\"exp\" claim timestamp check failed", &[TOKEN_EXPIRED]),
    jose("\"nbf\" claim timestamp check failed", &[TOKEN_NOT_YET_VALID]),
    jose("\"iat\" claim timestamp check failed (it should be in the past)", &[TOKEN_FROM_FUTURE]),
    jose("\"iat\" claim timestamp check failed (too far in the past)", &[TOKEN_TOO_OLD]),
    jose("unexpected \"aud\" claim value", &[AUDIENCE_MISMATCH]),
    jose("unexpected \"iss\" claim value", &[ISSUER_UNKNOWN]),
    jose("unexpected \"sub\" claim value", &[SUBJECT_INVALID, USER_UNKNOWN]).note(
        "the library compares with one expected subject; nothing was looked up",
        "该库只与一个期望的主体比较，并未查找用户",
    ),
    jose("unexpected \"typ\" JWT header value", &[TOKEN_TYPE_MISMATCH]),
    jose("missing required \"{claim}\" claim", &[CLAIM_MISSING, SUBJECT_MISSING])
        .note("for `sub` it is subject_missing", "若为 `sub`，则是 subject_missing"),
    jose("\"{claim}\" claim must be a number", &[CLAIM_INVALID]),
    jose("signature verification failed", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    jose("no applicable key found in the JSON Web Key Set", &[KEY_UNKNOWN]),
    jose("multiple matching keys found in the JSON Web Key Set", &[KEY_UNKNOWN]),
    jose("Expected 200 OK from the JSON Web Key Set HTTP response", &[KEYS_UNAVAILABLE]),
    jose("Failed to parse the JSON Web Key Set HTTP response as JSON", &[KEYS_UNAVAILABLE]),
    jose("Invalid Compact JWS", &[TOKEN_MALFORMED]),
    jose("\"alg\" (Algorithm) Header Parameter value not allowed", &[ALGORITHM_NOT_ALLOWED]),
    jose("JWT Claims Set must be a top-level JSON object", &[TOKEN_MALFORMED]),
    jose("Extension Header Parameter \"{parameter}\" is not recognized", &[TOKEN_CRITICAL_UNKNOWN]),
    jose("decryption operation failed", &[TOKEN_ENCRYPTED]),
    Message::of(
        "jwks-rsa",
        Package("4.1.0"),
        "Unable to find a signing key that matches '{kid}'",
        &[KEY_UNKNOWN],
    ),
    Message::of(
        "jwks-rsa",
        Package("4.1.0"),
        "The JWKS endpoint did not contain any keys",
        &[KEYS_UNAVAILABLE],
    ),
    Message::of(
        "Auth0 express-oauth2-jwt-bearer",
        Package("1.10.0"),
        "Unexpected 'iss' value",
        &[ISSUER_UNKNOWN],
    ),
    Message::of(
        "Auth0 express-oauth2-jwt-bearer",
        Package("1.10.0"),
        "Unexpected 'aud' value",
        &[AUDIENCE_MISMATCH],
    ),
    Message::of(
        "Auth0 express-oauth2-jwt-bearer",
        Package("1.10.0"),
        "Failed to fetch authorization server metadata",
        &[KEYS_UNAVAILABLE],
    ),
    cognito("Token expired at {time}", &[TOKEN_EXPIRED]),
    cognito("Token can't be used before {time}", &[TOKEN_NOT_YET_VALID]),
    cognito("Issuer not allowed: {issuer}. Expected: {expected}", &[ISSUER_UNKNOWN]),
    cognito("Audience not allowed: {audience}. Expected: {expected}", &[AUDIENCE_MISMATCH]),
    cognito("Client ID not allowed: {client}. Expected: {expected}", &[AUDIENCE_MISMATCH]),
    cognito("Token use not allowed: {use}. Expected: {expected}", &[TOKEN_TYPE_MISMATCH]),
    cognito("JWK for kid \"{kid}\" not found in the JWKS", &[KEY_UNKNOWN]),
    cognito("JWT string does not consist of exactly 3 parts", &[TOKEN_MALFORMED]),
    firebase("Firebase ID token has expired. Get a fresh {token}", &[TOKEN_EXPIRED]),
    firebase(
        "Firebase ID token has incorrect \"aud\" (audience) claim. Expected \"{audience}\"",
        &[AUDIENCE_MISMATCH],
    ),
    firebase(
        "Firebase ID token has incorrect \"iss\" (issuer) claim. Expected \"{issuer}\"",
        &[ISSUER_UNKNOWN],
    ),
    firebase("Firebase ID token has no \"kid\" claim", &[KEY_UNKNOWN]),
    firebase(
        "Firebase ID token has \"kid\" claim which does not correspond to a known public key",
        &[KEY_UNKNOWN],
    ),
    firebase("Firebase ID token has no \"sub\" (subject) claim", &[SUBJECT_MISSING]),
    firebase("Firebase ID token has an empty \"sub\" (subject) claim", &[SUBJECT_MISSING]),
    firebase("Firebase ID token has invalid signature", &[SIGNATURE_INVALID]),
    firebase("Decoding Firebase ID token failed", &[TOKEN_MALFORMED]),
    Message::of("Firebase Admin", Sources, "The Firebase ID token has been revoked", &[TOKEN_REVOKED]),
    okta("audience claim {audience} does not match expected audience: {expected}", &[AUDIENCE_MISMATCH]),
    okta("issuer {issuer} does not match expected issuer: {expected}", &[ISSUER_UNKNOWN]),
    okta("Jwt is expired", &[TOKEN_EXPIRED]),
    okta("Jwt cannot be parsed", &[TOKEN_MALFORMED]),
    okta("Error while resolving signing key for kid \"{kid}\"", &[KEY_UNKNOWN, KEYS_UNAVAILABLE])
        .note("the set could not be fetched, or holds no such key", "无法取得密钥集，或其中没有该密钥"),
];
