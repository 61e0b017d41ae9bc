//! The causes that the doctor tells apart: the code of every finding that is its own. A check that finds something says which
//! of these it is; a test fails when none brings one of them about.
//!
//! Not here: what explaining a token finds in the token itself (`portcullis_jose::explain`), and the codes of the catalogue.
//! Both can be the code of a finding as well: nobody has a better word for what they say.

use portcullis_fault::Code;
use std::fmt;

/// The code of a finding. Stable: scripts may rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cause(&'static str);

impl Cause {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The refusal itself.
impl From<Code> for Cause {
    fn from(code: Code) -> Self {
        Self(code.name())
    }
}

/// What explaining the token found.
impl From<&portcullis_jose::Finding> for Cause {
    fn from(found: &portcullis_jose::Finding) -> Self {
        Self(found.code)
    }
}

macro_rules! causes {
    ($($name:ident = $code:literal;)+) => {
        $(
            #[doc = concat!("`", $code, "`")]
            pub const $name: Cause = Cause($code);
        )+

        /// Every cause of the doctor's own.
        pub const ALL: &[Cause] = &[$($name),+];

        #[cfg(test)]
        const NAMES: &[&str] = &[$(stringify!($name)),+];
    };
}

causes! {
    // What was sent is no token for an API.
    FOREIGN_CREDENTIAL = "foreign_credential";
    ID_TOKEN = "id_token";
    REFRESH_TOKEN = "refresh_token";
    LOGOUT_TOKEN = "logout_token";

    // API keys, and applications that call with tokens.
    API_KEY_INVALID = "api_key_invalid";
    API_KEY_UNKNOWN = "api_key_unknown";
    API_KEY_EXPIRED = "api_key_expired";
    API_KEY_REVOKED = "api_key_revoked";
    API_KEY_CONFINED = "api_key_confined";
    APPLICATION_UNKNOWN = "application_unknown";
    APPLICATION_DISABLED = "application_disabled";

    // Algorithm, keys and signature.
    ALG_NONE = "alg_none";
    ALGORITHM_NOT_ALLOWED = "algorithm_not_allowed";
    JWKS_UNREACHABLE = "jwks_unreachable";
    JWKS_EMPTY = "jwks_empty";
    JWKS_HTML = "jwks_html";
    JWKS_MALFORMED = "jwks_malformed";
    JWKS_UNUSABLE = "jwks_unusable";
    JWKS_OF_OTHER_ISSUER = "jwks_of_other_issuer";
    JWKS_UNCACHEABLE = "jwks_uncacheable";
    KID_UNKNOWN = "kid_unknown";
    KID_MISMATCH = "kid_mismatch";
    KEY_REMOVED = "key_removed";
    KEY_REPLACED_UNDER_SAME_KID = "key_replaced_under_same_kid";
    KEY_DISTRUSTED = "key_distrusted";
    VERIFIED_BY_OTHER_KEY = "verified_by_other_key";
    SIGNED_BY_OTHER_ISSUER = "signed_by_other_issuer";

    // Issuer and environment.
    ISSUER_MISSING = "issuer_missing";
    ISSUER_NOT_CONFIGURED = "issuer_not_configured";
    ISSUER_TRAILING_SLASH = "issuer_trailing_slash";
    ISSUER_CASE = "issuer_case";
    ISSUER_SPACE = "issuer_space";
    ISSUER_INVISIBLE = "issuer_invisible";
    ISSUER_SCHEME = "issuer_scheme";
    ISSUER_HOST = "issuer_host";
    ISSUER_PORT = "issuer_port";
    ISSUER_PATH = "issuer_path";

    // Audience.
    AUDIENCE_MISSING = "audience_missing";
    AUDIENCE_MISMATCH = "audience_mismatch";
    AUDIENCE_TRAILING_SLASH = "audience_trailing_slash";
    AUDIENCE_SCHEME = "audience_scheme";
    AUDIENCE_SPACE = "audience_space";
    AUDIENCE_CASE = "audience_case";
    AUDIENCE_INVISIBLE = "audience_invisible";
    AUDIENCE_MISSPELT = "audience_misspelt";

    // The life of the token, and clocks.
    TOKEN_EXPIRED = "token_expired";
    TOKEN_NOT_YET_VALID = "token_not_yet_valid";
    TOKEN_FROM_FUTURE = "token_from_future";
    TOKEN_TOO_OLD = "token_too_old";
    TOKEN_REVOKED = "token_revoked";
    TOKEN_REPLAYED = "token_replayed";
    JTI_REPEATED = "jti_repeated";
    PASSWORD_CHANGED_AFTER_TOKEN = "password_changed_after_token";
    ISSUER_CLOCK_AHEAD = "issuer_clock_ahead";
    ISSUER_CLOCK_BEHIND = "issuer_clock_behind";
    GATEWAY_CLOCK_AHEAD = "gateway_clock_ahead";
    GATEWAY_CLOCK_BEHIND = "gateway_clock_behind";

    // The tenant.
    TENANT_DISABLED = "tenant_disabled";
    TENANT_UNKNOWN = "tenant_unknown";
    TENANT_MISMATCH = "tenant_mismatch";

    // The user.
    USER_PENDING = "user_pending";
    USER_SUSPENDED = "user_suspended";
    USER_DELETED = "user_deleted";
    USER_NEVER_CREATED = "user_never_created";
    USER_CREATED_AFTER_TOKEN = "user_created_after_token";
    USER_CREATED_AFTER_CALL = "user_created_after_call";
    USER_GONE = "user_gone";
    RESOLVED_SINCE = "resolved_since";
    WORKED_BEFORE = "worked_before";
    RULE_OR_LINK_CHANGED = "rule_or_link_changed";
    STORE_RECREATED = "store_recreated";

    // The subject, and who is nearly meant by it.
    SUBJECT_MISSING = "subject_missing";
    SUBJECT_EMPTY = "subject_empty";
    SUBJECT_IS_NUMBER = "subject_is_number";
    SUBJECT_OF_WRONG_TYPE = "subject_of_wrong_type";
    SUBJECT_OF_OTHER_FORM = "subject_of_other_form";
    SUBJECT_UNFIT = "subject_unfit";
    SUBJECT_AMBIGUOUS = "subject_ambiguous";
    SUBJECT_AMBIGUOUS_IN_CASE = "subject_ambiguous_in_case";
    SUBJECT_IS_EMAIL = "subject_is_email";
    SUBJECT_IS_USERNAME = "subject_is_username";
    SUBJECT_IS_EXTERNAL_ID = "subject_is_external_id";
    SUBJECT_IS_USER_ID = "subject_is_user_id";
    SUBJECT_IS_KEY = "subject_is_key";
    SUBJECT_IS_ATTRIBUTE = "subject_is_attribute";
    SUBJECT_IS_LOCAL_PART = "subject_is_local_part";
    SUBJECT_IN_OTHER_DOMAIN = "subject_in_other_domain";
    SUBJECT_DIFFERS_IN_CASE = "subject_differs_in_case";
    SUBJECT_HAS_WHITE_SPACE = "subject_has_white_space";
    SUBJECT_HAS_INVISIBLE_CHARACTERS = "subject_has_invisible_characters";
    SUBJECT_HAS_PREFIX = "subject_has_prefix";
    SUBJECT_IN_OTHER_UNICODE_FORM = "subject_in_other_unicode_form";
    SUBJECT_IN_OTHER_UUID_FORM = "subject_in_other_uuid_form";
    SUBJECT_IN_OTHER_NUMBER_FORM = "subject_in_other_number_form";
    SUBJECT_MISSPELT = "subject_misspelt";
    SUBJECT_WAS_REPLACED = "subject_was_replaced";
    SUBJECT_OF_OTHER_ISSUER = "subject_of_other_issuer";
    SUBJECT_IN_OTHER_TENANT = "subject_in_other_tenant";

    // Claim mapping.
    OTHER_RULE_FINDS = "other_rule_finds";
    OTHER_CLAIM_FINDS = "other_claim_finds";

    // Caches, and the directory.
    CACHE_STALE = "cache_stale";
    BREAKER_OPEN = "breaker_open";
    EVENT_STREAM_LOST = "event_stream_lost";
    DIRECTORY_UNREACHABLE = "directory_unreachable";
    DIRECTORY_WAS_UNREACHABLE = "directory_was_unreachable";
    DIRECTORY_SLOW = "directory_slow";

    // User sources, and their synchronisation.
    SOURCE_UNREACHABLE = "source_unreachable";
    SOURCE_WAS_UNREACHABLE = "source_was_unreachable";
    SOURCE_TOO_SLOW = "source_too_slow";
    SOURCE_SLOW = "source_slow";
    SOURCE_CREDENTIAL_REFUSED = "source_credential_refused";
    SOURCE_MISCONFIGURED = "source_misconfigured";
    SOURCE_BREAKER_OPEN = "source_breaker_open";
    REPLICA_BEHIND = "replica_behind";
    REPLICA_UNREACHABLE = "replica_unreachable";
    USER_NOT_IN_SOURCE = "user_not_in_source";
    RENAMED_IN_SOURCE = "renamed_in_source";
    GONE_OR_RENAMED_IN_SOURCE = "gone_or_renamed_in_source";
    SOURCE_KEY_CHANGED = "source_key_changed";
    SOURCE_RECREATED = "source_recreated";
    SYNC_BEHIND = "sync_behind";
    SYNC_LEFT_OUT = "sync_left_out";
    SYNC_WAITING = "sync_waiting";
    SYNC_FAILING = "sync_failing";

    // Who may call what.
    GROUPS_LEFT_OUT = "groups_left_out";
    GROUPS_UNMAPPED = "groups_unmapped";
    GROUP_NAMES_NO_TEAM = "group_names_no_team";
    SCOPE_INSUFFICIENT = "scope_insufficient";
    ROLE_MISSING = "role_missing";
    NOT_ALLOWED = "not_allowed";
    POLICY_DENIED = "policy_denied";

    // The service behind.
    SERVICE_WITHOUT_RESOLUTION = "service_without_resolution";
    DOWNSTREAM_REFUSED = "downstream_refused";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_there_once_and_called_as_it_is_written() {
        for (cause, name) in ALL.iter().zip(NAMES) {
            assert_eq!(cause.as_str(), name.to_lowercase());
            assert_eq!(ALL.iter().filter(|other| *other == cause).count(), 1, "{cause}");
        }
    }
}
