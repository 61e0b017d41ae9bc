//! Java, Kotlin and .NET.

use super::Checked::{Released, Reports, Sources};
use super::Message;
use crate::codes::*;

const fn spring(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Spring Security", Released, text, codes)
}

const fn nimbus(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Nimbus JOSE+JWT", Released, text, codes)
}

const fn jjwt(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("jjwt", Released, text, codes)
}

const fn java_jwt(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Auth0 java-jwt", Released, text, codes)
}

const fn jose4j(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("jose4j", Released, text, codes)
}

const fn microsoft(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Microsoft.IdentityModel", Sources, text, codes)
}

pub(super) const MESSAGES: &[Message] = &[
    spring("Jwt expired at {time}", &[TOKEN_EXPIRED]),
    spring("Jwt used before {time}", &[TOKEN_NOT_YET_VALID]),
    spring("The iss claim is not valid", &[ISSUER_UNKNOWN]),
    spring("The aud claim is not valid", &[AUDIENCE_MISMATCH]),
    spring(
        "An error occurred while attempting to decode the Jwt: {reason}",
        &[TOKEN_MALFORMED, SIGNATURE_INVALID, TOKEN_EXPIRED, KEYS_UNAVAILABLE],
    )
    .under("invalid_token")
    .note("what follows the colon is Nimbus's own message", "冒号之后是 Nimbus 自己的消息"),
    spring(
        "Full authentication is required to access this resource",
        &[CREDENTIAL_MISSING, CREDENTIAL_MALFORMED],
    )
    .under("unauthorized"),
    spring("Bearer token is malformed", &[CREDENTIAL_MALFORMED]),
    spring("Found multiple bearer tokens in the request", &[CREDENTIAL_CONFLICT]),
    spring(
        "The request requires higher privileges than provided by the access token.",
        &[SCOPE_INSUFFICIENT, NOT_ALLOWED],
    )
    .note(
        "the token is good; an authority that the rule asks for is not in it",
        "令牌有效，但缺少规则要求的权限",
    ),
    nimbus(
        "Signed JWT rejected: Another algorithm expected, or no matching key(s) found",
        &[KEY_UNKNOWN, ALGORITHM_NOT_ALLOWED],
    )
    .note(
        "one text for both: compare the header's `alg` and `kid` with the key set",
        "两种情况共用一句：把头部的 `alg`、`kid` 与密钥集对照",
    ),
    nimbus("Signed JWT rejected: Invalid signature", &[SIGNATURE_INVALID]),
    nimbus("Invalid JWT serialization: Missing dot delimiter(s)", &[TOKEN_MALFORMED]),
    nimbus("Couldn't retrieve remote JWK set: {reason}", &[KEYS_UNAVAILABLE]),
    nimbus("Expired JWT", &[TOKEN_EXPIRED]),
    jjwt("JWT signature does not match locally computed signature", &[SIGNATURE_INVALID]),
    jjwt("JWT expired at {time}. Current time: {now}", &[TOKEN_EXPIRED]),
    jjwt("JWT expired {milliseconds} milliseconds ago at {time}", &[TOKEN_EXPIRED]),
    jjwt("Cannot verify JWS signature: unable to locate signature verification key", &[KEY_UNKNOWN]),
    jjwt("Unsupported signature algorithm '{alg}'", &[ALGORITHM_NOT_ALLOWED]),
    jjwt(
        "The parsed JWT indicates it was signed with the '{alg}' signature algorithm, but the provided",
        &[ALGORITHM_NOT_ALLOWED, SIGNATURE_INVALID],
    )
    .note("the key's kind and the token's algorithm do not go together", "密钥种类与令牌的算法不匹配"),
    java_jwt("The Token has expired on {time}", &[TOKEN_EXPIRED]),
    java_jwt("The Token can't be used before {time}", &[TOKEN_NOT_YET_VALID]),
    java_jwt("The Claim 'iss' value doesn't match the required issuer", &[ISSUER_UNKNOWN]),
    java_jwt("The Claim 'aud' value doesn't contain the required audience", &[AUDIENCE_MISMATCH]),
    java_jwt("The Claim '{claim}' is not present in the JWT", &[CLAIM_MISSING, SUBJECT_MISSING])
        .note("for `sub` it is subject_missing", "若为 `sub`，则是 subject_missing"),
    java_jwt(
        "The Token's Signature resulted invalid when verified using the Algorithm: {alg}",
        &[SIGNATURE_INVALID],
    ),
    jose4j(
        "The JWT is no longer valid - the evaluation time {now} is on or after the Expiration Time (exp={exp})",
        &[TOKEN_EXPIRED],
    ),
    jose4j(
        "The JWT is not yet valid as the evaluation time {now} is before the Not Before (nbf={nbf})",
        &[TOKEN_NOT_YET_VALID],
    ),
    jose4j(
        "Issuer (iss) claim value ({issuer}) doesn't match expected value of {expected}",
        &[ISSUER_UNKNOWN],
    ),
    jose4j("Audience (aud) claim {audience} doesn't contain an acceptable identifier.", &[AUDIENCE_MISMATCH]),
    jose4j("No Subject (sub) claim is present.", &[SUBJECT_MISSING]),
    jose4j("No Expiration Time (exp) claim present.", &[CLAIM_MISSING]),
    jose4j("No Audience (aud) claim present.", &[AUDIENCE_MISMATCH]),
    jose4j("JWS signature is invalid.", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    jose4j("JWT rejected due to invalid signature.", &[SIGNATURE_INVALID])
        .under("signature_verification_failed"),
    jose4j(
        "Unable to find a suitable verification key for JWS w/ header {header}",
        &[KEY_UNKNOWN, KEYS_UNAVAILABLE],
    )
    .note("the set could not be fetched, or holds no such key", "无法取得密钥集，或其中没有该密钥"),
    Message::of(
        "Auth0 jwks-rsa (Java)",
        Released,
        "No key found in {address} with kid {kid}",
        &[KEY_UNKNOWN],
    ),
    Message::of(
        "Auth0 jwks-rsa (Java)",
        Released,
        "Cannot obtain jwks from url {address}",
        &[KEYS_UNAVAILABLE],
    ),
    microsoft("IDX10205: Issuer validation failed", &[ISSUER_UNKNOWN]),
    microsoft("IDX10211: Unable to validate issuer", &[CLAIM_MISSING]),
    microsoft("IDX40001: Issuer: '{issuer}', does not match any of the valid issuers", &[ISSUER_UNKNOWN]),
    microsoft("IDX10206: Unable to validate audience", &[AUDIENCE_MISMATCH]),
    microsoft("IDX10208: Unable to validate audience", &[AUDIENCE_MISMATCH]),
    microsoft(
        "IDX10214: Audience validation failed. Audiences: '{audience}'. Did not match",
        &[AUDIENCE_MISMATCH],
    ),
    microsoft("IDX10209: Token has length: '{length}' which is larger", &[TOKEN_TOO_LARGE]),
    microsoft(
        "IDX10222: Lifetime validation failed. The token is not yet valid. ValidFrom: '{nbf}'",
        &[TOKEN_NOT_YET_VALID],
    ),
    microsoft(
        "IDX10223: Lifetime validation failed. The token is expired. ValidTo: '{exp}'",
        &[TOKEN_EXPIRED],
    ),
    microsoft(
        "IDX10225: Lifetime validation failed. The token is missing an Expiration Time",
        &[CLAIM_MISSING],
    ),
    microsoft("IDX10228: The securityToken has previously been validated", &[TOKEN_REPLAYED]),
    microsoft("IDX10256: Unable to validate the token type", &[TOKEN_TYPE_MISMATCH]),
    microsoft("IDX10257: Token type validation failed. Type: '{type}'", &[TOKEN_TYPE_MISMATCH]),
    microsoft(
        "IDX10500: Signature validation failed. No security keys were provided",
        &[KEYS_UNAVAILABLE, KEY_UNKNOWN],
    )
    .note(
        "no key was loaded at all: look at the metadata address first",
        "根本没有载入密钥：先检查元数据地址",
    ),
    microsoft("IDX10501: Signature validation failed. Unable to match key", &[KEY_UNKNOWN]),
    microsoft("IDX10503: Signature validation failed", &[KEY_UNKNOWN, SIGNATURE_INVALID]).note(
        "keys were tried and none fits: a rotated key, or another environment's",
        "试过的密钥都不符：密钥已轮换，或属于另一个环境",
    ),
    microsoft(
        "IDX10504: Unable to validate signature, token does not have a signature",
        &[ALGORITHM_NOT_ALLOWED],
    ),
    microsoft("IDX10508: Signature validation failed. Signature is improperly formatted", &[TOKEN_MALFORMED]),
    microsoft("IDX10511: Signature validation failed. Keys tried", &[SIGNATURE_INVALID]),
    microsoft("IDX10517: Signature validation failed. The token's kid is missing", &[KEY_UNKNOWN]),
    microsoft("IDX10603: Decryption failed", &[TOKEN_ENCRYPTED]),
    microsoft("IDX10609: Decryption failed. No Keys tried", &[TOKEN_ENCRYPTED]),
    microsoft("IDX12741: JWT", &[TOKEN_MALFORMED]),
    microsoft("IDX14100: JWT is not well formed", &[TOKEN_MALFORMED]),
    microsoft("IDX20803: Unable to obtain configuration from: '{address}'", &[KEYS_UNAVAILABLE]),
    Message::of(
        "ASP.NET Core",
        Reports,
        "error=\"invalid_token\", error_description=\"The audience '{audience}' is invalid",
        &[AUDIENCE_MISMATCH],
    ),
    Message::of(
        "ASP.NET Core",
        Reports,
        "error=\"invalid_token\", error_description=\"The issuer '{issuer}' is invalid",
        &[ISSUER_UNKNOWN],
    ),
    Message::of(
        "ASP.NET Core",
        Reports,
        "error=\"invalid_token\", error_description=\"The token expired at '{time}'",
        &[TOKEN_EXPIRED],
    ),
    Message::of(
        "ASP.NET Core",
        Reports,
        "error=\"invalid_token\", error_description=\"The signature key was not found",
        &[KEY_UNKNOWN],
    ),
];
