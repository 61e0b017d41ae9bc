//! Whose something is that lives at a provider: files, batches, stored responses, and what else has an id there.
//!
//! An id is written down before it reaches the caller, and asked for before it goes back to the provider: what nobody was
//! given, and what somebody else was given, is refused alike. Where the database cannot be asked, the call is refused, too.
//!
//! Not here: where ids stand in requests (`llm`'s `request::reach`) and answers (`llm`'s `made`), and which deployment
//! gets a call that has some (`reach.rs`).

use super::bills::Bills;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_fault::{Fault, codes};
use portcullis_identity::Permit;
use portcullis_model::holding::{Holder, Holding, Kind};
use portcullis_model::{Name, Timestamp};
use portcullis_store::entity::holdings;
use portcullis_store::{Error, Store};
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long an answer of the database is taken for true. What is let go elsewhere goes to the provider for so long, which has
/// it no longer.
const FRESH: Duration = Duration::from_secs(10);
/// How many are remembered; each is a few hundred bytes.
const MOST: usize = 10_000;

/// Whose something is that lives at a provider.
pub(crate) struct Held {
    store: Store,
    known: Cache<Asked, (Arc<Holding>, Timestamp)>,
    /// How often something was let go of: what was looked up meanwhile may have been that.
    released: AtomicU64,
    /// Of which batches it is written down what they used.
    pub(super) bills: Bills,
}

/// Who asks for what.
type Asked = (Holder, Kind, Box<str>);

/// Where something is made, and has to go back to.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// The provider.
    pub(crate) provider: Name,
    /// Which of our keys there, counted from 1.
    pub(crate) key: Option<u16>,
    /// The model there that was asked; empty where none was.
    pub(crate) deployment: String,
    /// The model as the caller asked for it.
    pub(crate) model: Option<Name>,
    /// Whether only that model at the provider can use what is there.
    pub(crate) only_model: bool,
}

impl Account {
    /// Whether it is the same account; models do not matter.
    pub(crate) fn is_with(&self, other: &Self) -> bool {
        self.provider == other.provider && self.key == other.key
    }
}

/// An id that a provider gave.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    /// When the provider forgets it, where it says so.
    pub(crate) expires_at: Option<Timestamp>,
}

impl Given {
    fn to(&self, holder: Holder, account: &Account, now: Timestamp) -> Holding {
        Holding {
            kind: self.kind,
            object: self.id.clone(),
            holder,
            provider: account.provider.clone(),
            key: account.key,
            deployment: account.deployment.clone(),
            model: account.model.clone(),
            created_at: now,
            expires_at: self.expires_at,
        }
    }
}

/// A place in a list. What was there may be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    created_at: Timestamp,
    object: String,
}

impl Mark {
    pub(crate) fn of(holding: &Holding) -> Self {
        Self { created_at: holding.created_at, object: holding.object.clone() }
    }

    /// As callers carry it about: it says nothing that its holder was not told.
    pub(crate) fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}.{}", self.created_at.micros(), self.object))
    }

    /// Reads a token; whoever makes one up sees their own things only.
    pub(crate) fn read(token: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (micros, object) = text.split_once('.')?;
        let created_at = Timestamp::from_micros(micros.parse().ok()?);
        is_keepable(object).then(|| Self { created_at, object: object.to_owned() })
    }
}

impl Held {
    pub(crate) fn new(store: Store) -> Self {
        let bills = Bills::new(store.clone());
        Self { store, known: Cache::new(MOST), released: AtomicU64::new(0), bills }
    }

    /// Writes down that the caller was given these by `account`. To be awaited before the caller sees them.
    ///
    /// What somebody else was given first stays theirs, and an id that cannot be kept is nobody's: no error, since the caller
    /// may well have the rest of its answer.
    ///
    /// # Errors
    /// `store_unavailable`: the database cannot be asked. Nobody holds them then.
    pub(crate) async fn claim(
        &self,
        permit: &Permit,
        account: &Account,
        given: &[Given],
        now: Timestamp,
    ) -> Result<(), Fault> {
        // Nobody is there to come back for what the gateway's own calls make.
        let Some(principal) = permit.principal() else { return Ok(()) };
        let holder = Holder::of(principal);
        let mut holdings: Vec<Holding> = given
            .iter()
            .filter(|given| is_keepable(&given.id))
            .map(|given| given.to(holder, account, now))
            .collect();
        // Ids of two providers may be the same, and what is known may be kept for longer now.
        holdings.retain(|one| {
            let known = self.remembered(&holder, one.kind, &one.object, now);
            known.is_none_or(|known| known.provider != one.provider || known.expires_at != one.expires_at)
        });
        if holdings.is_empty() {
            return Ok(());
        }
        let write = async {
            let mut tx = self.store.begin().await?;
            let taken = holdings::claim(&mut tx, &holdings).await?;
            tx.commit().await?;
            Ok(taken)
        };
        let taken = write.await.map_err(unavailable)?;
        for one in &taken {
            tracing::warn!(kind = one.kind.as_str(), provider = %one.provider, "a provider gave an id that it gave somebody else before; it stays theirs");
        }
        holdings.retain(|one| !taken.contains(one));
        for one in holdings {
            self.remember(holder, one, now);
        }
        Ok(())
    }

    /// What the caller has under an id.
    ///
    /// # Errors
    /// `ai_object_not_found`: nobody was given it, or somebody else was, which is the same. `store_unavailable`: the database
    /// cannot be asked.
    pub(crate) async fn find(
        &self,
        permit: &Permit,
        kind: Kind,
        id: &str,
        now: Timestamp,
    ) -> Result<Arc<Holding>, Fault> {
        let Some(principal) = permit.principal() else { return Err(unknown(kind, id)) };
        let holder = Holder::of(principal);
        if let Some(known) = self.remembered(&holder, kind, id, now) {
            return Ok(known);
        }
        let released = self.released.load(Ordering::SeqCst);
        let found = holdings::find(&self.store, &holder, kind, id, now).await.map_err(unavailable)?;
        let found = found.ok_or_else(|| unknown(kind, id))?;
        if self.released.load(Ordering::SeqCst) != released {
            return Ok(Arc::new(found));
        }
        Ok(self.remember(holder, found, now))
    }

    /// What the caller has of one kind, newest first; `before`: only what is behind this place in that order.
    ///
    /// # Errors
    /// `store_unavailable`.
    pub(crate) async fn list(
        &self,
        permit: &Permit,
        kind: Kind,
        before: Option<&Mark>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Holding>, Fault> {
        let Some(principal) = permit.principal() else { return Ok(Vec::new()) };
        let holder = Holder::of(principal);
        let before = before.map(|mark| (mark.created_at, mark.object.as_str()));
        holdings::list(&self.store, &holder, kind, before, limit, now).await.map_err(unavailable)
    }

    /// The place of one in the caller's list: of the database, since what is remembered of a thing that its caller asked for
    /// again says when that was, and a list would begin anew there.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(crate) async fn mark(
        &self,
        permit: &Permit,
        kind: Kind,
        id: &str,
        now: Timestamp,
    ) -> Result<Mark, Fault> {
        let Some(principal) = permit.principal() else { return Err(unknown(kind, id)) };
        let holder = Holder::of(principal);
        let found = holdings::find(&self.store, &holder, kind, id, now).await.map_err(unavailable)?;
        found.as_ref().map(Mark::of).ok_or_else(|| unknown(kind, id))
    }

    /// The provider has it no longer; another may have one with the same id.
    ///
    /// # Errors
    /// `store_unavailable`: the database cannot be asked. The provider knows better than it then.
    pub(crate) async fn release(
        &self,
        permit: &Permit,
        kind: Kind,
        id: &str,
        provider: &Name,
    ) -> Result<(), Fault> {
        let Some(principal) = permit.principal() else { return Ok(()) };
        let holder = Holder::of(principal);
        let released = holdings::release(&self.store, &holder, kind, id, provider).await;
        // Behind it: whoever looked before it was gone would remember it otherwise.
        self.released.fetch_add(1, Ordering::SeqCst);
        self.known.remove(&(holder, kind, id.into()));
        released.map_err(unavailable).map(drop)
    }

    fn remembered(&self, holder: &Holder, kind: Kind, id: &str, now: Timestamp) -> Option<Arc<Holding>> {
        let (holding, until) = self.known.get(&(*holder, kind, id.into()))?;
        let forgotten = holding.expires_at.is_some_and(|expires| expires <= now);
        (now < until && !forgotten).then_some(holding)
    }

    fn remember(&self, holder: Holder, holding: Holding, now: Timestamp) -> Arc<Holding> {
        let holding = Arc::new(holding);
        let key = (holder, holding.kind, holding.object.as_str().into());
        self.known.insert(key, (holding.clone(), now.plus(FRESH)));
        holding
    }
}

/// Bytes of an id that can be kept.
const LONGEST: usize = portcullis_store::entity::LONGEST_IDENTIFIER;

fn is_keepable(id: &str) -> bool {
    id.len() <= LONGEST && !id.contains('\0')
}

/// Nobody was given it, or somebody else was: whoever asks cannot tell which.
pub(crate) fn unknown(kind: Kind, id: &str) -> Fault {
    let shown: String = id.chars().take(80).collect();
    Fault::new(codes::AI_OBJECT_NOT_FOUND)
        .detail(format!("there is no {} with this id that you may use", words(kind)))
        .context(format!("this principal was given no {} `{}`", kind.as_str(), shown.escape_debug()))
}

/// As callers call it.
fn words(kind: Kind) -> String {
    kind.as_str().replace('_', " ")
}

/// The database's no.
fn unavailable(error: Error) -> Fault {
    match error {
        Error::Unavailable(_) => {
            Fault::new(codes::STORE_UNAVAILABLE).retry_after(Duration::from_secs(1)).source(error)
        }
        error => Fault::new(codes::INTERNAL)
            .context("whose an id is at a provider cannot be read or written")
            .source(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_from_its_own_token_only() {
        for (micros, object) in [(1_700_000_000_000_001, "cachedContents/a.b"), (0, ""), (i64::MIN, "é")] {
            let mark = Mark { created_at: Timestamp::from_micros(micros), object: object.to_owned() };
            assert_eq!(Mark::read(&mark.token()), Some(mark));
        }
        let long = format!("1.{}", "c".repeat(LONGEST + 1));
        for text in ["", "1", "1,a", "x.a", ".a", "9223372036854775808.a", "1.a\0", &long] {
            assert_eq!(Mark::read(&URL_SAFE_NO_PAD.encode(text)), None, "{text}");
        }
        assert_eq!(Mark::read(&URL_SAFE_NO_PAD.encode(b"1.\xff")), None);
        for token in ["cachedContents/c1", "1.a", "MS5h=", "=", "é"] {
            assert_eq!(Mark::read(token), None, "{token}");
        }
    }
}
