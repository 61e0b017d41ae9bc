//! The user's password was changed after the token was issued: issuers and services end older sessions then, and say so
//! in their own ways. Read of an attribute that holds the time, as imports, claims and user sources fill it.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{quoted, when, word};
use async_trait::async_trait;
use portcullis_model::{Timestamp, User};
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Password;

/// Names of such attributes, in small letters and without `_` and `-`: LDAP's and Active Directory's, Entra's, Auth0's, and
/// what people call it in their own tables.
const NAMES: [&str; 12] = [
    "passwordchangedat",
    "passwordchanged",
    "passwordchangedtime",
    "passwordlastchanged",
    "passwordlastset",
    "passwordupdatedat",
    "pwdchangedtime",
    "pwdlastset",
    "lastpasswordchange",
    "lastpasswordchangedatetime",
    "lastpasswordreset",
    "lastpasswordset",
];
/// Tokens state whole seconds.
const SECOND: Duration = Duration::from_secs(1);
/// Active Directory counts from 1601: seconds until 1970.
const SINCE_1601: i64 = 11_644_473_600;

#[async_trait]
impl Check for Password {
    fn name(&self) -> &'static str {
        "password"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(iat) = case.time("iat") else { return Seen::Nothing };
        let Some(user) = user(case).await else { return Seen::Nothing };
        let dated = user.attributes.iter().filter(|(name, _)| is_known(name));
        let changes: Vec<_> =
            dated.filter_map(|(name, value)| Some((name.as_str(), value, time(value)?))).collect();
        let Some((name, value, changed)) = changes.iter().max_by_key(|(.., at)| *at) else {
            return Seen::Nothing;
        };
        if iat.plus(SECOND) >= *changed {
            return Seen::InOrder(format!(
                "the user's password was changed {}, before the token was issued",
                when(*changed, case.now)
            ));
        }
        let behind = case.record.as_ref().and_then(|record| record.upstream_status);
        let (likelihood, stage) = match (case.code(), behind) {
            ("token_revoked", _) => (Likelihood::Likely, Stage::Revocation),
            (_, Some(401 | 403)) => (Likelihood::Likely, Stage::Dispatch),
            _ => (Likelihood::Aside, Stage::Resolve),
        };
        Seen::one(
            Finding::new(
                cause::PASSWORD_CHANGED_AFTER_TOKEN,
                stage,
                likelihood,
                By::Caller,
                format!("user {} changed the password after the token was issued", user.id),
            )
            .evidence(format!("attribute `{name}` is {}: {}", quoted(value), when(*changed, case.now)))
            .evidence(format!("the token was issued {}", when(iat, case.now)))
            .action("sign in again: issuers and services commonly end the sessions that are older than the password")
            .command(format!("portcullis user show {}", word(&user.id.to_string()))),
        )
    }
}

/// Whose the token is: also where it was refused before anybody asked, as revoked ones are.
pub(super) async fn user(case: &Case) -> Option<Arc<User>> {
    if let Some(user) = &case.course.seen.user {
        return Some(user.clone());
    }
    let facts = case.course.seen.token.as_ref().filter(|_| case.refused_as("token_revoked"))?;
    let examined = case.identity.recorded(facts).ok()?;
    let (_, user) = case.identity.asked(&examined).await.ok()?;
    user.filter(|user| case.within().is_none_or(|tenant| tenant == user.tenant))
}

fn is_known(name: &str) -> bool {
    let plain: String =
        name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect();
    NAMES.contains(&plain.as_str())
}

/// RFC 3339, a day, LDAP's generalised time (RFC 4517 §3.3.13), seconds or milliseconds since 1970, or Active Directory's
/// tenths of microseconds since 1601. Nothing for what is none of these, and for 0: never, or at the next sign-in.
fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i64 = text.parse().ok().filter(|number| *number > 0)?;
        return match text.len() {
            ..=11 => Some(Timestamp::from_seconds(number)),
            12..=13 => Some(Timestamp::from_micros(number.checked_mul(1_000)?)),
            17..=19 => Some(Timestamp::from_micros(number / 10 - SINCE_1601 * 1_000_000)),
            _ => None,
        };
    }
    if let Some(at) = Timestamp::parse_rfc3339(text) {
        return Some(at);
    }
    if text.len() == 10 && text.is_ascii() {
        return Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"));
    }
    let digits = text.strip_suffix('Z')?.split('.').next()?;
    if digits.len() != 14 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize| &digits[from..from + 2];
    Timestamp::parse_rfc3339(&format!(
        "{}-{}-{}T{}:{}:{}Z",
        &digits[..4],
        part(4),
        part(6),
        part(8),
        part(10),
        part(12)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_directories_write_them() {
        let at = Some(Timestamp::from_seconds(1_700_000_000));
        for text in [
            "2023-11-14T22:13:20Z",
            "1700000000",
            "1700000000000",
            "20231114221320Z",
            "20231114221320.0Z",
            "133444736000000000",
            " 1700000000 ",
        ] {
            assert_eq!(time(text), at, "{text}");
        }
        assert_eq!(time("2023-11-14"), Some(Timestamp::from_seconds(1_699_920_000)));
        for text in
            ["", "0", "yesterday", "20231114", "9223372036854775808", "2023-11-1é", "Z", "12345678901234Zé"]
        {
            assert!(time(text).is_none_or(|at| at < Timestamp::from_seconds(100_000_000)), "{text}");
        }
    }

    #[test]
    fn names_are_known_however_they_are_spelt() {
        for name in ["pwdLastSet", "password_changed_at", "lastPasswordChangeDateTime", "last_password_reset"]
        {
            assert!(is_known(name), "{name}");
        }
        assert!(!is_known("password") && !is_known("badge"));
    }
}
