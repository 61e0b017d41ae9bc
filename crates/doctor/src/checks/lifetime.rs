//! Expired, not valid yet, of the future, too old: against this clock, and by how much.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{span, when};
use async_trait::async_trait;
use portcullis_fault::codes;
use std::time::Duration;

pub(super) struct Lifetime;

/// An expiry or a beginning this near may be a matter of clocks.
const NEAR: Duration = Duration::from_secs(120);

#[async_trait]
impl Check for Lifetime {
    fn name(&self) -> &'static str {
        "lifetime"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let leeway = case.issuer().map(|issuer| issuer.leeway.to_string()).unwrap_or_default();
        let clock =
            format!("this clock said {}; accepted is a difference of {leeway}", case.called_at.rfc3339());
        let found = match case.code() {
            "token_expired" => {
                let Some(exp) = case.time("exp") else { return Seen::Nothing };
                let near = case.called_at.since(exp) < NEAR;
                let mut finding = Finding::new(
                    cause::TOKEN_EXPIRED,
                    Stage::Time,
                    Likelihood::Certain,
                    By::Caller,
                    format!("the token had expired {} before", span(case.called_at.since(exp))),
                )
                .evidence(format!("`exp` is {}", when(exp, case.now)))
                .evidence(clock);
                if let Some(iat) = case.time("iat") {
                    finding = finding.evidence(format!(
                        "it was issued {}, for {}",
                        when(iat, case.now),
                        span(exp.since(iat))
                    ));
                }
                finding.action(match near {
                    true => "get a new token a little earlier than it expires; if fresh tokens are refused so, compare the clocks",
                    false => "get a new token: clients renew it with a refresh token or sign in again before it expires",
                })
            }
            "token_not_yet_valid" => {
                let Some(nbf) = case.time("nbf") else { return Seen::Nothing };
                Finding::new(
                    cause::TOKEN_NOT_YET_VALID,
                    Stage::Time,
                    Likelihood::Certain,
                    By::IssuerAdministrator,
                    format!("the token is valid only from {}", when(nbf, case.now)),
                )
                .evidence(clock)
                .action(
                    "wait until then; if it was just issued, synchronise the issuer's clock with this one",
                )
            }
            "token_from_future" => {
                let Some(iat) = case.time("iat") else { return Seen::Nothing };
                Finding::new(
                    cause::TOKEN_FROM_FUTURE,
                    Stage::Time,
                    Likelihood::Likely,
                    By::IssuerAdministrator,
                    format!(
                        "the token says that it was issued {} ahead of this clock",
                        span(iat.since(case.called_at))
                    ),
                )
                .evidence(format!("`iat` is {}", when(iat, case.now)))
                .evidence(clock)
                .action("synchronise the issuer's clock with this one")
            }
            "token_too_old" => {
                let Some(iat) = case.time("iat") else { return Seen::Nothing };
                let most = case
                    .issuer()
                    .and_then(|issuer| issuer.max_age)
                    .map(|age| age.to_string())
                    .unwrap_or_default();
                Finding::new(
                    cause::TOKEN_TOO_OLD,
                    Stage::Time,
                    Likelihood::Certain,
                    By::Caller,
                    format!(
                        "the token was issued {} before; accepted are {most}",
                        span(case.called_at.since(iat))
                    ),
                )
                .evidence(format!("`iat` is {}; `max_age` of the issuer is {most}", when(iat, case.now)))
                .action("sign in again; or raise `max_age` of the issuer")
            }
            _ => {
                return match (case.time("exp"), case.course.seen.signed.is_some() || case.token.is_none()) {
                    (Some(exp), true) if exp > case.called_at => {
                        Seen::InOrder(format!("it expires {}", when(exp, case.now)))
                    }
                    (Some(exp), _) if exp <= case.called_at && case.failed().is_some() => Seen::one(
                        Finding::new(
                            cause::TOKEN_EXPIRED,
                            Stage::Time,
                            Likelihood::Aside,
                            By::Caller,
                            format!("beside that, the token has expired {}", when(exp, case.now)),
                        )
                        .evidence(clock)
                        .action("get a new token"),
                    ),
                    _ => Seen::Nothing,
                };
            }
        };
        let code = portcullis_fault::Code::find(case.code()).unwrap_or(codes::TOKEN_EXPIRED);
        Seen::one(found.page(code))
    }
}
