//! The steps of the path of a call that can refuse it, in their order, and which code belongs to which.

use portcullis_fault::Code;
use serde::{Deserialize, Serialize};

/// A step of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Accept and route: before anybody asks who calls.
    Accept,
    /// One credential, in a known place.
    Credential,
    /// A well-formed token.
    Shape,
    /// An algorithm that the issuer may use.
    Algorithm,
    /// A key of the issuer.
    Key,
    /// The signature counts under it.
    Signature,
    /// The issuer is one of ours.
    Issuer,
    /// Within its life.
    Time,
    /// Meant for us.
    Audience,
    /// An access token, with the claims that are asked for.
    Type,
    /// Not revoked, not used up, and not bound to a key that is not shown.
    Revocation,
    /// The subject is an active user.
    Resolve,
    /// Who may call the service.
    Authorise,
    /// The service behind the gateway.
    Dispatch,
}

/// The codes that each step refuses with. A code that is in no row belongs to [`Stage::Accept`].
const CODES: [(Stage, &[&str]); 13] = [
    (
        Stage::Credential,
        &[
            "credential_missing",
            "credential_conflict",
            "credential_malformed",
            "aws_signature_refused",
            "origin_refused",
            "api_key_invalid",
            "api_key_unknown",
            "api_key_expired",
            "api_key_revoked",
        ],
    ),
    (Stage::Shape, &["token_malformed", "token_too_large", "token_encrypted", "token_critical_unknown"]),
    (Stage::Algorithm, &["algorithm_not_allowed"]),
    (Stage::Key, &["key_unknown", "key_distrusted", "keys_unavailable"]),
    (Stage::Signature, &["signature_invalid"]),
    (Stage::Issuer, &["issuer_unknown"]),
    (Stage::Time, &["token_expired", "token_not_yet_valid", "token_from_future", "token_too_old"]),
    (Stage::Audience, &["audience_mismatch"]),
    (Stage::Type, &["token_type_mismatch", "claim_missing", "claim_invalid"]),
    (Stage::Revocation, &["token_revoked", "token_replayed", "token_bound"]),
    (
        Stage::Resolve,
        &[
            "subject_missing",
            "subject_invalid",
            "subject_unresolved",
            "user_unknown",
            "user_pending",
            "user_suspended",
            "user_deleted",
            "subject_ambiguous",
            "application_unknown",
            "application_disabled",
            "tenant_unknown",
            "tenant_disabled",
            "resolution_unavailable",
            "resolution_overloaded",
            "groups_overage",
        ],
    ),
    (
        Stage::Authorise,
        &[
            "service_foreign",
            "not_allowed",
            "scope_insufficient",
            "role_missing",
            "policy_denied",
            "model_not_found",
            "model_not_granted",
            "api_key_confined",
        ],
    ),
    (
        Stage::Dispatch,
        &[
            "upstream_unreachable",
            "upstream_timeout",
            "upstream_invalid",
            "upstream_cut",
            "provider_credential_refused",
            "provider_model_unknown",
            "provider_unavailable",
        ],
    ),
];

impl Stage {
    /// The steps that a token passes, in order.
    pub const PATH: [Self; 13] = [
        Self::Credential,
        Self::Shape,
        Self::Algorithm,
        Self::Key,
        Self::Signature,
        Self::Issuer,
        Self::Time,
        Self::Audience,
        Self::Type,
        Self::Revocation,
        Self::Resolve,
        Self::Authorise,
        Self::Dispatch,
    ];

    /// The step that refuses with this code.
    pub fn of(code: &str) -> Self {
        CODES.iter().find(|(_, codes)| codes.contains(&code)).map_or(Self::Accept, |(stage, _)| *stage)
    }

    /// The step that refuses with this code of the catalogue.
    pub fn of_code(code: Code) -> Self {
        Self::of(code.name())
    }

    /// As shown to people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Credential => "credential",
            Self::Shape => "shape",
            Self::Algorithm => "algorithm",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Time => "time",
            Self::Audience => "audience",
            Self::Type => "type",
            Self::Revocation => "revocation",
            Self::Resolve => "resolve",
            Self::Authorise => "authorise",
            Self::Dispatch => "dispatch",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_in_a_row_is_in_the_catalogue_and_only_once() {
        let all: Vec<&str> = CODES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
        for code in &all {
            assert!(Code::find(code).is_some(), "`{code}` is no code");
            assert_eq!(all.iter().filter(|other| *other == code).count(), 1, "`{code}`");
        }
        // A new code about a token, a key or a user has to be put into a row.
        let about = |name: &str| {
            ["token_", "key", "signature", "subject", "user_", "api_key"]
                .iter()
                .any(|part| name.starts_with(part))
        };
        for code in portcullis_fault::codes::ALL.iter().filter(|code| about(code.name())) {
            assert!(all.contains(&code.name()), "`{code}` belongs to no step");
        }
    }
}
