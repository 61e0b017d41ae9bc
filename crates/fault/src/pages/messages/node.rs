//! JavaScript and TypeScript.

use super::Checked::Released;
use super::Message;
use crate::codes::*;

const fn jsonwebtoken(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("jsonwebtoken (npm)", Released, text, codes)
}

const fn express_jwt(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("express-jwt", Released, text, codes)
}

const fn jose(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("jose (npm)", Released, text, codes)
}

const fn cognito(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("aws-jwt-verify (Cognito)", Released, text, codes)
}

const fn firebase(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Firebase Admin", Released, text, codes)
}

const fn njwt(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("njwt (also Okta JWT verifier)", Released, text, codes)
}

const fn okta(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Okta JWT verifier (npm)", Released, text, codes)
}

const fn fast_jwt(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("fast-jwt", Released, text, codes)
}

const fn fastify(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("@fastify/jwt", Released, text, codes)
}

const fn hono(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Hono", Released, text, codes)
}

const fn oauth4webapi(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("oauth4webapi (also openid-client)", Released, text, codes)
}

const fn google(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("google-auth-library (npm)", Released, text, codes)
}

const fn azure_ad(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("passport-azure-ad", Released, text, codes)
}

const fn keycloak(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("keycloak-connect", Released, text, codes)
}

const fn supabase(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("supabase auth-js", Released, text, codes)
}

const fn clerk(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Clerk (@clerk/backend)", Released, text, codes)
}

const fn mcp(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("MCP SDK (TypeScript)", Released, text, codes)
}

pub(super) const MESSAGES: &[Message] = &[
    jsonwebtoken("jwt expired", &[TOKEN_EXPIRED]),
    jsonwebtoken("jwt not active", &[TOKEN_NOT_YET_VALID]),
    jsonwebtoken("jwt malformed", &[TOKEN_MALFORMED]),
    jsonwebtoken("jwt must be provided", &[CREDENTIAL_MISSING]),
    jsonwebtoken("jwt must be a string", &[CREDENTIAL_MALFORMED]),
    jsonwebtoken("invalid token", &[TOKEN_MALFORMED, SIGNATURE_INVALID, TOKEN_EXPIRED])
        .under("invalid_token"),
    jsonwebtoken("invalid signature", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    jsonwebtoken("jwt signature is required", &[SIGNATURE_INVALID, ALGORITHM_NOT_ALLOWED])
        .note("an unsigned token (`alg` none) was presented", "收到的是未签名的令牌（`alg` 为 none）"),
    jsonwebtoken("invalid algorithm", &[ALGORITHM_NOT_ALLOWED]),
    jsonwebtoken("jwt audience invalid. expected: {audience}", &[AUDIENCE_MISMATCH]),
    jsonwebtoken("jwt issuer invalid. expected: {issuer}", &[ISSUER_UNKNOWN]),
    jsonwebtoken("jwt subject invalid. expected: {subject}", &[SUBJECT_INVALID, USER_UNKNOWN]).note(
        "the library compares with one expected subject; nothing was looked up",
        "该库只与一个期望的主体比较，并未查找用户",
    ),
    jsonwebtoken("maxAge exceeded", &[TOKEN_TOO_OLD]),
    jsonwebtoken("invalid exp value", &[CLAIM_INVALID]),
    jsonwebtoken("invalid nbf value", &[CLAIM_INVALID]),
    jsonwebtoken("secretOrPublicKey must be an asymmetric key when using {alg}", &[ALGORITHM_NOT_ALLOWED]),
    jsonwebtoken("secret or public key must be provided", &[KEY_UNKNOWN]),
    express_jwt("No authorization token was found", &[CREDENTIAL_MISSING]),
    express_jwt("Format is Authorization: Bearer [token]", &[CREDENTIAL_MALFORMED]),
    express_jwt("The token has been revoked.", &[TOKEN_REVOKED]),
    Message::of("passport-jwt", Released, "No auth token", &[CREDENTIAL_MISSING]),
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
    Message::of("jwks-rsa", Released, "Unable to find a signing key that matches '{kid}'", &[KEY_UNKNOWN]),
    Message::of("jwks-rsa", Released, "The JWKS endpoint did not contain any keys", &[KEYS_UNAVAILABLE]),
    Message::of("Auth0 express-oauth2-jwt-bearer", Released, "Unexpected 'iss' value", &[ISSUER_UNKNOWN]),
    Message::of("Auth0 express-oauth2-jwt-bearer", Released, "Unexpected 'aud' value", &[AUDIENCE_MISMATCH]),
    Message::of(
        "Auth0 express-oauth2-jwt-bearer",
        Released,
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
    firebase("The Firebase ID token has been revoked", &[TOKEN_REVOKED]),
    okta("audience claim {audience} does not match expected audience: {expected}", &[AUDIENCE_MISMATCH]),
    okta("issuer {issuer} does not match expected issuer: {expected}", &[ISSUER_UNKNOWN]),
    njwt("Jwt is expired", &[TOKEN_EXPIRED]),
    njwt("Jwt cannot be parsed", &[TOKEN_MALFORMED]),
    njwt("Error while resolving signing key for kid \"{kid}\"", &[KEY_UNKNOWN, KEYS_UNAVAILABLE])
        .note("the set could not be fetched, or holds no such key", "无法取得密钥集，或其中没有该密钥"),
    njwt("Jwt not active", &[TOKEN_NOT_YET_VALID]),
    njwt("Unexpected signature algorithm", &[ALGORITHM_NOT_ALLOWED]),
    njwt("Signature verification failed", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    fast_jwt("The token has expired at {time}.", &[TOKEN_EXPIRED]),
    fast_jwt("The token will be active at {time}.", &[TOKEN_NOT_YET_VALID]),
    fast_jwt("The token signature is invalid.", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    fast_jwt("The token signature is missing.", &[SIGNATURE_INVALID, ALGORITHM_NOT_ALLOWED])
        .note("an unsigned token (`alg` none) was presented", "收到的是未签名的令牌（`alg` 为 none）"),
    fast_jwt("The token algorithm is invalid.", &[ALGORITHM_NOT_ALLOWED]),
    fast_jwt("The token is malformed.", &[TOKEN_MALFORMED]),
    fast_jwt("The {claim} claim is required.", &[CLAIM_MISSING, SUBJECT_MISSING])
        .note("for `sub` it is subject_missing", "若为 `sub`，则是 subject_missing"),
    fast_jwt("Critical extension \"{extension}\" is not supported.", &[TOKEN_CRITICAL_UNKNOWN]),
    fastify("No Authorization was found in request.headers", &[CREDENTIAL_MISSING]),
    fastify("No Authorization was found in request.cookies", &[CREDENTIAL_MISSING]),
    fastify("Format is Authorization: Bearer [token]", &[CREDENTIAL_MALFORMED]),
    fastify("Authorization token expired", &[TOKEN_EXPIRED]),
    fastify(
        "Authorization token is invalid: {reason}",
        &[TOKEN_MALFORMED, SIGNATURE_INVALID, AUDIENCE_MISMATCH],
    )
    .under("invalid_token")
    .note("what follows the colon is fast-jwt's own message", "冒号之后是 fast-jwt 自己的消息"),
    fastify("Untrusted authorization token", &[TOKEN_REVOKED])
        .note("the application's own check said no", "由应用自己的检查拒绝"),
    Message::of("koa-jwt", Released, "Token revoked", &[TOKEN_REVOKED]),
    Message::of("koa-jwt", Released, "Bad Authorization header format.", &[CREDENTIAL_MALFORMED]),
    hono("no authorization included in request", &[CREDENTIAL_MISSING]),
    hono("invalid credentials structure", &[CREDENTIAL_MALFORMED]),
    hono("token ({token}) expired", &[TOKEN_EXPIRED]),
    hono("token ({token}) is being used before it's valid", &[TOKEN_NOT_YET_VALID]),
    hono("token({token}) signature mismatched", &[SIGNATURE_INVALID]),
    hono("invalid JWT token: {token}", &[TOKEN_MALFORMED]),
    hono("expected issuer \"{expected}\", got", &[ISSUER_UNKNOWN]),
    hono("expected audience \"{expected}\", got \"{audience}\"", &[AUDIENCE_MISMATCH]),
    hono("JWT algorithm mismatch: expected \"{expected}\", got \"{alg}\"", &[ALGORITHM_NOT_ALLOWED]),
    hono("Invalid \"iat\" claim, must be a valid number lower than", &[TOKEN_FROM_FUTURE]),
    oauth4webapi("unexpected JWT \"aud\" (audience) claim value", &[AUDIENCE_MISMATCH]),
    oauth4webapi("unexpected JWT \"iss\" (issuer) claim value", &[ISSUER_UNKNOWN]),
    oauth4webapi(
        "unexpected JWT \"exp\" (expiration time) claim value, expiration is past current timestamp",
        &[TOKEN_EXPIRED],
    ),
    oauth4webapi("unexpected JWT \"nbf\" (not before) claim value", &[TOKEN_NOT_YET_VALID]),
    oauth4webapi("unexpected JWT \"typ\" header parameter value", &[TOKEN_TYPE_MISMATCH]),
    oauth4webapi("JWT signature verification failed", &[SIGNATURE_INVALID])
        .under("signature_verification_failed"),
    oauth4webapi("error when selecting a JWT verification key, no applicable keys found", &[KEY_UNKNOWN]),
    oauth4webapi("no JWT \"crit\" header parameter extensions are supported", &[TOKEN_CRITICAL_UNKNOWN]),
    oauth4webapi("operation indicated DPoP use but the request has no DPoP HTTP Header", &[TOKEN_BOUND]),
    oauth4webapi("JWT Access Token confirmation mismatch", &[TOKEN_BOUND]),
    google("Token used too late, {now} > {exp}", &[TOKEN_EXPIRED]),
    google("Token used too early, {now} < {iat}", &[TOKEN_FROM_FUTURE, TOKEN_NOT_YET_VALID]).note(
        "compared with `iat`: mostly this machine's clock is behind",
        "与 `iat` 比较：多半是本机时钟落后",
    ),
    google("Wrong recipient, payload audience != requiredAudience", &[AUDIENCE_MISMATCH]),
    google("Invalid issuer, expected one of [{expected}], but got {issuer}", &[ISSUER_UNKNOWN]),
    google("No pem found for envelope: {header}", &[KEY_UNKNOWN]),
    google("Wrong number of segments in token: {token}", &[TOKEN_MALFORMED]),
    azure_ad("jwt is expired", &[TOKEN_EXPIRED]),
    azure_ad("jwt is not active", &[TOKEN_NOT_YET_VALID]),
    azure_ad("jwt issuer is invalid", &[ISSUER_UNKNOWN]),
    azure_ad("jwt audience is invalid", &[AUDIENCE_MISMATCH]),
    azure_ad("jwtString is malformed", &[TOKEN_MALFORMED]),
    azure_ad("a key with the specific kid cannot be found", &[KEY_UNKNOWN]),
    azure_ad("none of the scopes '{scopes}' in token is accepted", &[SCOPE_INSUFFICIENT]),
    keycloak("invalid token (expired)", &[TOKEN_EXPIRED]),
    keycloak("invalid token (stale token)", &[TOKEN_REVOKED])
        .note("issued before the realm's \"not before\" time", "早于 realm 的 “not before” 时间签发"),
    keycloak("invalid token (wrong ISS)", &[ISSUER_UNKNOWN])
        .note("mostly the same realm under another host name", "多半是同一 realm 换了主机名"),
    keycloak("invalid token (wrong audience)", &[AUDIENCE_MISMATCH]),
    keycloak("invalid token (wrong type)", &[TOKEN_TYPE_MISMATCH]),
    keycloak("invalid token (not signed)", &[SIGNATURE_INVALID, ALGORITHM_NOT_ALLOWED])
        .note("an unsigned token (`alg` none) was presented", "收到的是未签名的令牌（`alg` 为 none）"),
    keycloak("invalid token (signature)", &[SIGNATURE_INVALID]),
    keycloak("invalid token (public key signature)", &[SIGNATURE_INVALID]),
    keycloak("failed to load public key to verify token. Reason: {reason}", &[KEYS_UNAVAILABLE, KEY_UNKNOWN])
        .note("the set could not be fetched, or holds no such key", "无法取得密钥集，或其中没有该密钥"),
    supabase("Auth session missing!", &[CREDENTIAL_MISSING, TOKEN_REVOKED]).note(
        "nobody is signed in here, or the server says that the session has ended",
        "此处无人登录，或服务端表示会话已结束",
    ),
    supabase("JWT has expired", &[TOKEN_EXPIRED]),
    supabase("Invalid JWT structure", &[TOKEN_MALFORMED]),
    supabase("Invalid JWT signature", &[SIGNATURE_INVALID]),
    clerk("JWT is expired. Expiry date: {time}, Current date: {now}", &[TOKEN_EXPIRED]),
    clerk(
        "JWT cannot be used prior to not before date claim (nbf). Not before date: {time}",
        &[TOKEN_NOT_YET_VALID],
    ),
    clerk("JWT issued at date claim (iat) is in the future. Issued at date: {time}", &[TOKEN_FROM_FUTURE]),
    clerk("Invalid JWT form. A JWT consists of three parts separated by dots.", &[TOKEN_MALFORMED]),
    clerk("JWT signature is invalid.", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    clerk("Invalid JWT audience claim (aud) {audience}. Is not included in {expected}", &[AUDIENCE_MISMATCH]),
    clerk(
        "Invalid JWT Authorized party claim (azp) {party}. Expected {expected}",
        &[CLAIM_INVALID, AUDIENCE_MISMATCH],
    )
    .note(
        "the application that the token was issued to is not among `authorizedParties`",
        "令牌签发给的应用不在 `authorizedParties` 之中",
    ),
    clerk("Subject claim (sub) is required and must be a string.", &[SUBJECT_MISSING, SUBJECT_INVALID])
        .note("missing, or no text", "缺失，或不是文本"),
    clerk("Unable to find a signing key in JWKS that matches the kid='{kid}'", &[KEY_UNKNOWN]),
    mcp("Missing Authorization header", &[CREDENTIAL_MISSING]),
    mcp("Invalid Authorization header format, expected 'Bearer TOKEN'", &[CREDENTIAL_MALFORMED]),
    mcp("Token has no expiration time", &[CLAIM_MISSING]),
    mcp("Token has expired", &[TOKEN_EXPIRED]),
    mcp("Insufficient scope", &[SCOPE_INSUFFICIENT]),
    mcp("Token was not issued for this resource", &[AUDIENCE_MISMATCH]),
];
