//! Other gateways and meshes.

use super::Checked::{Released, Reports, Sources};
use super::Message;
use crate::codes::*;

/// Istio and Google's API gateway show Envoy's texts unchanged.
const fn envoy(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Envoy jwt_authn (also Istio, Google API Gateway)", Sources, text, codes)
}

const fn kong(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Kong", Sources, text, codes)
}

const fn apisix(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Apache APISIX", Sources, text, codes)
}

const fn aws(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("AWS API Gateway", Reports, text, codes)
}

const fn azure(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("Azure API Management", Sources, text, codes)
}

const fn litellm(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("LiteLLM", Released, text, codes)
}

pub(super) const MESSAGES: &[Message] = &[
    envoy("Jwt is missing", &[CREDENTIAL_MISSING]),
    envoy("Jwt is expired", &[TOKEN_EXPIRED]),
    envoy("Jwt not yet valid", &[TOKEN_NOT_YET_VALID]),
    envoy("Jwt is not in the form of Header.Payload.Signature", &[TOKEN_MALFORMED]),
    envoy("Jwt header is an invalid Base64url input or an invalid JSON", &[TOKEN_MALFORMED]),
    envoy("Jwt payload is an invalid Base64 or an invalid JSON", &[TOKEN_MALFORMED]),
    envoy("Jwt signature is an invalid Base64", &[TOKEN_MALFORMED]),
    envoy("Jwt header [alg] field value is invalid", &[ALGORITHM_NOT_ALLOWED]),
    envoy("Jwt issuer is not configured", &[ISSUER_UNKNOWN]),
    envoy("Audiences in Jwt are not allowed", &[AUDIENCE_MISMATCH]),
    envoy("Jwt verification fails", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    envoy("Jwks doesn't have key to match kid or alg from Jwt", &[KEY_UNKNOWN, ALGORITHM_NOT_ALLOWED]).note(
        "one text for both: compare the header's `alg` and `kid` with the key set",
        "两种情况共用一句：把头部的 `alg`、`kid` 与密钥集对照",
    ),
    envoy("Jwks remote fetch is failed", &[KEYS_UNAVAILABLE]),
    envoy("Jwks doesn't have any valid public key", &[KEYS_UNAVAILABLE]),
    Message::of("Envoy RBAC (also Istio)", Reports, "RBAC: access denied", &[POLICY_DENIED, NOT_ALLOWED])
        .note("the token was good; an authorisation rule said no", "令牌有效，由授权规则拒绝"),
    kong("No mandatory '{claim}' in claims", &[CLAIM_MISSING, ISSUER_UNKNOWN]).note(
        "Kong finds the consumer's credential by this claim, mostly `iss`",
        "Kong 按该声明（通常为 `iss`）查找消费者的凭证",
    ),
    kong("No credentials found for given '{claim}'", &[ISSUER_UNKNOWN, USER_UNKNOWN]).note(
        "no consumer has a credential of this key; Kong's counterpart of an unknown issuer",
        "没有消费者持有该 key 的凭证，相当于签发方未知",
    ),
    kong("Bad token; {reason}", &[TOKEN_MALFORMED]),
    kong("Invalid key/secret", &[KEY_UNKNOWN]),
    kong("Could not find consumer for '{key}'", &[APPLICATION_UNKNOWN]),
    kong("Multiple tokens provided", &[CREDENTIAL_CONFLICT]),
    kong("Unrecognizable token", &[CREDENTIAL_MALFORMED]),
    kong("\"exp\":\"token expired\"", &[TOKEN_EXPIRED]),
    kong("\"nbf\":\"token not valid yet\"", &[TOKEN_NOT_YET_VALID]),
    kong("exceeds maximum allowed expiration", &[TOKEN_TOO_OLD, CLAIM_INVALID])
        .note("`exp` lies further ahead than the plugin allows", "`exp` 超出插件允许的最远时间"),
    kong("No API key found in request", &[CREDENTIAL_MISSING]),
    kong("Invalid authentication credentials", &[API_KEY_INVALID, API_KEY_UNKNOWN]).under("unauthorized"),
    kong("You cannot consume this service", &[NOT_ALLOWED]),
    apisix("Missing JWT token in request", &[CREDENTIAL_MISSING]),
    apisix("missing user key in JWT token", &[CLAIM_MISSING, APPLICATION_UNKNOWN])
        .note("APISIX finds the consumer by the claim `key`", "APISIX 按声明 `key` 查找消费者"),
    apisix("Invalid user key in JWT token", &[APPLICATION_UNKNOWN]),
    apisix("failed to verify jwt", &[SIGNATURE_INVALID, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID])
        .under("invalid_token")
        .note("the gateway's error log says which", "网关的错误日志说明是哪一个"),
    Message::of(
        "lua-resty-jwt (APISIX, OpenResty)",
        Sources,
        "'exp' claim expired at {time}",
        &[TOKEN_EXPIRED],
    ),
    Message::of(
        "lua-resty-jwt (APISIX, OpenResty)",
        Reports,
        "signature mismatch: {detail}",
        &[SIGNATURE_INVALID],
    ),
    Message::of("lua-resty-jwt (APISIX, OpenResty)", Reports, "invalid jwt string", &[TOKEN_MALFORMED]),
    Message::of(
        "nginx",
        Sources,
        "401 Authorization Required",
        &[CREDENTIAL_MISSING, TOKEN_EXPIRED, SIGNATURE_INVALID],
    )
    .under("unauthorized")
    .note("the error log says why", "错误日志说明原因"),
    Message::of("Traefik", Reports, "401 Unauthorized", &[CREDENTIAL_MISSING, CREDENTIAL_MALFORMED])
        .under("unauthorized"),
    aws("Missing Authentication Token", &[ROUTE_NOT_FOUND, CREDENTIAL_MISSING]).note(
        "mostly a path or method that the stage does not have, whatever the words say",
        "无论字面如何，多半是该 stage 没有的路径或方法",
    ),
    aws("The incoming token has expired", &[TOKEN_EXPIRED]),
    aws("User is not authorized to access this resource with an explicit deny", &[POLICY_DENIED]),
    aws(
        "\"message\":\"Unauthorized\"",
        &[CREDENTIAL_MISSING, TOKEN_EXPIRED, AUDIENCE_MISMATCH, SIGNATURE_INVALID],
    )
    .under("unauthorized"),
    Message::of(
        "Amazon Cognito",
        Reports,
        "NotAuthorizedException: Access Token has been revoked",
        &[TOKEN_REVOKED],
    ),
    Message::of(
        "Amazon Cognito",
        Reports,
        "NotAuthorizedException: Access Token has expired",
        &[TOKEN_EXPIRED],
    ),
    Message::of("Amazon Cognito", Reports, "UserNotFoundException: User does not exist", &[USER_UNKNOWN])
        .under("user_from_sub_claim_does_not_exist"),
    Message::of(
        "Google API Gateway, Endpoints",
        Reports,
        "Method doesn't allow unregistered callers",
        &[CREDENTIAL_MISSING],
    ),
    azure("Access denied due to missing subscription key", &[CREDENTIAL_MISSING]),
    azure(
        "Access denied due to invalid subscription key",
        &[API_KEY_INVALID, API_KEY_UNKNOWN, API_KEY_REVOKED],
    )
    .note("one text for wrong, suspended and cancelled subscriptions", "订阅错误、被停用、已取消共用一句"),
    azure("JWT not present.", &[CREDENTIAL_MISSING]),
    azure("JWT token is missing the following claims: {claims}", &[CLAIM_MISSING]),
    azure("Claim {claim} value of {value} is not allowed", &[CLAIM_INVALID, ROLE_MISSING, AUDIENCE_MISMATCH])
        .note(
            "the policy's `required-claims` decides; which claim it was says which code",
            "由策略的 `required-claims` 决定；看是哪个声明即可知对应的错误码",
        ),
    litellm("Authentication Error, No api key passed in.", &[CREDENTIAL_MISSING]),
    litellm("Authentication Error, Malformed API Key passed in", &[CREDENTIAL_MALFORMED]),
    litellm("Authentication Error, Invalid proxy server token passed", &[API_KEY_INVALID, API_KEY_UNKNOWN])
        .note("the key is not in its database", "该密钥不在其数据库中"),
    litellm("Authentication Error - Expired Key", &[API_KEY_EXPIRED]),
    litellm("Authentication Error, Key is blocked", &[API_KEY_REVOKED]),
    litellm("Authentication Error, User={user} has been deactivated via SCIM", &[USER_SUSPENDED]),
    litellm("Invalid JWT Submitted", &[TOKEN_MALFORMED, SIGNATURE_INVALID]).under("invalid_token"),
    litellm("User not allowed to access model", &[MODEL_NOT_FOUND, MODEL_NOT_GRANTED]).note(
        "here a model that is not granted looks like one that is not there",
        "在这里，未授权的模型看起来与不存在的一样",
    ),
];
