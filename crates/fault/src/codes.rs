//! The catalogue: one row per code. A code is part of the API: its name and status do not change; a row that is no
//! longer used stays until nobody can have it in a record.

use std::fmt;
use tracing_level::Level;

/// A code of the catalogue. Compares and copies as a pointer.
#[derive(Clone, Copy)]
pub struct Code(&'static Row);

struct Row {
    name: &'static str,
    status: u16,
    blame: Blame,
    retry: Retry,
    level: Level,
    oauth: Option<OauthError>,
    public: Option<&'static str>,
    title: &'static str,
    page_en: &'static str,
    page_zh: &'static str,
}

/// Whose turn it is to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The caller: the request or its credential.
    Caller,
    /// Whoever administers the issuer, the user or the access.
    Administrator,
    /// Whoever runs this gateway.
    Operator,
    /// The service behind the gateway.
    Upstream,
}

impl Blame {
    /// As shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Upstream => "upstream",
        }
    }
}

/// Whether the same call can succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not without a change.
    No,
    /// After `Retry-After`.
    Later,
    /// At once, when the method is safe to repeat.
    Now,
}

impl Retry {
    /// As shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Later => "later",
            Self::Now => "now",
        }
    }
}

/// Error values of RFC 6750 §3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OauthError {
    /// No `error` member: the call had no credentials (RFC 6750 §3.1, last paragraph).
    Absent,
    /// `invalid_request`.
    InvalidRequest,
    /// `invalid_token`.
    InvalidToken,
    /// `insufficient_scope`.
    InsufficientScope,
}

/// Log levels, without a dependency on a logging crate.
pub mod tracing_level {
    /// At which level a refusal is logged.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Level {
        /// Of interest when looking for it.
        Debug,
        /// Part of ordinary life.
        Info,
        /// Somebody should look.
        Warn,
        /// Somebody must act.
        Error,
    }
}

impl Code {
    /// The code as it appears in bodies, records and URLs.
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// HTTP status.
    pub const fn status(self) -> u16 {
        self.0.status
    }

    /// Whose turn it is to act.
    pub const fn blame(self) -> Blame {
        self.0.blame
    }

    /// Whether the same call can succeed later.
    pub const fn retry(self) -> Retry {
        self.0.retry
    }

    /// At which level a refusal with this code is logged.
    pub const fn level(self) -> Level {
        self.0.level
    }

    /// What `WWW-Authenticate` says, when one is sent.
    pub const fn oauth(self) -> Option<OauthError> {
        self.0.oauth
    }

    /// One sentence that the caller may read.
    pub const fn title(self) -> &'static str {
        self.0.title
    }

    /// The code that the caller is shown: itself, or the one that several look like from outside.
    pub fn public(self) -> Self {
        self.0.public.and_then(Self::find).unwrap_or(self)
    }

    /// The page in Markdown, in `en` or `zh`.
    pub const fn page(self, chinese: bool) -> &'static str {
        if chinese { self.0.page_zh } else { self.0.page_en }
    }

    /// The code of this name.
    pub fn find(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|code| code.0.name == name)
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

/// `NAME "name" status blame retry level [oauth] [as alias] "title";` — and the two pages must exist, or this does not compile.
macro_rules! codes {
    (@oauth) => { None };
    (@oauth $oauth:ident) => { Some(OauthError::$oauth) };
    (@alias) => { None };
    (@alias $alias:literal) => { Some($alias) };
    ($($const:ident $name:literal $status:literal $blame:ident $retry:ident $level:ident $(+ $oauth:ident)? $(as $alias:literal)? : $title:literal;)+) => {
        $(
            #[doc = $title]
            pub const $const: Code = Code(&Row {
                name: $name,
                status: $status,
                blame: Blame::$blame,
                retry: Retry::$retry,
                level: Level::$level,
                oauth: codes!(@oauth $($oauth)?),
                public: codes!(@alias $($alias)?),
                title: $title,
                page_en: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors/", $name, ".en.md")),
                page_zh: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors/", $name, ".zh.md")),
            });
        )+
        /// Every code, in the order of the path of a call.
        pub const ALL: &[Code] = &[$($const),+];
    };
}

codes! {
    // accept
    REQUEST_MALFORMED "request_malformed" 400 Caller No Info: "the request is not valid HTTP";
    HEADERS_TOO_LARGE "headers_too_large" 431 Caller No Info: "the request's header section is too large";
    BODY_TOO_LARGE "body_too_large" 413 Caller No Info: "the request's body is too large";
    REQUEST_TIMEOUT "request_timeout" 408 Caller Now Info: "the request did not arrive in time";
    TOO_MANY_FAILURES "too_many_failures" 429 Caller Later Warn: "too many failed credentials from this address";
    OVERLOADED "overloaded" 503 Operator Later Warn: "the gateway is at its limit of calls under way";
    SHUTTING_DOWN "shutting_down" 503 Operator Later Info: "the gateway is shutting down";
    // route
    PATH_REFUSED "path_refused" 400 Caller No Info: "the path can be read in more than one way and is refused";
    ROUTE_NOT_FOUND "route_not_found" 404 Caller No Info: "nothing is served at this path";
    METHOD_NOT_ALLOWED "method_not_allowed" 405 Caller No Info: "this path does not serve this method";
    UPGRADE_REFUSED "upgrade_refused" 403 Caller No Info: "this service does not serve WebSocket connections";
    // authenticate: the credential
    CREDENTIAL_MISSING "credential_missing" 401 Caller No Info + Absent: "the call carries no credential";
    CREDENTIAL_CONFLICT "credential_conflict" 400 Caller No Info + InvalidRequest: "the call carries more than one credential";
    CREDENTIAL_MALFORMED "credential_malformed" 401 Caller No Info + InvalidToken: "the credential is neither a token nor an API key";
    AWS_SIGNATURE_REFUSED "aws_signature_refused" 401 Caller No Info + InvalidToken: "the call is signed with AWS keys, and this gateway takes credentials of its own only";
    ORIGIN_REFUSED "origin_refused" 403 Caller No Info: "a cookie is accepted only from the service's own origins";
    // authenticate: shape
    TOKEN_MALFORMED "token_malformed" 401 Caller No Info + InvalidToken: "the token is not a well-formed JWT";
    TOKEN_TOO_LARGE "token_too_large" 401 Caller No Info + InvalidToken: "the token is too large";
    TOKEN_ENCRYPTED "token_encrypted" 401 Caller No Info + InvalidToken: "the token is encrypted, and no key of this gateway opens it";
    TOKEN_CRITICAL_UNKNOWN "token_critical_unknown" 401 Caller No Info + InvalidToken: "the token demands an extension that is not understood";
    // authenticate: algorithm, key, signature
    ALGORITHM_NOT_ALLOWED "algorithm_not_allowed" 401 Caller No Info + InvalidToken: "the token's algorithm is not accepted";
    KEY_UNKNOWN "key_unknown" 401 Caller No Info + InvalidToken: "the token names a key that its issuer does not publish";
    KEY_DISTRUSTED "key_distrusted" 401 Administrator No Warn + InvalidToken as "key_unknown": "the token's key was distrusted by an operator";
    KEYS_UNAVAILABLE "keys_unavailable" 503 Operator Later Error: "the issuer's keys cannot be had at the moment";
    SIGNATURE_INVALID "signature_invalid" 401 Caller No Info + InvalidToken: "the token's signature is not valid";
    // authenticate: issuer, time, audience, type
    ISSUER_UNKNOWN "issuer_unknown" 401 Caller No Info + InvalidToken: "the token's issuer is not accepted here";
    TOKEN_EXPIRED "token_expired" 401 Caller No Info + InvalidToken: "the token has expired";
    TOKEN_NOT_YET_VALID "token_not_yet_valid" 401 Caller Later Info + InvalidToken: "the token is not valid yet";
    TOKEN_FROM_FUTURE "token_from_future" 401 Administrator Later Warn + InvalidToken: "the token was issued in the future";
    TOKEN_TOO_OLD "token_too_old" 401 Caller No Info + InvalidToken: "the token was issued too long ago";
    AUDIENCE_MISMATCH "audience_mismatch" 401 Caller No Info + InvalidToken: "the token is meant for another audience";
    TOKEN_TYPE_MISMATCH "token_type_mismatch" 401 Caller No Info + InvalidToken: "the token is of another kind than an access token";
    CLAIM_MISSING "claim_missing" 401 Administrator No Info + InvalidToken: "the token lacks a required claim";
    CLAIM_INVALID "claim_invalid" 401 Administrator No Info + InvalidToken: "a claim of the token has the wrong form";
    // authenticate: revocation, binding, use
    TOKEN_REVOKED "token_revoked" 401 Caller No Info + InvalidToken: "the token was revoked";
    TOKEN_BOUND "token_bound" 401 Caller No Info + InvalidToken: "the token is bound to a key, and the call does not prove possession of it";
    TOKEN_REPLAYED "token_replayed" 401 Caller No Info + InvalidToken: "the token was used before, and is good for one call";
    // authenticate: API keys
    API_KEY_INVALID "api_key_invalid" 401 Caller No Info + InvalidToken: "the API key is not valid";
    API_KEY_UNKNOWN "api_key_unknown" 401 Caller No Info + InvalidToken as "api_key_invalid": "no API key has this id, or the secret is wrong";
    API_KEY_EXPIRED "api_key_expired" 401 Caller No Info + InvalidToken as "api_key_invalid": "the API key has expired";
    API_KEY_REVOKED "api_key_revoked" 401 Caller No Info + InvalidToken as "api_key_invalid": "the API key was revoked";
    API_KEY_CONFINED "api_key_confined" 403 Administrator No Info: "the API key may not be used for this";
    // resolve
    SUBJECT_MISSING "subject_missing" 401 Administrator No Info + InvalidToken: "JWT missing required 'sub' claim";
    SUBJECT_INVALID "subject_invalid" 401 Administrator No Info + InvalidToken: "the token's subject has the wrong form";
    SUBJECT_UNRESOLVED "subject_unresolved" 401 Administrator No Info + InvalidToken: "the token's subject cannot be matched to an active user";
    USER_UNKNOWN "user_unknown" 401 Administrator No Info + InvalidToken as "subject_unresolved": "user from sub claim in JWT does not exist";
    USER_PENDING "user_pending" 401 Administrator No Info + InvalidToken as "subject_unresolved": "the user waits for approval";
    USER_SUSPENDED "user_suspended" 401 Administrator No Info + InvalidToken as "subject_unresolved": "the user is suspended";
    USER_DELETED "user_deleted" 401 Administrator No Info + InvalidToken as "subject_unresolved": "the user was deleted";
    SUBJECT_AMBIGUOUS "subject_ambiguous" 401 Operator No Error + InvalidToken as "subject_unresolved": "the subject matches more than one user";
    APPLICATION_UNKNOWN "application_unknown" 401 Administrator No Info + InvalidToken as "subject_unresolved": "the machine token's client is no application here";
    APPLICATION_DISABLED "application_disabled" 401 Administrator No Info + InvalidToken as "subject_unresolved": "the application is disabled";
    TENANT_UNKNOWN "tenant_unknown" 401 Operator No Warn + InvalidToken as "subject_unresolved": "the token's tenant claim names no tenant here";
    TENANT_DISABLED "tenant_disabled" 401 Administrator No Info + InvalidToken as "subject_unresolved": "the tenant is disabled";
    RESOLUTION_UNAVAILABLE "resolution_unavailable" 503 Operator Later Error: "the user directory cannot be asked at the moment";
    RESOLUTION_OVERLOADED "resolution_overloaded" 503 Operator Later Warn: "too many look-ups of users are waiting";
    GROUPS_OVERAGE "groups_overage" 403 Administrator No Info: "the token leaves out its groups, and they are needed here";
    // authorise
    SERVICE_FOREIGN "service_foreign" 404 Caller No Info as "route_not_found": "the service belongs to another tenant";
    NOT_ALLOWED "not_allowed" 403 Administrator No Info: "the principal is not allowed to call this service";
    SCOPE_INSUFFICIENT "scope_insufficient" 403 Caller No Info + InsufficientScope: "the token lacks a scope that this service needs";
    ROLE_MISSING "role_missing" 403 Administrator No Info: "the principal has none of the roles that this service needs";
    POLICY_DENIED "policy_denied" 403 Administrator No Info: "a policy denies this call";
    MODEL_NOT_FOUND "model_not_found" 404 Caller No Info: "no such model is available to this caller";
    MODEL_NOT_GRANTED "model_not_granted" 404 Administrator No Info as "model_not_found": "the model is not granted to the caller's tenant";
    // prepare
    AI_REQUEST_INVALID "ai_request_invalid" 400 Caller No Info: "the request's body is not what this operation takes";
    AI_REQUEST_AMBIGUOUS "ai_request_ambiguous" 400 Caller No Info: "the request's body has members that two parsers could read differently";
    AI_OPERATION_UNKNOWN "ai_operation_unknown" 404 Caller No Info: "this operation is not served here";
    AI_OBJECT_NOT_FOUND "ai_object_not_found" 404 Caller No Info: "there is nothing with this id at the provider that the caller may use";
    AI_TOOL_REFUSED "ai_tool_refused" 403 Administrator No Info: "the caller may not use this tool, which runs at the provider";
    // dispatch
    UPSTREAM_UNREACHABLE "upstream_unreachable" 502 Upstream Now Error: "the service behind the gateway cannot be reached";
    UPSTREAM_TIMEOUT "upstream_timeout" 504 Upstream Now Error: "the service behind the gateway did not answer in time";
    UPSTREAM_INVALID "upstream_invalid" 502 Upstream Now Error: "the service behind the gateway gave an answer that is not valid HTTP";
    UPSTREAM_CUT "upstream_cut" 502 Upstream Now Warn: "the service behind the gateway broke off its answer";
    PROVIDER_CREDENTIAL_REFUSED "provider_credential_refused" 502 Operator No Error: "the AI provider refused the gateway's own key";
    PROVIDER_MODEL_UNKNOWN "provider_model_unknown" 502 Operator No Error: "the AI provider does not have the model that a deployment names";
    PROVIDER_UNAVAILABLE "provider_unavailable" 503 Upstream Later Warn: "the AI provider is not available at the moment";
    // record
    RECORDS_UNAVAILABLE "records_unavailable" 503 Operator Later Error: "the call cannot be recorded, and unrecorded calls are not served";
    INTERNAL "internal" 500 Operator No Error: "the gateway failed";
    // control plane
    OPERATOR_CREDENTIAL_INVALID "operator_credential_invalid" 401 Caller No Warn + InvalidToken: "the control plane needs a valid operator credential";
    OPERATOR_FORBIDDEN "operator_forbidden" 403 Administrator No Info: "this operator's role does not allow this";
    TOO_MANY_REQUESTS "too_many_requests" 429 Caller Later Info: "too many requests to the control plane";
    PARAMETER_INVALID "parameter_invalid" 400 Caller No Info: "a parameter has the wrong form";
    RESOURCE_NOT_FOUND "resource_not_found" 404 Caller No Info: "there is no such resource";
    RESOURCE_CONFLICT "resource_conflict" 409 Caller No Info: "this is in conflict with what is there";
    PRECONDITION_FAILED "precondition_failed" 412 Caller No Info: "the resource has another version by now";
    NOT_IMPLEMENTED "not_implemented" 501 Caller No Info: "this part of the protocol is not served here";
    OWNED_BY_FILE "owned_by_file" 409 Operator No Info: "the configuration file owns this; change it there";
    STORE_UNAVAILABLE "store_unavailable" 503 Operator Later Error: "the database cannot be asked at the moment";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn rows_are_sound() {
        let mut names = HashSet::new();
        for code in ALL {
            assert!(names.insert(code.name()), "{code} is there twice");
            assert!((400..600).contains(&code.status()), "{code}");
            assert_eq!(Code::find(code.name()), Some(*code));
            if let Some(alias) = code.0.public {
                let public = Code::find(alias)
                    .unwrap_or_else(|| panic!("{code} hides behind `{alias}`, which is no code"));
                assert_eq!(public.status(), code.status(), "{code} must look like `{alias}`");
                assert_eq!(public.oauth(), code.oauth(), "{code} must look like `{alias}`");
                assert_eq!(public.retry(), code.retry(), "{code} must look like `{alias}`");
                assert_eq!(public.public(), public, "aliases do not chain");
            }
            assert_eq!(
                code.status() == 401,
                code.oauth().is_some_and(|e| matches!(e, OauthError::Absent | OauthError::InvalidToken)),
                "{code}: a 401 has a challenge"
            );
            for page in [code.page(false), code.page(true)] {
                assert!(
                    page.starts_with("# ") && page.lines().count() > 4,
                    "{code} has no page worth its name"
                );
            }
        }
    }
}
