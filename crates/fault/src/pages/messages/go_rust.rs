//! Go and Rust.

use super::Checked::Released;
use super::Message;
use crate::codes::*;

const fn golang_jwt(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("golang-jwt", Released, text, codes)
}

const fn go_jose(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("go-jose", Released, text, codes)
}

const fn jwx(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("lestrrat-go/jwx", Released, text, codes)
}

const fn go_oidc(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("coreos/go-oidc", Released, text, codes)
}

const fn rust(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("jsonwebtoken (Rust)", Released, text, codes)
}

pub(super) const MESSAGES: &[Message] = &[
    golang_jwt("token is expired", &[TOKEN_EXPIRED]),
    golang_jwt("token is not valid yet", &[TOKEN_NOT_YET_VALID]),
    golang_jwt("token used before issued", &[TOKEN_FROM_FUTURE]),
    golang_jwt("token has invalid audience", &[AUDIENCE_MISMATCH]),
    golang_jwt("token has invalid issuer", &[ISSUER_UNKNOWN]),
    golang_jwt("token has invalid subject", &[SUBJECT_INVALID, USER_UNKNOWN]).note(
        "the library compares with one expected subject; nothing was looked up",
        "该库只与一个期望的主体比较，并未查找用户",
    ),
    golang_jwt(
        "token is missing required claim: {claim} claim is required",
        &[CLAIM_MISSING, SUBJECT_MISSING],
    )
    .note("for `sub` it is subject_missing", "若为 `sub`，则是 subject_missing"),
    golang_jwt(
        "token has invalid claims",
        &[TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, AUDIENCE_MISMATCH, ISSUER_UNKNOWN],
    )
    .under("jwt_claims_validation_failed")
    .note("what follows the colon says which", "冒号之后说明是哪一个"),
    golang_jwt("token signature is invalid", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    golang_jwt("signing method {alg} is invalid", &[ALGORITHM_NOT_ALLOWED]),
    golang_jwt("token is malformed", &[TOKEN_MALFORMED]),
    golang_jwt("token is malformed: token contains an invalid number of segments", &[TOKEN_MALFORMED]),
    golang_jwt(
        "token is unverifiable: error while executing keyfunc",
        &[KEY_UNKNOWN, KEYS_UNAVAILABLE, ALGORITHM_NOT_ALLOWED],
    )
    .note(
        "the application's own key function failed; its reason follows the colon",
        "应用自己的取密钥函数失败，原因在冒号之后",
    ),
    golang_jwt("token is unverifiable: signing method (alg) is unavailable", &[ALGORITHM_NOT_ALLOWED]),
    golang_jwt("key is of invalid type", &[ALGORITHM_NOT_ALLOWED]),
    go_jose("go-jose/go-jose: error in cryptographic primitive", &[SIGNATURE_INVALID, TOKEN_ENCRYPTED]).note(
        "of a signed token the signature failed, of an encrypted one the decryption",
        "签名令牌是验签失败，加密令牌是解密失败",
    ),
    go_jose("go-jose/go-jose: unknown/unsupported algorithm", &[ALGORITHM_NOT_ALLOWED]),
    go_jose("validation failed, token is expired (exp)", &[TOKEN_EXPIRED]),
    go_jose("validation failed, token not valid yet (nbf)", &[TOKEN_NOT_YET_VALID]),
    go_jose("validation field, token issued in the future (iat)", &[TOKEN_FROM_FUTURE]),
    go_jose("validation failed, token issued in the future (iat)", &[TOKEN_FROM_FUTURE]),
    go_jose("validation failed, invalid audience claim (aud)", &[AUDIENCE_MISMATCH]),
    go_jose("validation failed, invalid issuer claim (iss)", &[ISSUER_UNKNOWN]),
    go_jose("validation failed, invalid subject claim (sub)", &[SUBJECT_INVALID]),
    jwx("\"exp\" not satisfied", &[TOKEN_EXPIRED]),
    jwx("\"nbf\" not satisfied", &[TOKEN_NOT_YET_VALID]),
    jwx("\"iat\" not satisfied", &[TOKEN_FROM_FUTURE]),
    jwx("\"aud\" not satisfied", &[AUDIENCE_MISMATCH]),
    jwx("\"iss\" not satisfied", &[ISSUER_UNKNOWN]),
    jwx("required claim \"{claim}\" is missing", &[CLAIM_MISSING, SUBJECT_MISSING])
        .note("for `sub` it is subject_missing", "若为 `sub`，则是 subject_missing"),
    go_oidc(
        "oidc: id token issued by a different provider, expected \"{expected}\" got \"{issuer}\"",
        &[ISSUER_UNKNOWN],
    ),
    go_oidc("oidc: expected audience \"{expected}\" got {audience}", &[AUDIENCE_MISMATCH]),
    go_oidc("oidc: token is expired (Token Expiry: {time})", &[TOKEN_EXPIRED]),
    go_oidc("oidc: malformed jwt", &[TOKEN_MALFORMED]),
    go_oidc("oidc: get keys failed", &[KEYS_UNAVAILABLE]),
    go_oidc("failed to verify id token signature", &[SIGNATURE_INVALID, KEY_UNKNOWN])
        .note("no published key fits: look at `kid` first", "已公布的密钥都不符：先看 `kid`"),
    rust("ExpiredSignature", &[TOKEN_EXPIRED]),
    rust("ImmatureSignature", &[TOKEN_NOT_YET_VALID]),
    rust("InvalidSignature", &[SIGNATURE_INVALID]),
    rust("InvalidAudience", &[AUDIENCE_MISMATCH]),
    rust("InvalidIssuer", &[ISSUER_UNKNOWN]),
    rust("InvalidSubject", &[SUBJECT_INVALID]),
    rust("InvalidAlgorithm", &[ALGORITHM_NOT_ALLOWED]),
    rust("InvalidToken", &[TOKEN_MALFORMED]),
    rust("Missing required claim: {claim}", &[CLAIM_MISSING, SUBJECT_MISSING])
        .note("for `sub` it is subject_missing", "若为 `sub`，则是 subject_missing"),
    Message::of("Auth0 go-jwt-middleware", Released, "jwt missing", &[CREDENTIAL_MISSING]),
    Message::of(
        "Auth0 go-jwt-middleware",
        Released,
        "jwt invalid",
        &[TOKEN_EXPIRED, AUDIENCE_MISMATCH, ISSUER_UNKNOWN, SIGNATURE_INVALID],
    )
    .under("invalid_token"),
    Message::of(
        "Auth0 go-jwt-middleware",
        Released,
        "Authorization header format must be Bearer",
        &[CREDENTIAL_MALFORMED],
    ),
    Message::of(
        "Auth0 go-jwt-middleware",
        Released,
        "expected claims not validated: {reason}",
        &[TOKEN_EXPIRED, AUDIENCE_MISMATCH, ISSUER_UNKNOWN],
    )
    .under("jwt_claims_validation_failed"),
    golang_jwt("token is expired by {time}", &[TOKEN_EXPIRED]),
    golang_jwt("tokenstring should not contain 'bearer '", &[CREDENTIAL_MALFORMED]),
    golang_jwt("token contains an invalid number of segments", &[TOKEN_MALFORMED]),
    golang_jwt("token is malformed: could not base64 decode signature", &[TOKEN_MALFORMED]),
    golang_jwt("token is malformed: could not JSON decode claim", &[TOKEN_MALFORMED]),
    golang_jwt("token is unverifiable: no keyfunc was provided", &[KEY_UNKNOWN]),
    Message::of(
        "go-chi/jwtauth",
        Released,
        "token is unauthorized",
        &[SIGNATURE_INVALID, TOKEN_MALFORMED, AUDIENCE_MISMATCH],
    )
    .under("invalid_token")
    .note("whatever is wrong but time; the reason is not shown", "时间之外的任何问题；原因不显示"),
    Message::of("go-chi/jwtauth", Released, "no token found", &[CREDENTIAL_MISSING]),
    Message::of("go-chi/jwtauth", Released, "token nbf validation failed", &[TOKEN_NOT_YET_VALID]),
    Message::of("go-chi/jwtauth", Released, "token iat validation failed", &[TOKEN_FROM_FUTURE]),
    Message::of(
        "labstack/echo-jwt",
        Released,
        "missing or malformed jwt",
        &[CREDENTIAL_MISSING, CREDENTIAL_MALFORMED],
    )
    .under("unauthorized"),
    Message::of(
        "labstack/echo-jwt",
        Released,
        "invalid or expired jwt",
        &[TOKEN_EXPIRED, SIGNATURE_INVALID, TOKEN_MALFORMED],
    )
    .under("invalid_token"),
];
