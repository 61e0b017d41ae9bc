//! Ruby, PHP and Elixir.

use super::Checked::{Reports, Sources};
use super::Message;
use crate::codes::*;

const fn ruby(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("ruby-jwt", Sources, text, codes)
}

const fn php(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("firebase/php-jwt", Sources, text, codes)
}

const fn lcobucci(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("lcobucci/jwt", Sources, text, codes)
}

const fn tymon(text: &'static str, codes: &'static [Code]) -> Message {
    Message::of("tymon/jwt-auth", Reports, text, codes)
}

pub(super) const MESSAGES: &[Message] = &[
    ruby("Signature has expired", &[TOKEN_EXPIRED]),
    ruby("Signature nbf has not been reached", &[TOKEN_NOT_YET_VALID]),
    ruby("Signature verification failed", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    ruby("Invalid audience. Expected {expected}, received {audience}", &[AUDIENCE_MISMATCH]),
    ruby("Invalid issuer. Expected {expected}, received {issuer}", &[ISSUER_UNKNOWN]),
    ruby("Could not find public key for kid {kid}", &[KEY_UNKNOWN]),
    ruby("Not enough or too many segments", &[TOKEN_MALFORMED]),
    php("Expired token", &[TOKEN_EXPIRED]),
    php("Cannot handle token with nbf prior to {time}", &[TOKEN_NOT_YET_VALID]),
    php("Cannot handle token with iat prior to {time}", &[TOKEN_FROM_FUTURE]),
    php("Signature verification failed", &[SIGNATURE_INVALID]).under("signature_verification_failed"),
    php("Wrong number of segments", &[TOKEN_MALFORMED]),
    php("Invalid header encoding", &[TOKEN_MALFORMED]),
    php("Invalid claims encoding", &[TOKEN_MALFORMED]),
    php("Algorithm not supported", &[ALGORITHM_NOT_ALLOWED]),
    php("Incorrect key for this algorithm", &[ALGORITHM_NOT_ALLOWED]),
    php("\"kid\" invalid, unable to lookup correct key", &[KEY_UNKNOWN]),
    lcobucci("The token is not allowed to be used by this audience", &[AUDIENCE_MISMATCH]),
    lcobucci("The token was not issued by the given issuers", &[ISSUER_UNKNOWN]),
    lcobucci("Token signature mismatch", &[SIGNATURE_INVALID]),
    lcobucci("Token signer mismatch", &[ALGORITHM_NOT_ALLOWED]),
    lcobucci(
        "The token violates some mandatory constraints, details:",
        &[AUDIENCE_MISMATCH, ISSUER_UNKNOWN, TOKEN_EXPIRED, SIGNATURE_INVALID],
    )
    .under("jwt_claims_validation_failed")
    .note("the lines below it say which", "其下各行说明是哪一个"),
    tymon("Token has expired", &[TOKEN_EXPIRED]),
    tymon("Token Signature could not be verified.", &[SIGNATURE_INVALID]),
    tymon("The token has been blacklisted", &[TOKEN_REVOKED]),
    tymon("Wrong number of segments", &[TOKEN_MALFORMED]),
    Message::of("Guardian (Elixir)", Reports, ":token_expired", &[TOKEN_EXPIRED]),
    Message::of("Guardian (Elixir)", Reports, ":invalid_token", &[TOKEN_MALFORMED, SIGNATURE_INVALID])
        .under("invalid_token"),
    Message::of("Joken (Elixir)", Reports, ":signature_error", &[SIGNATURE_INVALID]),
];
