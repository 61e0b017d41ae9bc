//! The issuer's clock: `iat` lies ahead by about the same over its recent tokens.

use crate::case::Case;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::span;
use async_trait::async_trait;
use portcullis_model::Timestamp;
use portcullis_store::Page;
use portcullis_store::entity::records::{self, Filter};
use serde_json::Value;
use std::time::Duration;

pub(super) struct Skew;

/// Records that are looked at.
const RECENT: u32 = 300;
/// How far back.
const BACK: Duration = Duration::from_secs(24 * 3_600);
/// Fewer than this are no pattern.
const PATTERN: usize = 3;

#[async_trait]
impl Check for Skew {
    fn name(&self) -> &'static str {
        "issuer_clock"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(issuer) = case.issuer() else { return Seen::Nothing };
        let filter = Filter { since: Some(case.now.minus(BACK)), ..Filter::default() };
        let page = Page { after: None, limit: RECENT };
        let records = match records::search(&case.store, &filter, page).await {
            Ok(records) => records,
            Err(error) => return Seen::NotObservable(format!("recent records cannot be read: {error}")),
        };
        let mut ahead: Vec<i64> = records
            .iter()
            .filter_map(|record| {
                let facts = record.token.as_ref()?;
                if facts.issuer.as_deref() != Some(issuer.name.as_str()) {
                    return None;
                }
                let claims: Value = serde_json::from_str(&facts.claims).ok()?;
                Some(claims.get("iat")?.as_i64()?.saturating_sub(record.at.seconds()))
            })
            .filter(|ahead| *ahead > 0)
            .collect();
        let own = case
            .time("iat")
            .map(|iat| iat.seconds().saturating_sub(case.called_at.seconds()))
            .filter(|own| *own > 0);
        ahead.sort_unstable();
        let in_time = matches!(case.failed(), Some(Stage::Time));
        let Some(median) = ahead.get(ahead.len() / 2).copied().filter(|_| ahead.len() >= PATTERN) else {
            return match own.filter(|_| in_time && !case.refused_as("token_expired")) {
                Some(own) => Seen::one(finding(
                    case,
                    issuer,
                    own,
                    Likelihood::Likely,
                    format!(
                        "this one token is {} ahead; there are too few recent ones to compare",
                        words(own)
                    ),
                )),
                None => {
                    Seen::InOrder(format!("recent tokens of issuer `{}` are not of the future", issuer.name))
                }
            };
        };
        let ahead_of_leeway = median > i64::try_from(issuer.leeway.0.as_secs()).unwrap_or(i64::MAX);
        let likelihood = match (in_time, ahead_of_leeway) {
            (true, _) => Likelihood::Certain,
            (false, _) => Likelihood::Aside,
        };
        let (low, high) = (ahead.first().copied().unwrap_or(0), ahead.last().copied().unwrap_or(0));
        let evidence = format!(
            "{} recent tokens of issuer `{}` were issued ahead of this clock, by {} to {}, {} in the middle",
            ahead.len(),
            issuer.name,
            words(low),
            words(high),
            words(median)
        );
        Seen::one(finding(case, issuer, median, likelihood, evidence))
    }
}

fn finding(
    case: &Case,
    issuer: &portcullis_model::Issuer,
    ahead: i64,
    likelihood: Likelihood,
    evidence: String,
) -> Finding {
    Finding::new(
        "issuer_clock_ahead",
        Stage::Time,
        likelihood,
        By::IssuerAdministrator,
        format!("the clock of issuer `{}` is about {} ahead of this one", issuer.name, words(ahead)),
    )
    .evidence(evidence)
    .evidence(format!("this clock says {}; accepted is a difference of {}", Timestamp::rfc3339(case.now), issuer.leeway))
    .action(format!("synchronise both clocks (NTP); until then a `leeway` of {} s, of at most 300 s, would let such tokens in", ahead + 1))
    .command("portcullis issuer list")
}

fn words(seconds: i64) -> String {
    span(Duration::from_secs(seconds.unsigned_abs()))
}
