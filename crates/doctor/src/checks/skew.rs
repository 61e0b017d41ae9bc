//! Clocks: the issuer's, by `iat` of its recent tokens and by the `Date` that the server of its key set says; and our own,
//! when the servers of several issuers agree against it.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{span, when};
use async_trait::async_trait;
use portcullis_identity::jwks::ClockOffset;
use portcullis_model::{Issuer, Timestamp};
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
/// Clocks that differ by no more than this, beside what cannot be measured, are taken for the same.
const SAME: i64 = 2;
/// Two measurements of one offset differ by no more than this.
const ABOUT: i64 = 5;

#[async_trait]
impl Check for Skew {
    fn name(&self) -> &'static str {
        "issuer_clock"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(issuer) = case.issuer() else { return Seen::Nothing };
        let clocks = Clocks::of(case, issuer);
        let expired = case.refused_as("token_expired");
        if let Some(finding) = clocks.ours(case, issuer).or_else(|| clocks.behind(case, issuer)) {
            return Seen::one(finding);
        }
        let filter = Filter { since: Some(case.now.minus(BACK)), tenant: case.within(), ..Filter::default() };
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
        ahead.sort_unstable();
        let early = matches!(case.failed(), Some(Stage::Time)) && !expired;
        let own = case
            .time("iat")
            .map(|iat| iat.seconds().saturating_sub(case.called_at.seconds()))
            .filter(|own| *own > 0 && early);
        let median = ahead.get(ahead.len() / 2).copied().filter(|_| ahead.len() >= PATTERN);
        let measured = clocks.issuers.filter(|clock| clock.ahead > leeway(issuer));
        let (by, mut likelihood, mut evidence) = match (median, own, measured) {
            (Some(median), ..) => {
                let (low, high) = (ahead.first().copied().unwrap_or(0), ahead.last().copied().unwrap_or(0));
                let evidence = format!(
                    "{} recent tokens of issuer `{}` were issued ahead of this clock, by {} to {}, {} in the middle",
                    ahead.len(),
                    issuer.name,
                    words(low),
                    words(high),
                    words(median)
                );
                (median, if early { Likelihood::Certain } else { Likelihood::Aside }, vec![evidence])
            }
            (None, Some(own), _) => {
                let evidence = format!(
                    "this one token is {} ahead; there are too few recent ones to compare",
                    words(own)
                );
                (own, Likelihood::Likely, vec![evidence])
            }
            (None, None, Some(clock)) => (clock.ahead, Likelihood::Aside, Vec::new()),
            (None, None, None) => {
                let clock = clocks.issuers.map(|clock| format!("; {}", said(&clock, case.now)));
                return Seen::InOrder(format!(
                    "recent tokens of issuer `{}` are not of the future{}",
                    issuer.name,
                    clock.unwrap_or_default()
                ));
            }
        };
        if let Some(clock) = clocks.issuers {
            evidence.push(said(&clock, case.now));
            if (clock.ahead - by).abs() <= ABOUT + whole(clock.within) {
                // Two witnesses that know nothing of each other.
                likelihood = if likelihood == Likelihood::Likely { Likelihood::Certain } else { likelihood };
            } else if clock.ahead.abs() <= SAME + whole(clock.within) {
                evidence.push(
                    "that server has the same time as this gateway: the tokens are made with another clock, or `iat` is written ahead"
                        .to_owned(),
                );
            }
        }
        let mut finding = Finding::new(
            cause::ISSUER_CLOCK_AHEAD,
            Stage::Time,
            likelihood,
            By::IssuerAdministrator,
            format!("the clock of issuer `{}` is about {} ahead of this one", issuer.name, words(by)),
        );
        finding.evidence = evidence;
        Seen::one(
            finding
                .evidence(ours(case, issuer))
                .action(format!("synchronise both clocks (NTP); until then a `leeway` of {} s, of at most 300 s, would let such tokens in", by + 1))
                .command("portcullis issuer list"),
        )
    }
}

/// What servers of key sets said of the time.
struct Clocks {
    /// This issuer's.
    issuers: Option<ClockOffset>,
    /// All issuers', this one's too.
    all: Vec<ClockOffset>,
}

impl Clocks {
    fn of(case: &Case, issuer: &Issuer) -> Self {
        let mut sets = case.identity.runtime().key_sets();
        sets.retain(|set| case.scope.as_ref().is_none_or(|scope| scope.knows(&set.issuer)));
        Self {
            issuers: sets.iter().find(|set| set.issuer == issuer.name).and_then(|set| set.served.clock),
            all: sets.iter().filter_map(|set| set.served.clock).collect(),
        }
    }

    /// Our own clock is the wrong one: two or more servers, of which each differs from it, agree with each other.
    fn ours(&self, case: &Case, issuer: &Issuer) -> Option<Finding> {
        let mut ahead: Vec<i64> = self.all.iter().map(|clock| clock.ahead).collect();
        ahead.sort_unstable();
        let (low, high) = (*ahead.first()?, *ahead.last()?);
        let middle = ahead[ahead.len() / 2];
        let differs = |clock: &ClockOffset| clock.ahead.abs() > SAME + whole(clock.within);
        if ahead.len() < 2 || high - low > ABOUT || !self.all.iter().all(differs) {
            return None;
        }
        let concerned = case.failed() == Some(Stage::Time);
        let (code, way) = if middle > 0 {
            (cause::GATEWAY_CLOCK_BEHIND, "behind")
        } else {
            (cause::GATEWAY_CLOCK_AHEAD, "ahead of")
        };
        let likelihood = match (concerned, middle.abs() > leeway(issuer)) {
            (true, true) => Likelihood::Certain,
            (true, false) => Likelihood::Likely,
            (false, _) => Likelihood::Aside,
        };
        Some(
            Finding::new(
                code,
                Stage::Time,
                likelihood,
                By::Operator,
                format!(
                    "this gateway's own clock is about {} {way} those of {} issuers, which agree with each other",
                    words(middle),
                    ahead.len()
                ),
            )
            .evidence(format!(
                "the servers of their key sets are ahead of this clock by {low} to {high} s (`Date`)"
            ))
            .evidence(ours(case, issuer))
            .action("synchronise this machine's clock (NTP)")
            .command("portcullis doctor instance"),
        )
    }

    /// The token has expired by our clock and not by that of its issuer, who gives every token too early an end.
    fn behind(&self, case: &Case, issuer: &Issuer) -> Option<Finding> {
        let clock = self.issuers.filter(|clock| clock.ahead < -leeway(issuer).max(SAME))?;
        let still = case.refused_as("token_expired")
            && case.time("exp").is_some_and(|exp| exp.seconds() > case.called_at.seconds() + clock.ahead);
        let finding = Finding::new(
            cause::ISSUER_CLOCK_BEHIND,
            Stage::Time,
            if still { Likelihood::Certain } else { Likelihood::Aside },
            By::IssuerAdministrator,
            format!(
                "the clock of issuer `{}` is about {} behind this one: its tokens end so much too early",
                issuer.name,
                words(clock.ahead)
            ),
        )
        .evidence(said(&clock, case.now))
        .evidence(ours(case, issuer))
        .action("synchronise both clocks (NTP); until then have the issuer make tokens that live longer")
        .command("portcullis issuer list");
        Some(match still {
            true => finding.evidence("by the issuer's own clock the token had not expired yet"),
            false => finding,
        })
    }
}

fn ours(case: &Case, issuer: &Issuer) -> String {
    format!("this clock says {}; accepted is a difference of {}", Timestamp::rfc3339(case.now), issuer.leeway)
}

fn said(clock: &ClockOffset, now: Timestamp) -> String {
    let way = match clock.ahead {
        0 => "the same as".to_owned(),
        ahead if ahead > 0 => format!("{} ahead of", words(ahead)),
        behind => format!("{} behind", words(behind)),
    };
    format!(
        "the `Date` of the server of its key set was {way} this clock, to within {}, {}",
        span(clock.within),
        when(clock.measured_at, now)
    )
}

fn leeway(issuer: &Issuer) -> i64 {
    i64::try_from(issuer.leeway.0.as_secs()).unwrap_or(i64::MAX)
}

/// In whole seconds, rounded up.
fn whole(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX).saturating_add(1)
}

fn words(seconds: i64) -> String {
    span(Duration::from_secs(seconds.unsigned_abs()))
}
