//! How a code fares on this gateway: how often it occurred, when, where, and how many of those whom it met came through
//! afterwards. Computed from the records, every question and the whole bounded in time, and remembered for a minute: a page
//! may be looked at by many, and must not make the database scan for each. What could not be computed is not tried again
//! for a while, so that a slow database is not asked more and more.
//!
//! Not here: the words on the page ([`words`]), and who may see it (the routes).

pub mod words;

use crate::Control;
use crate::answer::Refused;
use portcullis_fault::{Code, Fault, codes};
use portcullis_model::{ApplicationId, Clock, TenantId, Timestamp, UserId};
use portcullis_store::entity::identities;
use portcullis_store::entity::occurrences::{Occurrence, Occurrences, succeeded};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What the records say of a code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Figures {
    /// The code.
    pub code: String,
    /// When the first of those that are kept occurred (RFC 3339); absent: it did not occur.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// When the last one occurred (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Occurrences in `days`, together.
    pub occurrences: u64,
    /// Whether a day had more than was counted, so that `occurrences` is too low.
    pub more: bool,
    /// The last 30 days, oldest first.
    pub days: Vec<Day>,
    /// How many of the last occurrences were looked at for what follows.
    pub looked_at: u64,
    /// Where they occurred, the most frequent first; at most five.
    pub services: Vec<Share>,
    /// Whose tokens met it, the most frequent first; at most five.
    pub issuers: Vec<Share>,
    /// Occurrences by nobody who is known: neither a user nor an application, and no
    /// subject that is linked to a user.
    pub anonymous: u64,
    /// Known callers, each with the service it called: how many of the last were followed.
    pub followed: u64,
    /// How many of them had a call of the same service answered with success within a day.
    pub succeeded: u64,
}

/// One day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Day {
    /// The day in UTC, `YYYY-MM-DD`.
    pub day: String,
    /// How often.
    pub occurrences: u64,
}

/// How often at one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Share {
    /// The service's or issuer's name.
    pub name: String,
    /// How often.
    pub occurrences: u64,
}

/// Days that are shown.
const DAYS: u32 = 30;
const DAY: Duration = Duration::from_secs(86_400);
/// Occurrences of one day that are counted.
const COUNTED: u32 = 100_000;
/// Occurrences that are looked at one by one.
const LOOKED_AT: u32 = 1_000;
/// Callers that are followed.
const FOLLOWED: usize = 100;
/// Names that are shown.
const NAMES: usize = 5;
/// For how long figures are as good as new.
const FRESH: Duration = Duration::from_secs(60);
/// Figures that are kept.
const KEPT: usize = 500;
/// Codes that are computed at a time: the records' table is also what every call writes to, and one that takes long must
/// not keep all others waiting.
const TURNS: usize = 2;
/// Those who wait for a turn.
const WAITING: usize = 32;
/// How long things may take.
const PATIENCE: Patience = Patience { turn: Duration::from_secs(3), one: Duration::from_secs(10) };
/// For how long what could not be computed is not tried again.
const REST: Duration = Duration::from_secs(15);

type Key = (&'static str, Option<TenantId>);

/// What was computed and when, or that it could not be.
type Kept = HashMap<Key, (Timestamp, Option<Arc<Figures>>)>;

#[derive(Clone, Copy)]
struct Patience {
    /// Until it is one's turn.
    turn: Duration,
    /// Until one code is computed.
    one: Duration,
}

/// Figures of the last minute.
pub(crate) struct Board {
    kept: Mutex<Kept>,
    turns: Semaphore,
    waiting: Semaphore,
    patience: Patience,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self::patient(PATIENCE)
    }

    fn patient(patience: Patience) -> Self {
        let (turns, waiting) = (Semaphore::new(TURNS), Semaphore::new(WAITING));
        Self { kept: Mutex::new(HashMap::new()), turns, waiting, patience }
    }

    /// The figures of `key`: those of the last minute, or what `compute` says.
    async fn show(
        &self,
        clock: &dyn Clock,
        key: Key,
        compute: impl Future<Output = Result<Figures, Refused>>,
    ) -> Result<Arc<Figures>, Refused> {
        if let Some(known) = self.known(&key, clock.now()) {
            return known;
        }
        let Ok(place) = self.waiting.try_acquire() else {
            return Err(busy("too many others wait for figures"));
        };
        let Ok(turn) = tokio::time::timeout(self.patience.turn, self.turns.acquire()).await else {
            return Err(busy("figures of other codes are being counted"));
        };
        let _turn = turn.map_err(|_| Refused(Fault::new(codes::SHUTTING_DOWN)))?;
        drop(place);
        // Whoever had the turn before may have been asked the same.
        if let Some(known) = self.known(&key, clock.now()) {
            return known;
        }
        let computed = match tokio::time::timeout(self.patience.one, compute).await {
            Ok(computed) => computed.map(Arc::new),
            Err(_) => Err(busy("the records could not be counted in time")),
        };
        self.keep(key, clock.now(), computed.as_ref().ok());
        computed
    }

    fn known(&self, key: &Key, now: Timestamp) -> Option<Result<Arc<Figures>, Refused>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.get(key)? {
            (at, Some(figures)) if now.since(*at) < FRESH => Some(Ok(figures.clone())),
            (at, None) if now.since(*at) < REST => {
                Some(Err(busy("the records could not be counted just now")))
            }
            _ => None,
        }
    }

    fn keep(&self, key: Key, now: Timestamp, figures: Option<&Arc<Figures>>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.retain(|_, (at, _)| now.since(*at) < FRESH);
        }
        if kept.len() < KEPT {
            kept.insert(key, (now, figures.cloned()));
        }
    }
}

fn busy(why: &str) -> Refused {
    let fault =
        Fault::new(codes::STORE_UNAVAILABLE).detail(format!("{why}; the page itself is shown without"));
    Refused(fault.retry_after(REST))
}

/// The figures of `code`, of one tenant or of all.
pub(crate) async fn of(
    control: &Control,
    code: Code,
    tenant: Option<TenantId>,
) -> Result<Arc<Figures>, Refused> {
    let clock = control.clock();
    let compute = compute(control, code, tenant, clock.now());
    control.figures().show(clock, (code.name(), tenant), compute).await
}

async fn compute(
    control: &Control,
    code: Code,
    tenant: Option<TenantId>,
    now: Timestamp,
) -> Result<Figures, Refused> {
    let store = control.store();
    let all = Occurrences { code: code.name(), tenant };
    let mut figures = Figures { code: code.name().to_owned(), ..Figures::default() };
    let Some(first) = all.end(store, false).await? else { return Ok(figures) };
    figures.first = Some(first.rfc3339());
    figures.last = all.end(store, true).await?.map(Timestamp::rfc3339);

    let midnight = Timestamp::from_seconds(now.seconds() - now.seconds().rem_euclid(86_400));
    for ago in (0..DAYS).rev() {
        let from = midnight.minus(DAY * ago);
        let until = from.plus(DAY);
        let occurrences =
            if until.micros() <= first.micros() { 0 } else { all.count(store, from, until, COUNTED).await? };
        figures.more |= occurrences >= u64::from(COUNTED);
        figures.occurrences += occurrences;
        figures.days.push(Day { day: from.rfc3339().chars().take(10).collect(), occurrences });
    }

    let last = all.last(store, LOOKED_AT).await?;
    figures.looked_at = last.len() as u64;
    figures.services = shares(last.iter().filter_map(|one| one.service.as_deref()));
    figures.issuers = shares(last.iter().filter_map(|one| one.issuer.as_deref()));
    follow(control, &last, &mut figures).await?;
    Ok(figures)
}

/// Who was met, and whether they came through on the same service within a day. Each is followed from the oldest of its
/// occurrences that was looked at: that is where its trouble began.
async fn follow(control: &Control, last: &[Occurrence], figures: &mut Figures) -> Result<(), Refused> {
    let store = control.store();
    let mut met: HashMap<(Option<UserId>, Option<ApplicationId>, &str), Timestamp> = HashMap::new();
    // By tenant as well: an issuer may be two tenants', and a subject somebody else in each.
    let mut known: HashMap<(TenantId, &str, &str), Option<UserId>> = HashMap::new();
    for one in last {
        let mut user = one.user;
        if user.is_none()
            && one.application.is_none()
            && let (Some(tenant), Some(issuer), Some(subject)) = (one.tenant, &one.issuer, &one.subject)
        {
            user = match known.get(&(tenant, issuer.as_str(), subject.as_str())) {
                Some(user) => *user,
                None => {
                    let found = identities::find(store, tenant, issuer, subject).await?;
                    let user = found.map(|identity| identity.user);
                    known.insert((tenant, issuer, subject), user);
                    user
                }
            };
        }
        let Some(service) = one.service.as_deref() else { continue };
        if user.is_none() && one.application.is_none() {
            figures.anonymous += 1;
            continue;
        }
        let key = (user, one.application.filter(|_| user.is_none()), service);
        if met.contains_key(&key) || met.len() < FOLLOWED {
            met.insert(key, one.at);
        }
    }
    figures.followed = met.len() as u64;
    for ((user, application, service), at) in met {
        if succeeded(store, user, application, service, at, at.plus(DAY)).await? {
            figures.succeeded += 1;
        }
    }
    Ok(())
}

/// The most frequent names.
fn shares<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Share> {
    let mut counted: HashMap<&str, u64> = HashMap::new();
    for name in names {
        *counted.entry(name).or_default() += 1;
    }
    let mut shares: Vec<Share> =
        counted.into_iter().map(|(name, occurrences)| Share { name: name.to_owned(), occurrences }).collect();
    shares.sort_by(|a, b| b.occurrences.cmp(&a.occurrences).then_with(|| a.name.cmp(&b.name)));
    shares.truncate(NAMES);
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_model::time::ManualClock;

    const KEYS: [Key; 3] = [("a", None), ("b", None), ("c", None)];

    async fn good() -> Result<Figures, Refused> {
        Ok(Figures { code: "good".to_owned(), ..Figures::default() })
    }

    fn said(shown: Result<Arc<Figures>, Refused>) -> String {
        shown.map_or_else(|refused| refused.0.public_detail().to_owned(), |figures| figures.code.clone())
    }

    #[tokio::test]
    async fn one_that_takes_for_ever_does_not_keep_others_waiting() {
        let patience = Patience { turn: Duration::from_secs(60), one: Duration::from_millis(100) };
        let (board, clock) =
            (Board::patient(patience), ManualClock::at(Timestamp::from_seconds(1_763_798_950)));
        let (slow, quick) = tokio::join!(board.show(&clock, KEYS[0], std::future::pending()), async {
            let quick = said(board.show(&clock, KEYS[1], good()).await);
            let known = said(board.show(&clock, KEYS[1], async { panic!("asked again") }).await);
            assert!(board.known(&KEYS[0], clock.now()).is_none(), "the slow one is under way");
            (quick, known)
        });
        assert_eq!(quick, ("good".to_owned(), "good".to_owned()));
        assert!(said(slow).starts_with("the records could not be counted in time"));
        // Not asked again for a while, and then again.
        let again = board.show(&clock, KEYS[0], async { panic!("asked again") }).await;
        assert!(said(again).starts_with("the records could not be counted just now"));
        clock.advance(REST);
        assert_eq!(said(board.show(&clock, KEYS[0], good()).await), "good");
    }

    #[tokio::test]
    async fn those_who_wait_are_few_and_do_not_wait_for_long() {
        let patience = Patience { turn: Duration::from_millis(100), one: Duration::from_millis(400) };
        let (board, clock) =
            (Board::patient(patience), ManualClock::at(Timestamp::from_seconds(1_763_798_950)));
        let slow = || board.show(&clock, KEYS[0], std::future::pending());
        let ask = || async { said(board.show(&clock, KEYS[2], good()).await) };
        let asked = futures_util::future::join_all((0..=WAITING).map(|_| ask()));
        // All turns are taken first: futures are polled in the order in which they are joined.
        let (_, _, answers) = tokio::join!(slow(), slow(), asked);
        let count = |begin: &str| answers.iter().filter(|said| said.starts_with(begin)).count();
        assert_eq!((count("too many others"), count("figures of other codes")), (1, WAITING));
        assert_eq!(said(board.show(&clock, KEYS[2], good()).await), "good");
    }

    #[tokio::test]
    async fn a_failure_is_not_tried_again_at_once() {
        let (board, clock) = (Board::new(), ManualClock::at(Timestamp::from_seconds(1_763_798_950)));
        let failed = async { Err(Refused(Fault::new(codes::STORE_UNAVAILABLE).detail("down"))) };
        assert_eq!(said(board.show(&clock, KEYS[0], failed).await), "down");
        let again = board.show(&clock, KEYS[0], async { panic!("asked again") }).await;
        assert!(said(again).starts_with("the records could not be counted just now"));
    }

    #[test]
    fn the_most_frequent_come_first() {
        let names = ["b", "a", "c", "a", "b", "d", "e", "f", "a"];
        let shares = shares(names.into_iter());
        let shown: Vec<_> = shares.iter().map(|share| (share.name.as_str(), share.occurrences)).collect();
        assert_eq!(shown, [("a", 3), ("b", 2), ("c", 1), ("d", 1), ("e", 1)]);
    }
}
