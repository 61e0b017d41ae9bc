//! Identity servers, backends as a service, and AI vendors.

use super::Checked::{Released, Reports, Sources};
use super::Message;
use crate::codes::*;

const fn supabase(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Supabase Auth (GoTrue)", Sources, text, codes)
}

const fn postgrest(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("PostgREST", Sources, text, codes)
}

const fn hasura(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Hasura", Sources, text, codes)
}

const fn keycloak(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Keycloak", Released, text, codes)
}

pub(super) const MESSAGES: &[Message] = &[
    Message::of(
        "Supabase Auth (GoTrue)",
        Reports,
        "User from sub claim in JWT does not exist",
        &[USER_UNKNOWN, USER_DELETED],
    )
    .under("user_from_sub_claim_does_not_exist")
    .note(
        "one text whether the user was deleted, is in another project, or never was",
        "用户已删除、在另一项目或从未存在，都是这一句",
    ),
    Message::of(
        "Supabase Auth (GoTrue)",
        Reports,
        "Session from session_id claim in JWT does not exist",
        &[TOKEN_REVOKED],
    )
    .note(
        "signed out elsewhere: the session that the token came from has ended",
        "已在别处退出：令牌所属的会话已结束",
    ),
    supabase("invalid claim: missing sub claim", &[SUBJECT_MISSING]).note(
        "an API key (anon, service_role) was sent where a user's token belongs",
        "在需要用户令牌处发送了 API 密钥（anon、service_role）",
    ),
    supabase("invalid claim: sub claim must be a UUID", &[SUBJECT_INVALID]),
    supabase(
        "invalid JWT: unable to parse or verify signature, {reason}",
        &[SIGNATURE_INVALID, TOKEN_MALFORMED, TOKEN_EXPIRED],
    )
    .under("invalid_token")
    .note("what follows is golang-jwt's own message", "其后是 golang-jwt 自己的消息"),
    supabase("This endpoint requires a Bearer token", &[CREDENTIAL_MISSING]),
    supabase("This endpoint requires a valid Bearer token", &[CREDENTIAL_MISSING, CREDENTIAL_MALFORMED])
        .note(
            "no header, or not of the form `Bearer` and a token",
            "没有该头部，或不是 `Bearer` 加令牌的形式",
        ),
    supabase("User not allowed", &[NOT_ALLOWED]),
    Message::of("PostgREST", Reports, "JWT expired", &[TOKEN_EXPIRED]),
    Message::of("PostgREST", Reports, "JWT issued at future", &[TOKEN_FROM_FUTURE]),
    Message::of("PostgREST", Reports, "JWSError JWSInvalidSignature", &[SIGNATURE_INVALID]),
    postgrest("No suitable key or wrong key type", &[KEY_UNKNOWN, ALGORITHM_NOT_ALLOWED]).note(
        "the token is another project's, or its algorithm has no key here",
        "令牌属于另一项目，或其算法在此没有密钥",
    ),
    postgrest("Expected 3 parts in JWT; got {parts}", &[TOKEN_MALFORMED]),
    postgrest("Empty JWT is sent in Authorization header", &[CREDENTIAL_MALFORMED]),
    postgrest("JWT cryptographic operation failed", &[SIGNATURE_INVALID]),
    postgrest("Wrong or unsupported encoding algorithm", &[ALGORITHM_NOT_ALLOWED]),
    hasura(
        "Could not verify JWT: {reason}",
        &[SIGNATURE_INVALID, TOKEN_EXPIRED, TOKEN_FROM_FUTURE, AUDIENCE_MISMATCH, ISSUER_UNKNOWN],
    )
    .under("invalid_token")
    .note("what follows the colon says which", "冒号之后说明是哪一个"),
    hasura("Could not verify JWT: JWTExpired", &[TOKEN_EXPIRED]),
    hasura("Could not verify JWT: JWTIssuedAtFuture", &[TOKEN_FROM_FUTURE]),
    hasura("Could not verify JWT: JWSError JWSInvalidSignature", &[SIGNATURE_INVALID]),
    hasura("Missing 'Authorization' or 'Cookie' header in JWT authentication mode", &[CREDENTIAL_MISSING]),
    keycloak("Invalid token issuer. Expected '{expected}'", &[ISSUER_UNKNOWN])
        .note("mostly the same realm under another host name", "多半是同一 realm 换了主机名"),
    keycloak("Token is not active", &[TOKEN_EXPIRED, TOKEN_NOT_YET_VALID])
        .note("one text for `exp` and `nbf`", "`exp` 与 `nbf` 共用一句"),
    keycloak("Subject missing in token", &[SUBJECT_MISSING]),
    keycloak("Token type is incorrect. Expected '{expected}' but was '{type}'", &[TOKEN_TYPE_MISMATCH]),
    keycloak("No audience in the token", &[AUDIENCE_MISMATCH]),
    keycloak("Expected audience not available in the token", &[AUDIENCE_MISMATCH]),
    keycloak("Failed to parse JWT", &[TOKEN_MALFORMED]),
    keycloak("Invalid token signature", &[SIGNATURE_INVALID]),
    keycloak("Expected issuedFor doesn't match", &[CLAIM_INVALID, AUDIENCE_MISMATCH])
        .note("the token was issued to another client: `azp`", "令牌签发给了另一个客户端：`azp`"),
    Message::of(
        "Okta API",
        Reports,
        "E0000011",
        &[TOKEN_EXPIRED, TOKEN_REVOKED, TOKEN_MALFORMED, API_KEY_INVALID],
    )
    .under("invalid_token"),
    Message::of(
        "Express, NestJS, Rails and many more",
        Reports,
        "JWT claims validation failed",
        &[
            AUDIENCE_MISMATCH,
            ISSUER_UNKNOWN,
            TOKEN_EXPIRED,
            TOKEN_NOT_YET_VALID,
            SUBJECT_INVALID,
            CLAIM_MISSING,
            CLAIM_INVALID,
        ],
    )
    .under("jwt_claims_validation_failed"),
    Message::of(
        "NestJS",
        Reports,
        "\"message\":\"Unauthorized\",\"statusCode\":401",
        &[CREDENTIAL_MISSING, TOKEN_EXPIRED, SIGNATURE_INVALID, AUDIENCE_MISMATCH],
    )
    .under("unauthorized")
    .note("passport hides the reason in `info`", "passport 把原因放在 `info` 中"),
    Message::of(
        "any server",
        Sources,
        "401 Unauthorized",
        &[
            CREDENTIAL_MISSING,
            CREDENTIAL_MALFORMED,
            TOKEN_EXPIRED,
            SIGNATURE_INVALID,
            AUDIENCE_MISMATCH,
            ISSUER_UNKNOWN,
            SUBJECT_UNRESOLVED,
            API_KEY_INVALID,
        ],
    )
    .under("unauthorized"),
    Message::of(
        "any server",
        Sources,
        "error=\"invalid_token\"",
        &[
            TOKEN_EXPIRED,
            SIGNATURE_INVALID,
            AUDIENCE_MISMATCH,
            ISSUER_UNKNOWN,
            TOKEN_MALFORMED,
            TOKEN_REVOKED,
            SUBJECT_UNRESOLVED,
        ],
    )
    .under("invalid_token"),
    Message::of("any server", Sources, "error=\"insufficient_scope\"", &[SCOPE_INSUFFICIENT]),
    Message::of(
        "OpenAI",
        Reports,
        "Incorrect API key provided",
        &[API_KEY_INVALID, PROVIDER_CREDENTIAL_REFUSED],
    )
    .note(
        "from behind a gateway it is the gateway's own key that the vendor refused",
        "若在网关之后，则是厂商拒绝了网关自己的密钥",
    ),
    Message::of("OpenAI", Reports, "You didn't provide an API key", &[CREDENTIAL_MISSING]),
    Message::of("OpenAI", Reports, "invalid_api_key", &[API_KEY_INVALID, PROVIDER_CREDENTIAL_REFUSED]).note(
        "from behind a gateway it is the gateway's own key that the vendor refused",
        "若在网关之后，则是厂商拒绝了网关自己的密钥",
    ),
    Message::of("Anthropic", Reports, "invalid x-api-key", &[API_KEY_INVALID, PROVIDER_CREDENTIAL_REFUSED])
        .note(
            "from behind a gateway it is the gateway's own key that the vendor refused",
            "若在网关之后，则是厂商拒绝了网关自己的密钥",
        ),
    Message::of("Anthropic", Reports, "x-api-key header is required", &[CREDENTIAL_MISSING]),
    Message::of(
        "Gemini, Google APIs",
        Reports,
        "API key not valid. Please pass a valid API key",
        &[API_KEY_INVALID, PROVIDER_CREDENTIAL_REFUSED],
    )
    .note(
        "from behind a gateway it is the gateway's own key that the vendor refused",
        "若在网关之后，则是厂商拒绝了网关自己的密钥",
    ),
];
