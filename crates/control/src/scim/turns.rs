//! Work that may take long: lists whose filter the database cannot be asked, and bulk. A few at a time, fewer of one
//! source, each for a limited time and letting others go on in between: who holds one credential must not be able to keep
//! the control plane, or the database, from everybody else.

use super::failure::{Failure, ScimType};
use crate::places::{Place, Places};
use portcullis_fault::{Fault, codes};
use portcullis_identity::directory::Feed;
use portcullis_model::{Name, TenantId};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// At a time.
const ALL: usize = 4;
/// At a time of one source; waiting ones count.
const EACH: usize = 2;
/// How long somebody waits for a turn.
const WAIT: Duration = Duration::from_secs(5);
/// When to come again.
const AGAIN: Duration = Duration::from_secs(5);
/// How long one works before others may.
const SLICE: Duration = Duration::from_millis(5);

type Source = (TenantId, Name);

/// Who has a turn.
pub(crate) struct Turns {
    all: Semaphore,
    each: Places<Source>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { all: Semaphore::new(ALL), each: Places::new(EACH) }
    }

    /// A turn, for at most `time`.
    ///
    /// # Errors
    /// This source has its turns already; others have all of them.
    pub async fn take(&self, feed: &Feed, time: Duration) -> Result<Turn<'_>, Failure> {
        let busy = |detail: String| {
            Failure::from(Fault::new(codes::TOO_MANY_REQUESTS).detail(detail).retry_after(AGAIN))
        };
        let Some(place) = self.each.take(&(feed.tenant, feed.source.clone())) else {
            return Err(busy(format!(
                "{EACH} long requests of this source are under way; come again when they have ended"
            )));
        };
        let Ok(permit) = tokio::time::timeout(WAIT, self.all.acquire()).await else {
            let detail = "too many long requests of others are under way; come again a little later";
            return Err(busy(detail.to_owned()));
        };
        let permit = permit.map_err(|_| Failure::from(Fault::new(codes::SHUTTING_DOWN)))?;
        let now = Instant::now();
        Ok(Turn { _place: place, _permit: permit, until: now + time, time, pause_at: now + SLICE })
    }
}

/// A turn; over when it goes.
pub struct Turn<'t> {
    _place: Place<'t, Source>,
    _permit: SemaphorePermit<'t>,
    until: Instant,
    time: Duration,
    pause_at: Instant,
}

impl Turn<'_> {
    /// Between two pieces of work: lets others go on now and then.
    ///
    /// # Errors
    /// The time is up.
    pub async fn go_on(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        if now >= self.until {
            let detail = format!(
                "it would take longer than {:?}; filter by `id`, `userName`, `externalId` or `displayName` with `eq`",
                self.time
            );
            return Err(Failure::new(ScimType::TooMany, detail));
        }
        if now >= self.pause_at {
            tokio::task::yield_now().await;
            self.pause_at = Instant::now() + SLICE;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(source: &str) -> Feed {
        let tenant = TenantId::new(portcullis_model::Timestamp::from_seconds(1), [7; 10]);
        Feed { tenant, source: Name::new(source).unwrap() }
    }

    #[tokio::test]
    async fn one_source_has_not_all_turns_and_gets_them_again() {
        let turns = Turns::new();
        let minute = Duration::from_secs(60);
        let (a, b) = (turns.take(&feed("a"), minute).await.ok(), turns.take(&feed("a"), minute).await.ok());
        assert!(a.is_some() && b.is_some());
        let third = turns.take(&feed("a"), minute).await.err().unwrap();
        assert_eq!(third.fault.code(), codes::TOO_MANY_REQUESTS);
        assert!(turns.take(&feed("b"), minute).await.is_ok());
        drop(a);
        assert!(turns.take(&feed("a"), minute).await.is_ok());
        drop(b);
        assert!(turns.each.is_empty(), "nothing is kept of who has none");
    }

    #[tokio::test]
    async fn a_turn_ends() {
        let turns = Turns::new();
        let mut turn = turns.take(&feed("a"), Duration::ZERO).await.ok().unwrap();
        assert_eq!(turn.go_on().await.unwrap_err().kind, Some(ScimType::TooMany));
        let mut turn = turns.take(&feed("a"), Duration::from_secs(60)).await.ok().unwrap();
        assert!(turn.go_on().await.is_ok());
    }
}
