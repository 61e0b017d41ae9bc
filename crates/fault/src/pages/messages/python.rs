//! Python.

use super::Checked::Released;
use super::Message;
use crate::codes::*;

const PYJWT: &str = "PyJWT";
const PYTHON_JOSE: &str = "python-jose";
const AUTHLIB: &str = "Authlib";
const JOSERFC: &str = "joserfc";
const JWCRYPTO: &str = "jwcrypto";
const SIMPLEJWT: &str = "djangorestframework-simplejwt";
const FLASK: &str = "Flask-JWT-Extended";
const DJANGO_REST: &str = "Django REST framework";
const DRF_OIDC: &str = "drf-oidc-auth";
const GOOGLE: &str = "google-auth (Python)";
const AUTH0: &str = "auth0-python";

const fn pyjwt(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(PYJWT, Released, text, codes)
}

const fn python_jose(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(PYTHON_JOSE, Released, text, codes)
}

const fn authlib(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(AUTHLIB, Released, text, codes)
}

const fn joserfc(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(JOSERFC, Released, text, codes)
}

const fn jwcrypto(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(JWCRYPTO, Released, text, codes)
}

const fn simplejwt(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(SIMPLEJWT, Released, text, codes)
}

const fn flask(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(FLASK, Released, text, codes)
}

const fn django_rest(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(DJANGO_REST, Released, text, codes)
}

const fn drf_oidc(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(DRF_OIDC, Released, text, codes)
}

const fn google(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(GOOGLE, Released, text, codes)
}

const fn auth0(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of(AUTH0, Released, text, codes)
}

pub(super) const MESSAGES: &[Message] = &[
    pyjwt("Signature has expired", &[TOKEN_EXPIRED]),
    pyjwt("The token is not yet valid (nbf)", &[TOKEN_NOT_YET_VALID]),
    pyjwt("The token is not yet valid (iat)", &[TOKEN_FROM_FUTURE]),
    pyjwt("Signature verification failed", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    pyjwt("Audience doesn't match", &[AUDIENCE_MISMATCH]),
    pyjwt("Invalid audience", &[AUDIENCE_MISMATCH]),
    pyjwt("Invalid claim format in token", &[CLAIM_INVALID]),
    pyjwt("Invalid issuer", &[ISSUER_UNKNOWN]),
    pyjwt("Token is missing the \"{claim}\" claim", &[CLAIM_MISSING, SUBJECT_MISSING])
        .note("for `sub` it is subject_missing", "若为 `sub`，则是 subject_missing"),
    pyjwt("Subject must be a string", &[SUBJECT_INVALID]),
    pyjwt("Invalid subject", &[SUBJECT_INVALID, USER_UNKNOWN]).note(
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
    pyjwt("Unsupported critical extension: {extension}", &[TOKEN_CRITICAL_UNKNOWN]),
    pyjwt("Unable to find a signing key that matches: {kid}", &[KEY_UNKNOWN]),
    pyjwt("Fail to fetch data from the url, err: {reason}", &[KEYS_UNAVAILABLE]),
    pyjwt("The JWKS endpoint did not contain any signing keys", &[KEYS_UNAVAILABLE, KEY_UNKNOWN])
        .note("the set was fetched and holds no key for signatures", "已取得密钥集，但其中没有签名密钥"),
    pyjwt("Algorithm not specified", &[TOKEN_MALFORMED, ALGORITHM_NOT_ALLOWED])
        .note("the token's header has no `alg`", "令牌头部没有 `alg`"),
    pyjwt("JWT ID must be a string", &[CLAIM_INVALID]),
    pyjwt("Issued At claim (iat) must be an integer.", &[CLAIM_INVALID]),
    pyjwt("Not Before claim (nbf) must be an integer.", &[CLAIM_INVALID]),
    pyjwt("Expiration Time claim (exp) must be an integer.", &[CLAIM_INVALID]),
    pyjwt("Payload Issuer (iss) must be a string", &[CLAIM_INVALID]),
    pyjwt("Key ID header parameter must be a string", &[TOKEN_MALFORMED]),
    pyjwt("keyset has no key for kid: {kid}", &[KEY_UNKNOWN]),
    pyjwt("The JWKS endpoint did not return a JSON object", &[KEYS_UNAVAILABLE]),
    pyjwt("The JWK Set did not contain any keys", &[KEYS_UNAVAILABLE]),
    pyjwt("Invalid token type. Token must be a", &[CREDENTIAL_MALFORMED])
        .note("the application passed on no text, mostly nothing at all", "应用传入的不是文本，多半是空值"),
    // Of old releases that are still met.
    Message::of(PYJWT, Released, "Signature not yet valid", &[TOKEN_NOT_YET_VALID]),
    Message::of(PYJWT, Released, "No audience claim in token", &[AUDIENCE_MISMATCH]),
    Message::of(PYJWT, Released, "Token does not contain an iss claim", &[CLAIM_MISSING]),
    Message::of(PYJWT, Released, "Issued At claim (iat) cannot be in the future", &[TOKEN_FROM_FUTURE]),
    python_jose("Signature has expired.", &[TOKEN_EXPIRED]),
    python_jose("Signature verification failed.", &[SIGNATURE_INVALID])
        .under("signature_verification_failed"),
    python_jose("The token is not yet valid (nbf)", &[TOKEN_NOT_YET_VALID]),
    python_jose("Invalid audience", &[AUDIENCE_MISMATCH]),
    python_jose("Audience claim expected, but not in claims", &[AUDIENCE_MISMATCH]),
    python_jose("Invalid issuer", &[ISSUER_UNKNOWN]),
    python_jose("Subject must be a string.", &[SUBJECT_INVALID]),
    python_jose("missing required key \"{claim}\" among claims", &[CLAIM_MISSING, SUBJECT_MISSING])
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
    joserfc("expired_token: The token is expired", &[TOKEN_EXPIRED]),
    joserfc("invalid_claim: The token is not yet valid", &[TOKEN_NOT_YET_VALID]),
    joserfc("invalid_claim: The token was issued in the future", &[TOKEN_FROM_FUTURE]),
    joserfc("invalid_token: The token is not valid yet", &[TOKEN_NOT_YET_VALID]),
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
    simplejwt("Token is expired", &[TOKEN_EXPIRED]),
    simplejwt("Token is blacklisted", &[TOKEN_REVOKED]),
    simplejwt("Token has wrong type", &[TOKEN_TYPE_MISMATCH]),
    simplejwt("Token has no '{claim}' claim", &[CLAIM_MISSING]),
    simplejwt("Token contained no recognizable user identification", &[SUBJECT_MISSING]),
    simplejwt("User not found", &[USER_UNKNOWN]).under("user_from_sub_claim_does_not_exist"),
    simplejwt("User is inactive", &[USER_SUSPENDED]),
    simplejwt("The user's password has been changed.", &[TOKEN_REVOKED]),
    simplejwt("No active account found for the given token.", &[USER_UNKNOWN, USER_SUSPENDED, USER_DELETED])
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
    flask("Only refresh tokens are allowed", &[TOKEN_TYPE_MISMATCH]),
    flask("Missing CSRF token", &[CREDENTIAL_MISSING, ORIGIN_REFUSED]).note(
        "the token came in a cookie, and nothing beside it shows that the page is the application's own",
        "令牌来自 Cookie，且没有证明页面属于本应用的凭据",
    ),
    flask("CSRF double submit tokens do not match", &[ORIGIN_REFUSED]),
    django_rest("Authentication credentials were not provided.", &[CREDENTIAL_MISSING]),
    django_rest(
        "Incorrect authentication credentials.",
        &[API_KEY_INVALID, SIGNATURE_INVALID, TOKEN_EXPIRED],
    )
    .under("unauthorized")
    .note("the authenticator's own reason is not shown", "认证器自己的原因没有显示"),
    django_rest("You do not have permission to perform this action.", &[NOT_ALLOWED, POLICY_DENIED])
        .note("the caller is known; a permission class said no", "调用方已认证，由权限类拒绝"),
    django_rest("Invalid token header. No credentials provided.", &[CREDENTIAL_MALFORMED]),
    django_rest("Invalid token header. Token string should not contain spaces.", &[CREDENTIAL_MALFORMED]),
    django_rest("User inactive or deleted.", &[USER_SUSPENDED, USER_DELETED])
        .under("user_from_sub_claim_does_not_exist"),
    drf_oidc("Invalid Authorization header. User not found.", &[USER_UNKNOWN])
        .under("user_from_sub_claim_does_not_exist"),
    drf_oidc("Invalid Authorization header. No credentials provided", &[CREDENTIAL_MISSING]),
    drf_oidc("Invalid Authorization header. JWT has expired.", &[TOKEN_EXPIRED]),
    drf_oidc("Invalid Authorization header. JWT too old.", &[TOKEN_TOO_OLD]),
    drf_oidc("Invalid Authorization header. JWT Signature verification failed.", &[SIGNATURE_INVALID]),
    drf_oidc("Invalid Authorization header. JWT algorithm not allowed.", &[ALGORITHM_NOT_ALLOWED]),
    drf_oidc("Invalid Authorization header. JWT signature key not found.", &[KEY_UNKNOWN]),
    drf_oidc("Invalid Authorization header. JWT could not be decoded.", &[TOKEN_MALFORMED]),
    Message::of("FastAPI", Released, "Not authenticated", &[CREDENTIAL_MISSING, CREDENTIAL_MALFORMED])
        .under("unauthorized")
        .note("no header, or another scheme than the route expects", "没有该头部，或方案与路由期望的不同"),
    google("Token expired, {exp} < {now}", &[TOKEN_EXPIRED]),
    google("Token used too early, {now} < {iat}", &[TOKEN_FROM_FUTURE, TOKEN_NOT_YET_VALID]).note(
        "compared with `iat`: mostly this machine's clock is behind",
        "与 `iat` 比较：多半是本机时钟落后",
    ),
    google("Token does not contain required claim {claim}", &[CLAIM_MISSING, SUBJECT_MISSING])
        .note("for `sub` it is subject_missing", "若为 `sub`，则是 subject_missing"),
    google("Token has wrong audience {audience}, expected one of {expected}", &[AUDIENCE_MISMATCH]),
    google("Wrong issuer. 'iss' should be", &[ISSUER_UNKNOWN]),
    google("Wrong number of segments in token: {token}", &[TOKEN_MALFORMED]),
    google("Could not verify token signature.", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    google("Certificate for key id {kid} not found.", &[KEY_UNKNOWN]),
    google("Could not fetch certificates at {address}", &[KEYS_UNAVAILABLE]),
    auth0("ID token is required but missing.", &[CREDENTIAL_MISSING]),
    auth0("token could not be decoded.", &[TOKEN_MALFORMED]),
    auth0(
        "Signature algorithm of \"{alg}\" is not supported. Expected the token to be signed with",
        &[ALGORITHM_NOT_ALLOWED],
    ),
    auth0("Invalid token signature.", &[SIGNATURE_INVALID]),
    auth0("RSA Public Key with ID \"{kid}\" was not found.", &[KEY_UNKNOWN]),
    auth0(
        "Issuer (iss) claim mismatch in the ID token; expected \"{expected}\", found \"{issuer}\"",
        &[ISSUER_UNKNOWN],
    ),
    auth0("Audience (aud) claim mismatch in the ID token; expected \"{expected}\"", &[AUDIENCE_MISMATCH]),
    auth0("Expiration Time (exp) claim error in the ID token; current time", &[TOKEN_EXPIRED]),
    auth0(
        "Subject (sub) claim must be a string present in the ID token",
        &[SUBJECT_MISSING, SUBJECT_INVALID],
    )
    .note("missing, or no text", "缺失，或不是文本"),
    Message::of(
        "MCP SDK (Python)",
        Released,
        "Authentication required",
        &[CREDENTIAL_MISSING, TOKEN_EXPIRED],
    )
    .under("unauthorized")
    .note("one text for no token, a bad one and an expired one", "没有令牌、令牌无效、令牌过期共用一句"),
    Message::of(
        "Open WebUI",
        Released,
        "Your session has expired or the token is invalid. Please sign in again.",
        &[TOKEN_EXPIRED, SIGNATURE_INVALID, TOKEN_REVOKED],
    )
    .under("invalid_token"),
    Message::of(
        "Open WebUI",
        Released,
        "You do not have permission to access this resource. Please contact your administrator for assistance.",
        &[USER_PENDING, NOT_ALLOWED],
    )
    .note("a new user stays `pending` until an administrator gives a role", "新用户在管理员授予角色之前一直为 `pending`"),
    Message::of("Open WebUI", Released, "Use of API key is not enabled in the environment.", &[NOT_ALLOWED]),
    Message::of("MCP SDK (Python)", Released, "Required scope: {scope}", &[SCOPE_INSUFFICIENT]),
];
