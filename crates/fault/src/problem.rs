//! How a refusal looks to an HTTP client: RFC 9457 problem details and RFC 6750 challenges.

use crate::codes::OauthError;
use crate::{Code, Fault, Retry};
use serde::Serialize;

/// A problem document (RFC 9457 §3) as `application/problem+json`.
#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    /// Link to the code's page.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code's sentence.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What was wrong in this call.
    pub detail: &'a str,
    /// The catalogue code (the public one).
    pub code: &'static str,
    /// The call's id; left out where a call came to nothing before it had one.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub request_id: &'a str,
}

impl<'a> Problem<'a> {
    /// The document for `fault`. `pages` is the URL below which pages are served, as `https://gw.example.com/-/errors`.
    pub fn new(fault: &'a Fault, request_id: &'a str, pages: &str) -> Self {
        let code = fault.code().public();
        Self {
            kind: format!("{pages}/{}", code.name()),
            title: code.title(),
            status: code.status(),
            detail: fault.public_detail(),
            code: code.name(),
            request_id,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and integers only: serialising them into memory cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The value of `WWW-Authenticate` (RFC 6750 §3) for `fault`, when one is sent. `error_description` is limited to the
/// characters that RFC 6750 allows.
pub fn challenge(fault: &Fault, pages: &str) -> Option<String> {
    let code = fault.code().public();
    let error = match code.oauth()? {
        OauthError::Absent => return Some("Bearer realm=\"portcullis\"".to_owned()),
        OauthError::InvalidRequest => "invalid_request",
        OauthError::InvalidToken => "invalid_token",
        OauthError::InsufficientScope => "insufficient_scope",
    };
    let description: String = fault
        .public_detail()
        .chars()
        .map(|c| if matches!(c, ' '..='!' | '#'..='[' | ']'..='~') { c } else { '\'' })
        .collect();
    let mut value = format!(
        "Bearer realm=\"portcullis\", error=\"{error}\", error_description=\"{description}\", error_uri=\"{pages}/{}\"",
        code.name()
    );
    if let Some(scope) = fault.sufficient_scope() {
        let scope: String =
            scope.chars().filter(|c| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~')).collect();
        value.push_str(&format!(", scope=\"{scope}\""));
    }
    Some(value)
}

/// The value of `x-should-retry`, which the vendors' SDKs obey: final 5xx answers of ours must not triple the load.
pub(crate) fn should_retry(code: Code) -> Option<&'static str> {
    match code.retry() {
        Retry::No if code.status() >= 500 => Some("false"),
        Retry::No => None,
        Retry::Later | Retry::Now => None,
    }
}

impl Fault {
    /// Headers beside the body: `www-authenticate`, `retry-after`, `x-should-retry`.
    pub fn headers(&self, pages: &str) -> Vec<(http::HeaderName, http::HeaderValue)> {
        let mut headers = Vec::with_capacity(3);
        if let Some(value) = challenge(self, pages).and_then(|text| http::HeaderValue::from_str(&text).ok()) {
            headers.push((http::header::WWW_AUTHENTICATE, value));
        }
        if self.code().retry() == Retry::Later {
            let delay = self.retry_delay().unwrap_or(std::time::Duration::from_secs(1));
            let seconds = (delay.as_secs() + u64::from(delay.subsec_nanos() > 0)).max(1);
            headers.push((http::header::RETRY_AFTER, http::HeaderValue::from(seconds)));
        }
        if let Some(value) = should_retry(self.code().public()) {
            headers.push((
                http::HeaderName::from_static("x-should-retry"),
                http::HeaderValue::from_static(value),
            ));
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;
    use std::time::Duration;

    #[test]
    fn challenges_follow_rfc_6750() {
        let missing = Fault::new(codes::CREDENTIAL_MISSING);
        assert_eq!(challenge(&missing, "/e").unwrap(), "Bearer realm=\"portcullis\"");
        let expired = Fault::new(codes::TOKEN_EXPIRED).detail("expired \"5 s\" ago");
        assert!(challenge(&expired, "/e").unwrap().contains(
            "error=\"invalid_token\", error_description=\"expired '5 s' ago\", error_uri=\"/e/token_expired\""
        ));
        let scope = Fault::new(codes::SCOPE_INSUFFICIENT).scope("orders:read \"x");
        assert!(challenge(&scope, "/e").unwrap().ends_with("scope=\"orders:read x\""));
        assert_eq!(challenge(&Fault::new(codes::ROUTE_NOT_FOUND), "/e"), None);
    }

    #[test]
    fn unknown_suspended_pending_and_deleted_look_alike() {
        let seen = |code| {
            let fault = Fault::new(code).detail("private").context("private");
            (Problem::new(&fault, "r", "/e").to_json(), fault.headers("/e"))
        };
        let unknown = seen(codes::USER_UNKNOWN);
        for code in
            [codes::USER_SUSPENDED, codes::USER_DELETED, codes::USER_PENDING, codes::SUBJECT_AMBIGUOUS]
        {
            assert_eq!(seen(code), unknown);
        }
        assert!(!String::from_utf8(unknown.0).unwrap().contains("private"));
    }

    #[test]
    fn retry_after_is_rounded_up() {
        let fault = Fault::new(codes::KEYS_UNAVAILABLE).retry_after(Duration::from_millis(1_200));
        assert!(fault.headers("/e").contains(&(http::header::RETRY_AFTER, http::HeaderValue::from(2))));
        assert!(
            Fault::new(codes::INTERNAL)
                .headers("/e")
                .iter()
                .any(|(name, value)| name == "x-should-retry" && value == "false")
        );
    }
}
